"""What the server does in a second: the running view of `t`, one line each time that somebody asks.

Pure: clocks are handed in. Samples are shared, so that several consoles may look at once, each at its own pace.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lteims import counters
from lteims.clock import Clock

SHORTEST: Final = 0.8  # seconds that a rate is taken over, at least where there is such a sample
LONGEST: Final = 5.0  # seconds; behind that a sample says nothing of now
# Columns: heading, the counters that are added up
COLUMNS: Final = (
    ("REG/s", ("ims_registration",)),
    ("CALL/s", ("ims_call",)),
    ("SMS/s", ("sms_mo", "sms_mt")),
    ("RTP in/s", ("rtp_recv",)),
    ("RTP out/s", ("rtp_send",)),
    ("ERR/s", ("ims_registration_failed", "ims_internal_error", "sip_malformed", "sip_send_failed")),
)
LEVELS: Final = ("CALLS", "API", "CPU %")  # what is now
_WIDTH: Final = 10
_NEAREST: Final = 0.1  # seconds between samples that are kept, however many look


@dataclass(frozen=True, slots=True)
class _Sample:
    time: float  # seconds
    used: float  # seconds of the processor
    sums: tuple[int, ...]


class Rates:
    """The samples."""

    def __init__(self, clock: Clock, cpu: Clock, settle: Callable[[], None], clients: Callable[[], int]) -> None:
        """`cpu` gives the processor time of this process, `settle` brings the counters up to date, `clients` are those
        of the remote API."""
        self._clock = clock
        self._cpu = cpu
        self._settle = settle
        self._clients = clients
        self._samples: deque[_Sample] = deque()

    @staticmethod
    def header() -> str:
        """The line above the lines."""
        return "".join(f"{name:>{_WIDTH}}" for name in (*(name for name, _ in COLUMNS), *LEVELS))

    def line(self) -> str:
        """The rates since a sample of about a second ago; without one, dashes."""
        now = self._sample()
        before = self._before(now)
        calls = counters.get("ims_call") - counters.get("ims_call_ended")
        rates, load = ["-"] * len(COLUMNS), "-"
        if before is not None:
            elapsed = now.time - before.time
            rates = [_shown((a - b) / elapsed) for a, b in zip(now.sums, before.sums, strict=True)]
            load = f"{100 * (now.used - before.used) / elapsed:.1f}"
        return "".join(f"{cell:>{_WIDTH}}" for cell in (*rates, str(calls), str(self._clients()), load))

    def begin(self) -> None:
        """Take a sample for the first line."""
        self._sample()

    def _sample(self) -> _Sample:
        self._settle()
        now = self._clock()
        sample = _Sample(now, self._cpu(), tuple(sum(map(counters.get, names)) for _, names in COLUMNS))
        while self._samples and self._samples[0].time < now - LONGEST:
            self._samples.popleft()
        if not self._samples or now - self._samples[-1].time >= _NEAREST:
            self._samples.append(sample)
        return sample

    def _before(self, now: _Sample) -> _Sample | None:
        """The newest sample that is old enough, else the oldest one."""
        old = [sample for sample in self._samples if sample.time < now.time]
        enough = [sample for sample in old if now.time - sample.time >= SHORTEST]
        return enough[-1] if enough else old[0] if old else None


def _shown(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 100 or rate == int(rate) else f"{rate:.1f}"

"""stats of the remote API (manual 6.5): what the counters have counted since anybody asked the last time.

The counters themselves only grow (counters.py); which of them are errors is decided here.
"""

import re
from typing import Any, Final

from lteims import counters
from lteims.clock import Clock
from lteims.sip.errors import REASONS

_FAULTS: Final = re.compile(r"_(?:\w+_)?(?:error|failed|malformed|refused|dropped|lost|invalid|cut|not_found)\Z")


def _phrase(reason: str) -> str:
    return "sip_" + "".join(c if c.isalnum() else "_" for c in reason.lower().replace("'", ""))


_SIP_ERRORS: Final = frozenset(_phrase(reason) for code, reason in REASONS.items() if code >= 400)


def is_error(name: str) -> bool:
    """Does a counter count what went wrong?"""
    return name in _SIP_ERRORS or bool(_FAULTS.search(f"_{name}"))


class Sampling:
    """What was there at the last time."""

    def __init__(self, clock: Clock, cpu: Clock, instance: str) -> None:
        """`cpu` gives the processor time of this process in seconds, `instance` is constant as long as it lives."""
        self._clock = clock
        self._cpu = cpu
        self._instance = instance
        self._before: dict[str, int] = {}
        self._time = clock()
        self._used = cpu()

    def sample(self) -> dict[str, Any]:
        """The differences since the last sample; a counter that stands still is not shown."""
        now, used = self._clock(), self._cpu()
        elapsed = now - self._time
        load = 100 * (used - self._used) / elapsed if elapsed > 0 else 0.0
        counts = dict(counters.counts)
        new = {name: n - self._before.get(name, 0) for name, n in counts.items() if n != self._before.get(name, 0)}
        self._before, self._time, self._used = counts, now, used
        return {
            "instance_id": self._instance,
            "cpu": {"global": round(load, 3)},
            "counters": {
                "messages": {name: n for name, n in sorted(new.items()) if not is_error(name)},
                "errors": {name: n for name, n in sorted(new.items()) if is_error(name)},
            },
        }

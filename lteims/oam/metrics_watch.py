"""What metrics.py shows and nobody else counts: how long things take, which contacts there are, how calls end.

Listeners of ims/, called a few times for each registration and call; app.py makes them only where metrics are served.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from prometheus_client.core import HistogramMetricFamily

from lteims.clock import Clock
from lteims.ims.record import DialogRecord, DialogState, DialogType
from lteims.ims.session import Session
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.sip.errors import REASONS
from lteims.sip.valid import METHODS

SETUP: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds
ANSWER: Final = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)
LAG: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
LOOK: Final = 0.5  # seconds between looks at the event loop's lag


class Histogram:
    """Counts of values up to each bound."""

    __slots__ = ("_bounds", "_counts", "_name", "_sum", "_text")

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name, self._text = name, text
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value, in seconds."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> HistogramMetricFamily:
        """As Prometheus wants it: each bucket with those below it."""
        found, total = [], 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            found.append((bound, total))
        return HistogramMetricFamily(self._name, self._text, buckets=found, sum_value=self._sum)


class ContactKind(NamedTuple):
    """What contacts are told apart by."""

    transport: str  # udp, tcp
    security: str  # ipsec, none


class Contacts:
    """The contacts that are registered, kept up to date by `subscribers`."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._kinds: dict[str, ContactKind] = {}  # by binding id
        self._users: set[str] = set()
        for subscriber in subscribers:
            for binding in subscriber.bindings:
                self._on_binding(subscriber, binding, "registered")
        subscribers.listeners.append(self._on_binding)

    def _on_binding(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        if event in ("registered", "refreshed"):
            security = "ipsec" if binding.protected else "none"
            self._kinds[binding.id] = ContactKind(binding.flow.transport.lower(), security)
            self._users.add(subscriber.impi)
            return
        self._kinds.pop(binding.id, None)
        if not subscriber.bindings:
            self._users.discard(subscriber.impi)

    def kinds(self) -> dict[ContactKind, int]:
        """How many there are of each kind; those of UDP and TCP in clear are always told."""
        found = {ContactKind(transport, "none"): 0 for transport in ("udp", "tcp")}
        return found | Counter(self._kinds.values())

    def users(self) -> int:
        """How many users have one."""
        return len(self._users)


class CallWatch:
    """How long calls take to be set up, and how they end; a listener of calls.py."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[Session, _Watched] = {}
        self.setup = Histogram("lteims_call_setup_seconds", "Time from INVITE until it rings or is answered", SETUP)
        self.answer = Histogram("lteims_call_answer_seconds", "Time from INVITE until it is answered", ANSWER)
        self.results: dict[tuple[str, str], int] = {}  # by type and code

    def on_call(self, session: Session) -> None:
        """A call has begun, changed its state, or ended."""
        call = self._calls.get(session)
        if call is None:
            record = next((leg.record for leg in session.legs if leg.record is not None), None)
            if record is None or session.ended:
                return
            call = self._calls[session] = _Watched(record)
        record = call.record
        if not call.rang and record.state not in (DialogState.INIT, DialogState.STOP):
            call.rang = True
            self.setup.observe(self._clock() - record.began)
        if not call.answered and record.answered is not None:
            call.answered = True
            self.answer.observe(record.answered - record.began)
        if session.ended:
            del self._calls[session]
            key = (type_label(session.type), _code_of(record))
            self.results[key] = self.results.get(key, 0) + 1


@dataclass(slots=True)
class _Watched:
    """A call, by the record of its first dialog, which its legs let go of at its end."""

    record: DialogRecord
    rang: bool = False
    answered: bool = False


def _code_of(record: DialogRecord) -> str:
    """What the INVITE of a call that is over was answered with; "none" where the caller went before that."""
    if record.answered is not None:
        return "200"
    for event in record.events:
        code, _, method = event.message.partition(" ")
        if method == "INVITE" and code.isdecimal() and int(code) >= 200:
            return code_label(int(code))
    return "none"


def type_label(type: DialogType) -> str:
    """What a dialog belongs to, as a label."""
    return type.value.replace(" ", "_")


def code_label(code: int) -> str:
    """A status code as a label of few values: those that nobody knows are one for each class."""
    return str(code) if code in REASONS else f"{code // 100}xx"


class Refusals:
    """Requests that the server itself has refused; told by pcscf.py."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}  # by method and code

    def on_refused(self, method: str, code: int) -> None:
        """Count one."""
        key = (method if method in METHODS else "other", code_label(code))
        self.counts[key] = self.counts.get(key, 0) + 1


class LoopLag:
    """How late the event loop is: what waits that long waits for the processor."""

    def __init__(self, clock: Clock, call_at: Callable[[float, Callable[[], None]], object]) -> None:
        self._clock = clock
        self._call_at = call_at
        self._due = 0.0
        self._stopped = False
        self.histogram = Histogram("lteims_event_loop_lag_seconds", "How late the event loop runs what is due", LAG)

    def start(self) -> None:
        """Look from now on."""
        self._due = self._clock() + LOOK
        self._call_at(self._due, self._look)

    def _look(self) -> None:
        if not self._stopped:
            self.histogram.observe(max(0.0, self._clock() - self._due))
            self.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True

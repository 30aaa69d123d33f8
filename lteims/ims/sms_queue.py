"""The queue of short messages to one user, as a machine (TS 23.040 3.2.7, TS 24.341 5.3.3.4): one at a time, in order.

Pure: `handle(event)` returns actions; sms_delivery.py carries them out. What is in the queue is on disk; how far the
delivery of the first message has come is not, so that after a restart it begins again.
"""

from dataclasses import dataclass
from enum import StrEnum

from lteims.trace import DEBUG, IMS, log


class S(StrEnum):
    """The states of a queue."""

    IDLE = "idle"  # nothing to deliver
    SENDING = "sending"  # the first message is on its way, nobody has answered
    REPORT = "report"  # it has arrived, the phone's RP-ACK is waited for
    PARTS = "parts"  # it is a part, and who reads text waits for the others
    PAUSED = "paused"  # the last try failed; another one later, or when the user registers
    FULL = "full"  # the phone has no room; RP-SMMA, or another try later


# --- events


@dataclass(frozen=True, slots=True)
class Added:
    """A message to deliver."""

    id: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A message is to be delivered no more: expired, deleted, flushed, or read together with another part."""

    id: str


@dataclass(frozen=True, slots=True)
class Reachable:
    """The user has registered, or is seen: try at once."""


@dataclass(frozen=True, slots=True)
class MemoryAvailable:
    """RP-SMMA: the phone has room again."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The transport has handed the first message over."""


@dataclass(frozen=True, slots=True)
class Done:
    """The first message is settled: the phone has taken it, or it refuses it for good, or its time is over.

    A report that comes late, or twice, names a message that is no longer the first, and changes nothing.
    """

    id: str


@dataclass(frozen=True, slots=True)
class Full:
    """The phone does not take the first message, since it has no room (RP-ERROR 22)."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be handed over, or the phone does not take it now."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The user has no contact that could take it: nothing to try before there is one."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Parts of the first message are missing; in `wait` seconds it goes without them."""

    wait: float


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer of the state has run out."""


Event = (
    Added | Removed | Reachable | MemoryAvailable | Arrived | Done | Full | Failed | Absent | Incomplete | TimerFired
)  # fmt: skip

# --- actions


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send the message."""

    id: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """The timer of the state; replaces the one before."""

    delay: float


@dataclass(frozen=True, slots=True)
class SetRetryTimer:
    """The timer of the state, for as long as sms_retry_delay says, which may change while it runs."""


@dataclass(frozen=True, slots=True)
class ClearTimer:
    """No timer."""


Action = Attempt | SetTimer | SetRetryTimer | ClearTimer

SEND_TIME = 130.0  # seconds that a transport may take; its own timers are shorter
REPORT_TIME = 40.0  # TR1N, 35 to 45 s (TS 24.011 10.3)


class SmsQueue:
    """The messages to one user."""

    __slots__ = ("id", "state", "waiting")

    def __init__(self, id: str) -> None:
        self.id = id
        self.state = S.IDLE
        self.waiting: list[str] = []  # a deque takes ten times the memory, and 100,000 users may have one each

    @property
    def first(self) -> str:
        """The message that is delivered before all others; "" if there is none."""
        return self.waiting[0] if self.waiting else ""

    @property
    def under_way(self) -> bool:
        """Has the first message been sent, or is about to be, so that what the phone says of it counts?"""
        return self.state in (S.SENDING, S.REPORT)

    def handle(self, event: Event) -> list[Action]:
        """The actions for one event, in order."""
        match self.state, event:
            case S.IDLE | S.PARTS, Added(id):
                self.waiting.append(id)
                return self._next()
            case _, Added(id):
                self.waiting.append(id)
            case S.SENDING | S.REPORT, Removed(id) if id == self.first:
                pass
            case _, Removed(id):
                return self._removed(id)
            case _, Done(id) if self.waiting and id == self.first:  # it may overtake the 200, or come late
                del self.waiting[0]
                return self._next()
            case S.PAUSED, Reachable() | MemoryAvailable() | TimerFired():
                return self._next()
            case S.FULL, MemoryAvailable() | TimerFired():
                return self._next()
            case S.PARTS, TimerFired():
                return self._next()
            case S.SENDING, Arrived():
                return self._to(S.REPORT, SetTimer(REPORT_TIME))
            case S.SENDING, Incomplete(wait):
                return self._to(S.PARTS, SetTimer(wait))
            case S.SENDING, Absent():
                return self._to(S.PAUSED, ClearTimer())
            case S.SENDING | S.REPORT | S.PAUSED, Full():
                return self._to(S.FULL, SetRetryTimer())
            case S.SENDING | S.REPORT, Failed() | TimerFired():
                return self._to(S.PAUSED, SetRetryTimer())
        return []

    def _removed(self, id: str) -> list[Action]:
        first = id == self.first
        try:
            self.waiting.remove(id)
        except ValueError:
            return []
        if not self.waiting:
            return self._to(S.IDLE, ClearTimer())
        return self._next() if first and self.state is S.PARTS else []

    def _next(self) -> list[Action]:
        if not self.waiting:
            return self._to(S.IDLE, ClearTimer())
        return self._to(S.SENDING, SetTimer(SEND_TIME), Attempt(self.waiting[0]))

    def _to(self, state: S, *actions: Action) -> list[Action]:
        if IMS.level >= DEBUG and state is not self.state:
            log(IMS, DEBUG, f"SMS queue {self.state} -> {state}", id=self.id)
        self.state = state
        return list(actions)

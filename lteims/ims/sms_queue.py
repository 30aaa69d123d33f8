"""The queue of short messages to one user, as a machine (TS 23.040 3.2.7, TS 24.341 5.3.3.4): one at a time, in order.

Pure: `handle(event)` returns actions; ipsmgw.py carries them out. What is in the queue is on disk; how far the
delivery of the first message has come is not, so that after a restart it begins again.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from lteims.trace import DEBUG, IMS, log


class S(StrEnum):
    """The states of a queue."""

    IDLE = "idle"  # nothing to deliver
    SENDING = "sending"  # the first message is on its way, nobody has answered
    REPORT = "report"  # it has arrived, the phone's RP-ACK is waited for
    PAUSED = "paused"  # the last try failed; another one later, or when the user registers
    FULL = "full"  # the phone has no room; RP-SMMA, or another try later


# --- events


@dataclass(frozen=True, slots=True)
class Added:
    """A message to deliver."""

    id: str


@dataclass(frozen=True, slots=True)
class Removed:
    """A message is to be delivered no more: expired, deleted, flushed."""

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
class Reported:
    """The phone has taken it: RP-ACK, or the 200 of one that knows no RP-ACK."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The phone does not take it: RP-ERROR. `forever`: another try would end likewise; `full`: it has no room."""

    forever: bool
    full: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be handed over."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer of the state has run out."""


Event = Added | Removed | Reachable | MemoryAvailable | Arrived | Reported | Refused | Failed | TimerFired

# --- actions


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send the message."""

    id: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is the phone's now: forget it."""

    id: str


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """The phone has refused it for good: forget it."""

    id: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """The timer of the state; replaces the one before."""

    delay: float


@dataclass(frozen=True, slots=True)
class ClearTimer:
    """No timer."""


Action = Attempt | Delivered | Undeliverable | SetTimer | ClearTimer

SEND_TIME = 130.0  # seconds that a transport may take; its own timers are shorter
REPORT_TIME = 40.0  # TR1N, 35 to 45 s (TS 24.011 10.3)


class SmsQueue:
    """The messages to one user; `retry` is the delay between two tries in seconds."""

    __slots__ = ("id", "retry", "state", "waiting")

    def __init__(self, id: str, retry: float) -> None:
        self.id = id
        self.retry = retry
        self.state = S.IDLE
        self.waiting: deque[str] = deque()

    def handle(self, event: Event) -> list[Action]:
        """The actions for one event, in order."""
        match self.state, event:
            case S.IDLE, Added(id):
                self.waiting.append(id)
                return self._next()
            case _, Added(id):
                self.waiting.append(id)
            case S.SENDING | S.REPORT, Removed(id) if self._is_first(id):
                pass  # it is under way: what the phone says of it counts
            case S.IDLE, Removed():
                pass
            case _, Removed(id):
                if id in self.waiting:
                    self.waiting.remove(id)
                if not self.waiting and self.state in (S.PAUSED, S.FULL):
                    return self._to(S.IDLE, ClearTimer())
            case S.PAUSED, Reachable() | MemoryAvailable() | TimerFired():
                return self._next()
            case S.FULL, MemoryAvailable() | TimerFired():
                return self._next()
            case S.SENDING, Arrived():
                return self._to(S.REPORT, SetTimer(REPORT_TIME))
            case S.SENDING | S.REPORT, Reported():  # the report may overtake the answer to the MESSAGE
                return [Delivered(self.waiting.popleft()), *self._next()]
            case S.SENDING | S.REPORT, Refused(forever=True):
                return [Undeliverable(self.waiting.popleft()), *self._next()]
            case S.SENDING | S.REPORT, Refused(full=True):
                return self._to(S.FULL, SetTimer(self.retry))
            case S.SENDING | S.REPORT, Refused() | Failed() | TimerFired():
                return self._to(S.PAUSED, SetTimer(self.retry))
        return []

    def _is_first(self, id: str) -> bool:
        return bool(self.waiting) and self.waiting[0] == id

    def _next(self) -> list[Action]:
        if not self.waiting:
            return self._to(S.IDLE, ClearTimer())
        return self._to(S.SENDING, SetTimer(SEND_TIME), Attempt(self.waiting[0]))

    def _to(self, state: S, *actions: Action) -> list[Action]:
        if IMS.level >= DEBUG and state is not self.state:
            log(IMS, DEBUG, f"SMS queue {self.state} -> {state}", id=self.id)
        self.state = state
        return list(actions)

"""The words of the four SIP transaction machines: states, events, actions, timer values (RFC 3261 17, RFC 6026).

The machines are in uas_transaction.py and uac_transaction.py; they know no message class, so a request or response
travels through as Any (mypyc takes no `object`) or as encoded bytes. net/sip.py feeds the events and carries out the
actions in order.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from lteims.trace import DEBUG, SIP, log


class State(StrEnum):
    """The states of figures 5 to 8 of RFC 3261, and Accepted of RFC 6026."""

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    ACCEPTED = "Accepted"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    TERMINATED = "Terminated"


# --- events -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Retransmitted:
    """To a server: the request came again."""


@dataclass(frozen=True, slots=True)
class Acked:
    """To an INVITE server: an ACK that matches the transaction."""

    request: Any


@dataclass(init=False, slots=True)  # each answer takes one: a frozen one is four times as dear to make
class Respond:
    """To a server, from the TU: a response, already encoded."""

    code: int
    data: bytes

    def __init__(self, code: int, data: bytes) -> None:
        self.code = code
        self.data = data


@dataclass(frozen=True, slots=True)
class Answered:
    """To a client: a response from the wire."""

    code: int
    response: Any


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer of an earlier SetTimer ran out; `FIRED[name]` holds one instance of each."""

    name: str


@dataclass(frozen=True, slots=True)
class TransportError:
    """The transport gave up sending, after the backups of RFC 3263 (RFC 3261 17.1.4, 17.2.4)."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """To an INVITE client, from the TU: no final response came 64*T1 after a CANCEL (RFC 3261 9.1)."""


# --- actions ----------------------------------------------------------------------------------------------------


@dataclass(init=False, slots=True)  # as Respond
class Send:
    """Pass these bytes to the transport; a retransmission is the very same object again."""

    data: bytes

    def __init__(self, data: bytes) -> None:
        self.data = data


@dataclass(frozen=True, slots=True)
class SendAck:
    """Build the ACK to this non-2xx response from the request that was sent, and send it (RFC 3261 17.1.1.3)."""

    response: Any


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed TimerFired(name) in `delay` seconds. A timer is never withdrawn: one that comes too late is ignored."""

    name: str
    delay: float


@dataclass(frozen=True, slots=True)
class Deliver:
    """Pass this message to the TU."""

    message: Any


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Tell the TU that no final response (client: B, F) or no ACK (server: H) came in time."""


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """Tell the TU that the transport failed; Terminated follows where the transaction ends by it."""


@dataclass(frozen=True, slots=True)
class Terminated:
    """Forget the transaction and its timers. Always the last action, and given once in a machine's life."""


Event = Retransmitted | Acked | Respond | Answered | TimerFired | TransportError | Abandoned
Action = Send | SendAck | SetTimer | Deliver | TimedOut | TransportFailed | Terminated

# Immutable and without content: one instance serves all.
RETRANSMITTED: Final = Retransmitted()
TRANSPORT_ERROR = TransportError()
ABANDONED = Abandoned()
TIMED_OUT: Final = TimedOut()
TRANSPORT_FAILED: Final = TransportFailed()
TERMINATED: Final = Terminated()
FIRED: Final[dict[str, TimerFired]] = {name: TimerFired(name) for name in "ABDEFGHIJKLM"}

_D_MINIMUM = 32.0  # seconds; the peer's timer H is not known to be ours (RFC 3261 17.1.1.2)


@dataclass(frozen=True, slots=True)
class Timings:
    """T1, T2 and T4 in seconds (RFC 3261 table 4), and from them the first setting of each timer by its letter.

    D, I, J and K are the values for an unreliable transport; with a reliable one they are 0.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    a: SetTimer = field(init=False, repr=False, compare=False)
    b: SetTimer = field(init=False, repr=False, compare=False)
    d: SetTimer = field(init=False, repr=False, compare=False)
    e: SetTimer = field(init=False, repr=False, compare=False)
    f: SetTimer = field(init=False, repr=False, compare=False)
    g: SetTimer = field(init=False, repr=False, compare=False)
    h: SetTimer = field(init=False, repr=False, compare=False)
    i: SetTimer = field(init=False, repr=False, compare=False)
    j: SetTimer = field(init=False, repr=False, compare=False)
    k: SetTimer = field(init=False, repr=False, compare=False)
    l: SetTimer = field(init=False, repr=False, compare=False)  # noqa: E741 (the RFC's letter)
    m: SetTimer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        delays = dict.fromkeys("bfhjlm", 64 * self.t1) | dict.fromkeys("ik", self.t4)
        # The first wait of E and G is MIN(T1, T2) in effect; A alone is not capped (17.1.1.2, 17.1.2.2, 17.2.1).
        delays |= {"a": self.t1, "e": min(self.t1, self.t2), "g": min(self.t1, self.t2)}
        delays["d"] = max(_D_MINIMUM, 64 * self.t1)
        for letter, delay in delays.items():
            object.__setattr__(self, letter, SetTimer(letter.upper(), delay))


class Transaction:
    """What the four machines share: the state, the one place that changes it, and the wait for strays.

    `id` is only the id column of the log lines.
    """

    __slots__ = ("id", "reliable", "state", "timings")

    def __init__(self, state: State, timings: Timings, reliable: bool, id: str) -> None:
        self.state = state
        self.timings = timings
        self.reliable = reliable
        self.id = id

    def _to(self, state: State, *actions: Action) -> list[Action]:
        if SIP.level >= DEBUG:
            log(SIP, DEBUG, f"{type(self).__name__} {self.state} -> {state}", id=self.id)
        self.state = state
        if state is State.TERMINATED:
            return [*actions, TERMINATED]
        return list(actions)

    def _linger(self, state: State, timer: SetTimer, *actions: Action) -> list[Action]:
        """Enter a state that only waits for strays; a reliable transport brings none, so its timer is 0."""
        if self.reliable:
            self._to(state)
            return self._to(State.TERMINATED, *actions)
        return self._to(state, *actions, timer)

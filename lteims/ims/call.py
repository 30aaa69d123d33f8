"""One call as a machine (TS 24.229 5.7, RFC 3261 13 to 15 at a B2BUA): what the caller's leg and the callee's do.

Pure: `handle(event)` returns actions; calls.py carries them out on two legs, or on one leg and the echo. The
arrows are drawn as ladders in tests/flows/test_call.py.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from lteims.trace import DEBUG, IMS, log


class S(StrEnum):
    """The states of a call; the first four are the remote API's words for a dialog."""

    INIT = "init"
    RINGING = "ringing"
    START = "start"
    STOP = "stop"
    CANCELLING = "cancelling"  # the caller is gone, the callee has not answered the CANCEL yet


# --- events


@dataclass(frozen=True, slots=True)
class Progress:
    """The callee sent a provisional response above 100."""

    code: int
    reason: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """The callee sent the 2xx."""

    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The callee sent a final error, or did not answer at all."""

    code: int
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    why: str = ""  # in words, for the log


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller sent CANCEL."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Acked:
    """The caller acknowledged the 2xx."""

    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HungUp:
    """A leg sent BYE: 0 is the caller's, 1 the callee's."""

    side: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """The server ends the call: ring timer, no ACK, no activity, the operator. `code` answers an open INVITE."""

    why: str
    code: int = 480


Event = Progress | Answered | Refused | Cancelled | Acked | HungUp | Stop

# --- actions


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the caller's INVITE."""

    code: int
    reason: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AckCallee:
    """Acknowledge the callee's 2xx."""

    body: bytes = b""


@dataclass(frozen=True, slots=True)
class CancelCallee:
    """CANCEL the INVITE to the callee."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Bye:
    """Hang up on a side."""

    side: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is left to do: the media is closed and the call forgotten."""

    why: str


Action = Respond | AckCallee | CancelCallee | Bye | End

MO, MT = 0, 1


class Call:
    """The machine of one call."""

    __slots__ = ("_acked", "id", "state", "why")

    def __init__(self, id: str) -> None:
        self.id = id
        self.state = S.INIT
        self.why = ""
        self._acked = False  # has the callee's 2xx been acknowledged?

    def handle(self, event: Event) -> list[Action]:
        """The actions for one event, in order."""
        match self.state, event:
            case S.INIT | S.RINGING, Progress(code, reason, body, headers):
                return self._to(S.RINGING, Respond(code, reason, body, headers))
            case S.INIT | S.RINGING, Answered(body, headers):
                return self._to(S.START, Respond(200, "", body, headers))
            case S.INIT | S.RINGING, Refused(code, reason, headers, why):
                self.why = f"refused with {code}{why and ': '}{why}"
                return self._to(S.STOP, Respond(code, reason, b"", headers), End(self.why))
            case S.INIT | S.RINGING, Cancelled(reason) | HungUp(0, reason):  # BYE in the early dialog: RFC 3261 15
                self.why = "cancelled"
                return self._to(S.CANCELLING, Respond(487), CancelCallee(reason))
            case S.INIT | S.RINGING, HungUp(1):
                self.why = "the callee hung up before answering"
                return self._to(S.CANCELLING, Respond(480), CancelCallee())
            case S.INIT | S.RINGING, Stop(why, code):
                self.why = why
                return self._to(S.CANCELLING, Respond(code), CancelCallee())
            case S.CANCELLING, Answered():  # RFC 3261 9.1: the 2xx has crossed the CANCEL
                return self._to(S.STOP, AckCallee(), Bye(MT), End(self.why))
            case S.CANCELLING, Refused() | Stop():
                return self._to(S.STOP, End(self.why))
            case S.START, Acked(body):
                if self._acked:
                    return []
                self._acked = True
                return [AckCallee(body)]
            case S.START, HungUp(side, reason):
                self.why = "the caller hung up" if side == MO else "the callee hung up"
                return self._to(S.STOP, *self._ack_first(), Bye(1 - side, reason), End(self.why))
            case S.START, Stop(why):
                self.why = why
                return self._to(S.STOP, *self._ack_first(), Bye(MO), Bye(MT), End(why))
        return []

    def _ack_first(self) -> list[Action]:
        """A 2xx is acknowledged before the BYE (RFC 3261 15)."""
        if self._acked:
            return []
        self._acked = True
        return [AckCallee()]

    def _to(self, state: S, *actions: Action) -> list[Action]:
        if IMS.level >= DEBUG and state is not self.state:
            log(IMS, DEBUG, f"call {self.state} -> {state}", id=self.id)
        self.state = state
        return list(actions)

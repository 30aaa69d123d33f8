"""One call as a machine (TS 24.229 5.7, RFC 3261 13 to 15 at a B2BUA): the caller, and the branches to the callee.

Pure: `handle(event)` returns actions; call_driver.py carries them out on legs, or on the server's own end. A branch
is one contact of the callee, or one more phone that answers behind it. The arrows are in tests/flows/test_call.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lteims.trace import DEBUG, IMS, log


class S(StrEnum):
    """The states of a call."""

    INIT = "init"
    RINGING = "ringing"
    START = "start"
    STOP = "stop"
    CANCELLING = "cancelling"  # the caller is gone, the callee has not answered the CANCEL yet


class B(StrEnum):
    """The states of a branch."""

    WAITING = "waiting"  # its turn has not come
    OPEN = "open"  # invited
    CANCELLING = "cancelling"
    OVER = "over"


# --- events


@dataclass(frozen=True, slots=True)
class Begin:
    """The call is ready to go."""


@dataclass(frozen=True, slots=True)
class Forked:
    """Another phone behind branch `of` has answered the same INVITE: it is branch `branch`."""

    branch: int
    of: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The callee sent a provisional response above 100."""

    code: int
    reason: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    branch: int = 0
    reliable: bool = False  # shall the caller acknowledge it?


@dataclass(frozen=True, slots=True)
class Answered:
    """The callee sent the 2xx."""

    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    branch: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """The callee sent a final error, or did not answer at all."""

    code: int
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    why: str = ""  # in words, for the log
    branch: int = 0


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The server gives up one branch, whose phone is gone or unheard; `code` is what it counts as."""

    branch: int
    code: int
    why: str


@dataclass(frozen=True, slots=True)
class NextGroup:
    """Those who ring have rung long enough: the next contacts' turn, if there are any."""


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
    """A leg sent BYE: side 0 is the caller's, 1 the callee's."""

    side: int
    reason: str = ""
    branch: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """The server ends the call: ring timer, no ACK, no activity, the operator. `code` answers an open INVITE."""

    why: str
    code: int = 480


Event = Begin | Forked | Progress | Answered | Refused | GivenUp | NextGroup | Cancelled | Acked | HungUp | Stop

# --- actions


@dataclass(frozen=True, slots=True)
class Invite:
    """Call the callee on this branch."""

    branch: int


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the caller's INVITE, in the early dialog of this branch."""

    code: int
    reason: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    branch: int = 0
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class EarlyOver:
    """This early dialog will not be the call: 199 for a caller who wants to know (RFC 6228)."""

    branch: int
    code: int


@dataclass(frozen=True, slots=True)
class AckCallee:
    """Acknowledge the callee's 2xx."""

    body: bytes = b""
    branch: int = 0


@dataclass(frozen=True, slots=True)
class CancelCallee:
    """CANCEL the INVITE to the callee."""

    reason: str = ""
    branch: int = 0


@dataclass(frozen=True, slots=True)
class Bye:
    """Hang up on a side."""

    side: int
    reason: str = ""
    branch: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """Nothing is left to do: the media is closed and the call forgotten."""

    why: str


Action = Invite | Respond | EarlyOver | AckCallee | CancelCallee | Bye | End

MO, MT = 0, 1
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'  # RFC 3326 2
UNMET = 'SIP;cause=580;text="Precondition Failure"'
NO_BEARER = 'SIP;cause=503;text="Service Unavailable"'  # TS 24.229 5.2.8.1.2: the network has taken the bearer
_LAST_CHOICE = (408, 480, 487)  # who was just not there says less than who refused


class Call:
    """The machine of one call. `groups` are the branches that are called together, in the order of their turns.

    `id` is for the log: that of the binding that it concerns (manual 8.1).
    """

    __slots__ = ("_acked", "_best", "_turns", "branches", "id", "state", "why", "winner")

    def __init__(self, id: str, groups: Sequence[Sequence[int]] = ((0,),)) -> None:
        self.id = id
        self.state = S.INIT
        self.why = ""
        self.winner: int | None = None
        self.branches: dict[int, B] = {n: B.WAITING for group in groups for n in group}
        self._turns = [list(group) for group in groups]
        self._best: Refused | None = None
        self._acked = False  # has the winner's 2xx been acknowledged?

    @property
    def early(self) -> bool:
        """Is it still to be answered?"""
        return self.state in (S.INIT, S.RINGING)

    def handle(self, event: Event) -> list[Action]:
        """The actions for one event, in order."""
        match self.state, event:
            case S.STOP, _:  # whoever answers now is acknowledged and hung up by calls.py
                pass
            case S.INIT, Begin() if self._turns:
                return self._invite_next()
            case S.INIT | S.RINGING, Forked(n, of) if self.branches.get(of) is B.OPEN:
                self.branches[n] = B.OPEN
            case _, Forked(n, _):  # too late to be the call
                self.branches[n] = B.CANCELLING
            case S.INIT | S.RINGING, Progress(code, reason, body, headers, n, reliable) if self._is(n, B.OPEN):
                return self._to(S.RINGING, Respond(code, reason, body, headers, n, reliable))
            case S.INIT | S.RINGING, Answered(body, headers, n) if self._is(n, B.OPEN):
                self.winner = n
                self.branches[n] = B.OVER
                return self._to(S.START, Respond(200, "", body, headers, n), *self._cancel_open(ELSEWHERE))
            case S.INIT | S.RINGING, Refused() if self._is(event.branch, B.OPEN):
                return self._refused(event)
            case S.INIT | S.RINGING, HungUp(1, _, n) if self._is(n, B.OPEN):
                return self._lost(Refused(480, why="the callee hung up before answering", branch=n))
            case S.INIT | S.RINGING, GivenUp(n, code, why) if self._is(n, B.OPEN):
                return self._lost(Refused(code, why=why, branch=n))
            case S.INIT | S.RINGING, NextGroup() if self._turns:
                over = [EarlyOver(n, 487) for n in self._open()]
                return [*self._cancel_open(), *over, *self._invite_next()]
            case S.INIT | S.RINGING, Cancelled(reason) | HungUp(0, reason):  # BYE in the early dialog: RFC 3261 15
                return self._give_up("cancelled", 487, reason)
            case S.INIT | S.RINGING, Stop(why, code):
                return self._give_up(why, code, UNMET if code == 580 else "")
            # a branch that was given up answers all the same: RFC 3261 9.1, 13.2.2.4, 16.7
            case _, Answered(branch=n) if self._is(n, B.CANCELLING):
                return [AckCallee(b"", n), Bye(MT, "", n), *self._over(n)]
            case _, Refused(branch=n) if self._is(n, B.CANCELLING):
                return self._over(n)
            case S.CANCELLING, Stop():
                return self._to(S.STOP, End(self.why))
            case S.START, Cancelled(reason):  # our 2xx has not left yet: it waits for a PRACK
                self.why = "cancelled"
                return self._end(Respond(487, branch=self._winner), *self._ack_first(), Bye(MT, reason, self._winner))
            case S.START, Acked(body):
                if self._acked:
                    return []
                self._acked = True
                return [AckCallee(body, self._winner)]
            case S.START, HungUp(side, reason, n) if side == MO or n == self.winner:
                self.why = "the caller hung up" if side == MO else "the callee hung up"
                return self._end(*self._ack_first(), Bye(1 - side, reason, self._winner))
            case S.START, Stop(why, code):
                self.why = why
                reason = {503: NO_BEARER, 580: UNMET}.get(code, "")
                return self._end(*self._ack_first(), Bye(MO, reason, self._winner), Bye(MT, reason, self._winner))
        return []

    # -- small steps
    @property
    def _winner(self) -> int:
        return self.winner or 0

    def _is(self, branch: int, state: B) -> bool:
        return self.branches.get(branch) is state

    def _open(self) -> list[int]:
        return [n for n, state in self.branches.items() if state is B.OPEN]

    def _invite_next(self) -> list[Action]:
        turn = self._turns.pop(0)
        for n in turn:
            self.branches[n] = B.OPEN
        return [Invite(n) for n in turn]

    def _cancel_open(self, reason: str = "") -> list[Action]:
        found = self._open()
        for n in found:
            self.branches[n] = B.CANCELLING
        return [CancelCallee(reason, n) for n in found]

    def _give_up(self, why: str, code: int, reason: str) -> list[Action]:
        """The caller or the server ends a call that nobody has answered."""
        self.why = why
        actions: list[Action] = [Respond(code), *self._cancel_open(reason)]
        if B.CANCELLING in self.branches.values():
            return self._to(S.CANCELLING, *actions)
        return self._to(S.STOP, *actions, End(why))

    def _refused(self, refused: Refused, *, cancelling: bool = False) -> list[Action]:
        """RFC 3261 16.7: the call goes on while somebody may still answer; a 6xx is the last word of all."""
        n = refused.branch
        self.branches[n] = B.CANCELLING if cancelling else B.OVER
        if self._best is None or _rank(refused) < _rank(self._best):
            self._best = refused
        if refused.code >= 600:
            self._turns.clear()
            cancelled = self._cancel_open()
            return [*cancelled, *self._give_answer()]
        if self._open():
            return [EarlyOver(n, refused.code)]
        if self._turns:
            return [EarlyOver(n, refused.code), *self._invite_next()]
        return self._give_answer()

    def _lost(self, refused: Refused) -> list[Action]:
        """As a refusal, but the INVITE is still open."""
        return [*self._refused(refused, cancelling=True), CancelCallee("", refused.branch)]

    def _give_answer(self) -> list[Action]:
        best = self._best
        assert best is not None
        self.why = f"refused with {best.code}{best.why and ': '}{best.why}"
        respond = Respond(best.code, best.reason, b"", best.headers, best.branch)
        if B.CANCELLING in self.branches.values():
            return self._to(S.CANCELLING, respond)
        return self._to(S.STOP, respond, End(self.why))

    def _over(self, branch: int) -> list[Action]:
        """A branch that was given up has had its last word; the call ends with the last of them."""
        self.branches[branch] = B.OVER
        if self.state is S.CANCELLING and B.CANCELLING not in self.branches.values():
            return self._to(S.STOP, End(self.why))
        return []

    def _end(self, *actions: Action) -> list[Action]:
        return self._to(S.STOP, *actions, End(self.why))

    def _ack_first(self) -> list[Action]:
        """A 2xx is acknowledged before the BYE (RFC 3261 15)."""
        if self._acked:
            return []
        self._acked = True
        return [AckCallee(b"", self._winner)]

    def _to(self, state: S, *actions: Action) -> list[Action]:
        if IMS.level >= DEBUG and state is not self.state:
            log(IMS, DEBUG, f"call {self.state} -> {state}", id=self.id)
        self.state = state
        return list(actions)


def _rank(refused: Refused) -> tuple[int, bool, int]:
    """The better answer comes first: 6xx, then the lowest class, who refused before who was not there."""
    code = refused.code
    return (0 if code >= 600 else code // 100, code in _LAST_CHOICE, 0)


def groups_of(sizes: Iterable[int]) -> list[list[int]]:
    """Branch numbers for groups of so many contacts: [2, 1] -> [[0, 1], [2]]."""
    groups: list[list[int]] = []
    first = 0
    for size in sizes:
        groups.append(list(range(first, first + size)))
        first += size
    return groups

"""The SA sets of one phone as a machine (TS 33.203 7.4, TS 24.229 5.2.2.2): temporary, established, old, closing.

Pure: `handle(event, now)` returns actions; ims/security.py carries them out with net/xfrm.py or net/esp.py. `now` is in
seconds of any clock that never goes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lteims.ipsec.sa import Sa
from lteims.trace import DEBUG, IMS, log

TEMPORARY_TIME: Final = 240.0  # seconds: reg-await-auth (TS 24.229 table 7.8.1)
LONGER_THAN_REGISTRATION: Final = 30.0  # seconds (TS 33.203 7.4.1)
GRACE: Final = 32.0  # seconds in which answers, and requests on their way, still pass a set that is given up


class S(StrEnum):
    """The states of one set."""

    NEW = "new"  # not installed yet
    TEMPORARY = "temporary"  # the 401 has left; only a REGISTER may use it
    ESTABLISHED = "established"  # the phone has proven itself
    OLD = "old"  # a newer set is established, and the phone may not know it yet
    CLOSING = "closing"  # the phone has left, or is refused: its answer still has to arrive
    GONE = "gone"


@dataclass(slots=True, eq=False)
class SaSet:
    """The four SAs of one agreement: UE uc to our ps and back, our pc to UE us and back (TS 33.203 7.1)."""

    id: int  # our SPI-S, by which the log names the set
    impi: str
    host: str  # the phone's
    port_uc: int
    port_us: int
    port_ps: int
    port_pc: int
    sas: tuple[Sa, Sa, Sa, Sa]
    security_server: str  # as the 401 carried it, and Security-Verify must repeat it
    nonce: str  # of the challenge whose CK and IK these are
    security_client: str = ""  # as the first REGISTER carried it, and the second must repeat it
    state: S = S.NEW
    until: float = 0.0  # the end of its life in this state
    proven: bool = False  # has the phone ever shown by it that it knows RES?

    @property
    def algorithms(self) -> str:
        """For the log."""
        return f"{self.sas[0].aalg}, {self.sas[0].ealg}"

    @property
    def phone_spis(self) -> tuple[int, int]:
        """Those that the phone gave out."""
        return self.sas[1].spi, self.sas[2].spi

    def collides(self, other: "SaSet") -> bool:
        """Could a packet of one be taken for one of the other: one SPI at one receiver, or the same pair of ports?"""
        mine = {(sa.dst, sa.spi) for sa in self.sas} | {(sa.src, sa.sport, sa.dst, sa.dport) for sa in self.sas}
        return any(
            (sa.dst, sa.spi) in mine or (sa.src, sa.sport, sa.dst, sa.dport) in mine for sa in other.sas
        )  # fmt: skip


# --- events


@dataclass(frozen=True, slots=True)
class Challenged:
    """A 401 with Security-Server is about to leave."""

    set: SaSet


@dataclass(frozen=True, slots=True)
class Registered:
    """A REGISTER by this set is about to be answered 200; the binding lasts `expires` seconds."""

    set: SaSet
    expires: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A REGISTER by this set is about to be answered with a failure."""

    set: SaSet


@dataclass(frozen=True, slots=True)
class Left:
    """The phone has no binding any more: de-registered by either side, or expired."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time of a set is over, or would have been."""

    set: SaSet


Event = Challenged | Registered | Refused | Left | TimerFired

# --- actions


@dataclass(frozen=True, slots=True)
class Install:
    """Put the four SAs into the kernel, or into ours."""

    set: SaSet


@dataclass(frozen=True, slots=True)
class Remove:
    """Take them out; `why` in words."""

    set: SaSet
    why: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Look again at this time."""

    set: SaSet
    at: float


Action = Install | Remove | SetTimer


class Associations:
    """All sets of one phone, the newest last: at most one temporary, one established and one old, and those closing."""

    __slots__ = ("sets", "t1")

    def __init__(self, t1: float) -> None:
        """`t1` is SIP's timer T1 in seconds."""
        self.t1 = t1
        self.sets: list[SaSet] = []

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, in order."""
        match event:
            case Challenged(new):
                return self._challenged(new, now)
            case Registered(SaSet(state=S.TEMPORARY | S.CLOSING) as proven, expires):  # or it had left
                return self._established(proven, expires, now)
            case Registered(SaSet(state=S.ESTABLISHED | S.OLD) as used, expires):
                # TS 33.203 7.4.1a: a refresh makes no set's life shorter
                return self._to(used, used.state, max(used.until, now + expires + LONGER_THAN_REGISTRATION), now)
            case Refused(SaSet(state=S.TEMPORARY) as refused):
                return self._to(refused, S.CLOSING, now + GRACE, now)
            case Left():
                found = [s for s in self.sets if s.state in (S.ESTABLISHED, S.OLD)]
                return [action for s in found for action in self._to(s, S.CLOSING, now + GRACE, now)]
            case TimerFired(SaSet(state=state) as late) if state is not S.GONE:
                if now < late.until:
                    return [SetTimer(late, late.until)]
                return self._remove(late, _ENDS[state])
        return []

    def current(self) -> SaSet | None:
        """The set for requests to the phone: the established one, else what there is, the newest first."""
        ranked = ((s.state is S.ESTABLISHED, s.state is not S.TEMPORARY, n, s) for n, s in enumerate(self.sets))
        return max(ranked, key=lambda each: each[:3], default=(0, 0, 0, None))[3]

    def _challenged(self, new: SaSet, now: float) -> list[Action]:
        """One temporary set at a time; and a phone that has restarted may offer what it had before."""
        actions: list[Action] = []
        for other in self.sets.copy():
            if other.state is S.TEMPORARY:
                actions += self._remove(other, "a newer 401 replaces it")
            elif other.collides(new):
                actions += self._remove(other, "the phone offers its SPIs or ports again")
        self.sets.append(new)
        return [*actions, Install(new), *self._to(new, S.TEMPORARY, now + TEMPORARY_TIME, now)]

    def _established(self, proven: SaSet, expires: float, now: float) -> list[Action]:
        """TS 24.229 5.2.2.2: the set that was in use stays for 64*T1 at most, as the phone may not have our 200."""
        actions: list[Action] = []
        until = now + expires + LONGER_THAN_REGISTRATION
        for other in self.sets.copy():
            match other.state:
                case S.OLD:
                    actions += self._remove(other, "two newer sets are there")
                case S.ESTABLISHED:
                    until = max(until, other.until)
                    actions += self._to(other, S.OLD, min(other.until, now + 64 * self.t1), now)
        proven.proven = True
        return [*actions, *self._to(proven, S.ESTABLISHED, until, now)]

    def _remove(self, gone: SaSet, why: str) -> list[Action]:
        self.sets.remove(gone)
        gone.state = S.GONE
        return [Remove(gone, why)]

    def _to(self, changed: SaSet, state: S, until: float, now: float) -> list[Action]:
        if IMS.level >= DEBUG and state is not changed.state:
            log(IMS, DEBUG, f"SA set {changed.id:08x} of {changed.impi}: {changed.state} -> {state}")
        changed.state = state
        changed.until = until
        return [SetTimer(changed, max(now, until))]


_ENDS: Final = {
    S.NEW: "it was never used",
    S.TEMPORARY: "no REGISTER came by it: the phone never answered the 401, or its ESP does not arrive",
    S.ESTABLISHED: "the registration was not refreshed",
    S.OLD: "a newer set has taken its place",
    S.CLOSING: "the phone has left, or was refused",
}


def free_port(ports: Sequence[int], sets: Sequence[SaSet], host: str, port_us: int) -> int:
    """A client port of ours that makes a new pair with the phone's server port (TS 33.203 7.4.1); 0 if none is free.

    `sets` are all those of phones at this host.
    """
    taken = {s.port_pc for s in sets if s.host == host and s.port_us == port_us and s.state is not S.GONE}
    return next((port for port in ports if port not in taken), 0)

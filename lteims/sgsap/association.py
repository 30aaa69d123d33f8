"""The SGs association of one phone, the machine of the VLR (TS 29.118 4.2.2, 5): location, paging, NAS tunnel, alert.

ims/sgs_phones.py has one for each phone that an MME has told of, and carries out its actions. One `case` is one
arrow of the procedures of clause 5; what has no arrow is ignored, or answered with a status where the clause says so.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lteims.sgsap.cause import MessageType, ServiceIndicator, SgsCause, name
from lteims.sgsap.elements import Lai, MobileIdentity
from lteims.sgsap.message import (
    AlertAck,
    AlertReject,
    AlertRequest,
    DownlinkUnitdata,
    EpsDetachAck,
    EpsDetachIndication,
    ImsiDetachAck,
    ImsiDetachIndication,
    LocationUpdateAccept,
    LocationUpdateReject,
    LocationUpdateRequest,
    Message,
    MmInformationRequest,
    MoCsfbIndication,
    PagingReject,
    PagingRequest,
    ReleaseRequest,
    ServiceRequest,
    Status,
    UeActivityIndication,
    UeUnreachable,
    UplinkUnitdata,
    status,
)
from lteims.sgsap.primitive import (
    TERMINATED,
    Accept,
    Action,
    Authorize,
    Downlink,
    Establish,
    Established,
    Event,
    Inform,
    Lost,
    MmeLost,
    MmeReset,
    Reachable,
    Reject,
    Release,
    Send,
    SetTimer,
    TimerFired,
    Unwatched,
    Uplink,
    Why,
)
from lteims.trace import DEBUG, IMS, log

TS5, TS7, IMPLICIT_DETACH = "Ts5", "Ts7", "implicit detach"
# The causes by which an MME says that it does not know the phone, or not as one of ours (5.1.2.4, 5.3.2.2)
GONE_CAUSES: Final = frozenset(
    {
        SgsCause.IMSI_DETACHED_FOR_EPS_SERVICES,
        SgsCause.IMSI_DETACHED_FOR_EPS_AND_NON_EPS_SERVICES,
        SgsCause.IMSI_UNKNOWN,
        SgsCause.IMSI_DETACHED_FOR_NON_EPS_SERVICES,
        SgsCause.IMSI_IMPLICITLY_DETACHED_FOR_NON_EPS_SERVICES,
    }
)


# Those by which it says that the phone does not answer: in PAGING-REJECT too, where Open5GS tells it
_UNREACHABLE_CAUSES: Final = frozenset({SgsCause.UE_UNREACHABLE, SgsCause.UE_TEMPORARILY_UNREACHABLE})


class State(StrEnum):
    """The states of 4.2.2."""

    NULL = "SGs-NULL"
    LA_UPDATE_PRESENT = "LA-UPDATE-PRESENT"
    ASSOCIATED = "SGs-ASSOCIATED"


class Connection(StrEnum):
    """Is there a tunnel to the phone for NAS messages (5.11)?"""

    NONE = "none"
    PAGING = "paging"
    UP = "up"


class Alert(StrEnum):
    """How far the alert procedure has come (5.3)."""

    NONE = "none"
    REQUESTED = "requested"
    AGREED = "agreed"


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds and repetitions of clause 10. How often paging is repeated is the VLR's own matter (5.1.2.4)."""

    ts5: float = 10.0
    ns5: int = 1
    ts7: float = 4.0
    ns7: int = 2
    implicit_detach: float = 4 * 3600.0  # runs only while the association is SGs-NULL and not confirmed


class Association:
    """One phone. `confirmed` is "Confirmed by Radio Contact" of 4.2.3: it was heard since its MME's last reset."""

    __slots__ = (
        "_asked", "_pages", "_serial", "_serials", "_wanted", "alert", "confirmed", "connection", "imsi", "lai",
        "state", "timings", "vlr_name",
    )  # fmt: skip

    def __init__(self, imsi: str, vlr_name: str, timings: Timings | None = None) -> None:
        self.imsi = imsi
        self.vlr_name = vlr_name
        self.timings = timings or Timings()
        self.state = State.NULL
        self.confirmed = True
        self.connection = Connection.NONE
        self.alert = Alert.NONE
        self.lai: Lai | None = None
        self._wanted = False  # somebody waits for a connection until the location update is through
        self._pages = self._asked = 0  # how often
        self._serial = 0
        self._serials: dict[str, int] = {}  # of the timers that run

    @property
    def reaches(self) -> bool:
        """May the phone be paged? After its MME's reset it may, until it counts as detached (5.1.2.2)."""
        return self.state is not State.NULL or not self.confirmed

    @property
    def doubted(self) -> bool:
        """Is it unconfirmed, with nothing under way, so that its MME may be lost again without any difference?"""
        return not (self.confirmed or self._wanted) and self.connection is Connection.NONE and self.alert is Alert.NONE

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, to be carried out in order; [] for one without an arrow."""
        match self.state, event:
            # 5.2.3 location update
            case _, LocationUpdateRequest() as request:
                return self._update(request)
            case State.LA_UPDATE_PRESENT, Accept(tmsi):
                return self._accept(tmsi)
            case State.LA_UPDATE_PRESENT, Reject(cause):
                message = LocationUpdateReject(self.imsi, cause, self.lai)
                return self._leave(Send(message))
            # 5.4.3, 5.5.3, 5.6.3 detach
            case _, EpsDetachIndication():
                return self._leave(Send(EpsDetachAck(self.imsi)))
            case _, ImsiDetachIndication():
                return self._leave(Send(ImsiDetachAck(self.imsi)))
            # 5.1.2 paging
            case State.LA_UPDATE_PRESENT, Establish():
                self._wanted = True
            case _, Establish():
                return self._establish()
            case ((State.ASSOCIATED | State.NULL), ServiceRequest() as request):
                return self._answered(request)
            case _, PagingReject(_, cause) if self.connection is Connection.PAGING:
                return self._refused(cause)
            case _, UeUnreachable() if self.connection is not Connection.NONE:
                return self._unreachable()
            case _, TimerFired("Ts5", serial) if self._is_due(TS5, serial):
                return self._page_again()
            # 5.11.3 tunnel of NAS messages
            case ((State.ASSOCIATED | State.NULL), UplinkUnitdata(_, nas)):
                return self._uplink(nas)
            case _, Downlink(nas) if self.connection is not Connection.NONE:
                return [Send(DownlinkUnitdata(self.imsi, nas))]
            case _, Release() if self.connection is Connection.UP:
                self.connection = Connection.NONE
                return [Send(ReleaseRequest(self.imsi))]
            case _, MoCsfbIndication():  # 5.14: it goes where no NAS message of ours reaches it
                return self._lose(Why.CUT)
            # 5.3.2 alert
            case _, AlertAck() if self.alert is Alert.REQUESTED:
                self._stop(TS7)
                self.alert = Alert.AGREED
            case _, AlertReject(_, cause) if self.alert is Alert.REQUESTED:
                return self._leave(Unwatched())
            case _, TimerFired("Ts7", serial) if self._is_due(TS7, serial):
                return self._ask_again()
            case _, UeActivityIndication():
                self._stop(TS7)
                self.alert = Alert.NONE
                return [Reachable()]
            # 5.10 MM information
            case State.ASSOCIATED, Inform(octets):
                return [Send(MmInformationRequest(self.imsi, octets))]
            # 5.8.3 failure of the MME, and 7
            case _, MmeReset():
                return self._reset()
            case _, MmeLost():
                self.confirmed = self.state is State.NULL and self.confirmed
                self._stop(TS7)
                self.alert = Alert.NONE
                return self._lose(Why.CUT)
            case _, TimerFired("implicit detach", serial) if self._is_due(IMPLICIT_DETACH, serial):
                return self._leave()
            case _, Status(_, cause, of):
                return self._told(cause, of)
            case _, ServiceRequest() | UplinkUnitdata() as message:
                return [self._incompatible(message)]
        return []

    # -- small things
    def _to(self, state: State) -> None:
        if state is not self.state:
            if IMS.level >= DEBUG:
                log(IMS, DEBUG, f"SGs {self.imsi} {self.state} -> {state}")
            self.state = state

    def _timer(self, name: str, delay: float) -> SetTimer:
        self._serial += 1
        self._serials[name] = self._serial
        return SetTimer(name, delay, self._serial)

    def _stop(self, name: str) -> None:
        self._serials.pop(name, None)

    def _is_due(self, name: str, serial: int) -> bool:
        return self._serials.get(name) == serial

    def _lose(self, why: Why) -> list[Action]:
        """End the connection, or the attempt at one."""
        self._stop(TS5)
        lost = self._wanted or self.connection is not Connection.NONE
        self._wanted = False
        self.connection = Connection.NONE
        return [Lost(why)] if lost else []

    def _leave(self, *actions: Action) -> list[Action]:
        """SGs-NULL for good: what is known of the phone is that it is not there."""
        lost = self._lose(Why.ABSENT)
        self._serials.clear()
        self.alert = Alert.NONE
        self.confirmed = True
        self._to(State.NULL)
        return [*actions, *lost, TERMINATED]

    def _heard(self) -> None:
        """The phone spoke by its MME: radio contact is confirmed, and the association is sure again (4.2.3)."""
        self.confirmed = True
        self._stop(IMPLICIT_DETACH)
        self._to(State.ASSOCIATED)

    def _incompatible(self, message: Message) -> Send:
        cause = SgsCause.MESSAGE_NOT_COMPATIBLE_WITH_STATE
        return Send(status(cause, message.encode(), self.imsi))

    # -- location update
    def _update(self, request: LocationUpdateRequest) -> list[Action]:
        lost = self._lose(Why.CUT)
        self._serials.clear()
        self.alert = Alert.NONE
        self.lai = request.new_lai
        self._to(State.LA_UPDATE_PRESENT)
        return [*lost, Authorize(request)]

    def _accept(self, tmsi: int | None) -> list[Action]:
        """5.2.3.2. Ts6-2 does not run: we page by IMSI, so whether the phone has taken the TMSI makes no difference."""
        assert self.lai is not None
        self._heard()
        identity = None if tmsi is None else MobileIdentity(tmsi=tmsi)
        actions: list[Action] = [Send(LocationUpdateAccept(self.imsi, self.lai, identity)), Reachable()]
        if self._wanted:
            self._wanted = False
            actions += self._establish()
        return actions

    # -- paging
    def _establish(self) -> list[Action]:
        if self.connection is Connection.UP:
            return [Established()]
        if self.connection is Connection.PAGING:
            return []
        if not self.reaches:
            return [Lost(Why.ABSENT)]
        self.connection = Connection.PAGING
        self._pages = 1
        return self._page()

    def _page(self) -> list[Action]:
        """8.14.4: the location area tells where to page; without it the MME pages wherever it can."""
        lai = self.lai if self.confirmed else None
        message = PagingRequest(self.imsi, self.vlr_name, ServiceIndicator.SMS, lai=lai)
        return [Send(message), self._timer(TS5, self.timings.ts5)]

    def _page_again(self) -> list[Action]:
        if self._pages > self.timings.ns5:
            return self._lose(Why.NO_ANSWER)
        self._pages += 1
        return self._page()

    def _answered(self, request: ServiceRequest) -> list[Action]:
        if self.connection is not Connection.PAGING:
            return [self._incompatible(request)]
        self._stop(TS5)
        self._heard()
        self.connection = Connection.UP
        return [Established()]

    def _refused(self, cause: int) -> list[Action]:
        if IMS.level >= DEBUG:
            log(IMS, DEBUG, f"SGs {self.imsi}: paging refused, {name(SgsCause, cause)}")
        if cause in GONE_CAUSES:
            return self._leave()
        return self._unreachable() if cause in _UNREACHABLE_CAUSES else self._lose(Why.REFUSED)

    def _unreachable(self) -> list[Action]:
        return [*self._lose(Why.UNREACHABLE), *self._watch()]

    # -- the tunnel
    def _uplink(self, nas: bytes) -> list[Action]:
        if not self.reaches:
            return [Send(ReleaseRequest(self.imsi, SgsCause.IMSI_DETACHED_FOR_NON_EPS_SERVICES))]
        self._heard()
        if self.connection is Connection.NONE:
            self.connection = Connection.UP
        return [Uplink(nas)]

    # -- alert
    def _watch(self) -> list[Action]:
        if self.alert is not Alert.NONE:
            return []
        self.alert = Alert.REQUESTED
        self._asked = 1
        return self._ask()

    def _ask(self) -> list[Action]:
        return [Send(AlertRequest(self.imsi)), self._timer(TS7, self.timings.ts7)]

    def _ask_again(self) -> list[Action]:
        if self._asked > self.timings.ns7:
            self._stop(TS7)
            self.alert = Alert.NONE
            return [Unwatched()]
        self._asked += 1
        return self._ask()

    # -- failures
    def _reset(self) -> list[Action]:
        lost = self._lose(Why.CUT)
        self._serials.clear()
        self.alert = Alert.NONE
        self.confirmed = False
        self._to(State.NULL)
        return [*lost, self._timer(IMPLICIT_DETACH, self.timings.implicit_detach)]

    def _told(self, cause: int, of: bytes | None) -> list[Action]:
        """What a status changes is left to its receiver: who does not know the phone does not take messages for it."""
        if cause in GONE_CAUSES:
            return self._leave()
        if of and of[0] == MessageType.MM_INFORMATION_REQUEST:  # an MME that lacks it has the connection all the same
            return []
        return self._lose(Why.REFUSED)

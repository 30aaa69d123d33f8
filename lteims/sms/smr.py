"""The short message relay entity, the machine of the RP layer (TS 24.011 6, annex D).

One for each message between a phone and the service centre: ims/ipsmgw.py has the network's side, over SIP and over
SGs, sim/ the phone's. One `case` is one arrow of the figures; what has no arrow is ignored.
"""

from dataclasses import dataclass
from enum import StrEnum

from lteims.sms import rp
from lteims.sms.cause import TEMPORARY, CpCause, RpCause, name
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.primitive import (
    TERMINATED,
    MnsmsAbortReq,
    MnsmsDataInd,
    MnsmsDataReq,
    MnsmsErrorInd,
    MnsmsEstInd,
    MnsmsEstReq,
    MnsmsRelReq,
    SetTimer,
    SmRlDataInd,
    SmRlDataReq,
    SmRlMemoryAvailableInd,
    SmRlMemoryAvailableReq,
    SmRlReportInd,
    SmRlReportReq,
    Terminated,
    TimerFired,
)
from lteims.sms.rp import RpAck, RpData, RpError, RpMessage, RpSmma
from lteims.trace import DEBUG, IMS, log


class State(StrEnum):
    """The states of 6.2; ENDED is Idle again, after which there is no way back."""

    IDLE = "Idle"
    WAIT_FOR_RP_ACK = "Wait for RP-ACK"
    WAIT_TO_SEND_RP_ACK = "Wait to send RP-ACK"
    WAIT_FOR_RETRANS_TIMER = "Wait for RETRANS timer"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds within the limits of clause 10: TR1 35 to 45, TR2 12 to 20, TRAM 25 to 35."""

    tr1: float = 40.0
    tr2: float = 15.0
    tram: float = 30.0


Event = (
    SmRlDataReq | SmRlMemoryAvailableReq | SmRlReportReq | MnsmsEstInd | MnsmsDataInd | MnsmsErrorInd | TimerFired
)  # fmt: skip
Action = (
    MnsmsEstReq | MnsmsDataReq | MnsmsRelReq | MnsmsAbortReq | SmRlDataInd | SmRlMemoryAvailableInd | SmRlReportInd
    | SetTimer | Terminated
)  # fmt: skip


class Smr:
    """One transfer. `sends` is the way that this side's messages go: SC_TO_MS for the network, MS_TO_SC for a phone."""

    __slots__ = ("_hears", "_message", "_notified_again", "_serial", "_suffix", "id", "sends", "state", "timings")

    def __init__(self, sends: Direction = Direction.SC_TO_MS, timings: Timings | None = None, *, id: str = "-") -> None:
        self.sends = sends
        self.timings = timings or Timings()
        self.id = id
        self.state = State.IDLE
        network = sends is Direction.SC_TO_MS
        self._hears = Direction.MS_TO_SC if network else Direction.SC_TO_MS
        self._suffix = "N" if network else "M"
        self._message: RpData | RpSmma | None = None  # what was sent, or what came and wants a report
        self._notified_again = False  # the RAM flag of 6.3.3.1
        self._serial = 0

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, to be carried out in order; [] for one without an arrow.

        SmsError for a message of the layer above that does not fit an RPDU.
        """
        match self.state, event:
            case State.IDLE, SmRlDataReq(message) | SmRlMemoryAvailableReq(message):
                self._message = message
                return self._request(message)
            case State.IDLE, MnsmsEstInd(rpdu):
                return self._begun(rpdu)
            case State.WAIT_FOR_RP_ACK, MnsmsDataInd(rpdu) | MnsmsEstInd(rpdu):
                return self._while_waiting(rpdu)
            case State.WAIT_FOR_RP_ACK, MnsmsErrorInd(cause):
                return self._failed(f"CP-ERROR {name(CpCause, cause)}")
            case State.WAIT_FOR_RP_ACK, TimerFired("TR1N" | "TR1M", serial) if serial == self._serial:
                return self._failed("no RP-ACK in time", MnsmsAbortReq(CpCause.PROTOCOL_ERROR_UNSPECIFIED))
            case State.WAIT_TO_SEND_RP_ACK, SmRlReportReq(report):
                return self._end(MnsmsDataReq(report.encode()), MnsmsRelReq())
            case State.WAIT_TO_SEND_RP_ACK, MnsmsErrorInd(cause):
                return self._end(SmRlReportInd(None, f"CP-ERROR {name(CpCause, cause)}"))
            case State.WAIT_TO_SEND_RP_ACK, TimerFired("TR2N" | "TR2M", serial) if serial == self._serial:
                abort = MnsmsAbortReq(CpCause.PROTOCOL_ERROR_UNSPECIFIED)
                return self._end(abort, SmRlReportInd(None, "no report in time"))
            case State.WAIT_FOR_RETRANS_TIMER, TimerFired("TRAM", serial) if serial == self._serial and self._message:
                return self._request(self._message)
        return []

    def _to(self, state: State, *actions: Action) -> list[Action]:
        if IMS.level >= DEBUG:
            log(IMS, DEBUG, f"SMR {self.state} -> {state}", id=self.id)
        self.state = state
        return list(actions)

    def _end(self, *actions: Action) -> list[Action]:
        return self._to(State.ENDED, *actions, TERMINATED)

    def _timer(self, timer: str, delay: float) -> SetTimer:
        self._serial += 1
        return SetTimer(timer, delay, self._serial)

    def _request(self, message: RpData | RpSmma) -> list[Action]:
        request = MnsmsEstReq(message.encode())
        return self._to(State.WAIT_FOR_RP_ACK, request, self._timer(f"TR1{self._suffix}", self.timings.tr1))

    def _begun(self, rpdu: bytes) -> list[Action]:
        """The first RPDU of a transaction: a message, or something that is refused (9.3)."""
        try:
            message = rp.parse(rpdu, self._hears)
        except SmsError as error:
            return self._end(*self._refusal(error.rp_mr, error.rp_cause), MnsmsRelReq())
        if not isinstance(message, RpData | RpSmma):
            return self._end(MnsmsRelReq())  # a report for nothing; reports are not answered
        self._message = message
        indication = SmRlDataInd(message) if isinstance(message, RpData) else SmRlMemoryAvailableInd(message)
        return self._to(State.WAIT_TO_SEND_RP_ACK, indication, self._timer(f"TR2{self._suffix}", self.timings.tr2))

    def _while_waiting(self, rpdu: bytes) -> list[Action]:
        try:
            message = rp.parse(rpdu, self._hears)
        except SmsError as error:
            return self._refusal(error.rp_mr, error.rp_cause)
        if isinstance(message, RpData | RpSmma):
            return self._refusal(message.rp_mr, RpCause.MESSAGE_NOT_COMPATIBLE_WITH_STATE)
        if self._message is None or message.rp_mr != self._message.rp_mr:
            return []  # the report of another message
        if self._may_notify_again() and isinstance(message, RpError) and message.rp_cause in TEMPORARY:
            return self._notify_later(MnsmsRelReq())
        return self._end(MnsmsRelReq(), SmRlReportInd(message))

    def _refusal(self, rp_mr: int | None, cause: RpCause) -> list[Action]:
        return [] if rp_mr is None else [MnsmsDataReq(RpError(self.sends, rp_mr, cause).encode())]

    def _failed(self, why: str, *actions: Action) -> list[Action]:
        if self._may_notify_again():
            return self._notify_later(*actions)
        return self._end(*actions, SmRlReportInd(None, why))

    def _may_notify_again(self) -> bool:
        """6.3.3.1: a notification that fails for a while is sent once more, half a minute later."""
        return isinstance(self._message, RpSmma) and not self._notified_again

    def _notify_later(self, *actions: Action) -> list[Action]:
        self._notified_again = True
        return self._to(State.WAIT_FOR_RETRANS_TIMER, *actions, self._timer("TRAM", self.timings.tram))


def report_for(message: RpMessage, tpdu: bytes | None, rp_cause: int | None = None) -> RpAck | RpError:
    """The RP-ACK for a message, or RP-ERROR if there is a cause, the other way and with its reference."""
    back = Direction.MS_TO_SC if message.direction is Direction.SC_TO_MS else Direction.SC_TO_MS
    if rp_cause is None:
        return RpAck(back, message.rp_mr, tpdu)
    return RpError(back, message.rp_mr, rp_cause, tpdu)

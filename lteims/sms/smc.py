"""The short message control entity, the machine of the CP layer (TS 24.011 5, annex B).

One for each transaction over SGs, on the network's side in ims/ and on the phone's in sim/; they differ in who chose
the transaction identifier. One `case` is one arrow of the figures B.1 to B.4; what has no arrow is ignored.
"""

from dataclasses import dataclass
from enum import StrEnum

from lteims.sms.cause import CpCause
from lteims.sms.cp import CpAck, CpData, CpError, CpMessage
from lteims.sms.errors import SmsError
from lteims.sms.primitive import (
    TERMINATED,
    MmsmsBadInd,
    MmsmsDataInd,
    MmsmsDataReq,
    MmsmsErrorInd,
    MmsmsEstCnf,
    MmsmsEstReq,
    MmsmsRelReq,
    MnsmsAbortReq,
    MnsmsDataInd,
    MnsmsDataReq,
    MnsmsErrorInd,
    MnsmsEstInd,
    MnsmsEstReq,
    MnsmsRelReq,
    SetTimer,
    Terminated,
    TimerFired,
)
from lteims.sms.ti import Ti
from lteims.trace import DEBUG, IMS, log

TC1 = "TC1*"


class State(StrEnum):
    """The states of 5.2; ENDED is Idle again, after which there is no way back."""

    IDLE = "Idle"
    MM_CONNECTION_PENDING = "MM-connection pending"
    WAIT_FOR_CP_ACK = "Wait for CP-ACK"
    MM_CONNECTION_ESTABLISHED = "MM-connection established"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class Timings:
    """TC1* in seconds and how often CP-DATA is sent again, 1 to 3 times (5.3.2.1, 10).

    Together they stay below TR1N, so that the upper layer does not give up first.
    """

    tc1: float = 10.0
    retransmissions: int = 2


Event = (
    MnsmsEstReq | MnsmsDataReq | MnsmsRelReq | MnsmsAbortReq
    | MmsmsEstCnf | MmsmsDataInd | MmsmsBadInd | MmsmsErrorInd | TimerFired
)  # fmt: skip
Action = (
    MmsmsEstReq | MmsmsDataReq | MmsmsRelReq | MnsmsEstInd | MnsmsDataInd | MnsmsErrorInd | SetTimer | Terminated
)  # fmt: skip


class Smc:
    """One transaction. `ti` is the identifier as this side writes it: without the flag if this side began it."""

    __slots__ = ("_last_heard", "_outstanding", "_releasing", "_sent", "_serial", "id", "state", "ti", "timings")

    def __init__(self, ti: Ti, timings: Timings | None = None, *, id: str = "-") -> None:
        self.ti = ti
        self.timings = timings or Timings()
        self.id = id
        self.state = State.IDLE
        self._outstanding = b""  # CP-DATA that is not acknowledged
        self._sent = 0
        self._last_heard = b""  # RPDU, to tell CP-DATA that is sent again
        self._releasing = False
        self._serial = 0

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, to be carried out in order; [] for one without an arrow.

        SmsError for an RPDU that CP-DATA cannot carry.
        """
        match self.state, event:
            case State.IDLE, MnsmsEstReq(rpdu):
                self._outstanding = CpData(self.ti, rpdu).encode()
                return self._to(State.MM_CONNECTION_PENDING, MmsmsEstReq())
            case State.IDLE, MmsmsDataInd(CpData(_, rpdu)):
                return self._to(State.MM_CONNECTION_ESTABLISHED, *self._heard(rpdu), MnsmsEstInd(rpdu))
            case State.MM_CONNECTION_PENDING, MmsmsEstCnf():
                return self._send_data()
            case State.MM_CONNECTION_PENDING, MnsmsRelReq():
                return self._end(MmsmsRelReq())
            case State.WAIT_FOR_CP_ACK, MmsmsDataInd(CpAck()):
                return self._acknowledged()
            case State.WAIT_FOR_CP_ACK | State.MM_CONNECTION_ESTABLISHED, MmsmsDataInd(CpData(_, rpdu)) if (
                rpdu == self._last_heard
            ):
                return self._heard(rpdu)  # sent again, since our CP-ACK was lost: acknowledged, not delivered twice
            case State.WAIT_FOR_CP_ACK, MmsmsDataInd(CpData(_, rpdu)):
                # The other side has gone on, so its CP-ACK was lost or overtaken (5.4).
                self._to(State.MM_CONNECTION_ESTABLISHED)
                return [*self._heard(rpdu), MnsmsDataInd(rpdu), *self._released()]
            case State.WAIT_FOR_CP_ACK, TimerFired("TC1*", serial) if serial == self._serial:
                return self._again()
            case State.WAIT_FOR_CP_ACK, MnsmsRelReq():
                self._releasing = True  # once CP-ACK is there
            case State.MM_CONNECTION_ESTABLISHED, MmsmsDataInd(CpData(_, rpdu)):
                return [*self._heard(rpdu), MnsmsDataInd(rpdu)]
            case State.MM_CONNECTION_ESTABLISHED, MnsmsDataReq(rpdu):
                self._outstanding = CpData(self.ti, rpdu).encode()
                return self._send_data()
            case State.MM_CONNECTION_ESTABLISHED, MnsmsRelReq():
                return self._end(MmsmsRelReq())
            case State.MM_CONNECTION_PENDING, MmsmsDataInd(CpData()):
                return self._refuse(CpCause.MESSAGE_NOT_COMPATIBLE_WITH_STATE)
            case state, MnsmsAbortReq(cause) if state is not State.ENDED:  # 5.3.4
                return self._end(self._cp(CpError(self.ti, cause)), MmsmsRelReq())
            case state, MmsmsDataInd(CpError(_, cause)) if state not in (State.IDLE, State.ENDED):
                return self._end(MnsmsErrorInd(cause), MmsmsRelReq())
            case state, MmsmsErrorInd(cause) if state not in (State.IDLE, State.ENDED):
                return self._end(MnsmsErrorInd(cause))
            case state, MmsmsBadInd(error) if state is not State.ENDED:
                return self._bad(error)
        return []

    def _to(self, state: State, *actions: Action) -> list[Action]:
        if IMS.level >= DEBUG:
            log(IMS, DEBUG, f"SMC ti={self.ti.value} {self.state} -> {state}", id=self.id)
        self.state = state
        return list(actions)

    def _end(self, *actions: Action) -> list[Action]:
        return self._to(State.ENDED, *actions, TERMINATED)

    def _cp(self, message: CpMessage) -> MmsmsDataReq:
        return MmsmsDataReq(message.encode())

    def _heard(self, rpdu: bytes) -> list[Action]:
        self._last_heard = rpdu
        return [self._cp(CpAck(self.ti))]

    def _send_data(self) -> list[Action]:
        self._sent = 1
        return self._to(State.WAIT_FOR_CP_ACK, *self._transmit())

    def _transmit(self) -> list[Action]:
        self._serial += 1
        return [MmsmsDataReq(self._outstanding), SetTimer(TC1, self.timings.tc1, self._serial)]

    def _again(self) -> list[Action]:
        if self._sent > self.timings.retransmissions:
            return self._end(MnsmsErrorInd(CpCause.NETWORK_FAILURE), MmsmsRelReq())
        self._sent += 1
        return self._transmit()

    def _acknowledged(self) -> list[Action]:
        self._to(State.MM_CONNECTION_ESTABLISHED)
        return self._released()

    def _released(self) -> list[Action]:
        return self._end(MmsmsRelReq()) if self._releasing else []

    def _bad(self, error: SmsError) -> list[Action]:
        return self._refuse(error.cp_cause) if error.ti is not None else []

    def _refuse(self, cause: CpCause) -> list[Action]:
        """9.2: whoever sends CP-ERROR tells the layer above, gives up the connection and is idle."""
        error = self._cp(CpError(self.ti, cause))
        if self.state is State.IDLE:
            return self._end(error, MmsmsRelReq())
        return self._end(error, MnsmsErrorInd(cause), MmsmsRelReq())

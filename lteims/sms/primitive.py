"""What the layers of short messages say to each other: the primitives of TS 24.011 3 by their names.

An action of smr.py towards the layer below is an event of smc.py as it is, and the other way round. Over SIP there is
no smc.py: ims/ carries out MNSMS-EST-REQ and MNSMS-DATA-REQ as a MESSAGE each.
"""

from dataclasses import dataclass
from typing import Final

from lteims.sms.cause import CpCause
from lteims.sms.cp import CpMessage
from lteims.sms.errors import SmsError
from lteims.sms.rp import RpAck, RpData, RpError, RpSmma

# --- timers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer of an earlier SetTimer ran out; `serial` is the one that the SetTimer had."""

    name: str
    serial: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed TimerFired(name, serial) in `delay` seconds. It is never withdrawn: what comes too late is ignored."""

    name: str
    delay: float
    serial: int


@dataclass(frozen=True, slots=True)
class Terminated:
    """Forget the machine. Always the last action, and given once in a machine's life."""


TERMINATED: Final = Terminated()

# --- SMC and the layer below it: mobility management, or SGs (TS 24.011 3.2) --------------------------------------


@dataclass(frozen=True, slots=True)
class MmsmsEstReq:
    """Reach the phone: page it, wait for its service request; MmsmsEstCnf or MmsmsErrorInd answers."""


@dataclass(frozen=True, slots=True)
class MmsmsEstCnf:
    """The phone can be sent to."""


@dataclass(frozen=True, slots=True)
class MmsmsDataReq:
    """Send these octets of a CP message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class MmsmsDataInd:
    """A CP message came."""

    message: CpMessage


@dataclass(frozen=True, slots=True)
class MmsmsBadInd:
    """A CP message of this transaction came that cannot be read; `error.ti` is its identifier."""

    error: SmsError


@dataclass(frozen=True, slots=True)
class MmsmsErrorInd:
    """The phone cannot be reached, or is lost."""

    cp_cause: CpCause = CpCause.NETWORK_FAILURE


@dataclass(frozen=True, slots=True)
class MmsmsRelReq:
    """This transaction needs the connection no longer."""


# --- SMR and SMC (TS 24.011 3.2, table 3.2) -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MnsmsEstReq:
    """Establish a connection and send the RPDU, the first of a transaction."""

    rpdu: bytes


@dataclass(frozen=True, slots=True)
class MnsmsDataReq:
    """Send an RPDU on the connection."""

    rpdu: bytes


@dataclass(frozen=True, slots=True)
class MnsmsRelReq:
    """Release the connection once what was sent is acknowledged."""


@dataclass(frozen=True, slots=True)
class MnsmsAbortReq:
    """Release the connection at once, with CP-ERROR."""

    cp_cause: CpCause


@dataclass(frozen=True, slots=True)
class MnsmsEstInd:
    """The other side established a connection; this is its RPDU."""

    rpdu: bytes


@dataclass(frozen=True, slots=True)
class MnsmsDataInd:
    """An RPDU came on the connection."""

    rpdu: bytes


@dataclass(frozen=True, slots=True)
class MnsmsErrorInd:
    """The connection is gone; `cp_cause` is a CpCause or what the peer sent."""

    cp_cause: int


# --- the transfer layer and SMR (TS 24.011 3.3, table 3.3) --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SmRlDataReq:
    """Send this message and bring its report."""

    message: RpData


@dataclass(frozen=True, slots=True)
class SmRlDataInd:
    """A message came that wants a report."""

    message: RpData


@dataclass(frozen=True, slots=True)
class SmRlMemoryAvailableReq:
    """Tell the network that there is room again; only a phone does."""

    message: RpSmma


@dataclass(frozen=True, slots=True)
class SmRlMemoryAvailableInd:
    """A phone has room again and wants a report."""

    message: RpSmma


@dataclass(frozen=True, slots=True)
class SmRlReportReq:
    """The report for what came; its direction and reference are those of the message."""

    message: RpAck | RpError


@dataclass(frozen=True, slots=True)
class SmRlReportInd:
    """The report for what was sent; None if there will be none, for the reason in `why`."""

    message: RpAck | RpError | None
    why: str = ""

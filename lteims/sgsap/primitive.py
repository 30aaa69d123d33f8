"""What an association and the layers around it say to each other: the events and actions of the VLR's machines.

association.py and reset.py use them, and ims/sgs_phones.py carries the actions out. The messages of an MME are events
as they are.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lteims.sgsap.cause import RejectCause
from lteims.sgsap.message import LocationUpdateRequest, Message


class Why(StrEnum):
    """Why there is no connection."""

    ABSENT = "the phone is not there"  # nothing to try before it is seen again
    UNREACHABLE = "the phone does not answer"  # as its MME says; it was asked to tell when it is seen
    NO_ANSWER = "the MME does not answer"
    REFUSED = "the MME refuses"
    CUT = "the phone or its MME has left"


# --- events, besides the messages of the MME


@dataclass(frozen=True, slots=True)
class Accept:
    """The phone of a location update is one of ours; `tmsi` is what it is to be called, None: as it was."""

    tmsi: int | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """It is not, or may not."""

    cause: int = RejectCause.IMSI_UNKNOWN_IN_HLR


@dataclass(frozen=True, slots=True)
class Establish:
    """A NAS message is to be sent: reach the phone. Established or Lost answers."""


@dataclass(frozen=True, slots=True)
class Downlink:
    """Send a NAS message; there is a connection."""

    nas: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """Nobody needs the connection any more (5.11)."""


@dataclass(frozen=True, slots=True)
class Inform:
    """Show the phone what MM INFORMATION has: the network's name, the time (5.10)."""

    mm_information: bytes


@dataclass(frozen=True, slots=True)
class MmeReset:
    """Its MME has lost what it knew (5.8.3)."""


@dataclass(frozen=True, slots=True)
class MmeLost:
    """There is no way to its MME, which still knows the phone."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The timer of an earlier SetTimer ran out; `serial` is the one that the SetTimer had."""

    name: str
    serial: int


# --- actions


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to the phone's MME."""

    message: Message


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed TimerFired(name, serial) in `delay` seconds. It is never withdrawn: what comes too late is ignored."""

    name: str
    delay: float
    serial: int


@dataclass(frozen=True, slots=True)
class Authorize:
    """Is the phone one of ours? Accept or Reject answers."""

    request: LocationUpdateRequest


@dataclass(frozen=True, slots=True)
class Established:
    """The phone can be sent to."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """A NAS message of the phone."""

    nas: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no connection, or none any more."""

    why: Why


@dataclass(frozen=True, slots=True)
class Reachable:
    """The phone is seen: what waits for it may be tried."""


@dataclass(frozen=True, slots=True)
class Unwatched:
    """The MME will not tell when the phone is seen."""


@dataclass(frozen=True, slots=True)
class Terminated:
    """Forget the association: it says nothing more. Always the last action."""


TERMINATED: Final = Terminated()

Event = (
    Message | Accept | Reject | Establish | Downlink | Release | Inform | MmeReset | MmeLost | TimerFired
)  # fmt: skip
Action = (
    Send | SetTimer | Authorize | Established | Uplink | Lost | Reachable | Unwatched | Terminated
)  # fmt: skip

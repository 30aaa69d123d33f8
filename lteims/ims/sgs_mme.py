"""What the VLR knows of MMEs: their links, their names, and the phones that each of them serves (TS 29.118 4.2).

Used by sgs.py; the links are those of net/sgsap.py.
"""

from typing import Final, Protocol

from lteims.ims.sgs_sms import Conversation
from lteims.ims.subscribers import Subscriber
from lteims.sgsap import reset
from lteims.sgsap.association import Association
from lteims.sgsap.errors import SgsapError
from lteims.sgsap.message import Message, ResetIndication
from lteims.sgsap.primitive import TimerFired

MOST_GREETED: Final = 1024


class MmeLink(Protocol):
    """An SCTP association with an MME: net/sgsap.py."""

    @property
    def address(self) -> str:
        """The MME's address and port."""

    @property
    def host(self) -> str:
        """The MME's address."""

    def send(self, message: Message) -> None:
        """Send a message; what cannot be sent is lost with the link."""


class Mme:
    """An MME by its name, with the phones that it serves."""

    __slots__ = ("link", "name", "phones")

    def __init__(self, name: str) -> None:
        self.name = name
        self.link: MmeLink | None = None
        self.phones: set[str] = set()


class Connected:
    """What belongs to a link: the procedure that tells of our start, and who speaks by it."""

    __slots__ = ("greeted", "mmes", "reset")

    def __init__(self, vlr_name: str, timings: reset.Timings) -> None:
        self.reset = reset.Reset(vlr_name, timings)
        self.mmes: list[Mme] = []
        self.greeted = False  # does it know of our start?


class Greeted:
    """Addresses and names of MMEs that have been told of our start."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, None] = {}

    def add(self, who: str) -> bool:
        """Was this one not there yet? The oldest is forgotten when there are too many."""
        if who in self._known:
            return False
        if len(self._known) >= MOST_GREETED:
            del self._known[next(iter(self._known))]
        self._known[who] = None
        return True


class Phone:
    """A phone of an MME."""

    __slots__ = ("association", "conversation", "mme", "subscriber", "timers", "tmsi")

    def __init__(self, association: Association, subscriber: Subscriber, mme: Mme, tmsi: int) -> None:
        self.association = association
        self.subscriber = subscriber  # the first of the IMSI: who sends
        self.mme = mme
        self.tmsi = tmsi
        self.conversation: Conversation | None = None
        self.timers: dict[str, Timer] = {}  # by name


class Timer:
    """A timer of a phone's association. It has one entry in the wheel, however often it is set anew meanwhile."""

    __slots__ = ("due", "event")

    def __init__(self, due: float, event: TimerFired) -> None:
        self.due = due
        self.event = event


def vlr_name(domain: str) -> str:
    """Our name for MMEs: a domain name (TS 29.118 9.4.22), whatever `domain` of the configuration is."""
    name = f"vlr.{domain}"
    try:
        ResetIndication(vlr_name=name).encode()
    except SgsapError:
        return "vlr.lteims"
    return name

"""What brings a short message to a phone (TS 23.040 3.2, TS 23.204 6.1): the one interface of all transports.

sms_delivery.py hands the first message of a queue to one after the other of them and hears how it went;
sms_sip_transport.py is the one of SIP. A phone's report comes back by `SmsDelivery.on_report`, whatever the transport.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lteims.ims.sms_store import StoredSms
from lteims.ims.subscribers import Subscriber
from lteims.sms import rp
from lteims.sms.address import Address
from lteims.sms.octets import Direction

_MMS = 0x04  # TP-MMS of SMS-DELIVER and SMS-STATUS-REPORT: no more messages wait


class Outcome(StrEnum):
    """How a try has ended, as far as the transport can tell."""

    ARRIVED = "arrived"  # the phone has it, and will send a report
    TAKEN = "taken"  # it is the receiver's, and nothing more is to come
    FAILED = "failed"  # this contact does not take it now
    ABSENT = "absent"  # nobody is there: the transport says `SmsDelivery.reachable` when that has changed


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for one try."""

    subscriber: Subscriber
    message: StoredSms
    centre: Address  # RP-OA
    more: bool  # other messages wait behind it
    tried: tuple[str, ...] = ()  # contacts that have failed in this attempt

    def rp_data(self) -> rp.RpData:
        """The RP-DATA that brings it; RP-MR is the same in every try of one message."""
        tpdu = self.message.tpdu
        octets = bytes((tpdu[0] & ~_MMS | (0 if self.more else _MMS),)) + tpdu[1:]
        return rp.RpData(Direction.SC_TO_MS, self.message.rp_mr, self.centre, None, octets)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message is on its way."""

    contact: str  # where to: an id that is the transport's own, and that of the contact a report comes from
    reference: str = ""  # what a report may name, "" where reports name nothing
    parts: tuple[str, ...] = ()  # of what is TAKEN, the ids of all messages that go together; () if a report follows


@dataclass(frozen=True, slots=True)
class Later:
    """Parts of a message are missing; in so many seconds it goes without them."""

    seconds: float


OnEnd = Callable[[Outcome], None]


class Transport(Protocol):
    """One way to phones."""

    def send(self, parcel: Parcel, on_end: OnEnd) -> Sent | Later | None:
        """Send a message; None where the receiver has no contact here but those that were tried.

        `on_end` is called once for what was sent, and never before this has returned.
        """


class Transports:
    """All of them; `sgs` is None while no MME is connected."""

    def __init__(self, sip: Transport) -> None:
        self.sip = sip
        self.sgs: Transport | None = None

    def of(self, subscriber: Subscriber) -> Iterator[Transport]:
        """The transports that may reach a user, the best first (T-ADS, TS 23.204 6.1; force_sms_over_sg)."""
        if not subscriber.user.force_sms_over_sg:
            yield self.sip
        if self.sgs is not None:
            yield self.sgs

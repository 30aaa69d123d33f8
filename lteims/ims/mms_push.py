"""Tells phones of multimedia messages (OMA-TS-MMS_CTR 6.2, 6.5): notifications and reports as WAP push by SMS.

Called by mms.py; the IP-SM-GW stores each push and sees to it that it arrives, for as long as it is worth something.
"""

from typing import Protocol

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.ids import Tokens
from lteims.ims import mms_store
from lteims.ims.mms_directory import shown_address
from lteims.ims.mms_store import Copy, MmsStore, StoredMms
from lteims.ims.service_centre import Submission
from lteims.ims.sms_status import FOR_EVER
from lteims.ims.subscribers import Impu, Subscriber, Subscribers
from lteims.mm1.errors import Status
from lteims.mm1.fields import Priority, When
from lteims.mm1.pdu import AnyPdu, MDeliveryInd, MNotificationInd
from lteims.mm1.push import PORT, SOURCE_PORT, Push
from lteims.sip.uri import Uri
from lteims.sms import text
from lteims.sms.address import Address
from lteims.sms.errors import SmsError
from lteims.sms.udh import Ports
from lteims.trace import IMS, INFO, WARN, log

MOST_NOTIFICATIONS = 5  # of one copy
SHOWN_SUBJECT = 80  # characters of a subject in the notification, which shall be few short messages
_SENDER = Address.alphanumeric("MMS")
_PORTS = Ports(PORT, SOURCE_PORT).element()


class Gateway(Protocol):
    """What is asked of the IP-SM-GW."""

    @property
    def directory(self) -> object | None:
        """The external HSS, if there is one."""

    async def seek(self, uri: Uri) -> tuple[Subscriber, Impu] | None:
        """The user of an IMPU; who is known to an external HSS alone is here from now on. SmsError."""

    async def submit(self, submission: Submission) -> list[str]:
        """Store a message and begin to deliver it; the ids of its parts, which are on disk then. SmsError."""

    def waits(self, id: str) -> bool:
        """Has this message not been delivered or dropped yet?"""


class Pusher:
    """Pushes notifications to receivers, reports to senders."""

    def __init__(
        self, config: ImsConfig, subscribers: Subscribers, gateway: Gateway, store: MmsStore, tokens: Tokens,
        wall: WallClock, url: str,
    ) -> None:  # fmt: skip
        self._config = config
        self._subscribers = subscribers
        self._gateway = gateway
        self._store = store
        self._wall = wall
        self._url = url
        # After a restart parts of earlier pushes may still wait: theirs are other numbers, most likely
        self._number = tokens.octets(1)[0]

    async def notify_all(self, message: StoredMms) -> None:
        """M-Notification.ind to each receiver who has had none."""
        for copy in message.copies:
            if copy.state == mms_store.NEW:
                await self._notify(message, copy)

    async def renew(self, impi: str, after: float) -> None:
        """Notify again of what was not fetched `after` seconds after the notification, which has gone its way."""
        for message, copy in self._store.waiting(impi):
            if (
                copy.state in (mms_store.NOTIFIED, mms_store.FETCHED)
                and copy.notified < MOST_NOTIFICATIONS
                and self._wall() - copy.notified_at >= after
                and not any(self._gateway.waits(id) for id in copy.sms)
            ):
                await self._notify(message, copy)

    async def _notify(self, message: StoredMms, copy: Copy) -> None:
        """A copy that is new is `notified` in the same transaction that its notification is stored in."""
        subscriber = self._subscribers.by_impi(copy.impi)
        was, now = copy.state, self._wall()
        left = message.expires_at - now
        copy.notified_at = now
        if subscriber is None or left <= 0:
            return  # the user is no longer in ue_db; the message waits until it expires
        copy.notified += 1
        copy.state = mms_store.NOTIFIED if was == mms_store.NEW else was
        self._store.save(message)
        pdu = _notification(message, copy, max(1, round(left)), self._url)
        try:
            copy.sms = await self._push(subscriber, subscriber.impu(copy.impu_key), pdu, left, sos=message.sos)
        except SmsError as error:
            copy.notified -= 1
            if copy.state == mms_store.NOTIFIED:
                copy.state = was
            self._store.save(message)
            log(IMS, WARN, f"notification of multimedia message {message.id} to {copy.impi} failed: {error}")
            return
        counters.inc("mms_notified")
        if self._store.get(message.id) is message:
            self._store.save(message)

    async def report(self, message: StoredMms, copy: Copy, status: Status) -> bool:
        """M-Delivery.ind, if the sender asked for it, once for each receiver; what was changed goes with it to disk.

        False where it could not be stored, and is owed still.
        """
        wanted = message.delivery_report and not copy.reported
        copy.reported = True
        self._store.save(message)
        if not wanted:
            return True
        receiver = shown_address(copy.address)
        pdu = MDeliveryInd(message_id=message.id, to=(receiver,), date=int(self._wall()), status=status)
        if not await self.push_to_sender(message, pdu):
            copy.reported = False
            self._store.save(message)
            return False
        counters.inc("mms_delivery_report")
        return True

    async def push_to_sender(self, message: StoredMms, pdu: AnyPdu) -> bool:
        """A report to the sender, if there is anybody to tell; False where it cannot be stored."""
        subscriber = self._subscribers.by_impi(message.sender_impi) if message.sender_impi else None
        if subscriber is None:
            return True
        log(IMS, INFO, f"multimedia message {message.id}: {pdu.message_type.name} to {subscriber.impi}")
        try:
            await self._push(subscriber, subscriber.impu(message.sender_key), pdu, FOR_EVER)
        except SmsError as error:
            log(IMS, WARN, f"report of multimedia message {message.id} to {subscriber.impi} failed: {error}")
            return False
        return True

    async def _push(
        self, receiver: Subscriber, impu: Impu | None, pdu: AnyPdu, validity: float, *, sos: bool = False
    ) -> tuple[str, ...]:
        """Send a PDU; the ids of its short messages, which are on disk then. SmsError when they cannot be stored.

        Nothing waits before they are handed to the store: what the caller has put there shares their transaction.
        """
        self._number = (self._number + 1) & 0xFF
        data = Push.of(self._number, pdu).encode()
        parts = text.split_data(data, reference=self._number, elements=[_PORTS])
        return tuple(
            await self._gateway.submit(
                Submission(receiver=receiver, impu=impu, sender=_SENDER, parts=parts, validity=validity, sos=sos)
            )
        )


def priority_of(message: StoredMms) -> Priority | None:
    """X-Mms-Priority of a stored message."""
    return None if message.priority is None else Priority(message.priority)


def _notification(message: StoredMms, copy: Copy, left: int, url: str) -> MNotificationInd:
    return MNotificationInd(
        transaction_id=copy.token, sender=message.shown, subject=message.subject[:SHOWN_SUBJECT],
        delivery_report=message.delivery_report or None, priority=priority_of(message),
        message_class=message.message_class, message_size=message.size, expiry=When(left),
        content_location=url + copy.token,
    )  # fmt: skip

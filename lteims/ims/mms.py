"""The MMSC (OMA-TS-MMS_CTR, manual 5.2: mms_server_bind_addr, mms_expires): takes messages, keeps them, hands them out.

net/mm1.py calls `on_pdu` and `on_get` with what phones send by HTTP; mms_control.py takes what the operator sends. A
message is on disk before its sender hears that it was taken, and stays until its receivers have said they have it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.ids import Tokens
from lteims.ims import mms_draft, mms_store
from lteims.ims.mms_directory import Directory, shown_address
from lteims.ims.mms_draft import Draft
from lteims.ims.mms_push import Gateway, Pusher, priority_of
from lteims.ims.mms_store import Copy, MmsStore, StoredMms
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.mm1.content_type import ContentType
from lteims.mm1.errors import MmsError, ResponseStatus, RetrieveStatus, Status
from lteims.mm1.fields import MessageType, Previously
from lteims.mm1.pdu import (
    AnyPdu,
    MAcknowledgeInd,
    MForwardConf,
    MForwardReq,
    MNotifyRespInd,
    MReadOrigInd,
    MReadRecInd,
    MRetrieveConf,
    MSendConf,
    MSendReq,
    parse,
)
from lteims.net.timers import TimerWheel
from lteims.sms.cause import RpCause
from lteims.sms.errors import SmsError
from lteims.store.state import StoreError
from lteims.trace import DEBUG, ERROR, IMS, INFO, log

SWEEP = 2.0  # seconds between looks for what expires or is due
REPORT_END = 3600.0  # seconds that a message outlives its time where its last reports cannot be stored
RENEW_AFTER = 30.0  # seconds that a notified phone has to fetch, before a registration brings another notification
MOST_WAITING = 500  # copies of one receiver
_VERSION = 2  # MMS 1.2 is what the answers use at most
_TEXT = ContentType("text/plain", (("charset", "utf-8"),))


class Mms:
    """The MMSC."""

    def __init__(
        self, config: ImsConfig, subscribers: Subscribers, gateway: Gateway, store: MmsStore, tokens: Tokens,
        wheel: TimerWheel, wall: WallClock, url: str,
    ) -> None:  # fmt: skip
        """`url` is what the addresses of messages begin with, its last slash included."""
        self.directory = Directory(subscribers)
        self._config = config
        self._subscribers = subscribers
        self._store = store
        self._gateway = gateway
        self._pusher = Pusher(config, subscribers, gateway, store, tokens, wall, url)
        self._tokens = tokens
        self._wheel = wheel
        self._wall = wall
        self._tasks: set[asyncio.Task[object]] = set()
        self._ending: set[str] = set()  # messages whose last reports are being stored, or shall be tried again later
        self._timer = wheel.add(SWEEP, self._sweep)
        subscribers.listeners.append(self._on_binding)

    # -- life
    def restore(self) -> int:
        """Take up what the state file has; the number of messages."""
        return self._store.restore()

    def start(self) -> None:
        """Remind registered users once of what they were told of before a restart and have not fetched."""
        for impi in {copy.impi for message in self._store for copy in message.copies if copy.is_open}:
            subscriber = self._subscribers.by_impi(impi)
            if subscriber is not None and subscriber.bindings:
                self._spawn(self._pusher.renew(impi, 0.0))

    def close(self) -> None:
        """Begin nothing more."""
        self._wheel.cancel(self._timer)
        for task in self._tasks:
            task.cancel()

    def load(self) -> int:
        """How many messages there are, for metrics and tests."""
        return len(self._store)

    # -- from phones
    async def on_pdu(self, data: bytes, peer: str) -> bytes:
        """What a phone posts, and the PDU that answers it; b"" where none does.

        `data` may be cut off behind the octets that the PDU's limits admit. MmsError for what no PDU can answer,
        StoreError when an indication could not be kept, so that the phone has to repeat it.
        """
        try:
            pdu = parse(data)
        except MmsError as error:
            answer = self._refuse(error, peer)
        else:
            log(IMS, DEBUG, f"MM1 {pdu.message_type.name}", dir="FROM", id=peer, data=data)
            answer = await self._handle(pdu, data, peer)
        if answer:
            log(IMS, DEBUG, "MM1 confirmation", dir="TO", id=peer, data=answer)
        return answer

    async def _handle(self, pdu: AnyPdu, data: bytes, peer: str) -> bytes:
        match pdu:
            case MSendReq() | MForwardReq():
                return await self._on_submission(pdu, data, peer)
            case MNotifyRespInd() | MAcknowledgeInd():
                await self._on_indication(pdu)
            case MReadRecInd():
                await self._on_read(pdu, peer)
            case _:
                status = ResponseStatus.ERROR_UNSUPPORTED_MESSAGE
                why = f"{pdu.message_type.name} is not for a server"
                return self._refuse(MmsError(why, status, pdu.message_type, version=pdu.version), peer)
        return b""

    def _refuse(self, error: MmsError, peer: str) -> bytes:
        """The answer to a PDU that cannot be read; that to an unknown one is M-Send.conf too (OMA-TS-MMS_CTR 6.1)."""
        unsupported = error.status is ResponseStatus.ERROR_UNSUPPORTED_MESSAGE and error.message_type
        if error.message_type not in (MessageType.M_SEND_REQ, MessageType.M_FORWARD_REQ) and not unsupported:
            counters.inc("mms_malformed")
            raise error
        kind = MForwardReq if error.message_type == MessageType.M_FORWARD_REQ else MSendReq
        return _confirmation(kind, error.transaction_id, error.version, error.status, self._refused(error, peer), "")

    def _refused(self, error: MmsError, peer: str) -> str:
        counters.inc("mms_refused")
        log(IMS, INFO, f"multimedia message refused: {error.why}, {error.status.name}", id=peer)
        return error.why

    async def _on_submission(self, pdu: MSendReq | MForwardReq, data: bytes, peer: str) -> bytes:
        try:
            message = await self._submitted(pdu, data, peer)
        except MmsError as error:
            text = self._refused(error, peer)
            return _confirmation(type(pdu), pdu.transaction_id, pdu.version, error.status, text, "")
        return _confirmation(type(pdu), pdu.transaction_id, pdu.version, ResponseStatus.OK, "", message.id)

    async def _submitted(self, pdu: MSendReq | MForwardReq, data: bytes, peer: str) -> StoredMms:
        await self.meet((*pdu.to, *pdu.cc, *pdu.bcc))  # before it is looked whether this is a copy
        fingerprint = mms_draft.fingerprint_of(peer, data)
        known = self._store.by_fingerprint(fingerprint)
        if known is not None:
            log(IMS, INFO, f"multimedia message {known.id} came once more", id=peer)
            await self._commit()
            if self._store.get(known.id) is not known:  # the disk did not take it the first time
                raise MmsError("the message could not be stored", ResponseStatus.ERROR_TRANSIENT_FAILURE)
            return known
        sender = self.directory.sender(peer, pdu.sender)
        if isinstance(pdu, MSendReq):
            return await self.accept(mms_draft.sent(pdu, sender, fingerprint))
        found = self._open(pdu.content_location)
        body = self._body(found[0]) if found is not None else None
        if found is None or body is None:
            raise MmsError("there is no such message", ResponseStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND)
        original, copy = found
        taken = await self.accept(mms_draft.forwarded(pdu, sender, fingerprint, original, body, self._wall()))
        counters.inc("mms_forwarded")
        if pdu.report_allowed is not False:
            self._spawn(self._pusher.report(original, copy, Status.FORWARDED))
        return taken

    def may_meet(self, address: str) -> bool:
        """Is there an HSS that may know the user of an address whom nobody here knows?"""
        return self._gateway.directory is not None and self.directory.unknown(address) is not None

    async def meet(self, addresses: Iterable[str]) -> None:
        """Whom an external HSS alone knows is here from now on, as one who is away. MmsError where it cannot tell."""
        unknown = {uri.text: uri for uri in map(self.directory.unknown, addresses) if uri is not None}
        if not unknown or self._gateway.directory is None:
            return
        try:
            await asyncio.gather(*map(self._gateway.seek, unknown.values()))
        except SmsError as error:
            status = ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED
            if error.rp_cause is RpCause.TEMPORARY_FAILURE:
                status = ResponseStatus.ERROR_TRANSIENT_NETWORK_PROBLEM
            raise MmsError(error.why, status) from None

    async def accept(self, draft: Draft) -> StoredMms:
        """Store a message and begin to deliver it; it is on disk when this returns. MmsError why it was not taken."""
        message = mms_draft.stored(draft, self.directory, self._tokens, self._wall(), self._config.mms_expires)
        if not self._store.has_room(message.size):
            raise MmsError("the server has no room for messages", ResponseStatus.ERROR_TRANSIENT_FAILURE)
        for copy in message.copies:
            if len(self._store.waiting(copy.impi)) >= MOST_WAITING:
                why = f"too many messages wait for {copy.address}"
                raise MmsError(why, ResponseStatus.ERROR_TRANSIENT_FAILURE)
        self._store.add(message, draft.body)
        try:
            await self._commit()
        except MmsError:
            self._store.remove(message)
            raise
        counters.inc("mms_send")
        receivers = ", ".join(copy.address for copy in message.copies)
        sender = message.sender or "an unknown sender"
        log(IMS, INFO, f"multimedia message {message.id} of {sender} to {receivers}: {message.size} octets")
        if message.notify_at <= self._wall():
            self._spawn(self._pusher.notify_all(message))
        return message

    async def _commit(self) -> None:
        try:
            await self._store.commit()
        except StoreError as error:
            log(IMS, ERROR, f"a multimedia message could not be stored: {error}")
            raise MmsError(
                "the state file cannot be written, see the log", ResponseStatus.ERROR_TRANSIENT_FAILURE
            ) from None

    async def on_get(self, name: str, peer: str) -> bytes:
        """The M-Retrieve.conf for the last part of a message's URL."""
        found = self._open(name)
        if found is None:
            log(IMS, INFO, f"there is no multimedia message {name[:60]!r} any more", id=peer)
            return self._nothing(RetrieveStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND, "The message is no longer here.")
        message, copy = found
        try:
            body = self._body(message)
        except MmsError as error:
            return self._nothing(RetrieveStatus.ERROR_TRANSIENT_FAILURE, error.why)
        if body is None:
            return self._nothing(RetrieveStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND, "The message is no longer here.")
        copy.state = mms_store.FETCHED  # if this is lost, the phone is told of the message once more
        self._store.save(message)
        counters.inc("mms_fetched")
        log(IMS, INFO, f"multimedia message {message.id} fetched for {copy.impi}: {len(body)} octets", id=peer)
        return _retrieval(message, copy, body).encode()

    def _open(self, location: str) -> tuple[StoredMms, Copy] | None:
        """The copy at a URL, if it can still be fetched."""
        found = self._store.by_token(location.rstrip("/").rpartition("/")[2])
        if found is None or not found[1].is_open or found[0].expires_at <= self._wall():
            return None
        return found

    def _body(self, message: StoredMms) -> bytes | None:
        try:
            return self._store.body(message)
        except StoreError as error:
            log(IMS, ERROR, f"multimedia message {message.id} cannot be read: {error}")
            raise MmsError("the message cannot be read", ResponseStatus.ERROR_TRANSIENT_FAILURE) from None

    def _nothing(self, status: RetrieveStatus, text: str) -> bytes:
        """An M-Retrieve.conf without a message; old clients show its text."""
        counters.inc("mms_not_found")
        return MRetrieveConf(
            date=int(self._wall()), retrieve_status=status, retrieve_text=text, content_type=_TEXT, body=text.encode()
        ).encode()

    async def _on_indication(self, pdu: MNotifyRespInd | MAcknowledgeInd) -> None:
        """What a phone has done with a message that it was told of; on the disk when this returns.

        StoreError where it cannot be; the phone then says it once more, and what is missing still is made up for.
        """
        found = self._store.by_token(pdu.transaction_id)
        status = pdu.status if isinstance(pdu, MNotifyRespInd) else Status.RETRIEVED
        if found is None or not found[1].is_open:
            log(IMS, INFO, f"{pdu.message_type.name} for transaction {pdu.transaction_id[:60]!r}, which is over")
            if found is not None and status in (Status.RETRIEVED, Status.REJECTED):
                await self._pusher.report(*found, status)
            await self._store.commit()
            return
        message, copy = found
        log(IMS, INFO, f"multimedia message {message.id}: {copy.impi} says {status.name.lower()}")
        if pdu.report_allowed is False:
            copy.reported = True
        match status:
            case Status.RETRIEVED | Status.REJECTED:
                counters.inc(f"mms_{status.name.lower()}")
                copy.state = mms_store.DONE
                await self._pusher.report(message, copy, status)
            case Status.DEFERRED if copy.state != mms_store.FETCHED:
                copy.state = mms_store.DEFERRED
        self._store.save(message)
        await self._store.commit()

    async def _on_read(self, pdu: MReadRecInd, peer: str) -> None:
        """M-Read-Rec.ind becomes M-Read-Orig.ind to the sender, once for each receiver."""
        message = self._store.get(pdu.message_id)
        copy = self._reader(message, pdu, peer) if message is not None else None
        if message is None or copy is None or copy.read or not message.read_report:
            log(IMS, INFO, f"read report for {pdu.message_id[:60]!r} fits nothing that was asked for", id=peer)
            await self._store.commit()  # what the disk did not take the first time
            return
        copy.read = True
        self._store.save(message)
        report = MReadOrigInd(
            message_id=message.id, to=(message.sender,), sender=shown_address(copy.address),
            date=int(self._wall()) if pdu.date is None else pdu.date, read_status=pdu.read_status,
        )  # fmt: skip
        if await self._pusher.push_to_sender(message, report):
            counters.inc("mms_read_report")
        else:
            copy.read = False  # it may come again
            self._store.save(message)
        await self._store.commit()

    def _reader(self, message: StoredMms, pdu: MReadRecInd, peer: str) -> Copy | None:
        if len(message.copies) == 1:
            return message.copies[0]
        subscriber = self.directory.sender(peer, pdu.sender).subscriber
        if subscriber is None:
            return None
        return next((copy for copy in message.copies if copy.impi == subscriber.impi), None)

    # -- time and registrations
    def _on_binding(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        if event == "registered" and self._store.waiting(subscriber.impi):
            self._spawn(self._pusher.renew(subscriber.impi, RENEW_AFTER))

    def _sweep(self) -> None:
        self._timer = self._wheel.add(SWEEP, self._sweep)
        now = self._wall()
        for message in self._store:
            if message.expires_at <= now:
                self._spawn(self._expire(message))
            elif message.notify_at <= now:
                latest = now - self._config.sms_retry_delay
                if any(copy.state == mms_store.NEW and copy.notified_at <= latest for copy in message.copies):
                    self._spawn(self._pusher.notify_all(message))

    async def _expire(self, message: StoredMms) -> None:
        """Its time is over; who was promised a report hears of the copies that nobody has fetched.

        The message goes when the reports are stored, or when they could not be for too long.
        """
        if self._store.get(message.id) is not message or message.id in self._ending:
            return
        self._ending.add(message.id)
        lost = [copy for copy in message.copies if copy.is_open]
        told = [await self._report_end(message, copy) for copy in lost]
        if not all(told) and self._wall() < message.expires_at + REPORT_END:
            self._wheel.add(self._config.sms_retry_delay, self._ending.discard, message.id)
            return
        self._ending.discard(message.id)
        self._store.remove(message)
        for copy in lost:
            counters.inc("mms_expired")
            log(IMS, INFO, f"multimedia message {message.id} for {copy.impi} has expired")

    async def _report_end(self, message: StoredMms, copy: Copy) -> bool:
        fetched = copy.state == mms_store.FETCHED
        return await self._pusher.report(message, copy, Status.INDETERMINATE if fetched else Status.EXPIRED)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _confirmation(
    kind: type[MSendReq] | type[MForwardReq], transaction_id: str, version: int, status: ResponseStatus, text: str,
    message_id: str,
) -> bytes:  # fmt: skip
    conf: Callable[..., MSendConf | MForwardConf] = MSendConf if kind is MSendReq else MForwardConf
    return conf(
        transaction_id=transaction_id, version=min(version, _VERSION), response_status=status.for_version(version),
        response_text=text, message_id=message_id,
    ).encode()  # fmt: skip


def _retrieval(message: StoredMms, copy: Copy, body: bytes) -> MRetrieveConf:
    return MRetrieveConf(
        transaction_id=copy.token, message_id=message.id, date=message.date, sender=message.shown, to=message.to,
        cc=message.cc, previously_sent_by=tuple(Previously(*each) for each in message.previously_by),
        previously_sent_date=tuple(Previously(*each) for each in message.previously_at), subject=message.subject,
        message_class=message.message_class, priority=priority_of(message), delivery_report=message.delivery_report,
        read_report=message.read_report, retrieve_status=RetrieveStatus.OK,
        content_type=ContentType.parse(message.content_type), body=body,
    )  # fmt: skip

"""Delivery of stored short messages (TS 24.341 5.3.3.4, TS 23.040 3.2): by which transport, when, how often, its end.

ipsmgw.py hands messages in; the order of one user's messages is that of sms_queue.py, whose actions are carried out
here. What has been settled leaves the store before the phone hears that its report was heard.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.ims import sms_queue as queue
from lteims.ims.sms_lines import Line, Lines
from lteims.ims.sms_sip import SmsOverSip
from lteims.ims.sms_sip_transport import SipTransport
from lteims.ims.sms_status import receiver_of, status_report
from lteims.ims.sms_store import MOST_WAITING, SmsStore, StoredSms, reference
from lteims.ims.sms_transport import Later, Outcome, Parcel, Sent, Transports
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.net import eager
from lteims.net.sip import SipStack
from lteims.sms import rp
from lteims.sms.address import Address, TypeOfNumber
from lteims.sms.cause import RpCause, TpStatus, name
from lteims.store.state import StoreError
from lteims.trace import ERROR, IMS, INFO, WARN, log

SC_NUMBER = Address("0", TypeOfNumber.INTERNATIONAL)  # RP-OA of a phone that has never told its service centre
SWEEP = 5.0  # seconds between looks for messages whose time is over, and for settings that have changed
SWEEP_MOST = 500  # of them at once
ONE_TRY = 5.0  # seconds that a message lasts that is to be tried once, and at once
MOST_REFERENCES = 8  # tries of one message to which a late report may still refer
# What has come is sent once the 200 to the REGISTER has left, and after a start once the phones' reports of what an
# earlier process has sent had time to come again (RFC 3261 timer E, TS 24.229 table 7.7.1: 2 s)
AFTER_REGISTER = 0.3
AFTER_START = 2.5
START_RATE = 1000.0  # users a second
# What a phone says for good (TS 24.011 E-2): the same octets would end likewise
_FOR_GOOD = frozenset({RpCause.SHORT_MESSAGE_TRANSFER_REJECTED, RpCause.UNIDENTIFIED_SUBSCRIBER, 81, *range(95, 100)})
_FCS_FOR_GOOD = range(0x80, 0xA0)  # TP-PID and TP-DCS errors (TS 23.040 9.2.3.22)


class SmsDelivery:
    """Brings messages to their receivers."""

    def __init__(
        self, config: ImsConfig, stack: SipStack, subscribers: Subscribers, store: SmsStore, wall: WallClock
    ) -> None:  # fmt: skip
        self._config = config
        self._stack = stack
        self._subscribers = subscribers
        self._store = store
        self._wall = wall
        self.transports = Transports(SipTransport(config, SmsOverSip(stack, config), store, wall))
        self._lines = Lines()
        self._forced: set[str] = set()  # the IMPIs whose messages wait since they are forced to go over SGs
        self._task: asyncio.Task[None] | None = None
        self._saving = self._unsaved = False
        self._retry_delay, self._expires = config.sms_retry_delay, -1
        self.centres: dict[str, Address] = {}  # by IMPI: the service centre that its phone names
        self._follow_settings()
        subscribers.listeners.append(self._on_binding)

    # -- what waits
    def start(self, messages: Iterable[StoredSms]) -> int:
        """Take up messages of the state file, in their order; how many have a receiver still."""
        kept = 0
        stranded = []
        for message in messages:
            subscriber = self._subscribers.by_impi(message.impi)
            if subscriber is None:
                log(IMS, WARN, f"short message {message.id} has no receiver any more: {message.impi} is dropped")
                stranded.append(message)
                continue
            line = self._lines.line(subscriber, message)
            if not line.queue.waiting:
                line.before, line.delay = message.id, AFTER_START + len(self._lines) / START_RATE
            self.queue_up(subscriber, message)
            kept += 1
        for message in stranded:  # their senders' reports come behind what waits for those
            self.drop(message, TpStatus.NOT_OBTAINABLE)
        if stranded:
            self._stack.wheel.add(0.0, self.save)
        self._stack.wheel.add(SWEEP, self._sweep)
        return kept

    def queue_up(self, subscriber: Subscriber, message: StoredSms) -> None:
        """Deliver a message after those that wait already; it is in the store."""
        self._tell(self._lines.line(subscriber, message), queue.Added(message.id))

    def reachable(self, impi: str) -> None:
        """A user has come within reach: what waits for it is tried at once. For transports, and after user_set."""
        for line in self._lines.of(impi):
            line.came = True  # the try that is under way may still end with nobody there
            self._tell(line, queue.Reachable())

    def memory_available(self, impi: str) -> None:
        """RP-SMMA."""
        for line in self._lines.of(impi):
            self._tell(line, queue.MemoryAvailable())

    def drop(self, message: StoredSms, status: TpStatus) -> None:
        """A message will not be delivered. `save` is left to the caller."""
        if self._store.remove(message.id) is None:
            return
        counters.inc("sms_dropped")
        log(IMS, INFO, f"short message {message.id} to {message.impi} dropped: {name(TpStatus, status)}")
        for line in self._lines.of(message.impi):
            self._tell(line, queue.Removed(message.id))
        self._report(message, status)

    # -- the queue's machine
    def _tell(self, line: Line, event: queue.Event) -> None:
        for action in line.queue.handle(event):
            match action:
                case queue.Attempt(id):
                    line.attempt += 1
                    line.tried, line.failed, line.came = (), False, False
                    # not at once: who has just acknowledged one message is given its answer before the next comes
                    self._stack.wheel.add(line.delay, self._attempt, line, id, line.attempt)
                    line.delay = 0.0
                case queue.SetTimer(delay):
                    self._set_timer(line, line.delay + delay)
                case queue.SetRetryTimer():
                    self._set_timer(line, self._config.sms_retry_delay)
                    line.paused_at = self._stack.loop.time()
                case queue.ClearTimer():
                    self._set_timer(line, 0)
        if line.queue.state is queue.S.IDLE:
            self._lines.forget(line)
            if self._forced and line.subscriber.impi not in self._lines:
                self._forced.discard(line.subscriber.impi)

    def _set_timer(self, line: Line, delay: float) -> None:
        line.paused_at = None
        if line.timer is not None:
            self._stack.wheel.cancel(line.timer)
            line.timer = None
        if delay:
            line.timer = self._stack.wheel.add(delay, self._timer_fired, line)

    def _timer_fired(self, line: Line) -> None:
        line.timer = None
        self._not_now(line, queue.TimerFired())

    def _not_now(self, line: Line, event: queue.Failed | queue.Full | queue.Absent | queue.TimerFired) -> None:
        """A try has failed; for a message that is worth a single one that is its end."""
        message = self._store.get(line.queue.first)
        if message is None:  # flushed or deleted while it was under way
            self._tell(line, queue.Done(line.queue.first))
        elif message.once and line.queue.under_way:
            self._give_up(line, message, TpStatus.GAVE_UP_NO_RESPONSE_FROM_SME)
            self.save()
        else:
            self._tell(line, event)
            if line.came:  # what failed went to where the phone was before
                line.came = False
                self._tell(line, queue.Reachable())

    def _give_up(self, line: Line, message: StoredSms, status: TpStatus) -> None:
        """The first message of a queue is not delivered, and the next one comes to its turn."""
        self.drop(message, status)
        self._tell(line, queue.Done(message.id))

    # -- sending
    def _attempt(self, line: Line, id: str, attempt: int) -> None:
        """Send the first message of a queue to the best contact that has not failed yet."""
        if line.attempt != attempt or line.queue.state is not queue.S.SENDING:
            return
        message = self._store.get(id)
        # a user of the HSS may have gone meanwhile, and come back as another object
        line.subscriber = self._subscribers.by_impi(line.subscriber.impi) or line.subscriber
        if message is None:
            self._tell(line, queue.Done(id))
        elif self._store.ends_at(message) <= self._wall():
            self._give_up(line, message, TpStatus.VALIDITY_PERIOD_EXPIRED)
            self.save()
        elif not self._send(line, message):
            if line.subscriber.user.force_sms_over_sg:
                self._forced.add(message.impi)
            self._not_now(line, queue.Failed() if line.failed else queue.Absent())

    def _send(self, line: Line, message: StoredSms) -> bool:
        """Hand a message to the first transport that has a contact; False if there is none."""
        more = self._store.count(message.impi) > 1
        centre = self.centres.get(message.impi, SC_NUMBER)
        parcel = Parcel(line.subscriber, message, centre, more, line.tried)
        for transport in self.transports.of(line.subscriber):
            line.attempt += 1
            match transport.send(parcel, partial(self._ended, line, line.attempt)):
                case Sent() as sent:
                    counters.inc("sms_mt")
                    known = line.references if line.sent == message.id else ()
                    line.sent, line.contact, line.parts = message.id, sent.contact, sent.parts
                    line.references = (*known, sent.reference)[-MOST_REFERENCES:]
                    return True
                case Later(seconds):
                    self._tell(line, queue.Incomplete(seconds))
                    return True
        return False

    def _ended(self, line: Line, attempt: int, outcome: Outcome) -> None:
        """How a try has ended, which may come when the phone's report has ended the attempt already."""
        if line.attempt != attempt or line.queue.state is not queue.S.SENDING:
            return
        first = line.queue.first
        match outcome:
            case Outcome.ARRIVED:
                self._tell(line, queue.Arrived())
            case Outcome.TAKEN:
                self._settle(line)
                self._tell(line, queue.Done(first))
                self.save()
            case Outcome.FAILED | Outcome.ABSENT:
                line.tried += (line.contact,)
                line.failed = line.failed or outcome is Outcome.FAILED
                self._attempt(line, first, attempt)  # another contact, if there is one

    # -- reports
    async def on_report(
        self, impi: str, report: rp.RpAck | rp.RpError, contact: str, refers: Sequence[str] = ()
    ) -> None:  # fmt: skip
        """RP-ACK or RP-ERROR of a phone at `contact` for what was delivered to it; on the disk when this returns.

        `refers`: which of a transport's references the report names; none where it names nothing.
        """
        for line in self._lines.of(impi):
            if self._fits(line, report.rp_mr, contact, refers):
                break
        else:
            counters.inc("sms_stray_report")
            log(IMS, INFO, f"a report of {impi} for RP-MR {report.rp_mr} fits nothing that was sent")
            return
        first = line.queue.first
        if isinstance(report, rp.RpError) and not self._refused(line, report):
            return
        if isinstance(report, rp.RpAck):
            self._settle(line)
        await self._commit()
        self._tell(line, queue.Done(first))

    def _fits(self, line: Line, rp_mr: int, contact: str, refers: Sequence[str]) -> bool:
        """Is a report that of the first message: by RP-MR, and by what it refers to where the phone says so?

        What an earlier process has sent is known by RP-MR alone. The message itself may have been flushed meanwhile.
        """
        first = line.queue.first
        if not first or reference(first) != rp_mr:
            return False
        if line.before == first:
            return True
        if line.sent != first or line.parts:
            return False
        if not refers:
            return contact == line.contact
        return any(each in line.references for each in refers)

    def _refused(self, line: Line, report: rp.RpError) -> bool:
        """What an RP-ERROR does to the first message; True if that is its end."""
        cause, message = report.rp_cause, self._store.get(line.queue.first)
        log(IMS, INFO, f"{line.subscriber.impi} refuses a short message: {name(RpCause, cause)}")
        fcs = report.rp_ud[1] if report.rp_ud is not None and len(report.rp_ud) > 1 else 0
        full = cause == RpCause.MEMORY_CAPACITY_EXCEEDED
        if message is None or full or not (cause in _FOR_GOOD or fcs in _FCS_FOR_GOOD):
            self._not_now(line, queue.Full() if full else queue.Failed())
            return False
        rejected = cause == RpCause.SHORT_MESSAGE_TRANSFER_REJECTED
        self.drop(message, TpStatus.CONNECTION_REJECTED_BY_SME if rejected else TpStatus.REMOTE_PROCEDURE_ERROR)
        return True

    def _settle(self, line: Line) -> None:
        """The first message, and all parts that went with it, are the receiver's now."""
        first = line.queue.first
        parts, line.parts = line.parts or (first,), ()
        for id in parts:
            message = self._store.remove(id)
            if message is None:
                continue
            counters.inc("sms_delivered")
            if IMS.level >= INFO:
                log(IMS, INFO, f"short message {id} delivered to {message.impi}", id=line.contact or "-")
            if id != first:
                for each in self._lines.of(message.impi):
                    self._tell(each, queue.Removed(id))
            self._report(message, TpStatus.RECEIVED_BY_SME)

    def _report(self, message: StoredSms, status: TpStatus) -> None:
        """The status report that the sender asked for (TS 23.040 9.2.2.3)."""
        if message.tp_srr and message.origin:
            self.status_report(message.origin, message.tp_mr, receiver_of(message), message.received_at, status)

    def status_report(
        self, impi: str, tp_mr: int, address: Address, received_at: int, status: TpStatus, *, tp_srq: bool = False
    ) -> None:  # fmt: skip
        """Send a SMS-STATUS-REPORT; `tp_srq` is set in the one that a SMS-COMMAND asks for."""
        subscriber = self._subscribers.by_impi(impi)
        if subscriber is None or self._store.count(impi) >= MOST_WAITING:
            return
        message = status_report(
            self._store.new_id(), subscriber.impi, self._wall(), tp_mr=tp_mr, tp_ra=address, received_at=received_at,
            tp_st=status, tp_srq=tp_srq, once=self._config.sms_expires <= 0,
        )  # fmt: skip
        self._store.add(message)
        self.queue_up(subscriber, message)

    # -- the disk
    def save(self) -> None:
        """What has changed goes to the disk soon; nobody waits for it."""
        self._unsaved = True
        if not self._saving:
            self._saving = True
            self._task = eager.start(self._stack.loop, self._save())

    async def _save(self) -> None:
        try:
            while self._unsaved:
                self._unsaved = False
                await self._commit()
        finally:
            self._saving = False

    async def _commit(self) -> None:
        try:
            await self._store.commit()
        except StoreError as error:
            log(IMS, ERROR, f"the state of short messages could not be written: {error}")

    # -- events
    def _on_binding(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        lines = self._lines.of(subscriber.impi)
        if event in ("registered", "refreshed"):
            for line in lines:
                line.came = True
            if lines:
                self._stack.wheel.add(AFTER_REGISTER, self.reachable, subscriber.impi)
            return
        for line in lines:
            if binding.id == line.contact and line.queue.under_way:  # no use to wait for what it would have said
                self._not_now(line, queue.Failed())

    def _sweep(self) -> None:
        """Drop what has become too old; what is under way is looked at again."""
        self._follow_settings()
        for impi in [impi for impi in self._forced if not self._is_forced(impi)]:
            self._forced.discard(impi)
            self.reachable(impi)
        now = self._wall()
        expired = self._store.expired(now, SWEEP_MOST)
        for message in expired:
            if any(line.queue.under_way and line.queue.first == message.id for line in self._lines.of(message.impi)):
                self._store.look_again(message, now + SWEEP)
            else:
                self.drop(message, TpStatus.VALIDITY_PERIOD_EXPIRED)
        if expired:
            self.save()
        self._stack.wheel.add(SWEEP if len(expired) < SWEEP_MOST else 0.05, self._sweep)

    def _is_forced(self, impi: str) -> bool:
        subscriber = self._subscribers.by_impi(impi)
        return subscriber is not None and subscriber.user.force_sms_over_sg

    def _follow_settings(self) -> None:
        """sms_expires and sms_retry_delay hold for what waits already, too, when the operator changes them."""
        config = self._config
        if config.sms_expires != self._expires:
            self._expires = config.sms_expires
            self._store.limit(self._expires or ONE_TRY)
        if config.sms_retry_delay != self._retry_delay:
            self._retry_delay = config.sms_retry_delay
            now = self._stack.loop.time()
            for line in self._lines:
                since = line.paused_at
                if since is not None:
                    self._set_timer(line, max(0.01, since + self._retry_delay - now))
                    line.paused_at = since

"""Delivery of stored short messages (TS 24.341 5.3.3.4, TS 23.040 3.2): to which contact, when, how often, and its end.

ipsmgw.py hands messages in; the order of one user's messages is that of sms_queue.py, whose actions are carried out
here. What has been settled leaves the store before the phone hears that its report was heard.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig, SmsAction
from lteims.ims import sms_queue as queue
from lteims.ims.caller import Caller
from lteims.ims.sms_sip import RPDU, TEXT, Onward, SmsOverSip, choose
from lteims.ims.sms_store import MOST_WAITING, SmsStore, StoredSms, reference
from lteims.ims.sms_text import sender_uri, text_of
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.net import eager
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.grammar import split_commas
from lteims.sip.message import Request
from lteims.sms import rp
from lteims.sms.address import Address, TypeOfNumber
from lteims.sms.cause import RpCause, TpStatus, name
from lteims.sms.octets import Direction, Reader
from lteims.sms.timestamp import Timestamp
from lteims.sms.tpdu import SmsStatusReport
from lteims.store.state import StoreError
from lteims.trace import ERROR, IMS, INFO, WARN, log

SC_NUMBER = Address("0", TypeOfNumber.INTERNATIONAL)  # RP-OA of a phone that has never told its service centre
EARLIEST = 946684800.0  # 1 January 2000
SWEEP = 5.0  # seconds between looks for messages whose time is over
SWEEP_MOST = 500  # of them at once
ONE_TRY = 5.0  # seconds that a message lasts that is to be tried once, and at once
JOIN_TIME = 30.0  # seconds that a softphone's message waits for its other parts
MOST_CALLS = 8  # tries of one message to which a late report may still refer
# What has come is sent once the 200 to the REGISTER has left, and after a start once the phones' reports of what an
# earlier process has sent had time to come again (RFC 3261 timer E, TS 24.229 table 7.7.1: 2 s)
AFTER_REGISTER = 0.3
AFTER_START = 2.5
START_RATE = 1000.0  # users a second
# What a phone says for good (TS 24.011 E-2): the same octets would end likewise
_FOR_GOOD = frozenset({RpCause.SHORT_MESSAGE_TRANSFER_REJECTED, RpCause.UNIDENTIFIED_SUBSCRIBER, 81, *range(95, 100)})
_FCS_FOR_GOOD = range(0x80, 0xA0)  # TP-PID and TP-DCS errors (TS 23.040 9.2.3.22)
_MMS = 0x04  # TP-MMS of SMS-DELIVER and SMS-STATUS-REPORT: no more messages wait


@dataclass(slots=True, eq=False)
class _Line:
    """What is known of one user's delivery besides its queue."""

    queue: queue.SmsQueue
    subscriber: Subscriber
    timer: Handle | None = None
    sent: str = ""  # the message that was sent last
    calls: tuple[str, ...] = ()  # the Call-IDs of its last MESSAGEs
    binding: str = ""  # the id of the contact that it went to last
    as_text: tuple[str, ...] = ()  # all parts that went together to a softphone
    attempt: int = 0
    tried: tuple[str, ...] = ()  # the ids of contacts that failed in this attempt
    before: str = ""  # the first message found at start: an earlier process may have sent it
    delay: float = 0.0  # before the next attempt


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
        self._sip = SmsOverSip(stack, config)
        self._lines: dict[str, _Line] = {}
        self._task: asyncio.Task[None] | None = None
        self._saving = self._unsaved = False
        self.centres: dict[str, Address] = {}  # by IMPI: the service centre that its phone names
        self.own_name = f"<sip:ipsmgw@{config.domain}>"  # P-Asserted-Identity: where phones send their reports to
        subscribers.listeners.append(self._on_binding)

    # -- what waits
    def start(self, messages: Iterable[StoredSms]) -> int:
        """Take up messages of the state file, in their order; how many have a receiver still."""
        kept = 0
        for message in messages:
            subscriber = self._subscribers.by_impi(message.impi)
            if subscriber is None:
                log(IMS, WARN, f"short message {message.id} has no receiver any more: {message.impi} is dropped")
                self._store.remove(message.id)
                continue
            if message.impi not in self._lines:
                line = self._line(subscriber)
                line.before, line.delay = message.id, AFTER_START + len(self._lines) / START_RATE
            self.queue_up(subscriber, message)
            kept += 1
        self._stack.wheel.add(SWEEP, self._sweep)
        return kept

    def queue_up(self, subscriber: Subscriber, message: StoredSms) -> None:
        """Deliver a message after those that wait already; it is in the store."""
        self._tell(self._lines.get(subscriber.impi) or self._line(subscriber), queue.Added(message.id))

    def memory_available(self, impi: str) -> None:
        """RP-SMMA."""
        line = self._lines.get(impi)
        if line is not None:
            self._tell(line, queue.MemoryAvailable())

    def drop(self, message: StoredSms, status: TpStatus) -> None:
        """A message will not be delivered. `save` is left to the caller."""
        if self._store.remove(message.id) is None:
            return
        counters.inc("sms_dropped")
        log(IMS, INFO, f"short message {message.id} to {message.impi} dropped: {name(TpStatus, status)}")
        line = self._lines.get(message.impi)
        if line is not None:
            self._tell(line, queue.Removed(message.id))
        self._report(message, status)

    # -- the queue's machine
    def _line(self, subscriber: Subscriber) -> _Line:
        line = _Line(queue.SmsQueue(subscriber.impi, self._config.sms_retry_delay), subscriber)
        self._lines[subscriber.impi] = line
        return line

    def _tell(self, line: _Line, event: queue.Event) -> None:
        for action in line.queue.handle(event):
            match action:
                case queue.Attempt(id):
                    line.attempt += 1
                    line.tried = ()
                    # not at once: who has just acknowledged one message is given its answer before the next comes
                    self._stack.wheel.add(line.delay, self._attempt, line, id, line.attempt)
                    line.delay = 0.0
                case queue.SetTimer(delay):
                    self._set_timer(line, delay)
                case queue.ClearTimer():
                    self._set_timer(line, 0)
        if line.queue.state is queue.S.IDLE and self._lines.get(line.subscriber.impi) is line:
            del self._lines[line.subscriber.impi]

    def _set_timer(self, line: _Line, delay: float) -> None:
        if line.timer is not None:
            self._stack.wheel.cancel(line.timer)
            line.timer = None
        if delay:
            line.timer = self._stack.wheel.add(delay, self._timer_fired, line)

    def _timer_fired(self, line: _Line) -> None:
        line.timer = None
        self._not_now(line, queue.TimerFired())

    def _not_now(self, line: _Line, event: queue.Failed | queue.Full | queue.Absent | queue.TimerFired) -> None:
        """A try has failed; for a message that is worth a single one that is its end."""
        message = self._store.get(line.queue.first)
        if message is None:  # flushed or deleted while it was under way
            self._tell(line, queue.Done(line.queue.first))
        elif message.once and line.queue.under_way:
            self._give_up(line, message, TpStatus.GAVE_UP_NO_RESPONSE_FROM_SME)
            self.save()
        else:
            self._tell(line, event)

    def _give_up(self, line: _Line, message: StoredSms, status: TpStatus) -> None:
        """The first message of a queue is not delivered, and the next one comes to its turn."""
        self.drop(message, status)
        self._tell(line, queue.Done(message.id))

    # -- sending
    def _attempt(self, line: _Line, id: str, attempt: int) -> None:
        """Send the first message of a queue to the best contact that has not failed yet."""
        if line.attempt != attempt or line.queue.state is not queue.S.SENDING:
            return
        message = self._store.get(id)
        if message is None:
            self._tell(line, queue.Done(id))
            return
        if message.expires_at <= self._wall():
            self._give_up(line, message, TpStatus.VALIDITY_PERIOD_EXPIRED)
            self.save()
            return
        if line.subscriber.user.force_sms_over_sg:
            self._not_now(line, queue.Failed())
            return
        binding = choose(line.subscriber, message.impu_key, sos=message.sos, tried=line.tried)
        if binding is None:
            self._not_now(line, queue.Failed() if line.tried else queue.Absent())
            return
        if line.sent != id:
            line.sent = id
            line.calls = ()
        line.binding = binding.id
        if binding.sms_over_ip:
            self._send_rpdu(line, message, binding)
        else:
            self._send_text(line, message, binding)

    def _send_rpdu(self, line: _Line, message: StoredSms, binding: Binding) -> None:
        """TS 24.341 5.3.3.4.1: RP-DATA in a MESSAGE; RP-MR is the same in every try of one message."""
        line.as_text = ()
        more = self._store.count(message.impi) > 1
        octets = bytes((message.tpdu[0] & ~_MMS | (0 if more else _MMS),)) + message.tpdu[1:]
        centre = self.centres.get(message.impi, SC_NUMBER)
        body = rp.RpData(Direction.SC_TO_MS, message.rp_mr, centre, None, octets).encode()
        impu = line.subscriber.impu(message.impu_key) or line.subscriber.impus[0]
        self._send(
            line, Onward(line.subscriber, binding, self.own_name, impu.uri.text, RPDU, body, asserted=self.own_name)
        )

    def _send_text(self, line: _Line, message: StoredSms, binding: Binding) -> None:
        """A softphone reads text: all parts of a message in one MESSAGE, once they are there."""
        found = text_of(message, self._store.of(message.impi))
        age = self._wall() - message.received_at
        if found is None and age < JOIN_TIME and not message.once:
            self._tell(line, queue.Incomplete(min(JOIN_TIME, JOIN_TIME - age)))
            return
        text, line.as_text = found or text_of(message, [message], alone=True) or ("", (message.id,))
        impu = line.subscriber.impu(message.impu_key) or line.subscriber.impus[0]
        sender = f"<{sender_uri(message.sender, self._config.domain)}>"
        body = text.encode("utf-8", "replace")
        self._send(
            line, Onward(line.subscriber, binding, sender, impu.uri.text, f"{TEXT};charset=UTF-8", body)
        )  # fmt: skip

    def _send(self, line: _Line, onward: Onward) -> None:
        counters.inc("sms_mt")
        call_id = self._sip.send(onward, partial(self._answered, line, line.attempt, onward.binding.id))
        line.calls = (*line.calls, call_id)[-MOST_CALLS:]

    def _answered(self, line: _Line, attempt: int, binding: str, code: int) -> None:
        """The end of a MESSAGE to a phone, which may come when its report has ended the attempt already."""
        if line.attempt != attempt or line.queue.state is not queue.S.SENDING or line.binding != binding:
            return
        if code >= 300:
            log(IMS, INFO, f"a short message to {line.subscriber.impi} was answered {code}", id=binding)
            line.tried += (binding,)
            self._attempt(line, line.queue.first, attempt)  # another contact, if there is one
        elif line.as_text:
            first = line.queue.first
            self._settle(line)
            self._tell(line, queue.Done(first))
            self.save()
        else:
            self._tell(line, queue.Arrived())

    # -- reports
    async def on_report(self, transaction: ServerTransaction, caller: Caller, report: rp.RpAck | rp.RpError) -> None:
        """RP-ACK or RP-ERROR of a phone for what was delivered to it; the phone is answered when it is on the disk."""
        request, subscriber = transaction.request, caller.subscriber
        assert subscriber is not None
        action = self._config.sms_message_filter.rp_ack if isinstance(report, rp.RpAck) else SmsAction.TREAT
        if action is not SmsAction.TREAT:
            transaction.reply(202 if action is SmsAction.IGNORE else 403)
            log(IMS, INFO, f"RP-ACK of {subscriber.impi}: {action}, as sms_message_filter says")
            return
        line = self._lines.get(subscriber.impi)
        if line is None or not self._fits(line, caller.binding, request, report.rp_mr):
            transaction.reply(202)
            counters.inc("sms_stray_report")
            log(IMS, INFO, f"a report of {subscriber.impi} for RP-MR {report.rp_mr} fits nothing that was sent")
            return
        first = line.queue.first
        if isinstance(report, rp.RpError) and not self._refused(line, report):
            transaction.reply(202)
            return
        if isinstance(report, rp.RpAck):
            self._settle(line)
        await self._commit()
        transaction.reply(202)
        self._tell(line, queue.Done(first))

    def _fits(self, line: _Line, binding: Binding | None, request: Request, rp_mr: int) -> bool:
        """Is a report that of the first message: by RP-MR, and by In-Reply-To where the phone has it?

        What an earlier process has sent is known by RP-MR alone. The message itself may have been flushed meanwhile.
        """
        first = line.queue.first
        if not first or reference(first) != rp_mr:
            return False
        if line.before == first:
            return True
        refers = split_commas(request.get("in-reply-to"))
        if line.sent != first or line.as_text:
            return False
        if refers == [""]:
            return binding is not None and binding.id == line.binding
        return any(call_id in line.calls for call_id in refers)

    def _refused(self, line: _Line, report: rp.RpError) -> bool:
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

    def _settle(self, line: _Line) -> None:
        """The first message, and all parts that went with it, are the receiver's now."""
        first = line.queue.first
        parts, line.as_text = line.as_text or (first,), ()
        for id in parts:
            message = self._store.remove(id)
            if message is None:
                continue
            counters.inc("sms_delivered")
            if IMS.level >= INFO:
                log(IMS, INFO, f"short message {id} delivered to {message.impi}", id=line.binding or "-")
            if id != first:
                self._tell(line, queue.Removed(id))
            self._report(message, TpStatus.RECEIVED_BY_SME)

    def _report(self, message: StoredSms, status: TpStatus) -> None:
        """The status report that the sender asked for (TS 23.040 9.2.2.3)."""
        if message.tp_srr and message.origin:
            address = Address.parse(Reader(message.tp_da), "TP-RA")
            self.status_report(message.origin, message.tp_mr, address, message.received_at, status)

    def status_report(
        self, impi: str, tp_mr: int, address: Address, received_at: int, status: TpStatus, *, tp_srq: bool = False
    ) -> None:  # fmt: skip
        """Send a SMS-STATUS-REPORT; `tp_srq` is set in the one that a SMS-COMMAND asks for."""
        subscriber = self._subscribers.by_impi(impi)
        if subscriber is None or self._store.count(impi) >= MOST_WAITING:
            return
        now, validity = self._wall(), self._config.sms_expires
        report = SmsStatusReport(
            tp_mr=tp_mr, tp_ra=address, tp_scts=stamp(received_at), tp_dt=stamp(now), tp_st=status, tp_srq=tp_srq
        )
        message = StoredSms(
            id=self._store.new_id(), impi=subscriber.impi, impu_key="", tpdu=report.encode(), received_at=int(now),
            expires_at=now + (validity if validity > 0 else ONE_TRY), sender=str(address), once=validity <= 0,
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
        line = self._lines.get(subscriber.impi)
        if line is None:
            return
        if event in ("registered", "refreshed"):
            self._stack.wheel.add(AFTER_REGISTER, self._reachable, subscriber.impi)
        elif binding.id == line.binding and line.queue.under_way:  # no use to wait for what it would have said
            self._not_now(line, queue.Failed())

    def _reachable(self, impi: str) -> None:
        line = self._lines.get(impi)
        if line is not None:
            self._tell(line, queue.Reachable())

    def _sweep(self) -> None:
        """Drop what has become too old; what is under way is looked at again."""
        now = self._wall()
        expired = self._store.expired(now, SWEEP_MOST)
        for message in expired:
            line = self._lines.get(message.impi)
            if line is not None and line.queue.under_way and line.queue.first == message.id:
                self._store.look_again(message, now + SWEEP)
            else:
                self.drop(message, TpStatus.VALIDITY_PERIOD_EXPIRED)
        if expired:
            self.save()
        self._stack.wheel.add(SWEEP if len(expired) < SWEEP_MOST else 0.05, self._sweep)


def stamp(seconds: float) -> Timestamp:
    """A moment of the wall clock; one that was never set stands in a year that has no two digits of its own."""
    return Timestamp.at(max(seconds, EARLIEST))

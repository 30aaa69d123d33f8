"""The IP-SM-GW and its service centre (TS 23.204, 24.341 5.3, 23.040 3): messages are stored, then forwarded.

pcscf.py hands in what phones send; `submit` is the one door for phones, softphones, the remote API and the monitor.
A message is on disk before anybody hears that it was taken, and goes when its receiver has acknowledged it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig, SmsAction
from lteims.ims import sms_queue as queue
from lteims.ims.caller import Caller
from lteims.ims.sms_sip import RPDU, TEXT, Onward, SmsOverSip, choose
from lteims.ims.sms_store import SmsStore, StoredSms
from lteims.ims.sms_text import text_of, whole_text
from lteims.ims.subscribers import Binding, Impu, Subscriber, Subscribers
from lteims.net import eager
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.errors import SipError
from lteims.sip.grammar import split_commas
from lteims.sip.headers import NameAddr
from lteims.sip.message import Request
from lteims.sip.uri import parse_uri
from lteims.sms import rp, tpdu
from lteims.sms.address import Address, TypeOfNumber
from lteims.sms.cause import RpCause, TpCommandType, TpFcs, TpStatus, name
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.report import SmsSubmitReport
from lteims.sms.smr import report_for
from lteims.sms.text import Joiner, Message
from lteims.sms.timestamp import Timestamp
from lteims.sms.userdata import UserData
from lteims.store.state import StoreError
from lteims.trace import ERROR, IMS, INFO, WARN, log

SC_NUMBER = Address("0", TypeOfNumber.INTERNATIONAL)  # RP-OA of a phone that has never told its service centre
EARLIEST = 946684800.0  # 1 January 2000
SWEEP = 5.0  # seconds between looks for messages whose time is over
JOIN_TIME = 30.0  # seconds that a softphone's message waits for its other parts
# What a phone says for good (TS 24.011 E-2, TS 23.040 3.2.8): another try would end likewise
_FOR_GOOD = frozenset({RpCause.UNIDENTIFIED_SUBSCRIBER, RpCause.SHORT_MESSAGE_TRANSFER_REJECTED, *range(81, 112)})


@dataclass(frozen=True, slots=True)
class SmsEvent:
    """A message that was received, for those who listen (manual 6.7, `sms`)."""

    sender: str
    receiver: str
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A message to be stored and forwarded; `parts` are delivered in this order."""

    receiver: Subscriber
    impu: Impu | None
    sender: Address
    parts: list[UserData]
    validity: float  # seconds
    tp_pid: int = 0
    sos: bool = False
    report_to: str = ""  # IMPI of who wants a status report
    tp_mr: int = 0
    tp_da: Address | None = None
    tp_rp: bool = False


@dataclass(slots=True)
class _Line:
    """What is known of one user's delivery besides its queue."""

    queue: queue.SmsQueue
    subscriber: Subscriber
    timer: Handle | None = None
    rp_mr: int = -1  # of the RP-DATA on its way
    call_id: str = ""  # of its MESSAGE
    binding: str = ""  # the id of the contact that it went to
    attempt: int = 0
    tried: set[str] = field(default_factory=set)  # contacts that failed in this attempt
    as_text: tuple[str, ...] = ()  # ids of all parts that went together to a softphone


class IpSmGw:
    """The gateway."""

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
        self._centres: dict[str, Address] = {}  # by IMPI: the service centre that its phone names
        self._joiner = Joiner()
        self._references = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.listeners: list[Callable[[SmsEvent], None]] = []  # clients that want the event `sms`
        subscribers.listeners.append(self._on_binding)

    # -- life
    def start(self) -> int:
        """Take up what the state file has; the number of messages. Delivery begins with the next registration."""
        kept = 0
        for message in self._store.restore():
            subscriber = self._subscribers.by_impi(message.impi)
            if subscriber is None:
                log(IMS, WARN, f"short message {message.id} has no receiver any more: {message.impi} is dropped")
                self._store.remove(message.id)
                continue
            self._queue_up(subscriber, message)
            kept += 1
        self._stack.wheel.add(SWEEP, self._sweep)
        return kept

    def pending(self, impi: str) -> int:
        """How many messages wait for a user."""
        return self._store.count(impi)

    def waits(self, id: str) -> bool:
        """Has this message not been delivered or dropped yet?"""
        return self._store.get(id) is not None

    def load(self) -> int:
        """How many messages wait in all, for metrics and tests."""
        return len(self._store)

    # -- from phones
    async def on_message(self, transaction: ServerTransaction, caller: Caller) -> None:
        """A MESSAGE with an RPDU (TS 24.341 5.3.3.3): 202, and the answer as a MESSAGE of our own."""
        subscriber, binding = caller.subscriber, caller.binding
        if subscriber is None or binding is None:
            raise SipError(403, "short messages need a registration")
        request = transaction.request
        try:
            message = rp.parse(request.body, Direction.MS_TO_SC)
        except SmsError as error:
            counters.inc("sms_malformed")
            if error.rp_mr is None:
                raise SipError(400, f"bad RPDU: {error}", reason="Bad RPDU") from None
            transaction.reply(202)
            log(IMS, INFO, f"RPDU of {subscriber.impi} refused: {error}", id=binding.id)
            self._answer(caller, request, rp.RpError(Direction.SC_TO_MS, error.rp_mr, self._forced(error.rp_cause)))
            return
        match message:
            case rp.RpData():
                await self._on_rp_data(transaction, caller, message)
            case rp.RpSmma():
                transaction.reply(202)
                self._answer(caller, request, rp.RpAck(Direction.SC_TO_MS, message.rp_mr))
                self._tell(subscriber.impi, queue.MemoryAvailable())
            case rp.RpAck() | rp.RpError():
                self._on_report(transaction, subscriber, message)

    async def _on_rp_data(self, transaction: ServerTransaction, caller: Caller, message: rp.RpData) -> None:
        request = transaction.request
        transaction.reply(202)
        counters.inc("sms_mo")
        match self._config.sms_message_filter.rp_data:
            case SmsAction.IGNORE:
                log(IMS, INFO, f"RP-DATA of {caller.name} is ignored, as sms_message_filter says")
                return
            case SmsAction.REJECT:
                cause = self._forced(RpCause.SHORT_MESSAGE_TRANSFER_REJECTED)
                self._answer(caller, request, rp.RpError(Direction.SC_TO_MS, message.rp_mr, cause))
                return
        scts = stamp(self._wall())
        try:
            await self._take(caller, message)
        except SmsError as error:
            counters.inc("sms_refused")
            log(IMS, INFO, f"short message of {caller.name} refused: {error}, {name(RpCause, error.rp_cause)}")
            report = SmsSubmitReport(tp_scts=scts, tp_fcs=error.tp_fcs).encode()
            self._answer(caller, request, report_for(message, report, self._forced(error.rp_cause)))
            return
        self._answer(caller, request, report_for(message, SmsSubmitReport(tp_scts=scts).encode()))

    async def _take(self, caller: Caller, message: rp.RpData) -> None:
        """Carry out what a phone submits; SmsError is the RP-ERROR."""
        subscriber = caller.subscriber
        assert subscriber is not None
        if message.rp_da is not None:
            self._centres[subscriber.impi] = message.rp_da
        match tpdu.parse(message.rp_ud, Direction.MS_TO_SC):
            case tpdu.SmsSubmit() as submit:
                await self._submitted(caller, submit)
            case tpdu.SmsCommand() as command:
                await self._commanded(subscriber, command)
            case _:
                raise SmsError("only SMS-SUBMIT and SMS-COMMAND come from a phone", tp_fcs=TpFcs.TPDU_NOT_SUPPORTED)

    async def _submitted(self, caller: Caller, submit: tpdu.SmsSubmit) -> None:
        sender = sender_of(caller)
        self._tell_listeners(str(sender), str(submit.tp_da), submit.user_data)
        if self._config.sms_hook_only and self.listeners:
            return
        receiver, impu = self.find(submit.tp_da)
        now = self._wall()
        expires = submit.tp_vp.expires(now) if submit.tp_vp is not None else None
        validity = self._config.sms_expires if expires is None else min(self._config.sms_expires, expires - now)
        await self.submit(
            Submission(
                receiver=receiver, impu=impu, sender=sender, parts=[submit.user_data], validity=validity,
                tp_pid=submit.tp_pid, tp_rp=submit.tp_rp, tp_mr=submit.tp_mr, tp_da=submit.tp_da,
                report_to=caller.subscriber.impi if submit.tp_srr and caller.subscriber is not None else "",
            )
        )  # fmt: skip

    def find(self, address: Address) -> tuple[Subscriber, Impu]:
        """The user of a number; SmsError with cause 1 for nobody's (TS 24.011 E-2)."""
        try:
            found = self._subscribers.by_impu(parse_uri(f"tel:{address}"))
        except SipError:
            found = None
        if found is None:
            raise SmsError(
                f"nobody has the number {address}", RpCause.UNASSIGNED_NUMBER, tp_fcs=TpFcs.INVALID_SME_ADDRESS
            )
        return found

    async def _commanded(self, subscriber: Subscriber, command: tpdu.SmsCommand) -> None:
        """TS 23.040 9.2.3.19: about messages that this phone has submitted under TP-MN to TP-DA."""
        receiver, _ = self.find(command.tp_da)
        meant = [
            m for m in self._store.of(receiver.impi)
            if m.report_to == subscriber.impi and m.tp_mr == command.tp_mn and m.tp_da == str(command.tp_da)
        ]  # fmt: skip
        match command.tp_ct:
            case TpCommandType.DELETE_PREVIOUSLY_SUBMITTED_SM:
                for message in meant:
                    self._drop(message, TpStatus.DELETED_BY_ORIGINATING_SME)
            case TpCommandType.ENQUIRY:
                status = TpStatus.STILL_TRYING_NO_RESPONSE_FROM_SME if meant else TpStatus.SM_DOES_NOT_EXIST
                now = int(self._wall())
                self._store_report(subscriber.impi, command.tp_mn, command.tp_da, now, status)
            case TpCommandType.CANCEL_STATUS_REPORT_REQUEST:
                for message in meant:
                    message.report_to = ""
                    self._store.add(message)
            case _:
                raise SmsError(f"TP-CT {command.tp_ct}", tp_fcs=TpFcs.COMMAND_UNSUPPORTED)
        await self._commit()

    # -- the door
    async def submit(self, submission: Submission) -> list[str]:
        """Store a message and begin to deliver it; the ids of its parts. They are on disk when this returns.

        SmsError where they cannot be stored, and then nothing of them is kept.
        """
        now = self._wall()
        if submission.validity <= 0:
            raise SmsError("the validity period is over", tp_fcs=TpFcs.TP_VP_NOT_SUPPORTED)
        scts = stamp(now)
        stored = []
        for part in submission.parts:
            deliver = tpdu.SmsDeliver(
                tp_oa=submission.sender, tp_scts=scts, tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs,
                tp_udhi=part.tp_udhi, tp_pid=submission.tp_pid, tp_rp=submission.tp_rp,
                tp_sri=bool(submission.report_to),
            )  # fmt: skip
            stored.append(
                StoredSms(
                    id=self._store.new_id(), impi=submission.receiver.impi,
                    impu_key=submission.impu.key if submission.impu is not None else "",
                    tpdu=deliver.encode(), received_at=int(now), expires_at=now + submission.validity,
                    sender=str(submission.sender), sos=submission.sos, report_to=submission.report_to,
                    tp_mr=submission.tp_mr, tp_da=str(submission.tp_da or ""),
                )
            )  # fmt: skip
        for message in stored:
            self._store.add(message)
        try:
            await self._commit()
        except SmsError:
            for message in stored:
                self._store.remove(message.id)
            raise
        for message in stored:
            self._queue_up(submission.receiver, message)
        return [message.id for message in stored]

    async def _commit(self) -> None:
        try:
            await self._store.commit()
        except StoreError as error:
            log(IMS, ERROR, f"a short message could not be stored: {error}")
            raise SmsError(
                "the store does not take it", RpCause.NETWORK_OUT_OF_ORDER, tp_fcs=TpFcs.SC_SYSTEM_FAILURE
            ) from None

    def flush(self, impi: str) -> int:
        """Forget all messages that wait for a user; their number."""
        waiting = self._store.of(impi)
        for message in waiting:
            self._drop(message, TpStatus.DELETED_BY_SC_ADMINISTRATION)
        return len(waiting)

    def _tell_listeners(self, sender: str, receiver: str, part: UserData) -> None:
        if not self.listeners:
            return
        message = self._joiner.add((sender, receiver), part, self._wall())
        if message is not None:
            for listener in self.listeners:
                listener(SmsEvent(sender, receiver, message))

    # -- softphones
    async def on_text(self, transaction: ServerTransaction, caller: Caller, receiver: Subscriber, impu: Impu) -> None:
        """A MESSAGE with text for a user whose phone reads SMS, or who is not there: stored and forwarded."""
        request = transaction.request
        sender = sender_of(caller)
        try:
            text = request.body.decode()
        except UnicodeDecodeError:
            raise SipError(415, "text that is no UTF-8", {"accept": TEXT}) from None
        self._references = (self._references + 1) & 0xFF
        try:
            parts = whole_text(text, self._references)
            validity = min(self._config.sms_expires, expiry_of(request))
            await self.submit(
                Submission(receiver=receiver, impu=impu, sender=sender, parts=parts, validity=validity)
            )  # fmt: skip
        except SmsError as error:
            raise SipError(500 if error.rp_cause is RpCause.NETWORK_OUT_OF_ORDER else 488, str(error)) from None
        counters.inc("sms_text")
        transaction.reply(202)

    # -- delivery
    def _queue_up(self, subscriber: Subscriber, message: StoredSms) -> None:
        self._tell(subscriber.impi, queue.Added(message.id), subscriber)

    def _tell(self, impi: str, event: queue.Event, subscriber: Subscriber | None = None) -> None:
        line = self._lines.get(impi)
        if line is None:
            if subscriber is None:
                return
            made = queue.SmsQueue(impi, self._config.sms_retry_delay)
            line = self._lines[impi] = _Line(made, subscriber)
        self._run(line, line.queue.handle(event))
        if line.queue.state is queue.S.IDLE and self._lines.get(impi) is line:
            del self._lines[impi]

    def _run(self, line: _Line, actions: list[queue.Action]) -> None:
        for action in actions:
            match action:
                case queue.Attempt(id):
                    line.attempt += 1
                    line.tried.clear()
                    # not at once: who has just acknowledged one message is given its answer before the next comes
                    self._stack.wheel.add(0, self._attempt, line, id, line.attempt)
                case queue.Delivered(id):
                    self._delivered(line, id)
                case queue.Undeliverable(id):
                    message = self._store.get(id)
                    if message is not None:
                        self._drop(message, TpStatus.GAVE_UP_SERVICE_REJECTED, told=True)
                case queue.SetTimer(delay):
                    self._set_timer(line, delay)
                case queue.ClearTimer():
                    self._set_timer(line, 0)

    def _set_timer(self, line: _Line, delay: float) -> None:
        if line.timer is not None:
            self._stack.wheel.cancel(line.timer)
            line.timer = None
        if delay:
            line.timer = self._stack.wheel.add(delay, self._tell, line.subscriber.impi, queue.TimerFired())

    def _attempt(self, line: _Line, id: str, attempt: int) -> None:
        """Send the first message of a queue to the best contact that has not failed yet."""
        message = self._store.get(id)
        if line.attempt != attempt or line.queue.state is not queue.S.SENDING:
            return
        impi = line.subscriber.impi
        if message is None or message.expires_at <= self._wall():
            if message is not None:
                self._drop(message, TpStatus.VALIDITY_PERIOD_EXPIRED, told=True)
            self._tell(impi, queue.Refused(forever=True))
            return
        binding = choose(line.subscriber, message.impu_key, sos=message.sos, tried=frozenset(line.tried))
        if binding is None or line.subscriber.user.force_sms_over_sg:
            self._tell(impi, queue.Failed())
            return
        line.binding = binding.id
        if binding.sms_over_ip:
            self._send_rpdu(line, message, binding)
        else:
            self._send_text(line, message, binding)

    def _send_rpdu(self, line: _Line, message: StoredSms, binding: Binding) -> None:
        """TS 24.341 5.3.3.4.1: RP-DATA in a MESSAGE; RP-MR is the same in every try of one message."""
        line.rp_mr = int(message.id, 16) & 0xFF
        more = self._store.count(message.impi) > 1
        octets = bytes((message.tpdu[0] & ~0x04 | (0 if more else 0x04),)) + message.tpdu[1:]  # TP-MMS
        centre = self._centres.get(message.impi, SC_NUMBER)
        body = rp.RpData(Direction.SC_TO_MS, line.rp_mr, centre, None, octets).encode()
        to = line.subscriber.impus[0].uri.text
        onward = Onward(line.subscriber, binding, self._own_name, to, RPDU, body, asserted=self._own_name)
        line.call_id = self._sip.send(onward, partial(self._answered, line, line.attempt, binding.id))
        counters.inc("sms_mt")

    @property
    def _own_name(self) -> str:
        """The IP-SM-GW as P-Asserted-Identity: where phones send their reports to."""
        return f"<sip:ipsmgw@{self._config.domain}>"

    def _send_text(self, line: _Line, message: StoredSms, binding: Binding) -> None:
        """A softphone reads text: all parts of a message in one MESSAGE, once they are there."""
        found = text_of(message, self._store.of(message.impi))
        if found is None and self._wall() - message.received_at < JOIN_TIME:
            self._tell(line.subscriber.impi, queue.Failed())
            self._stack.wheel.add(JOIN_TIME, self._tell, line.subscriber.impi, queue.Reachable())
            return
        text, ids = found or text_of(message, [message], alone=True) or ("", (message.id,))
        line.as_text = ids
        line.rp_mr = -1
        body = text.encode("utf-8", "replace")
        impu = line.subscriber.impu(message.impu_key) or line.subscriber.impus[0]
        onward = Onward(
            line.subscriber, binding, f"<{self._uri_of(message.sender)}>", impu.uri.text, f"{TEXT};charset=UTF-8", body
        )
        self._sip.send(onward, partial(self._answered, line, line.attempt, binding.id))
        counters.inc("sms_mt")

    def _uri_of(self, sender: str) -> str:
        """Who a softphone shall answer: a number, or a name of ours."""
        if sender.lstrip("+").isdigit():
            return f"tel:{sender}"
        word = "".join(c if c.isalnum() and c.isascii() else "-" for c in sender)
        return f"sip:{word or 'sms'}@{self._config.domain}"

    def _answered(self, line: _Line, attempt: int, binding: str, code: int) -> None:
        """The end of a MESSAGE to a phone."""
        if line.attempt != attempt:
            return
        impi = line.subscriber.impi
        if code < 300:
            self._tell(impi, queue.Reported() if line.rp_mr < 0 else queue.Arrived())
            return
        log(IMS, INFO, f"a short message to {impi} was answered {code}", id=binding)
        if line.queue.state is queue.S.SENDING:
            line.tried.add(binding)
            first = line.queue.waiting[0]
            self._attempt(line, first, attempt)  # another contact, if there is one

    def _on_report(
        self, transaction: ServerTransaction, subscriber: Subscriber, report: rp.RpAck | rp.RpError
    ) -> None:  # fmt: skip
        """RP-ACK or RP-ERROR for what was delivered: matched by RP-MR, and by In-Reply-To where the phone has it."""
        request, line = transaction.request, self._lines.get(subscriber.impi)
        if self._config.sms_message_filter.rp_ack is not SmsAction.TREAT:
            ignored = self._config.sms_message_filter.rp_ack is SmsAction.IGNORE
            transaction.reply(202 if ignored else 403)
            log(IMS, INFO, f"RP-ACK of {subscriber.impi} is not treated, as sms_message_filter says")
            return
        transaction.reply(202)
        refers = [call_id.strip() for call_id in split_commas(request.get("in-reply-to"))]
        ours = line is not None and line.rp_mr == report.rp_mr and (refers == [""] or line.call_id in refers)
        if not ours:
            counters.inc("sms_stray_report")
            log(IMS, INFO, f"a report of {subscriber.impi} for RP-MR {report.rp_mr} fits nothing that was sent")
            return
        if isinstance(report, rp.RpAck):
            self._tell(subscriber.impi, queue.Reported())
            return
        cause = report.rp_cause
        log(IMS, INFO, f"{subscriber.impi} refuses a short message: {name(RpCause, cause)}")
        full = cause == RpCause.MEMORY_CAPACITY_EXCEEDED
        self._tell(subscriber.impi, queue.Refused(forever=cause in _FOR_GOOD, full=full))

    def _delivered(self, line: _Line, id: str) -> None:
        message = self._store.remove(id)
        others, line.as_text = line.as_text, ()
        line.rp_mr = -1
        for other in others:
            if other != id:
                self._store.remove(other)
                line.queue.handle(queue.Removed(other))
        if message is not None:
            counters.inc("sms_delivered")
            self._report(message, TpStatus.RECEIVED_BY_SME)
        self._save()

    def _drop(self, message: StoredSms, status: TpStatus, *, told: bool = False) -> None:
        """A message will not be delivered; `told`: its queue knows."""
        self._store.remove(message.id)
        if not told:
            self._tell(message.impi, queue.Removed(message.id))
        counters.inc("sms_dropped")
        log(IMS, INFO, f"short message {message.id} to {message.impi} dropped: {name(TpStatus, status)}")
        self._report(message, status)
        self._save()

    def _report(self, message: StoredSms, status: TpStatus) -> None:
        """The status report that the sender asked for (TS 23.040 9.2.2.3)."""
        if message.report_to:
            address = Address.of(message.tp_da)
            self._store_report(message.report_to, message.tp_mr, address, message.received_at, status)

    def _store_report(self, impi: str, tp_mr: int, address: Address, received_at: int, status: TpStatus) -> None:
        subscriber = self._subscribers.by_impi(impi)
        if subscriber is None:
            return
        now = self._wall()
        report = tpdu.SmsStatusReport(
            tp_mr=tp_mr, tp_ra=address, tp_scts=stamp(received_at), tp_dt=stamp(now), tp_st=status
        )
        message = StoredSms(
            id=self._store.new_id(), impi=impi, impu_key="", tpdu=report.encode(), received_at=int(now),
            expires_at=now + self._config.sms_expires, sender=str(address),
        )  # fmt: skip
        self._store.add(message)
        self._queue_up(subscriber, message)

    def _save(self) -> None:
        """What has changed goes to the disk soon; nobody waits for it."""
        task = eager.start(self._stack.loop, self._saved())
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _saved(self) -> None:
        try:
            await self._store.commit()
        except StoreError as error:
            log(IMS, ERROR, f"the state of short messages could not be written: {error}")

    # -- small things
    def _answer(self, caller: Caller, request: Request, answer: rp.RpAck | rp.RpError) -> None:
        """RP-ACK or RP-ERROR to the phone (TS 24.341 5.3.3.3.2), from the service centre that it has written to."""
        subscriber, binding = caller.subscriber, caller.binding
        assert subscriber is not None
        assert binding is not None
        centre = NameAddr(request.uri).encode() if request.uri.is_sip else self._own_name
        to = (caller.impu or subscriber.impus[0]).uri.text
        onward = Onward(
            subscriber, binding, centre, to, RPDU, answer.encode(), asserted=centre, in_reply_to=request.call_id
        )
        self._sip.send(onward, _nothing)

    def _forced(self, cause: int) -> int:
        return self._config.sms_forced_rp_cause or cause

    def _on_binding(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        if event in ("registered", "refreshed"):
            self._tell(subscriber.impi, queue.Reachable())

    def _sweep(self) -> None:
        self._stack.wheel.add(SWEEP, self._sweep)
        for message in self._store.expired(self._wall()):
            line = self._lines.get(message.impi)
            under_way = line is not None and line.queue.state in (queue.S.SENDING, queue.S.REPORT)
            if not (under_way and line is not None and line.queue.waiting[0] == message.id):
                self._drop(message, TpStatus.VALIDITY_PERIOD_EXPIRED)


def sender_of(caller: Caller) -> Address:
    """The address that the receiver sees: the user's number, else what fits of its name (TS 24.341 5.3.3.3)."""
    subscriber = caller.subscriber
    if subscriber is None:
        return Address.alphanumeric("anonymous")
    own = [caller.impu] if caller.impu is not None else []
    for impu in (*own, *subscriber.impus):
        number = impu.uri.number
        if number and len(number) <= 20 and impu.uri.scheme == "tel":
            return Address.number(number)
    for impu in (*own, *subscriber.impus):
        user = impu.uri.user
        if user.lstrip("+").isdigit() and len(user) <= 20:
            return Address.number(user)
    word = "".join(c for c in (own or subscriber.impus)[0].uri.user if c.isascii() and c.isalnum())[:11]
    return Address.alphanumeric(word or "unknown")


def stamp(seconds: float) -> Timestamp:
    """A moment of the wall clock; one that was never set stands in a year that has no two digits of its own."""
    return Timestamp.at(max(seconds, EARLIEST))


def expiry_of(request: Request) -> float:
    """Expires of a MESSAGE in seconds (RFC 3428 6); a day without one."""
    found = request.number("expires") if "expires" in request.headers else None
    return 86400.0 if found is None else float(found)


def _nothing(code: int) -> None:
    """A report is sent once: the phone repeats its message if it never comes (TS 24.011 10.3, TR1M)."""

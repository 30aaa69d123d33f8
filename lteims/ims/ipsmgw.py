"""The IP-SM-GW (TS 23.204, 24.341 5.3): what phones say to their service centre, and what it answers.

pcscf.py and sgs_sms.py hand it in; `submit` is the one door for phones, softphones, the remote API and the monitor.
service_centre.py has the message on disk before anybody hears that it was taken.
"""

from typing import Protocol

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig, SmsAction
from lteims.ims.caller import Caller
from lteims.ims.privacy import hides_assertion
from lteims.ims.service_centre import ServiceCentre, Submission
from lteims.ims.sms_command import carry_out
from lteims.ims.sms_delivery import SmsDelivery
from lteims.ims.sms_hook import SmsHook
from lteims.ims.sms_sip import RPDU, Onward, SmsOverSip
from lteims.ims.sms_sip_transport import own_name
from lteims.ims.sms_status import FOR_EVER, stamp
from lteims.ims.sms_store import SmsStore
from lteims.ims.sms_text import NUMBER, address_of, text_in
from lteims.ims.subscribers import Impu, Subscriber, Subscribers
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.errors import SipError
from lteims.sip.grammar import split_commas
from lteims.sip.headers import NameAddr
from lteims.sip.message import Request
from lteims.sip.uri import Uri, parse_uri
from lteims.sms import rp, text, tpdu
from lteims.sms.address import Address
from lteims.sms.cause import RpCause, TpFcs, name
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.report import SmsSubmitReport
from lteims.sms.smr import report_for
from lteims.sms.validity import EnhancedValidity
from lteims.trace import IMS, INFO, log

_HIDDEN = Address.alphanumeric("anonymous")


class Directory(Protocol):
    """What is needed of cx.py."""

    async def unregistered_user(self, impu: Uri) -> tuple[Subscriber, Impu] | None:
        """Whom a message is for that nobody here is; None for nobody. SipError 480, 500, 504."""


class IpSmGw:
    """The gateway."""

    def __init__(
        self, config: ImsConfig, stack: SipStack, subscribers: Subscribers, store: SmsStore, wall: WallClock
    ) -> None:  # fmt: skip
        self._config = config
        self._subscribers = subscribers
        self._store = store
        self._wall = wall
        self._sip = SmsOverSip(stack, config)
        self._delivery = SmsDelivery(config, stack, subscribers, store, wall)
        self._centre = ServiceCentre(config, store, self._delivery, wall)
        self._hook = SmsHook(config, wall)
        self._references = 0
        self.listeners = self._hook.listeners  # clients that want the event `sms`
        # Called with the IMPI, at once and for each message, when `pending` has changed: queued, delivered, dropped
        self.pending_listeners = store.listeners
        self.transports = self._delivery.transports
        self.directory: Directory | None = None  # of users who are not here; None: there are none

    # -- life
    def start(self) -> int:
        """Take up what the state file has, and begin to deliver it; the number of messages."""
        return self._delivery.start(self._store.restore())

    def pending(self, impi: str) -> int:
        """How many messages wait for a user."""
        return self._store.count(impi)

    def waits(self, id: str) -> bool:
        """Has this message not been delivered or dropped yet?"""
        return self._store.get(id) is not None

    def load(self) -> int:
        """How many messages wait in all, for metrics and tests."""
        return len(self._store)

    def reachable(self, impi: str) -> None:
        """A user has come within reach of a transport: what waits for it is tried at once."""
        self._delivery.reachable(impi)

    # -- from phones
    async def on_message(self, transaction: ServerTransaction, caller: Caller) -> None:
        """A MESSAGE with an RPDU (TS 24.341 5.3.3.3): 202, and the answer as a MESSAGE of our own."""
        subscriber, binding = caller.subscriber, caller.binding
        if subscriber is None or binding is None:
            raise SipError(403, "short messages need a registration")
        request = transaction.request
        answer: rp.RpAck | rp.RpError | None
        try:
            message = rp.parse(request.body, Direction.MS_TO_SC)
        except SmsError as error:
            if error.rp_mr is None:
                counters.inc("sms_malformed")
                raise SipError(400, f"bad RPDU: {error}", reason="Bad RPDU") from None
            transaction.reply(202)
            answer = self.on_malformed(subscriber, request.body, error, error.rp_mr)
        else:
            if isinstance(message, rp.RpAck | rp.RpError):
                await self._on_report(transaction, subscriber.impi, binding.id, message)
                return
            transaction.reply(202)
            key = caller.impu.key if caller.impu is not None else ""
            # over SIP the Request-URI names the service centre as well
            number = request.uri.number
            centre = Address.number(number) if NUMBER.match(number) else None
            answer = await self.on_rpdu(subscriber, message, key=key, centre=centre)
        if answer is not None:
            self._answer(caller, request, answer)

    async def _on_report(
        self, transaction: ServerTransaction, impi: str, contact: str, report: rp.RpAck | rp.RpError
    ) -> None:  # fmt: skip
        """What a phone says of what was delivered to it; it is answered when that is on the disk."""
        action = self._config.sms_message_filter.rp_ack if isinstance(report, rp.RpAck) else SmsAction.TREAT
        if action is not SmsAction.TREAT:
            transaction.reply(202 if action is SmsAction.IGNORE else 403)
            log(IMS, INFO, f"RP-ACK of {impi}: {action}, as sms_message_filter says")
            return
        refers = [call_id for call_id in split_commas(transaction.request.get("in-reply-to")) if call_id]
        await self._delivery.on_report(impi, report, contact, refers)
        transaction.reply(202)

    async def on_report(self, impi: str, report: rp.RpAck | rp.RpError, contact: str) -> None:
        """What a phone says of what another transport than SIP has brought to it; on the disk when this returns."""
        await self._delivery.on_report(impi, report, contact)

    def on_malformed(
        self, subscriber: Subscriber, rpdu: bytes, error: SmsError, rp_mr: int
    ) -> rp.RpError | None:  # fmt: skip
        """The RP-ERROR for an RPDU that cannot be read, None where sms_message_filter wants none."""
        counters.inc("sms_malformed")
        if rpdu[0] & 7 == 0 and self._config.sms_message_filter.rp_data is not SmsAction.TREAT:  # RP-MTI: RP-DATA
            return self._filtered(subscriber, rp_mr)
        log(IMS, INFO, f"RPDU of {subscriber.impi} refused: {error}")
        return rp.RpError(Direction.SC_TO_MS, rp_mr, self._forced(error.rp_cause))

    def _filtered(self, subscriber: Subscriber, rp_mr: int) -> rp.RpError | None:
        """What becomes of an RP-DATA that is not to be treated (manual 5.2, sms_message_filter)."""
        action = self._config.sms_message_filter.rp_data
        log(IMS, INFO, f"RP-DATA of {subscriber.impi}: {action}, as sms_message_filter says")
        if action is SmsAction.IGNORE:
            return None
        return rp.RpError(Direction.SC_TO_MS, rp_mr, self._forced(RpCause.SHORT_MESSAGE_TRANSFER_REJECTED))

    async def on_rpdu(
        self, subscriber: Subscriber, message: rp.RpData | rp.RpSmma, *, key: str = "", centre: Address | None = None
    ) -> rp.RpAck | rp.RpError | None:  # fmt: skip
        """What a phone says to its service centre, by whatever transport; the report to it, None where none is wanted.

        `key` is that of the IMPU that it sends as, `centre` the one it writes to where the RPDU does not say so.
        """
        if isinstance(message, rp.RpSmma):
            self._delivery.memory_available(subscriber.impi)
            return rp.RpAck(Direction.SC_TO_MS, message.rp_mr)
        counters.inc("sms_mo")
        if self._config.sms_message_filter.rp_data is not SmsAction.TREAT:
            return self._filtered(subscriber, message.rp_mr)
        centre = message.rp_da or centre
        if centre is not None:
            self._delivery.centres[subscriber.impi] = centre
        now = self._wall()  # the same second in the reports to the sender and in the message (TS 23.040 9.2.3.11)
        try:
            await self._take(subscriber, key, message.rp_ud, now)
        except SmsError as error:
            counters.inc("sms_refused")
            log(IMS, INFO, f"short message of {subscriber.impi} refused: {error}, {name(RpCause, error.rp_cause)}")
            report = SmsSubmitReport(tp_scts=stamp(now), tp_fcs=error.tp_fcs).encode()
            return report_for(message, report, self._forced(error.rp_cause))
        return report_for(message, SmsSubmitReport(tp_scts=stamp(now)).encode())

    async def _take(self, subscriber: Subscriber, key: str, octets: bytes, now: float) -> None:
        """Carry out what a phone submits; SmsError is the RP-ERROR."""
        match tpdu.parse(octets, Direction.MS_TO_SC):
            case tpdu.SmsSubmit() as submit:
                await self._submitted(subscriber, key, submit, now)
            case tpdu.SmsCommand() as command:
                receiver, _ = self.find(command.tp_da)
                carry_out(command, subscriber.impi, receiver.impi, self._store, self._delivery, now)
                await self._centre.commit()
            case _:
                raise SmsError("only SMS-SUBMIT and SMS-COMMAND come from a phone", tp_fcs=TpFcs.TPDU_NOT_SUPPORTED)

    async def _submitted(self, subscriber: Subscriber, key: str, submit: tpdu.SmsSubmit, now: float) -> None:
        this = bytes((submit.tp_mr,)) + submit.tp_da.encode()
        if submit.tp_rd and self._store.submitted(subscriber.impi) == this:  # TS 23.040 9.2.3.6, 9.2.3.25
            await self._centre.commit()  # the first one may be on its way to the disk still, and not get there
            if self._store.submitted(subscriber.impi) == this:
                raise SmsError(
                    f"TP-MR {submit.tp_mr} has been submitted already", RpCause.SHORT_MESSAGE_TRANSFER_REJECTED,
                    tp_fcs=TpFcs.SM_REJECTED_DUPLICATE_SM,
                )  # fmt: skip
        sender = address_of(subscriber, key)
        if self._hook.takes(sender, str(submit.tp_da), submit.user_data):
            self._store.set_submitted(subscriber.impi, this)
            return
        receiver, impu = await self._receiver(submit.tp_da)
        last = self._store.submitted(subscriber.impi)
        expires = submit.tp_vp.expires(now) if submit.tp_vp is not None else None
        if expires is not None and expires <= now:
            raise SmsError("the validity period is over", tp_fcs=TpFcs.TP_VP_NOT_SUPPORTED)
        submission = Submission(
            receiver=receiver, impu=impu, sender=sender, parts=[submit.user_data],
            validity=FOR_EVER if expires is None else expires - now, received=now,
            once=isinstance(submit.tp_vp, EnhancedValidity) and submit.tp_vp.single_shot,
            tp_pid=submit.tp_pid, tp_rp=submit.tp_rp, origin=subscriber.impi, tp_srr=submit.tp_srr,
            tp_mr=submit.tp_mr, tp_da=submit.tp_da,
        )  # fmt: skip
        self._store.set_submitted(subscriber.impi, this)
        try:
            await self.submit(submission)
        except SmsError:
            if self._store.submitted(subscriber.impi) == this:
                self._store.set_submitted(subscriber.impi, last)
            raise

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

    async def _receiver(self, address: Address) -> tuple[Subscriber, Impu]:
        """As `find`, for users of an external HSS, too."""
        if NUMBER.match(str(address)):
            found = await self.seek(parse_uri(f"tel:{address}"))
            if found is not None:
                return found
        return self.find(address)

    async def seek(self, uri: Uri) -> tuple[Subscriber, Impu] | None:
        """The user of an IMPU, None for nobody's. Who is known to an external HSS alone is here from now on, as one who
        is away; SmsError where that cannot be told, or another server has the user."""
        found = self._subscribers.by_impu(uri)
        if found is not None or self.directory is None:
            return found
        try:
            return await self.directory.unregistered_user(uri)
        except SipError as error:
            cause = RpCause.TEMPORARY_FAILURE if error.code >= 500 else RpCause.DESTINATION_OUT_OF_ORDER
            raise SmsError(error.why, cause, tp_fcs=TpFcs.SC_SYSTEM_FAILURE) from None

    # -- the door
    async def submit(self, submission: Submission) -> list[str]:
        """Store a message and begin to deliver it; the ids of its parts. SmsError where that cannot be."""
        return await self._centre.submit(submission)

    def flush(self, impi: str) -> int:
        """Forget all messages that wait for a user; their number."""
        return self._centre.flush(impi)

    # -- softphones
    async def on_text(self, transaction: ServerTransaction, caller: Caller, receiver: Subscriber, impu: Impu) -> None:
        """A MESSAGE with text for a user whose phone reads SMS, or who is not there: stored and forwarded."""
        request = transaction.request
        content = text_in(request)
        sender = _HIDDEN
        if caller.subscriber is not None and not hides_assertion(request):
            sender = address_of(caller.subscriber, caller.impu.key if caller.impu is not None else "")
        expires = request.number("expires") if "expires" in request.headers else None  # RFC 3428 6
        self._references = (self._references + 1) & 0xFF
        try:
            parts = text.split(content, reference=self._references)
        except SmsError as error:
            raise SipError(413, str(error)) from None
        counters.inc("sms_text")
        if not [self._hook.takes(sender, impu.uri.number or impu.uri.user, part) for part in parts][-1]:
            try:
                await self.submit(
                    Submission(
                        receiver=receiver, impu=impu, sender=sender, parts=parts,
                        validity=FOR_EVER if expires is None else expires,
                    )
                )  # fmt: skip
            except SmsError as error:
                raise SipError(500, str(error)) from None
        transaction.reply(202)

    # -- small things
    def _answer(self, caller: Caller, request: Request, answer: rp.RpAck | rp.RpError) -> None:
        """RP-ACK or RP-ERROR to the phone (TS 24.341 5.3.3.3.2), from the service centre that it has written to."""
        subscriber, binding = caller.subscriber, caller.binding
        assert subscriber is not None
        assert binding is not None
        centre = NameAddr(request.uri).encode() if request.uri.is_sip else own_name(self._config)
        to = (caller.impu or subscriber.impus[0]).uri.text
        onward = Onward(
            subscriber, binding, centre, to, RPDU, answer.encode(), asserted=centre, in_reply_to=request.call_id
        )
        self._sip.send(onward, _nothing)

    def _forced(self, cause: int) -> int:
        return self._config.sms_forced_rp_cause or cause


def _nothing(code: int) -> None:
    """A report is sent once: the phone repeats its message if it never comes (TS 24.011 10.3, TR1M)."""

"""Short messages of one phone over SGs (TS 23.272 8.2, TS 24.011): its transactions, each a CP and an RP machine.

sgs_phones.py has one `Conversation` for each phone that sends or gets something, gives it its NAS messages, and
carries its own to the MME. Several MO transactions and one MT may run at once (TS 24.011 5.4).
"""

import traceback
from collections import deque

from lteims import counters
from lteims.config import SmsAction
from lteims.ims.sgs_transaction import Around, Delivery, Transaction
from lteims.ims.sms_transport import Outcome
from lteims.ims.subscribers import Subscriber
from lteims.net import eager
from lteims.sms import cp, rp, smc, smr
from lteims.sms.cause import CpCause
from lteims.sms.cp import CpAck, CpData, CpError, CpMessage
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction
from lteims.sms.primitive import (
    MmsmsBadInd,
    MmsmsDataInd,
    MmsmsDataReq,
    MmsmsErrorInd,
    MmsmsEstCnf,
    MmsmsEstReq,
    MmsmsRelReq,
    MnsmsAbortReq,
    MnsmsDataInd,
    MnsmsDataReq,
    MnsmsErrorInd,
    MnsmsEstInd,
    MnsmsEstReq,
    MnsmsRelReq,
    SetTimer,
    SmRlDataInd,
    SmRlDataReq,
    SmRlMemoryAvailableInd,
    SmRlReportInd,
    SmRlReportReq,
    Terminated,
    TimerFired,
)
from lteims.sms.ti import Ti
from lteims.trace import ERROR, IMS, INFO, log

_CP_ERROR = 0x10  # message type (TS 24.011 table 8.1)
_RP_ACK = 0x02  # RP-MTI of a phone's RP-ACK (TS 24.011 table 8.3)
_VALUES = 7  # transaction identifiers that one side may choose: 0 to 6
LINGER = 1.0  # seconds that a connection stays for the next message, where more wait (TS 23.040 TP-MMS)


class Conversation:
    """All transactions of one phone."""

    __slots__ = ("_around", "_imsi", "_lingers", "_mt", "_over", "_subscriber", "_transactions", "_value", "_waiting")

    def __init__(self, imsi: str, subscriber: Subscriber, around: Around) -> None:
        self._imsi = imsi
        self._subscriber = subscriber
        self._around = around
        self._transactions: dict[Ti, Transaction] = {}
        self._mt: Transaction | None = None
        self._waiting: deque[Delivery] = deque()
        self._value = 0
        self._lingers = False
        self._over = False  # released: sgs_phones.py makes another one when there is something to say again

    # -- from sgs_phones.py
    def send(self, delivery: Delivery) -> None:
        """Deliver a message, behind those that are under way."""
        self._waiting.append(delivery)
        self._next()

    def established(self) -> None:
        """The phone can be sent to."""
        for transaction in list(self._transactions.values()):
            self._smc(transaction, MmsmsEstCnf())
        self._settle()

    def lost(self, outcome: Outcome) -> None:
        """It cannot, or not any more: every message has failed."""
        for transaction in list(self._transactions.values()):
            transaction.outcome = outcome
            self._smc(transaction, MmsmsErrorInd())
            self._forget(transaction)
        while self._waiting:
            self._end(self._waiting.popleft(), outcome)
        self._lingers = False
        self._settle()

    def on_nas(self, nas: bytes) -> None:
        """A CP message of the phone."""
        try:
            message = cp.parse(nas)
        except SmsError as error:
            self._on_malformed(error)
        else:
            if self._passes(message):
                self._on_message(message)
        self._settle()

    # -- the CP layer
    def _on_malformed(self, error: SmsError) -> None:
        counters.inc("sms_malformed")
        log(IMS, INFO, f"CP message of {self._imsi} refused: {error}")
        if error.ti is None:
            return
        known = self._transactions.get(error.ti)
        if known is not None:
            self._smc(known, MmsmsBadInd(error))
        else:
            self._error(error.ti, error.cp_cause)

    def _passes(self, message: CpMessage) -> bool:
        """Is it to be treated (manual 5.2, sms_message_filter)? If not, what becomes of it instead is done here."""
        wanted = self._around.config.sms_message_filter
        match message:
            case CpData():
                action = wanted.cp_data
            case CpAck():
                action = wanted.cp_ack
            case _:
                return True
        if action is SmsAction.TREAT:
            return True
        kind = "CP-DATA" if isinstance(message, CpData) else "CP-ACK"
        log(IMS, INFO, f"{kind} of {self._imsi}: {action}, as sms_message_filter says")
        if action is SmsAction.REJECT:
            self._reject(message.ti)
        return False

    def _reject(self, ti: Ti) -> None:
        known = self._transactions.get(ti)
        if known is None:
            self._error(ti, CpCause.PROTOCOL_ERROR_UNSPECIFIED)
        else:
            self._abort(known)

    def _abort(self, transaction: Transaction) -> None:
        """CP-ERROR, and the end of a transaction for the layer above as well."""
        cause = CpCause.PROTOCOL_ERROR_UNSPECIFIED
        self._smc(transaction, MnsmsAbortReq(cause))
        self._smr(transaction, MnsmsErrorInd(cause))

    def _error(self, ti: Ti, cause: CpCause) -> None:
        """CP-ERROR for what belongs to no transaction."""
        self._downlink(CpError(ti.answer, cause).encode())

    def _on_message(self, message: CpMessage) -> None:
        known = self._transactions.get(message.ti)
        if isinstance(message, CpData) and not message.ti.flag:
            self._overtaken(message)
            known = self._transactions.get(message.ti) or self._begin(message)
        if known is not None:
            self._smc(known, MmsmsDataInd(message))
        elif isinstance(message, CpData):
            self._error(message.ti, CpCause.INVALID_TRANSACTION_IDENTIFIER)  # TS 24.011 9.2.2

    def _overtaken(self, message: CpData) -> None:
        """The phone goes on with another message: its last CP-ACK is as good as there (TS 24.011 5.4)."""
        for other in list(self._transactions.values()):
            again = other.ti == message.ti and other.rpdu == message.rpdu
            if other.delivery is None and other.smc.state is smc.State.WAIT_FOR_CP_ACK and not again:
                self._smc(other, MmsmsDataInd(CpAck(other.ti)))

    def _begin(self, message: CpData) -> Transaction:
        transaction = self._transaction(message.ti, None)
        transaction.rpdu = message.rpdu
        self._transactions[message.ti] = transaction
        self._around.way.seen(self._imsi)
        return transaction

    def _transaction(self, ti: Ti, delivery: Delivery | None) -> Transaction:
        around = self._around
        return Transaction(
            ti,
            smc.Smc(ti.answer, around.cp_timings, id=self._imsi),
            smr.Smr(Direction.SC_TO_MS, around.rp_timings, id=self._imsi),
            delivery,
        )

    def _downlink(self, nas: bytes) -> None:
        forced = self._around.config.sms_forced_cp_cause
        if forced and nas[1] == _CP_ERROR:
            nas = nas[:2] + bytes((forced,)) + nas[3:]
        self._around.way.downlink(self._imsi, nas)

    def _smc(self, transaction: Transaction, event: smc.Event) -> None:
        for action in transaction.smc.handle(event, self._around.loop.time()):
            match action:
                case MmsmsEstReq():
                    self._around.way.establish(self._imsi)
                case MmsmsDataReq(data):
                    self._downlink(data)
                case MnsmsEstInd(rpdu):
                    self._on_first(transaction, rpdu)
                case MnsmsDataInd(rpdu):
                    self._on_rpdu(transaction, rpdu)
                case MnsmsErrorInd():
                    self._smr(transaction, action)
                case SetTimer(name, delay, serial):
                    self._set_timer(transaction, True, delay, TimerFired(name, serial))
                case MmsmsRelReq():
                    pass  # the connection is that of all transactions: `_settle`
                case Terminated():
                    self._forget(transaction)

    # -- the RP layer
    def _on_first(self, transaction: Transaction, rpdu: bytes) -> None:
        """The RPDU that a phone begins with; what cannot be read is the gateway's to refuse."""
        try:
            rp.parse(rpdu, Direction.MS_TO_SC)
        except SmsError as error:
            if error.rp_mr is None:
                self._smc(transaction, MnsmsRelReq())
                return
            answer = self._around.gateway.on_malformed(self._subscriber, rpdu, error, error.rp_mr)
            if answer is None:
                self._ignore(transaction)
                return
            self._smc(transaction, MnsmsDataReq(answer.encode()))
            self._smc(transaction, MnsmsRelReq())
        else:
            self._smr(transaction, MnsmsEstInd(rpdu))

    def _on_rpdu(self, transaction: Transaction, rpdu: bytes) -> None:
        action = self._around.config.sms_message_filter.rp_ack
        if transaction.delivery is not None and rpdu[:1] and rpdu[0] & 7 == _RP_ACK and action is not SmsAction.TREAT:
            log(IMS, INFO, f"RP-ACK of {self._imsi}: {action}, as sms_message_filter says")
            if action is SmsAction.REJECT:
                self._abort(transaction)
            return
        self._smr(transaction, MnsmsDataInd(rpdu))

    def _smr(self, transaction: Transaction, event: smr.Event) -> None:
        actions = transaction.smr.handle(event, self._around.loop.time())
        for action in actions:  # before the transaction goes, what came of it
            if isinstance(action, SmRlReportInd):
                self._reported(transaction, action.message, action.why)
        for action in actions:
            match action:
                case MnsmsEstReq() | MnsmsDataReq() | MnsmsRelReq() | MnsmsAbortReq():
                    self._smc(transaction, action)
                case SmRlDataInd(message) | SmRlMemoryAvailableInd(message):
                    eager.start(self._around.loop, self._submit(transaction, message))
                case SmRlReportInd():
                    pass
                case SetTimer(name, delay, serial):
                    self._set_timer(transaction, False, delay, TimerFired(name, serial))
                case Terminated():
                    pass  # the CP layer may have something to say still

    async def _submit(self, transaction: Transaction, message: rp.RpData | rp.RpSmma) -> None:
        try:
            report = await self._around.gateway.on_rpdu(self._subscriber, message)
        except Exception as error:  # a fault of ours: the phone hears of it by TR2N
            counters.inc("ims_internal_error")
            log(IMS, ERROR, f"RP message of {self._imsi}: {error!r}", body=traceback.format_exc())
            return
        if self._transactions.get(transaction.ti) is not transaction:
            return
        if report is None:
            self._ignore(transaction)
        else:
            self._smr(transaction, SmRlReportReq(report))
        self._settle()

    def _ignore(self, transaction: Transaction) -> None:
        """No answer; the transaction stays as long as one might have come, so that the phone waits for it in vain."""
        transaction.ignored = True
        self._around.wheel.add(self._around.rp_timings.tr2, self._end_ignored, transaction)

    def _end_ignored(self, transaction: Transaction) -> None:
        self._forget(transaction)
        self._settle()

    def _reported(self, transaction: Transaction, report: rp.RpAck | rp.RpError | None, why: str) -> None:
        delivery = transaction.delivery
        if report is None or delivery is None:
            log(
                IMS, INFO, f"a short message {'from' if delivery is None else 'to'} {self._imsi} over SGs failed: {why}"
            )
            return  # `on_end` is told when the CP layer has ended
        transaction.ended = True
        self._lingers = delivery.more
        eager.start(self._around.loop, self._report(delivery, report))

    async def _report(self, delivery: Delivery, report: rp.RpAck | rp.RpError) -> None:
        try:
            await self._around.gateway.on_report(delivery.impi, report, delivery.contact)
        except Exception as error:  # a fault of ours: the message is sent once more
            counters.inc("ims_internal_error")
            log(IMS, ERROR, f"the report of {self._imsi}: {error!r}", body=traceback.format_exc())

    # -- both
    def _set_timer(self, transaction: Transaction, cp_layer: bool, delay: float, event: TimerFired) -> None:
        transaction.timers.append(self._around.wheel.add(delay, self._fired, transaction, cp_layer, event))

    def _fired(self, transaction: Transaction, cp_layer: bool, event: TimerFired) -> None:
        if self._transactions.get(transaction.ti) is not transaction or transaction.ignored:
            return
        if cp_layer:
            self._smc(transaction, event)
        else:
            self._smr(transaction, event)
        self._settle()

    def _next(self) -> None:
        """One message at a time goes to a phone (TS 24.011 5.4)."""
        if self._mt is not None or not self._waiting:
            return
        delivery = self._waiting.popleft()
        self._value = (self._value + 1) % _VALUES
        ti = Ti(self._value, flag=True)
        self._mt = self._transactions[ti] = self._transaction(ti, delivery)
        self._smr(self._mt, SmRlDataReq(delivery.rp_data))

    def _forget(self, transaction: Transaction) -> None:
        """A transaction has ended; a delivery without the phone's report has failed."""
        if self._transactions.get(transaction.ti) is not transaction:
            return
        del self._transactions[transaction.ti]
        for timer in transaction.timers:  # else what is over would stay in the wheel for its last seconds
            self._around.wheel.cancel(timer)
        if transaction is self._mt:
            self._mt = None
        if transaction.delivery is not None and not transaction.ended:
            transaction.ended = True
            self._end(transaction.delivery, transaction.outcome)

    def _end(self, delivery: Delivery, outcome: Outcome) -> None:
        self._around.wheel.add(0.0, delivery.on_end, outcome)  # never before `send` has returned

    def _settle(self) -> None:
        """The next message goes, or nobody needs the connection any more."""
        self._next()
        if self._transactions or self._over:
            return
        if self._lingers:
            self._lingers = False
            self._around.wheel.add(LINGER, self._settle)
        else:
            self._over = True
            self._around.way.release(self._imsi)

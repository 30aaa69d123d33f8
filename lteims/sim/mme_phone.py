"""A phone behind the simulated MME: it attaches, answers paging, sends and takes short messages over SGs.

mme.py owns phones and carries their NAS messages; a script says by fields how a phone behaves, and reads what it got.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lteims.sim.errors import PhoneError
from lteims.sim.messages import Report, Sms
from lteims.sms import cp, rp, smc, smr, text, tpdu
from lteims.sms.address import Address
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
    SmRlMemoryAvailableReq,
    SmRlReportInd,
    SmRlReportReq,
    Terminated,
    TimerFired,
)
from lteims.sms.ti import Ti

_VALUES = 7  # transaction identifiers that one side may choose: 0 to 6
Later = Callable[..., Any]  # later(seconds, callback, *arguments)


class Paging(StrEnum):
    """What becomes of a page."""

    ANSWERED = "answered"
    IGNORED = "ignored"  # not even the MME says anything
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"  # as unknown


@dataclass(slots=True, eq=False)
class _Exchange:
    """One transaction."""

    ti: Ti  # as the network writes it
    smc: smc.Smc
    smr: smr.Smr


class MmePhone:
    """One phone."""

    def __init__(self, imsi: str, later: Later, now: Callable[[], float], uplink: Callable[[str, bytes], None]) -> None:
        self.imsi = imsi
        self.attached = False
        self.rejected = 0  # the cause with which its last attach was refused
        self.detaching = False  # has it not been told yet that its detach was heard?
        self.paged = 0  # how often
        self.connected = False  # does it have a NAS connection?
        self.watched = False  # has the VLR asked to be told when it is seen?
        self.paging = Paging.ANSWERED
        self.silent = False  # does it leave NAS messages unanswered?
        self.rp_cause: int | None = None  # with which it refuses messages
        self.inbox: list[str] = []  # texts, in the order of arrival
        self.messages: deque[Sms] = deque()  # the same with their senders, for who takes one after the other
        self.statuses: deque[Report] = deque()  # status reports
        self.reports: list[rp.RpAck | rp.RpError | None] = []  # for what it has sent; None: there was none
        self.errors: list[int] = []  # causes of CP-ERROR that it got
        self.centre = Address.number("+491")
        self._later, self._now, self._uplink = later, now, uplink
        self._exchanges: dict[Ti, _Exchange] = {}
        self._value = self._mr = 0
        self._joiner = text.Joiner()

    # -- what a script does
    def submit(self, content: str, to: str, *, report: bool = False) -> int:
        """Send a short message, all parts at the same time; their number. Each has its report in `reports` later."""
        parts = self.parts(content, to, report=report)
        for part in parts:
            self.send(part)
        return len(parts)

    def parts(self, content: str, to: str, *, report: bool = False) -> list[rp.RpData]:
        """What `send` takes, for each part of a message one; `report`: with a request for a status report."""
        made = []
        for part in text.split(content, reference=self._mr):
            self._mr = (self._mr + 1) % 256
            sms = tpdu.SmsSubmit(
                tp_mr=self._mr, tp_da=Address.number(to), tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs,
                tp_udhi=part.tp_udhi, tp_srr=report,
            )  # fmt: skip
            made.append(rp.RpData(Direction.MS_TO_SC, self._mr, None, self.centre, sms.encode()))
        return made

    def memory_available(self) -> None:
        """RP-SMMA."""
        self._mr = (self._mr + 1) % 256
        self.send(rp.RpSmma(self._mr))

    def send(self, message: rp.RpData | rp.RpSmma) -> None:
        """Begin a transaction with any RP message of a phone; PhoneError where seven are under way."""
        self.connected = True
        exchange = self._own()
        wish = SmRlDataReq(message) if isinstance(message, rp.RpData) else SmRlMemoryAvailableReq(message)
        self._smr(exchange, wish)

    def _own(self) -> _Exchange:
        for _ in range(_VALUES):
            self._value = (self._value + 1) % _VALUES
            ti = Ti(self._value, flag=True)
            if ti not in self._exchanges:
                return self._exchange(ti)
        raise PhoneError(f"{self.imsi} sends {_VALUES} messages at once already")

    def _exchange(self, ti: Ti) -> _Exchange:
        exchange = _Exchange(ti, smc.Smc(ti.answer, id=self.imsi), smr.Smr(Direction.MS_TO_SC, id=self.imsi))
        self._exchanges[ti] = exchange
        return exchange

    @property
    def busy(self) -> bool:
        """Is a transaction under way?"""
        return bool(self._exchanges)

    # -- from mme.py
    def on_nas(self, nas: bytes) -> None:
        """A CP message of the network."""
        if self.silent:
            return
        try:
            message = cp.parse(nas)
        except SmsError as error:
            if error.ti is not None and error.ti in self._exchanges:
                self._smc(self._exchanges[error.ti], MmsmsBadInd(error))
            return
        if isinstance(message, cp.CpError):
            self.errors.append(message.cp_cause)
        exchange = self._exchanges.get(message.ti)
        if exchange is None and isinstance(message, cp.CpData) and not message.ti.flag:
            exchange = self._exchange(message.ti)
        if exchange is not None:
            self._smc(exchange, MmsmsDataInd(message))

    def lost(self) -> None:
        """The connection is gone."""
        self.connected = False
        for exchange in list(self._exchanges.values()):
            self._smc(exchange, MmsmsErrorInd())
        self._exchanges.clear()

    # -- the layers
    def _smc(self, exchange: _Exchange, event: smc.Event) -> None:
        for action in exchange.smc.handle(event, self._now()):
            match action:
                case MmsmsEstReq():
                    self._smc(exchange, MmsmsEstCnf())
                case MmsmsDataReq(data):
                    self._uplink(self.imsi, data)
                case MnsmsEstInd() | MnsmsDataInd() | MnsmsErrorInd():
                    self._smr(exchange, action)
                case SetTimer(name, delay, serial):
                    self._later(delay, self._fired, exchange, True, TimerFired(name, serial))
                case MmsmsRelReq():
                    pass  # the network releases
                case Terminated():
                    if self._exchanges.get(exchange.ti) is exchange:
                        del self._exchanges[exchange.ti]

    def _smr(self, exchange: _Exchange, event: smr.Event) -> None:
        for action in exchange.smr.handle(event, self._now()):
            match action:
                case MnsmsEstReq() | MnsmsDataReq() | MnsmsRelReq() | MnsmsAbortReq():
                    self._smc(exchange, action)
                case SmRlDataInd(message):
                    self._take(exchange, message)
                case SmRlReportInd(report):
                    if exchange.ti.flag:
                        self.reports.append(report)
                case SetTimer(name, delay, serial):
                    self._later(delay, self._fired, exchange, False, TimerFired(name, serial))
                case SmRlMemoryAvailableInd() | Terminated():
                    pass

    def _take(self, exchange: _Exchange, message: rp.RpData) -> None:
        if self.rp_cause is None:
            sms = tpdu.parse(message.rp_ud, Direction.SC_TO_MS)
            if isinstance(sms, tpdu.SmsDeliver):
                self._arrived(sms)
            elif isinstance(sms, tpdu.SmsStatusReport):
                self.statuses.append(Report(sms.tp_mr, str(sms.tp_ra), sms.tp_st))
        self._smr(exchange, SmRlReportReq(smr.report_for(message, None, self.rp_cause)))

    def _arrived(self, sms: tpdu.SmsDeliver) -> None:
        sender, part = str(sms.tp_oa), sms.user_data
        joined = self._joiner.add(sender, part, self._now())
        if joined is not None:
            self.inbox.append(joined.text or "")
            self.messages.append(Sms(sender, joined.text or "", b"" if joined.text is not None else joined.data))

    def _fired(self, exchange: _Exchange, cp_layer: bool, event: TimerFired) -> None:
        if self._exchanges.get(exchange.ti) is not exchange:
            return
        if cp_layer:
            self._smc(exchange, event)
        else:
            self._smr(exchange, event)

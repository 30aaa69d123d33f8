"""Short messages in the ladders' hands: what phones submit and report, and what they read in the server's MESSAGEs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.sms_store import SmsStore
from lteims.sip.message import Request, Response
from lteims.sms import rp, text, tpdu
from lteims.sms.address import Address
from lteims.sms.octets import Direction
from lteims.sms.report import SmsDeliverReport, SmsSubmitReport
from lteims.sms.userdata import UserData
from lteims.store.memory import MemoryStore
from lteims.store.state import StoreError
from tests.flows.phones import DOMAIN, Lab, Phone

RPDU = "application/vnd.3gpp.sms"
NOW = 1_800_000_000.0  # a year that TP-SCTS can tell
CENTRE = f"sip:+491@{DOMAIN}"
LONG = "A message that is longer than one hundred and sixty characters. " * 6
LabWith = Callable[..., Lab]


class Disk(MemoryStore):
    """A store that can be full."""

    __slots__ = ("full",)

    def __init__(self) -> None:
        super().__init__()
        self.full = False

    async def commit(self) -> None:
        if self.full:
            raise StoreError("the disk is full")
        await super().commit()


def sms_lab(lab_with: LabWith, *, disk: MemoryStore | None = None, at: float = NOW, **options: Any) -> Lab:
    """A server whose phones a and b take SMS over IP, today. `disk`: what an earlier one left."""
    lab = lab_with(**options)
    lab.clock.now = at
    if disk is not None:
        lab.subscribers.listeners.remove(lab.gateway._delivery._on_binding)
        gateway = lab.gateway
        lab.gateway = IpSmGw(gateway._config, lab.stack, lab.subscribers, SmsStore(disk), lab.clock.time)
        lab.pcscf.gateway = lab.gateway
    lab.a = sms_phone(lab, "a", "1", "192.0.2.11")
    lab.b = sms_phone(lab, "b", "2", "192.0.2.12")
    lab.gateway.start()
    return lab


def sms_phone(lab: Lab, name: str, imsi: str, host: str, *, sms: bool = True, **more: Any) -> Phone:
    """A phone that is registered just now; what was registered for its user before is not any more."""
    phone = lab.phone(name, imsi, host, **more)
    phone.target = CENTRE
    subscriber = lab.subscribers.by_impi(f"{imsi}@{DOMAIN}")
    assert subscriber is not None
    subscriber.bindings[-1].sms_over_ip = sms
    return phone


def leave(lab: Lab, phone: Phone) -> None:
    """De-register a phone."""
    subscriber = lab.subscribers.by_impi(f"{phone.number}@{DOMAIN}")
    assert subscriber is not None
    for binding in [b for b in subscriber.bindings if b.flow == phone.flow]:
        lab.subscribers.unbind(subscriber, binding, "unregistered")


def come_back(lab: Lab, phone: Phone, **more: Any) -> None:
    """Register a phone again."""
    lab.bind(phone, **({"sms_over_ip": True} | more))


def rungs(lab: Lab, ladder: str) -> None:
    """Lines of a ladder, where the server may have sent more than they show."""
    for line in ladder.strip().splitlines():
        lab._rung(line.strip())


# -- what phones write
def submission(content: str | UserData, to: str, **fields: Any) -> bytes:
    """A SMS-SUBMIT of one part."""
    part = text.split(content)[0] if isinstance(content, str) else content
    chosen: dict[str, Any] = {"tp_mr": 7, "tp_da": Address.number(to)} | fields
    return tpdu.SmsSubmit(
        tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs, tp_udhi=part.tp_udhi, **chosen
    ).encode()  # fmt: skip


def _rpdu(message: Request | Response, body: bytes) -> None:
    message.set("content-type", RPDU)
    message.body = body


def say(lab: Lab, phone: Phone, body: bytes, code: int = 202, reply: bool = True) -> None:
    """A phone sends an RPDU, which is answered; with `reply` the server sends its own, which the phone takes."""
    phone.target = phone.target or CENTRE
    phone.bend = partial(_rpdu, body=body)
    send(lab, phone, code)
    if reply:
        take(lab, phone)


def submit(lab: Lab, phone: Phone, content: str | UserData | bytes, to: str = "+49302", *, mr: int = 7,
           centre: str = "+491", **fields: Any) -> rp.RpMessage:  # fmt: skip
    """A phone submits a message, or the octets of a TPDU; the server's report."""
    sms = content if isinstance(content, bytes) else submission(content, to, tp_mr=mr, **fields)
    address = Address.number(centre) if centre else None
    say(lab, phone, rp.RpData(Direction.MS_TO_SC, mr, None, address, sms).encode(), reply=False)
    take(lab, phone)
    assert phone.last("MESSAGE").get("in-reply-to") == phone.call_id
    return heard(phone)


def next_for(lab: Lab, phone: Phone, within: float = 1.0) -> Request | Response:
    """The next message to a phone, which comes in time, whatever others are sent meanwhile."""
    end = lab.clock.now + within
    while not any(name == phone.name for name, _, _ in lab.left):
        assert lab.clock.now < end, f"nothing comes to {phone.name} in {within} s"
        lab.clock.advance(0.01)
    found = next(entry for entry in lab.left if entry[0] == phone.name)
    lab.left.remove(found)
    phone.hear(found[2])
    return phone.inbox[-1]


def take(lab: Lab, phone: Phone, code: int = 200, within: float = 1.0) -> Request:
    """The next message to a phone is a MESSAGE, which it answers (0: it does not)."""
    message = next_for(lab, phone, within)
    assert isinstance(message, Request), message.start_line()
    assert message.method == "MESSAGE"
    if code:
        rungs(lab, f"{phone.name} --> {code} MESSAGE")
    return message


def send(lab: Lab, phone: Phone, code: int) -> None:
    """A phone sends what it was told to by `bend`, and gets this answer (0: none)."""
    rungs(lab, f"{phone.name} --> MESSAGE")
    if code:
        answer = next_for(lab, phone)
        assert isinstance(answer, Response), answer.start_line()
        assert answer.code == code


def report(lab: Lab, phone: Phone, *, of: Request | None = None, cause: int = 0, fcs: int = 0xD3,
           refers: str | None = None, mr: int | None = None, code: int = 202) -> None:  # fmt: skip
    """A phone sends RP-ACK or RP-ERROR for a delivery, its last MESSAGE; `refers`: another In-Reply-To."""
    of = of or phone.last("MESSAGE")
    assert isinstance(of, Request)
    number = rp.parse(of.body, Direction.SC_TO_MS).rp_mr if mr is None else mr
    ud = SmsDeliverReport(tp_fcs=fcs if cause else None).encode()
    answer: rp.RpAck | rp.RpError = rp.RpAck(Direction.MS_TO_SC, number, ud)
    if cause:
        answer = rp.RpError(Direction.MS_TO_SC, number, cause, ud)
    to, refers = of.call_id, of.call_id if refers is None else refers

    def bend(message: Request | Response) -> None:
        _rpdu(message, answer.encode())
        if refers:
            message.set("in-reply-to", refers)

    phone.bend = bend
    assert to
    send(lab, phone, code)


def receive(lab: Lab, phone: Phone, *, within: float = 1.0, **more: Any) -> Request:
    """The next message comes, and is acknowledged."""
    message = take(lab, phone, within=within)
    report(lab, phone, of=message, **more)
    return message


def write(lab: Lab, phone: Phone, content: str, to: str = "tel:+49302", code: int = 202, **headers: str) -> None:
    """A softphone sends text."""
    phone.fresh()
    phone.target = to

    def bend(message: Request | Response) -> None:
        message.set("content-type", "text/plain")
        message.body = content.encode()
        for name, value in headers.items():
            message.set(name.replace("_", "-"), value)

    phone.bend = bend
    send(lab, phone, code)


# -- what they read
def heard(phone: Phone) -> rp.RpMessage:
    """The RPDU of the last MESSAGE to a phone."""
    return rp.parse(phone.last("MESSAGE").body, Direction.SC_TO_MS)


def cause(answer: rp.RpMessage) -> tuple[int, int]:
    """RP-Cause and TP-FCS of an RP-ERROR."""
    assert isinstance(answer, rp.RpError)
    found = SmsSubmitReport.parse(answer.rp_ud, rp_error=True) if answer.rp_ud is not None else None
    return answer.rp_cause, (found.tp_fcs or 0) if found is not None else 0


def accepted(answer: rp.RpMessage) -> SmsSubmitReport:
    """The report in an RP-ACK."""
    assert isinstance(answer, rp.RpAck), answer
    return SmsSubmitReport.parse(answer.rp_ud or b"", rp_error=False)


def data(message: Request) -> rp.RpData:
    """The RP-DATA in a MESSAGE."""
    found = rp.parse(message.body, Direction.SC_TO_MS)
    assert isinstance(found, rp.RpData)
    return found


def deliver(message: Request) -> tpdu.SmsDeliver:
    """The SMS-DELIVER in a MESSAGE."""
    found = tpdu.parse(data(message).rp_ud, Direction.SC_TO_MS)
    assert isinstance(found, tpdu.SmsDeliver)
    return found


def content(message: Request) -> str:
    """The text in it."""
    return str(deliver(message).user_data.text)


def status(message: Request) -> tpdu.SmsStatusReport:
    """The SMS-STATUS-REPORT in a MESSAGE."""
    found = tpdu.parse(data(message).rp_ud, Direction.SC_TO_MS)
    assert isinstance(found, tpdu.SmsStatusReport)
    return found

"""Short messages through the running server: SIPp phones that play octets, the test phone, softphones, the console."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lteims.sip.message import Request
from lteims.sms import rp, text, tpdu
from lteims.sms.address import Address
from lteims.sms.cause import TpStatus
from lteims.sms.octets import Direction
from lteims.sms.report import SmsSubmitReport
from lteims.sms.validity import EnhancedForm, EnhancedValidity
from tests.net.console import Console
from tests.net.sipp_calls import ALICE, BOB, CALLS, Phone, expand
from tests.peers.subscribers import DOMAIN
from tests.phone.account import Account
from tests.phone.account import ue_db as accounts_db
from tests.phone.phone import Phone as Ue
from tests.phone.wire import Udp

EXTRA = f'domain: "{DOMAIN}",\nue_db_filename: "ims.db",\nsms_retry_delay: 2,\n'
RPDU = "application/vnd.3gpp.sms"
LONG = "three parts in the default alphabet [with brackets] and more words than fit in two. " * 5
ACCOUNTS = [
    Account(f"00101000000000{n}", "none", impi=f"{n}@{DOMAIN}", impu=f'["{n}", "tel:+49{n}", "00101000000000{n}"]')
    for n in "1234"
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Console]:
    """With an operator at its console."""
    folder = tmp_path / "server"
    running = Console(folder, accounts_db(ACCOUNTS), EXTRA, hosts=("127.0.0.1",), log_options="all.level=debug")
    with running:
        yield running


# --- SIPp, which knows nothing of short messages and plays octets


def escaped(octets: bytes) -> dict[str, str]:
    """The values of a scenario whose body are these octets."""
    return {"rpdu": "".join(f"\\x{octet:02X}" for octet in octets), "length": str(len(octets))}


def submission(words: str, to: str, mr: int = 1) -> bytes:
    (part,) = text.split(words)
    sms = tpdu.SmsSubmit(
        tp_mr=mr, tp_da=Address.number(to), tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs
    )  # fmt: skip
    return rp.RpData(Direction.MS_TO_SC, mr, None, Address.number("+491"), sms.encode()).encode()


def play(server: Console, folder: Path, sender: str, receiver: str, words: str, rp_mr: int) -> None:
    """One message from a SIPp phone to another; the server numbers its RP-DATA from 1 on."""
    ack = rp.RpAck(Direction.MS_TO_SC, rp_mr, b"\0\0").encode()
    caller = Phone(
        "sms.caller", sender, folder / sender, contact=";+g.3gpp.smsip",
        values=escaped(submission(words, f"+49{receiver}")),
    )  # fmt: skip
    callee = Phone(
        "sms.callee", receiver, folder / receiver, contact=";+g.3gpp.smsip", values=escaped(ack)
    )  # fmt: skip
    caller.folder.mkdir(parents=True, exist_ok=True)
    report = caller.folder / "report.xml"
    report.write_text(expand((CALLS / "sms.report.xml").read_text(encoding="utf-8"), {}), encoding="utf-8")
    for phone in (caller, callee):
        phone.register(server)
    waiting = callee.sipp("", 1, 1, 30)
    waiting.keys = {**waiting.keys, "callee": receiver}
    waiting.start().listening()
    sending = caller.sipp(server.address(), 1, 1, 30)
    sending.keys = {**sending.keys, "caller": sender}
    sending.options = (*sending.options, "-oocsf", str(report))
    try:
        outcome = sending.run()
        assert (outcome.passed, outcome.failed) == (1, 0), outcome.screen + caller.messages()
        outcome = waiting.wait()
        assert (outcome.passed, outcome.failed) == (1, 0), outcome.screen + callee.messages()
        assert "In-Reply-To: " in caller.messages()
    finally:
        waiting.end()
        for phone in (caller, callee):
            phone.register(server, 0)


def test_two_sipp_phones(server: Console, tmp_path: Path) -> None:
    """Each way; the server's log says that what SIPp's octets are was taken, delivered and acknowledged."""
    play(server, tmp_path, ALICE, BOB, "Hello Bob", 1)
    play(server, tmp_path, BOB, ALICE, "Hello Alice", 2)
    log = server.wait_for_log("delivered to", 2)
    assert f"short message 00000001 from +49{ALICE} to {BOB}@{DOMAIN} taken" in log
    assert f"short message 00000002 delivered to {ALICE}@{DOMAIN}" in log
    assert "fits nothing" not in log


# --- the test phone


@dataclass(slots=True)
class Handy:
    """A registered test phone, with SMS over IP or as a softphone."""

    ue: Ue

    @classmethod
    def on(cls, server: Console, n: str, *, sms: bool = True) -> "Handy":
        account = ACCOUNTS["1234".index(n)]
        features = ";+g.3gpp.smsip" if sms else ""
        found = cls(Ue(Udp(("127.0.0.1", server.port)), account, features=features))
        found.register()
        return found

    def register(self, expires: int = 600) -> None:
        assert self.ue.register(self.ue.contact(expires)).code == 200

    def write(self, words: str, to: str) -> None:
        """As softphones do."""
        self.ue.call_id = secrets.token_hex(8)
        headers = {"content-type": "text/plain;charset=UTF-8"}
        answer = self.ue.exchange(self.ue.request("MESSAGE", to, body=words.encode(), headers=headers))
        assert answer.code in (200, 202), answer.start_line()

    def read(self) -> str:
        """As softphones do."""
        request = self.take()
        assert request.get("content-type").startswith("text/plain")
        return request.body.decode()

    def take(self) -> Request:
        """A MESSAGE comes; what comes again was answered already."""
        request = self.ue.take()
        assert request.method == "MESSAGE", request.start_line()
        self.ue.answer_to(request, 200)
        return request

    def rpdu(self, message: rp.RpMessage, to: str, **headers: str) -> None:
        """Send an RPDU."""
        self.ue.call_id = secrets.token_hex(8)
        fields = {"content-type": RPDU} | {name.replace("_", "-"): value for name, value in headers.items()}
        request = self.ue.request("MESSAGE", to, body=message.encode(), headers=fields)
        assert self.ue.exchange(request).code == 202

    def submit(self, words: str, to: str, mr: int = 1, **fields: object) -> None:
        """Submit a message in as many parts as it needs, each acknowledged before the next."""
        for number, part in enumerate(text.split(words, reference=mr), mr):
            sms = tpdu.SmsSubmit(
                tp_mr=number, tp_da=Address.number(to), tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs,
                tp_udhi=part.tp_udhi, **fields,  # type: ignore[arg-type]
            )  # fmt: skip
            data = rp.RpData(Direction.MS_TO_SC, number, None, Address.number("+491"), sms.encode())
            self.rpdu(data, f"sip:+491@{DOMAIN}")
            answer = self.take()
            report = rp.parse(answer.body, Direction.SC_TO_MS)
            assert isinstance(report, rp.RpAck)
            assert (report.rp_mr, answer.get("in-reply-to")) == (number, self.ue.call_id)
            SmsSubmitReport.parse(report.rp_ud or b"", rp_error=False)

    def receive(self) -> tpdu.Tpdu:
        """A delivery, acknowledged."""
        request = self.take()
        data = rp.parse(request.body, Direction.SC_TO_MS)
        assert isinstance(data, rp.RpData)
        gateway = request.get("p-asserted-identity").strip("<>")
        self.rpdu(rp.RpAck(Direction.MS_TO_SC, data.rp_mr, b"\0\0"), gateway, in_reply_to=request.call_id)
        return tpdu.parse(data.rp_ud, Direction.SC_TO_MS)

    def message(self, parts: int = 1) -> str:
        """The text of a message in parts."""
        found = [self.receive() for _ in range(parts)]
        assert all(isinstance(part, tpdu.SmsDeliver) for part in found)
        return str(text.join([part.user_data for part in found if isinstance(part, tpdu.SmsDeliver)]).text)


@pytest.mark.parametrize(
    ("words", "parts"), [("Hello", 1), (LONG, 3), ("日本語の長い文章です。" * 15, 3), ("🎉🎈" * 40, 3)]
)
def test_softphone_and_phone_exchange_text(server: Console, words: str, parts: int) -> None:
    phone, softphone = Handy.on(server, "1"), Handy.on(server, "2", sms=False)
    softphone.write(words, "tel:+491")
    assert phone.message(parts) == words
    phone.submit(words, "+492")
    assert softphone.read() == words


def test_softphones_exchange_text(server: Console) -> None:
    one, two = Handy.on(server, "1", sms=False), Handy.on(server, "2", sms=False)
    softphone_text = "as it is, " * 30
    one.ue.call_id = secrets.token_hex(8)
    headers = {"content-type": "text/plain"}
    request = one.ue.request("MESSAGE", f"sip:2@{DOMAIN}", body=softphone_text.encode(), headers=headers)
    one.ue.send(request)
    assert two.read() == softphone_text
    assert one.ue.wait_for(request).code == 200


def test_delivery_after_registration_also_of_the_server(server: Console) -> None:
    """What waits is listed, survives `kill -9`, and goes when the user comes."""
    phone, other = Handy.on(server, "1"), Handy.on(server, "2")
    other.register(0)
    phone.submit("first", "+492", 1, tp_srr=True)
    phone.submit("second", "+492", 2)
    assert "2 SMS pending" in server.type("users")
    server.kill9()
    server.start()
    other.register()
    assert [other.message(), other.message()] == ["first", "second"]
    report = phone.receive()
    assert isinstance(report, tpdu.SmsStatusReport)
    assert (report.tp_mr, report.tp_st, str(report.tp_ra)) == (1, TpStatus.RECEIVED_BY_SME, "+492")


def test_a_message_expires(server: Console) -> None:
    phone = Handy.on(server, "1")
    phone.submit("too late", "+492", tp_vp=EnhancedValidity(EnhancedForm.SECONDS, 1), tp_srr=True)
    phone.ue._inbox.extend([phone.ue.take(20.0)])
    report = phone.receive()
    assert isinstance(report, tpdu.SmsStatusReport)
    assert report.tp_st == TpStatus.VALIDITY_PERIOD_EXPIRED
    late = Handy.on(server, "2")
    assert late.ue._next(1.0) is None


def test_the_operator_at_the_console(server: Console) -> None:
    phone, softphone = Handy.on(server, "1"), Handy.on(server, "2", sms=False)
    assert server.type(f"sms 1@{DOMAIN} Hello, phone") == f"1 part for 1@{DOMAIN}"
    assert phone.message() == "Hello, phone"
    assert server.type("sms tel:+492 Grüße 🎉") == f"1 part for 2@{DOMAIN}"
    assert softphone.read() == "Grüße 🎉"
    assert "there is no user" in server.type("sms tel:+4999 Hello")
    assert "usage: sms IMPI|IMPU TEXT" in server.type("sms 1")
    server.type("sms 3 one")
    server.type("sms 3 two")
    server.wait_for_log("taken", 4)
    assert server.type("sms_flush 3") == "2 messages forgotten"
    assert server.type("sms_flush 3") == "0 messages forgotten"
    assert "there is no user" in server.type("sms_flush 99")

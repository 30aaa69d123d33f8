"""Emergency registrations and calls against the real server over loopback (TS 24.229 5.1.6, 5.2.10, 5.4.8)."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lteims.sip.message import Request
from tests.net.server import Server
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.phone import Phone
from tests.phone.wire import Udp

IMEI = "urn:gsma:imei:35209900-176148-1"
NUMBER = '["{0}", "tel:+49{0}"]'
ALICE = Account(
    "001010000000001",
    "MD5",
    password="secret",
    impu=NUMBER.format("001010000000001"),
    extra="auth_on_register_only: true",
)
BOB = Account("001010000000002", "none")
SIM = Account("001010000000003")
EXTRA = f"""domain: "{DOMAIN}",
echo: ["tel:666", {{impu: "urn:service:sos", anonymous: true, authentication: false}}, "urn:service:sos.ecall"],
"""
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own: emergency registrations cannot be taken away."""
    with Server(tmp_path / "server", ue_db([ALICE, BOB, SIM]), EXTRA, hosts=("127.0.0.1",)) as running:
        yield running
    assert "failed inside" not in running.log


def phone(server: Server, account: Account) -> Phone:
    card = account.card() if account.authent_type.startswith("AKA") else None
    return Phone(Udp(("127.0.0.1", server.port)), account, card, instance=IMEI)


def emergency(ue: Phone) -> str:
    """Its Contact for an emergency registration."""
    return ue.contact(uri=f"{ue.contact_uri};sos")


def invite(ue: Phone, target: str, **headers: str) -> Request:
    fields = {"content-type": "application/sdp", "contact": f"<{ue.contact_uri}>"} | headers
    return ue.request("INVITE", target, body=SDP, headers=fields)


def hang_up(ue: Phone, call: Request) -> None:
    response = ue.exchange(call)
    assert response.code == 200
    ue.send(ue.in_dialog("ACK", call, response))
    assert ue.exchange(ue.in_dialog("BYE", call, response)).code == 200


@pytest.mark.parametrize("account", [ALICE, SIM], ids=["md5", "aka"])
def test_an_emergency_registration_beside_a_normal_one(server: Server, account: Account) -> None:
    ue, again = phone(server, account), phone(server, account)
    assert ue.register().code == 200
    if again.card is not None:
        again.card = ue.card  # one phone, one card
    response = again.register(emergency(again), headers={"supported": "path"})
    assert response.code == 200
    assert len(again.challenges) == 1
    assert ["sos" in contact.uri.params for contact in response.contacts] == [False, True]
    own = [f"<{account.uri}>"] + ([f"<tel:+49{account.imsi}>"] if account is ALICE else [])
    assert response.values("p-associated-uri") == own
    assert response.get("path") == f"<sip:127.0.0.1:{server.port};lr>"
    assert again.register(ue.contact(0, uri=f"{again.contact_uri};sos")).code == 501
    assert ue.register("*", expires=0).code == 200
    ue.wire.close()
    again.wire.close()


def test_a_message_passes_the_emergency_contact_by(server: Server) -> None:
    alice, bob = phone(server, ALICE), phone(server, BOB)
    help = phone(server, ALICE)
    assert [ue.register(emergency(ue) if ue is help else ue.contact()).code for ue in (alice, bob, help)] == [200] * 3
    for taker in (alice, help):
        message = bob.request("MESSAGE", ALICE.uri, body=b"x")
        bob.send(message)
        taker.answer_to(taker.take(), 200)
        assert bob.wait_for(message).code == 200
        if taker is alice:
            alice.register(alice.contact(0))  # only the emergency contact is left: the call back has to reach it
    for ue in (alice, bob, help):
        ue.wire.close()


def test_380_over_a_normal_registration(server: Server) -> None:
    ue = phone(server, BOB)
    path = ue.register(headers={"supported": "path"}).get("path")
    for target in ("tel:112", f"sip:911@{DOMAIN};user=phone"):
        response = ue.exchange(invite(ue, target))
        assert response.code == 380
        assert response.get("p-asserted-identity") == path
        root = ElementTree.fromstring(response.body)
        assert root.findtext("alternative-service/type") == "emergency"
        assert root.findtext("alternative-service/action") == "emergency-registration"
    help = phone(server, BOB)
    assert help.register(emergency(help)).code == 200
    hang_up(help, invite(help, "tel:112"))
    hang_up(ue, invite(ue, "urn:service:sos.fire"))
    for each in (ue, help):
        each.wire.close()


def test_the_longest_known_service_decides_who_may_call(server: Server) -> None:
    """urn:service:sos is open to everybody, urn:service:sos.ecall is not."""
    ue = phone(server, BOB)
    anonymous = {
        "from": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
        "contact": f'<{ue.contact_uri}>;+sip.instance="<{IMEI}>"',
    }
    hang_up(ue, invite(ue, "urn:service:sos.police", **anonymous))
    server.wait_for_log("IMEI 35209900-176148-1")
    assert ue.exchange(invite(ue, "urn:service:sos.ecall.manual", **anonymous)).code == 403
    assert ue.register().code == 200
    hang_up(ue, invite(ue, "urn:service:sos.ecall.manual"))
    ue.wire.close()

"""Subscriptions to registration state at the real server: over UDP and TCP, proven, ended by both sides, after kill -9.

The test phone subscribes as IR.92 phones do; tshark reads what they are told, where it is installed.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lteims.sip.message import Request, Response
from lteims.sip.reginfo import Reginfo
from tests.net.console import Console
from tests.net.server import Server
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.phone import Phone, PhoneError
from tests.phone.wire import Tcp, Udp
from tests.vectors.capture import TSHARK, complaints, look, udp
from tests.vectors.sip.schema import Schema

SCHEMA = Schema(Path(__file__).parents[1] / "vectors" / "sip" / "reginfo.xsd")
INSTANCE = "urn:gsma:imei:35209900-176148-1"
FEATURES = ';+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";+g.3gpp.smsip;audio;q=0.7'
IMPUS = '["{}", "tel:+3360000000{}"]'
ALICE = Account("001010000000001", "MD5", password="secret", impu=IMPUS.format("001010000000001", 1))
SIM = Account("001010000000002", impu=IMPUS.format("001010000000002", 2))
PLAIN = Account("001010000000003", "none")
EXTRA = f'domain: "{DOMAIN}", ue_db_filename: "state.db",'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Console]:
    running = Console(tmp_path / "server", ue_db([ALICE, SIM, PLAIN]), EXTRA)
    with running:
        yield running
    assert "failed inside" not in running.log


def registered(server: Server, account: Account, *, tcp: bool = False) -> Phone:
    target = ("127.0.0.1", server.port)
    card = account.card() if account.authent_type.startswith("AKA") else None
    ue = Phone(Tcp(target) if tcp else Udp(target), account, card, instance=INSTANCE, features=FEATURES)
    assert ue.register().code == 200
    return ue


def subscribe(ue: Phone, expires: int = 600000, *, proven: bool = True) -> tuple[Request, Response]:
    """SUBSCRIBE outside a dialog, with credentials where they are asked for; the request and its 200."""
    headers = {"event": "reg", "expires": str(expires), "contact": f"<{ue.contact_uri}>"}
    headers |= {"accept": "application/reginfo+xml", "supported": "path"}
    request = ue.request("SUBSCRIBE", ue.account.uri, headers=headers)
    if proven:
        request = ue.proven(request)
    response = ue.exchange(request)
    assert response.code == 200
    assert response.get("expires") == str(expires)
    return request, response


def told(ue: Phone, answer: int = 200) -> tuple[Request, Reginfo]:
    """The next NOTIFY, answered, and its document."""
    notify = ue.take()
    assert notify.method == "NOTIFY"
    assert SCHEMA.faults(notify.body) == []
    ue.answer_to(notify, answer)
    return notify, Reginfo.parse(notify.body)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("account", [ALICE, SIM], ids=["md5", "aka"])
def test_a_phone_is_told_of_its_registration(server: Console, tmp_path: Path, account: Account, tcp: bool) -> None:
    ue = registered(server, account, tcp=tcp)
    request, response = subscribe(ue)
    first, document = told(ue)
    assert (first.target, first.get("event")) == (ue.contact_uri, "reg")
    assert first.get("subscription-state").startswith("active;expires=")
    assert (first.from_.tag, first.to.tag) == (response.to.tag, request.from_.tag)
    assert [r.aor for r in document.registrations] == [account.uri, f"tel:+3360000000{account.imsi[-1]}"]
    for registration in document.registrations:
        (contact,) = registration.contacts
        assert contact.uri == ue.contact_uri
        assert contact.q == "0.7"
        assert ("+g.3gpp.smsip", "") in contact.unknown_params
        assert ("+sip.instance", f'"<{INSTANCE}>"') in contact.unknown_params
    assert ue.register().code == 200
    second, document = told(ue)
    assert (document.version, document.state) == (1, "partial")
    assert {c.event for r in document.registrations for c in r.contacts} == {"refreshed"}
    assert ue.register(ue.contact(0)).code == 200
    third, document = told(ue)  # after the 200, by the way that the phone had
    assert third.get("subscription-state") == "terminated;reason=noresource"
    assert {(r.state, c.event) for r in document.registrations for c in r.contacts} == {("terminated", "unregistered")}
    if TSHARK is not None:
        for layers in look(tmp_path / "notify.pcap", [udp(5060, m.encode()) for m in (first, second, third)]):
            assert complaints(layers) == []
            assert "reginfo" in layers["sip"]["sip.msg_body"]["xml"]
    ue.wire.close()


def test_refresh_and_end(server: Console) -> None:
    ue = registered(server, PLAIN)
    request, response = subscribe(ue, proven=False)
    told(ue)
    for expires, state in ((7200, "active;expires=7200"), (0, "terminated;reason=timeout")):
        again = ue.request("SUBSCRIBE", response.contacts[0].uri.text)
        again.headers |= {"from": request.headers["from"], "to": response.headers["to"]}
        again.headers |= {"event": ["reg"], "expires": [str(expires)], "contact": [f"<{ue.contact_uri}>"]}
        assert ue.exchange(again).code == 200
        notify, document = told(ue)
        assert (notify.get("subscription-state"), document.state) == (state, "full")
    ue.wire.close()


def test_who_refuses_a_notify_is_told_no_more(server: Console) -> None:
    ue = registered(server, PLAIN)
    subscribe(ue, proven=False)
    told(ue, 481)
    server.wait_for_log("its subscription is dropped")
    assert ue.register().code == 200
    with pytest.raises(PhoneError, match="no request came"):
        ue.take(0.5)
    ue.wire.close()


def test_the_operator_unregisters_a_phone(server: Console) -> None:
    ue = registered(server, PLAIN)
    subscribe(ue, proven=False)
    told(ue)
    assert "no contact" in server.type("unregister sip:nobody@example.org")
    assert "none of" in server.type(f"unregister {PLAIN.uri} eaten")
    assert server.type(f"unregister {ue.contact_uri}").split() == [ue.contact_uri, "is", "de-registered"]
    notify, document = told(ue)
    assert notify.get("subscription-state") == "terminated;reason=deactivated"
    assert [(r.state, r.contacts[0].event) for r in document.registrations] == [("terminated", "deactivated")]
    server.kill9()  # what the operator was told is durable
    server.start()
    assert "1 registered" not in server.type("users")
    assert ue.register().code == 200  # deactivated: it registers again
    subscribe(ue, proven=False)
    _, document = told(ue)
    assert document.registrations[0].state == "active"
    ue.wire.close()


def test_after_a_restart(server: Console) -> None:
    ue = registered(server, PLAIN)
    request, response = subscribe(ue, proven=False)
    told(ue)
    server.kill9()
    server.start()
    again = ue.request("SUBSCRIBE", response.contacts[0].uri.text)
    again.headers |= {"from": request.headers["from"], "to": response.headers["to"]}
    again.headers |= {"event": ["reg"], "expires": ["600000"], "contact": [f"<{ue.contact_uri}>"]}
    assert ue.exchange(again).code == 481
    ue.call_id += "b"
    subscribe(ue, proven=False)
    _, document = told(ue)
    assert (document.version, document.registrations[0].contacts[0].uri) == (0, ue.contact_uri)
    ue.wire.close()


def test_other_packages_and_methods(server: Console) -> None:
    ue = registered(server, ALICE)
    headers = {"event": "presence", "contact": f"<{ue.contact_uri}>"}
    response = ue.exchange(ue.request("SUBSCRIBE", ALICE.uri, headers=headers))
    assert (response.code, response.get("allow-events")) == (489, "reg")
    response = ue.exchange(ue.request("PUBLISH", ALICE.uri, headers=headers))
    assert response.code == 405
    assert "SUBSCRIBE" in response.get("allow")
    assert ue.exchange(ue.request("NOTIFY", ALICE.uri, headers=headers)).code == 481
    other = ue.request("SUBSCRIBE", PLAIN.uri, headers=headers | {"event": "reg"})
    assert ue.exchange(ue.proven(other)).code == 403
    ue.wire.close()

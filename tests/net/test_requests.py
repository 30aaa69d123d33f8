"""Requests outside REGISTER: who may send them, whom they reach, and what a request that cannot be served is told.

The real server over loopback, asked by the test phone; each test registers the phones that it needs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lteims.sip.message import Request
from tests.net.server import Server
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.phone import Phone
from tests.phone.wire import Tcp, Udp, Wire

IMEI_A, IMEI_B = "urn:gsma:imei:35209900-176148-1", "urn:gsma:imei:35209900-176149-9"


def md5_user(number: int, impu: str = "", extra: str = "") -> Account:
    return Account(f"00101{number:010d}", "MD5", password="secret", impu=impu, extra=extra)


ALICE = md5_user(1, impu='["001010000000001", {impu: "tel:+33600000001", asserted: true, display_name: "Alice A."}]')
BOB = md5_user(2, impu='["001010000000002", {impu: "tel:+33600000002", preferred: true}]')
CAROL = md5_user(3, extra="auth_on_register_only: true")
DAVE = md5_user(4, impu='[{impu: "001010000000004", authentication: false}]')
EVE = Account("001010000000005", "none")
ABSENT = md5_user(6, impu='["001010000000006", "tel:+33600000006"]')
SIM = Account("001010000000007")
TWINS = Account(
    "001010000000008",
    "none",
    impu='["001010000000008", {impu: "tel:281", imei: "35209900176148"}, {impu: "tel:282", imei: "35209900176149"}]',
    extra="multi_sim: true",
)
EXTRA = f"""domain: "{DOMAIN}", user_agent: "house/1",
echo: ["tel:666", {{impu: "urn:service:sos", anonymous: true, authentication: false}}],
custom_headers: [
  {{name: "X-Message", value: "yes", methods: "MESSAGE"}},
  {{name: "X-Answer", value: "no request", codes: 0}},
],
"""
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
AUDIO = {"content-type": "application/sdp"}
MakePhone = Callable[..., Phone]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of the module."""
    users = ue_db([ALICE, BOB, CAROL, DAVE, EVE, ABSENT, SIM, TWINS])
    with Server(tmp_path_factory.mktemp("requests") / "server", users, EXTRA) as running:
        yield running
    assert "failed inside" not in running.log


@pytest.fixture
def phone(server: Server) -> Iterator[MakePhone]:
    """Makes phones, registered unless a test wants otherwise; their contacts go when the test ends."""
    made: list[Phone] = []

    def make(account: Account, *, tcp: bool = False, host: str = "", registered: bool = True, imei: str = "") -> Phone:
        target = ("127.0.0.1", server.port)
        wire: Wire = Tcp(target) if tcp else Udp(target, host=host)
        card = account.card() if account.authent_type.startswith("AKA") else None
        ue = Phone(wire, account, card, instance=imei)
        if registered:
            assert ue.register().code == 200
            made.append(ue)
        return ue

    yield make
    for ue in made:
        ue.register(ue.contact(0))
        ue.wire.close()


def invite(ue: Phone, target: str, **headers: str) -> Request:
    return ue.request("INVITE", target, body=SDP, headers=AUDIO | {"contact": f"<{ue.contact_uri}>"} | headers)


# -- who sends it
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize("account", [ALICE, SIM], ids=["md5", "aka"])
def test_a_request_is_challenged(phone: MakePhone, account: Account, method: str) -> None:
    ue = phone(account)
    response = ue.exchange(ue.request(method, f"sip:{BOB.imsi}@{DOMAIN}", body=SDP, headers=AUDIO))
    assert response.code == 401
    assert f'realm="{DOMAIN}"' in response.get("www-authenticate")


@pytest.mark.parametrize("header", ["authorization", "proxy-authorization"])
@pytest.mark.parametrize("account", [ALICE, SIM], ids=["md5", "aka"])
def test_a_call_to_the_echo(phone: MakePhone, account: Account, header: str) -> None:
    ue = phone(account)
    call = ue.proven(invite(ue, "tel:666"), header)
    hang_up(ue, call)


def hang_up(ue: Phone, call: Request) -> None:
    """Carry a call through: 200, ACK, BYE."""
    response = ue.exchange(call)
    assert response.code == 200
    assert b"m=audio" in response.body
    ue.send(ue.in_dialog("ACK", call, response))
    assert ue.exchange(ue.in_dialog("BYE", call, response)).code == 200


def test_the_wrong_password(phone: MakePhone) -> None:
    ue = phone(ALICE)
    ue.password = "guess"
    assert ue.exchange(ue.proven(invite(ue, "tel:666"))).code == 403
    ue.password = ""


def test_credentials_of_another(server: Server, phone: MakePhone) -> None:
    bob = phone(BOB)
    bob.username = ALICE.username
    assert bob.exchange(bob.proven(invite(bob, "tel:666"))).code == 403
    server.wait_for_log("does not belong to")
    bob.username = BOB.username


@pytest.mark.parametrize("account", [CAROL, DAVE, EVE], ids=["auth_on_register_only", "authentication", "none"])
def test_no_challenge_where_nobody_asks(server: Server, phone: MakePhone, account: Account) -> None:
    ue = phone(account)
    hang_up(ue, invite(ue, "tel:666"))
    elsewhere = phone(account, host="127.0.0.2", registered=False)
    assert elsewhere.exchange(invite(elsewhere, "tel:666")).code == 403
    server.wait_for_log(f"{account.username} is registered from 127.0.0.1, not from 127.0.0.2")


def test_auth_on_register_only_for_all(tmp_path: Path) -> None:
    strict = md5_user(20, extra="auth_on_register_only: false")
    extra = f'domain: "{DOMAIN}", auth_on_register_only: true, echo: "tel:666",\n'
    with Server(tmp_path / "server", ue_db([ALICE, strict]), extra, hosts=("127.0.0.1",)) as server:
        for account, code in ((ALICE, 404), (strict, 401)):
            ue = Phone(Udp(("127.0.0.1", server.port)), account)
            assert ue.register().code == 200
            assert ue.exchange(invite(ue, "tel:999")).code == code
            ue.wire.close()


def test_an_unregistered_caller(server: Server, phone: MakePhone) -> None:
    ue = phone(ABSENT, registered=False)
    assert ue.exchange(ue.proven(invite(ue, "tel:666"))).code == 403
    server.wait_for_log(f"{ABSENT.username} is not registered")


def test_an_unknown_caller(phone: MakePhone) -> None:
    ue = phone(ALICE, registered=False)
    assert ue.exchange(invite(ue, "tel:666", **{"from": f"<sip:stranger@{DOMAIN}>;tag=1"})).code == 403
    assert ue.exchange(invite(ue, "tel:666", **{"from": '"A" <sip:anonymous@anonymous.invalid>;tag=1'})).code == 403


@pytest.mark.parametrize("target", ["urn:service:sos", "urn:service:sos.fire"])
@pytest.mark.parametrize("who", ["sip:anonymous@anonymous.invalid", ABSENT.uri])
def test_an_emergency_call_of_anybody(phone: MakePhone, target: str, who: str) -> None:
    ue = phone(ABSENT, registered=False)
    hang_up(ue, invite(ue, target, **{"from": f"<{who}>;tag=1"}))


# -- whom it reaches
@pytest.mark.parametrize(
    ("target", "code"),
    [
        (f"sip:nobody@{DOMAIN}", 404),
        ("tel:+999", 404),
        ("sip:someone@foreign.example.org", 404),
        (f"sip:{DOMAIN}", 404),
        ("urn:service:unknown", 404),
        (ABSENT.uri, 480),
        ("tel:+33-600-000-006", 480),
        (f"sip:+33600000006@{DOMAIN};user=phone", 480),
    ],
)
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_nobody_there(phone: MakePhone, method: str, target: str, code: int) -> None:
    ue = phone(EVE)
    response = ue.exchange(invite(ue, target) if method == "INVITE" else ue.request(method, target, body=b"hello"))
    # a text for a user who is not there waits: store and forward
    assert response.code == (202 if (method, code) == ("MESSAGE", 480) else code)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_message_from_phone_to_phone(phone: MakePhone, tcp: bool) -> None:
    alice, bob = phone(ALICE), phone(BOB, tcp=tcp)
    message = alice.proven(alice.request("MESSAGE", "tel:+33600000002", body="salut ça".encode()))
    alice.send(message)
    came = bob.take()
    assert (came.method, came.target, came.body.decode()) == ("MESSAGE", "tel:+33600000002", "salut ça")
    assert came.get("p-asserted-identity") == '"Alice A." <tel:+33600000001>'
    assert came.get("content-type") == "text/plain"
    assert came.call_id != message.call_id
    assert came.number("max-forwards") == 69
    assert came.get("x-message") == "yes"
    assert "x-answer" not in came.headers
    assert came.get("user-agent") == "house/1"
    assert "authorization" not in came.headers
    bob.answer_to(came, 200)
    assert alice.wait_for(message).code == 200


def test_a_message_that_is_refused(phone: MakePhone) -> None:
    alice, bob = phone(ALICE), phone(BOB)
    message = alice.proven(alice.request("MESSAGE", BOB.uri, body=b"x"))
    alice.send(message)
    bob.answer_to(bob.take(), 488)
    assert alice.wait_for(message).code == 488


def test_the_best_contact_is_reached(phone: MakePhone) -> None:
    eve, low = phone(EVE), phone(CAROL)
    high = phone(CAROL, registered=False)
    low.register(low.contact(params=";q=0.3"))
    high.register(high.contact(params=";q=0.7"))
    message = eve.request("MESSAGE", CAROL.uri, body=b"x")
    eve.send(message)
    high.answer_to(high.take(), 200)
    assert eve.wait_for(message).code == 200
    high.register(high.contact(0))


def test_twins_are_told_apart_by_their_imei(phone: MakePhone) -> None:
    eve = phone(EVE)
    twins = {number: phone(TWINS, imei=imei) for number, imei in (("281", IMEI_A), ("282", IMEI_B))}
    for number, twin in twins.items():
        message = eve.request("MESSAGE", f"tel:{number}", body=b"x")
        eve.send(message)
        twin.answer_to(twin.take(), 200)
        assert eve.wait_for(message).code == 200
    first, second = twins.values()
    message = first.request("MESSAGE", TWINS.uri, body=b"to the other one")
    first.send(message)
    came = second.take()
    second.answer_to(came, 200)
    assert first.wait_for(message).code == 200


# -- what cannot be served
def test_options(phone: MakePhone) -> None:
    ue = phone(EVE)
    response = ue.exchange(ue.request("OPTIONS", f"sip:{DOMAIN}"))
    assert response.code == 200
    assert {"REGISTER", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "MESSAGE"} <= set(response.values("allow"))
    assert ue.exchange(ue.request("OPTIONS", "sip:foreign.example.org")).code == 404
    assert ue.exchange(ue.request("OPTIONS", f"sip:nobody@{DOMAIN}")).code == 404
    assert ue.exchange(ue.request("OPTIONS", ABSENT.uri)).code == 480


def test_an_unknown_method(phone: MakePhone) -> None:
    ue = phone(EVE)
    response = ue.exchange(ue.request("JUGGLE", f"sip:{DOMAIN}"))
    assert response.code == 405
    assert "INVITE" in response.values("allow")


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "MESSAGE", "OPTIONS"])
@pytest.mark.parametrize("header", ["require", "proxy-require"])
def test_an_unknown_extension(phone: MakePhone, method: str, header: str) -> None:
    ue = phone(EVE)
    response = ue.exchange(ue.request(method, f"sip:{DOMAIN}", headers={header: "path, foo, bar"}))
    assert response.code == 420
    assert response.values("unsupported") == ["foo", "bar"]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS"])
def test_too_many_hops(phone: MakePhone, method: str) -> None:
    ue = phone(EVE)
    assert ue.exchange(ue.request(method, BOB.uri, headers={"max-forwards": "0"})).code == 483


@pytest.mark.parametrize("method", ["BYE", "PRACK", "UPDATE", "INFO"])
def test_no_such_dialog(phone: MakePhone, method: str) -> None:
    ue = phone(EVE)
    assert ue.exchange(ue.request(method, BOB.uri, headers={"to": f"<{BOB.uri}>;tag=gone"})).code == 481
    assert ue.exchange(ue.request(method, BOB.uri)).code == 481

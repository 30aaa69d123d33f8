"""Registration, authentication and identities of the real server, asked by the test phone over loopback.

One server for the module; each test has users of its own, so that none sees another's bindings or SQN.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lteims.sip.headers import NameAddr
from lteims.sip.message import Response
from tests.net.server import LOGGED_WITHIN, Server
from tests.phone.account import DOMAIN, OTHER_K, Account, ue_db
from tests.phone.phone import Phone
from tests.phone.wire import Tcp, Udp

IMEI_A, IMEI_B = "urn:gsma:imei:35209900-176148-1", "urn:gsma:imei:35209900-176149-9"


def md5_user(number: int, *, domain: str = DOMAIN, impu: str = "") -> Account:
    return Account(f"00101{number:010d}", "MD5", password="secret", domain=domain, impu=impu)


XOR = Account("001010000000001")
XOR_TCP = Account("001010000000002")
XOR_LONG = Account("001010000000003", res_len=16)
MILENAGE = Account("001010000000004", sim_algo="milenage")
TUAK_4 = Account("001010000000005", sim_algo="tuak", res_len=4)
TUAK_8 = Account("001010000000006", sim_algo="tuak", res_len=8)
TUAK_16 = Account("001010000000007", sim_algo="tuak", res_len=16)
AKAV2 = Account("001010000000008", "AKAv2", sim_algo="milenage")
AKAV2_LONG = Account("001010000000009", "AKAv2", res_len=16)
MD5 = md5_user(10)
NONE = Account("001010000000011", "none")
EVERY = [XOR, XOR_TCP, XOR_LONG, MILENAGE, TUAK_4, TUAK_8, TUAK_16, AKAV2, AKAV2_LONG, MD5, NONE]

RESYNC = Account("001010000000020", sim_algo="milenage")
WRONG_K = Account("001010000000021", sim_algo="tuak", res_len=8)
WRONG_RES = Account("001010000000022")
STRICT = Account("001010000000023", password="secret")
CHOOSER = Account("001010000000024", "MD5", password="secret", extra=f'K: "{OTHER_K}", sim_algo: "xor"')
BARE_IMPI = Account("001010000000025", "MD5", password="secret", impi="bare-user")
REPEATER = Account("001010000000019", sim_algo="milenage")
SERVER_SIDE = Account("001010000000026", "MD5", password="secret", impu='["someone-else"]')
NO_NEED = Account(
    "001010000000027", "MD5", password="secret", impu='[{impu: "001010000000027", authentication: false}]'
)
MULTI = Account(
    "001010000000028",
    impu='["001010000000028", {impu: "tel:281", imei: "35209900176148"}, {impu: "tel:282", imei: "352099001761499"}]',
    extra="multi_sim: true",
)
SINGLE = Account("001010000000029")
PREFERS = md5_user(
    30,
    impu='["001010000000030", {impu: "tel:+33600000301", display_name: "Second \\"One\\""}, '
    '{impu: "hidden", associated: false}, {impu: "tel:+33600000302", preferred: true}]',
)
DOMAINS = md5_user(31, domain="ims.example.org", impu='["001010000000031", {impu: "other", domain: "sub.example.org"}]')
DERIVED = md5_user(32)
USERS = {
    name: md5_user(100 + at)
    for at, name in enumerate(
        [
            "password",
            "qop",
            "replay",
            "realm",
            "stale",
            "several",
            "q",
            "header",
            "default",
            "cap",
            "brief",
            "refresh",
            "instance",
            "star",
            "misuse",
            "sos",
            "cseq",
            "late",
            "path",
            "compact",
            "fetch",
            "many",
            "tcp6",
            "contact",
            "domain",
            "proxy",
            "shown",
            "minus",
        ]
    )
}
ALL = [
    *EVERY, RESYNC, WRONG_K, WRONG_RES, STRICT, CHOOSER, BARE_IMPI, SERVER_SIDE, REPEATER, NO_NEED, MULTI, SINGLE,
    PREFERS, DOMAINS, DERIVED, *USERS.values(),
]  # fmt: skip
EXTRA = f"""domain: "{DOMAIN}", user_agent: "house/1", binding_expires: 1200, ue_db_filename: "ims.db",
custom_headers: [
  {{name: "X-Every", value: "answer", codes: 0}},
  {{name: "X-Ok", value: "to REGISTER", codes: [200], methods: "REGISTER"}},
  {{name: "X-Options", value: "only", codes: 200, methods: ["OPTIONS"]}},
  {{name: "Server", value: "replaced/2", codes: [401], replace: true}},
  {{name: "X-Request", value: "never in answers", methods: "*"}},
],
"""

MakePhone = Callable[..., Phone]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of the module."""
    folder = tmp_path_factory.mktemp("registration") / "server"
    with Server(folder, ue_db(ALL), EXTRA, log_options="all.level=info,ims.level=debug") as running:
        yield running
    assert "failed inside" not in running.log


@pytest.fixture
def phone(server: Server) -> Iterator[MakePhone]:
    """Makes phones on wires of their own."""
    made = []

    def make(account: Account, *, tcp: bool = False, host: str = "127.0.0.1", **more: object) -> Phone:
        wire = Tcp((host, server.port)) if tcp else Udp((host, server.port))
        made.append(wire)
        return Phone(wire, account, **more)  # type: ignore[arg-type]

    yield make
    for wire in made:
        wire.close()


def contacts(response: Response) -> list[NameAddr]:
    return response.contacts


def expires(response: Response, at: int = 0) -> int:
    return int(response.contacts[at].params["expires"] or "")


def since(server: Server, mark: int, text: str) -> str:
    """Wait for a line that was logged after a mark; the line."""
    end = time.monotonic() + LOGGED_WITHIN
    while True:
        lines = [line for line in server.log[mark:].splitlines() if text in line]
        if lines:
            return lines[0]
        assert time.monotonic() < end, f"{text!r} is not in the log:\n{server.log[mark:]}"
        time.sleep(0.02)


# -- the algorithms
@pytest.mark.parametrize("first", ["", "empty"])
@pytest.mark.parametrize("account", EVERY, ids=lambda a: f"{a.authent_type}-{a.sim_algo}-{a.res_len}")
def test_registers(phone: MakePhone, account: Account, first: str) -> None:
    card = account.card() if account.authent_type.startswith("AKA") else None
    ue = phone(account, card=card, first=first)
    response = ue.register()
    assert response.code == 200
    assert contacts(response)[0].uri.text == ue.contact_uri
    if card:
        assert ue.verdicts == ["Accepted"]
        assert ue.challenges[0].get("algorithm") == f"{account.authent_type}-MD5"
        assert set(ue.challenges[0].get("qop").split(",")) == {"auth", "auth-int"}
        assert ue.challenges[0].get("realm") == DOMAIN
    else:
        assert len(ue.challenges) == (account.authent_type == "MD5")
    assert ue.register(ue.contact(0)).code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_registers_over_tcp(phone: MakePhone, host: str) -> None:
    ue = phone(XOR_TCP, tcp=True, host=host, card=XOR_TCP.card(), first="AKAv1-MD5")
    response = ue.register()
    assert response.code == 200
    assert response.get("service-route").startswith(f"<sip:orig@{'[::1]' if ':' in host else host}:")
    assert ue.register(ue.contact(0)).contacts == []


def test_registers_over_ipv6(phone: MakePhone) -> None:
    ue = phone(USERS["tcp6"], host="::1")
    assert ue.register().contacts[0].uri.host == "::1"


def test_auth_int_covers_the_body(phone: MakePhone) -> None:
    ue = phone(XOR_LONG, card=XOR_LONG.card())
    assert ue.register(spoil={"qop": "auth-int"}).code == 200
    assert ue.register(spoil={"qop": "auth-int", "response": "0" * 32}).code == 403


# -- the SIM
def test_resynchronises(server: Server, phone: MakePhone) -> None:
    ue = phone(RESYNC, card=RESYNC.card(sqn_ms=0x1234_0001))
    mark = len(server.log)
    assert ue.register().code == 200
    assert ue.verdicts == ["SyncFailure", "Accepted"]
    line = since(server, mark, "resynchronisation")
    assert re.search(rf"{RESYNC.imsi}@\S+: .*SQN 0000000\w+ -> 00001234\w+", line)
    assert ue.register().code == 200
    assert ue.verdicts[2:] == ["Accepted"]


def test_wrong_k_is_told_by_the_card(server: Server, phone: MakePhone) -> None:
    ue = phone(WRONG_K, card=WRONG_K.card(k=OTHER_K))
    mark = len(server.log)
    assert ue.register().code == 403
    assert ue.verdicts == ["MacFailure"]
    assert WRONG_K.imsi in since(server, mark, "MAC failure")


def test_an_auts_of_another_card(server: Server, phone: MakePhone) -> None:
    ue = phone(WRONG_K, card=WRONG_K.card())
    mark = len(server.log)
    assert ue.register(spoil={"auts": "AAAAAAAAAAAAAAAAAAA=", "response": "0" * 32}).code == 403
    since(server, mark, "MAC-S")
    assert ue.register(spoil={"auts": "no base64", "response": "0" * 32}).code == 403
    since(server, mark, "bad AUTS")


def test_wrong_res(server: Server, phone: MakePhone) -> None:
    ue = phone(WRONG_RES, card=WRONG_RES.card())
    mark = len(server.log)
    assert ue.register(spoil={"response": "0" * 32}).code == 403
    since(server, mark, "RES mismatch")
    assert ue.register().code == 200  # the next challenge is a new one


def test_wrong_password(server: Server, phone: MakePhone) -> None:
    ue = phone(USERS["password"], password="guess")
    mark = len(server.log)
    assert ue.register().code == 403
    assert USERS["password"].imsi in since(server, mark, "wrong password")


# -- whose
def test_unknown_impi(server: Server, phone: MakePhone) -> None:
    ue = phone(MD5, first="empty", username=f"stranger@{DOMAIN}")
    mark = len(server.log)
    assert ue.register().code == 403
    since(server, mark, "unknown IMPI 'stranger@")


def test_unknown_impu(server: Server, phone: MakePhone) -> None:
    ue = phone(MD5)
    mark = len(server.log)
    assert ue.register(to=f"sip:stranger@{DOMAIN}").code == 403
    since(server, mark, "unknown IMPU sip:stranger@")


def test_impu_of_another(server: Server, phone: MakePhone) -> None:
    ue = phone(MD5, first="empty")
    mark = len(server.log)
    assert ue.register(to=f"sip:someone-else@{DOMAIN}").code == 403
    since(server, mark, "does not belong to")


@pytest.mark.parametrize("username", ["bare-user", f"bare-user@{DOMAIN}"])
def test_username_with_and_without_domain(phone: MakePhone, username: str) -> None:
    account = BARE_IMPI
    assert phone(account, first="empty", username=username).register().code == 200


def test_username_without_its_domain(phone: MakePhone) -> None:
    account = USERS["domain"]
    assert phone(account, first="empty", username=account.imsi).register().code == 200
    assert phone(account, first="empty", username=f"{account.imsi}@elsewhere.org").register().code == 403


def test_derived_identities(phone: MakePhone) -> None:
    response = phone(DERIVED, first="empty").register()
    assert response.code == 200
    assert response.get("p-associated-uri") == f"<sip:{DERIVED.imsi}@{DOMAIN}>"


# -- which level
def test_less_than_the_minimum(server: Server, phone: MakePhone) -> None:
    ue = phone(STRICT, first="MD5")
    mark = len(server.log)
    assert ue.register().code == 403
    assert "AKAv1" in since(server, mark, "offers MD5")
    assert phone(STRICT, first="SHA-256").register().code == 403


def test_more_than_the_minimum(phone: MakePhone) -> None:
    ue = phone(CHOOSER, first="AKAv2-MD5", card=CHOOSER.card(k=OTHER_K))
    assert ue.register().code == 200
    assert ue.challenges[0].get("algorithm") == "AKAv2-MD5"
    plain = phone(CHOOSER)
    assert plain.register().code == 200
    assert plain.challenges[0].get("algorithm") == "MD5"


def test_more_than_the_entry_can(phone: MakePhone) -> None:
    ue = phone(USERS["minus"], first="AKAv1-MD5")
    assert ue.register().code == 200
    assert ue.challenges[0].get("algorithm") == "MD5"


def test_answer_below_the_challenge(phone: MakePhone) -> None:
    ue = phone(STRICT, card=STRICT.card())
    assert ue.register(spoil={"algorithm": "MD5"}).code == 403


def test_authentication_off(phone: MakePhone) -> None:
    ue = phone(NO_NEED)
    assert ue.register().code == 200
    assert not ue.challenges


# -- nonces
def test_md5_shows_qop_only_to_those_who_know_it(phone: MakePhone) -> None:
    plain = phone(USERS["shown"])
    assert plain.register().code == 200
    assert "qop" not in plain.challenges[0].params
    modern = phone(USERS["shown"])
    opening = f'Digest username="{modern.username}", qop=auth, nonce="", response=""'
    assert modern.register(authorization=opening).code == 200
    assert modern.challenges[0].get("qop") == "auth"


def test_a_nonce_without_qop_lives_once(phone: MakePhone) -> None:
    ue = phone(USERS["replay"])
    assert ue.register().code == 200
    again = ue.answer(ue.challenges[0], "REGISTER", f"sip:{DOMAIN}", again=True)
    assert ue.register(authorization=again, rounds=0).code == 401
    assert ue.challenges[1].get("stale").lower() == "true"
    assert ue.challenges[1].get("nonce") != ue.challenges[0].get("nonce")


def test_nc_must_rise(phone: MakePhone) -> None:
    ue = phone(USERS["qop"])
    opening = f'Digest username="{ue.username}", cnonce="abc", nonce="", response=""'
    assert ue.register(authorization=opening).code == 200
    challenge = ue.challenges[0]
    assert challenge.get("qop") == "auth"
    for nc in ("00000002", "00000007"):
        right = ue.answer(challenge, "REGISTER", f"sip:{DOMAIN}", {"nc": nc}, again=True)
        assert ue.register(authorization=right, rounds=0).code == 200
    for nc in ("00000007", "00000003"):
        old = ue.answer(challenge, "REGISTER", f"sip:{DOMAIN}", {"nc": nc}, again=True)
        assert ue.register(authorization=old, rounds=0).code == 401
        assert ue.challenges[-1].get("stale").lower() == "true"
    bad = ue.answer(challenge, "REGISTER", f"sip:{DOMAIN}", {"nc": "many"}, again=True)
    assert ue.register(authorization=bad, rounds=0).code in (400, 401)


def test_an_unknown_nonce_is_stale_if_its_digest_is_right(phone: MakePhone) -> None:
    ue = phone(USERS["stale"])
    assert ue.register(rounds=0).code == 401
    old = ue.answer(ue.challenges[0], "REGISTER", f"sip:{DOMAIN}", {"nonce": "00112233"})
    assert ue.register(authorization=old, rounds=0).code == 401
    assert ue.challenges[-1].get("stale").lower() == "true"
    ue.password = "guess"  # RFC 2617 3.2.1: else the phone would try the wrong password for ever
    old = ue.answer(ue.challenges[0], "REGISTER", f"sip:{DOMAIN}", {"nonce": "00112233"})
    assert ue.register(authorization=old, rounds=0).code == 401
    assert "stale" not in ue.challenges[-1].params


def test_a_wrong_realm_gets_a_new_challenge(server: Server, phone: MakePhone) -> None:
    ue = phone(USERS["realm"])
    mark = len(server.log)
    assert ue.register(spoil={"realm": "asterisk"}, rounds=1).code == 401
    assert "stale" not in ue.challenges[1].params
    assert ue.challenges[1].get("nonce") != ue.challenges[0].get("nonce")
    since(server, mark, "realm 'asterisk' is not")
    assert ue.register().code == 200


def test_proxy_authorization_is_read(phone: MakePhone) -> None:
    ue = phone(USERS["proxy"])
    assert ue.register(rounds=0).code == 401
    credentials = ue.answer(ue.challenges[0], "REGISTER", f"sip:{DOMAIN}")
    response = ue.register(authorization="", headers={"proxy-authorization": credentials}, rounds=0)
    assert response.code == 200


def test_an_ims_phone_registers_again(phone: MakePhone) -> None:
    """TS 24.229 5.1.1.4.2: with the last nonce, counted on or repeated as it was."""
    ue = phone(REPEATER, card=REPEATER.card(), first="empty")
    assert ue.register().code == 200
    (challenge,) = ue.challenges
    counted = ue.answer(challenge, "REGISTER", f"sip:{DOMAIN}", again=True)
    assert ue.register(authorization=counted, rounds=0).code == 200
    assert ue.register(authorization=counted).code == 200
    assert len(ue.challenges) == 2
    assert ue.challenges[1].get("algorithm") == "AKAv1-MD5"
    assert ue.verdicts == ["Accepted", "Accepted"]


# -- contacts
def test_several_contacts_in_order_of_q(phone: MakePhone) -> None:
    ue = phone(USERS["several"])
    lines = [ue.contact(300, f"sip:a@{ue.sent_by}", ";q=0.2"), ue.contact(400, f"sip:b@{ue.sent_by}", ";q=0.9")]
    response = ue.register(lines)
    assert response.code == 200
    found = {c.uri.user: c for c in response.contacts}
    assert {user: c.params.get("expires") for user, c in found.items()} == {"a": "300", "b": "400"}
    assert {user: c.params.get("q") for user, c in found.items()} == {"a": "0.2", "b": "0.9"}
    joined = ue.register(", ".join([ue.contact(0, f"sip:a@{ue.sent_by}"), ue.contact(600, f"sip:c@{ue.sent_by}")]))
    assert sorted(c.uri.user for c in joined.contacts) == ["b", "c"]


def test_all_contacts_or_none(phone: MakePhone) -> None:
    ue = phone(USERS["q"])
    good = ue.contact(300, f"sip:a@{ue.sent_by}")
    for bad in (f"<sip:b@{ue.sent_by}>;q=high", "<mailto:b@example.org>", f"<sip:b@{ue.sent_by}>;expires=5"):
        assert ue.register([good, bad]).code in (400, 423)
        assert ue.register("").contacts == []
    assert ue.register([ue.contact(300, f"sip:{n}@{ue.sent_by}") for n in range(11)]).code == 400


def test_lifetime_by_header(phone: MakePhone) -> None:
    ue = phone(USERS["header"])
    assert expires(ue.register(ue.contact(None), expires=700)) == 700
    assert expires(ue.register(ue.contact(500), expires=700)) == 500  # RFC 3261 10.2.1.1: the parameter wins
    assert ue.register(ue.contact(None), expires=0).contacts == []


def test_lifetime_by_default(phone: MakePhone) -> None:
    ue = phone(USERS["default"])
    assert expires(ue.register(ue.contact(None))) == 1200
    assert expires(ue.register(ue.contact(None, params=";expires=soon"))) == 1200  # RFC 3261 20.10


def test_lifetime_is_capped(phone: MakePhone) -> None:
    ue = phone(USERS["cap"])
    assert expires(ue.register(ue.contact(600_000))) == 1200
    assert expires(ue.register(ue.contact(4_294_967_295))) == 1200


def test_too_brief(phone: MakePhone) -> None:
    ue = phone(USERS["brief"])
    response = ue.register(ue.contact(10))
    assert (response.code, response.get("min-expires")) == (423, "60")
    assert expires(ue.register(ue.contact(60))) == 60


def binding_ids(server: Server, account: Account) -> list[str]:
    """The id column of what the log says of a user's bindings."""
    found = re.findall(rf"\[IMS\] -  (\w+) {account.imsi}@\S+ (?:registered|refreshed)", server.log)
    return [str(item) for item in found]


def test_a_refresh_keeps_the_binding(server: Server, phone: MakePhone) -> None:
    ue = phone(USERS["refresh"])
    for lifetime in (300, 400, 500):
        response = ue.register(ue.contact(lifetime))
        assert [expires(response), len(response.contacts)] == [lifetime, 1]
    ids = binding_ids(server, USERS["refresh"])
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_the_same_phone_with_another_contact(server: Server, phone: MakePhone) -> None:
    ue = phone(USERS["instance"], instance=IMEI_A)
    assert ue.register().code == 200
    moved = phone(USERS["instance"], instance=IMEI_A)
    response = moved.register()
    assert [c.uri.text for c in response.contacts] == [moved.contact_uri]
    assert response.contacts[0].params["+sip.instance"] == f"<{IMEI_A}>"
    assert '+sip.instance="<' in response.get("contact")
    assert len(set(binding_ids(server, USERS["instance"]))) == 1
    second = moved.register(moved.contact(uri=f"sip:x@{moved.sent_by}", params=";reg-id=1"))
    assert len(second.contacts) == 2  # RFC 5626: another flow of that phone


def test_remove_all(phone: MakePhone) -> None:
    ue = phone(USERS["star"])
    assert len(ue.register([ue.contact(uri=f"sip:{n}@{ue.sent_by}") for n in "abc"]).contacts) == 3
    assert ue.register("*", expires=0).contacts == []
    assert ue.register("").contacts == []


def test_the_star_misused(phone: MakePhone) -> None:
    ue = phone(USERS["misuse"])
    assert ue.register().code == 200
    assert ue.register("*").code == 400
    assert ue.register("*", expires=600).code == 400
    assert ue.register(["*", ue.contact()], expires=0).code == 400
    assert ue.register("*;expires=0", expires=0).code == 400
    assert len(ue.register("").contacts) == 1


def test_the_star_out_of_order(phone: MakePhone) -> None:
    """RFC 3261 10.3 step 6."""
    ue = phone(USERS["late"], cseq=100)
    assert ue.register().code == 200
    ue.cseq = 50
    assert ue.register("*", expires=0).code == 500
    ue.cseq = 200
    assert len(ue.register("").contacts) == 1


def test_emergency_beside_normal(phone: MakePhone) -> None:
    ue = phone(USERS["sos"], instance=IMEI_A)
    assert ue.register().code == 200
    sos = ue.contact(uri=f"{ue.contact_uri};sos")
    response = ue.register(sos)
    assert [c.uri.text for c in response.contacts] == [ue.contact_uri, f"{ue.contact_uri};sos"]
    assert ue.register(ue.contact(0, uri=f"{ue.contact_uri};sos")).code == 501  # TS 24.229 5.4.8.3
    response = ue.register(ue.contact(0))
    assert [c.uri.text for c in response.contacts] == [f"{ue.contact_uri};sos"]


def test_cseq_out_of_order(phone: MakePhone) -> None:
    ue = phone(USERS["cseq"], cseq=100)
    assert ue.register(ue.contact(300)).code == 200
    ue.cseq = 90
    assert ue.register(ue.contact(0)).code == 500
    ue.cseq = 200
    assert len(ue.register("").contacts) == 1


def test_path_and_service_route(server: Server, phone: MakePhone) -> None:
    ue = phone(USERS["path"])
    path = f"<sip:edge@127.0.0.1:{ue.wire.port};lr>"
    response = ue.register(headers={"path": path, "require": "path", "supported": "path"})
    assert response.code == 200
    assert response.get("path") == path
    assert response.get("service-route") == f"<sip:orig@127.0.0.1:{server.port};lr>"


def test_compact_headers(phone: MakePhone) -> None:
    ue = phone(USERS["compact"], compact=True, features=";+g.3gpp.smsip", first="empty")
    response = ue.register()
    assert response.code == 200
    assert "+g.3gpp.smsip" in response.contacts[0].params


def test_asking_registers_nothing(phone: MakePhone) -> None:
    ue = phone(USERS["fetch"])
    assert ue.register("").contacts == []
    assert ue.register(ue.contact(300)).code == 200
    assert 290 <= expires(ue.register("")) <= 300


def test_a_contact_that_is_no_sip(phone: MakePhone) -> None:
    ue = phone(USERS["contact"])
    assert ue.register("<tel:+33123>;expires=600").code == 400


def test_too_many_contacts(phone: MakePhone) -> None:
    ue = phone(USERS["many"])
    for start in range(0, 32, 8):
        assert ue.register([ue.contact(uri=f"sip:{n}@{ue.sent_by}") for n in range(start, start + 8)]).code == 200
    assert ue.register().code == 403
    assert ue.register("*", expires=0).code == 200


# -- identities in the 200
def test_associated_uris(phone: MakePhone) -> None:
    ue = phone(PREFERS)
    response = ue.register()
    assert response.values("p-associated-uri") == [
        "<tel:+33600000302>",
        f"<sip:{PREFERS.imsi}@{DOMAIN}>",
        '"Second \\"One\\"" <tel:+33600000301>',
    ]
    hidden = phone(PREFERS).register(to=f"sip:hidden@{DOMAIN}")
    assert f"<sip:hidden@{DOMAIN}>" in hidden.values("p-associated-uri")  # it was registered by name


def test_register_by_number(phone: MakePhone) -> None:
    ue = phone(PREFERS)
    for form in ("tel:+33-600-000-301", f"sip:+33600000301@{DOMAIN};user=phone", "sip:+33600000301@127.0.0.1"):
        assert ue.register(to=form).code == 200


def test_domains(phone: MakePhone) -> None:
    ue = phone(DOMAINS, first="empty")
    response = ue.register()
    assert response.code == 200
    assert ue.challenges[0].get("realm") == "ims.example.org"
    assert response.values("p-associated-uri") == [
        f"<sip:{DOMAINS.imsi}@ims.example.org>", "<sip:other@sub.example.org>"
    ]  # fmt: skip
    assert ue.register(to="sip:other@sub.example.org").code == 200
    assert ue.register(to=f"sip:{DOMAINS.imsi}@127.0.0.1").code == 200  # a softphone is told an address only


def test_two_phones_of_one_imsi(phone: MakePhone) -> None:
    a, b = (phone(MULTI, card=MULTI.card(), instance=imei) for imei in (IMEI_A, IMEI_B))
    own = f"<sip:{MULTI.imsi}@{DOMAIN}>"
    assert a.register().values("p-associated-uri") == [own, "<tel:281>"]
    response = b.register()
    assert response.values("p-associated-uri") == [own, "<tel:282>"]
    assert {c.uri.text for c in response.contacts} == {a.contact_uri, b.contact_uri}


def test_one_sim_moved_to_another_phone(server: Server, phone: MakePhone) -> None:
    a, b = (phone(SINGLE, card=SINGLE.card(), instance=imei) for imei in (IMEI_A, IMEI_B))
    assert a.register().code == 200
    assert [c.uri.text for c in b.register().contacts] == [b.contact_uri]


# -- headers
def test_headers_of_the_house(phone: MakePhone) -> None:
    ue = phone(MD5)
    first = ue.register(rounds=0)
    assert (first.get("server"), first.get("x-every")) == ("replaced/2", "answer")
    assert first.headers["server"] == ["replaced/2"]
    response = ue.register()
    assert (response.get("server"), response.get("x-every"), response.get("x-ok")) == (
        "house/1", "answer", "to REGISTER"
    )  # fmt: skip
    assert not {"x-options", "x-request"} & response.headers.keys()


# -- time and state
def test_a_binding_expires(tmp_path: Path) -> None:
    extra = f'domain: "{DOMAIN}", binding_expires: 2, ue_db_filename: "ims.db",\n'
    server = Server(tmp_path / "server", ue_db([MD5]), extra, hosts=("127.0.0.1",)).start()
    ue = Phone(Udp(("127.0.0.1", server.port)), MD5)
    assert expires(ue.register()) == 2
    assert ue.register(ue.contact(1)).code == 423
    server.wait_for_log(f"{MD5.username} expired")
    assert ue.register("").contacts == []
    assert expires(ue.register()) == 2
    server.kill9()
    time.sleep(2.0)
    server.start()
    assert ue.register("").contacts == []  # its time ran out while nobody watched
    server.stop()
    ue.wire.close()


@pytest.mark.parametrize("power_cut", [False, True], ids=["sigterm", "kill-9"])
def test_a_restart_keeps_bindings_and_sqn(tmp_path: Path, power_cut: bool) -> None:
    extra = f'domain: "{DOMAIN}", ue_db_filename: "ims.db",\n'
    log_options = "all.level=error,ims.level=debug"
    server = Server(tmp_path / "server", ue_db([MILENAGE, MULTI]), extra, log_options, hosts=("127.0.0.1",)).start()
    ue = Phone(Udp(("127.0.0.1", server.port)), MILENAGE, MILENAGE.card(), instance=IMEI_A, features=";video")
    path = {"path": f"<sip:127.0.0.1:{ue.wire.port};lr>", "supported": "path"}
    before = ue.register(headers=path).contacts
    assert ue.register(rounds=0).code == 401  # whose SQN is given out, though nothing came of it
    given = re.findall(r"SQN \w+ -> (\w+)", server.log)[-1]
    ids = binding_ids(server, MILENAGE)
    if power_cut:
        server.kill9()
    else:
        server.stop()
    server.start()
    server.wait_for_log("1 bindings restored")
    after = ue.register("", headers=path).contacts
    assert [c.uri for c in after] == [c.uri for c in before]
    assert after[0].params.keys() == before[0].params.keys()
    assert re.findall(r"SQN (\w+) -> ", server.log)[0] == given
    assert set(ue.verdicts) == {"Accepted"}
    ue.register()  # a refresh of what was restored, and a binding of another user beside it
    other = Phone(Udp(("127.0.0.1", server.port)), MULTI, MULTI.card())
    other.register()
    assert binding_ids(server, MILENAGE) == ids
    assert binding_ids(server, MULTI) not in ([], ids)
    server.stop()
    ue.wire.close()
    other.wire.close()


def test_a_damaged_state_is_set_aside(tmp_path: Path) -> None:
    extra = f'domain: "{DOMAIN}", ue_db_filename: "ims.db",\n'
    server = Server(tmp_path / "server", ue_db([MD5]), extra, hosts=("127.0.0.1",)).start()
    ue = Phone(Udp(("127.0.0.1", server.port)), MD5)
    assert ue.register().code == 200
    server.stop()
    state = server.folder / "ims.db"
    damaged = b"this was a state file once " * 300
    state.write_bytes(damaged)
    server.start()
    assert ue.register("").contacts == []
    assert ue.register().code == 200
    server.stop()
    aside = [file for file in server.folder.iterdir() if file.read_bytes() == damaged]
    assert [file != state for file in aside] == [True]
    assert aside[0].name in server.output
    ue.wire.close()

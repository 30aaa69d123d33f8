"""Every option of an impu object (manual 5.2.1), and the global ones that go with them, on the running server.

| option | test |
| --- | --- |
| impu: each form | test_the_forms_of_an_impu |
| imei (multi_sim) | test_an_imei; test_requests.py: test_twins_are_told_apart_by_their_imei |
| code, method, content, content_type, transparent | test_forced.py |
| method INVITE.OK | test_invite_ok, test_invite_ok_of_a_user |
| anonymous | test_anonymous |
| authentication | test_authentication |
| ring_only | test_ring_only |
| precondition | test_preconditions |
| 100rel | test_100rel |
| preferred | test_preferred |
| asserted | test_asserted |
| associated | test_associated |
| display_name | test_display_name |
| domain | test_domain |
| p_called_party_id | test_called_party |
| answer_delay | test_answer_delay |
| remote_control | test_mt_call.py: test_the_operator_answers_an_echo_call |
| global sdp_file | test_the_echo_s_file |
| global mt_call_sdp_file, that of a user | test_the_files_of_server_made_calls |
| global p_called_party_id | test_called_party, test_called_party_for_all |
| global session_expires | test_session_expires |
| global 100rel | test_100rel, test_100rel_for_nobody |
| global precondition | test_preconditions, test_preconditions_for_nobody |
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lteims.config import ImpuConfig
from lteims.sip.message import Request, Response
from tests.net.console import Console
from tests.net.server import Server
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.phone import Phone
from tests.phone.talk import BEARER, NO_BEARER, Talk
from tests.phone.wire import Udp

MakePhone = Callable[..., Phone]
IMEIS = {"281": "urn:gsma:imei:35209900-176148-1", "282": "urn:gsma:imei:35209900-176149-9"}


def account(number: int, *impus: str, type: str = "none", password: str = "", extra: str = "") -> Account:
    imsi = f"00101{number:010d}"
    return Account(imsi, type, password=password, impu=f'["{imsi}", {", ".join(impus)}]', extra=extra)


CALLER = account(1, '{impu: "tel:+491", display_name: "First \\"One\\""}')
CALLEE = account(
    2, '"tel:+492"', '{impu: "tel:+4921", p_called_party_id: "sip:forced"}', '{impu: "tel:+4922", "100rel": false}',
    '{impu: "tel:+4923", precondition: "off"}', '{impu: "tel:+4924", code: 488, method: "INVITE.OK"}',
    '{impu: "other-user"}', '"sip:third"', '{impu: "sip:fourth", domain: "other.example"}',
)  # fmt: skip
SECRET = account(3, '"tel:+493"', type="MD5", password="secret")
TRUSTED = Account(
    "001010000000004", "MD5", password="secret", impu='[{impu: "001010000000004", authentication: false}]'
)
PREFERS = account(5, '{impu: "tel:+495", preferred: true}')
ASSERTS = account(6, '{impu: "tel:+496", asserted: true}', '{impu: "tel:+4961", associated: false}')
TWINS = account(
    7, '{impu: "tel:281", imei: "35209900176148"}', '{impu: "tel:282", imei: "35209900176149"}',
    type="AKAv1", extra="multi_sim: true",
)  # fmt: skip
FILED = account(8, '"tel:+498"', extra='mt_call_sdp_file: "own.sdp"')
USERS = ue_db([CALLER, CALLEE, SECRET, TRUSTED, PREFERS, ASSERTS, TWINS, FILED])
ECHO = """echo: [
  "tel:666", "sip:echo", "bare", "tel:+49-(0)-30.1", "urn:service:sos.fire",
  {impu: "tel:100", ring_only: true},
  {impu: "tel:101", answer_delay: 0.8},
  {impu: "tel:103", "100rel": false},
  {impu: "tel:104", precondition: "off"},
  {impu: "tel:105", precondition: "silent"},
  {impu: "tel:106", authentication: false},
  {impu: "tel:107", display_name: "The Echo"},
  {impu: "sip:108", domain: "other.example"},
  {impu: "tel:109", code: 486, method: "INVITE.OK"},
  {impu: "tel:110", code: 200, method: "INVITE.OK", content: "body.xml", content_type: "application/x-test"},
  {impu: "tel:111", code: 603, method: "INVITE.OK", transparent: true},
  {impu: "tel:112", precondition: "on"},
  {impu: "tel:113", anonymous: true, authentication: false},
],
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One with the global defaults: 100rel and preconditions, no files."""
    folder = tmp_path_factory.mktemp("options") / "server"
    folder.mkdir()
    (folder / "body.xml").write_bytes(b"<x/>")
    (folder / "own.sdp").write_text("m=audio 0 RTP/AVP 8\na=x-file:own\n")
    extra = f'domain: "{DOMAIN}", timer_t1: 0.5,\n{ECHO}'
    with Console(folder, USERS, extra, hosts=("127.0.0.1",)) as running:
        yield running  # type: ignore[misc]
    assert "failed inside" not in running.log


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One with every global option the other way round."""
    folder = tmp_path_factory.mktemp("options") / "other"
    folder.mkdir()
    (folder / "body.xml").write_bytes(b"<x/>")
    for name in ("own", "echo", "mt"):
        (folder / f"{name}.sdp").write_text(f"m=audio 0 RTP/AVP 8\na=x-file:{name}\n")
    extra = f"""domain: "{DOMAIN}", timer_t1: 0.5, "100rel": false, precondition: "off", p_called_party_id: true,
session_expires: 120, sdp_file: "echo.sdp", mt_call_sdp_file: "mt.sdp",
{ECHO}"""
    with Console(folder, USERS, extra, hosts=("127.0.0.1",)) as running:
        yield running  # type: ignore[misc]
    assert "failed inside" not in running.log


@pytest.fixture
def phone(server: Server) -> Iterator[MakePhone]:
    """Makes phones that are registered; they are de-registered in the end."""
    made: list[Phone] = []

    def make(of: Account, at: Server | None = None, imei: str = "", *, registered: bool = True) -> Phone:
        card = of.card() if of.authent_type.startswith("AKA") else None
        ue = Phone(Udp(("127.0.0.1", (at or server).port)), of, card, instance=imei)
        if registered:
            assert ue.register().code == 200
            made.append(ue)
        return ue

    yield make
    for ue in made:
        ue.register(ue.contact(0))
        ue.wire.close()


def echoed(ue: Phone, target: str) -> Response:
    """Call the echo and hang up; its 200."""
    with Talk(ue) as talk:
        talk.dial(target)
        assert talk.codes() == [180, 200]
        talk.ack()
        talk.hang_up()
        assert talk.answer is not None
        return talk.answer


def called(ue: Phone, callee: Phone, target: str, **headers: str) -> Request:
    """Call a phone that is busy; the INVITE that it gets."""
    with Talk(ue) as talk, Talk(callee) as there:
        talk.dial(target, **headers)
        invite = there.take()
        there.refuse()
        assert talk.codes() == [486]
        return invite


# --- who is called


@pytest.mark.parametrize(
    "target",
    [
        "tel:666", "sip:666@127.0.0.1;user=phone", f"sip:666@{DOMAIN};user=phone", f"sip:echo@{DOMAIN}",
        "sip:echo@127.0.0.1", f"sip:bare@{DOMAIN}", "tel:+490301", "tel:+49-030-1", "sip:108@other.example",
        "urn:service:sos.fire.forest",
    ],
)  # fmt: skip
def test_the_forms_of_an_impu(phone: MakePhone, target: str) -> None:
    echoed(phone(CALLER), target)


@pytest.mark.parametrize(
    "target",
    [f"sip:{CALLEE.imsi}@{DOMAIN}", "tel:+492", f"sip:other-user@{DOMAIN}", f"sip:third@{DOMAIN}",
     "sip:fourth@other.example"],
)  # fmt: skip
def test_the_forms_of_a_user_s_impu(phone: MakePhone, target: str) -> None:
    assert called(phone(CALLER), phone(CALLEE), target).target.startswith("sip:001010000000002@127.0.0.1:")


@pytest.mark.parametrize("target", [f"sip:108@{DOMAIN}", f"sip:fourth@{DOMAIN}"])
def test_domain(phone: MakePhone, target: str) -> None:
    """An IMPU with a domain of its own is not to be had under the others."""
    with Talk(phone(CALLER)) as talk:
        talk.dial(target)
        assert talk.codes() == [404]


def test_an_imei(phone: MakePhone) -> None:
    """Phones with the same SIM: each is called under the IMPU that its IMEI has."""
    caller, twins = phone(CALLER), {number: phone(TWINS, imei=imei) for number, imei in IMEIS.items()}
    for number, twin in twins.items():
        assert called(caller, twin, f"tel:{number}").target == twin.contact_uri


# --- who calls


def test_anonymous(phone: MakePhone, server: Server) -> None:
    stranger = phone(CALLER, registered=False)
    anonymous = {"from": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'}
    for target, codes in (("tel:113", [180, 200]), ("tel:666", [403])):
        with Talk(stranger) as talk:
            talk.dial(target, **anonymous)
            assert talk.codes() == codes
            if codes[-1] == 200:
                talk.ack()
                talk.hang_up()
    server.wait_for_log("anonymous INVITE from")
    stranger.wire.close()


def test_authentication(phone: MakePhone) -> None:
    """Of the number called, and of the user who calls."""
    ue = phone(SECRET)
    for target, codes in (("tel:666", [401]), ("tel:106", [180, 200])):
        with Talk(ue) as talk:
            talk.dial(target)
            assert talk.codes() == codes
            if codes[-1] == 200:
                talk.ack()
                talk.hang_up()
    echoed(phone(TRUSTED), "tel:666")


def test_display_name(phone: MakePhone) -> None:
    caller = phone(CALLER)
    assert echoed(caller, "tel:107").get("p-asserted-identity") == '"The Echo" <tel:107>'
    invite = called(caller, phone(CALLEE), "tel:+492", p_preferred_identity="<tel:+491>")
    assert invite.values("p-asserted-identity")[0] == '"First \\"One\\"" <tel:+491>'


def test_preferred(phone: MakePhone) -> None:
    """It stands first among the associated URIs, and is the Request-URI of calls to the user."""
    ue = phone(PREFERS)
    assert ue.register().values("p-associated-uri")[0] == "<tel:+495>"
    assert called(phone(CALLER), ue, PREFERS.uri).target == "tel:+495"


def test_asserted(phone: MakePhone) -> None:
    invite = called(phone(ASSERTS), phone(CALLEE), "tel:+492")
    assert invite.values("p-asserted-identity") == ["<tel:+496>"]


def test_associated(phone: MakePhone) -> None:
    ue = phone(ASSERTS)
    assert "<tel:+4961>" not in ue.register().values("p-associated-uri")
    assert called(phone(CALLER), ue, "tel:+4961").target == ue.contact_uri


def test_called_party(phone: MakePhone) -> None:
    caller, callee = phone(CALLER), phone(CALLEE)
    assert "p-called-party-id" not in called(caller, callee, "tel:+492").headers
    assert called(caller, callee, "tel:+4921").get("p-called-party-id") == f"<sip:forced@{DOMAIN}>"


def test_called_party_for_all(phone: MakePhone, other: Server) -> None:
    caller, callee = phone(CALLER, other), phone(CALLEE, other)
    assert called(caller, callee, "tel:+492").get("p-called-party-id") == "<tel:+492>"
    assert called(caller, callee, "tel:+4921").get("p-called-party-id") == f"<sip:forced@{DOMAIN}>"


# --- when the echo answers


def test_ring_only(phone: MakePhone) -> None:
    with Talk(phone(CALLER)) as talk:
        call = talk.dial("tel:100")
        assert talk.hear().code == 180
        with pytest.raises(AssertionError, match="no answer"):
            talk.hear(1.0)
        talk.cancel()
        assert talk.hear().code == 487
        assert call.method == "INVITE"


def test_answer_delay(phone: MakePhone) -> None:
    with Talk(phone(CALLER)) as talk:
        dialled = time.monotonic()
        talk.dial("tel:101")
        assert talk.codes() == [180, 200]
        assert 0.8 <= time.monotonic() - dialled < 5.0
        talk.ack()
        talk.hang_up()


def test_invite_ok(phone: MakePhone) -> None:
    ue = phone(CALLER)
    for target, codes in (("tel:109", [180, 486]), ("tel:110", [180, 200]), ("tel:111", [180, 603])):
        with Talk(ue) as talk:
            talk.dial(target)
            assert talk.codes() == codes
            if codes[-1] == 200:
                assert talk.answer is not None
                assert (talk.answer.get("content-type"), talk.answer.body) == ("application/x-test", b"<x/>")
                talk.ack()
                talk.hang_up()


def test_invite_ok_of_a_user(phone: MakePhone) -> None:
    """The phone that has answered is hung up."""
    with Talk(phone(CALLER)) as talk, Talk(phone(CALLEE)) as there:
        talk.dial("tel:+4924")
        there.take()
        there.pick_up()
        assert talk.codes() == [180, 488]
        there.expect("BYE")


# --- 100rel and preconditions


def test_100rel(phone: MakePhone) -> None:
    caller, callee = phone(CALLER), phone(CALLEE)
    for target, offered in (("tel:+492", True), ("tel:+4922", False)):
        invite = called(caller, callee, target, supported="100rel")
        assert ("100rel" in invite.tokens("supported")) == offered
    for target, codes in (("tel:666", [180, 200]), ("tel:103", [420])):
        with Talk(caller) as talk:
            talk.dial(target, require="100rel")
            found = [talk.hear()]
            if codes[-1] == 200:
                assert found[0].get("rseq")
                assert talk.prack().code == 200
                assert talk.hear().code == 200
                talk.ack()
                talk.hang_up()
            else:
                assert (found[0].code, found[0].get("unsupported")) == (420, "100rel")


def test_100rel_for_nobody(phone: MakePhone, other: Server) -> None:
    caller = phone(CALLER, other)
    invite = called(caller, phone(CALLEE, other), "tel:+492", supported="100rel")
    assert "100rel" not in invite.tokens("supported")
    with Talk(caller) as talk:
        talk.dial("tel:666", require="100rel")
        assert talk.codes() == [420]


def dialog_of(server: Console, target: str) -> str:
    """The detail of the call to a number that has been answered."""
    line = next(x for x in server.type("dialog").splitlines() if target in x and " start " in x)
    return server.type(f"dialog {line.split()[1]}")


@pytest.mark.parametrize("target", ["tel:666", "tel:112"])
def test_preconditions(phone: MakePhone, server: Console, target: str) -> None:
    """On: 183, PRACK, UPDATE, 180, 200."""
    with Talk(phone(CALLER)) as talk:
        talk.dial(target, NO_BEARER, supported="100rel,precondition")
        answer = talk.hear()
        assert (answer.code, set(answer.tokens("require"))) == (183, {"100rel", "precondition"})
        assert b"a=curr:qos local sendrecv" in answer.body
        assert talk.prack().code == 200
        update = talk.inside("UPDATE", talk.sdp(BEARER), contact=f"<{talk.ue.contact_uri}>")
        response = talk.ue.exchange(update)
        assert response.code == 200
        assert b"a=curr:qos remote sendrecv" in response.body
        assert talk.codes() == [180, 200]
        talk.ack()
        assert "qos=erab_set" in dialog_of(server, target)
        talk.hang_up()


@pytest.mark.parametrize(("target", "qos"), [("tel:104", "disabled"), ("tel:105", "erab_set")])
def test_preconditions_that_are_not_spoken(phone: MakePhone, server: Console, target: str, qos: str) -> None:
    """Off and silent."""
    with Talk(phone(CALLER)) as talk:
        talk.dial(target, NO_BEARER, supported="100rel,precondition")
        assert talk.codes() == [180, 200]
        assert talk.answer is not None
        assert b"qos" not in talk.answer.body
        talk.ack()
        assert f"qos={qos}" in dialog_of(server, target)
        talk.hang_up()


def test_preconditions_of_a_user(phone: MakePhone) -> None:
    caller, callee = phone(CALLER), phone(CALLEE)
    for target, spoken in (("tel:+492", True), ("tel:+4923", False)):
        with Talk(caller) as talk, Talk(callee) as there:
            talk.dial(target, NO_BEARER, supported="100rel,precondition")
            invite = there.take()
            there.refuse()
            assert talk.codes()[-1] == 486
            assert (b"a=curr:qos local none" in invite.body) == spoken
            assert ("precondition" in invite.tokens("supported")) == spoken


def test_preconditions_for_nobody(phone: MakePhone, other: Console) -> None:
    with Talk(phone(CALLER, other)) as talk:
        talk.dial("tel:666", NO_BEARER, supported="100rel,precondition")
        assert talk.codes() == [180, 200]
        talk.ack()
        assert "qos=disabled" in dialog_of(other, "tel:666")
        talk.hang_up()


# --- files and the session timer


def test_the_echo_s_file(phone: MakePhone, server: Server, other: Console) -> None:
    file = other.folder / "echo.sdp"
    assert b"a=x-file" not in echoed(phone(CALLER), "tel:666").body
    caller = phone(CALLER, other)
    assert b"a=x-file:echo" in echoed(caller, "tel:666").body
    file.write_text("m=audio 0 RTP/AVP 8\na=x-file:edited\n")
    assert b"a=x-file:edited" in echoed(caller, "tel:666").body
    file.unlink()
    assert b"a=x-file" not in echoed(caller, "tel:666").body
    other.wait_for_log(f"the server's own SDP is used: {file}: No such file or directory")


@pytest.mark.parametrize(("user", "name"), [(CALLEE, "mt"), (FILED, "own")])
def test_the_files_of_server_made_calls(phone: MakePhone, other: Console, user: Account, name: str) -> None:
    with Talk(phone(user, other)) as talk:
        assert other.type(f"mt_call {user.username}").startswith("dialog ")
        assert f"a=x-file:{name}".encode() in talk.take().body
        talk.refuse()


def test_a_server_made_call_without_a_file(phone: MakePhone, server: Console) -> None:
    with Talk(phone(CALLEE)) as talk:
        assert server.type(f"mt_call {CALLEE.username}").startswith("dialog ")
        assert b" AMR-WB/16000" in talk.take().body
        talk.refuse()


def test_session_expires(phone: MakePhone, server: Server, other: Server) -> None:
    for at, seconds in ((server, "3600"), (other, "120")):
        invite = called(phone(CALLER, at), phone(CALLEE, at), "tel:+492")
        assert invite.get("session-expires").partition(";")[0] == seconds
        with Talk(phone(CALLER, at)) as talk:
            talk.dial("tel:666", session_expires=seconds, supported="timer")
            assert talk.codes() == [180, 200]
            assert talk.answer is not None
            assert talk.answer.get("session-expires").partition(";")[0] == seconds
            talk.ack()
            talk.hang_up()


def test_the_table_is_complete() -> None:
    written = {"rel100": "100rel", "content_data": "content"}
    table = __doc__ or ""
    for name in ImpuConfig.__dataclass_fields__:
        assert written.get(name, name) in table
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for name in re.findall(r"\btest_\w+(?!\w*\.py)", table):
        assert f"def {name}(" in tests or Path(__file__).with_name(f"{name}.py").exists()

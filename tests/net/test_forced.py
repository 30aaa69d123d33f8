"""The answers that an IMPU forces, asked of the running server: each method, a body, silence, transparent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lteims.sip.message import Request, Response
from tests.net.server import Server, ServerError
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.phone import PATIENCE, Phone, PhoneError
from tests.phone.wire import Udp

BODY = b"<ims-3gpp version='1'/>\xff"


def account(number: int, options: str = "") -> Account:
    imsi = f"00101{number:010d}"
    impu = f'{{impu: "{imsi}", {options}}}' if options else f'"{imsi}"'
    return Account(imsi, "none", impu=f'[{impu}, "tel:+3360000000{number}"]')


CALLER = account(1)
CALLEE = account(2, "code: 603")
BRIEF = account(3, 'code: 423, method: "REGISTER"')
DEAF = account(4, 'code: -1, method: "REGISTER"')
CLEAR = account(5, 'code: 403, method: "REGISTER", transparent: true')
SENDER = account(6, 'code: 415, method: "MESSAGE", content: "body.xml", content_type: "application/3gpp-ims+xml"')
EXTRA = f"""domain: "{DOMAIN}", timer_t1: 0.5,
custom_headers: [{{name: "X-Forced", value: "yes", codes: 486}}],
echo: [
  "tel:666",
  {{impu: "tel:486", code: 486, content: "body.xml", content_type: "application/3gpp-ims+xml"}},
  {{impu: "tel:180", code: 180}},
  {{impu: "tel:503", code: 503, method: "INVITE.TRYING"}},
  {{impu: "tel:1", code: -1}},
  {{impu: "tel:183", code: 183, transparent: true}},
  {{impu: "tel:488", code: 488, method: "UPDATE"}},
  {{impu: "tel:400", code: 400, method: "PRACK"}},
  {{impu: "tel:403", code: 403, method: "CANCEL", answer_delay: 1}},
],
"""
SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
AUDIO = {"content-type": "application/sdp"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of the module."""
    users = ue_db([CALLER, CALLEE, BRIEF, DEAF, CLEAR, SENDER])
    folder = tmp_path_factory.mktemp("forced") / "server"
    folder.mkdir()
    (folder / "body.xml").write_bytes(BODY)
    with Server(folder, users, EXTRA, hosts=("127.0.0.1",)) as running:
        yield running
    assert "failed inside" not in running.log


def phone(server: Server, of: Account) -> Phone:
    return Phone(Udp(("127.0.0.1", server.port)), of)


@pytest.fixture
def caller(server: Server) -> Iterator[Phone]:
    """One that is registered."""
    ue = phone(server, CALLER)
    assert ue.register().code == 200
    yield ue
    ue.register(ue.contact(0))
    ue.wire.close()


def invite(ue: Phone, target: str) -> Request:
    return ue.request("INVITE", target, body=SDP, headers=AUDIO | {"contact": f"<{ue.contact_uri}>"})


def next_answer(ue: Phone, within: float = PATIENCE) -> Response | None:
    """The next response, whatever it answers."""
    message = ue._next(within)
    assert message is None or isinstance(message, Response)
    return message


def next_code(ue: Phone, within: float = PATIENCE) -> int:
    """Its code, 0 where none comes."""
    answer = next_answer(ue, within)
    return answer.code if answer is not None else 0


def cancel_of(call: Request) -> Request:
    headers = {name: list(call.headers[name]) for name in ("via", "from", "to", "call-id", "max-forwards")}
    return Request("CANCEL", call.target, headers | {"cseq": [f"{call.cseq.number} CANCEL"]})


def test_an_invite_gets_the_code_its_body_and_custom_headers(server: Server, caller: Phone) -> None:
    answer = caller.exchange(invite(caller, "tel:486"))
    assert (answer.code, answer.body, answer.get("x-forced")) == (486, BODY, "yes")
    assert answer.get("content-type") == "application/3gpp-ims+xml"
    server.wait_for_log("answered 486: IMPU tel:486 has code 486 for INVITE")


def test_an_impu_of_a_user(caller: Phone) -> None:
    assert caller.exchange(invite(caller, CALLEE.uri)).code == 603
    assert caller.exchange(invite(caller, "tel:+33600000002")).code == 480


def test_a_provisional_code_until_it_is_cancelled(caller: Phone) -> None:
    call = invite(caller, "tel:180")
    caller.send(call)
    assert next_code(caller) == 180
    caller.send(cancel_of(call))
    assert next_code(caller) == 200
    assert caller.wait_for(call).code == 487


def test_a_code_behind_the_100(caller: Phone) -> None:
    call = invite(caller, "tel:503")
    caller.send(call)
    assert next_code(caller) == 100
    assert caller.wait_for(call).code == 503


def test_silence(server: Server, caller: Phone) -> None:
    call = invite(caller, "tel:1")
    caller.send(call)
    assert next_code(caller, 0.3) == 0
    caller.send(call)
    assert next_code(caller, 0.3) == 0
    server.wait_for_log("left without answer: IMPU tel:1 has code -1 for INVITE")


def test_a_transparent_code_besides_the_call(caller: Phone) -> None:
    call = invite(caller, "tel:183")
    caller.send(call)
    assert next_code(caller) == 183
    answer = caller.wait_for(call)
    assert answer.code == 200
    caller.send(caller.in_dialog("ACK", call, answer))
    assert caller.exchange(caller.in_dialog("BYE", call, answer)).code == 200


@pytest.mark.parametrize(("target", "method", "code"), [("tel:488", "UPDATE", 488), ("tel:400", "PRACK", 400)])
def test_requests_inside_a_call(caller: Phone, target: str, method: str, code: int) -> None:
    call = invite(caller, target)
    answer = caller.exchange(call)
    assert answer.code == 200
    caller.send(caller.in_dialog("ACK", call, answer))
    assert caller.exchange(caller.in_dialog(method, call, answer)).code == code
    assert caller.exchange(caller.in_dialog("BYE", call, answer)).code == 200


def test_a_cancel_that_cancels_nothing(caller: Phone) -> None:
    call = invite(caller, "tel:403")
    caller.send(call)
    assert next_code(caller) == 100
    caller.send(cancel_of(call))
    codes = []
    while (answer := next_answer(caller)) is not None and answer.cseq.method != "CANCEL":
        codes.append(answer.code)
    assert answer is not None
    assert answer.code == 403
    codes += [answer.code for answer in iter(lambda: next_answer(caller, 0.5), None)]
    assert 487 not in codes


def test_a_registration_that_is_too_brief(server: Server) -> None:
    answer = phone(server, BRIEF).register()
    assert (answer.code, answer.get("min-expires")) == (423, "3601")


def test_a_registration_without_answer(server: Server) -> None:
    ue = phone(server, DEAF)
    with pytest.raises(PhoneError):
        ue.exchange(ue.registration([ue.contact()], ""), within=1.0)


def test_a_registration_that_is_refused_and_stands(server: Server) -> None:
    assert phone(server, CLEAR).register().code == 403
    server.wait_for_log(f"{CLEAR.username} registered: ")


def test_a_message_is_matched_by_its_sender(server: Server, caller: Phone) -> None:
    sender = phone(server, SENDER)
    assert sender.register().code == 200
    answer = sender.exchange(sender.request("MESSAGE", CALLER.uri, body=b"hello"))
    assert (answer.code, answer.body, answer.get("accept")) == (415, BODY, "application/sdp")
    with pytest.raises(PhoneError):
        caller.take(0.3)
    caller.send(caller.request("MESSAGE", SENDER.uri, body=b"hello"))
    assert sender.take().body == b"hello"


def test_a_content_file_that_is_not_there(tmp_path: Path) -> None:
    echo = 'echo: [{impu: "tel:1", code: 486,\n  content: "none", content_type: "a/b"}],\n'
    server = Server(tmp_path / "server", ue_db([CALLER]), echo, hosts=("127.0.0.1",))
    with pytest.raises(ServerError, match=r"ims\.cfg:\d+:\d+: echo\[0\]\.content: cannot read .*none: No such file"):
        server.start()

"""Calls that an operator types at the running server's console: a phone rings, hears itself, or valid silence."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.console import Console
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.phone import Phone, PhoneError
from tests.phone.talk import NO_BEARER, Talk
from tests.phone.wire import Udp

CONFIG = Path(__file__).parents[2] / "config"
ALICE = Account("001010000000001", "none", impu='["001010000000001", {impu: "tel:+491", display_name: "Alice"}]')
BOB = Account("001010000000002", "none", impu='["001010000000002", "tel:+492"]')
EXTRA = f"""domain: "{DOMAIN}", timer_t1: 0.5, echo: ["tel:666", {{impu: "tel:102", remote_control: true}}],
"""
SR, RR = 200, 201


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The server of the module, with SDP files beside its configuration."""
    folder = tmp_path_factory.mktemp("mt_call") / "server"
    folder.mkdir()
    for path in CONFIG.glob("*.sdp"):
        (folder / path.name).write_bytes(path.read_bytes())
    with Console(folder, ue_db([ALICE, BOB]), EXTRA, hosts=("127.0.0.1",)) as running:
        yield running  # type: ignore[misc]
    assert "failed inside" not in running.log


@pytest.fixture
def ue(server: Console) -> Iterator[Phone]:
    """Bob's phone, registered."""
    phone = Phone(Udp(("127.0.0.1", server.port)), BOB)
    assert phone.register().code == 200
    yield phone
    phone.register(phone.contact(0))
    phone.wire.close()


def called(server: Console, command: str) -> str:
    """Type an mt_call; the dialog's id."""
    word, _, session_id = server.type(command).partition(" ")
    assert word == "dialog"
    return session_id


def shown(server: Console, session_id: str) -> dict[str, str]:
    """What `dialog` shows of one in detail."""
    rows = (line.split(None, 1) for line in server.type(f"dialog {session_id}").splitlines()[:8])
    return {row[0]: row[1] for row in rows if len(row) == 2}


@pytest.mark.parametrize("whom", [BOB.username, "tel:+492", "contact"])
def test_a_phone_rings_and_hears_itself(server: Console, ue: Phone, whom: str) -> None:
    with Talk(ue) as talk:
        session_id = called(server, f"mt_call {ue.contact_uri if whom == 'contact' else whom}")
        invite = talk.take()
        talk.reply(180)
        assert shown(server, session_id)["State"] in ("init", "ringing")
        talk.reply(200, talk.sdp())
        talk.expect("ACK")
        talk.send_to(invite.body)
        for number in range(20):
            payload = bytes([number]) * 160
            talk.play(number, payload)
            assert heard_back(talk, payload)
        detail = server.type(f"dialog {session_id}")
        assert "rtp_recv_count=20" in detail
        assert {"State": "start", "Type": "mt call"}.items() <= shown(server, session_id).items()
        server.type(f"dialog_stop {session_id}")
        talk.expect("BYE")
        assert shown(server, session_id)["State"] == "stop"


def heard_back(talk: Talk, payload: bytes) -> bool:
    """Does this payload come back, behind silence perhaps?"""
    return any(talk.hear_rtp() == (8, payload) for _ in range(500))


AMR = "97\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 mode-change-capability=2;max-red=0"
AMR_WB = "96\r\na=rtpmap:96 AMR-WB/16000\r\na=fmtp:96 mode-change-capability=2;max-red=0"
EVS = "106\r\na=rtpmap:106 EVS/16000/1\r\na=fmtp:106 br=5.9-24.4;bw=nb-swb;max-red=0"


@pytest.mark.parametrize(
    ("media", "sip_file", "payload_type", "sizes"),
    [
        ("8", "", 8, {160}),
        ("0", "", 0, {160}),
        (AMR, "", 97, {7}),  # SID, bandwidth-efficient: 4 + 6 + 39 bits
        (AMR_WB, "", 96, {7}),  # 4 + 6 + 40 bits
        (EVS, "mt_call_evs.sdp", 106, {6, 7, 8}),  # an EVS primary SID has 48 bits
    ],
    ids=["PCMA", "PCMU", "AMR", "AMR-WB", "EVS"],
)
def test_a_quiet_phone_hears_silence(
    server: Console, ue: Phone, media: str, sip_file: str, payload_type: int, sizes: set[int]
) -> None:
    with Talk(ue, media) as talk:
        session_id = called(server, f"mt_call tel:+492 {sip_file}")
        talk.send_to(talk.take().body)
        talk.pick_up()
        found = [talk.hear_rtp() for _ in range(5)]
        assert {heard[0] for heard in found} == {payload_type}
        assert {len(heard[1]) for heard in found} <= sizes
        if payload_type in (0, 8):
            assert {heard[1] for heard in found} == {b"\xff" * 160 if payload_type == 0 else b"\xd5" * 160}
        elif media is AMR:
            assert {heard[1][0] >> 4 for heard in found} == {15}  # no mode request
            assert {(heard[1][0] & 7) << 1 | heard[1][1] >> 7 for heard in found} == {8}  # AMR SID
        elif media is AMR_WB:
            assert {(heard[1][0] & 7) << 1 | heard[1][1] >> 7 for heard in found} == {9}  # AMR-WB SID
        server.type(f"dialog_stop {session_id}")
        talk.expect("BYE")


def test_reports_come(server: Console, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = called(server, "mt_call tel:+492")
        talk.send_to(talk.take().body)
        talk.pick_up()
        for number in range(10):
            talk.play(number, bytes(160))
            time.sleep(0.02)
        report = talk.hear_rtcp(30.0)
        assert (report[0] >> 6, report[1]) == (2, SR)
        assert report[0] & 31 == 1  # a report block: of what it has received from us
        assert int.from_bytes(report[28:32], "big") == 7  # our SSRC
        assert int.from_bytes(report[20:24], "big") > 0  # packets that it has sent
        server.type(f"dialog_stop {session_id}")
        talk.expect("BYE")
        with_counts = server.type(f"dialog {session_id}")
        assert "rtp_recv_count=10" in with_counts
        assert "rtcp_send_count=0" not in with_counts


def test_its_duration(server: Console, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = called(server, "mt_call tel:+492 -d 0.7")
        talk.take()
        talk.reply(180)
        time.sleep(0.8)  # ringing does not count
        start = time.monotonic()
        talk.pick_up()
        talk.expect("BYE")
        assert 0.7 <= time.monotonic() - start < 5.0
        assert 0.7 <= float(shown(server, session_id)["Duration"].removesuffix(" s")) < 1.5


def test_a_file_and_a_caller(server: Console, ue: Phone) -> None:
    with Talk(ue) as talk:
        called(server, "mt_call tel:+492 mt_call_video.sdp tel:+491")
        invite = talk.take()
        assert invite.get("from").startswith('"Alice" <tel:+491>;tag=')
        assert invite.values("p-asserted-identity")[0] == '"Alice" <tel:+491>'
        assert b"\r\nm=video " in invite.body
        assert b"a=imageattr:113 send [x=640,y=480] recv [x=640,y=480]" in invite.body
        talk.refuse()


def test_an_unknown_caller(server: Console, ue: Phone) -> None:
    with Talk(ue) as talk:
        called(server, "mt_call tel:+492 mt_call.sdp tel:+33123")
        invite = talk.take()
        assert invite.get("from").startswith("<tel:+33123>;tag=")
        assert "p-asserted-identity" not in invite.headers
        talk.refuse()


def test_preconditions(server: Console, ue: Phone) -> None:
    """MT: INVITE, 183, PRACK, UPDATE, 180, 200."""
    with Talk(ue, "104\r\na=rtpmap:104 AMR-WB/16000/1") as talk:
        session_id = called(server, "mt_call tel:+492 mt_call_precondition.sdp")
        invite = talk.take()
        assert {"100rel", "precondition"} <= set(invite.tokens("supported"))
        assert b"a=curr:qos local none" in invite.body
        confirm = NO_BEARER + "a=conf:qos remote sendrecv\r\n"
        talk.reply(183, talk.sdp(confirm), require="100rel,precondition", rseq="1")
        prack = ue.take()
        assert (prack.method, prack.get("rack")) == ("PRACK", f"1 {invite.cseq.number} INVITE")
        ue.answer_to(prack, 200)
        update = ue.take()
        assert b"a=curr:qos local sendrecv" in update.body
        talk.accept(update, talk.sdp(NO_BEARER.replace("none", "sendrecv")))
        talk.reply(180)
        talk.reply(200)
        talk.expect("ACK")
        assert "qos=erab_set" in server.type(f"dialog {session_id}")
        server.type(f"dialog_stop {session_id}")
        talk.expect("BYE")


def test_hold_and_resume_and_reinvite(server: Console, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = called(server, "mt_call tel:+492")
        talk.send_to(talk.take().body)
        talk.pick_up()
        talk.hear_rtp()
        assert b"a=recvonly" in talk.ask("INVITE", talk.sdp("a=sendonly\r\n")).body
        assert shown(server, session_id)["State"] == "hold"
        time.sleep(0.2)
        while True:  # what was on its way
            try:
                talk.hear_rtp(0.0)
            except PhoneError:
                break
        with pytest.raises(PhoneError):  # a held phone hears nothing
            talk.hear_rtp(0.5)
        assert talk.ask("UPDATE", talk.sdp("a=sendrecv\r\n")).code == 200
        assert shown(server, session_id)["State"] == "start"
        talk.hear_rtp()
        assert server.type(f"reinvite {session_id}") == ""
        talk.take()
        talk.reply(200, talk.sdp())
        talk.expect("ACK")
        assert talk.ask("BYE").code == 200
        assert server.type(f"reinvite {session_id}") == f"dialog {session_id} is over"


def test_stop_while_it_rings(server: Console, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = called(server, "mt_call tel:+492")
        talk.take()
        talk.reply(180)
        time.sleep(0.1)
        server.type(f"dialog_stop {session_id}")
        talk.expect("CANCEL")
        talk.refuse(487)


def test_the_operator_answers_an_echo_call(server: Console, ue: Phone) -> None:
    for code in (200, 486):
        with Talk(ue) as talk:
            talk.dial("tel:102")
            assert talk.hear().code == 180
            line = next(x for x in server.type("dialog").splitlines() if "ringing" in x and "tel:102" in x)
            assert server.type(f"dialog_answer {line.split()[1]} {code}") == ""
            assert talk.hear().code == code
            if code == 200:
                talk.ack()
                talk.hang_up()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("mt_call nobody", "there is no user with IMPU 'nobody'"),
        ("mt_call tel:+491", f"{ALICE.username} has no registration"),
        ("mt_call", "usage: mt_call CALLEE [-d DURATION] [SIP_FILE] [CALLER]"),
        ("dialog_stop xyz", "there is no dialog 'xyz'"),
        ("dialog_answer 999", "there is no dialog '999'"),
        ("reinvite", "which dialog? Its number or id is needed, see dialog"),
    ],
)
def test_what_is_refused(server: Console, command: str, answer: str) -> None:
    assert server.type(command) == answer


def test_a_file_that_is_not_there(server: Console, ue: Phone) -> None:
    assert server.type("mt_call tel:+492 none.sdp").endswith("none.sdp: No such file or directory")
    with pytest.raises(PhoneError):
        ue.take(0.2)

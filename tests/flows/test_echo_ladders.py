"""The echo as ladders, with every option that it has (manual 5.2, 5.2.1): when it answers, and with what."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lteims.config import ImpuConfig, ImpuMethod, Precondition
from lteims.errors import OperatorError
from lteims.ims.record import DialogRecord
from lteims.media.sdp import Sdp
from lteims.sip.message import Message
from tests.flows.conftest import Notes
from tests.flows.phones import AVP, CALL, Lab, user

LabWith = Callable[..., Lab]
RING = """
    a --> INVITE sdp
    a <-- 100
    a <-- 180
"""
ANSWER = """
    a <-- 200 sdp
    a --> ACK
"""
ECHO = f"""
    {RING}
    {ANSWER}
"""
END = """
    a --> BYE
    a <-- 200 BYE
"""
CANCEL = """
    a --> CANCEL
    a <-- 200 CANCEL
    a <-- 487
    a --> ACK
"""
REDIAL = """
    a --> INVITE sdp
    ...
    a --> ACK
"""
FORCED = {"code": 486, "method": ImpuMethod.INVITE_OK}
VOICE = "m=audio 0 RTP/AVP 96 0\na=rtpmap:96 AMR-WB/16000/1\na=fmtp:96 octet-align=1\na=x-file:one\n"


def echo_lab(lab_with: LabWith, options: Mapping[str, object] | None = None, **more: object) -> Lab:
    """A lab where a calls an echo with options."""
    lab = lab_with(echo=(ImpuConfig(impu="tel:666", **(options or {})),), **more)  # type: ignore[arg-type]
    lab.a.target = "tel:666"
    return lab


def sdp_of(message: Message) -> Sdp:
    return Sdp.parse(message.body)


def redial(lab: Lab) -> None:
    """Forget the last call."""
    lab.a.fresh()


# --- when it answers


def test_ring_only_rings_until_the_caller_gives_up(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"ring_only": True})
    lab.play(f"""
        {RING}
        170 s
        {CANCEL}
    """)


def test_ring_only_rings_no_longer_than_others(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"ring_only": True, "answer_delay": 1, "remote_control": True})
    lab.play(f"""
        {RING}
        179.9 s
        0.2 s
        a <-- 408
        a --> ACK
    """)


def test_answer_delay(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"answer_delay": 2.5})
    lab.play(f"""
        {RING}
        2.4 s
        0.2 s
        {ANSWER}
        {END}
    """)


def test_cancel_in_the_delay(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"answer_delay": 5})
    lab.play(f"""
        {RING}
        2 s
        {CANCEL}
        10 s
    """)


def test_bye_in_the_delay(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"answer_delay": 5})
    lab.play(f"""
        {RING}
        a --> BYE
        a <-- 200 BYE
        a <-- 487
        a --> ACK
        10 s
    """)


def test_requests_in_the_delay(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"answer_delay": 5})
    lab.play(f"""
        {RING}
        a --> OPTIONS
        a <-- 200 OPTIONS
        a --> INFO
        a <-- 200 INFO
    """)
    lab.control.dialog_stop(lab.dialog().session_id)
    lab.play("""
        a <-- 480
        a --> ACK
    """)


def test_the_operator_answers(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"remote_control": True})
    asked: list[DialogRecord] = []
    lab.calls.on_remote_control = asked.append
    lab.play(f"""
        {RING}
        60 s
    """)
    assert [record.id for record in asked] == [lab.dialog().session_id]
    lab.control.dialog_answer(asked[0].id)
    lab.play(ANSWER)
    with pytest.raises(OperatorError, match="waits for no answer"):
        lab.control.dialog_answer(asked[0].id)
    lab.play(END)
    with pytest.raises(OperatorError, match="is over"):
        lab.control.dialog_answer(asked[0].id)


def test_the_operator_answers_with_another_2xx(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"remote_control": True})
    lab.play(RING)
    lab.control.dialog_answer(lab.dialog().session_id, 202)
    lab.play(f"""
        a <-- 202 sdp
        a --> ACK
        {END}
    """)


@pytest.mark.parametrize("code", [302, 404, 486, 503, 603])
def test_the_operator_refuses(lab_with: LabWith, code: int) -> None:
    lab = echo_lab(lab_with, {"remote_control": True})
    lab.play(RING)
    lab.control.dialog_answer(lab.dialog().session_id, code)
    lab.play(f"""
        a <-- {code}
        a --> ACK
    """)


def test_what_the_operator_cannot_answer(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"remote_control": True})
    lab.play(RING)
    for code in (0, 100, 199, 700, -1):
        with pytest.raises(OperatorError, match="is no final answer"):
            lab.control.dialog_answer(lab.dialog().session_id, code)
    with pytest.raises(OperatorError, match="there is no dialog 'x'"):
        lab.control.dialog_answer("x")
    lab.play(CANCEL)


def test_cancel_before_the_operator_answers(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"remote_control": True})
    lab.play(RING)
    session_id = lab.dialog().session_id
    lab.play(CANCEL)
    with pytest.raises(OperatorError, match="is over"):
        lab.control.dialog_answer(session_id)


def test_the_operator_never_answers(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"remote_control": True})
    lab.play(f"""
        {RING}
        180.1 s
        a <-- 408
        a --> ACK
    """)


# --- INVITE.OK


def test_a_forced_final_answer_behind_the_ringing(lab_with: LabWith, notes: Notes) -> None:
    lab = echo_lab(lab_with, FORCED)
    lab.play(f"""
        {RING}
        a <-- 486
        a --> ACK
    """)
    assert "answered 486: IMPU tel:666 has code 486 for INVITE.OK" in notes.text


def test_a_forced_final_answer_after_the_delay(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, FORCED | {"answer_delay": 1})
    lab.play(f"""
        {RING}
        1.1 s
        a <-- 486
        a --> ACK
    """)


def test_the_operator_s_code_goes_before_the_forced_one(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, FORCED | {"remote_control": True})
    lab.play(RING)
    lab.control.dialog_answer(lab.dialog().session_id, 404)
    lab.play("""
        a <-- 404
        a --> ACK
    """)


def test_no_final_answer(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"code": -1, "method": ImpuMethod.INVITE_OK})
    lab.play(f"""
        {RING}
        40 s
        200 s
    """)


def test_a_forced_2xx_is_a_call(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"code": 299, "method": ImpuMethod.INVITE_OK})
    lab.play(f"""
        {RING}
        a <-- 299 sdp
        a --> ACK
        {END}
    """)


def test_a_forced_body_takes_the_place_of_the_sdp(lab_with: LabWith) -> None:
    body = b"v=0\r\n-- no media at all --\r\n"
    lab = echo_lab(lab_with, {
        "code": 200, "method": ImpuMethod.INVITE_OK, "content": "x", "content_type": "application/x-sdp",
        "content_data": body,
    })  # fmt: skip
    lab.play(ECHO)
    answer = lab.a.last("200 sdp")
    assert (answer.get("content-type"), answer.body) == ("application/x-sdp", body)
    lab.play(END)


def test_a_forced_refusal_with_a_body(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, FORCED | {"content": "x", "content_type": "text/plain", "content_data": b"busy\n"})
    lab.play(f"""
        {RING}
        a <-- 486 sdp
        a --> ACK
    """)
    assert (lab.a.last("486 sdp").get("content-type"), lab.a.last("486 sdp").body) == ("text/plain", b"busy\n")


def test_a_transparent_final_answer(lab_with: LabWith) -> None:
    """The caller is refused; for the server the call goes on, until no ACK to its 200 has come."""
    lab = echo_lab(lab_with, FORCED | {"transparent": True})
    lab.play(f"""
        {RING}
        a <-- 486
        a --> ACK
    """)
    assert lab.dialog().state == "start"
    lab.play("""
        32.1 s
        a <-- BYE
        a --> 481 BYE
    """)
    assert lab.dialog().state == "stop"


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"code": 486}, "a <-- 486\na --> ACK"),
        ({"code": 202}, ""),
        ({"code": -1}, ""),
        ({"code": 603, "content": "x", "content_type": "a/b", "content_data": b"x"}, "a <-- 603 sdp\na --> ACK"),
    ],
)
def test_a_phone_whose_answer_is_replaced(lab_with: LabWith, options: dict[str, object], answer: str) -> None:
    """An ordinary IMPU: its phone rings and answers, is acknowledged and hung up."""
    forced = ImpuConfig(impu="tel:+49302", method=ImpuMethod.INVITE_OK, **options)  # type: ignore[arg-type]
    lab = lab_with(users=(user("1"), user("2", "2", forced), user("3")))
    if options["code"] == 202:
        lab.play(CALL.replace("a <-- 200", "a <-- 202"))
        lab.play("""
            a --> BYE
            a <-- 200 BYE
                        BYE --> b
                        200 BYE <-- b
        """)
        return
    ringing, _, _ = CALL.partition("200 sdp <-- b")
    lab.play(f"""
        {ringing}
                    200 sdp <-- b
        {answer.splitlines()[0] if answer else ""}
                    ACK --> b
                    BYE --> b
        {answer.splitlines()[1] if answer else ""}
                    200 BYE <-- b
        100 s
    """)


# --- what it answers


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "echo.sdp"
    path.write_text(VOICE)
    return path


def test_the_media_of_a_file(lab_with: LabWith, file: Path) -> None:
    lab = echo_lab(lab_with, sdp_file=str(file))
    lab.play(ECHO)
    (media,) = sdp_of(lab.a.last("200 sdp")).medias
    (stream,) = lab.plane.streams
    assert (media.port, media.formats) == (stream.port, ("96", "0"))
    assert {"a=fmtp:96 octet-align=1", "a=x-file:one"} <= set(media.lines)
    lab.play("""
        a --> INVITE hold
        a <-- 100
        a <-- 200 sdp
        a --> ACK
    """)
    (held,) = sdp_of(lab.a.last("200 sdp")).medias
    assert "a=x-file:one" in held.lines
    assert "a=recvonly" in held.lines
    assert lab.dialog().state == "hold"
    lab.play(END)


def test_a_file_that_was_edited_is_read_again(lab_with: LabWith, file: Path) -> None:
    lab = echo_lab(lab_with, sdp_file=str(file))
    lab.play(f"{ECHO}{END}")
    file.write_text(VOICE.replace("one", "two"))
    os.utime(file, (1e9, 1e9))
    redial(lab)
    lab.play(ECHO)
    assert b"a=x-file:two" in lab.a.last("200 sdp").body
    file.unlink()
    lab.play(END)
    redial(lab)
    lab.play(ECHO)
    assert b"a=x-file" not in lab.a.last("200 sdp").body
    lab.play(END)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"", "no m= line"),
        (b"v=0\nm=audio nonsense\n", "line 2"),
        (b"\x00\xff\xfe" * 1000, "line 1"),
        (b"#" * 70000, "70000 octets are too many"),
    ],
)
def test_a_file_of_no_use(lab_with: LabWith, notes: Notes, tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "echo.sdp"
    if content is not None:
        path.write_bytes(content)
    lab = echo_lab(lab_with, sdp_file=str(path))
    lab.play(ECHO)
    assert sdp_of(lab.a.last("200 sdp")).medias[0].formats == ("0",)
    assert f"the server's own SDP is used: {path}: " in notes.text
    assert says in notes.text
    lab.play(END)


@pytest.mark.parametrize("path", ["/dev/zero", "pipe", "."])
def test_a_file_that_is_none(lab_with: LabWith, notes: Notes, tmp_path: Path, path: str) -> None:
    """Reading it would never end."""
    os.mkfifo(tmp_path / "pipe")
    lab = echo_lab(lab_with, sdp_file=str(tmp_path / path))
    lab.play(f"{ECHO}{END}")
    assert "is no regular file" in notes.text


def test_a_file_without_the_media_that_is_offered(lab_with: LabWith, tmp_path: Path) -> None:
    path = tmp_path / "video.sdp"
    path.write_text("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n")
    lab = echo_lab(lab_with, sdp_file=str(path))
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 488
        a --> ACK
    """)
    assert not lab.plane.streams


def test_a_file_that_sends_nothing(lab_with: LabWith, tmp_path: Path) -> None:
    path = tmp_path / "echo.sdp"
    path.write_text("m=audio 0 RTP/AVP 0\na=recvonly\n")
    lab = echo_lab(lab_with, sdp_file=str(path))
    lab.play(ECHO)
    (stream,) = lab.plane.streams
    assert (stream.sends, stream.receives) == (False, True)
    assert lab.dialog().medias[0]["dir"] == "recvonly"
    lab.play(END)


def test_a_file_as_the_offer(lab_with: LabWith, file: Path) -> None:
    lab = echo_lab(lab_with, sdp_file=str(file))
    lab.play("""
        a --> INVITE
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK sdp
    """)
    assert b"a=x-file:one" in lab.a.last("200 sdp").body
    assert lab.plane.streams[0].remote == ("192.0.2.11", 40000)
    lab.play(END)


def test_audio_video_and_text(lab_with: LabWith) -> None:
    video = "video {port} RTP/AVPF 99\na=rtpmap:99 H264/90000\na=fmtp:99 profile-level-id=42e01f\na=rtcp-fb:99 nack pli"
    text = "text {port} RTP/AVP 98 100\na=rtpmap:98 t140/1000\na=rtpmap:100 red/1000\na=fmtp:100 98/98"
    lab = echo_lab(lab_with)
    lab.a.medias = [AVP, video, text]
    lab.play(ECHO)
    answer = sdp_of(lab.a.last("200 sdp"))
    assert [(m.kind, m.proto) for m in answer.medias] == [
        ("audio", "RTP/AVP"), ("video", "RTP/AVPF"), ("text", "RTP/AVP"),
    ]  # fmt: skip
    assert "a=fmtp:99 profile-level-id=42e01f" in answer.medias[1].lines
    assert [(s.kind, s.out is s) for s in lab.plane.streams] == [("audio", True), ("video", True), ("text", True)]
    assert [media["type"] for media in lab.dialog().medias] == ["audio", "video", "text"]
    lab.a.medias = [AVP, "video 0 RTP/AVP 99", text]
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 200 sdp
        a --> ACK
    """)
    assert [m.port != 0 for m in sdp_of(lab.a.last("200 sdp")).medias] == [True, False, True]
    assert [s.kind for s in lab.plane.streams] == ["audio", "text"]
    lab.play(END)


# --- hold, re-INVITE, UPDATE


def test_hold_and_resume(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with)
    lab.play(f"""
        {ECHO}
        a --> INVITE hold
        a <-- 100
        a <-- 200 sdp
        a --> ACK
    """)
    (stream,) = lab.plane.streams
    assert (lab.dialog().state, lab.dialog().medias[0]["dir"]) == ("hold", "recvonly")
    assert (stream.sends, stream.receives) == (False, True)
    lab.play("""
        a --> UPDATE resume
        a <-- 200 UPDATE sdp
    """)
    assert (lab.dialog().state, lab.dialog().medias[0]["dir"]) == ("start", "sendrecv")
    lab.play(END)


def test_hold_in_the_ack(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with)
    lab.play(f"""
        {ECHO}
        a --> INVITE
        a <-- 100
        a <-- 200 sdp
        a --> ACK hold
    """)
    assert (lab.dialog().state, lab.dialog().medias[0]["dir"]) == ("hold", "recvonly")
    lab.play(END)


def test_the_operator_sends_a_reinvite(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with)
    lab.play(ECHO)
    lab.control.reinvite(lab.dialog().session_id)
    lab.play("a <-- INVITE sdp")
    assert sdp_of(lab.a.last("INVITE")).medias[0].formats == ("0",)
    with pytest.raises(OperatorError, match="is busy with another INVITE"):
        lab.control.reinvite(lab.dialog().session_id)
    lab.play(f"""
        a --> 100
        a --> 200 sdp
        a <-- ACK
        {END}
    """)


@pytest.mark.parametrize(("code", "over"), [(488, False), (486, False), (481, True), (408, True)])
def test_a_reinvite_that_is_refused(lab_with: LabWith, code: int, over: bool) -> None:
    lab = echo_lab(lab_with)
    lab.play(ECHO)
    lab.control.reinvite(lab.dialog().session_id)
    lab.play(f"""
        a <-- INVITE sdp
        a --> {code}
        a <-- ACK
        {"a <-- BYE" if over else "a --> BYE"}
        {"a --> 200 BYE" if over else "a <-- 200 BYE"}
    """)


# --- 100rel and preconditions


def test_switched_off_nothing_is_reliable(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"rel100": False})
    lab.play("""
        a --> INVITE rel sdp
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
        a --> BYE
        a <-- 200 BYE
    """)
    assert "rseq" not in lab.a.last("180").headers


def test_switched_off_a_caller_that_needs_it_is_refused(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"rel100": False})
    lab.play("""
        a --> INVITE sdp 100rel require
        a <-- 100
        a <-- 420
        a --> ACK
    """)
    assert lab.a.last("420").get("unsupported") == "100rel"


PRECONDITIONED = """
    a --> INVITE pre
    a <-- 100
    a <-- 183 rel sdp
    a --> PRACK
    a <-- 200 PRACK
    1 s
    a --> UPDATE ready
    a <-- 200 UPDATE sdp
    a <-- 180
"""


@pytest.mark.parametrize("globally", [True, False])
def test_preconditions_on(lab_with: LabWith, globally: bool) -> None:
    """MT: 183, PRACK, UPDATE, 180, 200, with the server as the end."""
    mine, all = ({}, Precondition.ON) if globally else ({"precondition": Precondition.ON}, Precondition.OFF)
    lab = echo_lab(lab_with, mine, precondition=all)
    lab.play(f"""
        {PRECONDITIONED}
        a <-- 200
        a --> ACK
    """)
    first, last = lab.a.last("183 rel sdp"), lab.a.last("200 UPDATE sdp")
    assert b"a=curr:qos local sendrecv\r\na=curr:qos remote none\r\n" in first.body
    assert b"a=conf:qos remote sendrecv" in first.body
    assert b"a=curr:qos remote sendrecv" in last.body
    assert "precondition" in first.tokens("require")
    assert lab.dialog().medias[0]["qos"] == "erab_set"
    lab.play(END)


def test_preconditions_and_a_delay(lab_with: LabWith) -> None:
    """The delay begins when the caller's phone rings."""
    lab = echo_lab(lab_with, {"answer_delay": 3})
    lab.play(f"""
        {PRECONDITIONED}
        2.9 s
        0.2 s
        a <-- 200
        a --> ACK
        {END}
    """)


def test_preconditions_that_are_never_met(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with)
    lab.play("""
        a --> INVITE pre
        a <-- 100
        a <-- 183 rel sdp
        a --> PRACK
        a <-- 200 PRACK
        30.1 s
        a <-- 580
        a --> ACK
    """)


def test_the_media_of_a_file_with_preconditions(lab_with: LabWith, file: Path) -> None:
    lab = echo_lab(lab_with, sdp_file=str(file))
    lab.play(f"""
        {PRECONDITIONED}
        a <-- 200
        a --> ACK
    """)
    body = lab.a.last("183 rel sdp").body
    assert b"a=x-file:one" in body
    assert b"a=curr:qos local sendrecv" in body
    lab.play(END)


@pytest.mark.parametrize("mode", [Precondition.OFF, Precondition.SILENT])
def test_preconditions_that_are_not_spoken(lab_with: LabWith, mode: Precondition) -> None:
    lab = echo_lab(lab_with, {"precondition": mode})
    lab.play("""
        a --> INVITE pre
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
    """)
    assert b"qos" not in lab.a.last("200 sdp").body
    qos = lab.dialog().medias[0]["qos"]
    assert qos == ("disabled" if mode is Precondition.OFF else "erab_set")
    lab.play(END)


# --- the record


def test_the_record_of_an_echo_call(lab_with: LabWith) -> None:
    lab = echo_lab(lab_with, {"answer_delay": 1})
    lab.play(RING)
    assert (lab.dialog().state, lab.dialog().duration) == ("ringing", 0.0)
    lab.clock.advance(1.1)
    lab.play(ANSWER)
    info = lab.dialog()
    assert (info.type, info.to, info.mt_dialog, info.mo_dialog) == ("echo", "tel:666", "", "")
    assert info.from_ == lab.a.uri
    assert [(e.type, e.message, e.state) for e in info.event_list] == [
        ("recv", "INVITE", "init"), ("send", "180 INVITE", "init"), ("state", "", "ringing"),
        ("send", "200 INVITE", "ringing"), ("state", "", "start"), ("recv", "ACK", "start"),
    ]  # fmt: skip
    lab.plane.streams[0].hear()
    lab.clock.advance(5.0)
    lab.play(END)
    info = lab.dialog()
    assert (info.state, round(info.duration, 1), info.medias[0]["rtp_recv_count"]) == ("stop", 5.1, 1)
    lab.clock.advance(29.9)
    assert lab.dialog() == info
    lab.clock.advance(0.2)
    assert not lab.control.dialogs()

"""Requests inside a call as ladders on both legs: re-INVITE, UPDATE, INFO, OPTIONS (RFC 3261 12.2, 14; RFC 3311)."""

import pytest

from lteims.media.sdp import Sdp
from lteims.sip.message import Message, Request
from tests.flows.phones import BYE, CALL, RINGING, Lab, Phone

HOLD = f"""
    {CALL}
    a --> INVITE hold
    a <-- 100
                INVITE sdp --> b
                200 sdp <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
"""


def direction(phone: Phone, label: str) -> str:
    """The direction of the first media in the last message of this label."""
    sdp = Sdp.parse(phone.last(label).body)
    return sdp.direction_of(sdp.medias[0])


def version(phone: Phone, label: str) -> int:
    """The o= line's version in the last message of this label."""
    origin = Sdp.parse(phone.last(label).body).origin
    assert origin is not None
    return origin.version


# --- re-INVITE


def test_the_caller_holds_and_resumes(lab: Lab) -> None:
    lab.play(CALL)
    before = version(lab.b, "INVITE")
    lab.b.direction = "recvonly"
    lab.play(HOLD.removeprefix(f"\n    {CALL}"))
    assert (direction(lab.b, "INVITE"), direction(lab.a, "200 sdp")) == ("sendonly", "recvonly")
    assert version(lab.b, "INVITE") == before + 1
    lab.b.direction = ""
    lab.play("""
        a --> INVITE resume
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert version(lab.b, "INVITE") == before + 2
    assert len(lab.plane.streams) == 2
    lab.play(BYE)


def test_the_callee_holds(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
                    INVITE hold <-- b
                    100 --> b
        a <-- INVITE sdp
        a --> 200 sdp
                    200 sdp --> b
                    ACK <-- b
        a <-- ACK
        {BYE}
    """)
    assert direction(lab.a, "INVITE") == "sendonly"


def test_an_unchanged_offer_keeps_its_version(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    first, second = [m for m in lab.b.inbox if isinstance(m, Request) and m.method == "INVITE"]
    assert first.body == second.body
    assert second.cseq.number == first.cseq.number + 1
    assert second.to.tag == lab.b.tag
    lab.play(BYE)


def test_a_reinvite_without_offer(lab: Lab) -> None:
    lab.b.media_port = 41000
    lab.play(f"""
        {CALL}
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    200 sdp <-- b
        a <-- 200 sdp
    """)
    lab.a.media_port = 42000
    lab.play("""
        a --> ACK sdp
                    ACK sdp --> b
    """)
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.11", 42000), ("192.0.2.12", 41000)]
    lab.play(BYE)


def test_a_refused_reinvite_leaves_call_and_media(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.media_port = 44444
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    488 <-- b
                    ACK --> b
        a <-- 488
        a --> ACK
    """)
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.11", 40000), ("192.0.2.12", 40000)]
    lab.play(BYE)


def test_a_refused_second_media_gives_its_ports_back(lab: Lab) -> None:
    def with_video(message: Message) -> None:
        message.body += b"m=video 40002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"

    lab.play(CALL)
    lab.a.bend = with_video
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    assert len(lab.plane.streams) == 4
    lab.play("""
                    606 <-- b
                    ACK --> b
        a <-- 606
        a --> ACK
    """)
    assert len(lab.plane.streams) == 2
    lab.a.bend = with_video
    lab.b.bend = lambda message: setattr(message, "body", message.body + b"m=video 0 RTP/AVP 96\r\n")
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert [m.port for m in Sdp.parse(lab.a.last("200 sdp").body).medias][1] == 0
    assert len(lab.plane.streams) == 2
    lab.play(BYE)


def test_video_is_added(lab: Lab) -> None:
    def with_video(message: Message) -> None:
        message.body += b"m=video 40002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"

    lab.play(CALL)
    lab.a.bend = lab.b.bend = with_video
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert [s.kind for s in lab.plane.streams] == ["audio", "audio", "video", "video"]
    lab.play(BYE)


@pytest.mark.parametrize("code", [302, 401, 407])
def test_what_the_near_side_cannot_act_on_becomes_488(lab: Lab, code: int) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    {code} <-- b
                    ACK --> b
        a <-- 488
        a --> ACK
        {BYE}
    """)


def test_glare(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp <-- b
                    491 --> b
                    ACK <-- b
                    491 <-- b
                    ACK --> b
        a <-- 491
        a --> ACK
        {BYE}
    """)


def test_a_second_reinvite_behind_an_open_one(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
        a --> INVITE sdp
        a <-- 500
        a --> ACK
                    200 sdp <-- b
        a <-- 200
    """)
    assert lab.a.last("500").get("retry-after")
    lab.a.bend = lambda message: message.set("cseq", "2 ACK")
    lab.play(f"""
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_reinvite_before_the_first_answer(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> INVITE sdp
        a <-- 500
        a --> ACK
                    200 sdp <-- b
        a <-- 200
    """)
    lab.a.bend = lambda message: message.set("cseq", "1 ACK")
    lab.play(f"""
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_cancelled_reinvite(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    100 <-- b
        a --> CANCEL
        a <-- 200 CANCEL
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
        a <-- 487
        a --> ACK
        {BYE}
    """)


def test_a_cancelled_reinvite_that_was_answered(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    100 <-- b
        a --> CANCEL
        a <-- 200 CANCEL
                    CANCEL --> b
                    200 sdp <-- b
        a <-- 200 sdp
                    481 CANCEL <-- b
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_cancelled_reinvite_that_nobody_answers(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    100 <-- b
        a --> CANCEL
        a <-- 200 CANCEL
                    CANCEL --> b
                    200 CANCEL <-- b
        32.4 s
        0.2 s
        a <-- 408
        a --> ACK
        a <-- BYE
                    BYE --> b
        a --> 200 BYE
                    200 BYE <-- b
    """)


def test_a_reinvite_that_nobody_answers_ends_the_call(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
        31.9 s
        7 x         INVITE sdp --x b
        0.2 s
        a <-- 408
        a <-- BYE
                    BYE --x b
        a --> ACK
        a --> 200 BYE
        40 s
        ...
    """)


def test_a_reinvite_answered_481_ends_the_call(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    481 <-- b
                    ACK --> b
        a <-- 481
        a <-- BYE
                    BYE --> b
        a --> ACK
        a --> 200 BYE
                    481 BYE <-- b
    """)


def test_the_200_to_a_reinvite_gets_no_ack(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        31.9 s
        11 x a x-- 200
        0.2 s
                    ACK --> b
        a <-- BYE
                    BYE --> b
        a --> 200 BYE
                    200 BYE <-- b
    """)


def test_the_far_sides_200_again(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200
                    again 200 <-- b
        a --> ACK
                    ACK --x b
                    again 200 <-- b
                    ACK --> b
        {BYE}
    """)


def test_bye_crosses_a_reinvite(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    BYE <-- b
                    200 BYE --> b
        a <-- 487
        a <-- BYE
        a --> ACK
        a --> 200 BYE
                    487 <-- b
                    ACK --> b
    """)


def test_bye_behind_its_own_reinvite_that_is_never_answered(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    100 <-- b
        a --> BYE
        a <-- 200 BYE
                    CANCEL --> b
                    BYE --> b
        a <-- 487
        a --> ACK
                    200 CANCEL <-- b
                    200 BYE <-- b
    """)


def test_bye_behind_its_own_reinvite_whose_200_crosses(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
        a --> BYE
        a <-- 200 BYE
                    BYE --> b
        a <-- 487
        a --> ACK
                    200 sdp <-- b
                    ACK --> b
                    200 BYE <-- b
    """)


def test_a_bad_offer_inside_the_call(lab: Lab) -> None:
    def spoil(message: Message) -> None:
        message.body = b"v=1\r\n"

    lab.play(CALL)
    lab.a.bend = spoil
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
        a <-- 400
        a --> ACK
        {BYE}
    """)


def test_a_bad_answer_inside_the_call(lab: Lab) -> None:
    def spoil(message: Message) -> None:
        message.body = b"v=1\r\n"

    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.bend = spoil
    lab.play("""
                    200 sdp <-- b
        a <-- 500
                    ACK --> b
        a <-- BYE
                    BYE --> b
        a --> ACK
        a --> 200 BYE
                    200 BYE <-- b
    """)


def test_a_reinvite_moves_the_target(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.contact = "<sip:moved@192.0.2.11:5070>"
    lab.b.contact = "<sip:moved@192.0.2.12:5070>"
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
    """)
    assert lab.b.last("ACK").target == "sip:moved@192.0.2.12:5070"
    assert lab.a.last("BYE").target == "sip:moved@192.0.2.11:5070"


# --- UPDATE, INFO, MESSAGE, OPTIONS


def test_update_with_an_offer_both_ways(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> UPDATE hold
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
                    UPDATE sdp <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
        {BYE}
    """)
    assert direction(lab.b, "UPDATE sdp") == "sendonly"
    assert lab.a.last("200 UPDATE sdp").contacts[0].uri.host == "192.0.2.1"
    assert lab.b.last("UPDATE sdp").contacts[0].uri.host == "192.0.2.1"


def test_update_without_body(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> UPDATE
        a <-- 200 UPDATE
        {BYE}
    """)


def test_update_refused(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.media_port = 44444
    lab.play("""
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    488 UPDATE <-- b
        a <-- 488 UPDATE
    """)
    assert lab.plane.streams[0].remote == ("192.0.2.11", 40000)
    lab.play(BYE)


def test_update_while_the_other_side_has_an_invite_open(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
        a --> UPDATE sdp
        a <-- 500 UPDATE
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_update_moves_the_target_of_both(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.contact = "<sip:moved@192.0.2.11:5070>"
    lab.b.contact = "<sip:moved@192.0.2.12:5070>"
    lab.play(f"""
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        {BYE}
    """)
    assert lab.b.last("BYE").target == "sip:moved@192.0.2.12:5070"


@pytest.mark.parametrize("method", ["INFO", "MESSAGE"])
def test_bodies_pass_as_they_are(lab: Lab, method: str) -> None:
    def dtmf(message: Message) -> None:
        message.set("content-type", "application/dtmf-relay")
        message.body = b"Signal=5\r\nDuration=160\r\n"

    lab.play(CALL)
    lab.a.bend = dtmf
    lab.play(f"""
        a --> {method}
                    {method} sdp --> b
                    200 {method} <-- b
        a <-- 200 {method}
    """)
    passed = lab.b.last(f"{method} sdp")
    assert (passed.get("content-type"), passed.body) == ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n")
    lab.b.bend = dtmf
    lab.play(f"""
                    {method} <-- b
        a <-- {method} sdp
        a --> 415 {method}
                    415 {method} --> b
        {BYE}
    """)


def test_info_that_nobody_answers_ends_the_call(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INFO
        31.9 s
        11 x        INFO --x b
        0.2 s
        a <-- 408 INFO
        a <-- BYE
                    BYE --x b
        a --> 200 BYE
        40 s
        ...
    """)


def test_info_under_way_when_the_call_ends(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INFO
                    INFO --> b
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
                    481 INFO <-- b
        a <-- 481 INFO
    """)


def test_info_in_the_early_dialog(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> INFO
                    INFO --> b
                    200 INFO <-- b
        a <-- 200 INFO
                    486 <-- b
                    ACK --> b
        a <-- 486
    """)
    lab.a.bend = lambda message: message.set("cseq", "1 ACK")
    lab.play("a --> ACK")


def test_options_in_the_dialog(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> OPTIONS
        a <-- 200 OPTIONS
                    OPTIONS <-- b
                    200 OPTIONS --> b
        {BYE}
    """)
    assert "UPDATE" in lab.a.last("200 OPTIONS").get("allow")
    assert lab.a.last("200 OPTIONS").get("accept") == "application/sdp"


@pytest.mark.parametrize(("method", "code"), [("REFER", 405), ("NOTIFY", 405), ("PRACK", 400), ("FROB", 405)])
def test_methods_that_a_call_has_no_use_for(lab: Lab, method: str, code: int) -> None:
    lab.play(f"""
        {CALL}
        a --> {method}
        a <-- {code} {method}
        {BYE}
    """)


# --- what does not fit the dialog


def test_a_wrong_tag(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.bend = lambda message: message.set("from", "<sip:1@x>;tag=wrong")
    lab.play("""
        a --> BYE
        a <-- 481 BYE
    """)
    lab.a.bend = lambda message: message.set("to", "<sip:2@x>;tag=wrong")
    lab.play(f"""
        a --> BYE
        a <-- 481 BYE
        {BYE}
    """)


def test_an_unknown_dialog(lab: Lab) -> None:
    lab.a.remote_tag = "nobody"
    for method in ("BYE", "INFO", "OPTIONS", "INVITE sdp"):
        name = "" if method == "INVITE sdp" else f" {method}"
        lab.play(f"""
            a --> {method}
            a <-- 481{name}
        """)
    lab.play("a --> ACK")


def test_a_cseq_that_goes_back(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.bend = lambda message: message.set("cseq", "1 INFO")
    lab.play(f"""
        a --> INFO
        a <-- 500 INFO
        {BYE}
    """)


def test_a_cseq_that_jumps(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.cseq = 77
    lab.play(f"""
        a --> INFO
                    INFO --> b
                    200 INFO <-- b
        a <-- 200 INFO
        {BYE}
    """)
    assert lab.b.last("INFO").cseq.number == lab.b.last("INVITE").cseq.number + 1


# --- the echo


def test_the_echo(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
    """)
    (stream,) = lab.plane.streams
    assert (stream.remote, stream.out) == (("192.0.2.11", 40000), stream)
    assert Sdp.parse(lab.a.last("200 sdp").body).medias[0].port == stream.port
    lab.play("""
        a --> INFO
        a <-- 200 INFO
        a --> INVITE hold
        a <-- 100
        a <-- 200 sdp
        a --> ACK
    """)
    assert direction(lab.a, "200 sdp") == "recvonly"
    lab.a.media_port = 42000
    lab.play("""
        a --> UPDATE resume
        a <-- 200 UPDATE sdp
    """)
    assert stream.remote == ("192.0.2.11", 42000)
    lab.play("""
        a --> INVITE
        a <-- 100
        a <-- 200 sdp
        a --> ACK sdp
        a --> BYE
        a <-- 200 BYE
    """)


def test_the_echo_makes_the_offer(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK sdp
    """)
    offer = Sdp.parse(lab.a.last("200 sdp").body)
    assert [str(m.encoding) for m in offer.medias[0].rtpmaps.values()] == [
        "AMR-WB", "AMR", "PCMA", "PCMU", "telephone-event", "telephone-event",
    ]  # fmt: skip
    (stream,) = lab.plane.streams
    assert (stream.remote, stream.out, stream.port) == (("192.0.2.11", 40000), stream, offer.medias[0].port)
    lab.play("""
        a --> BYE
        a <-- 200 BYE
    """)


def test_the_echo_refuses_and_keeps_its_media(lab: Lab) -> None:
    def other(message: Message) -> None:
        message.body = message.body.replace(b"audio", b"image")

    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE sdp
        ...
        a --> ACK
    """)
    lab.a.bend = other
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 488
        a --> ACK
    """)
    assert "304" in lab.a.last("488").get("warning")
    assert len(lab.plane.streams) == 1
    lab.play("""
        a --> BYE
        a <-- 200 BYE
    """)


def test_the_echo_hears_no_ack(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 180
        31.9 s
        11 x a x-- 200
        0.2 s
        a <-- BYE
        a --> 200 BYE
    """)

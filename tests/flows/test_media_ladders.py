"""Changes of media as ladders (RFC 3264 8, RFC 3261 14, RFC 3311): codecs, video, text, fax, files, ports, bad SDP.

a is the caller, b the callee. What a phone describes is what its `medias` say when it speaks.
"""

from collections.abc import Callable

import pytest

from lteims.media.sdp import Sdp
from lteims.net.rtp_ports import PortsExhausted
from lteims.sip.message import Message
from tests.flows.phones import AVP, BYE, CALL, Lab, Phone

AMR = """audio {port} RTP/AVP 96 97 100 101
b=AS:41
b=RS:0
b=RR:0
a=rtpmap:96 AMR-WB/16000
a=fmtp:96 mode-change-capability=2;max-red=220
a=rtpmap:97 AMR/8000
a=fmtp:97 mode-set=0,2,4,7; mode-change-period=2; octet-align=1
a=rtpmap:100 telephone-event/16000
a=fmtp:100 0-15
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=maxptime:240"""
NARROW = """audio {port} RTP/AVP 97 101
a=rtpmap:97 AMR/8000
a=fmtp:97 mode-set=7; octet-align=1
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15"""
VIDEO = """video {port} RTP/AVP 113
b=AS:690
a=rtpmap:113 H264/90000
a=fmtp:113 profile-level-id=42C00C; packetization-mode=1
a=rtcp-fb:* nack pli
a=imageattr:113 send [x=320,y=240] recv [x=320,y=240]"""
NO_VIDEO = "video 0 RTP/AVP 113"
TEXT = """text {port} RTP/AVP 98 100
a=rtpmap:98 t140/1000
a=rtpmap:100 red/1000
a=fmtp:100 98/98/98"""
FAX = """image {port} udptl t38
a=T38FaxVersion:0
a=T38MaxBitRate:14400
a=T38FaxUdpEC:t38UDPRedundancy"""
MSRP = """message {port} TCP/MSRP *
a=accept-types:text/plain
a=path:msrp://192.0.2.11:40002/s1;tcp"""
REINVITE = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                200 sdp <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
"""
REFUSED = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                488 <-- b
                ACK --> b
    a <-- 488
    a --> ACK
"""


def sdp_of(phone: Phone, label: str) -> Sdp:
    """The SDP of the last message of this label."""
    return Sdp.parse(phone.last(label).body)


def kinds(lab: Lab) -> list[str]:
    """The kinds of the streams that are open."""
    return [stream.kind for stream in lab.plane.streams]


def taken(lab: Lab) -> int:
    """How many ports are in use."""
    return len(lab.pools[0]._taken)


def shown(lab: Lab) -> list[list[str]]:
    """The medias that the operator sees of each dialog."""
    return [[media.media.type for media in record.medias] for record in lab.calls.records]


def remotes(lab: Lab) -> list[int]:
    """The ports of the phones that the streams send to."""
    return [stream.remote[1] if stream.remote else 0 for stream in lab.plane.streams]


def with_body(body: bytes, kind: str = "application/sdp") -> Callable[[Message], None]:
    """Bend a message: another body."""

    def bend(message: Message) -> None:
        message.set("content-type", kind)
        message.body = body

    return bend


# --- codecs


def test_amr_and_its_parameters_pass_unchanged(lab: Lab) -> None:
    lab.a.medias, lab.b.medias = [AMR], [NARROW]
    lab.play(CALL)
    offer, answer = sdp_of(lab.b, "INVITE").medias[0], sdp_of(lab.a, "200 sdp").medias[0]
    assert (offer.formats, list(offer.lines)) == (("96", "97", "100", "101"), AMR.splitlines()[1:])
    assert (answer.formats, list(answer.lines)) == (("97", "101"), NARROW.splitlines()[1:])
    lab.play(BYE)


def test_the_codec_changes_by_reinvite(lab: Lab) -> None:
    lab.a.medias = lab.b.medias = [AMR]
    lab.play(CALL)
    streams = list(lab.plane.streams)
    ports = [stream.port for stream in streams]
    lab.a.medias = lab.b.medias = [NARROW]
    lab.play(REINVITE)
    assert sdp_of(lab.b, "INVITE").medias[0].formats == ("97", "101")
    assert sdp_of(lab.a, "200 sdp").medias[0].formats == ("97", "101")
    assert lab.plane.streams == streams
    assert [stream.port for stream in lab.plane.streams] == ports
    lab.play(BYE)


def test_the_media_moves_to_other_ports_of_the_phone(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.media_port, lab.b.media_port = 50000, 51000
    lab.play(REINVITE)
    assert remotes(lab) == [50000, 51000]
    lab.play(BYE)


# --- video


def test_a_video_call(lab: Lab) -> None:
    lab.a.medias = lab.b.medias = [AMR, VIDEO]
    lab.play(CALL)
    assert kinds(lab) == ["audio", "audio", "video", "video"]
    assert shown(lab) == [["audio", "video"], ["audio", "video"]]
    video = sdp_of(lab.b, "INVITE").medias[1]
    assert list(video.lines) == VIDEO.splitlines()[1:]
    assert len({stream.port for stream in lab.plane.streams}) == 4
    assert remotes(lab) == [40000, 40000, 40002, 40002]
    lab.play(BYE)


def test_a_video_call_that_is_answered_by_voice(lab: Lab) -> None:
    lab.a.medias, lab.b.medias = [AMR, VIDEO], [AMR, NO_VIDEO]
    lab.play(CALL)
    assert sdp_of(lab.a, "200 sdp").medias[1].port == 0
    assert (kinds(lab), taken(lab)) == (["audio", "audio"], 2)
    assert shown(lab) == [["audio"], ["audio"]]
    lab.play(BYE)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_video_comes_and_goes(lab: Lab, method: str) -> None:
    change = REINVITE if method == "INVITE" else """
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
    """  # fmt: skip
    lab.play(CALL)
    for _ in range(3):
        lab.a.medias = lab.b.medias = [AVP, VIDEO]
        lab.play(change)
        assert (kinds(lab), taken(lab)) == (["audio", "audio", "video", "video"], 4)
        lab.a.medias = lab.b.medias = [AVP, NO_VIDEO]
        lab.play(change)
        assert (kinds(lab), taken(lab)) == (["audio", "audio"], 2)
        assert shown(lab) == [["audio"], ["audio"]]
    lab.play(BYE)


def test_the_callee_adds_video(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.medias = lab.b.medias = [AVP, VIDEO]
    lab.play("""
                    INVITE sdp <-- b
                    100 --> b
        a <-- INVITE sdp
        a --> 200 sdp
                    200 sdp --> b
                    ACK <-- b
        a <-- ACK
    """)
    assert kinds(lab) == ["audio", "audio", "video", "video"]
    lab.play(BYE)


def test_video_that_is_refused_by_a_zero_port(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.medias, lab.b.medias = [AVP, VIDEO], [AVP, NO_VIDEO]
    lab.play(REINVITE)
    assert sdp_of(lab.a, "200 sdp").medias[1].rejected
    assert (kinds(lab), taken(lab)) == (["audio", "audio"], 2)
    lab.play(BYE)


@pytest.mark.parametrize("code", [488, 415, 500, 603])
def test_video_that_is_refused_by_a_code(lab: Lab, code: int) -> None:
    lab.play(CALL)
    lab.a.medias = [AVP, VIDEO]
    lab.a.media_port = 44000
    lab.play(REFUSED.replace("488", str(code)))
    assert (kinds(lab), taken(lab), remotes(lab)) == (["audio", "audio"], 2, [40000, 40000])
    lab.play(BYE)


def test_voice_is_put_on_hold_while_video_flows(lab: Lab) -> None:
    lab.a.medias = lab.b.medias = [AVP, VIDEO]
    lab.play(CALL)
    lab.a.medias = [AVP + "\na=sendonly", VIDEO]
    lab.b.medias = [AVP + "\na=recvonly", VIDEO]
    lab.play(REINVITE)
    assert [stream.sends for stream in lab.plane.streams] == [False, True, True, True]
    assert [str(record.state) for record in lab.calls.records] == ["start", "start"]
    lab.play(BYE)


def test_a_second_voice_stream(lab: Lab) -> None:
    lab.a.medias = lab.b.medias = [AVP, AMR]
    lab.play(CALL)
    assert kinds(lab) == ["audio"] * 4
    lab.a.medias = lab.b.medias = ["audio 0 RTP/AVP 0", AMR]
    lab.play(REINVITE)
    assert (kinds(lab), remotes(lab)) == (["audio"] * 2, [40002, 40002])
    lab.play(BYE)


# --- other kinds


@pytest.mark.parametrize(("media", "kind", "raw"), [(TEXT, "text", False), (FAX, "image", True)])
def test_text_and_fax_are_anchored_line_by_line(lab: Lab, media: str, kind: str, raw: bool) -> None:
    lab.a.medias = lab.b.medias = [AMR, media]
    lab.play(CALL)
    assert kinds(lab) == ["audio", "audio", kind, kind]
    assert [stream.raw for stream in lab.plane.streams] == [False, False, raw, raw]
    for found in (sdp_of(lab.b, "INVITE").medias[1], sdp_of(lab.a, "200 sdp").medias[1]):
        assert list(found.lines) == media.splitlines()[1:]
        assert found.port in {stream.port for stream in lab.plane.streams}
    lab.play(BYE)


def test_voice_becomes_fax_and_voice_again(lab: Lab) -> None:
    lab.play(CALL)
    lab.b.medias = lab.a.medias = [FAX]
    lab.play("""
                    INVITE sdp <-- b
                    100 --> b
        a <-- INVITE sdp
        a --> 200 sdp
                    200 sdp --> b
                    ACK <-- b
        a <-- ACK
    """)
    assert (kinds(lab), [stream.raw for stream in lab.plane.streams]) == (["image", "image"], [True, True])
    lab.a.medias = lab.b.medias = [AVP]
    lab.play(REINVITE)
    assert (kinds(lab), [stream.raw for stream in lab.plane.streams]) == (["audio", "audio"], [False, False])
    assert taken(lab) == 2
    lab.play(BYE)


def test_a_refused_change_from_voice_to_fax_leaves_voice(lab: Lab) -> None:
    lab.play(CALL)
    streams = list(lab.plane.streams)
    lab.a.medias = [FAX]
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    assert taken(lab) == 4
    lab.play("""
                    488 <-- b
                    ACK --> b
        a <-- 488
        a --> ACK
    """)
    assert (lab.plane.streams, taken(lab)) == (streams, 2)
    lab.b.medias = ["image 0 udptl t38"]
    lab.play(REINVITE)
    assert (kinds(lab), taken(lab)) == ([], 0)
    lab.play(BYE)


def test_a_call_that_ends_while_its_media_changes(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.medias = [FAX]
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
        a --> BYE
        ...
        a --> ACK
                    200 BYE <-- b
                    487 <-- b
        ...
    """)
    assert taken(lab) == 0


def test_no_ports_for_fax_leave_voice(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(ports=(10000, 10006))
    lab.play(CALL)
    lab.a.medias = [FAX]
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 503
        a --> ACK
    """)
    assert (kinds(lab), taken(lab)) == (["audio", "audio"], 2)
    lab.play(BYE)


def test_what_runs_over_tcp_goes_from_phone_to_phone(lab: Lab) -> None:
    lab.a.medias = lab.b.medias = [AMR, MSRP]
    lab.play(CALL)
    passed = sdp_of(lab.b, "INVITE").medias[1]
    assert passed.port == 40002
    assert "c=IN IP4 192.0.2.11" in passed.lines
    assert "a=path:msrp://192.0.2.11:40002/s1;tcp" in passed.lines
    assert kinds(lab) == ["audio", "audio"]
    lab.play(BYE)


def test_a_call_of_files_alone(lab: Lab) -> None:
    lab.a.medias = lab.b.medias = [MSRP]
    lab.play(CALL)
    assert (kinds(lab), taken(lab)) == ([], 0)
    lab.play(BYE)


def test_a_media_of_no_known_kind_is_carried(lab: Lab) -> None:
    lab.a.medias = lab.b.medias = [AVP, "application {port} UDP/BFCP *\na=floorctrl:c-only"]
    lab.play(CALL)
    assert kinds(lab) == ["audio", "audio", "application", "application"]
    assert "a=floorctrl:c-only" in sdp_of(lab.b, "INVITE").medias[1].lines
    lab.play(BYE)


# --- answers that are not as they should be


def test_an_answer_with_fewer_medias_than_the_offer(lab: Lab) -> None:
    lab.a.medias, lab.b.medias = [AVP, VIDEO], [AVP]
    lab.play(CALL)
    answer = sdp_of(lab.a, "200 sdp")
    assert kinds(lab) == ["audio", "audio"]
    assert [media.port for media in answer.medias][1:] in ([], [0])
    lab.play(BYE)


def test_an_answer_with_more_medias_than_the_offer(lab: Lab) -> None:
    lab.a.medias, lab.b.medias = [AVP], [AVP, VIDEO]
    lab.play(CALL)
    assert [media.port for media in sdp_of(lab.a, "200 sdp").medias][1:] in ([], [0])
    assert kinds(lab) == ["audio", "audio"]
    lab.play(BYE)


def test_an_answer_without_sdp_withdraws_the_offer(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.medias = [AVP, VIDEO]
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
    """)
    assert (kinds(lab), taken(lab)) == (["audio", "audio"], 2)
    lab.play(BYE)


def test_an_offer_that_all_medias_of_are_gone(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.medias = lab.b.medias = ["audio 0 RTP/AVP 0"]
    lab.play(REINVITE)
    assert (kinds(lab), taken(lab)) == ([], 0)
    lab.a.medias = lab.b.medias = [AVP]
    lab.play(REINVITE)
    assert (kinds(lab), taken(lab)) == (["audio", "audio"], 2)
    lab.play(BYE)


# --- SDP that does not parse


BAD = [b"v=1\r\n", b"\x00\xff\xfe", b"v=0\r\nm=audio RTP/AVP\r\n", b"m=audio 4000 RTP/AVP 0\r\n"]


@pytest.mark.parametrize("body", BAD)
def test_a_bad_first_offer_reaches_nobody(lab: Lab, body: bytes) -> None:
    lab.a.bend = with_body(body)
    lab.play("""
        a --> INVITE sdp
        ...
        a --> ACK
    """)
    assert lab.a.last().code in (400, 488)
    assert not lab.b.inbox
    assert taken(lab) == 0


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("body", BAD)
def test_a_bad_offer_in_the_call_leaves_the_other_side_alone(lab: Lab, body: bytes, method: str) -> None:
    lab.play(CALL)
    heard = len(lab.b.inbox)
    lab.a.bend = with_body(body)
    lab.play(f"""
        a --> {method} sdp
        ...
    """)
    assert lab.a.last().code in (400, 488)
    if method == "INVITE":
        lab.play("a --> ACK")
    assert (len(lab.b.inbox), kinds(lab)) == (heard, ["audio", "audio"])
    lab.play(REINVITE)
    lab.play(BYE)


def test_a_body_that_is_no_sdp_is_refused(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.bend = with_body(b"<xml/>", "application/xml")
    lab.play(f"""
        a --> INVITE sdp
        ...
        a --> ACK
        {BYE}
    """)
    assert lab.a.last("415").get("accept") == "application/sdp"


def test_a_bad_answer_to_an_update_changes_nothing(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.medias = [AVP, VIDEO]
    lab.b.bend = with_body(b"v=1\r\n")
    lab.play("""
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 500 UPDATE
    """)
    assert (kinds(lab), taken(lab)) == (["audio", "audio"], 2)
    lab.play(BYE)


def test_an_offer_without_media_that_can_be_carried_is_488_with_a_warning(lab: Lab) -> None:
    lab.a.medias = ["audio 0 RTP/AVP 0"]
    lab.play("""
        a --> INVITE sdp
        ...
        a --> ACK
    """)
    assert lab.a.last("488").get("warning").startswith("304 192.0.2.1")
    assert not lab.b.inbox


# --- ports


def test_no_ports_for_a_call(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(ports=(10000, 10004))
    lab.play(CALL)
    c = lab.phone("c", "3", "192.0.2.13")
    c.target = "tel:+49302"
    lab.play("""
        c --> INVITE sdp
        ...
        c --> ACK
    """)
    assert c.last("503").get("retry-after") == "10"
    lab.play(f"""
        {BYE}
        c --> INVITE sdp
        c <-- 100
                    INVITE sdp --> b
                    486 <-- b
                    ACK --> b
        c <-- 486
        c --> ACK
    """)


def test_no_ports_for_video_leave_the_call_as_it_is(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(ports=(10000, 10006))
    lab.play(CALL)
    heard = len(lab.b.inbox)
    lab.a.medias = [AVP, VIDEO]
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 503
        a --> ACK
        a --> UPDATE sdp
        a <-- 503 UPDATE
    """)
    assert lab.a.last("503").get("retry-after") == "10"
    assert (len(lab.b.inbox), kinds(lab), taken(lab)) == (heard, ["audio", "audio"], 2)
    lab.a.medias = [AVP]
    lab.play(REINVITE)
    lab.play(BYE)


def test_ports_that_fail_for_another_reason(lab: Lab) -> None:
    lab.plane.fail = PortsExhausted("all taken")
    lab.play("""
        a --> INVITE sdp
        ...
        a --> ACK
    """)
    assert lab.a.last("503").get("retry-after")
    assert taken(lab) == 0

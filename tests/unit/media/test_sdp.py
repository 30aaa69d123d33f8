"""SDP bytes to values and back (RFC 8866, 3264 8.4, 3605), and no crash on what is not SDP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.errors import ProtocolError
from lteims.media.codec import RtpMap, fmtp_parameters
from lteims.media.sdp import MAX_MEDIAS, Direction, Origin, Sdp, SdpError

PHONE = b"""v=0
o=user 4858 1 IN IP6 2001:db8::20
s=QC VOIP
c=IN IP6 2001:db8::20
b=AS:58
t=0 0
a=X-vendor:thing
m=audio 50020 RTP/AVP 104 110 102 100
i=voice
b=AS:41
b=RS:512
b=RR:1537
a=rtpmap:104 AMR-WB/16000/1
a=fmtp:104 mode-change-capability=2;max-red=0
a=rtpmap:110 EVS/16000
a=fmtp:110 br=5.9-13.2; bw=nb-swb
a=rtpmap:102 AMR/8000
a=rtpmap:100 telephone-event/16000
a=fmtp:100 0-15
a=curr:qos local none
a=des:qos mandatory local sendrecv
a=des:qos none remote sendrecv
a=sendrecv
a=maxptime:240
y=unknown line
m=video 50030/2 RTP/AVPF 97
c=IN IP4 192.0.2.7/127/3
a=rtpmap:97 H264/90000
a=rtcp:50099 IN IP4 192.0.2.8
a=rtcp-mux
a=recvonly
""".replace(b"\n", b"\r\n")


def test_round_trip_keeps_every_byte() -> None:
    assert Sdp.parse(PHONE).encode() == PHONE


def test_bare_line_feeds_and_foreign_charsets() -> None:
    body = PHONE.replace(b"\r\n", b"\n").replace(b"QC VOIP", b"caf\xe9")
    assert Sdp.parse(body).encode() == body.replace(b"\n", b"\r\n")


def test_session() -> None:
    sdp = Sdp.parse(PHONE)
    assert sdp.origin == Origin("user", 4858, 1, "2001:db8::20")
    assert sdp.connection == "2001:db8::20"
    assert sdp.bandwidth == {"AS": 58}
    assert sdp.attribute("X-vendor") == "thing"
    assert sdp.attribute("absent") is None


def test_medias() -> None:
    sdp = Sdp.parse(PHONE)
    audio, video = sdp.medias
    assert (audio.kind, audio.port, audio.count, audio.proto) == ("audio", 50020, 1, "RTP/AVP")
    assert (video.kind, video.port, video.count, video.formats) == ("video", 50030, 2, ("97",))
    assert audio.bandwidth == {"AS": 41, "RS": 512, "RR": 1537}
    assert audio.attribute_values("des") == ["qos mandatory local sendrecv", "qos none remote sendrecv"]
    assert list(audio.rtpmaps.values()) == [
        RtpMap(104, "AMR-WB", 16000),
        RtpMap(110, "EVS", 16000),
        RtpMap(102, "AMR", 8000),
        RtpMap(100, "telephone-event", 16000),
    ]
    assert audio.fmtp(110) == "br=5.9-13.2; bw=nb-swb"
    assert fmtp_parameters(audio.fmtp(110)) == {"br": "5.9-13.2", "bw": "nb-swb"}
    assert audio.fmtp(102) == ""
    assert not audio.rtcp_mux
    assert video.rtcp_mux


def test_addresses() -> None:
    sdp = Sdp.parse(PHONE)
    audio, video = sdp.medias
    assert sdp.rtp_addr(audio) == ("2001:db8::20", 50020)
    assert sdp.rtcp_addr(audio) == ("2001:db8::20", 50021)
    assert sdp.rtp_addr(video) == ("192.0.2.7", 50030)
    assert sdp.rtcp_addr(video) == ("192.0.2.8", 50099)


def test_static_payload_types_need_no_rtpmap() -> None:
    media = Sdp.parse(b"v=0\nm=audio 9 RTP/AVP 8 0 96 x\n").medias[0]
    assert [entry.encoding for entry in media.rtpmaps.values()] == ["PCMA", "PCMU"]


@pytest.mark.parametrize(
    ("session", "media", "expected"),
    [
        ("", "", "sendrecv"),
        ("a=sendonly\n", "", "sendonly"),
        ("a=sendonly\n", "a=recvonly\n", "recvonly"),
        ("c=IN IP4 0.0.0.0\n", "", "sendonly"),
        ("c=IN IP4 0.0.0.0\n", "a=recvonly\n", "inactive"),
        ("c=IN IP4 0.0.0.0\n", "a=sendonly\n", "sendonly"),
        ("c=IN IP4 192.0.2.1\n", "c=IN IP6 ::\n", "sendonly"),
        ("", "c=IN IP6 hold.invalid\n", "sendonly"),
        ("c=IN IP4 192.0.2.1\n", "a=inactive\n", "inactive"),
    ],
)
def test_direction(session: str, media: str, expected: str) -> None:
    sdp = Sdp.parse(f"v=0\n{session}m=audio 4000 RTP/AVP 0\n{media}".encode())
    assert sdp.direction_of(sdp.medias[0]) == expected
    if "0.0.0.0" in session:
        assert sdp.rtp_addr(sdp.medias[0]) is None


def test_directions_mirror() -> None:
    assert [word.mirrored() for word in Direction] == ["sendrecv", "recvonly", "sendonly", "inactive"]


def test_rejected_media_has_no_address() -> None:
    sdp = Sdp.parse(b"v=0\nc=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 0\n")
    assert sdp.medias[0].rejected
    assert sdp.rtp_addr(sdp.medias[0]) is None


def test_changed_copies() -> None:
    media = Sdp.parse(PHONE).medias[0]
    changed = media.with_direction(Direction.INACTIVE).with_attribute("maxptime", "40").with_connection("192.0.2.9")
    assert [line for line in changed.lines if line not in media.lines] == [
        "c=IN IP4 192.0.2.9",
        "a=inactive",
        "a=maxptime:40",
    ]
    assert changed.lines[:2] == ("i=voice", "c=IN IP4 192.0.2.9")
    assert media.with_attribute("new").lines[-1] == "a=new"
    assert changed.without_attributes(frozenset({"des"})).attribute("des") is None
    assert media == Sdp.parse(PHONE).medias[0]
    two = Sdp.parse(b"v=0\nm=audio 9 RTP/AVP 0\na=sendonly\na=ptime:20\na=inactive\na=ptime:40\n").medias[0]
    assert two.with_direction(Direction.SENDRECV).with_attribute("ptime", "30").lines == ("a=sendrecv", "a=ptime:30")


def test_lines_go_where_the_grammar_wants_them() -> None:
    sdp = Sdp.parse(b"v=0\nt=0 0\nm=audio 9 RTP/AVP 0\n").with_line("s=-").with_line("o=- 1 1 IN IP4 192.0.2.1")
    assert sdp.with_line("c=IN IP4 192.0.2.1").lines == (
        "v=0",
        "o=- 1 1 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
    )
    assert sdp.with_media(0, sdp.medias[0].with_port(4000)).medias[0].m_line() == "m=audio 4000 RTP/AVP 0"


def test_origin() -> None:
    origin = Origin("", 7, 1, "2001:db8::1")
    assert origin.encode() == "- 7 1 IN IP6 2001:db8::1"
    assert origin.raised().version == 2
    assert Origin.parse("- x 1 IN IP4 192.0.2.1") is None
    assert Origin.parse("- 1 1") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n",
        b"v=0\r\nm=audio\r\n",
        b"v=0\r\nm=audio 1 \r\n",
        b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n",
        b"v=0\r\nm=audio -1 RTP/AVP 0\r\n",
        b"v=0\r\nm=audio 1_0 RTP/AVP 0\r\n",
        "v=0\r\nm=audio ١٢ RTP/AVP 0\r\n".encode(),
        b"v=0\r\nm=audio 4000/0 RTP/AVP 0\r\n",
        b'v=0\r\nm=au"dio 4000 RTP/AVP 0\r\n',
        b"v=0\r\nc=IN IP5 192.0.2.1\r\n",
        b"v=0\r\nc=192.0.2.1\r\n",
        b"v=0\r\nnonsense\r\n",
        b"v=0\r\na=\0\r\n",
        b"v=0\r\ns=a\rb\r\n",
        b"v=0\r\n" + b"m=audio 4000 RTP/AVP 0\r\n" * (MAX_MEDIAS + 1),
    ],
)
def test_garbage_is_an_sdp_error(body: bytes) -> None:
    with pytest.raises(SdpError) as caught:
        Sdp.parse(body)
    assert isinstance(caught.value, ProtocolError)
    assert caught.value.code == 400


def test_odd_attributes_are_kept_and_not_understood() -> None:
    lines = b"a=rtpmap:\r\na=rtpmap:300 X/8000\r\na=rtpmap:96\r\na=rtpmap:97 X\r\na=rtpmap:98 Y/zero\r\na=rtcp:\r\n"
    sdp = Sdp.parse(b"v=0\r\nc=IN IP4 192.0.2.1\r\nb=AS:x\r\nm=audio 65535 RTP/AVP 96 97 98\r\n" + lines)
    assert sdp.medias[0].rtpmaps == {}
    assert sdp.bandwidth == {}
    assert sdp.rtcp_addr(sdp.medias[0]) is None  # there is no port above 65535
    assert sdp.encode().endswith(lines)
    assert RtpMap.parse("10 L16/44100/2") == RtpMap(10, "L16", 44100, 2)
    assert RtpMap(10, "L16", 44100, 2).encode() == "10 L16/44100/2"


@given(st.binary(max_size=200))
def test_any_bytes(tail: bytes) -> None:
    for body in (tail, b"v=0\r\n" + tail, PHONE[: len(tail) * 4] + tail + PHONE[len(tail) * 4 :]):
        try:
            sdp = Sdp.parse(body)
        except SdpError:
            continue
        assert Sdp.parse(sdp.encode()) == sdp
        assert sdp.origin is None or sdp.origin.encode()
        for media in sdp.medias:
            assert media.rtpmaps is not None
            assert sdp.direction_of(media) in Direction
            assert sdp.rtcp_addr(media) is None or sdp.rtp_addr(media)

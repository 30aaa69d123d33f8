"""The server's own descriptions (RFC 3264): a peer's SDP anchored, and the answer of the echo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.media.offer_answer import Refusal, anchorable, anchored, echo_answer, echoable, is_rtp, passes_through
from lteims.media.sdp import Origin, Sdp, SdpError

ORIGIN = Origin("-", 100, 2, "192.0.2.1")


def sdp(text: str) -> Sdp:
    return Sdp.parse(text.strip().encode())


def lines(description: Sdp | Refusal) -> list[str]:
    assert isinstance(description, Sdp)
    return description.encode().decode().splitlines()


VOLTE = """
v=0
o=- 1 1 IN IP6 2001:db8::20
s=phone
c=IN IP6 2001:db8::20
t=0 0
a=ice-ufrag:F7gI
a=group:BUNDLE a v
a=group:LS a v
a=fingerprint:sha-256 00:11
m=audio 50020 RTP/AVP 104 102 100 101
b=AS:41
a=rtpmap:104 AMR-WB/16000/1
a=fmtp:104 mode-change-capability=2
a=rtpmap:102 AMR/8000
a=rtpmap:100 telephone-event/8000
a=rtpmap:101 telephone-event/16000
a=fmtp:101 0-15
a=candidate:1 1 UDP 1 10.0.0.1 8998 typ host
a=rtcp:50099 IN IP6 2001:db8::20
a=rtcp-mux
a=setup:actpass
a=curr:qos local none
a=ptime:20
a=sendonly
a=mid:a
m=video 50030 RTP/AVPF 97 98
c=IN IP6 2001:db8::21
a=rtpmap:97 H265/90000
a=rtpmap:98 H264/90000
a=rtcp-fb:* nack
a=rtcp-fb:98 ccm fir
m=message 9 TCP/MSRP *
a=path:msrp://10.0.0.1:9/x;tcp
m=audio 0 RTP/AVP 0
"""


def test_anchored_changes_addresses_and_nothing_else() -> None:
    before = sdp(VOLTE)
    after = anchored(before, ORIGIN, "192.0.2.1", [10000, 10002, 0, 10004])
    gone = [line for line in lines(before) if line not in lines(after)]
    new = [line for line in lines(after) if line not in lines(before)]
    assert new == [
        "o=- 100 2 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "m=audio 10000 RTP/AVP 104 102 100 101",
        "m=video 10002 RTP/AVPF 97 98",
        "c=IN IP4 192.0.2.1",
        "m=message 0 TCP/MSRP *",
    ]
    assert gone == [
        "o=- 1 1 IN IP6 2001:db8::20",
        "s=phone",
        "c=IN IP6 2001:db8::20",
        "a=ice-ufrag:F7gI",
        "a=group:BUNDLE a v",
        "a=fingerprint:sha-256 00:11",
        "m=audio 50020 RTP/AVP 104 102 100 101",
        "a=candidate:1 1 UDP 1 10.0.0.1 8998 typ host",
        "a=rtcp:50099 IN IP6 2001:db8::20",
        "a=rtcp-mux",
        "a=setup:actpass",
        "m=video 50030 RTP/AVPF 97 98",
        "c=IN IP6 2001:db8::21",
        "m=message 9 TCP/MSRP *",
    ]
    assert [media.port for media in after.medias] == [10000, 10002, 0, 0]
    assert [anchorable(media) for media in before.medias] == [True, True, False, False]


def test_anchored_keeps_dtls_keys_of_dtls_media() -> None:
    before = sdp("""
v=0
c=IN IP4 10.0.0.1
a=fingerprint:sha-256 00:11
m=audio 4000 UDP/TLS/RTP/SAVP 0
a=setup:actpass
a=ice-pwd:x
""")
    after = lines(anchored(before, ORIGIN, "2001:db8::1", [10000]))
    assert "a=fingerprint:sha-256 00:11" in after
    assert "a=setup:actpass" in after
    assert "a=ice-pwd:x" not in after
    assert "c=IN IP6 2001:db8::1" in after


def test_anchored_says_hold_in_words() -> None:
    before = sdp("v=0\nc=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 0\na=recvonly\n")
    after = anchored(before, ORIGIN, "192.0.2.1", [10000, 10002])
    assert after.connection == "192.0.2.1"
    assert [after.direction_of(media) for media in after.medias] == ["sendonly", "inactive"]


def test_anchored_adds_the_connection_that_was_missing() -> None:
    after = anchored(sdp("v=0\nm=audio 4000 RTP/AVP 0\n"), ORIGIN, "192.0.2.1", [10000])
    assert lines(after)[:4] == ["v=0", "o=- 100 2 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1"]
    own = anchored(sdp("v=0\nm=audio 4000/2 RTP/AVP 0\nc=IN IP4 10.0.0.1\n"), ORIGIN, "192.0.2.1", [10000])
    assert lines(own)[3:] == ["m=audio 10000 RTP/AVP 0", "c=IN IP4 192.0.2.1"]


def test_ports_must_match_the_medias() -> None:
    for make in (anchored, echo_answer):
        with pytest.raises(ValueError, match="0 ports for 4 m= lines"):
            make(sdp(VOLTE), ORIGIN, "192.0.2.1", [])


def test_echo_takes_the_first_codec_and_its_event() -> None:
    offer = sdp(VOLTE)
    assert [echoable(media) for media in offer.medias] == [True, True, False, False]
    assert lines(echo_answer(offer, ORIGIN, "192.0.2.1", [10000, 10002, 0, 0])) == [
        "v=0",
        "o=- 100 2 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 10000 RTP/AVP 104 101",
        "b=AS:41",
        "a=rtpmap:104 AMR-WB/16000/1",
        "a=fmtp:104 mode-change-capability=2",
        "a=rtpmap:101 telephone-event/16000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=recvonly",
        "m=video 10002 RTP/AVPF 97",
        "a=rtpmap:97 H265/90000",
        "a=rtcp-fb:* nack",
        "a=sendrecv",
        "m=message 0 TCP/MSRP *",
        "m=audio 0 RTP/AVP 0",
    ]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_echo_mirrors_the_direction(direction: str, expected: str) -> None:
    offer = sdp(f"v=0\nc=IN IP4 10.0.0.1\na={direction}\nm=audio 4000 RTP/AVP 0 8\n")
    answer = echo_answer(offer, ORIGIN, "192.0.2.1", [10000])
    assert lines(answer)[5:] == ["m=audio 10000 RTP/AVP 0", f"a={expected}"]


def test_echo_without_an_event_of_the_same_clock() -> None:
    offer = sdp("v=0\nm=audio 4000 RTP/AVP 100 13 96\na=rtpmap:100 telephone-event/8000\na=rtpmap:96 AMR-WB/16000\n")
    answer = echo_answer(offer, ORIGIN, "192.0.2.1", [10000])
    assert "m=audio 10000 RTP/AVP 96" in lines(answer)


def test_echo_of_real_time_text() -> None:
    offer = sdp("v=0\nm=text 4000 RTP/AVP 100 98\na=rtpmap:98 t140/1000\na=rtpmap:100 red/1000\na=fmtp:100 98/98\n")
    assert lines(echo_answer(offer, ORIGIN, "192.0.2.1", [10000]))[5:] == [
        "m=text 10000 RTP/AVP 98",
        "a=rtpmap:98 t140/1000",
        "a=sendrecv",
    ]


@pytest.mark.parametrize(
    ("media", "warning"),
    [
        ("m=audio 4000 RTP/SAVP 0\n", 302),
        ("m=application 4000 UDP/BFCP *\n", 304),
        ("m=audio 0 RTP/AVP 0\n", 304),
        ("m=audio 4000 RTP/AVP 96\n", 305),
        ("m=audio 4000 RTP/AVP\n", 305),
        ("m=audio 4000 RTP/AVP 96 13\na=rtpmap:96 telephone-event/8000\n", 305),
        ("", 304),
    ],
)
def test_echo_refuses(media: str, warning: int) -> None:
    offer = sdp("v=0\nc=IN IP4 10.0.0.1\n" + media)
    refusal = echo_answer(offer, ORIGIN, "192.0.2.1", [10000] * len(offer.medias))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.warning) == (488, warning)
    assert refusal.reason


def test_echo_without_ports_refuses() -> None:
    refusal = echo_answer(sdp("v=0\nm=audio 4000 RTP/AVP 0\n"), ORIGIN, "192.0.2.1", [0])
    assert isinstance(refusal, Refusal)


@given(st.lists(st.tuples(st.integers(0, len(VOLTE)), st.binary(max_size=6)), max_size=4))
def test_any_mutation(changes: list[tuple[int, bytes]]) -> None:
    body = VOLTE.strip().encode()
    for place, octets in changes:
        body = body[:place] + octets + body[place + len(octets) :]
    try:
        offer = Sdp.parse(body)
    except SdpError:
        return
    ports = [10000 + 2 * n for n in range(len(offer.medias))]
    relayed = Sdp.parse(anchored(offer, ORIGIN, "192.0.2.1", ports).encode())
    assert len(relayed.medias) == len(offer.medias)
    assert all(relayed.address_of(media) == "192.0.2.1" for media in relayed.medias)
    answer = echo_answer(offer, ORIGIN, "192.0.2.1", ports)
    if isinstance(answer, Sdp):
        assert Sdp.parse(answer.encode()) == answer


VIDEO_PHONE = """
v=0
o=- 1 1 IN IP6 2001:db8::20
s=-
c=IN IP6 2001:db8::20
b=AS:1200
t=0 0
a=csup:med-v0
a=creq:cap-v0
m=audio 50020 RTP/AVP 106 104 102 101 100
b=AS:49
b=RS:600
b=RR:2000
a=tcap:1 RTP/AVPF
a=pcfg:1 t=1
a=acap:1 rtcp-fb:* nack
a=acfg:1 t=1
a=rtpmap:106 EVS/16000/1
a=fmtp:106 br=5.9-24.4;bw=nb-swb;cmr=0;ch-aw-recv=2;max-red=220
a=rtpmap:104 AMR-WB/16000/1
a=fmtp:104 mode-set=0,1,2;mode-change-period=2;mode-change-capability=2;mode-change-neighbor=1;octet-align=1
a=rtpmap:102 AMR/8000/1
a=fmtp:102 mode-set=7;max-red=0
a=rtpmap:101 telephone-event/16000
a=fmtp:101 0-15
a=rtpmap:100 telephone-event/8000
a=fmtp:100 0-15
a=ptime:20
a=maxptime:240
a=curr:qos local none
a=curr:qos remote none
a=des:qos mandatory local sendrecv
a=des:qos none remote sendrecv
a=anbr
m=video 50022 RTP/AVPF 113 114
b=AS:960
a=rtpmap:113 H265/90000
a=fmtp:113 profile-id=1;level-id=93;sprop-vps=QAEMAf//AWAAAAMA;sprop-sps=QgEBAWAA;sprop-pps=RAHA
a=rtpmap:114 H264/90000
a=fmtp:114 profile-level-id=42C01E;packetization-mode=1;sprop-parameter-sets=Z0KAHpWg,aM46gA==
a=imageattr:114 send [x=640,y=480] recv [x=640,y=480]
a=rtcp-fb:* ccm tmmbr
a=extmap:4 urn:3gpp:video-orientation
m=text 50024 RTP/AVP 98 99
a=rtpmap:98 red/1000
a=fmtp:98 99/99/99
a=rtpmap:99 t140/1000
a=fmtp:99 cps=30
"""


def test_a_volte_phones_parameters_are_kept() -> None:
    before, after = lines(sdp(VIDEO_PHONE)), lines(anchored(sdp(VIDEO_PHONE), ORIGIN, "192.0.2.1", [10, 12, 14]))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [
        ("o=- 1 1 IN IP6 2001:db8::20", "o=- 100 2 IN IP4 192.0.2.1"),
        ("c=IN IP6 2001:db8::20", "c=IN IP4 192.0.2.1"),
        ("m=audio 50020 RTP/AVP 106 104 102 101 100", "m=audio 10 RTP/AVP 106 104 102 101 100"),
        ("m=video 50022 RTP/AVPF 113 114", "m=video 12 RTP/AVPF 113 114"),
        ("m=text 50024 RTP/AVP 98 99", "m=text 14 RTP/AVP 98 99"),
    ]


@pytest.mark.parametrize(
    ("line", "carried", "rtp"),
    [
        ("audio 4000 RTP/AVP 0", True, True),
        ("video 4000 rtp/savpf 96", True, True),
        ("audio 4000 UDP/TLS/RTP/SAVPF 111", True, True),
        ("hologram 4000 RTP/XYZ 96", True, True),
        ("image 4000 udptl t38", True, False),
        ("image 4000 UDP/TLS/UDPTL t38", True, False),
        ("application 4000 UDP/BFCP *", True, False),
        ("application 4000 UDP/DTLS/SCTP webrtc-datachannel", True, False),
        ("application 4000 DTLS/SCTP 5000", True, False),
        ("message 4000 UDP/X *", True, False),
        ("application 4000 udp wb", True, False),
        ("message 9 TCP/MSRP *", False, False),
        ("message 9 TCP/TLS/MSRP *", False, False),
        ("audio 9 TCP/RTP/AVP 0", False, False),
        ("application 4000 SCTP/DTLS 5000", False, False),
        ("audio 4000 AAL2/ITU 0", False, False),
    ],
)
def test_what_can_be_anchored(line: str, carried: bool, rtp: bool) -> None:
    media = sdp(f"v=0\nm={line}").medias[0]
    assert (anchorable(media), passes_through(media), is_rtp(media)) == (carried, not carried, rtp)
    rejected = media.with_port(0)
    assert not anchorable(rejected)
    assert not passes_through(rejected)


MSRP = """
v=0
o=- 1 1 IN IP4 10.0.0.1
s=-
c=IN IP4 10.0.0.1
t=0 0
a=setup:actpass
a=ice-lite
m=audio 4000 RTP/AVP 0
m=message 2855 TCP/TLS/MSRP *
a=path:msrps://10.0.0.1:2855/x;tcp
a=connection:new
a=fingerprint:sha-256 00:11
m=image 4002 udptl t38
a=T38FaxVersion:0
m=message 2856 TCP/MSRP *
c=IN IP4 10.0.0.2
"""


def test_what_passes_through_keeps_its_authors_address() -> None:
    after = anchored(sdp(MSRP), ORIGIN, "192.0.2.1", [10000, None, 10002, None])
    assert lines(after) == [
        "v=0",
        "o=- 100 2 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "a=setup:actpass",
        "m=audio 10000 RTP/AVP 0",
        "m=message 2855 TCP/TLS/MSRP *",
        "c=IN IP4 10.0.0.1",
        "a=path:msrps://10.0.0.1:2855/x;tcp",
        "a=connection:new",
        "a=fingerprint:sha-256 00:11",
        "m=image 10002 udptl t38",
        "a=T38FaxVersion:0",
        "m=message 2856 TCP/MSRP *",
        "c=IN IP4 10.0.0.2",
    ]


def test_what_passes_through_without_any_address() -> None:
    bare = sdp("v=0\nm=message 9 TCP/MSRP *\na=path:x\nm=message 0 TCP/MSRP *\n")
    after = anchored(bare, ORIGIN, "192.0.2.1", [None, None])
    assert lines(after)[4:] == ["m=message 9 TCP/MSRP *", "a=path:x", "m=message 0 TCP/MSRP *"]


@pytest.mark.parametrize(
    "media",
    [
        "m=application 4000 UDP/DTLS/SCTP webrtc-datachannel\na=sctp-port:5000\n",
        "m=image 4000 UDP/TLS/UDPTL t38\n",
        "m=audio 4000 RTP/AVP 0\na=tcap:1 UDP/TLS/RTP/SAVP RTP/AVPF\na=pcfg:1 t=1\n",
    ],
)
def test_keys_stay_where_dtls_may_be_used(media: str) -> None:
    before = sdp(f"v=0\nc=IN IP4 10.0.0.1\na=fingerprint:sha-256 00:11\n{media}a=setup:actpass\na=tls-id:1\n")
    after = lines(anchored(before, ORIGIN, "192.0.2.1", [10000]))
    assert "a=fingerprint:sha-256 00:11" in after
    assert after[-2:] == ["a=setup:actpass", "a=tls-id:1"]


def test_a_choice_of_dtls_for_the_whole_session_keeps_the_keys() -> None:
    before = sdp("v=0\na=tcap:1 UDP/TLS/RTP/SAVP\nm=audio 4000 RTP/AVP 0\na=fingerprint:sha-256 00:11\n")
    assert lines(anchored(before, ORIGIN, "192.0.2.1", [10000]))[-1] == "a=fingerprint:sha-256 00:11"


@pytest.mark.parametrize(("address", "family"), [("0.0.0.0", "IP4"), ("::", "IP6"), ("x.invalid", "IP6")])
@pytest.mark.parametrize("place", ["session", "media"])
def test_the_echo_is_held_by_a_null_address(address: str, family: str, place: str) -> None:
    null = f"c=IN {family} {address}\n"
    head, tail = (null, "") if place == "session" else ("c=IN IP4 10.0.0.1\n", null)
    for direction, expected in (("sendrecv", "recvonly"), ("sendonly", "recvonly"), ("recvonly", "inactive")):
        offer = sdp(f"v=0\n{head}m=audio 4000 RTP/AVP 0\n{tail}a={direction}\n")
        answer = lines(echo_answer(offer, ORIGIN, "192.0.2.1", [10000]))
        assert answer[-2:] == ["m=audio 10000 RTP/AVP 0", f"a={expected}"]

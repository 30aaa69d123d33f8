"""SDP files of the operator: what they may look like, and what the server makes of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.media.precondition import offers_preconditions
from lteims.media.sdp import Origin, Sdp, SdpError
from lteims.media.template import Template

CONFIG = Path(__file__).parents[3] / "config"
SAMPLES = sorted(CONFIG.glob("*.sdp"))
ORIGIN = Origin("-", 100, 2, "192.0.2.1")

VOICE = """\
# a comment
v=0
o=tester 7 7 IN IP4 10.0.0.1
s=my call
c=IN IP4 10.0.0.1
b=AS:90
t=0 0

// another
m=audio 4000/2 RTP/AVP 96 8
a=rtpmap:96 AMR-WB/16000
a=x-lie:yes
m=video 4002 RTP/AVPF 97
c=IN IP4 10.0.0.2
a=curr:qos local none
"""


def lines(sdp: Sdp) -> list[str]:
    return sdp.encode().decode().splitlines()


def offer_of(*medias: str) -> Sdp:
    return Sdp.parse(("v=0\nc=IN IP4 10.0.0.9\nt=5 6\n" + "\n".join(medias)).encode())


def test_an_offer_keeps_the_text() -> None:
    template = Template.parse(VOICE)
    assert template.kinds == ["audio", "video"]
    assert lines(template.offer(ORIGIN, "192.0.2.1", [10000, 10002])) == [
        "v=0",
        "o=- 100 2 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "b=AS:90",
        "t=0 0",
        "m=audio 10000 RTP/AVP 96 8",
        "a=rtpmap:96 AMR-WB/16000",
        "a=x-lie:yes",
        "m=video 10002 RTP/AVPF 97",
        "c=IN IP4 192.0.2.1",
        "a=curr:qos local none",
    ]


HEADED = "INVITE sip:a@b SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n"


@pytest.mark.parametrize(
    "text",
    [
        VOICE,
        VOICE.encode(),
        VOICE.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + VOICE.encode(),
        HEADED + VOICE.replace("\n", "\r\n"),
        "".join(f"  {line} \n" for line in VOICE.splitlines()),
    ],
)
def test_forms_of_a_file(text: bytes | str) -> None:
    assert Template.parse(text) == Template.parse(VOICE)


def test_media_alone_gets_a_head() -> None:
    template = Template.parse("m=audio 0 RTP/AVP 8\nm=audio 9 RTP/AVP 8\n")
    assert lines(template.offer(ORIGIN, "2001:db8::1", [10000, 10002])) == [
        "v=0",
        "o=- 100 2 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP6 2001:db8::1",
        "t=0 0",
        "m=audio 10000 RTP/AVP 8",
        "m=audio 10002 RTP/AVP 8",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no m= line"),
        ("# nothing\n\n", "no m= line"),
        ("v=0\ns=-\n", "no m= line"),
        ("v=0\n\nm=audio x RTP/AVP 0\n", "line 3: bad port in media line"),
        ("v=0\nm=audio 4000 RTP/AVP 0\na rtpmap\n", "line 3: not an SDP line: 'a rtpmap'"),
        ("v=0\nc=IN IP4\n", "line 2: bad connection line"),
        ("hello\nm=audio 4000 RTP/AVP 0\n", "line 1: not an SDP line"),
        ("v=0\nm=audio 40\r00 RTP/AVP 0\n", "line 2: an SDP line holds neither"),
        (b"\xff\xfev\0=\0", "line 1"),
        ("v=0\ns=\ud800\n", "no text"),
        ("m=audio 1 RTP/AVP 0\n" * 33, "33 m= lines"),
    ],
)
def test_what_is_no_template(text: bytes | str, why: str) -> None:
    with pytest.raises(SdpError, match=why):
        Template.parse(text)


def test_an_answer_has_the_offers_lines() -> None:
    template = Template.parse(VOICE)
    offer = offer_of(
        "m=video 5000 RTP/AVP 34",
        "m=audio 0 RTP/AVP 0",
        "m=audio 5002 RTP/AVP 0",
        "m=audio 5004 RTP/AVP 0",
        "a=sendrecv",
        "m=text 5006 RTP/AVP 98",
    )
    matched = template.matched(offer)
    assert [own and own.kind for own in matched] == ["video", None, "audio", None, None]
    answer = template.answer(offer, ORIGIN, "192.0.2.1", [10000, 0, 10002, 0, 0])
    assert lines(answer) == [
        "v=0",
        "o=- 100 2 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "b=AS:90",
        "t=0 0",
        "m=video 10000 RTP/AVPF 97",
        "c=IN IP4 192.0.2.1",
        "a=curr:qos local none",
        "m=audio 0 RTP/AVP 0",
        "m=audio 10002 RTP/AVP 96 8",
        "a=rtpmap:96 AMR-WB/16000",
        "a=x-lie:yes",
        "m=audio 0 RTP/AVP 0",
        "m=text 0 RTP/AVP 98",
    ]


def test_an_answer_takes_the_time_of_the_offer_where_the_file_has_none() -> None:
    answer = Template.parse("m=audio 9 RTP/AVP 8").answer(offer_of("m=audio 1 RTP/AVP 8"), ORIGIN, "192.0.2.1", [2])
    assert "t=5 6" in lines(answer)


def test_equal_sections_are_taken_one_after_the_other() -> None:
    template = Template.parse("m=audio 0 RTP/AVP 8\nm=audio 0 RTP/AVP 8\n")
    offer = offer_of("m=audio 1 RTP/AVP 8", "m=audio 3 RTP/AVP 0", "m=audio 5 RTP/AVP 0")
    answer = template.answer(offer, ORIGIN, "192.0.2.1", [10000, 10002, 10004])
    assert [media.port for media in answer.medias] == [10000, 10002, 0]


@pytest.mark.parametrize(
    ("own", "offered", "expected"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendrecv", "sendonly", "recvonly"),
        ("sendrecv", "recvonly", "sendonly"),
        ("sendrecv", "inactive", "inactive"),
        ("recvonly", "sendrecv", "recvonly"),
        ("sendonly", "sendonly", "inactive"),
        ("inactive", "sendrecv", "inactive"),
    ],
)
def test_a_call_of_a_file_can_be_held(own: str, offered: str, expected: str) -> None:
    template = Template.parse(f"m=audio 9 RTP/AVP 8\na={own}\n")
    answer = template.answer(offer_of("m=audio 1 RTP/AVP 8", f"a={offered}"), ORIGIN, "192.0.2.1", [10000])
    assert lines(answer)[-2:] == ["m=audio 10000 RTP/AVP 8", f"a={expected}"]


def test_ports_must_match() -> None:
    template = Template.parse(VOICE)
    with pytest.raises(ValueError, match="1 ports for 2 m= lines"):
        template.offer(ORIGIN, "192.0.2.1", [1])
    with pytest.raises(ValueError, match="0 ports for 1 m= lines"):
        template.answer(offer_of("m=audio 1 RTP/AVP 8"), ORIGIN, "192.0.2.1", [])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples(path: Path) -> None:
    template = Template.parse(path.read_bytes())
    assert path.read_text().startswith("# ")
    offer = template.offer(ORIGIN, "192.0.2.1", [10000 + 2 * n for n in range(len(template.kinds))])
    assert Sdp.parse(offer.encode()) == offer
    for media in offer.medias:
        assert list(media.rtpmaps) == list(media.formats)
        described = {text.split(" ")[0] for text in media.attribute_values("fmtp")}
        assert described == set(media.formats)
        assert media.bandwidth.keys() == {"AS", "RS", "RR"}
    assert offers_preconditions(offer) is (path.name == "mt_call_precondition.sdp")
    audio = [entry.encoding for entry in offer.medias[0].rtpmaps.values()]
    assert audio[-4:] == ["AMR-WB", "AMR", "telephone-event", "telephone-event"]


def test_all_samples_are_there() -> None:
    expected = {"mt_call.sdp", "mt_call_evs.sdp", "mt_call_precondition.sdp", "mt_call_video.sdp"}
    assert {path.name for path in SAMPLES} >= expected


@given(st.binary(max_size=60), st.integers(0, len(VOICE)))
def test_any_file(noise: bytes, place: int) -> None:
    text = VOICE.encode()
    try:
        template = Template.parse(text[:place] + noise + text[place:])
    except SdpError:
        return
    offer = template.offer(ORIGIN, "192.0.2.1", [10000] * len(template.kinds))
    assert Sdp.parse(offer.encode()) == offer
    answer = template.answer(offer, ORIGIN, "192.0.2.1", [10000] * len(offer.medias))
    assert [media.kind for media in answer.medias] == template.kinds

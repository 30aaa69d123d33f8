"""Offers and answers of virtual phones: codecs, hold, preconditions between two of them, what is refused."""

import pytest

from lteims.media.sdp import Direction, Sdp, SdpError
from lteims.sim.profiles import G711, VOLTE
from lteims.sim.session import Session
from lteims.sip.errors import SipError


def session(codecs: tuple[tuple[str, str], ...] = VOLTE, *, preconditions: bool = False, port: int = 40000) -> Session:
    return Session("192.0.2.1", port, codecs, 7, preconditions=preconditions)


def agree(one: Session, two: Session) -> None:
    one.heard(two.answer(one.offer()))


def test_the_first_codec_that_both_have() -> None:
    one, two = session(), session((*G711, ("99 AMR/8000", "")), port=40002)
    agree(one, two)
    for each, other in ((one, two), (two, one)):
        assert each.codec is not None
        assert each.codec.rtpmap.encoding == "AMR"
        assert each.codec.rtpmap.payload_type == 102  # the offer's
        assert each.rtp == ("192.0.2.1", other._port)
        assert each.direction is Direction.SENDRECV


def test_hold_and_back() -> None:
    one, two = session(), session()
    agree(one, two)
    one.held = True
    agree(one, two)
    assert (one.direction, two.direction) == (Direction.SENDONLY, Direction.RECVONLY)
    assert two.held_by_peer
    two.held = True
    agree(two, one)
    assert (one.direction, two.direction) == (Direction.INACTIVE, Direction.INACTIVE)
    one.held = two.held = False
    agree(one, two)
    assert (one.direction, two.direction) == (Direction.SENDRECV, Direction.SENDRECV)


def test_versions_count_up() -> None:
    one = session()
    versions = [Sdp.parse(one.offer()).origin for _ in range(3)]
    assert [origin.version for origin in versions if origin] == [1, 2, 3]


def test_what_else_is_offered_is_rejected_in_its_place() -> None:
    video_first = (
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
        "m=video 5000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio 5002 RTP/AVP 8 0\r\n"
        "m=message 5004 TCP/MSRP *\r\n"
    )
    two = session(G711)
    answer = Sdp.parse(two.answer(video_first.encode()))
    assert [(media.kind, media.port) for media in answer.medias] == [("video", 0), ("audio", 40000), ("message", 0)]
    assert [(media.kind, media.port) for media in Sdp.parse(two.offer()).medias] == [
        ("video", 0), ("audio", 40000), ("message", 0)
    ]  # fmt: skip
    assert two.rtp == ("192.0.2.9", 5002)


@pytest.mark.parametrize("media", ["m=audio 5000 RTP/AVP 18", "m=video 5000 RTP/AVP 34", "m=audio 0 RTP/AVP 8"])
def test_nothing_to_talk_with(media: str) -> None:
    offer = f"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{media}\r\n".encode()
    with pytest.raises(SipError) as refused:
        session(G711).check(offer)
    assert refused.value.code == 488
    with pytest.raises(SdpError):
        session().check(b"nonsense")


def test_preconditions_between_two_phones() -> None:
    """RFC 3312 13.1: neither alerts before both bearers stand; the caller tells in a second offer."""
    one, two = session(preconditions=True), session(preconditions=True)
    offer = one.offer()
    assert two.check(offer)
    one.heard(two.answer(offer))
    assert one.negotiating
    assert two.negotiating
    assert not two.may_alert
    two.reserved()
    one.reserved()
    assert one.news
    agree(one, two)
    assert two.may_alert
    assert not one.news


def test_a_phone_without_preconditions_says_nothing_of_them() -> None:
    one, two = session(preconditions=True), session()
    offer = one.offer()
    assert b"a=des:qos" in offer
    answer = two.answer(offer)
    assert b"qos" not in answer
    one.heard(answer)
    assert not one.negotiating
    assert two.may_alert


def test_a_refused_offer_changes_nothing() -> None:
    one, two = session(preconditions=True), session(preconditions=True)
    agree(one, two)
    one.held = True
    one.offer()
    assert one.open
    one.withdrawn()
    assert not one.open

"""RTCP feedback (RFC 4585, 5104): octets, and how a request about echoed video is turned back to its sender."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.media.feedback import FIR, NACK, PLI, TMMBN, TMMBR, Feedback
from lteims.media.rtcp import PSFB, RTPFB, RtcpPacket, is_rtcp, walk
from lteims.media.rtp import RtpError

OWN, PEER = 0x0A0A0A0A, 0x0B0B0B0B


def read(data: bytes) -> Feedback:
    assert is_rtcp(data)
    (packet,) = walk(data)
    return Feedback.parse(packet)


def test_pli() -> None:
    asked = Feedback(PSFB, PLI, PEER, OWN)
    assert asked.encode().hex(" ", 4) == "81ce0002 0b0b0b0b 0a0a0a0a"
    assert read(asked.encode()) == asked
    assert asked.name == "PLI"
    assert asked.turned(OWN, PEER) == Feedback(PSFB, PLI, OWN, PEER)


def test_nack_with_the_numbers_that_the_peer_sent() -> None:
    asked = Feedback(RTPFB, NACK, PEER, OWN, bytes.fromhex("0005ffff 00000001"))
    turned = asked.turned(OWN, PEER, shift=6)
    assert turned is not None
    assert turned.encode().hex(" ", 4) == "81cd0004 0a0a0a0a 0b0b0b0b ffffffff fffa0001"
    unshifted = asked.turned(OWN, PEER)
    assert unshifted is not None
    assert unshifted.fci == asked.fci


def test_fir_and_tmmbr_name_their_source_in_entries() -> None:
    fir = Feedback(PSFB, FIR, PEER, 0, bytes.fromhex("0a0a0a0a 07000000 0c0c0c0c 08000000"))
    turned = fir.turned(OWN, PEER)
    assert turned is not None
    assert turned.encode().hex(" ", 4) == "84ce0004 0a0a0a0a 00000000 0b0b0b0b 07000000"
    for kind in (TMMBR, TMMBN):
        limit = Feedback(RTPFB, kind, PEER, 0, bytes.fromhex("0a0a0a0a 1a00e828"))
        assert limit.turned(OWN, PEER) == Feedback(RTPFB, kind, OWN, 0, bytes.fromhex("0b0b0b0b 1a00e828"))


@pytest.mark.parametrize(
    "other",
    [
        Feedback(PSFB, PLI, PEER, 0x0C0C0C0C),  # about somebody else's media
        Feedback(PSFB, FIR, PEER, OWN, bytes.fromhex("0c0c0c0c 07000000")),
        Feedback(PSFB, FIR, PEER, OWN, bytes.fromhex("0a0a0a0a")),  # cut off
        Feedback(PSFB, 15, PEER, OWN, b"REMB"),
        Feedback(RTPFB, 15, PEER, OWN, bytes(8)),
    ],
)
def test_what_an_echo_has_no_answer_to(other: Feedback) -> None:
    assert other.turned(OWN, PEER) is None


def test_no_feedback() -> None:
    for packet in (RtcpPacket(PSFB, PLI, bytes(7)), RtcpPacket(201, 1, bytes(8))):
        with pytest.raises(RtpError):
            Feedback.parse(packet)


@given(st.sampled_from([RTPFB, PSFB]), st.integers(0, 31), st.binary(max_size=60), st.integers(0, 0xFFFF))
def test_any_body(packet_type: int, count: int, body: bytes, shift: int) -> None:
    try:
        feedback = Feedback.parse(RtcpPacket(packet_type, count, body))
    except RtpError:
        assert len(body) < 8
        return
    turned = feedback.turned(feedback.media, PEER, shift)
    for one in (feedback, turned):
        if one is not None:
            assert read(one.encode()) == one

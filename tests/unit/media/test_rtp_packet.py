"""RTP headers (RFC 3550 5.1, A.1): exact octets, round trips, and refusal of everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.media.rtp import RtpError, RtpPacket, describe, is_rtp

PLAIN = bytes.fromhex("80e1000100000140deadbeef") + b"voice"


def test_plain_packet() -> None:
    packet = RtpPacket.parse(PLAIN)
    assert packet == RtpPacket(97, 1, 320, 0xDEADBEEF, b"voice", marker=True)
    assert packet.encode() == PLAIN
    assert describe(PLAIN) == "pt=97 seq=1 ts=320 ssrc=deadbeef len=17 M"


def test_everything_in_one_packet() -> None:
    packet = RtpPacket(0, 65535, 2**32 - 1, 1, b"abc", False, (7, 8), (0xBEDE, b"12345678"), 3)
    data = packet.encode()
    assert data[0] == 0xB2
    assert data.endswith(b"abc\0\0\x03")
    assert RtpPacket.parse(data) == packet


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:11],
        b"\x40" + PLAIN[1:],  # version 1
        bytes.fromhex("000100002112a442") + bytes(12),  # a STUN binding request
        bytes.fromhex("80c80001") + bytes(20),  # RTCP that strayed
        b"\x8f" + PLAIN[1:],  # fifteen CSRCs announced
        b"\x90" + PLAIN[1:12],  # extension without its header
        b"\x90" + PLAIN[1:12] + bytes.fromhex("bede0002") + bytes(4),  # extension cut off
    ],
)
def test_no_rtp(data: bytes) -> None:
    assert not is_rtp(data)
    with pytest.raises(RtpError):
        RtpPacket.parse(data)


@pytest.mark.parametrize("last", [0, 200])
def test_impossible_padding(last: int) -> None:
    data = b"\xa0" + PLAIN[1:12] + bytes([last])
    assert is_rtp(data)  # SRTP may look so
    with pytest.raises(RtpError):
        RtpPacket.parse(data)


def test_extension_of_a_wrong_length() -> None:
    with pytest.raises(ValueError, match="four octets"):
        RtpPacket(0, 0, 0, 0, extension=(1, b"x")).encode()


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    for candidate in (data, b"\x80" + data, b"\xb1" + data):
        try:
            packet = RtpPacket.parse(candidate)
        except RtpError:
            continue
        assert is_rtp(candidate)
        assert describe(candidate)
        assert RtpPacket.parse(packet.encode()) == packet

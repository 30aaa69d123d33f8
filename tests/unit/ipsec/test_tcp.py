"""The reset for a TCP segment, against RFC 9293 3.10.7.1 and a checksum by the book."""

import struct
from ipaddress import ip_address

import pytest

from lteims.ipsec import tcp
from lteims.ipsec.errors import IpsecError

ENDS = [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")]


def segment(flags: int, sequence: int = 1000, acknowledged: int = 0, data: bytes = b"", options: bytes = b"") -> bytes:
    offset = (20 + len(options)) // 4 << 4
    return struct.pack("!HHIIBBHHH", 4000, 5100, sequence, acknowledged, offset, flags, 512, 0, 0) + options + data


def by_the_book(src: str, dst: str, data: bytes) -> int:
    """The ones' complement sum of pseudo-header and segment, word by word; 0xFFFF where the checksum is right."""
    pseudo = ip_address(src).packed + ip_address(dst).packed + struct.pack("!II", len(data), 6)
    total = 0
    for (word,) in struct.iter_unpack("!H", pseudo + data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize(("src", "dst"), ENDS)
@pytest.mark.parametrize(
    ("came", "numbers"),
    [
        (segment(0x02), (0, 1001, 0x14)),  # SYN
        (segment(0x02, 2**32 - 1, options=b"\2\4\5\xb4"), (0, 0, 0x14)),
        (segment(0x01, data=b"abc"), (0, 1004, 0x14)),  # FIN with data
        (segment(0x18, acknowledged=77, data=b"abc"), (77, 0, 0x04)),  # of a connection that we do not know
        (segment(0x12, acknowledged=78), (78, 0, 0x04)),
    ],
)
def test_refusal(src: str, dst: str, came: bytes, numbers: tuple[int, int, int]) -> None:
    answer = tcp.refusal(src, dst, came)
    assert answer is not None
    sport, dport, sequence, acknowledged, offset, flags, _, _, _ = struct.unpack("!HHIIBBHHH", answer)
    assert (sport, dport, offset) == (5100, 4000, 0x50)
    assert (sequence, acknowledged, flags) == numbers
    assert by_the_book(dst, src, answer) == 0xFFFF


def test_a_reset_gets_no_reset() -> None:
    assert tcp.refusal(*ENDS[0], segment(0x04)) is None
    assert tcp.refusal(*ENDS[0], segment(0x14, acknowledged=1)) is None


def test_ports() -> None:
    assert tcp.ports(segment(0x02)) == (4000, 5100)
    for length in (0, 19):
        with pytest.raises(IpsecError, match="no whole header"):
            tcp.refusal(*ENDS[0], bytes(length))

"""UDP by hand: RFC 768, RFC 8200 8.1. The octets were computed by hand; the reference sums word by word."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ipsec import udp
from lteims.ipsec.errors import IpsecError

V4 = ("192.168.0.31", "192.168.0.30")
V6 = ("2001:db8::1", "2001:db8::2")


def reference(src: str, dst: str, datagram: bytes) -> int:
    """The checksum as RFC 1071 explains it: add the words, add the carries, take the complement."""
    pseudo = ip_address(src).packed + ip_address(dst).packed + struct.pack("!II", len(datagram), udp.PROTOCOL)
    data = pseudo + datagram + b"\0" * (len(datagram) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF or 0xFFFF


def test_a_datagram_by_hand() -> None:
    # c0a8 + 001f + c0a8 + 001e + 0011 + 000a (pseudo-header), 0014 + 000a + 000a (header) and 4869 ("Hi") make 1ca39,
    # with the carry ca3a; the complement is 35c5.
    datagram = udp.build(V4[0], 20, V4[1], 10, b"Hi")
    assert datagram.hex(" ", 2) == "0014 000a 000a 35c5 4869"
    assert udp.parse(*V4, datagram) == (20, 10, b"Hi")


@given(st.sampled_from([V4, V6]), st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=300))
def test_the_checksum_is_that_of_words_and_carries(
    hosts: tuple[str, str], sport: int, dport: int, payload: bytes
) -> None:
    datagram = udp.build(hosts[0], sport, hosts[1], dport, payload)
    checksum = int.from_bytes(datagram[6:8], "big")
    assert checksum == reference(*hosts, datagram[:6] + bytes(2) + datagram[8:])
    assert udp.parse(*hosts, datagram) == (sport, dport, payload)


def test_a_sum_of_all_ones_is_no_missing_checksum() -> None:
    # The payload is what the complement of the rest needs, so that the checksum comes out as 0 and is sent as ffff.
    empty = udp.build(V6[0], 1, V6[1], 2, bytes(2))
    datagram = udp.build(V6[0], 1, V6[1], 2, empty[6:8])
    assert datagram[6:8] == b"\xff\xff"
    assert udp.parse(*V6, datagram) == (1, 2, empty[6:8])


@pytest.mark.parametrize("hosts", [V4, V6])
def test_every_bit_counts(hosts: tuple[str, str]) -> None:
    datagram = udp.build(hosts[0], 5060, hosts[1], 7100, b"OPTIONS")
    for bit in range(len(datagram) * 8):
        spoilt = bytearray(datagram)
        spoilt[bit // 8] ^= 1 << bit % 8
        if spoilt[6:8] == b"\0\0":
            continue
        with pytest.raises(IpsecError):
            udp.parse(*hosts, bytes(spoilt))


@pytest.mark.parametrize("hosts", [V4, V6])
def test_every_beginning_is_refused(hosts: tuple[str, str]) -> None:
    datagram = udp.build(hosts[0], 5060, hosts[1], 7100, b"OPTIONS")
    for length in range(len(datagram)):
        with pytest.raises(IpsecError, match=r"whole header|says that it has"):
            udp.parse(*hosts, datagram[:length])


def test_addresses_count_too() -> None:
    datagram = udp.build(V4[0], 1, V4[1], 2, b"x")
    with pytest.raises(IpsecError, match="checksum"):
        udp.parse("192.168.0.32", V4[1], datagram)


def test_no_checksum_is_for_ipv4_alone() -> None:
    bare = bytes.fromhex("0001 0002 0009 0000 78")
    assert udp.parse(*V4, bare) == (1, 2, b"x")
    with pytest.raises(IpsecError, match="no checksum"):
        udp.parse(*V6, bare)


def test_octets_behind_the_length_are_padding() -> None:
    assert udp.parse(*V4, udp.build(V4[0], 1, V4[1], 2, b"xy") + b"padding") == (1, 2, b"xy")


def test_the_longest_datagram() -> None:
    assert udp.parse(*V4, udp.build(V4[0], 1, V4[1], 2, bytes(65527)))[2] == bytes(65527)
    with pytest.raises(IpsecError, match="too many"):
        udp.build(V4[0], 1, V4[1], 2, bytes(65528))

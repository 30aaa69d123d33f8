"""UDP datagrams by hand, with the checksum over the pseudo-header of IPv4 (RFC 768) or IPv6 (RFC 8200 8.1).

Called by net/esp.py, whose raw socket carries what is inside ESP; the kernel writes the IP header around it.
"""

import struct
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from lteims.ipsec.errors import IpsecError

PROTOCOL: Final = 17
HEADER_LEN: Final = 8
MAX_LEN: Final = 0xFFFF
_HEADER: Final = struct.Struct("!4H")


@lru_cache(maxsize=4096)
def _pseudo(src: str, dst: str) -> tuple[int, bool]:
    """The share of addresses and protocol in the sum, and whether they are of IPv6."""
    # An address is a whole number of 16-bit words, so that it counts as one number (see _sum).
    return int(ip_address(src)) + int(ip_address(dst)) + PROTOCOL, ":" in src


def _sum(words: int) -> int:
    """The ones' complement sum of 16-bit words that stand in one great number: 2^16 is 1 modulo 2^16 - 1."""
    return words % 0xFFFF


def build(src: str, sport: int, dst: str, dport: int, payload: bytes) -> bytes:
    """A datagram with its checksum; hosts are numeric and of one family. IpsecError when it is too long for UDP."""
    length = HEADER_LEN + len(payload)
    if length > MAX_LEN:
        raise IpsecError(f"{len(payload)} octets are too many for a UDP datagram")
    total = _pseudo(src, dst)[0] + sport + dport + 2 * length + _words(payload)
    # Never 0, which would say that there is none: what is summed is never all zeros, so 0 here stands for 0xFFFF.
    return _HEADER.pack(sport, dport, length, 0xFFFF - _sum(total)) + payload


def parse(src: str, dst: str, datagram: bytes) -> tuple[int, int, bytes]:
    """Source port, destination port and payload of a datagram; IpsecError when length or checksum are wrong.

    Octets behind the length are padding against traffic analysis (RFC 4303 2.7) and are dropped.
    """
    if len(datagram) < HEADER_LEN:
        raise IpsecError(f"a UDP datagram of {len(datagram)} octets has no whole header")
    sport, dport, length, checksum = _HEADER.unpack_from(datagram)
    if not HEADER_LEN <= length <= len(datagram):
        raise IpsecError(f"a UDP datagram of {len(datagram)} octets says that it has {length}")
    if length < len(datagram):
        datagram = datagram[:length]
    share, ipv6 = _pseudo(src, dst)
    if checksum == 0:
        if ipv6:  # RFC 8200 8.1
            raise IpsecError("a UDP datagram in IPv6 has no checksum")
    elif _sum(share + length + _words(datagram)):
        raise IpsecError("the checksum of a UDP datagram is wrong")
    return sport, dport, datagram[HEADER_LEN:]


def _words(data: bytes) -> int:
    """The octets as one number; an odd last octet is the upper half of its word (RFC 768)."""
    number = int.from_bytes(data, "big")
    return number << 8 if len(data) % 2 else number

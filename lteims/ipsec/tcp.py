"""The refusal of a TCP connection by hand: the reset that a closed port answers (RFC 9293 3.5.2, 3.10.7.1).

Called by net/esp_socket.py, which carries UDP alone: a phone that opens TCP by an SA learns so at once, and takes UDP.
"""

import struct
from ipaddress import ip_address
from typing import Final

from lteims.ipsec.errors import IpsecError

PROTOCOL: Final = 6
HEADER_LEN: Final = 20
_HEADER: Final = struct.Struct("!HHIIBBHHH")  # ports, numbers, data offset, flags, window, checksum, urgent
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10


def ports(segment: bytes) -> tuple[int, int]:
    """Source and destination port of a segment; IpsecError when it has no whole header."""
    if len(segment) < HEADER_LEN:
        raise IpsecError(f"a TCP segment of {len(segment)} octets has no whole header")
    return int.from_bytes(segment[:2], "big"), int.from_bytes(segment[2:4], "big")


def refusal(src: str, dst: str, segment: bytes) -> bytes | None:
    """The reset for a segment that came from `src` to `dst`; None for one that is a reset itself.

    Hosts are numeric and of one family. IpsecError when the segment has no whole header.
    """
    sport, dport = ports(segment)
    _, _, sequence, acknowledged, offset, flags, *_ = _HEADER.unpack_from(segment)
    if flags & _RST:
        return None
    if flags & _ACK:
        return _sealed(dst, src, (dport, sport, acknowledged, 0, 5 << 4, _RST, 0))
    length = max(0, len(segment) - (offset >> 4) * 4) + bool(flags & _SYN) + bool(flags & _FIN)
    return _sealed(dst, src, (dport, sport, 0, (sequence + length) % 2**32, 5 << 4, _RST | _ACK, 0))


def _sealed(src: str, dst: str, fields: tuple[int, int, int, int, int, int, int]) -> bytes:
    """A bare header with its checksum over the pseudo-header (RFC 9293 3.1), summed up as one number (see udp.py)."""
    total = int(ip_address(src)) + int(ip_address(dst)) + PROTOCOL + HEADER_LEN
    total += int.from_bytes(_HEADER.pack(*fields, 0, 0), "big")
    return _HEADER.pack(*fields, 0xFFFF - total % 0xFFFF, 0)

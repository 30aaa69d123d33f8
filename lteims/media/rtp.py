"""RTP packets (RFC 3550 5.1, extensions 5.3.1): the check that every packet passes, and the full header.

Called by net/rtp.py for each datagram (`is_rtp`, `describe`) and by sim/ to make packets; struct based.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Self

from lteims.errors import ProtocolError

HEADER_LENGTH = 12
_HEADER = Struct("!BBHII")
_EXTENSION = Struct("!HH")


class RtpError(ProtocolError):
    """The octets are no RTP or RTCP packet."""


def is_rtp(data: bytes) -> bool:
    """True if this can be RTP: version 2, long enough for what its header announces, not RTCP (RFC 3550 A.1).

    The padding is not looked at: under SRTP its length is encrypted (RFC 3711 3.1).
    """
    if len(data) < HEADER_LENGTH or 200 <= data[1] <= 207:  # RFC 5761 4: RTCP that strayed to this port
        return False
    first = data[0]
    if first == 0x80:  # no CSRC, extension or padding: nearly every packet of a phone
        return True
    return first & 0xC0 == 0x80 and 0 < _payload_offset(data) <= len(data)


def _payload_offset(data: bytes) -> int:
    """Where the payload starts; 0 if the extension's header is cut off."""
    offset = HEADER_LENGTH + 4 * (data[0] & 0x0F)
    if not data[0] & 0x10:
        return offset
    if len(data) < offset + 4:
        return 0
    return offset + 4 + 4 * int(_EXTENSION.unpack_from(data, offset)[1])


def payload_length(data: bytes) -> int:
    """The octets of payload in a packet that `is_rtp` has passed, as a sender report counts them (RFC 3550 6.4.1)."""
    if data[0] == 0x80:
        return len(data) - HEADER_LENGTH
    padding = data[-1] if data[0] & 0x20 else 0
    return max(0, len(data) - _payload_offset(data) - padding)


def describe(data: bytes) -> str:
    """What the log says of a packet that `is_rtp` has passed: pt, seq, ts, ssrc and the length in octets."""
    _, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    marker = " M" if second & 0x80 else ""
    return f"pt={second & 0x7F} seq={sequence} ts={timestamp} ssrc={ssrc:08x} len={len(data)}{marker}"


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet; timestamps count in the codec's clock. `padding` is the number of octets at the end."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: tuple[int, bytes] | None = None  # profile and data, a multiple of four octets
    padding: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a packet; RtpError if it is cut, of another version or has impossible padding (RFC 3550 A.1)."""
        if not is_rtp(data):
            raise RtpError(f"no RTP packet ({len(data)} octets)")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        count, offset = first & 0x0F, _payload_offset(data)
        csrcs = tuple(int.from_bytes(data[12 + 4 * n : 16 + 4 * n], "big") for n in range(count))
        extension = None
        if first & 0x10:
            start = HEADER_LENGTH + 4 * count
            extension = (int(_EXTENSION.unpack_from(data, start)[0]), data[start + 4 : offset])
        padding = data[-1] if first & 0x20 else 0
        if first & 0x20 and (padding == 0 or offset + padding > len(data)):
            raise RtpError(f"padding of {padding} octets in a packet of {len(data)}")
        payload = data[offset : len(data) - padding]
        return cls(second & 0x7F, sequence, timestamp, ssrc, payload, bool(second & 0x80), csrcs, extension, padding)

    def encode(self) -> bytes:
        """The octets; ValueError if the extension is not a multiple of four octets long."""
        first = 0x80 | (0x20 if self.padding else 0) | (0x10 if self.extension else 0) | len(self.csrcs)
        second = self.payload_type | (0x80 if self.marker else 0)
        parts = [_HEADER.pack(first, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc)]
        parts += [csrc.to_bytes(4, "big") for csrc in self.csrcs]
        if self.extension:
            profile, content = self.extension
            if len(content) % 4:
                raise ValueError("an RTP header extension is a multiple of four octets long")
            parts += [_EXTENSION.pack(profile, len(content) // 4), content]
        parts.append(self.payload)
        if self.padding:
            parts.append(bytes(self.padding - 1) + bytes([self.padding]))
        return b"".join(parts)

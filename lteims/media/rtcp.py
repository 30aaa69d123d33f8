"""RTCP (RFC 3550 6): the check that every packet passes, the walk through a compound, sender and receiver reports.

Called by net/rtp.py for each datagram (`is_rtcp`, `describe`); reports are made by whoever ends or watches media.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Self

from lteims.media.rtp import RtpError

SR, RR, SDES, BYE, APP, RTPFB, PSFB, XR = range(200, 208)  # RFC 3550 12.1, 4585 6.1, 3611
_NAMES = {SR: "SR", RR: "RR", SDES: "SDES", BYE: "BYE", APP: "APP", RTPFB: "RTPFB", PSFB: "PSFB", XR: "XR"}
_CNAME = 1
_NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970

_HEAD = Struct("!BBH")
_SENDER = Struct("!IQIII")
_BLOCK = Struct("!IIIIII")
_WORD = Struct("!I")


def is_rtcp(data: bytes) -> bool:
    """True if this can be RTCP: version 2, a packet type of RTCP, the first packet not cut off.

    Reduced-size packets (RFC 5506) pass, and so does SRTCP, whose other packets are encrypted.
    """
    if len(data) < 8 or data[0] & 0xC0 != 0x80 or not 192 <= data[1] <= 223:  # RFC 5761 4
        return False
    return 4 * (int.from_bytes(data[2:4], "big") + 1) <= len(data)


def describe(data: bytes) -> str:
    """What the log says of a packet that `is_rtcp` has passed: the packets in it, the sender's SSRC, the length."""
    names = []
    try:
        names = [_NAMES.get(packet.packet_type, str(packet.packet_type)) for packet in walk(data)]
    except RtpError:
        names.append("...")
    ssrc = int(_WORD.unpack_from(data, 4)[0])
    return f"{'+'.join(names) or _NAMES.get(data[1], str(data[1]))} ssrc={ssrc:08x} len={len(data)}"


@dataclass(frozen=True, slots=True)
class RtcpPacket:
    """One packet of a compound: its type, its 5-bit count or subtype, and what follows its first four octets."""

    packet_type: int
    count: int
    body: bytes


def walk(data: bytes) -> Iterator[RtcpPacket]:
    """The packets of a compound in their order; RtpError at the first that is cut off or of another version.

    Padding is allowed on the last one alone and is taken off (RFC 3550 6.4.1, A.2).
    """
    offset = 0
    while offset < len(data):
        if len(data) - offset < 4:
            raise RtpError(f"{len(data) - offset} stray octets behind an RTCP packet")
        first, packet_type, length = _HEAD.unpack_from(data, offset)
        end = offset + 4 * (length + 1)
        if first & 0xC0 != 0x80 or end > len(data):
            raise RtpError(f"RTCP packet cut off or of a wrong version at octet {offset}")
        body = data[offset + 4 : end]
        if first & 0x20:
            if end != len(data) or not body or not 0 < body[-1] <= len(body):
                raise RtpError(f"impossible padding in RTCP packet at octet {offset}")
            body = body[: len(body) - body[-1]]
        yield RtcpPacket(packet_type, first & 0x1F, body)
        offset = end


def ntp_timestamp(wall: float) -> int:
    """Seconds since 1970 as the 64-bit NTP time of a sender report (RFC 3550 4)."""
    return int((wall + _NTP_EPOCH) * 2**32) & 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source (RFC 3550 6.4.1); jitter in the codec's clock, delay in 1/65536 s."""

    ssrc: int
    fraction_lost: int = 0  # of 256
    lost: int = 0  # signed, 24 bits
    highest_sequence: int = 0
    jitter: int = 0
    last_sr: int = 0
    delay_since_last_sr: int = 0

    @classmethod
    def parse(cls, data: bytes, offset: int = 0) -> Self:
        """Read 24 octets; RtpError if there are fewer."""
        if len(data) < offset + _BLOCK.size:
            raise RtpError("RTCP report block cut off")
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(data, offset)
        lost = loss & 0xFFFFFF
        return cls(ssrc, loss >> 24, lost - (lost >> 23 << 24), highest, jitter, last_sr, delay)

    def encode(self) -> bytes:
        """The 24 octets; the loss is held within its 24 bits as RFC 3550 A.3 has it."""
        lost = max(-0x800000, min(self.lost, 0x7FFFFF)) & 0xFFFFFF
        return _BLOCK.pack(
            self.ssrc,
            self.fraction_lost << 24 | lost,
            self.highest_sequence,
            self.jitter,
            self.last_sr,
            self.delay_since_last_sr,
        )


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RR, RFC 3550 6.4.2."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()

    @classmethod
    def parse(cls, packet: RtcpPacket) -> Self:
        """Read an RR; RtpError if it is cut off."""
        if packet.packet_type != RR or len(packet.body) < 4:
            raise RtpError("no receiver report")
        return cls(int(_WORD.unpack_from(packet.body)[0]), _blocks(packet, 4))

    def encode(self) -> bytes:
        """The whole RTCP packet."""
        return _packet(RR, len(self.blocks), _WORD.pack(self.ssrc), *(block.encode() for block in self.blocks))


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR, RFC 3550 6.4.1: `ntp` as `ntp_timestamp` makes it, the same instant in the codec's clock, what was sent."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()

    @classmethod
    def parse(cls, packet: RtcpPacket) -> Self:
        """Read an SR; RtpError if it is cut off."""
        if packet.packet_type != SR or len(packet.body) < _SENDER.size:
            raise RtpError("no sender report")
        ssrc, ntp, rtp_timestamp, packets, octets = _SENDER.unpack_from(packet.body)
        return cls(ssrc, ntp, rtp_timestamp, packets, octets, _blocks(packet, _SENDER.size))

    def encode(self) -> bytes:
        """The whole RTCP packet."""
        info = _SENDER.pack(
            self.ssrc, self.ntp, self.rtp_timestamp & 0xFFFFFFFF, self.packets & 0xFFFFFFFF, self.octets & 0xFFFFFFFF
        )
        return _packet(SR, len(self.blocks), info, *(block.encode() for block in self.blocks))


def source_description(ssrc: int, cname: str) -> bytes:
    """An SDES packet with the one item that every compound needs (RFC 3550 6.1, 6.5.1)."""
    name = cname.encode()[:255]
    chunk = _WORD.pack(ssrc) + bytes([_CNAME, len(name)]) + name + b"\0"
    return _packet(SDES, 1, chunk + bytes(-len(chunk) % 4))


def bye(*ssrcs: int) -> bytes:
    """A BYE packet for these sources (RFC 3550 6.6)."""
    return _packet(BYE, len(ssrcs), *(_WORD.pack(ssrc) for ssrc in ssrcs))


def compound(report: SenderReport | ReceiverReport, cname: str, *more: bytes) -> bytes:
    """A compound packet as RFC 3550 6.1 wants it: the report first, then SDES, then what else there is."""
    return b"".join((report.encode(), source_description(report.ssrc, cname), *more))


def _blocks(packet: RtcpPacket, offset: int) -> tuple[ReportBlock, ...]:
    return tuple(ReportBlock.parse(packet.body, offset + n * _BLOCK.size) for n in range(packet.count))


def _packet(packet_type: int, count: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _HEAD.pack(0x80 | count, packet_type, len(body) // 4) + body

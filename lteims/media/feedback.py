"""RTCP feedback (RFC 4585 6, RFC 5104 4): requests of who receives video to who sends it, and how an echo answers them.

Called by net/rtp_end.py: what a phone asks of its own video that comes back, it is asked in turn. Pure.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Self

from lteims.media.rtcp import PSFB, RTPFB, RtcpPacket
from lteims.media.rtp import RtpError

NACK, TMMBR, TMMBN = 1, 3, 4  # formats of RTPFB: RFC 4585 6.2.1, RFC 5104 4.2
PLI, FIR = 1, 4  # formats of PSFB: RFC 4585 6.3.1, RFC 5104 4.3.1
_NAMES = {
    (RTPFB, NACK): "NACK",
    (RTPFB, TMMBR): "TMMBR",
    (RTPFB, TMMBN): "TMMBN",
    (PSFB, PLI): "PLI",
    (PSFB, FIR): "FIR",
}
_ENTRIES = {(RTPFB, TMMBR), (RTPFB, TMMBN), (PSFB, FIR)}  # the source is named in entries of eight octets, not in front
_ENTRY = 8

_HEAD = Struct("!BBHII")
_WORD = Struct("!I")
_PAIR = Struct("!HH")


@dataclass(frozen=True, slots=True)
class Feedback:
    """One feedback packet: who asks, of whose media, and the control information (FCI)."""

    packet_type: int
    format: int
    sender: int
    media: int
    fci: bytes = b""

    @classmethod
    def parse(cls, packet: RtcpPacket) -> Self:
        """Read an RTPFB or PSFB; RtpError if it is cut off."""
        if packet.packet_type not in (RTPFB, PSFB) or len(packet.body) < 8:
            raise RtpError("no RTCP feedback")
        sender, media = (int(_WORD.unpack_from(packet.body, offset)[0]) for offset in (0, 4))
        whole = len(packet.body) - len(packet.body) % 4
        return cls(packet.packet_type, packet.count, sender, media, packet.body[8:whole])

    def encode(self) -> bytes:
        """The whole RTCP packet; the FCI is a multiple of four octets long."""
        words = 2 + len(self.fci) // 4
        return _HEAD.pack(0x80 | self.format, self.packet_type, words, self.sender, self.media) + self.fci

    @property
    def name(self) -> str:
        """What it asks for, as the RFCs abbreviate it; "" for what an echo has no answer to."""
        return _NAMES.get((self.packet_type, self.format), "")

    def turned(self, own: int, peer: int, shift: int = 0) -> Self | None:
        """The same request from `own` about the media of `peer`, where it was about the media of `own`; else None.

        `shift` is what was added to the peer's sequence numbers when its packets were sent back.
        """
        kind = (self.packet_type, self.format)
        if kind in _ENTRIES:
            entries = [self.fci[at : at + _ENTRY] for at in range(0, len(self.fci) - _ENTRY + 1, _ENTRY)]
            about = _WORD.pack(own)
            fci = b"".join(_WORD.pack(peer) + entry[4:] for entry in entries if entry[:4] == about)
            return type(self)(self.packet_type, self.format, own, 0, fci) if fci else None
        if kind not in _NAMES or self.media != own:
            return None
        return type(self)(self.packet_type, self.format, own, peer, self._shifted(shift) if shift else self.fci)

    def _shifted(self, shift: int) -> bytes:
        if (self.packet_type, self.format) != (RTPFB, NACK):
            return self.fci
        whole = len(self.fci) - len(self.fci) % 4
        return b"".join(_PAIR.pack((pid - shift) & 0xFFFF, blp) for pid, blp in _PAIR.iter_unpack(self.fci[:whole]))

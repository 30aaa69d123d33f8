"""RTP payloads that are valid and mean silence: what a server-made call sends while it has nothing to play back.

RFC 3551 (PCMU, PCMA, G722, L16), RFC 4867 with TS 26.101 and 26.201 (AMR, AMR-WB), TS 26.445 annex A (EVS).
Called by ims/ for the negotiated codec; net/rtp_end.py sends what it gives. Pure: a table and a counter.
"""

from dataclasses import dataclass

from lteims.media.codec import Codec, fmtp_parameters
from lteims.media.number import decimal
from lteims.media.sdp import Media

FRAME_MS = 20  # of AMR, AMR-WB and EVS, and the usual packet of all others (RFC 3551 4.2)
SID_PERIOD = 8  # frames from one SID_UPDATE to the next (TS 26.093 5.1.1, 26.193 5.1.1; one of EVS's, 26.445 5.6.1.1)
_PATIENCE_MS = 60
_DTX_PATIENCE_MS = (SID_PERIOD + 4) * FRAME_MS  # a peer that is silent itself is heard once in SID_PERIOD frames
_MAX_PAYLOAD = 1440  # octets that fit into an Ethernet frame with their headers

# Comfort noise of the least energy, 35 bits: the parameters that the reference encoders give for digital silence
_AMR_NOISE = 0x26C78368 << 3  # TS 26.092: three LSF indices, energy 0
_AMR_WB_NOISE = 0xE3DF3DE << 7  # TS 26.192: five ISF indices, energy 0, no dithering
_NO_REQUEST = 15  # CMR, RFC 4867 4.3.1

_PCM_OCTET = {"pcmu": 0xFF, "pcma": 0xD5}  # G.711: the positive zero of either law
# G.722: the smallest positive difference in both bands (low 61, high 3), which decodes to exactly nothing
_G722_OCTET = 0xFD

_EVS_CMR_NONE = 0xFF  # TS 26.445 A.2.2.1.1: H=1, T=111, D=1111 is NO_REQ
_EVS_TOC_SID, _EVS_TOC_NO_DATA = 0x0C, 0x0F  # A.2.2.1.2: primary, the last frame
_EVS_TOC_IO_SID, _EVS_TOC_IO_NO_DATA = 0x39, 0x3F  # AMR-WB IO of good quality
_EVS_SID = bytes(6)  # 7.1 and 5.6.2: LP-CNG, every index the first, energy 0

Frames = tuple[bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """The payloads of silence, one for each packet interval, over and over; None where nothing is sent (DTX)."""

    payload_type: int
    clock_rate: int
    ptime_ms: int
    cycle: Frames

    @property
    def patience_ms(self) -> int:
        """How long the peer's own packets may be missing before silence has to fill the gap."""
        return _DTX_PATIENCE_MS if self.is_dtx else max(_PATIENCE_MS, 2 * self.ptime_ms)

    def frames(self, n: int) -> bytes | None:
        """The payload of the n-th packet interval since the silence began; None: send nothing in it."""
        return self.cycle[n % len(self.cycle)]

    def marker(self, n: int) -> bool:
        """The marker bit of that packet: the first of an uninterrupted sequence (RFC 3551 4.1); never with comfort
        noise, which is no speech (RFC 4867 4.1, TS 26.445 A.2)."""
        return n == 0 and not self.is_dtx

    @property
    def is_dtx(self) -> bool:
        """True where silence leaves packets out."""
        return None in self.cycle

    @property
    def ticks(self) -> int:
        """One packet interval in units of the RTP timestamp."""
        return self.clock_rate * self.ptime_ms // 1000

    def is_speech(self, payload_length: int) -> bool:
        """True if a payload of this codec with so many octets holds more than comfort noise."""
        return not self.is_dtx or payload_length > 8  # the longest SID: EVS with CMR and ToC


def codec_of(media: Media) -> Codec | None:
    """The codec that carries a media: its first format that is more than an auxiliary; None if there is none."""
    for name, entry in media.rtpmaps.items():
        if not entry.is_auxiliary:
            return Codec(entry, media.fmtp(name), decimal((media.attribute("ptime") or "").strip(), 1000) or 0)
    return None


def silence_for(codec: Codec) -> Silence | None:
    """Silence in this codec; None where the server has none to send.

    So it is with video, text (RFC 4103: who types nothing sends nothing), telephone-event, codecs not known here,
    and AMR with CRC, interleaving or several channels, which no phone negotiates.
    """
    match codec.rtpmap.encoding.lower():
        case "pcmu" | "pcma" as law:
            return _pcm(codec, _PCM_OCTET[law], octets_per_tick=codec.rtpmap.channels)
        case "g722":  # one octet for two samples at 16 kHz; the clock says 8000 all the same (RFC 3551 4.5.2)
            return _pcm(codec, _G722_OCTET, octets_per_tick=codec.rtpmap.channels)
        case "l16":
            return _pcm(codec, 0, octets_per_tick=2 * codec.rtpmap.channels)
        case "amr":
            return _amr(codec, sid_type=8, modes=8, usual_mode=7, noise=_AMR_NOISE)
        case "amr-wb":
            return _amr(codec, sid_type=9, modes=9, usual_mode=2, noise=_AMR_WB_NOISE)
        case "evs":
            return _evs(codec)
    return None


def _pcm(codec: Codec, octet: int, octets_per_tick: int) -> Silence:
    rate = codec.rtpmap.clock_rate
    for ptime in (codec.ptime_ms, FRAME_MS, 10, 5):
        length = rate * ptime // 1000 * octets_per_tick
        if 0 < length <= _MAX_PAYLOAD and rate * ptime % 1000 == 0:
            break
    else:
        ptime, length = 10, rate // 100 * octets_per_tick
    payload = bytes([octet]) * length
    return Silence(codec.rtpmap.payload_type, rate, ptime, (payload,))


# -- AMR
def _amr(codec: Codec, sid_type: int, modes: int, usual_mode: int, noise: int) -> Silence | None:
    parameters = fmtp_parameters(codec.fmtp)
    if parameters.get("crc", "0") != "0" or "interleaving" in parameters or codec.rtpmap.channels != 1:
        return None
    aligned = "1" in (parameters.get("octet-align"), parameters.get("robust-sorting"))  # the second implies it
    mode = _highest_mode(parameters.get("mode-set", ""), modes, usual_mode)
    pack = _octet_aligned if aligned else _bandwidth_efficient
    return Silence(
        codec.rtpmap.payload_type,
        codec.rtpmap.clock_rate,
        FRAME_MS,
        _with_pauses(pack(sid_type, *_sid_update(sid_type, mode, noise))),
    )


def _with_pauses(sid: bytes) -> Frames:
    return (sid, *[None] * (SID_PERIOD - 1))


def _highest_mode(mode_set: str, modes: int, usual: int) -> int:
    """The mode that speech would have: what a SID frame names (RFC 4867 8.1 mode-set; absent: any)."""
    known = [mode for mode in (decimal(text.strip(), modes - 1) for text in mode_set.split(",")) if mode is not None]
    return max(known, default=usual)


def _sid_update(sid_type: int, mode: int, noise: int) -> tuple[int, int]:
    """A SID frame as (bits, their number): 35 of noise, the type indicator (1: an update), the mode.

    No SID_FIRST goes before it: that one tells the decoder to make noise of the speech it has just heard, and a decoder
    of AMR-WB that has heard none yet makes it at full volume. The mode has 3 bits with the lowest first (TS 26.101
    4.2.3), in AMR-WB 4 with the highest first (TS 26.201 4.2.3).
    """
    if sid_type == 8:
        indication, width = (mode & 1) << 2 | mode & 2 | mode >> 2, 3
    else:
        indication, width = mode, 4
    return (noise << 1 | 1) << width | indication, 36 + width


def _bandwidth_efficient(frame_type: int, bits: int, count: int) -> bytes:
    """RFC 4867 4.3: CMR, one entry of the table of contents (F=0, FT, Q=1), the frame; padding at the very end."""
    head = _NO_REQUEST << 6 | frame_type << 1 | 1
    length = -(-(10 + count) // 8)
    return ((head << count | bits) << (8 * length - 10 - count)).to_bytes(length, "big")


def _octet_aligned(frame_type: int, bits: int, count: int) -> bytes:
    """RFC 4867 4.4: each of the three begins at an octet."""
    length = -(-count // 8)
    return bytes([_NO_REQUEST << 4, frame_type << 3 | 4]) + (bits << (8 * length - count)).to_bytes(length, "big")


# -- EVS
def _evs(codec: Codec) -> Silence | None:
    parameters = fmtp_parameters(codec.fmtp)
    if codec.rtpmap.channels != 1:
        return None
    io_mode = parameters.get("evs-mode-switch") == "1"
    # A.3.1: cmr=1 wants the CMR octet in each packet. In AMR-WB IO it is what tells a SID from EVS 2.8 kbit/s (A.2.1.3)
    cmr = bytes([_EVS_CMR_NONE]) if io_mode or parameters.get("cmr") == "1" else b""
    if "0" in (parameters.get("dtx"), parameters.get("dtx-recv")):  # no SID then: a frame that holds nothing
        cycle: Frames = (cmr + bytes([_EVS_TOC_IO_NO_DATA if io_mode else _EVS_TOC_NO_DATA]),)
    elif io_mode:
        bits, count = _sid_update(9, _highest_mode(parameters.get("mode-set", ""), 9, 2), _AMR_WB_NOISE)
        cycle = _with_pauses(cmr + bytes([_EVS_TOC_IO_SID]) + bits.to_bytes(count // 8, "big"))
    else:
        header_full = bool(cmr) or parameters.get("hf-only") == "1"  # else compact, which is the frame alone (A.2.1)
        cycle = _with_pauses(cmr + bytes([_EVS_TOC_SID]) + _EVS_SID if header_full else _EVS_SID)
    return Silence(codec.rtpmap.payload_type, codec.rtpmap.clock_rate, FRAME_MS, cycle)

"""Codecs as an SDP names them: a=rtpmap, a=fmtp and the static payload types of RFC 3551.

Called by media/sdp.py and media/offer_answer.py; ims/ reads codecs from it for Rx Codec-Data and dialog_get.
"""

from dataclasses import dataclass

from lteims.media.number import decimal

# What goes beside a codec and can never be the only format of a media: RFC 4733, 3389, 2198, 5109, 4588, 8627
AUXILIARY = frozenset({"telephone-event", "tone", "cn", "red", "ulpfec", "parityfec", "rtx", "flexfec"})


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What a payload type stands for; the clock rate is in Hz."""

    payload_type: int
    encoding: str
    clock_rate: int
    channels: int = 1

    @staticmethod
    def parse(text: str) -> "RtpMap | None":
        """Read the value of an a=rtpmap line ("97 AMR/8000/1"); None if it makes no sense."""
        number, _, rest = text.strip().partition(" ")
        encoding, *rates = rest.strip().split("/")
        payload_type = decimal(number, 127)
        clock_rate = decimal(rates[0], 0xFFFFFFFF) if rates else None
        if payload_type is None or not clock_rate or not encoding:
            return None
        # Video has no channels; what follows the clock rate may be anything there (RFC 8866 6.6)
        channels = decimal(rates[1], 255) if len(rates) > 1 else 1
        return RtpMap(payload_type, encoding, clock_rate, channels or 1)

    def encode(self) -> str:
        """The value of the a=rtpmap line."""
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.payload_type} {self.encoding}/{self.clock_rate}{channels}"

    @property
    def is_auxiliary(self) -> bool:
        """True for telephone-event, comfort noise and redundancy: nothing that carries a call alone."""
        return self.encoding.lower() in AUXILIARY


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec as one side's SDP wants to receive it; `ptime_ms` is the duration of a packet, 0 where it says none."""

    rtpmap: RtpMap
    fmtp: str = ""
    ptime_ms: int = 0


STATIC: dict[int, RtpMap] = {  # RFC 3551 tables 4 and 5
    entry.payload_type: entry
    for entry in (
        RtpMap(0, "PCMU", 8000),
        RtpMap(3, "GSM", 8000),
        RtpMap(4, "G723", 8000),
        RtpMap(5, "DVI4", 8000),
        RtpMap(6, "DVI4", 16000),
        RtpMap(7, "LPC", 8000),
        RtpMap(8, "PCMA", 8000),
        RtpMap(9, "G722", 8000),
        RtpMap(10, "L16", 44100, 2),
        RtpMap(11, "L16", 44100),
        RtpMap(12, "QCELP", 8000),
        RtpMap(13, "CN", 8000),
        RtpMap(14, "MPA", 90000),
        RtpMap(15, "G728", 8000),
        RtpMap(16, "DVI4", 11025),
        RtpMap(17, "DVI4", 22050),
        RtpMap(18, "G729", 8000),
        RtpMap(25, "CelB", 90000),
        RtpMap(26, "JPEG", 90000),
        RtpMap(28, "nv", 90000),
        RtpMap(31, "H261", 90000),
        RtpMap(32, "MPV", 90000),
        RtpMap(33, "MP2T", 90000),
        RtpMap(34, "H263", 90000),
    )
}


def fmtp_parameters(text: str) -> dict[str, str]:
    """Split format parameters ("mode-set=7; octet-align=1"); a bare word such as "0-15" has the value ""."""
    found: dict[str, str] = {}
    for item in text.split(";"):
        name, _, content = item.strip().partition("=")
        if name:
            found[name.strip().lower()] = content.strip()
    return found

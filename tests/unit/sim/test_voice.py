"""The frames that virtual phones speak: of the right length for each codec, as RFC 3551 and RFC 4867 have them."""

import pytest

from lteims.media.codec import Codec, RtpMap
from lteims.sim.voice import speech


@pytest.mark.parametrize(
    ("rtpmap", "fmtp", "length", "starts"),
    [
        ("8 PCMA/8000", "", 160, b""),
        ("0 PCMU/8000", "", 160, b""),
        ("102 AMR/8000", "", 32, b"\xf3\xc0"),
        ("102 AMR/8000", "octet-align=1", 33, b"\xf0\x3c"),
        ("104 AMR-WB/16000", "", 33, b"\xf1\x40"),
        ("104 AMR-WB/16000", "mode-set=2; octet-align=1", 34, b"\xf0\x14"),
    ],
)
def test_frames(rtpmap: str, fmtp: str, length: int, starts: bytes) -> None:
    entry = RtpMap.parse(rtpmap)
    assert entry is not None
    frame = speech(Codec(entry, fmtp, 20))
    assert frame is not None
    assert len(frame) == length
    assert frame.startswith(starts)


def test_what_it_cannot_speak() -> None:
    assert speech(Codec(RtpMap(18, "G729", 8000), "", 20)) is None

"""Silence in each codec: payloads worked out by hand from RFC 4867, TS 26.101/26.201 and TS 26.445 annex A."""

import pytest

from lteims.media.codec import Codec, RtpMap
from lteims.media.frame import Silence, codec_of, silence_for
from lteims.media.sdp import Sdp


def silence(encoding: str, rate: int, fmtp: str = "", *, channels: int = 1, ptime: int = 0) -> Silence:
    found = silence_for(Codec(RtpMap(97, encoding, rate, channels), fmtp, ptime))
    assert found is not None
    return found


def sent(quiet: Silence, intervals: int) -> list[str | None]:
    payloads = [quiet.frames(n) for n in range(intervals)]
    return [payload.hex() if payload is not None else None for payload in payloads]


@pytest.mark.parametrize(("encoding", "octet"), [("PCMU", 0xFF), ("PCMA", 0xD5), ("G722", 0xFD), ("pcmu", 0xFF)])
def test_g711_and_g722_send_every_interval(encoding: str, octet: int) -> None:
    quiet = silence(encoding, 8000)
    assert [quiet.frames(n) for n in (0, 1, 99)] == [bytes([octet]) * 160] * 3
    assert (quiet.payload_type, quiet.clock_rate, quiet.ptime_ms, quiet.ticks) == (97, 8000, 20, 160)
    assert [quiet.marker(n) for n in range(3)] == [True, False, False]
    assert not quiet.is_dtx
    assert quiet.is_speech(1)
    assert quiet.patience_ms == 60


@pytest.mark.parametrize(
    ("rate", "channels", "ptime", "expected_ptime", "length"),
    [
        (8000, 1, 0, 20, 320),
        (8000, 1, 40, 40, 640),
        (16000, 2, 20, 20, 1280),
        (44100, 1, 0, 10, 882),  # 20 ms would be 1764 octets
        (44100, 2, 0, 10, 1764),  # nothing fits whole: RFC 3551 4.2 has no less than 10 ms there
        (8000, 1, 1000, 20, 320),
    ],
)
def test_l16(rate: int, channels: int, ptime: int, expected_ptime: int, length: int) -> None:
    quiet = silence("L16", rate, channels=channels, ptime=ptime)
    assert (quiet.ptime_ms, quiet.frames(5)) == (expected_ptime, bytes(length))


def test_ptime_of_the_sdp() -> None:
    assert silence("PCMA", 8000, ptime=30).frames(0) == b"\xd5" * 240
    assert silence("PCMA", 8000, ptime=60).patience_ms == 120
    assert silence("PCMA", 8000, ptime=200).ptime_ms == 20  # 1600 octets are too long for one Ethernet frame


# AMR: 35 bits 26c78368 000, STI, the mode with its lowest bit first (111 for mode 7), one bit to fill the octet.
# Bandwidth-efficient: 1111 (CMR 15) 0 (F) 1000 (FT 8) 1 (Q), then the same 39 bits: 1111 0100 01|00 1001 10...
def test_amr_bandwidth_efficient() -> None:
    update = "f449b1e0da0780"
    assert sent(silence("AMR", 8000), 17) == [update, *[None] * 7, update, *[None] * 7, update]
    assert int(update, 16) >> 46 == 0b1111010001
    assert int(update, 16) & 0x7F == 0  # 49 bits in 7 octets


def test_amr_octet_aligned() -> None:
    quiet = silence("AMR", 8000, "mode-set=7; octet-align=1; mode-change-capability=2")
    assert sent(quiet, 2) == ["f04426c783681e", None]
    assert (quiet.clock_rate, quiet.ptime_ms, quiet.ticks) == (8000, 20, 160)
    assert quiet.is_dtx
    assert (quiet.is_speech(7), quiet.is_speech(14)) == (False, True)
    assert not quiet.marker(0)


@pytest.mark.parametrize(
    ("mode_set", "last"), [("0", "10"), ("0,2,4", "12"), ("1", "18"), ("2,0", "14"), ("9,x,3", "1c"), ("x", "1e")]
)
def test_amr_mode_indication_has_the_lowest_bit_first(mode_set: str, last: str) -> None:
    payload = silence("AMR", 8000, f"octet-align=1;mode-set={mode_set}").frames(0)
    assert payload is not None
    assert payload.hex() == "f04426c78368" + last


# AMR-WB: 35 bits e3df3de 0000000, STI, the mode with its highest bit first (0010 for 12.65 kbit/s)
def test_amr_wb() -> None:
    update = "f4f8f7cf780480"  # 1111 0 1001 1 then e3df3de0 12, shifted by two bits
    assert sent(silence("AMR-WB", 16000), 9) == [update, *[None] * 7, update]
    aligned = silence("AMR-WB", 16000, "octet-align=1; mode-set=0,1,8")
    assert sent(aligned, 2) == ["f04ce3df3de018", None]
    assert (aligned.clock_rate, aligned.ticks) == (16000, 320)


@pytest.mark.parametrize("fmtp", ["octet-align=1;crc=1", "interleaving=30", "octet-align=1; interleaving"])
def test_amr_that_no_phone_negotiates(fmtp: str) -> None:
    assert silence_for(Codec(RtpMap(97, "AMR", 8000), fmtp)) is None
    assert silence_for(Codec(RtpMap(97, "AMR", 8000, 2))) is None


def test_robust_sorting_of_one_frame_is_octet_aligned() -> None:
    assert sent(silence("AMR", 8000, "robust-sorting=1"), 1) == ["f04426c783681e"]


SID = "000000000000"


@pytest.mark.parametrize(
    ("fmtp", "expected"),
    [
        ("", [SID, *[None] * 7, SID]),  # compact: 48 bits are a SID (table A.1)
        ("br=5.9-24.4;bw=nb-swb;max-red=0", [SID, *[None] * 7, SID]),
        ("hf-only=1", ["0c" + SID, *[None] * 7, "0c" + SID]),  # ToC: H=0 F=0, primary, 1100
        ("cmr=1", ["ff0c" + SID, *[None] * 7, "ff0c" + SID]),  # CMR: H=1, T=111, D=1111
        ("hf-only=1;cmr=-1", ["0c" + SID, *[None] * 7, "0c" + SID]),
        ("dtx=0", ["0f"] * 9),  # ToC: NO_DATA
        ("dtx-recv=0;cmr=1", ["ff0f"] * 9),
        ("evs-mode-switch=1;dtx=0", ["ff3f"] * 9),
        # AMR-WB IO: CMR, then ToC H=0 F=0, IO mode, Q=1, 1001
        ("evs-mode-switch=1", ["ff39e3df3de012", *[None] * 7, "ff39e3df3de012"]),
        ("evs-mode-switch=1;mode-set=0,8", ["ff39e3df3de018", *[None] * 7, "ff39e3df3de018"]),
    ],
)
def test_evs(fmtp: str, expected: list[str | None]) -> None:
    quiet = silence("EVS", 16000, fmtp)
    assert sent(quiet, 9) == expected
    assert quiet.ticks == 320


def test_evs_of_several_channels() -> None:
    assert silence_for(Codec(RtpMap(97, "EVS", 16000, 2))) is None


@pytest.mark.parametrize("encoding", ["telephone-event", "t140", "red", "H264", "H265", "CN", "opus", "G729", ""])
def test_nothing_of_our_own(encoding: str) -> None:
    assert silence_for(Codec(RtpMap(100, encoding, 8000))) is None


def test_patience_outlasts_a_silent_peer() -> None:
    for encoding, rate in (("AMR", 8000), ("AMR-WB", 16000), ("EVS", 16000)):
        assert silence(encoding, rate).patience_ms > 160


def test_codec_of_a_media() -> None:
    body = (
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 101 97 0\r\na=rtpmap:101 telephone-event/16000\r\na=rtpmap:97 AMR-WB/16000/1\r\n"
        "a=fmtp:97 octet-align=1\r\na=ptime:40\r\nm=audio 4002 RTP/AVP 8\r\na=ptime:x\r\nm=audio 4004 RTP/AVP 101\r\n"
    )
    first, second, third = Sdp.parse(body.encode()).medias
    assert codec_of(first) == Codec(RtpMap(97, "AMR-WB", 16000), "octet-align=1", 40)
    assert codec_of(second) == Codec(RtpMap(8, "PCMA", 8000))
    assert codec_of(third) is None

"""A tone for phones to play, as a WAV file and as bare G.711 samples, and the measure of how much of it was heard.

Used by tests/net/baresip.py (which plays and records WAV files) and by SIPp's rtp_stream (which reads bare samples).
"""

import array
import math
import wave
from pathlib import Path

SAMPLE_RATE = 8000
TONE_HZ = 440
AMPLITUDE = 12000


def samples(seconds: float) -> "array.array[int]":
    """A sine of TONE_HZ, 16 bit."""
    step = 2 * math.pi * TONE_HZ / SAMPLE_RATE
    return array.array("h", (int(AMPLITUDE * math.sin(step * n)) for n in range(int(SAMPLE_RATE * seconds))))


def write_tone(path: Path, seconds: float = 60.0) -> None:
    """The tone as a WAV file, mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples(seconds).tobytes())


def pcma_tone(seconds: float) -> bytes:
    """The tone as A-law octets (ITU-T G.711)."""
    return bytes(map(_a_law, samples(seconds)))


def _a_law(sample: int) -> int:
    sign, magnitude = (0x80, sample >> 3) if sample >= 0 else (0, (-sample - 1) >> 3)
    segment = max(magnitude.bit_length() - 5, 0) if magnitude >= 32 else 0
    mantissa = (magnitude >> max(segment, 1)) & 0x0F
    return (sign | segment << 4 | mantissa) ^ 0x55


def tone_seconds(path: Path) -> float:
    """How many seconds of a recording are the tone and little else, measured a tenth of a second at a time."""
    data = path.read_bytes()[44:]  # behind the header, whose length field stays open while the recorder lives
    heard = array.array("h", data[: len(data) // 2 * 2])
    window = SAMPLE_RATE // 10
    blocks = [heard[at : at + window] for at in range(0, len(heard) - window + 1, window)]
    return sum(_is_tone(block) for block in blocks) / 10


def _is_tone(block: "array.array[int]") -> bool:
    """Goertzel's measure: the power at TONE_HZ against the whole."""
    power = sum(value * value for value in block) / len(block)
    factor = 2 * math.cos(2 * math.pi * TONE_HZ / SAMPLE_RATE)
    before = last = 0.0
    for value in block:
        before, last = last, value + factor * last - before
    tone = (last * last + before * before - factor * last * before) * 2 / len(block) ** 2
    return power > 1e6 and tone > 0.8 * power

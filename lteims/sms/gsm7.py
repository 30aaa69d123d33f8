"""The GSM 7 bit default alphabet with its extension table, and its packing into octets (TS 23.038 6.2.1, 6.1.2.1).

Used by userdata.py and text.py for the text, by address.py for alphanumeric addresses. A septet here is one octet
of a bytes object, 0 to 127; packed octets are what travels.
"""

import codecs
import unicodedata
from typing import Final

from lteims.sms.errors import SmsError, Unencodable

ESCAPE: Final = 0x1B
ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()"
    "*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION: Final[dict[int, str]] = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
_SEPTETS: Final[dict[str, bytes]] = {
    **{character: bytes((code,)) for code, character in enumerate(ALPHABET) if code != ESCAPE},
    **{character: bytes((ESCAPE, code)) for code, character in EXTENSION.items()},
}
_TABLE: Final = ALPHABET + 128 * "\ufffd"  # no septet is above 127

# Look-alikes for what Unicode does not decompose to a letter of the alphabet.
_FITS: Final = {
    **dict.fromkeys("‘’‚‛′`´ʼ", "'"), **dict.fromkeys("“”„‟″«»", '"'), **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("•·∙", "*"), **dict.fromkeys("\t\u00a0\u2000\u2001\u2002\u2003\u2009\u202f\u3000", " "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufe0e\ufe0f\ufeff\u00ad", ""), "‹": "<", "›": ">", "×": "x",
    "÷": "/", "⁄": "/",
    "…": "...", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH",
    "ð": "d", "Ð": "D", "©": "(c)", "®": "(r)", "™": "TM", "ẞ": "SS",
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
}  # fmt: skip


def unencodable(text: str) -> str:
    """The characters of a text that the alphabet lacks, each once, in their order; "" if it has all."""
    return "".join(dict.fromkeys(character for character in text if character not in _SEPTETS))


def best_fit(text: str) -> str:
    """The text with look-alikes for what the alphabet lacks, "?" where there is none; only if somebody asked for it."""
    return "".join(character if character in _SEPTETS else _nearest(character) for character in text)


def _nearest(character: str) -> str:
    if character in _FITS:
        return _FITS[character]
    if unicodedata.combining(character):
        return ""
    for one in (character, character.upper()):  # Greek has capitals only
        plain = [_FITS.get(c, c) for c in unicodedata.normalize("NFKD", one) if not unicodedata.combining(c)]
        if plain and all(c in _SEPTETS for word in plain for c in word):
            return "".join(plain)
    return "?"


def encode(text: str) -> bytes:
    """The septets of a text, two for a character of the extension table; Unencodable tells what has none."""
    try:
        return b"".join([_SEPTETS[character] for character in text])
    except KeyError:
        raise Unencodable(unencodable(text)) from None


def decode(septets: bytes) -> str:
    """The text of septets; what the extension table does not define reads as the default table has it (6.2.1.1)."""
    if ESCAPE not in septets:
        return codecs.charmap_decode(septets, "strict", _TABLE)[0]
    text = []
    codes = iter(septets)
    for code in codes:
        if code == ESCAPE:
            code = next(codes, ESCAPE)
            # a second escape, to a table that does not exist, or none behind it: a space
            text.append(" " if code == ESCAPE else EXTENSION.get(code, _TABLE[code]))
        else:
            text.append(_TABLE[code])
    return "".join(text)


def split_points(septets: bytes, size: int) -> list[bytes]:
    """The septets in pieces of at most `size` (two or more), never between an escape and what it escapes."""
    pieces = []
    start = 0
    while start < len(septets):
        end = start + size
        # An escape is never escaped in what `encode` makes, so the last one decides.
        if end < len(septets) and septets[end - 1] == ESCAPE:
            end -= 1
        pieces.append(septets[start:end])
        start = end
    return pieces


def octets(septets: int, fill_bits: int = 0) -> int:
    """How many octets so many packed septets take behind so many fill bits."""
    return (7 * septets + fill_bits + 7) // 8


# Eight septets (64 bits, the top one of each octet 0) close up to 56 bits in three steps: within 2, 4, 8 octets.
_AT_ONCE: Final = 256  # septets
_STEPS: Final = tuple(
    (
        int.from_bytes(low.to_bytes(width, "little") * (_AT_ONCE // width), "little"),
        int.from_bytes((low << 8 * width // 2).to_bytes(width, "little") * (_AT_ONCE // width), "little"),
        shift,
    )
    for width, low, shift in ((2, 0x7F, 1), (4, 0x3FFF, 2), (8, 0xFFFFFFF, 4))
)


def pack(septets: bytes, fill_bits: int = 0) -> bytes:
    """At most 256 septets as octets, the first in the low bits of the first octet, behind `fill_bits` zeros."""
    if len(septets) > _AT_ONCE:
        raise SmsError(f"{len(septets)} septets are more than a message holds")
    groups = (len(septets) + 7) // 8
    value = int.from_bytes(septets, "little")
    for low, high, shift in _STEPS:
        value = value & low | (value & high) >> shift
    packed = bytearray(value.to_bytes(8 * groups, "little"))
    del packed[7::8]  # empty by now
    if fill_bits:
        packed = bytearray((int.from_bytes(packed, "little") << fill_bits).to_bytes(len(packed) + 1, "little"))
    return bytes(packed[: octets(len(septets), fill_bits)])


def unpack(data: bytes, count: int, fill_bits: int = 0) -> bytes:
    """`count` septets out of octets, the fill bits left out; SmsError if the octets hold fewer."""
    needed = octets(count, fill_bits)
    if len(data) < needed:
        raise SmsError(f"{count} septets need {needed} octets, {len(data)} are there")
    if count > _AT_ONCE:
        raise SmsError(f"{count} septets are more than a message holds")
    groups = (count + 7) // 8
    bits = int.from_bytes(data[:needed], "little") >> fill_bits
    packed = bits.to_bytes(7 * groups + 1, "little")
    spread = bytearray(8 * groups)
    for place in range(7):
        spread[place::8] = packed[place : 7 * groups : 7]
    value = int.from_bytes(spread, "little")
    for low, high, shift in reversed(_STEPS):
        value = value & low | value << shift & high
    return value.to_bytes(8 * groups, "little")[:count]

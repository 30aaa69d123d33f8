"""Primitive values of WSP (WAP-230-WSP 8.1.2, 8.4.2) and MMS's encoded-string: a bounded reader, and the writers.

`Reader` takes what a peer sent and raises nothing but MmsError; the `*_value` functions give octets of our own values.
Called by the other modules of this package.
"""

from typing import Final

from lteims.mm1.errors import MmsError

LENGTH_QUOTE: Final = 31  # a uintvar follows with the length; below: the length itself
TEXT_QUOTE: Final = 0x7F  # in front of a text whose first octet is above 127
_QUOTE_MARK: Final = 0x22  # opens a Quoted-string, which nothing closes but the end of the string
_TOP: Final = 2**63 - 1  # what the rest of the program, its database included, can count with
_CONTROLS: Final = dict.fromkeys((*range(32), 127), " ")
UTF_8: Final = 106

# MIBenum (IANA character sets): the MIME name, which Python knows too.
CHARSETS: Final[dict[int, str]] = {
    3: "us-ascii", 4: "iso-8859-1", 5: "iso-8859-2", 6: "iso-8859-3", 7: "iso-8859-4", 8: "iso-8859-5",
    9: "iso-8859-6", 10: "iso-8859-7", 11: "iso-8859-8", 12: "iso-8859-9", 13: "iso-8859-10", 17: "shift_jis",
    18: "euc-jp", 36: "ks_c_5601-1987", 37: "iso-2022-kr", 38: "euc-kr", 39: "iso-2022-jp", 106: "utf-8",
    109: "iso-8859-13", 110: "iso-8859-14", 111: "iso-8859-15", 112: "iso-8859-16", 113: "gbk", 114: "gb18030",
    1000: "iso-10646-ucs-2", 1013: "utf-16be", 1014: "utf-16le", 1015: "utf-16", 2025: "gb2312",
    2026: "big5", 2084: "koi8-r", 2250: "windows-1250", 2251: "windows-1251", 2252: "windows-1252",
    2253: "windows-1253", 2254: "windows-1254", 2255: "windows-1255", 2256: "windows-1256", 2257: "windows-1257",
    2258: "windows-1258", 2259: "tis-620",
}  # fmt: skip
MIB_ENUMS: Final = {name: number for number, name in CHARSETS.items()}
_WIDE: Final = {"iso-10646-ucs-2": "utf-16-be", "utf-16be": "utf-16-be", "utf-16le": "utf-16-le", "utf-16": "utf-16"}


class Reader:
    """Octets with a place in them; every method takes one value and raises MmsError where it is cut off or wrong."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    @property
    def left(self) -> int:
        """Octets that have not been read."""
        return self.end - self.at

    def peek(self) -> int:
        """The next octet, which stays."""
        if self.at >= self.end:
            raise MmsError("cut off")
        return self.data[self.at]

    def octet(self) -> int:
        """One octet."""
        value = self.peek()
        self.at += 1
        return value

    def take(self, count: int) -> bytes:
        """`count` octets."""
        if count > self.left:
            raise MmsError(f"{count} octets announced, {self.left} there")
        start = self.at
        self.at += count
        return self.data[start : self.at]

    def uintvar(self) -> int:
        """8.1.2: 7 bits an octet, at most 5 octets and 32 bits."""
        value = 0
        for _ in range(5):
            octet = self.octet()
            value = value << 7 | octet & 0x7F
            if octet < 0x80:
                if value > 0xFFFFFFFF:
                    break
                return value
        raise MmsError("a uintvar of more than 32 bits")

    def value_length(self) -> int:
        """8.4.2.2: how many octets follow; they are there."""
        length = self.octet()
        if length == LENGTH_QUOTE:
            length = self.uintvar()
        elif length > LENGTH_QUOTE:
            raise MmsError(f"0x{length:02x} is no length")
        if length > self.left:
            raise MmsError(f"{length} octets announced, {self.left} there")
        return length

    def inner(self) -> "Reader":
        """A reader of the value behind a value-length; this one stands behind it."""
        length = self.value_length()
        self.at += length
        return Reader(self.data, self.at - length, self.at)

    def integer(self) -> int:
        """Integer-value (8.4.2.3): a short one of 7 bits, or a long one of 1 to 30 octets, here below 2**63."""
        first = self.octet()
        if first >= 0x80:
            return first & 0x7F
        if not 1 <= first <= 30:
            raise MmsError(f"0x{first:02x} begins no integer")
        value = int.from_bytes(self.take(first))
        if value > _TOP:
            raise MmsError("an integer out of all range")
        return value

    def text_octets(self) -> bytes:
        """Text-string (8.4.2.1) without its quote and end."""
        end = self.data.find(b"\0", self.at, self.end)
        if end < 0:
            raise MmsError("a text without end")
        start = self.at
        self.at = end + 1
        if start < end and self.data[start] == TEXT_QUOTE:
            start += 1
        return self.data[start:end]

    def text(self) -> str:
        """Text-string; what is not UTF-8 counts as Latin-1, so that the text can be shown and stored."""
        return _decode(self.text_octets())

    def quoted(self) -> str:
        """Quoted-string; the quotation marks, which some put at both ends, are no part of it."""
        return self.text().removeprefix('"').removesuffix('"')

    def encoded_string(self) -> str:
        """Encoded-string-value (MMS_ENC 7.3): a text, alone or with its character set."""
        if not 1 <= self.peek() <= LENGTH_QUOTE:
            return self.text()
        inner = self.inner()
        name = inner.charset()
        if name in _WIDE:
            return inner.wide(_WIDE[name])
        octets = inner.text_octets() if b"\0" in inner.data[inner.at : inner.end] else inner.take(inner.left)
        return octets.decode(name, "replace") if name else _decode(octets)

    def charset(self) -> str:
        """Well-known-charset or a text (8.4.2.8): a name of CHARSETS, "" for any and for those that are not there."""
        if 0x20 <= self.peek() <= TEXT_QUOTE:
            name = self.text().lower()
            return name if name in MIB_ENUMS else ""
        return CHARSETS.get(self.integer(), "")  # any-charset, 0x80, is 0 here

    def wide(self, codec: str) -> str:
        """The rest as text in units of 16 bits, which ends with a zero octet or with two."""
        octets = self.take(self.left)
        octets = octets[: len(octets) - len(octets) % 2]
        return octets.decode(codec, "replace").removesuffix("\0").removeprefix("\ufeff")

    def skip_value(self) -> bytes:
        """One value of whatever kind (8.4.1.2), as its octets: a header that nobody knows is passed over so."""
        start = self.at
        first = self.peek()
        if first <= LENGTH_QUOTE:
            length = self.value_length()  # which moves on itself
            self.at += length
        elif first < 0x80:
            self.text_octets()
        else:
            self.at += 1
        return self.data[start : self.at]


def _decode(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def uintvar(value: int) -> bytes:
    """0 to 2**32 - 1 in 1 to 5 octets."""
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.insert(0, value & 0x7F | 0x80)
    return bytes(octets)


def with_length(octets: bytes) -> bytes:
    """The octets behind their value-length."""
    length = len(octets)
    return (bytes([length]) if length < LENGTH_QUOTE else bytes([LENGTH_QUOTE]) + uintvar(length)) + octets


def short_integer(value: int) -> bytes:
    """0 to 127 in one octet."""
    return bytes([value | 0x80])


def long_integer(value: int) -> bytes:
    """An unsigned number in as few octets as it needs, behind their count."""
    count = max(1, (value.bit_length() + 7) // 8)
    return bytes([count]) + value.to_bytes(count)


def integer(value: int) -> bytes:
    """Integer-value in its shortest form."""
    return short_integer(value) if value < 0x80 else long_integer(value)


def text(value: str) -> bytes:
    """Text-string in UTF-8; control characters, which it cannot hold, become blanks."""
    octets = value.translate(_CONTROLS).encode("utf-8", "replace")
    quote = bytes([TEXT_QUOTE]) if octets[:1] >= b"\x7f" else b""
    return quote + octets + b"\0"


def quoted(value: str) -> bytes:
    """Quoted-string: a quotation mark in front, none behind."""
    return bytes([_QUOTE_MARK]) + value.translate(_CONTROLS).encode("utf-8", "replace") + b"\0"


def encoded_string(value: str) -> bytes:
    """Encoded-string-value: a text that is ASCII alone, else as UTF-8 with its character set."""
    if value.isascii() and value[:1] >= " ":
        return value.replace("\0", " ").replace("\x7f", " ").encode() + b"\0"
    if not value:
        return b"\0"
    octets = value.replace("\0", " ").encode("utf-8", "replace")
    quote = bytes([TEXT_QUOTE]) if octets[0] >= TEXT_QUOTE else b""
    return with_length(short_integer(UTF_8) + quote + octets + b"\0")

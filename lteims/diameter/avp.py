"""AVPs: their data formats (RFC 6733 4.2, 4.3), how they are written and read (4.1); attributes.py declares them.

An Attribute is called with a value to get its octets; `parse` reads a run of AVPs strictly. By hand rather than on a
library: the known ones leave lengths unchecked, so every check would stand here all the same.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

from lteims.diameter.errors import DiameterError, ResultCode

T = TypeVar("T")

V_BIT: Final = 0x80
M_BIT: Final = 0x40
_RESERVED: Final = 0x1F  # 0x20, the P bit, was for end-to-end security: ignored
_HEAD: Final = Struct(">II")
_U32: Final = Struct(">I")
_I32: Final = Struct(">i")
_U64: Final = Struct(">Q")
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
_DEEPEST: Final = 8  # groups in groups; the commands need four
_LONGEST: Final = 0xFFFFFF
_LONGEST_NAME: Final = 255  # octets of a domain name (RFC 1035 2.3.4)
_SHOWN: Final = 100  # characters of a value in the text of an error


class Attribute(Generic[T]):
    """One AVP of the dictionary: its code, vendor and name; subclasses are the data formats."""

    size: int | None = None  # octets of the data, where that is fixed
    least = 0  # octets of the shortest data

    def __init__(self, code: int, name: str, vendor: int = 0, *, must: bool = True) -> None:
        """`must`: is the M bit set in what we send?"""
        self.code = code
        self.name = name
        self.vendor = vendor
        self.flags = (V_BIT if vendor else 0) | (M_BIT if must else 0)
        self._tail = _U32.pack(vendor) if vendor else b""
        BY_CODE[vendor, code] = self
        BY_NAME[name] = self

    def encode(self, data: bytes) -> bytes:
        """The AVP with these octets as its data, padded."""
        length = 8 + len(self._tail) + len(data)
        if length > _LONGEST:
            raise DiameterError(f"{self.name} of {len(data)} octets")
        return _HEAD.pack(self.code, self.flags << 24 | length) + self._tail + data + _PADDING[length & 3]

    def example(self) -> bytes:
        """The AVP with zeros as its data: what Failed-AVP shows of a missing one (RFC 6733 7.5)."""
        return self.encode(bytes(self.size or self.least))

    def __repr__(self) -> str:
        return self.name


BY_CODE: Final[dict[tuple[int, int], Attribute[Any]]] = {}  # by vendor and code
BY_NAME: Final[dict[str, Attribute[Any]]] = {}


class Leaf(Attribute[T], ABC):
    """An AVP that is no group."""

    @abstractmethod
    def unpack(self, data: bytes) -> T:
        """The value; ValueError says what is wrong with the octets."""

    @abstractmethod
    def pack(self, value: T) -> bytes:
        """The data; ValueError for a value that does not fit."""

    def __call__(self, value: T) -> bytes:
        """The AVP; DiameterError for a value that does not fit."""
        try:
            return self.encode(self.pack(value))
        except (ValueError, OverflowError) as error:
            raise DiameterError(f"{self.name}: {error}", ResultCode.DIAMETER_INVALID_AVP_VALUE) from None


class Octets(Leaf[bytes]):
    """OctetString."""

    def pack(self, value: bytes) -> bytes:
        return value

    def unpack(self, data: bytes) -> bytes:
        return data


class Text(Leaf[str]):
    """UTF8String, and what derives from it without a syntax that is looked at."""

    def pack(self, value: str) -> bytes:
        return value.encode("utf-8")

    def unpack(self, data: bytes) -> str:
        return data.decode("utf-8")


class Identity(Text):
    """DiameterIdentity: an FQDN or a realm (RFC 6733 4.3.1), in small letters since it is compared without case."""

    least = 1

    def pack(self, value: str) -> bytes:
        return value.encode("ascii")

    def unpack(self, data: bytes) -> str:
        if not 0 < len(data) <= _LONGEST_NAME or not data.isascii() or not all(0x20 < octet < 0x7F for octet in data):
            raise ValueError("no DiameterIdentity")
        return data.decode("ascii").lower()


class Filter(Text):
    """IPFilterRule: ASCII (RFC 6733 4.3.1); rx_media.py reads those that Rx has."""

    least = 1

    def unpack(self, data: bytes) -> str:
        return data.decode("ascii")


class Unsigned32(Leaf[int]):
    """Unsigned32."""

    size = least = 4
    _format = _U32

    def pack(self, value: int) -> bytes:
        if not 0 <= value <= 0xFFFFFFFF:
            raise ValueError(f"{value} is no Unsigned32")
        return _U32.pack(value)

    def unpack(self, data: bytes) -> int:
        return int(_U32.unpack(data)[0])


class Unsigned64(Leaf[int]):
    """Unsigned64."""

    size = least = 8

    def pack(self, value: int) -> bytes:
        if not 0 <= value < 1 << 64:
            raise ValueError(f"{value} is no Unsigned64")
        return _U64.pack(value)

    def unpack(self, data: bytes) -> int:
        return int(_U64.unpack(data)[0])


class Enumerated(Leaf[int]):
    """Enumerated; a value that `names` lacks stays a number, for whoever needs it to refuse."""

    size = least = 4

    def __init__(self, code: int, name: str, vendor: int = 0, *, names: type[IntEnum], must: bool = True) -> None:
        super().__init__(code, name, vendor, must=must)
        self.names = names
        self._known = {int(member): member for member in names}

    def pack(self, value: int) -> bytes:
        if not -(1 << 31) <= value < 1 << 32:
            raise ValueError(f"{value} is no Enumerated")
        return _U32.pack(value & 0xFFFFFFFF)

    def unpack(self, data: bytes) -> int:
        value = int(_I32.unpack(data)[0])
        return self._known.get(value, value)


class Address(Leaf["IPv4Address | IPv6Address"]):
    """Address: the family of IANA, then the octets (RFC 6733 4.3.1)."""

    least = 6

    def pack(self, value: IPv4Address | IPv6Address) -> bytes:
        return (b"\0\1" if value.version == 4 else b"\0\2") + value.packed

    def unpack(self, data: bytes) -> IPv4Address | IPv6Address:
        if data[:2] == b"\0\1" and len(data) == 6:
            return IPv4Address(data[2:])
        if data[:2] == b"\0\2" and len(data) == 18:
            return IPv6Address(data[2:])
        raise ValueError("no address of IPv4 or IPv6")


class FramedAddress(Leaf[IPv4Address]):
    """Framed-IP-Address: four octets (RFC 7155 4.4.10.5.1)."""

    size = least = 4

    def pack(self, value: IPv4Address) -> bytes:
        return value.packed

    def unpack(self, data: bytes) -> IPv4Address:
        return IPv4Address(data)


class FramedPrefix(Leaf[tuple[IPv6Address, int]]):
    """Framed-IPv6-Prefix: a zero, the length, as many octets as there are prefix (RFC 3162 2.3)."""

    least = 2

    def pack(self, value: tuple[IPv6Address, int]) -> bytes:
        address, length = value
        if not 0 <= length <= 128:
            raise ValueError(f"a prefix of {length} bits")
        return bytes((0, length)) + address.packed[: (length + 7) // 8]

    def unpack(self, data: bytes) -> tuple[IPv6Address, int]:
        if not 2 <= len(data) <= 18 or data[1] > 128 or (data[1] + 7) // 8 > len(data) - 2:
            raise ValueError("no prefix of IPv6")
        return IPv6Address(data[2:].ljust(16, b"\0")), data[1]


class Avp(NamedTuple):
    """One AVP as it came; `attribute` is None, and `value` its octets, where the dictionary lacks it."""

    attribute: Attribute[Any] | None
    code: int
    vendor: int
    flags: int
    data: bytes
    value: Any

    def encode(self) -> bytes:
        """The octets again, with the flags that it had."""
        length = len(self.data) + (12 if self.flags & V_BIT else 8)
        tail = _U32.pack(self.vendor) if self.flags & V_BIT else b""
        return _HEAD.pack(self.code, self.flags << 24 | length) + tail + self.data + _PADDING[length & 3]


class Avps(tuple[Avp, ...]):
    """A run of AVPs, read."""

    __slots__ = ()

    def first(self, attribute: Attribute[T]) -> T | None:
        """The value of the first AVP of this attribute; None if there is none."""
        for avp in self:
            if avp.attribute is attribute:
                return avp.value  # type: ignore[no-any-return]
        return None

    def need(self, attribute: Attribute[T]) -> T:
        """As `first`; DiameterError 5005 if there is none."""
        for avp in self:
            if avp.attribute is attribute:
                return avp.value  # type: ignore[no-any-return]
        raise missing(attribute)

    def all(self, attribute: Attribute[T]) -> tuple[T, ...]:
        """The values of all AVPs of this attribute, in their order."""
        return tuple(avp.value for avp in self if avp.attribute is attribute)


class Group(Attribute[Avps]):
    """Grouped; `grammar` is its CCF of the specification, for grammar.py; empty where anything may be in it."""

    def __init__(
        self, code: int, name: str, vendor: int = 0, *, grammar: str = "", must: bool = True, opaque: bool = False
    ) -> None:
        """`opaque`: what is inside is not looked at, as it may be wrong on purpose (Failed-AVP)."""
        super().__init__(code, name, vendor, must=must)
        self.grammar = grammar
        self.opaque = opaque

    def __call__(self, *members: bytes) -> bytes:
        """The AVP around these encoded ones."""
        return self.encode(b"".join(members))


def missing(attribute: Attribute[Any]) -> DiameterError:
    """The error for an AVP that has to be there."""
    return DiameterError(f"{attribute} is missing", ResultCode.DIAMETER_MISSING_AVP, attribute.example())


def refused(attribute: Leaf[T], value: T, why: str = "") -> DiameterError:
    """The error for an AVP whose value cannot be served."""
    text = f"{attribute} {repr(value)[:_SHOWN]}" + (f": {why}" if why else "")
    return DiameterError(text, ResultCode.DIAMETER_INVALID_AVP_VALUE, attribute(value))


def parse(data: bytes, at: int = 0, end: int | None = None, depth: int = 0) -> Avps:
    """Read AVPs; DiameterError 5014 for lengths, 5004 for values, 3009 for flags, with the AVP for Failed-AVP."""
    return Avps(_each(data, at, len(data) if end is None else end, depth))


def _each(data: bytes, at: int, end: int, depth: int) -> Iterator[Avp]:
    while at < end:
        if end - at < 8:
            raise _bad_length("an AVP cut short", data[at:end].ljust(8, b"\0"))
        code, word = _HEAD.unpack_from(data, at)
        flags, length = word >> 24, word & _LONGEST
        start = at + 12 if flags & V_BIT else at + 8
        stop = at + length
        following = stop + 3 & ~3
        if following > end or stop < start:
            raise _bad_length(f"AVP {code} of {length} octets", _header_alone(data[at:end], code))
        vendor = _U32.unpack_from(data, at + 8)[0] if flags & V_BIT else 0
        attribute = BY_CODE.get((vendor, code))
        if flags & _RESERVED:
            raise DiameterError(
                f"AVP {code} with flags {flags:#04x}", ResultCode.DIAMETER_INVALID_AVP_BITS, data[at:following]
            )
        content = data[start:stop]
        value = content if attribute is None else _value(attribute, content, data[at:start], depth)
        yield Avp(attribute, code, vendor, flags, content, value)
        at = following


def _value(attribute: Attribute[Any], content: bytes, head: bytes, depth: int) -> Any:
    if isinstance(attribute, Group):
        if attribute.opaque:
            return Avps()
        if depth >= _DEEPEST:
            raise DiameterError(
                f"groups in {attribute} in more than {_DEEPEST} groups",
                ResultCode.DIAMETER_INVALID_AVP_VALUE,
                attribute.encode(b""),
            )
        try:
            return parse(content, depth=depth + 1)
        except DiameterError as error:
            error.failed = attribute.encode(error.failed)
            raise
    if len(content) < attribute.least or attribute.size not in (None, len(content)):
        raise _bad_length(f"{attribute} with {len(content)} octets of data", attribute.encode(content))
    try:
        return cast(Leaf[Any], attribute).unpack(content)  # there is no third kind
    except ValueError as error:
        failed = attribute.encode(content)
        raise DiameterError(f"{attribute}: {error}", ResultCode.DIAMETER_INVALID_AVP_VALUE, failed) from None


def _bad_length(why: str, failed: bytes) -> DiameterError:
    return DiameterError(why, ResultCode.DIAMETER_INVALID_AVP_LENGTH, failed)


def _header_alone(rest: bytes, code: int) -> bytes:
    """The header of an AVP whose length is wrong, with the least data that it could have (RFC 6733 7.1.5, 5014)."""
    size = 12 if rest[4] & V_BIT else 8
    head = rest[:size].ljust(size, b"\0")
    vendor = _U32.unpack_from(head, 8)[0] if size == 12 else 0
    attribute = BY_CODE.get((vendor, code))
    least = attribute.least if attribute else 0
    return head[:5] + (size + least).to_bytes(3, "big") + head[8:] + bytes(least + 3 & ~3)

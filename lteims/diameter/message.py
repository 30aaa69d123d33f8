"""A Diameter message: its header (RFC 6733 3) and its AVPs; and where one ends in a TCP stream.

peer.py parses what comes and encodes what goes; dump.py shows it in the log.
"""

from collections.abc import Iterator
from contextlib import suppress
from struct import Struct
from typing import Any, Final, NamedTuple, TypeVar

from lteims.diameter import avp
from lteims.diameter.avp import Attribute, Avps
from lteims.diameter.errors import DiameterError, ResultCode

T = TypeVar("T")

R_BIT: Final = 0x80
P_BIT: Final = 0x40
E_BIT: Final = 0x20
T_BIT: Final = 0x10
HEADER_SIZE: Final = 20
LONGEST: Final = 1 << 18  # octets of a message that we take; user data of a generous HSS have some 30,000
_HEADER: Final = Struct(">IIIII")
_LENGTH: Final = 0xFFFFFF


class Header(NamedTuple):
    """All of the header but version and length."""

    flags: int
    code: int
    application: int
    hop_by_hop: int
    end_to_end: int

    @property
    def is_request(self) -> bool:
        """Is the R bit set?"""
        return bool(self.flags & R_BIT)

    @property
    def is_error(self) -> bool:
        """Is the E bit set?"""
        return bool(self.flags & E_BIT)

    @property
    def is_repeated(self) -> bool:
        """Is the T bit set: may it have been sent before?"""
        return bool(self.flags & T_BIT)

    def answer(self, error: bool = False) -> "Header":
        """The header of the answer (RFC 6733 6.2): P stays, R and T go."""
        return self._replace(flags=self.flags & P_BIT | (E_BIT if error else 0))

    def encode(self, body: bytes) -> bytes:
        """The message with these AVPs."""
        length = HEADER_SIZE + len(body)
        if length > _LENGTH:
            raise DiameterError(f"a message of {length} octets")
        return (
            _HEADER.pack(
                1 << 24 | length, self.flags << 24 | self.code, self.application, self.hop_by_hop, self.end_to_end
            )
            + body
        )

    @classmethod
    def parse(cls, data: bytes) -> "Header":
        """Read the first 20 octets, whatever they say; DiameterError 5015 if there are fewer."""
        if len(data) < HEADER_SIZE:
            raise DiameterError(f"{len(data)} octets", ResultCode.DIAMETER_INVALID_MESSAGE_LENGTH)
        _, word, application, hop_by_hop, end_to_end = _HEADER.unpack_from(data)
        return cls(word >> 24, word & _LENGTH, application, hop_by_hop, end_to_end)


class Message(NamedTuple):
    """A message that came."""

    header: Header
    avps: Avps

    def first(self, attribute: Attribute[T]) -> T | None:
        """The first value; None if there is none."""
        return self.avps.first(attribute)

    def need(self, attribute: Attribute[T]) -> T:
        """The first value; DiameterError 5005 if there is none."""
        return self.avps.need(attribute)

    def all(self, attribute: Attribute[T]) -> tuple[T, ...]:
        """All values."""
        return self.avps.all(attribute)

    @classmethod
    def parse(cls, data: bytes, header: Header | None = None) -> "Message":
        """Read a whole message, whose header may be read already. DiameterError: 5015, 5011 and 3008 for the header,
        else as `avp.parse`."""
        header = header or Header.parse(data)
        length = int.from_bytes(data[1:4], "big")
        if data[0] != 1:
            raise DiameterError(f"version {data[0]}", ResultCode.DIAMETER_UNSUPPORTED_VERSION)
        if length != len(data) or length & 3:
            why = f"length {length} in a message of {len(data)} octets"
            raise DiameterError(why, ResultCode.DIAMETER_INVALID_MESSAGE_LENGTH)
        if header.is_request and header.is_error:
            raise DiameterError(f"flags {header.flags:#04x}", ResultCode.DIAMETER_INVALID_HDR_BITS)
        return cls(header, avp.parse(data, HEADER_SIZE))


def readable(data: bytes, *wanted: Attribute[Any]) -> bytes:
    """Those of the wanted AVPs that can be read of a message that as a whole cannot, encoded, for its answer."""
    found = b""
    at = HEADER_SIZE
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 5 : at + 8], "big")
        following = at + (length + 3 & ~3)
        if length < 8 or following > len(data):
            break
        code = int.from_bytes(data[at : at + 4], "big")
        if not data[at + 4] & avp.V_BIT and any(code == each.code and not each.vendor for each in wanted):
            one = data[at : at + 4] + bytes((data[at + 4] & avp.M_BIT,)) + data[at + 5 : following]
            with suppress(DiameterError):  # one that is itself wrong would spoil the answer
                avp.parse(one)
                found += one
        at = following
    return found


class Stream:
    """Cuts a TCP stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete now. DiameterError if the stream is out of step: it has to be closed."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= 4:
            length = int.from_bytes(buffer[1:4], "big")
            if buffer[0] != 1:
                raise DiameterError(f"version {buffer[0]}", ResultCode.DIAMETER_UNSUPPORTED_VERSION)
            if length < HEADER_SIZE or length & 3 or length > LONGEST:
                raise DiameterError(f"a message of {length} octets", ResultCode.DIAMETER_INVALID_MESSAGE_LENGTH)
            if len(buffer) < length:
                break
            message = bytes(buffer[:length])
            del buffer[:length]
            yield message

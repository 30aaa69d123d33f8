"""The user data header: information elements in front of the text (TS 23.040 9.2.3.24).

userdata.py finds it in TP-UD; text.py writes concatenation (9.2.3.24.1, .8), WAP push the ports (9.2.3.24.3, .4).
Other elements are kept as octets.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from lteims.sms.errors import SmsError
from lteims.sms.octets import one_octet

WAP_PUSH: Final = 2948  # the registered port of connectionless WAP push (WAP-235)
_LONGEST: Final = 139  # octets behind UDHL in a TP-UD of 140


class Iei(IntEnum):
    """Information element identifiers that this package understands (table 9.2.3.24)."""

    CONCATENATION_8 = 0x00
    PORTS_8 = 0x04
    PORTS_16 = 0x05
    CONCATENATION_16 = 0x08


@dataclass(frozen=True, slots=True)
class Element:
    """One information element as it came or is to go."""

    iei: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Part `number` (from 1) of `total` of the message that `reference` names; `wide` is a 16-bit reference."""

    reference: int
    total: int
    number: int
    wide: bool = False

    def element(self) -> Element:
        """The information element; SmsError for numbers that cannot be."""
        if not (1 <= self.number <= self.total <= 255 and 0 <= self.reference < (0x10000 if self.wide else 0x100)):
            raise SmsError(f"impossible {self}")
        tail = bytes((self.total, self.number))
        if self.wide:
            return Element(Iei.CONCATENATION_16, self.reference.to_bytes(2, "big") + tail)
        return Element(Iei.CONCATENATION_8, bytes((self.reference,)) + tail)


@dataclass(frozen=True, slots=True)
class Ports:
    """Application port addressing; `wide` are 16-bit ports."""

    destination: int
    source: int
    wide: bool = True

    def element(self) -> Element:
        """The information element; SmsError for ports that do not fit it."""
        size = 2 if self.wide else 1
        if not (0 <= self.destination < 1 << 8 * size and 0 <= self.source < 1 << 8 * size):
            raise SmsError(f"impossible {self}")
        octets = self.destination.to_bytes(size, "big") + self.source.to_bytes(size, "big")
        return Element(Iei.PORTS_16 if self.wide else Iei.PORTS_8, octets)


@dataclass(frozen=True, slots=True)
class Header:
    """The elements of a user data header in their order."""

    elements: tuple[Element, ...]

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """What follows UDHL; SmsError if the last element is too long or too short for it."""
        elements = []
        at = 0
        while at < len(octets):
            end = at + 2 + octets[at + 1] if at + 1 < len(octets) else at + 2
            if end > len(octets):
                raise SmsError(f"the last element of the user data header is cut off: {octets.hex()}")
            elements.append(Element(octets[at], octets[at + 2 : end]))
            at = end
        return cls(tuple(elements))

    def encode(self) -> bytes:
        """UDHL and the elements; SmsError if they do not fit a message."""
        body = b"".join(
            bytes((one_octet(element.iei, "IEI"), one_octet(len(element.data), "IEDL"))) + element.data
            for element in self.elements
        )
        if len(body) > _LONGEST:
            raise SmsError(f"a user data header of {len(body)} octets")
        return bytes((len(body),)) + body

    @property
    def concatenation(self) -> Concatenation | None:
        """The last valid one, as the clause wants of elements that exclude each other."""
        for element in reversed(self.elements):
            wide = element.iei == Iei.CONCATENATION_16
            if (wide or element.iei == Iei.CONCATENATION_8) and len(element.data) == 3 + wide:
                reference, (total, number) = int.from_bytes(element.data[:-2], "big"), element.data[-2:]
                if 1 <= number <= total:  # 9.2.3.24.1: others are ignored
                    return Concatenation(reference, total, number, wide)
        return None

    @property
    def ports(self) -> Ports | None:
        """The last valid ones."""
        for element in reversed(self.elements):
            wide = element.iei == Iei.PORTS_16
            if (wide or element.iei == Iei.PORTS_8) and len(element.data) == (4 if wide else 2):
                half = len(element.data) // 2
                destination, source = element.data[:half], element.data[half:]
                return Ports(int.from_bytes(destination, "big"), int.from_bytes(source, "big"), wide)
        return None

"""Addresses of the transfer layer (TS 23.040 9.1.2.5) and of the relay layer (TS 24.011 8.2.5), one value for both.

tpdu.py and rp.py read and write them; ims/ makes them from what SIP and the remote API call a sender or destination.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from lteims.sms import gsm7
from lteims.sms.cause import TpFcs
from lteims.sms.errors import SmsError
from lteims.sms.octets import Reader

_DIGITS: Final = "0123456789*#abc"  # the semi-octets 0 to 14; 15 fills up (TS 23.040 9.1.2.3, TS 24.008 table 10.5.118)
_SEMI_OCTETS: Final = {digit: code for code, digit in enumerate(_DIGITS)}
_NUMBER: Final = re.compile(r"\+?[0-9*#abc]{1,20}\Z")
_MOST_SEMI_OCTETS: Final = 20  # 10 octets of value (TS 23.040 9.1.2.5)
_MOST_RP_OCTETS: Final = 11  # with the type of address (TS 24.011 8.2.5.1, 8.2.5.2)


class TypeOfNumber(IntEnum):
    """Type of number (TS 23.040 9.1.2.5)."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6
    RESERVED = 7


class NumberingPlan(IntEnum):
    """Numbering plan identification; an Address may have another, which is kept as it came."""

    UNKNOWN = 0
    ISDN = 1
    DATA = 3
    TELEX = 4
    NATIONAL = 8
    PRIVATE = 9
    ERMES = 10


@dataclass(frozen=True, slots=True)
class Address:
    """Who sent or who gets a message: the digits without "+", or the text of an alphanumeric address."""

    value: str
    ton: TypeOfNumber = TypeOfNumber.UNKNOWN
    npi: int = NumberingPlan.ISDN

    @classmethod
    def number(cls, number: str) -> Self:
        """A number of the ISDN plan, international if it begins with "+"; SmsError if it is none of 1 to 20 digits."""
        if not _NUMBER.match(number):
            raise SmsError(f"no number: {number[:30]!r}", tp_fcs=TpFcs.INVALID_SME_ADDRESS)
        if number.startswith("+"):
            return cls(number[1:], TypeOfNumber.INTERNATIONAL)
        return cls(number)

    @classmethod
    def alphanumeric(cls, text: str) -> Self:
        """A sender shown as text: at most 11 septets of the GSM alphabet (Unencodable, SmsError)."""
        if not 0 < len(gsm7.encode(text)) <= 4 * _MOST_SEMI_OCTETS // 7:
            twice = "".join(sorted(set(text) & set(gsm7.EXTENSION.values())))
            counting = f", {twice} counting twice" if twice else ""
            raise SmsError(f"an alphanumeric address holds 1 to 11 characters{counting}: {text!r}")
        return cls(text, TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN)

    @classmethod
    def of(cls, sender: str) -> Self:
        """A number if it looks like one, else alphanumeric."""
        return cls.number(sender) if _NUMBER.match(sender) else cls.alphanumeric(sender)

    def __str__(self) -> str:
        """As people write it: "+" in front of an international number."""
        return f"+{self.value}" if self.ton is TypeOfNumber.INTERNATIONAL else self.value

    @classmethod
    def parse(cls, reader: Reader, field: str) -> Self:
        """A TP address: the number of semi-octets, the type of address, the value."""
        fcs = TpFcs.INVALID_SME_ADDRESS
        count = reader.octet(f"{field} length", fcs)
        if count > _MOST_SEMI_OCTETS:
            raise SmsError(f"{field} of {count} semi-octets, 20 are the most", tp_fcs=fcs)
        ton, npi = _type_of_address(reader.octet(f"{field} type of address", fcs), field)
        value = reader.take((count + 1) // 2, field, fcs)
        if ton is not TypeOfNumber.ALPHANUMERIC:
            return cls(_digits(value, count, field), ton, npi)
        return cls(gsm7.decode(gsm7.unpack(value, 4 * count // 7)), ton, npi)

    def encode(self) -> bytes:
        """The octets of a TP address; SmsError if the value does not fit one."""
        if self.ton is TypeOfNumber.ALPHANUMERIC:
            septets = gsm7.encode(self.value)
            count, value = (7 * len(septets) + 3) // 4, gsm7.pack(septets)
        else:
            count, value = len(self.value), self._semi_octets()
        if count > _MOST_SEMI_OCTETS:
            raise SmsError(f"{self.value!r} is too long for an address", tp_fcs=TpFcs.INVALID_SME_ADDRESS)
        return bytes((count, self._type_octet())) + value

    @classmethod
    def parse_rp(cls, reader: Reader, field: str) -> Self | None:
        """An RP address: its length in octets, the type of address, the digits; None for one of no octets."""
        length = reader.octet(f"{field} length")
        if not length:
            return None
        if length > _MOST_RP_OCTETS:
            raise SmsError(f"{field} of {length} octets, 11 are the most")
        ton, npi = _type_of_address(reader.octet(f"{field} type of number"), field)
        value = reader.take(length - 1, field)
        filled = bool(value) and value[-1] >> 4 == 0xF
        return cls(_digits(value, 2 * len(value) - filled, field), ton, npi)

    def encode_rp(self) -> bytes:
        """The octets of an RP address; SmsError if the value does not fit one."""
        value = self._semi_octets()
        if len(value) >= _MOST_RP_OCTETS:
            raise SmsError(f"{self.value!r} is too long for an address")
        return bytes((1 + len(value), self._type_octet())) + value

    def _type_octet(self) -> int:
        if not 0 <= self.npi <= 15:
            raise SmsError(f"no numbering plan {self.npi}")
        return 0x80 | self.ton << 4 | self.npi

    def _semi_octets(self) -> bytes:
        try:
            codes = [_SEMI_OCTETS[digit] for digit in self.value]
        except KeyError:
            raise SmsError(f"no number: {self.value!r}", tp_fcs=TpFcs.INVALID_SME_ADDRESS) from None
        if len(codes) % 2:
            codes.append(0xF)
        return bytes([low | high << 4 for low, high in zip(codes[::2], codes[1::2], strict=True)])


NO_RP_ADDRESS: Final = b"\0"  # the length octet alone


def _type_of_address(octet: int, field: str) -> tuple[TypeOfNumber, int]:
    if not octet & 0x80:
        raise SmsError(f"{field}: type of address {octet:02x} without its top bit", tp_fcs=TpFcs.INVALID_SME_ADDRESS)
    return TypeOfNumber(octet >> 4 & 7), octet & 0xF


def _digits(value: bytes, count: int, field: str) -> str:
    codes = [code for octet in value for code in (octet & 0xF, octet >> 4)][:count]
    if 0xF in codes:
        raise SmsError(f"{field}: filler among the digits {value.hex()}", tp_fcs=TpFcs.INVALID_SME_ADDRESS)
    return "".join([_DIGITS[code] for code in codes])

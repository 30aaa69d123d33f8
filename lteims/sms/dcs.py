"""TP-Data-Coding-Scheme: alphabet, class, compression, message waiting (TS 23.038 4).

A field of the TPDUs in tpdu.py and report.py; userdata.py and text.py ask it how the user data is coded.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, Self

from lteims.sms import gsm7
from lteims.sms.errors import SmsError
from lteims.sms.octets import one_octet


class Alphabet(StrEnum):
    """How characters are coded."""

    GSM7 = "GSM 7 bit"
    EIGHT_BIT = "8 bit"
    UCS2 = "UCS2"


class WaitingType(IntEnum):
    """What waits (bits 1 and 0 of the message waiting groups)."""

    VOICEMAIL = 0
    FAX = 1
    EMAIL = 2
    OTHER = 3


@dataclass(frozen=True, slots=True)
class MessageWaiting:
    """The indication of the message waiting groups: set or cleared, for what, and whether the text is to be kept."""

    active: bool
    type: WaitingType
    store: bool


_ALPHABETS: Final = (Alphabet.GSM7, Alphabet.EIGHT_BIT, Alphabet.UCS2, Alphabet.GSM7)  # 11 is reserved


@dataclass(frozen=True, slots=True)
class Dcs:
    """TP-DCS. Every octet is valid: reserved codings are read as the GSM 7 bit default alphabet, as clause 4 wants."""

    octet: int = 0

    @classmethod
    def text(cls, alphabet: Alphabet, message_class: int | None = None) -> Self:
        """The general data coding of an uncompressed text; SmsError for a class that is not 0 to 3 or None."""
        octet = _ALPHABETS.index(alphabet) << 2
        if message_class is None:
            return cls(octet)
        if not 0 <= message_class <= 3:
            raise SmsError(f"no message class {message_class}")
        return cls(0x10 | octet | message_class)

    @property
    def _group(self) -> int:
        return self.octet >> 4

    @property
    def alphabet(self) -> Alphabet:
        """The character set; for compressed text that of the text before the compression."""
        if self._group < 0x8:  # general data coding, and the same for automatic deletion
            return _ALPHABETS[self.octet >> 2 & 3]
        if self._group == 0xE:
            return Alphabet.UCS2
        if self._group == 0xF and self.octet & 0x04:
            return Alphabet.EIGHT_BIT
        return Alphabet.GSM7

    @property
    def message_class(self) -> int | None:
        """0 (shown at once) to 3, or None."""
        if self._group == 0xF or (self._group < 0x8 and self.octet & 0x10):
            return self.octet & 3
        return None

    @property
    def compressed(self) -> bool:
        """True if the text is compressed as TS 23.042 says."""
        return self._group < 0x8 and bool(self.octet & 0x20)

    @property
    def automatic_deletion(self) -> bool:
        """True if the phone should delete the message once it was read."""
        return 0x4 <= self._group < 0x8

    @property
    def message_waiting(self) -> MessageWaiting | None:
        """The indication of groups 1100 to 1110, or None."""
        if not 0xC <= self._group <= 0xE:
            return None
        return MessageWaiting(bool(self.octet & 0x08), WaitingType(self.octet & 3), self._group != 0xC)

    @property
    def septets(self) -> bool:
        """True if TP-UDL counts septets; compressed text counts octets (TS 23.040 9.2.3.16)."""
        return self.alphabet is Alphabet.GSM7 and not self.compressed

    def encode(self) -> int:
        """The octet; SmsError if it is none."""
        return one_octet(self.octet, "TP-DCS")


def choose(text: str) -> Alphabet:
    """The alphabet with the fewest octets that has every character of the text: GSM 7 bit, or else UCS2."""
    return Alphabet.UCS2 if gsm7.unencodable(text) else Alphabet.GSM7

"""Addresses of MMS (OMA-TS-MMS_ENC 8): numbers, mail addresses and IP addresses as From, To, Cc and Bcc write them.

Called by ims/, which looks for the subscriber of a number, and by compose.py.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

_TYPE: Final = re.compile(r"/TYPE=([A-Za-z0-9]+)\s*\Z", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\+?[0-9*#][0-9*#.\- ()]*")  # written separators are admitted (RFC 3966 visual ones)
_SEPARATORS: Final = str.maketrans("", "", ".- ()")


class AddressType(StrEnum):
    """How the address is to be read; the specification's word where it has one."""

    PLMN = "PLMN"
    IPV4 = "IPv4"
    IPV6 = "IPv6"
    EMAIL = "email"
    OTHER = "other"  # an alphanumeric short code, or a type of somebody's own


_BY_NAME: Final = {kind.lower(): kind for kind in (AddressType.PLMN, AddressType.IPV4, AddressType.IPV6)}


@dataclass(frozen=True, slots=True)
class Address:
    """One address without its type; a number has a plus sign if it is international and no separators."""

    value: str
    type: AddressType = AddressType.PLMN
    display: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a header's value; anything can be read, what is no address of a known form is OTHER."""
        display, bare = _split_display(text.strip())
        found = _TYPE.search(bare)
        if found:
            value = bare[: found.start()].strip()
            kind = _BY_NAME.get(found[1].lower(), AddressType.OTHER)
        else:
            value = bare
            kind = AddressType.EMAIL if "@" in bare else AddressType.PLMN
        if kind is AddressType.PLMN:
            if not _NUMBER.fullmatch(value):
                return cls(value, AddressType.OTHER, display)
            value = value.translate(_SEPARATORS)
        return cls(value, kind, display)

    def encode(self) -> str:
        """The value as a header has it; a short code goes without a type."""
        typed = self.type in _BY_NAME.values()
        bare = f"{self.value}/TYPE={self.type}" if typed else self.value
        return f'"{self.display}" <{bare}>' if self.display else bare


def _split_display(text: str) -> tuple[str, str]:
    """`"Name" <address>` as mail writes it (RFC 2822), taken apart."""
    name, bracket, rest = text.rpartition("<")
    if not bracket or not rest.endswith(">"):
        return "", text
    return name.strip().strip('"').replace('"', ""), rest[:-1].strip()

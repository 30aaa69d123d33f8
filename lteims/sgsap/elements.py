"""The values of information elements (TS 29.118 9.4, TS 29.018 18.4): how each is read from octets and written.

An `Element` has both ways and the length that its value may have; message.py says which message has which of them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from lteims.sgsap.cause import Iei

_IMSI: Final = re.compile(r"[0-9]{6,15}\Z")
_IMEISV: Final = re.compile(r"[0-9]{16}\Z")
_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,63}\Z")
_NAME: Final = re.compile(rb"[A-Za-z0-9_.-]+\Z")
_ODD_IMSI, _EVEN_IMSI, _TMSI = 0x09, 0x01, 0xF4  # type of identity and odd/even indicator (TS 24.008 10.5.1.4)


class Malformed(Exception):
    """A value that no element of its kind can have; message.py and decoder.py make a SgsapError of it."""


@dataclass(frozen=True, slots=True)
class Plmn:
    """A network: a mobile country code of 3 digits and a mobile network code of 2 or 3."""

    mcc: str
    mnc: str


@dataclass(frozen=True, slots=True)
class Lai:
    """Location area identification (TS 24.008 10.5.1.3)."""

    plmn: Plmn
    lac: int


@dataclass(frozen=True, slots=True)
class Tai:
    """Tracking area identity (TS 24.301 9.9.3.32)."""

    plmn: Plmn
    tac: int


@dataclass(frozen=True, slots=True)
class Ecgi:
    """E-UTRAN cell global identity (TS 29.274 8.21.5)."""

    plmn: Plmn
    eci: int


@dataclass(frozen=True, slots=True)
class GlobalCnId:
    """Global CN-Id (TS 29.018 18.4.27)."""

    plmn: Plmn
    cn_id: int


@dataclass(frozen=True, slots=True)
class MobileIdentity:
    """Who a location update accept speaks of from now on (9.4.14): an IMSI, which withdraws a TMSI, or a new TMSI."""

    imsi: str = ""
    tmsi: int = 0


@dataclass(frozen=True, slots=True)
class Element:
    """How an element is coded; `shortest` and `longest` are octets of its value."""

    iei: Iei
    shortest: int
    longest: int
    parse: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


def _digits(data: bytes) -> str:
    """Semi-octets, the low one of each octet first; hex digits stand for what is no digit."""
    swapped = data.hex()
    return "".join([swapped[at + 1] + swapped[at] for at in range(0, len(swapped), 2)])


def _semi_octets(digits: str) -> bytes:
    return bytes.fromhex("".join([digits[at + 1] + digits[at] for at in range(0, len(digits), 2)]))


def parse_imsi(data: bytes) -> str:
    """The digits of an IMSI; its first octet says whether their number is odd (TS 24.008 10.5.1.4)."""
    digits = _digits(data)[1:]
    if data[0] & 0xF == _EVEN_IMSI and digits[-1] == "f":
        digits = digits[:-1]
    elif data[0] & 0xF != _ODD_IMSI:
        raise Malformed(f"no IMSI: {data.hex()}")
    if not _IMSI.match(digits):
        raise Malformed(f"no IMSI: {data.hex()}")
    return digits


def _encode_imsi(imsi: str) -> bytes:
    if not isinstance(imsi, str) or not _IMSI.match(imsi):
        raise Malformed(f"no IMSI: {imsi!r}")
    odd = len(imsi) % 2
    return _semi_octets(("9" if odd else "1") + imsi + ("" if odd else "f"))


def _parse_imeisv(data: bytes) -> str:
    digits = _digits(data)
    if not _IMEISV.match(digits):
        raise Malformed(f"no IMEISV: {data.hex()}")
    return digits


def _encode_imeisv(imeisv: str) -> bytes:
    if not _IMEISV.match(imeisv):
        raise Malformed(f"no IMEISV: {imeisv!r}")
    return _semi_octets(imeisv)


def _parse_plmn(data: bytes) -> Plmn:
    digits = _digits(data[:3])  # MCC 1, MCC 2, MCC 3, MNC 3, MNC 1, MNC 2
    mnc = digits[4:6] + ("" if digits[3] == "f" else digits[3])
    if not (digits[:3] + mnc).isdecimal():
        raise Malformed(f"no PLMN: {data[:3].hex()}")
    return Plmn(digits[:3], mnc)


def _encode_plmn(plmn: Plmn) -> bytes:
    if not re.fullmatch("[0-9]{3}", plmn.mcc) or not re.fullmatch("[0-9]{2,3}", plmn.mnc):
        raise Malformed(f"no PLMN: {plmn}")
    return _semi_octets(plmn.mcc + (plmn.mnc[2:] or "f") + plmn.mnc[:2])


def _area(kind: Callable[[Plmn, int], Any], field: str, octets: int, bits: int) -> Any:
    """Both ways of an identity that is a network and a number."""

    def parse(data: bytes) -> Any:
        return kind(_parse_plmn(data), int.from_bytes(data[3:], "big") & (1 << bits) - 1)

    def encode(value: Any) -> bytes:
        number = getattr(value, field)
        if not 0 <= number < 1 << bits:
            raise Malformed(f"{field} {number} does not fit {bits} bits")
        return _encode_plmn(value.plmn) + int(number).to_bytes(octets, "big")

    return parse, encode


def _parse_name(data: bytes) -> str:
    """A name as DNS has it, labels behind their lengths; some MMEs send it as text, which is read as well."""
    labels, at = [], 0
    while at < len(data):
        label = data[at + 1 : at + 1 + data[at]].decode("latin-1")
        if len(label) != data[at] or not _LABEL.match(label):
            break
        labels.append(label)
        at += 1 + data[at]
    else:
        return ".".join(labels)
    text = data.rstrip(b"\0")
    if not _NAME.match(text):
        raise Malformed(f"no name: {data[:60].hex()}")
    return text.decode("ascii")


def _encode_name(name: str) -> bytes:
    labels = name.split(".")
    if not all(_LABEL.match(label) for label in labels):
        raise Malformed(f"no name: {name[:60]!r}")
    return b"".join(bytes((len(label),)) + label.encode("ascii") for label in labels)


def _parse_identity(data: bytes) -> MobileIdentity:
    if data[0] == _TMSI and len(data) == 5:
        return MobileIdentity(tmsi=int.from_bytes(data[1:], "big"))
    return MobileIdentity(imsi=parse_imsi(data))


def _encode_identity(identity: MobileIdentity) -> bytes:
    if identity.imsi:
        return _encode_imsi(identity.imsi)
    return bytes((_TMSI,)) + _encode_number(identity.tmsi, 4)


def _parse_number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _parse_octet(data: bytes) -> int:
    return data[0]


def _encode_number(value: int, octets: int) -> bytes:
    if not 0 <= value < 1 << 8 * octets:
        raise Malformed(f"{value} does not fit {octets} octets")
    return int(value).to_bytes(octets, "big")


def _same(data: bytes) -> bytes:
    return data


def _number(iei: Iei, octets: int = 1) -> Element:
    parse = _parse_octet if octets == 1 else _parse_number
    return Element(iei, octets, octets, parse, lambda value: _encode_number(value, octets))


def _opaque(iei: Iei, shortest: int, longest: int | None = None) -> Element:
    return Element(iei, shortest, longest or shortest, _same, bytes)


IMSI = Element(Iei.IMSI, 4, 8, parse_imsi, _encode_imsi)
VLR_NAME = Element(Iei.VLR_NAME, 1, 255, _parse_name, _encode_name)
# The clause has exactly 55 octets; others are read, since what an MME is called decides nothing but the log and RESET
MME_NAME = Element(Iei.MME_NAME, 1, 255, _parse_name, _encode_name)
TMSI = _number(Iei.TMSI, 4)
LAI = Element(Iei.LAI, 5, 5, *_area(Lai, "lac", 2, 16))
TAI = Element(Iei.TAI, 5, 5, *_area(Tai, "tac", 2, 16))
E_CGI = Element(Iei.E_CGI, 7, 7, *_area(Ecgi, "eci", 4, 28))
GLOBAL_CN_ID = Element(Iei.GLOBAL_CN_ID, 5, 5, *_area(GlobalCnId, "cn_id", 2, 16))
MOBILE_IDENTITY = Element(Iei.MOBILE_IDENTITY, 4, 8, _parse_identity, _encode_identity)
IMEISV = Element(Iei.IMEISV, 8, 8, _parse_imeisv, _encode_imeisv)
SELECTED_CS_DOMAIN_OPERATOR = Element(Iei.SELECTED_CS_DOMAIN_OPERATOR, 3, 3, _parse_plmn, _encode_plmn)
CHANNEL_NEEDED = _number(Iei.CHANNEL_NEEDED)
EMLPP_PRIORITY = _number(Iei.EMLPP_PRIORITY)
TMSI_STATUS = _number(Iei.TMSI_STATUS)
SGS_CAUSE = _number(Iei.SGS_CAUSE)
EPS_LOCATION_UPDATE_TYPE = _number(Iei.EPS_LOCATION_UPDATE_TYPE)
REJECT_CAUSE = _number(Iei.REJECT_CAUSE)
EPS_DETACH_TYPE = _number(Iei.IMSI_DETACH_FROM_EPS_SERVICE_TYPE)
IMSI_DETACH_TYPE = _number(Iei.IMSI_DETACH_FROM_NON_EPS_SERVICE_TYPE)
LCS_INDICATOR = _number(Iei.LCS_INDICATOR)
SS_CODE = _number(Iei.SS_CODE)
SERVICE_INDICATOR = _number(Iei.SERVICE_INDICATOR)
UE_TIME_ZONE = _number(Iei.UE_TIME_ZONE)
UE_EMM_MODE = _number(Iei.UE_EMM_MODE)
ADDITIONAL_PAGING_INDICATORS = _number(Iei.ADDITIONAL_PAGING_INDICATORS)
ADDITIONAL_UE_UNREACHABLE_INDICATORS = _number(Iei.ADDITIONAL_UE_UNREACHABLE_INDICATORS)
TMSI_BASED_NRI_CONTAINER = _number(Iei.TMSI_BASED_NRI_CONTAINER, 2)
SM_DELIVERY_TIMER = _number(Iei.SM_DELIVERY_TIMER, 2)
SM_DELIVERY_START_TIME = _number(Iei.SM_DELIVERY_START_TIME, 4)
MAXIMUM_UE_AVAILABILITY_TIME = _number(Iei.MAXIMUM_UE_AVAILABILITY_TIME, 4)
MAXIMUM_RETRANSMISSION_TIME = _number(Iei.MAXIMUM_RETRANSMISSION_TIME, 4)
REQUESTED_RETRANSMISSION_TIME = _number(Iei.REQUESTED_RETRANSMISSION_TIME, 4)
MOBILE_STATION_CLASSMARK_2 = _opaque(Iei.MOBILE_STATION_CLASSMARK_2, 3)
NAS_MESSAGE_CONTAINER = _opaque(Iei.NAS_MESSAGE_CONTAINER, 2, 251)
MM_INFORMATION = _opaque(Iei.MM_INFORMATION, 1, 255)
ERRONEOUS_MESSAGE = _opaque(Iei.ERRONEOUS_MESSAGE, 1, 255)
CLI = _opaque(Iei.CLI, 1, 12)
LCS_CLIENT_IDENTITY = _opaque(Iei.LCS_CLIENT_IDENTITY, 1, 255)

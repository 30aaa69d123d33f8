"""The messages of the connection layer (TS 24.011 7.2, 8.1): CP-DATA, CP-ACK, CP-ERROR.

They travel as NAS messages over SGs (TS 29.118 8.4, 8.22); smc.py is their machine. SIP has no such layer.
"""

from dataclasses import dataclass
from typing import Final

from lteims.sms.cause import CpCause
from lteims.sms.errors import SmsError
from lteims.sms.octets import Reader, one_octet
from lteims.sms.ti import Ti

_PD: Final = 0x09  # SMS messages (TS 24.007 11.2.3.1.1)
_DATA, _ACK, _ERROR = 0x01, 0x04, 0x10
_TI_FLAG: Final = 0x08
_RESERVED_TI: Final = 7
_LONGEST: Final = 248  # octets of an RPDU


@dataclass(frozen=True, slots=True)
class CpData:
    """CP-DATA with an RPDU."""

    ti: Ti
    rpdu: bytes

    def encode(self) -> bytes:
        """The octets; SmsError for an RPDU of more than 248 octets or an impossible identifier."""
        if len(self.rpdu) > _LONGEST:
            raise SmsError(f"an RPDU of {len(self.rpdu)} octets, {_LONGEST} are the most")
        return _head(self.ti, _DATA) + bytes((len(self.rpdu),)) + self.rpdu


@dataclass(frozen=True, slots=True)
class CpAck:
    """CP-ACK."""

    ti: Ti

    def encode(self) -> bytes:
        """The octets; SmsError for an impossible identifier."""
        return _head(self.ti, _ACK)


@dataclass(frozen=True, slots=True)
class CpError:
    """CP-ERROR; `cp_cause` is a CpCause or a value that it lacks."""

    ti: Ti
    cp_cause: int

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit."""
        return _head(self.ti, _ERROR) + bytes((one_octet(self.cp_cause, "CP-Cause"),))


CpMessage = CpData | CpAck | CpError


def parse(data: bytes) -> CpMessage:
    """One message. SmsError carries the CP cause, and in `ti` the identifier; without one it is to be ignored (9.2)."""
    if len(data) < 2:
        raise SmsError(f"a CP message of {len(data)} octets")
    if data[0] & 0xF != _PD:
        raise SmsError(f"protocol discriminator {data[0] & 0xF} is not that of SMS")
    ti = Ti(data[0] >> 4 & 7, bool(data[0] >> 4 & _TI_FLAG))
    if ti.value == _RESERVED_TI:
        raise SmsError("transaction identifier 7 is reserved", cp_cause=CpCause.INVALID_TRANSACTION_IDENTIFIER)
    reader = Reader(data, 2)
    try:
        if data[1] == _DATA:
            return _data(reader, ti)
        if data[1] == _ACK:
            return CpAck(ti)
        if data[1] == _ERROR:
            return CpError(ti, reader.octet("CP-Cause"))
    except SmsError as error:
        error.ti = None if data[1] == _ERROR else ti  # CP-ERROR is not answered by another
        raise
    raise SmsError(f"CP message type {data[1]:02x}", cp_cause=CpCause.MESSAGE_TYPE_NON_EXISTENT, ti=ti)


def _data(reader: Reader, ti: Ti) -> CpData:
    length = reader.octet("length of CP-User-Data")
    if length > _LONGEST:
        raise SmsError(f"CP-User-Data of {length} octets, {_LONGEST} are the most")
    return CpData(ti, reader.take(length, "CP-User-Data"))


def _head(ti: Ti, message_type: int) -> bytes:
    if not 0 <= ti.value < _RESERVED_TI:
        raise SmsError(f"no transaction identifier {ti.value}")
    return bytes(((ti.value | _TI_FLAG * ti.flag) << 4 | _PD, message_type))

"""The messages of the relay layer (TS 24.011 7.3, 8.2): RP-DATA, RP-SMMA, RP-ACK, RP-ERROR, each way.

smr.py parses what comes; over SIP an RPDU is the whole body of a MESSAGE (TS 24.341), over SGs it travels in CP-DATA.
"""

from dataclasses import dataclass
from typing import Final

from lteims.sms.address import NO_RP_ADDRESS, Address
from lteims.sms.cause import RpCause, TpFcs
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction, Reader, one_octet

_DATA, _ACK, _ERROR, _SMMA = 0, 2, 4, 6  # from the phone; one more from the network (table 8.3)
_MTI: Final = 0x07
_USER_DATA: Final = 0x41  # IEI in RP-ACK and RP-ERROR
_LONGEST_IN_DATA: Final = 233
_LONGEST_IN_REPORT: Final = 232
_CAUSE: Final = 0x7F  # below the extension bit


@dataclass(frozen=True, slots=True)
class RpData:
    """RP-DATA with a TPDU. To a phone `rp_oa` is the service centre, from a phone `rp_da`; the other is None.

    An address that should be there and is empty is None as well: over SIP the Request-URI names the service centre.
    """

    direction: Direction
    rp_mr: int
    rp_oa: Address | None
    rp_da: Address | None
    rp_ud: bytes

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit."""
        if len(self.rp_ud) > _LONGEST_IN_DATA:
            raise SmsError(f"RP-User-Data of {len(self.rp_ud)} octets, {_LONGEST_IN_DATA} are the most")
        addresses = b"".join(address.encode_rp() if address else NO_RP_ADDRESS for address in (self.rp_oa, self.rp_da))
        return _head(_DATA, self.direction, self.rp_mr) + addresses + bytes((len(self.rp_ud),)) + self.rp_ud


@dataclass(frozen=True, slots=True)
class RpSmma:
    """RP-SMMA: the phone has room again; it goes to the network only."""

    rp_mr: int

    @property
    def direction(self) -> Direction:
        """Always from the phone."""
        return Direction.MS_TO_SC

    def encode(self) -> bytes:
        """The octets; SmsError for a reference that is no octet."""
        return _head(_SMMA, self.direction, self.rp_mr)


@dataclass(frozen=True, slots=True)
class RpAck:
    """RP-ACK, with a report TPDU or without one (None)."""

    direction: Direction
    rp_mr: int
    rp_ud: bytes | None = None

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit."""
        return _head(_ACK, self.direction, self.rp_mr) + _report(self.rp_ud)


@dataclass(frozen=True, slots=True)
class RpError:
    """RP-ERROR; `rp_cause` is an RpCause or a value that it lacks, `diagnostic` what may follow it."""

    direction: Direction
    rp_mr: int
    rp_cause: int
    rp_ud: bytes | None = None
    diagnostic: bytes = b""

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit. A cause above 127 is written as it is."""
        cause = bytes((one_octet(self.rp_cause, "RP-Cause"),)) + self.diagnostic
        length = bytes((one_octet(len(cause), "length of RP-Cause"),))
        return _head(_ERROR, self.direction, self.rp_mr) + length + cause + _report(self.rp_ud)


RpMessage = RpData | RpSmma | RpAck | RpError


def parse(data: bytes, direction: Direction) -> RpMessage:
    """An RPDU that came this way. SmsError carries the RP cause, and `rp_mr` unless nothing may be answered (9.3).

    Unknown elements at the end are ignored; user data of a report that is cut off counts as absent, since RP-ACK and
    the cause of RP-ERROR stand without it.
    """
    if len(data) < 2:
        raise SmsError(f"an RPDU of {len(data)} octets")
    rp_mti, rp_mr = data[0] & _MTI, data[1]
    if rp_mti & 1 != (direction is Direction.SC_TO_MS) or rp_mti == _SMMA | 1:
        raise SmsError(
            f"RP message type {rp_mti} from {direction}", RpCause.MESSAGE_TYPE_NON_EXISTENT, rp_mr=_answerable(data)
        )
    reader = Reader(data, 2)
    try:
        match rp_mti & ~1:
            case 0:
                return _data(reader, direction, rp_mr)
            case 2:
                return RpAck(direction, rp_mr, _report_user_data(reader))
            case 4:
                return _error(reader, direction, rp_mr)
        return RpSmma(rp_mr)
    except SmsError as error:
        error.rp_mr = _answerable(data)
        error.tp_fcs = TpFcs.UNSPECIFIED_ERROR_CAUSE  # what is wrong is no part of the TPDU
        raise


def _answerable(data: bytes) -> int | None:
    """The reference, unless the message is itself an answer: those are not answered."""
    return None if data[0] & _MTI & ~1 in (_ACK, _ERROR) else data[1]


def _data(reader: Reader, direction: Direction, rp_mr: int) -> RpData:
    oa = Address.parse_rp(reader, "RP-OA")
    da = Address.parse_rp(reader, "RP-DA")
    length = reader.octet("length of RP-User-Data")
    if length > _LONGEST_IN_DATA:
        raise SmsError(f"RP-User-Data of {length} octets, {_LONGEST_IN_DATA} are the most")
    return RpData(direction, rp_mr, oa, da, reader.take(length, "RP-User-Data"))


def _error(reader: Reader, direction: Direction, rp_mr: int) -> RpError:
    cause = Reader(reader.take(reader.octet("length of RP-Cause"), "RP-Cause"))
    rp_cause = cause.octet("RP-Cause") & _CAUSE
    return RpError(direction, rp_mr, rp_cause, _report_user_data(reader), cause.rest())


def _report_user_data(reader: Reader) -> bytes | None:
    """The element RP-User-Data among those that may follow; None if there is none, or none that is whole."""
    while reader.left() >= 2:
        iei = reader.octet("IEI")
        if iei & 0x80:  # TS 24.007 11.2.4: an element of one octet
            continue
        length = reader.octet("IEI length")
        if length > reader.left():
            return None
        value = reader.take(length, "element")
        if iei == _USER_DATA:
            return value
    return None


def _report(rp_ud: bytes | None) -> bytes:
    if rp_ud is None:
        return b""
    if len(rp_ud) > _LONGEST_IN_REPORT:
        raise SmsError(f"RP-User-Data of {len(rp_ud)} octets, {_LONGEST_IN_REPORT} are the most")
    return bytes((_USER_DATA, len(rp_ud))) + rp_ud


def _head(rp_mti: int, direction: Direction, rp_mr: int) -> bytes:
    return bytes((rp_mti | (direction is Direction.SC_TO_MS), one_octet(rp_mr, "RP-MR")))

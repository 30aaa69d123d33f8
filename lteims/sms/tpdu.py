"""The TPDUs of the short message transfer layer (TS 23.040 9.2.2), and `parse` for all six.

ims/ipsmgw.py parses what phones submit and makes what they get; sim/ does the reverse. The reports are in report.py.
Octets behind a complete TPDU are ignored; whatever is missing or impossible is an SmsError.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from lteims.sms import userdata
from lteims.sms.address import Address
from lteims.sms.cause import RpCause, TpFcs
from lteims.sms.dcs import Dcs
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction, Reader, one_octet
from lteims.sms.report import (
    LONGEST_IN_STATUS_REPORT,
    UDHI,
    SmsDeliverReport,
    SmsSubmitReport,
    read_parameters,
    user_data_of,
    write_parameters,
)
from lteims.sms.timestamp import Timestamp
from lteims.sms.userdata import LONGEST, UserData
from lteims.sms.validity import AbsoluteValidity, EnhancedValidity, RelativeValidity, Validity

# The first octet (9.2.3.1 to 9.2.3.7, 9.2.3.17, 9.2.3.23, 9.2.3.25, 9.2.3.26, 9.2.3.28)
_MTI: Final = 0x03
_DELIVER, _SUBMIT, _COMMAND_OR_STATUS_REPORT = 0, 1, 2
_MMS = _RD = 0x04
_LP: Final = 0x08
_VPF, _VPF_SHIFT = 0x18, 3
_VPF_NONE, _VPF_ENHANCED, _VPF_RELATIVE, _VPF_ABSOLUTE = range(4)
_SRI = _SRR = _SRQ = 0x20
_RP: Final = 0x80
_LONGEST_COMMAND: Final = 157  # octets of TP-CD


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsDeliver:
    """SMS-DELIVER, from the SC to a phone (9.2.2.1). `tp_mms` is the bit: True if no more messages wait."""

    tp_oa: Address
    tp_scts: Timestamp
    tp_udl: int
    tp_ud: bytes
    tp_dcs: Dcs = field(default_factory=Dcs)
    tp_udhi: bool = False
    tp_pid: int = 0
    tp_mms: bool = True
    tp_lp: bool = False
    tp_sri: bool = False
    tp_rp: bool = False

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The TPDU of an RP-DATA to a phone; SmsError if it is cut off or impossible."""
        reader = Reader(data)
        first = reader.octet("TP-MTI")
        oa = Address.parse(reader, "TP-OA")
        pid = reader.octet("TP-PID")
        dcs = Dcs(reader.octet("TP-DCS"))
        scts = Timestamp.parse(reader.take(7, "TP-SCTS"))
        ud = userdata.read(reader, bool(first & UDHI), dcs, LONGEST)
        return cls(
            tp_oa=oa, tp_scts=scts, tp_udl=ud.tp_udl, tp_ud=ud.tp_ud, tp_dcs=dcs, tp_udhi=ud.tp_udhi, tp_pid=pid,
            tp_mms=bool(first & _MMS), tp_lp=bool(first & _LP), tp_sri=bool(first & _SRI), tp_rp=bool(first & _RP),
        )  # fmt: skip

    @property
    def user_data(self) -> UserData:
        """TP-UD with all that is needed to read it."""
        return UserData(self.tp_udhi, self.tp_dcs, self.tp_udl, self.tp_ud)

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit."""
        self.user_data.check()
        return self.octets()

    def octets(self) -> bytes:
        """The octets, whatever TP-UDL says of TP-UD; SmsError for what does not fit its field."""
        first = _DELIVER | _bits((self.tp_mms, _MMS), (self.tp_lp, _LP), (self.tp_sri, _SRI), (self.tp_rp, _RP))
        head = bytes((first | _bits((self.tp_udhi, UDHI)),)) + self.tp_oa.encode()
        coding = bytes((one_octet(self.tp_pid, "TP-PID"), self.tp_dcs.encode()))
        return head + coding + self.tp_scts.encode() + bytes((self.tp_udl,)) + self.tp_ud


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSubmit:
    """SMS-SUBMIT, from a phone to the SC (9.2.2.2). TP-VPF is the class of `tp_vp`, None if there is no period."""

    tp_mr: int
    tp_da: Address
    tp_udl: int
    tp_ud: bytes
    tp_dcs: Dcs = field(default_factory=Dcs)
    tp_udhi: bool = False
    tp_pid: int = 0
    tp_vp: Validity | None = None
    tp_rd: bool = False
    tp_srr: bool = False
    tp_rp: bool = False

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The TPDU of an RP-DATA from a phone; SmsError if it is cut off or impossible."""
        reader = Reader(data)
        first = reader.octet("TP-MTI")
        mr = reader.octet("TP-MR")
        da = Address.parse(reader, "TP-DA")
        pid = reader.octet("TP-PID")
        dcs = Dcs(reader.octet("TP-DCS"))
        vp = _validity(reader, (first & _VPF) >> _VPF_SHIFT)
        ud = userdata.read(reader, bool(first & UDHI), dcs, LONGEST)
        return cls(
            tp_mr=mr, tp_da=da, tp_udl=ud.tp_udl, tp_ud=ud.tp_ud, tp_dcs=dcs, tp_udhi=ud.tp_udhi, tp_pid=pid,
            tp_vp=vp, tp_rd=bool(first & _RD), tp_srr=bool(first & _SRR), tp_rp=bool(first & _RP),
        )  # fmt: skip

    @property
    def user_data(self) -> UserData:
        """TP-UD with all that is needed to read it."""
        return UserData(self.tp_udhi, self.tp_dcs, self.tp_udl, self.tp_ud)

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit."""
        self.user_data.check()
        first = _SUBMIT | _bits((self.tp_rd, _RD), (self.tp_srr, _SRR), (self.tp_udhi, UDHI), (self.tp_rp, _RP))
        head = bytes((first | _vpf(self.tp_vp) << _VPF_SHIFT, one_octet(self.tp_mr, "TP-MR"))) + self.tp_da.encode()
        coding = bytes((one_octet(self.tp_pid, "TP-PID"), self.tp_dcs.encode()))
        period = self.tp_vp.encode() if self.tp_vp else b""
        return head + coding + period + bytes((self.tp_udl,)) + self.tp_ud


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsStatusReport:
    """SMS-STATUS-REPORT, from the SC to a phone (9.2.2.3); `tp_st` is a TpStatus or a value that it lacks."""

    tp_mr: int
    tp_ra: Address
    tp_scts: Timestamp
    tp_dt: Timestamp
    tp_st: int
    tp_mms: bool = True
    tp_lp: bool = False
    tp_srq: bool = False
    tp_udhi: bool = False
    tp_pid: int | None = None
    tp_dcs: Dcs | None = None
    tp_udl: int | None = None
    tp_ud: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The TPDU of an RP-DATA to a phone; SmsError if it is cut off or impossible. TP-PI may be missing."""
        reader = Reader(data)
        first = reader.octet("TP-MTI")
        mr = reader.octet("TP-MR")
        ra = Address.parse(reader, "TP-RA")
        scts = Timestamp.parse(reader.take(7, "TP-SCTS"))
        dt = Timestamp.parse(reader.take(7, "TP-DT"), "TP-DT")
        st = reader.octet("TP-ST")
        udhi = bool(first & UDHI)
        pid, dcs, udl, ud = None, None, None, b""
        if reader.left():
            pid, dcs, udl, ud = read_parameters(reader, udhi, LONGEST_IN_STATUS_REPORT)
        return cls(
            tp_mr=mr, tp_ra=ra, tp_scts=scts, tp_dt=dt, tp_st=st, tp_mms=bool(first & _MMS), tp_lp=bool(first & _LP),
            tp_srq=bool(first & _SRQ), tp_udhi=udhi, tp_pid=pid, tp_dcs=dcs, tp_udl=udl, tp_ud=ud,
        )  # fmt: skip

    @property
    def user_data(self) -> UserData | None:
        """TP-UD with all that is needed to read it; None if TP-PI announces none."""
        return user_data_of(self)

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit. TP-PI is written if it has anything to announce."""
        first = _COMMAND_OR_STATUS_REPORT | _bits(
            (self.tp_mms, _MMS), (self.tp_lp, _LP), (self.tp_srq, _SRQ), (self.tp_udhi, UDHI)
        )
        head = bytes((first, one_octet(self.tp_mr, "TP-MR"))) + self.tp_ra.encode()
        times = self.tp_scts.encode() + self.tp_dt.encode() + bytes((one_octet(self.tp_st, "TP-ST"),))
        parameters = write_parameters(self, LONGEST_IN_STATUS_REPORT)
        return head + times + (b"" if parameters == b"\0" else parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsCommand:
    """SMS-COMMAND, from a phone to the SC (9.2.2.4); TP-CDL is the length of `tp_cd`."""

    tp_mr: int
    tp_ct: int
    tp_mn: int
    tp_da: Address
    tp_cd: bytes = b""
    tp_pid: int = 0
    tp_srr: bool = False
    tp_udhi: bool = False

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The TPDU of an RP-DATA from a phone; SmsError if it is cut off or impossible."""
        reader = Reader(data)
        first = reader.octet("TP-MTI")
        mr = reader.octet("TP-MR")
        pid = reader.octet("TP-PID")
        ct = reader.octet("TP-CT", TpFcs.UNSPECIFIED_TP_COMMAND_ERROR)
        mn = reader.octet("TP-MN", TpFcs.UNSPECIFIED_TP_COMMAND_ERROR)
        da = Address.parse(reader, "TP-DA")
        length = reader.octet("TP-CDL", TpFcs.UNSPECIFIED_TP_COMMAND_ERROR)
        if length > _LONGEST_COMMAND:
            raise SmsError(f"TP-CDL {length}, 157 is the most", tp_fcs=TpFcs.UNSPECIFIED_TP_COMMAND_ERROR)
        cd = reader.take(length, "TP-CD", TpFcs.UNSPECIFIED_TP_COMMAND_ERROR)
        return cls(
            tp_mr=mr, tp_ct=ct, tp_mn=mn, tp_da=da, tp_cd=cd, tp_pid=pid,
            tp_srr=bool(first & _SRR), tp_udhi=bool(first & UDHI),
        )  # fmt: skip

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit."""
        if len(self.tp_cd) > _LONGEST_COMMAND:
            raise SmsError(f"TP-CD of {len(self.tp_cd)} octets, 157 are the most")
        first = _COMMAND_OR_STATUS_REPORT | _bits((self.tp_srr, _SRR), (self.tp_udhi, UDHI))
        numbers = (first, one_octet(self.tp_mr, "TP-MR"), one_octet(self.tp_pid, "TP-PID"))
        command = (one_octet(self.tp_ct, "TP-CT"), one_octet(self.tp_mn, "TP-MN"))
        return bytes(numbers + command) + self.tp_da.encode() + bytes((len(self.tp_cd),)) + self.tp_cd


Tpdu = SmsDeliver | SmsSubmit | SmsStatusReport | SmsCommand | SmsDeliverReport | SmsSubmitReport


class Carrier(StrEnum):
    """The RP message that a TPDU travels in; TP-FCS is there in an RP-ERROR only (9.2.2.1a, 9.2.2.2a)."""

    RP_DATA = "RP-DATA"
    RP_ACK = "RP-ACK"
    RP_ERROR = "RP-ERROR"


def parse(data: bytes, direction: Direction, carrier: Carrier = Carrier.RP_DATA) -> Tpdu:
    """The TPDU in the user data of an RP message; SmsError tells the RP cause and the TP-FCS for the answer.

    A type that 9.2.3.1 reserves is read as SMS-DELIVER by a phone; the SC refuses it.
    """
    if not data:
        raise SmsError("no TPDU")
    tp_mti = data[0] & _MTI
    if carrier is Carrier.RP_DATA:
        match direction, tp_mti:
            case Direction.MS_TO_SC, 1:
                return SmsSubmit.parse(data)
            case Direction.MS_TO_SC, 2:
                return SmsCommand.parse(data)
            case Direction.SC_TO_MS, 2:
                return SmsStatusReport.parse(data)
            case Direction.SC_TO_MS, 0 | 3:
                return SmsDeliver.parse(data)
    elif direction is Direction.MS_TO_SC and tp_mti == _DELIVER:
        return SmsDeliverReport.parse(data, rp_error=carrier is Carrier.RP_ERROR)
    elif direction is Direction.SC_TO_MS and tp_mti == _SUBMIT:
        return SmsSubmitReport.parse(data, rp_error=carrier is Carrier.RP_ERROR)
    raise SmsError(
        f"TP-MTI {tp_mti} in {carrier} from {direction}",
        RpCause.MESSAGE_TYPE_NON_EXISTENT,
        tp_fcs=TpFcs.TPDU_NOT_SUPPORTED,
    )


def _bits(*flags: tuple[bool, int]) -> int:
    return sum(bit for flag, bit in flags if flag)


def _validity(reader: Reader, tp_vpf: int) -> Validity | None:
    fcs = TpFcs.TP_VP_NOT_SUPPORTED
    if tp_vpf == _VPF_NONE:
        return None
    if tp_vpf == _VPF_RELATIVE:
        return RelativeValidity(reader.octet("TP-VP", fcs))
    if tp_vpf == _VPF_ENHANCED:
        return EnhancedValidity.parse(reader.take(7, "TP-VP", fcs))
    return AbsoluteValidity(Timestamp.parse(reader.take(7, "TP-VP", fcs), "TP-VP", fcs))


def _vpf(tp_vp: Validity | None) -> int:
    match tp_vp:
        case None:
            return _VPF_NONE
        case EnhancedValidity():
            return _VPF_ENHANCED
        case RelativeValidity():
            return _VPF_RELATIVE
    return _VPF_ABSOLUTE

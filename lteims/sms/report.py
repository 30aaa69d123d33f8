"""SMS-DELIVER-REPORT and SMS-SUBMIT-REPORT, and the parameters that TP-PI announces (TS 23.040 9.2.2.1a, 9.2.2.2a).

tpdu.py calls the parsers. A report travels in RP-ACK or, with TP-FCS, in RP-ERROR; nothing in its octets tells
which, so the caller says it.
"""

from dataclasses import dataclass
from typing import Final, Protocol, Self

from lteims.sms import userdata
from lteims.sms.dcs import Dcs
from lteims.sms.octets import Reader, one_octet
from lteims.sms.timestamp import Timestamp
from lteims.sms.userdata import UserData

UDHI: Final = 0x40
_PI_PID, _PI_DCS, _PI_UDL, _PI_EXTENSION = 0x01, 0x02, 0x04, 0x80
# What is left of a TPDU of 164 octets behind the fields in front of TP-UD.
LONGEST_IN_DELIVER_REPORT: Final = 159
LONGEST_IN_SUBMIT_REPORT: Final = 152
LONGEST_IN_STATUS_REPORT: Final = 143


class Parameters(Protocol):
    """The fields of a TPDU with TP-PI; each is None, or empty, if TP-PI does not announce it."""

    @property
    def tp_udhi(self) -> bool: ...
    @property
    def tp_pid(self) -> int | None: ...
    @property
    def tp_dcs(self) -> Dcs | None: ...
    @property
    def tp_udl(self) -> int | None: ...
    @property
    def tp_ud(self) -> bytes: ...


def read_parameters(reader: Reader, tp_udhi: bool, longest: int) -> tuple[int | None, Dcs | None, int | None, bytes]:
    """TP-PI and what it announces: TP-PID, TP-DCS, TP-UDL, TP-UD (9.2.3.27); what its reserved bits mean is ignored."""
    tp_pi = extension = reader.octet("TP-PI")
    while extension & _PI_EXTENSION:
        extension = reader.octet("TP-PI extension")
    tp_pid = reader.octet("TP-PID") if tp_pi & _PI_PID else None
    tp_dcs = Dcs(reader.octet("TP-DCS")) if tp_pi & _PI_DCS else None
    if not tp_pi & _PI_UDL:
        return tp_pid, tp_dcs, None, b""
    user_data = userdata.read(reader, tp_udhi, tp_dcs or Dcs(), longest)
    return tp_pid, tp_dcs, user_data.tp_udl, user_data.tp_ud


def write_parameters(report: Parameters, longest: int) -> bytes:
    """TP-PI and what it announces; SmsError for values that do not fit."""
    tp_pi = 0
    fields = b""
    if report.tp_pid is not None:
        tp_pi |= _PI_PID
        fields += bytes((one_octet(report.tp_pid, "TP-PID"),))
    if report.tp_dcs is not None:
        tp_pi |= _PI_DCS
        fields += bytes((report.tp_dcs.encode(),))
    if (user_data := user_data_of(report)) is not None:
        user_data.check(longest)
        tp_pi |= _PI_UDL
        fields += bytes((one_octet(user_data.tp_udl, "TP-UDL"),)) + user_data.tp_ud
    return bytes((tp_pi,)) + fields


def user_data_of(report: Parameters) -> UserData | None:
    """The user data, GSM 7 bit without a TP-DCS (9.2.3.27); None if TP-PI announces none."""
    if report.tp_udl is None:
        return None
    return UserData(report.tp_udhi, report.tp_dcs or Dcs(), report.tp_udl, report.tp_ud)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsDeliverReport:
    """The phone's answer to a SMS-DELIVER or SMS-STATUS-REPORT; `tp_fcs` is None in an RP-ACK."""

    tp_fcs: int | None = None
    tp_udhi: bool = False
    tp_pid: int | None = None
    tp_dcs: Dcs | None = None
    tp_udl: int | None = None
    tp_ud: bytes = b""

    @classmethod
    def parse(cls, data: bytes, *, rp_error: bool) -> Self:
        """The TPDU of an RP-ACK or RP-ERROR; SmsError if it is cut off or contradicts itself."""
        reader = Reader(data)
        tp_udhi = bool(reader.octet("TP-MTI") & UDHI)
        tp_fcs = reader.octet("TP-FCS") if rp_error else None
        pid, dcs, udl, ud = read_parameters(reader, tp_udhi, LONGEST_IN_DELIVER_REPORT - rp_error)
        return cls(tp_fcs=tp_fcs, tp_udhi=tp_udhi, tp_pid=pid, tp_dcs=dcs, tp_udl=udl, tp_ud=ud)

    @property
    def user_data(self) -> UserData | None:
        """TP-UD with all that is needed to read it."""
        return user_data_of(self)

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit."""
        return _head(0, self.tp_udhi, self.tp_fcs) + write_parameters(
            self, LONGEST_IN_DELIVER_REPORT - (self.tp_fcs is not None)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSubmitReport:
    """The SC's answer to a SMS-SUBMIT or SMS-COMMAND; `tp_fcs` is None in an RP-ACK."""

    tp_scts: Timestamp
    tp_fcs: int | None = None
    tp_udhi: bool = False
    tp_pid: int | None = None
    tp_dcs: Dcs | None = None
    tp_udl: int | None = None
    tp_ud: bytes = b""

    @classmethod
    def parse(cls, data: bytes, *, rp_error: bool) -> Self:
        """The TPDU of an RP-ACK or RP-ERROR; SmsError if it is cut off or contradicts itself."""
        reader = Reader(data)
        tp_udhi = bool(reader.octet("TP-MTI") & UDHI)
        tp_fcs = reader.octet("TP-FCS") if rp_error else None
        # TP-PI stands in front of the time stamp here, and what it announces behind it.
        tp_pi = reader.at
        while reader.octet("TP-PI") & _PI_EXTENSION:
            pass
        indicators = data[tp_pi : reader.at]
        scts = Timestamp.parse(reader.take(7, "TP-SCTS"))
        rest = Reader(indicators + reader.rest())
        pid, dcs, udl, ud = read_parameters(rest, tp_udhi, LONGEST_IN_SUBMIT_REPORT - rp_error)
        return cls(tp_fcs=tp_fcs, tp_udhi=tp_udhi, tp_scts=scts, tp_pid=pid, tp_dcs=dcs, tp_udl=udl, tp_ud=ud)

    @property
    def user_data(self) -> UserData | None:
        """TP-UD with all that is needed to read it."""
        return user_data_of(self)

    def encode(self) -> bytes:
        """The octets; SmsError for values that do not fit."""
        written = write_parameters(self, LONGEST_IN_SUBMIT_REPORT - (self.tp_fcs is not None))
        return _head(1, self.tp_udhi, self.tp_fcs) + written[:1] + self.tp_scts.encode() + written[1:]


def _head(tp_mti: int, tp_udhi: bool, tp_fcs: int | None) -> bytes:
    first = bytes((tp_mti | (UDHI if tp_udhi else 0),))
    return first if tp_fcs is None else first + bytes((one_octet(tp_fcs, "TP-FCS"),))

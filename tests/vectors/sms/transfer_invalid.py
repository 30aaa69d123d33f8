"""TPDUs that are refused, with the RP cause and the TP-FCS for the answer (TS 23.040 9.2.3.22). See vector.py."""

from lteims.sms.cause import RpCause, TpFcs
from tests.vectors.sms.vector import Invalid, Layer, octets

_ADDRESS = TpFcs.INVALID_SME_ADDRESS
_NO_VP = TpFcs.TP_VP_NOT_SUPPORTED
_NO_VPF = TpFcs.TP_VPF_NOT_SUPPORTED
_NO_TYPE = RpCause.MESSAGE_TYPE_NON_EXISTENT


def _submit(name: str, clause: str, text: str, tp_fcs: TpFcs = TpFcs.UNSPECIFIED_ERROR_CAUSE) -> Invalid:
    return Invalid(name, clause, Layer.SUBMIT, octets(text), tp_fcs=tp_fcs)


def _deliver(name: str, clause: str, text: str, tp_fcs: TpFcs = TpFcs.UNSPECIFIED_ERROR_CAUSE) -> Invalid:
    return Invalid(name, clause, Layer.DELIVER, octets(text), tp_fcs=tp_fcs)


TRANSFER_INVALID = (
    Invalid("nothing", "9.2.3.1", Layer.SUBMIT, b""),
    Invalid(
        "reserved-type-from-a-phone",
        "9.2.3.1",
        Layer.SUBMIT,
        octets("03 05 02 81 21 00 00 01 78  # TP-MTI 3 and what would be a SMS-SUBMIT"),
        _NO_TYPE,
        TpFcs.TPDU_NOT_SUPPORTED,
    ),
    Invalid(
        "deliver-from-a-phone",
        "9.2.3.1",
        Layer.SUBMIT,
        octets("04 02 81 21 00 00 42 70 10 21 00 00 00 01 78  # 0 is SMS-DELIVER-REPORT here, not for RP-DATA"),
        _NO_TYPE,
        TpFcs.TPDU_NOT_SUPPORTED,
    ),
    Invalid(
        "submit-to-a-phone",
        "9.2.3.1",
        Layer.DELIVER,
        octets("01 05 02 81 21 00 00 01 78  # 1 is SMS-SUBMIT-REPORT here, not for RP-DATA"),
        _NO_TYPE,
        TpFcs.TPDU_NOT_SUPPORTED,
    ),
    Invalid(
        "submit-as-a-report",
        "9.2.3.1",
        Layer.ACK_UP,
        octets("01 05 02 81 21 00 00 01 78  # a SMS-SUBMIT is no report"),
        _NO_TYPE,
        TpFcs.TPDU_NOT_SUPPORTED,
    ),
    Invalid(
        "deliver-report-to-a-phone",
        "9.2.3.1",
        Layer.ACK_DOWN,
        octets("00 00  # a phone gets no SMS-DELIVER-REPORT"),
        _NO_TYPE,
        TpFcs.TPDU_NOT_SUPPORTED,
    ),
    _submit("submit-type-alone", "9.2.2.2", "01  # no TP-MR"),
    _submit("submit-without-address", "9.1.2.5", "01 05  # no TP-DA", _ADDRESS),
    _submit(
        "submit-address-cut",
        "9.1.2.5",
        """
        01 05
        0b 91 33 21                         # TP-DA: 11 semi-octets need 6 octets, 2 are there
        """,
        _ADDRESS,
    ),
    _submit(
        "submit-address-too-long",
        "9.1.2.5",
        """
        01 05
        15 91 21 43 65 87 09 21 43 65 87 09 f1 # TP-DA: 21 semi-octets
        00 00 01 78
        """,
        _ADDRESS,
    ),
    _submit(
        "submit-address-with-filler",
        "9.1.2.3",
        """
        01 05
        04 81 2f 43                         # TP-DA: the semi-octet 15 where a digit should be
        00 00 01 78
        """,
        _ADDRESS,
    ),
    _submit(
        "submit-address-type-without-top-bit",
        "9.1.2.5",
        """
        01 05
        02 11 21                            # TP-DA: bit 7 of the type of address is always 1
        00 00 01 78
        """,
        _ADDRESS,
    ),
    _submit("submit-without-coding", "9.2.2.2", "01 05 02 81 21 00  # no TP-DCS"),
    _submit("submit-without-length", "9.2.2.2", "01 05 02 81 21 00 00  # no TP-UDL"),
    _submit("submit-relative-missing", "9.2.3.12.1", "11 05 02 81 21 00 00  # TP-VPF relative, no TP-VP", _NO_VP),
    _submit(
        "submit-absolute-cut", "9.2.3.12.2", "19 05 02 81 21 00 00 42 70 10  # TP-VPF absolute, 3 octets of 7", _NO_VP
    ),
    _submit(
        "submit-absolute-no-date",
        "9.2.3.12.2",
        """
        19 05 02 81 21 00 00
        42 20 03 21 00 00 00                # TP-VP: the 30th of February
        01 78
        """,
        _NO_VP,
    ),
    _submit(
        "submit-absolute-no-digit",
        "9.2.3.12.2",
        """
        19 05 02 81 21 00 00
        4a 70 10 21 00 00 00                # TP-VP: a year of semi-octet 10
        01 78
        """,
        _NO_VP,
    ),
    _submit(
        "submit-enhanced-reserved",
        "9.2.3.12.3",
        """
        09 05 02 81 21 00 00
        04 00 00 00 00 00 00                # TP-VP: a form that is reserved
        01 78
        """,
        _NO_VPF,
    ),
    _submit(
        "submit-enhanced-extended",
        "9.2.3.12.3",
        """
        09 05 02 81 21 00 00
        82 01 3c 00 00 00 00                # TP-VP: another octet of the functionality indicator
        01 78
        """,
        _NO_VPF,
    ),
    _submit(
        "submit-enhanced-zero-seconds",
        "9.2.3.12.3",
        """
        09 05 02 81 21 00 00
        02 00 00 00 00 00 00                # TP-VP: 0 seconds are reserved
        01 78
        """,
        _NO_VP,
    ),
    _submit(
        "submit-enhanced-no-minutes",
        "9.2.3.12.3",
        """
        09 05 02 81 21 00 00
        03 10 06 00 00 00 00                # TP-VP: 1 hour, 60 minutes
        01 78
        """,
        _NO_VP,
    ),
    _submit(
        "submit-septets-cut",
        "9.2.3.16",
        """
        01 05 02 81 21 00 00
        0c c8 f7 1d 14 96 97 41 f9 77 fd    # TP-UDL: 12 septets need 11 octets, 10 are there
        """,
    ),
    _submit(
        "submit-octets-cut",
        "9.2.3.16",
        """
        01 05 02 81 21 00 04
        05 01 02 03 04                      # TP-UDL: 5 octets, 4 are there
        """,
    ),
    _submit(
        "submit-too-many-septets",
        "9.2.3.16",
        "01 05 02 81 21 00 00  # TP-UDL 161 follows, and 141 octets\n a1" + 141 * "00",
    ),
    _submit(
        "submit-too-many-octets",
        "9.2.3.16",
        "01 05 02 81 21 00 04  # TP-UDL 141 follows, and 141 octets\n 8d" + 141 * "00",
    ),
    _submit(
        "submit-header-without-data",
        "9.2.3.23",
        """
        41 05 02 81 21 00 00                # TP-UDHI
        00                                  # but no user data
        """,
    ),
    _submit(
        "submit-header-longer-than-data",
        "9.2.3.24",
        """
        41 05 02 81 21 00 04                # TP-UDHI
        04 05 00 03 cc                      # TP-UDL 4, UDHL 5
        """,
    ),
    _submit(
        "submit-header-longer-than-septets",
        "9.2.3.24",
        """
        41 05 02 81 21 00 00                # TP-UDHI
        06                                  # TP-UDL: 6 septets, the header alone is 7
        05 00 03 cc 02 01
        """,
    ),
    _submit(
        "command-cut",
        "9.2.3.21",
        "02 08 00 02 2a 02 81 21 03 01 02  # TP-CDL 3, two octets",
        TpFcs.UNSPECIFIED_TP_COMMAND_ERROR,
    ),
    _submit("command-without-type", "9.2.3.19", "02 08 00  # no TP-CT", TpFcs.UNSPECIFIED_TP_COMMAND_ERROR),
    _submit(
        "command-too-long",
        "9.2.3.20",
        "02 08 00 02 2a 02 81 21 # TP-CDL 158 follows, and as many octets\n 9e" + 158 * "00",
        TpFcs.UNSPECIFIED_TP_COMMAND_ERROR,
    ),
    _deliver("deliver-without-address", "9.1.2.5", "04  # no TP-OA", _ADDRESS),
    _deliver("deliver-time-cut", "9.2.3.11", "04 02 81 21 00 00 42 70 10 21 00 00  # TP-SCTS: 6 octets"),
    _deliver(
        "deliver-no-zone",
        "9.2.3.11",
        """
        04 02 81 21 00 00
        42 70 10 21 00 00 a0                # TP-SCTS: the second digit of the zone is 10
        01 78
        """,
    ),
    _deliver(
        "deliver-no-hour",
        "9.2.3.11",
        """
        04 02 81 21 00 00
        42 70 10 42 00 00 00                # TP-SCTS: 24 hours
        01 78
        """,
    ),
    _deliver(
        "status-report-without-status",
        "9.2.2.3",
        "06 07 02 81 21 42 70 10 21 00 00 00 42 70 10 21 00 00 00  # no TP-ST",
    ),
    _deliver(
        "status-report-parameters-cut",
        "9.2.3.27",
        """
        06 07 02 81 21 42 70 10 21 00 00 00 42 70 10 21 00 00 00 00
        03 00                               # TP-PI: TP-PID and TP-DCS, of which one is there
        """,
    ),
    Invalid("deliver-report-without-indicator", "9.2.2.1a", Layer.ACK_UP, octets("00  # no TP-PI")),
    Invalid("deliver-report-without-cause", "9.2.2.1a", Layer.ERROR_UP, octets("00  # no TP-FCS")),
    Invalid("deliver-report-endless-indicator", "9.2.3.27", Layer.ACK_UP, octets("00 80 80  # TP-PI goes on")),
    Invalid(
        "deliver-report-too-long",
        "9.2.2.1a",
        Layer.ACK_UP,
        octets("00 06 04 # 8 bit, TP-UDL 160 follows, and as many octets\n a0" + 160 * "00"),
    ),
    Invalid(
        "submit-report-without-time", "9.2.2.2a", Layer.ACK_DOWN, octets("01 00 42 70 10 21 00 00  # 6 octets of 7")
    ),
)

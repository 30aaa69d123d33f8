"""RPDUs and CP messages, right and wrong (TS 24.011 7.2, 7.3, 8). See vector.py."""

from lteims.sms.address import Address, NumberingPlan, TypeOfNumber
from lteims.sms.cause import CpCause, RpCause
from lteims.sms.cp import CpAck, CpData, CpError
from lteims.sms.rp import RpAck, RpData, RpError, RpSmma
from lteims.sms.ti import Ti
from tests.vectors.sms.vector import DOWN, UP, Invalid, Layer, Valid, octets

CENTRE = Address("33999", TypeOfNumber.INTERNATIONAL)

RELAY_VALID = (
    Valid(
        "rp-data-from-a-phone",
        "7.3.1.2",
        Layer.RP_UP,
        octets(
            """
            00                                  # RP-MTI: RP-DATA, from the phone
            05                                  # RP-MR 5
            00                                  # RP-OA: none this way
            04 91 33 99 f9                      # RP-DA: 4 octets, international ISDN, 33999 and a filler
            09 01 05 02 81 21 00 00 01 78       # RP-User-Data: 9 octets, a SMS-SUBMIT
            """
        ),
        RpData(UP, 5, None, CENTRE, octets("010502812100000178")),
    ),
    Valid(
        "rp-data-to-a-phone",
        "7.3.1.1",
        Layer.RP_DOWN,
        octets(
            """
            01                                  # RP-DATA, from the network
            ff                                  # RP-MR 255
            03 91 33 99                         # RP-OA: an even number of digits: 3399
            00                                  # RP-DA: none this way
            02 00 00                            # RP-User-Data
            """
        ),
        RpData(DOWN, 255, Address("3399", TypeOfNumber.INTERNATIONAL), None, b"\0\0"),
    ),
    Valid(
        "rp-data-without-a-centre",
        "8.2.5.2",
        Layer.RP_UP,
        octets("00 05 00 00 01 01  # a phone without a service centre's number: over SIP the Request-URI has it"),
        RpData(UP, 5, None, None, b"\x01"),
    ),
    Valid(
        "rp-data-centre-without-digits",
        "8.2.5.2",
        Layer.RP_UP,
        octets("00 05 00 01 80 01 01  # RP-DA: the type of number alone"),
        RpData(UP, 5, None, Address("", TypeOfNumber.UNKNOWN, NumberingPlan.UNKNOWN), b"\x01"),
    ),
    Valid(
        "rp-data-with-more-behind",
        "9.3",
        Layer.RP_UP,
        octets(
            """
            f8 05 00 00 01 01                   # RP-DATA; the spare bits of RP-MTI are ignored
            77 01 00                            # an element that nobody knows
            """
        ),
        RpData(UP, 5, None, None, b"\x01"),
        canonical=False,
        cuts=frozenset({6, 7, 8}),
    ),
    Valid("rp-smma", "7.3.2", Layer.RP_UP, octets("06 2a  # RP-SMMA, RP-MR 42"), RpSmma(42)),
    Valid("rp-ack-from-a-phone", "7.3.3", Layer.RP_UP, octets("02 2a  # RP-ACK, RP-MR 42"), RpAck(UP, 42)),
    Valid(
        "rp-ack-to-a-phone-with-report",
        "7.3.3",
        Layer.RP_DOWN,
        octets(
            """
            03 2a                               # RP-ACK, RP-MR 42
            41 09 01 00 42 70 10 21 00 00 00    # RP-User-Data: IEI, 9 octets, a SMS-SUBMIT-REPORT
            """
        ),
        RpAck(DOWN, 42, octets("010042701021000000")),
        cuts=frozenset(range(2, 13)),
    ),
    Valid(
        "rp-ack-user-data-cut",
        "9.3",
        Layer.RP_UP,
        octets(
            """
            02 2a                               # RP-ACK
            41 09 00 00                         # RP-User-Data of 9 octets of which 2 came: as if it were not there
            """
        ),
        RpAck(UP, 42),
        canonical=False,
        cuts=frozenset(range(2, 6)),
    ),
    Valid(
        "rp-ack-other-element-first",
        "9.3",
        Layer.RP_UP,
        octets(
            """
            02 2a                               # RP-ACK
            a1                                  # an element of one octet
            55 02 12 34                         # an unknown element
            41 02 00 00                         # RP-User-Data
            """
        ),
        RpAck(UP, 42, b"\0\0"),
        canonical=False,
        cuts=frozenset(range(2, 11)),
    ),
    Valid(
        "rp-error-from-a-phone",
        "7.3.4",
        Layer.RP_UP,
        octets(
            """
            04 2a                               # RP-ERROR, RP-MR 42
            01 16                               # RP-Cause: memory capacity exceeded
            41 03 00 d3 00                      # RP-User-Data: SMS-DELIVER-REPORT with TP-FCS
            """
        ),
        RpError(UP, 42, RpCause.MEMORY_CAPACITY_EXCEEDED, b"\x00\xd3\x00"),
        cuts=frozenset(range(4, 9)),
    ),
    Valid(
        "rp-error-with-diagnostic",
        "8.2.5.4",
        Layer.RP_DOWN,
        octets(
            """
            05 2a                               # RP-ERROR, RP-MR 42
            02 26 0b                            # RP-Cause: network out of order, diagnostic 11
            """
        ),
        RpError(DOWN, 42, RpCause.NETWORK_OUT_OF_ORDER, None, b"\x0b"),
    ),
    Valid(
        "rp-error-extension-bit",
        "8.2.5.4",
        Layer.RP_UP,
        octets("04 2a 01 ef  # RP-Cause 111 with the extension bit, which is 0 in the figure"),
        RpError(UP, 42, RpCause.PROTOCOL_ERROR_UNSPECIFIED),
        canonical=False,
    ),
)

CONNECTION_VALID = (
    Valid(
        "cp-data",
        "7.2.1",
        Layer.CP,
        octets(
            """
            39                                  # TI: flag 0, value 3; PD: SMS
            01                                  # CP-DATA
            02 06 2a                            # CP-User-Data: 2 octets, an RP-SMMA
            """
        ),
        CpData(Ti(3), b"\x06\x2a"),
    ),
    Valid(
        "cp-data-of-nothing",
        "8.1.4.1",
        Layer.CP,
        octets("e9 01 00  # TI: flag 1, value 6; no octet of CP-User-Data"),
        CpData(Ti(6, True), b""),
    ),
    Valid("cp-ack", "7.2.2", Layer.CP, octets("89 04  # TI: flag 1, value 0; CP-ACK"), CpAck(Ti(0, True))),
    Valid(
        "cp-error",
        "7.2.3",
        Layer.CP,
        octets("19 10 6f  # TI 1; CP-ERROR; protocol error, unspecified"),
        CpError(Ti(1), CpCause.PROTOCOL_ERROR_UNSPECIFIED),
    ),
    Valid("cp-error-unknown-cause", "8.1.4.2", Layer.CP, octets("19 10 c8  # CP-Cause 200"), CpError(Ti(1), 200)),
)

_CUT = RpCause.INVALID_MANDATORY_INFORMATION

RELAY_INVALID = (
    Invalid("rp-nothing", "9.3.1", Layer.RP_UP, b"", answered=False),
    Invalid("rp-type-alone", "9.3.1", Layer.RP_UP, octets("00  # no RP-MR"), answered=False),
    Invalid(
        "rp-reserved-type",
        "9.3.3",
        Layer.RP_UP,
        octets("07 05  # RP-MTI 7 is reserved"),
        RpCause.MESSAGE_TYPE_NON_EXISTENT,
    ),
    Invalid(
        "rp-reserved-type-to-a-phone",
        "9.3.3",
        Layer.RP_DOWN,
        octets("07 05  # RP-MTI 7 is reserved"),
        RpCause.MESSAGE_TYPE_NON_EXISTENT,
    ),
    Invalid(
        "rp-smma-to-a-phone",
        "9.3.3",
        Layer.RP_DOWN,
        octets("06 05  # RP-SMMA goes to the network only"),
        RpCause.MESSAGE_TYPE_NON_EXISTENT,
    ),
    Invalid(
        "rp-data-the-wrong-way",
        "9.3.3",
        Layer.RP_UP,
        octets("01 05 00 00 01 01  # RP-DATA of the network, from a phone"),
        RpCause.MESSAGE_TYPE_NON_EXISTENT,
    ),
    Invalid(
        "rp-ack-the-wrong-way",
        "9.3.3",
        Layer.RP_UP,
        octets("03 05  # RP-ACK of the network, from a phone: an answer is not answered"),
        RpCause.MESSAGE_TYPE_NON_EXISTENT,
        answered=False,
    ),
    Invalid("rp-data-without-addresses", "9.3.4", Layer.RP_UP, octets("00 05  # no RP-OA"), _CUT),
    Invalid("rp-data-without-data", "9.3.4", Layer.RP_UP, octets("00 05 00 02 91 33  # no RP-User-Data"), _CUT),
    Invalid("rp-data-address-cut", "9.3.4", Layer.RP_UP, octets("00 05 00 07 91 33  # RP-DA: 7 octets, 2 came"), _CUT),
    Invalid(
        "rp-data-address-too-long",
        "8.2.5.2",
        Layer.RP_UP,
        octets("00 05 00 0c 91 33 99 33 99 33 99 33 99 33 99 33 01 01  # RP-DA: 12 octets"),
        _CUT,
    ),
    Invalid(
        "rp-data-address-with-filler",
        "8.2.5.2",
        Layer.RP_UP,
        octets("00 05 00 03 91 f3 99 01 01  # RP-DA: a filler in front of digits"),
        _CUT,
    ),
    Invalid(
        "rp-data-cut", "9.3.4", Layer.RP_UP, octets("00 05 00 00 09 01 05  # RP-User-Data: 9 octets, 2 came"), _CUT
    ),
    Invalid(
        "rp-data-too-long",
        "8.2.5.3",
        Layer.RP_UP,
        octets("00 05 00 00 # RP-User-Data of 234 octets follows\n ea" + 234 * "00"),
        _CUT,
    ),
    Invalid(
        "rp-error-without-cause", "9.3.4", Layer.RP_UP, octets("04 05  # an answer, though wrong"), _CUT, answered=False
    ),
    Invalid(
        "rp-error-empty-cause",
        "8.2.5.4",
        Layer.RP_UP,
        octets("04 05 00  # RP-Cause of no octets"),
        _CUT,
        answered=False,
    ),
)

CONNECTION_INVALID = (
    Invalid("cp-nothing", "9.2.1", Layer.CP, b"", answered=False),
    Invalid("cp-too-short", "9.2.1", Layer.CP, octets("39  # no message type"), answered=False),
    Invalid("cp-other-protocol", "9.2.1", Layer.CP, octets("35 01 00  # PD 5: mobility management"), answered=False),
    Invalid(
        "cp-reserved-transaction",
        "9.2.2",
        Layer.CP,
        octets("79 01 02 06 2a  # TI 7"),
        cp_cause=CpCause.INVALID_TRANSACTION_IDENTIFIER,
        answered=False,
    ),
    Invalid(
        "cp-unknown-type",
        "9.2.3",
        Layer.CP,
        octets("39 05  # message type 5"),
        cp_cause=CpCause.MESSAGE_TYPE_NON_EXISTENT,
    ),
    Invalid("cp-data-without-length", "9.2.4", Layer.CP, octets("39 01  # no CP-User-Data")),
    Invalid("cp-data-cut", "9.2.4", Layer.CP, octets("39 01 03 06 2a  # CP-User-Data: 3 octets, 2 came")),
    Invalid(
        "cp-data-too-long",
        "8.1.4.1",
        Layer.CP,
        octets("39 01 # CP-User-Data of 249 octets follows\n f9" + 249 * "00"),
    ),
    Invalid("cp-error-without-cause", "9.2.4", Layer.CP, octets("39 10  # no CP-Cause"), answered=False),
)

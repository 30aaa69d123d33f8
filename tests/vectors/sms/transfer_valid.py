"""TPDUs that are right, with what they mean (TS 23.040 9.2.2). See vector.py."""

from lteims.sms.address import Address, NumberingPlan, TypeOfNumber
from lteims.sms.cause import TpCommandType, TpFcs, TpStatus
from lteims.sms.dcs import Dcs
from lteims.sms.report import SmsDeliverReport, SmsSubmitReport
from lteims.sms.timestamp import Timestamp
from lteims.sms.tpdu import SmsCommand, SmsDeliver, SmsStatusReport, SmsSubmit
from lteims.sms.validity import AbsoluteValidity, EnhancedForm, EnhancedValidity, RelativeValidity
from tests.vectors.sms.vector import Layer, Valid, octets

ALICE = Address("33123456789", TypeOfNumber.INTERNATIONAL)
NOON = Timestamp(1_719_835_200)  # 2024-07-01 12:00:00 UTC


def _ud(text: str) -> tuple[int, bytes]:
    """TP-UDL and TP-UD of octets whose first is TP-UDL."""
    data = octets(text)
    return data[0], data[1:]


_HOW_UDL, _HOW = _ud("0c c8 f7 1d 14 96 97 41 f9 77 fd 07")

SUBMITS = (
    Valid(
        "submit-plain",
        "9.2.2.2",
        Layer.SUBMIT,
        octets(
            """
            01                                  # TP-MTI SMS-SUBMIT, no TP-VP, nothing asked for
            2a                                  # TP-MR 42
            0b 91 33 21 43 65 87 f9             # TP-DA: 11 semi-octets, international ISDN, the last half filled
            00                                  # TP-PID: from phone to phone
            00                                  # TP-DCS: GSM 7 bit, no class
            0c                                  # TP-UDL: 12 septets
            c8 f7 1d 14 96 97 41 f9 77 fd 07    # TP-UD: How are you?
            """
        ),
        SmsSubmit(tp_mr=42, tp_da=ALICE, tp_udl=_HOW_UDL, tp_ud=_HOW),
        "How are you?",
    ),
    Valid(
        "submit-relative-and-report",
        "9.2.3.12.1",
        Layer.SUBMIT,
        octets(
            """
            31                                  # SMS-SUBMIT, TP-VPF relative, TP-SRR
            00                                  # TP-MR 0
            04 81 21 43                         # TP-DA: 4 semi-octets, unknown type, ISDN: 1234
            00 00                               # TP-PID, TP-DCS
            a7                                  # TP-VP: 24 hours
            04 d4 f2 9c 0e                      # Test
            """
        ),
        SmsSubmit(
            tp_mr=0,
            tp_da=Address("1234"),
            tp_udl=4,
            tp_ud=octets("d4f29c0e"),
            tp_vp=RelativeValidity(0xA7),
            tp_srr=True,
        ),
        "Test",
    ),
    Valid(
        "submit-absolute",
        "9.2.3.12.2",
        Layer.SUBMIT,
        octets(
            """
            19                                  # SMS-SUBMIT, TP-VPF absolute
            ff                                  # TP-MR 255
            03 81 21 f3                         # TP-DA 123
            00 00                               # TP-PID, TP-DCS
            42 70 10 71 03 00 22                # TP-VP: 24-07-01 17:30:00, 22 quarters east: +5:30
            02 cf 35                            # Ok
            """
        ),
        SmsSubmit(
            tp_mr=255,
            tp_da=Address("123"),
            tp_udl=2,
            tp_ud=octets("cf35"),
            tp_vp=AbsoluteValidity(Timestamp(1_719_835_200, 22)),
        ),
        "Ok",
    ),
    Valid(
        "submit-enhanced-seconds",
        "9.2.3.12.3",
        Layer.SUBMIT,
        octets(
            """
            09                                  # SMS-SUBMIT, TP-VPF enhanced
            01                                  # TP-MR
            02 81 21                            # TP-DA 12
            00 00                               # TP-PID, TP-DCS
            42 3c 00 00 00 00 00                # TP-VP: single shot, seconds: 60, the rest unused
            00                                  # TP-UDL 0, no TP-UD
            """
        ),
        SmsSubmit(
            tp_mr=1,
            tp_da=Address("12"),
            tp_udl=0,
            tp_ud=b"",
            tp_vp=EnhancedValidity(EnhancedForm.SECONDS, 60, single_shot=True),
        ),
        "",
    ),
    Valid(
        "submit-enhanced-hours",
        "9.2.3.12.3",
        Layer.SUBMIT,
        octets(
            """
            09 02 02 81 21 00 00                # SMS-SUBMIT to 12, TP-VPF enhanced
            03 21 03 54 00 00 00                # TP-VP: 12 h 30 min 45 s in swapped digits
            01 78                               # x
            """
        ),
        SmsSubmit(
            tp_mr=2,
            tp_da=Address("12"),
            tp_udl=1,
            tp_ud=b"x",
            tp_vp=EnhancedValidity(EnhancedForm.HOURS_MINUTES_SECONDS, 45_045),
        ),
        "x",
    ),
    Valid(
        "submit-enhanced-relative",
        "9.2.3.12.3",
        Layer.SUBMIT,
        octets(
            """
            09 02 02 81 21 00 00                # SMS-SUBMIT to 12, TP-VPF enhanced
            01 00 00 00 00 00 00                # TP-VP: as the relative form, 5 minutes
            01 78                               # x
            """
        ),
        SmsSubmit(tp_mr=2, tp_da=Address("12"), tp_udl=1, tp_ud=b"x", tp_vp=EnhancedValidity(EnhancedForm.RELATIVE, 0)),
        "x",
    ),
    Valid(
        "submit-enhanced-none",
        "9.2.3.12.3",
        Layer.SUBMIT,
        octets(
            """
            09 02 02 81 21 00 00                # SMS-SUBMIT to 12, TP-VPF enhanced
            00 00 00 00 00 00 00                # TP-VP: no period
            01 78                               # x
            """
        ),
        SmsSubmit(tp_mr=2, tp_da=Address("12"), tp_udl=1, tp_ud=b"x", tp_vp=EnhancedValidity()),
        "x",
    ),
    Valid(
        "submit-digits-beyond-nine",
        "9.1.2.3",
        Layer.SUBMIT,
        octets(
            """
            05                                  # SMS-SUBMIT, TP-RD
            03                                  # TP-MR
            06 a1 1a b0 dc                      # TP-DA: national, the semi-octets 10 1 0 11 12 13: * 1 0 # a b
            00 00 01 78                         # x
            """
        ),
        SmsSubmit(tp_mr=3, tp_da=Address("*10#ab", TypeOfNumber.NATIONAL), tp_udl=1, tp_ud=b"x", tp_rd=True),
        "x",
    ),
    Valid(
        "submit-digit-c-odd",
        "9.1.2.3",
        Layer.SUBMIT,
        octets(
            """
            81                                  # SMS-SUBMIT, TP-RP
            03                                  # TP-MR
            03 b9 e1 f2                         # TP-DA: network specific, private plan, 3 semi-octets: 1 c 2
            00 00 01 78                         # x
            """
        ),
        SmsSubmit(
            tp_mr=3,
            tp_da=Address("1c2", TypeOfNumber.NETWORK_SPECIFIC, NumberingPlan.PRIVATE),
            tp_udl=1,
            tp_ud=b"x",
            tp_rp=True,
        ),
        "x",
    ),
    Valid(
        "submit-without-digits",
        "9.1.2.5",
        Layer.SUBMIT,
        octets(
            """
            01 04                               # SMS-SUBMIT, TP-MR 4
            00 81                               # TP-DA of no semi-octets; an address all the same
            00 00 01 78                         # x
            """
        ),
        SmsSubmit(tp_mr=4, tp_da=Address(""), tp_udl=1, tp_ud=b"x"),
        "x",
    ),
    Valid(
        "submit-twenty-digits",
        "9.1.2.5",
        Layer.SUBMIT,
        octets(
            """
            01 04                               # SMS-SUBMIT, TP-MR 4
            14 91 21 43 65 87 09 21 43 65 87 09 # TP-DA: 20 semi-octets, the most that 12 octets hold
            00 00 01 78                         # x
            """
        ),
        SmsSubmit(tp_mr=4, tp_da=Address("12345678901234567890", TypeOfNumber.INTERNATIONAL), tp_udl=1, tp_ud=b"x"),
        "x",
    ),
    Valid(
        "submit-ucs2-emoji",
        "TS 23.038 4",
        Layer.SUBMIT,
        octets(
            """
            01 05 02 81 21                      # SMS-SUBMIT to 12
            00                                  # TP-PID
            08                                  # TP-DCS: UCS2
            06                                  # TP-UDL: 6 octets
            04 3f                               # п
            d8 3d de 00                         # a pair of surrogates: U+1F600
            """
        ),
        SmsSubmit(tp_mr=5, tp_da=Address("12"), tp_udl=6, tp_ud=octets("043fd83dde00"), tp_dcs=Dcs(0x08)),
        "п\U0001f600",
    ),
    Valid(
        "submit-eight-bit-class-1",
        "TS 23.038 4",
        Layer.SUBMIT,
        octets(
            """
            01 05 02 81 21                      # SMS-SUBMIT to 12
            00                                  # TP-PID
            f5                                  # TP-DCS: data coding group, 8 bit, class 1
            03 00 ff 80                         # three octets
            """
        ),
        SmsSubmit(tp_mr=5, tp_da=Address("12"), tp_udl=3, tp_ud=b"\x00\xff\x80", tp_dcs=Dcs(0xF5)),
    ),
    Valid(
        "submit-compressed",
        "9.2.3.16",
        Layer.SUBMIT,
        octets(
            """
            01 05 02 81 21 00                   # SMS-SUBMIT to 12
            20                                  # TP-DCS: GSM 7 bit, compressed
            03 12 34 56                         # TP-UDL counts octets: 3
            """
        ),
        SmsSubmit(tp_mr=5, tp_da=Address("12"), tp_udl=3, tp_ud=b"\x12\x34\x56", tp_dcs=Dcs(0x20)),
    ),
    Valid(
        "submit-reserved-alphabet",
        "TS 23.038 4",
        Layer.SUBMIT,
        octets(
            """
            01 05 02 81 21 00                   # SMS-SUBMIT to 12
            0c                                  # TP-DCS: reserved alphabet, to be read as GSM 7 bit
            04 d4 f2 9c 0e                      # Test
            """
        ),
        SmsSubmit(tp_mr=5, tp_da=Address("12"), tp_udl=4, tp_ud=octets("d4f29c0e"), tp_dcs=Dcs(0x0C)),
        "Test",
    ),
    Valid(
        "submit-extension-table",
        "TS 23.038 6.2.1.1",
        Layer.SUBMIT,
        octets(
            """
            01 05 02 81 21 00 00                # SMS-SUBMIT to 12
            07                                  # TP-UDL: a, escape 3c, b, escape 3e, c are 7 septets
            e1 0d 4f bc f1 8d 01                # a[b]c
            """
        ),
        SmsSubmit(tp_mr=5, tp_da=Address("12"), tp_udl=7, tp_ud=octets("e10d4fbcf18d01")),
        "a[b]c",
    ),
    Valid(
        "submit-seven-septets",
        "9.2.3.16",
        Layer.SUBMIT,
        octets(
            """
            01 05 02 81 21 00 00                # SMS-SUBMIT to 12
            07 61 f1 98 5c 36 9f 01             # 7 septets leave 7 bits over, which are no "@"
            """
        ),
        SmsSubmit(tp_mr=5, tp_da=Address("12"), tp_udl=7, tp_ud=octets("61f1985c369f01")),
        "abcdefg",
    ),
    Valid(
        "submit-eight-septets",
        "9.2.3.16",
        Layer.SUBMIT,
        octets(
            """
            01 05 02 81 21 00 00                # SMS-SUBMIT to 12
            08 61 f1 98 5c 36 9f 01             # the same octets, 8 septets: the last is "@"
            """
        ),
        SmsSubmit(tp_mr=5, tp_da=Address("12"), tp_udl=8, tp_ud=octets("61f1985c369f01")),
        "abcdefg@",
    ),
    Valid(
        "submit-concatenated-8",
        "9.2.3.24.1",
        Layer.SUBMIT,
        octets(
            """
            41                                  # SMS-SUBMIT, TP-UDHI
            06 02 81 21 00 00                   # TP-MR 6, to 12
            09                                  # TP-UDL: 48 bits and 1 fill bit are 7 septets, and 2 of text
            05                                  # UDHL
            00 03                               # concatenation with an 8-bit reference
            cc 02 01                            # reference 204, part 1 of 2
            90 69                               # 1 fill bit, Hi
            """
        ),
        SmsSubmit(tp_mr=6, tp_da=Address("12"), tp_udl=9, tp_ud=octets("050003cc02019069"), tp_udhi=True),
        "Hi",
    ),
    Valid(
        "submit-concatenated-16",
        "9.2.3.24.8",
        Layer.SUBMIT,
        octets(
            """
            41                                  # SMS-SUBMIT, TP-UDHI
            06 02 81 21 00 00                   # TP-MR 6, to 12
            0a                                  # TP-UDL: 56 bits are 8 septets without fill, and 2 of text
            06                                  # UDHL
            08 04                               # concatenation with a 16-bit reference
            12 34 03 03                         # reference 0x1234, part 3 of 3
            c8 34                               # Hi
            """
        ),
        SmsSubmit(tp_mr=6, tp_da=Address("12"), tp_udl=10, tp_ud=octets("06080412340303c834"), tp_udhi=True),
        "Hi",
    ),
    Valid(
        "submit-header-alone",
        "9.2.3.24",
        Layer.SUBMIT,
        octets(
            """
            41 06 02 81 21 00 00                # SMS-SUBMIT, TP-UDHI
            07                                  # TP-UDL: the header and its fill bit, no text
            05 00 03 cc 02 01 00                # concatenation; the last octet is the fill bit
            """
        ),
        SmsSubmit(tp_mr=6, tp_da=Address("12"), tp_udl=7, tp_ud=octets("050003cc020100"), tp_udhi=True),
        "",
    ),
    Valid(
        "submit-header-cut-within",
        "9.2.3.24",
        Layer.SUBMIT,
        octets(
            """
            41 06 02 81 21 00                   # SMS-SUBMIT, TP-UDHI
            04                                  # TP-DCS: 8 bit
            06                                  # TP-UDL
            04 00 03 cc 02                      # UDHL 4: the element wants one octet more, so all of it is ignored
            ff                                  # the data behind UDHL stay what they are
            """
        ),
        SmsSubmit(tp_mr=6, tp_da=Address("12"), tp_udl=6, tp_ud=octets("040003cc02ff"), tp_dcs=Dcs(0x04), tp_udhi=True),
    ),
    Valid(
        "submit-octets-behind",
        "9.2.2.2",
        Layer.SUBMIT,
        octets(
            """
            01 05 02 81 21 00 00 01 78          # SMS-SUBMIT to 12: x
            00 00                               # more than TP-UDL says: ignored
            """
        ),
        SmsSubmit(tp_mr=5, tp_da=Address("12"), tp_udl=1, tp_ud=b"x"),
        "x",
        canonical=False,
        cuts=frozenset({9, 10}),
    ),
)

DELIVERS = (
    Valid(
        "deliver-plain",
        "9.2.2.1",
        Layer.DELIVER,
        octets(
            """
            04                                  # TP-MTI SMS-DELIVER, TP-MMS: no more messages
            0b 91 33 21 43 65 87 f9             # TP-OA +33123456789
            00 00                               # TP-PID, TP-DCS
            42 70 10 21 00 00 00                # TP-SCTS 24-07-01 12:00:00, UTC
            0c c8 f7 1d 14 96 97 41 f9 77 fd 07 # How are you?
            """
        ),
        SmsDeliver(tp_oa=ALICE, tp_scts=NOON, tp_udl=_HOW_UDL, tp_ud=_HOW),
        "How are you?",
    ),
    Valid(
        "deliver-west-of-greenwich",
        "9.2.3.11",
        Layer.DELIVER,
        octets(
            """
            24                                  # SMS-DELIVER, TP-MMS, TP-SRI
            02 81 21 00 00                      # from 12
            42 70 10 50 00 00 8a                # TP-SCTS 05:00:00, 28 quarters: 2 with the sign bit, 8: -7:00
            01 78                               # x
            """
        ),
        SmsDeliver(tp_oa=Address("12"), tp_scts=Timestamp(1_719_835_200, -28), tp_udl=1, tp_ud=b"x", tp_sri=True),
        "x",
    ),
    Valid(
        "deliver-last-century",
        "9.2.3.11",
        Layer.DELIVER,
        octets(
            """
            08                                  # SMS-DELIVER, more messages wait, TP-LP
            02 81 21 00 00                      # from 12
            99 21 13 32 95 95 65                # TP-SCTS 1999-12-31 23:59:59, 56 quarters: +14:00
            01 78                               # x
            """
        ),
        SmsDeliver(
            tp_oa=Address("12"), tp_scts=Timestamp(946_634_399, 56), tp_udl=1, tp_ud=b"x", tp_mms=False, tp_lp=True
        ),
        "x",
    ),
    Valid(
        "deliver-alphanumeric",
        "9.1.2.5",
        Layer.DELIVER,
        octets(
            """
            04                                  # SMS-DELIVER
            06 d0 cc b0 18                      # TP-OA: 6 semi-octets, alphanumeric: 3 septets: Lab
            00 00 42 70 10 21 00 00 00          # TP-PID, TP-DCS, TP-SCTS
            01 78                               # x
            """
        ),
        SmsDeliver(
            tp_oa=Address("Lab", TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN), tp_scts=NOON, tp_udl=1, tp_ud=b"x"
        ),
        "x",
    ),
    Valid(
        "deliver-alphanumeric-eleven",
        "9.1.2.5",
        Layer.DELIVER,
        octets(
            """
            04                                  # SMS-DELIVER
            14 d0                               # TP-OA: 20 semi-octets, alphanumeric: 11 septets
            c4 f2 3c 7d 76 03 90 ef 76 19       # Design@Home
            00 00 42 70 10 21 00 00 00          # TP-PID, TP-DCS, TP-SCTS
            01 78                               # x
            """
        ),
        SmsDeliver(
            tp_oa=Address("Design@Home", TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN),
            tp_scts=NOON,
            tp_udl=1,
            tp_ud=b"x",
        ),
        "x",
    ),
    Valid(
        "deliver-wap-push",
        "9.2.3.24.4",
        Layer.DELIVER,
        octets(
            """
            44                                  # SMS-DELIVER, TP-MMS, TP-UDHI
            02 81 21 00                         # from 12
            f5                                  # TP-DCS: 8 bit, class 1
            42 70 10 21 00 00 00                # TP-SCTS
            0e                                  # TP-UDL: 14 octets
            0b                                  # UDHL: 11
            05 04 0b 84 c0 02                   # ports of 16 bits: to 2948, from 49154
            00 03 2a 02 02                      # concatenation: reference 42, part 2 of 2
            01 06                               # the end of a push PDU
            """
        ),
        SmsDeliver(
            tp_oa=Address("12"),
            tp_scts=NOON,
            tp_udl=14,
            tp_ud=octets("0b05040b84c00200032a02020106"),
            tp_dcs=Dcs(0xF5),
            tp_udhi=True,
        ),
    ),
    Valid(
        "deliver-voicemail-waits",
        "TS 23.038 4",
        Layer.DELIVER,
        octets(
            """
            04 02 81 21 00                      # SMS-DELIVER from 12
            c8                                  # TP-DCS: message waiting, discard, active, voicemail
            42 70 10 21 00 00 00 00             # TP-SCTS, no text
            """
        ),
        SmsDeliver(tp_oa=Address("12"), tp_scts=NOON, tp_udl=0, tp_ud=b"", tp_dcs=Dcs(0xC8)),
        "",
    ),
    Valid(
        "deliver-waiting-in-ucs2",
        "TS 23.038 4",
        Layer.DELIVER,
        octets(
            """
            84 02 81 21 00                      # SMS-DELIVER from 12, TP-RP
            e2                                  # TP-DCS: message waiting, store, UCS2, not active, e-mail
            42 70 10 21 00 00 00                # TP-SCTS
            02 04 3f                            # п
            """
        ),
        SmsDeliver(tp_oa=Address("12"), tp_scts=NOON, tp_udl=2, tp_ud=b"\x04\x3f", tp_dcs=Dcs(0xE2), tp_rp=True),
        "п",
    ),
    Valid(
        "deliver-half-a-pair",
        "9.2.3.24",
        Layer.DELIVER,
        octets(
            """
            04 02 81 21 00 08 42 70 10 21 00 00 00
            03                                  # TP-UDL: an odd number of octets
            04 3f d8                            # п and half of something
            """
        ),
        SmsDeliver(tp_oa=Address("12"), tp_scts=NOON, tp_udl=3, tp_ud=b"\x04\x3f\xd8", tp_dcs=Dcs(0x08)),
        "п\ufffd",
    ),
    Valid(
        "deliver-reserved-type",
        "9.2.3.1",
        Layer.DELIVER,
        octets(
            """
            07                                  # TP-MTI 3, reserved: a phone reads SMS-DELIVER
            02 81 21 00 00 42 70 10 21 00 00 00 01 78
            """
        ),
        SmsDeliver(tp_oa=Address("12"), tp_scts=NOON, tp_udl=1, tp_ud=b"x"),
        "x",
        canonical=False,
    ),
)

REPORTS = (
    Valid(
        "status-report",
        "9.2.2.3",
        Layer.DELIVER,
        octets(
            """
            06                                  # TP-MTI SMS-STATUS-REPORT, TP-MMS
            2a                                  # TP-MR of the SMS-SUBMIT: 42
            0b 91 33 21 43 65 87 f9             # TP-RA
            42 70 10 21 00 00 00                # TP-SCTS: when it was submitted
            42 70 10 21 10 00 00                # TP-DT: a minute later
            00                                  # TP-ST: received by the SME
            """
        ),
        SmsStatusReport(
            tp_mr=42, tp_ra=ALICE, tp_scts=NOON, tp_dt=Timestamp(NOON.seconds + 60), tp_st=TpStatus.RECEIVED_BY_SME
        ),
    ),
    Valid(
        "status-report-of-a-command",
        "9.2.3.26",
        Layer.DELIVER,
        octets(
            """
            2e                                  # SMS-STATUS-REPORT, TP-MMS, TP-LP, TP-SRQ: of a SMS-COMMAND
            07 02 81 21                         # TP-MR, TP-RA 12
            42 70 10 21 00 00 00                # TP-SCTS
            42 70 10 21 00 00 00                # TP-DT
            46                                  # TP-ST: the validity period expired
            07                                  # TP-PI: TP-PID, TP-DCS and TP-UDL follow
            00 00                               # TP-PID, TP-DCS
            02 c8 34                            # Hi
            """
        ),
        SmsStatusReport(
            tp_mr=7,
            tp_ra=Address("12"),
            tp_scts=NOON,
            tp_dt=NOON,
            tp_st=TpStatus.VALIDITY_PERIOD_EXPIRED,
            tp_lp=True,
            tp_srq=True,
            tp_pid=0,
            tp_dcs=Dcs(),
            tp_udl=2,
            tp_ud=octets("c834"),
        ),
        "Hi",
        cuts=frozenset({20}),  # in front of TP-PI
    ),
    Valid(
        "status-report-empty-indicator",
        "9.2.3.27",
        Layer.DELIVER,
        octets(
            """
            06 07 02 81 21                      # SMS-STATUS-REPORT
            42 70 10 21 00 00 00 42 70 10 21 00 00 00
            30                                  # TP-ST: a value of the SC's own
            00                                  # TP-PI that announces nothing
            """
        ),
        SmsStatusReport(tp_mr=7, tp_ra=Address("12"), tp_scts=NOON, tp_dt=NOON, tp_st=0x30),
        canonical=False,
        cuts=frozenset({20}),
    ),
    Valid(
        "command-delete",
        "9.2.2.4",
        Layer.SUBMIT,
        octets(
            """
            22                                  # TP-MTI SMS-COMMAND, TP-SRR
            08                                  # TP-MR
            00                                  # TP-PID
            02                                  # TP-CT: delete a submitted message
            2a                                  # TP-MN: the message 42
            02 81 21                            # TP-DA 12
            00                                  # TP-CDL: no TP-CD
            """
        ),
        SmsCommand(
            tp_mr=8, tp_ct=TpCommandType.DELETE_PREVIOUSLY_SUBMITTED_SM, tp_mn=42, tp_da=Address("12"), tp_srr=True
        ),
    ),
    Valid(
        "command-with-data",
        "9.2.3.21",
        Layer.SUBMIT,
        octets(
            """
            02 08 00                            # SMS-COMMAND, TP-MR, TP-PID
            e0                                  # TP-CT: specific to the SC
            00 02 81 21                         # TP-MN, TP-DA 12
            03 01 02 03                         # TP-CDL, TP-CD
            """
        ),
        SmsCommand(tp_mr=8, tp_ct=0xE0, tp_mn=0, tp_da=Address("12"), tp_cd=b"\x01\x02\x03"),
    ),
    Valid(
        "deliver-report-ack",
        "9.2.2.1a",
        Layer.ACK_UP,
        octets(
            """
            00                                  # TP-MTI SMS-DELIVER-REPORT
            00                                  # TP-PI: nothing follows
            """
        ),
        SmsDeliverReport(),
    ),
    Valid(
        "deliver-report-ack-with-data",
        "9.2.2.1a",
        Layer.ACK_UP,
        octets(
            """
            40                                  # SMS-DELIVER-REPORT, TP-UDHI
            07                                  # TP-PI
            7f                                  # TP-PID: data download to the SIM
            16                                  # TP-DCS: 8 bit, class 2
            05                                  # TP-UDL
            02 71 00                            # UDHL, the element 0x71 of no octets: a SIM toolkit's answer
            ab cd                               # its data
            """
        ),
        SmsDeliverReport(tp_udhi=True, tp_pid=0x7F, tp_dcs=Dcs(0x16), tp_udl=5, tp_ud=octets("027100abcd")),
    ),
    Valid(
        "deliver-report-error",
        "9.2.2.1a",
        Layer.ERROR_UP,
        octets(
            """
            00                                  # SMS-DELIVER-REPORT
            d3                                  # TP-FCS: memory capacity exceeded
            00                                  # TP-PI
            """
        ),
        SmsDeliverReport(tp_fcs=TpFcs.MEMORY_CAPACITY_EXCEEDED),
    ),
    Valid(
        "deliver-report-extended-indicator",
        "9.2.3.27",
        Layer.ACK_UP,
        octets(
            """
            00                                  # SMS-DELIVER-REPORT
            f9 78                               # TP-PI: TP-PID, reserved bits, and another octet of them
            00                                  # TP-PID
            """
        ),
        SmsDeliverReport(tp_pid=0),
        canonical=False,
    ),
    Valid(
        "deliver-report-without-coding",
        "9.2.3.27",
        Layer.ACK_UP,
        octets(
            """
            00                                  # SMS-DELIVER-REPORT
            04                                  # TP-PI: TP-UDL only, so TP-DCS is 0
            02 cf 35                            # Ok
            """
        ),
        SmsDeliverReport(tp_udl=2, tp_ud=octets("cf35")),
        "Ok",
    ),
    Valid(
        "submit-report-ack",
        "9.2.2.2a",
        Layer.ACK_DOWN,
        octets(
            """
            01                                  # TP-MTI SMS-SUBMIT-REPORT
            00                                  # TP-PI
            42 70 10 21 00 00 00                # TP-SCTS
            """
        ),
        SmsSubmitReport(tp_scts=NOON),
    ),
    Valid(
        "submit-report-error",
        "9.2.2.2a",
        Layer.ERROR_DOWN,
        octets(
            """
            01                                  # SMS-SUBMIT-REPORT
            c3                                  # TP-FCS: invalid SME address
            06                                  # TP-PI: TP-DCS and TP-UDL
            42 70 10 21 00 00 00                # TP-SCTS
            08                                  # TP-DCS: UCS2
            02 00 21                            # !
            """
        ),
        SmsSubmitReport(tp_scts=NOON, tp_fcs=TpFcs.INVALID_SME_ADDRESS, tp_dcs=Dcs(0x08), tp_udl=2, tp_ud=b"\x00\x21"),
        "!",
    ),
)

TRANSFER_VALID = SUBMITS + DELIVERS + REPORTS

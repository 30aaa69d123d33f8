"""Messages of SGsAP, octet by octet as TS 29.118 clauses 8 and 9 write them, both ways."""

import pytest

from lteims.sgsap import message as m
from lteims.sgsap.decoder import parse
from lteims.sgsap.elements import Ecgi, GlobalCnId, Lai, MobileIdentity, Plmn, Tai
from lteims.sgsap.message import Message

IMSI = "001010123456789"
IMSI_ELEMENT = """
    01 08                       IMSI, 8 octets (9.4.6)
    09 10 10 10 32 54 76 98     odd number of digits, IMSI; the digits, two in an octet
"""
MME = "mmec01.mmegi0002.mme.epc.mnc001.mcc001.3gppnetwork.org"
MME_ELEMENT = """
    09 37                       MME name, 55 octets (9.4.13, TS 23.003 19.4.2.4)
    06 6d 6d 65 63 30 31                        mmec01
    09 6d 6d 65 67 69 30 30 30 32               mmegi0002
    03 6d 6d 65                                 mme
    03 65 70 63                                 epc
    06 6d 6e 63 30 30 31                        mnc001
    06 6d 63 63 30 30 31                        mcc001
    0b 33 67 70 70 6e 65 74 77 6f 72 6b         3gppnetwork
    03 6f 72 67                                 org
"""
PLMN = Plmn("001", "01")
LAI = Lai(PLMN, 1)
VLR_ELEMENT = """
    02 0c                       VLR name, 12 octets (9.4.22)
    03 76 6c 72                 vlr
    07 65 78 61 6d 70 6c 65     example
"""
PLACE = """
    15 08                       IMEISV, 8 octets (9.4.5)
    53 90 27 80 03 67 45 10     digits, two in an octet
    21 01 40                    UE time zone: one hour (9.4.21b)
    22 03 53 19 86              mobile station classmark 2 (9.4.14a)
    23 05                       TAI (9.4.21a)
    00 f1 10                    MCC 001, MNC 01
    00 07                       TAC
    24 07                       E-CGI (9.4.3a)
    13 00 14                    MCC 310, MNC 410
    0a bc de f1                 four spare bits, 28 bits of cell
"""
PLACED = {
    "imeisv": "3509720830765401",
    "ue_time_zone": 0x40,
    "mobile_station_classmark_2": bytes.fromhex("531986"),
    "tai": Tai(PLMN, 7),
    "e_cgi": Ecgi(Plmn("310", "410"), 0xABCDEF1),
}
SIMPLE: list[tuple[int, Message]] = [
    (0x0E, m.AlertAck(IMSI)),  # 8.1
    (0x0D, m.AlertRequest(IMSI)),  # 8.3
    (0x12, m.EpsDetachAck(IMSI)),  # 8.5
    (0x14, m.ImsiDetachAck(IMSI)),  # 8.7
    (0x0C, m.TmsiReallocationComplete(IMSI)),  # 8.19
    (0x10, m.UeActivityIndication(IMSI)),  # 8.20
    (0x1B, m.ReleaseRequest(IMSI)),  # 8.23
    (0x17, m.ServiceAbortRequest(IMSI)),  # 8.24
    (0x18, m.MoCsfbIndication(IMSI)),  # 8.25
]
VECTORS: list[tuple[str, str, Message]] = [
    ("8.2", f"0f ALERT-REJECT {IMSI_ELEMENT} 08 01 03 SGs cause: IMSI unknown (9.4.18)", m.AlertReject(IMSI, 3)),
    (
        "8.4",
        f"07 DOWNLINK-UNITDATA {IMSI_ELEMENT} 16 02 NAS message container (9.4.15)\n 89 04 CP-ACK",
        m.DownlinkUnitdata(IMSI, b"\x89\x04"),
    ),
    (
        "8.6",
        f"11 EPS-DETACH-INDICATION {IMSI_ELEMENT} {MME_ELEMENT} 10 01 02 UE initiated (9.4.7)",
        m.EpsDetachIndication(IMSI, MME, 2),
    ),
    (
        "8.8",
        f"13 IMSI-DETACH-INDICATION {IMSI_ELEMENT} {MME_ELEMENT} 11 01 03 implicit (9.4.8)",
        m.ImsiDetachIndication(IMSI, MME, 3),
    ),
    (
        "8.9 with the IMSI, which withdraws a TMSI",
        f"""0a LOCATION-UPDATE-ACCEPT {IMSI_ELEMENT}
        04 05                       LAI (9.4.11)
        00 f1 10                    MCC 001, MNC 01
        00 01                       LAC
        0e 08                       mobile identity (9.4.14)
        09 10 10 10 32 54 76 98     as in the element IMSI""",
        m.LocationUpdateAccept(IMSI, LAI, MobileIdentity(imsi=IMSI)),
    ),
    (
        "8.9 with a new TMSI",
        f"""0a LOCATION-UPDATE-ACCEPT {IMSI_ELEMENT} 04 05 LAI\n 00 f1 10 00 01
        0e 05                       mobile identity
        f4                          TMSI
        c0 00 00 01""",
        m.LocationUpdateAccept(IMSI, LAI, MobileIdentity(tmsi=0xC0000001)),
    ),
    (
        "8.10",
        f"0b LOCATION-UPDATE-REJECT {IMSI_ELEMENT} 0f 01 02 IMSI unknown in HLR (9.4.16)\n 04 05 LAI\n 00 f1 10 00 01",
        m.LocationUpdateReject(IMSI, 2, LAI),
    ),
    (
        "8.11",
        f"""09 LOCATION-UPDATE-REQUEST {IMSI_ELEMENT} {MME_ELEMENT}
        0a 01 01                    EPS location update type: IMSI attach (9.4.2)
        04 05                       new LAI
        00 f1 10 00 01
        04 05                       old LAI
        13 00 14 ff fe              MCC 310, MNC 410, LAC fffe
        07 01 01                    TMSI status: there is one (9.4.21)
        15 08                       IMEISV
        53 90 27 80 03 67 45 10
        23 05                       TAI
        00 f1 10 00 07
        24 07                       E-CGI
        00 f1 10 00 00 00 05
        27 02 01 40                 TMSI based NRI container (9.4.26)
        28 03 00 f1 10              selected CS domain operator (9.4.27)""",
        m.LocationUpdateRequest(
            IMSI,
            MME,
            1,
            LAI,
            Lai(Plmn("310", "410"), 0xFFFE),
            1,
            "3509720830765401",
            Tai(PLMN, 7),
            Ecgi(PLMN, 5),
            0x0140,
            PLMN,
        ),
    ),
    (
        "8.12",
        f"1a MM-INFORMATION-REQUEST {IMSI_ELEMENT} 17 02 MM information (9.4.12)\n 46 40 a time zone",
        m.MmInformationRequest(IMSI, b"\x46\x40"),
    ),
    ("8.13", f"02 PAGING-REJECT {IMSI_ELEMENT} 08 01 04 SGs cause", m.PagingReject(IMSI, 4)),
    (
        "8.14 as it is sent for short messages",
        f"01 PAGING-REQUEST {IMSI_ELEMENT} {VLR_ELEMENT} 20 01 02 SMS indicator (9.4.17)\n 04 05 LAI\n 00 f1 10 00 01",
        m.PagingRequest(IMSI, "vlr.example", 2, lai=LAI),
    ),
    (
        "8.14 with everything",
        f"""01 PAGING-REQUEST {IMSI_ELEMENT} {VLR_ELEMENT}
        20 01 01                    service indicator: CS call
        03 04 c0 00 00 01           TMSI (9.4.20)
        1c 03 81 21 43              CLI (9.4.1)
        04 05                       LAI
        00 f1 10 00 01
        0b 05                       Global CN-Id (9.4.4)
        00 f1 10 00 2a
        1f 01 11                    SS code (9.4.19)
        1e 01 01                    LCS indicator: MT-LR (9.4.10)
        1d 02 a0 00                 LCS client identity (9.4.9)
        05 01 03                    channel needed (9.4.23)
        06 01 07                    eMLPP priority (9.4.24)
        26 01 01                    additional paging indicators: CS restoration (9.4.25)
        2a 02 00 3c                 SM delivery timer: 60 s (9.4.29)
        2b 04 e0 00 00 00           SM delivery start time (9.4.30)
        2d 04 e0 00 00 01           maximum retransmission time (9.4.32)""",
        m.PagingRequest(
            IMSI,
            "vlr.example",
            1,
            0xC0000001,
            bytes.fromhex("812143"),
            LAI,
            GlobalCnId(PLMN, 42),
            0x11,
            1,
            b"\xa0\0",
            3,
            7,
            1,
            60,
            0xE0000000,
            0xE0000001,
        ),
    ),
    ("8.15 of a VLR", f"16 RESET-ACK {VLR_ELEMENT}", m.ResetAck(vlr_name="vlr.example")),
    ("8.15 of an MME", f"16 RESET-ACK {MME_ELEMENT}", m.ResetAck(mme_name=MME)),
    ("8.16 of a VLR", f"15 RESET-INDICATION {VLR_ELEMENT}", m.ResetIndication(vlr_name="vlr.example")),
    ("8.16 of an MME", f"15 RESET-INDICATION {MME_ELEMENT}", m.ResetIndication(mme_name=MME)),
    (
        "8.17",
        f"06 SERVICE-REQUEST {IMSI_ELEMENT} 20 01 02 SMS\n {PLACE} 25 01 01 EMM-CONNECTED (9.4.21c)",
        m.ServiceRequest(IMSI, 2, ue_emm_mode=1, **PLACED),  # type: ignore[arg-type]
    ),
    (
        "8.18",
        f"1d STATUS {IMSI_ELEMENT} 08 01 0c SGs cause: message unknown\n 1b 01 19 erroneous message (9.4.3)",
        m.Status(IMSI, 12, b"\x19"),
    ),
    ("8.18 for nobody", "1d STATUS\n 08 01 08 SGs cause\n 1b 01 08 erroneous message", m.Status(None, 8, b"\x08")),
    (
        "8.20 with the time that it is there",
        f"10 UE-ACTIVITY-INDICATION {IMSI_ELEMENT} 29 04 e0 00 00 00 (9.4.28)",
        m.UeActivityIndication(IMSI, 0xE0000000),
    ),
    (
        "8.21",
        f"""1f UE-UNREACHABLE {IMSI_ELEMENT}
        08 01 0e                    SGs cause: UE temporarily unreachable
        2e 04 e0 00 00 00           requested retransmission time (9.4.33)
        2c 01 01                    additional UE unreachable indicators (9.4.31)""",
        m.UeUnreachable(IMSI, 14, 0xE0000000, 1),
    ),
    (
        "8.22",
        f"08 UPLINK-UNITDATA {IMSI_ELEMENT} 16 02 NAS message container\n 09 04 CP-ACK\n {PLACE}",
        m.UplinkUnitdata(IMSI, b"\x09\x04", **PLACED),  # type: ignore[arg-type]
    ),
    ("8.23", f"1b RELEASE-REQUEST {IMSI_ELEMENT} 08 01 03 IMSI unknown", m.ReleaseRequest(IMSI, 3)),
]


def octets(text: str) -> bytes:
    """The octets at the beginning of each line, and of what follows a message's or element's first ones."""
    found = []
    for line in text.splitlines():
        for word in line.split():
            if len(word) != 2 or not set(word) <= set("0123456789abcdef"):
                break
            found.append(word)
    return bytes.fromhex("".join(found))


@pytest.mark.parametrize(("text", "message"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_both_ways(text: str, message: Message) -> None:
    data = octets(text)
    assert message.encode().hex(" ") == data.hex(" ")
    assert parse(data) == message


@pytest.mark.parametrize(("message_type", "message"), SIMPLE, ids=[type(v[1]).__name__ for v in SIMPLE])
def test_messages_that_name_only_a_phone(message_type: int, message: Message) -> None:
    data = bytes((message_type,)) + octets(IMSI_ELEMENT)
    assert message.encode() == data
    assert parse(data) == message


def test_every_message_has_a_vector() -> None:
    assert {type(v[2]) for v in VECTORS} | {type(v[1]) for v in SIMPLE} == set(m.KINDS)


@pytest.mark.parametrize(
    ("imsi", "value"),
    [
        ("001010", "11 00 01 f1 00"),
        ("0010101234567", "09 10 10 10 32 54 76"),
        ("00101012345678", "01 10 10 10 32 54 76 f8"),
        ("262011234567890", "29 26 10 21 43 65 87 09"),
    ],
)
def test_imsis_of_every_length(imsi: str, value: str) -> None:
    if imsi == "001010":
        value = "01 10 10 f0"
    element = bytes.fromhex(value)
    data = b"\x0e\x01" + bytes((len(element),)) + element
    assert m.AlertAck(imsi).encode().hex(" ") == data.hex(" ")
    assert parse(data) == m.AlertAck(imsi)

"""What tshark and pycrate read in our octets: texts of every length, headers, addresses, times, reports.

tshark gets RPDUs in SIP, as they travel. pycrate is asked where it is right: not for the zone of a time stamp, nor
for the end of a text whose septets leave seven bits of the last octet over, where it cannot know that it ends.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lteims.sms import rp, text, tpdu
from lteims.sms.address import Address, TypeOfNumber
from lteims.sms.cause import RpCause, TpFcs, TpStatus
from lteims.sms.dcs import Alphabet, Dcs
from lteims.sms.octets import Direction
from lteims.sms.report import SmsDeliverReport, SmsSubmitReport
from lteims.sms.timestamp import Timestamp
from lteims.sms.udh import Element, Ports
from lteims.sms.userdata import UserData
from lteims.sms.validity import AbsoluteValidity, EnhancedForm, EnhancedValidity, RelativeValidity, Validity
from tests.vectors.capture import complaints, look, udp

CENTRE, NUMBER = Address.number("+4917000"), Address.number("+49301")
THEN = Timestamp(1_800_000_000, 8)  # 2027-01-15T10:00:00+02:00
GSM = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡AZÄÖÑÜ§¿azäöñüà"
EXTENDED = "^{}\\[~]|€"
SIP = (
    "MESSAGE sip:1@test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:9200;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    "From: <sip:2@test>;tag=1\r\nTo: <sip:1@test>\r\nCall-ID: {}\r\nCSeq: 1 MESSAGE\r\n"
    "Content-Type: application/vnd.3gpp.sms\r\nContent-Length: {}\r\n\r\n"
)


def cut(alphabet: str, length: int) -> str:
    """A text of so many characters, another one for each length, without a blank or "@" at its end."""
    characters = [alphabet[(length * 7 + n) % len(alphabet)] for n in range(length)]
    return "".join(characters[:-1]) + "x" if length else ""


def texts() -> Iterator[tuple[str, list[UserData]]]:
    """All lengths around every edge: of one message, of a part, of an octet, of an escape, of a surrogate pair."""
    for length in range(162):
        yield (words := cut(GSM, length)), text.split(words, reference=length)
    for length in (*range(1, 12), 76, 77, 78, 79, 80, 81, 82):
        yield (words := cut(EXTENDED, length)), text.split(words, reference=length)
    for length in (*range(0, 75), 133, 134, 135, 201, 202):
        yield (words := cut("日本語 кирилл ελ", length)), text.split(words, reference=length)
    for length in (1, 2, 33, 34, 35, 36, 66, 67, 68, 100):
        yield (words := "🎉" * length), text.split(words, reference=length)
    for length in (306, 307, 459, 460, 1000):
        yield (words := cut(GSM, length)), text.split(words, reference=length, wide=True)
    for fill in range(8):  # headers of every length modulo 7
        elements = [Element(0x70, bytes(fill))]
        yield (words := cut(GSM, 20)), text.split(words, elements=elements)
        yield (words := cut(GSM, 200)), text.split(words, reference=fill, elements=elements)
    for message_class in range(4):
        yield (words := cut(GSM, 8)), text.split(words, message_class=message_class)


def deliver(part: UserData, **more: Any) -> bytes:
    fields: dict[str, Any] = {"tp_oa": NUMBER, "tp_scts": THEN} | more
    return tpdu.SmsDeliver(
        tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs, tp_udhi=part.tp_udhi, **fields
    ).encode()  # fmt: skip


def submit(part: UserData, **more: Any) -> bytes:
    fields: dict[str, Any] = {"tp_mr": 7, "tp_da": NUMBER} | more
    return tpdu.SmsSubmit(
        tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs, tp_udhi=part.tp_udhi, **fields
    ).encode()  # fmt: skip


def down(sms: bytes) -> bytes:
    return rp.RpData(Direction.SC_TO_MS, 200, CENTRE, None, sms).encode()


def up(sms: bytes) -> bytes:
    return rp.RpData(Direction.MS_TO_SC, 100, None, CENTRE, sms).encode()


def seen(path: Path, rpdus: list[bytes]) -> list[dict[str, Any]]:
    """The fields that tshark sees in each RPDU, trees of a field under its name; an expert's complaint is an error."""
    packets = [
        udp(5060, SIP.format(number, len(body)).encode() + body) for number, body in enumerate(rpdus)
    ]  # fmt: skip
    bodies = [
        layers["sip"]["sip.msg_body"]
        for layers in look(path / "sms.pcap", packets, "-o", "gsm_sms.reassemble:FALSE")
    ]  # fmt: skip
    assert not [(n, found) for n, body in enumerate(bodies) if (found := complaints(body))]
    return [flat(body) for body in bodies]


def flat(tree: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= flat(value)
        else:
            found[name] = value
    return found


def message_parts() -> list[tuple[str, UserData]]:
    return [(str(part.text), part) for _, parts in texts() for part in parts]


@pytest.mark.parametrize("up_or_down", ["deliver", "submit"])
def test_tshark_reads_every_text(tmp_path: Path, up_or_down: str) -> None:
    parts = message_parts()
    assert len(parts) > 300
    rpdus = [down(deliver(part)) if up_or_down == "deliver" else up(submit(part)) for _, part in parts]
    for (words, part), fields in zip(parts, seen(tmp_path, rpdus), strict=True):
        assert fields["gsm_sms.tp.user_data_length"] == str(part.tp_udl)
        assert fields["gsm_sms.tp-dcs"] == str(part.tp_dcs.octet)
        assert fields["gsm_sms.tp-udhi"] == str(int(part.tp_udhi))
        assert fields.get("gsm_sms.sms_text", "") == words
        header = part.header
        if header is not None and header.concatenation is not None:
            its = header.concatenation
            numbers = [fields[f"gsm_sms.udh.mm.msg_{what}"] for what in ("id", "parts", "part")]
            assert numbers == [str(its.reference), str(its.total), str(its.number)]


def test_tshark_reads_data_and_ports(tmp_path: Path) -> None:
    parts = [text.binary(bytes(range(length)), tp_dcs=Dcs.text(Alphabet.EIGHT_BIT)) for length in (0, 1, 7, 139, 140)]
    parts += text.split_data(bytes(300), reference=9, elements=[Ports(2948, 9200).element()])
    fields = seen(tmp_path, [down(deliver(part)) for part in parts])
    assert [field["gsm_sms.tp.user_data_length"] for field in fields] == [str(part.tp_udl) for part in parts]
    assert all(field["gsm_sms.udh.ports.dst"] == "2948" for field in fields[5:] if "gsm_sms.udh.ports.dst" in field)


ADDRESSES = [
    *(Address.number("+" + "123456789012345678901"[:length]) for length in range(1, 21)), Address.number("0302"),
    Address.number("*100#"), Address("4711", TypeOfNumber.NATIONAL), Address("112", TypeOfNumber.ABBREVIATED),
    *(Address.alphanumeric("lteims [1]x"[:length]) for length in range(1, 10)), Address.alphanumeric("12345678901"),
    Address.alphanumeric("Äpfel & Öl"),
]  # fmt: skip


def test_tshark_reads_every_address(tmp_path: Path) -> None:
    (part,) = text.split("Hi")
    for address, fields in zip(
        ADDRESSES, seen(tmp_path, [down(deliver(part, tp_oa=address)) for address in ADDRESSES]), strict=True
    ):
        assert fields["gsm_sms.tp-oa"] == address.value
        assert fields["gsm_sms.dis_field_addr.num_type"] == str(int(address.ton))


ZONES = [Timestamp(1_800_000_000 + 7919 * n, quarters) for n, quarters in enumerate(range(-48, 57))]


def test_tshark_reads_every_time_zone(tmp_path: Path) -> None:
    (part,) = text.split("Hi")
    for stamp, fields in zip(ZONES, seen(tmp_path, [down(deliver(part, tp_scts=s)) for s in ZONES]), strict=True):
        shown = [int(fields[f"gsm_sms.scts.{name}"]) for name in ("year", "month", "day", "hour", "minutes", "seconds")]
        date, _, clock = str(stamp)[:19].partition("T")
        assert [2000 + shown[0], *shown[1:3]] == [int(n) for n in date.split("-")]
        assert shown[3:] == [int(n) for n in clock.split(":")]
        assert abs(int(fields["gsm_sms.scts.timezone"])) == abs(stamp.quarters)


PERIODS: list[tuple[Validity, dict[str, str]]] = [
    *((RelativeValidity(octet), {"validity_period": str(octet)}) for octet in (0, 143, 144, 167, 168, 196, 197, 255)),
    (EnhancedValidity(EnhancedForm.NONE, single_shot=True), {"validity_period_format": "0", "single_shot_sm": "1"}),
    (EnhancedValidity(EnhancedForm.SECONDS, 200), {"validity_period_format": "2", "validity_period": "200"}),
    (
        EnhancedValidity(EnhancedForm.HOURS_MINUTES_SECONDS, 3600 * 27 + 59 * 60 + 8),
        {"validity_period.hour": "27", "validity_period.minutes": "59", "validity_period.seconds": "8"},
    ),
]


def test_tshark_reads_every_validity_period(tmp_path: Path) -> None:
    (part,) = text.split("Hi")
    fields = seen(tmp_path, [up(submit(part, tp_vp=period)) for period, _ in PERIODS])
    for (period, expected), found in zip(PERIODS, fields, strict=True):
        for name, value in expected.items():
            assert found[f"gsm_sms.vp.{name}"] == value, period
    (absolute,) = seen(tmp_path, [up(submit(part, tp_vp=AbsoluteValidity(THEN), tp_rd=True, tp_srr=True))])
    assert (absolute["gsm_sms.tp-vpf"], absolute["gsm_sms.scts.hour"]) == ("3", "10")
    assert (absolute["gsm_sms.tp-rd"], absolute["gsm_sms.tp-srr"]) == ("1", "1")


def test_tshark_reads_reports_and_commands(tmp_path: Path) -> None:
    submit_report, ack = SmsSubmitReport(tp_scts=THEN), rp.RpAck
    refused = SmsSubmitReport(tp_scts=THEN, tp_fcs=TpFcs.SM_REJECTED_DUPLICATE_SM)
    full = SmsDeliverReport(tp_fcs=TpFcs.MEMORY_CAPACITY_EXCEEDED)
    status = [
        tpdu.SmsStatusReport(tp_mr=9, tp_ra=NUMBER, tp_scts=THEN, tp_dt=THEN, tp_st=st, tp_srq=bool(st & 1))
        for st in TpStatus
    ]  # fmt: skip
    command = tpdu.SmsCommand(tp_mr=1, tp_ct=2, tp_mn=7, tp_da=NUMBER, tp_cd=b"\1\2")
    rpdus = [
        ack(Direction.SC_TO_MS, 3, submit_report.encode()).encode(),
        ack(Direction.MS_TO_SC, 4, SmsDeliverReport().encode()).encode(),
        rp.RpError(Direction.SC_TO_MS, 5, 21, refused.encode()).encode(),
        rp.RpError(Direction.MS_TO_SC, 6, 22, full.encode()).encode(),
        rp.RpSmma(8).encode(),
        up(command.encode()),
        *(rp.RpError(Direction.SC_TO_MS, 9, cause).encode() for cause in RpCause),
        *(down(report.encode()) for report in status),
    ]
    fields = seen(tmp_path, rpdus)
    assert [field["gsm_a.rp.msg_type"] for field in fields[:6]] == ["0x03", "0x02", "0x05", "0x04", "0x06", "0x00"]
    assert [int(field["gsm_a.rp.rp_message_reference"], 16) for field in fields[:5]] == [3, 4, 5, 6, 8]
    assert (fields[2]["gsm_a.rp.cause"], fields[2]["gsm_sms.tp-fcs"]) == ("21", "0xc5")
    assert (fields[3]["gsm_a.rp.cause"], fields[3]["gsm_sms.tp-fcs"]) == ("22", "0xd3")
    assert (fields[5]["gsm_sms.tp.command_type"], fields[5]["gsm_sms.tp.message_number"]) == ("2", "7")
    causes = len(RpCause)
    assert [field["gsm_a.rp.cause"] for field in fields[6 : 6 + causes]] == [str(int(cause)) for cause in RpCause]
    for report, field in zip(status, fields[6 + causes :], strict=True):
        octet = 32 * int(field["gsm_sms.dis_field.st_error"]) + int(field["gsm_sms.dis.field_st_reason"])
        assert (octet, field["gsm_sms.tp-mr"], field["gsm_sms.tp-ra"]) == (report.tp_st, "9", "49301")
        assert field["gsm_sms.tp-srq"] == str(int(report.tp_srq))


# --- pycrate


def read_by_pycrate(kind: str, octets: bytes) -> Any:
    """pycrate's message of these octets; it must have used all of them, and write the same."""
    pycrate = importlib.import_module("pycrate_mobile.TS23040_SMS")
    message = getattr(pycrate, kind)()
    message.from_bytes(octets)
    assert message.to_bytes() == octets
    return message


def test_pycrate_reads_every_text() -> None:
    asked = 0
    for words, part in message_parts():
        if part.tp_dcs.message_class is not None or not part.tp_ud:
            continue  # it reads no alphabet where there is a class
        for kind, octets in (("SMS_DELIVER", deliver(part)), ("SMS_SUBMIT", submit(part))):
            user_data = read_by_pycrate(kind, octets)["TP_UD"]
            assert user_data["UDL"]() == part.tp_udl
            found = user_data["UD"].decode() if part.tp_udl else ""
            asked += 1
            assert found.rstrip("@") == words.rstrip("@"), part
    assert asked > 600


def test_pycrate_reads_addresses_and_times() -> None:
    (part,) = text.split("Hi")
    for address in ADDRESSES:
        found = read_by_pycrate("SMS_DELIVER", deliver(part, tp_oa=address))["TP_OA"]
        assert found["Type"]() == address.ton
        if address.ton is not TypeOfNumber.ALPHANUMERIC:
            assert str(found["Num"].decode()) == address.value
    for stamp in ZONES:
        found = read_by_pycrate("SMS_DELIVER", deliver(part, tp_scts=stamp))["TP_SCTS"]
        assert [found[name].decode() for name in ("Hour", "Min", "Sec")] == [
            int(n) for n in str(stamp)[11:19].split(":")
        ]


def test_pycrate_reads_reports() -> None:
    found = read_by_pycrate(
        "SMS_STATUS_REPORT",
        tpdu.SmsStatusReport(tp_mr=9, tp_ra=NUMBER, tp_scts=THEN, tp_dt=THEN, tp_st=0x46).encode(),
    )
    assert (found["TP_MR"](), found["TP_RA"]["Num"].decode()) == (9, "49301")
    report = read_by_pycrate("SMS_SUBMIT_REPORT_RP_ACK", SmsSubmitReport(tp_scts=THEN).encode())
    assert report["TP_SCTS"]["Hour"].decode() == 10
    error = SmsSubmitReport(tp_scts=THEN, tp_fcs=TpFcs.SC_SYSTEM_FAILURE).encode()
    assert read_by_pycrate("SMS_SUBMIT_REPORT_RP_ERROR", error)["TP_FCS"]() == 0xC2
    assert read_by_pycrate("SMS_COMMAND", tpdu.SmsCommand(tp_mr=1, tp_ct=2, tp_mn=7, tp_da=NUMBER).encode())

"""RTCP (RFC 3550 6): reports built and read back, the walk through a compound, refusal of everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.media.rtcp import (
    BYE,
    RR,
    SDES,
    SR,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    bye,
    compound,
    describe,
    is_rtcp,
    ntp_timestamp,
    source_description,
    walk,
)
from lteims.media.rtp import RtpError

BLOCK = ReportBlock(0x11, 128, -2, 0x10001, 5, 6, 7)
REPORT = SenderReport(0x22, ntp_timestamp(1.5), 160, 10, 1600, (BLOCK,))


def test_sender_report_octets() -> None:
    assert REPORT.encode().hex(" ", 4) == (
        "81c8000c 00000022 83aa7e81 80000000 000000a0 0000000a 00000640 "
        "00000011 80fffffe 00010001 00000005 00000006 00000007"
    )


def test_compound() -> None:
    data = compound(REPORT, "ims@192.0.2.1", bye(0x22))
    assert is_rtcp(data)
    assert len(data) % 4 == 0
    packets = list(walk(data))
    assert [packet.packet_type for packet in packets] == [SR, SDES, BYE]
    assert SenderReport.parse(packets[0]) == REPORT
    assert packets[1].body.startswith(bytes.fromhex("00000022010d") + b"ims@192.0.2.1\0")
    assert describe(data) == f"SR+SDES+BYE ssrc=00000022 len={len(data)}"


def test_receiver_report() -> None:
    report = ReceiverReport(5, (BLOCK, BLOCK))
    assert ReceiverReport.parse(next(walk(report.encode()))) == report
    assert ReceiverReport.parse(next(walk(ReceiverReport(5).encode()))) == ReceiverReport(5)


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "x" * 300])
def test_source_description_is_padded(name: str) -> None:
    assert next(walk(source_description(1, name))).count == 1


def test_loss_stays_within_its_field() -> None:
    assert ReportBlock.parse(ReportBlock(1, lost=2**30).encode()).lost == 0x7FFFFF
    assert ReportBlock.parse(ReportBlock(1, lost=-(2**30)).encode()).lost == -0x800000


def test_padding_on_the_last_packet() -> None:
    data = bytes.fromhex("80c90001 00000001 a0cb0002 00000000 00000004")
    assert list(walk(data)) == [RtcpPacket(RR, 0, bytes([0, 0, 0, 1])), RtcpPacket(BYE, 0, bytes(4))]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes.fromhex("80c90001 000000"),
        bytes.fromhex("40c90001 00000001"),  # version 1
        bytes.fromhex("80610001 00000001"),  # RTP
        bytes.fromhex("80c90002 00000001"),  # cut off
        bytes.fromhex("00010000 2112a442"),  # STUN
    ],
)
def test_no_rtcp(data: bytes) -> None:
    assert not is_rtcp(data)


@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("80c90001 00000001 80"),
        bytes.fromhex("80c90001 00000001 40cb0000"),
        bytes.fromhex("a0c90001 00000004 80cb0000"),  # padding that is not on the last
        bytes.fromhex("a0c90001 00000009"),
        bytes.fromhex("a0c90000"),
    ],
)
def test_broken_compound(data: bytes) -> None:
    with pytest.raises(RtpError):
        list(walk(data))


def test_reports_cut_off() -> None:
    for parse in (SenderReport.parse, ReceiverReport.parse):
        for packet in (RtcpPacket(SR, 0, bytes(8)), RtcpPacket(RR, 1, bytes(8)), RtcpPacket(BYE, 0, bytes(40))):
            with pytest.raises(RtpError):
                parse(packet)


@given(st.binary(max_size=80))
def test_any_bytes(data: bytes) -> None:
    for candidate in (data, b"\x81\xc8\x00\x06" + data, b"\x80\xc9\x00\x01" + data):
        if is_rtcp(candidate):
            assert describe(candidate)
        try:
            packets = list(walk(candidate))
        except RtpError:
            continue
        for packet in packets:
            for parse in (SenderReport.parse, ReceiverReport.parse):
                try:
                    parse(packet)
                except RtpError:
                    continue

"""Sequence, loss and jitter of one source (RFC 3550 A.1, A.3, A.8), with numbers worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.media.reception import Reception
from lteims.media.rtcp import ReportBlock


def heard(*sequences: int, clock_rate: int = 0) -> Reception:
    reception = Reception(0x11, clock_rate)
    for n, sequence in enumerate(sequences):
        reception.on_packet(sequence, 160 * n, 0.02 * n)
    return reception


def test_a_steady_source() -> None:
    reception = heard(*range(100, 150), clock_rate=8000)
    assert (reception.received, reception.lost, reception.jitter, reception.extended_highest) == (50, 0, 0, 149)
    assert reception.block(0, 0.0) == ReportBlock(0x11, 0, 0, 149)


def test_loss_since_the_last_report_and_in_all() -> None:
    reception = heard(*(n for n in range(100) if n % 4))  # 0 is missing too, but nobody knows of it
    assert reception.lost == 24
    assert reception.block(0, 0.0).fraction_lost == 24 * 256 // 99
    assert not reception.heard_since_block
    for sequence in range(100, 110):
        reception.on_packet(sequence, 0, 0.0)
    assert reception.heard_since_block
    assert reception.block(0, 0.0) == ReportBlock(0x11, 0, 24, 109)


def test_duplicates_make_a_negative_loss_and_no_fraction() -> None:
    block = heard(1, 2, 2, 2, 3).block(0, 0.0)
    assert (block.lost, block.fraction_lost) == (-2, 0)


def test_wrap_and_misorder() -> None:
    reception = heard(65534, 0, 65535, 1, 2)
    assert (reception.extended_highest, reception.lost) == (0x10002, 0)


def test_a_jump_begins_anew_with_its_second_packet() -> None:
    reception = heard(10, 11, 30000)
    assert (reception.extended_highest, reception.received) == (11, 2)
    reception.on_packet(30001, 0, 0.0)
    assert (reception.extended_highest, reception.received, reception.lost) == (30001, 1, 0)
    stray = heard(10, 11, 30000, 12, 40000, 13)
    assert (stray.extended_highest, stray.lost) == (13, 0)


def test_jitter() -> None:
    """The second packet is 10 ms late (80 units), the third is on time again: A.8 in its integer form."""
    reception = Reception(1, 8000)
    reception.on_packet(1, 0, 1.0)
    reception.on_packet(2, 160, 1.03)
    assert reception._jitter == 80
    reception.on_packet(3, 320, 1.04)
    assert reception._jitter == 80 + 80 - ((80 + 8) >> 4)
    assert (reception.jitter, reception.jitter_ms) == (155 >> 4, 1000 * 9 / 8000)


def test_jitter_when_the_timestamp_wraps() -> None:
    reception = Reception(1, 8000)
    for n in range(10):
        reception.on_packet(n, (0xFFFFFF00 + 160 * n) & 0xFFFFFFFF, 5.0 + 0.02 * n)
    assert reception.jitter == 0


def test_without_a_clock_rate_there_is_no_jitter() -> None:
    reception = heard(1, 2, 3)
    assert (reception.jitter, reception.jitter_ms) == (0, 0.0)


@pytest.mark.parametrize(("last_sr", "delay", "units"), [(0, 9.0, 0), (0x1234, 1.5, 98304), (1, 1e6, 0xFFFFFFFF)])
def test_delay_since_the_last_sender_report(last_sr: int, delay: float, units: int) -> None:
    block = heard(1).block(last_sr, delay)
    assert (block.last_sr, block.delay_since_last_sr) == (last_sr, units)


def test_a_source_never_heard() -> None:
    assert Reception(1, 8000).lost == 0


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.floats(0, 1e9)), max_size=50))
def test_any_packets_make_a_block_that_can_be_sent(packets: list[tuple[int, int, float]]) -> None:
    reception = Reception(7, 90000)
    for sequence, timestamp, now in packets:
        reception.on_packet(sequence, timestamp, now)
        block = reception.block(1, 0.5)
        assert ReportBlock.parse(block.encode()).ssrc == 7

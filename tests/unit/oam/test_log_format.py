"""Entries to the byte: time stamps, escaping, continuation lines, hex dumps, the header."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.config.log_options import TimeFormat
from lteims.oam.log_format import Stamp, continuation, escape, header, hexdump, one_line

from .conftest import Wall

MICRO = 1795343286_410_005


@pytest.mark.parametrize(
    ("format", "microseconds", "shown"),
    [
        (TimeFormat.SHORT, False, "10:28:06.410"),
        (TimeFormat.SHORT, True, "10:28:06.410005"),
        (TimeFormat.FULL, False, "2026-11-22 10:28:06.410"),
        (TimeFormat.FULL, True, "2026-11-22 10:28:06.410005"),
        (TimeFormat.SEC, False, "1795343286.410"),
        (TimeFormat.SEC, True, "1795343286.410005"),
    ],
)
def test_stamps(wall: Wall, format: TimeFormat, microseconds: bool, shown: str) -> None:
    stamp = Stamp(format, microseconds)
    assert stamp.of(MICRO) == shown
    assert stamp.of(MICRO) == shown


def test_a_stamp_follows_the_clock_in_both_directions(wall: Wall) -> None:
    stamp = Stamp()
    assert [stamp.of(MICRO + n * 1_000_000) for n in (0, 1, 60, 0, 86400)] == [
        "10:28:06.410",
        "10:28:07.410",
        "10:29:06.410",
        "10:28:06.410",
        "10:28:06.410",
    ]
    assert stamp.of(MICRO + 999_999 - 410_005) == "10:28:06.999"


def test_hexdump_of_a_whole_and_a_cut_row() -> None:
    data = bytes.fromhex("010000c8800001010000000000000000") + b"ab\x7f\xff"
    assert hexdump(data) == (
        "\n        0000:  01 00 00 c8 80 00 01 01  00 00 00 00 00 00 00 00  ................"
        "\n        0010:  61 62 7f ff                                       ab.."
    )


def test_hexdump_columns_stand_still() -> None:
    rows = hexdump(bytes(range(256)) * 2).split("\n")[1:]
    assert len(rows) == 32
    assert {row.index("  ", 16) for row in rows} == {8 + 7 + 23}
    assert rows[31].startswith("        01f0:  f0 f1 f2")
    assert {len(hexdump(bytes(n)).strip()) - n for n in range(1, 17)} == {7 + 48 + 2}
    assert hexdump(b"") == ""


def test_escaping_shows_octets_and_controls() -> None:
    bad = b"a\xff\xc3".decode("utf-8", "surrogateescape")
    assert escape(bad) == "a\\xff\\xc3"
    assert escape("\x1b[31m\x00\x7f\x9b") == "\\x1b[31m\\x00\\x7f\\x9b"
    assert escape("a\u2028b\u202ec\ud800") == "a\\u2028b\\u202ec\\ud800"
    assert escape("tab\tand\nline, Zoë ☎ \xa0") == "tab\tand\nline, Zoë ☎ \xa0"
    assert one_line("a\r\nb\x85") == "a\\x0d\\x0ab\\x85"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("A: 1\r\nB: 2\r\n\r\n", "\n        A: 1\n        B: 2"),
        ("A: 1\r\n\r\nv=0\r\n", "\n        A: 1\n        \n        v=0"),
        ("A: 1\nB:\t2\n", "\n        A: 1\n        B:\t2"),
        ("A: 1\rB: 2", "\n        A: 1\\x0dB: 2"),
        ("10:28:09.118 [SIP] FROM x\n# fake", "\n        10:28:09.118 [SIP] FROM x\n        # fake"),
        ("", ""),
        ("\r\n\r\n", ""),
        ("\n", "\n        "),
    ],
)
def test_continuation(body: str, shown: str) -> None:
    assert continuation(body) == shown


@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_breaks_a_line_or_raises(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    lines = continuation(text).splitlines()
    assert lines[:1] in ([], [""])
    assert all(line.startswith("        ") for line in lines[1:])
    one_line(text).encode()
    continuation(text).encode()


def test_header(wall: Wall) -> None:
    lines = header(wall()).splitlines(keepends=True)
    assert re.fullmatch(
        r"# lteims version \S+, python 3\.\d+\.\d+\S*, (glibc \S+|libc unknown), Linux \S+ \S+\n", lines[0]
    )
    assert lines[1:] == [
        "# Log file format:\n",
        "# time layer dir id message\n",
        "# Started on 2026-11-22 10:28:06\n",
    ]

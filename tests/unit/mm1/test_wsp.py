"""The primitive values of WSP: narrated octets, both ways, and what is refused."""

import pytest

from lteims.mm1 import wsp
from lteims.mm1.errors import MmsError
from lteims.mm1.wsp import Reader
from tests.vectors.mm1.vector import octets


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, "00"),
        (0x7F, "7F"),
        (0x80, "81 00"),
        (0x87A5, "82 8F 25"),  # the example of WAP-230 8.1.2
        (0xFFFFFFFF, "8F FF FF FF 7F"),
    ],
)
def test_uintvar(value: int, data: str) -> None:
    assert wsp.uintvar(value) == octets(data)
    assert Reader(octets(data)).uintvar() == value


@pytest.mark.parametrize("data", ["", "81", "90 80 80 80 00", "81 80 80 80 80 00"])
def test_uintvar_cut_off_or_above_32_bits(data: str) -> None:
    with pytest.raises(MmsError):
        Reader(octets(data)).uintvar()


@pytest.mark.parametrize(
    ("value", "data"),
    [(0, "80"), (127, "FF"), (128, "01 80"), (0x8000, "02 80 00"), (2**63 - 1, "08 7F FF FF FF FF FF FF FF")],
)
def test_integer(value: int, data: str) -> None:
    assert wsp.integer(value) == octets(data)
    assert Reader(octets(data)).integer() == value


@pytest.mark.parametrize("data", ["", "00", "1F", "02 01", "20", "09 FF FF FF FF FF FF FF FF FF"])
def test_integer_that_is_none(data: str) -> None:
    with pytest.raises(MmsError):
        Reader(octets(data)).integer()


def test_integer_with_more_octets_than_it_needs() -> None:
    assert Reader(octets("0A 00 00 00 00 00 00 00 00 00 07")).integer() == 7


@pytest.mark.parametrize(
    ("value", "data"),
    [("", "00"), ("abc", "'abc' 00"), ("\xe9", "7F C3 A9 00"), ("a\xe9", "'a' C3 A9 00"), ("\x7fa", "20 'a' 00")],
)
def test_text(value: str, data: str) -> None:
    assert wsp.text(value) == octets(data)
    assert Reader(octets(data)).text() == value.replace("\x7f", " ")


def test_text_in_latin_1_is_read() -> None:
    assert Reader(octets("7F E9 'a' 00")).text() == "éa"


def test_controls_do_not_get_into_a_text() -> None:
    assert wsp.text("a\0b\r\nc") == b"a b  c\0"


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("", "00"),
        ("hello", "'hello' 00"),
        ("é", "05 EA 7F C3 A9 00"),
        ("aé", "05 EA 'a' C3 A9 00"),
        ("\nx", "04 EA 0A 'x' 00"),
    ],
)
def test_encoded_string(value: str, data: str) -> None:
    assert wsp.encoded_string(value) == octets(data)
    assert Reader(octets(data)).encoded_string() == value


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("é", "03 84 E9 00"),  # Latin-1, and its quote left out
        ("é", "05 84 7F E9 00 FF"),  # something behind the end
        ("hé", "09 02 03 E8 00 'h' 00 E9 00 00"),  # UCS-2, whose number is a long integer, with an end of two octets
        ("hé", "09 02 03 F7 FE FF 00 'h' 00 E9"),  # UTF-16 with a byte order mark and no end
        ("日", "05 91 93 FA 00 00"),  # Shift_JIS
        ("é", "09 'utf-8' 00 C3 A9 00"),  # the character set in text
        ("aé", "05 80 'a' C3 A9 00"),  # any character set
        ("a", "05 02 0F FF 'a' 00"),  # one that nobody knows
        ("�", "03 EA FF 00"),  # not UTF-8, though it is announced
        ("abc", "04 EA 'abc'"),  # no end but the length's
    ],
)
def test_encoded_string_of_others(value: str, data: str) -> None:
    assert Reader(octets(data)).encoded_string() == value


def test_value_length_quotes_from_31_on() -> None:
    assert wsp.with_length(bytes(30)) == b"\x1e" + bytes(30)
    assert wsp.with_length(bytes(31)) == b"\x1f\x1f" + bytes(31)
    assert wsp.with_length(bytes(200)) == b"\x1f\x81\x48" + bytes(200)
    assert Reader(wsp.with_length(bytes(200))).inner().left == 200


@pytest.mark.parametrize("data", ["80", "02 'ab'", "'ab' 00", "1F 02 'ab'"])
def test_a_value_of_any_kind_is_passed_over(data: str) -> None:
    reader = Reader(octets(data) + b"next")
    assert reader.skip_value() == octets(data)
    assert reader.take(4) == b"next"

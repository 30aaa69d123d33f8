"""The user data header: elements that count, that are ignored, that cannot be (TS 23.040 9.2.3.24)."""

import pytest

from lteims.sms.dcs import Alphabet, Dcs
from lteims.sms.errors import SmsError
from lteims.sms.text import binary
from lteims.sms.udh import WAP_PUSH, Concatenation, Element, Header, Ports
from lteims.sms.userdata import UserData

DATA = Dcs.text(Alphabet.EIGHT_BIT)


@pytest.mark.parametrize(
    ("octets", "concatenation"),
    [
        ("00 03 cc 02 01", Concatenation(0xCC, 2, 1)),
        ("08 04 12 34 ff ff", Concatenation(0x1234, 255, 255, wide=True)),
        ("00 03 cc 00 00", None),  # no parts at all
        ("00 03 cc 02 00", None),  # parts count from 1
        ("00 03 cc 02 03", None),  # more than there are
        ("00 04 cc 02 01 00", None),  # another length
        ("08 03 cc 02 01", None),
        ("00 03 01 02 01 00 03 02 02 02", Concatenation(2, 2, 2)),  # the last one counts
        ("00 03 01 02 01 08 04 00 02 03 01", Concatenation(2, 3, 1, wide=True)),
        ("00 03 01 02 01 00 03 02 02 00", Concatenation(1, 2, 1)),  # the last valid one
        ("70 00", None),
        ("", None),
    ],
)
def test_concatenation(octets: str, concatenation: Concatenation | None) -> None:
    assert Header.parse(bytes.fromhex(octets)).concatenation == concatenation


@pytest.mark.parametrize(
    ("octets", "ports"),
    [
        ("05 04 0b 84 23 f0", Ports(WAP_PUSH, 9200)),
        ("04 02 f0 f1", Ports(240, 241, wide=False)),
        ("05 02 0b 84", None),
        ("04 04 0b 84 23 f0", None),
        ("04 02 f0 f1 05 04 0b 84 23 f0", Ports(WAP_PUSH, 9200)),
        ("00 03 cc 02 01", None),
    ],
)
def test_ports(octets: str, ports: Ports | None) -> None:
    assert Header.parse(bytes.fromhex(octets)).ports == ports


def test_other_elements_are_kept() -> None:
    octets = bytes.fromhex("24 01 0d 70 00 22 02 ab cd")
    header = Header.parse(octets)
    assert header.elements == (Element(0x24, b"\x0d"), Element(0x70, b""), Element(0x22, b"\xab\xcd"))
    assert header.encode() == bytes((len(octets),)) + octets


@pytest.mark.parametrize("octets", ["00", "00 03 cc 02", "70 00 00", "00 ff"])
def test_elements_that_are_cut_off(octets: str) -> None:
    with pytest.raises(SmsError):
        Header.parse(bytes.fromhex(octets))


@pytest.mark.parametrize(
    "impossible",
    [Concatenation(256, 2, 1), Concatenation(1, 256, 1), Concatenation(1, 2, 3), Concatenation(1, 2, 0),
     Concatenation(0x10000, 2, 1, wide=True), Concatenation(-1, 2, 1), Ports(0x10000, 0), Ports(256, 0, wide=False),
     Ports(0, -1)],
)  # fmt: skip
def test_elements_that_cannot_be(impossible: Concatenation | Ports) -> None:
    with pytest.raises(SmsError):
        impossible.element()


@pytest.mark.parametrize("elements", [(Element(256, b""),), (Element(0, 256 * b"x"),), (Element(0, 138 * b"x"),)])
def test_headers_that_do_not_fit(elements: tuple[Element, ...]) -> None:
    with pytest.raises(SmsError):
        Header(elements).encode()


def test_a_header_that_is_wrong_is_ignored_and_its_length_is_not() -> None:
    part = binary(bytes.fromhex("040003cc02ff"), tp_udhi=True)
    assert part.header is None
    assert part.body == b"\xff"


@pytest.mark.parametrize(
    "part",
    [
        UserData(False, DATA, 3, b"ab"), UserData(False, DATA, 141, 141 * b"a"),
        UserData(False, Dcs(), 161, 141 * b"a"),
        UserData(True, DATA, 0, b""), UserData(True, DATA, 2, b"\x05\x00"), UserData(True, Dcs(), 1, b"\x02"),
        UserData(False, DATA, -1, b""),
    ],
)  # fmt: skip
def test_lengths_that_contradict_the_octets(part: UserData) -> None:
    with pytest.raises(SmsError):
        part.check()

"""Addresses: numbers and names as people write them, and what fits none (TS 23.040 9.1.2.5, TS 24.011 8.2.5)."""

import pytest

from lteims.sms.address import Address, NumberingPlan, TypeOfNumber
from lteims.sms.cause import TpFcs
from lteims.sms.errors import SmsError, Unencodable
from lteims.sms.octets import Reader


@pytest.mark.parametrize(
    ("number", "octets", "rp"),
    [
        ("+33123456789", "0b 91 33 21 43 65 87 f9", "07 91 33 21 43 65 87 f9"),
        ("1234", "04 81 21 43", "03 81 21 43"),
        ("*100#", "05 81 1a 00 fb", "04 81 1a 00 fb"),
        ("abc", "03 81 dc fe", "03 81 dc fe"),
        ("+" + 20 * "9", "14 91" + 10 * " 99", "0b 91" + 10 * " 99"),
    ],
)
def test_numbers(number: str, octets: str, rp: str) -> None:
    address = Address.number(number)
    assert address.encode().hex(" ") == octets
    assert address.encode_rp().hex(" ") == rp
    assert str(Address.parse(Reader(bytes.fromhex(octets)), "TP-DA")) == number
    assert str(Address.parse_rp(Reader(bytes.fromhex(rp)), "RP-DA")) == number
    assert Address.of(number) == address


@pytest.mark.parametrize("number", ["", "+", "12a4x", "++1", "1 2", 21 * "1", "١٢", "12\n", "sip:1"])
def test_what_is_no_number(number: str) -> None:
    with pytest.raises(SmsError) as refused:
        Address.number(number)
    assert refused.value.tp_fcs is TpFcs.INVALID_SME_ADDRESS


@pytest.mark.parametrize(
    ("text", "octets"),
    [("Lab", "06 d0 cc b0 18"), ("@", "02 d0 00"), ("€", "04 d0 9b 32"),
     ("Design@Home", "14 d0 c4 f2 3c 7d 76 03 90 ef 76 19")],
)  # fmt: skip
def test_names(text: str, octets: str) -> None:
    address = Address.of(text)
    assert address.ton is TypeOfNumber.ALPHANUMERIC
    assert address.encode().hex(" ") == octets
    assert Address.parse(Reader(bytes.fromhex(octets)), "TP-OA") == address
    assert str(address) == text


def test_seven_characters_are_told_from_eight() -> None:
    seven, eight = Address.alphanumeric("abcdefg"), Address.alphanumeric("abcdefg@")
    assert (seven.encode()[0], eight.encode()[0]) == (13, 14)
    assert Address.parse(Reader(seven.encode()), "TP-OA") == seven
    assert Address.parse(Reader(eight.encode()), "TP-OA") == eight


@pytest.mark.parametrize("text", ["", "twelve chars", "€€€€€€"])
def test_names_that_do_not_fit(text: str) -> None:
    with pytest.raises(SmsError):
        Address.alphanumeric(text)


def test_a_name_that_only_looks_short_enough_is_told_why() -> None:
    with pytest.raises(SmsError, match=r"1 to 11 characters, \[€ counting twice: '\[\[\[\[\[€'"):
        Address.alphanumeric("[[[[[€")
    with pytest.raises(SmsError, match="1 to 11 characters: 'TwelveLetter'"):
        Address.alphanumeric("TwelveLetter")


def test_names_outside_of_the_alphabet() -> None:
    with pytest.raises(Unencodable):
        Address.of("Лаб")


@pytest.mark.parametrize(
    "address",
    [
        Address(21 * "1"),
        Address("12x"),
        Address("1", npi=16),
        Address("123456789012", TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN),
    ],
)
def test_what_cannot_be_written(address: Address) -> None:
    with pytest.raises(SmsError):
        address.encode()


def test_what_cannot_be_written_for_the_relay_layer() -> None:
    with pytest.raises(SmsError):
        Address(21 * "1").encode_rp()

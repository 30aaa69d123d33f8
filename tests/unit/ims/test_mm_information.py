"""The elements of MM INFORMATION against octets made by hand (TS 24.008 10.5.3.5a), and a second opinion elsewhere:
tests/unit/ims/test_sgs_soak.py shows tshark what is sent."""

import pytest

from lteims.ims.mm_information import network_name
from lteims.sgsap.message import MmInformationRequest


def test_in_the_default_alphabet() -> None:
    # 43 full name, 4 octets; 83: extension, default alphabet, no initials of the country, 3 spare bits;
    # "Lab" = 4c 61 62 in septets of which the first is in the low bits; 45 short name, the same
    assert network_name("Lab") == bytes.fromhex("43 04 83 cc b0 18  45 04 83 cc b0 18")


def test_in_ucs2() -> None:
    # 90: extension, UCS2, no spare bits; U+0416
    assert network_name("Ж") == bytes.fromhex("43 03 90 04 16  45 03 90 04 16")


@pytest.mark.parametrize("name", ["a" * 60, "Ж" * 60, "€" * 60, "eight888"])
def test_the_longest_fits_the_message(name: str) -> None:
    elements = network_name(name)
    assert MmInformationRequest("001010000000001", elements).encode().endswith(elements)

"""Addresses as clients write them."""

import pytest

from lteims.mm1.address import Address, AddressType


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("+4915112345678/TYPE=PLMN", "+4915112345678", AddressType.PLMN),
        ("0600000124/TYPE=PLMN", "0600000124", AddressType.PLMN),
        ("1234/TYPE=PLMN", "1234", AddressType.PLMN),
        ("10.0.0.1/TYPE=IPv4", "10.0.0.1", AddressType.IPV4),
        ("2001:DB8:0:0:0:0:0:1/TYPE=IPv6", "2001:DB8:0:0:0:0:0:1", AddressType.IPV6),
        ("ann@example.org", "ann@example.org", AddressType.EMAIL),
        ("INFO", "INFO", AddressType.OTHER),
    ],
)
def test_both_ways(text: str, value: str, kind: AddressType) -> None:
    assert Address.parse(text) == Address(value, kind)
    if kind is not AddressType.OTHER:
        assert Address(value, kind).encode() == text


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("+49 (151) 123-45.6/type=plmn", "+49151123456", AddressType.PLMN),
        ("1234", "1234", AddressType.PLMN),
        ('"Ann" <+49151/TYPE=PLMN>', "+49151", AddressType.PLMN),
        ("ann/TYPE=PLMN", "ann", AddressType.OTHER),
        ("x/TYPE=own", "x", AddressType.OTHER),
        ("", "", AddressType.OTHER),
    ],
)
def test_as_clients_write_them(text: str, value: str, kind: AddressType) -> None:
    address = Address.parse(text)
    assert (address.value, address.type) == (value, kind)


def test_display_name() -> None:
    address = Address.parse('"Ann B" <ann@example.org>')
    assert address == Address("ann@example.org", AddressType.EMAIL, "Ann B")
    assert Address.parse(address.encode()) == address

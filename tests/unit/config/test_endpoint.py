"""Addresses as operators write them (manual 5.2)."""

import pytest

from lteims.config import Endpoint


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("1.2.3.4", "1.2.3.4", 5060),
        ("1.2.3.4:5070", "1.2.3.4", 5070),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("::1", "::1", 5060),
        ("[::1]", "::1", 5060),
        ("[::1]:5070", "::1", 5070),
        ("[::]:9003", "::", 9003),
        ("2001:468:3000:1::", "2001:468:3000:1::", 5060),
        ("2001:0DB8:0:0::1", "2001:db8::1", 5060),
        ("fe80::1%eth0", "fe80::1%eth0", 5060),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    """With and without a port, both IP versions."""
    endpoint = Endpoint.parse(text, 5060)
    assert (endpoint.host, endpoint.port, endpoint.is_ipv6) == (host, port, ":" in host)
    assert Endpoint.parse(str(endpoint), 1) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "1.2.3",
        "1.2.3.4:",
        "1.2.3.4:x",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "[1.2.3.4]",
        "[::1",
        "[::1]5",
        "::1]:5",
        "host",
        "1.2.3.4 ",
        "1.2.3.4:٣",
    ],
)
def test_what_is_no_address(text: str) -> None:
    """A ValueError with words in it."""
    with pytest.raises(ValueError, match="expected"):
        Endpoint.parse(text, 5060)


def test_host_names_where_they_make_sense() -> None:
    """A peer may have a name; it must look like one."""
    assert Endpoint.parse("hss.lab-1.example:3868", 1, names=True) == Endpoint("hss.lab-1.example", 3868)
    assert Endpoint.parse("localhost", 9003, names=True) == Endpoint("localhost", 9003)
    for text in ("-a", "a..b", "a b", "999.1.1.1", "a" * 300):
        with pytest.raises(ValueError, match="expected"):
            Endpoint.parse(text, 1, names=True)


def test_diameter_addresses_keep_their_transport() -> None:
    """`tcp:` chooses TCP; without a prefix it is the usual one."""
    endpoint = Endpoint.parse("tcp:127.0.0.1", 3868, diameter=True)
    assert endpoint == Endpoint("127.0.0.1", 3868, "tcp")
    assert str(endpoint) == "tcp:127.0.0.1:3868"
    assert str(Endpoint.parse("tcp:[::1]:1", 3868, diameter=True)) == "tcp:[::1]:1"
    assert Endpoint.parse("::1", 3868, diameter=True).transport == ""

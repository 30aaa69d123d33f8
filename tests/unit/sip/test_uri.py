"""URIs: RFC 3261 19.1, RFC 3966."""

import pytest

from lteims.sip.errors import SipError
from lteims.sip.uri import escape_user, parse_uri, sip_uri


def test_the_parts_of_a_sip_uri() -> None:
    uri = parse_uri("SIP:alice;day=tue:secret@[2001:DB8::9]:5070;Transport=TCP;lr?subject=x&to=y")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sip", "alice;day=tue", "secret", "2001:db8::9", 5070,
    )  # fmt: skip
    assert (uri.transport, uri.params["lr"], uri.headers) == ("tcp", None, "subject=x&to=y")
    assert uri.address() == ("2001:db8::9", 5070)
    assert parse_uri("sips:a@b").address() == ("b", 5061)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tel:+33(0)1-23.45", "+3301" + "2345"),
        ("tel:0600;phone-context=+33", "0600"),
        ("sip:+331234@ims.example;user=phone", "+331234"),
        ("sip:0600;phone-context=+33@ims.example;user=phone", "0600"),
        ("sip:666@ims.example", "666"),
        ("sip:*31#0600@ims.example", "*31#0600"),
        ("sip:bob@ims.example", ""),
        ("urn:service:sos", ""),
    ],
)
def test_telephone_numbers(text: str, number: str) -> None:
    assert parse_uri(text).number == number


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [  # RFC 3261 19.1.4
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", True),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", True),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", True),
        ("sip:biloxi.com;transport=tcp;method=REGISTER", "sip:biloxi.com;method=REGISTER;transport=tcp", True),
        ("sip:alice@atlanta.com?subject=a&priority=b", "sip:alice@atlanta.com?priority=b&subject=a", True),
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", False),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", False),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", False),
    ],
)
def test_comparison(one: str, other: str, same: bool) -> None:
    assert parse_uri(one).equals(parse_uri(other)) is same
    assert parse_uri(other).equals(parse_uri(one)) is same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "sip:a@",
        "sip:a b@c",
        "sip:a@b:99999",
        "sip:a@[::1",
        "sip:a%2@b",
        "tel:",
        "1sip:a",
        "sip:a@b>",
    ],
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(SipError) as caught:
        parse_uri(text)
    assert caught.value.code == 400


def test_what_we_write_can_be_read() -> None:
    user = 'a b@"é;x'
    assert parse_uri(sip_uri(user, "::1", 5060, ";transport=tcp")).user == user
    assert escape_user("+33*#") == "+33*%23"

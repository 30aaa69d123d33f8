"""Which entry of ue_db a URI means: keys, candidates, derived identities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ims.identity import (
    candidate_keys,
    derived_impi,
    derived_impu,
    impu_uri,
    is_address,
    is_emergency,
    key_of,
)
from lteims.sip.errors import SipError
from lteims.sip.uri import parse_uri

HOSTS = frozenset({"ims.example.org", "192.0.2.100", "2001:db8::1"})


@pytest.mark.parametrize(
    ("impu", "uri"),
    [
        ("1234", "sip:1234@ims.example.org"),
        ("sip:1234", "sip:1234@ims.example.org"),
        ("SIP:al ice", "sip:al%20ice@ims.example.org"),
        ("sip:1234@elsewhere.org", "sip:1234@elsewhere.org"),
        ("sips:a", "sips:a@ims.example.org"),
        ("tel:+33-1", "tel:+33-1"),
        ("urn:service:sos", "urn:service:sos"),
        ("*100#", "sip:*100%23@ims.example.org"),
    ],
)
def test_an_impu_of_ue_db(impu: str, uri: str) -> None:
    assert impu_uri(impu, "ims.example.org") == uri


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("tel:+33(0)1-23.45", "tel:+3301" + "2345"),
        ("tel:12;phone-context=x.org", "tel:12"),
        ("sip:a@EXAMPLE.org:5070;x=y", "sip:a@example.org"),
        ("sips:a@example.org", "sip:a@example.org"),
        ("sip:%61@example.org", "sip:a@example.org"),
        ("URN:Service:SOS", "urn:service:sos"),
    ],
)
def test_the_key(uri: str, key: str) -> None:
    assert key_of(parse_uri(uri)) == key


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("tel:0600", {"tel:0600", "sip:0600@ims.example.org"}),
        ("tel:0600;phone-context=+33", {"tel:0600", "tel:+330600"}),
        ("sip:+336@ims.example.org;user=phone", {"sip:+336@ims.example.org", "tel:+336"}),
        (
            "sip:0600;phone-context=+33@ims.example.org;user=phone",
            {"tel:0600", "tel:+330600", "sip:0600@ims.example.org"},
        ),
        ("sip:alice@192.0.2.100", {"sip:alice@ims.example.org"}),
        ("sip:alice@[2001:DB8::1]:5062", {"sip:alice@ims.example.org"}),
        ("urn:service:sos.ecall.manual", {"urn:service:sos.ecall", "urn:service:sos"}),
    ],
)
def test_candidates(uri: str, wanted: set[str]) -> None:
    assert wanted <= set(candidate_keys(parse_uri(uri), "ims.example.org", HOSTS))


@pytest.mark.parametrize("uri", ["sip:+336@foreign.org;user=phone", "sip:alice@foreign.org"])
def test_a_foreign_uri_is_nobody_of_ours(uri: str) -> None:
    keys = candidate_keys(parse_uri(uri), "ims.example.org", HOSTS)
    assert all("foreign.org" in key for key in keys)


def test_derived() -> None:
    assert derived_impi("001010000000001", "d.org") == "001010000000001@d.org"
    assert derived_impu("001010000000001", "d.org") == "sip:001010000000001@d.org"
    assert derived_impi("alice@nai.org", "d.org") == "alice@nai.org"
    assert derived_impu("alice@nai.org", "d.org") == "sip:alice@nai.org"


def test_small_questions() -> None:
    assert is_emergency(parse_uri("urn:service:sos.fire"))
    assert not is_emergency(parse_uri("tel:112"))
    assert is_address("192.0.2.1")
    assert is_address("2001:db8::1")
    assert not is_address("ims.example.org")
    assert not is_address("")


@given(st.text(max_size=60), st.sampled_from(["sip:", "tel:", "urn:", "sips:", ""]))
def test_no_uri_is_too_odd(text: str, scheme: str) -> None:
    try:
        uri = parse_uri(scheme + text)
    except SipError:
        return
    keys = candidate_keys(uri, "ims.example.org", HOSTS)
    assert keys[0] == key_of(uri)
    assert len(keys) == len(set(keys))

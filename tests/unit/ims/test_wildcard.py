"""Wildcarded public identities: what they cover, and the identity that is shown for them."""

import time

import pytest

from lteims.ims.caller import asserted_identities
from lteims.ims.wildcard import covers, example_of, is_wildcard
from lteims.sip.uri import escape_user, parse_uri

from .registry import DOMAIN, Registry, user


@pytest.mark.parametrize(
    "expression",
    [".*", "[0-9]{4}", r"\+?49\d*", "(10|20|30)[0-9]+", "[^a-f]+", "[]x]*", "a{2,}b{0,3}", r"x\.y\-z", "."],
)
def test_expressions_that_are_taken(expression: str) -> None:
    assert is_wildcard(parse_uri(f"sip:desk!{escape_user(expression)}!@x"))


@pytest.mark.parametrize(
    "expression",
    ["(a+)+", "(a|a)*", "(a|aa){9}", "(a*)?", ".*.*.*.*", "a?a?a?a?", "a|b|c|d|e", "(?:a)", "(?=a)", r"(a)\1", ".*?",
     "a{9999}", "a{99999999999999}", "a{,3}", "[", "(", ")", "*", "a**", "a" * 101, "(" * 60 + ")" * 60 + "+"],
)  # fmt: skip
def test_expressions_that_could_take_for_ever_are_none(expression: str) -> None:
    """Nor those that are wrong: the identity stands for itself."""
    assert not is_wildcard(parse_uri(f"sip:desk!{escape_user(expression)}!@x"))


def test_the_slowest_expression_is_quick() -> None:
    began = time.process_time()
    assert not covers(parse_uri("sip:!a*a*a*!b@x"), parse_uri("sip:" + "a" * 127 + "c@x"))
    assert not covers(parse_uri("sip:!a*a*a*b!@x"), parse_uri("sip:" + "a" * 128 + "@x"))
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("wildcard", "uri", "inside"),
    [
        ("sip:desk!.*!@x", "sip:desk@x", True),
        ("sip:desk!.*!@x", "sip:desk42@X;user=phone", True),
        ("sip:desk!.*!@x", "sips:desk42@x", True),
        ("sip:desk!.*!@x", "sip:des@x", False),
        ("sip:desk!.*!@x", "sip:desk42@y", False),
        ("sip:desk!.*!@x", "tel:42", False),
        ("sip:+4930!\\d{2,3}!0@x", "sip:+4930120@x", True),
        ("sip:+4930!\\d{2,3}!0@x", "sip:+493010@x", False),
        ("sip:+4930!\\d{2,3}!0@x", "sip:+4930120a0@x", False),
        ("sip:a!b!a@x", "sip:a@x", False),  # beginning and end are not one
        ("sip:a!.*!@x", "sip:a" + "a" * 1000 + "@x", False),
        ("sip:a!b@x", "sip:a!b@x", False),  # no wildcard: one mark
        ("sip:a!!@x", "sip:a@x", False),
        ("sip:a!*!@x", "sip:a@x", False),  # no expression
    ],
)
def test_covers(wildcard: str, uri: str, inside: bool) -> None:
    assert covers(parse_uri(wildcard), parse_uri(uri)) is inside


@pytest.mark.parametrize(
    ("wildcard", "example"),
    [
        ("sip:desk!.*!@x", "sip:desk@x"),
        ("sip:!.+!@x", "sip:1@x"),
        ("sip:desk!\\d{3}!-a@x", "sip:desk100-a@x"),
        ("sip:!zzz!@x", "sip:!zzz!@x"),
        ("sip:desk@x", ""),
        ("sip:a!*!@x", ""),
        ("tel:1", ""),
    ],
)
def test_example(wildcard: str, example: str) -> None:
    assert example_of(parse_uri(wildcard)) == example
    assert is_wildcard(parse_uri(wildcard)) is bool(example)


def test_finding() -> None:
    registry = Registry(user("001", impu=("desk!.*!",)), user("002", impu=("desk7",)))

    def owner(uri: str) -> str:
        found = registry.subscribers.by_impu(parse_uri(uri))
        return found[0].user.imsi if found else ""

    assert owner(f"sip:desk8@{DOMAIN}") == owner("sip:desk8@192.0.2.100") == "001"
    assert owner(f"sip:desk7@{DOMAIN}") == "002"  # what has an entry goes first
    _, impu = registry.subscribers.by_impu(parse_uri(f"sip:desk8@{DOMAIN}")) or (None, None)
    assert impu is not None
    assert impu.shown == f"<sip:desk8@{DOMAIN}>"
    assert impu.key == registry.subscribers.by_impi("001").impus[0].key  # type: ignore[union-attr]
    assert owner("sip:desk8@elsewhere.org") == owner(f"sip:des@{DOMAIN}") == ""


def test_what_is_asserted() -> None:
    """The identity that was claimed, and no expression."""
    registry = Registry(user("001", impu=("001", "desk!.*!", "tel:1")))
    for claimed in (f"sip:desk8@{DOMAIN}", f"sip:001@{DOMAIN}"):
        subscriber, impu = registry.subscribers.by_impu(parse_uri(claimed)) or (None, None)
        assert subscriber is not None
        assert impu is not None
        assert asserted_identities(subscriber, impu, None) == [f"<{claimed}>", "<tel:1>"]

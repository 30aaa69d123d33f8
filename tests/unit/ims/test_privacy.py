"""Privacy: what is hidden, and what is not."""

import pytest

from lteims.ims.privacy import ANONYMOUS, hides_assertion, hides_user, privacy_of, strip
from lteims.sip.message import Request


def request(*privacy: str) -> Request:
    return Request("INVITE", "tel:1", {"privacy": list(privacy)} if privacy else {})


@pytest.mark.parametrize(
    ("lines", "values", "assertion", "user"),
    [
        ((), set(), False, False),
        (("none",), {"none"}, False, False),
        (("id",), {"id"}, True, False),
        (("ID ; critical",), {"id", "critical"}, True, False),
        (("header;session",), {"header", "session"}, False, False),
        (("user",), {"user"}, True, True),
        (("user", "id"), {"user", "id"}, True, True),
        (("none;id",), {"id"}, True, False),
        (("user,id",), {"user", "id"}, True, True),
        (("",), set(), False, False),
        (('"id, x',), {"id", "user"}, True, True),
        ((";;",), set(), False, False),
    ],
)
def test_what_is_asked_for(lines: tuple[str, ...], values: set[str], assertion: bool, user: bool) -> None:
    asked = request(*lines)
    assert privacy_of(asked) == values
    assert hides_assertion(asked) is assertion
    assert hides_user(asked) is user


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ("none", {"subject", "history-info", "diversion", "call-info", "priority"}),
        ("id", {"subject", "history-info", "diversion", "call-info", "priority"}),
        ("header", {"subject", "call-info", "priority"}),
        ("history", {"subject", "call-info", "priority"}),
        ("session", {"subject", "call-info", "priority"}),
        ("user", {"priority"}),
    ],
)
def test_what_is_left(wanted: str, left: set[str]) -> None:
    names = ("subject", "history-info", "diversion", "call-info", "priority")
    onward = Request("INVITE", "tel:1", {name: ["x"] for name in names})
    strip(onward, frozenset({wanted}))
    assert set(onward.headers) == left


def test_nobody() -> None:
    assert ANONYMOUS.encode() == '"Anonymous" <sip:anonymous@anonymous.invalid>'

"""User-Agent, Server and custom_headers on what the server sends."""

import pytest

from lteims.config import CustomHeader, ImsConfig
from lteims.ims.headers import Finisher
from lteims.sip.message import Message, Request, Response


def finished(
    message: Message, method: str, *custom: CustomHeader, user_agent: str = "us", force: bool = True
) -> Message:
    config = ImsConfig(user_agent=user_agent, force_user_agent=force, custom_headers=custom)
    Finisher(config).finish(message, method)
    return message


def test_who_we_are() -> None:
    assert finished(Request("INVITE", "sip:a@b"), "INVITE").get("user-agent") == "us"
    assert finished(Response(200), "INVITE").get("server") == "us"
    theirs = {"user-agent": ["them"]}
    assert finished(Request("INVITE", "sip:a@b", dict(theirs)), "INVITE").get("user-agent") == "us"
    assert finished(Request("INVITE", "sip:a@b", dict(theirs)), "INVITE", force=False).get("user-agent") == "them"
    assert finished(Request("INVITE", "sip:a@b"), "INVITE", force=False).get("user-agent") == "us"
    assert not finished(Request("INVITE", "sip:a@b"), "INVITE", user_agent="").headers


@pytest.mark.parametrize(
    ("codes", "methods", "hits"),
    [
        ((200,), (), {"200 INVITE", "200 REGISTER"}),
        ((0,), (), {"200 INVITE", "200 REGISTER", "404 INVITE"}),
        ((200, 404), ("INVITE",), {"200 INVITE", "404 INVITE"}),
        ((0,), ("*",), {"200 INVITE", "200 REGISTER", "404 INVITE"}),
        ((), ("INVITE",), {"INVITE"}),
        ((), ("*",), {"INVITE", "REGISTER"}),
        ((), (), set()),
    ],
)
def test_where_a_custom_header_goes(codes: tuple[int, ...], methods: tuple[str, ...], hits: set[str]) -> None:
    custom = CustomHeader("X-Test", "yes", codes, methods)
    messages: dict[str, tuple[Message, str]] = {
        "200 INVITE": (Response(200), "INVITE"),
        "404 INVITE": (Response(404), "INVITE"),
        "200 REGISTER": (Response(200), "REGISTER"),
        "INVITE": (Request("INVITE", "sip:a@b"), "INVITE"),
        "REGISTER": (Request("REGISTER", "sip:b"), "REGISTER"),
    }
    found = {name for name, (m, method) in messages.items() if finished(m, method, custom).get("x-test") == "yes"}
    assert found == hits


def test_replace() -> None:
    present = {"supported": ["path"]}
    added = finished(Response(200, "", dict(present)), "INVITE", CustomHeader("Supported", "x", (0,)))
    assert added.headers["supported"] == ["path", "x"]
    replaced = finished(Response(200, "", dict(present)), "INVITE", CustomHeader("Supported", "x", (0,), (), True))
    assert replaced.headers["supported"] == ["x"]
    twice = finished(added, "INVITE", CustomHeader("Supported", "x", (0,)))  # a retried request is finished twice
    assert twice.headers["supported"] == ["path", "x"]

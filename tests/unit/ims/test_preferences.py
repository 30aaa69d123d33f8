"""Caller preferences against what phones registered: who is called, in which groups, and who is not (RFC 3841)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ims.preferences import preferred_bindings, shown_features
from lteims.ims.subscribers import Binding
from lteims.net.sip_flow import Flow
from lteims.sip.headers import NameAddr
from lteims.sip.message import Request, Response

ICSI = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
FLOW = Flow("UDP", 0, "192.0.2.1", 5060)


def binding(name: str, features: str = "", q: float = 1.0) -> Binding:
    params = NameAddr.parse(f"<sip:{name}@192.0.2.1>{features and ';' + features}", "Contact").params
    return Binding(name, "impi", f"sip:{name}@192.0.2.1", params, q, 0.0, "call", 1, FLOW, "key")


VIDEO, AUDIO = binding("video", f"{ICSI};video;audio"), binding("audio", f"{ICSI};audio")
PLAIN = binding("plain", '+sip.instance="<urn:uuid:1>";reg-id=1')
TEXT = binding("text", "text;video=FALSE")
ALL = (VIDEO, AUDIO, PLAIN, TEXT)


def called(bindings: tuple[Binding, ...], **headers: str | list[str]) -> list[list[str]]:
    lines = {n.replace("_", "-"): v if isinstance(v, list) else [v] for n, v in headers.items()}
    groups = preferred_bindings(Request("INVITE", "tel:1", lines), bindings)
    return [[b.id for b in group] for group in groups]


def test_without_a_preference_all_of_one_q_are_called_at_once() -> None:
    assert called(ALL) == [["video", "audio", "plain", "text"]]
    low, high = binding("low", q=0.2), binding("high", q=0.7)
    assert called((low, VIDEO, high, AUDIO)) == [["video", "audio"], ["high"], ["low"]]
    assert called(()) == []


@pytest.mark.parametrize(
    ("wanted", "groups"),
    [
        ("*;video", [["video", "plain"], ["audio", "text"]]),
        ("*;video;explicit", [["video", "plain"], ["audio", "text"]]),
        ("*;video;require", [["video", "plain"], ["audio"]]),  # audio does not say that it has no video
        ("*;video;require;explicit", [["video", "plain"]]),
        ("*;audio;video", [["video", "plain"], ["audio"], ["text"]]),
        (f"*;{ICSI};require;explicit", [["video", "audio", "plain"]]),
        ('*;+g.3gpp.icsi-ref="urn%3aurn-7%3A3gpp-service.ims.icsi.MMTEL"', [["video", "audio", "plain"], ["text"]]),
        ('*;+g.3gpp.icsi-ref="urn:urn-7:3gpp-service.ims.icsi.mmtel";require', [["video", "audio", "plain"], ["text"]]),
        ("*;mobility=fixed;require;explicit", [["plain"]]),
        ("*", [["video", "audio", "plain", "text"]]),
        ("*;require", [["video", "audio", "plain", "text"]]),
        ('*;video="', [["video", "audio", "plain", "text"]]),
        ("*;=x", [["video", "audio", "plain", "text"]]),
        ("*;video=TRUE", [["video", "plain"], ["audio", "text"]]),
        ("*;video=FALSE;require;explicit", [["plain", "text"]]),
        ('*;video="!TRUE";require;explicit', [["plain", "text"]]),
    ],
)
def test_what_the_caller_wants(wanted: str, groups: list[list[str]]) -> None:
    assert called(ALL, accept_contact=wanted) == groups


def test_several_preferences_are_averaged() -> None:
    assert called(ALL, accept_contact=["*;video, *;audio", "*;text"]) == [["plain"], ["video"], ["audio", "text"]]


def test_q_counts_before_preferences() -> None:
    low = binding("low", "video", q=0.5)
    assert called((low, AUDIO), accept_contact="*;video") == [["audio"], ["low"]]
    assert called((low, AUDIO), accept_contact="*;video;require;explicit") == [["low"]]


@pytest.mark.parametrize(
    ("unwanted", "left"),
    [
        ("*;video", ["audio", "plain", "text"]),
        ("*;video;audio", ["audio", "plain", "text"]),
        ("*;audio", ["plain", "text"]),
        ("*;text;mobility", ["video", "audio", "plain", "text"]),
        ("*;video, *;text", ["audio", "plain"]),
    ],
)
def test_what_the_caller_rejects(unwanted: str, left: list[str]) -> None:
    assert called(ALL, reject_contact=unwanted) == [left]


def test_nobody_may_be_left() -> None:
    assert called((AUDIO,), accept_contact="*;video;require;explicit") == []
    assert called((AUDIO,), accept_contact="*;video;require;explicit", request_disposition="no-fork") == []


@pytest.mark.parametrize(
    ("directive", "groups"),
    [
        ("no-fork", [["video"]]),
        ("sequential", [["video"], ["audio"]]),
        ("Sequential, recurse", [["video"], ["audio"]]),
        ("parallel", [["video", "audio"]]),
    ],
)
def test_directives(directive: str, groups: list[list[str]]) -> None:
    assert called((VIDEO, AUDIO), request_disposition=directive) == groups


@pytest.mark.parametrize(
    ("own", "wanted", "fits"),
    [
        ('language="en,de"', 'language="fr,de"', True),
        ('language="en,de"', 'language="fr"', False),
        ('language="!en"', 'language="fr"', True),
        ('language="!en"', 'language="en"', False),
        ('language="!en"', 'language="!fr"', True),
        ('+x="#5"', '+x="#>=4"', True),
        ('+x="#=5"', '+x="#<=4"', False),
        ('+x="#1:9"', '+x="#9"', True),
        ('+x="#1:9"', '+x="#10:12"', False),
        ('+x="#one"', '+x="#1"', False),
        ('+x="#one"', '+x="#one"', False),
        ('description="<a, b>"', 'description="<a, b>"', True),
        ('description="<a, b>"', 'description="<a>"', False),
        ("audio", 'audio="!FALSE"', True),
    ],
)
def test_values(own: str, wanted: str, fits: bool) -> None:
    assert bool(called((binding("x", own),), accept_contact=f"*;{wanted};require;explicit")) is fits


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        (f'<sip:a@h>;{ICSI};video;+sip.instance="<urn:gsma:imei:1>";reg-id=1;q=0.5', f";{ICSI};video"),
        ('<sip:a@h>;audio;methods="INVITE,BYE";+g.3gpp.smsip', ";audio;+g.3gpp.smsip"),
        ("<sip:a@h;video>", ""),
        ("<<", ""),
        ("", ""),
    ],
)
def test_what_the_other_side_sees(contact: str, shown: str) -> None:
    assert shown_features(Response(200, "", {"contact": [contact]})) == shown
    assert shown_features(Response(200)) == ""


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_preference_is_too_odd(wanted: str, unwanted: str) -> None:
    request = Request("INVITE", "tel:1", {"accept-contact": [f"*;{wanted}"], "reject-contact": [unwanted]})
    for group in preferred_bindings(request, ALL):
        assert group

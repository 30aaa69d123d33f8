"""Event, Subscription-State and Allow-Events values (RFC 6665 8.4)."""

import pytest

from lteims.sip.errors import SipError
from lteims.sip.event import REG, Event, SubscriptionState, SubscriptionStatus, TerminationReason, parse_allow_events


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("reg", Event(REG)),
        ("presence.winfo;id=7", Event("presence.winfo", "7")),
        (" reg ; ID=a ; x=y;z", Event(REG, "a", {"x": "y", "z": None})),
    ],
)
def test_event(text: str, event: Event) -> None:
    assert Event.parse(text) == event
    assert Event.parse(event.encode()) == event


def test_events_match_by_package_and_id() -> None:
    assert Event(REG, "1", {"x": "y"}).matches(Event(REG, "1"))
    assert not Event(REG, "1").matches(Event(REG))
    assert not Event(REG).matches(Event("Reg"))


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("active;expires=600000", SubscriptionState(SubscriptionStatus.ACTIVE, 600000)),
        ("pending", SubscriptionState(SubscriptionStatus.PENDING)),
        (
            "terminated;reason=probation;retry-after=30",
            SubscriptionState(SubscriptionStatus.TERMINATED, None, TerminationReason.PROBATION, 30),
        ),
        ("Active ; Expires=5;x", SubscriptionState(SubscriptionStatus.ACTIVE, 5, params={"x": None})),
        ("waiting;expires=99999999999", SubscriptionState(SubscriptionStatus.ACTIVE, 3600)),
    ],
)
def test_subscription_state(text: str, state: SubscriptionState) -> None:
    assert SubscriptionState.parse(text) == state
    assert SubscriptionState.parse(state.encode()) == state


def test_exact_text() -> None:
    assert SubscriptionState(SubscriptionStatus.ACTIVE, 0).encode() == "active;expires=0"
    ended = SubscriptionState(SubscriptionStatus.TERMINATED, reason=TerminationReason.TIMEOUT)
    assert ended.encode() == "terminated;reason=timeout"
    assert Event(REG, "7").encode() == "reg;id=7"


@pytest.mark.parametrize("text", ["", ";id=1", "a b", "reg;=1", '"reg"'])
def test_bad_event(text: str) -> None:
    with pytest.raises(SipError):
        Event.parse(text)


@pytest.mark.parametrize("text", ["", ";expires=1", "active;expires=soon", "terminated;retry-after=-1"])
def test_bad_subscription_state(text: str) -> None:
    with pytest.raises(SipError):
        SubscriptionState.parse(text)


def test_allow_events() -> None:
    assert parse_allow_events("reg, presence.winfo,") == ("reg", "presence.winfo")
    assert parse_allow_events("") == ()
    with pytest.raises(SipError):
        parse_allow_events("reg, a b")

"""Subscriptions to events, and what is told."""

import base64
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from lteims.ims.control import UserView
from lteims.ims.sms_hook import SmsEvent
from lteims.oam.api_events import Events
from lteims.sms.text import Message
from tests.unit.oam.users import USERS


class Source:
    """Things happen when a test says so."""

    def __init__(self) -> None:
        self.sms: list[Callable[[SmsEvent], None]] = []

    def on_user(self, callback: Callable[[str], None]) -> None:
        self.user = callback

    def on_invite(self, callback: Callable[[str], None]) -> None:
        self.invite = callback

    def listen_to_sms(self, callback: Callable[[SmsEvent], None]) -> None:
        if callback not in self.sms:
            self.sms.append(callback)

    def leave_sms(self, callback: Callable[[SmsEvent], None]) -> None:
        if callback in self.sms:
            self.sms.remove(callback)


class Listener:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def tell(self, fields: Mapping[str, Any]) -> None:
        self.told.append(dict(fields))


class Lab:
    def __init__(self) -> None:
        self.source = Source()
        self.timers: list[Callable[[], None]] = []
        self.events = Events(self.source, self.users, lambda _, callback: self.timers.append(callback))

    def users(self, impis: Collection[str]) -> list[UserView]:
        return [user for user in USERS if user.impi in impis]


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_users_are_gathered(lab: Lab) -> None:
    one, other = Listener(), Listener()
    lab.events.register(one, ["users_update"], [])
    for impi in (USERS[0].impi, USERS[1].impi, USERS[0].impi):
        lab.source.user(impi)
    assert len(lab.timers) == 1
    lab.timers.pop()()
    (told,) = one.told
    assert told["message"] == "users_update"
    users = json.loads(bytes(told["users_update"]))
    assert [user["impi"] for user in users] == [USERS[0].impi, USERS[1].impi]
    assert other.told == []


def test_many_users_are_told_some_at_a_time(lab: Lab) -> None:
    one = Listener()
    lab.events.register(one, ["users_update"], [])
    for number in range(600):
        lab.source.user(f"user {number}")
    lab.source.user("user 0")
    for told in range(1, 4):
        (timer,) = lab.timers
        lab.timers.clear()
        timer()
        assert len(one.told) == told
    assert lab.timers == []
    lab.source.user("user 0")
    assert len(lab.timers) == 1


def test_nothing_is_gathered_for_nobody(lab: Lab) -> None:
    lab.source.user(USERS[0].impi)
    assert lab.timers == []


def test_sms_is_listened_to_only_while_somebody_wants_it(lab: Lab) -> None:
    one, other = Listener(), Listener()
    assert lab.source.sms == []
    lab.events.register(one, ["sms"], [])
    lab.events.register(other, ["sms"], [])
    assert len(lab.source.sms) == 1
    lab.source.sms[0](SmsEvent("600", "700", Message("hello", b""), 0))
    assert (
        one.told == other.told == [{"message": "sms", "sender": "600", "destination": "700", "text": "hello", "dcs": 0}]
    )
    lab.events.register(one, [], ["sms"])
    lab.events.drop(other)
    assert lab.source.sms == []


def test_data_is_told_in_base64(lab: Lab) -> None:
    one = Listener()
    lab.events.register(one, ["sms"], [])
    lab.source.sms[0](SmsEvent("600", "700", Message(None, b"\x01\xff"), 4))
    assert base64.b64decode(one.told[0]["binary"]) == b"\x01\xff"
    assert "text" not in one.told[0]


def test_invite(lab: Lab) -> None:
    one = Listener()
    lab.events.register(one, ["invite"], [])
    lab.source.invite("00ff")
    assert one.told == [{"message": "invite", "session_id": "00ff"}]


def test_an_unknown_event_changes_nothing(lab: Lab) -> None:
    one = Listener()
    with pytest.raises(ValueError, match="Unknown event: nope"):
        lab.events.register(one, ["sms", "nope"], [])
    assert lab.source.sms == []

"""Answers that wait for retransmissions: kept for timer J, bounded in number and octets, gone without a trace."""

from collections.abc import Callable

import pytest

from lteims.net import sip_answers
from lteims.net.sip_answers import Answers
from lteims.net.sip_flow import Flow
from lteims.net.timers import TimerWheel

FLOW = Flow("UDP", 0, "192.0.2.1", 5060)


class Time:
    """A clock and a loop's call_at, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> "Armed":
        entry = (when, callback)
        self.calls.append(entry)
        return Armed(self, entry)

    def move(self, to: float) -> None:
        while due := sorted((call for call in self.calls if call[0] <= to), key=lambda call: call[0]):
            self.calls.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = to


class Armed:
    def __init__(self, time: Time, entry: tuple[float, Callable[[], None]]) -> None:
        self._time = time
        self._entry = entry

    def cancel(self) -> None:
        if self._entry in self._time.calls:
            self._time.calls.remove(self._entry)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def answers(time: Time) -> Answers:
    return Answers(TimerWheel(time.call_at, time.clock), time.clock, 32.0)


def test_an_answer_is_found_until_timer_j(time: Time, answers: Answers) -> None:
    answers.keep(("a", "b", "OPTIONS"), b"one", FLOW)
    time.move(110.0)
    answers.keep(("c", "d", "OPTIONS"), b"two", FLOW)
    time.move(131.9)
    assert answers.find(("a", "b", "OPTIONS")) == (b"one", FLOW)
    time.move(133.0)
    assert answers.find(("a", "b", "OPTIONS")) is None
    assert answers.find(("c", "d", "OPTIONS")) == (b"two", FLOW)
    time.move(144.0)
    assert len(answers) == 0
    assert time.calls == []  # nothing wakes an idle process


def test_it_begins_again_after_a_rest(time: Time, answers: Answers) -> None:
    for _ in range(3):
        answers.keep(("a", "b", "OPTIONS"), b"x", FLOW)
        time.move(time.now + 40)
        assert len(answers) == 0


def test_the_oldest_make_room(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_answers, "MAX_ANSWERS", 10)
    for n in range(25):
        answers.keep((str(n),), b"x" * 100, FLOW)
    assert len(answers) == 10
    assert answers.find(("14",)) is None
    assert answers.find(("15",)) is not None
    answers.max_octets = 500
    answers.keep(("last",), b"x" * 100, FLOW)
    assert len(answers) == 5

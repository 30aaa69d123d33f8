"""The watchdog's states, as RFC 3539 3.4.1 has them."""

import pytest

from lteims.diameter.watchdog import Health, Verb, Watchdog

SEND, SET, CLOSE = Verb.SEND, Verb.SET, Verb.CLOSE


def new(interval: float = 30.0, random: float = 0.5) -> Watchdog:
    return Watchdog(interval, lambda: random)


def test_a_peer_that_answers_stays_okay() -> None:
    watchdog = new()
    assert watchdog.on_open() == (SET,)
    for _ in range(3):
        assert watchdog.on_timer() == (SEND, SET)
        assert watchdog.on_message(dwa=True) == (SET,)
        assert watchdog.health is Health.OKAY


def test_any_message_puts_the_question_off() -> None:
    watchdog = new()
    watchdog.on_open()
    assert watchdog.on_message(dwa=False) == (SET,)


def test_a_silent_peer_is_suspect_then_down() -> None:
    watchdog = new()
    watchdog.on_open()
    assert watchdog.on_timer() == (SEND, SET)
    assert watchdog.on_timer() == (SET,)
    assert watchdog.health is Health.SUSPECT
    assert watchdog.on_timer() == (CLOSE,)
    assert watchdog.health is Health.DOWN
    assert watchdog.on_timer() == ()


@pytest.mark.parametrize("dwa", [True, False])
def test_a_suspect_that_speaks_is_okay(dwa: bool) -> None:
    watchdog = new()
    watchdog.on_open()
    watchdog.on_timer()
    watchdog.on_timer()
    assert watchdog.on_message(dwa) == (SET,)
    assert watchdog.health is Health.OKAY


def reopened() -> Watchdog:
    watchdog = new()
    watchdog.on_open()
    watchdog.on_lost()
    assert watchdog.on_open() == (SEND, SET)
    assert watchdog.health is Health.REOPEN
    return watchdog


def test_three_answers_after_a_loss() -> None:
    watchdog = reopened()
    for health in (Health.REOPEN, Health.REOPEN, Health.OKAY):
        watchdog.on_message(dwa=True)
        assert watchdog.health is health
        assert watchdog.on_timer() == (SEND, SET)
    assert reopened().on_message(dwa=False) == ()


def test_no_answer_after_a_loss() -> None:
    watchdog = reopened()
    assert watchdog.on_timer() == (SET,)
    assert watchdog.on_timer() == (CLOSE,)
    assert watchdog.health is Health.DOWN


def test_none_at_all() -> None:
    watchdog = new(0)
    assert watchdog.on_open() == ()
    assert watchdog.on_message(dwa=False) == ()
    watchdog.on_lost()
    assert watchdog.on_open() == ()


def test_a_server_that_never_was_there_is_not_down() -> None:
    watchdog = new()
    watchdog.on_lost()
    assert watchdog.on_open() == (SET,)


@pytest.mark.parametrize(("interval", "random", "wait"), [(30, 0, 28), (30, 1, 32), (60, 0, 58), (3, 1, 3.2)])
def test_the_jitter(interval: float, random: float, wait: float) -> None:
    assert new(interval, random).wait() == pytest.approx(wait)

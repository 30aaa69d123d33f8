"""The timer wheel: never early, at most a tick late, one armed call, nothing while idle, no callback spoils another."""

import asyncio
import gc
import heapq
import time
import weakref
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from lteims import trace
from lteims.net.timers import SLICE, TimerWheel


class Call:
    """One armed call_at."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when, self.callback, self.live = when, callback, True

    def cancel(self) -> None:
        self.live = False


class Loop:
    """call_at and a clock without waiting; counts how often it was woken and how many calls stood at once."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.calls: list[tuple[float, int, Call]] = []
        self.wakes = 0
        self.made = 0
        self.most = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Call:
        call = Call(when, callback)
        self.made += 1
        heapq.heappush(self.calls, (when, self.made, call))
        self.most = max(self.most, sum(call.live for _, _, call in self.calls))
        return call

    def step(self) -> None:
        when, _, call = heapq.heappop(self.calls)
        if call.live:
            self.now = max(self.now, when)
            self.wakes += 1
            call.callback()

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.calls and self.calls[0][0] <= end:
            self.step()
        self.now = end


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def wheel(loop: Loop) -> TimerWheel:
    return TimerWheel(loop.call_at, loop.time)


def test_fires_in_order_and_with_its_arguments(loop: Loop, wheel: TimerWheel) -> None:
    seen: list[object] = []
    wheel.add(0.3, seen.append, "late")
    wheel.add(0.1, lambda *args: seen.extend(args), "a", "b")
    wheel.add(0.1, seen.append, "c")
    loop.run(1.0)
    assert seen == ["a", "b", "c", "late"]


DELAYS = st.one_of(st.floats(0, 200), st.sampled_from([0.0, 0.01, 0.02, 0.1, 0.5, 1.0, 32.0, 128.0]))


@given(now=st.floats(0, 1e7), delays=st.lists(st.tuples(DELAYS, st.floats(0, 5)), max_size=30))
def test_never_early_and_at_most_a_tick_late(now: float, delays: list[tuple[float, float]]) -> None:
    loop = Loop(now)
    wheel = TimerWheel(loop.call_at, loop.time)
    fired: list[tuple[float, float]] = []
    for delay, gap in delays:
        wheel.add(delay, lambda due: fired.append((due, loop.now)), loop.now + delay)
        loop.run(gap)
    loop.run(300.0)
    assert len(fired) == len(delays)
    assert all(due <= at <= due + 0.01 + 1e-6 for due, at in fired)


def test_cancelled_timers_do_not_fire_and_refer_to_nothing(loop: Loop, wheel: TimerWheel) -> None:
    class Transaction:
        def on_timer(self, argument: object) -> None:
            raise AssertionError("a cancelled timer fired")

    transaction, argument = Transaction(), Transaction()
    gone = [weakref.ref(transaction), weakref.ref(argument)]
    handle = wheel.add(32.0, transaction.on_timer, argument)
    assert handle
    wheel.cancel(handle)
    del transaction, argument
    gc.collect()
    assert [ref() for ref in gone] == [None, None]
    assert not handle
    wheel.cancel(handle)
    loop.run(64.0)


def test_a_fired_timer_refers_to_nothing_and_may_be_cancelled(loop: Loop, wheel: TimerWheel) -> None:
    handle = wheel.add(0.0, lambda: None)
    loop.run(0.1)
    assert not handle
    wheel.cancel(handle)


def test_idle_timers_cost_no_wake_up(loop: Loop, wheel: TimerWheel) -> None:
    fired: list[int] = []
    for number in range(5000):
        wheel.add(128.0, fired.append, number)
    assert (loop.made, loop.most) == (1, 1)
    loop.run(127.9)
    assert loop.wakes == 0
    loop.run(1.0)
    assert fired == list(range(5000))


def test_one_call_is_armed_at_a_time_for_the_earliest(loop: Loop, wheel: TimerWheel) -> None:
    fired: list[float] = []
    for delay in (5.0, 3.0, 4.0, 1.0, 2.0):
        wheel.add(delay, fired.append, delay)
    assert loop.most == 1
    loop.run(10.0)
    assert fired == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert loop.most == 1
    assert loop.wakes == 5


def test_a_timer_set_by_a_callback_fires_later(loop: Loop, wheel: TimerWheel) -> None:
    at: list[float] = []

    def again(times: int) -> None:
        at.append(round(loop.now - 1000.0, 2))
        if times:
            wheel.add(0.5, again, times - 1)

    wheel.add(0.5, again, 3)
    loop.run(10.0)
    assert at == pytest.approx([0.5, 1.0, 1.5, 2.0], abs=0.041)
    wheel.add(0.0, again, 0)
    loop.run(0.1)
    assert len(at) == 5


def test_a_callback_cancels_another_of_the_same_tick(loop: Loop, wheel: TimerWheel) -> None:
    fired: list[str] = []
    wheel.add(1.0, lambda: wheel.cancel(second))
    second = wheel.add(1.0, fired.append, "second")
    wheel.add(1.0, fired.append, "third")
    loop.run(2.0)
    assert fired == ["third"]


class Lines(list[str]):
    def write(self, layer: trace.Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.append(f"{message}\n{body}")


def test_a_callback_that_raises_is_logged_and_stops_no_other(loop: Loop, wheel: TimerWheel) -> None:
    def broken() -> None:
        raise ValueError("broken")

    fired: list[int] = []
    lines = Lines()
    former = trace.set_sink(lines)
    try:
        wheel.add(0.1, broken)
        wheel.add(0.1, fired.append, 1)
        wheel.add(0.2, fired.append, 2)
        loop.run(1.0)
    finally:
        trace.set_sink(former)
    assert fired == [1, 2]
    assert len(lines) == 1
    assert "broken failed: ValueError('broken')" in lines[0]
    assert "Traceback" in lines[0]


def test_an_interrupt_leaves_the_wheel_armed(loop: Loop, wheel: TimerWheel) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    fired: list[int] = []
    wheel.add(0.1, interrupt)
    wheel.add(0.1, fired.append, 1)
    with pytest.raises(KeyboardInterrupt):
        loop.run(1.0)
    loop.run(1.0)
    assert fired == [1]


def test_a_full_tick_is_fired_in_slices(loop: Loop, wheel: TimerWheel) -> None:
    fired: list[int] = []
    for number in range(2 * SLICE + 1):
        wheel.add(1.0, fired.append, number)
    loop.step()
    assert len(fired) == SLICE
    wheel.add(0.0, fired.append, -1)  # between two slices: behind those that were due before
    loop.step()
    assert len(fired) == 2 * SLICE
    loop.run(1.0)
    assert fired == [*range(2 * SLICE + 1), -1]
    assert loop.most == 1


def test_a_loop_that_wakes_early_is_asked_again(loop: Loop, wheel: TimerWheel) -> None:
    """uvloop rounds to milliseconds."""
    fired: list[int] = []
    wheel.add(1.0, fired.append, 1)
    _, _, call = heapq.heappop(loop.calls)
    loop.now = call.when - 0.0004
    call.callback()
    assert fired == []
    assert loop.calls[0][0] >= loop.now + 0.001
    loop.run(1.0)
    assert fired == [1]


def test_close_drops_everything_and_the_wheel_goes_on(loop: Loop, wheel: TimerWheel) -> None:
    fired: list[int] = []
    handle = wheel.add(1.0, fired.append, 1)
    wheel.close()
    assert not handle
    loop.run(2.0)
    assert (fired, loop.wakes) == ([], 0)
    wheel.add(1.0, fired.append, 2)
    loop.run(2.0)
    assert fired == [2]


def test_close_within_a_callback(loop: Loop, wheel: TimerWheel) -> None:
    fired: list[int] = []
    wheel.add(1.0, wheel.close)
    wheel.add(1.0, fired.append, 1)
    wheel.add(2.0, fired.append, 2)
    loop.run(5.0)
    assert fired == []


async def test_on_the_loop_of_asyncio() -> None:
    loop = asyncio.get_running_loop()
    wheel = TimerWheel(loop.call_at, loop.time, tick=0.001)
    done: asyncio.Future[float] = loop.create_future()
    before = loop.time()
    wheel.add(0.005, lambda: done.set_result(loop.time()))
    wheel.cancel(wheel.add(0.001, done.cancel))
    assert await done >= before + 0.005


def test_on_the_loop_of_uvloop() -> None:
    loop = uvloop.new_event_loop()
    try:
        wheel = TimerWheel(loop.call_at, time.monotonic, tick=0.001)
        done = loop.create_future()
        before = time.monotonic()
        wheel.add(0.005, lambda: done.set_result(time.monotonic()))
        assert loop.run_until_complete(done) >= before + 0.005
    finally:
        loop.close()

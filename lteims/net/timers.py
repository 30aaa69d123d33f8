"""One timer wheel for the process, beside one call_at of the event loop (floor 2; used by every driver in net/).

A SIP transaction sets up to three timers and nearly all of them run out for nothing, so setting one is a clock read,
a division and an append. Entries live in buckets by tick; a heap holds each tick once; an idle wheel never wakes.
"""

import traceback
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final, Protocol

from lteims.clock import Clock
from lteims.trace import ERROR, IMS, log

# [callback, args] while the timer is pending, [] once it has fired or was cancelled: so `if handle:` asks "pending?".
# A bare list because making an object of a class costs more than all the rest of `add`.
Handle = list[Any]

SLICE: Final = 1000  # callbacks in one go, then the loop may read its sockets
_NEVER: Final = 1 << 62  # a tick that does not come
_EARLIEST_REARM = 0.001  # seconds; a loop with a millisecond clock may wake before time, and must not spin then


class Armed(Protocol):
    """What call_at returns."""

    def cancel(self) -> object:
        """Withdraw the call."""


class CallAt(Protocol):
    """`loop.call_at` of asyncio and uvloop."""

    def __call__(self, when: float, callback: Callable[[], None], /) -> Armed: ...


class TimerWheel:
    """Timers of a coarse grain: one fires at the first tick at or after its time, never before it."""

    __slots__ = ("_armed", "_armed_tick", "_batch", "_buckets", "_call_at", "_clock", "_tick", "_ticks")

    def __init__(self, call_at: CallAt, clock: Clock, tick: float = 0.01) -> None:
        """`tick` in seconds; `clock` in the time base of `call_at`.

        time.monotonic is best: asyncio and uvloop both count from it, and uvloop's loop.time cuts to milliseconds.
        """
        self._call_at = call_at
        self._clock = clock
        self._tick = tick
        self._buckets: dict[int, list[Handle]] = {}
        self._ticks: list[int] = []  # heap of the keys of _buckets
        self._batch: list[Handle] = []  # what is left of the bucket that is firing, the next one last
        self._armed: Armed | None = None
        self._armed_tick = _NEVER

    def add(self, delay: float, callback: Callable[..., object], *args: object) -> Handle:
        """Call `callback(*args)` in `delay` seconds or up to one tick later; the handle is for `cancel` only."""
        # The quotient is rounded to nearest, so the integer above it is never before the time asked for.
        due = int((self._clock() + delay) / self._tick) + 1
        handle: Handle = [callback, args]
        bucket = self._buckets.get(due)
        if bucket is None:
            self._open(due, handle)
        else:
            bucket.append(handle)
        return handle

    def cancel(self, handle: Handle) -> None:
        """Drop a timer and what it refers to, at once; a fired or cancelled one is no error."""
        handle.clear()

    def close(self) -> None:
        """Drop every timer and the call to the loop; the wheel can be used again."""
        for bucket in (*self._buckets.values(), self._batch):
            for handle in bucket:
                handle.clear()
        self._buckets.clear()
        self._ticks.clear()
        self._batch = []
        self._disarm()

    def _open(self, due: int, handle: Handle) -> None:
        self._buckets[due] = [handle]
        heappush(self._ticks, due)
        if due < self._armed_tick:
            self._arm(due, due * self._tick)

    def _arm(self, due: int, when: float) -> None:
        self._disarm()
        self._armed = self._call_at(when, self._fire)
        self._armed_tick = due

    def _disarm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
        self._armed = None
        self._armed_tick = _NEVER

    def _fire(self) -> None:
        """Run what is due, at most SLICE entries, and ask the loop for the rest or for the next tick."""
        self._armed = None
        self._armed_tick = -_NEVER  # so that no `add` of a callback arms before we do
        now = self._clock()
        try:
            for _ in range(SLICE):
                if not self._batch and not self._take(now):
                    break
                handle = self._batch.pop()
                if handle:
                    self._call(handle)
        finally:
            self._rearm(now)

    def _take(self, now: float) -> bool:
        """Make the earliest bucket the batch, if its tick has come."""
        if not self._ticks or self._ticks[0] * self._tick > now:
            return False
        self._batch = self._buckets.pop(heappop(self._ticks))
        self._batch.reverse()
        return True

    def _call(self, handle: Handle) -> None:
        callback, args = handle
        handle.clear()
        try:
            callback(*args)
        except Exception as error:
            name = getattr(callback, "__qualname__", repr(callback))
            log(IMS, ERROR, f"timer {name} failed: {error!r}; the other timers go on", body=traceback.format_exc())

    def _rearm(self, now: float) -> None:
        if self._batch:
            self._arm(-_NEVER, now)  # as call_soon: the sockets come first
        elif self._ticks:
            due = self._ticks[0]
            self._arm(due, max(due * self._tick, now + _EARLIEST_REARM))
        else:
            self._armed_tick = _NEVER

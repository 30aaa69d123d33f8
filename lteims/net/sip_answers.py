"""Final answers that only wait for retransmissions: Completed of RFC 3261 17.2.2 over UDP, until timer J.

Thousands wait like this under load, all equally long, so they stand in one queue with one timer and leave plain
tuples behind, which the garbage collector does not walk. net/sip.py owns one of these.
"""

from collections import deque
from typing import Final

from lteims.clock import Clock
from lteims.net.sip_flow import Flow
from lteims.net.timers import TimerWheel

Key = tuple[str, ...]
MAX_ANSWERS: Final = 65536  # the oldest goes first
MAX_OCTETS = 64 << 20


class Answers:
    """By transaction key: the octets and the way back."""

    __slots__ = ("_armed", "_by_key", "_clock", "_octets", "_queue", "_time", "_wheel", "max_octets")

    def __init__(self, wheel: TimerWheel, clock: Clock, time: float) -> None:
        """`time` is timer J in seconds."""
        self._wheel = wheel
        self._clock = clock
        self._time = time
        self._by_key: dict[Key, tuple[bytes, str, int, str, int]] = {}
        self._queue: deque[tuple[float, Key]] = deque()
        self._octets = 0
        self._armed = False
        self.max_octets = MAX_OCTETS

    def __len__(self) -> int:
        return len(self._by_key)

    def keep(self, key: Key, data: bytes, flow: Flow) -> None:
        """Keep an answer for its time, or until there are too many."""
        self._by_key[key] = (data, flow.transport, flow.local, flow.host, flow.port)
        self._queue.append((self._clock() + self._time, key))
        self._octets += len(data)
        while len(self._queue) > MAX_ANSWERS or self._octets > self.max_octets:
            self._forget_oldest()
        if not self._armed:
            self._armed = True
            self._wheel.add(self._time, self._sweep)

    def find(self, key: Key) -> tuple[bytes, Flow] | None:
        """The answer to a request that came again."""
        kept = self._by_key.get(key)
        return None if kept is None else (kept[0], Flow(kept[1], kept[2], kept[3], kept[4]))

    def _forget_oldest(self) -> None:
        _, key = self._queue.popleft()
        self._octets -= len(self._by_key.pop(key)[0])

    def _sweep(self) -> None:
        queue, now = self._queue, self._clock()
        while queue and queue[0][0] <= now:
            self._forget_oldest()
        self._armed = bool(queue)
        if queue:
            self._wheel.add(max(queue[0][0] - now, self._time / 64), self._sweep)

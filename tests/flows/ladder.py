"""Ladder diagrams of machines: two sides, a wire between them that delays and loses, and virtual time.

A flow test joins its machines by `left` and `right` and compares `rungs` with the ladder that it expects; a packet
is numbered in the order of sending, so that a test says which ones are lost.
"""

import heapq
from collections.abc import Callable, Collection
from itertools import count


class Ladder:
    """The wire and the clock; `delay` in seconds is one way, `lost` are the numbers (from 0) that never arrive."""

    def __init__(self, delay: float = 0.05, lost: Collection[int] = ()) -> None:
        self.now = 0.0
        self.rungs: list[str] = []
        self._delay = delay
        self._lost = lost
        self._packets = count()
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def later(self, delay: float, callback: Callable[[], None]) -> None:
        """Call back in `delay` seconds of virtual time; in the order asked for where times are equal."""
        heapq.heappush(self._due, (self.now + delay, next(self._order), callback))

    def note(self, text: str) -> None:
        """A line that is no packet: what a user saw, a change of state."""
        self.rungs.append(f"{self.now:6.2f} {text}")

    def right(self, label: str, arrive: Callable[[], None]) -> None:
        """A packet from the left side to the right one."""
        self._cross(f"{label} -->", f"{label} --x", arrive)

    def left(self, label: str, arrive: Callable[[], None]) -> None:
        """A packet from the right side to the left one."""
        self._cross(f"<-- {label}", f"x-- {label}", arrive)

    def run(self, until: float = float("inf")) -> "Ladder":
        """Let everything happen that is due by then."""
        while self._due and self._due[0][0] <= until:
            self.now, _, callback = heapq.heappop(self._due)
            callback()
        return self

    def _cross(self, arrives: str, lost: str, arrive: Callable[[], None]) -> None:
        if next(self._packets) in self._lost:
            self.note(lost)
        else:
            self.note(arrives)
            self.later(self._delay, arrive)

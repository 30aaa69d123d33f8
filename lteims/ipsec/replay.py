"""The anti-replay window of one inbound SA (RFC 4303 3.4.3, with sequence numbers of 32 bits), for net/esp.py.

`fresh` asks before the integrity check, `accept` marks a sequence number after it: a forged packet moves nothing.
"""

from typing import Final

WINDOW: Final = 64  # packets; RFC 4303 wants 32 at least and 64 by choice


class ReplayWindow:
    """Which of the last `size` sequence numbers have been seen; the first packet of an SA has number 1."""

    __slots__ = ("_mask", "_seen", "_size", "highest")

    def __init__(self, size: int = WINDOW) -> None:
        self.highest = 0
        self._seen = 1  # bit n: highest - n has been seen; 0 is nobody's number
        self._size = size
        self._mask = (1 << size) - 1

    def fresh(self, sequence: int) -> bool:
        """Whether a packet of this number may still come: it is ahead of the window, or in it and not seen."""
        back = self.highest - sequence
        if back < 0:
            return True
        return back < self._size and not self._seen >> back & 1

    def accept(self, sequence: int) -> None:
        """Mark the number of a packet that was fresh and whose integrity is proven."""
        ahead = sequence - self.highest
        if ahead <= 0:
            self._seen |= 1 << -ahead
            return
        self.highest = sequence
        # A leap over the whole window forgets it, without a shift by millions of bits.
        self._seen = 1 if ahead >= self._size else (self._seen << ahead | 1) & self._mask

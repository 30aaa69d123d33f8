"""The last log entries in memory, bounded in number and in bytes: what `log_get` (manual 6.5) answers from.

Filled by oam/log.py, also when no log file is configured. A reader keeps the index of the next entry that it wants.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from sys import getsizeof

from msgspec import Struct

from lteims.oam.log_format import INDENT

ENTRIES = 8192
BYTES = 16 << 20

_Record = tuple[int, str, int, str, str, str, int]  # timestamp in ms, layer, level, dir, id, text, its size


class LogEntry(Struct, frozen=True):
    """One entry as `log_get` shows it; a Struct, since readers have thousands made a second."""

    idx: int
    timestamp: int  # milliseconds since 1970
    layer: str  # upper case
    level: int  # 1 error, 2 warn, 3 info, 4 debug
    dir: str  # FROM, TO or "-"
    id: str
    data: tuple[str, ...]  # the message, then its further lines


@dataclass(frozen=True, slots=True)
class RingRead:
    """What one read found, the index to go on from, and how many entries were overwritten before they were read."""

    entries: tuple[LogEntry, ...]
    next_idx: int
    discontinuity: int


class LogRing:
    """Keeps the newest entries; adding one costs a tuple and drops the oldest where a bound is passed."""

    __slots__ = ("_bytes", "_max_bytes", "_max_entries", "_records", "next_idx", "reset_idx")

    def __init__(self, max_entries: int = ENTRIES, max_bytes: int = BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._records: deque[_Record] = deque()
        self._bytes = 0
        self.next_idx = 0  # of the entry that comes next
        self.reset_idx = 0  # what is before was forgotten by `clear`, and not lost

    def __len__(self) -> int:
        return len(self._records)

    @property
    def max_entries(self) -> int:
        """How many entries are kept at most."""
        return self._max_entries

    def resize(self, max_entries: int) -> None:
        """Keep so many entries at most; the oldest of those that are too many go with the next one."""
        self._max_entries = max_entries

    def append(self, timestamp: int, layer: str, level: int, dir: str, id: str, text: str) -> None:
        """Add one entry; `text` is the message with its continuation lines as the file has them."""
        records = self._records
        size = getsizeof(text)
        records.append((timestamp, layer, level, dir, id, text, size))
        self.next_idx += 1
        self._bytes += size
        while len(records) > self._max_entries or self._bytes > self._max_bytes:
            self._bytes -= records.popleft()[6]

    def read(self, idx: int = 0, limit: int = 4096) -> RingRead:
        """At most `limit` entries from index `idx` on; where those are gone already, from the oldest one."""
        first = self.next_idx - len(self._records)
        start = min(max(idx, first), self.next_idx)
        found = islice(self._records, start - first, start - first + max(limit, 0))
        entries = tuple(
            LogEntry(number, *record[:5], tuple(record[5].split(INDENT))) for number, record in enumerate(found, start)
        )
        return RingRead(entries, start + len(entries), max(0, start - max(idx, 0)))

    def clear(self) -> None:
        """Forget all entries; the numbering goes on (`log_reset`)."""
        self._records.clear()
        self._bytes = 0
        self.reset_idx = self.next_idx

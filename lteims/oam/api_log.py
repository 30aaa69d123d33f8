"""log_get of the remote API (manual 6.5): which entries of the ring one client gets, and when it gets them.

Pure: api.py asks `poll` from time to time. Entries are turned into JSON once for all clients, not once for each.
"""

from collections.abc import Hashable
from typing import Any, Final

import msgspec

from lteims.oam.api_schema import LogGet
from lteims.oam.log_ring import LogEntry, LogRing
from lteims.trace import DEBUG, LEVEL_NAMES

_CACHED: Final = 16 << 20  # octets of JSON that are kept
_ARRAYS: Final = 32  # arrays of entries that are kept for the next client
_CHUNK: Final = 256  # entries that are read at once
_LOOKED: Final = 1024  # entries that one look of one client goes through
_encode: Final = msgspec.json.Encoder().encode
OLDEST: Final = -1  # what is there when a client asks for the first time: it has lost nothing of what was before
_MOST: Final = 16384  # entries of one answer, whatever its request says
_MOST_OCTETS: Final = 8 << 20  # of one answer, more or less
_DIRECTIONS: Final = ("FROM", "TO", "UL", "DL")


class _Shown(msgspec.Struct, omit_defaults=True):
    """One entry in the words of the API; a Struct, since thousands are made a second."""

    src: str
    idx: int
    data: tuple[str, ...]
    timestamp: int
    layer: str
    level: str
    dir: str = ""
    ue_id: int | None = None
    id: str = ""


class Encoded(msgspec.Struct):
    """One entry with what it is chosen by."""

    shown: _Shown
    level: int
    full: msgspec.Raw

    def short(self) -> msgspec.Raw:
        """With its first line alone."""
        first = self.shown.data[:1]
        return msgspec.Raw(_encode(msgspec.structs.replace(self.shown, data=first)))


class LogEntries:
    """The ring's entries as JSON."""

    def __init__(self, ring: LogRing, source: str) -> None:
        """`source` is the server's name, for `src`."""
        self.ring = ring
        self._source = source
        self._cache: dict[int, Encoded] = {}
        self._octets = 0
        self._arrays: dict[Hashable, msgspec.Raw] = {}
        self._last: tuple[tuple[int, int], list[Encoded], int] = ((0, 0), [], 0)

    def array(self, key: Hashable, found: list[Encoded], *, short: bool) -> msgspec.Raw:
        """Entries as one JSON array; `key` says by what they were chosen, for clients that choose alike share it."""
        if not found:
            return msgspec.Raw(b"[]")
        whole = (key, short, found[0].shown.idx, found[-1].shown.idx)
        array = self._arrays.get(whole)
        if array is None:
            if len(self._arrays) >= _ARRAYS:
                self._arrays.clear()
            array = msgspec.Raw(_encode([entry.short() if short else entry.full for entry in found]))
            self._arrays[whole] = array
        return array

    def read(self, idx: int, limit: int) -> tuple[list[Encoded], int, int, int]:
        """At most `limit` entries from `idx` on, their octets, the index to go on from, and how many were lost before
        them."""
        start = min(max(idx, self.ring.next_idx - len(self.ring)), self.ring.next_idx)
        end = min(start + limit, self.ring.next_idx)
        if self._last[0] != (start, end):
            found: list[Encoded] = []
            for position in range(start, end):
                if position not in self._cache:
                    self._fill(position, min(_CHUNK, end - position))
                found.append(self._cache[position])
            self._last = ((start, end), found, _octets(found))
        return *self._last[1:], end, max(0, start - max(idx, self.ring.reset_idx))

    def _fill(self, idx: int, limit: int) -> None:
        if self._octets > _CACHED:
            self._cache.clear()
            self._octets = 0
        for entry in self.ring.read(idx, limit).entries:
            shown = _shown(entry, self._source)
            text = _encode(shown)
            self._cache[entry.idx] = Encoded(shown, entry.level, msgspec.Raw(text))
            self._octets += len(text)


def _octets(entries: list[Encoded]) -> int:
    return sum([len(entry.full) for entry in entries])


def _shown(entry: LogEntry, source: str) -> _Shown:
    return _Shown(
        source,
        entry.idx,
        entry.data,
        entry.timestamp,
        entry.layer,
        LEVEL_NAMES[entry.level],
        entry.dir if entry.dir in _DIRECTIONS else "",
        _ue_id(entry.id) if entry.layer == "IMS" else None,  # of SIP and MEDIA it is a dialog's (manual 8)
        entry.id if entry.id != "-" else "",
    )


def _ue_id(id: str) -> int | None:
    try:
        return int(id, 16) if id.isalnum() and len(id) <= 8 else None
    except ValueError:
        return None


class LogQuery:
    """One log_get that waits."""

    def __init__(self, params: LogGet, entries: LogEntries, idx: int, now: float) -> None:
        """`idx` is the entry that the client wants next, or OLDEST. ValueError for a layer's level that is none."""
        self.params = params
        self.idx = idx if idx != OLDEST else entries.ring.next_idx - len(entries.ring)
        self._entries = entries
        self._levels = _levels(params.layers)
        self._key = (
            params.rnti, params.ue_id, params.start_timestamp, params.end_timestamp,
            None if self._levels is None else frozenset(self._levels.items()),
        )  # fmt: skip
        self._all = not any(part is not None for part in self._key)
        self._most = min(params.max, _MOST)
        self._found: list[Encoded] = []
        self._octets = 0
        self._lost = 0
        self._quiet_since = now

    def poll(self, now: float) -> dict[str, Any] | None:
        """The answer, once it is time for it."""
        params = self.params
        before = len(self._found)
        self._look()
        if len(self._found) > before:
            self._quiet_since = now
        if (len(self._found) >= min(params.min, self._most) or self._octets >= _MOST_OCTETS) and self._found:
            return self.flush()
        over = now - self._quiet_since >= params.timeout
        return self.flush() if over and (self._found or params.allow_empty) else None

    def flush(self) -> dict[str, Any]:
        """The answer as it stands: another log_get takes the place of this one."""
        logs = self._entries.array(self._key, self._found, short=self.params.short)
        return {"logs": logs} | ({"discontinuity": self._lost} if self._lost else {})

    def _look(self) -> None:
        looked = 0
        while self._has_room() and looked < _LOOKED and self.idx < self._entries.ring.next_idx:
            limit = min(_CHUNK, self._most - len(self._found))
            entries, octets, self.idx, lost = self._entries.read(self.idx, limit)
            self._lost += lost
            looked += limit
            if not self._all:
                entries = [entry for entry in entries if self._wanted(entry)]
                octets = _octets(entries)
            self._found += entries
            self._octets += octets

    def _has_room(self) -> bool:
        return len(self._found) < self._most and self._octets < _MOST_OCTETS

    def _wanted(self, entry: Encoded) -> bool:
        params = self.params
        shown = entry.shown
        if entry.level > (DEBUG if self._levels is None else self._levels.get(shown.layer, 0)):
            return False
        if params.rnti is not None or (params.ue_id is not None and shown.ue_id != params.ue_id):
            return False
        if params.start_timestamp is not None and shown.timestamp < params.start_timestamp:
            return False
        return params.end_timestamp is None or shown.timestamp <= params.end_timestamp


def _levels(layers: dict[str, str] | None) -> dict[str, int] | None:
    if layers is None:
        return None
    for name, level in layers.items():
        if level.lower() not in LEVEL_NAMES:
            raise ValueError(f"layers.{name[:60]}: a level is one of {', '.join(LEVEL_NAMES)}")
    return {name.upper(): LEVEL_NAMES.index(level.lower()) for name, level in layers.items()}

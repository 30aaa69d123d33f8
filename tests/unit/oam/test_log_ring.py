"""The ring of entries: bounds in number and bytes, reading on from an index, discontinuity."""

from lteims.oam.log_ring import LogEntry, LogRing


def _filled(count: int, ring: LogRing) -> LogRing:
    for n in range(count):
        ring.append(1000 + n, "SIP", 4, "FROM", "1a", f"message {n}\n        line a\n        ")
    return ring


def test_an_entry_as_log_get_shows_it() -> None:
    assert _filled(1, LogRing()).read().entries == (
        LogEntry(0, 1000, "SIP", 4, "FROM", "1a", ("message 0", "line a", "")),
    )


def test_reading_on() -> None:
    ring = _filled(10, LogRing())
    first = ring.read(0, 4)
    second = ring.read(first.next_idx, 100)
    assert [e.idx for e in first.entries + second.entries] == list(range(10))
    assert (first.discontinuity, second.discontinuity) == (0, 0)
    assert ring.read(second.next_idx).entries == ()
    assert ring.read(99).next_idx == 10


def test_overwritten_entries_are_told() -> None:
    ring = _filled(10, LogRing(max_entries=4))
    assert len(ring) == 4
    read = ring.read(3, 2)
    assert ([e.idx for e in read.entries], read.next_idx, read.discontinuity) == ([6, 7], 8, 3)


def test_bounded_in_bytes() -> None:
    ring = LogRing(max_bytes=10_000)
    for _ in range(100):
        ring.append(0, "IMS", 3, "-", "-", "x" * 1000)
    assert len(ring) == 9
    ring.append(0, "IMS", 3, "-", "-", "x" * 20_000)
    assert len(ring) == 0
    ring.append(0, "IMS", 3, "-", "-", "short")
    assert [e.idx for e in ring.read(101).entries] == [101]


def test_clear_keeps_the_numbering() -> None:
    ring = _filled(5, LogRing())
    ring.clear()
    assert len(ring) == 0
    _filled(1, ring)
    assert [e.idx for e in ring.read(5).entries] == [5]

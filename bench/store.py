"""CPU microseconds of one durable change: put and commit alone, and by 64 waiters at once, beside bare SQLite.

Run as `python -m bench.store [FOLDER]`; the folder (default: a temporary one) decides which disk is measured. CPU
time is that of both threads; wall time shows what the disk's sync costs on top.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench import figure
from lteims.store.memory import MemoryStore
from lteims.store.sqlite import SqliteStore
from lteims.store.state import StateStore

VALUE = b'{"contact":"sip:001010123456789@192.168.4.2:5060","expires":1700000000,"imei":"35-209900-176148-1"}' * 3
KEYS = [f"00101{number:010}@ims.mnc001.mcc001.3gppnetwork.org" for number in range(1000)]
CHANGES = 2560
WAITERS = 64
ROUNDS = 3


def bare_sqlite(folder: Path, rows: int) -> None:
    """The floor: the same rows through sqlite3 alone, `rows` to a transaction, synced at each commit."""
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS state (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )
        for start in range(0, CHANGES, rows):
            if rows > 1:
                connection.execute("BEGIN")
            for number in range(start, start + rows):
                connection.execute(
                    "INSERT OR REPLACE INTO state VALUES (?,?,?)", ("binding", KEYS[number % len(KEYS)], VALUE)
                )
            if rows > 1:
                connection.execute("COMMIT")


async def _fill(store: StateStore, waiters: int) -> None:
    async def one(number: int) -> None:
        store.put("binding", KEYS[number % len(KEYS)], b"%d %s" % (time.monotonic_ns(), VALUE))  # never the same
        await store.commit()

    for start in range(0, CHANGES, waiters):
        if waiters == 1:
            await one(start)
        else:
            await asyncio.gather(*(one(number) for number in range(start, start + waiters)))


def through(store: StateStore, waiters: int) -> None:
    """All changes through a store, so many waiters at a time."""
    with closing(store):
        asyncio.run(_fill(store, waiters))


def measured(call: Callable[[], None]) -> tuple[float, float]:
    """The best (CPU, wall) microseconds of one change over the rounds."""
    cpu = wall = float("inf")
    for _ in range(ROUNDS):
        cpu_before, wall_before = time.process_time(), time.perf_counter()
        call()
        cpu = min(cpu, time.process_time() - cpu_before)
        wall = min(wall, time.perf_counter() - wall_before)
    return cpu / CHANGES * 1e6, wall / CHANGES * 1e6


def main() -> None:
    """Print one line for each case."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        cases: list[tuple[str, Callable[[], None]]] = [
            ("floor: sqlite3, autocommit", lambda: bare_sqlite(folder, 1)),
            ("put + commit, one after the other", lambda: through(SqliteStore.open(folder / "ue.db"), 1)),
            (f"floor: sqlite3, {WAITERS} to a transaction", lambda: bare_sqlite(folder, WAITERS)),
            (f"put + commit, {WAITERS} waiters at once", lambda: through(SqliteStore.open(folder / "ue.db"), WAITERS)),
            (f"memory store, {WAITERS} waiters at once", lambda: through(MemoryStore(), WAITERS)),
        ]
        print(f"{'store: us of one durable change':<40}{'CPU':>8}{'wall':>8}")
        beside = ""  # the floor above the case
        for title, call in cases:
            cpu, wall = measured(call)
            print(f"{title:<40}{cpu:>8.1f}{wall:>8.1f}")
            if title.startswith("floor"):
                beside = f"{title} {cpu:.1f} (wall {wall:.1f})"
            elif title.startswith("put"):
                figure(f"state: {title}", cpu, beside=f"wall {wall:.1f}, {beside}")


if __name__ == "__main__":
    main()

"""The store on SQLite: one transaction for many waiters, faults of the disk, locks, modes, kill -9."""

import asyncio
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lteims import counters, trace
from lteims.errors import OperatorError
from lteims.store.file import StateFile
from lteims.store.sqlite import SqliteStore
from lteims.store.state import StoreError


async def test_sixty_four_waiters_share_a_transaction(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "ue.db")

    async def one(number: int) -> None:
        store.put("sqn", str(number), b"x")
        await store.commit()

    before = counters.get("store_commit")
    await asyncio.gather(*(one(number) for number in range(64)))
    assert counters.get("store_commit") == before + 1
    store.close()


async def test_who_comes_while_one_is_written_shares_the_next(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "ue.db")
    before = counters.get("store_commit")
    store.put("sqn", "first", b"1")
    first = asyncio.create_task(store.commit())
    await asyncio.sleep(0)  # the task runs
    await asyncio.sleep(0)  # the batch is handed over
    late = []
    for number in range(10):
        store.put("sqn", str(number), b"2")
        late.append(asyncio.create_task(store.commit()))
    assert len(store.load("sqn")) == 11
    await asyncio.gather(first, *late)
    assert counters.get("store_commit") == before + 2
    store.close()


async def test_commit_without_changes_waits_for_what_is_under_way(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "ue.db")
    store.put("sqn", "a", b"1")
    first = asyncio.create_task(store.commit())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await store.commit()
    assert first.done()
    store.close()


async def test_a_cancelled_waiter_harms_nobody(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "ue.db")
    store.put("sqn", "a", b"1")
    given_up, patient = asyncio.create_task(store.commit()), asyncio.create_task(store.commit())
    await asyncio.sleep(0)
    given_up.cancel()
    await patient
    assert given_up.cancelled() or given_up.done()
    store.close()


async def test_reopened(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    store = SqliteStore.open(path)
    store.put("binding", "a", b"1")
    await store.commit()
    store.put("binding", "b", b"2")
    store.close()  # writes what nobody waited for
    again = SqliteStore.open(path)
    assert again.load("binding") == {"a": b"1", "b": b"2"}
    again.close()


async def test_close_answers_those_who_wait(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "ue.db")
    store.put("sqn", "a", b"1")
    under_way = asyncio.create_task(store.commit())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    store.put("sqn", "b", b"2")
    waiting = asyncio.create_task(store.commit())
    await asyncio.sleep(0)
    store.close()
    await asyncio.gather(under_way, waiting)
    again = SqliteStore.open(tmp_path / "ue.db")
    assert again.load("sqn") == {"a": b"1", "b": b"2"}
    again.close()


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    path.touch(0o644)
    os.chmod(path, 0o644)
    store = SqliteStore.open(path)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    store.close()


def test_synced_at_every_commit(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "ue.db")
    connection = store._file._connection
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    store.close()


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    store = SqliteStore.open(path)
    with pytest.raises(OperatorError, match=f"in use by another server .process {os.getpid()}"):
        SqliteStore.open(path)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with pytest.raises(OperatorError, match="in use"):
        SqliteStore.open(link)
    store.close()
    SqliteStore.open(path).close()


@pytest.mark.parametrize("name", ["missing/ue.db", "folder", "fifo"])
def test_a_place_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OperatorError, match=name):
        SqliteStore.open(tmp_path / name)


async def test_a_disk_that_is_full(tmp_path: Path, logged: list[tuple[int, str]]) -> None:
    path = tmp_path / "ue.db"
    store = SqliteStore.open(path)
    store.put("sms", "before", b"1")
    await store.commit()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        store.put("sms", "big", bytes(400_000))
        for number in range(3):
            store.put("sms", str(number), b"x")
            with pytest.raises(StoreError, match="not on the disk"):
                await store.commit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert [level for level, _ in logged] == [trace.ERROR]
    assert len(store.load("sms")) == 5
    store.put("sms", "big", b"smaller")
    await store.commit()
    assert logged[-1][0] == trace.WARN
    assert "written again" in logged[-1][1]
    store.close()
    again = SqliteStore.open(path)
    assert again.load("sms") == {"before": b"1", "big": b"smaller", "0": b"x", "1": b"x", "2": b"x"}
    again.close()


async def test_a_disk_without_pages(tmp_path: Path, logged: list[tuple[int, str]]) -> None:
    """SQLITE_FULL as the database itself reports it: the text names the remedy."""
    store = SqliteStore.open(tmp_path / "ue.db")
    connection = store._file._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store.put("sms", "big", bytes(100_000))
    with pytest.raises(StoreError, match="the disk is full: free some space"):
        await store.commit()
    connection.execute("PRAGMA max_page_count = 1000000")
    await store.commit()
    assert store.load("sms") == {"big": bytes(100_000)}
    store.close()


async def test_a_full_disk_has_room_in_the_log_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed in place fits into the write-ahead log, once that is folded into the file."""
    store = SqliteStore.open(tmp_path / "ue.db")
    for number in range(20):
        store.put("sms", str(number), b"x" * 3000)
        await store.commit()
    write = StateFile._write
    refused = []

    def full(self: StateFile, statements: list[tuple[str, list[str | bytes | int]]]) -> None:
        if not refused:
            refused.append(statements)
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        write(self, statements)

    def frames() -> int:
        return int(store._file._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])

    before = frames()
    monkeypatch.setattr(StateFile, "_write", full)
    store.delete("sms", "3")
    await store.commit()
    assert refused
    assert frames() < 10 < before
    assert len(store.load("sms")) == 19
    store.close()


async def test_what_is_refused_leaves_nothing_behind(tmp_path: Path, logged: list[tuple[int, str]]) -> None:
    """Messages that come while the disk is full are put, refused and taken back: that must not heap up."""
    store = SqliteStore.open(tmp_path / "ue.db")
    store.put("sms", "taken", b"1")
    await store.commit()
    connection = store._file._connection
    connection.execute("PRAGMA query_only = 1")
    store.delete("sms", "taken")
    for number in range(100):
        store.put("sms", f"new{number}", b"1")
        with pytest.raises(StoreError):
            await store.commit()
        store.delete("sms", f"new{number}")
    with pytest.raises(StoreError):
        await store.commit()
    assert store._changes == {("sms", "taken"): None}
    connection.execute("PRAGMA query_only = 0")
    await store.commit()
    assert [level for level, _ in logged] == [trace.ERROR, trace.WARN]
    assert store.load("sms") == {}
    store.close()


async def test_what_needs_no_disk_does_not_say_that_it_works_again(
    tmp_path: Path, logged: list[tuple[int, str]]
) -> None:  # fmt: skip
    store = SqliteStore.open(tmp_path / "ue.db")
    connection = store._file._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store.put("sms", "big", bytes(100_000))
    with pytest.raises(StoreError):
        await store.commit()
    store.delete("sms", "big")
    await store.commit()
    assert [level for level, _ in logged] == [trace.ERROR]
    store.put("sms", "small", b"1")
    await store.commit()
    assert [level for level, _ in logged] == [trace.ERROR, trace.WARN]
    store.close()


async def test_failure_at_the_end_is_logged(tmp_path: Path, logged: list[tuple[int, str]]) -> None:
    store = SqliteStore.open(tmp_path / "ue.db")
    store._file._connection.execute("PRAGMA query_only = 1")
    store.put("sms", "a", b"1")
    store.close()
    assert [level for level, _ in logged] == [trace.ERROR, trace.ERROR]
    assert "1 changes that nobody was told are safe are lost" in logged[-1][1]


async def test_another_program_that_holds_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lteims.store.file._PATIENCE", 0.01)
    store = SqliteStore.open(tmp_path / "ue.db")
    foreign = sqlite3.connect(tmp_path / "ue.db", isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    store.put("sms", "a", b"1")
    with pytest.raises(StoreError, match="another program holds it"):
        await store.commit()
    foreign.execute("COMMIT")
    foreign.close()
    await store.commit()
    store.close()


CHILD = """
import asyncio, sys
from lteims.store.sqlite import SqliteStore

async def main(path, first):
    store = SqliteStore.open(path, lambda text: print("DAMAGED", text, flush=True))
    print("ready", flush=True)

    async def writer(name):
        number = first
        while True:
            number += 1
            store.put("sqn", name, str(number).encode())
            store.put("sms", f"{name}-{number}", b"m" * 200)
            if number > 3:
                store.delete("sms", f"{name}-{number - 3}")
            await store.commit()
            sys.stdout.write(f"{name} {number}\\n")
            sys.stdout.flush()

    await asyncio.gather(*(writer(f"w{i}") for i in range(8)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def killed_run(path: Path, first: int, lines: int) -> dict[str, int]:
    """Run the child, kill it after so many acknowledged commits; the last acknowledged number of each writer."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(first)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as child:
        assert child.stdout is not None
        read = [child.stdout.readline() for _ in range(lines + 1)]
        child.kill()
        read += child.stdout.readlines()
    assert read[0] == "ready\n"
    acknowledged: dict[str, int] = {}
    for line in read[1:]:
        if line.endswith("\n"):
            name, number = line.split()
            acknowledged[name] = int(number)
    return acknowledged


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    known: dict[str, int] = {}
    warnings: list[str] = []
    for turn in range(20):
        known |= killed_run(path, max(known.values(), default=0), 5 + 23 * turn % 150)
        store = SqliteStore.open(path, warnings.append)
        sqn, sms = store.load("sqn"), store.load("sms")
        store.close()
        for name, number in known.items():
            assert int(sqn[name]) >= number
            assert all(f"{name}-{n}" in sms for n in range(int(sqn[name]) - 2, int(sqn[name]) + 1) if n > 0)
            known[name] = int(sqn[name])
    assert not warnings

"""Damaged state files are set aside with an error, never overwritten in silence; newer ones are refused."""

import asyncio
import random
import re
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from lteims import trace
from lteims.errors import OperatorError
from lteims.store.sqlite import SqliteStore

VALUES = {f"00101{number:010}": bytes([number % 256]) * 60 for number in range(200)}


def filled(path: Path) -> bytes:
    """Make a good file with VALUES in it; its content."""

    async def fill() -> None:
        store = SqliteStore.open(path)
        for key, value in VALUES.items():
            store.put("binding", key, value)
        await store.commit()
        store.close()

    asyncio.run(fill())
    assert not Path(f"{path}-wal").exists()
    return path.read_bytes()


def opened(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """Open, load, write, close: what was there and what was warned of."""
    warnings: list[str] = []

    async def run() -> dict[str, bytes]:
        store = SqliteStore.open(path, warnings.append)
        values = store.load("binding")
        store.put("check", "a", b"1")
        await store.commit()
        store.close()
        return values

    return asyncio.run(run()), warnings


def kept(path: Path) -> list[Path]:
    return sorted(file for file in path.parent.glob(f"{path.name}.damaged-*") if not file.name.endswith("-shm"))


DAMAGE = {
    "text": lambda good: b"ue_db: [ { imsi: '001010123456789' } ]\n" * 500,
    "half": lambda good: good[: len(good) // 2],
    "one page": lambda good: good[:4096],
    "less than a header": lambda good: good[:50],
    "torn": lambda good: good[:5000],
    "zeros": lambda good: bytes(len(good)),
    "zeros in the middle": lambda good: good[:8192] + bytes(4096) + good[12288:],
    "header": lambda good: b"X" + good[1:],
    "value": lambda good: good.replace(bytes([7]) * 60, bytes([7]) * 59 + b"\6"),
    "application_id": lambda good: good[:68] + b"\0\0\0\1" + good[72:],
    "older version": lambda good: good[:60] + bytes(4) + good[64:],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged(tmp_path: Path, damage: str, logged: list[tuple[int, str]]) -> None:
    path = tmp_path / "ue.db"
    bad = DAMAGE[damage](filled(path))
    path.write_bytes(bad)
    values, warnings = opened(path)
    assert values == {}
    assert len(kept(path)) == 1
    assert re.fullmatch(r"ue\.db\.damaged-\d{8}-\d{6}", kept(path)[0].name)
    assert kept(path)[0].read_bytes() == bad
    assert [(trace.ERROR, text) for text in warnings] == logged
    assert str(path) in warnings[0]
    assert kept(path)[0].name in warnings[0]
    assert opened(path) == ({}, [])  # the new one is good


def test_two_damaged_files_in_one_second(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    for number in range(3):
        path.write_bytes(b"not a database %d" % number)
        opened(path)
    assert sorted(file.read_bytes() for file in kept(path)) == [b"not a database %d" % number for number in range(3)]


def test_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    good = filled(path)
    newer = good[:60] + (2).to_bytes(4, "big") + good[64:]
    path.write_bytes(newer)
    with pytest.raises(OperatorError, match="newer server"):
        SqliteStore.open(path)
    assert path.read_bytes() == newer
    assert not kept(path)


def test_another_programs_database_is_set_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE t (a)")
    foreign.execute("INSERT INTO t VALUES (7)")
    foreign.commit()
    foreign.close()
    _, warnings = opened(path)
    assert "another program" in warnings[0]
    assert sqlite3.connect(kept(path)[0]).execute("SELECT a FROM t").fetchone() == (7,)


def test_a_wal_without_its_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    filled(path)
    path.unlink()
    Path(f"{path}-wal").write_bytes(b"frames")
    _, warnings = opened(path)
    assert "write-ahead log" in warnings[0]
    assert [file.read_bytes() for file in kept(path)] == [b"frames"]


def test_an_empty_file_is_begun_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    path.touch()
    values, warnings = opened(path)
    assert values == {}
    assert "was empty" in warnings[0]


def test_a_new_file_needs_no_word(tmp_path: Path) -> None:
    assert opened(tmp_path / "ue.db") == ({}, [])


def test_killed_between_making_and_creating(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    half = sqlite3.connect(path, isolation_level=None)
    half.execute("PRAGMA journal_mode = WAL")
    half.close()
    assert path.stat().st_size > 0
    assert opened(path) == ({}, [])


def outcome(path: Path) -> str:
    """How a damaged file was met."""
    try:
        values, warnings = opened(path)
    except OperatorError as error:
        return "refused" if "newer server" in str(error) else str(error)
    if warnings:
        return "set aside" if len(kept(path)) == 1 and values == {} else "lost"
    return "whole" if values == VALUES else "changed"


def test_flipped_bits_never_change_a_value(tmp_path: Path) -> None:
    """Any bit of the file: the state is whole, or set aside, or (version) refused; nothing else is ever raised."""
    path = tmp_path / "ue.db"
    good = filled(path)
    chance = random.Random(5)
    outcomes = Counter[str]()
    for bit in [*chance.sample(range(800), 80), *chance.sample(range(800, len(good) * 8), 120)]:
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        outcomes[outcome(path)] += 1
        for file in tmp_path.glob("ue.db*"):
            file.unlink()
    assert set(outcomes) <= {"whole", "set aside", "refused"}, outcomes
    assert outcomes["set aside"] > 100


def test_cut_at_any_length(tmp_path: Path) -> None:
    path = tmp_path / "ue.db"
    good = filled(path)
    for length in [*range(1, 5), *range(99, len(good), 1009)]:
        path.write_bytes(good[:length])
        assert outcome(path) == "set aside", length
        for file in tmp_path.glob("ue.db*"):
            file.unlink()

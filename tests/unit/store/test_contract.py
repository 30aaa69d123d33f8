"""What every state store does, by one suite for all of them."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lteims.store.memory import MemoryStore
from lteims.store.sqlite import SqliteStore
from lteims.store.state import StateStore, StoreError


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    makers: dict[str, Callable[[], StateStore]] = {
        "memory": MemoryStore,
        "sqlite": lambda: SqliteStore.open(tmp_path / "ue.db"),
    }
    made = makers[request.param]()
    yield made
    made.close()


async def test_empty(store: StateStore) -> None:
    assert store.load("binding") == {}
    await store.commit()


async def test_put_is_seen_before_and_after_the_commit(store: StateStore) -> None:
    store.put("binding", "a", b"1")
    store.put("binding", "b", b"2")
    store.put("sqn", "a", b"3")
    assert store.load("binding") == {"a": b"1", "b": b"2"}
    await store.commit()
    assert store.load("binding") == {"a": b"1", "b": b"2"}
    assert store.load("sqn") == {"a": b"3"}


async def test_the_last_put_counts(store: StateStore) -> None:
    store.put("sqn", "a", b"1")
    store.put("sqn", "a", b"2")
    await store.commit()
    store.put("sqn", "a", b"3")
    assert store.load("sqn") == {"a": b"3"}
    await store.commit()
    assert store.load("sqn") == {"a": b"3"}


async def test_delete(store: StateStore) -> None:
    store.put("sms", "1", b"x")
    store.put("sms", "2", b"y")
    await store.commit()
    store.delete("sms", "1")
    store.delete("sms", "never there")
    assert store.load("sms") == {"2": b"y"}
    await store.commit()
    assert store.load("sms") == {"2": b"y"}
    store.delete("sms", "2")
    store.put("sms", "2", b"z")
    store.put("sms", "3", b"z")
    store.delete("sms", "3")
    await store.commit()
    assert store.load("sms") == {"2": b"z"}


async def test_what_load_gives_is_a_copy(store: StateStore) -> None:
    store.put("sqn", "a", b"1")
    store.load("sqn")["a"] = b"2"
    assert store.load("sqn") == {"a": b"1"}


@pytest.mark.parametrize("key", ["", "sip:é@ä", "a\0b", "🙂", "x" * 5000, "' OR 1=1 --"])
@pytest.mark.parametrize("value", [b"", b"\0", bytes(range(256)) * 400])
async def test_any_key_and_value(store: StateStore, key: str, value: bytes) -> None:
    store.put("kind", key, value)
    await store.commit()
    assert store.load("kind") == {key: value}


async def test_many_keys_in_one_commit(store: StateStore) -> None:
    for number in range(1000):
        store.put("binding", str(number), str(number).encode())
    await store.commit()
    for number in range(0, 1000, 2):
        store.delete("binding", str(number))
    store.put("binding", "1", b"new")
    await store.commit()
    expected = {str(number): str(number).encode() for number in range(1, 1000, 2)}
    assert store.load("binding") == {**expected, "1": b"new"}


async def test_commits_at_once(store: StateStore) -> None:
    async def one(number: int) -> None:
        store.put("sqn", str(number), b"x")
        await store.commit()
        assert store.load("sqn")[str(number)] == b"x"

    await asyncio.gather(*(one(number) for number in range(64)))
    assert len(store.load("sqn")) == 64


async def test_a_name_without_utf_8_is_refused(store: StateStore) -> None:
    for kind, key in (("k", "\udcff"), ("\ud800", "k")):
        with pytest.raises(StoreError):
            store.put(kind, key, b"")
        with pytest.raises(StoreError):
            store.delete(kind, key)
    store.put("k", "good", b"1")
    await store.commit()
    assert store.load("k") == {"good": b"1"}


async def test_closed(store: StateStore) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.put("k", "a", b"")
    with pytest.raises(StoreError, match="closed"):
        store.load("k")
    with pytest.raises(StoreError, match="closed"):
        await store.commit()

"""Stored short messages: found by user, by time, and again after a restart."""

import tracemalloc
from math import inf
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ims.sms_store import KIND, SmsStore, StoredSms
from lteims.store.memory import MemoryStore


def message(store: SmsStore, impi: str = "1", expires_at: float = 1000.0, **more: object) -> StoredSms:
    made = StoredSms(
        id=store.new_id(), impi=impi, impu_key="", tpdu=b"\0", received_at=0, expires_at=expires_at, sender="+49",
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    store.add(made)
    return made


@pytest.fixture
def disk() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(disk: MemoryStore) -> SmsStore:
    made = SmsStore(disk)
    assert made.restore() == []
    return made


def test_what_waits_for_a_user(store: SmsStore) -> None:
    one, two, other = message(store, "1"), message(store, "1"), message(store, "2")
    assert store.of("1") == [one, two]
    assert (store.count("1"), store.count("2"), store.count("3"), len(store)) == (2, 1, 0, 3)
    assert store.get(other.id) is other
    assert store.remove(one.id) is one
    assert store.remove(one.id) is None
    assert store.get(one.id) is None
    assert (store.of("1"), store.of("3")) == ([two], [])


def test_it_is_the_same_after_a_restart(store: SmsStore, disk: MemoryStore) -> None:
    whole = message(store, "1", 1234.5, sos=True, once=True, origin="2", tp_srr=True, tp_mr=200, tp_da=b"\4\x91\x94\3")
    gone = message(store, "1")
    store.remove(gone.id)
    again = SmsStore(disk)
    assert again.restore() == [whole]
    assert again.of("1") == [whole]


def test_they_come_in_the_order_in_which_they_were_taken(store: SmsStore, disk: MemoryStore) -> None:
    made = [message(store, str(n % 3)) for n in range(300)]
    kept = disk.load(KIND)
    for key in kept:
        disk.delete(KIND, key)
    for key in sorted(kept, key=lambda key: key[::-1]):  # the file's order says nothing
        disk.put(KIND, key, kept[key])
    assert SmsStore(disk).restore() == made


def test_a_number_is_never_given_twice(disk: MemoryStore) -> None:
    given_out: set[str] = set()
    for _ in range(5):
        store = SmsStore(disk)
        store.restore()
        for _ in range(1500):
            id = store.new_id()
            assert id not in given_out
            given_out.add(id)


def test_a_reference_is_an_octet_of_the_number(store: SmsStore) -> None:
    assert [message(store).rp_mr for _ in range(300)] == [n & 0xFF for n in range(1, 301)]


def test_what_cannot_be_read_is_left(store: SmsStore, disk: MemoryStore) -> None:
    kept = message(store)
    disk.put(KIND, "zz", b"\xc1")
    assert SmsStore(disk).restore() == [kept]
    assert "zz" in disk.load(KIND)


def test_each_is_named_once_when_its_time_is_over(store: SmsStore) -> None:
    late, soon, never = message(store, expires_at=20.0), message(store, expires_at=10.0), message(store, expires_at=1e9)
    assert store.expired(9.9, 10) == []
    assert store.expired(10.0, 10) == [soon]
    assert store.expired(15.0, 10) == []
    store.look_again(soon, 21.0)
    assert store.expired(21.0, 1) == [late]
    assert store.expired(21.0, 1) == [soon]
    store.remove(never.id)
    assert store.expired(2e9, 10) == []


def test_a_message_in_its_new_form_is_named_once(store: SmsStore) -> None:
    one = message(store, expires_at=10.0)
    one.tp_srr = True
    store.add(one)
    assert store.expired(10.0, 10) == [one]
    assert store.count("1") == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100), st.booleans()), max_size=80), st.floats(0, 120))
def test_expired_is_what_a_search_would_find(course: list[tuple[int, float, bool]], now: float) -> None:
    store = SmsStore(MemoryStore())
    store.restore()
    for impi, expires_at, gone in course:
        made = message(store, str(impi), expires_at)
        if gone:
            store.remove(made.id)
    wanted = {m.id for impi in range(4) for m in store.of(str(impi)) if m.expires_at <= now}
    assert {m.id for m in store.expired(now, 1000)} == wanted


def test_what_was_delivered_leaves_nothing_behind(store: SmsStore) -> None:
    """A message is valid for a day and delivered in a second: its entry in the heap does not stay for the day."""
    for n in range(20_000):
        store.remove(message(store, str(n % 7), expires_at=86400.0 + n).id)
    assert len(store) == 0
    assert len(store._ends) <= 1001
    assert not store._by_impi


def test_a_hundred_thousand_that_wait() -> None:
    store = SmsStore(MemoryStore())
    store.restore()
    for n in range(100_000):
        message(store, str(n % 1000), expires_at=100.0 + n)
    tracemalloc.start()
    start = process_time()
    for now in range(100):
        store.expired(float(now), 500)
    took = process_time() - start
    tracemalloc.stop()
    assert took < 0.05  # nothing is searched: a hundred looks take less than one walk over all
    assert len(store.expired(1e9, 500)) == 500


def test_no_message_is_kept_longer_than_the_limit(store: SmsStore) -> None:
    brief, long, endless = message(store, expires_at=50), message(store, expires_at=500), message(store, expires_at=inf)
    store.limit(100)
    assert [store.ends_at(each) for each in (brief, long, endless)] == [50, 100, 100]
    assert store.expired(99, 10) == [brief]
    store.limit(200)
    assert store.expired(199, 10) == [brief]  # which nobody has removed
    assert store.expired(200, 10) == [long, endless]
    store.limit(inf)
    later = message(store, expires_at=inf)
    assert later not in store.expired(1e12, 10)


def test_listeners_hear_when_the_count_of_a_user_changes(store: SmsStore) -> None:
    heard: list[tuple[str, int]] = []
    store.listeners.append(lambda impi: heard.append((impi, store.count(impi))))
    one = message(store, "1")
    message(store, "2")
    one.tp_srr = True
    store.add(one)
    store.remove(one.id)
    store.remove(one.id)
    assert heard == [("1", 1), ("2", 1), ("1", 0)]


def test_a_message_without_an_end_is_the_same_after_a_restart(store: SmsStore, disk: MemoryStore) -> None:
    whole = message(store, expires_at=inf)
    assert SmsStore(disk).restore() == [whole]

"""log_get: which entries, when."""

import json
from typing import Any

import pytest

from lteims.oam.api_log import OLDEST, LogEntries, LogQuery
from lteims.oam.api_schema import LogGet
from lteims.oam.log_ring import LogRing
from lteims.trace import DEBUG, ERROR, INFO


@pytest.fixture
def ring() -> LogRing:
    return LogRing()


def fill(ring: LogRing, count: int = 1, layer: str = "SIP", level: int = INFO, start: int = 1000) -> None:
    for number in range(count):
        ring.append(start + number, layer, level, "FROM", "00a1", f"entry {number}\n        more")


def shown(fields: dict[str, Any] | None) -> list[dict[str, Any]]:
    assert fields is not None
    found: list[dict[str, Any]] = json.loads(bytes(fields["logs"]))
    return found


def query(ring: LogRing, idx: int = 0, **params: Any) -> LogQuery:
    return LogQuery(LogGet(**params), LogEntries(ring, "lab"), idx, 0.0)


def test_an_entry_has_the_manual_s_members(ring: LogRing) -> None:
    fill(ring, layer="IMS")
    (entry,) = shown(query(ring).poll(0))
    assert entry == {
        "src": "lab", "idx": 0, "data": ["entry 0", "more"], "timestamp": 1000, "layer": "IMS", "level": "info",
        "dir": "FROM", "ue_id": 0xA1, "id": "00a1",
    }  # fmt: skip


def test_only_layer_ims_has_ids_of_contacts(ring: LogRing) -> None:
    """Those of SIP and MEDIA are dialogs', and another contact may have the same number (manual 8)."""
    for layer in ("SIP", "MEDIA", "IMS"):
        fill(ring, 1, layer)
    assert [entry["layer"] for entry in shown(query(ring, ue_id=0xA1).poll(0))] == ["IMS"]


def test_short(ring: LogRing) -> None:
    fill(ring)
    assert shown(query(ring, short=True).poll(0))[0]["data"] == ["entry 0"]


def test_waits_for_min(ring: LogRing) -> None:
    asked = query(ring, min=3, timeout=1)
    fill(ring, 2)
    assert asked.poll(0.1) is None
    fill(ring, 1)
    assert len(shown(asked.poll(0.2))) == 3


def test_timeout_counts_from_the_last_entry(ring: LogRing) -> None:
    asked = query(ring, min=10, timeout=1)
    assert asked.poll(5) is None
    fill(ring)
    assert asked.poll(5.5) is None
    assert asked.poll(6.4) is None
    assert len(shown(asked.poll(6.5))) == 1


def test_allow_empty(ring: LogRing) -> None:
    asked = query(ring, allow_empty=True, timeout=2)
    assert asked.poll(1.9) is None
    assert shown(asked.poll(2)) == []


def test_max_and_going_on(ring: LogRing) -> None:
    fill(ring, 10)
    asked = query(ring, max=4)
    assert [e["idx"] for e in shown(asked.poll(0))] == [0, 1, 2, 3]
    assert [e["idx"] for e in shown(query(ring, asked.idx).poll(0))] == list(range(4, 10))


def test_max_below_min(ring: LogRing) -> None:
    fill(ring, 3)
    assert len(shown(query(ring, min=10, max=2).poll(0))) == 2


def test_layers(ring: LogRing) -> None:
    fill(ring, 1, "SIP", DEBUG)
    fill(ring, 1, "IMS", ERROR)
    fill(ring, 1, "IMS", DEBUG)
    found = shown(query(ring, layers={"ims": "error"}).poll(0))
    assert [(e["layer"], e["level"]) for e in found] == [("IMS", "error")]
    with pytest.raises(ValueError, match="level"):
        query(ring, layers={"ims": "loud"})


def test_timestamps_and_ids(ring: LogRing) -> None:
    fill(ring, 5, "IMS")
    found = shown(query(ring, start_timestamp=1001, end_timestamp=1003, ue_id=0xA1).poll(0))
    assert [e["timestamp"] for e in found] == [1001, 1002, 1003]
    assert query(ring, ue_id=1).poll(0) is None
    assert query(ring, rnti=1).poll(0) is None


def test_discontinuity() -> None:
    ring = LogRing(max_entries=4)
    fill(ring, 10)
    found = query(ring).poll(0)
    assert found is not None
    assert found["discontinuity"] == 6
    assert "discontinuity" not in query(ring, 6).flush()


def test_only_overflow_is_discontinuity() -> None:
    ring = LogRing(max_entries=3)
    fill(ring, 10)
    first = query(ring, OLDEST).poll(0)
    assert first is not None
    assert [entry["idx"] for entry in shown(first)] == [7, 8, 9]
    assert "discontinuity" not in first
    ring.clear()
    fill(ring, 2)
    again = query(ring, 5).poll(0)
    assert again is not None
    assert (len(shown(again)), again.get("discontinuity")) == (2, None)
    fill(ring, 2)
    last = query(ring, 5).poll(0)
    assert last is not None
    assert last["discontinuity"] == 1


def test_an_earlier_one_is_flushed(ring: LogRing) -> None:
    asked = query(ring, min=5)
    fill(ring, 2)
    assert asked.poll(0.1) is None
    assert len(shown(asked.flush())) == 2


def test_after_a_reset_numbers_go_on(ring: LogRing) -> None:
    fill(ring, 3)
    asked = query(ring)
    asked.poll(0)
    ring.clear()
    fill(ring, 1)
    assert [e["idx"] for e in shown(query(ring, asked.idx).poll(0))] == [3]


def test_entries_are_encoded_once_for_all(ring: LogRing) -> None:
    fill(ring, 300)
    entries = LogEntries(ring, "lab")
    first, *_ = entries.read(0, 300)
    second, *_ = entries.read(0, 300)
    assert all(a is b for a, b in zip(first, second, strict=True))


def test_those_who_choose_alike_share_an_answer(ring: LogRing) -> None:
    fill(ring, 20)
    fill(ring, 20, "IMS")
    entries = LogEntries(ring, "lab")

    def asked(**params: Any) -> Any:
        found = LogQuery(LogGet(**params), entries, 0, 0.0).poll(0)
        assert found is not None
        return found["logs"]

    assert asked() is asked()
    assert asked(layers={"SIP": "debug"}) is asked(layers={"sip": "debug"})
    assert bytes(asked(short=True)) != bytes(asked())
    assert len(json.loads(bytes(asked(layers={"SIP": "debug"})))) == 20
    assert len(json.loads(bytes(asked(max=7)))) == 7


def test_a_smaller_ring(ring: LogRing) -> None:
    fill(ring, 10)
    ring.resize(2)
    fill(ring, 1)
    assert (len(ring), ring.max_entries) == (2, 2)


def test_one_answer_has_a_most_whatever_is_asked(ring: LogRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lteims.oam.api_log._MOST", 5)
    asked = query(ring, min=10**9, max=10**9, timeout=86400)
    fill(ring, 4)
    assert asked.poll(0) is None
    fill(ring, 4)
    assert [entry["idx"] for entry in shown(asked.poll(0))] == [0, 1, 2, 3, 4]
    assert asked.idx == 5


def test_long_entries_do_not_wait_for_more_than_an_answer_holds(
    ring: LogRing, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("lteims.oam.api_log._MOST_OCTETS", 1000)
    for layers in (None, {"SIP": "debug"}):
        asked = query(ring, ring.next_idx, min=1000, timeout=86400, layers=layers)
        fill(ring, 4)
        assert asked.poll(0) is None
        fill(ring, 40)
        assert len(shown(asked.poll(0))) >= 8

"""The record of a dialog: its states, events and medias, and how long it is kept (manual 6.6, dialog_get)."""

import pytest

from lteims.ims.anchor import MediaView
from lteims.ims.record import KEPT, MAX_EVENTS, DialogRecord, DialogRecords, DialogState, DialogType, MediaState
from lteims.net.timers import TimerWheel
from lteims.sip.message import Request, Response

from .registry import FakeTime

VIEW = MediaView("audio", "sendrecv", "192.0.2.1:4000", 1, 2, "192.0.2.1:4001", 3, 4)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def records(time: FakeTime) -> DialogRecords:
    return DialogRecords(TimerWheel(time.call_at, time.clock, tick=0.001))


def new(time: FakeTime, id: str = "1a2b") -> DialogRecord:
    return DialogRecord(id, DialogType.SERVER, "tel:2", "tel:1", time.clock, 1_800_000_000)


def invite() -> Request:
    headers = {"via": "SIP/2.0/UDP a;branch=z9hG4bK1", "from": "<sip:a@b>;tag=1", "to": "<sip:c@b>", "call-id": "x"}
    return Request("INVITE", "sip:c@b", {n: [v] for n, v in headers.items()} | {"cseq": ["1 INVITE"]})


def test_the_states_in_turn(time: FakeTime) -> None:
    record = new(time)
    walk = [DialogState.RINGING, DialogState.RINGING, DialogState.START, DialogState.HOLD, DialogState.START]
    for state in (*walk, DialogState.STOP, DialogState.START, DialogState.RINGING):
        time.advance(1.5)
        record.to_state(state)
    assert record.state is DialogState.STOP
    assert [(e.timestamp, str(e.state)) for e in record.events] == [
        (1.5, "ringing"), (4.5, "start"), (6.0, "hold"), (7.5, "start"), (9.0, "stop"),
    ]  # fmt: skip
    assert record.duration == 4.5  # since it was answered first


def test_messages(time: FakeTime) -> None:
    record = new(time)
    record.message("recv", invite())
    time.advance(0.25)
    record.message("send", Response.to_request(invite(), 180, "", "t"))
    assert [(e.type, e.timestamp, e.message) for e in record.events] == [
        ("recv", 0.0, "INVITE"), ("send", 0.25, "180 INVITE"),
    ]  # fmt: skip


def test_the_duration_grows_until_the_end(time: FakeTime) -> None:
    record = new(time)
    time.advance(5.0)
    assert record.duration == 0.0
    record.to_state(DialogState.START)
    time.advance(3.0)
    assert record.duration == 3.0
    record.to_state(DialogState.STOP)
    time.advance(3.0)
    assert record.duration == 3.0


def test_a_dialog_that_was_never_answered(time: FakeTime) -> None:
    record = new(time)
    record.to_state(DialogState.STOP)
    time.advance(3.0)
    assert record.duration == 0.0


def test_medias_stay_as_they_were_at_the_end(time: FakeTime) -> None:
    record = new(time)
    assert record.medias == []
    found = [MediaState(VIEW, "disabled")]
    record.medias_of = lambda: list(found)
    record.to_state(DialogState.STOP)
    found.clear()
    assert [state.media.rtp_send_count for state in record.medias] == [2]


def test_events_are_bounded_and_states_go_on(time: FakeTime) -> None:
    record = new(time)
    for _ in range(2 * MAX_EVENTS):
        record.message("recv", invite())
    record.to_state(DialogState.START)
    assert len(record.events) == MAX_EVENTS
    assert record.state is DialogState.START


def test_a_record_is_kept_for_a_while(time: FakeTime, records: DialogRecords) -> None:
    record = new(time)
    records.add(record)
    time.advance(1000.0)
    assert records.get("1a2b") is record
    records.end(record)
    time.advance(KEPT - 1)
    records.end(record)  # once is enough
    assert len(records) == 1
    time.advance(1.1)
    assert (len(records), records.get("1a2b")) == (0, None)


def test_ids_are_unique(time: FakeTime, records: DialogRecords) -> None:
    first, second = new(time), new(time)
    records.add(first)
    records.add(second)
    assert [record.id for record in records] == ["1a2b", "1a2b-2"]
    records.end(first)
    time.advance(KEPT + 1)
    third = new(time)
    records.add(third)
    assert [record.id for record in records] == ["1a2b-2", "1a2b"]
    time.advance(KEPT + 1)
    assert len(records) == 2


def test_too_many_that_ended(time: FakeTime, records: DialogRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lteims.ims.record.MAX_ENDED", 2)
    for n in range(5):
        record = new(time, str(n))
        records.add(record)
        if n != 1:
            records.end(record)
    assert [record.id for record in records] == ["1", "3", "4"]
    again = new(time, "0")  # the timer of the first "0" is not its own
    records.add(again)
    time.advance(KEPT + 1)
    assert [record.id for record in records] == ["1", "0"]


def test_a_timer_of_one_that_was_forgotten_early(
    time: FakeTime, records: DialogRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not take away the next record of that id."""
    monkeypatch.setattr("lteims.ims.record.MAX_ENDED", 1)
    for id in ("a", "b"):
        record = new(time, id)
        records.add(record)
        records.end(record)
    time.advance(20.0)
    again = new(time, "a")
    records.add(again)
    records.end(again)
    time.advance(15.0)
    assert records.get("a") is again

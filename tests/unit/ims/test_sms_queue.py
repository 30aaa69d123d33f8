"""The queue of short messages: every event in every state, and what holds whatever happens."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ims.sms_queue import (
    REPORT_TIME,
    SEND_TIME,
    Absent,
    Action,
    Added,
    Arrived,
    Attempt,
    ClearTimer,
    Done,
    Event,
    Failed,
    Full,
    Incomplete,
    MemoryAvailable,
    Reachable,
    Removed,
    S,
    SetRetryTimer,
    SetTimer,
    SmsQueue,
    TimerFired,
)  # fmt: skip

TRY_A: list[Action] = [SetTimer(SEND_TIME), Attempt("a")]
TRY_B: list[Action] = [SetTimer(SEND_TIME), Attempt("b")]
AGAIN: list[Action] = [SetRetryTimer()]
END: list[Action] = [ClearTimer()]
NOTHING: list[Action] = []
TO: dict[S, list[Event]] = {
    S.IDLE: [],
    S.SENDING: [Added("a")],
    S.REPORT: [Added("a"), Arrived()],
    S.PARTS: [Added("a"), Incomplete(30.0)],
    S.PAUSED: [Added("a"), Failed()],
    S.FULL: [Added("a"), Full()],
}


def queue_in(state: S, *more: str) -> SmsQueue:
    """A queue in a state, with message a and more behind it."""
    queue = SmsQueue("1@test")
    for event in TO[state]:
        queue.handle(event)
    queue.waiting += more
    assert queue.state is state
    return queue


# every state (columns) x every event (rows), with the message `a` alone in the queue
TABLE: list[tuple[Event, dict[S, tuple[S, list[Action]]]]] = [
    (
        Added("b"),
        {
            S.IDLE: (S.SENDING, TRY_B), S.SENDING: (S.SENDING, NOTHING), S.REPORT: (S.REPORT, NOTHING),
            S.PARTS: (S.SENDING, TRY_A), S.PAUSED: (S.PAUSED, NOTHING), S.FULL: (S.FULL, NOTHING),
        },
    ),
    (
        Removed("a"),
        {
            S.IDLE: (S.IDLE, NOTHING), S.SENDING: (S.SENDING, NOTHING), S.REPORT: (S.REPORT, NOTHING),
            S.PARTS: (S.IDLE, END), S.PAUSED: (S.IDLE, END), S.FULL: (S.IDLE, END),
        },
    ),
    (Removed("x"), {state: (state, NOTHING) for state in S}),
    (
        Done("a"),
        {S.IDLE: (S.IDLE, NOTHING), **{state: (S.IDLE, END) for state in S if state is not S.IDLE}},
    ),
    (Done("x"), {state: (state, NOTHING) for state in S}),
    (Done(""), {state: (state, NOTHING) for state in S}),
    (Reachable(), {S.PAUSED: (S.SENDING, TRY_A)}),
    (MemoryAvailable(), {S.PAUSED: (S.SENDING, TRY_A), S.FULL: (S.SENDING, TRY_A)}),
    (Arrived(), {S.SENDING: (S.REPORT, [SetTimer(REPORT_TIME)])}),
    (Incomplete(12.5), {S.SENDING: (S.PARTS, [SetTimer(12.5)])}),
    (Absent(), {S.SENDING: (S.PAUSED, END)}),
    (Full(), {S.SENDING: (S.FULL, AGAIN), S.REPORT: (S.FULL, AGAIN), S.PAUSED: (S.FULL, AGAIN)}),
    (Failed(), {S.SENDING: (S.PAUSED, AGAIN), S.REPORT: (S.PAUSED, AGAIN)}),
    (
        TimerFired(),
        {
            S.SENDING: (S.PAUSED, AGAIN), S.REPORT: (S.PAUSED, AGAIN), S.PARTS: (S.SENDING, TRY_A),
            S.PAUSED: (S.SENDING, TRY_A), S.FULL: (S.SENDING, TRY_A),
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize(("event", "arrows"), TABLE, ids=[repr(event) for event, _ in TABLE])
def test_every_event_in_every_state(state: S, event: Event, arrows: dict[S, tuple[S, list[Action]]]) -> None:
    queue = queue_in(state)
    to, actions = arrows.get(state, (state, NOTHING))
    assert queue.handle(event) == actions
    assert queue.state is to


@pytest.mark.parametrize("state", [state for state in S if state is not S.IDLE])
def test_the_next_one_follows_at_once(state: S) -> None:
    queue = queue_in(state, "b")
    assert queue.handle(Done("a")) == TRY_B
    assert (queue.state, queue.waiting, queue.first) == (S.SENDING, ["b"], "b")


def test_the_next_one_waits_where_one_is_taken_away() -> None:
    for state, actions in ((S.PAUSED, NOTHING), (S.FULL, NOTHING), (S.PARTS, TRY_B)):
        queue = queue_in(state, "b")
        assert queue.handle(Removed("a")) == actions
        assert queue.waiting == ["b"]


def test_one_behind_the_first_is_taken_away() -> None:
    for state in (S.SENDING, S.REPORT, S.PAUSED, S.FULL, S.PARTS):
        queue = queue_in(state, "b", "c")
        assert queue.handle(Removed("b")) == NOTHING
        assert (queue.state, queue.waiting) == (state, ["a", "c"])


ids = st.sampled_from("abcdef")
events: st.SearchStrategy[Event] = st.one_of(
    ids.map(Added), ids.map(Removed), ids.map(Done),
    *(st.just(make()) for make in (Reachable, MemoryAvailable, Arrived, Full, Failed, Absent, TimerFired)),
    st.just(Incomplete(5.0)),
)  # fmt: skip


@given(st.lists(events, max_size=60))
def test_whatever_happens(course: list[Event]) -> None:
    """In order, one at a time, none forgotten, a timer wherever one is needed and no other."""
    queue, timer, expected, added = SmsQueue("1@test"), False, [], 0
    for event in course:
        if isinstance(event, Added):
            if event.id in queue.waiting:
                continue
            added += 1
            expected.append(event.id)
        before = list(queue.waiting)
        for action in queue.handle(event):
            match action:
                case Attempt(id):
                    assert id == queue.first
                    assert queue.state is S.SENDING
                case SetTimer(delay):
                    assert delay > 0
                    timer = True
                case SetRetryTimer():
                    timer = True
                case ClearTimer():
                    timer = False
        if isinstance(event, TimerFired) and queue.waiting == before and queue.state in (S.SENDING, S.PAUSED):
            assert timer
        gone = [id for id in before if id not in queue.waiting]
        assert len(gone) <= 1
        if gone:
            assert isinstance(event, Done | Removed)
            expected.remove(gone[0])
        assert queue.waiting == expected
        assert (queue.state is S.IDLE) == (not queue.waiting)
        if queue.state in (S.SENDING, S.REPORT, S.PARTS, S.FULL):
            assert timer
        if queue.state is S.IDLE:
            assert not timer


def drive(queue: SmsQueue, answer: Callable[[str], Event]) -> list[str]:
    """Carry out attempts until nothing is to be done; what was sent."""
    sent = []
    actions = queue.handle(Added("a"))
    while attempts := [action for action in actions if isinstance(action, Attempt)]:
        sent.append(attempts[0].id)
        actions = queue.handle(answer(attempts[0].id))
    return sent


@given(st.lists(st.text(min_size=1, max_size=3), unique=True, min_size=1, max_size=30).filter(lambda x: "a" not in x))
def test_all_are_sent_in_their_order(more: list[str]) -> None:
    queue = SmsQueue("1@test")
    queue.handle(Added("a"))
    for id in more:
        queue.handle(Added(id))
    sent, actions = [], queue.handle(Failed()) and queue.handle(TimerFired())
    while actions and isinstance(actions[-1], Attempt):
        sent.append(actions[-1].id)
        assert queue.handle(Arrived()) == [SetTimer(REPORT_TIME)]
        actions = queue.handle(Done(actions[-1].id))
    assert sent == ["a", *more]
    assert queue.state is S.IDLE
    assert drive(queue, Done) == ["a"]

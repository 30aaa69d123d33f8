"""Every state of a call with several branches x every event: decided, and nothing is owed afterwards; ims/call.py.

The states are found by walking: two contacts at once, a third one behind them, and one more phone behind the first.
"""

from collections import deque
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ims.call import (
    MO,
    MT,
    AckCallee,
    Acked,
    Action,
    Answered,
    B,
    Begin,
    Bye,
    Call,
    CancelCallee,
    Cancelled,
    EarlyOver,
    End,
    Event,
    Forked,
    GivenUp,
    HungUp,
    Invite,
    NextGroup,
    Progress,
    Refused,
    Respond,
    S,
    Stop,
)

GROUPS = ((0, 1), (2,))
FORK = 3  # behind 0
BRANCHES = (0, 1, 2, FORK)
OF_A_BRANCH: list[Event] = [
    event
    for n in BRANCHES
    for event in (
        Progress(180, "", branch=n),
        Progress(183, "", b"sdp", branch=n, reliable=True),
        Answered(b"sdp", branch=n),
        Refused(486, branch=n),
        Refused(408, branch=n),
        Refused(603, branch=n),
        GivenUp(n, 504, "no PRACK"),
        HungUp(MT, branch=n),
    )
]
EVENTS: list[Event] = [
    Begin(), Forked(FORK, 0), NextGroup(), Cancelled(), Acked(), HungUp(MO), Stop("op"), *OF_A_BRANCH,
]  # fmt: skip


def key(call: Call) -> tuple[object, ...]:
    """What tells two states apart."""
    branches = tuple(sorted(call.branches.items()))
    return call.state, branches, len(call._turns), call.winner, call._acked, call._best and call._best.code


def can_be(call: Call, event: Event) -> bool:
    """A phone is heard of for the first time once, and behind one that was invited."""
    fresh = call.branches.get(FORK) is None and call.branches[0] is not B.WAITING
    return fresh or not isinstance(event, Forked)


def walk() -> dict[tuple[object, ...], Call]:
    """One call in each reachable state."""
    first = Call("1", GROUPS)
    found = {key(first): first}
    queue = deque([first])
    while queue:
        call = queue.popleft()
        for event in EVENTS:
            if not can_be(call, event):
                continue
            after = deepcopy(call)
            after.handle(event)
            if key(after) not in found:
                found[key(after)] = after
                queue.append(after)
    return found


STATES = walk()


def check(before: Call, event: Event, actions: list[Action], after: Call) -> None:
    """What every arrow keeps."""
    assert before.state is S.STOP or not isinstance(event, Forked) or event.branch in after.branches
    ends = sum(isinstance(a, End) for a in actions)
    assert ends == (before.state is not S.STOP and after.state is S.STOP), "End comes with the step to STOP"
    assert not ends or isinstance(actions[-1], End)
    assert before.state is not S.STOP or not actions
    if after.state in (S.START, S.CANCELLING, S.STOP):
        assert B.OPEN not in after.branches.values(), "nobody rings any more"
    assert (after.state is not S.CANCELLING) or B.CANCELLING in after.branches.values(), "somebody is waited for"
    for n, state in after.branches.items():
        was = before.branches.get(n, B.WAITING)
        told = [type(a) for a in actions if not isinstance(a, Respond | End) and getattr(a, "branch", None) == n]
        if state is not was:
            check_branch(n, was, state, event, told)
        else:
            assert CancelCallee not in told


def check_branch(n: int, was: B, state: B, event: Event, told: list[type]) -> None:
    """One branch has moved."""
    match was, state:
        case B.WAITING, B.OPEN:
            assert told == [Invite] or isinstance(event, Forked)
        case B.WAITING, B.CANCELLING:  # heard of for the first time
            assert isinstance(event, Forked)
        case B.OPEN, B.CANCELLING:
            assert [kind for kind in told if kind is not EarlyOver] == [CancelCallee]
        case B.OPEN, B.OVER:
            assert event.branch == n  # type: ignore[union-attr]
            assert isinstance(event, Answered | Refused)
        case B.CANCELLING, B.OVER:
            assert told == ([AckCallee, Bye] if isinstance(event, Answered) else [])
        case _:
            pytest.fail(f"{was} -> {state}")


def test_there_are_states_of_every_kind() -> None:
    assert {call.state for call in STATES.values()} == set(S)
    assert len(STATES) > 500


@pytest.mark.parametrize("event", EVENTS, ids=[str(e)[:60] for e in EVENTS])
def test_every_state_decides_the_event(event: Event) -> None:
    for call in STATES.values():
        if not can_be(call, event):
            continue
        after = deepcopy(call)
        check(call, event, after.handle(event), after)


def test_every_state_can_be_ended() -> None:
    """The server stops, and whoever was cancelled gives its last word or none."""
    for call in STATES.values():
        if call.state is S.STOP:
            continue
        answers: list[Event] = [Refused(487, branch=n) for n in BRANCHES]
        silence: list[Event] = [Stop("no answer to CANCEL")]
        for last in (answers, silence):
            after = deepcopy(call)
            actions = [action for event in (Stop("over"), *last) for action in after.handle(event)]
            assert after.state is S.STOP
            assert sum(isinstance(a, End) for a in actions) == 1


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_a_call_answers_once_and_owes_nobody(events: list[Event]) -> None:
    call = Call("1", GROUPS)
    last: list[Event] = [Stop("over"), *(Refused(487, branch=n) for n in BRANCHES), Stop("over")]
    actions: list[Action] = []
    answered: list[int] = []  # branches whose 2xx came while the call still listened to them
    for event in (Begin(), *events, *last):
        before = call.branches.get(getattr(event, "branch", -1))
        if isinstance(event, Answered) and call.state is not S.STOP and before in (B.OPEN, B.CANCELLING):
            answered.append(event.branch)
        actions += call.handle(event) if can_be(call, event) else []
    assert call.state is S.STOP
    assert sum(isinstance(a, End) for a in actions) == 1
    finals = [a.code for a in actions if isinstance(a, Respond) and a.code >= 200]
    assert len(finals) == 1 or finals == [200, 487], "a 2xx that waits for a PRACK may be replaced"
    acked = [a.branch for a in actions if isinstance(a, AckCallee)]
    assert sorted(acked) == sorted(answered)
    byes = [(a.side, a.branch) for a in actions if isinstance(a, Bye)]
    assert len(byes) == len(set(byes))
    cancelled = [a.branch for a in actions if isinstance(a, CancelCallee)]
    assert len(cancelled) == len(set(cancelled))
    invited = [a.branch for a in actions if isinstance(a, Invite)]
    assert len(invited) == len(set(invited))
    for n in invited:  # answered and acknowledged, cancelled, or it has refused by itself
        refused = any(isinstance(e, Refused) and e.branch == n for e in (*events, *last))
        assert n in acked or n in cancelled or refused

"""The machine of a call, one test for each arrow and race (RFC 3261 9, 13 to 15); ims/call.py."""

from dataclasses import replace

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
    Begin,
    Bye,
    Call,
    CancelCallee,
    Cancelled,
    End,
    Event,
    GivenUp,
    HungUp,
    Progress,
    Refused,
    Respond,
    S,
    Stop,
)

RING = Progress(180, "Ringing")


def play(*events: Event) -> tuple[list[Action], Call]:
    """A fresh call that hears these events; the actions of the last one."""
    call = Call("1")
    actions: list[Action] = []
    call.handle(Begin())
    for event in events:
        actions = call.handle(event)
    return actions, call


@pytest.mark.parametrize(
    ("events", "actions", "state"),
    [
        # ringing
        ([RING], [Respond(180, "Ringing")], S.RINGING),
        ([RING, RING], [Respond(180, "Ringing")], S.RINGING),
        ([Progress(183, "x", b"sdp", {"a": "b"})], [Respond(183, "x", b"sdp", {"a": "b"})], S.RINGING),
        # answered
        ([Answered(b"sdp")], [Respond(200, "", b"sdp")], S.START),
        ([RING, Answered(b"sdp")], [Respond(200, "", b"sdp")], S.START),
        ([Answered(), Acked(b"answer")], [AckCallee(b"answer")], S.START),
        ([Answered(), Acked(), Acked()], [], S.START),
        ([Answered(), Answered()], [], S.START),
        ([Answered(), RING], [], S.START),
        # refused
        ([Refused(486, "Busy", {"a": "b"})], [Respond(486, "Busy", b"", {"a": "b"}), End("refused with 486")], S.STOP),
        ([RING, Refused(408)], [Respond(408), End("refused with 408")], S.STOP),
        ([Refused(488, why="no codec")], [Respond(488), End("refused with 488: no codec")], S.STOP),
        # given up by the caller
        ([Cancelled("r")], [Respond(487), CancelCallee("r")], S.CANCELLING),
        ([RING, Cancelled()], [Respond(487), CancelCallee()], S.CANCELLING),
        ([RING, HungUp(MO, "r")], [Respond(487), CancelCallee("r")], S.CANCELLING),
        ([RING, Cancelled(), Refused(487)], [End("cancelled")], S.STOP),
        ([RING, Cancelled(), Answered()], [AckCallee(), Bye(MT), End("cancelled")], S.STOP),
        ([RING, Cancelled(), Stop("no answer to CANCEL")], [End("cancelled")], S.STOP),
        ([RING, Cancelled(), Cancelled()], [], S.CANCELLING),
        ([RING, Cancelled(), RING], [], S.CANCELLING),
        ([RING, Cancelled(), HungUp(MT)], [], S.CANCELLING),
        # our 2xx has not left yet, it waits for a PRACK
        ([Answered(), Cancelled("r")], [Respond(487), AckCallee(), Bye(MT, "r"), End("cancelled")], S.STOP),
        # given up by the callee or the server
        ([RING, HungUp(MT)], [Respond(480), CancelCallee()], S.CANCELLING),
        ([RING, GivenUp(0, 504, "no PRACK")], [Respond(504), CancelCallee()], S.CANCELLING),
        ([Answered(), GivenUp(0, 504, "no PRACK")], [], S.START),
        ([RING, Stop("rang", 408)], [Respond(408), CancelCallee()], S.CANCELLING),
        ([Stop("fault", 500)], [Respond(500), CancelCallee()], S.CANCELLING),
        # hung up
        ([Answered(), Acked(), HungUp(MO, "r")], [Bye(MT, "r"), End("the caller hung up")], S.STOP),
        ([Answered(), Acked(), HungUp(MT)], [Bye(MO), End("the callee hung up")], S.STOP),
        ([Answered(), HungUp(MO)], [AckCallee(), Bye(MT), End("the caller hung up")], S.STOP),
        ([Answered(), HungUp(MT)], [AckCallee(), Bye(MO), End("the callee hung up")], S.STOP),
        ([Answered(), Acked(), HungUp(MO), HungUp(MT)], [], S.STOP),
        ([Answered(), Acked(), Stop("op")], [Bye(MO), Bye(MT), End("op")], S.STOP),
        ([Answered(), Stop("no ACK")], [AckCallee(), Bye(MO), Bye(MT), End("no ACK")], S.STOP),
        ([Answered(), Acked(), Stop("op"), Stop("op")], [], S.STOP),
    ],
)
def test_arrow(events: list[Event], actions: list[Action], state: S) -> None:
    found, call = play(*events)
    assert found == actions
    assert call.state is state


EVENTS = st.sampled_from(
    [RING, Answered(), Refused(486), Cancelled(), Acked(), HungUp(MO), HungUp(MT), Stop("op"), replace(RING, code=183)]
)


@given(st.lists(EVENTS, max_size=12))
def test_whatever_comes_the_call_ends_once_and_owes_nothing(events: list[Event]) -> None:
    call = Call("1")
    last = (Stop("over"), Stop("over"), Refused(487))
    actions = [action for event in (Begin(), *events, *last) for action in call.handle(event)]
    assert call.state is S.STOP
    assert sum(isinstance(a, End) for a in actions) == 1
    assert isinstance(actions[-1], End)
    finals = [a for a in actions if isinstance(a, Respond) and a.code >= 200]
    # the caller gets one final answer; a 2xx that waits for a PRACK may be replaced
    assert [a.code for a in finals][1:] in ([], [487])
    assert sum(isinstance(a, AckCallee) for a in actions) == (Answered() in events and _heard(events))
    byes = [a.side for a in actions if isinstance(a, Bye)]
    assert len(byes) == len(set(byes))


def _heard(events: list[Event]) -> bool:
    """Did the callee's 2xx come while the call still listened to it?"""
    call = Call("1")
    call.handle(Begin())
    for event in events:
        if isinstance(event, Answered) and call.state is not S.STOP:
            return True
        call.handle(event)
    return False

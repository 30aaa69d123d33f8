"""Hold and resume by the operator as ladders (dialog_set of the remote API; RFC 3264 8.4): one phone of a call is held.

a is the caller, b the callee. `sends` and `receives` of a stream are the server's, towards the phone of that leg.
"""

import pytest

from lteims.errors import OperatorError
from lteims.ims.call_control import ACTIONS
from lteims.media.sdp import Sdp
from tests.flows.phones import BYE, CALL, Lab
from tests.flows.test_hold_ladders import BY_CALLEE, BY_REINVITE, OPEN, direction, gates, states

ASKED = """
                INVITE sdp --> b
                200 sdp <-- b
                ACK --> b
"""
REFUSED = """
                INVITE sdp --> b
                488 <-- b
                ACK --> b
"""
ASKED_CALLER = """
    a <-- INVITE sdp
    a --> 200 sdp
    a <-- ACK
"""
A_HEARS = [(False, True), (True, False)]  # b is held: nothing of it reaches a, what a says still goes to b
ECHO = """
    a --> INVITE sdp
    a <-- 100
    a <-- 180
    a <-- 200 sdp
    a --> ACK
"""


def ids(lab: Lab) -> list[str]:
    """The session_ids of the caller's dialog and the callee's."""
    return [info.session_id for info in lab.control.dialogs()]


def test_hold_and_resume_of_the_callee(lab: Lab) -> None:
    lab.play(CALL)
    _, mt = ids(lab)
    version = Sdp.parse(lab.b.last("INVITE").body).origin
    lab.control.dialog_set(mt, "hold")
    lab.b.direction = "recvonly"
    lab.play(ASKED)
    assert direction(lab.b, "INVITE") == "sendonly"
    held = Sdp.parse(lab.b.last("INVITE").body).origin
    assert version is not None
    assert held is not None
    assert held.version == version.version + 1
    assert (gates(lab), states(lab)) == (A_HEARS, ["hold", "hold"])
    lab.control.dialog_set(mt, "unhold")
    lab.b.direction = ""
    lab.play(ASKED)
    assert direction(lab.b, "INVITE") == "sendrecv"
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.play(BYE)


def test_hold_and_resume_of_the_caller(lab: Lab) -> None:
    lab.play(CALL)
    mo, _ = ids(lab)
    lab.control.dialog_set(mo, "hold")
    lab.a.direction = "recvonly"
    lab.play(ASKED_CALLER)
    assert (gates(lab), states(lab)) == (A_HEARS[::-1], ["hold", "hold"])
    lab.control.dialog_set(mo, "unhold")
    lab.a.direction = ""
    lab.play(ASKED_CALLER)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.play(BYE)


def test_a_phone_that_answers_both_ways_is_held_all_the_same(lab: Lab) -> None:
    lab.play(CALL)
    lab.control.dialog_set(ids(lab)[1], "hold")
    lab.play(ASKED)
    assert (gates(lab), states(lab)) == (A_HEARS, ["hold", "hold"])
    lab.play(BYE)


def test_both_are_held(lab: Lab) -> None:
    lab.play(CALL)
    mo, mt = ids(lab)
    lab.a.direction = lab.b.direction = "recvonly"
    lab.control.dialog_set(mt, "hold")
    lab.play(ASKED)
    lab.control.dialog_set(mo, "hold")
    lab.play(ASKED_CALLER)
    assert (gates(lab), states(lab)) == ([(False, False), (False, False)], ["hold", "hold"])
    lab.play(BYE)


@pytest.mark.parametrize("way", [BY_REINVITE, BY_CALLEE], ids=["caller", "callee"])
def test_offers_of_the_phones_do_not_end_it(lab: Lab, way: str) -> None:
    lab.play(CALL)
    mt = ids(lab)[1]
    lab.control.dialog_set(mt, "hold")
    lab.b.direction = "recvonly"
    lab.play(ASKED)
    lab.b.direction = "" if way is BY_CALLEE else "recvonly"
    lab.play(way)
    assert direction(lab.b, "INVITE" if way is BY_REINVITE else "200 sdp") == "sendonly"
    assert (gates(lab), states(lab)) == (A_HEARS, ["hold", "hold"])
    lab.b.direction = ""
    lab.control.dialog_set(mt, "unhold")
    lab.play(ASKED)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.play(BYE)


def test_a_phone_that_refuses_to_be_held(lab: Lab) -> None:
    lab.play(CALL)
    mt = ids(lab)[1]
    lab.control.dialog_set(mt, "hold")
    lab.play(REFUSED)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.play(BY_REINVITE)
    assert direction(lab.b, "INVITE") == "sendrecv"
    with pytest.raises(OperatorError, match="is not held by the server"):
        lab.control.dialog_set(mt, "unhold")
    lab.play(BYE)


def test_a_phone_that_refuses_to_go_on_stays_held(lab: Lab) -> None:
    lab.play(CALL)
    mt = ids(lab)[1]
    lab.control.dialog_set(mt, "hold")
    lab.play(ASKED)
    lab.control.dialog_set(mt, "unhold")
    lab.play(REFUSED)
    assert (gates(lab), states(lab)) == (A_HEARS, ["hold", "hold"])
    with pytest.raises(OperatorError, match="is already held"):
        lab.control.dialog_set(mt, "hold")
    lab.play(BYE)


def test_an_echo_call_is_held(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play(ECHO)
    (session_id,) = ids(lab)
    lab.control.dialog_set(session_id, "hold")
    lab.a.direction = "recvonly"
    lab.play(ASKED_CALLER)
    assert (direction(lab.a, "INVITE"), states(lab)) == ("sendonly", ["hold"])
    assert gates(lab) == [(True, False)]
    lab.control.dialog_set(session_id, "stop")
    assert states(lab) == ["stop"]
    lab.play("""
    a <-- BYE
    a --> 200 BYE
    """)


def test_what_cannot_be(lab: Lab) -> None:
    lab.play("""
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                180 <-- b
    a <-- 180
    """)
    mo, mt = ids(lab)
    for session_id in (mo, mt):
        for action in ("hold", "unhold"):
            with pytest.raises(OperatorError, match="has not been answered"):
                lab.control.dialog_set(session_id, action)
    with pytest.raises(OperatorError, match="waits for no answer"):
        lab.control.dialog_set(mo, "answer")
    with pytest.raises(OperatorError, match="'nonsense' is none of answer, stop, hold, unhold"):
        lab.control.dialog_set(mo, "nonsense")
    lab.play("""
                200 sdp <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
    """)
    lab.control.dialog_set(mt, "hold")
    with pytest.raises(OperatorError, match="is already held"):
        lab.control.dialog_set(mt, "hold")
    with pytest.raises(OperatorError, match="is busy"):
        lab.control.dialog_set(mt, "unhold")
    lab.play(ASKED)
    lab.play(BYE)
    for action in ACTIONS:
        with pytest.raises(OperatorError, match="is over"):
            lab.control.dialog_set(mo, action)

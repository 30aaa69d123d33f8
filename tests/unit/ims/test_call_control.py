"""What the operator may ask of calls, where there is no call: who is found, and every refusal (manual 6.6, 7).

What becomes of a call is in tests/flows/test_mt_call_ladders.py.
"""

import pytest

from lteims.errors import OperatorError
from tests.flows.phones import CALL, DOMAIN, Lab, user


@pytest.fixture
def lab() -> Lab:
    found = Lab(users=(user("1"), user("2"), user("3", "3", "tel:+49303")))
    found.a.target = "tel:+49302"
    return found


def test_whom_one_can_call(lab: Lab) -> None:
    assert lab.control.callees() == [
        f"1@{DOMAIN}", f"sip:1@{DOMAIN}", "tel:+49301", "sip:1@192.0.2.11:5060",
        f"2@{DOMAIN}", f"sip:2@{DOMAIN}", "tel:+49302", "sip:2@192.0.2.12:5060",
    ]  # fmt: skip


def test_every_one_of_them_is_found(lab: Lab) -> None:
    for callee in lab.control.callees():
        lab.control.call(callee)
    assert len(lab.control.dialogs()) == 8


def test_no_dialogs(lab: Lab) -> None:
    assert lab.control.dialogs() == lab.control.dialogs("x") == []


@pytest.mark.parametrize("verb", ["dialog_stop", "dialog_answer", "reinvite"])
def test_a_dialog_that_is_not_there(lab: Lab, verb: str) -> None:
    with pytest.raises(OperatorError, match="there is no dialog 'x'"):
        getattr(lab.control, verb)("x")


@pytest.mark.parametrize("verb", ["dialog_stop", "dialog_answer", "reinvite"])
def test_a_dialog_that_is_over(lab: Lab, verb: str) -> None:
    lab.play(CALL)
    mo, mt = lab.control.dialogs()
    lab.control.dialog_stop(mo.session_id)
    with pytest.raises(OperatorError, match=f"dialog {mt.session_id} is over"):
        getattr(lab.control, verb)(mt.session_id)


def test_an_answer_to_a_call_between_phones(lab: Lab) -> None:
    lab.play(CALL)
    for info in lab.control.dialogs():
        with pytest.raises(OperatorError, match="waits for no answer"):
            lab.control.dialog_answer(info.session_id)


def test_one_dialog_of_many(lab: Lab) -> None:
    lab.play(CALL)
    mo, mt = lab.control.dialogs()
    assert lab.control.dialogs(mt.session_id) == [mt]
    assert set(mo.medias[0]) == {
        "type", "qos", "dir", "rtp_addr", "rtp_recv_count", "rtp_send_count", "rtcp_addr", "rtcp_rcv_count",
        "rtcp_send_count",
    }  # fmt: skip


@pytest.mark.parametrize("callee", ["", " ", "sip:", "<sip:2>", "x" * 5000, "\x00", "tel:", "urn:service:sos"])
def test_whom_nobody_knows(lab: Lab, callee: str) -> None:
    with pytest.raises(OperatorError):
        lab.control.call(callee)

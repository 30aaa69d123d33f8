"""Every arrow of figures 5 and 6 of RFC 3261, the former as RFC 6026 redraws it: one row is one arrow."""

from typing import NamedTuple

import pytest

from lteims.sip.transaction import (
    ABANDONED,
    FIRED,
    RETRANSMITTED,
    TERMINATED,
    TIMED_OUT,
    TRANSPORT_ERROR,
    TRANSPORT_FAILED,
    Action,
    Answered,
    Deliver,
    Event,
    Send,
    SendAck,
    SetTimer,
    State,
    Timings,
)
from lteims.sip.uac_transaction import InviteClient, NonInviteClient

T = Timings()
UDP, TCP = False, True
REQUEST = Send(b"request")
B, D, F, K, M = SetTimer("B", 32.0), SetTimer("D", 32.0), SetTimer("F", 32.0), SetTimer("K", 5.0), SetTimer("M", 32.0)


def answer(code: int) -> Answered:
    return Answered(code, code)


class Arrow(NamedTuple):
    """What went before, the event of the arrow, what it must do, and where it must lead."""

    name: str
    before: list[Event]
    event: Event
    actions: list[Action]
    state: State
    reliable: bool = UDP


def walk(machine: InviteClient | NonInviteClient, arrow: Arrow) -> None:
    machine.start(0.0)
    for event in arrow.before:
        machine.handle(event, 0.0)
    assert machine.handle(arrow.event, 0.0) == arrow.actions
    assert machine.state is arrow.state


RINGING, OK, BUSY = answer(180), answer(200), answer(486)
REFUSED: list[Action] = [SendAck(486), Deliver(486)]

FIGURE_5 = [
    Arrow("17.1.1.2 Calling: timer A", [], FIRED["A"], [REQUEST, SetTimer("A", 1.0)], State.CALLING),
    Arrow("17.1.1.2 Calling: timer B", [], FIRED["B"], [TIMED_OUT, TERMINATED], State.TERMINATED),
    Arrow("17.1.4 Calling: transport error", [], TRANSPORT_ERROR, [TRANSPORT_FAILED, TERMINATED], State.TERMINATED),
    Arrow("17.1.1.2 Calling: 1xx leads to Proceeding", [], RINGING, [Deliver(180)], State.PROCEEDING),
    Arrow("6026 7.2 Calling: 2xx leads to Accepted", [], OK, [Deliver(200), M], State.ACCEPTED),
    Arrow("6026 7.2 Calling: 2xx over TCP sets M as well", [], OK, [Deliver(200), M], State.ACCEPTED, TCP),
    Arrow("17.1.1.2 Calling: 300-699 leads to Completed", [], BUSY, [*REFUSED, D], State.COMPLETED),
    Arrow(
        "17.1.1.2 Calling: 300-699 over TCP ends it, D is 0", [], BUSY, [*REFUSED, TERMINATED], State.TERMINATED, TCP
    ),
    Arrow("9.1 Calling: the TU gives up after CANCEL", [], ABANDONED, [TERMINATED], State.TERMINATED),
    Arrow("17.1.1.2 Proceeding: 1xx", [RINGING], answer(183), [Deliver(183)], State.PROCEEDING),
    Arrow("17.1.1.2 Proceeding: late A is ignored", [RINGING], FIRED["A"], [], State.PROCEEDING),
    Arrow("17.1.1.2 Proceeding: late B is ignored", [RINGING], FIRED["B"], [], State.PROCEEDING),
    Arrow("17.1.1.2 Proceeding: transport error has no arrow", [RINGING], TRANSPORT_ERROR, [], State.PROCEEDING),
    Arrow("6026 7.2 Proceeding: 2xx leads to Accepted", [RINGING], OK, [Deliver(200), M], State.ACCEPTED),
    Arrow("17.1.1.2 Proceeding: 300-699 leads to Completed", [RINGING], BUSY, [*REFUSED, D], State.COMPLETED),
    Arrow("9.1 Proceeding: the TU gives up after CANCEL", [RINGING], ABANDONED, [TERMINATED], State.TERMINATED),
    Arrow("17.1.1.2 Completed: 300-699 again is ACKed only", [BUSY], BUSY, [SendAck(486)], State.COMPLETED),
    Arrow("17.1.1.2 Completed: late 1xx", [BUSY], RINGING, [], State.COMPLETED),
    Arrow("17.1.1.2 Completed: 2xx has no arrow", [BUSY], OK, [], State.COMPLETED),
    Arrow(
        "17.1.4 Completed: transport error", [BUSY], TRANSPORT_ERROR, [TRANSPORT_FAILED, TERMINATED], State.TERMINATED
    ),
    Arrow("17.1.1.2 Completed: timer D", [BUSY], FIRED["D"], [TERMINATED], State.TERMINATED),
    Arrow("6026 7.2 Accepted: 2xx goes to the TU", [OK], answer(202), [Deliver(202)], State.ACCEPTED),
    Arrow("6026 7.2 Accepted: 300-699 has no arrow", [OK], BUSY, [], State.ACCEPTED),
    Arrow("6026 7.2 Accepted: late 1xx", [OK], RINGING, [], State.ACCEPTED),
    Arrow("6026 7.2 Accepted: late B is ignored", [OK], FIRED["B"], [], State.ACCEPTED),
    Arrow("6026 7.2 Accepted: timer M", [OK], FIRED["M"], [TERMINATED], State.TERMINATED),
    Arrow("17.1.1.2 Terminated: a response", [OK, FIRED["M"]], OK, [], State.TERMINATED),
    Arrow("17.1.1.2 Terminated: timer A", [FIRED["B"]], FIRED["A"], [], State.TERMINATED),
    Arrow("an event of a server", [], RETRANSMITTED, [], State.CALLING),
    Arrow("no status code", [], answer(99), [], State.CALLING),
]

FIGURE_6 = [
    Arrow("17.1.2.2 Trying: timer E", [], FIRED["E"], [REQUEST, SetTimer("E", 1.0)], State.TRYING),
    Arrow("17.1.2.2 Trying: timer F", [], FIRED["F"], [TIMED_OUT, TERMINATED], State.TERMINATED),
    Arrow("17.1.4 Trying: transport error", [], TRANSPORT_ERROR, [TRANSPORT_FAILED, TERMINATED], State.TERMINATED),
    Arrow("17.1.2.2 Trying: 1xx leads to Proceeding", [], answer(100), [Deliver(100)], State.PROCEEDING),
    Arrow("17.1.2.2 Trying: 200-699 leads to Completed", [], OK, [Deliver(200), K], State.COMPLETED),
    Arrow(
        "17.1.2.2 Trying: 200-699 over TCP ends it, K is 0", [], BUSY, [Deliver(486), TERMINATED], State.TERMINATED, TCP
    ),
    Arrow(
        "17.1.2.2 Proceeding: timer E resets to T2",
        [answer(100)],
        FIRED["E"],
        [REQUEST, SetTimer("E", 4.0)],
        State.PROCEEDING,
    ),
    Arrow("17.1.2.2 Proceeding: timer F", [answer(100)], FIRED["F"], [TIMED_OUT, TERMINATED], State.TERMINATED),
    Arrow(
        "17.1.4 Proceeding: transport error",
        [answer(100)],
        TRANSPORT_ERROR,
        [TRANSPORT_FAILED, TERMINATED],
        State.TERMINATED,
    ),
    Arrow("17.1.2.2 Proceeding: 1xx", [answer(100)], answer(183), [Deliver(183)], State.PROCEEDING),
    Arrow("17.1.2.2 Proceeding: 200-699", [answer(100)], BUSY, [Deliver(486), K], State.COMPLETED),
    Arrow("17.1.2.2 Completed: the response again is absorbed", [OK], OK, [], State.COMPLETED),
    Arrow("17.1.2.2 Completed: late E is ignored", [OK], FIRED["E"], [], State.COMPLETED),
    Arrow("17.1.2.2 Completed: late F is ignored", [OK], FIRED["F"], [], State.COMPLETED),
    Arrow("17.1.2.2 Completed: timer K", [OK], FIRED["K"], [TERMINATED], State.TERMINATED),
    Arrow("17.1.2.2 Terminated: a response", [FIRED["F"]], OK, [], State.TERMINATED),
    Arrow("Abandoned is for INVITE only", [], ABANDONED, [], State.TRYING),
]


@pytest.mark.parametrize("arrow", FIGURE_5, ids=lambda arrow: arrow.name)
def test_figure_5(arrow: Arrow) -> None:
    walk(InviteClient(T, arrow.reliable, b"request"), arrow)


@pytest.mark.parametrize("arrow", FIGURE_6, ids=lambda arrow: arrow.name)
def test_figure_6(arrow: Arrow) -> None:
    walk(NonInviteClient(T, arrow.reliable, b"request"), arrow)


def test_start_of_an_invite_client() -> None:
    """17.1.1.2: A over an unreliable transport only, B over any."""
    assert InviteClient(T, UDP, b"request").start(0.0) == [REQUEST, SetTimer("A", 0.5), B]
    assert InviteClient(T, TCP, b"request").start(0.0) == [REQUEST, B]


def test_start_of_a_non_invite_client() -> None:
    """17.1.2.2: E over an unreliable transport only, F over any."""
    assert NonInviteClient(T, UDP, b"request").start(0.0) == [REQUEST, SetTimer("E", 0.5), F]
    assert NonInviteClient(T, TCP, b"request").start(0.0) == [REQUEST, F]


def delays(machine: InviteClient | NonInviteClient, name: str, times: int) -> list[float]:
    actions = machine.start(0.0)
    for _ in range(times):
        actions = [*actions, *machine.handle(FIRED[name], 0.0)]
    return [action.delay for action in actions if isinstance(action, SetTimer) and action.name == name]


def test_timer_a_doubles_without_a_cap() -> None:
    """17.1.1.2: the INVITE goes out at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, then B ends it."""
    assert delays(InviteClient(T, UDP, b"request"), "A", 6) == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


def test_timer_e_doubles_up_to_t2() -> None:
    """17.1.2.2: E grows as MIN(2*E, T2) in Trying."""
    assert delays(NonInviteClient(T, UDP, b"request"), "E", 5) == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_timer_values_follow_t1_t2_t4() -> None:
    """RFC 3261 table 4 and RFC 6026: what each timer starts with when T1, T2 and T4 are not the defaults."""
    slow = Timings(t1=1.0, t2=8.0, t4=10.0)
    assert {slow.b.delay, slow.f.delay, slow.h.delay, slow.j.delay, slow.l.delay, slow.m.delay} == {64.0}
    assert (slow.a.delay, slow.e.delay, slow.g.delay) == (1.0, 1.0, 1.0)
    assert (slow.i.delay, slow.k.delay) == (10.0, 10.0)
    assert slow.d.delay == 64.0


def test_timer_d_is_at_least_32_seconds() -> None:
    """17.1.1.2: the peer's timer H is not known, so a short T1 of ours does not shorten D."""
    assert Timings(t1=0.1).d.delay == 32.0


def test_timers_are_named_by_their_letter() -> None:
    assert all(getattr(T, name.lower()).name == name for name in FIRED)

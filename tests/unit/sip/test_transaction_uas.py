"""Every arrow of figures 7 and 8 of RFC 3261, the former as RFC 6026 redraws it: one row is one arrow."""

from typing import NamedTuple

import pytest

from lteims.sip.transaction import (
    FIRED,
    RETRANSMITTED,
    TERMINATED,
    TIMED_OUT,
    TRANSPORT_ERROR,
    TRANSPORT_FAILED,
    Acked,
    Action,
    Answered,
    Deliver,
    Event,
    Respond,
    Send,
    SetTimer,
    State,
    Timings,
)
from lteims.sip.uas_transaction import InviteServer, NonInviteServer

T = Timings()
UDP, TCP = False, True
ACK = Acked("ack")
L, H, I, J = (SetTimer(name, delay) for name, delay in (("L", 32.0), ("H", 32.0), ("I", 5.0), ("J", 32.0)))  # noqa: E741


def respond(code: int) -> Respond:
    return Respond(code, b"%d" % code)


def send(code: int) -> Send:
    return Send(b"%d" % code)


class Arrow(NamedTuple):
    """What went before, the event of the arrow, what it must do, and where it must lead."""

    name: str
    before: list[Event]
    event: Event
    actions: list[Action]
    state: State
    reliable: bool = UDP


def walk(machine: InviteServer | NonInviteServer, arrow: Arrow) -> None:
    for event in arrow.before:
        machine.handle(event, 0.0)
    assert machine.handle(arrow.event, 0.0) == arrow.actions
    assert machine.state is arrow.state


BUSY, OK = respond(486), respond(200)

FIGURE_7 = [
    Arrow("17.2.1 Proceeding: 1xx from TU is sent", [], respond(180), [send(180)], State.PROCEEDING),
    Arrow("17.2.1 Proceeding: 100 from TU is sent", [], respond(100), [send(100)], State.PROCEEDING),
    Arrow(
        "17.2.1 Proceeding: INVITE again gets the latest 1xx",
        [respond(100), respond(180)],
        RETRANSMITTED,
        [send(180)],
        State.PROCEEDING,
    ),
    Arrow("17.2.1 Proceeding: INVITE again before any response", [], RETRANSMITTED, [], State.PROCEEDING),
    Arrow("6026 7.1 Proceeding: 2xx from TU leads to Accepted", [], OK, [send(200), L], State.ACCEPTED),
    Arrow("6026 7.1 Proceeding: 2xx over TCP sets L as well", [], OK, [send(200), L], State.ACCEPTED, TCP),
    Arrow(
        "17.2.1 Proceeding: 300-699 leads to Completed with G and H",
        [],
        BUSY,
        [send(486), SetTimer("G", 0.5), H],
        State.COMPLETED,
    ),
    Arrow("17.2.1 Proceeding: 300-699 over TCP sets no G", [], BUSY, [send(486), H], State.COMPLETED, TCP),
    Arrow("6026 8.8 Proceeding: transport error", [], TRANSPORT_ERROR, [TRANSPORT_FAILED], State.PROCEEDING),
    Arrow("17.2.1 Completed: INVITE again gets the final", [BUSY], RETRANSMITTED, [send(486)], State.COMPLETED),
    Arrow("17.2.1 Completed: timer G", [BUSY], FIRED["G"], [send(486), SetTimer("G", 1.0)], State.COMPLETED),
    Arrow("17.2.1 Completed: timer H", [BUSY], FIRED["H"], [TIMED_OUT, TERMINATED], State.TERMINATED),
    Arrow("17.2.1 Completed: ACK leads to Confirmed", [BUSY], ACK, [I], State.CONFIRMED),
    Arrow("17.2.1 Completed: ACK over TCP ends it, I is 0", [BUSY], ACK, [TERMINATED], State.TERMINATED, TCP),
    Arrow("6026 8.8 Completed: transport error", [BUSY], TRANSPORT_ERROR, [TRANSPORT_FAILED], State.COMPLETED),
    Arrow("17.2.1 Completed: another final from TU", [BUSY], respond(503), [], State.COMPLETED),
    Arrow("17.2.1 Confirmed: ACK is absorbed", [BUSY, ACK], ACK, [], State.CONFIRMED),
    Arrow("17.2.1 Confirmed: INVITE is absorbed", [BUSY, ACK], RETRANSMITTED, [], State.CONFIRMED),
    Arrow("17.2.1 Confirmed: late G is ignored", [BUSY, ACK], FIRED["G"], [], State.CONFIRMED),
    Arrow("17.2.1 Confirmed: late H is ignored", [BUSY, ACK], FIRED["H"], [], State.CONFIRMED),
    Arrow("17.2.1 Confirmed: timer I", [BUSY, ACK], FIRED["I"], [TERMINATED], State.TERMINATED),
    Arrow("6026 7.1 Accepted: INVITE is absorbed", [OK], RETRANSMITTED, [], State.ACCEPTED),
    Arrow("6026 7.1 Accepted: ACK goes to the TU", [OK], ACK, [Deliver("ack")], State.ACCEPTED),
    Arrow("6026 7.1 Accepted: 2xx from TU is sent", [OK], respond(202), [send(202)], State.ACCEPTED),
    Arrow("6026 7.1 Accepted: 300-699 from TU", [OK], BUSY, [], State.ACCEPTED),
    Arrow("6026 7.1 Accepted: transport error", [OK], TRANSPORT_ERROR, [TRANSPORT_FAILED], State.ACCEPTED),
    Arrow("6026 7.1 Accepted: timer L", [OK], FIRED["L"], [TERMINATED], State.TERMINATED),
    Arrow("17.2.1 Terminated: timer L again", [OK, FIRED["L"]], FIRED["L"], [], State.TERMINATED),
    Arrow("17.2.1 Terminated: transport error", [OK, FIRED["L"]], TRANSPORT_ERROR, [], State.TERMINATED),
    Arrow("an event of a client", [], Answered(200, "x"), [], State.PROCEEDING),
    Arrow("no status code", [], Respond(700, b""), [], State.PROCEEDING),
]

FIGURE_8 = [
    Arrow("17.2.2 Trying: request again is discarded", [], RETRANSMITTED, [], State.TRYING),
    Arrow("17.2.2 Trying: 1xx from TU leads to Proceeding", [], respond(100), [send(100)], State.PROCEEDING),
    Arrow("17.2.2 Trying: 200-699 leads to Completed", [], OK, [send(200), J], State.COMPLETED),
    Arrow("17.2.2 Trying: 200-699 over TCP ends it, J is 0", [], OK, [send(200), TERMINATED], State.TERMINATED, TCP),
    Arrow("17.2.2 Proceeding: 1xx from TU is sent", [respond(100)], respond(183), [send(183)], State.PROCEEDING),
    Arrow(
        "17.2.2 Proceeding: request again gets the latest 1xx",
        [respond(100), respond(183)],
        RETRANSMITTED,
        [send(183)],
        State.PROCEEDING,
    ),
    Arrow("17.2.2 Proceeding: 200-699 from TU", [respond(100)], BUSY, [send(486), J], State.COMPLETED),
    Arrow(
        "17.2.2 Proceeding: 200-699 over TCP",
        [respond(100)],
        BUSY,
        [send(486), TERMINATED],
        State.TERMINATED,
        TCP,
    ),
    Arrow(
        "17.2.4 Proceeding: transport error",
        [respond(100)],
        TRANSPORT_ERROR,
        [TRANSPORT_FAILED, TERMINATED],
        State.TERMINATED,
    ),
    Arrow("17.2.2 Completed: request again gets the final", [OK], RETRANSMITTED, [send(200)], State.COMPLETED),
    Arrow("17.2.2 Completed: another final from TU", [OK], BUSY, [], State.COMPLETED),
    Arrow("17.2.4 Completed: transport error", [OK], TRANSPORT_ERROR, [TRANSPORT_FAILED, TERMINATED], State.TERMINATED),
    Arrow("17.2.2 Completed: timer J", [OK], FIRED["J"], [TERMINATED], State.TERMINATED),
    Arrow("17.2.2 Terminated: timer J again", [OK, FIRED["J"]], FIRED["J"], [], State.TERMINATED),
    Arrow("an ACK has no arrow", [OK], ACK, [], State.COMPLETED),
]


@pytest.mark.parametrize("arrow", FIGURE_7, ids=lambda arrow: arrow.name)
def test_figure_7(arrow: Arrow) -> None:
    walk(InviteServer(T, arrow.reliable), arrow)


@pytest.mark.parametrize("arrow", FIGURE_8, ids=lambda arrow: arrow.name)
def test_figure_8(arrow: Arrow) -> None:
    walk(NonInviteServer(T, arrow.reliable), arrow)


def test_timer_g_doubles_up_to_t2() -> None:
    """17.2.1: G starts at T1 and grows as MIN(2*G, T2)."""
    machine = InviteServer(T, UDP)
    delays = [action.delay for action in machine.handle(BUSY, 0.0) if action != H and isinstance(action, SetTimer)]
    for _ in range(5):
        delays += [action.delay for action in machine.handle(FIRED["G"], 0.0) if isinstance(action, SetTimer)]
    assert delays == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


def test_retransmission_is_the_same_object() -> None:
    machine = NonInviteServer(T, UDP)
    first = machine.handle(OK, 0.0)[0]
    assert machine.handle(RETRANSMITTED, 0.0)[0] is first

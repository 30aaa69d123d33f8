"""Every arrow of the SMC entity, both sides (TS 24.011 5, 9.2, annex B): one row is one arrow."""

from typing import NamedTuple

import pytest

from lteims.sms.cause import CpCause
from lteims.sms.cp import CpAck, CpData, CpError
from lteims.sms.errors import SmsError
from lteims.sms.primitive import (
    TERMINATED,
    MmsmsBadInd,
    MmsmsDataInd,
    MmsmsDataReq,
    MmsmsErrorInd,
    MmsmsEstCnf,
    MmsmsEstReq,
    MmsmsRelReq,
    MnsmsAbortReq,
    MnsmsDataInd,
    MnsmsDataReq,
    MnsmsErrorInd,
    MnsmsEstInd,
    MnsmsEstReq,
    MnsmsRelReq,
    SetTimer,
    TimerFired,
)
from lteims.sms.smc import Action, Event, Smc, State, Timings
from lteims.sms.ti import Ti

OURS = Ti(3)  # this side began
BACK = CpCause.PROTOCOL_ERROR_UNSPECIFIED


def sent(rpdu: bytes) -> MmsmsDataReq:
    return MmsmsDataReq(CpData(OURS, rpdu).encode())


def came(rpdu: bytes) -> MmsmsDataInd:
    return MmsmsDataInd(CpData(OURS.answer, rpdu))


def refusal(cause: CpCause) -> MmsmsDataReq:
    return MmsmsDataReq(CpError(OURS, cause).encode())


def fired(serial: int) -> TimerFired:
    return TimerFired("TC1*", serial)


def tc1(serial: int) -> SetTimer:
    return SetTimer("TC1*", 10.0, serial)


CP_ACK = MmsmsDataInd(CpAck(OURS.answer))
OUR_ACK = MmsmsDataReq(CpAck(OURS).encode())
CP_ERROR = MmsmsDataInd(CpError(OURS.answer, BACK))
BAD = MmsmsBadInd(SmsError("bad", ti=OURS.answer))
SILENT_BAD = MmsmsBadInd(SmsError("too short"))
EST: list[Event] = [MnsmsEstReq(b"one")]
WAITING: list[Event] = [*EST, MmsmsEstCnf()]
ESTABLISHED: list[Event] = [*WAITING, CP_ACK]
MO: list[Event] = [came(b"mo")]
MO_ANSWERED: list[Event] = [*MO, MnsmsDataReq(b"ack")]
RELEASED: list[Action] = [MmsmsRelReq(), TERMINATED]


class Arrow(NamedTuple):
    """What went before, the event of the arrow, what it must do, and where it must lead."""

    name: str
    before: list[Event]
    event: Event
    actions: list[Action]
    state: State


ARROWS = [
    Arrow("Idle: MNSMS-EST-REQ asks for a connection", [], EST[0], [MmsmsEstReq()], State.MM_CONNECTION_PENDING),
    Arrow(
        "Idle: CP-DATA is acknowledged and passed on",
        [],
        came(b"mo"),
        [OUR_ACK, MnsmsEstInd(b"mo")],
        State.MM_CONNECTION_ESTABLISHED,
    ),
    Arrow("Idle: CP-ACK for nothing", [], CP_ACK, [], State.IDLE),
    Arrow("Idle: CP-ERROR for nothing", [], CP_ERROR, [], State.IDLE),
    Arrow("Idle: the connection is lost", [], MmsmsErrorInd(), [], State.IDLE),
    Arrow(
        "Idle: a message that is wrong",
        [],
        BAD,
        [refusal(CpCause.INVALID_MANDATORY_INFORMATION), *RELEASED],
        State.ENDED,
    ),
    Arrow("Pending: the connection is there", EST, MmsmsEstCnf(), [sent(b"one"), tc1(1)], State.WAIT_FOR_CP_ACK),
    Arrow(
        "Pending: the phone cannot be reached",
        EST,
        MmsmsErrorInd(),
        [MnsmsErrorInd(CpCause.NETWORK_FAILURE), TERMINATED],
        State.ENDED,
    ),
    Arrow("Pending: released", EST, MnsmsRelReq(), RELEASED, State.ENDED),
    Arrow("Pending: aborted", EST, MnsmsAbortReq(BACK), [refusal(BACK), *RELEASED], State.ENDED),
    Arrow(
        "Pending: CP-DATA does not fit",
        EST,
        came(b"x"),
        [
            refusal(CpCause.MESSAGE_NOT_COMPATIBLE_WITH_STATE),
            MnsmsErrorInd(CpCause.MESSAGE_NOT_COMPATIBLE_WITH_STATE),
            *RELEASED,
        ],
        State.ENDED,
    ),
    Arrow("Pending: CP-ACK does not fit and is harmless", EST, CP_ACK, [], State.MM_CONNECTION_PENDING),
    Arrow("Wait for CP-ACK: CP-ACK", WAITING, CP_ACK, [], State.MM_CONNECTION_ESTABLISHED),
    Arrow("Wait for CP-ACK: TC1*", WAITING, fired(1), [sent(b"one"), tc1(2)], State.WAIT_FOR_CP_ACK),
    Arrow("Wait for CP-ACK: TC1* twice", [*WAITING, fired(1)], fired(2), [sent(b"one"), tc1(3)], State.WAIT_FOR_CP_ACK),
    Arrow(
        "Wait for CP-ACK: TC1* after the last retransmission",
        [*WAITING, fired(1), fired(2)],
        fired(3),
        [MnsmsErrorInd(CpCause.NETWORK_FAILURE), *RELEASED],
        State.ENDED,
    ),
    Arrow("Wait for CP-ACK: the TC1* of another wait", [*WAITING, fired(1)], fired(1), [], State.WAIT_FOR_CP_ACK),
    Arrow("Wait for CP-ACK: release waits", WAITING, MnsmsRelReq(), [], State.WAIT_FOR_CP_ACK),
    Arrow("Wait for CP-ACK: CP-ACK releases then", [*WAITING, MnsmsRelReq()], CP_ACK, RELEASED, State.ENDED),
    Arrow(
        "Wait for CP-ACK: CP-DATA tells as much as CP-ACK (5.4)",
        WAITING,
        came(b"two"),
        [OUR_ACK, MnsmsDataInd(b"two")],
        State.MM_CONNECTION_ESTABLISHED,
    ),
    Arrow(
        "Wait for CP-ACK: CP-DATA after the release",
        [*WAITING, MnsmsRelReq()],
        came(b"two"),
        [OUR_ACK, MnsmsDataInd(b"two"), *RELEASED],
        State.ENDED,
    ),
    Arrow(
        "Wait for CP-ACK: the first CP-DATA again",
        MO_ANSWERED,
        came(b"mo"),
        [OUR_ACK],
        State.WAIT_FOR_CP_ACK,
    ),
    Arrow("Wait for CP-ACK: CP-ERROR", WAITING, CP_ERROR, [MnsmsErrorInd(BACK), *RELEASED], State.ENDED),
    Arrow(
        "Wait for CP-ACK: the connection is lost",
        WAITING,
        MmsmsErrorInd(CpCause.CONGESTION),
        [MnsmsErrorInd(CpCause.CONGESTION), TERMINATED],
        State.ENDED,
    ),
    Arrow("Wait for CP-ACK: aborted", WAITING, MnsmsAbortReq(BACK), [refusal(BACK), *RELEASED], State.ENDED),
    Arrow(
        "Wait for CP-ACK: a message that is wrong",
        WAITING,
        BAD,
        [
            refusal(CpCause.INVALID_MANDATORY_INFORMATION),
            MnsmsErrorInd(CpCause.INVALID_MANDATORY_INFORMATION),
            *RELEASED,
        ],
        State.ENDED,
    ),
    Arrow("Wait for CP-ACK: a message without identifier", WAITING, SILENT_BAD, [], State.WAIT_FOR_CP_ACK),
    Arrow(
        "Established: CP-DATA",
        ESTABLISHED,
        came(b"two"),
        [OUR_ACK, MnsmsDataInd(b"two")],
        State.MM_CONNECTION_ESTABLISHED,
    ),
    Arrow("Established: CP-DATA again", MO, came(b"mo"), [OUR_ACK], State.MM_CONNECTION_ESTABLISHED),
    Arrow("Established: CP-ACK again", ESTABLISHED, CP_ACK, [], State.MM_CONNECTION_ESTABLISHED),
    Arrow("Established: a late TC1*", ESTABLISHED, fired(1), [], State.MM_CONNECTION_ESTABLISHED),
    Arrow("Established: MNSMS-DATA-REQ", MO, MnsmsDataReq(b"ack"), [sent(b"ack"), tc1(1)], State.WAIT_FOR_CP_ACK),
    Arrow("Established: released", ESTABLISHED, MnsmsRelReq(), RELEASED, State.ENDED),
    Arrow("Established: aborted", ESTABLISHED, MnsmsAbortReq(BACK), [refusal(BACK), *RELEASED], State.ENDED),
    Arrow("Established: CP-ERROR", MO, CP_ERROR, [MnsmsErrorInd(BACK), *RELEASED], State.ENDED),
    Arrow(
        "Established: the connection is lost",
        MO,
        MmsmsErrorInd(),
        [MnsmsErrorInd(CpCause.NETWORK_FAILURE), TERMINATED],
        State.ENDED,
    ),
]


@pytest.mark.parametrize("arrow", [pytest.param(arrow, id=arrow.name) for arrow in ARROWS])
def test_arrow(arrow: Arrow) -> None:
    machine = Smc(OURS)
    for event in arrow.before:
        machine.handle(event, 0.0)
    assert machine.handle(arrow.event, 0.0) == arrow.actions
    assert machine.state is arrow.state


EVERY: list[Event] = [
    MnsmsEstReq(b"x"), MnsmsDataReq(b"x"), MnsmsRelReq(), MnsmsAbortReq(BACK), MmsmsEstCnf(), came(b"x"), CP_ACK,
    CP_ERROR, BAD, MmsmsErrorInd(), fired(1),
]  # fmt: skip


@pytest.mark.parametrize("event", EVERY)
def test_what_has_ended_stays_so(event: Event) -> None:
    machine = Smc(OURS)
    for before in (*MO, MnsmsRelReq()):
        machine.handle(before, 0.0)
    assert machine.handle(event, 0.0) == []
    assert machine.state is State.ENDED


def test_a_stale_timer_of_the_first_message_does_not_resend_the_second() -> None:
    machine = Smc(OURS)
    for event in (*ESTABLISHED, MnsmsDataReq(b"two")):
        machine.handle(event, 0.0)
    assert machine.handle(fired(1), 0.0) == []
    assert machine.handle(fired(2), 0.0) == [sent(b"two"), tc1(3)]


def test_timings() -> None:
    machine = Smc(OURS, Timings(tc1=2.5, retransmissions=1))
    machine.handle(EST[0], 0.0)
    assert machine.handle(MmsmsEstCnf(), 0.0)[1] == SetTimer("TC1*", 2.5, 1)
    assert machine.handle(fired(1), 0.0)[1] == SetTimer("TC1*", 2.5, 2)
    assert machine.handle(fired(2), 0.0)[-1] == TERMINATED


def test_an_rpdu_that_no_cp_data_carries() -> None:
    with pytest.raises(SmsError):
        Smc(OURS).handle(MnsmsEstReq(249 * b"x"), 0.0)

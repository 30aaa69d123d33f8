"""Every arrow of the SMR entity, both sides (TS 24.011 6, 9.3, annex D), and both machines on top of each other."""

from typing import NamedTuple

import pytest

from lteims import trace
from lteims.sms import cp, rp, smc
from lteims.sms.address import Address
from lteims.sms.cause import CpCause, RpCause
from lteims.sms.octets import Direction
from lteims.sms.primitive import (
    TERMINATED,
    MmsmsDataInd,
    MmsmsDataReq,
    MmsmsEstCnf,
    MmsmsEstReq,
    MnsmsAbortReq,
    MnsmsDataInd,
    MnsmsDataReq,
    MnsmsErrorInd,
    MnsmsEstInd,
    MnsmsEstReq,
    MnsmsRelReq,
    SetTimer,
    SmRlDataInd,
    SmRlDataReq,
    SmRlMemoryAvailableInd,
    SmRlMemoryAvailableReq,
    SmRlReportInd,
    SmRlReportReq,
    TimerFired,
)
from lteims.sms.smr import Action, Event, Smr, State, Timings, report_for
from lteims.sms.ti import Ti

UP, DOWN = Direction.MS_TO_SC, Direction.SC_TO_MS
CENTRE = Address.number("+33999")
MT = rp.RpData(DOWN, 9, CENTRE, None, b"deliver")
MO = rp.RpData(UP, 9, None, CENTRE, b"submit")
SMMA = rp.RpSmma(9)
ACK_UP, ACK_DOWN = rp.RpAck(UP, 9), rp.RpAck(DOWN, 9, b"report")
FULL = rp.RpError(UP, 9, RpCause.MEMORY_CAPACITY_EXCEEDED)
BUSY, UNKNOWN = rp.RpError(DOWN, 9, RpCause.CONGESTION), rp.RpError(DOWN, 9, RpCause.UNKNOWN_SUBSCRIBER)
ABORT = MnsmsAbortReq(CpCause.PROTOCOL_ERROR_UNSPECIFIED)
TR1N, TR2N, TR1M = SetTimer("TR1N", 40.0, 1), SetTimer("TR2N", 15.0, 1), SetTimer("TR1M", 40.0, 1)
TRAM = SetTimer("TRAM", 30.0, 2)


def fired(timer: SetTimer) -> TimerFired:
    return TimerFired(timer.name, timer.serial)


def data(message: rp.RpMessage) -> MnsmsDataInd:
    return MnsmsDataInd(message.encode())


def refusal(rp_mr: int, cause: RpCause, direction: Direction = DOWN) -> MnsmsDataReq:
    return MnsmsDataReq(rp.RpError(direction, rp_mr, cause).encode())


SENT_MT: list[Event] = [SmRlDataReq(MT)]
GOT_MO: list[Event] = [MnsmsEstInd(MO.encode())]
NOTIFIED: list[Event] = [SmRlMemoryAvailableReq(SMMA)]
RETRANS: list[Event] = [*NOTIFIED, MnsmsErrorInd(17)]


class Arrow(NamedTuple):
    """What went before, the event of the arrow, what it must do, and where it must lead."""

    name: str
    sends: Direction
    before: list[Event]
    event: Event
    actions: list[Action]
    state: State


def ended(*actions: Action) -> list[Action]:
    return [*actions, TERMINATED]


ARROWS = [
    Arrow("N Idle: RP-DATA is sent", DOWN, [], SENT_MT[0], [MnsmsEstReq(MT.encode()), TR1N], State.WAIT_FOR_RP_ACK),
    Arrow("N Idle: RP-DATA comes", DOWN, [], GOT_MO[0], [SmRlDataInd(MO), TR2N], State.WAIT_TO_SEND_RP_ACK),
    Arrow(
        "N Idle: RP-SMMA comes",
        DOWN,
        [],
        MnsmsEstInd(SMMA.encode()),
        [SmRlMemoryAvailableInd(SMMA), TR2N],
        State.WAIT_TO_SEND_RP_ACK,
    ),
    Arrow("N Idle: RP-ACK for nothing", DOWN, [], MnsmsEstInd(ACK_UP.encode()), ended(MnsmsRelReq()), State.ENDED),
    Arrow(
        "N Idle: 9.3.3 an unknown type",
        DOWN,
        [],
        MnsmsEstInd(b"\x07\x2a"),
        ended(refusal(42, RpCause.MESSAGE_TYPE_NON_EXISTENT), MnsmsRelReq()),
        State.ENDED,
    ),
    Arrow(
        "N Idle: 9.3.4 RP-DATA cut off",
        DOWN,
        [],
        MnsmsEstInd(MO.encode()[:-1]),
        ended(refusal(9, RpCause.INVALID_MANDATORY_INFORMATION), MnsmsRelReq()),
        State.ENDED,
    ),
    Arrow("N Idle: 9.3.1 too short to be answered", DOWN, [], MnsmsEstInd(b"\0"), ended(MnsmsRelReq()), State.ENDED),
    Arrow(
        "N Wait for RP-ACK: RP-ACK",
        DOWN,
        SENT_MT,
        data(ACK_UP),
        ended(MnsmsRelReq(), SmRlReportInd(ACK_UP)),
        State.ENDED,
    ),
    Arrow(
        "N Wait for RP-ACK: RP-ERROR",
        DOWN,
        SENT_MT,
        data(FULL),
        ended(MnsmsRelReq(), SmRlReportInd(FULL)),
        State.ENDED,
    ),
    Arrow(
        "N Wait for RP-ACK: over SIP the report begins a connection of its own",
        DOWN,
        SENT_MT,
        MnsmsEstInd(ACK_UP.encode()),
        ended(MnsmsRelReq(), SmRlReportInd(ACK_UP)),
        State.ENDED,
    ),
    Arrow("N Wait for RP-ACK: of another message", DOWN, SENT_MT, data(rp.RpAck(UP, 10)), [], State.WAIT_FOR_RP_ACK),
    Arrow(
        "N Wait for RP-ACK: RP-DATA does not fit",
        DOWN,
        SENT_MT,
        data(MO),
        [refusal(9, RpCause.MESSAGE_NOT_COMPATIBLE_WITH_STATE)],
        State.WAIT_FOR_RP_ACK,
    ),
    Arrow("N Wait for RP-ACK: RP-ERROR cut off", DOWN, SENT_MT, MnsmsDataInd(b"\4\x09"), [], State.WAIT_FOR_RP_ACK),
    Arrow(
        "N Wait for RP-ACK: TR1N",
        DOWN,
        SENT_MT,
        fired(TR1N),
        ended(ABORT, SmRlReportInd(None, "no RP-ACK in time")),
        State.ENDED,
    ),
    Arrow("N Wait for RP-ACK: a strange timer", DOWN, SENT_MT, TimerFired("TR1N", 2), [], State.WAIT_FOR_RP_ACK),
    Arrow(
        "N Wait for RP-ACK: the connection is gone",
        DOWN,
        SENT_MT,
        MnsmsErrorInd(CpCause.NETWORK_FAILURE),
        ended(SmRlReportInd(None, "CP-ERROR 17 network failure")),
        State.ENDED,
    ),
    Arrow(
        "N Wait to send: RP-ACK",
        DOWN,
        GOT_MO,
        SmRlReportReq(ACK_DOWN),
        ended(MnsmsDataReq(ACK_DOWN.encode()), MnsmsRelReq()),
        State.ENDED,
    ),
    Arrow(
        "N Wait to send: RP-ERROR",
        DOWN,
        GOT_MO,
        SmRlReportReq(UNKNOWN),
        ended(MnsmsDataReq(UNKNOWN.encode()), MnsmsRelReq()),
        State.ENDED,
    ),
    Arrow("N Wait to send: RP-DATA again", DOWN, GOT_MO, data(MO), [], State.WAIT_TO_SEND_RP_ACK),
    Arrow(
        "N Wait to send: TR2N",
        DOWN,
        GOT_MO,
        fired(TR2N),
        ended(ABORT, SmRlReportInd(None, "no report in time")),
        State.ENDED,
    ),
    Arrow(
        "N Wait to send: the connection is gone",
        DOWN,
        GOT_MO,
        MnsmsErrorInd(200),
        ended(SmRlReportInd(None, "CP-ERROR 200")),
        State.ENDED,
    ),
    Arrow("M Idle: RP-DATA is sent", UP, [], SmRlDataReq(MO), [MnsmsEstReq(MO.encode()), TR1M], State.WAIT_FOR_RP_ACK),
    Arrow("M Idle: RP-SMMA is sent", UP, [], NOTIFIED[0], [MnsmsEstReq(SMMA.encode()), TR1M], State.WAIT_FOR_RP_ACK),
    Arrow(
        "M Idle: RP-DATA comes",
        UP,
        [],
        MnsmsEstInd(MT.encode()),
        [SmRlDataInd(MT), SetTimer("TR2M", 15.0, 1)],
        State.WAIT_TO_SEND_RP_ACK,
    ),
    Arrow(
        "M Wait for RP-ACK: RP-DATA fails and is not sent again",
        UP,
        [SmRlDataReq(MO)],
        data(BUSY),
        ended(MnsmsRelReq(), SmRlReportInd(BUSY)),
        State.ENDED,
    ),
    Arrow(
        "M Wait for RP-ACK: RP-SMMA is acknowledged",
        UP,
        NOTIFIED,
        data(ACK_DOWN),
        ended(MnsmsRelReq(), SmRlReportInd(ACK_DOWN)),
        State.ENDED,
    ),
    Arrow(
        "M Wait for RP-ACK: RP-SMMA fails for a while",
        UP,
        NOTIFIED,
        data(BUSY),
        [MnsmsRelReq(), TRAM],
        State.WAIT_FOR_RETRANS_TIMER,
    ),
    Arrow(
        "M Wait for RP-ACK: RP-SMMA fails for good",
        UP,
        NOTIFIED,
        data(UNKNOWN),
        ended(MnsmsRelReq(), SmRlReportInd(UNKNOWN)),
        State.ENDED,
    ),
    Arrow("M Wait for RP-ACK: TR1M of RP-SMMA", UP, NOTIFIED, fired(TR1M), [ABORT, TRAM], State.WAIT_FOR_RETRANS_TIMER),
    Arrow(
        "M Wait for RP-ACK: RP-SMMA and the connection is gone",
        UP,
        NOTIFIED,
        MnsmsErrorInd(17),
        [TRAM],
        State.WAIT_FOR_RETRANS_TIMER,
    ),
    Arrow(
        "M Wait for RETRANS timer: TRAM",
        UP,
        RETRANS,
        fired(TRAM),
        [MnsmsEstReq(SMMA.encode()), SetTimer("TR1M", 40.0, 3)],
        State.WAIT_FOR_RP_ACK,
    ),
    Arrow(
        "M Wait for RP-ACK: RP-SMMA fails twice",
        UP,
        [*RETRANS, fired(TRAM)],
        data(BUSY),
        ended(MnsmsRelReq(), SmRlReportInd(BUSY)),
        State.ENDED,
    ),
    Arrow(
        "M Wait for RP-ACK: TR1M twice",
        UP,
        [*RETRANS, fired(TRAM)],
        TimerFired("TR1M", 3),
        ended(ABORT, SmRlReportInd(None, "no RP-ACK in time")),
        State.ENDED,
    ),
    Arrow("M Wait for RP-ACK: a late TRAM", UP, [*RETRANS, fired(TRAM)], fired(TRAM), [], State.WAIT_FOR_RP_ACK),
    Arrow(
        "M Idle: RP-SMMA the wrong way",
        UP,
        [],
        MnsmsEstInd(SMMA.encode()),
        ended(refusal(9, RpCause.MESSAGE_TYPE_NON_EXISTENT, UP), MnsmsRelReq()),
        State.ENDED,
    ),
]


@pytest.mark.parametrize("arrow", [pytest.param(arrow, id=arrow.name) for arrow in ARROWS])
def test_arrow(arrow: Arrow) -> None:
    machine = Smr(arrow.sends)
    for event in arrow.before:
        machine.handle(event, 0.0)
    assert machine.handle(arrow.event, 0.0) == arrow.actions
    assert machine.state is arrow.state


@pytest.mark.parametrize(
    "event", [SmRlDataReq(MT), SmRlReportReq(ACK_DOWN), GOT_MO[0], data(ACK_UP), MnsmsErrorInd(17), fired(TR1N)]
)
def test_what_has_ended_stays_so(event: Event) -> None:
    machine = Smr()
    for before in (*SENT_MT, data(ACK_UP)):
        machine.handle(before, 0.0)
    assert machine.handle(event, 0.0) == []


def test_timings() -> None:
    timings = Timings(tr1=35.0, tr2=12.0)
    assert Smr(DOWN, timings).handle(SENT_MT[0], 0.0)[1] == SetTimer("TR1N", 35.0, 1)
    assert Smr(DOWN, timings).handle(GOT_MO[0], 0.0)[1] == SetTimer("TR2N", 12.0, 1)


def test_reports_go_back_with_the_reference() -> None:
    assert report_for(MO, b"report") == ACK_DOWN
    assert report_for(MT, None) == ACK_UP
    assert report_for(SMMA, None, 42) == rp.RpError(DOWN, 9, 42)


class Side:
    """SMR on SMC on a wire that loses what it is told to lose; nothing takes time."""

    def __init__(self, sends: Direction, ti: Ti) -> None:
        self.smr, self.smc = Smr(sends), smc.Smc(ti)
        self.told: list[Action] = []
        self.wire: list[bytes] = []
        self.timers: list[SetTimer] = []
        self.finished = 0

    def feed(self, event: Event | smc.Event) -> None:
        """An event for either machine, and all that follows from it."""
        queue: list[Event | smc.Event] = [event]
        while queue:
            event = queue.pop(0)
            actions: list[Action | smc.Action]
            if isinstance(event, smc.Event) and not (isinstance(event, TimerFired) and event.name != "TC1*"):
                actions = [*self.smc.handle(event, 0.0)]
            else:
                actions = [*self.smr.handle(event, 0.0)]
            queue += [follows for action in actions if (follows := self.carry_out(action)) is not None]

    def carry_out(self, action: Action | smc.Action) -> Event | smc.Event | None:
        match action:
            case MmsmsDataReq(octets):
                self.wire.append(octets)
            case MmsmsEstReq():
                return MmsmsEstCnf()
            case SetTimer():
                self.timers.append(action)
            case SmRlDataInd() | SmRlReportInd() | SmRlMemoryAvailableInd():
                self.told.append(action)
            case MnsmsEstReq() | MnsmsDataReq() | MnsmsRelReq() | MnsmsAbortReq():
                return action
            case MnsmsEstInd() | MnsmsDataInd() | MnsmsErrorInd():
                return action
        self.finished += action is TERMINATED
        return None


def exchange(one: Side, other: Side, lose: set[int]) -> None:
    """Carry what both send, by turns, but for the messages of these numbers; TC1* runs out when the wire is idle."""
    count = 0
    for _ in range(50):
        for here, there in ((one, other), (other, one)):
            while here.wire:
                octets = here.wire.pop(0)
                count += 1
                if count not in lose:
                    there.feed(MmsmsDataInd(cp.parse(octets)))
        if not one.wire and not other.wire:
            tc1 = [side for side in (one, other) if side.smc.state is smc.State.WAIT_FOR_CP_ACK]
            if not tc1:
                return
            for side in tc1:
                side.feed(fired([timer for timer in side.timers if timer.name == "TC1*"][-1]))


@pytest.mark.parametrize("lose", [set(), {1}, {2}, {3}, {1, 3}, {2, 4}, {1, 2}])
def test_a_message_to_a_phone_over_a_wire_that_loses(lose: set[int]) -> None:
    network, phone = Side(DOWN, Ti(3)), Side(UP, Ti(3, True))
    network.feed(SmRlDataReq(MT))
    exchange(network, phone, lose)
    assert phone.told == [SmRlDataInd(MT)]
    phone.feed(SmRlReportReq(ACK_UP))
    exchange(phone, network, set())
    assert network.told == [SmRlReportInd(ACK_UP)]
    assert (network.finished, phone.finished) == (2, 2)


@pytest.mark.parametrize("lose", [set(), {1}, {2}, {1, 2}, {1, 3}])
def test_a_message_from_a_phone_over_a_wire_that_loses(lose: set[int]) -> None:
    network, phone = Side(DOWN, Ti(0, True)), Side(UP, Ti(0))
    phone.feed(SmRlDataReq(MO))
    exchange(phone, network, lose)
    assert network.told == [SmRlDataInd(MO)]
    network.feed(SmRlReportReq(ACK_DOWN))
    exchange(network, phone, set())
    assert phone.told == [SmRlReportInd(ACK_DOWN)]
    assert (network.finished, phone.finished) == (2, 2)


def test_a_report_overtakes_the_acknowledgement_of_its_message() -> None:
    network, phone = Side(DOWN, Ti(3)), Side(UP, Ti(3, True))
    network.feed(SmRlDataReq(MT))
    phone.feed(MmsmsDataInd(cp.parse(network.wire.pop())))
    phone.feed(SmRlReportReq(ACK_UP))
    del phone.wire[0]  # the CP-ACK, so that CP-DATA with the report stands for it
    exchange(phone, network, set())
    assert network.told == [SmRlReportInd(ACK_UP)]
    assert (network.finished, phone.finished) == (2, 2)


def test_a_phone_that_is_silent() -> None:
    network, phone = Side(DOWN, Ti(3)), Side(UP, Ti(3, True))
    network.feed(SmRlDataReq(MT))
    exchange(network, phone, set(range(1, 100)))
    assert network.told == [SmRlReportInd(None, "CP-ERROR 17 network failure")]
    assert network.finished == 2
    assert not phone.told


class Lines:
    """A sink that keeps what is logged."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def write(self, layer: trace.Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.messages.append(f"{id} {message}")


def test_changes_of_state_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines()
    monkeypatch.setattr(trace.IMS, "level", trace.DEBUG)
    former = trace.set_sink(lines)
    try:
        Smr(id="impi").handle(SENT_MT[0], 0.0)
        smc.Smc(Ti(3), id="impi").handle(MnsmsEstReq(b"x"), 0.0)
    finally:
        trace.set_sink(former)
    assert lines.messages == ["impi SMR Idle -> Wait for RP-ACK", "impi SMC ti=3 Idle -> MM-connection pending"]

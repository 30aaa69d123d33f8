"""The association of a phone: every arrow of TS 29.118 clause 5 on the VLR's side, and what has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.sgsap import message as m
from lteims.sgsap.association import GONE_CAUSES, Alert, Association, Connection, State
from lteims.sgsap.cause import SgsCause
from lteims.sgsap.elements import Lai, MobileIdentity, Plmn
from lteims.sgsap.message import Message, status
from lteims.sgsap.primitive import (
    TERMINATED,
    Accept,
    Action,
    Authorize,
    Downlink,
    Establish,
    Established,
    Event,
    Inform,
    Lost,
    MmeLost,
    MmeReset,
    Reachable,
    Reject,
    Release,
    Send,
    SetTimer,
    TimerFired,
    Unwatched,
    Uplink,
    Why,
)  # fmt: skip
from lteims.sgsap.reset import Reset, Start, Unheard

IMSI, VLR, MME = "001010123456789", "vlr.example", "mme.example"
LAI = Lai(Plmn("001", "01"), 1)
UPDATE = m.LocationUpdateRequest(IMSI, MME, 1, LAI)
ACCEPT = Send(m.LocationUpdateAccept(IMSI, LAI))
PAGE = Send(m.PagingRequest(IMSI, VLR, 2, lai=LAI))
SERVICE = m.ServiceRequest(IMSI, 2)
UPLINK = m.UplinkUnitdata(IMSI, b"\x09\x04")
ALERT = Send(m.AlertRequest(IMSI))


def new() -> Association:
    return Association(IMSI, VLR)


def associated() -> Association:
    phone = new()
    assert tell(phone, UPDATE) == [Authorize(UPDATE)]
    assert phone.state is State.LA_UPDATE_PRESENT
    assert tell(phone, Accept()) == [ACCEPT, Reachable()]
    assert str(phone.state) == State.ASSOCIATED
    return phone


def paged() -> Association:
    phone = associated()
    assert tell(phone, Establish())[0] == PAGE
    return phone


def connected() -> Association:
    phone = paged()
    assert tell(phone, SERVICE) == [Established()]
    return phone


def tell(phone: Association, *events: Event) -> list[Action]:
    return [action for event in events for action in phone.handle(event, 0.0)]


def timer(actions: list[Action]) -> TimerFired:
    (found,) = [action for action in actions if isinstance(action, SetTimer)]
    return TimerFired(found.name, found.serial)


def test_a_phone_that_is_not_ours_is_rejected_and_forgotten() -> None:
    phone = new()
    tell(phone, UPDATE)
    assert tell(phone, Reject()) == [Send(m.LocationUpdateReject(IMSI, 2, LAI)), TERMINATED]
    assert phone.state is State.NULL
    assert not phone.reaches


@pytest.mark.parametrize(
    ("detach", "answer"),
    [
        (m.EpsDetachIndication(IMSI, MME, 1), m.EpsDetachAck(IMSI)),
        (m.EpsDetachIndication(IMSI, MME, 3), m.EpsDetachAck(IMSI)),
        (m.ImsiDetachIndication(IMSI, MME, 1), m.ImsiDetachAck(IMSI)),
        (m.ImsiDetachIndication(IMSI, MME, 3), m.ImsiDetachAck(IMSI)),
    ],
)
def test_detach(detach: Message, answer: Message) -> None:
    assert tell(associated(), detach) == [Send(answer), TERMINATED]
    assert tell(connected(), detach) == [Send(answer), Lost(Why.ABSENT), TERMINATED]
    assert tell(new(), detach) == [Send(answer), TERMINATED]


def test_paging_is_repeated_once() -> None:
    phone = associated()
    first = tell(phone, Establish())
    assert first[0] == PAGE
    assert tell(phone, Establish()) == []  # under way
    again = tell(phone, timer(first))
    assert again[0] == PAGE
    assert tell(phone, timer(first)) == []  # that one was before
    assert tell(phone, timer(again)) == [Lost(Why.NO_ANSWER)]
    assert phone.state is State.ASSOCIATED
    assert phone.connection is Connection.NONE


def test_a_connection_is_used_until_it_is_released() -> None:
    phone = connected()
    assert tell(phone, Establish()) == [Established()]
    assert tell(phone, Downlink(b"ab")) == [Send(m.DownlinkUnitdata(IMSI, b"ab"))]
    assert tell(phone, UPLINK) == [Uplink(b"\x09\x04")]
    assert tell(phone, Release()) == [Send(m.ReleaseRequest(IMSI))]
    assert tell(phone, Release()) == []
    assert tell(phone, Downlink(b"ab")) == []


def test_a_phone_that_speaks_first_needs_no_paging() -> None:
    phone = associated()
    assert tell(phone, UPLINK) == [Uplink(b"\x09\x04")]
    assert tell(phone, Establish()) == [Established()]


def test_a_phone_that_speaks_while_it_is_paged_is_still_to_answer() -> None:
    phone = paged()
    assert tell(phone, UPLINK, Downlink(b"ab")) == [Uplink(b"\x09\x04"), Send(m.DownlinkUnitdata(IMSI, b"ab"))]
    assert phone.connection is Connection.PAGING
    assert tell(phone, SERVICE) == [Established()]


@pytest.mark.parametrize("cause", sorted(GONE_CAUSES))
def test_an_mme_that_does_not_know_the_phone(cause: int) -> None:
    phone = paged()
    assert tell(phone, m.PagingReject(IMSI, cause)) == [Lost(Why.ABSENT), TERMINATED]
    assert phone.state is State.NULL
    assert tell(phone, Establish()) == [Lost(Why.ABSENT)]
    assert tell(connected(), m.Status(IMSI, cause)) == [Lost(Why.ABSENT), TERMINATED]


def test_an_mme_without_mm_information_has_its_connections_all_the_same() -> None:
    sent = m.MmInformationRequest(IMSI, b"\x43\1\x80").encode()
    phone = connected()
    assert tell(phone, m.Status(IMSI, SgsCause.MESSAGE_UNKNOWN, sent)) == []
    assert phone.connection is Connection.UP
    other = m.DownlinkUnitdata(IMSI, b"\x09\x04").encode()
    assert tell(phone, m.Status(IMSI, SgsCause.MESSAGE_UNKNOWN, other)) == [Lost(Why.REFUSED)]


@pytest.mark.parametrize("cause", [SgsCause.MT_CSFB_CALL_REJECTED_BY_USER, 0, 200])
def test_a_refusal_for_another_reason_changes_no_association(cause: int) -> None:
    phone = paged()
    assert tell(phone, m.PagingReject(IMSI, cause)) == [Lost(Why.REFUSED)]
    assert phone.state is State.ASSOCIATED
    assert tell(phone, m.PagingReject(IMSI, cause)) == []


def test_who_does_not_answer_is_watched_for() -> None:
    phone = paged()
    actions = tell(phone, m.UeUnreachable(IMSI, SgsCause.UE_UNREACHABLE))
    assert actions[:2] == [Lost(Why.UNREACHABLE), ALERT]
    assert tell(phone, m.AlertAck(IMSI)) == []
    assert phone.alert is Alert.AGREED
    assert tell(phone, timer(actions)) == []
    tell(phone, Establish())
    assert tell(phone, m.UeUnreachable(IMSI, 14)) == [Lost(Why.UNREACHABLE)]  # asked already
    assert tell(phone, m.UeActivityIndication(IMSI)) == [Reachable()]
    assert str(phone.alert) == Alert.NONE


@pytest.mark.parametrize("cause", [SgsCause.UE_UNREACHABLE, SgsCause.UE_TEMPORARILY_UNREACHABLE])
def test_who_does_not_answer_is_watched_for_whichever_message_says_so(cause: int) -> None:
    phone = paged()
    assert tell(phone, m.PagingReject(IMSI, cause))[:2] == [Lost(Why.UNREACHABLE), ALERT]
    assert phone.state is State.ASSOCIATED


def test_an_alert_is_repeated_twice() -> None:
    phone = paged()
    actions = tell(phone, m.UeUnreachable(IMSI, 6))[1:]
    for _ in range(2):
        actions = tell(phone, timer(actions))
        assert actions[0] == ALERT
    assert tell(phone, timer(actions)) == [Unwatched()]
    assert phone.state is State.ASSOCIATED


def test_an_alert_that_is_rejected_ends_the_association() -> None:
    phone = paged()
    tell(phone, m.UeUnreachable(IMSI, 6))
    assert tell(phone, m.AlertReject(IMSI, 3)) == [Unwatched(), TERMINATED]


def test_a_reset_of_the_mme_leaves_a_phone_that_may_be_paged_everywhere() -> None:
    phone = connected()
    actions = tell(phone, MmeReset())
    assert actions[0] == Lost(Why.CUT)
    assert phone.state is State.NULL
    assert not phone.confirmed
    assert tell(phone, Establish())[0] == Send(m.PagingRequest(IMSI, VLR, 2))  # without the area
    assert tell(phone, SERVICE) == [Established()]
    assert str(phone.state) == State.ASSOCIATED
    assert tell(phone, timer(actions)) == []  # it is not detached any more


def test_who_does_not_come_again_after_a_reset_is_detached() -> None:
    phone = associated()
    actions = tell(phone, MmeReset())
    assert isinstance(actions[0], SetTimer)
    assert actions[0].delay >= 3600
    assert tell(phone, timer(actions)) == [TERMINATED]
    assert not phone.reaches


def test_an_association_has_no_timer_of_its_own() -> None:
    """A phone that sleeps for days stays ours: its MME watches over it (5.6)."""
    phone = new()
    assert not [a for a in tell(phone, UPDATE, Accept()) if isinstance(a, SetTimer)]


def test_a_lost_mme_ends_what_is_under_way_and_no_association() -> None:
    phone = connected()
    assert tell(phone, MmeLost()) == [Lost(Why.CUT)]
    assert phone.state is State.ASSOCIATED
    assert tell(phone, Establish())[0] == Send(m.PagingRequest(IMSI, VLR, 2))


@pytest.mark.parametrize("failure", [MmeReset(), MmeLost()])
def test_what_is_doubted_is_not_changed_by_the_next_failure(failure: Event) -> None:
    for phone in (associated(), connected()):
        assert not phone.doubted
        tell(phone, failure)
        assert phone.doubted
        state = phone.state
        assert not [each for each in tell(phone, failure) if not isinstance(each, SetTimer)]
        assert (phone.doubted, phone.state) == (True, state)
        tell(phone, Establish())
        assert not phone.doubted
        tell(phone, SERVICE, Release())
        assert not phone.doubted


def test_a_message_is_wanted_during_a_location_update() -> None:
    phone = new()
    tell(phone, UPDATE)
    assert tell(phone, Establish()) == []
    assert tell(phone, Accept())[:3] == [ACCEPT, Reachable(), PAGE]
    phone = new()
    tell(phone, UPDATE, Establish())
    assert tell(phone, Reject(11))[1:] == [Lost(Why.ABSENT), TERMINATED]


def test_a_second_update_begins_anew() -> None:
    phone = connected()
    other = m.LocationUpdateRequest(IMSI, "other.example", 2, Lai(Plmn("001", "01"), 2))
    assert tell(phone, other) == [Lost(Why.CUT), Authorize(other)]
    assert tell(phone, other) == [Authorize(other)]
    assert tell(phone, Accept())[0] == Send(m.LocationUpdateAccept(IMSI, other.new_lai))


def test_what_does_not_fit_the_state() -> None:
    state = SgsCause.MESSAGE_NOT_COMPATIBLE_WITH_STATE
    assert tell(associated(), SERVICE) == [Send(status(state, SERVICE.encode(), IMSI))]
    phone = new()
    tell(phone, UPDATE)
    assert tell(phone, UPLINK) == [Send(status(state, UPLINK.encode(), IMSI))]
    assert tell(new(), UPLINK) == [Send(m.ReleaseRequest(IMSI, 4))]
    assert tell(associated(), m.UeUnreachable(IMSI, 6), m.AlertAck(IMSI), m.TmsiReallocationComplete(IMSI)) == []


def test_a_phone_gets_a_tmsi_where_one_is_given() -> None:
    phone = new()
    tell(phone, UPDATE)
    accepted = Send(m.LocationUpdateAccept(IMSI, LAI, MobileIdentity(tmsi=5)))
    assert tell(phone, Accept(5), m.TmsiReallocationComplete(IMSI)) == [accepted, Reachable()]


def test_the_network_name() -> None:
    assert tell(associated(), Inform(b"\x46\x40")) == [Send(m.MmInformationRequest(IMSI, b"\x46\x40"))]
    assert tell(new(), Inform(b"\x46\x40")) == []


def test_a_phone_that_leaves_for_a_call() -> None:
    assert tell(connected(), m.MoCsfbIndication(IMSI)) == [Lost(Why.CUT)]


EVENTS: list[Event] = [
    UPDATE, Accept(), Reject(), Establish(), Downlink(b"ab"), Release(), Inform(b"x"), MmeReset(), MmeLost(), SERVICE,
    UPLINK, m.EpsDetachIndication(IMSI, MME, 2), m.ImsiDetachIndication(IMSI, MME, 1), m.PagingReject(IMSI, 3),
    m.PagingReject(IMSI, 13), m.UeUnreachable(IMSI, 6), m.AlertAck(IMSI), m.AlertReject(IMSI, 3),
    m.UeActivityIndication(IMSI), m.Status(IMSI, 3), m.Status(IMSI, 7), m.MoCsfbIndication(IMSI),
    m.TmsiReallocationComplete(IMSI), TimerFired("any", 0),
]  # fmt: skip


@given(st.lists(st.sampled_from(EVENTS)))
def test_whoever_wants_a_connection_hears_of_it(events: list[Event]) -> None:
    """At every moment a wish is either under way, with a timer or an update that ends it, or was answered."""
    phone, waits, timers = new(), False, set[str]()
    for event in events:
        if isinstance(event, TimerFired) and timers:
            event = TimerFired(min(timers), phone._serials.get(min(timers), 0))
        waits = waits or isinstance(event, Establish)
        actions = phone.handle(event, 0.0)
        for action in actions:
            if isinstance(action, Established | Lost):
                waits = False
            if isinstance(action, SetTimer):
                timers.add(action.name)
        assert actions.count(TERMINATED) == (TERMINATED in actions[-1:])
        if waits:
            assert phone.connection is Connection.PAGING or phone.state is State.LA_UPDATE_PRESENT
        if phone.connection is Connection.PAGING:
            assert "Ts5" in phone._serials


def test_an_mme_is_told_of_our_start_three_times() -> None:
    reset = Reset(VLR)
    said = [Send(m.ResetIndication(vlr_name=VLR))]
    actions = reset.handle(Start(), 0.0)
    for _ in range(3):
        assert actions[:1] == said
        assert isinstance(actions[1], SetTimer)
        actions = reset.handle(TimerFired("Ts11", actions[1].serial), 0.0)
    assert actions == [Unheard()]


def test_an_mme_that_has_heard_is_left_alone() -> None:
    reset = Reset(VLR)
    actions = reset.handle(Start(), 0.0)
    assert reset.handle(m.ResetAck(mme_name=MME), 0.0) == []
    assert isinstance(actions[1], SetTimer)
    assert reset.handle(TimerFired("Ts11", actions[1].serial), 0.0) == []

"""Short messages over SGs (TS 23.272 8.2, TS 29.118 5.1, 5.11, TS 24.011): both ways, and all that can go wrong."""

import pytest

from lteims.config import SmsAction, SmsMessageFilter
from lteims.sgsap import message as m
from lteims.sgsap.cause import SgsCause
from lteims.sim.mme import Mme
from lteims.sim.mme_phone import Paging
from lteims.sms import rp
from lteims.sms.cause import RpCause
from lteims.sms.octets import Direction
from tests.unit.ims.sgs_lab import NUMBER_B, A, B, SgsLab

MT = """
    <-- PAGING-REQUEST
    --> SERVICE-REQUEST
    <-- DOWNLINK-UNITDATA CP-DATA
    --> UPLINK-UNITDATA CP-ACK
    --> UPLINK-UNITDATA CP-DATA
    <-- DOWNLINK-UNITDATA CP-ACK
    <-- RELEASE-REQUEST
"""
MO = """
    --> UPLINK-UNITDATA CP-DATA
    <-- DOWNLINK-UNITDATA CP-ACK
    <-- DOWNLINK-UNITDATA CP-DATA
    --> UPLINK-UNITDATA CP-ACK
    <-- RELEASE-REQUEST
"""


@pytest.fixture
def lab() -> SgsLab:
    return SgsLab()


@pytest.fixture
def mme(lab: SgsLab) -> Mme:
    return lab.connect()


def play(mme: Mme, ladder: str) -> None:
    """What was said since the last time."""
    said, wanted = mme.ladder[:], [line.strip() for line in ladder.splitlines() if line.strip()]
    mme.ladder.clear()
    assert said == wanted


# --- to a phone


def test_a_message_to_a_phone(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    lab.submit(NUMBER_B)
    lab.run(1.0)
    play(mme, MT)
    assert phone.inbox == ["Hello"]
    assert not lab.waiting(B)
    lab.nothing_left()


def test_what_waits_comes_when_the_phone_attaches(lab: SgsLab, mme: Mme) -> None:
    lab.submit(NUMBER_B)
    lab.run(100.0)
    phone = mme.attach(B)
    lab.run(2.0)
    play(mme, "--> LOCATION-UPDATE-REQUEST\n<-- LOCATION-UPDATE-ACCEPT\n--> TMSI-REALLOCATION-COMPLETE\n" + MT)
    assert phone.inbox == ["Hello"]


def test_several_messages_go_by_one_connection(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    for n in range(3):
        lab.submit(NUMBER_B, f"{n}")
    lab.run(5.0)
    assert phone.inbox == ["0", "1", "2"]
    assert mme.ladder.count("<-- PAGING-REQUEST") == mme.ladder.count("<-- RELEASE-REQUEST") == 1
    lab.nothing_left()


def test_what_was_said_before_does_not_release_what_is_said_now(lab: SgsLab, mme: Mme) -> None:
    """After the first message the connection is kept for the second; what then begins has a connection of its own."""
    phone = lab.attached(mme, B)
    lab.submit(NUMBER_B, "0")
    lab.submit(NUMBER_B, "1")
    lab.run(0.5)
    assert phone.inbox == ["0", "1"]
    mme.ladder.clear()
    phone.silent = True
    lab.submit(NUMBER_B, "2")
    lab.run(3.0)
    play(mme, "<-- PAGING-REQUEST\n--> SERVICE-REQUEST\n<-- DOWNLINK-UNITDATA CP-DATA")


def test_a_phone_that_leaves_while_its_connection_is_kept(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    for n in range(2):
        lab.submit(NUMBER_B, f"{n}")
    while not phone.inbox:
        lab.clock.advance(0.001)
        lab.pump()
    phone.silent = True
    mme.detach_eps(B)
    mme.attach(B)
    lab.run(0.6)
    mme.ladder.clear()
    lab.run(5.0)
    assert "<-- RELEASE-REQUEST" not in mme.ladder
    phone.silent = False
    lab.run(100.0)
    assert phone.inbox[-1] == "1"
    lab.nothing_left()


def test_a_thousand_messages_without_a_stall(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    for n in range(1000):
        lab.submit(NUMBER_B, f"{n}")
        if n % 50 == 49:
            lab.run(10.0)
    lab.run(60.0)
    assert phone.inbox == [f"{n}" for n in range(1000)]
    lab.nothing_left()


def test_a_phone_without_room_is_tried_when_it_says_that_it_has_some(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.rp_cause = RpCause.MEMORY_CAPACITY_EXCEEDED
    lab.submit(NUMBER_B)
    lab.run(1.0)
    assert lab.waiting(B) == 1
    phone.rp_cause = None
    phone.memory_available()
    lab.run(1.0)
    assert phone.inbox == ["Hello"]
    assert phone.reports == [rp.RpAck(Direction.SC_TO_MS, 1)]
    lab.nothing_left()


def test_a_page_that_nobody_answers_is_repeated_and_tried_later(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.paging = Paging.IGNORED
    lab.submit(NUMBER_B)
    lab.run(30.0)
    play(mme, "<-- PAGING-REQUEST\n<-- PAGING-REQUEST")
    phone.paging = Paging.ANSWERED
    lab.run(61.0)
    play(mme, MT)
    assert phone.inbox == ["Hello"]


def test_who_does_not_answer_is_tried_when_it_is_seen(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.paging = Paging.UNREACHABLE
    lab.submit(NUMBER_B)
    lab.run(5000.0)
    play(mme, "<-- PAGING-REQUEST\n--> UE-UNREACHABLE 6\n<-- ALERT-REQUEST\n--> ALERT-ACK")
    mme.seen(B)
    lab.run(2.0)
    play(mme, "--> UE-ACTIVITY-INDICATION\n" + MT)
    assert phone.inbox == ["Hello"]


def test_where_the_mme_does_not_watch_the_phone_is_tried_later(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.paging, mme.acknowledges = Paging.UNREACHABLE, False
    lab.submit(NUMBER_B)
    lab.run(13.0)
    play(mme, "<-- PAGING-REQUEST\n--> UE-UNREACHABLE 6" + 3 * "\n<-- ALERT-REQUEST")
    phone.paging = Paging.ANSWERED
    lab.run(61.0)
    play(mme, MT)


def test_who_did_not_answer_is_tried_when_it_speaks(lab: SgsLab, mme: Mme) -> None:
    """As behind Open5GS, which says so by PAGING-REJECT, and knows no alerts."""
    phone = lab.attached(mme, B)
    phone.paging, mme.acknowledges = Paging.IGNORED, False
    lab.submit(NUMBER_B)
    lab.run(1.0)
    mme.say(m.PagingReject(B, SgsCause.UE_UNREACHABLE))
    lab.run(20.0)
    play(mme, "<-- PAGING-REQUEST\n--> PAGING-REJECT 6" + 3 * "\n<-- ALERT-REQUEST")
    phone.paging = Paging.ANSWERED
    phone.submit("to nobody", "+49777")
    lab.run(2.0)
    assert phone.inbox == ["Hello"]


def test_who_answers_twice_is_not_tried_again_and_again(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.rp_cause = RpCause.TEMPORARY_FAILURE
    once = phone._uplink

    def twice(imsi: str, nas: bytes) -> None:
        once(imsi, nas)
        lab.lab.wheel.add(1.0, once, imsi, nas)

    phone._uplink = twice
    lab.submit(NUMBER_B)
    lab.run(30.0)
    assert phone.paged == 1


def test_whom_the_mme_does_not_know_comes_again(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.paging = Paging.REJECTED
    lab.submit(NUMBER_B)
    lab.run(1000.0)
    play(mme, "<-- PAGING-REQUEST\n--> PAGING-REJECT 3")
    assert not lab.sgs.associated(B)
    phone.paging = Paging.ANSWERED
    mme.attach(B)
    lab.run(2.0)
    assert phone.inbox == ["Hello"]


def test_cp_data_is_sent_again_and_then_the_message_is_tried_later(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.silent = True
    lab.submit(NUMBER_B)
    lab.run(45.0)
    play(
        mme, "<-- PAGING-REQUEST\n--> SERVICE-REQUEST" + 3 * "\n<-- DOWNLINK-UNITDATA CP-DATA" + "\n<-- RELEASE-REQUEST"
    )
    lab.nothing_left()
    phone.silent = False
    lab.run(61.0)
    assert phone.inbox == ["Hello"]


def test_a_phone_that_leaves_in_the_middle(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.silent = True
    lab.submit(NUMBER_B)
    lab.run(1.0)
    mme.detach_eps(B)
    lab.run(1.0)
    lab.nothing_left()
    assert lab.waiting(B) == 1
    phone.silent = False
    mme.attach(B)
    lab.run(2.0)
    assert phone.inbox == ["Hello"]


def test_an_mme_that_goes_in_the_middle_and_comes_back(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.silent = True
    lab.submit(NUMBER_B)
    lab.run(1.0)
    lab.wire.on_lost("aborted")
    lab.run(200.0)
    lab.nothing_left()
    assert lab.waiting(B) == 1
    phone.lost()
    phone.silent = False
    lab.connect(mme, quiet=False)
    assert mme.ladder == []  # it knows of our start already
    lab.run(2.0)
    play(mme, MT)
    assert phone.inbox == ["Hello"]


def test_mmes_of_one_host_that_come_back_are_known_by_what_they_say(lab: SgsLab, mme: Mme) -> None:
    wires = [lab.wire]
    other = lab.connect(name="mme2.example")
    wires.append(lab.wire)
    phone = lab.attached(other, B)
    lab.attached(mme, A)
    for wire in wires:
        wire.on_lost("aborted")
    lab.submit(NUMBER_B)
    lab.run(1.0)
    lab.connect(mme)
    lab.connect(other)
    lab.run(2.0)
    assert mme.ladder == other.ladder == []
    other.say(m.LocationUpdateRequest(A, other.name, 2, other.lai))
    lab.run(2.0)
    assert phone.inbox == ["Hello"]


def test_an_mme_that_comes_back_with_a_detach(lab: SgsLab, mme: Mme) -> None:
    lab.attached(mme, A)
    lab.attached(mme, B)
    lab.wire.on_lost("aborted")
    lab.connect(mme, host="192.0.2.77")
    mme.detach_eps(B)
    lab.run(1.0)
    assert not lab.sgs.associated(B)
    assert [row[2] for row in lab.sgs.rows()] == ["1"]


# --- from a phone


def test_a_message_from_phone_to_phone(lab: SgsLab, mme: Mme) -> None:
    a, b = lab.attached(mme, A), lab.attached(mme, B)
    a.submit("Hi", NUMBER_B)
    lab.run(1.0)
    play(mme, MO + MT)
    (report,) = a.reports
    assert isinstance(report, rp.RpAck)
    assert b.inbox == ["Hi"]


def test_a_message_to_nobody(lab: SgsLab, mme: Mme) -> None:
    a = lab.attached(mme, A)
    a.submit("Hi", "+4911111")
    lab.run(1.0)
    play(mme, MO)
    (report,) = a.reports
    assert isinstance(report, rp.RpError)
    assert report.rp_cause == RpCause.UNASSIGNED_NUMBER
    lab.nothing_left()


def test_both_ways_at_once(lab: SgsLab, mme: Mme) -> None:
    a, b = lab.attached(mme, A), lab.attached(mme, B)
    lab.submit(NUMBER_B, "to b")
    lab.run(0.001)
    b.submit("from b", "+49401")
    b.submit("from b too", "+49401")
    lab.run(3.0)
    assert b.inbox == ["to b"]
    assert sorted(a.inbox) == ["from b", "from b too"]
    assert [type(report) for report in b.reports] == [rp.RpAck] * 2
    lab.nothing_left()


def test_a_long_message_of_many_parts(lab: SgsLab, mme: Mme) -> None:
    a, b = lab.attached(mme, A), lab.attached(mme, B)
    assert a.submit("x" * 700, NUMBER_B) == 5
    lab.run(5.0)
    assert "".join(b.inbox) == "x" * 700
    assert len(a.reports) == 5


def test_an_rpdu_that_cannot_be_read(lab: SgsLab, mme: Mme) -> None:
    lab.attached(mme, A)
    mme.say(m.UplinkUnitdata(A, bytes.fromhex("0901 03 00 07 ff".replace(" ", ""))))
    lab.run(0.1)
    play(mme, "--> UPLINK-UNITDATA CP-DATA\n<-- DOWNLINK-UNITDATA CP-ACK\n<-- DOWNLINK-UNITDATA CP-DATA")
    last = mme.received_messages[-1]
    assert isinstance(last, m.DownlinkUnitdata)
    # CP-DATA by the other's identifier; RP-ERROR, its reference; cause 96
    assert last.nas_message_container.hex() == "890104" + "05" + "07" + "0160"


@pytest.mark.parametrize(
    ("nas", "answer"),
    [
        ("0902", "891061"),  # a type that there is not
        ("0901", "891060"),  # CP-DATA without an RPDU
        ("8901020207", "091051"),  # an answer to what was never begun
        ("8904", ""),
        ("891011", ""),
        ("0a010100", ""),  # no CP message
        ("7904", ""),
    ],
)
def test_cp_messages_that_belong_to_nothing(lab: SgsLab, mme: Mme, nas: str, answer: str) -> None:
    lab.attached(mme, A)
    mme.received_messages.clear()
    mme.say(m.UplinkUnitdata(A, bytes.fromhex(nas)))
    lab.run(0.1)
    said = [each for each in mme.received_messages if isinstance(each, m.DownlinkUnitdata)]
    assert [each.nas_message_container.hex() for each in said] == ([answer] if answer else [])
    assert mme.received_messages[-1] == m.ReleaseRequest(A)
    lab.nothing_left()


def test_a_last_acknowledgement_that_is_lost_does_not_hold_the_next_message_up(lab: SgsLab, mme: Mme) -> None:
    a = lab.attached(mme, A)
    a.submit("one", NUMBER_B)
    original, kept = a._uplink, []
    a._uplink = lambda imsi, nas: kept.append(nas)  # CP-ACK of the report
    lab.run(0.1)
    a._uplink = original
    assert len(kept) == 1
    a.submit("two", NUMBER_B)
    lab.run(1.0)
    assert [type(report) for report in a.reports] == [rp.RpAck] * 2
    lab.nothing_left()


# --- what the operator may set


def filtered(**actions: SmsAction) -> SgsLab:
    return SgsLab(sms_message_filter=SmsMessageFilter(**actions))


def test_cp_data_that_is_ignored() -> None:
    lab = filtered(cp_data=SmsAction.IGNORE)
    mme = lab.connect()
    a = lab.attached(mme, A)
    a.submit("Hi", NUMBER_B)
    lab.run(0.1)
    play(mme, "--> UPLINK-UNITDATA CP-DATA\n<-- RELEASE-REQUEST")
    assert a.reports == []
    lab.run(60.0)  # it tries again (TC1*), and gives up
    assert a.reports == [None]
    assert [line for line in mme.ladder if "CP-ACK" in line or "CP-ERROR" in line] == []


@pytest.mark.parametrize(("forced", "cause"), [(0, 111), (42, 42)])
def test_cp_data_that_is_rejected(forced: int, cause: int) -> None:
    lab = SgsLab(sms_message_filter=SmsMessageFilter(cp_data=SmsAction.REJECT), sms_forced_cp_cause=forced)
    mme = lab.connect()
    a = lab.attached(mme, A)
    a.submit("Hi", NUMBER_B)
    lab.run(0.1)
    play(mme, "--> UPLINK-UNITDATA CP-DATA\n<-- DOWNLINK-UNITDATA CP-ERROR\n<-- RELEASE-REQUEST")
    assert a.errors == [cause]
    lab.nothing_left()


def test_cp_ack_that_is_ignored_makes_cp_data_come_again() -> None:
    lab = filtered(cp_ack=SmsAction.IGNORE)
    mme = lab.connect()
    b = lab.attached(mme, B)
    b.rp_cause = RpCause.TEMPORARY_FAILURE
    lab.submit(NUMBER_B)
    lab.run(1.0)
    assert lab.waiting(B) == 1  # the report came all the same, and counts as CP-ACK (TS 24.011 5.4)
    lab.nothing_left()


def test_cp_ack_that_is_rejected_ends_the_message() -> None:
    lab = filtered(cp_ack=SmsAction.REJECT)
    mme = lab.connect()
    lab.attached(mme, B)
    lab.submit(NUMBER_B)
    lab.run(1.0)
    assert "<-- DOWNLINK-UNITDATA CP-ERROR" in mme.ladder
    assert lab.waiting(B) == 1
    lab.nothing_left()


def test_rp_ack_that_is_ignored_leaves_the_message_waiting() -> None:
    lab = filtered(rp_ack=SmsAction.IGNORE)
    mme = lab.connect()
    b = lab.attached(mme, B)
    lab.submit(NUMBER_B)
    lab.run(45.0)
    assert b.inbox == ["Hello"]
    assert lab.waiting(B) == 1
    assert mme.ladder[-2:] == ["<-- DOWNLINK-UNITDATA CP-ERROR", "<-- RELEASE-REQUEST"]
    lab.nothing_left()


def test_rp_ack_that_is_rejected() -> None:
    lab = filtered(rp_ack=SmsAction.REJECT)
    mme = lab.connect()
    lab.attached(mme, B)
    lab.submit(NUMBER_B)
    lab.run(1.0)
    assert mme.ladder[-2:] == ["<-- DOWNLINK-UNITDATA CP-ERROR", "<-- RELEASE-REQUEST"]
    assert lab.waiting(B) == 1
    lab.nothing_left()


def test_rp_data_that_is_ignored_or_rejected() -> None:
    lab = filtered(rp_data=SmsAction.IGNORE)
    mme = lab.connect()
    a = lab.attached(mme, A)
    a.submit("Hi", NUMBER_B)
    lab.run(10.0)
    play(mme, "--> UPLINK-UNITDATA CP-DATA\n<-- DOWNLINK-UNITDATA CP-ACK")
    assert not a.reports
    lab.run(40.0)
    lab.nothing_left()
    lab = filtered(rp_data=SmsAction.REJECT)
    mme = lab.connect()
    a = lab.attached(mme, A)
    a.submit("Hi", NUMBER_B)
    lab.run(1.0)
    play(mme, MO)
    (report,) = a.reports
    assert isinstance(report, rp.RpError)

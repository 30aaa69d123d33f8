"""The VLR of TS 29.118 towards simulated MMEs: location, detach, failures of either side, what does not fit."""

from dataclasses import replace
from typing import Any

import pytest

from lteims import counters
from lteims.config import ImpuConfig, UserConfig
from lteims.config.endpoint import Endpoint
from lteims.ims.mm_information import network_name
from lteims.ims.subscribers import Subscriber
from lteims.sgsap import message as m
from lteims.sgsap.association import Timings
from lteims.sgsap.cause import SgsCause
from lteims.sgsap.message import Message
from lteims.sim.mme import NAME, Mme
from lteims.sim.mme_phone import Paging
from tests.flows.phones import DOMAIN
from tests.unit.ims.sgs_lab import NUMBER_A, NUMBER_B, STRANGER, A, B, SgsLab
from tests.unit.ims.test_sgs_sms import MT, play
from tests.unit.sgsap.test_sgsap_vectors import SIMPLE, VECTORS

OTHER = "mmec02.mmegi0001.mme.epc.mnc001.mcc001.3gppnetwork.org"


# All that can be said of a phone, but that it has come
FOREIGN: list[Any] = [
    message
    for message in [vector[2] for vector in VECTORS] + [simple[1] for simple in SIMPLE]
    if getattr(message, "imsi", None) and not isinstance(message, m.LocationUpdateRequest)
]


@pytest.fixture
def lab() -> SgsLab:
    return SgsLab()


@pytest.fixture
def mme(lab: SgsLab) -> Mme:
    return lab.connect()


def answer(lab: SgsLab, mme: Mme, message: Message) -> list[Message]:
    """What the VLR says to a message."""
    mme.received_messages.clear()
    mme.say(message)
    lab.pump()
    return mme.received_messages


# --- location


def test_a_phone_comes_and_goes(lab: SgsLab, mme: Mme) -> None:
    phone = mme.attach(A, tmsi_status=1)
    lab.run(0.1)
    assert phone.attached
    assert lab.sgs.associated(A)
    assert lab.sgs.rows() == [(NAME, "192.0.2.61:36412", "1")]
    mme.detach_eps(A)
    lab.run(0.1)
    play(
        mme,
        """
        --> LOCATION-UPDATE-REQUEST
        <-- LOCATION-UPDATE-ACCEPT
        --> TMSI-REALLOCATION-COMPLETE
        --> EPS-DETACH-INDICATION
        <-- EPS-DETACH-ACK
        """,
    )
    assert not lab.sgs.associated(A)
    assert lab.sgs.rows() == [(NAME, "192.0.2.61:36412", "0")]
    assert not lab.sgs._phones.by_imsi


def test_every_phone_has_a_tmsi_of_its_own_and_keeps_it(lab: SgsLab, mme: Mme) -> None:
    for imsi in (A, B, A):
        lab.attached(mme, imsi)
    said = [each for each in mme.received_messages if isinstance(each, m.LocationUpdateAccept)]
    given = [each.mobile_identity.tmsi for each in said if each.mobile_identity is not None]
    assert len(given) == 3
    assert given[0] == given[2] != given[1]
    assert max(given) < 1 << 30


def test_a_detach_from_short_messages(lab: SgsLab, mme: Mme) -> None:
    lab.attached(mme, A)
    mme.detach_imsi(A, 3)
    lab.run(0.1)
    play(mme, "--> IMSI-DETACH-INDICATION\n<-- IMSI-DETACH-ACK")
    assert not lab.sgs.associated(A)


def test_who_is_not_ours_is_rejected_and_leaves_no_trace(lab: SgsLab, mme: Mme) -> None:
    phone = mme.attach(STRANGER)
    lab.run(0.1)
    play(mme, "--> LOCATION-UPDATE-REQUEST\n<-- LOCATION-UPDATE-REJECT 2")
    assert not phone.attached
    assert not lab.sgs._phones.by_imsi
    mme.detach_eps(STRANGER)
    mme.detach_imsi(STRANGER)
    lab.run(0.1)
    assert mme.ladder[-2:] == ["<-- EPS-DETACH-ACK", "<-- IMSI-DETACH-ACK"]


def test_a_phone_stays_ours_for_days(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    lab.clock.advance(5 * 86400.0)
    assert lab.sgs.associated(B)
    lab.submit(NUMBER_B)
    lab.run(1.0)
    play(mme, MT)
    assert phone.inbox == ["Hello"]


def test_a_user_who_is_added_later(lab: SgsLab, mme: Mme) -> None:
    mme.attach(STRANGER)
    lab.run(0.1)
    lab.lab.subscribers.add([UserConfig(imsi=STRANGER)])
    phone = lab.attached(mme, STRANGER)
    assert phone.attached


def test_a_phone_that_moves_to_another_mme(lab: SgsLab, mme: Mme) -> None:
    lab.attached(mme, B)
    other = lab.connect(host="192.0.2.62", name=OTHER)
    phone = lab.attached(other, B)
    assert [row[2] for row in lab.sgs.rows()] == ["0", "1"]
    lab.submit(NUMBER_B)
    lab.run(1.0)
    play(other, MT)
    assert phone.inbox == ["Hello"]
    # the former MME knows nothing of it any more
    assert answer(lab, mme, m.UplinkUnitdata(B, b"\x09\x04")) == [m.ReleaseRequest(B, 4)]
    assert answer(lab, mme, m.ImsiDetachIndication(B, NAME, 3)) == [m.ImsiDetachAck(B)]
    assert lab.sgs.associated(B)


# --- failures


def test_an_mme_hears_of_our_start_once(lab: SgsLab) -> None:
    mme = lab.connect(quiet=False)
    play(mme, "<-- RESET-INDICATION\n--> RESET-ACK")
    assert lab.sgs.rows() == [(NAME, "192.0.2.61:36412", "0")]
    lab.wire.on_lost("gone")
    lab.connect(mme, quiet=False)
    lab.run(20.0)
    assert mme.ladder == []


def test_another_mme_at_the_same_address_hears_of_our_start_as_well(lab: SgsLab, mme: Mme) -> None:
    other = lab.connect(name=OTHER, quiet=False)
    assert other.ladder == []  # who it is is not known yet
    other.attach(B)
    lab.run(1.0)
    assert sorted(other.ladder) == sorted(
        [
            "--> LOCATION-UPDATE-REQUEST",
            "<-- RESET-INDICATION",
            "<-- LOCATION-UPDATE-ACCEPT",
            "--> RESET-ACK",
            "--> TMSI-REALLOCATION-COMPLETE",
        ]
    )
    assert lab.sgs.associated(B)
    other.restart()
    lab.run(1.0)
    assert other.ladder[-2:] == ["--> RESET-INDICATION", "<-- RESET-ACK"]


def test_an_mme_that_does_not_acknowledge_our_start(lab: SgsLab) -> None:
    silent = Mme(lambda data: None, lab.lab.wheel.add, lab.clock.time)
    silent.acknowledges = False
    lab.connect(silent, quiet=False)
    lab.run(30.0)
    play(silent, 3 * "<-- RESET-INDICATION\n")
    assert lab.sgs.rows() == [("-", "192.0.2.61:36412", "0")]
    assert lab.attached(silent, A).attached


def test_an_mme_that_restarts(lab: SgsLab, mme: Mme) -> None:
    lab.attached(mme, A)
    phone = lab.attached(mme, B)
    mme.restart()
    lab.run(0.1)
    play(mme, "--> RESET-INDICATION\n<-- RESET-ACK")
    assert not lab.sgs.associated(A)
    lab.submit(NUMBER_B)
    lab.run(1.0)
    play(mme, "<-- PAGING-REQUEST\n--> PAGING-REJECT 3")  # everywhere, and nobody there
    mme.attach(B)
    lab.run(2.0)
    assert phone.inbox == ["Hello"]
    lab.clock.advance(86400.0)
    assert A not in lab.sgs._phones.by_imsi  # it counts as detached
    assert lab.sgs.associated(B)


def test_a_restart_in_the_middle_of_a_message(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    phone.silent = True
    lab.submit(NUMBER_B)
    lab.run(1.0)
    mme.restart()
    lab.run(1.0)
    phone.silent = False
    mme.attach(B)
    lab.run(2.0)
    assert phone.inbox == ["Hello"]
    lab.nothing_left()


def test_a_restart_of_one_mme_is_nothing_to_the_phones_of_another(lab: SgsLab, mme: Mme) -> None:
    other = lab.connect(host="192.0.2.62", name=OTHER)
    lab.attached(mme, A)
    lab.attached(other, B)
    mme.restart()
    lab.run(1.0)
    assert not lab.sgs.associated(A)
    assert lab.sgs.associated(B)


def test_without_an_mme_there_is_no_transport(lab: SgsLab) -> None:
    assert lab.lab.gateway.transports.sgs is None
    mme = lab.connect()
    assert lab.lab.gateway.transports.sgs is lab.sgs
    lab.attached(mme, A)
    lab.wire.on_lost("gone")
    assert lab.lab.gateway.transports.sgs is None
    assert lab.sgs.rows() == []
    lab.submit(NUMBER_A)
    lab.run(10.0)
    phone = mme.phone(A)
    lab.connect(mme)
    mme.restart()
    mme.attach(A)
    lab.run(2.0)
    assert phone.inbox == ["Hello"]


def test_an_mme_that_connects_again_before_the_loss_was_noticed(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    former = lab.wire
    lab.connect(mme)
    lab.attached(mme, A)  # from here on the VLR knows who it is
    assert lab.sgs.rows() == [("-", "192.0.2.61:36412", "0"), (NAME, "192.0.2.61:36412", "2")]
    former.on_lost("no answer")
    assert lab.sgs.rows() == [(NAME, "192.0.2.61:36412", "2")]
    lab.submit(NUMBER_B)
    lab.run(1.0)
    play(mme, MT)
    assert phone.inbox == ["Hello"]


def test_an_mme_that_connects_again_and_says_nothing(lab: SgsLab, mme: Mme) -> None:
    phone = lab.attached(mme, B)
    former = lab.wire
    former.receive = lambda data: None  # type: ignore[method-assign]
    lab.connect(mme)
    lab.submit(NUMBER_B)
    lab.run(1.0)
    assert mme.ladder == []
    former.on_lost("no answer")
    lab.run(1.0)
    assert lab.sgs.rows() == [(NAME, "192.0.2.61:36412", "1")]
    play(mme, MT)
    assert phone.inbox == ["Hello"]


# --- what does not fit


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (m.UplinkUnitdata(B, b"\x09\x04"), [m.ReleaseRequest(B, 4)]),
        (m.UplinkUnitdata(STRANGER, b"\x09\x04"), [m.ReleaseRequest(STRANGER, 3)]),
        (m.ServiceRequest(B, 2), [m.ReleaseRequest(B, 4)]),
        (m.PagingReject(B, 3), []),
        (m.UeUnreachable(B, 6), []),
        (m.UeActivityIndication(B), []),
        (m.Status(B, 3, b"\x07"), []),
        (m.Status(None, 8, b"\x07"), []),
        (m.TmsiReallocationComplete(B), []),
    ],
)
def test_messages_about_phones_that_are_not_there(lab: SgsLab, mme: Mme, message: Message, said: list[Message]) -> None:
    assert answer(lab, mme, message) == said


@pytest.mark.parametrize("message", [m.AlertAck(STRANGER), m.PagingReject(STRANGER, 3), m.MoCsfbIndication(STRANGER)])
def test_messages_about_phones_that_nobody_knows(lab: SgsLab, mme: Mme, message: Message) -> None:
    assert answer(lab, mme, message) == [m.Status(STRANGER, SgsCause.IMSI_UNKNOWN, message.encode())]


@pytest.mark.parametrize(
    "message",
    [
        m.PagingRequest(A, "vlr.example", 2),
        m.DownlinkUnitdata(A, b"\x09\x04"),
        m.AlertRequest(A),
        m.EpsDetachAck(A),
        m.ReleaseRequest(A),
        m.ServiceAbortRequest(A),
        m.MmInformationRequest(A, b"\x46\x40"),
    ],
)
def test_what_only_a_vlr_sends(lab: SgsLab, mme: Mme, message: Message) -> None:
    lab.attached(mme, A)
    assert answer(lab, mme, message) == [m.Status(A, SgsCause.MESSAGE_UNKNOWN, message.encode())]
    assert lab.sgs.associated(A)


@pytest.mark.parametrize("message", FOREIGN, ids=lambda message: type(message).__name__)
def test_what_another_mme_says_of_a_phone_changes_nothing(lab: SgsLab, mme: Mme, message: Any) -> None:
    phone = lab.attached(mme, B)
    other = lab.connect(host="192.0.2.62", name=OTHER)
    names = {"mme_name": OTHER} if hasattr(message, "mme_name") else {}
    other.say(replace(message, imsi=B, **names))
    lab.run(0.1)
    assert mme.ladder == []
    lab.submit(NUMBER_B)
    lab.run(1.0)
    play(mme, MT)
    assert phone.inbox == ["Hello"]


def test_a_reset_without_the_name_of_the_mme(lab: SgsLab, mme: Mme) -> None:
    message = m.ResetIndication(vlr_name="vlr.example")
    assert answer(lab, mme, message) == [
        m.Status(None, SgsCause.CONDITIONAL_INFORMATION_ELEMENT_ERROR, message.encode())
    ]


def test_what_cannot_be_read_is_answered_and_changes_nothing(lab: SgsLab, mme: Mme) -> None:
    lab.attached(mme, A)
    before = counters.get("sgsap_malformed")
    mme.received_messages.clear()
    for data in (b"", b"\x00", b"\x19\x01", b"\x08", bytes(300)):
        mme.say_octets(data)
    lab.pump()
    assert [each.sgs_cause for each in mme.received_messages if isinstance(each, m.Status)] == [12, 12, 8, 12]
    assert counters.get("sgsap_malformed") == before + 5
    assert lab.sgs.associated(A)


def test_a_fault_of_ours_ends_no_association(lab: SgsLab, mme: Mme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.sgs, "received", None)
    mme.say(m.AlertAck(A))
    lab.pump()
    assert lab.link in lab.links


def test_an_mme_of_many_names_is_one(lab: SgsLab, mme: Mme) -> None:
    for n in range(100):
        mme.say(m.ResetIndication(mme_name=f"mme{n}.example"))
    lab.pump()
    assert len(lab.sgs._mmes.by_name) == 16
    lab.wire.on_lost("gone")
    assert not lab.sgs._mmes.by_name


def test_an_mme_that_comes_under_another_name_each_time_is_forgotten(lab: SgsLab) -> None:
    for n in range(20):
        lab.attached(lab.connect(name=f"mme{n}.example"), A)
        lab.wire.on_lost("gone")
    assert list(lab.sgs._mmes.by_name) == ["mme19.example"]


def test_the_messages_of_a_phone_go_by_one_stream(lab: SgsLab, mme: Mme) -> None:
    assert lab.wire.streams_used == {0}
    lab.attached(mme, A)
    assert lab.wire.streams_used == {0, 1 + int(A) % 3}


# --- what a peer must not cost


def pending(lab: SgsLab) -> int:
    """Entries of the wheel, those that were cancelled among them."""
    return sum(len(bucket) for bucket in lab.lab.wheel._buckets.values())


def test_an_mme_that_resets_again_and_again_costs_one_timer(lab: SgsLab, mme: Mme) -> None:
    lab.attached(mme, A)
    lab.run(60.0)
    before = pending(lab)
    for _ in range(200):
        mme.restart()
        mme.attach(A)
        mme.restart()
        lab.run(1.0)
    assert pending(lab) <= before + 1
    lab.run(4 * 3600.0 - 10.0)
    assert A in lab.sgs._phones.by_imsi
    lab.run(20.0)
    assert A not in lab.sgs._phones.by_imsi


def test_two_links_that_argue_about_a_name_cost_one_timer(lab: SgsLab, mme: Mme) -> None:
    lab.attached(mme, A)
    lab.attached(mme, B)
    other = lab.connect(name=NAME, host="192.0.2.62")
    lab.run(1.0)
    before = pending(lab)
    for _ in range(200):
        mme.say(m.ResetIndication(mme_name=NAME))
        other.say(m.ResetIndication(mme_name=NAME))
        lab.pump()
    assert pending(lab) <= before + 3  # one for each phone that counts as detached some time, and this
    lab.run(1.0)


def test_pages_that_nobody_answers(lab: SgsLab) -> None:
    mme = lab.connect()
    imsis = [f"00101{n:010}" for n in range(100, 400)]
    lab.lab.subscribers.add(UserConfig(imsi=imsi, impu=(ImpuConfig(impu=f"tel:+{imsi}"),)) for imsi in imsis)
    for imsi in imsis:
        mme.phone(imsi).paging = Paging.IGNORED
        mme.attach(imsi)
    lab.run(1.0)
    before = pending(lab)
    for imsi in imsis:
        lab.submit(f"+{imsi}")
    lab.run(1.0)
    assert sum(mme.phone(imsi).paged for imsi in imsis) == len(imsis)
    lab.run(25.0)
    lab.nothing_left()
    assert pending(lab) <= before + 3 * len(imsis)  # TR1N that is over, the queue's, and its retry
    for imsi in imsis:
        mme.phone(imsi).paging = Paging.ANSWERED
    lab.run(61.0)
    assert all(mme.phone(imsi).inbox == ["Hello"] for imsi in imsis)


def test_an_mme_that_is_lost_by_the_first_thing_it_is_told(lab: SgsLab, mme: Mme) -> None:
    """What waits for it is too much already, so its association ends while its location update is read."""
    other = lab.connect(name=OTHER)
    wire = lab.wire
    wire.send = lambda *sent, **more: wire.on_lost("it does not read")  # type: ignore[method-assign]
    other.attach(A)
    lab.run(1.0)
    assert [row[0] for row in lab.sgs.rows()] == [NAME]
    lab.connect(other)
    phone = other.attach(A)
    lab.run(1.0)
    assert phone.attached
    assert [row[0] for row in lab.sgs.rows()] == [NAME, OTHER]


def test_the_timers_of_what_is_over_keep_nothing(lab: SgsLab, mme: Mme) -> None:
    a = lab.attached(mme, A)
    for _ in range(20):
        a.submit("to nobody", "+49777")
        lab.run(0.1)
    held = [handle for bucket in lab.lab.wheel._buckets.values() for handle in bucket if handle]
    assert not [handle for handle in held if "Conversation" in handle[0].__qualname__]


def test_a_user_who_is_not_there_any_more(lab: SgsLab, mme: Mme) -> None:
    """As one of an external HSS who has left the IMS."""
    phone = lab.attached(mme, A)
    subscriber = lab.lab.subscribers.by_impi(f"{A}@{DOMAIN}")
    assert subscriber is not None
    lab.lab.subscribers.dismiss(subscriber)
    phone.submit("Hi", NUMBER_B)
    lab.run(0.1)
    play(mme, f"--> UPLINK-UNITDATA CP-DATA\n<-- RELEASE-REQUEST {int(SgsCause.IMSI_UNKNOWN)}")
    assert A not in lab.sgs._phones.by_imsi
    mme.attach(A)
    lab.run(0.1)
    assert phone.rejected == 2


def test_a_phone_that_an_external_hss_may_know_is_let_try_again() -> None:
    lab = SgsLab(cx_server_addr=(Endpoint("192.0.2.70", 3868),))
    mme = lab.connect()
    phone = mme.attach(STRANGER)
    lab.run(0.1)
    assert phone.rejected == 17  # network failure, and not: IMSI unknown in HLR
    config = UserConfig(imsi=STRANGER, impu=(ImpuConfig(impu="tel:+49409"),))
    lab.lab.subscribers.adopt(Subscriber(config, DOMAIN))  # it registers
    mme.attach(STRANGER)
    lab.run(0.1)
    assert phone.attached


def test_a_user_whom_the_hss_has_given_another_number() -> None:
    lab = SgsLab(cx_server_addr=Endpoint("192.0.2.70", 3868))
    subscribers = lab.lab.subscribers
    mme = lab.connect()
    b = lab.attached(mme, B)
    for number in ("+49408", "+49409"):
        left = subscribers.by_impi(f"{STRANGER}@{DOMAIN}")
        if left is not None:
            subscribers.dismiss(left)
        config = UserConfig(imsi=STRANGER, impu=(ImpuConfig(impu=f"tel:{number}"),))
        subscribers.adopt(Subscriber(config, DOMAIN))
        phone = mme.phone(STRANGER) if left is not None else lab.attached(mme, STRANGER)
        phone.submit("Hi", NUMBER_B)
        lab.run(2.0)
    assert [sms.sender for sms in b.messages] == ["+49408", "+49409"]


# --- beside SIP


def test_a_phone_with_a_contact_gets_its_messages_there_unless_it_is_forced() -> None:
    lab = SgsLab()
    mme = lab.connect()
    subscriber = lab.lab.subscribers.by_impi(f"{B}@{DOMAIN}")
    assert subscriber is not None
    sip = lab.lab.phone("c", B, "192.0.2.13")
    subscriber.bindings[-1].sms_over_ip = True
    phone = lab.attached(mme, B)
    lab.submit(NUMBER_B)
    lab.run(0.5)
    assert not phone.inbox
    assert [name for name, _, _ in lab.lab.left] == [sip.name]
    subscriber.user = replace(subscriber.user, force_sms_over_sg=True)
    lab.run(200.0)
    assert phone.inbox == ["Hello"]


def test_sgs_is_tried_where_a_contact_does_not_answer() -> None:
    """TS 23.204 6.1: the next domain, once the first one has failed."""
    lab = SgsLab()
    mme = lab.connect()
    subscriber = lab.lab.subscribers.by_impi(f"{B}@{DOMAIN}")
    assert subscriber is not None
    lab.lab.phone("c", B, "192.0.2.13")
    subscriber.bindings[-1].sms_over_ip = True
    phone = lab.attached(mme, B)
    lab.submit(NUMBER_B)
    lab.run(150.0)
    assert phone.inbox == ["Hello"]
    assert not lab.waiting(B)


def test_a_phone_that_attaches_is_told_the_name_of_the_network() -> None:
    lab = SgsLab(network_name="Lab")
    mme = lab.connect()
    mme.attach(A)
    mme.attach(B)
    lab.run(0.2)
    assert lab.sgs.associated(A)
    mme.detach_eps(B)
    lab.run(1.0)
    informed = [each for each in mme.received_messages if isinstance(each, m.MmInformationRequest)]
    assert informed == [m.MmInformationRequest(A, network_name("Lab"))]
    mme.say(m.LocationUpdateRequest(A, NAME, 2, mme.lai))  # it has moved, and knows the name still
    lab.run(1.0)
    assert mme.ladder[-1] == "--> TMSI-REALLOCATION-COMPLETE"


def test_pages_are_as_the_timings_say() -> None:
    lab = SgsLab(timings=Timings(ts5=2.0, ns5=0))
    mme = lab.connect()
    phone = lab.attached(mme, B)
    phone.paging = Paging.IGNORED
    lab.submit(NUMBER_B)
    lab.run(3.0)
    play(mme, "<-- PAGING-REQUEST")
    lab.nothing_left()

"""By which transport a short message goes, and what changes while it waits: settings, registrations, other lines.

The transport `Paging` stands for SMS over SGs: what it is given is kept, and the test says how it went.
"""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from lteims.config import ImpuConfig, SmsAction, SmsMessageFilter
from lteims.ims.sms_transport import OnEnd, Outcome, Parcel, Sent
from lteims.ims.subscribers import Subscriber
from lteims.sip.message import Response
from lteims.sms import rp, tpdu
from lteims.sms.address import Address
from lteims.sms.cause import RpCause, TpFcs, TpStatus
from lteims.sms.octets import Direction
from lteims.sms.validity import EnhancedForm, EnhancedValidity
from tests.flows.conftest import Notes
from tests.flows.phones import DOMAIN, Lab, user
from tests.flows.sms import (
    CENTRE,
    NOW,
    Disk,
    LabWith,
    accepted,
    cause,
    content,
    data,
    heard,
    leave,
    receive,
    rungs,
    say,
    sms_lab,
    sms_phone,
    status,
    submission,
    submit,
    take,
)  # fmt: skip

B = f"2@{DOMAIN}"


@pytest.fixture
def lab(lab_with: LabWith) -> Lab:
    return sms_lab(lab_with)


class Paging:
    """A transport besides SIP."""

    def __init__(self, lab: Lab) -> None:
        self.sent: list[tuple[rp.RpData, OnEnd]] = []
        lab.gateway.transports.sgs = self

    def send(self, parcel: Parcel, on_end: OnEnd) -> Sent | None:
        if "mme" in parcel.tried:
            return None
        self.sent.append((parcel.rp_data(), on_end))
        return Sent("mme")

    def take(self) -> tuple[rp.RpData, OnEnd]:
        """The only message that was given to it."""
        (found,) = self.sent
        self.sent.clear()
        return found


def text_of(message: rp.RpData) -> str:
    found = tpdu.parse(message.rp_ud, Direction.SC_TO_MS)
    assert isinstance(found, tpdu.SmsDeliver)
    return str(found.user_data.text)


def acknowledge(lab: Lab, message: rp.RpData, contact: str = "mme") -> None:
    """The phone's RP-ACK comes by the other transport."""
    result(lab.gateway._delivery.on_report(B, rp.RpAck(Direction.MS_TO_SC, message.rp_mr, None), contact))


def result(work: Coroutine[Any, Any, Any]) -> Any:
    """Of a coroutine that waits for nothing."""
    with pytest.raises(StopIteration) as stop:
        work.send(None)
    return stop.value.value


def subscriber_b(lab: Lab) -> Subscriber:
    found = lab.subscribers.by_impi(B)
    assert found is not None
    return found


def force(lab: Lab, forced: bool = True) -> None:
    subscriber = subscriber_b(lab)
    subscriber.user = replace(subscriber.user, force_sms_over_sg=forced)


def settled(lab: Lab) -> None:
    assert not lab.left
    assert lab.gateway.load() == 0
    assert not lab.gateway._delivery._lines
    assert not lab.gateway._delivery._forced


# --- the choice


def test_a_user_that_is_forced_to_another_transport_waits_without_a_timer(lab: Lab) -> None:
    force(lab)
    submit(lab, lab.a, "Hi")
    lab.play("200 s")
    (line,) = lab.gateway._delivery._lines
    assert line.timer is None
    force(lab, forced=False)
    assert content(receive(lab, lab.b, within=5.1)) == "Hi"
    settled(lab)


def test_and_gets_it_at_once_where_somebody_says_so(lab: Lab) -> None:
    force(lab)
    submit(lab, lab.a, "Hi")
    lab.play("1 s")
    force(lab, forced=False)
    lab.gateway.reachable(B)
    receive(lab, lab.b, within=0.1)
    settled(lab)


def test_the_other_transport_when_it_comes(lab: Lab) -> None:
    force(lab)
    submit(lab, lab.a, "one", tp_srr=True)
    submit(lab, lab.a, "two")
    lab.play("100 s")
    paging = Paging(lab)
    lab.play("1 s")
    assert paging.sent == []
    lab.gateway.reachable(B)
    lab.play("0.1 s")
    message, on_end = paging.take()
    assert text_of(message) == "one"
    on_end(Outcome.ARRIVED)
    acknowledge(lab, message)
    assert status(receive(lab, lab.a)).tp_st == TpStatus.RECEIVED_BY_SME
    message, _ = paging.take()
    assert text_of(message) == "two"
    acknowledge(lab, message)  # before the transport says how it went
    settled(lab)


def test_sip_before_the_other_one_and_that_when_sip_fails(lab: Lab) -> None:
    paging = Paging(lab)
    submit(lab, lab.a, "Hi")
    take(lab, lab.b, 480)
    lab.play("0.1 s")
    message, on_end = paging.take()
    on_end(Outcome.FAILED)
    lab.play("59.5 s")
    assert paging.sent == []
    take(lab, lab.b, 480)
    lab.play("0.1 s")
    again, on_end = paging.take()
    assert again == message
    on_end(Outcome.ARRIVED)
    acknowledge(lab, again)
    settled(lab)


def test_a_user_that_is_nowhere_is_waited_for(lab: Lab) -> None:
    paging = Paging(lab)
    leave(lab, lab.b)
    submit(lab, lab.a, "Hi")
    lab.play("1 s")
    paging.take()[1](Outcome.ABSENT)
    lab.play("1000 s")
    assert paging.sent == []
    lab.gateway.reachable(B)
    lab.play("0.1 s")
    acknowledge(lab, paging.take()[0])
    settled(lab)


def test_who_comes_within_reach_while_it_is_looked_for_is_not_missed(lab: Lab) -> None:
    paging = Paging(lab)
    leave(lab, lab.b)
    submit(lab, lab.a, "Hi")
    lab.play("1 s")
    _, on_end = paging.take()
    lab.gateway.reachable(B)
    on_end(Outcome.ABSENT)  # said of before
    lab.play("0.1 s")
    _, on_end = paging.take()
    on_end(Outcome.ABSENT)
    lab.play("1000 s")
    assert paging.sent == []  # once is enough
    lab.gateway.reachable(B)
    lab.play("0.1 s")
    acknowledge(lab, paging.take()[0])
    settled(lab)


def test_a_user_that_the_hss_has_taken_away_and_given_back_gets_what_waits(lab: Lab) -> None:
    """It is another object then, and the queue is that of the first one."""
    first, again = (Subscriber(user("9"), DOMAIN, external=True) for _ in range(2))
    lab.subscribers.adopt(first)
    submit(lab, lab.a, "Hi", to="+49309")
    lab.play("1 s")
    lab.subscribers.dismiss(first)
    lab.play("1 s")
    lab.subscribers.adopt(again)
    h = sms_phone(lab, "h", "9", "192.0.2.19")
    assert content(receive(lab, h)) == "Hi"
    settled(lab)


def test_a_single_shot_for_nobody_ends_at_once(lab: Lab) -> None:
    force(lab)
    submit(lab, lab.a, "Hi", tp_vp=EnhancedValidity(EnhancedForm.NONE, single_shot=True))
    lab.play("0.1 s")
    settled(lab)


def test_what_an_earlier_try_says_too_late_changes_nothing(lab: Lab) -> None:
    paging = Paging(lab)
    force(lab)
    submit(lab, lab.a, "Hi")
    lab.play("0.1 s")
    _, first = paging.take()
    first(Outcome.FAILED)
    lab.play("60.1 s")
    message, _ = paging.take()
    first(Outcome.ARRIVED)
    first(Outcome.ABSENT)
    (line,) = lab.gateway._delivery._lines
    assert line.queue.under_way
    acknowledge(lab, message, contact="somewhere else")
    assert lab.gateway.pending(B) == 1
    acknowledge(lab, message)
    settled(lab)


def test_a_path_that_nobody_can_read_fails_that_contact_alone(lab: Lab, notes: Notes) -> None:
    c = lab.beside("c", "2", "192.0.2.13", q=0.5)
    c.target = CENTRE
    subscriber = subscriber_b(lab)
    subscriber.bindings[0].path = ["<sip:["]
    subscriber.bindings[1].sms_over_ip = True
    submit(lab, lab.a, "Hi")
    receive(lab, c)
    assert "there is no way to sip:2@192.0.2.12" in notes.text
    leave(lab, c)
    submit(lab, lab.a, "Hello")
    lab.play("59 s")  # and not the 130 s that a transport may take
    subscriber.bindings[0].path = []
    assert content(receive(lab, lab.b, within=2)) == "Hello"
    settled(lab)


def test_an_answer_that_finds_no_way_is_repeated_by_the_phone(lab: Lab) -> None:
    subscriber = lab.subscribers.by_impi(f"1@{DOMAIN}")
    assert subscriber is not None
    subscriber.bindings[0].path = ["<sip:["]
    say(lab, lab.a, rp.RpSmma(5).encode(), reply=False)
    lab.play("10 s")
    subscriber.bindings[0].path = []
    say(lab, lab.a, rp.RpSmma(5).encode())
    assert heard(lab.a).rp_mr == 5


def test_a_phone_submits_by_another_transport(lab: Lab) -> None:
    sender = lab.subscribers.by_impi(f"1@{DOMAIN}")
    assert sender is not None
    sms = submission("Hi", "+49302", tp_mr=3)
    message = rp.RpData(Direction.MS_TO_SC, 77, None, Address.number("+493099"), sms)
    answer = result(lab.gateway.on_rpdu(sender, message))
    assert isinstance(answer, rp.RpAck)
    assert answer.rp_mr == 77
    assert content(receive(lab, lab.b)) == "Hi"
    submit(lab, lab.b, "Hello", to="+49301", mr=4)
    assert str(data(receive(lab, lab.a)).rp_oa) == "+493099"  # the service centre that it has named
    smma = result(lab.gateway.on_rpdu(sender, rp.RpSmma(5)))
    assert smma == rp.RpAck(Direction.SC_TO_MS, 5)
    settled(lab)


# --- settings and registrations while messages wait


def test_the_retry_delay_changes_for_what_waits(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, sms_retry_delay=5000)
    config = lab.gateway._config
    for code in (480, 481):
        submit(lab, lab.a, "Hi")
        take(lab, lab.b, code)
        lab.play("15 s")
        object.__setattr__(config, "sms_retry_delay", 20)
        lab.play("4.8 s")
        receive(lab, lab.b, within=1)
        settled(lab)
        object.__setattr__(config, "sms_retry_delay", 5000)
        lab.play("6 s")


def test_the_new_retry_delay_holds_for_the_next_failure(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    object.__setattr__(lab.gateway._config, "sms_retry_delay", 3)
    take(lab, lab.b, 480)
    receive(lab, lab.b, within=3.2)
    settled(lab)


def test_sms_expires_changes_for_what_waits(lab: Lab) -> None:
    leave(lab, lab.b)
    submit(lab, lab.a, "Hi", mr=1, tp_srr=True)
    submit(lab, lab.a, "brief", mr=2, tp_vp=EnhancedValidity(EnhancedForm.SECONDS, 200))
    object.__setattr__(lab.gateway._config, "sms_expires", 100_000)
    lab.play("100 s")
    assert lab.gateway.pending(B) == 2
    lab.play("105 s")
    assert lab.gateway.pending(B) == 1
    lab.play("86400 s")  # what it was before
    assert lab.gateway.pending(B) == 1
    object.__setattr__(lab.gateway._config, "sms_expires", 60)
    assert status(receive(lab, lab.a, within=6)).tp_st == TpStatus.VALIDITY_PERIOD_EXPIRED
    settled(lab)


def test_a_phone_that_came_back_while_the_old_contact_was_tried(lab: Lab) -> None:
    """The same contact is registered again: what nobody answered is sent to it without the delay."""
    submit(lab, lab.a, "Hi")
    rungs(lab, "within 1 s\nb x-- MESSAGE")
    subscriber = subscriber_b(lab)
    lab.subscribers.bind(subscriber, subscriber.bindings[0])
    lab.play("0.1 s")
    rungs(lab, "within 1 s\nb <-- MESSAGE")
    late = lab.b.last("MESSAGE")
    lab.arrive(lab.b, Response.to_request(late, 480, "", "t").encode())
    receive(lab, lab.b, within=0.2)
    settled(lab)


# --- lines of their own


def test_an_emergency_message_holds_nothing_up(lab: Lab) -> None:
    from tests.flows.test_sms_ladders import operator, run

    run(operator(lab, impi="2", text="Where are you?", sos=True))
    submit(lab, lab.a, "Hi")
    assert content(receive(lab, lab.b)) == "Hi"
    assert lab.gateway.flush(B) == 1
    settled(lab)


def test_a_phone_of_a_multi_sim_that_is_away_holds_nothing_up(lab_with: LabWith) -> None:
    impus = ("2", "tel:+49302", ImpuConfig(impu="tel:+49320", imei="35000000000011-0"),
             ImpuConfig(impu="tel:+49321", imei="35000000000022-0"))  # fmt: skip
    lab = lab_with(users=(user("1"), user("2", *impus, multi_sim=True)))
    lab.clock.now = NOW
    a, b = sms_phone(lab, "a", "1", "192.0.2.11"), sms_phone(lab, "b", "2", "192.0.2.12")
    subscriber_b(lab).bindings[0].imei = "35000000-000011-0"
    submit(lab, a, "for the one that is away", to="+49321")
    submit(lab, a, "for the one that is here", to="+49320")
    assert content(receive(lab, b)) == "for the one that is here"
    c = lab.phones["c"] = type(b)(lab, "c", "2", "192.0.2.13")
    c.target = CENTRE
    lab.bind(c, sms_over_ip=True, imei="35000000-000022-0")
    assert content(receive(lab, c)) == "for the one that is away"
    settled(lab)


# --- who counts what waits


def test_listeners_hear_of_every_change(lab: Lab) -> None:
    heard: list[tuple[str, int]] = []
    lab.gateway.pending_listeners.append(lambda impi: heard.append((impi, lab.gateway.pending(impi))))
    submit(lab, lab.a, "one", tp_srr=True)
    receive(lab, lab.b)
    receive(lab, lab.a)
    assert heard == [(B, 1), (B, 0), (f"1@{DOMAIN}", 1), (f"1@{DOMAIN}", 0)]
    leave(lab, lab.b)
    heard.clear()
    submit(lab, lab.a, "two")
    submit(lab, lab.a, "three", tp_vp=EnhancedValidity(EnhancedForm.SECONDS, 20))
    lab.play("30 s")
    lab.gateway.flush(B)
    assert heard == [(B, 1), (B, 2), (B, 1), (B, 0)]
    settled(lab)


def test_a_listener_that_fails_costs_nobody_a_message(lab: Lab, notes: Notes) -> None:
    def broken(impi: str) -> None:
        raise ZeroDivisionError("ours")

    lab.gateway.pending_listeners.append(broken)
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b)
    assert "a listener to waiting short messages failed" in notes.text
    settled(lab)


# --- filters, causes, repetitions


BROKEN = b"\0\x2a\0\0\xff"  # RP-DATA with a length that runs over the end


@pytest.mark.parametrize(
    ("action", "expected"),
    [(SmsAction.TREAT, 96), (SmsAction.REJECT, RpCause.SHORT_MESSAGE_TRANSFER_REJECTED), (SmsAction.IGNORE, None)],
)
def test_the_filter_for_rp_data_that_cannot_be_read(
    lab_with: LabWith, action: SmsAction, expected: int | None
) -> None:  # fmt: skip
    lab = sms_lab(lab_with, sms_message_filter=SmsMessageFilter(rp_data=action))
    say(lab, lab.a, BROKEN, reply=expected is not None)
    if expected is not None:
        answer = heard(lab.a)
        assert isinstance(answer, rp.RpError)
        assert (answer.rp_mr, answer.rp_cause) == (0x2A, expected)
    lab.play("10 s")
    settled(lab)


def test_the_forced_cause_in_every_rp_error(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, sms_forced_rp_cause=69)
    assert cause(submit(lab, lab.a, "Hi", to="+49309"))[0] == 69
    assert cause(submit(lab, lab.a, b"\xff"))[0] == 69
    say(lab, lab.a, BROKEN)
    answer = heard(lab.a)
    assert isinstance(answer, rp.RpError)
    assert answer.rp_cause == 69
    object.__setattr__(lab.gateway._config, "sms_message_filter", SmsMessageFilter(rp_data=SmsAction.REJECT))
    assert cause(submit(lab, lab.a, "Hi"))[0] == 69


def test_a_repetition_of_what_the_disk_did_not_take(lab_with: LabWith) -> None:
    """What was refused has not been submitted: it may come again under its TP-MR."""
    disk = Disk()
    lab = sms_lab(lab_with, disk=disk)
    disk.full = True
    assert cause(submit(lab, lab.a, "Hi", mr=44)) == (38, TpFcs.SC_SYSTEM_FAILURE)
    disk.full = False
    accepted(submit(lab, lab.a, "Hi", mr=44, tp_rd=True))
    disk.full = True
    assert cause(submit(lab, lab.a, "Hi", mr=44, tp_rd=True)) == (38, TpFcs.SC_SYSTEM_FAILURE)
    disk.full = False
    assert cause(submit(lab, lab.a, "Hi", mr=44, tp_rd=True)) == (21, TpFcs.SM_REJECTED_DUPLICATE_SM)
    receive(lab, lab.b)
    settled(lab)


def test_the_sender_hears_of_a_receiver_that_is_gone(lab_with: LabWith) -> None:
    disk = Disk()
    before = sms_lab(Lab, disk=disk)
    submit(before, before.a, "to c", to="+49303", mr=9, tp_srr=True)
    submit(before, before.a, "to c as well", to="+49303", mr=10)
    lab = sms_lab(lab_with, disk=disk, at=before.clock.now + 3, users=(user("1"), user("2")))
    found = status(receive(lab, lab.a))
    assert (found.tp_mr, found.tp_st) == (9, TpStatus.NOT_OBTAINABLE)
    lab.play("10 s")
    settled(lab)
    assert disk.load("sms") == {}

"""Short messages from phone to phone as ladders in virtual time (TS 24.341 5.3, TS 23.040 3).

ims/ipsmgw.py takes them, ims/sms_delivery.py brings them; a and b are phones with SMS over IP. sms.py has their words.
"""

from dataclasses import replace

import pytest

from lteims import counters
from lteims.config import ImpuConfig, SmsAction, SmsMessageFilter
from lteims.errors import OperatorError
from lteims.ims.service_centre import Submission
from lteims.ims.sms_control import SmsControl
from lteims.ims.sms_hook import SmsEvent
from lteims.sip.message import Response
from lteims.sms import rp, text, tpdu
from lteims.sms.address import Address, TypeOfNumber
from lteims.sms.cause import RpCause, TpCommandType, TpFcs, TpStatus
from lteims.sms.octets import Direction
from lteims.sms.timestamp import Timestamp
from lteims.sms.udh import Ports
from lteims.sms.validity import AbsoluteValidity, EnhancedForm, EnhancedValidity, RelativeValidity, Validity
from tests.flows.conftest import Notes
from tests.flows.phones import DOMAIN, Lab, user
from tests.flows.sms import (
    CENTRE,
    LONG,
    NOW,
    RPDU,
    Disk,
    LabWith,
    accepted,
    cause,
    come_back,
    content,
    data,
    deliver,
    heard,
    leave,
    receive,
    report,
    rungs,
    say,
    sms_lab,
    sms_phone,
    status,
    submission,
    submit,
    take,
)  # fmt: skip

SINGLE_SHOT = EnhancedValidity(EnhancedForm.NONE, single_shot=True)


@pytest.fixture
def lab(lab_with: LabWith) -> Lab:
    return sms_lab(lab_with)


def silent(lab: Lab, seconds: float) -> None:
    """Nothing is sent for so long."""
    lab.play(f"{seconds} s")


def settled(lab: Lab) -> None:
    """Nothing waits, and nothing is kept of who waited."""
    assert not lab.left
    assert lab.gateway.load() == 0
    assert not lab.gateway._delivery._lines


# --- from phone to phone


def test_from_phone_to_phone(lab: Lab) -> None:
    answer = submit(lab, lab.a, "Hello b", mr=9)
    assert answer.rp_mr == 9
    scts = accepted(answer).tp_scts
    assert lab.gateway.load() == 1
    message = take(lab, lab.b)
    assert content(message) == "Hello b"
    assert str(deliver(message).tp_oa) == "+49301"
    assert deliver(message).tp_oa.ton is TypeOfNumber.INTERNATIONAL
    assert deliver(message).tp_scts == scts == Timestamp.at(NOW)
    report(lab, lab.b, of=message)
    settled(lab)


def test_the_headers_of_a_delivery(lab: Lab) -> None:
    submit(lab, lab.a, "Hello b")
    message = receive(lab, lab.b)
    assert message.target == f"sip:2@{lab.b.host}:5060"
    assert message.get("content-type") == RPDU
    assert message.get("content-transfer-encoding") == "binary"
    assert message.get("p-asserted-identity") == f"<sip:ipsmgw@{DOMAIN}>"
    assert message.get("accept-contact") == "*;+g.3gpp.smsip;require;explicit"
    assert message.get("request-disposition") == "no-fork"
    assert message.get("to") == "<tel:+49302>"


def test_the_service_centre_is_the_one_that_the_phone_names(lab: Lab) -> None:
    submit(lab, lab.b, "I am here", to="+49301", centre="+49170000")
    receive(lab, lab.a)
    submit(lab, lab.a, "Hello b")
    assert str(data(receive(lab, lab.b)).rp_oa) == "+49170000"


def test_the_service_centre_may_stand_in_the_request_uri_alone(lab: Lab) -> None:
    lab.b.target = f"sip:+49170001@{DOMAIN};user=phone"
    submit(lab, lab.b, "I am here", to="+49301", centre="")
    receive(lab, lab.a)
    submit(lab, lab.a, "Hello b")
    assert str(data(receive(lab, lab.b)).rp_oa) == "+49170001"


@pytest.mark.parametrize(("now", "shown"), [(0.0, "2000-01-01"), (5e9, "2089-12-31")])
def test_a_clock_that_is_wrong(lab_with: LabWith, now: float, shown: str) -> None:
    lab = sms_lab(lab_with, at=now)
    scts = accepted(submit(lab, lab.a, "Hi", tp_srr=True)).tp_scts
    assert str(scts).startswith(shown)
    assert deliver(receive(lab, lab.b)).tp_scts == scts
    assert status(receive(lab, lab.a)).tp_scts == scts
    settled(lab)


def test_to_oneself(lab: Lab) -> None:
    submit(lab, lab.a, "A note", to="+49301", tp_srr=True)
    assert content(receive(lab, lab.a)) == "A note"
    assert status(receive(lab, lab.a)).tp_st == TpStatus.RECEIVED_BY_SME
    settled(lab)


def test_one_at_a_time_in_order(lab: Lab) -> None:
    for number in range(4):
        submit(lab, lab.a, f"message {number}", mr=number)
    more = []
    for number in range(4):
        message = take(lab, lab.b)
        assert content(message) == f"message {number}"
        more.append(not deliver(message).tp_mms)
        report(lab, lab.b, of=message)
    assert more == [True, True, True, False]  # TP-MMS is 0 while others wait
    settled(lab)


def test_each_message_has_its_own_rp_mr(lab: Lab) -> None:
    seen = []
    for number in range(3):
        submit(lab, lab.a, "again", mr=number)
        seen.append(data(receive(lab, lab.b)).rp_mr)
    assert len(set(seen)) == 3


def test_data_and_headers_pass_as_they_are(lab: Lab) -> None:
    part = text.split_data(b"\0\1\2", elements=[Ports(2948, 9200).element()])[0]
    submit(lab, lab.a, part, tp_pid=0x41, tp_rp=True)
    found = deliver(receive(lab, lab.b))
    assert (found.user_data, found.tp_pid, found.tp_rp) == (part, 0x41, True)


def test_message_class_and_parts_pass_as_they_are(lab: Lab) -> None:
    parts = text.split(LONG, reference=77, message_class=0)
    assert len(parts) == 3
    for number, part in enumerate(parts):
        submit(lab, lab.a, part, mr=number)
    got = [deliver(receive(lab, lab.b)).user_data for _ in parts]
    assert got == parts
    assert text.join(got).text == LONG


@pytest.mark.parametrize("to", ["+49302", "+49399", "0302"])
def test_the_type_of_a_number_is_kept_in_the_status_report(lab: Lab, to: str) -> None:
    """PHONES 23: also of a national number; a number of nobody is refused."""
    known = to == "+49302"
    answer = submit(lab, lab.a, "Hello", to=to, tp_srr=True)
    assert isinstance(answer, rp.RpAck) is known
    if known:
        receive(lab, lab.b)
        assert status(receive(lab, lab.a)).tp_ra == Address.number(to)


# --- what is refused


def test_an_unknown_number(lab: Lab) -> None:
    assert cause(submit(lab, lab.a, "Anybody?", to="+49309")) == (1, TpFcs.INVALID_SME_ADDRESS)
    settled(lab)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", (96, TpFcs.UNSPECIFIED_ERROR_CAUSE)),
        (b"\x01\x07", (96, TpFcs.INVALID_SME_ADDRESS)),
        (b"\x03", (97, TpFcs.TPDU_NOT_SUPPORTED)),
        (submission("Hello", "+49302")[:-1], (96, TpFcs.UNSPECIFIED_ERROR_CAUSE)),
        (b"\x19" + submission("Hello", "+49302", tp_vp=RelativeValidity(1))[1:], (96, TpFcs.TP_VP_NOT_SUPPORTED)),
        (b"\x02\x07\x00", (96, TpFcs.UNSPECIFIED_TP_COMMAND_ERROR)),
    ],
)
def test_a_tpdu_that_cannot_be_read(lab: Lab, octets: bytes, expected: tuple[int, int]) -> None:
    assert cause(submit(lab, lab.a, octets)) == expected
    settled(lab)


def test_an_rpdu_that_is_cut_off(lab: Lab) -> None:
    """With a reference it is answered by RP-ERROR; without one by 400."""
    whole = rp.RpData(Direction.MS_TO_SC, 5, None, Address.number("+491"), submission("Hello", "+49302")).encode()
    say(lab, lab.a, whole[:9])
    assert cause(heard(lab.a)) == (96, 0)
    assert heard(lab.a).rp_mr == 5
    say(lab, lab.a, whole[:1], code=400, reply=False)
    say(lab, lab.a, b"", code=400, reply=False)
    settled(lab)


def test_an_rpdu_of_the_wrong_direction(lab: Lab) -> None:
    say(lab, lab.a, rp.RpAck(Direction.SC_TO_MS, 5).encode(), code=400, reply=False)
    say(lab, lab.a, rp.RpData(Direction.SC_TO_MS, 5, None, None, b"\0").encode())
    assert cause(heard(lab.a)) == (97, 0)


def test_a_report_that_cannot_be_read(lab: Lab) -> None:
    """RP-ERROR without a cause is not answered by another report (TS 24.011 9.3)."""
    say(lab, lab.a, b"\x04\x05", code=400, reply=False)


def test_a_phone_sends_no_deliver_report_as_data(lab: Lab) -> None:
    assert cause(submit(lab, lab.a, b"\x00\x00")) == (97, TpFcs.TPDU_NOT_SUPPORTED)


def test_a_forced_cause(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, sms_forced_rp_cause=42)
    assert cause(submit(lab, lab.a, "Hello", to="+49309")) == (42, TpFcs.INVALID_SME_ADDRESS)
    accepted(submit(lab, lab.a, "Hello"))
    receive(lab, lab.b)


def test_who_is_not_registered_sends_nothing(lab: Lab) -> None:
    leave(lab, lab.a)
    body = rp.RpData(Direction.MS_TO_SC, 1, None, None, submission("Hello", "+49302")).encode()
    say(lab, lab.a, body, code=403, reply=False)
    come_back(lab, lab.a)
    lab.a.host = "192.0.2.66"  # somebody else claims to be a
    say(lab, lab.a, body, code=403, reply=False)
    settled(lab)


def test_a_reference_that_comes_again_with_tp_rd_is_a_duplicate(lab: Lab) -> None:
    """TS 23.040 9.2.3.6, 9.2.3.25: refused while it waits, and when it is delivered; without TP-RD it is a new one."""
    submit(lab, lab.a, "Once", mr=9)
    assert cause(submit(lab, lab.a, "Once", mr=9, tp_rd=True)) == (21, TpFcs.SM_REJECTED_DUPLICATE_SM)
    receive(lab, lab.b)
    assert cause(submit(lab, lab.a, "Once", mr=9, tp_rd=True)) == (21, TpFcs.SM_REJECTED_DUPLICATE_SM)
    accepted(submit(lab, lab.a, "Once", mr=9))
    receive(lab, lab.b)
    accepted(submit(lab, lab.a, "Once", mr=10, tp_rd=True))
    receive(lab, lab.b)
    settled(lab)


def test_a_repetition_of_what_was_refused_is_no_duplicate(lab_with: LabWith) -> None:
    disk = Disk()
    lab = sms_lab(lab_with, disk=disk)
    disk.full = True
    assert cause(submit(lab, lab.a, "Once", mr=9)) == (38, TpFcs.SC_SYSTEM_FAILURE)
    disk.full = False
    accepted(submit(lab, lab.a, "Once", mr=9, tp_rd=True))
    receive(lab, lab.b)


# --- filters


def filtered(lab_with: LabWith, **actions: SmsAction) -> Lab:
    return sms_lab(lab_with, sms_message_filter=SmsMessageFilter(**actions))


def test_rp_data_is_ignored(lab_with: LabWith) -> None:
    lab = filtered(lab_with, rp_data=SmsAction.IGNORE)
    say(lab, lab.a, rp.RpData(Direction.MS_TO_SC, 1, None, None, submission("Hi", "+49302")).encode(), reply=False)
    silent(lab, 100)
    settled(lab)


def test_rp_data_is_rejected(lab_with: LabWith) -> None:
    lab = filtered(lab_with, rp_data=SmsAction.REJECT)
    assert cause(submit(lab, lab.a, "Hi")) == (21, 0)
    settled(lab)


def test_rp_ack_is_ignored(lab_with: LabWith) -> None:
    """So that the message comes again, with the same reference and time."""
    lab = filtered(lab_with, rp_ack=SmsAction.IGNORE)
    submit(lab, lab.a, "Hi")
    first = receive(lab, lab.b)
    silent(lab, 99)
    again = take(lab, lab.b, within=2)
    assert again.call_id != first.call_id
    assert data(again) == data(first)
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1


def test_rp_ack_is_rejected(lab_with: LabWith) -> None:
    lab = filtered(lab_with, rp_ack=SmsAction.REJECT)
    submit(lab, lab.a, "Hi")
    take(lab, lab.b)
    report(lab, lab.b, code=403)
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1


def test_an_rp_error_passes_the_filter_of_rp_ack(lab_with: LabWith) -> None:
    lab = filtered(lab_with, rp_ack=SmsAction.IGNORE)
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b, cause=21)
    settled(lab)


# --- reports


def test_a_report_for_nothing(lab: Lab) -> None:
    before = counters.get("sms_stray_report")
    say(lab, lab.b, rp.RpAck(Direction.MS_TO_SC, 3).encode(), reply=False)
    assert counters.get("sms_stray_report") == before + 1


def test_a_report_with_another_reference(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    message = take(lab, lab.b)
    report(lab, lab.b, of=message, mr=data(message).rp_mr ^ 1)
    assert lab.gateway.load() == 1
    report(lab, lab.b, of=message)
    settled(lab)


def test_a_report_that_refers_to_another_message(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    message = take(lab, lab.b)
    report(lab, lab.b, of=message, refers="somewhere-else")
    assert lab.gateway.load() == 1
    report(lab, lab.b, of=message, refers=f"somewhere-else, {message.call_id}")
    settled(lab)


def test_a_report_without_in_reply_to(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    message = take(lab, lab.b)
    report(lab, lab.b, of=message, refers="")
    settled(lab)


def test_a_report_from_another_user(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    message = take(lab, lab.b)
    report(lab, lab.a, of=message)
    assert lab.gateway.load() == 1
    report(lab, lab.b, of=message)
    settled(lab)


def test_a_report_without_in_reply_to_from_another_phone_of_the_user(lab: Lab) -> None:
    c = lab.beside("c", "2", "192.0.2.13", q=0.5)
    c.target = CENTRE
    submit(lab, lab.a, "Hi")
    message = take(lab, lab.b)
    report(lab, c, of=message, refers="")
    assert lab.gateway.load() == 1
    report(lab, lab.b, of=message)
    settled(lab)


def test_a_report_that_comes_twice(lab: Lab) -> None:
    submit(lab, lab.a, "one")
    submit(lab, lab.a, "two")
    message = receive(lab, lab.b)
    report(lab, lab.b, of=message)  # anew, and no retransmission
    assert content(receive(lab, lab.b)) == "two"
    settled(lab)


def test_a_report_that_overtakes_the_200(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    rungs(lab, "within 1 s\nb <-- MESSAGE")
    report(lab, lab.b)
    settled(lab)
    rungs(lab, "b --> 200 MESSAGE")


def test_a_200_behind_its_report_says_nothing_of_the_next_message(lab: Lab) -> None:
    """The queue was empty in between, so that the next one is a new delivery."""
    submit(lab, lab.a, "one")
    rungs(lab, "within 1 s\nb <-- MESSAGE")
    late = lab.b.last("MESSAGE")
    report(lab, lab.b, of=late)
    submit(lab, lab.a, "two")
    lab.arrive(lab.b, Response.to_request(late, 200, "", "t").encode())
    assert lab.gateway.load() == 1
    assert content(receive(lab, lab.b)) == "two"
    settled(lab)


def test_a_late_report_counts(lab: Lab) -> None:
    """Behind TR1N, before the next try: the phone has it, and must not get it twice."""
    submit(lab, lab.a, "Hi")
    message = take(lab, lab.b)
    silent(lab, 50)
    report(lab, lab.b, of=message)
    settled(lab)
    silent(lab, 100)


def test_the_report_of_the_try_before_counts(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    first = take(lab, lab.b)
    silent(lab, 99)
    take(lab, lab.b, within=2)
    report(lab, lab.b, of=first)
    settled(lab)


def test_a_report_for_what_was_flushed_is_taken_in_peace(lab: Lab) -> None:
    submit(lab, lab.a, "one")
    submit(lab, lab.a, "two")
    message = take(lab, lab.b)
    assert lab.gateway.flush(f"2@{DOMAIN}") == 2
    report(lab, lab.b, of=message)
    silent(lab, 300)
    settled(lab)


@pytest.mark.parametrize("reports", [True, False])
def test_what_comes_after_a_flush_is_not_held_up(lab: Lab, reports: bool) -> None:
    submit(lab, lab.a, "one")
    message = take(lab, lab.b)
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1
    submit(lab, lab.a, "two", mr=8)
    if reports:
        report(lab, lab.b, of=message)
    assert content(receive(lab, lab.b, within=1 if reports else 41)) == "two"  # TR1N
    settled(lab)


# --- RP-ERROR


@pytest.mark.parametrize("rp_cause", [21, 81, 95, 96, 97, 98, 99])
def test_what_a_phone_refuses_for_good_is_dropped(lab: Lab, rp_cause: int) -> None:
    submit(lab, lab.a, "Hi", tp_srr=True)
    submit(lab, lab.a, "next")
    receive(lab, lab.b, cause=rp_cause)
    assert content(receive(lab, lab.b)) == "next"
    expected = TpStatus.CONNECTION_REJECTED_BY_SME if rp_cause == 21 else TpStatus.REMOTE_PROCEDURE_ERROR
    assert status(receive(lab, lab.a)).tp_st == expected
    settled(lab)


@pytest.mark.parametrize("rp_cause", [41, 42, 111, 127])
def test_what_a_phone_refuses_for_now_is_tried_again(lab: Lab, rp_cause: int) -> None:
    submit(lab, lab.a, "Hi")
    first = receive(lab, lab.b, cause=rp_cause)
    silent(lab, 59)
    assert data(receive(lab, lab.b, within=2)) == data(first)
    settled(lab)


def test_a_coding_that_the_phone_does_not_know_is_refused_for_good(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b, cause=111, fcs=TpFcs.DATA_CODING_SCHEME_NOT_SUPPORTED)
    settled(lab)


def test_memory_full_and_rp_smma(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b, cause=22)
    come_back(lab, lab.b)  # a registration frees no memory
    silent(lab, 10)
    say(lab, lab.b, rp.RpSmma(6).encode())
    answer = lab.b.last("MESSAGE")
    assert rp.parse(answer.body, Direction.SC_TO_MS) == rp.RpAck(Direction.SC_TO_MS, 6)
    assert content(receive(lab, lab.b)) == "Hi"
    settled(lab)


def test_memory_full_is_tried_again_without_rp_smma(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b, cause=22)
    silent(lab, 59)
    receive(lab, lab.b, within=2)
    settled(lab)


def test_rp_smma_of_a_phone_for_which_nothing_waits(lab: Lab) -> None:
    say(lab, lab.b, rp.RpSmma(6).encode())
    assert isinstance(heard(lab.b), rp.RpAck)
    settled(lab)


# --- retry and registration


def test_to_a_phone_that_is_not_there_until_it_registers(lab: Lab) -> None:
    leave(lab, lab.b)
    accepted(submit(lab, lab.a, "one"))
    accepted(submit(lab, lab.a, "two"))
    silent(lab, 1000)  # nobody to try
    come_back(lab, lab.b)
    rungs(lab, "0.2 s")  # the 200 to the REGISTER goes first
    assert content(receive(lab, lab.b)) == "one"
    assert content(receive(lab, lab.b)) == "two"
    settled(lab)


def test_an_absent_user_costs_no_timer(lab: Lab) -> None:
    leave(lab, lab.b)
    submit(lab, lab.a, "one")
    rungs(lab, "1 s")
    (line,) = lab.gateway._delivery._lines
    assert line.timer is None
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1


def test_no_answer_then_again_after_the_delay(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, sms_retry_delay=7)
    submit(lab, lab.a, "Hi")
    rungs(lab, "within 1 s\nb x-- MESSAGE")
    for _ in range(10):  # timer E
        rungs(lab, "within 5 s\nb x-- MESSAGE")
    rungs(lab, "1.4 s")  # timer F
    silent(lab, 6)
    assert content(receive(lab, lab.b, within=2)) == "Hi"
    settled(lab)


def test_a_phone_without_reports_gets_it_again(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    first = take(lab, lab.b)
    silent(lab, 40 + 59)
    assert data(receive(lab, lab.b, within=2)) == data(first)
    settled(lab)


def test_refused_by_the_sip_of_the_phone(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    take(lab, lab.b, 480)
    silent(lab, 59)
    receive(lab, lab.b, within=2)
    settled(lab)


def test_a_registration_ends_the_pause(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    take(lab, lab.b, 480)
    silent(lab, 1)
    come_back(lab, lab.b)
    receive(lab, lab.b)
    settled(lab)


def test_a_phone_that_goes_before_it_reports_gets_it_again_when_it_is_back(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    first = take(lab, lab.b)
    silent(lab, 1)
    leave(lab, lab.b)
    come_back(lab, lab.b)
    assert data(receive(lab, lab.b)) == data(first)
    settled(lab)


def test_a_phone_that_moves_while_it_is_sent_to(lab: Lab) -> None:
    """Its new contact is tried as soon as the old one is gone; what the old one answers changes nothing."""
    submit(lab, lab.a, "Hi")
    rungs(lab, "within 1 s\nb <-- MESSAGE")
    late = lab.b.last("MESSAGE")
    leave(lab, lab.b)
    c = lab.beside("c", "2", "192.0.2.13")
    c.target = CENTRE
    lab.subscribers.by_impi(f"2@{DOMAIN}").bindings[-1].sms_over_ip = True  # type: ignore[union-attr]
    message = take(lab, c)
    lab.arrive(lab.b, Response.to_request(late, 408, "", "t").encode())
    report(lab, c, of=message)
    settled(lab)


# --- expiry


ABSOLUTE = AbsoluteValidity(Timestamp.at(NOW + 600, 4))
EXPIRES = [
    (RelativeValidity.of(300), 300), (ABSOLUTE, 600), (EnhancedValidity(EnhancedForm.SECONDS, 30), 30),
    (EnhancedValidity(EnhancedForm.HOURS_MINUTES_SECONDS, 90), 90), (EnhancedValidity(EnhancedForm.RELATIVE, 0), 300),
    (None, 1000), (RelativeValidity.of(2000), 1000),
]  # fmt: skip


@pytest.mark.parametrize(("tp_vp", "seconds"), EXPIRES)
def test_expiry(lab_with: LabWith, tp_vp: Validity | None, seconds: float) -> None:
    """By the validity period in each of its forms, and by sms_expires, which here is 1000 s."""
    lab = sms_lab(lab_with, sms_expires=1000)
    leave(lab, lab.b)
    scts = accepted(submit(lab, lab.a, "Hi", mr=33, tp_vp=tp_vp, tp_srr=True)).tp_scts
    silent(lab, seconds - 1)
    assert lab.gateway.load() == 1
    found = status(receive(lab, lab.a, within=6.5))
    assert (found.tp_mr, found.tp_ra, found.tp_scts) == (33, Address.number("+49302"), scts)
    assert found.tp_st == TpStatus.VALIDITY_PERIOD_EXPIRED
    assert seconds - 1 <= found.tp_dt.seconds - NOW <= seconds + 6
    settled(lab)
    come_back(lab, lab.b)
    silent(lab, 10)


def test_a_validity_period_that_is_over(lab: Lab) -> None:
    past = AbsoluteValidity(Timestamp.at(NOW - 1))
    assert cause(submit(lab, lab.a, "Hi", tp_vp=past)) == (96, TpFcs.TP_VP_NOT_SUPPORTED)
    settled(lab)


def test_what_is_under_way_when_its_time_is_over_may_still_be_acknowledged(lab: Lab) -> None:
    submit(lab, lab.a, "Hi", tp_vp=EnhancedValidity(EnhancedForm.SECONDS, 10), tp_srr=True)
    take(lab, lab.b)
    silent(lab, 30)
    report(lab, lab.b)
    assert status(receive(lab, lab.a)).tp_st == TpStatus.RECEIVED_BY_SME
    settled(lab)


def test_what_expires_between_two_tries_is_dropped(lab: Lab) -> None:
    submit(lab, lab.a, "Hi", tp_vp=EnhancedValidity(EnhancedForm.SECONDS, 50))
    take(lab, lab.b)
    silent(lab, 200)
    settled(lab)


def test_a_single_shot_is_tried_once(lab: Lab) -> None:
    for failure in ("200", "480"):
        submit(lab, lab.a, "Now or never", tp_vp=SINGLE_SHOT, tp_srr=True)
        take(lab, lab.b, int(failure))
        assert status(receive(lab, lab.a, within=50)).tp_st == TpStatus.GAVE_UP_NO_RESPONSE_FROM_SME
        settled(lab)
    leave(lab, lab.b)
    submit(lab, lab.a, "Now or never", tp_vp=SINGLE_SHOT)
    rungs(lab, "0.1 s")
    settled(lab)


def test_sms_expires_0_keeps_nothing(lab_with: LabWith) -> None:
    lab = sms_lab(lab_with, sms_expires=0)
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b)
    leave(lab, lab.b)
    submit(lab, lab.a, "Hi")
    rungs(lab, "0.1 s")
    settled(lab)


# --- status reports and commands


def test_a_status_report_when_it_is_delivered(lab: Lab) -> None:
    leave(lab, lab.b)
    answer = submit(lab, lab.a, "Hi", mr=200, tp_srr=True)
    silent(lab, 70)
    come_back(lab, lab.b)
    message = receive(lab, lab.b)
    assert deliver(message).tp_sri
    found = status(receive(lab, lab.a))
    assert (found.tp_mr, found.tp_ra, found.tp_st) == (200, Address.number("+49302"), TpStatus.RECEIVED_BY_SME)
    assert found.tp_scts == accepted(answer).tp_scts
    assert 70 <= found.tp_dt.seconds - found.tp_scts.seconds <= 72
    assert not found.tp_srq
    settled(lab)


def test_no_status_report_where_none_is_wanted(lab: Lab) -> None:
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b)
    silent(lab, 100)


def test_a_status_report_for_what_the_operator_has_deleted(lab: Lab) -> None:
    leave(lab, lab.b)
    submit(lab, lab.a, "Hi", tp_srr=True)
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1
    assert status(receive(lab, lab.a)).tp_st == TpStatus.DELETED_BY_SC_ADMINISTRATION
    settled(lab)


def command(lab: Lab, tp_ct: int, tp_mn: int, to: str = "+49302") -> rp.RpMessage:
    sms = tpdu.SmsCommand(tp_mr=99, tp_ct=tp_ct, tp_mn=tp_mn, tp_da=Address.number(to)).encode()
    return submit(lab, lab.a, sms)


def test_a_command_deletes_a_message(lab: Lab) -> None:
    leave(lab, lab.b)
    submit(lab, lab.a, "stays", mr=1)
    submit(lab, lab.a, "goes", mr=2, tp_srr=True)
    accepted(command(lab, TpCommandType.DELETE_PREVIOUSLY_SUBMITTED_SM, 2))
    assert status(receive(lab, lab.a)).tp_st == TpStatus.DELETED_BY_ORIGINATING_SME
    come_back(lab, lab.b)
    assert content(receive(lab, lab.b)) == "stays"
    settled(lab)


def test_a_command_for_what_does_not_wait(lab: Lab) -> None:
    refused = (21, TpFcs.COMMAND_CANNOT_BE_ACTIONED)
    assert cause(command(lab, TpCommandType.DELETE_PREVIOUSLY_SUBMITTED_SM, 2)) == refused
    assert cause(command(lab, TpCommandType.ENABLE_STATUS_REPORT_REQUEST, 2)) == refused


def test_a_command_for_the_message_of_another_user(lab: Lab) -> None:
    c = sms_phone(lab, "c", "3", "192.0.2.13")
    leave(lab, lab.b)
    submit(lab, c, "not yours", mr=2)
    refused = (21, TpFcs.COMMAND_CANNOT_BE_ACTIONED)
    assert cause(command(lab, TpCommandType.DELETE_PREVIOUSLY_SUBMITTED_SM, 2)) == refused
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1


def test_an_enquiry(lab: Lab) -> None:
    leave(lab, lab.b)
    submit(lab, lab.a, "waits", mr=1)
    for tp_mn, expected in ((1, TpStatus.STILL_TRYING_NO_RESPONSE_FROM_SME), (2, TpStatus.SM_DOES_NOT_EXIST)):
        accepted(command(lab, TpCommandType.ENQUIRY, tp_mn))
        found = status(receive(lab, lab.a))
        assert (found.tp_st, found.tp_srq, found.tp_mr) == (expected, True, 99)
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1


def test_status_reports_are_asked_for_and_cancelled_later(lab: Lab) -> None:
    leave(lab, lab.b)
    submit(lab, lab.a, "one", mr=1)
    submit(lab, lab.a, "two", mr=2, tp_srr=True)
    accepted(command(lab, TpCommandType.ENABLE_STATUS_REPORT_REQUEST, 1))
    accepted(command(lab, TpCommandType.CANCEL_STATUS_REPORT_REQUEST, 2))
    come_back(lab, lab.b)
    receive(lab, lab.b)
    assert status(receive(lab, lab.a)).tp_mr == 1
    receive(lab, lab.b)
    silent(lab, 10)
    settled(lab)


def test_a_command_that_nobody_knows(lab: Lab) -> None:
    assert cause(command(lab, 0x20, 1)) == (69, TpFcs.COMMAND_UNSUPPORTED)
    assert cause(command(lab, 0, 1, to="+49309")) == (1, TpFcs.INVALID_SME_ADDRESS)


# --- which contact


def test_a_phone_before_a_softphone_of_the_same_user(lab: Lab) -> None:
    lab.beside("c", "2", "192.0.2.13", q=1.0)  # as good by q, and newer
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b)
    settled(lab)


@pytest.mark.parametrize("code", [404, 480, 500])
def test_another_contact_when_the_best_one_fails(lab: Lab, code: int) -> None:
    c = lab.beside("c", "2", "192.0.2.13", q=0.5)
    c.target = CENTRE
    lab.subscribers.by_impi(f"2@{DOMAIN}").bindings[-1].sms_over_ip = True  # type: ignore[union-attr]
    submit(lab, lab.a, "Hi")
    rungs(lab, f"within 1 s\nb <-- MESSAGE\nb --> {code} MESSAGE\nc <-- MESSAGE\nc --> 200 MESSAGE")
    report(lab, c)
    settled(lab)


def test_a_softphone_when_the_phone_does_not_answer(lab: Lab) -> None:
    c = lab.beside("c", "2", "192.0.2.13", q=0.5)
    submit(lab, lab.a, "Hi")
    for _ in range(11):
        rungs(lab, "within 5 s\nb x-- MESSAGE")
    rungs(lab, "within 5 s\nc <-- MESSAGE\nc --> 200 MESSAGE")
    assert c.last("MESSAGE").body == b"Hi"
    settled(lab)


def test_no_contact_is_left(lab: Lab) -> None:
    c = lab.beside("c", "2", "192.0.2.13", q=0.5)
    submit(lab, lab.a, "Hi")
    rungs(lab, "within 1 s\nb <-- MESSAGE\nb --> 480 MESSAGE\nc <-- MESSAGE\nc --> 415 MESSAGE")
    silent(lab, 59)
    receive(lab, lab.b, within=2)
    assert c.inbox
    settled(lab)


def test_multi_sim_delivers_to_the_phone_whose_number_it_is(lab_with: LabWith) -> None:
    impus = ("2", "tel:+49302", ImpuConfig(impu="tel:+49320", imei="35000000000011-0"),
             ImpuConfig(impu="tel:+49321", imei="35000000000022-0"))  # fmt: skip
    lab = lab_with(users=(user("1"), user("2", *impus, multi_sim=True)))
    lab.clock.now = NOW
    a, b = sms_phone(lab, "a", "1", "192.0.2.11"), sms_phone(lab, "b", "2", "192.0.2.12")
    c = lab.phones["c"] = type(b)(lab, "c", "2", "192.0.2.13")
    c.target = CENTRE
    lab.subscribers.by_impi(f"2@{DOMAIN}").bindings[0].imei = "35000000-000011-0"  # type: ignore[union-attr]
    lab.bind(c, sms_over_ip=True, imei="35000000-000022-0")
    for number, phone in (("+49320", b), ("+49321", c), ("+49320", b)):
        submit(lab, a, f"to {number}", to=number)
        assert content(receive(lab, phone)) == f"to {number}"
    leave(lab, b)
    submit(lab, a, "b alone", to="+49320")
    silent(lab, 100)
    assert lab.gateway.flush(f"2@{DOMAIN}") == 1


def test_an_emergency_registration_is_the_last_resort(lab: Lab) -> None:
    subscriber = lab.subscribers.by_impi(f"2@{DOMAIN}")
    assert subscriber is not None
    c = lab.phones["c"] = type(lab.b)(lab, "c", "2", "192.0.2.13")
    c.target = CENTRE
    lab.bind(c, sms_over_ip=True, sos=True)
    submit(lab, lab.a, "one")
    receive(lab, lab.b)
    leave(lab, lab.b)
    submit(lab, lab.a, "two")
    receive(lab, c)
    settled(lab)


async def operator(lab: Lab, **fields: object) -> list[str]:
    control = SmsControl(lab.subscribers, lab.gateway)
    return await control.send(control.prepare(**fields))  # type: ignore[arg-type]


def run(work: object) -> list[str]:
    """A coroutine that waits for nothing."""
    try:
        work.send(None)  # type: ignore[attr-defined]
    except StopIteration as stop:
        return list(stop.value)
    raise AssertionError("it waits")


def test_an_sos_message_goes_to_an_emergency_registration_alone(lab: Lab) -> None:
    run(operator(lab, impi="2", text="Where are you?", sos=True))
    silent(lab, 100)
    c = lab.phones["c"] = type(lab.b)(lab, "c", "2", "192.0.2.13")
    c.target = CENTRE
    lab.bind(c, sms_over_ip=True, sos=True)
    assert content(receive(lab, c)) == "Where are you?"
    settled(lab)


def test_force_sms_over_sg_waits(lab: Lab) -> None:
    subscriber = lab.subscribers.by_impi(f"2@{DOMAIN}")
    assert subscriber is not None
    subscriber.user = replace(subscriber.user, force_sms_over_sg=True)
    submit(lab, lab.a, "Hi")
    silent(lab, 130)
    subscriber.user = replace(subscriber.user, force_sms_over_sg=False)
    rungs(lab, "within 60 s")
    receive(lab, lab.b)
    settled(lab)


# --- the operator


def test_the_operator_sends_text(lab: Lab) -> None:
    (id,) = run(operator(lab, impu="tel:+49302", text="Willkommen", sender="Netz"))
    assert lab.gateway.waits(id)
    message = receive(lab, lab.b)
    assert content(message) == "Willkommen"
    assert deliver(message).tp_oa == Address.alphanumeric("Netz")
    assert not lab.gateway.waits(id)


def test_the_operator_sends_as_a_number(lab: Lab) -> None:
    run(operator(lab, impi=f"2@{DOMAIN}", text="Hi", sender="+4930123"))
    assert deliver(receive(lab, lab.b)).tp_oa == Address.number("+4930123")


def test_the_operator_sends_three_parts(lab: Lab) -> None:
    ids = run(operator(lab, impi="2", text=LONG))
    parts = [deliver(receive(lab, lab.b)) for _ in ids]
    assert [not part.tp_mms for part in parts] == [True, True, False]
    assert text.join([part.user_data for part in parts]).text == LONG


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"data": b"\1\2\3"}, (4, 3, False, 0)),
        ({"data": bytes(7), "dcs": 0}, (0, 8, False, 0)),
        ({"data": bytes(7), "dcs": 0, "tp_udl": 7}, (0, 7, False, 0)),
        ({"data": b"\3\0\1\1", "tp_udhi": True, "pid": 64, "dcs": 0xF5}, (0xF5, 4, True, 64)),
        ({"text": "Flash", "dcs": 0x10}, (0x10, 5, False, 0)),
        ({"text": "Flash", "dcs": 0x18}, (0x18, 10, False, 0)),
        ({"text": "Flash", "dcs": 4}, (0, 5, False, 0)),
    ],
)
def test_the_operator_says_how_it_is_coded(
    lab: Lab, fields: dict[str, object], expected: tuple[int, int, bool, int]
) -> None:  # fmt: skip
    run(operator(lab, impi="2", **fields))
    found = deliver(receive(lab, lab.b))
    assert (found.tp_dcs.octet, found.tp_udl, found.tp_udhi, found.tp_pid) == expected


@pytest.mark.parametrize(("udl", "udhi"), [(9, False), (0, False), (255, True)])
def test_a_length_of_the_operators_stands_even_where_it_lies(lab: Lab, udl: int, udhi: bool) -> None:
    run(operator(lab, impi="2", data=b"\1\2", tp_udl=udl, tp_udhi=udhi))
    rpdu = receive(lab, lab.b).body
    assert rpdu.endswith(bytes((udl, 1, 2)))


@pytest.mark.parametrize(
    "fields",
    [
        {"impi": "nobody", "text": "Hi"}, {"text": "Hi"}, {"impi": "2"}, {"impu": "tel:+4999", "text": "Hi"},
        {"impi": "2", "data": bytes(141)}, {"impi": "2", "data": bytes(141), "tp_udl": 1},
        {"impi": "2", "data": b"\1", "tp_udl": 256}, {"impi": "2", "data": b"\5\2", "tp_udhi": True, "dcs": 4},
        {"impi": "2", "text": "Hi", "sender": "a name that is too long"}, {"impi": "2", "text": "日", "dcs": 0},
        {"impi": "2", "text": "Hi", "dcs": 0x20}, {"impu": "sip:<>", "text": "Hi"},
    ],
)  # fmt: skip
def test_the_operator_is_told_what_cannot_be_sent(lab: Lab, fields: dict[str, object]) -> None:
    with pytest.raises(OperatorError):
        run(operator(lab, **fields))
    settled(lab)


def test_the_operator_gives_a_validity(lab: Lab) -> None:
    leave(lab, lab.b)
    run(operator(lab, impi="2", text="Hi", validity=60))
    silent(lab, 66)
    settled(lab)


def test_flush(lab: Lab) -> None:
    leave(lab, lab.b)
    for number in range(5):
        submit(lab, lab.a, "Hi", mr=number)
    assert lab.gateway.pending(f"2@{DOMAIN}") == 5
    control = SmsControl(lab.subscribers, lab.gateway)
    with pytest.raises(OperatorError, match="there is no user 'tel:\\+4999'"):
        control.sms_flush("tel:+4999")
    assert control.sms_flush("+49302") == 5
    assert control.sms_flush("2") == 0
    assert control.pending(f"2@{DOMAIN}") == 0
    come_back(lab, lab.b)
    silent(lab, 10)
    settled(lab)


# --- who listens


def test_a_listener_hears_of_every_message(lab: Lab) -> None:
    events: list[SmsEvent] = []
    lab.gateway.listeners.append(events.append)
    submit(lab, lab.a, "Hi")
    for number, part in enumerate(text.split(LONG, reference=3)):
        submit(lab, lab.a, part, mr=number)
    assert [(e.sender, e.receiver, e.message.text, e.dcs) for e in events] == [
        ("+49301", "+49302", "Hi", 0), ("+49301", "+49302", LONG, 0),
    ]  # fmt: skip
    for _ in range(4):
        receive(lab, lab.b)
    settled(lab)


def test_a_listener_that_fails_costs_nobody_an_answer(lab: Lab) -> None:
    def broken(event: SmsEvent) -> None:
        raise ZeroDivisionError("ours")

    lab.gateway.listeners.append(broken)
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b)
    settled(lab)


def test_a_message_is_the_listeners_alone(lab_with: LabWith) -> None:
    """sms_hook_only: nothing is stored, unknown numbers are as good as known ones, the RP-ACK is sent."""
    lab = sms_lab(lab_with, sms_hook_only=True)
    accepted(submit(lab, lab.a, "with nobody listening"))
    receive(lab, lab.b)
    events: list[SmsEvent] = []
    lab.gateway.listeners.append(events.append)
    accepted(submit(lab, lab.a, "Hi", to="+4999", mr=8))
    assert [(e.receiver, e.message.text) for e in events] == [("+4999", "Hi")]
    again = submit(lab, lab.a, "Hi", to="+4999", mr=8, tp_rd=True)  # the RP-ACK was not heard
    assert cause(again) == (21, TpFcs.SM_REJECTED_DUPLICATE_SM)
    assert len(events) == 1
    settled(lab)


# --- log and counters


def test_the_log_follows_a_message(lab: Lab, notes: Notes) -> None:
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b)
    submit(lab, lab.a, "Hi", to="+49309")
    assert f"short message 00000001 from +49301 to 2@{DOMAIN} taken" in notes.text
    assert f"short message 00000001 delivered to 2@{DOMAIN}" in notes.text
    assert "refused: nobody has the number +49309, 1 unassigned number" in notes.text
    assert "Hi" not in notes.text  # what people write is not in the log of this layer


def test_what_is_counted(lab: Lab) -> None:
    names = ("sms_mo", "sms_mt", "sms_delivered", "sms_dropped", "sms_refused")
    before = [counters.get(name) for name in names]
    submit(lab, lab.a, "Hi")
    receive(lab, lab.b)
    submit(lab, lab.a, "Hi", to="+49309")
    leave(lab, lab.b)
    submit(lab, lab.a, "Hi")
    lab.gateway.flush(f"2@{DOMAIN}")
    assert [counters.get(name) - old for name, old in zip(names, before, strict=True)] == [3, 1, 1, 1, 1]
    assert all(name in counters.DECLARED for name in (*names, "sms_text", "sms_malformed", "sms_stray_report"))


# --- many


def test_no_more_wait_than_there_is_room_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lteims.ims.service_centre.MOST_WAITING", 2)
    leave(lab, lab.b)
    for number in range(2):
        accepted(submit(lab, lab.a, "Hi", mr=number))
    assert cause(submit(lab, lab.a, "Hi", mr=2)) == (RpCause.CONGESTION, TpFcs.SC_BUSY)
    come_back(lab, lab.b)
    receive(lab, lab.b)
    receive(lab, lab.b)
    accepted(submit(lab, lab.a, "Hi", mr=2))
    receive(lab, lab.b)
    settled(lab)


def test_ten_thousand_messages_of_one_user(lab: Lab) -> None:
    leave(lab, lab.b)
    (part,) = text.split("Hi")
    subscriber = lab.subscribers.by_impi(f"2@{DOMAIN}")
    assert subscriber is not None
    for number in range(10_000):
        run(
            lab.gateway.submit(
                Submission(
                    receiver=subscriber, impu=None, sender=Address.number("+1"), parts=[part], validity=1000 + number
                )
            )
        )  # fmt: skip
    assert lab.gateway.pending(subscriber.impi) == 10_000
    come_back(lab, lab.b)
    assert [data(receive(lab, lab.b)).rp_mr for _ in range(5)] == [1, 2, 3, 4, 5]
    leave(lab, lab.b)
    silent(lab, 2000)  # half of them expire
    assert 8980 <= lab.gateway.load() <= 9010
    assert lab.gateway.flush(subscriber.impi) > 8900
    rungs(lab, "...")
    settled(lab)

"""Short messages when the server is started anew, or its disk is full: nothing acknowledged is lost, nothing twice.

A second server on what the first one left: the state file as it is after `kill -9` at that moment.
"""

from collections.abc import Callable

import pytest

from lteims.ims.service_centre import Submission
from lteims.sms import text
from lteims.sms.address import Address
from lteims.sms.cause import TpFcs, TpStatus
from lteims.sms.validity import EnhancedForm, EnhancedValidity
from tests.flows.conftest import Notes
from tests.flows.phones import DOMAIN, Lab, user
from tests.flows.sms import (
    NOW,
    Disk,
    LabWith,
    accepted,
    cause,
    come_back,
    content,
    data,
    deliver,
    leave,
    receive,
    report,
    rungs,
    sms_lab,
    sms_phone,
    status,
    submit,
    take,
    write,
)  # fmt: skip


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def before(disk: Disk) -> Lab:
    """The server that will be gone."""
    return sms_lab(Lab, disk=disk)


@pytest.fixture
def again(lab_with: LabWith, disk: Disk, before: Lab) -> Callable[..., Lab]:
    """Starts the one after it, some seconds later."""

    def start(**options: object) -> Lab:
        return sms_lab(lab_with, disk=disk, at=before.clock.now + 3, **options)

    return start


def settled(lab: Lab, disk: Disk) -> None:
    assert not lab.left
    assert lab.gateway.load() == 0
    assert not lab.gateway._delivery._lines
    assert disk.load("sms") == {}


def test_what_was_taken_is_delivered_after_a_restart(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    answer = submit(before, before.a, "Hi", mr=3)
    lab = again()
    lab.play("2 s")  # for reports that are still on their way
    message = receive(lab, lab.b)
    assert (content(message), deliver(message).tp_scts) == ("Hi", accepted(answer).tp_scts)
    settled(lab, disk)


def test_the_order_is_kept(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    leave(before, before.b)
    for number in range(20):
        submit(before, before.a, f"message {number}", mr=number)
    lab = again()
    lab.play("2 s")
    assert [content(receive(lab, lab.b)) for _ in range(20)] == [f"message {number}" for number in range(20)]
    settled(lab, disk)


def test_what_was_sent_and_not_acknowledged_comes_again_as_it_was(
    before: Lab, again: Callable[..., Lab], disk: Disk
) -> None:
    submit(before, before.a, "Hi")
    first = take(before, before.b)
    lab = again()
    lab.play("2 s")
    second = receive(lab, lab.b)
    assert data(second) == data(first)  # RP-MR, time stamp, everything
    settled(lab, disk)


def test_what_was_acknowledged_does_not_come_again(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    submit(before, before.a, "Hi")
    receive(before, before.b)
    lab = again()
    lab.play("100 s")
    settled(lab, disk)


def test_a_report_for_what_the_one_before_has_sent_counts(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    """The phone sends its RP-ACK again until it is answered, and so to the new server."""
    submit(before, before.a, "Hi", tp_srr=True)
    first = take(before, before.b)
    lab = again()
    lab.play("1 s")
    report(lab, lab.b, of=first, refers="a-call-of-the-server-before")
    assert status(receive(lab, lab.a)).tp_st == TpStatus.RECEIVED_BY_SME
    lab.play("100 s")
    settled(lab, disk)


def test_such_a_report_counts_for_the_first_message_alone(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    submit(before, before.a, "one")
    submit(before, before.a, "two")
    first = take(before, before.b)
    lab = again()
    report(lab, lab.b, of=first, refers="unknown")
    report(lab, lab.b, of=first, refers="unknown")
    report(lab, lab.b, of=first, refers="unknown", mr=data(first).rp_mr + 1)
    assert content(receive(lab, lab.b)) == "two"
    settled(lab, disk)


def test_numbers_do_not_come_again(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    submit(before, before.a, "Hi")
    receive(before, before.b)
    lab = again()
    submit(lab, lab.a, "Hi")
    assert next(iter(disk.load("sms"))) > "00000001"
    receive(lab, lab.b)


def test_status_reports_and_duplicates_after_a_restart(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    leave(before, before.b)
    answer = submit(before, before.a, "Hi", mr=44, tp_srr=True)
    lab = again()
    refused = submit(lab, lab.a, "Hi", mr=44, tp_srr=True, tp_rd=True)  # its RP-ACK was lost
    assert cause(refused) == (21, TpFcs.SM_REJECTED_DUPLICATE_SM)
    receive(lab, lab.b, within=4)
    found = status(receive(lab, lab.a))
    assert (found.tp_mr, found.tp_scts) == (44, accepted(answer).tp_scts)
    settled(lab, disk)


def test_a_repetition_of_what_was_delivered_by_the_one_before(
    before: Lab, again: Callable[..., Lab], disk: Disk
) -> None:
    submit(before, before.a, "Hi", mr=44)
    receive(before, before.b)
    lab = again()
    assert cause(submit(lab, lab.a, "Hi", mr=44, tp_rd=True)) == (21, TpFcs.SM_REJECTED_DUPLICATE_SM)
    lab.play("10 s")
    settled(lab, disk)


def test_what_expired_in_between_is_dropped(before: Lab, lab_with: LabWith, disk: Disk) -> None:
    leave(before, before.b)
    submit(before, before.a, "Hi", tp_srr=True)
    lab = sms_lab(lab_with, disk=disk, at=NOW + 100_000)
    assert status(receive(lab, lab.a, within=6)).tp_st == TpStatus.VALIDITY_PERIOD_EXPIRED
    settled(lab, disk)


def test_text_for_a_softphone_after_a_restart(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    leave(before, before.b)
    first, second = text.split("y" * 200, reference=9)
    submit(before, before.a, first, mr=1)
    lab = again()
    leave(lab, lab.b)
    s = sms_phone(lab, "s", "2", "192.0.2.22", sms=False)
    lab.play("4 s")
    submit(lab, lab.a, second, mr=2)
    assert take(lab, s).body == b"y" * 200
    settled(lab, disk)


def test_a_user_that_is_gone(before: Lab, again: Callable[..., Lab], disk: Disk, notes: Notes) -> None:
    submit(before, before.a, "Hi", to="+49303")
    lab = again(users=(user("1"), user("2")))
    assert f"has no receiver any more: 3@{DOMAIN} is dropped" in notes.text
    settled(lab, disk)


def test_a_row_that_cannot_be_read_is_left_where_it_is(
    before: Lab, again: Callable[..., Lab], disk: Disk, notes: Notes
) -> None:
    submit(before, before.a, "Hi")
    disk.put("sms", "0000ffff", b"no message")
    lab = again()
    assert "short message 0000ffff of the state file cannot be read" in notes.text
    receive(lab, lab.b, within=4)
    assert list(disk.load("sms")) == ["0000ffff"]


def test_many_users_are_not_all_sent_to_at_once(before: Lab, again: Callable[..., Lab], disk: Disk) -> None:
    submit(before, before.a, "to b")
    submit(before, before.b, "to a", to="+49301")
    lab = again()
    times = []
    for phone in (lab.b, lab.a):
        take(lab, phone, within=4)
        times.append(lab.clock.now)
        report(lab, phone)
    assert times == sorted(times)
    settled(lab, disk)


def test_a_user_whose_turn_is_late_gets_its_message_once(
    before: Lab, again: Callable[..., Lab], disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where many users wait, the delay of the last ones is longer than a transport may take."""
    monkeypatch.setattr("lteims.ims.sms_delivery.START_RATE", 1 / 300)
    leave(before, before.b)
    submit(before, before.a, "Hi", tp_vp=EnhancedValidity(EnhancedForm.HOURS_MINUTES_SECONDS, 3600, single_shot=True))
    lab = again()
    lab.play("302 s")
    receive(lab, lab.b, within=1)
    settled(lab, disk)


def test_reports_for_what_the_one_before_has_sent_count_in_every_line(
    before: Lab, again: Callable[..., Lab], disk: Disk
) -> None:
    subscriber = before.subscribers.by_impi(f"2@{DOMAIN}")
    assert subscriber is not None
    subscriber.bindings[0].sos = True
    for sos in (False, True):
        work = before.gateway.submit(
            Submission(receiver=subscriber, impu=None, sender=Address.number("+1"), parts=text.split("Hi"), sos=sos)
        )
        with pytest.raises(StopIteration):
            work.send(None)
    sent = [take(before, before.b) for _ in range(2)]
    lab = again()
    for message in sent:
        report(lab, lab.b, of=message)
    lab.play("100 s")
    settled(lab, disk)


# --- a full disk


def test_a_full_disk_refuses_a_phone(lab_with: LabWith, disk: Disk) -> None:
    lab = sms_lab(lab_with, disk=disk)
    disk.full = True
    assert cause(submit(lab, lab.a, "Hi")) == (38, TpFcs.SC_SYSTEM_FAILURE)
    assert lab.gateway.load() == 0
    lab.play("100 s")
    disk.full = False
    settled(lab, disk)


def test_a_full_disk_refuses_a_softphone(lab_with: LabWith, disk: Disk) -> None:
    lab = sms_lab(lab_with, disk=disk)
    s = sms_phone(lab, "s", "2", "192.0.2.22", sms=False)
    disk.full = True
    write(lab, s, "Hi", to="tel:+49301", code=500)
    settled(lab, disk)


def test_a_full_disk_stops_no_delivery(lab_with: LabWith, disk: Disk, notes: Notes) -> None:
    """What was taken before is delivered; that it was is written as soon as there is room."""
    lab = sms_lab(lab_with, disk=disk)
    submit(lab, lab.a, "one")
    submit(lab, lab.a, "two")
    disk.full = True
    assert content(receive(lab, lab.b)) == "one"
    assert "the state of short messages could not be written: the disk is full" in notes.text
    assert content(receive(lab, lab.b)) == "two"
    disk.full = False
    settled(lab, disk)


def test_a_command_on_a_full_disk(lab_with: LabWith, disk: Disk) -> None:
    from lteims.sms.address import Address
    from lteims.sms.tpdu import SmsCommand

    lab = sms_lab(lab_with, disk=disk)
    leave(lab, lab.b)
    submit(lab, lab.a, "Hi", mr=1)
    disk.full = True
    command = SmsCommand(tp_mr=2, tp_ct=2, tp_mn=1, tp_da=Address.number("+49302")).encode()
    assert cause(submit(lab, lab.a, command)) == (38, TpFcs.SC_SYSTEM_FAILURE)
    come_back(lab, lab.b)
    rungs(lab, "5 s")
    disk.full = False
    settled(lab, disk)

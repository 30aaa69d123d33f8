"""The MMSC: from M-Send.req to the reports, with time that is moved by hand and pushes that are kept."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lteims import counters
from lteims.errors import OperatorError
from lteims.ims import mms_push
from lteims.ims.mms import MOST_WAITING, RENEW_AFTER, REPORT_END
from lteims.ims.mms_control import MmsControl
from lteims.ims.subscribers import Impu, Subscriber
from lteims.mm1.compose import File, compose
from lteims.mm1.content_type import ContentType
from lteims.mm1.errors import MmsError, ResponseStatus, RetrieveStatus, Status
from lteims.mm1.fields import Previously, Priority, ReadStatus, SenderVisibility, When
from lteims.mm1.multipart import Limits
from lteims.mm1.pdu import (
    AnyPdu,
    MAcknowledgeInd,
    MDeliveryInd,
    MForwardConf,
    MForwardReq,
    MNotifyRespInd,
    MReadOrigInd,
    MReadRecInd,
    MRetrieveConf,
    MSendConf,
    parse,
)
from lteims.sip.uri import Uri
from lteims.sms.cause import RpCause
from lteims.sms.errors import SmsError
from lteims.store.state import StoreError
from tests.unit.ims.conftest import Lines
from tests.unit.ims.mms_lab import ALICE, BOB, CONTENT, HOSTS, URL, FailingStore, Lab
from tests.unit.ims.registry import EPOCH, user


@pytest.fixture
async def lab() -> Lab:
    made = Lab()
    await made.register("001")
    await made.register("002")
    return made


# -- one message from phone to phone
async def test_a_message_is_sent_notified_fetched_and_acknowledged(lab: Lab) -> None:
    conf = await lab.send(subject="Grüße", priority=Priority.HIGH, delivery_report=True, read_report=True, date=77)
    assert conf.response_status is ResponseStatus.OK
    assert conf.transaction_id == "T1"
    assert len(conf.message_id) == 22

    told = lab.notification()
    assert told.sender == f"{ALICE}/TYPE=PLMN"
    assert told.subject == "Grüße"
    assert told.priority is Priority.HIGH
    assert told.message_class == "personal"
    assert told.message_size == len(CONTENT.body)
    assert told.expiry == When(86400)
    assert told.content_location == URL + told.transaction_id
    assert told.delivery_report is True

    message = await lab.get(told.content_location)
    assert message.retrieve_status is RetrieveStatus.OK
    assert message.message_id == conf.message_id
    assert (message.date, message.sender, message.to) == (77, f"{ALICE}/TYPE=PLMN", (f"{BOB}/TYPE=PLMN",))
    assert (message.content_type, message.body) == (CONTENT.content_type, CONTENT.body)
    assert message.read_report is True

    assert await lab.say(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.RETRIEVED)) == b""
    ((whom, report),) = lab.post.take()
    assert whom == "001"
    assert isinstance(report, MDeliveryInd)
    assert (report.message_id, report.to, report.status) == (
        conf.message_id, (f"{BOB}/TYPE=PLMN",), Status.RETRIEVED,
    )  # fmt: skip

    read = MReadRecInd(
        message_id=conf.message_id, to=(ALICE,), sender="", date=99, read_status=ReadStatus.READ
    )  # fmt: skip
    await lab.say(read)
    ((whom, original),) = lab.post.take()
    assert whom == "001"
    assert isinstance(original, MReadOrigInd)
    assert (original.message_id, original.to, original.sender) == (
        conf.message_id, (f"{ALICE}/TYPE=PLMN",), f"{BOB}/TYPE=PLMN",
    )  # fmt: skip
    assert (original.date, original.read_status) == (99, ReadStatus.READ)
    await lab.say(read)  # once is enough
    await lab.say(MAcknowledgeInd(transaction_id=told.transaction_id))
    assert lab.post.take() == []
    gone = await lab.get(told.content_location)
    assert gone.retrieve_status is RetrieveStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND


async def test_deferred_retrieval(lab: Lab) -> None:
    await lab.send(delivery_report=True)
    told = lab.notification()
    await lab.say(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.DEFERRED))
    assert lab.post.take() == []
    message = await lab.get(told.content_location)
    assert message.transaction_id == told.transaction_id
    await lab.say(MAcknowledgeInd(transaction_id=message.transaction_id, report_allowed=True))
    ((_, report),) = lab.post.take()
    assert isinstance(report, MDeliveryInd)
    assert report.status is Status.RETRIEVED


async def test_rejected(lab: Lab) -> None:
    await lab.send(delivery_report=True)
    told = lab.notification()
    await lab.say(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.REJECTED))
    ((_, report),) = lab.post.take()
    assert isinstance(report, MDeliveryInd)
    assert report.status is Status.REJECTED
    assert (await lab.get(told.content_location)).retrieve_status is RetrieveStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND


async def test_no_report_where_nobody_asked_or_the_receiver_refuses(lab: Lab) -> None:
    await lab.send()
    told = lab.notification()
    await lab.say(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.RETRIEVED))
    assert lab.post.take() == []
    await lab.send(delivery_report=True, transaction_id="T2")
    told = lab.notification()
    await lab.say(MAcknowledgeInd(transaction_id=told.transaction_id, report_allowed=False))
    assert lab.post.take() == []


async def test_indications_for_nothing_are_ignored(lab: Lab) -> None:
    assert await lab.say(MNotifyRespInd(transaction_id="none", status=Status.RETRIEVED)) == b""
    assert await lab.say(MAcknowledgeInd(transaction_id="none")) == b""
    read = MReadRecInd(message_id="none", to=(ALICE,), sender="", read_status=ReadStatus.READ)
    assert await lab.say(read) == b""
    conf = await lab.send()
    lab.post.take()
    await lab.say(MReadRecInd(message_id=conf.message_id, to=(ALICE,), sender="", read_status=ReadStatus.READ))
    assert lab.post.take() == []  # a report that nobody asked for


async def test_two_receivers_one_of_them_twice(lab: Lab) -> None:
    conf = await lab.send(BOB, f"{BOB}/TYPE=PLMN", cc=("carol@ims.example.org",), read_report=True)
    assert conf.response_status is ResponseStatus.OK
    told = dict(lab.post.take())
    assert set(told) == {"002", "003"}
    assert len({pdu.content_location for pdu in told.values()}) == 2  # type: ignore[union-attr]
    await lab.register("003")
    lab.post.take()
    read = MReadRecInd(message_id=conf.message_id, to=(ALICE,), sender="", read_status=ReadStatus.READ)
    await lab.say(read, peer="198.51.100.9")  # nobody known reads
    assert lab.post.take() == []
    await lab.say(read, peer=HOSTS["003"])
    ((_, original),) = lab.post.take()
    assert isinstance(original, MReadOrigInd)
    assert original.sender == "carol@ims.example.org"


async def test_a_hidden_sender(lab: Lab) -> None:
    await lab.send(sender_visibility=SenderVisibility.HIDE, delivery_report=True)
    told = lab.notification()
    assert told.sender == ""
    assert (await lab.get(told.content_location)).sender == ""
    await lab.say(MAcknowledgeInd(transaction_id=told.transaction_id))
    assert [whom for whom, _ in lab.post.take()] == ["001"]


# -- refusals
@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("+4999", "nobody has the number +4999"),
        ("someone@example.com", "mail is not served: someone@example.com"),
        ("192.0.2.2/TYPE=IPv4", "addresses of hosts are not served: 192.0.2.2"),
        ("shortcode", "nobody has the number shortcode"),
    ],
)
async def test_receivers_that_are_nobody(lab: Lab, to: str, why: str) -> None:
    conf = await lab.send(BOB, to)
    assert conf.response_status is ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED
    assert conf.response_text == why
    assert conf.message_id == ""
    assert lab.post.take() == []  # nor has the other one got it
    assert lab.mms.load() == 0


async def test_many_wrong_receivers_are_named_in_part(lab: Lab) -> None:
    conf = await lab.send(*(f"+499{n}" for n in range(5)))
    assert conf.response_text.endswith("nobody has the number +4992 and 2 more")


async def test_an_old_client_gets_a_status_that_it_knows(lab: Lab) -> None:
    conf = await lab.send("+4999", version=0)
    assert conf.response_status is ResponseStatus.ERROR_SENDING_ADDRESS_UNRESOLVED
    assert conf.version == 0


async def test_a_long_subject_is_cut_in_the_notification_alone(lab: Lab) -> None:
    subject = "🐈" * 1000
    assert (await lab.send(subject=subject)).response_status is ResponseStatus.OK
    (_, _, submission), *_ = lab.post.told
    assert len(submission.parts) <= 5
    told = lab.notification()
    assert told.subject == subject[:80]
    assert (await lab.get(told.content_location)).subject == subject


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"sender": "a" * 400 + "@example.com", "peer": "198.51.100.1"}, "the sender's address has 412 characters"),
        ({"to": ('"' + "x" * 400 + f'" <{BOB}/TYPE=PLMN>',)}, "the address of a receiver has 427 characters"),
        ({"subject": "x" * 1001}, "the subject has 1001 characters, 1000 are the most"),
        (
            {"content_type": ContentType("text/plain", (("name", "x" * 2000),))},
            "the content type has 2006 octets, 1000 are the most",
        ),
        ({"message_class": "x" * 41}, "the message class has 41 characters, 40 are the most"),
    ],
)
async def test_what_notifications_and_the_memory_hold_is_short(lab: Lab, fields: dict[str, Any], why: str) -> None:
    conf = await lab.send(**fields)
    assert conf.response_status is ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT
    assert conf.response_text.startswith(why)
    assert lab.post.take() == []


async def test_too_large_too_late_too_full(lab: Lab) -> None:
    data = lab.message(body=bytes(Limits().octets), content_type=ContentType("image/jpeg")).encode()
    conf = parse(await lab.mms.on_pdu(data[: Limits().octets + 1], HOSTS["001"]))
    assert isinstance(conf, MSendConf)
    assert conf.response_status is ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED
    assert conf.response_text == "more than 10485760 octets"
    assert conf.transaction_id == "T1"
    for fields in (
        {"expiry": When(0)}, {"expiry": When(5, absolute=True)}, {"expiry": When(5), "delivery_time": When(6)},
    ):  # fmt: skip
        conf = await lab.send(**fields)
        assert conf.response_status is ResponseStatus.ERROR_PERMANENT_FAILURE
        assert conf.response_text == "it expires before it can be delivered"
    big = await lab.send(body=bytes(1 << 20), content_type=ContentType("image/jpeg"))
    assert big.response_status is ResponseStatus.OK
    conf = await lab.send()
    assert conf.response_status is ResponseStatus.ERROR_TRANSIENT_FAILURE
    assert conf.response_text == "the server has no room for messages"


async def test_a_mailbox_is_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_WAITING > 100
    monkeypatch.setattr("lteims.ims.mms.MOST_WAITING", 1)
    assert (await lab.send()).response_status is ResponseStatus.OK
    conf = await lab.send(transaction_id="T2")
    assert conf.response_status is ResponseStatus.ERROR_TRANSIENT_FAILURE
    assert "too many messages" in conf.response_text


async def test_a_full_disk_refuses_and_keeps_nothing(lab: Lab) -> None:
    lab.disk.full = True
    conf = await lab.send()
    assert conf.response_status is ResponseStatus.ERROR_TRANSIENT_FAILURE
    assert lab.mms.load() == 0
    assert lab.post.take() == []
    lab.disk.full = False
    conf = await lab.send()
    told = lab.notification()
    lab.disk.full = True
    with pytest.raises(StoreError):
        await lab.say(MAcknowledgeInd(transaction_id=told.transaction_id))


@pytest.mark.parametrize("rejected", [True, False])
async def test_what_a_phone_says_is_kept_before_it_is_answered(lab: Lab, rejected: bool) -> None:
    """On a full disk it hears no 200, however often it asks; afterwards the sender gets one report."""
    await lab.send(delivery_report=True)
    token = lab.notification().transaction_id
    said: AnyPdu = MAcknowledgeInd(transaction_id=token)
    if rejected:
        said = MNotifyRespInd(transaction_id=token, status=Status.REJECTED)
    lab.disk.full = lab.post.broken = True
    for _ in range(3):
        with pytest.raises(StoreError):
            await lab.say(said)
    assert lab.post.take() == []
    lab.disk.full = lab.post.broken = False
    for _ in range(2):
        await lab.say(said)
    ((whom, report),) = lab.post.take()
    assert isinstance(report, MDeliveryInd)
    assert (whom, report.status) == ("001", Status.REJECTED if rejected else Status.RETRIEVED)


async def test_a_read_report_on_a_full_disk(lab: Lab) -> None:
    conf = await lab.send(read_report=True)
    lab.notification()
    read = MReadRecInd(message_id=conf.message_id, to=(ALICE,), sender=BOB, read_status=ReadStatus.READ)
    lab.disk.full = lab.post.broken = True
    for _ in range(2):
        with pytest.raises(StoreError):
            await lab.say(read)
    lab.post.broken = False  # and the disk fills up a moment later
    with pytest.raises(StoreError):
        await lab.say(read)
    assert len(lab.post.take()) == 1
    with pytest.raises(StoreError):
        await lab.say(read)
    lab.disk.full = False
    await lab.say(read)
    assert lab.post.take() == []


async def test_a_repeated_request_is_not_confirmed_for_what_the_disk_refused(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The second commit succeeds, but what the first request had put there was taken out in between."""
    commits: list[asyncio.Future[None]] = []

    async def commit(store: FailingStore) -> None:
        commits.append(asyncio.get_running_loop().create_future())
        await commits[-1]

    monkeypatch.setattr(FailingStore, "commit", commit)
    pdu = lab.message().encode()
    first, second = (asyncio.ensure_future(lab.mms.on_pdu(pdu, HOSTS["001"])) for _ in range(2))
    await lab.settle()
    commits[0].set_exception(StoreError("the disk is full"))
    commits[1].set_result(None)
    for work in (first, second):
        conf = parse(await work)
        assert isinstance(conf, MSendConf)
        assert conf.response_status is ResponseStatus.ERROR_TRANSIENT_FAILURE
    assert lab.mms.load() == 0


async def test_what_is_no_pdu_or_not_for_a_server(lab: Lab) -> None:
    with pytest.raises(MmsError):
        await lab.mms.on_pdu(b"hello", "")
    with pytest.raises(MmsError):
        await lab.mms.on_pdu(b"\x8c\x83\x98T\0\x8d\x92", "")  # M-NotifyResp.ind without a status
    for data in (
        b"\x8c\x8b\x98T7\0\x8d\x92",  # M-Mbox-Store.req
        MRetrieveConf(transaction_id="T7", date=1, content_type=ContentType("text/plain"), body=b"").encode(),
    ):
        conf = parse(await lab.mms.on_pdu(data, ""))
        assert isinstance(conf, MSendConf)
        assert conf.response_status is ResponseStatus.ERROR_UNSUPPORTED_MESSAGE
    cut = lab.message().encode()[:30]
    conf = parse(await lab.mms.on_pdu(cut, ""))
    assert isinstance(conf, MSendConf)
    assert conf.response_status is ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT
    assert conf.transaction_id == "T1"
    conf = parse(await lab.mms.on_pdu(b"\x8c\x89\x98T9\0\x8d\x92", ""))
    assert isinstance(conf, MForwardConf)
    assert conf.transaction_id == "T9"


# -- repeats, restarts, registrations
async def test_a_repeated_request_is_one_message(lab: Lab) -> None:
    first = await lab.send()
    again = await lab.send()
    assert again.message_id == first.message_id
    assert len(lab.post.take()) == 1
    await lab.restart()
    lab.post.take()
    assert (await lab.send()).message_id == first.message_id
    other = await lab.send(transaction_id="T2")
    assert other.message_id != first.message_id


async def test_a_restart_keeps_everything_and_reminds_once(lab: Lab) -> None:
    await lab.send(subject="one")
    told = lab.notification()
    await lab.restart()
    again = lab.notification()
    assert again.content_location == told.content_location
    message = await lab.get(told.content_location)
    assert message.body == CONTENT.body
    await lab.say(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.RETRIEVED))
    await lab.restart()
    assert lab.post.take() == []
    assert (await lab.get(told.content_location)).retrieve_status is RetrieveStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND


async def test_no_reminder_while_the_notification_waits_or_after_deferral(lab: Lab) -> None:
    await lab.send()
    told = lab.notification()
    lab.post.waiting = {"0.0"}
    await lab.restart()
    assert lab.post.take() == []
    lab.post.waiting = set()
    await lab.say(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.DEFERRED))
    await lab.restart()
    assert lab.post.take() == []


async def test_a_registration_reminds_and_no_more_than_some_times(lab: Lab) -> None:
    await lab.send()
    lab.post.take()
    await lab.register("002", "192.0.2.20")
    assert lab.post.take() == []  # it has just been told
    reminders = 0
    for n in range(10):
        await lab.advance(RENEW_AFTER)
        await lab.register("002", f"192.0.2.{30 + n}")
        reminders += len(lab.post.take())
    assert reminders == mms_push.MOST_NOTIFICATIONS - 1
    await lab.register("002", "192.0.2.39")  # a refresh
    assert lab.post.take() == []


async def test_a_notification_that_could_not_be_stored_is_tried_again(lab: Lab, lines: Lines) -> None:
    lab.post.broken = True
    assert (await lab.send()).response_status is ResponseStatus.OK
    assert lab.post.take() == []
    lab.post.broken = False
    await lab.advance(lab.config.sms_retry_delay - 3)
    assert lab.post.take() == []
    await lab.advance(6)
    lab.notification()
    await lab.advance(200)
    assert lab.post.take() == []


async def test_delivery_time(lab: Lab) -> None:
    await lab.send(delivery_time=When(100))
    await lab.advance(97)
    assert lab.post.take() == []
    await lab.advance(6)
    assert lab.notification().expiry.seconds < 86400 - 95


# -- expiry
async def test_expiry_is_reported_and_forgets_the_message(lab: Lab) -> None:
    conf = await lab.send(delivery_report=True, expiry=When(600))
    told = lab.notification()
    assert told.expiry == When(600)
    await lab.advance(595)
    assert lab.post.take() == []
    await lab.advance(10)
    ((whom, report),) = lab.post.take()
    assert whom == "001"
    assert isinstance(report, MDeliveryInd)
    assert (report.message_id, report.status) == (conf.message_id, Status.EXPIRED)
    assert lab.mms.load() == 0
    assert lab.disk.load("mms") == {}
    assert lab.disk.load(f"mms_body {conf.message_id}") == {}
    assert (await lab.get(told.content_location)).retrieve_status is RetrieveStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND


async def test_the_report_of_an_expiry_waits_for_the_disk(lab: Lab) -> None:
    await lab.send(f"{BOB}/TYPE=PLMN", "carol/TYPE=Alphanum", delivery_report=True, expiry=When(600))
    lab.post.take()
    lab.post.broken = True
    await lab.advance(700)
    assert lab.mms.load() == 1
    lab.post.broken = False
    await lab.advance(lab.config.sms_retry_delay)
    assert [type(pdu) for _, pdu in lab.post.take()] == [MDeliveryInd, MDeliveryInd]
    assert lab.mms.load() == 0
    await lab.advance(10)
    assert lab.post.take() == []


async def test_an_expired_message_is_not_kept_for_ever(lab: Lab) -> None:
    await lab.send(delivery_report=True, expiry=When(600))
    lab.post.broken = True
    await lab.advance(600 + REPORT_END + lab.config.sms_retry_delay + 5)
    assert lab.mms.load() == 0


async def test_what_is_said_after_its_expiry_brings_no_message_back(lab: Lab) -> None:
    conf = await lab.send(expiry=When(600))
    message = lab.store.get(conf.message_id)
    assert message is not None
    await lab.advance(605)
    assert lab.disk.load("mms") == {}
    lab.store.save(message)  # as who was waiting for a push of a report meanwhile does
    assert lab.disk.load("mms") == {}


async def test_mms_expires_is_the_longest(lab: Lab) -> None:
    short = Lab(mms_expires=60)
    await short.register("001")
    await short.send(expiry=When(10**6))
    assert short.notification().expiry == When(60)
    await short.advance(65)
    assert short.mms.load() == 0
    absolute = int(EPOCH + lab.registry.time.now) + 50
    await lab.send(expiry=When(absolute, absolute=True))
    assert lab.notification().expiry == When(50)


async def test_what_was_fetched_but_not_acknowledged_is_indeterminate_at_the_end(lab: Lab) -> None:
    await lab.send(delivery_report=True)
    told = lab.notification()
    await lab.get(told.content_location)
    await lab.advance(86405)
    ((_, report),) = lab.post.take()
    assert isinstance(report, MDeliveryInd)
    assert report.status is Status.INDETERMINATE


async def test_a_body_goes_when_all_have_it_and_its_room_is_free(lab: Lab) -> None:
    conf = await lab.send(BOB, "carol", body=bytes(1 << 20), content_type=ContentType("image/jpeg"))
    for _, pdu in lab.post.take():
        assert lab.disk.load(f"mms_body {conf.message_id}")
        await lab.say(MAcknowledgeInd(transaction_id=pdu.transaction_id))  # type: ignore[union-attr]
    assert lab.disk.load(f"mms_body {conf.message_id}") == {}
    assert (await lab.send()).response_status is ResponseStatus.OK


# -- forwarding
async def test_forwarding_what_was_not_fetched(lab: Lab) -> None:
    original = await lab.send(subject="look", delivery_report=True, date=50)
    told = lab.notification()
    forward = MForwardReq(transaction_id="F1", sender="", to=(ALICE,), content_location=told.content_location)
    conf = parse(await lab.say(forward))
    assert isinstance(conf, MForwardConf)
    assert (conf.response_status, conf.transaction_id) == (ResponseStatus.OK, "F1")
    assert conf.message_id not in ("", original.message_id)
    pushed = sorted(lab.post.take(), key=lambda each: each[1].message_type)
    assert [whom for whom, _ in pushed] == ["001", "001"]
    new, report = pushed[0][1], pushed[1][1]
    assert isinstance(report, MDeliveryInd)
    assert report.status is Status.FORWARDED
    message = await lab.get(new.content_location)  # type: ignore[union-attr]
    assert message.sender == f"{BOB}/TYPE=PLMN"
    assert (message.subject, message.body) == ("look", CONTENT.body)
    assert message.previously_sent_by == (Previously(1, f"{ALICE}/TYPE=PLMN"),)
    assert message.previously_sent_date == (Previously(1, 50),)
    # who forwarded may still fetch; the sender hears no second report
    assert (await lab.get(told.content_location)).retrieve_status is RetrieveStatus.OK
    await lab.say(MAcknowledgeInd(transaction_id=told.transaction_id))
    assert lab.post.take() == []


async def test_forwarding_names_no_hidden_sender(lab: Lab) -> None:
    await lab.send(sender_visibility=SenderVisibility.HIDE)
    told = lab.notification()
    await lab.say(MForwardReq(transaction_id="F1", sender="", to=(ALICE,), content_location=told.content_location))
    message = await lab.get(lab.notification().content_location)
    assert message.previously_sent_by == ()
    assert [each.count for each in message.previously_sent_date] == [1]


async def test_forwarding_nothing(lab: Lab) -> None:
    forward = MForwardReq(transaction_id="F1", sender="", to=(ALICE,), content_location=URL + "x" * 22)
    conf = parse(await lab.say(forward))
    assert isinstance(conf, MForwardConf)
    assert conf.response_status is ResponseStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND


# -- users of an external HSS
DAVE = "+33600000004"


@pytest.fixture
async def with_hss(lab: Lab) -> Lab:
    """The HSS knows Dave, of whom nothing is here."""

    def find(uri: Uri) -> tuple[Subscriber, Impu] | None:
        if uri.number == DAVE and lab.registry.subscribers.by_impu(uri) is None:
            lab.registry.subscribers.add((user("004", impu=(f"tel:{DAVE}",)),))
        return lab.registry.subscribers.by_impu(uri)

    lab.post.directory, lab.post.find = object(), find
    return lab


async def test_a_message_for_somebody_whom_the_hss_knows(with_hss: Lab) -> None:
    lab = with_hss
    pdu = lab.message(f"{DAVE}/TYPE=PLMN", f"{BOB}/TYPE=PLMN", cc=(f"{DAVE}/TYPE=PLMN",)).encode()
    answers = await asyncio.gather(*(lab.mms.on_pdu(pdu, HOSTS["001"]) for _ in range(2)))  # one is a copy
    first, second = map(parse, answers)
    assert isinstance(first, MSendConf)
    assert isinstance(second, MSendConf)
    assert first.response_status is second.response_status is ResponseStatus.OK
    assert first.message_id == second.message_id
    assert lab.post.asked == [f"tel:{DAVE}"] * 2
    await lab.settle()
    assert sorted(impi for impi, _ in lab.post.take()) == ["002", "004"]
    await lab.send(f"{DAVE}/TYPE=PLMN", transaction_id="T2")
    assert len(lab.post.asked) == 2


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (None, ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED),
        (RpCause.DESTINATION_OUT_OF_ORDER, ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED),
        (RpCause.TEMPORARY_FAILURE, ResponseStatus.ERROR_TRANSIENT_NETWORK_PROBLEM),
    ],
)
async def test_whom_the_hss_does_not_give(with_hss: Lab, cause: RpCause | None, status: ResponseStatus) -> None:
    lab = with_hss

    def find(uri: Uri) -> None:
        if cause is not None:
            raise SmsError("the HSS says so", cause)

    lab.post.find = find
    conf = await lab.send("+497/TYPE=PLMN")
    assert conf.response_status is status
    assert lab.mms.load() == 0
    control = MmsControl(lab.registry.subscribers, lab.mms, str(Path(__file__).parent))
    draft = control.prepare(Path(__file__).name, "1", "+497")
    with pytest.raises(OperatorError, match="nobody has the number" if cause is None else "the HSS says so"):
        await control.send(draft)


async def test_the_operator_sends_to_somebody_whom_the_hss_knows(with_hss: Lab) -> None:
    control = MmsControl(with_hss.registry.subscribers, with_hss.mms, str(Path(__file__).parent))
    await control.send(control.prepare(Path(__file__).name, "1", DAVE))
    await with_hss.settle()
    assert [impi for impi, _ in with_hss.post.take()] == ["004"]
    with pytest.raises(OperatorError, match="mail is not served"):
        await control.send(control.prepare(Path(__file__).name, "1", "a@b.c"))


# -- the operator
async def test_the_operator_sends_a_file(lab: Lab, tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "cat.JPG").write_bytes(b"\xff\xd8cat")
    control = MmsControl(lab.registry.subscribers, lab.mms, str(tmp_path))
    draft = control.prepare("cat.JPG", "12345", BOB, sos=True)
    id = await control.send(draft)
    await lab.settle()
    assert lab.post.told[0][2].sos
    told = lab.notification()
    assert told.sender == "12345/TYPE=PLMN"
    message = await lab.get(told.content_location)
    assert message.message_id == id
    assert message.body == compose([File("cat.JPG", b"\xff\xd8cat")]).body
    control.prepare("cat.JPG", "Shop", "001")  # an IMPI
    (tmp_path / "most.jpg").write_bytes(bytes(Limits().octets))  # which the page that shows it makes too large
    (tmp_path / "more.jpg").write_bytes(bytes(Limits().octets + 1))
    for filename, to, why in (
        ("most.jpg", BOB, "makes a message of more than 10485760 octets"), ("more.jpg", BOB, "more than 10485760"),
        ("none.jpg", BOB, "No such file"), (".", BOB, "is no regular file"), ("cat.JPG", "+49", "there is no user"),
        ("cat.JPG", "a@b.c", "mail is not served"),
    ):  # fmt: skip
        with pytest.raises(OperatorError, match=why):
            control.prepare(filename, "1", to)


async def test_counters(lab: Lab) -> None:
    before = {name: counters.get(name) for name in ("mms_send", "mms_notified", "mms_fetched", "mms_retrieved")}
    await lab.send()
    told = lab.notification()
    await lab.get(told.content_location)
    await lab.say(MAcknowledgeInd(transaction_id=told.transaction_id))
    assert {name: counters.get(name) - count for name, count in before.items()} == dict.fromkeys(before, 1)

"""MMS on the running server: phones at their own addresses of loopback, MM1 by HTTP, notifications by SMS over SIP."""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from lteims.mm1.compose import File, compose
from lteims.mm1.errors import ResponseStatus, RetrieveStatus, Status
from lteims.mm1.fields import Priority, ReadStatus, When
from lteims.mm1.multipart import Limits
from lteims.mm1.pdu import (
    AnyPdu,
    MAcknowledgeInd,
    MDeliveryInd,
    MForwardConf,
    MForwardReq,
    MNotificationInd,
    MNotifyRespInd,
    MReadOrigInd,
    MReadRecInd,
    MSendConf,
    MSendReq,
)
from tests.net.console import Console
from tests.net.ports import free_port
from tests.net.recording import Recording
from tests.net.server import Server
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.handset import MMS, Handset
from tests.vectors.capture import complaints
from tests.waiting import until

NUMBERS = ["+33600000001", "+33600000002", "+33600000003"]
ACCOUNTS = [
    Account(f"00101000000000{n}", "none", impu=f'["00101000000000{n}", "tel:{number}"]')
    for n, number in enumerate(NUMBERS, 1)
]
PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 300 + b"\xff\xd9"
CONTENT = compose([File("cat.jpg", PICTURE), File("words.txt", "Grüße 🐈".encode()), File("data.bin", b"\0\1")])


class Lab:
    """A server with an MMSC, and the phones of its users."""

    def __init__(self, server: Server, mms_port: int) -> None:
        self.server = server
        self.mms_port = mms_port
        self.mmsc = f"http://127.0.0.1:{mms_port}"
        self.handsets: dict[int, Handset] = {}

    def handset(self, number: int) -> Handset:
        """The phone of user 0, 1 or 2."""
        if number not in self.handsets:
            address = ("127.0.0.1", self.server.port)
            self.handsets[number] = Handset.at(f"127.0.0.{number + 11}", address, ACCOUNTS[number], self.mmsc)
        return self.handsets[number]

    def close(self) -> None:
        """Switch the phones off, stop the server; it must have had no fault."""
        for handset in self.handsets.values():
            handset.close()
        if self.server.process is not None and self.server.process.poll() is None:
            self.server.stop()
        assert "Traceback" not in self.server.log
        assert "failed inside" not in self.server.log
        assert "internal error" not in self.server.log


MakeLab = Callable[..., Lab]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeLab]:
    """Makes the lab; `extra` goes into its configuration."""
    labs: list[Lab] = []

    def lab(extra: str = "", kind: type[Server] = Server) -> Lab:
        port = free_port(("127.0.0.1",))
        options = (
            f'domain: "{DOMAIN}", ue_db_filename: "ims.db", sms_retry_delay: 1,\n'
            f'mms_server_bind_addr: "127.0.0.1:{port}",\n{extra}\n'
        )
        server = kind(tmp_path / "server", ue_db(ACCOUNTS), options, hosts=("127.0.0.1",))
        made = Lab(server.start(), port)
        labs.append(made)
        return made

    yield lab
    for each in labs:
        each.close()


@pytest.fixture
async def lab(make: MakeLab) -> Lab:
    """The usual one."""
    return make()


def message(*to: str, transaction_id: str = "T1", **more: object) -> MSendReq:
    """M-Send.req to these numbers, from whoever sends it."""
    fields = {"content_type": CONTENT.content_type, "body": CONTENT.body} | more
    addresses = tuple(f"{number}/TYPE=PLMN" for number in to)
    return MSendReq(transaction_id=transaction_id, sender="", to=addresses, **fields)  # type: ignore[arg-type]


def confirmed(answer: AnyPdu | None) -> str:
    """The Message-ID of an M-Send.conf that says yes."""
    assert isinstance(answer, MSendConf)
    assert answer.response_status is ResponseStatus.OK, answer
    return answer.message_id


async def notified(handset: Handset) -> MNotificationInd:
    """The notification that comes next."""
    pdu = await handset.push()
    assert isinstance(pdu, MNotificationInd)
    return pdu


def test_the_ready_line_names_it(make: MakeLab) -> None:
    lab = make()
    assert f"mms http://127.0.0.1:{lab.mms_port}" in lab.server.ready
    assert "not served by this version: mms" not in lab.server.log


async def test_the_whole_dialogue_as_tshark_sees_it(lab: Lab, tmp_path: Path) -> None:
    alice, bob = lab.handset(0), lab.handset(1)
    sip, http = lab.server.port, lab.mms_port
    with Recording(tmp_path / "mms.pcapng", (sip, http)) as recording:
        await whole_dialogue(alice, bob)
    dissect = ["-d", f"tcp.port=={http},http", "-d", f"udp.port=={sip},sip"]
    dissect += ["-o", "gsm_sms_ud.port_number_udh_means_wsp:TRUE"]
    posted = recording.values("mmse.message_type", *dissect, only="http")
    assert posted == ["0x80", "0x81", "0x83", "0x84", "0x85", "0x80", "0x81", "0x83", "0x87"]
    # The server sends a short message again to a phone that is slow to answer
    pushed = recording.values("mmse.message_type", *dissect, only="sip && !(sip.resend == 1)")
    assert pushed == ["0x82", "0x86", "0x82", "0x86", "0x88"]
    # What tshark thinks of the pace of segments is about two kernels, and about how busy the machine is
    calm = ("-o", "tcp.analyze_sequence_numbers:FALSE")
    warnings = recording.values("_ws.expert.message", *dissect, *calm, only="tcp && _ws.expert.severity >= 0x600000")
    # A kernel that is kept waiting for a processor sends a segment again that has arrived, and says so (RFC 2883)
    assert [warning for warning in warnings if warning != "D-SACK Sequence"] == []
    for layers in recording.packets(*dissect, only="mmse"):
        # tshark 4.0 reads the headers of SIP as text to the end of the datagram, so that it warns of any body
        # in octets, whatever is in it; what it finds in the body counts
        layers.get("sip", {}).pop("sip.msg_hdr_tree", None)
        assert "mmse.message_type" in str(layers)
        assert complaints(layers) == []


async def whole_dialogue(alice: Handset, bob: Handset) -> None:
    """One message deferred, fetched and acknowledged; one that is rejected; reports of both kinds."""
    sent = message(
        NUMBERS[1], subject="Chat 🐈", delivery_report=True, read_report=True, priority=Priority.HIGH, expiry=When(600)
    )
    id = confirmed(await alice.post(sent))
    told = await notified(bob)
    assert told.sender == f"{NUMBERS[0]}/TYPE=PLMN"
    assert told.subject == "Chat 🐈"
    assert told.message_size == len(CONTENT.body)
    assert await bob.post(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.DEFERRED)) is None
    got = await bob.get(told.content_location)
    assert (got.message_id, got.subject, got.priority) == (id, "Chat 🐈", Priority.HIGH)
    assert {part.name: part.data for part in got.parts()}["cat.jpg"] == PICTURE
    assert got.body == CONTENT.body
    assert await bob.post(MAcknowledgeInd(transaction_id=got.transaction_id)) is None
    report = await alice.push()
    assert isinstance(report, MDeliveryInd)
    assert (report.message_id, report.status, report.to) == (id, Status.RETRIEVED, (f"{NUMBERS[1]}/TYPE=PLMN",))

    other = confirmed(await alice.post(message(NUMBERS[1], transaction_id="T2", delivery_report=True)))
    told = await notified(bob)
    await bob.post(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.REJECTED))
    report = await alice.push()
    assert isinstance(report, MDeliveryInd)
    assert (report.message_id, report.status) == (other, Status.REJECTED)

    read = MReadRecInd(message_id=id, to=(NUMBERS[0],), sender="", date=1_800_000_000, read_status=ReadStatus.READ)
    await bob.post(read)
    original = await alice.push()
    assert isinstance(original, MReadOrigInd)
    assert (original.message_id, original.sender, original.read_status) == (
        id, f"{NUMBERS[1]}/TYPE=PLMN", ReadStatus.READ,
    )  # fmt: skip


async def test_a_restart_in_the_middle(lab: Lab) -> None:
    alice, bob = lab.handset(0), lab.handset(1)
    sent = message(NUMBERS[1], NUMBERS[2], delivery_report=True)
    id = confirmed(await alice.post(sent))
    told = await notified(bob)
    await asyncio.to_thread(lab.server.kill9)
    await asyncio.to_thread(lab.server.start)
    again = await notified(bob)  # the phone has not fetched, so it is told once more
    assert again.content_location == told.content_location
    assert confirmed(await alice.post(sent)) == id  # the confirmation was lost, says the phone
    got = await bob.get(told.content_location)
    assert got.body == CONTENT.body
    await bob.post(MNotifyRespInd(transaction_id=told.transaction_id, status=Status.RETRIEVED))
    report = await alice.push()
    assert isinstance(report, MDeliveryInd)
    assert report.message_id == id
    await asyncio.to_thread(lab.server.stop)
    await asyncio.to_thread(lab.server.start)
    assert (await bob.get(told.content_location)).retrieve_status is RetrieveStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND
    late = await notified(lab.handset(2))  # who was away all the time
    assert (await lab.handset(2).get(late.content_location)).message_id == id


async def test_nothing_confirmed_is_lost_when_the_server_is_killed(lab: Lab) -> None:
    """A message whose M-Send.conf came is on disk, whenever the power goes."""
    alice = lab.handset(0)
    confirmations: list[str] = []
    for round in range(3):
        sending = asyncio.create_task(keep_sending(alice, round, confirmations))
        await until(lambda: sending.done() or len(confirmations) >= 4 * (round + 1))  # noqa: B023
        await asyncio.sleep(random.uniform(0.1, 0.7))
        await asyncio.to_thread(lab.server.kill9)
        await sending
        await asyncio.to_thread(lab.server.start)
    assert len(confirmations) > 10
    bob, waiting = lab.handset(1), {*confirmations}
    found: set[str] = set()
    while not waiting <= found:
        told = await notified(bob)
        got = await bob.get(told.content_location)
        assert got.body == CONTENT.body
        found.add(got.message_id)
        await bob.post(MAcknowledgeInd(transaction_id=told.transaction_id))
    print(f"{len(confirmations)} messages confirmed, all there; {len(found - waiting)} arrived unconfirmed")


async def keep_sending(alice: Handset, round: int, confirmations: list[str]) -> None:
    """Send until the server is gone."""
    for number in range(10_000):
        try:
            answer = await alice.post(message(NUMBERS[1], transaction_id=f"{round}.{number}"))
        except aiohttp.ClientError:
            return
        confirmations.append(confirmed(answer))
        await asyncio.sleep(0.01)  # a mailbox is bounded


async def test_forwarding(lab: Lab) -> None:
    alice, bob, carol = (lab.handset(n) for n in range(3))
    confirmed(await alice.post(message(NUMBERS[1], subject="look")))
    told = await notified(bob)
    to = (f"{NUMBERS[2]}/TYPE=PLMN",)
    conf = await bob.post(
        MForwardReq(transaction_id="F1", sender="", to=to, content_location=told.content_location)
    )  # fmt: skip
    assert isinstance(conf, MForwardConf)
    assert conf.response_status is ResponseStatus.OK
    passed = await notified(carol)
    got = await carol.get(passed.content_location)
    assert (got.sender, got.subject, got.body) == (f"{NUMBERS[1]}/TYPE=PLMN", "look", CONTENT.body)
    assert [each.value for each in got.previously_sent_by] == [f"{NUMBERS[0]}/TYPE=PLMN"]


async def test_refusals(lab: Lab) -> None:
    alice = lab.handset(0)
    too_large = message(NUMBERS[1], body=bytes([1, 1, 0xFF, 0xFF, 0x7F]) + bytes(Limits().octets + 3_000_000))
    for number, (pdu, status, word) in enumerate([
        (message("+4999"), ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED, "+4999"),
        (message(NUMBERS[1], cc=("a@example.com",)), ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED, "mail"),
        (message(NUMBERS[1], expiry=When(0)), ResponseStatus.ERROR_PERMANENT_FAILURE, "expires"),
        (too_large, ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED, "octets"),
    ]):  # fmt: skip
        answer = await alice.post(pdu)
        assert isinstance(answer, MSendConf), number
        assert (answer.response_status, answer.transaction_id) == (status, "T1")
        assert word in answer.response_text
    data = message(NUMBERS[1]).encode()
    for cut in (*range(1, 40), *random.sample(range(40, len(data)), 20)):
        async with (
            aiohttp.ClientSession() as http,
            http.post(lab.mmsc, data=data[:cut], headers={"Content-Type": MMS}) as response,
        ):
            assert response.status in (200, 400)
    assert confirmed(await alice.post(message(NUMBERS[1], transaction_id="T9")))


async def test_expiry_is_reported(make: MakeLab) -> None:
    lab = make("mms_expires: 2,")
    alice, bob = lab.handset(0), lab.handset(1)
    id = confirmed(await alice.post(message(NUMBERS[1], delivery_report=True)))
    told = await notified(bob)
    report = await alice.push()
    assert isinstance(report, MDeliveryInd)
    assert (report.message_id, report.status) == (id, Status.EXPIRED)
    assert (await bob.get(told.content_location)).retrieve_status is RetrieveStatus.ERROR_PERMANENT_MESSAGE_NOT_FOUND


async def test_the_operator_sends_files(make: MakeLab) -> None:
    lab = make(kind=Console)
    console, bob = lab.server, lab.handset(1)
    assert isinstance(console, Console)
    (console.folder / "my cat.jpg").write_bytes(PICTURE)
    (console.folder / "thing.xyz").write_bytes(b"thing")
    answer = await asyncio.to_thread(console.type, f'mms "my cat.jpg" 12345 {NUMBERS[1]}')
    assert NUMBERS[1] in answer
    told = await notified(bob)
    assert told.sender == "12345/TYPE=PLMN"
    got = await bob.get(told.content_location)
    assert [(part.content_type.media, part.name) for part in got.parts()] == [
        ("application/smil", "smil.xml"), ("image/jpeg", "my_cat.jpg"),
    ]  # fmt: skip
    assert got.parts()[1].data == PICTURE
    await asyncio.to_thread(console.type, f"mms thing.xyz {NUMBERS[0]} {ACCOUNTS[1].imsi}")
    got = await bob.get((await notified(bob)).content_location)
    assert [(part.content_type.media, part.data) for part in got.parts()] == [("application/octet-stream", b"thing")]
    for command, word in (
        ("mms", "usage"), ("mms a b", "usage"), (f"mms none.jpg 1 {NUMBERS[1]}", "No such file"),
        ("mms thing.xyz 1 +4999", "+4999"), ('mms "thing', "quotation"),
    ):  # fmt: skip
        assert word in await asyncio.to_thread(console.type, command)

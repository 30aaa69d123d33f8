"""Bad input by SGsAP against the real program over real SCTP: broken, unexpected, floods, MMEs that do not read."""

import asyncio
import contextlib
import os
import random
import socket
import struct
from collections.abc import AsyncIterator, Iterator

import pytest

from lteims.ims.sgs_mme import vlr_name
from lteims.net import eager
from lteims.net.sgsap import MOST_OF_HOST
from lteims.sgsap import message as m
from lteims.sgsap.cause import SgsCause
from lteims.sgsap.elements import Lai, Plmn
from lteims.sim.mme_link import MmeLink
from tests.kernel.sgs_program import DOMAIN, ONE, PORT, STRANGER, A, B, Program, running
from tests.unit.sgsap.test_sgsap_vectors import SIMPLE, VECTORS

MESSAGES = [v[2] for v in VECTORS] + [v[1] for v in SIMPLE]
SEED = 29118
IPPROTO_SCTP, SCTP_SNDRCV = 132, 1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("ims"), 4, f"h{os.getpid() % 10000}") as program:
        yield program


@pytest.fixture
async def program(server: Program) -> AsyncIterator[Program]:
    await server.counted()
    yield server
    await server.clean()
    assert "ims_internal_error" not in str(await server.ask("stats"))
    assert "Traceback" not in server.log()


async def serves(program: Program, link: MmeLink) -> None:
    """Whatever came before, a message goes from phone to phone."""
    a, b = await program.attached(link, A, B)
    b.inbox.clear()
    a.submit("still there", B.number)
    await link.until(lambda: b.inbox == ["still there"] and not b.busy, 60.0)


def answers(link: MmeLink) -> list[m.Status]:
    return [each for each in link.mme.received_messages if isinstance(each, m.Status)]


async def test_what_is_answered_and_what_is_not(program: Program) -> None:
    link = await program.mme()
    request = m.LocationUpdateRequest(A.imsi, ONE, 1, Lai(Plmn("001", "01"), 1)).encode()
    who = m.AlertAck(A.imsi).encode()[1:]
    expected = [
        (b"\x00" + who, SgsCause.MESSAGE_UNKNOWN),
        (b"\xff" + who, SgsCause.MESSAGE_UNKNOWN),
        (request[:20], SgsCause.INVALID_MANDATORY_INFORMATION),
        (b"\x0e", SgsCause.MISSING_MANDATORY_INFORMATION_ELEMENT),
        (b"\x15", SgsCause.CONDITIONAL_INFORMATION_ELEMENT_ERROR),
        (m.PagingRequest(A.imsi, "vlr.example", 2).encode(), SgsCause.MESSAGE_UNKNOWN),  # only a VLR sends it
        (m.AlertAck(STRANGER).encode(), SgsCause.IMSI_UNKNOWN),
    ]
    for octets, cause in expected:
        link.mme.received_messages.clear()
        link.mme.say_octets(octets)
        await link.until(lambda: answers(link), 20.0)
        (status,) = answers(link)
        assert (status.sgs_cause, status.erroneous_message) == (cause, octets[:255])
    link.mme.received_messages.clear()
    for octets in (m.Status(A.imsi, SgsCause.MESSAGE_UNKNOWN, b"\x0a").encode(), m.ResetAck(mme_name=ONE).encode()):
        link.mme.say_octets(octets)
    await serves(program, link)
    assert not answers(link)
    counted = await program.counted("sgsap_malformed", "sgs_unexpected")
    assert counted == {"sgsap_malformed": 5, "sgs_unexpected": 3}


async def test_all_that_is_cut_off_or_changed(program: Program) -> None:
    dice = random.Random(SEED)
    link = await program.mme()
    encoded = [message.encode() for message in MESSAGES]
    said = [octets[:end] for octets in encoded for end in range(1, len(octets), 3)]
    for _ in range(2000):
        changed = bytearray(dice.choice(encoded))
        for _ in range(dice.randint(1, 4)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        said.append(bytes(changed))
    before = program.memory()
    for number, octets in enumerate(said):
        link.mme.say_octets(octets)
        if number % 100 == 0:
            await asyncio.sleep(0.02)
    await serves(program, link)
    counted = await program.counted("sgsap_recv", "sgsap_malformed")
    assert counted["sgsap_recv"] > len(said)
    print(f"{len(said)} broken messages, {counted['sgsap_malformed']} could not be read, {len(answers(link))} statuses,"
          f" memory +{program.memory() - before} kB")  # fmt: skip
    assert not link.mme.faults
    assert program.memory() - before < 20_000


async def test_nas_messages_that_are_none(program: Program) -> None:
    dice = random.Random(SEED)
    link = await program.mme()
    await program.attached(link, A)
    for _ in range(500):
        link.mme.say(m.UplinkUnitdata(A.imsi, dice.randbytes(dice.randint(2, 60))))
        link.mme.say(m.UplinkUnitdata(A.imsi, bytes((dice.randrange(8) << 4 | 9, dice.choice((1, 4, 16)))) +
                                      dice.randbytes(dice.randint(0, 40))))  # fmt: skip
        await asyncio.sleep(0)
    link.mme.detach_eps(A.imsi)
    await serves(program, link)


async def test_a_flood_of_phones_that_nobody_knows(program: Program) -> None:
    link = await program.mme()
    before = program.memory()
    lai = Lai(Plmn("001", "01"), 1)
    for number in range(5000):
        imsi = f"00199{number:010}"
        link.mme.say(m.LocationUpdateRequest(imsi, f"m{number}.{ONE}", 1, lai))
        if number % 50 == 0:
            await asyncio.sleep(0.02)
    await link.until(lambda: link.mme.ladder.count("<-- LOCATION-UPDATE-REJECT 2") == 5000, 120.0)
    counted = await program.counted("sgs_rejected")
    print(f"5,000 phones refused, memory +{program.memory() - before} kB")
    assert counted == {"sgs_rejected": 5000}
    assert program.memory() - before < 5_000
    await serves(program, link)


async def test_an_mme_with_many_names(program: Program) -> None:
    link = await program.mme()
    for number in range(2000):
        link.mme.say(m.ResetIndication(mme_name=f"m{number}.{ONE}"))
        if number % 50 == 0:
            await asyncio.sleep(0.02)
    await link.until(lambda: link.mme.ladder.count("<-- RESET-ACK") == 2000, 120.0)
    lines = (await program.ask("monitor", line="mme"))["text"].splitlines()
    assert len(lines) < 20, "\n".join(lines)
    await serves(program, link)


async def test_an_mme_that_does_not_read(program: Program) -> None:
    """Its window closes; what waits for it is bounded, it is dropped, and others are served meanwhile."""
    other = await program.mme()
    with program.lab.inside("mme"):
        stalled = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.settimeout(20.0)
    stalled.connect((program.core, PORT))
    stalled.settimeout(0.2)
    before = program.memory()
    question = b"\x7f" + bytes(250)  # an unknown message: each is answered by a status that carries it
    sent = 0
    while sent < 60_000:
        try:
            stalled.send(question)
            sent += 1
        except TimeoutError:
            await asyncio.sleep(0.05)
        except OSError:
            break
        if sent % 200 == 0:
            await asyncio.sleep(0)
    grown = program.memory() - before
    print(f"an MME that does not read was dropped after {sent} messages, memory +{grown} kB")
    assert sent < 60_000
    assert grown < 30_000
    stalled.close()
    await serves(program, other)
    assert "it does not read" in program.log()


async def test_messages_that_come_in_odd_ways(program: Program) -> None:
    """By any stream, with any identifier, in many fragments, and longer than any can be."""
    link = await program.mme()
    with program.lab.inside("mme"):
        odd = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
    odd.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    odd.connect((program.core, PORT))
    odd.setblocking(False)
    request = m.LocationUpdateRequest(A.imsi, f"odd.{ONE}", 1, Lai(Plmn("001", "01"), 1)).encode()
    unknown = b"\xee\xff" + bytes(255)
    reset = m.ResetIndication(vlr_name=vlr_name(DOMAIN)).encode()
    loop = asyncio.get_running_loop()
    for ppid, stream, data in ((46, 3, request), (0, 0, request + 700 * unknown), (1 << 31, 1, bytes(100_000))):
        about = struct.pack("=HHHxxIIIIIi", stream, 0, 0, ppid, 0, 0, 0, 0, 0)  # sctp_sndrcvinfo (RFC 6458 5.3.2)
        odd.sendmsg([data], [(IPPROTO_SCTP, SCTP_SNDRCV, about)])
        answer = reset
        while answer == reset:  # it is told of the start, as a new name
            answer = await asyncio.wait_for(loop.sock_recv(odd, 65536), 20.0)
        assert answer[0] == (0x0A if data[0] == 0x09 else 0x1D)  # LOCATION-UPDATE-ACCEPT, STATUS
    odd.send(request + 1100 * unknown)
    with contextlib.suppress(ConnectionResetError):
        while await asyncio.wait_for(loop.sock_recv(odd, 65536), 20.0):
            pass
    odd.close()
    await link.until(lambda: "a message of more than" in program.log())
    await serves(program, link)


async def test_more_mmes_than_there_can_be(program: Program) -> None:
    """A host that takes all that it gets shuts out nobody else."""
    link = await program.mme()
    crowd = [MmeLink(asyncio.get_running_loop()) for _ in range(MOST_OF_HOST + 6)]
    for each in crowd:
        await program.connect(each)
    await link.until(lambda: sum(bool(each.lost) for each in crowd) == 7, 30.0)
    stranger = MmeLink(asyncio.get_running_loop())
    with program.lab.inside("hss"):
        task = eager.start(asyncio.get_running_loop(), stranger.connect((program.core, PORT)))
    if task is not None:
        await task
    await asyncio.sleep(0.3)
    assert not stranger.lost
    stranger.close()
    for each in crowd:
        each.close()
    await serves(program, link)
    for _ in range(60):  # until the server has heard that they are gone
        late = await program.mme()
        await asyncio.sleep(0.3)
        if not late.lost:
            break
    assert not late.lost


async def test_mmes_that_come_and_go(program: Program) -> None:
    link = await program.mme()
    before = program.memory()
    for number in range(100):
        one = MmeLink(asyncio.get_running_loop(), name=f"m{number % 7}.{ONE}")
        await program.connect(one)
        one.mme.attach(A.imsi)
        if number % 2:
            await asyncio.sleep(0)
        one.close(abort=bool(number % 3))
    await asyncio.sleep(0.5)
    print(f"100 MMEs came and went, memory +{program.memory() - before} kB")
    assert program.memory() - before < 5_000
    await serves(program, link)

"""SMS over SGs with the real program over real SCTP, IPv4 and IPv6: MMEs and SIP phones in namespaces of their own."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lteims.sim.mme_link import MmeLink
from lteims.sim.mme_phone import MmePhone, Paging
from lteims.sms import rp
from tests.kernel.sgs_program import FORCED, ONE, ROOT, STRANGER, TWO, A, B, C, Program, User, running

LONG = "".join(f"{n:03} bottles of beer on the wall. " for n in range(12))  # three parts
UCS2 = "Здравствуй, 世界 😀"


@pytest.fixture(scope="module", params=[4, 6], ids=["ipv4", "ipv6"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("ims")
    with running(folder, request.param, f"s{request.param}{os.getpid() % 10000}") as program:
        yield program


@pytest.fixture
async def program(server: Program) -> AsyncIterator[Program]:
    yield server
    await server.clean()


async def got(link: MmeLink, phone: MmePhone, text: str, sender: User) -> None:
    await link.until(lambda: phone.messages, 30.0)
    sms = phone.messages.popleft()
    assert (sms.text, sms.sender) == (text, sender.number)


async def acknowledged(link: MmeLink, phone: MmePhone) -> None:
    """What it has submitted was taken."""
    await link.until(lambda: phone.reports, 30.0)
    assert isinstance(phone.reports.pop(0), rp.RpAck), "\n".join(link.mme.ladder[-40:])


async def submit(program: Program, user: User, text: str) -> None:
    """A message of the operator."""
    await program.ask("sms", impi=user.impi, text=text, sender="+4999")


async def test_both_ways(program: Program) -> None:
    link = await program.mme()
    a, b = await program.attached(link, A, B)
    for text in ("Hi", UCS2):
        assert a.submit(text, B.number, report=True) == 1
        await acknowledged(link, a)
        await got(link, b, text, A)
        await link.until(lambda: a.statuses, 20.0)
        status = a.statuses.popleft()
        assert (status.receiver, status.status) == (B.number, 0)
    parts = b.parts(LONG, A.number)
    assert len(parts) == 3
    for part in parts:
        b.send(part)
        await acknowledged(link, b)
    await got(link, a, LONG, B)
    await link.until(lambda: not a.connected and not b.connected, 20.0)
    assert link.identifiers == {0}
    lines = (await program.ask("monitor", line="mme"))["text"]
    assert re.search(rf"{ONE} +\S+ +2", lines), lines


async def test_between_a_phone_of_sip_and_one_of_sgs(program: Program) -> None:
    link = await program.mme()
    (b,) = await program.attached(link, B)
    async with program.phone(C) as c:
        for text in ("Hi", UCS2, LONG):
            await c.sms(B.number, text, report=True)
            await got(link, b, text, C)
            for _ in range(3 if text is LONG else 1):
                assert (await c.next_report(20.0)).status == 0
            for part in b.parts(text, C.number, report=True):
                b.send(part)
                await acknowledged(link, b)
            sms = await c.next_sms(30.0)
            assert (sms.text, sms.sender) == (text, B.number)
            await link.until(lambda: b.statuses, 20.0)
            assert b.statuses.popleft().status == 0
            await link.until(lambda: not b.busy, 20.0)
            b.statuses.clear()


async def test_by_ip_where_the_phone_is_registered_and_by_sgs_where_it_is_not(program: Program) -> None:
    link = await program.mme()
    a, c = await program.attached(link, A, C)
    a.submit("by SGs", C.number)
    await got(link, c, "by SGs", A)
    async with program.phone(C) as registered:
        a.submit("by IP", C.number)
        assert (await registered.next_sms(20.0)).text == "by IP"
        await program.ask("user_set", impi=C.impi, force_sms_over_sg=True)
        a.submit("forced", C.number)
        await got(link, c, "forced", A)
        await program.ask("user_set", impi=C.impi, force_sms_over_sg=False)
        a.submit("by IP again", C.number)
        assert (await registered.next_sms(20.0)).text == "by IP again"
    a.submit("by SGs again", C.number)
    await got(link, c, "by SGs again", A)


async def test_what_waits_goes_at_once_when_the_way_is_changed(program: Program) -> None:
    link = await program.mme()
    (c,) = await program.attached(link, C)
    link.mme.detach_eps(C.imsi)
    await link.until(lambda: not c.detaching)
    async with program.phone(C) as registered:
        await program.ask("user_set", impi=C.impi, force_sms_over_sg=True)
        await submit(program, C, "waits")
        await asyncio.sleep(1.0)
        assert await program.waiting(C) == 1
        start = time.monotonic()
        await program.ask("user_set", impi=C.impi, force_sms_over_sg=False)
        assert (await registered.next_sms(20.0)).text == "waits"
        assert time.monotonic() - start < 3.0  # the sweep would come every 5 seconds


async def test_a_user_whom_ue_db_forces(program: Program) -> None:
    link = await program.mme()
    async with program.phone(FORCED) as registered:
        await submit(program, FORCED, "not by IP")
        await asyncio.sleep(1.0)
        assert await program.waiting(FORCED) == 1
        (forced,) = await program.attached(link, FORCED)
        await link.until(lambda: forced.inbox == ["not by IP"], 20.0)
        await asyncio.sleep(0.3)
        assert not registered.messages.inbox


async def test_what_comes_while_a_phone_is_away(program: Program) -> None:
    link = await program.mme()
    a, b = await program.attached(link, A, B)
    for detach in (link.mme.detach_eps, link.mme.detach_imsi):
        detach(B.imsi)
        await link.until(lambda: not b.detaching)
        b.messages.clear()
        for text in ("one", "two"):
            a.submit(text, B.number)
            await acknowledged(link, a)
        await asyncio.sleep(0.5)
        assert await program.waiting(B) == 2
        assert not b.messages
        await program.attached(link, B)
        await got(link, b, "one", A)
        await got(link, b, "two", A)
        await link.until(lambda: not b.busy, 20.0)
        assert await program.waiting(B) == 0


async def test_a_phone_that_does_not_answer_is_watched(program: Program) -> None:
    link = await program.mme()
    (b,) = await program.attached(link, B)
    b.paging = Paging.UNREACHABLE
    await submit(program, B, "asleep")
    await link.until(lambda: b.watched, 20.0)
    assert await program.waiting(B) == 1
    link.mme.seen(B.imsi)
    await link.until(lambda: b.inbox == ["asleep"], 20.0)


async def test_an_mme_that_was_reset(program: Program) -> None:
    link = await program.mme()
    (b,) = await program.attached(link, B)
    link.mme.restart()
    await link.until(lambda: not link.mme.resetting)
    b.paging = Paging.IGNORED
    await submit(program, B, "while nobody knew")
    await link.until(lambda: b.paged, 20.0)  # it is paged all the same, but nobody knows where
    assert await program.waiting(B) == 1
    b.paging = Paging.ANSWERED
    await program.attached(link, B)
    await link.until(lambda: b.inbox == ["while nobody knew"], 20.0)


async def test_a_server_that_is_killed(program: Program) -> None:
    link = await program.mme()
    a, b = await program.attached(link, A, B)
    link.mme.detach_eps(B.imsi)
    await link.until(lambda: not b.detaching)
    for n in range(5):
        a.submit(f"{n}", B.number)
        await acknowledged(link, a)
    program.kill()
    await link.until(lambda: link.lost, 60.0)
    a.lost()
    program.start()
    await program.connect(link)
    await link.until(lambda: "--> RESET-ACK" in link.mme.ladder, 20.0)
    assert await program.waiting(B) == 5
    await program.attached(link, A, B)
    await link.until(lambda: len(b.inbox) == 5, 30.0)
    await asyncio.sleep(1.0)
    assert b.inbox == [f"{n}" for n in range(5)]
    assert await program.waiting(B) == 0


async def test_an_mme_that_is_lost_while_a_message_is_on_its_way(program: Program) -> None:
    link = await program.mme()
    (b,) = await program.attached(link, B)
    b.silent = True  # it gets CP-DATA, and never says so
    await submit(program, B, "twice on its way")
    await link.until(lambda: "<-- DOWNLINK-UNITDATA CP-DATA" in link.mme.ladder, 20.0)
    link.close(abort=True)
    b.lost()
    b.silent = False
    await asyncio.sleep(0.5)
    assert await program.waiting(B) == 1
    await program.connect(link)
    await program.attached(link, B)
    await link.until(lambda: b.inbox, 30.0)
    await asyncio.sleep(1.0)
    assert b.inbox == ["twice on its way"]


async def test_two_mmes(program: Program) -> None:
    one, two = await program.mme(), await program.mme(TWO)
    (a,) = await program.attached(one, A)
    (b,) = await program.attached(two, B)
    a.submit("across", B.number)
    await got(two, b, "across", A)
    lines = (await program.ask("monitor", line="mme"))["text"]
    assert ONE in lines
    assert TWO in lines
    (moved,) = await program.attached(one, B)
    b.attached = False
    a.submit("and after it", B.number)
    await got(one, moved, "and after it", A)
    two.close()
    end = time.monotonic() + 30
    while TWO in (lines := (await program.ask("monitor", line="mme"))["text"]):
        assert time.monotonic() < end, lines
        await asyncio.sleep(0.1)


async def test_filters_and_forced_causes(program: Program) -> None:
    link = await program.mme()
    a, b = await program.attached(link, A, B)
    # what the phone begins with is refused by the CP layer, with a cause of our choice
    await program.ask("config_set", sms_message_filter={"cp_data": "reject"}, sms_forced_cp_cause=17)
    a.submit("refused", B.number)
    await link.until(lambda: a.errors == [17], 20.0)
    await link.until(lambda: not a.busy, 20.0)
    a.reports.clear()
    # ignored: nothing comes, not even CP-ACK
    await program.ask("config_set", sms_message_filter={"cp_data": "ignore"})
    link.mme.ladder.clear()
    a.submit("ignored", B.number)
    await asyncio.sleep(1.0)
    assert not [line for line in link.mme.ladder if line.startswith("<-- DOWNLINK")]
    a.lost()
    a.reports.clear()
    # and by the RP layer
    await program.ask(
        "config_set", sms_message_filter={"cp_data": "treat", "rp_data": "reject"}, sms_forced_rp_cause=42
    )  # fmt: skip
    a.submit("refused again", B.number)
    await link.until(lambda: a.reports, 20.0)
    report = a.reports.pop(0)
    assert isinstance(report, rp.RpError)
    assert report.rp_cause == 42
    await link.until(lambda: not a.busy, 20.0)
    # a phone's RP-ACK is not heard, and the message stays
    await program.ask("config_set", sms_message_filter={"rp_data": "treat", "rp_ack": "reject"}, sms_forced_cp_cause=99)
    await submit(program, B, "not settled")
    await link.until(lambda: b.errors == [99], 20.0)
    assert await program.waiting(B) == 1
    await program.ask("sms_flush", impi=B.impi)
    assert not [text for text in b.inbox if text.startswith("refused")]


async def test_a_phone_that_nobody_knows(program: Program) -> None:
    link = await program.mme()
    stranger = link.mme.attach(STRANGER)
    await link.until(lambda: stranger.rejected == 2, 20.0)  # IMSI unknown in HLR (TS 24.008 10.5.3.6)
    stranger.submit("who am I", A.number)
    await link.until(lambda: "<-- RELEASE-REQUEST 3" in link.mme.ladder, 20.0)  # IMSI unknown (TS 29.118 9.4.18)
    assert "is unknown: its location update" in program.log()


async def test_a_thousand_messages(program: Program) -> None:
    """500 from each of two phones to the other: 1,000 that come, each once and in order."""
    link = await program.mme()
    a, b = await program.attached(link, A, B)
    start = last = time.monotonic()
    pauses = [0.0]

    async def send(phone: MmePhone, to: User) -> None:
        nonlocal last
        for n in range(500):
            phone.submit(f"{n}", to.number)
            await link.until(lambda n=n: len(phone.reports) > n, 60.0)  # type: ignore[misc]
            pauses.append(time.monotonic() - last)
            last = time.monotonic()

    await asyncio.gather(send(a, B), send(b, A))
    await link.until(lambda: len(a.inbox) >= 500 and len(b.inbox) >= 500 and not a.busy and not b.busy, 240.0)
    took = time.monotonic() - start
    assert all(isinstance(report, rp.RpAck) for report in (*a.reports, *b.reports))
    assert a.inbox == b.inbox == [f"{n}" for n in range(500)]
    print(f"1,000 SMS over SGs in {took:.1f} s, longest pause {max(pauses):.2f} s; none lost, none twice")
    assert max(pauses) < 10.0
    assert await program.waiting(A) == await program.waiting(B) == 0


SCENARIO = """
mmes:
  one: {{}}
  two: {{lac: 2}}
phones:
  alice: {{imsi: {a}}}
  bob: {{imsi: {b}}}
  eve: {{imsi: 001010000000099}}
steps:
  - attach: [alice, bob]
  - attach: {{phone: eve, cause: 2}}
  - sms: {{phone: alice, to: "+49402", text: Здравствуй, report: yes}}
  - expect: {{phone: bob, what: sms, text: Здравствуй, from: "+49401"}}
  - expect: {{phone: alice, what: report, status: 0}}
  - sms: {{phone: alice, to: "+49777", text: to nobody, cause: 1}}
  - paging: {{phone: bob, answer: unreachable}}
  - sms: {{phone: alice, to: "+49402", text: asleep}}
  - expect: {{phone: bob, what: nothing, within: 1}}
  - paging: {{phone: bob, answer: answered}}
  - seen: bob
  - expect: {{phone: bob, what: sms, text: asleep}}
  - refuse: {{phone: bob, cause: 22}}
  - sms: {{phone: alice, to: "+49402", text: full}}
  - expect: {{phone: bob, what: paging}}
  - refuse: {{phone: bob, cause: 0}}
  - wait: 1
  - memory: bob
  - expect: {{phone: bob, what: sms, text: full}}
  - attach: {{phone: bob, mme: two}}
  - sms: {{phone: alice, to: "+49402", text: over there}}
  - expect: {{phone: bob, what: sms, text: over there}}
  - expect: {{phone: bob, what: idle}}
  - restart: one
  - attach: alice
  - disconnect: {{mme: two, abort: yes}}
  - sms: {{phone: alice, to: "+49402", text: after the crash}}
  - connect: two
  - attach: bob
  - expect: {{phone: bob, what: sms, text: after the crash}}
  - detach: {{phone: alice, kind: imsi}}
  - detach: bob
{more}
"""


async def test_the_simulator_as_a_command(program: Program, tmp_path: Path) -> None:
    file, report = tmp_path / "sgs.yaml", tmp_path / "junit.xml"
    command = [sys.executable, "-m", "lteims", "mme", str(file), "--server", program.server, "--junit", str(report)]
    file.write_text(SCENARIO.format(a=A.imsi, b=B.imsi, more=""), encoding="utf-8")
    done = program.lab.run("mme", command, 120.0)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'failures="0" skipped="0"' in report.read_text(encoding="utf-8")
    assert "PAGING" not in done.stdout
    more = "  - expect: {phone: bob, what: sms, within: 0.5}\n  - attach: bob"
    file.write_text(SCENARIO.format(a=A.imsi, b=B.imsi, more=more), encoding="utf-8")
    done = program.lab.run("mme", command, 120.0)
    assert done.returncode == 1
    assert "bob: waiting for a message: nothing in 0.5 s" in done.stdout
    assert "PAGING-REQUEST bob" in done.stdout
    assert 'failures="1" skipped="1"' in report.read_text(encoding="utf-8")


def test_nobody_is_there(server: Program, tmp_path: Path) -> None:
    file = tmp_path / "sgs.yaml"
    file.write_text(SCENARIO.format(a=A.imsi, b=B.imsi, more=""), encoding="utf-8")
    nowhere = server.server.replace("29118", "29119")
    done = server.lab.run("mme", [sys.executable, "-m", "lteims", "mme", str(file), "--server", nowhere], 60.0)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file}:3: mme one: " in done.stderr
    assert "refused" in done.stderr


REFUSED = """
phones:
  alice: {{imsi: {a}}}
steps:
  - attach: alice
  - sms: {{phone: alice, to: "{number}", text: refused, cp_cause: 17}}
  - lost: {{mme: mme, within: 60}}
  - connect: {{mme: mme, within: 60}}
  - attach: {{phone: alice, within: 30}}
  - silent: alice
  - sms: {{phone: alice, to: "{number}", text: unheard, unanswered: yes, within: 2}}
"""


@pytest.mark.parametrize("server", [4], ids=["ipv4"], indirect=True)
async def test_the_simulator_sees_refusals_and_a_server_that_restarts(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "sgs.yaml"
    file.write_text(REFUSED.format(a=A.imsi, number=B.number), encoding="utf-8")
    await program.ask("config_set", sms_message_filter={"cp_data": "reject"}, sms_forced_cp_cause=17)
    command = [sys.executable, "-u", "-m", "lteims", "mme", str(file), "--server", program.server]
    out = tmp_path / "output"
    before = program.log().count(f"CP-DATA of {A.imsi}: reject")
    with out.open("wb") as output:
        process = program.lab.popen("mme", command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 60
        while program.log().count(f"CP-DATA of {A.imsi}: reject") == before:
            assert time.monotonic() < end, out.read_text(encoding="utf-8")
            await asyncio.sleep(0.2)
        await asyncio.sleep(1.0)  # the phone, which says nothing before the end, hears of it
        program.kill()
        program.start()
        end = time.monotonic() + 60
        while process.poll() is None:
            assert time.monotonic() < end, out.read_text(encoding="utf-8")
            await asyncio.sleep(0.2)
        assert process.returncode == 0, out.read_text(encoding="utf-8")
    finally:
        if process.poll() is None:
            process.kill()

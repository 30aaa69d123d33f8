"""Virtual phones against the real server over loopback, in clear text: what phones do, by every profile.

Each phone has an address of its own, as phones have. SIPp, baresip and linphone stay the judges of the server; these
tests show that the virtual phone is a phone.
"""

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lteims.aka import usim
from lteims.sim.call import Call
from lteims.sim.card import Sim
from lteims.sim.errors import PhoneError, PhoneTimeout
from lteims.sim.ladder import Ladder
from lteims.sim.phone import Phone
from lteims.sim.profiles import PLAIN, PROFILES, Profile
from lteims.sip.transaction import Timings
from lteims.sms.cause import RpCause
from tests.net import server as servers
from tests.net.server import Server

ROOT = Path(__file__).parents[2]
DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
K = "0396eb317b6d1c36f19c1c84cd6ffd16"
OPC = "53c15671c60a4b731c55b4a441c0bde2"
TOPC = "bd04d9530e87513c5d837ac2ad954623a8e2330c115305a73eb45d1f40cccbff"
ALGORITHMS = {"milenage": {"opc": OPC}, "xor": {}, "tuak": {"topc": TOPC}}
CASES = [("AKAv1", "milenage"), ("AKAv1", "xor"), ("AKAv1", "tuak"), ("AKAv2", "milenage"), ("MD5", "password")]
_hosts = (f"127.0.{n // 250 + 10}.{n % 250 + 1}" for n in itertools.count())


def imsi(place: int) -> str:
    return f"0010155{place:08}"


def card(place: int, algorithm: str = "milenage", **values: object) -> Sim:
    """The card of the user at this place of the user table."""
    if algorithm == "password":
        return Sim(imsi(place), password="secret", **values)  # type: ignore[arg-type]
    return Sim(imsi(place), algorithm=algorithm, k=K, **(ALGORITHMS[algorithm] | values))  # type: ignore[arg-type]


def entry(place: int, kind: str = "AKAv1", algorithm: str = "milenage", extra: str = "") -> str:
    keys = 'pwd: "secret"'
    if algorithm != "password":
        keys = f'sim_algo: "{algorithm}", K: "{K}"' + "".join(f', {n}: "{v}"' for n, v in ALGORITHMS[algorithm].items())
    impus = f'["{imsi(place)}", "tel:+49{place:03}"]'
    return f'  {{imsi: "{imsi(place)}", impu: {impus}, authent_type: "{kind}", {keys}{extra}}},\n'


# Users 0 to 4: one for each way to prove who one is; from 10 on Milenage.
UE_DB = "ue_db: [\n" + "".join(entry(n, *case) for n, case in enumerate(CASES))
UE_DB += "".join(entry(n) for n in range(10, 40)) + "],\n"
EXTRA = f"""domain: "{DOMAIN}", ue_db_filename: "ims.db", precondition: "on", sms_retry_delay: 1,
echo: ["tel:666", {{impu: "urn:service:sos", anonymous: true, authentication: false}},
  {{impu: "tel:403", code: 403}}, {{impu: "tel:667", ring_only: true}}],
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("virtual") / "server", UE_DB, EXTRA) as running:
        yield running
    assert "failed inside" not in running.log


def phone(server: Server, sim: Sim, profile: Profile | str = "plain", *, host: str = "", **options: object) -> Phone:
    """A phone at an address of its own."""
    host = host or next(_hosts)
    at = server.address("::1" if ":" in host else "127.0.0.1")
    return Phone(sim, at, profile=profile, host=host, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def pair(
    server: Server, first: int, profile: Profile | str = "plain", other: Profile | str = "plain"
) -> AsyncIterator[tuple[Phone, Phone]]:
    """Two registered phones with one ladder; nothing wrong may be heard by either."""
    ladder = Ladder(asyncio.get_running_loop().time)
    one = phone(server, card(first), profile, name="one", ladder=ladder)
    two = phone(server, card(first + 1), other, name="two", ladder=ladder)
    async with one, two:
        await asyncio.gather(one.register(), two.register())
        yield one, two
        await asyncio.gather(one.deregister(), two.deregister())
        assert (one.faults, two.faults) == ([], []), ladder.render()


# --- registration


@pytest.mark.parametrize("host", ["127.0.9.1", "::1"], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("place", "algorithm"), [(n, case[1]) for n, case in enumerate(CASES)])
async def test_every_way_to_prove_who_one_is(
    server: Server, place: int, algorithm: str, transport: str, host: str
) -> None:
    """MD5, AKAv1 with each algorithm, AKAv2; refreshed, and taken back."""
    profile = replace(PLAIN, empty_authorization=algorithm != "password")
    async with phone(server, card(place, algorithm), profile, host=host, transport=transport) as ue:
        response = await ue.register()
        assert ue.registration.associated == [f"sip:{imsi(place)}@{DOMAIN}", f"tel:+49{place:03}"]
        assert ue.registration.service_route
        assert response.via.transport == transport.upper()
        assert ue.registration.expires > 0
        assert ue.registration.challenges >= 1
        await ue.register()
        assert ue.registration.bound
        await ue.deregister()
        assert not ue.registration.bound
        assert not ue.faults


@pytest.mark.parametrize(("place", "algorithm"), [(0, "milenage"), (1, "xor"), (2, "tuak"), (3, "milenage")])
async def test_a_card_that_is_ahead_is_caught_up_with(server: Server, place: int, algorithm: str) -> None:
    """AUTS: the server takes the card's SQN over, and its next challenge is accepted."""
    sim = card(place, algorithm, sqn=(1 << 20) << 5)
    async with phone(server, sim) as ue:
        await ue.register()
        assert [type(each) for each in ue.auth.verdicts] == [usim.SyncFailure, usim.Accepted]
        assert ue.registration.challenges == 2
        await ue.deregister()
        assert "AUTS" in ue.ladder.render()


async def test_another_key_is_told_from_another_fault(server: Server) -> None:
    sim = replace(card(10), k="ff" * 16)
    async with phone(server, sim) as ue:
        with pytest.raises(PhoneError, match="REGISTER was answered") as refused:
            await ue.register()
        assert refused.value.code in (401, 403)
        assert isinstance(ue.auth.verdicts[0], usim.MacFailure)
        assert "MAC failure" in refused.value.ladder
        assert "401 REGISTER" in refused.value.ladder


async def test_a_registration_refreshes_itself(server: Server) -> None:
    async with phone(server, card(10)) as ue:
        await ue.register(60)
        assert ue.registration.expires == 60
        ue.registration._refresh()  # what its timer does half-way
        await ue.changes.until(lambda: ue.registration._cseq >= 3, 20.0, "waiting for the refresh")
        assert ue.registration.bound


async def test_a_phone_watches_its_registration(server: Server) -> None:
    async with phone(server, card(10)) as ue:
        await ue.register()
        await ue.subscribe()
        document = ue.watch.documents[0]
        assert f"sip:{imsi(10)}@{DOMAIN}" in [each.aor for each in document.registrations]
        assert any(ue.is_own(contact.uri) for each in document.registrations for contact in each.contacts)
        await ue.deregister()
        await ue.changes.until(lambda: len(ue.watch.documents) > 1, 20.0, "waiting for the last NOTIFY")
        assert ue.watch.state.startswith("terminated")
        assert "the registration is gone" not in ue.ladder.render()  # it is what the phone wanted
        assert not ue.faults


async def test_who_waits_in_vain_sees_the_ladder(server: Server) -> None:
    async with phone(server, card(10), name="alice") as ue:
        await ue.register()
        with pytest.raises(PhoneTimeout, match=r"alice: waiting for a short message, not within 0\.1 s") as waited:
            await ue.next_sms(0.1)
        assert "200 REGISTER" in waited.value.ladder
        with pytest.raises(PhoneTimeout):
            await ue.next_call(0.05)


async def test_no_server_at_all() -> None:
    quick = replace(PLAIN, timings=Timings(0.005, 0.02, 0.02))
    for transport in ("udp", "tcp"):
        async with Phone(card(10), "127.0.0.1:9", profile=quick, transport=transport) as ue:
            with pytest.raises(PhoneError, match="REGISTER") as failed:
                await ue.register()
            assert failed.value.code in (408, 503)


# --- calls


async def test_a_call_with_voice_both_ways(server: Server) -> None:
    """Preconditions with reliable answers, UPDATE, voice, hold by both and by both methods, BYE by the callee."""
    async with pair(server, 12) as (one, two):
        call = await one.call("tel:+49013")
        other = await two.next_call()
        assert "<tel:+49012>" in other.caller
        await other.ring()
        await call.ringing()
        await other.answer()
        await call.answered()
        assert call.provisional == [183, 180]
        assert call.session.negotiating
        await asyncio.gather(call.heard(25), other.heard(25))
        for method in ("INVITE", "UPDATE"):
            await call.hold(method)
            await other.held()
            silent = await silence(call)
            await call.resume(method)
            await other.resumed()
            await call.heard(silent + 10)
            await other.hold(method)
            await call.held()
            await other.resume(method)
            await call.resumed()
        await other.hangup()
        assert await call.ended() == 200
        assert call.voice.reception is not None
        assert call.voice.reception.lost <= 0
        said = one.ladder.render()
        assert said.count("UPDATE (SDP") >= 4
        assert "PRACK" in said


async def silence(call: Call) -> int:
    """Wait until nothing more is heard; how many packets were."""
    for _ in range(100):
        before = call.voice.received
        await asyncio.sleep(0.1)
        if call.voice.received == before:
            return before
    raise AssertionError(f"voice goes on, {call.voice.received} packets were heard")


async def test_an_announcement_before_the_answer(server: Server) -> None:
    async with pair(server, 38) as (one, two):
        call = await one.call("tel:+49039")
        other = await two.next_call()
        await other.progress()
        await call.heard(10)
        assert call.early_media
        assert other.voice.received == 0
        await other.answer()
        await call.answered()
        await other.heard(10)
        await call.hangup()
        await other.ended()


async def test_an_echo_and_a_delayed_offer(server: Server) -> None:
    async with phone(server, card(14)) as ue:
        await ue.register()
        for offer in (True, False):
            call = await ue.call("666", offer=offer)
            await call.answered()
            await call.heard(15)
            await call.hangup()
        assert not ue.faults
        assert not ue.calls


async def test_calls_that_do_not_come_about(server: Server) -> None:
    """A number that refuses, a callee that is busy or declines, a caller who gives up."""
    async with pair(server, 16) as (one, two):
        call = await one.call("tel:403")
        with pytest.raises(PhoneError, match="403") as refused:
            await call.answered()
        assert refused.value.code == 403

        call = await one.call("tel:+49017")
        other = await two.next_call()
        await other.decline(603)
        assert await call.ended() == 603

        call = await one.call("tel:+49017")
        other = await two.next_call()
        await other.ring()
        await call.ringing()
        await call.hangup()
        assert call.code == 487
        assert await other.ended() == 487

        two.busy_from = 0
        call = await one.call("tel:+49017")
        assert await call.ended() == 486

        call = await one.call("tel:667")
        await call.ringing()
        await call.hangup()
        assert call.code == 487


async def test_a_session_is_refreshed(server: Server) -> None:
    async with pair(server, 18) as (one, two):
        call = await one.call("tel:+49019")
        other = await two.next_call()
        await other.answer()
        await call.answered()
        due = call._timer.next()
        assert due is not None
        call._on_alarm("refresh")  # what its timer does half-way
        for _ in range(1000):
            later = call._timer.next()
            if later is not None and later[1] > due[1]:
                break
            await asyncio.sleep(0.01)
        assert later is not None
        assert later[1] > due[1]
        await call.hangup()
        await other.ended()


# --- short messages


async def test_short_messages_both_ways(server: Server) -> None:
    async with pair(server, 20) as (one, two):
        assert await one.sms("+49021", "Hello", report=True) == [1]
        sms = await two.next_sms()
        assert (sms.sender, sms.text, sms.parts) == ("+49020", "Hello", 1)
        report = await one.next_report()
        assert (report.reference, report.receiver, report.status) == (1, "+49021", 0)
        long = "several parts in the default alphabet [with brackets] " * 8
        assert await two.sms("tel:+49020", long) == [1, 2, 3]
        sms = await one.next_sms()
        assert (sms.text, sms.parts) == (long, 3)
        await one.sms("+49021", "🎉 日本語")
        assert (await two.next_sms()).text == "🎉 日本語"


async def test_messages_that_are_refused(server: Server) -> None:
    async with pair(server, 22) as (one, two):
        with pytest.raises(PhoneError, match="RP cause"):
            await one.sms("+4999999", "nobody")
        two.messages.refuse = RpCause.PROTOCOL_ERROR_UNSPECIFIED
        await one.sms("+49023", "not taken at first", report=True)
        await asyncio.sleep(0.2)
        assert not two.messages.inbox
        two.messages.refuse = None
        assert (await two.next_sms()).text == "not taken at first"
        assert (await one.next_report()).status == 0


# --- emergency


async def test_calls_for_help(server: Server) -> None:
    async with phone(server, card(24)) as ue, phone(server, Sim("999990000000001")) as stranger:
        await ue.register()
        call = await ue.emergency_call()
        assert ue.emergency.bound
        assert any(";sos" in contact for contact in ue.emergency.contacts)
        await call.answered()
        await call.heard(10)
        await call.hangup()
        unknown = await stranger.emergency_call(anonymous=True)
        await unknown.answered()
        await unknown.heard(10)
        await unknown.hangup()
        assert "REGISTER" not in stranger.ladder.render()


# --- profiles


@pytest.mark.parametrize("name", PROFILES)
async def test_every_profile_registers_calls_and_texts(server: Server, name: str) -> None:
    """Row 25 of what phones do differently: against a plain phone, both as caller and as callee."""
    softphone = name == "softphone"
    other_profile = replace(PLAIN, codecs=PROFILES[name].codecs) if softphone else PLAIN
    async with pair(server, 26 + 2 * (list(PROFILES).index(name) % 6), name, other_profile) as (one, two):
        await one.subscribe()
        for caller, callee in ((one, two), (two, one)):
            call = await caller.call(f"tel:{callee.number}")
            other = await callee.next_call()
            await other.answer()
            await call.answered()
            await asyncio.gather(call.heard(10), other.heard(10))
            await call.hold()
            await other.held()
            await call.resume()
            await call.hangup()
            await other.ended()
        await one.sms(two.number, "from one")
        assert (await two.next_sms()).text == "from one"
        await two.sms(one.number, "from two")
        assert (await one.next_sms()).text == "from two"


# --- scenario files


def ue(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(servers.PROGRAM), "ue", *arguments], capture_output=True, text=True, timeout=180)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Server]:
    """The server of config/, as the scenarios of docs/ expect it."""
    users = (ROOT / "config" / "ue_db.cfg").read_text(encoding="utf-8")
    extra = f'domain: "{DOMAIN}", precondition: "on",\necho: [{{impu: "tel:404", code: 404}}, "tel:666",'
    extra += ' {impu: "urn:service:sos", anonymous: true, authentication: false}],\n'
    with Server(tmp_path / "server", users, extra, hosts=("127.0.0.1",)) as running:
        yield running


def test_the_scenarios_of_the_documentation(lab: Server, tmp_path: Path) -> None:
    texts = {str(file): file.read_text(encoding="utf-8") for file in (ROOT / "docs" / "scenarios").glob("*.yaml")}
    files = sorted(file for file, text in texts.items() if "\nmmes:" not in text)  # those are for `lteims mme`
    assert len(files) >= 3
    report = tmp_path / "junit.xml"
    done = ue(*files, "--server", lab.address(), "--junit", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    suites = ElementTree.parse(report).getroot().findall("testsuite")
    assert [suite.get("failures") for suite in suites] == ["0"] * len(files)


def test_a_scenario_that_fails(lab: Server, tmp_path: Path) -> None:
    scenario = tmp_path / "wrong.yaml"
    scenario.write_text(
        "phones:\n  alice: {imsi: 001010000000003, k: 0396eb317b6d1c36f19c1c84cd6ffd16,\n"
        "    opc: 53c15671c60a4b731c55b4a441c0bde2}\nsteps:\n  - register: alice\n"
        "  - call: {phone: alice, to: 'tel:404'}\n  - expect: {phone: alice, what: answered}\n  - hangup: alice\n",
        encoding="utf-8",
    )
    report = tmp_path / "junit.xml"
    done = ue(str(scenario), "--server", lab.address(), "--junit", str(report))
    assert done.returncode == 1
    assert f"{scenario}:7: expect alice what=answered: FAILED: alice: the call ended before it is answered: 404" in (
        done.stdout
    )
    assert ":8: hangup alice: skipped" in done.stdout
    assert "401 REGISTER" in done.stdout
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
    assert "INVITE" in (suite.findtext("testcase/failure") or "")


def test_a_file_that_is_wrong_is_said_with_its_line(tmp_path: Path) -> None:
    scenario = tmp_path / "bad.yaml"
    scenario.write_text("phones:\n  a: {imsi: 001010000000003}\nsteps:\n  - dance: a\n", encoding="utf-8")
    done = ue(str(scenario))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{scenario}:4: no step 'dance'")
    assert "Traceback" not in done.stderr

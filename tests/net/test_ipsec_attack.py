"""Thieves, odd phones and unlucky ones against the server's IPsec: user-space ESP between two namespaces (root)."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lteims.net.ipsec_choice import Where
from lteims.sim.path import Arrival
from lteims.sim.path import Path as Path_
from lteims.sim.profiles import PLAIN
from lteims.sim.transactions import Agent
from lteims.sip.message import Request, Response, parse
from lteims.sip.transaction import Timings
from tests.kernel.lab import host
from tests.net.server import Server
from tests.peers.field import Drivers, Field, imsi, play, talk_and_text, two_phones

pytestmark = pytest.mark.skipif(not host.has_namespaces(), reason="namespaces need root; the kernel lab has phones too")
HASTY = replace(PLAIN, timings=Timings(0.1, 0.4, 0.5), tcp_from=65536)
OLD = 64 * 0.05  # seconds that a set lives which has a successor
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    with Field("thief", ipv6=8) as made:
        yield made


@pytest.fixture(scope="module")
def server(field: Field, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    extra = "auth_on_register_only: true, auth_on_refresh: true, timer_t1: 0.05, timer_t2: 0.2, timer_t4: 0.3,"
    with field.server(tmp_path_factory.mktemp("thief") / "server", 60, user_space=True, extra=extra) as running:
        yield running
    assert "failed inside" not in running.log


def clear(at: str, message: Request) -> int:
    """Send a request in clear text from an address; the code of its final answer, 0 if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((at, 0))
        sock.settimeout(20)
        number = next(_numbers)
        message.headers["via"] = [f"SIP/2.0/UDP {at}:{sock.getsockname()[1]};branch=z9hG4bK-clear{number};rport"]
        sock.sendto(message.encode(), ("10.90.1.1", 5060))
        with contextlib.suppress(TimeoutError):
            while True:
                answer = parse(sock.recv(65535))
                assert isinstance(answer, Response)
                if answer.code >= 200:
                    return answer.code
    return 0


def test_names_of_others_do_not_count(field: Field, server: Server) -> None:
    """TS 24.229 5.2.6.3.2: whoever sends by an SA is whom it belongs to, whatever From says."""

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.USER)
        async with (
            two_phones(field, server, "plain", 4, driver) as (victim, thief),
            field.phone(server, 3, ipsec=driver) as third,
        ):
            await third.register()
            request = thief.request("MESSAGE", third.public, b"it is me", "text/plain")
            request.headers["from"] = [f"<{victim.public}>;tag=1"]
            request.headers["p-preferred-identity"] = [f"<{victim.public}>"]
            request.headers["p-asserted-identity"] = [f"<{victim.public}>"]
            assert (await thief.exchange(request)).code in (200, 202)
            sender = (await third.next_sms()).sender
            assert thief.number in sender or imsi(1) in sender
            await third.deregister()

    play(field, scene)


def test_a_registration_of_another_by_ones_own_sas(field: Field, server: Server) -> None:
    async def scene(drivers: Drivers) -> None:
        async with two_phones(field, server, "plain", 4, drivers(Where.USER)) as (victim, thief):
            stolen = thief.registration._request(0, "")
            stolen.headers["to"] = [f"<{victim.public}>"]
            stolen.headers["from"] = [f"<{victim.public}>;tag=9"]
            stolen.headers.pop("authorization", None)
            stolen.headers["contact"] = ["*"]
            stolen.headers["expires"] = ["0"]
            assert (await thief.exchange(stolen, challenges=0)).code == 403
            await talk_and_text(victim, thief)

    play(field, scene)


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE", "REGISTER", "OPTIONS"])
def test_clear_text_in_the_name_of_a_phone_with_sas(field: Field, server: Server, method: str) -> None:
    """From elsewhere and from its own address; auth_on_register_only is no way in."""

    async def scene(drivers: Drivers) -> None:
        async with two_phones(field, server, "plain", 4, drivers(Where.USER)) as (victim, other):
            for at in (victim.host, field.host(9)):
                request = victim.request(method, other.public)
                if method == "SUBSCRIBE":
                    request = victim.request(method, victim.public)
                    request.headers |= {"event": ["reg"], "expires": ["600"]}
                if method == "REGISTER":
                    request = Request(method, f"sip:{victim.sim.home}", dict(request.headers))
                    request.headers |= {"to": [f"<{victim.public}>"], "contact": ["*"], "expires": ["0"]}
                request.headers["contact"] = request.headers.get("contact", [f"<sip:x@{at}>"])
                code = clear(at, request)
                assert code in ((200,) if method == "OPTIONS" else (401, 403)), code
            await talk_and_text(victim, other)

    play(field, scene)


def test_a_lifetime_that_is_too_brief(field: Field, server: Server) -> None:
    async def scene(drivers: Drivers) -> None:
        async with field.phone(server, 0, HASTY, ipsec=drivers(Where.USER)) as ue:
            await ue.register(30)
            assert ue.registration.expires == 60
            assert ue.agent.path.protected
            await ue.sms(ue.number, "to me")
            assert (await ue.next_sms()).text == "to me"
            await ue.deregister()

    play(field, scene)


@pytest.mark.parametrize("family", [4, 6])
def test_a_call_outlives_the_sas_that_it_began_with(field: Field, server: Server, family: int) -> None:
    """Both phones come with new SAs three times; requests go both ways after the old ones are gone."""

    async def scene(drivers: Drivers) -> None:
        async with two_phones(field, server, HASTY, family, drivers(Where.USER)) as (one, two):
            await asyncio.gather(one.subscribe(), two.subscribe())
            call = await one.call(f"tel:{two.number}")
            other = await two.next_call()
            await other.answer()
            await call.answered()
            for _ in range(3):
                await one.register()
                await two.register()
                await asyncio.sleep(OLD + 0.5)
                await call.hold()
                await other.held()
                await call.resume()
                await other.resumed()
                await other.hold()
                await call.held()
                await other.resume()
                await call.resumed()
            await one.register()
            await two.register()
            await asyncio.sleep(OLD + 0.5)
            await other.hangup()
            await call.ended()
            await one.sms(two.number, "still", report=True)
            assert (await two.next_sms()).text == "still"

    play(field, scene)


def test_keep_alives_and_large_messages(field: Field, server: Server) -> None:
    """CRLF by ESP is nothing; a message of three packets arrives."""
    before = field.counters(server, "sip").get("sip_keepalive", 0)

    async def scene(drivers: Drivers) -> None:
        async with two_phones(field, server, "plain", 4, drivers(Where.USER)) as (one, two):
            one.agent.path.send(b"\r\n\r\n", "UDP")
            one.agent.path.send(b"\0", "UDP")
            for size in (1400, 4000, 20000):
                request = one.request("MESSAGE", two.public, b"x" * size, "application/x-large")
                answer = await one.exchange(request)
                assert answer.code == 415  # the other phone's

    play(field, scene)
    assert field.counters(server, "sip")["sip_keepalive"] >= before + 2


def test_an_emergency_registration_beside_the_normal_one(field: Field, server: Server) -> None:
    async def scene(drivers: Drivers) -> None:
        async with two_phones(field, server, HASTY, 4, drivers(Where.USER)) as (one, two):
            await one.register_emergency()
            await asyncio.sleep(OLD + 0.5)
            await talk_and_text(two, one)
            await talk_and_text(one, two)
            await one.register()

    play(field, scene)


def test_a_phone_is_switched_on_again_and_again(field: Field, server: Server) -> None:
    """With the same ports and SPIs, with other ones, without having left."""

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.USER)
        for turn in range(7):
            async with field.phone(server, 2, HASTY, ipsec=driver) as ue:
                assert ue.security is not None
                ue.security._port_us = 45001
                if turn < 3:
                    ue.security._pending = (5001, 5002, 45000, 45001)
                await ue.register()
                await ue.sms(ue.number, "again")
                assert (await ue.next_sms()).text == "again"
                if turn > 3:
                    await ue.deregister()

    play(field, scene)


def test_two_sip_addr_of_one_host(field: Field, tmp_path: Path) -> None:
    """Each has its protected ports; a phone that goes from one to the other is reached there."""

    class Twice(Server):
        def write(self) -> None:
            super().write()
            text = self.config.read_text(encoding="utf-8")
            more = '{addr: "10.90.1.2:5070", port_min: 40000, port_max: 40400},'
            self.config.write_text(text.replace("],\nipsec:", f"{more}],\nipsec:"), encoding="utf-8")

    extra = "timer_t1: 0.05, timer_t2: 0.2, timer_t4: 0.3,"
    once = field.server(tmp_path / "server", 20, user_space=True, second=True, extra=extra)
    both = Twice(once.folder, once.ue_db, once.extra, hosts=once.hosts, ipsec=True, port=once.port, prefix=once.prefix)

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.USER)
        async with field.phone(both, 0, HASTY, ipsec=driver) as one, field.phone(both, 1, HASTY, ipsec=driver) as two:
            await asyncio.gather(one.register(), two.register())
            await talk_and_text(one, two)
            both.port = 5070
            async with field.phone(both, 0, HASTY, ipsec=driver) as again, field.phone(both, 3, ipsec=driver) as three:
                await asyncio.gather(again.register(), three.register())
                await again.sms(two.number, "from there")
                assert (await two.next_sms()).text == "from there"
                await asyncio.sleep(OLD + 0.5)
                await two.sms(again.number, "there")
                assert (await again.next_sms()).text == "there"
                await talk_and_text(three, again)
                await asyncio.gather(two.deregister(), three.deregister(), again.deregister())

    with both:
        assert "10.90.1.2:5105" in both.ready
        play(field, scene)


@pytest.mark.parametrize("label", ["401", "200"])
@pytest.mark.parametrize("turn", ["first", "again", "leaving"])
def test_lost_answers(field: Field, server: Server, monkeypatch: pytest.MonkeyPatch, turn: str, label: str) -> None:
    """Of the three copies of an answer to REGISTER the first two are lost: the next one is the same."""
    lost: list[bytes] = []
    armed: list[bool] = []
    hear = Agent.on_message

    def lossy(self: Agent, path: Path_, arrival: Arrival, data: bytes) -> None:
        if armed and len(lost) < 2 and data.startswith(f"SIP/2.0 {label}".encode()) and b"REGISTER" in data:
            lost.append(data)
        else:
            hear(self, path, arrival, data)

    monkeypatch.setattr(Agent, "on_message", lossy)

    async def scene(drivers: Drivers) -> None:
        async with field.phone(server, 7, HASTY, ipsec=drivers(Where.USER)) as ue:
            if turn == "first":
                armed.append(True)
            await ue.register()
            if turn == "again":
                armed.append(True)
            await ue.register()
            await ue.sms(ue.number, "here")
            assert (await ue.next_sms()).text == "here"
            if turn == "leaving" and label == "200":
                armed.append(True)
            await ue.deregister()
            assert len(lost) == (0 if (turn, label) == ("leaving", "401") else 2)
            assert len(set(lost)) <= 1
            assert ue.faults == []

    play(field, scene)


@pytest.mark.parametrize("event", ["rejected", "probation"])
def test_the_network_ends_a_registration(field: Field, server: Server, event: str) -> None:
    """The NOTIFY comes by the SAs that are given up, and the phone may come again at once, as often as it likes."""

    async def scene(drivers: Drivers) -> None:
        async with field.phone(server, 8, HASTY, ipsec=drivers(Where.USER)) as ue:
            for _ in range(6):
                await ue.register()
                await ue.subscribe()
                field.monitor(server, f"unregister {ue.number} {event}")
                await ue.changes.until(lambda: not ue.watch.active, 10.0, "its subscription is to end")
                assert ue.security is not None
                ue.security.left()
                ue.auth.forget()
            await ue.register()
            await ue.sms(ue.number, "here")
            assert (await ue.next_sms()).text == "here"
            await ue.deregister()

    play(field, scene)

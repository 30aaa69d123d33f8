"""What the server does with an HSS and a PCRF around it, whatever carries Diameter: TCP here, SCTP in the kernel lab.

The simulators of lteims/sim and virtual phones are in the test's process, the server is a program of its own. ue_db is
empty: whoever registers is a user of the HSS. CX and RX have the scenarios by name.
"""

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lteims.aka import usim
from lteims.client import Client
from lteims.config import AuthentType, ImpuConfig, SimAlgo, UserConfig
from lteims.config.endpoint import Endpoint
from lteims.diameter.attributes import TGPP
from lteims.diameter.command import Result
from lteims.diameter.cx import CxResult
from lteims.diameter.cx_attributes import ReasonCode
from lteims.diameter.rx import RxResult
from lteims.diameter.rx_attributes import AbortCause, MediaType
from lteims.sim.card import Sim
from lteims.sim.diameter_link import DiameterLink
from lteims.sim.errors import PhoneError
from lteims.sim.hss import Hss
from lteims.sim.ladder import Ladder
from lteims.sim.pcrf import Pcrf
from lteims.sim.phone import Phone
from lteims.sim.profiles import PLAIN, SOFTPHONE, Profile
from tests.net.ports import free_port
from tests.net.server import PROGRAM, Server

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
K = "0396eb317b6d1c36f19c1c84cd6ffd16"
OPC = "53c15671c60a4b731c55b4a441c0bde2"
A, B, SOFT = "001010000000001", "001010000000002", "001010000000003"
CONFIG = """domain: "{domain}", ue_db_filename: "ims.db", precondition: "on", sms_retry_delay: 1, com_addr: "{api}",
cx_server_addr: "{cx}", rx_server_addr: "{rx}", cx_origin_host: "ims.{domain}", cx_origin_realm: "{domain}",
cx_watchdog_duration: 6000, echo: ["tel:666"],
"""
EMPTY = "ue_db: [],\n"
_hosts = (f"127.0.{n // 250 + 60}.{n % 250 + 1}" for n in itertools.count())


def impi(imsi: str) -> str:
    return f"{imsi}@{DOMAIN}"


def tel(imsi: str) -> str:
    return f"tel:+49{imsi[-3:]}"


def users() -> list[UserConfig]:
    """Two cards and a password."""
    cards = [
        UserConfig(
            imsi=imsi, impu=(ImpuConfig(imsi), ImpuConfig(tel(imsi))), sim_algo=SimAlgo.MILENAGE, k=bytes.fromhex(K),
            opc=bytes.fromhex(OPC),
        )
        for imsi in (A, B)
    ]  # fmt: skip
    soft = UserConfig(
        imsi=SOFT, impu=(ImpuConfig(SOFT), ImpuConfig(tel(SOFT))), pwd="secret", authent_type=AuthentType.MD5
    )
    return [*cards, soft]


def card(imsi: str, **more: Any) -> Sim:
    """The card that the HSS knows."""
    if imsi == SOFT:
        return Sim(imsi, **({"password": "secret"} | more))
    return Sim(imsi, **({"k": K, "opc": OPC} | more))


@dataclass
class World:
    """The server between its HSS, its PCRF and its phones."""

    server: Server
    hss: Hss
    pcrf: Pcrf
    cx: DiameterLink
    rx: DiameterLink
    api: str
    host: str
    ladder: Ladder = field(default_factory=lambda: Ladder(asyncio.get_running_loop().time))

    def phone(self, imsi: str, profile: Profile | str = PLAIN, *, host: str = "", **more: Any) -> Phone:
        """A phone at an address of its own."""
        sim = more.pop("sim", None) or card(imsi)
        own = host or (next(_hosts) if ":" not in self.host else self.host)
        name = {A: "a", B: "b", SOFT: "s"}.get(imsi, imsi)
        return Phone(
            sim, self.server.address(self.host), profile=profile, host=own, name=name, ladder=self.ladder, **more
        )

    @asynccontextmanager
    async def pair(self) -> AsyncIterator[tuple[Phone, Phone]]:
        """Two registered phones."""
        async with self.phone(A) as a, self.phone(B) as b:
            await asyncio.gather(a.register(), b.register())
            yield a, b
            self.heard_nothing_wrong(a, b)

    def heard_nothing_wrong(self, *phones: Phone) -> None:
        assert [phone.faults for phone in phones] == [[]] * len(phones), self.ladder.render()

    async def start(self) -> None:
        """Start the server, and let it connect."""
        await asyncio.to_thread(self.server.start)
        await asyncio.gather(self.cx.client(60.0), self.rx.client(60.0))
        # the clients have our CEA a moment after we have their CER
        await asyncio.to_thread(self.server.wait_for_log, "Connected to", 2)

    async def stop(self) -> None:
        await asyncio.to_thread(self.server.stop)

    async def until(self, true: Callable[[], Any], what: str, within: float = 30.0) -> None:
        """Wait until this is so."""
        end = time.monotonic() + within
        while not true():
            assert time.monotonic() < end, "\n".join(
                [what, *self.hss.ladder[-20:], *self.pcrf.ladder[-20:], self.server.log[-3000:]]
            )
            await asyncio.sleep(0.02)

    async def ask(self, message: str, **more: Any) -> dict[str, Any]:
        """One request of the remote API."""
        async with Client(self.api) as client:
            return dict(await client.call(message, **more))

    def gates(self) -> list[str]:
        """Flow-Status of the voice of A and B."""
        sessions = [session for imsi in (A, B) for session in self.pcrf.of(imsi)]
        return [status.name for session in sessions if (status := session.media[0].status) is not None]

    async def shows(self, state: str, within: float = 30.0) -> None:
        """Wait until all dialogs have this state of bearers."""
        end = time.monotonic() + within
        while await self.qos() != {state}:
            assert time.monotonic() < end, f"no {state}\n" + "\n".join(self.pcrf.ladder[-20:])
            await asyncio.sleep(0.05)

    async def qos(self) -> set[str]:
        """The states of bearers that dialogs show."""
        found = await self.ask("dialog_get")
        return {each["qos"] for dialog in found["dialogs"] for each in dialog["medias"]}


@asynccontextmanager
async def world(
    folder: Path, host: str, prefix: str, program: tuple[str, ...] = (str(PROGRAM),), **options: Any
) -> AsyncIterator[World]:
    """Everything, started and connected; `prefix` is tcp: or empty."""
    transport = prefix.rstrip(":")
    hss, pcrf = Hss.of(users(), DOMAIN), Pcrf()
    # Ports that nobody else gets while one of them is away
    cx = DiameterLink.hss(hss, Endpoint(host, free_port((host,)), transport))
    rx = DiameterLink.pcrf(pcrf, Endpoint(host, free_port((host,)), transport))
    api = f"127.0.0.1:{free_port()}"
    async with cx, rx:
        shown = f"[{host}]" if ":" in host else host
        config = CONFIG.format(
            domain=DOMAIN, api=api, cx=f"{prefix}{shown}:{cx.endpoint.port}", rx=f"{prefix}{shown}:{rx.endpoint.port}"
        )
        config += f'mms_server_bind_addr: "127.0.0.1:{free_port()}",\n'
        levels = "all.level=error,ims.level=info,cx.level=info,rx.level=info"
        server = Server(folder / "server", EMPTY, config, log_options=levels, program=program, **options)
        made = World(server, hss, pcrf, cx, rx, api, host)
        try:
            await made.start()
            yield made
        finally:
            pcrf.close()
            if server.process is not None and server.process.poll() is None:
                await made.stop()
        assert "failed inside" not in server.log
        assert "internal error" not in server.log
        assert (hss.faults, pcrf.faults) == ([], []), "\n".join([*hss.ladder, *pcrf.ladder])


Scenario = Callable[[World], Awaitable[None]]
CX: dict[str, Scenario] = {}
RX: dict[str, Scenario] = {}


def cx(work: Scenario) -> Scenario:
    """One about the HSS."""
    CX[work.__name__] = work
    return work


def rx(work: Scenario) -> Scenario:
    """One about the PCRF."""
    RX[work.__name__] = work
    return work


# -- Cx
@cx
async def registrations(w: World) -> None:
    """Cards and a password; refreshed, taken back; a card whose SQN is ahead; wrong secrets; nobody."""
    async with w.phone(A) as a, w.phone(SOFT, SOFTPHONE) as s, w.phone(B, sim=card(B, sqn=(1 << 20) << 5)) as b:
        await asyncio.gather(a.register(), s.register(), b.register())
        assert a.registration.associated == [f"sip:{A}@{DOMAIN}", tel(A)]
        assert [type(each) for each in b.auth.verdicts] == [usim.SyncFailure, usim.Accepted]
        assert w.hss.users[impi(B)].authentication.resynchronisations == 1
        await asyncio.gather(a.register(), s.register(), b.register())
        assert all(user.registered for user in w.hss.users.values())
        await asyncio.gather(a.deregister(), s.deregister(), b.deregister())
        await w.until(lambda: not any(user.registered for user in w.hss.users.values()), "the end of registrations")
        w.heard_nothing_wrong(a, s, b)
    for sim in (card(SOFT, password="guess"), card("001010000000077"), card(A, k="ff" * 16)):
        async with w.phone(sim.imsi, SOFTPHONE if sim.password else PLAIN, sim=sim) as wrong:
            with pytest.raises(PhoneError) as refused:
                await wrong.register()
            assert refused.value.code in (401, 403)
    await w.until(lambda: "    AUTHENTICATION_FAILURE" in w.hss.ladder, "the failures")


@cx
async def pushes(w: World) -> None:
    """PPR and RTR are heard by the phone that watches its registration."""
    async with w.phone(A) as a, w.phone(B) as b:
        for phone in (a, b):
            await phone.register()
            await phone.subscribe()
        known = len(a.watch.documents)
        assert (await w.hss.push(impi(A), [f"sip:{A}@{DOMAIN}", tel(A), "tel:+4977"])).ok
        await a.changes.until(lambda: len(a.watch.documents) > known, 20.0, "NOTIFY of the new identity")
        assert "tel:+4977" in [each.aor for each in a.watch.documents[-1].registrations]
        call = await b.call("tel:+4977")
        other = await a.next_call()
        await other.answer()
        await call.answered()
        assert (await w.hss.terminate(impi(A), ReasonCode.PERMANENT_TERMINATION)).ok
        await asyncio.gather(call.ended(), other.ended())
        await a.changes.until(lambda: a.watch.state.startswith("terminated"), 20.0, "the last NOTIFY")
        assert "rejected" in str(a.watch.documents[-1])
        assert (await w.hss.terminate(impi(B), ReasonCode.NEW_SERVER_ASSIGNED)).ok
        await w.until(lambda: not w.hss.users[impi(B)].registered, "the other end")
        await asyncio.sleep(0.3)
        assert b.watch.active  # it is not told
        w.heard_nothing_wrong(a, b)


@cx
async def messages(w: World) -> None:
    """A short message waits for a user who is away, as for one of ue_db, also for one who never came.

    Nobody is 404, who never came 480.
    """
    await w.ask("mms", filename="ims.cfg", to=tel(B).removeprefix("tel:"), **{"from": "777"})
    async with w.phone(A) as a:
        async with w.phone(B) as b:
            await asyncio.gather(a.register(), b.register())
            assert (await b.next_sms()).sender == "MMS"
            await a.sms(b.number, "now")
            assert (await b.next_sms()).text == "now"
            await b.deregister()
        await w.until(lambda: not w.hss.users[impi(B)].registered, "the end of b's registration")
        await a.sms(tel(B).removeprefix("tel:"), "later")
        for number, code in ((tel(SOFT), 480), ("tel:+49999", 404)):
            call = await a.call(number)
            assert await call.ended() == code
        with pytest.raises(PhoneError):
            await a.sms("+49999", "to nobody")
        assert len((await w.ask("sms", impu=tel(SOFT), text="of the operator"))["ids"]) == 1
        await a.sms(tel(SOFT).removeprefix("tel:"), "before all")
        assert "    UNREGISTERED_USER" in w.hss.ladder
        async with w.phone(SOFT, SOFTPHONE) as s:
            await s.register()
            assert [(await s.next_sms()).text for _ in range(2)] == ["of the operator", "before all"]
            w.heard_nothing_wrong(s)
        async with w.phone(B, sim=card(B, sqn=w.hss.users[impi(B)].authentication.sqn)) as b:
            await b.register()
            assert (await b.next_sms()).text == "later"
            w.heard_nothing_wrong(a, b)


@cx
async def a_hss_that_goes_and_comes(w: World) -> None:
    """Without it nobody registers, and nobody hangs; whoever is registered talks on."""
    async with w.pair() as (a, b):
        port = w.cx.endpoint.port
        await w.cx.stop()
        await w.until(lambda: "Lost " in w.server.log, "the loss")
        began = time.monotonic()
        async with w.phone(SOFT, SOFTPHONE) as s:
            with pytest.raises(PhoneError) as refused:
                await s.register()
            assert refused.value.code in (500, 504)
            assert time.monotonic() - began < 25  # its transaction would end after 32 s
            call = await a.call(tel(B))
            other = await b.next_call()
            await other.answer()
            await call.answered()
            await call.hangup()
            await other.ended()
            assert w.cx.endpoint.port == port
            await w.cx.start()
            await w.cx.client(60.0)
            await w.until(lambda: w.server.log.count("Connected to") >= 3, "the HSS is back")
            await s.register()


@cx
async def a_hss_that_is_slow_or_silent_or_refuses(w: World) -> None:
    async with w.phone(A) as a:
        w.hss.delay = 0.4  # both questions take 0.8 s, and the phone sends its REGISTER again after 0.5 s
        await a.register()
        w.hss.delay = 0.0
        asked = [line[4:7] for line in w.hss.ladder if line.startswith("<--")]
        assert asked == ["UAR", "MAR", "UAR", "SAR"]
        assert sum("REGISTER" in each.label for each in w.ladder.arrows if each.outgoing) > 2, w.ladder.render()
    async with w.phone(B) as b:
        w.hss.lost.add("UAR")
        began = time.monotonic()
        with pytest.raises(PhoneError) as refused:
            await b.register()
        assert refused.value.code == 504
        assert 4 < time.monotonic() - began < 25  # its transaction would end after 32 s
        w.hss.lost.clear()
        for result, code in (
            (CxResult.ERROR_ROAMING_NOT_ALLOWED.result, 403),
            (Result(3004), 500),
            (Result(5012), 500),
            (Result(5999, TGPP), 500),
        ):
            w.hss.refused["UAR"] = result
            with pytest.raises(PhoneError) as refused:
                await b.register()
            assert refused.value.code == code
        w.hss.refused.clear()
        await b.register()


@cx
async def a_restart_of_the_server(w: World) -> None:
    """Registrations of the HSS's users are there again, and so is what ended meanwhile."""
    async with w.pair() as (a, b):
        await w.stop()
        await w.start()
        call = await a.call(tel(B))
        other = await b.next_call()
        await other.answer()
        await call.answered()
        await call.hangup()
        await other.ended()
        assert w.hss.users[impi(A)].registered


@cx
async def a_flood_of_unknown_users(w: World) -> None:
    """2,000 REGISTERs of nobody in clear: each is refused, memory stays, and a user registers after it."""
    family = socket.AF_INET6 if ":" in w.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.bind((w.host, 0))
        sender.setblocking(False)
        sender.connect((w.host, w.server.port))
        before = w.server.rss()
        answers = 0
        sent, end = 0, time.monotonic() + 60
        while (sent < 2000 or answers < 1000) and time.monotonic() < end:
            for _ in range(20):  # what a socket has no room for is lost, where the machine is busy
                sender.send(_stranger(sent, w))
                sent += 1
            await asyncio.sleep(0.02)
            answers += _refusals(sender)
    assert answers >= 1000, f"{answers}\n{w.server.log[-2000:]}"
    assert w.server.rss() - before < 60_000  # KiB; transactions live for 32 s
    async with w.phone(A) as a:
        await a.register()


def _refusals(sock: socket.socket) -> int:
    """Final answers that have come."""
    found = 0
    while True:
        try:
            found += sock.recv(65536).startswith((b"SIP/2.0 403", b"SIP/2.0 500"))
        except BlockingIOError:
            return found


def _stranger(n: int, w: World) -> bytes:
    uri = f"sip:00199{n:010}@{DOMAIN}"
    return (
        f"REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP {w.server.address(w.host)};rport;branch=z9hG4bKf{n}\r\n"
        f"From: <{uri}>;tag={n}\r\nTo: <{uri}>\r\nCall-ID: {n}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:x@{w.server.address(w.host)}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


# -- Rx
@rx
async def a_call_with_bearers(w: World) -> None:
    """Preconditions on both legs: required, pending, erab_set; STR for both at the end."""
    w.pcrf.after = None
    async with w.pair() as (a, b):
        call = await a.call(tel(B))
        other = await b.next_call()
        await w.until(lambda: len(w.pcrf.sessions) == 2, "a session for each leg")
        assert "pending" in await w.qos()
        w.pcrf.after = 0.02
        for session in w.pcrf.sessions.values():
            w.pcrf._spawn(w.pcrf._bring(session, w.pcrf.after))
        assert {session.request.imsi for session in w.pcrf.sessions.values()} == {A, B}
        await other.answer()
        await call.answered()
        await w.shows("erab_set")
        await asyncio.gather(call.heard(10), other.heard(10))
        for session in w.pcrf.sessions.values():
            (media,) = session.media
            assert media.type is MediaType.AUDIO
        await w.until(lambda: all(session.up for session in w.pcrf.sessions.values()), "bearers for the answer")
        await call.hold()
        await other.held()
        await w.until(lambda: w.gates() == ["ENABLED_UPLINK", "ENABLED_DOWNLINK"], "the gates of hold")
        await call.resume()
        await w.until(lambda: w.gates() == ["ENABLED"] * 2, "open gates")
        await call.hangup()
        await other.ended()
        await w.until(lambda: not w.pcrf.sessions, "STR")
        assert w.pcrf.ended == 2


@rx
async def a_bearer_that_is_refused(w: World) -> None:
    w.pcrf.refusal = RxResult.REQUESTED_SERVICE_NOT_AUTHORIZED.result
    async with w.pair() as (a, b):
        call = await a.call(tel(B))
        assert await call.ended() == 580
        await (await b.next_call()).ended()
        w.pcrf.refusal, w.pcrf.failing = None, True
        call = await a.call(tel(B))
        assert await call.ended() == 580
        await (await b.next_call()).ended()
        await w.until(lambda: not w.pcrf.sessions, "STR")
        w.pcrf.failing = False
        await _talk(a, b)


@rx
async def a_bearer_that_comes_late(w: World) -> None:
    """Where the server speaks for a caller that does not reserve, the other phone rings only when its bearer stands."""
    w.pcrf.after = 1.5
    async with w.phone(A, replace(PLAIN, preconditions=False, supported="100rel, timer")) as a, w.phone(B) as b:
        await asyncio.gather(a.register(), b.register())
        began = time.monotonic()
        call = await a.call(tel(B))
        other = await b.next_call()
        await other.ring()
        await call.ringing()
        assert time.monotonic() - began > 1.4, w.ladder.render() + "\n".join(w.pcrf.ladder)
        await other.answer()
        await call.answered()
        await call.hangup()
        await other.ended()
        w.heard_nothing_wrong(a, b)


@rx
async def a_bearer_that_is_never_told_of(w: World) -> None:
    w.pcrf.after = None
    async with w.pair() as (a, b):
        await _talk(a, b)


@rx
async def a_bearer_that_is_lost(w: World) -> None:
    """The voice's: the call ends on both sides, by RAR and by ASR, and STR follows."""
    async with w.pair() as (a, b):
        for abort in (False, True):
            call = await a.call(tel(B))
            other = await b.next_call()
            await other.answer()
            await call.answered()
            (session,) = w.pcrf.of(A)
            result = await (w.pcrf.abort(session, AbortCause.BEARER_RELEASED) if abort else w.pcrf.lose(session))
            assert result.ok
            await asyncio.gather(call.ended(), other.ended())
            await w.until(lambda: not w.pcrf.sessions, "STR")


@rx
async def a_call_that_is_cancelled(w: World) -> None:
    """CANCEL while bearers are being set up: STR for what was asked."""
    w.pcrf.after = 5.0
    async with w.pair() as (a, b):
        call = await a.call(tel(B))
        await b.next_call()
        await w.until(lambda: w.pcrf.sessions, "AAR")
        await call.hangup()
        assert await call.ended() == 487
        await w.until(lambda: not w.pcrf.sessions, "STR")
        w.pcrf.after = 0.02
        await _talk(a, b)


@rx
async def a_pcrf_that_goes_and_comes(w: World) -> None:
    """A call goes on without it, and others begin; when it is back and knows nothing, calls get their bearers."""
    async with w.pair() as (a, b):
        call = await a.call(tel(B))
        other = await b.next_call()
        await other.answer()
        await call.answered()
        await w.rx.stop()
        w.pcrf.restart()
        await w.until(lambda: "Lost " in w.server.log, "the loss")
        await asyncio.gather(call.heard(30), other.heard(30))
        await _talk(a, b)
        await w.rx.start()
        await w.rx.client(60.0)
        await w.until(lambda: len([each for each in w.pcrf.sessions.values() if each.up]) == 2, "its bearers again")
        await call.hangup()
        await other.ended()
        await w.until(lambda: w.pcrf.ended == 2, "their end")
        await _talk(a, b)
        await w.until(lambda: w.pcrf.ended == 4, "bearers of another call")


@rx
async def a_pcrf_that_is_silent(w: World) -> None:
    """A call waits for it, and comes."""
    w.pcrf.silent = True
    async with w.pair() as (a, b):
        await _talk(a, b, within=45.0)


async def _talk(a: Phone, b: Phone, within: float = 20.0) -> None:
    call = await a.call(tel(B))
    other = await b.next_call(within)
    await other.answer(within)
    await call.answered(within)
    await asyncio.gather(call.heard(5), other.heard(5))
    await call.hangup()
    await other.ended()

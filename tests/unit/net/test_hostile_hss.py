"""A Diameter server that answers what no server should, over TCP: who asks hears of it, and the next one is served."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import pytest

from lteims import counters, trace
from lteims.config.endpoint import Endpoint
from lteims.diameter import attributes as a
from lteims.diameter import peer as machine
from lteims.diameter import requests
from lteims.diameter.capabilities import Local
from lteims.diameter.command import CX, SUCCESS, Answer, Node, Plain, Result, answer_body, request_body
from lteims.diameter.cx import Lia, Lir, Ppr
from lteims.diameter.cx_attributes import SIP_AUTH_DATA_ITEM
from lteims.diameter.errors import DiameterError, NoAnswer
from lteims.diameter.message import Header, Message, Stream
from lteims.net import diameter, diameter_link
from lteims.net.diameter import DiameterClient
from lteims.net.diameter_peer import Party
from tests.peers.diameter import HSS, US, until, wheel

LIR = Lir("sip:a@example")
Behave = Callable[[Message, Callable[[bytes], None]], None]


@dataclass
class Hostile:
    """A server on the loopback; `behave` is told of each request, and sends what it likes."""

    behave: Behave | None = None
    node: Node = HSS
    state: bytes = b""  # Origin-State-Id of its CEA
    silent: bool = False
    heard: list[Message] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    reads: bool = True
    gate: asyncio.Event | None = None  # a connection that comes waits for it

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        if self.gate is not None:
            await self.gate.wait()
        stream = Stream()
        while self.reads and (data := await reader.read(65536)):
            for message in map(Message.parse, stream.feed(data)):
                self.on_message(message, writer)

    def on_message(self, message: Message, writer: asyncio.StreamWriter) -> None:
        header = message.header
        if self.silent:
            self.heard.append(message)
        elif header.code == 257:
            local = Local(self.node, (CX,))
            body = SUCCESS.encode() + local.capabilities((IPv4Address("127.0.0.1"),)) + self.state
            writer.write(header.answer().encode(body))
        elif header.code in (280, 282):
            writer.write(header.answer().encode(SUCCESS.encode() + self.node.avps()))
        else:
            self.heard.append(message)
            if header.is_request:
                (self.behave or well)(message, writer.write)


def good(message: Message, extra: bytes = b"", session: str = "") -> bytes:
    """The answer as it should be, but for what is told otherwise."""
    body = answer_body(LIR.command, Lia(name="sip:s"), session or message.need(a.SESSION_ID), HSS)
    return message.header.answer().encode(body + extra)


def well(message: Message, send: Callable[[bytes], None]) -> None:
    send(good(message))


async def serve_well(request: Any, session: str, origin: Node) -> Answer:
    return Plain()


@asynccontextmanager
async def client_of(*servers: Hostile, serve: Any = serve_well, watchdog: float = 0.0) -> AsyncIterator[DiameterClient]:
    """Our end, connected to these."""
    listening = [await asyncio.start_server(each.serve, "127.0.0.1", 0) for each in servers]
    endpoints = [Endpoint("127.0.0.1", each.sockets[0].getsockname()[1], "tcp") for each in listening]
    party = Party(US, (CX,), trace.CX, serve, watchdog)
    client = DiameterClient(asyncio.get_running_loop(), wheel(), party, endpoints, None, os.urandom)
    client.start()
    await until(lambda: all(up for _, up in client.servers))
    try:
        yield client
    finally:
        await client.close()
        for each in listening:
            each.close()
        for server in servers:
            for writer in server.writers:
                writer.close()


def nested(depth: int) -> bytes:
    """Groups in groups."""
    found = b""
    for _ in range(depth):
        found = SIP_AUTH_DATA_ITEM(found)
    return found


async def ends(server: Hostile, within: float = 5.0) -> Any:
    """How a request ends; the next one ends well."""
    async with client_of(server) as client:
        try:
            answer = await client.ask(LIR, within=within)
        except (NoAnswer, DiameterError) as error:
            answer = error
        server.behave = None
        assert (await client.ask(LIR)).name == "sip:s"
        assert client._runners[0].peer.waiting == 0
    return answer


@pytest.mark.parametrize(
    "extra",
    [
        bytes.fromhex("0000ffff 40000008"),  # an unknown AVP, M
        bytes.fromhex("0000ffff c000000c 0000dead"),
        bytes.fromhex("0000ffff 40000008") * 30_000,
        a.ERROR_MESSAGE("x" * 200_000),
    ],
)
async def test_what_an_answer_may_have_besides(extra: bytes) -> None:
    began = time.process_time()
    answer = await ends(Hostile(lambda message, send: send(good(message, extra))))
    assert answer.name == "sip:s"
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "extra",
    [
        nested(1000),
        bytes.fromhex("00000107 40ffffff"),
        a.ORIGIN_HOST("x" * 300),
        a.RESULT_CODE(2001) * 2,
        bytes.fromhex("0000010c 40000008"),
    ],
)
async def test_an_answer_that_cannot_be_read(extra: bytes) -> None:
    answer = await ends(Hostile(lambda message, send: send(good(message, extra))))
    assert isinstance(answer, DiameterError)
    assert len(answer.why) < 300


async def test_an_answer_of_another_session() -> None:
    answer = await ends(Hostile(lambda message, send: send(good(message, session="other;1;1"))))
    assert isinstance(answer, DiameterError)


async def test_answers_too_many_and_too_late() -> None:
    before = counters.get("diam_stray")
    assert (await ends(Hostile(lambda message, send: send(good(message) * 3)))).name == "sip:s"
    assert counters.get("diam_stray") == before + 2
    late: list[Message] = []
    server = Hostile(lambda message, send: late.append(message))
    async with client_of(server) as client:
        with pytest.raises(NoAnswer, match="in time"):
            await client.ask(LIR, within=0.05)
        server.writers[0].write(good(late[0]))
        server.behave = None
        assert (await client.ask(LIR)).name == "sip:s"
    assert counters.get("diam_stray") == before + 3


async def test_a_message_of_16_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for: the connection ends, and the request is sent again on the next one."""
    monkeypatch.setattr(machine, "FIRST_PAUSE", 0.01)

    def huge(message: Message, send: Callable[[bytes], None]) -> None:
        if message.header.is_repeated:
            return send(good(message))
        return send(b"\1\xff\xff\xfc" + message.header.answer().encode(b"")[4:] + bytes(300_000))

    server = Hostile(huge)
    assert (await ends(server)).name == "sip:s"
    assert [message.header.is_repeated for message in server.heard] == [False, True, False]


async def test_half_an_answer() -> None:
    """It stalls in the middle of a message, and goes on when nobody waits any more."""
    halves: list[bytes] = []

    def stall(message: Message, send: Callable[[bytes], None]) -> None:
        whole = good(message)
        halves.append(whole[50:])
        send(whole[:50])

    server = Hostile(stall)
    async with client_of(server) as client:
        with pytest.raises(NoAnswer, match="in time"):
            await client.ask(LIR, within=0.05)
        server.behave = None
        server.writers[0].write(halves[0])
        assert (await client.ask(LIR)).name == "sip:s"


@pytest.mark.parametrize(
    ("said", "named", "code"),
    [
        (3006, "aaa://hss2.example:3868;transport=tcp", 2001),
        (3006, "aaa://nobody.example", 3006),
        (3006, f"aaa://{HSS.host}", 3006),
        (3004, "", 2001),
    ],
)
async def test_the_other_is_asked_as_an_answer_says(said: int, named: str, code: int) -> None:
    """A redirect agent, and a server that is too busy; where they name nobody who is there, that is the answer."""

    def redirect(message: Message, send: Callable[[bytes], None]) -> None:
        body = a.SESSION_ID(message.need(a.SESSION_ID)) + Result(said).encode() + HSS.avps()
        send(message.header.answer(error=True).encode(body + a.REDIRECT_HOST(named)))

    agent, other = Hostile(redirect), other_hss()
    async with client_of(agent, other) as client:
        assert (await client.ask(LIR)).result.code == code
    assert (len(agent.heard), len(other.heard)) == (1, code == 2001)


def other_hss() -> Hostile:
    return Hostile(node=Node("hss2.example", "example"))


async def test_another_is_asked_when_one_is_silent() -> None:
    """Its connection stands, and its watchdog gets no answer."""
    first, second = Hostile(), other_hss()
    async with client_of(first, second, watchdog=0.3) as client:
        first.silent = True
        assert (await client.ask(LIR)).name == "sip:s"
        assert [message.header.is_repeated for message in second.heard] == [True]
        assert (await client.ask(LIR)).name == "sip:s"
        asked = [message for message in first.heard if message.header.code == LIR.command.code]
        assert (len(asked), len(second.heard)) == (1, 2)
        first.silent = False
        first.writers[0].write(good(asked[0]))  # too late for the request, but it lives
        await until(lambda: client.remote is not None and client.remote.node == HSS)
        assert (await client.ask(LIR)).name == "sip:s"
        assert len(second.heard) == 2


async def test_when_nobody_is_left_the_others_are_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "FIRST_PAUSE", 3600.0)
    first, second = Hostile(), other_hss()
    async with client_of(first, second) as client:
        first.writers[0].close()
        await until(lambda: client.remote is not None and client.remote.node == second.node)
        second.writers[0].close()
        await until(lambda: client.remote is not None and client.remote.node == HSS)
        assert [up for _, up in client.servers] == [True, False]
        connections = len(first.writers) + len(second.writers)
    await asyncio.sleep(0)
    assert len(first.writers) + len(second.writers) == connections  # the end is no reason to hurry
    assert [runner.peer.state for runner in client._runners] == [machine.State.CLOSED] * 2


async def test_a_question_has_who_is_away_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "FIRST_PAUSE", 3600.0)
    hss = Hostile()
    async with client_of(hss) as client:
        hss.writers[0].close()
        await until(lambda: client.remote is None)
        with pytest.raises(NoAnswer):
            await client.ask(LIR)
        await until(lambda: client.remote is not None)
        hss.writers[1].close()
        await until(lambda: client.remote is None)
        with pytest.raises(NoAnswer):
            await client.ask(LIR)
        await asyncio.sleep(0)
        assert [runner.peer.state for runner in client._runners] == [machine.State.CLOSED]  # asked too soon again


async def test_a_session_stays_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that answered last has it, also when a better one has come back."""
    monkeypatch.setattr(machine, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(diameter, "MOST_SESSIONS", 2)
    first, second = Hostile(), other_hss()
    async with client_of(first, second) as client:
        await client.ask(LIR, session="1")
        first.gate = asyncio.Event()
        first.writers[0].close()
        await until(lambda: client.remote is not None and client.remote.node == second.node)
        await client.ask(LIR, session="1")
        await client.ask(LIR, session="2")
        first.gate.set()
        await until(lambda: client.remote is not None and client.remote.node == HSS)
        for session in ("1", "2", "3", "1"):  # the last one is forgotten
            await client.ask(LIR, session=session)
        asked = [[message.need(a.SESSION_ID) for message in each.heard] for each in (first, second)]
        assert asked == [["1", "3", "1"], ["1", "2", "1", "2"]]


async def test_a_server_that_is_back_and_may_have_lost_its_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Origin-State-Id says whether it has; without one nobody knows."""
    monkeypatch.setattr(machine, "FIRST_PAUSE", 0.01)
    first, second = Hostile(state=a.ORIGIN_STATE_ID(7)), other_hss()
    async with client_of(first, second) as client:
        back: list[list[str]] = []
        monkeypatch.setattr(client, "_on_return", lambda has: back.append([each for each in ("1", "2") if has(each)]))

        async def come_back(state: bytes) -> list[list[str]]:
            before, first.state = len(first.writers), state
            back.clear()
            first.writers[-1].close()
            await until(lambda: len(first.writers) > before and all(up for _, up in client.servers))
            return back

        await client.ask(LIR, session="1")
        assert await come_back(a.ORIGIN_STATE_ID(7)) == []
        assert await come_back(a.ORIGIN_STATE_ID(8)) == [["1"]]
        assert await come_back(b"") == [["1"]]


async def test_a_flood_of_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is answered, what is too much as busy; those that are large count by their octets."""
    monkeypatch.setattr(requests, "MOST_OCTETS", 1 << 20)
    held = asyncio.Event()

    async def serve(request: Any, session: str, origin: Node) -> Answer:
        await held.wait()
        return Plain()

    server = Hostile()
    async with client_of(server, serve=serve) as client:
        body = request_body(Ppr("u", bytes(200_000)), "s", HSS, US.realm, US.host)
        for number in range(40):
            server.writers[0].write(Header(0xC0, 305, CX, number, number).encode(body))
        await until(lambda: len(server.heard) == 40 - 6)
        assert {Result.of(message).code for message in server.heard} == {3004}
        assert (await client.ask(LIR)).name == "sip:s"
        held.set()
        await until(lambda: len(server.heard) == 40 + 1)
        inbox = client._runners[0].peer._inbox
        assert (inbox._taken, len(inbox._working)) == (0, 0)
        assert inbox._kept < 10_000


async def test_a_server_that_floods_and_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is bounded: it is given up."""
    monkeypatch.setattr(diameter_link, "QUEUE", 1 << 20)
    server = Hostile()
    async with client_of(server) as client:
        server.writers[0].transport.pause_reading()  # type: ignore[attr-defined]
        server.reads = False
        proxies = a.PROXY_INFO(a.PROXY_HOST("p"), a.PROXY_STATE(bytes(200_000)))
        body = request_body(Ppr("u"), "s", HSS, US.realm, US.host) + proxies
        for number in range(100):
            server.writers[0].write(Header(0xC0, 305, CX, number, number).encode(body))
        await until(lambda: not any(up for _, up in client.servers))

"""Diameter over TCP on the loopback: the contract of tests/peers, the log, refusals, a stream out of step."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop

from lteims import counters, trace
from lteims.config.endpoint import Endpoint
from lteims.diameter import peer as machine
from lteims.diameter.capabilities import Local
from lteims.diameter.command import CX, RX, Answer, Node
from lteims.diameter.cx import CxResult, Lir
from lteims.diameter.errors import NoAnswer
from lteims.diameter.message import Header
from lteims.net import diameter, diameter_link, sctp
from lteims.net.diameter import DiameterClient, Sessions
from lteims.net.diameter_link import TcpLink
from lteims.net.diameter_peer import Party
from lteims.trace import Layer
from tests.peers.diameter import CONTRACT, HSS, US, ends, new_server, until, wheel

Line = tuple[str, str, str, str, bytes]


class Lines:
    """A sink."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def write(self, layer: Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        if layer is trace.CX:
            self.lines.append((dir, id, message, body, data))


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    sink = Lines()
    former = trace.set_sink(sink)
    level, size, payload = trace.CX.level, trace.CX.max_size, trace.CX.payload
    yield sink.lines
    trace.set_sink(former)
    trace.CX.level, trace.CX.max_size, trace.CX.payload = level, size, payload


@pytest.mark.parametrize(("host", "run"), [("127.0.0.1", uvloop.run), ("::1", asyncio.run)])
@pytest.mark.parametrize("name", CONTRACT)
def test_over_tcp(name: str, host: str, run: Callable[[Any], None]) -> None:
    run(CONTRACT[name](host, "tcp"))


async def test_the_log(lines: list[Line]) -> None:
    trace.CX.level, trace.CX.max_size, trace.CX.payload = trace.DEBUG, 1, True
    before = counters.get("diam_cea"), counters.get("diam_error")
    async with ends("127.0.0.1", "tcp") as here:
        await here.client.ask(Lir("sip:x"))
        peer = f"127.0.0.1:{here.endpoint.port}"
    (cea,) = [line for line in lines if line[:3] == ("FROM", peer, "Capabilities-Exchange-Answer")]
    assert "Product-Name:\n  Code: 269" in cea[3]
    assert cea[4][:1] == b"\1"
    named = [line[2] for line in lines if line[0] == "TO" and line[1] == peer]
    assert named == ["Capabilities-Exchange-Request", "Location-Info-Request", "Disconnect-Peer-Request"]
    assert counters.get("diam_cea") == before[0] + 2  # both ends are ours
    assert counters.get("diam_error") == before[1] + 2
    lines.clear()
    trace.CX.level = trace.INFO
    async with ends("127.0.0.1", "tcp"):
        pass
    assert lines
    assert not any(body or data for *_, body, data in lines)


async def test_who_is_not_admitted_hears_it() -> None:
    async def serve(request: object, session: str, origin: Node) -> Answer:
        raise AssertionError

    server = new_server(serve, admits=lambda node: node.host == "somebody.else")
    port = await server.listen(Endpoint("127.0.0.1", 0, "tcp"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(Header(0x80, 257, 0, 1, 1).encode(Local(US, (CX,)).capabilities([])))
    head = await reader.readexactly(20)
    assert head[4] == 0  # 5005: it has no Host-IP-Address
    assert await reader.read() != b""
    writer.close()
    client = DiameterClient(
        asyncio.get_running_loop(),
        wheel(),
        Party(US, (CX,), trace.CX),
        (Endpoint("127.0.0.1", port, "tcp"),),
        None,
        os.urandom,
    )
    client.start()
    await asyncio.sleep(0.2)
    assert client.remote is None
    assert server.clients == ()
    await client.close()
    await server.close()


async def test_one_client_too_many_is_said(monkeypatch: pytest.MonkeyPatch, lines: list[Line]) -> None:
    trace.CX.level = trace.WARN
    monkeypatch.setattr(diameter, "MOST_PEERS", 1)
    async with ends("127.0.0.1", "tcp") as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.endpoint.port)
        assert await reader.read() == b""
        writer.close()
        assert [line[2] for line in lines if "refused" in line[2]] == [lines[-1][2]]
        assert lines[-1][2].endswith(" is refused: 1 clients are connected")


async def test_a_stream_out_of_step_is_ended() -> None:
    async with ends("127.0.0.1", "tcp") as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.endpoint.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        assert (await here.client.ask(Lir("sip:x"))).result.code == 5001


async def test_nobody_there() -> None:
    client = DiameterClient(
        asyncio.get_running_loop(),
        wheel(),
        Party(US, (RX,), trace.RX),
        (Endpoint("127.0.0.1", 1, "tcp"),),
        None,
        os.urandom,
    )
    client.start()
    before = counters.get("diam_connect_failed")
    await until(lambda: counters.get("diam_connect_failed") > before)
    assert counters.get("diam_connect_failed") == before + 1
    with pytest.raises(NoAnswer):
        await client.ask(Lir("sip:x"))
    await client.close()


async def test_an_address_that_is_silent_leaves_the_next_one_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with two addresses, and a firewall that drops what goes to the first one."""
    real = diameter_link._connect_tcp

    async def connect(loop: asyncio.AbstractEventLoop, remote: sctp.Address, local: sctp.Address | None) -> TcpLink:
        if remote[0] == "192.0.2.1":
            await asyncio.Event().wait()
        return await real(loop, remote, local)

    async def addresses(host: str, port: int, **more: Any) -> list[Any]:
        return [(socket.AF_INET, 0, 0, "", (each, port)) for each in ("192.0.2.1", "127.0.0.1")]

    monkeypatch.setattr(diameter_link, "_connect_tcp", connect)
    monkeypatch.setattr(diameter_link, "SETUP_TIME", 0.02)
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", addresses)
    async with ends("127.0.0.1", "tcp") as here:
        link = await diameter_link.connect(loop, Endpoint("hss.example", here.endpoint.port, "tcp"), None)
        assert link.remote == f"127.0.0.1:{here.endpoint.port}"
        link.close()
    with pytest.raises(ConnectionRefusedError):  # what the last one said
        await diameter_link.connect(loop, Endpoint("hss.example", 1, "tcp"), None)


async def test_an_address_of_ours_of_the_other_kind(lines: list[Line]) -> None:
    trace.CX.level = trace.INFO
    party, server = Party(US, (CX,), trace.CX), Endpoint("127.0.0.1", 1, "tcp")
    client = DiameterClient(asyncio.get_running_loop(), wheel(), party, (server,), Endpoint("::1", 0), os.urandom)
    client.start()
    await until(lambda: lines and lines[-1][2].startswith("No connection"))
    assert lines[-1][2] == "No connection to 127.0.0.1:1: 127.0.0.1 has no address of the kind of [::1]:0"
    await client.close()


async def test_a_kernel_without_sctp_is_said_once(monkeypatch: pytest.MonkeyPatch, lines: list[Line]) -> None:
    trace.CX.level = trace.INFO
    monkeypatch.setattr(sctp, "missing", lambda: "this kernel has no SCTP")
    monkeypatch.setattr(diameter, "LOOK_AGAIN", 0.01)
    client = DiameterClient(
        asyncio.get_running_loop(), wheel(), Party(US, (CX,), trace.CX), (Endpoint("127.0.0.1", 1),), None, os.urandom
    )
    client.start()
    await until(lambda: lines)
    await asyncio.sleep(0.1)
    assert [line[2] for line in lines] == [
        "CX to 127.0.0.1:1 is down: this kernel has no SCTP,"
        " or write tcp: before the address where the peer speaks Diameter over TCP"
    ]
    with pytest.raises(NoAnswer):
        await client.ask(Lir("sip:x"))
    await client.close()


async def test_an_answer_follows_who_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is lost while the request is being served: it comes again by the next one, and is served once."""
    monkeypatch.setattr(machine, "FIRST_PAUSE", 0.01)
    async with ends("127.0.0.1", "tcp") as here:
        here.pause = 0.3
        before = counters.get("diam_duplicate")
        asked = asyncio.ensure_future(here.client.ask(Lir("sip:x")))
        await until(lambda: here.served)
        (runner,) = here.client._runners
        assert isinstance(runner._link, TcpLink)
        assert runner._link._transport is not None
        runner._link._transport.abort()
        assert (await asked).result == CxResult.ERROR_USER_UNKNOWN.result
        assert here.served == [Lir("sip:x")]
        assert counters.get("diam_duplicate") == before + 1


async def test_a_lost_network_is_noticed() -> None:
    async with ends("127.0.0.1", "tcp") as here:
        (runner,) = here.client._runners
        assert isinstance(runner._link, TcpLink)
        assert runner._link._transport is not None
        sock = runner._link._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_session_ids() -> None:
    sessions = Sessions(HSS.host, 1234.5)
    assert [sessions.new(), sessions.new()] == ["hss.example;1234;1", "hss.example;1234;2"]

"""What drivers of Diameter have to do, whatever carries it: for TCP here, and for SCTP in the kernel lab.

A client like ours and a server like the simulators', in one loop, over a real socket.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lteims import counters, trace
from lteims.config.endpoint import Endpoint
from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import CX, RX, Answer, Node, Plain
from lteims.diameter.cx import CxResult, Lia, Lir, Maa, Mar, Ppr, Rtr, Saa, Sar
from lteims.diameter.cx_attributes import ReasonCode, ServerAssignmentType
from lteims.diameter.cx_auth import AkaVector, AuthRequest, Scheme
from lteims.diameter.errors import NoAnswer
from lteims.net.diameter import DiameterClient, DiameterServer
from lteims.net.diameter_link import SctpLink, TcpLink
from lteims.net.diameter_peer import Party
from lteims.net.timers import TimerWheel
from tests.net.ports import free_port

US, HSS = Node("ims.example", "example"), Node("hss.example", "example")
VECTOR = AkaVector(b"r" * 16, b"a" * 16, b"x" * 8, b"c" * 16, b"i" * 16)
LONG = b"<IMSSubscription>" + b"x" * 60_000 + b"</IMSSubscription>"


@dataclass
class Ends:
    """Both ends, and what happened to them."""

    client: DiameterClient
    server: DiameterServer
    endpoint: Endpoint
    states: list[str] = field(default_factory=list)
    served: list[Any] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    pause: float = 0.0

    async def until(self, state: str) -> None:
        """Wait for a state of the client."""
        async with asyncio.timeout(30):
            while state not in self.states:
                self.changed.clear()
                await self.changed.wait()
        self.states.clear()

    def hear(self, remote: Capabilities | None) -> None:
        """Of the client."""
        self.states.append("up" if remote else "down")
        self.changed.set()


def wheel() -> TimerWheel:
    loop = asyncio.get_running_loop()
    return TimerWheel(loop.call_at, loop.time)


def new_server(serve: Any, **more: Any) -> DiameterServer:
    party = Party(HSS, (CX, RX), trace.CX, serve)
    return DiameterServer(asyncio.get_running_loop(), wheel(), party, os.urandom, **more)


@asynccontextmanager
async def ends(host: str, transport: str, bind_port: int = 0, **more: Any) -> AsyncIterator[Ends]:
    """A server and a client that is connected to it."""

    async def at_hss(request: Any, session: str, origin: Node) -> Answer:
        here.served.append(request)
        await asyncio.sleep(here.pause)
        match request:
            case Mar():
                return Maa(vectors=(VECTOR,) * request.count)
            case Sar():
                return Saa(user_data=LONG)
        raise CxResult.ERROR_USER_UNKNOWN.error("nobody has this name")

    async def at_cscf(request: Any, session: str, origin: Node) -> Answer:
        here.served.append(request)
        return Plain()

    server = new_server(at_hss, **more)
    endpoint = Endpoint(host, free_port((host,)), transport)  # nobody else gets it while the server is away
    await server.listen(endpoint)
    party = Party(US, (CX,), trace.CX, at_cscf, watchdog=0.2)
    loop = asyncio.get_running_loop()
    client = DiameterClient(
        loop,
        wheel(),
        party,
        (endpoint,),
        Endpoint(host, bind_port),
        os.urandom,
        on_state=lambda remote: here.hear(remote),
    )
    here = Ends(client, server, endpoint)
    client.start()
    try:
        await here.until("up")
        yield here
    finally:
        await client.close()
        await server.close()


async def both_ask(host: str, transport: str) -> None:
    async with ends(host, transport) as here:
        assert here.client.remote is not None
        assert here.client.remote.node == HSS
        mar = Mar("u", "sip:u", AuthRequest(Scheme.AKAV1_MD5), "sip:s", 2)
        assert await here.client.ask(mar) == Maa(vectors=(VECTOR,) * 2)
        sar = Sar("u", ("sip:u",), "sip:s", ServerAssignmentType.REGISTRATION)
        assert (await here.client.ask(sar)).user_data == LONG
        assert (await here.client.ask(Lir("sip:x"))).result == CxResult.ERROR_USER_UNKNOWN.result
        assert here.server.clients == (US.host,)
        rtr = Rtr("u", ReasonCode.PERMANENT_TERMINATION)
        assert (await here.server.ask(US.host, rtr)).result.ok
        assert (await here.server.ask(US.host, Ppr("u", LONG))).result.ok
        assert here.served == [mar, sar, Lir("sip:x"), rtr, Ppr("u", LONG)]
        await asyncio.sleep(0.5)  # the watchdog finds that all is well
        assert here.states == []


async def many_ask(host: str, transport: str, number: int = 300) -> None:
    async with ends(host, transport) as here:
        asked = [here.client.ask(Mar(str(n), "sip:u", AuthRequest(Scheme.DIGEST), "sip:s")) for n in range(number)]
        with pytest.raises(NoAnswer):
            await here.server.ask("other.example", Rtr("u", ReasonCode.SERVER_CHANGE))
        found = await asyncio.gather(*asked[:200])
        assert len(found) == 200
        for rest in asked[200:]:
            await rest
        assert len(here.served) == number


async def comes_back(host: str, transport: str) -> None:
    """The server goes and comes; who asks meanwhile is told at once."""
    async with ends(host, transport, free_port((host,))) as here:
        await here.server.close()
        await here.until("down")
        with pytest.raises(NoAnswer):
            await here.client.ask(Lir("sip:x"))

        async def serve(request: Any, session: str, origin: Node) -> Answer:
            return Lia(name="sip:again")

        server = new_server(serve)
        await server.listen(here.endpoint)
        await here.until("up")
        assert await here.client.ask(Lir("sip:x")) == Lia(name="sip:again")
        await here.client.close()
        assert server.clients == ()
        await server.close()


async def is_slow(host: str, transport: str) -> None:
    async with ends(host, transport) as here:
        here.pause = 0.3
        with pytest.raises(NoAnswer, match="in time"):
            await here.client.ask(Lir("sip:x"), within=0.1)
        await asyncio.sleep(0.4)
        assert (await here.client.ask(Lir("sip:x"))).result == CxResult.ERROR_USER_UNKNOWN.result


async def another_takes_over(host: str, transport: str) -> None:
    """The first of two servers is gone in the middle of what it was asked, without a word; later it is back."""
    served: list[list[str]] = [[], []]

    def server(number: int, pause: float) -> DiameterServer:
        async def serve(request: Any, session: str, origin: Node) -> Answer:
            served[number].append(request.impu)
            await asyncio.sleep(pause)
            return Lia(name=f"sip:{number}")

        return new_server(serve)

    first, second = server(0, 60.0), server(1, 0.0)
    endpoints = [Endpoint(host, free_port((host,)), transport) for _ in range(2)]
    for each, endpoint in zip((first, second), endpoints, strict=True):
        await each.listen(endpoint)
    loop = asyncio.get_running_loop()
    client = DiameterClient(loop, wheel(), Party(US, (CX,), trace.CX), endpoints, None, os.urandom)
    client.start()
    await until(lambda: [up for _, up in client.servers] == [True, True])
    asked = [asyncio.ensure_future(client.ask(Lir(f"sip:{n}"))) for n in range(50)]
    await until(lambda: len(served[0]) == 50)
    before = counters.get("diam_failover")
    await kill(first)
    assert {answer.name for answer in await asyncio.gather(*asked)} == {"sip:1"}
    assert served == [[f"sip:{n}" for n in range(50)]] * 2
    assert counters.get("diam_failover") == before + 50
    assert [up for _, up in client.servers] == [False, True]
    assert (await client.ask(Lir("sip:x"))).name == "sip:1"
    first = server(0, 0.0)
    await first.listen(endpoints[0])
    await until(lambda: [up for _, up in client.servers] == [True, True])
    assert (await client.ask(Lir("sip:x"))).name == "sip:0"
    await asyncio.gather(client.close(), first.close(), second.close())


async def kill(server: DiameterServer) -> None:
    """End it as kill -9 does: its connections are reset, and nothing is said."""
    for runner in server._runners:
        link = runner._link
        if isinstance(link, SctpLink):
            link._association.abort()
        elif isinstance(link, TcpLink) and link._transport is not None:
            link._user = None
            link._transport.abort()
        runner.on_lost("killed")
    await server.close()


async def until(condition: Callable[[], object]) -> None:
    end = asyncio.get_running_loop().time() + 30
    while not condition():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.02)


CONTRACT: dict[str, Callable[[str, str], Awaitable[None]]] = {
    "both ask": both_ask,
    "many ask": many_ask,
    "the server comes back": comes_back,
    "the server is slow": is_slow,
    "another takes over": another_takes_over,
}

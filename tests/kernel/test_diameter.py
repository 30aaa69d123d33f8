"""SCTP of the kernel: Diameter by the contract of tests/peers, and what SGsAP needs of net/sctp.py besides."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
from pyroute2 import IPRoute, netns

from lteims import trace
from lteims.config.endpoint import Endpoint
from lteims.diameter.command import CX
from lteims.errors import OperatorError
from lteims.net import sctp
from lteims.net.diameter import DiameterClient
from lteims.net.diameter_peer import Party
from lteims.net.sctp import Association, Listener
from tests.peers.diameter import CONTRACT, US, wheel
from tests.peers.freediameter import through_the_relay

NAMESPACE = f"lteims-diameter-{os.getpid()}"
HOSTS = ["127.0.0.1", "::1"]


@pytest.mark.parametrize(("host", "run"), [("127.0.0.1", uvloop.run), ("::1", asyncio.run)])
@pytest.mark.parametrize("name", CONTRACT)
def test_diameter_over_sctp(name: str, host: str, run: Callable[[Any], None]) -> None:
    run(CONTRACT[name](host, ""))


async def test_nobody_there() -> None:
    loop = asyncio.get_running_loop()
    endpoint = Endpoint("127.0.0.1", 9)
    client = DiameterClient(loop, wheel(), Party(US, (CX,), trace.CX), (endpoint,), None, os.urandom)
    client.start()
    await asyncio.sleep(0.3)
    assert client.remote is None
    await client.close()


@pytest.fixture
def place() -> Iterator[str]:
    """An address in a namespace of its own, since freeDiameterd takes no 127.0.0.1."""
    if NAMESPACE in netns.listnetns():
        netns.remove(NAMESPACE)
    netns.create(NAMESPACE)
    netns.pushns(NAMESPACE)
    with IPRoute() as here:
        lo = here.link_lookup(ifname="lo")[0]
        here.link("set", index=lo, state="up")
        here.addr("add", index=lo, address="10.98.8.1", prefixlen=32)
    yield "10.98.8.1"
    netns.popns()
    netns.remove(NAMESPACE)


async def test_a_relay_of_somebody_else(place: str, tmp_path: Path) -> None:
    await through_the_relay(tmp_path, Endpoint(place, 38_680))


@dataclass
class End:
    """One end of an association and what it has heard."""

    association: Association
    heard: list[tuple[bytes, int, int]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.association.start(self._on_message, self._on_lost)

    def _on_message(self, data: bytes, ppid: int, stream: int) -> None:
        self.heard.append((data, ppid, stream))
        self.event.set()

    def _on_lost(self, why: str) -> None:
        self.lost.append(why)
        self.event.set()

    async def until(self, holds: Callable[["End"], object]) -> None:
        async with asyncio.timeout(30):
            while not holds(self):
                self.event.clear()
                await self.event.wait()


@contextlib.asynccontextmanager
async def pair(*hosts: str) -> AsyncIterator[tuple[End, End]]:
    """A client's and a server's end, between these addresses of ours."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[End] = loop.create_future()
    listener = Listener(loop, [(host, 0) for host in hosts[:1]], lambda each: accepted.set_result(End(each)))
    if len(hosts) > 1:
        port = listener.port
        listener.close()
        listener = Listener(loop, [(host, port) for host in hosts], lambda each: accepted.set_result(End(each)))
    local = [(host, 0) for host in hosts[:1]]
    ours = End(await sctp.connect(loop, [(host, listener.port) for host in hosts], local))
    theirs = await asyncio.wait_for(accepted, 10)
    try:
        yield ours, theirs
    finally:
        ours.association.abort()
        theirs.association.abort()
        listener.close()


@pytest.mark.parametrize("host", HOSTS)
async def test_messages_keep_their_bounds_streams_and_identifiers(host: str) -> None:
    async with pair(host) as (ours, theirs):
        sizes = [1, 5, 1400, 3000, 65_536, 65_537, 200_000]
        for number, size in enumerate(sizes):
            ours.association.send(bytes((number,)) * size, number, number % 2)
        await theirs.until(lambda end: len(end.heard) == len(sizes))
        by_ppid = sorted(theirs.heard, key=lambda each: each[1])
        assert by_ppid == [(bytes((n,)) * size, n, n % 2) for n, size in enumerate(sizes)]
        theirs.association.send(b"back", sctp.PPID_DIAMETER, 1)
        await ours.until(lambda end: end.heard)
        assert ours.heard == [(b"back", 46, 1)]


async def test_the_identifier_is_46_on_the_wire() -> None:
    """RFC 6733 2.1: in the DATA chunk, in network order, just before the message."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.bind(("lo", 0))
        wire.setblocking(False)
        async with pair("127.0.0.1") as (ours, theirs):
            ours.association.send(b"some words", sctp.PPID_DIAMETER)
            await theirs.until(lambda end: end.heard)
        frames = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                frames += wire.recv(65536)
    assert frames[frames.index(b"some words") - 4 :][:4] == bytes((0, 0, 0, 46))


async def test_what_the_kernel_has_no_room_for_waits_in_order() -> None:
    async with pair("127.0.0.1") as (ours, theirs):
        for number in range(3000):
            ours.association.send(number.to_bytes(4, "big") * 250)
        await theirs.until(lambda end: len(end.heard) == 3000)
        assert [int.from_bytes(data[:4], "big") for data, _, _ in theirs.heard] == list(range(3000))


async def test_a_peer_that_does_not_read_is_given_up() -> None:
    async with pair("127.0.0.1") as (ours, theirs):
        asyncio.get_running_loop().remove_reader(theirs.association._fd)
        for _ in range(100):
            ours.association.send(bytes(100_000))
        assert ours.lost == ["it does not read"]


async def test_a_message_without_end_is_given_up() -> None:
    async with pair("127.0.0.1") as (ours, theirs):
        ours.association.send(bytes(sctp.LONGEST + 1))
        await theirs.until(lambda end: end.lost)
        assert theirs.heard == []


async def test_ends_in_order_and_at_once() -> None:
    async with pair("127.0.0.1") as (ours, theirs):
        ours.association.send(b"last words")
        ours.association.close()
        await theirs.until(lambda end: end.lost)
        assert theirs.heard == [(b"last words", 0, 0)]
        assert theirs.lost == ["closed by the peer"]
    async with pair("127.0.0.1") as (ours, theirs):
        ours.association.abort()
        await theirs.until(lambda end: end.lost)
        assert ours.lost == []
        theirs.association.send(b"to nobody")


async def test_several_addresses() -> None:
    async with pair("127.0.0.1", "127.0.0.2") as (ours, theirs):
        assert {host for host, _ in ours.association.remote()} == {"127.0.0.1", "127.0.0.2"}
        assert {host for host, _ in theirs.association.local()} == {"127.0.0.1", "127.0.0.2"}
        ours.association.send(b"x")
        await theirs.until(lambda end: end.heard)


async def test_refusals() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ConnectionRefusedError):
        await sctp.connect(loop, [("127.0.0.1", 9)])
    listener = Listener(loop, [("127.0.0.1", 0)], lambda each: None)
    with pytest.raises(OperatorError, match="cannot listen on sctp 127"):
        Listener(loop, [("127.0.0.1", listener.port)], lambda each: None)
    listener.close()
    assert sctp.missing() == ""
    assert socket.IPPROTO_SCTP == 132

"""What the SIP driver lets a peer use: time for a message, connections, octets kept; and whose copies it serves once.

The stack alone on loopback, with short times and low limits, and a core that answers when the test says so.
"""

import asyncio
import itertools
import os
import socket
import time
from collections.abc import AsyncIterator, Callable

import pytest

from lteims import counters
from lteims.ids import Tokens
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Endpoint, Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import TimerWheel
from lteims.sip.message import Request, parse
from lteims.sip.transaction import Timings
from tests.unit.ims.registry import FakeTime

BOTH_LOOPS = True  # read by conftest.py
T1 = 0.01
MESSAGE_TIME = 0.3
CONNECTIONS = 20
PATIENCE = 20.0  # seconds; a busy machine may need some
_numbers = itertools.count(1)


class Core:
    """Keeps what comes; with `body` answers OPTIONS at once."""

    def __init__(self) -> None:
        self.held: list[ServerTransaction] = []
        self.body: bytes | None = None

    def on_request(self, transaction: ServerTransaction) -> None:
        self.held.append(transaction)
        if self.body is not None and transaction.request.method == "OPTIONS":
            response = transaction.make(200)
            response.body = self.body
            transaction.respond(response)

    def on_ack(self, request: Request, flow: Flow) -> None:
        pass


class Bench:
    """A stack with its core and address."""

    def __init__(self, connections: int = CONNECTIONS, hand: FakeTime | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.wheel = TimerWheel(hand.call_at, hand.clock) if hand else TimerWheel(loop.call_at, time.monotonic)
        self.core = Core()
        self.stack = SipStack(
            loop,
            self.wheel,
            Tokens(os.urandom),
            Timings(T1, T1, T1),
            max_connections=connections,
            message_time=MESSAGE_TIME,
        )
        self.stack.core = self.core
        self.endpoint = Endpoint(0, "127.0.0.1", 0, "127.0.0.1", 0)

    async def start(self) -> None:
        self.stack.bind([self.endpoint])
        await self.stack.start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.endpoint.bind_port

    def connect(self) -> socket.socket:
        sock = socket.create_connection(self.address, 5)
        sock.setblocking(False)
        return sock

    def udp(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(self.address)
        sock.setblocking(False)
        return sock


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    await made.start()
    yield made
    await made.stack.close()
    made.wheel.close()


def request(method: str = "OPTIONS", *, via: str = "", number: int = 0, branch: str = "") -> bytes:
    number = number or next(_numbers)
    return (
        f"{method} sip:example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5;branch=z9hG4bK{branch or number};rport{via}\r\n"
        f"From: <sip:a@example.com>;tag={number}\r\nTo: <sip:b@example.com>\r\nCall-ID: {number}\r\n"
        f"CSeq: {number} {method}\r\nContact: <sip:a@127.0.0.1>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


async def receive(sock: socket.socket, within: float = PATIENCE) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 65535), within)


async def is_silent(sock: socket.socket, seconds: float) -> bool:
    try:
        await receive(sock, seconds)
    except TimeoutError:
        return True
    return False


async def until(condition: Callable[[], bool], within: float = PATIENCE) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def at_its_end(sock: socket.socket, within: float = PATIENCE) -> bool:
    """Does the stack close the connection?"""
    try:
        while await receive(sock, within):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


# -- time
async def test_a_message_that_does_not_end_is_cut(bench: Bench) -> None:
    with bench.connect() as sock:
        sock.send(request()[:50])
        begin = time.monotonic()
        assert await at_its_end(sock)
        assert MESSAGE_TIME <= time.monotonic() - begin < MESSAGE_TIME + 10


async def test_a_message_in_drops_is_cut(bench: Bench) -> None:
    """Each octet in time, the whole not."""
    with bench.connect() as sock:
        begin = time.monotonic()
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await in_drops(sock, request())
        assert time.monotonic() - begin >= MESSAGE_TIME
    assert not bench.core.held


async def in_drops(sock: socket.socket, data: bytes) -> None:
    for octet in data:
        sock.send(bytes([octet]))
        await asyncio.sleep(0.02)


async def test_whole_messages_may_take_their_time() -> None:
    hand = FakeTime()
    bench = Bench(hand=hand)
    await bench.start()
    bench.core.body = b""
    with bench.connect() as sock:
        for _ in range(4):
            data = request()
            sock.send(data[:50])
            await until(lambda: begun(bench))
            hand.advance(MESSAGE_TIME / 2)
            sock.send(data[50:])
            assert (await receive(sock)).startswith(b"SIP/2.0 200 ")
            assert not begun(bench)
        hand.advance(MESSAGE_TIME * 1.5)  # nothing has begun, so nothing has to end
        sock.send(request())
        assert (await receive(sock)).startswith(b"SIP/2.0 200 ")
        sock.send(request()[:50])
        await until(lambda: begun(bench))
        hand.advance(MESSAGE_TIME * 1.5)
        assert await at_its_end(sock)
    await bench.stack.close()
    bench.wheel.close()


def begun(bench: Bench) -> bool:
    """Has a message begun that has to end in time?"""
    return any(connection._deadline for connection in bench.stack._connections._open.values())


@pytest.mark.parametrize("enough", [1 << 14, 1 << 30])
async def test_a_peer_that_never_reads_is_cut(bench: Bench, enough: int) -> None:
    """After MESSAGE_TIME where a little more than UNREAD waits for it, at once where very much does."""
    bench.core.body = bytes(8000)
    before = counters.get("sip_tcp_cut")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(bench.address)
        sock.setblocking(False)
        await until(lambda: not sends(sock, request() * 50) or unread(bench) > enough)
        await until(lambda: counters.get("sip_tcp_cut") == before + 1)
        await until(lambda: not bench.stack.connected(bench.core.held[0].flow))


def unread(bench: Bench) -> int:
    """Octets that wait in us for the only peer; very many when it has been cut."""
    if not bench.core.held:
        return 0
    connection = bench.stack._connections._open.get(bench.core.held[0].flow)
    if connection is None or connection.transport is None or not connection.usable:
        return 1 << 31
    return connection.transport.get_write_buffer_size()


def sends(sock: socket.socket, data: bytes) -> bool:
    """Is there room for one more request?"""
    try:
        return sock.send(data) == len(data)
    except BlockingIOError:
        return True
    except (ConnectionResetError, BrokenPipeError):
        return False


# -- numbers
async def test_connections_above_the_limit_are_closed_and_the_others_live(bench: Bench) -> None:
    bench.core.body = b""
    many = [bench.connect() for _ in range(CONNECTIONS + 10)]
    ends = {asyncio.create_task(at_its_end(sock, 10 * PATIENCE)): sock for sock in many}
    await until(lambda: sum(task.done() for task in ends) == 10)
    assert all(task.result() for task in ends if task.done())
    alive = [sock for task, sock in ends.items() if task.cancel()]
    await asyncio.wait(ends)
    for sock in alive:
        sock.send(request())
        assert (await receive(sock)).startswith(b"SIP/2.0 200 ")
    for sock in many:
        sock.close()
    await until(lambda: not bench.stack._connections._open)
    with bench.connect() as sock:
        sock.send(request())
        assert (await receive(sock)).startswith(b"SIP/2.0 200 ")


async def test_none_is_opened_above_the_limit() -> None:
    bench = Bench(connections=0)
    failed: list[int] = []
    await bench.start()
    bench.stack.transmit(Flow("TCP", 0, *bench.address), request(), lambda: failed.append(1))
    await until(lambda: failed == [1])
    await bench.stack.close()


async def test_no_more_than_so_many_messages_wait_for_a_connection(bench: Bench) -> None:
    failed: list[int] = []
    flow = Flow("TCP", 0, "127.0.0.1", 1)
    for _ in range(1000):  # in one turn of the loop: the connection cannot have been refused yet
        bench.stack.transmit(flow, request(), lambda: failed.append(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(failed) >= 700
    await until(lambda: len(failed) == 1000)


async def test_answers_kept_for_retransmissions_are_bounded_in_octets(bench: Bench) -> None:
    bench.stack.transactions.answers.max_octets = 100_000
    bench.core.body = b""
    with bench.udp() as sock:
        for _ in range(60):
            sock.send(request(via=";x=" + "x" * 10_000))
            await receive(sock)
            assert bench.stack.load()["server"] <= 10


async def test_nothing_is_left_of_transactions(bench: Bench) -> None:
    bench.core.body = b""
    with bench.udp() as sock:
        for method in ("OPTIONS", "INVITE", "CANCEL", "INVITE", "MESSAGE") * 20:
            sock.send(request(method))
        await until(lambda: len(bench.core.held) == 80)
        assert bench.stack.load()["server"] == 100
        for transaction in bench.core.held:
            if not transaction.answered:
                transaction.reply(486)
        await until(lambda: bench.stack.load() == {"server": 0, "client": 0}, 64 * T1 + PATIENCE)


# -- copies
async def test_a_merged_request_is_served_once(bench: Bench) -> None:
    """RFC 3261 8.2.2.2: 482 while the first copy is served; when that has failed, the caller may try again."""
    with bench.udp() as sock:
        sock.send(request("INVITE", number=7, branch="one"))
        await until(lambda: len(bench.core.held) == 1)
        sock.send(request("INVITE", number=7, branch="two"))
        assert (await receive(sock)).startswith(b"SIP/2.0 482 ")
        assert len(bench.core.held) == 1
        bench.core.held[0].reply(486)
        sock.send(request("INVITE", number=7, branch="three"))
        await until(lambda: len(bench.core.held) == 2)


async def test_a_retransmission_gets_the_same_octets(bench: Bench) -> None:
    bench.core.body = b"x"
    data = request()
    with bench.udp() as sock:
        answers = set()
        for _ in range(5):
            sock.send(data)
            answers.add(await receive(sock))
    assert len(answers) == len(bench.core.held) == 1


@pytest.mark.parametrize("header", ["www-authenticate", "security-server"])
async def test_a_challenge_with_sas_behind_it_is_kept(bench: Bench, header: str) -> None:
    """A REGISTER that comes again, as the 401 took its time, gets it again; one in clear is challenged anew."""
    data = request("REGISTER")
    with bench.udp() as sock:
        for place in range(2):
            sock.send(data)
            if place == 0 or header == "www-authenticate":
                await until(lambda place=place: len(bench.core.held) == place + 1)  # type: ignore[misc]
                bench.core.held[place].reply(401, headers={header: f"number {place}"})
            heard = parse(await receive(sock))
        assert heard.get(header) == ("number 1" if header == "www-authenticate" else "number 0")


@pytest.mark.parametrize(("code", "again"), [(401, False), (407, False), (486, True)])
async def test_a_challenge_to_an_invite_is_sent_once(bench: Bench, code: int, again: bool) -> None:
    """RFC 3261 26.3.2.4; other refusals are sent until an ACK comes."""
    data = request("INVITE")
    with bench.udp() as sock:
        sock.send(data)
        await until(lambda: len(bench.core.held) == 1)
        bench.core.held[0].reply(code)
        first = await receive(sock)
        if again:
            assert await receive(sock) == first
        else:
            assert await is_silent(sock, 10 * T1)
        sock.send(data)
        assert await receive(sock) == first
        assert parse(first).to.tag


async def test_a_call_id_of_any_length_costs_the_log_little(bench: Bench) -> None:
    ids = {bench.stack.log_id("x" * 60_000 + str(n % 100)) for n in range(1000)}
    assert len(ids) == 100

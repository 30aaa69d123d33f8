"""What clients of the remote API cost phones: registrations a second with 1,000 of them, and beside none at all.

`python -m bench.api [COUNT]`. SIPp keeps IN_FLIGHT MD5 registrations going at one server, as fast as that answers; the
log is at debug for every layer in all rounds. In every other round 1,000 clients are connected, of whom 50 poll log_get
for everything. The clients discard what they read, so that what they cost the machine is little beside the server.
What the clients take from phones is the server's CPU time above that of the registrations themselves, as a share of the
clock's: so much less does a full core register. The rates by the clock, which others on the machine disturb far more,
are printed beside it.
"""

import multiprocessing
import selectors
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench import figure
from tests.net.ports import free_port
from tests.net.server import Server
from tests.net.sipp import Sipp
from tests.peers.subscribers import DOMAIN, Subscriber, csv, ue_db

COUNT = 10_000  # registrations in a round
ROUNDS = 7  # of each kind, in turns
USERS = 5_000
IN_FLIGHT = 50
CLIENTS, POLLING = 1_000, 50
T1 = 0.5
TARGET = 10.0  # per cent
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: bench\r\nOrigin: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LOG_GET = b'{"message":"log_get"}'
TEXT, PING, PONG = 0x81, 0x89, 0x8A


def frame(first: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros (RFC 6455 5.2)."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


@dataclass(slots=True)
class Reader:
    """One client: it skips the frames that come, and asks again behind each if it polls."""

    sock: socket.socket
    polls: bool
    answers: int = 0
    octets: int = 0
    _head: bytes = b""
    _left: int = 0  # octets of the frame that is being skipped

    def read(self, buffer: memoryview) -> None:
        """What the socket has now. ConnectionError when it is closed."""
        count = self.sock.recv_into(buffer)
        if not count:
            raise ConnectionError("the server has cut a client")
        self.octets += count
        at = 0
        while at < count:
            if self._left:
                step = min(self._left, count - at)
                at, self._left = at + step, self._left - step
                if not self._left:
                    self._end()
                continue
            self._head += bytes(buffer[at : at + 1])
            at += 1
            self._begin()

    def _begin(self) -> None:
        """Once a frame's head is whole, its payload is what is left."""
        head = self._head
        if len(head) < 2 or len(head) < 2 + {126: 2, 127: 8}.get(head[1], 0):
            return
        self._left = int.from_bytes(head[2:], "big") if head[1] > 125 else head[1]
        if head[0] == PING:
            self.sock.sendall(frame(PONG, b""))  # without its payload it will do: RFC 6455 5.5.3 allows more pongs

    def _end(self) -> None:
        text = self._head[0] == TEXT
        self._head = b""
        if self.polls and text:
            self.answers += 1
            self.sock.sendall(frame(TEXT, LOG_GET))


def connect(port: int) -> socket.socket:
    """A socket behind its handshake and greeting."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.sendall(HANDSHAKE)
    got = b""
    while b"}" not in got:
        got += sock.recv(4096)
    return sock


def clients(port: int, pipe: Connection) -> None:
    """The process of the clients: says when they are there, ends when it is told, and tells what they have read."""
    chosen = selectors.DefaultSelector()
    readers = [Reader(connect(port), polls=number < POLLING) for number in range(CLIENTS)]
    for reader in readers:
        chosen.register(reader.sock, selectors.EVENT_READ, reader)
        if reader.polls:
            reader.sock.sendall(frame(TEXT, LOG_GET))
    chosen.register(pipe.fileno(), selectors.EVENT_READ, None)
    buffer = memoryview(bytearray(1 << 20))
    pipe.send("there")
    while True:
        for key, _ in chosen.select():
            if key.data is None:
                pipe.send([(reader.answers, reader.octets) for reader in readers if reader.polls])
                return
            key.data.read(buffer)


@dataclass(slots=True)
class Kind:
    """One kind of round and its figures."""

    name: str
    rates: list[float] = field(default_factory=list)  # registrations a second
    costs: list[float] = field(default_factory=list)  # CPU microseconds of the server for each
    seconds: float = 0.0
    read: list[tuple[int, int]] = field(default_factory=list)  # answers and octets of each polling client

    def share(self, cost: float) -> float:
        """How much of a core, in per cent, went elsewhere than to registrations of this cost: the median round's."""
        return statistics.median((own - cost) * rate / 1e4 for own, rate in zip(self.costs, self.rates, strict=True))

    def __str__(self) -> str:
        rates = " ".join(f"{rate:6.0f}" for rate in self.rates)
        costs = " ".join(f"{cost:6.0f}" for cost in self.costs)
        return (
            f"{self.name:24} {rates}   {statistics.median(self.rates):7.0f}\n"
            f"{'  CPU us for each':24} {costs}   {statistics.median(self.costs):7.1f}"
        )


@contextmanager
def connected(port: int, kind: Kind) -> Iterator[None]:
    """All clients, until the block ends."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=clients, args=(port, theirs))
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield
        ours.send("end")
        read: Any = ours.recv()
        kind.read += read
    finally:
        process.join(20)
        process.kill()


def one_round(kind: Kind, server: Server, folder: Path, count: int) -> None:
    """Register `count` times; a few that a stall of the machine made fail do not count, more end the bench."""
    cpu, start = server.cpu(), time.monotonic()
    outcome = Sipp(
        "register", f"127.0.0.1:{server.port}", folder, folder / "users.csv", calls=count, rate=20_000,
        keys={"expires": "3600"}, options=("-l", str(IN_FLIGHT)), within=240,
    ).run()  # fmt: skip
    elapsed = time.monotonic() - start
    if outcome.passed < 0.99 * count:
        raise SystemExit(f"{kind.name}: {outcome.passed} of {count} registered\n{outcome.screen}")
    kind.rates.append(outcome.passed / elapsed)
    kind.costs.append(1e6 * (server.cpu() - cpu) / outcome.passed)
    kind.seconds += elapsed


def main() -> int:
    """Print both rates and the fall; exit code 1 if it misses the target."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    users = [Subscriber(f"001011{100_000_001 + n}") for n in range(USERS)]
    alone, beside = Kind("no client"), Kind(f"{CLIENTS} clients, {POLLING} poll")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "users.csv").write_text(csv(users), encoding="utf-8")
        port = free_port()
        extra = f'domain: "{DOMAIN}",\ntimer_t1: {T1},\ncom_addr: "127.0.0.1:{port}",\n'
        with Server(
            folder / "server", ue_db(users), extra, "all.level=debug", log_sync=False, hosts=("127.0.0.1",)
        ) as server:
            print(f"{count} MD5 registrations a round, {IN_FLIGHT} at a time, log at debug; registrations a second")
            print(f"{'':24} " + " ".join(f"{n:6}" for n in range(1, ROUNDS + 1)) + "    median", flush=True)
            one_round(Kind("warm"), server, folder, count)
            for _ in range(ROUNDS):
                one_round(alone, server, folder, count)
                with connected(port, beside):
                    one_round(beside, server, folder, count)
            for kind in (alone, beside):
                print(kind)
    answers, octets = (sum(column) for column in zip(*beside.read, strict=True))
    print(f"each polling client got {answers / len(beside.read) * ROUNDS / beside.seconds:.1f} answers a second;")
    print(f"all together {octets / 1e6 / beside.seconds:.0f} MB/s")
    cost = statistics.median(alone.costs)
    fall = beside.share(cost)
    full = 1e6 / cost
    rates = [statistics.median(kind.rates) for kind in (alone, beside)]
    print(f"by the clock {rates[1]:.0f} a second beside {rates[0]:.0f}: {100 * (1 - rates[1] / rates[0]):.1f} % less")
    what = f"registrations beside {CLIENTS} API clients"
    figure(what, full * (1 - fall / 100), "1/s", f"{full:.0f} beside none on a full core, {fall:.1f} % less")
    good = fall < TARGET and answers >= len(beside.read)
    print(f"the fall is {fall:.1f} %, target below {TARGET:.0f} %: {'reached' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""What one RTP packet costs on its way through an anchored call: CPU microseconds of the server process, on loopback.

`python -m bench.anchored [PACKETS]`. 500 audio streams, each between two legs (1,000 RTP sockets), packets both ways,
fed by another process that keeps a bounded number of packets under way. Only the server's CPU time (user and system)
counts; packets a second on a core is its reciprocal. The floor is the least that a Python program can do with the
same sockets on the same event loop: add_reader, recvfrom, sendto. "Paced" is what 500 calls really bring: 50 packets a
second from each phone.
"""

import asyncio
import multiprocessing
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import uvloop

from bench import figure
from bench.rtp import PACKET, cpu_seconds
from lteims.ids import Tokens
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.timers import TimerWheel

PACKETS = 150_000
STREAMS = 500
WINDOW = 250  # packets under way in all: half of the streams have one
TARGET = 60_000  # packets a second on a core
PORTS = (20000, 26999)
PACED_SECONDS = 4.0
PACED_RATE = 50  # packets a second from each phone
HOST = "127.0.0.1"

Ends = tuple[int, int]  # the ports of the two sockets that play all phones
Served = Callable[[], int]  # how many packets have been passed on
Send = Callable[[tuple[socket.socket, socket.socket], list[Ends], int], int]  # how many got lost
Open = Callable[[asyncio.AbstractEventLoop, Ends], tuple[list[Ends], Served]]


def open_anchored(loop: asyncio.AbstractEventLoop, ends: Ends) -> tuple[list[Ends], Served]:
    """The media plane: pairs of streams that relay to each other, as ims/anchor sets them up."""
    plane = MediaPlane(loop, loop.time, TimerWheel(loop.call_at, loop.time), Tokens(os.urandom))
    pool = PortPool(*PORTS)
    pairs = []
    for n in range(STREAMS):
        pair = [plane.open(HOST, pool, "audio", str(n)) for _ in ends]
        for leg, other, end in zip(pair, reversed(pair), ends, strict=True):
            leg.relay_to(other)
            leg.set_remote((HOST, end), (HOST, end + 1))
        pairs.append((pair[0].port, pair[1].port))
    return pairs, lambda: sum(stream.rtp_send_count for stream in plane.streams)


def open_bare(loop: asyncio.AbstractEventLoop, ends: Ends) -> tuple[list[Ends], Served]:
    """The floor: what comes on one socket of a pair leaves by the other."""
    count = 0

    def forward(source: socket.socket, out: socket.socket, to: tuple[str, int]) -> Callable[[], None]:
        def on_readable() -> None:
            nonlocal count
            data, _ = source.recvfrom(65535)
            out.sendto(data, to)
            count += 1

        return on_readable

    pairs = []
    for _ in range(STREAMS):
        a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ends)
        for sock in (a, b):
            sock.setblocking(False)
            sock.bind((HOST, 0))
        loop.add_reader(a, forward(a, b, (HOST, ends[1])))
        loop.add_reader(b, forward(b, a, (HOST, ends[0])))
        pairs.append((int(a.getsockname()[1]), int(b.getsockname()[1])))
    return pairs, lambda: count


def serve(opened: Open, pipe: Connection, ends: Ends) -> None:
    """One server process: until something comes by the pipe."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pairs, count = opened(loop, ends)
        stop = asyncio.Event()
        pipe.send(pairs)
        start = cpu_seconds()
        loop.add_reader(pipe.fileno(), stop.set)
        await stop.wait()
        pipe.send((cpu_seconds() - start, count()))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def flood(socks: tuple[socket.socket, socket.socket], pairs: list[Ends], packets: int) -> int:
    """Keep WINDOW packets under way, both ways and spread over the streams; the number that got lost."""
    poll = select.epoll()
    for sock in socks:
        sock.setblocking(False)
        poll.register(sock, select.EPOLLIN)
    # What leaves by socks[0] goes to the first leg of a stream and comes out of its second, at socks[1]
    ring = [(socks[side], (HOST, pair[side])) for pair in pairs for side in (0, 1)]
    sent = done = lost = 0

    def more(count: int) -> None:
        nonlocal sent
        for _ in range(min(count, packets - sent)):
            sock, to = ring[sent % len(ring)]
            sock.sendto(PACKET, to)
            sent += 1

    more(WINDOW)
    while done + lost < packets:
        if not poll.poll(0.5):  # what is still under way has been dropped by the kernel
            lost += sent - done - lost
            more(WINDOW)
            continue
        for sock in socks:
            try:
                while True:
                    sock.recv(2048)
                    done += 1
                    more(1)
            except BlockingIOError:
                pass
    return lost


def pace(socks: tuple[socket.socket, socket.socket], pairs: list[Ends], packets: int) -> int:
    """Send as phones do, the streams spread evenly over the time; the number that got lost."""
    for sock in socks:
        sock.setblocking(False)
    ring = [(socks[side], (HOST, pair[side])) for pair in pairs for side in (0, 1)]
    rate = len(ring) * PACED_RATE
    start, sent, done = time.monotonic(), 0, 0
    while sent < packets:
        for n in range(sent, min(packets, int((time.monotonic() - start) * rate))):
            sock, to = ring[n % len(ring)]
            sock.sendto(PACKET, to)
            sent += 1
        done += drained(socks)
        time.sleep(0.0005)
    time.sleep(0.2)
    return sent - done - drained(socks)


def drained(socks: tuple[socket.socket, socket.socket]) -> int:
    """Take what has come back; how many packets."""
    count = 0
    for sock in socks:
        try:
            while True:
                sock.recv(2048)
                count += 1
        except BlockingIOError:
            pass
    return count


def measure(name: str, opened: Open, packets: int, send: Send) -> tuple[float, float]:
    """Run one server process and feed it from here; the CPU microseconds for each packet and the share of a core."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
    ):
        for sock in (a, b):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.bind((HOST, 0))
        ends = int(a.getsockname()[1]), int(b.getsockname()[1])
        fork = multiprocessing.get_context("fork")
        here, there = fork.Pipe()
        serving = fork.Process(target=serve, args=(opened, there, ends), daemon=True)
        serving.start()
        pairs: list[Ends] = here.recv()
        begin = time.monotonic()
        lost = send((a, b), pairs, packets)
        took = time.monotonic() - begin
        here.send("stop")
        used: float
        count: int
        used, count = here.recv()
        serving.join(10)
    cost = 1e6 * used / max(1, count)
    print(f"{name:42} {count:8} {lost:5} {cost:10.2f} {1e6 / cost:11.0f} {count / took:11.0f}", flush=True)
    return cost, used / took


def main() -> int:
    """Print one line for each case; exit code 1 if the server misses the target."""
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else PACKETS
    head = f"{STREAMS} anchored streams, {len(PACKET)} octets"
    print(f"{head:42}  packets  lost  us/packet  /s on a core    /s here")
    least, _ = measure("floor: bare forwarder, uvloop", open_bare, packets, flood)
    cost, _ = measure("server, uvloop", open_anchored, packets, flood)
    paced = int(2 * STREAMS * PACED_RATE * PACED_SECONDS)
    _, floor = measure("floor: bare forwarder, uvloop, paced", open_bare, paced, pace)
    _, share = measure("server, uvloop, paced", open_anchored, paced, pace)
    rate, target_us = 1e6 / cost, 1e6 / TARGET
    figure("one RTP packet through an anchored call, 500 streams", cost, beside=f"floor {least:.1f}")
    figure("RTP packets a second on a core, anchored", rate, "/s", beside=f"target {TARGET}, floor {1e6 / least:.0f}")
    what = f"{STREAMS} anchored calls, {PACED_RATE} packets a second from each phone"
    figure(what, 100 * share, "% core", beside=f"floor {100 * floor:.0f}")
    print(f"target {target_us:.1f} us: {'reached' if cost <= target_us else 'MISSED'} ({cost:.2f})")
    return 0 if cost <= target_us else 1


if __name__ == "__main__":
    sys.exit(main())

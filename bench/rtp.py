"""What one echoed RTP packet costs: CPU microseconds of the server process, on loopback, beside a bare socket.

`python -m bench.rtp [PACKETS]`. Each line is one server process of its own, fed by another process that keeps a
bounded number of packets under way. "paced" sends as phones do, 50 packets a second for each stream, so that each
packet pays for waking an idle process, the bare socket's too. Only the server's CPU time (user and system) counts.
"""

import asyncio
import multiprocessing
import os
import resource
import select
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import uvloop

from bench import figure
from lteims.ids import Tokens
from lteims.media.rtp import RtpPacket
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.timers import TimerWheel

PACKETS = 60_000
PACED_SECONDS = 3.0
PAYLOAD = bytes(61)  # AMR-WB 23.85 kbit/s, octet-aligned
PACKET = RtpPacket(97, 1, 320, 0x1234, PAYLOAD).encode()
WINDOW = 32  # packets under way in all
TARGET_US = 10.0


def cpu_seconds() -> float:
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def bare_server(pipe: Connection, streams: int) -> None:
    """The floor: one blocking socket, recvfrom and sendto."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    pipe.send([sock.getsockname()[1]])
    start, count = cpu_seconds(), 0
    while True:
        data, addr = sock.recvfrom(65535)
        if len(data) < 12:
            break
        sock.sendto(data, addr)
        count += 1
    pipe.send((cpu_seconds() - start, count))


def plane_server(factory: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[Connection, int], None]:
    """The server's own media plane on this event loop."""

    async def serve(pipe: Connection, streams: int) -> None:
        loop = asyncio.get_running_loop()
        plane = MediaPlane(loop, time.monotonic, TimerWheel(loop.call_at, time.monotonic), Tokens(os.urandom))
        pool = PortPool(20000, 29999)
        opened = [plane.open("127.0.0.1", pool, "audio", str(n)) for n in range(streams)]
        for stream in opened:
            stream.echo()
        stop = asyncio.Event()
        pipe.send([stream.port for stream in opened])
        start = cpu_seconds()
        loop.add_reader(pipe.fileno(), stop.set)
        await stop.wait()
        used, count = cpu_seconds() - start, sum(stream.rtp_send_count for stream in opened)
        plane.close()
        pipe.send((used, count))

    def main(pipe: Connection, streams: int) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(serve(pipe, streams))

    return main


def flood(ports: list[int], packets: int) -> None:
    """Keep WINDOW packets under way, spread over the streams, until this many have come back."""
    socks = {}
    poll = select.epoll()
    for port in ports:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
        socks[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    ring = list(socks.values())
    for n in range(WINDOW):
        ring[n % len(ring)].send(PACKET)
    done = sent = 0
    while done < packets:
        ready = poll.poll(1.0)
        if not ready:
            raise SystemExit(f"only {done} of {packets} packets came back")
        for fd, _ in ready:
            try:
                while True:
                    socks[fd].recv(2048)
                    done += 1
                    ring[(WINDOW + sent) % len(ring)].send(PACKET)
                    sent += 1
            except BlockingIOError:
                pass
    time.sleep(0.05)  # the last ones


def paced(ports: list[int], packets: int) -> None:
    """Each stream sends every 20 ms, the streams spread evenly over them."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    start = time.monotonic()
    step = 0.02 / len(ports)
    for n in range(int(PACED_SECONDS / step)):
        time.sleep(max(0.0, start + n * step - time.monotonic()))
        sock.sendto(PACKET, ("127.0.0.1", ports[n % len(ports)]))
    time.sleep(0.05)


def paced_one(ports: list[int], packets: int) -> None:
    """The rate of 50 paced streams on one port."""
    paced(ports * 50, packets)


Server = Callable[[Connection, int], None]
Sender = Callable[[list[int], int], None]


def measure(name: str, server: Server, sender: Sender, streams: int, packets: int) -> float:
    """Run one server process and one sender process; print and return the CPU microseconds for each packet."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe()
    serving = fork.Process(target=server, args=(there, streams), daemon=True)
    serving.start()
    ports: list[int] = here.recv()
    begin = time.monotonic()
    sending = fork.Process(target=sender, args=(ports, packets), daemon=True)
    sending.start()
    sending.join(60)
    took = time.monotonic() - begin
    here.send("stop")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:  # ends the bare server
        sock.sendto(b"stop", ("127.0.0.1", ports[0]))
    used: float
    count: int
    used, count = here.recv()
    serving.join(10)
    cost = 1e6 * used / max(1, count)
    print(f"{name:34} {streams:7} {count:8} {cost:10.1f} {count / took:11.0f}", flush=True)
    return cost


def main() -> int:
    """Print one line for each case; exit code 1 if the server misses the target."""
    packets = int(sys.argv[1]) if len(sys.argv) > 1 else PACKETS
    loops = {"uvloop": plane_server(uvloop.new_event_loop), "asyncio": plane_server(asyncio.new_event_loop)}
    print(f"{'RTP echo, ' + str(len(PACKET)) + ' octets a packet':34} streams  packets  us/packet  packets/s")
    least = measure("floor: bare socket", bare_server, flood, 1, packets)
    cases = [(name, streams) for name in loops for streams in (1, 50)]
    worst = max(measure(f"server, {name}", loops[name], flood, streams, packets) for name, streams in cases)
    floor = measure("floor: bare socket, paced 2500/s", bare_server, paced_one, 1, packets)
    wakes = [measure(f"server, {name}, paced 50/s each", loops[name], paced, 50, packets) for name in loops]
    target = max(TARGET_US, 2 * least)  # on a machine that is slower or busy the floor says what can be had
    reached = worst <= target
    figure("one echoed RTP packet under load, the worst case", worst, beside=f"floor {least:.1f}, target {target:.0f}")
    figure("one echoed RTP packet that wakes an idle server", wakes[0], beside=f"floor {floor:.1f}")
    print(f"target {target:.0f} us under load: {'reached' if reached else 'MISSED'} (worst {worst:.1f})")
    print(f"paced, each packet wakes an idle process: {wakes[0]:.1f} us on uvloop, floor {floor:.1f}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())

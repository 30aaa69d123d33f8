"""The media plane on real loopback sockets, IPv4 and IPv6, on asyncio and on uvloop."""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from time import monotonic

import pytest

from lteims import counters
from lteims.errors import OperatorError
from lteims.ids import Tokens
from lteims.media.codec import Codec, RtpMap
from lteims.media.feedback import PLI, Feedback
from lteims.media.frame import silence_for
from lteims.media.rtcp import BYE, PSFB, SDES, SR, ReceiverReport, ReportBlock, SenderReport, compound, walk
from lteims.media.rtp import RtpPacket
from lteims.net.rtp import MediaPlane, RtpStream
from lteims.net.rtp_ports import PortPool, PortsExhausted
from lteims.net.timers import TimerWheel
from lteims.net.udp import Address, BindError, UdpSocket, address_text, open_udp, resolve
from lteims.trace import DEBUG, ERROR, MEDIA, Layer, set_sink
from tests.net.ports import free_ports

BOTH_LOOPS = True  # read by conftest.py
HOSTS = ["127.0.0.1", "::1"]
BASE = free_ports(40)
PACKET = RtpPacket(97, 7, 320, 0xABCD, b"voice").encode()
REPORT = compound(ReceiverReport(0xABCD), "phone")
STUN = bytes.fromhex("000100002112a442") + bytes(12)
DTLS = bytes([22, 254, 253]) + bytes(20)


class Phone:
    """A peer with an RTP and an RTCP socket that it reads by waiting."""

    def __init__(self, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.rtp, self.rtcp = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        for sock in (self.rtp, self.rtcp):
            sock.setblocking(False)
            sock.bind((host, 0))
        self.host = host

    @property
    def addrs(self) -> tuple[tuple[str, int], tuple[str, int]]:
        return (self.host, self.rtp.getsockname()[1]), (self.host, self.rtcp.getsockname()[1])

    def send(self, stream: RtpStream, data: bytes = PACKET) -> None:
        self.rtp.sendto(data, (self.host, stream.port))

    def send_rtcp(self, stream: RtpStream, data: bytes = REPORT) -> None:
        self.rtcp.sendto(data, (self.host, stream.port + 1))

    async def heard(self) -> bytes:
        return await self._read(self.rtp)

    async def heard_echo(self, ssrc: int = 0xABCD) -> bytes:
        """A packet that came back, with the SSRC that it was sent with: an echo has its own."""
        data = await self.heard()
        assert data[8:12] != ssrc.to_bytes(4, "big")
        return data[:8] + ssrc.to_bytes(4, "big") + data[12:]

    async def heard_rtcp(self) -> bytes:
        return await self._read(self.rtcp)

    async def hears_nothing(self, sock: socket.socket | None = None) -> bool:
        await turns()
        try:
            return not (sock or self.rtp).recv(2000)
        except BlockingIOError:
            return True

    @staticmethod
    async def _read(sock: socket.socket) -> bytes:
        async with asyncio.timeout(20):
            return await asyncio.get_running_loop().sock_recv(sock, 2000)

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


async def turns() -> None:
    """Let the loop read what was sent before: loopback delivers in order, on a busy machine some time later."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.setblocking(False)
        last.bind(("127.0.0.1", 0))
        last.sendto(b"x", last.getsockname())
        async with asyncio.timeout(20):
            await asyncio.get_running_loop().sock_recv(last, 1)
    for _ in range(5):
        await asyncio.sleep(0.001)


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def phones(host: str) -> Iterator[Callable[[], Phone]]:
    made: list[Phone] = []

    def make() -> Phone:
        made.append(Phone(host))
        return made[-1]

    yield make
    for phone in made:
        phone.close()


class Time:
    now = 0.0
    real = False

    def __call__(self) -> float:
        return monotonic() if self.real else self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def plane(time: Time) -> AsyncIterator[MediaPlane]:
    loop = asyncio.get_running_loop()
    wheel = TimerWheel(loop.call_at, loop.time)
    made = MediaPlane(loop, time, wheel, Tokens(os.urandom))
    yield made
    made.close()
    wheel.close()


@pytest.fixture
def pool() -> PortPool:
    return PortPool(BASE, BASE + 19)


@pytest.fixture
def log_lines() -> Iterator[list[tuple[str, str, str]]]:
    """(dir, id, message) of what the MEDIA layer logs at debug."""
    lines: list[tuple[str, str, str]] = []

    class Sink:
        def write(self, layer: Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
            lines.append((dir, id, message))

    former, MEDIA.level = set_sink(Sink()), DEBUG
    yield lines
    set_sink(former)
    MEDIA.level = ERROR


async def test_loop_is_the_wanted_one(request: pytest.FixtureRequest) -> None:
    wanted = "uvloop" if "uvloop" in request.node.name else "asyncio"
    assert type(asyncio.get_running_loop()).__module__.startswith(wanted)


async def test_echo(plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone], time: Time) -> None:
    phone, stream = phones(), plane.open(host, pool, "audio", "1")
    stream.set_remote(*phone.addrs)
    stream.echo()
    time.now = 5.0
    phone.send(stream)
    assert await phone.heard_echo() == PACKET
    phone.send_rtcp(stream)
    await turns()
    assert stream.port % 2 == 0
    assert stream.last_activity == 5.0
    counts = (stream.rtp_recv_count, stream.rtp_send_count, stream.rtcp_recv_count, stream.rtcp_send_count)
    assert counts == (1, 1, 1, 0)  # RTCP is answered by reports of the server's own, not sent back
    assert stream.rtp_addr == address_text(phone.addrs[0])
    assert stream.rtcp_addr == address_text(phone.addrs[1])


async def test_a_burst_comes_back_in_order(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone]
) -> None:
    phone, stream = phones(), plane.open(host, pool, "video", "1")
    stream.echo()
    sent = [RtpPacket(98, n, n, 1, bytes(900)).encode() for n in range(100)]
    for data in sent:
        phone.send(stream, data)
    assert [await phone.heard_echo(1) for _ in sent] == sent


async def test_relay(plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone]) -> None:
    a, b = phones(), phones()
    leg_a, leg_b = plane.open(host, pool, "audio", "1"), plane.open(host, pool, "audio", "2")
    leg_a.relay_to(leg_b)
    leg_b.relay_to(leg_a)
    leg_a.set_remote(*a.addrs)
    leg_b.set_remote(*b.addrs)
    a.send(leg_a)
    a.send_rtcp(leg_a)
    assert await b.heard() == PACKET
    assert await b.heard_rtcp() == REPORT
    b.send(leg_b)
    assert await a.heard() == PACKET
    assert (leg_a.rtp_recv_count, leg_a.rtp_send_count) == (1, 1)
    assert (leg_b.rtp_recv_count, leg_b.rtp_send_count) == (1, 1)


async def test_relay_without_a_destination_drops(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone]
) -> None:
    a = phones()
    leg_a, leg_b = plane.open(host, pool, "audio", "1"), plane.open(host, pool, "audio", "2")
    leg_a.relay_to(leg_b)
    a.send(leg_a)
    await turns()
    assert (leg_a.rtp_recv_count, leg_b.rtp_send_count, leg_b.dropped_count) == (1, 0, 1)
    leg_b.close()
    a.send(leg_a)
    await turns()
    assert leg_a.rtp_recv_count == 2


async def test_first_source_is_latched(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone], log_lines: list[tuple[str, str, str]]
) -> None:
    phone, stranger, signalled = phones(), phones(), phones()
    stream = plane.open(host, pool, "audio", "1a2b")
    stream.set_remote(*signalled.addrs)
    stream.echo()
    phone.send(stream)
    assert await phone.heard_echo() == PACKET
    assert stream.rtp_addr == address_text(phone.addrs[0])
    stranger.send(stream)
    assert await stranger.hears_nothing()
    assert (stream.dropped_count, stream.rtp_recv_count) == (1, 1)
    assert any("instead of " + address_text(signalled.addrs[0]) in message for _, _, message in log_lines)
    assert any(f"packets from {address_text(stranger.addrs[0])} dropped" in message for _, _, message in log_lines)
    # who signalled the address wins over who was quicker
    signalled.send(stream)
    assert await signalled.heard_echo() == PACKET
    phone.send(stream)
    assert await phone.hears_nothing()


async def test_set_remote_latches_anew(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone]
) -> None:
    private, first, second = phones(), phones(), phones()
    stream = plane.open(host, pool, "audio", "1")
    stream.set_remote(*private.addrs)
    stream.echo()
    first.send(stream)
    await first.heard()
    stream.set_remote(*private.addrs)  # the same SDP again: the way in use stays until a packet comes
    assert stream.rtp_addr == address_text(first.addrs[0])
    second.send(stream)
    assert await second.heard_echo() == PACKET
    stream.set_remote(*first.addrs)
    assert stream.rtp_addr == address_text(first.addrs[0])
    stream.set_remote(None, None)
    assert (stream.rtp_addr, stream.rtcp_addr) == ("", "")


async def test_what_is_no_rtp_is_dropped_and_latches_nothing(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone]
) -> None:
    phone, stranger = phones(), phones()
    stream = plane.open(host, pool, "audio", "1")
    stream.echo()
    for data in (b"", b"x", STUN, DTLS, PACKET[:11], REPORT, os.urandom(20).replace(b"\x80", b"\0")):
        stranger.send(stream, b"\0" + data[1:] if data not in (STUN, DTLS, REPORT, b"") else data)
    stranger.send_rtcp(stream, PACKET)
    assert await stranger.hears_nothing()
    assert stream.rtp_addr == ""
    assert (stream.invalid_count, stream.rtp_recv_count, stream.dropped_count) == (8, 0, 0)
    phone.send(stream)
    assert await phone.heard_echo() == PACKET


async def test_dtls_passes_a_relay_between_the_signalled_addresses(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone]
) -> None:
    a, b, stranger = phones(), phones(), phones()
    leg_a, leg_b = plane.open(host, pool, "audio", "1"), plane.open(host, pool, "audio", "2")
    leg_a.relay_to(leg_b)
    leg_a.set_remote(*a.addrs)
    leg_b.set_remote(*b.addrs)
    stranger.send(leg_a, DTLS)
    assert await b.hears_nothing()
    a.send(leg_a, DTLS)
    assert await b.heard() == DTLS
    assert (leg_a.rtp_recv_count, leg_a.invalid_count) == (0, 1)


async def test_hold_stops_rtp_and_lets_rtcp_flow(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone], log_lines: list[tuple[str, str, str]]
) -> None:
    a, b = phones(), phones()
    leg_a, leg_b = plane.open(host, pool, "audio", "1"), plane.open(host, pool, "audio", "2")
    leg_a.relay_to(leg_b)
    leg_b.relay_to(leg_a)
    leg_a.set_remote(*a.addrs)
    leg_b.set_remote(*b.addrs)
    log_lines.clear()
    leg_a.set_direction(sends=False, receives=True)  # a holds b: a=sendonly
    leg_b.set_direction(sends=True, receives=False)
    b.send(leg_b)
    assert await a.hears_nothing()
    a.send(leg_a)
    assert await b.heard() == PACKET
    b.send_rtcp(leg_b)
    assert await a.heard_rtcp() == REPORT
    assert (leg_b.rtp_recv_count, leg_b.held_count, leg_a.held_count) == (1, 1, 0)
    leg_b.set_direction(sends=True, receives=True)
    b.send(leg_b)  # the leg of a, which does not want to receive, refuses on its own
    assert await a.hears_nothing()
    assert (leg_a.held_count, leg_a.dropped_count) == (1, 0)
    assert [line for line in log_lines if " is " in line[2]] == [
        ("-", "1", "RTP/audio is recvonly now"),
        ("-", "2", "RTP/audio is sendonly now"),
        ("-", "2", "RTP/audio is sendrecv now"),
    ]
    plane.flush()
    before = counters.get("rtp_held")
    leg_a.set_direction(sends=False, receives=False)
    a.send(leg_a)
    assert await b.hears_nothing()
    plane.flush()
    assert counters.get("rtp_held") == before + 1


async def test_raw_datagrams_are_relayed_and_latched(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone], log_lines: list[tuple[str, str, str]]
) -> None:
    a, b, stranger = phones(), phones(), phones()
    leg_a = plane.open(host, pool, "image", "1", raw=True)
    leg_b = plane.open(host, pool, "image", "2", raw=True)
    leg_a.relay_to(leg_b)
    leg_b.relay_to(leg_a)
    leg_b.set_remote(b.addrs[0], None)
    for data in (b"\0\1UDPTL", STUN, DTLS, PACKET, bytes(1)):
        a.send(leg_a, data)
        assert await b.heard() == data
    stranger.send(leg_a, b"x")
    assert await b.hears_nothing()
    b.send(leg_b, b"back")
    assert await a.heard() == b"back"
    assert (leg_a.rtp_recv_count, leg_b.rtp_send_count, leg_a.dropped_count, leg_a.invalid_count) == (5, 5, 1, 0)
    assert ("FROM", "1", "UDP/image len=7") in log_lines
    leg_a.echo()
    a.send(leg_a, b"echo")
    assert await a.heard() == b"echo"
    leg_a.play_back(None)
    a.send(leg_a, b"echo")
    assert await a.heard() == b"echo"
    assert leg_a.quality is None


async def test_an_echo_answers_rtcp_and_says_bye(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone]
) -> None:
    phone, stream = phones(), plane.open(host, pool, "video", "1")
    stream.set_remote(*phone.addrs)
    stream.echo(90000)
    phone.send(stream)
    own = int.from_bytes((await phone.heard())[8:12], "big")
    pli = Feedback(PSFB, PLI, 0xABCD, own)
    phone.send_rtcp(
        stream, compound(ReceiverReport(0xABCD, (ReportBlock(own, lost=2, jitter=900),)), "p", pli.encode())
    )
    answer = list(walk(await phone.heard_rtcp()))
    assert [packet.packet_type for packet in answer] == [SR, SDES, PSFB]
    assert Feedback.parse(answer[2]) == Feedback(PSFB, PLI, own, 0xABCD)
    report = SenderReport.parse(answer[0])
    assert (report.ssrc, report.packets, report.octets) == (own, 1, 5)
    assert [block.ssrc for block in report.blocks] == [0xABCD]
    quality = stream.quality
    assert quality is not None
    assert (quality.peer_lost, quality.peer_jitter_ms) == (2, 10.0)
    stream.close()
    assert [packet.packet_type for packet in walk(await phone.heard_rtcp())] == [SR, SDES, BYE]


async def test_play_back_fills_the_gaps(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone], time: Time
) -> None:
    phone, stream = phones(), plane.open(host, pool, "audio", "1")
    time.real = True
    silence = silence_for(Codec(RtpMap(8, "PCMA", 8000)))
    stream.set_remote(*phone.addrs)
    stream.play_back(silence)
    first, second = [RtpPacket.parse(await phone.heard()) for _ in range(2)]
    assert first.payload == second.payload == b"\xd5" * 160
    assert (second.sequence - first.sequence) & 0xFFFF == 1
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 160
    phone.send(stream)
    heard = first
    while heard.payload != b"voice":
        heard = RtpPacket.parse(await phone.heard())
    assert heard.ssrc == first.ssrc
    stream.echo()  # a new source, as it keeps the peer's numbers
    phone.send(stream)
    while heard.ssrc == first.ssrc:
        heard = RtpPacket.parse(await phone.heard())
    assert (heard.sequence, heard.payload) == (7, b"voice")


async def test_unusable_addresses_are_logged(
    plane: MediaPlane, pool: PortPool, host: str, log_lines: list[tuple[str, str, str]]
) -> None:
    stream = plane.open(host, pool, "audio", "1")
    other = "::1" if host == "127.0.0.1" else "127.0.0.1"
    stream.set_remote(("phone.example.com", 4000), (other, 4001))
    assert (stream.rtp_addr, stream.rtcp_addr) == ("", "")
    assert [line[2].split(" address ")[0] for line in log_lines] == ["RTP/audio", "RTCP/audio"]
    assert "not a numeric IP address" in log_lines[0][2]
    assert "IP versions differ" in log_lines[1][2]


async def test_nothing_is_sent_to_groups(
    plane: MediaPlane, pool: PortPool, host: str, log_lines: list[tuple[str, str, str]]
) -> None:
    stream = plane.open(host, pool, "audio", "1")
    groups = ("ff02::1", "FF0E::5") if ":" in host else ("224.2.1.1", "255.255.255.255")
    stream.set_remote((groups[0], 4000), (groups[1], 4001))
    assert (stream.rtp_addr, stream.rtcp_addr) == ("", "")
    assert all("is not one phone's" in line[2] for line in log_lines)
    assert len(log_lines) == 2


async def test_log_lines(
    plane: MediaPlane, pool: PortPool, host: str, phones: Callable[[], Phone], log_lines: list[tuple[str, str, str]]
) -> None:
    phone, stream = phones(), plane.open(host, pool, "audio", "1a2b")
    stream.set_remote(*phone.addrs)
    stream.echo()
    phone.send(stream)
    own = (await phone.heard())[8:12].hex()
    phone.send_rtcp(stream)
    await turns()
    stream.close()
    here, there = address_text((host, stream.port)), address_text(phone.addrs[0])
    rtp = "RTP/audio pt=97 seq=7 ts=320 ssrc={} len=17"
    reports = [line for line in log_lines if line[2].startswith("RTCP/audio ") and "ssrc=" in line[2]]
    assert [line for line in log_lines if line[2].startswith("RTP/audio ")] == [
        ("TO", "1a2b", f"RTP/audio to {there}, from {here}"),
        ("FROM", "1a2b", f"RTP/audio first packet from {there} at {here}"),
        ("FROM", "1a2b", rtp.format("0000abcd")),
        ("TO", "1a2b", rtp.format(own)),
        ("-", "1a2b", "RTP/audio ended: lost=0 jitter=0.0ms"),
    ]
    assert [(dir, message.split(" len=")[0]) for dir, _, message in reports] == [
        ("FROM", "RTCP/audio RR+SDES ssrc=0000abcd"),
        ("TO", f"RTCP/audio SR+SDES+BYE ssrc={own}"),
    ]


async def test_close_gives_everything_back(
    plane: MediaPlane, host: str, phones: Callable[[], Phone], time: Time
) -> None:
    small = PortPool(BASE, BASE + 3)
    before = {name: counters.get(name) for name in ("rtp_recv", "rtp_send", "rtcp_recv", "rtp_invalid")}
    phone = phones()
    for expected in (BASE, BASE + 2, BASE):  # what was given back last comes last
        stream = plane.open(host, small, "audio", "1")
        assert stream.port == expected
        stream.echo()
        phone.send(stream)
        await phone.heard()
        plane.flush()
        stream.close()
        stream.close()
        plane.flush()
        assert not plane.streams
        assert small.free_count == 2
        assert not stream.rtp.send(PACKET)
    assert {name: counters.get(name) - count for name, count in before.items()} == {
        "rtp_recv": 3,
        "rtp_send": 3,
        "rtcp_recv": 0,
        "rtp_invalid": 0,
    }


async def test_ports_of_other_programs_are_passed_over(plane: MediaPlane, host: str) -> None:
    small = PortPool(BASE, BASE + 5)
    with open_udp(host, BASE), open_udp(host, BASE + 3):
        stream = plane.open(host, small, "audio", "1")
        assert stream.port == BASE + 4
        with pytest.raises(PortsExhausted, match="other programs have all RTP ports"):
            plane.open(host, small, "audio", "2")
        assert small.free_count == 2


async def test_exhaustion(plane: MediaPlane, host: str) -> None:
    small = PortPool(BASE, BASE + 1)
    plane.open(host, small, "audio", "1")
    with pytest.raises(PortsExhausted, match=f"no RTP port is free in {BASE} to {BASE + 1}"):
        plane.open(host, small, "audio", "2")
    plane.close()
    assert small.free_count == 1


async def test_an_address_that_is_not_ours(plane: MediaPlane, pool: PortPool) -> None:
    with pytest.raises(BindError, match="ip address") as caught:
        plane.open("192.0.2.1", pool, "audio", "1")
    assert caught.value.errno == errno.EADDRNOTAVAIL
    assert pool.free_count == 10


@pytest.mark.parametrize(
    ("low", "high", "pairs"), [(10000, 20000, 5000), (10001, 10004, 1), (10000, 10001, 1), (10001, 10005, 2)]
)
def test_pool_sizes(low: int, high: int, pairs: int) -> None:
    assert PortPool(low, high).free_count == pairs


@pytest.mark.parametrize(("low", "high"), [(10001, 10002), (10000, 10000), (10, 5), (0, 9), (65535, 65536), (-4, 4)])
def test_impossible_pools(low: int, high: int) -> None:
    with pytest.raises(OperatorError, match="port_min"):
        PortPool(low, high)


def test_pool_gives_what_has_been_free_longest() -> None:
    small = PortPool(10000, 10005)
    first, second = small.take(), small.take()
    small.give_back(second)
    small.give_back(first)
    assert [small.take() for _ in range(3)] == [10004, second, first]


@pytest.mark.parametrize(("pairs", "reserve"), [(19, 0), (20, 2), (299, 2), (300, 3), (5000, 50)])
def test_pool_reserve_for_urgent_calls(pairs: int, reserve: int) -> None:
    pool = PortPool(10000, 10000 + 2 * pairs - 1)
    for _ in range(pairs - reserve):
        pool.take()
    with pytest.raises(PortsExhausted, match=f"{reserve} kept for emergency" if reserve else "no RTP port is free"):
        pool.take()
    for _ in range(reserve):
        pool.take(urgent=True)
    with pytest.raises(PortsExhausted, match=r"in use\)"):
        pool.take(urgent=True)


async def test_an_urgent_stream_takes_from_the_reserve(plane: MediaPlane, host: str) -> None:
    pool = PortPool(BASE, BASE + 39)
    for n in range(18):
        plane.open(host, pool, "audio", str(n))
    with pytest.raises(PortsExhausted):
        plane.open(host, pool, "audio", "19")
    assert plane.open(host, pool, "audio", "20", urgent=True).port == BASE + 36


def test_pool_ignores_strange_ports() -> None:
    small = PortPool(10000, 10003)
    small.give_back(10000)
    small.give_back(9)
    assert small.free_count == 2


class Heard:
    """A UDP socket whose datagrams and errors are written down."""

    def __init__(self, host: str, errors: bool = False) -> None:
        self.data: list[tuple[bytes, Address]] = []
        self.errors: list[tuple[Address | None, int | None]] = []
        self.udp = UdpSocket(
            asyncio.get_running_loop(),
            open_udp(host, 0),
            lambda data, addr: self.data.append((data, addr)),
            (lambda addr, error: self.errors.append((addr, error.errno))) if errors else None,
        )


async def test_udp_both_ways(host: str) -> None:
    a, b = Heard(host), Heard(host)
    big = bytes(60000)
    for data in (b"", b"hello", big):
        assert a.udp.send(data, b.udp.local)
    await turns()
    assert b.data == [(b"", a.udp.local), (b"hello", a.udp.local), (big, a.udp.local)]
    assert not a.udp.send(bytes(70000), b.udp.local)  # EMSGSIZE
    a.udp.close()
    a.udp.close()
    assert not a.udp.send(b"x", b.udp.local)
    b.udp.close()


async def test_udp_reads_more_than_one_wake_up_takes(host: str) -> None:
    a, b = Heard(host), Heard(host)
    for n in range(200):
        a.udp.send(n.to_bytes(2, "big"), b.udp.local)
    await turns()
    assert [int.from_bytes(data, "big") for data, _ in b.data] == list(range(200))
    a.udp.close()
    b.udp.close()


async def test_udp_reports_icmp_and_goes_on(host: str) -> None:
    gone = Heard(host)
    nobody = gone.udp.local
    gone.udp.close()
    a, b = Heard(host, errors=True), Heard(host, errors=True)
    for _ in range(3):
        assert a.udp.send(b"x", nobody)
        assert a.udp.send(b"y", b.udp.local)  # an older datagram's error costs this one nothing
    await turns()
    assert {(addr[:2] if addr else None, code) for addr, code in a.errors} == {(nobody[:2], errno.ECONNREFUSED)}
    assert len(a.errors) == 3
    assert [data for data, _ in b.data] == [b"y"] * 3
    b.udp.send(b"still there", a.udp.local)
    await turns()
    assert [data for data, _ in a.data] == [b"still there"]
    a.udp.close()
    b.udp.close()


async def test_udp_without_on_error_keeps_quiet(host: str) -> None:
    gone = Heard(host)
    gone.udp.close()
    a = Heard(host)
    assert a.udp.send(b"x", gone.udp.local)
    await turns()
    assert a.udp.send(b"x", a.udp.local)
    await turns()
    assert [data for data, _ in a.data] == [b"x"]
    a.udp.close()


async def test_a_handler_may_close_its_socket(host: str) -> None:
    got: list[bytes] = []

    def on_datagram(data: bytes, addr: Address) -> None:
        got.append(data)
        udp.close()

    udp = UdpSocket(asyncio.get_running_loop(), open_udp(host, 0), on_datagram)
    a = Heard(host)
    for _ in range(3):
        a.udp.send(b"x", udp.local)
    await turns()
    assert got == [b"x"]
    a.udp.close()


async def test_full_send_buffer_is_counted() -> None:
    a = Heard("127.0.0.1")

    def full(data: bytes, addr: Address) -> int:
        raise BlockingIOError

    a.udp._sendto = full  # type: ignore[assignment]
    assert not a.udp.send(b"x", a.udp.local)
    assert a.udp.dropped_count == 1
    a.udp.close()


def test_open_udp_errors(host: str) -> None:
    with open_udp(host, 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(BindError, match=r"cannot bind udp .*: Address already in use; .*ss -ulpn") as caught:
            open_udp(host, port)
        assert caught.value.errno == errno.EADDRINUSE
        assert address_text((host, port)) in str(caught.value)
    for bad_host, bad_port in (("localhost", 1), ("", 1), ("1.2.3", 1), (host, 70000), (host, -1), ("a\0b", 1)):
        with pytest.raises(OperatorError, match="numeric"):
            open_udp(bad_host, bad_port)


def test_ipv6_wildcard_leaves_ipv4_alone() -> None:
    with open_udp("[::]", 0) as six, open_udp("0.0.0.0", six.getsockname()[1]) as four:
        assert six.getsockname()[1] == four.getsockname()[1]


def test_addresses() -> None:
    assert resolve("2001:DB8:0::1", 5) == ("2001:db8::1", 5, 0, 0)
    assert address_text(resolve("::1", 5)) == "[::1]:5"
    assert address_text(None) == ""

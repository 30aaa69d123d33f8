"""IPsec in user space: the contract of both drivers over loopback, and what it does with what attackers send."""

import asyncio
import itertools
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from random import Random

import pytest
import pytest_asyncio

from lteims import counters, trace
from lteims.ipsec import udp
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.esp import Esp
from lteims.ipsec.sa import Aalg, Ealg
from lteims.net.esp import UserSpaceIpsec
from tests.peers import ipsec as contract
from tests.peers.ipsec import Host, Pair, seen_there

_addresses = itertools.count(1)


@pytest_asyncio.fixture(params=["IPv4", "IPv6"])
async def hosts(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Host, Host]]:
    """Two ends; loopback has one IPv6 address, which they share."""
    n = next(_addresses)
    addresses = (f"127.50.{n}.1", f"127.50.{n}.2") if request.param == "IPv4" else ("::1", "::1")
    made = Host(addresses[0], UserSpaceIpsec), Host(addresses[1], UserSpaceIpsec)
    yield made
    for host in made:
        host.ipsec.close()


Case = Callable[[Host, Host], Awaitable[None]]


@pytest.mark.parametrize("case", contract.CONTRACT, ids=lambda case: case.__name__)
async def test_contract(hosts: tuple[Host, Host], case: Case) -> None:
    await case(*hosts)


async def test_every_algorithm(hosts: tuple[Host, Host]) -> None:
    assert len(await contract.every_algorithm(*hosts)) == 18


class Attacker:
    """A raw socket that sends what it likes to one end of a pair."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.codec = Esp(pair.out)
        self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
        self.raw.bind((pair.ours.address, 0))

    def seal(self, sequence: int, data: bytes, protocol: int = 17, ports: tuple[int, int] | None = None) -> bytes:
        sport, dport = ports or (self.pair.out.sport, self.pair.out.dport)
        inner = udp.build(self.pair.out.src, sport, self.pair.out.dst, dport, data)
        return self.codec.seal(sequence, protocol, inner, bytes)

    def send(self, packet: bytes) -> None:
        self.raw.sendto(packet, (self.pair.theirs.address, 0))


@pytest_asyncio.fixture
async def attacker() -> AsyncIterator[Attacker]:
    n = next(_addresses)
    ours, theirs = Host(f"127.50.{n}.1", UserSpaceIpsec), Host(f"127.50.{n}.2", UserSpaceIpsec)
    made = Attacker(Pair(ours, theirs))
    yield made
    made.raw.close()
    ours.ipsec.close()
    theirs.ipsec.close()


async def refused(attacker: Attacker, packet: bytes, counter: str) -> None:
    """The packet is counted as this, nobody hears of it, and the next right one passes."""
    before = counters.get(counter)
    attacker.send(packet)
    await contract.until(lambda: counters.get(counter) > before)
    assert counters.get(counter) == before + 1
    assert not attacker.pair.theirs.heard
    attacker.send(attacker.seal(1000 + counters.get(counter), b"right"))
    assert (await attacker.pair.theirs.next())[0] == b"right"


async def test_an_unknown_spi(attacker: Attacker) -> None:
    await refused(attacker, (0xABCDEF01).to_bytes(4, "big") + attacker.seal(1, b"x")[4:], "esp_unknown_spi")


async def test_a_packet_seen_before(attacker: Attacker) -> None:
    packet = attacker.seal(7, b"once")
    attacker.send(packet)
    assert (await attacker.pair.theirs.next())[0] == b"once"
    await refused(attacker, packet, "esp_replayed")
    (there,) = contract.seen_there(attacker.pair.out)
    assert attacker.pair.theirs.usage(there).replayed == 1


async def test_an_old_packet(attacker: Attacker) -> None:
    attacker.send(attacker.seal(900, b"now"))
    await attacker.pair.theirs.next()
    await refused(attacker, attacker.seal(900 - 64, b"long ago"), "esp_replayed")


async def test_packets_out_of_order(attacker: Attacker) -> None:
    for sequence in (70, 8, 69, 40):
        attacker.send(attacker.seal(sequence, b"%d" % sequence))
        assert (await attacker.pair.theirs.next())[0] == b"%d" % sequence


async def test_a_forged_packet_moves_no_window(attacker: Attacker) -> None:
    packet = attacker.seal(0xFFFFFFF0, b"forged")
    await refused(attacker, packet[:-1] + bytes([packet[-1] ^ 1]), "esp_forged")


@pytest.mark.parametrize("length", [0, 1, 7, 8, 12, 24, 40])
async def test_a_packet_cut_short(attacker: Attacker, length: int) -> None:
    await refused(attacker, attacker.seal(1, b"cut" * 20)[:length], "esp_malformed")


async def test_no_octets_break_the_socket(attacker: Attacker) -> None:
    """Packets of an SA, changed, cut or lengthened; of null algorithms, so that all of it is looked at."""
    pair = attacker.pair
    out, back = pair.make(Aalg.NULL, Ealg.NULL)
    pair.install(out, back)
    codec, random = Esp(out), Random(50)
    inner = udp.build(out.src, out.sport, out.dst, out.dport, b"REGISTER sip:x SIP/2.0")
    socket_ = pair.far._socket  # type: ignore[attr-defined]
    for sequence in range(1, 3000):
        packet = bytearray(codec.seal(sequence, 17, inner, bytes))
        for _ in range(random.randrange(1, 4)):
            packet[random.randrange(8, len(packet))] = random.randrange(256)
        at = random.randrange(len(packet)) if sequence % 3 == 0 else len(packet)
        socket_._on_packet(b"\x45" + bytes(19) + bytes(packet[:at]) + bytes(sequence % 5 * 4), (out.src, 0))
    attacker.send(codec.seal(4000, 17, inner, bytes))
    await contract.until(lambda: any(data.startswith(b"REGISTER sip:x") for data, _ in pair.theirs.heard))


async def test_something_else_than_udp(attacker: Attacker) -> None:
    await refused(attacker, attacker.seal(1, b"SYN", protocol=6), "esp_not_udp")


async def test_a_tcp_connection_is_refused_at_once(attacker: Attacker) -> None:
    """By a reset through the SA of the way back, so that who opens it can go on by UDP."""
    out, back = attacker.pair.out, attacker.pair.back
    syn = struct.pack("!HHIIBBHHH", out.sport, out.dport, 7, 0, 0x50, 2, 512, 0, 0)
    sent = seen_there(back)[0]
    attacker.send(attacker.codec.seal(1, 6, syn, bytes))
    await contract.until(lambda: attacker.pair.theirs.usage(sent).packets == 1)
    packet = attacker.raw.recv(2000)[20:]
    while int.from_bytes(packet[:4], "big") != back.spi:
        packet = attacker.raw.recv(2000)[20:]
    _, protocol, inner = Esp(back).open(packet)
    assert protocol == 6
    assert struct.unpack("!HHIIBB", inner[:14]) == (out.dport, out.sport, 0, 8, 0x50, 0x14)
    other = struct.pack("!HHIIBBHHH", 9, out.dport, 7, 0, 0x50, 2, 512, 0, 0)  # of ports that are not the SA's
    await refused(attacker, attacker.codec.seal(2, 6, other, bytes), "esp_not_udp")
    assert attacker.pair.theirs.usage(sent).packets == 1


async def test_a_dummy_packet_is_no_fault(attacker: Attacker) -> None:
    attacker.send(attacker.seal(1, b"", protocol=59))
    attacker.send(attacker.seal(2, b"real"))
    assert (await attacker.pair.theirs.next())[0] == b"real"


async def test_the_ports_of_somebody_else(attacker: Attacker) -> None:
    ports = attacker.pair.out.sport + 1, attacker.pair.out.dport
    await refused(attacker, attacker.seal(1, b"not mine", ports=ports), "esp_wrong_ports")


async def test_the_address_of_somebody_else(attacker: Attacker) -> None:
    """Whoever holds the keys may still not speak from another address."""
    before = counters.get("esp_wrong_ports")
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 50) as elsewhere:
        elsewhere.bind(("127.50.250.9", 0))
        inner = udp.build("127.50.250.9", attacker.pair.out.sport, attacker.pair.out.dst, attacker.pair.out.dport, b"x")
        elsewhere.sendto(attacker.codec.seal(1, 17, inner, bytes), (attacker.pair.theirs.address, 0))
        await contract.until(lambda: counters.get("esp_wrong_ports") == before + 1)
    assert not attacker.pair.theirs.heard


async def test_a_wrong_checksum_inside(attacker: Attacker) -> None:
    inner = bytearray(udp.build(attacker.pair.out.src, 1, attacker.pair.out.dst, 2, b"x"))
    inner[-1] ^= 1
    await refused(attacker, attacker.codec.seal(1, 17, bytes(inner), bytes), "esp_malformed")


async def test_nobody_listens_there(attacker: Attacker) -> None:
    pair = attacker.pair
    sport, dport = pair.out.sport, pair.out.dport
    pair.far.close()
    pair.far.close()
    before = counters.get("esp_no_port")
    attacker.send(attacker.seal(1, b"x"))
    await contract.until(lambda: counters.get("esp_no_port") == before + 1)
    assert not pair.theirs.heard
    assert (sport, dport) == (pair.port.local[1], pair.far.local[1])


async def test_clear_text_and_missing_sas_are_counted(attacker: Attacker) -> None:
    clear, no_sa = counters.get("esp_clear"), counters.get("esp_no_sa")
    stranger = attacker.pair.ours.clear()
    stranger.send(b"clear", attacker.pair.far.local)
    assert not attacker.pair.port.send(b"x", ("127.50.251.1", 5))
    await contract.until(lambda: (counters.get("esp_clear"), counters.get("esp_no_sa")) == (clear + 1, no_sa + 1))
    assert not attacker.pair.theirs.heard
    stranger.close()


async def test_used_up_sequence_numbers_end_the_sa(attacker: Attacker) -> None:
    pair = attacker.pair
    esp = pair.port._socket  # type: ignore[attr-defined]
    esp._sas[pair.out.dst, pair.out.spi].sequence = 2**32 - 2
    before = counters.get("esp_unsendable")
    assert pair.port.send(b"the last", pair.far.local)
    assert (await pair.theirs.next())[0] == b"the last"
    assert not pair.port.send(b"one too many", pair.far.local)
    assert not pair.port.send(b"still", pair.far.local)
    assert counters.get("esp_unsendable") == before + 2


async def test_too_long_for_udp(attacker: Attacker) -> None:
    assert not attacker.pair.port.send(bytes(65530), attacker.pair.far.local)
    assert attacker.pair.port.send(b"fine", attacker.pair.far.local)
    assert (await attacker.pair.theirs.next())[0] == b"fine"


async def test_a_receiver_that_closes_everything(attacker: Attacker) -> None:
    pair = attacker.pair
    pair.far.close()
    with pair.theirs.inside():
        port = pair.theirs.ipsec.port(pair.theirs.address, pair.far.local[1], lambda data, addr: closing(data, addr))

    def closing(data: bytes, addr: object) -> None:
        pair.theirs.heard.append((data, ("", 0)))
        pair.theirs.ipsec.close()

    for sequence in (1, 2):
        attacker.send(attacker.seal(sequence, b"x"))
    await contract.until(lambda: bool(pair.theirs.heard))
    await asyncio.sleep(contract.SHORT)
    assert len(pair.theirs.heard) == 1
    port.close()


class Lines:
    """A sink that keeps the messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, layer: object, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.lines.append(message)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    sink = Lines()
    former, level = trace.set_sink(sink), trace.IMS.level
    trace.IMS.level = trace.INFO
    yield sink.lines
    trace.set_sink(former)
    trace.IMS.level = level


async def test_a_flood_is_one_line_a_second(attacker: Attacker, lines: list[str]) -> None:
    loop = asyncio.get_running_loop()
    packet = attacker.seal(1, b"x")
    attacker.send(packet)
    for _ in range(50):
        attacker.send(packet)
    assert await attacker.pair.theirs.next()
    spi = attacker.pair.out.spi
    said = attacker.pair.far._socket._inbound[spi].said  # type: ignore[attr-defined]
    await contract.until(lambda: said.get("esp_replayed", (0, 0))[1] == 49)
    (line,) = lines
    assert line.startswith(f"IPsec: packet of SPI {spi} refused: the sequence number 1 is seen or too old")
    said["esp_replayed"] = loop.time() - 2, 49
    attacker.send(packet)
    await contract.until(lambda: len(lines) == 2)
    assert lines[1].endswith("(49 more since the last line)")


async def test_ports_are_reserved_and_given_back() -> None:
    host = Host("127.50.252.1", UserSpaceIpsec)
    host.ipsec.protect(host.address, 45000)
    port = host.port(45000)
    port.close()
    with pytest.raises(OSError, match="in use"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((host.address, 45000))
    host.ipsec.unprotect(host.address, 45000)
    host.ipsec.unprotect(host.address, 45000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((host.address, 45000))
        with pytest.raises(NoIpsec, match="cannot bind udp"):
            host.ipsec.protect(host.address, 45000)
    host.ipsec.close()


@pytest.mark.parametrize(
    ("address", "why"), [("0.0.0.0", "one address"), ("192.0.2.99", "Cannot assign"), ("a.name", "not a numeric")]
)
async def test_an_address_that_is_not_ours(address: str, why: str) -> None:
    host = Host("127.50.252.2", UserSpaceIpsec)
    pair = Pair(host, host)
    with pytest.raises(NoIpsec, match=why):
        host.install([replace(pair.out, src=address)])
    host.ipsec.close()


async def test_without_the_right_to_raw_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("lteims.net.esp_socket.socket.socket", refuse)
    with pytest.raises(NoIpsec, match="NET_RAW"):
        UserSpaceIpsec(asyncio.get_running_loop())

"""IPsec of two hosts in namespaces: the kernel, user space, and one against the other, over IPv4 and IPv6.

The contract is tests/peers/ipsec.py; here also what only the kernel does: TCP in an SA, policies, what a crash left.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace

import pytest
import pytest_asyncio
from pyroute2 import NetNS, netns

from lteims.ipsec import udp, xfrm
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.esp import Esp
from lteims.ipsec.sa import Aalg, Ealg, Sa
from lteims.ipsec.xfrm import Policy, State
from lteims.net.esp import UserSpaceIpsec
from lteims.net.xfrm import KernelIpsec
from lteims.net.xfrm_netlink import Netlink, probe
from tests.peers import ipsec as contract
from tests.peers.ipsec import Host, Pair, seen_there

NAMES = OURS, THEIRS = f"xfrm-a-{os.getpid()}", f"xfrm-b-{os.getpid()}"
_ETH_P_ALL = 3
_NODAD = 0x02  # IFA_F_NODAD: usable at once
ADDRESSES = {"IPv4": ("10.98.7.1", "10.98.7.2"), "IPv6": ("fd00:98:7::1", "fd00:98:7::2")}
DRIVERS = {"kernel": KernelIpsec, "user": UserSpaceIpsec}


@pytest.fixture(scope="module")
def link() -> Iterator[None]:
    """Two namespaces and a wire."""
    for name in NAMES:
        netns.create(name)
    with NetNS(OURS) as here:
        here.link("add", ifname="a", kind="veth", peer={"ifname": "b", "net_ns_fd": THEIRS})
    for n, (name, device) in enumerate(zip(NAMES, "ab", strict=True)):
        with NetNS(name) as there:
            index = there.link_lookup(ifname=device)[0]
            there.addr("add", index=index, address=ADDRESSES["IPv4"][n], prefixlen=24)
            there.addr("add", index=index, address=ADDRESSES["IPv6"][n], prefixlen=64, flags=_NODAD)
            there.link("set", index=index, state="up")
    yield
    for name in NAMES:
        netns.remove(name)


def inside(name: str) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def within() -> Iterator[None]:
        netns.pushns(name)
        try:
            yield
        finally:
            netns.popns()

    return within


def left(name: str) -> tuple[list[State], list[Policy]]:
    """SAs and policies of a namespace."""
    with inside(name)():
        netlink = Netlink()
    states = [xfrm.parse_sa(each) for each in netlink.ask(xfrm.GETSA, b"", xfrm.REQUEST | xfrm.DUMP)]
    policies = [xfrm.parse_policy(each) for each in netlink.ask(xfrm.GETPOLICY, b"", xfrm.REQUEST | xfrm.DUMP)]
    netlink.close()
    return states, policies


Hosts = tuple[Host, Host]


@pytest_asyncio.fixture
async def hosts(link: None, kinds: tuple[str, str], family: str) -> AsyncIterator[Hosts]:
    ends = zip(ADDRESSES[family], kinds, (OURS, THEIRS), strict=True)
    made = [Host(address, DRIVERS[kind], inside(name)) for address, kind, name in ends]  # type: ignore[arg-type]
    yield made[0], made[1]
    for host in made:
        host.ipsec.close()
    assert [left(OURS), left(THEIRS)] == [([], [])] * 2


FAMILIES = pytest.mark.parametrize("family", list(ADDRESSES))
WITH_KERNEL = [("kernel", "kernel"), ("kernel", "user"), ("user", "kernel")]
KINDS = pytest.mark.parametrize(
    "kinds",
    [
        *(pytest.param(kinds, id="-".join(kinds)) for kinds in WITH_KERNEL),
        pytest.param(("user", "user"), id="user-user", marks=pytest.mark.native),
    ],
)
KERNEL = pytest.mark.parametrize("kinds", [pytest.param(("kernel", "kernel"), id="kernel")])


@FAMILIES
@KINDS
@pytest.mark.parametrize("case", contract.CONTRACT, ids=lambda case: case.__name__)
async def test_contract(hosts: Hosts, case: Callable[[Host, Host], Awaitable[None]]) -> None:
    await case(*hosts)


@FAMILIES
@KINDS
async def test_every_algorithm(hosts: Hosts) -> None:
    await contract.every_algorithm(*hosts)


@FAMILIES
@KINDS
async def test_nothing_but_esp_is_on_the_wire(hosts: Hosts, family: str) -> None:
    number, at, neighbours = (0x0800, 9, set()) if family == "IPv4" else (0x86DD, 6, {58})
    with hosts[1].inside():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(_ETH_P_ALL))
    await contract.both_ways(Pair(*hosts), b"secret " * 20)
    seen = []
    with suppress(BlockingIOError):
        while True:
            packet, where = wire.recvfrom(2000)
            seen += [packet] if where[1] == number else []
    wire.close()
    assert [packet[at] for packet in seen if packet[at] not in neighbours] == [50, 50]
    assert b"secret" not in b"".join(seen)


@FAMILIES
@KERNEL
async def test_tcp_goes_by_the_same_sa(hosts: Hosts) -> None:
    """Phones mix UDP and TCP in one SA."""
    pair = Pair(*hosts)
    await contract.both_ways(pair, b"UDP first")
    with hosts[1].inside():
        listener = await asyncio.start_server(echo, hosts[1].address, pair.far.local[1])
    with hosts[0].inside():
        sock = connecting(pair)
    await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, pair.far.local), contract.LONG)
    reader, writer = await asyncio.open_connection(sock=sock)
    writer.write(b"REGISTER " * 1000)
    assert await asyncio.wait_for(reader.readexactly(9000), contract.LONG) == b"REGISTER " * 1000
    assert hosts[0].usage(pair.out).octets > 9000
    assert hosts[0].usage(pair.back).octets > 9000
    writer.close()
    await writer.wait_closed()
    listener.close()
    await asyncio.sleep(contract.SHORT)  # the last segments, while there are SAs


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


def connecting(pair: Pair) -> socket.socket:
    """A TCP socket on the protected port."""
    family = socket.AF_INET6 if len(pair.port.local) == 4 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.bind(pair.port.local)
    return sock


@FAMILIES
@KERNEL
async def test_tcp_in_clear_is_refused(hosts: Hosts) -> None:
    pair = Pair(*hosts)
    with hosts[1].inside():
        listener = await asyncio.start_server(echo, hosts[1].address, pair.far.local[1])
    hosts[0].ipsec.remove([pair.out, pair.back])
    pair.port.close()
    with hosts[0].inside():
        sock = connecting(pair)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, pair.far.local), 0.2)
    sock.close()
    listener.close()


@FAMILIES
@KERNEL
async def test_late_and_repeated_packets(hosts: Hosts) -> None:
    """The kernel's window is as wide as that of user space."""
    pair = Pair(*hosts)
    codec = Esp(pair.out)
    family = socket.AF_INET6 if len(pair.port.local) == 4 else socket.AF_INET
    with hosts[0].inside():
        raw = socket.socket(family, socket.SOCK_RAW, 50)
    for sequence, came in ((100, True), (100, False), (100 - 63, True), (100 - 64, False)):
        inner = udp.build(pair.out.src, pair.out.sport, pair.out.dst, pair.out.dport, b"%d" % sequence)
        raw.sendto(codec.seal(sequence, 17, inner, bytes), (pair.out.dst, 0))
        assert await hosts[1].silent() is not came
    raw.close()
    (there,) = seen_there(pair.out)
    await contract.until(lambda: hosts[1].usage(there).replayed == 2)


@FAMILIES
@KERNEL
async def test_what_a_crash_left_is_cleaned_and_nothing_else(hosts: Hosts, family: str) -> None:
    ours, theirs = hosts
    pair = Pair(ours, theirs)
    foreign = stranger(ours, pair)
    ours.ipsec._netlink.close()  # type: ignore[attr-defined]  # so ends a process that is killed
    pair.port.close()
    with ours.inside():
        after = KernelIpsec(asyncio.get_running_loop())
    assert after.clean(["192.0.2.1"]) == 0
    assert after.clean([ours.address]) == 2
    states, policies = left(OURS)
    assert [(state.spi, state.ours) for state in states] == [(foreign.spi, False)]
    assert [policy.ours for policy in policies] == [False]
    assert after.clean([ours.address]) == 0
    with pytest.raises(NoIpsec, match="there is one with this SPI"):  # of somebody else: not ours to replace
        after.install([foreign])
    assert left(OURS) == (states, policies)
    after.close()
    unload(ours, foreign)
    ours.ipsec.close()


def stranger(host: Host, pair: Pair) -> Sa:
    """Another program's SA and policy between the same hosts."""
    sa = replace(pair.make()[0], sport=9, dport=9)
    with host.inside():
        netlink = Netlink()
    at = 56 + 24 + 16 + 64 + 32 + 12 + 4
    state = bytearray(xfrm.new_sa(sa))
    state[at : at + 4] = bytes(4)  # no reqid
    netlink.ask(xfrm.NEWSA, bytes(state))
    policy = bytearray(xfrm.new_policy(sa))
    policy[152:156] = bytes(4)  # no priority
    netlink.ask(xfrm.NEWPOLICY, bytes(policy))
    netlink.close()
    return sa


def unload(host: Host, sa: Sa) -> None:
    with host.inside():
        netlink = Netlink()
    netlink.ask(xfrm.DELSA, xfrm.sa_id(sa.dst, sa.spi))
    netlink.ask(xfrm.DELPOLICY, xfrm.policy_id(sa))
    netlink.close()


@FAMILIES
@KERNEL
async def test_a_restart_without_cleaning_replaces_what_is_in_the_way(hosts: Hosts) -> None:
    ours, theirs = hosts
    pair = Pair(ours, theirs)
    ours.ipsec._netlink.close()  # type: ignore[attr-defined]
    pair.port.close()
    with ours.inside():
        ours.ipsec = KernelIpsec(asyncio.get_running_loop())
    pair.port = ours.port(pair.port.local[1])
    ours.install([pair.out, pair.back])
    await contract.both_ways(pair, b"again")


@pytest.mark.parametrize("family", ["IPv4"])
@KERNEL
async def test_a_thousand_phones_come_and_go(hosts: Hosts) -> None:
    """Four SAs each, twice, the second set beside the first; nothing is left."""
    ours = hosts[0]
    pair = Pair(*hosts)

    def four(phone: int, again: int) -> list[Sa]:
        made = []
        for n, sa in enumerate((pair.out, pair.back, pair.out, pair.back)):
            address, port = f"10.98.8.{phone % 250 + 1}", 20000 + 4 * phone + 2 * again + n // 2
            end = {"src": address, "sport": port} if sa.inbound else {"dst": address, "dport": port}
            made.append(replace(sa, spi=0x100000 + 16 * phone + 4 * again + n, **end))  # type: ignore[arg-type]
        return made

    for phone in range(1000):
        ours.install(four(phone, 0))
        ours.install(four(phone, 1))
        ours.ipsec.remove(four(phone, 0))
    states, policies = left(OURS)
    assert (len(states), len(policies)) == (4002, 4004)
    await contract.both_ways(pair, b"among thousands")
    for phone in range(1000):
        ours.ipsec.remove(four(phone, 1))
    states, policies = left(OURS)
    assert (len(states), len(policies)) == (2, 4)


@FAMILIES
@KERNEL
async def test_probing_leaves_nothing(hosts: Hosts) -> None:
    with hosts[0].inside():
        netlink = Netlink()
    offers = probe(netlink)
    netlink.close()
    assert set(offers.aalgs) == set(Aalg)
    assert set(offers.ealgs) == set(Ealg)
    assert offers.ipv6
    assert left(OURS) == ([], [])

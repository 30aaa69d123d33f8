"""A server and its phones in two network namespaces, with what passes between them: for tests of IPsec.

Used by tests/kernel/test_phones.py (ESP of the kernel, and of a process) and tests/net/test_ipsec.py. One event loop is
in one namespace: a test's phones are all in that of the phones, at as many addresses as they want.
"""

import asyncio
import contextlib
import ipaddress
import os
import resource
import socket
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pyroute2 import NetNS

from lteims.ipsec import xfrm
from lteims.net.ipsec import Ipsec
from lteims.net.ipsec_choice import Where, open_ipsec
from lteims.net.xfrm_netlink import Netlink
from lteims.sim.card import Sim
from lteims.sim.ladder import Ladder
from lteims.sim.phone import Phone
from lteims.sim.profiles import Profile
from netns.network import Lab, within
from tests.net.server import PROGRAM, Server

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
K = "0396eb317b6d1c36f19c1c84cd6ffd16"
OPC = "53c15671c60a4b731c55b4a441c0bde2"
SIP = 5060
MEDIA = range(30000, 31001)
# Without it there is no IPsec by the kernel, and a server does it itself.
NO_NET_ADMIN = ("setpriv", "--inh-caps", "-net_admin", "--bounding-set", "-net_admin", "--")
_EVERY_PROTOCOL = 3  # ETH_P_ALL
_RCVBUFFORCE = 33
_ROOM = 64 << 20  # octets of packets that nobody has looked at yet
_ESP, _UDP, _TCP, _FRAGMENT = 50, 17, 6, 44
_ICMP = (1, 58)  # neighbours, and who speaks to ports of calls that are over
_FILES = 20_000  # each phone has five sockets
_NODAD = 0x02  # IFA_F_NODAD: an IPv6 address that can be used at once
_POOL4, _POOL6 = ipaddress.ip_address("10.91.0.1"), ipaddress.ip_address("fd91::1")

Drivers = Callable[[Where], Ipsec]
Scene = Callable[[Drivers], Coroutine[Any, Any, None]]


def imsi(place: int) -> str:
    return f"0010177{place:08}"


def card(place: int) -> Sim:
    """The card of the user at this place of `users`."""
    return Sim(imsi(place), k=K, opc=OPC)


def users(count: int) -> str:
    """A user table of so many Milenage users, with numbers +50000 and above."""
    return (
        "ue_db: [\n"
        + "".join(
            f'  {{imsi: "{imsi(n)}", impu: ["{imsi(n)}", "tel:+5{n:04}"], authent_type: "AKAv1", sim_algo: "milenage", '
            f'K: "{K}", opc: "{OPC}"}},\n'
            for n in range(count)
        )
        + "],\n"
    )


EXTRA = f"""domain: "{DOMAIN}", ue_db_filename: "ims.db", precondition: "on", sms_retry_delay: 1, tcp_threshold: 800,
com_addr: "127.0.0.1:9010", echo: ["tel:666"],
ipsec_aalg_list: ["hmac-sha-1-96", "hmac-md5-96", "hmac-sha-256-128", "aes-gmac", "null"],
ipsec_ealg_list: ["aes-cbc", "des-ede3-cbc", "des-cbc", "aes-gcm", "null"],
"""


@dataclass(frozen=True, slots=True)
class Packet:
    """One that passed the server's interface; ports are 0 where there are none to be seen."""

    src: str
    dst: str
    protocol: int
    sport: int
    dport: int
    payload: bytes

    @property
    def is_voice(self) -> bool:
        return self.protocol == _UDP and (self.sport in MEDIA or self.dport in MEDIA)


class Wire:
    """All packets of a node's interface since the last look; `data` has all octets of those of the last look."""

    def __init__(self, lab: Lab, node: str) -> None:
        with lab.inside(node):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _ROOM)
        self._socket.bind(("pdn", _EVERY_PROTOCOL))
        self.data: list[bytes] = []

    def packets(self) -> list[Packet]:
        """In their order, of IPv4 and IPv6 both, ICMP left out."""
        found: list[Packet] = []
        self.data.clear()
        with contextlib.suppress(BlockingIOError):
            while True:
                data, _ = self._socket.recvfrom(65536)
                packet = _packet(data)
                self.data.append(data)
                if packet is not None:
                    found.append(packet)
        return found

    def close(self) -> None:
        self._socket.close()


def _packet(data: bytes) -> Packet | None:
    """IPv4 or IPv6; None for anything else, and for ICMP."""
    if data[0] >> 4 == 4 and len(data) >= 20:
        at, protocol, more = (data[0] & 15) * 4, data[9], struct.unpack_from("!H", data, 6)[0] & 0x1FFF
        src, dst = socket.inet_ntop(socket.AF_INET, data[12:16]), socket.inet_ntop(socket.AF_INET, data[16:20])
        end = struct.unpack_from("!H", data, 2)[0]
    elif data[0] >> 4 == 6 and len(data) >= 40:
        at, protocol, more = 40, data[6], 0
        src, dst = socket.inet_ntop(socket.AF_INET6, data[8:24]), socket.inet_ntop(socket.AF_INET6, data[24:40])
        end = 40 + struct.unpack_from("!H", data, 4)[0]
        if protocol == _FRAGMENT:
            protocol, more, at = data[40], struct.unpack_from("!H", data, 42)[0] >> 3, 48
    else:
        return None
    if protocol in _ICMP:
        return None
    inner = data[at:end]
    if more or protocol not in (_UDP, _TCP) or len(inner) < 8:
        return Packet(src, dst, protocol, 0, 0, inner)
    sport, dport = struct.unpack_from("!HH", inner)
    return Packet(src, dst, protocol, sport, dport, inner[8 if protocol == _UDP else (inner[12] >> 4) * 4 :])


def only_esp(packets: Sequence[Packet], *hosts: str) -> int:
    """From its 401 on each phone says and hears everything by ESP, its voice apart; how many packets of ESP it were.

    Where the machine is slow the first REGISTER comes again, and so does its 401.
    """
    count = 0
    for host in hosts:
        challenged = False
        first: set[bytes] = set()
        for packet in packets:
            if host not in (packet.src, packet.dst) or packet.is_voice:
                continue
            count += packet.protocol == _ESP
            again = packet.payload in first
            assert not challenged or packet.protocol == _ESP or not packet.payload or again, packet
            if not challenged:
                first.add(packet.payload)
            challenged = challenged or packet.payload.startswith(b"SIP/2.0 401")
        assert challenged, f"no 401 to {host} is seen"
    return count


class Field:
    """Two namespaces with a wire; phones have 10.91.0.0/16 and fd91::/112 behind them."""

    def __init__(self, name: str, ipv6: int = 0) -> None:
        """`ipv6` phone addresses are made of that family, which wants them one by one."""
        self.lab = Lab.of("pair", f"{name}{os.getpid()}"[:13])
        self._ipv6 = ipv6

    def __enter__(self) -> Self:
        lab = self.lab
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(most, _FILES), max(most, _FILES)))
        lab.up()
        try:
            self._address()
        except BaseException:
            lab.__exit__(None, None, None)
            raise
        self.wire = Wire(lab, "ims")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wire.close()
        self.lab.__exit__(kind, error, trace)

    def _address(self) -> None:
        lab = self.lab
        with NetNS(lab.namespace("phone1")) as ip:
            index = ip.link_lookup(ifname="lo")[0]
            ip.route("add", type="local", dst="10.91.0.0/16", oif=index, table=255, scope=254)
            index = ip.link_lookup(ifname="pdn")[0]
            for n in range(self._ipv6):
                ip.addr("add", index=index, address=str(_POOL6 + n), prefixlen=128, flags=_NODAD)
        with NetNS(lab.namespace("ims")) as ip:
            ip.route("add", dst="10.91.0.0/16", gateway=lab.address("phone1"))
            ip.route("add", family=socket.AF_INET6, dst="fd91::/112", gateway=lab.address("phone1", 6))
            index = ip.link_lookup(ifname="pdn")[0]
            ip.addr("add", index=index, address="10.90.1.2", prefixlen=24)
            ip.addr("add", index=index, address="fd90:1::2", prefixlen=64, flags=_NODAD)

    def host(self, place: int, family: int = 4) -> str:
        """The address of the phone at this place."""
        return str((_POOL4 if family == 4 else _POOL6) + place)

    def server(
        self, folder: Path, count: int, *, user_space: bool = False, second: bool = False, **more: Any
    ) -> Server:
        """A server with so many users, to be started by `with`; without the right to use the kernel's IPsec, or at
        a second address.
        """
        last = 2 if second else 1
        prefix = (*within(self.lab.namespace("ims"), ()), *(NO_NET_ADMIN if user_space else ()))
        extra = EXTRA.replace("9010", f"901{last}") + more.pop("extra", "")
        return Server(
            folder, users(count), extra, hosts=(f"10.90.1.{last}", f"fd90:1::{last}"), ipsec=True, port=SIP,
            prefix=prefix, **more,
        )  # fmt: skip

    def phone(
        self, server: Server, place: int, profile: Profile | str = "plain", family: int = 4, **more: Any
    ) -> Phone:
        """The phone of a user at an address of its own."""
        host = more.pop("host", self.host(place, family))
        at = server.address(server.hosts[0 if family == 4 else 1])
        return Phone(more.pop("sim", card(place)), at, profile=profile, host=host, **more)

    @contextlib.contextmanager
    def phones(self) -> Iterator[None]:
        """In the namespace of the phones: the whole event loop of a test, from its beginning to its end."""
        with self.lab.inside("phone1"):
            yield

    def left(self, node: str = "ims") -> tuple[int, int]:
        """SAs and policies of the kernel there."""
        with self.lab.inside(node):
            netlink = Netlink()
        try:
            dump = xfrm.REQUEST | xfrm.DUMP
            return len(netlink.ask(xfrm.GETSA, b"", dump)), len(netlink.ask(xfrm.GETPOLICY, b"", dump))
        finally:
            netlink.close()

    def peers(self) -> set[str]:
        """All addresses between which the kernel of the server's node has SAs."""
        with self.lab.inside("ims"):
            netlink = Netlink()
        try:
            states = map(xfrm.parse_sa, netlink.ask(xfrm.GETSA, b"", xfrm.REQUEST | xfrm.DUMP))
            return {address for state in states for address in (state.src, state.dst)}
        finally:
            netlink.close()

    def monitor(self, server: Server, *commands: str) -> str:
        """What `lteims monitor` says to these commands."""
        words = [word for command in commands for word in ("-c", command)]
        line = [*within(self.lab.namespace("ims"), (str(PROGRAM), "monitor", _com(server))), *words]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def counters(self, server: Server, prefix: str) -> dict[str, int]:
        """The server's counters of this prefix that are not 0."""
        found: dict[str, int] = {}
        for line in self.monitor(server, f"cevent {prefix}").splitlines():
            name, _, value = line.strip().partition(" ")
            if value.strip().isdigit():
                found[name] = int(value)
        return found


def _com(server: Server) -> str:
    return server.extra.partition('com_addr: "')[2].partition('"')[0]


def play(field: Field, scene: Scene) -> None:
    """A test's phones, with drivers of IPsec that it asks for; all in the phones' namespace."""

    async def whole() -> None:
        with contextlib.ExitStack() as stack:

            def driver(where: Where) -> Ipsec:
                made = open_ipsec(asyncio.get_running_loop(), where)
                stack.callback(made.close)
                return made

            await scene(driver)

    field.wire.packets()  # of the test before
    with field.phones():
        asyncio.run(whole())


@contextlib.asynccontextmanager
async def two_phones(
    field: Field, server: Server, profile: Profile | str, family: int, driver: Ipsec, first: int = 0
) -> AsyncIterator[tuple[Phone, Phone]]:
    """Registered, with one ladder; nothing wrong may be heard by either, and at the end they leave."""
    ladder = Ladder(asyncio.get_running_loop().time)
    one = field.phone(server, first, profile, family, ipsec=driver, name="one", ladder=ladder)
    two = field.phone(server, first + 1, profile, family, ipsec=driver, name="two", ladder=ladder)
    async with one, two:
        await asyncio.gather(one.register(), two.register())
        yield one, two
        await asyncio.gather(one.deregister(), two.deregister())
        assert (one.faults, two.faults) == ([], []), ladder.render()


async def talk_and_text(one: Phone, two: Phone) -> None:
    """A call with voice, and a short message."""
    call = await one.call(f"tel:{two.number}")
    other = await two.next_call()
    await other.answer()
    await call.answered()
    await asyncio.gather(call.heard(5), other.heard(5))
    await call.hangup()
    await other.ended()
    await one.sms(two.number, "by ESP", report=True)
    assert (await two.next_sms()).text == "by ESP"
    assert (await one.next_report()).status == 0


def wait_until(holds: Callable[[], bool], within: float = 30.0) -> None:
    """Wait for what is on its way; TimeoutError."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)

"""A lab in the kernel: namespaces, wires, bridges, addresses and routes of one topology, made by pyroute2; and its end.

Used by the tool `netns/lab` and by tests. Namespaces are called lteims.LAB.NODE: labs of different names do not meet,
and nothing is made outside of them. Needs root.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pyroute2 import IPRoute
from pyroute2 import netns as namespaces
from pyroute2.netlink.exceptions import NetlinkError

from netns.errors import LabError
from netns.topology import NAME, Network, Node, Topology, load

NETNS = Path("/run/netns")
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000  # linux/sched.h
_NODAD = 0x02  # IFA_F_NODAD: an IPv6 address that can be used at once
_SETTLED = 10.0  # seconds for wires to carry: the kernel looks once a second, and drops packets until then
_GRACE = 2.0  # seconds for a lab's processes between SIGTERM and SIGKILL


@dataclass(frozen=True, slots=True)
class Lab:
    """A topology under a name; `with` builds it and takes it down."""

    topology: Topology
    name: str

    @classmethod
    def of(cls, topology: str, name: str = "lab") -> "Lab":
        """By the names of both. LabError for names that cannot be."""
        return cls(load(topology), checked(name))

    def __enter__(self) -> "Lab":
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        down(self.name)

    def namespace(self, node: str) -> str:
        """The namespace of a node, as `ip netns` shows it. LabError for a node that the topology lacks."""
        return namespace(self.name, self.topology.interface(node).node)

    def address(self, node: str, family: int = 4, network: str = "") -> str:
        """A node's address of family 4 or 6, on its first network or the one named."""
        interface = self.topology.interface(node, network)
        return str(interface.ipv4 if family == 4 else interface.ipv6)

    @contextlib.contextmanager
    def inside(self, node: str) -> Iterator[None]:
        """This thread in the node's namespace: a socket that is made here stays there. No await within."""
        with _within(self.namespace(node)):
            yield

    def popen(self, node: str, command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        """A program in the node's namespace; the options are subprocess.Popen's."""
        return subprocess.Popen(within(self.namespace(node), command), **options)

    def run(self, node: str, command: Sequence[str], seconds: float = 60.0) -> "subprocess.CompletedProcess[str]":
        """Run a program in the node's namespace to its end; its output as text."""
        return subprocess.run(
            within(self.namespace(node), command), capture_output=True, text=True, timeout=seconds, check=False
        )

    def up(self) -> None:
        """Build it all, or nothing. LabError: no root, a lab of this name is up, or the kernel refuses."""
        root(f"up {self.topology.name}")
        with _alone():
            if nodes := up(self.name):
                raise LabError(f"lab {self.name} is up already ({', '.join(nodes)}): netns/lab down, or another --name")
            try:
                self._build()
            except BaseException as error:  # Ctrl-C too: what is half-made must not stay
                down(self.name)
                if isinstance(error, (NetlinkError, OSError)):
                    raise LabError(f"lab {self.name} cannot be built, and is taken down again: {error}") from error
                raise

    def _build(self) -> None:
        for node in self.topology.nodes:
            _create(namespace(self.name, node.name), node.forward)
        for network in self.topology.networks:
            self._wire(network)
        for node in self.topology.nodes:
            self._address(node)
        until = time.monotonic() + _SETTLED
        for node in self.topology.nodes:
            _settle(namespace(self.name, node.name), until)

    def _wire(self, network: Network) -> None:
        names = [interface.node for interface in network.interfaces]
        if not network.switch:
            with _netlink(namespace(self.name, names[0])) as ip:
                _veth(ip, network.name, namespace(self.name, names[1]), network)
            return
        switch = namespace(self.name, network.switch)
        _create(switch, forward=False)
        with _netlink(switch) as ip:
            ip.link("add", ifname="bridge", kind="bridge")
            bridge = _index(ip, "bridge")
            ip.link("set", index=bridge, mtu=network.mtu, state="up")
            for name in names:
                _veth(ip, name, namespace(self.name, name), network)
                ip.link("set", index=_index(ip, name), master=bridge, state="up")

    def _address(self, node: Node) -> None:
        prefixes = {
            network.name: (network.ipv4.prefixlen, network.ipv6.prefixlen) for network in self.topology.networks
        }
        with _netlink(namespace(self.name, node.name)) as ip:
            for each in node.interfaces:
                index = _index(ip, each.network)
                ip.addr("add", index=index, address=str(each.ipv4), prefixlen=prefixes[each.network][0])
                ip.addr("add", index=index, address=str(each.ipv6), prefixlen=prefixes[each.network][1], flags=_NODAD)
                ip.link("set", index=index, state="up")
            if node.via:
                for gateway in (node.via.ipv4, node.via.ipv6):
                    family = 2 if gateway.version == 4 else 10  # AF_INET, AF_INET6
                    ip.route("add", family=family, dst="default", gateway=str(gateway))


def checked(name: str) -> str:
    """The name of a lab, if it can be one."""
    if not NAME.fullmatch(name):
        raise LabError(
            f"{name!r} is no name for a lab: a small letter, then up to 14 small letters, digits and hyphens"
        )
    return name


def namespace(lab: str, node: str) -> str:
    """What the namespace of a lab's node is called."""
    return f"lteims.{lab}.{node}"


def labs() -> dict[str, list[str]]:
    """The labs that are up, with their nodes."""
    found: dict[str, list[str]] = {}
    for entry in sorted(NETNS.iterdir()) if NETNS.is_dir() else ():
        match entry.name.split("."):
            case ["lteims", lab, node]:
                found.setdefault(lab, []).append(node)
    return found


def up(lab: str) -> list[str]:
    """The nodes of this lab that are there; none when it is down."""
    return labs().get(lab, [])


def down(lab: str) -> int:
    """End what runs in the lab's namespaces and remove them, however much of the lab there is; their number."""
    nodes = up(lab)
    if nodes:
        root("down")
    paths = [NETNS / namespace(lab, node) for node in nodes]
    _end_processes(paths)
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # somebody else takes it down, too
            namespaces.remove(path.name)
    return len(paths)


def within(name: str, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` in that namespace."""
    return ["nsenter", f"--net={NETNS / name}", "--", *command]


def root(action: str) -> None:
    """LabError for somebody else; `action` is what root would write behind netns/lab."""
    if os.geteuid():
        raise LabError(f"network namespaces need root: sudo netns/lab {action}")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One lab is built at a time: of two with the same name the later one must not take the first one down."""
    NETNS.mkdir(parents=True, exist_ok=True)
    number = os.open(NETNS, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _create(name: str, forward: bool) -> None:
    """Made by this thread, which then leaves it again: to fork for it costs ten times as much."""
    namespaces.pushns()
    try:
        if _LIBC.unshare(_CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, f"no namespace, {os.strerror(number)} (in a container: --privileged)", name)
        namespaces.attach(name, threading.get_native_id())
    finally:
        namespaces.popns()
    with _netlink(name) as ip:
        ip.link("set", index=_index(ip, "lo"), state="up")
        # A wire's link-local addresses are as usable at once as the ones that are given (no duplicate detection).
        _sysctl("ipv6/conf/default/accept_dad", 0)
        if forward:
            _sysctl("ipv4/ip_forward", 1)
            _sysctl("ipv6/conf/all/forwarding", 1)


@contextlib.contextmanager
def _within(name: str) -> Iterator[None]:
    namespaces.pushns(name)
    try:
        yield
    finally:
        namespaces.popns()


@contextlib.contextmanager
def _netlink(name: str) -> Iterator[Any]:
    """This thread in the namespace, with a socket to its kernel."""
    with _within(name), IPRoute() as ip:
        yield ip


def _sysctl(name: str, value: int) -> None:
    Path("/proc/sys/net", name).write_text(f"{value}\n", encoding="ascii")


def _veth(ip: Any, device: str, there: str, network: Network) -> None:
    """A wire to another namespace; its end over there has the network's name."""
    peer = {"ifname": network.name, "net_ns_fd": there, "mtu": network.mtu}
    ip.link("add", ifname=device, kind="veth", mtu=network.mtu, peer=peer)


def _index(ip: Any, device: str) -> int:
    return int(ip.link_lookup(ifname=device)[0])


def _settle(name: str, until: float) -> None:
    """Wait for the namespace's interfaces to be up in earnest."""
    with _netlink(name) as ip:
        while waiting := [
            link.get("ifname") for link in ip.get_links() if link.get("operstate") not in ("UP", "UNKNOWN")
        ]:
            if time.monotonic() > until:
                raise OSError(errno.ENETDOWN, f"does not come up in {name}", waiting[0])
            time.sleep(0.05)


def _end_processes(paths: Sequence[Path]) -> None:
    """A server that was left running would keep its namespace alive, without a name."""
    until = time.monotonic() + _GRACE
    number = signal.SIGTERM
    while found := _processes(paths):
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        time.sleep(0.05)
        if time.monotonic() > until:
            number = signal.SIGKILL
        if time.monotonic() > until + _GRACE:
            raise LabError(f"these processes in the lab cannot be ended: {', '.join(map(str, found))}")


def _processes(paths: Sequence[Path]) -> list[int]:
    """Those in the namespaces; a zombie is in none any more."""
    wanted, found = set(), []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            state = path.stat()
            wanted.add((state.st_dev, state.st_ino))
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                state = (entry / "ns" / "net").stat()
                if (state.st_dev, state.st_ino) in wanted:
                    found.append(int(entry.name))
    return found

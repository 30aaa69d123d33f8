"""A topology: networks, the nodes on them with their addresses of both families, routers and default routes.

Read from *.toml beside this file or from compose.yaml, checked for typing errors and overlaps; used by network.py,
which builds it.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

from netns import compose
from netns.errors import LabError, located, meant

FOLDER = Path(__file__).parent
NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?!switch$)){0,14}")  # also the name of an interface: at most 15 characters
TAKEN = frozenset({"all", "bridge", "default", "lo"})  # devices that are there without us, and settings for all of them
MTU = range(1280, 65536)  # RFC 8200 5: IPv6 needs 1280 at least
_HEADER = re.compile(r"\s*\[\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"\s*([\w.-]+)\s*=")


@dataclass(frozen=True, slots=True)
class Interface:
    """One node's place on a network; the interface has the network's name."""

    node: str
    network: str
    ipv4: IPv4Address
    ipv6: IPv6Address


@dataclass(frozen=True, slots=True)
class Network:
    """Two nodes are wired to each other; more of them to a bridge, which stands in a namespace of its own."""

    name: str
    ipv4: IPv4Network
    ipv6: IPv6Network
    mtu: int
    interfaces: tuple[Interface, ...]

    @property
    def switch(self) -> str:
        """The bridge's node; "" for a direct wire. No node of a topology can have this name."""
        return f"{self.name}-switch" if len(self.interfaces) > 2 else ""


@dataclass(frozen=True, slots=True)
class Node:
    """One namespace: does it route, and by which neighbour does it reach the rest (None: not at all)?"""

    name: str
    interfaces: tuple[Interface, ...]
    forward: bool = False
    via: Interface | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """What `up` builds."""

    name: str
    about: str
    networks: tuple[Network, ...]
    nodes: tuple[Node, ...]

    def interface(self, node: str, network: str = "") -> Interface:
        """The node's interface on that network, or its first one. LabError for names that are not there."""
        found = [each for network_ in self.networks for each in network_.interfaces if network in ("", network_.name)]
        for each in found:
            if each.node == node:
                return each
        near = meant(node, [each.node for each in found])
        raise LabError(f"{self.name}: no node {node}{' on ' + network if network else ''}{near}")


def names() -> tuple[str, ...]:
    """The topologies that come with the product."""
    return tuple(sorted([compose.FILE.stem, *(path.stem for path in FOLDER.glob("*.toml"))]))


def load(name: str) -> Topology:
    """A topology by its name, or by the path of a .toml or .yaml file. LabError where it is absent or wrong."""
    path = Path(name)
    if path.suffix not in (".toml", *compose.SUFFIXES):
        path = compose.FILE if name == compose.FILE.stem else FOLDER / f"{name}.toml"
        if not path.is_file():
            raise LabError(f"no topology {name}: there are {', '.join(names())}, or give the path of a file")
    if path.suffix == ".toml":
        return parse(compose.text_of(path), path)
    return of(compose.read(path, os.environ))


def parse(text: str, path: Path) -> Topology:
    """The checked topology of a .toml file; LabError with the file, the line, the place in it and the reason."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is no TOMLDecodeError
        line = re.search(r" \(at line (\d+), .*\)$", str(error))
        where, what = (f"{path}:{line[1]}", str(error)[: line.start()]) if line else (path, error)
        raise LabError(f"{where}: no TOML: {what}") from None
    try:
        return _topology(data, path.stem)
    except LabError as error:
        raise located(error, path, _lines(text)) from None


def of(stack: compose.Stack) -> Topology:
    """The network of a compose file's services. LabError as of `parse`."""
    try:
        return _topology(stack.data, stack.path.stem)
    except LabError as error:
        raise located(error, stack.path, stack.lines) from None


def _lines(text: str) -> dict[str, int]:
    """Where each table and key of a .toml file stands."""
    table, found = "", dict[str, int]()
    for n, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header[1]
            found.setdefault(table, n)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{key[1]}" if table else key[1], n)
    return found


def _topology(data: Mapping[str, Any], name: str) -> Topology:
    _known(data, {"about", "networks", "nodes"}, "")
    about = data.get("about", "")
    if not isinstance(about, str):
        raise LabError("about: must be a text")
    networks = tuple(_network(key, value) for key, value in _table(data.get("networks", {}), "networks").items())
    if not networks:
        raise LabError("networks: there is none")
    _apart(networks)
    return Topology(name, about, networks, _nodes(networks, _table(data.get("nodes", {}), "nodes")))


def _network(name: str, data: Any) -> Network:
    where = _name(name, "networks")
    table = _table(data, where)
    _known(table, {"ipv4", "ipv6", "mtu", "nodes"}, where)
    ipv4, ipv6 = (
        _of(kind, table.get(key), f"{where}.{key}") for key, kind in (("ipv4", IPv4Network), ("ipv6", IPv6Network))
    )
    mtu = table.get("mtu", 1500)
    if type(mtu) is not int or mtu not in MTU:
        raise LabError(f"{where}.mtu: {mtu!r} is no number from {MTU[0]} to {MTU[-1]}")
    nodes = _table(table.get("nodes", {}), f"{where}.nodes")
    if len(nodes) < 2:
        raise LabError(f"{where}.nodes: a network needs two nodes at least")
    network = Network(name, ipv4, ipv6, mtu, tuple(_interface(node, each, name, where) for node, each in nodes.items()))
    _addresses(network, where)
    return network


def _interface(node: str, addresses: Any, network: str, where: str) -> Interface:
    where = _name(node, f"{where}.nodes")
    if not isinstance(addresses, list) or len(addresses) != 2:
        raise LabError(f'{where}: must be ["IPv4 address", "IPv6 address"]')
    ipv4, ipv6 = (_of(kind, each, where) for kind, each in zip((IPv4Address, IPv6Address), addresses, strict=True))
    return Interface(node, network, ipv4, ipv6)


def _addresses(network: Network, where: str) -> None:
    """Every address lies in its network, is no special one, and is given once."""
    seen: dict[IPv4Address | IPv6Address, str] = {}
    for each in network.interfaces:
        for address, home in ((each.ipv4, network.ipv4), (each.ipv6, network.ipv6)):
            place = f"{where}.nodes.{each.node}"
            if address not in home:
                raise LabError(f"{place}: {address} is not in {home}")
            if address in (home.network_address, home.broadcast_address):
                raise LabError(f"{place}: {address} names the whole of {home}")
            if address in seen:
                raise LabError(f"{place}: {address} is the address of {seen[address]} already")
            seen[address] = each.node


def _apart(networks: tuple[Network, ...]) -> None:
    for n, network in enumerate(networks):
        for other in networks[:n]:
            if network.ipv4.overlaps(other.ipv4) or network.ipv6.overlaps(other.ipv6):
                raise LabError(f"networks.{network.name}: its addresses overlap those of networks.{other.name}")


def _nodes(networks: tuple[Network, ...], data: Mapping[str, Any]) -> tuple[Node, ...]:
    places: dict[str, list[Interface]] = {}
    for network in networks:
        for interface in network.interfaces:
            places.setdefault(interface.node, []).append(interface)
    for name in data:
        if name not in places:
            raise LabError(f"nodes.{name}: on no network{meant(name, places)}")
    return tuple(_node(name, tuple(own), data.get(name, {}), networks) for name, own in places.items())


def _node(name: str, own: tuple[Interface, ...], data: Any, networks: tuple[Network, ...]) -> Node:
    where = f"nodes.{name}"
    table = _table(data, where)
    _known(table, {"forward", "via"}, where)
    forward = table.get("forward", False)
    if not isinstance(forward, bool):
        raise LabError(f"{where}.forward: must be true or false")
    if "via" not in table:
        return Node(name, own, forward)
    mine = {each.network for each in own}
    neighbours = [
        each for network in networks if network.name in mine for each in network.interfaces if each.node != name
    ]
    for each in neighbours:
        if each.node == table["via"]:
            return Node(name, own, forward, each)
    near = meant(str(table["via"]), [each.node for each in neighbours])
    raise LabError(f"{where}.via: {table['via']} is no neighbour of {name}{near}")


def _name(name: str, where: str) -> str:
    """The place of the network or node of this name."""
    if not NAME.fullmatch(name):
        raise LabError(f"{where}.{name}: is no name: a small letter, then up to 14 small letters, digits and hyphens")
    if name in TAKEN:
        raise LabError(f"{where}.{name}: is the kernel's own name: take another")
    return f"{where}.{name}"


def _table(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise LabError(f"{where}: must be a table")
    return data


def _known(table: Mapping[str, Any], keys: set[str], where: str) -> None:
    for key in table:
        if key not in keys:
            place = f"{where}.{key}" if where else key
            raise LabError(f"{place}: unknown{meant(key, keys)}; known here: {', '.join(sorted(keys))}")


def _of(kind: Any, given: Any, where: str) -> Any:
    """An address or a network of that class."""
    try:
        if not isinstance(given, str):
            raise ValueError("must be a text in quotes" if given is not None else "is missing")
        if "%" in given:
            raise ValueError(f"{given} names an interface")
        return kind(given)
    except ValueError as error:
        raise LabError(f"{where}: {error}") from None

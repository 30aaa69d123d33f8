"""A topology: networks, the nodes on them with their addresses of both families, routers and default routes.

Read from *.toml beside this file, checked for typing errors and overlaps; used by network.py, which builds it.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
NAME = re.compile(r"[a-z][a-z0-9]{0,12}")  # also the name of an interface, which has at most 15 characters
MTU = range(1280, 65536)  # RFC 8200 5: IPv6 needs 1280 at least


class LabError(Exception):
    """What is wrong, where, and what to do, in one line for the terminal."""


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
        raise LabError(f"{self.name}: no node {node}{' on ' + network if network else ''}{_meant(node, found)}")


def names() -> tuple[str, ...]:
    """The topologies that come with the product."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load(name: str) -> Topology:
    """A topology by its name, or by the path of a .toml file. LabError where it is absent or wrong."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        if name.endswith(".toml"):
            raise LabError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
        raise LabError(
            f"no topology {name}: there are {', '.join(names())}, or give the path of a .toml file"
        ) from None
    return parse(text, path)


def parse(text: str, path: Path) -> Topology:
    """The checked topology; LabError with the file, the place in it and the reason."""
    try:
        return _topology(tomllib.loads(text), path.stem)
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{path}: no TOML: {error}") from None
    except LabError as error:
        raise LabError(f"{path}: {error}") from None


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
    where = f"networks.{_name(name, 'networks')}"
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
    where = f"{where}.nodes.{_name(node, where)}"
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
            raise LabError(f"nodes.{name}: on no network{_meant(name, places)}")
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
    raise LabError(f"{where}.via: {table['via']} is no neighbour of {name}{_meant(str(table['via']), neighbours)}")


def _name(name: str, where: str) -> str:
    if not NAME.fullmatch(name):
        raise LabError(f"{where}: {name!r} is no name: a small letter, then up to 12 small letters and digits")
    return name


def _table(data: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise LabError(f"{where}: must be a table")
    return data


def _known(table: Mapping[str, Any], keys: set[str], where: str) -> None:
    for key in table:
        if key not in keys:
            place = f"{where}.{key}" if where else key
            raise LabError(f"{place}: unknown{_meant(key, keys)}; known here: {', '.join(sorted(keys))}")


def _of(kind: Any, given: Any, where: str) -> Any:
    """An address or a network of that class."""
    try:
        if not isinstance(given, str):
            raise ValueError("must be a text in quotes" if given is not None else "is missing")
        return kind(given)
    except ValueError as error:
        raise LabError(f"{where}: {error}") from None


def _meant(name: str, known: Iterable[str | Interface]) -> str:
    """The proposal for a name that was mistyped; "" where none is near."""
    near = difflib.get_close_matches(name, [each.node if isinstance(each, Interface) else each for each in known], 1)
    return f" (did you mean {near[0]}?)" if near else ""

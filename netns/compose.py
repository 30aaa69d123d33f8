"""compose.yaml without Docker: the network of its services, and what each of them runs, for `netns/lab`.

Read as Compose reads it (anchors, merges, ${NAME:-default}), so that a container and a namespace have the same
addresses, commands and health checks. topology.py takes the network from it, programs.py runs the services.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from netns.errors import LabError, meant

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "compose.yaml"
SUFFIXES = (".yaml", ".yml")
IMAGE = "lteims"
IN_IMAGE = {"/config": ROOT / "config", "/usr/share/lteims/scenarios": ROOT / "docs" / "scenarios"}  # the Dockerfile's
CONFIG = "/config/container.cfg"  # what docker/entrypoint starts the server on
STATE = "STATE_DIR"  # that file's variable for the folder of the state, and of the log where there is no LOG_DIR
LOG = "LOG_DIR"
_USED = {
    *("command", "depends_on", "environment", "healthcheck", "image"),
    *("networks", "profiles", "stop_grace_period", "volumes"),
}
_UNUSED = {"build", "cap_add", "cap_drop", "hostname", "ports", "read_only", "restart", "tmpfs"}  # a container's own
_CONDITIONS = {"service_healthy": True, "service_started": False}
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}|(?P<other>))")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Health:
    """A service's health check: a command, and how patient one is; times in seconds."""

    command: tuple[str, ...] = ("health",)
    interval: float = 2.0
    timeout: float = 3.0
    retries: int = 10


@dataclass(frozen=True, slots=True)
class Service:
    """One service. Without a health check it is a test: its exit code is the result."""

    name: str
    image: str
    line: int
    profiles: tuple[str, ...] = ()
    command: tuple[str, ...] = ()  # of lteims; none: the server
    environment: Mapping[str, str] = field(default_factory=dict)
    waits: Mapping[str, bool] = field(default_factory=dict)  # for which others, and until they are healthy?
    health: Health | None = None
    mounts: Mapping[str, Path] = field(default_factory=dict)  # folders of the container, and where they are here
    grace: float = 10.0  # seconds between SIGTERM and SIGKILL

    def program(self, state: Path) -> list[str]:
        """What its container would run, with this machine's paths; `state` is its folder for what it writes."""
        if self.command:
            return ["lteims", *map(self.here, self.command)]
        variables = {**self.environment, STATE: str(state), LOG: ""}
        defines = [word for key, value in variables.items() if value for word in ("-D", f'{key}="{value}"')]
        return ["lteims", *defines, self.here(CONFIG)]

    def here(self, word: str) -> str:
        """A path of the container, on this machine; any other word as it is."""
        for inside in sorted(self.mounts, key=len, reverse=True):
            if word == inside or word.startswith(f"{inside}/"):
                return f"{self.mounts[inside]}{word[len(inside) :]}"
        return word


@dataclass(frozen=True, slots=True)
class Stack:
    """A compose file: our own services, those of other images, and the network as topology.py reads one."""

    path: Path
    own: Mapping[str, Service]
    foreign: tuple[Service, ...]
    data: Mapping[str, Any]
    lines: Mapping[str, int]  # of the places in `data`

    def chosen(self, profiles: Iterable[str]) -> list[Service]:
        """The services of these profiles and those of none, each behind what it waits for. LabError."""
        wanted = set(profiles)
        known = {each for service in (*self.own.values(), *self.foreign) for each in service.profiles}
        for profile in sorted(wanted - known):
            raise LabError(f"{self.path}: no profile {profile}{meant(profile, known)}; there are {_list(known)}")
        for service in self.foreign:
            if wanted & set(service.profiles):
                raise LabError(
                    f"{self.path}:{service.line}: {service.name} is of the image {service.image}: without Docker only "
                    f"the services of {IMAGE} run"
                )
        there = {name: each for name, each in self.own.items() if not each.profiles or wanted & set(each.profiles)}
        return self._ordered(there)

    def _ordered(self, services: Mapping[str, Service]) -> list[Service]:
        found: dict[str, Service] = {}
        while left := [each for each in services.values() if each.name not in found]:
            ready = [each for each in left if each.waits.keys() <= found.keys()]
            for service in left[: not ready]:
                others = _list(service.waits.keys() - found.keys())
                raise LabError(f"{self.path}:{service.line}: {service.name} waits for {others}, which never starts")
            found.update((each.name, each) for each in ready)
        return list(found.values())


def text_of(path: Path) -> str:
    """The text of a file of a lab; LabError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise LabError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None


def read(path: Path, variables: Mapping[str, str]) -> Stack:
    """A compose file with these variables; LabError with FILE:LINE where it is wrong, or needs more than we have."""
    return parse(text_of(path), path, variables)


def parse(text: str, path: Path, variables: Mapping[str, str]) -> Stack:
    """The same of a text."""
    try:
        return _Reader(path, variables).stack(yaml.compose(text, yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise LabError(f"{path}:{mark.line + 1 if mark else 1}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise LabError(f"{path}: no YAML: {str(error).splitlines()[0][:100]}") from None


class _Reader:
    """Nodes into services; every error names the line of its node."""

    def __init__(self, path: Path, variables: Mapping[str, str]) -> None:
        self._path = path
        self._variables = variables
        self._merges = yaml.constructor.SafeConstructor()

    def stack(self, root: yaml.Node | None) -> Stack:
        tables = self._table(root, "a compose file")
        known = {"name", "networks", "services", "version", "volumes"}
        self._known(root, {*known, *(key for key in tables if key.startswith("x-"))}, "a compose file")
        nodes = self._table(tables.get("services", root), "services")
        services = {name: self._service(name, node) for name, node in nodes.items()}
        own = {name: each for name, each in services.items() if self._ours(each.image)}
        networks, lines = dict[str, dict[str, Any]](), dict[str, int]()
        for name, node in (self._table(tables["networks"], "networks") if "networks" in tables else {}).items():
            networks[name] = {**self._subnets(name, node), "nodes": {}}
            lines[f"networks.{name}"] = _line(node)
        for name in own:
            for network, addresses, line in self._places(name, nodes[name], networks):
                networks[network]["nodes"][name] = addresses
                lines[f"networks.{network}.nodes.{name}"] = line
        used = {name: table for name, table in networks.items() if table["nodes"]}
        about = f"the services of {self._path.name} with their commands: netns/lab run"
        foreign = tuple(each for name, each in services.items() if name not in own)
        return Stack(self._path, own, foreign, {"about": about, "networks": used}, lines)

    def _service(self, name: str, node: yaml.Node) -> Service:
        tables = self._table(node, name)
        image = self._text(tables["image"], "image") if "image" in tables else ""
        profiles = self._words(tables.get("profiles"), "profiles")
        line = _line(node)
        if not self._ours(image):
            return Service(name, image or "that it builds", line, profiles)
        self._known(node, _USED | _UNUSED, name)
        environment = self._table(tables["environment"], "environment") if "environment" in tables else {}
        return Service(
            name, image, line, profiles,
            command=self._words(tables.get("command"), "command"),
            environment={key: self._text(value, key) for key, value in environment.items()},
            waits=self._waits(tables.get("depends_on")),
            health=self._health(tables.get("healthcheck")),
            mounts={**IN_IMAGE, **self._mounts(tables.get("volumes"))},
            grace=self._seconds(tables, "stop_grace_period", 10.0),
        )  # fmt: skip

    def _ours(self, image: str) -> bool:
        return image in (IMAGE, self._variables.get("LTEIMS_IMAGE"))

    def _waits(self, node: yaml.Node | None) -> dict[str, bool]:
        if node is None or isinstance(node, yaml.SequenceNode):
            return dict.fromkeys(self._words(node, "depends_on"), False)
        waits = {}
        for name, value in self._table(node, "depends_on").items():
            table = self._table(value, name)
            condition = self._text(table["condition"], "condition") if "condition" in table else "service_started"
            if condition not in _CONDITIONS:
                raise self._wrong(value, f"condition {condition}: there are {_list(_CONDITIONS)} without Docker")
            waits[name] = _CONDITIONS[condition]
        return waits

    def _health(self, node: yaml.Node | None) -> Health | None:
        if node is None:
            return Health()
        table = self._table(node, "healthcheck")
        if "disable" in table and self._text(table["disable"], "disable") == "true":
            return None
        kind, *command = self._words(table.get("test"), "test") or ("",)
        if kind != "CMD" or not command:
            raise self._wrong(node, "test: must be [CMD, program, ...]")
        retries = self._text(table["retries"], "retries") if "retries" in table else "10"
        if not re.fullmatch(r"[0-9]{1,4}", retries):
            raise self._wrong(table["retries"], f"retries: {retries!r} is no number")
        seconds = (self._seconds(table, "interval", 2.0), self._seconds(table, "timeout", 3.0))
        return Health(tuple(command), *seconds, int(retries))

    def _mounts(self, node: yaml.Node | None) -> dict[str, Path]:
        """Folders of this machine; what has a volume in Docker stands in the service's own folder."""
        pairs = [word.split(":")[:2] for word in self._words(node, "volumes")]
        bound = [pair for pair in pairs if len(pair) == 2 and pair[0].startswith((".", "/"))]
        return {inside: self._path.resolve().parent / here for here, inside in bound}

    def _subnets(self, name: str, node: yaml.Node) -> dict[str, str]:
        found = {}
        ipam = self._table(self._table(node, name).get("ipam", node), "ipam")
        for each in self._items(ipam.get("config"), "config"):
            table = self._table(each, "config")
            if "subnet" in table:
                subnet = self._text(table["subnet"], "subnet")
                found["ipv6" if ":" in subnet else "ipv4"] = subnet
        return found

    def _places(self, name: str, node: yaml.Node, networks: Iterable[str]) -> Iterable[tuple[str, list[str], int]]:
        tables = self._table(node, name)
        if "networks" not in tables:
            raise self._wrong(node, f"{name}: needs networks, with an ipv4_address and an ipv6_address")
        for network, value in self._table(tables["networks"], "networks").items():
            if network not in networks:
                raise self._wrong(value, f"no network {network}{meant(network, networks)}")
            table = self._table(value, network)
            for key in ("ipv4_address", "ipv6_address"):
                if key not in table:
                    raise self._wrong(value, f"{name}: has no {key}, and without Docker nobody gives it one")
            yield network, [self._text(table[f"{kind}_address"], kind) for kind in ("ipv4", "ipv6")], _line(value)

    # -- nodes
    def _table(self, node: yaml.Node | None, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, f"{what}: must be a mapping")
        self._merges.flatten_mapping(node)
        return {self._text(key, what): value for key, value in node.value}

    def _items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        if node is not None and not isinstance(node, yaml.SequenceNode):
            raise self._wrong(node, f"{what}: must be a list")
        return list(node.value) if node else []

    def _words(self, node: yaml.Node | None, what: str) -> tuple[str, ...]:
        return tuple(self._text(each, what) for each in self._items(node, what))

    def _text(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, f"{what}: must be a plain value")
        text = _VARIABLE.sub(lambda match: self._value(match, node), node.value)
        if "\0" in text:
            raise self._wrong(node, f"{what}: holds a zero octet")
        return text

    def _value(self, match: "re.Match[str]", node: yaml.Node) -> str:
        if match["dollar"]:
            return "$"
        if match["name"] is None:
            raise self._wrong(node, f"{node.value!r}: of variables ${{NAME}} and ${{NAME:-default}} are known")
        return self._variables.get(match["name"], "") or match["default"] or ""

    def _seconds(self, table: Mapping[str, yaml.Node], key: str, default: float) -> float:
        if key not in table:
            return default
        found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m)", self._text(table[key], key))
        if not found:
            raise self._wrong(table[key], f"{key}: must be a time as 2s, 500ms or 1m")
        return float(found[1]) * _UNITS[found[2]]

    def _known(self, node: yaml.Node | None, keys: set[str], what: str) -> None:
        """LabError for another key of this mapping."""
        for key, _ in node.value if node else ():
            if key.value not in keys:
                raise self._wrong(key, f"{what}: {key.value} is unknown without Docker{meant(key.value, keys)}")

    def _wrong(self, node: yaml.Node | None, text: str) -> LabError:
        return LabError(f"{self._path}:{_line(node)}: {text}")


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node is not None else 1


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"

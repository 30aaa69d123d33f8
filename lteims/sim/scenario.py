"""Scenario files of `lteims ue`: YAML read into phones and steps, each with its line (docs/virtual_phone.md).

What is wrong is a ScenarioError that begins with FILE:LINE. scenario_run.py plays what this module reads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import yaml

from lteims.ipsec.algorithms import legal
from lteims.ipsec.sa import Aalg, Ealg
from lteims.net.ipsec_choice import Where
from lteims.sim.card import Sim
from lteims.sim.errors import ScenarioError, SimError
from lteims.sim.profiles import profile_of

_MOST: Final = 1 << 20  # octets of a file
_ROOT: Final = ("server", "phones", "steps")
_PHONE: Final[dict[str, type]] = {
    "profile": str, "transport": str, "host": str, "port": int, "bearer_delay": float, "busy_from": int, "ipsec": str,
    "alg": str, "ealg": str,
}  # fmt: skip
_SIM: Final[dict[str, type]] = {each.name: int if each.type in (int, "int") else str for each in fields(Sim)}
_WITHIN: Final[dict[str, type]] = {"within": float}
WHATS: Final = (
    "call", "ringing", "answered", "held", "resumed", "ended", "sms", "report", "document", "unregistered",
)  # fmt: skip
# The fields of each step beside `phone`; those of REQUIRED must be there.
VERBS: Final[dict[str, dict[str, type]]] = {
    "register": {"expires": int, "code": int, "emergency": bool},
    "deregister": {},
    "subscribe": {},
    "call": {"to": str, "emergency": bool, "anonymous": bool, "offer": bool},
    "expect": {"what": str, "code": int, "text": str, "from": str, "status": int} | _WITHIN,
    "progress": {},
    "ring": {},
    "answer": {},
    "decline": {"code": int},
    "hangup": {},
    "hold": {"by": str},
    "resume": {"by": str},
    "hear": {"packets": int} | _WITHIN,
    "sms": {"to": str, "text": str, "report": bool, "cause": int} | _WITHIN,
    "wait": {"seconds": float},
}
REQUIRED: Final = {
    "call": ("to",),
    "expect": ("what",),
    "hear": ("packets",),
    "sms": ("to", "text"),
    "wait": ("seconds",),
}


@dataclass(frozen=True, slots=True)
class PhoneEntry:
    """One phone of a scenario; `options` are arguments of Phone."""

    name: str
    line: int
    sim: Sim
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what which phones do, and with what."""

    line: int
    verb: str
    phones: tuple[str, ...]
    fields: dict[str, Any]

    @property
    def title(self) -> str:
        """The step in one line."""
        said = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return " ".join(filter(None, (self.verb, ",".join(self.phones), said)))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file; `server` is "" where it leaves that to the command line."""

    file: str
    server: str
    phones: tuple[PhoneEntry, ...]
    steps: tuple[Step, ...]


def load(file: str) -> Scenario:
    """Read a scenario file; ScenarioError."""
    try:
        with open(file, encoding="utf-8") as opened:
            text = opened.read(_MOST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file}: cannot be read: {error}") from None
    return parse(text, file)


def parse(text: str, file: str = "scenario") -> Scenario:
    """Read the text of a scenario; ScenarioError."""
    if len(text) > _MOST:
        raise ScenarioError(f"{file}: larger than {_MOST} characters")
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ScenarioError(f"{file}:{mark.line + 1 if mark else 1}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ScenarioError(f"{file}:1: no YAML: {str(error)[:100]}") from None
    return _Reader(file).scenario(root)


def _pair(alg: str, ealg: str) -> tuple[Aalg, Ealg]:
    """The one pair of algorithms that a phone offers in place of its profile's."""
    try:
        pair = Aalg(alg), Ealg(ealg)
    except ValueError as error:
        raise SimError(f"alg and ealg: {error}") from None
    if not legal(*pair):
        raise SimError(f"alg {alg} and ealg {ealg} cannot go together")
    return pair


class _Reader:
    """Nodes into values; every error names the line of its node."""

    def __init__(self, file: str) -> None:
        self._file = file

    def wrong(self, node: yaml.Node | None, text: str) -> ScenarioError:
        line = node.start_mark.line + 1 if node is not None else 1
        return ScenarioError(f"{self._file}:{line}: {text}")

    def scenario(self, root: yaml.Node | None) -> Scenario:
        parts = dict(self._members(root, "a scenario", _ROOT))
        server = self._scalar(parts["server"], str, "server") if "server" in parts else ""
        phones = tuple(self._phones(parts.get("phones")))
        if not phones:
            raise self.wrong(root, "no phones")
        names = tuple(phone.name for phone in phones)
        steps = tuple(self._step(node, names) for node in self._items(parts.get("steps"), "steps"))
        if not steps:
            raise self.wrong(root, "no steps")
        return Scenario(self._file, str(server), phones, steps)

    # -- phones
    def _phones(self, node: yaml.Node | None) -> Iterator[PhoneEntry]:
        if node is None:
            return
        for name, entry in self._members(node, "phones"):
            sim: dict[str, Any] = {}
            options: dict[str, Any] = {}
            for key, value in self._members(entry, f"phone {name}", (*_SIM, *_PHONE)):
                where, kinds = (sim, _SIM) if key in _SIM else (options, _PHONE)
                where[key] = self._scalar(value, kinds[key], key)
            try:
                yield PhoneEntry(name, entry.start_mark.line + 1, self._sim(sim), self._checked(options))
            except SimError as error:
                raise self.wrong(entry, f"phone {name}: {error}") from None

    def _sim(self, values: dict[str, Any]) -> Sim:
        if "imsi" not in values:
            raise SimError("imsi is missing")
        return Sim(**values)

    def _checked(self, options: dict[str, Any]) -> dict[str, Any]:
        profile_of(options.get("profile", "plain"))
        if options.get("transport", "udp") not in ("udp", "tcp"):
            raise SimError(f"transport {options['transport']!r} is neither udp nor tcp")
        if options.get("ipsec", "no") not in ("no", *Where):
            raise SimError(f"ipsec {options['ipsec']!r} is none of no, {', '.join(Where)}")
        if "alg" in options or "ealg" in options:
            options["pair"] = _pair(options.pop("alg", Aalg.NULL), options.pop("ealg", Ealg.NULL))
        return options

    # -- steps
    def _step(self, node: yaml.Node, names: tuple[str, ...]) -> Step:
        members = self._members(node, "a step")
        if len(members) != 1:
            raise self.wrong(node, "a step is one verb with what it needs, as `register: alice`")
        verb, value = members[0]
        if verb not in VERBS:
            raise self.wrong(node, f"no step {verb!r}; there are {', '.join(VERBS)}")
        given, chosen = self._fields(verb, value)
        missing = [name for name in REQUIRED.get(verb, ()) if name not in given]
        if missing:
            raise self.wrong(node, f"{verb} needs {', '.join(missing)}")
        for name in chosen:
            if name not in names:
                raise self.wrong(node, f"no phone {name!r}; there are {', '.join(names)}")
        if not chosen and verb != "wait":
            raise self.wrong(node, f"{verb} needs a phone")
        if verb == "expect" and given["what"] not in WHATS:
            raise self.wrong(node, f"nothing is called {given['what']!r}; there are {', '.join(WHATS)}")
        if given.get("by", "INVITE") not in ("INVITE", "UPDATE"):
            raise self.wrong(node, f"by {given['by']!r} is neither INVITE nor UPDATE")
        return Step(node.start_mark.line + 1, verb, chosen, given)

    def _fields(self, verb: str, value: yaml.Node) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What a step was given, and the phones of it."""
        if isinstance(value, yaml.SequenceNode):
            return {}, self._names(value)
        if isinstance(value, yaml.ScalarNode):
            if verb == "wait":
                return {"seconds": self._scalar(value, float, "seconds")}, ()
            return {}, (str(self._scalar(value, str, "phone")),)
        given: dict[str, Any] = {}
        chosen: tuple[str, ...] = ()
        for key, node in self._members(value, verb, ("phone", *VERBS[verb])):
            if key == "phone":
                chosen = self._names(node)
            else:
                given[key] = self._scalar(node, VERBS[verb][key], key)
        return given, chosen

    def _names(self, node: yaml.Node) -> tuple[str, ...]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return tuple(str(self._scalar(each, str, "phone")) for each in nodes)

    # -- nodes
    def _members(
        self, node: yaml.Node | None, what: str, known: tuple[str, ...] | None = None
    ) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, f"{what} is a mapping")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(self._scalar(key, str, f"a key of {what}"))
            if known is not None and name not in known:
                raise self.wrong(key, f"{what} has no {name!r}; there are {', '.join(known)}")
            if name in found:
                raise self.wrong(key, f"{name} comes twice")
            found[name] = value
        return list(found.items())

    def _items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, f"{what} is a list")
        return list(node.value)

    def _scalar(self, node: yaml.Node, kind: type, what: str) -> Any:
        """The text as it stands there, so that digits stay digits; or the number or word that it is to be."""
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(node, f"{what} is a plain value")
        text = str(node.value)
        if kind is str:
            return text
        try:
            return _CONVERT[kind](text)
        except (ValueError, KeyError):
            raise self.wrong(node, f"{what} {text[:40]!r} is no {_KINDS[kind]}") from None


_CONVERT: Final[dict[type, Callable[[str], Any]]] = {
    int: lambda text: int(text, 0),
    float: float,
    bool: lambda text: {"true": True, "yes": True, "false": False, "no": False}[text.lower()],
}
_KINDS: Final[dict[type, str]] = {int: "number", float: "number", bool: "yes or no"}


def title_of(file: str) -> str:
    """The name of a scenario: its file's without the ending."""
    return Path(file).stem

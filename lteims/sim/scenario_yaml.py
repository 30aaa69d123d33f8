"""What all scenario files share: YAML nodes into values and steps, each with its line (docs/virtual_phone.md).

What is wrong is a ScenarioError that begins with FILE:LINE. scenario.py reads those of `lteims ue` with it,
mme_scenario.py those of `lteims mme`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from lteims.sim.errors import ScenarioError

_MOST: Final = 1 << 20  # octets of a file
PHONE: Final = "phone"


@dataclass(frozen=True, slots=True)
class Grammar:
    """The steps that there are, and what belongs to each beside whose it is."""

    verbs: Mapping[str, Mapping[str, type]]
    required: Mapping[str, tuple[str, ...]]  # fields that must be there
    words: Mapping[str, tuple[str, ...]]  # by field: what it may be
    whose: Mapping[str, str] = field(default_factory=dict)  # verbs that are not a phone's
    nobody: tuple[str, ...] = ("wait",)  # verbs that need nobody


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who does what, and with what."""

    line: int
    verb: str
    names: tuple[str, ...]
    fields: dict[str, Any]

    @property
    def title(self) -> str:
        """The step in one line."""
        said = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return " ".join(filter(None, (self.verb, ",".join(self.names), said)))


def text_of(file: str) -> str:
    """The text of a scenario file; ScenarioError."""
    try:
        with open(file, encoding="utf-8") as opened:
            return opened.read(_MOST + 1)
    except OSError as error:
        raise ScenarioError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{file}: cannot be read: {error}") from None


def compose(text: str, file: str) -> yaml.Node | None:
    """The text as nodes; ScenarioError where it is no YAML."""
    if len(text) > _MOST:
        raise ScenarioError(f"{file}: larger than {_MOST} characters")
    try:
        root: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ScenarioError(f"{file}:{mark.line + 1 if mark else 1}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ScenarioError(f"{file}:1: no YAML: {str(error)[:100]}") from None
    return root


class Nodes:
    """Nodes into values; every error names the line of its node."""

    def __init__(self, file: str, grammar: Grammar) -> None:
        self._file = file
        self._grammar = grammar

    def wrong(self, node: yaml.Node | None, text: str) -> ScenarioError:
        """What is to be raised about this node."""
        line = node.start_mark.line + 1 if node is not None else 1
        return ScenarioError(f"{self._file}:{line}: {text}")

    # -- steps
    def steps(self, node: yaml.Node | None, known: Mapping[str, tuple[str, ...]]) -> tuple[Step, ...]:
        """All steps; `known` are the names by kind: phones, and whoever else may do one."""
        return tuple(self._step(each, known) for each in self.items(node, "steps"))

    def _step(self, node: yaml.Node, known: Mapping[str, tuple[str, ...]]) -> Step:
        grammar = self._grammar
        members = self.members(node, "a step")
        if len(members) != 1:
            raise self.wrong(node, "a step is one verb with what it needs, as `register: alice`")
        verb, value = members[0]
        if verb not in grammar.verbs:
            raise self.wrong(node, f"no step {verb!r}; there are {', '.join(grammar.verbs)}")
        kind = grammar.whose.get(verb, PHONE)
        given, chosen = self._fields(verb, kind, value)
        missing = [name for name in grammar.required.get(verb, ()) if name not in given]
        if missing:
            raise self.wrong(node, f"{verb} needs {', '.join(missing)}")
        for name in chosen:
            self.check_known(node, kind, name, known)
        if not chosen and verb not in grammar.nobody:
            raise self.wrong(node, f"{verb} needs {'an' if kind == 'mme' else 'a'} {kind}")
        for name, words in grammar.words.items():
            if name in given and given[name] not in words:
                raise self.wrong(node, _not_among(name, given[name], words))
        return Step(node.start_mark.line + 1, verb, chosen, given)

    def check_known(self, node: yaml.Node, kind: str, name: str, known: Mapping[str, tuple[str, ...]]) -> None:
        """ScenarioError for somebody who is not there."""
        if name not in known[kind]:
            raise self.wrong(node, f"no {kind} {name!r}; there are {', '.join(known[kind])}")

    def _fields(self, verb: str, kind: str, value: yaml.Node) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What a step was given, and whose it is."""
        if isinstance(value, yaml.SequenceNode):
            return {}, self._names(value, kind)
        if isinstance(value, yaml.ScalarNode):
            if verb == "wait":
                return {"seconds": self.scalar(value, float, "seconds")}, ()
            return {}, (str(self.scalar(value, str, kind)),)
        given: dict[str, Any] = {}
        chosen: tuple[str, ...] = ()
        for key, node in self.members(value, verb, (kind, *self._grammar.verbs[verb])):
            if key == kind:
                chosen = self._names(node, kind)
            else:
                given[key] = self.scalar(node, self._grammar.verbs[verb][key], key)
        return given, chosen

    def _names(self, node: yaml.Node, kind: str) -> tuple[str, ...]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return tuple(str(self.scalar(each, str, kind)) for each in nodes)

    # -- nodes
    def members(
        self, node: yaml.Node | None, what: str, known: tuple[str, ...] | None = None
    ) -> list[tuple[str, yaml.Node]]:
        """The members of a mapping in their order; `known`: no others."""
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, f"{what} is a mapping")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(self.scalar(key, str, f"a key of {what}"))
            if known is not None and name not in known:
                raise self.wrong(key, f"{what} has no {name!r}; there are {', '.join(known)}")
            if name in found:
                raise self.wrong(key, f"{name} comes twice")
            found[name] = value
        return list(found.items())

    def items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        """The items of a list; none where there is no node."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, f"{what} is a list")
        return list(node.value)

    def scalar(self, node: yaml.Node, kind: type, what: str) -> Any:
        """The text as it stands there, so that digits stay digits; or the number or word that it is to be."""
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(node, f"{what} is a plain value")
        text = str(node.value)
        if kind is str:
            return text
        try:
            value = _CONVERT[kind](text)
        except (ValueError, KeyError):
            raise self.wrong(node, f"{what} {text[:40]!r} is no {_KINDS[kind]}") from None
        if kind is not bool and not 0 <= value <= _GREATEST:  # which "nan" is not, nor "inf"
            raise self.wrong(node, f"{what} {text[:40]!r} is not from 0 to {_GREATEST}")
        return value


def _not_among(name: str, value: str, words: tuple[str, ...]) -> str:
    if name == "what":
        return f"nothing is called {value!r}; there are {', '.join(words)}"
    if len(words) == 2:
        return f"{name} {value!r} is neither {words[0]} nor {words[1]}"
    return f"{name} {value!r} is none of {', '.join(words)}"


_CONVERT: Final[dict[type, Callable[[str], Any]]] = {
    int: lambda text: int(text, 0),
    float: float,
    bool: lambda text: {"true": True, "yes": True, "false": False, "no": False}[text.lower()],
}
_GREATEST: Final = 2**48 - 1  # the greatest SQN; everything else is less
_KINDS: Final[dict[type, str]] = {int: "number", float: "number", bool: "yes or no"}


def title_of(file: str) -> str:
    """The name of a scenario: its file's without the ending."""
    return Path(file).stem

"""Scenario files of `lteims ue`: YAML read into phones and steps, each with its line (docs/virtual_phone.md).

What is wrong is a ScenarioError that begins with FILE:LINE. scenario_run.py plays what this module reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

import yaml

from lteims.ipsec.algorithms import legal
from lteims.ipsec.sa import Aalg, Ealg
from lteims.net.ipsec_choice import Where
from lteims.sim.card import Sim
from lteims.sim.errors import SimError
from lteims.sim.profiles import profile_of
from lteims.sim.scenario_yaml import PHONE, Grammar, Nodes, Step, compose, text_of

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
# The fields of each step beside `phone`; those of _REQUIRED must be there.
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
_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "call": ("to",),
    "expect": ("what",),
    "hear": ("packets",),
    "sms": ("to", "text"),
    "wait": ("seconds",),
}
_GRAMMAR: Final = Grammar(VERBS, _REQUIRED, {"what": WHATS, "by": ("INVITE", "UPDATE")})


@dataclass(frozen=True, slots=True)
class PhoneEntry:
    """One phone of a scenario; `options` are arguments of Phone."""

    name: str
    line: int
    sim: Sim
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file; `server` is "" where it leaves that to the command line."""

    file: str
    server: str
    phones: tuple[PhoneEntry, ...]
    steps: tuple[Step, ...]


def load(file: str) -> Scenario:
    """Read a scenario file; ScenarioError."""
    return parse(text_of(file), file)


def parse(text: str, file: str = "scenario") -> Scenario:
    """Read the text of a scenario; ScenarioError."""
    return _Reader(file, _GRAMMAR).scenario(compose(text, file))


def _pair(alg: str, ealg: str) -> tuple[Aalg, Ealg]:
    """The one pair of algorithms that a phone offers in place of its profile's."""
    try:
        pair = Aalg(alg), Ealg(ealg)
    except ValueError as error:
        raise SimError(f"alg and ealg: {error}") from None
    if not legal(*pair):
        raise SimError(f"alg {alg} and ealg {ealg} cannot go together")
    return pair


class _Reader(Nodes):
    """A whole file."""

    def scenario(self, root: yaml.Node | None) -> Scenario:
        parts = dict(self.members(root, "a scenario", _ROOT))
        server = self.scalar(parts["server"], str, "server") if "server" in parts else ""
        phones = tuple(self._phones(parts.get("phones")))
        if not phones:
            raise self.wrong(root, "no phones")
        names = tuple(phone.name for phone in phones)
        steps = self.steps(parts.get("steps"), {PHONE: names})
        if not steps:
            raise self.wrong(root, "no steps")
        return Scenario(self._file, str(server), phones, steps)

    # -- phones
    def _phones(self, node: yaml.Node | None) -> Iterator[PhoneEntry]:
        if node is None:
            return
        for name, entry in self.members(node, "phones"):
            sim: dict[str, Any] = {}
            options: dict[str, Any] = {}
            for key, value in self.members(entry, f"phone {name}", (*_SIM, *_PHONE)):
                where, kinds = (sim, _SIM) if key in _SIM else (options, _PHONE)
                where[key] = self.scalar(value, kinds[key], key)
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

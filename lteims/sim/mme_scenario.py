"""Scenario files of `lteims mme`: MMEs, the phones behind them, and steps (docs/simulators.md).

What is wrong is a ScenarioError that begins with FILE:LINE. mme_run.py plays what this module reads.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from lteims.sgsap.elements import Lai, Plmn
from lteims.sim.mme import NAME
from lteims.sim.mme_phone import Paging
from lteims.sim.scenario_yaml import PHONE, Grammar, Nodes, Step, compose, text_of

MME: Final = "mme"
_ROOT: Final = ("server", "mmes", "phones", "steps")
_MME: Final[dict[str, type]] = {"name": str, "host": str, "plmn": str, "lac": int}
_PHONE: Final[dict[str, type]] = {"imsi": str, "mme": str, "centre": str}
_WITHIN: Final[dict[str, type]] = {"within": float}
WHATS: Final = ("sms", "report", "paging", "error", "idle", "nothing")
KINDS: Final = ("eps", "imsi", "network")
_IMSI: Final = re.compile("[0-9]{6,15}")
_NUMBER: Final = re.compile(r"\+?[0-9]{1,20}")
_PLMN: Final = re.compile("[0-9]{5,6}")
# The fields of each step beside `phone` or `mme`; those of _REQUIRED must be there.
VERBS: Final[dict[str, dict[str, type]]] = {
    "attach": {"mme": str, "cause": int} | _WITHIN,
    "detach": {"kind": str} | _WITHIN,
    "sms": {"to": str, "text": str, "report": bool, "cause": int, "cp_cause": int, "unanswered": bool} | _WITHIN,
    "expect": {"what": str, "text": str, "from": str, "status": int, "cause": int} | _WITHIN,
    "paging": {"answer": str},
    "silent": {"on": bool},
    "refuse": {"cause": int},
    "memory": dict(_WITHIN),
    "seen": {},
    "restart": dict(_WITHIN),
    "connect": dict(_WITHIN),
    "disconnect": {"abort": bool},
    "lost": dict(_WITHIN),
    "wait": {"seconds": float},
}
_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "sms": ("to", "text"),
    "expect": ("what",),
    "paging": ("answer",),
    "refuse": ("cause",),
    "wait": ("seconds",),
}
_GRAMMAR: Final = Grammar(
    VERBS,
    _REQUIRED,
    {"what": WHATS, "kind": KINDS, "answer": tuple(Paging)},
    dict.fromkeys(("restart", "connect", "disconnect", "lost"), MME),
)


@dataclass(frozen=True, slots=True)
class MmeEntry:
    """One MME; `name` is what steps call it, `mme_name` what the VLR hears, `host` "" for any address."""

    name: str
    line: int
    mme_name: str
    host: str
    lai: Lai


@dataclass(frozen=True, slots=True)
class PhoneEntry:
    """One phone, behind the MME that it attaches by first."""

    name: str
    line: int
    imsi: str
    mme: str
    centre: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole file; `server` is "" where it leaves that to the command line."""

    file: str
    server: str
    mmes: tuple[MmeEntry, ...]
    phones: tuple[PhoneEntry, ...]
    steps: tuple[Step, ...]


def load(file: str) -> Scenario:
    """Read a scenario file; ScenarioError."""
    return parse(text_of(file), file)


def parse(text: str, file: str = "scenario") -> Scenario:
    """Read the text of a scenario; ScenarioError."""
    return _Reader(file, _GRAMMAR).scenario(compose(text, file))


class _Reader(Nodes):
    """A whole file."""

    def scenario(self, root: yaml.Node | None) -> Scenario:
        parts = dict(self.members(root, "a scenario", _ROOT))
        server = self.scalar(parts["server"], str, "server") if "server" in parts else ""
        mmes = tuple(self._mmes(parts["mmes"])) if "mmes" in parts else (_entry(MME, 1, {}, 1),)
        if not mmes:
            raise self.wrong(parts["mmes"], "no mmes")
        known = {MME: tuple(mme.name for mme in mmes)}
        phones = tuple(self._phones(parts.get("phones"), known))
        if not phones:
            raise self.wrong(root, "no phones")
        known[PHONE] = tuple(phone.name for phone in phones)
        steps = self.steps(parts.get("steps"), known)
        if not steps:
            raise self.wrong(root, "no steps")
        for node, step in zip(self.items(parts.get("steps"), "steps"), steps, strict=True):
            self._check(node, step, known)
        return Scenario(self._file, str(server), mmes, phones, steps)

    def _check(self, node: yaml.Node, step: Step, known: dict[str, tuple[str, ...]]) -> None:
        if MME in step.fields:
            self.check_known(node, MME, step.fields[MME], known)
        if "to" in step.fields and not _NUMBER.fullmatch(step.fields["to"]):
            raise self.wrong(node, f"to {step.fields['to'][:40]!r} is no number")

    def _mmes(self, node: yaml.Node) -> Iterator[MmeEntry]:
        for place, (name, entry) in enumerate(self.members(node, "mmes"), 1):
            values = {
                key: self.scalar(value, _MME[key], key)
                for key, value in self.members(entry, f"mme {name}", tuple(_MME))
            }
            if not _PLMN.fullmatch(values.get("plmn", "00101")):
                raise self.wrong(entry, f"mme {name}: plmn {values['plmn'][:40]!r} has not 5 or 6 digits")
            if not 0 <= values.get("lac", 1) <= 0xFFFF:
                raise self.wrong(entry, f"mme {name}: lac {values['lac']} is not of 16 bits")
            yield _entry(name, entry.start_mark.line + 1, values, place)

    def _phones(self, node: yaml.Node | None, known: dict[str, tuple[str, ...]]) -> Iterator[PhoneEntry]:
        if node is None:
            return
        imsis: set[str] = set()
        for name, entry in self.members(node, "phones"):
            values = {
                key: str(self.scalar(value, _PHONE[key], key))
                for key, value in self.members(entry, f"phone {name}", tuple(_PHONE))
            }
            imsi, mme, centre = values.get("imsi", ""), values.get(MME, known[MME][0]), values.get("centre", "+491")
            if not _IMSI.fullmatch(imsi):
                raise self.wrong(entry, f"phone {name}: imsi {imsi[:40]!r} is none" if imsi else "imsi is missing")
            if imsi in imsis:
                raise self.wrong(entry, f"phone {name}: another one has imsi {imsi}")
            if not _NUMBER.fullmatch(centre):
                raise self.wrong(entry, f"phone {name}: centre {centre[:40]!r} is no number")
            self.check_known(entry, MME, mme, known)
            imsis.add(imsi)
            yield PhoneEntry(name, entry.start_mark.line + 1, imsi, mme, centre)


def _entry(name: str, line: int, values: dict[str, Any], place: int) -> MmeEntry:
    plmn = values.get("plmn", "00101")
    lai = Lai(Plmn(plmn[:3], plmn[3:]), values.get("lac", 1))
    given = values.get("name") or NAME.replace("mmec01", f"mmec{place:02x}")
    return MmeEntry(name, line, given, values.get("host", ""), lai)

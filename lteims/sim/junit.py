"""The outcome of scenarios as JUnit XML, which CI systems show: a suite for each file, a case for each step.

Called by outcome.py.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lteims.sim.scenario_yaml import title_of

if TYPE_CHECKING:
    from lteims.sim.outcome import Outcome

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(outcomes: Sequence["Outcome"]) -> bytes:
    """The whole document."""
    root = Element("testsuites")
    for outcome in outcomes:
        _suite(root, outcome)
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(root: Element, outcome: "Outcome") -> None:
    name = title_of(outcome.file)
    suite = SubElement(root, "testsuite", {
        "name": _clean(name),
        "tests": str(len(outcome.results)),
        "failures": str(sum(bool(each.error) for each in outcome.results)),
        "skipped": str(sum(each.skipped for each in outcome.results)),
        "time": f"{sum(each.seconds for each in outcome.results):.3f}",
    })  # fmt: skip
    for each in outcome.results:
        case = SubElement(suite, "testcase", {
            "classname": _clean(name), "name": _clean(f"{each.line}: {each.title}"), "time": f"{each.seconds:.3f}",
        })  # fmt: skip
        if each.error:
            SubElement(case, "failure", {"message": _clean(each.error)}).text = _clean(outcome.ladder)
        elif each.skipped:
            SubElement(case, "skipped")
    SubElement(suite, "system-out").text = _clean(outcome.ladder)


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)

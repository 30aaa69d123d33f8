"""How a plain value becomes a typed one (floor 0): readers for each kind of property, used by properties and users.

A reader takes a value and the spot where it stands. It raises Refusal with what it expected, and the table reader
takes that down with the place and goes on, so that one start shows every wrong property (manual 5.2).
"""

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lteims.config.diagnostic import NOWHERE, Report
from lteims.config.endpoint import Endpoint
from lteims.config.values import Node, NodeList, as_text, type_name

_HEX = re.compile(r"[0-9A-Fa-f]*")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_IPV6_REFERENCE = re.compile(r"\[[0-9A-Fa-f:.]+\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Refusal(Exception):
    """A value that a property does not take; never leaves the package."""


class Spot:
    """Where a reader stands: a member of an object or an element of an array, and what encloses it."""

    __slots__ = ("holder", "key", "parent", "report")

    def __init__(self, report: Report, holder: object, key: str | int = "", parent: "Spot | None" = None) -> None:
        self.report = report
        self.holder = holder
        self.key = key
        self.parent = parent

    def place(self) -> int:
        """The place of the member's key or of the element; of what encloses it where it has none of its own."""
        place = NOWHERE
        if isinstance(self.holder, Node) and isinstance(self.key, str):
            place = self.holder.places.get(self.key, NOWHERE)
        elif isinstance(self.holder, NodeList) and isinstance(self.key, int):
            place = self.holder.places[self.key]
        return self.parent.place() if place < 0 and self.parent else place

    def path(self) -> str:
        """The way here through the tree: ue_db[3].impu[0].code."""
        way = self.parent.path() if self.parent else ""
        if isinstance(self.key, int):
            return f"{way}[{self.key}]"
        return f"{way}.{self.key}" if way else self.key

    def at(self, key: str) -> "Spot":
        """Another member of the same object."""
        return Spot(self.report, self.holder, key, self.parent)

    def error(self, message: str) -> None:
        """Take down what is wrong here."""
        place = self.place()
        if isinstance(self.key, str):
            place = self.report.value_place(place)
        self.report.error(place, f"{self.path()}: {message}" if self.path() else message)

    def warn(self, message: str) -> None:
        """Take down what is odd here."""
        self.report.warn(self.place(), message)

    def snapshot(self) -> "Spot":
        """This spot as it is now: readers move their spot from member to member."""
        return Spot(self.report, self.holder, self.key, self.parent.snapshot() if self.parent else None)

    def name(self) -> str:
        """How to name this spot in a message about another one: FILE:LINE, else the path."""
        return self.report.where(self.place()) or self.path()

    def folder(self) -> str:
        """The folder that relative file names are relative to: the one of the file that holds the property."""
        return self.report.folder(self.place())


Reader = Callable[[Any, Spot], object]
STRING_OR_OBJECT = "a string or an object {...}"


@dataclass(frozen=True, slots=True)
class Property:
    """A property: the field that it fills and how its value is read."""

    field: str
    read: Reader
    replaced_by: str = ""  # the property's new name, where this one is its old


def opened(value: object, spot: Spot, expected: str = "an object {...}") -> tuple[dict[str, Any], Spot]:
    """An object's members, and a spot inside it. Raises Refusal, with what is `expected`, for a value that is none."""
    if not isinstance(value, dict):
        raise _expected(expected, value)
    return value, Spot(spot.report, value, "", spot)


def read_members(
    table: Mapping[str, Property], members: Mapping[str, object], here: Spot, ignored: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The typed fields of an object. Wrong members are taken down and left out, unknown ones are warned of."""
    fields: dict[str, Any] = {}
    for name, value in members.items():
        here.key = name
        prop = table.get(name)
        if prop is None:
            if name not in ignored:
                _unused(here)
            continue
        if prop.replaced_by:
            here.warn(f"'{name}' is the old name of '{prop.replaced_by}'")
        try:
            fields[prop.field] = prop.read(value, here)
        except Refusal as refusal:
            here.error(str(refusal))
    return fields


def table_of(readers: Mapping[str, Reader]) -> dict[str, Property]:
    """A table of properties whose fields have their names, but for what Python cannot take as one."""
    spelled = {"100rel": "rel100", "K": "k"}
    return {name: Property(spelled.get(name, name), read) for name, read in readers.items()}


def _unused(spot: Spot) -> None:
    place = spot.place()
    spot.warn(f"unused property '{spot.key if place >= 0 else spot.path()}'")


# ---------------------------------------------------------------------- readers


def text(value: object, spot: Spot) -> str:
    """Any string without control characters, which have no business in a SIP header or a log line."""
    if not isinstance(value, str):
        raise _expected("a string", value)
    if _CONTROL.search(value):
        raise Refusal("control characters are not allowed here")
    return value


def word(value: object, spot: Spot) -> str:
    """A string that is not empty."""
    if not text(value, spot).strip():
        raise Refusal("expected a string that is not empty")
    return str(value)


def flag(value: object, spot: Spot) -> bool:
    """A boolean; 0 and 1 will do (manual 5.1 item 3)."""
    if value is True or value is False:
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    raise _expected("true or false", value)


def integer(low: int, high: int | None = None) -> Reader:
    """A whole number within bounds."""
    expected = f"an integer from {low} to {high}" if high is not None else f"an integer of at least {low}"

    def read(value: object, spot: Spot) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
            raise _expected(expected, value)
        return value

    return read


def number(low: float, high: float) -> Reader:
    """A number within bounds."""

    def read(value: object, spot: Spot) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise _expected(f"a number from {low:g} to {high:g}", value)
        return value

    return read


def choice(kind: type[StrEnum]) -> Reader:
    """One of an enumeration's words."""
    words: dict[object, StrEnum] = {member.value: member for member in kind}

    def read(value: object, spot: Spot) -> StrEnum:
        member = words.get(value) if isinstance(value, str) else None
        if member is None:
            raise _expected("one of " + ", ".join(f'"{word}"' for word in words), value)
        return member

    return read


def one_of(*words: str) -> Reader:
    """One of some words."""

    def read(value: object, spot: Spot) -> str:
        if value not in words or not isinstance(value, str):
            raise _expected("one of " + ", ".join(f'"{word}"' for word in words), value)
        return value

    return read


def octets(*lengths: int) -> Reader:
    """A hex string in upper or lower case of one of these lengths in octets; "" is None."""
    allowed = {2 * length for length in lengths}
    expected = " or ".join(str(length) for length in sorted(allowed)) + " hex digits in a string"

    def read(value: object, spot: Spot) -> bytes | None:
        if value == "":
            return None
        if not isinstance(value, str):
            raise _expected(expected, value)
        digits = value.removeprefix("0x").removeprefix("0X")
        if len(digits) not in allowed or not _HEX.fullmatch(digits):
            raise Refusal(f"expected {expected}, found {len(digits)} characters")  # a key is not for the screen
        return bytes.fromhex(digits)

    return read


def path(value: object, spot: Spot) -> str:
    """A file name; a relative one is relative to the file that holds it. "" is no file."""
    name = text(value, spot)
    return posixpath.normpath(posixpath.join(spot.folder(), name)) if name else ""


def domain(value: object, spot: Spot) -> str:
    """A SIP domain: a host name or an address."""
    name = text(value, spot)
    if not _DOMAIN.fullmatch(name) and not _IPV6_REFERENCE.fullmatch(name):
        raise _expected("a domain name", value)
    return name


def endpoint(default_port: int, *, names: bool = False, diameter: bool = False) -> Reader:
    """An address with an optional port."""

    def read(value: object, spot: Spot) -> Endpoint:
        try:
            return Endpoint.parse(text(value, spot), default_port, names=names, diameter=diameter)
        except ValueError as fault:
            raise Refusal(str(fault)) from None

    return read


def array(read_element: Reader, *, single: bool = False) -> Reader:
    """An array, each element read alone; with `single` a value that is no array stands for an array of one."""

    def read(value: object, spot: Spot) -> tuple[object, ...]:
        if not isinstance(value, list | tuple):
            if not single:
                raise _expected("an array [...]", value)
            return (read_element(value, spot),)
        elements = []
        here = Spot(spot.report, value, 0, spot)
        for here.key, element in enumerate(value):
            try:
                elements.append(read_element(element, here))
            except Refusal as refusal:
                here.error(str(refusal))
        return tuple(elements)

    return read


def _expected(expected: str, value: object) -> Refusal:
    shown = type_name(value)
    if isinstance(value, bool | int | float | complex | str):
        shown += f" ({as_text(value)[:60]!r})" if isinstance(value, str) else f" ({as_text(value)})"
    return Refusal(f"expected {expected}, found {shown}")

"""The values of the configuration language (floor 0): objects that know where their members stand, numbers, merging.

Manual 5.1, items 1, 3 and 6. A Node is a dict and a NodeList a list, so the tree reads like plain JSON.
"""

import json
from collections.abc import Mapping, Sequence

from lteims.config.diagnostic import NOWHERE

MAX_DEPTH = 64  # of brackets, parentheses and operators inside each other
MAX_STRING = 1 << 20  # characters of a computed string
EXACT = 1 << 53  # beyond it a 64-bit float knows no single integers


class Node(dict[str, object]):
    """An object of a file; `places` tells where the key of each member stands."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places: dict[str, int] = {}


class NodeList(list[object]):
    """An array of a file; `places` tells where each element begins."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places: list[int] = []


def put(node: Node, key: str, place: int, value: object) -> None:
    """Set a member as a duplicate does it: objects merge recursively, else the last wins."""
    old = node.get(key)
    if isinstance(old, Node) and isinstance(value, Node):
        for name, member in value.items():
            put(old, name, value.places.get(name, NOWHERE), member)
    else:
        node[key] = value
    node.places[key] = place


def copied(value: object) -> object:
    """A deep copy, so that merging into one use of a define does not change the others."""
    if isinstance(value, Node):
        node = Node()
        node.update((key, copied(member)) for key, member in value.items())
        node.places.update(value.places)
        return node
    if isinstance(value, NodeList):
        array = NodeList()
        array.extend(map(copied, value))
        array.places.extend(value.places)
        return array
    return value


def measured(value: object) -> tuple[int, int]:
    """How many values are in it, itself included, and how deep they are nested."""
    if isinstance(value, Node):
        members: list[object] = list(value.values())
    elif isinstance(value, NodeList):
        members = list(value)
    else:
        return 1, 0
    sizes = [measured(member) for member in members]
    return 1 + sum(size for size, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)


def from_plain(value: object, depth: int = 0) -> object:
    """A value handed in from outside as one of ours. Raises ValueError for what the language does not have."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(value, bool | int | float | complex | str):
        return value
    if isinstance(value, Mapping):
        node = Node()
        for key, member in value.items():
            put(node, str(key), NOWHERE, from_plain(member, depth + 1))
        return node
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        array = NodeList()
        array.extend(from_plain(member, depth + 1) for member in value)
        array.places.extend([NOWHERE] * len(array))
        return array
    raise ValueError(f"a value of the type {type(value).__name__} is not known to the configuration language")


def number(text: str) -> int | float:
    """A literal's value: an int where it has no fraction. Raises ValueError where a 64-bit float cannot hold it."""
    if text[:2] in ("0x", "0X"):
        if len(text) > 18:
            raise ValueError("the number has more than 64 bits")
        return int(text, 16)
    if text.isdigit() and len(text) <= 18:
        return int(text)
    return whole(float(text))


def whole(value: float) -> int | float:
    """The int that a float stands for, else the float. Raises ValueError for infinities and NaN."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("the number is out of range")
    return int(value) if value.is_integer() and abs(value) <= EXACT else value


def type_name(value: object) -> str:
    """What to call a value's type in a message to the operator."""
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case complex():
            return "a complex number"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list() | tuple():
            return "an array"
        case None:
            return "null"
    return type(value).__name__


def complex_text(value: complex) -> str:
    """A complex number in the language's own notation: 1.2+3*I."""
    sign = "-" if value.imag < 0 else "+"
    return f"{value.real:.15g}{sign}{abs(value.imag):.15g}*I"


def as_text(value: object) -> str:
    """What `${}` and string concatenation make of a value."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case complex():
            return complex_text(value)
        case int():
            return str(value)
        case float():
            return f"{value:.15g}"
    return to_json(value)


def to_json(tree: object) -> str:
    """The merged configuration as strict JSON; a complex number becomes a string, since JSON has none."""
    return json.dumps(tree, indent=2, ensure_ascii=False, default=_json_extra)


def _json_extra(value: object) -> str:
    if isinstance(value, complex):
        return complex_text(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")

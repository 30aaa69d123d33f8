"""The preprocessor's variables (floor 0): manual 5.1 item 8; `#define` sets them, names in the text become them.

A define that holds itself twice, forty times over, must not fill the machine: what the uses of arrays and objects
add up to is bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lteims.config.values import MAX_DEPTH, copied, from_plain, measured

MAX_EXPANDED = 1_000_000  # values that the uses of defines may add to one configuration
RESERVED = frozenset({"true", "false", "include", "defined"})


@dataclass(frozen=True, slots=True)
class Definition:
    """A variable's value, with how many values it holds and how deep they are nested."""

    value: object
    size: int
    depth: int

    def copy(self) -> object:
        """A value for one use."""
        return copied(self.value)


class Definitions:
    """The variables of one configuration, over all of its files."""

    __slots__ = ("_expanded", "_values")

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        """Start with the variables handed in from outside. Raises ValueError for a value that cannot be one."""
        self._values: dict[str, Definition] = {}
        self._expanded = 0
        for name, value in (given or {}).items():
            self.define(name, from_plain(value))

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def define(self, name: str, value: object) -> None:
        """`#define`. Raises ValueError for a name that cannot be a variable or a value nested too deep."""
        if name in RESERVED:
            raise ValueError(f"'{name}' cannot be defined")
        size, depth = measured(value)
        if depth > MAX_DEPTH:
            raise ValueError(f"the value of '{name}' is nested too deep")
        self._values[name] = Definition(value, size, depth)

    def undefine(self, name: str) -> None:
        """`#undef`; an unknown name is no error."""
        self._values.pop(name, None)

    def get(self, name: str) -> Definition | None:
        """A variable for one use. Raises ValueError when all uses together become too large."""
        definition = self._values.get(name)
        if definition is not None and definition.depth:
            self._expanded += definition.size
            if self._expanded > MAX_EXPANDED:
                raise ValueError(f"the uses of '{name}' make the configuration too large")
        return definition

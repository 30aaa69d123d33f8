"""Tokens to values (floor 0): manual 5.1; recursive descent that evaluates as it goes, called by the preprocessor.

A fault ends one member or element: the parser takes it down and goes on behind the next comma or with the next key,
so that one reading shows as many faults as it can. Nesting is bounded by MAX_DEPTH.
"""

from collections.abc import Callable
from typing import Any

from lteims.config.definitions import Definition, Definitions
from lteims.config.diagnostic import Report, same_file
from lteims.config.lexer import DEFINE, END, IMAGINARY, INCLUDE, KEY, NAME, TEMPLATE, VALUE, Tokens, token_end
from lteims.config.operators import PRECEDENCE, binary, joined, negated, plus, truth
from lteims.config.values import MAX_DEPTH, Node, NodeList, as_text, put

_UNARY = {"!": lambda value: not truth(value), "-": negated, "+": plus}
_CLOSERS = ("}", "]", ")")


class SyntaxFault(Exception):
    """Something that the grammar or an operator does not take; never leaves the package."""

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


class Parser:
    """Parses one sequence of tokens. `names` is there for directives only: elsewhere names are replaced already."""

    __slots__ = ("_dead", "_depth", "_faulty", "_i", "_kinds", "_names", "_places", "_report", "_values", "_zero")

    def __init__(
        self,
        tokens: Tokens,
        report: Report,
        names: Definitions | None = None,
        *,
        unknown_is_zero: bool = False,
        depth: int = 0,
    ) -> None:
        self._kinds = tokens.kinds
        self._values: list[Any] = tokens.values
        self._places = tokens.places
        self._report = report
        self._names = names
        self._zero = unknown_is_zero  # the rule of #if
        self._depth = depth
        self._i = 0
        self._dead = 0  # > 0 on the side of && or || that does not count
        self._faulty = -1  # the token that the last fault was found at

    # ------------------------------------------------------------------ whole files and directives

    def file(self, node: Node) -> None:
        """A file's members, with or without {} around them, merged into node."""
        if self._kinds[self._i] != "{":
            if self._kinds[self._i] == "[":
                self._fault(self._here("a file holds members (name: value), an array cannot be a file"))
                return
            self._members(node, END)
            return
        opened = self._places[self._i]
        self._i += 1
        self._members(node, "}")
        try:
            self._closed("}", opened)
            self._i += self._kinds[self._i] == ","
            if self._kinds[self._i] != END:
                raise self._here(f"expected the end of the file, found {self._found()}")
        except SyntaxFault as fault:
            self._fault(fault)

    def elements(self, array: NodeList) -> None:
        """A file that is included inside an array: elements of that array, or the members of one object."""
        if self._kinds[self._i] == KEY or self._kinds[self._i + 1] == ":":
            node = Node()
            array.places.append(self._places[self._i])
            array.append(node)
            self._members(node, END)
        elif self._kinds[self._i] == "[":
            self._fault(self._here("an array cannot be a file: leave out its brackets"))
        else:
            self._elements(array, END)

    def single(self, first: int = 0) -> object:
        """One expression and nothing behind it, for a directive or ${}. Raises SyntaxFault."""
        self._i = first
        value = self._expression()
        if self._kinds[self._i] != END:
            raise self._here(f"expected the end of the expression, found {self._found()}")
        return value

    # ------------------------------------------------------------------ objects

    def _members(self, node: Node, close: str) -> None:
        """Members up to `close`, which stays unread."""
        kinds, values, places = self._kinds, self._values, self._places
        depth, dead = self._depth, self._dead
        start = self._i
        while True:
            i = self._i
            while kinds[i] == KEY and kinds[i + 1] == VALUE and kinds[i + 2] == ",":  # what nearly all members are
                key = values[i]
                node[key] = values[i + 1]
                node.places[key] = places[i]
                i += 3
            self._i = i
            if kinds[i] == close or kinds[i] == END:
                return
            try:
                self._member(node, start)
                self._separator(close)
            except SyntaxFault as fault:
                self._depth, self._dead = depth, dead
                if not self._recovered(fault, i, close):
                    return

    def _member(self, node: Node, start: int) -> None:
        i, kind = self._i, self._kinds[self._i]
        value = self._values[i]
        if kind == KEY or (kind in (VALUE, NAME) and self._kinds[i + 1] == ":" and isinstance(value, str)):
            self._i += 1 if kind == KEY else 2
            put(node, value, self._places[i], self._expression())
        elif kind == INCLUDE:
            self._i += 1
            self._included(i).file(node)
        elif kind == "{" and i > start and not same_file(self._places[i], self._places[start - 1]):
            merged = self._expression()  # the braces of a file that #include brought here
            if isinstance(merged, Node):
                for key, member in merged.items():
                    put(node, key, merged.places[key], member)
        else:
            raise self._here(f"expected a property name, found {self._found()}")

    def _separator(self, close: str) -> None:
        """The comma behind a member or element; the last may lack it, and so may the last of an #include."""
        kind = self._kinds[self._i]
        if kind == ",":
            self._i += 1
        elif kind not in (close, END) and same_file(self._places[self._i], self._places[self._i - 1]):
            if kind in (KEY, VALUE, NAME, DEFINE, TEMPLATE, INCLUDE, "{", "["):
                raise SyntaxFault(self._behind(), f"missing ',' before {self._found()}")
            raise self._here(f"expected ',' or {_quoted(close)}, found {self._found()}")

    def _recovered(self, fault: SyntaxFault, began: int, close: str) -> bool:
        """Take a fault down and move to where the next member or element begins; False where there is none."""
        self._fault(fault)
        if self._kinds[self._i] != END:
            self._i = max(self._i, began + 1)
        level = 0
        while (kind := self._kinds[self._i]) != END:
            if kind in ("{", "[", "("):
                level += 1
            elif kind in _CLOSERS and level:
                level -= 1
            elif kind in _CLOSERS and close != END:
                self._faulty = self._i if kind != close else self._faulty
                return kind == close
            elif not level and kind == ",":
                self._i += 1
                return True
            elif not level and kind == KEY and close != "]":
                return True
            self._i += 1
        return close == END

    # ------------------------------------------------------------------ arrays

    def _elements(self, array: NodeList, close: str) -> None:
        """Elements up to `close`, which stays unread."""
        kinds, places = self._kinds, self._places
        depth, dead = self._depth, self._dead
        while kinds[self._i] != close and kinds[self._i] != END:
            i = self._i
            try:
                if kinds[i] == VALUE and kinds[i + 1] == ",":
                    array.append(self._values[i])
                    array.places.append(places[i])
                    self._i += 2
                    continue
                if kinds[i] == INCLUDE:
                    self._i += 1
                    self._included(i).elements(array)
                else:
                    value = self._expression()
                    array.append(value)
                    array.places.append(places[i])
                self._separator(close)
            except SyntaxFault as fault:
                self._depth, self._dead = depth, dead
                if not self._recovered(fault, i, close):
                    return

    def _included(self, i: int) -> "Parser":
        tokens = self._values[i]
        if not isinstance(tokens, Tokens):
            raise self._here("expected an included file")
        if self._depth >= MAX_DEPTH:
            raise self._here("nested too deep")
        return Parser(tokens, self._report, depth=self._depth + 1)

    # ------------------------------------------------------------------ expressions

    def _expression(self, least: int = 1) -> object:
        """Precedence climbing; an operator's right side is parsed always and evaluated when it counts."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._here("nested too deep")
        left = self._operand()
        while (power := PRECEDENCE.get(operator := self._kinds[self._i], 0)) >= least:
            place = self._places[self._i]
            self._i += 1
            if power > 2:
                right = self._expression(power + 1)
                left = self._applied(place, binary, operator, left, right)
                continue
            decided = not self._dead and self._applied(place, truth, left) is (operator == "||")
            self._dead += decided
            right = self._expression(power + 1)
            self._dead -= decided
            left = operator == "||" if decided else self._applied(place, truth, right)
        self._depth -= 1
        return left

    def _applied(self, place: int, function: Callable[..., object], *operands: object) -> object:
        if self._dead:
            return 0
        try:
            return function(*operands)
        except (TypeError, ValueError) as fault:
            raise SyntaxFault(place, str(fault)) from None

    def _operand(self) -> object:
        first = self._i
        while self._kinds[self._i] in _UNARY:
            self._i += 1
        signs = range(self._i - 1, first - 1, -1)
        value = self._primary()
        for sign in signs:
            value = self._applied(self._places[sign], _UNARY[self._kinds[sign]], value)
        return value

    def _primary(self) -> object:
        i = self._i
        place, value = self._places[i], self._values[i]
        self._i += 1
        match self._kinds[i]:
            case "value":
                return value
            case "define" if isinstance(value, Definition):
                return self._defined_value(value, place)
            case "template" if isinstance(value, list):
                return self._template(value, place)
            case "name":
                return self._named(str(value), place)
            case "(":
                inner = self._expression()
                self._closed(")", place)
                return inner
            case "{":
                node = Node()
                self._members(node, "}")
                self._closed("}", place)
                return node
            case "[":
                array = NodeList()
                self._elements(array, "]")
                self._closed("]", place)
                return array
        self._i = i
        raise self._here(f"expected a value, found {self._found()}")

    def _defined_value(self, definition: Definition, place: int) -> object:
        if self._dead:
            return 0
        if self._depth + definition.depth > MAX_DEPTH:
            raise SyntaxFault(place, "nested too deep")
        return definition.copy()

    def _named(self, name: str, place: int) -> object:
        """A name: in a directive it may be `defined(X)` or a variable; elsewhere nothing has replaced it."""
        if name == "defined" and self._names is not None:
            return self._is_defined(self._names)
        if self._dead:
            return 0
        definition = self._applied(place, self._names.get, name) if self._names is not None else None
        if isinstance(definition, Definition):
            return self._defined_value(definition, place)
        if name == IMAGINARY:
            return 1j
        if self._zero:
            return 0
        raise SyntaxFault(place, f"'{name}' is not defined (a string needs quotes)")

    def _is_defined(self, names: Definitions) -> bool:
        bracketed = self._kinds[self._i] == "("
        i = self._i + bracketed
        if self._kinds[i] != NAME or (bracketed and self._kinds[i + 1] != ")"):
            raise self._here("expected defined(NAME)")
        self._i = i + 1 + bracketed
        return self._values[i] in names

    def _template(self, parts: list[object], place: int) -> str:
        text = ""
        for part in parts:
            if isinstance(part, Tokens):
                parser = Parser(part, self._report, self._names, unknown_is_zero=self._zero, depth=self._depth)
                parser._dead = self._dead
                value = parser.single()
                part = "" if self._dead else as_text(value)
            text = str(self._applied(place, joined, text, part))
        return text

    # ------------------------------------------------------------------ faults

    def _closed(self, close: str, opened: int) -> None:
        """Read a closing bracket. Raises SyntaxFault that names the line of the opening one."""
        if self._kinds[self._i] == close:
            self._i += 1
        elif self._faulty != self._i:
            where = self._report.where(opened)
            raise self._here(f"expected {_quoted(close)} for the one opened at {where}, found {self._found()}")

    def _fault(self, fault: SyntaxFault) -> None:
        if self._faulty != self._i:
            self._report.error(fault.place, fault.message)
        self._faulty = self._i

    def _here(self, message: str) -> SyntaxFault:
        return SyntaxFault(self._places[self._i], message)

    def _behind(self) -> int:
        """The place behind the token before this one: that is where a comma is missing."""
        before = self._places[self._i - 1]
        text, offset = self._report.text_at(before)
        return before - offset + token_end(text, offset)

    def _found(self) -> str:
        kind, value = self._kinds[self._i], self._values[self._i]
        match kind:
            case "key":
                return f"the property '{value}'"
            case "name":
                return f"'{value}'"
            case "value" | "define" | "template":
                return f"the value {as_text(value)[:40]!r}" if kind == VALUE else "a value"
            case "include":
                return "an include"
            case "end":
                return "the end"
        return f"'{kind}'"


def _quoted(close: str) -> str:
    return "the end of the file" if close == END else f"'{close}'"

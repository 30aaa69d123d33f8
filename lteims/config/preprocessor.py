"""Directives, conditions and included files (floor 0): manual 5.1 items 7 and 8; one object for each file.

It owns the lexer of its file: the text between directives goes through as tokens, a branch that does not count is
never read as tokens at all, so that it may hold anything.
"""

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from lteims.config.definitions import Definitions
from lteims.config.diagnostic import NOWHERE, ConfigError, Diagnostic, Report
from lteims.config.lexer import DEFINE, INCLUDE, NAME, TEMPLATE, VALUE, Lexer, Tokens
from lteims.config.operators import truth
from lteims.config.parser import Parser, SyntaxFault

Read = Callable[[str], str]
MAX_INCLUDES = 32  # files inside each other
MAX_FILES = 1000
_WORD = re.compile(r"#[ \t]*([A-Za-z_]*)")
_SKIPPED = re.compile(
    r'//[^\n]*+|/\*(?>(?:[^*]++|\*(?!/))*)(?:\*/)?|"(?>(?:[^"\\\n]++|\\[^\n])*)|^[ \t]*+(#)', re.MULTILINE
)
_OPENERS = ("if", "ifdef", "ifndef")


@dataclass(slots=True)
class Condition:
    """An #if that is not closed yet."""

    place: int
    taken: bool  # has one of its branches counted?
    last: bool = False  # is its #else past?


@dataclass(frozen=True, slots=True)
class Line:
    """A directive: its word, the tokens behind it (or its text), and where the text goes on behind the line."""

    word: str
    words: Tokens
    place: int
    resume: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A file that is being read, and the place that asked for it."""

    name: str
    place: int


class Preprocessor:
    """Reads one file to tokens, and the files that it includes with it."""

    __slots__ = ("_base", "_chain", "_conditions", "_definitions", "_lexer", "_plain", "_read", "_report", "_text")

    def __init__(self, definitions: Definitions, report: Report, read: Read) -> None:
        self._definitions = definitions
        self._report = report
        self._read = read
        self._chain: tuple[Inclusion, ...] = ()
        self._conditions: list[Condition] = []

    def run(self, name: str, place: int = NOWHERE) -> Tokens:
        """The tokens of a file. Raises ConfigError when the first file cannot be read."""
        self._chain = (*self._chain, Inclusion(name, place))
        self._text = self._loaded(name, place)
        self._base = self._report.add_file(name, self._text)
        self._lexer = Lexer(self._text, self._base, self._report, self)
        self._plain = Lexer(self._text, self._base, self._report, None)
        tokens = Tokens()
        self._lexer.scan(0, len(self._text), tokens)
        for condition in self._conditions:
            self._report.error(condition.place, "expected #endif for this condition, found the end of the file")
        return tokens.close(self._base + len(self._text.rstrip()))

    def _loaded(self, name: str, place: int) -> str:
        try:
            text = self._read(name)
        except (OSError, ValueError) as fault:
            reason = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
            if place < 0:
                raise ConfigError([Diagnostic(name, 0, 0, f"cannot read the configuration file: {reason}")]) from None
            raise SyntaxFault(place, f"cannot read '{name}': {reason} ({self._chain_text()})") from None
        text = text.removeprefix("\ufeff")
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    def _chain_text(self) -> str:
        parts = [f"included from {self._report.where(step.place)}" for step in reversed(self._chain[1:])]
        return ", ".join(parts)

    # ------------------------------------------------------------------ what the lexer asks

    def name(self, name: str, place: int, out: Tokens) -> None:
        """Emit what a name in the text stands for."""
        try:
            definition = self._definitions.get(name)
        except ValueError as fault:
            raise ConfigError([*self._report.errors, self._located(place, str(fault))]) from None
        if definition is None:
            out.add(NAME, name, place)
        elif definition.depth:
            out.add(DEFINE, definition, place)
        else:
            out.add(VALUE, definition.value, place)

    def include(self, start: int, after: int, out: Tokens) -> int:
        """`include "x.cfg",`: the file's members at this level (item 7)."""
        place = self._base + start
        words = Tokens()
        after = self._lexer.one(after, words)
        try:
            if words.kinds[:1] not in ([VALUE], [TEMPLATE]):
                raise SyntaxFault(place, "expected a string with a file name behind 'include'")
            tokens = self._included(Parser(words.close(place), self._report).single(), place)
            out.add(INCLUDE, tokens, place)
        except SyntaxFault as fault:
            self._report.error(fault.place, fault.message)
            out.add(INCLUDE, Tokens().close(place), place)
        return after

    def directive(self, start: int, out: Tokens) -> int:
        """Deal with the line that begins with `#` at start; returns where the text goes on."""
        line = self._line(start)
        try:
            return self._dispatch(line, out)
        except SyntaxFault as fault:
            self._report.error(fault.place, fault.message)
        return line.resume

    def _line(self, start: int) -> Line:
        match = _WORD.match(self._text, start)
        word, after = (match[1], match.end()) if match else ("", start + 1)
        end = self._line_end(after)
        words = Tokens()
        if word in ("error", "warning"):  # free text
            text = self._text[after:end].strip()
            text = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
            return Line(word, words, self._base + start, end, text)
        resume = max(self._plain.scan(after, end, words), end)
        return Line(word, words.close(self._base + after), self._base + start, resume)

    # ------------------------------------------------------------------ the directives

    def _dispatch(self, line: Line, out: Tokens) -> int:
        word, place = line.word, line.place
        match word:
            case "define" | "default" | "undef":
                self._define(word, line.words, place)
            case "include":
                self._splice(line.words, place, out)
            case "if" | "ifdef" | "ifndef":
                self._conditions.append(Condition(place, taken=False))
                self._conditions[-1].taken = self._holds(line)
                return line.resume if self._conditions[-1].taken else self._skip(line.resume)
            case "else" | "elif" | "endif":
                return line.resume if self._counts(line) else self._skip(line.resume)
            case "error":
                raise SyntaxFault(place, line.text or "#error")
            case "warning":
                self._report.warn(place, line.text or "#warning")
            case "":
                if len(line.words.kinds) > 3:
                    raise SyntaxFault(place, "expected the name of a directive behind '#'")
            case _:
                raise SyntaxFault(place, f"unknown directive '#{word}' (a comment begins with //)")
        return line.resume

    def _define(self, word: str, words: Tokens, place: int) -> None:
        if words.kinds[0] != NAME:
            raise SyntaxFault(place, f"expected a name behind #{word}")
        name = str(words.values[0])
        if word == "undef":
            self._definitions.undefine(name)
        elif word == "define" or name not in self._definitions:
            if words.kinds[1] == "(" and words.places[1] == words.places[0] + len(name):
                raise SyntaxFault(words.places[1], "a define has no parameters; put a blank before an expression")
            value = 1 if len(words.kinds) == 4 else self._parser(words).single(1)
            try:
                self._definitions.define(name, value)
            except ValueError as fault:
                raise SyntaxFault(place, str(fault)) from None

    def _splice(self, words: Tokens, place: int, out: Tokens) -> None:
        tokens = self._included(self._parser(words).single(), place)
        for column in (tokens.kinds, tokens.values, tokens.places):
            del column[-3:]  # its end marks
        out.extend(tokens)

    def _holds(self, line: Line) -> bool:
        """Does the condition of an #if, #elif, #ifdef or #ifndef hold? A faulty one does not."""
        words = line.words
        try:
            if line.word in ("if", "elif"):
                return truth(self._parser(words, unknown_is_zero=True).single())
            if words.kinds[0] != NAME or len(words.kinds) != 4:
                raise SyntaxFault(line.place, f"expected one name behind #{line.word}")
            return (str(words.values[0]) in self._definitions) is (line.word == "ifdef")
        except SyntaxFault as fault:
            self._report.error(fault.place, fault.message)
        except TypeError as fault:
            self._report.error(line.place, str(fault))
        return False

    def _counts(self, line: Line) -> bool:
        """At an #elif, #else or #endif: does the text behind it count? Raises SyntaxFault for one out of place."""
        if not self._conditions:
            raise SyntaxFault(line.place, f"#{line.word} without #if")
        condition = self._conditions[-1]
        if line.word == "endif":
            self._conditions.pop()
            return True
        if condition.last:
            raise SyntaxFault(line.place, f"#{line.word} behind #else")
        condition.last = line.word == "else"
        if condition.taken or not (condition.last or self._holds(line)):
            return False
        condition.taken = True
        return True

    def _skip(self, pos: int) -> int:
        """Pass over branches that do not count; returns where the text counts again."""
        nested = 0
        while (match := _SKIPPED.search(self._text, pos)) is not None:
            pos = match.end()
            if not match[1]:
                continue
            found = _WORD.match(self._text, match.start(1))
            word = found[1] if found else ""
            if word in _OPENERS:
                nested += 1
            elif word == "endif" and nested:
                nested -= 1
            elif word in ("elif", "else", "endif") and not nested:
                line = self._line(match.start(1))
                pos = line.resume
                try:
                    if self._counts(line):
                        return pos
                except SyntaxFault as fault:
                    self._report.error(fault.place, fault.message)
        return len(self._text)

    # ------------------------------------------------------------------ pieces

    def _included(self, value: object, place: int) -> Tokens:
        """The tokens of an included file, whose path is relative to this one. Raises SyntaxFault."""
        if not isinstance(value, str) or not value:
            raise SyntaxFault(place, "expected a string with a file name")
        name = posixpath.normpath(posixpath.join(posixpath.dirname(self._chain[-1].name), value))
        if any(posixpath.normpath(step.name) == name for step in self._chain):
            steps = " -> ".join([*(step.name for step in self._chain), name])
            raise SyntaxFault(place, f"the file includes itself: {steps}")
        if len(self._chain) >= MAX_INCLUDES or len(self._report.files) >= MAX_FILES:
            raise SyntaxFault(place, f"too many included files ({self._chain_text()})")
        inner = Preprocessor(self._definitions, self._report, self._read)
        inner._chain = self._chain
        return inner.run(name, place)

    def _parser(self, words: Tokens, *, unknown_is_zero: bool = False) -> Parser:
        return Parser(words, self._report, self._definitions, unknown_is_zero=unknown_is_zero)

    def _line_end(self, pos: int) -> int:
        """The end of a directive's line, which a backslash at its end continues."""
        while (end := self._text.find("\n", pos)) >= 0:
            if not self._text[pos:end].rstrip(" \t").endswith("\\"):
                return end
            pos = end + 1
        return len(self._text)

    def _located(self, place: int, message: str) -> Diagnostic:
        report = Report()
        report.files = self._report.files
        report.error(place, message)
        return report.errors[0]

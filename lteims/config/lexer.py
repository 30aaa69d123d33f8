"""Text to tokens (floor 0): manual 5.1; one master expression, driven by the preprocessor for each file.

Tokens live in three parallel lists. A key and its colon are one token, so that `a-b: 1` needs no quotes and a
define never replaces a property's name. What needs the definitions (names, directives, includes) goes to an owner.
"""

import re
from sys import intern
from typing import Protocol

from lteims.config.diagnostic import Report
from lteims.config.values import MAX_STRING, number

KEY, VALUE, DEFINE, NAME, TEMPLATE, INCLUDE, END = "key", "value", "define", "name", "template", "include", "end"
CONSTANTS: dict[str, object] = {"true": True, "false": False}
IMAGINARY = "I"
MAX_TEMPLATES = 16  # backquote strings inside each other

MASTER = re.compile(
    r"""
    (?>(?: [ \t\r\n\f\v\xa0\ufeff]++ | //[^\n]*+ | /\*(?>(?: [^*]++ | \*(?!/) )*)\*/ | \\[ \t\r]*+\n )*)
    (?: ([A-Za-z_][\w-]*+)[ \t\r\n]*+:          # 1 a key
      | "([^"\\\n]*+)"([ \t\r\n]*+:)?           # 2 a string without escapes; 3 its colon makes it a key
      | ([{}\[\],])                             # 4
      | ( 0[xX][0-9A-Fa-f]++(?!\w)              # 5 a number
        | (?: \d++(?:\.\d*+)? | \.\d++ ) (?>(?:[eE][+-]?\d++)?) (?![\w.]) )
      | ([A-Za-z_]\w*+)                         # 6 a name
      | ( && | \|\| | [=!<>]= | /\* | [-+*/!<>():] )   # 7 an operator
      | ([\"`#])                                # 8 needs a closer look
      | (.)                                     # 9 nothing known
      | \Z )
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_STRING = re.compile(r'"((?>(?:[^"\\\n]++|\\[^\n])*))("?)([ \t\r\n]*+:)?', re.DOTALL)
_PAIR = r"u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
_ESCAPE = re.compile(rf"\\({_PAIR}|u[0-9A-Fa-f]{{4}}|x[0-9A-Fa-f]{{2}}|.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"} | {c: c for c in "\"\\/'`$\n"}
_TEMPLATE_TEXT = re.compile(r"(?>(?:[^`\\$]++|\\.|\$(?!\{))*)", re.DOTALL)
_WORD = re.compile(r"[\w.]+", re.ASCII)
_COLON = re.compile(r"[ \t\r\n]*+:")


class Tokens:
    """A sequence of tokens: kind, value and place of each under one index."""

    __slots__ = ("kinds", "places", "values")

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.values: list[object] = []
        self.places: list[int] = []

    def add(self, kind: str, value: object, place: int) -> None:
        """Append one."""
        self.kinds.append(kind)
        self.values.append(value)
        self.places.append(place)

    def extend(self, other: "Tokens") -> None:
        """Append another sequence."""
        self.kinds += other.kinds
        self.values += other.values
        self.places += other.places

    def close(self, place: int) -> "Tokens":
        """Append the end, three times, so that looking ahead needs no test."""
        for _ in range(3):
            self.add(END, None, place)
        return self


class Owner(Protocol):
    """Who knows the definitions and the files; the preprocessor."""

    def name(self, name: str, place: int, out: Tokens) -> None:
        """Emit what a name stands for."""

    def include(self, start: int, after: int, out: Tokens) -> int:
        """Deal with the word `include` at start; returns where to go on."""

    def directive(self, start: int, out: Tokens) -> int:
        """Deal with the `#` at start; returns where to go on."""


def token_end(text: str, offset: int) -> int:
    """Where the token that begins at offset ends; a backquote string ends where it begins."""
    if string := _STRING.match(text, offset):
        return string.end(2)
    match = MASTER.match(text, offset)
    return match.end() if match and text[offset] != "`" else offset


class Lexer:
    """Reads one file's text. Without an owner, names stay names: that is how directives are read."""

    __slots__ = ("_templates", "base", "owner", "report", "text")

    def __init__(self, text: str, base: int, report: Report, owner: Owner | None) -> None:
        self.text = text
        self.base = base
        self.report = report
        self.owner = owner
        self._templates = 0

    def scan(self, start: int, end: int, out: Tokens) -> int:
        """Emit the tokens from start to end; returns where it stopped, behind end if a comment runs on."""
        base, text = self.base, self.text
        add_kind, add_value, add_place = out.kinds.append, out.values.append, out.places.append
        while start < end:
            for match in MASTER.finditer(text, start, end):
                kind = match.lastindex
                if kind == 1 or kind == 3:
                    add_kind(KEY)
                    add_value(intern(match[1] or match[2]))
                    add_place(base + match.start(1 if kind == 1 else 2) - (kind == 3))
                elif kind == 2:
                    add_kind(VALUE)
                    add_value(match[2])
                    add_place(base + match.start(2) - 1)
                elif kind == 4:
                    add_kind(match[4])
                    add_value(None)
                    add_place(base + match.start(4))
                elif kind is None:
                    return end
                else:
                    start = self._token(match, kind, out)
                    if start != match.end():
                        break
            else:
                return end
        return start

    def one(self, start: int, out: Tokens) -> int:
        """Emit the next token alone if it is a string or a name; returns where to go on."""
        match = MASTER.match(self.text, start)
        kind = match.lastindex if match else None
        if match is None or kind not in (2, 6, 8) or match[kind] in ("#", "include"):
            return start
        if kind != 2:
            return self._token(match, kind, out)
        out.add(VALUE, match[2], self.base + match.start(2) - 1)
        return match.end()

    def _token(self, match: re.Match[str], kind: int, out: Tokens) -> int:
        """Emit a token of the rarer kinds; returns where to go on."""
        at = match.start(kind)
        place = self.base + at
        word = match[kind]
        match kind:
            case 5:
                self._number(word, place, out)
            case 6:
                return self._name(word, at, match.end(), out)
            case 7 if word == "/*":
                return self._open_comment(at)
            case 7:
                out.add(word, None, place)
            case 8 if word == '"':
                return self._string(at, match.endpos, out)
            case 8 if word == "`":
                return self._template(at, match.endpos, out)
            case 8 if self.owner and not self._templates and self._begins_line(at):
                return self.owner.directive(at, out)
            case _:
                return self._unknown(at, out)
        return match.end()

    def _number(self, word: str, place: int, out: Tokens) -> None:
        value: object = 0
        try:
            value = number(word)
        except ValueError as fault:
            self.report.error(place, str(fault))
        out.add(VALUE, value, place)

    def _name(self, word: str, at: int, after: int, out: Tokens) -> int:
        place = self.base + at
        if word in CONSTANTS:
            out.add(VALUE, CONSTANTS[word], place)
        elif self.owner is None:
            out.add(NAME, word, place)
        elif word == "include" and not self._templates:
            return self.owner.include(at, after, out)
        else:
            self.owner.name(word, place, out)
        return after

    def _open_comment(self, at: int) -> int:
        """A comment without its end before the end of the part that is read."""
        close = self.text.find("*/", at + 2)
        if close < 0:
            self.report.error(self.base + at, "the comment has no end, expected '*/'")
            return len(self.text)
        return close + 2

    def _begins_line(self, at: int) -> bool:
        before = self.text[self.text.rfind("\n", 0, at) + 1 : at].strip(" \t\r\f\v\xa0\ufeff")
        return not before or before.endswith("*/")

    def _unknown(self, at: int, out: Tokens) -> int:
        char = self.text[at]
        place = self.base + at
        word = _WORD.match(self.text, at)
        if char == "#":
            self.report.error(place, "unexpected '#': a directive begins its line, a comment begins with //")
            end = self.text.find("\n", at)
            return end if end >= 0 else len(self.text)
        if char == "=":
            self.report.error(place, "unexpected '=': a property is NAME: VALUE")
            if out.kinds[-1:] == [NAME]:
                out.kinds[-1] = KEY
        elif word is None:
            self.report.error(place, f"unexpected character {char!r}")
        else:
            key = _COLON.match(self.text, word.end())
            hint = "a name that starts with a digit" if key else "expected a number; a string"
            self.report.error(place, f"cannot read '{word[0][:40]}': {hint} needs quotes")
            out.add(KEY if key else VALUE, word[0] if key else 0, place)
            return key.end() if key else word.end()
        return at + 1

    def _string(self, at: int, end: int, out: Tokens) -> int:
        """A string with escapes, or one without its end."""
        match = _STRING.match(self.text, at, end)
        if match is None:
            return self._unknown(at, out)
        if not match[2]:
            self.report.error(self.base + at, "the string has no end, expected '\"' on the same line")
        text = self.unescaped(match[1], at + 1)
        out.add(KEY if match[3] else VALUE, text, self.base + at)
        if not match[2] and self.owner:
            out.add(",", None, self.base + at)  # the line's comma went into the string
        return match.end()

    def unescaped(self, text: str, at: int) -> str:
        """Resolve the escapes of JSON, and \\xHH, \\0, \\v, \\', \\` and \\$."""
        if "\\" not in text:
            return text

        def replace(match: re.Match[str]) -> str:
            code = match[1]
            if len(code) > 6:  # a surrogate pair
                return chr(0x10000 + (int(code[1:5], 16) - 0xD800 << 10) + int(code[7:], 16) - 0xDC00)
            value = chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code)
            if value is None or "\ud800" <= value <= "\udfff":
                self.report.error(self.base + at + match.start(), f"unknown escape '{match[0]}' in a string")
                return ""
            return value

        return _ESCAPE.sub(replace, text)

    def _template(self, at: int, end: int, out: Tokens) -> int:
        """A backquote string: its texts and the tokens of each ${}, for the parser to join (manual 5.1 item 9)."""
        parts: list[str | Tokens] = []
        out.add(TEMPLATE, parts, self.base + at)
        self._templates += 1
        if self._templates > MAX_TEMPLATES:
            self.report.error(self.base + at, "backquote strings are nested too deep")
            self._templates -= 1
            return end
        pos = at + 1
        while (match := _TEMPLATE_TEXT.match(self.text, pos, end)) is not None:
            parts.append(self.unescaped(match[0], pos)[:MAX_STRING])
            pos = match.end()
            if pos >= end or self.text[pos] != "$":
                break
            inner = Tokens()
            pos = self._interpolation(pos + 2, end, inner)
            parts.append(inner.close(self.base + min(pos, end) - 1))
        self._templates -= 1
        if pos >= end or self.text[pos] != "`":
            self.report.error(self.base + at, "the string has no end, expected '`'")
            return end
        return pos + 1

    def _interpolation(self, pos: int, end: int, out: Tokens) -> int:
        """The tokens of one ${}; returns the place behind its brace."""
        open_braces = 0
        while pos < end:
            match = MASTER.match(self.text, pos, end)
            if match is None or match.lastindex is None:
                return end
            kind, pos = match.lastindex, match.end()
            if kind == 4:
                open_braces += {"{": 1, "}": -1}.get(match[4], 0)
                if open_braces < 0:
                    return pos
                out.add(match[4], None, self.base + match.start(4))
            elif kind <= 3:
                text = match[1] if kind == 1 else match[2]
                out.add(VALUE if kind == 2 else KEY, text, self.base + match.start(min(kind, 2)))
            else:
                pos = self._token(match, kind, out)
        return end

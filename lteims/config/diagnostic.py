"""What a configuration file did wrong and where (floor 0): manual 5.1; the parser and the schema report through here.

A place is one integer, file number and offset together, so that 150,000 properties can carry theirs; a line and
a column are worked out only for the few that are shown.
"""

import posixpath
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from lteims.errors import OperatorError

NOWHERE = -1
_FILE_SHIFT = 40
_OFFSET_MASK = (1 << _FILE_SHIFT) - 1
_SHOWN = 160  # characters of a long source line that are shown around the fault
_KEY = re.compile(r'(?:"[^"\n]*"|[\w-]+)\s*:\s*')


class Severity(StrEnum):
    """How bad it is: only an error keeps the server from starting."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `line` and `column` count from 1 and are 0 where there is no file (remote API, defines)."""

    file: str
    line: int
    column: int
    message: str
    source_line: str = ""
    severity: Severity = Severity.ERROR
    cut: int = 0  # characters missing at the front of source_line

    def __str__(self) -> str:
        if self.severity is not Severity.ERROR:
            where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
            return f"{self.severity.capitalize()}: {where}{self.message}"
        if not self.line:
            return f"{self.file}: {self.message}" if self.file else self.message
        before = self.source_line[: self.column - 1 - self.cut]
        margin = "".join("\t" if char == "\t" else " " for char in before)
        return f"{self.file}:{self.line}:{self.column}: {self.message}\n{self.source_line}\n{margin}^"


class ConfigError(OperatorError):
    """A configuration that cannot be used; `diagnostics` holds everything that is wrong with it.

    `warnings` holds what is odd besides: a property that nobody knows often explains one that is missing.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], warnings: Iterable[Diagnostic] = ()) -> None:
        self.diagnostics = tuple(diagnostics)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(map(str, self.diagnostics)))


class Source:
    """One file as it was read, with its line starts once someone asks."""

    __slots__ = ("_starts", "folder", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.folder = posixpath.dirname(name)
        self._starts: list[int] = []

    def line_of(self, offset: int) -> tuple[int, int, str]:
        """Line, column and the line's text for an offset; both count from 1."""
        if not self._starts:
            self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        line = bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        end = self.text.find("\n", start)
        return line, offset - start + 1, self.text[start : end if end >= 0 else len(self.text)]


class Report:
    """Collects what is found while one configuration is read, and knows the files that places point into."""

    __slots__ = ("errors", "files", "home", "limit", "octets_of", "warnings")

    def __init__(
        self, limit: int | None = None, home: str = "", octets_of: Callable[[str], bytes] | None = None
    ) -> None:
        self.home = home  # the main file's folder
        self.octets_of = octets_of  # reads a file that a property names; None: such files are not looked at
        self.files: list[Source] = []
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self.limit = limit  # errors after which reading stops: a wrong file must not scroll for hours

    def add_file(self, name: str, text: str) -> int:
        """Register a file; the sum of the returned base and an offset is a place."""
        self.files.append(Source(name, text))
        return (len(self.files) - 1) << _FILE_SHIFT

    def error(self, place: int, message: str) -> None:
        """Take down an error. Raises ConfigError when the limit is reached."""
        self.errors.append(self._diagnostic(place, message, Severity.ERROR))
        if self.limit and len(self.errors) >= self.limit:
            raise ConfigError([*self.errors, Diagnostic("", 0, 0, f"stopped after {self.limit} errors")])

    def warn(self, place: int, message: str) -> None:
        """Take down something odd that does not keep the server from starting."""
        self.warnings.append(self._diagnostic(place, message, Severity.WARNING))

    def info(self, place: int, message: str) -> None:
        """Take down something worth knowing."""
        self.warnings.append(self._diagnostic(place, message, Severity.INFO))

    def where(self, place: int) -> str:
        """FILE:LINE of a place, to name it in the text of another one."""
        if place < 0:
            return ""
        source, offset = self._source(place)
        return f"{source.name}:{source.line_of(offset)[0]}"

    def folder(self, place: int) -> str:
        """The folder of the file that holds a place; the main file's for what came from outside."""
        return self.home if place < 0 else self._source(place)[0].folder

    def text_at(self, place: int) -> tuple[str, int]:
        """The text of the file that holds a place, and the offset there."""
        source, offset = self._source(place)
        return source.text, offset

    def value_place(self, key_place: int) -> int:
        """The place of the value behind a key."""
        if key_place < 0:
            return key_place
        source, offset = self._source(key_place)
        match = _KEY.match(source.text, offset)
        return key_place + len(match[0]) if match else key_place

    def _source(self, place: int) -> tuple[Source, int]:
        return self.files[place >> _FILE_SHIFT], place & _OFFSET_MASK

    def _diagnostic(self, place: int, message: str, severity: Severity) -> Diagnostic:
        if place < 0:
            return Diagnostic("", 0, 0, message, severity=severity)
        source, offset = self._source(place)
        line, column, text = source.line_of(offset)
        cut = max(0, column - _SHOWN // 2) if len(text) > _SHOWN else 0
        return Diagnostic(source.name, line, column, message, text[cut : cut + _SHOWN], severity, cut)


def same_file(place: int, other: int) -> bool:
    """Do two places lie in the same file?"""
    return place >> _FILE_SHIFT == other >> _FILE_SHIFT

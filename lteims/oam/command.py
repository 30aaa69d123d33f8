"""One command of the operator's (manual 7) as a value; commands.py has the table of them, each part makes its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lteims.errors import LteimsError


class CommandError(LteimsError):
    """A command cannot be carried out; the text says why."""


def _no_words(_word: str) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `run` takes the rest of the line, `complete` the last word of it and gives whole words."""

    name: str
    usage: str  # the arguments alone
    summary: str
    help: str  # further lines of `help NAME`
    run: Callable[[str], str]
    complete: Callable[[str], Iterable[str]] = _no_words

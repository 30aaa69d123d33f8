"""One command of the operator's (manual 7) as a value; commands.py has the table of them, each part makes its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from lteims.errors import LteimsError


class CommandError(LteimsError):
    """A command cannot be carried out; the text says why."""


class End(StrEnum):
    """What a command means for the console that it was typed at."""

    NONE = ""
    EXIT = "exit"  # leave the console; the server goes on
    QUIT = "quit"  # the server stops


@dataclass(frozen=True, slots=True)
class Answer:
    """What a console shows, and does then."""

    text: str = ""  # fit for a terminal; "" where there is nothing to say
    failed: bool = False  # then the text says why
    again: str = ""  # the line that goes on with this one, a second later, until somebody presses a key
    end: End = End.NONE


def _no_words(_word: str) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `run` takes the rest of the line, `complete` the last word of it and gives whole words."""

    name: str
    usage: str  # the arguments alone; one without any is called without any
    summary: str
    help: str  # further lines of `help NAME`
    run: Callable[[str], str | Answer]
    complete: Callable[[str], Iterable[str]] = _no_words

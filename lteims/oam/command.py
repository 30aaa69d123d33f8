"""One command of the operator's (manual 7) as a value; commands.py has the table of them, each part makes its own."""

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lteims.errors import LteimsError
from lteims.oam.log_format import escape, one_line
from lteims.trace import ERROR, IMS, log

_at_work: set["asyncio.Task[Answer]"] = set()


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
    done: "asyncio.Task[Answer] | None" = None  # what was begun, see `finished`


def begin(name: str, work: Coroutine[Any, Any, object], text: str) -> Answer:
    """The answer of a command that takes a while, to be shown when it is `finished`; the work goes on in any case."""
    task = asyncio.get_running_loop().create_task(_outcome(name, work, text))
    _at_work.add(task)
    task.add_done_callback(_at_work.discard)
    return Answer(text, done=task)


async def _outcome(name: str, work: Coroutine[Any, Any, object], text: str) -> Answer:
    try:
        await work
    except LteimsError as error:
        log(IMS, ERROR, f"monitor: {error}")
        return Answer(escape(str(error)), failed=True)
    except Exception as error:
        return broken(name, error)
    return Answer(text)


async def finished(answer: Answer) -> Answer:
    """The answer, or why the work has failed after all, when that is known."""
    return answer if answer.done is None else await asyncio.shield(answer.done)


def broken(name: str, error: Exception) -> Answer:
    """The answer of a command with a fault of ours, whose place is in the log."""
    what = f"internal error in {name!r}: {type(error).__name__}: {one_line(str(error))}"
    log(IMS, ERROR, f"monitor: {what}", body="".join(traceback.format_exception(error)))
    return Answer(f"{what[:500]}; the log file has the details", failed=True)


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

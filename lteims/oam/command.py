"""One command of the operator's (manual 7) as a value; commands.py has the table of them, each part makes its own."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lteims.errors import LteimsError
from lteims.oam.log_format import escape
from lteims.trace import ERROR, IMS, log

_at_work: set[asyncio.Task[Any]] = set()


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
    done: asyncio.Task[Any] | None = None  # what was begun, see `finished`


def begin(work: Coroutine[Any, Any, object], text: str) -> Answer:
    """The answer of a command that takes a while, to be shown when it is `finished`; the work goes on in any case."""
    task = asyncio.get_running_loop().create_task(work)
    _at_work.add(task)
    task.add_done_callback(_ended)
    return Answer(text, done=task)


def _ended(task: asyncio.Task[Any]) -> None:
    _at_work.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log(IMS, ERROR, f"monitor: {error}")


async def finished(answer: Answer) -> Answer:
    """The answer, or why the work has failed after all, when that is known."""
    if answer.done is None:
        return answer
    try:
        await asyncio.shield(answer.done)
    except LteimsError as error:
        return Answer(escape(str(error)), failed=True)
    return Answer(answer.text)


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

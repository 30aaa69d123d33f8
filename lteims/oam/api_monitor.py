"""The messages of consoles from outside: `monitor` carries a command line out, `complete` completes one.

They are lteims's own: `lteims monitor` (oam/remote.py) has its commands by them, so that none exists twice (manual 7).
"""

from collections.abc import Awaitable
from typing import Any

from lteims.errors import OperatorError
from lteims.oam.command import Answer, finished
from lteims.oam.commands import Commands


def monitor(commands: Commands, line: str) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """The answer of a line, for a console to show; OperatorError where the command failed."""
    answer = commands.execute(line)
    return _fields(answer) if answer.done is None else _later(answer)


async def _later(answer: Answer) -> dict[str, Any]:
    return _fields(await finished(answer))


def _fields(answer: Answer) -> dict[str, Any]:
    if answer.failed:
        raise OperatorError(answer.text)
    fields: dict[str, Any] = {"text": answer.text}
    if answer.again:
        fields["again"] = answer.again
    if answer.end:
        fields["end"] = answer.end.value
    return fields


def complete(commands: Commands, line: str) -> dict[str, Any]:
    """The word that the line ends with, and what may stand in its place."""
    word, words = commands.complete(line)
    return {"word": word, "words": words}

"""Coroutines that start at once and become a task only when they must wait (as asyncio's eager tasks of Python 3.12).

A REGISTER that needs no peer is answered before the next datagram is read, and pays for no task. Used by ims/pcscf.py.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any


def start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
    """Run `work` up to its first wait; the task that goes on with it, None if it has ended already.

    What it raises before the first wait is raised here. Up to there it runs in no task of its own, so it must not
    use asyncio.timeout or current_task before it has waited for something.
    """
    try:
        first = work.send(None)
    except StopIteration:
        return None
    return loop.create_task(_resumed(work, first))


async def _resumed(work: Coroutine[Any, Any, None], waiting_for: Any) -> None:
    """A coroutine in asyncio's eyes: since Python 3.12 a task takes no generator, decorated or not."""
    await _go_on(work, waiting_for)


@types.coroutine
def _go_on(work: Coroutine[Any, Any, None], waiting_for: Any) -> Generator[Any, Any, None]:
    """Hand what `work` waits for to the task as if the task had run it from the start."""
    step: Callable[[], Any]
    while True:
        try:
            result = yield waiting_for
        except BaseException as error:
            step = partial(work.throw, error)
        else:
            step = partial(work.send, result)
        try:
            waiting_for = step()
        except StopIteration:
            return

"""Waiting for something to become true, with a clear error when it does not: used by everything of the virtual phone.

Whatever changes calls `changed`; whoever waits gives a test that is asked again then.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from lteims.sim.errors import PhoneTimeout
from lteims.sim.ladder import Ladder

T = TypeVar("T")


class Changes:
    """The changes of one phone."""

    def __init__(self, name: str, ladder: Ladder) -> None:
        self._name = name
        self._ladder = ladder
        self._waiting: list[asyncio.Future[None]] = []

    def changed(self) -> None:
        """Wake whoever waits."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, test: Callable[[], T | None], within: float, what: str) -> T:
        """The first value of `test` that is neither None nor False; PhoneTimeout with the ladder after `within` s."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while (found := test()) is None or found is False:
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.append(future)
            try:
                await asyncio.wait_for(future, max(0.0, end - loop.time()))
            except TimeoutError:
                raise self.timeout(f"{what}, not within {within:g} s") from None
        return found

    def timeout(self, text: str) -> PhoneTimeout:
        """The error, with the ladder so far."""
        return PhoneTimeout(f"{self._name}: {text}", self._ladder.render())

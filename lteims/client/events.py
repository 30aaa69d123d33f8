"""Events of the remote API (manual 6.7) as async iterators, each with a bounded queue that its connection feeds."""

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from lteims.client.errors import Answer, ClientError


class EventQueue:
    """Events of some names that wait to be taken; what is too many, or behind the end, is not kept."""

    def __init__(self, names: Sequence[str], most: int) -> None:
        """ValueError without a name, or without room for one event."""
        if not names or most < 1:
            raise ValueError("events need a name, and room for one of them")
        self.names = tuple(dict.fromkeys(names))
        self.lost = 0
        self.ended = False
        self._error: ClientError | None = None
        self._events: deque[Answer] = deque()
        self._most = most
        self._filled = asyncio.Event()

    def put(self, event: Answer) -> None:
        """Keep one more; the oldest makes room."""
        if len(self._events) >= self._most:
            self._events.popleft()
            self.lost += 1
        self._events.append(event)
        self._filled.set()

    def end(self, error: ClientError | None) -> None:
        """There will be no more: what waits is still given, then the error is raised, or the iteration ends."""
        if not self.ended:
            self.ended, self._error = True, error
            self._filled.set()

    async def take(self) -> Answer:
        """The oldest one, waiting for it."""
        while not self._events:
            if self.ended:
                raise self._error or StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        return self._events.popleft()


class Feeder(Protocol):
    """Who puts events into queues: the connection."""

    async def subscribe(self, queue: EventQueue) -> None:
        """Begin to."""

    async def unsubscribe(self, queue: EventQueue) -> None:
        """Do so no more."""

    def abandon(self, queue: EventQueue) -> None:
        """Do so no more, soon."""


class Events:
    """Events of some names, in their order; made by Client.events."""

    def __init__(self, client: Feeder, queue: EventQueue) -> None:
        self._client = client
        self._queue = queue
        self._fed = False

    @property
    def lost(self) -> int:
        """How many were dropped because nobody took them."""
        return self._queue.lost

    async def __aenter__(self) -> "Events":
        await self._client.subscribe(self._queue)
        self._fed = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Unregister; the iteration is over."""
        fed, self._fed = self._fed, False
        self._queue.end(None)
        if fed:
            await self._client.unsubscribe(self._queue)

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Answer:
        if not self._fed and not self._queue.ended:
            await self.__aenter__()
        return await self._queue.take()

    def __del__(self) -> None:
        """A loop that was left by `break` unregisters too; the client holds the queue alone."""
        if self._fed:
            self._client.abandon(self._queue)

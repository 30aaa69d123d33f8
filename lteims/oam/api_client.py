"""One client of the remote API (manual 6.1, 6.2): its requests in their order, its answers and events in theirs.

api.py makes one for each connection. What a client may have waiting or unsent, and for how long, is bounded here.
"""

import asyncio
import socket
import sys
import traceback
from collections import deque
from collections.abc import Awaitable, Mapping
from typing import Any, Final, Protocol

from websockets.exceptions import ConnectionClosed

from lteims import counters
from lteims.errors import LteimsError
from lteims.oam.api_auth import TYPE, Gate
from lteims.oam.api_connection import Connection
from lteims.oam.api_log import OLDEST, LogQuery
from lteims.oam.api_messages import Messages
from lteims.oam.api_protocol import (
    LONGEST_FRAME,
    LONGEST_LOGIN,
    Call,
    Clocks,
    Envelope,
    Fault,
    answer,
    encode,
    greeting,
    requests,
)
from lteims.trace import ERROR, IMS, WARN, log

MOST_WAITING: Final = 1024  # requests of one client that wait for their time or their end
MOST_STANDALONE: Final = 4096  # requests whose clients may have gone
PAUSE: Final = 1 << 20  # octets unsent, above which no more requests of the client are read
MOST_UNSENT: Final = 32 << 20  # octets unsent, above which a client is cut
MOST_UNSENT_EVENTS: Final = 4 << 20  # octets unsent, above which it gets no events
MOST_OF_ALL: Final = 256 << 20  # octets unsent to all clients
STALLED: Final = 30.0  # seconds in which a client takes nothing of what is sent
_FOR_THE_CONNECTION: Final = ("log_get", "register")  # means nothing behind its end, though it were standalone
_ONE_BY_ONE: Final = ("users_get",)  # answers so long that the next request is not read before they are made
_BYTES_ACKED: Final = slice(120, 128)  # of struct tcp_info (linux/tcp.h)
LOGIN_TIME: Final = 60.0  # seconds in which a client must have authenticated


class Server(Protocol):
    """What the clients share (api.Api)."""

    name: str
    gate: Gate | None
    messages: Messages
    clocks: Clocks
    unsent: int  # octets for all clients
    sent: int  # octets, since the start
    standalone: set[asyncio.TimerHandle]
    waiting: "dict[Client, LogQuery]"

    def wait_for_log(self, client: "Client", query: LogQuery) -> None:
        """Look for entries for a client from now on."""


class Client:
    """One connection."""

    def __init__(self, api: Server, connection: Connection) -> None:
        self.log_idx = OLDEST
        self.unsent = 0  # octets
        self.address = str((connection.remote_address or ("-",))[0])
        self._api = api
        self._connection = connection
        self._ready = api.gate is None
        self._challenge = ""
        self._closed = False
        self._out: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._delayed: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._log_envelope = Envelope()
        self._watching: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Greet, then serve until the connection ends."""
        if self._api.gate is not None:
            self._challenge = self._api.gate.challenge()
            self._connection.protocol.max_message_size = LONGEST_LOGIN  # memory is not for strangers
        writer = asyncio.create_task(self._write())
        limit = None if self._ready else self._loop.call_later(LOGIN_TIME, self._too_late)
        try:
            self._send(greeting(self._api.name, self._challenge))
            async for frame in self._connection:
                await self._treat(frame)
        except ConnectionClosed:
            pass
        finally:
            writer.cancel()
            if limit is not None:
                limit.cancel()

    def close(self) -> None:
        """The connection is gone: what has not begun yet is cancelled (manual 6.1), unless it is standalone."""
        self._closed = True
        for handle in self._delayed:
            handle.cancel()
        self._delayed.clear()
        self._api.unsent -= self.unsent
        self.unsent = 0
        self._out.clear()
        self._room.set()

    async def drained(self) -> None:
        """Return when everything was handed to the socket."""
        while self.unsent:
            self._room.clear()
            await self._room.wait()

    def _too_late(self) -> None:
        if not self._ready:
            self._cut("did not authenticate in time")

    # -- requests
    async def _treat(self, frame: str | bytes) -> None:
        counters.inc("api_frame")
        for item in requests(frame, self._now()):
            if isinstance(item, Fault):
                counters.inc("api_error")
                told = self._ready or item.envelope.message in ("", "authenticate")
                error = item.error if told else "Authentication not done"
                self._answer(item.envelope, {"error": error})
            elif item.envelope.message == "authenticate":
                await self._login(item)
            elif not self._ready:
                self._answer(item.envelope, {"error": "Authentication not done"})
            elif item.delay:
                self._put_off(item)
            else:
                task = self._execute(item)
                if task is not None and item.envelope.message in _ONE_BY_ONE:
                    await asyncio.wait({task})
            await asyncio.sleep(0)  # frames that are here already must not keep phones waiting
            while self.unsent > PAUSE and not self._closed:
                self._room.clear()
                await self._room.wait()

    async def _login(self, call: Call) -> None:
        gate = self._api.gate
        if gate is None or self._ready:
            self._answer(call.envelope, {"ready": True})
            return
        delay = gate.wait(self.address, self._loop.time())
        if delay:
            await asyncio.sleep(delay)
        good = delay is not None and gate.check(
            self.address, self._challenge, call.params.res, call.params.password, self._loop.time()
        )
        if good:
            self._ready = True
            self._connection.protocol.max_message_size = LONGEST_FRAME
            self._answer(call.envelope, {"ready": True})
            return
        counters.inc("api_login_failed")
        log(IMS, WARN, "remote API: authentication failed", id=self.address)
        self._challenge = gate.challenge()
        error = "Authentication failed" if delay is not None else "Too many failures, try again later"
        self._answer(
            call.envelope, {"error": error, "type": TYPE, "name": self._api.name, "challenge": self._challenge}
        )

    def _put_off(self, call: Call) -> None:
        handles, most = (self._api.standalone, MOST_STANDALONE) if call.standalone else (self._delayed, MOST_WAITING)
        if len(handles) >= most:
            self._answer(call.envelope, {"error": "Too many requests wait already"})
            return

        def begin() -> None:
            handles.discard(handle)
            self._execute(call)

        handle = self._loop.call_later(call.delay, begin)
        handles.add(handle)

    def _execute(self, call: Call) -> asyncio.Task[None] | None:
        """Carry a request out; whatever happens becomes an answer, by the task that is returned where it takes time."""
        if self._closed and call.envelope.message in _FOR_THE_CONNECTION:
            return None
        if len(self._tasks) >= MOST_WAITING:
            self._answer(call.envelope, {"error": "Too many requests wait already"})
            return None
        try:
            if call.envelope.message == "log_get":
                self._flush_log()
            result = self._api.messages.execute(self, call.envelope.message, call.params)
        except Exception as error:
            self._answer(call.envelope, {"error": _told(call, error)})
            return None
        if isinstance(result, LogQuery):
            self._wait_for_log(call.envelope, result)
        elif isinstance(result, dict):
            self._answer(call.envelope, result)
        else:
            task = asyncio.create_task(self._finish(call, result))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return task
        return None

    async def _finish(self, call: Call, result: Awaitable[Mapping[str, Any]]) -> None:
        try:
            fields = await result
        except Exception as error:
            fields = {"error": _told(call, error)}
        self._answer(call.envelope, fields)

    # -- log_get
    def _wait_for_log(self, envelope: Envelope, query: LogQuery) -> None:
        self._log_envelope = envelope
        self._api.wait_for_log(self, query)

    def _flush_log(self) -> None:
        query = self._api.waiting.get(self)
        if query is not None:
            self.log_found(query.flush())

    def log_found(self, fields: dict[str, Any]) -> None:
        """Answer the log_get that waits."""
        query = self._api.waiting.pop(self)
        self.log_idx = query.idx
        if query.params.headers:
            fields = fields | {"headers": self._api.messages.log_headers()}
        self._answer(self._log_envelope, fields)

    # -- sending
    def tell(self, fields: Mapping[str, Any]) -> None:
        """Send an event; one that finds too much unsent is dropped."""
        if self.unsent > MOST_UNSENT_EVENTS:
            counters.inc("api_event_dropped")
        else:
            self._send(fields)

    def _answer(self, envelope: Envelope, fields: Mapping[str, Any]) -> None:
        self._send(answer(envelope, fields))

    def _send(self, fields: Mapping[str, Any]) -> None:
        if self._closed:
            return
        text = encode({**fields, **self._api.clocks.of(self._loop.time())})
        if self.unsent + len(text) > MOST_UNSENT or self._api.unsent + len(text) > MOST_OF_ALL:
            self._cut("does not read what it is sent")
            return
        self._out.append(text)
        self.unsent += len(text)
        self._api.unsent += len(text)
        self._api.sent += len(text)
        self._filled.set()

    async def _write(self) -> None:
        """Send what is there, in its order."""
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                while self._out:
                    text = self._out.popleft()
                    await self._hand_over(text)
                    if not self._closed:
                        self.unsent -= len(text)
                        self._api.unsent -= len(text)
                    if self.unsent <= PAUSE:
                        self._room.set()
        except TimeoutError:
            self._cut("takes nothing of what it is sent")
        except ConnectionClosed:
            self.close()

    async def _hand_over(self, text: bytes) -> None:
        """Give one frame to the socket; TimeoutError when the client takes nothing of what is sent."""
        async with asyncio.timeout(STALLED) as limit:
            self._watching = self._loop.call_later(STALLED / 3, self._watch, limit, 0)
            self._connection.sending = len(text)
            try:
                await self._connection.send(text, text=True)
            finally:
                self._watching.cancel()
                self._connection.sending = 0

    def _watch(self, limit: asyncio.Timeout, before: int) -> None:
        """A client that takes something, however slowly, has its time anew."""
        taken = self._taken()
        if taken > before:
            limit.reschedule(self._loop.time() + STALLED)
        self._watching = self._loop.call_later(STALLED / 3, self._watch, limit, taken)

    def _taken(self) -> int:
        """Octets that the other end's TCP has acknowledged since the beginning."""
        info: bytes = self._connection.transport.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.stop
        )
        return int.from_bytes(info[_BYTES_ACKED], sys.byteorder)

    def _cut(self, why: str) -> None:
        counters.inc("api_cut")
        log(IMS, WARN, f"remote API: cut, the client {why}", id=self.address)
        self.close()
        self._connection.transport.abort()

    def _now(self) -> float:
        return self._loop.time() - self._api.clocks.started


def _told(call: Call, error: Exception) -> str:
    """What an error is to the client; a fault of ours is logged with its place."""
    counters.inc("api_error")
    if isinstance(error, LteimsError | ValueError):
        return str(error)
    counters.inc("ims_internal_error")
    what = f"internal error in {call.envelope.message}: {type(error).__name__}"
    log(IMS, ERROR, f"remote API: {what}", body="".join(traceback.format_exception(error)))
    return f"{what}; the log file has the details"

"""One connection to a remote API (manual 6.1 to 6.3): greeting, login, requests and their answers, events.

Over the `websockets` library; lteims/client shows it to scripts, oam/remote.py uses it for the monitor.
"""

import asyncio
import hmac
import itertools
import json
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin

from lteims.client.address import parse_address
from lteims.client.errors import Answer, CallError, ClientError, LoginError, NotConnected, reason
from lteims.client.events import EventQueue, Events

LONGEST_ANSWER: Final = 64 << 20  # octets
OPEN_TIME: Final = 10.0  # seconds for the connection and the greeting
LOGIN_TIME: Final = 60.0  # seconds: the server delays logins after failures
MOST_EVENTS: Final = 1000  # of one iterator that nobody has taken yet


class Client:
    """A connection to a server's remote API; `async with` opens and closes it."""

    def __init__(
        self,
        address: str = "",
        *,
        password: str = "",
        tls: bool | ssl.SSLContext = False,
        ca: str = "",
        certificate: str = "",
        key: str = "",
        verify: bool = True,
        origin: str = "lteims-client",
    ) -> None:
        """`address` is HOST, HOST:PORT, [IPV6]:PORT, or one of them behind ws:// or wss://; default 127.0.0.1:9003.

        `tls` encrypts, checked against the system's authorities or those of the file `ca`; `certificate` and `key` are
        files that show who we are. Each of the three files means TLS. Without `verify` anybody may be at the other end.
        ValueError for an address that is none.
        """
        scheme, host, self.port = parse_address(address)
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.greeting: Answer = {}  # type, name, version, time, utc of the server
        self._secure = scheme == "wss" or bool(tls or ca or certificate or key)
        self._tls, self._files, self._verify = tls, (ca, certificate, key), verify
        self._password = password
        self._origin = origin
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._events: dict[str, list[EventQueue]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone: ClientError | None = None
        self._closing = False

    # -- connection
    async def open(self) -> None:
        """Connect and authenticate. NotConnected or LoginError when that cannot be done."""
        scheme = "wss" if self._secure else "ws"
        try:
            async with asyncio.timeout(OPEN_TIME):
                self._socket = await connect(
                    f"{scheme}://{self.address}/",
                    origin=Origin(self._origin),
                    ssl=self._context(),
                    proxy=None,
                    compression=None,
                    max_size=LONGEST_ANSWER,
                    open_timeout=None,
                    ping_interval=None,  # keep-alive is TCP's; a script that computes for a minute is not dead
                    close_timeout=2,
                )
                self.greeting = _object(await self._socket.recv())
        except Exception as error:
            await self._drop()
            if isinstance(error, ClientError):
                raise
            if isinstance(error, OSError | WebSocketException | ValueError | EOFError):
                raise NotConnected(f"cannot connect to {self.address}: {reason(error, self._secure)}") from None
            raise
        if self.greeting.get("message") not in ("ready", "authenticate"):
            await self._drop()
            raise NotConnected(f"{self.address} is no remote API: it greets with {str(self.greeting)[:80]}")
        self._gone, self._closing = None, False
        self._reader = asyncio.create_task(self._read(self._socket))
        if self.greeting["message"] == "authenticate":
            await self._login()

    async def close(self) -> None:
        """End the connection; iterators of events end too."""
        if self._gone is None:
            self._closing, self._gone = True, NotConnected(f"the connection to {self.address} was closed here")
        await self._drop()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)

    async def wait_closed(self) -> str:
        """Wait for the end of the connection; why it ended."""
        if self._reader is not None:
            await asyncio.wait({self._reader})
        return str(self._gone or f"there is no connection to {self.address}")

    async def __aenter__(self) -> "Client":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- requests
    async def call(self, message: str, /, **params: Any) -> Answer:
        """Send one message by its name and return the answer; CallError for one with `error`.

        A parameter that is a word of Python takes an underscore behind it: from_.
        NotConnected when the server goes away, ValueError for what JSON cannot say: NaN, half a surrogate pair.
        """
        named = {name.rstrip("_"): value for name, value in params.items()}
        (answer,) = await self._ask([{**named, "message": message}], array=False)
        if "error" in answer:
            raise CallError(answer)
        return answer

    async def call_all(self, requests: Iterable[Mapping[str, Any]]) -> list[Answer]:
        """Send several as one array, each with its `message`; their answers in the same order, those with `error` too.

        message_id is the client's own.
        """
        members = [dict(request) for request in requests]
        return await self._ask(members, array=True) if members else []

    async def _ask(self, members: list[dict[str, Any]], *, array: bool) -> list[Answer]:
        if self._socket is None or self._gone is not None:
            raise self._gone or NotConnected(f"there is no connection to {self.address}: open it first")
        loop = asyncio.get_running_loop()
        numbers = [next(self._numbers) for _ in members]
        for member, number in zip(members, numbers, strict=True):
            member["message_id"] = number
            self._pending[number] = loop.create_future()
        futures = [self._pending[number] for number in numbers]
        try:
            # Escaped, half a surrogate pair would only be refused by the server, which could not say whose it was
            text = json.dumps(members if array else members[0], allow_nan=False, ensure_ascii=False).encode()
            with suppress(ConnectionClosed):  # the reader tells those who wait
                await self._socket.send(text, text=True)
            return [await future for future in futures]
        finally:
            for number, future in zip(numbers, futures, strict=True):
                self._pending.pop(number, None)
                if future.done() and not future.cancelled():
                    future.exception()  # looked at: another one of the array may have raised before it
                future.cancel()

    # -- events
    def events(self, *names: str, most: int = MOST_EVENTS) -> "Events":
        """Events as they come: `async for event in ims.events("sms")`, or `async with` to register at once.

        It registers for them at its beginning and unregisters at its end. Beyond `most` that wait, the oldest are
        dropped and counted in `lost`.
        """
        return Events(self, EventQueue(names, most))

    async def subscribe(self, queue: EventQueue) -> None:
        """Begin to feed a queue. For Events."""
        new = [name for name in queue.names if name not in self._events]
        for name in queue.names:
            self._events.setdefault(name, []).append(queue)
        try:
            if new or self._gone is not None:
                await self.call("register", register=new)
        except BaseException:
            self._forget(queue)
            raise

    async def unsubscribe(self, queue: EventQueue) -> None:
        """Feed a queue no more. For Events."""
        ended = self._forget(queue)
        if ended and self._gone is None and self._socket is not None:
            with suppress(ClientError):
                await self.call("register", unregister=ended)

    def abandon(self, queue: EventQueue) -> None:
        """Unsubscribe a queue that nobody reads any more. For Events."""
        if self._gone is None and self._reader is not None and not self._reader.get_loop().is_closed():
            task = self._reader.get_loop().create_task(self.unsubscribe(queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _forget(self, queue: EventQueue) -> list[str]:
        ended = []
        for name in queue.names:
            queues = [other for other in self._events.get(name, ()) if other is not queue]
            if queues:
                self._events[name] = queues
            elif self._events.pop(name, None) is not None:
                ended.append(name)
        return ended

    # -- what comes
    async def _read(self, connection: ClientConnection) -> None:
        why = "the server ended it"
        try:
            async for frame in connection:
                self._take(_object(frame))
        except ConnectionClosed as error:
            why = reason(error, self._secure)
        except ClientError as error:
            why = str(error)
        finally:
            if self._gone is None:
                self._gone = NotConnected(f"the connection to {self.address} is gone: {why}")
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(NotConnected(str(self._gone)))
            for queue in itertools.chain(*self._events.values()):
                queue.end(None if self._closing else self._gone)
            await self._drop()

    def _take(self, value: Answer) -> None:
        number = value.get("message_id")
        future = self._pending.get(number) if isinstance(number, int) else None
        if future is not None:
            if not future.done():
                future.set_result(value)
        elif number is None:
            for queue in self._events.get(str(value.get("message")), ()):
                queue.put(value)

    async def _login(self) -> None:
        if not self._password:
            await self.close()
            raise LoginError(f"{self.address} asks for a password")
        key = f"{self.greeting.get('type')}:{self._password}:{self.greeting.get('name')}".encode()
        res = hmac.new(key, str(self.greeting.get("challenge")).encode(), "sha256").hexdigest()
        try:
            async with asyncio.timeout(LOGIN_TIME):
                await self.call("authenticate", res=res)
        except TimeoutError:
            await self.close()
            raise LoginError(f"{self.address} does not answer the login") from None
        except CallError as error:
            await self.close()
            raise LoginError(f"{self.address} refuses the password: {error.answer['error']}") from None
        except BaseException:
            await self.close()
            raise

    async def _drop(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            await connection.close()

    def _context(self) -> ssl.SSLContext | None:
        if not self._secure:
            return None
        if isinstance(self._tls, ssl.SSLContext):
            return self._tls
        ca, certificate, key = self._files
        try:
            context = ssl.create_default_context(cafile=ca or None)
            if certificate or key:
                context.load_cert_chain(certificate or key, key or None)
            if not self._verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        except (OSError, ssl.SSLError) as error:
            named = ", ".join(name for name in self._files if name)
            raise NotConnected(f"the certificates of {named or 'the system'} cannot be used: {error}") from None
        return context


def _object(frame: str | bytes) -> Answer:
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NotConnected(f"the server sent something that is no answer: {frame[:60]!r}")
    return value

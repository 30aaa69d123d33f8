"""The remote API's WebSocket server (manual 6, RFC 6455), on the `websockets` library in the event loop of the process.

Sockets, time and tasks are here; frames are api_protocol.py's, messages api_messages.py's. app.py binds it early and
starts it late. How many, how large and how long is bounded here.
"""

import asyncio
import errno
import http
import logging
import socket
import ssl
import traceback
from collections import deque
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from lteims import counters
from lteims.config import ComAuth, ImsConfig
from lteims.errors import LteimsError, OperatorError
from lteims.ids import RandomBytes
from lteims.oam.api_auth import TYPE, Gate
from lteims.oam.api_events import Events
from lteims.oam.api_log import LogQuery
from lteims.oam.api_messages import Messages
from lteims.oam.api_protocol import Call, Clocks, Envelope, Fault, answer, encode, greeting, requests
from lteims.trace import DEBUG, ERROR, IMS, WARN, log

MOST_CLIENTS: Final = 1200
LONGEST_FRAME: Final = 1 << 20  # octets
MOST_WAITING: Final = 1024  # requests of one client that wait for their time or their end
MOST_STANDALONE: Final = 4096  # requests whose clients may have gone
PAUSE: Final = 1 << 20  # octets unsent, above which no more requests of the client are read
MOST_UNSENT: Final = 32 << 20  # octets unsent, above which a client is cut
MOST_UNSENT_EVENTS: Final = 4 << 20  # octets unsent, above which it gets no events
MOST_OF_ALL: Final = 256 << 20  # octets unsent to all clients
STALLED: Final = 30.0  # seconds in which a client takes nothing of what is sent
LOGIN_TIME: Final = 60.0  # seconds in which a client must have authenticated
LOOK: Final = 0.2  # seconds between looks for log entries: so many answers a second, and no more, for each client
LOG_OCTETS: Final = 12 << 20  # of answers to log_get in one look: readers of the log fall behind before phones do
DRAIN_TIME: Final = 0.5  # seconds that a stopping server gives its last answers


class Api:
    """The server."""

    def __init__(self, config: ImsConfig, random: RandomBytes) -> None:
        """Take the address of com_addr, read certificate and password; OperatorError when one cannot be had."""
        assert config.com_addr is not None
        self.name = config.com_name
        self.gate = _gate(config.com_name, config.com_auth, random) if config.com_auth is not None else None
        self._tls = _tls(config) if config.com_ssl_certificate else None
        self._socket = _bound(config.com_addr.host, config.com_addr.port)
        self.host: str = config.com_addr.host
        self.port: int = self._socket.getsockname()[1]
        self.scheme = "wss" if self._tls is not None else "ws"
        self.unsent = 0  # octets for all clients
        self.sent = 0  # octets, since the start
        self.standalone: set[asyncio.TimerHandle] = set()
        self._clients: dict[Client, None] = {}
        self._server: Server | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.waiting: dict[Client, LogQuery] = {}

    async def start(self, messages: Messages, events: Events, clocks: Clocks) -> None:
        """Accept connections."""
        self.messages, self.events, self.clocks = messages, events, clocks
        self._loop = asyncio.get_running_loop()
        self._server = await serve(
            self._serve,
            sock=self._socket,
            ssl=self._tls,
            process_request=self._admit,
            compression=None,
            max_size=LONGEST_FRAME,
            max_queue=4,
            open_timeout=10,
            ping_interval=None,  # clients of few lines do not answer; the socket notices when one has gone
            close_timeout=1,
            server_header="lteims",
            logger=_silent(),
        )

    async def close(self) -> None:
        """Send the last answers, then end what is open."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self.waiting.clear()
        while self.standalone:
            self.standalone.pop().cancel()
        if self._server is not None:
            if self._clients:
                await asyncio.wait(
                    [asyncio.create_task(client.drained()) for client in self._clients], timeout=DRAIN_TIME
                )
            self._server.close()
            await self._server.wait_closed()
        self._socket.close()

    def load(self) -> dict[str, int]:
        """Clients and what is kept for them, for tests and metrics."""
        return {"clients": len(self._clients), "unsent": self.unsent, "log_get": len(self.waiting)}

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """A page instead of the WebSocket, or None (manual 6: any Origin will do, but there must be one)."""
        if not request.headers.get_all("Origin"):
            return connection.respond(http.HTTPStatus.FORBIDDEN, "The header Origin is missing.\n")
        if len(self._clients) >= MOST_CLIENTS:
            counters.inc("api_refused")
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "There are too many clients.\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        client = Client(self, connection)
        self._clients[client] = None
        counters.inc("api_client")
        log(IMS, DEBUG, "remote API: connected", id=client.address)
        try:
            await client.run()
        finally:
            del self._clients[client]
            self.waiting.pop(client, None)
            self.events.drop(client)
            client.close()
            log(IMS, DEBUG, "remote API: disconnected", id=client.address)

    # -- log_get
    def wait_for_log(self, client: "Client", query: LogQuery) -> None:
        """Look for entries for a client from now on."""
        self.waiting[client] = query
        if self._looking is None and self._loop is not None:
            self._looking = self._loop.call_later(LOOK, self._look)

    def _look(self) -> None:
        assert self._loop is not None
        self._looking = None
        now, most = self._loop.time(), self.sent + LOG_OCTETS
        for client, query in list(self.waiting.items()):
            if self.sent > most:  # who comes first next time: one that was answered stands last when it asks again
                break
            found = query.poll(now)
            if found is not None:
                client.log_found(found)
        if self.waiting:
            self._looking = self._loop.call_later(LOOK, self._look)


class Client:
    """One connection."""

    def __init__(self, api: Api, connection: ServerConnection) -> None:
        self.log_idx = 0
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
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Greet, then serve until the connection ends."""
        if self._api.gate is not None:
            self._challenge = self._api.gate.challenge()
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
                error = item.error if self._ready or not item.envelope.message else "Authentication not done"
                self._answer(item.envelope, {"error": error})
            elif item.envelope.message == "authenticate":
                await self._login(item)
            elif not self._ready:
                self._answer(item.envelope, {"error": "Authentication not done"})
            elif item.delay:
                self._put_off(item)
            else:
                self._execute(item)
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

    def _execute(self, call: Call) -> None:
        """Carry a request out; whatever happens becomes an answer."""
        if len(self._tasks) >= MOST_WAITING:
            self._answer(call.envelope, {"error": "Too many requests wait already"})
            return
        try:
            if call.envelope.message == "log_get":
                self._flush_log()
            result = self._api.messages.execute(self, call.envelope.message, call.params)
        except Exception as error:
            self._answer(call.envelope, {"error": _told(call, error)})
            return
        if isinstance(result, LogQuery):
            self._wait_for_log(call.envelope, result)
        elif isinstance(result, dict):
            self._answer(call.envelope, result)
        else:
            task = asyncio.create_task(self._finish(call, result))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _finish(self, call: Call, result: Awaitable[Mapping[str, Any]]) -> None:
        try:
            fields = await result
        except Exception as error:
            fields = {"error": _told(call, error)}
        self._answer(call.envelope, fields)

    # -- log_get
    def _wait_for_log(self, envelope: Envelope, query: LogQuery) -> None:
        if self._closed:
            return
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
                    async with asyncio.timeout(STALLED):
                        await self._connection.send(text, text=True)
                    if not self._closed:
                        self.unsent -= len(text)
                        self._api.unsent -= len(text)
                    if self.unsent <= PAUSE:
                        self._room.set()
        except TimeoutError:
            self._cut("takes nothing of what it is sent")
        except ConnectionClosed:
            self.close()

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


def _gate(name: str, auth: ComAuth, random: RandomBytes) -> Gate:
    password = auth.password
    if auth.passfile:
        try:
            password = Path(auth.passfile).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeError) as error:
            raise OperatorError(f"com_auth: passfile {auth.passfile} cannot be read: {error}") from None
    if not password:
        raise OperatorError(f"com_auth: passfile {auth.passfile} is empty: write the password into it")
    return Gate(name, password, random, unsecure=auth.unsecure)


def _tls(config: ImsConfig) -> ssl.SSLContext:
    certificate, key = config.com_ssl_certificate, config.com_ssl_key
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if config.com_ssl_peer_verify:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cafile=certificate)
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(
            f"com_ssl_certificate {certificate} with com_ssl_key {key} cannot be used: {error}"
        ) from None
    return context


def _bound(host: str, port: int) -> socket.socket:
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    sock: socket.socket | None = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is accepted inherits these: a client without power or cable is noticed, though nobody pings
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(2000 * STALLED))
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        sock.bind(address)
        sock.listen(512)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        hint = "is another server running?" if error.errno == errno.EADDRINUSE else "check com_addr"
        raise OperatorError(f"cannot bind tcp {shown} for the remote API: {error.strerror}: {hint}") from None
    return sock


def _silent() -> logging.Logger:
    """What `websockets` has to say of broken handshakes is of no use to anybody."""
    logger = logging.Logger("api", logging.CRITICAL + 1)
    logger.addHandler(logging.NullHandler())
    return logger

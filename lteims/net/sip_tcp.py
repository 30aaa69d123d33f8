"""SIP over TCP (RFC 3261 18): the table of connections, framing, keep-alive, limits; net/sip.py owns one of these.

A connection is found by our address and the peer's, whoever opened it, and is reused while it lives.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from lteims import counters
from lteims.errors import OperatorError
from lteims.net.sip_flow import CLIENT, Endpoint, Flow
from lteims.net.timers import Handle, TimerWheel
from lteims.sip.framing import Framer, FramingError
from lteims.sip.grammar import host_port
from lteims.trace import INFO, SIP, WARN, log

MESSAGE_TIME = 32.0  # seconds that one message may take to arrive, or to be read
CONNECT_TIME = 8.0  # seconds
UNREAD = 1 << 14  # octets that a peer may leave unread for as long as it likes
MAX_UNREAD = 1 << 20  # octets that it may leave unread at all
MAX_WAITING = 256  # messages that wait for one connection to be opened
MAX_PONGS = 16  # CRLFs in answer to what came in one piece
_KEEPALIVE_INTERVAL, _KEEPALIVE_PROBES = 75, 5

OnError = Callable[[], None]


class StreamOwner(Protocol):
    """Who takes what arrives: net/sip.py."""

    def on_stream_message(self, flow: Flow, data: bytes) -> bool:
        """One whole message; False if it is no SIP."""

    def on_stream_lost(self, flow: Flow, error: FramingError) -> None:
        """The stream cannot be framed any more; a last answer may be sent before it is closed."""


class Connection(asyncio.Protocol):
    """One TCP connection, accepted or opened."""

    __slots__ = ("_deadline", "_framer", "_read_by", "_table", "flow", "listens", "queue", "transport")

    def __init__(self, table: "Connections", endpoint: Endpoint, flow: Flow | None = None) -> None:
        self._table = table
        self._framer = Framer()
        self._deadline: Handle | None = None  # of what is arriving, or of the last octets to leave
        self._read_by: Handle | None = None  # of what the peer has still to read
        self.flow = flow or Flow("TCP", endpoint.index, "", 0)
        self.listens = 0  # the port in the Via of its requests
        self.transport: asyncio.Transport | None = None
        self.queue: list[tuple[bytes, OnError | None]] = []  # while it is being opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        peer = stream.get_extra_info("peername")
        if not peer:  # gone between accept and here
            stream.abort()
            return
        self.flow = Flow("TCP", self.flow.local, peer[0].partition("%")[0], peer[1])
        self.transport = stream
        stream.set_write_buffer_limits(high=UNREAD)
        self._table.opened(self)
        for data, _ in self.queue:
            self.write(data)
        self.queue.clear()

    @property
    def usable(self) -> bool:
        """Can something still be sent on it?"""
        return self.transport is not None and not self.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send octets, if they can still be sent."""
        if self.transport is None or self.transport.is_closing():
            return
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.cut("the peer does not read")

    def data_received(self, data: bytes) -> None:
        owner, progressed = self._table.owner, False
        try:
            for message in self._framer.feed(data):
                progressed = True
                if not owner.on_stream_message(self.flow, message):
                    self.cut("what it carries is no SIP")
                if not self.usable:
                    return
        except FramingError as error:
            owner.on_stream_lost(self.flow, error)
            self.cut(str(error))
            return
        if self._framer.pings:  # RFC 5626 3.5.1: CRLF for each double CRLF
            self.write(b"\r\n" * min(self._framer.pings, MAX_PONGS))
            self._framer.pings = 0
        self._watch(progressed)

    def _watch(self, progressed: bool) -> None:
        """A message that has begun must end in time, so that slow senders hold no memory."""
        if self._deadline is not None and (progressed or not self._framer.partial):
            self._table.wheel.cancel(self._deadline)
            self._deadline = None
        if self._deadline is None and self._framer.partial:
            self._deadline = self._wait("a message did not end in time")

    def pause_writing(self) -> None:
        """More than UNREAD octets wait: the peer has MESSAGE_TIME to read them all."""
        if self._read_by is None:
            self._read_by = self._wait("the peer does not read")

    def resume_writing(self) -> None:
        """They have been read."""
        if self._read_by is not None:
            self._table.wheel.cancel(self._read_by)
            self._read_by = None

    def _wait(self, why: str) -> Handle:
        return self._table.wheel.add(self._table.message_time, self.cut, why)

    def cut(self, why: str) -> None:
        """End the connection for a fault of the peer; a last answer may leave, but is not waited for at length."""
        if self.transport is None or self.transport.is_closing():
            return
        counters.inc("sip_tcp_cut")
        log(SIP, WARN, f"connection cut: {why}", id=host_port(self.flow.host, self.flow.port))
        self._forget_timers()
        if self.transport.get_write_buffer_size() > UNREAD:
            self.transport.abort()
        else:
            self.transport.close()
            self._deadline = self._table.wheel.add(self._table.message_time, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timers()
        self._table.closed(self)

    def _forget_timers(self) -> None:
        for timer in (self._deadline, self._read_by):
            if timer is not None:
                self._table.wheel.cancel(timer)
        self._deadline = self._read_by = None


class Connections:
    """All connections of the process, by flow."""

    def __init__(
        self, owner: StreamOwner, wheel: TimerWheel, keepalive: int, limit: int, message_time: float = MESSAGE_TIME
    ) -> None:
        self.owner = owner
        self.wheel = wheel
        self.message_time = message_time
        self._keepalive = keepalive
        self._limit = limit
        self._open: dict[Flow, Connection] = {}
        self._opening: dict[Flow, Connection] = {}
        self._phones: dict[tuple[int, str, int], Flow] = {}  # by our address, and host and port where a phone listens
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._bound: list[tuple[Endpoint, socket.socket]] = []

    def bind(self, endpoint: Endpoint) -> None:
        """Take an endpoint's address; OperatorError when it cannot be had."""
        family = socket.AF_INET6 if endpoint.family == 6 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        where = host_port(endpoint.bind_host, endpoint.bind_port)
        try:
            sock.bind((endpoint.bind_host, endpoint.bind_port))
        except OSError as error:
            sock.close()
            hint = "is another server running?" if error.errno == errno.EADDRINUSE else "check sip_addr and bind_addr"
            raise OperatorError(f"cannot listen on tcp {where}: {error.strerror}; {hint}") from None
        self._bound.append((endpoint, sock))

    async def listen(self) -> None:
        """Accept connections on what was bound."""
        loop = asyncio.get_running_loop()
        while self._bound:
            endpoint, sock = self._bound.pop(0)
            server = await loop.create_server(partial(Connection, self, endpoint), sock=sock, backlog=1024)
            self._servers.append(server)

    def opened(self, connection: Connection) -> None:
        """A connection stands."""
        if connection.flow not in self._opening and self._is_full():
            connection.cut(f"more than {self._limit} connections")
            return
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._keepalive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, min(self._keepalive, 32767))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
        self._open[connection.flow] = connection

    def _is_full(self) -> bool:
        return len(self._open) + len(self._opening) >= self._limit

    def closed(self, connection: Connection) -> None:
        """A connection is gone. Bindings stay: their expiry decides, not the socket."""
        if self._open.get(connection.flow) is connection:
            del self._open[connection.flow]
            self._forget_phone(connection)

    def has(self, flow: Flow) -> bool:
        """Is there a connection on this flow, open or being opened?"""
        connection = self._open.get(flow)
        return (connection is not None and connection.usable) or flow in self._opening

    def heard(self, flow: Flow, port: int) -> None:
        """A request came by a connection whose Via names the port at which that phone listens."""
        connection = self._open.get(flow)
        if connection is not None and connection.listens != port:
            self._forget_phone(connection)
            connection.listens = port
            self._phones[flow.local, flow.host, port] = flow

    def to_phone(self, flow: Flow) -> Flow | None:
        """The connection of the phone that listens there, for requests that have become too large for UDP.

        Several phones may be behind one host; each tells its own port in its Via.
        """
        return self._phones.get((flow.local, flow.host, flow.port))

    def _forget_phone(self, connection: Connection) -> None:
        key = (connection.flow.local, connection.flow.host, connection.listens)
        if self._phones.get(key) == connection.flow:
            del self._phones[key]

    def send(self, endpoint: Endpoint, flow: Flow, data: bytes, on_error: OnError | None) -> None:
        """Send on the flow's connection, opening one if there is none; `on_error` is called if that fails."""
        connection = self._open.get(flow)
        if connection is not None and connection.usable:
            connection.write(data)
            return
        connection = self._opening.get(flow)
        if self._is_full() if connection is None else len(connection.queue) >= MAX_WAITING:
            counters.inc("sip_tcp_connect_failed")
            log(SIP, INFO, "nothing more is sent: too many wait", id=host_port(flow.host, flow.port))
            if on_error is not None:
                asyncio.get_running_loop().call_soon(on_error)
            return
        if connection is None:
            connection = self._opening[flow] = Connection(self, endpoint, flow)
            task = asyncio.get_running_loop().create_task(self._connect(endpoint, flow, connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        connection.queue.append((data, on_error))

    async def _connect(self, endpoint: Endpoint, flow: Flow, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIME):
                if endpoint.side == CLIENT:
                    await loop.create_connection(lambda: connection, sock=await _from_port(endpoint, flow))
                else:
                    await loop.create_connection(
                        lambda: connection, flow.host, flow.port, local_addr=(endpoint.bind_host, 0)
                    )
        except (OSError, TimeoutError) as error:
            log(SIP, INFO, f"tcp connection failed: {error or 'no answer'}", id=host_port(flow.host, flow.port))
            counters.inc("sip_tcp_connect_failed")
            waiting = [on_error for _, on_error in connection.queue if on_error]
            connection.queue.clear()
            del self._opening[flow]
            for on_error in waiting:
                on_error()
        else:
            del self._opening[flow]

    def close_flow(self, flow: Flow) -> None:
        """Close one connection after what is queued has left."""
        connection = self._open.get(flow)
        if connection is not None and connection.transport is not None:
            connection.transport.close()

    async def close(self) -> None:
        """Stop listening and close everything."""
        for server in self._servers:
            server.close()
        for _, sock in self._bound:
            sock.close()
        for task in self._tasks:
            task.cancel()
        for connection in list(self._open.values()):
            if connection.transport is not None:
                connection.transport.close()
        await asyncio.sleep(0)


async def _from_port(endpoint: Endpoint, flow: Flow) -> socket.socket:
    """A socket that is connected from a protected client port, which many phones share (TS 33.203 7.1)."""
    sock = socket.socket(socket.AF_INET6 if endpoint.family == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((endpoint.bind_host, endpoint.bind_port))
        await asyncio.get_running_loop().sock_connect(sock, (flow.host, flow.port))
    except BaseException:
        sock.close()
        raise
    return sock

"""How a virtual phone's octets travel: its ports, clear or protected, over UDP and TCP (RFC 3261 18, TS 33.203 7.1).

A Path has a client and a server port at each end; in clear text both are one. Over protected ports everything leaves
from the client port, UDP is heard on the server port, and each TCP connection goes from a client to a server port.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lteims.net.udp import Address, UdpSocket, free_port, open_udp, resolve
from lteims.sim.errors import SimError
from lteims.sip.framing import Framer, FramingError
from lteims.sip.grammar import host_port

_BUFFER = 256 << 10  # octets; a phone hears little at a time


@dataclass(frozen=True, slots=True)
class Ends:
    """One side of a path: a numeric address, the port that it sends from and the port that it listens on."""

    host: str
    client: int
    server: int

    @property
    def sent_by(self) -> str:
        """Where this side is reached, for Via and Contact."""
        return host_port(self.host, self.server)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Which way a message came: "UDP" or "TCP", the stream it came by, whether over protected ports."""

    transport: str
    stream: "Stream | None" = None
    protected: bool = False


class Datagrams(Protocol):
    """A UDP port: UdpSocket, or a port of the user-space ESP."""

    def send(self, data: bytes, addr: Address) -> bool:
        """Send one datagram; False if it was not taken."""

    def close(self) -> None:
        """Let go of the port."""


OnMessage = Callable[["Path", Arrival, bytes], None]
OpenPort = Callable[[str, int, Callable[[bytes, Address], None]], Datagrams]


class Stream(asyncio.Protocol):
    """One TCP connection, cut into messages; what is sent before it stands waits."""

    def __init__(self, path: "Path") -> None:
        self._path = path
        self._framer = Framer()
        self._waiting: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: it stands."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        for data in self._waiting:
            transport.write(data)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """asyncio: octets came."""
        try:
            for message in self._framer.feed(data):
                self._path.on_stream_message(self, message)
        except FramingError:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is gone."""
        self.closed = True
        self._path.on_stream_closed(self)

    def write(self, data: bytes) -> None:
        """Send one message."""
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close it."""
        self.closed = True
        if self._transport is not None:
            self._transport.close()


class Path:
    """The sockets of one phone between one pair of ends."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ours: Ends,
        theirs: Ends,
        on_message: OnMessage,
        *,
        protected: bool = False,
        open_port: OpenPort | None = None,
        before: "Path | None" = None,
    ) -> None:
        """`open_port` gives UDP ports of another kind than the kernel's; `before` is a path whose server port this one
        takes over, as that of a phone stays the same (TS 33.203 7.1). LteimsError where a port cannot be had.
        """
        self.ours = ours
        self.theirs = theirs
        self.protected = protected
        self.udp_only = False  # ESP of this process carries no TCP
        self.on_lost: Callable[[], None] | None = None  # a connection of ours could not be made
        self._loop = loop
        self._on_message = on_message
        self._streams: set[Stream] = set()
        self._out: Stream | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        opener = open_port or self._open_port
        self._listening: Datagrams
        self._heir: Path | None = None  # who has taken the server port over
        if before is not None:
            before._heir = self
            self._listener, self._listening = before._listener, before._listening
        else:
            self._listening = opener(ours.host, ours.server, self._on_datagram)
        self._sending = (
            self._listening if ours.client == ours.server else opener(ours.host, ours.client, self._on_datagram)
        )

    def _open_port(self, host: str, port: int, on_datagram: Callable[[bytes, Address], None]) -> Datagrams:
        return UdpSocket(self._loop, open_udp(host, port, _BUFFER), on_datagram, drain=4)

    async def listen(self) -> None:
        """Take TCP connections on the server port too (RFC 3261 18.1.1); OSError if another program has it."""
        self._listener = await self._loop.create_server(self._accepted, self.ours.host, self.ours.server)

    def _accepted(self) -> Stream:
        if self._heir is not None:
            return self._heir._accepted()
        return self._new_stream()

    def _new_stream(self) -> Stream:
        stream = Stream(self)
        self._streams.add(stream)
        return stream

    # -- sending
    def send(self, data: bytes, transport: str) -> None:
        """A message to the server's port for requests."""
        if transport == "TCP":
            self._connection().write(data)
        else:
            self._sending.send(data, (self.theirs.host, self.theirs.server))

    def answer(self, data: bytes, arrival: Arrival, address: tuple[str, int]) -> None:
        """A response: by the stream of its request, or in a datagram to what the Via says."""
        if arrival.stream is not None and not arrival.stream.closed:
            arrival.stream.write(data)
        elif arrival.transport == "TCP":
            self.send(data, "TCP")
        else:
            self._sending.send(data, address)

    def _connection(self) -> Stream:
        if self._out is None or self._out.closed:
            self._out = self._new_stream()
            task = self._loop.create_task(self._connect(self._out))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._out

    async def _connect(self, stream: Stream) -> None:
        """From the client port where the SAs want it, again too while the one before lingers."""
        address = (self.theirs.host, self.theirs.server)
        sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self.ours.host, self.ours.client if self.protected else 0))
            await self._loop.sock_connect(sock, address)
            await self._loop.create_connection(lambda: stream, sock=sock)
        except OSError:
            sock.close()
            stream.closed = True
            self._streams.discard(stream)
            if self.on_lost is not None:
                self.on_lost()
        except asyncio.CancelledError:
            sock.close()
            raise

    # -- receiving
    def _on_datagram(self, data: bytes, addr: Address) -> None:
        if self._heir is not None:
            self._heir._on_datagram(data, addr)
        elif data.strip(b"\r\n\0 "):
            self._on_message(self, Arrival("UDP", None, self.protected), data)

    def on_stream_message(self, stream: Stream, data: bytes) -> None:
        """A stream of ours brought a message."""
        self._on_message(self, Arrival("TCP", stream, self.protected), data)

    def on_stream_closed(self, stream: Stream) -> None:
        """A stream of ours is gone; the next request opens another."""
        self._streams.discard(stream)

    def hang_up(self) -> bool:
        """Close the TCP connections; were there any?"""
        found = bool(self._streams)
        for stream in tuple(self._streams):
            stream.close()
        return found

    def close(self) -> None:
        """Close every socket, but the server port that another path has taken over."""
        if self._heir is None:
            self._listening.close()
        if self._sending is not self._listening:
            self._sending.close()
        for task in self._tasks:
            task.cancel()
        self.hang_up()
        if self._listener is not None and self._heir is None:
            self._listener.close()


def clear_ends(host: str, port: int = 0) -> Ends:
    """Our end of a path in clear text: one port for everything, free for UDP and TCP unless it is given."""
    port = port or free_port(host)
    return Ends(host, port, port)


def local_host(server: str) -> str:
    """Our address towards a server, by the routing table; OSError if there is no way."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
        probe.connect((server, 9))  # sends nothing
        return str(probe.getsockname()[0])


def server_ends(server: str) -> Ends:
    """The server's end of a path in clear text out of HOST:PORT; 5060 where no port is given. SimError otherwise."""
    host, colon, port = server.rpartition(":")
    if not colon or server.endswith("]") or (":" in host and not host.startswith("[")):
        host, port = server, "5060"
    host = host.removeprefix("[").removesuffix("]")
    try:
        number = int(port)
        resolve(host, number)
    except (ValueError, OSError):
        raise SimError(f"server {server!r} is not a numeric HOST:PORT") from None
    return Ends(host, number, number)

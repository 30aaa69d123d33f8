"""What carries Diameter messages: an SCTP association or a TCP connection (RFC 6733 2.1), made or accepted.

net/diameter.py uses them alike; which of them it is says the prefix of the address in the configuration.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import Final, Protocol, cast

from lteims.config.endpoint import Endpoint
from lteims.diameter.errors import DiameterError
from lteims.diameter.message import Stream
from lteims.diameter.peer import SETUP_TIME
from lteims.diameter.peer_events import IpAddress
from lteims.net import sctp

QUEUE: Final = 4 << 20  # octets that may wait for a peer that does not read
_TCP: Final = {
    socket.TCP_NODELAY: 1,
    socket.TCP_USER_TIMEOUT: 20_000,  # ms without an acknowledgement, as long as SCTP tries; the kernel's 15 minutes...
    socket.TCP_KEEPIDLE: 30,  # ... and 2 hours are for others: requests wait to go to another peer
    socket.TCP_KEEPINTVL: 5,
}


class User(Protocol):
    """Who hears of a link."""

    def on_message(self, data: bytes) -> None:
        """A whole message."""

    def on_lost(self, why: str) -> None:
        """The link is gone; not said after `close`."""


class Link(Protocol):
    """One connection."""

    @property
    def addresses(self) -> tuple[IpAddress, ...]:
        """Ours."""

    @property
    def remote(self) -> str:
        """The peer's, for the log."""

    def start(self, user: User) -> None:
        """Say who hears of it; at once after it was made."""

    def send(self, data: bytes) -> None:
        """Send a message."""

    def close(self) -> None:
        """End it once what was sent is out."""


class SctpLink:
    """An association; messages go on stream 0 in order, as Diameter over one stream is what every peer does."""

    def __init__(self, association: sctp.Association) -> None:
        self._association = association
        self.addresses = tuple(_address(host) for host, _ in association.local())
        self.remote = next((_text(host, port) for host, port in association.remote()), "?")

    def start(self, user: User) -> None:
        """As Link says. Peers put 46, 0 and other things into the payload protocol identifier: all are taken."""
        self._association.start(lambda data, ppid, stream: user.on_message(data), user.on_lost)

    def send(self, data: bytes) -> None:
        """As Link says."""
        self._association.send(data, sctp.PPID_DIAMETER)

    def close(self) -> None:
        """As Link says."""
        self._association.close()


class TcpLink(asyncio.Protocol):
    """A TCP connection."""

    addresses: tuple[IpAddress, ...] = ()
    remote = "?"

    def __init__(self, on_made: Callable[["TcpLink"], None] | None = None) -> None:
        self._on_made = on_made
        self._transport: asyncio.Transport | None = None
        self._stream = Stream()
        self._user: User | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from none of asyncio's
        ours, theirs = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        self.addresses = (_address(ours[0]),) if ours else ()
        self.remote = _text(theirs[0], theirs[1]) if theirs else "?"
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _TCP.items():
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
        if self._on_made is not None:
            self._on_made(self)

    def start(self, user: User) -> None:
        """As Link says."""
        self._user = user

    def send(self, data: bytes) -> None:
        """As Link says."""
        if self._transport is None:
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > QUEUE:
            self._lose("it does not read")

    def data_received(self, data: bytes) -> None:
        """Of asyncio. A stream out of step cannot be mended, so it is ended (RFC 6733 7.1.5, 5015)."""
        try:
            for message in self._stream.feed(data):
                if self._user is not None:
                    self._user.on_message(message)
        except DiameterError as error:
            self._lose(f"out of step: {error.why}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Of asyncio."""
        self._lose(str(exc) if exc else "closed by the peer")

    def _lose(self, why: str) -> None:
        user, self._user = self._user, None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if user is not None:
            user.on_lost(why)

    def close(self) -> None:
        """As Link says."""
        self._user = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None


async def connect(loop: asyncio.AbstractEventLoop, server: Endpoint, bind: Endpoint | None) -> Link:
    """A link to the first address of the server that answers; OSError, or NoSctp.

    The time that the peer machine gives is for all of them: one that is silent leaves the others their turn.
    """
    family = socket.AF_UNSPEC if bind is None else socket.AF_INET6 if bind.is_ipv6 else socket.AF_INET
    found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    last: OSError = OSError(0, f"{server.host} has no address of the kind of {bind}")
    hosts = list(dict.fromkeys(str(each[4][0]) for each in found if family in (socket.AF_UNSPEC, each[0])))
    local = None if bind is None else (bind.host, bind.port)
    for number, host in enumerate(hosts, 1):
        try:
            async with asyncio.timeout(None if number == len(hosts) else SETUP_TIME / len(hosts)):
                return await _connect_to(loop, (host, server.port), server.transport, local)
        except TimeoutError:
            last = TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        except OSError as error:
            last = error
    raise last


async def _connect_to(
    loop: asyncio.AbstractEventLoop, remote: sctp.Address, transport: str, local: sctp.Address | None
) -> Link:
    if transport == "tcp":
        return await _connect_tcp(loop, remote, local)
    return SctpLink(await sctp.connect(loop, [remote], [local] if local else []))


async def _connect_tcp(loop: asyncio.AbstractEventLoop, remote: sctp.Address, local: sctp.Address | None) -> TcpLink:
    """A fixed port of ours can be used again at once after a connection was lost, which create_connection forbids."""
    sock = socket.socket(socket.AF_INET6 if ":" in remote[0] else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if local is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(local)
        await loop.sock_connect(sock, remote)
        _, link = await loop.create_connection(TcpLink, sock=sock)
    except BaseException:
        sock.close()
        raise
    return link


def without_sctp() -> str:
    """Why there is no Diameter over SCTP on this machine, and what to do; "" where there is."""
    lack = sctp.missing()
    return lack and f"{lack}, or write tcp: before the address where the peer speaks Diameter over TCP"


class Listening(Protocol):
    """What accepts links."""

    @property
    def port(self) -> int:
        """The port that it has."""

    def close(self) -> None:
        """Accept no more."""


class _TcpListener:
    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.close()


async def listen(loop: asyncio.AbstractEventLoop, endpoint: Endpoint, on_link: Callable[[Link], None]) -> Listening:
    """Accept links; OSError, or OperatorError for SCTP."""
    if endpoint.transport == "tcp":
        server = await loop.create_server(partial(TcpLink, on_link), endpoint.host, endpoint.port, reuse_address=True)
        return _TcpListener(server)
    if lack := without_sctp():
        raise sctp.NoSctp(lack)
    return sctp.Listener(loop, [(endpoint.host, endpoint.port)], partial(_on_association, on_link))


def _on_association(on_link: Callable[[Link], None], association: sctp.Association) -> None:
    try:
        link = SctpLink(association)
    except OSError:  # gone again already
        association.close()
    else:
        on_link(link)


def _address(host: str) -> IpAddress:
    with suppress(ValueError):
        return ip_address(host.partition("%")[0])
    return ip_address("0.0.0.0")


def _text(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

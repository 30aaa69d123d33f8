"""SCTP on the event loop by pysctp (RFC 9260, 6458): one-to-one associations, made or accepted; with several addresses.

The ground of Diameter (net/diameter.py) and of SGsAP. Messages keep their boundaries, streams and payload protocol
identifiers. One-to-many sockets are not needed: an accepted association is a socket of its own.
"""

import asyncio
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import sctp

from lteims.errors import OperatorError

Address = tuple[str, int]  # host without brackets, port
OnMessage = Callable[[bytes, int, int], None]  # data, payload protocol identifier, stream
OnLost = Callable[[str], None]

PPID_DIAMETER: Final = 46
LONGEST: Final = 1 << 18  # octets of a message that we take
QUEUE: Final = 4 << 20  # octets that may wait for a peer that does not read
CLOSE_TIME: Final = 20.0  # seconds that what was sent has to get out when an association is closed
DRAIN: Final = 64  # messages a wake-up, then the other sockets get their turn
_BUFFER: Final = 1 << 20
_PIECE: Final = 65536
_ATTEMPTS, _INIT_TIME = 4, 2000  # INITs, and the longest wait for the answer to one, in ms
_RTO: Final = (1000, 4000, 500)  # ms: first, longest, shortest; the kernel's 60 s are for other networks
_RETRANSMISSIONS: Final = 6  # in a row, then the association is lost: some 20 s


class NoSctp(OperatorError):
    """This kernel has no SCTP; the text says what to do."""


def missing() -> str:
    """Why SCTP cannot be used on this machine; "" if it can."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError as error:
        return (
            f"this kernel has no SCTP ({error.strerror}): modprobe sctp (packages: linux-modules-extra or"
            " kernel-modules-extra)"
        )
    return ""


def _open(addresses: Sequence[Address]) -> Any:
    """A non-blocking one-to-one socket for addresses of this kind; NoSctp where there is no such thing."""
    family = socket.AF_INET6 if any(":" in host for host, _ in addresses) else socket.AF_INET
    try:
        sock = sctp.sctpsocket_tcp(family)
    except OSError as error:
        if error.errno == errno.EPROTONOSUPPORT:
            raise NoSctp(missing()) from None
        raise
    plain = sock.sock()
    plain.setblocking(False)
    _configure(sock)
    return sock


def _configure(sock: Any) -> None:
    plain = sock.sock()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.nodelay = True
    sock.events.clear()
    sock.events.data_io = True  # else stream and identifier of a message mean nothing
    sock.events.association = True
    sock.events.shutdown = True
    with suppress(OSError):
        times = sctp.rtoinfo()
        times.assoc_id = 0
        times.initial, times.max, times.min = _RTO
        sock.set_rtoinfo(times)
    with suppress(OSError):
        parameters = sock.get_assocparams()
        parameters.assocmaxrxt = _RETRANSMISSIONS
        sock.set_assocparams(parameters)


def _bind(sock: Any, addresses: Sequence[Address]) -> None:
    sock.sock().setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if len(addresses) == 1:
        sock.bind(addresses[0])
    elif addresses:
        sock.bindx(list(addresses))


async def connect(
    loop: asyncio.AbstractEventLoop, remote: Sequence[Address], local: Sequence[Address] = ()
) -> "Association":
    """An association to the peer at these addresses of it, numeric ones; OSError or NoSctp. Call `start` at once."""
    sock = _open([*remote, *local])
    try:
        sock.initparams.max_attempts = _ATTEMPTS
        sock.initparams.max_init_timeo = _INIT_TIME
        _bind(sock, local)
        try:
            if len(remote) == 1:
                sock.connect(remote[0])
            else:
                sock.connectx(list(remote))
        except BlockingIOError:
            await _writable(loop, sock.fileno())
            code = sock.sock().getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code)) from None
        return Association(loop, sock)
    except BaseException:
        sock.close()
        raise


async def _writable(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    ready = asyncio.Event()
    loop.add_writer(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(fd)


class Association:
    """One association; `start` says who hears of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: Any) -> None:
        self._loop = loop
        self._sock: Any = sock
        self._fd: int = sock.fileno()
        self._pieces: list[bytes] = []
        self._received = 0  # octets of the pieces
        self._queue: deque[tuple[bytes, int, int]] = deque()
        self._waiting = 0  # octets in the queue
        self._closing = False
        self._lost = ""  # why
        self._tolerated = False
        self._on_message: OnMessage | None = None
        self._on_lost: OnLost | None = None

    def start(self, on_message: OnMessage, on_lost: OnLost) -> None:
        """Hear messages from now on, and once that the association is gone, unless we end it; now, if it is gone."""
        if self._sock is None:  # its number may be another socket's
            if self._lost:
                on_lost(self._lost)
            return
        self._on_message, self._on_lost = on_message, on_lost
        self._loop.add_reader(self._fd, self._read)

    def local(self) -> list[Address]:
        """Our addresses of it."""
        return [] if self._sock is None else [(str(host), int(port)) for host, port in self._sock.getladdrs()]

    def remote(self) -> list[Address]:
        """The peer's addresses."""
        return [] if self._sock is None else [(str(host), int(port)) for host, port in self._sock.getpaddrs()]

    def streams(self) -> int:
        """How many streams lead to the peer; what is sent by another one ends the association."""
        return 1 if self._sock is None else int(self._sock.get_status().outstrms)

    def send(self, data: bytes, ppid: int = 0, stream: int = 0) -> None:
        """Send a message, at once or once the kernel has room; what an association lost has left goes nowhere."""
        if self._sock is None or self._closing:
            return
        if self._queue or not self._put(data, ppid, stream):
            self._queue.append((data, ppid, stream))
            self._waiting += len(data)
            if self._waiting > QUEUE:
                self._lose("it does not read")

    def _put(self, data: bytes, ppid: int, stream: int) -> bool:
        """False if there is no room now."""
        try:
            self._sock.sctp_send(data, ppid=ppid, stream=stream)
        except (BlockingIOError, InterruptedError):
            self._loop.add_writer(self._fd, self._flush)
            return False
        except OSError as error:
            self._lose(error.strerror or str(error))
        return True

    def _flush(self) -> None:
        while self._queue and self._sock is not None:
            data, ppid, stream = self._queue[0]
            if not self._put(data, ppid, stream):
                return
            if self._queue:
                self._queue.popleft()
                self._waiting -= len(data)
        if self._sock is not None:
            self._loop.remove_writer(self._fd)
            if self._closing:
                self._end()

    def _read(self) -> None:
        for _ in range(DRAIN):
            if self._sock is None:
                return
            try:
                _, flags, data, about = self._sock.sctp_recv(_PIECE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._unreadable(error)
                return
            if flags & sctp.FLAG_NOTIFICATION:
                self._notified(about)
            elif data:
                self._piece(data, bool(flags & sctp.FLAG_EOR), about)
            else:
                self._lose("closed by the peer")

    def _unreadable(self, error: OSError) -> None:
        """The first read after an accept may say EINVAL, and the next one not: the loop calls again."""
        if error.errno == errno.EINVAL and not self._tolerated:
            self._tolerated = True
        else:
            self._lose(error.strerror or str(error))

    def _piece(self, data: bytes, whole: bool, about: Any) -> None:
        """A message longer than what one call takes comes in pieces (RFC 6458 8.1.20)."""
        if whole and not self._pieces:
            self._deliver(data, about)
            return
        self._pieces.append(data)
        self._received += len(data)
        if self._received > LONGEST:
            self._lose(f"a message of more than {LONGEST} octets")
        elif whole:
            message = b"".join(self._pieces)
            self._pieces, self._received = [], 0
            self._deliver(message, about)

    def _deliver(self, data: bytes, about: Any) -> None:
        if self._on_message is not None:
            # pysctp turns the identifier of what is sent into network order, but not back again
            self._on_message(data, socket.ntohl(about.ppid), about.stream)

    def _notified(self, about: Any) -> None:
        if isinstance(about, sctp.shutdown_event):
            self._lose("closed by the peer")
        elif isinstance(about, sctp.assoc_change) and about.state in (
            sctp.assoc_change.state_COMM_LOST,
            sctp.assoc_change.state_SHUTDOWN_COMP,
            sctp.assoc_change.state_RESTART,  # the peer has begun anew and knows nothing of what was
        ):
            restarted = about.state == sctp.assoc_change.state_RESTART
            self._lose("the peer has restarted" if restarted else "aborted")

    def _lose(self, why: str) -> None:
        if self._sock is None:
            return
        on_lost, closing = self._on_lost, self._closing
        self._lost = why
        self._end()
        if on_lost is not None and not closing:
            on_lost(why)

    def _end(self) -> None:
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._sock.close()
        self._sock = None
        self._queue.clear()
        self._on_message = self._on_lost = None

    def close(self) -> None:
        """End it in order (SHUTDOWN), once what was sent is out; nobody hears of it again."""
        if self._sock is None:
            return
        self._on_message = self._on_lost = None
        self._closing = True
        if self._queue:  # a peer that lives and does not read keeps it for ever otherwise
            self._loop.call_later(CLOSE_TIME, self.abort)
        else:
            self._end()

    def abort(self) -> None:
        """End it at once (ABORT)."""
        if self._sock is not None:
            with suppress(OSError):
                self._sock.sock().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._end()


class Listener:
    """Accepts associations."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        addresses: Sequence[Address],
        on_association: Callable[[Association], None],
    ) -> None:
        """OperatorError where the addresses cannot be had, NoSctp among them."""
        self._loop = loop
        self._on_association = on_association
        where = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in addresses)
        try:
            self._sock = _open(addresses)
            _bind(self._sock, addresses)
            self._sock.listen(64)
        except OSError as error:
            raise OperatorError(f"cannot listen on sctp {where}: {error.strerror}; check the address") from None
        loop.add_reader(self._sock.fileno(), self._accept)

    @property
    def port(self) -> int:
        """The port, which may have been any."""
        return int(self._sock.sock().getsockname()[1])

    def _accept(self) -> None:
        for _ in range(DRAIN):
            try:
                sock, _ = self._sock.accept()
            except OSError:  # none left, or one that is gone already
                return
            try:
                sock.sock().setblocking(False)
                _configure(sock)
            except OSError:
                sock.close()
                continue
            self._on_association(Association(self._loop, sock))

    def close(self) -> None:
        """Accept no more; what was accepted stays."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

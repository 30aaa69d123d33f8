"""One UDP socket on the event loop, read by an own drain loop: about a quarter of the cost of asyncio's transport.

RFC 768, 3542; errors that ICMP brings by RFC 3261 18.4. Used by net/rtp.py and net/sip.py. Works on asyncio and uvloop.
"""

import asyncio
import contextlib
import errno
import os
import select
import socket
import sys
from collections.abc import Callable
from typing import Literal

from lteims.errors import OperatorError

Address = tuple[str, int] | tuple[str, int, int, int]  # as the kernel gives it: IPv6 has flow and scope behind
OnDatagram = Callable[[bytes, Address], None]
OnError = Callable[[Address | None, OSError], None]

DRAIN = 64  # datagrams a wake-up, then the other sockets get their turn
PATIENCE = 16  # wake-ups that brought one datagram, after which the next one is looked for by the loop alone
MAX_DATAGRAM = 65535
BUFFER = 4 << 20  # octets each way; the kernel cuts it to net.core.rmem_max and wmem_max

# <linux/in.h> and <linux/in6.h>; the socket module of 3.11 lacks them
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_ENDIAN: Literal["little", "big"] = sys.byteorder


class BindError(OperatorError):
    """A UDP socket could not be bound; `errno` says why to a program, the text to a person."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.errno = code


_MEND = {
    errno.EADDRINUSE: "another program has this port (`ss -ulpn` shows which): stop it or configure another port",
    errno.EADDRNOTAVAIL: "no interface has this address: configure one that `ip address` lists, or add it there",
    errno.EACCES: "ports below 1024 need the capability NET_BIND_SERVICE: grant it or configure a higher port",
    errno.EMFILE: "too many open files: raise the limit (`ulimit -n`, or LimitNOFILE= of the service)",
    errno.EAFNOSUPPORT: "this kernel has no IPv6: configure an IPv4 address",
    errno.EINVAL: "write it as a numeric IPv4 or IPv6 address and a port of 0 to 65535",
}


def resolve(host: str, port: int) -> Address:
    """A numeric address as the kernel writes it; OSError for a name, as looking one up would block the loop."""
    if not 0 <= port <= 65535:
        raise OSError(errno.EINVAL, f"{port} is no port")
    try:
        if ":" not in host:  # inet_pton is strict, where getaddrinfo takes "10.1" for 10.0.0.1
            return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, host)), port
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (OSError, ValueError) as exc:
        raise OSError(errno.EINVAL, "not a numeric IP address and port") from exc
    address: Address = found[0][4]  # type: ignore[assignment]
    return address


def address_text(address: Address | None) -> str:
    """An address as logs and the remote API show it: 192.0.2.1:5060, [2001:db8::1]:5060; "" for None."""
    if address is None:
        return ""
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def open_udp(host: str, port: int, buffer: int = BUFFER) -> socket.socket:
    """A bound non-blocking socket; port 0 takes any. IPv6 sockets hear IPv6 alone, and no port is shared.

    Raises BindError with what, the effect and what to do.
    """
    host = host.removeprefix("[").removesuffix("]")
    try:
        address = resolve(host, port)
        family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as exc:
        raise _bind_error(host, port, exc) from exc
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        raise _bind_error(host, port, exc) from exc
    return sock


def _bind_error(host: str, port: int, exc: OSError) -> BindError:
    code = exc.errno or errno.EINVAL
    what = f"cannot bind udp {address_text((host, port))}: {exc.strerror or os.strerror(code)}"
    mend = _MEND.get(code, "check the address and the port")
    return BindError(f"{what}; nothing is received there; {mend}", code)


def free_port(host: str, tries: int = 100) -> int:
    """A port that is free for UDP and for TCP on a numeric address, for a sip_addr with port 0."""
    for _ in range(tries):
        with open_udp(host, 0) as udp, socket.socket(udp.family, socket.SOCK_STREAM) as tcp:
            port = int(udp.getsockname()[1])
            with contextlib.suppress(OSError):
                tcp.bind((host, port))
                return port
    raise BindError(f"no port of {host} is free for both UDP and TCP", errno.EADDRINUSE)


class UdpSocket:
    """Reads a socket and hands each datagram on; owns the socket from then on.

    `on_datagram(data, addr)` may close this socket or any other. With `on_error(addr, error)` an ICMP error is
    reported with the destination that it is about (None if unknown); without it the kernel keeps such errors.
    `drain` is the number of datagrams read at a wake-up: many for a socket that serves everybody; 1 for one that
    hardly ever holds two, which saves the read that finds nothing. Of the first kind, too, most wake-ups bring one
    datagram unless there is a rush; so while they do, only each PATIENCEth looks for a second one.
    """

    __slots__ = (
        "_drain",
        "_loop",
        "_on_datagram",
        "_on_error",
        "_poll",
        "_recvfrom",
        "_sendto",
        "_singly",
        "closed",
        "dropped_count",
        "local",
        "sock",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_datagram: OnDatagram,
        on_error: OnError | None = None,
        drain: int = DRAIN,
    ) -> None:
        self._loop = loop
        self.sock = sock
        self.local: Address = sock.getsockname()
        self.closed = False
        self.dropped_count = 0  # datagrams that the kernel's send buffer had no room for
        self._on_datagram = on_datagram
        self._on_error = on_error
        self._recvfrom = sock.recvfrom
        self._sendto = sock.sendto
        self._drain = range(drain)
        self._singly = 0  # wake-ups that read one datagram and leave it at that
        self._poll: select.epoll | None = None
        loop.add_reader(self._watch(), self._on_readable)

    def _watch(self) -> int:
        """The descriptor that the loop watches."""
        if self._on_error is None:
            return self.sock.fileno()
        if self.sock.family == socket.AF_INET6:
            self.sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            self.sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        # An ICMP error makes the socket POLLERR, on which libuv stops watching it for good. An epoll descriptor
        # between them is only ever readable.
        self._poll = select.epoll()
        self._poll.register(self.sock.fileno(), select.EPOLLIN)
        return self._poll.fileno()

    def _on_readable(self) -> None:
        recvfrom, on_datagram = self._recvfrom, self._on_datagram
        for count in self._drain:
            try:
                data, addr = recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                if count == 1:
                    self._singly = PATIENCE
                return
            except OSError as exc:
                if not self.closed:  # else a handler has closed it under us
                    self._report(None, exc)
                return
            on_datagram(data, addr)
            if self._singly:  # what may be there still wakes the loop again
                self._singly -= 1
                return

    def send(self, data: bytes, addr: Address) -> bool:
        """Send one datagram; False if it was not taken: no room (counted), no route, too long, closed."""
        try:
            self._sendto(data, addr)
        except BlockingIOError:
            self.dropped_count += 1
            return False
        except OSError as exc:
            return self._send_failed(data, addr, exc)
        return True

    def _send_failed(self, data: bytes, addr: Address, exc: OSError) -> bool:
        if self.closed:
            return False
        if self._on_error is None or not self._report_queued():
            self._report(addr, exc)
            return False
        if self.closed:  # by whom we told
            return False
        # The error was an older datagram's, handed to us by this call: this one has not been tried yet
        try:
            self._sendto(data, addr)
        except OSError as again:
            self._report(addr, again)
            return False
        return True

    def _report(self, addr: Address | None, exc: OSError) -> None:
        if self._on_error is not None and (addr is not None or not self._report_queued()):
            self._on_error(addr, exc)

    def _report_queued(self) -> bool:
        """Empty the kernel's error queue (ip(7), IP_RECVERR); True if there was something in it."""
        found = False
        for _ in range(DRAIN):
            try:
                _, ancillary, _, addr = self.sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            found = True
            code = int.from_bytes(ancillary[0][2][:4], _ENDIAN) if ancillary else errno.ECONNREFUSED
            if self._on_error is not None:
                self._on_error(addr or None, OSError(code, os.strerror(code)))
        return found

    def close(self) -> None:
        """Stop reading and close; a second time does nothing."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._poll.fileno() if self._poll else self.sock.fileno())
        if self._poll:
            self._poll.close()
        self.sock.close()

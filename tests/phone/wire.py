"""How a test phone's octets travel: a UDP socket, or a TCP connection cut into messages; IPv4 and IPv6, blocking."""

import select
import socket
import time
from typing import Protocol

from lteims.sip.framing import Framer

Address = tuple[str, int]


class Wire(Protocol):
    """One way to the server."""

    transport: str
    host: str
    port: int

    def send(self, data: bytes) -> None:
        """One message."""

    def receive(self, within: float) -> bytes:
        """The next message; b"" if none comes in so many seconds."""

    def close(self) -> None:
        """Close the socket."""


class Udp:
    """A datagram socket on the server's loopback address."""

    transport = "UDP"

    def __init__(self, server: Address, port: int = 0, host: str = "") -> None:
        self._server = server
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sock.bind((host or server[0], port))
        self.host, self.port = self._sock.getsockname()[:2]

    def send(self, data: bytes) -> None:
        self._sock.sendto(data, self._server)

    def receive(self, within: float) -> bytes:
        readable, _, _ = select.select([self._sock], [], [], within)
        return self._sock.recv(65535) if readable else b""

    def close(self) -> None:
        self._sock.close()


class Tcp:
    """A connection that the phone opens, and that the server uses both ways."""

    transport = "TCP"

    def __init__(self, server: Address) -> None:
        self._sock = socket.create_connection(server, 5)
        self._framer = Framer()
        self._messages: list[bytes] = []
        self.host, self.port = self._sock.getsockname()[:2]

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def receive(self, within: float) -> bytes:
        end = time.monotonic() + within
        while not self._messages:
            readable, _, _ = select.select([self._sock], [], [], max(0.0, end - time.monotonic()))
            data = self._sock.recv(65535) if readable else b""
            if not data:
                return b""
            self._messages += self._framer.feed(data)
        return self._messages.pop(0)

    def close(self) -> None:
        self._sock.close()

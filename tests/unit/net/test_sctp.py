"""An association whose socket is made up: what is left of it when the peer does not read. The lab has the rest."""

import errno
import socket
from collections.abc import Callable
from typing import Any, cast

from lteims.net import sctp
from lteims.net.sctp import CLOSE_TIME, Association


class Loop:
    """An event loop that only remembers."""

    def __init__(self) -> None:
        self.writers: dict[int, Callable[[], None]] = {}
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.read: list[int] = []

    def add_writer(self, fd: int, callback: Callable[[], None]) -> None:
        self.writers[fd] = callback

    def remove_writer(self, fd: int) -> None:
        self.writers.pop(fd, None)

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        self.read.append(fd)

    def remove_reader(self, fd: int) -> None:
        """Nobody says anything."""

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.later.append((delay, callback))


class Socket:
    """pysctp's: `full` has no room."""

    def __init__(self) -> None:
        self.full = True
        self.reset = False
        self.closed = False
        self.sent: list[bytes] = []
        self.options: list[int] = []

    def fileno(self) -> int:
        return 7

    def sock(self) -> "Socket":
        return self

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        self.options.append(option)

    def sctp_send(self, data: bytes, ppid: int, stream: int) -> None:
        if self.reset:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        if self.full:
            raise BlockingIOError
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True


def ends() -> tuple[Association, Loop, Socket, list[str]]:
    loop, sock, lost = Loop(), Socket(), list[str]()
    association = Association(cast(Any, loop), sock)
    association.start(lambda data, ppid, stream: None, lost.append)
    return association, loop, sock, lost


def test_what_was_sent_gets_out_before_the_end() -> None:
    association, loop, sock, lost = ends()
    association.send(b"leave")
    association.close()
    assert not sock.closed
    sock.full = False
    loop.writers[7]()
    assert (sock.sent, sock.closed, lost) == ([b"leave"], True, [])
    ((_, give_up),) = loop.later
    give_up()
    assert sock.options == []


def test_a_peer_that_does_not_read_keeps_no_association_that_was_closed() -> None:
    association, loop, sock, lost = ends()
    association.send(b"leave")
    association.close()
    ((delay, give_up),) = loop.later
    assert delay == CLOSE_TIME
    give_up()
    assert sock.closed
    assert sock.options == [socket.SO_LINGER]  # ABORT
    assert not lost
    assert not loop.writers


def test_a_peer_that_does_not_read_is_lost() -> None:
    association, _, sock, lost = ends()
    for _ in range(sctp.QUEUE // 100_000 + 1):
        association.send(bytes(100_000))
    assert lost == ["it does not read"]
    assert sock.closed


def test_what_is_lost_before_anybody_hears_is_told_then() -> None:
    """An MME that connects and aborts: our reset is sent before its messages are read."""
    loop, sock, lost = Loop(), Socket(), list[str]()
    sock.reset = True
    association = Association(cast(Any, loop), sock)
    association.send(b"reset")
    assert sock.closed
    association.start(lambda data, ppid, stream: None, lost.append)
    assert lost == ["Connection reset by peer"]
    assert loop.read == []  # the descriptor may be another socket's by now

"""How a UDP socket is read: one datagram a wake-up while they come singly, all that are there in a rush."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from lteims.net.udp import PATIENCE, UdpSocket, open_udp


class Loop:
    """Keeps the reader, which the test calls as the event loop would."""

    def add_reader(self, descriptor: int, callback: Any) -> None:
        self.wake = callback

    def remove_reader(self, descriptor: int) -> None:
        del self.wake


class Reader:
    """A socket on loopback, a peer of it, and what has been read."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.read: list[bytes] = []
        self.reads = 0
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp = UdpSocket(self.loop, open_udp("127.0.0.1", 0), self.on_datagram)  # type: ignore[arg-type]
        recvfrom = self.udp._recvfrom

        def counted(size: int) -> Any:
            self.reads += 1
            return recvfrom(size)

        self.udp._recvfrom = counted

    def on_datagram(self, data: bytes, address: Any) -> None:
        self.read.append(data)

    def wake(self, *datagrams: bytes) -> int:
        """Datagrams arrive and the loop wakes; how many reads that took."""
        before = self.reads
        for data in datagrams:
            self.peer.sendto(data, self.udp.local)
        self.loop.wake()
        return self.reads - before


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.udp.close()
    made.peer.close()


def test_a_rush_is_read_at_once(reader: Reader) -> None:
    assert reader.wake(b"1", b"2", b"3") == 4
    assert reader.wake(b"4", b"5") == 3
    assert reader.read == [b"1", b"2", b"3", b"4", b"5"]


def test_single_datagrams_cost_one_read_each(reader: Reader) -> None:
    assert reader.wake(b"x") == 2  # looked for a second one in vain
    assert [reader.wake(b"x") for _ in range(PATIENCE)] == [1] * PATIENCE
    assert reader.wake(b"x") == 2
    assert len(reader.read) == PATIENCE + 2


def test_a_rush_after_single_datagrams_is_seen_in_time(reader: Reader) -> None:
    reader.wake(b"x")
    reader.wake(*[b"y"] * (PATIENCE + 20))
    for _ in range(PATIENCE):
        reader.loop.wake()
    assert reader.read == [b"x"] + [b"y"] * (PATIENCE + 20)
    assert reader.wake(b"1", b"2") == 3

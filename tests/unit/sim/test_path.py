"""The ports of a virtual phone: what leaves from which, where it hears, and how one path follows another."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from lteims.net.udp import free_port
from lteims.sim.errors import SimError
from lteims.sim.path import Arrival, Ends, Path, clear_ends, local_host, server_ends

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def server() -> Iterator[tuple[socket.socket, socket.socket, Ends]]:
    """UDP and TCP sockets of a server on one port."""
    port = free_port("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", port))
        udp.setblocking(False)
        tcp.bind(("127.0.0.1", port))
        tcp.listen()
        tcp.setblocking(False)
        yield udp, tcp, Ends("127.0.0.1", port, port)


class Heard:
    """What paths have handed on."""

    def __init__(self) -> None:
        self.messages: list[tuple[Path, Arrival, bytes]] = []

    def __call__(self, path: Path, arrival: Arrival, data: bytes) -> None:
        self.messages.append((path, arrival, data))

    async def wait(self, count: int) -> list[tuple[Path, Arrival, bytes]]:
        for _ in range(200):
            if len(self.messages) >= count:
                return self.messages
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(self.messages)} of {count} messages came")


def protected_ends() -> Ends:
    return Ends("127.0.0.1", free_port("127.0.0.1"), free_port("127.0.0.1"))


async def test_udp_leaves_from_the_client_port_and_is_heard_on_the_server_port(
    server: tuple[socket.socket, socket.socket, Ends],
) -> None:
    udp, _, theirs = server
    loop, heard, ours = asyncio.get_running_loop(), Heard(), protected_ends()
    path = Path(loop, ours, theirs, heard, protected=True)
    path.send(MESSAGE, "UDP")
    data, source = await loop.sock_recvfrom(udp, 2000)
    assert (data, source) == (MESSAGE, ("127.0.0.1", ours.client))
    udp.sendto(MESSAGE, ("127.0.0.1", ours.server))
    udp.sendto(b"\r\n\r\n", ("127.0.0.1", ours.server))
    ((_, arrival, data),) = await heard.wait(1)
    assert (arrival.transport, arrival.protected, data) == ("UDP", True, MESSAGE)
    path.close()


async def test_tcp_comes_from_the_client_port_again_and_again(
    server: tuple[socket.socket, socket.socket, Ends],
) -> None:
    _, tcp, theirs = server
    loop, heard, ours = asyncio.get_running_loop(), Heard(), protected_ends()
    path = Path(loop, ours, theirs, heard, protected=True)
    await path.listen()
    for count in (1, 2):
        path.send(MESSAGE, "TCP")
        path.send(MESSAGE, "TCP")
        stream, source = await loop.sock_accept(tcp)
        assert source == ("127.0.0.1", ours.client)
        assert await loop.sock_recv(stream, 2000) == 2 * MESSAGE
        await loop.sock_sendall(stream, MESSAGE)
        _, arrival, data = (await heard.wait(count))[-1]
        assert (arrival.transport, data) == ("TCP", MESSAGE)
        path.answer(MESSAGE, arrival, ("127.0.0.1", 9))
        assert await loop.sock_recv(stream, 2000) == MESSAGE
        stream.close()
        await asyncio.sleep(0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", ours.server)  # the other pair of ports
    writer.write(MESSAGE + b"no message at all\r\n\r\n")
    assert (await heard.wait(3))[-1][2] == MESSAGE
    assert await reader.read() == b""  # a stream that is lost is closed
    writer.close()
    path.close()


async def test_a_path_follows_another_on_the_same_server_port(
    server: tuple[socket.socket, socket.socket, Ends],
) -> None:
    udp, _, theirs = server
    loop, heard, ours = asyncio.get_running_loop(), Heard(), protected_ends()
    old = Path(loop, ours, theirs, heard, protected=True)
    await old.listen()
    new = Path(loop, Ends(ours.host, free_port(ours.host), ours.server), theirs, heard, protected=True, before=old)
    udp.sendto(MESSAGE, ("127.0.0.1", ours.server))
    assert (await heard.wait(1))[0][0] is new
    old.send(MESSAGE, "UDP")  # what is on its way may still leave by the old one
    assert (await loop.sock_recvfrom(udp, 2000))[1][1] == ours.client
    old.close()
    udp.sendto(MESSAGE, ("127.0.0.1", ours.server))
    await heard.wait(2)
    _, writer = await asyncio.open_connection("127.0.0.1", ours.server)
    writer.write(MESSAGE)
    assert (await heard.wait(3))[-1][0] is new
    writer.close()
    new.close()


async def test_who_takes_no_tcp_is_told() -> None:
    lost: list[bool] = []
    path = Path(asyncio.get_running_loop(), clear_ends("127.0.0.1"), Ends("127.0.0.1", 9, 9), Heard())
    path.on_lost = lambda: lost.append(True)
    path.send(MESSAGE, "TCP")
    for _ in range(100):
        if lost:
            break
        await asyncio.sleep(0.01)
    assert lost == [True]
    path.close()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 5060), ("192.0.2.1:15060", "192.0.2.1", 15060), ("[::1]:5070", "::1", 5070),
        ("[2001:db8::1]", "2001:db8::1", 5060), ("2001:db8::1", "2001:db8::1", 5060),
    ],
)  # fmt: skip
def test_servers(text: str, host: str, port: int) -> None:
    assert server_ends(text) == Ends(host, port, port)


@pytest.mark.parametrize("text", ["", "example.org", "192.0.2.1:x", "192.0.2.1:99999", "[::1", ":5060"])
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(SimError, match="HOST:PORT"):
        server_ends(text)


def test_our_address_towards_a_server() -> None:
    assert local_host("127.0.0.1") == "127.0.0.1"
    assert local_host("::1") == "::1"

"""The HTTP side of MM1 on a loopback socket, with a core that says what it is told: bodies, limits, bad clients."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from lteims.errors import OperatorError, ProtocolError
from lteims.mm1.multipart import Limits
from lteims.net import mm1
from lteims.net.mm1 import Mm1Server
from tests.waiting import until

BOTH_LOOPS = True
TYPE = "application/vnd.wap.mms-message"
NAME = "a" * 22


@dataclass
class Core:
    """A core that keeps what it got."""

    got: list[tuple[int, bytes, str]] = field(default_factory=list)
    answer: bytes = b"answer"
    error: Exception | None = None

    async def on_pdu(self, data: bytes, peer: str) -> bytes:
        self.got.append((len(data), data[:20], peer))
        if self.error:
            raise self.error
        return self.answer

    async def on_get(self, name: str, peer: str) -> bytes:
        self.got.append((0, name.encode(), peer))
        return self.answer


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
async def server(core: Core) -> AsyncIterator[Mm1Server]:
    made = Mm1Server("127.0.0.1", 0)
    await made.start(core)
    yield made
    await made.close()


@pytest.fixture
async def http(server: Mm1Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield session


async def raw(server: Mm1Server, *pieces: bytes) -> bytes:
    """What the server says to octets, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.01)
    data = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return data


async def test_post_and_get(http: aiohttp.ClientSession, core: Core) -> None:
    async with http.post("/", data=b"pdu", headers={"Content-Type": TYPE}) as response:
        assert (response.status, response.content_type) == (200, TYPE)
        assert await response.read() == b"answer"
        assert response.headers["Server"] == "lteims"
    async with http.post("/any/path?q", data=b"pdu", headers={"Content-Type": f"{TYPE.upper()}; x=y"}) as response:
        assert response.status == 200
    core.answer = b""
    async with http.post("/", data=b"pdu", headers={"Content-Type": TYPE}) as response:
        assert (response.status, await response.read()) == (200, b"")
    core.answer = b"x" * 3_000_000
    async with http.get(f"/{NAME}") as response:
        assert response.headers["Content-Length"] == "3000000"
        assert await response.read() == core.answer
    assert core.got == [(3, b"pdu", "127.0.0.1")] * 3 + [(0, NAME[:22].encode(), "127.0.0.1")]


async def test_what_is_not_served(http: aiohttp.ClientSession, core: Core) -> None:
    for method, path, headers, status in (
        ("GET", "/", {}, 404), ("GET", "/favicon.ico", {}, 404), ("GET", "/../../etc/passwd", {}, 404),
        ("POST", "/", {"Content-Type": "text/plain"}, 415), ("POST", "/", {}, 415), ("PUT", "/", {}, 405),
        ("HEAD", f"/{NAME}", {}, 405), ("DELETE", f"/{NAME}", {}, 405),
    ):  # fmt: skip
        data = b"x" if method == "POST" else None
        async with http.request(method, path, data=data, headers=headers) as response:
            assert response.status == status, (method, path)
            if method != "HEAD":
                assert response.content_type == "text/plain"
                assert len((await response.text()).splitlines()) == 1
            if status == 405:
                assert response.headers["Allow"] == "GET, POST"
    assert core.got == []


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ProtocolError("cut off"), 400, "Bad PDU: cut off"),
        (OperatorError("state file /secret/path: disk full"), 503, "The server cannot store anything now."),
        (RuntimeError("secret"), 500, "The server has failed."),
    ],
)
async def test_errors_of_the_core(
    http: aiohttp.ClientSession, core: Core, error: Exception, status: int, text: str
) -> None:
    core.error = error
    async with http.post("/", data=b"pdu", headers={"Content-Type": TYPE}) as response:
        assert (response.status, (await response.text()).strip()) == (status, text)


@pytest.mark.parametrize("size", [Limits().octets, Limits().octets + 1, Limits().octets + 5_000_000])
async def test_a_body_that_is_too_long_is_cut_and_answered(
    server: Mm1Server, http: aiohttp.ClientSession, core: Core, size: int
) -> None:
    async with http.post("/", data=bytes(size), headers={"Content-Type": TYPE}) as response:
        assert (response.status, await response.read()) == (200, b"answer")
    assert core.got[0][0] == min(size, Limits().octets + 1)
    assert server.load()["octets"] == 0


async def test_too_much_at_a_time(
    server: Mm1Server, http: aiohttp.ClientSession, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mm1, "MOST_OCTETS", 1000)
    async with http.post("/", data=bytes(2000), headers={"Content-Type": TYPE}) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "10"
    assert core.got == []
    assert server.load()["octets"] == 0


async def test_slow_clients_do_not_fill_the_memory(
    server: Mm1Server, http: aiohttp.ClientSession, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mm1, "MOST_ANSWERED", 50_000_000)
    core.answer = bytes(30_000_000)
    slow = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
    slow[1].write(f"GET /{NAME} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await until(lambda: server.load()["octets"] == 30_000_000)
    async with http.get(f"/{NAME}") as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "10"
    slow[1].transport.abort()
    await until(lambda: server.load()["octets"] == 0)
    async with http.get(f"/{NAME}") as response:
        assert response.status == 200


async def test_too_many_connections(server: Mm1Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mm1, "MOST_CONNECTIONS", 1)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await until(lambda: server.load()["connections"] == 1)
    monkeypatch.setattr(mm1, "BUSY_TIME", 0.05)
    assert (await raw(server)).startswith(b"HTTP/1.1 503 ")
    post = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPE}\r\nContent-Length: 9\r\n\r\nabc".encode()
    reader, second = await asyncio.open_connection("127.0.0.1", server.port)
    second.write(post)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503 ")  # and is no reset connection
    second.close()
    writer.close()
    await until(lambda: server.load()["connections"] == 0)
    assert (await raw(server, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.0 404 ")


async def test_compressed_bodies_are_refused(http: aiohttp.ClientSession, core: Core) -> None:
    for encoding, octets in (("gzip", gzip.compress(bytes(50_000_000))), ("deflate", b"no deflate"), ("br", b"x")):
        headers = {"Content-Type": TYPE, "Content-Encoding": encoding}
        async with http.post("/", data=octets, headers=headers) as response:
            assert response.status == 415
            assert await response.text() == "Messages are taken as they are, not compressed.\n"
    async with http.post("/", data=b"pdu", headers={"Content-Type": TYPE, "Content-Encoding": "identity"}) as response:
        assert response.status == 200
    assert [octets for octets, _, _ in core.got] == [3]


async def test_idle_clients_are_given_up(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mm1, "IDLE_TIME", 0.1)
    server = Mm1Server("127.0.0.1", 0)
    await server.start(core)
    post = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPE}\r\nContent-Length: 10\r\n\r\n".encode()
    assert await raw(server) == b""  # says nothing
    assert await raw(server, b"POST / HTTP/1.1\r\nHost:") == b""  # never ends its headers
    assert (await raw(server, post, b"abc")).startswith(b"HTTP/1.1 408 ")  # never ends its body
    core.answer = bytes(50_000_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
    writer.write(f"GET /{NAME} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await until(lambda: server.load()["connections"] == 1)
    await until(lambda: server.load() == {"connections": 0, "octets": 0})  # it takes nothing of its answer
    writer.close()
    assert reader
    await server.close()


async def test_a_client_that_hangs_up_leaves_nothing(server: Mm1Server, core: Core) -> None:
    post = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPE}\r\nContent-Length: 9\r\n\r\nabc".encode()
    for octets in (b"", b"POST", post):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(octets)
        await until(lambda: server.load()["connections"] == 1)
        await asyncio.sleep(0.02)
        writer.close()
        await until(lambda: server.load() == {"connections": 0, "octets": 0})
    assert core.got == []


@pytest.mark.parametrize(
    "octets",
    [
        b"\x00\xff\xfe garbage\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: " + TYPE.encode() + b"\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_broken_http(server: Mm1Server, core: Core, octets: bytes) -> None:
    try:
        data = await raw(server, octets)
    except ConnectionError:
        data = b""
    assert data == b"" or data.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400")), data[:100]
    assert b"Traceback" not in data
    assert b".py" not in data
    assert core.got == []


async def test_expect_100_continue(server: Mm1Server, core: Core) -> None:
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPE}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
    data = await raw(server, f"{head}Connection: close\r\n\r\n".encode(), b"pdu")
    assert data.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert core.got == [(3, b"pdu", "127.0.0.1")]


async def test_ipv6_and_a_taken_address(core: Core) -> None:
    server = Mm1Server("::1", 0)
    with pytest.raises(OperatorError, match=r"cannot bind tcp \[::1\]:\d+ for MMS: .*is another server running\?"):
        Mm1Server("::1", server.port)
    await server.start(core)
    async with aiohttp.ClientSession() as http, http.get(f"http://[::1]:{server.port}/{NAME}") as response:
        assert response.status == 200
    assert core.got == [(0, NAME.encode(), "::1")]
    await server.close()


async def test_all_addresses_include_ipv4(core: Core) -> None:
    server = Mm1Server("::", 0)
    await server.start(core)
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{server.port}/{NAME}") as response:
        assert response.status == 200
    await server.close()

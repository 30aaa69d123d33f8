"""lteims.client and docs/client.py against the running server: calls, events, passwords, TLS, and the server's end."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lteims.client import CallError, Client, LoginError, NotConnected
from tests.net.remote import BOB, api_port, served
from tests.net.server import Server
from tests.net.test_api import certificate
from tests.phone.phone import Phone
from tests.phone.wire import Udp

EXAMPLE = Path(__file__).parents[2] / "docs" / "client.py"
PASSWORD = "pässwörd"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("client") / "server", f'com_auth: {{password: "{PASSWORD}"}},') as running:
        yield running
    assert "internal error" not in running.log


@pytest.fixture
def address(server: Server) -> str:
    return f"127.0.0.1:{api_port(server)}"


@contextlib.asynccontextmanager
async def registered(server: Server) -> AsyncIterator[None]:
    """A phone; it waits for its answers, which is not for the event loop to do."""
    phone = Phone(Udp(("127.0.0.1", server.port)), BOB)
    assert (await asyncio.to_thread(phone.register)).code == 200
    yield
    assert (await asyncio.to_thread(phone.register, phone.contact(0))).code == 200
    phone.wire.close()


async def test_calls(address: str) -> None:
    async with Client(address, password=PASSWORD) as ims:
        assert ims.greeting["type"] == "IMS"
        assert (await ims.call("users_get", registered_only=True))["users"] == []
        with pytest.raises(CallError, match="Unknown message: nonsense"):
            await ims.call("nonsense")
        with pytest.raises(CallError, match="no multimedia messages"):
            await ims.call("mms", filename="x", from_="a", to="nobody")
        answers = await ims.call_all([{"message": "stats"}, {"message": "nonsense"}, {"message": "license"}])
        assert [a["message"] for a in answers] == ["stats", "nonsense", "license"]
        assert answers[1]["error"] == "Unknown message: nonsense"
        found = await asyncio.gather(*(ims.call("dialog_get") for _ in range(200)))
        assert all(answer["dialogs"] == [] for answer in found)


async def test_events(address: str, server: Server) -> None:
    async with Client(address, password=PASSWORD) as ims, ims.events("users_update") as changes:
        async with registered(server):
            change = await asyncio.wait_for(anext(changes), 20)
            assert change["users_update"][0]["bindings"]
        async with asyncio.timeout(20):
            async for change in changes:
                if not change["users_update"][0]["bindings"]:
                    break
        with pytest.raises(CallError, match="Unknown event"):
            await anext(ims.events("nonsense"))


async def test_passwords(address: str) -> None:
    with pytest.raises(LoginError, match="asks for a password"):
        await Client(address).open()
    with pytest.raises(LoginError, match="Authentication failed"):
        await Client(address, password="wrong").open()
    async with Client(address, password=PASSWORD) as ims:
        assert await ims.call("stats")


async def test_tls(tmp_path: Path) -> None:
    cert, key = (str(path) for path in certificate(tmp_path, "server"))
    other = str(certificate(tmp_path, "other")[0])
    tls = f'com_ssl_certificate: "{cert}", com_ssl_key: "{key}", com_ssl_peer_verify: true,'
    with served(tmp_path / "server", tls) as server:
        address = f"127.0.0.1:{api_port(server)}"
        async with Client(address, ca=cert, certificate=cert, key=key) as ims:
            assert await ims.call("stats")
        async with Client(f"wss://{address}", certificate=cert, key=key, verify=False) as ims:
            assert await ims.call("stats")
        with pytest.raises(NotConnected, match="not trusted"):
            await Client(address, ca=other, certificate=cert, key=key).open()
        with pytest.raises(NotConnected, match="client certificate"):
            await Client(address, ca=cert).open()
        with pytest.raises(NotConnected, match="may want TLS"):
            await Client(address).open()


async def test_the_server_goes_away(tmp_path: Path) -> None:
    with served(tmp_path / "server") as server:
        async with Client(f"127.0.0.1:{api_port(server)}") as ims, ims.events("sms") as events:
            waiting = asyncio.create_task(ims.call("log_get", min=4096, timeout=60, layers={}))
            await ims.call("stats")
            server.kill9()
            with pytest.raises(NotConnected, match="is gone"):
                await asyncio.wait_for(waiting, 20)
            with pytest.raises(NotConnected, match="is gone"):
                await anext(events)


async def test_the_example(address: str, server: Server) -> None:
    line = [sys.executable, "-u", str(EXAMPLE), address, PASSWORD]  # each line at once, though nobody types
    process = await asyncio.create_subprocess_exec(*line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    seen = [(await asyncio.wait_for(process.stdout.readline(), 30)).decode() for _ in range(3)]
    assert seen[0].startswith("connected to IMS ")
    assert seen[1] == "registered: []\n"
    assert seen[2].startswith("sms: ")
    async with registered(server):
        out, err = await asyncio.wait_for(process.communicate(), 30)
    assert out.decode() == f"changed: ['{BOB.username}']\n"
    assert (process.returncode, err) == (0, b"")

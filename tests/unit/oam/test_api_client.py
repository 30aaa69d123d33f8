"""One client of the remote API, with a connection and a server that are none: what ends with it, and who is cut."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest

from lteims.oam import api_client
from lteims.oam.api_auth import Gate
from lteims.oam.api_client import Client
from lteims.oam.api_connection import Connection
from lteims.oam.api_log import LogQuery
from lteims.oam.api_messages import Messages
from lteims.oam.api_protocol import Clocks


class FakeMessages:
    """Carries everything out."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def execute(self, client: Client, message: str, params: Any) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        self.executed.append(message)
        return {} if message != "users_get" else self.users()

    async def users(self) -> dict[str, Any]:
        await asyncio.sleep(0.01)
        self.executed.append("users")
        return {"users": []}


class FakeServer:
    """What a client asks of api.Api."""

    def __init__(self) -> None:
        self.name = "IMS"
        self.gate: Gate | None = None
        self.done = FakeMessages()
        self.messages = cast(Messages, self.done)
        self.clocks = Clocks(0.0, 0.0)
        self.unsent = self.sent = 0
        self.standalone: set[asyncio.TimerHandle] = set()
        self.waiting: dict[Client, LogQuery] = {}

    def wait_for_log(self, client: Client, query: LogQuery) -> None:
        self.waiting[client] = query


class FakeConnection:
    """Frames that come, and a socket that takes one frame for each `take`; its TCP acknowledges `acked` octets."""

    remote_address = ("192.0.2.1", 1)

    def __init__(self, *frames: str) -> None:
        self.frames = frames
        self.acked = 0
        self.sent: list[dict[str, Any]] = []
        self.protocol = self
        self.max_message_size = 1 << 20
        self.aborted = False
        self.take = asyncio.Event()
        self.over = asyncio.Event()
        self.transport = self

    async def __aiter__(self) -> AsyncIterator[str]:
        for frame in self.frames:
            yield frame
        await self.over.wait()

    async def send(self, frame: bytes, /, *, text: bool) -> None:
        await self.take.wait()
        self.sent.append(json.loads(frame))

    def get_extra_info(self, name: str) -> "FakeConnection":
        return self

    def getsockopt(self, *_: int) -> bytes:
        return bytes(120) + self.acked.to_bytes(8, sys.byteorder)

    def abort(self) -> None:
        self.aborted = True
        self.over.set()


def connected(server: FakeServer, connection: FakeConnection) -> Client:
    return Client(server, cast(Connection, connection))


async def turns(done: Callable[[], bool]) -> None:
    """Let the loop go on until that is so."""
    for _ in range(1000):
        if done():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError


async def test_what_is_for_the_connection_ends_with_it_though_it_is_standalone() -> None:
    server, connection = FakeServer(), FakeConnection(
        '{"message": "register", "register": "sms", "start_time": 0.05, "standalone": true}',
        '{"message": "log_get", "start_time": 0.05, "standalone": true}',
        '{"message": "stats", "start_time": 0.06, "standalone": true}',
    )  # fmt: skip
    connection.take.set()
    client = connected(server, connection)
    running = asyncio.create_task(client.run())
    await turns(lambda: len(server.standalone) == 3)
    connection.over.set()
    await running
    client.close()
    await turns(lambda: not server.standalone)
    assert server.done.executed == ["stats"]
    assert not server.waiting


async def test_before_authentication() -> None:
    server, connection = FakeServer(), FakeConnection(
        '{"message": "stats"}', '{"message": "nope"}', "{", '{"message": "authenticate", "res": 5}',
        '{"message": "authenticate", "res": "0"}', '{"message": "authenticate", "res": "pw"}', '{"message": "stats"}',
    )  # fmt: skip
    server.gate = Gate("IMS", "pw", os.urandom, unsecure=True)
    connection.take.set()
    running = asyncio.create_task(connected(server, connection).run())
    await turns(lambda: len(connection.sent) == 6)
    assert connection.max_message_size == 4096
    await turns(lambda: len(connection.sent) == 8)
    greeting, *answers = connection.sent
    errors = [str(answer.get("error", "")) for answer in answers]
    assert errors[:2] == ["Authentication not done"] * 2
    assert errors[2].startswith("Malformed JSON")
    assert "res" in errors[3]
    assert errors[4:] == ["Authentication failed", "", ""]
    assert answers[4]["challenge"] != greeting["challenge"]
    assert answers[5]["ready"] is True
    assert connection.max_message_size == 1 << 20
    connection.over.set()
    await running


async def test_long_answers_are_made_one_by_one() -> None:
    server, connection = FakeServer(), FakeConnection(
        '[{"message": "users_get"}, {"message": "users_get"}]', '{"message": "stats"}'
    )  # fmt: skip
    connection.take.set()
    running = asyncio.create_task(connected(server, connection).run())
    await turns(lambda: "stats" in server.done.executed)
    assert server.done.executed == ["users_get", "users", "users_get", "users", "stats"]
    connection.over.set()
    await running


async def test_a_slow_client_is_waited_for_as_long_as_it_takes_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_client, "STALLED", 0.06)
    connection = FakeConnection()
    running = asyncio.create_task(connected(FakeServer(), connection).run())
    for _ in range(15):
        connection.acked += 1
        await asyncio.sleep(0.015)
    assert not connection.aborted
    await asyncio.wait_for(connection.over.wait(), 2)
    assert connection.aborted
    await running

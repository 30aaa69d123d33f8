"""The client against a server of a few lines, that answers as each test wants it."""

import ast
import asyncio
import contextlib
import gc
import hmac
import inspect
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

import lteims.client
from lteims.client import CallError, Client, ClientError, LoginError, NotConnected
from lteims.client.address import parse_address
from lteims.client.events import EventQueue

READY = {"message": "ready", "type": "IMS", "name": "ims", "version": "1"}
Behaviour = Callable[[ServerConnection], Awaitable[None]]
Address = Callable[[Behaviour], Awaitable[str]]


@pytest.fixture
async def served() -> AsyncIterator[Address]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(behaviour: Behaviour) -> str:
            async def quiet(connection: ServerConnection) -> None:
                with contextlib.suppress(ConnectionClosed):
                    await behaviour(connection)

            server: Server = await stack.enter_async_context(serve(quiet, "127.0.0.1", 0))
            return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

        yield start


async def echo(connection: ServerConnection) -> None:
    """Greets, and answers every request with what it got, the members of an array backwards."""
    await say(connection, READY)
    async for frame in connection:
        value = json.loads(frame)
        for request in reversed(value) if isinstance(value, list) else [value]:
            extra = {"error": "it is bad"} if request["message"] == "bad" else {"got": request}
            await say(connection, {"message": request["message"], "message_id": request["message_id"], **extra})
            for name in request.get("register", ()):
                for number in range(5):
                    await say(connection, {"message": name, "number": number})


async def say(connection: ServerConnection, value: object) -> None:
    await connection.send(json.dumps(value))


async def test_answers_find_their_calls(served: Address) -> None:
    async with Client(await served(echo)) as ims:
        assert ims.greeting == READY
        answers = await asyncio.gather(*(ims.call("mms", from_="a", to=n, timeout=1) for n in range(50)))
        assert [a["got"]["to"] for a in answers] == list(range(50))
        assert answers[0]["got"].items() >= {"from": "a", "timeout": 1}.items()
        with pytest.raises(CallError, match="bad: it is bad") as caught:
            await ims.call("bad")
        assert caught.value.answer["error"] == "it is bad"


async def test_an_array(served: Address) -> None:
    async with Client(await served(echo)) as ims:
        answers = await ims.call_all([{"message": "one", "message_id": "mine"}, {"message": "bad"}, {"message": "two"}])
        assert [a["message"] for a in answers] == ["one", "bad", "two"]
        assert "error" in answers[1]
        assert await ims.call_all([]) == []


async def test_what_cannot_be_sent_hurts_no_other_call(served: Address) -> None:
    async with Client(await served(echo)) as ims:
        with pytest.raises((TypeError, ValueError)):
            await ims.call("x", value=float("nan"))
        with pytest.raises(ValueError, match="surrogates"):
            await ims.call("x", value="\udcff")
        with pytest.raises(TypeError):
            await ims.call("x", value=object())
        assert (await ims.call("x", value=1))["got"]["value"] == 1


async def test_a_call_that_is_given_up(served: Address) -> None:
    async def slow(connection: ServerConnection) -> None:
        await say(connection, READY)
        first = json.loads(await connection.recv())
        second = json.loads(await connection.recv())
        for request in (first, second):
            await say(connection, {"message": "x", "message_id": request["message_id"], "n": request["n"]})
        await connection.wait_closed()

    async with Client(await served(slow)) as ims:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ims.call("x", n=1), 0.01)
        assert (await ims.call("x", n=2))["n"] == 2


async def test_events(served: Address) -> None:
    async with Client(await served(echo)) as ims:
        async with ims.events("sms") as events:
            assert [(await anext(events))["number"] for _ in range(5)] == list(range(5))
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        numbers = []
        async for event in ims.events("sms", "invite"):
            numbers.append(event["number"])
            if len(numbers) == 10:
                break
        assert sorted(numbers) == sorted([*range(5)] * 2)


async def test_two_iterators_of_one_event_and_their_end(served: Address) -> None:
    asked: list[dict[str, Any]] = []

    async def server(connection: ServerConnection) -> None:
        await say(connection, READY)
        async for frame in connection:
            request = json.loads(frame)
            asked.append({k: v for k, v in request.items() if k not in ("message", "message_id")})
            await say(connection, {"message": request["message"], "message_id": request["message_id"]})
            await say(connection, {"message": "sms"})

    async with Client(await served(server)) as ims:
        first = ims.events("sms")
        async with ims.events("sms") as second:
            taken = asyncio.create_task(anext(first))
            await anext(second)
            await ims.call("x")
            assert (await taken)["message"] == "sms"
        assert asked == [{"register": ["sms"]}, {}]
        del first, taken  # nobody holds it: it unregisters by itself
        gc.collect()
        while len(asked) < 4:
            await ims.call("x")
        assert {"unregister": ["sms"]} in asked


async def test_too_many_events(served: Address) -> None:
    async with Client(await served(echo)) as ims, ims.events("sms", most=2) as events:
        await ims.call("x")  # by now all five are here
        assert [(await anext(events))["number"] for _ in range(2)] == [3, 4]
        assert events.lost == 3
    with pytest.raises(ValueError, match="need a name"):
        EventQueue([], 1)


async def test_a_server_that_goes_away(served: Address) -> None:
    async def server(connection: ServerConnection) -> None:
        await say(connection, READY)
        await connection.recv()
        await say(connection, {"message": "register", "message_id": 1})
        await say(connection, {"message": "sms"})
        await connection.recv()
        connection.transport.abort()

    async with Client(await served(server)) as ims, ims.events("sms") as events:
        with pytest.raises(NotConnected, match="is gone: the server went away"):
            await ims.call("stats")
        assert (await anext(events))["message"] == "sms"
        with pytest.raises(NotConnected, match="is gone"):
            await anext(events)
        assert "is gone" in await ims.wait_closed()
        with pytest.raises(NotConnected, match="is gone"):
            await ims.call("stats")
        with pytest.raises(NotConnected, match="is gone"):
            await anext(ims.events("sms"))


async def test_our_own_end(served: Address) -> None:
    ims = Client(await served(echo))
    with pytest.raises(NotConnected, match="open it first"):
        await ims.call("stats")
    await ims.open()
    async with ims.events("users_update") as events:
        for _ in range(5):
            await anext(events)
        await ims.close()
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    with pytest.raises(NotConnected, match="closed here"):
        await ims.call("stats")
    await ims.close()
    await ims.open()  # once more
    assert (await ims.call("x"))["got"]
    await ims.close()


async def login(connection: ServerConnection) -> None:
    await say(connection, {**READY, "message": "authenticate", "challenge": "abc"})
    request = json.loads(await connection.recv())
    res = hmac.new(b"IMS:secret:ims", b"abc", "sha256").hexdigest()
    result = {"ready": True} if request["res"] == res else {"error": "Authentication failed", "challenge": "def"}
    await say(connection, {"message": "authenticate", "message_id": request["message_id"], **result})
    await connection.wait_closed()


async def test_passwords(served: Address) -> None:
    address = await served(login)
    async with Client(address, password="secret") as ims:
        assert ims.greeting["challenge"] == "abc"
    with pytest.raises(LoginError, match="asks for a password"):
        await Client(address).open()
    with pytest.raises(LoginError, match="refuses the password: Authentication failed"):
        await Client(address, password="wrong").open()


async def test_nobody_there() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(NotConnected, match="nobody listens there"):
            await Client(f"127.0.0.1:{bound.getsockname()[1]}").open()


@pytest.mark.parametrize("said", ["no JSON", "[1]", '{"message": "hello"}', b"\xff", "[" * 100_000])
async def test_a_server_of_another_kind(served: Address, said: str) -> None:
    async def server(connection: ServerConnection) -> None:
        await connection.send(said)
        await connection.wait_closed()

    with pytest.raises(NotConnected, match=r"no answer|no remote API|cannot connect"):
        await Client(await served(server)).open()


async def test_no_websocket_server_at_all() -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(page, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for tls in (False, True):
            with pytest.raises(NotConnected, match="TLS"):
                await Client(address, tls=tls).open()


async def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    with pytest.raises(NotConnected, match=r"nowhere\.pem cannot be used"):
        await Client(ca=str(tmp_path / "nowhere.pem")).open()


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", ("", "127.0.0.1", 9003)),
        ("host", ("", "host", 9003)),
        (":81", ("", "127.0.0.1", 81)),
        ("10.0.0.1:81", ("", "10.0.0.1", 81)),
        ("[::1]:81", ("", "::1", 81)),
        ("[::1]", ("", "::1", 9003)),
        ("2001:db8::1", ("", "2001:db8::1", 9003)),
        ("wss://host:81/", ("wss", "host", 81)),
    ],
)
def test_addresses(text: str, parsed: tuple[str, str, int]) -> None:
    assert parse_address(text) == parsed


@pytest.mark.parametrize("text", ["http://host", "host:x", "host:0", "host:65536", "[::1", "[::1]81", "a/b", "u@h"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|http|::1|a/b|u@h"):
        Client(text)


def test_the_example_is_the_one_of_the_docstring() -> None:
    example = (Path(__file__).parents[3] / "docs" / "client.py").read_text(encoding="utf-8")
    shown = inspect.getdoc(lteims.client) or ""
    assert example == inspect.cleandoc(shown[shown.index("    import asyncio") :]) + "\n"
    ast.parse(example)
    assert len([line for line in example.splitlines() if line.strip()]) <= 20
    assert issubclass(CallError, ClientError)

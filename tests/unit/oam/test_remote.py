"""What a console from outside makes of the server's answers, whatever server that is."""

import asyncio
from typing import Any

import pytest

from lteims.client import CallError, NotConnected
from lteims.oam.command import Answer, End
from lteims.oam.remote import RemoteShell


class FakeClient:
    """Answers everything alike; without an answer, never."""

    def __init__(self, answer: dict[str, Any] | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def call(self, message: str, /, **params: Any) -> dict[str, Any]:
        self.asked.append((message, params))
        if self.answer is None:
            await asyncio.Event().wait()
        assert self.answer is not None
        if "error" in self.answer:
            raise CallError(self.answer)
        return self.answer


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"text": "two\nlines"}, Answer("two\nlines")),
        ({"text": "1", "again": "t 0 1"}, Answer("1", again="t 0 1")),
        ({"text": "", "end": "quit"}, Answer(end=End.QUIT)),
        ({"text": "", "end": "something new"}, Answer()),
        ({"text": "\x1b[2J"}, Answer("\\x1b[2J")),
        ({}, Answer()),
        ({"error": "Unknown message: monitor\x07"}, Answer("Unknown message: monitor\\x07", failed=True)),
    ],
)
async def test_answers(fields: dict[str, Any], answer: Answer) -> None:
    client = FakeClient(fields)
    assert await RemoteShell(client).execute("a line") == answer
    assert client.asked == [("monitor", {"line": "a line"})]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"word": "us", "words": ["users "]}, ("us", ["users "])),
        ({"word": "us", "words": 5}, ("us", [])),
        ({}, ("", [])),
        ({"error": "Unknown message: complete"}, ("", [])),
        (None, ("", [])),
    ],
)
async def test_completion(fields: dict[str, Any] | None, found: tuple[str, list[str]]) -> None:
    assert await RemoteShell(FakeClient(fields), 0 if fields is None else 5).complete("us") == found


async def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(NotConnected, match="does not answer within 0 s"):
        await RemoteShell(FakeClient(None), 0).execute("users")


async def test_octets_that_are_no_text_are_not_sent() -> None:
    client = FakeClient({"text": "done"})
    answer = await RemoteShell(client).execute("sms 0600000002 \udcff")
    assert answer == Answer("the command has octets that are no UTF-8", failed=True)
    assert await RemoteShell(client).complete("sms \udcff") == ("", [])
    assert not client.asked

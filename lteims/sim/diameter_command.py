"""What `lteims hss` and `lteims pcrf` have in common: they serve until they are stopped, print what is said, and take
words on standard input, one command a line.
"""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from lteims.config.endpoint import Endpoint
from lteims.errors import LteimsError, OperatorError
from lteims.sim.diameter_link import REALM, DiameterLink

EXIT_OK, EXIT_FAILED = 0, 1
DIAMETER_PORT: Final = 3868
_BLOCK: Final = 4096


@dataclass(frozen=True, slots=True)
class Word:
    """One command: what it is called with, and what it does; what it returns is printed."""

    arguments: str
    help: str
    do: Callable[[Sequence[str]], Awaitable[str]]


Words = Mapping[str, Word]


def arguments(parser: argparse.ArgumentParser, address: str) -> None:
    """The options of both."""
    text = f"IP address and port; tcp: before it chooses TCP in place of SCTP ({address})"
    parser.add_argument("--listen", metavar="ADDRESS", default=address, help=text)
    parser.add_argument("--host", metavar="NAME", default="", help="our Origin-Host")
    parser.add_argument("--realm", metavar="NAME", default=REALM, help=f"our Origin-Realm ({REALM})")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what is said")


def endpoint(text: str) -> Endpoint:
    """OperatorError for what is no address."""
    try:
        return Endpoint.parse(text, DIAMETER_PORT, diameter=True)
    except ValueError as error:
        raise OperatorError(f"--listen: {error}") from None


def run(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Do it; the exit code. What is wrong is one line on standard error."""
    try:
        asyncio.run(work())
    except LteimsError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"{name}: {error.filename or ''}: {error.strerror or error}".replace(": : ", ": "), file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


async def serve(name: str, link: DiameterLink, words: Words) -> None:
    """Listen, and do what the lines of standard input say until a signal comes."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with link:
        say(f"{name} ready: {link.endpoint} as {link.node.host}")
        lines: asyncio.Queue[str] = asyncio.Queue()
        threading.Thread(target=_read, args=(loop, lines), daemon=True).start()
        obeying = loop.create_task(_obey(lines, words))
        await stopping.wait()
        obeying.cancel()


def say(line: str) -> None:
    """Print a line at once; whoever read may have gone."""
    with suppress(OSError):
        print(line, flush=True)


def _read(loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[str]") -> None:
    """The thread that waits for lines; by os.read, since a buffer's lock would be held when the program ends."""
    text = b""
    with suppress(OSError, RuntimeError):  # there is no standard input, or the loop has ended
        while data := os.read(0, _BLOCK):
            *whole, text = (text + data).split(b"\n")
            for line in whole:
                loop.call_soon_threadsafe(lines.put_nowait, line.decode("utf-8", "replace"))
            text = text[-_BLOCK:]


async def _obey(lines: "asyncio.Queue[str]", words: Words) -> None:
    while True:
        line = (await lines.get()).split()
        if line:
            say(await carry_out(line, words))


async def carry_out(line: Sequence[str], words: Words) -> str:
    """One command; what there is to say of it."""
    word = words.get(line[0])
    if word is None:
        return "\n".join(f"{name} {word.arguments}".ljust(36) + word.help for name, word in words.items())
    try:
        return await word.do(line[1:]) or "ok"
    except LteimsError as error:
        return f"{line[0]}: {error}"
    except (ValueError, IndexError, KeyError):
        return f"usage: {line[0]} {word.arguments}"

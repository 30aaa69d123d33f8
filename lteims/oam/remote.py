"""`lteims monitor`: the console of a running server from outside, over its remote API (manual 7, 6).

The server carries the lines out and completes them, so commands, help and texts are its own; __main__.py calls `run`.
"""

import argparse
import asyncio
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

from lteims.client import CallError, Client, ClientError, NotConnected
from lteims.errors import OperatorError
from lteims.oam.command import Answer, End
from lteims.oam.console import AGAIN, Console, terminal_available
from lteims.oam.log_format import escape

NAME: Final = "monitor"  # the first word of the command line
PASSWORD: Final = "LTEIMS_PASSWORD"  # a variable of the environment
PATIENCE: Final = 30.0  # seconds for an answer
EXIT_OK, EXIT_ERROR, EXIT_SIGNAL = 0, 1, 128
_NO_TEXT: Final = "the command has octets that are no UTF-8"


class _Unwritten(OSError):
    """What a command brought cannot be written."""


class Caller(Protocol):
    """A Client."""

    async def call(self, message: str, /, **params: Any) -> dict[str, Any]:
        """Send a message, and wait for its answer."""


class RemoteShell:
    """Has lines carried out by the server."""

    def __init__(self, client: Caller, patience: float = PATIENCE) -> None:
        """`patience`: seconds for an answer."""
        self._client = client
        self._patience = patience

    async def execute(self, line: str) -> Answer:
        """Carry one out; NotConnected when the server has gone, or does not answer."""
        if not _is_text(line):
            return Answer(_NO_TEXT, failed=True)
        try:
            async with asyncio.timeout(self._patience):  # no key would end the waiting
                fields = await self._client.call("monitor", line=line)
        except CallError as error:
            return Answer(escape(str(error.answer["error"])), failed=True)
        except TimeoutError:
            raise NotConnected(f"the server does not answer within {self._patience:g} s") from None
        text, again, end = (str(fields.get(name, "")) for name in ("text", "again", "end"))
        return Answer(escape(text), again=again, end=End(end) if end in list(End) else End.NONE)

    async def complete(self, line: str) -> tuple[str, list[str]]:
        """Complete one; nothing where that cannot be done."""
        if not _is_text(line):
            return "", []
        try:
            async with asyncio.timeout(self._patience):
                fields = await self._client.call("complete", line=line)
        except (ClientError, TimeoutError):
            return "", []
        words = fields.get("words")
        return str(fields.get("word", "")), [escape(str(word)) for word in words] if isinstance(words, list) else []


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        client = _client(options)
        interactive = not options.command and terminal_available()
        return asyncio.run(_console(client) if interactive else _lines(client, options.command))
    except (ClientError, OperatorError) as error:
        return _say(f"lteims monitor: {escape(str(error))}", sys.stderr, EXIT_ERROR)
    except _Unwritten as error:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at its own end
        if error.errno == errno.EPIPE:  # `... | head` has enough
            return EXIT_SIGNAL + signal.SIGPIPE
        return _say(f"lteims monitor: the answer cannot be written: {error.strerror}", sys.stderr, EXIT_ERROR)
    except OSError as error:
        return _say(f"lteims monitor: {error.strerror or error}", sys.stderr, EXIT_ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"lteims {NAME}",
        description="The console of a running server, over its remote API (com_addr). Without -c commands are read "
        "from the terminal, with history and completion, or line by line from what standard input is.",
        epilog="exit or Ctrl-D leaves the console; quit stops the server. The exit code is 1 where a command fails.",
    )
    parser.add_argument("server", nargs="?", default="", metavar="HOST[:PORT]", help="default 127.0.0.1:9003")
    parser.add_argument(
        "-c", "--command", metavar="COMMAND", action="append", default=[],
        help="carry out this command and end; several are carried out in their order until one fails",
    )  # fmt: skip
    parser.add_argument(
        "--password-file", metavar="FILE", default="",
        help=f"the password of com_auth in a file; else it is taken from {PASSWORD} in the environment",
    )  # fmt: skip
    parser.add_argument("--tls", action="store_true", help="use TLS; so do --ca, --cert, --key and --insecure")
    parser.add_argument("--ca", metavar="FILE", default="", help="trust the certificates in this file (PEM)")
    parser.add_argument("--cert", metavar="FILE", default="", help="show this certificate (PEM)")
    parser.add_argument("--key", metavar="FILE", default="", help="the key of --cert (PEM)")
    parser.add_argument("--insecure", action="store_true", help="do not check whose certificate the server shows")
    return parser


def _client(options: argparse.Namespace) -> Client:
    try:
        return Client(
            options.server,
            password=_password(options.password_file),
            tls=options.tls or options.insecure,
            ca=options.ca,
            certificate=options.cert,
            key=options.key,
            verify=not options.insecure,
            origin="lteims-monitor",
        )
    except ValueError as error:
        raise OperatorError(str(error)) from None


def _password(file: str) -> str:
    if not file:
        return os.environ.get(PASSWORD, "")
    try:
        password = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        raise OperatorError(f"--password-file {file} cannot be read: {error}") from None
    if not password:
        raise OperatorError(f"--password-file {file} is empty")
    return password


# -- at a terminal
async def _console(client: Client) -> int:
    """Serve the terminal until somebody leaves, or the server goes away."""
    task = asyncio.current_task()
    assert task is not None
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    try:
        return await _converse(client)
    except asyncio.CancelledError:
        return EXIT_SIGNAL + received[0] if received else EXIT_ERROR


async def _converse(client: Client) -> int:
    async with client:
        known = client.greeting
        print(f"{escape(str(known.get('name')))} {escape(str(known.get('version')))} at {client.address}")
        print("exit or Ctrl-D leaves this console, quit stops the server", flush=True)
        console = asyncio.create_task(Console(RemoteShell(client), on_end_of_file="exit").run())
        gone = asyncio.create_task(client.wait_closed())
        try:
            await asyncio.wait({console, gone}, return_when=asyncio.FIRST_COMPLETED)
            if console.done():
                ended = await console  # or NotConnected, if that was in the middle of a command
                return _say("the server stops", sys.stdout, EXIT_OK) if ended is End.QUIT else EXIT_OK
        finally:
            for task in (console, gone):
                task.cancel()
            await asyncio.gather(console, gone, return_exceptions=True)
        return _say(f"\nlteims monitor: {escape(gone.result())}", sys.stderr, EXIT_ERROR)


# -- without one
async def _lines(client: Client, commands: Sequence[str]) -> int:
    """Carry lines out until one fails or ends it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # the shell says what is wrong with such a line
    async with client:
        shell = RemoteShell(client)
        async for line in _given(commands):
            answer = await _carried_out(shell, line)
            if answer.failed:
                return EXIT_ERROR
            if answer.end:
                break
    return EXIT_OK


async def _given(commands: Sequence[str]) -> AsyncIterator[str]:
    """The commands of the arguments, else the lines of standard input."""
    for line in commands:
        yield line
    while not commands and (line := sys.stdin.readline()):  # nothing else is to be done while we wait
        yield line


async def _carried_out(shell: RemoteShell, line: str) -> Answer:
    """Carry a line out; _Unwritten where nobody can read what it brings."""
    answer = await shell.execute(line)
    while True:
        if answer.text:
            try:
                print(answer.text, file=sys.stderr if answer.failed else sys.stdout, flush=True)
            except OSError as error:
                raise _Unwritten(error.errno, error.strerror) from None
        if not answer.again:
            return answer
        await asyncio.sleep(AGAIN)
        answer = await shell.execute(answer.again)


def _is_text(line: str) -> bool:
    """Whether it is more than octets that nobody could decode (PEP 383)."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _say(text: str, stream: TextIO, code: int) -> int:
    with suppress(OSError):
        print(text, file=stream, flush=True)
    return code

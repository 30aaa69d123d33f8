"""The terminal of a console: prompt `(ims) `, history, completion, answers (manual 7), and the terminal left as it was.

monitor.py runs one on the server's own terminal, remote.py on anybody's; what a line does is their Shell's affair.
"""

import asyncio
import contextlib
import os
import select
import sys
import termios
import threading
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.filters import is_searching
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.utils import get_cwidth

from lteims.oam.command import Answer, End

PROMPT = "(ims) "
HISTORY = "~/.lteims_history"
AGAIN = 1.0  # seconds between the lines of a running view


Found = tuple[str, list[str]]


class Shell(Protocol):
    """Who carries lines out."""

    async def execute(self, line: str) -> Answer:
        """Carry one out."""

    def complete(self, line: str) -> Found | Awaitable[Found]:
        """The word that the line ends with, and what may stand in its place; at once, or when it is known."""


class Console:
    """Reads lines from the terminal and shows the answers."""

    def __init__(self, shell: Shell, *, on_end_of_file: str, history: str = HISTORY) -> None:
        """`on_end_of_file` is the line that Ctrl-D stands for. `history` names the file that keeps the lines; where it
        cannot be written they are kept in memory."""
        self._shell = shell
        self._on_end_of_file = on_end_of_file
        self._history = history

    async def run(self) -> End:
        """Serve the terminal until a command ends that, or cancellation; End.NONE: the terminal is gone.

        However it ends, the terminal is as it was.
        """
        on_terminal = sys.stderr.isatty()
        with _terminal_kept():
            session = self._session()
            former = sys.stderr
            with patch_stdout(raw=True):
                if not on_terminal:  # what goes to a file still goes there
                    sys.stderr = former
                while (line := await self._read(session)) is not None:
                    if end := await self._carry_out(line):
                        return end
        return End.NONE

    async def _carry_out(self, line: str) -> End:
        """Show what a line brings, the same again each second where it says so and nobody presses a key."""
        fd = sys.stdout.fileno()
        answer = await self._shell.execute(line)
        await show(fd, answer.text)
        while answer.again and not await _key_pressed(AGAIN):
            answer = await self._shell.execute(answer.again)
            await show(fd, answer.text)
        return answer.end

    def _session(self) -> "PromptSession[str]":
        keys = KeyBindings()
        keys.add("tab", filter=~is_searching)(self._complete)
        # Not prompt_toolkit's own list of words: it asks questions, and Ctrl-C at one of them would end the server
        return PromptSession(
            PROMPT,
            history=_history(self._history),
            key_bindings=keys,
            interrupt_exception=_Interrupted,
            output=_output(),
        )

    def _complete(self, event: KeyPressEvent) -> None:
        """The Tab key. Words that come from far away complete a line that is still the same."""
        before = event.current_buffer.document.text_before_cursor
        found = self._shell.complete(before)
        if isinstance(found, tuple):
            _offer(event, found)
        else:
            event.app.create_background_task(self._complete_later(event, before, found))

    async def _complete_later(self, event: KeyPressEvent, before: str, found: Awaitable[Found]) -> None:
        words = await found
        if not event.app.is_done and event.current_buffer.document.text_before_cursor == before:
            _offer(event, words)
            event.app.invalidate()

    async def _read(self, session: "PromptSession[str]") -> str | None:
        """One line; an interrupted one is empty, None is the end of the terminal itself."""
        try:
            # Signals and the loop's errors are the program's affair, not the prompt's.
            return await session.prompt_async(handle_sigint=False, set_exception_handler=False)
        except _Interrupted:
            return ""
        except EOFError:
            return None if session.input.closed else self._on_end_of_file
        except OSError:
            return None


class _Interrupted(Exception):
    """Ctrl-C in a line."""


def _offer(event: KeyPressEvent, found: Found) -> None:
    """Complete the word as far as the candidates agree, or list them above the prompt."""
    word, candidates = found
    buffer = event.current_buffer
    first, last = min(candidates, default=""), max(candidates, default="")
    common = first[: next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
    if not candidates or not buffer.document.text_before_cursor.endswith(word):
        return
    if len(candidates) == 1 or len(common) > len(word):
        buffer.delete_before_cursor(len(word))
        buffer.insert_text(common)
        return
    app = event.app
    size = app.output.get_size()
    # Not in_terminal: it gives the terminal its modes for a moment, and Ctrl-C in that would be a signal to the server
    app.renderer.render(app, app.layout, is_done=True)
    app.print_text([("", f"{listed(candidates, size.columns, size.rows)}\n")])
    app.renderer.reset()
    app.invalidate()


def listed(words: Sequence[str], width: int, height: int) -> str:
    """Words in columns, as many as one screen has room for, and how many there are besides."""
    cell = min(width, max(map(get_cwidth, words)) + 1)
    across = max(1, width // cell)
    shown = words[: across * max(1, height - 3)]
    rows = -(-len(shown) // across)
    lines = [
        "".join(word + " " * (cell - get_cwidth(word)) for word in shown[row::rows]).rstrip() for row in range(rows)
    ]
    more = len(words) - len(shown)
    return "\n".join([*lines, f"... and {more} more"] if more else lines)


class _SafeHistory(FileHistory):
    def store_string(self, string: str) -> None:
        with contextlib.suppress(OSError, UnicodeError):  # a full disk, a pasted octet that is no UTF-8
            super().store_string(string)


def _history(name: str) -> History:
    try:
        path = Path(name).expanduser()
        # Lines may hold the text of messages: only the owner reads them.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600))
        path.read_bytes()
    except (OSError, RuntimeError):  # RuntimeError: nobody's home is known
        return InMemoryHistory()
    return _SafeHistory(str(path))


def _output() -> Output:
    output = create_output()
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False  # asking a serial line or a script for the cursor only brings noise
    return output


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """Put the terminal's modes back, and the blocking mode of the standard files, which uvloop changes."""
    fd = sys.stdin.fileno()
    modes = termios.tcgetattr(fd)
    blocking = {n: os.get_blocking(n) for n in (0, 1, 2)}
    try:
        termios.tcsetattr(fd, termios.TCSANOW, _between_prompts(termios.tcgetattr(fd)))
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, modes)
        for n, state in blocking.items():
            with contextlib.suppress(OSError):
                os.set_blocking(n, state)


async def _key_pressed(within: float) -> bool:
    """Whether a key is pressed in this time, or the terminal ends; keys that are there are taken."""
    fd = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        async with asyncio.timeout(within):
            await readable.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(fd)
    with contextlib.suppress(OSError):
        os.read(fd, 4096)
    return True


def _between_prompts(modes: list[Any]) -> list[Any]:
    """Keys that are pressed while an answer is written wait for the next prompt, Ctrl-C, Ctrl-D and arrows too."""
    modes[0] &= ~termios.ICRNL
    modes[3] &= ~(termios.ISIG | termios.ICANON | termios.ECHO)
    modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
    return modes


async def show(fd: int, text: str) -> None:
    """Write an answer from a thread: a terminal that is held (Ctrl-S, a stalled ssh) must not hold the server."""
    if not text:
        return
    loop = asyncio.get_running_loop()
    shown = loop.create_future()

    def done() -> None:
        if not shown.done():
            shown.set_result(None)

    def write() -> None:
        with contextlib.suppress(OSError):
            _write_all(fd, f"{text}\n".encode("utf-8", "backslashreplace"))
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(done)

    threading.Thread(target=write, name="monitor-output", daemon=True).start()
    await shown


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    while view:
        poll.poll()
        with contextlib.suppress(BlockingIOError):
            view = view[os.write(fd, view[:4096]) :]


def terminal_available() -> bool:
    """Whether standard input is a terminal with this program in its foreground.

    In the background (`lteims ims.cfg &`) changing the terminal would stop the whole process by SIGTTOU.
    """
    try:
        fd = sys.stdin.fileno()
        return os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        return False

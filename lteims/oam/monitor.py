"""The console on the server's own terminal: prompt `(ims) `, history, completion (manual 7).

app.py runs one beside everything else on the event loop when `terminal_available`, and cancels it to stop. Commands
and their answers are in oam/commands.py; here is the terminal alone, which is left as it was found.
"""

import asyncio
import contextlib
import os
import select
import sys
import termios
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.shortcuts import CompleteStyle

from lteims.oam.commands import Commands

PROMPT = "(ims) "
HISTORY = "~/.lteims_history"


class Monitor:
    """Reads lines from the terminal and shows the answers until `quit`, Ctrl-D or cancellation."""

    def __init__(self, commands: Commands, *, history: str = HISTORY) -> None:
        """`history` names the file that keeps the lines; where it cannot be written they are kept in memory."""
        self._commands = commands
        self._history = history

    async def run(self) -> None:
        """Serve the terminal. Returns when somebody said quit, or the terminal is gone: then the server goes on alone.

        However it ends, also by cancellation, the terminal is as it was.
        """
        fd = sys.stdout.fileno()
        on_terminal = sys.stderr.isatty()
        with _terminal_kept():
            session = self._session()
            former = sys.stderr
            with patch_stdout(raw=True):
                if not on_terminal:  # what goes to a file still goes there
                    sys.stderr = former
                while not self._commands.quitting and (line := await self._read(session)) is not None:
                    await _show(fd, self._commands.execute(line))

    def _session(self) -> "PromptSession[str]":
        return PromptSession(
            PROMPT,
            history=_history(self._history),
            completer=_CommandCompleter(self._commands),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            interrupt_exception=_Interrupted,
            output=_output(),
        )

    @staticmethod
    async def _read(session: "PromptSession[str]") -> str | None:
        """One line; an interrupted one is empty, Ctrl-D says quit, None is the end of the terminal itself."""
        try:
            # Signals and the loop's errors are the program's affair, not the prompt's.
            return await session.prompt_async(handle_sigint=False, set_exception_handler=False)
        except _Interrupted:
            return ""
        except EOFError:
            return None if session.input.closed else "quit"
        except OSError:
            return None


class _Interrupted(Exception):
    """Ctrl-C in a line."""


class _CommandCompleter(Completer):
    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        word, candidates = self._commands.complete(document.text_before_cursor)
        return [Completion(candidate, start_position=-len(word)) for candidate in candidates]


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


def terminal_available() -> bool:
    """Whether standard input is a terminal with this program in its foreground.

    In the background (`lteims ims.cfg &`) changing the terminal would stop the whole process by SIGTTOU.
    """
    try:
        fd = sys.stdin.fileno()
        return os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp()
    except (AttributeError, OSError, ValueError):
        return False


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


def _between_prompts(modes: list[Any]) -> list[Any]:
    """Keys that are pressed while an answer is written wait for the next prompt, Ctrl-C, Ctrl-D and arrows too."""
    modes[0] &= ~termios.ICRNL
    modes[3] &= ~(termios.ISIG | termios.ICANON | termios.ECHO)
    modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
    return modes


async def _show(fd: int, text: str) -> None:
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

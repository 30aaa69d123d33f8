"""The real server with an operator at its console: standard input is a terminal, and answers are read back."""

import fcntl
import os
import pty
import subprocess
import termios
import time
from dataclasses import dataclass

from tests.net.server import PROGRAM, Server, ServerError

PROMPT = "(ims)"


@dataclass(slots=True)
class Console(Server):
    """A server whose monitor takes commands."""

    terminal: int = -1

    def start(self) -> "Console":
        """Start on a terminal of its own, and wait for the ready line."""
        self.write()
        self.terminal, theirs = pty.openpty()
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            offset = out.tell()
            self.process = subprocess.Popen(
                [str(PROGRAM), str(self.config)],
                stdin=theirs, stdout=out, stderr=err, text=True, start_new_session=True,
                env=os.environ | {"TERM": "dumb", "HOME": str(self.folder)},
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )  # fmt: skip
        os.close(theirs)
        self._wait_until_ready(offset)
        return self

    def type(self, command: str, within: float = 20.0) -> str:
        """Type a command; its answer."""
        command, end = command.strip(), time.monotonic() + within
        self._wait_for_prompt("", 0, end)
        seen = (self.folder / "stdout").stat().st_size
        os.write(self.terminal, f"{command}\r".encode())
        return self._wait_for_prompt(command, seen, end)

    def _wait_for_prompt(self, command: str, seen: int, end: float) -> str:
        """What stands between the line of a command and an empty prompt behind it."""
        while time.monotonic() < end:
            text = (self.folder / "stdout").read_bytes()[seen:].decode("utf-8", "replace").replace("\r", "")
            *_, shown, last = ("", *text.split(PROMPT))
            if not last.strip() and PROMPT in text and shown.lstrip().startswith(command):
                return shown.lstrip().removeprefix(command).strip("\n")
            time.sleep(0.02)
        raise ServerError(f"no answer to {command!r}:\n{self.output[-3000:]}")

"""A program in a terminal as a person sees it: tmux draws the screen, keys go in by their names, text comes out."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

WIDTH, HEIGHT = 150, 60
WITHIN = 30.0  # seconds


class Screen:
    """One terminal with one program in it."""

    def __init__(self, folder: Path, *command: str | Path) -> None:
        """`folder` is where the program runs, and its home."""
        self._own = tempfile.mkdtemp(prefix="tmux")  # each screen has a tmux of its own; a socket's path must be short
        self._tmux = ["tmux", "-u", "-f", "/dev/null", "-S", f"{self._own}/socket"]
        words = ["new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), "-c", str(folder), "-e", f"HOME={folder}"]
        self._run(*words, "sh", "-c", '"$@"; echo "exit code $?"; exec sleep 60', "sh", *map(str, command))

    def _run(self, *words: str) -> str:
        ran = subprocess.run([*self._tmux, *words], capture_output=True, text=True, timeout=30, check=False)
        assert ran.returncode == 0, (words, ran.stderr)
        return ran.stdout

    def type(self, *keys: str) -> None:
        """Press keys by tmux's names (Enter, Tab, Up, C-d); other words are typed letter by letter."""
        for key in keys:
            self._run("send-keys", "--", key)

    def text(self) -> str:
        """What is on the screen."""
        return self._run("capture-pane", "-p").rstrip()

    def wait(self, text: str, count: int = 1) -> str:
        """The screen, once the text is so often on it."""
        end = time.monotonic() + WITHIN
        while (seen := self.text()).count(text) < count:
            assert time.monotonic() < end, f"{text!r} is not {count} times on the screen:\n{seen}"
            time.sleep(0.05)
        return seen

    def ask(self, line: str, text: str) -> str:
        """Clear the screen, type a line, and wait for a text; what the line brought."""
        self.type("C-l")
        self._settle()
        self.type(line, "Enter")
        return self.wait(text)

    def _settle(self) -> None:
        end = time.monotonic() + WITHIN
        while (seen := self.text().strip()) != "(ims)":
            assert time.monotonic() < end, f"the screen is not clear:\n{seen}"
            time.sleep(0.05)

    def close(self) -> None:
        """End the program and the terminal."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, timeout=30, check=False)
        shutil.rmtree(self._own, ignore_errors=True)

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

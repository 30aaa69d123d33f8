"""The monitor on a real pseudo-terminal, under both event loops: lines, keys, completion, the terminal afterwards."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lteims.oam.console import listed
from lteims.oam.monitor import terminal_available

CURSOR = re.compile(rb"\x1b\[[?0-9;]*[CDhlm]|\x1b\[J")  # what a prompt draws between the letters
PROGRAM = """
import asyncio, signal, sys
sys.path.insert(0, sys.argv[3])
from users import FakeControl
from lteims.oam import events
from lteims.oam.commands import Command, Commands
from lteims.oam.log import LogFile
from lteims.oam.monitor import Monitor, terminal_available

def broken(arguments):
    raise KeyError(arguments)

async def main():
    assert terminal_available()
    loop = asyncio.get_running_loop()
    events.configure()
    commands = Commands(FakeControl(), LogFile("ims.log", directory=sys.argv[2]))
    commands.add(Command("broken", "", "", "", broken))
    commands.add(Command("flood", "", "", "", lambda arguments: "0123456789" * 50000 + "END"))
    commands.add(Command("many", "WORD", "", "", str, lambda word: [f"w{n:05}" for n in range(9000)]))
    commands.add(Command("event", "", "", "", lambda arguments: loop.call_later(0.05, tell) and "soon"))
    commands.add(Command("oops", "", "", "", lambda arguments: loop.call_soon(broken, "") and "later"))
    monitor = asyncio.ensure_future(Monitor(commands, history=sys.argv[2] + "/history").run())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    beat = open(sys.argv[2] + "/beat", "wb", buffering=0)

    def tick():
        beat.write(b".")
        loop.call_later(0.01, tick)

    tick()
    loop.add_signal_handler(signal.SIGTERM, monitor.cancel)
    loop.add_signal_handler(signal.SIGINT, monitor.cancel)
    try:
        await monitor
    except asyncio.CancelledError:
        print("cancelled")
    await asyncio.sleep(0)
    with open(sys.argv[2] + "/end", "w") as end:
        end.write("quitting" if commands.quitting else "alone")
    print("quitting" if commands.quitting else "alone", flush=True)

def tell():
    events.events().warning("an event", n=1)

if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""
PROMPT = "(ims)"  # the space behind it is drawn as a move of the cursor
DEADLINE = 10.0


class Console:
    """A program on a pseudo-terminal of its own."""

    def __init__(self, loop: str, directory: Path) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, b"\x18\x00\x78\x00\x00\x00\x00\x00")  # 24 rows, 120 columns
        self.modes = termios.tcgetattr(self.slave)
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, loop, str(directory), str(Path(__file__).parent)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path(__file__).parents[3])},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode("utf-8", "surrogateescape"))

    def recall(self, lines: int) -> None:
        """Enter an earlier line; two keys with their echoes before it mean that the history is loaded."""
        for key in "zy":
            self.send(key)
            self.expect(key)
        self.send("\x15" + "\x1b[A" * lines + "\r")

    def read(self, seconds: float) -> bool:
        """Take what there is within this time; False at the end of the terminal or of the time."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def expect(self, text: str) -> str:
        """Wait for this text; what came up to it is taken away and returned."""
        deadline = time.monotonic() + DEADLINE
        while text.encode() not in self.seen and time.monotonic() < deadline:
            self.read(0.2)
            self.seen = CURSOR.sub(b"", self.seen)  # what is typed may come back in pieces
        before, found, self.seen = self.seen.partition(text.encode())
        assert found, f"no {text!r} in {before[-2000:]!r}"
        return before.decode("utf-8", "replace")

    def end(self) -> int:
        """Wait for the program; its terminal must be as it was."""
        deadline = time.monotonic() + DEADLINE
        while self.process.poll() is None and time.monotonic() < deadline:
            self.read(0.05)
        code = self.process.wait(1)
        assert termios.tcgetattr(self.slave) == self.modes
        assert os.get_blocking(self.slave)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)


Start = Callable[[], Console]


@pytest.fixture(params=["asyncio", "uvloop"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    consoles = []

    def start() -> Console:
        consoles.append(Console(request.param, tmp_path))
        consoles[-1].expect(PROMPT)
        return consoles[-1]

    yield start
    for console in consoles:
        console.close()


def test_a_session(start: Start, tmp_path: Path) -> None:
    console = start()
    console.send("users\r")
    console.expect("IMPI        001010000000001@ims")
    assert "\x1b[2J" not in console.expect("3 users, 1 registered, 1 binding")
    console.send("he")
    console.send("\t")
    console.expect("help")
    console.send("log\r")
    console.expect("log [LOG_OPTIONS]")
    console.send("log nas.level=debug\r")
    console.expect("unknown layer 'nas'")
    console.send("x\udcff\r")  # a pasted octet that is no UTF-8
    console.expect("unknown command")
    console.send("broken\r")
    console.expect("internal error in 'broken': KeyError")
    console.send("half a line\x03")  # Ctrl-C
    console.expect(PROMPT)
    console.recall(4)
    console.expect("log [LOG_OPTIONS]")
    console.send("quit\r")
    console.expect("quitting")
    assert console.end() == 0
    assert b"Traceback" not in console.seen
    assert "users" in (tmp_path / "history").read_text()
    assert (tmp_path / "history").stat().st_mode & 0o077 == 0


def test_more_words_than_a_screen_has_room_for_ask_no_question(start: Start) -> None:
    console = start()
    for _ in range(2):
        console.send("many ")
        console.expect("many")
        console.send("\t")  # as far as they agree
        console.expect("w0")
        console.send("\t")
        console.expect("w00000")
        console.expect("... and ")
        console.expect(" more")
        console.send("\x03z")
        console.expect("z")  # the line is a new one: Ctrl-C has not come to the terminal that the program leaves
        console.send("\x15")
    console.process.send_signal(signal.SIGINT)  # whose handler is still the program's
    console.expect("cancelled")
    assert console.end() == 0
    assert b"Traceback" not in console.seen


def test_listed() -> None:
    assert listed(["a", "bb", "c", "d"], 10, 24) == "a  c\nbb d"
    assert listed([str(n) for n in range(100)], 9, 5) == "0  2  4\n1  3  5\n... and 94 more"
    assert listed(["長い", "b"], 3, 1) == "長い\n... and 1 more"


def test_history_of_the_last_session(start: Start) -> None:
    first = start()
    first.send("help users\r")
    first.expect("List the users")
    first.send("\x04")  # Ctrl-D
    first.expect("quitting")
    assert first.end() == 0
    second = start()
    second.recall(1)
    second.expect("List the users")


def test_much_text_and_events_beside_the_prompt(start: Start) -> None:
    console = start()
    console.send("flood\r")
    assert len(console.expect("END")) >= 500_000
    console.send("event\r")
    console.expect("soon")
    console.expect(PROMPT)
    console.expect("an event")
    console.expect(PROMPT)  # drawn again below it
    console.send("oops\r")  # an error elsewhere on the loop must not stop the prompt
    console.expect("later")
    console.send("users three\r")
    assert "Press ENTER" not in console.expect("1 user, 0 registered")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_the_terminal_sane(start: Start, number: int) -> None:
    console = start()
    console.send("us")
    console.expect("us")
    os.kill(console.process.pid, number)
    console.expect("cancelled")
    console.expect("alone")
    assert console.end() == 0
    assert b"Traceback" not in console.seen


def test_a_held_terminal_does_not_hold_the_server(start: Start, tmp_path: Path) -> None:
    console = start()
    console.send("flood\r")
    console.expect("0123456789")  # from here on nobody reads, and the terminal is soon full
    beats = len((tmp_path / "beat").read_bytes())
    deadline = time.monotonic() + DEADLINE
    while len((tmp_path / "beat").read_bytes()) < beats + 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len((tmp_path / "beat").read_bytes()) >= beats + 20
    assert b"END" not in console.seen
    os.kill(console.process.pid, signal.SIGTERM)
    console.expect("alone")
    assert console.end() == 0


def test_the_end_of_the_terminal_is_not_quit(start: Start, tmp_path: Path) -> None:
    console = start()
    os.close(console.slave)
    os.close(console.master)
    console.slave = console.master = -1
    console.process.wait(DEADLINE)
    assert (tmp_path / "end").read_text() == "alone"


def test_no_terminal_no_monitor() -> None:
    program = "from lteims.oam.monitor import terminal_available; print(terminal_available())"
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.stdout == "False\n"
    assert isinstance(terminal_available(), bool)

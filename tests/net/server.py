"""The real server as a subprocess, for tests and benches: free loopback ports, a folder of its own, its log at hand.

Used by tests/net and bench/; the server sees nothing but a configuration file and signals.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.net.ports import free_port, media_ports

READY_WITHIN = 60.0  # seconds until the ready line; CI machines are slow
STOP_WITHIN = 20.0
LOGGED_WITHIN = 20.0
# The tests may run under nohup, or in the background
AS_IN_A_TERMINAL = ("env", "--default-signal=HUP,INT")
PROGRAM = Path(sys.executable).parent / "lteims"
MEDIA_COUNT = re.compile(r"audio\d+/(MO|MT) rtp_recv=(\d+) rtp_send=(\d+)")
TICKS = os.sysconf("SC_CLK_TCK")


class ServerError(AssertionError):
    """The server did not start, stop or live as it must; the text carries what it wrote."""


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True, slots=True)
class MediaCount:
    """What the server counted on one stream of a call that ended."""

    side: str  # MO or MT
    received: int
    sent: int


@dataclass(slots=True)
class Server:
    """One lteims: `extra` goes into ims.cfg as it is, `ue_db` becomes ue_db.cfg."""

    folder: Path
    ue_db: str
    extra: str = ""
    log_options: str = "all.level=error,ims.level=info,media.level=info"
    log_sync: bool = True
    hosts: tuple[str, ...] = ("127.0.0.1", "::1")
    ipsec: bool = False
    port: int = 0
    prefix: tuple[str, ...] = ()  # of the command line: another namespace, fewer rights
    program: tuple[str, ...] = (str(PROGRAM),)
    ready: str = ""
    process: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "ims.cfg"

    @property
    def log(self) -> str:
        """The log file's text so far."""
        path = self.folder / "ims.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def output(self) -> str:
        """What the program wrote to standard output and standard error."""
        parts = [self.folder / "stdout", self.folder / "stderr"]
        return "".join(part.read_text(encoding="utf-8", errors="replace") for part in parts if part.exists())

    def address(self, host: str = "127.0.0.1") -> str:
        """HOST:PORT, an IPv6 host in brackets."""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def write(self) -> None:
        """Write the configuration; called by start(), so that a test may edit the files between two starts."""
        self.port = self.port or free_port(self.hosts)
        first, last = media_ports(self.port)
        sockets = "".join(
            f'  {{addr: "{self.address(host)}", port_min: {first}, port_max: {last}}},\n' for host in self.hosts
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(
            f'log_filename: "ims.log",\nlog_options: "{self.log_options}",\nlog_sync: {str(self.log_sync).lower()},\n'
            f'sip_addr: [\n{sockets}],\nipsec: {str(self.ipsec).lower()},\n{self.extra}\ninclude "ue_db.cfg",\n',
            encoding="utf-8",
        )
        (self.folder / "ue_db.cfg").write_text(self.ue_db, encoding="utf-8")

    def start(self) -> "Server":
        """Start, and wait for the ready line."""
        self.write()
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            offset = out.tell()
            command = [*self.prefix, *self.program, str(self.config)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, text=True)
        self._wait_until_ready(offset)
        return self

    def _wait_until_ready(self, offset: int) -> None:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if self._running().poll() is not None:
                raise ServerError(f"the server ended with {self._running().returncode} at start:\n{self.output}")
            text = (self.folder / "stdout").read_bytes()[offset:].decode("utf-8", "replace")
            lines = [line for line in text.splitlines(keepends=True) if " ready: " in line and line.endswith("\n")]
            if lines:
                self.ready = lines[0].rstrip("\n")
                return
            time.sleep(0.02)
        self.kill9()
        raise ServerError(f"no ready line within {READY_WITHIN} s:\n{self.output}")

    def _running(self) -> "subprocess.Popen[str]":
        if self.process is None:
            raise ServerError("the server was not started")
        return self.process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._running().pid

    def cpu(self) -> float:
        """CPU seconds used so far."""
        return cpu_seconds(self.pid)

    def rss(self) -> int:
        """KiB of memory that are resident."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))

    def sockets(self) -> int:
        """Sockets that it has open."""
        count = 0
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it closes them as we look
                count += os.readlink(link).startswith("socket:")
        return count

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop in order; anything but exit code 0 is an error, and so is a traceback."""
        process = self._running()
        process.send_signal(by)
        try:
            code = process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise ServerError(f"still running {STOP_WITHIN} s after {by.name}:\n{self.output}") from None
        if code or "Traceback" in self.output:
            raise ServerError(f"exit code {code} after {by.name}:\n{self.output}")

    def kill9(self) -> None:
        """End it at once, as a power cut does."""
        self._running().kill()
        self._running().wait(STOP_WITHIN)

    def wait_for_log(self, text: str, count: int = 1, within: float = LOGGED_WITHIN) -> str:
        """The log once it holds the text so often."""
        end = time.monotonic() + within
        while (log := self.log).count(text) < count:
            if time.monotonic() > end:
                raise ServerError(f"{text!r} is not {count} times in the log after {within} s:\n{log[-4000:]}")
            time.sleep(0.05)
        return log

    def media_counts(self, streams: int) -> list[MediaCount]:
        """The last counts of RTP packets that the log shows, once it shows at least so many streams."""
        end = time.monotonic() + LOGGED_WITHIN
        while True:
            found = MEDIA_COUNT.findall(self.log)
            if len(found) >= streams:
                return [MediaCount(side, int(received), int(sent)) for side, received, sent in found]
            if time.monotonic() > end:
                raise ServerError(f"{len(found)} of {streams} streams are counted in the log:\n{self.log[-4000:]}")
            time.sleep(0.05)

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

"""baresip as a softphone that a test can hold: its own folder and ports, commands and events over its control socket.

The control socket speaks JSON in netstrings (baresip's module ctrl_tcp). Used by tests/net/test_softphone.py.
"""

import contextlib
import json
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.net.ports import free_port, free_ports
from tests.net.wav import tone_seconds, write_tone
from tests.peers.subscribers import Subscriber

TEMPLATE = Path(__file__).resolve().parents[1] / "peers" / "baresip" / "config"
VIDEO = {  # modules of baresip-core, and of baresip-ffmpeg
    "vp8": "module vp8.so\nmodule fakevideo.so\n",
    "h264": "module avcodec.so\nmodule fakevideo.so\n",
}
PICTURE = "video_source fakevideo,nil\nvideo_display fakevideo,nil\nvideo_size 176x144\nvideo_fps 10\n"
WITHIN = 30.0  # seconds; a busy machine may need some
Event = dict[str, Any]


class PhoneError(AssertionError):
    """The phone did not do or see what it should have; the text carries its own output."""


@dataclass(slots=True)
class Baresip:
    """One softphone with one account."""

    folder: Path
    subscriber: Subscriber
    server: str  # HOST:PORT
    transport: str = "udp"
    host: str = "127.0.0.1"
    video: str = ""  # the codec of its video, vp8 or h264; none without
    events: list[Event] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    control: "socket.socket | None" = field(default=None, repr=False)
    _unread: bytes = b""
    _seen: int = 0

    def start(self) -> "Baresip":
        """Write its files, start it, and wait until it is registered."""
        self.folder.mkdir(parents=True, exist_ok=True)
        control = free_port()
        sip = free_port()
        first = free_ports(16)
        values = {
            "FOLDER": self.folder, "HOST": self.host, "SIP_PORT": sip, "CONTROL_PORT": control,
            "RTP_FIRST": first, "RTP_LAST": first + 14,
        }  # fmt: skip
        text = TEMPLATE.read_text(encoding="utf-8")
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        account = self.subscriber.baresip(self.server, self.transport)
        if self.video:
            text = VIDEO[self.video] + text + PICTURE
            account += f";video_codecs={self.video}"
        (self.folder / "config").write_text(text, encoding="utf-8")
        (self.folder / "accounts").write_text(account + "\n", encoding="utf-8")
        (self.folder / "contacts").write_text("", encoding="utf-8")
        write_tone(self.folder / "tone.wav")
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                ["baresip", "-f", str(self.folder), "-s", "-v"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._connect(control)
        self._wait_until_registered()
        return self

    @property
    def output(self) -> str:
        """What it wrote, its SIP messages among it."""
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    def _fail(self, what: str) -> PhoneError:
        return PhoneError(f"{what}\nevents: {[event['type'] for event in self.events]}\n{self.output[-6000:]}")

    def _connect(self, port: int) -> None:
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                self.control = socket.create_connection(("127.0.0.1", port), 1.0)
                return
            time.sleep(0.05)
        raise self._fail("no control connection")

    def _wait_until_registered(self) -> None:
        end = time.monotonic() + WITHIN
        while time.monotonic() < end:
            if "[1 binding]" in self.output:
                return
            time.sleep(0.05)
        raise self._fail("not registered")

    def command(self, command: str, params: str = "") -> None:
        """Give it a command; its answer is among what next_event() passes over."""
        if self.control is None:
            raise self._fail("not started")
        data = json.dumps({"command": command, "params": params, "token": "test"}).encode()
        self.control.sendall(b"%d:%s," % (len(data), data))

    def _receive(self, within: float) -> None:
        if self.control is None:
            raise self._fail("not started")
        self.control.settimeout(max(within, 0.01))
        with contextlib.suppress(TimeoutError):
            data = self.control.recv(65536)
            if not data:
                raise self._fail("its control connection was closed, by itself or by somebody else who connected")
            self._unread += data
        while b":" in self._unread:
            length, _, rest = self._unread.partition(b":")
            if len(rest) <= int(length):
                return
            message = json.loads(rest[: int(length)])
            self._unread = rest[int(length) + 1 :]
            if message.get("event"):
                self.events.append(message)

    def wait_for(self, kind: str, within: float = WITHIN) -> Event:
        """The next event of this type (CALL_RINGING, CALL_ESTABLISHED, ...) that was not yet waited for."""
        end = time.monotonic() + within
        while True:
            while self._seen < len(self.events):
                self._seen += 1
                if self.events[self._seen - 1]["type"] == kind:
                    return self.events[self._seen - 1]
            if time.monotonic() > end:
                raise self._fail(f"no event {kind} within {within} s")
            self._receive(0.2)

    def heard(self) -> float:
        """Seconds of the tone in everything it heard so far."""
        return sum(tone_seconds(path) for path in self.folder.glob("dump-*-dec.wav"))

    def hear(self, seconds: float, within: float = 30.0) -> None:
        """Wait until it has heard so much of the tone, since it began."""
        end = time.monotonic() + within
        while self.heard() < seconds:
            if time.monotonic() > end:
                raise self._fail(f"it has heard the tone for {self.heard()} s, not for {seconds} s")
            time.sleep(0.1)

    def end(self) -> None:
        """Let it de-register and end."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            self.command("quit")
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        if self.control is not None:
            self.control.close()

    def __enter__(self) -> "Baresip":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.end()

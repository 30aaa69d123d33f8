"""A recording of what passes over loopback, made by dumpcap, and tshark's reading of it."""

import json
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_STARTED = "File: "  # what dumpcap says once it records
_LAST = b"the last of this recording"
_WITHIN = 30.0  # seconds


class RecordingError(AssertionError):
    """Nothing can be recorded or read here; the text says why."""


@dataclass(slots=True)
class Recording:
    """Everything from and to some ports while the block runs."""

    file: Path
    ports: tuple[int, ...]
    _process: "subprocess.Popen[str] | None" = field(default=None, repr=False)
    _last: socket.socket = field(init=False, repr=False)  # what it sends to itself at the end is recorded, too

    def __enter__(self) -> "Recording":
        if not shutil.which("dumpcap") or not shutil.which("tshark"):
            raise RecordingError("dumpcap and tshark are needed: apt-get install tshark")
        self._last = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._last.bind(("127.0.0.1", 0))
        ports = " or ".join(f"port {port}" for port in (*self.ports, self._last.getsockname()[1]))
        said = self.file.with_suffix(".said")
        with said.open("w") as err:
            self._process = subprocess.Popen(
                ["dumpcap", "-q", "-i", "lo", "-f", ports, "-w", str(self.file)], stderr=err, text=True
            )
        end = time.monotonic() + _WITHIN
        while _STARTED not in said.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RecordingError(f"dumpcap may not record here, it needs root: {said.read_text()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._last.sendto(_LAST, self._last.getsockname())
            end = time.monotonic() + _WITHIN
            while _LAST not in self.file.read_bytes() and time.monotonic() < end:
                time.sleep(0.05)
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_WITHIN)
        self._last.close()

    def packets(self, *options: str, only: str = "") -> list[dict[str, Any]]:
        """The packets by layer, those that a display filter admits."""
        said = self._ask("-T", "json", "--no-duplicate-keys", *options, *(["-Y", only] if only else []))
        return [packet["_source"]["layers"] for packet in json.loads(said)]

    def values(self, field: str, *options: str, only: str) -> list[str]:
        """A field of the packets that a display filter admits, of those that have it."""
        said = self._ask("-T", "fields", "-e", field, *options, "-Y", f"({only}) && {field}")
        return [line for line in said.splitlines() if line]

    def _ask(self, *options: str) -> str:
        command = ["tshark", "-r", str(self.file), *options]
        return subprocess.run(command, capture_output=True, check=True, text=True, timeout=120).stdout

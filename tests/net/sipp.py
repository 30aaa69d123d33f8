"""SIPp as a load of phones: one run of a scenario of tests/peers/sipp, and what its statistics say at the end.

Used by tests/net/test_sipp.py and bench/registration.py and call.py.
"""

import csv
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.subscribers import DOMAIN

SCENARIOS = Path(__file__).resolve().parents[1] / "peers" / "sipp"
BOUND_WITHIN = 30.0  # seconds
TRANSPORTS = {"udp": "u1", "tcp": "t1", "tcp-each": "tn"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run brought: calls that went well, calls that failed, answers refused and tried again (register.xml)."""

    passed: int
    failed: int
    refused: int
    retransmissions: int
    code: int  # SIPp's exit code, 0 if every call went well
    screen: str


@dataclass(slots=True)
class Sipp:
    """One SIPp process; start() and wait(), or run() for both."""

    scenario: str  # the name of a file of tests/peers/sipp without .xml
    server: str  # HOST:PORT, IPv6 in brackets; "" for a scenario that waits for calls
    folder: Path
    users: Path | None = None
    transport: str = "udp"
    calls: int = 1
    rate: int = 10  # new calls a second
    host: str = "127.0.0.1"
    port: int = 0
    keys: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    within: int = 60  # seconds
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def command(self) -> list[str]:
        """The command line."""
        keys = {"domain": DOMAIN, "expires": "3600", "sdp_ip": self.host, **self.keys}
        line = ["sipp", *([self.server] if self.server else []), "-sf", str(SCENARIOS / f"{self.scenario}.xml")]
        line += [
            "-t",
            TRANSPORTS[self.transport],
            "-i",
            self.host,
            "-m",
            str(self.calls),
            "-r",
            str(self.rate),
            "-nostdin",
        ]
        line += ["-l", str(max(self.rate, 10)), "-trace_stat", "-stf", str(self.statistics), "-fd", "3600"]
        line += ["-trace_err", "-error_file", str(self.folder / f"{self.name}.err"), "-timeout", str(self.within)]
        line += ["-timeout_error", "-max_socket", "4096"]
        line += ["-p", str(self.port)] if self.port else []
        line += ["-inf", str(self.users)] if self.users else []
        for key, value in keys.items():
            line += ["-key", key, value]
        return [*line, *self.options]

    @property
    def name(self) -> str:
        """What the files of this run begin with."""
        return f"{self.scenario}-{self.transport}-{self.host.replace(':', '_')}-{self.port}"

    @property
    def statistics(self) -> Path:
        """Where SIPp writes its counters."""
        return self.folder / f"{self.name}.csv"

    def start(self) -> "Sipp":
        """Start it in its folder."""
        self.statistics.unlink(missing_ok=True)
        with (self.folder / f"{self.name}.screen").open("wb") as screen:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=screen, stderr=subprocess.STDOUT
            )
        return self

    def listening(self) -> "Sipp":
        """Wait until it has its port, as the kernel's table shows: who binds it to see takes it from SIPp."""
        table = Path(f"/proc/net/{'udp' if self.transport == 'udp' else 'tcp'}{'6' if ':' in self.host else ''}")
        row = re.compile(rf"^ *\d+: [0-9A-F]+:{self.port:04X} [0-9A-F]+:0000 ", re.MULTILINE)
        end = time.monotonic() + BOUND_WITHIN
        while not row.search(table.read_text(encoding="ascii")):
            if time.monotonic() > end or self.process is None or self.process.poll() is not None:
                raise AssertionError(f"{self.scenario} does not listen on port {self.port}")
            time.sleep(0.02)
        return self

    def wait(self) -> Outcome:
        """Wait for its end and read the counters."""
        if self.process is None:
            raise RuntimeError("not started")
        try:
            code = self.process.wait(self.within + 30)
        finally:
            self.end()
        errors = self.folder / f"{self.name}.err"
        screen = (self.folder / f"{self.name}.screen").read_text(encoding="utf-8", errors="replace")[-6000:]
        screen += errors.read_text(encoding="utf-8", errors="replace")[:4000] if errors.exists() else ""
        last = self._last_statistics()
        return Outcome(
            passed=int(last.get("SuccessfulCall(C)", 0)),
            failed=int(last.get("FailedCall(C)", 0)),
            refused=int(last.get("refused(C)", 0)),
            retransmissions=int(last.get("Retransmissions(C)", 0)),
            code=code,
            screen=screen,
        )

    def _last_statistics(self) -> dict[str, str]:
        if not self.statistics.exists():
            return {}
        with self.statistics.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter=";"))
        return rows[-1] if rows else {}

    def run(self) -> Outcome:
        """Start and wait."""
        return self.start().wait()

    def end(self) -> None:
        """End it if it still runs (a scenario that waits for a call that never came)."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

"""What one MD5 registration (REGISTER, 401, REGISTER, 200) costs: CPU microseconds of lteims beside Kamailio's.

`python -m bench.registration [COUNT]`. The same SIPp scenario at the same rate over UDP, in turns, three rounds,
medians. Only the server's CPU time counts (user and system, every process of it). lteims keeps each transaction
64*T1 as RFC 3261 asks of UDP, and what their end costs is waited for and added; Kamailio answers without transactions.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench import figure
from tests.net.ports import free_port
from tests.net.server import Server, cpu_seconds
from tests.net.sipp import Outcome, Sipp
from tests.peers.subscribers import DOMAIN, PASSWORD, Subscriber, csv, ue_db

COUNT = 20_000  # registrations in a round
RATE = 2000  # a second
ROUNDS = 3
USERS = 10_000  # each registers twice in a round of COUNT
FIRST_USER = 100_000_001
T1 = 0.5  # seconds, both servers
TARGET = 3.0  # times Kamailio
KAMAILIO = Path(__file__).parent / "kamailio" / "kamailio.cfg"


class Registrar(Protocol):
    """A server that runs: where it listens, and the CPU seconds that it has used."""

    port: int

    def cpu(self) -> float:
        """CPU seconds of all its processes so far."""


@dataclass(slots=True)
class Kamailio:
    """Debian's Kamailio, its main process and its children."""

    port: int
    pid: int

    def cpu(self) -> float:
        """CPU seconds of the main process and of its children."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="utf-8").split()
        return sum(cpu_seconds(pid) for pid in (self.pid, *map(int, children)))


@contextmanager
def kamailio(folder: Path, config: Path = KAMAILIO) -> Iterator[Kamailio]:
    """Kamailio with a configuration of bench/kamailio, until the block ends."""
    port = free_port(("127.0.0.1",))
    values = {
        "ADDRESS": "127.0.0.1", "PORT": port, "REALM": DOMAIN, "PASSWORD": PASSWORD,
        "FIRST": FIRST_USER, "COUNT": USERS,
    }  # fmt: skip
    text = config.read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    folder.mkdir()
    (folder / "kamailio.cfg").write_text(text, encoding="utf-8")
    line = [
        "kamailio",
        "-DD",
        "-E",
        "-m",
        "64",
        "-f",
        str(folder / "kamailio.cfg"),
        "-Y",
        str(folder),
        "-w",
        str(folder),
    ]
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(line, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        time.sleep(2.0)
        if process.poll() is not None:
            raise SystemExit(f"kamailio ended at start:\n{(folder / 'output').read_text(encoding='utf-8')}")
        yield Kamailio(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@dataclass(slots=True)
class Row:
    """The figures of one server, CPU microseconds for each registration."""

    name: str
    server: Registrar
    rounds: list[float] = field(default_factory=list)
    afterwards: float = 0.0  # what the end of the transactions cost
    registrations: int = 0

    @property
    def total(self) -> float:
        """The median round and what came afterwards."""
        return statistics.median(self.rounds) + self.afterwards

    def __str__(self) -> str:
        rounds = " ".join(f"{value:6.1f}" for value in self.rounds)
        return (
            f"{self.name:24} {rounds}   {statistics.median(self.rounds):7.1f} {self.afterwards:7.1f} {self.total:7.1f}"
        )


def one_round(row: Row, folder: Path, count: int) -> None:
    """Register `count` times; anything but success ends the bench."""
    before = row.server.cpu()
    outcome: Outcome = Sipp(
        "register", f"127.0.0.1:{row.server.port}", folder, folder / "users.csv",
        calls=count, rate=RATE, keys={"expires": "3600"}, within=60 + count // RATE * 4,
    ).run()  # fmt: skip
    if outcome.code or outcome.passed != count or outcome.refused:
        raise SystemExit(f"{row.name}: {outcome.passed} of {count} registered\n{outcome.screen}")
    row.rounds.append(1e6 * (row.server.cpu() - before) / count)
    row.registrations += count


def wait_for_the_end(rows: list[Row]) -> None:
    """Let every transaction end (timer J is 64*T1) and spread its cost over the registrations."""
    before = [row.server.cpu() for row in rows]
    time.sleep(64 * T1 + 2)
    for row, used in zip(rows, before, strict=True):
        row.afterwards = 1e6 * (row.server.cpu() - used) / row.registrations


def main() -> int:
    """Print one line for each server and the ratio; exit code 1 if it misses the target."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    users = [Subscriber(f"001011{FIRST_USER + n}") for n in range(USERS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "users.csv").write_text(csv(users), encoding="utf-8")

        def lteims(where: str, extra: str = "") -> Server:
            extra += f'domain: "{DOMAIN}",\ntimer_t1: {T1},\n'
            return Server(folder / where, ue_db(users), extra, "all.level=error", log_sync=False, hosts=("127.0.0.1",))

        with (
            kamailio(folder / "kamailio") as rival,
            lteims("plain") as plain,
            lteims("state", 'ue_db_filename: "ims.db",\n') as stored,
        ):
            rows = [Row("kamailio", rival), Row("lteims", plain), Row("lteims, state on disk", stored)]
            print(f"{count} MD5 registrations a round at {RATE}/s, CPU us for each of them")
            print(f"{'':24} {'round 1':>6} {'2':>6} {'3':>6}    median   later   total", flush=True)
            for _ in range(ROUNDS):
                for row in rows:
                    one_round(row, folder, count)
            wait_for_the_end(rows)
            for row in rows:
                print(row)
    ratio = rows[1].total / rows[0].total
    beside = f"kamailio {rows[0].total:.1f}, {ratio:.2f} times it (target {TARGET:.0f})"
    figure("MD5 registration (401, 200) over UDP", rows[1].total, beside=beside)
    figure("the same with the state on disk", rows[2].total, beside=f"kamailio, in memory, {rows[0].total:.1f}")
    print(f"lteims / kamailio = {ratio:.2f}, target {TARGET:.0f}: {'reached' if ratio <= TARGET else 'MISSED'}")
    return 0 if ratio <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())

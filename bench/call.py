"""What one call between two phones (INVITE, 100, 180, 200, ACK, BYE, 200) costs: CPU microseconds beside Kamailio's.

`python -m bench.call [COUNT]`. lteims as back-to-back user agent, Kamailio as transaction- and dialog-stateful proxy on
the call's path; the same SIPp caller and callee over UDP, in turns, three rounds, medians. Without SDP and with SDP,
for which lteims opens ports; no RTP either way. Only the server's CPU time counts (user and system, every process of
it). What transactions cost when they end, up to 64*T1 later, is waited for and added.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import figure
from bench.registration import FIRST_USER, T1, Registrar, kamailio
from tests.net.ports import free_port
from tests.net.server import Server
from tests.net.sipp import Sipp
from tests.peers.subscribers import DOMAIN, Subscriber, csv, ue_db

COUNT = 2500  # calls in a round
RATE = 250  # a second
ROUNDS = 3
USERS = 1000  # so many call, so many are called
TARGET = 3.0  # times Kamailio
KAMAILIO = Path(__file__).parent / "kamailio" / "call.cfg"
BODY = "\r\n".join(
    (
        "v=0", "o=sipp 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 6000 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv", "",
    )
)  # fmt: skip
SDP = {"content": "Content-Type: application/sdp", "sdp": BODY}
NO_SDP = {"content": "Accept: application/sdp", "sdp": ""}


@dataclass(slots=True)
class Row:
    """The figures of one server with one kind of call, CPU microseconds for each call."""

    name: str
    server: Registrar
    keys: Mapping[str, str]
    ports: tuple[int, int]  # of the callers and of the callees
    began: float = 0.0  # the server's CPU seconds before the first call
    rounds: list[float] = field(default_factory=list)
    total: float = 0.0  # a call in the median round, and its share of what the server did between the rounds

    def begin(self, folder: Path) -> None:
        """Register both sides."""
        for side, port in zip(("caller", "callee"), self.ports, strict=True):
            outcome = Sipp(
                "register", f"127.0.0.1:{self.server.port}", folder, folder / f"{side}.csv", calls=USERS, rate=500,
                port=port,
            ).run()  # fmt: skip
            if outcome.code or outcome.passed != USERS:
                raise SystemExit(f"{self.name}: {outcome.passed} of {USERS} registered\n{outcome.screen}")
        self.began = self.server.cpu()

    def round(self, folder: Path, count: int) -> None:
        """Let them call so many times; anything but success ends the bench."""
        before = self.server.cpu()
        within = 30 + count // RATE * 4
        callee = Sipp(
            "bench_call_uas", "", folder, calls=count, rate=RATE, port=self.ports[1], keys=self.keys, within=within,
        ).start()  # fmt: skip
        try:
            outcome = Sipp(
                "bench_call_uac", f"127.0.0.1:{self.server.port}", folder, folder / "calls.csv", calls=count, rate=RATE,
                port=self.ports[0], keys=self.keys, within=within,
            ).run()  # fmt: skip
            if outcome.code or outcome.passed != count:
                raise SystemExit(f"{self.name}: {outcome.passed} of {count} calls\n{outcome.screen}")
            answered = callee.wait()
            if answered.code or answered.passed != count:
                raise SystemExit(f"{self.name}: the callees had {answered.passed} of {count}\n{answered.screen}")
            resent = outcome.retransmissions + answered.retransmissions
            if resent:
                print(f"{self.name}: SIPp sent {resent} messages again", flush=True)
        finally:
            callee.end()
        self.rounds.append(self.server.cpu() - before)

    def finish(self, count: int) -> None:
        """Work the total out; every transaction has ended."""
        between = self.server.cpu() - self.began - sum(self.rounds)
        self.rounds = [1e6 * used / count for used in self.rounds]
        self.total = statistics.median(self.rounds) + 1e6 * between / (count * len(self.rounds))

    def __str__(self) -> str:
        rounds = " ".join(f"{value:7.1f}" for value in self.rounds)
        median = statistics.median(self.rounds)
        return f"{self.name:20} {rounds}   {median:7.1f} {self.total - median:7.1f} {self.total:7.1f}"


def main() -> int:
    """Print one line for each server and kind of call and the ratios; exit code 1 if one misses the target."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    users = [Subscriber(f"001011{FIRST_USER + n}") for n in range(2 * USERS)]
    callers, callees = users[:USERS], users[USERS:]
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        (folder / "caller.csv").write_text(csv(callers), encoding="utf-8")
        (folder / "callee.csv").write_text(csv(callees), encoding="utf-8")
        pairs = "".join(f"{one.imsi};{other.imsi}\n" for one, other in zip(callers, callees, strict=True))
        (folder / "calls.csv").write_text("SEQUENTIAL\n" + pairs, encoding="utf-8")
        extra = f'domain: "{DOMAIN}",\ntimer_t1: {T1},\nauth_on_register_only: true,\n'

        def row(name: str, keys: Mapping[str, str]) -> Row:
            server: Registrar
            place = folder / name.replace(" ", "-").replace(",", "")
            if name.startswith("kamailio"):
                server = servers.enter_context(kamailio(place, KAMAILIO))
            else:
                options = "all.level=error"
                server = Server(place, ue_db(users), extra, options, log_sync=False, hosts=("127.0.0.1",))
                servers.enter_context(server)
            return Row(name, server, keys, (free_port(("127.0.0.1",)), free_port(("127.0.0.1",))))

        rows = [
            row("kamailio", NO_SDP), row("lteims", NO_SDP),
            row("kamailio, SDP", SDP), row("lteims, SDP", SDP),
        ]  # fmt: skip
        print(f"{count} calls a round at {RATE}/s, CPU us for each of them")
        print(f"{'':20} {'round 1':>7} {'2':>7} {'3':>7}    median   later   total", flush=True)
        for each in rows:
            each.begin(folder)
        for _ in range(ROUNDS):
            for each in rows:
                each.round(folder, count)
        time.sleep(64 * T1 + 2)
        for each in rows:
            each.finish(count)
            print(each)
    reached = [report(rows[0], rows[1], "without SDP"), report(rows[2], rows[3], "with SDP, four ports opened")]
    return 0 if all(reached) else 1


def report(rival: Row, ours: Row, what: str) -> bool:
    """The line of bench.run's table; is the target reached?"""
    ratio = ours.total / rival.total
    beside = f"kamailio {rival.total:.1f}, {ratio:.2f} times it (target {TARGET:.0f})"
    figure(f"call, INVITE to BYE, over UDP, {what}", ours.total, beside=beside)
    print(f"lteims / kamailio {what} = {ratio:.2f}, target {TARGET:.0f}: {'reached' if ratio <= TARGET else 'MISSED'}")
    return ratio <= TARGET


if __name__ == "__main__":
    sys.exit(main())

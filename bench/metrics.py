"""What it costs to be scraped: CPU of lteims for one GET /metrics with 10,000 users registered, and every 15 s of it.

`python -m bench.metrics [SCRAPES]`. SIPp registers the users; then the page is fetched as often as it is made anew,
and the server's CPU time is read before and after. What an idle server uses in that time is taken off.
"""

import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from bench import figure
from tests.net.ports import free_port
from tests.net.server import Server
from tests.net.sipp import Sipp
from tests.peers.subscribers import DOMAIN, Subscriber, csv, ue_db

SCRAPES = 50
USERS = 10_000
RATE = 2000  # registrations a second
INTERVAL = 15.0  # seconds between scrapes, as shipped
PACE = 0.6  # seconds between scrapes here: a page that is younger than half a second is given out again
TARGET = 1.0  # percent of a core
FIRST_USER = 100_000_001


def fetch(port: int) -> tuple[float, int]:
    """Seconds until the page was there, and its octets."""
    start = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        size = len(answer.read())
    return time.perf_counter() - start, size


def main() -> int:
    """Print the figures; exit code 1 if the target is missed."""
    scrapes = int(sys.argv[1]) if len(sys.argv) > 1 else SCRAPES
    users = [Subscriber(f"001011{FIRST_USER + n}") for n in range(USERS)]
    port = free_port(("127.0.0.1",))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "users.csv").write_text(csv(users), encoding="utf-8")
        extra = f'domain: "{DOMAIN}",\nmetrics_addr: "127.0.0.1:{port}",\n'
        with Server(
            folder / "server", ue_db(users), extra, "all.level=error", log_sync=False, hosts=("127.0.0.1",)
        ) as server:
            done = Sipp(
                "register", f"127.0.0.1:{server.port}", folder, folder / "users.csv",
                calls=USERS, rate=RATE, keys={"expires": "3600"}, within=120,
            ).run()  # fmt: skip
            if done.code or done.passed != USERS:
                raise SystemExit(f"{done.passed} of {USERS} registered\n{done.screen}")
            time.sleep(34)  # until the last transactions have ended (64*T1)
            span = scrapes * PACE
            before = server.cpu()
            time.sleep(min(span, 10))
            idle = (server.cpu() - before) / min(span, 10)
            before, start, latencies, size = server.cpu(), time.monotonic(), [], 0
            for n in range(scrapes):
                time.sleep(max(0.0, start + n * PACE - time.monotonic()))
                latency, size = fetch(port)
                latencies.append(latency)
            used = server.cpu() - before - idle * (time.monotonic() - start)
    cost = 1e3 * used / scrapes
    share = 100 * used / scrapes / INTERVAL
    latencies.sort()
    print(f"{USERS} users registered, a page of {size / 1000:.0f} kB; idle {100 * idle:.2f} % of a core")
    print(f"a scrape: {cost:.1f} ms of CPU, {1e3 * latencies[len(latencies) // 2]:.1f} ms until the page is there")
    print(f"every {INTERVAL:.0f} s: {share:.3f} % of a core, target {TARGET:.0f}")
    figure("scrape of /metrics, 10,000 users", 1000 * cost, beside=f"{share:.3f} % of a core at 15 s, target 1 %")
    return 0 if share <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())

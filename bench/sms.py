"""What one short message from phone to phone costs: CPU microseconds of lteims, and how many it carries in a second.

`python -m bench.sms [COUNT]`. MESSAGE with RP-DATA, 202, MESSAGE with RP-ACK, 200; MESSAGE with RP-DATA, 200, MESSAGE
with RP-ACK, 202: eight messages over UDP. In memory, and with the store on disk, where each is synced before it is
acknowledged and before its report is answered. Only the server's CPU time counts (user and system).
"""

import sys
import tempfile
import time
from pathlib import Path

from bench import figure
from tests.net.server import Server
from tests.peers.subscribers import DOMAIN
from tests.phone.texters import Texters, ue_db

COUNT = 4000  # messages in a round
ROUNDS = 3
PHONES = 64
T1 = 0.5  # seconds
TARGET = 1000.0  # microseconds


def measure(folder: Path, extra: str, count: int) -> tuple[float, float]:
    """CPU microseconds for one message, the end of its transactions included, and messages a second."""
    extra += f'domain: "{DOMAIN}",\ntimer_t1: {T1},\n'
    with Server(folder, ue_db(PHONES), extra, "all.level=error", log_sync=False, hosts=("127.0.0.1",)) as server:
        texters = Texters(("127.0.0.1", server.port), PHONES)
        texters.register()
        before, rates = server.cpu(), []
        for number in range(ROUNDS):
            start = time.monotonic()
            texters.send(range(number * count, (number + 1) * count), within=60 + count / 20)
            texters.settle(within=60)
            rates.append(count / (time.monotonic() - start))
        time.sleep(64 * T1 + 2)  # timer J
        used = server.cpu() - before
        texters.close()
    delivered = sum(len(deliveries) for deliveries in texters.deliveries.values())
    if texters.wrong or delivered != ROUNDS * count:
        raise SystemExit(f"{delivered} of {ROUNDS * count} delivered\n" + "\n".join(texters.wrong[:20]))
    if texters.resent:
        print(f"{texters.resent} requests were sent again")
    return 1e6 * used / (ROUNDS * count), max(rates)


def main() -> int:
    """Print the figures; exit code 1 if the target is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory() as name:
        plain, plain_rate = measure(Path(name) / "plain", "", count)
        stored, stored_rate = measure(Path(name) / "state", 'ue_db_filename: "ims.db",\n', count)
    what = "SMS from phone to phone, eight messages over UDP"
    figure(what, plain, beside=f"target {TARGET:.0f}; {plain_rate:.0f} a second with {PHONES} phones")
    figure("the same with the state on disk", stored, beside=f"target {TARGET:.0f}")
    figure("SMS with the state on disk", stored_rate, "/s", f"{PHONES} phones, one message each on its way")
    reached = max(plain, stored) <= TARGET
    print(f"{plain:.0f} us, on disk {stored:.0f} us, target {TARGET:.0f}: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())

"""What IPsec costs: one AKA registration with a security agreement, and one SIP message through ESP of this process.

`python -m bench.ipsec [PHONES]`. Virtual phones register (REGISTER, 401, REGISTER, 200), then again and again with a
new challenge and new SAs each time, over user-space ESP; the same in clear beside it. Only the server's CPU time counts
(user and system); the kernel's ESP is not in it.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import figure
from lteims.ipsec.algorithms import expand
from lteims.ipsec.esp import Esp
from lteims.ipsec.sa import Aalg, Ealg, Sa
from lteims.net.esp import UserSpaceIpsec
from lteims.sim.card import Sim
from lteims.sim.phone import Phone
from tests.net.server import Server

PHONES = 200
ROUNDS = 10
TARGET = 600.0  # microseconds
HOST = "127.0.77.1"
K, OPC = "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf"
OCTETS = 1000  # of a SIP message
PACKETS = 20_000


def ue_db(count: int) -> str:
    """So many Milenage users."""
    users = "".join(
        f'  {{imsi: "{imsi(n)}", sim_algo: "milenage", K: "{K}", opc: "{OPC}", authent_type: "AKAv1"}},\n'
        for n in range(count)
    )
    return f"ue_db: [\n{users}],\n"


def imsi(number: int) -> str:
    """The IMSI of a phone."""
    return f"00101{number:010}"


async def register(server: Server, count: int, *, protected: bool) -> float:
    """CPU microseconds of the server for one registration."""
    driver = UserSpaceIpsec(asyncio.get_running_loop()) if protected else None
    phones = [
        Phone(
            Sim(imsi(n), k=K, opc=OPC), server.address(HOST), host=f"127.0.78.{n + 1}", profile="samsung", ipsec=driver
        )
        for n in range(count)
    ]
    for phone in phones:
        await phone.switch_on()
    before, made = server.cpu(), 0
    for turn in range(ROUNDS):
        for phone in phones:
            phone.auth.forget()  # so that it comes without credentials, and is challenged
            response = await phone.register(600 + turn)
            assert response.code == 200
            made += 1
    used = server.cpu() - before
    for phone in phones:
        if protected and phone.security is not None and phone.security.agreed is None:
            raise SystemExit(f"{phone.name} has no SAs")
        await phone.deregister()
        await phone.close()
    if driver is not None:
        driver.close()
    return 1e6 * used / made


def packets() -> tuple[float, float]:
    """CPU microseconds to seal one SIP message, and to open it."""
    auth, enc = expand(Aalg.HMAC_SHA1_96, Ealg.AES_CBC, bytes(16), bytes(16))
    esp = Esp(Sa(1000, "192.0.2.1", 5060, "192.0.2.2", 5060, False, Aalg.HMAC_SHA1_96, Ealg.AES_CBC, auth, enc))
    payload, sealed = bytes(OCTETS), []

    def random(n: int) -> bytes:
        return bytes(n)

    start = time.process_time()
    for number in range(1, PACKETS + 1):
        sealed.append(esp.seal(number, 17, payload, random))
    middle = time.process_time()
    for packet in sealed:
        esp.open(packet)
    end = time.process_time()
    return 1e6 * (middle - start) / PACKETS, 1e6 * (end - middle) / PACKETS


def measured(folder: Path, count: int, extra: str, run: Callable[[Server], float]) -> float:
    """One server, one figure."""
    extra += "timer_t1: 0.5,\n"
    with Server(folder, ue_db(count), extra, "all.level=error", log_sync=False, hosts=(HOST,)) as server:
        return run(server)


def main() -> int:
    """Print the figures; exit code 1 if the target is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PHONES
    with tempfile.TemporaryDirectory() as name:
        clear = measured(
            Path(name) / "clear", count, "", lambda s: asyncio.run(register(s, count, protected=False))
        )  # fmt: skip
        protected = measured(
            Path(name) / "ipsec", count, "ipsec: true,\n", lambda s: asyncio.run(register(s, count, protected=True))
        )  # fmt: skip
    seal, opened = packets()
    what = "AKA registration with sec-agree, four SAs made and removed, over ESP of this process"
    figure(what, protected, beside=f"target {TARGET:.0f}; in clear {clear:.0f}")
    figure("AKA registration in clear", clear)
    figure(
        f"ESP packet of {OCTETS} octets, sha-1 and aes-cbc", seal + opened, beside=f"seal {seal:.1f}, open {opened:.1f}"
    )
    reached = protected <= TARGET
    print(f"{protected:.0f} us, target {TARGET:.0f}: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())

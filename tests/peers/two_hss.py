"""Two HSSs, each a program of its own, one killed with kill -9 while many register, whatever carries Diameter.

tests/net has it over TCP, tests/kernel over SCTP. The HSSs know the same users, and nothing of each other.
"""

import asyncio
import itertools
import re
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.request import urlopen

from lteims.sim.card import Sim
from lteims.sim.phone import Phone
from lteims.sim.profiles import SOFTPHONE
from tests.net.ports import free_port
from tests.net.server import Server
from tests.peers.core_network import DOMAIN, EMPTY

DELAY = 0.25  # seconds before each answer: a registration has four
USER = '  {{imsi: "{imsi}", pwd: "secret", authent_type: "MD5", impu: ["{imsi}"]}},\n'
METRICS = f"127.0.0.1:{free_port()}"
_hosts = (f"127.0.{n // 250 + 120}.{n % 250 + 1}" for n in itertools.count())


class Hss:
    """One of them."""

    def __init__(self, config: Path, address: str, program: tuple[str, ...]) -> None:
        self.address = address
        self.said: list[str] = []
        self._command = (*program, "hss", str(config), "--listen", address, "--delay", str(DELAY))
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(*self._command, stdin=DEVNULL, stdout=PIPE)
        assert self._process.stdout is not None
        ready = (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode()
        assert "ready" in ready
        self.said.clear()
        self._reader = asyncio.create_task(self._read(self._process.stdout))

    async def _read(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            self.said.append(line.decode().strip())

    def count(self, what: str) -> int:
        return sum(line.startswith(what) for line in self.said)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await self._reader


@asynccontextmanager
async def two(
    folder: Path, prefix: str, program: tuple[str, ...], users: int
) -> AsyncIterator[tuple[Server, Hss, Hss]]:
    """The server, connected to both."""
    config = folder / "hss.cfg"
    listed = "".join(USER.format(imsi=imsi(n)) for n in range(users))
    config.write_text(f'domain: "{DOMAIN}",\nue_db: [\n{listed}],\n')
    first, second = (Hss(config, f"{prefix}127.0.0.1:{free_port()}", program) for _ in range(2))
    extra = f'domain: "{DOMAIN}", cx_server_addr: ["{first.address}", "{second.address}"], metrics_addr: "{METRICS}",\n'
    levels = "all.level=error,ims.level=info,cx.level=info"
    server = Server(folder / "server", EMPTY, extra, log_options=levels, program=program)
    await asyncio.gather(first.start(), second.start())
    try:
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.wait_for_log, "Connected to", 2, 30.0)
        yield server, first, second
        await asyncio.to_thread(server.stop)
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill9()
        await asyncio.gather(first.kill(), second.kill())
    assert "failed inside" not in server.log


def imsi(number: int) -> str:
    return f"00101{number:010}"


async def killed_in_the_middle(folder: Path, prefix: str, program: tuple[str, ...], users: int = 40) -> None:
    """Every registration ends well; the first HSS is asked again once it is back."""
    async with two(folder, prefix, program, users + 1) as (server, first, second):
        phones = [phone(server, n) for n in range(users)]
        async with asyncio.timeout(90):
            under_way = asyncio.gather(*(register(each, n * 0.02) for n, each in enumerate(phones)))
            await until(lambda: first.count("<-- MAR") >= users // 4, first)
            await first.kill()
            await under_way
        assert await asyncio.to_thread(shown, first) == 0
        assert await asyncio.to_thread(shown, second) == 1
        await until(lambda: second.count("--> SAA 2001") == users, second)
        gone = re.findall(r"(\d+) requests that wait for \S+ go to \S+", server.log)
        assert sum(map(int, gone)) > 0, server.log[-2000:]
        assert "without an answer" not in server.log
        await first.start()
        await asyncio.to_thread(server.wait_for_log, "Connected to", 3, 60.0)
        before = len(second.said)
        await register(phone(server, users), 0.0)
        await until(lambda: first.count("--> SAA 2001") == 1, first)
        assert len(second.said) == before


def shown(hss: Hss) -> float:
    """Is it connected, as Prometheus hears it?"""
    with urlopen(f"http://{METRICS}/metrics", timeout=30) as page:
        text = page.read().decode()
    found = re.search(rf'^lteims_peer_up{{interface="cx",peer="{hss.address.removeprefix("tcp:")}"}} (.*)$', text, re.M)
    assert found is not None
    return float(found[1])


def phone(server: Server, number: int) -> Phone:
    sim = Sim(imsi(number), password="secret", domain=DOMAIN)
    return Phone(sim, server.address(), profile=SOFTPHONE, host=next(_hosts), name=str(number))


async def register(phone: Phone, wait: float) -> None:
    await asyncio.sleep(wait)
    async with phone:
        await phone.register()


async def until(condition: Callable[[], bool], hss: Hss) -> None:
    """Wait until this is so."""
    end = asyncio.get_running_loop().time() + 60
    while not condition():
        assert asyncio.get_running_loop().time() < end, hss.said
        await asyncio.sleep(0.01)

"""`lteims hss` and `lteims pcrf` as an operator of a lab has them: programs around a server, and words for both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lteims.sim.call import Call
from lteims.sim.phone import Phone
from lteims.sim.profiles import PLAIN
from tests.net.ports import free_port
from tests.net.server import PROGRAM, Server
from tests.peers.core_network import CONFIG, DOMAIN, EMPTY, OPC, A, B, K, card, tel

USERS = "".join(
    f'{{imsi: "{imsi}", impu: ["{imsi}", "{tel(imsi)}"], sim_algo: "milenage", K: "{K}", opc: "{OPC}"}}, '
    for imsi in (A, B)
)
LEVELS = "all.level=error,ims.level=info,cx.level=info,rx.level=info"
WITHIN = 30.0


class Program:
    """One of them; its lines are kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def line(self, text: str) -> str:
        """Wait for a line that has this in it."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WITHIN):
            while True:
                read = await self.process.stdout.readline()
                assert read, "\n".join(["it has ended", *self.lines])
                line = read.decode().rstrip("\n")
                self.lines.append(line)
                if text in line:
                    return line

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def kill(self) -> None:
        """As `kill -9`."""
        self.process.kill()
        await asyncio.wait_for(self.process.wait(), WITHIN)


@asynccontextmanager
async def started(*words: str, listen: str = "") -> AsyncIterator[tuple[Program, str]]:
    """A simulator that listens, and its address."""
    pipe = asyncio.subprocess.PIPE
    listen = listen or f"tcp:127.0.0.1:{free_port()}"  # nobody else gets it while a simulator is away
    process = await asyncio.create_subprocess_exec(str(PROGRAM), *words, "--listen", listen, stdin=pipe, stdout=pipe)
    program = Program(process)
    try:
        yield program, (await program.line(" ready: ")).split()[3]
    finally:
        if process.returncode is None:
            process.terminate()
            assert await asyncio.wait_for(process.wait(), WITHIN) == 0


def connections(address: str) -> int:
    """TCP connections to this server that are not closed, as their clients have them."""
    end = f":{int(address.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(row[2].endswith(end) and row[3] in ("01", "02", "08") for row in rows)


async def test_a_lab_of_programs(tmp_path: Path) -> None:
    config = tmp_path / "hss.cfg"
    config.write_text(f'domain: "{DOMAIN}", ue_db: [{USERS}],\n', encoding="utf-8")
    async with started("hss", str(config)) as (hss, cx), started("pcrf") as (pcrf, rx):
        extra = CONFIG.format(domain=DOMAIN, api=f"127.0.0.1:{free_port()}", cx=cx, rx=rx)
        server = Server(tmp_path / "server", EMPTY, extra, log_options=LEVELS)
        await asyncio.to_thread(server.start)
        try:
            await asyncio.to_thread(server.wait_for_log, "Connected to", 2)
            async with (
                Phone(card(A), server.address(), profile=PLAIN, host="127.0.59.1", name="a") as a,
                Phone(card(B), server.address(), profile=PLAIN, host="127.0.59.2", name="b") as b,
            ):
                await asyncio.gather(a.register(), b.register())
                await a.subscribe()
                hss.say("users")
                await hss.line(f"{A}@{DOMAIN} registered sip:127.0.0.1:")
                call = await a.call(tel(B))
                other = await b.next_call()
                await other.answer()
                await call.answered()
                pcrf.say("sessions")
                await pcrf.line("audio stands")
                pcrf.say(f"abort {A}")
                await asyncio.gather(call.ended(), other.ended())
                hss.say(f"rtr {A} SERVER_CHANGE")
                await hss.line("<-- RTA 2001")
                await a.changes.until(lambda: bool(a.watch.state.startswith("terminated")), WITHIN, "the last NOTIFY")
                assert not [line for line in hss.lines + pcrf.lines if "wrong:" in line]
        finally:
            await asyncio.to_thread(server.stop)


async def test_a_pcrf_that_is_killed_in_calls_and_while_they_are_set_up(tmp_path: Path) -> None:
    """Calls go on and begin without it; once it is back it hears of ends, and new calls have bearers."""
    async with started("pcrf") as (first, rx):
        extra = f"""domain: "{DOMAIN}", ue_db_filename: "ims.db", precondition: "on", rx_server_addr: "{rx}","""
        server = Server(tmp_path, f"ue_db: [{USERS}],\n", extra, log_options=LEVELS)
        await asyncio.to_thread(server.start)
        try:
            await asyncio.to_thread(server.wait_for_log, "Connected to", 1)
            async with (
                Phone(card(A), server.address(), profile=PLAIN, host="127.0.59.3", name="a") as a,
                Phone(card(B), server.address(), profile=PLAIN, host="127.0.59.4", name="b") as b,
            ):
                await asyncio.gather(a.register(), b.register())
                call, other = await _talk(a, b)
                await first.kill()
                await call.hold()
                await call.resume()
                await asyncio.gather(call.heard(10), other.heard(10))
                async with started("pcrf", "--silent", listen=rx) as (second, _):
                    await asyncio.to_thread(server.wait_for_log, "Connected to", 2)
                    begun = await a.call(tel(B))
                    await second.line("<-- AAR")
                    await second.kill()
                    late = await b.next_call()
                    await late.answer()
                    await begun.answered()
                await asyncio.gather(begun.hangup(), call.hangup())
                await asyncio.gather(other.ended(), late.ended())
                async with started("pcrf", listen=rx) as (third, _):
                    await third.line("--> STA")  # of the first call
                    call, other = await _talk(a, b)
                    third.say("sessions")
                    await third.line("audio stands")
                    await third.line("audio stands")
                    assert connections(rx) == 1
                    await call.hangup()
                    await other.ended()
                    await third.line("--> STA")
                    await third.line("--> STA")
                    third.say("sessions")
                    await third.line("no sessions")
                    assert not [line for line in third.lines if "wrong:" in line]
        finally:
            await asyncio.to_thread(server.stop)


async def _talk(a: Phone, b: Phone) -> tuple[Call, Call]:
    call = await a.call(tel(B))
    other = await b.next_call()
    await other.answer()
    await call.answered()
    return call, other


async def test_what_cannot_start(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.cfg")
    for words, text in (
        (["hss", missing], "missing.cfg: cannot read"),
        (["pcrf", "--listen", "nowhere"], "--listen: expected an IP address"),
        (["pcrf", "--listen", "tcp:192.0.2.1:3868"], "lteims pcrf: "),
    ):
        process = await asyncio.create_subprocess_exec(
            str(PROGRAM), *words, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, said = await asyncio.wait_for(process.communicate(), WITHIN)
        assert process.returncode == 1
        assert text in said.decode()
        assert "Traceback" not in said.decode()

"""The real program in a namespace of its own, phones and an API client in `phone1`, MMEs in `mme`: for test_sgs_*.py.

Whoever uses `Program` lives in phone1's namespace meanwhile; only the sockets of MMEs are made in `mme`.
"""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lteims.client import Client
from lteims.net import eager
from lteims.sim.card import Sim
from lteims.sim.mme_link import MmeLink
from lteims.sim.mme_phone import MmePhone
from lteims.sim.phone import Phone
from netns.network import Lab

ROOT = Path(__file__).resolve().parents[2]
PORT = 29118
DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
ONE = "mmec01.mmegi0001.mme.epc.mnc001.mcc001.3gppnetwork.org"
TWO = "mmec02.mmegi0001.mme.epc.mnc001.mcc001.3gppnetwork.org"


@dataclass(frozen=True, slots=True)
class User:
    """An entry of ue_db."""

    imsi: str
    number: str
    more: str = ""

    @property
    def impi(self) -> str:
        return f"{self.imsi}@{DOMAIN}"

    @property
    def entry(self) -> str:
        return (
            f'{{imsi: "{self.imsi}", impu: ["{self.imsi}", "tel:{self.number}"], authent_type: "MD5", pwd: "secret"'
            f"{self.more}}}"
        )


A, B, C = User("001010000000001", "+49401"), User("001010000000002", "+49402"), User("001010000000003", "+49403")
FORCED = User("001010000000004", "+49404", ", force_sms_over_sg: true")
STRANGER = "001010000000099"
CONFIG = """log_filename: "ims.log", log_options: "all.level=error,mme.level=info,ims.level=info", log_sync: true,
sip_addr: [{{addr: "{pdn}:5060", port_min: 20000, port_max: 21000}}],
com_addr: "{pdn}:9003", sctp_addr: "{core}", domain: "{domain}",
sms_retry_delay: 3600, sms_expires: 86400, ue_db_filename: "ims.db",
ue_db: [{users}],
"""


class Program:
    """The server; `kill` and `start` as often as a test likes."""

    def __init__(self, lab: Lab, folder: Path, family: int) -> None:
        self.lab, self.folder, self.family = lab, folder, family
        self.pdn, self.core = lab.address("ims"), lab.address("ims", family, "core")
        core = f"[{self.core}]" if family == 6 else self.core
        users = ",\n  ".join(user.entry for user in (A, B, C, FORCED))
        text = CONFIG.format(pdn=self.pdn, core=core, domain=DOMAIN, users=users)
        (folder / "ims.cfg").write_text(text, encoding="utf-8")
        self.server = f"{core}:{PORT}"
        self.process: subprocess.Popen[bytes] | None = None
        self.links: list[MmeLink] = []

    # -- the server
    def start(self, within: float = 60.0) -> None:
        output = self.folder / "output"
        command = [sys.executable, "-m", "lteims", str(self.folder / "ims.cfg")]
        with output.open("wb") as out:
            self.process = self.lab.popen(
                "ims", command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )  # fmt: skip
        end = time.monotonic() + within
        while " ready: " not in (text := output.read_text(encoding="utf-8")):
            assert time.monotonic() < end, text
            assert self.process.poll() is None, text
            time.sleep(0.1)
        assert f", sgs {self.server}," in f"{text.rstrip()},"

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(20) == 0, (self.folder / "output").read_text(encoding="utf-8")

    def memory(self) -> int:
        """Its resident memory in kilobytes."""
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def log(self) -> str:
        return (self.folder / "ims.log").read_text(encoding="utf-8")

    # -- MMEs
    async def mme(self, name: str = ONE) -> MmeLink:
        """An MME that has connected, and heard and acknowledged that the VLR has started, if it was not told before."""
        link = MmeLink(asyncio.get_running_loop(), name=name)
        self.links.append(link)
        await self.connect(link)
        return link

    async def connect(self, link: MmeLink) -> None:
        """Connect it, for the first time or again."""
        with self.lab.inside("mme"):
            task = eager.start(asyncio.get_running_loop(), link.connect((self.core, PORT)))
        if task is not None:
            await task
        link.mme.ladder.clear()

    async def attached(self, link: MmeLink, *users: User) -> list[MmePhone]:
        """Phones of this MME that have come, with nothing in their memory."""
        phones = [link.mme.attach(user.imsi) for user in users]
        await link.until(lambda: all(phone.attached for phone in phones), 20.0)
        return phones

    # -- phones of SIP, the API
    @contextlib.asynccontextmanager
    async def phone(self, user: User) -> Any:
        """A virtual phone that has registered."""
        async with Phone(Sim(user.imsi, password="secret", centre="+491"), f"{self.pdn}:5060") as phone:
            await phone.register()
            yield phone
            await phone.deregister()
            assert not phone.faults

    async def ask(self, message: str, **params: Any) -> Any:
        """One message of the remote API."""
        async with Client(f"{self.pdn}:9003") as client:
            return await client.call(message, **params)

    async def waiting(self, user: User) -> int:
        answer = await self.ask("users_get")
        return int(next(each.get("sms", 0) for each in answer["users"] if each["impi"] == user.impi))

    async def counted(self, *names: str) -> dict[str, int]:
        """Counters since the last look of anybody at them."""
        answer = json.loads(json.dumps((await self.ask("stats"))["counters"]))
        found = {**answer["messages"], **answer["errors"]}
        return {name: found.get(name, 0) for name in names}

    async def clean(self) -> None:
        """Nobody is connected, nothing waits, and the settings are those of the file."""
        for link in self.links:
            for phone in link.mme.phones.values():
                if phone.attached and not link.lost:
                    link.mme.detach_eps(phone.imsi)
        await asyncio.sleep(0.2)
        for link in self.links:
            link.close()
        self.links.clear()
        filters = dict.fromkeys(("cp_data", "cp_ack", "rp_data", "rp_ack"), "treat")
        async with Client(f"{self.pdn}:9003") as client:
            for user in (A, B, C, FORCED):
                await client.call("sms_flush", impi=user.impi)
            await client.call("config_set", sms_message_filter=filters, sms_forced_cp_cause=0, sms_forced_rp_cause=0)


@contextlib.contextmanager
def running(folder: Path, family: int, name: str) -> Iterator[Program]:
    """The program in a lab of its own; this thread is in phone1's namespace."""
    with Lab.of("volte", name) as lab, lab.inside("phone1"):
        program = Program(lab, folder, family)
        program.start()
        try:
            yield program
            program.stop()
        finally:
            if program.process is not None and program.process.poll() is None:
                program.process.kill()

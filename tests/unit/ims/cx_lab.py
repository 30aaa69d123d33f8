"""A registrar with an external HSS, the simulated one, and cards that register: no sockets, no waiting."""

import asyncio
from collections.abc import Iterable
from typing import Any

from lteims.config import AuthentType, ImpuConfig, SimAlgo, UserConfig
from lteims.diameter.command import Node
from lteims.diameter.errors import NoAnswer
from lteims.ids import Tokens
from lteims.ims.cx import CxHss
from lteims.ims.cx_push import Pushes
from lteims.ims.cx_users import CxUsers
from lteims.ims.deregistration import Deregistration
from lteims.ims.scscf import Registrar, Unauthorized
from lteims.ims.subscribers import Binding, Impu, Subscriber
from lteims.net.sip_flow import Flow
from lteims.sim.authentication import Authenticator
from lteims.sim.card import Sim
from lteims.sim.hss import Hss
from lteims.sip.headers import AuthValue
from lteims.store.memory import MemoryStore
from tests.unit.ims.registry import DOMAIN, Registry, user

S_CSCF = "sip:192.0.2.100:5060"
US, HSS = Node("ims.example.org", "example.org"), Node("hss.example.org", "example.org")
KEY = bytes(range(16))
IMSI, SOFT, OWN = "001010000000001", "001010000000002", "001010000000009"
IMPI = f"{IMSI}@{DOMAIN}"
IMPU, TEL = f"sip:{IMSI}@{DOMAIN}", "tel:+4911"


def subscription(imsi: str = IMSI, *impus: str, **more: Any) -> UserConfig:
    """A user of the HSS; with `pwd` it has no card."""
    keys: dict[str, Any] = {
        "sim_algo": SimAlgo.XOR,
        "k": None if "pwd" in more else KEY,
        "authent_type": AuthentType.AKAV1,
    }
    return UserConfig(imsi=imsi, impu=tuple(map(ImpuConfig, impus or (imsi, TEL))), **(keys | more))


class Wire:
    """The connection to the HSS: `down` has lost it, what is in `hss.lost` gets no answer."""

    def __init__(self, hss: Hss) -> None:
        self.hss = hss
        self.down = False
        self.asked: list[Any] = []
        self.held: asyncio.Event | None = None  # answers wait for it

    @property
    def remote(self) -> object | None:
        return None if self.down else HSS

    async def ask(self, request: Any, *, within: float) -> Any:
        assert 0 < within <= 10
        self.asked.append(request)
        if self.held is not None:
            await self.held.wait()
        if self.down or f"{request.command.abbreviation}R" in self.hss.lost:
            raise NoAnswer(f"no answer in {within:g} s")
        return await self.hss.serve(request, "session", US)

    @property
    def names(self) -> list[str]:
        """What was asked since the last look: UAR, MAR, SAR TYPE."""
        found = [
            f"{r.command.abbreviation}R" + (f" {r.type.name}" if hasattr(r, "server") and hasattr(r, "type") else "")
            for r in self.asked
        ]
        self.asked.clear()
        return found


class CxRegistry(Registry):
    """ue_db has OWN, the HSS has the others."""

    def __init__(self, *users: UserConfig, store: MemoryStore | None = None, hss: Hss | None = None) -> None:
        super().__init__(user(OWN, impu=(OWN,), authent_type=AuthentType.NONE), store=store)
        self.sim = hss or Hss.of(users or (subscription(), subscription(SOFT, SOFT, pwd="secret")), DOMAIN)
        self.wire = Wire(self.sim)
        self.users = CxUsers(self.subscribers, self.store)
        self.cx = CxHss(asyncio.get_running_loop(), self.subscribers, self.hss, self.users, S_CSCF)
        self.cx.connect(self.wire)
        self.challenges.on_unanswered = self.cx.reports.on_unanswered
        self.registrar = Registrar(self.config, self.subscribers, self.cx, self.challenges, self.store, self.time.wall)
        registrations = Deregistration(_Stack(), self.subscribers, [], self.store)  # type: ignore[arg-type]
        self.pushes = Pushes(self.users, registrations, self.store, self.cx.reports.settled)
        self.sim.ask = self._push

    async def _push(self, host: str, request: Any) -> Any:
        return await self.pushes.serve(request, "session", HSS)

    async def settle(self) -> None:
        """Let what goes on beside the answers end."""
        for _ in range(10):
            await asyncio.sleep(0)


class _Stack:
    """What ends a contact's calls starts its commit on."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()


class Ue:
    """One phone."""

    def __init__(self, registry: CxRegistry, imsi: str = IMSI, *, host: str = "192.0.2.7", **card: Any) -> None:
        keys = {} if "password" in card else {"algorithm": "xor", "k": KEY.hex()}
        self.registry = registry
        self.sim = Sim(imsi, domain=DOMAIN, **(keys | card))
        self.auth = Authenticator(self.sim, Tokens(lambda n: bytes(n)))
        self.host = host
        self.algorithm = ""  # as its first REGISTER names it
        self.challenges: list[AuthValue] = []

    async def register(
        self, *lines: str, expires: int = 600, challenges: int = 1
    ) -> tuple[Subscriber, Impu, list[Binding]]:
        """REGISTER until it is answered; the last Unauthorized is raised where more challenges come than these."""
        named = f", algorithm={self.algorithm}" if self.algorithm else ""
        authorization = self.auth.opening(f"sip:{DOMAIN}") + named
        while True:
            request = self.request(authorization, *lines, expires=expires)
            try:
                return await self.registry.registrar.register(request, Flow("UDP", 0, self.host, 5060))
            except Unauthorized as refusal:
                if not challenges:
                    raise
                challenges -= 1
                authorization = self.answer(refusal)

    def request(self, authorization: str, *lines: str, expires: int = 600) -> Any:
        """One REGISTER."""
        named = {line.partition(":")[0] for line in lines}
        contact = [] if "Contact" in named else [f"Contact: <sip:{self.sim.imsi}@{self.host}>"]
        credentials = [f"Authorization: {authorization}"] if authorization else []
        to = self.sim.public
        return self.registry.request(
            "REGISTER", "", f"From: <{to}>;tag=1", f"Call-ID: {self.sim.imsi}", *credentials, *contact,
            f"Expires: {expires}", *lines, to=to,
        )  # fmt: skip

    def answer(self, refusal: Unauthorized) -> str:
        """The credentials for a 401."""
        challenge = AuthValue.parse(refusal.headers["www-authenticate"])
        self.challenges.append(challenge)
        return self.auth.answer(challenge, "REGISTER", f"sip:{DOMAIN}")


def texts(impus: Iterable[Impu]) -> list[str]:
    """Identities as URIs."""
    return [impu.uri.text for impu in impus]

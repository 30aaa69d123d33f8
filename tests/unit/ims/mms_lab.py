"""The MMSC with a gateway that keeps what it is to push, for the tests of mms.py."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from lteims.config import ImsConfig, UserConfig
from lteims.ids import Tokens
from lteims.ims.mms import Mms
from lteims.ims.mms_store import MmsStore
from lteims.ims.service_centre import Submission
from lteims.ims.subscribers import Impu, Subscriber
from lteims.mm1.compose import File, compose
from lteims.mm1.pdu import AnyPdu, MNotificationInd, MRetrieveConf, MSendConf, MSendReq, parse
from lteims.mm1.push import PORT, Push
from lteims.net.sip_flow import Flow
from lteims.sip.uri import Uri
from lteims.sms.errors import SmsError
from lteims.sms.text import join
from lteims.store.memory import MemoryStore
from lteims.store.state import StoreError
from tests.unit.ims.registry import DOMAIN, Registry, user

URL = "http://192.0.2.100:1111/"
ALICE, BOB, CAROL = "+33600000001", "+33600000002", "+33600000003"
HOSTS = {"001": "192.0.2.1", "002": "192.0.2.2", "003": "2001:db8:1:2::3"}
CONTENT = compose([File("a.jpg", b"jpeg" * 50), File("b.txt", b"hello")])
USERS = (user("001", impu=(f"tel:{ALICE}",)), user("002", impu=("bob", f"tel:{BOB}")), user("003", impu=("carol",)))


@dataclass
class Post:
    """A gateway: whom it has told what, and which short messages still wait."""

    told: list[tuple[str, AnyPdu, Submission]] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    broken: bool = False
    directory: object | None = None
    asked: list[str] = field(default_factory=list)
    find: Callable[[Uri], tuple[Subscriber, Impu] | None] = lambda _: None  # what the HSS does

    async def seek(self, uri: Uri) -> tuple[Subscriber, Impu] | None:
        self.asked.append(uri.text)
        await asyncio.sleep(0)
        return self.find(uri)

    async def submit(self, submission: Submission) -> list[str]:
        if self.broken:
            raise SmsError("the store does not take it")
        message = join(submission.parts)
        assert message.ports is not None
        assert message.ports.destination == PORT
        ids = [f"{len(self.told)}.{n}" for n, _ in enumerate(submission.parts)]
        self.told.append((submission.receiver.impi.partition("@")[0], Push.parse(message.data).pdu(), submission))
        await asyncio.sleep(0)
        return ids

    def waits(self, id: str) -> bool:
        return id in self.waiting

    def take(self) -> list[tuple[str, AnyPdu]]:
        """What was pushed since the last time."""
        told, self.told = [(impi, pdu) for impi, pdu, _ in self.told], []
        return told


class FailingStore(MemoryStore):
    """A store whose disk can be full."""

    __slots__ = ("full",)

    def __init__(self) -> None:
        super().__init__()
        self.full = False

    async def commit(self) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise StoreError("the disk is full")


class Lab:
    """Three users, of whom the first two are registered, and their MMSC; `restart` is one."""

    def __init__(self, *users: UserConfig, room: int = 1 << 20, **options: object) -> None:
        self.disk = FailingStore()
        self.config = ImsConfig(domain=DOMAIN, **options)  # type: ignore[arg-type]
        self.registry = Registry(*(users or USERS), store=self.disk, config=self.config)
        self.room = room
        self.post = Post()
        self.octets = 0
        self._begin()

    def _begin(self) -> None:
        self.store = MmsStore(self.disk, self.room)
        registry = self.registry
        self.mms = Mms(
            self.config, registry.subscribers, self.post, self.store, Tokens(self._random), registry.wheel,
            registry.time.wall, URL,
        )  # fmt: skip

    def _random(self, n: int) -> bytes:
        self.octets += 1
        return b"".join((self.octets << 16 | i).to_bytes(4, "big") for i in range(n // 4 + 1))

    async def restart(self) -> None:
        """The same state, another process."""
        self.mms.close()
        self.registry.subscribers.listeners.remove(self.mms._on_binding)
        self._begin()
        self.mms.restore()
        self.mms.start()
        await self.settle()

    async def register(self, imsi: str, host: str = "") -> None:
        """A user's phone registers."""
        subscriber = self.registry.subscribers.by_impi(imsi)
        assert subscriber is not None
        flow = Flow("UDP", 0, host or HOSTS[imsi], 5060)
        name = f"sip:{imsi}@{f'[{flow.host}]' if ':' in flow.host else flow.host}"
        uri = subscriber.impus[0].uri.text
        await self.registry.register(
            f"Contact: <{name}>", f"From: <{uri}>;tag=1", f"Call-ID: {imsi}{flow.host}", flow=flow, to=uri
        )
        await self.settle()

    async def settle(self) -> None:
        """Everything that was begun ends."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Time passes."""
        end = self.registry.time.now + seconds
        while self.registry.time.now < end:
            self.registry.time.advance(min(1.0, end - self.registry.time.now))
            await self.settle()

    async def send(self, *to: str, peer: str = HOSTS["001"], **more: object) -> MSendConf:
        """Submit a message; the answer."""
        pdu = self.message(*to, **more)
        answer = parse(await self.mms.on_pdu(pdu.encode(), peer))
        await self.settle()
        assert isinstance(answer, MSendConf)
        return answer

    @staticmethod
    def message(*to: str, **more: object) -> MSendReq:
        """M-Send.req to these."""
        fields = {
            "transaction_id": "T1", "sender": "", "to": to or (f"{BOB}/TYPE=PLMN",),
            "content_type": CONTENT.content_type, "body": CONTENT.body,
        } | more  # fmt: skip
        return MSendReq(**fields)  # type: ignore[arg-type]

    async def say(self, pdu: AnyPdu, peer: str = HOSTS["002"]) -> bytes:
        """Post an indication."""
        answer = await self.mms.on_pdu(pdu.encode(), peer)
        await self.settle()
        return answer

    def notification(self) -> MNotificationInd:
        """The only thing that was pushed."""
        ((_, pdu),) = self.post.take()
        assert isinstance(pdu, MNotificationInd)
        return pdu

    async def get(self, location: str) -> MRetrieveConf:
        """Fetch a message."""
        assert location.startswith(URL)
        pdu = parse(await self.mms.on_get(location.removeprefix(URL), HOSTS["002"]))
        assert isinstance(pdu, MRetrieveConf)
        return pdu

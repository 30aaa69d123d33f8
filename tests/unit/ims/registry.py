"""The registrar with all that it needs in one process: a store in memory, a clock that stands until it is moved."""

import heapq
import itertools
from collections.abc import Callable

from lteims.config import AuthentType, ImpuConfig, ImsConfig, UserConfig
from lteims.ims.caller import Identifier
from lteims.ims.challenge import Challenges
from lteims.ims.hss import EmbeddedHss
from lteims.ims.icscf import Locator
from lteims.ims.scscf import Registrar
from lteims.ims.subscribers import Binding, Impu, Subscriber, Subscribers
from lteims.net.sip_flow import Flow
from lteims.net.timers import TimerWheel
from lteims.sip.message import Request, parse
from lteims.store.memory import MemoryStore

DOMAIN = "ims.example.org"
EPOCH = 1_800_000_000.0
FLOW = Flow("UDP", 0, "192.0.2.1", 5060)
K = bytes(range(16))


class Armed:
    """What call_at returns."""

    def __init__(self) -> None:
        self.live = True

    def cancel(self) -> None:
        self.live = False


class FakeTime:
    """call_at of an event loop, and its clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._order = itertools.count()
        self._calls: list[tuple[float, int, Armed, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def wall(self) -> float:
        return EPOCH + self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Armed:
        armed = Armed()
        heapq.heappush(self._calls, (when, next(self._order), armed, callback))
        return armed

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that it brings."""
        end = self.now + seconds
        while self._calls and self._calls[0][0] <= end:
            when, _, armed, callback = heapq.heappop(self._calls)
            self.now = max(self.now, when)
            if armed.live:
                callback()
        self.now = end


def user(imsi: str = "001", *, impu: tuple[ImpuConfig | str, ...] = (), **more: object) -> UserConfig:
    """An entry of ue_db; with a password it is of MD5, else it needs no authentication unless the test says which."""
    authent_type = AuthentType.MD5 if "pwd" in more else AuthentType.NONE
    configs = tuple(ImpuConfig(i) if isinstance(i, str) else i for i in impu)
    return UserConfig(**({"imsi": imsi, "impu": configs, "authent_type": authent_type} | more))  # type: ignore[arg-type]


class Registry:
    """The S-CSCF, I-CSCF and HSS of some users; `store` lets a second one find what the first has left."""

    def __init__(self, *users: UserConfig, store: MemoryStore | None = None, config: ImsConfig | None = None) -> None:
        self.time = FakeTime()
        self.config = config or ImsConfig(domain=DOMAIN)
        self.store = store or MemoryStore()
        self.wheel = TimerWheel(self.time.call_at, self.time.clock)
        self.subscribers = Subscribers(DOMAIN, self.store, self.wheel, self.time.wall)
        self.subscribers.add(users)
        hosts = {DOMAIN, "192.0.2.100"}
        for subscriber in self.subscribers:
            hosts |= {subscriber.domain} | {impu.uri.host for impu in subscriber.impus if impu.uri.host}
        self.subscribers.local_hosts = frozenset(hosts)
        self.events: list[tuple[str, str]] = []
        self.subscribers.listeners.append(lambda _, binding, event: self.events.append((event, binding.contact)))
        numbers = itertools.count(1)
        octets: Callable[[int], bytes] = lambda n: next(numbers).to_bytes(n, "big")  # noqa: E731
        self.hss = EmbeddedHss(self.subscribers, self.store, octets)
        self.challenges = Challenges(self.time.clock, octets)
        self.registrar = Registrar(
            self.config, self.subscribers, self.hss, self.challenges, self.store, self.time.wall
        )  # fmt: skip
        self.locator = Locator(self.config, self.subscribers)
        self.identifier = Identifier(self.config, self.subscribers, self.registrar)
        self.cseq = 0

    @property
    def only(self) -> Subscriber:
        """The subscriber, where there is one."""
        (subscriber,) = self.subscribers
        return subscriber

    def request(self, method: str = "REGISTER", target: str = "", *lines: str, to: str = "", body: str = "") -> Request:
        """A request of the first user, as if it had come from the wire; `lines` replace or add headers."""
        self.cseq += 1
        uri = next(iter(self.subscribers)).impus[0].uri.text
        fields = {
            "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
            "From": f"<{uri}>;tag=1",
            "To": f"<{to or uri}>",
            "Call-ID": "call",
            "CSeq": f"{self.cseq} {method}",
        }
        given = [line.partition(": ") for line in lines]
        shown = [f"{name}: {value}" for name, value in fields.items() if name not in {g[0] for g in given}]
        text = "\r\n".join([f"{method} {target or 'sip:' + DOMAIN} SIP/2.0", *shown, *lines])
        request = parse(f"{text}\r\n\r\n{body}".encode())
        assert isinstance(request, Request)
        return request

    async def register(
        self, *lines: str, flow: Flow = FLOW, to: str = ""
    ) -> tuple[Subscriber, Impu, list[Binding]]:  # fmt: skip
        """REGISTER with these further header lines."""
        return await self.registrar.register(self.request("REGISTER", "", *lines, to=to), flow)

    def contacts(self) -> list[str]:
        """The contacts of all users."""
        return [binding.contact for subscriber in self.subscribers for binding in subscriber.bindings]

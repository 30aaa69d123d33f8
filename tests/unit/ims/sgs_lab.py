"""A server and simulated MMEs in one process: the real VLR, driver and gateway, and SCTP that is a queue."""

from collections import deque
from collections.abc import Callable
from typing import Any, cast

from lteims.config import ImpuConfig, UserConfig
from lteims.ims.service_centre import Submission
from lteims.ims.sgs import Sgs
from lteims.net.sctp import Address
from lteims.net.sgsap import SgsapLink
from lteims.sgsap.association import Timings
from lteims.sim.mme import Mme
from lteims.sim.mme_phone import MmePhone
from lteims.sms import text
from lteims.sms.address import Address as SmsAddress
from tests.flows.phones import DOMAIN, Lab, user
from tests.flows.sms import NOW

A, B, STRANGER = "001010000000001", "001010000000002", "001010000000009"
NUMBER_A, NUMBER_B = "+49401", "+49402"


class Wire:
    """An SCTP association: what either side sends is on its way until `SgsLab.pump`."""

    def __init__(self, lab: "SgsLab", host: str) -> None:
        self.lab, self.host = lab, host
        self.on_message: Callable[[bytes, int, int], None] = lambda data, ppid, stream: None
        self.on_lost: Callable[[str], None] = lambda why: None
        self.streams_used: set[int] = set()
        self.closed = False
        self.octets: list[bytes] = []

    def start(self, on_message: Any, on_lost: Any) -> None:
        self.on_message, self.on_lost = on_message, on_lost

    def remote(self) -> list[Address]:
        return [(self.host, 36412)]

    def streams(self) -> int:
        return 4

    def send(self, data: bytes, ppid: int = 0, stream: int = 0) -> None:
        assert ppid == 0
        self.streams_used.add(stream)
        self.octets.append(data)
        self.lab.carry(self.receive, data)

    def receive(self, data: bytes) -> None:
        """The MME's side."""

    def close(self) -> None:
        self.closed = True


class SgsLab:
    """The server of the flows, with a VLR; users A and B have no SIP contact."""

    def __init__(self, *, timings: Timings | None = None, **options: Any) -> None:
        users = (
            user("1"), user("2"), user("3"),
            UserConfig(imsi=A, impu=(ImpuConfig(impu=f"tel:{NUMBER_A}"),)),
            UserConfig(imsi=B, impu=(ImpuConfig(impu=f"tel:{NUMBER_B}"),)),
        )  # fmt: skip
        self.lab = Lab(users=users, **options)
        self.lab.clock.now = NOW
        self.lab.gateway.start()
        self.clock = self.lab.clock
        self.sgs = Sgs(
            self.lab.config, self.lab.gateway, self.lab.gateway.transports, self.lab.subscribers, self.lab.wheel,
            cast(Any, self.clock), timings=timings,
        )  # fmt: skip
        self.links: dict[SgsapLink, None] = {}
        self._way: deque[tuple[Callable[[bytes], None], bytes]] = deque()

    # -- MMEs
    def connect(self, mme: Mme | None = None, *, host: str = "192.0.2.61", quiet: bool = True, **more: Any) -> Mme:
        """An MME, a new one or one that comes back. `quiet`: the VLR's reset is not in its ladder."""
        wire = Wire(self, host)
        if mme is None:
            mme = Mme(lambda data: None, self.lab.wheel.add, self.clock.time, **more)
        mme.ladder.clear()
        mme._send = lambda data: self.carry(lambda octets: wire.on_message(octets, 0, 0), data)
        wire.receive = mme.received  # type: ignore[method-assign]
        link = SgsapLink(wire, self.sgs, self.links)
        link.start()
        self.wire, self.link = wire, link
        self.pump()
        if quiet:
            mme.ladder.clear()
        return mme

    def attached(self, mme: Mme, imsi: str) -> MmePhone:
        """A phone that has come a while ago."""
        phone = mme.attach(imsi)
        self.run(1.0)
        assert phone.attached
        mme.ladder.clear()
        return phone

    def carry(self, to: Callable[[bytes], None], data: bytes) -> None:
        self._way.append((to, data))

    def pump(self) -> None:
        while self._way:
            to, data = self._way.popleft()
            to(data)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.clock.now + seconds
        self.pump()
        while self.clock.now < end:
            self.clock.advance(min(0.05, end - self.clock.now))
            self.pump()

    # -- short messages
    def submit(self, number: str, content: str = "Hello", **more: Any) -> None:
        """The operator sends a message."""
        receiver, impu = self.lab.gateway.find(SmsAddress.number(number))
        submission = Submission(
            receiver=receiver, impu=impu, sender=SmsAddress.number("+49999"), parts=text.split(content), **more
        )  # fmt: skip
        done(self.lab.gateway.submit(submission))

    def waiting(self, imsi: str) -> int:
        return self.lab.gateway.pending(f"{imsi}@{DOMAIN}")

    def nothing_left(self) -> None:
        """No transaction of the VLR stands, and nothing is on its way."""
        assert not self._way
        assert all(phone.conversation is None for phone in self.sgs._phones.by_imsi.values())


def done(work: Any) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")

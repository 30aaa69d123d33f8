"""SMS over SGs on SCTP of the kernel: a VLR with the real gateway, simulated MMEs, both families."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from lteims.config import ImpuConfig, ImsConfig, UserConfig
from lteims.errors import OperatorError
from lteims.ids import Tokens
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.service_centre import Submission
from lteims.ims.sgs import Sgs
from lteims.ims.sms_store import SmsStore
from lteims.ims.subscribers import Subscribers
from lteims.net.sgsap import SgsapServer
from lteims.net.sip import SipStack
from lteims.net.timers import TimerWheel
from lteims.sgsap import message as m
from lteims.sim.mme_link import MmeLink
from lteims.sip.transaction import Timings
from lteims.sms import rp, text
from lteims.sms.address import Address
from lteims.store.memory import MemoryStore

HOSTS = ["127.0.0.1", "::1"]
A, B = "001010000000001", "001010000000002"
NUMBER_A, NUMBER_B = "+49401", "+49402"
OTHER = "mmec02.mmegi0001.mme.epc.mnc001.mcc001.3gppnetwork.org"


class Server:
    """A VLR with a gateway, and no SIP."""

    def __init__(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        self.host = host
        self.wheel = TimerWheel(loop.call_at, loop.time)
        config = ImsConfig()
        store = MemoryStore()
        stack = SipStack(loop, self.wheel, Tokens(os.urandom), Timings())
        subscribers = Subscribers(config.domain, store, self.wheel, time.time)
        subscribers.add(
            UserConfig(imsi=imsi, impu=(ImpuConfig(impu=f"tel:{number}"),))
            for imsi, number in ((A, NUMBER_A), (B, NUMBER_B))
        )
        self.gateway = IpSmGw(config, stack, subscribers, SmsStore(store), time.time)
        self.gateway.start()
        self.sgs = Sgs(config, self.gateway, self.gateway.transports, subscribers, self.wheel, loop)
        self.listener = SgsapServer(loop, [(host, 0)], self.sgs)
        self.links: list[MmeLink] = []

    async def mme(self, **more: str) -> MmeLink:
        """An MME that has connected and heard of our start."""
        link = MmeLink(asyncio.get_running_loop(), **more)  # type: ignore[arg-type]
        self.links.append(link)
        await link.connect((self.host, self.listener.port))
        return link

    async def submit(self, number: str, content: str) -> None:
        receiver, impu = self.gateway.find(Address.number(number))
        parts = text.split(content)
        await self.gateway.submit(Submission(receiver=receiver, impu=impu, sender=Address.number("+49"), parts=parts))

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.listener.close()
        self.wheel.close()


@pytest.fixture(params=HOSTS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    server = Server(request.param)
    yield server
    server.close()


async def test_both_ways(server: Server) -> None:
    link = await server.mme()
    mme = link.mme
    await link.until(lambda: mme.ladder == ["<-- RESET-INDICATION", "--> RESET-ACK"])
    a, b = mme.attach(A), mme.attach(B)
    await link.until(lambda: a.attached and b.attached)
    a.submit("Hi", NUMBER_B)
    await link.until(lambda: b.inbox == ["Hi"] and a.reports and not b.busy)
    assert isinstance(a.reports[0], rp.RpAck)
    assert link.identifiers == {0}
    assert {0} < link.streams
    shown = f"[{server.host}]" if ":" in server.host else server.host
    ((name, address, phones),) = server.sgs.rows()
    assert (name, phones) == (mme.name, "2")
    assert address.startswith(f"{shown}:")


async def test_an_mme_that_crashes_and_comes_back(server: Server) -> None:
    link = await server.mme()
    mme = link.mme
    b = mme.attach(B)
    await link.until(lambda: b.attached)
    link.close(abort=True)
    await link.until(lambda: not server.sgs.rows())
    assert server.gateway.transports.sgs is None
    await server.submit(NUMBER_B, "while it was away")
    b.lost()
    await link.connect((server.host, server.listener.port))
    mme.ladder.clear()
    mme.restart()
    await link.until(lambda: "<-- RESET-ACK" in mme.ladder)
    assert not server.sgs.associated(B)
    mme.attach(B)
    await link.until(lambda: b.inbox == ["while it was away"])


async def test_several_mmes(server: Server) -> None:
    one, two = await server.mme(), await server.mme(name=OTHER)
    a, b = one.mme.attach(A), two.mme.attach(B)
    await one.until(lambda: a.attached and b.attached)
    a.submit("across", NUMBER_B)
    await two.until(lambda: b.inbox == ["across"])
    assert [row[2] for row in server.sgs.rows()] == ["1", "1"]
    two.close()
    await one.until(lambda: len(server.sgs.rows()) == 1)
    assert server.gateway.transports.sgs is server.sgs


async def test_what_cannot_be_read(server: Server) -> None:
    link = await server.mme()
    link.mme.received_messages.clear()
    link.mme.say_octets(b"\x19\x01\x02")
    await link.until(lambda: m.Status(None, 12, b"\x19\x01\x02") in link.mme.received_messages)
    assert not link.lost


async def test_a_thousand_messages(server: Server) -> None:
    """500 from the phone to itself, so 1,000 in all."""
    link = await server.mme()
    b = link.mme.attach(B)
    await link.until(lambda: b.attached)
    for n in range(500):
        b.submit(f"{n}", NUMBER_B)
        await link.until(lambda n=n: len(b.reports) > n, 20.0)  # type: ignore[misc]
    await link.until(lambda: len(b.inbox) == 500 and not b.busy, 120.0)
    assert b.inbox == [f"{n}" for n in range(500)]
    assert all(isinstance(report, rp.RpAck) for report in b.reports)


async def test_a_server_that_stops(server: Server) -> None:
    link = await server.mme()
    await link.until(lambda: link.mme.ladder)
    server.listener.close()
    await link.until(lambda: link.lost)
    assert not server.sgs.rows()


async def test_an_address_that_is_not_ours() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(OperatorError, match="198"):
        SgsapServer(loop, [("198.51.100.1", 29118)], None)  # type: ignore[arg-type]

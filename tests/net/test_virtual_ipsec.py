"""Virtual phones with IPsec against the real server, both with ESP of their own process: any kernel will do.

The server has no right to the kernel's ESP, whose tables both ends of one host would share: tests/kernel has
namespaces for that. Everything behind the 401 must go by ESP.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from lteims.ipsec.algorithms import DEFAULT_AALGS, DEFAULT_EALGS, pairs
from lteims.ipsec.sec_agree import ClientProfile, Pair
from lteims.net.ipsec import Ipsec
from lteims.net.ipsec_choice import Where, open_ipsec
from lteims.sim.errors import PhoneError
from lteims.sim.ladder import Ladder
from lteims.sim.phone import Phone
from lteims.sim.profiles import PLAIN, PROFILES, Profile
from tests.kernel.lab import host
from tests.net.server import Server
from tests.net.test_virtual_phone import EXTRA, UE_DB, card, phone
from tests.peers.field import NO_NET_ADMIN

pytestmark = pytest.mark.skipif(
    not host.has_namespaces(), reason="raw sockets need root; the kernel lab has phones too"
)
OURS = pairs(DEFAULT_AALGS, DEFAULT_EALGS)
PROTECTED = [name for name, profile in PROFILES.items() if profile.security is not None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("protected") / "server"
    with Server(folder, UE_DB, EXTRA, ipsec=True, prefix=NO_NET_ADMIN) as running:
        assert "(user space)" in running.ready
        yield running
    assert "failed inside" not in running.log


@pytest.fixture
async def driver() -> AsyncIterator[Ipsec]:
    """One for all phones of a test."""
    made = open_ipsec(asyncio.get_running_loop(), Where.USER)
    yield made
    made.close()


def only_esp(ladder: Ladder) -> None:
    """After its first 401 and until it has left each phone says and hears everything by ESP."""
    first = {}
    for arrow in ladder.arrows:
        if arrow.outgoing is None:
            continue
        if arrow.phone in first:
            assert "esp" in arrow.label, ladder.render()
        elif arrow.label.startswith("401 REGISTER"):
            first[arrow.phone] = arrow.at
    assert first


@asynccontextmanager
async def pair(
    server: Server, driver: Ipsec, first: int, profile: Profile | str, other: Profile | str = PLAIN
) -> AsyncIterator[tuple[Phone, Phone]]:
    ladder = Ladder(asyncio.get_running_loop().time)
    one = phone(server, card(first), profile, name="one", ladder=ladder, ipsec=driver)
    two = phone(server, card(first + 1), other, name="two", ladder=ladder, ipsec=driver)
    async with one, two:
        await asyncio.gather(one.register(), two.register())
        yield one, two
        await asyncio.gather(one.deregister(), two.deregister())
        assert (one.faults, two.faults) == ([], []), ladder.render()
        only_esp(ladder)


async def talk_and_text(one: Phone, two: Phone) -> None:
    """A call with voice, and a short message."""
    call = await one.call(f"tel:{two.number}")
    other = await two.next_call()
    await other.answer()
    await call.answered()
    await asyncio.gather(call.heard(10), other.heard(10))
    await call.hangup()
    await other.ended()
    await one.sms(two.number, "by ESP", report=True)
    assert (await two.next_sms()).text == "by ESP"
    assert (await one.next_report()).status == 0


@pytest.mark.parametrize("host", ["127.0.9.2", "::1"], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("chosen", OURS, ids=["-".join(each) for each in OURS])
async def test_every_pair_of_algorithms(server: Server, driver: Ipsec, chosen: Pair, host: str) -> None:
    """Registration, a call of the echo, a message to oneself, a refresh, de-registration."""
    profile = replace(PLAIN, security=ClientProfile((chosen,)))
    async with phone(server, card(10), profile, host=host, ipsec=driver) as ue:
        await ue.register()
        assert ue.security is not None
        assert ue.security.agreed is not None
        assert ue.security.agreed.pair == chosen
        call = await ue.call("tel:666")
        await call.answered()
        await call.heard(5)
        await call.hangup()
        await ue.sms(ue.number, "to myself")
        assert (await ue.next_sms()).text == "to myself"
        used = driver.usage(ue.security.sas)
        assert len(used) == 4
        assert sum(each.packets > 0 for each in used.values()) >= 2
        assert not any(each.forged or each.replayed for each in used.values())
        await ue.register()
        await ue.deregister()
        assert not ue.faults
        only_esp(ue.ladder)


@pytest.mark.parametrize("name", PROTECTED)
async def test_every_profile(server: Server, driver: Ipsec, name: str) -> None:
    async with pair(server, driver, 12 + 2 * PROTECTED.index(name), name) as (one, two):
        await one.subscribe()
        await talk_and_text(one, two)
        await one.register()
        await talk_and_text(two, one)


async def test_a_phone_registers_again_and_again(server: Server, driver: Ipsec) -> None:
    """New SAs beside the old each time, requests by either while they change; the server port stays."""
    async with pair(server, driver, 28, PLAIN) as (one, two):
        assert one.security is not None
        before = one.security.sas
        ports = {one.agent.path.ours.server}
        for n in range(4):
            texts = [one.sms(two.number, f"{n} there"), two.sms(one.number, f"{n} back")]
            await asyncio.gather(one.register(), *texts)
            assert (await two.next_sms()).text == f"{n} there"
            assert (await one.next_sms()).text == f"{n} back"
            ports.add(one.agent.path.ours.server)
        assert len(ports) == 1
        assert {sa.spi for sa in before}.isdisjoint(sa.spi for sa in one.security.sas)


async def test_another_security_verify_is_refused(server: Server, driver: Ipsec) -> None:
    async with phone(server, card(34), ipsec=driver) as ue:
        assert ue.security is not None
        ue.security.spoil = lambda lines: [line.replace("ealg=aes-cbc", "ealg=null") for line in lines]
        with pytest.raises(PhoneError) as refused:
            await ue.register()
        assert refused.value.code == 494
        assert ue.agent.path is ue.clear
        ue.security.spoil = lambda lines: lines
        await ue.register()
        assert ue.agent.path.protected
        await ue.deregister()


async def test_a_phone_without_ipsec_beside_one_with_it(server: Server, driver: Ipsec) -> None:
    async with phone(server, card(36), "lg") as plain, phone(server, card(37), ipsec=driver) as protected:
        await asyncio.gather(plain.register(), protected.register())
        await talk_and_text(plain, protected)
        await talk_and_text(protected, plain)
        await asyncio.gather(plain.deregister(), protected.deregister())
        assert (plain.faults, protected.faults) == ([], [])

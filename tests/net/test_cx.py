"""Users of an external HSS over Diameter on TCP: registration, RTR and PPR, an HSS that goes, floods, restarts.

tests/peers/core_network.py has the scenarios, which tests/kernel plays over SCTP; IPsec is in user space here.
"""

import asyncio
from pathlib import Path

import pytest

from lteims.net.ipsec_choice import Where, open_ipsec
from lteims.sim.profiles import PROFILES
from tests.kernel.lab import host
from tests.net.server import PROGRAM
from tests.peers.core_network import CX, A, B, card, impi, tel, world
from tests.peers.field import NO_NET_ADMIN
from tests.peers.two_hss import killed_in_the_middle


@pytest.mark.parametrize("name", CX)
async def test_cx_over_tcp(tmp_path: Path, name: str) -> None:
    async with world(tmp_path, "127.0.0.1", "tcp:") as made:
        await CX[name](made)


async def test_cx_over_tcp_on_ipv6(tmp_path: Path) -> None:
    async with world(tmp_path, "::1", "tcp:") as made:
        await CX["messages"](made)


async def test_one_of_two_hsss_is_killed(tmp_path: Path) -> None:
    await killed_in_the_middle(tmp_path, "tcp:", (str(PROGRAM),))


@pytest.mark.skipif(not host.has_namespaces(), reason="raw sockets need root; the kernel lab has phones of an HSS too")
@pytest.mark.parametrize("profile", ["plain", "samsung"])
async def test_ipsec_with_the_vectors_of_the_hss(tmp_path: Path, profile: str) -> None:
    """CK and IK come from the HSS; a card that is ahead, a call, a message, a refresh, an RTR, all by ESP."""
    driver = open_ipsec(asyncio.get_running_loop(), Where.USER)
    # Without rights to the kernel's ESP, whose tables both ends of one host would share
    program = (*NO_NET_ADMIN, str(PROGRAM))
    async with world(tmp_path, "127.0.0.1", "tcp:", program, ipsec=True) as made:
        assert "(user space)" in made.server.ready
        async with (
            made.phone(A, PROFILES[profile], sim=card(A, sqn=(1 << 20) << 5), ipsec=driver) as a,
            made.phone(B, PROFILES[profile], ipsec=driver) as b,
        ):
            await asyncio.gather(a.register(), b.register())
            await a.subscribe()
            call = await a.call(tel(B))
            other = await b.next_call()
            await other.answer()
            await call.answered()
            await asyncio.gather(call.heard(5), other.heard(5))
            await call.hangup()
            await other.ended()
            await b.sms(a.number, "by ESP")
            assert (await a.next_sms()).text == "by ESP"
            await b.register()
            assert (await made.hss.terminate(impi(A))).ok
            await a.changes.until(lambda: a.watch.state.startswith("terminated"), 20.0, "the last NOTIFY")
            assert "esp" in a.ladder.render()
            made.heard_nothing_wrong(a, b)
    driver.close()

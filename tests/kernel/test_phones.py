"""Virtual phones and the server over ESP: by the kernel on both sides, and by a process on one of them.

All phones of a test are in one namespace at addresses of their own, the server is in another; the wire between them
must show nothing but ESP, and voice, once a phone has been challenged. tests/net/test_ipsec.py has user space on both.
"""

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lteims.ipsec.sec_agree import ClientProfile
from lteims.net.ipsec_choice import Where
from lteims.sim.errors import PhoneError
from lteims.sim.path import Stream
from lteims.sim.phone import Phone
from lteims.sim.profiles import PLAIN
from lteims.sip.transaction import Timings
from tests.net.server import Server
from tests.peers.field import Drivers, Field, imsi, only_esp, play, talk_and_text, two_phones, wait_until
from tests.peers.forger import (
    BY_THIEF,
    BY_VICTIM,
    Attack,
    another_address,
    bystanders,
    forged,
    replayed,
    three_times,
    wrong_sa,
    wrong_spi,
)
from tests.peers.ipsec import PAIRS

FAMILIES = pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
CROWD = 1000  # phones that come and go together
FIRST = 20  # the place of the first of them
PATIENT = replace(PLAIN, timings=Timings(8.0, 16.0, 17.0))  # a crowd waits for its turn
HASTY = replace(PLAIN, timings=Timings(0.05, 0.2, 0.5))
IDLE = (0, 5 * 2 * 2)  # SAs and policies: five protected ports, two families, in and out


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    with Field("phones", ipv6=8) as made:
        yield made


@pytest.fixture(scope="module")
def server(field: Field, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """By the kernel."""
    with field.server(tmp_path_factory.mktemp("kernel") / "server", FIRST + CROWD) as running:
        assert "(kernel)" in running.ready
        yield running
    assert "failed inside" not in running.log


@pytest.fixture(scope="module")
def user_space(field: Field, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has not the right to use the kernel's IPsec, at an address of its own."""
    with field.server(tmp_path_factory.mktemp("user") / "server", 20, user_space=True, second=True) as running:
        assert "(user space)" in running.ready
        assert "NET_ADMIN" in running.log
        yield running
    assert "failed inside" not in running.log


def test_a_crowd_comes_and_goes(field: Field, server: Server) -> None:
    """All register, come three times with new challenges, and leave."""
    counts = []

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.USER)
        phones = [field.phone(server, FIRST + n, PATIENT, ipsec=driver) for n in range(CROWD)]
        async with contextlib.AsyncExitStack() as stack:
            for ue in phones:
                await stack.enter_async_context(ue)
            for _ in range(4):
                for start in range(0, CROWD, 50):
                    await asyncio.gather(*(ue.register() for ue in phones[start : start + 50]))
                counts.append(field.left())
            await asyncio.gather(*(ue.deregister() for ue in phones))
            assert not any(ue.faults for ue in phones)

    play(field, scene)
    print(f"SAs and policies of {CROWD} phones after each round: {counts}")
    assert counts[0][0] >= 4 * CROWD


@FAMILIES
@pytest.mark.parametrize("chosen", PAIRS, ids=["-".join(each) for each in PAIRS])
def test_every_pair_of_algorithms(field: Field, server: Server, chosen: Any, family: int) -> None:
    """Registration, a call with its INVITE by TCP, a message by UDP, de-registration: one SA set for both."""
    profile = replace(PLAIN, security=ClientProfile((chosen,)), tcp_methods=frozenset({"INVITE"}), tcp_from=5000)

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.KERNEL)
        async with field.phone(server, 0, profile, family, ipsec=driver) as ue:
            await ue.register()
            assert ue.security is not None
            assert ue.security.agreed is not None
            assert ue.security.agreed.pair == chosen
            call = await ue.call("tel:666")
            await call.answered()
            await call.heard(3)
            await call.hangup()
            await ue.sms(ue.number, "to myself")
            assert (await ue.next_sms()).text == "to myself"
            used = driver.usage(ue.security.sas)
            assert [each.packets > 0 for each in used.values()][:3] == [True] * 3
            assert not any(each.forged or each.replayed for each in used.values())
            await ue.deregister()
            assert not ue.faults
            labels = [arrow.label for arrow in ue.ladder.arrows if arrow.outgoing]
            assert {"INVITE (SDP tcp esp)", "BYE (esp)", "REGISTER (esp)"} <= set(labels)

    play(field, scene)
    assert only_esp(field.wire.packets(), field.host(0, family)) > 15


@FAMILIES
@pytest.mark.parametrize("name", ["iphone", "samsung"])
def test_two_phones(field: Field, server: Server, name: str, family: int) -> None:
    """One that mixes UDP and TCP, one whose INVITE is too large for UDP; new challenges between the calls."""

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.KERNEL)
        async with two_phones(field, server, name, family, driver) as (one, two):
            await one.subscribe()
            await talk_and_text(one, two)
            await asyncio.gather(one.register(), two.register())
            await talk_and_text(two, one)
            labels = {arrow.label for arrow in one.ladder.arrows if arrow.outgoing is not None}
            assert {"INVITE (SDP tcp esp)", "200 INVITE (tcp esp)", "MESSAGE (esp)"} <= labels

    play(field, scene)
    assert only_esp(field.wire.packets(), field.host(0, family), field.host(1, family)) > 50


@FAMILIES
def test_all_by_tcp(field: Field, server: Server, family: int) -> None:
    """REGISTER in clear by TCP, then everything in TCP from the protected client port, which comes back to it."""

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.KERNEL)
        async with field.phone(server, 0, "plain", family, ipsec=driver, transport="tcp") as ue:
            await ue.register()
            first = stream_of(ue)
            assert port_of(first, "sockname") == ue.agent.path.ours.client
            await ue.sms(ue.number, "before")
            assert (await ue.next_sms()).text == "before"
            await asyncio.sleep(0.2)  # until all is answered
            reset(first)
            await asyncio.sleep(0.2)
            await ue.sms(ue.number, "after a reset")
            assert (await ue.next_sms()).text == "after a reset"
            again = stream_of(ue)
            assert again is not first
            assert port_of(again, "sockname") == ue.agent.path.ours.client
            await ue.deregister()
            assert not ue.faults, ue.ladder.render()

    play(field, scene)
    packets = field.wire.packets()
    only_esp(packets, field.host(0, family))
    assert not any(packet.protocol == socket.IPPROTO_UDP and not packet.is_voice for packet in packets)


@FAMILIES
def test_the_server_connects_from_its_client_port(field: Field, server: Server, family: int) -> None:
    """A large INVITE to a phone without a stream: from port_pc to port_us, and the phone's answers by the fourth SA."""

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.KERNEL)
        async with two_phones(field, server, replace(PLAIN, tcp_from=5000), family, driver) as (one, two):
            call = await one.call(f"tel:{two.number}")
            other = await two.next_call()
            (stream,) = two.agent.path._streams
            assert port_of(stream, "sockname") == two.agent.path.ours.server
            assert port_of(stream, "peername") == two.agent.path.theirs.client
            await other.answer()
            await call.answered()
            await call.hangup()
            await other.ended()
            assert two.security is not None
            assert all(each.packets > 0 for each in driver.usage(two.security.sas[2:]).values())

    play(field, scene)
    only_esp(field.wire.packets(), field.host(0, family), field.host(1, family))


def stream_of(ue: Phone) -> Stream:
    found = ue.agent.path._out
    assert found is not None
    return found


def port_of(stream: Stream, end: str) -> int:
    assert stream._transport is not None
    return int(stream._transport.get_extra_info(end)[1])


def reset(stream: Stream) -> None:
    """Leave without a FIN, so that the port can be used again at once."""
    assert stream._transport is not None
    sock = stream._transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream._transport.abort()


MIXED = [PAIRS[0], *(pair for pair in PAIRS if pair[0] == "aes-gmac" or pair[1] in ("aes-gcm", "des-ede3-cbc"))]


@FAMILIES
@pytest.mark.parametrize("phones", [Where.USER, Where.KERNEL], ids=["phones-user", "server-user"])
def test_user_space_on_one_side(field: Field, server: Server, user_space: Server, phones: Where, family: int) -> None:
    other = server if phones is Where.USER else user_space

    async def scene(drivers: Drivers) -> None:
        driver = drivers(phones)
        for chosen in MIXED:
            profile = replace(PLAIN, security=ClientProfile((chosen,)), tcp_from=5000)
            async with two_phones(field, other, profile, family, driver) as (one, two):
                await talk_and_text(one, two)
                await one.register()
                await one.sms(two.number, "by the second set")
                assert (await two.next_sms()).text == "by the second set"
            only_esp(field.wire.packets(), one.host, two.host)

    play(field, scene)


@FAMILIES
def test_tcp_to_a_server_whose_esp_carries_none(field: Field, user_space: Server, family: int) -> None:
    """Connections are refused at once, and what was to go by TCP goes by UDP."""

    async def scene(drivers: Drivers) -> None:
        start = time.monotonic()
        async with two_phones(field, user_space, "iphone", family, drivers(Where.KERNEL)) as (one, two):
            await talk_and_text(one, two)
            await talk_and_text(two, one)
            labels = [arrow.label for arrow in one.ladder.arrows if arrow.outgoing]
            assert {"INVITE (SDP tcp esp)", "INVITE (SDP esp)"} <= set(labels)
        assert time.monotonic() - start < 8  # for so long one waits for a connection that is not refused

    play(field, scene)
    only_esp(field.wire.packets(), field.host(0, family), field.host(1, family))


# --- what is refused


def refused(log: str, cause: str) -> int:
    """How many packets the server says were refused so, in all that it says: it looks every two seconds."""
    return sum(map(int, re.findall(f"(\\d+) packets refused by the kernel: .*{cause}", log)))


@pytest.mark.parametrize(
    ("attack", "sender", "counter", "cause"),
    [
        (forged, BY_VICTIM, "esp_forged", "XfrmInStateProtoError"),
        (replayed, BY_VICTIM, "esp_replayed", "XfrmInStateSeqError"),
        (wrong_spi, BY_VICTIM, "esp_unknown_spi", "XfrmInNoStates"),
        (wrong_sa, BY_THIEF, "esp_wrong_ports", "their addresses or ports"),
        (another_address, BY_VICTIM, "esp_wrong_ports", "their addresses or ports"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_esp_that_is_refused(
    field: Field, server: Server, attack: Attack, sender: int, counter: str, cause: str
) -> None:
    """Counted, logged with its cause, and nobody's call suffers."""
    before = field.counters(server, "esp").get(counter, 0)
    logged = len(server.log)

    play(field, lambda drivers: three_times(field, server, drivers(Where.KERNEL), attack, sender))
    wait_until(lambda: refused(server.log[logged:], cause) >= 3)
    assert field.counters(server, "esp").get(counter, 0) >= before + 3  # resets of streams that are closed count too


@pytest.mark.parametrize("place", [9, 4], ids=["a stranger", "a phone with SAs"])
def test_clear_text_to_a_protected_port(field: Field, server: Server, place: int) -> None:
    logged = len(server.log)

    async def scene(drivers: Drivers) -> None:
        async with bystanders(field, server, drivers(Where.KERNEL)):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((field.host(place), 0))
                sock.sendto(b"OPTIONS sip:a SIP/2.0", ("10.90.1.1", 5100))
                sock.sendto(b"OPTIONS sip:a SIP/2.0", ("10.90.1.1", 5101))
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                sock.settimeout(0.2)
                sock.bind((field.host(place), 0))
                with pytest.raises(TimeoutError):
                    sock.connect(("10.90.1.1", 5100))

    play(field, scene)
    wait_until(lambda: refused(server.log[logged:], "they were clear text") >= 3)


# --- the end


def test_nothing_is_left_of_the_crowd(field: Field, server: Server) -> None:
    """32 s after they have left, which is long ago by now."""
    crowd = {field.host(FIRST + n) for n in range(CROWD)}
    wait_until(lambda: crowd.isdisjoint(field.peers()), 60.0)
    assert imsi(FIRST) not in field.monitor(server, "sa")


def test_a_server_that_was_killed(field: Field, server: Server) -> None:
    """Its SAs stay in the kernel; the next start removes them, and the phone comes back by registering in clear."""

    async def scene(drivers: Drivers) -> None:
        async with field.phone(server, 0, HASTY, ipsec=drivers(Where.KERNEL)) as ue:
            await ue.register()
            server.kill9()
            stale, _ = field.left()
            assert stale >= 4
            server.start()
            assert f"{stale} SAs of an earlier process removed" in server.log
            assert field.left() == IDLE
            with pytest.raises(PhoneError, match="no final answer"):
                await ue.register()
            assert ue.security is not None
            ue.security.left()
            ue.auth.forget()
            await ue.register()
            assert ue.agent.path.protected
            await ue.sms(ue.number, "back")
            assert (await ue.next_sms()).text == "back"
            await ue.deregister()

    play(field, scene)


def test_nothing_is_left_of_a_server(field: Field, server: Server) -> None:
    """That stops, whatever lives then."""
    print(field.left())
    server.stop()
    count = field.lab.run("ims", ["ip", "xfrm", "state", "count"]).stdout
    print(count, field.lab.run("ims", ["ip", "xfrm", "policy", "count"]).stdout)
    assert "SAD count 0" in count
    assert field.left() == (0, 0)
    assert field.left("phone1") == (0, 0)

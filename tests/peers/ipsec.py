"""What both drivers of IPsec promise (lteims/net/ipsec.py), tried with real packets between two addresses.

tests/unit/net/test_esp.py runs it in user space on loopback, tests/kernel/test_xfrm.py over a pair of network
namespaces: the kernel, user space, and one against the other.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest

from lteims.ipsec.algorithms import ENCRYPTION, INTEGRITY, legal
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.sa import Aalg, Ealg, Sa, Usage
from lteims.net.ipsec import Ipsec, Port
from lteims.net.udp import Address, UdpSocket, open_udp

PAIRS = [(aalg, ealg) for aalg, ealg in itertools.product(Aalg, Ealg) if legal(aalg, ealg)]
SHORT = 0.05  # seconds in which a packet would have come
LONG = 20.0

_numbers = itertools.count(1)


class Host:
    """One end: an address, its driver, and how to be where its sockets are."""

    def __init__(
        self,
        address: str,
        make: Callable[[asyncio.AbstractEventLoop], Ipsec],
        inside: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.address = address
        self.inside = inside
        self.heard: list[tuple[bytes, Address]] = []
        self._news = asyncio.Event()
        with inside():
            self.ipsec = make(asyncio.get_running_loop())

    def install(self, sas: Sequence[Sa]) -> None:
        with self.inside():
            self.ipsec.install(sas)

    def port(self, number: int = 0) -> Port:
        with self.inside():
            return self.ipsec.port(self.address, number, self.hear)

    def hear(self, data: bytes, addr: Address) -> None:
        self.heard.append((data, addr))
        self._news.set()

    async def next(self, patience: float = LONG) -> tuple[bytes, Address]:
        """The oldest datagram that nobody has asked for; TimeoutError."""
        async with asyncio.timeout(patience):
            while not self.heard:
                self._news.clear()
                await self._news.wait()
        return self.heard.pop(0)

    async def silent(self) -> bool:
        """Does nothing come?"""
        try:
            await self.next(SHORT)
        except TimeoutError:
            return True
        return False

    def clear(self, number: int = 0) -> UdpSocket:
        """An ordinary UDP socket beside the protected ones."""
        with self.inside():
            return UdpSocket(asyncio.get_running_loop(), open_udp(self.address, number), self.hear)

    def usage(self, sa: Sa) -> Usage:
        return self.ipsec.usage([sa])[sa.dst, sa.spi]


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what is on its way; TimeoutError."""
    for _ in range(int(LONG / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def keys(aalg: Aalg, ealg: Ealg, seed: int) -> tuple[bytes, bytes]:
    stream = bytes((seed * 7 + n * 13 + 5) % 256 for n in range(64))
    return stream[: INTEGRITY[aalg].key_len], stream[32 : 32 + ENCRYPTION[ealg].key_len]


class Pair:
    """Two hosts with a protected port each, and the SAs between them, in both directions."""

    def __init__(self, ours: Host, theirs: Host, aalg: Aalg = Aalg.HMAC_SHA1_96, ealg: Ealg = Ealg.AES_CBC) -> None:
        self.ours, self.theirs = ours, theirs
        self.port, self.far = ours.port(), theirs.port()
        self.out, self.back = self.make(aalg, ealg)
        self.install(self.out, self.back)

    def make(self, aalg: Aalg = Aalg.HMAC_SHA1_96, ealg: Ealg = Ealg.AES_CBC) -> tuple[Sa, Sa]:
        """Fresh SAs of the same ports as our host sees them: to the other and back."""
        n = next(_numbers)
        near, far = (self.ours.address, self.port.local[1]), (self.theirs.address, self.far.local[1])
        auth, enc = keys(aalg, ealg, n)
        out = Sa(0x10000 + 2 * n, *near, *far, False, aalg, ealg, auth, enc)
        return out, Sa(0x10001 + 2 * n, *far, *near, True, aalg, ealg, auth, enc)

    def install(self, out: Sa, back: Sa) -> None:
        self.ours.install([out, back])
        self.theirs.install(seen_there(out, back))

    def close(self) -> None:
        self.port.close()
        self.far.close()


def seen_there(*sas: Sa) -> list[Sa]:
    return [replace(sa, inbound=not sa.inbound) for sa in sas]


async def both_ways(pair: Pair, data: bytes) -> None:
    """A datagram there and one back, unharmed, with the right addresses; counted by both."""
    before = [pair.ours.usage(sa).packets for sa in (pair.out, pair.back)]
    assert pair.port.send(data, pair.far.local)
    there = await pair.theirs.next()
    assert there == (data, pair.port.local)
    assert pair.far.send(data[::-1], pair.port.local)
    assert await pair.ours.next() == (data[::-1], pair.far.local)
    assert [pair.ours.usage(sa).packets for sa in (pair.out, pair.back)] == [n + 1 for n in before]
    assert [usage.packets for usage in pair.theirs.ipsec.usage(seen_there(pair.out, pair.back)).values()] == [
        n + 1 for n in before
    ]


async def every_algorithm(ours: Host, theirs: Host) -> list[tuple[Aalg, Ealg]]:
    """Both ways by each legal pair of algorithms, small, odd and greater than any MTU."""
    for aalg, ealg in PAIRS:
        pair = Pair(ours, theirs, aalg, ealg)
        for data in (b"", b"odd", bytes(range(256)) * 4, b"INVITE " * 500):
            await both_ways(pair, data)
        pair.close()
        ours.ipsec.remove([pair.out, pair.back])
        theirs.ipsec.remove(seen_there(pair.out, pair.back))
    return PAIRS


async def nothing_without_an_sa(ours: Host, theirs: Host) -> None:
    pair = Pair(ours, theirs)
    ours.ipsec.remove([pair.out])
    assert not pair.port.send(b"in clear?", pair.far.local)
    assert await theirs.silent()
    ours.ipsec.remove([pair.out, pair.back])  # once more does nothing
    assert ours.ipsec.usage([pair.out, pair.back]) == {}


async def nothing_by_an_sa_that_the_receiver_lacks(ours: Host, theirs: Host) -> None:
    pair = Pair(ours, theirs)
    theirs.ipsec.remove(seen_there(pair.out))
    assert pair.port.send(b"nobody can read this", pair.far.local)
    assert await theirs.silent()


async def clear_text_is_refused(ours: Host, theirs: Host) -> None:
    """From any port to a protected one, with SAs and without, and from a protected one too."""
    pair = Pair(ours, theirs)
    stranger = ours.clear()
    stranger.send(b"from another port", pair.far.local)
    assert await theirs.silent()
    ours.ipsec.remove([pair.out, pair.back])
    pair.port.close()
    liar = ours.clear(pair.port.local[1])  # the phone's own port, but no ESP
    liar.send(b"from the right port", pair.far.local)
    assert await theirs.silent()
    theirs.ipsec.remove(seen_there(pair.out, pair.back))
    stranger.send(b"with no SA at all", pair.far.local)
    assert await theirs.silent()
    for sock in (stranger, liar):
        sock.close()


async def a_wrong_key_is_counted_as_forged(ours: Host, theirs: Host) -> None:
    pair = Pair(ours, theirs)
    ours.install([replace(pair.out, auth_key=bytes(20))])
    assert pair.port.send(b"by a wrong key", pair.far.local)
    assert await theirs.silent()
    (there,) = seen_there(pair.out)
    await until(lambda: theirs.usage(there).forged == 1)
    assert theirs.usage(there).packets == 0


async def the_right_packet_by_the_wrong_sa(ours: Host, theirs: Host) -> None:
    """A phone that has an SA of its own sends by it from ports that are another's."""
    victim, thief = Pair(ours, theirs), Pair(ours, theirs)
    forged = replace(thief.out, sport=victim.out.sport, dport=victim.out.dport)
    ours.ipsec.remove([victim.out, thief.out])
    ours.install([forged])
    assert victim.port.send(b"as if from the victim", victim.far.local)
    assert await theirs.silent()


async def replaced_by_newer_ones(ours: Host, theirs: Host) -> None:
    """SAs of the same ports: the newest is sent by, each is received by, and the older serves when the newer goes."""
    pair = Pair(ours, theirs)
    await both_ways(pair, b"first")
    old, (out, back) = (pair.out, pair.back), pair.make()
    theirs.install(seen_there(out, back))
    ours.install([back])
    assert pair.port.send(b"by the old", pair.far.local)
    assert (await theirs.next())[0] == b"by the old"
    ours.install([out])
    pair.out, pair.back = out, back
    await both_ways(pair, b"by the new")
    ours.ipsec.remove([out, back])
    theirs.ipsec.remove(seen_there(out, back))
    pair.out, pair.back = old
    await both_ways(pair, b"by the old again")


async def the_very_same_goes_on(ours: Host, theirs: Host) -> None:
    pair = Pair(ours, theirs)
    await both_ways(pair, b"one")
    pair.install(pair.out, pair.back)
    await both_ways(pair, b"two")


async def all_or_nothing(ours: Host, theirs: Host) -> None:
    pair = Pair(ours, theirs)
    out, back = pair.make()
    changed = replace(pair.out, auth_key=bytes(20))  # of the same identity: has to come back
    bad = replace(back, aalg=Aalg.AES_GMAC, auth_key=bytes(20))  # GMAC with AES-CBC is no pair
    with pytest.raises(NoIpsec, match="aes-gmac"):
        ours.install([changed, out, bad])
    assert ours.ipsec.usage([out, back]) == {}
    assert pair.port.send(b"as before", pair.far.local)
    assert (await theirs.next())[0] == b"as before"


CONTRACT = [
    nothing_without_an_sa,
    nothing_by_an_sa_that_the_receiver_lacks,
    clear_text_is_refused,
    a_wrong_key_is_counted_as_forged,
    the_right_packet_by_the_wrong_sa,
    replaced_by_newer_ones,
    the_very_same_goes_on,
    all_or_nothing,
]

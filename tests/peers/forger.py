"""ESP packets that must be refused, made from the SAs of virtual phones: for tests of both kinds of IPsec.

Each is for a victim, whose call goes on meanwhile, or by a thief, whose own SAs may suffer.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

from lteims.ipsec import udp
from lteims.ipsec.esp import Esp
from lteims.ipsec.sa import Sa
from lteims.net.ipsec import Ipsec
from lteims.sim.phone import Phone
from tests.net.server import Server
from tests.peers.field import Field, two_phones

BY_VICTIM, BY_THIEF = 4, 6  # places of users


@contextlib.asynccontextmanager
async def bystanders(field: Field, server: Server, driver: Ipsec) -> AsyncIterator[Phone]:
    """Two phones in a call while others misbehave, the first of them as their victim: nothing may be lost."""
    async with two_phones(field, server, "plain", 4, driver, first=4) as (one, two):
        call = await one.call(f"tel:{two.number}")
        other = await two.next_call()
        await other.answer()
        await call.answered()
        yield one
        await asyncio.gather(call.heard(call.voice.received + 10), other.heard(other.voice.received + 10))
        await other.heard(call.voice.sent - 2)
        await one.sms(two.number, "still here")
        assert (await two.next_sms()).text == "still here"
        await call.hangup()
        await other.ended()


def raw(field: Field, place: int) -> socket.socket:
    """A raw socket for ESP at a phone's address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
    sock.bind((field.host(place), 0))
    return sock


async def three_times(field: Field, server: Server, driver: Ipsec, attack: "Attack", sender: int) -> None:
    """Three packets of an attack, from the address of the phone in this place, while two others talk."""
    async with bystanders(field, server, driver) as victim, field.phone(server, BY_THIEF, ipsec=driver) as thief:
        await thief.register()
        packets = [attack(field, victim, thief, n) for n in range(3)]
        if attack is replayed:
            packets = [packets[0]] * 3
        with raw(field, sender) as sock:
            for packet in packets:
                sock.sendto(packet, ("10.90.1.1", 0))
        await asyncio.sleep(0.2)


def sealed(sa: Any, sequence: int, data: bytes, **other: Any) -> bytes:
    """A packet by an SA, with other addresses or ports inside if given."""
    ends = {"src": sa.src, "sport": sa.sport, "dst": sa.dst, "dport": sa.dport} | other
    inner = udp.build(ends["src"], ends["sport"], ends["dst"], ends["dport"], data)
    return Esp(sa).seal(sequence, 17, inner, bytes)


Attack = Callable[[Field, Phone, Phone, int], bytes]


def forged(field: Field, victim: Phone, thief: Phone, n: int) -> bytes:
    packet = bytearray(sealed(sas(victim)[0], 5000 + n, b"x" * 50))
    packet[-1] ^= 1
    return bytes(packet)


def replayed(field: Field, victim: Phone, thief: Phone, n: int) -> bytes:
    sent = [each for each in field.wire.packets() if each.protocol == 50 and each.src == victim.host]
    return sent[-1].payload if sent else bytes(4)


def wrong_spi(field: Field, victim: Phone, thief: Phone, n: int) -> bytes:
    return struct.pack("!I", 0x7F000001) + sealed(sas(victim)[0], 5000 + n, b"x" * 50)[4:]


def wrong_sa(field: Field, victim: Phone, thief: Phone, n: int) -> bytes:
    """The thief's own SA, with the victim's address and port inside; then from the victim's address."""
    return sealed(sas(thief)[0], 5000 + n, b"x" * 50, sport=sas(victim)[0].sport)


def another_address(field: Field, victim: Phone, thief: Phone, n: int) -> bytes:
    """An SA whose keys were stolen, used from the address of somebody else."""
    return sealed(sas(thief)[0], 5000 + n, b"x" * 50, src=victim.host)


def tcp_inside(field: Field, victim: Phone, thief: Phone, n: int) -> bytes:
    return Esp(sas(thief)[0]).seal(5000 + n, 6, bytes(20), bytes)


def cut_off(field: Field, victim: Phone, thief: Phone, n: int) -> bytes:
    return b"\0\0\0\7"


def sas(ue: Phone) -> tuple[Sa, ...]:
    assert ue.security is not None
    return ue.security.sas

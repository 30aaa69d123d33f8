"""What a short message over SGs costs: CPU microseconds of the VLR with its gateway, for one MO and for one MT.

`python -m bench.sgs [COUNT]`. In this process, since kernels without SCTP are common: octets go in and out where SCTP
would carry them, through codec, association, CP and RP machines and the store in memory. MO: CP-DATA, CP-ACK, CP-DATA
with RP-ACK, CP-ACK, RELEASE; MT: PAGING, SERVICE-REQUEST and the same the other way. What the MME answers was written
down before, so that only the server is measured.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from bench import figure
from lteims.config import ImpuConfig, ImsConfig, UserConfig
from lteims.ids import Tokens
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.service_centre import Submission
from lteims.ims.sgs import Sgs
from lteims.ims.sms_store import SmsStore
from lteims.ims.subscribers import Subscribers
from lteims.net.sctp import Address
from lteims.net.sgsap import SgsapLink
from lteims.net.sip import SipStack
from lteims.net.timers import TimerWheel
from lteims.sgsap import message as m
from lteims.sgsap.cause import ServiceIndicator
from lteims.sgsap.elements import Lai, Plmn
from lteims.sim.mme import NAME
from lteims.sip.transaction import Timings
from lteims.sms import cp, rp, text, tpdu
from lteims.sms.address import Address as SmsAddress
from lteims.sms.octets import Direction
from lteims.sms.ti import Ti
from lteims.store.memory import MemoryStore

COUNT = 2000  # messages in a round
ROUNDS = 5
BATCH = 200  # messages that may wait before they are flushed, off the clock
TARGET = 1000.0  # microseconds, as of a message over SIP
A, B = "001010000000001", "001010000000002"  # B is never there
NUMBER_A, NUMBER_B = "+49401", "+49402"
CENTRE = SmsAddress.number("+491")
NAS = 13  # where the NAS message begins in DOWNLINK-UNITDATA: behind the type, the IMSI, a tag and a length


class Wire:
    """SCTP that keeps what was sent last, and counts."""

    def __init__(self) -> None:
        self.on_message: Callable[[bytes, int, int], None]
        self.sent = self.wanted = 0
        self.last = b""
        self.enough = asyncio.Event()

    def start(self, on_message: Any, on_lost: Any) -> None:
        self.on_message = on_message

    def remote(self) -> list[Address]:
        return [("192.0.2.61", 36412)]

    def streams(self) -> int:
        return 16

    def send(self, data: bytes, ppid: int = 0, stream: int = 0) -> None:
        self.sent += 1
        self.last = data
        if self.sent >= self.wanted:
            self.enough.set()

    def close(self) -> None:
        """It stays."""


class Bench:
    """The server, and an MME with one phone that says what was written down."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        wheel = TimerWheel(self.loop.call_at, self.loop.time)
        config = ImsConfig()
        store = MemoryStore()
        stack = SipStack(self.loop, wheel, Tokens(os.urandom), Timings())
        subscribers = Subscribers(config.domain, store, wheel, time.time)
        subscribers.add(
            UserConfig(imsi=imsi, impu=(ImpuConfig(impu=f"tel:{number}"),))
            for imsi, number in ((A, NUMBER_A), (B, NUMBER_B))
        )
        self.gateway = IpSmGw(config, stack, subscribers, SmsStore(store), time.time)
        self.gateway.start()
        self.sgs = Sgs(config, self.gateway, self.gateway.transports, subscribers, wheel, self.loop)
        self.wire = Wire()
        SgsapLink(self.wire, self.sgs, {}).start()
        self.receiver, self.impu = self.gateway.find(SmsAddress.number(NUMBER_A))
        self.absent, _ = self.gateway.find(SmsAddress.number(NUMBER_B))
        self.say(m.ResetAck(mme_name=NAME).encode())
        self.say(m.LocationUpdateRequest(A, NAME, 1, Lai(Plmn("001", "01"), 1)).encode())
        self.service = m.ServiceRequest(A, ServiceIndicator.SMS).encode()

    def say(self, data: bytes) -> None:
        self.wire.on_message(data, 0, 0)

    async def next(self, before: int, more: int) -> None:
        """Wait until the server has sent so many more messages than before."""
        self.wire.wanted = before + more
        if self.wire.sent < self.wire.wanted:
            self.wire.enough.clear()
            await self.wire.enough.wait()

    async def mo(self, count: int) -> float:
        """CPU microseconds for a message that the phone sends, to one who is not there."""
        used = 0.0
        for begin in range(0, count, BATCH):
            said = [_said(number) for number in range(begin, min(begin + BATCH, count))]
            start = time.process_time()
            for data, ack in said:
                before = self.wire.sent
                self.say(data)
                await self.next(before, 2)  # CP-ACK, CP-DATA with the report
                self.say(ack)
                await self.next(before, 3)  # RELEASE-REQUEST
            used += time.process_time() - start
            assert self.gateway.flush(self.absent.impi) == len(said)
        return 1e6 * used / count

    async def mt(self, count: int) -> float:
        """CPU microseconds for a message that an operator sends, and the phone takes."""
        parts = [text.split(f"message {number}") for number in range(count)]
        acks = [_nas(cp.CpAck(Ti(value, flag=True))) for value in range(7)]
        reports = {(value, mr): _report(value, mr) for value in range(7) for mr in range(256)}
        sender = SmsAddress.number("+49")
        start = time.process_time()
        for part in parts:
            before = self.wire.sent
            await self.gateway.submit(Submission(receiver=self.receiver, impu=self.impu, sender=sender, parts=part))
            await self.next(before, 1)  # PAGING-REQUEST
            self.say(self.service)
            await self.next(before, 2)  # CP-DATA
            value, mr = self.wire.last[NAS] >> 4, self.wire.last[NAS + 4]
            self.say(acks[value])
            self.say(reports[value, mr])
            await self.next(before, 4)  # CP-ACK, RELEASE-REQUEST
        used = time.process_time() - start
        assert not self.gateway.pending(self.receiver.impi)
        return 1e6 * used / count


def _nas(message: cp.CpMessage) -> bytes:
    return m.UplinkUnitdata(A, message.encode()).encode()


def _said(number: int) -> tuple[bytes, bytes]:
    """What the phone says for one message of its own."""
    part = text.split(f"message {number}")[0]
    sms = tpdu.SmsSubmit(
        tp_mr=number % 256, tp_da=SmsAddress.number(NUMBER_B), tp_udl=part.tp_udl, tp_ud=part.tp_ud, tp_dcs=part.tp_dcs
    )  # fmt: skip
    ti = Ti(number % 7)
    rpdu = rp.RpData(Direction.MS_TO_SC, number % 256, None, CENTRE, sms.encode()).encode()
    return _nas(cp.CpData(ti, rpdu)), _nas(cp.CpAck(ti))


def _report(value: int, mr: int) -> bytes:
    return _nas(cp.CpData(Ti(value, flag=True), rp.RpAck(Direction.MS_TO_SC, mr, b"\0\0").encode()))


async def measure(count: int) -> tuple[float, float]:
    """The best round of each."""
    bench = Bench()
    mos, mts = [], []
    for _ in range(ROUNDS):
        mos.append(await bench.mo(count))
        mts.append(await bench.mt(count))
    return min(mos), min(mts)


def main() -> int:
    """Print the figures; exit code 1 if the target is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    mo, mt = asyncio.run(measure(count))
    figure("SMS over SGs from a phone, five messages, no SCTP", mo, beside=f"target {TARGET:.0f}")
    figure("SMS over SGs to a phone, seven messages, no SCTP", mt, beside=f"target {TARGET:.0f}")
    reached = max(mo, mt) <= TARGET
    print(f"MO {mo:.0f} us, MT {mt:.0f} us, target {TARGET:.0f}: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())

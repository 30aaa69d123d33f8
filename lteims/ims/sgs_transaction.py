"""What a conversation over SGs works with: the gateway, the way to the phone, and one transaction (TS 24.011 5, 6).

Used by sgs_sms.py, which runs the machines, and by sgs_phones.py, which is the way.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from lteims.config import ImsConfig
from lteims.ims.sms_transport import OnEnd, Outcome
from lteims.ims.subscribers import Subscriber
from lteims.net.timers import Handle, TimerWheel
from lteims.sms import rp, smc, smr
from lteims.sms.errors import SmsError
from lteims.sms.ti import Ti


class Gateway(Protocol):
    """The service centre: IpSmGw."""

    async def on_rpdu(
        self, subscriber: Subscriber, message: rp.RpData | rp.RpSmma, *, key: str = ""
    ) -> rp.RpAck | rp.RpError | None:  # fmt: skip
        """What a phone submits; the report to it, None where none is wanted."""

    def on_malformed(self, subscriber: Subscriber, rpdu: bytes, error: SmsError, rp_mr: int) -> rp.RpError | None:
        """The report for what cannot be read, None where none is wanted."""

    async def on_report(self, impi: str, report: rp.RpAck | rp.RpError, contact: str) -> None:
        """What a phone says of what was delivered to it."""

    def reachable(self, impi: str) -> None:
        """A user can be reached: what waits for it may be tried."""


class Way(Protocol):
    """How the phone is reached: its association, in sgs_phones.py."""

    def establish(self, imsi: str) -> None:
        """Page it; `established` or `lost` of its conversation follows, perhaps at once."""

    def downlink(self, imsi: str, nas: bytes) -> None:
        """Send a NAS message."""

    def seen(self, imsi: str) -> None:
        """The phone has begun something: what waits for it may be tried (TS 23.040 3.2.7)."""

    def release(self, imsi: str) -> None:
        """The conversation is over."""


@dataclass(frozen=True, slots=True)
class Around:
    """What all conversations share."""

    config: ImsConfig
    gateway: Gateway
    way: Way
    wheel: TimerWheel
    loop: asyncio.AbstractEventLoop
    cp_timings: smc.Timings = field(default_factory=smc.Timings)
    rp_timings: smr.Timings = field(default_factory=smr.Timings)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for the phone."""

    impi: str
    contact: str
    rp_data: rp.RpData
    more: bool
    on_end: OnEnd


@dataclass(slots=True, eq=False)
class Transaction:
    """One message, either way."""

    ti: Ti  # as the phone writes it
    smc: smc.Smc
    smr: smr.Smr
    delivery: Delivery | None  # None: the phone began it
    rpdu: bytes = b""  # that the phone began with
    outcome: Outcome = Outcome.FAILED  # if no report comes
    ended: bool = False  # has `on_end` been told?
    timers: list[Handle] = field(default_factory=list)
    ignored: bool = False  # its message gets no answer, as sms_message_filter says

"""The simulated MME over SCTP: connects to a VLR as an MME does, and waits for what a script expects.

`MmeLink.connect` for labs and CI; mme.py has the MME itself.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from lteims.net import sctp
from lteims.net.sctp import Address, Association
from lteims.sgsap.elements import Lai
from lteims.sgsap.errors import SgsapError
from lteims.sim.errors import PhoneTimeout
from lteims.sim.mme import LAI, NAME, Mme

PPID = 0  # payload protocol identifier of SGsAP (TS 29.118 6.2)
_ATTEMPT = 0.05  # seconds between two looks at what a script waits for, where no message comes


class MmeLink:
    """One MME's association with a VLR; `mme` is what a script works with."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, name: str = NAME, lai: Lai = LAI) -> None:
        self.mme = Mme(self._send, loop.call_later, loop.time, name=name, lai=lai)
        self.lost = ""  # why the association ended, once it has
        self.identifiers: set[int] = set()  # payload protocol identifiers that came
        self.streams: set[int] = set()  # streams on which messages came
        self._loop = loop
        self._association: Association | None = None
        self._heard = asyncio.Event()

    async def connect(self, remote: Address, local: Address | None = None) -> None:
        """Connect, for the first time or again; OSError where nobody listens, NoSctp without SCTP in the kernel."""
        own = [] if local is None else [local]
        self._association = await sctp.connect(self._loop, [remote], own)
        self.lost = ""
        self._association.start(self._on_message, self._on_lost)

    def close(self, *, abort: bool = False) -> None:
        """End the association in order, or as a crash does."""
        if self._association is None:
            return
        if abort:
            self._association.abort()
        else:
            self._association.close()
        self._association = None

    async def until(self, true: Callable[[], Any], seconds: float = 10.0) -> None:
        """Wait until this is true; PhoneTimeout with the ladder if it does not come in time."""
        end = self._loop.time() + seconds
        while not true():
            left = end - self._loop.time()
            if left <= 0:
                raise PhoneTimeout("what was expected did not come", "\n".join(self.mme.ladder[-40:]))
            self._heard.clear()
            try:
                await asyncio.wait_for(self._heard.wait(), min(left, _ATTEMPT))
            except TimeoutError:
                continue

    def _send(self, data: bytes) -> None:
        if self._association is not None:
            self._association.send(data, PPID)

    def _on_message(self, data: bytes, ppid: int, stream: int) -> None:
        self.identifiers.add(ppid)
        self.streams.add(stream)
        self._heard.set()
        try:
            self.mme.received(data)
        except SgsapError as error:
            self.mme.faults.append(f"{data.hex()} is no SGsAP: {error}")

    def _on_lost(self, why: str) -> None:
        self.lost = why
        self._association = None
        self._heard.set()

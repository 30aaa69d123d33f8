"""Looks every few seconds at what the kernel's IPsec has refused, counts it and says why (ipsec/xfrm_stat.py).

Held by net/xfrm.py for the server: in user space net/esp_socket.py sees each packet itself.
"""

import asyncio
from typing import Final

from lteims import counters
from lteims.ipsec import xfrm_stat
from lteims.trace import IMS, INFO, log

FILE: Final = "/proc/net/xfrm_stat"
PAUSE: Final = 2.0  # seconds


class RefusedPackets:
    """From its making on; a kernel without these statistics counts nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, file: str = FILE) -> None:
        self._loop = loop
        self._file = file
        self._before = self._read()
        self._timer = loop.call_later(PAUSE, self._again) if self._before else None

    def _read(self) -> dict[str, int]:
        try:
            with open(self._file, encoding="ascii", errors="replace") as opened:
                return xfrm_stat.parse(opened.read())
        except OSError:
            return {}

    def _again(self) -> None:
        self._timer = self._loop.call_later(PAUSE, self._again)
        self.look()

    def look(self) -> None:
        """Count what was refused since the last look, a line for each cause."""
        after = self._read()
        for counter, count, why in xfrm_stat.refusals(self._before, after):
            counters.inc(counter, count)
            log(IMS, INFO, f"IPsec: {count} packets refused by the kernel: {why}")
        self._before = after or self._before

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

"""The core network around the server put together (floor 5): the PCRF by Rx. app.py builds, starts and closes it."""

import asyncio

from lteims import trace
from lteims.config import ImsConfig
from lteims.diameter.command import RX, Node
from lteims.ids import RandomBytes
from lteims.ims.rx import RxBearers
from lteims.net.diameter import DiameterClient
from lteims.net.diameter_peer import Party
from lteims.net.timers import TimerWheel


class Core:
    """Our connections to it; what the configuration does not name is None."""

    def __init__(
        self, config: ImsConfig, loop: asyncio.AbstractEventLoop, wheel: TimerWheel, random: RandomBytes
    ) -> None:
        self.bearers: RxBearers | None = None
        self._rx: DiameterClient | None = None
        if config.rx_server_addr is not None:
            self.bearers = RxBearers(loop, wheel)
            party = Party(
                Node(config.rx_origin_host, config.rx_origin_realm), (RX,), trace.RX, self.bearers.serve,
                config.rx_watchdog_duration / 1000,
            )  # fmt: skip
            self._rx = DiameterClient(loop, wheel, party, config.rx_server_addr, config.rx_bind_addr, random)
            self.bearers.connect(self._rx)

    def start(self) -> None:
        """Connect to whom the configuration names."""
        if self._rx is not None:
            self._rx.start()

    async def close(self) -> None:
        """End what is under way, and take leave."""
        if self.bearers is not None:
            await self.bearers.close()
        if self._rx is not None:
            await self._rx.close()

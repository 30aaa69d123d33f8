"""The core network around the server put together (floor 5): the PCRF by Rx, MMEs by SGs. app.py builds and ends it."""

import asyncio
from collections.abc import Iterator, Sequence

from lteims import trace
from lteims.config import ImsConfig
from lteims.diameter.command import RX, Node
from lteims.ids import RandomBytes
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.rx import RxBearers
from lteims.ims.sgs import Sgs
from lteims.ims.subscribers import Subscribers
from lteims.net.diameter import DiameterClient
from lteims.net.diameter_peer import Party
from lteims.net.sctp import NoSctp
from lteims.net.sgsap import SgsapServer
from lteims.net.timers import TimerWheel
from lteims.oam.metrics import Peer
from lteims.sip.grammar import host_port
from lteims.trace import log


class Core:
    """Our connections to it; what the configuration does not name is None."""

    def __init__(
        self, config: ImsConfig, loop: asyncio.AbstractEventLoop, wheel: TimerWheel, random: RandomBytes
    ) -> None:
        self._config = config
        self._loop = loop
        self._wheel = wheel
        self._sgs: Sgs | None = None
        self._mmes: SgsapServer | None = None
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

    def take_messages(self, gateway: IpSmGw, subscribers: Subscribers) -> None:
        """Short messages go by SGs too, where `sctp_addr` is set."""
        if self._config.sctp_addr is not None:
            self._sgs = Sgs(self._config, gateway, gateway.transports, subscribers, self._wheel, self._loop)

    def mmes(self) -> Sequence[Sequence[str]] | None:
        """A row for each connected MME; None where none can connect."""
        return None if self._sgs is None or self._mmes is None else self._sgs.rows()

    def peers(self) -> Iterator[Peer]:
        """Whom the configuration names, and who has come, for metrics."""
        address = self._config.rx_server_addr
        if self._rx is not None and address is not None:
            yield Peer("rx", host_port(address.host, address.port), up=self._rx.remote is not None)
        for row in self.mmes() or ():
            yield Peer("sgs", row[0], up=True)

    def start(self) -> None:
        """Connect to whom the configuration names, and wait for MMEs. OperatorError where an address is taken."""
        if self._rx is not None:
            self._rx.start()
        address = self._config.sctp_addr
        if address is None or self._sgs is None:
            return
        try:
            self._mmes = SgsapServer(self._loop, [(address.host, address.port)], self._sgs)
        except NoSctp as error:
            log(trace.MME, trace.ERROR, f"no short messages over SGs: {error}")

    async def close(self) -> None:
        """End what is under way, and take leave."""
        if self._mmes is not None:
            self._mmes.close()
        if self.bearers is not None:
            await self.bearers.close()
        if self._rx is not None:
            await self._rx.close()

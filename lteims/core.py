"""The core network around the server put together (floor 5): the HSS by Cx, the PCRF by Rx, MMEs by SGs.

functions.py builds, starts and ends it.
"""

import asyncio
from collections.abc import Iterator, Sequence

from lteims import trace
from lteims.config import ImsConfig
from lteims.diameter.command import CX, RX, Node
from lteims.errors import OperatorError
from lteims.ids import RandomBytes
from lteims.ims.challenge import Challenges
from lteims.ims.cx import CxHss
from lteims.ims.cx_push import Pushes
from lteims.ims.cx_users import CxUsers
from lteims.ims.deregistration import Deregistration
from lteims.ims.hss import EmbeddedHss, Hss
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.rx import RxBearers
from lteims.ims.sgs import Sgs
from lteims.ims.subscribers import Subscribers
from lteims.net.diameter import LOOK_AGAIN, DiameterClient
from lteims.net.diameter_peer import Party
from lteims.net.sctp import NoSctp
from lteims.net.sgsap import SgsapServer
from lteims.net.timers import Handle, TimerWheel
from lteims.oam.metrics import Peer
from lteims.sip.grammar import host_port
from lteims.store.state import StateStore
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
        self._lack: str | None = None  # why MMEs cannot connect, as it was said last
        self._look: Handle | None = None
        self._random = random
        self.hss: CxHss | None = None
        self._users: CxUsers | None = None
        self._cx: DiameterClient | None = None
        self.bearers: RxBearers | None = None
        self._rx: DiameterClient | None = None
        if config.rx_server_addr:
            self.bearers = RxBearers(loop, wheel)
            party = Party(
                Node(config.rx_origin_host, config.rx_origin_realm), (RX,), trace.RX, self.bearers.serve,
                config.rx_watchdog_duration / 1000,
            )  # fmt: skip
            self._rx = DiameterClient(
                loop, wheel, party, config.rx_server_addr, config.rx_bind_addr, random,
                on_state=self.bearers.on_state, on_return=self.bearers.on_return,
            )  # fmt: skip
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
        for name, client in (("cx", self._cx), ("rx", self._rx)):
            for server, up in client.servers if client is not None else ():
                yield Peer(name, host_port(server.host, server.port), up)
        for row in self.mmes() or ():
            yield Peer("sgs", row[0], up=True)

    def hss_of(self, subscribers: Subscribers, own: EmbeddedHss, challenges: Challenges, store: StateStore) -> Hss:
        """Who answers for users: ue_db's HSS, and behind it the external one where there is one."""
        if not self._config.cx_server_addr:
            return own
        address = self._config.sip_addr[0].addr
        self._users = CxUsers(subscribers, store)
        self.hss = CxHss(self._loop, subscribers, own, self._users, f"sip:{host_port(address.host, address.port)}")
        challenges.on_unanswered = self.hss.reports.on_unanswered
        return self.hss

    def serve_hss(self, registrations: Deregistration, store: StateStore) -> int:
        """What the HSS may change, and its users of the state file; their number."""
        config = self._config
        if self.hss is None or self._users is None:
            return 0
        party = Party(
            Node(config.cx_origin_host, config.cx_origin_realm), (CX,), trace.CX,
            Pushes(self._users, registrations, store, self.hss.reports.settled).serve,
            config.cx_watchdog_duration / 1000,
        )  # fmt: skip
        self._cx = DiameterClient(
            self._loop, self._wheel, party, config.cx_server_addr, config.cx_bind_addr, self._random,
            on_state=self.hss.reports.on_state,
        )  # fmt: skip
        self.hss.connect(self._cx)
        return self._users.restore()

    def start(self) -> None:
        """Connect to whom the configuration names, and wait for MMEs. OperatorError where an address is taken."""
        if self._cx is not None and self.hss is not None:
            self.hss.reports.restored()
            self._cx.start()
        if self._rx is not None:
            self._rx.start()
        self._listen()

    def _listen(self) -> None:
        """Wait for MMEs. A kernel without SCTP is said once, and looked at again every minute."""
        address = self._config.sctp_addr
        if address is None or self._sgs is None:
            return
        try:
            self._mmes = SgsapServer(self._loop, [(address.host, address.port)], self._sgs)
        except NoSctp as error:
            self._listen_later(str(error))
        except OperatorError as error:
            if self._lack is None:
                raise  # at start: the operator is there to mend it
            self._listen_later(str(error))
        else:
            if self._lack is not None:
                log(trace.MME, trace.INFO, f"short messages over SGs: MMEs can connect{self.shown()}")

    def _listen_later(self, lack: str) -> None:
        if lack != self._lack:
            self._lack = lack
            log(trace.MME, trace.ERROR, f"no short messages over SGs: {lack}; it is looked for every minute")
        self._look = self._wheel.add(LOOK_AGAIN, self._listen)

    def shown(self) -> str:
        """For the line that says what is ready."""
        address = self._config.sctp_addr
        return "" if address is None or self._mmes is None else f", sgs {host_port(address.host, self._mmes.port)}"

    async def close(self) -> None:
        """End what is under way, and take leave."""
        if self._look is not None:
            self._wheel.cancel(self._look)
        if self._mmes is not None:
            self._mmes.close()
        if self.bearers is not None:
            await self.bearers.close()
        if self.hss is not None:
            await self.hss.reports.close()
        for client in (self._rx, self._cx):
            if client is not None:
                await client.close()

"""The simulated HSS and PCRF on the network: a Diameter server for one application, over SCTP or TCP.

hss = Hss.of(users, domain)
async with DiameterLink.hss(hss, Endpoint.parse("tcp:127.0.0.1:3868", 3868, diameter=True)) as link:
    await link.client()
"""

import asyncio
import os
from types import TracebackType
from typing import Any, Final, Self

from lteims import trace
from lteims.config.endpoint import Endpoint
from lteims.diameter.command import CX, RX, Node
from lteims.diameter.errors import NoAnswer
from lteims.net.diameter import DiameterServer
from lteims.net.diameter_peer import Party, Serve
from lteims.net.timers import TimerWheel
from lteims.sim.errors import PhoneTimeout
from lteims.sim.hss import Hss
from lteims.sim.pcrf import Pcrf
from lteims.trace import Layer

REALM: Final = "epc.mnc001.mcc001.3gppnetwork.org"
WITHIN: Final = 10.0  # seconds
ANSWER_TIME: Final = 5.0  # seconds that the IMS has for an answer


class DiameterLink:
    """One server; it can be stopped and started again at the same port."""

    def __init__(self, serve: Serve, application: int, layer: Layer, endpoint: Endpoint, node: Node) -> None:
        self.node = node
        self.endpoint = endpoint
        self.clients: list[str] = []  # the Origin-Hosts of those that are there
        self._party = Party(node, (application,), layer, serve)
        self._server: DiameterServer | None = None
        self._changed = asyncio.Event()

    @classmethod
    def hss(cls, hss: Hss, endpoint: Endpoint, *, host: str = "", realm: str = REALM) -> "DiameterLink":
        """For a HSS; a port of 0 is any free one."""
        link = cls(hss.serve, CX, trace.CX, endpoint, Node(host or f"hss.{realm}", realm))
        hss.ask = link._ask
        return link

    @classmethod
    def pcrf(cls, pcrf: Pcrf, endpoint: Endpoint, *, host: str = "", realm: str = REALM) -> "DiameterLink":
        """For a PCRF."""
        link = cls(pcrf.serve, RX, trace.RX, endpoint, Node(host or f"pcrf.{realm}", realm))
        pcrf.ask = link._ask
        return link

    async def start(self) -> None:
        """Listen. OSError where the address is taken, OperatorError without SCTP."""
        loop = asyncio.get_running_loop()
        self._server = DiameterServer(
            loop, TimerWheel(loop.call_at, loop.time), self._party, os.urandom, on_state=self._on_state
        )
        port = await self._server.listen(self.endpoint)
        self.endpoint = Endpoint(self.endpoint.host, port, self.endpoint.transport)

    async def stop(self) -> None:
        """Take leave of all and listen no more."""
        if self._server is not None:
            await self._server.close()
            self._server = None
            self.clients.clear()

    async def client(self, within: float = WITHIN) -> str:
        """Wait for the IMS; its Origin-Host. PhoneTimeout if it does not come."""
        end = asyncio.get_running_loop().time() + within
        while not self.clients:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, end - asyncio.get_running_loop().time()))
            except TimeoutError:
                raise PhoneTimeout(f"nobody has connected to {self.endpoint} in {within:g} s", "") from None
        return self.clients[-1]

    def _on_state(self, node: Node, there: bool) -> None:
        self.clients = [each for each in self.clients if each != node.host] + ([node.host] if there else [])
        self._changed.set()

    async def _ask(self, host: str, request: Any, session: str = "") -> Any:
        if self._server is None:
            raise NoAnswer("the server is stopped")
        return await self._server.ask(host, request, session=session, within=ANSWER_TIME)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        await self.stop()

"""Diameter for ims/ and sim/: `DiameterClient` asks the HSS or the PCRF (manual 5.2, cx_* and rx_*), `DiameterServer`
is the other end for the simulators.

What is asked, answered and served are the values of lteims/diameter/cx.py and rx.py; a `serve` raises DiameterError
for what it refuses.
"""

import asyncio
import time
from collections.abc import Callable
from itertools import count
from typing import Final, TypeVar

from lteims.config.endpoint import Endpoint
from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import Node, Request
from lteims.diameter.errors import NoAnswer
from lteims.diameter.peer import State
from lteims.diameter.peer_events import ASK_TIME, Start
from lteims.ids import RandomBytes
from lteims.net import diameter_link, sctp
from lteims.net.diameter_link import Link
from lteims.net.diameter_peer import Party, PeerRunner
from lteims.net.timers import Handle, TimerWheel
from lteims.trace import ERROR, log

A = TypeVar("A")
LOOK_AGAIN: Final = 60.0  # seconds, for SCTP in a kernel without it: a module may be loaded at any time
MOST_PEERS: Final = 64  # connections of a server


class Sessions:
    """Session-Ids as `<origin-host>;<start-epoch>;<n>` (RFC 6733 8.8)."""

    def __init__(self, host: str, started: float) -> None:
        """`started` in seconds since 1970."""
        self._head = f"{host};{int(started)};"
        self._numbers = count(1)

    def new(self) -> str:
        """One that was not there before."""
        return self._head + str(next(self._numbers))


class DiameterClient:
    """Our end of Cx or Rx: one connection to one server, made again whenever it is lost."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        party: Party,
        server: Endpoint,
        bind: Endpoint | None,
        random: RandomBytes,
        *,
        on_state: Callable[[Capabilities | None], None] = lambda _: None,
    ) -> None:
        """`server` by SCTP unless its transport is tcp; `on_state` hears who is there, and None when nobody is."""
        self._loop = loop
        self._wheel = wheel
        self._layer = party.layer
        self._server = server
        self._silent = False  # has the lack of SCTP been said?
        self._look: Handle | None = None
        self._sessions = Sessions(party.node.host, time.time())
        self._runner = PeerRunner(
            loop,
            wheel,
            party,
            random,
            name=str(Endpoint(server.host, server.port)),
            connect=lambda: diameter_link.connect(loop, server, bind),
            on_state=lambda _, remote: on_state(remote),
        )

    @property
    def remote(self) -> Capabilities | None:
        """The server, while requests can be sent to it; None otherwise."""
        return self._runner.peer.remote if self._runner.peer.state is State.OPEN else None

    def start(self) -> None:
        """Connect. A kernel without SCTP is said once, and looked at again every minute."""
        self._look = None
        lack = "" if self._server.transport == "tcp" else sctp.missing()
        if not lack:
            self._runner.feed(Start())
            return
        if not self._silent:
            self._silent = True
            log(self._layer, ERROR, f"{self._layer.name} to {self._server} is down: {lack}")
        self._look = self._wheel.add(LOOK_AGAIN, self.start)

    def new_session(self) -> str:
        """A Session-Id for a session of several requests (Rx)."""
        return self._sessions.new()

    async def ask(
        self, request: Request[A], *, session: str = "", realm: str = "", host: str = "", within: float = ASK_TIME
    ) -> A:
        """Ask and wait, `within` seconds at most, also over the loss of the connection.

        Realm and host are those of the server unless given. NoAnswer at once where there is no connection;
        DiameterError for an answer that cannot be read. An answer that refuses is an answer: look at its result.
        """
        return await self._runner.ask(request, session or self._sessions.new(), realm, host, within)

    async def close(self) -> None:
        """Take leave (DPR) and end the connection; what waits for an answer gets NoAnswer."""
        if self._look is not None:
            self._wheel.cancel(self._look)
        await self._runner.close()


class DiameterServer:
    """The other end, for simulators: accepts clients, serves them, asks them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        party: Party,
        random: RandomBytes,
        *,
        admits: Callable[[Node], bool] = lambda _: True,
        on_state: Callable[[Node, bool], None] = lambda node, there: None,
    ) -> None:
        """`admits`: who may connect; `on_state` hears of each client that comes (True) and goes (False)."""
        self._loop = loop
        self._wheel = wheel
        self._party = party
        self._random = random
        self._admits = admits
        self._hear = on_state
        self._listening: diameter_link.Listening | None = None
        self._runners: set[PeerRunner] = set()
        self._clients: dict[str, PeerRunner] = {}  # by Origin-Host
        self._sessions = Sessions(party.node.host, time.time())

    async def listen(self, endpoint: Endpoint) -> int:
        """Accept from now on; the port. OSError, OperatorError."""
        self._listening = await diameter_link.listen(self._loop, endpoint, self._accept)
        return self._listening.port

    @property
    def clients(self) -> tuple[str, ...]:
        """The Origin-Hosts of those that are there."""
        return tuple(self._clients)

    def _accept(self, link: Link) -> None:
        self._runners = {each for each in self._runners if each.peer.state is not State.CLOSED}
        if len(self._runners) >= MOST_PEERS:
            link.close()
            return
        runner = PeerRunner(
            self._loop,
            self._wheel,
            self._party,
            self._random,
            name=link.remote,
            on_state=self._on_state,
            admits=self._admits,
        )
        self._runners.add(runner)
        runner.take(link)

    def _on_state(self, runner: PeerRunner, remote: Capabilities | None) -> None:
        if remote is not None:
            self._clients[remote.node.host] = runner
            self._hear(remote.node, True)
            return
        gone = runner.peer.remote
        if gone is not None and self._clients.get(gone.node.host) is runner:
            del self._clients[gone.node.host]
            self._hear(gone.node, False)

    async def ask(
        self, client: str, request: Request[A], *, session: str = "", realm: str = "", within: float = ASK_TIME
    ) -> A:
        """Ask the client of this Origin-Host; as DiameterClient.ask."""
        runner = self._clients.get(client.lower())
        if runner is None:
            raise NoAnswer(f"{client} is not connected")
        return await runner.ask(request, session or self._sessions.new(), realm, "", within)

    async def close(self) -> None:
        """Accept no more, and take leave of all."""
        if self._listening is not None:
            self._listening.close()
        await asyncio.gather(*(runner.close() for runner in self._runners))
        self._runners.clear()

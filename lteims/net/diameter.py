"""Diameter for ims/ and sim/: `DiameterClient` asks the HSS or the PCRF (manual 5.2, cx_* and rx_*), `DiameterServer`
is the other end for the simulators.

What is asked, answered and served are the values of lteims/diameter/cx.py and rx.py; a `serve` raises DiameterError
for what it refuses.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Final, TypeVar

from lteims import counters
from lteims.config.endpoint import Endpoint
from lteims.diameter import failover
from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import Node, Request
from lteims.diameter.errors import NoAnswer
from lteims.diameter.peer import State
from lteims.diameter.peer_events import ASK_TIME, Ask, Release, Start
from lteims.ids import RandomBytes
from lteims.net import diameter_link
from lteims.net.diameter_link import Link
from lteims.net.diameter_peer import Common, Party, PeerRunner
from lteims.net.timers import Handle, TimerWheel
from lteims.trace import ERROR, WARN, log

A = TypeVar("A")
LOOK_AGAIN: Final = 60.0  # seconds, for SCTP in a kernel without it: a module may be loaded at any time
KNOCK: Final = 2.0  # seconds between attempts to connect that questions bring about
MOST_SESSIONS: Final = 10_000  # whose servers are remembered; the oldest go
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
    """Our end of Cx or Rx: a connection to each server, made again whenever it is lost; the best one is asked."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        party: Party,
        servers: Sequence[Endpoint],
        bind: Endpoint | None,
        random: RandomBytes,
        *,
        on_state: Callable[[Capabilities | None], None] = lambda _: None,
        on_return: Callable[[Callable[[str], bool]], None] = lambda _: None,
    ) -> None:
        """`servers` by SCTP unless their transport is tcp, the primary one first; `on_state` hears whom requests go to
        when one has come or gone, and None when nobody is there; `on_return` that one is back which may have lost its
        sessions, and which Session-Ids are its."""
        self._loop = loop
        self._wheel = wheel
        self._layer = party.layer
        self._hear = on_state
        self._on_return = on_return
        self._states: dict[PeerRunner, int] = {}  # the Origin-State-Id of each server when it was there last
        self._idle = list(servers)  # those that nobody has tried to connect to
        self._silent = False  # has the lack of SCTP been said?
        self._closing = False
        self._knocked = -KNOCK  # when a question found nobody and had them tried
        self._look: Handle | None = None
        self._sessions = Sessions(party.node.host, time.time())
        self._homes: OrderedDict[str, PeerRunner] = OrderedDict()  # by Session-Id
        common = Common(random)
        self._runners = [
            PeerRunner(
                loop, wheel, party, common, self, name=str(Endpoint(server.host, server.port)),
                connect=partial(diameter_link.connect, loop, server, bind),
            )
            for server in servers
        ]  # fmt: skip
        self._servers = dict(zip(servers, self._runners, strict=True))
        self._peers = [runner.peer for runner in self._runners]

    @property
    def remote(self) -> Capabilities | None:
        """The server to which requests go; None where there is none."""
        peer = failover.best(self._peers)
        return peer.remote if peer is not None else None

    @property
    def servers(self) -> Iterator[tuple[Endpoint, bool]]:
        """Each, and whether it is connected."""
        return ((server, runner.peer.state is State.OPEN) for server, runner in self._servers.items())

    def start(self) -> None:
        """Connect. A kernel without SCTP is said once, and looked at again every minute."""
        by_sctp = [server for server in self._idle if server.transport != "tcp"]
        lack = diameter_link.without_sctp() if by_sctp else ""
        idle, self._idle = self._idle, by_sctp if lack else []
        for server in idle:
            if server not in self._idle:
                self._servers[server].feed(Start())
        if lack and not self._silent:
            log(self._layer, ERROR, f"{self._layer.name} to {', '.join(map(str, by_sctp))} is down: {lack}")
        self._silent = bool(lack)
        self._look = self._wheel.add(LOOK_AGAIN, self.start) if lack else None

    def new_session(self) -> str:
        """A Session-Id for a session of several requests (Rx)."""
        return self._sessions.new()

    async def ask(
        self, request: Request[A], *, session: str = "", realm: str = "", host: str = "", within: float = ASK_TIME
    ) -> A:
        """Ask and wait, `within` seconds at most, also over the loss of the connection and by another server.

        A `session` of several requests stays with the server that answered last, while it is well. Realm and host are
        those of the server unless given. NoAnswer at once where there is no connection: one is tried then, for the
        next who asks. DiameterError for an answer that cannot be read. One that refuses is an answer: look at its
        result.
        """
        id = session or self._sessions.new()
        now = self._loop.time()
        end = now + within
        if self.remote is None and now - self._knocked >= KNOCK and not self._closing:
            self._knocked = now
            self._hurry()
        message, runner = await self._home(id).ask(request, id, realm, host, within)
        asked = [runner.peer]
        while (peer := failover.elsewhere(self._peers, message, asked)) is not None:
            left = max(0.0, end - self._loop.time())
            message, runner = await self._runner(peer).ask(request, id, realm, host, left)
            asked += peer, runner.peer
        if session and len(self._runners) > 1:
            self._homes[session] = runner
            self._homes.move_to_end(session)
            if len(self._homes) > MOST_SESSIONS:
                self._homes.popitem(last=False)
        return request.parse_answer(message)

    def _home(self, session: str) -> PeerRunner:
        """Who knows a session: other servers may know nothing of it, and it would stay with this one for ever."""
        home = self._homes.get(session)
        return home if home is not None and failover.is_well(home.peer) else self._best()

    def _best(self) -> PeerRunner:
        peer = failover.best(self._peers)
        return self._runners[0] if peer is None else self._runner(peer)

    def _runner(self, peer: object) -> PeerRunner:
        return next(runner for runner in self._runners if runner.peer is peer)

    # -- of the runners
    def on_state(self, runner: PeerRunner, remote: Capabilities | None) -> None:
        """Of Owner."""
        self.on_turned(runner)
        best = self.remote
        if remote is not None or best is None:
            self._hear(best)
        if remote is not None:
            self._greet(runner, remote.state)
        if best is None and not self._closing:
            self._hurry(runner)

    def _greet(self, runner: PeerRunner, state: int) -> None:
        """RFC 6733 8.6: a server that is back, and does not say that it is as it was, may know no session any more."""
        before, self._states[runner] = self._states.get(runner), state
        if before is not None and (state != before or not state):
            alone = len(self._runners) == 1
            self._on_return(lambda session: alone or self._homes.get(session) is runner)

    def _hurry(self, lost: PeerRunner | None = None) -> None:
        """Nobody is left: the others may be back, and pauses between attempts are long where one was away."""
        for server, runner in self._servers.items():
            if runner is not lost and server not in self._idle:
                runner.feed(Start())

    def on_turned(self, runner: PeerRunner) -> None:
        """Of Owner: what waits for a server that may not answer any more goes to another."""
        for peer, to in failover.takeovers(self._peers):
            source, target = self._runner(peer), self._runner(to)
            text = f"{peer.waiting} requests that wait for {source.name} go to {target.name}"
            log(self._layer, WARN, text, id=source.name)
            counters.inc("diam_failover", peer.waiting)
            source.feed(Release())

    def on_released(self, asks: tuple[Ask, ...]) -> None:
        """Of Owner."""
        target = self._best()
        for ask in asks:
            target.feed(ask)

    def on_forward(self, peer: object, data: bytes) -> None:
        """Of Owner."""
        self._runner(peer).send(data)

    async def close(self) -> None:
        """Take leave (DPR) and end the connections; what waits for an answer gets NoAnswer."""
        self._closing = True
        if self._look is not None:
            self._wheel.cancel(self._look)
        await asyncio.gather(*(runner.close() for runner in self._runners))


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
        self._admits = admits
        self._hear = on_state
        self._common = Common(random)
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
            log(self._party.layer, WARN, f"{link.remote} is refused: {MOST_PEERS} clients are connected")
            link.close()
            return
        runner = PeerRunner(
            self._loop, self._wheel, self._party, self._common, self, name=link.remote, admits=self._admits
        )
        self._runners.add(runner)
        runner.take(link)

    # -- of the runners
    def on_state(self, runner: PeerRunner, remote: Capabilities | None) -> None:
        """Of Owner."""
        if remote is not None:
            self._clients[remote.node.host] = runner
            self._hear(remote.node, True)
            return
        gone = runner.peer.remote
        if gone is not None and self._clients.get(gone.node.host) is runner:
            del self._clients[gone.node.host]
            self._hear(gone.node, False)

    def on_turned(self, runner: PeerRunner) -> None:
        """Of Owner: there is no other way to a client."""

    def on_released(self, asks: tuple[Ask, ...]) -> None:
        """Of Owner: as above."""

    def on_forward(self, peer: object, data: bytes) -> None:
        """Of Owner: a request of a client has come again by another connection of it."""
        for runner in self._runners:
            if runner.peer is peer:
                runner.send(data)

    async def ask(
        self, client: str, request: Request[A], *, session: str = "", realm: str = "", within: float = ASK_TIME
    ) -> A:
        """Ask the client of this Origin-Host; as DiameterClient.ask."""
        runner = self._clients.get(client.lower())
        if runner is None:
            raise NoAnswer(f"{client} is not connected")
        message, _ = await runner.ask(request, session or self._sessions.new(), realm, "", within)
        return request.parse_answer(message)

    async def close(self) -> None:
        """Accept no more, and take leave of all."""
        if self._listening is not None:
            self._listening.close()
        await asyncio.gather(*(runner.close() for runner in self._runners))
        self._runners.clear()

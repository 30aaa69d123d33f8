"""Runs one peer machine on the event loop: carries out its actions, writes the log of layers cx and rx, counts.

net/diameter.py has one for its server, or one for each client that has connected.
"""

import asyncio
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Protocol

from lteims import counters
from lteims.diameter import cx, rx
from lteims.diameter.attributes import EXPERIMENTAL_RESULT, RESULT_CODE
from lteims.diameter.capabilities import Capabilities, Local
from lteims.diameter.command import CX, RX, Answer, Node, Request, counter_of, name_of
from lteims.diameter.dump import dump
from lteims.diameter.errors import DiameterError, ResultCode
from lteims.diameter.message import Header, Message, readable
from lteims.diameter.peer import Peer, State
from lteims.diameter.peer_events import (
    Action,
    Answered,
    Ask,
    CancelTimer,
    Close,
    Connect,
    Connected,
    ConnectFailed,
    Deliver,
    Down,
    Event,
    Failed,
    Forward,
    Incoming,
    Lost,
    Received,
    Released,
    Reply,
    Send,
    SetTimer,
    Stop,
    TimerFired,
    Turned,
    Up,
)  # fmt: skip
from lteims.diameter.requests import Inbox, Outbox
from lteims.errors import LteimsError
from lteims.ids import RandomBytes
from lteims.net.diameter_link import Link
from lteims.net.timers import Handle, TimerWheel
from lteims.trace import DEBUG, ERROR, INFO, Layer, log

Serve = Callable[[Any, str, Node], Awaitable[Answer]]  # the request, its Session-Id, who asks
_STOP_TIME: Final = 5.0
_REQUESTS: Final[dict[int, dict[int, Any]]] = {CX: dict(cx.REQUESTS), RX: dict(rx.REQUESTS)}


async def serve_nothing(request: Any, session: str, origin: Node) -> Answer:
    """For an end that has nothing to serve: DIAMETER_UNABLE_TO_COMPLY."""
    raise DiameterError("nothing is served here")


@dataclass(frozen=True, slots=True)
class Party:
    """One end: its names and applications, the layer it logs to, what serves the other's requests."""

    node: Node
    applications: tuple[int, ...]
    layer: Layer
    serve: Serve = serve_nothing
    watchdog: float = 0.0  # Tw in seconds; 0: none


@dataclass(slots=True)
class Common:
    """What all connections of a party have in common; `random` gives octets."""

    random: RandomBytes
    ends: Iterator[int] = field(init=False)  # end-to-end identifiers
    inbox: Inbox = field(default_factory=Inbox)

    def __post_init__(self) -> None:
        """RFC 6733 3: end-to-end identifiers begin with the time, so that they differ from those before a restart."""
        chance = int.from_bytes(self.random(3), "big") & 0xFFFFF
        self.ends = count((int(time.time()) & 0xFFF) << 20 | chance)


class Owner(Protocol):
    """Who has the runners of a party."""

    def on_state(self, runner: "PeerRunner", remote: Capabilities | None) -> None:
        """A connection has come, with whom it is, or gone: None."""

    def on_turned(self, runner: "PeerRunner") -> None:
        """An open connection is better or worse than before."""

    def on_released(self, asks: tuple[Ask, ...]) -> None:
        """Requests that another peer is to be asked."""

    def on_forward(self, peer: object, data: bytes) -> None:
        """A message that another peer is to send."""


Heard = tuple[Message, "PeerRunner"]  # an answer, and by whom it came


class PeerRunner:
    """Runs one machine: carries out its actions, hands it what happens."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        party: Party,
        common: Common,
        owner: Owner,
        *,
        name: str,
        connect: Callable[[], Awaitable[Link]] | None = None,
        admits: Callable[[Node], bool] = lambda _: True,
    ) -> None:
        """`connect` makes links, None for an end that accepts them."""
        random = common.random
        self._loop = loop
        self._wheel = wheel
        self._party = party
        self._owner = owner
        self._connect = connect
        self._link: Link | None = None
        self._timers: dict[str, Handle] = {}
        self._events: deque[Event] = deque()
        self._busy = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._connecting: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self.name = name
        self.peer = Peer(
            Local(party.node, party.applications),
            party.layer,
            name=name,
            watchdog=party.watchdog,
            random=lambda: int.from_bytes(random(2), "big") / 65535,
            outbox=Outbox(int.from_bytes(random(4), "big"), common.ends),
            inbox=common.inbox,
            admits=admits,
        )

    def feed(self, event: Event) -> None:
        """Something happened; what happens meanwhile waits its turn."""
        self._events.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                for action in self.peer.handle(self._events.popleft(), self._loop.time()):
                    self._do(action)
        finally:
            self._busy = False

    def _do(self, action: Action) -> None:
        match action:
            case Send(data):
                self.send(data)
            case SetTimer(name, delay):
                self._cancel(name)
                self._timers[name] = self._wheel.add(delay, self._fired, name)
            case CancelTimer(name):
                self._cancel(name)
            case Answered(ticket, message):
                if not ticket.done():
                    ticket.set_result((message, self))
            case Failed(ticket, error):
                if not ticket.done():
                    ticket.set_exception(error)
            case Deliver(incoming):
                self._spawn(self._serve(incoming))
            case Connect():
                self._connecting = self._spawn(self._make_link())
            case Close():
                self._drop_link()
            case Up(remote):
                self._owner.on_state(self, remote)
            case Down():
                self._owner.on_state(self, None)
            case Turned():
                self._owner.on_turned(self)
            case Released(asks):
                self._owner.on_released(asks)
            case Forward(peer, data):
                self._owner.on_forward(peer, data)
        if self.peer.state is State.CLOSED:
            self._closed.set()

    def send(self, data: bytes) -> None:
        """Send a message, if there is a connection."""
        self._trace("TO", data)
        if self._link is not None:
            self._link.send(data)

    def _fired(self, name: str) -> None:
        self._timers.pop(name, None)
        self.feed(TimerFired(name))

    def _cancel(self, name: str) -> None:
        handle = self._timers.pop(name, None)
        if handle is not None:
            self._wheel.cancel(handle)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- the link

    async def _make_link(self) -> None:
        assert self._connect is not None
        try:
            link = await self._connect()
        except (OSError, LteimsError) as error:
            self._connecting = None
            self.feed(ConnectFailed(getattr(error, "strerror", None) or str(error)))
            return
        self._connecting = None
        self.take(link, accepted=False)

    def take(self, link: Link, accepted: bool = True) -> None:
        """Use this link from now on."""
        self._link = link
        link.start(self)
        self.feed(Connected(link.addresses, accepted))

    def on_message(self, data: bytes) -> None:
        """Of the link."""
        self._trace("FROM", data)
        self.feed(Received(data))

    def on_lost(self, why: str) -> None:
        """Of the link."""
        self._link = None
        self.feed(Lost(why))

    def _drop_link(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if self._link is not None:
            self._link.close()
            self._link = None

    def _trace(self, dir: str, data: bytes) -> None:
        """Count a message, and log it by name, in debug level with its AVPs (manual 5.2, 8.2)."""
        try:
            header = Header.parse(data)
        except DiameterError:
            name = f"{len(data)} octets"
        else:
            name = name_of(header)
            counters.inc(counter_of(header))
            if not header.is_request and _is_refusal(data):
                counters.inc("diam_error")
        layer = self._party.layer
        if layer.level >= INFO:
            shown = layer.level >= DEBUG
            body = dump(data) if shown and layer.max_size else ""
            log(layer, INFO, name, dir=dir, id=self.name, body=body, data=data if shown and layer.payload else b"")

    # -- requests

    async def ask(self, request: Request[Any], session: str, realm: str, host: str, within: float) -> Heard:
        """Ask and wait; NoAnswer, or DiameterError for an answer that cannot be read."""
        ticket: asyncio.Future[Heard] = self._loop.create_future()
        self.feed(Ask(ticket, request, session, realm, host, within))
        return await ticket

    async def _serve(self, incoming: Incoming) -> None:
        answer: Answer | DiameterError
        try:
            request = _REQUESTS[incoming.command.application][incoming.command.code](incoming.message)
            answer = await self._party.serve(request, incoming.session, incoming.origin)
            answer.avps()  # a fault in it is ours
        except DiameterError as error:
            answer = error
        except Exception as error:
            text = f"serving {name_of(incoming.message.header)} failed: {error!r}"
            log(self._party.layer, ERROR, text, body=traceback.format_exc())
            answer = DiameterError("internal error", ResultCode.DIAMETER_UNABLE_TO_COMPLY)
        self.feed(Reply(incoming, answer))

    async def close(self) -> None:
        """Take leave and wait until it is taken, for a few seconds at most."""
        self._closed.clear()
        self.feed(Stop())
        if self.peer.state is not State.CLOSED:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), _STOP_TIME)
        self._drop_link()
        for task in (*self._tasks,):
            task.cancel()
        for name in (*self._timers,):
            self._cancel(name)


def _is_refusal(data: bytes) -> bool:
    """Has an answer another result than 2xxx?"""
    code = readable(data, RESULT_CODE)[-4:] or readable(data, EXPERIMENTAL_RESULT)[-4:]
    return len(code) == 4 and not 2000 <= int.from_bytes(code, "big") < 3000

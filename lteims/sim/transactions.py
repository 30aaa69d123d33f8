"""The SIP layer of a virtual phone: transactions over its paths (RFC 3261 17), by the machines of sip/.

Lighter than net/sip.py, whose one stack serves all the world: one Agent for each phone, with a handful of
transactions. phone.py makes it, gives it requests and takes what comes.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from lteims.ids import Tokens
from lteims.sim.dialect import write
from lteims.sim.ladder import Ladder
from lteims.sim.path import Arrival, Path
from lteims.sim.profiles import Profile
from lteims.sip.errors import NotSip, SipError
from lteims.sip.message import Request, Response, parse
from lteims.sip.transaction import (
    ABANDONED,
    FIRED,
    RETRANSMITTED,
    TRANSPORT_ERROR,
    Acked,
    Action,
    Answered,
    Deliver,
    Event,
    Respond,
    Send,
    SendAck,
    SetTimer,
    State,
    Terminated,
    TimedOut,
    TransportFailed,
)
from lteims.sip.uac_transaction import InviteClient, NonInviteClient
from lteims.sip.uas_transaction import InviteServer, NonInviteServer
from lteims.sip.valid import check_request, check_response

_VIA = 100  # octets that a request still grows by
_ESP = 60  # octets that ESP adds
OnResponse = Callable[[Response], None]
OnFailure = Callable[[int, str], None]


class Core(Protocol):
    """Who decides about what comes: phone.py."""

    def on_request(self, served: "Served") -> None:
        """A new request other than ACK and CANCEL."""

    def on_ack(self, request: Request) -> None:
        """The ACK to a 2xx."""


class Client:
    """One request of the phone, with its retransmissions and, for an INVITE, its CANCEL."""

    def __init__(
        self, agent: "Agent", request: Request, transport: str, on_response: OnResponse, on_failure: OnFailure
    ) -> None:
        self.request = request
        self.transport = transport
        self.path = agent.path_for(request.method)
        self.key = (request.via.branch, request.method)
        self._agent = agent
        self._on_response = on_response
        self._on_failure = on_failure
        self._timers: list[asyncio.TimerHandle] = []
        self._cancelled = False
        self._cancel_sent = False
        self.ended = False
        self._machine: InviteClient | NonInviteClient

    def start(self) -> None:
        """Send it."""
        agent, request = self._agent, self.request
        data = write(request, agent.profile)
        if self.transport == "UDP" and request.body:
            data += agent.profile.tail
        kind = InviteClient if request.method == "INVITE" else NonInviteClient
        self._machine = kind(agent.profile.timings, self.transport != "UDP", data)
        self._run(self._machine.start(agent.loop.time()))

    def lost(self) -> None:
        """No TCP connection came about: what went that way for its size goes by UDP (RFC 3261 18.1.1)."""
        if self._machine.state not in (State.CALLING, State.TRYING):
            return
        if self._agent.transport == "TCP":
            self.feed(TRANSPORT_ERROR)
            return
        for timer in self._timers:
            timer.cancel()
        self.transport = "UDP"
        self.request.set("via", self.request.get("via").replace("/TCP", "/UDP", 1))
        self.start()

    def feed(self, event: Event) -> None:
        """An event from the wire or a timer."""
        if not self.ended:
            self._run(self._machine.handle(event, self._agent.loop.time()))

    def cancel(self) -> None:
        """CANCEL, as soon as a provisional response allows it (RFC 3261 9.1)."""
        self._cancelled = True
        self._send_cancel()

    def _send_cancel(self) -> None:
        if not self._cancelled or self._cancel_sent or self._machine.state is not State.PROCEEDING:
            return
        self._cancel_sent = True
        headers = {name: list(self.request.headers[name]) for name in ("via", "from", "to", "call-id")}
        headers["cseq"] = [f"{self.request.cseq.number} CANCEL"]
        headers |= {name: list(self.request.headers[name]) for name in ("max-forwards", "route", "security-verify")
                    if name in self.request.headers}  # fmt: skip
        self._agent.start(Request("CANCEL", self.request.target, headers), self.transport, _nothing, _no_failure)
        self._set_timer(64 * self._agent.profile.timings.t1, ABANDONED)

    def _set_timer(self, delay: float, event: Event) -> None:
        self._timers.append(self._agent.loop.call_later(delay, self.feed, event))

    def _run(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(data):
                    self._agent.sent(self.request.method, self.request, self.transport, self.path)
                    self.path.send(data, self.transport)
                case SetTimer(name, delay):
                    self._set_timer(delay, FIRED[name])
                case Deliver(Response() as response):
                    self._send_cancel()
                    self._on_response(response)
                case SendAck(Response() as response):
                    self._ack(response)
                case TimedOut():
                    self._on_failure(408, f"no final answer to {self.request.method}")
                case TransportFailed():
                    self._on_failure(503, f"the server does not take TCP for {self.request.method}")
                case Terminated():
                    self._end()

    def _ack(self, response: Response) -> None:
        """To a non-2xx: RFC 3261 17.1.1.3."""
        headers = {n: list(self.request.headers[n]) for n in ("via", "from", "call-id", "max-forwards")}
        headers |= {"to": list(response.headers["to"]), "cseq": [f"{self.request.cseq.number} ACK"]}
        if "route" in self.request.headers:
            headers["route"] = list(self.request.headers["route"])
        ack = Request("ACK", self.request.target, headers)
        self._agent.sent("ACK", ack, self.transport, self.path)
        self.path.send(write(ack, self._agent.profile), self.transport)

    def _end(self) -> None:
        self.ended = True
        self._agent.clients.pop(self.key, None)
        for timer in self._timers:
            timer.cancel()


class Served:
    """One request that came; `on_cancel` and `on_timeout` (no ACK) may be set by who answers it."""

    def __init__(self, agent: "Agent", path: Path, arrival: Arrival, request: Request) -> None:
        self.request = request
        self.to_tag = request.to.tag or agent.tokens.tag()
        self.on_cancel: Callable[[], None] | None = None
        self.on_timeout: Callable[[], None] | None = None
        self.arrival = arrival
        self.ended = False
        self._agent = agent
        self._path = path
        self._timers: list[asyncio.TimerHandle] = []
        kind = InviteServer if request.method == "INVITE" else NonInviteServer
        self._machine = kind(agent.profile.timings, arrival.transport != "UDP")

    @property
    def answered(self) -> bool:
        """Has a final response been given?"""
        return self._machine.state not in (State.TRYING, State.PROCEEDING)

    def make(self, code: int, reason: str = "") -> Response:
        """A response, to be filled in."""
        return Response.to_request(self.request, code, reason, "" if code == 100 else self.to_tag)

    def reply(self, code: int, headers: dict[str, str] | None = None) -> None:
        """Answer without a body."""
        response = self.make(code)
        for name, value in (headers or {}).items():
            response.set(name, value)
        self.respond(response)

    def respond(self, response: Response) -> None:
        """Send a response."""
        if self.ended:
            return
        data = write(response, self._agent.profile)
        self._agent.sent(f"{response.code} {self.request.method}", response, self.arrival.transport, self._path)
        self._run(self._machine.handle(Respond(response.code, data), self._agent.loop.time()))

    def send_again(self, response: Response) -> None:
        """A 2xx to an INVITE once more, as no ACK has come (RFC 3261 13.3.1.4)."""
        self._agent.sent(f"{response.code} {self.request.method} again", response, self.arrival.transport, self._path)
        self._transmit(write(response, self._agent.profile))

    def feed(self, event: Event) -> None:
        """An event from the wire or a timer."""
        if not self.ended:
            self._run(self._machine.handle(event, self._agent.loop.time()))

    def _run(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(data):
                    self._transmit(data)
                case SetTimer(name, delay):
                    self._timers.append(self._agent.loop.call_later(delay, self.feed, FIRED[name]))
                case TimedOut():
                    if self.on_timeout is not None:
                        self.on_timeout()
                case Terminated():
                    self.end()

    def _transmit(self, data: bytes) -> None:
        self._path.answer(data, self.arrival, self.request.via.reply_address())

    def end(self) -> None:
        """Forget it."""
        self.ended = True
        self._agent.served.pop(_server_key(self.request), None)
        for timer in self._timers:
            timer.cancel()


class Agent:
    """All transactions of one phone. `path` is where new requests go; `faults` lists what was wrong in what came."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, tokens: Tokens, profile: Profile, ladder: Ladder, name: str, core: Core
    ) -> None:
        self.loop = loop
        self.tokens = tokens
        self.profile = profile
        self.ladder = ladder
        self.name = name
        self.transport = "UDP"
        self.path: Path
        self.trial: Path | None = None  # protected ports that are not proven yet: for REGISTER alone (TS 33.203 7.4)
        self.faults: list[str] = []
        self.clients: dict[tuple[str, str], Client] = {}
        self.served: dict[tuple[str, str, str], Served] = {}
        self._core = core

    # -- sending
    def transport_for(self, request: Request) -> str:
        """UDP or TCP: the phone's own, the method's, or TCP for what is large (RFC 3261 18.1.1)."""
        if self.path_for(request.method).udp_only:
            return "UDP"
        if self.transport == "TCP" or request.method in self.profile.tcp_methods:
            return "TCP"
        more = _VIA + (_ESP if self.path.protected else 0)
        return "TCP" if len(request.encode()) + more > self.profile.tcp_from else "UDP"

    def path_for(self, method: str) -> Path:
        """Where a new request of this method goes."""
        return self.trial if self.trial is not None and method == "REGISTER" else self.path

    def via(self, transport: str, method: str) -> str:
        """A Via of our own with a fresh branch."""
        path = self.path_for(method)
        rport = "" if path.protected else ";rport"
        return f"SIP/2.0/{transport} {path.ours.sent_by};branch={self.tokens.branch()}{rport}"

    def start(
        self, request: Request, transport: str, on_response: OnResponse, on_failure: OnFailure = lambda code, why: None
    ) -> Client:
        """Send a request whose Via is written already, in a transaction."""
        client = Client(self, request, transport, on_response, on_failure)
        self.clients[client.key] = client
        client.start()
        return client

    def send_ack(self, ack: Request, transport: str) -> None:
        """The ACK to a 2xx, outside any transaction."""
        ack.set("via", self.via(transport, "ACK"))
        self.sent("ACK", ack, transport, self.path)
        self.path.send(write(ack, self.profile), transport)

    def lost(self) -> None:
        """The server takes no TCP connection."""
        for client in tuple(self.clients.values()):
            if client.transport == "TCP":
                client.lost()

    def sent(self, label: str, message: Request | Response, transport: str, path: Path) -> None:
        """Write an arrow of ours."""
        self.ladder.sent(self.name, _arrow(label, message, transport, path.protected))

    # -- receiving
    def on_message(self, path: Path, arrival: Arrival, data: bytes) -> None:
        """What a path brings."""
        try:
            message = parse(data)
        except NotSip as error:
            self._fault(f"no SIP message: {error}")
            return
        label = _label(message)
        self.ladder.received(self.name, _arrow(label, message, arrival.transport, arrival.protected))
        try:
            if isinstance(message, Request):
                self._on_request(path, arrival, message)
            else:
                check_response(message)
                client = self.clients.get((message.via.branch, message.cseq.method))
                if client is not None:
                    client.feed(Answered(message.code, message))
        except SipError as error:
            self._fault(f"bad {'request' if isinstance(message, Request) else 'response'} {label}: {error}")
            if isinstance(message, Request) and message.method != "ACK":
                self._refuse(path, arrival, message, error)

    def _refuse(self, path: Path, arrival: Arrival, request: Request, error: SipError) -> None:
        """Answer what does not deserve a transaction (RFC 3261 8.2.7), if it says where to."""
        try:
            response = Response.to_request(request, error.code, error.reason)
            address = request.via.reply_address()
        except SipError:
            return
        self.sent(f"{error.code} {request.method}", response, arrival.transport, path)
        path.answer(write(response, self.profile), arrival, address)

    def _on_request(self, path: Path, arrival: Arrival, request: Request) -> None:
        check_request(request)
        known = self.served.get(_server_key(request))
        if known is not None:
            known.feed(Acked(request) if request.method == "ACK" else RETRANSMITTED)
            return
        if request.method == "ACK":
            self._core.on_ack(request)
            return
        served = Served(self, path, arrival, request)
        self.served[_server_key(request)] = served
        if request.method == "CANCEL":
            self._on_cancel(served)
        else:
            self._core.on_request(served)

    def _on_cancel(self, served: Served) -> None:
        branch, host, _ = _server_key(served.request)
        invite = self.served.get((branch, host, "INVITE"))
        if invite is None:
            served.reply(481)
            return
        served.to_tag = invite.to_tag
        served.reply(200)
        if not invite.answered and invite.on_cancel is not None:
            invite.on_cancel()

    def _fault(self, text: str) -> None:
        self.faults.append(text)
        self.ladder.note(self.name, text)

    def close(self) -> None:
        """Forget every transaction."""
        for each in tuple(self.clients.values()):
            each._end()
        for served in tuple(self.served.values()):
            served.end()


def _server_key(request: Request) -> tuple[str, str, str]:
    """RFC 3261 17.2.3; the phone's only peer is a server of RFC 3261."""
    method = "INVITE" if request.method == "ACK" else request.method
    return request.via.branch, request.via.sent_by, method


def _label(message: Request | Response) -> str:
    if isinstance(message, Request):
        return message.method
    return f"{message.code} {message.get('cseq').rpartition(' ')[2]}"


def _arrow(label: str, message: Request | Response, transport: str, protected: bool) -> str:
    marks = [mark for mark, there in (
        ("SDP", bool(message.body) and "sdp" in message.get("content-type")),
        ("tcp", transport == "TCP"), ("esp", protected),
    ) if there]  # fmt: skip
    return f"{label} ({' '.join(marks)})" if marks else label


def _nothing(response: Response) -> None:
    """The answer to a CANCEL: the INVITE's own says all."""


def _no_failure(code: int, why: str) -> None:
    """A CANCEL without answer: the INVITE's own timer says all."""

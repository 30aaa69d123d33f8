"""The peer machine (RFC 6733 5.6) without election: we connect to a server, or serve one that has connected.

Pure: net/diameter.py hands events in and carries the actions out. What waits for an answer survives a lost
connection until its time is up, and is sent again with the T bit; failover.py says when by another peer.
"""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Final

from lteims import counters
from lteims.diameter.attributes import (
    DISCONNECT_CAUSE,
    ERROR_MESSAGE,
    ORIGIN_HOST,
    ORIGIN_REALM,
    PROXY_INFO,
    SESSION_ID,
    DisconnectCause,
)
from lteims.diameter.capabilities import Capabilities, Local
from lteims.diameter.command import (
    BASE,
    CER,
    COMMANDS,
    DPR,
    DWR,
    SUCCESS,
    Answer,
    Command,
    Node,
    Result,
    answer_body,
    check,
    request_body,
)
from lteims.diameter.errors import DiameterError, NoAnswer, ResultCode
from lteims.diameter.message import P_BIT, R_BIT, T_BIT, Header, Message
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
    IpAddress,
    Lost,
    Received,
    Release,
    Released,
    Reply,
    Send,
    SetTimer,
    Start,
    Stop,
    TimerFired,
    Turned,
    Up,
)  # fmt: skip
from lteims.diameter.refusal import Refusal, check_route, refuse
from lteims.diameter.requests import MOST_SENT, Inbox, Key, Outbox
from lteims.diameter.watchdog import Health, Verb, Watchdog
from lteims.trace import DEBUG, INFO, WARN, Layer, log

SETUP_TIME: Final = 10.0  # for the connection, and again for the exchange of capabilities
LEAVE_TIME: Final = 2.0  # for the answer to a DPR
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # before we connect again, doubled each time
_SHOWN: Final = 200  # characters of a peer's text in the log
REFUSED_PAUSE: Final = 60.0  # where the peer does not want us: Disconnect-Cause 1 or 2, no common application


class State(StrEnum):
    """RFC 6733 5.6; the server's end waits for CER in WAIT_R_CER."""

    CLOSED = "Closed"
    WAIT_CONN_ACK = "Wait-Conn-Ack"
    WAIT_I_CEA = "Wait-I-CEA"
    WAIT_R_CER = "Wait-R-CER"
    OPEN = "Open"
    CLOSING = "Closing"


class Peer:
    """One neighbour: the connection to it, and all that is asked over it."""

    def __init__(
        self,
        local: Local,
        layer: Layer,
        *,
        name: str,
        watchdog: float = 0.0,
        random: Callable[[], float],
        outbox: Outbox,
        inbox: Inbox | None = None,
        admits: Callable[[Node], bool] = lambda _: True,
    ) -> None:
        """`name` is the address for the log; `watchdog` Tw in seconds, 0 for none; `random` gives 0 to 1.

        `inbox` is that of other peers too, where there are some; `admits`: who may connect to us, by Origin-Host.
        """
        self.state = State.CLOSED
        self.remote: Capabilities | None = None
        self._local = local
        self._layer = layer
        self._name = name
        self._random = random
        self._watchdog = Watchdog(watchdog, random)
        self._health = self._watchdog.health  # as it was told last
        self._outbox = outbox
        self._inbox = inbox if inbox is not None else Inbox()
        self._admits = admits
        self._addresses: tuple[IpAddress, ...] = ()
        self._reconnects = False
        self._failures = 0  # in a row
        self._pause = 0.0  # the least before the next connection
        self._unwelcome = False  # is it not to be tried before that is over?

    @property
    def health(self) -> Health:
        """What its watchdog says (RFC 3539 3.4.1)."""
        return self._watchdog.health

    @property
    def waiting(self) -> int:
        """How many requests wait for an answer of it."""
        return len(self._outbox)

    def handle(self, event: Event, now: float) -> list[Action]:
        """What to do about an event; `now` in seconds of a monotonic clock."""
        match self.state, event:
            case State.CLOSED, Start() if not self._unwelcome:
                self._reconnects = True
                return self._connect()
            case State.CLOSED, TimerFired("Tc"):
                return self._connect()
            case State.CLOSED, Connected(addresses, accepted=True):
                self._addresses = addresses
                return self._to(State.WAIT_R_CER, SetTimer("Tr", SETUP_TIME))
            case State.WAIT_CONN_ACK, Connected(addresses):
                self._addresses = addresses
                return self._to(State.WAIT_I_CEA, self._send_cer(), SetTimer("Tr", SETUP_TIME))
            case State.WAIT_CONN_ACK, ConnectFailed(why):
                counters.inc("diam_connect_failed")
                return self._lost(why)
            case ((State.WAIT_CONN_ACK | State.WAIT_I_CEA | State.WAIT_R_CER), TimerFired("Tr")):
                return [Close(), *self._lost("no answer while connecting")]
            case State.CLOSING, TimerFired("Tr"):
                return [Close(), *self._lost("closed")]
            case State.OPEN, TimerFired("Tw"):
                return self._verbs(self._watchdog.on_timer())
            case _, TimerFired(name) if name.startswith("Tx"):
                return self._expired(int(name[2:]))
            case State.CLOSED, Lost() | ConnectFailed() | Received():
                return []
            case _, Lost(why):
                return self._lost(why)
            case _, Received(data):
                return self._received(data, now)
            case _, Ask():
                return self._ask(event, now)
            case _, Release():
                return self._release(now)
            case _, Reply(to, answer):
                return self._reply(to, answer, now)
            case _, Stop(cause):
                return self._stop(cause)
        return []

    def _to(self, state: State, *actions: Action) -> list[Action]:
        if self._layer.level >= DEBUG:
            log(self._layer, DEBUG, f"{self.state} -> {state}", id=self._name)
        self.state = state
        return list(actions)

    # -- the connection

    def _connect(self) -> list[Action]:
        log(self._layer, DEBUG if self._failures else INFO, f"Connecting to {self._name}")
        return self._to(State.WAIT_CONN_ACK, Connect(), SetTimer("Tr", SETUP_TIME))

    def _lost(self, why: str) -> list[Action]:
        """Back to CLOSED; what waits for an answer goes on waiting if there will be another connection."""
        opened = self.state in (State.OPEN, State.CLOSING)
        if self.state is not State.CLOSING:  # a server that stays away is told once
            level = DEBUG if self._failures and self._reconnects else WARN
            log(self._layer, level, f"{'Lost' if opened else 'No connection to'} {self._name}: {why}")
        if self.state is State.OPEN:
            counters.inc("diam_lost")
        self._watchdog.on_lost()
        self._health = self._watchdog.health
        self._inbox.forget(self)
        actions = self._to(State.CLOSED, CancelTimer("Tr"), CancelTimer("Tw"))
        if opened:
            actions.append(Down(why))
        if self._reconnects:
            return [*actions, SetTimer("Tc", self._next_pause())]
        return [*actions, *self._fail_all(why)]

    def _next_pause(self) -> float:
        """Doubled each time, with jitter, so that not all clients of a server come back at once."""
        pause = max(self._pause, min(FIRST_PAUSE * 2.0 ** min(self._failures, 10), LONGEST_PAUSE))
        self._failures += 1
        self._unwelcome = self._pause > 0
        self._pause = 0.0
        return pause * (0.75 + 0.5 * self._random())

    def _fail_all(self, why: str) -> list[Action]:
        actions: list[Action] = []
        for sent in self._outbox.clear():
            actions += CancelTimer(f"Tx{sent.header.end_to_end}"), Failed(sent.ask.ticket, NoAnswer(why))
        return actions

    def _stop(self, cause: DisconnectCause) -> list[Action]:
        self._reconnects = False
        actions = [CancelTimer("Tc"), *self._fail_all("the server stops")]
        match self.state:
            case State.CLOSED:
                return actions
            case State.OPEN:
                leave = self._request(DPR, self._local.disconnect(cause))
                return [*actions, *self._to(State.CLOSING, leave, CancelTimer("Tw"), SetTimer("Tr", LEAVE_TIME))]
            case State.CLOSING:
                return actions
        return [*actions, Close(), *self._lost("the server stops")]

    def _open(self, remote: Capabilities) -> list[Action]:
        self.remote = remote
        self._failures = 0
        self._pause = 0.0
        product = f" ({remote.product[:_SHOWN]})" if remote.product else ""
        log(self._layer, INFO, f"Connected to {remote.node.host}{product}", id=self._name)
        verbs = self._watchdog.on_open()
        self._health = self._watchdog.health
        actions = self._to(State.OPEN, CancelTimer("Tr"), Up(remote))
        return [*actions, *self._verbs(verbs), *map(Send, self._outbox.again())]

    def _verbs(self, verbs: tuple[Verb, ...]) -> list[Action]:
        actions: list[Action] = []
        for verb in verbs:
            match verb:
                case Verb.SEND:
                    actions.append(self._request(DWR, self._local.node.avps()))
                case Verb.SET:
                    actions.append(SetTimer("Tw", self._watchdog.wait()))
                case Verb.CLOSE:
                    actions += Close(), *self._lost("the watchdog has no answer")
        if self._health is not self._watchdog.health:
            self._health = self._watchdog.health
            if self._health is Health.SUSPECT:
                log(self._layer, WARN, f"{self._name} is suspect: the watchdog has no answer yet")
            else:
                log(self._layer, INFO, f"{self._name} is {self._health} again")
            actions.append(Turned(self._health))
        return actions

    def _request(self, command: Command, body: bytes) -> Send:
        hop_by_hop, end_to_end = self._outbox.hop_by_hop(), self._outbox.end_to_end()
        return Send(Header(R_BIT, command.code, BASE, hop_by_hop, end_to_end).encode(body))

    def _send_cer(self) -> Send:
        return self._request(CER, self._local.capabilities(self._addresses))

    # -- messages

    def _received(self, data: bytes, now: float) -> list[Action]:
        try:
            header = Header.parse(data)
        except DiameterError as error:
            return self._unreadable(error)
        try:
            message = Message.parse(data, header)
        except DiameterError as error:
            return self._malformed(header, data, error)
        alive = self._verbs(self._watchdog.on_message(_is(header, DWR, request=False)))
        alive = alive if self.state is State.OPEN else []
        try:
            if header.is_request:
                return alive + self._on_request(message, len(data), now)
            return alive + self._on_answer(message)
        except DiameterError as error:
            return alive + self._malformed(header, data, error)

    def _unreadable(self, error: DiameterError) -> list[Action]:
        counters.inc("diam_malformed")
        log(self._layer, WARN, f"Unreadable message: {error.why}", dir="FROM", id=self._name)
        return []

    def _malformed(self, header: Header, data: bytes, error: DiameterError) -> list[Action]:
        """A request is answered with the error; an answer counts as none; either ends what has not yet begun."""
        counters.inc("diam_malformed")
        log(self._layer, WARN, f"{error.why} ({error.result_code})", dir="FROM", id=self._name)
        actions: list[Action] = []
        if header.is_request and self.state is not State.WAIT_I_CEA:
            actions.append(Send(refuse(header, data, error, self._local.node)))
        elif not header.is_request:
            sent = self._outbox.take(header)
            if sent is not None:
                actions += CancelTimer(f"Tx{sent.header.end_to_end}"), Failed(sent.ask.ticket, error)
        if self.state in (State.WAIT_I_CEA, State.WAIT_R_CER):
            actions += Close(), *self._lost(error.why)
        return actions

    def _on_request(self, message: Message, length: int, now: float) -> list[Action]:
        header = message.header
        match self.state:
            case State.WAIT_R_CER if _is(header, CER):
                return self._on_cer(message)
            case State.WAIT_I_CEA | State.WAIT_R_CER | State.WAIT_CONN_ACK:
                return [Close(), *self._lost(f"command {header.code} before the capabilities")]
            case _ if header.application == BASE:
                return self._on_base(message)
            case State.CLOSING:
                return []
        return self._on_application(message, length, now)

    def _on_base(self, message: Message) -> list[Action]:
        header = message.header
        command = COMMANDS.get((BASE, header.code))
        if command is None:
            code = ResultCode.DIAMETER_COMMAND_UNSUPPORTED
            raise DiameterError(f"command {header.code} is not supported", code)
        check(command, message)
        if command is CER:
            raise DiameterError("capabilities are exchanged already")
        answer = Send(header.answer().encode(SUCCESS.encode() + self._local.node.avps()))
        if command is DWR:
            return [answer]
        cause = message.need(DISCONNECT_CAUSE)
        if cause != DisconnectCause.REBOOTING:  # RFC 6733 5.4.3: of the others nobody is to come back at once
            self._pause = REFUSED_PAUSE
        name = cause.name if isinstance(cause, DisconnectCause) else str(cause)
        return [answer, Close(), *self._lost(f"it takes leave: {name}")]

    def _on_cer(self, message: Message) -> list[Action]:
        """As a server: the peer is admitted, or told why not (RFC 6733 5.3)."""
        check(CER, message)
        remote = Capabilities.parse(message)
        refusal = self._refusal(remote)
        result = Result(refusal.result_code) if refusal else SUCCESS
        text = ERROR_MESSAGE(refusal.why) if refusal else b""
        body = result.encode() + self._local.capabilities(self._addresses) + text
        protocol_error = bool(refusal and refusal.is_protocol_error)
        answer = Send(message.header.answer(protocol_error).encode(body))
        if refusal:
            return [answer, Close(), *self._lost(f"{remote.node.host}: {refusal.why}")]
        return [answer, *self._open(remote)]

    def _refusal(self, remote: Capabilities) -> DiameterError | None:
        if not self._admits(remote.node):
            return DiameterError("unknown peer", ResultCode.DIAMETER_UNKNOWN_PEER)
        if not remote.common(self._local):
            return DiameterError("no common application", ResultCode.DIAMETER_NO_COMMON_APPLICATION)
        if remote.tls_only():
            return DiameterError("no TLS here", ResultCode.DIAMETER_NO_COMMON_SECURITY)
        return None

    def _on_answer(self, message: Message) -> list[Action]:
        header = message.header
        if header.application == BASE:
            return self._on_base_answer(message)
        if self.state not in (State.OPEN, State.CLOSING):
            return [Close(), *self._lost(f"command {header.code} before the capabilities")]
        sent = self._outbox.take(header)
        if sent is None:
            return self._stray(header)
        timer = CancelTimer(f"Tx{sent.header.end_to_end}")
        try:
            if message.first(SESSION_ID) not in (sent.ask.session, None):  # RFC 6733 7.2: errors may lack it
                raise DiameterError("an answer of another session", ResultCode.DIAMETER_UNKNOWN_SESSION_ID)
            check(COMMANDS[sent.header.application, header.code], message)
        except DiameterError as error:
            counters.inc("diam_malformed")
            return [timer, Failed(sent.ask.ticket, error)]
        return [timer, Answered(sent.ask.ticket, message)]

    def _on_base_answer(self, message: Message) -> list[Action]:
        header = message.header
        match self.state:
            case State.WAIT_I_CEA if header.code == CER.code:
                return self._on_cea(message)
            case State.CLOSING if header.code == DPR.code:
                return [Close(), *self._lost("closed")]
            case State.OPEN | State.CLOSING if header.code == DWR.code:
                return []
            case State.WAIT_I_CEA | State.WAIT_R_CER:
                return [Close(), *self._lost(f"command {header.code} before the capabilities")]
        return self._stray(header)

    def _on_cea(self, message: Message) -> list[Action]:
        result = Result.of(message)
        if not result.ok:
            self._pause = REFUSED_PAUSE
            why = message.first(ERROR_MESSAGE)
            return [Close(), *self._lost(f"it refuses with {result}" + (f": {why[:_SHOWN]}" if why else ""))]
        remote = Capabilities.parse(message)
        refusal = self._refusal(remote)
        if refusal is not None:
            self._pause = REFUSED_PAUSE
            return [Close(), *self._lost(f"{remote.node.host}: {refusal.why}")]
        return self._open(remote)

    def _stray(self, header: Header) -> list[Action]:
        counters.inc("diam_stray")
        log(self._layer, INFO, f"Answer {header.code} to nothing that waits", dir="FROM", id=self._name)
        return []

    # -- requests of the peer

    def _on_application(self, message: Message, length: int, now: float) -> list[Action]:
        header = message.header
        if header.application not in self._local.applications:
            code = ResultCode.DIAMETER_APPLICATION_UNSUPPORTED
            raise DiameterError(f"application {header.application} is not supported", code)
        command = COMMANDS.get((header.application, header.code))
        if command is None:
            code = ResultCode.DIAMETER_COMMAND_UNSUPPORTED
            raise DiameterError(f"command {header.code} is not supported", code)
        check_route(message, self._local.node)
        check(command, message)
        origin = Node(message.need(ORIGIN_HOST), message.need(ORIGIN_REALM))
        incoming = Incoming(message, command, message.need(SESSION_ID), origin)
        key = _key(incoming)
        proxies = b"".join(each.encode() for each in message.avps if each.attribute is PROXY_INFO)
        if self._inbox.is_known(key, now):
            counters.inc("diam_duplicate")
            answer = self._inbox.repeat(key, self, header, proxies)
            return [] if answer is None else [Send(answer)]
        if self._inbox.full:
            raise DiameterError("too busy", ResultCode.DIAMETER_TOO_BUSY)
        self._inbox.begin(key, now, self, header, proxies, length)
        return [Deliver(incoming)]

    def _reply(self, to: Incoming, answer: Answer | DiameterError, now: float) -> list[Action]:
        """The answer goes back by each connection that has brought the request and still stands."""
        protocol_error = isinstance(answer, DiameterError) and answer.is_protocol_error
        value = Refusal(answer) if isinstance(answer, DiameterError) else answer
        body = answer_body(to.command, value, to.session, self._local.node)
        due = self._inbox.end(_key(to), now, protocol_error, body)
        return [Send(data) if peer is self else Forward(peer, data) for peer, data in due]

    # -- requests of ours

    def _ask(self, ask: Ask, now: float) -> list[Action]:
        if self.state is not State.OPEN or self.remote is None:
            return [Failed(ask.ticket, NoAnswer(f"no connection to {self._name}"))]
        if len(self._outbox) >= MOST_SENT:
            return [Failed(ask.ticket, NoAnswer(f"{self._name} has {MOST_SENT} requests to answer"))]
        command, remote, outbox = ask.request.command, self.remote.node, self._outbox
        host = ask.host or (remote.host if "{Destination-Host}" in command.request else "")
        flags, end_to_end = R_BIT | P_BIT, ask.end_to_end
        if end_to_end is None:
            end_to_end = outbox.end_to_end()
        else:
            flags |= T_BIT
        try:
            body = request_body(ask.request, ask.session, self._local.node, ask.realm or remote.realm, host)
            header = Header(flags, command.code, command.application, outbox.hop_by_hop(), end_to_end)
            data = outbox.add(ask, header, body, now + ask.timeout)
        except DiameterError as error:
            return [Failed(ask.ticket, error)]
        return [Send(data), SetTimer(f"Tx{end_to_end}", ask.timeout)]

    def _release(self, now: float) -> list[Action]:
        """RFC 6733 5.5.4: the same end-to-end identifier, and the time that is left."""
        waiting = self._outbox.clear()
        if not waiting:
            return []
        asks = tuple(
            replace(sent.ask, timeout=max(0.0, sent.until - now), end_to_end=sent.header.end_to_end) for sent in waiting
        )
        return [*(CancelTimer(f"Tx{sent.header.end_to_end}") for sent in waiting), Released(asks)]

    def _expired(self, end_to_end: int) -> list[Action]:
        sent = self._outbox.expire(end_to_end)
        if sent is None:
            return []
        counters.inc("diam_timeout")
        return [Failed(sent.ask.ticket, NoAnswer(f"no answer of {self._name} in time"))]


def _is(header: Header, command: Command, request: bool = True) -> bool:
    if header.code != command.code:
        return False
    return header.application == command.application and header.is_request is request


def _key(incoming: Incoming) -> Key:
    header = incoming.message.header
    return incoming.origin.host, header.end_to_end, incoming.session, header.code

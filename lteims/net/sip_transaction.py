"""The transactions as ims/ holds them: a machine of sip/ with its timers, its peer and its owner's callbacks.

ServerTransaction: a request that came and waits for `respond`. ClientTransaction: a request of ours, with CANCEL.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lteims.net.sip_flow import Flow
from lteims.net.timers import Handle
from lteims.sip.message import Message, Request, Response
from lteims.sip.transaction import (
    ABANDONED,
    FIRED,
    TRANSPORT_ERROR,
    Action,
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
from lteims.trace import DEBUG, INFO, SIP, log

if TYPE_CHECKING:
    from lteims.net.sip import SipStack

_CHALLENGES: Final = (401, 407)
Origin = tuple[str, str, int, str]  # From tag, Call-ID, CSeq: what all copies of one request have in common
OnResponse = Callable[[Response], None]
OnFailure = Callable[[int, str], None]


class ServerTransaction:
    """One request of a peer. `to_tag` is put into every answer but 100; a dialog uses it as its local tag."""

    __slots__ = (
        "_machine", "_muted", "_settled", "_stack", "_timers", "_tried", "ended", "flow", "key", "on_ack", "on_cancel",
        "on_timeout", "origin", "request", "to_tag",
    )  # fmt: skip

    def __init__(self, stack: "SipStack", request: Request, flow: Flow, key: tuple[str, ...]) -> None:
        self._stack = stack
        self.request = request
        self.flow = flow
        self.key = key
        self.to_tag = stack.tokens.tag()
        self.on_cancel: Callable[[Request], None] | None = None
        self.on_ack: Callable[[Request], None] | None = None
        self.on_timeout: Callable[[], None] | None = None  # no ACK came
        self.origin: Origin | None = None
        self.ended = False
        self._muted = False
        self._settled = False  # has the owner of a muted transaction given its final response?
        self._tried = False  # a provisional response was forced, which is as good as a 100
        self._timers: list[Handle] = []
        kind = InviteServer if request.method == "INVITE" else NonInviteServer
        self._machine = kind(stack.timings, flow.transport != "UDP", id=trace_id(stack, request))

    @property
    def answered(self) -> bool:
        """Has a final response been given?"""
        if self._muted:
            return self._settled
        return self._machine.state not in (State.TRYING, State.PROCEEDING)

    def reply(self, code: int, reason: str = "", headers: dict[str, str] | None = None) -> None:
        """Answer without a body."""
        response = self.make(code, reason)
        for name, value in (headers or {}).items():
            response.headers[name] = [value]
        self.respond(response)

    def make(self, code: int, reason: str = "") -> Response:
        """A response to this request, to be filled in and given to `respond`."""
        return Response.to_request(self.request, code, reason, "" if code == 100 else self.to_tag)

    def respond(self, response: Response) -> None:
        """Send a response; after a final one others but further 2xx to an INVITE are ignored."""
        if self._muted:
            self._swallow(response)
            return
        if self.ended or (self._tried and response.code == 100):
            return
        stack = self._stack
        if self.flow.local >= stack.clear and stack.protection is not None:
            stack.protection.mark(self.flow, response)
        if stack.finish is not None:
            stack.finish(response, self.request.method)
        data = response.encode()
        invite = isinstance(self._machine, InviteServer)
        if response.code in _CHALLENGES and not invite and "security-server" not in response.headers:
            # RFC 3261 26.3.2.4: no state for those who prove nothing; the request again gets a challenge again.
            # Behind Security-Server there are SAs: another challenge would replace them while the phone takes these.
            stack.transmit_response(self.flow, response, data)
            self.drop()
            return
        self._answer(response, data)

    def _answer(self, response: Response, data: bytes) -> None:
        stack = self._stack
        invite = isinstance(self._machine, InviteServer)
        actions = self._machine.handle(Respond(response.code, data), stack.loop.time())
        if invite and response.code >= 200:
            stack.transactions.finished(self, len(data) + size_of(self.request))
            if response.code >= 300:
                stack.transactions.served(self.origin)
                self.origin = None
        self._run(actions, response)

    # -- answers that an operator forces (ims/forced.py)
    def force(self, response: Response) -> None:
        """Send a response beside the owner's; a challenge too keeps the transaction, so that it is the only one."""
        if self.ended:
            return
        stack = self._stack
        if stack.finish is not None:
            stack.finish(response, self.request.method)
        self._tried = True
        self._answer(response, response.encode())

    def mute(self) -> None:
        """From now on nothing leaves of what the owner answers, who sees no difference."""
        self._muted = True

    def expire(self) -> None:
        """Keep the transaction for retransmissions of the request, 64*T1 or until there are too many."""
        if not self.ended:
            self._stack.transactions.finished(self, size_of(self.request))
            self._timers.append(self._stack.wheel.add(64 * self._stack.timings.t1, self.drop))

    def _swallow(self, response: Response) -> None:
        if response.code < 200 or self._settled:
            return
        self._settled = True
        if self._machine.state in (State.TRYING, State.PROCEEDING):
            self.expire()

    def feed(self, event: Event) -> None:
        """An event from the wire or a timer."""
        if not self.ended:
            self._run(self._machine.handle(event, self._stack.loop.time()), None)

    def cancelled(self, request: Request) -> None:
        """A CANCEL came; the owner answers 487 if nothing final has left."""
        if self.on_cancel is not None and not self.answered:
            self.on_cancel(request)

    def drop(self) -> None:
        """Forget the transaction before its time."""
        self.ended = True
        self._stack.transactions.served(self.origin)
        self._stack.transactions.forget_server(self)
        for timer in self._timers:
            self._stack.wheel.cancel(timer)
        self._timers.clear()
        self.on_cancel = self.on_ack = self.on_timeout = None

    def _run(self, actions: list[Action], response: Response | None) -> None:
        stack, sent = self._stack, b""
        for action in actions:
            match action:
                case Send(data):
                    if response is not None:
                        stack.transmit_response(self.flow, response, data)
                    else:
                        stack.transmit(stack.reply_flow(self.flow, self.request.via), data)
                    sent = data
                case SetTimer("J", _):  # Completed: from here on the answer is all that is left
                    stack.transactions.answers.keep(self.key, sent, stack.reply_flow(self.flow, self.request.via))
                    self.drop()
                case SetTimer(name, delay):
                    self._timers.append(stack.wheel.add(delay, self.feed, FIRED[name]))
                case Deliver(message):
                    if self.on_ack is not None and isinstance(message, Request):
                        self.on_ack(message)
                case TimedOut():
                    if self.on_timeout is not None:
                        self.on_timeout()
                case Terminated():
                    self.drop()


class ClientTransaction:
    """One request of ours."""

    __slots__ = (
        "_cancel", "_cancel_sent", "_contact_user", "_fallback", "_key", "_machine", "_on_failure", "_on_response",
        "_stack", "_timers", "ended", "flow", "request",
    )  # fmt: skip

    def __init__(
        self,
        stack: "SipStack",
        request: Request,
        on_response: OnResponse,
        on_failure: OnFailure,
        contact_user: str | None,
    ) -> None:
        self._stack = stack
        self.request = request
        self._on_response = on_response
        self._on_failure = on_failure
        self._contact_user = contact_user
        self._cancel: Request | None = None
        self._cancel_sent = False
        self._fallback: Flow | None = None
        self._timers: list[Handle] = []
        self.ended = False

    def start(self, flow: Flow, fallback: Flow | None = None, branch: str = "") -> None:
        """Send the request over a flow, with a fresh branch unless one is given (CANCEL).

        `fallback` is tried when the flow fails: UDP, for a large request whose peer takes no TCP (RFC 3261 18.1.1).
        """
        stack = self._stack
        self.flow, self._fallback = flow, fallback if fallback != flow else None
        branch = stack.prepare(self.request, flow, self._contact_user, branch)
        if stack.finish is not None:
            stack.finish(self.request, self.request.method)
        self._key = (branch, self.request.method)
        kind = InviteClient if self.request.method == "INVITE" else NonInviteClient
        data = self.request.encode()
        self._machine = kind(stack.timings, flow.transport != "UDP", data, id=trace_id(stack, self.request))
        stack.transactions.adopt_client(self._key, self)
        self._run(self._machine.start(stack.loop.time()))

    @property
    def open(self) -> bool:
        """Is the final response still to come?"""
        return self._machine.state in (State.CALLING, State.TRYING, State.PROCEEDING)

    def feed(self, event: Event) -> None:
        """An event from the wire or a timer."""
        if not self.ended:
            self._run(self._machine.handle(event, self._stack.loop.time()))

    def cancel(self, reason: str = "") -> None:
        """CANCEL an INVITE: at once if a provisional response has come, else when one comes (RFC 3261 9.1)."""
        if self.ended or self._cancel is not None:
            return
        headers = {name: list(self.request.headers[name]) for name in ("from", "to", "call-id")}
        headers["cseq"] = [f"{self.request.cseq.number} CANCEL"]
        headers["max-forwards"] = ["70"]
        if "route" in self.request.headers:
            headers["route"] = list(self.request.headers["route"])
        if reason:
            headers["reason"] = [reason]
        self._cancel = Request("CANCEL", self.request.target, headers)
        self._send_cancel()

    def _send_cancel(self) -> None:
        if self._cancel is None or self._cancel_sent or self._machine.state is not State.PROCEEDING:
            return
        self._cancel_sent = True
        cancel = ClientTransaction(self._stack, self._cancel, _ignore_response, _ignore_failure, None)
        cancel.start(self.flow, branch=self._key[0])
        self._set_timer(64 * self._stack.timings.t1, ABANDONED)

    def _set_timer(self, delay: float, event: Event) -> None:
        self._timers.append(self._stack.wheel.add(delay, self.feed, event))

    def _run(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(data):
                    self._stack.transmit_request(self.flow, self.request, data, self._transport_error)
                case SetTimer(name, delay):
                    self._set_timer(delay, FIRED[name])
                case Deliver(Response() as response):
                    self._send_cancel()
                    self._on_response(response)
                case SendAck(Response() as response):
                    self._ack(response)
                case TimedOut():
                    self._on_failure(408, "no answer")
                case TransportFailed():
                    self._on_failure(503, "cannot be reached")
                case Terminated():
                    self._end()
                    self._on_response, self._on_failure = _ignore_response, _ignore_failure  # no circle is left

    def _transport_error(self) -> None:
        """The stream could not be opened: try the other way, or tell the machine."""
        if self.ended or self._machine.state not in (State.CALLING, State.TRYING):
            return
        if self._fallback is None:
            self.feed(TRANSPORT_ERROR)
            return
        log(SIP, INFO, f"{self.flow} does not take the request, trying {self._fallback}")
        self._end()
        self.ended = False
        self.start(self._fallback)

    def _ack(self, response: Response) -> None:
        """The ACK to a non-2xx: RFC 3261 17.1.1.3."""
        sent = self.request.headers
        headers = {"via": [sent["via"][0]], "from": list(sent["from"]), "to": list(response.headers["to"])}
        headers["call-id"] = list(sent["call-id"])
        headers["cseq"] = [f"{self.request.cseq.number} ACK"]
        headers["max-forwards"] = ["70"]
        if "route" in sent:
            headers["route"] = list(sent["route"])
        ack = Request("ACK", self.request.target, headers)
        if self._stack.finish is not None:
            self._stack.finish(ack, "ACK")
        self._stack.transmit_request(self.flow, ack, ack.encode(), None)

    def _end(self) -> None:
        self.ended = True
        self._stack.transactions.forget_client(self._key)
        for timer in self._timers:
            self._stack.wheel.cancel(timer)
        self._timers.clear()


def trace_id(stack: "SipStack", request: Request) -> str:
    """The id column of the machine's lines, made only where they are written."""
    return stack.log_id(request.call_id) if SIP.level >= DEBUG else "-"


def size_of(message: Message) -> int:
    """About how many octets a message holds in memory."""
    return len(message.body) + sum(len(line) for lines in message.headers.values() for line in lines)


def _ignore_response(response: Response) -> None:
    """The answer to a CANCEL says nothing new: the INVITE's own answer decides."""


def _ignore_failure(code: int, why: str) -> None:
    """A CANCEL without answer: the INVITE's own timer decides."""

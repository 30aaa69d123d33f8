"""All calls of the process: legs and machines put together (TS 24.229 5.7; RFC 3261 as back-to-back user agent).

pcscf.py hands in INVITEs, requests inside dialogs and ACKs; call.py decides, this carries out. Requests that one
leg passes to the other inside the dialogs (re-INVITE, UPDATE, INFO) are in inside.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lteims import counters
from lteims.config import ImsConfig
from lteims.errors import LteimsError
from lteims.ims import call as machine
from lteims.ims.anchor import SDP, Anchor, Side
from lteims.ims.call import MO, MT, AckCallee, Bye, Call, CancelCallee, End, Respond, Stop
from lteims.ims.caller import Caller
from lteims.ims.echo import EchoCallee
from lteims.ims.icscf import Destination, Echo, Registered, Unregistered
from lteims.ims.inside import Inside
from lteims.ims.leg import Leg
from lteims.ims.outbound import way_to
from lteims.ims.subscribers import Binding
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool, PortsExhausted
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.headers import NameAddr
from lteims.sip.message import Message, Request, Response, copy_headers
from lteims.sip.multipart import body_of
from lteims.trace import IMS, INFO, WARN, log

RING_TIME = 180.0  # seconds without a final answer (timer C, RFC 3261 16.6)
ACTIVITY_CHECK = 1.0  # seconds between looks for calls without media
ALLOW = "REGISTER, INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE"
MMTEL_ONLY = '*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
_TO_CALLEE = ("accept-language", "alert-info", "call-info", "organization", "priority", "privacy", "subject")
_TO_CALLER = ("alert-info", "call-info", "p-early-media", "reason", "retry-after", "warning", "error-info")


@dataclass(slots=True)
class Session:
    """A call with what it is made of."""

    call: Call
    caller: Caller
    first: Request  # the INVITE that began it
    caller_leg: Leg
    callee_leg: Leg | None  # None: the echo
    echo: EchoCallee | None
    anchor: Anchor
    caller_impu: str
    callee_impu: str
    callee_impi: str
    callee_binding: Binding | None
    created: float
    ring_timer: Handle | None = None


class Calls:
    """Implements pcscf.Calls and leg.LegOwner."""

    def __init__(
        self,
        config: ImsConfig,
        stack: SipStack,
        plane: MediaPlane,
        pools: list[PortPool],
    ) -> None:
        self._config = config
        self._stack = stack
        self._plane = plane
        self._pools = pools
        self._by_dialog: dict[tuple[str, str], tuple[Session, Leg]] = {}  # Call-ID, local tag
        self._initial: set[tuple[str, str, int]] = set()  # Call-ID, From tag, CSeq of open first INVITEs
        self._count = 0
        self._inside = Inside(stack)
        self._activity: Handle | None = None

    def __iter__(self) -> Iterator[Session]:
        """Every call once."""
        return (session for session, leg in self._by_dialog.values() if leg is session.caller_leg)

    # -- from pcscf
    def on_invite(self, transaction: ServerTransaction, caller: Caller, destination: Destination) -> None:
        """A new call. SipError refuses it before anything was set up."""
        request = transaction.request
        merged = (request.call_id, request.from_.tag, request.cseq.number)
        if merged in self._initial:  # RFC 3261 8.2.2.2
            raise SipError(482, "the same INVITE came by another way")
        if isinstance(destination, Unregistered):
            raise SipError(480, f"{destination.subscriber.impi} is not registered")
        offer = sdp_of(request)
        session = self._open(transaction, caller, destination)
        self._initial.add(merged)
        counters.inc("ims_call")
        log(
            IMS, INFO, f"call from {caller.name} ({session.caller_impu}) to {session.callee_impu}", id=session.call.id
        )  # fmt: skip
        try:
            if session.echo is not None:
                session.echo.invite(offer)
            elif isinstance(destination, Registered):
                self._invite_callee(session, request, destination, offer)
        except (SipError, LteimsError) as error:
            self._carry_out(session, session.call.handle(refusal(error)))

    def on_dialog_request(self, transaction: ServerTransaction) -> bool:
        """A request inside a dialog; False where there is none."""
        request = transaction.request
        found = self._by_dialog.get((request.call_id, request.to.tag))
        if found is None:
            return False
        session, leg = found
        leg.accept(request)
        match request.method:
            case "BYE":
                transaction.reply(200)
                self._hung_up(session, leg, request)
            case "OPTIONS":
                transaction.reply(200, headers={"allow": ALLOW, "accept": SDP})
            case "INVITE":
                self._reinvite(session, leg, transaction)
            case "UPDATE" | "INFO" | "MESSAGE":
                self._inside.pass_on(session, leg, transaction)
            case "PRACK":
                raise SipError(481, "no reliable response waits for a PRACK")
            case method:
                raise SipError(405, f"{method} inside a call", {"allow": ALLOW})
        return True

    def on_ack(self, request: Request) -> None:
        """The ACK to a 2xx."""
        found = self._by_dialog.get((request.call_id, request.to.tag))
        if found is None:
            counters.inc("sip_stray_ack")
            return
        found[1].on_ack(request)

    # -- setting up
    def _open(self, transaction: ServerTransaction, caller: Caller, destination: Destination) -> Session:
        request = transaction.request
        self._count += 1
        call_id = f"{self._count:04x}"
        called = request.uri
        dialog = Dialog.of_request(request, transaction.to_tag)
        reached = destination.bindings[0] if isinstance(destination, Registered) else None
        leg = Leg(self._stack, self, MO, dialog, transaction.flow, called.number or called.user)
        leg.attend(transaction)
        anchor = Anchor(self._plane, self._stack.log_id(request.call_id), int(self._stack.loop.time() * 1000))
        anchor.place(MO, self._side(transaction.flow))
        session = Session(
            call=Call(call_id),
            caller=caller,
            first=request,
            caller_leg=leg,
            callee_leg=None,
            echo=None,
            anchor=anchor,
            caller_impu=str(caller.impu.uri if caller.impu else request.from_.uri),
            callee_impu=str(called),
            callee_impi=reached.impi if reached else "",
            callee_binding=reached,
            created=self._stack.loop.time(),
        )
        if isinstance(destination, Echo):
            session.echo = EchoCallee(anchor, lambda event: self._carry_out(session, session.call.handle(event)))
        self._by_dialog[request.call_id, transaction.to_tag] = (session, leg)
        session.ring_timer = self._stack.wheel.add(RING_TIME, self._rang_too_long, session)
        self._watch_activity()
        return session

    def _invite_callee(self, session: Session, request: Request, destination: Registered, offer: bytes | None) -> None:
        binding = destination.bindings[0]
        way = way_to(destination.subscriber, binding, self._stack.connected(binding.flow))
        session.anchor.place(MT, self._side(way.flow))
        body = session.anchor.relay(MO, offer, offer=True) if offer else b""
        tokens = self._stack.tokens
        origin = NameAddr(request.from_.uri, request.from_.display).encode()
        target = NameAddr(request.to.uri, request.to.display).encode()
        dialog = Dialog(tokens.call_id(), origin, tokens.tag(), target, way.target)
        dialog.routes = list(way.routes)
        leg = Leg(self._stack, self, MT, dialog, way.flow, request.from_.uri.number or request.from_.uri.user)
        session.callee_leg = leg
        self._by_dialog[dialog.call_id, dialog.local_tag] = (session, leg)
        invite = dialog.request("INVITE")
        self._fill_invite(invite, session, request, destination)
        if body:
            invite.set("content-type", SDP)
            invite.body = body
        leg.invite(invite)

    def _fill_invite(self, invite: Request, session: Session, request: Request, destination: Registered) -> None:
        """The headers of a call to a phone (TS 24.229 5.4.3.3, RFC 3325, RFC 3455)."""
        left = (request.number("max-forwards") if "max-forwards" in request.headers else 70) or 0
        invite.headers["max-forwards"] = [str(max(0, min(left, 70) - 1))]
        invite.headers["contact"] = [""]
        invite.headers["allow"] = [ALLOW]
        invite.headers["accept-contact"] = [MMTEL_ONLY]
        if asserted := session.caller.asserted():
            invite.headers["p-asserted-identity"] = [asserted]
        called = destination.impu.config.p_called_party_id
        if called or (called is None and self._config.p_called_party_id):
            invite.headers["p-called-party-id"] = [f"<{called or destination.impu.uri}>"]
        invite.headers |= copy_headers(request, _TO_CALLEE)
        if not self._config.force_user_agent:
            invite.headers |= copy_headers(request, ("user-agent",))

    def _side(self, flow: Flow) -> Side:
        endpoint = self._stack.endpoints[flow.local]
        return Side(endpoint.host, endpoint.bind_host, self._pools[flow.local])

    # -- from the legs (leg.LegOwner)
    def leg_progress(self, leg: Leg, response: Response) -> None:
        """The callee rings."""
        session = self._session(leg)
        if session is None or leg.side != MT:
            return
        event = machine.Progress(response.code, response.reason, self._answer_for_caller(session, response),
                                 passed_headers(response))  # fmt: skip
        self._carry_out(session, session.call.handle(event))

    def leg_answered(self, leg: Leg, response: Response) -> None:
        """The callee, or a leg that was re-invited, answered."""
        session = self._session(leg)
        if session is None or self._inside.answered(leg, response):
            return
        try:
            body = self._answer_for_caller(session, response)
        except SipError as error:
            leg.ack("", b"")
            leg.bye()
            self._carry_out(session, session.call.handle(machine.Refused(500, "Bad SDP of the callee")))
            log(IMS, WARN, f"the callee's answer is of no use: {error}", id=session.call.id)
            return
        self._carry_out(session, session.call.handle(machine.Answered(body, passed_headers(response))))

    def leg_refused(self, leg: Leg, code: int, reason: str, response: Response | None) -> None:
        """The callee, or a leg that was re-invited, refused."""
        session = self._session(leg)
        if session is None or self._inside.refused(leg, code, reason):
            return
        headers = passed_headers(response) if response is not None else {}
        if code in (401, 407, 503) or 300 <= code < 400:  # not for the caller's ears: it cannot act on them
            log(IMS, INFO, f"the callee answers {code} {reason}: 480 for the caller", id=session.call.id)
            code, reason = 480, ""
        self._carry_out(session, session.call.handle(machine.Refused(code, reason if response else "", headers)))

    def leg_acked(self, leg: Leg, ack: Request) -> None:
        """The caller, or a leg that re-invited, acknowledged."""
        session = self._session(leg)
        if session is None or self._inside.acked(session, leg, ack):
            return
        body = sdp_of(ack)
        relayed = session.anchor.relay(MO, body, offer=False) if body and session.callee_leg is not None else b""
        self._carry_out(session, session.call.handle(machine.Acked(relayed)))

    def leg_unacknowledged(self, leg: Leg) -> None:
        """No ACK in 64*T1: the dialog is there, so it is ended by BYE (RFC 3261 13.3.1.4)."""
        session = self._session(leg)
        if session is not None:
            self._carry_out(session, session.call.handle(Stop("no ACK came")))

    def leg_cancelled(self, leg: Leg, cancel: Request) -> None:
        """The peer cancelled its INVITE."""
        session = self._session(leg)
        if session is None:
            return
        if self._inside.cancelled(leg):
            return
        self._carry_out(session, session.call.handle(machine.Cancelled(cancel.get("reason"))))

    # -- events
    def _hung_up(self, session: Session, leg: Leg, request: Request) -> None:
        leg.stop()
        if leg.side == MO and session.call.state in (machine.S.INIT, machine.S.RINGING):
            event: machine.Event = machine.Cancelled(request.get("reason"))
        else:
            event = machine.HungUp(leg.side, request.get("reason"))
        self._carry_out(session, session.call.handle(event))

    def _reinvite(self, session: Session, leg: Leg, transaction: ServerTransaction) -> None:
        if session.call.state is not machine.S.START or leg.busy:
            raise SipError(491, "another INVITE is open in this call")  # RFC 3261 14.2
        transaction.reply(100)
        if session.echo is None:
            self._inside.pass_on(session, leg, transaction)
            return
        leg.attend(transaction)
        offer = sdp_of(transaction.request)
        body = session.anchor.echo(offer) if offer else session.echo.last
        leg.respond(200, "", {"allow": ALLOW}, SDP, body)

    def _rang_too_long(self, session: Session) -> None:
        session.ring_timer = None
        if session.call.state in (machine.S.INIT, machine.S.RINGING):
            self._carry_out(session, session.call.handle(Stop(f"no answer in {RING_TIME:.0f} s", 408)))

    def stop(self, session: Session, why: str) -> None:
        """End a call from outside: the operator, shutdown."""
        self._carry_out(session, session.call.handle(Stop(why)))

    def _watch_activity(self) -> None:
        if self._activity is None and self._config.dialog_timeout:
            self._activity = self._stack.wheel.add(ACTIVITY_CHECK, self._check_activity)

    def _check_activity(self) -> None:
        """dialog_timeout: a call whose media has dried up is ended, so that it holds no ports for ever."""
        self._activity = None
        limit = self._config.dialog_timeout
        now = self._plane.clock()
        for session in list(self):
            expected = session.call.state is machine.S.START and session.anchor.flowing
            if expected and now - session.anchor.last_activity() > limit:
                self.stop(session, f"no media for {limit} s (dialog_timeout)")
        if self._by_dialog:
            self._watch_activity()

    # -- actions
    def _carry_out(self, session: Session, actions: list[machine.Action]) -> None:
        for action in actions:
            match action:
                case Respond(code, reason, body, headers):
                    shown = headers | ({"allow": ALLOW} if 180 <= code < 300 else {})
                    session.caller_leg.respond(code, reason, shown, SDP, body)
                    if code >= 200:
                        self._answered(session)
                case AckCallee(body):
                    if session.callee_leg is not None:
                        session.callee_leg.ack(SDP, body)
                case CancelCallee(reason):
                    self._cancel_callee(session, reason)
                case Bye(side, reason):
                    leg = session.caller_leg if side == MO else session.callee_leg
                    if leg is not None:
                        leg.bye(reason)
                case End(why):
                    self._end(session, why)

    def _cancel_callee(self, session: Session, reason: str) -> None:
        if session.callee_leg is None or session.callee_leg.invite_cseq == 0:
            self._carry_out(session, session.call.handle(machine.Refused(487)))
            return
        session.callee_leg.cancel(reason)
        # Abandoned by the transaction after 64*T1 without a word: nobody would tell us then
        self._stack.wheel.add(65 * self._stack.timings.t1, self.stop, session, "no answer to CANCEL")

    def _answered(self, session: Session) -> None:
        """A final response has left: the INVITE is no open one any more."""
        request = session.first
        self._initial.discard((request.call_id, request.from_.tag, request.cseq.number))
        if session.ring_timer is not None:
            self._stack.wheel.cancel(session.ring_timer)
            session.ring_timer = None

    def _end(self, session: Session, why: str) -> None:
        if session.anchor.closed:
            return
        log(IMS, INFO, f"call ended: {why}; {session.anchor.summary()}", id=session.call.id)
        counters.inc("ims_call_ended")
        session.anchor.close()
        for leg in (session.caller_leg, session.callee_leg):
            if leg is not None:
                leg.stop()
                self._inside.forget(leg)
                self._by_dialog.pop((leg.dialog.call_id, leg.dialog.local_tag), None)

    # -- small questions
    def _session(self, leg: Leg) -> Session | None:
        found = self._by_dialog.get((leg.dialog.call_id, leg.dialog.local_tag))
        return found[0] if found is not None else None

    def _answer_for_caller(self, session: Session, response: Response) -> bytes:
        body = sdp_of(response)
        if not body:
            return b""
        # the callee makes the offer where the INVITE had none (RFC 3261 13.2.1)
        return session.anchor.relay(MT, body, offer=sdp_of(session.first) is None)

    def close(self) -> None:
        """Hang up everywhere: the server stops."""
        for session in list(self):
            self.stop(session, "the server stops")


def sdp_of(message: Message) -> bytes | None:
    """The SDP of a message, in a multipart body too; SipError 415 for a request with another body."""
    if not message.body:
        return None
    body = body_of(message, SDP)
    if body is None and isinstance(message, Request) and message.method == "INVITE":
        disposition = message.get("content-disposition").lower()
        if "handling=optional" not in disposition.replace(" ", ""):
            raise SipError(415, f"body of type {message.get('content-type')[:60]}", {"accept": SDP})
    return body


def passed_headers(response: Response) -> dict[str, str]:
    """What the caller may see of the callee's answer."""
    return {name: response.get(name) for name in _TO_CALLER if name in response.headers}


def refusal(error: Exception) -> machine.Refused:
    """What a call becomes whose set-up failed inside."""
    if isinstance(error, SipError):
        return machine.Refused(error.code, error.reason, error.headers)
    log(IMS, WARN, f"call set-up failed: {error}")
    return machine.Refused(503 if isinstance(error, PortsExhausted) else 500)

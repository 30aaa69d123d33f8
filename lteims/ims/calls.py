"""All calls of the process: legs and machines put together (TS 24.229 5.7; RFC 3261 as back-to-back user agent).

pcscf.py hands in INVITEs, requests inside dialogs and ACKs; call.py decides, this carries out. Requests that one
leg passes to the other inside the dialogs (re-INVITE, UPDATE, INFO) are in inside.py.
"""

import traceback
from collections.abc import Iterator

from lteims import counters
from lteims.config import ImsConfig
from lteims.ims import call as machine
from lteims.ims.activity import ActivityWatch
from lteims.ims.anchor import SDP, Anchor, Side, sdp_of
from lteims.ims.call import MO, MT, AckCallee, Bye, Call, CancelCallee, End, Respond, Stop
from lteims.ims.caller import Caller
from lteims.ims.echo import EchoCallee
from lteims.ims.icscf import Destination, Echo, Registered, Unregistered
from lteims.ims.inside import ALLOW, Inside, body_of_ack
from lteims.ims.leg import Leg
from lteims.ims.outbound import caller_headers, invite_headers, origin_of, products, way_to
from lteims.ims.session import Session
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.headers import NameAddr
from lteims.sip.message import Request, Response
from lteims.trace import ERROR, IMS, INFO, WARN, log

RING_TIME = 180.0  # seconds without a final answer (timer C, RFC 3261 16.6)
EARLY = (machine.S.INIT, machine.S.RINGING)


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
        self._count = 0
        self._inside = Inside(stack, self.stop, not config.force_user_agent)
        self._activity = ActivityWatch(stack.wheel, plane.clock, config.dialog_timeout, self, self.stop)

    def __iter__(self) -> Iterator[Session]:
        """Every call once."""
        return (s for s, leg in self._by_dialog.values() if leg is s.caller_leg and not s.ended)

    def load(self) -> int:
        """How many dialogs and open re-INVITEs are kept, for metrics and tests."""
        return len(self._by_dialog) + len(self._inside)

    # -- from pcscf
    def on_invite(self, transaction: ServerTransaction, caller: Caller, destination: Destination) -> None:
        """A new call. SipError refuses it before anything was set up."""
        request = transaction.request
        if isinstance(destination, Unregistered):
            raise SipError(480, f"{destination.subscriber.impi} is not registered")
        offer = sdp_of(request)
        session = self._open(transaction, caller, destination, offer is not None)
        counters.inc("ims_call")
        text = f"call from {caller.name} ({session.caller_impu}) to {session.callee_impu}"
        log(IMS, INFO, text, id=session.call.id)
        try:
            if session.echo is not None:
                session.echo.invite(offer)
            elif isinstance(destination, Registered):
                self._invite_callee(session, request, destination, offer)
        except SipError as error:
            self._handle(session, machine.Refused(error.code, error.reason, error.headers, error.why))
        except Exception as error:  # a fault of ours: this call ends, with its place in the log
            self._fault(session, error)

    def on_dialog_request(self, transaction: ServerTransaction) -> bool:
        """A request inside a dialog; False where there is none."""
        request = transaction.request
        found = self._by_dialog.get((request.call_id, request.to.tag))
        if found is None:
            return False
        session, leg = found
        if session.ended and request.method != "BYE":
            return False
        leg.accept(request, transaction.flow)
        try:
            self._serve(session, leg, transaction)
        except SipError:
            raise
        except Exception as error:
            transaction.reply(500)
            self._fault(session, error)
        return True

    def _serve(self, session: Session, leg: Leg, transaction: ServerTransaction) -> None:
        request = transaction.request
        match request.method:
            case "BYE":
                transaction.reply(200)
                self._hung_up(session, leg, request)
            case "OPTIONS":
                transaction.reply(200, headers={"allow": ALLOW, "accept": SDP})
            case "INVITE":
                leg.check_free()
                transaction.reply(100)
                self._inside.pass_on(session, leg, transaction)
            case "UPDATE" | "INFO" | "MESSAGE":
                self._inside.pass_on(session, leg, transaction)
            case "PRACK":
                raise SipError(481, "no reliable response waits for a PRACK")
            case method:
                raise SipError(405, f"{method} inside a call", {"allow": ALLOW})

    def on_ack(self, request: Request) -> None:
        """The ACK to a 2xx."""
        found = self._by_dialog.get((request.call_id, request.to.tag))
        if found is None:
            counters.inc("sip_stray_ack")
            return
        found[1].on_ack(request)

    # -- setting up
    def _open(self, transaction: ServerTransaction, caller: Caller, destination: Destination, offered: bool) -> Session:
        request = transaction.request
        called = request.uri
        dialog = Dialog.of_request(request, transaction.to_tag)
        self._count += 1
        reached = destination.bindings[0] if isinstance(destination, Registered) else None
        leg = Leg(self._stack, self, MO, dialog, transaction.flow, called.number or called.user)
        leg.attend(transaction)
        anchor = Anchor(self._plane, self._stack.log_id(request.call_id), int(self._stack.loop.time() * 1000))
        anchor.place(MO, self._side(transaction.flow))
        session = Session(
            call=Call(f"{self._count:04x}"),
            caller=caller,
            first=request,
            caller_leg=leg,
            callee_leg=None,
            echo=None,
            anchor=anchor,
            offered=offered,
            caller_impu=str(caller.impu.uri if caller.impu else request.from_.uri),
            callee_impu=str(called),
            callee_impi=reached.impi if reached else "",
            callee_binding=reached,
        )
        if isinstance(destination, Echo):
            session.echo = EchoCallee(anchor, lambda event: self._handle(session, event))
        self._by_dialog[request.call_id, transaction.to_tag] = (session, leg)
        session.timer = self._stack.wheel.add(RING_TIME, self._rang_too_long, session)
        self._activity.begin()
        return session

    def _invite_callee(self, session: Session, request: Request, destination: Registered, offer: bytes | None) -> None:
        binding = destination.bindings[0]
        way = way_to(destination.subscriber, binding, self._stack.connected(binding.flow))
        session.anchor.place(MT, self._side(way.flow))
        body = session.anchor.relay(MO, offer, offer=True) if offer else b""
        tokens = self._stack.tokens
        target = NameAddr(request.to.uri, request.to.display).encode()
        dialog = Dialog(tokens.call_id(), origin_of(request, session.caller), tokens.tag(), target, way.target)
        dialog.routes = list(way.routes)
        leg = Leg(self._stack, self, MT, dialog, way.flow, request.from_.uri.number or request.from_.uri.user)
        session.callee_leg = leg
        self._by_dialog[dialog.call_id, dialog.local_tag] = (session, leg)
        invite = dialog.request("INVITE")
        invite.body = body
        invite_headers(invite, request, session.caller, destination, ALLOW, self._config.p_called_party_id)
        if not self._config.force_user_agent:
            invite.headers |= products(request)
        leg.invite(invite)

    def _side(self, flow: Flow) -> Side:
        endpoint = self._stack.endpoints[flow.local]
        return Side(endpoint.host, endpoint.bind_host, self._pools[flow.local])

    # -- from the legs (leg.LegOwner)
    def leg_progress(self, leg: Leg, response: Response) -> None:
        """The callee rings."""
        session = self._session(leg)
        if session is None or session.call.state not in EARLY:
            return
        try:
            body = self._answer_for_caller(session, response)
        except SipError as error:
            log(IMS, WARN, f"the SDP of a {response.code} is of no use: {error}", id=session.call.id)
            body = b""
        self._handle(session, machine.Progress(response.code, response.reason, body, self._shown(response)))

    def leg_answered(self, leg: Leg, response: Response) -> None:
        """The callee, or a leg that was re-invited, answered."""
        session = self._session(leg)
        if session is None:  # the call has ended meanwhile: RFC 3261 13.2.2.4
            leg.ack("", b"")
            leg.bye()
            return
        if self._inside.answered(leg, response):
            return
        try:
            body = self._answer_for_caller(session, response) if session.call.state in EARLY else b""
        except SipError as error:
            log(IMS, WARN, f"the callee's answer is of no use: {error}", id=session.call.id)
            leg.ack("", b"")
            leg.bye()
            self._handle(session, machine.Refused(500, "Bad SDP of the callee"))
            return
        self._handle(session, machine.Answered(body, self._shown(response)))

    def leg_refused(self, leg: Leg, code: int, reason: str, response: Response | None) -> None:
        """The callee, or a leg that was re-invited, refused."""
        session = self._session(leg)
        if session is None or self._inside.refused(leg, code, reason, response):
            return
        headers = self._shown(response) if response is not None else {}
        if code in (401, 407, 503) or 300 <= code < 400:  # not for the caller's ears: it cannot act on them
            log(IMS, INFO, f"the callee answers {code} {reason}: 480 for the caller", id=session.call.id)
            code, reason = 480, ""
        self._handle(session, machine.Refused(code, reason if response else "", headers))

    def leg_acked(self, leg: Leg, ack: Request) -> None:
        """The caller, or a leg that re-invited, acknowledged."""
        session = self._session(leg)
        if session is None or self._inside.acked(session, leg, ack):
            return
        answer = body_of_ack(ack)
        body = b""
        try:
            if answer and session.echo is not None:
                session.anchor.echo(answer)
            elif answer and not session.offered:
                body = session.anchor.relay(MO, answer, offer=False)
        except SipError as error:
            self.stop(session, f"the answer in an ACK is of no use: {error}")
            return
        self._handle(session, machine.Acked(body))

    def leg_unacknowledged(self, leg: Leg) -> None:
        """No ACK in 64*T1: the dialog is there, so it is ended by BYE (RFC 3261 13.3.1.4)."""
        session = self._session(leg)
        if session is not None:
            self._handle(session, Stop("no ACK came"))

    def leg_cancelled(self, leg: Leg, cancel: Request) -> None:
        """The peer cancelled its INVITE."""
        session = self._session(leg)
        if session is not None and not self._inside.cancelled(leg):
            self._handle(session, machine.Cancelled(cancel.get("reason")))

    def leg_over(self, leg: Leg) -> None:
        """The last message of a leg has left."""
        found = self._by_dialog.get((leg.dialog.call_id, leg.dialog.local_tag))
        if found is not None and found[0].ended:
            self._forget(leg)

    # -- events
    def _hung_up(self, session: Session, leg: Leg, request: Request) -> None:
        leg.stop()
        if session.ended:  # it has crossed our own BYE, or spared us one
            self._forget(leg)
            return
        self._handle(session, machine.HungUp(leg.side, request.get("reason")))

    def _rang_too_long(self, session: Session) -> None:
        session.timer = None
        if session.call.state in EARLY:
            self._handle(session, Stop(f"no answer in {RING_TIME:.0f} s", 408))

    def stop(self, session: Session, why: str) -> None:
        """End a call from outside: the operator, shutdown, a side that is gone."""
        self._handle(session, Stop(why))

    def _fault(self, session: Session, error: Exception) -> None:
        counters.inc("ims_internal_error")
        log(IMS, ERROR, f"call failed inside: {error!r}", id=session.call.id, body=traceback.format_exc())
        self._handle(session, Stop("internal error", 500))

    # -- actions
    def _handle(self, session: Session, event: machine.Event) -> None:
        for action in session.call.handle(event):
            match action:
                case Respond(code, reason, body, headers):
                    shown = headers | ({"allow": ALLOW} if 180 <= code < 300 else {})
                    session.caller_leg.respond(code, reason, shown, SDP, body)
                    if code >= 200:
                        self._set_timer(session)
                case AckCallee(body):
                    if session.callee_leg is not None:
                        session.callee_leg.ack(SDP, body)
                case CancelCallee(reason):
                    self._cancel_callee(session, reason)
                case Bye(side, reason):
                    self._bye(session.caller_leg if side == MO else session.callee_leg, reason)
                case End(why):
                    self._end(session, why)

    def _cancel_callee(self, session: Session, reason: str) -> None:
        leg = session.callee_leg
        if leg is None or leg.invite_cseq == 0:
            self._handle(session, machine.Refused(487))
            return
        leg.cancel(reason)
        # Abandoned by the transaction after 64*T1 without a word: nobody would tell us then
        self._set_timer(session, 65 * self._stack.timings.t1)

    def _set_timer(self, session: Session, delay: float = 0.0) -> None:
        """Replace the session's timer; none without a delay."""
        if session.timer is not None:
            self._stack.wheel.cancel(session.timer)
            session.timer = None
        if delay:
            session.timer = self._stack.wheel.add(delay, self.stop, session, "no answer to CANCEL")

    def _bye(self, leg: Leg | None, reason: str) -> None:
        if leg is not None:
            self._inside.forget(leg)
            leg.close_invites()
            leg.bye(reason)

    def _end(self, session: Session, why: str) -> None:
        if session.ended:
            return
        session.ended = True
        log(IMS, INFO, f"call ended: {why}; {session.anchor.summary()}", id=session.call.id)
        counters.inc("ims_call_ended")
        self._set_timer(session)
        session.anchor.close()
        for leg in session.legs:
            self._inside.forget(leg)
            leg.close_invites()
            if not leg.lingering:
                leg.stop()
                self._forget(leg)

    def _forget(self, leg: Leg) -> None:
        self._by_dialog.pop((leg.dialog.call_id, leg.dialog.local_tag), None)

    # -- small questions
    def _session(self, leg: Leg) -> Session | None:
        found = self._by_dialog.get((leg.dialog.call_id, leg.dialog.local_tag))
        return found[0] if found is not None and not found[0].ended else None

    def _shown(self, response: Response) -> dict[str, str]:
        shown = caller_headers(response)
        if not self._config.force_user_agent:
            shown |= {name: lines[0] for name, lines in products(response).items()}
        return shown

    def _answer_for_caller(self, session: Session, response: Response) -> bytes:
        body = sdp_of(response)
        if not body:
            return b""
        # the callee makes the offer where the INVITE had none (RFC 3261 13.2.1)
        return session.anchor.relay(MT, body, offer=not session.offered)

    def close(self) -> None:
        """Hang up everywhere: the server stops."""
        for session in list(self):
            self.stop(session, "the server stops")
        for _, leg in list(self._by_dialog.values()):
            leg.hurry()

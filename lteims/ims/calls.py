"""All calls of the process: legs and machines put together (TS 24.229 5.7; RFC 3261 as back-to-back user agent).

pcscf.py hands in INVITEs, requests inside dialogs and ACKs; call.py decides, this carries out. How a call is set up
is in opening.py; requests that one leg passes to the other inside the dialogs are in inside.py.
"""

import traceback
from collections.abc import Callable, Iterator
from functools import partial

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.ims import call as machine
from lteims.ims.activity import ActivityWatch
from lteims.ims.anchor import SDP, sdp_of
from lteims.ims.answers import body_of_ack
from lteims.ims.branch import Branch
from lteims.ims.call import MO, MT, AckCallee, B, Bye, CancelCallee, EarlyOver, End, Invite, Respond, Stop
from lteims.ims.callees import Callees
from lteims.ims.caller import Caller
from lteims.ims.echo import EchoCallee
from lteims.ims.forced import demanded
from lteims.ims.icscf import Destination, Echo, Registered, Unregistered
from lteims.ims.inside import Inside
from lteims.ims.leg import Leg
from lteims.ims.opening import ALLOW, Opening
from lteims.ims.qos import Bearers, NoBearers
from lteims.ims.record import DialogRecord, DialogRecords, DialogState
from lteims.ims.session import Session
from lteims.media.template import Template
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.sip.reliable import QUEUED
from lteims.trace import ERROR, IMS, INFO, log

RING_TIME = 180.0  # seconds without a final answer (timer C, RFC 3261 16.6)
TURN_TIME = 30.0  # seconds that a contact rings before those of a lower q have their turn
EARLY = (machine.S.INIT, machine.S.RINGING)


def _no_template(path: str) -> Template | None:
    return None


class Calls:
    """Implements pcscf.Calls, leg.LegOwner and session.Owner."""

    def __init__(
        self,
        config: ImsConfig,
        stack: SipStack,
        plane: MediaPlane,
        pools: list[PortPool],
        *,
        wall: WallClock,
        bearers: Bearers | None = None,
        templates: Callable[[str], Template | None] = _no_template,
    ) -> None:
        self._config = config
        self._stack = stack
        self._plane = plane
        self._bearers = bearers or NoBearers()
        self._by_dialog: dict[tuple[str, str], tuple[Session, Leg]] = {}  # Call-ID, local tag
        self._sessions: dict[Session, None] = {}
        self.records = DialogRecords(stack.wheel)
        self.listeners: list[Callable[[Session], None]] = []  # called when a call begins, ends or changes its state
        self.on_remote_control: Callable[[DialogRecord], None] | None = None  # an echo waits for dialog_answer
        self._opening = Opening(
            config, stack, plane, pools, self._bearers, self.records, self, wall, templates
        )  # fmt: skip
        self._inside = Inside(stack, self, not config.force_user_agent)
        self._callees = Callees(stack, self, self._inside, self._opening, not config.force_user_agent)
        self._activity = ActivityWatch(stack.wheel, plane.clock, config, self, self.stop)

    def __iter__(self) -> Iterator[Session]:
        """Every call once."""
        return (session for session in list(self._sessions) if not session.ended)

    def load(self) -> int:
        """How many dialogs and open re-INVITEs are kept, for metrics and tests."""
        return len(self._by_dialog) + len(self._inside) + len(self._sessions)

    # -- from pcscf
    def on_invite(self, transaction: ServerTransaction, caller: Caller, destination: Destination) -> None:
        """A new call. SipError refuses it before anything was set up."""
        request = transaction.request
        if isinstance(destination, Unregistered):
            raise SipError(480, f"{destination.subscriber.impi} is not registered")
        assert isinstance(destination, Echo | Registered)
        offer = sdp_of(request)
        session = self._opening.incoming(transaction, caller, destination, offer)
        primary = session.primary
        assert primary is not None
        self._keep(session, primary)
        self._begin(session)
        text = f"call from {caller.name} ({session.caller_impu}) to {session.callee_impu}"
        text += f", dialog {primary.record.id}" if primary.record is not None else ""
        log(IMS, INFO, text, id=session.call.id)
        if isinstance(destination, Echo):
            template = session.template
            session.echo = EchoCallee(
                session.branches[0], destination.config, template, self._stack.wheel,
                lambda event: self.handle(session, event), lambda: self.force_final(session), self._controlled,
            )  # fmt: skip
        self._guarded(session, partial(self.handle, session, machine.Begin()))

    def _controlled(self, branch: Branch) -> None:
        leg = branch.mo
        if self.on_remote_control is not None and leg is not None and leg.record is not None:
            self.on_remote_control(leg.record)

    def _begin(self, session: Session) -> None:
        counters.inc("ims_call")
        self._sessions[session] = None
        session.timer = self._stack.wheel.add(RING_TIME, self._rang_too_long, session)
        if len(session.branches) > 1:
            self._start_turn(session)
        self._activity.begin()
        self._tell(session)

    def _tell(self, session: Session) -> None:
        for listener in self.listeners:
            listener(session)

    def make_call(
        self, destination: Registered, caller: Caller | None, caller_impu: str, template: Template | None,
        duration: float,
    ) -> Session:  # fmt: skip
        """A call from the server to a user; it ends by itself after `duration` seconds, if that is not 0."""
        session = self._opening.outgoing(destination, caller, caller_impu, template)
        self._begin(session)
        log(IMS, INFO, f"call from the server ({caller_impu}) to {session.callee_impu}", id=session.call.id)
        session.duration = duration
        self._guarded(session, partial(self.handle, session, machine.Begin()))
        return session

    def on_dialog_request(self, transaction: ServerTransaction) -> bool:
        """A request inside a dialog; False where there is none."""
        request = transaction.request
        found = self._by_dialog.get((request.call_id, request.to.tag))
        if found is None:
            return False
        session, leg = found
        if self._stack.is_stranger(leg.flow, transaction.flow):
            return False
        if request.method != "BYE" and (session.ended or self._given_up(session, leg)):
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

    def _given_up(self, session: Session, leg: Leg) -> bool:
        """Is this a dialog of a branch that will not be the call?"""
        branch: Branch = leg.branch
        lost = session.call.branches.get(branch.number) in (B.CANCELLING, B.OVER)
        return lost and branch.number != session.call.winner

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
                self._inside.pass_on(leg, transaction)
            case "PRACK":
                self._inside.on_prack(leg, transaction)
            case "UPDATE" | "INFO" | "MESSAGE":
                self._inside.pass_on(leg, transaction)
            case method:
                raise SipError(405, f"{method} inside a call", {"allow": ALLOW})

    def on_ack(self, ack: Request, flow: Flow | None = None) -> None:
        """The ACK to a 2xx; `flow` is where it came from, if that need not be where the INVITE did."""
        found = self._by_dialog.get((ack.call_id, ack.to.tag))
        if found is None or (flow is not None and self._stack.is_stranger(found[1].flow, flow)):
            counters.inc("sip_stray_ack")
            return
        found[1].on_ack(ack)

    # -- from the legs (leg.LegOwner)
    def leg_forked(self, leg: Leg, other: Leg) -> None:
        """One more phone behind the callee."""
        other.branch = leg.branch
        if not gone(leg):
            self._keep(leg.branch.session, other)
            self._callees.forked(leg, other)

    def leg_progress(self, leg: Leg, response: Response, rseq: int | None) -> None:
        """The callee rings, or says what its media will be."""
        if not gone(leg):
            self._callees.progress(leg, response, rseq)

    def leg_answered(self, leg: Leg, response: Response) -> None:
        """The callee, or a leg that was re-invited, answered."""
        if gone(leg):
            leg.dismiss()
        elif not self._inside.answered(leg, response):
            self._callees.answered(leg, response)

    def leg_refused(self, leg: Leg, code: int, reason: str, response: Response | None) -> None:
        """The callee, or a leg that was re-invited, refused."""
        if gone(leg) or self._inside.refused(leg, code, reason, response):
            return
        session: Session = leg.branch.session
        for each in session.legs:
            if each.uac is leg.uac:
                self._retire(each)
        self._callees.refused(leg, code, reason, response)

    def qos_moved(self, branch: Branch) -> None:
        """The caller's bearer may stand now: what waited for that goes on."""
        self._callees.qos_moved(branch)

    def bearers_told(self, branch: Branch, side: int, granted: bool) -> None:
        """The bearers of a leg stand, or were refused."""
        self._guarded(branch.session, partial(self._callees.bearers_told, branch, side, granted))

    def leave_out(self, branch: Branch, medias: frozenset[int]) -> None:
        """Take these m= lines out of a call."""
        self._inside.leave_out(branch, medias)

    def leg_acked(self, leg: Leg, ack: Request) -> None:
        """The caller, or a leg that re-invited, acknowledged."""
        if gone(leg) or self._inside.acked(leg, ack):
            return
        branch: Branch = leg.branch
        session = branch.session
        answer, body = body_of_ack(ack), b""
        try:
            if answer and not branch.offered and not branch.answered:
                if session.echo is not None:
                    branch.heard_answer(MO, answer, play=False)
                else:
                    body = branch.carry(MO, answer, offer=False)
            elif not branch.offered and not branch.answered and branch.anchor.last_sent(MO):
                raise SipError(400, "there is none")
        except SipError as error:
            self.stop(session, f"the answer in an ACK is of no use: {error}")
            return
        self.handle(session, machine.Acked(body))

    def leg_unacknowledged(self, leg: Leg, why: str) -> None:
        """No ACK in 64*T1, or no PRACK: the call ends (RFC 3261 13.3.1.4, RFC 3262 3)."""
        if gone(leg):
            return
        branch: Branch = leg.branch
        session = branch.session
        if session.call.state in EARLY:  # another phone may still be heard
            self.handle(session, machine.GivenUp(branch.number, 504, why))
        else:
            self.handle(session, Stop(why, 504))

    def leg_cancelled(self, leg: Leg, cancel: Request) -> None:
        """The peer cancelled its INVITE."""
        if not gone(leg) and not self._inside.cancelled(leg):
            self.handle(leg.branch.session, machine.Cancelled(cancel.get("reason")))

    def leg_refresh(self, leg: Leg) -> None:
        """The session of a leg is to be refreshed by a re-INVITE."""
        if not gone(leg) and not self._inside.reinvite(leg):
            leg.retry_refresh()

    def leg_lost(self, leg: Leg, why: str) -> None:
        """A leg is gone, and with it the call, or one of the phones that ring."""
        if gone(leg):
            return
        branch: Branch = leg.branch
        if leg.side == MT and branch.session.call.state in EARLY:
            self.handle(branch.session, machine.GivenUp(branch.number, 480, why))
        else:
            self.stop(branch.session, why)

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
        branch: Branch = leg.branch
        self.handle(session, machine.HungUp(leg.side, request.get("reason"), branch.number))

    def _rang_too_long(self, session: Session) -> None:
        session.timer = None
        if session.call.state in EARLY:
            self.handle(session, Stop(f"no answer in {RING_TIME:.0f} s", 408))

    def _next_turn(self, session: Session) -> None:
        session.turn = None
        if session.call.state in EARLY:
            self._start_turn(session)
            self.handle(session, machine.NextGroup())

    def _reached_limit(self, session: Session, why: str) -> None:
        session.limit = None
        self.stop(session, why)

    def stop(self, session: Session, why: str) -> None:
        """End a call from outside: the operator, shutdown, a side that is gone."""
        self.handle(session, Stop(why))

    def _guarded(self, session: Session, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # a fault of ours: this call ends, with its place in the log
            self._fault(session, error)

    def _fault(self, session: Session, error: Exception) -> None:
        counters.inc("ims_internal_error")
        log(IMS, ERROR, f"call failed inside: {error!r}", id=session.call.id, body=traceback.format_exc())
        self.handle(session, Stop("internal error", 500))

    # -- actions
    def handle(self, session: Session, event: machine.Event) -> None:
        """Let the machine of a call decide, and carry out what it says."""
        for action in session.call.handle(event):
            match action:
                case Invite(number):
                    self._invite(session, session.branches[number])
                case Respond():
                    self._respond(session, action)
                case EarlyOver(number, code):
                    self._early_over(session.branches[number], code)
                case AckCallee(body, number):
                    leg = session.branches[number].mt
                    if leg is not None:
                        leg.ack(SDP, body)
                case CancelCallee(reason, number):
                    self._cancel_callee(session, session.branches[number], reason)
                case Bye(side, reason, number):
                    branch = session.branches[number]
                    self._bye(branch.mo if side == MO else branch.mt, reason)
                case End(why):
                    self._end(session, why)

    def _invite(self, session: Session, branch: Branch) -> None:
        """Call one contact; what cannot be had is the branch's refusal."""
        try:
            if session.echo is not None:
                self._opening.join_echo(session)
                session.echo.invite(session.offer)
                return
            leg, invite = self._opening.callee_leg(session, branch)
        except SipError as error:
            refused = machine.Refused(error.code, error.reason, error.headers, error.why, branch.number)
            self.handle(session, refused)
            return
        self._keep(session, leg)
        if session.turn is not None:
            self._start_turn(session)
        leg.invite(invite)

    def _respond(self, session: Session, respond: Respond) -> None:
        if respond.code >= 200:
            # CANCELs that nobody answers end with their transaction, of which nobody is told
            cancelling = session.call.state is machine.S.CANCELLING
            self._set_timer(session, 65 * self._stack.timings.t1 if cancelling else 0.0)
            self._stop_turn(session)
        if session.primary is None:
            self._server_hears(session, respond)
            return
        code, branch = respond.code, session.branches[respond.branch]
        leg = session.primary
        if code < 300:
            leg = branch.mo or self._early(session, branch)
        shown = respond.headers | ({"allow": ALLOW} if 180 <= code < 300 else {})
        if respond.reliable and code < 200:
            if len(branch.unpracked) > QUEUED:  # it would be dropped below: its PRACK will not come
                return
            branch.unpracked.append(branch.coming)
        if respond.body and (respond.reliable or 200 <= code < 300):
            branch.told = True
        kind, body = SDP, respond.body
        if code == 200:
            code = session.success
            kind, body = session.success_body if session.success_body[1] else (kind, body)
            self._retire_others(session, leg, branch.mt)
        leg.respond(code, respond.reason, shown, kind, body, reliable=respond.reliable)
        self._show_state(leg, branch, code)

    def _show_state(self, leg: Leg, branch: Branch, code: int) -> None:
        for each in (leg, branch.mt):
            if each is not None and each.record is not None:
                if 180 <= code < 200 or code == 183:
                    each.record.to_state(DialogState.RINGING)
                elif 200 <= code < 300:
                    each.record.to_state(DialogState.START)
        if 200 <= code < 300:
            self.media_moved(branch)
        else:
            self._tell(branch.session)

    def _early(self, session: Session, branch: Branch) -> Leg:
        leg = self._opening.early_leg(session, branch)
        self._keep(session, leg)
        return leg

    def _server_hears(self, session: Session, respond: Respond) -> None:
        """The server is the caller: it acknowledges at once."""
        branch = session.branches[respond.branch]
        leg = branch.mt
        if leg is not None:
            self._show_state(leg, branch, respond.code)
        if 200 <= respond.code < 300:
            self._retire_others(session, leg)
            if session.limit is None and session.duration:
                why = "its duration is over"
                session.limit = self._stack.wheel.add(session.duration, self._reached_limit, session, why)
            self.handle(session, machine.Acked())

    def _early_over(self, branch: Branch, code: int) -> None:
        """RFC 6228 4: the early dialog of a phone that refused, for a caller that knows the 199."""
        leg = branch.mo
        if leg is not None and leg.uas is not None and "199" in leg.supported and branch.caller_reliable != "required":
            reason = f"SIP;cause={code}"
            leg.respond(199, "", {"reason": reason}, SDP, b"")
        self._release(branch)

    def _release(self, branch: Branch) -> None:
        """A branch is not the call: its media is closed, unless a phone beside it uses it too."""
        session = branch.session
        for leg in branch.legs:
            self._retire(leg)
        used = [b for b in session.branches if b is not branch and b.anchor is branch.anchor]
        if not any(session.call.branches.get(b.number) is B.OPEN or b.number == session.call.winner for b in used):
            branch.anchor.close()

    def _cancel_callee(self, session: Session, branch: Branch, reason: str) -> None:
        leg = branch.mt
        if session.echo is not None:
            session.echo.stop()
        if session.call.state is not machine.S.CANCELLING:  # the call goes on without it
            self._release(branch)
        for leg in branch.legs:  # the callee may take its time to answer the CANCEL
            if leg.record is not None:
                self._bearers.release(leg.record.id)
        if leg is None or leg.uac is None:
            self.handle(session, machine.Refused(487, branch=branch.number))
            return
        if leg.dialog.confirmed:  # it has answered already, and the caller was not told yet
            leg.bye(reason)
            self.handle(session, machine.Refused(487, branch=branch.number))
            return
        shared = (b for b in session.branches if b is not branch and b.mt is not None and b.mt.uac is leg.uac)
        if any(session.call.branches.get(b.number) is B.OPEN for b in shared):
            leg.stop()  # the INVITE goes on for the other phones behind this contact
            self.handle(session, machine.Refused(487, branch=branch.number))
            return
        leg.cancel(reason)

    def _set_timer(self, session: Session, delay: float = 0.0) -> None:
        """Replace the session's timer; none without a delay."""
        if session.timer is not None:
            self._stack.wheel.cancel(session.timer)
            session.timer = None
        if delay:
            session.timer = self._stack.wheel.add(delay, self.stop, session, "no answer to CANCEL")

    def _start_turn(self, session: Session) -> None:
        self._stop_turn(session)
        session.turn = self._stack.wheel.add(TURN_TIME, self._next_turn, session)

    def _stop_turn(self, session: Session) -> None:
        if session.turn is not None:
            self._stack.wheel.cancel(session.turn)
            session.turn = None

    def _bye(self, leg: Leg | None, reason: str) -> None:
        if leg is not None:
            self._inside.forget(leg)
            leg.close_invites()
            leg.bye(reason)
            self._retire(leg)

    def _retire(self, leg: Leg) -> None:
        """A leg is over, be its call over or not."""
        if leg.record is not None and leg.record.ended is None:
            self.records.end(leg.record)
            self._bearers.release(leg.record.id)

    def _retire_others(self, session: Session, *used: Leg | None) -> None:
        """The call is answered: the caller's other early dialogs are over (RFC 3261 13.2.2.4)."""
        for leg in session.legs:
            if leg.side == MO and leg not in used:
                self._retire(leg)

    def _end(self, session: Session, why: str) -> None:
        if session.ended:
            return
        session.ended = True
        log(IMS, INFO, f"call ended: {why}; {session.branch.anchor.summary()}", id=session.call.id)
        counters.inc("ims_call_ended")
        self._set_timer(session)
        self._stop_turn(session)
        if session.limit is not None:
            self._stack.wheel.cancel(session.limit)
            session.limit = None
        if session.echo is not None:
            session.echo.stop()
        for leg in session.legs:
            self._retire(leg)
            self._inside.forget(leg)
            leg.close_invites()
            if not leg.lingering:
                leg.stop()
                self._forget(leg)
        for branch in session.branches:
            branch.anchor.close()
        self._sessions.pop(session, None)
        self._tell(session)
        self._stack.wheel.add(0, session.clear)  # not before those who have called us are done with it

    def _keep(self, session: Session, leg: Leg) -> None:
        self._by_dialog[leg.dialog.call_id, leg.dialog.local_tag] = (session, leg)

    def _forget(self, leg: Leg) -> None:
        self._by_dialog.pop((leg.dialog.call_id, leg.dialog.local_tag), None)
        leg.detach()

    # -- from control
    def find(self, session_id: str) -> tuple[Session, Leg] | None:
        """The call and leg of a dialog that is not over."""
        for session in self:
            for leg in session.legs:
                if leg.record is not None and leg.record.id == session_id:
                    return session, leg
        return None

    def reinvite(self, leg: Leg) -> bool:
        """Send a re-INVITE on a leg; False where that cannot be now."""
        return self._inside.reinvite(leg)

    def hold(self, leg: Leg, *, held: bool) -> bool:
        """Hold the phone of an answered leg, or let it go on; False where that cannot be now."""
        return self._inside.hold(leg, held=held)

    def force_final(self, session: Session) -> bool:
        """INVITE.OK (manual 5.2.1): send what takes the place of the 2xx. True: the call is not to go on."""
        forced, primary = session.forced, session.primary
        if forced is None or primary is None or primary.uas is None:
            return False
        transaction = primary.uas.transaction
        forced.note(transaction.request, session.call.id)
        if 200 <= forced.code < 300:
            session.success, session.success_body = forced.code, (forced.content_type, forced.body)
            return False
        if not forced.silent:
            response = transaction.make(forced.code)
            for name, value in demanded(forced.code, transaction.request, ALLOW).items():
                response.headers[name] = [value]
            if forced.body:
                response.headers["content-type"], response.body = [forced.content_type], forced.body
            primary.sent(response)
            transaction.force(response)
        if forced.final:
            transaction.mute()
        return not forced.transparent

    def media_moved(self, branch: Branch) -> None:
        """Directions have changed: hold or not?"""
        for leg in branch.legs:
            if leg.record is not None and leg.dialog.confirmed:
                held = branch.anchor.on_hold(leg.side)
                leg.record.to_state(DialogState.HOLD if held else DialogState.START)
        self._tell(branch.session)

    def close(self) -> None:
        """Hang up everywhere: the server stops."""
        for session in list(self):
            self.stop(session, "the server stops")
        for _, leg in list(self._by_dialog.values()):
            leg.hurry()


def gone(leg: Leg) -> bool:
    """Is the call of this leg over? A transaction may tell of it all the same."""
    return leg.branch is None or leg.branch.session.ended

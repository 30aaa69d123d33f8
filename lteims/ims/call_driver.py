"""The driver of the machines of calls: call.py decides, this carries out, on legs or on the server's own end.

calls.py and callees.py hand in events (TS 24.229 5.7). How long a call may ring, whose turn it is (RFC 3261 16.6) and
when it ends by itself are timers of this module; with a call its legs, media and records end.
"""

import traceback
from collections.abc import Callable
from functools import partial

from lteims import counters
from lteims.ims import call as machine
from lteims.ims.branch import Branch
from lteims.ims.call import MO, AckCallee, B, Bye, CancelCallee, EarlyOver, End, Invite, Respond, Stop
from lteims.ims.capabilities import ALLOW
from lteims.ims.dialogs import Dialogs
from lteims.ims.forced import demanded
from lteims.ims.leg import Leg
from lteims.ims.opening import Opening
from lteims.ims.qos import Bearers
from lteims.ims.record import DialogRecords, DialogState
from lteims.ims.reinvites import Reinvites
from lteims.ims.sdp_body import SDP
from lteims.ims.session import Session
from lteims.net.sip import SipStack
from lteims.sip.errors import SipError
from lteims.sip.reliable import QUEUED
from lteims.trace import ERROR, IMS, INFO, log

RING_TIME = 180.0  # seconds without a final answer (timer C, RFC 3261 16.6)
TURN_TIME = 30.0  # seconds that a contact rings before those of a lower q have their turn


class CallDriver:
    """Drives every call; callees.Owner."""

    def __init__(
        self,
        stack: SipStack,
        opening: Opening,
        reinvites: Reinvites,
        dialogs: Dialogs,
        records: DialogRecords,
        bearers: Bearers,
    ) -> None:
        self._stack = stack
        self._opening = opening
        self._reinvites = reinvites
        self._dialogs = dialogs
        self._records = records
        self._bearers = bearers
        self.sessions: dict[Session, None] = {}  # the calls that there are
        self.listeners: list[Callable[[Session], None]] = []  # called when a call begins, ends or changes its state

    # -- from beginning to end
    def admit(self, session: Session) -> None:
        """There is a call: it may ring from now on."""
        counters.inc("ims_call")
        self.sessions[session] = None
        session.timer = self._stack.wheel.add(RING_TIME, self._rang_too_long, session)
        if len(session.branches) > 1:
            self._start_turn(session)
        self._tell(session)

    def begin(self, session: Session) -> None:
        """Let it go."""
        self.guarded(session, partial(self.handle, session, machine.Begin()))

    def stop(self, session: Session, why: str) -> None:
        """End a call from outside: the operator, shutdown, a side that is gone."""
        self.handle(session, Stop(why))

    def guarded(self, session: Session, work: Callable[[], None]) -> None:
        """Do something that a fault of ours may end, and this call with it."""
        try:
            work()
        except Exception as error:
            self.fault(session, error)

    def fault(self, session: Session, error: Exception) -> None:
        """A fault of ours: this call ends, with its place in the log."""
        counters.inc("ims_internal_error")
        log(IMS, ERROR, f"call failed inside: {error!r}", id=session.call.id, body=traceback.format_exc())
        self.handle(session, Stop("internal error", 500))

    def _tell(self, session: Session) -> None:
        for listener in self.listeners:
            listener(session)

    # -- its times
    def _rang_too_long(self, session: Session) -> None:
        session.timer = None
        if session.call.early:
            self.handle(session, Stop(f"no answer in {RING_TIME:.0f} s", 408))

    def _next_turn(self, session: Session) -> None:
        session.turn = None
        if session.call.early:
            self._start_turn(session)
            self.handle(session, machine.NextGroup())

    def _reached_limit(self, session: Session, why: str) -> None:
        session.limit = None
        self.stop(session, why)

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
        self._dialogs.keep(leg)
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
        self._dialogs.keep(leg)
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
            self.retire(leg)
        used = [b for b in session.branches if b is not branch and b.anchor is branch.anchor]
        if not any(session.call.branches.get(b.number) is B.OPEN or b.number == session.call.winner for b in used):
            branch.anchor.close()

    def _cancel_callee(self, session: Session, branch: Branch, reason: str) -> None:
        leg = branch.mt
        if session.echo is not None:
            session.echo.stop()
        if session.call.state is not machine.S.CANCELLING:  # the call goes on without it
            self._release(branch)
        for each in branch.legs:  # the callee may take its time to answer the CANCEL
            if each.record is not None:
                self._bearers.release(each.record.id)
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

    def _bye(self, leg: Leg | None, reason: str) -> None:
        if leg is not None:
            self._reinvites.forget(leg)
            leg.close_invites()
            leg.bye(reason)
            self.retire(leg)

    def retire(self, leg: Leg) -> None:
        """A leg is over, be its call over or not."""
        if leg.record is not None and leg.record.ended is None:
            self._records.end(leg.record)
            self._bearers.release(leg.record.id)

    def _retire_others(self, session: Session, *used: Leg | None) -> None:
        """The call is answered: the caller's other early dialogs are over (RFC 3261 13.2.2.4)."""
        for leg in session.legs:
            if leg.side == MO and leg not in used:
                self.retire(leg)

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
            self.retire(leg)
            self._reinvites.forget(leg)
            leg.close_invites()
            if not leg.lingering:
                leg.stop()
                self._dialogs.forget(leg)
        for branch in session.branches:
            branch.anchor.close()
        self.sessions.pop(session, None)
        self._tell(session)
        self._stack.wheel.add(0, session.clear)  # not before those who have called us are done with it

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

"""All calls of the process: legs and machines put together (TS 24.229 5.7; RFC 3261 as back-to-back user agent).

pcscf.py hands in INVITEs, requests inside dialogs and ACKs, the legs what they hear; here it becomes an event for the
call (call_driver.py), or goes to whom it concerns: opening.py sets a call up, callees.py hears the callee's answers,
inside.py and reinvites.py see to the requests inside the dialogs.
"""

from collections.abc import Callable, Iterator
from functools import partial

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.ims import call as machine
from lteims.ims.activity import ActivityWatch
from lteims.ims.answers import body_of_ack
from lteims.ims.branch import Branch
from lteims.ims.call import MO, MT, B, Stop
from lteims.ims.call_driver import CallDriver
from lteims.ims.callees import Callees
from lteims.ims.caller import Caller
from lteims.ims.capabilities import ALLOW
from lteims.ims.dialogs import Dialogs
from lteims.ims.echo import EchoCallee
from lteims.ims.icscf import Destination, Echo, Registered, Unregistered
from lteims.ims.inside import Inside
from lteims.ims.leg import Leg
from lteims.ims.opening import Opening
from lteims.ims.own_requests import OwnRequests
from lteims.ims.qos import Bearers, NoBearers
from lteims.ims.record import DialogRecord, DialogRecords
from lteims.ims.reinvites import Reinvites
from lteims.ims.sdp_body import SDP, sdp_of
from lteims.ims.session import Session
from lteims.media.template import Template
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.trace import IMS, INFO, log


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
        self._stack = stack
        bearers = bearers or NoBearers()
        self._dialogs = Dialogs(stack)
        self.records = DialogRecords(stack.wheel)
        self.on_remote_control: Callable[[DialogRecord], None] | None = None  # an echo waits for dialog_answer
        self._opening = Opening(config, stack, plane, pools, bearers, self.records, self, wall, templates)
        keep_products = not config.force_user_agent
        own = OwnRequests(stack)
        self._reinvites = Reinvites(stack, self, own)
        self._inside = Inside(self, self._reinvites, own, keep_products=keep_products)
        self._driver = CallDriver(stack, self._opening, self._reinvites, self._dialogs, self.records, bearers)
        self._callees = Callees(
            stack, self._driver, self._opening, self._reinvites, own, keep_products=keep_products
        )  # fmt: skip
        self._activity = ActivityWatch(stack.wheel, plane.clock, config, self, self.stop)
        self.listeners = self._driver.listeners  # called when a call begins, ends or changes its state

    def __iter__(self) -> Iterator[Session]:
        """Every call once."""
        return (session for session in list(self._driver.sessions) if not session.ended)

    def load(self) -> int:
        """How many dialogs and open re-INVITEs are kept, for metrics and tests."""
        return len(self._dialogs) + len(self._reinvites) + len(self._driver.sessions)

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
        self._dialogs.keep(primary)
        self._admit(session)
        text = f"call from {caller.name} ({session.caller_impu}) to {session.callee_impu}"
        text += f", dialog {primary.record.id}" if primary.record is not None else ""
        log(IMS, INFO, text, id=session.call.id)
        if isinstance(destination, Echo):
            template = session.template
            session.echo = EchoCallee(
                session.branches[0], destination.config, template, self._stack.wheel,
                lambda event: self.handle(session, event), lambda: self._driver.force_final(session), self._controlled,
            )  # fmt: skip
        self._driver.begin(session)

    def _controlled(self, branch: Branch) -> None:
        leg = branch.mo
        if self.on_remote_control is not None and leg is not None and leg.record is not None:
            self.on_remote_control(leg.record)

    def _admit(self, session: Session) -> None:
        self._driver.admit(session)
        self._activity.begin()

    def make_call(
        self, destination: Registered, caller: Caller | None, caller_impu: str, template: Template | None,
        duration: float,
    ) -> Session:  # fmt: skip
        """A call from the server to a user; it ends by itself after `duration` seconds, if that is not 0."""
        session = self._opening.outgoing(destination, caller, caller_impu, template)
        self._admit(session)
        log(IMS, INFO, f"call from the server ({caller_impu}) to {session.callee_impu}", id=session.call.id)
        session.duration = duration
        self._driver.begin(session)
        return session

    def on_dialog_request(self, transaction: ServerTransaction) -> bool:
        """A request inside a dialog; False where there is none."""
        request = transaction.request
        leg = self._dialogs.find(request, transaction.flow)
        if leg is None:
            return False
        session: Session = leg.branch.session
        if request.method != "BYE" and (session.ended or self._given_up(session, leg)):
            return False
        leg.accept(request, transaction.flow)
        try:
            self._serve(session, leg, transaction)
        except SipError:
            raise
        except Exception as error:
            transaction.reply(500)
            self._driver.fault(session, error)
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

    def _hung_up(self, session: Session, leg: Leg, request: Request) -> None:
        leg.stop()
        if session.ended:  # it has crossed our own BYE, or spared us one
            self._dialogs.forget(leg)
            return
        branch: Branch = leg.branch
        self.handle(session, machine.HungUp(leg.side, request.get("reason"), branch.number))

    def on_ack(self, ack: Request, flow: Flow | None = None) -> None:
        """The ACK to a 2xx; `flow` is where it came from, if that need not be where the INVITE did."""
        leg = self._dialogs.find(ack, flow)
        if leg is None:
            counters.inc("sip_stray_ack")
        else:
            leg.on_ack(ack)

    # -- from the legs (leg.LegOwner)
    def leg_forked(self, leg: Leg, other: Leg) -> None:
        """One more phone behind the callee."""
        other.branch = leg.branch
        if not gone(leg):
            self._dialogs.keep(other)
            self._callees.forked(leg, other)

    def leg_progress(self, leg: Leg, response: Response, rseq: int | None) -> None:
        """The callee rings, or says what its media will be."""
        if not gone(leg):
            self._callees.progress(leg, response, rseq)

    def leg_answered(self, leg: Leg, response: Response) -> None:
        """The callee, or a leg that was re-invited, answered."""
        if gone(leg):
            leg.dismiss()
        elif not self._reinvites.answered(leg, response):
            self._callees.answered(leg, response)

    def leg_refused(self, leg: Leg, code: int, reason: str, response: Response | None) -> None:
        """The callee, or a leg that was re-invited, refused."""
        if gone(leg) or self._reinvites.refused(leg, code, reason, response):
            return
        session: Session = leg.branch.session
        for each in session.legs:
            if each.uac is leg.uac:
                self._driver.retire(each)
        self._callees.refused(leg, code, reason, response)

    def qos_moved(self, branch: Branch) -> None:
        """The caller's bearer may stand now: what waited for that goes on."""
        self._callees.qos_moved(branch)

    def bearers_told(self, branch: Branch, side: int, granted: bool) -> None:
        """The bearers of a leg stand, or were refused."""
        self._driver.guarded(branch.session, partial(self._callees.bearers_told, branch, side, granted))

    def leave_out(self, branch: Branch, medias: frozenset[int]) -> None:
        """Take these m= lines out of a call."""
        self._reinvites.leave_out(branch, medias)

    def leg_acked(self, leg: Leg, ack: Request) -> None:
        """The caller, or a leg that re-invited, acknowledged."""
        if gone(leg) or self._reinvites.acked(leg, ack):
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
        if session.call.early:  # another phone may still be heard
            self.handle(session, machine.GivenUp(branch.number, 504, why))
        else:
            self.handle(session, Stop(why, 504))

    def leg_cancelled(self, leg: Leg, cancel: Request) -> None:
        """The peer cancelled its INVITE."""
        if not gone(leg) and not self._reinvites.cancelled(leg):
            self.handle(leg.branch.session, machine.Cancelled(cancel.get("reason")))

    def leg_refresh(self, leg: Leg) -> None:
        """The session of a leg is to be refreshed by a re-INVITE."""
        if not gone(leg) and not self._reinvites.offer_again(leg):
            leg.refresh.retry()

    def leg_lost(self, leg: Leg, why: str) -> None:
        """A leg is gone, and with it the call, or one of the phones that ring."""
        if gone(leg):
            return
        branch: Branch = leg.branch
        if leg.side == MT and branch.session.call.early:
            self.handle(branch.session, machine.GivenUp(branch.number, 480, why))
        else:
            self.stop(branch.session, why)

    def leg_over(self, leg: Leg) -> None:
        """The last message of a leg has left."""
        if leg in self._dialogs and gone(leg):
            self._dialogs.forget(leg)

    # -- events
    def handle(self, session: Session, event: machine.Event) -> None:
        """Let the machine of a call decide, and carry out what it says."""
        self._driver.handle(session, event)

    def stop(self, session: Session, why: str) -> None:
        """End a call from outside: the operator, shutdown, a side that is gone."""
        self._driver.stop(session, why)

    def media_moved(self, branch: Branch) -> None:
        """An offer inside a call has been answered."""
        self._driver.media_moved(branch)

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
        return self._reinvites.offer_again(leg)

    def hold(self, leg: Leg, *, held: bool) -> bool:
        """Hold the phone of an answered leg, or let it go on; False where that cannot be now."""
        return self._reinvites.hold(leg, held=held)

    def close(self) -> None:
        """Hang up everywhere: the server stops."""
        for session in list(self):
            self.stop(session, "the server stops")
        for leg in self._dialogs:
            leg.hurry()


def gone(leg: Leg) -> bool:
    """Is the call of this leg over? A transaction may tell of it all the same."""
    return leg.branch is None or leg.branch.session.ended

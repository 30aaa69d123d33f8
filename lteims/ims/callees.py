"""What the callee's answers mean for the caller (RFC 3261 13, 16.7; RFC 3262; RFC 3312 6; TS 24.229 5.7.5).

calls.py hands in what the legs to the callee's contacts tell. SDP is carried over, what must be reliable is, and a
caller does not ring before its own bearer stands.
"""

from functools import partial
from typing import Protocol

from lteims.ims import call as machine
from lteims.ims.branch import Awaited, Branch
from lteims.ims.call import MO, MT, B, Stop
from lteims.ims.leg import Leg
from lteims.ims.opening import Opening
from lteims.ims.outbound import caller_headers, products
from lteims.ims.own_requests import OwnRequests
from lteims.ims.preferences import shown_features
from lteims.ims.qos import UNMET_TIME, Way
from lteims.ims.reinvites import Reinvites
from lteims.ims.sdp_body import sdp_of
from lteims.ims.session import Session
from lteims.net.sip import SipStack
from lteims.sip.errors import SipError
from lteims.sip.message import Response
from lteims.trace import IMS, INFO, WARN, log


class Owner(Protocol):
    """call_driver.py."""

    def handle(self, session: Session, event: machine.Event) -> None:
        """Let the machine of a call decide."""

    def force_final(self, session: Session) -> bool:
        """Send the answer that takes the place of a 2xx. True: the call is not to go on."""


class Callees:
    """Hears the callees."""

    def __init__(
        self, stack: SipStack, owner: Owner, opening: Opening, reinvites: Reinvites, own: OwnRequests,
        *, keep_products: bool,
    ) -> None:  # fmt: skip
        self._stack = stack
        self._owner = owner
        self._opening = opening
        self._reinvites = reinvites
        self._own = own
        self._keep_products = keep_products

    def forked(self, leg: Leg, other: Leg) -> None:
        """One more phone behind the callee: its dialog is a branch of its own, on the same media."""
        branch: Branch = leg.branch
        session = branch.session
        fork = branch.fork(len(session.branches))
        session.branches.append(fork)
        self._opening.adopt(session, fork, other)
        self._owner.handle(session, machine.Forked(fork.number, branch.number))

    def progress(self, leg: Leg, response: Response, rseq: int | None) -> None:
        """The callee rings, or says what its media will be."""
        branch: Branch = leg.branch
        session = branch.session
        if leg.dialog.confirmed and rseq is not None and not session.ended:
            self._reinvites.progress(leg, response, rseq)
        if leg.dialog.confirmed or not self._listens(branch):
            return
        if response.code == 199 and (session.primary is None or "199" not in session.primary.supported):
            if rseq is not None:
                self._own.prack(branch, leg, response, rseq)
            return
        try:
            body = self._described(branch, leg, response, reliable=rseq is not None)
        except SipError as error:
            log(IMS, WARN, f"the SDP of a {response.code} is of no use: {error}", id=session.call.id)
            body = b""
        if response.code == 180:
            branch.qos[MT].rings()
        reliable = branch.reliable(response.code, body, came_reliable=rseq is not None)
        awaited = Awaited()
        if rseq is not None:
            if reliable and branch.qos[MT].way is not Way.END and session.primary is not None:
                awaited = Awaited(leg, response, rseq)
            else:
                self._own.prack(branch, leg, response, rseq)
        self._progress(branch, response, body, reliable, awaited)

    def _progress(self, branch: Branch, response: Response, body: bytes, reliable: bool, awaited: Awaited) -> None:
        """Tell the caller, but do not let it ring before its own bearer stands (RFC 3312 6)."""
        code, reason = response.code, response.reason
        shown = self._shown(branch, response)
        if branch.caller_reliable and not branch.qos[MO].may_alert:
            if body and not branch.told:
                branch.told = True
                self._say(branch, machine.Progress(183, "", body, shown, branch.number, True), awaited)
                body = b""
            if code == 180 and branch.told and not branch.held:
                late = machine.Progress(
                    180, reason, b"", shown, branch.number, branch.reliable(180, b"", came_reliable=False)
                )
                branch.held.append(partial(self._say, branch, late, Awaited()))
                self._limit(branch)
            if branch.told:
                return
        self._say(branch, machine.Progress(code, reason, body, shown, branch.number, reliable), awaited)

    def _say(self, branch: Branch, progress: machine.Progress, awaited: Awaited) -> None:
        branch.coming = awaited
        self._owner.handle(branch.session, progress)

    def _listens(self, branch: Branch) -> bool:
        """Does the call still wait for this branch?"""
        session = branch.session
        return not session.ended and session.call.branches.get(branch.number) is B.OPEN

    def _described(self, branch: Branch, leg: Leg, response: Response, *, reliable: bool = True) -> bytes:
        """The SDP of a callee's response to the first INVITE, for the caller; the callee offers where nobody has."""
        body = sdp_of(response)
        if not body:
            return b""
        if branch.mo is None and branch.session.primary is None:
            branch.heard_answer(MT, body, play=True)
            return b""
        if not reliable and not branch.offered:  # RFC 3261 13.2.1: no offer in an unreliable response
            return b""
        return branch.carry(MT, body, offer=not branch.offered and not branch.answered)

    def answered(self, leg: Leg, response: Response) -> None:
        """The callee, or a leg that was re-invited, answered."""
        branch: Branch = leg.branch
        session = branch.session
        if not self._listens(branch):
            self._owner.handle(session, machine.Answered(branch=branch.number))
            return
        try:
            branch.take_media()
            body = self._described(branch, leg, response)
            if session.primary is None and not branch.answered:  # RFC 3261 13.2.1
                raise SipError(500, "no SDP")
        except SipError as error:
            log(IMS, WARN, f"the callee's answer is of no use: {error}", id=session.call.id)
            leg.ack("", b"")
            leg.bye()
            self._owner.handle(session, machine.Refused(500, "Bad SDP of the callee", branch=branch.number))
            return
        branch.qos[MT].rings()
        if branch.offered and branch.told:
            body = b""
        elif not body and (branch.offered or not branch.told):
            body = branch.shown  # in a response that nobody acknowledged
        self._answered(branch, leg, response, body)

    def _answered(self, branch: Branch, leg: Leg, response: Response, body: bytes) -> None:
        session, shown = branch.session, self._shown(branch, response)
        if session.forced is not None and self._owner.force_final(session):
            leg.ack("", b"")
            leg.bye()
            self._owner.handle(session, machine.Refused(480, branch=branch.number, why="INVITE.OK is forced"))
            return
        if branch.caller_reliable and not branch.qos[MO].may_alert and (body or branch.told):
            leg.ack("", b"")
            if not branch.told:
                branch.told = True
                self._say(branch, machine.Progress(183, "", body, shown, branch.number, True), Awaited())
            late = machine.Answered(b"", shown, branch.number)
            branch.held.append(partial(self._owner.handle, session, late))
            self._limit(branch)
            return
        self._owner.handle(session, machine.Answered(body, shown, branch.number))

    def qos_moved(self, branch: Branch) -> None:
        """The caller's bearer may stand now: what waited for that goes on."""
        session = branch.session
        if session.ended or not branch.qos[MO].may_alert:
            return
        held, branch.held = branch.held, []
        for go_on in held:
            go_on()
        if session.echo is not None:
            session.echo.proceed()

    def bearers_told(self, branch: Branch, side: int, granted: bool) -> None:
        """The bearers of a leg stand, or were refused."""
        session = branch.session
        if session.ended:
            return
        qos, medias = branch.qos[side], branch.anchor.views(side)
        if granted:
            qos.granted(medias)
        elif qos.reserved and session.call.state is machine.S.START:  # TS 29.214 4.4.2: the PCRF keeps what there was
            log(
                IMS,
                INFO,
                "the network refuses other bearers: the call goes on with those of before",
                id=session.call.id,
            )
            self._reinvites.leave_out(branch, qos.unchanged(medias))
        elif session.urgent:
            log(IMS, WARN, "the network gives no bearer: the call for help goes on without", id=session.call.id)
            qos.unchanged(medias)
        else:  # not from inside the step that asked
            self._stack.wheel.add(0.0, self._no_bearer, branch)
            return
        if side == MT:
            self._own.tell_bearers(branch)

    def _no_bearer(self, branch: Branch) -> None:
        event = branch.bearerless("the network gives no bearer", 580)
        if event is not None and not branch.session.ended:
            self._owner.handle(branch.session, event)

    def refused(self, leg: Leg, code: int, reason: str, response: Response | None) -> None:
        """The callee, or a leg that was re-invited, refused."""
        branch: Branch = leg.branch
        session = branch.session
        headers = self._shown(branch, response) if response is not None else {}
        if code in (401, 407, 503) or 300 <= code < 400:  # not for the caller's ears: it cannot act on them
            log(IMS, INFO, f"the callee answers {code} {reason}: 480 for the caller", id=session.call.id)
            code, reason = 480, ""
        alike = [b.number for b in session.branches if b.mt is not None and b.mt.uac is leg.uac]
        for number in sorted(alike, reverse=True):  # the final error is for all the phones behind this contact
            self._owner.handle(session, machine.Refused(code, reason if response else "", headers, branch=number))

    def _limit(self, branch: Branch) -> None:
        """A callee that rings or has answered does not wait for ever for the caller's bearer."""
        session = branch.session
        if session.limit is None:
            session.limit = self._stack.wheel.add(UNMET_TIME, self._unmet, branch)

    def _unmet(self, branch: Branch) -> None:
        session = branch.session
        session.limit = None
        if not session.call.early:
            return
        why = "the caller's preconditions were not met"
        others = [other for other in session.branches if other is not branch and self._listens(other)]
        if self._listens(branch) and not branch.qos[MO].may_alert:
            if not any(other.qos[MO].may_alert for other in others):
                self._owner.handle(session, Stop(why, 580))
                return
            self._owner.handle(session, machine.GivenUp(branch.number, 580, why))
        for other in others:  # one limit runs at a time
            if other.held and not session.ended:
                self._limit(other)

    def _shown(self, branch: Branch, response: Response) -> dict[str, str]:
        shown = caller_headers(response, branch.session.destination)
        if 100 < response.code < 300:
            branch.features = shown_features(response)
        if self._keep_products:
            shown |= {name: lines[0] for name, lines in products(response).items()}
        return shown

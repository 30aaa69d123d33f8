"""The re-INVITEs under way inside calls, one leg's for the other or the server's own (RFC 3261 14, RFC 6141 3).

inside.py begins those of phones, calls.py the operator's and those that refresh a session; calls.py tells what comes
back. One is acknowledged end to end, so that an offer in its 2xx works too.
"""

from collections.abc import Callable
from typing import Protocol

from lteims.ims.answers import GONE, answer_body, body_of_ack, put_body, reply_with, shown_to_near
from lteims.ims.branch import Awaited, Branch
from lteims.ims.capabilities import ALLOW, tags_of
from lteims.ims.leg import Leg
from lteims.ims.own_requests import RETRY, OwnRequests
from lteims.ims.qos import Way
from lteims.ims.sdp_body import SDP
from lteims.ims.session import Session
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.sip.multipart import body_of
from lteims.trace import IMS, INFO, log


class Owner(Protocol):
    """What calls.py is asked for."""

    def stop(self, session: Session, why: str) -> None:
        """End a call whose other side is gone."""

    def media_moved(self, branch: Branch) -> None:
        """An offer inside the call has been answered."""


class Reinvite:
    """One re-INVITE under way: from `near` to `far`; without `near` it is the server's own."""

    __slots__ = ("acknowledge", "branch", "early", "far", "had_offer", "near", "refused", "timer", "update")

    def __init__(
        self, branch: Branch, near: Leg | None, far: Leg, *, had_offer: bool, update: ServerTransaction | None = None
    ) -> None:
        self.branch = branch
        self.near = near
        self.far = far
        self.had_offer = had_offer
        self.update = update  # what came was an UPDATE, for a phone that takes none
        self.early = b""  # the answer of a reliable 1xx that the near side was not shown
        self.acknowledge = False  # has the far side answered 2xx?
        self.timer: Handle | None = None  # of a CANCEL that gets no answer
        self.refused: Callable[[], None] | None = None  # undoes what the server's own was for


class Reinvites:
    """All of them, by both legs."""

    def __init__(self, stack: SipStack, owner: Owner, own: OwnRequests) -> None:
        self._stack = stack
        self._owner = owner
        self._own = own
        self._by_leg: dict[Leg, Reinvite] = {}

    def __len__(self) -> int:
        return len(self._by_leg)

    def send(self, underway: Reinvite, onward: Request) -> None:
        """Send an INVITE of the far leg's dialog."""
        onward.headers["contact"] = [""]
        onward.headers["allow"] = [ALLOW]
        self._by_leg[underway.far] = underway
        if underway.near is not None:
            self._by_leg[underway.near] = underway
        underway.far.invite(onward)

    # -- the server's own
    def offer_again(self, leg: Leg, refused: Callable[[], None] | None = None) -> bool:
        """Offer a leg again what it was offered last; False where something else is open. A refusal calls `refused`."""
        branch: Branch = leg.branch
        if not _free(leg):
            return False
        onward = leg.dialog.request("INVITE")
        through = branch.qos[leg.side].way is Way.THROUGH
        body = branch.anchor.again(leg.side, offer=True, bare=through)
        put_body(onward, body, SDP)
        underway = Reinvite(branch, None, leg, had_offer=bool(body))
        underway.refused = refused
        self.send(underway, onward)
        return True

    def hold(self, leg: Leg, *, held: bool) -> bool:
        """Hold a phone, or let it go on; False where something else is open. One that refuses stays as it was."""
        branch: Branch = leg.branch
        anchor, side = branch.anchor, leg.side
        if not _free(leg):
            return False

        def undo() -> None:
            anchor.held[side] = not held
            log(IMS, INFO, f"the phone refuses to be {'held' if held else 'resumed'}", id=branch.session.call.id)

        anchor.held[side] = held
        return self.offer_again(leg, undo)

    def leave_out(self, branch: Branch, medias: frozenset[int]) -> None:
        """Take these m= lines out of a call on both sides; a phone that refuses keeps them."""
        for leg in branch.legs:
            self._stack.wheel.add(0.0, self._leave_out, leg, medias)

    def _leave_out(self, leg: Leg, medias: frozenset[int]) -> None:
        branch: Branch | None = leg.branch
        if branch is None or branch.session.ended or leg.stopped:
            return
        if not _free(leg):
            self._stack.wheel.add(RETRY, self._leave_out, leg, medias)
            return
        undo = branch.anchor.leave_out(leg.side, medias)
        if undo is not None:
            self.offer_again(leg, undo)

    # -- what comes back: each says whether it was for one of these
    def answered(self, leg: Leg, response: Response) -> bool:
        """2xx from the far leg."""
        underway = self._by_leg.get(leg)
        if underway is None or leg is not underway.far:
            return False
        underway.acknowledge = True
        near, branch = underway.near, underway.branch
        if near is None:
            self._own_answered(underway, leg, response)
            return True
        try:
            body = answer_body(branch, leg, response, offered=underway.had_offer) or underway.early
        except SipError as error:  # no way back for the far side: it has changed already
            self._refuse_near(underway, 500, error.reason, {})
            self.forget(leg)
            self._owner.stop(branch.session, f"the answer to a re-INVITE is of no use: {error}")
            return True
        if underway.update is not None:
            self._forget(underway)
            leg.ack("", b"")
            reply_with(near, underway.update, body)
        else:
            near.respond(200, response.reason, {"allow": ALLOW}, SDP, body)
        if underway.had_offer:
            self._owner.media_moved(branch)
        return True

    def _own_answered(self, underway: Reinvite, leg: Leg, response: Response) -> None:
        self._forget(underway)
        leg.ack("", b"")
        branch = underway.branch
        try:
            sdp = body_of(response, SDP)
            if sdp and underway.had_offer:
                branch.heard_answer(leg.side, sdp)
        except SipError as error:
            log(IMS, INFO, f"the answer to a re-INVITE is of no use: {error}", id=branch.session.call.id)
        self._owner.media_moved(branch)

    def progress(self, leg: Leg, response: Response, rseq: int) -> None:
        """A reliable 1xx to a re-INVITE: media that waits for its bearer is settled so (RFC 6141 3, IR.94 2.4)."""
        branch: Branch = leg.branch
        underway = self._by_leg.get(leg)
        if underway is None or leg is not underway.far or underway.near is None:
            self._own.prack(branch, leg, response, rseq)
            return
        near, body = underway.near, b""
        try:
            sdp = body_of(response, SDP)
            body = branch.carry(leg.side, sdp, offer=not underway.had_offer) if sdp else b""
        except SipError as error:
            log(IMS, INFO, f"the SDP of a {response.code} is of no use: {error}", id=branch.session.call.id)
        tags = tags_of(near.uas.request) if near.uas else []
        if "100rel" not in tags:
            underway.early = body
            self._own.prack(branch, leg, response, rseq)
            return
        branch.unpracked.append(Awaited(leg, response, rseq))
        near.respond(response.code, response.reason, {}, SDP, body, reliable=True)

    def refused(self, leg: Leg, code: int, reason: str, response: Response | None) -> bool:
        """A final error from the far leg, or none (408, 503)."""
        underway = self._by_leg.get(leg)
        if underway is None or leg is not underway.far:
            return False
        self._forget(underway)
        branch = underway.branch
        if underway.refused is not None:
            underway.refused()
        if underway.near is None:
            if code == 491:
                leg.refresh.retry()
            elif code not in GONE:
                leg.refresh.refused()
        else:
            branch.anchor.withdraw()
            shown, headers = shown_to_near(code, response)
            self._refuse_near(underway, shown, reason if response else "", headers)
        if code in GONE:
            self._owner.stop(branch.session, f"re-INVITE answered {code}")
        return True

    def _refuse_near(self, underway: Reinvite, code: int, reason: str, headers: dict[str, str]) -> None:
        assert underway.near is not None
        underway.near.offer_in = False
        if underway.update is not None:
            underway.update.reply(code, reason, headers)
        else:
            underway.near.respond(code, reason, headers, "", b"")

    def acked(self, leg: Leg, ack: Request) -> bool:
        """The near leg's ACK goes on to the far one."""
        underway = self._by_leg.get(leg)
        branch: Branch = leg.branch
        if underway is None or leg is not underway.near:
            return self._acked_as_end(branch, leg, ack)
        sdp = body_of_ack(ack)
        try:
            body = branch.carry(leg.side, sdp, offer=False) if sdp and not underway.had_offer else b""
        except SipError as error:
            self.forget(leg)
            self._owner.stop(branch.session, f"the answer in an ACK is of no use: {error}")
            return True
        self._forget(underway)
        underway.far.ack(SDP, body)
        if body:
            self._owner.media_moved(branch)
        return True

    def _acked_as_end(self, branch: Branch, leg: Leg, ack: Request) -> bool:
        """An ACK that is no re-INVITE's between two phones: the first one's, or of one that the server answered."""
        first = leg.uas is not None and not leg.uas.request.to.tag
        if first:
            return False
        sdp = body_of_ack(ack)
        if sdp and branch.other(leg) is None:
            try:
                branch.heard_answer(leg.side, sdp)
                self._owner.media_moved(branch)
            except SipError as error:
                self._owner.stop(branch.session, f"the answer in an ACK is of no use: {error}")
        return True

    def cancelled(self, leg: Leg) -> bool:
        """The near leg gave its re-INVITE up; what the far one answers decides (RFC 3261 9.1)."""
        underway = self._by_leg.get(leg)
        if underway is None or leg is not underway.near:
            return False
        underway.far.cancel("")
        if underway.timer is None:
            underway.timer = self._stack.wheel.add(65 * self._stack.timings.t1, self._not_cancelled, underway)
        return True

    def _not_cancelled(self, underway: Reinvite) -> None:
        """The far leg answers neither the re-INVITE nor its CANCEL: it is gone."""
        self.refused(underway.far, 408, "", None)

    def forget(self, leg: Leg) -> None:
        """Nothing is under way on this leg any more; a 2xx that came is acknowledged."""
        underway = self._by_leg.get(leg)
        if underway is not None:
            self._forget(underway)
            if underway.update is not None and not underway.update.answered:
                underway.update.reply(500)
            if underway.acknowledge:
                underway.far.ack("", b"")

    def _forget(self, underway: Reinvite) -> None:
        if underway.near is not None:
            self._by_leg.pop(underway.near, None)
        self._by_leg.pop(underway.far, None)
        if underway.timer is not None:
            self._stack.wheel.cancel(underway.timer)


def _free(leg: Leg) -> bool:
    """May the server offer something to this leg now?"""
    return leg.dialog.confirmed and not (leg.busy or leg.offer_in or leg.offer_out or leg.stopped)

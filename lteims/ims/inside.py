"""What passes inside the dialogs of a call: re-INVITE, UPDATE, PRACK, INFO, MESSAGE (RFC 3261 14, 3262, 3311, 6337).

calls.py hands in the request of one leg; the same method goes out on the other with the SDP anchored, and its answer
comes back. A re-INVITE is acknowledged end to end, so that an offer in its 2xx works too. Where the server is the end
it answers by itself; requests of its own (PRACK, UPDATE, re-INVITE) are made here too.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from lteims.ims.anchor import SDP, parse_sdp, sdp_of
from lteims.ims.answers import OwnAnswer, PassedAnswer, body_of_ack, put_body, shown_to_near
from lteims.ims.branch import Awaited, Branch
from lteims.ims.call import MT
from lteims.ims.leg import Leg, words
from lteims.ims.onward import onward_body
from lteims.ims.opening import ALLOW
from lteims.ims.outbound import products
from lteims.ims.qos import Way
from lteims.ims.record import DialogType
from lteims.ims.session import Session
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response, copy_headers
from lteims.sip.multipart import body_of
from lteims.trace import IMS, INFO, log

OFFERING = ("INVITE", "UPDATE")
RETRY = 1.0  # seconds until an UPDATE that met another offer is tried again (RFC 3261 14.1 in spirit)
_PASSED = (
    "content-disposition", "info-package", "reason", "accept", "subject", "p-early-media", "session-id", "geolocation",
    "geolocation-routing", "user-to-user", "recv-info",
)  # fmt: skip
_GONE = (408, 481)  # after these the dialog is over: RFC 3261 12.2.1.2


class Owner(Protocol):
    """What calls.py is asked for."""

    def stop(self, session: Session, why: str) -> None:
        """End a call whose other side is gone."""

    def leg_lost(self, leg: Leg, why: str) -> None:
        """A leg is gone."""

    def qos_moved(self, branch: Branch) -> None:
        """A phone has told of its bearers."""

    def media_moved(self, branch: Branch) -> None:
        """An offer inside the call has been answered."""


class _Reinvite:
    """One re-INVITE under way: from `near` to `far`; without `near` it is the server's own."""

    __slots__ = ("acknowledge", "branch", "early", "far", "had_offer", "near", "refused", "timer", "update")

    def __init__(self, branch: Branch, near: Leg | None, far: Leg, had_offer: bool) -> None:
        self.branch = branch
        self.near = near
        self.far = far
        self.had_offer = had_offer
        self.early = b""  # the answer of a reliable 1xx that the near side was not shown
        self.acknowledge = False  # has the far side answered 2xx?
        self.timer: Handle | None = None  # of a CANCEL that gets no answer
        self.update: ServerTransaction | None = None  # an UPDATE that came, to a phone that takes none
        self.refused: Callable[[], None] | None = None  # undoes what the server's own was for


class Inside:
    """The requests under way inside calls."""

    def __init__(self, stack: SipStack, owner: Owner, keep_products: bool) -> None:
        self._stack = stack
        self._owner = owner
        self._keep_products = keep_products
        self._reinvites: dict[Leg, _Reinvite] = {}  # by both legs

    def __len__(self) -> int:
        return len(self._reinvites)

    # -- from one leg to the other
    def pass_on(self, near: Leg, transaction: ServerTransaction) -> None:
        """Send a request of one leg on to the other; SipError where that cannot be."""
        request = transaction.request
        branch: Branch = near.branch
        offer = sdp_of(request) if request.method in OFFERING else None
        if request.method in OFFERING:
            near.negotiate(request)
        if offer is not None:
            near.check_offer()
        far = branch.other(near)
        if far is None:
            self._answer_as_end(branch, near, transaction, offer)
            return
        if request.method == "UPDATE" and self._update_here(branch, near, far, transaction, offer):
            return
        if not far.dialog.established or far.stopped or (request.method == "INVITE" and not far.dialog.confirmed):
            raise SipError(500, "the other side has no dialog yet", {"retry-after": "2"})
        if (far.busy and request.method == "INVITE") or (offer and (far.offer_out or far.offer_in)):
            raise SipError(491, "the other side has an offer open")
        if request.method == "UPDATE" and far.allow and "UPDATE" not in far.allow:
            self._as_reinvite(branch, near, far, transaction, offer)
            return
        body = branch.carry(near.side, offer, offer=True) if offer else b""
        if request.method not in OFFERING:
            body = request.body
        onward = far.dialog.request(request.method)
        onward.headers |= copy_headers(request, _PASSED)
        if request.method in OFFERING:
            kind, body = onward_body(request, body)
        else:
            kind = request.get("content-type")
        put_body(onward, body, kind)
        if self._keep_products:
            onward.headers |= products(request)
        if request.method != "INVITE":
            near.offer_in = near.offer_in or offer is not None
            far.offer_out = far.offer_out or offer is not None
            far.send(onward, PassedAnswer(self, branch, near, far, transaction, offer is not None))
            return
        near.attend(transaction)
        tags = words(request, "supported") + words(request, "require")
        if branch.caller_reliable and branch.callee_reliable and "100rel" in tags:
            speaks = "precondition" in tags and branch.qos[far.side].way is Way.THROUGH
            onward.headers["supported"] = ["precondition,100rel" if speaks else "100rel"]
        self._send_reinvite(_Reinvite(branch, near, far, offer is not None), onward)

    def _send_reinvite(self, underway: _Reinvite, onward: Request) -> None:
        onward.headers["contact"] = [""]
        onward.headers["allow"] = [ALLOW]
        self._reinvites[underway.far] = underway
        if underway.near is not None:
            self._reinvites[underway.near] = underway
        underway.far.invite(onward)

    def _update_here(
        self, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, offer: bytes | None
    ) -> bool:
        """An UPDATE that the other side need not see: a refresh, or news of a bearer that ends at the server."""
        if offer is None and not transaction.request.body:
            self._reply_update(near, transaction, b"")
            return True
        if offer is None:
            return False
        answer = branch.answer_here(near.side, offer, force=not self._takes_update(branch, far))
        if answer is None:
            return False
        self._reply_update(near, transaction, answer)
        self._owner.qos_moved(branch)
        return True

    @staticmethod
    def _takes_update(branch: Branch, far: Leg) -> bool:
        """Can an offer be sent to this side in its early dialog?"""
        if far.dialog.confirmed:
            return True
        # RFC 3312 3: whoever speaks preconditions takes UPDATE, whether an Allow says so or not
        takes = "UPDATE" in far.allow or (not far.allow and branch.qos[far.side].way is Way.THROUGH)
        return far.dialog.established and takes and not far.offer_out

    def _reply_update(self, near: Leg, transaction: ServerTransaction, body: bytes) -> None:
        response = transaction.make(200)
        put_body(response, body, SDP)
        self.finish_update(near, transaction, response)
        transaction.respond(response)

    def finish_update(self, near: Leg, transaction: ServerTransaction, response: Response) -> None:
        """The 2xx to an UPDATE refreshes target and session (RFC 3311 5.2, RFC 4028 9)."""
        near.offer_in = False
        near.sent(response)
        if transaction.request.method != "UPDATE" or response.code >= 300:
            return
        flow = transaction.flow
        endpoint = self._stack.endpoints[flow.local]
        response.headers["contact"] = [endpoint.contact(near.contact_user, flow.transport)]
        for name, value in near.session_headers.get("UPDATE", {}).items():
            response.headers[name] = [value]
        near.session_agreed("UPDATE")

    def _as_reinvite(
        self, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, offer: bytes | None
    ) -> None:
        """An UPDATE for a phone that takes none."""
        if offer is None or not far.dialog.confirmed or far.busy:
            raise SipError(500, "the other side takes no UPDATE now", {"retry-after": "2"})
        onward = far.dialog.request("INVITE")
        put_body(onward, branch.carry(near.side, offer, offer=True), SDP)
        underway = _Reinvite(branch, near, far, True)
        underway.update = transaction
        near.offer_in = True
        self._send_reinvite(underway, onward)

    # -- where the server is the end
    def _answer_as_end(self, branch: Branch, leg: Leg, transaction: ServerTransaction, offer: bytes | None) -> None:
        method = transaction.request.method
        body = self._end_answer(branch, leg, offer) if offer else b""
        if method == "INVITE":
            if offer is None:
                body = branch.anchor.again(leg.side, offer=True)
            leg.attend(transaction)
            leg.respond(200, "", {"allow": ALLOW}, SDP, body)
        elif method == "UPDATE":
            self._reply_update(leg, transaction, body)
        else:
            transaction.respond(transaction.make(200))
        if offer:
            self._owner.media_moved(branch)
            self._owner.qos_moved(branch)

    def _end_answer(self, branch: Branch, leg: Leg, offer: bytes) -> bytes:
        """The server's answer to an offer of a leg that ends here."""
        here = branch.answer_here(leg.side, offer)
        if here is not None:
            return here
        sdp = parse_sdp(offer)
        qos = branch.qos[leg.side]
        if qos.way is Way.END:
            qos.pre.heard(sdp)
        play = branch.session.type is DialogType.MT_CALL
        body = branch.anchor.echo(sdp, leg.side, branch.session.template if not play else None, play=play)
        branch.note_offer(leg.side, sdp)
        return body

    # -- PRACK
    def on_prack(self, near: Leg, transaction: ServerTransaction) -> None:
        """The caller acknowledges a provisional response: 481 if there is none (RFC 3262 3)."""
        request = transaction.request
        branch: Branch = near.branch
        if "rack" not in request.headers:
            raise SipError(400, "PRACK without RAck", reason="Missing RAck Header")
        sdp = sdp_of(request)
        if sdp:
            parse_sdp(sdp)  # one of no use acknowledges nothing
        answers = near.offer_out  # an offer of ours: the PRACK has the answer
        link = near.pracked(request)
        awaited = branch.unpracked.popleft() if branch.unpracked else None
        try:
            if awaited is not None and awaited.leg is not None and not awaited.leg.stopped:
                inside = near.uas is not None and bool(near.uas.request.to.tag)
                offer = bool(sdp) and (not answers if inside else branch.offered or branch.answered)
                self._pass_prack(branch, near, transaction, awaited, sdp, offer=offer)
                return
            if sdp and self._offer_as_update(branch, near, transaction, sdp):
                return
            response = transaction.make(200)
            if sdp and (branch.offered or branch.answered or not link.body):  # else the answer to the server's offer
                put_body(response, self._prack_answer(branch, near, sdp), SDP)
            near.offer_in = False
            near.sent(response)
            transaction.respond(response)
        except SipError:
            near.offer_in = False
            raise
        finally:
            near.release()
        self._owner.qos_moved(branch)

    def _pass_prack(
        self, branch: Branch, near: Leg, transaction: ServerTransaction, awaited: Awaited, sdp: bytes | None,
        *, offer: bool,
    ) -> None:  # fmt: skip
        far, response = awaited.leg, awaited.response
        assert far is not None
        assert response is not None
        try:
            body = branch.carry(near.side, sdp, offer=offer) if sdp else b""
        except SipError:  # the offer is refused, the response is acknowledged all the same
            self.prack(branch, far, response, awaited.rseq)
            raise
        far.prack(response, awaited.rseq, SDP, body, PassedAnswer(self, branch, near, far, transaction, offer))

    def _offer_as_update(self, branch: Branch, near: Leg, transaction: ServerTransaction, sdp: bytes) -> bool:
        """An offer in a PRACK that the callee does not see goes on by itself; False where that cannot be."""
        far = branch.other(near)
        if far is None or not (branch.offered or branch.answered) or branch.qos[near.side].way is Way.END:
            return False
        if far.stopped or far.offer_out or far.offer_in or not self._takes_update(branch, far):
            return False
        update = far.dialog.request("UPDATE")
        put_body(update, branch.carry(near.side, sdp, offer=True), SDP)
        far.offer_out = True
        far.send(update, PassedAnswer(self, branch, near, far, transaction, True))
        return True

    def _prack_answer(self, branch: Branch, near: Leg, sdp: bytes) -> bytes:
        """An offer in a PRACK that the other side does not see."""
        if branch.other(near) is None:
            return self._end_answer(branch, near, sdp)
        answer = branch.answer_here(near.side, sdp, force=True)
        if answer is None:
            raise SipError(488, "an offer in this PRACK cannot be passed on")
        return answer

    def prack(self, branch: Branch, leg: Leg, response: Response, rseq: int) -> None:
        """Acknowledge a provisional response of the callee for the server itself."""
        branch.pracking += 1
        leg.prack(response, rseq, SDP, b"", OwnAnswer(partial(self._pracked, branch)))

    def _pracked(self, branch: Branch, response: Response | None) -> None:
        branch.pracking -= 1
        branch.pracked = branch.pracked or response is not None
        self.tell_bearers(branch)

    def tell_bearers(self, branch: Branch) -> None:
        """The callee's preconditions end at the server, whose side stands now: an UPDATE says so (RFC 3312 5)."""
        leg, qos = branch.mt, branch.qos[MT]
        if leg is None or leg.stopped or branch.pracking or not branch.pracked or branch.updating:
            return
        if qos.way is not Way.END or not qos.pre.news or leg.dialog.confirmed or leg.offer_out or leg.offer_in:
            return
        if leg.allow and "UPDATE" not in leg.allow:
            return
        branch.updating = True
        update = leg.dialog.request("UPDATE")
        put_body(update, branch.anchor.again(MT, offer=True), SDP)
        leg.offer_out = True
        leg.send(update, OwnAnswer(partial(self._updated, branch, leg)))

    def _updated(self, branch: Branch, leg: Leg, response: Response | None) -> None:
        branch.updating = leg.offer_out = False
        if response is None or response.code >= 300:
            branch.qos[MT].pre.withdrawn()
            if response is not None and response.code in (491, 500):
                self._stack.wheel.add(RETRY, self.tell_bearers, branch)
            return
        leg.refreshed(response)
        try:
            answer = body_of(response, SDP)
            if answer:
                branch.qos[MT].pre.heard(parse_sdp(answer))
        except SipError as error:
            log(IMS, INFO, f"the answer to an UPDATE is of no use: {error}", id=branch.session.call.id)

    # -- a re-INVITE of the server itself
    def reinvite(self, leg: Leg, refused: Callable[[], None] | None = None) -> bool:
        """Offer a leg again what it was offered last; False where something else is open. A refusal calls `refused`."""
        branch: Branch = leg.branch
        if not _free(leg):
            return False
        onward = leg.dialog.request("INVITE")
        body = branch.anchor.again(leg.side, offer=True)
        put_body(onward, body, SDP)
        underway = _Reinvite(branch, None, leg, bool(body))
        underway.refused = refused
        self._send_reinvite(underway, onward)
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
        return self.reinvite(leg, undo)

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
            self.reinvite(leg, undo)

    def _own_answered(self, underway: _Reinvite, leg: Leg, response: Response) -> None:
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

    # -- the answers to a re-INVITE: each says whether it was one
    def answered(self, leg: Leg, response: Response) -> bool:
        """2xx from the far leg."""
        underway = self._reinvites.get(leg)
        if underway is None or leg is not underway.far:
            return False
        underway.acknowledge = True
        near, branch = underway.near, underway.branch
        if near is None:
            self._own_answered(underway, leg, response)
            return True
        try:
            body = self.answer_body(branch, leg, response, offered=underway.had_offer) or underway.early
        except SipError as error:  # no way back for the far side: it has changed already
            self._refuse_near(underway, 500, error.reason, {})
            self.forget(leg)
            self._owner.stop(branch.session, f"the answer to a re-INVITE is of no use: {error}")
            return True
        if underway.update is not None:
            self._forget(underway)
            leg.ack("", b"")
            self._reply_update(near, underway.update, body)
        else:
            near.respond(200, response.reason, {"allow": ALLOW}, SDP, body)
        if underway.had_offer:
            self._owner.media_moved(branch)
        return True

    def progress(self, leg: Leg, response: Response, rseq: int) -> None:
        """A reliable 1xx to a re-INVITE: media that waits for its bearer is settled so (RFC 6141 3, IR.94 2.4)."""
        branch: Branch = leg.branch
        underway = self._reinvites.get(leg)
        if underway is None or leg is not underway.far or underway.near is None:
            self.prack(branch, leg, response, rseq)
            return
        near, body = underway.near, b""
        try:
            sdp = body_of(response, SDP)
            body = branch.carry(leg.side, sdp, offer=not underway.had_offer) if sdp else b""
        except SipError as error:
            log(IMS, INFO, f"the SDP of a {response.code} is of no use: {error}", id=branch.session.call.id)
        tags = words(near.uas.request, "supported") + words(near.uas.request, "require") if near.uas else []
        if "100rel" not in tags:
            underway.early = body
            self.prack(branch, leg, response, rseq)
            return
        branch.unpracked.append(Awaited(leg, response, rseq))
        near.respond(response.code, response.reason, {}, SDP, body, reliable=True)

    def answer_body(self, branch: Branch, far: Leg, response: Response, *, offered: bool) -> bytes:
        """The SDP of a 2xx for the other side; an offer that got no answer is withdrawn."""
        sdp = body_of(response, SDP)
        if sdp:
            return branch.carry(far.side, sdp, offer=not offered)
        if offered:
            branch.anchor.withdraw()
        return b""

    def refused(self, leg: Leg, code: int, reason: str, response: Response | None) -> bool:
        """A final error from the far leg, or none (408, 503)."""
        underway = self._reinvites.get(leg)
        if underway is None or leg is not underway.far:
            return False
        self._forget(underway)
        branch = underway.branch
        if underway.refused is not None:
            underway.refused()
        if underway.near is None:
            if code == 491:
                leg.retry_refresh()
            elif code not in _GONE:
                leg.session.refused()
                leg.keep_alive()
        else:
            branch.anchor.withdraw()
            shown, headers = shown_to_near(code, response)
            self._refuse_near(underway, shown, reason if response else "", headers)
        if code in _GONE:
            self._owner.stop(branch.session, f"re-INVITE answered {code}")
        return True

    def _refuse_near(self, underway: _Reinvite, code: int, reason: str, headers: dict[str, str]) -> None:
        assert underway.near is not None
        if underway.update is not None:
            underway.near.offer_in = False
            underway.update.reply(code, reason, headers)
        else:
            underway.near.offer_in = False
            underway.near.respond(code, reason, headers, "", b"")

    def acked(self, leg: Leg, ack: Request) -> bool:
        """The near leg's ACK goes on to the far one."""
        underway = self._reinvites.get(leg)
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
        underway = self._reinvites.get(leg)
        if underway is None or leg is not underway.near:
            return False
        underway.far.cancel("")
        if underway.timer is None:
            underway.timer = self._stack.wheel.add(65 * self._stack.timings.t1, self._not_cancelled, underway)
        return True

    def _not_cancelled(self, underway: _Reinvite) -> None:
        """The far leg answers neither the re-INVITE nor its CANCEL: it is gone."""
        self.refused(underway.far, 408, "", None)

    def forget(self, leg: Leg) -> None:
        """Nothing is under way on this leg any more; a 2xx that came is acknowledged."""
        underway = self._reinvites.get(leg)
        if underway is not None:
            self._forget(underway)
            if underway.update is not None and not underway.update.answered:
                underway.update.reply(500)
            if underway.acknowledge:
                underway.far.ack("", b"")

    def _forget(self, underway: _Reinvite) -> None:
        if underway.near is not None:
            self._reinvites.pop(underway.near, None)
        self._reinvites.pop(underway.far, None)
        if underway.timer is not None:
            self._stack.wheel.cancel(underway.timer)

    # -- the answers to the others
    def answer_near(
        self, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, response: Response, offered: bool
    ) -> None:
        """Bring the far side's final answer back."""
        method, session = transaction.request.method, branch.session
        code, headers = shown_to_near(response.code, response)
        far.heard(response)
        far.offer_out = near.offer_in = False
        back = transaction.make(code, response.reason if code == response.code else "")
        back.headers |= {name: [value] for name, value in headers.items()}
        if self._keep_products:
            back.headers |= products(response)
        if method in ("UPDATE", "PRACK") and not session.ended:
            self._finish_offer(branch, far, response, back, offered)
        else:
            put_body(back, response.body, response.get("content-type"))
        self.finish_update(near, transaction, back)
        transaction.respond(back)
        if code in _GONE and method != "PRACK":
            self._owner.leg_lost(far, f"{method} answered {code}")
        elif offered and back.code < 300 and not session.ended:
            self._owner.media_moved(branch)
            self._owner.qos_moved(branch)

    def _finish_offer(self, branch: Branch, far: Leg, response: Response, back: Response, offered: bool) -> None:
        if response.code >= 300:
            if offered:
                branch.anchor.withdraw()
            return
        if back.get("cseq").endswith("UPDATE"):
            far.refreshed(response)
        try:
            put_body(back, self.answer_body(branch, far, response, offered=True) if offered else b"", SDP)
        except SipError as error:
            branch.anchor.withdraw()
            log(IMS, INFO, f"the answer to an offer is of no use: {error}", id=branch.session.call.id)
            back.code, back.reason = 500, error.reason

    def no_answer(
        self, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, offered: bool
    ) -> None:  # fmt: skip
        """None came: the other side is gone (RFC 3261 12.2.1.2)."""
        if offered:
            branch.anchor.withdraw()
        far.offer_out = near.offer_in = False
        method = transaction.request.method
        transaction.reply(408)
        self._owner.leg_lost(far, f"no answer to {method}")


def _free(leg: Leg) -> bool:
    """May the server offer something to this leg now?"""
    return leg.dialog.confirmed and not (leg.busy or leg.offer_in or leg.offer_out or leg.stopped)

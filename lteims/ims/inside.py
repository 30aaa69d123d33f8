"""What passes inside the dialogs of a call: re-INVITE, UPDATE, PRACK, INFO, MESSAGE (RFC 3261 14, 3262, 3311, 6337).

calls.py hands in the request of one leg; the same method goes out on the other with the SDP anchored, and its answer
comes back; of a re-INVITE reinvites.py keeps account until its ACK. Where the server is the end it answers by itself.
"""

from typing import Protocol

from lteims.ims.answers import GONE, PassedAnswer, answer_body, put_body, reply_with, shown_to_near
from lteims.ims.branch import Awaited, Branch
from lteims.ims.capabilities import ALLOW, tags_of
from lteims.ims.leg import Leg
from lteims.ims.onward import onward_body
from lteims.ims.outbound import products
from lteims.ims.own_requests import OwnRequests
from lteims.ims.qos import Way
from lteims.ims.record import DialogType
from lteims.ims.reinvites import Reinvite, Reinvites
from lteims.ims.sdp_body import SDP, parse_sdp, sdp_of
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.errors import SipError
from lteims.sip.message import Response, copy_headers
from lteims.trace import IMS, INFO, log

OFFERING = ("INVITE", "UPDATE")
_PASSED = (
    "content-disposition", "info-package", "reason", "accept", "subject", "p-early-media", "session-id", "geolocation",
    "geolocation-routing", "user-to-user", "recv-info",
)  # fmt: skip


class Owner(Protocol):
    """What calls.py is asked for."""

    def leg_lost(self, leg: Leg, why: str) -> None:
        """A leg is gone."""

    def qos_moved(self, branch: Branch) -> None:
        """A phone has told of its bearers."""

    def media_moved(self, branch: Branch) -> None:
        """An offer inside the call has been answered."""


class Inside:
    """Passes them on; answers.Hearer."""

    def __init__(self, owner: Owner, reinvites: Reinvites, own: OwnRequests, *, keep_products: bool) -> None:
        """`keep_products`: User-Agent and Server of the phones pass, too."""
        self._owner = owner
        self._reinvites = reinvites
        self._own = own
        self._keep_products = keep_products

    # -- from one leg to the other
    def pass_on(self, near: Leg, transaction: ServerTransaction) -> None:
        """Send a request of one leg on to the other; SipError where that cannot be."""
        request = transaction.request
        branch: Branch = near.branch
        offer = sdp_of(request) if request.method in OFFERING else None
        if request.method in OFFERING:
            near.refresh.terms.on_request(request)
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
        tags = tags_of(request)
        if branch.caller_reliable and branch.callee_reliable and "100rel" in tags:
            speaks = "precondition" in tags and branch.qos[far.side].way is Way.THROUGH
            onward.headers["supported"] = ["precondition,100rel" if speaks else "100rel"]
        self._reinvites.send(Reinvite(branch, near, far, had_offer=offer is not None), onward)

    def _update_here(
        self, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, offer: bytes | None
    ) -> bool:
        """An UPDATE that the other side need not see: a refresh, or news of a bearer that ends at the server."""
        if offer is None and not transaction.request.body:
            reply_with(near, transaction, b"")
            return True
        if offer is None:
            return False
        answer = branch.answer_here(near.side, offer, force=not self._takes_update(branch, far))
        if answer is None:
            return False
        reply_with(near, transaction, answer)
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

    def _as_reinvite(
        self, branch: Branch, near: Leg, far: Leg, transaction: ServerTransaction, offer: bytes | None
    ) -> None:
        """An UPDATE for a phone that takes none."""
        if offer is None or not far.dialog.confirmed or far.busy:
            raise SipError(500, "the other side takes no UPDATE now", {"retry-after": "2"})
        onward = far.dialog.request("INVITE")
        put_body(onward, branch.carry(near.side, offer, offer=True), SDP)
        near.offer_in = True
        self._reinvites.send(Reinvite(branch, near, far, had_offer=True, update=transaction), onward)

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
            reply_with(leg, transaction, body)
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
            body = b""
            if sdp and (branch.offered or branch.answered or not link.body):  # else the answer to the server's offer
                body = self._prack_answer(branch, near, sdp)
            reply_with(near, transaction, body)
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
            self._own.prack(branch, far, response, awaited.rseq)
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

    # -- the answers
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
        near.reply(transaction, back)
        if code in GONE and method != "PRACK":
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
            put_body(back, answer_body(branch, far, response, offered=True) if offered else b"", SDP)
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

"""What one leg of a call passes to the other inside the dialogs: re-INVITE, UPDATE, INFO, MESSAGE (RFC 3261 14, 3311).

calls.py hands in the request of one leg; the same method goes out on the other with the SDP anchored, and its
answer comes back. A re-INVITE is acknowledged end to end, so that an offer in its 2xx works too.
"""

from typing import TYPE_CHECKING

from lteims.ims.anchor import SDP
from lteims.ims.leg import Leg
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.errors import SipError
from lteims.sip.message import Message, Request, Response, copy_headers
from lteims.sip.multipart import body_of

if TYPE_CHECKING:
    from lteims.ims.calls import Session

_PASSED = ("content-type", "content-disposition", "info-package", "reason", "accept", "subject")
_PASSED_BACK = ("warning", "retry-after", "reason", "accept")


class _Reinvite:
    """One re-INVITE under way: from `near` to `far`."""

    __slots__ = ("far", "had_offer", "near", "session")

    def __init__(self, session: "Session", near: Leg, far: Leg, had_offer: bool) -> None:
        self.session = session
        self.near = near
        self.far = far
        self.had_offer = had_offer


class Inside:
    """The requests under way inside calls."""

    def __init__(self, stack: SipStack) -> None:
        self._stack = stack
        self._reinvites: dict[int, _Reinvite] = {}  # by id() of both legs

    def pass_on(self, session: "Session", near: Leg, transaction: ServerTransaction) -> None:
        """Send a request of one leg on to the other; SipError where that cannot be."""
        request = transaction.request
        far = session.callee_leg if near is session.caller_leg else session.caller_leg
        if far is None:  # the echo takes everything
            self._answer_for_echo(session, transaction)
            return
        if not far.dialog.confirmed or far.stopped:
            raise SipError(500, "the other side has no dialog yet", {"retry-after": "2"})
        if request.method in ("INVITE", "UPDATE") and far.busy:
            raise SipError(491, "the other side has an INVITE open")
        onward = far.dialog.request(request.method)
        onward.headers |= copy_headers(request, _PASSED)
        onward.body = self._relayed(session, near.side, request, offer=True)
        if request.method == "INVITE":
            near.attend(transaction)
            onward.headers["contact"] = [""]
            underway = _Reinvite(session, near, far, bool(onward.body))
            self._reinvites[id(near)] = self._reinvites[id(far)] = underway
            far.invite(onward)
        else:
            if request.method == "UPDATE":
                onward.headers["contact"] = [""]
            far.send(onward, _PassedAnswer(self, session, near, far, transaction))

    def _answer_for_echo(self, session: "Session", transaction: ServerTransaction) -> None:
        request = transaction.request
        response = transaction.make(200)
        offer = body_of(request, SDP) if request.method == "UPDATE" and request.body else None
        if offer is not None:
            response.body = session.anchor.echo(offer)
            response.headers["content-type"] = [SDP]
        if request.method == "UPDATE":
            endpoint = self._stack.endpoints[transaction.flow.local]
            user = session.caller_leg.contact_user
            response.headers["contact"] = [endpoint.contact(user, transaction.flow.transport)]
        transaction.respond(response)

    def _relayed(self, session: "Session", side: int, message: Message, *, offer: bool) -> bytes:
        """The body for the other side: SDP anchored, anything else as it is."""
        if not message.body:
            return b""
        sdp = body_of(message, SDP)
        if sdp is None:
            return message.body
        return session.anchor.relay(side, sdp, offer=offer)

    # -- the answers to a re-INVITE: each says whether it was one
    def answered(self, leg: Leg, response: Response) -> bool:
        """2xx from the far leg."""
        underway = self._reinvites.get(id(leg))
        if underway is None or leg is not underway.far:
            return False
        try:
            body = self._relayed(underway.session, leg.side, response, offer=not underway.had_offer)
        except SipError as error:
            leg.ack("", b"")
            self.forget(leg)
            underway.near.respond(500, error.reason, {}, "", b"")
            return True
        underway.near.respond(200, response.reason, {}, response.get("content-type") or SDP, body)
        return True

    def refused(self, leg: Leg, code: int, reason: str) -> bool:
        """A final error from the far leg, or none (408, 503)."""
        underway = self._reinvites.get(id(leg))
        if underway is None or leg is not underway.far:
            return False
        self.forget(leg)
        underway.near.respond(code, reason if code not in (408, 503) else "", {}, "", b"")
        return True

    def acked(self, session: "Session", leg: Leg, ack: Request) -> bool:
        """The near leg's ACK goes on to the far one."""
        underway = self._reinvites.get(id(leg))
        if underway is None or leg is not underway.near:
            return False
        self.forget(leg)
        body = self._relayed(session, leg.side, ack, offer=False)
        underway.far.ack(ack.get("content-type") or SDP, body)
        return True

    def cancelled(self, leg: Leg) -> bool:
        """The near leg gave its re-INVITE up."""
        underway = self._reinvites.get(id(leg))
        if underway is None or leg is not underway.near:
            return False
        underway.far.cancel("")
        underway.near.respond(487, "", {}, "", b"")
        return True

    def forget(self, leg: Leg) -> None:
        """Nothing is under way on this leg any more."""
        underway = self._reinvites.get(id(leg))
        if underway is not None:
            self._reinvites.pop(id(underway.near), None)
            self._reinvites.pop(id(underway.far), None)


class _PassedAnswer:
    """Brings the answer to an UPDATE, INFO or MESSAGE back."""

    def __init__(self, inside: Inside, session: "Session", near: Leg, far: Leg, transaction: ServerTransaction) -> None:
        self._inside = inside
        self._session = session
        self._near = near
        self._far = far
        self._transaction = transaction

    def on_response(self, response: Response) -> None:
        """leg.Answer."""
        if response.code < 200:
            return
        back = self._transaction.make(response.code, response.reason)
        back.headers |= copy_headers(response, _PASSED_BACK)
        if response.body and not self._session.anchor.closed:
            try:
                back.body = self._inside._relayed(self._session, self._far.side, response, offer=False)
            except SipError as error:
                self._transaction.reply(500, error.reason)
                return
            back.headers["content-type"] = [response.get("content-type")]
        if self._transaction.request.method == "UPDATE" and response.code < 300:
            endpoint = self._inside._stack.endpoints[self._near.flow.local]
            back.headers["contact"] = [endpoint.contact(self._near.contact_user, self._near.flow.transport)]
        self._transaction.respond(back)

    def on_failure(self, code: int, why: str) -> None:
        """leg.Answer."""
        self._transaction.reply(408 if code == 408 else 500)

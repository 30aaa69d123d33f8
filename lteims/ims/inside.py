"""What one leg of a call passes to the other inside the dialogs: re-INVITE, UPDATE, INFO, MESSAGE (RFC 3261 14, 3311).

calls.py hands in the request of one leg; the same method goes out on the other with the SDP anchored, and its
answer comes back. A re-INVITE is acknowledged end to end, so that an offer in its 2xx works too.
"""

from collections.abc import Callable

from lteims.ims.anchor import SDP, sdp_of
from lteims.ims.leg import Leg
from lteims.ims.outbound import products
from lteims.ims.session import Session
from lteims.net.sip import SipStack
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.errors import SipError
from lteims.sip.message import Message, Request, Response, copy_headers
from lteims.sip.multipart import body_of
from lteims.trace import IMS, INFO, log

ALLOW = "REGISTER, INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, MESSAGE"
OFFERING = ("INVITE", "UPDATE")
_PASSED = ("content-type", "content-disposition", "info-package", "reason", "accept", "subject")
_PASSED_BACK = ("warning", "retry-after", "reason", "accept", "allow", "recv-info")
_GONE = (408, 481)  # after these the dialog is over: RFC 3261 12.2.1.2
Stop = Callable[[Session, str], None]


class _Reinvite:
    """One re-INVITE under way: from `near` to `far`."""

    __slots__ = ("acknowledge", "far", "had_offer", "near", "session", "timer")

    def __init__(self, session: Session, near: Leg, far: Leg, had_offer: bool) -> None:
        self.session = session
        self.near = near
        self.far = far
        self.had_offer = had_offer
        self.acknowledge = False  # has the far side answered 2xx?
        self.timer: Handle | None = None  # of a CANCEL that gets no answer


class Inside:
    """The requests under way inside calls; `stop` ends a call whose other side is gone."""

    def __init__(self, stack: SipStack, stop: Stop, keep_products: bool) -> None:
        self._stack = stack
        self._stop = stop
        self._keep_products = keep_products
        self._reinvites: dict[Leg, _Reinvite] = {}  # by both legs

    def __len__(self) -> int:
        return len(self._reinvites)

    def pass_on(self, session: Session, near: Leg, transaction: ServerTransaction) -> None:
        """Send a request of one leg on to the other; SipError where that cannot be."""
        request = transaction.request
        far = session.other(near)
        if far is None:  # the echo takes everything
            self._answer_for_echo(session, near, transaction)
            return
        if not far.dialog.confirmed or far.stopped:
            raise SipError(500, "the other side has no dialog yet", {"retry-after": "2"})
        offer = sdp_of(request) if request.method in OFFERING else None
        if far.busy and (request.method == "INVITE" or offer):
            raise SipError(491, "the other side has an INVITE open")
        body = session.anchor.relay(near.side, offer, offer=True) if offer else request.body
        onward = far.dialog.request(request.method)
        onward.headers |= copy_headers(request, _PASSED)
        self._put_body(onward, body, SDP if offer else request.get("content-type"))
        if self._keep_products:
            onward.headers |= products(request)
        if request.method != "INVITE":
            if request.method == "UPDATE":
                onward.headers["contact"] = [""]
            far.send(onward, _PassedAnswer(self, session, near, far, transaction, offer is not None))
            return
        near.attend(transaction)
        onward.headers["contact"] = [""]
        onward.headers["allow"] = [ALLOW]
        underway = _Reinvite(session, near, far, offer is not None)
        self._reinvites[near] = self._reinvites[far] = underway
        far.invite(onward)

    def _put_body(self, message: Message, body: bytes, content_type: str) -> None:
        message.body = body
        if body:
            message.headers["content-type"] = [content_type]
        else:
            message.headers.pop("content-type", None)

    def _answer_for_echo(self, session: Session, leg: Leg, transaction: ServerTransaction) -> None:
        request = transaction.request
        offer = sdp_of(request) if request.method in OFFERING else None
        if request.method == "INVITE":
            leg.attend(transaction)
            body = session.anchor.echo(offer) if offer else session.anchor.last_sent(leg.side)
            leg.respond(200, "", {"allow": ALLOW}, SDP, body)
            return
        response = transaction.make(200)
        if offer:
            self._put_body(response, session.anchor.echo(offer), SDP)
        self._put_contact(response, leg, transaction)
        transaction.respond(response)

    def _put_contact(self, response: Response, leg: Leg, transaction: ServerTransaction) -> None:
        """UPDATE refreshes the target, so its 2xx has a Contact (RFC 3311 5.2)."""
        if transaction.request.method == "UPDATE" and response.code < 300:
            flow = transaction.flow
            endpoint = self._stack.endpoints[flow.local]
            response.headers["contact"] = [endpoint.contact(leg.contact_user, flow.transport)]

    # -- the answers to a re-INVITE: each says whether it was one
    def answered(self, leg: Leg, response: Response) -> bool:
        """2xx from the far leg."""
        underway = self._reinvites.get(leg)
        if underway is None or leg is not underway.far:
            return False
        underway.acknowledge = True
        try:
            body = self.answer_body(underway.session, leg, response, offered=underway.had_offer)
        except SipError as error:  # no way back for the far side: it has changed already
            underway.near.respond(500, error.reason, {}, "", b"")
            self.forget(leg)
            self._stop(underway.session, f"the answer to a re-INVITE is of no use: {error}")
            return True
        underway.near.respond(200, response.reason, {"allow": ALLOW}, SDP, body)
        return True

    def answer_body(self, session: Session, far: Leg, response: Response, *, offered: bool) -> bytes:
        """The SDP of a 2xx for the other side; an offer that got no answer is withdrawn."""
        sdp = body_of(response, SDP)
        if sdp:
            return session.anchor.relay(far.side, sdp, offer=not offered)
        if offered:
            session.anchor.withdraw()
        return b""

    def refused(self, leg: Leg, code: int, reason: str, response: Response | None) -> bool:
        """A final error from the far leg, or none (408, 503)."""
        underway = self._reinvites.get(leg)
        if underway is None or leg is not underway.far:
            return False
        self.forget(leg)
        underway.session.anchor.withdraw()
        code, headers = shown_to_near(code, response)
        underway.near.respond(code, reason if response else "", headers, "", b"")
        if code in _GONE:
            self._stop(underway.session, f"re-INVITE answered {code}")
        return True

    def acked(self, session: Session, leg: Leg, ack: Request) -> bool:
        """The near leg's ACK goes on to the far one."""
        underway = self._reinvites.get(leg)
        if underway is None or leg is not underway.near:
            return leg is not session.caller_leg  # the callee acknowledges nothing but re-INVITEs
        sdp = body_of_ack(ack)
        try:
            body = session.anchor.relay(leg.side, sdp, offer=False) if sdp and not underway.had_offer else b""
        except SipError as error:
            self.forget(leg)
            self._stop(session, f"the answer in an ACK is of no use: {error}")
            return True
        self._forget(underway)
        underway.far.ack(SDP, body)
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
            if underway.acknowledge:
                underway.far.ack("", b"")

    def _forget(self, underway: _Reinvite) -> None:
        self._reinvites.pop(underway.near, None)
        self._reinvites.pop(underway.far, None)
        if underway.timer is not None:
            self._stack.wheel.cancel(underway.timer)

    # -- the answers to the others
    def answer_near(
        self, session: Session, near: Leg, far: Leg, transaction: ServerTransaction, response: Response, offered: bool
    ) -> None:
        """Bring the far side's final answer back."""
        method = transaction.request.method
        code, headers = shown_to_near(response.code, response)
        back = transaction.make(code, response.reason if code == response.code else "")
        back.headers |= {name: [value] for name, value in headers.items()}
        if self._keep_products:
            back.headers |= products(response)
        if method == "UPDATE" and not session.ended:
            self._finish_update(session, far, response, back, offered)
        else:
            self._put_body(back, response.body, response.get("content-type"))
        self._put_contact(back, near, transaction)
        transaction.respond(back)
        if code in _GONE:
            self._stop(session, f"{method} answered {code}")

    def _finish_update(self, session: Session, far: Leg, response: Response, back: Response, offered: bool) -> None:
        if response.code >= 300:
            if offered:
                session.anchor.withdraw()
            return
        far.dialog.refresh_target(response)
        try:
            self._put_body(back, self.answer_body(session, far, response, offered=True) if offered else b"", SDP)
        except SipError as error:
            session.anchor.withdraw()
            log(IMS, INFO, f"the answer to an UPDATE is of no use: {error}", id=session.call.id)
            back.code, back.reason = 500, error.reason

    def no_answer(self, session: Session, transaction: ServerTransaction, offered: bool) -> None:
        """None came: the other side is gone (RFC 3261 12.2.1.2)."""
        if offered:
            session.anchor.withdraw()
        method = transaction.request.method
        transaction.reply(408)
        self._stop(session, f"no answer to {method}")


class _PassedAnswer:
    """Brings the answer to an UPDATE, INFO or MESSAGE back; leg.Answer."""

    __slots__ = ("_far", "_inside", "_near", "_offered", "_session", "_transaction")

    def __init__(
        self, inside: Inside, session: Session, near: Leg, far: Leg, transaction: ServerTransaction, offered: bool
    ) -> None:
        self._inside = inside
        self._session = session
        self._near = near
        self._far = far
        self._transaction = transaction
        self._offered = offered

    def on_response(self, response: Response) -> None:
        if response.code >= 200:
            self._inside.answer_near(self._session, self._near, self._far, self._transaction, response, self._offered)

    def on_failure(self, code: int, why: str) -> None:
        self._inside.no_answer(self._session, self._transaction, self._offered)


def shown_to_near(code: int, response: Response | None) -> tuple[int, dict[str, str]]:
    """The far side's refusal as the near one may see it: no challenges, no redirections, no 503 of a transport."""
    if response is None:
        return 408, {}
    if code in (401, 407) or 300 <= code < 400:
        return 488, {}
    return code, {name: ", ".join(response.headers[name]) for name in _PASSED_BACK if name in response.headers}


def body_of_ack(ack: Request) -> bytes | None:
    """The SDP of an ACK; one that cannot be read is none, as nobody could answer it."""
    try:
        return body_of(ack, SDP)
    except SipError:
        return None

"""A leg: one SIP dialog of a call, early or confirmed (RFC 3261 12 to 15); what the remote API calls a dialog.

`Leg` sends and answers inside its dialog, keeps its offers in order (RFC 3264 4, 3311 5) and hangs up. What happens is
told to its owner (calls.py); what it means for the call is decided in call.py.
"""

from typing import Any, Protocol

from lteims.ims.record import DialogRecord
from lteims.ims.session_refresh import SessionRefresh
from lteims.ims.uac_invite import UacInvite
from lteims.ims.uas_invite import UasInvite, has_preconditions
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.message import Message, Request, Response
from lteims.sip.reliable import RAck, ReliableReceiver
from lteims.sip.session_timer import SessionTimer

TERMINATED = 'SIP;cause=200;text="Terminated"'


class LegOwner(Protocol):
    """What a leg tells."""

    def leg_forked(self, leg: "Leg", other: "Leg") -> None:
        """Another phone behind the callee of `leg` has answered: `other` is its dialog; its message is told next."""

    def leg_progress(self, leg: "Leg", response: Response, rseq: int | None) -> None:
        """1xx above 100 to our INVITE; with `rseq` a `leg.prack` is owed."""

    def leg_answered(self, leg: "Leg", response: Response) -> None:
        """2xx to our INVITE; `leg.ack` is owed."""

    def leg_refused(self, leg: "Leg", code: int, reason: str, response: Response | None) -> None:
        """A final error, or none at all."""

    def leg_acked(self, leg: "Leg", ack: Request) -> None:
        """The peer acknowledged our 2xx."""

    def leg_unacknowledged(self, leg: "Leg", why: str) -> None:
        """It never did (RFC 3261 13.3.1.4), or never a reliable provisional response (RFC 3262 3)."""

    def leg_cancelled(self, leg: "Leg", cancel: Request) -> None:
        """The peer cancelled its INVITE."""

    def leg_refresh(self, leg: "Leg") -> None:
        """The session is to be refreshed by a re-INVITE: the peer takes no UPDATE."""

    def leg_lost(self, leg: "Leg", why: str) -> None:
        """The session has expired, or the peer knows no such dialog."""

    def leg_over(self, leg: "Leg") -> None:
        """The BYE that had to wait for the ACK has left."""

    def on_ack(self, ack: Request) -> None:
        """An ACK came with the transaction of its INVITE: to the leg that its To tag names."""


class Answer(Protocol):
    """Who waits for the answer to a request inside the dialog."""

    def on_response(self, response: Response) -> None:
        """Any response."""

    def on_failure(self, code: int, why: str) -> None:
        """None came."""


class Leg:
    """One side of a call."""

    __slots__ = (
        "_accepted", "_ack", "_ack_cseq", "_farewell", "_invite", "_stack", "allow", "branch",
        "contact_user", "dialog", "flow", "invite_confirms", "offer_in", "offer_out", "owner", "receiver", "record",
        "refresh", "side", "stopped", "supported", "uac", "uas",
    )  # fmt: skip

    def __init__(
        self, stack: SipStack, owner: LegOwner, side: int, dialog: Dialog, flow: Flow, user: str, terms: SessionTimer
    ) -> None:
        self._stack = stack
        self.owner = owner
        self.side = side
        self.dialog = dialog
        self.flow = flow
        self.contact_user = user
        self.refresh = SessionRefresh(stack, terms)
        self.branch: Any = None  # the owner's
        self.record: DialogRecord | None = None
        self.stopped = False  # BYE sent or received, or the INVITE refused
        self.allow: frozenset[str] = frozenset()  # the methods that the peer takes
        self.supported: frozenset[str] = frozenset()  # its option tags
        self.offer_in = False  # an offer of the peer waits for our answer
        self.offer_out = False  # one of ours waits for the peer's
        self.uas: UasInvite | None = None  # the INVITE of the peer that came last
        self.uac: UacInvite | None = None  # the INVITE that we sent last
        self.invite_confirms = 0  # the number of the INVITE of ours that makes this dialog
        self.receiver = ReliableReceiver()
        self._invite: Request | None = None  # as it was sent last
        self._accepted = False  # has the 2xx to our INVITE come?
        self._ack_cseq = 0  # the number of the INVITE that we sent last
        self._ack: tuple[Flow, Request, bytes] | None = None  # the ACK that we sent, in case the 2xx comes again
        self._farewell: Request | None = None  # the BYE that waits for the ACK

    def fork(self, uac: UacInvite) -> "Leg":
        """The leg of another answer to the same INVITE."""
        other = Leg(
            self._stack, self.owner, self.side, self.dialog.fork(uac.cseq), self.flow, self.contact_user,
            self.refresh.terms.copy(),
        )  # fmt: skip
        other.uac = uac
        other.invite_confirms = other._ack_cseq = uac.cseq
        other.offer_out = bool(uac.had_offer)
        self.owner.leg_forked(self, other)
        return other

    def sibling(self, dialog: Dialog) -> "Leg":
        """Another early dialog of the INVITE that this leg got, under a local tag of its own."""
        other = Leg(
            self._stack, self.owner, self.side, dialog, self.flow, self.contact_user, self.refresh.terms.copy()
        )  # fmt: skip
        other.allow, other.supported = self.allow, self.supported
        other.offer_in = self.uas is not None and bool(self.uas.request.body)
        if self.uas is not None:
            other.uas = UasInvite(self._stack, other, self.uas.transaction)
        return other

    @property
    def features(self) -> str:
        """The other side's feature parameters, as our Contact shows them (RFC 3840)."""
        return str(self.branch.features) if self.side == 0 and self.branch is not None else ""

    # -- the record
    def sent(self, message: Message) -> None:
        """A message has left."""
        if self.record is not None:
            self.record.message("send", message)

    def noted(self, message: Message) -> None:
        """A message has come."""
        if self.record is not None:
            self.record.message("recv", message)

    def heard(self, message: Message) -> None:
        """As `noted`, and what does the peer understand?"""
        self.noted(message)
        if "allow" in message.headers:
            self.allow = frozenset(token.upper() for token in message.words("allow"))
        if "supported" in message.headers:
            self.supported = frozenset(message.words("supported"))

    # -- the INVITE that came
    def attend(self, transaction: ServerTransaction) -> None:
        """Take an INVITE of the peer, the first or a later one; `respond` answers it. SipError 422 (RFC 4028 8)."""
        self.refresh.terms.on_request(transaction.request)
        self.uas = UasInvite(self._stack, self, transaction)
        self.offer_in = bool(transaction.request.body)
        transaction.to_tag = self.dialog.local_tag
        transaction.on_cancel = self._cancelled
        transaction.on_ack = self.owner.on_ack

    def respond(
        self, code: int, reason: str, headers: dict[str, str], content_type: str, body: bytes, *, reliable: bool = False
    ) -> None:
        """Answer the open INVITE."""
        uas = self.uas
        if uas is None:
            return
        success = 200 <= code < 300
        timer = self.refresh.terms.answer("INVITE") if success else {}
        response = uas.respond(code, reason, timer | headers, content_type, body, reliable=reliable)
        if response is None:
            return
        if body and (success or (reliable and code < 200)):
            self._described(ours=True)
        if success:
            if not body:
                self.offer_in = False
            self.refresh.answered(self, "INVITE")

    def _described(self, *, ours: bool) -> None:
        """SDP that counts has passed: the answer to an open offer, or an offer (RFC 3264 4)."""
        if ours:
            if self.offer_in:
                self.offer_in = False
            else:
                self.offer_out = True
        elif self.offer_out:
            self.offer_out = False
        else:
            self.offer_in = True

    def reply(self, transaction: ServerTransaction, response: Response) -> None:
        """Answer a request but INVITE; a 2xx to an UPDATE refreshes target and session (RFC 3311 5.2, RFC 4028 9)."""
        self.offer_in = False
        self.sent(response)
        if transaction.request.method == "UPDATE" and response.code < 300:
            flow = transaction.flow
            endpoint = self._stack.endpoints[flow.local]
            response.headers["contact"] = [endpoint.contact(self.contact_user, flow.transport)]
            for name, value in self.refresh.terms.answer("UPDATE").items():
                response.headers[name] = [value]
            self.refresh.answered(self, "UPDATE")
        transaction.respond(response)

    def pracked(self, prack: Request) -> Response:
        """A PRACK came: the provisional response that it acknowledges. SipError 481 if there is none."""
        if self.uas is None:
            raise SipError(481, "no INVITE waits for a PRACK")
        link = self.uas.acknowledged(prack)
        if prack.body:
            self._described(ours=False)
        return link

    def release(self) -> None:
        """The PRACK has its answer: send what it has set free."""
        if self.uas is not None:
            self.uas.release()

    def on_ack(self, ack: Request) -> None:
        """The ACK to our 2xx, however it came."""
        if self.uas is None or not self.uas.on_ack(ack):
            return
        self.heard(ack)
        self.offer_out = False
        if self._farewell is not None:
            self._say_farewell()
        else:
            self.owner.leg_acked(self, ack)

    def never_pracked(self) -> None:
        """64*T1 without a PRACK: a 2xx that waits for it will not leave (RFC 3262 3)."""
        if self.uas is not None and self.uas.withheld:
            self.respond(504, "", {}, "", b"")
        self.owner.leg_unacknowledged(self, "no PRACK came")

    def never_acked(self) -> None:
        """64*T1 without an ACK."""
        if self._farewell is not None:
            self._say_farewell()
        else:
            self.owner.leg_unacknowledged(self, "no ACK came")

    def _cancelled(self, cancel: Request) -> None:
        self.heard(cancel)
        self.owner.leg_cancelled(self, cancel)

    # -- the INVITE that we send
    def invite(self, request: Request) -> None:
        """Send an INVITE of this dialog."""
        self.refresh.ask(request)
        self._send_invite(request)

    def _send_invite(self, request: Request) -> None:
        self._ack, self._accepted = None, False
        self.receiver = ReliableReceiver()
        self.offer_out = bool(request.body)
        self._ack_cseq = request.cseq.number
        self._invite = request
        if not self.dialog.confirmed:
            self.invite_confirms = request.cseq.number
        flow = self.route() if self.dialog.confirmed else self.flow  # the first one's way is outbound.py's choice
        self.sent(request)
        self.uac = UacInvite(self._stack, self, request, flow)

    def progressed(self, response: Response, rseq: int | None) -> None:
        """1xx: RFC 3262 4 drops what comes twice or out of order."""
        if self.uac is None or not self.uac.open or (rseq is not None and not self.receiver.accept(rseq)):
            return
        self.heard(response)
        if not self.dialog.confirmed:
            self.dialog.on_response(response)
        if rseq is not None and response.body:
            self._described(ours=False)
        self.owner.leg_progress(self, response, rseq)

    def succeeded(self, response: Response) -> None:
        """2xx, or its copy."""
        if self._accepted:
            if self._ack is not None:
                self._stack.transmit_request(*self._ack, None)
            return
        self._accepted = True
        self.heard(response)
        self.dialog.on_response(response)
        self.dialog.refresh_target(response)
        self._follow()
        if response.body and (self.offer_out or not self.dialog_has_answer()):
            self._described(ours=False)
        else:
            self.offer_out = False
        self.refresh.succeeded(self, response)
        self.owner.leg_answered(self, response)

    def dialog_has_answer(self) -> bool:
        """Has the offer of our INVITE been answered already, reliably?"""
        return self._invite is not None and bool(self._invite.body) and not self.offer_out

    def _follow(self) -> None:
        """A peer that took our INVITE over TCP and wants to be reached so is (RFC 3261 18.1.1, 12.2.1.1)."""
        uac = self.uac
        if uac is not None and uac.flow.transport == "TCP" and self.dialog.next_hop().transport == "tcp":
            self.flow = uac.flow

    def refused(self, code: int, reason: str, response: Response | None) -> None:
        """A final error; a session that is too short is asked for again, longer (RFC 4028 7.3)."""
        self.offer_out = False
        invite = self._invite
        too_short = code == 422 and response is not None and self.refresh.terms.on_too_small(response)
        if too_short and invite is not None and not self.stopped:
            self._invite_again(invite)
            return
        if not self.dialog.confirmed:
            self.stopped = True
        self.owner.leg_refused(self, code, reason, response)

    def _invite_again(self, before: Request) -> None:
        self.dialog.local_cseq += 1
        again = Request("INVITE", before.target, {n: list(lines) for n, lines in before.headers.items()}, before.body)
        again.set("cseq", f"{self.dialog.local_cseq} INVITE")
        self.invite(again)

    def ack(self, content_type: str, body: bytes) -> None:
        """Acknowledge the peer's 2xx, once."""
        if self._ack is not None or not self._ack_cseq:
            return
        request = self.dialog.request("ACK", self._ack_cseq)
        if body:
            request.set("content-type", content_type)
            request.body = body
        self.offer_in = False
        flow = self.route()
        self.sent(request)
        self._ack = (flow, request, self._stack.send_ack(request, flow))

    def prack(self, response: Response, rseq: int, content_type: str, body: bytes, answer: Answer) -> None:
        """Acknowledge a reliable provisional response (RFC 3262 4)."""
        request = self.dialog.request("PRACK")
        request.headers["rack"] = [RAck(rseq, response.cseq.number, "INVITE").encode()]
        if body:
            request.headers["content-type"] = [content_type]
            request.body = body
            self._described(ours=True)
        self.send(request, answer)

    def cancel(self, reason: str) -> None:
        """Cancel our open INVITE."""
        if self.uac is not None:
            self.uac.cancel(reason)

    # -- inside the dialog
    def accept(self, request: Request, flow: Flow) -> None:
        """A request of the peer inside the dialog: SipError 481 or 500 if it does not fit."""
        self.dialog.accept(request)
        self.heard(request)
        if request.method in ("INVITE", "UPDATE"):
            self.dialog.refresh_target(request)
        mine = self.flow
        if flow.transport == mine.transport or (mine.transport == "TCP" and not self._stack.connected(mine)):
            self.flow = flow  # the peer has moved, or came back on another connection

    def check_free(self) -> None:
        """May the peer begin another INVITE (RFC 3261 14.2)? SipError 500 behind one of its own, 491 where ours is."""
        if self.uas is not None and (self.uas.open or self.uas.unacknowledged):
            raise SipError(500, "an INVITE of the same side is open", {"retry-after": "2"})
        if self.inviting:
            raise SipError(491, "another INVITE is open in this dialog")

    def check_offer(self) -> None:
        """May the peer offer now (RFC 3311 5.2)? SipError 491 while ours is open, 500 while one of its own is."""
        if self.offer_out:
            raise SipError(491, "an offer of ours waits for its answer")
        if self.offer_in:
            raise SipError(500, "an offer of the same side waits for its answer", {"retry-after": "2"})

    def send(self, request: Request, answer: Answer) -> None:
        """Send a request inside the dialog other than INVITE, ACK and BYE."""
        contact = self.contact_user if request.method == "UPDATE" else None
        if request.method == "UPDATE":
            request.headers["contact"] = [""]
            self.refresh.ask(request)
        if has_preconditions(request.body):  # RFC 3312 11
            request.headers["require"] = ["precondition"]
        self.sent(request)
        self._stack.send_request(request, self.route(), answer.on_response, answer.on_failure, contact)

    def refreshed(self, response: Response) -> None:
        """2xx to an UPDATE or re-INVITE of ours."""
        self.dialog.refresh_target(response)
        self.refresh.succeeded(self, response)

    def bye(self, reason: str = "") -> None:
        """Hang up, once. Who called hears of it when its ACK has come, not before (RFC 3261 15)."""
        if self.stopped:
            return
        if self.uas is not None and not self.dialog.confirmed:  # our 2xx never left: the caller has been refused
            self.stop()
            return
        request = self.dialog.request("BYE")
        request.set("reason", reason or TERMINATED)
        self._farewell = request
        self.stopped = True
        first = self.uas is not None and not self.uas.request.to.tag
        if not (first and self.uas is not None and self.uas.unacknowledged):
            self._say_farewell()

    def dismiss(self) -> None:
        """A 2xx that came when the call was over is acknowledged and hung up (RFC 3261 13.2.2.4)."""
        self.ack("", b"")
        if self._ack_cseq == self.invite_confirms:
            self.stopped = False
        self.bye()

    def _say_farewell(self) -> None:
        farewell, self._farewell = self._farewell, None
        self.stop()
        if farewell is not None:
            self.sent(farewell)
            self._stack.send_request(farewell, self.route(), _nothing, _no_failure)
            self.owner.leg_over(self)

    @property
    def lingering(self) -> bool:
        """Does a BYE wait for the ACK?"""
        return self._farewell is not None

    def hurry(self) -> None:
        """Send a BYE that waits now: the server stops."""
        self._say_farewell()

    def stop(self) -> None:
        """The dialog is over; nothing is repeated any more."""
        self.stopped = True
        self._farewell = None
        self.refresh.stop()
        if self.uas is not None:
            self.uas.repeat_no_more()

    def detach(self) -> None:
        """The call is over: let go of it, so that nothing of it is kept for the transactions that still wait."""
        self.branch = self.record = None
        if self.uas is not None:
            self.uas.detach()
        self.uas = self.uac = None

    def close_invites(self) -> None:
        """The dialog ends: an open INVITE of the peer gets its answer (RFC 3261 15.1.2), one of ours is given up."""
        withheld = self.uas is not None and self.uas.withheld and not self.stopped
        self.respond(480 if withheld else 487, "", {}, "", b"")
        self.cancel("")

    def route(self) -> Flow:
        """The way to the peer now: its flow; a stream that is gone is replaced by one to the Contact's port."""
        if self.flow.transport == "TCP" and not self._stack.connected(self.flow):
            return Flow("TCP", self.flow.local, self.flow.host, self.dialog.next_hop().address()[1])
        return self.flow

    @property
    def inviting(self) -> bool:
        """Is an INVITE of ours open?"""
        return self.uac is not None and self.uac.open

    @property
    def busy(self) -> bool:
        """Is an INVITE of either direction open in this dialog (RFC 3261 14)?"""
        return self.inviting or (self.uas is not None and (self.uas.open or self.uas.unacknowledged))


def _nothing(response: Response) -> None:
    """The answer to a BYE changes nothing."""


def _no_failure(code: int, why: str) -> None:
    """Nor does its absence."""

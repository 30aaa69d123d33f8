"""A leg: one SIP dialog of a call with its transactions (RFC 3261 12 to 15); what the remote API calls a dialog.

`Leg` answers or sends the INVITE, acknowledges, repeats its 2xx until the ACK comes, hangs up. What happens is told
to its owner (calls.py); what it means for the call is decided in call.py.
"""

from typing import Protocol

from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ClientTransaction, ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.trace import INFO, SIP, log

TERMINATED = 'SIP;cause=200;text="Terminated"'


class LegOwner(Protocol):
    """What a leg tells."""

    def leg_progress(self, leg: "Leg", response: Response) -> None:
        """1xx above 100 to our INVITE."""

    def leg_answered(self, leg: "Leg", response: Response) -> None:
        """2xx to our INVITE; `leg.ack` is owed."""

    def leg_refused(self, leg: "Leg", code: int, reason: str, response: Response | None) -> None:
        """A final error, or none at all."""

    def leg_acked(self, leg: "Leg", ack: Request) -> None:
        """The peer acknowledged our 2xx."""

    def leg_unacknowledged(self, leg: "Leg") -> None:
        """It never did (RFC 3261 13.3.1.4)."""

    def leg_cancelled(self, leg: "Leg", cancel: Request) -> None:
        """The peer cancelled its INVITE."""

    def leg_over(self, leg: "Leg") -> None:
        """The BYE that had to wait for the ACK has left."""


class Leg:
    """One side of a call."""

    __slots__ = (
        "_accepted", "_ack", "_client", "_farewell", "_retry", "_server", "_stack", "_success", "_waited",
        "contact_user", "dialog", "flow", "invite_cseq", "owner", "side", "stopped",
    )  # fmt: skip

    def __init__(self, stack: SipStack, owner: LegOwner, side: int, dialog: Dialog, flow: Flow, user: str) -> None:
        self._stack = stack
        self.owner = owner
        self.side = side
        self.dialog = dialog
        self.flow = flow
        self.contact_user = user
        self.invite_cseq = 0
        self.stopped = False  # BYE sent or received, or the INVITE refused
        self._server: ServerTransaction | None = None
        self._client: ClientTransaction | None = None
        self._success: Response | None = None  # our 2xx that waits for its ACK
        self._farewell: Request | None = None  # the BYE that waits for it too
        self._accepted: str | None = None  # the tag of the first 2xx to our INVITE
        self._ack: tuple[Flow, Request, bytes] | None = None  # the ACK that we sent, in case the 2xx comes again
        self._retry: Handle | None = None
        self._waited = 0.0

    # -- the INVITE that came
    def attend(self, transaction: ServerTransaction) -> None:
        """Take an INVITE of the peer, the first or a later one; `respond` answers it."""
        self._server = transaction
        transaction.to_tag = self.dialog.local_tag
        transaction.on_cancel = self._cancelled
        transaction.on_ack = self.on_ack

    def respond(self, code: int, reason: str, headers: dict[str, str], content_type: str, body: bytes) -> None:
        """Answer the open INVITE."""
        transaction = self._server
        if transaction is None or transaction.answered:
            return
        response = transaction.make(code, reason)
        record_route = transaction.request.headers.get("record-route")
        if 100 < code < 300:
            if record_route:
                response.headers["record-route"] = list(record_route)
            flow = transaction.flow
            endpoint = self._stack.endpoints[flow.local]
            response.headers["contact"] = [endpoint.contact(self.contact_user, flow.transport)]
        for name, value in headers.items():
            response.headers[name] = [value]
        if body:
            response.headers["content-type"] = [content_type]
            response.body = body
        if 200 <= code < 300:
            self.dialog.confirmed = True
            self._success = response
            self._waited = 0.0
            self._retry_in(self._stack.timings.t1)
        elif code >= 300:
            self._server = None
        transaction.respond(response)

    def _retry_in(self, interval: float) -> None:
        left = 64 * self._stack.timings.t1 - self._waited
        self._retry = self._stack.wheel.add(min(interval, left), self._repeat, interval)

    def _repeat(self, interval: float) -> None:
        """RFC 3261 13.3.1.4: the 2xx again, T1 doubling to T2, until the ACK or 64*T1; over TCP too."""
        self._retry = None
        if self._success is None or self._server is None:
            return
        self._waited += interval
        if self._waited >= 64 * self._stack.timings.t1:
            self._success = None
            if self._farewell is not None:
                self._say_farewell()
            else:
                self.owner.leg_unacknowledged(self)
            return
        self._server.respond(self._success)
        self._retry_in(min(2 * interval, self._stack.timings.t2))

    def on_ack(self, ack: Request) -> None:
        """The ACK to our 2xx, however it came."""
        if self._success is None or self._server is None or ack.cseq.number != self._server.request.cseq.number:
            return
        self._repeat_no_more()
        if self._farewell is not None:
            self._say_farewell()
        else:
            self.owner.leg_acked(self, ack)

    def _cancelled(self, cancel: Request) -> None:
        self.owner.leg_cancelled(self, cancel)

    # -- the INVITE that we send
    def invite(self, request: Request) -> None:
        """Send an INVITE of this dialog."""
        self.invite_cseq = request.cseq.number
        self._ack = self._accepted = None
        flow = self.route() if self.dialog.confirmed else self.flow  # the first one's way is outbound.py's choice
        self._client = self._stack.send_request(request, flow, self._on_response, self._failed, self.contact_user)

    def _on_response(self, response: Response) -> None:
        code = response.code
        if code < 200:
            if code > 100:
                self.dialog.on_response(response)
                self.owner.leg_progress(self, response)
            return
        if code < 300:
            self._on_success(response)
            return
        if not self.dialog.confirmed:
            self.stopped = True
        self.owner.leg_refused(self, code, response.reason, response)

    def _on_success(self, response: Response) -> None:
        tag = response.to.tag
        if self._accepted is None:
            self._accepted = tag
            self.dialog.on_response(response)
            self.dialog.refresh_target(response)
            self._follow()
            self.owner.leg_answered(self, response)
        elif tag != self._accepted:
            self._end_fork(response)
        elif self._ack is not None:  # the 2xx again: the ACK again
            self._stack.transmit_request(*self._ack, None)

    def _follow(self) -> None:
        """A peer that took our INVITE over TCP and wants to be reached so is (RFC 3261 18.1.1, 12.2.1.1)."""
        client = self._client
        if client is not None and client.flow.transport == "TCP" and self.dialog.next_hop().transport == "tcp":
            self.flow = client.flow

    def _end_fork(self, response: Response) -> None:
        """Another phone behind the callee answered too: acknowledged and hung up (RFC 3261 13.2.2.4)."""
        log(SIP, INFO, "a second 2xx of a fork is ended", id=self._stack.log_id(self.dialog.call_id))
        ours = self.dialog
        fork = Dialog(ours.call_id, ours.local, ours.local_tag, ours.remote, ours.target)
        fork.local_cseq = ours.local_cseq
        fork.on_response(response)
        self._stack.send_ack(fork.request("ACK", self.invite_cseq), self.flow)
        self._stack.send_request(fork.request("BYE"), self.flow, _nothing, _no_failure)

    def _failed(self, code: int, why: str) -> None:
        if not self.dialog.confirmed:
            self.stopped = True
        self.owner.leg_refused(self, code, why, None)

    def ack(self, content_type: str, body: bytes) -> None:
        """Acknowledge the peer's 2xx."""
        request = self.dialog.request("ACK", self.invite_cseq)
        if body:
            request.set("content-type", content_type)
            request.body = body
        flow = self.route()
        self._ack = (flow, request, self._stack.send_ack(request, flow))

    def cancel(self, reason: str) -> None:
        """Cancel our open INVITE."""
        if self._client is not None:
            self._client.cancel(reason)

    # -- inside the dialog
    def accept(self, request: Request, flow: Flow) -> None:
        """A request of the peer inside the dialog: SipError 481 or 500 if it does not fit."""
        self.dialog.accept(request)
        if request.method in ("INVITE", "UPDATE"):
            self.dialog.refresh_target(request)
        mine = self.flow
        if flow.transport == mine.transport or (mine.transport == "TCP" and not self._stack.connected(mine)):
            self.flow = flow  # the peer has moved, or came back on another connection

    def check_free(self) -> None:
        """May the peer begin another INVITE (RFC 3261 14.2)? SipError 500 behind one of its own, 491 where ours is."""
        if self._success is not None or self.awaited:
            raise SipError(500, "an INVITE of the same side is open", {"retry-after": "2"})
        if self.busy:
            raise SipError(491, "another INVITE is open in this dialog")

    def send(self, request: Request, transaction: "Answer") -> None:
        """Send a request inside the dialog other than INVITE, ACK and BYE."""
        contact = self.contact_user if request.method == "UPDATE" else None
        self._stack.send_request(request, self.route(), transaction.on_response, transaction.on_failure, contact)

    def bye(self, reason: str = "") -> None:
        """Hang up, once. Who called hears of it when its ACK has come, not before (RFC 3261 15)."""
        if self.stopped:
            return
        request = self.dialog.request("BYE")
        request.set("reason", reason or TERMINATED)
        self._farewell = request
        self.stopped = True
        if self._success is None or self._server is None or self._server.request.to.tag:
            self._say_farewell()

    def _say_farewell(self) -> None:
        farewell, self._farewell = self._farewell, None
        self.stop()
        if farewell is not None:
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
        self._repeat_no_more()

    def close_invites(self) -> None:
        """The dialog ends: an open INVITE of the peer gets its answer (RFC 3261 15.1.2), one of ours is given up."""
        self.respond(487, "", {}, "", b"")
        self.cancel("")

    def _repeat_no_more(self) -> None:
        self._success = None
        if self._retry is not None:
            self._stack.wheel.cancel(self._retry)
            self._retry = None

    def route(self) -> Flow:
        """The way to the peer now: its flow; a stream that is gone is replaced by one to the Contact's port."""
        if self.flow.transport == "TCP" and not self._stack.connected(self.flow):
            return Flow("TCP", self.flow.local, self.flow.host, self.dialog.next_hop().address()[1])
        return self.flow

    @property
    def busy(self) -> bool:
        """Is an INVITE of either direction open in this dialog (RFC 3261 14)?"""
        client = self._client
        return self._success is not None or self.awaited or (client is not None and not client.ended and client.open)

    @property
    def awaited(self) -> bool:
        """Does an INVITE of the peer wait for its final answer?"""
        return self._server is not None and not self._server.answered


class Answer(Protocol):
    """Who waits for the answer to a request inside the dialog."""

    def on_response(self, response: Response) -> None:
        """Any response."""

    def on_failure(self, code: int, why: str) -> None:
        """None came."""


def _nothing(response: Response) -> None:
    """The answer to a BYE changes nothing."""


def _no_failure(code: int, why: str) -> None:
    """Nor does its absence."""

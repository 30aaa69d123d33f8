"""An INVITE that a leg got, until its ACK (RFC 3261 13.3, 14.2; reliable provisional responses: RFC 3262 3).

leg.py holds one; several legs may answer the same INVITE, each in an early dialog of its own. What happens is told
to the leg, which tells its owner.
"""

from typing import TYPE_CHECKING

from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response
from lteims.sip.reliable import Abandoned, Action, ClearTimer, RAck, ReliableResponses, SetTimer, Transmit

if TYPE_CHECKING:
    from lteims.ims.leg import Leg
    from lteims.net.sip import SipStack


def has_preconditions(body: bytes) -> bool:
    """Has an SDP preconditions of type qos (RFC 3312 4)?"""
    return b"\na=curr:qos" in body


class UasInvite:
    """One leg's part in the answer to an INVITE."""

    __slots__ = (
        "_answered", "_freed", "_leg", "_link", "_reliable", "_retry", "_retry_reliable", "_stack", "_success",
        "_waited", "acked", "transaction",
    )  # fmt: skip

    def __init__(self, stack: "SipStack", leg: "Leg", transaction: ServerTransaction) -> None:
        self._stack = stack
        self._leg = leg
        self.transaction = transaction
        self.acked = False
        self._answered = 0  # our final code, which may still wait for a PRACK
        self._success: Response | None = None  # our 2xx that waits for its ACK
        self._waited = 0.0
        self._retry: Handle | None = None
        self._reliable: ReliableResponses | None = None
        self._retry_reliable: Handle | None = None
        self._freed: list[Action] = []  # by the PRACK that came last
        self._link: Response | None = None  # the reliable response that waits for its PRACK

    @property
    def request(self) -> Request:
        """The INVITE."""
        return self.transaction.request

    @property
    def open(self) -> bool:
        """Does it wait for our final answer?"""
        return not self.transaction.answered and not self._answered

    @property
    def unacknowledged(self) -> bool:
        """Has our 2xx left, or does it wait to leave, and no ACK come?"""
        return self._success is not None or (200 <= self._answered < 300 and not self.acked)

    @property
    def withheld(self) -> bool:
        """Does our 2xx wait for a PRACK?"""
        return 200 <= self._answered < 300 and not self.transaction.answered

    # -- answering
    def respond(
        self, code: int, reason: str, headers: dict[str, str], content_type: str, body: bytes, *, reliable: bool = False
    ) -> Response | None:
        """Answer; a 2xx waits for the PRACKs that are owed (RFC 3262 3). What was made, None where it is too late."""
        late = not (200 <= self._answered < 300 and code >= 300 and self._success is None)
        if self.transaction.answered or (self._answered and late):
            return None
        response = self._make(code, reason, headers, content_type, body)
        if code >= 200:
            self._answered = code
            self._freed = []
        if reliable and 100 < code < 200:
            self._perform(self._reliably().provisional(response))
        elif code >= 200 and self._reliable is not None:
            self._perform(self._reliable.final(response))
        elif code < 200 and self._reliable is not None and not self._reliable.unreliable_allowed(response):
            self._perform(self._reliable.provisional(response))
        else:
            self._transmit(response)
        return response

    def _make(self, code: int, reason: str, headers: dict[str, str], content_type: str, body: bytes) -> Response:
        transaction, dialog = self.transaction, self._leg.dialog
        response = transaction.make(code, reason)
        if not transaction.request.to.tag:
            response.set("to", f"{transaction.request.get('to')};tag={dialog.local_tag}")
        record_route = transaction.request.headers.get("record-route")
        if 100 < code < 300:
            if record_route:
                response.headers["record-route"] = list(record_route)
            endpoint = self._stack.endpoints[transaction.flow.local]
            contact = endpoint.contact(self._leg.contact_user, transaction.flow.transport)
            response.headers["contact"] = [contact + self._leg.features]
        for name, value in headers.items():
            response.headers[name] = [value]
        if body:
            response.headers["content-type"] = [content_type]
            response.body = body
            if code < 300 and has_preconditions(body):  # TS 24.229 5.1.4.1
                response.headers["require"] = [*response.headers.get("require", ()), "precondition"]
        return response

    def _reliably(self) -> ReliableResponses:
        if self._reliable is None:
            first = int.from_bytes(self._stack.tokens.octets(3), "big") + 1
            self._reliable = ReliableResponses(self.request.cseq.number, first, self._stack.timings.t1)
        return self._reliable

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Transmit(response):
                    if response.code < 200 and "rseq" in response.headers:
                        self._link = response
                    self._transmit(response)
                case SetTimer(delay):
                    self._stop_retry_reliable()
                    self._retry_reliable = self._stack.wheel.add(delay, self._fired)
                case ClearTimer():
                    self._stop_retry_reliable()
                case Abandoned():
                    self._leg.never_pracked()

    def _fired(self) -> None:
        self._retry_reliable = None
        if self._reliable is not None:
            self._perform(self._reliable.fired())

    def _stop_retry_reliable(self) -> None:
        if self._retry_reliable is not None:
            self._stack.wheel.cancel(self._retry_reliable)
            self._retry_reliable = None

    def _transmit(self, response: Response) -> None:
        self._leg.sent(response)
        if 200 <= response.code < 300:
            self._leg.dialog.confirmed = True
            self._success = response
            self._waited = 0.0
            self._retry_in(self._stack.timings.t1)
        self.transaction.respond(response)

    # -- what comes back
    def acknowledged(self, prack: Request) -> Response:
        """A PRACK: the provisional response that it acknowledges; SipError 481 for none (RFC 3262 3), 400."""
        rack = RAck.parse(prack.get("rack"))
        link = self._link
        if link is None:
            raise SipError(481, f"no response waits for the PRACK of {rack.encode()[:60]}")
        actions = self._reliably().acknowledged(rack)
        self._link = None
        self._stop_retry_reliable()
        self._freed = actions
        return link

    def release(self) -> None:
        """Send what the PRACK has set free; called when the PRACK has its answer or has gone on."""
        freed, self._freed = self._freed, []
        self._perform(freed)

    def on_ack(self, ack: Request) -> bool:
        """The ACK to our 2xx, however it came; False if it is another's."""
        if self._success is None or ack.cseq.number != self.request.cseq.number:
            return False
        self.acked = True
        self.repeat_no_more()
        return True

    def detach(self) -> None:
        """The call is over: a CANCEL or ACK that comes now changes nothing."""
        self.transaction.on_cancel = self.transaction.on_ack = None

    # -- repeating the 2xx
    def _retry_in(self, interval: float) -> None:
        left = 64 * self._stack.timings.t1 - self._waited
        self._retry = self._stack.wheel.add(min(interval, left), self._repeat, interval)

    def _repeat(self, interval: float) -> None:
        """RFC 3261 13.3.1.4: the 2xx again, T1 doubling to T2, until the ACK or 64*T1; over TCP too."""
        self._retry = None
        if self._success is None:
            return
        self._waited += interval
        if self._waited >= 64 * self._stack.timings.t1:
            self._success = None
            self.acked = True  # none is waited for any more
            self._leg.never_acked()
            return
        self.transaction.respond(self._success)
        self._retry_in(min(2 * interval, self._stack.timings.t2))

    def repeat_no_more(self) -> None:
        """Nothing is sent again."""
        self._success = None
        self._stop_retry_reliable()
        if self._retry is not None:
            self._stack.wheel.cancel(self._retry)
            self._retry = None

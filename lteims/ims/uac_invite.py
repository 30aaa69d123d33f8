"""An INVITE that we sent and the dialogs that its answers make (RFC 3261 13.2.2, 12.1.2; RFC 3262 4).

leg.py holds one; a response with another To tag is another phone behind the callee: it gets a leg of its own, of which
the owner is told. The first 2xx of each leg is told once; its ACK is sent again with each copy.
"""

from typing import TYPE_CHECKING

from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ClientTransaction
from lteims.sip.message import Request, Response
from lteims.sip.reliable import rseq_of

if TYPE_CHECKING:
    from lteims.ims.leg import Leg
    from lteims.net.sip import SipStack

MAX_FORKS = 16  # dialogs of one INVITE; a proxy that answers with more is ended


class UacInvite:
    """One INVITE of ours."""

    __slots__ = ("_client", "_legs", "_stack", "cseq", "first", "had_offer", "over")

    def __init__(self, stack: "SipStack", leg: "Leg", request: Request, flow: Flow) -> None:
        self._stack = stack
        self.first = leg
        self.cseq = request.cseq.number
        self.had_offer = bool(request.body)
        self.over = False  # refused, or never answered
        self._legs: dict[str, Leg] = {}  # by To tag
        self._client: ClientTransaction = stack.send_request(
            request, flow, self._on_response, self._failed, leg.contact_user
        )

    @property
    def open(self) -> bool:
        """Is the final answer still to come?"""
        return not self.over and not self._client.ended and self._client.open

    @property
    def flow(self) -> Flow:
        """The way that it took."""
        return self._client.flow

    def cancel(self, reason: str) -> None:
        """Give it up (RFC 3261 9.1)."""
        self._client.cancel(reason)

    def _leg_of(self, response: Response) -> "Leg | None":
        first, tag = self.first, response.to.tag
        if first.dialog.confirmed and first.invite_confirms != self.cseq:  # a re-INVITE: the dialog stands
            return first
        found = self._legs.get(tag)
        if found is not None:
            return found
        if not self._legs:
            self._legs[tag] = first
            return first
        if len(self._legs) >= MAX_FORKS:
            return None
        leg = self._legs[tag] = first.fork(self)
        return leg

    def _on_response(self, response: Response) -> None:
        code = response.code
        if code == 100:
            return
        if code >= 300:
            self.over = True
            self.first.heard(response)
            self.first.refused(code, response.reason, response)
            return
        leg = self._leg_of(response)
        if leg is None:
            return
        if code < 200:
            leg.progressed(response, rseq_of(response))
        else:
            leg.succeeded(response)

    def _failed(self, code: int, why: str) -> None:
        self.over = True
        self.first.refused(code, why, None)

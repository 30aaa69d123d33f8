"""What the server asks of a callee's phone for itself: PRACK (RFC 3262 4), UPDATE when its bearers stand (RFC 3312 5).

callees.py, reinvites.py and inside.py ask, where the caller does not see the response or does not speak preconditions.
"""

from functools import partial

from lteims.ims.answers import OwnAnswer, put_body
from lteims.ims.branch import Branch
from lteims.ims.call import MT
from lteims.ims.leg import Leg
from lteims.ims.qos import Way
from lteims.ims.sdp_body import SDP, parse_sdp
from lteims.net.sip import SipStack
from lteims.sip.errors import SipError
from lteims.sip.message import Response
from lteims.sip.multipart import body_of
from lteims.trace import IMS, INFO, log

RETRY = 1.0  # seconds until an offer of ours that met another one is made again (RFC 3261 14.1 in spirit)


class OwnRequests:
    """Sends them; their answers change the branch alone."""

    def __init__(self, stack: SipStack) -> None:
        self._stack = stack

    def prack(self, branch: Branch, leg: Leg, response: Response, rseq: int) -> None:
        """Acknowledge a provisional response of the callee."""
        branch.pracking += 1
        leg.prack(response, rseq, SDP, b"", OwnAnswer(leg, partial(self._pracked, branch)))

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
        leg.send(update, OwnAnswer(leg, partial(self._updated, branch, leg)))

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

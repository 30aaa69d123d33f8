"""The legs of all calls, by what names a dialog in a request (RFC 3261 12): Call-ID and the tag that we gave.

calls.py looks up whom a request or an ACK is for; it and call_driver.py put legs in, and take them out at the end.
"""

from collections.abc import Iterator

from lteims.ims.leg import Leg
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.sip.message import Request


class Dialogs:
    """The register of legs."""

    def __init__(self, stack: SipStack) -> None:
        self._stack = stack
        self._legs: dict[tuple[str, str], Leg] = {}

    def __len__(self) -> int:
        return len(self._legs)

    def __iter__(self) -> Iterator[Leg]:
        """Every leg that there is now."""
        return iter(list(self._legs.values()))

    def __contains__(self, leg: Leg) -> bool:
        return (leg.dialog.call_id, leg.dialog.local_tag) in self._legs

    def keep(self, leg: Leg) -> None:
        """Requests in this dialog are for this leg from now on."""
        self._legs[leg.dialog.call_id, leg.dialog.local_tag] = leg

    def forget(self, leg: Leg) -> None:
        """They are for nobody any more, and nothing of the call is kept for the leg's transactions."""
        self._legs.pop((leg.dialog.call_id, leg.dialog.local_tag), None)
        leg.detach()

    def find(self, request: Request, flow: Flow | None) -> Leg | None:
        """The leg that a request from there is for; without a flow nobody asks whether it is the leg's phone's."""
        leg = self._legs.get((request.call_id, request.to.tag))
        if leg is None or (flow is not None and self._stack.is_stranger(leg.flow, flow)):
            return None
        return leg

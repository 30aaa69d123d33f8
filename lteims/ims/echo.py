"""The echo service: a callee that is the server itself and sends all media back (manual 5.2 `echo`).

calls.py gives it the caller's offer; it answers with events as a callee's leg would.
"""

from collections.abc import Callable

from lteims.ims.anchor import Anchor
from lteims.ims.call import Answered, Event, Progress


class EchoCallee:
    """The echo's side of one call."""

    def __init__(self, anchor: Anchor, tell: Callable[[Event], None]) -> None:
        self._anchor = anchor
        self._tell = tell

    def invite(self, offer: bytes | None) -> None:
        """Ring, then answer, with an offer where the caller made none. SipError 488 where there is nothing to echo."""
        answer = self._anchor.echo(offer) if offer is not None else self._anchor.echo_offer()
        self._tell(Progress(180, "Ringing"))
        self._tell(Answered(answer))

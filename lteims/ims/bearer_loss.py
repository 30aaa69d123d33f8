"""What becomes of a call whose bearers the network takes away (TS 24.229 5.2.8.1.2, TS 29.214 4.4.6). rx.py tells.

Without bearers for its voice a call ends; one that loses another media goes on without that, on both sides. Nobody who
calls for help is cut off for want of a bearer.
"""

from lteims.ims.branch import Branch
from lteims.ims.calls import Calls
from lteims.net.timers import TimerWheel
from lteims.trace import IMS, INFO, WARN, log

CODE = 503  # of the Reason in BYE, or of the refusal


class BearerLoss:
    """Acts on it."""

    def __init__(self, wheel: TimerWheel, calls: Calls) -> None:
        self._wheel = wheel
        self._calls = calls

    def lost(self, session_id: str, medias: frozenset[int], why: str) -> None:
        """qos.OnLost: the bearers of these m= lines, or of all, are gone; acts once the network has its answer."""
        self._wheel.add(0.0, self._act, session_id, medias, why)

    def _act(self, session_id: str, medias: frozenset[int], why: str) -> None:
        found = self._calls.find(session_id)
        if found is None or found[1].branch is None:
            return
        session, leg = found
        branch: Branch = leg.branch
        views = branch.anchor.views(leg.side)
        voices = {index for index, view in views.items() if view.type == "audio"}
        left = voices - medias if voices else set(views) - medias
        if medias and left:
            names = ", ".join(views[index].type for index in sorted(medias) if index in views)
            log(IMS, INFO, f"the network takes the bearer of {names}: {why}", id=session.call.id)
            branch.qos[leg.side].taken(medias)
            self._calls.leave_out(branch, medias)
            return
        if session.urgent:
            log(IMS, WARN, f"the network takes the bearer: {why}; the call for help goes on", id=session.call.id)
            branch.qos[leg.side].taken(medias or frozenset(views))
            return
        event = branch.bearerless(f"the network takes the bearer: {why}", CODE)
        if event is not None:
            self._calls.handle(session, event)

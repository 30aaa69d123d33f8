"""What becomes of a call whose bearers the network takes away (TS 24.229 5.2.8.1.2, TS 29.214 4.4.6). rx.py tells.

Without bearers for its voice a call ends; one that loses another media goes on, and that media takes its chance.
"""

from lteims.ims.call import Stop
from lteims.ims.calls import Calls
from lteims.ims.leg import Leg
from lteims.ims.session import Session
from lteims.net.timers import TimerWheel
from lteims.trace import IMS, INFO, log

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
        for session in self._calls:
            for leg in session.legs:
                if leg.record is not None and leg.record.id == session_id:
                    self._took(session, leg, medias, why)
                    return

    def _took(self, session: Session, leg: Leg, medias: frozenset[int], why: str) -> None:
        views = session.branch.anchor.views(leg.side)
        voices = {index for index, view in views.items() if view.type == "audio"}
        left = voices - medias if voices else set(views) - medias
        if medias and left:
            names = ", ".join(views[index].type for index in sorted(medias) if index in views)
            log(IMS, INFO, f"the network takes the bearer of {names}: {why}", id=session.call.id)
            session.branch.qos[leg.side].taken(medias)
            return
        self._calls.handle(session, Stop(f"the network takes the bearer: {why}", CODE))

"""The session timer of a leg at work (RFC 4028): what messages say of it, the refresh when it is due, the end without.

leg.py holds one; the terms are those of sip/session_timer.py. A peer that takes no UPDATE is refreshed by a re-INVITE,
which the owner of the leg sends; it also hears when the session has expired.
"""

from typing import TYPE_CHECKING

from lteims.net.timers import Handle
from lteims.sip.message import Request, Response
from lteims.sip.session_timer import SessionTimer

if TYPE_CHECKING:
    from lteims.ims.leg import Leg
    from lteims.net.sip import SipStack

AGAIN = 2.0  # seconds until a refresh that met a busy peer is tried again


class SessionRefresh:
    """Keeps the session of one leg; leg.Answer for its own UPDATE."""

    __slots__ = ("_leg", "_stack", "_timer", "terms")

    def __init__(self, stack: "SipStack", terms: SessionTimer) -> None:
        self._stack = stack
        self._leg: Leg | None = None  # while there is a session to keep: a leg that is dropped is free at once
        self._timer: Handle | None = None
        self.terms = terms

    def ask(self, request: Request) -> None:
        """The headers of an INVITE or UPDATE of ours; each says that we know the timer (RFC 4028 7.1)."""
        asked = self.terms.for_request(request.method)
        for name, value in asked.items():
            request.set(name, value)
        if not asked:
            return
        tags = request.words("supported")
        if "timer" not in tags:
            request.headers["supported"] = [",".join([*tags, "timer"])]

    def answered(self, leg: "Leg", method: str) -> None:
        """The 2xx to an INVITE or UPDATE of the peer has left: its terms count."""
        self._leg = None if leg.stopped else leg
        self.terms.answered(self._stack.loop.time(), method)
        self._wait()

    def succeeded(self, leg: "Leg", response: Response) -> None:
        """2xx to an INVITE or UPDATE of ours."""
        self._leg = None if leg.stopped else leg
        self.terms.on_success(response, self._stack.loop.time())
        self._wait()

    def refused(self) -> None:
        """The peer takes no refresh: the session goes on until it expires (RFC 4028 10)."""
        self.terms.refused()
        self._wait()

    def retry(self) -> None:
        """Try again a little later: the peer was busy (RFC 4028 10 leaves the rest of the interval for that)."""
        self._stop_timer()
        again = self._stack.loop.time() + AGAIN
        if not self.terms.interval or again < self.terms.end:
            self._set_timer("refresh", again)
        else:
            self._set_timer("expire", self.terms.end)

    def stop(self) -> None:
        """The dialog is over."""
        self._stop_timer()
        self._leg = None

    # -- what is due, and when
    def _wait(self) -> None:
        self._stop_timer()
        due = self.terms.next()
        if due is not None:
            self._set_timer(*due)

    def _set_timer(self, what: str, when: float) -> None:
        if self._leg is not None and not self._leg.stopped:
            self._timer = self._stack.wheel.add(max(0.0, when - self._stack.loop.time()), self._due, what)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._stack.wheel.cancel(self._timer)
            self._timer = None

    def _due(self, what: str) -> None:
        self._timer = None
        leg = self._leg
        if leg is None or leg.stopped:
            return
        if what == "expire":
            leg.owner.leg_lost(leg, "the session has expired")
        elif "UPDATE" in leg.allow:
            leg.send(leg.dialog.request("UPDATE"), self)
        else:
            self._set_timer("expire", self.terms.end)  # the peer may say 100 and no more
            leg.owner.leg_refresh(leg)

    # -- the answer to an UPDATE that refreshes
    def on_response(self, response: Response) -> None:
        """leg.Answer."""
        leg, code = self._leg, response.code
        if code < 200 or leg is None or leg.stopped:
            return
        leg.heard(response)
        if code < 300:
            leg.refreshed(response)
        elif code in (408, 481):  # RFC 4028 10, RFC 3261 12.2.1.2
            leg.owner.leg_lost(leg, f"the refresh was answered {code}")
        elif code == 422 and self.terms.on_too_small(response):
            leg.send(leg.dialog.request("UPDATE"), self)
        elif code in (491, 500):
            self.retry()
        else:
            self.refused()

    def on_failure(self, code: int, why: str) -> None:
        """leg.Answer."""
        leg = self._leg
        if leg is not None and not leg.stopped:
            leg.owner.leg_lost(leg, "no answer to the refresh")

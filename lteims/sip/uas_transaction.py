"""The server transactions of RFC 3261: INVITE (figure 7 as RFC 6026 redraws it) and the others (figure 8).

The driver (net/sip.py) makes one for each new request and gives that request to the TU itself; from then on it feeds
events and carries out the actions. One `case` is one arrow; what has no arrow is ignored.
"""

from lteims.sip.transaction import (
    TIMED_OUT,
    TRANSPORT_FAILED,
    Acked,
    Action,
    Deliver,
    Event,
    Respond,
    Retransmitted,
    Send,
    SetTimer,
    State,
    TimerFired,
    Timings,
    Transaction,
    TransportError,
)


class InviteServer(Transaction):
    """INVITE server transaction (RFC 3261 17.2.1, RFC 6026 7.1).

    The 100 that must go out within 200 ms is a Respond like any other: a TU that answers at once needs no timer.
    """

    __slots__ = ("_g", "_last")

    def __init__(self, timings: Timings, reliable: bool, *, id: str = "-") -> None:
        super().__init__(State.PROCEEDING, timings, reliable, id)
        self._last: Send | None = None  # the last provisional, then the final non-2xx response
        self._g = timings.g.delay

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, to be carried out in order; [] for one without an arrow."""
        match self.state, event:
            case State.PROCEEDING, Respond(code, data) if 100 <= code < 200:
                return self._send(data)
            case State.PROCEEDING, Respond(code, data) if 200 <= code < 300:
                return self._to(State.ACCEPTED, Send(data), self.timings.l)
            case State.PROCEEDING, Respond(401 | 407, data):
                # RFC 3261 26.3.2.4: not sent again unless asked, so that a forged address is not flooded
                return self._to(State.COMPLETED, *self._send(data), self.timings.h)
            case State.PROCEEDING, Respond(code, data) if 300 <= code < 700:
                return self._complete(data)
            case State.PROCEEDING | State.COMPLETED, Retransmitted():
                return [self._last] if self._last else []
            case State.COMPLETED, TimerFired("G"):
                return self._resend()
            case State.COMPLETED, TimerFired("H"):
                # The figure of RFC 6026 shows no action here; the text of 17.2.1 still has the TU told.
                return self._to(State.TERMINATED, TIMED_OUT)
            case State.COMPLETED, Acked():
                return self._linger(State.CONFIRMED, self.timings.i)
            case State.CONFIRMED, TimerFired("I"):
                return self._to(State.TERMINATED)
            case State.ACCEPTED, Respond(code, data) if 200 <= code < 300:
                return [Send(data)]
            case State.ACCEPTED, Acked(request):
                return [Deliver(request)]
            case State.ACCEPTED, TimerFired("L"):
                return self._to(State.TERMINATED)
            case State.PROCEEDING | State.COMPLETED | State.ACCEPTED, TransportError():
                return [TRANSPORT_FAILED]  # RFC 6026 8.8: the state stays, to absorb what is still under way
        return []

    def _send(self, data: bytes) -> list[Action]:
        self._last = Send(data)
        return [self._last]

    def _complete(self, data: bytes) -> list[Action]:
        send = self._send(data)
        if self.reliable:
            return self._to(State.COMPLETED, *send, self.timings.h)
        return self._to(State.COMPLETED, *send, self.timings.g, self.timings.h)

    def _resend(self) -> list[Action]:
        self._g = min(2 * self._g, self.timings.t2)
        again: list[Action] = [self._last] if self._last else []
        return [*again, SetTimer("G", self._g)]


class NonInviteServer(Transaction):
    """Non-INVITE server transaction (RFC 3261 17.2.2)."""

    __slots__ = ("_last",)

    def __init__(self, timings: Timings, reliable: bool, *, id: str = "-") -> None:
        super().__init__(State.TRYING, timings, reliable, id)
        self._last: Send | None = None

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, to be carried out in order; [] for one without an arrow."""
        match self.state, event:
            case State.TRYING | State.PROCEEDING, Respond(code, data) if 200 <= code < 700:
                self._last = Send(data)
                return self._linger(State.COMPLETED, self.timings.j, self._last)
            case State.TRYING, Respond(code, data) if 100 <= code < 200:
                self._last = Send(data)
                return self._to(State.PROCEEDING, self._last)
            case State.PROCEEDING, Respond(code, data) if 100 <= code < 200:
                self._last = Send(data)
                return [self._last]
            case State.PROCEEDING | State.COMPLETED, Retransmitted():
                return [self._last] if self._last else []
            case State.PROCEEDING | State.COMPLETED, TransportError():
                return self._to(State.TERMINATED, TRANSPORT_FAILED)
            case State.COMPLETED, TimerFired("J"):
                return self._to(State.TERMINATED)
        return []

"""The client transactions of RFC 3261: INVITE (figure 5 as RFC 6026 redraws it) and the others (figure 6).

The driver (net/sip.py) makes one for each request that it sends, calls `start` once, then feeds events and carries
out the actions. One `case` is one arrow; what has no arrow is ignored.
"""

from lteims.sip.transaction import (
    TIMED_OUT,
    TRANSPORT_FAILED,
    Abandoned,
    Action,
    Answered,
    Deliver,
    Event,
    Send,
    SendAck,
    SetTimer,
    State,
    TimerFired,
    Timings,
    Transaction,
    TransportError,
)


class InviteClient(Transaction):
    """INVITE client transaction (RFC 3261 17.1.1, RFC 6026 7.2).

    Proceeding has no timer: the TU bounds it, by a CANCEL and then Abandoned (RFC 3261 9.1).
    """

    __slots__ = ("_a", "_request")

    def __init__(self, timings: Timings, reliable: bool, data: bytes, *, id: str = "-") -> None:
        super().__init__(State.CALLING, timings, reliable, id)
        self._request = Send(data)
        self._a = timings.a.delay

    def start(self, now: float) -> list[Action]:
        """The arrow "INVITE from TU"; to be called once, before any event."""
        if self.reliable:
            return [self._request, self.timings.b]
        return [self._request, self.timings.a, self.timings.b]

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, to be carried out in order; [] for one without an arrow."""
        match self.state, event:
            case State.CALLING, TimerFired("A"):
                self._a *= 2
                return [self._request, SetTimer("A", self._a)]
            case State.CALLING, TimerFired("B"):
                return self._to(State.TERMINATED, TIMED_OUT)
            case State.CALLING | State.COMPLETED, TransportError():
                return self._to(State.TERMINATED, TRANSPORT_FAILED)
            case State.CALLING, Answered(code, response) if 100 <= code < 200:
                return self._to(State.PROCEEDING, Deliver(response))
            case State.PROCEEDING, Answered(code, response) if 100 <= code < 200:
                return [Deliver(response)]
            case State.CALLING | State.PROCEEDING, Answered(code, response) if 200 <= code < 300:
                return self._to(State.ACCEPTED, Deliver(response), self.timings.m)
            case State.CALLING | State.PROCEEDING, Answered(code, response) if 300 <= code < 700:
                return self._linger(State.COMPLETED, self.timings.d, SendAck(response), Deliver(response))
            case State.CALLING | State.PROCEEDING, Abandoned():
                return self._to(State.TERMINATED)
            case State.COMPLETED, Answered(code, response) if 300 <= code < 700:
                return [SendAck(response)]
            case State.COMPLETED, TimerFired("D"):
                return self._to(State.TERMINATED)
            case State.ACCEPTED, Answered(code, response) if 200 <= code < 300:
                return [Deliver(response)]  # a retransmission, or the answer of another branch of a fork
            case State.ACCEPTED, TimerFired("M"):
                return self._to(State.TERMINATED)
        return []


class NonInviteClient(Transaction):
    """Non-INVITE client transaction (RFC 3261 17.1.2)."""

    __slots__ = ("_e", "_request")

    def __init__(self, timings: Timings, reliable: bool, data: bytes, *, id: str = "-") -> None:
        super().__init__(State.TRYING, timings, reliable, id)
        self._request = Send(data)
        self._e = timings.e.delay

    def start(self, now: float) -> list[Action]:
        """The arrow "Request from TU"; to be called once, before any event."""
        if self.reliable:
            return [self._request, self.timings.f]
        return [self._request, self.timings.e, self.timings.f]

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, to be carried out in order; [] for one without an arrow."""
        match self.state, event:
            case State.TRYING, TimerFired("E"):
                self._e = min(2 * self._e, self.timings.t2)
                return [self._request, SetTimer("E", self._e)]
            case State.PROCEEDING, TimerFired("E"):
                return [self._request, SetTimer("E", self.timings.t2)]
            case State.TRYING | State.PROCEEDING, TimerFired("F"):
                return self._to(State.TERMINATED, TIMED_OUT)
            case State.TRYING | State.PROCEEDING, TransportError():
                return self._to(State.TERMINATED, TRANSPORT_FAILED)
            case State.TRYING, Answered(code, response) if 100 <= code < 200:
                return self._to(State.PROCEEDING, Deliver(response))
            case State.PROCEEDING, Answered(code, response) if 100 <= code < 200:
                return [Deliver(response)]
            case State.TRYING | State.PROCEEDING, Answered(code, response) if 200 <= code < 700:
                return self._linger(State.COMPLETED, self.timings.k, Deliver(response))
            case State.COMPLETED, TimerFired("K"):
                return self._to(State.TERMINATED)
        return []

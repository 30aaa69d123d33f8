"""What holds for any sequence of events at any of the four machines (RFC 3261 17, RFC 6026)."""

import heapq
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims import trace
from lteims.sip.transaction import (
    FIRED,
    RETRANSMITTED,
    TRANSPORT_ERROR,
    Abandoned,
    Acked,
    Action,
    Answered,
    Event,
    Respond,
    SetTimer,
    State,
    Terminated,
    TimerFired,
    Timings,
)
from lteims.sip.uac_transaction import InviteClient, NonInviteClient
from lteims.sip.uas_transaction import InviteServer, NonInviteServer

Machine = InviteServer | NonInviteServer | InviteClient | NonInviteClient
Make = Callable[[Timings, bool], Machine]

MACHINES: list[Make] = [
    InviteServer,
    NonInviteServer,
    lambda timings, reliable: InviteClient(timings, reliable, b"request"),
    lambda timings, reliable: NonInviteClient(timings, reliable, b"request"),
]
CODES = st.one_of(st.integers(0, 799), st.sampled_from([100, 180, 199, 200, 299, 300, 486, 699]))
EVENTS = st.one_of(
    st.just(RETRANSMITTED),
    st.just(TRANSPORT_ERROR),
    st.just(Abandoned()),
    st.builds(Acked, st.just("ack")),
    st.builds(Respond, CODES, st.just(b"response")),
    st.builds(Answered, CODES, st.just("response")),
    st.builds(TimerFired, st.sampled_from([*FIRED, "", "Z"])),
)
TIMINGS = st.builds(Timings, st.floats(0.01, 5), st.floats(0.01, 30), st.floats(0.01, 30))


class Run:
    """A machine with a virtual clock; it looks at every action that goes by."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.now = 0.0
        self.ended = 0
        self.timers: list[tuple[float, int, str]] = []
        if isinstance(machine, InviteClient | NonInviteClient):
            self.take(machine.start(0.0))

    def feed(self, event: Event) -> None:
        self.take(self.machine.handle(event, self.now))

    def take(self, actions: list[Action]) -> None:
        assert not (actions and self.ended), f"{actions} after Terminated"
        for at, action in enumerate(actions):
            match action:
                case SetTimer(name, delay):
                    assert delay > 0
                    heapq.heappush(self.timers, (self.now + delay, len(self.timers), name))
                case Terminated():
                    assert at == len(actions) - 1
                    assert not any(isinstance(other, SetTimer) for other in actions)
                    self.ended += 1
        assert (self.machine.state is State.TERMINATED) == bool(self.ended)

    def fire_all(self, until: float) -> None:
        while self.timers and self.timers[0][0] <= until and not self.ended:
            self.now, _, name = heapq.heappop(self.timers)
            self.feed(FIRED[name])


@given(make=st.sampled_from(MACHINES), reliable=st.booleans(), timings=TIMINGS, events=st.lists(EVENTS, max_size=30))
def test_no_sequence_of_events_breaks_a_machine(
    make: Make, reliable: bool, timings: Timings, events: list[Event]
) -> None:
    """Nothing raises, nothing follows Terminated, and after a final response the timers end it in bounded time."""
    run = Run(make(timings, reliable))
    for event in events:
        run.feed(event)
    run.feed(Respond(486, b"final"))
    run.feed(Answered(486, "final"))
    run.fire_all(run.now + 2 * max(32.0, 64 * timings.t1) + timings.t4)
    assert run.ended == 1


@pytest.mark.parametrize(("make", "reliable"), [(make, reliable) for make in MACHINES[2:] for reliable in (0, 1)])
def test_a_client_without_any_answer_ends_after_64_t1(make: Make, reliable: bool) -> None:
    """17.1.1.2 and 17.1.2.2: timers B and F."""
    run = Run(make(Timings(), bool(reliable)))
    run.fire_all(100.0)
    assert (run.ended, run.now) == (1, 32.0)


class Lines(list[str]):
    def write(self, layer: trace.Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.append(f"{layer.name} {id} {message}")


def test_each_change_of_state_is_logged_at_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines()
    former = trace.set_sink(lines)
    try:
        monkeypatch.setattr(trace.SIP, "level", trace.INFO)
        InviteServer(Timings(), False).handle(Respond(200, b""), 0.0)
        monkeypatch.setattr(trace.SIP, "level", trace.DEBUG)
        NonInviteServer(Timings(), True, id="1a2b").handle(Respond(200, b""), 0.0)
    finally:
        trace.set_sink(former)
    assert lines == [
        "SIP 1a2b NonInviteServer Trying -> Completed",
        "SIP 1a2b NonInviteServer Completed -> Terminated",
    ]

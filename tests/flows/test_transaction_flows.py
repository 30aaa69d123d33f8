"""A client and a server transaction joined by a wire that loses packets (RFC 3261 17, RFC 6026)."""

from collections.abc import Collection
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from lteims.sip.transaction import (
    FIRED,
    RETRANSMITTED,
    Acked,
    Action,
    Answered,
    Deliver,
    Event,
    Respond,
    Send,
    SendAck,
    SetTimer,
    State,
    Terminated,
    TimedOut,
    Timings,
)
from lteims.sip.uac_transaction import InviteClient, NonInviteClient
from lteims.sip.uas_transaction import InviteServer, NonInviteServer
from tests.flows.ladder import Ladder

TIMINGS = Timings()


class Flow:
    """One transaction, both ends; the server's TU gives `answers` as (seconds after the request's arrival, code)."""

    def __init__(
        self,
        method: str,
        answers: list[tuple[float, int]],
        *,
        lost: Collection[int] = (),
        reliable: bool = False,
    ) -> None:
        invite = method == "INVITE"
        data = method.encode()
        self.method = method
        self.answers = answers
        self.ladder = Ladder(lost=lost)
        self.client = (InviteClient if invite else NonInviteClient)(TIMINGS, reliable, data)
        self.server = (InviteServer if invite else NonInviteServer)(TIMINGS, reliable)
        self.asked = False
        self.seen: list[object] = []  # by the client's TU
        self.ended: list[str] = []
        self.act("uac", self.client.start(0.0))
        self.ladder.run(1000.0)

    def feed(self, side: str, event: Event) -> None:
        machine = self.client if side == "uac" else self.server
        self.act(side, machine.handle(event, self.ladder.now))

    def act(self, side: str, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(data) if side == "uac":
                    self.ladder.right(data.decode(), self.on_request)
                case Send(data):
                    code = int(data)
                    self.ladder.left(str(code), partial(self.feed, "uac", Answered(code, code)))
                case SendAck():
                    self.ladder.right("ACK", partial(self.feed, "uas", Acked("ACK")))
                case SetTimer(name, delay):
                    self.ladder.later(delay, partial(self.feed, side, FIRED[name]))
                case Deliver(message) if side == "uac":
                    self.seen.append(message)
                case TimedOut():
                    self.ladder.note(f"{side} timed out")
                    self.seen += ["timeout"] if side == "uac" else []
                case Terminated():
                    self.ended.append(side)
                    self.ladder.note(f"{side} ends")

    def on_request(self) -> None:
        if self.asked:
            self.feed("uas", RETRANSMITTED)
            return
        self.asked = True
        for delay, code in self.answers:
            self.ladder.later(delay, partial(self.feed, "uas", Respond(code, str(code).encode())))


def rungs(flow: Flow) -> list[str]:
    return [" ".join(line.split()) for line in flow.ladder.rungs]


def test_refused_invite_with_losses_both_ways() -> None:
    """17.1.1.2 and 17.2.1: A brings the INVITE, G the 486, and the ACK is sent again for each 486 that arrives."""
    flow = Flow("INVITE", [(0.0, 100), (1.0, 486)], lost={0, 3, 5})
    assert rungs(flow) == [
        "0.00 INVITE --x",
        "0.50 INVITE -->",
        "0.55 <-- 100",
        "1.55 x-- 486",
        "2.05 <-- 486",  # timer G after 0.5 s
        "2.10 ACK --x",
        "3.05 <-- 486",  # after 1 s more
        "3.10 ACK -->",
        "8.15 uas ends",  # timer I, T4 after the ACK
        "34.10 uac ends",  # timer D, 32 s after the first 486
    ]
    assert flow.seen == [100, 486]


def test_accepted_invite_whose_200_comes_late_to_a_retransmission() -> None:
    """RFC 6026 7.1: an INVITE that crosses the 200 is absorbed, no second call comes of it."""
    flow = Flow("INVITE", [(0.42, 200)])
    assert rungs(flow) == [
        "0.00 INVITE -->",
        "0.47 <-- 200",
        "0.50 INVITE -->",
        "32.47 uas ends",
        "32.52 uac ends",
    ]
    assert flow.seen == [200]


def test_200_sent_again_by_the_tu_reaches_the_client() -> None:
    """13.3.1.4 with RFC 6026: the TU repeats the 2xx through the transaction; the client gives each to its TU."""
    flow = Flow("INVITE", [(0.0, 180), (1.0, 200), (1.5, 200), (2.5, 200)], lost={2})
    assert flow.seen == [180, 200, 200]


def test_non_invite_with_the_answer_lost() -> None:
    """17.1.2.2 and 17.2.2: E repeats the request, the server repeats its answer, J and K wait for strays."""
    flow = Flow("MESSAGE", [(0.0, 202)], lost={1})
    assert rungs(flow) == [
        "0.00 MESSAGE -->",
        "0.05 x-- 202",
        "0.50 MESSAGE -->",
        "0.55 <-- 202",
        "5.60 uac ends",
        "32.05 uas ends",
    ]


def test_non_invite_in_proceeding_is_repeated_each_t2() -> None:
    """17.1.2.2: after a 1xx, E fires once more as it was set, then every T2."""
    flow = Flow("MESSAGE", [(0.0, 100), (10.0, 200)])
    assert [line for line in rungs(flow) if "MESSAGE" in line] == [
        "0.00 MESSAGE -->",
        "0.50 MESSAGE -->",
        "4.50 MESSAGE -->",
        "8.50 MESSAGE -->",
    ]
    assert flow.seen[0] == 100
    assert flow.seen[-1] == 200


def test_dead_peer() -> None:
    """Seven INVITEs, eleven other requests, then timers B and F."""
    for method, times in (("INVITE", 7), ("OPTIONS", 11)):
        flow = Flow(method, [], lost=range(100))
        assert len(rungs(flow)) == times + 2
        assert rungs(flow)[-2:] == ["32.00 uac timed out", "32.00 uac ends"]


def test_reliable_transport_ends_at_once_and_repeats_nothing() -> None:
    """17.1.1.2, 17.1.2.2, 17.2.1, 17.2.2: D, K, I and J are 0."""
    assert rungs(Flow("OPTIONS", [(0.0, 200)], reliable=True)) == [
        "0.00 OPTIONS -->",
        "0.05 <-- 200",
        "0.05 uas ends",
        "0.10 uac ends",
    ]
    assert rungs(Flow("INVITE", [(0.0, 486)], reliable=True)) == [
        "0.00 INVITE -->",
        "0.05 <-- 486",
        "0.10 ACK -->",
        "0.10 uac ends",
        "0.15 uas ends",
    ]


LOSSES = st.sets(st.integers(0, 40), max_size=41)


@given(lost=LOSSES, final=st.sampled_from([200, 404]), after=st.floats(0, 20), trying=st.booleans())
def test_no_loss_leaves_a_non_invite_hanging(lost: set[int], final: int, after: float, trying: bool) -> None:
    """Either end ends, and the client's TU hears one final response or one timeout."""
    flow = Flow("MESSAGE", [(0.0, 100)] * trying + [(after, final)], lost=lost)
    assert flow.client.state is State.TERMINATED
    assert (flow.server.state is State.TERMINATED) == flow.asked
    assert len([seen for seen in flow.seen if seen != 100]) == 1
    assert flow.ladder.now <= 200.0


@given(lost=LOSSES, after=st.floats(0, 20), repeats=st.integers(1, 5), final=st.sampled_from([200, 486]))
def test_no_loss_leaves_an_invite_hanging(lost: set[int], after: float, repeats: int, final: int) -> None:
    """Without a 1xx (Proceeding is the TU's to bound) the client hears a final response or a timeout, not both."""
    flow = Flow("INVITE", [(after + n / 2, final) for n in range(repeats)], lost=lost)
    assert sorted(flow.ended) == (["uac", "uas"] if flow.asked else ["uac"])
    assert len(set(flow.seen)) == 1
    assert final == 200 or len(flow.seen) == 1

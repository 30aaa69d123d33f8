"""Two servers and what waits for their answers (RFC 6733 5.5.4, RFC 3539 3.4): no sockets, no clock."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.diameter import attributes as a
from lteims.diameter import failover
from lteims.diameter.attributes import DisconnectCause
from lteims.diameter.command import Node, Plain, Result
from lteims.diameter.cx import Lia, Rtr
from lteims.diameter.cx_attributes import ReasonCode
from lteims.diameter.errors import NoAnswer
from lteims.diameter.message import Message
from lteims.diameter.peer import Peer, State
from lteims.diameter.peer_events import (
    Action,
    Answered,
    Ask,
    Connected,
    ConnectFailed,
    Deliver,
    Event,
    Failed,
    Forward,
    Lost,
    Received,
    Release,
    Released,
    Reply,
    Send,
    SetTimer,
    Start,
    Stop,
    TimerFired,
)
from lteims.diameter.requests import Inbox
from lteims.diameter.watchdog import Health
from tests.unit.diameter.test_peer import HERE, LIR, US, connect, new, only, sent

SESSION = a.SESSION_ID("s;t")
FIRST, SECOND = Node("hss1.example", "example"), Node("hss2.example", "other.example")


class Two:
    """A client of two servers; `handle` does what net/diameter.py does."""

    def __init__(self, *, watchdog: float = 0.0, connected: bool = True) -> None:
        inbox, ends = Inbox(), count(1000)
        self.ours = [new(US, watchdog=watchdog, inbox=inbox, ends=ends) for _ in range(2)]
        self.theirs = [new(FIRST), new(SECOND)]
        self.ended: list[Any] = []  # tickets
        for peer in self.ours:
            peer.handle(Start(), 0)
        for number in range(2 if connected else 0):
            self.connect(number)

    def connect(self, number: int) -> list[Action]:
        """The connection stands; what the client does then."""
        actions = self.carry_out(connect(self.ours[number], self.theirs[number]))
        return actions + self.carry_out(self.take_over(0.0))

    def handle(self, number: int, event: Event, now: float = 0.0) -> list[Action]:
        """All that the client does about an event at one of its peers."""
        actions = self.carry_out(self.ours[number].handle(event, now))
        return actions + self.carry_out(self.take_over(now))

    def take_over(self, now: float) -> list[Action]:
        actions: list[Action] = []
        for peer, to in list(failover.takeovers(self.ours)):
            released = only(peer.handle(Release(), now), Released)
            for ask in released.asks:
                actions += to.handle(ask, now)
        return actions

    def carry_out(self, actions: list[Action]) -> list[Action]:
        self.ended += [each.ticket for each in actions if isinstance(each, Answered | Failed)]
        return actions

    def ask(self, ticket: Any, now: float = 0.0) -> list[Action]:
        peer = failover.best(self.ours) or self.ours[0]
        return self.carry_out(peer.handle(Ask(ticket, LIR, f"s;{ticket}"), now))

    @property
    def best(self) -> int | None:
        """The number of the peer that is asked."""
        peer = failover.best(self.ours)
        return None if peer is None else self.ours.index(peer)


def answer(server: Peer, data: bytes) -> bytes:
    """The server's answer to a request."""
    incoming = only(server.handle(Received(data), 0), Deliver).incoming
    found: bytes = only(server.handle(Reply(incoming, Lia(name="sip:s")), 0), Send).data
    return found


def suspected(two: Two) -> None:
    """The first server has left a watchdog request without an answer."""
    two.handle(0, TimerFired("Tw"), 30)
    two.handle(0, TimerFired("Tw"), 60)
    assert two.ours[0].health is Health.SUSPECT


def dpr(two: Two) -> Event:
    """The first server takes leave."""
    return Received(only(two.theirs[0].handle(Stop(DisconnectCause.REBOOTING), 0), Send).data)


def test_the_first_is_asked_then_the_next_then_the_first_again() -> None:
    two = Two(connected=False)
    assert two.best is None
    two.connect(1)
    assert two.best == 1
    two.connect(0)
    assert two.best == 0
    two.handle(0, Lost("reset"))
    assert two.best == 1
    two.theirs[0].handle(Lost("reset"), 0)
    two.handle(0, TimerFired("Tc"))
    assert two.best == 1
    two.connect(0)
    assert two.best == 0
    two.handle(1, Lost("reset"))
    assert two.best == 0


@pytest.mark.parametrize("how", ["lost", "suspect", "leave"])
def test_what_waits_goes_to_the_other(how: str) -> None:
    two = Two(watchdog=30.0)
    asked = two.ask("t", 58.0)
    before = sent(asked)
    if how == "suspect":
        two.handle(0, TimerFired("Tw"), 30)
    event = {"lost": Lost("reset"), "suspect": TimerFired("Tw"), "leave": None}[how] or dpr(two)
    actions = two.handle(0, event, 60.0)
    messages = [Message.parse(each.data) for each in actions if isinstance(each, Send)]
    (after,) = [each for each in messages if each.header.code == before.header.code]
    assert after.header.is_repeated
    assert not before.header.is_repeated
    assert after.header.end_to_end == before.header.end_to_end
    assert after.first(a.SESSION_ID) == before.first(a.SESSION_ID)
    assert (before.first(a.DESTINATION_REALM), after.first(a.DESTINATION_REALM)) == ("example", "other.example")
    assert SetTimer(f"Tx{after.header.end_to_end}", 3.0) in actions  # what is left of five seconds
    two.handle(1, Received(answer(two.theirs[1], after.header.encode(b"".join(x.encode() for x in after.avps)))))
    assert two.ended == ["t"]
    assert [peer.waiting for peer in two.ours] == [0, 0]


def test_the_late_answer_of_a_suspect_is_not_taken_twice() -> None:
    two = Two(watchdog=30.0)
    asked = only(two.ask("t"), Send)
    suspected(two)
    two.handle(0, Received(answer(two.theirs[0], asked.data)))  # by which it is okay again
    assert two.ended == []
    assert two.best == 0
    assert two.ours[1].waiting == 1


def test_a_suspect_is_asked_where_there_is_no_other() -> None:
    two = Two(watchdog=30.0)
    two.handle(1, Lost("reset"))
    two.ask("t", 58.0)
    suspected(two)
    assert two.best == 0
    assert two.ours[0].waiting == 1
    two.theirs[1].handle(Lost("reset"), 60)
    two.handle(1, TimerFired("Tc"), 60)
    two.connect(1)
    assert [peer.waiting for peer in two.ours] == [0, 1]  # reopened is better than suspect
    assert two.best == 1


def test_the_way_back_after_three_answers_to_watchdogs() -> None:
    two = Two(watchdog=30.0)
    two.handle(0, Lost("reset"))
    two.theirs[0].handle(Lost("reset"), 0)
    two.handle(0, TimerFired("Tc"))
    actions = two.connect(0)
    for _ in range(3):
        assert two.best == 1
        dwr = [each.data for each in actions if isinstance(each, Send)][-1]
        two.handle(0, Received(only(two.theirs[0].handle(Received(dwr), 0), Send).data))
        actions = two.handle(0, TimerFired("Tw"))
    assert two.best == 0


def test_with_no_other_it_waits_for_whoever_comes_first() -> None:
    two = Two()
    two.handle(1, Lost("reset"))
    two.theirs[1].handle(Lost("reset"), 0)
    two.ask("t", 0.0)
    two.handle(0, Lost("reset"), 1.0)
    assert two.best is None
    assert isinstance(only(two.ask("u", 1.0), Failed).error, NoAnswer)
    two.handle(1, TimerFired("Tc"), 2.0)
    again = [each for each in two.connect(1) if isinstance(each, Send)]
    assert Message.parse(again[-1].data).header.is_repeated
    assert [peer.waiting for peer in two.ours] == [0, 1]


def test_with_nobody_its_time_ends() -> None:
    two = Two()
    timer = only(two.ask("t"), SetTimer)
    for number in (1, 0):
        two.handle(number, Lost("reset"))
    failed = only(two.handle(0, TimerFired(timer.name), 5.0), Failed)
    assert isinstance(failed.error, NoAnswer)
    assert two.ended == ["t"]


def test_a_request_that_both_servers_bring_is_served_once() -> None:
    two = Two()
    request = Rtr("u", ReasonCode.SERVER_CHANGE)
    first = only(two.theirs[0].handle(Ask(1, request, "s;1"), 0), Send).data
    header = Message.parse(first).header
    second = header._replace(hop_by_hop=77, flags=header.flags | 0x10).encode(first[20:])
    incoming = only(two.handle(0, Received(first)), Deliver).incoming
    assert two.handle(1, Received(second)) == []
    here, there = two.handle(0, Reply(incoming, Plain()))
    assert isinstance(here, Send)
    assert isinstance(there, Forward)
    assert there.peer is two.ours[1]
    assert Message.parse(here.data).header.hop_by_hop == header.hop_by_hop
    assert Message.parse(there.data).header.hop_by_hop == 77
    third = header._replace(hop_by_hop=78).encode(first[20:])
    assert sent(two.handle(1, Received(third))).header.hop_by_hop == 78


def test_the_answer_goes_where_the_request_was_sent_again() -> None:
    """The connection by which it came first is lost meanwhile, and made again."""
    two = Two()
    first = only(two.theirs[0].handle(Ask(1, Rtr("u", ReasonCode.SERVER_CHANGE), "s;1"), 0), Send).data
    header = Message.parse(first).header
    incoming = only(two.handle(0, Received(first)), Deliver).incoming
    two.handle(0, Lost("reset"))
    two.theirs[0].handle(Lost("reset"), 0)
    two.handle(0, TimerFired("Tc"))
    two.connect(0)
    assert two.handle(0, Received(header._replace(hop_by_hop=79).encode(first[20:]))) == []
    assert sent(two.handle(0, Reply(incoming, Plain()))).header.hop_by_hop == 79


@pytest.mark.parametrize(
    ("uris", "number"),
    [
        (["aaa://hss2.example"], 1),
        (["aaa://HSS2.example:3868;transport=sctp;protocol=diameter"], 1),
        (["aaa://elsewhere.example", "aaas://hss2.example"], 1),
        (["aaa://elsewhere.example"], None),
        (["hss2.example", ""], None),
        ([], None),
    ],
)
def test_an_answer_may_name_another_server(uris: list[str], number: int | None) -> None:
    two = Two()
    header = sent(two.ask("t")).header
    body = SESSION + Result(3006).encode() + FIRST.avps() + b"".join(map(a.REDIRECT_HOST, uris))
    (_, answered) = two.handle(0, Received(header.answer(error=True).encode(body)))
    assert isinstance(answered, Answered)
    peer = failover.elsewhere(two.ours, answered.message, two.ours[:1])
    assert peer is (None if number is None else two.ours[number])
    assert failover.elsewhere(two.ours, answered.message, two.ours) is None
    two.handle(1, Lost("reset"))
    assert failover.elsewhere(two.ours, answered.message, two.ours[:1]) is None


@pytest.mark.parametrize(
    ("code", "error", "number"),
    [(3002, True, 1), (3004, True, 1), (3003, True, None), (2001, False, None), (3004, False, None)],
)
def test_an_answer_may_send_us_to_another_server(code: int, error: bool, number: int | None) -> None:
    two = Two()
    header = sent(two.ask("t")).header
    body = SESSION + Result(code).encode() + FIRST.avps() + a.REDIRECT_HOST("aaa://hss2.example")
    answer = Message.parse(header.answer(error).encode(body))
    peer = failover.elsewhere(two.ours, answer, two.ours[:1])
    assert peer is (None if number is None else two.ours[number])


STEPS = st.tuples(
    st.sampled_from(["ask", "lost", "connect", "watchdog", "leave", "answer", "expire", "stop"]), st.integers(0, 1)
)


@given(st.lists(STEPS, max_size=40))
def test_every_request_ends_once_whatever_happens(steps: list[tuple[str, int]]) -> None:
    two = Two(watchdog=30.0)
    asked = 0
    for now, (step, number) in enumerate(steps):
        peer, server = two.ours[number], two.theirs[number]
        match step:
            case "ask":
                two.ask(asked, now)
                asked += 1
            case "lost":
                two.handle(number, Lost("reset") if peer.state is not State.WAIT_CONN_ACK else ConnectFailed("no"), now)
            case "connect" if peer.state in (State.CLOSED, State.WAIT_CONN_ACK) and peer._reconnects:
                two.theirs[number] = server = new(server._local.node)
                two.handle(number, TimerFired("Tc"), now)
                cer = only(two.handle(number, Connected(HERE), now), Send).data
                server.handle(Connected(HERE, accepted=True), now)
                two.handle(number, Received(only(server.handle(Received(cer), now), Send).data), now)
            case "watchdog":
                two.handle(number, TimerFired("Tw"), now)
            case "leave" if peer.state is State.OPEN and server.state is State.OPEN:
                two.handle(number, dpr(two) if number == 0 else Lost("gone"), now)
            case "answer" if peer.state is State.OPEN and server.state is State.OPEN:
                for one in list(peer._outbox._sent.values()):
                    for action in server.handle(Received(one.header.encode(one.body)), now):
                        if isinstance(action, Deliver):
                            action = server.handle(Reply(action.incoming, Lia()), now)[0]
                        if isinstance(action, Send):
                            two.handle(number, Received(action.data), now)
            case "expire":
                for one in list(peer._outbox._sent.values()):
                    two.handle(number, TimerFired(f"Tx{one.header.end_to_end}"), now)
            case "stop":
                two.handle(number, Stop(), now)
    waiting = [one.ask.ticket for peer in two.ours for one in peer._outbox._sent.values()]
    assert sorted(two.ended + waiting) == list(range(asked))

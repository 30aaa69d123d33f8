"""The peer machine, arrow by arrow: two of them face to face, and one against what a bad peer sends."""

from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims import counters, trace
from lteims.diameter import attributes as a
from lteims.diameter import peer as machine
from lteims.diameter.attributes import DisconnectCause
from lteims.diameter.capabilities import Local
from lteims.diameter.command import CX, DWR, RX, SUCCESS, Node, Result, request_body
from lteims.diameter.cx import CxResult, Lia, Lir, Rtr
from lteims.diameter.cx_attributes import ReasonCode
from lteims.diameter.errors import DiameterError, NoAnswer
from lteims.diameter.message import Header, Message
from lteims.diameter.peer import Peer, State
from lteims.diameter.peer_events import (
    Answered,
    Ask,
    CancelTimer,
    Close,
    Connect,
    Connected,
    ConnectFailed,
    Deliver,
    Down,
    Failed,
    Lost,
    Received,
    Reply,
    Send,
    SetTimer,
    Start,
    Stop,
    TimerFired,
    Turned,
    Up,
)  # fmt: skip
from lteims.diameter.requests import MOST_SERVED, Outbox
from lteims.diameter.watchdog import Health

US, HSS = Node("ims.example", "example"), Node("hss.example", "example")
HERE = (IPv4Address("127.0.0.1"),)
LIR = Lir("sip:a@example")


def new(node: Node, *applications: int, watchdog: float = 0.0, ends: Iterator[int] | None = None, **more: Any) -> Peer:
    local, ends = Local(node, applications or (CX,)), ends or count(1000)
    return Peer(local, trace.CX, name="peer", watchdog=watchdog, random=lambda: 0.5, outbox=Outbox(100, ends), **more)


def kinds(actions: list[Any]) -> list[type]:
    return [type(action) for action in actions]


def only(actions: list[Any], kind: type) -> Any:
    (found,) = [action for action in actions if isinstance(action, kind)]
    return found


def sent(actions: list[Any]) -> Message:
    return Message.parse(only(actions, Send).data)


def result(actions: list[Any]) -> int:
    return Result.of(sent(actions)).code


def opened(watchdog: float = 0.0, **more: Any) -> tuple[Peer, Peer]:
    """A client and a server that have exchanged their capabilities."""
    client, server = new(US, watchdog=watchdog), new(HSS, **more)
    client.handle(Start(), 0)
    connect(client, server)
    return client, server


def connect(client: Peer, server: Peer) -> list[Any]:
    server.handle(Connected(HERE, accepted=True), 0)
    cer = only(client.handle(Connected(HERE), 0), Send)
    cea = only(server.handle(Received(cer.data), 0), Send)
    actions = client.handle(Received(cea.data), 0)
    assert (client.state, server.state) == (State.OPEN, State.OPEN)
    return actions


def test_capabilities_are_exchanged() -> None:
    client, server = new(US), new(HSS, CX, RX)
    actions = client.handle(Start(), 0)
    assert actions == [Connect(), SetTimer("Tr", machine.SETUP_TIME)]
    actions = connect(client, server)
    assert only(actions, Up).remote.node == HSS
    assert server.remote is not None
    assert server.remote.node == US
    assert server.remote.product == "LTE IMS Server"


def test_a_request_and_its_answer() -> None:
    client, server = opened()
    actions = client.handle(Ask("ticket", LIR, "s;1", timeout=3.0), 0)
    request = sent(actions)
    assert SetTimer(f"Tx{request.header.end_to_end}", 3.0) in actions
    assert request.first(a.DESTINATION_REALM) == "example"
    assert request.first(a.DESTINATION_HOST) is None
    incoming = only(server.handle(Received(only(actions, Send).data), 0), Deliver).incoming
    assert (incoming.session, incoming.origin) == ("s;1", US)
    assert Lir.parse(incoming.message) == LIR
    answer = only(server.handle(Reply(incoming, Lia(name="sip:s")), 0), Send)
    actions = client.handle(Received(answer.data), 0)
    assert only(actions, CancelTimer).name == f"Tx{request.header.end_to_end}"
    answered = only(actions, Answered)
    assert answered.ticket == "ticket"
    assert LIR.parse_answer(answered.message) == Lia(name="sip:s")


def test_a_request_of_the_server_names_its_host() -> None:
    client, server = opened()
    actions = server.handle(Ask("t", Rtr("u", ReasonCode.SERVER_CHANGE), "s"), 0)
    assert sent(actions).first(a.DESTINATION_HOST) == US.host
    assert only(client.handle(Received(only(actions, Send).data), 0), Deliver)


def test_a_request_that_cannot_be_served() -> None:
    client, server = opened()
    asked = client.handle(Ask(1, LIR, "s"), 0)
    incoming = only(server.handle(Received(only(asked, Send).data), 0), Deliver).incoming
    reply = server.handle(Reply(incoming, CxResult.ERROR_USER_UNKNOWN.error("nobody")), 0)
    answered = only(client.handle(Received(only(reply, Send).data), 0), Answered)
    assert LIR.parse_answer(answered.message).result == CxResult.ERROR_USER_UNKNOWN.result
    assert answered.message.first(a.ERROR_MESSAGE) == "nobody"


def test_a_refusal_as_pyhss_writes_it() -> None:
    """With the number of Sh in its header, and no Result-Code."""
    client, _ = opened()
    request = sent(client.handle(Ask("t", LIR, "s"), 0))
    refusal = a.EXPERIMENTAL_RESULT(a.VENDOR_ID(10415), a.EXPERIMENTAL_RESULT_CODE(5001))
    answer = request.header.answer()._replace(application=16777217)
    answered = only(client.handle(Received(answer.encode(a.SESSION_ID("s") + HSS.avps() + refusal)), 0), Answered)
    assert LIR.parse_answer(answered.message).result == CxResult.ERROR_USER_UNKNOWN.result


def test_without_a_connection_nothing_is_kept_waiting() -> None:
    actions = new(US).handle(Ask(1, LIR, "s"), 0)
    assert isinstance(only(actions, Failed).error, NoAnswer)


def test_no_answer_in_time_and_one_too_late() -> None:
    client, server = opened()
    asked = client.handle(Ask(1, LIR, "s"), 0)
    incoming = only(server.handle(Received(only(asked, Send).data), 0), Deliver).incoming
    timer = only(asked, SetTimer)
    assert "in time" in str(only(client.handle(TimerFired(timer.name), 5), Failed).error)
    late = only(server.handle(Reply(incoming, Lia()), 6), Send)
    assert client.handle(Received(late.data), 6) == []
    assert client.handle(TimerFired(timer.name), 7) == []


def test_what_waits_is_sent_again_on_a_new_connection() -> None:
    client, server = opened()
    asked = client.handle(Ask("t", LIR, "s"), 0)
    first = sent(asked)
    incoming = only(server.handle(Received(only(asked, Send).data), 0), Deliver).incoming
    actions = client.handle(Lost("reset"), 1)
    assert kinds(actions) == [CancelTimer, CancelTimer, Down, SetTimer]
    assert only(actions, SetTimer) == SetTimer("Tc", 1.0)
    server.handle(Lost("reset"), 1)
    server.handle(Reply(incoming, Lia(name="sip:s")), 1)  # it goes nowhere, but is remembered
    client.handle(TimerFired("Tc"), 2)
    again = sent(connect(client, server))
    assert again.header.is_repeated
    assert again.header.end_to_end == first.header.end_to_end
    assert again.header.hop_by_hop != first.header.hop_by_hop
    assert again.avps == first.avps
    repeated = server.handle(Received(again.header.encode(only(asked, Send).data[20:])), 2)
    assert kinds(repeated) == [Send]  # the same answer; it is not served twice
    assert only(client.handle(Received(only(repeated, Send).data), 2), Answered).ticket == "t"


def test_a_repetition_of_what_is_being_served_is_dropped() -> None:
    client, server = opened()
    data = only(client.handle(Ask("t", LIR, "s"), 0), Send).data
    assert kinds(server.handle(Received(data), 0)) == [Deliver]
    assert server.handle(Received(data), 0) == []
    assert kinds(server.handle(Received(data), 1000)) == [Deliver]  # long after, it is another one


def test_the_pauses_before_another_attempt_grow() -> None:
    client = new(US)
    client.handle(Start(), 0)
    pauses = []
    for _ in range(7):
        pauses.append(only(client.handle(ConnectFailed("refused"), 0), SetTimer).delay)
        assert client.handle(TimerFired("Tc"), 0) == [Connect(), SetTimer("Tr", machine.SETUP_TIME)]
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_peer_that_never_speaks() -> None:
    client = new(US)
    client.handle(Start(), 0)
    assert Close() in client.handle(TimerFired("Tr"), 10)
    client.handle(TimerFired("Tc"), 11)
    client.handle(Connected(HERE), 11)
    actions = client.handle(TimerFired("Tr"), 21)
    assert Close() in actions
    assert only(actions, SetTimer).name == "Tc"


@pytest.mark.parametrize(
    ("server", "code", "why"),
    [
        (new(HSS, RX), 5010, "no common application"),
        (new(HSS, admits=lambda node: False), 3010, "unknown peer"),
    ],
)
def test_a_refusal_is_said_clearly(server: Peer, code: int, why: str) -> None:
    client = new(US)
    client.handle(Start(), 0)
    server.handle(Connected(HERE, accepted=True), 0)
    actions = server.handle(Received(only(client.handle(Connected(HERE), 0), Send).data), 0)
    assert result(actions) == code
    assert sent(actions).first(a.ERROR_MESSAGE) == why
    assert Close() in actions
    assert server.state is State.CLOSED
    actions = client.handle(Received(only(actions, Send).data), 0)
    assert only(actions, SetTimer) == SetTimer("Tc", machine.REFUSED_PAUSE)


@pytest.mark.parametrize(
    "capabilities",
    [
        Local(HSS, (RX,)).capabilities(HERE),
        Local(HSS, (CX,)).capabilities(HERE).replace(a.INBAND_SECURITY_ID(0), a.INBAND_SECURITY_ID(1)),
    ],
)
def test_a_cea_with_which_nothing_can_be_done(capabilities: bytes) -> None:
    """Without our application, or with TLS alone."""
    client = new(US)
    client.handle(Start(), 0)
    cer = sent(client.handle(Connected(HERE), 0))
    actions = client.handle(Received(cer.header.answer().encode(SUCCESS.encode() + capabilities)), 0)
    assert only(actions, SetTimer) == SetTimer("Tc", machine.REFUSED_PAUSE)
    assert client.state is State.CLOSED


def test_leave_is_taken() -> None:
    client, server = opened()
    asked = client.handle(Ask("t", LIR, "s"), 0)
    actions = client.handle(Stop(), 0)
    assert isinstance(only(actions, Failed).error, NoAnswer)
    assert client.state is State.CLOSING
    server.handle(Received(only(asked, Send).data), 0)
    actions = server.handle(Received(only(actions, Send).data), 0)
    assert kinds(actions)[:2] == [Send, Close]
    assert server.state is State.CLOSED
    actions = client.handle(Received(only(actions, Send).data), 0)
    assert kinds(actions) == [Close, CancelTimer, CancelTimer, Down]
    assert client.state is State.CLOSED


def test_leave_without_an_answer() -> None:
    client, _ = opened()
    client.handle(Stop(), 0)
    assert Close() in client.handle(TimerFired("Tr"), 2)
    assert client.state is State.CLOSED


@pytest.mark.parametrize(
    ("cause", "pause"),
    [
        (DisconnectCause.REBOOTING, 1.0),
        (DisconnectCause.BUSY, machine.REFUSED_PAUSE),
        (DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU, machine.REFUSED_PAUSE),
    ],
)
def test_the_server_takes_leave(cause: DisconnectCause, pause: float) -> None:
    client, server = opened()
    dpr = only(server.handle(Stop(cause), 0), Send)
    actions = client.handle(Received(dpr.data), 0)
    assert result(actions) == 2001
    assert only(actions, SetTimer) == SetTimer("Tc", pause)
    assert bool(client.handle(Start(), 0)) is (pause == 1.0)  # in a hurry
    client.handle(TimerFired("Tc"), pause)
    assert client.state is State.WAIT_CONN_ACK


def test_stop_while_connecting_and_while_waiting() -> None:
    client = new(US)
    client.handle(Start(), 0)
    assert Close() in client.handle(Stop(), 0)
    assert client.state is State.CLOSED
    client = new(US)
    client.handle(Start(), 0)
    client.handle(ConnectFailed("no"), 0)
    assert client.handle(Stop(), 0) == [CancelTimer("Tc")]


def test_a_watchdog_is_answered() -> None:
    _, server = opened()
    dwr = Header(0x80, DWR.code, 0, 5, 6).encode(US.avps())
    actions = server.handle(Received(dwr), 0)
    assert result(actions) == 2001
    assert sent(actions).header == Header(0, 280, 0, 5, 6)


def test_the_watchdog_of_a_silent_peer() -> None:
    client, server = opened(watchdog=30.0)
    dwr = client.handle(TimerFired("Tw"), 30)
    assert kinds(dwr) == [Send, SetTimer]
    assert only(dwr, SetTimer).delay == 30.0
    dwa = only(server.handle(Received(only(dwr, Send).data), 30), Send)
    assert kinds(client.handle(Received(dwa.data), 30)) == [SetTimer]
    assert kinds(client.handle(TimerFired("Tw"), 60)) == [Send, SetTimer]
    assert client.handle(TimerFired("Tw"), 90) == [SetTimer("Tw", 30.0), Turned(Health.SUSPECT)]
    actions = client.handle(TimerFired("Tw"), 120)
    assert Close() in actions
    assert client.state is State.CLOSED
    client.handle(TimerFired("Tc"), 121)
    server.handle(Lost("x"), 120)
    actions = connect(client, server)  # REOPEN: asked at once
    assert sent(actions).header.code == DWR.code


def respond(server: Peer, data: bytes) -> list[Any]:
    return server.handle(Received(data), 0)


def lir(*, node: Node = US, realm: str = "example", host: str = "", extra: bytes = b"", **header: int) -> bytes:
    head = Header(0xC0, 302, CX, 9, 9)._replace(**header)
    return head.encode(request_body(LIR, "s;9", node, realm, host) + extra)


@pytest.mark.parametrize(
    ("data", "code", "flags"),
    [
        (lir(application=RX), 3007, 0x60),
        (lir(application=1), 3007, 0x60),
        (lir(code=399), 3001, 0x60),
        (Header(0x80, 399, 0, 1, 1).encode(US.avps()), 3001, 0x20),
        (lir(realm="other"), 3003, 0x60),
        (lir(host="other.example"), 3002, 0x60),
        (lir(extra=a.ROUTE_RECORD(HSS.host)), 3005, 0x60),
        (lir(flags=0xE0), 3008, 0x60),
        (b"\2" + lir()[1:], 5011, 0x40),
        (lir(extra=bytes.fromhex("00000107 4000ffff")), 5014, 0x40),
        (lir(extra=a.ORIGIN_HOST("x")), 5009, 0x40),
        (lir(extra=bytes.fromhex("0000ffff 40000008")), 5001, 0x40),
        (Header(0xC0, 302, CX, 1, 1).encode(a.SESSION_ID("s")), 5005, 0x40),
        (Header(0x80, 280, 0, 1, 1).encode(b""), 5005, 0x00),
        (Header(0x80, 257, 0, 1, 1).encode(Local(US, (CX,)).capabilities(HERE)), 5012, 0x00),
    ],
)
def test_what_is_wrong_is_answered_and_breaks_nothing(data: bytes, code: int, flags: int) -> None:
    _, server = opened()
    actions = respond(server, data)
    answer = sent(actions)
    assert Result.of(answer).code == code
    assert answer.header.flags == flags
    assert answer.header.hop_by_hop == Header.parse(data).hop_by_hop
    assert answer.first(a.ORIGIN_HOST) == HSS.host
    assert kinds(respond(server, lir())) == [Deliver]


def test_the_error_answer_has_what_it_must_repeat() -> None:
    _, server = opened()
    proxy = a.PROXY_INFO(a.PROXY_HOST("p"), a.PROXY_STATE(b"\1\2"))
    answer = sent(respond(server, lir(extra=proxy + a.ORIGIN_HOST("x"))))
    assert answer.first(a.SESSION_ID) == "s;9"
    assert [each.encode() for each in answer.avps if each.attribute is a.PROXY_INFO] == [proxy]
    assert [each.data for each in answer.avps if each.attribute is a.FAILED_AVP] == [a.ORIGIN_HOST("x")]
    assert answer.first(a.AUTH_SESSION_STATE) == 1
    incoming = only(respond(server, lir(extra=proxy, end_to_end=77)), Deliver).incoming
    answer = sent(server.handle(Reply(incoming, Lia()), 0))
    assert [each.encode() for each in answer.avps if each.attribute is a.PROXY_INFO] == [proxy]


def test_news_of_many_calls_at_once_is_no_flood() -> None:
    _, server = opened()
    for number in range(900):  # RARs of about 250 octets: all of them are there before the first is served
        assert kinds(respond(server, lir(end_to_end=number))) == [Deliver]


def test_a_flood_is_told_that_we_are_busy() -> None:
    _, server = opened()
    for number in range(MOST_SERVED):
        assert kinds(respond(server, lir(end_to_end=number))) == [Deliver]
    assert result(respond(server, lir(end_to_end=MOST_SERVED))) == 3004


def test_unreadable_octets_and_stray_answers_are_left_alone() -> None:
    client, _ = opened()
    for data in (b"", b"\1\0\0\x14", lir(flags=0x40), Header(0, 280, 0, 1, 1).encode(b""),
                 Header(0, 999, 0, 1, 1).encode(b""), Header(0, 257, 0, 1, 1).encode(b"\0")):  # fmt: skip
        assert not [action for action in client.handle(Received(data), 0) if not isinstance(action, CancelTimer)]
    assert client.state is State.OPEN


def test_a_broken_answer_ends_the_waiting() -> None:
    client, _ = opened()
    request = sent(client.handle(Ask("t", LIR, "s"), 0))
    broken = request.header.answer().encode(a.SESSION_ID("s") + bytes.fromhex("0000010c 40000008"))
    failed = only(client.handle(Received(broken), 0), Failed)
    assert isinstance(failed.error, DiameterError)
    request = sent(client.handle(Ask("t", LIR, "s"), 0))
    bare = request.header.answer().encode(a.SESSION_ID("s"))
    answered = only(client.handle(Received(bare), 0), Answered)
    with pytest.raises(DiameterError) as caught:
        LIR.parse_answer(answered.message)
    assert caught.value.result_code == 5005


@pytest.mark.parametrize("session", ["t", "s;10", ""])
def test_an_answer_of_another_session(session: str) -> None:
    client, _ = opened()
    header = sent(client.handle(Ask("t", LIR, "s;1"), 0)).header
    body = a.SESSION_ID(session) + SUCCESS.encode() + HSS.avps() + a.AUTH_SESSION_STATE(1)
    failed = only(client.handle(Received(header.answer().encode(body)), 0), Failed)
    assert "another session" in str(failed.error)


def test_answers_that_belong_to_nothing() -> None:
    """Of another command, of another end-to-end identifier, a second one: the request goes on waiting for its own."""
    client, _ = opened()
    header = sent(client.handle(Ask("t", LIR, "s"), 0)).header
    body = a.SESSION_ID("s") + SUCCESS.encode() + HSS.avps() + a.AUTH_SESSION_STATE(1)
    before = counters.get("diam_stray")
    for other in (header._replace(code=303), header._replace(end_to_end=7), header._replace(hop_by_hop=7)):
        assert client.handle(Received(other.answer().encode(body)), 0) == []
    right = header.answer().encode(body)
    assert only(client.handle(Received(right), 0), Answered).ticket == "t"
    assert client.handle(Received(right), 0) == []
    assert counters.get("diam_stray") == before + 4


@pytest.mark.parametrize("data", [lir(), lir(flags=0x40), Header(0, 280, 0, 1, 1).encode(HSS.avps()), b"\2" * 24])
def test_before_the_capabilities_nothing_else_is_said(data: bytes) -> None:
    server = new(HSS)
    server.handle(Connected(HERE, accepted=True), 0)
    actions = server.handle(Received(data), 0)
    assert Close() in actions
    assert server.state is State.CLOSED
    client = new(US)
    client.handle(Start(), 0)
    client.handle(Connected(HERE), 0)
    assert Close() in client.handle(Received(data), 0)


def test_a_cer_that_is_wrong_is_answered() -> None:
    server = new(HSS)
    server.handle(Connected(HERE, accepted=True), 0)
    actions = server.handle(Received(Header(0x80, 257, 0, 1, 1).encode(US.avps())), 0)
    assert result(actions) == 5005
    assert Close() in actions


MESSAGES = [
    lir(),
    Header(0x80, 257, 0, 1, 1).encode(Local(US, (CX,)).capabilities(HERE)),
    Header(0x80, 280, 0, 1, 1).encode(US.avps()),
    Header(0x80, 282, 0, 1, 1).encode(US.avps() + a.DISCONNECT_CAUSE(0)),
    Header(0, 257, 0, 1, 1).encode(SUCCESS.encode() + Local(US, (CX,)).capabilities(HERE)),
    Header(0, 280, 0, 1, 1).encode(SUCCESS.encode() + US.avps()),
    Header(0, 282, 0, 1, 1).encode(SUCCESS.encode() + US.avps()),
    lir(flags=0x40, hop_by_hop=101),
]
TIMERS = [TimerFired("Tc"), TimerFired("Tr"), TimerFired("Tw"), TimerFired("Tx1001")]
EVENTS = st.one_of(
    st.sampled_from([*map(Received, MESSAGES), *TIMERS, Start(), Stop(), Connected(HERE), Connected(HERE, True),
                     ConnectFailed("no"), Lost("gone"), Ask(1, LIR, "s")]),
    st.builds(
        lambda data, at, octet: Received(data[: at % len(data)] + bytes((octet,)) + data[at % len(data) + 1 :]),
        st.sampled_from(MESSAGES), st.integers(0, 400), st.integers(0, 255),
    ),
)  # fmt: skip


@given(st.lists(EVENTS, max_size=30), st.booleans())
def test_no_order_of_events_raises_anything(events: list[Any], open_first: bool) -> None:
    peer = opened(watchdog=1.0)[0] if open_first else new(US, watchdog=1.0)
    waiting = 0
    for now, event in enumerate(events):
        actions = peer.handle(event, now)
        waiting += isinstance(event, Ask) - sum(isinstance(each, Failed | Answered) for each in actions)
        for each in actions:
            if isinstance(each, Send):
                Message.parse(each.data)
            elif isinstance(each, Deliver):
                peer.handle(Reply(each.incoming, Lia()), now)
    assert waiting == len(peer._outbox)

"""Reliable provisional responses (RFC 3262): the sender's machine in every state, the receiver's order, RAck, RSeq."""

from collections.abc import Callable
from contextlib import nullcontext, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response, parse
from lteims.sip.reliable import (
    Abandoned,
    Action,
    ClearTimer,
    RAck,
    ReliableReceiver,
    ReliableResponses,
    SetTimer,
    Transmit,
    rseq_of,
)
from lteims.sip.valid import check_request

T1 = 0.5
FIRST = 41


def plain(code: int = 180) -> Response:
    """A response without a body."""
    return Response(code)


def sdp(code: int = 183) -> Response:
    """A response with a session description."""
    return Response(code, headers={"content-type": ["application/sdp"]}, body=b"v=0\r\n")


def machine() -> ReliableResponses:
    """The machine of an INVITE with CSeq 7."""
    return ReliableResponses(7, FIRST, T1)


def rack(rseq: int = FIRST) -> RAck:
    """What a PRACK to it says."""
    return RAck(rseq, 7, "INVITE")


def sent(actions: list[Action]) -> list[int]:
    """The codes of what is transmitted."""
    return [action.response.code for action in actions if isinstance(action, Transmit)]


# -- RAck and RSeq
@pytest.mark.parametrize("text", ["776656 1 INVITE", " 0776656\t1   INVITE ", "776656 1\tINVITE"])
def test_a_rack_is_three_words(text: str) -> None:
    assert RAck.parse(text) == RAck(776656, 1, "INVITE")


@pytest.mark.parametrize(
    "text",
    ["", "1", "1 1", "1 1 INVITE x", "0 1 INVITE", "-1 1 INVITE", "1 -1 INVITE", "4294967296 1 INVITE", "a b c",
     "1 2147483648 INVITE", "1 1 INV{ITE", "\u00b2 1 INVITE", "1,1 INVITE", f"{'9' * 5000} 1 INVITE", "1\u00a01 1 I"],
)  # fmt: skip
def test_a_rack_that_cannot_be_read_is_a_400(text: str) -> None:
    with pytest.raises(SipError) as caught:
        RAck.parse(text)
    assert caught.value.code == 400


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(SipError):
        value = RAck.parse(text)
        assert RAck.parse(value.encode()) == value


def reliable(code: int = 183, rseq: str | None = "5", require: str = "100rel") -> Response:
    """A response from the wire."""
    headers = {"require": [require]} if require else {}
    return Response(code, headers=headers if rseq is None else {**headers, "rseq": [rseq]})


def test_the_rseq_of_a_reliable_response() -> None:
    assert rseq_of(reliable()) == 5
    assert rseq_of(reliable(require="precondition, 100REL", rseq="4294967295")) == 4294967295


@pytest.mark.parametrize(
    "response",
    [reliable(rseq=None), reliable(rseq="0"), reliable(rseq="x"), reliable(rseq="4294967296"), reliable(rseq="-1"),
     reliable(require=""), reliable(require="precondition"), reliable(require='a "b, 100rel'), reliable(100),
     reliable(200), reliable(486), reliable(rseq="")],
)  # fmt: skip
def test_what_is_no_reliable_response_has_none(response: Response) -> None:
    assert rseq_of(response) is None


# -- the receiver
def test_the_receiver_takes_the_first_and_then_the_next() -> None:
    receiver = ReliableReceiver()
    assert [receiver.accept(rseq) for rseq in (0, 9, 9, 11, 8, 10, 9, 11, 12)] == [
        False, True, False, False, False, True, False, True, True,
    ]  # fmt: skip
    assert receiver.last == 12


# -- the sender
def test_one_response_and_its_prack() -> None:
    r = machine()
    response = sdp()
    assert (r.open, r.last_rseq) == (False, 0)
    assert r.provisional(response) == [Transmit(response), SetTimer(T1)]
    assert (response.get("rseq"), response.get("require"), r.open, r.last_rseq) == ("41", "100rel", True, FIRST)
    assert b"\r\nRSeq: 41\r\n" in response.encode()
    assert r.acknowledged(rack()) == [ClearTimer()]
    assert not r.open
    assert sent(r.final(sdp(200))) == [200]


@pytest.mark.parametrize(
    ("before", "after"),
    [(["precondition"], "precondition, 100rel"), (["a, 100rel", "b"], "a, b, 100rel"), (['bad "x, y'], "100rel")],
)
def test_require_is_merged(before: list[str], after: str) -> None:
    response = plain()
    response.set("require", *before)
    machine().provisional(response)
    assert response.headers["require"] == [after]


def test_the_interval_doubles_without_a_cap_until_64_t1() -> None:
    r = machine()
    response = sdp()
    actions = r.provisional(response)
    at, times = 0.0, []
    while Abandoned() not in actions:
        (timer,) = [action for action in actions if isinstance(action, SetTimer)]
        assert actions[0] == Transmit(response)
        times.append(at)
        at += timer.delay
        actions = r.fired()
    assert times == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert at == 64 * T1
    assert actions == [Abandoned()]
    assert r.fired() == []  # given up once
    assert sent(r.final(plain(504))) == [504]


def test_a_prack_that_comes_after_giving_up_still_counts() -> None:
    r = machine()
    r.provisional(sdp())
    r.provisional(plain())
    while r.fired() != [Abandoned()]:
        pass
    assert r.final(sdp(200)) == []
    assert sent(r.acknowledged(rack())) == [200]


def test_the_second_waits_for_the_first() -> None:
    r = machine()
    first, second, third = sdp(), plain(), plain(181)
    r.provisional(first)
    assert r.provisional(second) == r.provisional(third) == []
    assert "rseq" not in second.headers
    assert r.acknowledged(rack()) == [ClearTimer(), Transmit(second), SetTimer(T1)]
    assert second.get("rseq") == "42"
    assert sent(r.acknowledged(rack(42))) == [181]
    assert r.last_rseq == 43
    assert r.acknowledged(rack(43)) == [ClearTimer()]


def test_the_queue_has_an_end() -> None:
    r = machine()
    r.provisional(plain())
    for _ in range(1000):
        r.provisional(plain())
    count = 0
    while r.open:
        r.acknowledged(rack(FIRST + count))
        count += 1
    assert count == 33


@pytest.mark.parametrize("wrong", [RAck(42, 7, "INVITE"), RAck(41, 8, "INVITE"), RAck(41, 7, "UPDATE")])
def test_a_prack_for_nothing_is_a_481(wrong: RAck) -> None:
    r = machine()
    r.provisional(sdp())
    with pytest.raises(SipError) as caught:
        r.acknowledged(wrong)
    assert caught.value.code == 481
    r.acknowledged(rack())
    with pytest.raises(SipError):
        r.acknowledged(rack())  # a second one


def test_a_200_waits_for_the_prack_of_a_description() -> None:
    r = machine()
    r.provisional(sdp())
    answer = plain(200)
    assert r.final(answer) == []
    assert sent(r.fired()) == [183]  # retransmitted all the same
    assert r.provisional(plain()) == r.final(plain(200)) == []
    assert r.acknowledged(rack()) == [ClearTimer(), Transmit(answer)]


def test_a_200_waits_for_a_description_in_the_queue_but_not_for_ringing() -> None:
    r = machine()
    r.provisional(plain())
    for response in (plain(181), sdp(), plain(182)):
        r.provisional(response)
    assert r.final(plain(200)) == []
    assert sent(r.acknowledged(rack())) == [183]
    assert sent(r.acknowledged(rack(42))) == [200]
    assert not r.open


def test_a_200_passes_ringing_whose_prack_may_still_come() -> None:
    r = machine()
    r.provisional(plain())
    r.provisional(plain(181))
    answer = sdp(200)
    assert r.final(answer) == [ClearTimer(), Transmit(answer)]
    assert r.fired() == []
    assert not r.open
    assert r.acknowledged(rack()) == []  # RFC 3262 3: answered with 200
    with pytest.raises(SipError):
        r.acknowledged(rack())


def test_a_refusal_goes_at_once_and_ends_everything() -> None:
    r = machine()
    r.provisional(sdp())
    r.provisional(sdp())
    r.final(plain(200))
    busy = plain(487)
    assert r.final(busy) == [ClearTimer(), Transmit(busy)]
    assert r.acknowledged(rack()) == []
    assert r.fired() == r.final(plain(200)) == r.provisional(plain()) == []


def test_a_100_is_never_reliable() -> None:
    r = machine()
    trying = plain(100)
    assert r.provisional(trying) == [Transmit(trying)]
    assert "rseq" not in trying.headers
    assert not r.open


def test_a_body_that_is_no_description_holds_nothing() -> None:
    r = machine()
    r.provisional(Response(183, headers={"content-type": ["application/3gpp-ims+xml"]}, body=b"<x/>"))
    assert sent(r.final(plain(200))) == [200]


def test_what_may_be_sent_unreliably() -> None:
    r = machine()
    assert r.unreliable_allowed()
    r.provisional(plain())
    assert r.unreliable_allowed(plain())
    assert not r.unreliable_allowed(sdp())
    assert not r.unreliable_allowed()
    r.acknowledged(rack())
    assert r.unreliable_allowed(sdp())
    r.final(plain(200))
    assert not r.unreliable_allowed(plain())


def to_idle(r: ReliableResponses) -> None:
    """Nothing has happened yet."""


def to_open(r: ReliableResponses) -> None:
    """A description without its PRACK, and one behind it."""
    r.provisional(sdp())
    r.provisional(sdp())


def to_given_up(r: ReliableResponses) -> None:
    """Abandoned has been said."""
    to_open(r)
    while r.fired() != [Abandoned()]:
        pass


def to_held(r: ReliableResponses) -> None:
    """A 2xx waits."""
    to_open(r)
    r.final(plain(200))


def to_ended(r: ReliableResponses) -> None:
    """A refusal has been sent."""
    to_open(r)
    r.final(plain(486))


EVENTS: dict[str, Callable[[ReliableResponses], list[Action]]] = {
    "100": lambda r: r.provisional(plain(100)),
    "180": lambda r: r.provisional(plain()),
    "183": lambda r: r.provisional(sdp()),
    "200": lambda r: r.final(sdp(200)),
    "486": lambda r: r.final(plain(486)),
    "prack": lambda r: r.acknowledged(rack(r.last_rseq)),
    "fired": lambda r: r.fired(),
}
# What is transmitted in each state at each event; None is the 481.
TABLE: dict[Callable[[ReliableResponses], None], dict[str, list[int] | None]] = {
    to_idle: {"100": [100], "180": [180], "183": [183], "200": [200], "486": [486], "prack": None, "fired": []},
    to_open: {"100": [100], "180": [], "183": [], "200": [], "486": [486], "prack": [183], "fired": [183]},
    to_given_up: {"100": [100], "180": [], "183": [], "200": [], "486": [486], "prack": [183], "fired": []},
    to_held: {"100": [], "180": [], "183": [], "200": [], "486": [486], "prack": [183], "fired": [183]},
    to_ended: {"100": [], "180": [], "183": [], "200": [], "486": [], "prack": [], "fired": []},
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", TABLE, ids=lambda state: state.__name__)
def test_every_state_and_event(state: Callable[[ReliableResponses], None], event: str) -> None:
    r = machine()
    state(r)
    wanted = TABLE[state][event]
    if wanted is None:
        with pytest.raises(SipError):
            EVENTS[event](r)
    else:
        assert sent(EVENTS[event](r)) == wanted


@given(st.lists(st.sampled_from(sorted(EVENTS)), max_size=25))
def test_no_order_of_events_breaks_the_rules(events: list[str]) -> None:
    r = machine()
    timer, last, finals = False, 0, 0
    for event in events:
        actions: list[Action] = []
        with suppress(SipError) if event == "prack" else nullcontext():
            actions = EVENTS[event](r)
        for action in actions:
            match action:
                case Transmit(response) if response.code >= 200:
                    finals += 1
                case Transmit(response) if response.code > 100:
                    assert not finals
                    assert rseq_of(response) in ({last} if event == "fired" else {last + 1 if last else FIRST})
                    last = rseq_of(response) or 0
                case SetTimer(delay):
                    assert delay > 0
                    timer = True
                case ClearTimer() | Abandoned():
                    timer = False
        assert finals <= 1
        assert not (timer and not r.open)


# -- header names on the wire
def test_names_are_written_as_the_rfc_does() -> None:
    message = Request("PRACK", "sip:a@example.com", {"rack": ["1 2 INVITE"], "min-se": ["90"], "rseq": ["1"]})
    message.set("session-expires", "1800;refresher=uac")
    text = message.encode().decode()
    for line in ("RAck: 1 2 INVITE", "Min-SE: 90", "RSeq: 1", "Session-Expires: 1800;refresher=uac"):
        assert f"\r\n{line}\r\n" in text
    read = parse(b"SIP/2.0 200 OK\r\nx: 90;refresher=uas\r\nMIN-SE: 100\r\n\r\n")
    assert (read.get("session-expires"), read.get("min-se")) == ("90;refresher=uas", "100")


# -- before a PRACK reaches anybody
HEAD = (
    "PRACK sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    "From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=2\r\nCall-ID: 1\r\nCSeq: 3 PRACK\r\n"
)


def rack_of(lines: str) -> RAck:
    """The RAck of a PRACK from the wire, as its dialog reads it."""
    message = parse(f"{HEAD}{lines}\r\n".encode())
    assert isinstance(message, Request)
    check_request(message)
    return RAck.parse(message.get("rack"))


def test_a_prack_with_a_rack_is_read() -> None:
    assert rack_of("RAck: 1 2 INVITE\r\n") == RAck(1, 2, "INVITE")
    assert rack_of("rack:\t1  2 INVITE\r\nSession-Expires: 1800;refresher=uac\r\n") == RAck(1, 2, "INVITE")


@pytest.mark.parametrize("lines", ["", "RAck:\r\n", "RAck: 1 INVITE\r\n", "RAck: 1 2 INVITE\r\nRAck: 1 2 INVITE\r\n"])
def test_a_prack_without_one_is_a_400(lines: str) -> None:
    with pytest.raises(SipError) as caught:
        rack_of(lines)
    assert caught.value.code == 400
    assert "RAck" in caught.value.reason

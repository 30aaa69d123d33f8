"""Two thousand calls of every kind through one server: all end, and nothing of them is left (ports, timers, dialogs).

And calls whose phones say anything at any time: whatever comes, the server raises nothing and keeps nothing.
"""

import gc
import random

import pytest

from lteims import counters, trace
from lteims.sip.message import Request, Response, parse
from tests.flows.phones import BYE, CALL, RINGING, Lab

KINDS = {
    "caller hangs up": CALL + BYE,
    "callee hangs up": f"""
        {CALL}
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
    """,
    "busy": f"""
        {RINGING}
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """,
    "cancelled": f"""
        {RINGING}
        a --> CANCEL
        ...
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
        a --> ACK
    """,
    "cancel crosses 200": f"""
        {RINGING}
        a --> CANCEL
        ...
                    200 sdp <-- b
        ...
                    481 CANCEL <-- b
                    200 BYE <-- b
        a --> ACK
    """,
    "held": f"""
        {CALL}
        a --> INVITE hold
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """,
    "re-INVITE refused": f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    488 <-- b
                    ACK --> b
        a <-- 488
        a --> ACK
        {BYE}
    """,
    "reliable": f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
        a <-- 183 rel sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
                    180 rel <-- b
        a <-- 180 rel
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    200 <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
        {BYE}
    """,
    "no PRACK": """
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
        32.1 s
        ...
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
        ...
    """,
    "two phones behind the contact": f"""
        {RINGING}
                    180 @2 <-- b
        a <-- 180
                    200 sdp @1 <-- b
        a <-- 200 sdp
                    200 sdp @2 <-- b
        ...
                    200 BYE <-- b
        a --> ACK
                    ACK @1 --> b
        a --> BYE
        a <-- 200 BYE
                    BYE @1 --> b
                    200 BYE <-- b
    """,
    "updated": f"""
        {CALL}
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        {BYE}
    """,
    "no answer at all": """
        a --> INVITE sdp
        a <-- 100
        32.1 s
        ...
        a --> ACK
    """,
    "no ACK": f"""
        {RINGING}
                    200 sdp <-- b
        32.1 s
        ...
        a --> 200 BYE
                    200 BYE <-- b
    """,
}


class Faults:
    """A sink of the log that keeps errors alone."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, layer: trace.Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        if level <= trace.ERROR:
            self.lines.append(f"{message}\n{body}")


@pytest.fixture
def faults() -> object:
    """No error may be logged while this is in use."""
    found = Faults()
    former = trace.set_sink(found)
    before = counters.get("ims_internal_error")
    yield found
    trace.set_sink(former)
    assert not found.lines
    assert counters.get("ims_internal_error") == before


def test_two_thousand_calls(faults: Faults) -> None:
    lab = Lab(ports=(10000, 10019))  # ten pairs: a leak of one port in two hundred calls would be seen
    ladders = list(KINDS.values())
    for n in range(2000):
        lab.a.fresh()
        lab.a.target = "tel:666" if n % 50 == 49 else "tel:+49302"
        if n % 50 == 49:
            lab.play("a --> INVITE sdp\n...\na --> ACK\na --> BYE\n...")
        else:
            lab.play(ladders[n % len(ladders)])
        assert not lab.plane.streams, f"call {n} keeps media"
        lab.a.inbox.clear()
        lab.b.inbox.clear()
        lab.a.sent.clear()
        lab.b.sent.clear()
    lab.nothing_left()


CALLER: tuple[str, ...] = (
    "INVITE sdp",
    "INVITE hold",
    "INVITE",
    "ACK",
    "ACK sdp",
    "CANCEL",
    "BYE",
    "INFO",
    "UPDATE sdp",
    "UPDATE",
)
CALLER += ("PRACK", "PRACK", "PRACK sdp", "again PRACK", "PRACK @1", "UPDATE sdp @1", "BYE @1", "200 PRACK")
CALLER += ("again INVITE", "again ACK", "again BYE", "200 BYE", "200 sdp", "488", "200 INFO", "200 UPDATE sdp")
CALLEE: tuple[str, ...] = (
    "100",
    "180",
    "183 sdp",
    "200 sdp",
    "200 sdp",
    "486",
    "491",
    "BYE",
    "INFO",
    "UPDATE sdp",
    "INVITE sdp",
)
CALLEE += ("183 rel sdp", "180 rel", "180 rel", "183 rel", "200 PRACK", "200 PRACK sdp", "481 PRACK", "again 183")
CALLEE += ("180 @2", "183 rel sdp @2", "200 sdp @2", "200 PRACK @2", "BYE @2", "UPDATE sdp @2", "199", "603")
CALLEE += ("ACK", "200 BYE", "200 INFO", "481 INFO", "200 UPDATE sdp", "200 CANCEL", "487", "again 200", "302")


ENDS = ("BYE", "CANCEL", "486", "487", "488", "302", "603", "481")
FIRST: tuple[str, ...] = (
    "INVITE sdp",
    "INVITE sdp 100rel",
    "INVITE sdp 100rel",
    "INVITE sdp 100rel require",
    "INVITE 100rel",
)
FIRST += ("INVITE sdp 199", "INVITE")


@pytest.mark.parametrize("seed", range(60))
def test_phones_that_say_anything(faults: Faults, seed: int) -> None:
    """Random moves of the phones, lost messages, time: everything ends and nothing is kept."""
    dice = random.Random(seed)
    lab = Lab(dialog_timeout=dice.choice([0, 30]), ports=(10000, 10011))
    lab.a.target = dice.choice(["tel:+49302", "tel:+49302", "tel:+49302", "tel:666"])
    if dice.random() < 0.3:
        lab.b = lab.phone("b", "2", "192.0.2.12", port=34567, transport="TCP")
    if dice.random() < 0.4:
        lab.beside("c", "2", "192.0.2.22", q=dice.choice([1.0, 0.5]))
    lab.play(f"a --> {dice.choice(FIRST)}\n...")
    for n in range(60):
        _move(lab, dice, ending=n > dice.randrange(40))
        while lab.left:
            name, _, data = lab.left.popleft()
            if dice.random() < 0.9:
                lab.phones[name].hear(data)
    _hang_up(lab)
    assert not lab.plane.streams
    lab.nothing_left()


def _move(lab: Lab, dice: random.Random, *, ending: bool) -> None:
    """One of them says something; what ends a call only where that is wanted."""
    who = dice.randrange(13)
    if who == 12:
        lab.clock.advance(dice.choice([0.1, 0.6, 5.0, 33.0]))
        return
    phone, words = (lab.a, CALLER) if who < 4 else (lab.b, CALLEE)
    if who > 8 and "c" in lab.phones:
        phone = lab.phones["c"]
    try:
        data = phone.compose(dice.choice([w for w in words if ending or w.split()[0] not in ENDS]).split())
    except (StopIteration, IndexError):  # the phone has nothing that it could answer or repeat, or no such dialog
        return
    lab.arrive(phone, data)


def _hang_up(lab: Lab) -> None:
    """The server stops; the phones answer what is asked of them."""
    lab.calls.close()
    for _ in range(100):
        lab.clock.advance(1.0)
        while lab.left:
            name, _, data = lab.left.popleft()
            phone, message = lab.phones[name], parse(data)
            phone.hear(data)
            if isinstance(message, Request) and message.method != "ACK":
                lab.arrive(phone, _refusal(message).encode())
            elif isinstance(message, Response) and message.code >= 300 and message.cseq.method == "INVITE":
                _acknowledge(lab, name, message)


def _refusal(request: Request) -> Response:
    return Response.to_request(request, 487 if request.method == "INVITE" else 200, "", "end")


def _acknowledge(lab: Lab, name: str, final: Response) -> None:
    phone = lab.phones[name]
    for invite in phone.sent:
        if isinstance(invite, Request) and invite.method == "INVITE" and invite.cseq.number == final.cseq.number:
            ack = Request("ACK", invite.target, {k: list(v) for k, v in invite.headers.items()})
            ack.set("cseq", f"{final.cseq.number} ACK")
            ack.set("to", *final.headers["to"])
            lab.arrive(phone, ack.encode())


@pytest.mark.parametrize("kind", ["caller hangs up", "cancelled", "held"])
def test_a_call_that_is_over_needs_no_collector(lab: Lab, kind: str) -> None:
    """What refers to itself would stay until the collector runs, which is seldom where calls are many."""

    def call() -> None:
        for phone in (lab.a, lab.b):
            phone.fresh()
            phone.inbox.clear()
            phone.sent.clear()
        lab.play(KINDS[kind])

    call()
    lab.clock.advance(300)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            call()
        lab.clock.advance(300)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kept = {type(thing).__module__ for thing in gc.garbage if type(thing).__module__.startswith("lteims")}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not kept

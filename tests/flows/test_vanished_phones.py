"""A phone that falls silent in any state of a call: in bounded time nothing of the call is left (RFC 3261 13.3, 17).

Each state is a ladder; then one phone neither hears nor says anything any more, and the other one does what it is
asked, without hanging up by itself. dialog_timeout is set: between two requests only missing media tells.
"""

import pytest

from lteims.sip.message import Request, Response, parse
from tests.flows.phones import CALL, RINGING, Lab, Phone

BOUND = 300  # seconds
DIALOG_TIMEOUT = 60

INVITED = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
"""
EARLY = """
    a --> INVITE sdp 100rel
    a <-- 100
                INVITE sdp --> b
                183 rel sdp <-- b
    a <-- 183 rel sdp
"""
PRACKED = f"""
    {EARLY}
    a --> PRACK
                PRACK --> b
                200 PRACK <-- b
    a <-- 200 PRACK
"""
ANSWERED = f"""
    {RINGING}
                200 sdp <-- b
    a <-- 200 sdp
"""
BY_A = f"""
    {CALL}
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
"""
BY_B = f"""
    {CALL}
                INVITE sdp <-- b
                100 --> b
    a <-- INVITE sdp
"""
STATES = {
    "invited": "a --> INVITE sdp",
    "invited, and the 100 has come": INVITED,
    "invited without offer": "a --> INVITE",
    "invited, the callee has it": INVITED + "100 <-- b",
    "ringing": RINGING,
    "ringing, required to be acknowledged": """
        a --> INVITE sdp 100rel require
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
    """,
    "early media": INVITED + "183 sdp <-- b",
    "183 without PRACK": EARLY,
    "183 for a caller without 100rel": INVITED + "183 rel sdp <-- b",
    "two 183 without PRACK": EARLY + "180 rel <-- b",
    "183 with an offer": """
        a --> INVITE 100rel
        a <-- 100
                    INVITE --> b
                    183 rel sdp <-- b
        a <-- 183 rel sdp
    """,
    "PRACK on its way": EARLY + "a --> PRACK",
    "PRACK with an offer on its way": EARLY + "a --> PRACK sdp",
    "PRACK answered": PRACKED,
    "200 behind a 183 without PRACK": EARLY + "200 <-- b",
    "200 behind a PRACK on its way": EARLY + "a --> PRACK\n 200 <-- b",
    "UPDATE of the caller, early": PRACKED + "a --> UPDATE sdp",
    "UPDATE of the callee, early": PRACKED + "UPDATE sdp <-- b",
    "200 behind an UPDATE of the caller": PRACKED + "a --> UPDATE sdp\n UPDATE sdp --> b\n 200 <-- b",
    "200 behind an UPDATE of the callee": PRACKED + "UPDATE sdp <-- b\n a <-- UPDATE sdp\n 200 <-- b",
    "INFO, early": PRACKED + "a --> INFO",
    "200": RINGING + "200 sdp <-- b",
    "200 has come": ANSWERED,
    "200 with an offer": INVITED.replace("INVITE sdp", "INVITE") + "200 sdp <-- b",
    "ACK on its way": ANSWERED + "a --> ACK",
    "answered": CALL,
    "refused": RINGING + "486 <-- b",
    "cancelled": RINGING + "a --> CANCEL",
    "cancelled before the 100": INVITED + "a --> CANCEL",
    "cancelled with the PRACK on its way": EARLY + "a --> PRACK\n PRACK --> b\n a --> CANCEL",
    "cancelled while the 200 waits": EARLY + "200 <-- b\n a --> CANCEL",
    "cancelled, and the 200 crosses": RINGING + "a --> CANCEL\n ...\n 200 sdp <-- b",
    "early BYE of the caller": RINGING + "a --> BYE",
    "early BYE of the callee": RINGING + "BYE <-- b",
    "re-INVITE of the caller": BY_A,
    "re-INVITE of the caller without offer": CALL + "a --> INVITE",
    "re-INVITE of the caller, tried": BY_A + "100 <-- b",
    "re-INVITE of the caller, ringing": BY_A + "180 <-- b",
    "re-INVITE of the caller, answered": BY_A + "200 sdp <-- b",
    "re-INVITE of the caller, acknowledged": BY_A + "200 sdp <-- b\n a <-- 200\n a --> ACK",
    "re-INVITE of the caller, refused": BY_A + "488 <-- b",
    "re-INVITE of the caller, cancelled": BY_A + "100 <-- b\n a --> CANCEL",
    "re-INVITE of the callee": BY_B,
    "re-INVITE of the callee without offer": CALL + "INVITE <-- b",
    "re-INVITE of the callee, tried": BY_B + "a --> 100",
    "re-INVITE of the callee, answered": BY_B + "a --> 200 sdp",
    "re-INVITE of the callee, acknowledged": BY_B + "a --> 200 sdp\n 200 sdp --> b\n ACK <-- b",
    "re-INVITE of the callee, refused": BY_B + "a --> 488",
    "re-INVITE of the callee, cancelled": BY_B + "a --> 100\n CANCEL <-- b",
    "UPDATE of the caller": CALL + "a --> UPDATE sdp",
    "UPDATE of the callee": CALL + "UPDATE sdp <-- b",
    "INFO of the caller": CALL + "a --> INFO",
    "INFO of the callee": CALL + "INFO <-- b",
    "BYE of the caller": CALL + "a --> BYE",
    "BYE of the callee": CALL + "BYE <-- b",
    "BYE of the caller in its own re-INVITE": BY_A + "a --> BYE",
    "BYE of the callee in the caller's re-INVITE": BY_A + "BYE <-- b",
    "BYE of the caller before the ACK": RINGING + "200 sdp <-- b\n a --> BYE",
    "BYE of the callee before the ACK": RINGING + "200 sdp <-- b\n BYE <-- b",
}


class Obedient:
    """The phone that is still there: it answers what it is asked; a call it takes only if it `answers`."""

    def __init__(self, phone: Phone, *, answers: bool) -> None:
        self.phone = phone
        self.answers = answers
        self.open: set[str] = set()  # INVITEs, by their branch

    def owes(self) -> None:
        """What the ladder has left it."""
        for message in list(self.phone.inbox):
            if isinstance(message, Request) and message.method == "INVITE":
                finals = (m for m in self.phone.sent if isinstance(m, Response) and m.code >= 200)
                if not any(m.via.branch == message.via.branch and m.cseq.method == "INVITE" for m in finals):
                    self.open.add(message.via.branch)
                    self._serve(message)
        last = self.phone.inbox[-1] if self.phone.inbox else None
        if isinstance(last, Response) and last.cseq.method == "INVITE":
            self._heard(last)
        elif last is not None and isinstance(last, Request) and last.method not in ("INVITE", "ACK"):
            self._serve(last)

    def hear(self, data: bytes) -> None:
        """A message of the server."""
        self.phone.hear(data)
        message = self.phone.inbox[-1]
        if isinstance(message, Response):
            self._heard(message)
        elif message.method != "ACK":
            if message.method == "INVITE":
                self.open.add(message.via.branch)
            self._serve(message)

    def _heard(self, response: Response) -> None:
        if response.cseq.method != "INVITE":
            return
        if "rseq" in response.headers:
            self.phone.say(["PRACK"])
        elif response.code >= 200:
            invite = next(m for m in self.phone.sent if isinstance(m, Request) and m.cseq == response.cseq)
            owed = response.code < 300 and response.body and not invite.body
            self.phone.say(["ACK", "sdp"] if owed else ["ACK"])

    def _serve(self, request: Request) -> None:
        match request.method:
            case "INVITE" if request.to.tag or self.answers:
                self.phone.say(["200", "sdp"])
                self.open.discard(request.via.branch)
            case "INVITE":
                self.phone.say(["180"])
            case "CANCEL":
                self.phone.say(["200", "CANCEL"])
                if request.via.branch in self.open:
                    self.phone.say(["487"])
                    self.open.discard(request.via.branch)
            case method:
                self.phone.say(["200", method, *(["sdp"] if request.body else [])])


def hush(lab: Lab, ladder: str, who: str, *, answers: bool) -> None:
    """Play a ladder, let a phone fall silent, and watch."""
    for line in ladder.splitlines():
        lab._rung(line.strip())
    other = Obedient(lab.b if who == "a" else lab.a, answers=answers)
    other.owes()
    end = lab.clock.now + BOUND
    while lab.clock.now < end:
        while lab.left:
            name, _, data = lab.left.popleft()
            if name != who:
                other.hear(data)
        lab.clock.advance(0.25)
    sent = [f"{name}: {parse(data).start_line()}" for name, _, data in lab.left]
    assert not sent, f"the server still sends after {BOUND} s: {sent}"
    assert not list(lab.calls), f"a call is left: {[str(s.call.state) for s in lab.calls]}"
    lab.nothing_left()


@pytest.mark.parametrize("answers", [True, False], ids=["answering", "ringing"])
@pytest.mark.parametrize("who", ["a", "b"])
@pytest.mark.parametrize("state", STATES)
def test_a_phone_vanishes(state: str, who: str, answers: bool) -> None:
    lab = Lab(dialog_timeout=DIALOG_TIMEOUT, ports=(10000, 10007))
    lab.a.target = "tel:+49302"
    hush(lab, STATES[state], who, answers=answers)


@pytest.mark.parametrize("state", STATES)
def test_both_phones_vanish(state: str) -> None:
    lab = Lab(dialog_timeout=DIALOG_TIMEOUT, ports=(10000, 10007))
    lab.a.target = "tel:+49302"
    for line in STATES[state].splitlines():
        lab._rung(line.strip())
    for _ in range(BOUND):
        lab.left.clear()
        lab.clock.advance(1.0)
    lab.left.clear()
    assert not list(lab.calls), f"a call is left: {[str(s.call.state) for s in lab.calls]}"
    lab.nothing_left()


@pytest.mark.parametrize("who", ["a", "b"])
def test_a_phone_vanishes_while_it_holds(who: str) -> None:
    """No media is expected then: the session timer tells (RFC 4028)."""
    lab = Lab(dialog_timeout=DIALOG_TIMEOUT, session_expires=120)
    lab.a.target = "tel:+49302"
    hold = """
        a --> INVITE hold
        a <-- 100
                    INVITE sdp --> b
                    200 hold <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
    """
    hush(lab, CALL + hold, who, answers=False)


@pytest.mark.parametrize("who", ["a", "b", "c"])
@pytest.mark.parametrize("state", ["ringing", "cancelled", "answered", "early", "crossing"])
def test_one_of_two_phones_of_the_callee_vanishes(state: str, who: str) -> None:
    lab = Lab(dialog_timeout=DIALOG_TIMEOUT)
    lab.a.target = "tel:+49302"
    lab.beside("c", "2", "192.0.2.22")
    ringing = """
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    180 <-- b
        a <-- 180 @1
                    183 rel sdp <-- c
        a <-- 183 rel sdp @2
    """
    more = {
        "ringing": "",
        "cancelled": "a --> CANCEL",
        "answered": "200 sdp <-- b",
        "early": "a --> PRACK @2\n PRACK --> c",
        "crossing": "200 sdp <-- b\n ...\n 200 <-- c",
    }[state]
    for line in (ringing + more).splitlines():
        lab._rung(line.strip())
    others = {name: Obedient(lab.phones[name], answers=False) for name in "abc" if name != who}
    for other in others.values():
        other.owes()
    for _ in range(BOUND * 4):
        while lab.left:
            name, _, data = lab.left.popleft()
            if name in others:
                others[name].hear(data)
        lab.clock.advance(0.25)
    lab.nothing_left()

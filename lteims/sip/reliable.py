"""Reliable provisional responses (RFC 3262): what makes one, the UAS's machine that sends them, the UAC's order.

One ReliableResponses serves one INVITE in one early dialog, one ReliableReceiver one early dialog at the side that
sent it. ims/leg.py feeds them and carries out the actions in order; the answer to a PRACK is the caller's.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from lteims.sip.errors import SipError
from lteims.sip.grammar import BLANKS, TOKEN, bad, parse_number
from lteims.sip.message import Message, Response

_TAG = "100rel"
_TOP_CSEQ = 0x7FFFFFFF
QUEUED = 32  # responses; a callee that sends more while its caller acknowledges none has said enough


@dataclass(frozen=True, slots=True)
class RAck:
    """The RAck value of a PRACK (RFC 3262 7.2)."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str) -> "RAck":
        """Read `rseq cseq METHOD`; SipError 400 for anything else: none at all, and the RSeq 0 that nobody sends."""
        if not text:  # RFC 3262 7.2: every PRACK has one
            raise SipError(400, "PRACK without RAck", reason="Missing RAck Header")
        parts = text.replace("\t", " ").strip(BLANKS).split(" ")
        parts = [part for part in parts if part]
        if len(parts) != 3 or not TOKEN.fullmatch(parts[2]):
            raise bad("RAck", text)
        rseq, cseq = parse_number(parts[0], "RAck"), parse_number(parts[1], "RAck", _TOP_CSEQ)
        if not rseq:
            raise bad("RAck", text)
        return cls(rseq, cseq, parts[2])

    def encode(self) -> str:
        """The value as it goes on the wire."""
        return f"{self.rseq} {self.cseq} {self.method}"


# --- actions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this response; a retransmission is the very same object again."""

    response: Response


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Call fired() in `delay` seconds; replaces the timer that was set before."""

    delay: float


@dataclass(frozen=True, slots=True)
class ClearTimer:
    """Withdraw the timer."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """No PRACK came for 64*T1: reject the INVITE with a 5xx, by final() (RFC 3262 3)."""


Action = Transmit | SetTimer | ClearTimer | Abandoned


class _State(StrEnum):
    IDLE = "Idle"  # nothing waits for a PRACK
    OPEN = "Open"  # one response waits for its PRACK, others may be queued behind it
    HELD = "Held"  # as Open, and a 2xx waits behind them
    ENDED = "Ended"  # the final response has been sent


class ReliableResponses:
    """The responses to one INVITE in one early dialog, at the side that answers it (RFC 3262 3)."""

    __slots__ = ("_cseq", "_elapsed", "_final", "_interval", "_next", "_queue", "_sent", "_state", "_t1", "last_rseq")

    def __init__(self, cseq: int, first_rseq: int, t1: float) -> None:
        """`cseq` is the INVITE's number, `first_rseq` a random one of 1..2**31-1, `t1` is in seconds."""
        self.last_rseq = 0  # of the latest reliable response that was sent; 0 before the first
        self._cseq = cseq
        self._next = first_rseq
        self._t1 = t1
        self._state = _State.IDLE
        self._sent: Response | None = None  # without a PRACK so far; outlives the final response
        self._queue: deque[Response] = deque()
        self._final: Response | None = None
        self._interval = 0.0
        self._elapsed = 0.0

    @property
    def open(self) -> bool:
        """Is a reliable response being retransmitted until its PRACK comes?"""
        return self._state in (_State.OPEN, _State.HELD)

    def unreliable_allowed(self, response: Response | None = None) -> bool:
        """May this provisional response be sent unreliably now? None asks for one with a session description.

        One without is free until the final response (RFC 3262 3); one with must not overtake a reliable one.
        """
        if self._state is _State.ENDED:
            return False
        return self._state is _State.IDLE or (response is not None and not describes_session(response))

    def provisional(self, response: Response) -> list[Action]:
        """Send a provisional response reliably: now, or after the PRACKs of those before it.

        RSeq and Require are written into it when it is sent. A 100 goes as it is: it is hop by hop (RFC 3262 3).
        """
        if response.code >= 200:
            return self.final(response)
        match self._state:
            case _State.HELD | _State.ENDED:  # RFC 3262 3: none after the final response
                return []
            case _ if response.code == 100:
                return [Transmit(response)]
            case _State.OPEN:
                if len(self._queue) < QUEUED:
                    self._queue.append(response)
                return []
            case _:
                return self._send(response)

    def final(self, response: Response) -> list[Action]:
        """Send the final response: a 2xx after the session descriptions before it, any other at once.

        A refusal takes the place of a 2xx that still waits: so ends a call that was cancelled, or Abandoned.
        """
        if response.code < 200:
            return self.provisional(response)
        match self._state:
            case _State.ENDED:
                return []
            case _ if response.code >= 300:
                return self._end(response)
            case _State.HELD:
                return []
            case _State.OPEN if any(describes_session(each) for each in (self._sent, *self._queue) if each):
                self._state = _State.HELD
                self._final = response
                return []
            case _:
                return self._end(response)

    def acknowledged(self, rack: RAck) -> list[Action]:
        """A PRACK came: SipError 481 if it fits no response that waits for one, else the caller answers 200 to it.

        A response that was open when the final one was sent still takes its PRACK (RFC 3262 3).
        """
        if self._sent is None or rack != RAck(self.last_rseq, self._cseq, "INVITE"):
            raise SipError(481, f"no response waits for the PRACK of {rack.encode()[:60]}")
        self._sent = None
        match self._state:
            case _State.HELD:
                return [ClearTimer(), *self._after_held()]
            case _State.OPEN if self._queue:
                return [ClearTimer(), *self._send(self._queue.popleft())]
            case _State.OPEN:
                self._state = _State.IDLE
                return [ClearTimer()]
            case _:
                return []

    def fired(self) -> list[Action]:
        """The timer ran out: T1, 2*T1, 4*T1... without the cap of T2, until 64*T1 are over (RFC 3262 3)."""
        if not self.open or self._sent is None or not self._interval:
            return []
        self._elapsed += self._interval
        left = 64 * self._t1 - self._elapsed
        if left <= 0:
            self._interval = 0.0  # given up; a PRACK that still comes before the refusal counts
            return [Abandoned()]
        self._interval = min(2 * self._interval, left)
        return [Transmit(self._sent), SetTimer(self._interval)]

    def _send(self, response: Response) -> list[Action]:
        response.set("require", ", ".join([*_tags(response, _TAG), _TAG]))
        response.set("rseq", str(self._next))
        self.last_rseq = self._next
        self._next += 1
        self._sent = response
        self._interval = self._t1
        self._elapsed = 0.0
        if self._state is _State.IDLE:
            self._state = _State.OPEN
        return [Transmit(response), SetTimer(self._t1)]

    def _after_held(self) -> list[Action]:
        """What comes next before a 2xx that waits: only session descriptions; ringing is of no more use."""
        while self._queue:
            response = self._queue.popleft()
            if describes_session(response):
                return self._send(response)
        final, self._final = self._final, None
        self._state = _State.ENDED
        return [Transmit(final)] if final else []

    def _end(self, response: Response) -> list[Action]:
        actions: list[Action] = [ClearTimer()] if self.open else []
        self._queue.clear()
        self._final = None
        self._state = _State.ENDED
        return [*actions, Transmit(response)]


class ReliableReceiver:
    """The order of one early dialog's reliable responses, at the side that sent the INVITE (RFC 3262 4)."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0  # the RSeq that was accepted last; 0 before the first

    def accept(self, rseq: int) -> bool:
        """True if this response is the next one: send a PRACK. Else leave it: it came before, or one before it lacks.

        A response after a gap gets no PRACK, so it is retransmitted until its turn has come.
        """
        if rseq < 1 or (self.last and rseq != self.last + 1):
            return False
        self.last = rseq
        return True


def rseq_of(response: Response) -> int | None:
    """The RSeq of a reliable provisional response, None where it is not one or its RSeq cannot be read."""
    if not 100 < response.code < 200 or _TAG not in _tags(response):
        return None
    try:
        return parse_number(response.get("rseq"), "RSeq") or None
    except SipError:
        return None


def describes_session(response: Response) -> bool:
    """Does it carry SDP, alone or as a part of a multipart body? A body without a type counts as one."""
    kind = response.get("content-type").lower()
    return bool(response.body) and (not kind or kind.startswith(("application/sdp", "multipart/")))


def _tags(message: Message, but: str = "") -> list[str]:
    """The option tags of Require in lower case; none where the header cannot be read."""
    try:
        return [tag for tag in message.tokens("require") if tag != but]
    except SipError:
        return []

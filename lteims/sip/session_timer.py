"""The session timer of one dialog (RFC 4028): who refreshes, how often, and when the session has run out.

Pure bookkeeping for one leg of a call, in both roles; ims/leg.py puts its headers into messages and sets its timer.
Supported: timer in what is sent, and the BYE at the end, are the caller's.
"""

from dataclasses import dataclass

from lteims.sip.errors import SipError
from lteims.sip.grammar import bad, parse_number, parse_params
from lteims.sip.message import Request, Response

MINIMUM = 90  # seconds; RFC 4028 4, 5: no interval is shorter
_LONGEST = 7 * 86400  # seconds; a longer one is cut, and not taken over from a 422, unless we want it ourselves
_RETRIES = 5  # 422 answers in a row that are followed: each proxy on the way may have a minimum of its own
_METHODS = ("INVITE", "UPDATE")  # the session refresh requests: RFC 4028 2
_END_MARGIN = 32.0  # seconds; RFC 4028 10


@dataclass(frozen=True, slots=True)
class SessionExpires:
    """A Session-Expires value; `refresher` is "uac", "uas" or "" (RFC 4028 4)."""

    interval: int
    refresher: str = ""

    @classmethod
    def parse(cls, text: str) -> "SessionExpires":
        """Read `1800;refresher=uac`; SipError 400. A refresher that is neither counts as none."""
        number, semicolon, rest = text.partition(";")
        try:
            interval = parse_number(number, "Session-Expires")
            refresher = (parse_params(rest, "Session-Expires").get("refresher") or "").lower() if semicolon else ""
        except SipError:
            raise bad("Session-Expires", text) from None
        return cls(interval, refresher if refresher in ("uac", "uas") else "")

    def encode(self) -> str:
        """The value as it goes on the wire."""
        return f"{self.interval};refresher={self.refresher}" if self.refresher else str(self.interval)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the two sides agreed on."""

    interval: int
    by_us: bool


class SessionTimer:
    """The terms of one dialog's session and the time since its last refresh."""

    __slots__ = (
        "_answers", "_asked", "_expiring", "_floor", "_longest", "_min_se", "_offered", "_refusals", "_since", "_terms",
        "_want",
    )  # fmt: skip

    def __init__(self, interval: int, min_se: int = MINIMUM) -> None:
        """`interval` is the Session-Expires that we want, in seconds, 0 for none; `min_se` the least we take."""
        self._min_se = max(min_se, MINIMUM)
        self._want = max(interval, self._min_se) if interval > 0 else 0
        self._longest = max(_LONGEST, self._want)
        self._floor = self._min_se  # the largest Min-SE, ours and those that we were told: RFC 4028 7.4
        self._asked = 0  # the interval in our latest request, 0 where it had none
        self._refusals = 0
        self._offered: dict[str, _Terms | None] = {}  # by method: counts once our 2xx has left
        self._answers: dict[str, dict[str, str]] = {}  # by method: the headers of that 2xx
        self._terms: _Terms | None = None
        self._since = 0.0
        self._expiring = False

    def copy(self) -> "SessionTimer":
        """For another early dialog of the same INVITE: what was asked for counts there too."""
        other = SessionTimer(self._want, self._min_se)
        other._floor, other._asked, other._offered = self._floor, self._asked, dict(self._offered)
        other._answers = dict(self._answers)
        return other

    @property
    def interval(self) -> int:
        """The agreed interval in seconds, 0 while there is none."""
        return self._terms.interval if self._terms else 0

    @property
    def refresher_is_us(self) -> bool | None:
        """Do we refresh? None while there is no timer."""
        return self._terms.by_us if self._terms else None

    def next(self) -> tuple[str, float] | None:
        """What to do next and when: ("refresh", at), ("expire", at) - send BYE - or None without a timer.

        The refresh is half-way (RFC 4028 7.2, 9); the other side gives up a little before the end (10).
        """
        if self._terms is None:
            return None
        if self._terms.by_us and not self._expiring:
            return "refresh", self._since + self._terms.interval / 2
        return "expire", self.end

    @property
    def end(self) -> float:
        """When the session is given up if it is not refreshed (RFC 4028 10)."""
        interval = self.interval
        return self._since + interval - min(_END_MARGIN, interval / 3)

    def refused(self) -> None:
        """Our refresh got no 2xx and is not tried again: next() says when the session ends (RFC 4028 10).

        After 408 or 481, or without any answer, the caller ends the dialog at once (RFC 3261 12.2.1.2).
        """
        self._expiring = True

    # -- we are the UAC
    def for_request(self, method: str) -> dict[str, str]:
        """The headers for an INVITE or UPDATE that we send; none for other methods, or where no timer is wanted.

        Before the first agreement the refresher is left to the other side; later it stays the same (RFC 4028 7.4).
        """
        if method not in _METHODS:
            return {}
        wanted = self.interval or self._want
        self._asked = max(wanted, self._floor) if wanted else 0
        if not self._asked:
            return {}
        refresher = "" if self._terms is None else "uac" if self._terms.by_us else "uas"
        return {"session-expires": SessionExpires(self._asked, refresher).encode(), "min-se": str(self._floor)}

    def on_success(self, response: Response, now: float) -> None:
        """Take the terms from the 2xx to our INVITE or UPDATE; responses to other requests are left alone.

        Without a Session-Expires that can be read the peer runs no timer (RFC 4028 7.2). If we asked for one we
        refresh by ourselves: one side is enough to find out that the other is gone (RFC 4028 3).
        """
        if not 200 <= response.code < 300 or response.get("cseq").rpartition(" ")[2] not in (*_METHODS, ""):
            return
        self._refusals = 0
        self._start(self._agreed(response), now)

    def _agreed(self, response: Response) -> _Terms | None:
        if "session-expires" in response.headers:
            try:
                value = SessionExpires.parse(response.get("session-expires"))
            except SipError:  # the answer itself still counts
                pass
            else:  # no refresher is against RFC 4028 9: then better both than nobody
                return _Terms(min(max(value.interval, MINIMUM), self._longest), value.refresher != "uas")
        return _Terms(self._asked, True) if self._asked else None

    def on_too_small(self, response: Response) -> bool:
        """Take the Min-SE of a 422 (RFC 4028 7.3): True to send the request again with for_request().

        False where it makes no sense: we asked for nothing or for as much, more than a week, one 422 too many.
        """
        if response.code != 422 or not self._asked or self._refusals >= _RETRIES:
            return False
        try:
            least = response.number("min-se")
        except SipError:
            return False
        if least is None or not self._asked < least <= self._longest:
            return False
        self._refusals += 1
        self._floor = max(self._floor, least)
        return True

    # -- we are the UAS
    def on_request(self, request: Request) -> dict[str, str]:
        """The headers for the 2xx to an INVITE or UPDATE (RFC 4028 9): Session-Expires and `require: timer`.

        The terms count when answered() says that the 2xx has left. SipError 422 with our Min-SE where the peer's
        interval is below it, 400 where Session-Expires or Min-SE cannot be read. Other methods may carry a
        Session-Expires, as the PRACK of some phones does: it says nothing.
        """
        if request.method not in _METHODS:
            return {}
        self._offered.pop(request.method, None)
        asked = SessionExpires.parse(request.get("session-expires")) if "session-expires" in request.headers else None
        least = max(request.number("min-se") or 0, MINIMUM)
        if asked and asked.interval < self._min_se:
            raise SipError(
                422, f"Session-Expires {asked.interval} is below {self._min_se}", {"min-se": str(self._min_se)}
            )
        # Whoever names a refresher knows the extension, Supported or not.
        supports = "timer" in request.tokens("supported") or bool(asked and asked.refresher)
        if supports and least <= self._longest:
            self._floor = max(self._floor, least)  # RFC 4028 7.4
        interval = self._interval(asked, least if supports else MINIMUM)
        by_us = self._is_ours(asked, supports)
        self._offered[request.method] = _Terms(interval, by_us) if interval else None
        headers = self._answers[request.method] = {}
        if interval:
            headers["session-expires"] = SessionExpires(interval, "uas" if by_us else "uac").encode()
            if supports:  # RFC 4028 9: a MUST where the UAC refreshes, else a SHOULD
                headers["require"] = "timer"
        return headers

    def answer(self, method: str) -> dict[str, str]:
        """The headers for the 2xx to the request of this method that came last, as on_request() gave them."""
        return self._answers.get(method, {})

    def _interval(self, asked: SessionExpires | None, least: int) -> int:
        """RFC 4028 9: what the UAC asked for or less, not below its Min-SE; our own where it asked for nothing."""
        if asked:
            return min(asked.interval, max(self._want or self._longest, least))
        return max(self._want, least) if self._want and least <= self._longest else 0

    def _is_ours(self, asked: SessionExpires | None, supports: bool) -> bool:
        """RFC 4028 9, table 2: is the refresher the UAS? Where it leaves the choice, whoever was it stays it."""
        if not supports:
            return True
        if asked and asked.refresher:
            return asked.refresher == "uas"
        if self._terms:
            return self._terms.by_us
        return asked is None  # whoever wants the timer keeps it

    def answered(self, now: float, method: str = "") -> None:
        """Our 2xx has left: its terms begin to count. `method` is that of its request; "" for the latest one."""
        if not method:
            method = next(reversed(self._offered), "")
        if method in self._offered:
            self._start(self._offered.pop(method), now)

    def _start(self, terms: _Terms | None, now: float) -> None:
        self._terms = terms
        self._since = now
        self._expiring = False

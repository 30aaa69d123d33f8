"""The watchdog of one connection (RFC 3539 3.4.1): when to ask whether the peer lives, and when to give it up.

peer.py tells it what happens and does what it says. Failover and failback are left to failover.py, which looks at the
health of all peers; where there is one, SUSPECT and REOPEN hold nothing back.
"""

from collections.abc import Callable
from enum import Enum, StrEnum
from typing import Final

_JITTER: Final = 2.0  # seconds each way, for Tw of 30 seconds; less for shorter ones


class Health(StrEnum):
    """The states of figure 1."""

    INITIAL = "initial"
    OKAY = "okay"
    SUSPECT = "suspect"
    DOWN = "down"
    REOPEN = "reopen"


class Verb(Enum):
    """What is to be done."""

    SEND = "send a DWR"
    SET = "set Tw"
    CLOSE = "close"


_PROBE: Final = (Verb.SEND, Verb.SET)


class Watchdog:
    """One for the peer's whole life; an interval of 0 is no watchdog."""

    def __init__(self, interval: float, random: Callable[[], float]) -> None:
        """`interval` is Tw in seconds; `random` gives numbers from 0 to 1."""
        self.health = Health.INITIAL
        self._interval = interval
        self._random = random
        self._pending = False
        self._answers = 0  # NumDWA

    def wait(self) -> float:
        """Tw with its jitter, in seconds."""
        return self._interval + (2 * self._random() - 1) * min(_JITTER, self._interval / 15)

    def on_open(self) -> tuple[Verb, ...]:
        """The connection is open."""
        reopened = self.health is Health.DOWN
        self._pending, self._answers = reopened, 0
        self.health = Health.REOPEN if reopened and self._interval else Health.OKAY
        if not self._interval:
            return ()
        return _PROBE if reopened else (Verb.SET,)

    def on_message(self, dwa: bool) -> tuple[Verb, ...]:
        """Something came."""
        if dwa:
            self._pending = False
        match self.health:
            case Health.OKAY | Health.SUSPECT:
                self.health = Health.OKAY
                return (Verb.SET,) if self._interval else ()
            case Health.REOPEN if dwa:
                self._answers += 1
                if self._answers >= 3:
                    self.health = Health.OKAY
        return ()

    def on_timer(self) -> tuple[Verb, ...]:
        """Tw has run out."""
        match self.health:
            case Health.OKAY | Health.REOPEN if not self._pending:
                self._pending = True
                return _PROBE
            case Health.OKAY:
                self.health = Health.SUSPECT
                return (Verb.SET,)
            case Health.REOPEN if self._answers >= 0:
                self._answers = -1
                return (Verb.SET,)
            case Health.SUSPECT | Health.REOPEN:
                self.health = Health.DOWN
                return (Verb.CLOSE,)
        return ()

    def on_lost(self) -> None:
        """The connection is gone."""
        if self.health is not Health.INITIAL:
            self.health = Health.DOWN

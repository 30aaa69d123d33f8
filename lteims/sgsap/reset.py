"""How a VLR that has lost what it knew tells an MME so (TS 29.118 5.7.2): Ts11, repeated Ns11 times.

ims/sgs_mme.py has one for each link, since after a start it knows no phone of it. What an MME's own reset does to its
phones is in association.py.
"""

from dataclasses import dataclass

from lteims.sgsap.message import ResetAck, ResetIndication
from lteims.sgsap.primitive import Send, SetTimer, TimerFired

TS11 = "Ts11"


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds and repetitions of clause 10."""

    ts11: float = 4.0
    ns11: int = 2


@dataclass(frozen=True, slots=True)
class Start:
    """Tell the MME."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """It was told often enough, and has not answered."""


Event = Start | ResetAck | TimerFired
Action = Send | SetTimer | Unheard


class Reset:
    """The procedure towards one MME."""

    __slots__ = ("_left", "_serial", "timings", "vlr_name", "waits")

    def __init__(self, vlr_name: str, timings: Timings | None = None) -> None:
        self.vlr_name = vlr_name
        self.timings = timings or Timings()
        self.waits = False
        self._left = 0
        self._serial = 0

    def handle(self, event: Event, now: float) -> list[Action]:
        """The actions for one event, in order."""
        match self.waits, event:
            case _, Start():
                self.waits = True
                self._left = self.timings.ns11
                return self._tell()
            case True, ResetAck():
                self.waits = False
            case True, TimerFired("Ts11", serial) if serial == self._serial:
                if not self._left:
                    self.waits = False
                    return [Unheard()]
                self._left -= 1
                return self._tell()
        return []

    def _tell(self) -> list[Action]:
        self._serial += 1
        return [Send(ResetIndication(vlr_name=self.vlr_name)), SetTimer(TS11, self.timings.ts11, self._serial)]

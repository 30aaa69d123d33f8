"""What is kept of each dialog for the operator: the remote API's dialog_get (manual 6.6), for 30 s after its end.

calls.py makes one for every leg; the leg writes its messages, call_driver.py its states; control.py reads them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush
from typing import NamedTuple

from lteims.clock import Clock
from lteims.ims.anchor import MediaView
from lteims.net.timers import Handle, TimerWheel
from lteims.sip.message import Message, Request, Response

KEPT = 30.0  # seconds after the end
MAX_EVENTS = 256  # of one dialog; a phone that sends for ever does not fill the memory
MAX_ENDED = 10_000  # records of dialogs that are over


class DialogState(StrEnum):
    """The remote API's words."""

    INIT = "init"
    RINGING = "ringing"
    START = "start"
    HOLD = "hold"
    STOP = "stop"


class DialogType(StrEnum):
    """What the dialog belongs to: a call between phones, one to the echo, one that the server makes."""

    SERVER = "server"
    ECHO = "echo"
    MT_CALL = "mt call"


class DialogEvent(NamedTuple):  # made for every message: cheaper than a frozen dataclass
    """One thing that happened: `type` is state, send or recv; seconds since the dialog's beginning."""

    type: str
    timestamp: float
    state: DialogState
    message: str = ""  # "INVITE", "180 INVITE"; "" for a change of state


@dataclass(frozen=True, slots=True)
class MediaState:
    """One media with the state of its bearer: disabled, required, pending or erab_set."""

    media: MediaView
    qos: str


MediasOf = Callable[[], list[MediaState]]


def _no_medias() -> list[MediaState]:
    return []


class DialogRecord:
    """One dialog's story. `date` is in seconds since 1970."""

    __slots__ = (
        "_clock", "answered", "began", "date", "ended", "events", "from_", "id", "kept", "medias_of", "mo_dialog",
        "mt_dialog", "number", "state", "to", "type",
    )  # fmt: skip

    def __init__(self, id: str, type: DialogType, to: str, from_: str, clock: Clock, date: int) -> None:
        self.id = id
        self.type = type
        self.to = to
        self.from_ = from_
        self.number = 0  # for the operator; it stays the same as long as the record is kept
        self.mo_dialog = ""
        self.mt_dialog = ""
        self.date = date
        self.state = DialogState.INIT
        self.events: list[DialogEvent] = []
        self.medias_of: MediasOf = _no_medias
        self.began = clock()
        self.answered: float | None = None
        self.ended: float | None = None
        self.kept: list[MediaState] = []  # of the end
        self._clock = clock

    def message(self, type: str, message: Message) -> None:
        """A message left ("send") or came ("recv")."""
        text = ""
        if isinstance(message, Request):
            text = message.method
        elif isinstance(message, Response):
            text = f"{message.code} {message.get('cseq').rpartition(' ')[2]}"
        self._note(type, text)

    def to_state(self, state: DialogState) -> None:
        """The dialog has come to another state; STOP is the last one."""
        if state is self.state or self.state is DialogState.STOP:
            return
        self.state = state
        now = self._clock()
        if state is DialogState.START and self.answered is None:
            self.answered = now
        if state is DialogState.STOP:
            self.ended = now
            self.kept = self.medias_of()
            self.medias_of = _no_medias
        self._note("state", "")

    def _note(self, type: str, text: str) -> None:
        if len(self.events) < MAX_EVENTS:
            self.events.append(DialogEvent(type, round(self._clock() - self.began, 3), self.state, text))

    @property
    def duration(self) -> float:
        """Seconds since the dialog was answered, up to its end; 0 before."""
        if self.answered is None:
            return 0.0
        return (self.ended if self.ended is not None else self._clock()) - self.answered

    @property
    def medias(self) -> list[MediaState]:
        """The medias now, or at the end."""
        return self.kept if self.ended is not None else self.medias_of()


class DialogRecords:
    """The records of all dialogs, in the order of their beginning."""

    def __init__(self, wheel: TimerWheel) -> None:
        self._wheel = wheel
        self._records: dict[str, DialogRecord] = {}
        self._ended: dict[str, Handle] = {}  # until they are forgotten
        self._free: list[int] = []  # a heap of the numbers below the highest that nobody has

    def add(self, record: DialogRecord) -> None:
        """Keep a record; its id is made unique, its number is the smallest that is free."""
        record.number = heappop(self._free) if self._free else len(self._records) + 1
        base, count = record.id, 1
        while record.id in self._records:
            count += 1
            record.id = f"{base}-{count}"
        self._records[record.id] = record

    def end(self, record: DialogRecord) -> None:
        """Its dialog is over: 30 s more."""
        if record.state is DialogState.STOP or record.id not in self._records:
            return
        record.to_state(DialogState.STOP)
        self._ended[record.id] = self._wheel.add(KEPT, self._forget, record.id)
        if len(self._ended) > MAX_ENDED:
            self._forget(next(iter(self._ended)))

    def _forget(self, id: str) -> None:
        self._wheel.cancel(self._ended.pop(id))
        heappush(self._free, self._records.pop(id).number)

    def get(self, id: str) -> DialogRecord | None:
        """The record of a session_id."""
        return self._records.get(id)

    def __iter__(self) -> Iterator[DialogRecord]:
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        return len(self._records)

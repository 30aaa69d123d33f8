"""Short messages that wait for their receiver, in memory and on disk (manual 5.2: sms_expires, ue_db_filename).

ipsmgw.py adds, sms_delivery.py takes out; `commit` before anything is acknowledged.
"""

import math
from collections.abc import Callable
from heapq import heapify, heappop, heappush

import msgspec

from lteims import counters
from lteims.store.state import StateStore
from lteims.trace import ERROR, IMS, WARN, log

KIND = "sms"  # in the state file
_COUNTER = "sms_count"  # the kind of the last number given
_SUBMITTED = "sms_last"  # by IMPI: what its phone has submitted last
_BLOCK = 1000  # numbers taken from the disk at once
MOST_WAITING = 20_000  # messages of one user; who asks for more is told to come again
_SPARE = 1000  # entries of messages that are gone, before the heap is made anew


class StoredSms(msgspec.Struct, gc=False):
    """One message to a user. Times are seconds since 1970."""

    id: str
    impi: str  # whose
    impu_key: str  # the IMPU that it was sent to; "" for the user as such
    tpdu: bytes  # SMS-DELIVER or SMS-STATUS-REPORT
    received_at: int  # TP-SCTS
    expires_at: float  # at the latest: SmsStore.ends_at
    sender: str  # as people write it
    sos: bool = False  # for emergency registrations alone
    once: bool = False  # a single try, however long it is valid (TS 23.040 9.2.3.12.3)
    # who submitted it, by IMPI, and under which reference and number: for status reports, commands and repetitions
    origin: str = ""
    tp_srr: bool = False  # a status report is wanted
    tp_mr: int = 0
    tp_da: bytes = b""

    def encode(self) -> bytes:
        """The octets for the state file."""
        return _encoder.encode(self)

    @property
    def rp_mr(self) -> int:
        """RP-MR of every RP-DATA that brings it, so that a phone that has it already sees that it is the same."""
        return reference(self.id)


def reference(id: str) -> int:
    """The RP-MR of the message with this id."""
    return int(id, 16) & 0xFF


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredSms)


class SmsStore:
    """All messages that wait."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._messages: dict[str, StoredSms] = {}
        self._by_impi: dict[str, dict[str, StoredSms]] = {}
        self._ends: list[tuple[float, str]] = []  # a heap of when to look at which message
        self._submitted: dict[str, bytes] = {}
        self._last = 0
        self._granted = 0  # numbers up to this one are ours, whatever happens
        self._longest = math.inf
        self.listeners: list[Callable[[str], None]] = []  # called with the IMPI whenever `count` has changed

    def restore(self) -> list[StoredSms]:
        """Read the state file: the messages in the order in which they came. What cannot be read is left there."""
        found = []
        for key, value in self._store.load(KIND).items():
            try:
                message = _decoder.decode(value)
            except msgspec.DecodeError as error:
                log(IMS, WARN, f"short message {key} of the state file cannot be read: {error}")
                continue
            found.append(message)
        found.sort(key=lambda message: int(message.id, 16))
        for message in found:
            self._file(message)
        self._submitted = self._store.load(_SUBMITTED)
        counted = int(self._store.load(_COUNTER).get("last", b"0"))
        self._last = self._granted = max(counted, int(found[-1].id, 16) if found else 0)
        return found

    def new_id(self) -> str:
        """A number that no message before has had, restarts included."""
        self._last += 1
        if self._last > self._granted:
            self._granted = self._last + _BLOCK
            self._store.put(_COUNTER, "last", str(self._granted).encode())
        return f"{self._last:08x}"

    def add(self, message: StoredSms) -> None:
        """Take a message in, or in its new form; it is safe after the next commit."""
        self._file(message)
        self._store.put(KIND, message.id, message.encode())

    def _file(self, message: StoredSms) -> None:
        new = message.id not in self._messages
        if new:
            self.look_again(message, self.ends_at(message))
        self._messages[message.id] = message
        mine = self._by_impi.get(message.impi)
        if mine is None:
            self._by_impi[message.impi] = {message.id: message}
        else:
            mine[message.id] = message
        if new and self.listeners:
            self._tell(message.impi)

    def _tell(self, impi: str) -> None:
        for listener in self.listeners:
            try:
                listener(impi)
            except Exception as error:  # a fault of ours: messages go their way all the same
                counters.inc("ims_internal_error")
                log(IMS, ERROR, f"a listener to waiting short messages failed: {error!r}")

    def submitted(self, impi: str) -> bytes | None:
        """TP-MR and TP-DA of the last message that a phone has submitted."""
        return self._submitted.get(impi)

    def set_submitted(self, impi: str, what: bytes | None) -> None:
        """Keep TP-MR and TP-DA, also when the message itself is gone; safe after the next commit."""
        if what is None:
            self._submitted.pop(impi, None)
            self._store.delete(_SUBMITTED, impi)
        else:
            self._submitted[impi] = what
            self._store.put(_SUBMITTED, impi, what)

    def get(self, id: str) -> StoredSms | None:
        """The message of this id."""
        return self._messages.get(id)

    def remove(self, id: str) -> StoredSms | None:
        """Forget a message."""
        message = self._messages.pop(id, None)
        if message is not None:
            self._store.delete(KIND, id)
            mine = self._by_impi[message.impi]
            del mine[id]
            if not mine:
                del self._by_impi[message.impi]
            if self.listeners:
                self._tell(message.impi)
        return message

    def of(self, impi: str) -> list[StoredSms]:
        """The messages that wait for a user, oldest first."""
        return list(self._by_impi.get(impi, {}).values())

    def count(self, impi: str) -> int:
        """How many wait for a user."""
        return len(self._by_impi.get(impi, ()))

    def __len__(self) -> int:
        return len(self._messages)

    def limit(self, longest: float) -> None:
        """No message is kept for more than so many seconds, those that wait already included."""
        self._longest = longest
        self._ends = [(self.ends_at(message), message.id) for message in self._messages.values()]
        heapify(self._ends)

    def ends_at(self, message: StoredSms) -> float:
        """When a message has waited long enough: by its sender's will, or by `limit`."""
        return min(message.expires_at, message.received_at + self._longest)

    def expired(self, now: float, most: int) -> list[StoredSms]:
        """At most so many of those whose time is over; each is named once, unless somebody wants to look again."""
        found: list[StoredSms] = []
        while self._ends and self._ends[0][0] <= now and len(found) < most:
            message = self._messages.get(heappop(self._ends)[1])
            if message is not None:
                found.append(message)
        return found

    def look_again(self, message: StoredSms, at: float) -> None:
        """Let `expired` name a message from then on."""
        if len(self._ends) > 2 * len(self._messages) + _SPARE:  # most were delivered long before their time
            self._ends = [entry for entry in self._ends if entry[1] in self._messages]
            heapify(self._ends)
        heappush(self._ends, (at, message.id))

    async def commit(self) -> None:
        """Return when all that was added and removed is on disk; StoreError if it cannot be."""
        await self._store.commit()

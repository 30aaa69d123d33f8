"""Short messages that wait for their receiver, in memory and on disk (manual 5.2: sms_expires, ue_db_filename).

ipsmgw.py adds and takes out; `commit` before anything is acknowledged.
"""

import msgspec

from lteims.store.state import StateStore
from lteims.trace import IMS, WARN, log

KIND = "sms"  # in the state file
_COUNTER = "sms_count"  # the kind of the last number given
_BLOCK = 1000  # numbers taken from the disk at once


class StoredSms(msgspec.Struct, gc=False):
    """One message to a user. Times are seconds since 1970."""

    id: str
    impi: str  # whose
    impu_key: str  # the IMPU that it was sent to; "" for the user as such
    tpdu: bytes  # SMS-DELIVER or SMS-STATUS-REPORT
    received_at: int  # TP-SCTS
    expires_at: float
    sender: str  # as people write it
    sos: bool = False  # for emergency registrations alone
    # what a status report needs (TS 23.040 9.2.2.3): whose message, its number, its address
    report_to: str = ""  # IMPI of the sender, "" where nobody asked
    tp_mr: int = 0
    tp_da: str = ""
    report_ton: int = 0

    def encode(self) -> bytes:
        """The octets for the state file."""
        return _encoder.encode(self)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredSms)


class SmsStore:
    """All messages that wait."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._messages: dict[str, StoredSms] = {}
        self._by_impi: dict[str, dict[str, StoredSms]] = {}
        self._last = 0
        self._granted = 0  # numbers up to this one are ours, whatever happens

    def restore(self) -> list[StoredSms]:
        """Read the state file: the messages in the order in which they came. What cannot be read is left there."""
        for key, value in self._store.load(KIND).items():
            try:
                message = _decoder.decode(value)
            except msgspec.DecodeError as error:
                log(IMS, WARN, f"short message {key} of the state file cannot be read: {error}")
                continue
            self._file(message)
        counted = self._store.load(_COUNTER).get("last", b"0")
        self._last = self._granted = max([int(counted), *(int(id, 16) for id in self._messages)])
        return sorted(self._messages.values(), key=lambda message: int(message.id, 16))

    def new_id(self) -> str:
        """A number that no message before has had, restarts included."""
        self._last += 1
        if self._last > self._granted:
            self._granted = self._last + _BLOCK
            self._store.put(_COUNTER, "last", str(self._granted).encode())
        return f"{self._last:08x}"

    def add(self, message: StoredSms) -> None:
        """Take a message in; it is safe after the next commit."""
        self._file(message)
        self._store.put(KIND, message.id, message.encode())

    def _file(self, message: StoredSms) -> None:
        self._messages[message.id] = message
        self._by_impi.setdefault(message.impi, {})[message.id] = message

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
        return message

    def of(self, impi: str) -> list[StoredSms]:
        """The messages that wait for a user, oldest first."""
        return list(self._by_impi.get(impi, {}).values())

    def count(self, impi: str) -> int:
        """How many wait for a user."""
        return len(self._by_impi.get(impi, ()))

    def __len__(self) -> int:
        return len(self._messages)

    def expired(self, now: float) -> list[StoredSms]:
        """Those whose time is over."""
        return [message for message in self._messages.values() if message.expires_at <= now]

    async def commit(self) -> None:
        """Return when all that was added and removed is on disk; StoreError if it cannot be."""
        await self._store.commit()

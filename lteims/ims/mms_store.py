"""Multimedia messages that wait for their receivers, on disk (manual 5.2: mms_expires, ue_db_filename).

What is said about a message and about each receiver's copy is in memory too; bodies are read from the state file
when somebody fetches them, each being a kind of its own there. mms.py adds and takes out.
"""

from collections.abc import Iterator

import msgspec

from lteims.store.state import StateStore
from lteims.trace import IMS, WARN, log

KIND = "mms"  # in the state file
BODY = "mms_body"  # this and the id are the kind of a body
MOST_MESSAGES = 20_000  # those included whose copies are all done, and which are kept for reports and repeats

# What has become of a copy: `new` until the first notification is stored, `fetched` until the phone says it has it.
NEW, NOTIFIED, DEFERRED, FETCHED = "new", "notified", "deferred", "fetched"
DONE = "done"


class Copy(msgspec.Struct, gc=False):
    """One receiver's copy. Times are seconds since 1970."""

    token: str  # the last part of its URL and the transaction id of its notification; nobody can guess it
    impi: str
    impu_key: str
    address: str  # as the sender wrote it
    state: str = NEW
    notified: int = 0  # how often
    notified_at: float = 0.0
    sms: tuple[str, ...] = ()  # the ids of the last notification's short messages
    reported: bool = False  # a delivery report was sent or refused
    read: bool = False  # a read report was passed on

    @property
    def is_open(self) -> bool:
        """Can it still be fetched?"""
        return self.state != DONE


class StoredMms(msgspec.Struct, gc=False):
    """One message with its copies."""

    id: str  # Message-ID
    shown: str  # the sender as receivers see it; "" if it is hidden or unknown
    sender_impi: str  # who gets the reports; "" for nobody
    sender_key: str
    sender: str  # the sender, hidden or not
    to: tuple[str, ...]
    cc: tuple[str, ...]
    date: int
    expires_at: float
    content_type: bytes  # as pdu.py writes it
    size: int  # octets of the body
    copies: list[Copy]
    fingerprint: bytes = b""  # of the request that brought it, so that a repeated one is known; b"" for none
    notify_at: float = 0.0  # X-Mms-Delivery-Time
    subject: str = ""
    message_class: str = "personal"
    priority: int | None = None
    delivery_report: bool = False
    read_report: bool = False
    previously_by: tuple[tuple[int, str], ...] = ()
    previously_at: tuple[tuple[int, int], ...] = ()
    sos: bool = False  # for emergency registrations alone

    @property
    def is_open(self) -> bool:
        """Is there a copy that can still be fetched?"""
        return any(copy.is_open for copy in self.copies)

    def encode(self) -> bytes:
        """The octets for the state file."""
        return _encoder.encode(self)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredMms)


class MmsStore:
    """All messages, by Message-ID, by the token of a copy, and by what brought them."""

    def __init__(self, store: StateStore, room: int) -> None:
        """`room`: how many octets all bodies together may have."""
        self._store = store
        self._room = room
        self._messages: dict[str, StoredMms] = {}
        self._by_token: dict[str, tuple[StoredMms, Copy]] = {}
        self._by_fingerprint: dict[bytes, StoredMms] = {}
        self._by_impi: dict[str, dict[str, tuple[StoredMms, Copy]]] = {}  # open copies, by token
        self._with_body: set[str] = set()  # by Message-ID
        self._octets = 0  # of these bodies

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[StoredMms]:
        return iter(list(self._messages.values()))

    def restore(self) -> int:
        """Read the state file; the number of messages. What cannot be read is left there."""
        found = []
        for key, value in self._store.load(KIND).items():
            try:
                found.append(_decoder.decode(value))
            except msgspec.DecodeError as error:
                log(IMS, WARN, f"multimedia message {key} of the state file cannot be read: {error}")
        for message in sorted(found, key=lambda each: each.date):
            self._file(message)
        return len(self)

    def has_room(self, octets: int) -> bool:
        """Can a message with such a body be taken? Messages that are done make room for it, the oldest first."""
        if len(self) >= MOST_MESSAGES:
            done = next((message for message in self if not message.is_open), None)
            if done is not None:
                self.remove(done)
        return len(self) < MOST_MESSAGES and self._octets + octets <= self._room

    def add(self, message: StoredMms, body: bytes) -> None:
        """Take a message in; it is safe after the next commit."""
        self._store.put(f"{BODY} {message.id}", "body", body)
        self._store.put(KIND, message.id, message.encode())
        self._file(message)

    def save(self, message: StoredMms) -> None:
        """What is said about a message or its copies has changed; a body that nobody can fetch any more goes.

        A message that was removed meanwhile, while somebody waited for something else, stays removed.
        """
        if self._messages.get(message.id) is not message:
            return
        self._store.put(KIND, message.id, message.encode())
        for copy in message.copies:
            if not copy.is_open:
                self._unlist(copy)
        if not message.is_open:
            self._drop_body(message)

    def remove(self, message: StoredMms) -> None:
        """Forget a message."""
        if self._messages.pop(message.id, None) is None:
            return
        self._store.delete(KIND, message.id)
        self._drop_body(message)
        self._by_fingerprint.pop(message.fingerprint, None)
        for copy in message.copies:
            self._by_token.pop(copy.token, None)
            self._unlist(copy)

    def body(self, message: StoredMms) -> bytes | None:
        """The body, read from the disk; None if it is gone. StoreError when the disk cannot be read."""
        return self._store.load(f"{BODY} {message.id}").get("body")

    def get(self, id: str) -> StoredMms | None:
        """The message of this Message-ID."""
        return self._messages.get(id)

    def by_token(self, token: str) -> tuple[StoredMms, Copy] | None:
        """The copy with this token, and its message."""
        return self._by_token.get(token)

    def by_fingerprint(self, fingerprint: bytes) -> StoredMms | None:
        """The message that such a request has brought already."""
        return self._by_fingerprint.get(fingerprint)

    def waiting(self, impi: str) -> list[tuple[StoredMms, Copy]]:
        """The copies that a user can still fetch, oldest first."""
        return list(self._by_impi.get(impi, {}).values())

    async def commit(self) -> None:
        """Return when all that was added and changed is on disk; StoreError if it cannot be."""
        await self._store.commit()

    def _file(self, message: StoredMms) -> None:
        self._messages[message.id] = message
        if message.fingerprint:
            self._by_fingerprint[message.fingerprint] = message
        if message.is_open:
            self._with_body.add(message.id)
            self._octets += message.size
        for copy in message.copies:
            self._by_token[copy.token] = message, copy
            if copy.is_open:
                self._by_impi.setdefault(copy.impi, {})[copy.token] = message, copy

    def _unlist(self, copy: Copy) -> None:
        mine = self._by_impi.get(copy.impi)
        if mine is not None and mine.pop(copy.token, None) is not None and not mine:
            del self._by_impi[copy.impi]

    def _drop_body(self, message: StoredMms) -> None:
        if message.id in self._with_body:
            self._with_body.discard(message.id)
            self._octets -= message.size
            self._store.delete(f"{BODY} {message.id}", "body")

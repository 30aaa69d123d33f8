"""The state file: one SQLite table in WAL mode, synced at every commit, locked against a second server.

sqlite.py calls it: open and load on the event loop's thread at start, write on the writer's thread. What is on the
disk is never trusted: damage.py examines it first.
"""

import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from lteims.errors import OperatorError
from lteims.store.damage import (
    APPLICATION_ID,
    NOT_DAMAGE,
    SCHEMA_VERSION,
    Damaged,
    checksum,
    examine,
    examine_size,
    primary_code,
    set_aside,
)
from lteims.store.state import StoreError
from lteims.trace import ERROR, IMS, log

Changes = Mapping[tuple[str, str], bytes | None]  # (kind, key) -> value, None to delete
OnWarning = Callable[[str], None]

_ROWS = 64  # a statement; each number of rows is a text of its own, and all of them stay prepared
_PATIENCE = 2.0  # seconds to wait for a foreign reader of the file, such as the sqlite3 tool
_CREATE = (
    "BEGIN IMMEDIATE",
    "CREATE TABLE state (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, sum INTEGER NOT NULL,"
    " PRIMARY KEY (kind, key)) WITHOUT ROWID",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
    "COMMIT",
)
_UPSERT = (
    "INSERT INTO state (kind, key, value, sum) VALUES {}"
    " ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, sum = excluded.sum"
)
_REASON = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_READONLY: "the file or its file system is read-only: make it writable",
    sqlite3.SQLITE_IOERR: "the disk reports an error, or a quota or size limit is reached: look at the system's log",
    sqlite3.SQLITE_CANTOPEN: "a file beside it cannot be created: look at the folder's permissions",
    sqlite3.SQLITE_BUSY: "another program holds it: end that program",
    sqlite3.SQLITE_CORRUPT: "it was damaged while in use: restart the server, which sets it aside",
    sqlite3.SQLITE_NOTADB: "it was damaged while in use: restart the server, which sets it aside",
}


class StateFile:
    """An open and locked state file. write() and load() may be called from different threads."""

    __slots__ = ("_busy", "_connection", "_lock", "path")

    def __init__(self, path: Path, lock: int, connection: sqlite3.Connection) -> None:
        self.path = path
        self._lock = lock
        self._connection = connection
        self._busy = threading.Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str], on_warning: OnWarning) -> Self:
        """Open or begin the file; a damaged one is set aside and reported, a foreign lock is an OperatorError."""
        real = Path(os.path.realpath(path))  # SQLite puts -wal and -shm beside the real file, so the rest goes there
        lock = _lock(real)
        try:
            return cls(real, lock, _connect_or_begin_anew(real, on_warning))
        except BaseException:
            os.close(lock)
            raise

    def load(self, kind: str) -> dict[str, bytes]:
        """The committed keys and values of a kind."""
        with self._busy:
            try:
                return dict(self._connection.execute("SELECT key, value FROM state WHERE kind = ?", (kind,)))
            except sqlite3.Error as error:
                raise StoreError(_said(self.path, error, "its state cannot be read")) from None

    def write(self, changes: Changes) -> bool:
        """Make the changes durable together, or not at all and raise StoreError; whether there was anything to write.

        What is deleted and was not there needs no disk, and says nothing about it.
        """
        statements = [*_puts(changes), *_deletes(changes)]
        with self._busy:
            before = self._connection.total_changes
            try:
                self._write_or_make_room(statements)
            except sqlite3.Error as error:
                self._roll_back()
                effect = "the latest changes are not on the disk, they are kept and tried again with the next ones"
                raise StoreError(_said(self.path, error, effect)) from None
            return self._connection.total_changes > before

    def _write_or_make_room(self, statements: list[tuple[str, list[str | bytes | int]]]) -> None:
        """On a full disk the write-ahead log is folded into the file and begun anew, in the room that it has already.

        What is changed in place or deleted needs no more than that.
        """
        try:
            self._write(statements)
        except sqlite3.Error as error:
            if primary_code(error) != sqlite3.SQLITE_FULL:
                raise
            self._roll_back()
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            self._write(statements)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.rollback()

    def _write(self, statements: list[tuple[str, list[str | bytes | int]]]) -> None:
        # The interpreter's lock is let go and waited for at every call, so a batch that fits one statement is one.
        if len(statements) == 1:
            self._connection.execute(*statements[0])
            return
        self._connection.execute("BEGIN IMMEDIATE")
        for text, values in statements:
            self._connection.execute(text, values)
        self._connection.execute("COMMIT")

    def still_needed(self, changes: Changes) -> dict[tuple[str, str], bytes | None]:
        """What of changes that failed has to be tried again: not the deletions of what is not there, which heap up."""
        with self._busy:
            try:
                return {name: value for name, value in changes.items() if value is not None or self._has(name)}
            except sqlite3.Error:
                return dict(changes)

    def _has(self, name: tuple[str, str]) -> bool:
        found = self._connection.execute("SELECT 1 FROM state WHERE kind = ? AND key = ?", name)
        return found.fetchone() is not None

    def close(self) -> None:
        """Fold the write-ahead log into the file and unlock it."""
        with self._busy:
            with suppress(sqlite3.Error):
                self._connection.close()
            os.close(self._lock)


def _puts(changes: Changes) -> Iterator[tuple[str, list[str | bytes | int]]]:
    rows = [(kind, key, value) for (kind, key), value in changes.items() if value is not None]
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        marks = ",".join(["(?,?,?,?)"] * len(part))
        values: list[str | bytes | int] = []
        for kind, key, value in part:
            values += (kind, key, value, checksum(kind, key, value))
        # An upsert changes the row in place: half the cost of INSERT OR REPLACE, which deletes it first.
        yield _UPSERT.format(marks), values


def _deletes(changes: Changes) -> Iterator[tuple[str, list[str | bytes | int]]]:
    rows = [name for name, value in changes.items() if value is None]
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        marks = ",".join(["(?,?)"] * len(part))
        yield f"DELETE FROM state WHERE (kind, key) IN (VALUES {marks})", [word for name in part for word in name]


def _lock(path: Path) -> int:
    """An advisory lock on a file beside it (SQLite's own locks are on the file itself, and let go by any close)."""
    name = f"{path}.lock"
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OperatorError(f"{name}: {error.strerror}: make its folder, and let the server write into it") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 20).decode("ascii", "replace").strip()
        os.close(lock)
        raise OperatorError(
            f"state file {path} is in use by another server (process {owner or 'unknown'}):"
            " end that one, or give this one its own ue_db_filename"
        ) from None
    except OSError as error:
        os.close(lock)
        raise OperatorError(f"{name} cannot be locked: {error.strerror}: put it on a local file system") from None
    with suppress(OSError):  # a full disk: the lock holds, only nobody can read who has it
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _connect_or_begin_anew(path: Path, on_warning: OnWarning) -> sqlite3.Connection:
    try:
        examine_size(path)
        if _prepare(path):
            _report(f"state file {path} was empty: it is begun anew, all registrations are gone", on_warning)
        return _connect(path)
    except Damaged as damage:
        kept = set_aside(path)
        _report(
            f"state file {path} is damaged ({damage}): it was set aside as {kept.name} and a new one is begun."
            " Registrations, sequence numbers and pending messages of before are gone: phones have to register again."
            " To go back, stop the server and put a good copy in its place",
            on_warning,
        )
    except OSError as error:
        raise OperatorError(f"state file {path}: {error.strerror}") from None
    try:
        _prepare(path)
        return _connect(path)
    except (OSError, Damaged) as error:
        raise OperatorError(f"state file {path} cannot be begun: {error}") from None


def _report(text: str, on_warning: OnWarning) -> None:
    log(IMS, ERROR, text)
    on_warning(text)


def _prepare(path: Path) -> bool:
    """Make the file if there is none, and its mode 0600 (-wal and -shm get the same); whether an empty one was there.

    This descriptor is closed before SQLite opens the file.
    """
    existed = path.exists()
    made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        status = os.fstat(made)
        if not stat.S_ISREG(status.st_mode):
            raise OperatorError(f"state file {path} is no regular file: give ue_db_filename another name")
        if stat.S_IMODE(status.st_mode) != 0o600:
            os.fchmod(made, 0o600)
        return existed and status.st_size == 0
    finally:
        os.close(made)


def _connect(path: Path) -> sqlite3.Connection:
    """The examined connection; Damaged when its content cannot be trusted, OperatorError when it cannot be used."""
    connection = sqlite3.connect(
        path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=4 * _ROWS
    )
    try:
        empty = examine(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if empty:
            for statement in _CREATE:
                connection.execute(statement)
        _sync_folder(path)
    except sqlite3.Error as error:
        connection.close()
        if primary_code(error) in NOT_DAMAGE:
            raise OperatorError(_said(path, error, "it cannot be opened")) from None
        raise Damaged(str(error)) from None
    except (TypeError, ValueError, OverflowError) as error:  # a text or a type that no state file of ours holds
        connection.close()
        raise Damaged(str(error)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _sync_folder(path: Path) -> None:
    """The names of a new file and its log outlive a power loss too."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _said(path: Path, error: sqlite3.Error, effect: str) -> str:
    reason = _REASON.get(primary_code(error), "look at the system's log")
    return f"state file {path}: {error}: {effect}. Probably {reason}"

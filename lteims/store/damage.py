"""Whether a state file can be trusted, and what is done with one that cannot: it is set aside, never overwritten.

SQLite guards its own structure, not the values, so each row carries a checksum; file.py calls this before anything
is read.
"""

import os
import sqlite3
import time
import zlib
from pathlib import Path

from lteims.errors import OperatorError

APPLICATION_ID = 0x4C494D53  # "LIMS", in the header of every state file
SCHEMA_VERSION = 1

# Faults of the disk or of the surroundings, by primary result code; everything else is a fault of the content.
NOT_DAMAGE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}
_SIDE_FILES = ("-wal", "-shm")


class Damaged(Exception):
    """The content of a state file is not what was written; the text says what shows it."""


def checksum(kind: str, key: str, value: bytes) -> int:
    """CRC-32 of a row, so that a value never comes back other than it was put."""
    return zlib.crc32(value, zlib.crc32(f"{kind}\0{key}\0".encode()))


def primary_code(error: sqlite3.Error) -> int:
    """The primary result code of an error; SQLITE_ERROR where Python raised it without one.

    A read that ends too early counts as a damaged file (SQLITE_CORRUPT), though SQLite files it under IOERR.
    """
    code: int = getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR
    return sqlite3.SQLITE_CORRUPT if code == sqlite3.SQLITE_IOERR_SHORT_READ else code & 0xFF


def examine_size(path: Path) -> None:
    """Damaged when SQLite would take the file for a new one and overwrite what is left: to be asked before it opens."""
    size = _size(path)
    if size == 1:
        raise Damaged("it has a single byte")  # which SQLite's Unix layer counts as none
    if size == 0 and _size(Path(f"{path}-wal")):
        raise Damaged("the file is empty or gone, but its write-ahead log is not")


def examine(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the database is empty; Damaged when it is not ours or not whole, OperatorError when it is newer."""
    check = connection.execute("PRAGMA quick_check(1)").fetchone()
    if check is None or check[0] != "ok":
        raise Damaged(f"quick_check says: {check[0] if check else 'nothing'}")
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        return True  # just made, or its maker was killed before the first transaction
    if application_id != APPLICATION_ID:
        raise Damaged(f"its application_id is {application_id:#x}, not {APPLICATION_ID:#x}: another program's database")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise OperatorError(
            f"state file {path} has version {version}, this server knows {SCHEMA_VERSION}: it was written by a newer"
            " server. Use that one, or give this one another ue_db_filename"
        )
    if version != SCHEMA_VERSION:
        raise Damaged(f"its version is {version}")
    _examine_rows(connection)
    # A header that says read-only shows itself at a real write only, and not to a registration.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("ROLLBACK")
    return False


def _examine_rows(connection: sqlite3.Connection) -> None:
    for kind, key, value, stored in connection.execute("SELECT kind, key, value, sum FROM state"):
        if not isinstance(value, bytes) or checksum(kind, key, value) != stored:
            raise Damaged(f"the value of {kind!s:.40} {key!s:.80} has a wrong checksum")


def set_aside(path: Path) -> Path:
    """Rename the file, its log and its shared memory to NAME.damaged-YYYYmmdd-HHMMSS; the new name."""
    kept = Path(f"{path}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    number = 1
    while kept.exists() or Path(f"{kept}-wal").exists():
        number += 1
        kept = Path(f"{path}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{number}")
    for suffix in ("", *_SIDE_FILES):
        if os.path.lexists(f"{path}{suffix}"):
            os.rename(f"{path}{suffix}", f"{kept}{suffix}")
    return kept


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

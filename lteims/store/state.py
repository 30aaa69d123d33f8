"""What a state store does (manual 5.2, ue_db_filename): the interface that ims/ sees, and the error of all stores.

A caller puts what has changed and awaits commit() before it acknowledges anything; app.py opens and closes the store.
"""

from typing import Protocol

from lteims.errors import OperatorError


class StoreError(OperatorError):
    """The state could not be made durable, or not be read; the text says why and what to do."""


class StateStore(Protocol):
    """Values under a kind and a key. All but commit() return at once and belong to the event loop's thread."""

    def load(self, kind: str) -> dict[str, bytes]:
        """All keys and values of a kind, with everything put so far; StoreError when the disk cannot be read."""

    def put(self, kind: str, key: str, value: bytes) -> None:
        """Set a value; it is durable after the next commit(). StoreError when kind or key has no UTF-8 form."""

    def delete(self, kind: str, key: str) -> None:
        """Remove a key, if it is there; durable after the next commit()."""

    async def commit(self) -> None:
        """Return when all that was put and deleted before is durable.

        StoreError when it is not: the changes are kept and tried again with the next commit.
        """

    def close(self) -> None:
        """Write what is left and let go of the file; nothing but close() may follow."""


def check_name(kind: str, key: str) -> None:
    """StoreError for a kind or a key that cannot be written as UTF-8 (lone surrogates)."""
    try:
        kind.encode()
        key.encode()
    except UnicodeEncodeError:
        raise StoreError(f"state key {kind!r} {key!r} has no UTF-8 form") from None

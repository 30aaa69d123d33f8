"""A state store that forgets: for a configuration without ue_db_filename, and for tests.

It keeps the same contract as sqlite.py, but for the disk; app.py chooses between them.
"""

from lteims.store.state import StoreError, check_name


class MemoryStore:
    """The state in a dict; commit() has nothing to wait for."""

    __slots__ = ("_closed", "_kinds")

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, bytes]] = {}
        self._closed = False

    def load(self, kind: str) -> dict[str, bytes]:
        """A copy of a kind's keys and values."""
        self._check_open()
        return dict(self._kinds.get(kind, {}))

    def put(self, kind: str, key: str, value: bytes) -> None:
        """Set a value."""
        self._check_open()
        check_name(kind, key)
        self._kinds.setdefault(kind, {})[key] = value

    def delete(self, kind: str, key: str) -> None:
        """Remove a key, if it is there."""
        self._check_open()
        check_name(kind, key)
        self._kinds.get(kind, {}).pop(key, None)

    async def commit(self) -> None:
        """Nothing to wait for."""
        self._check_open()

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._kinds.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the state store is closed")

"""The state store on SQLite: changes are gathered on the event loop, one thread writes them, many share a commit.

app.py opens it on ue_db_filename. A commit that finds the writer busy waits for the next transaction together with
everybody who comes in the meantime, so that a load of registrations costs a few syncs of the disk, not one each.
"""

import asyncio
import os
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import Self

from lteims import counters
from lteims.store.file import OnWarning, StateFile
from lteims.store.state import StoreError, check_name
from lteims.trace import ERROR, IMS, WARN, log


class _Batch:
    """What one transaction writes, and who waits for it."""

    __slots__ = ("changes", "error", "loop", "waiters", "written")

    def __init__(
        self,
        changes: dict[tuple[str, str], bytes | None],
        waiters: list[asyncio.Future[None]],
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.changes = changes
        self.waiters = waiters
        self.loop = loop
        self.error: StoreError | None = None
        self.written = False


class SqliteStore:
    """The state in a file; every method belongs to the thread of the event loop that calls commit()."""

    __slots__ = (
        "_changes",
        "_closed",
        "_failing",
        "_file",
        "_in_flight",
        "_queue",
        "_scheduled",
        "_thread",
        "_waiters",
    )

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._changes: dict[tuple[str, str], bytes | None] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._in_flight: _Batch | None = None
        self._scheduled = False
        self._closed = False
        self._failing = ""
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_batches, name="store", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: str | os.PathLike[str], on_warning: OnWarning = lambda text: None) -> Self:
        """Open the state file, or begin one (mode 0600).

        A damaged file is set aside as NAME.damaged-YYYYmmdd-HHMMSS: logged as an error and told to on_warning.
        OperatorError when another server has the file, when a newer server wrote it, or when it cannot be written.
        """
        return cls(StateFile.open(path, on_warning))

    def load(self, kind: str) -> dict[str, bytes]:
        """All keys and values of a kind, with what is not yet committed; reads the disk in the caller's thread."""
        self._check_open()
        # Taken before the read: what the writer commits in between is then applied twice, not lost.
        pending = [*self._in_flight.changes.items()] if self._in_flight else []
        pending += self._changes.items()
        values = self._file.load(kind)
        for (its_kind, key), value in pending:
            if its_kind != kind:
                continue
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        return values

    def put(self, kind: str, key: str, value: bytes) -> None:
        """Set a value; a later one under the same key replaces it before it is ever written."""
        self._check_open()
        check_name(kind, key)
        self._changes[kind, key] = value

    def delete(self, kind: str, key: str) -> None:
        """Remove a key."""
        self._check_open()
        check_name(kind, key)
        self._changes[kind, key] = None

    async def commit(self) -> None:
        """Return when everything put and deleted before is synced to the disk; StoreError when that failed."""
        self._check_open()
        if not self._changes and self._in_flight is None:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        if not self._changes and self._in_flight is not None:
            self._in_flight.waiters.append(waiter)
        else:
            self._waiters.append(waiter)
            if self._in_flight is None and not self._scheduled:
                # Whoever else is ready to run in this turn of the loop shares the transaction.
                self._scheduled = True
                loop.call_soon(self._hand_over, loop)
        await waiter

    def close(self) -> None:
        """Write what is left (a failure is logged), end the thread and unlock the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        if self._in_flight is not None:
            self._finish(self._in_flight)
        if self._changes:
            last = self._in_flight = self._batch(None)
            self._write(last)
            self._finish(last)
        if self._changes:
            lost = f"{len(self._changes)} changes that nobody was told are safe are lost at the end of the server"
            log(IMS, ERROR, f"state file {self._file.path}: {lost}")
        self._file.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the state store is closed")

    def _batch(self, loop: asyncio.AbstractEventLoop | None) -> _Batch:
        batch = _Batch(self._changes, self._waiters, loop)
        self._changes, self._waiters = {}, []
        return batch

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        if self._in_flight is None and self._changes and not self._closed:
            self._in_flight = self._batch(loop)
            self._queue.put(self._in_flight)

    def _write_batches(self) -> None:
        """The thread: one transaction for each batch, one wake-up of the loop for all its waiters."""
        while (batch := self._queue.get()) is not None:
            self._write(batch)
            if batch.loop is not None:
                with suppress(RuntimeError):  # the loop has ended: close() finishes the batch
                    batch.loop.call_soon_threadsafe(self._finish, batch)

    def _write(self, batch: _Batch) -> None:
        try:
            batch.written = self._file.write(batch.changes)
        except StoreError as error:
            batch.error = error
            batch.changes = self._file.still_needed(batch.changes)
        except Exception as error:  # a fault of our own must not leave the waiters waiting for ever
            batch.error = StoreError(f"state file {self._file.path}: {type(error).__name__}: {error}")

    def _finish(self, batch: _Batch) -> None:
        """Back on the loop: answer the waiters, and go on with those who came meanwhile."""
        if batch is not self._in_flight:
            return
        self._in_flight = None
        if batch.error is None:
            self._succeeded(batch)
        else:
            self._failed(batch, str(batch.error))
        for waiter in batch.waiters:
            if waiter.done():
                continue
            if batch.error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(StoreError(str(batch.error)))
        if self._waiters and batch.loop is not None:
            self._hand_over(batch.loop)

    def _succeeded(self, batch: _Batch) -> None:
        counters.inc("store_commit")
        if self._failing and batch.written:
            log(IMS, WARN, f"state file {self._file.path} is written again, nothing was lost")
            self._failing = ""

    def _failed(self, batch: _Batch, text: str) -> None:
        """Keep the changes under those that came later; say a reason once, not for each of a thousand commits."""
        counters.inc("store_error")
        self._changes = {**batch.changes, **self._changes}
        if text != self._failing:
            log(IMS, ERROR, text)
            self._failing = text

"""The log file on disk: buffered lines, the header, cut, rotation, and what happens when the disk does not obey.

Manual 5.2 (log_filename, log_sync, file.*, append); oam/log.py owns one. Opening raises OperatorError; after that a
failing disk costs entries, never the server: they are counted and told of once, and each later write tries again.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from typing import Protocol

from lteims import counters
from lteims.clock import WallClock
from lteims.errors import OperatorError
from lteims.oam.events import events
from lteims.oam.log_format import header, one_line
from lteims.oam.log_move import LogMover

BUFFER_SIZE = 1 << 16  # characters held back at most
DELAY = 0.05  # seconds that a line may wait in the buffer

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class Handle(Protocol):
    """What call_later gives back."""

    def cancel(self) -> None:
        """Let the call not happen."""


CallLater = Callable[[float, Callable[[], None]], Handle]


class LogWriter:
    """One open log file; `rotate_size` and `rotate_dir` may be set at any time.

    `set_aside` rotates what the file holds already before it is opened.
    """

    def __init__(
        self, path: str, wall: WallClock, *, append: bool, sync: bool, rotate_dir: str, set_aside: bool = False
    ) -> None:
        self.path = _target(path)
        self.size = 0  # bytes in the file
        self.lost = 0  # entries that could not be written, ever
        self.rotate_size = 0
        self.rotate_dir = rotate_dir  # "" where the log is
        self._sync = sync
        self._wall = wall
        self._call_later: CallLater | None = None
        self._timer: Handle | None = None
        self._lines: list[str] = []
        self._pending = 0  # characters in _lines
        self._failing = -1  # what `lost` was when the disk began to fail; -1 while it obeys
        self._next_rotation = 0  # not below this size, after a rotation that failed
        self._mover = LogMover()
        self._fd = -1
        try:
            if set_aside and os.path.isfile(self.path) and os.path.getsize(self.path):
                self._mover.set_aside(self.path, rotate_dir, self._wall())
            self._open(append=append)
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise OperatorError(
                    f"log file {one_line(path)}: {error.strerror}. "
                    "Without it the server does not start: make its directory, or change log_filename."
                ) from None
            self._fail(error, 0)

    def start(self, call_later: CallLater) -> None:
        """From now on lines wait for up to 50 ms, on this timer; before, each is written at once."""
        self._call_later = call_later

    def write(self, line: str) -> None:
        """Take one entry, complete with its continuation lines and last line feed."""
        self._lines.append(line)
        self._pending += len(line)
        if self._timer is None or self._pending >= BUFFER_SIZE:
            if self._sync or self._call_later is None or self._pending >= BUFFER_SIZE:
                self.flush()
            else:
                self._timer = self._call_later(DELAY, self.flush)

    def flush(self) -> None:
        """Write what is held back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines, self._pending = self._lines, [], 0
        if not lines:
            return
        data = "".join(lines).encode("utf-8", "backslashreplace")
        if self.rotate_size and self.size + len(data) >= max(self.rotate_size, self._next_rotation):
            self._write_and_rotate(lines)
        else:
            self._put(data, len(lines))

    def _write_and_rotate(self, lines: list[str]) -> None:
        """Entry by entry, so that a file ends with the entry that takes it to its size."""
        block: list[bytes] = []
        size = self.size
        for line in lines:
            block.append(line.encode("utf-8", "backslashreplace"))
            size += len(block[-1])
            if size >= max(self.rotate_size, self._next_rotation):
                self._put(b"".join(block), len(block))
                self._rotate_on_size()
                block, size = [], self.size
        if block:
            self._put(b"".join(block), len(block))

    def _rotate_on_size(self) -> None:
        try:
            self.rotate()
            self._next_rotation = 0
        except OperatorError as error:
            self._next_rotation = self.size + self.rotate_size
            events().error("log rotation failed", error=str(error), effect="the log file goes on growing")

    def rotate(self) -> str:
        """Set the file aside under a name with a time stamp and begin a new one; the new name is returned.

        Raises OperatorError where the file cannot be renamed; it then goes on as it was.
        """
        self.flush()
        self._regular("rotated")
        if not os.path.exists(self.path):  # somebody took the file away
            self._reopen(append=True)
            return self.path
        try:
            name = self._mover.set_aside(self.path, self.rotate_dir, self._wall())
        except OSError as error:
            raise OperatorError(f"log file {one_line(self.path)} cannot be rotated: {error.strerror}") from None
        self._reopen(append=True)
        return name

    def cut(self) -> None:
        """Empty the file and begin it anew. Raises OperatorError where it is no regular file."""
        self.flush()
        self._regular("cut")
        self._reopen(append=False)

    def close(self) -> None:
        """Write the rest and close; a rotated file that is still being copied is waited for."""
        self.flush()
        self._close()
        self._mover.close()

    def _regular(self, what: str) -> None:
        """Never rename or truncate a device or a pipe (log_filename: "/dev/stdout")."""
        with contextlib.suppress(OSError):
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise OperatorError(f"log file {one_line(self.path)} is no regular file and cannot be {what}")

    def _open(self, *, append: bool) -> None:
        fd = os.open(self.path, _FLAGS, 0o644)
        self._fd = fd
        state = os.fstat(fd)
        if not append and stat.S_ISREG(state.st_mode):
            os.ftruncate(fd, 0)
            state = os.fstat(fd)
        self.size = state.st_size if stat.S_ISREG(state.st_mode) else 0
        try:
            self._write_all(header(self._wall()).encode("utf-8", "backslashreplace"))
        except OSError:
            self._close()  # the next attempt begins with the header again
            raise

    def _reopen(self, *, append: bool) -> None:
        self._close()
        try:
            self._open(append=append)
        except OSError as error:
            self._fail(error, 0)

    def _close(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = -1

    def _put(self, data: bytes, entries: int) -> None:
        """Write whole entries, or lose them."""
        try:
            if self._fd < 0:
                self._open(append=True)
            self._write_all(data)
        except OSError as error:
            self._fail(error, entries)
            return
        if self._failing >= 0:
            events().warning("log file is written again", file=self.path, entries_lost=self.lost - self._failing)
            self._failing = -1

    def _write_all(self, data: bytes) -> None:
        """Raises OSError; a part that did get written is taken back, so that no entry stands there in half."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                if len(view) < len(data) and stat.S_ISREG(os.fstat(self._fd).st_mode):
                    os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)

    def _fail(self, error: OSError, entries: int) -> None:
        """Count, and tell the operator once for each time that the disk begins to fail."""
        if self._failing < 0:
            self._failing = self.lost
            events().error(
                "log file cannot be written",
                file=self.path,
                error=error.strerror,
                effect="log entries are lost; the server goes on",
                action="make room on the disk or change log_filename",
            )
        self.lost += entries
        counters.inc("log_lost", entries)


def _target(path: str) -> str:
    """The file behind symbolic links, so that rotation renames it and not the link; /dev/stdout stays what it is."""
    real = os.path.realpath(path)
    return real if os.path.exists(real) or not os.path.exists(path) else path


def check_directory(path: str) -> None:
    """Raise OperatorError unless rotated files can go to this directory."""
    if not os.path.isdir(path):
        raise OperatorError(f"file.path: {one_line(path)} is no directory; make it first")
    if not os.access(path, os.W_OK | os.X_OK):
        raise OperatorError(f"file.path: {one_line(path)} cannot be written to")

"""Where a rotated log file goes: a free name with a time stamp, on this file system or another one.

Manual 5.2, file.rotate and file.path; called by oam/log_writer.py. A move to another file system is a copy, which
runs in a thread of its own so that calls go on meanwhile; until it is complete the file stays beside the log.
"""

import contextlib
import errno
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

from lteims.oam.events import events


class LogMover:
    """Gives names out and moves files to them; never over an existing file."""

    def __init__(self) -> None:
        self._stamp = ""
        self._number = 0
        self._copies: ThreadPoolExecutor | None = None

    def set_aside(self, path: str, directory: str, now: float) -> str:
        """Rename the file with the time stamp of `now`, into `directory` if that is given; returns the new name.

        Raises OSError, and then the file is where it was.
        """
        home, name = os.path.split(path)
        target = self._reserve(os.path.join(directory or home, name), now)
        try:
            os.rename(path, target)
        except OSError as error:
            os.unlink(target)
            self._number -= 1  # the name is free again
            if error.errno != errno.EXDEV:
                raise
            return self._set_aside_far(path, directory, now)
        return target

    def _set_aside_far(self, path: str, directory: str, now: float) -> str:
        near = self._reserve(path, now)
        os.rename(path, near)
        if self._copies is None:
            self._copies = ThreadPoolExecutor(1, "log-copy")
        far = os.path.join(directory, os.path.basename(near))
        self._copies.submit(_carry, near, far)
        return far

    def _reserve(self, path: str, now: float) -> str:
        """An empty file under a name that was free: PATH.20261122-102806, and .1, .2 behind it in the same second."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
        if stamp != self._stamp:
            self._stamp, self._number = stamp, 0
        while True:
            target = f"{path}.{stamp}" + (f".{self._number}" if self._number else "")
            self._number += 1
            if _is_new(target):
                return target

    def close(self) -> None:
        """Wait until every copy is done."""
        if self._copies is not None:
            self._copies.shutdown(wait=True)
            self._copies = None


def _is_new(name: str) -> bool:
    """Make an empty file of this name; False where there is one."""
    try:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    except FileExistsError:
        return False
    return True


def _carry(near: str, far: str) -> None:
    """Copy to the other file system under a name that no reader takes for a whole file, then let go of this one."""
    part = f"{far}.part"
    try:
        shutil.copy2(near, part)
        names = (far, *(f"{far}.{n}" for n in range(1, 1000)))
        os.replace(part, next(name for name in names if _is_new(name)))
        os.unlink(near)
    except (OSError, StopIteration) as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        events().error("rotated log file stays where it is", file=near, wanted=far, error=str(error))

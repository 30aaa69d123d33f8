"""The SDP files of the configuration: sdp_file, mt_call_sdp_file, sip_file of mt_call (manual 5.2, 6.6).

opening.py asks when a call needs one; a file that has been edited is read again. control.py shows its errors.
"""

import os
from pathlib import Path
from stat import S_ISREG

from lteims.errors import OperatorError
from lteims.media.sdp import SdpError
from lteims.media.template import Template
from lteims.trace import IMS, WARN, log

MAX_SIZE = 65536  # octets


class SdpFiles:
    """Reads templates, each as often as it changes."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[int, int, Template]] = {}

    def load(self, path: str) -> Template:
        """The template of a file. OperatorError says what is wrong with it."""
        try:
            stat = os.stat(path)
            if not S_ISREG(stat.st_mode):  # reading a pipe or a device may never end
                raise OperatorError(f"{path} is no regular file")
            known = self._read.get(path)
            if known is not None and known[:2] == (stat.st_mtime_ns, stat.st_size):
                return known[2]
            if stat.st_size > MAX_SIZE:
                raise OperatorError(f"{path}: {stat.st_size} octets are too many for an SDP file")
            template = Template.parse(Path(path).read_bytes())
        except SdpError as error:
            raise OperatorError(f"{path}: {error}") from None
        except OSError as error:
            raise OperatorError(f"{path}: {error.strerror or error}") from None
        except ValueError:  # a NUL in its name
            raise OperatorError(f"{path!r} is no name of a file") from None
        self._read[path] = (stat.st_mtime_ns, stat.st_size, template)
        return template

    def find(self, path: str) -> Template | None:
        """The template of a configured file; None where there is none or it is of no use, which the log says."""
        if not path:
            return None
        try:
            return self.load(path)
        except OperatorError as error:
            log(IMS, WARN, f"the server's own SDP is used: {error}")
            return None

"""How one log entry looks in the file, to the byte: time, escaping, continuation lines, hex dumps, the header block.

Manual 5.2 (time, max_size) and chapter 8; called by oam/log.py for entries and by oam/log_writer.py for headers.
What a peer sent may be in any of these texts, so nothing here raises and nothing can forge a line of its own.
"""

import os
import platform
import re
import time

from lteims import __version__
from lteims.config.log_options import TimeFormat

INDENT = "\n        "  # a continuation line starts behind 8 spaces

# Control characters, the line ends that only Unicode knows, marks that turn the writing direction, lone surrogates.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_PRINTABLE = bytes(code if 0x20 <= code < 0x7F else ord(".") for code in range(256))


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # PEP 383: an octet that was no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def escape(text: str) -> str:
    """The text with everything that could disturb a terminal or a reader made visible; line feeds and tabs stay."""
    return text if text.isprintable() else _UNFIT.sub(_visible, text)


def one_line(text: str) -> str:
    """As `escape`, and line feeds made visible too."""
    return text if text.isprintable() else _UNFIT.sub(_visible, text).replace("\n", "\\x0a")


def continuation(body: str) -> str:
    """Further lines of an entry, each behind a line feed and 8 spaces; line ends at the very end are dropped."""
    lines = body.split("\r\n")
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return ""
    if "".join(lines).isprintable():  # the usual case, and much faster than a search for each character
        return INDENT + INDENT.join(lines)
    text = escape(body.replace("\r\n", "\n").rstrip("\n"))
    return INDENT + text.replace("\n", INDENT)


def hexdump(data: bytes) -> str:
    """Sixteen octets a line in two groups of eight, offset before and ASCII behind, as continuation lines."""
    lines = [""]
    for offset in range(0, len(data), 16):
        row = data[offset : offset + 16]
        digits = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}"
        lines.append(f"{offset:04x}:  {digits:<48}  {row.translate(_PRINTABLE).decode('ascii')}")
    return INDENT.join(lines)


class Stamp:
    """Writes the time of an entry; the part that changes once a second is kept."""

    __slots__ = ("_format", "_microseconds", "_prefix", "_second")

    def __init__(self, format: TimeFormat = TimeFormat.SHORT, microseconds: bool = False) -> None:
        self._format = format
        self._microseconds = microseconds
        self._second = -1
        self._prefix = ""

    def of(self, micro: int) -> str:
        """The stamp of a moment in microseconds since 1970, local time."""
        second, fraction = divmod(micro, 1_000_000)
        if second != self._second:
            self._second = second
            self._prefix = self._whole(second)
        return f"{self._prefix}{fraction:06d}" if self._microseconds else f"{self._prefix}{fraction // 1000:03d}"

    def _whole(self, second: int) -> str:
        match self._format:
            case TimeFormat.SEC:
                return f"{second}."
            case TimeFormat.SHORT:
                return time.strftime("%H:%M:%S.", time.localtime(second))
            case TimeFormat.FULL:
                return time.strftime("%Y-%m-%d %H:%M:%S.", time.localtime(second))


def header(now: float) -> str:
    """The comment block that every log file starts with; `now` in seconds since 1970 is when it was begun."""
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
    return (
        f"# lteims version {__version__}, python {platform.python_version()}, {_libc()}, "
        f"Linux {platform.machine()} {platform.release()}\n"
        "# Log file format:\n"
        "# time layer dir id message\n"
        f"# Started on {started}\n"
    )


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "libc unknown"
    except (OSError, ValueError):  # a libc that is not glibc
        return "libc unknown"

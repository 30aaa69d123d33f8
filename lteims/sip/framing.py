"""Cutting a TCP stream into SIP messages by Content-Length (RFC 3261 18.3), with CRLF keep-alives (RFC 5626 3.5.1).

net/sip_tcp.py feeds octets and takes whole messages; a stream that cannot be framed any more raises FramingError.
"""

import re
from collections.abc import Iterator

from lteims.errors import ProtocolError

MAX_HEADER = 32 * 1024  # octets of one header section
MAX_MESSAGE = 64 * 1024  # octets of one message
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t\r\n]*([^\r\n]*)", re.IGNORECASE)
_BREAKS = re.compile(rb"[\r\n]*+")
_PING = b"\r\n\r\n"


class FramingError(ProtocolError):
    """The stream is lost; `code` and `head` allow a last answer (400 or 513), head being b"" where there is none."""

    def __init__(self, why: str, code: int = 400, head: bytes = b"") -> None:
        super().__init__(why)
        self.code = code
        self.head = head


class Framer:
    """The reading side of one connection. `pings` counts double CRLFs that want a CRLF back."""

    __slots__ = ("_buffer", "_need", "_searched", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need = 0  # octets of the message whose header section is complete, 0 while it is not
        self._searched = 0
        self.pings = 0

    @property
    def partial(self) -> bool:
        """True while a message has begun and not ended (a lone CRLF is a keep-alive, no message)."""
        return len(self._buffer) > 3

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take octets from the stream; gives the messages that they complete, then raises if the next is none."""
        self._buffer += data
        return iter(self._next, None)

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if not self._need:
            if not self._searched and not self._begun():
                return None
            if not self._find_end():
                return None
        if len(buffer) < self._need:
            return None
        message = bytes(buffer[: self._need])
        del buffer[: self._need]
        self._need = self._searched = 0
        return message

    def _begun(self) -> bool:
        """Count and drop the keep-alives at the front; is there a message behind them?"""
        buffer = self._buffer
        match = _BREAKS.match(buffer)
        breaks = match.end() if match else 0
        if breaks < len(buffer):
            self.pings += buffer.count(_PING, 0, breaks)
            del buffer[:breaks]
            return True
        *pings, rest = buffer.split(_PING)
        self.pings += len(pings)
        buffer[:] = rest[-3:]  # part of a ping: the other part may come, or a message
        return False

    def _find_end(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0 or end > MAX_HEADER:
            if len(buffer) > MAX_HEADER:
                raise FramingError("header section too large", 513, bytes(buffer[:MAX_HEADER]))
            self._searched = len(buffer)
            return False
        head = bytes(buffer[: end + 4])
        lengths = {match.strip() for match in _LENGTH.findall(head)}
        if not lengths:  # RFC 3261 20.14 demands it on a stream; without it no message can follow
            raise FramingError("no Content-Length on a stream", 400, head)
        length = lengths.pop()
        digits = length.lstrip(b"0")
        if lengths or not length.isdigit() or len(digits) > 10:
            raise FramingError("bad Content-Length on a stream", 400, head)
        self._need = end + 4 + int(digits or b"0")
        if self._need > MAX_MESSAGE:
            raise FramingError(f"message of {self._need} octets", 513, head)
        return True

"""The SIP layer of the log (manual 8.1): one line for each message, its text behind it, a short id for each dialog.

net/sip.py owns one of these.
"""

from typing import Final

from lteims.sip.message import Message
from lteims.trace import DEBUG, INFO, SIP, log

_MAX_IDS: Final = 8192


class SipTrace:
    """Writes messages to the log."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._count = 0

    def id(self, call_id: str) -> str:
        """The short id of a dialog."""
        key = hash(call_id)  # a Call-ID may have 60,000 characters
        known = self._ids.get(key)
        if known is None:
            self._count += 1
            known = f"{self._count & 0xFFFF:04x}"
            if len(self._ids) >= _MAX_IDS:
                del self._ids[next(iter(self._ids))]
            self._ids[key] = known
        return known

    def write(self, dir: str, message: Message, data: bytes) -> None:
        """One message, in clear text whatever way it takes."""
        body = ""
        if SIP.level >= DEBUG:
            body = data.decode("utf-8", "surrogateescape").partition("\r\n")[2]
        log(SIP, INFO, message.start_line(), dir=dir, id=self.id(message.call_id), body=body)

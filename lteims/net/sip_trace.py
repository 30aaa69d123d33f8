"""The SIP layer of the log (manual 8.1): one line for each message, its text behind it, a short id for each dialog.

net/sip.py writes and counts here what comes and what leaves.
"""

from typing import Final

from lteims import counters
from lteims.sip.message import Message, Response
from lteims.sip.valid import METHODS
from lteims.trace import DEBUG, INFO, SIP, log

_MAX_IDS: Final = 8192
_METHOD_COUNTERS: Final = {method: f"sip_{method.lower()}" for method in METHODS}
_CODE_COUNTERS: Final[dict[int, str]] = {}


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


def count_method(method: str) -> None:
    """Count a request: sip_invite; sip_unknown for a method that no RFC knows."""
    counters.inc(_METHOD_COUNTERS.get(method, "sip_unknown"))


def count_code(code: int) -> None:
    """Count a response by its reason phrase: sip_ok, sip_unauthorized."""
    name = _CODE_COUNTERS.get(code)
    if name is None:
        phrase = Response(code).reason.lower().replace("'", "")
        name = "sip_" + "".join(c if c.isalnum() else "_" for c in phrase)
        _CODE_COUNTERS[code] = name
    counters.inc(name)

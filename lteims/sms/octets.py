"""Reading octets one field after the other, so that whatever is cut off is refused by name (floor 1).

Used by tpdu.py, report.py, rp.py and cp.py; the two directions of a message are here as well, as all of them ask.
"""

from enum import StrEnum

from lteims.sms.cause import TpFcs
from lteims.sms.errors import SmsError


class Direction(StrEnum):
    """Which way a message goes: the same type bits mean another message each way (TS 23.040 9.2.3.1)."""

    MS_TO_SC = "MS to SC"
    SC_TO_MS = "SC to MS"


class Reader:
    """A cursor over octets; every read names its field for the error."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def left(self) -> int:
        """How many octets have not been read."""
        return len(self.data) - self.at

    def octet(self, field: str, tp_fcs: TpFcs = TpFcs.UNSPECIFIED_ERROR_CAUSE) -> int:
        """The next octet; SmsError if there is none."""
        at = self.at
        if at >= len(self.data):
            raise SmsError(f"{field} is missing behind octet {at}", tp_fcs=tp_fcs)
        self.at = at + 1
        return self.data[at]

    def take(self, count: int, field: str, tp_fcs: TpFcs = TpFcs.UNSPECIFIED_ERROR_CAUSE) -> bytes:
        """The next `count` octets; SmsError if there are fewer."""
        end = self.at + count
        if end > len(self.data):
            raise SmsError(f"{field} needs {count} octets at {self.at}, {self.left()} are left", tp_fcs=tp_fcs)
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def rest(self) -> bytes:
        """All that has not been read."""
        taken = self.data[self.at :]
        self.at = len(self.data)
        return taken


def one_octet(value: int, field: str) -> int:
    """The value if an octet can hold it; SmsError otherwise."""
    if not 0 <= value <= 0xFF:
        raise SmsError(f"{field} {value} does not fit an octet")
    return value

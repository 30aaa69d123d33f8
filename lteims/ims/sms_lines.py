"""Where short messages stand in line for their receivers: each user's queue, and what is known of its delivery.

sms_delivery.py works on the lines; the machine of each is in sms_queue.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lteims.ims.sms_queue import SmsQueue
from lteims.ims.sms_store import StoredSms
from lteims.ims.subscribers import Subscriber
from lteims.net.timers import Handle

_SOS_LANE = ";sos"  # no IMPU's key


@dataclass(slots=True, eq=False)
class Line:
    """The messages to one user that wait for each other."""

    queue: SmsQueue
    subscriber: Subscriber
    lane: str
    timer: Handle | None = None
    paused_at: float | None = None  # by the loop's clock: since when the timer is that of sms_retry_delay
    sent: str = ""  # the message that was sent last
    references: tuple[str, ...] = ()  # what a report of its last tries may refer to
    contact: str = ""  # where it went to last
    parts: tuple[str, ...] = ()  # all parts that went together to who sends no report
    attempt: int = 0
    tried: tuple[str, ...] = ()  # contacts that failed in this attempt
    failed: bool = False  # one of them was there
    came: bool = False  # the user has come within reach since this attempt began
    before: str = ""  # the first message found at start: an earlier process may have sent it
    delay: float = 0.0  # before the next attempt


class Lines:
    """All lines; one is there while messages stand in it."""

    def __init__(self) -> None:
        self._by_impi: dict[str, list[Line]] = {}  # nearly always one

    def __len__(self) -> int:
        """Users who have a line."""
        return len(self._by_impi)

    def __iter__(self) -> Iterator[Line]:
        for lines in list(self._by_impi.values()):
            yield from lines

    def __contains__(self, impi: str) -> bool:
        return impi in self._by_impi

    def of(self, impi: str) -> list[Line]:
        """All lines of a user, a copy."""
        return list(self._by_impi.get(impi, ()))

    def line(self, subscriber: Subscriber, message: StoredSms) -> Line:
        """The line that a message belongs to, which may be a new one."""
        lane = lane_of(subscriber, message)
        lines = self._by_impi.setdefault(subscriber.impi, [])
        for line in lines:
            if line.lane == lane:
                return line
        line = Line(SmsQueue(subscriber.impi), subscriber, lane)
        lines.append(line)
        return line

    def forget(self, line: Line) -> None:
        """Nothing stands in a line any more."""
        lines = self._by_impi.get(line.subscriber.impi, [])
        if line in lines:
            lines.remove(line)
            if not lines:
                del self._by_impi[line.subscriber.impi]


def lane_of(subscriber: Subscriber, message: StoredSms) -> str:
    """What stands in one line: a user's messages, but for those that only some of its contacts can take.

    These are messages for emergency registrations, and those to an IMPU that belongs to one phone of a multi-SIM: while
    that phone is not there, the others get theirs.
    """
    if message.sos:
        return _SOS_LANE
    if subscriber.user.multi_sim and message.impu_key:
        for impu in subscriber.impus:
            if impu.key == message.impu_key and impu.config.imei:
                return message.impu_key
    return ""

"""The event `sms` of the remote API (manual 6.7): clients hear of each short message, and may keep it (sms_hook_only).

ipsmgw.py asks with each part that a phone or a softphone sends; user_control.py brings the listeners.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.sms.address import Address
from lteims.sms.text import Joiner, Message
from lteims.sms.userdata import UserData
from lteims.trace import ERROR, IMS, log


@dataclass(frozen=True, slots=True)
class SmsEvent:
    """A message that was received, for those who listen (manual 6.7, `sms`)."""

    sender: str
    receiver: str
    message: Message
    dcs: int


class SmsHook:
    """Those who listen."""

    def __init__(self, config: ImsConfig, wall: WallClock) -> None:
        self._config = config
        self._wall = wall
        self._joiner = Joiner()
        self.listeners: list[Callable[[SmsEvent], None]] = []

    def takes(self, sender: Address, receiver: str, part: UserData) -> bool:
        """Tell those who listen; True if the message is theirs alone (sms_hook_only)."""
        if not self.listeners:
            return False
        message = self._joiner.add((str(sender), receiver), part, self._wall())
        if message is not None:
            event = SmsEvent(str(sender), receiver, message, part.tp_dcs.octet)
            for listener in self.listeners:
                try:
                    listener(event)
                except Exception as error:  # a fault of ours: the sender is answered all the same
                    counters.inc("ims_internal_error")
                    log(IMS, ERROR, f"a listener to short messages failed: {error!r}")
        return self._config.sms_hook_only

"""One subscription to the reg event package (RFC 6665 4.2, RFC 3680 4): its dialog, its time, what is still to be told.

regevent.py makes and ends them and sends their NOTIFYs, one at a time, so that none can overtake another.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from lteims.ims.registration_state import TrackedContact, WatchedRegistration
from lteims.ims.subscribers import Binding
from lteims.net.sip_flow import Flow
from lteims.sip.dialog import Dialog
from lteims.sip.event import Event, SubscriptionState, SubscriptionStatus
from lteims.sip.message import Request
from lteims.sip.reginfo import MEDIA_TYPE, Reginfo

MAX_ENDED: Final = 32  # contacts that ended while a NOTIFY was under way; the oldest are not told any more


class Subscription:
    """One subscription. `binding` is the contact that it came from, None where the user subscribed from elsewhere."""

    __slots__ = (
        "_changed", "_ended", "_full", "binding", "busy", "dialog", "event", "expires_at", "flow", "over", "reason",
        "retry_after", "version", "watched",
    )  # fmt: skip

    def __init__(
        self, dialog: Dialog, event: Event, watched: WatchedRegistration, binding: Binding | None, flow: Flow
    ) -> None:
        self.dialog = dialog
        self.event = event
        self.watched = watched
        self.binding = binding
        self.flow = flow  # where the last SUBSCRIBE came from
        self.expires_at = 0.0  # by the loop's clock
        self.version = -1
        self.busy = False  # a NOTIFY waits for its answer
        self.reason = ""  # why it ended; the next NOTIFY is the last one and says so
        self.retry_after: int | None = None
        self.over = False  # the last NOTIFY has left, or one has failed
        self._full = True
        self._changed: set[str] = set()
        self._ended: deque[TrackedContact] = deque(maxlen=MAX_ENDED)

    @property
    def key(self) -> tuple[str, str]:
        """What finds it when a request comes inside its dialog: Call-ID and our tag."""
        return self.dialog.call_id, self.dialog.local_tag

    @property
    def own(self) -> str:
        """The id of the binding that it came from, "" where there is none."""
        return self.binding.id if self.binding is not None else ""

    @property
    def owes(self) -> bool:
        """Is there something to be told?"""
        return not self.over and (self._full or bool(self._changed) or bool(self.reason))

    def tell_all(self) -> None:
        """The next document has full state (RFC 3680 4.7): after every SUBSCRIBE, and in the end."""
        self._full = True

    def tell(self, changes: Iterable[TrackedContact]) -> None:
        """These contacts have changed."""
        for contact in changes:
            if not self.watched.shows(self.own, contact.binding):
                continue
            self._changed.add(contact.binding.id)
            if not contact.active:
                self._ended.append(contact)

    def take_document(self) -> Reginfo:
        """What is to be told; from then on it counts as told."""
        self.version += 1
        changed = None if self._full or len(self._changed) > MAX_ENDED else self._changed
        document = self.watched.document(self.version, own=self.own, changed=changed, ended=tuple(self._ended))
        self._full = False
        self._changed = set()
        self._ended.clear()
        return document

    def notify(self, now: float) -> Request:
        """The NOTIFY that tells it, with blanks for Via and Contact; headers in the order of TS 34.229-1 A.1.6."""
        request = self.dialog.request("NOTIFY")
        hops = request.headers.pop("max-forwards")
        if self.reason:
            state = SubscriptionState(
                SubscriptionStatus.TERMINATED, reason=self.reason, retry_after=self.retry_after
            )  # fmt: skip
        else:
            state = SubscriptionState(SubscriptionStatus.ACTIVE, max(0, round(self.expires_at - now)))
        request.headers["contact"] = [""]
        request.headers["event"] = [self.event.encode()]
        request.headers["subscription-state"] = [state.encode()]
        request.headers["content-type"] = [MEDIA_TYPE]
        request.headers["max-forwards"] = hops
        request.body = self.take_document().encode()
        self.over = bool(self.reason)
        return request

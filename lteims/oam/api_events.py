"""The events of the remote API (manual 6.7): who asked for which, and what they are told.

Nothing is kept for a client that does not read: api.py drops events then. Pure but for the call_later handed in.
"""

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

import msgspec

from lteims.ims.control import UserView
from lteims.ims.sms_hook import SmsEvent
from lteims.oam.api_protocol import encode
from lteims.oam.api_schema import EVENTS
from lteims.oam.api_views import user

GATHERED: Final = 0.1  # seconds in which changes of users are told as one event
_MOST_USERS: Final = 250  # of one event; there are more events then


class Listener(Protocol):
    """A client."""

    def tell(self, fields: Mapping[str, Any]) -> None:
        """Send an event."""


class Happenings(Protocol):
    """What happens in the server (ims/user_control.py)."""

    def on_user(self, callback: Callable[[str], None]) -> None:
        """Call with the IMPI of a user who has changed."""

    def on_invite(self, callback: Callable[[str], None]) -> None:
        """Call with the session_id of a call that waits for dialog_answer."""

    def listen_to_sms(self, callback: Callable[[SmsEvent], None]) -> None:
        """Call with each short message."""

    def leave_sms(self, callback: Callable[[SmsEvent], None]) -> None:
        """Call no more."""


class Events:
    """The subscriptions of all clients."""

    def __init__(
        self,
        happenings: Happenings,
        users: Callable[[Collection[str]], Sequence[UserView]],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        """`users` gives the views of users by their IMPIs."""
        self._happenings = happenings
        self._users = users
        self._call_later = call_later
        self._listeners: dict[str, dict[Listener, None]] = {event: {} for event in EVENTS}
        self._changed: dict[str, None] = {}
        self._sms = self._on_sms  # one object, so that it can be taken away again
        happenings.on_user(self.changed)
        happenings.on_invite(self._on_invite)

    def register(self, listener: Listener, add: Sequence[str], remove: Sequence[str]) -> None:
        """Take up and end subscriptions. ValueError for an event that is none; nothing changes then."""
        for event in (*add, *remove):
            if event not in EVENTS:
                raise ValueError(f"Unknown event: {event[:60]}; events are {', '.join(EVENTS)}")
        for event in add:
            self._listeners[event][listener] = None
        for event in remove:
            self._listeners[event].pop(listener, None)
        self._hook_sms()

    def drop(self, listener: Listener) -> None:
        """A client has gone."""
        for listeners in self._listeners.values():
            listeners.pop(listener, None)
        self._hook_sms()

    def changed(self, impi: str) -> None:
        """A user has changed: whoever wants to hear so is told soon, once for all changes until then."""
        if not self._listeners["users_update"]:
            return
        if not self._changed:
            self._call_later(GATHERED, self._tell_users)
        self._changed[impi] = None

    def _hook_sms(self) -> None:
        if self._listeners["sms"]:
            self._happenings.listen_to_sms(self._sms)
        else:
            self._happenings.leave_sms(self._sms)

    def _tell(self, event: str, fields: Mapping[str, Any]) -> None:
        for listener in list(self._listeners[event]):
            listener.tell({"message": event} | dict(fields))

    def _on_sms(self, event: SmsEvent) -> None:
        fields: dict[str, Any] = {"sender": event.sender, "destination": event.receiver}
        if event.message.text is not None:
            fields["text"] = event.message.text
        else:
            fields["binary"] = base64.b64encode(event.message.data).decode()
        self._tell("sms", fields | {"dcs": event.dcs})

    def _on_invite(self, session_id: str) -> None:
        self._tell("invite", {"session_id": session_id})

    def _tell_users(self) -> None:
        if not self._listeners["users_update"]:
            self._changed.clear()
            return
        impis = list(islice(self._changed, _MOST_USERS))
        for impi in impis:
            del self._changed[impi]
        shown = msgspec.Raw(encode([user(view) for view in self._users(impis)]))  # JSON once for all clients
        self._tell("users_update", {"users_update": shown})
        if self._changed:  # phones go before the rest
            self._call_later(0.01, self._tell_users)

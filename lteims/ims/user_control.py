"""What an operator can do with users (manual 6.6 user_set; 6.5 stats); the remote API calls.

It also passes on what happens to users, messages and calls to whoever listens (6.7).
"""

from collections.abc import Callable
from dataclasses import replace

from lteims.errors import OperatorError
from lteims.ims.calls import Calls
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.record import DialogRecord
from lteims.ims.session import Session
from lteims.ims.sms_hook import SmsEvent
from lteims.ims.subscribers import Binding, Subscriber, Subscribers


class UserControl:
    """The operator's verbs for the database of users. OperatorError says why one cannot be carried out."""

    def __init__(self, subscribers: Subscribers) -> None:
        self.listeners: list[Callable[[str], None]] = []  # called with the IMPI of a user whose options have changed
        self._subscribers = subscribers
        self._registered = {s.impi for s in subscribers if s.bindings}
        self.max_registered = len(self._registered)  # at a time, since the start
        subscribers.listeners.append(self._on_binding)

    def _on_binding(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        if subscriber.bindings:
            self._registered.add(subscriber.impi)
            self.max_registered = max(self.max_registered, len(self._registered))
        else:
            self._registered.discard(subscriber.impi)

    def counts(self) -> dict[str, int]:
        """How many there are, how many were registered at most, how many contacts there are now."""
        found = list(self._subscribers)
        bindings = sum(len(subscriber.bindings) for subscriber in found)
        return {"total": len(found), "max_registered": self.max_registered, "bindings": bindings}

    def set(self, impi: str, *, force_sms_over_sg: bool) -> None:
        """Change what can be changed of a user; a restart takes that back, as of impu_set and config_set."""
        subscriber = self._subscribers.by_impi(impi)
        if subscriber is None:
            raise OperatorError(f"there is no user with IMPI '{impi}'")
        subscriber.user = replace(subscriber.user, force_sms_over_sg=force_sms_over_sg)
        for listener in self.listeners:
            listener(subscriber.impi)


class Happenings:
    """What clients hear of; each callback is called in the event loop, at once."""

    def __init__(self, subscribers: Subscribers, calls: Calls, gateway: IpSmGw) -> None:
        self._subscribers = subscribers
        self._calls = calls
        self._gateway = gateway

    def on_user(self, callback: Callable[[str], None]) -> None:
        """Call with the IMPI of a user whose registration, calls or pending messages have changed."""

        def changed(subscriber: Subscriber, binding: Binding, event: str) -> None:
            callback(subscriber.impi)

        def called(session: Session) -> None:
            if session.caller.subscriber is not None:
                callback(session.caller.subscriber.impi)
            if session.destination is not None:
                callback(session.destination.subscriber.impi)

        self._subscribers.listeners.append(changed)
        self._calls.listeners.append(called)
        self._gateway.pending_listeners.append(callback)

    def on_invite(self, callback: Callable[[str], None]) -> None:
        """Call with the session_id of a call that waits for dialog_answer."""

        def waiting(record: DialogRecord) -> None:
            callback(record.id)

        self._calls.on_remote_control = waiting

    def listen_to_sms(self, callback: Callable[[SmsEvent], None]) -> None:
        """Call with each short message, until `leave_sms`: with sms_hook_only none is delivered meanwhile."""
        if callback not in self._gateway.listeners:
            self._gateway.listeners.append(callback)

    def leave_sms(self, callback: Callable[[SmsEvent], None]) -> None:
        """Call no more."""
        if callback in self._gateway.listeners:
            self._gateway.listeners.remove(callback)

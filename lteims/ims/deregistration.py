"""Network-initiated de-registration (TS 24.229 5.4.1.5): an operator ends a contact; control.py calls.

Its calls end first, then the contact; regevent.py hears of it like everybody else and tells the phone why.
"""

import asyncio
from typing import Final

from lteims.errors import OperatorError
from lteims.ims.call import MO
from lteims.ims.calls import Calls
from lteims.ims.identity import impu_uri
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.net import eager
from lteims.net.sip import SipStack
from lteims.sip.errors import SipError
from lteims.sip.reginfo import ContactEvent
from lteims.sip.uri import parse_uri
from lteims.store.state import StateStore, StoreError
from lteims.trace import ERROR, IMS, INFO, log

# deactivated: the phone registers again at once; probation: later; rejected: no more (RFC 3680 4.6.1)
EVENTS: Final = (ContactEvent.DEACTIVATED, ContactEvent.PROBATION, ContactEvent.REJECTED)


class Deregistration:
    """Ends contacts on an operator's word."""

    def __init__(self, stack: SipStack, subscribers: Subscribers, calls: Calls, store: StateStore) -> None:
        self._stack = stack
        self._subscribers = subscribers
        self._calls = calls
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()

    def unregister(self, uri: str, event: str = ContactEvent.DEACTIVATED) -> list[str]:
        """End the contact with this URI, or all contacts of the user with this IMPU or IMPI (manual 6.6 unregister).

        The URIs of the contacts that ended. OperatorError where there is none; an emergency registration ends by its
        URI alone (TS 24.229 5.4.8).
        """
        if event not in EVENTS:
            raise OperatorError(f"'{event}' is none of {', '.join(EVENTS)}")
        found = self._contacts(uri)
        if not found:
            raise OperatorError(f"there is no contact '{uri}', and no registered user of that name")
        for subscriber, binding in found:
            self.deregister(subscriber, binding, event)
        task = eager.start(self._stack.loop, self._commit())
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return [binding.contact for _, binding in found]

    def deregister(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        """End one contact and what depends on it; durable with the store's next commit."""
        log(IMS, INFO, f"{subscriber.impi} is de-registered by the network: {event}", id=binding.id)
        for session in list(self._calls):
            bindings = (
                session.caller.binding if leg.side == MO else leg.branch.binding
                for leg in session.legs
                if leg.side == MO or leg.dialog.confirmed  # one that only rings may ring on elsewhere
            )
            if any(used is not None and used.id == binding.id for used in bindings):
                self._calls.stop(session, "the network has de-registered a phone of it")
        self._subscribers.unbind(subscriber, binding, event)

    def contacts(self) -> list[str]:
        """The URI of every contact."""
        return [binding.contact for subscriber in self._subscribers for binding in subscriber.bindings]

    def _contacts(self, uri: str) -> list[tuple[Subscriber, Binding]]:
        found = [(s, b) for s in self._subscribers for b in s.bindings if b.contact == uri]
        if found:
            return found
        try:
            by_impu = self._subscribers.by_impu(parse_uri(impu_uri(uri, self._subscribers.domain)))
        except SipError:
            by_impu = None
        subscriber = by_impu[0] if by_impu is not None else self._subscribers.by_impi(uri)
        if subscriber is None:
            return []
        return [(subscriber, b) for b in subscriber.bindings if not b.sos]

    async def _commit(self) -> None:
        try:
            await self._store.commit()
        except StoreError as error:
            log(IMS, ERROR, f"unregister: {error}")

"""The S-CSCF as notifier of registration state (TS 24.229 5.4.2.1, RFC 3680, RFC 6665 4.2): SUBSCRIBE in, NOTIFY out.

pcscf.py hands SUBSCRIBEs in; Subscribers tells every change. Subscriptions live in memory alone: after a restart a
refresh gets 481, and the phone subscribes anew (RFC 6665 4.1.2.2).
"""

from functools import partial
from typing import Final

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImsConfig
from lteims.ims.caller import Caller
from lteims.ims.outbound import way_to
from lteims.ims.registration_state import MOVED, REGISTERED, WatchedRegistration
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.ims.subscription import Subscription
from lteims.net.sip import SipStack
from lteims.net.sip_flow import Flow
from lteims.net.sip_transaction import ServerTransaction
from lteims.net.timers import Handle
from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.event import REG, Event, TerminationReason
from lteims.sip.message import Request, Response, copy_headers
from lteims.sip.reginfo import MEDIA_TYPE, ContactEvent
from lteims.trace import IMS, INFO, log

DEFAULT_EXPIRES: Final = 3761  # seconds, where a SUBSCRIBE has no Expires (RFC 3680 4.3)
MAX_EXPIRES: Final = 864_000  # seconds, as subscribe_expires
MIN_EXPIRES: Final = 60  # seconds; less is answered 423, unless subscribe_expires itself is less
MAX_OF_CONTACT: Final = 8  # subscriptions from one contact; the oldest makes room for one more
MAX_SUBSCRIPTIONS: Final = 65536
GATHER: Final = 0.02  # seconds: what changes together is told together, and after the answer that it came with
PROBATION: Final = 60  # seconds that a contact put on probation stays away

# Why a subscription ends with its contact (RFC 6665 4.1.3), by what became of the contact.
_REASONS: Final = {
    ContactEvent.DEACTIVATED: TerminationReason.DEACTIVATED,
    ContactEvent.PROBATION: TerminationReason.PROBATION,
    ContactEvent.REJECTED: TerminationReason.REJECTED,
}


class RegEvent:
    """All subscriptions to the registration state of users."""

    def __init__(self, config: ImsConfig, stack: SipStack, subscribers: Subscribers, wall: WallClock) -> None:
        self._config = config
        self._stack = stack
        self._subscribers = subscribers
        self._wall = wall
        self._by_dialog: dict[tuple[str, str], Subscription] = {}
        self._by_impi: dict[str, list[Subscription]] = {}  # oldest first
        self._watched: dict[str, WatchedRegistration] = {}
        self._timers: dict[tuple[str, str], tuple[Handle, float]] = {}
        self._due: dict[Subscription, None] = {}
        self._gathering = False
        subscribers.listeners.append(self._on_binding)

    def __len__(self) -> int:
        return len(self._by_dialog)

    # -- SUBSCRIBE
    @staticmethod
    def check(request: Request) -> None:
        """What needs no knowledge of the sender (RFC 6665 4.2.1.1): SipError 489 or 406."""
        event = Event.parse(request.get("event")) if request.get("event") else None
        if event is None or event.package != REG:
            name = event.package[:40] if event is not None else "none"
            raise SipError(489, f"SUBSCRIBE for the event {name}", {"allow-events": REG})
        accepted = [kind.partition(";")[0].strip() for kind in request.tokens("accept")]
        if accepted and not {MEDIA_TYPE, "application/*", "*/*"} & set(accepted):
            raise SipError(406, f"SUBSCRIBE that does not accept {MEDIA_TYPE}", {"accept": MEDIA_TYPE})

    def on_subscribe(self, transaction: ServerTransaction, caller: Caller) -> None:
        """A SUBSCRIBE outside any dialog (TS 24.229 5.4.2.1.1). SipError is the refusal."""
        request = transaction.request
        subscriber = self._authorised(request, caller)
        expires = self._expires(request)
        if expires and len(self._by_dialog) >= MAX_SUBSCRIPTIONS:
            raise SipError(503, f"{MAX_SUBSCRIPTIONS} subscriptions", {"retry-after": "60"})
        watched = self._watched.get(subscriber.impi) or WatchedRegistration(subscriber, self._wall)
        dialog = Dialog.of_request(request, transaction.to_tag)
        event = Event(REG, Event.parse(request.get("event")).id)
        binding = caller.binding if caller.binding is not None and not caller.binding.sos else None
        subscription = Subscription(dialog, event, watched, binding, transaction.flow)
        if expires:
            self._adopt(subscription)
        counters.inc("ims_subscription")
        log(IMS, INFO, f"{subscriber.impi} subscribes to its registration for {expires} s", id=subscription.own or "-")
        self._accept(subscription, transaction, expires)

    def _authorised(self, request: Request, caller: Caller) -> Subscriber:
        """Whose registration is asked for: the sender's own, by any of its identities."""
        uri = request.uri
        if uri.is_sip and not uri.user and self._subscribers.is_local(uri.host):
            uri = request.to.uri  # to the server, for whom it is in To
        found = self._subscribers.by_impu(uri)
        if found is None:
            raise SipError(404, f"nobody is {uri}")
        if caller.subscriber is not found[0]:
            raise SipError(403, f"{caller.name} asks for the registration of {found[0].impi}")
        if all(binding.sos for binding in caller.subscriber.bindings):
            raise SipError(480, f"{caller.name} has no registration but for emergencies")
        return found[0]

    def _expires(self, request: Request) -> int:
        """What is granted: never more than is asked for (RFC 6665 4.2.1.1); 423 if that is too brief."""
        most = self._config.subscribe_expires or MAX_EXPIRES
        wanted = request.number("expires")
        if wanted is None:
            wanted = DEFAULT_EXPIRES
        least = min(MIN_EXPIRES, most)
        if 0 < wanted < least:
            raise SipError(423, f"{wanted} s are too brief", {"min-expires": str(least)})
        return min(wanted, most)

    def on_dialog_request(self, transaction: ServerTransaction) -> None:
        """A SUBSCRIBE inside a dialog: refreshed or ended. SipError 481 when there is no such subscription."""
        request = transaction.request
        self.check(request)
        subscription = self._by_dialog.get((request.call_id, request.to.tag))
        if subscription is not None and self._stack.is_stranger(subscription.flow, transaction.flow):
            subscription = None
        if subscription is None or not Event.parse(request.get("event")).matches(subscription.event):
            raise SipError(481, f"no subscription to {request.get('event')[:40]} in this dialog")
        subscription.dialog.accept(request)
        expires = self._expires(request)
        subscription.dialog.refresh_target(request)
        subscription.flow = transaction.flow
        self._accept(subscription, transaction, expires)

    def _accept(self, subscription: Subscription, transaction: ServerTransaction, expires: int) -> None:
        """200, and at once a NOTIFY with full state (RFC 6665 4.2.1.2)."""
        subscription.expires_at = self._stack.loop.time() + expires
        subscription.tell_all()
        response = transaction.make(200)
        response.headers |= copy_headers(transaction.request, ("record-route",))
        endpoint = self._stack.endpoints[transaction.flow.local]
        response.headers["contact"] = [endpoint.contact("", transaction.flow.transport)]
        response.headers["expires"] = [str(expires)]
        transaction.respond(response)
        if expires:
            self._watch(subscription)
        else:
            self._end(subscription, TerminationReason.TIMEOUT)
        self._notify(subscription)

    # -- the register
    def _adopt(self, subscription: Subscription) -> None:
        impi = subscription.watched.subscriber.impi
        of_user = self._by_impi.setdefault(impi, [])
        of_contact = [each for each in of_user if each.own == subscription.own]
        if len(of_contact) >= MAX_OF_CONTACT:
            of_contact[0].tell_all()
            self._end(of_contact[0], TerminationReason.GIVEUP)
            self._later(of_contact[0])
            of_user = self._by_impi.setdefault(impi, [])
        of_user.append(subscription)
        self._by_dialog[subscription.key] = subscription
        self._watched[impi] = subscription.watched

    def _end(self, subscription: Subscription, reason: str) -> None:
        """No request finds it any more; its last NOTIFY is still to be sent."""
        if not subscription.reason:
            subscription.reason = reason
        self._forget(subscription)

    def _forget(self, subscription: Subscription) -> None:
        if self._by_dialog.get(subscription.key) is not subscription:
            return
        del self._by_dialog[subscription.key]
        timer = self._timers.pop(subscription.key, None)
        if timer is not None:
            self._stack.wheel.cancel(timer[0])
        impi = subscription.watched.subscriber.impi
        self._by_impi[impi].remove(subscription)
        if not self._by_impi[impi]:
            del self._by_impi[impi], self._watched[impi]

    def _watch(self, subscription: Subscription) -> None:
        """See to it that its end is noticed; a timer that is too early is left alone, as in Subscribers."""
        key, at = subscription.key, subscription.expires_at
        known = self._timers.get(key)
        if known is not None:
            if known[1] <= at:
                return
            self._stack.wheel.cancel(known[0])
        delay = max(0.0, at - self._stack.loop.time())
        self._timers[key] = self._stack.wheel.add(delay, self._expired, subscription), at

    def _expired(self, subscription: Subscription) -> None:
        self._timers.pop(subscription.key, None)
        if subscription.expires_at > self._stack.loop.time():
            self._watch(subscription)
            return
        subscription.tell_all()
        self._end(subscription, TerminationReason.TIMEOUT)
        self._notify(subscription)

    # -- what happens
    def _on_binding(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        """subscribers.BindingListener."""
        watched = self._watched.get(subscriber.impi)
        if watched is None:
            return
        if event == MOVED:
            self._moved(watched, binding)
            return
        changes = watched.apply(binding, event)
        if not changes:
            return
        for subscription in list(self._by_impi[subscriber.impi]):
            subscription.tell(changes)
            if subscription.own == binding.id:
                subscription.binding = binding
            if event not in REGISTERED and (subscription.own == binding.id or not watched.contacts):
                # TS 24.229 5.4.2.1.2: as if its phone had ended it, after the NOTIFY that tells so
                how = changes[-1].event
                subscription.retry_after = PROBATION if how is ContactEvent.PROBATION else None
                self._end(subscription, _REASONS.get(how, TerminationReason.NORESOURCE))
            if subscription.owes:
                self._later(subscription)

    def _moved(self, watched: WatchedRegistration, binding: Binding) -> None:
        """The subscriptions of a phone that another server has go with it (TS 29.228 6.1.3)."""
        watched.contacts.pop(binding.id, None)
        for subscription in list(self._by_impi[watched.subscriber.impi]):
            if subscription.own == binding.id or not watched.contacts:
                subscription.over = True
                self._forget(subscription)

    # -- NOTIFY
    def _later(self, subscription: Subscription) -> None:
        self._due[subscription] = None
        if not self._gathering:
            self._gathering = True
            self._stack.wheel.add(GATHER, self._flush)

    def _flush(self) -> None:
        self._gathering = False
        due, self._due = self._due, {}
        for subscription in due:
            self._notify(subscription)

    def _notify(self, subscription: Subscription) -> None:
        """Tell what is owed, unless a NOTIFY is under way: its answer comes back here."""
        if subscription.busy or not subscription.owes:
            return
        try:
            request = subscription.notify(self._stack.loop.time())
            flow, routes = self._way(subscription)
        except SipError as error:  # a route set or path that reads otherwise than when it came
            self._failed(subscription, error.code, error.why)
            return
        if routes and "route" not in request.headers:
            request.headers["route"] = routes
        subscription.busy = True
        self._stack.send_request(
            request, flow, partial(self._answered, subscription), partial(self._failed, subscription), contact_user=""
        )

    def _way(self, subscription: Subscription) -> tuple[Flow, list[str]]:
        """The way of the contact, which may be bound no more; that of the last SUBSCRIBE where there is none."""
        binding = subscription.binding
        if binding is None:
            return subscription.flow, []
        subscriber = subscription.watched.subscriber
        way = way_to(subscriber, binding, self._stack.connected(binding.flow))
        return way.flow, list(way.routes)

    def _answered(self, subscription: Subscription, response: Response) -> None:
        if response.code < 200:
            return
        if response.code >= 300:
            self._failed(subscription, response.code, response.reason)
            return
        subscription.dialog.refresh_target(response)  # as of any target refresh request (RFC 6665 4.4.1)
        subscription.busy = False
        self._notify(subscription)

    def _failed(self, subscription: Subscription, code: int, why: str) -> None:
        """RFC 6665 4.2.2: who does not take a NOTIFY is no subscriber any more; the registration stands."""
        counters.inc("ims_notify_failed")
        name = subscription.watched.subscriber.impi
        log(IMS, INFO, f"{name} does not take a NOTIFY: {code} {why}; its subscription is dropped")
        subscription.over = True
        self._forget(subscription)

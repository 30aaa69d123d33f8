"""The I-CSCF's question (TS 23.228 4.6.2, TS 24.229 5.3.2): whom does this Request-URI mean?

pcscf.py asks for every request outside a dialog; the answer is one of a few values that `match` tells apart.
"""

from dataclasses import dataclass

from lteims.config import ImpuConfig, ImsConfig
from lteims.ims.identity import candidate_keys
from lteims.ims.subscribers import Binding, Impu, Subscriber, Subscribers, read_impu
from lteims.sip.uri import Uri


@dataclass(frozen=True, slots=True)
class Echo:
    """The echo service under one of its numbers."""

    uri: Uri
    config: ImpuConfig


@dataclass(frozen=True, slots=True)
class Registered:
    """A user with contacts, best first (RFC 3261 16.6: by q)."""

    subscriber: Subscriber
    impu: Impu
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Unregistered:
    """A user without a contact: 480."""

    subscriber: Subscriber
    impu: Impu


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody: 404."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server itself."""


Destination = Echo | Registered | Unregistered | Unknown | Server


class Locator:
    """Finds destinations."""

    def __init__(self, config: ImsConfig, subscribers: Subscribers) -> None:
        self._subscribers = subscribers
        self._echo: dict[str, Echo] = {}
        for echo in config.echo:
            impu = read_impu(echo, echo.domain or config.domain)
            if impu is not None:
                self._echo.setdefault(impu.key, Echo(impu.uri, echo))

    def route(self, uri: Uri, caller_binding: Binding | None = None) -> Destination:
        """Whom a Request-URI means. A caller does not reach its own phone by its own IMPU (multi_sim)."""
        subscribers = self._subscribers
        for key in candidate_keys(uri, subscribers.domain, subscribers.local_hosts):
            echo = self._echo.get(key)
            if echo is not None:
                return echo
        found = subscribers.by_impu(uri)
        if found is None:
            if uri.is_sip and not uri.user and subscribers.is_local(uri.host):
                return Server()
            return Unknown()
        subscriber, impu = found
        bindings = [b for b in subscriber.bindings if b is not caller_binding and subscriber.carries(b, impu)]
        if not bindings:
            return Unregistered(subscriber, impu)
        bindings.sort(key=lambda b: (b.sos, -b.q, -b.expires_at))  # an emergency contact is the last resort
        return Registered(subscriber, impu, tuple(bindings))

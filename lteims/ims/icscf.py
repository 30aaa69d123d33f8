"""The I-CSCF's question (TS 23.228 4.6.2, TS 24.229 5.3.2): whom does this Request-URI mean?

pcscf.py asks for every request outside a dialog; the answer is one of a few values that `match` tells apart. Which
of a user's contacts are called, and in which order, is in preferences.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lteims.config import ImpuConfig, ImsConfig
from lteims.ims.identity import asks_for_help, candidate_keys
from lteims.ims.subscribers import Binding, Impu, Subscriber, Subscribers, read_impu
from lteims.sip.uri import Uri


@dataclass(frozen=True, slots=True)
class Echo:
    """The echo service under one of its numbers."""

    uri: Uri
    config: ImpuConfig


@dataclass(frozen=True, slots=True)
class Registered:
    """A user with contacts, best first (RFC 3261 16.6: by q). Emergency contacts only where there are no others."""

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
        for options in config.echo:
            impu = read_impu(options, options.domain or config.domain)
            if impu is not None:
                self._echo.setdefault(impu.key, Echo(impu.uri, options))

    # -- the options of IMPUs
    def options(self, uri: Uri) -> ImpuConfig | None:
        """The options of an IMPU, the echo's or a user's, registered or not; None where it is nobody's."""
        match self.route(uri):
            case Echo(config=config):
                return config
            case Registered(impu=impu) | Unregistered(impu=impu):
                return impu.config
        return None

    def on_edit(self, listener: Callable[[], None]) -> None:
        """Call a function whenever users come or options of an IMPU change."""
        self._subscribers.edit_listeners.append(listener)

    def all_options(self) -> Iterator[ImpuConfig]:
        """The options of every IMPU."""
        for echo in self._echo.values():
            yield echo.config
        for subscriber in self._subscribers:
            for impu in subscriber.impus:
                yield impu.config

    def set_options(self, uri: Uri, change: Callable[[ImpuConfig], ImpuConfig]) -> int:
        """Give an IMPU other options, the echo's and a user's; how many entries it has. What `change` raises leaves
        everything as it was."""
        echo = self.route(uri)
        config = change(echo.config) if isinstance(echo, Echo) else None
        users = self._subscribers.set_options(uri, change)
        if isinstance(echo, Echo) and config is not None:
            changed = Echo(echo.uri, config)
            self._echo = {key: changed if old is echo else old for key, old in self._echo.items()}
        self._subscribers.edited()
        return users + (config is not None)

    # -- where to
    def route(self, uri: Uri, caller_binding: Binding | None = None, sos: bool | None = None) -> Destination:
        """Whom a Request-URI means. A caller does not reach its own phone by its own IMPU (multi_sim).

        `sos`: True for emergency contacts alone, False for all but them, None for them as a last resort
        (TS 24.229 5.4.8: an emergency registration is there for the emergency call and the call back).
        """
        found = self._find(uri)
        if isinstance(found, Echo):
            return found
        if found is None:
            if uri.is_sip and not uri.user and self._subscribers.is_local(uri.host):
                return Server()
            return Unknown()
        subscriber, impu = found
        bindings = [b for b in subscriber.bindings if b is not caller_binding and subscriber.carries(b, impu)]
        bindings = _by_kind(bindings, sos)
        if not bindings:
            return Unregistered(subscriber, impu)
        bindings.sort(key=lambda b: (-b.q, -b.expires_at))
        return Registered(subscriber, impu, tuple(bindings))

    def _find(self, uri: Uri) -> Echo | tuple[Subscriber, Impu] | None:
        """An echo number comes first; of service URNs the longest known one, whoever has it (RFC 5031 4.1)."""
        subscribers = self._subscribers
        service = uri.scheme == "urn"
        for key in candidate_keys(uri, subscribers.domain, subscribers.local_hosts):
            echo = self._echo.get(key)
            if echo is not None:
                return echo
            found = subscribers.by_key(key) if service else None
            if found is not None:
                return found
        return None if service else subscribers.by_impu(uri)

    def asks_for_help(self, uri: Uri) -> bool:
        """Is this urn:service:sos, a child of it, or a number that every phone knows for it?"""
        return asks_for_help(uri, self._subscribers.local_hosts)

    def is_emergency(self, uri: Uri) -> bool:
        """Is this a call for help: `asks_for_help`, or a number that everybody may call (`anonymous`)?"""
        if self.asks_for_help(uri):
            return True
        found = self._find(uri)
        config = found.config if isinstance(found, Echo) else found[1].config if found is not None else None
        return config is not None and config.anonymous


def _by_kind(bindings: list[Binding], sos: bool | None) -> list[Binding]:
    """The emergency contacts, the others, or the others before the emergency contacts."""
    if not any(b.sos for b in bindings):
        return [] if sos else bindings
    if sos is not None:
        return [b for b in bindings if b.sos == sos]
    return [b for b in bindings if not b.sos] or bindings

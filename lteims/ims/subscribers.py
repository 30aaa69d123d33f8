"""Subscribers and their bindings: ue_db in memory, found by IMPI or by any form of an IMPU (TS 23.228 4.3).

`bind()` and `unbind()` are the only places where registrations change; they write the state file and tell the
listeners (reg-event, users_update). Called by scscf.py, icscf.py, pcscf.py and control.py.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lteims import counters
from lteims.clock import WallClock
from lteims.config import ImpuConfig, UserConfig
from lteims.ims.binding import Binding as Binding  # who works with subscribers has both words from here
from lteims.ims.binding import BindingError
from lteims.ims.identity import candidate_keys, derived_impi, derived_impu, impu_uri, is_address, key_of
from lteims.ims.wildcard import covers, is_wildcard
from lteims.net.timers import Handle, TimerWheel
from lteims.sip.errors import SipError
from lteims.sip.headers import NameAddr
from lteims.sip.uri import Uri, parse_uri
from lteims.store.state import StateStore
from lteims.trace import IMS, INFO, WARN, log

KIND: Final = "binding"  # in the state file
_EARLY: Final = 0.05  # seconds: the wheel's clock and the wall's need not agree


@dataclass(frozen=True, slots=True)
class Impu:
    """A public identity: its full URI, the key that it is filed under, its options, how headers show it."""

    uri: Uri
    key: str
    config: ImpuConfig
    shown: str  # name-addr with the display name

    def with_options(self, config: ImpuConfig) -> "Impu":
        """The same identity with other options."""
        return Impu(self.uri, self.key, config, NameAddr(self.uri, config.display_name).encode())


def read_impu(config: ImpuConfig, domain: str) -> Impu | None:
    """A public identity as the configuration has it; None, with a warning, if it is no URI after all."""
    try:
        uri = parse_uri(impu_uri(config.impu, domain))
    except SipError as error:
        log(IMS, WARN, f"IMPU {config.impu!r} is left out: {error}")
        return None
    return Impu(uri, key_of(uri), config, NameAddr(uri, config.display_name).encode())


class Subscriber:
    """One entry of ue_db, or one user of an external HSS, with what is registered."""

    __slots__ = ("bindings", "domain", "external", "impi", "impus", "user")

    def __init__(self, user: UserConfig, domain: str, external: bool = False) -> None:
        """`external`: an HSS has this user, not ue_db."""
        self.user = user
        self.external = external
        self.domain = user.domain or domain
        self.impi = user.impi or derived_impi(user.imsi or user.nai, self.domain)
        self.impus: list[Impu] = []
        self.bindings: list[Binding] = []
        configs = user.impu or (ImpuConfig(impu=derived_impu(user.imsi or user.nai, self.domain)),)
        for config in configs:
            impu = read_impu(config, config.domain or self.domain)
            if impu is not None:
                self.impus.append(impu)

    def impu(self, key: str) -> Impu | None:
        """The IMPU with this key."""
        return next((impu for impu in self.impus if impu.key == key), None)

    def registered_impus(self, binding: Binding) -> list[Impu]:
        """The registration set of a binding (TS 23.228 5.2.1a): preferred ones first, as P-Associated-URI has them.

        An IMPU with `associated: false` counts only if it was registered by name, one with an IMEI only for it.
        """
        chosen = [
            impu
            for impu in self.impus
            if (impu.config.associated or impu.key == binding.impu_key)
            and (not impu.config.imei or self.carries(binding, impu))
        ]
        if any(impu.config.preferred for impu in chosen):
            chosen.sort(key=lambda impu: not impu.config.preferred)
        return chosen

    def carries(self, binding: Binding, impu: Impu) -> bool:
        """May this phone use this IMPU? With multi_sim one with an IMEI is that phone's alone."""
        return not (impu.config.imei and self.user.multi_sim) or same_imei(impu.config.imei, binding.imei)


def same_imei(a: str, b: str) -> bool:
    """Do two IMEIs name one device? The check digit or software version behind 14 digits does not count."""
    digits_a, digits_b = a.replace("-", "")[:14], b.replace("-", "")[:14]
    return bool(digits_a) and digits_a == digits_b


def _gives_way(owner: Subscriber, other: Subscriber) -> bool:
    """Does an IMPU go over to another user? The HSS may give one to several, and move it from one to the next."""
    return owner.external and other.external and not owner.bindings and owner is not other


BindingListener = Callable[[Subscriber, Binding, str], None]


class Subscribers:
    """All subscribers and bindings."""

    def __init__(self, domain: str, store: StateStore, wheel: TimerWheel, wall: WallClock) -> None:
        self.domain = domain
        self.local_hosts: frozenset[str] = frozenset()
        self.listeners: list[BindingListener] = []  # called with "registered", "refreshed", "expired", ...
        self.edit_listeners: list[Callable[[], None]] = []  # called when users came or options of an IMPU changed
        self.external_listeners: list[Callable[[], None]] = []  # called when users of an external HSS came or went
        self._store = store
        self._wheel = wheel
        self._wall = wall
        self._by_impi: dict[str, Subscriber] = {}
        self._by_user: dict[str, Subscriber | None] = {}  # None: two IMPIs share this user part
        self._by_key: dict[str, tuple[Subscriber, Impu]] = {}
        self._by_name: dict[str, tuple[Subscriber, Impu] | None] = {}  # number or user part; None: of two subscribers
        self._wildcards: list[tuple[Subscriber, Impu]] = []
        self._timers: dict[str, tuple[Handle, float]] = {}  # by binding id
        self._count = 0

    def __iter__(self) -> Iterator[Subscriber]:
        return iter(self._by_impi.values())

    def add(self, users: Iterable[UserConfig]) -> None:
        """Take over entries of ue_db; of two with one IMPI or IMPU the later is left out, with a warning."""
        for user in users:
            subscriber = Subscriber(user, self.domain)
            if not subscriber.impus:
                log(IMS, WARN, f"ue_db: {subscriber.impi} has no IMPU, so it is ignored")
                continue
            if subscriber.impi in self._by_impi:
                log(IMS, WARN, f"ue_db: IMPI {subscriber.impi} is there twice; the later entry is ignored")
                continue
            self._by_impi[subscriber.impi] = subscriber
            bare = subscriber.impi.partition("@")[0]
            self._by_user[bare] = None if bare in self._by_user else subscriber
            for impu in subscriber.impus:
                self._file(subscriber, impu)
        self.edited()

    def adopt(self, subscriber: Subscriber) -> None:
        """Let a user of an external HSS be found; what ue_db's users have stays theirs."""
        self._by_impi[subscriber.impi] = subscriber
        bare = subscriber.impi.partition("@")[0]
        self._by_user[bare] = None if self._by_user.get(bare, subscriber) is not subscriber else subscriber
        for impu in subscriber.impus:
            self._file(subscriber, impu)
        self._external_changed()

    def dismiss(self, subscriber: Subscriber) -> None:
        """Forget a user of an external HSS who has no contact any more."""
        self._by_impi.pop(subscriber.impi, None)
        bare = subscriber.impi.partition("@")[0]
        if self._by_user.get(bare) is subscriber:
            del self._by_user[bare]
        self._unfile(subscriber)
        self._external_changed()

    def change_impus(self, subscriber: Subscriber, impus: list[Impu]) -> None:
        """Give a user of an external HSS other IMPUs; its phones hear of them as of a refresh."""
        self._unfile(subscriber)
        subscriber.impus = impus
        for impu in impus:
            self._file(subscriber, impu)
        self._external_changed()
        for binding in subscriber.bindings:
            self._tell(subscriber, binding, "refreshed")

    def _unfile(self, subscriber: Subscriber) -> None:
        """Let none of a user's IMPUs be found; a name that two users shared stays without an owner."""
        for impu in subscriber.impus:
            if impu.key in self._by_key and self._by_key[impu.key][0] is subscriber:
                del self._by_key[impu.key]
            name = impu.uri.number or impu.uri.user
            named = self._by_name.get(name)
            if named is not None and named[0] is subscriber:
                del self._by_name[name]
            if is_wildcard(impu.uri):
                self._wildcards = [entry for entry in self._wildcards if entry[0] is not subscriber]

    def _external_changed(self) -> None:
        for listener in self.external_listeners:
            listener()

    def _file(self, subscriber: Subscriber, impu: Impu) -> None:
        """Let an IMPU be found."""
        owner = self._by_key.get(impu.key)
        if owner is None or _gives_way(owner[0], subscriber):
            self._by_key[impu.key] = (subscriber, impu)
        elif owner[0] is not subscriber:
            log(IMS, WARN, f"{subscriber.impi}: IMPU {impu.uri} belongs to {owner[0].impi} already")
        if is_wildcard(impu.uri):
            self._wildcards.append((subscriber, impu))
        name = impu.uri.number or impu.uri.user
        known = self._by_name.setdefault(name, (subscriber, impu))
        if known is not None and known[0] is not subscriber:
            self._by_name[name] = (subscriber, impu) if _gives_way(known[0], subscriber) else None

    def claim(self, subscriber: Subscriber) -> None:
        """Let the IMPUs be found that a user of an external HSS shares with one who has no contact any more."""
        for impu in subscriber.impus:
            owner = self._by_key.get(impu.key)
            if owner is not None and owner[0] is not subscriber and _gives_way(owner[0], subscriber):
                self._file(subscriber, impu)

    def add_impu(self, subscriber: Subscriber, impu: Impu) -> None:
        """Give a user one more IMPU, that nobody has yet; its phones hear of it as of a refresh."""
        subscriber.impus = [*subscriber.impus, impu]
        self._file(subscriber, impu)
        self._changed(subscriber)

    def remove_impu(self, subscriber: Subscriber, key: str) -> None:
        """Take an IMPU away from a user who has others; contacts that were registered by it are ended before."""
        gone = [impu for impu in subscriber.impus if impu.key == key]
        subscriber.impus = [impu for impu in subscriber.impus if impu.key != key]
        self._by_key.pop(key, None)
        self._wildcards = [
            (owner, impu) for owner, impu in self._wildcards if owner is not subscriber or impu.key != key
        ]
        names = {impu.uri.number or impu.uri.user for impu in gone}
        for name in names:
            self._by_name.pop(name, None)
        for other in self:
            for impu in other.impus:
                if impu.key == key:  # ue_db gave it to two users: it is the other's now
                    self._by_key.setdefault(key, (other, impu))
                name = impu.uri.number or impu.uri.user
                if name in names:
                    known = self._by_name.setdefault(name, (other, impu))
                    if known is not None and known[0] is not other:
                        self._by_name[name] = None
        self._changed(subscriber)

    def _changed(self, subscriber: Subscriber) -> None:
        self.edited()
        for binding in subscriber.bindings:
            self._tell(subscriber, binding, "refreshed")

    def edited(self) -> None:
        """Tell those who keep something of the users' options."""
        for listener in self.edit_listeners:
            listener()

    def set_options(self, uri: Uri, change: Callable[[ImpuConfig], ImpuConfig]) -> int:
        """Give a user's IMPU other options; how many entries it has (one for each IMEI with multi_sim)."""
        found = self.by_impu(uri)
        if found is None:
            return 0
        subscriber, known = found
        changed = {id(old): old.with_options(change(old.config)) for old in subscriber.impus if old.key == known.key}
        subscriber.impus = [changed.get(id(impu), impu) for impu in subscriber.impus]
        filed = self._by_key[known.key][1]
        if id(filed) in changed:
            self._by_key[known.key] = (subscriber, changed[id(filed)])
        self._wildcards = [(owner, changed.get(id(impu), impu)) for owner, impu in self._wildcards]
        name = known.uri.number or known.uri.user
        named = self._by_name.get(name)
        if named is not None and id(named[1]) in changed:
            self._by_name[name] = (subscriber, changed[id(named[1])])
        return len(changed)

    # -- finding
    def by_impi(self, username: str) -> Subscriber | None:
        """By the username of credentials, with or without its domain."""
        found = self._by_impi.get(username)
        if found is None:
            found = self._by_user.get(username.partition("@")[0])
            if found is not None and "@" in username and "@" in found.impi:
                return None  # both have a domain, and they differ
        return found

    def by_impu(self, uri: Uri) -> tuple[Subscriber, Impu] | None:
        """By any form of a public identity."""
        found = self._by_key.get(key_of(uri))
        if found is not None:
            return found
        for key in candidate_keys(uri, self.domain, self.local_hosts):
            found = self._by_key.get(key)
            if found is not None:
                return found
        if uri.scheme == "tel" or (uri.host in self.local_hosts and is_address(uri.host)):
            named = self._by_name.get(uri.number or uri.user)  # a number, or a user at our address, has no domain
            if named is not None:
                return named
        for subscriber, impu in self._wildcards:  # what is provisioned by itself goes first (TS 23.003 13.4A)
            if covers(impu.uri, uri, self.local_hosts):
                return subscriber, Impu(uri, impu.key, impu.config, NameAddr(uri, impu.config.display_name).encode())
        return None

    def by_key(self, key: str) -> tuple[Subscriber, Impu] | None:
        """By the key of an IMPU (identity.key_of), in no other form."""
        return self._by_key.get(key)

    def is_local(self, host: str) -> bool:
        """Is a host our domain, a user's domain or one of our addresses?"""
        return host in self.local_hosts

    # -- changing
    def new_binding_id(self) -> str:
        """The next id for the IMS column of the log."""
        self._count += 1
        return f"{self._count:04x}"

    def bind(self, subscriber: Subscriber, binding: Binding) -> None:
        """Register or refresh a contact; durable when `store.commit()` returns."""
        known = any(b.id == binding.id for b in subscriber.bindings)
        if known:
            subscriber.bindings = [binding if b.id == binding.id else b for b in subscriber.bindings]
        else:
            subscriber.bindings = [*subscriber.bindings, binding]
        self._store.put(KIND, f"{subscriber.impi} {binding.id}", binding.encode())
        self._watch(subscriber, binding)
        self._tell(subscriber, binding, "refreshed" if known else "registered")

    def unbind(self, subscriber: Subscriber, binding: Binding, why: str) -> None:
        """Take a contact away; `why` is the event of RFC 3680: expired, unregistered, deactivated, rejected."""
        subscriber.bindings = [b for b in subscriber.bindings if b.id != binding.id]
        self._store.delete(KIND, f"{subscriber.impi} {binding.id}")
        known = self._timers.pop(binding.id, None)
        if known is not None:
            self._wheel.cancel(known[0])
        self._tell(subscriber, binding, why)

    def _watch(self, subscriber: Subscriber, binding: Binding) -> None:
        """See to it that `_expired` looks at the binding in time. A timer that runs out earlier than a refreshed
        binding is left alone: it costs nothing, and what is cancelled stays in the wheel until it is due."""
        known = self._timers.get(binding.id)
        if known is not None:
            if known[1] <= binding.expires_at:
                return
            self._wheel.cancel(known[0])
        delay = max(0.0, binding.expires_at - self._wall())
        self._timers[binding.id] = (
            self._wheel.add(delay, self._expired, subscriber, binding.id),
            binding.expires_at,
        )

    def _expired(self, subscriber: Subscriber, id: str) -> None:
        self._timers.pop(id, None)
        for binding in subscriber.bindings:
            if binding.id != id:
                continue
            if binding.expires_at > self._wall() + _EARLY:
                self._watch(subscriber, binding)
            else:
                self.unbind(subscriber, binding, "expired")

    def _tell(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        counters.inc(f"ims_binding_{event}")
        if IMS.level >= INFO:
            log(IMS, INFO, f"{subscriber.impi} {event}: {binding.contact} by {binding.flow}", id=binding.id)
        for listener in self.listeners:
            listener(subscriber, binding, event)

    def restore(self, endpoints: int) -> int:
        """Take up the bindings of the state file; those that are past or have no user any more go. Their number."""
        restored = 0
        for key, value in self._store.load(KIND).items():
            try:
                binding = Binding.parse(value)
            except BindingError as error:
                log(IMS, WARN, f"state file: binding {key!r} cannot be read and is dropped: {error}")
                self._store.delete(KIND, key)
                continue
            subscriber = self._by_impi.get(binding.impi)
            self._count = max(self._count, int(binding.id, 16))
            gone = binding.protected or binding.flow.local >= endpoints
            if subscriber is None or binding.expires_at <= self._wall() or gone:
                self._store.delete(KIND, key)
                continue
            subscriber.bindings = [*subscriber.bindings, binding]
            self._watch(subscriber, binding)
            restored += 1
        return restored

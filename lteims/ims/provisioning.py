"""Users and IMPUs that the operator adds to ue_db while the server runs (manual 6.6 users_add; impu_add, impu_del).

What was added is kept in the state file, where there is one, and is there again after a restart; where ue_db has the
same IMPI or IMPU by then, ue_db wins, with a warning. An IMPU of ue_db that was deleted comes back with a restart, as
whatever was only set (user_set, impu_set, config_set). The remote API calls.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from lteims.config import Diagnostic, check_impu, check_users
from lteims.errors import OperatorError
from lteims.ims.deregistration import Deregistration
from lteims.ims.forced import read_content
from lteims.ims.identity import impu_uri, key_of
from lteims.ims.subscribers import Impu, Subscriber, Subscribers, read_impu
from lteims.ims.wildcard import is_wildcard
from lteims.sip.errors import SipError
from lteims.sip.reginfo import ContactEvent
from lteims.sip.uri import parse_uri
from lteims.store.state import StateStore
from lteims.trace import IMS, INFO, WARN, log

USER: Final = "user"  # in the state file: an entry of users_add by its IMPI
IMPU: Final = "impu"  # in the state file: an IMPU of impu_add, or what impu_del took from a user of users_add
MOST_IMPUS: Final = 100  # of one user: a REGISTER's answer names them all


class KeptImpu(msgspec.Struct, omit_defaults=True):
    """One IMPU in the state file: its options as impu_add had them, or the URI that was deleted."""

    impi: str
    options: dict[str, Any] | None = None
    gone: str = ""


class Provisioning:
    """The operator's verbs for the database. OperatorError says why one cannot be carried out; nothing changes then."""

    def __init__(
        self, subscribers: Subscribers, store: StateStore, registrations: Deregistration | None, folder: str = ""
    ) -> None:
        """`folder` is what relative file names are relative to."""
        self.listeners: list[Callable[[str], None]] = []  # called with the IMPI of a user who is new or has changed
        self._subscribers = subscribers
        self._store = store
        self._registrations = registrations
        self._folder = folder
        self._added: set[str] = set()  # the IMPIs that ue_db has not

    async def commit(self) -> None:
        """Return when what was done is durable. StoreError when it is not."""
        await self._store.commit()

    def _tell(self, *subscribers: Subscriber) -> None:
        for listener in self.listeners:
            for subscriber in subscribers:
                listener(subscriber.impi)

    # -- users
    def add(self, values: object, warnings: list[Diagnostic] | None = None) -> int:
        """Take in users, as ue_db has them; how many. All of them or, with an error, none."""
        new = self._read(values, [] if warnings is None else warnings, {})
        self._adopt(new)
        for subscriber, entry in zip(new, values if isinstance(values, list) else [values], strict=True):
            self._store.put(USER, subscriber.impi, msgspec.json.encode(entry))
        log(IMS, INFO, f"{len(new)} users added by the operator")
        self._tell(*new)
        return len(new)

    def _read(self, values: object, warnings: list[Diagnostic], taken: dict[str, Subscriber]) -> list[Subscriber]:
        """The users of some entries; `taken` are IMPIs and IMPUs that nobody else may have, theirs join them."""
        found = [
            Subscriber(user, self._subscribers.domain)
            for user in check_users(values, self._folder, warnings, read_content)
        ]
        names: dict[str, Subscriber] = {}
        for subscriber in found:
            if not subscriber.impus:
                raise OperatorError(f"{subscriber.impi} has no IMPU")
            impi = f"impi {subscriber.impi}"
            if impi in names or impi in taken or self._subscribers.by_impi(subscriber.impi) is not None:
                raise OperatorError(f"there is a user with IMPI '{subscriber.impi}' already")
            names[impi] = subscriber
            for impu in subscriber.impus:
                other = self._subscribers.by_key(impu.key) or impu.key in taken
                if other or names.setdefault(impu.key, subscriber) is not subscriber:
                    raise OperatorError(f"there is a user with IMPU '{impu.uri}' already")
        taken.update(names)
        return found

    def _adopt(self, new: list[Subscriber]) -> None:
        self._subscribers.add([subscriber.user for subscriber in new])
        self._added.update(subscriber.impi for subscriber in new)
        self._serve_hosts(new, [impu for subscriber in new for impu in subscriber.impus])

    def _serve_hosts(self, subscribers: list[Subscriber], impus: list[Impu]) -> None:
        """The domains of new users and IMPUs mean this server from now on."""
        hosts = {subscriber.domain.lower() for subscriber in subscribers}
        hosts |= {impu.uri.host for impu in impus if impu.uri.host}
        self._subscribers.local_hosts = self._subscribers.local_hosts | hosts

    # -- IMPUs
    def add_impu(self, impi: str, options: Mapping[str, object], warnings: list[Diagnostic] | None = None) -> str:
        """Give a user one more IMPU, with `impu` and the other options of an impu object; its URI.

        Phones that are registered have it at once, and hear so if they subscribe to their registration.
        """
        subscriber = self._user(impi)
        impu = self._add_impu(subscriber, options, [] if warnings is None else warnings)
        kept = KeptImpu(subscriber.impi, dict(options))
        self._store.put(IMPU, _name(subscriber, impu), msgspec.json.encode(kept))
        log(IMS, INFO, f"{subscriber.impi} has one more IMPU: {impu.uri}")
        self._tell(subscriber)
        return impu.uri.text

    def _add_impu(self, subscriber: Subscriber, options: Mapping[str, object], warnings: list[Diagnostic]) -> Impu:
        config = check_impu(dict(options), self._folder, warnings, read_content)
        impu = read_impu(config, config.domain or subscriber.domain)
        if impu is None:
            raise OperatorError(f"'{config.impu}' is no IMPU")
        owner = self._subscribers.by_key(impu.key)
        twin = subscriber.user.multi_sim and config.imei and config.imei not in _imeis(subscriber, impu.key)
        if owner is not None and not (owner[0] is subscriber and twin):
            raise OperatorError(f"there is a user with IMPU '{impu.uri}' already: {owner[0].impi}")
        if len(subscriber.impus) >= MOST_IMPUS:
            raise OperatorError(f"{subscriber.impi} has {MOST_IMPUS} IMPUs already, which is the most")
        self._serve_hosts([], [impu])
        self._subscribers.add_impu(subscriber, impu)
        return impu

    def delete_impu(self, impu: str, event: str = ContactEvent.REJECTED) -> list[str]:
        """Take an IMPU away from its user; the URIs of the contacts that end, as they were registered by it.

        They end as by `unregister`, with this event and with their calls. Other contacts of the user stay, and their
        calls go on; they hear that the IMPU is gone. The last IMPU of a user cannot be deleted.
        """
        subscriber, found = self._impu(impu)
        if all(other.key == found.key for other in subscriber.impus):
            raise OperatorError(f"'{impu}' is the only IMPU of {subscriber.impi}")
        ended = [binding for binding in subscriber.bindings if binding.impu_key == found.key]
        for binding in ended:
            if self._registrations is not None:
                self._registrations.deregister(subscriber, binding, event)
        for entry in [other for other in subscriber.impus if other.key == found.key]:
            self._forget(subscriber, entry)
        self._subscribers.remove_impu(subscriber, found.key)
        log(IMS, INFO, f"{subscriber.impi} has no IMPU {found.uri} any more")
        self._tell(subscriber)
        return [binding.contact for binding in ended]

    def _forget(self, subscriber: Subscriber, impu: Impu) -> None:
        """Let a restart not bring an IMPU back, unless ue_db does."""
        if subscriber.impi in self._added:
            gone = KeptImpu(subscriber.impi, gone=impu.uri.text)
            self._store.put(IMPU, _name(subscriber, impu), msgspec.json.encode(gone))
        else:
            self._store.delete(IMPU, _name(subscriber, impu))

    def _impu(self, text: str) -> tuple[Subscriber, Impu]:
        try:
            uri = parse_uri(impu_uri(text, self._subscribers.domain))
        except SipError as error:
            raise OperatorError(f"'{text}' is no IMPU: {error}") from None
        found = self._subscribers.by_impu(uri)
        known = found[0].impu(found[1].key) if found is not None else None
        if found is None or known is None or (is_wildcard(known.uri) and key_of(uri) != known.key):
            raise OperatorError(f"there is no user with IMPU '{text}'")
        return found[0], known

    def _user(self, impi: str) -> Subscriber:
        subscriber = self._subscribers.by_impi(impi)
        if subscriber is None:
            raise OperatorError(f"there is no user with IMPI '{impi}'")
        return subscriber

    # -- after a restart
    def restore(self) -> int:
        """Take up what the state file has, behind ue_db and before registrations; the number of users."""
        new: list[Subscriber] = []
        taken: dict[str, Subscriber] = {}
        for impi, value in self._store.load(USER).items():
            if self._subscribers.by_impi(impi) is not None:
                log(IMS, WARN, f"state file: user {impi} of users_add is left out: ue_db has it too")
                self._store.delete(USER, impi)
                continue
            try:
                new += self._read([msgspec.json.decode(value)], [], taken)
            except (OperatorError, ValueError) as error:
                log(IMS, WARN, f"state file: user {impi} of users_add is left out: {error}")
        self._adopt(new)
        for name, value in self._store.load(IMPU).items():
            try:
                self._restore_impu(msgspec.json.decode(value, type=KeptImpu))
            except (OperatorError, SipError, ValueError) as error:
                log(IMS, WARN, f"state file: IMPU {name} is left out: {error}")
        return len(new)

    def _restore_impu(self, kept: KeptImpu) -> None:
        subscriber, options = self._user(kept.impi), kept.options
        text = kept.gone if options is None else str(options.get("impu"))
        domain = str((options or {}).get("domain") or subscriber.domain)
        known = subscriber.impu(key_of(parse_uri(impu_uri(text, domain))))
        if known is not None and subscriber.impi in self._added and len(subscriber.impus) > 1:
            self._subscribers.remove_impu(subscriber, known.key)  # it came with the user, and has gone since
        if options is not None:
            self._add_impu(subscriber, options, [])


def _imeis(subscriber: Subscriber, key: str) -> set[str]:
    return {impu.config.imei for impu in subscriber.impus if impu.key == key}


def _name(subscriber: Subscriber, impu: Impu) -> str:
    """The key of an IMPU in the state file."""
    return f"{subscriber.impi} {impu.key} {impu.config.imei}"

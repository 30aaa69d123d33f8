"""Users of the external HSS while this server serves them (TS 29.228 6.1.2, 6.2): their profiles become Subscribers.

cx.py has one. A user whose last contact has ended is kept for a while, so that short messages wait for it as for a
user of ue_db; of those the oldest are forgotten first. All of it is in the state file, where there is one.
"""

from collections import OrderedDict
from typing import Final

import msgspec

from lteims.config import AuthentType, ImpuConfig, UserConfig
from lteims.diameter.errors import DiameterError
from lteims.diameter.user_data import PublicIdentity, UserData
from lteims.ims.identity import key_of
from lteims.ims.subscribers import Impu, Subscriber, Subscribers, read_impu
from lteims.ims.wildcard import covers
from lteims.sip.errors import SipError
from lteims.sip.headers import NameAddr
from lteims.sip.uri import parse_uri
from lteims.store.state import StateStore
from lteims.trace import IMS, WARN, log

KIND: Final = "cx"  # in the state file: a KeptUser by its IMPI
MOST_AWAY: Final = 10_000  # users without a contact
_IMSI: Final = range(6, 16)  # digits


class KeptUser(msgspec.Struct):
    """One user in the state file."""

    identity: str  # the one that was registered, for questions about the user
    profile: bytes  # User-Data; b"" where the HSS gave none


class CxUsers:
    """The users, by IMPI."""

    def __init__(self, subscribers: Subscribers, store: StateStore) -> None:
        self._subscribers = subscribers
        self._store = store
        self._profiles: dict[str, UserData] = {}
        self._identities: dict[str, str] = {}
        self._away: OrderedDict[str, None] = OrderedDict()  # the longest away first

    def load(self) -> dict[str, int]:
        """What is kept, for metrics and tests."""
        return {"users": len(self._identities), "away": len(self._away)}

    # -- finding
    def by_impi(self, impi: str) -> Subscriber | None:
        """One that is served here."""
        found = self._subscribers.by_impi(impi)
        return found if found is not None and found.impi in self._identities else None

    def identity(self, impi: str) -> str:
        """The identity that a user was registered by, "" for one that is not here."""
        return self._identities.get(impi, "")

    def profile(self, impi: str) -> UserData | None:
        """What the HSS says of a user, its filter criteria included."""
        return self._profiles.get(impi)

    def has(self, subscriber: Subscriber, identity: str) -> bool:
        """Is an identity registered together with the others of this user?"""
        profile = self._profiles.get(subscriber.impi)
        names = [each.identity for each in profile.identities] if profile is not None else []
        return bool(subscriber.bindings) and (identity == self.identity(subscriber.impi) or identity in names)

    def without_contact(self) -> list[str]:
        """The IMPIs of those that are kept although they have no contact."""
        return list(self._away)

    # -- changing
    def provisional(self, impi: str, identity: str) -> tuple[Subscriber, Impu]:
        """A user who is about to register: nobody finds it yet. SipError for an identity that is none."""
        subscriber = Subscriber(_user(impi), self._subscribers.domain, external=True)
        impu = self._read(PublicIdentity(identity))
        if impu is None:
            raise SipError(403, f"{identity!r} is no public identity")
        subscriber.impus = [impu]
        return subscriber, impu

    def take(self, impi: str, identity: str, profile: UserData | None) -> tuple[Subscriber, Impu]:
        """A user is registered by an identity: what it is, and what its contact is bound to. SipError 403 where it may
        use none of its identities."""
        subscriber = self.by_impi(impi)
        old = self._profiles.get(impi)
        if subscriber is not None and old is not None and profile is not None and not self.has(subscriber, identity):
            profile = _joined(old, profile) if subscriber.bindings else profile  # a second registration set
        if subscriber is None or (profile is not None and profile != old):
            impus = self._impus(impi, identity, profile)
            if subscriber is None:
                subscriber = Subscriber(_user(impi), self._subscribers.domain, external=True)
                subscriber.impus = impus
                self._subscribers.adopt(subscriber)
            else:
                self._subscribers.change_impus(subscriber, impus)
        self._identities[impi] = identity
        if not subscriber.bindings:
            self._away[impi] = None  # until its contact is bound
        if profile is not None:
            self._profiles[impi] = profile
        self._save(impi)
        return subscriber, self._chosen(subscriber, identity)

    def change(self, subscriber: Subscriber, profile: UserData) -> None:
        """The HSS has another profile (PPR); phones hear of it. SipError 403 where no identity would be left."""
        impus = self._impus(subscriber.impi, self.identity(subscriber.impi), profile)
        keys = {impu.key for impu in impus}
        for binding in subscriber.bindings:
            if binding.impu_key not in keys:
                binding.impu_key = impus[0].key
        self._profiles[subscriber.impi] = profile
        self._save(subscriber.impi)
        self._subscribers.change_impus(subscriber, impus)

    def came(self, subscriber: Subscriber) -> None:
        """It has a contact."""
        self._away.pop(subscriber.impi, None)
        self._subscribers.claim(subscriber)

    def left(self, subscriber: Subscriber) -> None:
        """It has none any more."""
        self._away[subscriber.impi] = None
        self._away.move_to_end(subscriber.impi)
        self._trim()

    def forget(self, impi: str) -> None:
        """It is no user of ours, whoever calls it."""
        self._away.pop(impi, None)
        self._profiles.pop(impi, None)
        if self._identities.pop(impi, None) is None:
            return
        self._store.delete(KIND, impi)
        subscriber = self._subscribers.by_impi(impi)
        if subscriber is not None:
            self._subscribers.dismiss(subscriber)

    def _trim(self) -> None:
        while len(self._away) > MOST_AWAY:
            self.forget(next(iter(self._away)))

    def _save(self, impi: str) -> None:
        profile = self._profiles.get(impi)
        kept = KeptUser(self._identities[impi], profile.encode() if profile is not None else b"")
        self._store.put(KIND, impi, msgspec.msgpack.encode(kept))

    # -- identities
    def _impus(self, impi: str, identity: str, profile: UserData | None) -> list[Impu]:
        """Those that may be used (TS 29.228 annex A: a barred one is for registration alone), the default one first."""
        named = profile.identities if profile is not None else (PublicIdentity(identity),)
        found: dict[str, Impu] = {}
        for each in named:
            impu = None if each.barred else self._read(each)
            if impu is not None and found.setdefault(impu.key, impu) is impu and impu.uri.host:
                self._serve(impu.uri.host)
        if not found:
            raise SipError(403, f"the HSS bars all identities of {impi}")
        return list(found.values())

    def _serve(self, host: str) -> None:
        """The domain of an identity means this server from now on."""
        if host not in self._subscribers.local_hosts:
            self._subscribers.local_hosts = self._subscribers.local_hosts | {host}

    def _read(self, each: PublicIdentity) -> Impu | None:
        config = ImpuConfig(impu=each.wildcard or each.identity, display_name=each.display_name)
        return read_impu(config, self._subscribers.domain)

    def _chosen(self, subscriber: Subscriber, identity: str) -> Impu:
        """The IMPU by which a contact is registered: the default one for who registers by a barred one."""
        uri = parse_uri(identity)
        exact = subscriber.impu(key_of(uri))
        if exact is not None:
            return exact
        covering = next((impu for impu in subscriber.impus if covers(impu.uri, uri)), None)
        if covering is None:
            return subscriber.impus[0]
        return Impu(uri, covering.key, covering.config, NameAddr(uri, covering.config.display_name).encode())

    # -- after a restart
    def restore(self) -> int:
        """Take up what the state file has, behind ue_db and before registrations; the number of users."""
        for impi, value in self._store.load(KIND).items():
            try:
                if self._subscribers.by_impi(impi) is not None:
                    raise ValueError("ue_db has it now")
                kept = msgspec.msgpack.decode(value, type=KeptUser)
                self.take(impi, kept.identity, UserData.parse(kept.profile) if kept.profile else None)
            except (ValueError, DiameterError, SipError) as error:
                log(IMS, WARN, f"state file: user {impi} of the HSS is left out: {error}")
                self._store.delete(KIND, impi)
        return len(self._identities)

    def restored(self) -> None:
        """The registrations of the state file are here, too."""
        for impi in list(self._away):
            subscriber = self.by_impi(impi)
            if subscriber is not None and subscriber.bindings:
                self.came(subscriber)
        self._trim()


def _user(impi: str) -> UserConfig:
    """Whatever phones prove themselves by, the HSS has decided; its IMSI where the IMPI tells it (TS 23.003 13.3)."""
    name = impi.partition("@")[0]
    imsi = name if name.isascii() and name.isdigit() and len(name) in _IMSI else ""
    return UserConfig(imsi=imsi, impi=impi, authent_type=AuthentType.MD5)


def _joined(old: UserData, new: UserData) -> UserData:
    """Two implicit registration sets of one user."""
    names = {each.identity for each in new.identities}
    before = tuple(p for p in old.profiles if not names & {each.identity for each in p.identities})
    return UserData(new.impi, (*before, *new.profiles))

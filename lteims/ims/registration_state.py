"""What is told of one user's registration (TS 24.229 5.4.2.1.2, RFC 3680 4.6, 5): its contacts and their ends.

regevent.py keeps one while somebody watches the user. Emergency registrations are not shown, nor are services (urn).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from lteims.clock import WallClock
from lteims.ims.subscribers import Binding, Impu, Subscriber
from lteims.ims.wildcard import example_of
from lteims.sip.reginfo import (
    Contact,
    ContactEvent,
    ContactState,
    DocumentState,
    Reginfo,
    Registration,
    RegistrationState,
    unknown_params,
)

REGISTERED: Final = ("registered", "refreshed")  # the events of Subscribers.bind; all others end a contact
MOVED: Final = "moved"  # a contact ends because another server has the user: nobody is told
_EARLIER: Final = 1.0  # seconds by which an expiry must come forward to be told as `shortened`


@dataclass(frozen=True, slots=True)
class TrackedContact:
    """A contact with the registration set that it was bound for, and the last that happened to it."""

    binding: Binding
    impus: tuple[Impu, ...]
    event: ContactEvent
    generation: int = 0  # counts the URIs that one binding has had

    @property
    def active(self) -> bool:
        """Is it bound?"""
        return Contact("", self.event, "").state is ContactState.ACTIVE


class WatchedRegistration:
    """One user's contacts, as those who watch them see them."""

    def __init__(self, subscriber: Subscriber, wall: WallClock) -> None:
        self.subscriber = subscriber
        self._wall = wall
        self._numbers: dict[str, int] = {}  # of the public identities, by key: their ids in the documents
        shown = [binding for binding in subscriber.bindings if not binding.sos]
        self.contacts = {
            binding.id: TrackedContact(binding, self._impus(binding), ContactEvent.REGISTERED) for binding in shown
        }

    def _impus(self, binding: Binding) -> tuple[Impu, ...]:
        """The registration set, each identity once."""
        found: dict[str, Impu] = {}
        for impu in self.subscriber.registered_impus(binding):
            if impu.uri.scheme != "urn":
                found.setdefault(impu.key, impu)
        return tuple(found.values())

    # -- what happens
    def apply(self, binding: Binding, event: str) -> list[TrackedContact]:
        """Take a change of Subscribers in; the contacts that watchers hear of, those that ended first."""
        if binding.sos:  # TS 24.229 5.4.2.1.2 NOTE 1
            return []
        old = self.contacts.get(binding.id)
        if event not in REGISTERED:
            self.contacts.pop(binding.id, None)
            how = ContactEvent(event) if event in list(ContactEvent) else ContactEvent.DEACTIVATED
            impus = old.impus if old is not None else self._impus(binding)
            return [TrackedContact(binding, impus, how, old.generation if old is not None else 0)]
        impus = self._impus(binding)
        if old is None:
            new, ended = TrackedContact(binding, impus, ContactEvent.REGISTERED), []
        elif old.binding.contact != binding.contact:  # the same phone with another address
            new = TrackedContact(binding, impus, ContactEvent.REGISTERED, old.generation + 1)
            ended = [replace(old, event=ContactEvent.UNREGISTERED)]
        else:
            brief = binding.expires_at < old.binding.expires_at - _EARLIER
            new = TrackedContact(
                binding, impus, ContactEvent.SHORTENED if brief else ContactEvent.REFRESHED, old.generation
            )  # fmt: skip
            keys = {impu.key for impu in impus}
            gone = tuple(impu for impu in old.impus if impu.key not in keys)
            ended = [replace(old, impus=gone, event=ContactEvent.UNREGISTERED)] if gone else []
        self.contacts[binding.id] = new
        return [*ended, new]

    # -- what is told
    def document(
        self,
        version: int,
        *,
        own: str = "",
        changed: Collection[str] | None = None,
        ended: Iterable[TrackedContact] = (),
    ) -> Reginfo:
        """The document for who watches from the binding `own`, "" for none of them.

        `changed` are the ids of the bindings that made it, None for full state. A partial document has those public
        identities that have changed, each with all its contacts; the identities of a registration set change together.
        That an URI has ended is not told where it is bound again: full state does away with the contact of before.
        """
        sets: dict[str, tuple[Impu, list[TrackedContact]]] = {}
        for contact in [*self._seen_from(own), *(contact for contact in ended if self.shows(own, contact.binding))]:
            for impu in contact.impus:
                sets.setdefault(impu.key, (impu, []))[1].append(contact)
        if any(hidden(contacts) for _, contacts in sets.values()):
            changed = None
        told = [
            self._registration(impu, _once(contacts))
            for impu, contacts in sets.values()
            if changed is None or any(c.binding.id in changed or not c.active for c in contacts)
        ]
        state = DocumentState.FULL if changed is None else DocumentState.PARTIAL
        return Reginfo(version, state, tuple(each for each in told if each.contacts))

    def shows(self, own: str, binding: Binding) -> bool:
        """Does who watches from `own` see this contact? With multi_sim each phone has a registration of its own:
        one that saw the times and ends of the others would take them for its own.
        """
        return not (own and self.subscriber.user.multi_sim) or binding.id == own

    def _seen_from(self, own: str) -> list[TrackedContact]:
        found = [contact for contact in self.contacts.values() if self.shows(own, contact.binding)]
        return sorted(found, key=lambda contact: contact.binding.id != own)

    def _registration(self, impu: Impu, contacts: list[TrackedContact]) -> Registration:
        number = self._numbers.setdefault(impu.key, len(self._numbers))
        active = any(contact.active for contact in contacts)
        again = hidden(contacts)
        example = example_of(impu.uri)
        return Registration(
            aor=example or impu.uri.text,
            id=f"a{number}",
            state=RegistrationState.ACTIVE if active else RegistrationState.TERMINATED,
            contacts=tuple(self._contact(f"a{number}c", impu, c) for c in contacts if c not in again),
            wildcard=impu.uri.text if example else "",
        )

    def _contact(self, prefix: str, impu: Impu, contact: TrackedContact) -> Contact:
        binding, event = contact.binding, contact.event
        if event is ContactEvent.REGISTERED and impu.key != binding.impu_key:
            event = ContactEvent.CREATED  # registered implicitly, with another one
        generation = f".{contact.generation}" if contact.generation else ""
        return Contact(
            id=f"{prefix}{binding.id}{generation}",
            event=event,
            uri=binding.contact,
            expires=max(0, round(binding.expires_at - self._wall())) if contact.active else None,
            q=f"{binding.q:g}" if binding.q != 1 else "",
            unknown_params=unknown_params(binding.params),
        )


def _once(contacts: list[TrackedContact]) -> list[TrackedContact]:
    """Each contact by its id: as it is, or its last end; an identity may have ended and come again meanwhile."""
    found: dict[tuple[str, int], TrackedContact] = {}
    for contact in contacts:
        key = (contact.binding.id, contact.generation)
        if key not in found or not found[key].active:
            found[key] = contact
    return list(found.values())


def hidden(contacts: list[TrackedContact]) -> list[TrackedContact]:
    """Contacts of one identity that ended, while another one has their URI: a phone would take it for its own end."""
    bound = {contact.binding.contact for contact in contacts if contact.active}
    return [contact for contact in contacts if not contact.active and contact.binding.contact in bound]

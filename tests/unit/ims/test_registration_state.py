"""What is told of a user's registration: after any run of events, in documents that agree with each other."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lteims.config import ImpuConfig
from lteims.ims.binding import Binding
from lteims.ims.registration_state import WatchedRegistration
from lteims.sip.reginfo import Contact, Reginfo
from tests.vectors.sip.schema import Schema

from .registry import DOMAIN, EPOCH, FLOW, Registry, user

SCHEMA = Schema(Path(__file__).parents[2] / "vectors" / "sip" / "reginfo.xsd")
EVENTS = ("registered", "refreshed", "expired", "unregistered", "deactivated", "rejected", "probation")


def binding(number: int, contact: str = "", impu: str = f"sip:001@{DOMAIN}", **more: object) -> Binding:
    fields = {
        "id": f"{number:04x}", "impi": f"001@{DOMAIN}", "contact": contact or f"sip:{number}@192.0.2.1", "params": {},
        "q": 1.0, "expires_at": EPOCH + 4600.0, "call_id": "c", "cseq": 1, "flow": FLOW, "impu_key": impu,
    }  # fmt: skip
    return Binding(**(fields | more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def registry() -> Registry:
    other = ImpuConfig(impu="tel:2", associated=False)
    return Registry(user("001", impu=("001", "tel:1", other, ImpuConfig(impu="urn:service:sos"))))


def test_an_unknown_end_is_one_of_the_network(registry: Registry) -> None:
    watched = WatchedRegistration(registry.only, registry.time.wall)
    (ended,) = watched.apply(binding(1), "eaten")
    assert (ended.event, ended.active) == ("deactivated", False)


def test_two_contacts_with_one_uri_end_one_by_one(registry: Registry) -> None:
    """RFC 5626: two flows of one phone. Its URI is not told as gone while one of them stands."""
    watched = WatchedRegistration(registry.only, registry.time.wall)
    one, two = binding(1, "sip:a@192.0.2.1"), binding(2, "sip:a@192.0.2.1")
    watched.apply(one, "registered")
    watched.apply(two, "registered")
    ended = watched.apply(one, "expired")
    document = watched.document(1, changed={one.id}, ended=ended)
    assert document.state == "full"  # whose reader forgets the first one
    assert [[c.event for c in r.contacts] for r in document.registrations] == [["registered"], ["created"]]
    ended = watched.apply(two, "expired")
    document = watched.document(2, changed={two.id}, ended=ended)
    assert [[c.event for c in r.contacts] for r in document.registrations] == [["expired"], ["expired"]]


def test_what_has_not_changed_is_not_told_in_part(registry: Registry) -> None:
    watched = WatchedRegistration(registry.only, registry.time.wall)
    watched.apply(binding(1, impu="tel:2"), "registered")
    watched.apply(binding(2), "registered")
    document = watched.document(1, changed={"0002"})
    assert [r.aor for r in document.registrations] == [f"sip:001@{DOMAIN}", "tel:1"]
    assert [r.aor for r in watched.document(2).registrations] == [f"sip:001@{DOMAIN}", "tel:1", "tel:2"]


STEPS = st.lists(
    st.tuples(
        st.integers(1, 3), st.sampled_from(EVENTS), st.sampled_from(("", "sip:other@192.0.2.1", "sip:b@[::1]:1;x")),
        st.sampled_from((f"sip:001@{DOMAIN}", "tel:2")), st.sampled_from((100.0, 4600.0)),
    ),
    max_size=12,
)  # fmt: skip


@given(STEPS, st.sampled_from((1, 2, 5)))
@example(  # one identity of a contact ends, comes again, and ends with the contact's URI, all in one document
    [
        *[(1, "registered", "", f"sip:001@{DOMAIN}", 100.0)] * 5,
        (2, "registered", "sip:b@[::1]:1;x", "tel:2", 100.0),
        (2, "registered", "sip:b@[::1]:1;x", f"sip:001@{DOMAIN}", 100.0),
        (2, "registered", "sip:b@[::1]:1;x", "tel:2", 100.0),
        (2, "registered", "", f"sip:001@{DOMAIN}", 100.0),
    ],
    5,
)
@settings(max_examples=150, deadline=None)
def test_a_reader_of_all_parts_knows_what_full_state_says(
    steps: list[tuple[int, str, str, str, float]], every: int
) -> None:
    """RFC 3680 5: partial documents, merged, make the full one; ids are unique, versions rise, the schema holds."""
    registry = Registry(user("001", impu=("001", "tel:1", ImpuConfig(impu="tel:2", associated=False))))
    watched = WatchedRegistration(registry.only, registry.time.wall)
    known: dict[str, dict[str, Contact]] = {}
    changed: set[str] = set()
    ended = []
    bound: dict[int, int] = {}  # the id of each phone's binding; one that ends is never used again
    for n, (number, event, contact, impu, expires) in enumerate(steps, 1):
        id = bound.setdefault(number, n) if event in EVENTS[:2] else bound.pop(number, 0)
        for change in watched.apply(binding(id, contact, impu, expires_at=EPOCH + expires), event) if id else ():
            changed.add(change.binding.id)
            if not change.active:
                ended.append(change)
        if n % every == 0 or n == len(steps):
            octets = watched.document(n, changed=changed, ended=ended).encode()
            changed, ended = set(), []
            assert SCHEMA.faults(octets) == []
            merge(known, Reginfo.parse(octets))
    full: dict[str, dict[str, Contact]] = {}
    merge(full, watched.document(99))
    assert {aor: facts(contacts) for aor, contacts in known.items() if contacts} == {
        aor: facts(contacts) for aor, contacts in full.items()
    }


def merge(known: dict[str, dict[str, Contact]], document: Reginfo) -> None:
    """A subscriber's table (RFC 3680, constructing coherent state)."""
    ids = [c.id for r in document.registrations for c in r.contacts] + [r.id for r in document.registrations]
    assert len(ids) == len(set(ids))
    if document.state == "full":
        known.clear()
    for registration in document.registrations:
        contacts = known.setdefault(registration.aor, {})
        for contact in registration.contacts:
            if contact.state == "active":
                contacts[contact.id] = contact
            else:
                contacts.pop(contact.id, None)
        assert (registration.state == "active") == any(c.state == "active" for c in registration.contacts)


def facts(contacts: dict[str, Contact]) -> dict[str, tuple[str, int | None]]:
    return {id: (contact.uri, contact.expires) for id, contact in contacts.items()}

"""application/reginfo+xml (RFC 3680 5, GRUUs RFC 5628, wildcards TS 24.229 7.10.2): what a NOTIFY of `reg` says.

ims/ writes one for each change of a registration set; a phone that finds a wrong state or URI in it leaves, so the
form is the one of TS 34.229-1 A.1.6. The parser serves the virtual phone and tests.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from lteims.sip.errors import SipError
from lteims.sip.grammar import Params, encode_params

MEDIA_TYPE: Final = "application/reginfo+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:reginfo"
GRUU_NAMESPACE: Final = "urn:ietf:params:xml:ns:gruuinfo"
WILDCARD_NAMESPACE: Final = "urn:3gpp:ns:extRegExp:1.0"
_OWN, _GRUU, _WILDCARD = (f"{{{name}}}" for name in (NAMESPACE, GRUU_NAMESPACE, WILDCARD_NAMESPACE))
MAX_OCTETS: Final = 1 << 20  # of a document that is parsed
_MAX_DEPTH: Final = 16
_TOP: Final = 2**64 - 1  # xs:unsignedLong
_OWN_PARAMS: Final = frozenset({"q", "expires", "pub-gruu", "temp-gruu"})  # which have places of their own

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES: Final = {ord(char): text for char, text in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"))}
_IN_ATTRIBUTE: Final = _ESCAPES | {ord('"'): "&quot;", ord("\t"): "&#9;", ord("\n"): "&#10;"}

Attributes = Mapping[str, str | int | None]


class DocumentState(StrEnum):
    """Is this all there is, or only what has changed (RFC 3680 5.1)?"""

    FULL = "full"
    PARTIAL = "partial"


class RegistrationState(StrEnum):
    """RFC 3680 figure 1: an AOR without contacts, with some, or with none any more."""

    INIT = "init"
    ACTIVE = "active"
    TERMINATED = "terminated"


class ContactState(StrEnum):
    """RFC 3680 figure 2."""

    ACTIVE = "active"
    TERMINATED = "terminated"


class ContactEvent(StrEnum):
    """What brought the contact into its state (RFC 3680 4.6.1, 5.3)."""

    REGISTERED = "registered"
    CREATED = "created"
    REFRESHED = "refreshed"
    SHORTENED = "shortened"
    EXPIRED = "expired"
    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    UNREGISTERED = "unregistered"
    REJECTED = "rejected"


_ACTIVE: Final = frozenset(
    {ContactEvent.REGISTERED, ContactEvent.CREATED, ContactEvent.REFRESHED, ContactEvent.SHORTENED}
)


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact of one AOR; `id` stays the same as long as the contact lives. Times are seconds."""

    id: str
    event: ContactEvent
    uri: str  # exactly as the phone registered it
    expires: int | None = None
    q: str = ""
    callid: str = ""
    cseq: int | None = None
    retry_after: int | None = None  # with probation
    duration_registered: int | None = None
    display: str = ""
    unknown_params: tuple[tuple[str, str], ...] = ()  # of the Contact header, with their quotes
    pub_gruu: str = ""
    temp_gruu: str = ""
    temp_gruu_first_cseq: int | None = None

    @property
    def state(self) -> ContactState:
        """The event leads to one state and no other."""
        return ContactState.ACTIVE if self.event in _ACTIVE else ContactState.TERMINATED


@dataclass(frozen=True, slots=True)
class Registration:
    """One AOR: a public identity, which `wildcard` stands behind where it matched one (TS 24.229 5.4.2.1.2)."""

    aor: str
    id: str
    state: RegistrationState
    contacts: tuple[Contact, ...] = ()
    wildcard: str = ""


@dataclass(frozen=True, slots=True)
class Reginfo:
    """A document; `version` counts from 0 within a subscription."""

    version: int
    state: DocumentState
    registrations: tuple[Registration, ...] = ()

    def encode(self) -> bytes:
        """The XML, a line for each element, without blanks around values."""
        attributes: dict[str, str | int] = {"xmlns": NAMESPACE}
        if any(contact.pub_gruu or contact.temp_gruu for each in self.registrations for contact in each.contacts):
            attributes["xmlns:gr"] = GRUU_NAMESPACE
        if any(each.wildcard for each in self.registrations):
            attributes["xmlns:ere"] = WILDCARD_NAMESPACE
        attributes |= {"version": self.version, "state": self.state}
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', _open("reginfo", attributes)]
        for each in self.registrations:
            lines += _registration_lines(each)
        return "\n".join([*lines, "</reginfo>"]).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a document; SipError 400 where it breaks the schema, where state and event disagree, or has a DTD."""
        root = _tree(data)
        if root.tag != f"{_OWN}reginfo":
            raise _bad(f"the document is a {root.tag}")
        return cls(
            _number(root, "version", required=True) or 0,
            DocumentState(_one_of(DocumentState, root, "state")),
            tuple(_registration(each) for each in root.findall(f"{_OWN}registration")),
        )


def unknown_params(params: Params) -> tuple[tuple[str, str], ...]:
    """A Contact header's parameters as <unknown-param> has them: all but those with attributes of their own."""
    return tuple(
        (name, encode_params({name: value}).partition("=")[2])
        for name, value in params.items()
        if name not in _OWN_PARAMS
    )


def _registration_lines(registration: Registration) -> Iterable[str]:
    yield _open("registration", {"aor": registration.aor, "id": registration.id, "state": registration.state})
    for contact in registration.contacts:
        yield from _contact_lines(contact)
    if registration.wildcard:
        yield _element("ere:wildcardedIdentity", registration.wildcard)
    yield "</registration>"


def _contact_lines(contact: Contact) -> Iterable[str]:
    attributes = {
        "id": contact.id,
        "state": contact.state,
        "event": contact.event,
        "duration-registered": contact.duration_registered,
        "expires": contact.expires,
        "retry-after": contact.retry_after,
        "q": contact.q or None,
        "callid": contact.callid or None,
        "cseq": contact.cseq,
    }
    yield _open("contact", attributes)
    yield _element("uri", contact.uri)
    if contact.display:
        yield _element("display-name", contact.display)
    for name, value in contact.unknown_params:
        yield _element("unknown-param", value, {"name": name})
    if contact.pub_gruu:
        yield _open("gr:pub-gruu", {"uri": contact.pub_gruu}, "/")
    if contact.temp_gruu:
        own = {"uri": contact.temp_gruu, "first-cseq": contact.temp_gruu_first_cseq}
        yield _open("gr:temp-gruu", own, "/")
    yield "</contact>"


def _open(name: str, attributes: Attributes, end: str = "") -> str:
    shown = "".join(
        f' {key}="{_clean(str(value)).translate(_IN_ATTRIBUTE)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{shown}{end}>"


def _element(element: str, text: str, attributes: Attributes | None = None) -> str:
    return f"{_open(element, attributes or {})}{_clean(text).translate(_ESCAPES)}</{element}>"


def _clean(text: str) -> str:
    """XML has no form at all for most control characters and for octets that were no UTF-8 (PEP 383)."""
    return _NOT_XML.sub("\ufffd", text)


def _bad(why: str) -> SipError:
    return SipError(400, f"reginfo: {why}"[:200], reason="Bad reginfo")


def _tag(name: str) -> str:
    return "{" + name if "}" in name else name


def _tree(data: bytes) -> Element:
    """The element tree; tags are `{namespace}name`."""
    if len(data) > MAX_OCTETS:
        raise _bad(f"{len(data)} octets")
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate(namespace_separator="}")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise _bad("nested too deeply")
        builder.start(_tag(name), attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_tag(name))

    def refuse(*_: object) -> None:
        raise _bad("a document type, which may hold anything")  # entities that grow, files that are read

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two for encodings
        raise _bad(str(error)) from None


def _registration(element: Element) -> Registration:
    state = RegistrationState(_one_of(RegistrationState, element, "state"))
    contacts = tuple(_contact(each) for each in element.findall(f"{_OWN}contact"))
    if state is not RegistrationState.ACTIVE and any(each.state is ContactState.ACTIVE for each in contacts):
        raise _bad(f"an active contact where the registration is {state}")
    wildcard = _text(element, f"{_WILDCARD}wildcardedIdentity")
    return Registration(_required(element, "aor"), _required(element, "id"), state, contacts, wildcard)


def _contact(element: Element) -> Contact:
    params = element.findall(f"{_OWN}unknown-param")
    public, temporary = (element.find(f"{_GRUU}{kind}-gruu") for kind in ("pub", "temp"))
    uri = _text(element, f"{_OWN}uri")
    if not uri:
        raise _bad("a contact without URI")
    contact = Contact(
        id=_required(element, "id"),
        event=ContactEvent(_one_of(ContactEvent, element, "event")),
        uri=uri,
        expires=_number(element, "expires"),
        q=element.get("q", ""),
        callid=element.get("callid", ""),
        cseq=_number(element, "cseq"),
        retry_after=_number(element, "retry-after"),
        duration_registered=_number(element, "duration-registered"),
        display=_text(element, f"{_OWN}display-name"),
        unknown_params=tuple((_required(each, "name"), (each.text or "").strip()) for each in params),
        pub_gruu="" if public is None else _required(public, "uri"),
        temp_gruu="" if temporary is None else _required(temporary, "uri"),
        temp_gruu_first_cseq=None if temporary is None else _number(temporary, "first-cseq"),
    )
    if _one_of(ContactState, element, "state") != contact.state:
        raise _bad(f"a contact that is {element.get('state')} by {contact.event}")
    return contact


def _required(element: Element, name: str) -> str:
    value = element.get(name, "")
    if not value:
        raise _bad(f"{element.tag} without {name}")
    return value


def _one_of(kind: type[StrEnum], element: Element, name: str) -> str:
    value = _required(element, name)
    if value not in list(kind):
        raise _bad(f"{name} {value!r}")
    return value


def _number(element: Element, name: str, required: bool = False) -> int | None:
    value = (_required(element, name) if required else element.get(name, "")).strip()
    if name not in element.attrib:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 20 or int(value) > _TOP:
        raise _bad(f"{name} {value!r}")
    return int(value)


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()

"""User-Data of Cx (TS 29.228 annexes B, E): the subscription's XML with its service profiles, read and written.

ims/ reads that of SAA and PPR, sim/ writes it. Documents with a DOCTYPE are refused: nothing here expands entities.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError, SubElement

from lteims.diameter.avp import refused
from lteims.diameter.cx import CxResult
from lteims.diameter.cx_attributes import USER_DATA
from lteims.diameter.errors import DiameterError

_LONGEST: Final = 1 << 18  # octets
_DEEPEST: Final = 32
_IDENTITIES: Final = 1000  # of all profiles together


@dataclass(frozen=True, slots=True)
class PublicIdentity:
    """One identity of a profile. `barred`: not to be used for anything but registration."""

    identity: str
    barred: bool = False
    display_name: str = ""
    wildcard: str = ""  # where the identity stands for a range (annex E: WildcardedIMPU, WildcardedPSI)


@dataclass(frozen=True, slots=True)
class FilterCriteria:
    """One initial filter criterion: its server, and the whole of it as XML, since nobody here evaluates it yet."""

    priority: int
    server: str
    xml: str


@dataclass(frozen=True, slots=True)
class ServiceProfile:
    """Identities and the services that they share."""

    identities: tuple[PublicIdentity, ...]
    filters: tuple[FilterCriteria, ...] = ()  # by their priority


@dataclass(frozen=True, slots=True)
class UserData:
    """IMSSubscription; `impi` is "" where the document leaves it out."""

    impi: str
    profiles: tuple[ServiceProfile, ...]

    @property
    def identities(self) -> tuple[PublicIdentity, ...]:
        """Those of all profiles: the implicit registration set. The first that is not barred is the default one."""
        return tuple(each for profile in self.profiles for each in profile.identities)

    def encode(self) -> bytes:
        """The document."""
        root = Element("IMSSubscription")
        SubElement(root, "PrivateID").text = self.impi
        for profile in self.profiles:
            _write(SubElement(root, "ServiceProfile"), profile)
        body: str = ElementTree.tostring(root, "unicode")
        return b'<?xml version="1.0" encoding="UTF-8"?>' + body.encode("utf-8")

    @classmethod
    def parse(cls, data: bytes) -> "UserData":
        """Read it; DiameterError 5004, or ERROR_TOO_MUCH_DATA of Cx for one above the limits here.

        Names count without their namespace, unknown elements are left out.
        """
        root = _root(data)
        profiles = tuple(_profile(each) for each in _children(root, "ServiceProfile"))
        found = cls(_text(root, "PrivateID"), profiles)
        if not found.identities:
            raise _bad(data, "no public identities")
        if len(found.identities) > _IDENTITIES:
            raise CxResult.ERROR_TOO_MUCH_DATA.error(f"{len(found.identities)} public identities")
        return found


class _Plain(ElementTree.TreeBuilder):
    """Elements without a DOCTYPE and not too deep."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: Any, attrs: dict[Any, Any], /) -> Element:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"elements in more than {_DEEPEST} elements")
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Element:
        self._depth -= 1
        return super().end(tag)

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it has a DOCTYPE")


def _bad(data: bytes, why: str) -> DiameterError:
    return refused(USER_DATA, data[:64], why)


def _root(data: bytes) -> Element:
    if len(data) > _LONGEST:
        raise CxResult.ERROR_TOO_MUCH_DATA.error(f"{len(data)} octets")
    try:
        root = ElementTree.fromstring(data, ElementTree.XMLParser(target=_Plain()))
    except (ParseError, ValueError, LookupError) as error:
        raise _bad(data, str(error)) from None
    if _name(root) != "IMSSubscription":
        raise _bad(data, f"it begins with {_name(root)!r}")
    return root


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Element, name: str) -> Iterator[Element]:
    return (each for each in element if _name(each) == name)


def _text(element: Element, name: str) -> str:
    for child in _children(element, name):
        return (child.text or "").strip()
    return ""


def _profile(element: Element) -> ServiceProfile:
    identities = tuple(_identity(each) for each in _children(element, "PublicIdentity"))
    filters = [_filter(each) for each in _children(element, "InitialFilterCriteria")]
    return ServiceProfile(
        tuple(each for each in identities if each.identity), tuple(sorted(filters, key=lambda each: each.priority))
    )


def _identity(element: Element) -> PublicIdentity:
    wildcard = display = ""
    for name in ("WildcardedIMPU", "WildcardedPSI", "DisplayName"):  # they are nested in Extension elements
        for found in element.iter():
            if _name(found) == name:
                text = (found.text or "").strip()
                wildcard, display = (wildcard, text) if name == "DisplayName" else (wildcard or text, display)
    barred = _text(element, "BarringIndication") in ("1", "true")
    return PublicIdentity(_text(element, "Identity"), barred, _one_line(display), wildcard)


def _one_line(text: str) -> str:
    """It becomes part of a header: no ends of lines, nothing that is no character to show."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _filter(element: Element) -> FilterCriteria:
    priority = _text(element, "Priority")
    server = next((_text(each, "ServerName") for each in _children(element, "ApplicationServer")), "")
    number = int(priority) if priority.isascii() and priority.isdigit() and len(priority) < 10 else 0
    for each in element.iter():
        each.tag = _name(each)
    element.tail = None
    return FilterCriteria(number, server, ElementTree.tostring(element, "unicode"))


def _write(element: Element, profile: ServiceProfile) -> None:
    for identity in profile.identities:
        one = SubElement(element, "PublicIdentity")
        SubElement(one, "BarringIndication").text = "1" if identity.barred else "0"
        SubElement(one, "Identity").text = identity.identity
        inside = SubElement(one, "Extension") if identity.display_name or identity.wildcard else one
        if identity.wildcard:
            SubElement(inside, "IdentityType").text = "3"  # annex C: a wildcarded IMPU
            SubElement(inside, "WildcardedIMPU").text = identity.wildcard
        if identity.display_name:
            further = SubElement(inside, "Extension")
            SubElement(further, "DisplayName").text = identity.display_name
    for criteria in profile.filters:
        element.append(ElementTree.fromstring(criteria.xml))

"""Checks a document against an XML schema, as far as the schemas in this folder go: sequences, attributes, values."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring, parse

XS = "{http://www.w3.org/2001/XMLSchema}"
TYPES = {
    "xs:string": re.compile(r".*", re.DOTALL),
    "xs:anyURI": re.compile(r"[^\s]+"),
    "xs:nonNegativeInteger": re.compile(r"[0-9]+"),
    "xs:unsignedLong": re.compile(r"[0-9]{1,20}"),
}


class Schema:
    """A schema file; `faults` gives what a document does against it."""

    def __init__(self, path: Path) -> None:
        root = parse(path).getroot()
        self.namespace = f"{{{root.get('targetNamespace')}}}"
        self.elements = {self.namespace + str(each.get("name")): each for each in root.findall(f"{XS}element")}

    def faults(self, document: bytes) -> list[str]:
        """One line for each fault."""
        root = fromstring(document)
        if root.tag not in self.elements:
            return [f"no such root: {root.tag}"]
        return list(self._element(root, self.elements[root.tag]))

    def _element(self, element: Element, declared: Element) -> Iterator[str]:
        kind = declared.find(f"{XS}complexType")
        if kind is None:
            yield from self._value(element.tag, element.text or "", str(declared.get("type")))
            if element.attrib or len(element):
                yield f"{element.tag}: more than a text"
            return
        yield from self._attributes(element, kind)
        sequence = kind.find(f"{XS}sequence")
        if sequence is None:
            if len(element):
                yield f"{element.tag}: elements where there is text"
            return
        if (element.text or "").strip() or any((inner.tail or "").strip() for inner in element):
            yield f"{element.tag}: text between elements"
        yield from self._sequence(element, sequence)

    def _sequence(self, element: Element, sequence: Element) -> Iterator[str]:
        left = list(element)
        for place in sequence:
            least, most = int(place.get("minOccurs", "1")), place.get("maxOccurs", "1")
            count = 0
            while left and (most == "unbounded" or count < int(most)) and self._fits(left[0], place):
                inner = left.pop(0)
                count += 1
                if place.tag == f"{XS}element":
                    yield from self._element(inner, self.elements[inner.tag] if place.get("ref") else place)
            if count < least:
                yield f"{element.tag}: {place.get('name')} is missing"
        yield from (f"{element.tag}: {inner.tag} has no place here" for inner in left)

    def _fits(self, element: Element, place: Element) -> bool:
        if place.tag == f"{XS}any":
            return element.tag.startswith("{") and not element.tag.startswith(self.namespace)
        name = place.get("name") or str(place.get("ref")).partition(":")[2]
        return element.tag == self.namespace + name

    def _attributes(self, element: Element, kind: Element) -> Iterator[str]:
        own = [*kind.findall(f"{XS}attribute"), *kind.findall(f"{XS}simpleContent/{XS}extension/{XS}attribute")]
        declared = {str(each.get("name")): each for each in own}
        for name, value in element.attrib.items():
            if name not in declared:
                yield f"{element.tag}: no attribute {name} is declared"
                continue
            allowed = [each.get("value") for each in declared[name].iter(f"{XS}enumeration")]
            if allowed and value not in allowed:
                yield f"{element.tag}: {name} is {value!r}"
            yield from self._value(name, value, declared[name].get("type", "xs:string"))
        for name, each in declared.items():
            if each.get("use") == "required" and name not in element.attrib:
                yield f"{element.tag}: {name} is missing"

    @staticmethod
    def _value(what: str, value: str, kind: str) -> Iterator[str]:
        if not TYPES[kind].fullmatch(value):
            yield f"{what}: {value!r} is no {kind}"

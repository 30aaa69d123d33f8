"""WSP's multipart (WAP-230-WSP 8.5): the body of M-Send.req and M-Retrieve.conf, parts with headers and octets.

`parse` gives the parts of one level, `leaves` all that hold content; a name is found as MMS_CONF 10.2 says.
Called by pdu.py, which checks each body so, and by ims/; compose.py writes one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lteims.mm1 import wsp
from lteims.mm1.content_type import ContentType, read_content_type, read_parameters
from lteims.mm1.errors import MmsError, ResponseStatus
from lteims.mm1.wsp import Reader

_CONTENT_LOCATION, _CONTENT_ID, _DISPOSITION, _OLD_DISPOSITION = 0x0E, 0x40, 0x45, 0x2E
_SHIFT, _SHORT_CUTS = 0x7F, 0x1F  # 8.2.5: other code pages, of which none is known here
_KINDS: Final = {0x80: "form-data", 0x81: "attachment", 0x82: "inline"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a peer may send; what goes beyond is refused as content that is not accepted."""

    octets: int = 10 << 20  # of a PDU
    parts: int = 256  # of all levels
    depth: int = 4  # levels
    recipients: int = 100  # To, Cc and Bcc together


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its type, the headers that matter, its octets. `content_id` has no angle brackets."""

    content_type: ContentType
    data: bytes
    content_id: str = ""
    content_location: str = ""
    disposition: str = ""  # form-data, attachment, inline or another token; "" where the header is absent
    filename: str = ""  # of the disposition
    headers: tuple[tuple[str, str], ...] = ()  # those with a name in text, such as Content-Transfer-Encoding

    @property
    def name(self) -> str:
        """What the part is called (MMS_CONF 10.2): the first of name, filename, location and id that is there."""
        own = self.content_type.get("name") or self.content_type.get("filename")
        return own or self.filename or self.content_location or self.content_id

    def encode(self) -> bytes:
        """The entry: both lengths, content type, headers, data."""
        head = self.content_type.encode()
        if self.content_id:
            head += wsp.short_integer(_CONTENT_ID) + wsp.quoted(f"<{self.content_id}>")
        if self.content_location:
            head += wsp.short_integer(_CONTENT_LOCATION) + wsp.text(self.content_location)
        if self.disposition:
            head += wsp.short_integer(_OLD_DISPOSITION) + self._disposition()
        head += b"".join(wsp.text(name) + wsp.text(value) for name, value in self.headers if name)
        return wsp.uintvar(len(head)) + wsp.uintvar(len(self.data)) + head + self.data

    def _disposition(self) -> bytes:
        kind = next((bytes([code]) for code, name in _KINDS.items() if name == self.disposition), None)
        filename = wsp.short_integer(6) + wsp.text(self.filename) if self.filename else b""
        return wsp.with_length((kind or wsp.text(self.disposition)) + filename)


def encode(parts: Sequence[Part]) -> bytes:
    """The body with its parts."""
    return wsp.uintvar(len(parts)) + b"".join(part.encode() for part in parts)


def parse(data: bytes, limits: Limits | None = None) -> tuple[Part, ...]:
    """The parts of the first level; those within a part are in its data. Octets behind the last are ignored."""
    return _parse(data, (limits or Limits()).parts)


def leaves(content_type: ContentType, data: bytes, limits: Limits | None = None) -> tuple[Part, ...]:
    """Every part that holds content, nested ones in their place; a body of one type is its only part."""
    found: list[Part] = []
    limits = limits or Limits()
    _collect(Part(content_type, data), limits.depth, limits.parts, found)
    return tuple(found)


def _parse(data: bytes, room: int) -> tuple[Part, ...]:
    reader = Reader(data)
    count = reader.uintvar()
    if count > room:
        raise _refused(f"{count} parts where {room} may be")
    return tuple(_part(reader) for _ in range(count))


def _collect(part: Part, depth: int, room: int, found: list[Part]) -> int:
    """Add the leaves of one part; the parts that there still may be, leaves or not, are handed on."""
    if not part.content_type.is_multipart:
        found.append(part)
        return room
    if depth <= 0:
        raise _refused("parts nested too deeply")
    inner = _parse(part.data, room)
    room -= len(inner)
    for each in inner:
        room = _collect(each, depth - 1, room, found)
    return room


def _refused(why: str) -> MmsError:
    return MmsError(why, ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED)


def _part(reader: Reader) -> Part:
    head_length, data_length = reader.uintvar(), reader.uintvar()
    head = Reader(reader.take(head_length))
    data = reader.take(data_length)
    content_type = read_content_type(head)
    values: dict[str, str] = {}
    texts: list[tuple[str, str]] = []
    while head.left:
        _header(head, values, texts)
    return Part(
        content_type,
        data,
        values.get("id", ""),
        values.get("location", ""),
        values.get("disposition", ""),
        values.get("filename", ""),
        tuple(texts),
    )


def _header(head: Reader, values: dict[str, str], texts: list[tuple[str, str]]) -> None:
    first = head.peek()
    if first == _SHIFT or first <= _SHORT_CUTS:
        head.take(2 if first == _SHIFT else 1)
    elif first < 0x80:
        texts.append((head.text(), head.quoted() if 0x20 <= _next(head) < 0x80 else _raw(head)))
    else:
        _known_header(head.integer(), head, values)


def _known_header(number: int, head: Reader, values: dict[str, str]) -> None:
    as_text = 0x20 <= _next(head) < 0x80
    if number == _CONTENT_ID and as_text:
        values.setdefault("id", head.quoted().removeprefix("<").removesuffix(">"))
    elif number == _CONTENT_LOCATION and as_text:
        values.setdefault("location", head.text())
    elif number in (_DISPOSITION, _OLD_DISPOSITION) and 0 <= _next(head) <= wsp.LENGTH_QUOTE:
        inner = head.inner()
        kind = _KINDS.get(_next(inner), "")
        values["disposition"] = kind or inner.text().lower()
        if kind:
            inner.octet()
        values["filename"] = dict(read_parameters(inner)).get("filename", "")
    elif head.left:
        head.skip_value()


def _next(reader: Reader) -> int:
    """The next octet, -1 at the end: a header whose value is missing is passed over."""
    return reader.peek() if reader.left else -1


def _raw(reader: Reader) -> str:
    return reader.skip_value().hex() if reader.left else ""

"""Content types in WSP's binary form (WAP-230-WSP 8.4.2.24): assigned numbers or text, and typed parameters.

A `ContentType` is the same value in words; its parameters have the names that MIME gives them.
Called by multipart.py, pdu.py and push.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lteims.mm1 import wsp
from lteims.mm1.errors import MmsError
from lteims.mm1.wsp import CHARSETS, MIB_ENUMS, Reader

# WAP-230-WSP table 40 and what was assigned later (OMNA), by position.
MEDIA: Final[tuple[str, ...]] = (
    "*/*", "text/*", "text/html", "text/plain", "text/x-hdml", "text/x-ttml", "text/x-vcalendar", "text/x-vcard",
    "text/vnd.wap.wml", "text/vnd.wap.wmlscript", "text/vnd.wap.wta-event", "multipart/*", "multipart/mixed",
    "multipart/form-data", "multipart/byteranges", "multipart/alternative", "application/*", "application/java-vm",
    "application/x-www-form-urlencoded", "application/x-hdmlc", "application/vnd.wap.wmlc",
    "application/vnd.wap.wmlscriptc", "application/vnd.wap.wta-eventc", "application/vnd.wap.uaprof",
    "application/vnd.wap.wtls-ca-certificate", "application/vnd.wap.wtls-user-certificate",
    "application/x-x509-ca-cert", "application/x-x509-user-cert", "image/*", "image/gif", "image/jpeg", "image/tiff",
    "image/png", "image/vnd.wap.wbmp", "application/vnd.wap.multipart.*", "application/vnd.wap.multipart.mixed",
    "application/vnd.wap.multipart.form-data", "application/vnd.wap.multipart.byteranges",
    "application/vnd.wap.multipart.alternative", "application/xml", "text/xml", "application/vnd.wap.wbxml",
    "application/x-x968-cross-cert", "application/x-x968-ca-cert", "application/x-x968-user-cert", "text/vnd.wap.si",
    "application/vnd.wap.sic", "text/vnd.wap.sl", "application/vnd.wap.slc", "text/vnd.wap.co",
    "application/vnd.wap.coc", "application/vnd.wap.multipart.related", "application/vnd.wap.sia",
    "text/vnd.wap.connectivity-xml", "application/vnd.wap.connectivity-wbxml", "application/pkcs7-mime",
    "application/vnd.wap.hashed-certificate", "application/vnd.wap.signed-certificate",
    "application/vnd.wap.cert-response", "application/xhtml+xml", "application/wml+xml", "text/css",
    "application/vnd.wap.mms-message", "application/vnd.wap.rollover-certificate", "application/vnd.wap.locc+wbxml",
    "application/vnd.wap.loc+xml", "application/vnd.syncml.dm+wbxml", "application/vnd.syncml.dm+xml",
    "application/vnd.syncml.notification", "application/vnd.wap.xhtml+xml", "application/vnd.wv.csp.cir",
    "application/vnd.oma.dd+xml", "application/vnd.oma.drm.message", "application/vnd.oma.drm.content",
    "application/vnd.oma.drm.rights+xml", "application/vnd.oma.drm.rights+wbxml", "application/vnd.wv.csp+xml",
    "application/vnd.wv.csp+wbxml", "application/vnd.syncml.ds.notification", "audio/*", "video/*",
    "application/vnd.oma.dd2+xml", "application/mikey", "application/vnd.oma.dcd", "application/vnd.oma.dcdc",
)  # fmt: skip
_NUMBERS: Final = {name: number for number, name in enumerate(MEDIA)}
_OLD_TOP: Final = 0x3E  # what readers of any age know as a number; later ones go as text

# WAP-230-WSP table 38: the parameter and how its value is written. Those from 0x17 on are newer codes for the same.
_PARAMETERS: Final[dict[int, str]] = {
    0x00: "q", 0x01: "charset", 0x02: "level", 0x03: "type", 0x05: "name", 0x06: "filename", 0x07: "differences",
    0x08: "padding", 0x09: "type", 0x0A: "start", 0x0B: "start-info", 0x0C: "comment", 0x0D: "domain",
    0x0E: "max-age", 0x0F: "path", 0x10: "secure", 0x11: "sec", 0x12: "mac", 0x13: "creation-date",
    0x14: "modification-date", 0x15: "read-date", 0x16: "size", 0x17: "name", 0x18: "filename", 0x19: "start",
    0x1A: "start-info", 0x1B: "comment", 0x1C: "domain", 0x1D: "path",
}  # fmt: skip
_Q, _CHARSET, _TYPE, _RELATED_TYPE = 0x00, 0x01, 0x03, 0x09
_AS_TEXT: Final = {"name": 0x05, "filename": 0x06, "start": 0x0A, "start-info": 0x0B}
MAX_PARAMETERS: Final = 32

Parameters = tuple[tuple[str, str], ...]

RELATED: Final = "application/vnd.wap.multipart.related"
MIXED: Final = "application/vnd.wap.multipart.mixed"


@dataclass(frozen=True, slots=True)
class ContentType:
    """A media type in lower case with its parameters, in their order; a flag's value is ""."""

    media: str
    parameters: Parameters = ()

    @property
    def is_multipart(self) -> bool:
        """Does the body have the form of WSP's multipart (8.5)?"""
        return self.media.startswith(("application/vnd.wap.multipart.", "multipart/"))

    def get(self, name: str) -> str:
        """A parameter by its lower-case name, "" where there is none."""
        return next((value for key, value in self.parameters if key == name), "")

    @classmethod
    def parse(cls, data: bytes) -> "ContentType":
        """Read a value; MmsError unless it is one and all of it."""
        reader = Reader(data)
        value = read_content_type(reader)
        if reader.left:
            raise MmsError("octets behind a content type")
        return value

    def encode(self) -> bytes:
        """The value, in the short form where there are no parameters."""
        media = _media(self.media)
        if not self.parameters:
            return media
        return wsp.with_length(media + b"".join(_parameter(name, value) for name, value in self.parameters))

    def __str__(self) -> str:
        """As MIME writes it, for the log."""
        shown = (f'; {name}="{value}"' if value else f"; {name}" for name, value in self.parameters)
        return self.media + "".join(shown)


def read_content_type(reader: Reader) -> ContentType:
    """Content-type-value: a number or a text alone, or with parameters behind a length."""
    if reader.peek() > wsp.LENGTH_QUOTE:
        return _from_text(_read_media(reader), ())
    inner = reader.inner()
    media = _read_media(inner)
    return _from_text(media, read_parameters(inner))


def _read_media(reader: Reader) -> str:
    if 0x20 <= reader.peek() < 0x80:
        return reader.text()
    number = reader.integer()
    return MEDIA[number] if number < len(MEDIA) else f"application/x-wsp-{number}"  # refused, or shown as a file


def _from_text(media: str, parameters: Parameters) -> ContentType:
    """Some write parameters into the text, as MIME would."""
    media, _, rest = media.partition(";")
    pairs = [part.partition("=") for part in rest.split(";", MAX_PARAMETERS)[:MAX_PARAMETERS] if part.strip()]
    within = tuple((name.strip().lower(), value.strip().strip('"')) for name, _, value in pairs)
    return ContentType(media.strip().lower(), (*parameters, *within))


def read_parameters(reader: Reader) -> Parameters:
    """The parameters up to the reader's end (8.4.2.4); those with an unknown number are left out."""
    found: list[tuple[str, str]] = []
    while reader.left:
        if len(found) >= MAX_PARAMETERS:
            raise MmsError(f"more than {MAX_PARAMETERS} parameters")
        if 0x20 <= reader.peek() < 0x80:
            name = reader.text().lower()
            found.append((name, _generic(reader)))
            continue
        number = reader.integer()
        value = _READERS.get(number, _generic)(reader)
        if number in _PARAMETERS:
            found.append((_PARAMETERS[number], value))
    return tuple(found)


def _generic(reader: Reader) -> str:
    """Any typed or untyped value: No-value, an integer or a text, which may be a Quoted-string."""
    first = reader.peek()
    if first == 0:
        reader.octet()
        return ""
    return reader.quoted() if 0x20 <= first < 0x80 else str(reader.integer())


def _quality(reader: Reader) -> str:
    """Q-value (8.4.2.3): 1 to 100 are hundredths + 1, above that thousandths + 100."""
    value = reader.uintvar()
    return f"{(value - 1) / 100:g}" if value <= 100 else f"{(value - 100) / 1000:g}"


def _charset(reader: Reader) -> str:
    """A MIME name; an unknown number as its digits, any charset as a star."""
    if 0x20 <= reader.peek() < 0x80:
        return reader.text().lower()
    number = reader.integer()
    return CHARSETS.get(number, str(number)) if number else "*"


def _constrained(reader: Reader) -> str:
    return reader.quoted() if 0x20 <= reader.peek() < 0x80 else _read_media(reader)


_READERS: Final[dict[int, Callable[[Reader], str]]] = {
    _Q: _quality,
    _CHARSET: _charset,
    _TYPE: _constrained,
    _RELATED_TYPE: _constrained,
}


def _media(media: str) -> bytes:
    number = _NUMBERS.get(media, 0x7F)
    return wsp.short_integer(number) if number <= _OLD_TOP else wsp.text(media)


def _parameter(name: str, value: str) -> bytes:
    if name == "charset" and value in MIB_ENUMS:
        return wsp.short_integer(_CHARSET) + wsp.integer(MIB_ENUMS[value])
    if name == "type":
        return wsp.short_integer(_RELATED_TYPE) + _media(value)
    if name in _AS_TEXT:
        return wsp.short_integer(_AS_TEXT[name]) + wsp.text(value)
    return wsp.text(name) + (wsp.text(value) if value else b"\0")

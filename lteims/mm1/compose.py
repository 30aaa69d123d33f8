"""Makes the body of a message out of files, as the monitor and the remote API send one: parts, names and SMIL.

Pictures and texts are shown in turn by a presentation (OMA MMS_CONF 10.2); what a phone cannot show goes along as an
attachment, and alone as multipart/mixed. Called by ims/.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

from lteims.mm1 import multipart
from lteims.mm1.content_type import MIXED, RELATED, ContentType
from lteims.mm1.multipart import Part

MEDIA: Final = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "txt": "text/plain",
}
OTHER: Final = "application/octet-stream"
_SMIL: Final = "application/smil"
_SMIL_ID, _SMIL_NAME = "smil", "smil.xml"
_TEXT: Final = "text/plain"
_SHOWN: Final = "5000ms"  # how long a page stands
_LONGEST_NAME: Final = 40
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._\-]+")  # neither SMIL nor a URI has to escape what is left

_HEAD: Final = (
    '<head><layout><root-layout width="100%" height="100%"/>'
    '<region id="Image" left="0" top="0" width="100%" height="70%" fit="meet"/>'
    '<region id="Text" left="0" top="70%" width="100%" height="30%" fit="scroll"/></layout></head>'
)


@dataclass(frozen=True, slots=True)
class File:
    """A file by its name, of which the extension counts, and its octets."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What M-Send.req and M-Retrieve.conf have as content type and body."""

    content_type: ContentType
    body: bytes


def media_type(name: str) -> str:
    """The media type of a file's name; application/octet-stream for any other extension."""
    return MEDIA.get(name.rpartition(".")[2].lower(), OTHER) if "." in name else OTHER


def compose(files: Sequence[File]) -> Content:
    """The message with these files: multipart/related with a presentation, mixed where there is nothing to show."""
    parts = _parts(files)
    shown = [part for part in parts if part.content_type.media != OTHER]
    if not shown:
        return Content(ContentType(MIXED), multipart.encode(parts))
    smil = _named(ContentType(_SMIL, (("charset", "utf-8"),)), _presentation(shown), _SMIL_NAME, _SMIL_ID)
    start = (("start", f"<{_SMIL_ID}>"), ("type", _SMIL))
    return Content(ContentType(RELATED, start), multipart.encode([smil, *parts]))


def _parts(files: Iterable[File]) -> list[Part]:
    names = {_SMIL_NAME, _SMIL_ID}
    parts = []
    for file in files:
        name = _free_name(file.name, names)
        names.add(name)
        media, data = media_type(file.name), file.data
        if media == _TEXT:
            data, charset = _text(data)
            parts.append(_named(ContentType(media, (("charset", charset),)), data, name, name))
        else:
            parts.append(_named(ContentType(media), data, name, name))
    return parts


def _named(content_type: ContentType, data: bytes, name: str, content_id: str) -> Part:
    """A part that a phone finds by Content-ID, by Content-Location and by the name of its type, whichever it reads."""
    named = ContentType(content_type.media, (*content_type.parameters, ("name", name)))
    return Part(named, data, content_id, name)


def _free_name(path: str, taken: set[str]) -> str:
    """The last piece of a path in plain ASCII, unlike those in `taken`."""
    stem, dot, extension = re.split(r"[/\\]", path)[-1].rpartition(".")
    if not dot:
        stem, extension = extension, ""
    stem = _UNSAFE.sub("_", stem).strip("._")[:_LONGEST_NAME] or "file"
    extension = dot + _UNSAFE.sub("_", extension)[:8] if extension else ""
    name, number = stem + extension, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}{extension}"
    return name


def _text(data: bytes) -> tuple[bytes, str]:
    """A text file's octets in one of the two character sets that every phone reads, and its name (MMS_CONF 7.1.4)."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.encode("utf-8", "replace"), "us-ascii" if text.isascii() else "utf-8"


def _presentation(parts: Iterable[Part]) -> bytes:
    """SMIL with a page for each picture and the text behind it."""
    pages: list[list[str]] = []
    for part in parts:
        source = quoteattr(part.content_location)
        if part.content_type.media != _TEXT:
            pages.append([f'<img src={source} region="Image"/>'])
            continue
        text = f'<text src={source} region="Text"/>'
        if pages and len(pages[-1]) == 1 and pages[-1][0].startswith("<img"):
            pages[-1].append(text)
        else:
            pages.append([text])
    body = "".join(f'<par dur="{_SHOWN}">{"".join(page)}</par>' for page in pages)
    return f"<smil>{_HEAD}<body>{body}</body></smil>".encode()

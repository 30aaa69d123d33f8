"""Multipart bodies (RFC 2046 5.1, RFC 5621): an SDP beside an emergency location, an SMS beside a text.

`parts()` gives the leaf parts of a message's body, nested ones included; ims/ picks by type.
"""

from dataclasses import dataclass

from lteims.sip.errors import SipError
from lteims.sip.grammar import BLANKS
from lteims.sip.headers import parse_media_type
from lteims.sip.message import Message

MAX_PARTS = 32
_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of a body: its lower-case media type, header lines by lower-case name, octets."""

    kind: str
    headers: dict[str, str]
    body: bytes


def parts(message: Message) -> list[Part]:
    """The leaf parts; one for a plain body, none for an empty one. SipError 400 when the body does not parse."""
    if not message.body:
        return []
    text = message.get("content-type")
    if not text:
        raise SipError(400, "a body without Content-Type", reason="Missing Content-Type")
    out: list[Part] = []
    _collect(text, {"content-type": text}, message.body, out, 0)
    return out


def body_of(message: Message, kind: str) -> bytes | None:
    """The first part of a media type such as application/sdp, None where there is none."""
    return next((part.body for part in parts(message) if part.kind == kind), None)


def _collect(content_type: str, headers: dict[str, str], body: bytes, out: list[Part], depth: int) -> None:
    kind, params = parse_media_type(content_type)
    if not kind.startswith("multipart/"):
        if len(out) >= MAX_PARTS:
            raise SipError(400, "too many body parts")
        out.append(Part(kind, headers, body))
        return
    boundary = params.get("boundary")
    if not boundary or depth >= _MAX_DEPTH:
        raise SipError(400, "multipart without boundary, or nested too deeply")
    for piece in _split(body, boundary.encode("utf-8", "surrogateescape")):
        inner, content = _split_headers(piece)
        _collect(inner.get("content-type", "text/plain"), inner, content, out, depth + 1)


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    delimiter = b"\r\n--" + boundary
    pieces = (b"\r\n" + body).split(delimiter, MAX_PARTS + 2)
    if len(pieces) < 2:
        raise SipError(400, "the boundary does not occur in the body")
    inner: list[bytes] = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return inner
        inner.append(piece.lstrip(b" \t").removeprefix(b"\r\n"))
    raise SipError(400, "the closing boundary is missing")


def _split_headers(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, separator, content = (b"\r\n" + piece).partition(b"\r\n\r\n")
    if not separator:
        raise SipError(400, "a body part without its header section")
    text = head.decode("utf-8", "surrogateescape").replace("\r\n ", " ").replace("\r\n\t", " ")
    headers = {}
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip(BLANKS).lower()] = value.strip(BLANKS)
    return headers, content

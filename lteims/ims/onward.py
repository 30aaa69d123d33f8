"""The body that goes on from one phone to the other: its SDP anew, what stands beside it as it came (RFC 5621).

So the PIDF-LO of an emergency call (RFC 6442) or an ISUP part reaches the callee. Asked for every body of a call that
is passed on.
"""

import zlib

from lteims.sip.message import Message, shown_name
from lteims.sip.multipart import Part, parts

SDP = "application/sdp"
_OF_THE_NETWORK = "application/3gpp-ims+xml"  # TS 24.229 7.6.1: not to be forwarded outside of it


def other_parts(message: Message) -> list[Part]:
    """The body parts besides the SDP, in order. SipError 400 when the body does not parse."""
    if not message.body or message.get("content-type").strip().lower() == SDP:
        return []
    return [part for part in parts(message) if part.kind not in (SDP, _OF_THE_NETWORK)]


def onward_body(message: Message, sdp: bytes) -> tuple[str, bytes]:
    """Content-Type and octets of the body with this SDP in place of the peer's; `b""` for none.

    ("", b"") where nothing is left. Headers of a part, Content-ID above all, are kept: Geolocation refers to them.
    """
    others = other_parts(message)
    if not others:
        return (SDP, sdp) if sdp else ("", b"")
    if not sdp and len(others) == 1 and not set(others[0].headers) - {"content-type"}:
        return others[0].headers["content-type"], others[0].body
    pieces = [_encode(part) for part in others]
    if sdp:
        pieces.insert(0, f"Content-Type: {SDP}\r\n\r\n".encode() + sdp)
    boundary = _boundary(pieces)
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, piece) for piece in pieces) + b"--%s--\r\n" % boundary
    return f"multipart/mixed;boundary={boundary.decode()}", body


def _encode(part: Part) -> bytes:
    lines = [f"{shown_name(name)}: {text}" for name, text in part.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + part.body


def _boundary(pieces: list[bytes]) -> bytes:
    """One that occurs in none of the pieces (RFC 2046 5.1.1)."""
    whole = b"".join(pieces)
    salt = 0
    while True:
        boundary = b"part-%08x" % zlib.crc32(whole, salt)
        if boundary not in whole:
            return boundary
        salt += 1

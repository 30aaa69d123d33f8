"""Is this request one that can be served at all? RFC 3261 8.1.1, 8.2, 16.3; each failure is a SipError with its code.

net/sip.py calls `check_request` before a transaction reaches ims/, and `check_response` before one reaches a client.
"""

from typing import Final

from lteims.sip.errors import SipError
from lteims.sip.grammar import TOKEN, is_utf8, is_word, parse_expires, parse_number
from lteims.sip.headers import Via, parse_media_type
from lteims.sip.message import Message, Request, Response, shown_name

METHODS: Final = (
    "REGISTER", "SUBSCRIBE", "INVITE", "ACK", "CANCEL", "PRACK", "UPDATE", "BYE", "MESSAGE", "NOTIFY", "OPTIONS",
    "INFO", "REFER", "PUBLISH",
)  # fmt: skip
_MANDATORY: Final = ("via", "from", "to", "call-id", "cseq")
_TOP: Final = 0xFFFFFFFF
_CHECKED: Final = {  # headers that may be there once; the largest value of those that are numbers, 0 for the others
    "from": 0, "to": 0, "call-id": 0, "cseq": 0, "content-type": 0, "event": 0, "session-expires": 0, "rack": 0,
    "expires": 0, "max-forwards": 255, "min-expires": _TOP, "min-se": _TOP, "rseq": _TOP,
}  # fmt: skip
_KEPT: Final = ("call-id", "contact", "path", "authorization", "proxy-authorization", "user-agent")
_ADDRESS_LISTS: Final = ("route", "record-route", "path")


def check_request(request: Request) -> None:
    """Raise SipError if the request must be refused before anybody looks at what it wants."""
    if request.version != "SIP/2.0":
        raise SipError(505, f"version {request.version[:20]}")
    if request.defect is not None:
        raise request.defect
    if request.foreign:
        _check_encoding(request)
    _check_common(request)
    if not is_word(request.cseq.method) and not TOKEN.fullmatch(request.cseq.method):
        raise SipError(400, "bad method in CSeq", reason="Bad CSeq")
    if request.cseq.method != request.method:
        raise SipError(400, f"CSeq says {request.cseq.method[:30]}, the request {request.method[:30]}")
    if not request.target.lower().startswith(("sip:", "sips:", "tel:", "urn:")):
        _check_foreign_scheme(request.target)
    request.uri  # noqa: B018 - parsing is the check
    for name in _ADDRESS_LISTS:
        if name in request.headers:
            request.name_addrs(name)
    if "contact" in request.headers:
        for contact in request.contacts:
            if contact.uri.scheme == "*" and request.method != "REGISTER":
                raise SipError(400, "Contact: * outside REGISTER", reason="Bad Contact")
    if request.body and "content-type" in request.headers:
        parse_media_type(request.get("content-type"))


def _check_encoding(request: Request) -> None:
    """A display name in Latin-1 is seen in the field; what is kept or computed with must be UTF-8 (RFC 3261 7)."""
    for name in _KEPT:
        if not all(line.isascii() or is_utf8(line) for line in request.headers.get(name, ())):
            raise SipError(400, f"{shown_name(name)} is not UTF-8", reason=f"Bad {shown_name(name)}")


def check_response(response: Response) -> None:
    """Raise SipError (the code is of no use: nobody answers a response) if it cannot be matched or believed."""
    if response.defect is not None:
        raise response.defect
    _check_common(response)


def _check_common(message: Message) -> None:
    headers = message.headers
    for name in _MANDATORY:
        if name not in headers or not headers[name][0]:
            raise SipError(400, f"no {shown_name(name)}", reason=f"Missing {shown_name(name)} Header")
    for name, lines in headers.items():
        if name not in _CHECKED:
            continue
        if len(lines) > 1:
            raise SipError(400, f"{len(lines)} {shown_name(name)} headers", reason=f"Too Many {shown_name(name)}")
        top = _CHECKED[name]
        if name == "expires":
            parse_expires(lines[0].partition(";")[0])
        elif top:
            parse_number(lines[0] if lines[0].isdigit() else lines[0].partition(";")[0], shown_name(name), top)
    message.from_, message.to, message.cseq  # noqa: B018 - parsing is the check
    vias = headers["via"]
    if len(vias) > 1 or "," in vias[0]:
        for value in message.values("via"):
            Via.parse(value)
    message.via  # noqa: B018


def _check_foreign_scheme(target: str) -> None:
    if target.startswith("<"):
        raise SipError(400, "angle brackets around the Request-URI", reason="Bad Request-URI")
    scheme, colon, _ = target.partition(":")
    if not colon or not TOKEN.fullmatch(scheme):
        raise SipError(400, f"bad Request-URI: {target[:60]!r}", reason="Bad Request-URI")
    raise SipError(416, f"scheme {scheme[:20]}")

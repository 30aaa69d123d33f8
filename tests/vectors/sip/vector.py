"""The form of a SIP vector: octets, whether they are well formed, what a right parser sees, what answer is right.

Used by rfc4475.py, rfc5118.py and phones.py beside this file; read by tests/unit/sip and tests/net.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OWN_DOMAIN = "example.com"  # what the server under test is responsible for
SUBSCRIBER_CODES = frozenset({401, 403, 404, 407, 480})  # somebody unknown, or not yet authenticated
BAD_REQUEST = frozenset({400})
UNKNOWN_METHOD = frozenset({405, 501})  # RFC 3261 21.5.2 against 21.4.6: servers differ

# What a well-formed request may get from a server that serves the domain: anything but a complaint about its form.
SERVED: Mapping[str, frozenset[int]] = {
    "REGISTER": SUBSCRIBER_CODES | {200},
    "OPTIONS": SUBSCRIBER_CODES | {200},
    "INVITE": SUBSCRIBER_CODES | {200, 486, 488, 603},
    "MESSAGE": SUBSCRIBER_CODES | {200, 202, 415, 488},
    "BYE": SUBSCRIBER_CODES | {481},
}


class Form(StrEnum):
    """What the section says about the octets themselves."""

    VALID = "valid"  # must parse
    TOLERABLE = "tolerable"  # malformed; refused, or read as it was meant
    BROKEN = "broken"  # must be refused, or dropped if it is a response


@dataclass(frozen=True, slots=True)
class Vector:
    """One message.

    `seen` maps paths (see look.py) to the values that a right parser gives; names of headers and parameters are
    lower case. `answer` holds the status codes that may come back over UDP from a server that is responsible for the
    Request-URI's domain; None: nothing may come back.
    """

    name: str
    section: str
    point: str
    data: bytes
    form: Form
    answer: frozenset[int] | None
    seen: Mapping[str, object] = field(default_factory=dict)
    domain: str = OWN_DOMAIN  # of the Request-URI, "" where it has none
    depends_on_domain: bool = False  # the answer is about the user: where the domain is foreign, he is not found

    @property
    def is_request(self) -> bool:
        """False for a response."""
        return not self.data.startswith(b"SIP/")

    @property
    def reply_port(self) -> int:
        """The port of our own address that an answer goes to: that of the top Via, as these have no rport."""
        match = _TOP_VIA.search(self.data)
        return int(match[2] or 5060) if match else 5060


def expected_answer(vector: Vector, own_domain: str = OWN_DOMAIN) -> frozenset[int] | None:
    """The final status codes that may come back over UDP from a server for `own_domain`; None: no answer at all."""
    if vector.answer is None or not vector.depends_on_domain or vector.domain == own_domain:
        return vector.answer
    return (vector.answer - _SUCCESS) | SUBSCRIBER_CODES


def with_rport(data: bytes) -> bytes:
    """The same message with `;rport` in its top Via, so that the answer comes back to the socket that sent it."""
    return _TOP_VIA.sub(lambda match: match[0] + b";rport", data, count=1)


def with_fresh_branch(data: bytes, suffix: bytes) -> bytes:
    """The same message with `suffix` (token characters) behind the branch of its top Via, if that has the cookie.

    The RFCs use one branch in several messages; a server that gets them all would take the later for retransmissions.
    """
    match = _TOP_VIA.search(data)
    if match is None:
        return data
    rest = data[match.end() :]
    value = _VIA_END.split(rest, maxsplit=1)[0]
    return data[: match.end()] + _BRANCH.sub(lambda found: found[0] + suffix, value, count=1) + rest[len(value) :]


_SUCCESS = frozenset({200, 202})
_VIA_END = re.compile(rb",|\r\n(?![ \t])")
_BRANCH = re.compile(rb"branch\s*=\s*z9hG4bK[A-Za-z0-9\-.!%*_+`'~]+", re.IGNORECASE)
_TOP_VIA = re.compile(
    rb"\r\n(?:via|v)[ \t]*:\s*sip\s*/\s*[0-9.]+\s*/\s*[a-z]+\s+(\[[^\]]*\]|[^\s:;,]+)(?::([0-9]+))?", re.IGNORECASE
)


def message(start: str, head: str, body: bytes = b"") -> bytes:
    """A start line, header lines written one a line, a body: the octets with CRLF ends and the empty line."""
    lines = head.strip("\n").replace("\n", "\r\n")
    return f"{start}\r\n{lines}\r\n\r\n".encode() + body


def text_body(text: str) -> bytes:
    """A body of lines, each with its CRLF."""
    return text.strip("\n").replace("\n", "\r\n").encode() + b"\r\n"


def sdp(origin: str, connection: str = "", time: str = "0 0") -> bytes:
    """The session that most bodies of RFC 4475 hold; 150 octets where both addresses are `192.0.2.1`."""
    return text_body(
        f"""
v=0
o=mhandley 29739 7272939 IN IP4 {origin}
s=-
c=IN IP4 {connection or origin}
t={time}
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
"""
    )


def served(method: str, *codes: int) -> frozenset[int]:
    """The codes for a well-formed request of this method, and further ones that its section allows."""
    return SERVED[method] | frozenset(codes)

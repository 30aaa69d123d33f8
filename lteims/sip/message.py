"""A SIP message (RFC 3261 7): split once into a dictionary of header lines; typed values are parsed when asked for.

`parse()` takes the octets of one datagram or one framed message. What is wrong in a message that can still be
answered is kept in `defect`, so that valid.py can refuse it with the right code; only what is no SIP raises NotSip.
"""

import re
from collections.abc import Iterable
from typing import Final

from lteims.sip.errors import NotSip, SipError, reason_phrase
from lteims.sip.grammar import BLANK, BLANKS, TOKEN, bad, is_word, parse_expires, parse_number, split_commas
from lteims.sip.headers import CSeq, NameAddr, Via
from lteims.sip.uri import Uri, parse_uri

COMPACT: Final = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject",
    "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip
_ODD_NAMES: Final = {
    "call-id": "Call-ID", "cseq": "CSeq", "mime-version": "MIME-Version", "www-authenticate": "WWW-Authenticate",
    "min-se": "Min-SE", "rseq": "RSeq", "rack": "RAck", "sip-etag": "SIP-ETag", "sip-if-match": "SIP-If-Match",
    "p-associated-uri": "P-Associated-URI", "p-called-party-id": "P-Called-Party-ID",
}  # fmt: skip
_KNOWN: Final = (
    *COMPACT.values(), *_ODD_NAMES, "via", "route", "record-route", "path", "service-route", "max-forwards", "expires",
    "min-expires", "accept", "accept-encoding", "accept-language", "allow", "authorization", "proxy-authenticate",
    "proxy-authorization", "require", "proxy-require", "supported", "unsupported", "user-agent", "server", "reason",
    "retry-after", "p-asserted-identity", "p-preferred-identity", "p-access-network-info", "p-visited-network-id",
    "p-charging-vector", "p-early-media", "privacy", "security-client", "security-server", "security-verify",
    "warning", "timestamp", "date", "subscription-state", "in-reply-to", "history-info", "geolocation",
)  # fmt: skip
# What a peer writes may fill the rest of these tables, but not take the room of the names that we know.
_MAX_NAMES: Final = 1024
_MAX_NAME: Final = 64  # characters of a name that is remembered
_shown_names: Final[dict[str, str]] = {}  # lower case -> as sent
_line_starts: Final[dict[str, str]] = {}  # lower case -> as sent, with what stands before the value
_canonical: Final[dict[str, str]] = dict(COMPACT)  # as it came -> lower case and long
_FOLD: Final = re.compile(r"\r\n[ \t]+")
_LONE_NUL: Final = re.compile(r"(?<!\\)\x00")
MAX_HEADERS: Final = 512


def shown_name(name: str) -> str:
    """`call-id` -> `Call-ID`: a header's name as it is written."""
    shown = _shown_names.get(name)
    if shown is None:
        shown = _ODD_NAMES.get(name) or "-".join(part.capitalize() for part in name.split("-"))
        if len(_shown_names) < _MAX_NAMES and len(name) < _MAX_NAME:
            _shown_names[name] = shown
    return shown


def line_start(name: str) -> str:
    """`call-id` -> `Call-ID: `: what stands before the value."""
    start = f"{shown_name(name)}: "
    if len(_line_starts) < _MAX_NAMES and len(name) < _MAX_NAME:
        _line_starts[name] = start
    return start


for _name in _KNOWN:
    _canonical[_name] = _canonical[shown_name(_name)] = _name


class Message:
    """What requests and responses share. `headers` maps lower-case long names to the lines' values in order."""

    __slots__ = ("_contacts", "_cseq", "_from", "_to", "_via", "body", "defect", "foreign", "headers")

    def __init__(self, headers: dict[str, list[str]] | None = None, body: bytes = b"") -> None:
        self.headers: dict[str, list[str]] = {} if headers is None else headers
        self.body = body
        self.defect: SipError | None = None
        self.foreign = False  # octets among the headers are no UTF-8; they are surrogates here (PEP 383)
        self._via: Via | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._cseq: CSeq | None = None
        self._contacts: list[NameAddr] | None = None

    # -- reading
    def get(self, name: str) -> str:
        """The first line of a header, "" where absent. `name` is the lower-case long name, here and below."""
        lines = self.headers.get(name)
        return lines[0] if lines else ""

    def values(self, name: str) -> list[str]:
        """All values of a comma-list header in order, over all its lines; empty ones left out."""
        lines = self.headers.get(name)
        if not lines:
            return []
        return [value for line in lines for value in split_commas(line) if value]

    def tokens(self, name: str) -> list[str]:
        """The values in lower case: option tags and the like."""
        return [value.lower() for value in self.values(name)]

    def words(self, name: str) -> list[str]:
        """The same; none where they cannot be read."""
        try:
            return self.tokens(name)
        except SipError:
            return []

    def name_addrs(self, name: str) -> list[NameAddr]:
        """The values of a Route, Path, P-Asserted-Identity... header."""
        return [NameAddr.parse(value, shown_name(name)) for value in self.values(name)]

    def number(self, name: str) -> int | None:
        """A delta-seconds or counter header, None where absent; 400 if it is no number."""
        lines = self.headers.get(name)
        if not lines:
            return None
        value = lines[0].partition(";")[0]
        return parse_expires(value) if name == "expires" else parse_number(value, shown_name(name))

    @property
    def via(self) -> Via:
        """The topmost Via."""
        if self._via is None:
            self._via = Via.parse(self._one_of_list("via"))
        return self._via

    @property
    def from_(self) -> NameAddr:
        """From."""
        if self._from is None:
            self._from = NameAddr.parse(self.get("from"), "From")
        return self._from

    @property
    def to(self) -> NameAddr:
        """To."""
        if self._to is None:
            self._to = NameAddr.parse(self.get("to"), "To")
        return self._to

    @property
    def cseq(self) -> CSeq:
        """CSeq."""
        if self._cseq is None:
            self._cseq = CSeq.parse(self.get("cseq"))
        return self._cseq

    @property
    def call_id(self) -> str:
        """Call-ID."""
        return self.get("call-id")

    @property
    def contacts(self) -> list[NameAddr]:
        """The Contact values; a lone `*` gives one whose URI has the scheme "*"."""
        if self._contacts is None:
            values = self.values("contact")
            if values == ["*"]:
                self._contacts = [NameAddr(Uri("*", text="*"))]
            else:
                self._contacts = [NameAddr.parse(value, "Contact") for value in values]
        return self._contacts

    def _one_of_list(self, name: str) -> str:
        lines = self.headers.get(name)
        if not lines:
            raise SipError(400, f"no {shown_name(name)}", reason=f"Missing {shown_name(name)} Header")
        line = lines[0]
        return split_commas(line)[0] if "," in line else line

    # -- writing
    def set(self, name: str, *lines: str) -> None:
        """Replace a header by these lines; none removes it. Typed values of From, To, Via, CSeq are read anew."""
        if lines:
            self.headers[name] = list(lines)
        else:
            self.headers.pop(name, None)
        match name:
            case "via":
                self._via = None
            case "from":
                self._from = None
            case "to":
                self._to = None
            case "cseq":
                self._cseq = None
            case "contact":
                self._contacts = None

    def add(self, name: str, line: str) -> None:
        """Append one line to a header."""
        self.set(name, *self.headers.get(name, ()), line)

    def replace_top_via(self, via: Via) -> None:
        """Put another value where the topmost Via stands."""
        lines = self.headers["via"]
        rest = split_commas(lines[0])[1:] if "," in lines[0] else []
        self.headers["via"] = [", ".join([via.encode(), *rest]), *lines[1:]]
        self._via = via

    def start_line(self) -> str:
        """The first line without its CRLF."""
        raise TypeError("a message is a Request or a Response")

    def encode(self) -> bytes:
        """The octets, with a Content-Length of our own counting."""
        out = [self.start_line()]
        for name, lines in self.headers.items():
            start = _line_starts.get(name) or line_start(name)
            for line in lines:
                out.append(start + line)
        out.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(out).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request; `target` is the Request-URI as text."""

    __slots__ = ("_uri", "method", "target", "version")

    def __init__(
        self, method: str, target: str, headers: dict[str, list[str]] | None = None, body: bytes = b""
    ) -> None:
        super().__init__(headers, body)
        self.method = method
        self.target = target
        self.version = "SIP/2.0"
        self._uri: Uri | None = None

    @property
    def uri(self) -> Uri:
        """The Request-URI."""
        if self._uri is None:
            self._uri = parse_uri(self.target)
        return self._uri

    def start_line(self) -> str:
        return f"{self.method} {self.target} SIP/2.0"


class Response(Message):
    """A response."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str = "", headers: dict[str, list[str]] | None = None, body: bytes = b""):
        super().__init__(headers, body)
        self.code = code
        self.reason = reason or reason_phrase(code)

    @classmethod
    def to_request(cls, request: Request, code: int, reason: str = "", to_tag: str = "") -> "Response":
        """A response with the headers that RFC 3261 8.2.6.2 copies; a To tag is added where none is there yet."""
        source = request.headers
        headers = {"via": source.get("via", []), "from": source.get("from", []), "to": source.get("to", [])}
        if to_tag and source.get("to") and not request.to.tag:
            headers["to"] = [f"{source['to'][0]};tag={to_tag}"]
        headers["call-id"] = source.get("call-id", [])
        headers["cseq"] = source.get("cseq", [])
        if code == 100 and "timestamp" in source:  # RFC 3261 8.2.6.1
            headers["timestamp"] = source["timestamp"]
        response = cls(code, reason, headers)
        response._via = request._via
        return response

    def start_line(self) -> str:
        return f"SIP/2.0 {self.code} {self.reason}"


def parse(data: bytes) -> Request | Response:
    """One message out of a datagram or a framed piece of a stream; NotSip when it is none."""
    head, separator, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    try:
        text, foreign = head.decode(), False
    except UnicodeDecodeError:
        text, foreign = head.decode("utf-8", "surrogateescape"), True
    lines = text.split("\r\n")
    lone = _has_lone_break(lines)
    if lone and not separator and len(lines) == 1:  # bare LF throughout: read as if CRLF had been meant
        head, separator, body = head.partition(b"\n\n")
        text = head.decode("utf-8", "surrogateescape").replace("\n", "\r\n")
        lines = text.split("\r\n")
        lone = _has_lone_break(lines)
    if len(lines) > MAX_HEADERS or (len(lines) > 1 and lines[1].startswith(BLANK)):
        lines = _FOLD.sub(" ", text).split("\r\n")
    message = _parse_start(lines[0])
    if not _parse_headers(message, lines):
        lines = _FOLD.sub(" ", text).split("\r\n")
        message = _parse_start(lines[0])
        _parse_headers(message, lines)
    if lone:
        message.defect = message.defect or SipError(400, "a lone CR, LF or NUL among the headers")
    message.foreign = foreign
    if not separator and message.defect is None and head[-2:] != b"\r\n" and "via" not in message.headers:
        raise NotSip("the header section has no end")
    if not separator:
        message.defect = message.defect or SipError(400, "the header section has no end")
    _take_body(message, body)
    return message


def _has_lone_break(lines: list[str]) -> bool:
    """A CR or LF that was no part of a CRLF, or a NUL that is not quoted (RFC 4475 3.1.1.2)."""
    text = "".join(lines)
    if "\n" in text or "\r" in text:
        return True
    return "\x00" in text and any(_LONE_NUL.search(line) for line in lines)


def _parse_start(line: str) -> Request | Response:
    if line[:8] == "SIP/2.0 " or (line[:8].upper() == "SIP/2.0 " and line[:8].isascii()):
        code, _, reason = line[8:].partition(" ")
        if len(code) != 3 or not code.isascii() or not code.isdigit() or not "1" <= code[0] <= "6":
            raise NotSip(f"bad status line: {line[:60]!r}")
        return Response(int(code), reason.strip(BLANKS))
    method, _, rest = line.partition(" ")
    target, _, version = rest.rpartition(" ")
    if version == "SIP/2.0" and target and " " not in target and "\t" not in target and is_word(method):
        return Request(method, target)
    if not TOKEN.fullmatch(method) or version[:4].upper() != "SIP/" or not version.isascii():
        stripped = line.rstrip(BLANKS)  # RFC 4475 3.1.2.11: blanks behind the version
        if stripped != line and TOKEN.fullmatch(method) and stripped.rpartition(" ")[2][:4].upper() == "SIP/":
            request = Request(method, rest.lstrip(BLANKS).partition(" ")[0])
            request.defect = SipError(400, "blanks at the end of the request line")
            return request
        raise NotSip(f"bad start line: {line[:60]!r}")
    request = Request(method, target)
    request.version = version.upper()
    if not target or " " in target or "\t" in target:
        request.defect = SipError(400, f"bad request line: {line[:60]!r}", reason="Bad Request Line")
    return request


def _parse_headers(message: Message, lines: list[str]) -> bool:
    """False if a line goes on in the next one (RFC 3261 7.3.1): then they have to be joined first."""
    headers = message.headers
    if len(lines) > MAX_HEADERS:
        message.defect = SipError(400, f"{len(lines)} header lines", reason="Too Many Headers")
        del lines[MAX_HEADERS:]
    for i in range(1, len(lines)):
        name, colon, value = lines[i].partition(":")
        canonical = _canonical.get(name)
        if canonical is None:
            if lines[i].startswith(BLANK):
                return False
            canonical = _canonical_name(message, name, colon)
            if not canonical:
                continue
        value = value.strip(BLANKS)
        if canonical in headers:
            headers[canonical].append(value)
        else:
            headers[canonical] = [value]
    return True


def _canonical_name(message: Message, name: str, colon: str) -> str:
    """The lower-case long name of a name not seen before; remembered while the table is small."""
    name = name.strip(BLANKS)
    lower = name.lower()
    if not colon or not TOKEN.fullmatch(name):
        if name or colon:
            message.defect = message.defect or SipError(400, f"bad header line: {name[:60]!r}", reason="Bad Header")
        return ""
    canonical = COMPACT.get(lower, lower)
    if len(_canonical) < _MAX_NAMES and len(name) < _MAX_NAME:
        _canonical[name] = canonical
    return canonical


def _take_body(message: Message, body: bytes) -> None:
    """Cut the body at Content-Length; a datagram shorter than it says is malformed (RFC 3261 18.3)."""
    lines = message.headers.pop("content-length", None)
    message.body = body
    if not lines:
        return
    try:
        if len(set(lines)) > 1:
            raise bad("Content-Length", ", ".join(lines))
        length = parse_number(lines[0], "Content-Length")
        if length > len(body):
            raise SipError(400, f"Content-Length {length}, but {len(body)} octets came", reason="Bad Content-Length")
        message.body = body[:length]
    except SipError as error:
        message.defect = message.defect or error


def copy_headers(source: Message, names: Iterable[str]) -> dict[str, list[str]]:
    """The named headers of a message, for one that is built from it."""
    return {name: list(lines) for name in names if (lines := source.headers.get(name))}

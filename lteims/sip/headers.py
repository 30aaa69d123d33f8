"""Typed header values: one small frozen value for each header whose parts somebody asks for.

Via (RFC 3261 20.42, RFC 3581), name-addr (20.10, 20.20, 20.39), CSeq (20.16), credentials and challenges (RFC 3261
22, RFC 2617), Content-Type. Each has `parse(text)`, which raises SipError 400, and `encode()`.
"""

import re
from dataclasses import dataclass
from typing import Final

from lteims.sip.errors import SipError
from lteims.sip.grammar import (
    BLANKS,
    HOST,
    MAX_PORT,
    TOKEN,
    Params,
    bad,
    encode_params,
    host_port,
    is_plain_host,
    is_port,
    parse_number,
    parse_params,
    quote,
    skip_quoted,
    split_commas,
    unquote,
)
from lteims.sip.uri import Uri, parse_uri

_VIA: Final = re.compile(
    rf"SIP[ \t]*+/[ \t]*+[0-9.]++[ \t]*+/[ \t]*+([A-Za-z0-9\-.]++)[ \t]++({HOST})[ \t]*+"
    r"(?>(?::[ \t]*+([0-9]{1,5})[ \t]*+)?)(;.*)?",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)  # possessive, here and below: a long run of blanks must not be tried again from each of its places
_AUTH_PARAM: Final = re.compile(
    r"""[ \t]*+(?>(?:([^ \t=,"]++)[ \t]*+=[ \t]*+(?:"([^"\\]*+(?>(?:\\.[^"\\]*+)*))"|([^ \t,"]*+)))?)[ \t]*+(?:,|\Z)""",
    re.DOTALL,
)
_TRANSPORTS: Final = frozenset({"UDP", "TCP", "TLS"})
_CACHEABLE: Final = 256  # characters of a text (see uri.py)
_CACHED: Final = 256  # texts
_BLANK_RUN: Final = re.compile(r"[ \t]++")
_CSEQ: Final = re.compile(r"([0-9]++)[ \t]++([^ \t]++)")
_BARE: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~:\[\]]*+")  # needs no quotes in a Via, nor does IPv6 (RFC 5118 4.5)


@dataclass(init=False, slots=True)  # here and below: values that are never changed (see Uri on why not frozen)
class Via:
    """One Via value."""

    transport: str  # upper case
    host: str  # lower case, IPv6 without brackets
    port: int | None
    params: Params

    def __init__(self, transport: str, host: str, port: int | None, params: Params) -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.params = params

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one Via value."""
        if text.startswith("SIP/2.0/"):
            place, semicolon, tail = text.partition(";")
            transport, _, place = place[8:].partition(" ")
            host, colon, digits = place.partition(":")
            plain = transport in _TRANSPORTS and is_plain_host(host)
            if plain and (not colon or (is_port(digits) and int(digits) <= MAX_PORT)):
                params = parse_params(semicolon + tail, "Via parameter") if semicolon else {}
                return Via(transport, host.lower(), int(digits) if colon else None, params)
        return Via._parse(text)

    @staticmethod
    def _parse(text: str) -> "Via":
        match = _VIA.fullmatch(text)
        if match is None:
            raise bad("Via", text)
        transport, host, port, params = match.groups()
        if port and int(port) > MAX_PORT:
            raise bad("Via port", text)
        return Via(
            transport.upper(),
            host.lower().strip("[]"),
            int(port) if port else None,
            parse_params(params, "Via parameter") if params else {},
        )

    @property
    def branch(self) -> str:
        """The branch parameter, "" where a RFC 2543 element sent none."""
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """Host and port as the transaction key wants them (RFC 3261 17.2.3)."""
        return host_port(self.host, self.port or (5061 if self.transport == "TLS" else 5060))

    def with_source(self, host: str, port: int) -> "Via":
        """This Via with received and rport filled in from where the request came (RFC 3261 18.2.1, RFC 3581 4)."""
        params = dict(self.params)
        params.pop("received", None)
        if "rport" in params:
            params["rport"] = str(port)
            params["received"] = host
        elif self.host != host:
            params["received"] = host
        return Via(self.transport, self.host, self.port, params)

    def reply_address(self) -> tuple[str, int]:
        """Where a response over UDP goes (RFC 3261 18.2.2, RFC 3581 4).

        maddr is left out on purpose: it would let a sender point our answers at somebody else. So would `received`
        as it came; `with_source` has put the truth there.
        """
        params = self.params
        received = params.get("received") or self.host
        rport = params.get("rport")
        if rport and len(rport) <= 5 and rport.isascii() and rport.isdigit() and int(rport) <= MAX_PORT:
            return received.strip("[]"), int(rport)
        return received.strip("[]"), self.port or 5060

    def encode(self) -> str:
        """The value as it goes on the wire."""
        shown = f"SIP/2.0/{self.transport} {host_port(self.host, self.port)}"
        for name, value in self.params.items():
            if value is None:
                shown += f";{name}"
            else:
                shown += f";{name}={value if _BARE.fullmatch(value) else quote(value)}"
        return shown


@dataclass(init=False, slots=True)
class NameAddr:
    """A From, To, Contact, Route, P-Asserted-Identity... value: display name, URI, header parameters."""

    uri: Uri
    display: str
    params: Params

    def __init__(self, uri: Uri, display: str = "", params: Params | None = None) -> None:
        self.uri = uri
        self.display = display
        self.params = {} if params is None else params

    @classmethod
    def parse(cls, text: str, what: str = "address") -> "NameAddr":
        """Read one name-addr or addr-spec; without brackets parameters belong to the header (RFC 3261 20.10).

        Cached: a phone's From, To and Contact come again with every request. Long texts are not.
        """
        value = _cache.get(text)
        if value is None:
            value = NameAddr._parse(text, what)
            if len(text) < _CACHEABLE:
                if len(_cache) >= _CACHED:
                    _cache.clear()
                _cache[text] = value
        return value

    @staticmethod
    def _parse(text: str, what: str) -> "NameAddr":
        text = text.strip(BLANKS)
        display = ""
        if text.startswith('"'):
            end = skip_quoted(text, 0)
            display, text = unquote(text[:end]), text[end:].lstrip(BLANKS)
            if not text.startswith("<"):
                raise bad(what, text)
        opening = text.find("<")
        quoted = text.find('"')  # a "<" behind a quote is part of a parameter of an addr-spec
        if opening >= 0 and not 0 <= quoted < opening:
            closing = text.find(">", opening)
            if closing < 0:
                raise bad(what, text)
            if opening:
                display = text[:opening].strip(BLANKS)
                if '"' in display or not _is_display(display):
                    raise bad(what, text)
            uri, rest = text[opening + 1 : closing].strip(BLANKS), text[closing + 1 :].strip(BLANKS)
        else:
            uri, semicolon, rest = text.partition(";")
            uri, rest = uri.rstrip(BLANKS), semicolon + rest
            if "?" in uri or "," in uri or "<" in uri or '"' in uri:  # RFC 3261 20: such a URI needs the brackets
                raise bad(what, text)
        if rest and (not rest.startswith(";") or ("," in rest and len(split_commas(rest)) > 1)):
            raise bad(what, text)  # a comma ends a value, and this is one value
        return NameAddr(parse_uri(uri), display, parse_params(rest, what) if rest else {})

    @property
    def tag(self) -> str:
        """The tag parameter, "" where none."""
        return self.params.get("tag") or ""

    def encode(self) -> str:
        """The value with brackets around the URI."""
        name = f"{quote(self.display)} " if self.display else ""
        return f"{name}<{self.uri.text}>{encode_params(self.params)}"


_cache: Final[dict[str, NameAddr]] = {}  # only what was right, so for which header it came does not matter


def _is_display(text: str) -> bool:
    return all(TOKEN.fullmatch(word) or not word.isascii() for word in _BLANK_RUN.split(text))


@dataclass(init=False, slots=True)
class CSeq:
    """The CSeq value."""

    number: int
    method: str

    def __init__(self, number: int, method: str) -> None:
        self.number = number
        self.method = method

    @classmethod
    def parse(cls, text: str) -> "CSeq":
        """Read `number METHOD`; the number is below 2**31 (RFC 3261 8.1.1.5)."""
        digits, _, method = text.partition(" ")
        if method.isalpha() and len(digits) < 10 and digits.isdigit() and digits.isascii():
            return CSeq(int(digits), method)
        match = _CSEQ.fullmatch(text.strip(BLANKS))
        if match is None:
            raise bad("CSeq", text)
        return CSeq(parse_number(match[1], "CSeq", 0x7FFFFFFF), match[2])

    def encode(self) -> str:
        """The value as it goes on the wire."""
        return f"{self.number} {self.method}"


@dataclass(init=False, slots=True)
class AuthValue:
    """Credentials (Authorization) or a challenge (WWW-Authenticate): scheme and parameters without quotes."""

    scheme: str  # lower case
    params: dict[str, str]

    def __init__(self, scheme: str, params: dict[str, str]) -> None:
        self.scheme = scheme
        self.params = params

    @classmethod
    def parse(cls, text: str) -> "AuthValue":
        """Read `Digest a="b", c=d`; the first of two equal names wins."""
        scheme, _, rest = text.replace("\t", " ").strip(" ").partition(" ")
        plain = _plain_auth_params(rest)
        if plain is not None:
            return AuthValue(scheme.lower(), plain)
        params: dict[str, str] = {}
        at = 0
        while match := _AUTH_PARAM.match(rest, at):
            at = match.end()
            name, quoted, bare = match.groups()
            if name and quoted is None:
                params.setdefault(name.lower(), bare)
            elif name:
                params.setdefault(name.lower(), unquote(f'"{quoted}"') if "\\" in quoted else quoted)
            if at >= len(rest):
                break
        if at < len(rest) and scheme.lower() == "digest":  # another scheme's form is not ours to read
            raise bad("credentials", text)
        return AuthValue(scheme.lower(), params)

    def get(self, name: str) -> str:
        """A parameter, "" where absent."""
        return self.params.get(name, "")


def _plain_auth_params(text: str) -> dict[str, str] | None:
    """`a="b", c=d` without escapes or odd characters, as nearly all send it; None for anything else, good or bad."""
    params: dict[str, str] = {}
    at, size = 0, len(text)
    if "\\" in text:
        return None
    while at < size:
        equals = text.find("=", at)
        name = text[at:equals].strip(BLANKS).lower()
        if equals < 0 or not name.replace("-", "").isalnum():
            return None
        if text.startswith('"', equals + 1):
            end = text.find('"', equals + 2)
            value = text[equals + 2 : end]
            if end < 0 or (end + 1 < size and text[end + 1] != ","):
                return None
            at = end + 2
        else:
            end = text.find(",", equals)
            value = text[equals + 1 : end] if end >= 0 else text[equals + 1 :]
            if not value.replace("-", "").isalnum():
                return None
            at = end + 1 if end >= 0 else size
        if name not in params:
            params[name] = value
    return params


def parse_media_type(text: str) -> tuple[str, Params]:
    """A Content-Type value to its lower-case type/subtype and parameters."""
    kind, _, rest = text.partition(";")
    kind = kind.replace(" ", "").replace("\t", "").lower()
    major, slash, minor = kind.partition("/")
    if not slash or not TOKEN.fullmatch(major) or not TOKEN.fullmatch(minor):
        raise SipError(400, f"bad Content-Type: {text[:60]!r}")
    return kind, parse_params(rest, "Content-Type") if rest else {}

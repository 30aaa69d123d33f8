"""SIP, SIPS, tel and other URIs (RFC 3261 19.1, RFC 3966, RFC 8141) as one frozen value.

Parsed once and cached: the same few URIs come with every request of a phone. Called wherever an address is read.
"""

import re
from dataclasses import dataclass
from typing import Final

from lteims.sip.grammar import HOST, MAX_PORT, Params, bad, host_port, is_plain_host, is_port, parse_params

_NEVER: Final = r"""<>"\x00-\x20\x7f\ud800-\udfff"""  # inside a class: what no part of a URI holds unescaped
_SIP: Final = re.compile(
    rf"""(?:(?P<user>[^@:{_NEVER}]*)(?::(?P<password>[^@{_NEVER}]*))?@)?
    (?P<host>{HOST})(?::(?P<port>[0-9]{{1,5}}))?
    (?P<params>(?:;[^?{_NEVER}]*)?)(?:\?(?P<headers>[^{_NEVER}]*))?""",
    re.VERBOSE,
)
_TEL: Final = re.compile(rf"""(?P<number>\+?(?>(?:[0-9A-Za-z*#().\-]|%2[3AaDdEe])+))(?P<params>(?:;[^?{_NEVER}]*)?)""")
_PARAMS: Final = re.compile(rf"[^?{_NEVER}]*+")
_OPAQUE: Final = re.compile(rf"[^{_NEVER}]+")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_NO_UTF8 = re.compile(r"[\udc80-\udcff]")  # PEP 383
_SEPARATORS: Final = str.maketrans("", "", "-.() ")
_CACHEABLE: Final = 256  # characters
_CACHED: Final = 256  # enough for the requests of a phone that follow each other; more would only be cold memory


@dataclass(init=False, slots=True)
class Uri:
    """A URI; `text` is what was read. For tel and urn `user` holds the number or the name, `host` is empty.

    Never changed after construction; not marked frozen, since a frozen dataclass is four times as dear to make.
    """

    scheme: str  # lower case
    user: str  # unescaped
    host: str  # lower case, IPv6 without brackets
    port: int | None
    params: Params
    headers: str  # what follows "?", as it came
    password: str
    text: str

    def __init__(
        self,
        scheme: str,
        user: str = "",
        host: str = "",
        port: int | None = None,
        params: Params | None = None,
        headers: str = "",
        password: str = "",
        text: str = "",
    ) -> None:
        self.scheme = scheme
        self.user = user
        self.host = host
        self.port = port
        self.params = {} if params is None else params
        self.headers = headers
        self.password = password
        self.text = text

    def __str__(self) -> str:
        return self.text

    @property
    def is_sip(self) -> bool:
        """True for sip and sips."""
        return self.scheme in ("sip", "sips")

    @property
    def transport(self) -> str:
        """The transport parameter in lower case, "" where none."""
        return (self.params.get("transport") or "").lower()

    @property
    def number(self) -> str:
        """The telephone number without visual separators (RFC 3966 5.1.1), or "" if there is none."""
        if self.scheme == "tel":
            return self.user.translate(_SEPARATORS)
        if not self.is_sip:
            return ""
        digits = self.user.partition(";")[0].translate(_SEPARATORS)  # telephone-subscriber, RFC 3261 19.1.6
        if self.params.get("user") == "phone":
            return digits
        bare = digits[1:] if digits.startswith("+") else digits
        return digits if bare and all(c in "0123456789*#" for c in bare) else ""

    def address(self) -> tuple[str, int]:
        """Host and port with the scheme's default port (RFC 3261 19.1.2)."""
        return self.host, self.port or (5061 if self.scheme == "sips" else 5060)

    def equals(self, other: "Uri") -> bool:
        """RFC 3261 19.1.4: the comparison that decides whether two contacts are one binding."""
        if (self.scheme, self.user, self.password, self.host, self.port, sorted(self.headers.split("&"))) != (
            (other.scheme, other.user, other.password, other.host, other.port, sorted(other.headers.split("&")))
        ):
            return False
        mine, theirs = self.params, other.params
        for name in ("user", "ttl", "method", "maddr", "transport"):
            if (name in mine) != (name in theirs):
                return False
        return all((mine[name] or "").lower() == (theirs[name] or "").lower() for name in mine.keys() & theirs.keys())


def _parse(text: str) -> Uri:
    scheme, colon, rest = text.partition(":")
    if scheme == "sip" and (plain := _parse_plain(text, rest)) is not None:
        return plain
    if not colon or not _SCHEME.fullmatch(scheme):
        raise bad("URI", text)
    scheme = scheme.lower()
    if "%" in rest and _BAD_ESCAPE.search(rest) and scheme in ("sip", "sips"):
        raise bad("escape in URI", text)
    if scheme in ("sip", "sips"):
        return _parse_sip(text, scheme, rest)
    if scheme == "tel":
        if (match := _TEL.fullmatch(rest)) is None:
            raise bad("tel URI", text)
        params = parse_params(match["params"], "tel URI") if match["params"] else {}
        return Uri(scheme, unescape(match["number"]), params=params, text=text)  # "#" comes as %23
    if not _OPAQUE.fullmatch(rest):
        raise bad("URI", text)
    return Uri(scheme, rest, text=text)


def _parse_plain(text: str, rest: str) -> Uri | None:
    """`user@host:port;params` without escapes, password, headers or odd characters, which is what phones send; None
    for anything else, be it good or bad: _parse_sip decides about that."""
    user, at, place = rest.partition("@")
    if not at:
        user, place = "", rest
    elif not user.isascii() or not (user.isalnum() or user.replace("+", "").isalnum()):
        return None
    place, semicolon, tail = place.partition(";")
    host, colon, digits = place.partition(":")
    port: int | None = None
    if not is_plain_host(host) or (colon and not is_port(digits)):
        return None
    if colon:
        port = int(digits)
        if port > MAX_PORT:
            return None
    if not semicolon:
        return Uri("sip", user, host.lower(), port, text=text)
    if "%" in tail or not _PARAMS.fullmatch(tail):
        return None
    return Uri("sip", user, host.lower(), port, parse_params(semicolon + tail, "URI parameter"), text=text)


def _parse_sip(text: str, scheme: str, rest: str) -> Uri:
    match = _SIP.fullmatch(rest)
    if match is None:
        raise bad("SIP URI", text)
    user, password, host, port, params, headers = match.groups()
    if port and int(port) > MAX_PORT:
        raise bad("port in URI", text)
    return Uri(
        scheme,
        unescape(user or ""),
        host.lower().strip("[]"),
        int(port) if port else None,
        _unescape_params(parse_params(params, "URI parameter")) if params else {},
        headers or "",
        password or "",
        text,
    )


def _unescape_params(params: Params) -> Params:
    """Escapes in names and values stand for their characters (RFC 3261 19.1.4); undone once."""
    if not any("%" in name or (value and "%" in value) for name, value in params.items()):
        return params
    return {unescape(name).lower(): unescape(value) if value else value for name, value in params.items()}


_cache: Final[dict[str, Uri]] = {}


def parse_uri(text: str) -> Uri:
    """Read one URI; SipError 400 if it cannot be one. Long texts are not cached, so the cache stays small."""
    uri = _cache.get(text)
    if uri is None:
        uri = _parse(text)
        if len(text) < _CACHEABLE:
            if len(_cache) >= _CACHED:
                _cache.clear()  # a least-recently-used order would cost more than to read again what is asked for
            _cache[text] = uri
    return uri


def authority(text: str) -> str:
    """Host and port of a URI's text, in lower case: where they differ no two SIP URIs are equal (RFC 3261 19.1.4)."""
    return text.rpartition("@")[2].partition(";")[0].partition("?")[0].lower()


def unescape(text: str) -> str:
    """Undo %XX (RFC 3261 19.1.2); octets that are no UTF-8 stay escaped, as nothing could write them."""
    return _ESCAPE.sub(_unescaped, text) if "%" in text else text


def _unescaped(match: re.Match[str]) -> str:
    octets = bytes.fromhex(match[0].replace("%", ""))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return _NO_UTF8.sub(lambda m: f"%{ord(m[0]) - 0xDC00:02X}", octets.decode("utf-8", "surrogateescape"))


_USER_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,;?/")


def escape_user(user: str) -> str:
    """A user part with %XX wherever RFC 3261 25.1 demands it."""
    if all(c in _USER_SAFE for c in user):
        return user
    return "".join(
        c if c in _USER_SAFE else "".join(f"%{b:02X}" for b in c.encode("utf-8", "surrogateescape")) for c in user
    )


def sip_uri(user: str, host: str, port: int | None = None, suffix: str = "") -> str:
    """The text of a sip URI of our own making; `suffix` are parameters with their semicolons."""
    at = f"{escape_user(user)}@" if user else ""
    return f"sip:{at}{host_port(host, port)}{suffix}"

"""The lexical pieces that SIP header values share (RFC 3261 25.1): comma lists, parameters, quoting, escapes.

Tolerant where phones are sloppy, strict where a guess could be wrong; called by uri.py, headers.py and message.py.
"""

import re
from typing import Final

from lteims.sip.errors import SipError

TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
HOST: Final = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?)"
MAX_PORT: Final = 65535
DEFAULT_EXPIRES: Final = 3600  # seconds, where a value cannot be read
BLANKS: Final = " \t"  # what may stand around a value; str.strip() would take Unicode's blanks too
BLANK: Final = (" ", "\t")
_QUOTED: Final = r'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"'  # possessive: no backtracking
_QUOTED_STRING: Final = re.compile(_QUOTED, re.DOTALL)
_UP_TO_COMMA: Final = re.compile(rf'(?>(?:[^",<]++|{_QUOTED}|<[^>]*+>?)*)', re.DOTALL)
_UP_TO_SEMICOLON: Final = re.compile(rf'(?>(?:[^";]++|{_QUOTED})*)', re.DOTALL)
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_NEEDS_QUOTES: Final = re.compile(r"[^A-Za-z0-9\-.!%*_+`'~]")

Params = dict[str, str | None]


def bad(what: str, value: str) -> SipError:
    """A 400 that names the header or element and shows at most 60 characters of it."""
    return SipError(400, f"bad {what}: {value[:60]!r}", reason=f"Bad {what}")


def skip_quoted(text: str, start: int) -> int:
    """The index behind the quoted string that opens at `start`; 400 when it never ends."""
    match = _QUOTED_STRING.match(text, start)
    if match is None:
        raise bad("quoted string", text[start:])
    return match.end()


def split_commas(text: str) -> list[str]:
    """Split a header value at the commas outside quotes and angle brackets (RFC 3261 7.3.1)."""
    if "," not in text:
        return [text.strip(BLANKS)]
    if '"' not in text and "<" not in text:
        return [part.strip(BLANKS) for part in text.split(",")]
    return [part.strip(BLANKS) for part in _split(text, _UP_TO_COMMA)]


def split_semicolons(text: str) -> list[str]:
    """Split at the semicolons outside quotes."""
    if '"' not in text:
        return text.split(";")
    return _split(text, _UP_TO_SEMICOLON)


def _split(text: str, up_to_separator: re.Pattern[str]) -> list[str]:
    """The parts between separators; the pattern stops at one, at the end, or at a quote that is never closed."""
    parts, at, size = [], 0, len(text)
    while match := up_to_separator.match(text, at):
        parts.append(match[0])
        at = match.end() + 1
        if at > size:
            break
        if text[at - 1] == '"':
            raise bad("quoted string", text[at - 1 :])
    return parts


def is_plain_host(host: str) -> bool:
    """Is this a HOST of letters, digits and dots alone, as nearly all are? Then no pattern need be asked."""
    return host.replace(".", "").isalnum() and host.isascii() and host[0] != "."


def is_word(text: str) -> bool:
    """Letters alone: a token for which no pattern need be asked."""
    return text.isalpha() and text.isascii()


def is_port(text: str) -> bool:
    """Digits, at most as many as the patterns of a port admit."""
    return text.isdigit() and text.isascii() and len(text) <= 5


def parse_params(text: str, what: str) -> Params:
    """`;a=b;c;d="e"` to a dictionary with lower-case names; a value keeps its quotes off, a flag is None.

    Raises 400 for a parameter without a name. The first of two equal names wins (Via branches must not be
    overridden by what a sender appends).
    """
    params: Params = {}
    if '"' not in text and " " not in text and "\t" not in text:  # nothing to take off
        for part in text.split(";"):
            name, equals, value = part.partition("=")
            name = name.lower()
            if name:
                if name not in params:
                    params[name] = value if equals else None
            elif equals:
                raise bad(what, text)
        return params
    for part in text.split(";") if '"' not in text else split_semicolons(text):
        name, equals, value = part.partition("=")
        name = name.strip(BLANKS).lower()
        if not name:
            if equals:
                raise bad(what, text)
            continue  # ";;" and a trailing ";" are seen in the field
        if name not in params:
            params[name] = unquote(value.strip(BLANKS)) if equals else None
    return params


def unquote(text: str) -> str:
    """The value of a quoted string, or the text itself if it is not quoted."""
    if len(text) >= 2 and text[0] == '"' == text[-1]:
        text = text[1:-1]
        return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) if "\\" in text else text
    return text


def quote(text: str) -> str:
    """A quoted string."""
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def encode_params(params: Params) -> str:
    """A dictionary to `;a=b;c`, values quoted where a token would not do (host references stay bare, features not)."""
    out = ""
    for name, value in params.items():
        if value is None:
            out += f";{name}"
        elif name[0] == "+" or (_NEEDS_QUOTES.search(value) and not value.startswith("[")):  # RFC 3840 9
            out += f";{name}={quote(value)}"
        else:
            out += f";{name}={value}"
    return out


def is_utf8(text: str) -> bool:
    """Was this part of a message UTF-8? Octets that are none have come as surrogates (PEP 383)."""
    return _SURROGATE.search(text) is None


def parse_number(text: str, what: str, top: int = 0xFFFFFFFF) -> int:
    """A decimal number 0..top with any leading zeros; 400 otherwise (RFC 4475 3.1.2.4: overlarge CSeq)."""
    if not text.isdigit() or not text.isascii():
        text = text.strip(BLANKS)
        if not text.isdigit() or not text.isascii():
            raise bad(what, text)
    if len(text) > 10:
        text = text.lstrip("0") or "0"
    if len(text) > 10 or (number := int(text)) > top:
        raise bad(what, text)
    return number


def parse_expires(text: str) -> int:
    """delta-seconds of an Expires; what is above their range counts as the default, 3600 (RFC 4475 3.1.2.4)."""
    digits = text.strip(BLANKS)
    if len(digits) >= 10 and digits.isascii() and digits.isdigit():
        digits = digits.lstrip("0") or "0"
        if len(digits) > 10 or int(digits) > 0xFFFFFFFF:
            return DEFAULT_EXPIRES
    return parse_number(digits, "Expires")


def host_port(host: str, port: int | None) -> str:
    """`host:port` with brackets around an IPv6 address."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"

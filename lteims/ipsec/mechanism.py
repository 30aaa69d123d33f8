"""The text of Security-Client, -Server and -Verify: mechanisms with parameters (RFC 3329 2.2, TS 33.203 annex H).

Called by sec_agree.py, which gives them a meaning. Tolerant of blanks, case and quotes, as phones write them.
"""

import re
from collections.abc import Sequence
from typing import Final

from lteims.ipsec.errors import IpsecError
from lteims.ipsec.sa import Ealg

DEFAULTS: Final = {"ealg": Ealg.NULL.value, "prot": "esp", "mod": "trans"}  # of ipsec-3gpp
LIMITS: Final = {"spi-c": 2**32 - 1, "spi-s": 2**32 - 1, "port-c": 65535, "port-s": 65535}
SHOWN: Final = 60  # characters of a peer's text in a log line
_BLANKS: Final = " \t\r\n"
TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,60}")
_Q_VALUE: Final = re.compile(r"[01](?:\.[0-9]{0,3})?|\.[0-9]{1,3}")

Params = dict[str, str | None]


def elements(lines: Sequence[str]) -> list[str]:
    """The mechanisms of several header values, each still one text."""
    return [element for line in lines for part in _split(line, ",") if (element := part.strip(_BLANKS))]


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator outside quotes; a quote that never ends goes to the end."""
    parts = text.split(separator)
    if '"' not in text:
        return parts
    joined: list[str] = []
    held: list[str] = []  # pieces of one part, while a quote is open
    open_quote = False
    for part in parts:
        held.append(part)
        # No parameter of a mechanism has a use for an escaped quote, so that counting them is enough.
        open_quote ^= part.count('"') % 2 == 1
        if not open_quote:
            joined.append(separator.join(held))
            held.clear()
    return [*joined, separator.join(held)] if held else joined


def mechanism(text: str) -> tuple[str, Params]:
    """Name and parameters, names in lower case, values without quotes; IpsecError for no name or one key twice."""
    first, *rest = _split(text, ";")
    name = first.strip(_BLANKS).lower()
    if not TOKEN.fullmatch(name):
        raise IpsecError(f"{name[:SHOWN]!r} is no mechanism")
    params: Params = {}
    for part in rest:
        key, equal, value = part.partition("=")
        key = key.strip(_BLANKS).lower()
        if not key and not equal:
            continue  # an empty parameter, as of a semicolon at the end
        if key in params:
            raise IpsecError(f"{key[:SHOWN]!r} comes twice")
        params[key] = value.strip(_BLANKS).strip('"').strip() if equal else None
    return name, params


def number(name: str, params: Params) -> int:
    """An SPI or a port, decimal; IpsecError when it is absent, no number, or too great for its field."""
    text = params.get(name)
    if not text:
        raise IpsecError(f"{name} is missing")
    if not (text.isascii() and text.isdigit()) or len(text) > SHOWN or int(text) > LIMITS[name]:
        raise IpsecError(f"{name} {text[:SHOWN]!r} is no number up to {LIMITS[name]}")
    return int(text)


def thousandths(text: str | None) -> int | None:
    """A q value in thousandths, None where there is none; IpsecError when it is not from 0 to 1 (RFC 3261 25.1)."""
    if text is None:
        return None
    if not _Q_VALUE.fullmatch(text) or float(text) > 1:
        raise IpsecError(f"q {text[:SHOWN]!r} is no number from 0 to 1")
    return round(float(text) * 1000)

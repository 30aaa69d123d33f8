"""Writing a SIP message as a phone of some profile does (RFC 3261 7.3.1, 7.3.3): order, compact names, blanks.

Called by the phone's SIP layer for whatever it sends; what is said stays the same, only its form differs.
"""

from lteims.sim.profiles import Profile
from lteims.sip.message import COMPACT, Message, shown_name

_SHORT = {long: short for short, long in COMPACT.items()}
_NAME_ADDRS = frozenset({"from", "to", "contact", "p-preferred-identity"})


def write(message: Message, profile: Profile) -> bytes:
    """The octets of a message in the profile's form."""
    lines = [message.start_line()]
    lines += [_line(name, value, profile) for name in _order(message, profile) for value in message.headers[name]]
    lines.append(_line("content-length", str(len(message.body)), profile))
    return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + message.body


def _order(message: Message, profile: Profile) -> list[str]:
    first = [name for name in profile.order if name in message.headers]
    return first + [name for name in message.headers if name not in profile.order and name != "content-length"]


def _line(name: str, value: str, profile: Profile) -> str:
    shown = _SHORT.get(name, "") if profile.compact else ""
    blank = " " if profile.blank_after_colon else ""
    if not profile.blank_after_comma:
        value = _outside_quotes(value, ", ", ",")
    if not profile.blank_after_display and name in _NAME_ADDRS:
        value = value.replace('" <', '"<', 1)
    return f"{shown or shown_name(name)}:{blank}{value}"


def _outside_quotes(value: str, old: str, new: str) -> str:
    parts = value.split('"')
    parts[::2] = [part.replace(old, new) for part in parts[::2]]
    return '"'.join(parts)

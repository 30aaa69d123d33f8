"""What a caller or callee wants to be hidden (RFC 3323, RFC 3325 9.3, RFC 7044 10.1; TS 24.229 4.4 and 5.2.6.4).

The server is the privacy service: a B2BUA hides Via, Record-Route, Call-ID and the media's address anyway, so
`header`, `session` and `critical` ask for nothing more than is left out here. Called by outbound.py.
"""

from lteims.sip.errors import SipError
from lteims.sip.headers import NameAddr
from lteims.sip.message import Message
from lteims.sip.uri import parse_uri

ANONYMOUS = NameAddr(parse_uri("sip:anonymous@anonymous.invalid"), "Anonymous")  # RFC 3323 4.1.1.3
_OF_THE_USER = ("call-info", "in-reply-to", "organization", "reply-to", "referred-by", "subject")  # RFC 3323 4.1.1.2
_OF_THE_WAY = ("diversion", "history-info")  # RFC 7044 10.1


def privacy_of(message: Message) -> frozenset[str]:
    """The priv-values of a message. To hide is the safe reading of what cannot be read, and of `none` beside others."""
    if "privacy" not in message.headers:
        return frozenset()
    try:
        found = {token.strip() for value in message.tokens("privacy") for token in value.split(";")} - {""}
    except SipError:
        return frozenset(("id", "user"))
    return frozenset(found - {"none"} or found)


def hides_assertion(message: Message) -> bool:
    """Must P-Asserted-Identity not reach a phone: `id` (RFC 3325 9.3), or `user`, which it would make pointless?"""
    return not privacy_of(message).isdisjoint(("id", "user"))


def hides_user(message: Message) -> bool:
    """Does the user ask that From, Contact and the free text be anonymised (RFC 3323 5.3)?"""
    return "user" in privacy_of(message)


def strip(onward: Message, wanted: frozenset[str]) -> None:
    """Take out of an onward message what tells who sends it, and by which numbers it came."""
    hidden: tuple[str, ...] = ()
    if "user" in wanted:
        hidden = _OF_THE_USER
    if not wanted.isdisjoint(("user", "header", "session", "history")):
        hidden += _OF_THE_WAY
    for name in hidden:
        onward.headers.pop(name, None)

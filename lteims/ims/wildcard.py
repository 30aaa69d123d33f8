"""Wildcarded public identities (TS 23.003 13.4A): `sip:desk!.*!@example.com`, an expression between two `!`.

subscribers.py finds by them whose a URI is, regevent.py names one of their identities in registration documents.
"""

import re
from functools import lru_cache

from lteims.sip.uri import Uri

_MARK = "!"
_LONGEST = 128  # characters of a user part that is compared
_TRIES = ("", "1", "0", "a", "x", "10", "100", "1000", "00", "000", "0000")


@lru_cache(256)
def _parts(user: str) -> tuple[str, re.Pattern[str], str] | None:
    """What stands before, in and behind the marks; None where there are none, or no expression between them."""
    before, first, rest = user.partition(_MARK)
    expression, second, after = rest.rpartition(_MARK)
    if not first or not second or not expression:
        return None
    try:
        return before, re.compile(expression), after
    except re.error:
        return None


def is_wildcard(uri: Uri) -> bool:
    """Does a public identity stand for many?"""
    return uri.is_sip and _MARK in uri.user and _parts(uri.user) is not None


def covers(wildcard: Uri, uri: Uri, local_hosts: frozenset[str] = frozenset()) -> bool:
    """Is a URI one of those that a wildcarded identity stands for? `local_hosts` are as good as its own domain."""
    parts = _parts(wildcard.user)
    if parts is None or not uri.is_sip or len(uri.user) > _LONGEST:
        return False
    if uri.host != wildcard.host and not {uri.host, wildcard.host} <= local_hosts:
        return False
    before, expression, after = parts
    user = uri.user
    if len(user) < len(before) + len(after) or not user.startswith(before) or not user.endswith(after):
        return False
    return expression.fullmatch(user[len(before) : len(user) - len(after)]) is not None


def example_of(wildcard: Uri) -> str:
    """The URI of one identity that a wildcarded one stands for, "" where it is no wildcard; the wildcard itself where
    none is found (TS 24.229 5.4.2.1.2: any of them).
    """
    if not is_wildcard(wildcard):
        return ""
    parts = _parts(wildcard.user)
    assert parts is not None
    before, expression, after = parts
    for text in _TRIES:
        user = f"{before}{text}{after}"
        if user and expression.fullmatch(text):
            return f"{wildcard.scheme}:{user}@{wildcard.host}"
    return wildcard.text

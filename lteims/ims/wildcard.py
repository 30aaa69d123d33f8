"""Wildcarded public identities (TS 23.003 13.4A): `sip:desk!.*!@example.com`, an expression between two `!`.

subscribers.py finds by them whose a URI is, regevent.py names one of their identities in registration documents.
"""

import re
from functools import lru_cache

from lteims.sip.uri import Uri
from lteims.trace import IMS, WARN, log

_MARK = "!"
_LONGEST = 128  # characters of a user part that is compared
_LONGEST_EXPRESSION = 100  # characters
_CHOICES = 3  # places where a match may go several ways: with as many it takes a few milliseconds at the most
_PIECE = re.compile(
    r"(?P<atom>\\[^0-9]|\[\^?\]?[^\]]*\]|[^\\\[\]{}*+?|])(?:(?P<repeat>[*+?]|\{[0-9]{1,3},[0-9]{0,3}\})|\{[0-9]{1,3}\})?"
    r"|(?P<bar>\|)"
)
_TRIES = ("", "1", "0", "a", "x", "10", "100", "1000", "00", "000", "0000")


@lru_cache(256)
def _parts(user: str) -> tuple[str, re.Pattern[str], str] | None:
    """What stands before, in and behind the marks; None where there are none, or no expression between them."""
    before, first, rest = user.partition(_MARK)
    expression, second, after = rest.rpartition(_MARK)
    if not first or not second or not expression:
        return None
    try:
        if _is_simple(expression):
            return before, re.compile(expression), after
        why = "groups that are repeated, or too many choices"
    except re.error as error:
        why = str(error)
    log(IMS, WARN, f"{user[:_LONGEST]!r} is no wildcarded identity: {why} in its expression")
    return None


def _is_simple(expression: str) -> bool:
    """Does a match take little time, whatever it is matched with? Groups are not repeated, nor is there a choice in
    many places: who makes expressions, an HSS too, must not be able to stop the server."""
    if not 0 < len(expression) <= _LONGEST_EXPRESSION:
        return False
    at = choices = 0
    while at < len(expression):
        piece = _PIECE.match(expression, at)
        if piece is None or (piece["atom"] in ("(", ")") and expression[piece.end() - 1] != piece["atom"]):
            return False
        choices += piece["repeat"] is not None or piece["bar"] is not None
        at = piece.end()
    return choices <= _CHOICES


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

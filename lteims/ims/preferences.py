"""Which contacts of a callee are called, and in which order: q values and caller preferences (RFC 3841 7.2, 9).

A contact's capabilities are the feature parameters that it registered with (RFC 3840): so a caller that asks for
video gets the phone that has it. calls.py asks before it forks.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from lteims.ims.subscribers import Binding
from lteims.sip.errors import SipError
from lteims.sip.grammar import Params, encode_params, parse_params
from lteims.sip.message import Message, Request

# RFC 3840 9: the tags that stand without "+" in a Contact, except those of a registration alone
_BASE_TAGS = frozenset(
    {
        "actor", "application", "audio", "automata", "class", "control", "data", "description", "duplex", "events",
        "extensions", "isfocus", "language", "message", "methods", "mobility", "priority", "schemes", "text", "type",
        "video",
    }
)  # fmt: skip
# Tags that say who a phone is, not what it can (RFC 5626, RFC 5627): not matched, not shown to the other side
_IDENTIFYING = frozenset({"+sip.instance", "+sip.pub-gruu", "+sip.temp-gruu"})
# Of one leg alone: the methods and extensions of the other side are this server's
_OF_THE_LEG = frozenset({"events", "extensions", "methods", "schemes"})
_FLAGS = frozenset({"require", "explicit"})
_NUMBER = re.compile(r"#(=|>=|<=)?(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)(?::(-?[0-9]{1,9}(?:\.[0-9]{1,9})?))?")


@dataclass(frozen=True, slots=True)
class Preference:
    """One Accept-Contact or Reject-Contact value."""

    features: Params
    require: bool
    explicit: bool


def preferred_bindings(request: Request, bindings: Iterable[Binding]) -> list[tuple[Binding, ...]]:
    """Groups of contacts: one group is called in parallel, the next one when all of it have failed (RFC 3261 16.6).

    Sorted by q, and by how well they fit Accept-Contact; rejected ones and those that lack what is required are left
    out, so that nothing may be left: 480. Request-Disposition may ask for one contact or for one after the other.
    """
    accepted = _preferences(request, "accept-contact")
    rejected = _preferences(request, "reject-contact")
    ranked: dict[tuple[float, float], list[Binding]] = {}
    for binding in bindings:
        score = _score(capabilities(binding.params), accepted, rejected) if accepted or rejected else 1.0
        if score is not None:
            ranked.setdefault((binding.q, score), []).append(binding)
    groups = [tuple(ranked[rank]) for rank in sorted(ranked, reverse=True)]
    directives = [value.lower() for value in _values_of(request, "request-disposition")]
    if "no-fork" in directives:
        return [groups[0][:1]] if groups else []
    if "sequential" in directives:
        return [(binding,) for group in groups for binding in group]
    return groups


def capabilities(params: Params) -> Params:
    """The feature parameters among those of a Contact."""
    return {name: value for name, value in params.items() if _is_feature(name)}


def shown_features(message: Message) -> str:
    """The parameters of a peer's Contact that the other side is to see, with their semicolons; "" for none.

    Media, ICSI and IARI tags (RFC 3840; TS 24.229 5.1.3.1) describe the user's phone and go on; an instance id, which
    holds the IMEI, does not, nor do methods, which are this server's.
    """
    if "contact" not in message.headers:
        return ""
    try:
        contacts = message.contacts
    except SipError:
        return ""
    if not contacts:
        return ""
    return encode_params({n: v for n, v in capabilities(contacts[0].params).items() if n not in _OF_THE_LEG})


def _is_feature(name: str) -> bool:
    return name in _BASE_TAGS or (name[0] == "+" and name not in _IDENTIFYING)


def _preferences(request: Request, header: str) -> list[Preference]:
    """The values of a header; one that cannot be read expresses nothing."""
    found = []
    for value in _values_of(request, header):
        _, semicolon, rest = value.partition(";")
        try:
            params = parse_params(semicolon + rest, header)
        except SipError:
            continue
        features = {name: text for name, text in params.items() if name not in _FLAGS}
        if features:
            found.append(Preference(features, "require" in params, "explicit" in params))
    return found


def _values_of(request: Request, header: str) -> list[str]:
    try:
        return request.values(header)
    except SipError:
        return []


def _score(own: Params, accepted: list[Preference], rejected: list[Preference]) -> float | None:
    """RFC 3841 7.2.4: 0 to 1, or None for a contact that must not be called. One without capabilities is immune."""
    if not own:
        return 1.0
    if any(_is_rejected(own, preference) for preference in rejected):
        return None
    total = 0.0
    for preference in accepted:
        score = _fit(own, preference)
        if score is None:
            return None
        total += score
    return total / len(accepted) if accepted else 1.0


def _is_rejected(own: Params, preference: Preference) -> bool:
    """Only a contact that says something of every feature named can be rejected (RFC 3841 7.2.3)."""
    return all(name in own and _matches(own[name], value) for name, value in preference.features.items())


def _fit(own: Params, preference: Preference) -> float | None:
    """How well one contact fits one preference; None where it is required and not met."""
    features = preference.features
    met = sum(name in own and _matches(own[name], value) for name, value in features.items())
    contradicted = any(name in own and not _matches(own[name], value) for name, value in features.items())
    if contradicted or (preference.explicit and met < len(features)):
        return None if preference.require else 0.0
    return 1.0 if preference.explicit else met / len(features)


def _matches(own: str | None, wanted: str | None) -> bool:
    """Do two feature values have something in common (RFC 3840 9, RFC 2533)?"""
    mine, theirs = _values(own), _values(wanted)
    return any(_agree(a, b) for a in mine for b in theirs)


def _values(text: str | None) -> list[str]:
    """A tag without a value is TRUE; lists have commas; ICSIs come with %XX."""
    if text is None:
        return ["true"]
    if text.startswith("<"):  # a string is compared as it is
        return [text]
    return [unquote(part).strip().lower() for part in text.split(",")][:32]


def _agree(mine: str, theirs: str) -> bool:
    if mine.startswith("!") or theirs.startswith("!"):
        if mine.startswith("!") and theirs.startswith("!"):
            return True  # some third value satisfies both
        return mine.lstrip("!") != theirs.lstrip("!")
    if mine.startswith("#") and theirs.startswith("#"):
        a, b = _range(mine), _range(theirs)
        return a is not None and b is not None and a[0] <= b[1] and b[0] <= a[1]
    return mine == theirs


def _range(text: str) -> tuple[float, float] | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    relation, low, high = match.groups()
    start = float(low)
    match relation:
        case ">=":
            return start, float("inf")
        case "<=":
            return float("-inf"), start
        case _:
            return start, float(high) if high else start

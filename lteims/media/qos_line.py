"""The lines a=curr, a=des and a=conf of type qos with the segmented status (RFC 3312 4, TS 24.229 6.1.1) as values.

Read and written by media/precondition.py; other precondition types are not touched.
"""

from dataclasses import dataclass, replace
from enum import Flag

from lteims.media.sdp import Media
from lteims.media.section import Lines

_NAMES = ("curr", "des", "conf")
_STARTS = ("curr", "des:", "conf")


class Way(Flag):
    """A direction-tag, seen from the author of the SDP (RFC 3312 4)."""

    NONE = 0
    SEND = 1
    RECV = 2
    SENDRECV = 3

    def mirrored(self) -> "Way":
        """The same packets from the other side."""
        return _MIRROR[self]


_MIRROR = {Way.NONE: Way.NONE, Way.SEND: Way.RECV, Way.RECV: Way.SEND, Way.SENDRECV: Way.SENDRECV}
_WAYS = {"none": Way.NONE, "send": Way.SEND, "recv": Way.RECV, "sendrecv": Way.SENDRECV}
TAGS = {way: tag for tag, way in _WAYS.items()}


@dataclass(frozen=True, slots=True)
class Wish:
    """The desired status of one segment: which ways are mandatory and which optional; the rest has strength none."""

    mandatory: Way = Way.NONE
    optional: Way = Way.NONE

    @property
    def wanted(self) -> Way:
        """The ways that somebody wishes for, by whatever strength."""
        return self.mandatory | self.optional

    def raised(self, other: "Wish") -> "Wish":
        """The stronger of both for each way: a strength is never lowered (RFC 3312 5.2)."""
        mandatory = self.mandatory | other.mandatory
        return Wish(mandatory, (self.optional | other.optional) & ~mandatory)

    def mirrored(self) -> "Wish":
        """The same wish from the other side."""
        return Wish(self.mandatory.mirrored(), self.optional.mirrored())

    def lines(self, segment: str) -> list[str]:
        """Its a=des lines: one where both ways have one strength."""
        send, recv = self._strength(Way.SEND), self._strength(Way.RECV)
        if send == recv:
            return [f"a=des:qos {send} {segment} sendrecv"]
        return [f"a=des:qos {send} {segment} send", f"a=des:qos {recv} {segment} recv"]

    def _strength(self, way: Way) -> str:
        if way in self.mandatory:
            return "mandatory"
        return "optional" if way in self.optional else "none"


NOTHING = Wish()
MANDATORY = Wish(mandatory=Way.SENDRECV)


@dataclass(frozen=True, slots=True)
class Terms:
    """The qos lines of one media as its author sees them; a status of None was not told."""

    local: Way | None = None
    remote: Way | None = None
    local_wish: Wish = Wish()
    remote_wish: Wish = Wish()
    confirm: Way = Way.NONE  # a=conf:qos remote: the author wants to be told
    refused: bool = False  # a strength of failure or unknown (RFC 3312 8)

    @property
    def local_unmet(self) -> bool:
        """The author's own side has not reached what is mandatory."""
        return bool(self.local_wish.mandatory & ~(self.local or Way.NONE))


def terms_of(media: Media) -> Terms | None:
    """Read the qos lines of a media; None if there are none or it is rejected. What makes no sense is passed over."""
    found: Terms | None = None
    if media.rejected:
        return None
    for name, text in media.attributes:
        words = text.lower().split()
        if name not in _NAMES or words[:1] != ["qos"] or len(words) != (4 if name == "des" else 3):
            continue
        segment, way = words[-2], _WAYS.get(words[-1])
        # TS 24.229 6.1.1: the segmented status alone; end-to-end status is none of ours
        if segment in ("local", "remote") and way is not None:
            found = _with_line(found or Terms(), name, words[1], segment, way)
    return found


def _with_line(terms: Terms, name: str, strength: str, segment: str, way: Way) -> Terms:
    match name, segment:
        case "curr", "local":
            return replace(terms, local=(terms.local or Way.NONE) | way)
        case "curr", _:
            return replace(terms, remote=(terms.remote or Way.NONE) | way)
        case "conf", "remote":
            return replace(terms, confirm=terms.confirm | way)
        case "conf", _:
            return terms
    match strength:
        case "mandatory":
            wish = Wish(mandatory=way)
        case "optional":
            wish = Wish(optional=way)
        case "failure" | "unknown":
            return replace(terms, refused=True)
        case _:
            return terms
    if segment == "local":
        return replace(terms, local_wish=terms.local_wish.raised(wish))
    return replace(terms, remote_wish=terms.remote_wish.raised(wish))


def without_qos(lines: Lines) -> Lines:
    """The section without them."""
    return tuple(line for line in lines if not _is_qos(line))


def has_qos(lines: Lines) -> bool:
    """Are there any?"""
    return any(line[0] == "a" and line[2:6] in _STARTS and _is_qos(line) for line in lines)


def _is_qos(line: str) -> bool:
    name, _, text = line[2:].partition(":")
    return line[0] == "a" and name in _NAMES and text.lower().split()[:1] == ["qos"]

"""Offer and answer (RFC 3264) as a server in the middle makes them: a peer's SDP anchored here, and the echo's answer.

Called by ims/call (anchored) and ims/echo (echo_answer), which open the ports first; pure text, no sockets. What the
server cannot stand between (TCP) goes from peer to peer as its author wrote it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lteims.media import section
from lteims.media.codec import RtpMap
from lteims.media.sdp import Direction, Media, Origin, Sdp, connection_text, is_no_address
from lteims.media.section import Lines

KINDS = frozenset({"audio", "video", "text"})
PLAIN = frozenset({"RTP/AVP", "RTP/AVPF"})
UDP = frozenset(
    {"RTP", "UDP", "UDPTL", "DTLS"}
)  # the first word of what runs over it; DTLS/SCTP is RFC 8841's old name
DTLS = frozenset({"TLS", "DTLS"})

SESSION_NAME = "-"

# What names the peer's own addresses or one-port transport, untrue once the server stands between:
# RFC 8839 (ICE), 3605, 5761, 8858, 9143, 6947, 4570.
_ICE = frozenset({"candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-options"})
_ICE |= frozenset({"ice-lite", "ice-mismatch", "ice-pacing"})
_ADDRESSES = _ICE | frozenset({"rtcp", "rtcp-mux", "rtcp-mux-only", "bundle-only", "altc", "source-filter"})
_DTLS_KEYS = frozenset({"fingerprint", "setup", "connection", "tls-id", "dtls-id"})  # RFC 5763, 8842

# Of an echoed media: these name a payload type first, or speak of all of them
_FORMAT_ATTRIBUTES = frozenset({"rtpmap", "fmtp", "rtcp-fb", "imageattr", "framesize"})
_PACKET_ATTRIBUTES = frozenset({"ptime", "maxptime", "framerate"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no media of an offer can be taken: 488 with this Warning (RFC 3261 20.43, 21.4.26)."""

    warning: int
    reason: str
    code: int = 488


def is_rtp(media: Media) -> bool:
    """True if RTP and RTCP are carried over UDP, encrypted or not: RTP/AVP, RTP/SAVPF, UDP/TLS/RTP/SAVP ..."""
    words = _transport(media)
    return words[0] == "RTP" or (words[0] == "UDP" and "RTP" in words)


def anchorable(media: Media) -> bool:
    """True if the server can stand in this media's path: any UDP datagrams of any kind, not rejected."""
    return not media.rejected and _transport(media)[0] in UDP


def passes_through(media: Media) -> bool:
    """True for what the server cannot stand between, such as TCP/MSRP: `anchored` takes None as its port."""
    return not media.rejected and not anchorable(media)


def _transport(media: Media) -> list[str]:
    return media.proto.upper().split("/")


def anchored(sdp: Sdp, origin: Origin, address: str, ports: Sequence[int | None]) -> Sdp:
    """The same description with the server's origin, address and ports; codecs and their parameters untouched.

    `ports` has one port for each m= line (RTCP is the one above); 0 rejects the media, and what is rejected already
    stays so; None keeps the author's port, address and lines. A hold by null address becomes a=sendonly or
    a=inactive, as the address no longer says it.
    """
    if len(ports) != len(sdp.medias):
        raise ValueError(f"{len(ports)} ports for {len(sdp.medias)} m= lines")
    medias = tuple(_anchored_media(sdp, m, address, port) for m, port in zip(sdp.medias, ports, strict=True))
    keys = any(port is None or _uses_keys(sdp, m) for m, port in zip(sdp.medias, ports, strict=True))
    lines = section.without_attributes(sdp.lines, _ADDRESSES if keys else _ADDRESSES | _DTLS_KEYS)
    lines = tuple(line for line in lines if not line.startswith("a=group:BUNDLE"))  # RFC 9143: one port for all
    for line in (f"o={origin.encode()}", f"s={SESSION_NAME}"):
        lines = section.with_line(lines, line)
    if sdp.connection is not None or any(m.connection is None for m in medias) or not medias:
        lines = section.with_line(lines, f"c={connection_text(address)}")
    return Sdp(lines, medias)


def _anchored_media(sdp: Sdp, media: Media, address: str, port: int | None) -> Media:
    if port is None:
        return _kept(sdp, media)
    removed = _ADDRESSES if _uses_keys(sdp, media) else _ADDRESSES | _DTLS_KEYS
    changed = media.without_attributes(removed).with_port(0 if media.rejected else port)
    if media.connection is not None:
        changed = changed.with_connection(address)
    if not media.rejected and is_no_address(sdp.address_of(media) or ""):
        changed = changed.with_direction(sdp.direction_of(media))
    return changed


def _kept(sdp: Sdp, media: Media) -> Media:
    """As its author wrote it, with a c= line of its own where the session's was meant."""
    connection = section.value(sdp.lines, "c")
    if media.rejected or connection is None or media.connection is not None:
        return media
    return replace(media, lines=section.with_line(media.lines, f"c={connection}"))


def _uses_keys(sdp: Sdp, media: Media) -> bool:
    """DTLS, or the choice of it (RFC 5939 tcap): the peers' fingerprints have to reach each other."""
    choices = [*section.attribute_values(sdp.lines, "tcap"), *media.attribute_values("tcap")]
    return not DTLS.isdisjoint("/".join([media.proto, *choices]).upper().replace(" ", "/").split("/"))


def echoable(media: Media) -> bool:
    """True if the echo takes this media, so that it needs a port."""
    return not isinstance(_echo_formats(media), Refusal)


def echo_answer(offer: Sdp, origin: Origin, address: str, ports: Sequence[int]) -> Sdp | Refusal:
    """The answer of a party that sends every packet back: one codec and its telephone-event for each media.

    `ports` as for `anchored`, 0 where `echoable` says no. Preconditions (RFC 3312) are the caller's to add.
    Returns a Refusal if no media can be taken.
    """
    if len(ports) != len(offer.medias):
        raise ValueError(f"{len(ports)} ports for {len(offer.medias)} m= lines")
    medias = tuple(_echo_media(offer, m, port) for m, port in zip(offer.medias, ports, strict=True))
    if all(media.rejected for media in medias):
        return _first_refusal(offer)
    # RFC 3264 6: t= equals the offer's
    times = tuple(line for line in offer.lines if line[0] == "t") or ("t=0 0",)
    head = ("v=0", f"o={origin.encode()}", f"s={SESSION_NAME}", f"c={connection_text(address)}")
    return Sdp((*head, *times), medias)


def _first_refusal(offer: Sdp) -> Refusal:
    for media in offer.medias:
        formats = _echo_formats(media)
        if isinstance(formats, Refusal):
            return formats
    return Refusal(304, "no media in the offer")


def _echo_formats(media: Media) -> dict[str, RtpMap] | Refusal:
    """The first codec, and the telephone-event that shares its clock (RFC 4733 2.1), by format."""
    if media.kind not in KINDS:
        return Refusal(304, f"media type {media.kind} not available")
    if media.proto.upper() not in PLAIN:
        return Refusal(302, f"transport {media.proto} not available for {media.kind}")
    if media.rejected:
        return Refusal(304, f"{media.kind} is switched off in the offer")
    known = media.rtpmaps
    first = next((name for name, entry in known.items() if not entry.is_auxiliary), None)
    if first is None:
        return Refusal(305, f"no codec for {media.kind} in the offer")
    chosen = {first: known[first]}
    for name, entry in known.items():
        if entry.encoding.lower() == "telephone-event" and entry.clock_rate == known[first].clock_rate:
            chosen[name] = entry
            break
    return chosen


def _echo_media(offer: Sdp, media: Media, port: int) -> Media:
    formats = _echo_formats(media)
    if port == 0 or isinstance(formats, Refusal):
        return replace(media, port=0, count=1, lines=())
    lines: Lines = tuple(line for line in media.lines if _kept_by_echo(line, formats))
    direction: Direction = offer.direction_of(media).mirrored()
    return Media(media.kind, port, media.proto, tuple(formats), section.with_direction(lines, direction))


def _kept_by_echo(line: str, formats: dict[str, RtpMap]) -> bool:
    if line[0] != "a":
        return line[0] == "b"
    name, _, text = line[2:].partition(":")
    if name in _FORMAT_ATTRIBUTES:
        return text.split(" ", 1)[0] in formats or text.startswith("*")
    return name in _PACKET_ATTRIBUTES

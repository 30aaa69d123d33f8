"""The session description of RFC 4566 and 8866 as a value: order-preserving and tolerant, bytes in and bytes out.

Unknown lines and attributes are kept as they came. Read by ims/ (call, echo, qos); media/offer_answer.py makes
new descriptions out of old ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import ClassVar, Self

from lteims.errors import ProtocolError
from lteims.media import section
from lteims.media.codec import STATIC, RtpMap
from lteims.media.number import decimal
from lteims.media.section import Lines

MAX_MEDIAS = 32  # each m= line costs two sockets; no phone comes near it
SIP_BAD_REQUEST = 400
_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`{|}~")  # RFC 8866 9


class SdpError(ProtocolError):
    """The body is no session description; `code` is the SIP answer (RFC 3261 21.4.1)."""

    code: ClassVar[int] = SIP_BAD_REQUEST  # a plain attribute of a compiled exception would be lost


class Direction(StrEnum):
    """Which way media flows, seen from the party whose SDP it is (RFC 8866 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """This party sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """This party wants to receive."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    def mirrored(self) -> "Direction":
        """The same flow from the other side (RFC 3264 6.1)."""
        return direction_from(sends=self.receives, receives=self.sends)


def direction_from(*, sends: bool, receives: bool) -> Direction:
    """The word for what a party does."""
    if sends:
        return Direction.SENDRECV if receives else Direction.SENDONLY
    return Direction.RECVONLY if receives else Direction.INACTIVE


@dataclass(frozen=True, slots=True)
class Origin:
    """The o= line (RFC 8866 5.2); whoever sends a changed description counts `version` up by one (RFC 3264 8)."""

    username: str
    sess_id: int
    version: int
    address: str

    @staticmethod
    def parse(text: str) -> "Origin | None":
        """Read the value of an o= line; None if it is not six words with numbers where they belong."""
        words = text.split()
        if len(words) != 6:
            return None
        sess_id, version = decimal(words[1], 10**40), decimal(words[2], 10**40)
        if sess_id is None or version is None:
            return None
        return Origin(words[0], sess_id, version, words[5])

    def encode(self) -> str:
        """The value of the o= line."""
        return f"{self.username or '-'} {self.sess_id} {self.version} {connection_text(self.address)}"

    def raised(self) -> "Origin":
        """The same session, one version later."""
        return replace(self, version=self.version + 1)


def connection_text(address: str) -> str:
    """The value of a c= line for an address: "IN IP4 192.0.2.1" or "IN IP6 2001:db8::1"."""
    return f"IN {'IP6' if ':' in address else 'IP4'} {address}"


def is_no_address(address: str) -> bool:
    """True for the addresses that say "send nothing here" (RFC 3264 8.4; for IPv6 RFC 6157 and 3264's .invalid)."""
    return address in ("0.0.0.0", "::") or address.lower().endswith(".invalid")


@dataclass(frozen=True, slots=True)
class Media:
    """One m= section; `lines` are what follows its m= line."""

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    lines: Lines = ()
    count: int = 1

    @property
    def rejected(self) -> bool:
        """Port 0: this media was refused or has been taken out (RFC 3264 6, 8.2)."""
        return self.port == 0

    @property
    def connection(self) -> str | None:
        """The address of its own c= line; most have none and use the session's."""
        return _connection_address(section.value(self.lines, "c"))

    @property
    def attributes(self) -> list[tuple[str, str]]:
        """All a= lines as (name, value) in their order."""
        return section.attributes(self.lines)

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of this name; "" for a flag, None if it is absent."""
        return section.attribute(self.lines, name)

    def attribute_values(self, name: str) -> list[str]:
        """All values of this attribute in their order (a=curr, a=des, a=candidate ...)."""
        return section.attribute_values(self.lines, name)

    @property
    def bandwidth(self) -> Mapping[str, int]:
        """The b= lines by modifier: AS in kbit/s, TIAS, RS and RR (RFC 3556) in bit/s."""
        return _bandwidth(self.lines)

    @property
    def rtcp_mux(self) -> bool:
        """True if RTP and RTCP are offered on one port (RFC 5761)."""
        return self.attribute("rtcp-mux") is not None

    @property
    def rtpmaps(self) -> dict[str, RtpMap]:
        """The formats that are known, in the order of the m= line: by a=rtpmap, else the static ones of RFC 3551."""
        named: dict[str, RtpMap] = {}
        for text in self.attribute_values("rtpmap"):
            entry = RtpMap.parse(text)
            if entry is not None:
                named.setdefault(str(entry.payload_type), entry)
        found: dict[str, RtpMap] = {}
        for name in self.formats:
            number = decimal(name, 127)
            known = named.get(name) or (STATIC.get(number) if number is not None else None)
            if known is not None:
                found[name] = known
        return found

    def fmtp(self, payload_type: int | str) -> str:
        """The format parameters of a payload type as they stand there, or ""."""
        start = f"{payload_type} "
        return next((v[len(start) :].strip() for v in self.attribute_values("fmtp") if v.startswith(start)), "")

    def with_port(self, port: int) -> Self:
        """The same media on another port, one port (not a range)."""
        return replace(self, port=port, count=1)

    def with_connection(self, address: str) -> Self:
        """The same media with a c= line of its own."""
        return replace(self, lines=section.with_line(self.lines, f"c={connection_text(address)}"))

    def with_direction(self, direction: Direction) -> Self:
        """The same media with this direction written down."""
        return replace(self, lines=section.with_direction(self.lines, direction))

    def with_attribute(self, name: str, text: str = "") -> Self:
        """The same media with this attribute replaced, or added at the end."""
        return replace(self, lines=section.with_attribute(self.lines, name, text))

    def without_attributes(self, names: frozenset[str]) -> Self:
        """The same media without the attributes of these names."""
        return replace(self, lines=section.without_attributes(self.lines, names))

    def m_line(self) -> str:
        """The m= line itself."""
        count = f"/{self.count}" if self.count > 1 else ""
        return " ".join((f"m={self.kind}", f"{self.port}{count}", self.proto, *self.formats))


@dataclass(frozen=True, slots=True)
class Sdp:
    """A whole session description: the session's lines from v= on, and the medias."""

    lines: Lines
    medias: tuple[Media, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a body; CRLF and bare LF both do. Raises SdpError for what is no SDP (RFC 8866 5)."""
        lines = _split(body)
        starts = [n for n, line in enumerate(lines) if line[0] == "m"]
        if len(starts) > MAX_MEDIAS:
            raise SdpError(f"{len(starts)} m= lines; at most {MAX_MEDIAS} are taken")
        bounds = [*starts, len(lines)]
        medias = tuple(_media(lines[n], tuple(lines[n + 1 : end])) for n, end in pairwise(bounds))
        return cls(tuple(lines[: bounds[0]]), medias)

    def encode(self) -> bytes:
        """The body, each line ended by CRLF."""
        out = list(self.lines)
        for media in self.medias:
            out.append(media.m_line())
            out.extend(media.lines)
        out.append("")
        return "\r\n".join(out).encode("utf-8", "surrogateescape")

    @property
    def origin(self) -> Origin | None:
        """The o= line, if there is a sound one."""
        return Origin.parse(section.value(self.lines, "o") or "")

    @property
    def connection(self) -> str | None:
        """The address of the session's c= line."""
        return _connection_address(section.value(self.lines, "c"))

    @property
    def bandwidth(self) -> Mapping[str, int]:
        """The session's b= lines by modifier."""
        return _bandwidth(self.lines)

    @property
    def attributes(self) -> list[tuple[str, str]]:
        """The session's a= lines as (name, value)."""
        return section.attributes(self.lines)

    def attribute(self, name: str) -> str | None:
        """The value of the session's first attribute of this name; "" for a flag, None if it is absent."""
        return section.attribute(self.lines, name)

    def address_of(self, media: Media) -> str | None:
        """Where this media is to be sent: its own c= line, else the session's, else None."""
        return media.connection or self.connection

    def direction_of(self, media: Media) -> Direction:
        """The media's direction: its own, the session's, or sendrecv. A null address takes receiving away
        (RFC 3264 8.4), so an old-style hold reads as sendonly or inactive."""
        word = section.direction(media.lines) or section.direction(self.lines)
        direction = Direction(word) if word else Direction.SENDRECV
        if direction.receives and is_no_address(self.address_of(media) or ""):
            return direction_from(sends=direction.sends, receives=False)
        return direction

    def rtp_addr(self, media: Media) -> tuple[str, int] | None:
        """Where RTP is to be sent; None if the media is rejected or has a null or no address."""
        address = self.address_of(media)
        if media.rejected or address is None or is_no_address(address):
            return None
        return address, media.port

    def rtcp_addr(self, media: Media) -> tuple[str, int] | None:
        """Where RTCP is to be sent: a=rtcp (RFC 3605), else the port above RTP's; None as for `rtp_addr`."""
        rtp = self.rtp_addr(media)
        if rtp is None:
            return None
        words = (media.attribute("rtcp") or "").split()
        port = decimal(words[0], 65535) if words else None
        if not port:
            return (rtp[0], rtp[1] + 1) if rtp[1] < 65535 else None
        return (words[3] if len(words) == 4 else rtp[0]), port

    def with_line(self, line: str) -> Self:
        """The same description with this the only session line of its type ("s=-")."""
        return replace(self, lines=section.with_line(self.lines, line))

    def with_media(self, index: int, media: Media) -> Self:
        """The same description with one media replaced."""
        return replace(self, medias=(*self.medias[:index], media, *self.medias[index + 1 :]))


def _split(body: bytes) -> list[str]:
    # surrogateescape keeps octets of other charsets (a=charset, RFC 8866 6.10) as they are
    text = body.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\0" in text or "\r" in text:
        raise SdpError("an SDP line holds neither NUL nor CR")
    lines = [line for line in text.split("\n") if line]
    if not lines or lines[0].rstrip() != "v=0":
        raise SdpError("an SDP starts with v=0")
    for line in lines:
        if line[1:2] != "=":
            raise SdpError(f"not an SDP line: {line[:40]!r}")
        if line[0] == "c" and _connection_address(line[2:]) is None:
            raise SdpError(f"bad connection line: {line[:60]!r}")
    return lines


def _media(line: str, rest: Lines) -> Media:
    words = line[2:].split()
    if len(words) < 3 or not _TOKEN.issuperset(words[0]) or not _TOKEN.issuperset(words[2].replace("/", "")):
        raise SdpError(f"bad media line: {line[:60]!r}")
    number, slash, count_text = words[1].partition("/")
    port = decimal(number, 65535)
    count = decimal(count_text, 65535) if slash else 1
    if port is None or not count:
        raise SdpError(f"bad port in media line: {line[:60]!r}")
    return Media(words[0], port, words[2], tuple(words[3:]), rest, count)


def _connection_address(text: str | None) -> str | None:
    words = text.split() if text else []
    if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
        return None
    return words[2].partition("/")[0] or None  # RFC 8866 5.7: /ttl and /number of multicast


def _bandwidth(lines: Lines) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in lines:
        if line[0] == "b":
            modifier, _, number = line[2:].partition(":")
            rate = decimal(number.strip(), 2**63)
            if rate is not None:
                found[modifier.strip()] = rate
    return found

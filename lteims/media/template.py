"""A session description out of an operator's file (sdp_file, mt_call_sdp_file, sip_file): offer or answer (RFC 3264).

The text is kept line by line; the origin, the addresses and the ports are the server's. ims/ reads the file, opens
the ports and calls this; a file that is no SDP raises SdpError with the line that is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lteims.media import section
from lteims.media.offer_answer import SESSION_NAME
from lteims.media.sdp import Media, Origin, Sdp, SdpError, connection_text, direction_from
from lteims.media.section import Lines

_COMMENTS = ("#", "//")
_VERSION = "v=0"


@dataclass(frozen=True, slots=True)
class Template:
    """What the file says; its own addresses and ports mean nothing, 0 as little as others."""

    sdp: Sdp

    @classmethod
    def parse(cls, text: bytes | str) -> "Template":
        """Read a file: a whole SDP or m= sections alone, LF or CRLF, with blank lines and comments (# or //).

        SIP or MIME headers before v=0 are passed over. Raises SdpError with the number of the line that is wrong.
        """
        numbered = _meaningful(text)
        for number, line in numbered:
            try:
                Sdp.parse(f"{_VERSION}\n{line}".encode("utf-8", "surrogateescape"))
            except SdpError as error:
                raise SdpError(f"line {number}: {error}") from None
        lines = [_VERSION, *(line for _, line in numbered if not line.startswith("v="))]
        sdp = Sdp.parse("\n".join(lines).encode("utf-8", "surrogateescape"))
        if not sdp.medias:
            raise SdpError("it has no m= line")
        return cls(sdp)

    @property
    def kinds(self) -> list[str]:
        """The kind of each m= line (audio, video ...), for the ports of `offer`."""
        return [media.kind for media in self.sdp.medias]

    def with_ports(self) -> Sdp:
        """What the file says, where no port 0 reads as a rejection."""
        return replace(self.sdp, medias=tuple(media.with_port(1) for media in self.sdp.medias))

    def offer(self, origin: Origin, address: str, ports: Sequence[int]) -> Sdp:
        """The file as an offer; one port for each of its m= lines."""
        _check(ports, self.sdp)
        medias = (_placed(media, address, port) for media, port in zip(self.sdp.medias, ports, strict=True))
        return self._described(origin, address, tuple(medias), ("t=0 0",))

    def matched(self, offer: Sdp) -> list[Media | None]:
        """The file's section for each m= line of an offer, by kind in order; None: rejected, it needs no port."""
        left = list(self.sdp.medias)
        found: list[Media | None] = []
        for media in offer.medias:
            own = None if media.rejected else next((m for m in left if m.kind == media.kind), None)
            if own is not None:
                left.remove(own)
            found.append(own)
        return found

    def answer(self, offer: Sdp, origin: Origin, address: str, ports: Sequence[int]) -> Sdp:
        """The file as an answer with the offer's number and order of m= lines (RFC 3264 6); 0 in `ports` rejects.

        Transports and formats are the file's even where nobody offered them. A direction in it holds as far as the
        offer's allows, so that a call with such an answer can still be put on hold.
        """
        _check(ports, offer)
        medias = tuple(
            replace(media, port=0, count=1, lines=())
            if own is None or not port
            else _placed(self._directed(own, offer, media), address, port)
            for media, own, port in zip(offer.medias, self.matched(offer), ports, strict=True)
        )
        # RFC 3264 6: t= equals the offer's
        times = tuple(line for line in offer.lines if line[0] == "t")
        return self._described(origin, address, medias, times or ("t=0 0",))

    def _directed(self, own: Media, offer: Sdp, media: Media) -> Media:
        wanted, allowed = self.sdp.direction_of(own), offer.direction_of(media).mirrored()
        direction = direction_from(sends=wanted.sends and allowed.sends, receives=wanted.receives and allowed.receives)
        return own if direction is wanted else own.with_direction(direction)

    def _described(self, origin: Origin, address: str, medias: tuple[Media, ...], times: Lines) -> Sdp:
        lines = self.sdp.lines
        for line in (f"o={origin.encode()}", f"s={SESSION_NAME}", f"c={connection_text(address)}"):
            lines = section.with_line(lines, line)
        if section.value(lines, "t") is None:
            for line in times[:1]:
                lines = section.with_line(lines, line)
        return Sdp(lines, medias)


def _meaningful(text: bytes | str) -> list[tuple[int, str]]:
    """The lines of the SDP with their numbers: no comments, nothing before v=0 that cannot be SDP."""
    try:
        read = text.decode("utf-8-sig", "surrogateescape") if isinstance(text, bytes) else text
        read.encode("utf-8", "surrogateescape")
    except UnicodeError:
        raise SdpError("it is no text") from None
    stripped = enumerate((line.strip() for line in read.replace("\r\n", "\n").split("\n")), 1)
    found = [(n, line) for n, line in stripped if line and not line.startswith(_COMMENTS)]
    start = next((place for place, (_, line) in enumerate(found) if line == _VERSION), 0)
    return found[start:] if found and found[0][1][1:2] != "=" else found


def _placed(media: Media, address: str, port: int) -> Media:
    placed = media.with_port(port)
    return placed if media.connection is None else placed.with_connection(address)


def _check(ports: Sequence[int], sdp: Sdp) -> None:
    if len(ports) != len(sdp.medias):
        raise ValueError(f"{len(ports)} ports for {len(sdp.medias)} m= lines")

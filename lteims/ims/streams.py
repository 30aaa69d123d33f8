"""The RTP streams of one call, by the index of their m= line and by side: 0 is the caller's leg, 1 the callee's.

anchor.py asks for them as SDP passes. What an offer opens can be withdrawn, and what it would change stays as it is
until its answer comes (RFC 3264 8, 8.3.2); the packets themselves go through net/rtp.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lteims.errors import LteimsError
from lteims.media.offer_answer import anchorable, is_rtp
from lteims.media.sdp import Media, Sdp
from lteims.net.rtp import MediaPlane, RtpStream
from lteims.net.rtp_ports import PortPool
from lteims.sip.errors import SipError
from lteims.trace import MEDIA, WARN, log


@dataclass(frozen=True, slots=True)
class Side:
    """Where one leg's media is: the address that its SDP tells, the address and ports bound; its id in the log."""

    address: str
    bind: str
    pool: PortPool
    id: str


class Streams:
    """All of them. `urgent` ones may take the ports that are kept for emergencies."""

    def __init__(self, plane: MediaPlane, *, urgent: bool) -> None:
        self._plane = plane
        self._urgent = urgent
        self._sides: list[Side | None] = [None, None]
        self._lines: list[list[RtpStream | None]] = []  # [m= line][side]
        self._opened: set[int] = set()  # the m= lines that the offer under way opened ports for
        self._changing: dict[int, dict[int, RtpStream]] = {}  # those whose kind it changes: [m= line][side]

    def place(self, side: int, where: Side) -> None:
        """Say where a leg's media is; needed before anything is opened for that leg."""
        self._sides[side] = where

    def where(self, side: int) -> Side | None:
        """As `place` has said."""
        return self._sides[side]

    # -- what there is
    @property
    def lines(self) -> int:
        """How many m= lines there are, with streams or without."""
        return len(self._lines)

    def __iter__(self) -> Iterator[RtpStream]:
        """Every open stream."""
        return (stream for pair in self._lines for stream in pair if stream is not None)

    def at(self, index: int) -> Sequence[RtpStream | None]:
        """The two of an m= line, the caller's first; (None, None) behind the last line."""
        return self._lines[index] if index < len(self._lines) else (None, None)

    def of(self, side: int) -> Iterator[tuple[int, RtpStream]]:
        """Those of one leg, with the index of their m= line."""
        return ((i, stream) for i, pair in enumerate(self._lines) if (stream := pair[side]) is not None)

    def fits(self, index: int, side: int, media: Media) -> bool:
        """Is there a stream for this m= line, of its kind?"""
        stream = self._lines[index][side]
        return stream is not None and (stream.kind, stream.raw) == (media.kind, not is_rtp(media))

    # -- opening
    def grow(self, count: int) -> None:
        """A description has so many m= lines."""
        while len(self._lines) < count:
            self._lines.append([None, None])

    def open(self, index: int, side: int, media: Media, *, offered: bool = False) -> RtpStream:
        """The stream of one leg; `offered`: a new one is withdrawn with the offer. SipError 503 without ports."""
        stream = self._lines[index][side]
        if stream is None:
            if offered:
                self._opened.add(index)
            stream = self._lines[index][side] = self._new(side, media)
        return stream

    def pair(self, index: int, media: Media, near: int) -> tuple[RtpStream, RtpStream]:
        """Both streams of an offered m= line, the offerer's (`near`) first, joined. SipError 503 without ports."""
        if self._lines[index][near] is not None and not self.fits(index, near, media):
            pair = self._changing[index] = {}
            for side in (near, 1 - near):
                pair[side] = self._new(side, media)
            _join(pair[0], pair[1])
            return pair[near], pair[1 - near]
        fresh = self._lines[index][near] is None
        both = self.open(index, near, media, offered=True), self.open(index, 1 - near, media)
        if fresh:
            _join(*both)
        return both

    def _new(self, side: int, media: Media) -> RtpStream:
        where = self._sides[side]
        assert where is not None
        try:
            return self._plane.open(
                where.bind, where.pool, media.kind, where.id, raw=not is_rtp(media), urgent=self._urgent
            )
        except LteimsError as error:
            self.withdraw()
            log(MEDIA, WARN, f"no ports for {media.kind}: {error}", id=where.id)
            raise SipError(503, str(error), {"retry-after": "10"}) from None

    # -- the end of an offer
    def change(self, answer: Sdp) -> None:
        """An answer has come: the streams of medias that change their kind, such as voice to fax (RFC 3264 8.3.2)."""
        for i, media in enumerate(answer.medias):
            if i in self._changing and anchorable(media):
                self.drop(i)
                pair = self._changing.pop(i)
                self._lines[i] = [pair[0], pair[1]]

    def keep(self) -> None:
        """The offer was answered: what it opened stays; a change that was not taken is withdrawn."""
        self._opened.clear()
        self.withdraw()

    def withdraw(self) -> None:
        """The offer was refused: what it opened is closed, the rest stays."""
        for index in self._opened:
            self.drop(index)
        self._opened.clear()
        for pair in self._changing.values():
            for stream in pair.values():
                stream.close()
        self._changing.clear()

    def drop(self, index: int) -> None:
        """Close the streams of an m= line."""
        for side, stream in enumerate(self._lines[index]):
            if stream is not None:
                stream.close()
                self._lines[index][side] = None

    def close(self) -> None:
        """Give every port back."""
        self.withdraw()
        for index in range(len(self._lines)):
            self.drop(index)

    # -- what passed
    def last_activity(self, since: float) -> float:
        """Monotonic seconds of the last valid packet on any stream, or `since` if that is later."""
        return max([since, *(stream.last_activity for stream in self)])

    def summary(self) -> str:
        """The counts of every stream, for the log line at the end of a call."""
        parts = []
        for i, pair in enumerate(self._lines):
            for side, stream in enumerate(pair):
                if stream is not None:
                    parts.append(
                        f"{stream.kind}{i}/{'MO' if side == 0 else 'MT'}"
                        f" rtp_recv={stream.rtp_recv_count} rtp_send={stream.rtp_send_count}"
                        f" rtcp_recv={stream.rtcp_recv_count} rtcp_send={stream.rtcp_send_count}"
                    )
        return "; ".join(parts) or "no media"


def _join(one: RtpStream, other: RtpStream) -> None:
    one.relay_to(other)
    other.relay_to(one)

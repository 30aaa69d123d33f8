"""The media of one call, anchored at the server (TS 24.229 annex G in spirit): ports of ours in every SDP.

branch.py, inside.py and the echo ask for the SDP to send; the streams that it tells of are in streams.py. Side 0 is the
caller's leg (MO), side 1 the callee's (MT).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lteims.ims.streams import Side, Streams
from lteims.media.frame import codec_of, silence_for
from lteims.media.offer_answer import (
    Refusal,
    anchorable,
    anchored,
    echo_answer,
    echoable,
    passes_through,
)
from lteims.media.precondition import without_preconditions
from lteims.media.sdp import Direction, Media, Origin, Sdp, direction_from
from lteims.media.template import Template
from lteims.net.rtp import MediaPlane, RtpStream
from lteims.sip.errors import SipError
from lteims.sip.grammar import host_port

_STEADY = ("audio", "video")  # of these packets come all the time; text and fax have pauses of any length


# What the server offers of its own: the codecs of IR.92 3.2 and those of every softphone
_VOICE = Template.parse(
    b"""m=audio 0 RTP/AVP 96 97 8 0 101 102
a=rtpmap:96 AMR-WB/16000
a=fmtp:96 mode-change-capability=2;max-red=0
a=rtpmap:97 AMR/8000
a=fmtp:97 mode-change-capability=2;max-red=0
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtpmap:102 telephone-event/16000
a=fmtp:102 0-15
a=ptime:20
a=maxptime:240
a=sendrecv
"""
)


Touch = Callable[[Sdp, bool], Sdp]  # the last touch on an SDP that leaves; True: it is an offer


@dataclass(frozen=True, slots=True)
class MediaView:
    """One media of a leg, as the remote API shows it (manual 6.6, dialog_get); the server's point of view."""

    type: str
    dir: str
    rtp_addr: str
    rtp_recv_count: int
    rtp_send_count: int
    rtcp_addr: str
    rtcp_recv_count: int
    rtcp_send_count: int


@dataclass(frozen=True, slots=True)
class _Bare:
    """Makes an SDP without preconditions."""

    make: Callable[[Origin, str], Sdp]

    def __call__(self, origin: Origin, address: str) -> Sdp:
        return without_preconditions(self.make(origin, address))


class Anchor:
    """What the two legs of a call are told, and have agreed on.

    An offer opens ports and changes nothing else before its answer comes: one that is refused leaves the media as
    it was (RFC 3264 8). `urgent` calls may take the ports that are kept for emergencies.
    """

    def __init__(self, plane: MediaPlane, sess_id: int, *, urgent: bool = False) -> None:
        self._clock = plane.clock
        self._sess_id = sess_id
        self._streams = Streams(plane, urgent=urgent)
        self._sent: list[tuple[bytes, int]] = [(b"", 0), (b"", 0)]  # by side: the last SDP and its version
        self._plain: list[Callable[[Origin, str], Sdp] | None] = [None, None]  # how it was made, before the last touch
        self.touch: list[Touch | None] = [None, None]
        self.held = [False, False]  # by side: does the server hold this phone? Every SDP for it says so (RFC 3264 8.4)
        self._pending: Sdp | None = None  # the offer that waits for its answer
        self._agreed: Sdp | None = None  # the offer that was answered last
        self._directions: list[Direction] = []  # of side 0, as the server sees it
        self._flowing = False
        self._since = plane.clock()
        self.shared = False  # by phones of which one will be the call: what one of them rejects stays open
        self.closed = False

    def place(self, side: int, where: Side) -> None:
        """Say where a leg's media is; needed before SDP is made for that leg."""
        self._streams.place(side, where)

    # -- between two legs
    def relay(self, heard_from: int, sdp: Sdp, *, offer: bool) -> bytes:
        """The SDP for the other leg out of one that a leg sent.

        SipError 488 when there is nothing in it to carry, 503 without ports.
        """
        whole = sdp if offer else self._filled(sdp)
        ports = self._offered(heard_from, whole) if offer else self._answered(heard_from, whole)
        return self._send(1 - heard_from, lambda origin, address: anchored(whole, origin, address, ports), offer)

    def _filled(self, answer: Sdp) -> Sdp:
        """An answer with a line for each of the offer's: those that the phone has left out are refused (RFC 3264 6)."""
        offer = self._pending or self._agreed
        missing = offer.medias[len(answer.medias) :] if offer is not None else ()
        if not missing:
            return answer
        return Sdp(answer.lines, (*answer.medias, *(Media(m.kind, 0, m.proto, m.formats) for m in missing)))

    def again(self, side: int, *, offer: bool, bare: bool = False) -> bytes:
        """What a leg was sent last, once more: to be offered again, or as the answer to an unchanged offer.

        `bare`: without preconditions, which were the other phone's and of that moment.
        """
        make = self._plain[side]
        if bare and make is not None and not isinstance(make, _Bare):
            make = _Bare(make)
        return self._send(side, make, offer) if make is not None else b""

    def leave_out(self, side: int, medias: frozenset[int]) -> Callable[[], None] | None:
        """What a leg was sent last loses these m= lines when made `again`; what undoes that, None: it has none."""
        make = self._plain[side]
        sent = Sdp.parse(self.last_sent(side)).medias if make is not None else ()
        gone = medias & {i for i, media in enumerate(sent) if not media.rejected}
        if make is None or not gone:
            return None

        def fewer(origin: Origin, address: str) -> Sdp:
            sdp = make(origin, address)
            kept = (Media(m.kind, 0, m.proto, m.formats) if i in gone else m for i, m in enumerate(sdp.medias))
            return replace(sdp, medias=tuple(kept))

        def undo() -> None:
            if self._plain[side] in (fewer, _Bare(fewer)):
                self._plain[side] = make

        self._plain[side] = fewer
        return undo

    def _offered(self, side: int, sdp: Sdp) -> list[int | None]:
        self.withdraw()
        self._streams.grow(len(sdp.medias))
        ports: list[int | None] = []
        for i, media in enumerate(sdp.medias):
            if passes_through(media):
                ports.append(None)
                continue
            if not anchorable(media):
                ports.append(0)
                continue
            fresh = not self._streams.fits(i, side, media)
            near, far = self._streams.pair(i, media, side)
            if fresh:  # media may come back before any answer does (RFC 3264 5.1)
                near.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            ports.append(far.port)
        if sdp.medias and not any(port != 0 for port in ports) and self._agreed is None:
            raise no_media(self._address(side), "no media in the offer that the server can carry")
        self._pending = sdp
        return ports

    def _answered(self, side: int, sdp: Sdp) -> list[int | None]:
        offer = self._pending or self._agreed
        offered = offer.medias if offer else ()
        ports: list[int | None] = []
        self._streams.change(sdp)
        for i, media in enumerate(sdp.medias):
            pair = self._streams.at(i)
            near, far = pair[side], pair[1 - side]
            if passes_through(media):
                ports.append(None)
                continue
            if near is None or far is None or i >= len(offered) or not (anchorable(media) and anchorable(offered[i])):
                ports.append(0)
                continue
            near.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            if self._pending is not None:
                far.set_remote(self._pending.rtp_addr(offered[i]), self._pending.rtcp_addr(offered[i]))
            ports.append(far.port)
        for i in range(self._streams.lines):
            if not self.shared and (i >= len(ports) or not ports[i]):
                self._streams.drop(i)
        if offer is not None:
            self._agree(offer, sdp, 1 - side)
        return ports

    def settle(self, mo: Sdp, mt: Sdp) -> None:
        """What two legs agreed on before others used the same streams counts again."""
        for i in range(self._streams.lines):
            if any(i >= len(sdp.medias) or sdp.medias[i].rejected for sdp in (mo, mt)):
                self._streams.drop(i)
            for sdp, stream in zip((mo, mt), self._streams.at(i), strict=True):
                if stream is not None:
                    stream.set_remote(sdp.rtp_addr(sdp.medias[i]), sdp.rtcp_addr(sdp.medias[i]))
        self._agree(mo, mt, 0)

    def _agree(self, offer: Sdp, answer: Sdp, offerer: int) -> None:
        """The answer has come: what is expected to flow from now on, and what is held back (RFC 3264 8.4)?"""
        if self._pending is not None or not self._flowing:
            self._since = self._clock()
        self._flowing = False
        self._directions = []
        for i, media in enumerate(answer.medias[: self._streams.lines]):
            if i >= len(offer.medias):
                break
            asked, given = offer.direction_of(offer.medias[i]), answer.direction_of(media)
            forth = asked.sends and given.receives  # from the offerer to the answerer
            back = asked.receives and given.sends
            if True in self.held:  # what was agreed between two phones is less for one that is held
                forth, back = forth and not self.held[offerer], back and not self.held[1 - offerer]
            streams = self._streams.at(i)
            if (own := streams[offerer]) is not None:
                own.set_direction(sends=back, receives=forth)
            if (other := streams[1 - offerer]) is not None:
                other.set_direction(sends=forth, receives=back)
            steady = any(stream is not None and stream.kind in _STEADY for stream in streams)  # one side may be ours
            self._flowing = self._flowing or (forth and back and steady)
            mine = (back, forth) if offerer == 0 else (forth, back)
            self._directions.append(direction_from(sends=mine[0], receives=mine[1]))
        self._streams.keep()
        self._pending = None
        self._agreed = offer

    def withdraw(self) -> None:
        """The offer under way was refused: what it opened is closed, the rest stays."""
        self._streams.withdraw()
        self._pending = None

    # -- where the server is the end
    def echo(self, sdp: Sdp, side: int = 0, template: Template | None = None, *, play: bool = False) -> bytes:
        """The server's own answer to a leg's offer: all media comes back, or the media that the file forces.

        `play`: silence where there is nothing to play back. SipError 488 and no change if there is nothing to echo.
        """
        taken = _echoable(sdp, template)
        if not any(taken):
            refusal = echo_answer(sdp, Origin("-", 0, 0, "0.0.0.0"), "0.0.0.0", [0] * len(sdp.medias))
            why = refusal if isinstance(refusal, Refusal) else Refusal(304, "the file has no media for this offer")
            raise no_media(self._address(side), why.reason, why.warning)
        self._streams.grow(len(sdp.medias))
        ports = []
        for i, media in enumerate(sdp.medias):
            if not taken[i]:
                self._streams.drop(i)
                ports.append(0)
                continue
            stream = self._streams.open(i, side, media, offered=True)
            stream.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            _make_end(stream, sdp, media, play=play)
            ports.append(stream.port)
        for i in range(len(ports), self._streams.lines):
            self._streams.drop(i)
        if template is not None:
            here = self._address(side)
            self._agree(sdp, template.answer(sdp, Origin("-", 0, 0, here), here, ports), side)
            return self._send(side, lambda origin, address: template.answer(sdp, origin, address, ports), False)
        self._agree(sdp, _taken(sdp, ports), side)
        return self._send(side, lambda origin, address: _echoed(sdp, origin, address, ports), False)

    def own_offer(self, side: int, template: Template | None = None) -> bytes:
        """The server's own offer, from a file or a plain voice one; `take_answer` reads the answer."""
        if template is None:
            template = _VOICE
        made = template
        self._streams.grow(len(made.sdp.medias))
        ports = [self._streams.open(i, side, media.with_port(1)).port for i, media in enumerate(made.sdp.medias)]
        return self._send(side, lambda origin, address: made.offer(origin, address, ports), True)

    def take_answer(self, side: int, sdp: Sdp, *, play: bool | None = None) -> None:
        """A leg's answer to the server's own offer; where the server is the end, its media comes back.

        `play`: with silence where there is nothing to play back; None leaves the streams joined as they are.
        """
        offer = Sdp.parse(self._sent[side][0])
        for i, stream in self._streams.of(side):
            if i >= len(sdp.medias) or sdp.medias[i].rejected:
                self._streams.drop(i)
                continue
            media = sdp.medias[i]
            stream.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            if play is not None:
                _make_end(stream, sdp, media, play=play)
        self._agree(offer, sdp, 1 - side)

    # -- the SDP that leaves
    def _send(self, side: int, make: Callable[[Origin, str], Sdp], offer: bool) -> bytes:
        """Encode with an origin whose version rises with every change (RFC 3264 8)."""
        self._plain[side] = make
        last, version = self._sent[side]
        body = self._made(side, make, version, offer)
        if body != last and last:
            version += 1
            body = self._made(side, make, version, offer)
        self._sent[side] = (body, version)
        return body

    def _made(self, side: int, make: Callable[[Origin, str], Sdp], version: int, offer: bool) -> bytes:
        where = self._streams.where(side)
        assert where is not None
        sdp = make(Origin("-", self._sess_id, version, where.address), where.address)
        if self.held[side]:
            sdp = _holding(sdp)
        touch = self.touch[side]
        return (touch(sdp, offer) if touch is not None else sdp).encode()

    def _address(self, side: int) -> str:
        where = self._streams.where(side)
        return where.address if where is not None else "-"

    # -- what others want to know
    def last_sent(self, side: int) -> bytes:
        """The SDP that a leg was sent last; b"" for none."""
        return self._sent[side][0]

    def views(self, side: int) -> dict[int, MediaView]:
        """The media of one leg as they are now, by the index of their m= line."""
        return {
            i: MediaView(
                stream.kind, str(self._direction(i, side)),
                stream.rtp_addr, stream.rtp_recv_count, stream.rtp_send_count,
                stream.rtcp_addr, stream.rtcp_recv_count, stream.rtcp_send_count,
            )
            for i, stream in self._streams.of(side)
        }  # fmt: skip

    def on_hold(self, side: int) -> bool:
        """Is every media of this leg held by one of the two?"""
        found = [self._direction(i, side) for i, _ in self._streams.of(side)]
        return bool(found) and all(direction is not Direction.SENDRECV for direction in found)

    def _direction(self, index: int, side: int) -> Direction:
        found = self._directions[index] if index < len(self._directions) else Direction.SENDRECV
        return found if side == 0 else found.mirrored()

    @property
    def flowing(self) -> bool:
        """Is RTP to be expected: something negotiated, and neither side on hold?"""
        return self._flowing and any(True for _ in self._streams)

    def last_activity(self) -> float:
        """Monotonic seconds of the last valid packet on any stream, or of the last answer if that is later."""
        return self._streams.last_activity(self._since)

    def summary(self) -> str:
        """The counts of every stream, for the log line at the end of a call."""
        return self._streams.summary()

    def close(self) -> None:
        """Give every port back."""
        self.closed = True
        self._streams.close()
        self._pending = None


def _holding(sdp: Sdp) -> Sdp:
    """The same description of one that does not want to hear anything now."""

    def muted(media: Media) -> Media:
        return media.with_direction(direction_from(sends=sdp.direction_of(media).sends, receives=False))

    return replace(sdp, medias=tuple(media if media.rejected else muted(media) for media in sdp.medias))


def _taken(offer: Sdp, ports: list[int]) -> Sdp:
    """The directions of the answer to an offer whose media is echoed."""
    medias = [
        Media(m.kind, port, m.proto, m.formats).with_direction(offer.direction_of(m).mirrored())
        for m, port in zip(offer.medias, ports, strict=True)
    ]
    return Sdp(offer.lines, tuple(medias))


def _echoable(sdp: Sdp, template: Template | None) -> list[bool]:
    """Which medias of an offer the server answers itself."""
    if template is None:
        return [echoable(media) for media in sdp.medias]
    return [media is not None for media in template.matched(sdp)]


def _make_end(stream: RtpStream, sdp: Sdp, media: Media, *, play: bool) -> None:
    """The server is the end of a stream: what comes goes back; `play`: with silence where there is nothing to play."""
    codec = codec_of(media)
    rate = codec.rtpmap.clock_rate if codec is not None else 0
    told = {**sdp.bandwidth, **media.bandwidth}
    reports = not (told.get("RS", 1) == 0 and told.get("RR", 1) == 0)  # RFC 3556 2: no RTCP at all
    if play:
        stream.play_back(silence_for(codec) if codec is not None else None, rate, reports=reports)
    else:
        stream.echo(rate, reports=reports)


def _echoed(offer: Sdp, origin: Origin, address: str, ports: list[int]) -> Sdp:
    answer = echo_answer(offer, origin, address, ports)
    assert isinstance(answer, Sdp)  # echo() has seen that there is something to echo
    return answer


def no_media(address: str, why: str, warning: int = 304) -> SipError:
    """488 with the Warning that says what is wrong with the media (RFC 3261 20.43, 21.4.26)."""
    return SipError(488, why, {"warning": f'{warning} {host_port(address, None)} "{why}"'})

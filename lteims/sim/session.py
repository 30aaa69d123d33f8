"""The media side of a virtual phone's call as values: its SDP offers and answers, preconditions, hold (RFC 3264, 3312).

Pure; call.py asks for bodies and feeds those that come, voice.py is told where to send.
"""

from lteims.media.codec import Codec, RtpMap
from lteims.media.offer_answer import PLAIN
from lteims.media.precondition import Preconditions, offers_preconditions
from lteims.media.sdp import Direction, Media, Origin, Sdp, connection_text, direction_from
from lteims.sip.errors import SipError

Formats = tuple[tuple[str, str], ...]


class Session:
    """One call's audio. `held` is our own wish; `sends` and `receives` are what both sides agree on."""

    def __init__(self, address: str, port: int, codecs: Formats, session_id: int, *, preconditions: bool) -> None:
        """`codecs` are (rtpmap, fmtp) in the order of preference; without `preconditions` none are ever written."""
        self.held = False
        self.remote: Sdp | None = None
        self.agreed = False  # an offer has been answered
        self.open = False  # our offer waits for its answer
        self._address = address
        self._port = port
        self._codecs = codecs
        self._origin = Origin("-", session_id, 0, address)
        self._preconditions = Preconditions(reserved=False) if preconditions else None
        self._rejected: dict[int, Media] = {}  # what else was offered, by its place
        self._place = 0

    # -- what is written
    def offer(self) -> bytes:
        """An offer of ours."""
        self.open = True
        media = Media("audio", self._port, "RTP/AVP", tuple(m.split()[0] for m, _ in self._codecs), self._lines())
        sdp = self._description(media)
        return (self._preconditions.offer(sdp) if self._preconditions else sdp).encode()

    def _lines(self) -> tuple[str, ...]:
        lines = ["b=AS:50", "b=RS:600", "b=RR:2000"]
        for rtpmap, fmtp in self._codecs:
            lines.append(f"a=rtpmap:{rtpmap}")
            if fmtp:
                lines.append(f"a=fmtp:{rtpmap.split()[0]} {fmtp}")
        return (*lines, "a=ptime:20", "a=maxptime:240", f"a={self._wish()}")

    def _wish(self) -> Direction:
        return direction_from(sends=not (self.held and self.held_by_peer), receives=not self.held)

    def _description(self, media: Media) -> Sdp:
        self._origin = self._origin.raised()
        places = max([self._place, *self._rejected]) + 1
        medias = tuple(media if n == self._place else self._rejected[n] for n in range(places))
        head = ("v=0", f"o={self._origin.encode()}", "s=-", f"c={connection_text(self._address)}", "t=0 0")
        return Sdp(head, medias)

    def answer(self, body: bytes) -> bytes:
        """The answer to an offer; SipError 488 if there is no audio or no codec that we have."""
        offer = Sdp.parse(body)
        place, media = self._choose(offer)
        self._place = place
        self._rejected = {
            n: Media(m.kind, 0, m.proto, m.formats) for n, m in enumerate(offer.medias) if n != place
        }  # fmt: skip
        theirs = offer.direction_of(media)
        wish = direction_from(sends=theirs.receives, receives=theirs.sends and not self.held)
        self.remote, self.agreed, self.open = offer, True, False
        answer = self._description(self._answer_media(media, wish))
        if self._preconditions is None:
            return answer.encode()
        self._preconditions.heard(offer)
        return self._preconditions.answer(answer).encode()

    def check(self, body: bytes) -> bool:
        """Can this offer be answered, and does it have preconditions? SipError 488, SdpError."""
        offer = Sdp.parse(body)
        self._choose(offer)
        return offers_preconditions(offer)

    def _choose(self, offer: Sdp) -> tuple[int, Media]:
        for n, media in enumerate(offer.medias):
            if media.kind == "audio" and not media.rejected and media.proto.upper() in PLAIN and self._common(media):
                return n, media
        raise SipError(488, "no audio with a codec of this phone")

    def _common(self, media: Media) -> dict[str, RtpMap]:
        """The first codec that both have, with its telephone-event, by the offer's formats."""
        ours = [_words(rtpmap) for rtpmap, _ in self._codecs]
        theirs = {name: entry for name, entry in media.rtpmaps.items() if _key(entry) in ours}
        first = next((name for name, entry in theirs.items() if not entry.is_auxiliary), None)
        if first is None:
            return {}
        events = {
            name: entry for name, entry in theirs.items()
            if entry.is_auxiliary and entry.clock_rate == theirs[first].clock_rate
        }  # fmt: skip
        return {first: theirs[first]} | events

    def _answer_media(self, media: Media, wish: Direction) -> Media:
        chosen = self._common(media)
        lines = ["b=AS:50"]
        for name, entry in chosen.items():
            lines.append(f"a=rtpmap:{entry.encode()}")
            if fmtp := media.fmtp(name):
                lines.append(f"a=fmtp:{name} {fmtp}")
        lines += ["a=ptime:20", f"a={wish}"]
        return Media("audio", self._port, media.proto, tuple(chosen), tuple(lines))

    # -- what is heard
    def heard(self, body: bytes) -> None:
        """The answer to our offer."""
        self.remote = Sdp.parse(body)
        self.agreed, self.open = True, False
        if self._preconditions is not None:
            self._preconditions.heard(self.remote)

    def withdrawn(self) -> None:
        """Our offer was refused."""
        self.open = False
        if self._preconditions is not None:
            self._preconditions.withdrawn()

    def reserved(self) -> None:
        """Our bearer stands."""
        if self._preconditions is not None:
            self._preconditions.reserved()

    # -- what others want to know
    @property
    def negotiating(self) -> bool:
        """Does the other side have preconditions too?"""
        return self._preconditions is not None and self._preconditions.active

    @property
    def may_alert(self) -> bool:
        """Nothing mandatory is unmet."""
        return self._preconditions is None or self._preconditions.may_alert

    @property
    def news(self) -> bool:
        """The other side waits to be told that our bearer stands."""
        return self._preconditions is not None and self._preconditions.news

    def _theirs(self) -> Media:
        assert self.remote is not None
        medias = self.remote.medias
        return medias[self._place] if self._place < len(medias) else Media("audio", 0, "RTP/AVP", ())

    @property
    def direction(self) -> Direction:
        """What we do: our wish within what the other side does."""
        if self.remote is None:
            return Direction.INACTIVE
        theirs = self.remote.direction_of(self._theirs())
        return direction_from(sends=theirs.receives, receives=theirs.sends and not self.held)

    @property
    def held_by_peer(self) -> bool:
        """The other side does not want to hear us."""
        return self.remote is not None and not self.remote.direction_of(self._theirs()).receives

    @property
    def codec(self) -> Codec | None:
        """What is sent: the first format of theirs that we have."""
        media = self._theirs() if self.remote is not None else None
        for name, entry in (self._common(media) if media is not None else {}).items():
            if media is not None and not entry.is_auxiliary:
                return Codec(entry, media.fmtp(name), 20)
        return None

    @property
    def rtp(self) -> tuple[str, int] | None:
        """Where RTP is to be sent."""
        return self.remote.rtp_addr(self._theirs()) if self.remote is not None else None

    @property
    def rtcp(self) -> tuple[str, int] | None:
        """Where RTCP is to be sent."""
        return self.remote.rtcp_addr(self._theirs()) if self.remote is not None else None


def _words(rtpmap: str) -> tuple[str, int]:
    name, rate = rtpmap.split()[1].split("/")[:2]
    return name.lower(), int(rate)


def _key(entry: RtpMap) -> tuple[str, int]:
    return entry.encoding.lower(), entry.clock_rate

"""The media of one call, anchored at the server (TS 24.229 annex G in spirit): ports of ours in every SDP.

call legs and the echo ask for the SDP to send; the RTP goes through net/rtp.py. Side 0 is the caller's leg (MO),
side 1 the callee's (MT).
"""

from collections.abc import Callable
from dataclasses import dataclass

from lteims.errors import LteimsError
from lteims.media.offer_answer import Refusal, anchorable, anchored, echo_answer, echoable
from lteims.media.sdp import Media, Origin, Sdp, SdpError, connection_text
from lteims.net.rtp import MediaPlane, RtpStream
from lteims.net.rtp_ports import PortPool
from lteims.sip.errors import SipError
from lteims.sip.grammar import host_port
from lteims.sip.message import Message, Request
from lteims.sip.multipart import body_of

SDP = "application/sdp"


# What the echo offers: the codecs of IR.92 3.2 and those of every softphone
_ECHO_FORMATS = ("96", "97", "8", "0", "101")
_ECHO_LINES = (
    "a=rtpmap:96 AMR-WB/16000",
    "a=rtpmap:97 AMR/8000",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15",
    "a=sendrecv",
)


@dataclass(frozen=True, slots=True)
class Side:
    """Where one leg's media is: the address that its SDP tells, the address and ports bound."""

    address: str
    bind: str
    pool: PortPool


class Anchor:
    """The streams of a call, by the index of their m= line.

    An offer opens ports and changes nothing else before its answer comes: one that is refused leaves the media as
    it was (RFC 3264 8).
    """

    def __init__(self, plane: MediaPlane, id: str, sess_id: int) -> None:
        self._plane = plane
        self._id = id
        self._sess_id = sess_id
        self._sides: list[Side | None] = [None, None]
        self._streams: list[list[RtpStream | None]] = []  # [m= line][side]
        self._sent: list[tuple[bytes, int]] = [(b"", 0), (b"", 0)]  # by side: the last SDP and its version
        self._pending: Sdp | None = None  # the offer that waits for its answer
        self._opened: set[int] = set()  # the m= lines that it opened ports for
        self._agreed: Sdp | None = None  # the offer that was answered last
        self._flowing = False
        self._since = plane.clock()
        self.closed = False

    def place(self, side: int, where: Side) -> None:
        """Say where a leg's media is; needed before SDP is made for that leg."""
        self._sides[side] = where

    def relay(self, heard_from: int, body: bytes, *, offer: bool) -> bytes:
        """The SDP for the other leg out of one that a leg sent.

        SipError 400 when it is none, 488 when there is nothing in it to carry, 503 without ports.
        """
        sdp = parse_sdp(body)
        ports = self._offered(heard_from, sdp) if offer else self._answered(heard_from, sdp)
        return self._send(1 - heard_from, lambda origin, address: anchored(sdp, origin, address, ports))

    def _offered(self, side: int, sdp: Sdp) -> list[int]:
        self.withdraw()
        self._grow(len(sdp.medias))
        ports = []
        for i, media in enumerate(sdp.medias):
            if not anchorable(media):
                ports.append(0)
                continue
            fresh = self._streams[i][side] is None
            near, far = self._pair(i, media.kind, side)
            if fresh:  # media may come back before any answer does (RFC 3264 5.1)
                near.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            ports.append(far.port)
        if sdp.medias and not any(ports) and self._agreed is None:
            raise no_media(self._address(side), "no media in the offer that the server can carry")
        self._pending = sdp
        return ports

    def _answered(self, side: int, sdp: Sdp) -> list[int]:
        offer = self._pending or self._agreed
        offered = offer.medias if offer else ()
        ports = []
        for i, media in enumerate(sdp.medias):
            near, far = (self._streams[i][side], self._streams[i][1 - side]) if i < len(self._streams) else (None, None)
            if near is None or far is None or i >= len(offered) or not (anchorable(media) and anchorable(offered[i])):
                ports.append(0)
                continue
            near.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            if self._pending is not None:
                far.set_remote(self._pending.rtp_addr(offered[i]), self._pending.rtcp_addr(offered[i]))
            ports.append(far.port)
        for i in range(len(self._streams)):
            if i >= len(ports) or not ports[i]:
                self._drop(i)
        self._agree(offer, [i for i, port in enumerate(ports) if port and offer and _both_ways(offer, i)], sdp)
        return ports

    def _agree(self, offer: Sdp | None, both_ways: list[int], answer: Sdp) -> None:
        """The answer has come: what is expected to flow from now on?"""
        if self._pending is not None or not self._flowing:
            self._since = self._plane.clock()
        self._flowing = any(_both_ways(answer, i) for i in both_ways)
        self._agreed = offer
        self._pending = None
        self._opened.clear()

    def withdraw(self) -> None:
        """The offer under way was refused: what it opened is closed, the rest stays."""
        for i in self._opened:
            self._drop(i)
        self._opened.clear()
        self._pending = None

    def echo(self, body: bytes) -> bytes:
        """The echo's answer to an offer of side 0; 488 and no change where there is nothing to echo."""
        sdp = parse_sdp(body)
        if not any(echoable(media) for media in sdp.medias):
            refusal = echo_answer(sdp, Origin("-", 0, 0, "0.0.0.0"), "0.0.0.0", [0] * len(sdp.medias))
            assert isinstance(refusal, Refusal)
            raise no_media(self._address(0), refusal.reason, refusal.warning)
        self._grow(len(sdp.medias))
        ports = []
        for i, media in enumerate(sdp.medias):
            if not echoable(media):
                self._drop(i)
                ports.append(0)
                continue
            if self._streams[i][0] is None:
                self._opened.add(i)
            stream = self._open(i, 0, media.kind)
            stream.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            stream.echo()
            ports.append(stream.port)
        for i in range(len(ports), len(self._streams)):
            self._drop(i)
        self._agree(sdp, [i for i, port in enumerate(ports) if port], sdp)
        return self._send(0, lambda origin, address: _echoed(sdp, origin, address, ports))

    def echo_offer(self) -> bytes:
        """The echo's own offer, to a caller that made none; `echo` takes the answer (RFC 3261 13.2.1)."""
        self._grow(1)
        port = self._open(0, 0, "audio").port
        audio = Media("audio", port, "RTP/AVP", _ECHO_FORMATS, _ECHO_LINES)
        return self._send(0, lambda origin, address: _described(origin, address, audio))

    # -- streams
    def _grow(self, count: int) -> None:
        while len(self._streams) < count:
            self._streams.append([None, None])

    def _open(self, index: int, side: int, kind: str) -> RtpStream:
        stream = self._streams[index][side]
        if stream is None:
            where = self._sides[side]
            assert where is not None
            try:
                stream = self._streams[index][side] = self._plane.open(where.bind, where.pool, kind, self._id)
            except LteimsError as error:
                self.withdraw()
                raise SipError(503, str(error)) from None
        return stream

    def _pair(self, index: int, kind: str, near: int) -> tuple[RtpStream, RtpStream]:
        fresh = self._streams[index][near] is None
        if fresh:
            self._opened.add(index)
        pair = self._open(index, near, kind), self._open(index, 1 - near, kind)
        if fresh:
            pair[0].relay_to(pair[1])
            pair[1].relay_to(pair[0])
        return pair

    def _drop(self, index: int) -> None:
        for side, stream in enumerate(self._streams[index]):
            if stream is not None:
                stream.close()
                self._streams[index][side] = None

    def _send(self, side: int, make: Callable[[Origin, str], Sdp]) -> bytes:
        """Encode with an origin whose version rises with every change (RFC 3264 8)."""
        where = self._sides[side]
        assert where is not None
        last, version = self._sent[side]
        body = make(Origin("-", self._sess_id, version, where.address), where.address).encode()
        if body != last and last:
            version += 1
            body = make(Origin("-", self._sess_id, version, where.address), where.address).encode()
        self._sent[side] = (body, version)
        return body

    def _address(self, side: int) -> str:
        where = self._sides[side]
        return where.address if where is not None else "-"

    # -- what others want to know
    def last_sent(self, side: int) -> bytes:
        """The SDP that a leg was sent last, to be offered again."""
        return self._sent[side][0]

    @property
    def flowing(self) -> bool:
        """Is RTP to be expected: something negotiated, and neither side on hold?"""
        return self._flowing and any(stream is not None for pair in self._streams for stream in pair)

    def last_activity(self) -> float:
        """Monotonic seconds of the last valid packet on any stream, or of the last answer if that is later."""
        return max([self._since, *(s.last_activity for pair in self._streams for s in pair if s is not None)])

    def summary(self) -> str:
        """The counts of every stream, for the log line at the end of a call."""
        parts = []
        for i, pair in enumerate(self._streams):
            for side, stream in enumerate(pair):
                if stream is not None:
                    parts.append(
                        f"{stream.kind}{i}/{'MO' if side == 0 else 'MT'}"
                        f" rtp_recv={stream.rtp_recv_count} rtp_send={stream.rtp_send_count}"
                        f" rtcp_recv={stream.rtcp_recv_count} rtcp_send={stream.rtcp_send_count}"
                    )
        return "; ".join(parts) or "no media"

    def close(self) -> None:
        """Give every port back."""
        self.closed = True
        for index in range(len(self._streams)):
            self._drop(index)


def _both_ways(sdp: Sdp, index: int) -> bool:
    direction = sdp.direction_of(sdp.medias[index])
    return direction.sends and direction.receives


def _described(origin: Origin, address: str, media: Media) -> Sdp:
    head = ("v=0", f"o={origin.encode()}", "s=-", f"c={connection_text(address)}", "t=0 0")
    return Sdp(head, (media,))


def _echoed(offer: Sdp, origin: Origin, address: str, ports: list[int]) -> Sdp:
    answer = echo_answer(offer, origin, address, ports)
    assert isinstance(answer, Sdp)  # echo() has seen that there is something to echo
    return answer


def no_media(address: str, why: str, warning: int = 304) -> SipError:
    """488 with the Warning that says what is wrong with the media (RFC 3261 20.43, 21.4.26)."""
    return SipError(488, why, {"warning": f'{warning} {host_port(address, None)} "{why}"'})


def parse_sdp(body: bytes) -> Sdp:
    """An SDP body, SipError 400 when it is none."""
    try:
        return Sdp.parse(body)
    except SdpError as error:
        raise SipError(400, f"bad SDP: {error}", reason="Bad SDP") from None


def sdp_of(message: Message) -> bytes | None:
    """The SDP of a message, in a multipart body too; SipError 415 for an INVITE with another body."""
    if not message.body:
        return None
    body = body_of(message, SDP)
    if body is None and isinstance(message, Request) and message.method == "INVITE":
        disposition = message.get("content-disposition").lower()
        if "handling=optional" not in disposition.replace(" ", ""):
            raise SipError(415, f"body of type {message.get('content-type')[:60]}", {"accept": SDP})
    return body

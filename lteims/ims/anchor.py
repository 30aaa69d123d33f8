"""The media of one call, anchored at the server (TS 24.229 annex G in spirit): ports of ours in every SDP.

call legs and the echo ask for the SDP to send; the RTP goes through net/rtp.py. Side 0 is the caller's leg (MO),
side 1 the callee's (MT).
"""

from collections.abc import Callable
from dataclasses import dataclass

from lteims.media.offer_answer import Refusal, anchorable, anchored, echo_answer, echoable
from lteims.media.sdp import Origin, Sdp, SdpError
from lteims.net.rtp import MediaPlane, RtpStream
from lteims.net.rtp_ports import PortPool
from lteims.sip.errors import SipError

SDP = "application/sdp"


@dataclass(frozen=True, slots=True)
class Side:
    """Where one leg's media is: the address that its SDP tells, the address and ports bound."""

    address: str
    bind: str
    pool: PortPool


class Anchor:
    """The streams of a call, by the index of their m= line."""

    def __init__(self, plane: MediaPlane, id: str, sess_id: int) -> None:
        self._plane = plane
        self._id = id
        self._sess_id = sess_id
        self._sides: list[Side | None] = [None, None]
        self._streams: list[list[RtpStream | None]] = []  # [m= line][side]
        self._sent: list[tuple[bytes, int]] = [(b"", 0), (b"", 0)]  # by side: the last SDP and its version
        self._flowing = True
        self.closed = False

    def place(self, side: int, where: Side) -> None:
        """Say where a leg's media is; needed before SDP is made for that leg."""
        self._sides[side] = where

    def relay(self, heard_from: int, body: bytes, *, offer: bool) -> bytes:
        """The SDP for the other leg out of one that a leg sent. SipError 400 or 488 when it is of no use."""
        sdp = parse_sdp(body)
        self._grow(len(sdp.medias))
        other = 1 - heard_from
        ports = []
        for i, media in enumerate(sdp.medias):
            if not anchorable(media):
                self._drop(i)
                ports.append(0)
                continue
            near, far = self._pair(i, media.kind, heard_from, allow_new=offer)
            if near is None or far is None:  # an answer for a line that the offer did not have
                ports.append(0)
                continue
            near.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            ports.append(far.port)
        if offer and sdp.medias and not any(ports):
            raise SipError(488, "no media in the offer that the server can carry")
        self._flowing = any(sdp.direction_of(m).sends and sdp.direction_of(m).receives for m in sdp.medias)
        return self._send(other, lambda origin, address: anchored(sdp, origin, address, ports))

    def echo(self, body: bytes) -> bytes:
        """The echo's answer to an offer of side 0; without an offer there is nothing to echo: 488."""
        sdp = parse_sdp(body)
        self._grow(len(sdp.medias))
        ports = []
        for i, media in enumerate(sdp.medias):
            if not echoable(media):
                self._drop(i)
                ports.append(0)
                continue
            stream = self._open(i, 0, media.kind)
            stream.set_remote(sdp.rtp_addr(media), sdp.rtcp_addr(media))
            stream.echo()
            ports.append(stream.port)
        self._flowing = any(sdp.direction_of(m).sends for m in sdp.medias)

        def make(origin: Origin, address: str) -> Sdp:
            answer = echo_answer(sdp, origin, address, ports)
            if isinstance(answer, Refusal):
                warning = f'{answer.warning} {address} "{answer.reason}"'
                raise SipError(answer.code, answer.reason, {"warning": warning})
            return answer

        return self._send(0, make)

    # -- streams
    def _grow(self, count: int) -> None:
        while len(self._streams) < count:
            self._streams.append([None, None])

    def _open(self, index: int, side: int, kind: str) -> RtpStream:
        stream = self._streams[index][side]
        if stream is None:
            where = self._sides[side]
            assert where is not None
            stream = self._streams[index][side] = self._plane.open(where.bind, where.pool, kind, self._id)
        return stream

    def _pair(self, index: int, kind: str, near: int, *, allow_new: bool) -> tuple[RtpStream | None, RtpStream | None]:
        pair = self._streams[index]
        if pair[0] is None or pair[1] is None:
            if not allow_new:
                return None, None
            one, two = self._open(index, 0, kind), self._open(index, 1, kind)
            one.relay_to(two)
            two.relay_to(one)
        return pair[near], pair[1 - near]

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

    # -- what others want to know
    @property
    def flowing(self) -> bool:
        """Is RTP to be expected: no hold, something negotiated?"""
        return self._flowing and any(stream is not None for pair in self._streams for stream in pair)

    def last_activity(self) -> float:
        """Monotonic seconds of the last valid packet on any stream, 0.0 without streams."""
        return max((s.last_activity for pair in self._streams for s in pair if s is not None), default=0.0)

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


def parse_sdp(body: bytes) -> Sdp:
    """An SDP body, SipError 400 when it is none."""
    try:
        return Sdp.parse(body)
    except SdpError as error:
        raise SipError(400, f"bad SDP: {error}", reason="Bad SDP") from None

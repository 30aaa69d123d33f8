"""The media plane: RTP and RTCP (RFC 3550) between UDP sockets, relayed without a look at the payload, or ended here.

The driver of media/. Opened by ims/anchor, one RtpStream for each media of a leg; what ends here is in rtp_end.py. Log
lines of the layer MEDIA (manual 8.3): each packet at debug, what changes at info.
"""

import asyncio
import time

from lteims import counters
from lteims.clock import Clock, WallClock
from lteims.ids import Tokens
from lteims.media.frame import Silence
from lteims.net.rtp_end import Quality, RtpEnd, Surroundings
from lteims.net.rtp_flow import RTCP, RTP, UDP, Flow
from lteims.net.rtp_playback import PlayBack
from lteims.net.rtp_ports import PortPool, open_pair
from lteims.net.timers import TimerWheel
from lteims.net.udp import address_text
from lteims.trace import INFO, MEDIA, log


class RtpStream:
    """One media of one leg: an RTP and an RTCP socket on neighbouring ports; both for any datagram if it is `raw`."""

    __slots__ = ("_counted", "_end", "_plane", "_pool", "closed", "id", "kind", "port", "raw", "rtcp", "rtp")

    def __init__(
        self, plane: "MediaPlane", local: str, pool: PortPool, kind: str, dialog_id: str, *, raw: bool, urgent: bool
    ) -> None:
        self.port, rtp_sock, rtcp_sock = open_pair(local, pool, urgent=urgent)
        self._plane = plane
        self._pool = pool
        self.kind = kind
        self.id = dialog_id
        self.raw = raw
        self.closed = False
        self.rtp = Flow(plane.loop, rtp_sock, UDP if raw else RTP, kind, dialog_id, plane.clock)
        self.rtcp = Flow(plane.loop, rtcp_sock, UDP if raw else RTCP, kind, dialog_id, plane.clock)
        self._end: RtpEnd | None = None
        self._counted: dict[str, int] = {}

    def set_remote(self, rtp_addr: tuple[str, int] | None, rtcp_addr: tuple[str, int] | None) -> None:
        """Where the peer's SDP wants its packets, as (numeric address, port). None: nothing is sent until a packet
        tells where; `set_direction` keeps it so."""
        self.rtp.signal(rtp_addr)
        self.rtcp.signal(rtcp_addr)

    def set_direction(self, sends: bool, receives: bool) -> None:
        """The direction from the server's side of this leg: may anything be sent to the peer, and may what the peer
        sends be passed on or echoed? Until the first call both may. RTCP always flows (RFC 3264 8.4)."""
        flow = self.rtp
        if (sends, receives) != (flow.sends, flow.receives):
            flow.sends, flow.receives = sends, receives
            if MEDIA.level >= INFO:
                word = ("sendrecv" if receives else "sendonly") if sends else "recvonly" if receives else "inactive"
                log(MEDIA, INFO, f"{flow.label} is {word} now", id=self.id)

    def echo(self, clock_rate: int = 0, *, reports: bool = True) -> None:
        """Send each valid RTP packet back to its sender with an SSRC of our own, from now on, and answer RTCP.

        `clock_rate` in Hz is the negotiated codec's, for the jitter; 0 if unknown. `reports` False sends no RTCP
        (b=RS:0 and b=RR:0, RFC 3556). A second time only these two change.
        """
        if self.raw:
            self.relay_to(self)
        elif self._end is None or isinstance(self._end, PlayBack):
            self._drop_end()
            self._end = RtpEnd(self.rtp, self.rtcp, self._plane.surroundings, clock_rate, reports=reports)
        else:
            self._end.clock_rate, self._end.reports = clock_rate, reports

    def play_back(self, silence: Silence | None, clock_rate: int = 0, *, reports: bool = True) -> None:
        """As `echo`, as one source with sequence numbers and timestamps of its own, and with silence while nothing is
        heard for some packet intervals. None: no silence, as for video; only then is `clock_rate` looked at."""
        end = self._end
        if self.raw:
            self.relay_to(self)
        elif isinstance(end, PlayBack):
            end.reports = reports
            if silence is None:
                end.clock_rate = clock_rate
            end.set_silence(silence)
        else:
            self._drop_end()
            around = self._plane.surroundings
            self._end = PlayBack(self.rtp, self.rtcp, around, silence, clock_rate, reports=reports)

    def relay_to(self, other: "RtpStream") -> None:
        """Send each valid packet out of the other stream to its remote, from now on; the way back is its own."""
        self._drop_end()
        self.rtp.forward_to(other.rtp)
        self.rtcp.forward_to(other.rtcp)

    def _drop_end(self) -> None:
        if self._end is not None:
            self._end.close()
            self._end = None

    @property
    def quality(self) -> Quality | None:
        """Loss and jitter where the server is the end of the stream; None of a relayed one."""
        return self._end.quality if self._end is not None else None

    @property
    def last_activity(self) -> float:
        """The clock's time of the last valid packet, RTP or RTCP, or of the opening."""
        return max(self.rtp.last_activity, self.rtcp.last_activity)

    @property
    def rtp_addr(self) -> str:
        """Where RTP goes to, as text; "" while unknown."""
        return address_text(self.rtp.remote)

    @property
    def rtcp_addr(self) -> str:
        """Where RTCP goes to, as text; "" while unknown."""
        return address_text(self.rtcp.remote)

    @property
    def rtp_recv_count(self) -> int:
        """Valid RTP packets received."""
        return self.rtp.recv_count

    @property
    def rtp_send_count(self) -> int:
        """RTP packets sent."""
        return self.rtp.send_count

    @property
    def rtcp_recv_count(self) -> int:
        """Valid RTCP packets received."""
        return self.rtcp.recv_count

    @property
    def rtcp_send_count(self) -> int:
        """RTCP packets sent."""
        return self.rtcp.send_count

    @property
    def dropped_count(self) -> int:
        """Packets from somebody else, or that could not be sent."""
        return self.rtp.dropped_count + self.rtcp.dropped_count

    @property
    def held_count(self) -> int:
        """Packets that `set_direction` kept from being passed on or sent."""
        return self.rtp.held_count + self.rtcp.held_count

    @property
    def invalid_count(self) -> int:
        """Datagrams that were no RTP or RTCP."""
        return self.rtp.invalid_count + self.rtcp.invalid_count

    def flush(self) -> None:
        """Add to the process's counters what has happened since the last time."""
        now = {
            "rtp_recv": self.rtp.recv_count,
            "rtp_send": self.rtp.send_count,
            "rtcp_recv": self.rtcp.recv_count,
            "rtcp_send": self.rtcp.send_count,
            "rtp_dropped": self.dropped_count,
            "rtp_held": self.held_count,
            "rtp_invalid": self.invalid_count,
        }
        for name, count in now.items():
            new = count - self._counted.get(name, 0)
            if new:
                counters.inc(name, new)
        self._counted = now

    def close(self) -> None:
        """Close the sockets and give the ports back, after a BYE where the server is the end; a second time does
        nothing."""
        if self.closed:
            return
        self.closed = True
        self._drop_end()
        self.rtp.close()
        self.rtcp.close()
        self._plane.streams.discard(self)
        self._pool.give_back(self.port)
        self.flush()


class MediaPlane:
    """All streams of the process; one object, made by functions.py."""

    __slots__ = ("clock", "loop", "streams", "surroundings")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        wheel: TimerWheel,
        tokens: Tokens,
        wall: WallClock = time.time,
    ) -> None:
        """`clock` gives monotonic seconds, as the wheel's does; `tokens` SSRCs and first sequence numbers."""
        self.loop = loop
        self.clock = clock
        self.surroundings = Surroundings(wheel, tokens, clock, wall, tokens.octets(12).hex())
        self.streams: set[RtpStream] = set()

    def open(
        self, local: str, pool: PortPool, kind: str, dialog_id: str, *, raw: bool = False, urgent: bool = False
    ) -> RtpStream:
        """A stream on a free pair of ports of `local`, a numeric address; `kind` is the media type of its m= line.

        It receives and counts at once and sends nothing before `echo`, `play_back` or `relay_to`. `raw` takes any
        datagram (UDPTL, DTLS, ...); `urgent` takes from the pool's reserve for emergency calls. Raises PortsExhausted,
        or BindError if the address is not this machine's or the process may open no more sockets.
        """
        stream = RtpStream(self, local, pool, kind, dialog_id, raw=raw, urgent=urgent)
        self.streams.add(stream)
        return stream

    def flush(self) -> None:
        """Bring the process's counters up to date; whoever reads them calls it first."""
        for stream in self.streams:
            stream.flush()

    def close(self) -> None:
        """Close every stream."""
        for stream in tuple(self.streams):
            stream.close()

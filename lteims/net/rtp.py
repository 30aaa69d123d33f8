"""The media plane: RTP and RTCP (RFC 3550) between UDP sockets, echoed or relayed without a look at the payload.

The driver of media/. Opened by ims/call and ims/echo, one RtpStream for each media of a leg; symmetric RTP as
RFC 4961 has it, for phones behind NAT. Log lines of the layer MEDIA (manual 8.3).
"""

import asyncio
import socket
from collections.abc import Callable

from lteims import counters
from lteims.clock import Clock
from lteims.media import rtcp, rtp
from lteims.net.rtp_ports import PortPool, open_pair
from lteims.net.udp import Address, UdpSocket, address_text, resolve
from lteims.trace import DEBUG, INFO, MEDIA, WARN, log

_CODECS: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], str]]] = {
    "RTP": (rtp.is_rtp, rtp.describe),
    "RTCP": (rtcp.is_rtcp, rtcp.describe),
}


class Flow:
    """One socket of a stream, RTP's or RTCP's: where it sends, whom it hears, what it has counted."""

    __slots__ = (
        "_describe",
        "_out",
        "_signalled",
        "_source",
        "_stream",
        "_udp",
        "_valid",
        "dropped_count",
        "invalid_count",
        "label",
        "recv_count",
        "remote",
        "send_count",
    )

    def __init__(
        self, stream: "RtpStream", protocol: str, loop: asyncio.AbstractEventLoop, sock: socket.socket
    ) -> None:
        self.label = f"{protocol}/{stream.kind}"  # as the log shows it
        self.remote: Address | None = None
        self.recv_count = self.send_count = self.dropped_count = self.invalid_count = 0
        self._stream = stream
        self._valid, self._describe = _CODECS[protocol]
        self._signalled: Address | None = None
        self._source: Address | None = None  # who is heard; None until the first packet
        self._out: Flow | None = None
        self._udp = UdpSocket(loop, sock, self.on_datagram, drain=1)  # a phone sends one packet in 20 ms

    def forward_to(self, out: "Flow | None") -> None:
        """Send what arrives here out of this flow (itself: echo)."""
        self._out = out

    def signal(self, host_port: tuple[str, int] | None) -> None:
        """The peer's address from its SDP. An address that has not changed keeps the one that was heard until a
        packet comes; either way the next packet's source is taken."""
        signalled = self._reachable(host_port) if host_port else None
        if signalled != self._signalled or signalled is None or self._source is None:
            self.remote = self._signalled = signalled
        self._source = None

    def _reachable(self, host_port: tuple[str, int]) -> Address | None:
        try:
            address = resolve(*host_port)
        except OSError as exc:
            log(MEDIA, WARN, f"{self.label} address {host_port!r} is not usable: {exc.strerror}", id=self._stream.id)
            return None
        if len(address) != len(self._udp.local):
            text = f"{self.label} address {address_text(address)} cannot be reached from {self.local_text}"
            log(MEDIA, WARN, f"{text}: the IP versions differ", id=self._stream.id)
            return None
        return address

    @property
    def local_text(self) -> str:
        """The own address as text."""
        return address_text(self._udp.local)

    def on_datagram(self, data: bytes, addr: Address) -> None:
        """What the socket brings: checked, counted and sent on."""
        if not self._valid(data):
            self._on_stranger(data, addr)
            return
        if addr != self._source and not self._latch(addr):
            return
        self.recv_count += 1
        stream = self._stream
        stream.last_activity = stream.clock()
        if MEDIA.level >= DEBUG:
            self._trace("FROM", data)
        out = self._out
        if out is not None and stream.forward:
            out.send(data)

    def send(self, data: bytes) -> bool:
        """Send one packet to the remote; False (and counted as dropped) if there is none or it was not taken."""
        remote = self.remote
        if remote is None or not self._udp.send(data, remote):
            self.dropped_count += 1
            return False
        self.send_count += 1
        if MEDIA.level >= DEBUG:
            self._trace("TO", data)
        return True

    def _latch(self, addr: Address) -> bool:
        """Take the first valid packet's source as the remote (RFC 4961); after that only the signalled address
        may displace one that was merely heard, so that a stranger who was quicker does not keep the call."""
        if self._source is not None and addr != self._signalled:
            if self.dropped_count == 0:
                text = f"{self.label} packets from {address_text(addr)} dropped: {address_text(self._source)} is heard"
                log(MEDIA, INFO, text, id=self._stream.id)
            self.dropped_count += 1
            return False
        if MEDIA.level >= INFO:
            text = f"{self.label} first packet from {address_text(addr)} at {self.local_text}"
            if addr != self._signalled:
                text += f", sent there instead of {address_text(self._signalled) or 'nowhere'}"
            log(MEDIA, INFO, text, dir="FROM", id=self._stream.id)
        self._source = self.remote = addr
        return True

    def _on_stranger(self, data: bytes, addr: Address) -> None:
        """STUN (RFC 8489), garbage, what is too short: counted and dropped. DTLS (RFC 5764) passes a relay."""
        out = self._out
        if data and 20 <= data[0] <= 63 and out is not None and out is not self and addr == self.remote:
            if out.remote is not None:
                out._udp.send(data, out.remote)
            return
        self.invalid_count += 1
        if MEDIA.level >= DEBUG:
            text = f"{self.label} not understood, from {address_text(addr)}, len={len(data)}"
            log(MEDIA, DEBUG, text, dir="FROM", id=self._stream.id, data=data)

    def close(self) -> None:
        """Close the socket and let go of the other flow."""
        self._udp.close()
        self._out = None

    def _trace(self, dir: str, data: bytes) -> None:
        log(MEDIA, DEBUG, f"{self.label} {self._describe(data)}", dir=dir, id=self._stream.id, data=data)


class RtpStream:
    """One media of one leg: an RTP and an RTCP socket on neighbouring ports.

    While `forward` is False, what arrives is counted and goes no further (hold). `last_activity` is the clock's
    time of the last valid packet, RTP or RTCP, or of the opening.
    """

    __slots__ = (
        "_counted",
        "_plane",
        "_pool",
        "clock",
        "closed",
        "forward",
        "id",
        "kind",
        "last_activity",
        "port",
        "rtcp",
        "rtp",
    )

    def __init__(self, plane: "MediaPlane", local: str, pool: PortPool, kind: str, dialog_id: str) -> None:
        self.port, rtp_sock, rtcp_sock = open_pair(local, pool)
        self._plane = plane
        self._pool = pool
        self.kind = kind
        self.id = dialog_id
        self.forward = True
        self.closed = False
        self.clock = plane.clock
        self.last_activity = plane.clock()
        self.rtp = Flow(self, "RTP", plane.loop, rtp_sock)
        self.rtcp = Flow(self, "RTCP", plane.loop, rtcp_sock)
        self._counted: dict[str, int] = {}

    def set_remote(self, rtp_addr: tuple[str, int] | None, rtcp_addr: tuple[str, int] | None) -> None:
        """Where the peer's SDP wants its packets, as (numeric address, port). None: nothing is sent until a packet
        tells where; set `forward` on the other side to keep it so."""
        self.rtp.signal(rtp_addr)
        self.rtcp.signal(rtcp_addr)

    def echo(self) -> None:
        """Send each valid packet back to its sender, from now on."""
        self.relay_to(self)

    def relay_to(self, other: "RtpStream") -> None:
        """Send each valid packet out of the other stream to its remote, from now on; the way back is its own."""
        self.rtp.forward_to(other.rtp)
        self.rtcp.forward_to(other.rtcp)

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
            "rtp_invalid": self.invalid_count,
        }
        for name, count in now.items():
            new = count - self._counted.get(name, 0)
            if new:
                counters.inc(name, new)
        self._counted = now

    def close(self) -> None:
        """Close the sockets and give the ports back; a second time does nothing."""
        if self.closed:
            return
        self.closed = True
        self.rtp.close()
        self.rtcp.close()
        self._plane.streams.discard(self)
        self._pool.give_back(self.port)
        self.flush()


class MediaPlane:
    """All streams of the process; one object, made by app.py. `clock` gives monotonic seconds."""

    __slots__ = ("clock", "loop", "streams")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.loop = loop
        self.clock = clock
        self.streams: set[RtpStream] = set()

    def open(self, local: str, pool: PortPool, kind: str, dialog_id: str) -> RtpStream:
        """A stream on a free pair of ports of `local`, a numeric address; `kind` is audio, video or text.

        It receives and counts at once and sends nothing before `echo` or `relay_to`. Raises PortsExhausted, or
        BindError if the address is not this machine's or the process may open no more sockets.
        """
        stream = RtpStream(self, local, pool, kind, dialog_id)
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

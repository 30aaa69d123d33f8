"""One UDP socket of a media stream: whom it hears, where it sends, what it counts; the way of every media packet.

Symmetric RTP as RFC 4961 has it, for phones behind NAT. Made by net/rtp.py, two for each stream. It reads its socket
itself, as this module is compiled: one datagram a wake-up, since a phone sends one in 20 ms.
"""

import asyncio
import socket
from collections.abc import Callable

from lteims.clock import Clock
from lteims.media import rtcp, rtp
from lteims.net.udp import Address, address_text, resolve
from lteims.trace import DEBUG, INFO, MEDIA, WARN, log

RTP, RTCP, UDP = "RTP", "RTCP", "UDP"  # protocols as the log shows them (manual 8.3); UDP is any other datagram
_MAX_DATAGRAM = 65535

Taker = Callable[[bytes, float], None]  # what the server as an end does with a packet that came at this time


class Flow:
    """One socket of a stream, RTP's or RTCP's.

    `sends` and `receives` are the direction from the server's side: whether anything may leave by this flow, and
    whether what arrives may be passed on. What they hold back is counted in `held_count`.
    """

    __slots__ = (
        "_clock",
        "_loop",
        "_out",
        "_protocol",
        "_recvfrom",
        "_sendto",
        "_signalled",
        "_sock",
        "_source",
        "_taker",
        "closed",
        "dropped_count",
        "held_count",
        "id",
        "invalid_count",
        "label",
        "last_activity",
        "local",
        "receives",
        "recv_count",
        "remote",
        "send_count",
        "sends",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, protocol: str, kind: str, id: str, clock: Clock
    ) -> None:
        self.id = id
        self.label = f"{protocol}/{kind}"
        self.local: Address = sock.getsockname()
        self.remote: Address | None = None
        self.sends = self.receives = True
        self.recv_count = self.send_count = self.dropped_count = self.invalid_count = self.held_count = 0
        self.closed = False
        self.last_activity = clock()  # of the last valid packet, or of the opening
        self._protocol = protocol
        self._clock = clock
        self._signalled: Address | None = None
        self._source: Address | None = None  # who is heard; None until the first packet
        self._out: Flow | None = None
        self._taker: Taker | None = None
        self._loop = loop
        self._sock = sock
        self._recvfrom: Callable[[int], tuple[bytes, Address]] = sock.recvfrom
        self._sendto: Callable[[bytes, Address], int] = sock.sendto
        loop.add_reader(sock.fileno(), self._on_readable)

    def forward_to(self, out: "Flow | None") -> None:
        """Send what arrives here out of this flow, from now on; None: nowhere."""
        self._out, self._taker = out, None

    def hand_to(self, taker: Taker) -> None:
        """Give what arrives here to the server's own end, from now on. It minds `receives` itself."""
        self._out, self._taker = None, taker

    def signal(self, host_port: tuple[str, int] | None) -> None:
        """The peer's address from its SDP. An address that has not changed keeps the one that was heard until a
        packet comes; either way the next packet's source is taken."""
        signalled = self._reachable(host_port) if host_port else None
        if signalled != self._signalled or signalled is None or self._source is None:
            if signalled != self.remote and MEDIA.level >= INFO:
                self._log(INFO, "TO", f"to {address_text(signalled) or 'nowhere'}, from {self.local_text}")
            self.remote = self._signalled = signalled
        self._source = None

    def _reachable(self, host_port: tuple[str, int]) -> Address | None:
        try:
            address = resolve(*host_port)
        except OSError as exc:
            self._log(WARN, "-", f"address {host_port!r} is not usable: {exc.strerror}")
            return None
        if len(address) != len(self.local):
            text = f"address {address_text(address)} cannot be reached from {self.local_text}: the IP versions differ"
            self._log(WARN, "-", text)
            return None
        if _is_group(address[0]):
            self._log(WARN, "-", f"address {address_text(address)} is not one phone's: nothing is sent there")
            return None
        return address

    @property
    def local_text(self) -> str:
        """The own address as text."""
        return address_text(self.local)

    def _on_readable(self) -> None:
        try:
            data, addr = self._recvfrom(_MAX_DATAGRAM)
        except OSError:  # nothing there after all, or somebody has closed it in this turn of the loop
            return
        self.on_datagram(data, addr)

    def on_datagram(self, data: bytes, addr: Address) -> None:
        """What the socket brings: checked, counted and sent on."""
        protocol = self._protocol
        if not (rtp.is_rtp(data) if protocol == RTP else protocol == UDP or rtcp.is_rtcp(data)):
            self._on_stranger(data, addr)
            return
        if addr != self._source and not self._latch(addr):
            return
        self.recv_count += 1
        self.last_activity = now = self._clock()
        if MEDIA.level >= DEBUG:
            self._trace("FROM", data)
        out = self._out
        if out is not None:
            if self.receives:
                out.send(data)
            else:
                self.held_count += 1
        elif self._taker is not None:
            self._taker(data, now)

    def send(self, data: bytes) -> bool:
        """Send one packet to the remote; False if the direction holds it back (counted as held), or there is no
        remote or it was not taken (counted as dropped)."""
        if not self.sends:
            self.held_count += 1
            return False
        remote = self.remote
        if remote is None:
            self.dropped_count += 1
            return False
        try:
            self._sendto(data, remote)
        except OSError:  # no room, no route, closed
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
                self._log(
                    INFO, "-", f"packets from {address_text(addr)} dropped: {address_text(self._source)} is heard"
                )
            self.dropped_count += 1
            return False
        if MEDIA.level >= INFO:
            text = f"first packet from {address_text(addr)} at {self.local_text}"
            if addr != self._signalled:
                text += f", sent there instead of {address_text(self._signalled) or 'nowhere'}"
            self._log(INFO, "FROM", text)
        self._source = self.remote = addr
        return True

    def _on_stranger(self, data: bytes, addr: Address) -> None:
        """STUN (RFC 8489), garbage, what is too short: counted and dropped. DTLS (RFC 5764) passes a relay."""
        out = self._out
        if data and 20 <= data[0] <= 63 and out is not None and out is not self and addr == self.remote:
            if out.remote is not None:
                try:
                    out._sendto(data, out.remote)
                except OSError:
                    out.dropped_count += 1
            return
        self.invalid_count += 1
        if MEDIA.level >= DEBUG:
            text = f"{self.label} not understood, from {address_text(addr)}, len={len(data)}"
            log(MEDIA, DEBUG, text, dir="FROM", id=self.id, data=data)

    def close(self) -> None:
        """Close the socket and let go of whoever it passed packets to; a second time does nothing."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        self._out = self._taker = None

    def _log(self, level: int, dir: str, text: str) -> None:
        log(MEDIA, level, f"{self.label} {text}", dir=dir, id=self.id)

    def _trace(self, dir: str, data: bytes) -> None:
        if self._protocol == RTP:
            text = rtp.describe(data)
        else:
            text = rtcp.describe(data) if self._protocol == RTCP else f"len={len(data)}"
        log(MEDIA, DEBUG, f"{self.label} {text}", dir=dir, id=self.id, data=data)


def _is_group(host: str) -> bool:
    """Multicast, broadcast or reserved (RFC 5771, RFC 4291 2.7): one SDP must not let everybody hear a call."""
    return host.startswith("ff") if ":" in host else int(host.partition(".")[0]) >= 224

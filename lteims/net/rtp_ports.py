"""Pairs of RTP and RTCP ports (RFC 3550 11) out of port_min..port_max of a sip_addr, and the sockets bound to them.

Called by net/rtp.py; functions.py makes one PortPool for each entry of sip_addr.
"""

import errno
import socket
from collections import deque

from lteims.errors import LteimsError, OperatorError
from lteims.net.udp import BindError, open_udp

SOCKET_BUFFER = 256 << 10  # octets: more than a second of video
_RESERVE_FROM = 20  # pairs; a smaller pool keeps none back


class PortsExhausted(LteimsError):
    """No RTP port is free; the text is fit for the log."""


class PortPool:
    """The even ports of a range, each with the odd one above it for RTCP.

    What is given back goes to the end of the queue, so that a late packet of one call does not meet the next. The
    last `reserve` pairs are for urgent calls alone.
    """

    __slots__ = ("_free", "_taken", "port_max", "port_min", "reserve")

    def __init__(self, port_min: int, port_max: int) -> None:
        """OperatorError if there is no pair from port_min to port_max, both included."""
        if not 1 <= port_min < port_max <= 65535 or port_min + port_min % 2 >= port_max:
            raise OperatorError(
                f"no pair of RTP ports in port_min {port_min} to port_max {port_max}; no call can have media; "
                "give a range within 1 to 65535 with an even port and the one above it"
            )
        self.port_min = port_min
        self.port_max = port_max
        self._free = deque(range(port_min + port_min % 2, port_max, 2))
        self._taken: set[int] = set()
        pairs = len(self._free)
        self.reserve = max(2, pairs // 100) if pairs >= _RESERVE_FROM else 0

    @property
    def free_count(self) -> int:
        """Pairs that nobody has."""
        return len(self._free)

    def take(self, *, urgent: bool = False) -> int:
        """The even port of the pair that has been free the longest; PortsExhausted if there is none.

        `urgent` (an emergency call) takes from the reserve too.
        """
        if len(self._free) <= (0 if urgent else self.reserve):
            kept = f", {len(self._free)} kept for emergency calls" if self._free else ""
            raise PortsExhausted(
                f"no RTP port is free in {self.port_min} to {self.port_max} ({len(self._taken)} pairs in use{kept}); "
                "the media is refused; widen port_min..port_max of sip_addr"
            )
        port = self._free.popleft()
        self._taken.add(port)
        return port

    def give_back(self, port: int) -> None:
        """Free a pair by its even port; one that is not taken is left alone."""
        if port in self._taken:
            self._taken.remove(port)
            self._free.append(port)


def open_pair(local: str, pool: PortPool, *, urgent: bool = False) -> tuple[int, socket.socket, socket.socket]:
    """A pair of the pool with its two sockets on `local`; pairs that another program has are passed over.

    Raises PortsExhausted, or BindError for what another port does not mend; the pool has its ports back then.
    """
    for _ in range(max(1, pool.free_count)):
        port = pool.take(urgent=urgent)
        try:
            return port, *_bind_pair(local, port)
        except BindError as exc:
            pool.give_back(port)
            if exc.errno != errno.EADDRINUSE:
                raise
    raise PortsExhausted(
        f"other programs have all RTP ports of {local} that are free in {pool.port_min} to {pool.port_max}; "
        "the media is refused; change port_min..port_max of sip_addr (`ss -uanp` shows who has them)"
    )


def _bind_pair(local: str, port: int) -> tuple[socket.socket, socket.socket]:
    rtp = open_udp(local, port, SOCKET_BUFFER)
    try:
        return rtp, open_udp(local, port + 1, SOCKET_BUFFER)
    except BindError:
        rtp.close()
        raise

"""Where SIP messages come from and go to: our addresses (`Endpoint`) and `Flow`, a peer's.

Each sip_addr is an endpoint; with IPsec each of its protected ports is one more (TS 33.203 7.1). A Flow is a plain
value, so that a binding can keep it in the state file; TCP connections are looked up by it.
"""

import ipaddress
from typing import Any, Final, NamedTuple

from lteims.sip.grammar import host_port
from lteims.sip.uri import sip_uri


class Flow(NamedTuple):
    """One way to a peer: transport ("UDP" or "TCP"), the index of our endpoint, the peer's address."""

    transport: str
    local: int
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport.lower()} {host_port(self.host, self.port)}"


CLEAR: Final = 0  # a sip_addr
SERVER: Final = 1  # its protected server port: requests of phones, and all their messages over UDP
CLIENT: Final = 2  # a protected client port: where requests to phones, and our messages over UDP, come from


class Endpoint:
    """One address of ours: what is written into messages, and the sockets behind it.

    A client port is never written into messages: answers go to the server port, which is its `port`.
    """

    __slots__ = ("base", "bind_host", "bind_port", "family", "host", "index", "port", "side", "udp")

    def __init__(
        self, index: int, host: str, port: int, bind_host: str, bind_port: int, side: int = CLEAR, base: int = -1
    ) -> None:
        """`base` is the index of the sip_addr, where that is not `index` itself."""
        self.index = index
        self.host = host
        self.port = port
        self.bind_host = bind_host
        self.bind_port = bind_port
        self.side = side
        self.base = index if base < 0 else base
        self.family = ipaddress.ip_address(bind_host).version
        self.udp: Any = None  # UdpSocket, or what takes its place where ESP is ours: send(data, address), close()

    @property
    def own_host(self) -> str:
        """The one address of this host that it means, where the socket is bound to all of them."""
        return self.host if ipaddress.ip_address(self.bind_host).is_unspecified else self.bind_host

    @property
    def sent_by(self) -> str:
        """host:port as our Via carries it."""
        return host_port(self.host, self.port)

    def contact(self, user: str, transport: str) -> str:
        """Our Contact on this address; TCP is named, so that the peer comes back the same way."""
        return f"<{sip_uri(user, self.host, self.port, ';transport=tcp' if transport == 'TCP' else '')}>"


def same_host(a: str, b: str) -> bool:
    """Do two host texts name one address? IPv6 is compared by value, names without case."""
    if a == b:
        return True
    try:
        return ipaddress.ip_address(a.strip("[]")) == ipaddress.ip_address(b.strip("[]"))
    except ValueError:
        return a.lower() == b.lower()

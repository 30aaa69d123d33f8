"""Where SIP messages come from and go to: our addresses (`Endpoint`, one for each sip_addr) and `Flow`, a peer's.

A Flow is a plain value, so that a binding can keep it in the state file; TCP connections are looked up by it.
"""

import ipaddress
from typing import NamedTuple

from lteims.net.udp import UdpSocket
from lteims.sip.grammar import host_port
from lteims.sip.uri import sip_uri


class Flow(NamedTuple):
    """One way to a peer: transport ("UDP" or "TCP"), the index of our sip_addr, the peer's address."""

    transport: str
    local: int
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport.lower()} {host_port(self.host, self.port)}"


class Endpoint:
    """One sip_addr: the address that is written into messages, and the sockets behind it."""

    __slots__ = ("bind_host", "bind_port", "family", "host", "index", "port", "udp")

    def __init__(self, index: int, host: str, port: int, bind_host: str, bind_port: int) -> None:
        self.index = index
        self.host = host
        self.port = port
        self.bind_host = bind_host
        self.bind_port = bind_port
        self.family = ipaddress.ip_address(bind_host).version
        self.udp: UdpSocket | None = None

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

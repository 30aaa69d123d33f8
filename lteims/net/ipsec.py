"""What ims/ and the virtual phone need of IPsec, whoever does it: the kernel (net/xfrm.py), this process (net/esp.py).

RFC 4301 transport mode, TS 33.203 7. One interface, so that everything above works, and is tested, on any kernel.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from lteims.ipsec.sa import Aalg, Ealg, Sa, Usage
from lteims.net.udp import Address, OnDatagram

Identity = tuple[str, int]  # destination address and SPI (RFC 4301 4.1)


def identity(sa: Sa) -> Identity:
    """What tells one SA from all others of this host."""
    return sa.dst, sa.spi


class Port(Protocol):
    """A protected UDP port, used as net/udp.UdpSocket is; nothing passes it in clear text."""

    @property
    def local(self) -> Address:
        """Own address and port."""

    def send(self, data: bytes, addr: Address) -> bool:
        """Send one datagram by the SA of these ports; False where there is none, or it was not taken."""

    def close(self) -> None:
        """Give the port up; a second time does nothing."""


class Ipsec(Protocol):
    """Security associations and protected ports of this host."""

    @property
    def name(self) -> str:
        """Who does the work, for the log: "kernel", "user space"."""

    @property
    def tcp(self) -> bool:
        """Does it carry TCP, or UDP alone?"""

    @property
    def aalgs(self) -> tuple[Aalg, ...]:
        """Integrity algorithms that can be installed."""

    @property
    def ealgs(self) -> tuple[Ealg, ...]:
        """Encryption algorithms that can be installed."""

    def install(self, sas: Sequence[Sa]) -> None:
        """All of them or none; one of the same identity is replaced, the very same goes on. NoIpsec says why not."""

    def remove(self, sas: Sequence[Sa]) -> None:
        """Nothing of these is left, known or not; raises nothing."""

    def usage(self, sas: Sequence[Sa]) -> dict[Identity, Usage]:
        """What has passed each of these that is installed; raises nothing."""

    def clean(self, hosts: Collection[str]) -> int:
        """Remove what a crash left on these own addresses (0.0.0.0, :: all), nothing of others; how many SAs."""

    def protect(self, host: str, port: int) -> None:
        """Refuse clear text to and from this port, TCP too where the driver knows it. NoIpsec says why not."""

    def unprotect(self, host: str, port: int) -> None:
        """Let clear text pass again; raises nothing."""

    def port(self, host: str, number: int, on_datagram: OnDatagram) -> Port:
        """A protected UDP port. NoIpsec or net.udp.BindError say why not; port 0 takes any."""

    def close(self) -> None:
        """Remove everything that this object has installed."""

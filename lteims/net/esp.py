"""IPsec in this process where the kernel has no ESP: the driver of ipsec/ over raw sockets (net/esp_socket.py).

net/ipsec_choice.py chooses between it and net/xfrm.py; both are `Ipsec` of net/ipsec.py. Needs NET_RAW alone.
"""

import asyncio
import socket
from collections.abc import Collection, Sequence

from lteims.errors import OperatorError
from lteims.ipsec.errors import IpsecError, NoIpsec
from lteims.ipsec.sa import Aalg, Ealg, Sa, Usage
from lteims.net.esp_socket import Association, EspPort, EspSocket, raw_socket
from lteims.net.ipsec import Identity, identity
from lteims.net.udp import OnDatagram


class UserSpaceIpsec:
    """IPsec of every own address in this process; `Ipsec` of net/ipsec.py. An address is opened when it is needed.

    NoIpsec where raw sockets are forbidden.
    """

    name = "user space"
    tcp = False
    aalgs = tuple(Aalg)
    ealgs = tuple(Ealg)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        raw_socket(socket.AF_INET).close()
        self._loop = loop
        self._sockets: dict[str, EspSocket] = {}

    def _at(self, host: str) -> EspSocket:
        found = self._sockets.get(host)
        if found is None:
            found = self._sockets[host] = EspSocket(self._loop, host)
        return found

    def install(self, sas: Sequence[Sa]) -> None:
        """All of them or none; one of the same identity is replaced. NoIpsec says why not."""
        ready: list[tuple[EspSocket, Association]] = []
        for sa in sas:
            try:
                ready.append((self._at(_own(sa)), Association(sa)))
            except IpsecError as exc:
                raise NoIpsec(f"SA of {sa.aalg} and {sa.ealg}, SPI {sa.spi} to {sa.dst}: {exc}") from exc
        for esp, one in ready:
            esp.install([one])

    def remove(self, sas: Sequence[Sa]) -> None:
        """Nothing of these is left, known or not; raises nothing."""
        for sa in sas:
            if esp := self._sockets.get(_own(sa)):
                esp.remove(sa)

    def usage(self, sas: Sequence[Sa]) -> dict[Identity, Usage]:
        """What has passed each of these that is installed."""
        found = ((sa, esp.usage(sa)) for sa in sas if (esp := self._sockets.get(_own(sa))))
        return {identity(sa): usage for sa, usage in found if usage is not None}

    def clean(self, hosts: Collection[str]) -> int:
        """A crash leaves nothing here: all of it died with the process."""
        return 0

    def protect(self, host: str, port: int) -> None:
        """Drop clear UDP to this port, from whomever; there is nobody to hear TCP. NoIpsec says why not."""
        try:
            self._at(host).reserve(port)
        except OperatorError as exc:
            raise NoIpsec(str(exc)) from exc

    def unprotect(self, host: str, port: int) -> None:
        """Give the port up when as many have asked as for protection; raises nothing."""
        if esp := self._sockets.get(host):
            esp.release(port)

    def port(self, host: str, number: int, on_datagram: OnDatagram) -> EspPort:
        """A protected UDP port. NoIpsec or BindError say why not; port 0 takes any."""
        return self._at(host).port(number, on_datagram)

    def close(self) -> None:
        """Remove everything that this object has installed."""
        for esp in self._sockets.values():
            esp.close()
        self._sockets.clear()


def _own(sa: Sa) -> str:
    return sa.dst if sa.inbound else sa.src

"""ESP of one own address over a raw socket: transport mode with UDP inside (RFC 4303, 4301), for net/esp.py.

What is refused is counted, and logged once a second for each SA and cause; nothing clear is sent or handed up.
"""

import asyncio
import math
import os
import socket
from collections.abc import Sequence
from functools import partial
from typing import Final

from lteims import counters
from lteims.ipsec import tcp, udp
from lteims.ipsec.errors import IpsecError, NoIpsec
from lteims.ipsec.esp import PROTOCOL, Esp, Forged, peek
from lteims.ipsec.replay import ReplayWindow
from lteims.ipsec.sa import Sa, Usage
from lteims.net.ipsec import Identity, identity
from lteims.net.udp import BUFFER, Address, OnDatagram, UdpSocket, address_text, open_udp, resolve
from lteims.trace import IMS, INFO, log

_DUMMY: Final = 59  # next header of a packet that only hides how much is said (RFC 4303 2.6)
_LOG_PAUSE: Final = 1.0  # seconds between two lines of one SA and cause


class Association:
    """One installed SA: its codec, where its numbers stand, what has passed it."""

    __slots__ = ("codec", "forged", "octets", "packets", "replayed", "sa", "said", "sequence", "window")

    def __init__(self, sa: Sa) -> None:
        self.sa = sa
        self.codec = Esp(sa)
        self.window = ReplayWindow()  # inbound
        self.sequence = 0  # outbound: of the last packet
        self.packets = self.octets = self.replayed = self.forged = 0
        self.said: dict[str, tuple[float, int]] = {}  # by cause: when a line was written, how many were not since

    @property
    def usage(self) -> Usage:
        return Usage(self.packets, self.octets, self.replayed, self.forged)


class EspSocket:
    """ESP of one own address: a raw socket, the SAs that end or begin here, the protected ports.

    NoIpsec where the raw socket cannot be had.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str) -> None:
        self.host = host
        self._loop = loop
        self._ipv6 = ":" in host
        self._sas: dict[Identity, Association] = {}
        self._inbound: dict[int, Association] = {}
        self._outbound: dict[tuple[int, str, int], list[Association]] = {}  # own port, peer; the newest last
        self._receivers: dict[int, OnDatagram] = {}
        self._reserved: dict[int, tuple[UdpSocket, int]] = {}  # by port: what keeps it from others, how many want it
        self._said: dict[str, tuple[float, int]] = {}  # as of an SA, for packets that belong to none
        self._raw = UdpSocket(loop, _open_raw(host), self._on_packet)

    def install(self, associations: Sequence[Association]) -> None:
        """Put these in place; what has the same identity gives way, unless it is the very same SA."""
        for one in associations:
            sa = one.sa
            former = self._sas.get(identity(sa))
            if former is not None:
                if former.sa == sa:
                    continue
                self.remove(former.sa)
            self._sas[identity(sa)] = one
            if sa.inbound:
                self._inbound[sa.spi] = one
            else:
                self._outbound.setdefault((sa.sport, sa.dst, sa.dport), []).append(one)

    def remove(self, sa: Sa) -> None:
        """Forget one SA; unknown is as good."""
        one = self._sas.get(identity(sa))
        if one is None or one.sa != sa:
            return
        del self._sas[identity(sa)]
        if sa.inbound:
            del self._inbound[sa.spi]
            return
        ports = sa.sport, sa.dst, sa.dport
        self._outbound[ports].remove(one)
        if not self._outbound[ports]:
            del self._outbound[ports]

    def usage(self, sa: Sa) -> Usage | None:
        """What has passed this SA; None for one that is not installed."""
        one = self._sas.get(identity(sa))
        return one.usage if one is not None and one.sa == sa else None

    def reserve(self, number: int) -> int:
        """Keep a UDP port from others and drop what comes there in clear; BindError. The port, which 0 lets choose."""
        if number in self._reserved:
            sock, count = self._reserved[number]
            self._reserved[number] = sock, count + 1
            return number
        bound = open_udp(self.host, number)
        number = int(bound.getsockname()[1])
        self._reserved[number] = UdpSocket(self._loop, bound, partial(self._on_clear, number)), 1
        return number

    def release(self, number: int) -> None:
        """Undo one reserve(); unknown is as good."""
        if number not in self._reserved:
            return
        sock, count = self._reserved[number]
        if count > 1:
            self._reserved[number] = sock, count - 1
        else:
            del self._reserved[number]
            sock.close()

    def port(self, number: int, on_datagram: OnDatagram) -> "EspPort":
        """A protected port, to be closed by its owner; BindError. 0 takes any that is free."""
        number = self.reserve(number)
        self._receivers[number] = on_datagram
        return EspPort(self, number)

    def give_up(self, number: int) -> None:
        """Undo port()."""
        self._receivers.pop(number, None)
        self.release(number)

    def _on_packet(self, data: bytes, addr: Address) -> None:
        """A packet as the raw socket gives it: with its header in IPv4, without in IPv6 (raw(7), ipv6(7))."""
        host = addr[0]
        if self._ipv6:
            host = host.partition("%")[0]
        else:
            data = data[(data[0] & 15) * 4 :]
        try:
            spi, sequence = peek(data)
        except IpsecError as exc:
            self._refuse(None, "esp_malformed", f"{exc}, from {host}")
            return
        one = self._inbound.get(spi)
        if one is None:
            self._refuse(None, "esp_unknown_spi", f"no SA has SPI {spi}, from {host}")
        elif not one.window.fresh(sequence):
            one.replayed += 1
            self._refuse(one, "esp_replayed", f"the sequence number {sequence} is seen or too old, from {host}")
        elif opened := self._open(one, data, host):
            sport, dport, payload = opened
            self._hand_up(one, dport, payload, (host, sport, 0, addr[3]) if len(addr) == 4 else (host, sport))

    def _open(self, one: Association, data: bytes, host: str) -> tuple[int, int, bytes] | None:
        """Ports and payload of a packet whose SA is known; None if it is refused, or a dummy."""
        sa = one.sa
        try:
            sequence, protocol, inner = one.codec.open(data)
            one.window.accept(sequence)
            if protocol == _DUMMY:
                return None
            if protocol == tcp.PROTOCOL:
                self._reset(one, inner)
            if protocol != udp.PROTOCOL:
                self._refuse(one, "esp_not_udp", f"IP protocol {protocol} needs ESP in the kernel, from {host}")
                return None
            sport, dport, payload = udp.parse(host, sa.dst, inner)
        except Forged as exc:
            one.forged += 1
            self._refuse(one, "esp_forged", f"{exc}, from {host}")
            return None
        except IpsecError as exc:
            self._refuse(one, "esp_malformed", f"{exc}, from {host}")
            return None
        if (host, sport, dport) != (sa.src, sa.sport, sa.dport):
            came = f"{address_text((host, sport))} to port {dport}"
            own = f"{address_text((sa.src, sa.sport))} to port {sa.dport}"
            self._refuse(one, "esp_wrong_ports", f"the SA is for {own}, this came from {came}")
            return None
        one.packets += 1
        one.octets += len(inner)
        return sport, dport, payload

    def _hand_up(self, one: Association, dport: int, payload: bytes, addr: Address) -> None:
        receiver = self._receivers.get(dport)
        if receiver is None:
            self._refuse(one, "esp_no_port", f"nobody listens on port {dport}, from {address_text(addr)}")
        else:
            receiver(payload, addr)

    def _reset(self, one: Association, segment: bytes) -> None:
        """Refuse a TCP connection by the SA of the other direction: who opens it goes on by UDP (RFC 3261 18.1.1)."""
        sa = one.sa
        back = self._outbound.get((sa.dport, sa.src, sa.sport))
        if not back or len(segment) < tcp.HEADER_LEN or tcp.ports(segment) != (sa.sport, sa.dport):
            return
        answer = tcp.refusal(sa.src, sa.dst, segment)
        if answer is not None:
            self._transmit(back[-1], tcp.PROTOCOL, answer, (sa.src, 0, 0, 0) if self._ipv6 else (sa.src, 0))

    def _transmit(self, one: Association, protocol: int, inner: bytes, to: Address) -> bool:
        """Put something into ESP by this SA; False if it was not taken. IpsecError where its numbers are used up."""
        packet = one.codec.seal(one.sequence + 1, protocol, inner, os.urandom)
        one.sequence += 1
        one.packets += 1
        one.octets += len(inner)
        return self._raw.send(packet, to)

    def send(self, number: int, data: bytes, addr: Address) -> bool:
        """Send one datagram from a protected port by the newest SA of these ports; False if it was not taken."""
        host = addr[0].partition("%")[0] if self._ipv6 else addr[0]
        found = self._outbound.get((number, host, addr[1]))
        if not found:
            self._refuse(None, "esp_no_sa", f"no SA from port {number} to {address_text(addr)}, nothing is sent")
            return False
        one = found[-1]
        try:
            inner = udp.build(self.host, number, host, addr[1], data)
            return self._transmit(
                one, udp.PROTOCOL, inner, (addr[0], 0, 0, addr[3]) if len(addr) == 4 else (addr[0], 0)
            )
        except IpsecError as exc:
            self._refuse(one, "esp_unsendable", f"{exc}, nothing is sent to {address_text(addr)}")
            return False

    def _on_clear(self, number: int, data: bytes, addr: Address) -> None:
        self._refuse(None, "esp_clear", f"clear text to the protected port {number}, from {address_text(addr)}")

    def _refuse(self, one: Association | None, counter: str, text: str) -> None:
        """Count, and write a line unless there was one for this SA and cause within the last second."""
        counters.inc(counter)
        if IMS.level < INFO:
            return
        said = self._said if one is None else one.said
        now = self._loop.time()
        when, silent = said.get(counter, (-math.inf, 0))
        if now - when < _LOG_PAUSE:
            said[counter] = when, silent + 1
            return
        said[counter] = now, 0
        sa = f" of SPI {one.sa.spi}" if one else ""
        more = f" ({silent} more since the last line)" if silent else ""
        log(IMS, INFO, f"IPsec: packet{sa} refused: {text}{more}")

    def close(self) -> None:
        """Forget every SA, give up every port and the raw socket."""
        self._sas.clear()
        self._inbound.clear()
        self._outbound.clear()
        self._receivers.clear()
        for sock, _ in self._reserved.values():
            sock.close()
        self._reserved.clear()
        self._raw.close()


def raw_socket(family: int) -> socket.socket:
    """A raw socket for ESP, not bound yet. NoIpsec says why there is none."""
    try:
        return socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, PROTOCOL)
    except PermissionError as exc:
        raise NoIpsec("the capability NET_RAW is missing (docker run --cap-add NET_RAW)") from exc
    except OSError as exc:
        raise NoIpsec(f"no raw sockets for ESP in user space: {exc.strerror}") from exc


def _open_raw(host: str) -> socket.socket:
    try:
        address = resolve(host, 0)
    except OSError as exc:
        raise NoIpsec(f"no ESP in user space on {host}: {exc.strerror}") from exc
    if address[0] in {"0.0.0.0", "::"}:
        raise NoIpsec(f"no ESP in user space on {host}: an SA needs one address, not all of them")
    sock = raw_socket(socket.AF_INET6 if len(address) == 4 else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        raise NoIpsec(f"no ESP in user space on {host}: {exc.strerror}") from exc
    return sock


class EspPort:
    """A protected UDP port over user-space ESP: send() and close() as of net/udp.UdpSocket."""

    __slots__ = ("_number", "_socket", "closed", "local")

    def __init__(self, esp: EspSocket, number: int) -> None:
        self._socket = esp
        self._number = number
        self.local: Address = (esp.host, number, 0, 0) if ":" in esp.host else (esp.host, number)
        self.closed = False

    def send(self, data: bytes, addr: Address) -> bool:
        """Send one datagram by the SA of these ports; False where there is none, or no room. Never in clear."""
        return not self.closed and self._socket.send(self._number, data, addr)

    def close(self) -> None:
        """Give the port up; a second time does nothing."""
        if not self.closed:
            self.closed = True
            self._socket.give_up(self._number)

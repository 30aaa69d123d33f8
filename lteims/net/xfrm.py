"""IPsec by the kernel: SAs and policies installed over a netlink socket, ports protected by policies that block.

The driver of ipsec/ where the kernel has ESP (net/esp.py elsewhere); net/ipsec_choice.py chooses.
One blocking socket: the kernel answers a request before the call returns (30 us, 110 us in User Mode Linux).
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from lteims.ipsec import xfrm
from lteims.ipsec.algorithms import ENCRYPTION, INTEGRITY
from lteims.ipsec.errors import IpsecError, NoIpsec
from lteims.ipsec.sa import Aalg, Ealg, Sa, Usage
from lteims.net.ipsec import Identity, Port, identity
from lteims.net.udp import OnDatagram, UdpSocket, open_udp
from lteims.trace import IMS, WARN, log

_NETLINK_XFRM: Final = 6
_SOL_NETLINK: Final = 270  # the socket module of 3.11 lacks these three
_CAP_ACK: Final = 10
_EXT_ACK: Final = 11
_PATIENCE: Final = 2.0  # seconds; the kernel answers at once, but a stuck one must not stop the server for good
_MAX_ANSWER: Final = 65536
_TEST_SPI: Final = 0x00DEAD01
_ALL: Final = xfrm.REQUEST | xfrm.DUMP


class Refused(Exception):
    """The kernel answered a request with an error number."""

    def __init__(self, code: int, words: str = "") -> None:
        super().__init__(xfrm.cause(code, words))
        self.errno = code


class Netlink:
    """Requests to NETLINK_XFRM and their answers, one at a time. NoIpsec where the kernel has no XFRM at all."""

    def __init__(self) -> None:
        try:
            self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_XFRM)
        except OSError as exc:
            raise NoIpsec(f"no XFRM in this kernel ({exc.strerror}): modprobe xfrm_user") from exc
        self._sequence = 0
        self._sock.settimeout(_PATIENCE)
        for option in (_CAP_ACK, _EXT_ACK):
            with contextlib.suppress(OSError):  # kernels before 4.12 answer in numbers alone
                self._sock.setsockopt(_SOL_NETLINK, option, 1)

    def ask(self, kind: int, payload: bytes, flags: int = xfrm.REQUEST | xfrm.ACK) -> list[bytes]:
        """Send one request; the payloads of the answer, none for a mere acknowledgement. Raises Refused."""
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        try:
            self._sock.sendto(xfrm.request(kind, payload, self._sequence, flags), (0, 0))
            return self._answer(bool(flags & xfrm.DUMP))
        except TimeoutError as exc:
            raise Refused(errno.ETIMEDOUT) from exc
        except OSError as exc:
            raise Refused(exc.errno or errno.EIO) from exc
        except IpsecError as exc:
            raise Refused(errno.EBADMSG, str(exc)) from exc

    def _answer(self, dump: bool) -> list[bytes]:
        found: list[bytes] = []
        while True:
            for kind, flags, sequence, payload in xfrm.messages(self._sock.recv(_MAX_ANSWER)):
                if sequence != self._sequence:
                    continue  # of a request that timed out
                if kind == xfrm.DONE:
                    return found
                if kind == xfrm.ERROR:
                    code, words = xfrm.error_of(payload, flags)
                    if code:
                        raise Refused(code, words)
                    return found
                found.append(payload)
                if not dump:
                    return found

    def close(self) -> None:
        """A second time does nothing."""
        self._sock.close()


@dataclass(frozen=True, slots=True)
class Kernel:
    """What this kernel offers for SAs of phones."""

    aalgs: tuple[Aalg, ...]
    ealgs: tuple[Ealg, ...]
    ipv6: bool


def probe(netlink: Netlink) -> Kernel:
    """Try every algorithm with an SA that no packet can meet, deleted at once. NoIpsec where the kernel takes none."""
    try:
        _try(netlink, "127.0.0.1", Aalg.HMAC_SHA1_96, Ealg.NULL)
    except Refused as exc:
        raise NoIpsec(str(exc)) from exc
    aalgs = tuple(aalg for aalg in Aalg if _has(netlink, "127.0.0.1", aalg, Ealg.NULL))
    beside = {ealg: Aalg.NULL if ealg is Ealg.AES_GCM else Aalg.HMAC_SHA1_96 for ealg in Ealg}
    ealgs = tuple(ealg for ealg in Ealg if _has(netlink, "127.0.0.1", beside[ealg], ealg))
    return Kernel(aalgs, ealgs, _has(netlink, "::1", Aalg.HMAC_SHA1_96, Ealg.NULL))


def _has(netlink: Netlink, host: str, aalg: Aalg, ealg: Ealg) -> bool:
    try:
        _try(netlink, host, aalg, ealg)
    except Refused:
        return False
    return True


def _try(netlink: Netlink, host: str, aalg: Aalg, ealg: Ealg) -> None:
    keys = bytes(range(1, INTEGRITY[aalg].key_len + 1)), bytes(range(1, ENCRYPTION[ealg].key_len + 1))
    sa = Sa(_TEST_SPI, host, 1, host, 1, False, aalg, ealg, *keys)
    try:
        netlink.ask(xfrm.NEWSA, xfrm.new_sa(sa))
    except Refused as exc:
        if exc.errno != errno.EEXIST:  # else a crash left it here, and it is as good an answer
            raise
    netlink.ask(xfrm.DELSA, xfrm.sa_id(host, _TEST_SPI))


class KernelIpsec:
    """The kernel's IPsec; `Ipsec` of net/ipsec.py. NoIpsec where it has no ESP, or the right to use it is missing."""

    name = "kernel"
    tcp = True
    tcp = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._netlink = Netlink()
        try:
            self.offers = probe(self._netlink)
        except NoIpsec:
            self._netlink.close()
            raise
        self.aalgs, self.ealgs = self.offers.aalgs, self.offers.ealgs
        self._sas: dict[Identity, Sa] = {}
        self._users: dict[bytes, list[Sa]] = {}  # by policy: the SAs of these ports, the newest last
        self._protected: dict[tuple[str, int], int] = {}  # how often

    def install(self, sas: Sequence[Sa]) -> None:
        """All of them or none; one of the same identity is replaced. NoIpsec says why not."""
        undo: list[Callable[[], None]] = []
        try:
            for sa in sas:
                former = self._sas.get(identity(sa))
                if former == sa:
                    continue  # its sequence numbers go on
                if former is not None:
                    self._drop(former)
                    undo.append(lambda former=former: self._put(former))  # type: ignore[misc]
                undo.append(lambda sa=sa: self._drop(sa))  # type: ignore[misc]
                self._put(sa)
        except (Refused, IpsecError) as exc:
            for step in reversed(undo):
                with contextlib.suppress(Refused):
                    step()
            raise NoIpsec(f"SA of {sa.aalg} and {sa.ealg}, SPI {sa.spi} to {sa.dst}: {exc}") from exc

    def _put(self, sa: Sa) -> None:
        state = xfrm.new_sa(sa)
        try:
            self._netlink.ask(xfrm.NEWSA, state)
        except Refused as exc:
            if exc.errno != errno.EEXIST or not self._is_ours(sa):
                raise
            self._netlink.ask(xfrm.DELSA, xfrm.sa_id(sa.dst, sa.spi))
            self._netlink.ask(xfrm.NEWSA, state)
        self._sas[identity(sa)] = sa
        self._users.setdefault(xfrm.policy_id(sa), []).append(sa)
        self._netlink.ask(xfrm.UPDPOLICY, xfrm.new_policy(sa))

    def _is_ours(self, sa: Sa) -> bool:
        """Is the SA that is in the way one that we left (a crash), and no other program's?"""
        found = self._netlink.ask(xfrm.GETSA, xfrm.sa_id(sa.dst, sa.spi))
        return any(xfrm.parse_sa(each).ours for each in found)

    def _drop(self, sa: Sa) -> None:
        """Delete the SA; its policy goes too, or back to the SA that had these ports before."""
        if self._sas.get(identity(sa)) is not sa:
            return  # was never installed, or is replaced
        del self._sas[identity(sa)]
        self._tell(xfrm.DELSA, xfrm.sa_id(sa.dst, sa.spi))
        policy = xfrm.policy_id(sa)
        users = self._users[policy]
        users.remove(sa)
        if users:
            self._tell(xfrm.UPDPOLICY, xfrm.new_policy(users[-1]))
        else:
            del self._users[policy]
            self._tell(xfrm.DELPOLICY, policy)

    def _tell(self, kind: int, payload: bytes) -> None:
        """A request whose failure leaves nothing to do but to say so; gone already is as good."""
        try:
            self._netlink.ask(kind, payload)
        except Refused as exc:
            if exc.errno not in {errno.ESRCH, errno.ENOENT}:
                log(IMS, WARN, f"IPsec: the kernel does not remove an SA or a policy: {exc}")

    def remove(self, sas: Sequence[Sa]) -> None:
        """Nothing of these is left, known or not; raises nothing."""
        for sa in sas:
            known = self._sas.get(identity(sa))
            if known == sa and known is not None:
                self._drop(known)

    def usage(self, sas: Sequence[Sa]) -> dict[Identity, Usage]:
        """What has passed each of these that is installed; raises nothing."""
        found: dict[Identity, Usage] = {}
        for sa in sas:
            with contextlib.suppress(Refused, IpsecError):
                for payload in self._netlink.ask(xfrm.GETSA, xfrm.sa_id(sa.dst, sa.spi)):
                    found[identity(sa)] = xfrm.parse_sa(payload).usage
        return found

    def clean(self, hosts: Collection[str]) -> int:
        """Remove what a crash left on these own addresses, and nothing of others; how many SAs that were."""
        try:
            states = [xfrm.parse_sa(each) for each in self._netlink.ask(xfrm.GETSA, b"", _ALL)]
            policies = [xfrm.parse_policy(each) for each in self._netlink.ask(xfrm.GETPOLICY, b"", _ALL)]
        except (Refused, IpsecError) as exc:
            log(IMS, WARN, f"IPsec: what an earlier run may have left cannot be listed: {exc}")
            return 0
        wide = not {"0.0.0.0", "::"}.isdisjoint(hosts)  # a server on every address of this host
        stale = [one for one in states if one.ours and (wide or not {one.src, one.dst}.isdisjoint(hosts))]
        stale = [one for one in stale if (one.dst, one.spi) not in self._sas]
        for state in stale:
            self._tell(xfrm.DELSA, xfrm.sa_id(state.dst, state.spi))
        kept = {*self._users, *(each for place in self._protected for each in xfrm.block_ids(*place))}
        for policy in policies:
            own = policy.dst if policy.inbound else policy.src
            if policy.ours and (wide or own in hosts) and policy.identity not in kept:
                self._tell(xfrm.DELPOLICY, policy.identity)
        return len(stale)

    def protect(self, host: str, port: int) -> None:
        """Refuse clear text to and from this port, UDP and TCP; it counts. NoIpsec says why not."""
        try:
            for policy in xfrm.new_blocks(host, port):
                self._netlink.ask(xfrm.UPDPOLICY, policy)
        except (Refused, IpsecError) as exc:
            if isinstance(exc, Refused) and (host, port) not in self._protected:
                self._unblock(host, port)
            raise NoIpsec(f"port {port} of {host} cannot be protected: {exc}") from exc
        self._protected[host, port] = self._protected.get((host, port), 0) + 1

    def _unblock(self, host: str, port: int) -> None:
        for policy in xfrm.block_ids(host, port):
            self._tell(xfrm.DELPOLICY, policy)

    def unprotect(self, host: str, port: int) -> None:
        """Let clear text pass again when as many have asked as for protection; raises nothing."""
        left = self._protected.pop((host, port), 0) - 1
        if left > 0:
            self._protected[host, port] = left
        elif not left:
            self._unblock(host, port)

    def port(self, host: str, number: int, on_datagram: OnDatagram) -> Port:
        """A UDP socket of the kernel, protected. NoIpsec or BindError say why not; port 0 takes any."""
        sock = open_udp(host, number)
        own = int(sock.getsockname()[1])
        try:
            self.protect(host, own)
        except NoIpsec:
            sock.close()
            raise
        return _Port(UdpSocket(self._loop, sock, on_datagram), lambda: self.unprotect(host, own))

    def close(self) -> None:
        """Remove everything that this object has installed."""
        self.remove(list(self._sas.values()))
        for host, port in list(self._protected):
            self._unblock(host, port)
        self._protected.clear()
        self._netlink.close()


class _Port:
    """A protected UDP socket whose policies go with it."""

    def __init__(self, udp: UdpSocket, unprotect: Callable[[], None]) -> None:
        self.send = udp.send
        self.local = udp.local
        self._udp = udp
        self._unprotect = unprotect

    def close(self) -> None:
        if not self._udp.closed:
            self._udp.close()
            self._unprotect()

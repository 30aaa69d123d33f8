"""IPsec by the kernel: SAs and policies installed over a netlink socket, ports protected by policies that block.

The driver of ipsec/ where the kernel has ESP (net/esp.py elsewhere); net/ipsec_choice.py chooses.
Calls block: four SAs with their policies take the kernel some tens of microseconds.
"""

import asyncio
import contextlib
import errno
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

from lteims.ipsec import xfrm
from lteims.ipsec.errors import IpsecError, NoIpsec
from lteims.ipsec.sa import Sa, Usage
from lteims.net.ipsec import Identity, Port, identity
from lteims.net.udp import OnDatagram, UdpSocket, open_udp
from lteims.net.xfrm_netlink import Netlink, Refused, probe
from lteims.net.xfrm_stat import RefusedPackets
from lteims.trace import IMS, WARN, log

_ALL: Final = xfrm.REQUEST | xfrm.DUMP


class KernelIpsec:
    """The kernel's IPsec; `Ipsec` of net/ipsec.py. NoIpsec where it has no ESP, or the right to use it is missing."""

    name = "kernel"
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
        self._refused: RefusedPackets | None = None

    def watch(self) -> None:
        """Count and log what the kernel refuses from now on, until `close`."""
        self._refused = RefusedPackets(self._loop)

    def install(self, sas: Sequence[Sa]) -> None:
        """All of them or none; one of the same identity is replaced. NoIpsec says why not."""
        fresh = [sa for sa in sas if self._sas.get(identity(sa)) != sa]  # sequence numbers of the very same go on
        if any(identity(sa) in self._sas for sa in fresh) or not self._install_at_once(fresh):
            self._install_singly(fresh)

    def _install_at_once(self, fresh: Sequence[Sa]) -> bool:
        """Mostly nothing is in the way; False, with nothing changed, if there is."""
        try:
            states = [(xfrm.NEWSA, xfrm.new_sa(sa)) for sa in fresh]
            policies = [(self._kind(xfrm.policy_id(sa)), xfrm.new_policy(sa)) for sa in fresh]
            refused = self._netlink.ask_all(states + policies)
        except (Refused, IpsecError):
            return False
        if not any(refused):
            for sa in fresh:
                self._keep(sa)
            return True
        undo = [(xfrm.DELSA, xfrm.sa_id(sa.dst, sa.spi)) for sa in fresh], [self._policy_without(sa) for sa in fresh]
        self._tell(*(step for step, why in zip(undo[0] + undo[1], refused, strict=True) if why is None))
        return False

    def _kind(self, policy: bytes) -> int:
        """A policy that is not ours is never replaced."""
        return xfrm.UPDPOLICY if policy in self._users else xfrm.NEWPOLICY

    def _keep(self, sa: Sa) -> None:
        self._sas[identity(sa)] = sa
        self._users.setdefault(xfrm.policy_id(sa), []).append(sa)

    def _policy_without(self, sa: Sa) -> tuple[int, bytes]:
        """The policy of these ports goes to the SA that had them before, or away."""
        policy = xfrm.policy_id(sa)
        users = self._users.get(policy)
        return (xfrm.UPDPOLICY, xfrm.new_policy(users[-1])) if users else (xfrm.DELPOLICY, policy)

    def _install_singly(self, fresh: Sequence[Sa]) -> None:
        """One step after the other, so that each can be undone and the cause be told."""
        undo: list[Callable[[], None]] = []
        try:
            for sa in fresh:
                former = self._sas.get(identity(sa))
                if former is not None:
                    self._drop(former)
                    undo.append(partial(self._put, former))
                undo.append(partial(self._drop, sa))
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
        policy = xfrm.policy_id(sa)
        try:
            self._set_policy(self._kind(policy), policy, xfrm.new_policy(sa))
        except Refused:
            self._tell((xfrm.DELSA, xfrm.sa_id(sa.dst, sa.spi)))
            raise
        self._keep(sa)

    def _set_policy(self, kind: int, policy: bytes, value: bytes) -> None:
        try:
            self._netlink.ask(kind, value)
        except Refused as exc:
            if exc.errno != errno.EEXIST:
                raise
            found = self._netlink.ask(xfrm.GETPOLICY, policy)
            if not any(xfrm.parse_policy(each).ours for each in found):
                raise
            self._netlink.ask(xfrm.UPDPOLICY, value)

    def _is_ours(self, sa: Sa) -> bool:
        """Is the SA that is in the way one that we left (a crash), and no other program's?"""
        found = self._netlink.ask(xfrm.GETSA, xfrm.sa_id(sa.dst, sa.spi))
        return any(xfrm.parse_sa(each).ours for each in found)

    def _drop(self, sa: Sa) -> None:
        if self._sas.get(identity(sa)) == sa:
            self._tell(*self._forget(sa))

    def _forget(self, sa: Sa) -> list[tuple[int, bytes]]:
        """The requests that delete an installed SA, and its policy if nobody else needs it."""
        del self._sas[identity(sa)]
        policy = xfrm.policy_id(sa)
        self._users[policy].remove(sa)
        if not self._users[policy]:
            del self._users[policy]
        return [(xfrm.DELSA, xfrm.sa_id(sa.dst, sa.spi)), self._policy_without(sa)]

    def _tell(self, *requests: tuple[int, bytes]) -> None:
        """Requests whose failure leaves nothing to do but to say so; gone already is as good."""
        try:
            refused = self._netlink.ask_all(requests)
        except Refused as exc:
            refused = [exc]
        for why in refused:
            if why is not None and why.errno not in {errno.ESRCH, errno.ENOENT}:
                log(IMS, WARN, f"IPsec: the kernel does not remove an SA or a policy: {why}")

    def remove(self, sas: Sequence[Sa]) -> None:
        """Nothing of these is left, known or not; raises nothing."""
        self._tell(*(step for sa in sas if self._sas.get(identity(sa)) == sa for step in self._forget(sa)))

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
        self._tell(*((xfrm.DELSA, xfrm.sa_id(state.dst, state.spi)) for state in stale))
        kept = {*self._users, *(each for place in self._protected for each in xfrm.block_ids(*place))}
        for policy in policies:
            own = policy.dst if policy.inbound else policy.src
            if policy.ours and (wide or own in hosts) and policy.identity not in kept:
                self._tell((xfrm.DELPOLICY, policy.identity))
        return len(stale)

    def protect(self, host: str, port: int) -> None:
        """Refuse clear text to and from this port, UDP and TCP; it counts. NoIpsec says why not."""
        if (host, port) not in self._protected:
            self._block(host, port)
        self._protected[host, port] = self._protected.get((host, port), 0) + 1

    def _block(self, host: str, port: int) -> None:
        done: list[tuple[int, bytes]] = []
        try:
            for policy, value in zip(xfrm.block_ids(host, port), xfrm.new_blocks(host, port), strict=True):
                self._set_policy(xfrm.NEWPOLICY, policy, value)
                done.append((xfrm.DELPOLICY, policy))
        except (Refused, IpsecError) as exc:
            self._tell(*done)
            raise NoIpsec(f"port {port} of {host} cannot be protected: {exc}") from exc

    def _unblock(self, host: str, port: int) -> None:
        self._tell(*((xfrm.DELPOLICY, policy) for policy in xfrm.block_ids(host, port)))

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
        if self._refused is not None:
            self._refused.close()


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

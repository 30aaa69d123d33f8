"""Requests to NETLINK_XFRM over one blocking socket, and what this kernel offers for SAs (net/xfrm.py, selftest.py).

The kernel answers a request before the call returns, in a few microseconds; many go in one datagram.
"""

import contextlib
import errno
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lteims.ipsec import xfrm
from lteims.ipsec.algorithms import ENCRYPTION, INTEGRITY
from lteims.ipsec.errors import IpsecError, NoIpsec
from lteims.ipsec.sa import Aalg, Ealg, Sa

_NETLINK_XFRM: Final = 6
_SOL_NETLINK: Final = 270  # the socket module of 3.11 lacks these three
_CAP_ACK: Final = 10
_EXT_ACK: Final = 11
_PATIENCE: Final = 2.0  # seconds; the kernel answers at once, but a stuck one must not stop the server for good
_MAX_ANSWER: Final = 65536
_BATCH: Final = 64  # requests in one datagram
_TEST_SPI: Final = 0x00DEAD01


class Refused(Exception):
    """The kernel answered a request with an error number."""

    def __init__(self, code: int, words: str = "") -> None:
        super().__init__(xfrm.cause(code, words))
        self.errno = code


@contextlib.contextmanager
def _as_refused() -> Iterator[None]:
    """What may happen to a socket, and rubbish from it, as Refused."""
    try:
        yield
    except TimeoutError as exc:
        raise Refused(errno.ETIMEDOUT) from exc
    except OSError as exc:
        raise Refused(exc.errno or errno.EIO) from exc
    except IpsecError as exc:
        raise Refused(errno.EBADMSG, str(exc)) from exc


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
        with _as_refused():
            self._sock.sendto(xfrm.request(kind, payload, self._sequence, flags), (0, 0))
            return self._answer(bool(flags & xfrm.DUMP))

    def ask_all(self, requests: Sequence[tuple[int, bytes]]) -> list[Refused | None]:
        """Many requests in few datagrams, a third of the time; each one's refusal. Raises Refused if all are lost."""
        found: list[Refused | None] = []
        for at in range(0, len(requests), _BATCH):
            found += self._ask_batch(requests[at : at + _BATCH])
        return found

    def _ask_batch(self, requests: Sequence[tuple[int, bytes]]) -> list[Refused | None]:
        """The kernel tells each refusal; the last request asks for an answer in any case, which ends them."""
        if self._sequence > 0xFFFF0000:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += len(requests)
        data = b"".join(
            xfrm.request(kind, payload, number, xfrm.REQUEST | (xfrm.ACK if number == self._sequence else 0))
            for number, (kind, payload) in enumerate(requests, first)
        )
        found: list[Refused | None] = [None] * len(requests)
        with _as_refused():
            self._sock.sendto(data, (0, 0))
            while True:
                for kind, flags, number, payload in xfrm.messages(self._sock.recv(_MAX_ANSWER)):
                    if kind != xfrm.ERROR or not first <= number <= self._sequence:
                        continue
                    code, words = xfrm.error_of(payload, flags)
                    found[number - first] = Refused(code, words) if code else None
                    if number == self._sequence:
                        return found

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

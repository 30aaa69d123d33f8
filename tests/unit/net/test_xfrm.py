"""The kernel's driver against a kernel that a test can make fail at any request; tests/kernel has a real one."""

import asyncio
import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lteims.ipsec import xfrm
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.sa import Aalg, Ealg, Sa
from lteims.net import xfrm_netlink
from lteims.net.xfrm import KernelIpsec
from lteims.net.xfrm_netlink import Netlink, Refused, probe

OUT = Sa(1000, "10.0.0.1", 1, "10.0.0.2", 2, False, Aalg.HMAC_SHA1_96, Ealg.AES_CBC, bytes(20), bytes(16))
BACK = replace(OUT, spi=1001, src="10.0.0.2", sport=2, dst="10.0.0.1", dport=1, inbound=True)
NEWER = replace(OUT, spi=1002), replace(BACK, spi=1003)
PUT = {xfrm.NEWSA, xfrm.NEWPOLICY, xfrm.UPDPOLICY}


class Kernel:
    """Keeps states by identity and policies by theirs, as the kernel does, and answers over a socket."""

    def __init__(self) -> None:
        self.states: dict[bytes, bytes] = {}
        self.policies: dict[bytes, bytes] = {}
        self.asked = 0
        self.refuse: dict[int, int] = {}  # errno by number of the request
        self.mute = False
        self.before = b""  # comes ahead of each answer
        self.lacks: set[bytes] = set()  # algorithms
        self._answers: list[bytes] = []

    def sendto(self, data: bytes, _: object) -> None:
        answers = [self.before, *(self._answer(*message) for message in xfrm.messages(data))]
        self._answers += [answer for answer in answers if answer]

    def _answer(self, kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
        self.asked += 1
        dump = flags & xfrm.DUMP == xfrm.DUMP
        code = self.refuse.get(self.asked, 0)
        found: list[bytes] = []
        if not code:
            code, found = self._do(kind, payload, dump)
        if not code and dump:
            kind = {xfrm.GETSA: xfrm.NEWSA, xfrm.GETPOLICY: xfrm.NEWPOLICY}[kind]
            whole = b"".join(xfrm.request(kind, each, sequence, 2) for each in found)
            return whole + xfrm.request(xfrm.DONE, bytes(4), sequence, 2)
        if found:
            return xfrm.request(xfrm.NEWSA, found[0], sequence, 0)
        if not code and not flags & xfrm.ACK:
            return b""
        return xfrm.request(xfrm.ERROR, struct.pack("=i", -code) + bytes(16), sequence, 0)

    def _do(self, kind: int, payload: bytes, dump: bool) -> tuple[int, list[bytes]]:
        match kind:
            case xfrm.NEWSA:
                return self._new_sa(payload), []
            case xfrm.GETSA if dump:
                return 0, list(self.states.values())
            case xfrm.GETSA:
                found = self.states.get(payload[:20])
                return (0, [found]) if found else (errno.ESRCH, [])
            case xfrm.DELSA:
                return 0 if self.states.pop(payload[:20], None) else errno.ESRCH, []
            case xfrm.NEWPOLICY if self.policy(payload) in self.policies:
                return errno.EEXIST, []
            case xfrm.NEWPOLICY | xfrm.UPDPOLICY:
                self.policies[self.policy(payload)] = payload
                return 0, []
            case xfrm.GETPOLICY if not dump:
                found = self.policies.get(payload[:56] + payload[60:61])
                return (0, [found]) if found else (errno.ENOENT, [])
            case xfrm.GETPOLICY:
                return 0, list(self.policies.values())
            case xfrm.DELPOLICY:
                return 0 if self.policies.pop(payload[:56] + payload[60:61], None) else errno.ENOENT, []
        return errno.EINVAL, []

    def _new_sa(self, payload: bytes) -> int:
        if any(name in payload for name in self.lacks):
            return errno.ENOSYS
        if payload[56:76] in self.states:
            return errno.EEXIST
        self.states[payload[56:76]] = payload
        return 0

    @staticmethod
    def policy(payload: bytes) -> bytes:
        return payload[:56] + payload[160:161]

    def recv(self, _: int) -> bytes:
        if self.mute or not self._answers:
            raise TimeoutError
        return self._answers.pop(0)

    def settimeout(self, _: float) -> None: ...
    def setsockopt(self, *_: int) -> None:
        raise OSError(errno.ENOPROTOOPT, "an old kernel")

    def close(self) -> None: ...


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    real = socket.socket

    def fake(family: int = -1, *rest: Any) -> Any:
        return made if family == socket.AF_NETLINK else real(family, *rest)

    monkeypatch.setattr(xfrm_netlink.socket, "socket", fake)
    return made


@pytest.fixture
def ipsec(kernel: Kernel) -> Iterator[KernelIpsec]:
    loop = asyncio.new_event_loop()
    made = KernelIpsec(loop)
    assert kernel.states == {}
    yield made
    made.close()
    loop.close()


def test_probing_finds_what_is_there(kernel: Kernel) -> None:
    kernel.lacks = {b"des3_ede", b"rfc4543"}
    offers = probe(Netlink())
    assert set(Aalg) - set(offers.aalgs) == {Aalg.AES_GMAC}
    assert set(Ealg) - set(offers.ealgs) == {Ealg.DES_EDE3_CBC}
    assert offers.ipv6
    assert kernel.states == {}


def test_probing_takes_what_a_crash_left_for_an_answer(kernel: Kernel) -> None:
    netlink = Netlink()
    kernel.refuse = {2: errno.EPERM}  # the first DELSA
    with pytest.raises(NoIpsec):
        probe(netlink)
    assert len(kernel.states) == 1
    assert set(probe(netlink).aalgs) == set(Aalg)
    assert kernel.states == {}


@pytest.mark.parametrize(("code", "words"), [(errno.EPROTONOSUPPORT, "no ESP"), (errno.EPERM, "NET_ADMIN")])
def test_a_kernel_that_cannot(kernel: Kernel, code: int, words: str) -> None:
    kernel.refuse = {1: code}
    with pytest.raises(NoIpsec, match=words):
        KernelIpsec(asyncio.new_event_loop())


def test_a_kernel_without_xfrm(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr(xfrm_netlink.socket, "socket", refuse)
    with pytest.raises(NoIpsec, match="modprobe xfrm_user"):
        Netlink()


def test_a_kernel_that_does_not_answer(kernel: Kernel, ipsec: KernelIpsec) -> None:
    kernel.mute = True
    with pytest.raises(NoIpsec, match="does not answer"):
        ipsec.install([OUT])
    assert ipsec.usage([OUT]) == {}
    assert ipsec.clean(["10.0.0.1"]) == 0


def test_answers_to_earlier_requests_are_passed_over(kernel: Kernel, ipsec: KernelIpsec) -> None:
    kernel.before = xfrm.request(xfrm.ERROR, struct.pack("=i", -errno.EINVAL) + bytes(16), 1, 0)
    ipsec.install([OUT, BACK])
    assert set(ipsec.usage([OUT, BACK])) == {("10.0.0.2", 1000), ("10.0.0.1", 1001)}


def test_rubbish_from_the_kernel_is_a_refusal(kernel: Kernel) -> None:
    kernel.before = b"\xff" * 20
    with pytest.raises(Refused, match="cut short"):
        Netlink().ask(xfrm.GETSA, b"")


def test_install_and_remove_leave_nothing(kernel: Kernel, ipsec: KernelIpsec) -> None:
    ipsec.install([OUT, BACK])
    assert (len(kernel.states), len(kernel.policies)) == (2, 2)
    ipsec.remove([OUT, BACK])
    ipsec.remove([OUT, BACK])
    assert (kernel.states, kernel.policies) == ({}, {})


def test_a_failure_at_any_request_leaves_what_was(kernel: Kernel, ipsec: KernelIpsec) -> None:
    """New ones, and one of the same identity as an installed one, which has to come back."""
    ipsec.install([OUT, BACK])
    before = dict(kernel.states), dict(kernel.policies)
    changed = replace(OUT, auth_key=b"x" * 20)
    other = replace(BACK, spi=77, dport=9)
    kernel.asked = 0
    ipsec.install([other, *NEWER, changed])
    requests = kernel.asked
    ipsec.remove([changed, other, *NEWER])
    ipsec.remove([BACK])
    ipsec.install([OUT, BACK])
    assert (kernel.states, kernel.policies) == before
    failed = 0
    for number in range(1, requests + 1):
        kernel.asked, kernel.refuse = 0, {number: errno.ENOMEM}
        try:
            ipsec.install([other, *NEWER, changed])
        except NoIpsec as exc:
            failed += "out of memory" in str(exc)
            kernel.refuse = {}
            assert (kernel.states, kernel.policies) == before, number
        else:  # what failed was to remove the former one, and that was no obstacle
            kernel.refuse = {}
            ipsec.remove([other, *NEWER, changed])
            ipsec.install([OUT])
    assert failed >= 8


def test_an_sa_that_the_kernel_lacks_takes_none_of_the_others_in(kernel: Kernel, ipsec: KernelIpsec) -> None:
    ipsec.install([OUT, BACK])
    before = dict(kernel.states), dict(kernel.policies)
    kernel.lacks = {b"hmac(sha256)"}
    last = replace(NEWER[1], aalg=Aalg.HMAC_SHA256_128, auth_key=bytes(32))
    with pytest.raises(NoIpsec, match=r"hmac-sha-256-128 and aes-cbc, SPI 1003 to 10\.0\.0\.1: the kernel lacks"):
        ipsec.install([NEWER[0], replace(OUT, spi=55, dport=9), last])
    assert (kernel.states, kernel.policies) == before


def test_a_passing_failure_of_the_quick_way_is_mended(kernel: Kernel, ipsec: KernelIpsec) -> None:
    ipsec.install([OUT, BACK])
    for number in range(1, 7):
        kernel.asked, kernel.refuse = 0, {number: errno.ENOBUFS}
        ipsec.install([*NEWER, replace(OUT, spi=55, dport=9)])
        assert (len(kernel.states), len(kernel.policies)) == (5, 3)
        ipsec.remove([*NEWER, replace(OUT, spi=55, dport=9)])
        assert (len(kernel.states), len(kernel.policies)) == (2, 2)


def test_more_at_once_than_one_datagram_takes(kernel: Kernel, ipsec: KernelIpsec) -> None:
    many = [replace(OUT, spi=5000 + n, dport=5000 + n) for n in range(100)]
    ipsec.install(many)
    assert (len(kernel.states), len(kernel.policies)) == (100, 100)
    ipsec._netlink._sequence = 0xFFFFFFFE  # numbers of requests start again
    ipsec.remove(many)
    assert (kernel.states, kernel.policies) == ({}, {})


def test_what_an_earlier_process_left_is_replaced(kernel: Kernel, ipsec: KernelIpsec) -> None:
    KernelIpsec(asyncio.new_event_loop()).install([OUT])
    ipsec.install([BACK, replace(OUT, auth_key=b"x" * 20)])
    assert len(kernel.states) == 2
    assert any(b"x" * 20 in state for state in kernel.states.values())


def test_a_policy_of_others_is_not_replaced(kernel: Kernel, ipsec: KernelIpsec) -> None:
    foreign = xfrm.new_policy(BACK)[:152] + bytes(4) + xfrm.new_policy(BACK)[156:]
    kernel.policies[kernel.policy(foreign)] = foreign
    with pytest.raises(NoIpsec, match=r"SPI 1001 to .* already"):
        ipsec.install([OUT, BACK])
    assert (kernel.states, list(kernel.policies.values())) == ({}, [foreign])
    blocks = xfrm.new_blocks("10.0.0.1", 5062)
    other = blocks[1][:152] + bytes(4) + blocks[1][156:]
    kernel.policies[kernel.policy(other)] = other
    with pytest.raises(NoIpsec, match="cannot be protected"):
        ipsec.protect("10.0.0.1", 5062)
    assert list(kernel.policies.values()) == [foreign, other]


def test_a_block_that_a_crash_left_is_taken_over(kernel: Kernel, ipsec: KernelIpsec) -> None:
    KernelIpsec(asyncio.new_event_loop()).protect("10.0.0.1", 5062)
    ipsec.protect("10.0.0.1", 5062)
    ipsec.unprotect("10.0.0.1", 5062)
    assert kernel.policies == {}


def test_the_policy_goes_back_to_the_older_sa(kernel: Kernel, ipsec: KernelIpsec) -> None:
    ipsec.install([OUT, BACK])
    before = dict(kernel.policies)
    ipsec.install(NEWER)
    assert len(kernel.policies) == 2
    assert kernel.policies != before
    ipsec.remove(NEWER)
    assert kernel.policies == before
    ipsec.install(NEWER)
    ipsec.remove([OUT, BACK])
    assert len(kernel.policies) == 2
    ipsec.remove(NEWER)
    assert kernel.policies == {}


def test_ports_are_protected_as_often_as_asked(kernel: Kernel, ipsec: KernelIpsec) -> None:
    ipsec.protect("10.0.0.1", 5062)
    ipsec.protect("10.0.0.1", 5062)
    assert len(kernel.policies) == 2
    ipsec.unprotect("10.0.0.1", 5062)
    assert len(kernel.policies) == 2
    ipsec.unprotect("10.0.0.1", 5062)
    assert kernel.policies == {}
    ipsec.unprotect("10.0.0.1", 5062)


def test_a_port_that_cannot_be_protected_is_not_opened(kernel: Kernel, ipsec: KernelIpsec) -> None:
    kernel.refuse = {kernel.asked + 2: errno.ENOMEM}
    with pytest.raises(NoIpsec, match="cannot be protected: the kernel is out of memory"):
        ipsec.port("127.0.0.1", 0, lambda data, addr: None)
    assert kernel.policies == {}


def test_cleaning_spares_what_is_in_use(kernel: Kernel, ipsec: KernelIpsec) -> None:
    ipsec.install([OUT, BACK])
    ipsec.protect("10.0.0.1", 1)
    before = dict(kernel.states), dict(kernel.policies)
    assert ipsec.clean(["10.0.0.1"]) == 0
    assert (kernel.states, kernel.policies) == before
    again = KernelIpsec(asyncio.new_event_loop())
    assert again.clean(["10.0.0.1"]) == 2
    assert (kernel.states, kernel.policies) == ({}, {})


@pytest.mark.parametrize(("hosts", "found"), [(["10.0.0.3"], 0), ([], 0), (["10.0.0.3", "10.0.0.2"], 2), (["::"], 2)])
def test_cleaning_is_of_own_addresses(kernel: Kernel, ipsec: KernelIpsec, hosts: list[str], found: int) -> None:
    ipsec.install([OUT, BACK])
    assert KernelIpsec(asyncio.new_event_loop()).clean(hosts) == found
    assert len(kernel.states) == 2 - found


def test_closing_removes_all(kernel: Kernel) -> None:
    ipsec = KernelIpsec(asyncio.new_event_loop())
    ipsec.install([OUT, BACK])
    ipsec.install(NEWER)
    ipsec.protect("10.0.0.1", 5062)
    ipsec.close()
    assert (kernel.states, kernel.policies) == ({}, {})

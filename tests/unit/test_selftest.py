"""The self-test says what is missing and how to mend it, and leaves nothing behind; whatever kernel runs the tests."""

import errno
import socket

import pytest

from lteims import selftest
from lteims.ipsec import xfrm
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.sa import Aalg, Ealg
from lteims.net.xfrm_netlink import Kernel, Netlink


def test_every_finding_says_what_effect_and_mend() -> None:
    for finding in selftest.missing(sctp=True, ipsec=True):
        assert finding.what
        assert finding.effect
        assert finding.mend


def test_what_the_configuration_does_not_ask_for_is_not_needed() -> None:
    assert not any(finding.needed for finding in selftest.missing(sctp=False, ipsec=False))
    assert all(finding.needed for finding in selftest.missing(sctp=True, ipsec=True))


def test_no_sctp(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def refusing(family: int = -1, kind: int = -1, proto: int = -1, fileno: int | None = None) -> socket.socket:
        if proto == 132:
            raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")
        return real(family, kind, proto, fileno)

    monkeypatch.setattr(selftest.socket, "socket", refusing)
    assert any(
        "SCTP" in finding.what and "modprobe sctp" in finding.mend
        for finding in selftest.missing(sctp=True, ipsec=True)
    )


def test_no_net_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "_has_net_admin", lambda: False)
    found = [finding for finding in selftest.missing(sctp=True, ipsec=True) if "NET_ADMIN" in finding.what]
    assert len(found) == 1
    assert "ipsec: false" in found[0].mend


WHOLE = Kernel(tuple(Aalg), tuple(Ealg), ipv6=True)


def ipsec(monkeypatch: pytest.MonkeyPatch, kernel: Kernel | NoIpsec) -> list[selftest.Finding]:
    """The findings about IPsec of a process with all rights on such a kernel."""

    def found() -> Kernel:
        if isinstance(kernel, NoIpsec):
            raise kernel
        return kernel

    monkeypatch.setattr(selftest, "_has_net_admin", lambda: True)
    monkeypatch.setattr(selftest, "_kernel", found)
    return [finding for finding in selftest.missing(sctp=True, ipsec=True) if "SCTP" not in finding.what]


def test_a_kernel_that_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ipsec(monkeypatch, WHOLE) == []


def test_a_kernel_without_esp_is_stood_in_for(monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = ipsec(monkeypatch, NoIpsec("the kernel has no ESP"))
    assert "ESP in the kernel (the kernel has no ESP)" in finding.what
    assert "by this process, for SIP over UDP alone" in finding.effect
    assert "modprobe esp4" in finding.mend


def test_nobody_can(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise NoIpsec("the capability NET_RAW is missing")

    monkeypatch.setattr(selftest, "raw_socket", refuse)
    (finding,) = ipsec(monkeypatch, NoIpsec("the kernel has no ESP"))
    assert "does not work" in finding.effect
    assert "NET_RAW" in finding.effect


def test_a_kernel_that_lacks_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = ipsec(monkeypatch, Kernel((Aalg.HMAC_SHA1_96, Aalg.NULL), tuple(Ealg), ipv6=False))
    lacking = [f"the algorithm {name}" for name in ("aes-gmac", "hmac-md5-96", "hmac-sha-256-128")]
    assert finding.what == ", ".join(["in the kernel: ESP over IPv6", *lacking])
    assert not finding.needed


def test_asking_leaves_nothing_in_this_kernel() -> None:
    selftest.missing(sctp=True, ipsec=True)
    try:
        netlink = Netlink()
    except NoIpsec:
        return  # nothing can be left where there is no XFRM
    states = [xfrm.parse_sa(each) for each in netlink.ask(xfrm.GETSA, b"", xfrm.REQUEST | xfrm.DUMP)]
    assert not [state for state in states if state.ours]
    netlink.close()

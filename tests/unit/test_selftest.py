"""The self-test says what is missing and how to mend it, and leaves nothing behind; whatever kernel runs the tests."""

import errno
import socket

import pytest

from lteims import selftest


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


@pytest.mark.parametrize("error", [0, errno.EPROTONOSUPPORT])
def test_esp_by_the_kernels_answer(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    monkeypatch.setattr(selftest, "_has_net_admin", lambda: True)
    monkeypatch.setattr(selftest, "_try_esp_state", lambda: error)
    assert any("ESP" in finding.what for finding in selftest.missing(sctp=True, ipsec=True)) is bool(error)

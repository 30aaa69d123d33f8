"""The kernel under these tests has what IPsec and SCTP need: otherwise nothing else in this folder would mean much."""

import os
import socket

import pytest

from lteims.selftest import missing
from tests.kernel.lab import host

SCTP = socket.IPPROTO_SCTP
FAMILIES = [socket.AF_INET, socket.AF_INET6]
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


def test_the_selftest_misses_nothing() -> None:
    assert missing(sctp=True, ipsec=True) == []


def test_we_are_root() -> None:
    assert os.geteuid() == 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_sctp_sockets_of_both_styles_and_families(family: int, kind: int) -> None:
    with socket.socket(family, kind, SCTP) as listener:
        listener.bind((LOOPBACK[socket.AddressFamily(family)], 0))
        listener.listen()
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_raw_esp_sockets(family: int) -> None:
    """Protocol 50, the ground of user-space ESP."""
    with socket.socket(family, socket.SOCK_RAW, 50) as raw:
        raw.bind((LOOPBACK[socket.AddressFamily(family)], 0))


def test_namespaces_can_be_made() -> None:
    assert host.has_namespaces()

"""How many MMEs may be connected, in all and from one address (no SCTP: associations are made up)."""

from typing import Any, cast

import pytest

from lteims import counters
from lteims.net import sgsap
from lteims.net.sctp import Address
from lteims.net.sgsap import MOST_LINKS, MOST_OF_HOST, SgsapLink, SgsapServer


class Wire:
    """An association that stays until it is closed."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.closed = False

    def start(self, on_message: Any, on_lost: Any) -> None:
        self.on_lost = on_lost

    def remote(self) -> list[Address]:
        return [(self.host, 36412)]

    def streams(self) -> int:
        return 4

    def close(self) -> None:
        self.closed = True


class Vlr:
    """Who counts them."""

    def __init__(self) -> None:
        self.links: list[SgsapLink] = []

    def connected(self, link: SgsapLink) -> None:
        self.links.append(link)

    def lost(self, link: SgsapLink) -> None:
        self.links.remove(link)


class Listener:
    """The socket."""

    def __init__(self, loop: Any, addresses: Any, on_association: Any) -> None:
        self.on_association = on_association

    def close(self) -> None:
        """It listens to nobody."""


@pytest.fixture
def vlr(monkeypatch: pytest.MonkeyPatch) -> Vlr:
    monkeypatch.setattr(sgsap, "Listener", Listener)
    return Vlr()


def connect(server: SgsapServer, host: str) -> Wire:
    wire = Wire(host)
    cast(Any, server)._listener.on_association(wire)
    return wire


def test_one_host_does_not_shut_out_others(vlr: Vlr) -> None:
    before = counters.get("sgsap_refused")
    server = SgsapServer(cast(Any, None), [], cast(Any, vlr))
    wires = [connect(server, "192.0.2.1") for _ in range(MOST_OF_HOST + 5)]
    assert [wire.closed for wire in wires] == MOST_OF_HOST * [False] + 5 * [True]
    assert counters.get("sgsap_refused") == before + 5
    assert not connect(server, "192.0.2.2").closed
    wires[3].on_lost("gone")
    assert not connect(server, "192.0.2.1").closed
    assert len(vlr.links) == MOST_OF_HOST + 1


def test_there_is_an_end_in_all(vlr: Vlr) -> None:
    server = SgsapServer(cast(Any, None), [], cast(Any, vlr))
    wires = [connect(server, f"192.0.2.{n}") for n in range(MOST_LINKS + 3)]
    assert [wire.closed for wire in wires] == MOST_LINKS * [False] + 3 * [True]
    server.close()
    assert all(wire.closed for wire in wires)
    assert not vlr.links

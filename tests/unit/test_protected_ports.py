"""Which protected ports a sip_addr takes, and when there is no IPsec at all."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from lteims import protected
from lteims.config import Endpoint as Addr
from lteims.config import ImsConfig, SipAddr
from lteims.ipsec.sa import Aalg, Ealg
from lteims.net.sip_flow import CLIENT, SERVER, Endpoint

HOST = "192.0.2.100"


class Driver:
    name = "memory"
    tcp = False
    aalgs = (Aalg.HMAC_SHA1_96, Aalg.AES_GMAC, Aalg.NULL)
    ealgs = (Ealg.AES_CBC, Ealg.AES_GCM, Ealg.NULL)
    closed = False

    def clean(self, hosts: object) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


class Stack:
    def __init__(self, *ports: int) -> None:
        self.endpoints = [Endpoint(n, HOST, port, HOST, port) for n, port in enumerate(ports)]

    def bind_protected(self, base: Endpoint, ports: Sequence[int], ipsec: Any, *, tcp: bool) -> None:
        assert len(ports) == protected.PORTS
        for port in ports:
            side = SERVER if port == ports[0] else CLIENT
            self.endpoints.append(Endpoint(len(self.endpoints), HOST, ports[0], HOST, port, side, base.index))


def taken(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, int], **options: Any) -> list[int] | None:
    """The protected server ports of these sip_addr (port, ipsec_port); None without IPsec."""
    driver, stack = Driver(), Stack(*(port for port, _ in addresses))
    monkeypatch.setattr(protected, "open_ipsec", lambda loop: driver)
    told = tuple(SipAddr((at := Addr(HOST, port)), at, ipsec_port=first) for port, first in addresses)
    found = protected.take_ports(
        asyncio.new_event_loop(), stack, ImsConfig(sip_addr=told, **options)  # type: ignore[arg-type]
    )  # fmt: skip
    assert driver.closed is (found is None)
    return None if found is None else [e.bind_port for e in stack.endpoints if e.side == SERVER]


@pytest.mark.parametrize(
    ("addresses", "ports"),
    [
        (((5060, 5100),), [5100]),
        (((5060, 5100), (5070, 5100)), [5100, 5105]),  # of one host: each has its own
        (((5060, 5058),), [5063]),
        (((5060, 5065), (5070, 5065)), [5065, 5075]),
        (((5060, 5100), (5103, 5200)), [5105, 5200]),
        (((5060, 65531),), [65531]),
        (((5060, 65532),), None),
        (((5060, 65535),), None),
    ],
)
def test_no_port_is_taken_twice(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[tuple[int, int], ...], ports: list[int] | None
) -> None:
    assert taken(monkeypatch, *addresses) == ports


@pytest.mark.parametrize(
    ("aalgs", "ealgs", "served"),
    [
        ((), None, True),  # aes-gcm needs nothing beside it
        ((), ("aes-cbc",), False),
        (("hmac-sha-1-96",), (), False),
        (("hmac-md5-96",), ("aes-cbc",), False),  # this driver has no MD5
        (("hmac-sha-1-96",), ("aes-gcm",), True),
        (("aes-gmac",), ("aes-cbc",), True),
        (("null",), ("null",), True),
    ],
)
def test_lists_that_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, aalgs: tuple[str, ...], ealgs: tuple[str, ...] | None, served: bool
) -> None:
    found = taken(monkeypatch, (5060, 5100), ipsec_aalg_list=aalgs, ipsec_ealg_list=ealgs)
    assert (found is not None) is served

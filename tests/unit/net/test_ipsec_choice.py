"""Who does IPsec: the kernel where it can, else this process, else nobody; each time the log says who and why."""

import asyncio
from collections.abc import Iterator

import pytest

from lteims import trace
from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.sa import Aalg, Ealg
from lteims.net import ipsec_choice
from lteims.net.ipsec_choice import Where, open_ipsec
from lteims.net.xfrm_netlink import Kernel

LOOP: asyncio.AbstractEventLoop = None  # type: ignore[assignment]  # nothing is opened that needs one


class KernelDouble:
    """A kernel that does all, but DES and IPv6."""

    name = "kernel"
    aalgs = (Aalg.HMAC_SHA1_96,)
    ealgs = (Ealg.AES_CBC, Ealg.NULL)
    offers = Kernel(aalgs, ealgs, ipv6=False)

    def __init__(self, loop: object) -> None: ...


class Unable:
    """Nobody."""

    why = "the kernel has no ESP"

    def __init__(self, loop: object) -> None:
        raise NoIpsec(self.why)


class Forbidden(Unable):
    why = "the capability NET_RAW is missing"


class Lines:
    """A sink that keeps the messages."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, layer: object, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.lines.append(message)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    sink = Lines()
    former = trace.set_sink(sink)
    monkeypatch.setattr(trace.IMS, "level", trace.INFO)
    yield sink.lines
    trace.set_sink(former)


def test_the_kernel_where_it_can(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    monkeypatch.setattr(ipsec_choice, "KernelIpsec", KernelDouble)
    assert open_ipsec(LOOP).name == "kernel"
    assert lines == ["IPsec: by the kernel, hmac-sha-1-96 with aes-cbc null; IPv4 alone"]


def test_this_process_where_the_kernel_cannot(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    monkeypatch.setattr(ipsec_choice, "KernelIpsec", Unable)
    driver = open_ipsec(LOOP)
    assert driver.name == "user space"
    assert set(driver.aalgs) == set(Aalg)
    assert set(driver.ealgs) == set(Ealg)
    assert lines[0].startswith("IPsec: by this process, UDP alone, hmac-md5-96 ")
    assert lines[0].endswith(", as the kernel cannot: the kernel has no ESP")
    driver.close()


def test_nobody_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipsec_choice, "KernelIpsec", Unable)
    monkeypatch.setattr(ipsec_choice, "UserSpaceIpsec", Forbidden)
    with pytest.raises(NoIpsec, match=r"^the kernel has no ESP; and the capability NET_RAW is missing$"):
        open_ipsec(LOOP)
    with pytest.raises(NoIpsec, match=r"^the capability NET_RAW is missing$"):
        open_ipsec(LOOP, Where.USER)


def test_as_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    monkeypatch.setattr(ipsec_choice, "KernelIpsec", KernelDouble)
    driver = open_ipsec(LOOP, Where.USER)
    assert driver.name == "user space"
    assert "as the kernel" not in lines[0]
    driver.close()
    monkeypatch.setattr(ipsec_choice, "KernelIpsec", Unable)
    with pytest.raises(NoIpsec, match="no ESP"):
        open_ipsec(LOOP, Where.KERNEL)

"""The core network's interfaces put together: what comes up later than the server."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from lteims import core, trace
from lteims.config import ImsConfig
from lteims.config.endpoint import Endpoint
from lteims.core import Core
from lteims.errors import OperatorError
from lteims.net.diameter import LOOK_AGAIN
from lteims.net.sctp import NoSctp
from lteims.net.timers import TimerWheel
from tests.unit.ims.registry import FakeTime

NO_SCTP = NoSctp("this kernel has no SCTP: modprobe sctp")
TAKEN = OperatorError("cannot listen on sctp 127.0.0.1:29118: Address already in use; check the address")


class Server:
    """SgsapServer, while `lacks` is empty."""

    lacks: list[OperatorError]
    closed: bool
    port = 29118

    def __init__(self, loop: Any, addresses: Sequence[Any], vlr: Any) -> None:
        if self.lacks:
            raise self.lacks.pop(0)

    def close(self) -> None:
        """It listens no more."""
        Server.closed = True


class Lab:
    """A server that has nothing but SGs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *lacks: OperatorError) -> None:
        Server.lacks, Server.closed = list(lacks), False
        monkeypatch.setattr(core, "SgsapServer", Server)
        monkeypatch.setattr(core, "log", lambda layer, level, text: self.said.append((layer, level, text)))
        self.said: list[tuple[Any, int, str]] = []
        self.time = FakeTime()
        wheel = TimerWheel(self.time.call_at, self.time.clock)
        config = ImsConfig(sctp_addr=Endpoint("127.0.0.1", 29118))
        self.core = Core(config, asyncio.get_running_loop(), wheel, bytes)
        self.core._sgs = _Sgs()  # type: ignore[assignment]


class _Sgs:
    def rows(self) -> Sequence[Sequence[str]]:
        return [("mme", "127.0.0.2:1", "1")]


async def test_sctp_that_is_loaded_later(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(monkeypatch, NO_SCTP, NO_SCTP, TAKEN, TAKEN)
    lab.core.start()
    assert lab.core.mmes() is None
    assert lab.core.shown() == ""
    for _ in range(4):
        lab.time.advance(LOOK_AGAIN + 1)
    assert lab.core.mmes() == [("mme", "127.0.0.2:1", "1")]
    assert lab.said == [
        (trace.MME, trace.ERROR, f"no short messages over SGs: {NO_SCTP}; it is looked for every minute"),
        (trace.MME, trace.ERROR, f"no short messages over SGs: {TAKEN}; it is looked for every minute"),
        (trace.MME, trace.INFO, "short messages over SGs: MMEs can connect, sgs 127.0.0.1:29118"),
    ]
    lab.time.advance(10 * LOOK_AGAIN)
    assert len(lab.said) == 3
    await lab.core.close()
    assert Server.closed


async def test_a_server_that_ends_looks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(monkeypatch, NO_SCTP)
    lab.core.start()
    await lab.core.close()
    lab.time.advance(10 * LOOK_AGAIN)
    assert lab.core.mmes() is None


async def test_an_address_that_is_taken_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OperatorError, match="already in use"):
        Lab(monkeypatch, TAKEN).core.start()


async def test_sctp_that_is_there_is_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(monkeypatch)
    lab.core.start()
    assert lab.core.shown() == ", sgs 127.0.0.1:29118"
    assert lab.said == []

"""Calls, changes, losses, restarts and refusals in any order, with the simulated PCRF: whoever waits hears once, and
nothing is left, here or there."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import Node
from lteims.diameter.errors import DiameterError, NoAnswer
from lteims.diameter.rx import RxResult
from lteims.ims.qos import Reservation
from lteims.ims.rx import BEARER_TIME, RxBearers
from lteims.media.sdp import Sdp
from lteims.net.timers import TimerWheel
from lteims.sim.pcrf import FAILED, LOST, UP, Pcrf
from tests.unit.ims.registry import FakeTime
from tests.unit.ims.test_rx import CHANGED, OURS, PCRF, THEIRS, THERE, VIDEO

US = Node("ims.example.org", "example.org")
OFFERS = (THEIRS, CHANGED, THEIRS + VIDEO, THEIRS + VIDEO.replace(b"50010", b"0"))
COURSES = 25  # in each test


class Wire:
    """The connection to the PCRF; `late`: some of its answers come too late."""

    def __init__(self, pcrf: Pcrf, random: Random) -> None:
        self.pcrf, self.random = pcrf, random
        self.up, self.late = True, False
        self._sessions = 0

    @property
    def remote(self) -> Capabilities | None:
        return THERE if self.up else None

    def new_session(self) -> str:
        self._sessions += 1
        return f"ims;1;{self._sessions}"

    async def ask(self, request: Any, *, session: str = "") -> Any:
        await self._travel(self.up)
        answer = await self.pcrf.serve(request, session, US)
        await self._travel(not (self.late and self.random.random() < 0.5))
        return answer

    async def _travel(self, arrives: bool) -> None:
        for _ in range(self.random.randrange(3) if arrives else 0):
            await asyncio.sleep(0)
        if not (arrives and self.up):
            raise NoAnswer("no answer in time")


class Course:
    """One course of events."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.time = FakeTime()
        self.pcrf = Pcrf(after=None, ask=self.push)
        self.wire = Wire(self.pcrf, self.random)
        self.bearers = RxBearers(asyncio.get_running_loop(), TimerWheel(self.time.call_at, self.time.clock))
        self.bearers.connect(self.wire)
        self.legs: list[str] = []
        self.told: list[tuple[str, list[bool]]] = []  # by leg, for each time that bearers were asked for
        self._count = 0

    async def push(self, host: str, request: Any, session: str) -> Any:
        return await self.bearers.serve(request, session, PCRF)

    async def play(self) -> None:
        """Some events, of which calls that begin and change are the most."""
        steps: tuple[tuple[Callable[[], Any], int], ...] = (
            (self.reserve, 9), (self.end, 2), (self.lose, 1), (self.come_back, 2), (self.turn, 1), (self.tell, 3),
        )  # fmt: skip
        chosen, weights = zip(*steps, strict=True)
        for step in self.random.choices(chosen, weights, k=self.random.randrange(5, 60)):
            await step()
            await self.settle(self.random.randrange(4))

    async def settle(self, turns: int = 150) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def reserve(self) -> None:
        if not self.legs or self.random.random() < 0.4:
            self._count += 1
            self.legs.append(f"leg {self._count}")
        leg, heard = self.random.choice(self.legs), list[bool]()
        self.told.append((leg, heard))
        theirs, offered = Sdp.parse(self.random.choice(OFFERS)), self.random.random() < 0.5
        self.bearers.reserve(Reservation(leg, "a", "001", "10.0.0.7", OURS + VIDEO, theirs, offered), heard.append)

    async def end(self) -> None:
        if self.legs:
            self.bearers.release(self.legs.pop(self.random.randrange(len(self.legs))))

    async def lose(self) -> None:
        self.wire.up = False
        self.bearers.on_state(None)
        if self.random.random() < 0.5:
            self.pcrf.restart()

    async def come_back(self) -> None:
        was, self.wire.up = self.wire.up, True
        self.bearers.on_state(THERE)
        if not was:
            self.bearers.on_return(lambda session: True)

    async def turn(self) -> None:
        """The PCRF gets slow, or refuses, or no longer; or time passes."""
        match self.random.randrange(3):
            case 0:
                self.wire.late = not self.wire.late
            case 1:
                refusal = RxResult.REQUESTED_SERVICE_NOT_AUTHORIZED.result
                self.pcrf.refusal = None if self.pcrf.refusal else refusal
                self.pcrf.refused_media = frozenset(self.random.choice(((), (2,))))
            case 2:
                self.time.advance(self.random.choice((0.1, BEARER_TIME + 1)))

    async def tell(self) -> None:
        if not self.pcrf.sessions or not self.wire.up:
            return
        session = self.random.choice(list(self.pcrf.sessions.values()))
        try:
            if self.random.random() < 0.2:
                await self.pcrf.abort(session)
            else:
                medias = self.random.choice(((), (1,), (2,), (1, 2)))
                await self.pcrf.tell(session, self.random.choice((UP, UP, FAILED, LOST)), medias)
        except DiameterError:
            pass  # its leg is over already

    async def finish(self) -> None:
        """The PCRF is there and well, and all calls end."""
        self.wire.late, self.pcrf.refusal = False, None
        await self.come_back()
        await self.settle()
        self.time.advance(BEARER_TIME + 1)
        await self.settle()
        for leg, heard in self.told:
            assert len(heard) == 1 or (leg not in self.legs and not heard)
        while self.legs:
            await self.end()
        await self.settle()
        await self.come_back()
        await self.settle()
        assert self.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}
        assert self.pcrf.sessions == {}
        assert self.pcrf.faults == []


@pytest.mark.parametrize("first", [1, 251, 1261, 1701])
async def test_whoever_waits_hears_once_and_nothing_is_left(first: int) -> None:
    for seed in range(first, first + COURSES):
        course = Course(seed)
        await course.play()
        await course.finish()

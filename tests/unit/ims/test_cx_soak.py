"""Phones that come and go, an HSS that is lost, refuses, ends and changes registrations, in any order: what it knows in
the end is what is so here."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from lteims.diameter.command import Result
from lteims.diameter.cx_attributes import ReasonCode
from lteims.diameter.errors import DiameterError, NoAnswer
from lteims.ims import cx_reports
from lteims.ims.scscf import Unauthorized
from lteims.sim.hss import User
from lteims.sip.errors import SipError
from lteims.sip.uri import parse_uri
from tests.unit.ims.cx_lab import HSS, CxRegistry, Ue, Wire, subscription

IMSIS = [f"00102{n:010}" for n in range(3)]
COURSES = 25  # in each test


class Slow(Wire):
    """Questions take their time, and keep their order, as on one connection."""

    def __init__(self, wire: Wire, random: Random) -> None:
        super().__init__(wire.hss)
        self.random = random
        self._way = asyncio.Lock()

    async def ask(self, request: Any, *, within: float) -> Any:
        async with self._way:
            for _ in range(self.random.randrange(3)):
                await asyncio.sleep(0)
            return await super().ask(request, within=within)


class Course:
    """One course of events."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.registry = CxRegistry(*(subscription(imsi, imsi, f"tel:+491{n}") for n, imsi in enumerate(IMSIS)))
        self.hss = self.registry.sim
        self.wire = self.registry.wire = Slow(self.registry.wire, self.random)
        self.registry.cx.connect(self.wire)
        self.phones = [Ue(self.registry, imsi, host=f"192.0.2.{n}") for n, imsi in enumerate(IMSIS, 10)]
        self.busy: set[int] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def play(self) -> None:
        """Some events, of which REGISTERs are the most."""
        steps: tuple[tuple[Callable[[], None], int], ...] = (
            (self.register, 8), (self.wait, 2), (self.terminate, 2), (self.push, 1), (self.find, 2),
            (lambda: self.connect(False), 1), (lambda: self.connect(True), 2), (self.lose, 1), (self.refuse, 1),
        )  # fmt: skip
        chosen, weights = zip(*steps, strict=True)
        for step in self.random.choices(chosen, weights, k=self.random.randrange(5, 50)):
            step()
            await self.settle(self.random.randrange(12))

    async def settle(self, turns: int = 150) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        async def done() -> None:
            with suppress(SipError, Unauthorized, DiameterError, NoAnswer):  # who is refused may come again
                await work

        task = asyncio.create_task(done())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    @property
    def user(self) -> User:
        """One of the HSS's."""
        return self.random.choice(list(self.hss.users.values()))

    def register(self) -> None:
        """A phone comes, refreshes or leaves; one that waits for an answer does nothing."""
        number = self.random.randrange(len(IMSIS))

        async def work() -> None:
            try:
                await self.phones[number].register(expires=self.random.choice((600, 600, 60, 0)), challenges=4)
            finally:
                self.busy.discard(number)

        if number not in self.busy:
            self.busy.add(number)
            self.spawn(work())

    def wait(self) -> None:
        self.registry.time.advance(self.random.choice((1, 61, 601)))

    def terminate(self) -> None:
        self.spawn(self.hss.terminate(self.user.impi, self.random.choice(list(ReasonCode))))

    def push(self) -> None:
        user = self.user
        self.spawn(self.hss.push(user.impi, user.identities))

    def find(self) -> None:
        self.spawn(self.registry.cx.unregistered_user(parse_uri(f"tel:+491{self.random.randrange(len(IMSIS))}")))

    def connect(self, up: bool) -> None:
        self.wire.down = not up
        self.registry.cx.reports.on_state(HSS if up else None)  # type: ignore[arg-type]

    def lose(self) -> None:
        self.hss.lost ^= {self.random.choice(("UAR", "MAR", "SAR"))}

    def refuse(self) -> None:
        """The HSS is too busy, or no longer."""
        command = self.random.choice(("MAR", "SAR"))
        if self.hss.refused.pop(command, None) is None:
            self.hss.refused[command] = Result(3004)

    async def finish(self) -> None:
        """The HSS is well again, and hears what it has missed."""
        self.hss.lost.clear()
        self.hss.refused.clear()
        self.wire.down = False
        await self.settle()
        assert not self.tasks
        self.connect(True)
        await self.settle()
        subscribers = self.registry.subscribers
        bound = {each.impi for each in subscribers if each.external and each.bindings}
        assert bound == {user.impi for user in self.hss.users.values() if user.registered}
        assert not bound & set(self.registry.users.without_contact())
        assert all(self.registry.users.by_impi(impi) is subscribers.by_impi(impi) for impi in bound)
        load = self.registry.cx.load()
        assert (load["asked"], load["tasks"], load["owed"]) == (0, 0, 0)


@pytest.mark.parametrize("first", [1, 1001, 2901, 3951])
async def test_the_hss_knows_who_is_registered(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cx_reports, "AGAIN", 3600.0)  # what is owed is told when the HSS comes
    for seed in range(first, first + COURSES):
        course = Course(seed)
        await course.play()
        await course.finish()
        await course.registry.cx.reports.close()

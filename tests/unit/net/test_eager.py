"""Coroutines that start at once: they become a task only when they wait."""

import asyncio

import pytest

from lteims.net import eager


async def test_one_that_needs_nobody_is_done_at_once() -> None:
    seen: list[str] = []

    async def work() -> None:
        seen.append("done")

    assert eager.start(asyncio.get_running_loop(), work()) is None
    assert seen == ["done"]


async def test_one_that_waits_goes_on_as_a_task() -> None:
    loop = asyncio.get_running_loop()
    first, second, seen = loop.create_future(), loop.create_future(), []

    async def work() -> None:
        seen.append(await first)
        await asyncio.sleep(0)
        try:
            await second
        except ValueError as error:
            seen.append(str(error))

    task = eager.start(loop, work())
    assert task is not None
    assert seen == []
    first.set_result("one")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second.set_exception(ValueError("two"))
    await task
    assert seen == ["one", "two"]


async def test_errors_come_out_where_they_happen() -> None:
    loop = asyncio.get_running_loop()

    async def at_once() -> None:
        raise KeyError("now")

    async def later() -> None:
        await asyncio.sleep(0)
        raise KeyError("later")

    with pytest.raises(KeyError, match="now"):
        eager.start(loop, at_once())
    task = eager.start(loop, later())
    assert task is not None
    with pytest.raises(KeyError, match="later"):
        await task


async def test_cancelling_reaches_the_coroutine() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("cleaned")

    task = eager.start(asyncio.get_running_loop(), work())
    assert task is not None
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cleaned"]

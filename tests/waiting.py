"""Waiting for what must come: for the condition itself, with a limit that a fault alone reaches."""

import asyncio
import time
from collections.abc import Callable

WITHIN = 60.0  # seconds; a busy machine may need some


async def until(reached: Callable[[], object]) -> None:
    """Wait for it beside a loop that goes on."""
    end = time.monotonic() + WITHIN
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError
        await asyncio.sleep(0.005)


def wait_until(reached: Callable[[], object], what: Callable[[], object]) -> None:
    """Wait for it; `what` is there instead, if it does not come."""
    end = time.monotonic() + WITHIN
    while not reached():
        assert time.monotonic() < end, what()
        time.sleep(0.1)

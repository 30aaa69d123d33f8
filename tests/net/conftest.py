"""Which event loops the socket tests run on: a module that sets BOTH_LOOPS runs on asyncio's and on uvloop's."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """The plugin's hook; a name becomes part of the test's id where there are two."""
    if getattr(getattr(item, "module", None), "BOTH_LOOPS", False):
        return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What needs a Docker engine and minutes runs where it is named (make image-test), else not."""
    named = any(collection_path.name in argument for argument in config.args)
    return True if collection_path.name == "test_image_engine.py" and not named else None

"""The servers with two phones that the call ladders play with."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lteims import trace
from lteims.trace import IMS, INFO, Layer
from tests.flows.phones import Lab


class Notes:
    """What the server logs."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, layer: Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.lines.append(message)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def lab_with() -> Iterator[Callable[..., Lab]]:
    """Makes a server with options, where a calls b by its number; in the end nothing of a call may be left in it."""
    labs: list[Lab] = []

    def make(**options: Any) -> Lab:
        labs.append(Lab(**options))
        labs[-1].a.target = "tel:+49302"
        return labs[-1]

    yield make
    for lab in labs:
        lab.nothing_left()


@pytest.fixture
def lab(lab_with: Callable[..., Lab]) -> Lab:
    """One with the defaults."""
    return lab_with()


@pytest.fixture
def notes() -> Iterator[Notes]:
    """The log, with the layer IMS at info."""
    kept = Notes()
    former, level = trace.set_sink(kept), IMS.level
    IMS.level = INFO
    yield kept
    trace.set_sink(former)
    IMS.level = level

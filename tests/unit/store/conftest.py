"""What the tests of the store share: a sink that keeps the log, and the IMS layer at a level that shows it."""

from collections.abc import Iterator

import pytest

from lteims import trace


class Kept:
    """A log sink that keeps (level, message)."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    def write(self, layer: trace.Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.lines.append((level, message))


@pytest.fixture
def logged() -> Iterator[list[tuple[int, str]]]:
    """The log lines of the test."""
    kept = Kept()
    former, level = trace.set_sink(kept), trace.IMS.level
    trace.IMS.level = trace.WARN
    yield kept.lines
    trace.set_sink(former)
    trace.IMS.level = level

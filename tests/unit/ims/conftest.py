"""The log as a list, for every test of ims/."""

from collections.abc import Iterator

import pytest

from lteims import trace
from lteims.trace import IMS, INFO, Layer


class Lines:
    """What was logged: level and text."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, str]] = []

    def write(self, layer: Layer, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
        self.entries.append((level, message))

    def at(self, text: str) -> list[tuple[int, str]]:
        """The entries with this text."""
        return [entry for entry in self.entries if text in entry[1]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Collect the log at info level."""
    sink = Lines()
    former, level = trace.set_sink(sink), IMS.level
    IMS.level = INFO
    yield sink
    IMS.level = level
    trace.set_sink(former)

"""What the tests of oam/ share: layers as they were, a clock that stands still, events in a list."""

from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from lteims import counters, trace
from lteims.oam import events


class Wall:
    """Seconds since 1970 that a test sets; 2026-11-22 10:28:06.410 UTC at first."""

    def __init__(self, now: float = 1795343286.410) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wall]:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield Wall()
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def layers() -> Iterator[None]:
    """Layers, sink and counters are put back."""
    options = ("level", "max_size", "payload", "key", "crypto")
    before = {layer: [getattr(layer, option) for option in options] for layer in trace.LAYERS.values()}
    sink = trace.set_sink(trace._Nowhere())
    counts = dict(counters.counts)
    yield
    trace.set_sink(sink)
    counters.counts.clear()
    counters.counts.update(counts)
    for layer, values in before.items():
        for option, value in zip(options, values, strict=True):
            setattr(layer, option, value)


@pytest.fixture
def told() -> Iterator[StringIO]:
    """What the operator is told."""
    stream = StringIO()
    events.configure(stream)
    yield stream
    structlog.reset_defaults()

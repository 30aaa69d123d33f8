"""stats of the remote API (manual 6.5): what the counters have counted since anybody asked the last time.

The counters themselves only grow, and their declarations say which of them are errors (counters.py).
"""

from collections.abc import Callable
from typing import Any

from lteims import counters
from lteims.clock import Clock
from lteims.counters import DECLARED, Kind


class Sampling:
    """What was there at the last time."""

    def __init__(self, clock: Clock, cpu: Clock, instance: int, settle: Callable[[], None] = lambda: None) -> None:
        """`cpu` gives the processor time of this process in seconds, `instance` is constant as long as it lives;
        `settle` brings the counters up to date."""
        self._settle = settle
        self._clock = clock
        self._cpu = cpu
        self._instance = instance
        self._before: dict[str, int] = {}
        self._time = clock()
        self._used = cpu()

    def sample(self) -> dict[str, Any]:
        """The differences since the last sample; a counter that stands still is not shown."""
        self._settle()
        now, used = self._clock(), self._cpu()
        elapsed = now - self._time
        load = 100 * (used - self._used) / elapsed if elapsed > 0 else 0.0
        self._time, self._used = now, used
        return {"instance_id": self._instance, "cpu": {"global": round(load, 3)}, "counters": self._counted()}

    def _counted(self) -> dict[str, dict[str, int]]:
        """Each counter's growth, in the order of their names, by what it counts."""
        counts = dict(counters.counts)
        found: dict[str, dict[str, int]] = {"messages": {}, "errors": {}}
        for name, count in sorted(counts.items()):
            if new := count - self._before.get(name, 0):
                found["errors" if DECLARED[name].kind is Kind.ERROR else "messages"][name] = new
        self._before = counts
        return found

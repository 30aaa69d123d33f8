"""What holds for every test: their order, how several processes share them, and clean signals."""

import signal
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests.kernel.lab import replay

FIRST = "tests/unit/test_house.py"
LAB = "tests/kernel/"
IMAGE = "tests/net/test_image_engine.py"
# What an example may take depends on what else the machine does
settings.register_profile("busy", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("busy")
PLACES = (FIRST, LAB, IMAGE, "tests/flows/", "tests/unit/", "tests/net/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A broken house says so before anything else; the lab, which one process waits for, begins early, and the image is
    built meanwhile, before anything measures time."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    return next((n for n, start in enumerate(PLACES) if nodeid.startswith(start)), len(PLACES))


class ByFile(LoadScopeScheduling):  # type: ignore[misc] # it comes without types
    """The tests of a file share servers, and those of tests/kernel one boot of the lab: each goes to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return LAB if nodeid.startswith(LAB) else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    config.option.loadscopereorder = False  # the order above holds
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What the process that booted the lab says of it."""
    output = getattr(node, "workeroutput", {})
    if "lab" in output:
        node.config.stash[replay.SUMMARY] = output["lab"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How long lab and image took; and whoever runs everything else shall know that it is not everything."""
    if replay.SUMMARY in config.stash:
        terminalreporter.write_line(config.stash[replay.SUMMARY])
    took: defaultdict[str, float] = defaultdict(float)
    for report in (each for kind in terminalreporter.stats.values() for each in kind):
        if isinstance(report, pytest.TestReport) and report.nodeid.startswith(IMAGE):
            took[report.when or ""] += report.duration
    if took:
        terminalreporter.write_line(f"image: made ready in {took['setup']:.0f} s, tried in {took['call']:.0f} s")
    image = config.rootpath / IMAGE
    given = [config.invocation_params.dir / argument for argument in config.args]
    if image not in given and any(folder in image.parents for folder in given):
        terminalreporter.write_line(
            "image: not built and not tried in this run; `make image-test` does, and `make test IMAGE=1`"
        )


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A program run in this process leaves its handlers; a child of a later test would not die of SIGTERM then."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in former.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)

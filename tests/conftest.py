"""What holds for every test: the house rules run first, the slow peers last."""

import signal
from collections.abc import Iterator

import pytest

FIRST = "tests/unit/test_house.py"
LAST = ("tests/kernel/", "tests/net/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A broken house says so before anything else; the kernel lab, which runs meanwhile, and real phones come after
    all that is quick."""
    items.sort(key=lambda item: -1 if item.nodeid.startswith(FIRST) else _place(item.nodeid))


def _place(nodeid: str) -> int:
    return next((n for n, folder in enumerate(LAST, 1) if nodeid.startswith(folder)), 0)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A program run in this process leaves its handlers; a child of a later test would not die of SIGTERM then."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in former.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)

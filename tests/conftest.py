"""What holds for every test: the house rules run first, the slow peers last."""

import pytest

FIRST = "tests/unit/test_house.py"
LAST = ("tests/kernel/", "tests/net/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A broken house says so before anything else; the kernel lab, which runs meanwhile, and real phones come after
    all that is quick."""
    items.sort(key=lambda item: -1 if item.nodeid.startswith(FIRST) else _place(item.nodeid))


def _place(nodeid: str) -> int:
    return next((n for n, folder in enumerate(LAST, 1) if nodeid.startswith(folder)), 0)

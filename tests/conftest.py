"""What holds for every test: the house rules run first, the slow peers last."""

import pytest

FIRST = "tests/unit/test_house.py"
LAST = "tests/net/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A broken house says so before anything else; real phones come after all that is quick."""
    items.sort(key=lambda item: 0 if item.nodeid.startswith(FIRST) else 2 if item.nodeid.startswith(LAST) else 1)

"""The servers with two phones that the call ladders play with."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.flows.phones import Lab


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

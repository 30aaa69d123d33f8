"""The server with two phones that the call ladders play with."""

from collections.abc import Iterator

import pytest

from tests.flows.phones import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """a calls b by its number; when the test is over, nothing of a call may be left in the server."""
    lab = Lab()
    lab.a.target = "tel:+49302"
    yield lab
    lab.nothing_left()

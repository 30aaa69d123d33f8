"""Which event loops the socket tests of this folder run on: as in tests/net."""

from tests.net.conftest import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]

"""Calls of virtual phones with dedicated bearers from a simulated PCRF, by Diameter over TCP.

tests/peers/core_network.py has the scenarios, which tests/kernel plays over SCTP.
"""

from pathlib import Path

import pytest

from tests.peers.core_network import RX, world


@pytest.mark.parametrize("name", RX)
async def test_rx_over_tcp(tmp_path: Path, name: str) -> None:
    async with world(tmp_path, "127.0.0.1", "tcp:") as made:
        await RX[name](made)

"""Cx and Rx on SCTP of the kernel: the scenarios of tests/peers/core_network.py against the program, both families."""

import sys
from pathlib import Path

import pytest

from tests.peers.core_network import CX, RX, world
from tests.peers.two_hss import killed_in_the_middle

PROGRAM = (sys.executable, "-m", "lteims")


@pytest.mark.parametrize("name", [*CX, *RX])
async def test_over_sctp(tmp_path: Path, name: str) -> None:
    async with world(tmp_path, "127.0.0.1", "", PROGRAM) as made:
        await (CX | RX)[name](made)


async def test_one_of_two_hsss_is_killed(tmp_path: Path) -> None:
    """The kernel aborts its association."""
    await killed_in_the_middle(tmp_path, "", PROGRAM, users=12)


@pytest.mark.parametrize(
    "name",
    ["registrations", "pushes", "a_hss_that_goes_and_comes", "a_call_with_bearers", "a_bearer_that_is_lost",
     "a_call_that_is_cancelled"],
)  # fmt: skip
async def test_over_sctp_on_ipv6(tmp_path: Path, name: str) -> None:
    async with world(tmp_path, "::1", "", PROGRAM) as made:
        await (CX | RX)[name](made)

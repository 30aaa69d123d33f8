"""baresip, a softphone from Debian, registers, calls the echo number and hears itself; two of them call each other.

What the phone hears is a recording of its own; what the server counted stands in its log.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.baresip import Baresip
from tests.net.server import Server
from tests.peers.subscribers import DOMAIN, subscribers, ue_db

ALICE, BOB = subscribers(2)
TALK = 1.4  # seconds of the tone that each hears
LEAST = 50 * (TALK - 0.2)  # packets of 20 ms


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with two users and an echo number."""
    extra = f'domain: "{DOMAIN}",\necho: ["tel:666"],\n'
    with Server(tmp_path / "server", ue_db([ALICE, BOB]), extra) as running:
        yield running


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_phone_hears_its_echo(server: Server, tmp_path: Path, transport: str) -> None:
    with Baresip(tmp_path / "alice", ALICE, server.address(), transport) as alice:
        alice.command("dial", "666")
        alice.wait_for("CALL_ESTABLISHED")
        alice.hear(TALK)
        alice.command("hangup")
        alice.wait_for("CALL_CLOSED")
    (count,) = server.media_counts(1)
    print(f"the server received {count.received} RTP packets and sent {count.sent}")
    assert count.received == count.sent >= LEAST


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_two_phones_talk(server: Server, tmp_path: Path, who: str, transport: str) -> None:
    with (
        Baresip(tmp_path / "alice", ALICE, server.address(), transport) as alice,
        Baresip(tmp_path / "bob", BOB, server.address(), transport) as bob,
    ):
        alice.command("dial", BOB.number)
        bob.wait_for("CALL_INCOMING")
        alice.wait_for("CALL_RINGING")
        bob.command("accept")
        for phone in (alice, bob):
            phone.wait_for("CALL_ESTABLISHED")
        for phone in (alice, bob):
            phone.hear(TALK)
        (alice if who == "caller" else bob).command("hangup")
        (bob if who == "caller" else alice).wait_for("CALL_CLOSED")
    counts = {count.side: count for count in server.media_counts(2)}
    print(counts)
    assert counts["MO"].received == counts["MT"].sent >= LEAST
    assert counts["MT"].received == counts["MO"].sent >= LEAST


def test_the_called_phone_declines(server: Server, tmp_path: Path) -> None:
    with (
        Baresip(tmp_path / "alice", ALICE, server.address()) as alice,
        Baresip(tmp_path / "bob", BOB, server.address()) as bob,
    ):
        alice.command("dial", BOB.imsi)
        bob.wait_for("CALL_INCOMING")
        bob.command("hangup")
        closed = alice.wait_for("CALL_CLOSED")
    assert "486" in closed["param"] or "603" in closed["param"], closed


def test_the_caller_gives_up(server: Server, tmp_path: Path) -> None:
    with (
        Baresip(tmp_path / "alice", ALICE, server.address()) as alice,
        Baresip(tmp_path / "bob", BOB, server.address()) as bob,
    ):
        alice.command("dial", BOB.imsi)
        alice.wait_for("CALL_RINGING")
        bob.wait_for("CALL_INCOMING")
        alice.command("hangup")
        bob.wait_for("CALL_CLOSED")

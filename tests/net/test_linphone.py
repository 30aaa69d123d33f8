"""linphone and baresip, two softphones from Debian with SIP stacks of their own, call each other through the server.

What each phone hears is a recording of its own; what the server counted stands in its log.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.baresip import Baresip
from tests.net.server import Server
from tests.peers.linphone import Linphone
from tests.peers.subscribers import DOMAIN, subscribers, ue_db

ALICE, BOB = subscribers(2)  # Alice has baresip, Bob linphone
TALK = 2.0  # seconds
LEAST = 50 * (TALK - 0.6)  # packets of 20 ms


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with two users and an echo number."""
    extra = f'domain: "{DOMAIN}",\necho: ["tel:666"],\n'
    with Server(tmp_path / "server", ue_db([ALICE, BOB]), extra) as running:
        yield running


@pytest.fixture
def alice(server: Server, tmp_path: Path) -> Iterator[Baresip]:
    """A baresip that is registered."""
    with Baresip(tmp_path / "alice", ALICE, server.address()) as phone:
        yield phone


def counts(server: Server, late: int = 0) -> tuple[int, int]:
    """RTP packets of the one call: from the caller to the callee, and back; nothing was lost between.

    `late`: so many may have come while a hold was agreed, which the server keeps from who holds already.
    """
    mo, mt = sorted(server.media_counts(2), key=lambda count: count.side)
    print(mo, mt)
    assert 0 <= mo.received - mt.sent <= late
    assert 0 <= mt.received - mo.sent <= late
    return mo.received, mt.received


@pytest.mark.parametrize(("who", "transport"), [("caller", "udp"), ("callee", "tcp")])
def test_linphone_calls_baresip(server: Server, alice: Baresip, tmp_path: Path, who: str, transport: str) -> None:
    with Linphone(tmp_path / "bob", BOB, server.address(), transport) as bob:
        bob.call(ALICE.number)
        alice.wait_for("CALL_INCOMING")
        bob.wait_for("OutgoingRinging")
        alice.command("accept")
        alice.wait_for("CALL_ESTABLISHED")
        bob.wait_for("StreamsRunning")
        time.sleep(TALK)
        if who == "caller":
            bob.command("terminate")
            alice.wait_for("CALL_CLOSED")
        else:
            alice.command("hangup")
        bob.wait_for("End")
        bob.wait_for("Released")
        assert min(alice.heard(), bob.heard()) >= TALK - 0.6
    assert min(counts(server)) >= LEAST


@pytest.mark.parametrize(("who", "transport"), [("caller", "udp"), ("callee", "tcp")])
def test_baresip_calls_linphone(server: Server, alice: Baresip, tmp_path: Path, who: str, transport: str) -> None:
    with Linphone(tmp_path / "bob", BOB, server.address(), transport) as bob:
        alice.command("dial", BOB.number)
        bob.wait_for("IncomingReceived")
        alice.wait_for("CALL_RINGING")
        bob.command("answer")
        alice.wait_for("CALL_ESTABLISHED")
        bob.wait_for("StreamsRunning")
        time.sleep(TALK)
        if who == "caller":
            alice.command("hangup")
        else:
            bob.command("terminate")
            alice.wait_for("CALL_CLOSED")
        bob.wait_for("End")
        bob.wait_for("Released")
        assert min(alice.heard(), bob.heard()) >= TALK - 0.6
    assert min(counts(server)) >= LEAST


@pytest.mark.parametrize("calling", ["baresip", "linphone"])
def test_linphone_holds_and_resumes(server: Server, alice: Baresip, tmp_path: Path, calling: str) -> None:
    """While it holds, baresip (recvonly) is silent and linphone sends its music; after that both are heard again."""
    with Linphone(tmp_path / "bob", BOB, server.address()) as bob:
        if calling == "baresip":
            alice.command("dial", BOB.number)
            bob.wait_for("IncomingReceived")
            bob.command("answer")
        else:
            bob.call(ALICE.number)
            alice.wait_for("CALL_INCOMING")
            alice.command("accept")
        alice.wait_for("CALL_ESTABLISHED")
        bob.wait_for("StreamsRunning")
        time.sleep(1.0)
        bob.command("pause")
        bob.wait_for("Paused")
        before = bob.heard()
        time.sleep(1.0)
        assert bob.heard() - before <= 0.2
        bob.command("resume")
        bob.wait_for("StreamsRunning")
        time.sleep(TALK)
        assert bob.heard() - before >= TALK - 0.6
        bob.command("terminate")
        alice.wait_for("CALL_CLOSED")
        bob.wait_for("Released")
    assert "a=sendonly" in bob.log
    mo, mt = counts(server, late=3)
    of_baresip, of_linphone = (mo, mt) if calling == "baresip" else (mt, mo)
    assert 50 * (TALK + 0.4) <= of_baresip <= 50 * (TALK + 1.6)
    assert of_linphone >= 50 * (TALK + 1.4)


def test_linphone_hears_the_echo(server: Server, tmp_path: Path) -> None:
    with Linphone(tmp_path / "bob", BOB, server.address()) as bob:
        bob.call("666")
        bob.wait_for("StreamsRunning")
        time.sleep(TALK)
        bob.command("terminate")
        bob.wait_for("Released")
        assert bob.heard() >= TALK - 0.6
    (count,) = server.media_counts(1)
    assert count.received == count.sent >= LEAST


def test_linphone_declines_and_gives_up(server: Server, alice: Baresip, tmp_path: Path) -> None:
    with Linphone(tmp_path / "bob", BOB, server.address()) as bob:
        alice.command("dial", BOB.number)
        bob.wait_for("IncomingReceived")
        bob.command("terminate")
        closed = alice.wait_for("CALL_CLOSED")
        assert "603" in closed["param"], closed
        bob.wait_for("Released")
        bob.call(ALICE.number)
        alice.wait_for("CALL_INCOMING")
        bob.wait_for("OutgoingRinging")
        bob.command("terminate")
        alice.wait_for("CALL_CLOSED")
        bob.wait_for("Released")

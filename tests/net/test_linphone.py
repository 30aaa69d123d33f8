"""linphone and baresip, two softphones from Debian with SIP stacks of their own, call each other through the server.

What each phone hears is a recording of its own; what the server counted stands in its log.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.baresip import Baresip
from tests.net.ports import free_port
from tests.net.remote import Client, api_port
from tests.net.server import Server
from tests.peers.linphone import Linphone
from tests.peers.subscribers import DOMAIN, subscribers, ue_db

ALICE, BOB = subscribers(2)  # Alice has baresip, Bob linphone
TALK = 1.4  # seconds of the tone that each hears
LEAST = 50 * (TALK - 0.2)  # packets of 20 ms
QUIET = 0.5  # seconds
MUSIC, MUSIC_WITHIN = 25, 30.0  # packets, seconds


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with two users and an echo number."""
    extra = f'domain: "{DOMAIN}",\necho: ["tel:666"],\ncom_addr: "127.0.0.1:{free_port()}",\n'
    with Server(tmp_path / "server", ue_db([ALICE, BOB]), extra) as running:
        yield running


@pytest.fixture
def alice(server: Server, tmp_path: Path) -> Iterator[Baresip]:
    """A baresip that is registered."""
    with Baresip(tmp_path / "alice", ALICE, server.address()) as phone:
        yield phone


def counts(server: Server) -> tuple[int, int]:
    """RTP packets of the one call: from the caller to the callee, and back; nothing was lost between.

    What comes while a hold is agreed the server keeps from who holds already, and counts it.
    """
    mo, mt = sorted(server.media_counts(2), key=lambda count: count.side)
    with Client(api_port(server)) as client:
        held = client.do("stats")["counters"]["messages"].get("rtp_held", 0)
    print(mo, mt, held)
    assert min(mo.received - mt.sent, mt.received - mo.sent) >= 0
    assert mo.received + mt.received == mo.sent + mt.sent + held
    return mo.received, mt.received


def one_plays_music(server: Server) -> None:
    """While one side holds and sends its music, nothing comes from the other."""
    with Client(api_port(server)) as client:

        def received() -> dict[str, int]:
            dialogs = client.do("dialog_get")["dialogs"]
            return {dialog["session_id"]: dialog["medias"][0]["rtp_recv_count"] for dialog in dialogs}

        before, end = received(), time.monotonic() + MUSIC_WITHIN
        while max(came := sorted(count - before[leg] for leg, count in received().items())) < MUSIC:
            assert time.monotonic() < end, came
            time.sleep(0.1)
        assert (len(came), came[0]) == (2, 0)


@pytest.mark.parametrize(("who", "transport"), [("caller", "udp"), ("callee", "tcp")])
def test_linphone_calls_baresip(server: Server, alice: Baresip, tmp_path: Path, who: str, transport: str) -> None:
    with Linphone(tmp_path / "bob", BOB, server.address(), transport) as bob:
        bob.call(ALICE.number)
        alice.wait_for("CALL_INCOMING")
        bob.wait_for("OutgoingRinging")
        alice.command("accept")
        alice.wait_for("CALL_ESTABLISHED")
        bob.wait_for("StreamsRunning")
        alice.hear(TALK)
        bob.hear(TALK)
        if who == "caller":
            bob.command("terminate")
            alice.wait_for("CALL_CLOSED")
        else:
            alice.command("hangup")
        bob.wait_for("End")
        bob.wait_for("Released")
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
        alice.hear(TALK)
        bob.hear(TALK)
        if who == "caller":
            alice.command("hangup")
        else:
            bob.command("terminate")
            alice.wait_for("CALL_CLOSED")
        bob.wait_for("End")
        bob.wait_for("Released")
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
        bob.hear(TALK)
        bob.command("pause")
        bob.wait_for("Paused")
        before = bob.is_quiet(QUIET)
        one_plays_music(server)
        bob.command("resume")
        bob.wait_for("StreamsRunning")
        bob.hear(before + TALK)
        bob.command("terminate")
        alice.wait_for("CALL_CLOSED")
        bob.wait_for("Released")
    assert "a=sendonly" in bob.log
    mo, mt = counts(server)
    assert min(mo, mt) >= 2 * LEAST


def test_linphone_hears_the_echo(server: Server, tmp_path: Path) -> None:
    with Linphone(tmp_path / "bob", BOB, server.address()) as bob:
        bob.call("666")
        bob.wait_for("StreamsRunning")
        bob.hear(TALK)
        bob.command("terminate")
        bob.wait_for("Released")
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

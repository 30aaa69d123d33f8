"""Video calls through the server: baresip with VP8 and H.264, baresip and linphone with VP8, RTP both ways.

The pictures are synthetic (fakevideo, linphone's static picture); that a phone saw them stands in its own output.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.baresip import Baresip
from tests.net.server import Server
from tests.peers.linphone import Linphone
from tests.peers.subscribers import DOMAIN, subscribers, ue_db

ALICE, BOB = subscribers(2)
TALK = 3.0  # seconds
LEAST = 10  # packets: still pictures need few
VIDEO = re.compile(r"video\d+/(MO|MT) rtp_recv=(\d+) rtp_send=(\d+)")
SEEN = "video: receiving with resolution 176 x 144"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with two users."""
    with Server(tmp_path / "server", ue_db([ALICE, BOB]), f'domain: "{DOMAIN}",\n') as running:
        yield running


def expect_media(server: Server, audio: float, video: int = LEAST) -> None:
    """At least so many packets of audio and video came from each side of the one call, and went to the other."""
    mo, mt = sorted(server.media_counts(2), key=lambda count: count.side)
    assert (mo.received, mt.received) == (mt.sent, mo.sent)
    assert min(mo.received, mt.received) >= audio
    counts = {side: (int(received), int(sent)) for side, received, sent in VIDEO.findall(server.log)}
    print(f"audio {mo} {mt}, video {counts}")
    assert counts["MO"] == counts["MT"][::-1]
    assert min(counts["MO"]) >= video


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_two_baresips_see_each_other(server: Server, tmp_path: Path, codec: str) -> None:
    with (
        Baresip(tmp_path / "alice", ALICE, server.address(), video=codec) as alice,
        Baresip(tmp_path / "bob", BOB, server.address(), video=codec) as bob,
    ):
        alice.command("dial", BOB.number)
        bob.wait_for("CALL_INCOMING")
        bob.command("accept")
        for phone in (alice, bob):
            phone.wait_for("CALL_ESTABLISHED")
        time.sleep(TALK)
        alice.command("hangup")
        bob.wait_for("CALL_CLOSED")
        assert SEEN in alice.output
        assert SEEN in bob.output
    expect_media(server, 50 * (TALK - 0.6))


@pytest.mark.parametrize("calling", ["baresip", "linphone"])
def test_baresip_and_linphone_see_each_other(server: Server, tmp_path: Path, calling: str) -> None:
    with (
        Baresip(tmp_path / "alice", ALICE, server.address(), video="vp8") as alice,
        Linphone(tmp_path / "bob", BOB, server.address(), video=True) as bob,
    ):
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
        time.sleep(TALK)
        alice.command("hangup")
        bob.wait_for("Released")
        assert SEEN.rpartition(" 176")[0] in alice.output
    expect_media(server, 50 * (TALK - 0.6))

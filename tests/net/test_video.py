"""Video calls through the server: baresip with VP8 and H.264, baresip and linphone with VP8, RTP both ways.

The pictures are synthetic (fakevideo, linphone's static picture); that a phone saw them stands in its own output.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.baresip import Baresip
from tests.net.ports import free_port
from tests.net.remote import Client, api_port
from tests.net.server import Server
from tests.peers.linphone import Linphone
from tests.peers.subscribers import DOMAIN, subscribers, ue_db
from tests.waiting import wait_until

ALICE, BOB = subscribers(2)
LEAST = {"audio": 70, "video": 10}  # packets from each: of 20 ms, and still pictures need few
VIDEO = re.compile(r"video\d+/(MO|MT) rtp_recv=(\d+) rtp_send=(\d+)")
SEEN = "video: receiving with resolution 176 x 144"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with two users."""
    extra = f'domain: "{DOMAIN}", com_addr: "127.0.0.1:{free_port()}",\n'
    with Server(tmp_path / "server", ue_db([ALICE, BOB]), extra) as running:
        yield running


def talk(server: Server) -> None:
    """Until enough audio and video has come from each side of the one call."""
    with Client(api_port(server)) as client:

        def medias() -> list[tuple[str, int]]:
            dialogs = client.do("dialog_get")["dialogs"]
            return [(media["type"], media["rtp_recv_count"]) for dialog in dialogs for media in dialog["medias"]]

        wait_until(lambda: len(medias()) == 4 and all(count >= LEAST[kind] for kind, count in medias()), medias)


def expect_media(server: Server) -> None:
    """All audio and video that came from each side of the one call went to the other."""
    mo, mt = sorted(server.media_counts(2), key=lambda count: count.side)
    assert (mo.received, mt.received) == (mt.sent, mo.sent)
    assert min(mo.received, mt.received) >= LEAST["audio"]
    counts = {side: (int(received), int(sent)) for side, received, sent in VIDEO.findall(server.log)}
    print(f"audio {mo} {mt}, video {counts}")
    assert counts["MO"] == counts["MT"][::-1]
    assert min(counts["MO"]) >= LEAST["video"]


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
        talk(server)
        wait_until(lambda: SEEN in alice.output and SEEN in bob.output, lambda: alice.output + bob.output)
        alice.command("hangup")
        bob.wait_for("CALL_CLOSED")
    expect_media(server)


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
        talk(server)
        wait_until(lambda: SEEN.rpartition(" 176")[0] in alice.output, lambda: alice.output)
        alice.command("hangup")
        bob.wait_for("Released")
    expect_media(server)

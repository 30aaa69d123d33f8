"""Bearers that the network takes away during a call (TS 24.229 5.2.8.1.2): a call lives as long as its voice."""

from collections.abc import Callable

import pytest

from lteims.config import Precondition
from lteims.ims.bearer_loss import BearerLoss
from tests.flows.phones import AVP, BYE, CALL, Lab
from tests.flows.test_precondition_ladders import Network

VIDEO = "video {port} RTP/AVP 99\na=rtpmap:99 H264/90000"
NO_VIDEO = "video 0 RTP/AVP 99"
ENDED = """
    a <-- BYE
                BYE --> b
    a --> 200 BYE
                200 BYE <-- b
"""


class Scene:
    """A call with voice and video whose bearers are there whatever the phones say."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        for phone in (lab.a, lab.b):
            phone.medias = [AVP, VIDEO]
        lab.play(CALL)
        self.loss = BearerLoss(lab.wheel, lab.calls)
        assert self.qos() == [["erab_set", "erab_set"]] * 2

    def qos(self) -> list[list[str]]:
        """The states of each leg's medias."""
        return [[media.qos for media in record.medias] for record in self.lab.calls.records]

    def lose(self, *medias: int) -> None:
        """The caller's."""
        self.loss.lost(next(iter(self.lab.calls.records)).id, frozenset(medias), "RELEASE_OF_BEARER")
        self.lab.clock.advance(0.01)


@pytest.fixture
def scene(lab_with: Callable[..., Lab]) -> Scene:
    return Scene(lab_with(precondition=Precondition.SILENT, bearers=Network(at_once=True)))


VOICE_ONLY = """
    a <-- INVITE sdp
                INVITE sdp --> b
    a --> 200 sdp
    a <-- ACK
                200 sdp <-- b
                ACK --> b
"""


def without_video(scene: Scene) -> None:
    for phone in (scene.lab.a, scene.lab.b):
        phone.medias = [AVP, NO_VIDEO]


def offers(lab: Lab) -> list[str]:
    """The m= lines of the INVITE that each phone got last, without their ports."""
    found = [phone.last("INVITE").body.decode().splitlines() for phone in (lab.a, lab.b)]
    return [" ".join(line.split()[0] + line.split()[1][:1] for line in each if line[:2] == "m=") for each in found]


def test_a_call_without_its_video_goes_on_as_a_voice_call(scene: Scene) -> None:
    scene.lose(1)
    assert scene.qos() == [["erab_set", "required"], ["erab_set", "erab_set"]]
    without_video(scene)
    lab = scene.lab
    lab.play(VOICE_ONLY)
    assert offers(lab) == ["m=audio1 m=video0"] * 2
    assert scene.qos() == [["erab_set"]] * 2
    scene.lose(1)  # told again
    assert not lab.left
    scene.lose(0)
    lab.play(ENDED)


def test_video_comes_back(scene: Scene) -> None:
    scene.lose(1)
    without_video(scene)
    scene.lab.play(VOICE_ONLY)
    scene.lab.a.medias = scene.lab.b.medias = [AVP, VIDEO]
    scene.lab.play(REINVITE)
    assert scene.qos() == [["erab_set", "erab_set"]] * 2
    scene.lab.play(BYE)


def test_a_phone_that_keeps_its_video(scene: Scene) -> None:
    """It refuses the offer: its media stays as it was."""
    scene.lose(1)
    scene.lab.b.medias = [AVP, NO_VIDEO]
    scene.lab.play("""
        a <-- INVITE sdp
                    INVITE sdp --> b
        a --> 488
        a <-- ACK
                    200 sdp <-- b
                    ACK --> b
    """)
    assert scene.qos()[1] == ["erab_set"]
    scene.lab.play(BYE)


def test_a_phone_that_is_busy_loses_its_video_later(scene: Scene) -> None:
    """It has a re-INVITE under way."""
    lab = scene.lab
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    scene.lose(1)
    lab.play("""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    without_video(scene)
    lab.play(f"""
        within 2 s
        {VOICE_ONLY}
        {BYE}
    """)


def test_video_that_is_lost_while_the_phone_rings_leaves_the_call_when_it_has_answered(
    lab_with: Callable[..., Lab],
) -> None:
    network = Network(at_once=True)
    lab = lab_with(precondition=Precondition.SILENT, bearers=network)
    lab.a.medias = lab.b.medias = [AVP, VIDEO]
    lab.play("""
        a --> INVITE sdp rel
        a <-- 100
                    INVITE sdp --> b
                    183 sdp rel <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
    """)
    BearerLoss(lab.wheel, lab.calls).lost(network.wanted[0].session_id, frozenset({1}), "FAILED")
    lab.play("""
        2 s
                    200 <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
    """)
    lab.a.medias = lab.b.medias = [AVP, NO_VIDEO]
    lab.play(f"""
        within 2 s
        {VOICE_ONLY}
        {BYE}
    """)


@pytest.mark.parametrize("medias", [(), (0,), (0, 1)])
def test_a_call_without_its_voice_ends(scene: Scene, medias: tuple[int, ...]) -> None:
    scene.lose(*medias)
    scene.lab.play(ENDED)
    for phone in (scene.lab.a, scene.lab.b):
        assert phone.last("BYE").get("reason") == 'SIP;cause=503;text="Service Unavailable"'


def test_a_bearer_of_a_call_that_has_ended(scene: Scene) -> None:
    scene.loss.lost("nobody", frozenset(), "RELEASE_OF_BEARER")
    scene.lab.clock.advance(0.01)
    assert not scene.lab.left  # nothing is said
    scene.lose()
    scene.lab.play(ENDED)


REINVITE = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                200 sdp <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
"""


def test_video_to_which_the_network_gives_no_bearer_leaves_the_call(lab_with: Callable[..., Lab]) -> None:
    network = Network(at_once=True)
    lab = lab_with(precondition=Precondition.SILENT, bearers=network)
    lab.play(CALL)
    lab.a.medias = lab.b.medias = [AVP, VIDEO]
    network.at_once = False
    lab.play(REINVITE)
    assert [[media.qos for media in record.medias] for record in lab.calls.records] == [["erab_set", "required"]] * 2
    lab.clock.advance(0.01)
    network.at_once = True
    lab.a.medias = lab.b.medias = [AVP, NO_VIDEO]
    lab.play(VOICE_ONLY)
    assert [[media.qos for media in record.medias] for record in lab.calls.records] == [["erab_set"]] * 2
    lab.a.medias = lab.b.medias = [AVP, VIDEO]
    lab.play(REINVITE)
    assert [[media.qos for media in record.medias] for record in lab.calls.records] == [["erab_set", "erab_set"]] * 2
    lab.play(BYE)


def test_a_call_that_never_had_a_bearer_ends_and_says_why(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(precondition=Precondition.SILENT, bearers=network)
    lab.play(CALL)
    network.tell(False)
    lab.clock.advance(0.01)
    lab.play(ENDED)
    for phone in (lab.a, lab.b):
        assert phone.last("BYE").get("reason") == 'SIP;cause=580;text="Precondition Failure"'

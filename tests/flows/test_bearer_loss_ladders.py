"""Bearers that the network takes away during a call (TS 24.229 5.2.8.1.2): a call lives as long as its voice."""

from collections.abc import Callable

import pytest

from lteims.config import Precondition
from lteims.ims.bearer_loss import BearerLoss
from tests.flows.phones import AVP, BYE, CALL, Lab
from tests.flows.test_precondition_ladders import Network

VIDEO = "video {port} RTP/AVP 99\na=rtpmap:99 H264/90000"
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


def test_a_call_without_its_video_goes_on(scene: Scene) -> None:
    scene.lose(1)
    assert not scene.lab.left  # nothing is said
    assert scene.qos() == [["erab_set", "required"], ["erab_set", "erab_set"]]
    scene.lose(0)
    scene.lab.play(ENDED)


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
    lab.clock.advance(0.01)
    assert not lab.left
    assert [[media.qos for media in record.medias] for record in lab.calls.records] == [["erab_set", "required"]] * 2
    network.at_once = True
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

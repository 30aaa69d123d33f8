"""The RTP streams of a call while offers come and go (RFC 3264 8); ims/streams.py."""

from typing import cast

import pytest

from lteims.errors import LteimsError
from lteims.ims.streams import Side, Streams
from lteims.media.sdp import Media, Sdp
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.sip.errors import SipError
from tests.flows.phones import Plane

MO, MT = 0, 1
AUDIO, FAX = Media("audio", 4000, "RTP/AVP", ("0",)), Media("image", 4000, "udptl", ("t38",))
ANSWER = Sdp.parse(b"v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=image 9 udptl t38\r\n")


@pytest.fixture
def plane() -> Plane:
    return Plane(lambda: 100.0)


@pytest.fixture
def streams(plane: Plane) -> Streams:
    made = Streams(cast(MediaPlane, plane), urgent=False)
    pool = PortPool(20000, 20099)
    made.place(MO, Side("192.0.2.1", "192.0.2.1", pool, "1"))
    made.place(MT, Side("192.0.2.1", "192.0.2.1", pool, "2"))
    made.grow(1)
    return made


def kinds(streams: Streams) -> list[str]:
    return [stream.kind for stream in streams]


def test_an_offer_that_is_refused_closes_what_it_opened(streams: Streams, plane: Plane) -> None:
    near, far = streams.pair(0, AUDIO, MT)
    assert streams.at(0) == [far, near]
    assert streams.at(7) == (None, None)
    streams.withdraw()
    assert not plane.streams


def test_an_offer_that_is_answered_stays(streams: Streams, plane: Plane) -> None:
    streams.pair(0, AUDIO, MO)
    streams.keep()
    streams.withdraw()
    assert kinds(streams) == ["audio", "audio"]
    streams.close()
    assert not plane.streams
    assert streams.lines == 1


def test_voice_goes_on_until_the_fax_is_answered(streams: Streams, plane: Plane) -> None:
    voice = streams.pair(0, AUDIO, MO)
    streams.keep()
    assert streams.pair(0, FAX, MT) != voice
    assert streams.at(0) == list(voice)
    streams.change(ANSWER)
    streams.keep()
    assert kinds(streams) == ["image", "image"]
    assert len(plane.streams) == 2


def test_a_fax_that_is_refused_leaves_the_voice(streams: Streams, plane: Plane) -> None:
    streams.pair(0, AUDIO, MO)
    streams.keep()
    streams.pair(0, FAX, MT)
    streams.withdraw()
    assert kinds(streams) == ["audio", "audio"]
    assert len(plane.streams) == 2


def test_the_server_as_the_end_offers_ports_that_stay(streams: Streams) -> None:
    own = streams.open(0, MO, AUDIO)
    streams.withdraw()
    assert streams.open(0, MO, AUDIO, offered=True) is own
    assert list(streams.of(MO)) == [(0, own)]
    assert not list(streams.of(MT))


def test_without_a_port_nothing_of_the_offer_is_left(streams: Streams, plane: Plane) -> None:
    streams.grow(2)
    streams.pair(0, AUDIO, MO)
    plane.fail = LteimsError("no ports")
    with pytest.raises(SipError) as error:
        streams.pair(1, AUDIO, MO)
    assert error.value.code == 503
    assert not plane.streams

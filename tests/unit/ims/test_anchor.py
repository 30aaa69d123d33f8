"""The media of a call by offers and answers alone: ports, addresses, versions (RFC 3264); ims/anchor.py."""

from typing import Any, cast

import pytest

from lteims.ims.anchor import Anchor
from lteims.ims.sdp_body import parse_sdp
from lteims.ims.streams import Side
from lteims.media.sdp import Sdp
from lteims.net.rtp import MediaPlane
from lteims.net.rtp_ports import PortPool
from lteims.sip.errors import SipError
from tests.flows.phones import Plane

AUDIO, VIDEO = "m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000"
MO, MT = 0, 1


def sdp(*medias: str, address: str = "192.0.2.11") -> bytes:
    """A description with these m= sections."""
    lines = ["v=0", f"o=x 1 1 IN IP4 {address}", "s=phone", f"c=IN IP4 {address}", "t=0 0", *medias, ""]
    return "\r\n".join(lines).encode()


class Bench:
    """An anchor between 192.0.2.1 and 2001:db8::1 with pools of its own."""

    def __init__(self, pairs: int = 8) -> None:
        self.now = 100.0
        self.plane = Plane(lambda: self.now)
        self.pools = [PortPool(20000, 20000 + 2 * pairs - 1), PortPool(30000, 30000 + 2 * pairs - 1)]
        self.anchor = Anchor(cast(MediaPlane, self.plane), 5)
        self.anchor.place(MO, Side("192.0.2.1", "10.0.0.1", self.pools[0], "1"))
        self.anchor.place(MT, Side("2001:db8::1", "::1", self.pools[1], "2"))

    def ask(self, side: int, body: bytes) -> Sdp:
        return Sdp.parse(self.anchor.relay(side, parse_sdp(body), offer=True))

    def answer(self, side: int, body: bytes) -> Sdp:
        return Sdp.parse(self.anchor.relay(side, parse_sdp(body), offer=False))

    @property
    def remotes(self) -> list[Any]:
        return [stream.remote for stream in self.plane.streams]

    def taken(self) -> list[int]:
        return [len(pool._taken) for pool in self.pools]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def ports(description: Sdp) -> list[int]:
    return [media.port for media in description.medias]


def test_an_offer_and_its_answer(bench: Bench) -> None:
    offer = bench.ask(MO, sdp(AUDIO))
    assert (offer.connection, ports(offer)) == ("2001:db8::1", [30000])
    assert bench.remotes == [("192.0.2.11", 4000), None]  # early media may come
    answer = bench.answer(MT, sdp(AUDIO, address="192.0.2.12"))
    assert (answer.connection, ports(answer)) == ("192.0.2.1", [20000])
    assert bench.remotes == [("192.0.2.11", 4000), ("192.0.2.12", 4000)]
    bench.anchor.close()
    assert bench.taken() == [0, 0]
    assert bench.anchor.closed


def test_the_answer_again_is_the_same(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO))
    first = bench.anchor.relay(MT, parse_sdp(sdp(AUDIO)), offer=False)
    assert bench.anchor.relay(MT, parse_sdp(sdp(AUDIO)), offer=False) == first


def test_the_version_counts_changes_alone(bench: Bench) -> None:
    def version(description: Sdp) -> int:
        assert description.origin is not None
        return description.origin.version

    assert version(bench.ask(MO, sdp(AUDIO))) == 0
    bench.answer(MT, sdp(AUDIO))
    assert version(bench.ask(MO, sdp(AUDIO, address="192.0.2.13"))) == 0  # it is ours that does not change
    bench.answer(MT, sdp(AUDIO))
    assert version(bench.ask(MO, sdp(AUDIO + "\r\na=sendonly"))) == 1
    assert version(bench.answer(MT, sdp(AUDIO + "\r\na=recvonly"))) == 1
    assert version(bench.ask(MO, sdp(AUDIO))) == 2


def test_a_withdrawn_offer_changes_nothing(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO))
    bench.answer(MT, sdp(AUDIO))
    before, flowing = bench.remotes, bench.anchor.flowing
    bench.ask(MO, sdp(AUDIO + "\r\na=inactive", VIDEO, address="192.0.2.99"))
    assert bench.taken() == [2, 2]
    bench.anchor.withdraw()
    assert bench.taken() == [1, 1]
    assert (bench.remotes, bench.anchor.flowing) == (before, flowing)


def test_a_second_offer_takes_the_place_of_the_first(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO, VIDEO))
    bench.ask(MO, sdp(AUDIO))
    assert bench.taken() == [1, 1]
    bench.answer(MT, sdp(AUDIO))
    assert bench.anchor.flowing


def test_what_the_answer_rejects_is_closed(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO, VIDEO))
    answer = bench.answer(MT, sdp(AUDIO, "m=video 0 RTP/AVP 96"))
    assert ports(answer)[1] == 0
    assert bench.taken() == [1, 1]


def test_what_the_answer_leaves_out_is_closed(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO, VIDEO))
    bench.answer(MT, sdp(AUDIO))
    assert bench.taken() == [1, 1]


def test_what_the_answer_adds_is_rejected(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO))
    assert ports(bench.answer(MT, sdp(AUDIO, VIDEO)))[1] == 0
    bench.ask(MO, sdp(AUDIO, "m=video 0 RTP/AVP 96"))
    assert ports(bench.answer(MT, sdp(AUDIO, VIDEO)))[1] == 0


def test_media_that_leaves_and_comes_back(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO, VIDEO))
    bench.answer(MT, sdp(AUDIO, VIDEO))
    bench.ask(MT, sdp(AUDIO, "m=video 0 RTP/AVP 96"))
    assert bench.taken() == [2, 2]  # until the answer agrees
    bench.answer(MO, sdp(AUDIO, "m=video 0 RTP/AVP 96"))
    assert bench.taken() == [1, 1]
    bench.ask(MT, sdp(AUDIO, VIDEO))
    bench.answer(MO, sdp(AUDIO, VIDEO))
    assert bench.taken() == [2, 2]


def test_all_media_may_be_switched_off_in_a_call(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO))
    bench.answer(MT, sdp(AUDIO))
    assert ports(bench.ask(MO, sdp("m=audio 0 RTP/AVP 0"))) == [0]
    bench.answer(MT, sdp("m=audio 0 RTP/AVP 0"))
    assert bench.taken() == [0, 0]
    assert not bench.anchor.flowing


def test_nothing_to_carry_is_488(bench: Bench) -> None:
    with pytest.raises(SipError) as error:
        bench.ask(MT, sdp("m=image 0 udptl t38", "m=audio 0 RTP/AVP 0"))
    assert error.value.code == 488
    assert error.value.headers["warning"].startswith('304 [2001:db8::1] "')
    assert bench.taken() == [0, 0]


def test_an_answer_that_leaves_a_line_out_is_filled_up(bench: Bench) -> None:
    """RFC 3264 6: the answer has as many m= lines as the offer."""
    bench.ask(MO, sdp(AUDIO, VIDEO))
    answer = bench.answer(MT, sdp(AUDIO))
    assert [(m.kind, bool(m.port)) for m in answer.medias] == [("audio", True), ("video", False)]


def test_an_answer_with_nothing_in_it_is_passed_on(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO))
    assert ports(bench.answer(MT, sdp("m=audio 0 RTP/AVP 0"))) == [0]
    assert bench.taken() == [0, 0]


def test_an_answer_without_any_offer(bench: Bench) -> None:
    assert ports(bench.answer(MT, sdp(AUDIO))) == [0]
    assert bench.taken() == [0, 0]


@pytest.mark.parametrize("pairs", [1, 2, 3])
def test_ports_run_out(pairs: int) -> None:
    bench = Bench(pairs)
    bench.pools[1] = PortPool(30000, 30001)
    bench.anchor.place(MT, Side("2001:db8::1", "::1", bench.pools[1], "2"))
    with pytest.raises(SipError) as error:
        bench.ask(MO, sdp(AUDIO, VIDEO))
    assert error.value.code == 503
    assert bench.taken() == [0, 0]


def test_hold_by_either_side_and_direction(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO))
    assert not bench.anchor.flowing
    for offer, answer, flowing in [
        ("", "", True),
        ("a=sendonly", "a=recvonly", False),
        ("a=sendonly", "", False),  # a sloppy answer
        ("a=sendrecv", "a=sendrecv", True),
        ("", "a=inactive", False),
        ("c=IN IP4 0.0.0.0", "", False),
    ]:
        bench.ask(MO, sdp(AUDIO, *filter(None, [offer])))
        bench.answer(MT, sdp(AUDIO, *filter(None, [answer])))
        assert bench.anchor.flowing is flowing, (offer, answer)


def test_activity_counts_from_the_answer_and_from_the_end_of_a_hold(bench: Bench) -> None:
    bench.ask(MO, sdp(AUDIO))
    bench.now = 160.0
    bench.answer(MT, sdp(AUDIO))
    assert bench.anchor.last_activity() == 160.0
    bench.now = 170.0
    bench.plane.streams[1].hear()
    assert bench.anchor.last_activity() == 170.0
    bench.now = 180.0
    bench.answer(MT, sdp(AUDIO))  # a repeated answer is no sign of life
    assert bench.anchor.last_activity() == 170.0


def test_the_echo(bench: Bench) -> None:
    answer = Sdp.parse(bench.anchor.echo(parse_sdp(sdp(AUDIO, "m=image 9 udptl t38"))))
    assert ports(answer) == [20000, 0]
    assert bench.taken() == [1, 0]
    assert bench.anchor.flowing
    assert "audio0/MO rtp_recv=0" in bench.anchor.summary()
    with pytest.raises(SipError) as error:
        bench.anchor.echo(parse_sdp(sdp("m=image 9 udptl t38")))
    assert error.value.code == 488
    assert bench.taken() == [1, 0]
    bench.anchor.echo(parse_sdp(sdp(AUDIO + "\r\na=inactive", address="192.0.2.13")))
    assert bench.remotes == [("192.0.2.13", 4000)]
    assert not bench.anchor.flowing
    bench.anchor.close()
    assert bench.anchor.summary() == "no media"


def test_no_sdp(bench: Bench) -> None:
    for body in (b"", b"v=1", b"\xff\x00", b"v=0\r\nm=audio x RTP/AVP 0\r\n"):
        with pytest.raises(SipError) as error:
            bench.ask(MO, body)
        assert error.value.code == 400
        with pytest.raises(SipError):
            bench.anchor.echo(parse_sdp(body))

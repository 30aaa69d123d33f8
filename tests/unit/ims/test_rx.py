"""Bearers by Rx (TS 29.214 4.4, TS 29.213 6.2), against a PCRF that answers at the test's word."""

import asyncio
from typing import Any

import pytest

from lteims.diameter.attributes import TGPP
from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import SUCCESS, Node, Result
from lteims.diameter.errors import DiameterError, NoAnswer, ResultCode
from lteims.diameter.rx import Aaa, Aar, Affected, Asr, Rar, Str
from lteims.diameter.rx_attributes import AbortCause, FlowStatus, FlowUsage, MediaType, RxRequestType, SpecificAction
from lteims.diameter.rx_media import Media
from lteims.ims import rx
from lteims.ims.qos import Reservation
from lteims.ims.rx import BEARER_TIME, RxBearers
from lteims.ims.rx_media import media_of
from lteims.ims.rx_session import Ask
from lteims.media.sdp import Sdp
from lteims.net.timers import TimerWheel
from tests.unit.ims.registry import FakeTime

OURS = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.100\r\ns=-\r\nc=IN IP4 192.0.2.100\r\nt=0 0\r\n"
    b"m=audio 10000 RTP/AVP 97\r\nb=AS:41\r\nb=RR:2000\r\na=rtpmap:97 AMR/8000\r\n"
)
THEIRS = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\n"
    b"m=audio 50000 RTP/AVP 97\r\nb=AS:38\r\nb=RS:600\r\nb=RR:1500\r\na=rtpmap:97 AMR/8000\r\na=fmtp:97 mode-set=7\r\n"
)
VIDEO = b"m=video 50010 RTP/AVP 99\r\nb=AS:512\r\na=rtpmap:99 H264/90000\r\n"
CHANGED = THEIRS.replace(b"50000", b"50002")
UP = SpecificAction.INDICATION_OF_SUCCESSFUL_RESOURCES_ALLOCATION
FAILED = SpecificAction.INDICATION_OF_FAILED_RESOURCES_ALLOCATION
RELEASED = SpecificAction.INDICATION_OF_RELEASE_OF_BEARER
PCRF = Node("pcrf.example.org", "example.org")
THERE = Capabilities(PCRF, "", frozenset(), frozenset())
REFUSAL = Result(5063, TGPP)


class Pcrf:
    """Answers with `answers`, the last one for ever; an exception is raised; None waits for `go`."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers) or [SUCCESS]
        self.asked: list[tuple[Any, str]] = []
        self.go = asyncio.Event()
        self.remote: Capabilities | None = None
        self.deaf = False  # no STR is answered
        self._sessions = 0

    def new_session(self) -> str:
        self._sessions += 1
        return f"ims;1;{self._sessions}"

    async def ask(self, request: Any, *, session: str = "") -> Any:
        self.asked.append((request, session))
        if isinstance(request, Str):
            if self.deaf:
                raise NoAnswer("no answer in time")
            return Aaa()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await self.go.wait()
            answer = SUCCESS
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Aaa) else Aaa(answer)

    @property
    def kinds(self) -> list[str]:
        return [type(request).__name__ for request, _ in self.asked]


class Af:
    """The bearers of some legs, and what they were told."""

    def __init__(self, *answers: Any) -> None:
        self.time = FakeTime()
        self.pcrf = Pcrf(*answers)
        self.bearers = RxBearers(asyncio.get_running_loop(), TimerWheel(self.time.call_at, self.time.clock))
        self.bearers.connect(self.pcrf)
        self.bearers.on_lost = lambda leg, medias, why: self.lost.append((leg, sorted(medias)))
        self.told: list[bool] = []
        self.lost: list[tuple[str, list[int]]] = []

    async def reserve(
        self, leg: str = "leg", theirs: bytes = THEIRS, *, ours: bytes = OURS + VIDEO, service: str = ""
    ) -> None:
        wanted = Reservation(leg, "a@ims", "001010000000001", "10.0.0.7", ours, Sdp.parse(theirs), False, service)
        self.bearers.reserve(wanted, self.told.append)
        await asyncio.sleep(0)

    async def rar(self, *actions: SpecificAction, medias: tuple[int, ...] = (), session: str = "ims;1;1") -> None:
        affected = tuple(Affected(media) for media in medias)
        answer = await self.bearers.serve(Rar(actions, affected), session, PCRF)
        assert answer.result == SUCCESS

    async def release(self, leg: str = "leg") -> None:
        self.bearers.release(leg)
        await asyncio.sleep(0)


async def test_a_call_with_its_bearers() -> None:
    af = Af()
    await af.reserve()
    ((request, session),) = af.pcrf.asked
    assert session == "ims;1;1"
    assert request.imsi == "001010000000001"
    assert str(request.address) == "10.0.0.7"
    assert request.request_type is RxRequestType.INITIAL_REQUEST
    assert not request.service_urn
    assert af.told == []  # authorized is not there yet
    await af.rar(UP)
    assert af.told == [True]
    await af.release()
    assert af.pcrf.kinds == ["Aar", "Str"]
    assert af.pcrf.asked[1][1] == "ims;1;1"
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}


async def test_a_pcrf_that_never_tells() -> None:
    af = Af()
    await af.reserve()
    af.time.advance(BEARER_TIME + 1)
    assert af.told == [True]


async def test_a_refusal() -> None:
    af = Af(REFUSAL)
    await af.reserve()
    assert af.told == [False]
    await af.release()
    assert af.pcrf.kinds == ["Aar"]  # no session, nothing to end
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}


@pytest.mark.parametrize("error", [NoAnswer("nobody"), DiameterError("rubbish")])
async def test_a_pcrf_that_is_not_there_costs_no_call(error: Exception) -> None:
    af = Af(error)
    await af.reserve()
    assert af.told == [True]
    await af.release()
    assert af.pcrf.kinds == ["Aar"]  # no session, nothing to end


async def test_the_bearer_fails() -> None:
    af = Af()
    await af.reserve()
    await af.rar(FAILED)
    assert af.told == [False]
    assert af.lost == []


async def test_a_change_updates_the_session_and_the_same_again_does_not() -> None:
    af = Af()
    await af.reserve()
    await af.rar(UP)
    await af.reserve()  # a session refresh
    assert af.pcrf.kinds == ["Aar"]
    await af.reserve(theirs=THEIRS.replace(b"m=audio", b"a=sendonly\r\nm=audio"))
    request, session = af.pcrf.asked[1]
    assert (request.request_type, session) == (RxRequestType.UPDATE_REQUEST, "ims;1;1")
    await af.rar(UP)
    assert af.told == [True, True, True]


async def test_a_pcrf_that_has_restarted() -> None:
    af = Af(SUCCESS, Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID), SUCCESS)
    await af.reserve()
    await af.rar(UP)
    await af.reserve(theirs=THEIRS.replace(b"50000", b"50002"))
    assert [session for _, session in af.pcrf.asked] == ["ims;1;1", "ims;1;1", "ims;1;2"]
    assert af.pcrf.asked[2][0].request_type is RxRequestType.INITIAL_REQUEST
    await af.rar(UP, session="ims;1;2")
    assert af.told == [True, True]


async def test_a_pcrf_that_is_back_without_its_sessions_is_asked_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID)
    af = Af(SUCCESS, SUCCESS, unknown, SUCCESS, unknown, SUCCESS)
    monkeypatch.setattr(af.bearers, "_turns", asyncio.Semaphore(1))
    await af.reserve("one")
    await af.reserve("two", CHANGED)
    await af.rar(UP)  # one's stand, two's are awaited
    af.bearers.on_return(lambda session: True)
    await settled(af)
    assert [session for _, session in af.pcrf.asked[2:]] == ["ims;1;1", "ims;1;3", "ims;1;2", "ims;1;4"]
    assert af.pcrf.asked[3][0].request_type is RxRequestType.INITIAL_REQUEST
    assert af.pcrf.asked[3][0].media == af.pcrf.asked[0][0].media
    assert af.pcrf.asked[5][0].media == af.pcrf.asked[1][0].media
    assert af.told == [True]
    for session in ("ims;1;3", "ims;1;4"):
        await af.rar(UP, session=session)
    assert af.told == [True, True]
    for leg in ("one", "two"):
        await af.release(leg)
    assert [session for _, session in af.pcrf.asked[6:]] == ["ims;1;3", "ims;1;4"]
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}


async def test_a_pcrf_that_is_back_with_its_sessions_has_nothing_to_do() -> None:
    af = Af()
    await af.reserve("one")
    await af.reserve("two")
    for session in ("ims;1;1", "ims;1;2"):
        await af.rar(UP, session=session)
    af.bearers.on_return(lambda session: session == "ims;1;2")  # the other one is another PCRF's
    await settled(af)
    assert [(r.request_type, session) for r, session in af.pcrf.asked[2:]] == [
        (RxRequestType.UPDATE_REQUEST, "ims;1;2")
    ]
    assert af.told == [True, True]
    await af.bearers.serve(Asr(AbortCause.BEARER_RELEASED), "ims;1;2", PCRF)
    assert af.lost == [("two", [])]


@pytest.mark.parametrize("answer", [REFUSAL, NoAnswer("gone again")])
async def test_a_pcrf_that_is_back_and_refuses_costs_no_call(answer: Any) -> None:
    af = Af(SUCCESS, answer)
    await af.reserve()
    await af.rar(UP)
    af.bearers.on_return(lambda session: True)
    await settled(af)
    assert (af.told, af.lost) == ([True], [])
    await af.release()
    assert af.pcrf.kinds == ["Aar", "Aar", "Str"]


async def test_what_the_pcrf_has_not_heard_of_is_asked_for_when_it_is_back() -> None:
    """A call, and a change of it, that began while nobody was there."""
    gone = NoAnswer("nobody there")
    af = Af(gone, SUCCESS, gone, None)
    await af.reserve()
    assert af.told == [True]
    af.bearers.on_state(THERE)
    await settled(af)
    assert af.pcrf.asked[1][0].request_type is RxRequestType.INITIAL_REQUEST
    await af.rar(UP, session="ims;1;2")
    await af.reserve(theirs=CHANGED)
    af.bearers.on_state(None)
    af.bearers.on_state(THERE)
    af.bearers.on_return(lambda session: True)  # it is on its way already
    af.pcrf.go.set()
    await settled(af)
    asked = [(request.request_type, session) for request, session in af.pcrf.asked[2:]]
    assert asked == [(RxRequestType.UPDATE_REQUEST, "ims;1;2")] * 2
    assert "50002" in af.pcrf.asked[3][0].media[0].flows[0].descriptions[0]
    af.bearers.on_state(THERE)
    await settled(af)
    assert len(af.pcrf.asked) == 4


async def test_a_call_that_ends_before_it_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    af = Af()
    turns = asyncio.Semaphore(0)
    monkeypatch.setattr(af.bearers, "_turns", turns)
    await af.reserve()
    await af.rar(UP)
    af.bearers.on_return(lambda session: True)
    await settled(af)
    await af.release()
    turns.release()
    await settled(af)
    assert af.pcrf.kinds == ["Aar", "Str"]
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}


@pytest.mark.parametrize("told", [Asr(AbortCause.BEARER_RELEASED), Rar((RELEASED,))])
async def test_a_bearer_that_is_taken_while_it_is_asked_for_again(told: Asr | Rar) -> None:
    af = Af(SUCCESS, Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID), SUCCESS)
    await af.reserve()
    await af.rar(UP)
    af.bearers.on_return(lambda session: True)
    await settled(af)
    await af.bearers.serve(told, "ims;1;2", PCRF)
    assert (af.told, [leg for leg, _ in af.lost]) == ([True], ["leg"])


async def settled(af: Af) -> None:
    """Let what was begun go on as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_cancel_while_the_aar_is_on_its_way() -> None:
    af = Af(None)
    await af.reserve()
    await af.release()
    assert af.pcrf.kinds == ["Aar"]
    af.pcrf.go.set()
    await asyncio.sleep(0.01)
    assert af.pcrf.kinds == ["Aar", "Str"]
    assert af.told == []
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}


async def test_changes_while_an_aar_is_on_its_way_are_asked_once() -> None:
    af = Af(None, SUCCESS)
    await af.reserve()
    for port in (b"50002", b"50004", b"50006"):
        await af.reserve(theirs=THEIRS.replace(b"50000", port))
    assert af.pcrf.kinds == ["Aar"]
    af.pcrf.go.set()
    await asyncio.sleep(0.01)
    assert af.pcrf.kinds == ["Aar", "Aar"]
    assert "50006" in af.pcrf.asked[1][0].media[0].flows[0].descriptions[0]
    await af.rar(UP)
    assert af.told == [True] * 4


async def test_bearers_that_are_lost() -> None:
    af = Af()
    await af.reserve(theirs=THEIRS + VIDEO)
    await af.rar(UP)
    await af.rar(RELEASED, medias=(2,))
    assert af.lost == [("leg", [1])]
    await af.bearers.serve(Asr(AbortCause.BEARER_RELEASED), "ims;1;1", PCRF)
    assert af.lost == [("leg", [1]), ("leg", [])]


async def test_the_network_takes_all_while_a_change_waits_for_its_bearers() -> None:
    af = Af()
    await af.reserve()
    await af.rar(UP)
    await af.reserve(theirs=CHANGED)
    await af.bearers.serve(Asr(AbortCause.BEARER_RELEASED), "ims;1;1", PCRF)
    assert af.told == [True, False]
    assert af.lost == [("leg", [])]  # a change that was refused does not say that nothing is left


async def test_the_network_takes_voice_while_a_change_waits_for_its_bearers() -> None:
    af = Af()
    await af.reserve()
    await af.rar(UP)
    await af.reserve(theirs=CHANGED)
    await af.rar(RELEASED, medias=(1,))
    assert af.lost == [("leg", [0])]


async def test_the_network_takes_what_never_stood() -> None:
    af = Af()
    await af.reserve()
    await af.bearers.serve(Asr(AbortCause.BEARER_RELEASED), "ims;1;1", PCRF)
    assert af.told == [False]
    assert af.lost == []


@pytest.mark.parametrize(("action", "granted"), [(UP, True), (FAILED, False)])
async def test_the_pcrf_tells_before_it_answers(action: SpecificAction, granted: bool) -> None:
    af = Af(SUCCESS, None)
    await af.reserve()
    await af.rar(UP)
    await af.reserve(theirs=CHANGED)
    await af.rar(action)
    assert af.told == [True]
    af.pcrf.go.set()
    await asyncio.sleep(0.01)
    assert af.told == [True, granted]
    assert af.lost == []


async def test_a_leg_that_has_ended_is_told_nothing() -> None:
    af = Af(None)
    await af.reserve()
    await af.release()
    af.pcrf.go.set()
    await asyncio.sleep(0.01)
    af.time.advance(BEARER_TIME + 1)
    assert af.told == []


async def test_a_change_without_an_answer_and_back() -> None:
    af = Af(SUCCESS, NoAnswer("lost"), SUCCESS)
    await af.reserve()
    await af.rar(UP)
    await af.reserve(theirs=CHANGED)
    await af.reserve()  # nobody knows whether the PCRF has heard of the change
    assert af.pcrf.kinds == ["Aar"] * 3


async def test_ends_that_the_pcrf_has_not_heard_of_are_told_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rx, "MOST_OWED", 2)
    af = Af()
    af.pcrf.remote = THERE
    for leg in "abc":
        await af.reserve(leg)
    af.pcrf.deaf, af.pcrf.remote = True, None
    for leg in "abc":
        await af.release(leg)
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 2}
    af.pcrf.asked.clear()
    af.bearers.on_state(None)
    af.pcrf.remote = THERE
    af.bearers.on_state(THERE)  # it is back, and deaf
    await asyncio.sleep(0)
    assert len(af.pcrf.asked) == 1
    assert af.bearers.load()["owed"] == 2
    af.pcrf.deaf = False
    af.pcrf.asked.clear()
    af.bearers.on_state(THERE)
    await asyncio.sleep(0)
    assert sorted(session for _, session in af.pcrf.asked) == ["ims;1;2", "ims;1;3"]
    assert af.pcrf.kinds == ["Str"] * 2
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}


async def test_a_pcrf_that_answers_too_late_keeps_nothing() -> None:
    af = Af(NoAnswer("no answer in time"))
    af.pcrf.remote = THERE
    await af.reserve()
    assert af.told == [True]
    assert af.pcrf.kinds == ["Aar", "Str"]
    assert [session for _, session in af.pcrf.asked] == ["ims;1;1"] * 2


@pytest.mark.parametrize("request_", [Rar((UP,)), Asr(AbortCause.BEARER_RELEASED)])
async def test_a_session_that_nobody_knows(request_: Any) -> None:
    af = Af()
    with pytest.raises(DiameterError) as refused:
        await af.bearers.serve(request_, "ims;1;9", PCRF)
    assert refused.value.result_code == ResultCode.DIAMETER_UNKNOWN_SESSION_ID


async def test_a_call_for_help() -> None:
    af = Af()
    await af.reserve(service="urn:service:sos")
    assert af.pcrf.asked[0][0].service_urn == "urn:service:sos"


async def test_the_end_gives_everything_back() -> None:
    af = Af()
    for number in range(20):
        await af.reserve(f"leg{number}")
    await af.bearers.close()
    assert af.pcrf.kinds.count("Str") == 20
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}


def test_media_of_a_leg() -> None:
    (audio,) = media_of(Sdp.parse(OURS), Sdp.parse(THEIRS), offered=True)
    assert (audio.number, audio.type, audio.status) == (1, MediaType.AUDIO, FlowStatus.ENABLED)
    assert (audio.uplink, audio.downlink) == (41_000, 38_000)  # what the other side's SDP lets each send
    assert (audio.rr, audio.rs) == (2000, 600)
    rtp, rtcp = audio.flows
    assert rtp.descriptions == (
        "permit out 17 from 192.0.2.100 10000 to 10.0.0.7 50000",
        "permit in 17 from 10.0.0.7 50000 to 192.0.2.100 10000",
    )
    assert rtcp.usage is FlowUsage.RTCP
    assert "10001 to 10.0.0.7 50001" in rtcp.descriptions[0]
    up, down = audio.codecs
    assert up.startswith(b"uplink\noffer\nm=audio 50000 RTP/AVP 97\na=rtpmap:97 AMR/8000\na=fmtp:97")
    assert down.startswith(b"downlink\nanswer\nm=audio 10000")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"a=sendonly", FlowStatus.ENABLED_UPLINK),
        (b"a=recvonly", FlowStatus.ENABLED_DOWNLINK),
        (b"a=inactive", FlowStatus.DISABLED),
        (b"a=sendrecv", FlowStatus.ENABLED),
    ],
)
def test_the_status_follows_the_direction(line: bytes, status: FlowStatus) -> None:
    (audio,) = media_of(Sdp.parse(OURS), Sdp.parse(THEIRS + line + b"\r\n"), offered=False)
    assert audio.status is status


def test_odd_media() -> None:
    (removed,) = media_of(Sdp.parse(OURS), Sdp.parse(THEIRS.replace(b"50000", b"0")), offered=False)
    assert (removed.status, removed.flows) == (FlowStatus.REMOVED, ())
    (held,) = media_of(
        Sdp.parse(OURS), Sdp.parse(THEIRS.replace(b"c=IN IP4 10.0.0.7", b"c=IN IP4 0.0.0.0")), offered=False
    )
    assert (held.status, held.flows) == (FlowStatus.ENABLED_UPLINK, ())
    (named,) = media_of(
        Sdp.parse(OURS), Sdp.parse(THEIRS.replace(b"IP4 10.0.0.7", b"IP4 phone.example")), offered=False
    )
    assert named.flows == ()
    muxed, = media_of(
        Sdp.parse(OURS + b"a=rtcp-mux\r\n"), Sdp.parse(THEIRS + b"a=rtcp-mux\r\n"), offered=False
    )  # fmt: skip
    assert len(muxed.flows) == 1
    silent, = media_of(
        Sdp.parse(OURS.replace(b"b=AS:41\r\n", b"")), Sdp.parse(THEIRS.replace(b"b=AS:38\r\n", b"")), offered=False
    )  # fmt: skip
    assert (silent.uplink, silent.downlink) == (41_000, 41_000)
    for media in (removed, held, named, muxed, silent):
        media.encode()
        Aar((media,)).avps()


def test_text_over_tcp() -> None:
    ours = OURS.replace(b"audio 10000 RTP/AVP 97", b"message 10000 TCP/MSRP *")
    theirs = THEIRS.replace(b"audio 50000 RTP/AVP 97", b"message 50000 TCP/MSRP *")
    (message,) = media_of(Sdp.parse(ours), Sdp.parse(theirs), offered=False)
    assert message.type is MediaType.MESSAGE
    assert len(message.flows) == 1
    assert message.flows[0].descriptions[0].startswith("permit out 6 ")


async def test_bearers_of_several_media_come_one_by_one() -> None:
    af = Af()
    await af.reserve(theirs=THEIRS + VIDEO)
    await af.rar(UP, medias=(2,))
    assert af.told == []
    await af.rar(UP, medias=(1,))
    assert af.told == [True]
    assert af.lost == []


@pytest.mark.parametrize("order", [("fails", "stands"), ("stands", "fails")])
async def test_one_of_two_media_gets_no_bearer(order: tuple[str, str]) -> None:
    af = Af()
    await af.reserve(theirs=THEIRS + VIDEO)
    for what in order:
        assert af.told == []
        await (af.rar(FAILED, medias=(2,)) if what == "fails" else af.rar(UP, medias=(1,)))
    assert af.told == [True]
    assert af.lost == [("leg", [1])]
    await af.rar(FAILED, medias=(2,))  # told again
    assert af.lost == [("leg", [1])]


async def test_one_of_two_media_gets_no_bearer_and_of_the_other_nothing_is_told() -> None:
    af = Af()
    await af.reserve(theirs=THEIRS + VIDEO)
    await af.rar(FAILED, medias=(2,))
    af.time.advance(BEARER_TIME + 1)
    assert af.told == [True]
    assert af.lost == [("leg", [1])]


async def test_all_media_get_no_bearer_one_by_one() -> None:
    af = Af()
    await af.reserve(theirs=THEIRS + VIDEO)
    await af.rar(FAILED, medias=(2,))
    await af.rar(FAILED, medias=(1,))
    assert af.told == [False]
    assert af.lost == []


async def test_the_pcrf_tells_of_one_media_before_it_answers() -> None:
    af = Af(None)
    await af.reserve(theirs=THEIRS + VIDEO)
    await af.rar(FAILED, medias=(2,))
    await af.rar(UP, medias=(1,))
    assert af.told == []
    af.pcrf.go.set()
    await asyncio.sleep(0.01)
    assert af.told == [True]
    assert af.lost == [("leg", [1])]


async def test_video_is_added_and_only_its_bearer_is_waited_for() -> None:
    af = Af()
    await af.reserve()
    await af.rar(UP)
    await af.reserve(theirs=THEIRS + VIDEO)
    assert af.told == [True]
    await af.rar(UP, medias=(2,))
    assert af.told == [True, True]
    await af.reserve(theirs=THEIRS + VIDEO.replace(b"50010", b"0"))
    removed = af.pcrf.asked[-1][0].media[1]
    assert (removed.number, removed.status, removed.flows) == (2, FlowStatus.REMOVED, ())
    assert af.told == [True] * 3  # nothing new is to stand


async def test_media_that_was_never_had_is_not_removed() -> None:
    af = Af()
    await af.reserve(theirs=THEIRS + VIDEO.replace(b"50010", b"0"))
    assert [media.number for media in af.pcrf.asked[0][0].media] == [1]


async def test_media_that_a_pcrf_has_forgotten_is_not_removed_and_what_it_was_asked_since_is() -> None:
    gone = THEIRS + VIDEO.replace(b"50010", b"0")
    af = Af(SUCCESS, Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID), SUCCESS)
    await af.reserve(theirs=THEIRS + VIDEO)
    await af.reserve(theirs=gone)
    await af.reserve(theirs=THEIRS + VIDEO)
    await af.reserve(theirs=gone)
    assert [[media.number for media in request.media] for request, _ in af.pcrf.asked] == [
        [1, 2], [1, 2], [1], [1, 2], [1, 2]
    ]  # fmt: skip


async def test_the_end_of_rtcp_alone_is_no_loss() -> None:
    af = Af()
    await af.reserve()
    await af.rar(UP)
    answer = await af.bearers.serve(Rar((RELEASED,), (Affected(1, (2,)),)), "ims;1;1", PCRF)
    assert answer.result == SUCCESS
    assert af.lost == []
    await af.bearers.serve(Rar((RELEASED,), (Affected(1, (1, 2)),)), "ims;1;1", PCRF)
    assert af.lost == [("leg", [0])]


async def test_a_refresh_by_the_other_side_asks_for_nothing() -> None:
    """What was the offer is the answer now, and nothing else has changed."""
    af = Af()
    await af.reserve()
    await af.rar(UP)
    wanted = Reservation("leg", "a@ims", "001010000000001", "10.0.0.7", OURS, Sdp.parse(THEIRS), True)
    af.bearers.reserve(wanted, af.told.append)
    assert af.pcrf.kinds == ["Aar"]
    assert af.told == [True, True]


async def test_the_same_again_while_its_bearers_are_awaited() -> None:
    af = Af()
    await af.reserve()
    await af.reserve()
    assert af.pcrf.kinds == ["Aar"]
    await af.rar(UP)
    assert af.told == [True, True]


async def test_the_pcrf_would_give_bearers_to_voice_alone() -> None:
    voice = Aaa(REFUSAL, acceptable=(Media(1),))
    af = Af(voice, SUCCESS)
    await af.reserve(theirs=THEIRS + VIDEO)
    assert [[media.number for media in request.media] for request, _ in af.pcrf.asked] == [[1, 2], [1]]
    await af.rar(UP, session="ims;1;2")
    assert af.told == [True]
    assert af.lost == [("leg", [1])]


@pytest.mark.parametrize("acceptable", [(), (Media(7),), (Media(1), Media(2))])
async def test_the_pcrf_would_give_no_less_or_nothing(acceptable: tuple[Media, ...]) -> None:
    af = Af(Aaa(REFUSAL, acceptable=acceptable))
    await af.reserve(theirs=THEIRS + VIDEO)
    assert af.pcrf.kinds == ["Aar"]
    assert af.told == [False]


def test_the_pcrf_would_give_a_bearer_that_has_failed_alone() -> None:
    """There is nothing left to be asked for."""
    media = Media(1), Media(2)
    ask = Ask(media, [], frozenset({0, 1}), {1}, {0})
    assert not ask.reduce((Media(1),))
    assert ask.media == media


async def test_a_pcrf_that_refuses_what_it_would_give() -> None:
    af = Af(Aaa(REFUSAL, acceptable=(Media(1),)))
    await af.reserve(theirs=THEIRS + VIDEO)
    assert af.pcrf.kinds == ["Aar", "Aar"]
    assert af.told == [False]


async def test_video_is_added_and_the_pcrf_would_keep_voice() -> None:
    af = Af(SUCCESS, Aaa(REFUSAL, acceptable=(Media(1),)), SUCCESS)
    await af.reserve()
    await af.rar(UP)
    await af.reserve(theirs=THEIRS + VIDEO)
    assert af.told == [True, True]
    assert af.lost == [("leg", [1])]


async def test_class_is_shown_again() -> None:
    af = Af(Aaa(classes=(b"a", b"b")), SUCCESS)
    await af.reserve()
    await af.reserve(theirs=CHANGED)
    await af.release()
    assert [request.classes for request, _ in af.pcrf.asked] == [(), (b"a", b"b"), (b"a", b"b")]


async def test_a_class_of_any_length_is_not_kept() -> None:
    af = Af(Aaa(classes=(bytes(rx.MOST_CLASS + 1),)))
    await af.reserve()
    await af.release()
    assert [request.classes for request, _ in af.pcrf.asked] == [(), ()]


async def test_an_end_without_an_answer_is_told_again_when_the_pcrf_answers() -> None:
    af = Af()
    for leg in "abc":
        await af.reserve(leg)
    af.pcrf.deaf = True
    await af.release("a")
    await af.release("b")
    assert af.bearers.load()["owed"] == 2
    af.pcrf.deaf = False
    await af.release("c")
    assert [session for request, session in af.pcrf.asked if isinstance(request, Str)] == [
        "ims;1;1", "ims;1;2", "ims;1;3", "ims;1;1", "ims;1;2",
    ]  # fmt: skip
    assert af.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}


def test_a_phone_that_is_held_and_offers_everything() -> None:
    held = OURS + b"a=sendonly\r\n"
    (audio,) = media_of(Sdp.parse(held), Sdp.parse(THEIRS), offered=True)
    assert audio.status is FlowStatus.ENABLED_DOWNLINK


def test_rtcp_at_a_port_of_its_own_and_over_ipv6() -> None:
    ours = OURS.replace(b"IP4 192.0.2.100", b"IP6 2001:db8::100") + b"a=rtcp:10009\r\n"
    theirs = THEIRS.replace(b"IP4 10.0.0.7", b"IP6 2001:db8::7") + b"a=rtcp:50443 IN IP6 2001:db8::8\r\n"
    (audio,) = media_of(Sdp.parse(ours), Sdp.parse(theirs), offered=True)
    rtp, rtcp = audio.flows
    assert rtp.descriptions[0] == "permit out 17 from 2001:db8::100 10000 to 2001:db8::7 50000"
    assert rtcp.descriptions[1] == "permit in 17 from 2001:db8::8 50443 to 2001:db8::100 10009"


@pytest.mark.parametrize(
    ("lines", "bandwidth"),
    [
        (b"b=TIAS:23850\r\n", 23_850),
        (b"b=AS:49\r\nb=TIAS:23850\r\n", 49_000),
        (b"b=AS:99999999999\r\n", 0xFFFFFFFF),
        (b"", 41_000),  # what AMR takes
    ],
)
def test_bandwidth_as_each_side_says_it(lines: bytes, bandwidth: int) -> None:
    bare = THEIRS.replace(b"b=AS:38\r\nb=RS:600\r\nb=RR:1500\r\n", lines)
    (audio,) = media_of(Sdp.parse(OURS.replace(b"b=RR:2000\r\n", b"")), Sdp.parse(bare), offered=True)
    assert (audio.uplink, audio.downlink, audio.rr, audio.rs) == (41_000, bandwidth, None, None)
    audio.encode()


async def test_what_was_told_of_media_that_do_not_change_holds_for_the_change() -> None:
    """Video has failed, and voice changes before anything was told of it."""
    af = Af()
    await af.reserve(theirs=THEIRS + VIDEO)
    await af.rar(FAILED, medias=(2,))
    await af.reserve(theirs=CHANGED + VIDEO)
    assert af.pcrf.kinds == ["Aar", "Aar"]
    assert af.told == []
    await af.rar(UP, medias=(1,))
    assert af.told == [True, True]
    assert af.lost == [("leg", [1])]

"""The simulated PCRF by itself: grants, bearers that stand, fail or are lost, what it finds wrong (TS 29.214 4.4)."""

import asyncio
from ipaddress import IPv4Address
from typing import Any

import pytest

from lteims.diameter.command import SUCCESS, Node, Plain, Result
from lteims.diameter.errors import DiameterError, NoAnswer, ResultCode
from lteims.diameter.rx import Aar, Affected, Asr, Rar, RxResult, Str
from lteims.diameter.rx_attributes import MediaType, RxRequestType
from lteims.diameter.rx_media import End, Flow, Media, filters
from lteims.sim.diameter_command import carry_out
from lteims.sim.pcrf import FAILED, LOST, UP, Pcrf
from lteims.sim.pcrf_command import words

US = Node("ims.example.org", "example.org")
UE, SERVER = IPv4Address("10.0.0.7"), IPv4Address("192.0.2.1")
IMSI = "001010000000001"
VOICE = Media(1, (Flow(1, filters(End(SERVER, 10000), End(UE, 40000))),))


class Af:
    """A P-CSCF that takes what it is told."""

    def __init__(self, **options: Any) -> None:
        self.pcrf = Pcrf(**({"after": 0.0} | options))
        self.pcrf.ask = self._take
        self.told: list[tuple[Any, str]] = []

    async def _take(self, host: str, request: Any, session: str) -> Plain:
        assert host == US.host
        self.told.append((request, session))
        return Plain(SUCCESS)

    async def ask(self, request: Any, session: str = "s;1") -> Result:
        answer = await self.pcrf.serve(request, session, US)
        await asyncio.sleep(0.005)
        return answer.result

    async def said(self, line: str) -> str:
        return await carry_out(line.split(), words(self.pcrf))


def aar(*media: Media, update: bool = False, **more: Any) -> Aar:
    kind = RxRequestType.UPDATE_REQUEST if update else RxRequestType.INITIAL_REQUEST
    values: dict[str, Any] = {"address": UE, "imsi": IMSI, "request_type": kind}
    return Aar(media or (VOICE,), **(values | more))


async def test_a_session() -> None:
    af = Af()
    assert await af.ask(aar()) == SUCCESS
    assert af.told == [(Rar((UP,)), "s;1")]
    (session,) = af.pcrf.of(IMSI)
    assert session.up
    assert await af.ask(aar(update=True)) == SUCCESS
    assert len(af.told) == 2
    assert await af.ask(Str()) == SUCCESS
    assert (af.pcrf.sessions, af.pcrf.ended, af.pcrf.faults) == ({}, 1, [])
    assert await af.ask(Str()) == Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID)


async def test_what_cannot_be_granted() -> None:
    af = Af()
    assert await af.ask(aar(update=True)) == Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID)
    assert await af.ask(aar(address=None)) == RxResult.IP_CAN_SESSION_NOT_AVAILABLE.result
    await af.ask(aar())
    assert await af.ask(aar()) == RxResult.DUPLICATED_AF_SESSION.result
    af.pcrf.refusal = RxResult.REQUESTED_SERVICE_NOT_AUTHORIZED.result
    assert await af.ask(aar(), "s;2") == af.pcrf.refusal
    with pytest.raises(DiameterError):
        await af.ask(Asr)


async def test_what_is_asked_wrongly() -> None:
    af = Af()
    stranger = Media(1, (Flow(1, filters(End(SERVER, 1), End(IPv4Address("10.0.0.8"), 2))), Flow(1)))
    await af.ask(aar(stranger, stranger, actions=()))
    assert len(af.pcrf.faults) == 6


async def test_bearers_that_fail_are_lost_or_never_told_of() -> None:
    af = Af(failing=True)
    await af.ask(aar())
    assert af.told[-1][0] == Rar((FAILED,))
    (session,) = af.pcrf.of(IMSI)
    assert not session.up
    await af.pcrf.lose(session, [1])
    request, _ = af.told[-1]
    assert request.actions == (LOST,)
    assert [each.media for each in request.affected] == [1]
    await af.pcrf.abort(session)
    assert isinstance(af.told[-1][0], Asr)
    af.pcrf.after = None
    await af.ask(aar(), "s;2")
    assert len(af.told) == 3
    af.pcrf.close()


async def test_an_af_that_has_gone() -> None:
    af = Af()
    await af.ask(aar())
    (session,) = af.pcrf.of(IMSI)

    async def gone(host: str, request: Any, session: str) -> Plain:
        raise NoAnswer("it is not there")

    af.pcrf.ask = gone
    assert await af.pcrf.lose(session) == Result(ResultCode.DIAMETER_UNABLE_TO_DELIVER)
    af.pcrf.ask = None
    with pytest.raises(NoAnswer):
        await af.pcrf.lose(session)


async def test_silence() -> None:
    af = Af(silent=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(af.ask(aar()), 0.02)


async def test_words() -> None:
    af = Af(after=None)
    assert await af.said("sessions") == "no sessions"
    assert await af.said("grant 0") == "ok"
    await af.ask(aar())
    assert await af.said("sessions") == f"s;1 {IMSI} 10.0.0.7 audio stands"
    assert await af.said(f"lose {IMSI} 1") == "2001"
    assert await af.said("abort s;1") == "2001"
    assert await af.said("fail") == "ok"
    assert await af.said("refuse 5061") == "ok"
    assert af.pcrf.refusal == RxResult.INVALID_SERVICE_INFORMATION.result
    assert await af.said("silent") == "ok"
    assert await af.said("grant never") == "ok"
    state: list[Any] = [af.pcrf.after, af.pcrf.silent, af.pcrf.failing, af.pcrf.refusal]
    assert state == [None, False, False, None]
    assert await af.said("forget") == "ok"
    assert await af.said(f"lose {IMSI}") == f"lose: there is no session of {IMSI}"
    assert await af.said("grant soon") == "usage: grant [SECONDS|never]"


async def test_one_media_of_two_is_refused() -> None:
    af = Af()
    assert await af.said("refuse 5063 2") == "ok"
    video = Media(2, type=MediaType.VIDEO)
    answer = await af.pcrf.serve(aar(VOICE, video), "s;1", US)
    assert not answer.result.ok
    assert answer.acceptable == (VOICE,)  # type: ignore[attr-defined]
    assert await af.ask(aar()) == SUCCESS
    assert await af.said("refuse") == "ok"
    answer = await af.pcrf.serve(aar(), "s;2", US)
    assert answer.acceptable == ()  # type: ignore[attr-defined]


async def test_one_media_of_two_fails() -> None:
    af = Af(after=0.0)
    assert await af.said("fail 2") == "ok"
    video = Media(2, type=MediaType.VIDEO)
    await af.ask(aar(VOICE, video))
    assert [request for request, _ in af.told] == [Rar((FAILED,), (Affected(2),)), Rar((UP,), (Affected(1),))]
    (session,) = af.pcrf.of(IMSI)
    assert session.up
    await af.ask(aar(), "s;2")  # it has no media 2
    assert af.told[-1] == (Rar((UP,)), "s;2")
    assert await af.said("fail now") == "usage: fail [MEDIA...]"

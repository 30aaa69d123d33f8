"""Calls whose bearers are a PCRF's (TS 29.213 annex B, TS 29.214 4.4): ladders of SIP, beside the Diameter they cause.

The PCRF is the simulated one, behind the octets of every message; it tells of bearers at the test's word.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from lteims.config import ImpuConfig, Precondition
from lteims.diameter.attributes import TGPP
from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import RX, Node, Plain, Result, answer_body, as_result, request_body
from lteims.diameter.errors import DiameterError, NoAnswer
from lteims.diameter.message import Header, Message
from lteims.diameter.rx import REQUESTS, Aar
from lteims.diameter.rx_attributes import FlowStatus, SpecificAction
from lteims.ims.bearer_loss import BearerLoss
from lteims.ims.rx import RxBearers
from lteims.net.timers import TimerWheel
from lteims.sim.pcrf import FAILED, LOST, UP, Pcrf, Session
from tests.flows.phones import AVP, BYE, CALL, Lab, label_of
from tests.flows.test_bearer_loss_ladders import ENDED, NO_VIDEO, REINVITE, VIDEO, VOICE_ONLY
from tests.flows.test_precondition_ladders import ALERTED, ANSWERED, OFFERED, qos

GONE = 5002  # DIAMETER_UNKNOWN_SESSION_ID
US, THEM = Node("ims.example", "example"), Node("pcrf.example", "example")


def across(request: Any, session: str, origin: Node, to: Node) -> Any:
    """A request as the other end reads it."""
    body = request_body(request, session, origin, to.realm, to.host)
    message = Message.parse(Header(0xC0, request.command.code, RX, 1, 1).encode(body))
    return REQUESTS[request.command.code](message)


def back(request: Any, answer: Any, session: str, origin: Node) -> Any:
    """Its answer."""
    body = answer_body(request.command, answer, session, origin)
    return request.parse_answer(Message.parse(Header(0x40, request.command.code, RX, 1, 1).encode(body)))


class Network:
    """The PCRF, and our end of Rx."""

    def __init__(self) -> None:
        self.pcrf = Pcrf(after=None)
        self.pcrf.ask = self._asked
        self.there = True
        self.held: asyncio.Event | None = None  # answers to AARs wait for it
        self.bearers: RxBearers | None = None
        self._sessions = 0

    @property
    def remote(self) -> Capabilities | None:
        return Capabilities(THEM, "", frozenset(), frozenset()) if self.there else None

    def new_session(self) -> str:
        self._sessions += 1
        return f"ims.example;1;{self._sessions}"

    async def ask(self, request: Any, *, session: str = "") -> Any:
        if not self.there:
            raise NoAnswer("nobody is there")
        answer = await self.pcrf.serve(across(request, session, US, THEM), session, US)
        if self.held is not None and isinstance(request, Aar):
            await self.held.wait()
        return back(request, answer, session, THEM)

    async def _asked(self, host: str, request: Any, session: str) -> Any:
        assert self.bearers is not None
        try:
            answer = await self.bearers.serve(across(request, session, THEM, US), session, THEM)
        except DiameterError as error:
            answer = Plain(as_result(error))
        return back(request, answer, session, US)

    def of(self, leg: int) -> Session:
        """The session of the caller's leg (0) or the callee's (1), in the order of their addresses."""
        found = sorted(self.pcrf.sessions.values(), key=lambda each: str(each.request.address))
        return found[leg]

    def said(self) -> list[str]:
        """What the server has asked since the last time: `AAR`, or `STR`."""
        found = [line[4:7] for line in self.pcrf.ladder if line.startswith("<--") and line[6] == "R"]
        self.pcrf.ladder.clear()
        return found


Make = Callable[..., Lab]


@pytest.fixture
async def network(lab_with: Make) -> Any:
    made = Network()
    yield made
    assert made.bearers is not None
    assert not made.pcrf.sessions
    assert made.bearers.load() == {"sessions": 0, "tasks": 0, "owed": 0}
    assert made.pcrf.faults == []


@pytest.fixture
def rx(lab_with: Make, network: Network) -> Callable[..., Lab]:
    """Makes a server with Rx."""

    def make(**options: Any) -> Lab:
        wheels: list[TimerWheel] = []

        class Later:
            """The wheel of the server, which is made after its bearers."""

            def add(self, *timer: Any) -> Any:
                return wheels[0].add(*timer)

            def cancel(self, handle: Any) -> None:
                wheels[0].cancel(handle)

        network.bearers = RxBearers(asyncio.get_running_loop(), cast(TimerWheel, Later()))
        network.bearers.connect(cast(Any, network))
        lab = lab_with(bearers=network.bearers, **options)
        wheels.append(lab.wheel)
        network.bearers.on_lost = BearerLoss(lab.wheel, lab.calls).lost
        return lab

    return make


def silent(rx: Make, *medias: str, **options: Any) -> Lab:
    lab = rx(precondition=Precondition.SILENT, **options)
    if medias:
        lab.a.medias = lab.b.medias = list(medias)
    return lab


async def up(network: Network, *medias: int) -> None:
    """The bearers of all legs stand."""
    for session in list(network.pcrf.sessions.values()):
        assert (await network.pcrf.tell(session, UP, medias)).ok


def statuses(network: Network) -> list[list[str]]:
    """Flow-Status of each leg's media, the caller's first."""
    found = []
    for leg in (0, 1):
        media = network.of(leg).request.media
        found.append([each.status.name if each.status is not None else "" for each in media])
    return found


def medias(lab: Lab) -> list[list[str]]:
    return [[media.qos for media in record.medias] for record in lab.calls.records]


# -- states


async def test_the_states_of_a_call_with_preconditions_come_from_the_network(rx: Make, network: Network) -> None:
    """The phones say that their bearers stand as soon as they have asked for them; the PCRF takes its time."""
    lab = rx()
    lab.play(OFFERED)
    assert qos(lab) == ["required", "required"]
    assert network.said() == []
    lab.play(ALERTED.removeprefix(OFFERED.rstrip("\n")).split("INVITE sdp --> b", 1)[1])
    assert network.said() == ["AAR", "AAR"]
    assert qos(lab) == ["pending", "pending"]
    assert (await network.pcrf.tell(network.of(0), UP)).ok
    assert qos(lab) == ["erab_set", "pending"]
    assert (await network.pcrf.tell(network.of(1), UP)).ok
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(ANSWERED)
    lab.play(BYE)
    assert network.said()[-2:] == ["STR", "STR"]


async def test_silent_calls_have_bearers_whatever_is_said_and_wait_for_nobody(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    assert qos(lab) == ["required", "required"]
    lab.play("""
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert qos(lab) == ["pending", "pending"]
    await up(network)
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(BYE)


async def test_silent_calls_where_the_offer_comes_last(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play("""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK sdp --> b
    """)
    assert network.said() == ["AAR", "AAR"]
    lab.play(BYE)


async def test_an_echo_to_which_the_offer_comes_last(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE
        a <-- 100
        a <-- 180
        a <-- 200 sdp
    """)
    assert network.said() == []
    lab.play("a --> ACK sdp")
    assert network.said() == ["AAR"]
    lab.play("""
        a --> INVITE
        a <-- 100
        a <-- 200 sdp
        a --> ACK hold
    """)
    assert network.said() == ["AAR"]
    assert network.of(0).request.media[0].status is FlowStatus.ENABLED_UPLINK
    lab.play("""
        a --> BYE
        a <-- 200 BYE
    """)


# -- changes


async def test_hold_and_resume_by_a_phone(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play(CALL)
    await up(network)
    network.said()
    lab.b.direction = "recvonly"
    lab.play(REINVITE.replace("a --> INVITE sdp", "a --> INVITE hold"))
    assert network.said() == ["AAR", "AAR"]
    assert statuses(network) == [["ENABLED_UPLINK"], ["ENABLED_DOWNLINK"]]
    lab.b.direction = "sendrecv"
    lab.play(REINVITE.replace("a --> INVITE sdp", "a --> INVITE resume"))
    assert statuses(network) == [["ENABLED"], ["ENABLED"]]
    network.said()
    lab.play(REINVITE)  # a refresh
    assert network.said() == []
    lab.play(BYE)


async def test_hold_and_resume_by_the_operator(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play(CALL)
    await up(network)
    network.said()
    leg = next(iter(lab.calls)).branch.mt
    assert leg is not None
    for held, direction, status in ((True, "recvonly", "ENABLED_DOWNLINK"), (False, "sendrecv", "ENABLED")):
        assert lab.calls.hold(leg, held=held)
        lab.b.direction = direction
        lab.play("""
                    INVITE sdp --> b
                    200 sdp <-- b
                    ACK --> b
        """)
        assert network.said() == ["AAR"]
        assert statuses(network) == [["ENABLED"], [status]]
    lab.play(BYE)


async def test_video_comes_and_goes(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play(CALL)
    await up(network)
    for now, status in (([AVP, VIDEO], "ENABLED"), ([AVP, NO_VIDEO], "REMOVED"), ([AVP, VIDEO], "ENABLED")):
        network.said()
        lab.a.medias = lab.b.medias = now
        lab.play(REINVITE)
        assert network.said() == ["AAR", "AAR"]
        assert statuses(network) == [["ENABLED", status]] * 2
        await up(network)
    lab.play(BYE)


async def test_another_port_and_another_codec(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play(CALL)
    await up(network)
    for media, what in ((AVP.replace("{port}", "41000"), "41000"), ("audio 41000 RTP/AVP 8", "RTP/AVP 8")):
        network.said()
        lab.a.medias = [media]
        lab.play(REINVITE)
        assert network.said()[0] == "AAR"
        (audio,) = network.of(0).request.media
        assert what in str((audio.flows[0].descriptions, audio.codecs))
    lab.play(BYE)


async def test_an_offer_that_is_refused_changes_no_bearers(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play(CALL)
    await up(network)
    network.said()
    lab.a.medias = [AVP, VIDEO]
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    488 <-- b
                    ACK --> b
        a <-- 488
        a --> ACK
    """)
    assert network.said() == []
    lab.play(BYE)


# -- lost and refused


async def test_a_video_call_that_loses_its_video_goes_on_as_a_voice_call(rx: Make, network: Network) -> None:
    lab = silent(rx, AVP, VIDEO)
    lab.play(CALL)
    await up(network)
    network.said()
    assert (await network.pcrf.tell(network.of(0), LOST, [2])).ok
    lab.clock.advance(0.01)
    lab.a.medias = lab.b.medias = [AVP, NO_VIDEO]
    lab.play(VOICE_ONLY)
    assert network.said() == ["AAR", "AAR"]
    assert statuses(network) == [["ENABLED", "REMOVED"]] * 2
    assert medias(lab) == [["erab_set"]] * 2
    assert (await network.pcrf.tell(network.of(0), LOST, [2])).ok  # told again
    lab.play("0.01 s")
    assert (await network.pcrf.tell(network.of(1), LOST)).ok
    lab.clock.advance(0.01)
    lab.play(ENDED)


@pytest.mark.parametrize("first", [FAILED, UP])
async def test_a_video_call_whose_video_gets_no_bearer(rx: Make, network: Network, first: Any) -> None:
    lab = silent(rx, AVP, VIDEO)
    lab.play(CALL)
    assert (await network.pcrf.tell(network.of(1), UP)).ok
    for action in (first, UP if first is FAILED else FAILED):
        assert (await network.pcrf.tell(network.of(0), action, [2 if action is FAILED else 1])).ok
    lab.clock.advance(0.01)
    lab.a.medias = lab.b.medias = [AVP, NO_VIDEO]
    lab.play(VOICE_ONLY)
    assert medias(lab) == [["erab_set"]] * 2
    lab.play(BYE)


async def test_video_is_added_and_refused(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play(CALL)
    await up(network)
    network.pcrf.refusal = Result(5063, TGPP)
    lab.a.medias = lab.b.medias = [AVP, VIDEO]
    lab.play(REINVITE)
    network.pcrf.refusal = None
    lab.clock.advance(0.01)
    lab.a.medias = lab.b.medias = [AVP, NO_VIDEO]
    lab.play(VOICE_ONLY)
    assert medias(lab) == [["erab_set"]] * 2
    lab.play(BYE)


async def test_the_pcrf_would_give_bearers_to_voice_alone(rx: Make, network: Network) -> None:
    lab = silent(rx, AVP, VIDEO)
    network.pcrf.refusal, network.pcrf.refused_media = Result(5063, TGPP), frozenset({2})
    lab.play(CALL)
    assert network.said() == ["AAR"] * 4
    await up(network)
    lab.clock.advance(0.01)
    lab.a.medias = lab.b.medias = [AVP, NO_VIDEO]
    lab.play(VOICE_ONLY)
    assert medias(lab) == [["erab_set"]] * 2
    lab.play(BYE)


async def test_one_of_two_phones_gets_no_bearer_and_the_other_answers(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.beside("c", "2", "192.0.2.13")
    lab.play("""
        a --> INVITE sdp rel
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    183 sdp rel <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
    """)
    b = next(each for each in network.pcrf.sessions.values() if str(each.request.address).endswith(".12"))
    assert (await network.pcrf.abort(b)).ok
    lab.play("""
        0.01 s
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    200 sdp <-- c
        a <-- 200 sdp
        a --> ACK
                    ACK --> c
    """)
    assert len(network.pcrf.sessions) == 2
    lab.play(BYE.replace("b\n", "c\n"))


async def test_nobody_of_two_phones_gets_a_bearer(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.beside("c", "2", "192.0.2.13")
    network.pcrf.refusal = Result(5063, TGPP)
    lab.play("""
        a --> INVITE sdp rel
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    486 <-- c
                    ACK --> c
                    183 sdp rel <-- b
        a <-- 183 sdp
        0.01 s
        a <-- 486
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


# -- at an awkward time


async def test_str_does_not_wait_for_a_callee_who_does_not_answer_the_cancel(rx: Make, network: Network) -> None:
    lab = silent(rx)
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
    assert network.said() == ["AAR", "AAR"]
    a = network.of(0)
    lab.play("""
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
    """)
    assert network.said() == ["STR", "STR"]
    assert (await network.pcrf.abort(a)).code == GONE
    lab.play("""
                    487 <-- b
                    ACK --> b
    """)


async def test_all_is_lost_while_the_phone_rings(rx: Make, network: Network) -> None:
    lab = silent(rx)
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
    await up(network)
    assert (await network.pcrf.abort(network.of(0))).ok
    assert (await network.pcrf.abort(network.of(1))).ok
    lab.play("""
        0.01 s
        a <-- 503
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


async def test_the_network_speaks_of_a_call_that_has_ended(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play(CALL)
    await up(network)
    session = network.of(0)
    lab.play(BYE)
    for action in (UP, FAILED, LOST):
        assert (await network.pcrf.tell(session, action)).code == GONE
    assert (await network.pcrf.abort(session)).code == GONE
    assert not lab.left


async def test_a_flood_from_the_network_in_a_call(rx: Make, network: Network) -> None:
    lab = silent(rx)
    lab.play(CALL)
    await up(network)
    network.pcrf.ladder.clear()
    for _ in range(300):
        for action in (UP, LOST, FAILED):
            assert (await network.pcrf.tell(network.of(0), action, [2, 99])).ok
    lab.play("0.01 s")
    for _ in range(100):
        assert (await network.pcrf.abort(network.of(0))).ok
    lab.clock.advance(0.01)
    lab.play(ENDED)


async def test_the_kind_of_a_call_for_help_is_told(rx: Make, network: Network) -> None:
    echo = (ImpuConfig(impu="urn:service:sos.police", anonymous=True, authentication=False),)
    lab = silent(rx, echo=echo)
    lab.a.target = "urn:service:sos.police"
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
    """)
    assert network.of(0).request.service_urn == "urn:service:sos.police"
    lab.play("""
        a --> BYE
        a <-- 200 BYE
    """)


@pytest.mark.parametrize("refusal", [Result(5063, TGPP), None], ids=["refused", "taken away"])
async def test_a_call_for_help_needs_no_bearer(rx: Make, network: Network, refusal: Result | None) -> None:
    echo = (ImpuConfig(impu="urn:service:sos", anonymous=True, authentication=False),)
    lab = silent(rx, echo=echo)
    lab.a.target = "urn:service:sos"
    network.pcrf.refusal = refusal
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
    """)
    if refusal is None:
        assert (await network.pcrf.tell(network.of(0), UP)).ok
        assert (await network.pcrf.tell(network.of(0), LOST)).ok
    lab.play("0.1 s")
    assert [[media.qos for media in record.medias] for record in lab.calls.records] == [["required"]]
    lab.play("""
        a --> BYE
        a <-- 200 BYE
    """)


# -- at every moment


def finish(lab: Lab) -> None:
    """The phones answer whatever is still said, and acknowledge what ends the call."""
    for _ in range(50):
        if not lab.left:
            return
        name, _, data = lab.left.popleft()
        phone = lab.phones[name]
        phone.hear(data)
        match label_of(phone.inbox[-1]).split():
            case ["CANCEL", *_]:
                phone.say(["200", "CANCEL"])
                phone.say(["487"])
            case ["UPDATE", *_]:
                phone.say(["200", "UPDATE", "ready"])
            case ["BYE" | "PRACK" as method, *_]:
                phone.say(["200", method])
            case [code] | [code, "sdp"] if code.isdigit() and int(code) >= 200:
                phone.say(["ACK"])
    raise AssertionError("it never ends")


WHOLE = [line for line in ALERTED.replace("183 pre", "100 <-- b\n183 pre", 1).splitlines() if line.strip()]
WHOLE += [line for line in ANSWERED.splitlines() if line.strip()]


@pytest.mark.parametrize("what", ["abort", "lost", "failed", "up", "other"])
@pytest.mark.parametrize("late", [False, True])
async def test_whatever_the_network_says_at_any_moment_ends_in_order(
    rx: Make, network: Network, what: str, late: bool
) -> None:
    """`late`: the PCRF answers each AAR only when it has said so."""
    for cut in range(4, len(WHOLE) + 1):
        lab = rx()
        network.held = asyncio.Event() if late else None
        for line in WHOLE[:cut]:
            lab._rung(line.strip())
        sessions = list(network.pcrf.sessions.values())
        for session in sessions:
            if what == "abort":
                await network.pcrf.abort(session)
            else:
                action = {"lost": LOST, "failed": FAILED, "up": UP, "other": SpecificAction.IP_CAN_CHANGE}[what]
                await network.pcrf.tell(session, action)
        if network.held is not None:
            network.held.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        lab.clock.advance(0.01)
        finish(lab)
        if what in ("abort", "lost", "failed") and sessions:
            assert not list(lab.calls), cut
        for call in list(lab.calls):
            lab.calls.stop(call, "enough")
        finish(lab)
        await asyncio.sleep(0)
        assert not list(lab.calls), cut
        assert not network.pcrf.sessions, cut
        lab.clock.advance(200.0)  # what has come before the cut is not answered any more
        lab.left.clear()

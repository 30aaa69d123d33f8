"""Hold and resume as ladders (RFC 3264 8.4, RFC 6337 5.3; TS 24.610): directions, gates, states, dialog_timeout.

a is the caller, b the callee. `sends` and `receives` of a stream are the server's, towards the phone of that leg.
"""

from collections.abc import Callable

import pytest

from lteims.ims.settings import Settings
from lteims.media.sdp import Sdp
from lteims.sip.message import Message
from tests.flows.phones import BYE, CALL, Lab, Phone

BY_REINVITE = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                200 sdp <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
"""
BY_UPDATE = """
    a --> UPDATE sdp
                UPDATE sdp --> b
                200 UPDATE sdp <-- b
    a <-- 200 UPDATE sdp
"""
BY_CALLEE = """
                INVITE sdp <-- b
                100 --> b
    a <-- INVITE sdp
    a --> 200 sdp
                200 sdp --> b
                ACK <-- b
    a <-- ACK
"""
BY_CALLEES_UPDATE = """
                UPDATE sdp <-- b
    a <-- UPDATE sdp
    a --> 200 UPDATE sdp
                200 UPDATE sdp --> b
"""
MIRROR = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}


def direction(phone: Phone, label: str) -> str:
    """The direction of the first media in the last message of this label."""
    sdp = Sdp.parse(phone.last(label).body)
    return str(sdp.direction_of(sdp.medias[0]))


def gates(lab: Lab) -> list[tuple[bool, bool]]:
    """(sends, receives) of the caller's stream and the callee's."""
    return [(stream.sends, stream.receives) for stream in lab.plane.streams]


def states(lab: Lab) -> list[str]:
    """The states of both dialogs."""
    return [str(record.state) for record in lab.calls.records]


def shown(lab: Lab) -> list[str]:
    """The directions that the operator sees."""
    return [record.medias[0].media.dir for record in lab.calls.records]


def null_address(message: Message) -> None:
    """Hold as RFC 2543 did."""
    message.body = message.body.replace(b"c=IN IP4 192.0.2.11", b"c=IN IP4 0.0.0.0")


# The gates of the caller's and the callee's stream when the caller's direction is this
GATES = {
    "sendonly": [(False, True), (True, False)],
    "recvonly": [(True, False), (False, True)],
    "inactive": [(False, False), (False, False)],
}
OPEN = [(True, True), (True, True)]


@pytest.mark.parametrize("way", [BY_REINVITE, BY_UPDATE], ids=["re-INVITE", "UPDATE"])
@pytest.mark.parametrize("held", ["sendonly", "recvonly", "inactive"])
def test_the_caller_holds_and_resumes(lab: Lab, held: str, way: str) -> None:
    lab.play(CALL)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.a.direction, lab.b.direction = held, MIRROR[held]
    lab.play(way)
    asked, answered = ("INVITE", "200 sdp") if way is BY_REINVITE else ("UPDATE sdp", "200 UPDATE sdp")
    assert (direction(lab.b, asked), direction(lab.a, answered)) == (held, MIRROR[held])
    assert (gates(lab), states(lab)) == (GATES[held], ["hold", "hold"])
    assert shown(lab) == [MIRROR[held], held]
    lab.a.direction = lab.b.direction = "sendrecv"
    lab.play(way)
    assert (gates(lab), states(lab), shown(lab)) == (OPEN, ["start", "start"], ["sendrecv", "sendrecv"])
    assert len(lab.plane.streams) == 2
    lab.play(BYE)


@pytest.mark.parametrize("way", [BY_CALLEE, BY_CALLEES_UPDATE], ids=["re-INVITE", "UPDATE"])
@pytest.mark.parametrize("held", ["sendonly", "recvonly", "inactive"])
def test_the_callee_holds_and_resumes(lab: Lab, held: str, way: str) -> None:
    lab.play(CALL)
    lab.b.direction, lab.a.direction = held, MIRROR[held]
    lab.play(way)
    assert (gates(lab), states(lab)) == (GATES[held][::-1], ["hold", "hold"])
    assert shown(lab) == [held, MIRROR[held]]
    lab.a.direction = lab.b.direction = ""
    lab.play(way)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.play(BYE)


def test_hold_by_a_null_address(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.bend = null_address
    lab.b.direction = "recvonly"
    lab.play(BY_REINVITE)
    offer = Sdp.parse(lab.b.last("INVITE").body)
    assert offer.connection == "192.0.2.1"
    assert direction(lab.b, "INVITE") in ("sendonly", "inactive")
    assert states(lab) == ["hold", "hold"]
    assert gates(lab)[0][0] is False
    lab.b.direction = ""
    lab.play(BY_REINVITE)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.11", 40000), ("192.0.2.12", 40000)]
    lab.play(BYE)


def test_both_hold_and_resume_one_after_the_other(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.direction, lab.b.direction = "sendonly", "recvonly"
    lab.play(BY_REINVITE)
    assert states(lab) == ["hold", "hold"]
    lab.a.direction = lab.b.direction = "inactive"
    lab.play(BY_CALLEE)
    assert (gates(lab), states(lab)) == (GATES["inactive"], ["hold", "hold"])
    lab.a.direction, lab.b.direction = "recvonly", "sendonly"
    lab.play(BY_REINVITE)
    assert (gates(lab), states(lab)) == (GATES["recvonly"], ["hold", "hold"])
    lab.a.direction = lab.b.direction = "sendrecv"
    lab.play(BY_CALLEE)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.play(BYE)


def test_an_offer_of_both_ways_is_answered_with_one(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.direction, lab.b.direction = "sendrecv", "sendonly"
    lab.play(BY_REINVITE)
    assert direction(lab.a, "200 sdp") == "sendonly"
    assert (gates(lab), states(lab)) == (GATES["recvonly"], ["hold", "hold"])
    lab.b.direction = ""
    lab.play(BY_REINVITE)
    assert gates(lab) == OPEN
    lab.play(BYE)


def test_a_call_that_begins_on_hold(lab: Lab) -> None:
    lab.a.direction = "inactive"
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.direction = "inactive"
    lab.play("""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert gates(lab) == GATES["inactive"]
    assert states(lab) == ["hold", "hold"]
    lab.a.direction = lab.b.direction = ""
    lab.play(BY_REINVITE)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.play(BYE)


def test_a_refused_hold_holds_nothing(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE hold
        a <-- 100
                    INVITE sdp --> b
                    488 <-- b
                    ACK --> b
        a <-- 488
        a --> ACK
    """)
    assert (gates(lab), states(lab)) == (OPEN, ["start", "start"])
    lab.play(BYE)


def test_a_refused_resume_stays_held(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.direction, lab.b.direction = "sendonly", "recvonly"
    lab.play(f"""
        {BY_UPDATE}
        a --> UPDATE resume
                    UPDATE sdp --> b
                    500 UPDATE <-- b
        a <-- 500 UPDATE
    """)
    assert (gates(lab), states(lab)) == (GATES["sendonly"], ["hold", "hold"])
    lab.play(BYE)


def test_a_hold_by_update_reaches_a_phone_that_takes_none(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.bend = lambda message: message.set("allow", "INVITE, ACK, CANCEL, BYE")
    lab.play("""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    lab.b.direction = "recvonly"
    lab.play("""
        a --> UPDATE hold
                    INVITE sdp --> b
                    200 sdp <-- b
                    ACK --> b
        a <-- 200 UPDATE sdp
    """)
    assert (direction(lab.b, "INVITE"), direction(lab.a, "200 UPDATE sdp")) == ("sendonly", "recvonly")
    assert (gates(lab), states(lab)) == (GATES["sendonly"], ["hold", "hold"])
    lab.play("""
        a --> UPDATE resume
                    INVITE sdp --> b
                    488 <-- b
                    ACK --> b
        a <-- 488 UPDATE
    """)
    assert states(lab) == ["hold", "hold"]
    lab.b.direction = ""
    lab.play(f"""
        a --> UPDATE resume
                    INVITE sdp --> b
                    200 sdp <-- b
                    ACK --> b
        a <-- 200 UPDATE sdp
        {BYE}
    """)


def test_the_hold_of_a_call_to_the_echo(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE sdp
        ...
        a --> ACK
    """)
    (stream,) = lab.plane.streams
    for held, sends, receives in (("sendonly", False, True), ("inactive", False, False), ("recvonly", True, False)):
        lab.a.direction = held
        lab.play("""
            a --> UPDATE sdp
            a <-- 200 UPDATE sdp
        """)
        assert direction(lab.a, "200 UPDATE sdp") == MIRROR[held]
        assert ((stream.sends, stream.receives), states(lab)) == ((sends, receives), ["hold"])
    lab.play("""
        a --> UPDATE resume
        a <-- 200 UPDATE sdp
        a --> BYE
        a <-- 200 BYE
    """)
    assert (stream.sends, stream.receives) == (True, True)


def test_the_refresh_of_a_held_call_keeps_it_held(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(session_expires=1000)
    lab.play(CALL)
    lab.a.direction, lab.b.direction = "sendonly", "recvonly"
    lab.play(BY_UPDATE)
    lab.play("""
        500.2 s
                    INVITE sdp --> b
        a <-- INVITE sdp
    """)
    assert (direction(lab.a, "INVITE"), direction(lab.b, "INVITE")) == ("recvonly", "sendonly")
    lab.play("""
        a --> 200 sdp
        a <-- ACK
                    200 sdp <-- b
                    ACK --> b
    """)
    assert (gates(lab), states(lab)) == (GATES["sendonly"], ["hold", "hold"])
    lab.play(BYE)


# --- dialog_timeout


ENDED = """
    a <-- BYE
                BYE --> b
    a --> 200 BYE
                200 BYE <-- b
"""


def test_a_call_whose_media_has_dried_up_ends(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.play(CALL)
    for _ in range(4):
        lab.clock.advance(20.0)
        lab.plane.streams[0].hear()
    lab.play(f"""
        29 s
        within 3 s
        {ENDED}
    """)


@pytest.mark.parametrize("held", ["sendonly", "recvonly", "inactive"])
def test_a_held_call_is_let_alone(lab_with: Callable[..., Lab], held: str) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.play(CALL)
    lab.a.direction, lab.b.direction = held, MIRROR[held]
    lab.play(f"""
        {BY_UPDATE}
        600 s
    """)
    lab.a.direction = lab.b.direction = ""
    lab.play(f"""
        {BY_UPDATE}
        29 s
        within 3 s
        {ENDED}
    """)


def test_a_limit_that_the_operator_sets_counts_for_calls_that_run(lab: Lab) -> None:
    assert lab.config.dialog_timeout == 0
    settings = Settings(lab.config)
    lab.play(f"""
        {CALL}
        600 s
    """)
    settings.apply(settings.check({"dialog_timeout": 700}))
    lab.play(f"""
        98 s
        within 4 s
        {ENDED}
    """)


def test_an_offer_under_way_does_not_keep_a_dead_call(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.play(f"""
        {CALL}
        20 s
        a --> UPDATE hold
                    UPDATE sdp --> b
                    488 UPDATE <-- b
        a <-- 488 UPDATE
        9 s
        within 3 s
        {ENDED}
    """)


@pytest.mark.parametrize("media", ["text {port} RTP/AVP 98\na=rtpmap:98 t140/1000", "image {port} udptl t38"])
def test_a_call_whose_media_has_pauses_is_let_alone(lab_with: Callable[..., Lab], media: str) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.a.medias = lab.b.medias = [media]
    lab.play(f"""
        {CALL}
        600 s
        {BYE}
    """)


def test_a_hold_by_update_waits_for_a_reinvite_under_way(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.bend = lambda message: message.set("allow", "INVITE, ACK, CANCEL, BYE")
    lab.play(f"""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        a --> UPDATE hold
                    INVITE sdp --> b
        a --> UPDATE hold
        a <-- 500 UPDATE
                    INVITE sdp <-- b
                    491 --> b
                    ACK <-- b
                    491 <-- b
                    ACK --> b
        a <-- 491 UPDATE
        {BYE}
    """)

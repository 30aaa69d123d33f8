"""Calls to several phones of one callee, and to a proxy with several behind it (RFC 3261 13.2.2.4, 16.6, 16.7; 6228).

a calls b and c, who are contacts of one user; `@2` is the second dialog of an INVITE. phones.py explains the lines.
"""

from collections.abc import Callable
from functools import partial

import pytest

from lteims.media.sdp import Sdp
from lteims.net.rtp_ports import PortsExhausted
from lteims.sip.message import Request, Response
from tests.flows.phones import BYE, Lab

BOTH = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                INVITE sdp --> c
"""
RINGING = f"""
    {BOTH}
                180 <-- b
    a <-- 180 @1
                180 <-- c
    a <-- 180 @2
"""
BYE_C = BYE.replace("--> b", "--> c").replace("<-- b", "<-- c")


@pytest.fixture
def two(lab: Lab) -> Lab:
    """A callee with two phones of the same q."""
    lab.beside("c", "2", "192.0.2.22")
    return lab


@pytest.fixture
def ranked(lab_with: Callable[..., Lab]) -> Lab:
    """A callee with two phones, c only where b does not take the call."""
    lab = lab_with()
    lab.phone("b", "2", "192.0.2.12")
    lab.b = lab.phones["b"]
    lab.beside("c", "2", "192.0.2.22", q=0.5)
    return lab


def put(message: Request | Response, **headers: str) -> None:
    """Bend a message: a header with - for _."""
    for name, value in headers.items():
        message.set(name.replace("_", "-"), value)


# --- parallel


def test_the_first_one_to_answer_has_the_call(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    200 sdp <-- c
        a <-- 200 sdp @2
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)
    assert two.b.last("CANCEL").get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'


def test_each_phone_has_a_leg_of_its_own(two: Lab) -> None:
    two.play(RINGING)
    its, others = two.b.last("INVITE"), two.phones["c"].last("INVITE")
    assert its.call_id != others.call_id
    assert its.from_.tag != others.from_.tag
    ports = {Sdp.parse(m.body).medias[0].port for m in (its, others)}
    assert len(ports) == 2
    tags = {m.to.tag for m in two.a.inbox if isinstance(m, Response) and m.code == 180}
    assert len(tags) == 2
    two.play("""
        a --> CANCEL
        ...
                    200 CANCEL <-- b
                    200 CANCEL <-- c
                    487 <-- b
                    487 <-- c
        ...
        a --> ACK
    """)


def test_the_losers_media_is_closed(two: Lab) -> None:
    two.play(RINGING)
    assert len(two.plane.streams) == 4
    two.play("""
                    200 sdp <-- b
        ...
                    200 CANCEL <-- c
                    487 <-- c
        ...
        a --> ACK
                    ACK --> b
    """)
    assert len(two.plane.streams) == 2
    two.play(BYE)


def test_the_losers_dialogs_are_over_for_the_operator(two: Lab) -> None:
    two.play(RINGING)
    assert [str(record.state) for record in two.calls.records] == ["ringing"] * 4
    two.play("""
                    200 sdp <-- b
        a <-- 200 sdp @1
                    CANCEL --> c
    """)
    states = {record.id: str(record.state) for record in two.calls.records}
    assert sorted(states.values()) == ["start", "start", "stop", "stop"]
    kept = [record for record in two.calls.records if str(record.state) == "stop"]
    assert all(record.medias for record in kept)
    two.play(f"""
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_loser_that_answers_all_the_same_is_hung_up(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp @1
                    CANCEL --> c
                    200 sdp <-- c
                    ACK --> c
                    BYE --> c
                    481 CANCEL <-- c
                    200 BYE <-- c
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_loser_that_had_sent_nothing_is_cancelled_when_it_does(two: Lab) -> None:
    two.play(f"""
        {BOTH}
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        0.6 s
                    INVITE --> c
                    100 <-- c
                    CANCEL --> c
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
        {BYE}
    """)


def test_a_loser_that_is_silent_is_left(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
                    CANCEL --> c
        a --> ACK
                    ACK --> b
        32.1 s
        10 x        CANCEL --x c
        {BYE}
    """)


def test_the_call_ends_before_the_loser_has_answered_its_cancel(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
                    CANCEL --> c
        a --> ACK
                    ACK --> b
        {BYE}
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """)


def test_a_loser_answers_when_the_call_is_over(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
                    CANCEL --x c
        a --> ACK
                    ACK --> b
        {BYE}
                    200 sdp <-- c
                    ACK --> c
                    BYE --> c
                    200 BYE <-- c
        0.6 s
                    CANCEL --> c
                    481 CANCEL <-- c
    """)


def test_cancel_with_both_ringing(two: Lab) -> None:
    two.play(f"""
        {RINGING}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
                    CANCEL --> c
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """)


def test_cancel_crosses_the_200_of_one_of_them(two: Lab) -> None:
    two.play(f"""
        {RINGING}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
                    CANCEL --> c
        a --> ACK
                    200 sdp <-- c
                    ACK --> c
                    BYE --> c
                    200 BYE <-- c
                    481 CANCEL <-- c
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_cancel_before_anybody_rings(two: Lab) -> None:
    two.play(f"""
        {BOTH}
                    100 <-- b
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    180 <-- c
                    CANCEL --> c
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """)


def test_bye_of_the_caller_in_one_early_dialog_ends_all(two: Lab) -> None:
    two.play(f"""
        {RINGING}
        a --> BYE @1
        a <-- 200 BYE
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    CANCEL --> c
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """)


# --- refused


def test_one_is_busy_the_other_answers(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    486 <-- b
                    ACK --> b
                    200 sdp <-- c
        a <-- 200 sdp @2
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (486, 480, 486),
        (480, 486, 486),
        (408, 486, 486),
        (486, 503, 486),
        (500, 486, 486),
        (404, 500, 404),
        (500, 503, 480),
        (302, 486, 486),
        (487, 486, 486),
        (408, 480, 408),
        (401, 407, 480),
        (486, 603, 603),
        (480, 600, 600),
        (415, 480, 415),
        (488, 486, 488),
    ],
)
def test_the_best_of_two_refusals(two: Lab, first: int, second: int, told: int) -> None:
    two.play(f"""
        {RINGING}
                    {first} <-- b
                    ACK --> b
                    {second} <-- c
                    ACK --> c
        a <-- {told}
        a --> ACK
    """)


def test_a_603_ends_all(two: Lab) -> None:
    """RFC 3261 16.7: the user does not want this call anywhere."""
    two.play(f"""
        {RINGING}
                    603 <-- b
                    ACK --> b
                    CANCEL --> c
        a <-- 603
        a --> ACK
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """)


def test_a_603_crosses_the_others_200(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    603 <-- b
                    ACK --> b
                    CANCEL --> c
        a <-- 603
        a --> ACK
                    200 sdp <-- c
                    ACK --> c
                    BYE --> c
                    200 BYE <-- c
                    481 CANCEL <-- c
    """)


def test_one_is_silent_the_other_refuses(two: Lab) -> None:
    """The caller hears of the refusal when the silent one is given up."""
    two.play(f"""
        {BOTH}
                    486 <-- c
                    ACK --> c
        31.9 s
        6 x         INVITE --x b
        0.2 s
        a <-- 486
        a --> ACK
    """)


def test_nobody_ever_answers(two: Lab) -> None:
    two.play(f"""
        {RINGING}
        179.9 s
        0.2 s
        a <-- 408
        a --> ACK
                    CANCEL --> b
                    CANCEL --> c
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """)


def test_199_tells_the_caller_that_an_early_dialog_is_over(two: Lab) -> None:
    """RFC 6228, for a caller that supports it."""
    two.play(f"""
        {RINGING.replace("INVITE sdp", "INVITE sdp 199", 1)}
                    486 <-- b
                    ACK --> b
        a <-- 199 @1
                    200 sdp <-- c
        a <-- 200 sdp @2
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)
    assert "486" in two.a.last("199").get("reason")
    assert len(two.plane.streams) == 0


def test_199_when_a_turn_is_over(ranked: Lab) -> None:
    ranked.play(f"""
        a --> INVITE sdp 199
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180 @1
        30.1 s
                    CANCEL --> b
        a <-- 199 @1
                    INVITE sdp --> c
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    200 sdp <-- c
        a <-- 200 sdp @2
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)


def test_no_199_for_a_caller_that_requires_100rel(two: Lab) -> None:
    """It would have to be reliable, which only the phone itself may do (RFC 6228 6)."""
    two.a.bend = partial(put, supported="199")
    two.play("""
        a --> INVITE sdp 100rel require
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    180 <-- b
        a <-- 180 rel @1
        a --> PRACK
        a <-- 200 PRACK
                    486 <-- b
                    ACK --> b
                    486 <-- c
                    ACK --> c
        a <-- 486
        a --> ACK
    """)


def test_no_199_for_a_phone_that_never_rang(two: Lab) -> None:
    two.play(f"""
        {BOTH.replace("INVITE sdp", "INVITE sdp 199", 1)}
                    180 <-- b
        a <-- 180
                    486 <-- c
                    ACK --> c
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


def test_a_phone_without_ports_for_its_media(two: Lab) -> None:
    """One branch that cannot be called is a refusal among others."""
    two.plane.fail = PortsExhausted("all taken")
    two.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> c
                    200 sdp <-- c
        a <-- 200 sdp
        a --> ACK
                    ACK --> c
    """)
    two.play(BYE_C)


# --- one after the other


def test_the_next_one_is_called_when_the_first_refuses(ranked: Lab) -> None:
    ranked.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180 @1
                    486 <-- b
                    ACK --> b
                    INVITE sdp --> c
                    180 <-- c
        a <-- 180 @2
                    200 sdp <-- c
        a <-- 200 sdp @2
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)


def test_the_next_one_is_called_when_the_first_is_not_there(ranked: Lab) -> None:
    ranked.play(f"""
        a --> INVITE sdp
        a <-- 100
        29.9 s
        6 x         INVITE --x b
        0.2 s
                    INVITE sdp --> c
        ...
                    200 sdp <-- c
        a <-- 200 sdp
        a --> ACK
                    ACK --> c
        {BYE_C}
        5 s
        ...
    """)


def test_the_next_ones_turn_comes_after_30_s_of_ringing(ranked: Lab) -> None:
    ranked.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180 @1
        29.9 s
        0.2 s
                    CANCEL --> b
                    INVITE sdp --> c
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    180 <-- c
        a <-- 180 @2
                    200 sdp <-- c
        a <-- 200 sdp @2
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)


def test_the_first_one_answers_as_its_turn_ends(ranked: Lab) -> None:
    ranked.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
        30.1 s
                    CANCEL --> b
                    INVITE sdp --> c
                    200 sdp <-- b
                    ACK --> b
                    BYE --> b
                    481 CANCEL <-- b
                    200 BYE <-- b
                    200 sdp <-- c
        a <-- 200 sdp
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)


def test_another_phone_behind_the_first_contact_answers_when_its_turn_is_over(ranked: Lab) -> None:
    """It had not been heard of before: it is acknowledged and hung up like the first."""
    ranked.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
        30.1 s
                    CANCEL --> b
                    INVITE sdp --> c
                    200 sdp @2 <-- b
                    ACK @2 --> b
                    BYE @2 --> b
                    200 BYE @2 <-- b
                    481 CANCEL <-- b
                    200 sdp <-- c
        a <-- 200 sdp
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)


def test_both_refuse_in_turn(ranked: Lab) -> None:
    ranked.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    486 <-- b
                    ACK --> b
                    INVITE sdp --> c
                    480 <-- c
                    ACK --> c
        a <-- 486
        a --> ACK
    """)


def test_a_603_of_the_first_calls_nobody_else(ranked: Lab) -> None:
    ranked.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    603 <-- b
                    ACK --> b
        a <-- 603
        a --> ACK
    """)


def test_the_first_one_cancelled_says_no_and_the_last_never_answers(ranked: Lab) -> None:
    ranked.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
        30.1 s
                    CANCEL --> b
                    INVITE sdp --> c
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    180 <-- c
        a <-- 180
        149.8 s
        0.2 s
        a <-- 408
        a --> ACK
                    CANCEL --> c
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """)


def test_a_turn_begins_with_its_invite(lab_with: Callable[..., Lab]) -> None:
    """A refusal after 20 s leaves the next contact 30 s of its own."""
    lab = lab_with()
    lab.beside("c", "2", "192.0.2.22", q=0.5)
    lab.beside("d", "2", "192.0.2.32", q=0.2)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
        20 s
                    486 <-- b
                    ACK --> b
                    INVITE sdp --> c
                    180 <-- c
        a <-- 180 @2
        29.9 s
        0.2 s
                    CANCEL --> c
                    INVITE sdp --> d
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
                    486 <-- d
                    ACK --> d
        a <-- 486
        a --> ACK
    """)


def test_a_turn_that_is_over_does_not_end_the_call(ranked: Lab) -> None:
    """Nor does a phone that answers no CANCEL."""
    ranked.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
        30.1 s
                    CANCEL --x b
                    INVITE sdp --> c
                    180 <-- c
        a <-- 180
        40 s
        10 x        CANCEL --x b
                    200 sdp <-- c
        a <-- 200 sdp
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)


def test_a_refusal_while_the_first_one_answers_no_cancel(ranked: Lab) -> None:
    """The caller hears it at once; the call ends when the silent phone is given up."""
    ranked.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
        30.1 s
                    CANCEL --x b
                    INVITE sdp --> c
                    486 <-- c
                    ACK --> c
        a <-- 486
        a --> ACK
        60 s
        10 x        CANCEL --x b
    """)


def test_cancel_between_two_turns(ranked: Lab) -> None:
    ranked.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
        30.1 s
                    CANCEL --> b
                    INVITE sdp --> c
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    180 <-- c
                    CANCEL --> c
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """)


def test_what_a_loser_still_asks_for_is_not_served(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp @1
                    CANCEL --> c
                    INFO <-- c
                    481 INFO --> c
                    UPDATE sdp <-- c
                    481 UPDATE --> c
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
        a --> INFO @2
        a <-- 481 INFO
        a --> ACK @1
                    ACK --> b
        {BYE}
    """)


def test_bye_of_a_loser_is_answered(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp @1
                    CANCEL --> c
                    BYE <-- c
                    200 BYE --> c
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_bye_of_one_of_two_that_ring(two: Lab) -> None:
    two.play(f"""
        {RINGING}
                    BYE <-- b
                    200 BYE --> b
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
        40 s
                    200 sdp <-- c
        a <-- 200 sdp @2
        a --> ACK
                    ACK --> c
        {BYE_C}
    """)


# --- several phones behind one contact


DOWNSTREAM = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                180 <-- b
    a <-- 180 @1
                180 @2 <-- b
    a <-- 180 @2
"""


def test_two_phones_behind_one_contact_ring(lab: Lab) -> None:
    lab.play(f"""
        {DOWNSTREAM}
                    200 sdp @2 <-- b
        a <-- 200 sdp @2
        a --> ACK
                    ACK @2 --> b
        a --> BYE
        a <-- 200 BYE
                    BYE @2 --> b
                    200 BYE <-- b
    """)


def test_a_phone_behind_the_contact_is_heard_of_when_all_is_over(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK @1 --> b
        a --> BYE
        a <-- 200 BYE
                    BYE @1 --> b
                    200 BYE @1 <-- b
                    180 @2 <-- b
                    200 sdp @3 <-- b
                    ACK @3 --> b
                    BYE @3 --> b
                    200 BYE @3 <-- b
    """)


def test_two_phones_behind_one_contact_answer(lab: Lab) -> None:
    """The second 200 is acknowledged and hung up (RFC 3261 13.2.2.4)."""
    lab.play(f"""
        {DOWNSTREAM}
                    200 sdp @1 <-- b
        a <-- 200 sdp @1
                    200 sdp @2 <-- b
                    ACK @2 --> b
                    BYE @2 --> b
                    200 BYE @2 <-- b
        a --> ACK
                    ACK @1 --> b
        a --> BYE
        a <-- 200 BYE
                    BYE @1 --> b
                    200 BYE @1 <-- b
    """)


def test_a_200_of_a_phone_that_was_never_heard_of(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK @1 --> b
                    200 sdp @2 <-- b
                    ACK @2 --> b
                    BYE @2 --> b
                    200 BYE @2 <-- b
        a --> BYE
        a <-- 200 BYE
                    BYE @1 --> b
                    200 BYE @1 <-- b
    """)


def test_the_second_200_again_is_acknowledged_again(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK @1 --> b
                    200 sdp @2 <-- b
                    ACK @2 --x b
                    BYE @2 --> b
                    again 200 sdp <-- b
                    ACK @2 --> b
                    200 BYE @2 <-- b
        a --> BYE
        a <-- 200 BYE
                    BYE @1 --> b
                    200 BYE @1 <-- b
    """)


def test_one_final_refusal_is_for_all_behind_the_contact(lab: Lab) -> None:
    lab.play(f"""
        {DOWNSTREAM}
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


def test_cancel_of_a_downstream_fork_is_one(lab: Lab) -> None:
    lab.play(f"""
        {DOWNSTREAM}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_cancel_crosses_two_200s_of_a_downstream_fork(lab: Lab) -> None:
    lab.play(f"""
        {DOWNSTREAM}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
        a --> ACK
                    200 sdp @1 <-- b
                    ACK @1 --> b
                    BYE @1 --> b
                    200 BYE @1 <-- b
                    200 sdp @2 <-- b
                    ACK @2 --> b
                    BYE @2 --> b
                    200 BYE @2 <-- b
                    481 CANCEL <-- b
        1 s
        ...
    """)


def test_bye_of_one_phone_behind_the_contact(lab: Lab) -> None:
    """It leaves the other ringing."""
    lab.play(f"""
        {DOWNSTREAM}
                    BYE @2 <-- b
                    200 BYE --> b
                    200 sdp @1 <-- b
        a <-- 200 sdp @1
        a --> ACK
                    ACK @1 --> b
        a --> BYE
        a <-- 200 BYE
                    BYE @1 --> b
                    200 BYE @1 <-- b
    """)


# --- early media, PRACK and UPDATE in several early dialogs


REL = """
    a --> INVITE sdp 100rel
    a <-- 100
                INVITE sdp --> b
                INVITE sdp --> c
                183 rel sdp <-- b
    a <-- 183 rel sdp @1
    a --> PRACK @1
                PRACK --> b
                200 PRACK <-- b
    a <-- 200 PRACK
                183 rel sdp <-- c
    a <-- 183 rel sdp @2
    a --> PRACK @2
                PRACK --> c
                200 PRACK <-- c
    a <-- 200 PRACK
"""


def test_prack_in_each_early_dialog(two: Lab) -> None:
    two.phones["c"].media_port = 41000
    two.play(REL)
    assert [s.remote for s in two.plane.streams] == [
        ("192.0.2.11", 40000), ("192.0.2.12", 40000), ("192.0.2.11", 40000), ("192.0.2.22", 41000),
    ]  # fmt: skip
    two.play(f"""
                    200 <-- c
        a <-- 200 @2
                    CANCEL --> b
        a --> ACK
                    ACK --> c
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
        {BYE_C}
    """)


def test_pracks_in_the_other_order(two: Lab) -> None:
    two.play(
        """
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    183 rel sdp <-- b
        a <-- 183 rel sdp @1
                    183 rel sdp <-- c
        a <-- 183 rel sdp @2
        a --> PRACK @2
                    PRACK --> c
                    200 PRACK <-- c
        a <-- 200 PRACK
        a --> PRACK @1
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    200 <-- b
        a <-- 200 @1
                    CANCEL --> c
        a --> ACK
                    ACK --> b
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
    """
        + BYE
    )


def test_update_in_each_early_dialog(two: Lab) -> None:
    two.play(f"""
        {REL}
        a --> UPDATE sdp @1
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        a --> UPDATE hold @2
                    UPDATE sdp --> c
                    200 UPDATE sdp <-- c
        a <-- 200 UPDATE sdp
                    UPDATE sdp <-- b
        a <-- UPDATE sdp @1
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
                    200 <-- b
        a <-- 200 @1
                    CANCEL --> c
        a --> ACK
                    ACK --> b
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
        {BYE}
    """)


def test_a_prack_of_one_dialog_does_not_fit_the_other(two: Lab) -> None:
    two.play("""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    183 rel sdp <-- b
        a <-- 183 rel sdp @1
                    180 <-- c
        a <-- 180 @2
    """)
    two.a.last("180").set("rseq", two.a.last("183").get("rseq"))
    two.play("""
        a --> PRACK @2
        a <-- 481 PRACK
        a --> PRACK @1
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> CANCEL
        ...
                    200 CANCEL <-- b
                    487 <-- b
                    200 CANCEL <-- c
                    487 <-- c
        ...
        a --> ACK
    """)


def test_one_whose_183_the_caller_never_acknowledges_does_not_end_the_others(two: Lab) -> None:
    """RFC 3262 3 is about the request; but another phone may still answer it."""
    two.play(
        """
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    180 <-- b
        a <-- 180 @1
                    183 rel sdp <-- c
        a x-- 183 rel sdp
        31.9 s
        6 x a x-- 183 rel sdp
        0.2 s
                    CANCEL --> c
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
                    200 sdp <-- b
        a <-- 200 sdp @1
        a --> ACK
                    ACK --> b
    """
        + BYE
    )


def test_the_200_of_one_waits_for_its_prack_while_the_other_rings(two: Lab) -> None:
    two.play(
        """
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    183 rel sdp <-- b
        a <-- 183 rel sdp @1
                    180 <-- c
        a <-- 180 @2
                    200 <-- b
                    CANCEL --> c
                    200 CANCEL <-- c
                    487 <-- c
                    ACK --> c
        a --> PRACK @1
                    PRACK --> b
        a <-- 200 @1
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> ACK
                    ACK --> b
    """
        + BYE
    )


def test_cancel_while_the_200_of_the_second_dialog_waits(two: Lab) -> None:
    """What answers the INVITE then is said under the tag of the dialog, or none: the transaction is one."""
    two.play("""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    180 <-- b
        a <-- 180 @1
                    183 rel sdp <-- c
        a <-- 183 rel sdp @2
                    200 <-- c
                    CANCEL --> b
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    ACK --> c
                    BYE --> c
        a --> ACK
                    200 BYE <-- c
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_early_media_of_two_phones_behind_one_contact(lab: Lab) -> None:
    """They share the port that they were offered: the last one to describe itself is heard."""
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 sdp <-- b
        a <-- 183 sdp @1
    """)
    lab.b.media_port = 41000
    lab.play("""
                    183 sdp @2 <-- b
        a <-- 183 sdp @2
    """)
    assert [s.remote for s in lab.plane.streams] == [("192.0.2.11", 40000), ("192.0.2.12", 41000)]
    lab.b.media_port = 40000
    lab.play("""
                    200 sdp @1 <-- b
        a <-- 200 sdp @1
        a --> ACK
                    ACK @1 --> b
    """)
    assert [s.remote for s in lab.plane.streams] == [("192.0.2.11", 40000), ("192.0.2.12", 40000)]
    lab.play(BYE)


def test_prack_in_two_dialogs_behind_one_contact(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
        a <-- 183 rel sdp @1
                    183 rel sdp @2 <-- b
        a <-- 183 rel sdp @2
        a --> PRACK @2
                    PRACK @2 --> b
                    200 PRACK @2 <-- b
        a <-- 200 PRACK
        a --> PRACK @1
                    PRACK @1 --> b
                    200 PRACK @1 <-- b
        a <-- 200 PRACK
        a --> UPDATE sdp @1
                    UPDATE sdp @1 --> b
                    200 UPDATE sdp @1 <-- b
        a <-- 200 UPDATE sdp
                    200 @2 <-- b
        a <-- 200 @2
        a --> ACK
                    ACK @2 --> b
        a --> BYE
        a <-- 200 BYE
                    BYE @2 --> b
                    200 BYE @2 <-- b
    """)


def test_a_199_of_the_callees_proxy_is_one_for_the_caller(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp 199
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180 @1
                    180 @2 <-- b
        a <-- 180 @2
                    199 @1 <-- b
        a <-- 199 @1
                    200 sdp @2 <-- b
        a <-- 200 sdp @2
        a --> ACK
                    ACK @2 --> b
        a --> BYE
        a <-- 200 BYE
                    BYE @2 --> b
                    200 BYE <-- b
    """)


def test_a_199_is_nothing_to_a_caller_that_knows_it_not(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
                    199 <-- b
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


def test_a_proxy_that_makes_dialogs_without_end(lab: Lab) -> None:
    """It is not followed beyond 16."""
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
    """)
    for n in range(2, 30):
        lab.b.say(["180", f"@{n}"])
    assert len(lab.left) == 15
    lab.play("""
        ...
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


# --- the media of several phones behind one contact


def remotes(lab: Lab) -> set[tuple[str, int] | None]:
    """Where the streams of the call send."""
    return {stream.remote for stream in lab.plane.streams}


def both_described(lab: Lab, first: str, second: str) -> None:
    """Two phones behind the contact answer the offer, on ports 41000 and 41500, and the caller acknowledges both."""
    lab.a.media_port = 42000
    lab.play(f"""
        a --> INVITE {first}
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.media_port = 41000
    lab.play(f"""
                    183 {second} <-- b
        a <-- 183 rel sdp @1
    """)
    lab.b.media_port = 41500
    lab.play(f"""
                    183 {second} @2 <-- b
        a <-- 183 rel sdp @2
        a --> PRACK @1
                    PRACK @1 --> b
                    200 PRACK @1 <-- b
        a <-- 200 PRACK
        a --> PRACK @2
                    PRACK @2 --> b
                    200 PRACK @2 <-- b
        a <-- 200 PRACK
    """)


@pytest.mark.parametrize("winner", [1, 2])
def test_the_media_is_that_of_the_phone_that_answers(lab: Lab, winner: int) -> None:
    """Its SDP was in its 183 (RFC 3262 5), and another phone behind the contact has sent one since then."""
    both_described(lab, "sdp 100rel", "rel sdp")
    lab.play(f"""
                    200 @{winner} <-- b
        a <-- 200 @{winner}
        a --> ACK @{winner}
                    ACK @{winner} --> b
    """)
    assert remotes(lab) == {("192.0.2.11", 42000), ("192.0.2.12", 41000 if winner == 1 else 41500)}
    lab.play(BYE)


def test_the_media_of_the_first_phone_with_preconditions(lab: Lab) -> None:
    both_described(lab, "pre", "pre")
    lab.b.media_port = 41000
    lab.play("""
        a --> UPDATE ready @1
                    UPDATE sdp @1 --> b
                    200 UPDATE ready @1 <-- b
        a <-- 200 UPDATE sdp @1
    """)
    lab.b.media_port = 41500
    lab.play("""
        a --> UPDATE ready @2
                    UPDATE sdp @2 --> b
                    200 UPDATE ready @2 <-- b
        a <-- 200 UPDATE sdp @2
                    180 @1 <-- b
        a <-- 180 @1
                    200 @1 <-- b
        a <-- 200 @1
        a --> ACK @1
                    ACK @1 --> b
    """)
    assert remotes(lab) == {("192.0.2.11", 42000), ("192.0.2.12", 41000)}
    lab.play(BYE)


def test_offers_of_two_phones_behind_one_contact(lab: Lab) -> None:
    """Nobody has offered: each 183 does, and each PRACK answers."""
    lab.play("""
        a --> INVITE 100rel
        a <-- 100
                    INVITE --> b
    """)
    for number, port in ((1, 41000), (2, 41500)):
        lab.b.media_port = port
        lab.a.media_port = port + 1000
        lab.play(f"""
                    183 rel sdp @{number} <-- b
            a <-- 183 rel sdp @{number}
            a --> PRACK sdp @{number}
                    PRACK sdp @{number} --> b
                    200 PRACK @{number} <-- b
            a <-- 200 PRACK @{number}
        """)
    lab.play("""
                    200 @1 <-- b
        a <-- 200 @1
        a --> ACK @1
                    ACK @1 --> b
    """)
    assert remotes(lab) == {("192.0.2.11", 42000), ("192.0.2.12", 41000)}
    lab.play(BYE)


@pytest.mark.parametrize("code", ["200", "200 sdp"])
def test_video_that_another_phone_behind_the_contact_rejects_stays(lab: Lab, code: str) -> None:
    voice, video = "audio {port} RTP/AVP 0", "video {port} RTP/AVP 99"
    lab.a.medias = [voice, video]
    lab.play("""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.medias = [voice, video]
    lab.play("""
                    183 sdp @1 <-- b
        a <-- 183 rel sdp @1
        a --> PRACK @1
        a <-- 200 PRACK
    """)
    lab.b.medias = [voice, "video 0 RTP/AVP 99"]
    lab.play("""
                    183 sdp @2 <-- b
        a <-- 183 rel sdp @2
        a --> PRACK @2
        a <-- 200 PRACK
    """)
    lab.b.medias = [voice, video]
    lab.play(f"""
                    {code} @1 <-- b
        a <-- 200 @1
        a --> ACK @1
                    ACK @1 --> b
    """)
    assert [len(record.medias) for record in lab.calls.records if record.ended is None] == [2, 2]
    lab.play(BYE)


def test_video_that_the_phone_that_answers_rejects_is_closed(lab: Lab) -> None:
    voice, video = "audio {port} RTP/AVP 0", "video {port} RTP/AVP 99"
    lab.a.medias = [voice, video]
    lab.b.medias = [voice, "video 0 RTP/AVP 99"]
    lab.play("""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 sdp @1 <-- b
        a <-- 183 rel sdp @1
        a --> PRACK @1
        a <-- 200 PRACK
                    180 @2 <-- b
        a <-- 180 @2
                    200 @1 <-- b
        a <-- 200 @1
        a --> ACK @1
                    ACK @1 --> b
    """)
    assert [stream.kind for stream in lab.plane.streams] == ["audio", "audio"]
    lab.play(BYE)


def test_an_early_answer_that_nobody_acknowledged_is_told_again(lab: Lab) -> None:
    """The 200 of the first phone has no SDP: its own 183 counts, not that of the other one."""
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.medias = ["audio {port} RTP/AVP 8"]
    lab.play("""
                    183 sdp @1 <-- b
        a <-- 183 sdp @1
    """)
    lab.b.medias = ["audio {port} RTP/AVP 0"]
    lab.play("""
                    183 sdp @2 <-- b
        a <-- 183 sdp @2
                    200 @1 <-- b
        a <-- 200 sdp @1
        a --> ACK
                    ACK @1 --> b
    """)
    assert b"RTP/AVP 8\r\n" in lab.a.last("200 sdp").body
    lab.play(BYE)


def test_one_phone_behind_the_contact_has_preconditions_the_other_has_not(lab: Lab) -> None:
    """The caller's end at the server, for the phone that has none: it does not answer before the bearer stands."""
    lab.play("""
        a --> INVITE pre
        a <-- 100
                    INVITE sdp --> b
                    183 pre @1 <-- b
        a <-- 183 rel sdp @1
        a --> PRACK @1
                    PRACK @1 --> b
                    200 PRACK @1 <-- b
        a <-- 200 PRACK
                    180 @2 <-- b
        a <-- 180 @2
                    200 sdp @2 <-- b
                    ACK @2 --> b
        a <-- 183 rel sdp @2
        a --> PRACK @2
        a <-- 200 PRACK
        a --> UPDATE ready @2
        a <-- 200 UPDATE sdp @2
        a <-- 200 @2
        a --> ACK @2
    """)
    lab.play(BYE)


def test_no_two_early_dialogs_have_the_same_description(two: Lab) -> None:
    """A phone takes an unchanged o= line for an unchanged description (RFC 3264 8), and would stay with the loser."""
    two.play(f"""
        {BOTH}
                    183 sdp <-- b
        a <-- 183 sdp @1
                    200 sdp <-- c
        a <-- 200 sdp @2
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
        a --> ACK
                    ACK --> c
    """)
    first, second = (Sdp.parse(two.a.last(label).body) for label in ("183 sdp", "200 sdp"))
    assert first.medias[0].port != second.medias[0].port
    assert first.origin != second.origin
    two.play(BYE_C)


def test_a_bearer_that_stands_for_one_of_two_phones(two: Lab) -> None:
    """The caller tells of it in the dialog of c alone; b, who rings as well, is given up, and c rings on."""
    two.play(f"""
        a --> INVITE pre
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    183 sdp <-- b
        a <-- 183 rel sdp @1
        a --> PRACK @1
        a <-- 200 PRACK
                    183 sdp <-- c
        a <-- 183 rel sdp @2
        a --> PRACK @2
        a <-- 200 PRACK
        a --> UPDATE ready @2
        a <-- 200 UPDATE sdp
                    180 <-- b
                    180 <-- c
        a <-- 180 @2
        within 31 s
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    200 <-- c
        a <-- 200 @2
        a --> ACK @2
                    ACK --> c
        {BYE_C}
    """)

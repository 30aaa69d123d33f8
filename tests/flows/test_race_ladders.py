"""Requests and answers that cross, and codes that stand for one another, as ladders (RFC 3261 9, 14; 3311 5; 6337).

a calls b. What one side has sent before it could know of the other's message. phones.py explains the lines.
"""

from functools import partial

import pytest

from lteims.sip.message import Request, Response
from tests.flows.phones import BYE, CALL, RINGING, Lab, Phone

INVITED = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                100 <-- b
"""
CANCELLED = """
    a --> CANCEL
    a <-- 200 CANCEL
    a <-- 487
                CANCEL --> b
    a --> ACK
"""
OVER = """
                200 CANCEL <-- b
                487 <-- b
                ACK --> b
"""
EARLY = """
    a --> INVITE sdp 100rel
    a <-- 100
                INVITE sdp --> b
                183 rel sdp <-- b
    a <-- 183 rel sdp
"""
PRACKED = f"""
    {EARLY}
    a --> PRACK
                PRACK --> b
                200 PRACK <-- b
    a <-- 200 PRACK
"""


def put(message: Request | Response, **headers: str) -> None:
    """Bend a message: a header with - for _."""
    for name, value in headers.items():
        message.set(name.replace("_", "-"), value)


def acknowledge(phone: Phone, cseq: int, message: Request | Response) -> None:
    """Bend an ACK: it is for the 2xx of this INVITE."""
    message.headers = phone._request("ACK", cseq).headers


# --- CANCEL and what it crosses


@pytest.mark.parametrize("response", ["180", "183 sdp", "183 rel sdp", "181", "182", "199"])
def test_cancel_crosses_a_provisional_response(lab: Lab, response: str) -> None:
    """The caller hears of it no more, and nobody acknowledges it."""
    lab.play(f"""
        {INVITED}
        {CANCELLED}
                    {response} <-- b
        {OVER}
    """)


@pytest.mark.parametrize("code", [486, 480, 408, 302, 401, 488, 500, 603])
def test_cancel_crosses_a_refusal(lab: Lab, code: int) -> None:
    lab.play(f"""
        {RINGING}
        {CANCELLED}
                    {code} <-- b
                    ACK --> b
                    481 CANCEL <-- b
    """)


def test_cancel_crosses_the_200_and_is_answered_first(lab: Lab) -> None:
    """A callee that answers its 200 again and again is acknowledged each time."""
    lab.play(f"""
        {RINGING}
        {CANCELLED}
                    481 CANCEL <-- b
                    200 sdp <-- b
                    ACK --x b
                    BYE --> b
                    again 200 sdp <-- b
                    ACK --> b
                    200 BYE <-- b
    """)


def test_a_487_before_the_200_to_the_cancel(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        {CANCELLED}
                    487 <-- b
                    ACK --> b
                    200 CANCEL <-- b
    """)


def test_a_callee_that_cancels_itself(lab: Lab) -> None:
    """487 without a CANCEL: the caller gets it as it is."""
    lab.play(f"""
        {RINGING}
                    487 <-- b
                    ACK --> b
        a <-- 487
        a --> ACK
    """)


def test_cancel_crosses_the_refusal_on_the_way_to_the_caller(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    486 <-- b
                    ACK --> b
        a x-- 486
        a --> CANCEL
        a <-- 200 CANCEL
        0.6 s
        a <-- 486
        a --> ACK
    """)


def test_cancel_behind_the_ack(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> CANCEL
        a <-- 200 CANCEL
        {BYE}
    """)


def test_cancel_and_bye_of_one_caller(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        {CANCELLED}
        a --> BYE
        a <-- 200 BYE
        {OVER}
    """)


def test_bye_and_cancel_of_one_caller(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> BYE
        a <-- 200 BYE
        a <-- 487
                    CANCEL --> b
        a --> CANCEL
        a <-- 200 CANCEL
        a --> ACK
        {OVER}
    """)


def test_cancel_with_an_update_and_a_prack_open(lab: Lab) -> None:
    lab.play(f"""
        {PRACKED}
                    UPDATE sdp <-- b
        a <-- UPDATE sdp
        {CANCELLED}
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
        {OVER}
    """)


def test_prack_crosses_the_refusal(lab: Lab) -> None:
    """The call is over: nothing is left that the PRACK could acknowledge."""
    lab.play(f"""
        {EARLY}
                    486 <-- b
                    ACK --> b
        a x-- 486
        a --> PRACK
        a <-- 481 PRACK
        0.6 s
        a <-- 486
        a --> ACK
    """)


def test_the_callees_refusal_crosses_our_prack(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> PRACK
                    PRACK --> b
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
                    200 PRACK <-- b
        a <-- 200 PRACK
    """)


def test_the_callees_200_crosses_our_prack(lab: Lab) -> None:
    """A callee that does not wait (RFC 3262 3 forbids it with SDP) is acknowledged, the PRACK goes on."""
    lab.play(f"""
        {EARLY}
        a --> PRACK
                    PRACK --> b
                    200 <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {BYE}
    """)


# --- hanging up


def test_both_hang_up_at_once(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> BYE
        a <-- 200 BYE
                    BYE --> b
                    BYE <-- b
                    481 BYE --> b
                    200 BYE <-- b
    """)


def test_bye_of_the_callee_before_the_caller_has_acknowledged(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
                    BYE <-- b
                    200 BYE --> b
                    ACK --> b
        a --> ACK
        a <-- BYE
        a --> 200 BYE
    """)


def test_bye_of_the_caller_instead_of_its_ack(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
        a --> BYE
        a <-- 200 BYE
                    ACK --> b
                    BYE --> b
                    200 BYE <-- b
        10 s
    """)


def test_bye_crosses_an_update(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
    """)


def test_bye_crosses_a_reinvite_of_the_same_side(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    100 <-- b
        a --> BYE
        a <-- 200 BYE
                    CANCEL --> b
                    BYE --> b
        a <-- 487
        a --> ACK
                    200 BYE <-- b
                    487 <-- b
                    ACK --> b
                    200 CANCEL <-- b
    """)


def test_a_second_bye_is_answered_for_nothing(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> BYE
        a <-- 200 BYE
                    BYE --> b
                    200 BYE <-- b
        a --> BYE
        a <-- 481 BYE
    """)


# --- two offers


def test_glare_of_reinvites(lab: Lab) -> None:
    """Each side has an INVITE of its own under way (RFC 3261 14.1)."""
    lab.play(f"""
        {CALL}
                    INVITE sdp <-- b
                    100 --> b
        a <-- INVITE sdp
        a --> INVITE sdp
        a <-- 491
        a --> ACK
        a --> 491
        a <-- ACK
                    491 --> b
                    ACK <-- b
        {BYE}
    """)


def test_glare_and_the_second_try(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp <-- b
                    491 --> b
                    ACK <-- b
                    491 <-- b
                    ACK --> b
        a <-- 491
        a --> ACK
        1.5 s
                    INVITE sdp <-- b
                    100 --> b
        a <-- INVITE sdp
        a --> 200 sdp
                    200 sdp --> b
                    ACK <-- b
        a <-- ACK
        {BYE}
    """)


def test_glare_of_a_reinvite_and_an_update(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    UPDATE sdp <-- b
                    491 UPDATE --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_glare_of_an_update_and_a_reinvite(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    INVITE sdp <-- b
                    100 --> b
                    491 --> b
                    ACK <-- b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        {BYE}
    """)


def test_two_updates_cross(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
                    UPDATE sdp <-- b
        a <-- UPDATE sdp
        a --> UPDATE sdp
        a <-- 491 UPDATE
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
        {BYE}
    """)


def test_a_second_offer_behind_an_open_one(lab: Lab) -> None:
    """RFC 3311 5.2: 500, and when to come back."""
    lab.play(f"""
        {CALL}
        a --> UPDATE sdp
                    UPDATE sdp --> b
        a --> UPDATE sdp
        a <-- 500 UPDATE
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        {BYE}
    """)
    assert 0 <= int(lab.a.last("500 UPDATE").get("retry-after")) <= 10


def test_an_update_without_offer_is_no_glare(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    UPDATE <-- b
                    200 UPDATE --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_reinvite_of_the_caller_before_its_ack(lab: Lab) -> None:
    """The 200 is not acknowledged: another INVITE has to wait (RFC 3261 14.1)."""
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
        a --> INVITE sdp
        a <-- 500
        a --> ACK
    """)
    assert lab.a.last("500").get("retry-after")
    lab.a.bend = partial(acknowledge, lab.a, 1)
    lab.play(f"""
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_reinvite_of_the_callee_before_the_callers_ack(lab: Lab) -> None:
    """Its own INVITE is not acknowledged yet: our 200 is not through (RFC 3261 14.2)."""
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
                    INVITE sdp <-- b
                    100 --> b
                    491 --> b
                    ACK <-- b
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_an_update_of_the_callee_before_the_callers_ack(lab: Lab) -> None:
    """Its answer is given: it may offer anew, and the caller takes it with its ACK still under way."""
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
                    UPDATE sdp <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_reinvite_before_the_ack_of_the_last_one(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> INVITE sdp
        a <-- 500
        a --> ACK
    """)
    lab.a.bend = partial(acknowledge, lab.a, 2)
    lab.play(f"""
        a --> ACK
                    ACK --> b
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_the_far_side_reinvites_before_our_ack(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
                    INVITE sdp <-- b
                    100 --> b
                    491 --> b
                    ACK <-- b
        a --> ACK
                    ACK --> b
        {BYE}
    """)


# --- CANCEL of a re-INVITE


def test_the_callee_cancels_its_reinvite(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
                    INVITE sdp <-- b
                    100 --> b
        a <-- INVITE sdp
        a --> 100
                    CANCEL <-- b
                    200 CANCEL --> b
        a <-- CANCEL
        a --> 200 CANCEL
        a --> 487
        a <-- ACK
                    487 --> b
                    ACK <-- b
        {BYE}
    """)


def test_the_callee_cancels_its_reinvite_and_the_200_crosses(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
                    INVITE sdp <-- b
                    100 --> b
        a <-- INVITE sdp
        a --> 100
                    CANCEL <-- b
                    200 CANCEL --> b
        a <-- CANCEL
        a --> 200 sdp
                    200 sdp --> b
        a --> 481 CANCEL
                    ACK <-- b
        a <-- ACK
        {BYE}
    """)


def test_a_provisional_response_to_a_reinvite_ends_here(lab: Lab) -> None:
    """The other side has its 100; a reliable one is acknowledged by the server."""
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
                    183 rel <-- b
                    PRACK --> b
                    200 PRACK <-- b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


# --- an ACK that lacks something


def test_an_ack_without_the_answer_that_it_owes(lab: Lab) -> None:
    """There is no session without it (RFC 3261 13.2.2.4)."""
    lab.play("""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        a <-- BYE
                    BYE --> b
        a --> 200 BYE
                    200 BYE <-- b
    """)


def test_an_ack_with_an_offer_that_nobody_asked_for(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK --> b
        {BYE}
    """)
    assert not lab.b.last("ACK").body


def test_the_ack_again_is_nothing_new(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> again ACK
        1 s
        {BYE}
    """)


def test_the_200_again_behind_the_bye(lab: Lab) -> None:
    """The callee's ACK was lost, and the call is over: it gets it all the same."""
    lab.play(f"""
        {CALL.replace("ACK --> b", "ACK --x b")}
        {BYE}
                    again 200 sdp <-- b
                    ACK --> b
    """)


# --- codes from one leg to the other


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (300, 480), (301, 480), (302, 480), (305, 480), (380, 480),
        (400, 400), (401, 480), (403, 403), (404, 404), (406, 406), (407, 480), (408, 408), (410, 410), (415, 415),
        (420, 420), (433, 433), (480, 480), (481, 481), (483, 483), (484, 484), (486, 486), (487, 487), (488, 488),
        (491, 491), (500, 500), (501, 501), (503, 480), (504, 504), (513, 513), (580, 580),
        (600, 600), (603, 603), (604, 604), (606, 606),
    ],
)  # fmt: skip
def test_the_callees_code_and_the_callers(lab: Lab, code: int, told: int) -> None:
    lab.play(f"""
        {INVITED}
                    {code} <-- b
                    ACK --> b
        a <-- {told}
        a --> ACK
    """)


@pytest.mark.parametrize("code", [180, 181, 182, 183, 189])
def test_a_provisional_code_is_the_callers_too(lab: Lab, code: int) -> None:
    lab.play(f"""
        {INVITED}
                    {code} <-- b
        a <-- {code}
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


@pytest.mark.parametrize("code", [202, 299])
def test_any_2xx_is_an_answer(lab: Lab, code: int) -> None:
    lab.play(f"""
        {INVITED}
                    {code} sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_contact_of_a_redirection_is_not_shown(lab: Lab) -> None:
    lab.b.bend = None
    lab.play(INVITED)
    lab.b.bend = partial(put, contact="<sip:elsewhere@198.51.100.1>")
    lab.play("""
                    302 <-- b
                    ACK --> b
        a <-- 480
        a --> ACK
    """)
    assert "contact" not in lab.a.last("480").headers


def test_a_challenge_of_the_callee_is_not_shown(lab: Lab) -> None:
    lab.play(INVITED)
    lab.b.bend = partial(put, proxy_authenticate='Digest realm="x", nonce="y"')
    lab.play("""
                    407 <-- b
                    ACK --> b
        a <-- 480
        a --> ACK
    """)
    assert "proxy-authenticate" not in lab.a.last("480").headers


def test_a_refusal_after_the_200_is_not_heard(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200 sdp
                    486 <-- b
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_180_after_the_200_is_not_heard(lab: Lab) -> None:
    lab.play(f"""
        {INVITED}
                    200 sdp <-- b
        a <-- 200 sdp
                    180 <-- b
        a --> ACK
                    ACK --> b
        {BYE}
    """)

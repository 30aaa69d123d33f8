"""Reliable provisional responses as ladders on both legs (RFC 3262; offers and answers: 3262 5, RFC 6337).

a calls b; `rel` is a response that must be acknowledged. phones.py explains the lines.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from lteims.config import ImpuConfig
from lteims.media.sdp import Sdp
from lteims.sip.message import Message, Request, Response
from tests.flows.phones import BYE, Lab, user

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
ANSWERED = """
                200 <-- b
    a <-- 200
    a --> ACK
                ACK --> b
"""


def put(message: Request | Response, **headers: str) -> None:
    """Bend a message: a header with - for _."""
    for name, value in headers.items():
        message.set(name.replace("_", "-"), value)


def lacks(message: Message, name: str) -> bool:
    """Is a header absent?"""
    return name not in message.headers


# --- who wants it and who does not


def test_183_with_sdp_then_180_then_200(lab: Lab) -> None:
    lab.play(f"""
        {PRACKED}
                    180 <-- b
        a <-- 180
        {ANSWERED}
        {BYE}
    """)
    early, ringing, ok, prack = (lab.a.last(label) for label in ("183", "180", "200", "200 PRACK"))
    assert early.get("require") == "100rel"
    assert lacks(ringing, "rseq")
    assert lacks(ringing, "require")
    assert not ok.body  # the answer has been given, reliably
    assert early.to.tag == ringing.to.tag == ok.to.tag == prack.to.tag


def test_the_callees_prack_names_its_own_response(lab: Lab) -> None:
    lab.b.bend = partial(put, rseq="4711")
    lab.play(PRACKED)
    prack = lab.b.last("PRACK")
    assert prack.get("rack") == "4711 1 INVITE"
    assert lab.a.last("183").get("rseq") != "4711"
    assert prack.target == "sip:2@192.0.2.12:5060"
    assert prack.to.tag == lab.b.tag
    lab.play(ANSWERED + BYE)


def test_the_invite_to_the_callee_supports_it(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE --> b
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)
    assert "100rel" in lab.b.last("INVITE").get("supported")
    assert lacks(lab.b.last("INVITE"), "require")


def test_a_reliable_180_without_sdp(lab: Lab) -> None:
    lab.play(f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    180 rel <-- b
        a <-- 180 rel
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_caller_that_requires_it_and_a_callee_that_has_it_not(lab: Lab) -> None:
    lab.play(f"""
        a --> INVITE sdp 100rel require
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180 rel
        a --> PRACK
        a <-- 200 PRACK
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_caller_that_supports_it_gets_sdp_reliably_from_a_callee_that_has_it_not(lab: Lab) -> None:
    lab.play(f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 sdp <-- b
        a <-- 183 rel sdp
        a --> PRACK
        a <-- 200 PRACK
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert not lab.a.last("200").body


def test_a_caller_that_supports_it_rings_unreliably(lab: Lab) -> None:
    lab.play(f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert lacks(lab.a.last("180"), "rseq")


def test_a_caller_without_it_and_a_callee_that_has_it(lab: Lab) -> None:
    """The server acknowledges for itself, and the caller gets its answer in the 200."""
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    180 rel <-- b
                    PRACK --> b
        a <-- 180
                    200 PRACK <-- b
                    200 <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert lacks(lab.a.last("183"), "rseq")
    assert lacks(lab.a.last("180"), "require")
    assert Sdp.parse(lab.a.last("183").body).medias == Sdp.parse(lab.a.last("200 sdp").body).medias


def test_switched_off_a_require_is_refused(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(rel100=False)
    lab.play("""
        a --> INVITE sdp 100rel require
        a <-- 100
        a <-- 420
        a --> ACK
    """)
    assert lab.a.last("420").get("unsupported") == "100rel"


def test_switched_off_a_supported_is_not_heard(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(rel100=False)
    lab.play(f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 sdp <-- b
        a <-- 183 sdp
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert lacks(lab.a.last("183"), "rseq")
    assert "100rel" not in lab.b.last("INVITE").get("supported")


def test_switched_off_for_the_caller_alone(lab_with: Callable[..., Lab]) -> None:
    own = user("1", ImpuConfig(impu="1", rel100=False))
    lab = lab_with(users=(own, user("2"), user("3")))
    lab.play("""
        a --> INVITE sdp 100rel require
        a <-- 100
        a <-- 420
        a --> ACK
    """)
    lab.a.fresh()
    lab.play(f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    200 <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert lacks(lab.a.last("183"), "rseq")


def test_switched_off_for_the_callee_alone(lab_with: Callable[..., Lab]) -> None:
    """The callee hears nothing of it; the caller that requires it has it with the server."""
    its = user("2", ImpuConfig(impu="2"), ImpuConfig(impu="tel:+49302", rel100=False))
    lab = lab_with(users=(user("1"), its, user("3")))
    lab.play(f"""
        a --> INVITE sdp 100rel require
        a <-- 100
                    INVITE sdp --> b
                    183 sdp <-- b
        a <-- 183 rel sdp
        a --> PRACK
        a <-- 200 PRACK
                    200 sdp <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert "100rel" not in lab.b.last("INVITE").get("supported")


def test_the_echo_for_a_caller_that_requires_it(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE sdp 100rel require
        a <-- 100
        a <-- 180 rel
        a <-- 200 sdp
        a --> PRACK
        a <-- 200 PRACK
        a --> ACK
        a --> BYE
        a <-- 200 BYE
    """)


def test_a_reliable_response_without_rseq_is_an_unreliable_one(lab: Lab) -> None:
    lab.b.bend = partial(put, require="100rel")
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


# --- lost and repeated


def test_the_response_is_sent_again_until_its_prack_comes(lab: Lab) -> None:
    """T1 doubling, without the cap of T2 (RFC 3262 3)."""
    lab.play(f"""
        {EARLY.replace("a <-- 183", "a x-- 183")}
        0.4 s
        0.2 s
        a x-- 183 rel sdp
        1.0 s
        a x-- 183 rel sdp
        2.0 s
        a x-- 183 rel sdp
        4.0 s
        a x-- 183 rel sdp
        8.0 s
        a <-- 183 rel sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        20 s
        {ANSWERED}
        {BYE}
    """)


def test_a_prack_that_never_comes_ends_the_call(lab: Lab) -> None:
    """Within 64*T1; the callee is cancelled (RFC 3262 3)."""
    lab.play(f"""
        {EARLY}
        31.9 s
        6 x a <-- 183 rel sdp
        0.2 s
        a <-- 504
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_a_prack_sent_again_is_answered_again(lab: Lab) -> None:
    lab.play(f"""
        {PRACKED.replace("a <-- 200 PRACK", "a x-- 200 PRACK")}
        a --> again PRACK
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)


def test_a_prack_that_the_callee_lost_is_sent_again_by_us(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> PRACK
                    PRACK --x b
                    again 183 <-- b
        0.6 s
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)


def test_a_prack_that_the_callee_never_answers(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> PRACK
        31.9 s
        11 x        PRACK --x b
        0.2 s
        a <-- 408 PRACK
        a <-- 480
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


@pytest.mark.parametrize("rack", ["4711 1 INVITE", "99999999 1 INVITE", "{rseq} 2 INVITE", "{rseq} 1 UPDATE"])
def test_a_prack_that_fits_nothing(lab: Lab, rack: str) -> None:
    lab.play(EARLY)
    lab.a.bend = partial(put, rack=rack.format(rseq=lab.a.last("183").get("rseq")))
    lab.play(f"""
        a --> PRACK
        a <-- 481 PRACK
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)


def test_a_second_prack_for_the_same_response(lab: Lab) -> None:
    lab.play(f"""
        {PRACKED}
        a --> PRACK
        a <-- 481 PRACK
        {ANSWERED}
        {BYE}
    """)


def test_a_prack_without_rack(lab: Lab) -> None:
    def forget(message: Request | Response) -> None:
        del message.headers["rack"]

    lab.play(EARLY)
    lab.a.bend = forget
    lab.play(f"""
        a --> PRACK
        a <-- 400 PRACK
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)


def test_a_prack_of_an_unreliable_call(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
    """)
    lab.a.last("180").set("rseq", "1")
    lab.play("""
        a --> PRACK
        a <-- 481 PRACK
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


# --- several under way


def test_the_second_one_waits_for_the_prack_of_the_first(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    180 rel <-- b
        a --> PRACK
                    PRACK --> b
        a <-- 180 rel
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)
    assert [m.get("rack") for m in lab.b.inbox if isinstance(m, Request) and m.method == "PRACK"] == [
        "1 1 INVITE", "2 1 INVITE",
    ]  # fmt: skip
    first, second = (int(lab.a.last(code).get("rseq")) for code in ("183", "180"))
    assert second == first + 1


def test_one_that_overtakes_another_is_left_until_its_turn(lab: Lab) -> None:
    lab.play(PRACKED)
    lab.b.rseq = 2
    lab.play("""
                    180 rel <-- b
        1 s
    """)
    lab.b.rseq = 1
    lab.play(f"""
                    183 rel <-- b
        a <-- 183 rel
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    again 180 rel <-- b
        a <-- 180 rel
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)
    assert lab.b.last("PRACK").get("rack") == "3 1 INVITE"


def test_one_that_came_twice_is_told_once(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    again 183 <-- b
        a --> PRACK
                    PRACK --> b
                    again 183 <-- b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)


def test_the_200_waits_for_the_prack(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    200 <-- b
        0.4 s
        a --> PRACK
                    PRACK --> b
        a <-- 200
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_the_200_does_not_wait_for_a_180_without_sdp(lab: Lab) -> None:
    lab.play(f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    180 rel <-- b
        a <-- 180 rel
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_refusal_does_not_wait(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
        10 s
    """)


def test_cancel_while_the_200_waits(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    200 <-- b
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    ACK --> b
                    BYE --> b
        a --> ACK
                    200 BYE <-- b
    """)


def test_bye_of_the_caller_while_the_200_waits(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    200 <-- b
        a --> BYE
        a <-- 200 BYE
                    ACK --> b
                    BYE --> b
        a <-- 487
        a --> ACK
                    200 BYE <-- b
    """)


def test_bye_of_the_callee_while_its_200_waits(lab: Lab) -> None:
    """The caller has no dialog to hang up yet: its INVITE is refused."""
    lab.play(f"""
        {EARLY}
                    200 <-- b
                    BYE <-- b
                    200 BYE --> b
                    ACK --> b
        a <-- 480
        a --> ACK
    """)


def test_the_prack_for_which_a_200_waits_never_comes(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    200 <-- b
        31.9 s
        6 x a <-- 183 rel sdp
        0.2 s
        a <-- 504
                    ACK --> b
                    BYE --> b
        a --> ACK
                    200 BYE <-- b
    """)


def test_cancel_while_a_183_waits_for_its_prack(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
        5 s
    """)


def test_cancel_while_the_callee_has_not_answered_the_prack(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> PRACK
                    PRACK --> b
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
    """)


# --- offers and answers (RFC 3262 5)


def test_an_offer_in_a_183_is_answered_in_the_prack(lab: Lab) -> None:
    lab.a.media_port, lab.b.media_port = 42000, 41000
    lab.play(f"""
        a --> INVITE 100rel
        a <-- 100
                    INVITE --> b
                    183 rel sdp <-- b
        a <-- 183 rel sdp
        a --> PRACK sdp
                    PRACK sdp --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
    """)
    assert "100rel" in lab.b.last("INVITE").get("supported")
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.12", 41000), ("192.0.2.11", 42000)]
    lab.play(BYE)


def test_an_offer_in_a_200_where_the_183_had_none(lab: Lab) -> None:
    lab.play(f"""
        a --> INVITE 100rel
        a <-- 100
                    INVITE --> b
                    180 rel <-- b
        a <-- 180 rel
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK sdp --> b
        {BYE}
    """)


def test_a_caller_without_offer_and_without_100rel(lab: Lab) -> None:
    """It could not answer an offer in a 183: the callee is not told that it may make one there."""
    lab.play(f"""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK sdp --> b
        {BYE}
    """)
    assert "100rel" not in lab.b.last("INVITE").get("supported")


def test_a_callee_that_offers_in_a_183_though_nobody_can_answer(lab: Lab) -> None:
    lab.play(f"""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    183 rel sdp <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    200 <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK sdp --> b
        {BYE}
    """)


def test_an_offer_in_an_unreliable_183_does_not_count(lab: Lab) -> None:
    """The offer is the one of the 200 (RFC 3261 13.2.1)."""
    lab.play(f"""
        a --> INVITE 100rel
        a <-- 100
                    INVITE --> b
                    183 sdp <-- b
        a <-- 183
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK sdp --> b
        {BYE}
    """)
    assert not lab.a.last("183").body


def test_a_prack_without_the_answer_that_it_owes(lab: Lab) -> None:
    """Without an answer there is no session: the callee's 200 cannot help."""
    lab.play("""
        a --> INVITE 100rel
        a <-- 100
                    INVITE --> b
                    183 rel sdp <-- b
        a <-- 183 rel sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> CANCEL
        ...
                    200 CANCEL <-- b
                    487 <-- b
        ...
        a --> ACK
    """)


def test_a_new_offer_in_the_prack_is_answered_in_its_200(lab: Lab) -> None:
    lab.play(EARLY)
    lab.a.media_port, lab.b.media_port = 42000, 41000
    lab.play("""
        a --> PRACK sdp
                    PRACK sdp --> b
                    200 PRACK sdp <-- b
        a <-- 200 PRACK sdp
    """)
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.11", 42000), ("192.0.2.12", 41000)]
    lab.play(ANSWERED + BYE)


def test_a_new_offer_in_the_prack_that_the_callee_refuses(lab: Lab) -> None:
    lab.play(EARLY)
    lab.a.media_port = 42000
    lab.play("""
        a --> PRACK sdp
                    PRACK sdp --> b
                    488 PRACK <-- b
        a <-- 488 PRACK
    """)
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.11", 40000), ("192.0.2.12", 40000)]
    lab.play(ANSWERED + BYE)


def test_a_new_offer_in_the_prack_goes_on_as_an_update(lab: Lab) -> None:
    """The callee's 180 was unreliable, so that no PRACK can be sent to it."""
    lab.play("""
        a --> INVITE sdp 100rel require
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
        a <-- 183 rel sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    180 <-- b
        a <-- 180 rel
    """)
    lab.a.media_port = 42000
    lab.play(f"""
        a --> PRACK sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 PRACK sdp
        {ANSWERED}
    """)
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.11", 42000), ("192.0.2.12", 40000)]
    lab.play(BYE)


def test_a_new_offer_in_a_prack_that_the_callee_does_not_see(lab: Lab) -> None:
    """Its 183 was unreliable: the offer that is only the refresh of the first one is answered here."""
    lab.play(f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 sdp <-- b
        a <-- 183 rel sdp
        a --> PRACK sdp
        a <-- 200 PRACK sdp
                    200 sdp <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_bad_answer_in_the_prack(lab: Lab) -> None:
    def spoil(message: Request | Response) -> None:
        message.body = b"no sdp"

    lab.play("""
        a --> INVITE 100rel
        a <-- 100
                    INVITE --> b
                    183 rel sdp <-- b
        a <-- 183 rel sdp
    """)
    lab.a.bend = spoil
    lab.play(
        """
        a --> PRACK sdp
        a <-- 400 PRACK
        a --> PRACK sdp
                    PRACK sdp --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    200 <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
    """
        + BYE
    )


# --- phones as they are


def test_a_refresher_in_the_prack(lab: Lab) -> None:
    """As Samsung phones send it."""
    lab.play(EARLY)
    lab.a.bend = partial(put, session_expires="1800;refresher=uac", supported="timer,100rel,precondition")
    lab.play(f"""
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)
    assert lacks(lab.b.last("PRACK"), "session-expires")


@pytest.mark.parametrize("contact", ["", "<sip:1@192.0.2.11:5060>"])
def test_a_prack_with_and_without_contact(lab: Lab, contact: str) -> None:
    """Huawei phones put none, others do; it moves no target (RFC 3262 7.2)."""

    def first_from(message: Request | Response) -> None:
        message.headers = {"from": message.headers["from"]} | message.headers
        if contact:
            message.set("contact", contact)

    lab.play(EARLY)
    lab.a.bend = first_from
    lab.play(f"""
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)
    assert lacks(lab.b.last("PRACK"), "contact")


def test_a_require_without_blanks_and_a_foreign_option(lab: Lab) -> None:
    lab.b.bend = partial(put, require="precondition,100rel")
    lab.play(f"""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
        a <-- 183 rel sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)


def test_a_callee_that_answers_no_prack_but_the_invite(lab: Lab) -> None:
    """The call stands; the PRACK that the server itself sent is repeated in vain and harms nobody."""
    lab.play(
        """
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
                    PRACK --x b
        a <-- 183 sdp
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        33 s
        10 x        PRACK --x b
    """
        + BYE
    )


def test_a_callee_that_refuses_our_prack(lab: Lab) -> None:
    lab.play(
        """
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
                    PRACK --> b
        a <-- 183 sdp
                    481 PRACK <-- b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """
        + BYE
    )


def test_everything_over_tcp(lab: Lab) -> None:
    options: dict[str, Any] = {"transport": "TCP", "port": 34567}
    lab.a = lab.phone("a", "1", "192.0.2.11", **options)
    lab.b = lab.phone("b", "2", "192.0.2.12", **options)
    lab.a.target = "tel:+49302"
    lab.play(f"""
        {EARLY.replace("a <-- 183", "a x-- 183")}
        0.6 s
        a <-- 183 rel sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)


def test_ringing_without_end_that_nobody_acknowledges(lab: Lab) -> None:
    """What is too much is left unanswered, so that it fills no memory; what was told is acknowledged in its order."""
    lab.play("""
        a --> INVITE sdp 100rel
        a <-- 100
                    INVITE sdp --> b
                    180 rel <-- b
        a <-- 180 rel
        200 x       180 rel <-- b
    """)
    branch = next(iter(lab.calls)).branch
    assert len(branch.unpracked) == 33
    for number in range(1, 33):
        lab.play("""
            a --> PRACK
                    PRACK --> b
            a <-- 180 rel
                    200 PRACK <-- b
            a <-- 200 PRACK
        """)
        assert lab.b.last("PRACK").get("rack") == f"{number} 1 INVITE"
    lab.play(f"""
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED.replace("200 <--", "200 sdp <--").replace("a <-- 200", "a <-- 200 sdp")}
        {BYE}
    """)

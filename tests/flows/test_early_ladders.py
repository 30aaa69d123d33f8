"""What passes in early dialogs, as ladders: media, UPDATE, INFO, BYE; tags, targets, routes (RFC 3261 12, RFC 3311).

a calls b; both speak 100rel, so that the first offer is answered before the call is. phones.py explains the lines.
"""

from functools import partial

import pytest

from lteims.media.sdp import Sdp
from lteims.sip.message import Request, Response
from tests.flows.phones import BYE, RINGING, SERVER, Lab

EARLY = """
    a --> INVITE sdp 100rel
    a <-- 100
                INVITE sdp --> b
                183 rel sdp <-- b
    a <-- 183 rel sdp
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
REFUSED = """
                486 <-- b
                ACK --> b
    a <-- 486
    a --> ACK
"""


def put(message: Request | Response, **headers: str) -> None:
    """Bend a message: a header with - for _."""
    for name, value in headers.items():
        message.set(name.replace("_", "-"), value)


def remotes(lab: Lab) -> list[tuple[str, int] | None]:
    """Where the media of the caller's and of the callee's side goes."""
    return [stream.remote for stream in lab.plane.streams]


# --- media


def test_the_callees_tone_reaches_the_caller(lab: Lab) -> None:
    lab.play(EARLY)
    callers, callees = lab.plane.streams
    assert (callers.out, callees.out) == (callees, callers)
    assert remotes(lab) == [("192.0.2.11", 40000), ("192.0.2.12", 40000)]
    assert Sdp.parse(lab.a.last("183").body).medias[0].port == callers.port
    lab.play(ANSWERED + BYE)


def test_sdp_in_183_180_and_200_alike(lab: Lab) -> None:
    """An unreliable answer may come again; the caller has the same each time (RFC 3261 13.2.1)."""
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 sdp <-- b
        a <-- 183 sdp
                    180 sdp <-- b
        a <-- 180 sdp
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert len({m.body for m in lab.a.inbox if m.body}) == 1


def test_p_early_media_goes_on(lab: Lab) -> None:
    lab.b.bend = partial(put, p_early_media="sendrecv")
    lab.play(EARLY + REFUSED)
    assert lab.a.last("183").get("p-early-media") == "sendrecv"


def test_no_sdp_of_use_in_a_183_is_no_answer(lab: Lab) -> None:
    def spoil(message: Request | Response) -> None:
        message.body = b"no sdp"

    lab.b.bend = spoil
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 sdp <-- b
        a <-- 183
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert not lab.a.last("183").body


# --- UPDATE


def test_the_caller_updates_before_the_answer(lab: Lab) -> None:
    lab.play(EARLY)
    lab.a.media_port, lab.b.media_port = 42000, 41000
    lab.play("""
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
    """)
    assert remotes(lab) == [("192.0.2.11", 42000), ("192.0.2.12", 41000)]
    assert lab.b.last("UPDATE").to.tag == lab.b.tag
    assert lab.b.last("UPDATE").get("contact") == f"<sip:1@{SERVER}:5060>"
    lab.play(ANSWERED + BYE)


def test_the_callee_updates_before_its_answer(lab: Lab) -> None:
    lab.play(EARLY)
    lab.b.media_port = 41000
    lab.play("""
                    UPDATE sdp <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
    """)
    assert remotes(lab) == [("192.0.2.11", 40000), ("192.0.2.12", 41000)]
    assert lab.a.last("UPDATE").from_.tag == lab.a.last("183").to.tag
    assert lab.a.last("UPDATE").to.tag == lab.a.tag
    lab.play(ANSWERED + BYE)


def test_both_update_one_after_the_other(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> UPDATE hold
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
                    UPDATE hold <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
                    180 <-- b
        a <-- 180
        {ANSWERED}
        {BYE}
    """)


def test_updates_that_cross_are_refused_both(lab: Lab) -> None:
    """RFC 3311 5.2: each side has an offer of ours open, or we of it."""
    lab.play(f"""
        {EARLY}
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    UPDATE sdp <-- b
                    491 UPDATE --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        {ANSWERED}
        {BYE}
    """)


def test_a_second_update_while_the_first_is_open(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> UPDATE sdp
                    UPDATE sdp --> b
        a --> UPDATE sdp
        a <-- 500 UPDATE
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        {ANSWERED}
        {BYE}
    """)
    assert 0 <= int(lab.a.last("500 UPDATE").get("retry-after")) <= 10


def test_an_update_before_the_first_offer_is_answered(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> UPDATE sdp
        a <-- 500 UPDATE
                    UPDATE sdp <-- b
                    491 UPDATE --> b
        {REFUSED}
    """)
    assert lab.a.last("500 UPDATE").get("retry-after")


def test_an_offer_in_an_update_while_a_183_has_no_prack(lab: Lab) -> None:
    """The answer is in a response that the caller has not acknowledged, but it has sent an offer: so it has it."""
    lab.play(f"""
        {EARLY.partition("a --> PRACK")[0]}
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)


@pytest.mark.parametrize("code", [488, 504, 606])
def test_an_update_refused_leaves_the_media(lab: Lab, code: int) -> None:
    lab.play(EARLY)
    lab.a.media_port = 42000
    lab.play(f"""
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    {code} UPDATE <-- b
        a <-- {code} UPDATE
    """)
    assert remotes(lab) == [("192.0.2.11", 40000), ("192.0.2.12", 40000)]
    lab.play(ANSWERED + BYE)


def test_an_update_to_a_phone_that_takes_none_is_answered_here(lab: Lab) -> None:
    """In an early dialog nothing else can carry an offer; one that changes nothing needs no other side."""
    lab.b.allow = "INVITE, ACK, CANCEL, BYE, PRACK"
    lab.play(f"""
        {EARLY}
        a --> UPDATE sdp
        a <-- 200 UPDATE sdp
        {ANSWERED}
        {BYE}
    """)


def test_an_update_without_offer_is_a_matter_of_its_leg(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> UPDATE
        a <-- 200 UPDATE
                    UPDATE <-- b
                    200 UPDATE --> b
        {ANSWERED}
        {BYE}
    """)


def test_an_update_in_the_early_dialog_moves_the_target(lab: Lab) -> None:
    lab.play(EARLY)
    lab.b.contact = "<sip:2@192.0.2.12:5062>"
    lab.play("""
                    UPDATE sdp <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
    """)
    lab.play(ANSWERED)
    assert lab.b.last("ACK").target == "sip:2@192.0.2.12:5062"
    lab.play(BYE)


def test_an_update_that_gets_no_answer_ends_the_call(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> UPDATE sdp
        31.9 s
        11 x        UPDATE --x b
        0.2 s
        a <-- 408 UPDATE
        a <-- 480
                    CANCEL --> b
        a --> ACK
                    487 <-- b
                    ACK --> b
                    200 CANCEL <-- b
    """)


def test_the_200_crosses_an_update(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> UPDATE sdp
                    UPDATE sdp --> b
                    200 <-- b
        a <-- 200
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_cancel_while_an_update_is_open(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> UPDATE sdp
                    UPDATE sdp --> b
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
        a --> ACK
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
                    487 <-- b
                    ACK --> b
                    200 CANCEL <-- b
    """)


# --- other requests


def test_info_both_ways(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> INFO
                    INFO --> b
                    200 INFO <-- b
        a <-- 200 INFO
                    INFO <-- b
        a <-- INFO
        a --> 200 INFO
                    200 INFO --> b
        {ANSWERED}
        {BYE}
    """)


def test_options_in_the_early_dialog(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    OPTIONS <-- b
                    200 OPTIONS --> b
        {REFUSED}
    """)


def test_a_reinvite_in_the_early_dialog_must_wait(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    INVITE sdp <-- b
                    491 --> b
                    ACK <-- b
        {ANSWERED}
        {BYE}
    """)


def test_bye_of_the_caller(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> BYE
        a <-- 200 BYE
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_bye_of_the_callee(lab: Lab) -> None:
    """It may not (RFC 3261 15), but it does: the caller is refused."""
    lab.play(f"""
        {EARLY}
                    BYE <-- b
                    200 BYE --> b
        a <-- 480
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_a_request_in_a_dialog_that_is_not_ours(lab: Lab) -> None:
    lab.play(EARLY)
    lab.b.bend = partial(put, to="<sip:1@x>;tag=other")
    lab.play(f"""
                    UPDATE sdp <-- b
                    481 UPDATE --> b
        {REFUSED}
    """)


def test_a_request_under_a_foreign_from_tag(lab: Lab) -> None:
    lab.play(EARLY)
    lab.a.bend = lambda message: message.set("from", f"<{lab.a.uri}>;tag=other")
    lab.play(f"""
        a --> UPDATE sdp
        a <-- 481 UPDATE
        {REFUSED}
    """)


# --- tags, targets, routes


def test_one_early_dialog_is_the_calls(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
                    180 <-- b
        a <-- 180 @1
                    200 <-- b
        a <-- 200 @1
        a --> ACK
                    ACK @1 --> b
        a --> BYE
        a <-- 200 BYE
                    BYE @1 --> b
                    200 BYE <-- b
    """)


def test_requests_follow_the_callees_record_route_and_contact(lab: Lab) -> None:
    """A proxy before the callee: PRACK, UPDATE, ACK and BYE go by it (RFC 3261 12.1.2, 12.2.1.1)."""

    def by_proxies(message: Request | Response) -> None:
        message.set("record-route", "<sip:192.0.2.12:5060;lr;n=2>", "<sip:192.0.2.12:5060;lr;n=1>")
        message.set("contact", "<sip:me@10.9.9.9:5070>")

    lab.b.bend = by_proxies
    lab.play(f"""
        {EARLY}
        a --> UPDATE sdp
                    UPDATE sdp --> b
    """)
    for method in ("PRACK", "UPDATE"):
        request = lab.b.last(method)
        assert request.target == "sip:me@10.9.9.9:5070"
        assert request.headers["route"] == ["<sip:192.0.2.12:5060;lr;n=1>", "<sip:192.0.2.12:5060;lr;n=2>"]
    lab.b.contact = "<sip:me@10.9.9.9:5070>"
    lab.play("""
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
    """)
    lab.b.bend = by_proxies
    lab.play(ANSWERED + BYE)
    for method in ("ACK", "BYE"):
        assert lab.b.last(method).headers["route"][0] == "<sip:192.0.2.12:5060;lr;n=1>"


def test_requests_follow_the_callers_record_route(lab: Lab) -> None:
    """A proxy before the caller: its line comes back in 18x and 2xx, and what we send goes by it."""
    line = "<sip:192.0.2.11:5060;lr;who=edge>"
    lab.a.bend = partial(put, record_route=line)
    lab.play(EARLY)
    assert lab.a.last("183").headers["record-route"] == [line]
    assert "record-route" not in lab.b.last("INVITE").headers
    assert lab.a.sent[-1].get("route") == line
    lab.play("""
                    UPDATE sdp <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
    """)
    assert lab.a.last("UPDATE").headers["route"] == [line]
    lab.play(ANSWERED + BYE)


def test_the_route_set_is_what_the_200_says(lab: Lab) -> None:
    """RFC 3261 13.2.2.4: recomputed from the 2xx."""
    lab.play(EARLY)
    lab.b.bend = partial(put, record_route="<sip:192.0.2.12:5060;lr;n=9>")
    lab.play(ANSWERED + BYE)
    assert lab.b.last("BYE").headers["route"] == ["<sip:192.0.2.12:5060;lr;n=9>"]


def test_the_sequence_of_each_side_is_its_own(lab: Lab) -> None:
    lab.play(f"""
        {EARLY}
        a --> INFO
                    INFO --> b
                    200 INFO <-- b
        a <-- 200 INFO
                    INFO <-- b
        a <-- INFO
        a --> 200 INFO
                    200 INFO --> b
        {ANSWERED}
        {BYE}
    """)
    towards_b = [m.cseq.number for m in lab.b.inbox if isinstance(m, Request) and m.method not in ("ACK", "CANCEL")]
    assert towards_b == sorted(set(towards_b))
    assert lab.b.last("ACK").cseq.number == lab.b.last("INVITE").cseq.number

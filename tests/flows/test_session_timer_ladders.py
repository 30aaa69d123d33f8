"""Session timers as ladders (RFC 4028): each leg has its own, refreshed by whoever was agreed on, ended when it is out.

a is the caller, b the callee. The server wants 1000 s; it refreshes half-way, and gives up 32 s before the end.
"""

from collections.abc import Callable

import pytest

from lteims.sip.message import Message, Request, Response
from tests.flows.phones import BYE, RINGING, Lab

TAKES = "INVITE, ACK, CANCEL, BYE, UPDATE"


@pytest.fixture
def lab(lab_with: Callable[..., Lab]) -> Lab:
    """One that wants sessions of 1000 s."""
    return lab_with(session_expires=1000)


def says(**headers: str) -> Callable[[Message], None]:
    """Bend a message: these headers, `_` for `-`."""

    def bend(message: Message) -> None:
        for name, value in headers.items():
            message.set(name.replace("_", "-"), value)

    return bend


def call(lab: Lab, asked: dict[str, str] | None = None, answered: dict[str, str] | None = None) -> None:
    """A call whose INVITE and 200 carry these headers."""
    lab.a.bend = says(**asked) if asked else None
    lab.play(RINGING)
    lab.b.bend = says(**answered) if answered else None
    lab.play("""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)


# Phones that refresh by themselves, long after every test is over
CALM_A = {"supported": "timer", "session_expires": "1000;refresher=uac", "allow": TAKES}
CALM_B = {"require": "timer", "session_expires": "1000;refresher=uas", "allow": TAKES}
ENDED_BY_US = """
    a <-- BYE
                BYE --> b
    a --> 200 BYE
                200 BYE <-- b
"""


def timer_of(message: Request | Response) -> tuple[str, str]:
    """Session-Expires and Min-SE."""
    return message.get("session-expires"), message.get("min-se")


# --- agreeing


def test_the_server_asks_for_a_timer_on_both_legs(lab: Lab) -> None:
    call(lab)
    invite = lab.b.last("INVITE")
    assert timer_of(invite) == ("1000", "90")
    assert "timer" in invite.tokens("supported")
    assert timer_of(lab.a.last("200 sdp")) == ("1000;refresher=uas", "")
    assert "require" not in lab.a.last("200 sdp").headers
    lab.play(BYE)


def test_no_timer_where_it_is_switched_off(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(session_expires=0)
    call(lab)
    assert timer_of(lab.b.last("INVITE")) == ("", "")
    assert "timer" not in lab.b.last("INVITE").get("supported")
    assert timer_of(lab.a.last("200 sdp")) == ("", "")
    lab.play(f"""
        86400 s
        {BYE}
    """)


def test_a_caller_that_wants_a_timer_gets_one_where_it_is_switched_off(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(session_expires=0)
    call(lab, {"supported": "timer", "session_expires": "600;refresher=uac"})
    assert timer_of(lab.a.last("200 sdp"))[0] == "600;refresher=uac"
    assert lab.a.last("200 sdp").tokens("require") == ["timer"]
    lab.play(f"""
        567.9 s
        0.2 s
        {ENDED_BY_US}
    """)


def test_a_shorter_session_of_the_caller_is_taken(lab: Lab) -> None:
    call(lab, {"supported": "timer", "session_expires": "300"}, CALM_B)
    assert timer_of(lab.a.last("200 sdp"))[0] == "300;refresher=uac"
    assert timer_of(lab.b.last("INVITE")) == ("1000", "90")
    lab.play(BYE)


def test_a_longer_session_of_the_caller_is_cut(lab: Lab) -> None:
    call(lab, {"supported": "timer", "session_expires": "7200;refresher=uas"}, CALM_B)
    assert timer_of(lab.a.last("200 sdp"))[0] == "1000;refresher=uas"
    lab.play(BYE)


def test_the_callers_min_se_is_heeded(lab: Lab) -> None:
    call(lab, {"supported": "timer", "session_expires": "7200", "min_se": "2000"}, CALM_B)
    assert timer_of(lab.a.last("200 sdp"))[0] == "2000;refresher=uac"
    lab.play(BYE)


def test_a_session_that_is_too_short_is_refused(lab: Lab) -> None:
    lab.a.bend = says(supported="timer", session_expires="30")
    lab.play("""
        a --> INVITE sdp
        ...
    """)
    refusal = lab.a.last("422")
    assert refusal.get("min-se") == "90"
    assert not lab.b.inbox
    lab.play("a --> ACK")
    lab.a.remote_tag = ""
    call(lab, {"supported": "timer", "session_expires": "90", "min_se": "90"}, CALM_B)
    assert timer_of(lab.a.last("200 sdp"))[0] == "90;refresher=uac"
    lab.play(BYE)


def test_a_callee_that_wants_a_longer_session_gets_another_invite(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    first = lab.b.last("INVITE")
    lab.b.bend = says(min_se="1800")
    lab.play("""
                    422 <-- b
                    ACK --> b
                    INVITE sdp --> b
    """)
    second = lab.b.last("INVITE")
    assert timer_of(second) == ("1800", "1800")
    assert second.body == first.body
    assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)
    assert second.from_.tag == first.from_.tag
    lab.play("""
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    lab.play(BYE)


def test_a_callee_that_refuses_every_session_ends_the_call(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    for least in (1100, 1200, 1300, 1400, 1500):
        lab.b.bend = says(min_se=str(least))
        lab.play("""
                    422 <-- b
                    ACK --> b
                    INVITE sdp --> b
        """)
    lab.b.bend = says(min_se="1600")
    lab.play("""
                    422 <-- b
                    ACK --> b
        a <-- 422
        a --> ACK
    """)


def test_a_422_without_a_longer_session_is_a_refusal(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.bend = says(min_se="60")
    lab.play("""
                    422 <-- b
                    ACK --> b
        a <-- 422
        a --> ACK
    """)


def test_the_two_legs_have_timers_of_their_own(lab: Lab) -> None:
    call(lab, {"supported": "timer", "session_expires": "600;refresher=uac"},
         {"require": "timer", "session_expires": "200;refresher=uac", "allow": TAKES})  # fmt: skip
    lab.play("""
        99.9 s
        0.2 s
                    UPDATE --> b
                    200 UPDATE <-- b
    """)
    assert timer_of(lab.b.last("UPDATE"))[0] == "200;refresher=uac"
    lab.play(BYE)


# --- the server refreshes


def test_the_server_refreshes_by_update(lab: Lab) -> None:
    call(lab, {"supported": "timer", "session_expires": "1000;refresher=uas", "allow": TAKES}, CALM_B)
    lab.play("""
        499.9 s
        0.2 s
        a <-- UPDATE
    """)
    update = lab.a.last("UPDATE")
    assert not update.body
    assert timer_of(update) == ("1000;refresher=uac", "90")
    assert "timer" in update.tokens("supported")
    assert update.contacts[0].uri.host == "192.0.2.1"
    lab.a.bend = says(require="timer", session_expires="1000;refresher=uac")
    lab.play(f"""
        a --> 200 UPDATE
        400 s
        {BYE}
    """)


def test_the_server_refreshes_by_reinvite_where_there_is_no_update(lab: Lab) -> None:
    call(lab, CALM_A, {"require": "timer", "session_expires": "1000;refresher=uac", "allow": "INVITE, ACK, BYE"})
    before = lab.b.last("INVITE").body
    lab.play("""
        500.1 s
                    INVITE sdp --> b
    """)
    again = lab.b.last("INVITE")
    assert again.body == before
    assert timer_of(again) == ("1000;refresher=uac", "90")
    assert "timer" in again.tokens("supported")
    lab.b.bend = says(require="timer", session_expires="1000;refresher=uac")
    lab.play(f"""
                    200 sdp <-- b
                    ACK --> b
        400 s
        {BYE}
    """)
    assert len(lab.plane.streams) == 0


def test_the_server_refreshes_the_caller_by_reinvite(lab: Lab) -> None:
    call(lab, {"supported": "timer", "session_expires": "1000;refresher=uas"}, CALM_B)
    answer = lab.a.last("200 sdp").body
    lab.play("""
        500.1 s
        a <-- INVITE sdp
        a --> 200 sdp
        a <-- ACK
    """)
    assert lab.a.last("INVITE").body == answer
    lab.play(BYE)


def test_refreshes_go_on_and_on(lab: Lab) -> None:
    call(lab, CALM_A | {"session_expires": "1000;refresher=uas"}, CALM_B | {"session_expires": "1000;refresher=uac"})
    for _ in range(4):
        lab.play("""
            500.2 s
                        UPDATE --> b
            a <-- UPDATE
        """)
        lab.a.bend = lab.b.bend = says(session_expires="1000;refresher=uac")
        lab.play("""
                        200 UPDATE <-- b
            a --> 200 UPDATE
        """)
    lab.play(BYE)


def test_a_refresh_that_is_answered_by_a_longer_min_se(lab: Lab) -> None:
    call(lab, CALM_A, CALM_B | {"session_expires": "1000;refresher=uac"})
    lab.play("""
        500.1 s
                    UPDATE --> b
    """)
    lab.b.bend = says(min_se="3000")
    lab.play("""
                    422 UPDATE <-- b
                    UPDATE --> b
    """)
    assert timer_of(lab.b.last("UPDATE")) == ("3000;refresher=uac", "3000")
    lab.b.bend = says(session_expires="3000;refresher=uac")
    lab.play(f"""
                    200 UPDATE <-- b
        {BYE}
    """)


def test_a_refresh_that_meets_another_request_is_tried_again(lab: Lab) -> None:
    call(lab, CALM_A, CALM_B | {"session_expires": "1000;refresher=uac"})
    lab.play("""
        500.1 s
                    UPDATE --> b
                    491 UPDATE <-- b
        within 10 s
                    UPDATE --> b
    """)
    lab.b.bend = says(session_expires="1000;refresher=uac")
    lab.play(f"""
                    200 UPDATE <-- b
        100 s
        {BYE}
    """)


def test_a_refreshing_reinvite_that_meets_another_is_tried_again(lab: Lab) -> None:
    call(lab, CALM_A, {"require": "timer", "session_expires": "1000;refresher=uac"})
    lab.play(f"""
        500.1 s
                    INVITE sdp --> b
                    491 <-- b
                    ACK --> b
        within 10 s
                    INVITE sdp --> b
                    200 sdp <-- b
                    ACK --> b
        {BYE}
    """)


def test_a_refresh_waits_for_an_offer_under_way(lab: Lab) -> None:
    call(lab, CALM_A, {"require": "timer", "session_expires": "1000;refresher=uac"})
    lab.play(f"""
        499.9 s
        a --> INVITE hold
        a <-- 100
                    INVITE sdp --> b
                    100 <-- b
        1 s
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


@pytest.mark.parametrize("code", [481, 408])
def test_a_peer_that_knows_no_such_dialog_ends_the_call(lab: Lab, code: int) -> None:
    call(lab, CALM_A, CALM_B | {"session_expires": "1000;refresher=uac"})
    lab.play(f"""
        500.1 s
                    UPDATE --> b
                    {code} UPDATE <-- b
        {ENDED_BY_US}
    """)


def test_a_refresh_that_nobody_answers_ends_the_call(lab: Lab) -> None:
    call(lab, CALM_A, CALM_B | {"session_expires": "1000;refresher=uac"})
    lab.play("""
        500 s
        32.1 s
        11 x        UPDATE --x b
        a <-- BYE
                    BYE --x b
        a --> 200 BYE
        40 s
        ...
    """)


@pytest.mark.parametrize("code", [481, 408])
def test_a_refreshing_reinvite_to_a_peer_that_is_gone_ends_the_call(lab: Lab, code: int) -> None:
    call(lab, CALM_A, {"require": "timer", "session_expires": "1000;refresher=uac"})
    lab.play(f"""
        500.1 s
                    INVITE sdp --> b
                    {code} <-- b
                    ACK --> b
        {ENDED_BY_US}
    """)


def test_a_refused_refresh_lets_the_session_run_out(lab: Lab) -> None:
    call(lab, CALM_A | {"session_expires": "1000;refresher=uas"}, CALM_B | {"session_expires": "1000;refresher=uac"})
    lab.play("""
        500.1 s
                    UPDATE --> b
        a <-- UPDATE
    """)
    lab.a.bend = says(session_expires="1000;refresher=uac")
    lab.play(f"""
        a --> 200 UPDATE
                    405 UPDATE <-- b
        467 s
        1 s
        {ENDED_BY_US}
    """)


# --- the phone refreshes


@pytest.mark.parametrize("method", ["UPDATE", "INVITE sdp"])
def test_the_caller_refreshes(lab: Lab, method: str) -> None:
    call(lab, CALM_A, CALM_B | {"session_expires": "7200;refresher=uas"})
    lab.play("500 s")
    lab.a.bend = says(supported="timer", session_expires="1000;refresher=uac")
    if method == "UPDATE":
        lab.play("""
            a --> UPDATE
            a <-- 200 UPDATE
        """)
        assert timer_of(lab.a.last("200 UPDATE"))[0] == "1000;refresher=uac"
        assert lab.a.last("200 UPDATE").tokens("require") == ["timer"]
    else:
        lab.play("""
            a --> INVITE sdp
            a <-- 100
                        INVITE sdp --> b
        """)
        lab.b.bend = says(require="timer", session_expires="7200;refresher=uas")
        lab.play("""
                        200 sdp <-- b
            a <-- 200 sdp
            a --> ACK
                        ACK --> b
        """)
        assert timer_of(lab.a.last("200 sdp"))[0] == "1000;refresher=uac"
    lab.play(f"""
        967.9 s
        0.2 s
        {ENDED_BY_US}
    """)


def test_the_callee_refreshes(lab: Lab) -> None:
    call(lab, CALM_A | {"session_expires": "604800;refresher=uac", "min_se": "604800"}, CALM_B)
    lab.play("500 s")
    lab.b.bend = says(supported="timer", session_expires="1000;refresher=uac")
    lab.play(f"""
                    UPDATE <-- b
                    200 UPDATE --> b
        967.9 s
        0.2 s
        {ENDED_BY_US}
    """)


def test_a_silent_caller_ends_the_call_on_both_sides(lab: Lab) -> None:
    call(lab, CALM_A, CALM_B | {"session_expires": "7200;refresher=uas"})
    lab.play(f"""
        967.9 s
        0.2 s
        {ENDED_BY_US}
    """)


def test_a_silent_callee_ends_the_call_on_both_sides(lab: Lab) -> None:
    call(lab, CALM_A | {"session_expires": "604800;refresher=uac", "min_se": "604800"}, CALM_B)
    lab.play(f"""
        967.9 s
        0.2 s
        {ENDED_BY_US}
    """)


def test_a_short_session_ends_a_third_before(lab: Lab) -> None:
    call(lab, CALM_A | {"session_expires": "90;refresher=uac"}, CALM_B)
    lab.play(f"""
        59.9 s
        0.2 s
        {ENDED_BY_US}
    """)


def test_a_refresh_with_too_short_a_session_is_refused_and_the_call_goes_on(lab: Lab) -> None:
    call(lab, CALM_A, CALM_B)
    lab.a.bend = says(supported="timer", session_expires="20")
    lab.play("""
        a --> UPDATE
        a <-- 422 UPDATE
    """)
    assert lab.a.last("422 UPDATE").get("min-se") == "90"
    lab.a.bend = says(supported="timer", session_expires="20")
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
        a <-- 422
        a --> ACK
        {BYE}
    """)


def test_a_reinvite_negotiates_the_session_anew(lab: Lab) -> None:
    call(lab, CALM_A, CALM_B)
    lab.a.bend = says(supported="timer", session_expires="300;refresher=uas", allow=TAKES)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    assert timer_of(lab.b.last("INVITE"))[0] == "1000;refresher=uas"
    lab.b.bend = says(require="timer", session_expires="400;refresher=uas")
    lab.play("""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        149.9 s
        0.2 s
        a <-- UPDATE
    """)
    assert timer_of(lab.a.last("200 sdp"))[0] == "300;refresher=uas"
    lab.a.bend = says(session_expires="300;refresher=uac")
    lab.play(f"""
        a --> 200 UPDATE
        140 s
        {BYE}
    """)


def test_an_offer_that_passes_refreshes_both_sessions(lab: Lab) -> None:
    call(lab, CALM_A, CALM_B)
    lab.play("900 s")
    lab.a.bend = says(supported="timer", session_expires="1000;refresher=uac")
    lab.play("""
        a --> UPDATE hold
                    UPDATE sdp --> b
    """)
    lab.b.bend = says(require="timer", session_expires="1000;refresher=uas")
    lab.play(f"""
                    200 UPDATE sdp <-- b
        a <-- 200 UPDATE sdp
        900 s
        {BYE}
    """)


def test_a_refused_offer_refreshes_nothing(lab: Lab) -> None:
    call(lab, CALM_A, CALM_B | {"session_expires": "7200;refresher=uas"})
    lab.play("900 s")
    lab.a.bend = says(supported="timer", session_expires="1000;refresher=uac")
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    488 <-- b
                    ACK --> b
        a <-- 488
        a --> ACK
        67.9 s
        0.2 s
        {ENDED_BY_US}
    """)


def test_the_echo_has_a_session_timer_too(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.a.bend = says(supported="timer", session_expires="1000;refresher=uac")
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
    """)
    assert timer_of(lab.a.last("200 sdp"))[0] == "1000;refresher=uac"
    lab.play("""
        967.9 s
        0.2 s
        a <-- BYE
        a --> 200 BYE
    """)


def test_the_echo_refreshes_a_softphone_by_reinvite(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE sdp
        ...
        a --> ACK
        500.1 s
        a <-- INVITE sdp
        a --> 200 sdp
        a <-- ACK
    """)
    (stream,) = lab.plane.streams
    assert (stream.remote, stream.out) == (("192.0.2.11", 40000), stream)
    lab.play("""
        a --> BYE
        a <-- 200 BYE
    """)


@pytest.mark.parametrize(
    "value", ["soon", "", "100000000000", "1800;refresher=nobody", "1800;;;", "-5", "1800;refresher"]
)
def test_a_session_expires_that_makes_no_sense(lab: Lab, value: str) -> None:
    lab.a.bend = says(supported="timer", session_expires=value)
    lab.play("""
        a --> INVITE sdp
        ...
    """)
    code = lab.a.last().code
    if code == 400:
        lab.play("a --> ACK")
        return
    lab.play(f"""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


@pytest.mark.parametrize("said", ["100", "183"])
def test_a_refreshing_reinvite_that_gets_no_more_than_a_provisional_response(lab: Lab, said: str) -> None:
    """Its transaction has no end of its own then (RFC 3261 17.1.1.2); the session has one."""
    refreshed = {"session_expires": "1000;refresher=uas", "allow": TAKES}
    call(lab, refreshed, {"require": "timer", "session_expires": "1000;refresher=uac", "allow": "INVITE, ACK, BYE"})
    lab.play(f"""
        500.1 s
                    INVITE sdp --> b
        a <-- UPDATE
        a --> 200 UPDATE
                    {said} <-- b
        467.8 s
        within 0.2 s
        a <-- BYE
                    CANCEL --> b
                    BYE --> b
        a --> 200 BYE
                    200 CANCEL <-- b
                    200 BYE <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_a_phone_that_is_busy_with_another_offer_for_ever(lab: Lab) -> None:
    refreshed = {"session_expires": "1000;refresher=uas", "allow": TAKES}
    call(lab, refreshed, CALM_B | {"session_expires": "1000;refresher=uac"})
    lab.play("""
        500.1 s
                    UPDATE --> b
        a <-- UPDATE
        a --> 200 UPDATE
                    491 UPDATE <-- b
    """)
    for _ in range(232):
        lab.play("""
        2.01 s
                    UPDATE --> b
                    491 UPDATE <-- b
        """)
    lab.play(f"within 2.1 s\n{ENDED_BY_US}")

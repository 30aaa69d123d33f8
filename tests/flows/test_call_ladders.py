"""Calls between two phones, set up and ended, as ladders on both legs (RFC 3261 9, 13 and 15) in virtual time.

a is the caller, b the callee; what is indented happens between the server and b. phones.py explains the lines.
"""

from functools import partial

import pytest

from lteims.media.sdp import Sdp
from lteims.sip.message import Message, Request, Response
from tests.flows.phones import BYE, CALL, RINGING, SERVER, Lab


def put(message: Request | Response, name: str, value: str, body: bytes | None = None) -> None:
    """Bend a message: a header, perhaps the body."""
    message.set(name, value)
    if body is not None:
        message.body = body


# --- a call and its end


def test_the_caller_hangs_up(lab: Lab) -> None:
    lab.play(CALL)
    assert [str(session.call.state) for session in lab.calls] == ["start"]
    lab.play(BYE)


def test_the_callee_hangs_up(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
    """)


def test_the_two_legs_share_nothing(lab: Lab) -> None:
    lab.play(CALL)
    mine, its, answer = lab.a.sent[0], lab.b.last("INVITE"), lab.a.last("200 sdp")
    assert isinstance(mine, Request)
    assert its.call_id != mine.call_id
    assert its.from_.tag not in ("", mine.from_.tag)
    assert answer.to.tag not in ("", lab.b.tag)
    assert its.get("contact") == f"<sip:1@{SERVER}:5060>"
    assert answer.get("contact") == f"<sip:+49302@{SERVER}:5060>"
    assert its.get("user-agent").startswith("lteims/")
    assert its.get("from").startswith("<sip:1@ims")
    assert its.target == "sip:2@192.0.2.12:5060"
    lab.play(BYE)
    assert lab.b.last("BYE").get("reason") == 'SIP;cause=200;text="Terminated"'


def test_headers_stand_in_the_order_that_phones_know(lab: Lab) -> None:
    lab.play(CALL)
    assert list(lab.b.last("INVITE").headers) == [
        "via", "from", "to", "call-id", "cseq", "contact", "content-type", "allow", "accept-contact", "min-se",
        "session-expires", "p-asserted-identity", "supported", "max-forwards", "user-agent",
    ]  # fmt: skip
    lab.play(BYE)


def test_media_is_anchored_on_even_ports(lab: Lab) -> None:
    lab.play(CALL)
    offer, answer = Sdp.parse(lab.b.last("INVITE").body), Sdp.parse(lab.a.last("200 sdp").body)
    for sdp in (offer, answer):
        assert sdp.connection == SERVER
        assert sdp.medias[0].port % 2 == 0
        assert sdp.origin is not None
        assert (sdp.origin.username, sdp.origin.address) == ("-", SERVER)
        assert "s=-" in sdp.lines
    callers, callees = lab.plane.streams
    assert (callers.remote, callees.remote) == (("192.0.2.11", 40000), ("192.0.2.12", 40000))
    assert (callers.out, callees.out) == (callees, callers)
    assert (answer.medias[0].port, offer.medias[0].port) == (callers.port, callees.port)
    lab.play(BYE)


def test_early_media(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 sdp <-- b
        a <-- 183 sdp
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert Sdp.parse(lab.a.last("183 sdp").body).medias == Sdp.parse(lab.a.last("200 sdp").body).medias
    lab.play(BYE)


def test_an_offer_in_the_200_is_answered_in_the_ack(lab: Lab) -> None:
    lab.play("""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK sdp --> b
    """)
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.12", 40000), ("192.0.2.11", 40000)]
    lab.play(BYE)


def test_a_bad_answer_in_the_ack_ends_the_call(lab: Lab) -> None:
    lab.play("""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    200 sdp <-- b
        a <-- 200 sdp
    """)
    lab.a.bend = partial(put, name="content-type", value="application/sdp", body=b"no sdp")
    lab.play("""
        a --> ACK
                    ACK --> b
        a <-- BYE
                    BYE --> b
        a --> 200 BYE
                    200 BYE <-- b
    """)


@pytest.mark.parametrize("contact", ["<sip:a b>", "*", "<tel:1>"])
def test_an_answer_with_a_contact_of_no_use(lab: Lab, contact: str) -> None:
    lab.play(RINGING)
    lab.b.bend = partial(put, name="contact", value=contact)
    lab.play(f"""
                    200 sdp <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert lab.b.last("ACK").target == "sip:2@192.0.2.12:5060"


# --- given up


def test_cancel_after_180(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_cancel_before_180(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE --> b
                    100 <-- b
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
        a --> ACK
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_cancel_before_100_waits_for_it(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE --> b
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
        0.6 s
                    INVITE --> b
                    100 <-- b
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_cancel_carries_the_reason_on(lab: Lab) -> None:
    lab.play(RINGING)
    lab.a.bend = partial(put, name="reason", value="SIP;cause=600")
    lab.play("""
        a --> CANCEL
        ...
                    200 CANCEL <-- b
                    487 <-- b
        ...
        a --> ACK
    """)
    assert lab.b.last("CANCEL").get("reason") == "SIP;cause=600"


def test_cancel_crosses_the_200(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
                    200 sdp <-- b
                    ACK --> b
                    BYE --> b
                    481 CANCEL <-- b
                    200 BYE <-- b
        a --> ACK
    """)


def test_cancel_behind_our_200_changes_nothing(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a x-- 200
        a --> CANCEL
        a <-- 200 CANCEL
        0.6 s
        a <-- 200
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_cancel_that_gets_no_answer(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
                    CANCEL --x b
        60 s
        ...
    """)


def test_cancel_twice_is_one(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    CANCEL --> b
        a --> again CANCEL
        a <-- 200 CANCEL
        a --> ACK
                    487 <-- b
                    ACK --> b
                    200 CANCEL <-- b
    """)


def test_cancel_of_nothing(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.bend = partial(put, name="via", value="SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKother")
    lab.play(f"""
        a --> CANCEL
        a <-- 481 CANCEL
        {BYE}
    """)


def test_bye_in_the_early_dialog(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        a --> BYE
        a <-- 200 BYE
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_bye_of_a_callee_whose_200_was_lost(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    BYE <-- b
                    200 BYE --> b
        a <-- 480
                    CANCEL --> b
        a --> ACK
                    200 sdp <-- b
                    ACK --> b
                    200 CANCEL <-- b
    """)


# --- refused


@pytest.mark.parametrize("code", [480, 486, 404, 500, 600, 603, 488])
def test_the_callee_refuses(lab: Lab, code: int) -> None:
    lab.play(f"""
        {RINGING}
                    {code} <-- b
                    ACK --> b
        a <-- {code}
        a --> ACK
    """)


@pytest.mark.parametrize("code", [302, 401, 407, 503])
def test_what_the_caller_cannot_act_on_becomes_480(lab: Lab, code: int) -> None:
    lab.play(f"""
        {RINGING}
                    {code} <-- b
                    ACK --> b
        a <-- 480
        a --> ACK
    """)


def test_the_callees_words_reach_the_caller(lab: Lab) -> None:
    lab.play(RINGING)
    lab.b.bend = partial(put, name="retry-after", value="30")
    lab.play("""
                    486 <-- b
        ...
        a --> ACK
    """)
    assert lab.a.last("486").get("retry-after") == "30"


def test_no_answer_at_all(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        31.9 s
        7 x         INVITE --x b
        0.2 s
        a <-- 408
        a --> ACK
    """)


def test_ringing_for_ever(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
        179.9 s
        0.2 s
        a <-- 408
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_the_callees_final_answer_again_is_acknowledged_again(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    486 <-- b
                    ACK --x b
        a <-- 486
        a --> ACK
        1 s
                    again 486 <-- b
                    ACK --> b
    """)


# --- lost and repeated


def test_the_invite_again_is_no_second_call(lab: Lab) -> None:
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE --> b
        a --> again INVITE
        a <-- 100
                    180 <-- b
        a <-- 180
        a --> again INVITE
        a <-- 180
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


def test_the_same_invite_by_another_way(lab: Lab) -> None:
    lab.play(RINGING)
    other = lab.a.sent[0].encode().replace(b"branch=", b"branch=z9hG4bKx")
    lab.arrive(lab.a, other)
    lab.play("a <-- 482")
    lab.arrive(lab.a, other.replace(b"INVITE", b"ACK"))
    lab.play(f"""
                    200 sdp <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_the_200_is_repeated_until_the_ack(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a x-- 200
        0.6 s
        a x-- 200
        1 s
        a x-- 200
        2 s
        a x-- 200
        4 s
        a x-- 200
        4 s
        a <-- 200
        a --> ACK
                    ACK --> b
        20 s
        {BYE}
    """)


def test_no_ack_ever(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        31.9 s
        11 x a x-- 200
        0.2 s
                    ACK --> b
        a <-- BYE
                    BYE --> b
        a --> 200 BYE
                    200 BYE <-- b
    """)


def test_the_callees_200_again(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200
                    again 200 <-- b
        a --> ACK
                    ACK --x b
                    again 200 <-- b
                    ACK --> b
        a --> ACK
        {BYE}
    """)
    acks = [m for m in lab.b.inbox if isinstance(m, Request) and m.method == "ACK"]
    assert len(acks) == 1


def test_the_acks_of_one_200_are_the_same(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
                    again 200 <-- b
                    ACK --> b
    """)
    first, second = [m for m in lab.b.inbox if isinstance(m, Request) and m.method == "ACK"]
    assert first.encode() == second.encode()
    lab.play(BYE)


def test_another_phone_of_a_fork_answers_too(lab: Lab) -> None:
    lab.play(CALL)

    def fork(message: Message) -> None:
        message.set("to", message.get("to").replace(lab.b.tag, "fork"))
        message.set("contact", "<sip:fork@192.0.2.12:5080>")

    lab.b.bend = fork
    lab.play("""
                    200 sdp <-- b
                    ACK --> b
                    BYE --> b
                    200 BYE <-- b
    """)
    ack, bye = lab.b.last("ACK"), lab.b.last("BYE")
    assert (ack.to.tag, bye.to.tag) == ("fork", "fork")
    assert ack.target == bye.target == "sip:fork@192.0.2.12:5080"
    assert ack.cseq.number == lab.b.last("INVITE").cseq.number
    assert bye.cseq.number > ack.cseq.number
    lab.play(BYE)
    assert lab.b.last("BYE").to.tag == lab.b.tag


def test_a_fork_that_answers_before_the_ack(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200
    """)
    lab.b.bend = lambda message: message.set("to", message.get("to").replace(lab.b.tag, "fork"))
    lab.play(f"""
                    200 sdp <-- b
                    ACK --> b
                    BYE --> b
                    200 BYE <-- b
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    assert lab.b.last("ACK").to.tag == lab.b.tag


# --- hanging up


def test_bye_crosses_bye(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> BYE
        a <-- 200 BYE
                    BYE --> b
                    BYE <-- b
                    481 BYE --> b
                    200 BYE <-- b
    """)


def test_the_bye_again_gets_its_200_again(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> BYE
        a x-- 200 BYE
                    BYE --> b
                    200 BYE <-- b
        a --> again BYE
        a <-- 200 BYE
    """)


def test_the_caller_hangs_up_before_its_ack(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200
        a --> BYE
        a <-- 200 BYE
                    ACK --> b
                    BYE --> b
                    200 BYE <-- b
    """)


def test_the_callee_hangs_up_before_the_ack(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a x-- 200
                    BYE <-- b
                    200 BYE --> b
                    ACK --> b
        0.6 s
        a <-- 200
        a --> ACK
        a <-- BYE
        a --> 200 BYE
    """)


def test_both_hang_up_before_the_ack(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200
                    BYE <-- b
                    200 BYE --> b
                    ACK --> b
        a --> INFO
        a <-- 481 INFO
        a --> BYE
        a <-- 200 BYE
    """)


def test_the_callee_hangs_up_and_no_ack_comes(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a x-- 200
                    BYE <-- b
                    200 BYE --> b
                    ACK --> b
        31.9 s
        10 x a x-- 200
        0.2 s
        a <-- BYE
        a --> 200 BYE
    """)


def test_a_bye_that_gets_no_answer(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> BYE
        a <-- 200 BYE
        33 s
        11 x        BYE --x b
    """)


def test_the_server_stops(lab: Lab) -> None:
    lab.play(CALL)
    c = lab.phone("c", "3", "192.0.2.13")
    c.target = "sip:1@ims.mnc001.mcc001.3gppnetwork.org"
    lab.play("""
        c --> INVITE sdp
        c <-- 100
        a <-- INVITE
    """)
    lab.calls.close()
    lab.play("""
        a <-- BYE
                    BYE --> b
        c <-- 480
        a --> 200 BYE
                    200 BYE <-- b
        c --> ACK
        33 s
        ...
    """)


def test_the_server_stops_before_the_ack(lab: Lab) -> None:
    lab.play(f"""
        {RINGING}
                    200 sdp <-- b
        a <-- 200
    """)
    lab.calls.close()
    lab.play("""
                    ACK --> b
                    BYE --> b
        a <-- BYE
        a --> 200 BYE
                    200 BYE <-- b
    """)

"""Forced answers as ladders: `code` with each `method`, silence, `transparent` (manual 5.2.1), in virtual time.

b's number is +49302; what an IMPU forces is set at run time as impu_set does. phones.py explains the lines.
"""

from functools import partial

import pytest

from lteims.config import ImpuConfig, changed_impu, check_impu_changes
from lteims.ims.forced import RING_TIME
from lteims.sip.message import Request, Response
from lteims.sip.uri import parse_uri
from tests.flows.phones import BYE, CALL, DOMAIN, SERVER, T1, Lab

B, ECHO, A = "tel:+49302", "tel:666", f"sip:1@{DOMAIN}"


def force(lab: Lab, impu: str, code: int, method: str = "INVITE", **options: object) -> None:
    """Set options of an IMPU."""
    fields = check_impu_changes({"code": code, "method": method, **options})
    assert lab.locator.set_options(parse_uri(impu), partial(changed_impu, changes=fields)) == 1


def with_body(lab: Lab, impu: str, body: bytes) -> None:
    """Give an IMPU a body as its content file would."""
    data: dict[str, object] = {"content_type": "application/xml", "content_data": body}

    def change(config: ImpuConfig) -> ImpuConfig:
        return ImpuConfig(config.impu, code=config.code, method=config.method, **data)  # type: ignore[arg-type]

    assert lab.locator.set_options(parse_uri(impu), change) == 1


def put(message: Request | Response, name: str, value: str) -> None:
    """Bend a message."""
    message.set(name, value)


# --- INVITE


@pytest.mark.parametrize("number", [B, ECHO, f"sip:+49302@{DOMAIN};user=phone", f"sip:666@{SERVER}"])
def test_a_final_code_replaces_the_call(lab: Lab, number: str) -> None:
    force(lab, number, 486)
    lab.a.target = number
    lab.play("""
        a --> INVITE sdp
        a <-- 486
        a --> again INVITE sdp
        a <-- 486
        a --> ACK
    """)
    assert lab.a.last("486").to.tag


def test_other_numbers_are_called_as_ever(lab: Lab) -> None:
    force(lab, B, 486)
    lab.a.target = f"sip:2@{DOMAIN}"
    lab.play(CALL)
    lab.play(BYE)


def test_code_0_ends_it(lab: Lab) -> None:
    force(lab, B, 486)
    assert lab.pcscf.forcing.methods == {"INVITE"}
    force(lab, B, 0)
    assert not lab.pcscf.forcing.methods
    lab.play(CALL)
    lab.play(BYE)


def test_nobody_is_asked_who_it_is(lab: Lab) -> None:
    force(lab, ECHO, 600)
    stranger = lab.phone("c", "3", "192.0.2.13")
    stranger.number, stranger.target = "stranger", ECHO
    lab.play("""
        c --> INVITE sdp
        c <-- 600
        c --> ACK
    """)


@pytest.mark.parametrize("code", [100, 180, 183])
def test_a_provisional_code_stays_until_the_caller_cancels(lab: Lab, code: int) -> None:
    force(lab, B, code)
    lab.play(f"""
        a --> INVITE sdp
        a <-- {code}
        100 s
        a --> again INVITE
        a <-- {code}
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
    """)


def test_a_provisional_code_stays_until_it_rang_too_long(lab: Lab) -> None:
    force(lab, B, 180)
    lab.play(f"""
        a --> INVITE sdp
        a <-- 180
        within {RING_TIME + 1} s
        a <-- 408
        a --> ACK
    """)
    assert lab.a.last("180").get("contact") == f"<sip:+49302@{SERVER}:5060>"


def test_no_answer(lab: Lab) -> None:
    force(lab, B, -1)
    lab.play(f"""
        a --> INVITE sdp
        {T1} s
        a --> again INVITE
        {2 * T1} s
        a --> again INVITE
        {60 * T1} s
    """)
    assert lab.stack.load()["server"] == 1
    lab.play(f"{T1 + 0.1} s")
    assert lab.stack.load()["server"] == 0


def test_a_cancel_of_what_is_not_answered(lab: Lab) -> None:
    force(lab, B, -1)
    lab.play("""
        a --> INVITE sdp
        a --> CANCEL
        a <-- 200 CANCEL
    """)


def test_a_forced_2xx_is_repeated_until_its_ack(lab: Lab) -> None:
    force(lab, B, 200)
    lab.a.bend = partial(put, name="record-route", value="<sip:192.0.2.11;lr>")
    lab.play(f"""
        a --> INVITE sdp
        a <-- 200
        {T1 + 0.01} s
        a <-- 200
        {2 * T1 + 0.01} s
        a <-- 200
        a --> ACK
        10 s
        a --> BYE
        a <-- 481 BYE
    """)
    answer = lab.a.last("200")
    assert (answer.get("contact"), answer.get("record-route")) == (f"<sip:+49302@{SERVER}:5060>", "<sip:192.0.2.11;lr>")


def test_a_forced_2xx_without_ack_is_given_up(lab: Lab) -> None:
    force(lab, B, 200)
    lab.play(f"""
        a --> INVITE sdp
        a <-- 200
        {64 * T1 + 1} s
        ...
    """)
    assert not lab.pcscf.forcing.unacknowledged
    assert sum(isinstance(m, Response) and m.code == 200 for m in lab.a.inbox) == 11


# --- INVITE, transparent


def test_a_transparent_provisional_code_is_sent_besides(lab: Lab) -> None:
    force(lab, B, 183, transparent=True)
    lab.play("""
        a --> INVITE sdp
        a <-- 183
                    INVITE sdp --> b
                    100 <-- b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    force(lab, B, 0)
    lab.play(BYE)


def test_a_transparent_final_code_leaves_the_call_as_it_is(lab: Lab) -> None:
    force(lab, B, 503, transparent=True)
    lab.play("""
        a --> INVITE sdp
        a <-- 503
                    INVITE sdp --> b
        a --> ACK
                    100 <-- b
                    180 <-- b
                    486 <-- b
                    ACK --> b
    """)


def test_a_callee_that_answers_behind_a_transparent_final_code(lab: Lab) -> None:
    force(lab, B, 503, transparent=True)
    lab.play("""
        a --> INVITE sdp
        a <-- 503
                    INVITE sdp --> b
        a --> ACK
                    200 sdp <-- b
        70 s
        ...
    """)
    assert not [m for m in lab.a.inbox if isinstance(m, Response) and m.code == 200]
    assert lab.b.last("ACK")
    assert lab.b.last("BYE")
    lab.play("""
                    200 BYE <-- b
        40 s
        ...
    """)


def test_a_call_without_any_answer(lab: Lab) -> None:
    force(lab, B, -1, transparent=True)
    lab.play("""
        a --> INVITE sdp
                    INVITE sdp --> b
                    180 <-- b
        a --> again INVITE
                    486 <-- b
                    ACK --> b
        a --> again INVITE
    """)


def test_a_call_without_any_answer_is_cancelled(lab: Lab) -> None:
    force(lab, B, -1, transparent=True)
    lab.play("""
        a --> INVITE sdp
                    INVITE sdp --> b
                    180 <-- b
        a --> CANCEL
        a <-- 200 CANCEL
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


# --- INVITE.TRYING


def test_a_code_behind_the_100(lab: Lab) -> None:
    force(lab, B, 503, "INVITE.TRYING")
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 503
        a --> ACK
    """)


def test_nothing_behind_the_100(lab: Lab) -> None:
    force(lab, B, -1, "INVITE.TRYING")
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        10 s
        a --> CANCEL
        a <-- 200 CANCEL
    """)


def test_a_transparent_code_behind_the_100(lab: Lab) -> None:
    force(lab, B, 181, "INVITE.TRYING", transparent=True)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 181
                    INVITE sdp --> b
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


# --- CANCEL


RINGS = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                180 <-- b
    a <-- 180
"""


@pytest.mark.parametrize("code", [200, 403, 500])
def test_a_forced_cancel_cancels_nothing(lab: Lab, code: int) -> None:
    force(lab, B, code, "CANCEL")
    lab.play(f"""
        {RINGS}
        a --> CANCEL
        a <-- {code} CANCEL
        a --> again CANCEL
        a <-- {code} CANCEL
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)
    assert lab.a.last(f"{code} CANCEL").to.tag == lab.a.last("486").to.tag


def test_a_cancel_that_nobody_hears(lab: Lab) -> None:
    force(lab, B, -1, "CANCEL")
    lab.play(f"""
        {RINGS}
        a --> CANCEL
        1 s
        a --> again CANCEL
                    486 <-- b
                    ACK --> b
        a <-- 486
        a --> ACK
    """)


@pytest.mark.parametrize(("code", "answer"), [(403, "a <-- 403 CANCEL"), (-1, "")])
def test_a_transparent_code_for_a_cancel(lab: Lab, code: int, answer: str) -> None:
    force(lab, B, code, "CANCEL", transparent=True)
    lab.play(f"{RINGS}\n a --> CANCEL\n {answer}\n ...")
    assert lab.b.last("CANCEL")
    lab.play("""
                    200 CANCEL <-- b
                    487 <-- b
        ...
    """)
    assert lab.a.last("487")
    assert not [m for m in lab.a.inbox if isinstance(m, Response) and (m.code, m.cseq.method) == (200, "CANCEL")]
    lab.play("a --> ACK")


def test_a_forced_cancel_of_nothing(lab: Lab) -> None:
    force(lab, B, 403, "CANCEL")
    lab.play("""
        a --> INVITE sdp
        ...
                    486 <-- b
        ...
        a --> ACK
        10 s
        a --> CANCEL
        a <-- 403 CANCEL
    """)


# --- inside a call


@pytest.mark.parametrize("method", ["UPDATE", "PRACK"])
@pytest.mark.parametrize("code", [488, 200])
def test_a_request_inside_a_call(lab: Lab, method: str, code: int) -> None:
    lab.play(CALL)
    force(lab, B, code, method)
    lab.play(f"""
        a --> {method}
        a <-- {code} {method}
        a --> again {method}
        a <-- {code} {method}
    """)
    assert bool(lab.a.last(f"{code} {method}").get("contact")) == (method == "UPDATE" and code == 200)
    lab.play(BYE)


def test_a_request_inside_a_call_without_answer(lab: Lab) -> None:
    lab.play(CALL)
    force(lab, B, -1, "UPDATE")
    lab.play("""
        a --> UPDATE sdp
        1 s
        a --> again UPDATE
    """)
    lab.play(BYE)


def test_a_provisional_code_for_a_request_inside_a_call(lab: Lab) -> None:
    lab.play(CALL)
    force(lab, B, 183, "UPDATE")
    lab.play("""
        a --> UPDATE sdp
        a <-- 183 UPDATE
        5 s
        a --> again UPDATE
        a <-- 183 UPDATE
    """)
    lab.play(BYE)


def test_a_transparent_code_for_a_request_inside_a_call(lab: Lab) -> None:
    lab.play(CALL)
    force(lab, B, 500, "UPDATE", transparent=True)
    lab.play("""
        a --> UPDATE sdp
        a <-- 500 UPDATE
                    UPDATE sdp --> b
                    200 UPDATE sdp <-- b
    """)
    lab.play(BYE)


def test_the_callee_s_own_requests_are_for_the_caller(lab: Lab) -> None:
    lab.play(CALL)
    force(lab, B, 500, "UPDATE")
    lab.play("""
                    UPDATE sdp <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE sdp
                    200 UPDATE sdp --> b
    """)
    lab.play(BYE)


def test_a_reinvite(lab: Lab) -> None:
    lab.play(CALL)
    force(lab, B, 488)
    lab.play("""
        a --> INVITE sdp
        a <-- 488
        a --> ACK
    """)
    lab.play(BYE)


def test_a_reinvite_with_a_forced_2xx(lab: Lab) -> None:
    lab.play(CALL)
    force(lab, B, 200)
    lab.play("""
        a --> INVITE sdp
        a <-- 200
        a --> ACK
        10 s
    """)
    lab.play(BYE)


# --- MESSAGE


def test_a_message_is_matched_by_who_sends_it(lab: Lab) -> None:
    force(lab, B, 403, "MESSAGE")
    lab.play("""
        a --> MESSAGE
                    MESSAGE --> b
                    200 MESSAGE <-- b
        a <-- 200 MESSAGE
    """)
    force(lab, A, 403, "MESSAGE")
    lab.a.fresh()
    with_body(lab, A, b"<a/>")
    lab.play("""
        a --> MESSAGE
        a <-- 403 MESSAGE sdp
    """)
    answer = lab.a.last("403 MESSAGE")
    assert (answer.get("content-type"), answer.body) == ("application/xml", b"<a/>")


@pytest.mark.parametrize(("code", "answer"), [(500, "a <-- 500 MESSAGE"), (401, "a <-- 401 MESSAGE"), (-1, "")])
def test_a_transparent_code_for_a_message(lab: Lab, code: int, answer: str) -> None:
    force(lab, A, code, "MESSAGE", transparent=True)
    lab.play(f"""
        a --> MESSAGE
        {answer}
                    MESSAGE --> b
                    200 MESSAGE <-- b
        a --> again MESSAGE
        {answer}
    """)


def test_a_provisional_code_for_a_message(lab: Lab) -> None:
    force(lab, A, 100, "MESSAGE")
    lab.play("""
        a --> MESSAGE
        a <-- 100 MESSAGE
        a --> again MESSAGE
        a <-- 100 MESSAGE
    """)


# --- REGISTER


@pytest.mark.parametrize("code", [423, 401, 200])
def test_a_registration(lab: Lab, code: int) -> None:
    force(lab, A, code, "REGISTER")
    lab.a.target = lab.a.uri
    lab.play(f"""
        a --> REGISTER
        a <-- {code} REGISTER
        a --> again REGISTER
        a <-- {code} REGISTER
    """)
    assert lab.a.last(f"{code} REGISTER").get("min-expires") == ("60" if code == 423 else "")


def test_a_registration_without_answer(lab: Lab) -> None:
    force(lab, A, -1, "REGISTER")
    lab.a.target = lab.a.uri
    lab.play("""
        a --> REGISTER
        5 s
        a --> again REGISTER
    """)

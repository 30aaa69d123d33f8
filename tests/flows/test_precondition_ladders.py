"""Preconditions and bearers as ladders (RFC 3312, 3262, 3311; TS 24.229 5.1.3, 5.1.4, 6.1): who waits for what.

a is the caller, b the callee. `pre` is an SDP with preconditions, `ready` one whose author has its bearer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lteims.config import ImpuConfig, Precondition
from lteims.ims.icscf import Registered
from lteims.ims.qos import Reservation
from lteims.ims.session import Session
from lteims.media.sdp import Sdp
from lteims.sip.message import Message, Request
from tests.flows.phones import AVP, BYE, CALL, Lab, Phone, user

END = """
    a --> BYE
    a <-- 200 BYE
"""
OFFERED = """
    a --> INVITE pre
    a <-- 100
                INVITE sdp --> b
"""
ALERTED = f"""
    {OFFERED}
                183 pre <-- b
    a <-- 183 sdp
    a --> PRACK
                PRACK --> b
                200 PRACK <-- b
    a <-- 200 PRACK
    a --> UPDATE ready
                UPDATE sdp --> b
                200 UPDATE ready <-- b
    a <-- 200 UPDATE sdp
                180 rel <-- b
    a <-- 180
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
CALLEE_ALONE = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                183 pre <-- b
                PRACK --> b
    a <-- 183 sdp
                200 PRACK <-- b
                UPDATE sdp --> b
                200 UPDATE ready <-- b
                180 <-- b
    a <-- 180
                200 <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
"""


@dataclass
class Network:
    """Bearers that a test grants or refuses; with `at_once` they stand immediately."""

    at_once: bool | None = None
    wanted: list[Reservation] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    done: list[Callable[[bool], None]] = field(default_factory=list)

    def reserve(self, wanted: Reservation, done: Callable[[bool], None]) -> None:
        self.wanted.append(wanted)
        if self.at_once is not None:
            done(self.at_once)
        else:
            self.done.append(done)

    def release(self, session_id: str) -> None:
        if session_id not in self.released:
            self.released.append(session_id)

    def tell(self, granted: bool) -> None:
        """Answer the oldest question."""
        self.done.pop(0)(granted)


def volte(phone: Phone) -> None:
    """The phone registered with the features of VoLTE."""
    subscriber = phone.lab.subscribers.by_impi(f"{phone.number}@ims.mnc001.mcc001.3gppnetwork.org")
    assert subscriber is not None
    for binding in subscriber.bindings:
        binding.volte = True


def qos(lab: Lab) -> list[str]:
    """The state of each dialog's first media, the caller's first."""
    return [record.medias[0].qos if record.medias else "-" for record in lab.calls.records]


def lines(phone: Phone, label: str) -> list[str]:
    """The lines of preconditions in the last message of this label."""
    found = [line for line in phone.last(label).body.decode().splitlines() if "qos" in line]
    return [line.removeprefix("a=").replace(":qos", "") for line in found]


def only_supported(tags: str) -> Callable[[Message], None]:
    """An INVITE with these option tags."""
    return lambda message: message.set("supported", tags)


# --- both phones speak them


def test_two_phones_settle_them_between_themselves(lab: Lab) -> None:
    lab.play(OFFERED)
    assert lines(lab.b, "INVITE") == [
        "curr local none", "curr remote none", "des mandatory local sendrecv", "des optional remote sendrecv",
    ]  # fmt: skip
    assert {"100rel", "precondition"} <= set(lab.b.last("INVITE").tokens("supported"))
    assert qos(lab) == ["required", "required"]
    lab.play("""
                    183 pre <-- b
        a <-- 183 sdp
    """)
    assert lines(lab.a, "183") == [
        "curr local none", "curr remote none", "des mandatory local sendrecv", "des mandatory remote sendrecv",
        "conf remote sendrecv",
    ]  # fmt: skip
    assert set(lab.a.last("183").tokens("require")) == {"100rel", "precondition"}
    assert qos(lab) == ["pending", "pending"]
    lab.play("""
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> UPDATE ready
                    UPDATE sdp --> b
    """)
    assert lines(lab.b, "UPDATE")[0] == "curr local sendrecv"
    assert qos(lab) == ["erab_set", "pending"]
    lab.play("""
                    200 UPDATE ready <-- b
        a <-- 200 UPDATE sdp
    """)
    assert lines(lab.a, "200 UPDATE")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(f"""
                    180 rel <-- b
        a <-- 180
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        {ANSWERED}
        {BYE}
    """)
    assert [record.medias[0].qos for record in lab.calls.records] == ["erab_set", "erab_set"]


def test_the_servers_own_offer_does_not_repeat_what_the_other_phone_has_said_before(lab: Lab) -> None:
    lab.play(ALERTED + ANSWERED)
    assert lines(lab.b, "UPDATE")[1] == "curr remote none"  # it was so then
    leg = next(iter(lab.calls)).branch.mt
    assert leg is not None
    for held, direction in ((True, "recvonly"), (False, "sendrecv")):
        assert lab.calls.hold(leg, held=held)
        lab.b.direction = direction
        lab.play("""
                    INVITE sdp --> b
                    200 ready <-- b
                    ACK --> b
        """)
        assert lines(lab.b, "INVITE") == []
        assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(BYE)


def test_the_callees_bearer_is_ready_later_than_the_callers(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> UPDATE ready
                    UPDATE sdp --> b
                    200 UPDATE pre <-- b
        a <-- 200 UPDATE sdp
                    UPDATE ready <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE ready
                    200 UPDATE sdp --> b
    """)
    assert lines(lab.a, "UPDATE")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(f"""
                    180 <-- b
        a <-- 180
        {ANSWERED}
        {BYE}
    """)


def test_a_caller_that_has_its_bearer_already(lab: Lab) -> None:
    lab.play("""
        a --> INVITE ready
        a <-- 100
                    INVITE sdp --> b
    """)
    assert lines(lab.b, "INVITE")[0] == "curr local sendrecv"
    assert qos(lab)[0] == "erab_set"
    lab.play(f"""
                    183 pre <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    UPDATE ready <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE ready
                    200 UPDATE sdp --> b
                    180 <-- b
        a <-- 180
        {ANSWERED}
        {BYE}
    """)


def test_preconditions_in_an_offer_of_a_prack(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
        a --> PRACK ready
                    PRACK sdp --> b
                    200 PRACK ready <-- b
        a <-- 200 PRACK sdp
    """)
    assert lines(lab.b, "PRACK")[0] == "curr local sendrecv"
    assert lines(lab.a, "200 PRACK")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(f"""
                    180 <-- b
        a <-- 180
        {ANSWERED}
        {BYE}
    """)


def test_a_delayed_offer_with_preconditions(lab: Lab) -> None:
    lab.a.bend = only_supported("100rel, precondition")
    lab.play("""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    183 pre <-- b
        a <-- 183 sdp
        a --> PRACK pre
                    PRACK sdp --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
    """)
    assert {"100rel", "precondition"} <= set(lab.b.last("INVITE").tokens("supported"))
    assert lines(lab.a, "183")[0] == "curr local none"
    assert lines(lab.b, "PRACK")[0] == "curr local none"
    assert qos(lab) == ["pending", "pending"]
    lab.play(f"""
                    UPDATE ready <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE ready
                    200 UPDATE sdp --> b
                    180 <-- b
        a <-- 180
        {ANSWERED}
    """)
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(BYE)


def test_the_caller_gives_up_during_the_183(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_the_callee_gets_no_bearer_and_says_580(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    580 <-- b
                    ACK --> b
        a <-- 580
        a --> ACK
    """)


def test_an_update_answered_580_leaves_the_call_to_the_caller(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> UPDATE ready
                    UPDATE sdp --> b
                    580 UPDATE <-- b
        a <-- 580 UPDATE
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


# --- the caller alone speaks them


def test_a_softphone_that_rings_with_early_media(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 sdp <-- b
        a <-- 183 sdp
    """)
    assert lines(lab.a, "183") == [
        "curr local sendrecv", "curr remote none", "des mandatory local sendrecv", "des mandatory remote sendrecv",
        "conf remote sendrecv",
    ]  # fmt: skip
    assert set(lab.a.last("183").tokens("require")) == {"100rel", "precondition"}
    assert qos(lab) == ["pending", "disabled"]
    lab.play("""
        a --> PRACK
        a <-- 200 PRACK
                    180 <-- b
        1 s
        a --> UPDATE ready
        a <-- 200 UPDATE sdp
        a <-- 180
    """)
    assert lines(lab.a, "200 UPDATE")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    assert qos(lab) == ["erab_set", "disabled"]
    lab.play("""
                    200 sdp <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
    """)
    assert not lab.a.last("200").body
    lab.play(BYE)


def test_a_softphone_that_answers_at_once(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    200 sdp <-- b
                    ACK --> b
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
        3 s
        a --> UPDATE ready
        a <-- 200 UPDATE sdp
        a <-- 200
        a --> ACK
    """)
    assert not lab.a.last("200").body
    lab.play(BYE)


def test_a_softphone_that_rings_without_sdp_and_answers(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
                    ACK --> b
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
        a --> UPDATE ready
        a <-- 200 UPDATE sdp
        a <-- 200
        a --> ACK
        {BYE}
    """)


def test_a_softphone_that_answers_a_caller_with_a_bearer(lab: Lab) -> None:
    lab.play("""
        a --> INVITE ready
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert lines(lab.a, "200 sdp")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    lab.play(BYE)


def test_the_caller_tells_of_its_bearer_in_the_prack(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    200 sdp <-- b
                    ACK --> b
        a <-- 183 sdp
        a --> PRACK ready
        a <-- 200 PRACK sdp
        a <-- 200
        a --> ACK
    """)
    assert lines(lab.a, "200 PRACK")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    lab.play(BYE)


def test_a_caller_without_100rel_cannot_wait_for_a_bearer(lab: Lab) -> None:
    lab.a.bend = only_supported("precondition")
    lab.play("""
        a --> INVITE pre
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert lines(lab.b, "INVITE") == lines(lab.a, "200 sdp") == []
    lab.play(BYE)


def test_the_callers_bearer_never_comes(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    200 sdp <-- b
                    ACK --> b
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
        29.9 s
        0.2 s
        a <-- 580
                    BYE --> b
        a --> ACK
                    200 BYE <-- b
    """)


def test_the_caller_cancels_while_its_answered_call_waits_for_the_bearer(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    200 sdp <-- b
                    ACK --> b
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
                    BYE --> b
        a --> ACK
                    200 BYE <-- b
    """)


def test_the_callee_hangs_up_while_its_answer_waits_for_the_bearer(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    200 sdp <-- b
                    ACK --> b
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
                    BYE <-- b
                    200 BYE --> b
        a <-- 480
        a --> ACK
    """)


# --- the callee alone speaks them


def test_the_server_has_preconditions_with_a_volte_callee_of_a_softphone(lab: Lab) -> None:
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    assert lines(lab.b, "INVITE") == [
        "curr local none", "curr remote none", "des mandatory local sendrecv", "des none remote sendrecv",
    ]  # fmt: skip
    assert {"100rel", "precondition"} <= set(lab.b.last("INVITE").tokens("supported"))
    assert qos(lab) == ["disabled", "required"]
    lab.play("""
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    UPDATE sdp --> b
    """)
    assert lines(lab.a, "183") == []
    assert "require" not in lab.a.last("183").headers
    assert lines(lab.b, "UPDATE") == [
        "curr local sendrecv", "curr remote none", "des mandatory local sendrecv", "des mandatory remote sendrecv",
    ]  # fmt: skip
    assert lab.b.last("UPDATE").tokens("require") == ["precondition"]
    assert qos(lab) == ["disabled", "pending"]
    lab.play("                    200 UPDATE ready <-- b")
    assert qos(lab) == ["disabled", "erab_set"]
    lab.play(f"""
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


def test_a_volte_callee_that_tells_of_its_bearer_later(lab: Lab) -> None:
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    UPDATE sdp --> b
                    200 UPDATE pre <-- b
        1 s
                    UPDATE ready <-- b
                    200 UPDATE sdp --> b
    """)
    assert lines(lab.b, "200 UPDATE sdp")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    assert qos(lab) == ["disabled", "erab_set"]
    lab.play(f"""
                    180 <-- b
        a <-- 180
                    200 <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_volte_callee_that_wants_no_preconditions(lab: Lab) -> None:
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert qos(lab) == ["disabled", "disabled"]
    lab.play(BYE)


def test_an_update_that_meets_another_offer_is_sent_again(lab: Lab) -> None:
    volte(lab.b)
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    UPDATE sdp --> b
                    491 UPDATE <-- b
        within 5 s
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
                    180 <-- b
        a <-- 180
                    200 <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_volte_callee_that_gets_no_bearer(lab: Lab) -> None:
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    UPDATE sdp --> b
                    200 UPDATE <-- b
                    580 <-- b
                    ACK --> b
        a <-- 580
        a --> ACK
    """)


def test_the_caller_of_a_volte_phone_gives_up_during_the_update(lab: Lab) -> None:
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    UPDATE sdp --> b
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
                    481 UPDATE <-- b
    """)


def test_a_volte_callee_that_is_not_to_have_100rel(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(users=(user("1"), user("2", ImpuConfig(impu="tel:+49302", rel100=False))))
    volte(lab.b)
    lab.play(CALL)
    assert lines(lab.b, "INVITE") == []
    assert not {"100rel", "precondition"} & set(lab.b.last("INVITE").tokens("supported"))
    lab.play(BYE)


# --- the server is the end


def test_the_echo_waits_for_the_callers_bearer(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE pre
        a <-- 100
        a <-- 183 sdp
    """)
    assert lines(lab.a, "183")[:2] == ["curr local sendrecv", "curr remote none"]
    assert "conf remote sendrecv" in lines(lab.a, "183")
    assert qos(lab) == ["pending"]
    lab.play(f"""
        a --> PRACK
        a <-- 200 PRACK
        2 s
        a --> UPDATE ready
        a <-- 200 UPDATE sdp
        a <-- 180
        a <-- 200
        a --> ACK
        {END}
    """)
    assert qos(lab) == ["erab_set"]


def test_the_echo_answers_a_caller_with_a_bearer_at_once(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE ready
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
    """)
    assert lines(lab.a, "200 sdp")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    assert qos(lab) == ["erab_set"]
    lab.play(END)


def test_the_echo_hears_of_the_bearer_in_the_prack(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play(f"""
        a --> INVITE pre
        a <-- 100
        a <-- 183 sdp
        a --> PRACK ready
        a <-- 200 PRACK sdp
        a <-- 180
        a <-- 200
        a --> ACK
        {END}
    """)


def test_an_echo_without_preconditions(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(echo=(ImpuConfig(impu="tel:666", precondition=Precondition.OFF),))
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE pre
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
    """)
    assert lines(lab.a, "200 sdp") == []
    assert qos(lab) == ["disabled"]
    lab.play(END)


def test_an_echo_with_silent_bearers(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(echo=(ImpuConfig(impu="tel:666", precondition=Precondition.SILENT),), bearers=network)
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE pre
        a <-- 100
        a <-- 180
        a <-- 200 sdp
        a --> ACK
    """)
    assert lines(lab.a, "200 sdp") == []
    assert qos(lab) == ["pending"]
    network.tell(True)
    assert qos(lab) == ["erab_set"]
    lab.play(END)
    assert network.released == [wanted.session_id for wanted in network.wanted]


def called_by_server(lab: Lab) -> Session:
    """The server calls b, a VoLTE phone."""
    volte(lab.b)
    found = lab.subscribers.by_impi("2@ims.mnc001.mcc001.3gppnetwork.org")
    assert found is not None
    destination = Registered(found, found.impus[0], tuple(found.bindings))
    return lab.calls.make_call(destination, None, "tel:+49999", None, 0.0)


def test_a_call_of_the_server_to_a_volte_phone(lab: Lab) -> None:
    session = called_by_server(lab)
    lab.play("""
                    INVITE sdp --> b
                    100 <-- b
                    183 pre <-- b
                    PRACK --> b
    """)
    assert lines(lab.b, "INVITE")[:2] == ["curr local none", "curr remote none"]
    assert {"100rel", "precondition"} <= set(lab.b.last("INVITE").tokens("supported"))
    assert qos(lab) == ["pending"]
    lab.play("""
                    200 PRACK <-- b
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
    """)
    assert lines(lab.b, "UPDATE")[0] == "curr local sendrecv"
    assert qos(lab) == ["erab_set"]
    lab.play("""
                    180 <-- b
                    200 <-- b
                    ACK --> b
    """)
    assert str(session.call.state) == "start"
    lab.calls.stop(session, "enough")
    lab.play("""
                    BYE --> b
                    200 BYE <-- b
    """)
    assert lab.b.last("BYE").get("reason") == 'SIP;cause=200;text="Terminated"'


def test_a_call_of_the_server_that_rings_reliably_and_is_hung_up(lab: Lab) -> None:
    called_by_server(lab)
    lab.play("""
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
                    200 PRACK <-- b
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
                    180 rel <-- b
                    PRACK --> b
                    200 PRACK <-- b
                    200 <-- b
                    ACK --> b
                    BYE <-- b
                    200 BYE --> b
    """)


def test_a_call_of_the_server_stopped_during_the_183(lab: Lab) -> None:
    session = called_by_server(lab)
    lab.play("""
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
                    200 PRACK <-- b
                    UPDATE sdp --> b
    """)
    lab.calls.stop(session, "enough")
    lab.play("""
                    CANCEL --> b
                    200 UPDATE ready <-- b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_a_call_of_the_server_waits_for_the_network(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(bearers=network)
    session = called_by_server(lab)
    lab.play("""
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
                    200 PRACK <-- b
        5 s
    """)
    assert [wanted.theirs.medias[0].port for wanted in network.wanted] == [40000]
    network.tell(True)
    lab.play("""
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
                    180 <-- b
                    200 <-- b
                    ACK --> b
    """)
    lab.calls.stop(session, "enough")
    lab.play("""
                    BYE --> b
                    200 BYE <-- b
    """)
    assert set(network.released) == {wanted.session_id for wanted in network.wanted}


# --- what the operator wants


@pytest.mark.parametrize(
    "options",
    [
        {"precondition": Precondition.OFF},
        {"users": (user("1", ImpuConfig(impu="1", precondition=Precondition.OFF)), user("2"))},
        {"users": (user("1"), user("2", ImpuConfig(impu="tel:+49302", precondition=Precondition.OFF)))},
        {"rel100": False},
    ],
    ids=["for all", "for the caller", "for the callee", "no 100rel"],
)
def test_preconditions_are_switched_off(lab_with: Callable[..., Lab], options: dict[str, object]) -> None:
    lab = lab_with(**options)
    lab.play(OFFERED)
    if "users" in options and options["users"][0].impu[0].precondition is None:  # type: ignore[index]
        # the caller's end here
        lab.play("""
                        200 sdp <-- b
                        ACK --> b
            a <-- 183 sdp
            a --> PRACK
            a <-- 200 PRACK
            a --> UPDATE ready
            a <-- 200 UPDATE sdp
            a <-- 200
            a --> ACK
        """)
    else:
        lab.play("""
                        200 sdp <-- b
            a <-- 200 sdp
            a --> ACK
                        ACK --> b
        """)
    assert lines(lab.b, "INVITE") == []
    assert "precondition" not in lab.b.last("INVITE").tokens("supported")
    assert qos(lab)[1] == "disabled"
    lab.play(BYE)


def test_a_caller_that_may_have_none_calls_a_volte_phone(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(users=(user("1", ImpuConfig(impu="1", precondition=Precondition.OFF)), user("2")))
    volte(lab.b)
    lab.play("""
        a --> INVITE pre
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
                    180 <-- b
        a <-- 180
        a --> PRACK
        a <-- 200 PRACK
                    200 <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
    """)
    assert lines(lab.a, "183") == []
    assert qos(lab) == ["disabled", "erab_set"]
    lab.play(BYE)


def test_silent_bearers_for_two_softphones(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(precondition=Precondition.SILENT, bearers=network)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    assert qos(lab) == ["required", "required"]
    lab.play("""
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert qos(lab) == ["pending", "pending"]
    network.tell(True)
    network.tell(True)
    assert qos(lab) == ["erab_set", "erab_set"]
    assert len(network.wanted) == 2
    lab.play(BYE)
    assert sorted(network.released) == sorted(wanted.session_id for wanted in network.wanted)


def test_silent_takes_preconditions_out(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(precondition=Precondition.SILENT, bearers=Network(True))
    lab.play("""
        a --> INVITE pre
        a <-- 100
                    INVITE sdp --> b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert lines(lab.b, "INVITE") == lines(lab.a, "200 sdp") == []
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(BYE)


# --- the network


def test_each_bearer_is_asked_for_once_the_media_is_known(lab_with: Callable[..., Lab]) -> None:
    network = Network(True)
    lab = lab_with(bearers=network)
    lab.play(OFFERED)
    assert not network.wanted
    lab.play("""
                    183 pre <-- b
        a <-- 183 sdp
    """)
    assert {(w.impi.split("@")[0], w.theirs.medias[0].port) for w in network.wanted} == {("1", 40000), ("2", 40000)}
    for wanted in network.wanted:
        assert Sdp.parse(wanted.ours).connection == "192.0.2.1"
    lab.play("""
        a --> CANCEL
        a <-- 200 CANCEL
        a <-- 487
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)
    assert sorted(network.released) == sorted(wanted.session_id for wanted in network.wanted)


def test_a_refused_bearer_ends_the_call_on_both_sides(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(bearers=network)
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
    """)
    network.tell(False)
    lab.play("""
        0.01 s
        a <-- 580
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)
    network.tell(False)
    assert sorted(network.released) == sorted(wanted.session_id for wanted in network.wanted)


def test_a_bearer_that_is_refused_at_once(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(bearers=Network(False))
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
        0.01 s
        a <-- 580
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_a_bearer_that_is_refused_at_once_to_a_callee_of_a_softphone(lab_with: Callable[..., Lab]) -> None:
    lab = lab_with(bearers=Network(False))
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
        0.01 s
        a <-- 580
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_a_bearer_that_is_refused_to_an_echo_call(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(bearers=network)
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE pre
        a <-- 100
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
    """)
    network.tell(False)
    lab.play("""
        0.01 s
        a <-- 580
        a --> ACK
    """)
    assert network.released == [wanted.session_id for wanted in network.wanted]


def test_a_bearer_that_is_lost_in_the_call_ends_it(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(precondition=Precondition.SILENT, bearers=network)
    lab.play(CALL)
    network.tell(True)
    network.tell(False)
    lab.play("""
        0.01 s
        a <-- BYE
                    BYE --> b
        a --> 200 BYE
                    200 BYE <-- b
    """)


def test_a_slow_network_holds_the_update_back(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(bearers=network)
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
        3 s
    """)
    assert qos(lab) == ["disabled", "pending"]
    network.tell(True)
    lab.play(f"""
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
                    180 <-- b
        a <-- 180
                    200 <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_bearer_that_is_granted_after_the_call(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(bearers=network)
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
        a <-- 183 sdp
                    200 PRACK <-- b
                    480 <-- b
                    ACK --> b
        a <-- 480
        a --> ACK
    """)
    network.tell(True)


# --- phones as they are


def test_samsung_writes_tel_uris_and_a_refresher_in_the_prack(lab: Lab) -> None:
    def samsung(message: Message) -> None:
        message.set("from", f"<tel:+49301>;tag={lab.a.tag}")
        message.set("security-verify", "ipsec-3gpp; alg=hmac-sha-1-96")
        message.set("session-expires", "1800;refresher=uac")
        message.set("supported", "100rel,precondition,timer")

    lab.a.bend = samsung
    lab.play(OFFERED)
    assert "security-verify" not in lab.b.last("INVITE").headers
    lab.play("""
                    183 pre <-- b
        a <-- 183 sdp
    """)
    lab.a.bend = samsung
    lab.play("""
        a --> PRACK
                    PRACK --> b
    """)
    assert not {"session-expires", "security-verify"} & set(lab.b.last("PRACK").headers)
    lab.play("""
                    200 PRACK <-- b
        a <-- 200 PRACK
    """)
    assert "session-expires" not in lab.a.last("200 PRACK").headers
    lab.play(f"""
        a --> UPDATE ready
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
        a <-- 200 UPDATE sdp
                    180 <-- b
        a <-- 180
        {ANSWERED}
    """)
    assert lab.a.last("200").get("session-expires") == "1800;refresher=uac"
    lab.play(BYE)


def test_huawei_names_itself_in_quotes_and_leaves_blanks_and_contacts_out(lab: Lab) -> None:
    def huawei(message: Message) -> None:
        assert isinstance(message, Request)
        message.headers.pop("contact", None)
        message.set("from", f'"0600000123"<tel:+49301>;tag={lab.a.tag}')
        if message.method == "INVITE":
            message.set("contact", "<sip:1@192.0.2.11:5060>")
            message.set("supported", "100rel,precondition,timer")
            message.set("allow", "INVITE,ACK,CANCEL,BYE,PRACK,UPDATE")
        first = {name: message.headers.pop(name) for name in ("from", "via")}
        message.headers = first | message.headers

    lab.b.allow = ""
    lab.a.bend = huawei
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
    """)
    lab.a.bend = huawei
    lab.play("""
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
    """)
    lab.a.bend = huawei
    lab.play(f"""
        a --> UPDATE ready
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
        a <-- 200 UPDATE sdp
                    180 <-- b
        a <-- 180
        {ANSWERED}
        {BYE}
    """)


# --- more of them: what is never met, what is half met


def test_the_bearer_of_a_caller_of_the_echo_never_comes(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE pre
        a <-- 100
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
        29.9 s
        0.2 s
        a <-- 580
        a --> ACK
    """)


def test_the_bearer_never_comes_while_the_callee_rings(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 sdp <-- b
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
                    180 <-- b
        29.9 s
        0.2 s
        a <-- 580
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)


def test_a_call_whose_bearer_came_late_rings_on(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 sdp <-- b
        a <-- 183 sdp
        a --> PRACK
        a <-- 200 PRACK
                    180 <-- b
        20 s
        a --> UPDATE ready
        a <-- 200 UPDATE sdp
        a <-- 180
        60 s
                    200 sdp <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_a_softphone_with_100rel_gets_its_prack_from_the_caller_or_the_server(lab: Lab) -> None:
    lab.play(f"""
        {OFFERED}
                    183 rel sdp <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> UPDATE ready
        a <-- 200 UPDATE sdp
                    180 rel <-- b
        a <-- 180 rel
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    200 <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
    """)
    assert lines(lab.a, "183")[0] == "curr local sendrecv"
    assert qos(lab) == ["erab_set", "disabled"]
    lab.play(BYE)


def test_an_update_of_a_volte_callee_to_a_phone_without_allow(lab: Lab) -> None:
    lab.a.allow = lab.b.allow = ""
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> UPDATE ready
                    UPDATE sdp --> b
                    200 UPDATE pre <-- b
        a <-- 200 UPDATE sdp
                    UPDATE ready <-- b
        a <-- UPDATE sdp
        a --> 200 UPDATE ready
                    200 UPDATE sdp --> b
                    180 <-- b
        a <-- 180
        {ANSWERED}
        {BYE}
    """)


def test_two_medias_have_a_state_each(lab: Lab) -> None:
    video = "video {port} RTP/AVP 113\na=rtpmap:113 H264/90000"
    lab.a.medias = [AVP, video]
    lab.b.medias = [AVP, "video 0 RTP/AVP 113"]
    lab.play(f"""
        {ALERTED}
        {ANSWERED}
    """)
    assert [[m.qos for m in record.medias] for record in lab.calls.records] == [["erab_set"], ["erab_set"]]
    lab.play(BYE)


def test_the_medias_of_a_hold_keep_their_bearers(lab_with: Callable[..., Lab]) -> None:
    network = Network(True)
    lab = lab_with(bearers=network)
    lab.play(f"""
        {ALERTED}
        {ANSWERED}
    """)
    asked = len(network.wanted)
    lab.a.direction, lab.b.direction = "sendonly", "recvonly"
    lab.play("""
        a --> UPDATE ready
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
        a <-- 200 UPDATE sdp
    """)
    assert len(network.wanted) == asked + 2
    assert [record.state for record in lab.calls.records] == ["hold", "hold"]
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(BYE)


def test_the_callee_reads_in_the_cancel_why_it_is_given_up(lab_with: Callable[..., Lab]) -> None:
    network = Network()
    lab = lab_with(bearers=network)
    lab.play(f"""
        {OFFERED}
                    183 pre <-- b
        a <-- 183 sdp
    """)
    network.tell(False)
    lab.play("""
        0.01 s
        a <-- 580
        a --> ACK
                    CANCEL --> b
                    200 CANCEL <-- b
                    487 <-- b
                    ACK --> b
    """)
    assert "cause=580" in lab.b.last("CANCEL").get("reason")


# --- inside the call


VIDEO = "video {port} RTP/AVP 113\na=rtpmap:113 H264/90000"


def test_video_that_waits_for_its_bearer_is_added_by_a_reinvite(lab: Lab) -> None:
    lab.play(f"""
        {ALERTED}
        {ANSWERED}
    """)
    lab.a.medias = lab.b.medias = [AVP, VIDEO]
    lab.a.bearer = lab.b.bearer = False
    lab.a._their_bearer = lab.b._their_bearer = "none"
    lab.play("""
        a --> INVITE pre
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
        a <-- 183 rel sdp
    """)
    assert {"100rel", "precondition"} <= set(lab.b.last("INVITE").tokens("supported"))
    assert set(lab.a.last("183").tokens("require")) == {"100rel", "precondition"}
    assert [m.qos for m in next(iter(lab.calls.records)).medias] == ["pending", "pending"]
    lab.play(f"""
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> UPDATE ready
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
        a <-- 200 UPDATE sdp
        {ANSWERED}
    """)
    assert [m.qos for m in next(iter(lab.calls.records)).medias] == ["erab_set", "erab_set"]
    assert [stream.kind for stream in lab.plane.streams] == ["audio", "audio", "video", "video"]
    lab.play(BYE)


def test_video_that_gets_no_bearer_leaves_voice(lab: Lab) -> None:
    lab.play(f"""
        {ALERTED}
        {ANSWERED}
    """)
    lab.a.medias = lab.b.medias = [AVP, VIDEO]
    lab.play(f"""
        a --> INVITE pre
        a <-- 100
                    INVITE sdp --> b
                    183 pre <-- b
        a <-- 183 rel sdp
        a --> PRACK
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
                    580 <-- b
                    ACK --> b
        a <-- 580
        a --> ACK
        {BYE}
    """)


def test_a_reinvite_without_offer_that_is_settled_before_its_200(lab: Lab) -> None:
    lab.play(f"""
        {ALERTED}
        {ANSWERED}
    """)
    lab.a.bend = only_supported("100rel, precondition")
    lab.a.media_port, lab.b.media_port = 42000, 41000
    lab.play(f"""
        a --> INVITE
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
    assert [stream.remote for stream in lab.plane.streams] == [("192.0.2.11", 42000), ("192.0.2.12", 41000)]
    lab.play(BYE)


def test_a_reliable_answer_to_a_reinvite_of_a_phone_without_100rel_is_acknowledged_by_the_server(lab: Lab) -> None:
    lab.play(f"""
        {CALL}
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    183 rel sdp <-- b
                    PRACK --> b
                    200 PRACK <-- b
                    200 <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)


def test_the_states_of_medias_behind_one_that_was_rejected(lab: Lab) -> None:
    lab.a.medias = lab.b.medias = ["audio 0 RTP/AVP 0", AVP]
    lab.play(f"""
        {ALERTED}
        {ANSWERED}
    """)
    assert qos(lab) == ["erab_set", "erab_set"]
    lab.play(BYE)


# --- other answers


def test_a_volte_callee_that_answers_at_once(lab: Lab) -> None:
    volte(lab.b)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 pre <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert lines(lab.a, "200 sdp") == []
    assert qos(lab) == ["disabled", "erab_set"]
    lab.play(BYE)


def test_a_delayed_offer_to_a_softphone(lab: Lab) -> None:
    lab.a.bend = only_supported("100rel, precondition")
    lab.play("""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK sdp --> b
    """)
    assert qos(lab) == ["disabled", "disabled"]
    lab.play(BYE)


def test_a_delayed_offer_of_a_softphone_to_a_volte_phone(lab: Lab) -> None:
    volte(lab.b)
    lab.play("""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    180 <-- b
        a <-- 180
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK sdp
                    ACK sdp --> b
    """)
    assert qos(lab) == ["disabled", "disabled"]
    lab.play(BYE)


def test_two_volte_phones_of_one_user(lab_with: Callable[..., Lab]) -> None:
    network = Network(True)
    lab = lab_with(bearers=network)
    lab.beside("c", "2", "192.0.2.13", port=5060)
    lab.play("""
        a --> INVITE pre
        a <-- 100
                    INVITE sdp --> b
                    INVITE sdp --> c
                    183 pre <-- b
        a <-- 183 rel sdp @1
                    183 pre <-- c
        a <-- 183 rel sdp @2
        a --> PRACK @1
                    PRACK --> b
                    200 PRACK <-- b
        a <-- 200 PRACK
        a --> PRACK @2
                    PRACK --> c
                    200 PRACK <-- c
        a <-- 200 PRACK
        a --> UPDATE ready @1
                    UPDATE sdp --> b
                    200 UPDATE ready <-- b
        a <-- 200 UPDATE sdp
        a --> UPDATE ready @2
                    UPDATE sdp --> c
                    200 UPDATE ready <-- c
        a <-- 200 UPDATE sdp
                    180 <-- c
        a <-- 180 @2
                    200 <-- c
        ...
                    200 CANCEL <-- b
                    487 <-- b
        ...
    """)
    assert {w.impi.split("@")[0] for w in network.wanted} == {"1", "2"}
    lab.a.turn_to(2)
    lab.play("""
        a --> ACK
                    ACK --> c
        a --> BYE
        a <-- 200 BYE
                    BYE --> c
                    200 BYE <-- c
    """)
    assert {w.session_id for w in network.wanted} <= set(network.released)


def test_a_call_of_the_server_to_a_softphone(lab: Lab) -> None:
    found = lab.subscribers.by_impi("2@ims.mnc001.mcc001.3gppnetwork.org")
    assert found is not None
    destination = Registered(found, found.impus[0], tuple(found.bindings))
    session = lab.calls.make_call(destination, None, "tel:+49999", None, 0.0)
    lab.play("""
                    INVITE sdp --> b
                    180 <-- b
                    200 sdp <-- b
                    ACK --> b
    """)
    assert lines(lab.b, "INVITE") == []
    assert qos(lab) == ["disabled"]
    lab.calls.stop(session, "enough")
    lab.play("""
                    BYE --> b
                    200 BYE <-- b
    """)


def test_a_call_of_the_server_to_a_volte_phone_that_tells_of_its_bearer_later(lab: Lab) -> None:
    session = called_by_server(lab)
    lab.play("""
                    INVITE sdp --> b
                    183 pre <-- b
                    PRACK --> b
                    200 PRACK <-- b
                    UPDATE sdp --> b
                    200 UPDATE pre <-- b
                    UPDATE ready <-- b
                    200 UPDATE sdp --> b
    """)
    assert lines(lab.b, "200 UPDATE sdp")[:2] == ["curr local sendrecv", "curr remote sendrecv"]
    lab.play("""
                    180 <-- b
                    200 <-- b
                    ACK --> b
    """)
    lab.calls.stop(session, "enough")
    lab.play("""
                    BYE --> b
                    200 BYE <-- b
    """)


@pytest.mark.parametrize("alone", [False, True], ids=["both have them", "the callee alone"])
def test_a_hold_that_does_not_speak_of_preconditions_asks_for_the_bearers_anew(
    lab_with: Callable[..., Lab], alone: bool
) -> None:
    network = Network(True)
    lab = lab_with(bearers=network)
    if alone:
        volte(lab.b)
    lab.play(CALLEE_ALONE if alone else f"{ALERTED}{ANSWERED}")
    before = len(network.wanted)
    states = qos(lab)
    lab.b.direction = "recvonly"
    lab.play("""
        a --> INVITE hold
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert [str(record.state) for record in lab.calls.records] == ["hold", "hold"]
    assert len(network.wanted) == before + (1 if alone else 2)
    assert qos(lab) == states
    lab.play(BYE)

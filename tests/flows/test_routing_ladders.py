"""Whom a call reaches, by which way and with which headers; bodies and media (TS 24.229 5.4.3, RFC 3261 18.1.1)."""

from collections.abc import Callable
from typing import Any

import pytest

from lteims.config import CustomHeader, ImpuConfig
from lteims.ims import opening as opening_module
from lteims.media.sdp import Sdp
from lteims.sip.message import Message, Request, Response
from lteims.sip.multipart import body_of
from tests.flows.phones import BYE, CALL, DOMAIN, RINGING, SERVER, SERVER6, Lab, user

REFUSED = """
                486 <-- b
                ACK --> b
    a <-- 486
    a --> ACK
"""
Bend = Callable[[Request | Response], None]
LabMaker = Callable[..., Lab]


def header(name: str, *values: str) -> Bend:
    """A bend that puts one header in."""
    return lambda message: message.set(name, *values)


def body(content_type: str, text: str) -> Bend:
    """A bend that puts another body in."""

    def bend(message: Message) -> None:
        message.set("content-type", content_type)
        message.body = text.encode()

    return bend


def refused(lab: Lab, code: int, line: str = "INVITE sdp") -> Any:
    """a's INVITE is answered by the server itself."""
    lab.play(f"""
        a --> {line}
        a <-- 100
        a <-- {code}
        a --> ACK
    """)
    lab.nothing_left()
    return lab.a.last(str(code))


# --- whom


@pytest.mark.parametrize(
    "target",
    [
        "tel:+49302",
        "tel:+49-30-2",
        "tel:302;phone-context=+49",
        f"sip:+49302@{DOMAIN};user=phone",
        f"sip:+49302@{DOMAIN}",
        f"sip:302;phone-context=+49@{DOMAIN};user=phone",
        f"sip:2@{DOMAIN}",
        f"sip:2@{SERVER}",
        f"sip:2@{SERVER}:5060;transport=udp",
    ],
)
def test_every_form_of_an_identity_reaches_its_phone(lab: Lab, target: str) -> None:
    lab.a.target = target
    lab.play(RINGING + REFUSED)


def test_nobody_has_the_number(lab: Lab) -> None:
    lab.a.target = "tel:+49999"
    refused(lab, 404)


def test_the_callee_is_not_registered(lab: Lab) -> None:
    lab.a.target = "tel:+49303"
    refused(lab, 480)


def test_a_callee_that_goes_during_the_call(lab: Lab) -> None:
    lab.play(CALL)
    (subscriber, _) = lab.subscribers.by_impu(Request("X", f"sip:2@{DOMAIN}").uri) or (None, None)
    assert subscriber is not None
    lab.subscribers.unbind(subscriber, subscriber.bindings[0], "unregistered")
    lab.play(BYE)


# --- headers


def test_asserted_and_called_identities(lab_with: LabMaker) -> None:
    callee = ImpuConfig(impu="tel:+49302", p_called_party_id="tel:+4930555")
    caller = ImpuConfig(impu="1", display_name="Anna")
    lab = lab_with(users=(user("1", caller, ImpuConfig(impu="tel:+49301", asserted=True)), user("2", callee)))
    lab.play(RINGING + REFUSED)
    invite = lab.b.last("INVITE")
    assert invite.get("p-asserted-identity") == "<tel:+49301>"
    assert invite.get("p-called-party-id") == "<tel:+4930555>"
    assert invite.get("from").startswith(f'"Anna" <sip:1@{DOMAIN}>;tag=')


def test_the_display_name_is_asserted(lab_with: LabMaker) -> None:
    caller = ImpuConfig(impu="1", display_name='An"na')
    lab = lab_with(users=(user("1", caller), user("2")))
    lab.play(RINGING + REFUSED)
    assert lab.b.last("INVITE").get("p-asserted-identity") == f'"An\\"na" <sip:1@{DOMAIN}>'


@pytest.mark.parametrize("wanted", [True, False])
def test_called_party_for_all(lab_with: LabMaker, wanted: bool) -> None:
    lab = lab_with(p_called_party_id=wanted)
    lab.play(RINGING + REFUSED)
    assert lab.b.last("INVITE").get("p-called-party-id") == ("<tel:+49302>" if wanted else "")


def test_privacy_hides_the_asserted_identity(lab: Lab) -> None:
    lab.a.bend = header("privacy", "id;critical")
    lab.play(RINGING + REFUSED)
    assert "p-asserted-identity" not in lab.b.last("INVITE").headers
    assert lab.b.last("INVITE").get("privacy") == "id;critical"


def test_the_preferred_identity_is_the_request_uri(lab_with: LabMaker) -> None:
    lab = lab_with(users=(user("1"), user("2", ImpuConfig(impu="tel:+49302", preferred=True))))
    lab.play(CALL)
    assert lab.b.last("INVITE").target == "tel:+49302"
    assert lab.b.last("ACK").target == "sip:2@192.0.2.12:5060"
    lab.play(BYE)


@pytest.mark.parametrize(("given", "left"), [("70", "69"), ("1", "0"), ("255", "69"), (None, "69")])
def test_max_forwards_goes_down(lab: Lab, given: str | None, left: str) -> None:
    lab.a.bend = header("max-forwards", *([given] if given else []))
    lab.play(RINGING + REFUSED)
    assert lab.b.last("INVITE").get("max-forwards") == left


def test_no_forward_is_left(lab: Lab) -> None:
    lab.a.bend = header("max-forwards", "0")
    refused(lab, 483)


def test_custom_headers_and_user_agent(lab_with: LabMaker) -> None:
    custom = (
        CustomHeader("X-Lab", "one", methods=("INVITE",)),
        CustomHeader("X-Code", "two", codes=(180,), methods=("INVITE",)),
    )
    lab = lab_with(custom_headers=custom, force_user_agent=False, user_agent="ours")

    def named(message: Message) -> None:
        message.set("user-agent", "phone A")

    lab.a.bend = named
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.bend = header("server", "phone B")
    lab.play("""
                    180 <-- b
        a <-- 180
    """)
    lab.play(REFUSED)
    invite, ringing = lab.b.last("INVITE"), lab.a.last("180")
    assert (invite.get("x-lab"), invite.get("user-agent")) == ("one", "phone A")
    assert (ringing.get("x-code"), ringing.get("server")) == ("two", "phone B")
    assert lab.a.last("486").get("server") == "ours"


# --- routes


@pytest.mark.parametrize("suffix", [";lr", ""])
def test_the_route_set_of_each_leg(lab: Lab, suffix: str) -> None:
    near, far = f"<sip:near@192.0.2.11:5060{suffix}>", f"<sip:far@192.0.2.12:5060{suffix}>"
    lab.a.bend = header("record-route", near)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
    """)
    lab.b.bend = header("record-route", "<sip:other@192.0.2.99;lr>", far)
    lab.play("""
                    200 sdp <-- b
        a <-- 200
        a --> ACK
                    ACK --> b
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
    """)
    ack, bye = lab.b.last("ACK"), lab.a.last("BYE")
    assert lab.a.last("200").headers["record-route"] == [near]
    if suffix:
        assert ack.headers["route"] == [far, "<sip:other@192.0.2.99;lr>"]
        assert (ack.target, bye.target) == ("sip:2@192.0.2.12:5060", "sip:1@192.0.2.11:5060")
        assert bye.headers["route"] == [near]
    else:
        assert (ack.target, bye.target) == (far.strip("<>"), near.strip("<>"))
        assert ack.headers["route"] == ["<sip:other@192.0.2.99;lr>", "<sip:2@192.0.2.12:5060>"]
        assert bye.headers["route"] == ["<sip:1@192.0.2.11:5060>"]


def test_a_path_is_the_route_to_the_phone(lab: Lab) -> None:
    subscriber = lab.subscribers.by_impi(f"2@{DOMAIN}")
    assert subscriber is not None
    lab.subscribers.unbind(subscriber, subscriber.bindings[0], "unregistered")
    lab.bind(lab.b, path=["<sip:edge@192.0.2.12:5090;lr>"])
    lab.play(RINGING + REFUSED)
    assert lab.b.last("INVITE").headers["route"] == ["<sip:edge@192.0.2.12:5090;lr>"]
    assert ("UDP", "192.0.2.12", 5090) in lab.sent_to


# --- transports


def test_tcp_calls_udp(lab: Lab) -> None:
    lab.a = lab.phone("a", "1", "192.0.2.11", port=34567, transport="TCP", target="tel:+49302")
    lab.play(CALL)
    assert lab.a.last("200").get("contact").endswith(";transport=tcp>")
    assert lab.b.last("INVITE").get("via").startswith(f"SIP/2.0/UDP {SERVER}:5060;")
    lab.play("""
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
    """)
    assert lab.a.last("BYE").via.transport == "TCP"


def test_udp_calls_tcp(lab: Lab) -> None:
    lab.b = lab.phone("b", "2", "192.0.2.12", port=34567, transport="TCP")
    lab.play(CALL)
    invite = lab.b.last("INVITE")
    assert (invite.via.transport, invite.contacts[0].uri.transport) == ("TCP", "tcp")
    assert set(lab.sent_to) == {("UDP", "192.0.2.11", 5060), ("TCP", "192.0.2.12", 34567)}
    lab.play(BYE)


def test_a_connection_that_is_gone_is_opened_anew(lab: Lab) -> None:
    lab.a = lab.phone("a", "1", "192.0.2.11", port=34567, transport="TCP", target="tel:+49302")
    lab.a.contact = "<sip:1@192.0.2.11:5077;transport=tcp>"
    lab.b = lab.phone("b", "2", "192.0.2.12", port=34567, transport="TCP")
    lab.streams.open.clear()
    lab.b.port = 5060
    lab.play(CALL)
    assert lab.sent_to[1] == ("TCP", "192.0.2.12", 5060)  # the Contact's port
    lab.streams.open.clear()
    lab.play("""
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
    """)
    assert lab.sent_to[-1] == ("TCP", "192.0.2.11", 5077)


def test_a_phone_that_comes_back_on_another_connection(lab: Lab) -> None:
    lab.a = lab.phone("a", "1", "192.0.2.11", port=34567, transport="TCP", target="tel:+49302")
    lab.play(CALL)
    lab.streams.open.clear()
    lab.a.port = 34999
    lab.play("""
        a --> INFO
                    INFO --> b
                    200 INFO <-- b
        a <-- 200 INFO
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
        a --> 200 BYE
    """)
    assert lab.sent_to[-1] == ("TCP", "192.0.2.11", 34999)


def test_one_large_request_by_tcp_does_not_move_the_phone(lab: Lab) -> None:
    lab.play(CALL)
    lab.a.transport, lab.a.port = "TCP", 34567
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
                    BYE <-- b
                    200 BYE --> b
        a <-- BYE
    """)
    assert lab.a.last("200").contacts[0].uri.transport == "tcp"
    assert lab.sent_to[-1] == ("UDP", "192.0.2.11", 5060)
    lab.a.transport, lab.a.port = "UDP", 5060
    lab.play("a --> 200 BYE")


def test_a_callee_whose_tcp_is_refused(lab: Lab) -> None:
    lab.b = lab.phone("b", "2", "192.0.2.12", port=34567, transport="TCP")
    lab.streams.refused = {("192.0.2.12", 34567)}
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        within 1 s
        a <-- 480
        a --> ACK
    """)


def test_a_large_invite_goes_by_tcp(lab_with: LabMaker) -> None:
    lab = lab_with(tcp_threshold=600)
    lab.a.bend = header("subject", "long " * 100)
    lab.b.contact = "<sip:2@192.0.2.12:5060;transport=tcp>"
    lab.play(CALL)
    invite = lab.b.last("INVITE")
    assert (invite.via.transport, invite.contacts[0].uri.transport) == ("TCP", "tcp")
    assert invite.get("via").startswith(f"SIP/2.0/TCP {SERVER}:5060;")
    lab.play(BYE)
    assert lab.sent_to[-1] == ("TCP", "192.0.2.12", 5060)  # as its Contact asks for


def test_a_large_invite_to_a_phone_that_stays_with_udp(lab_with: LabMaker) -> None:
    lab = lab_with(tcp_threshold=600)
    lab.a.bend = header("subject", "long " * 100)
    lab.play(CALL + BYE)
    assert lab.sent_to[-1] == ("UDP", "192.0.2.12", 5060)


def test_a_large_invite_falls_back_to_udp(lab_with: LabMaker) -> None:
    lab = lab_with(tcp_threshold=600)
    lab.streams.refused = {("192.0.2.12", 5060)}
    lab.a.bend = header("subject", "long " * 100)
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
        0.02 s
                    INVITE sdp --> b
        {REFUSED}
    """)
    invite = lab.b.last("INVITE")
    assert (invite.via.transport, invite.contacts[0].uri.transport) == ("UDP", "")


def test_ipv4_calls_ipv6(lab_with: LabMaker) -> None:
    lab = lab_with(hosts=(SERVER, SERVER6))
    lab.b = lab.phone("b", "2", "2001:db8::12", local=1)
    lab.play(CALL)
    offer, answer = Sdp.parse(lab.b.last("INVITE").body), Sdp.parse(lab.a.last("200").body)
    assert (offer.connection, answer.connection) == (SERVER6, SERVER)
    assert lab.b.last("INVITE").get("via").startswith(f"SIP/2.0/UDP [{SERVER6}]:5060;")
    assert lab.b.last("INVITE").contacts[0].uri.host == SERVER6
    callers, callees = lab.plane.streams
    assert (callers.local, callees.local) == ("10.0.0.1", "::1")  # bind_addr, not addr
    assert (callers.pool, callees.pool) == (lab.pools[0], lab.pools[1])
    lab.play(BYE)


def test_two_addresses_of_one_family(lab_with: LabMaker) -> None:
    lab = lab_with(hosts=(SERVER, "192.0.2.2"))
    lab.b = lab.phone("b", "2", "192.0.2.12", local=1)
    lab.play(CALL)
    assert lab.b.last("INVITE").via.host == "192.0.2.2"
    assert Sdp.parse(lab.b.last("INVITE").body).connection == "192.0.2.2"
    lab.play(BYE)


# --- bodies and media


def test_a_bad_sdp(lab: Lab) -> None:
    lab.a.bend = body("application/sdp", "no sdp")
    refused(lab, 400)


def test_an_unknown_body(lab: Lab) -> None:
    lab.a.bend = body("application/x-sdp", "x")
    assert refused(lab, 415).get("accept") == "application/sdp"


def test_no_media_of_use(lab: Lab) -> None:
    lab.a.bend = body("application/sdp", "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=image 0 udptl t38\r\n")
    assert refused(lab, 488).get("warning").startswith(f'304 {SERVER} "')


def test_the_echo_has_no_use_for_the_media(lab: Lab) -> None:
    lab.a.target = "tel:666"
    lab.a.bend = body("application/sdp", "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 9 foo 0\r\n")
    assert refused(lab, 488).get("warning").startswith(f'302 {SERVER} "')


def test_a_multipart_body_with_sdp(lab: Lab) -> None:
    sdp = lab.a.sdp().decode()
    text = (
        f"--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--x--\r\n"
    )
    lab.a.bend = body("multipart/mixed;boundary=x", text)
    lab.play(CALL)
    assert (body_of(lab.b.last("INVITE"), "application/sdp") or b"").startswith(b"v=0\r\n")
    assert body_of(lab.b.last("INVITE"), "text/plain") == b"hi"
    lab.a.bend = body("multipart/mixed;boundary=x", text)
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)
    assert body_of(lab.b.last("INVITE"), "text/plain") == b"hi"
    lab.play(BYE)


def test_the_callees_answer_is_no_sdp(lab: Lab) -> None:
    lab.play(RINGING)
    lab.b.bend = body("application/sdp", "no sdp")
    lab.play("""
                    183 <-- b
        a <-- 183
    """)
    assert not lab.a.last("183").body
    lab.b.bend = body("application/sdp", "no sdp")
    lab.play("""
                    200 <-- b
                    ACK --> b
                    BYE --> b
        a <-- 500
        a --> ACK
                    200 BYE <-- b
    """)


def test_an_invite_without_contact(lab: Lab) -> None:
    lab.a.bend = header("contact")
    refused(lab, 400)


def test_no_port_is_free(lab_with: LabMaker) -> None:
    lab = lab_with(ports=(10000, 10002))
    refused(lab, 503)
    lab.a.fresh()
    lab.a.target = "tel:666"
    lab.play("""
        a --> INVITE sdp
        ...
        a --> ACK
        a --> BYE
        a <-- 200 BYE
    """)


def test_no_port_is_free_inside_a_call(lab_with: LabMaker) -> None:
    lab = lab_with(ports=(10000, 10005))

    def with_video(message: Message) -> None:
        message.body += b"m=video 40002 RTP/AVP 96\r\n"

    lab.play(CALL)
    lab.a.bend = with_video
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
        a <-- 503
        a --> ACK
        {BYE}
    """)


def test_no_port_is_free_for_the_callees_offer(lab_with: LabMaker) -> None:
    lab = lab_with(ports=(10000, 10002))
    lab.play("""
        a --> INVITE
        a <-- 100
                    INVITE --> b
                    200 sdp <-- b
                    ACK --> b
                    BYE --> b
        a <-- 500
        a --> ACK
                    200 BYE <-- b
    """)


# --- faults and time


def test_a_fault_in_the_setup_answers_500(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.plane.fail = ZeroDivisionError("ours")
    refused(lab, 500)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(opening_module, "invite_headers", broken)
    lab.a.fresh()
    refused(lab, 500)


def test_a_fault_inside_a_call_ends_it(lab: Lab) -> None:
    def with_video(message: Message) -> None:
        message.body += b"m=video 40002 RTP/AVP 96\r\n"

    lab.play(CALL)
    lab.plane.fail = ZeroDivisionError("ours")
    lab.a.bend = with_video
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 500
        a <-- BYE
                    BYE --> b
        a --> ACK
        a --> 200 BYE
                    200 BYE <-- b
    """)


def hold(lab: Lab) -> None:
    """a puts b on hold; b's answer says nothing of it, as sloppy phones do."""
    lab.play("""
        a --> INVITE hold
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
    """)


TIMED_OUT = """
    a <-- BYE
                BYE --> b
    a --> 200 BYE
                200 BYE <-- b
"""


def test_a_call_without_media_is_ended(lab_with: LabMaker) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.play(f"""
        {CALL}
        29.5 s
        within 2 s
        {TIMED_OUT}
    """)


def test_a_call_with_media_on_either_side_lives_on(lab_with: LabMaker) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.play(CALL)
    for n in range(6):
        lab.play("20 s")
        lab.plane.streams[n % 2].hear()
    lab.play(BYE)


def test_a_long_ring_is_no_silence(lab_with: LabMaker) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.play(f"""
        {RINGING}
        100 s
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        29 s
        within 3 s
        {TIMED_OUT}
    """)


def test_a_call_on_hold_lives_on_and_is_watched_again_afterwards(lab_with: LabMaker) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.play(CALL)
    hold(lab)
    lab.play("300 s")
    lab.a.direction = ""
    lab.play("""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        29 s
    """)
    lab.play(f"""
        within 3 s
        {TIMED_OUT}
    """)


def test_an_old_style_hold_lives_on(lab_with: LabMaker) -> None:
    lab = lab_with(dialog_timeout=30)
    lab.play(CALL)
    lab.a.bend = lambda message: setattr(message, "body", message.body.replace(b"192.0.2.11", b"0.0.0.0"))
    lab.a.direction = ""
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
                    INVITE sdp --> b
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        300 s
        {BYE}
    """)


# --- MESSAGE outside a call


def test_a_message_between_phones(lab: Lab) -> None:
    lab.a.bend = body("text/plain", "hello")
    lab.play("""
        a --> MESSAGE
                    MESSAGE sdp --> b
                    200 MESSAGE <-- b
        a <-- 200 MESSAGE
    """)
    message = lab.b.last("MESSAGE sdp")
    assert (message.body, message.get("content-type")) == (b"hello", "text/plain")
    assert message.get("max-forwards") == "69"
    assert message.get("p-asserted-identity") == f"<sip:1@{DOMAIN}>"


def test_a_message_that_nobody_answers(lab: Lab) -> None:
    lab.a.bend = body("text/plain", "hello")
    lab.play("""
        a --> MESSAGE
        33 s
        11 x        MESSAGE sdp --x b
        a <-- 408 MESSAGE
    """)


def test_a_message_that_is_challenged(lab: Lab) -> None:
    lab.play("""
        a --> MESSAGE
                    MESSAGE --> b
                    407 MESSAGE <-- b
        a <-- 480 MESSAGE
    """)

"""Emergency calls and registrations as ladders (TS 24.229 5.2.10, 5.4.8; TS 23.167; RFC 5031, RFC 6442).

a is the phone in need, b another one; phones.py explains the lines.
"""

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from lteims.config import ImpuConfig
from lteims.ims import pcscf as pcscf_module
from lteims.sip.message import Request, Response, parse
from tests.flows.phones import BYE, CALL, DOMAIN, RINGING, SERVER, Lab, user

LabMaker = Callable[..., Lab]
OPEN = ImpuConfig(impu="urn:service:sos", anonymous=True, authentication=False)
CLOSED = ImpuConfig(impu="urn:service:sos")
ANSWERED = """
    a --> INVITE sdp
    a <-- 100
    a <-- 180
    a <-- 200 sdp
    a --> ACK
    a --> BYE
    a <-- 200 BYE
"""
REFUSED = """
                486 <-- b
                ACK --> b
    a <-- 486
    a --> ACK
"""


def refused(code: int) -> str:
    return f"""
        a --> INVITE sdp
        a <-- 100
        a <-- {code}
        a --> ACK
    """


def gone(lab: Lab, name: str = "a") -> None:
    """The phone of this name is not registered any more."""
    subscriber = lab.subscribers.by_impi(f"{lab.phones[name].number}@{DOMAIN}")
    assert subscriber is not None
    for binding in list(subscriber.bindings):
        lab.subscribers.unbind(subscriber, binding, "unregistered")


def action_of(response: Response) -> str | None:
    """The action of a 380; everything else in it is as it has to be."""
    assert response.get("content-type") == "application/3gpp-ims+xml"
    assert response.get("content-disposition") == "3gpp-alternative-service"
    assert response.get("p-asserted-identity") == f"<sip:{SERVER}:5060;lr>"
    root = ElementTree.fromstring(response.body)
    assert root.findtext("alternative-service/type") == "emergency"
    return root.findtext("alternative-service/action")


# -- who answers
@pytest.mark.parametrize("target", ["urn:service:sos", "urn:service:sos.police", "URN:SERVICE:SOS.ecall.manual"])
def test_the_service_answers(lab_with: LabMaker, target: str) -> None:
    lab = lab_with(echo=(OPEN,))
    lab.a.target = target
    lab.play(ANSWERED)


@pytest.mark.parametrize("contact", ["", '<sip:192.0.2.11>;+sip.instance="<urn:gsma:imei:35209900-176148-1>"'])
def test_a_phone_without_registration(lab_with: LabMaker, contact: str) -> None:
    """Answered to where it comes from, whatever its Via says."""
    lab = lab_with(echo=(OPEN,))
    gone(lab)
    lab.a.target, lab.a.contact = "urn:service:sos", contact

    def anonymous(message: Request | Response) -> None:
        message.set("from", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=x')
        message.set("via", "SIP/2.0/UDP 10.9.8.7:9;branch=z9hG4bKx;rport")

    lab.a.bend = anonymous
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 180
        a <-- 200 sdp
    """)
    assert "p-asserted-identity" not in lab.a.last("200").headers
    assert set(lab.sent_to) == {("UDP", "192.0.2.11", 5060)}
    lab.play("a --> ACK")
    lab.calls.stop(next(iter(lab.calls)), "the test is over")
    lab.play("""
        a <-- BYE
        a --> 200 BYE
    """)


def test_a_stranger_is_let_in_by_an_open_number_alone(lab_with: LabMaker) -> None:
    lab = lab_with(echo=(CLOSED,))
    gone(lab)
    lab.a.target = "urn:service:sos"
    lab.play(refused(403))


def test_the_centre_is_a_phone(lab_with: LabMaker) -> None:
    """An IMPU that is a service, open to everybody: the longest one that is known takes the call."""
    police = ImpuConfig(impu="urn:service:sos.police", anonymous=True)
    lab = lab_with(echo=(OPEN,), users=(user("1"), user("2", ImpuConfig(impu="2"), police)))
    lab.a.target = "urn:service:sos.police.local"
    lab.play(RINGING + REFUSED)
    assert lab.b.last("INVITE").headers["p-asserted-identity"] == [f"<sip:1@{DOMAIN}>", "<tel:+49301>"]
    gone(lab)
    lab.a.fresh()
    lab.a.call_id = ""
    lab.play(RINGING + REFUSED)
    assert "p-asserted-identity" not in lab.b.last("INVITE").headers


@pytest.mark.parametrize("target", ["tel:112", f"sip:112@{DOMAIN};user=phone", "tel:911;phone-context=+1"])
def test_a_number_that_is_configured_is_called(lab_with: LabMaker, target: str) -> None:
    lab = lab_with(echo=(ImpuConfig(impu="tel:112"), ImpuConfig(impu="tel:911"), OPEN))
    lab.a.target = target
    lab.play(ANSWERED)


def test_112_is_the_number_of_a_phone(lab_with: LabMaker) -> None:
    lab = lab_with(echo=(OPEN,), users=(user("1"), user("2", "2", "tel:112")))
    lab.a.target = "tel:112"
    lab.play(RINGING + REFUSED)


# -- 380
@pytest.mark.parametrize(
    "target",
    [
        "tel:112",
        "tel:9-1-1",
        "tel:112;phone-context=ims.example.org",
        f"sip:112;phone-context=+49@{DOMAIN};user=phone",
        f"sip:911@{SERVER}",
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_number_over_a_normal_registration(lab_with: LabMaker, target: str, known: bool) -> None:
    """Told to register for emergency where a service waits, else to find its help elsewhere."""
    lab = lab_with(echo=(OPEN,) if known else ())
    lab.a.target = target
    lab.play(refused(380))
    assert action_of(lab.a.last("380")) == ("emergency-registration" if known else None)


def test_a_service_that_nobody_has(lab_with: LabMaker) -> None:
    lab = lab_with(echo=(ImpuConfig(impu="urn:service:sos.fire"),))
    lab.a.target = "urn:service:sos.police"
    lab.play(refused(380))
    assert action_of(lab.a.last("380")) is None


@pytest.mark.parametrize("echo", [OPEN, CLOSED])
def test_a_number_over_an_emergency_registration(lab_with: LabMaker, echo: ImpuConfig) -> None:
    lab = lab_with(echo=(echo,))
    gone(lab)
    lab.bind(lab.a, sos=True)
    lab.a.target = "tel:112"
    lab.play(ANSWERED)


def test_a_number_without_registration(lab_with: LabMaker) -> None:
    lab = lab_with(echo=(OPEN,))
    gone(lab)
    lab.a.target = "tel:112"
    lab.play(ANSWERED)


def test_a_number_of_a_stranger_where_nothing_is_open(lab_with: LabMaker) -> None:
    lab = lab_with(echo=())
    gone(lab)
    lab.a.target = "tel:112"
    lab.play(refused(403))


def test_no_message_is_told_another_service(lab_with: LabMaker) -> None:
    lab = lab_with(echo=(OPEN,))
    lab.a.target = "tel:112"
    lab.play("""
        a --> MESSAGE
        a <-- 404 MESSAGE
    """)


# -- the emergency registration
def test_ordinary_calls_pass_the_emergency_contact_by(lab_with: LabMaker) -> None:
    lab = lab_with()
    emergency = lab.bind(lab.b, sos=True)
    emergency.flow = type(emergency.flow)("UDP", 0, "192.0.2.99", 5060)
    lab.play(RINGING + REFUSED)
    assert not [to for to in lab.sent_to if to[1] == "192.0.2.99"]


def test_a_call_back_reaches_the_emergency_contact(lab_with: LabMaker) -> None:
    lab = lab_with()
    gone(lab, "b")
    lab.bind(lab.b, sos=True)
    lab.play(CALL + BYE)


# -- what goes with it
def test_priority_and_location_headers_reach_the_centre(lab_with: LabMaker) -> None:
    lab = lab_with(users=(user("1"), user("2", ImpuConfig(impu="2"), ImpuConfig(impu="urn:service:sos"))))
    lab.a.target = "urn:service:sos"
    headers = {"geolocation": "<cid:a@b>", "geolocation-routing": "yes", "resource-priority": "esnet.1"}

    def located(message: Request | Response) -> None:
        for name, value in headers.items():
            message.set(name, value)
        message.set("p-access-network-info", "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010000001")

    lab.a.bend = located
    lab.play(RINGING + REFUSED)
    invite = lab.b.last("INVITE")
    assert {name: invite.get(name) for name in headers} == headers
    assert "p-access-network-info" not in invite.headers


# -- overload
def test_a_call_for_help_is_served_under_overload(lab_with: LabMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = lab_with(echo=(OPEN, ImpuConfig(impu="tel:666"), ImpuConfig(impu="tel:110", anonymous=True)))
    monkeypatch.setattr(pcscf_module, "MAX_PENDING", 0)
    for target in ("urn:service:sos.fire", "tel:110"):
        lab.a.target = target
        lab.a.fresh()
        lab.a.call_id = lab.a.remote_target = ""
        lab.play(ANSWERED)
    lab.a.target = "tel:112"
    lab.a.fresh()
    lab.play(refused(380))
    lab.a.target = "tel:666"
    lab.a.fresh()
    lab.play("""
        a --> INVITE sdp
        a <-- 503
        a --> ACK
        a --> MESSAGE
        a <-- 503 MESSAGE
    """)
    assert lab.a.last("503 MESSAGE").get("retry-after") == "5"


def test_a_registration_for_help_is_served_under_overload(lab_with: LabMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = lab_with()
    monkeypatch.setattr(pcscf_module, "MAX_PENDING", 0)
    waits = [lab.pcscf._can_wait(register(contact)) for contact in ("<sip:a@h>", "<sip:a@h;sos>")]
    assert waits == [True, False]


def register(contact: str) -> Request:
    text = f"REGISTER sip:{DOMAIN} SIP/2.0\r\nTo: <sip:1@{DOMAIN}>\r\nContact: {contact}\r\nVia: x\r\n\r\n"
    message = parse(text.encode())
    assert isinstance(message, Request)
    return message

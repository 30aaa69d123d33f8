"""Who the two ends of a call are to each other, and which headers go from end to end (TS 24.229 5.2.6, 5.7)."""

from collections.abc import Callable

import pytest

from lteims.sip.message import Request, Response
from tests.flows.phones import BYE, DOMAIN, Lab

ICSI = '+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'
INVITED = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
"""
REFUSED = """
                486 <-- b
                ACK --> b
    a <-- 486
    a --> ACK
"""


def headers(**lines: str) -> Callable[[Request | Response], None]:
    """A bend that puts headers in."""

    def bend(message: Request | Response) -> None:
        for name, value in lines.items():
            message.set(name.replace("_", "-"), value)

    return bend


def test_both_identities_of_the_caller_are_asserted(lab: Lab) -> None:
    lab.play(INVITED + REFUSED)
    assert lab.b.last("INVITE").headers["p-asserted-identity"] == [f"<sip:1@{DOMAIN}>", "<tel:+49301>"]


def test_the_preferred_identity_comes_first(lab: Lab) -> None:
    lab.a.bend = headers(p_preferred_identity="<tel:+49-30-1>")
    lab.play(INVITED + REFUSED)
    assert lab.b.last("INVITE").headers["p-asserted-identity"] == ["<tel:+49301>", f"<sip:1@{DOMAIN}>"]


def test_a_phone_asserts_nothing_itself(lab: Lab) -> None:
    lab.a.bend = headers(p_asserted_identity="<tel:+49302>", p_asserted_service="urn:x")
    lab.play(INVITED + REFUSED)
    invite = lab.b.last("INVITE")
    assert invite.headers["p-asserted-identity"] == [f"<sip:1@{DOMAIN}>", "<tel:+49301>"]
    assert "p-asserted-service" not in invite.headers


@pytest.mark.parametrize("privacy", ["user", "user;id", "id;user;critical"])
def test_a_caller_that_wants_to_be_nobody(lab: Lab, privacy: str) -> None:
    lab.a.bend = headers(privacy=privacy, subject="S", history_info="<tel:+49301>;index=1")
    lab.play(INVITED + REFUSED)
    invite = lab.b.last("INVITE")
    assert invite.get("from").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
    assert not {"p-asserted-identity", "subject", "history-info"} & set(invite.headers)


def test_a_registered_phone_that_names_nobody(lab: Lab) -> None:
    """Its From is anonymous; who it is, is known by its flow, and asserted unless it asks for privacy."""
    lab.a.bend = headers(**{"from": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=x', "privacy": "id"})
    lab.play(INVITED + REFUSED)
    invite = lab.b.last("INVITE")
    assert invite.get("from").startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
    assert "p-asserted-identity" not in invite.headers


def test_no_privacy_is_no_privacy(lab: Lab) -> None:
    lab.a.bend = headers(privacy="none")
    lab.play(INVITED + REFUSED)
    assert lab.b.last("INVITE").get("p-asserted-identity") == f"<sip:1@{DOMAIN}>"


def test_the_headers_between_the_ends(lab: Lab) -> None:
    passed = {
        "accept-contact": "*;video", "alert-info": "<urn:alert:source:internal>", "p-early-media": "supported",
        "session-id": "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000",
        "diversion": "<tel:+49303>", "history-info": "<tel:+49303>;index=1", "priority": "urgent",
    }  # fmt: skip
    own = {"p-access-network-info": "3GPP-E-UTRAN-FDD", "p-charging-vector": "icid-value=1", "x-own": "1"}
    lab.a.bend = headers(**passed, **own)
    lab.play(INVITED)
    invite = lab.b.last("INVITE")
    assert {name: invite.get(name) for name in passed} == passed
    assert not set(own) & set(invite.headers)
    lab.b.bend = headers(**{"p-early-media": "sendrecv", "session-id": "b;remote=a"}, **own)
    lab.play("""
                    183 sdp <-- b
        a <-- 183 sdp
    """)
    progress = lab.a.last("183")
    assert (progress.get("p-early-media"), progress.get("session-id")) == ("sendrecv", "b;remote=a")
    assert not set(own) & set(progress.headers)
    lab.play(REFUSED)


def test_the_features_of_the_caller_are_shown(lab: Lab) -> None:
    lab.a.contact = f'<sip:1@192.0.2.11>;{ICSI};video;+sip.instance="<urn:gsma:imei:35209900-176148-1>"'
    lab.play(f"""
        {INVITED}
                    200 sdp <-- b
        a <-- 200 sdp
        a --> ACK
                    ACK --> b
        {BYE}
    """)
    invite = lab.b.last("INVITE")
    assert invite.get("contact").partition(">")[2] == f";{ICSI};video"
    assert invite.get("accept-contact") == f"*;{ICSI}"

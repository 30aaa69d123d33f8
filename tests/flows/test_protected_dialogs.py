"""Dialogs of phones with SAs (TS 33.203 7.1): what does not come by them has no part in them, whatever it knows."""

from typing import Any, cast

import pytest

from lteims.net.sip_flow import SERVER, Endpoint, Flow
from lteims.sip.message import Request, Response, parse
from tests.flows.phones import BYE, Datagrams, Lab, Phone, label_of
from tests.flows.phones import SERVER as HOST

CALL = """
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                200 sdp <-- b
    a <-- 200 sdp
    a --> ACK
                ACK --> b
"""


class Sas:
    """Each host behind the protected endpoint is one phone's."""

    def admits(self, flow: Flow) -> bool:
        return True

    def same_phone(self, one: Flow, other: Flow) -> bool:
        return one.host == other.host

    def reply_flow(self, flow: Flow) -> Flow:
        return flow

    def request_flow(self, flow: Flow) -> Flow:
        return flow

    def stream_flow(self, flow: Flow) -> Flow | None:
        return None

    def mark(self, flow: Flow, message: Any) -> None:
        pass


@pytest.fixture
def lab(lab: Lab) -> Lab:
    """Both phones have SAs."""
    endpoint = Endpoint(1, HOST, 5100, HOST, 5100, SERVER, 0)
    endpoint.udp = cast(Any, Datagrams(lab))
    lab.stack.endpoints.append(endpoint)
    lab.stack.clear = 1
    lab.stack.protection = Sas()
    lab.a = lab.phone("a", "1", "192.0.2.11", local=1)
    lab.b = lab.phone("b", "2", "192.0.2.12", local=1)
    lab.a.target = "tel:+49302"
    return lab


def thieves(lab: Lab) -> list[Phone]:
    """Somebody in clear, the phone itself in clear, and a phone with SAs of its own."""
    return [
        Phone(lab, "clear", "3", "192.0.2.13"),
        Phone(lab, "clear too", "3", "192.0.2.11"),
        Phone(lab, "thief", "3", "192.0.2.13", local=1),
    ]


def inject(lab: Lab, thief: Phone, message: Request | Response) -> list[str]:
    """What the server answers when this comes from there, and nothing goes to anybody else."""
    if isinstance(message, Request) and message.method != "CANCEL":
        message.headers["via"] = [f"SIP/2.0/UDP {thief.host}:5060;branch=z9hG4bK-{thief.name[-3:]}-{message.method}"]
    before = len(lab.sent_to)
    lab.arrive(thief, message.encode())
    said = [label_of(parse(data)) for _, _, data in lab.left]
    assert {host for _, host, _ in lab.sent_to[before:]} <= {thief.host}
    lab.left.clear()
    return said


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "MESSAGE", "REFER"])
def test_a_dialog_is_its_phones_own(lab: Lab, method: str) -> None:
    lab.play(CALL)
    for thief in thieves(lab):
        assert inject(lab, thief, lab.a._request(method, lab.a.cseq + 7))[0].startswith("481")
    lab.clock.advance(40)
    lab.left.clear()
    lab.play(BYE)


def test_nobody_else_cancels_or_answers(lab: Lab) -> None:
    lab.play("""
    a --> INVITE sdp
    a <-- 100
                INVITE sdp --> b
                180 <-- b
    a <-- 180
    """)
    for thief in thieves(lab):
        assert inject(lab, thief, lab.a._ask("CANCEL", [])) == ["481 CANCEL"]
        assert inject(lab, thief, lab.b._answer(486, [])) == []
        assert inject(lab, thief, lab.b._answer(200, [])) == []
    lab.play("""
                200 sdp <-- b
    a <-- 200 sdp
    """)
    for thief in thieves(lab):
        assert inject(lab, thief, lab.a._ask("ACK", [])) == []
    lab.play("""
    a --> ACK
                ACK --> b
    """)
    lab.play(BYE)

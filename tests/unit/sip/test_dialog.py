"""The dialog (RFC 3261 12): where it comes from, its route set and target, its sequence numbers."""

import pytest

from lteims.sip.dialog import Dialog
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response

LOOSE_A, LOOSE_B, STRICT = "<sip:a.example;lr>", "<sip:b.example;lr>", "<sip:s.example:5070>"


def invite(**headers: str | list[str]) -> Request:
    """An INVITE as a server gets it."""
    lines = {
        "via": ["SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1"],
        "from": ['"An, na" <sip:a@example.com>;tag=remote;x=1'],
        "to": ["<sip:b@example.com>"],
        "call-id": ["c1"],
        "cseq": ["7 INVITE"],
        "contact": ["<sip:a@192.0.2.9:5062>"],
    }
    for name, value in headers.items():
        lines[name.replace("_", "-")] = [value] if isinstance(value, str) else value
    return Request("INVITE", "sip:b@example.com", lines)


def answer(code: int, tag: str = "theirs", **headers: list[str]) -> Response:
    """A response to our INVITE."""
    lines = {"to": [f"<sip:b@example.com>;tag={tag}" if tag else "<sip:b@example.com>"]}
    lines |= {"contact": ["<sip:b@192.0.2.8>"]} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(code, "", lines)


def outgoing() -> Dialog:
    """Our own dialog, before any answer."""
    return Dialog("c2", "<sip:a@example.com>", "mine", "<sip:b@example.com>", "sip:b@192.0.2.7:5064")


def test_the_side_that_was_called() -> None:
    dialog = Dialog.of_request(invite(record_route=[f"{LOOSE_A}, {LOOSE_B}"]), "mine")
    bye = dialog.request("BYE")
    assert bye.target == "sip:a@192.0.2.9:5062"
    assert bye.headers["route"] == [LOOSE_A, LOOSE_B]
    assert bye.get("from") == "<sip:b@example.com>;tag=mine"
    assert bye.get("to") == '"An, na" <sip:a@example.com>;x=1;tag=remote'
    assert (bye.call_id, bye.get("cseq"), bye.get("max-forwards")) == ("c1", "1 BYE", "70")


def test_the_side_that_calls() -> None:
    dialog = outgoing()
    first = dialog.request("INVITE")
    assert (first.target, first.get("to"), first.get("cseq")) == (
        "sip:b@192.0.2.7:5064", "<sip:b@example.com>", "1 INVITE",
    )  # fmt: skip
    dialog.on_response(answer(200, record_route=[LOOSE_A, LOOSE_B]))
    ack = dialog.request("ACK", 1)
    assert (ack.target, ack.get("cseq"), ack.to.tag) == ("sip:b@192.0.2.8", "1 ACK", "theirs")
    assert ack.headers["route"] == [LOOSE_B, LOOSE_A]  # RFC 3261 12.1.2: reversed
    assert dialog.request("BYE").get("cseq") == "2 BYE"


def test_a_strict_router_is_the_request_uri() -> None:
    dialog = Dialog.of_request(invite(record_route=[STRICT, LOOSE_A]), "mine")
    request = dialog.request("INFO")
    assert request.target == "sip:s.example:5070"
    assert request.headers["route"] == [LOOSE_A, "<sip:a@192.0.2.9:5062>"]
    assert dialog.next_hop().address() == ("s.example", 5070)


def test_the_next_hop() -> None:
    dialog = outgoing()
    assert dialog.next_hop().address() == ("192.0.2.7", 5064)
    dialog.routes = [LOOSE_A]
    assert dialog.next_hop().address() == ("a.example", 5060)


def test_an_early_dialog_is_replaced_by_another_and_then_by_the_answer() -> None:
    dialog = outgoing()
    dialog.on_response(answer(180, "one", record_route=[LOOSE_A]))
    assert (dialog.remote_tag, dialog.routes, dialog.confirmed) == ("one", [LOOSE_A], False)
    dialog.on_response(answer(183, "two"))
    assert (dialog.remote_tag, dialog.routes) == ("two", [])
    dialog.on_response(answer(200, "one", record_route=[LOOSE_B]))
    assert (dialog.remote_tag, dialog.routes, dialog.confirmed) == ("one", [LOOSE_B], True)
    dialog.on_response(answer(200, "late", record_route=[LOOSE_A]))
    assert (dialog.remote_tag, dialog.routes) == ("one", [LOOSE_B])


def test_another_early_dialog_counts_anew() -> None:
    dialog = outgoing()
    dialog.on_response(answer(180, "one"))
    dialog.accept(_from_peer("one", 50))
    other = dialog.fork(7)
    other.on_response(answer(180, "two"))
    other.accept(_from_peer("two", 3))
    assert (dialog.remote_tag, other.remote_tag) == ("one", "two")
    assert other.request("BYE").get("cseq") == "8 BYE"


def test_a_provisional_response_without_tag() -> None:
    dialog = outgoing()
    dialog.on_response(answer(100, ""))
    assert dialog.remote_tag == ""
    assert dialog.request("CANCEL", 1).get("to") == "<sip:b@example.com>"


def _from_peer(tag: str, cseq: int, method: str = "INFO") -> Request:
    return Request(method, "sip:x", {"from": [f"<sip:b@example.com>;tag={tag}"], "cseq": [f"{cseq} {method}"]})


def test_requests_of_the_peer_go_up() -> None:
    dialog = Dialog.of_request(invite(), "mine")
    dialog.accept(_from_peer("remote", 8))
    dialog.accept(_from_peer("remote", 100))
    for late in (100, 99, 1):
        with pytest.raises(SipError) as error:
            dialog.accept(_from_peer("remote", late))
        assert (error.value.code, error.value.headers) == (500, {"retry-after": "0"})
    dialog.accept(_from_peer("remote", 7, "ACK"))
    dialog.accept(_from_peer("remote", 101))


def test_a_foreign_tag() -> None:
    dialog = Dialog.of_request(invite(), "mine")
    with pytest.raises(SipError) as error:
        dialog.accept(_from_peer("other", 8))
    assert error.value.code == 481
    dialog.accept(_from_peer("remote", 8))


@pytest.mark.parametrize("contact", [[], ["*"], ["<tel:+491>"], ["<mailto:a@example.com>"], ["<sip:a b>"]])
def test_no_contact_to_come_back_to(contact: list[str]) -> None:
    request = invite()
    request.set("contact", *contact)
    with pytest.raises(SipError) as error:
        Dialog.of_request(request, "mine")
    assert error.value.code == 400


def test_the_target_moves() -> None:
    dialog = Dialog.of_request(invite(), "mine")
    dialog.refresh_target(invite(contact="<sip:new@192.0.2.10>"))
    assert dialog.target == "sip:new@192.0.2.10"
    for useless in ([], ["*"], ["<tel:1>"]):
        request = invite()
        request.set("contact", *useless)
        dialog.refresh_target(request)
        assert dialog.target == "sip:new@192.0.2.10"


def test_a_peer_of_rfc_2543_without_tag() -> None:
    dialog = Dialog.of_request(invite(**{"from": "<sip:a@example.com>"}), "mine")
    assert dialog.request("BYE").get("to") == "<sip:a@example.com>"
    dialog.accept(_from_peer("any", 8))


def test_what_an_answer_says_badly_is_left_out() -> None:
    dialog = outgoing()
    dialog.on_response(answer(200, contact=["<sip:a b>"], record_route=["<<"]))
    assert (dialog.confirmed, dialog.remote_tag, dialog.routes) == (True, "theirs", [])
    assert dialog.target == "sip:b@192.0.2.7:5064"

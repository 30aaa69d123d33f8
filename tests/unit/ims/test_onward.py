"""The body that goes on: the SDP anew, the other parts as they came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.ims.onward import onward_body, other_parts
from lteims.sip.errors import SipError
from lteims.sip.message import Request
from lteims.sip.multipart import parts

PIDF = b'<?xml version="1.0"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf"/>\r\n'
MIXED = (
    b"preamble\r\n--x\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n"
    b"--x\r\nContent-Type: application/pidf+xml\r\nContent-ID: <here@192.0.2.1>\r\n"
    b"Content-Disposition: render;handling=optional\r\n\r\n" + PIDF + b"\r\n--x--\r\nepilogue"
)


def message(content_type: str, body: bytes) -> Request:
    return Request("INVITE", "urn:service:sos", {"content-type": [content_type]}, body)


def sent_on(request: Request, sdp: bytes) -> Request:
    return message(*onward_body(request, sdp))


def test_a_location_beside_the_sdp() -> None:
    onward = sent_on(message('multipart/mixed;boundary="x"', MIXED), b"v=0\r\nnew\r\n")
    assert onward.get("content-type").startswith("multipart/mixed;boundary=")
    sdp, location = parts(onward)
    assert (sdp.kind, sdp.body) == ("application/sdp", b"v=0\r\nnew\r\n")
    assert (location.kind, location.body) == ("application/pidf+xml", PIDF)
    assert location.headers["content-id"] == "<here@192.0.2.1>"
    assert location.headers["content-disposition"] == "render;handling=optional"


def test_a_location_whose_sdp_goes() -> None:
    (location,) = parts(sent_on(message("multipart/mixed;boundary=x", MIXED), b""))
    assert (location.kind, location.body) == ("application/pidf+xml", PIDF)


@pytest.mark.parametrize("content_type", ["application/sdp", "APPLICATION/SDP", "application/sdp;charset=x"])
def test_an_sdp_alone(content_type: str) -> None:
    request = message(content_type, b"v=0\r\n")
    assert other_parts(request) == []
    assert onward_body(request, b"new") == ("application/sdp", b"new")
    assert onward_body(request, b"") == ("", b"")


def test_no_body() -> None:
    assert onward_body(Request("INVITE", "tel:1"), b"") == ("", b"")
    assert onward_body(Request("INVITE", "tel:1"), b"new") == ("application/sdp", b"new")


def test_another_body_alone() -> None:
    request = message("application/pidf+xml", PIDF)
    assert onward_body(request, b"") == ("application/pidf+xml", PIDF)
    assert [part.kind for part in parts(sent_on(request, b"v=0"))] == ["application/sdp", "application/pidf+xml"]


def test_what_is_the_networks_own_does_not_go_on() -> None:
    assert onward_body(message("application/3gpp-ims+xml", b"<x/>"), b"") == ("", b"")


@pytest.mark.parametrize(("content_type", "body"), [("multipart/mixed", b"x"), ("multipart/mixed;boundary=y", MIXED)])
def test_a_body_that_cannot_be_read(content_type: str, body: bytes) -> None:
    with pytest.raises(SipError) as refusal:
        onward_body(message(content_type, body), b"v=0")
    assert refusal.value.code == 400


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_every_octet_arrives(sdp: bytes, other: bytes) -> None:
    once = sent_on(message("application/x", other), sdp)
    if other and sdp:
        assert [part.body for part in parts(once)] == [sdp, other]
        again = sent_on(once, sdp)  # the boundary of the first does not disturb the second
        assert [part.body for part in parts(again)] == [sdp, other]

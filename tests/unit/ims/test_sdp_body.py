"""The SDP in the body of a SIP message, found or refused; ims/sdp_body.py."""

import pytest

from lteims.ims.sdp_body import sdp_of
from lteims.sip.errors import SipError
from lteims.sip.message import Request, Response


def test_the_sdp_of_a_message() -> None:
    def message(kind: str, method: str = "INVITE", disposition: str = "") -> Request:
        headers = {"content-type": [kind]} | ({"content-disposition": [disposition]} if disposition else {})
        return Request(method, "sip:x", headers, b"body")

    assert sdp_of(Request("INVITE", "sip:x")) is None
    assert sdp_of(message("application/SDP")) == b"body"
    assert sdp_of(message("text/plain", "INFO")) is None
    assert sdp_of(message("text/plain", disposition="render; handling=optional")) is None
    assert sdp_of(Response(200, "", {"content-type": ["text/plain"]}, b"x")) is None
    with pytest.raises(SipError) as error:
        sdp_of(message("text/plain"))
    assert (error.value.code, error.value.headers) == (415, {"accept": "application/sdp"})

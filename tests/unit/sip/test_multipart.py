"""Multipart bodies: RFC 2046 5.1, RFC 5621."""

import pytest

from lteims.sip.errors import SipError
from lteims.sip.message import Request
from lteims.sip.multipart import MAX_PARTS, body_of, parts

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"


def message(content_type: str, body: bytes) -> Request:
    return Request("INVITE", "sip:a@b", {"content-type": [content_type]} if content_type else {}, body)


def mixed(*pieces: bytes, boundary: bytes = b"X", close: bytes = b"--X--\r\n") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + piece + b"\r\n" for piece in pieces) + close


def test_a_plain_body_is_one_part() -> None:
    (part,) = parts(message("application/SDP; charset=x", SDP))
    assert (part.kind, part.body) == ("application/sdp", SDP)
    assert parts(message("", b"")) == []


def test_parts_keep_their_octets() -> None:
    binary = bytes(range(256)) + b"\r\n--"
    body = b"preamble\r\n" + mixed(
        b"Content-Type: application/sdp\r\n\r\n" + SDP, b"Content-Type: a/b\r\nContent-ID: <x>\r\n\r\n" + binary
    )
    found = parts(message("multipart/mixed;boundary=X", body))
    assert [part.body for part in found] == [SDP, binary]
    assert found[1].headers["content-id"] == "<x>"
    assert body_of(message("multipart/mixed;boundary=X", body), "application/sdp") == SDP
    assert body_of(message("multipart/mixed;boundary=X", body), "text/plain") is None


def test_nested_parts_are_leaves_of_one_list() -> None:
    inner = mixed(b"Content-Type: application/sdp\r\n\r\n" + SDP, boundary=b"Y", close=b"--Y--")
    body = mixed(b"Content-Type: multipart/alternative; boundary=Y\r\n\r\n" + inner, b"\r\nplain")
    assert [part.kind for part in parts(message('multipart/mixed;boundary="X"', body))] == [
        "application/sdp",
        "text/plain",
    ]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b"x"),
        ("multipart/mixed", mixed(b"\r\nx")),
        ("multipart/mixed;boundary=X", b"no boundary here"),
        ("multipart/mixed;boundary=X", b"--X\r\n\r\nnot closed"),
        ("multipart/mixed;boundary=X", mixed(b"Content-Type: a/b")),
        ("multipart/mixed;boundary=X", mixed(b"Content-Type: rubbish\r\n\r\n")),
        ("multipart/mixed;boundary=X", mixed(*[b"\r\nx"] * (MAX_PARTS + 1))),
    ],
)
def test_what_does_not_parse_is_400(content_type: str, body: bytes) -> None:
    with pytest.raises(SipError) as caught:
        parts(message(content_type, body))
    assert caught.value.code == 400


def test_nesting_has_an_end() -> None:
    body, kind = b"\r\nx", b"text/plain"
    for n in range(8):
        boundary = b"B%d" % n
        body = b"Content-Type: " + kind + b"\r\n\r\n" + body if n else body
        body = mixed(body, boundary=boundary, close=b"--" + boundary + b"--")
        kind = b"multipart/mixed;boundary=" + boundary
    with pytest.raises(SipError):
        parts(message(kind.decode(), body))

"""The short ways through the parsers, which know the forms that phones send, against the patterns that know all."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lteims.sip import headers, uri
from lteims.sip.errors import SipError
from lteims.sip.headers import AuthValue, CSeq, NameAddr, Via
from lteims.sip.message import parse

PIECES = st.lists(
    st.sampled_from(
        ["a", "Z", "7", "+", "-", "_", ".", ":", ";", "=", "@", "?", "%41", "%", " ", "\t", '"', "\\", ",", "[::1]",
         "é", "<", ">", "\n", "example.org", "5060", "70000", "transport=udp", "lr", "*", "\udcff"]
    ),
    max_size=9,
).map("".join)  # fmt: skip


@given(PIECES)
def test_uri(rest: str) -> None:
    plain = uri._parse_plain(f"sip:{rest}", rest) if rest else None
    if plain is not None:
        assert plain == uri._parse_sip(f"sip:{rest}", "sip", rest)


@given(st.sampled_from(["UDP", "TCP", "TLS", "udp", "SCTP"]), PIECES)
def test_via(transport: str, rest: str) -> None:
    text = f"SIP/2.0/{transport} {rest}"
    try:
        expected = Via._parse(text)
    except SipError as error:
        with pytest.raises(SipError, match=re.escape(str(error))):
            Via.parse(text)
    else:
        assert Via.parse(text) == expected


@given(st.lists(st.tuples(st.sampled_from(["a", "B", "nonce", "é", "x-y", ""]), PIECES), max_size=4), PIECES)
def test_credentials(params: list[tuple[str, str]], tail: str) -> None:
    text = "Digest " + ",".join(f"{name}={value}" for name, value in params) + tail
    short = headers._plain_auth_params(text[7:].strip(" "))
    if short is not None and "\t" not in text:
        # a quoted comma in front, which is no plain form, sends the same through the pattern
        assert AuthValue.parse(f'Digest zz="\\"",{text[7:]}').params == {"zz": '"', **short}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 REGISTER", (1, "REGISTER")), ("  007\t INVITE ", (7, "INVITE")), ("2147483647 A-B", (2147483647, "A-B"))],
)
def test_cseq(text: str, value: tuple[int, str]) -> None:
    assert CSeq.parse(text) == CSeq(*value)


@pytest.mark.parametrize("text", ["", "1", "1 ", "x INVITE", "2147483648 INVITE", "-1 INVITE", "² ACK"])
def test_bad_cseq(text: str) -> None:
    with pytest.raises(SipError):
        CSeq.parse(text)


def test_the_first_line_may_go_on_in_the_second() -> None:
    message = parse(b"OPTIONS sip:a@b\r\n SIP/2.0\r\nSubject: x\r\n\ty\r\n \r\n z\r\n\r\n")
    assert message.start_line() == "OPTIONS sip:a@b SIP/2.0"
    assert message.headers["subject"] == ["x y  z"]


@pytest.mark.parametrize("line", ["a\rb", "a\nb", "a\0b", "\0", "a\r"])
def test_a_lone_break(line: str) -> None:
    message = parse(f"OPTIONS sip:a@b SIP/2.0\r\nSubject: {line}\r\n\r\n".encode())
    assert message.defect is not None
    assert parse(b"OPTIONS sip:a@b SIP/2.0\r\nSubject: \\\0\r\n\r\n").defect is None


def test_credentials_end_at_a_line_feed() -> None:
    with pytest.raises(SipError):
        AuthValue.parse("Digest a=b,\n")
    assert AuthValue.parse("Other a=b,\n").params == {"a": "b"}


def test_cached_values_do_not_depend_on_the_header() -> None:
    text = "<sip:a@example.org>;tag=1"
    assert NameAddr.parse(text, "From") is NameAddr.parse(text, "To")
    for n in range(1000):
        NameAddr.parse(f"<sip:{n}@example.org>", "From")
    assert len(headers._cache) <= 256
    assert len(uri._cache) <= 256
    assert NameAddr.parse(text, "From").tag == "1"

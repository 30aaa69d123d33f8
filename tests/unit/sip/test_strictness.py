"""Where the parsers draw the line between sloppy and wrong, and how long the worst 64 kB may take them."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from lteims.sip.errors import NotSip, SipError
from lteims.sip.framing import MAX_HEADER, Framer, FramingError
from lteims.sip.grammar import parse_expires, parse_number, parse_params, split_commas, split_semicolons
from lteims.sip.headers import AuthValue, CSeq, NameAddr, Via, parse_media_type
from lteims.sip.message import Message, Request, Response, parse
from lteims.sip.multipart import parts
from lteims.sip.uri import parse_uri
from lteims.sip.valid import check_request

SIZE = 64_000
SLOW = 0.05  # seconds; a free processor needs less than 0.02, and whatever is quadratic many seconds

HEAD = (
    "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    "From: <sip:a@example.com>;tag=1\r\n"
    "To: <sip:a@example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n"
)


def request(*lines: str, body: bytes = b"") -> Request:
    """A REGISTER with further header lines."""
    message = parse((HEAD + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode() + body)
    assert isinstance(message, Request)
    return message


# -- one value is one value
@pytest.mark.parametrize("text", ["sip:a@b;tag=1, sip:c@d", "<sip:a@b>;tag=1, b", '<sip:a@b>;x="1,2";tag=1,'])
def test_a_comma_ends_a_single_address(text: str) -> None:
    with pytest.raises(SipError):
        NameAddr.parse(text, "From")


def test_a_comma_inside_quotes_ends_nothing() -> None:
    assert NameAddr.parse('"a, b" <sip:a@b>;x="1,2";tag=3').params == {"x": "1,2", "tag": "3"}


@pytest.mark.parametrize("value", ['"a;b"', '"a,b"', '"a b"', '"a\\"b"', "[2001:db8::1]", "2001:db8::1", "x"])
def test_a_via_keeps_its_parameters_through_encoding(value: str) -> None:
    via = Via.parse(f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;x={value};rport")
    assert Via.parse(via.encode()) == via


def test_received_of_the_sender_is_not_believed() -> None:
    via = Via.parse("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;received=198.51.100.9")
    assert via.with_source("192.0.2.1", 5060).reply_address() == ("192.0.2.1", 5060)
    assert via.with_source("192.0.2.7", 5060).reply_address() == ("192.0.2.7", 5060)


@pytest.mark.parametrize("rport", ["\u00b2", "\u0661", "1" * 5000, "65536", "-1"])
def test_an_rport_that_is_no_port_is_passed_over(rport: str) -> None:
    assert Via.parse(f"SIP/2.0/UDP 192.0.2.1:5070;rport={rport}").reply_address() == ("192.0.2.1", 5070)


# -- numbers
def test_leading_zeros_are_no_size() -> None:
    assert parse_number("0" * 40 + "7", "x") == 7
    assert parse_number("0" * 40, "x") == 0
    assert CSeq.parse("00000000000012 INVITE") == CSeq(12, "INVITE")


@pytest.mark.parametrize(
    "text", ["", " ", "-1", "+1", "1.0", "0x1", "1 2", "\u0661", "\u00b2", "4294967296", "9" * 5000]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(SipError):
        parse_number(text, "x")


@pytest.mark.parametrize(("text", "seconds"), [("4294967295", 4294967295), ("4294967296", 3600), ("9" * 5000, 3600)])
def test_overlarge_expires_is_the_default(text: str, seconds: int) -> None:
    """RFC 4475 3.1.2.4; a CSeq of that size is refused."""
    message = request(f"Expires: {text}")
    check_request(message)
    assert message.number("expires") == seconds


def test_expires_that_is_no_number_is_refused() -> None:
    with pytest.raises(SipError):
        parse_expires("soon")


# -- blanks, and what only looks like them
@pytest.mark.parametrize("blank", ["\u00a0", "\u2003", "\u0085", "\x1c", "\x0b", "\x0c"])
def test_only_space_and_tab_are_blanks(blank: str) -> None:
    for text in (f"1{blank}INVITE", f"{blank}1 INVITE", f"1 INVITE{blank} "):
        with suppress(SipError):
            assert blank in CSeq.parse(text).method
    with pytest.raises(SipError):
        Via.parse(f"SIP/2.0/UDP{blank}192.0.2.1")
    with pytest.raises(SipError):
        NameAddr.parse(f"{blank}<sip:a@b>{blank}")
    assert request(f"Subject: {blank}x{blank}").get("subject") == f"{blank}x{blank}"


@pytest.mark.parametrize("line", ["\u017fIP/2.0 200 OK", "SIP/2.0 \u0662\u0660\u0660 OK", "OPTIONS sip:a \u017fip/2.0"])
def test_letters_that_fold_to_ascii_are_none(line: str) -> None:
    with pytest.raises(NotSip):
        parse(f"{line}\r\nCall-ID: 1\r\n\r\n".encode())
    assert request("\u212ay: 1").defect is not None


def test_an_escaped_hash_is_part_of_a_number() -> None:
    uri = parse_uri("tel:*123%23;phone-context=example.com")
    assert (uri.user, uri.number, uri.text) == ("*123#", "*123#", "tel:*123%23;phone-context=example.com")
    for text in ("tel:1%0d%0a2", "tel:1%", "tel:%41"):
        with pytest.raises(SipError):
            parse_uri(text)


def test_names_of_strangers_take_no_room_from_ours() -> None:
    for i in range(3000):
        request(f"X-{i}-{'y' * (i % 80)}: 1").encode()
    message = request("Geolocation: x")
    assert b"\r\nGeolocation: x\r\n" in message.encode()


# -- what is no UTF-8
def foreign(line: bytes) -> bytes:
    """The answer to a REGISTER with this line, "" where it is let in."""
    message = parse(HEAD.encode().replace(b"Call-ID: 1\r\n", b"") + line + b"\r\n\r\n")
    assert isinstance(message, Request)
    try:
        check_request(message)
    except SipError as error:
        return Response.to_request(message, error.code).encode()
    return b""


@pytest.mark.parametrize("name", ["Contact", "Path", "Authorization", "User-Agent"])
def test_what_is_kept_must_be_utf8(name: str) -> None:
    value = b"<sip:a@b>;x=" if name in ("Contact", "Path") else b"x"
    assert not foreign(b"Call-ID: 1\r\n" + name.encode() + b": " + value + "\u00e9".encode())
    assert foreign(b"Call-ID: 1\r\n" + name.encode() + b": " + value + b"\xe9")


def test_octets_that_are_no_utf8_come_back_as_they_were() -> None:
    assert b"\r\nCall-ID: \xff\xfe\r\n" in foreign(b"Call-ID: \xff\xfe")
    assert not foreign(b"Call-ID: 1\r\nSubject: \xe9")
    assert b"\r\nSubject: \xe9\r\n" in parse(HEAD.encode() + b"Subject: \xe9\r\n\r\n").encode()


def test_no_uri_holds_what_cannot_be_written() -> None:
    assert parse_uri("sip:%C3%A9%ff%00@b").user == "\u00e9%FF\x00"
    for text in ("sip:\udcff@b", "sip:a@b;x=\udcff", "tel:1;x=\udcff", "urn:\udcff"):
        with pytest.raises(SipError):
            parse_uri(text)


# -- time
WORST: dict[str, Callable[[], object]] = {
    "via blanks": lambda: Via.parse("SIP/2.0/UDP h" + " " * SIZE + "x"),
    "via blanks before the host": lambda: Via.parse("SIP" + " " * SIZE + "/2.0/UDP" + "\t" * SIZE),
    "via host": lambda: Via.parse("SIP/2.0/UDP " + "a-" * (SIZE // 2) + "!"),
    "via parameters": lambda: Via.parse("SIP/2.0/UDP h" + ";a=b" * (SIZE // 4)),
    "credentials blanks": lambda: AuthValue.parse("Digest" + " " * SIZE + '"'),
    "credentials blanks behind =": lambda: AuthValue.parse("Digest a=" + " " * SIZE + '"'),
    "credentials name": lambda: AuthValue.parse("Digest " + "a" * SIZE + "!"),
    "credentials commas": lambda: AuthValue.parse("Digest " + "," * SIZE),
    "credentials parameters": lambda: AuthValue.parse("Digest " + 'a="b",' * (SIZE // 6)),
    "credentials escapes": lambda: AuthValue.parse('Digest a="' + "\\" * SIZE),
    "address quotes": lambda: NameAddr.parse('"' + "\\" * SIZE),
    "address display": lambda: NameAddr.parse("a " * (SIZE // 2) + "<sip:a@b>"),
    "address parameters": lambda: NameAddr.parse("<sip:a@b>" + ";a" * (SIZE // 2)),
    "address quoted parameters": lambda: NameAddr.parse("<sip:a@b>" + ';a=","' * (SIZE // 6)),
    "address commas": lambda: NameAddr.parse("<sip:a@b>;" + "," * SIZE),
    "uri user": lambda: parse_uri("sip:" + "a" * SIZE),
    "uri colons": lambda: parse_uri("sip:" + ":" * SIZE),
    "uri parameters": lambda: parse_uri("sip:a@b" + ";a=b" * (SIZE // 4) + "<"),
    "uri escapes": lambda: parse_uri("sip:" + "%41" * (SIZE // 3) + "@b"),
    "uri half escapes": lambda: parse_uri("sip:" + "%4" * (SIZE // 2) + "@b"),
    "uri host": lambda: parse_uri("sip:" + "a." * (SIZE // 2) + "-"),
    "tel number": lambda: parse_uri("tel:" + "1" * SIZE + "<"),
    "tel escapes": lambda: parse_uri("tel:" + "%23" * (SIZE // 3) + "<"),
    "opaque": lambda: parse_uri("urn:" + "a" * SIZE + "<"),
    "cseq": lambda: CSeq.parse("1" * SIZE + " " * SIZE),
    "cseq blanks": lambda: CSeq.parse("1" + " " * SIZE + "\r"),
    "commas": lambda: split_commas('<",' * (SIZE // 3)),
    "commas in quotes": lambda: split_commas('"",' * (SIZE // 3)),
    "semicolons in quotes": lambda: split_semicolons('"";' * (SIZE // 3)),
    "open quotes": lambda: split_semicolons('"\\"' * (SIZE // 3)),
    "parameters": lambda: parse_params(";;=" * (SIZE // 3), "x"),
    "media type": lambda: parse_media_type("a/b" + ';c="d"' * (SIZE // 6)),
    "number": lambda: parse_number("0" * SIZE, "x"),
    "message of one line": lambda: parse(b"A" * SIZE),
    "message of blank lines": lambda: parse(b"INVITE sip:a SIP/2.0\r\n" + b"\r\n" * (SIZE // 2)),
    "message of folds": lambda: parse(HEAD.encode() + b"X: 1" + b"\r\n " * (SIZE // 3) + b"\r\n\r\n"),
    "message of folds with blanks": lambda: parse(HEAD.encode() + b"X: 1\r\n" + b" " * SIZE + b"\r\n\r\n"),
    "message of short lines": lambda: parse(HEAD.encode() + b"a:\r\n" * (SIZE // 4) + b"\r\n"),
    "message of strange names": lambda: parse(
        HEAD.encode() + b"".join(b"x%d:1\r\n" % i for i in range(8000)) + b"\r\n"
    ),
    "message of bare line feeds": lambda: parse(HEAD.replace("\r\n", "\n").encode() + b"a:1\n" * (SIZE // 4)),
    "message of NULs": lambda: parse(HEAD.encode() + b"X: " + b"\\\x00" * (SIZE // 2) + b"\r\n\r\n"),
    "message of broken UTF-8": lambda: parse(HEAD.encode() + b"X: " + b"\xff" * SIZE + b"\r\n\r\n").encode(),
    "vias in one line": lambda: check(request("Via: " + ", ".join(["SIP/2.0/UDP h;branch=z9hG4bK"] * (SIZE // 30)))),
    "vias in lines": lambda: check(request(*["Via: SIP/2.0/UDP h;branch=z9hG4bK"] * 480)),
    "contacts": lambda: check(request("Contact: " + ",".join(f"<sip:{i}>" for i in range(SIZE // 10)))),
    "routes": lambda: check(request("Route: " + ",".join(f"<sip:{i};lr>" for i in range(SIZE // 13)))),
    "multipart": lambda: multipart(b"--b\r\n\r\nx\r\n" * (SIZE // 12)),
    "nested multipart": lambda: multipart(b"--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n" * (SIZE // 50)),
    "multipart of delimiters": lambda: multipart(b"\r\n--b" * (SIZE // 5)),
    "multipart without end": lambda: multipart(b"--b\r\n\r\n" + b"\r\n--" * (SIZE // 4)),
}


def check(message: Message) -> None:
    """All that is done with a request before anybody looks at what it wants, and its refusal."""
    assert isinstance(message, Request)
    try:
        check_request(message)
        message.replace_top_via(message.via.with_source("192.0.2.9", 5060))
    finally:
        Response.to_request(message, 400).encode()


def multipart(body: bytes) -> None:
    """The parts of a multipart body."""
    parts(request("Content-Type: multipart/mixed;boundary=b", body=body + b"\r\n--b--"))


@pytest.mark.parametrize("case", WORST)
def test_the_worst_takes_no_longer_than_the_length_asks(case: str) -> None:
    best = 1.0
    for _ in range(3):  # the machine may be busy with something else
        begin = time.process_time()
        with suppress(SipError, NotSip):
            WORST[case]()
        best = min(best, time.process_time() - begin)
        if best < SLOW:
            return
    raise AssertionError(f"{case}: {best * 1000:.0f} ms")


# -- streams
PING = b"\r\n\r\n"
MESSAGE = HEAD.encode() + b"Content-Length: 4\r\n\r\nbody"


def test_a_stream_gives_the_same_messages_wherever_it_is_cut() -> None:
    stream = PING + MESSAGE + b"\r\n" + MESSAGE + PING + MESSAGE
    for cut in range(len(stream)):
        framer = Framer()
        got = [*framer.feed(stream[:cut]), *framer.feed(stream[cut:])]
        assert got == [MESSAGE] * 3, cut
    framer = Framer()
    assert [m for i in range(len(stream)) for m in framer.feed(stream[i : i + 1])] == [MESSAGE] * 3
    assert framer.pings == 2
    assert not framer.partial


def test_what_came_before_the_fault_of_a_stream_is_not_lost() -> None:
    messages = Framer().feed(MESSAGE + MESSAGE + b"garbage\r\n\r\n")
    assert [next(messages), next(messages)] == [MESSAGE] * 2
    with pytest.raises(FramingError):
        next(messages)


@pytest.mark.parametrize(
    ("length", "code"),
    [("", 400), ("-1", 400), ("x", 400), ("99999999999", 400), ("65537", 513), ("4\r\nl: 5", 400), ("\u0664", 400)],
)
def test_a_length_that_cannot_be_is_refused(length: str, code: int) -> None:
    with pytest.raises(FramingError) as caught:
        list(Framer().feed(f"{HEAD}Content-Length: {length}\r\n\r\n".encode()))
    assert caught.value.code == code
    assert caught.value.head.startswith(b"REGISTER")


def test_no_length_and_no_end_are_refused() -> None:
    with pytest.raises(FramingError) as caught:
        list(Framer().feed(HEAD.encode() + b"\r\n"))
    assert caught.value.code == 400
    with pytest.raises(FramingError) as caught:
        list(Framer().feed(HEAD.encode() + b"X: " + b"x" * MAX_HEADER))
    assert caught.value.code == 513


@pytest.mark.parametrize("piece", [b"\r\n\r\n", b"a\r\nl:0\r\n\r\n", b"\r\na\r\nl:0\r\n\r\n", b"\r", b"l:\r\n "])
def test_a_large_piece_of_a_stream_takes_no_longer_than_its_length_asks(piece: bytes) -> None:
    data = piece * (SIZE * 4 // len(piece))
    begin = time.process_time()
    with suppress(FramingError):
        for _ in Framer().feed(data):
            pass
    assert time.process_time() - begin < 5 * SLOW

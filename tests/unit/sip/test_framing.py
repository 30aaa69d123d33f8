"""Cutting a stream into messages: RFC 3261 18.3, keep-alives of RFC 5626 3.5.1."""

import pytest

from lteims.sip.framing import MAX_HEADER, MAX_MESSAGE, Framer, FramingError

FIRST = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
SECOND = b"BYE sip:a SIP/2.0\r\nl : 0\r\n\r\n"


def test_messages_come_out_whatever_the_cuts() -> None:
    stream = FIRST + b"\r\n\r\n" + SECOND + b"\r\n" + FIRST
    for size in (1, 2, 3, 7, 50, len(stream)):
        framer, found = Framer(), []
        for at in range(0, len(stream), size):
            found += framer.feed(stream[at : at + size])
        assert found == [FIRST, SECOND, FIRST]
        assert framer.pings == 1
        assert not framer.partial


def test_keep_alives_are_counted_and_leave_nothing() -> None:
    framer = Framer()
    assert list(framer.feed(b"\r\n\r\n")) == []
    assert (framer.pings, framer.partial) == (1, False)
    for octet in b"\r\n\r\n":
        assert not list(framer.feed(bytes([octet])))
    assert (framer.pings, framer.partial) == (2, False)


def test_a_message_that_has_begun_is_partial() -> None:
    framer = Framer()
    assert not list(framer.feed(FIRST[:-1]))
    assert framer.partial
    assert list(framer.feed(FIRST[-1:])) == [FIRST]
    assert not framer.partial


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n", 400),
        (b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n", 400),
        (b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n", 400),
        (b"OPTIONS sip:a SIP/2.0\r\nContent-Length: %d\r\n\r\n" % MAX_MESSAGE, 513),
        (b"x" * (MAX_HEADER + 1), 513),
    ],
)
def test_a_stream_that_is_lost(stream: bytes, code: int) -> None:
    with pytest.raises(FramingError) as caught:
        list(Framer().feed(stream))
    assert caught.value.code == code

"""Messages spoilt in the ways that faults, broken phones and attackers spoil them; the same again for the same seed.

tests/unit/sip throws them at the parser, tests/net at the server's sockets.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence

LARGEST = 65507  # octets of a UDP datagram over IPv4
NUMBERS = (
    b"0", b"-1", b"1", b"255", b"256", b"65535", b"65536", b"2147483648", b"4294967295", b"4294967296", b"9" * 20,
    b"9" * 5000, b"0" * 300 + b"7", b"1e9", b"0x10", b"\xc2\xb2", b"\xd9\xa1",
)  # fmt: skip
BREAKS = (
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\r\n ", b"\n\n", b"\x00", b"\\\x00", b"\t", b"\x0b", b"\x0c",
    b"\x1c", b"\x7f",
)  # fmt: skip
STRANGE = (
    b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc2\xa0", b"\xc2\x85", b"\xe2\x80\xa8",
    b"\xe2\x84\xaa", b"\xef\xbb\xbf", b"\xe2\x80\xae",
)  # fmt: skip
SEPARATORS = (
    b'"', b"<", b">", b",", b";", b":", b"@", b"?", b"=", b"%", b"%00", b"%0d%0a", b"%f", b"\\", b"[", b"]", b"(",
    b"/", b"*", b" ", b"", b"\xe2\x82\xac",
)  # fmt: skip
PARAMETERS = (
    b";tag=",
    b";branch=z9hG4bK",
    b";rport",
    b";received=192.0.2.9",
    b";maddr=192.0.2.9",
    b";expires=9",
    b";lr",
)
HEADERS = (
    b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx", b"Contact: <sip:x@192.0.2.9>", b"Contact: *",
    b"Route: <sip:192.0.2.9;lr>", b"Content-Length: 0", b"l: 70000", b"Expires: 0", b"Max-Forwards: 0", b"Require: x",
    b"To: <sip:x@y>;tag=1", b"CSeq: 1 X", b"Record-Route: <sip:192.0.2.9;lr>",
    b"Content-Type: multipart/mixed;boundary=b", b"Subject:", b": x", b"x", b" x",
    b'Authorization: Digest username="x",nonce="y",uri="z",response="0"', b"Content-Encoding: gzip", b"Timestamp: x",
)  # fmt: skip
_DIGITS = re.compile(rb"[0-9]+")
_PLACES = re.compile(rb'[\r\n",;:<>@=/ ]')

Spoil = Callable[[random.Random, bytes], bytes]


def _cut(rng: random.Random, data: bytes) -> tuple[bytes, bytes]:
    """At any place, or as often where a parser looks: at a separator."""
    at = rng.randrange(len(data) + 1)
    if rng.random() < 0.5 and (match := _PLACES.search(data, at)):
        at = match.start() + rng.randrange(2)
    return data[:at], data[at:]


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    """One to four bits the other way."""
    if not data:
        return data
    spoilt = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def truncate(rng: random.Random, data: bytes) -> bytes:
    """The end is missing."""
    return _cut(rng, data)[0]


def drop(rng: random.Random, data: bytes) -> bytes:
    """Some octets are missing in the middle."""
    head, tail = _cut(rng, data)
    return head + tail[rng.randrange(1, 20) :]


def repeat(rng: random.Random, data: bytes) -> bytes:
    """A piece comes several times; seldom, very often."""
    head, tail = _cut(rng, data)
    piece = tail[: rng.randrange(1, 60)]
    return head + piece * (rng.randrange(2, 6) if rng.random() < 0.98 else 400) + tail


def insert(choice: Sequence[bytes]) -> Spoil:
    """Some octets too many, of one kind."""

    def spoil(rng: random.Random, data: bytes) -> bytes:
        head, tail = _cut(rng, data)
        return head + rng.choice(choice) * (1 if rng.random() < 0.9 else rng.randrange(2, 300)) + tail

    return spoil


def replace_number(rng: random.Random, data: bytes) -> bytes:
    """A number is another one."""
    places = list(_DIGITS.finditer(data))
    if not places:
        return data
    match = rng.choice(places)
    return data[: match.start()] + rng.choice(NUMBERS) + data[match.end() :]


def _lines(change: Callable[[random.Random, list[bytes]], None]) -> Spoil:
    def spoil(rng: random.Random, data: bytes) -> bytes:
        head, end, body = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        change(rng, lines)
        return b"\r\n".join(lines) + end + body

    return spoil


def _shuffle(rng: random.Random, lines: list[bytes]) -> None:
    rest = lines[1:]
    rng.shuffle(rest)
    lines[1:] = rest


def _double(rng: random.Random, lines: list[bytes]) -> None:
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))


def _remove(rng: random.Random, lines: list[bytes]) -> None:
    del lines[rng.randrange(len(lines))]


def _add(rng: random.Random, lines: list[bytes]) -> None:
    many = 1 if rng.random() < 0.95 else rng.randrange(2, 600)
    lines[1:1] = [rng.choice(HEADERS)] * many


def _stretch(rng: random.Random, lines: list[bytes]) -> None:
    """A line whose value is a list of many, or has many parameters, or is deep inside brackets and quotes."""
    at = rng.randrange(len(lines))
    name, _, value = lines[at].partition(b":")
    many = rng.randrange(2, 40) if rng.random() < 0.97 else rng.randrange(40, 2000)
    match rng.randrange(4):
        case 0:
            value = b",".join([value[:200]] * many)
        case 1:
            value += rng.choice(PARAMETERS) * many
        case 2:
            value = rng.choice((b"<", b'"', b"(", b"[", b'\\"')) * many + value
        case _:
            value += b"\r\n " * many
    lines[at] = name + b":" + value


def fill(rng: random.Random, data: bytes) -> bytes:
    """As long as a datagram can be."""
    head, tail = _cut(rng, data)
    filling = rng.choice((*SEPARATORS[:-2], *BREAKS, *PARAMETERS, b"a", b"%41", b"\xff", b"a:\r\n", b"\r\n--b"))
    room = max(0, LARGEST - len(data))
    return head + (filling * (room // len(filling))) + tail


SPOILERS: tuple[Spoil, ...] = (
    flip_bits, truncate, drop, repeat, insert(BREAKS), insert(STRANGE), insert(SEPARATORS), replace_number,
    _lines(_shuffle), _lines(_double), _lines(_remove), _lines(_add), _lines(_stretch),
)  # fmt: skip


def mutations(seed: int, corpus: Sequence[bytes], large: float = 0.0005) -> Iterator[bytes]:
    """Without end: one of the corpus, spoilt one to four times; a share of `large` as long as a datagram can be."""
    rng = random.Random(seed)
    while True:
        data = rng.choice(corpus)
        if rng.random() < 0.02:  # the head of one with the tail of another
            data = _cut(rng, data)[0] + _cut(rng, rng.choice(corpus))[1]
        for _ in range(rng.randrange(1, 5)):
            data = rng.choice(SPOILERS)(rng, data)
        if rng.random() < large:
            data = fill(rng, data)
        yield data[:LARGEST]

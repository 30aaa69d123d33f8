"""Octets that nobody should send: 100,000 spoilt ones, any at all, and any value that there can be, there and back."""

from contextlib import suppress
from itertools import islice
from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.mm1.address import Address
from lteims.mm1.compose import File, compose
from lteims.mm1.content_type import MIXED, ContentType
from lteims.mm1.errors import MmsError
from lteims.mm1.fields import Priority, When
from lteims.mm1.multipart import Part, encode, leaves
from lteims.mm1.multipart import parse as parse_parts
from lteims.mm1.pdu import MRetrieveConf, MSendReq, parse
from lteims.mm1.push import Push
from lteims.mm1.wsp import Reader, encoded_string, text
from tests.vectors.mm1.mutate import mutations
from tests.vectors.mm1.pdus import PUSH_NARRATED, PUSH_OTHERWISE, VECTORS
from tests.vectors.mm1.vector import octets

SPOILT = 100_000
SLOWEST = 0.2  # CPU seconds for one PDU
CORPUS = (*(vector.data for vector in VECTORS), octets(PUSH_NARRATED), octets(PUSH_OTHERWISE))


def exercise(data: bytes) -> str:
    """Read octets as everything that they can be, and write what was read; only MmsError may come out of it."""
    with suppress(MmsError):
        push = Push.parse(data)
        push.encode()
        push.pdu()
    try:
        pdu = parse(data)
    except MmsError:
        return "refused"
    if isinstance(pdu, MSendReq | MRetrieveConf):
        assert all(part.name is not None for part in pdu.parts())
        assert all(Address.parse(address) for address in pdu.to)
    pdu.encode()
    repr(pdu).encode()  # no lone surrogates: it can be shown and stored
    return "read"


def test_a_hundred_thousand_spoilt_pdus() -> None:
    verdicts = {"read": 0, "refused": 0}
    slowest = 0.0
    for data in islice(mutations(CORPUS, 20264), SPOILT):
        started = process_time()
        verdicts[exercise(data)] += 1
        slowest = max(slowest, process_time() - started)
    print(verdicts, f"{slowest:.4f} s")
    assert slowest < SLOWEST
    assert min(verdicts.values()) > SPOILT // 20


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(data: bytes) -> None:
    exercise(data)
    exercise(b"\x8c\x80" + data)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=50))
def test_any_text_comes_back(value: str) -> None:
    kept = "".join(" " if ord(c) < 0x20 or c == "\x7f" else "?" if 0xD800 <= ord(c) < 0xE000 else c for c in value)
    assert Reader(text(value)).text() == kept
    encoded = encoded_string(value)
    read = Reader(encoded).encoded_string()
    assert read.replace("\x7f", " ") == value.replace("\0", " ").replace("\x7f", " ").encode(errors="replace").decode()


NAMES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=';="'), min_size=1, max_size=20
)
TYPES = st.builds(
    lambda major, minor, parameters: ContentType(f"{major}/{minor}".lower(), tuple(parameters.items())),
    st.sampled_from(["text", "image", "application", "x"]),
    NAMES,
    st.dictionaries(
        st.sampled_from(["name", "filename", "start", "start-info", "x-own", "charset"]),
        NAMES.map(str.lower),
        max_size=5,
    ),
)
PARTS = st.builds(Part, TYPES, st.binary(max_size=200), NAMES.map(lambda n: n.strip("<>") or "i"), NAMES)


@settings(max_examples=200, deadline=None)
@given(st.lists(PARTS, max_size=5))
def test_any_parts_come_back(parts: list[Part]) -> None:
    assert parse_parts(encode(parts)) == tuple(parts)
    assert leaves(ContentType(MIXED), encode(parts)) == tuple(parts)


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        MSendReq,
        transaction_id=NAMES,
        version=st.integers(0, 14),
        sender=NAMES | st.just(""),
        to=st.lists(NAMES, min_size=1, max_size=5).map(tuple),
        subject=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40),
        date=st.none() | st.integers(0, 2**40),
        expiry=st.none() | st.builds(When, st.integers(0, 2**40), st.booleans()),
        priority=st.none() | st.sampled_from(Priority),
        delivery_report=st.none() | st.booleans(),
        content_type=TYPES,
        body=st.binary(max_size=100),
    )
)
def test_any_message_comes_back(pdu: MSendReq) -> None:
    assert parse(pdu.encode()) == pdu


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(File, st.text(max_size=60), st.binary(max_size=60)), max_size=6))
def test_any_files_make_a_message(files: list[File]) -> None:
    content = compose(files)
    parts = leaves(content.content_type, content.body)
    assert [part.data for part in parts if part.content_type.media == "application/octet-stream"] == [
        file.data for file in files if not file.name.lower().endswith((".jpg", ".jpeg", ".png", ".gif", ".txt"))
    ]
    assert len({part.content_id for part in parts}) == len(parts)

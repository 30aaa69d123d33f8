"""The parser against every torture message of RFC 4475 and RFC 5118, and against the habits of real phones."""

import re
from itertools import groupby

import pytest

from lteims.sip.errors import NotSip, SipError
from lteims.sip.headers import NameAddr, Via
from lteims.sip.message import Request, Response, parse
from lteims.sip.multipart import parts
from lteims.sip.valid import check_request, check_response
from tests.vectors.sip import phones, rfc4475, rfc4475_valid, rfc5118
from tests.vectors.sip.look import look
from tests.vectors.sip.vector import Form, Vector, expected_answer, with_fresh_branch, with_rport

VECTORS = (*rfc4475.VECTORS, *rfc5118.VECTORS, *phones.VECTORS)
NOT_SIP = 0  # what `refusal` gives for octets that are no message: nobody is answered


def each(*forms: Form) -> pytest.MarkDecorator:
    """The vectors of these forms, each a test of its own with the section in its name."""
    chosen = [pytest.param(v, id=f"{v.section}-{v.name}") for v in VECTORS if v.form in forms]
    return pytest.mark.parametrize("vector", chosen)


def refusal(data: bytes) -> int | None:
    """The code with which parser and validity check refuse these octets; None when they accept."""
    try:
        message = parse(data)
        if isinstance(message, Request):
            check_request(message)
        else:
            check_response(message)
    except NotSip:
        return NOT_SIP
    except SipError as error:
        return error.code
    return None


def assert_seen(message: Request | Response, vector: Vector) -> None:
    """Every value that the vector names comes out."""
    assert {path: look(message, path) for path in vector.seen} == dict(vector.seen)


@each(Form.VALID)
def test_valid_is_parsed_and_its_values_come_out(vector: Vector) -> None:
    message = parse(vector.data)
    assert isinstance(message, Request) is vector.is_request
    assert message.defect is None
    assert_seen(message, vector)


@each(Form.VALID)
def test_valid_is_refused_only_as_its_section_asks(vector: Vector) -> None:
    code = refusal(vector.data)
    assert code is None or code in (vector.answer or ())


@each(Form.VALID)
def test_valid_means_the_same_after_encoding(vector: Vector) -> None:
    assert_seen(parse(parse(vector.data).encode()), vector)


@each(Form.TOLERABLE)
def test_tolerable_is_refused_with_400_or_read_as_meant(vector: Vector) -> None:
    code = refusal(vector.data)
    assert code in (None, 400)
    if code is None:
        assert_seen(parse(vector.data), vector)


@each(Form.BROKEN)
def test_broken_is_refused_with_its_code(vector: Vector) -> None:
    code = refusal(vector.data)
    if vector.answer is None:
        assert code is not None
    else:
        assert code in vector.answer


@each(Form.BROKEN, Form.TOLERABLE)
def test_refused_request_still_has_what_its_answer_needs(vector: Vector) -> None:
    if vector.answer is None:
        return
    message = parse(vector.data)
    assert isinstance(message, Request)
    answer = parse(Response.to_request(message, 400).encode())
    assert isinstance(answer, Response)
    for name in ("via", "from", "call-id", "cseq"):
        assert answer.headers.get(name, []) == message.headers.get(name, [])
    if vector.form is Form.BROKEN:
        assert_seen(message, vector)


@pytest.mark.parametrize("data", phones.KEEPALIVES)
def test_keepalive_is_no_message(data: bytes) -> None:
    with pytest.raises(NotSip):
        parse(data)


def test_binary_part_of_mpart01_is_untouched() -> None:
    vector = next(v for v in VECTORS if v.name == "mpart01")
    text, signature = parts(parse(vector.data))
    assert (text.kind, text.body) == ("text/plain", b"Hello")
    assert (signature.kind, signature.body) == ("application/octet-stream", rfc4475_valid.SIGNATURE)


@each(Form.VALID)
def test_addresses_mean_the_same_after_encoding(vector: Vector) -> None:
    """What a registrar or a notifier writes back of an address: the same URI, name and parameters."""
    message = parse(vector.data)
    for address in (message.from_, message.to, *message.contacts):
        again = NameAddr.parse(address.encode())
        assert (again.uri, again.display, again.params) == (address.uri, address.display, address.params)
    for via in map(Via.parse, message.values("via")):
        assert Via.parse(via.encode()) == via


def test_features_of_a_contact_keep_their_quotes() -> None:
    """RFC 3840 9: the value of a feature parameter is always quoted, also where a token would do."""
    contact = parse(phones.SAMSUNG_REGISTER.data).contacts[0].encode()
    assert f'+g.3gpp.icsi-ref="{phones.MMTEL}"' in contact
    assert '+sip.instance="<urn:gsma:imei:35391805-123456-0>"' in contact


@each(*Form)
def test_request_survives_rport(vector: Vector) -> None:
    """The helper for live tests changes the top Via and nothing else."""
    changed = with_rport(vector.data)
    assert len(changed) == len(vector.data) + len(";rport")
    if vector.form is Form.VALID:
        message = parse(changed)
        assert message.via.params["rport"] is None
        assert message.via.host == parse(vector.data).via.host


@each(Form.VALID)
def test_request_survives_a_fresh_branch(vector: Vector) -> None:
    before, after = parse(vector.data), parse(with_fresh_branch(vector.data, b".7"))
    marked = before.via.branch.startswith("z9hG4bK")
    assert after.via.branch == before.via.branch + (".7" if marked else "")
    assert after.values("via")[1:] == before.values("via")[1:]


# -- the vectors themselves
def test_every_section_is_there() -> None:
    sections = {v.section for v in rfc4475.VECTORS}
    wanted = {f"3.1.1.{n}" for n in range(1, 14)} | {f"3.1.2.{n}" for n in range(1, 20)} | {"3.2.1", "3.4.1"}
    assert sections == wanted | {f"3.3.{n}" for n in range(1, 16)}
    assert {v.section for v in rfc5118.VECTORS} == {f"4.{n}" for n in range(1, 11)}
    assert len({v.name for v in VECTORS}) == len(VECTORS)


@each(Form.VALID, Form.TOLERABLE)
def test_lengths_are_those_of_the_bodies(vector: Vector) -> None:
    """Our own transcription: Content-Length counts the body exactly, save where octets follow it on purpose."""
    head, _, body = vector.data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    lengths = re.findall(rb"(?im)^(?:content-length|l)[ ]*:[ ]*([0-9]+)", head)
    follows = vector.name == "dblreq" or "behind the body" in vector.point
    if lengths and not follows:
        assert [int(n) for n in lengths] == [len(body)]


def test_expected_answers_depend_on_the_domain_only_where_marked() -> None:
    by_mark = {mark: list(group) for mark, group in groupby(sorted(VECTORS, key=_mark), key=_mark)}
    for vector in by_mark[False]:
        assert expected_answer(vector, "other.invalid") == vector.answer
    for vector in by_mark[True]:
        foreign = expected_answer(vector, "other.invalid")
        assert foreign is not None
        assert 200 not in foreign
        assert 404 in foreign
        assert expected_answer(vector, vector.domain) == vector.answer


def _mark(vector: Vector) -> bool:
    return vector.depends_on_domain

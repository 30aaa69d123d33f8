"""PDUs against narrated octets, and what a client is told about those that cannot be used."""

import pytest

from lteims.mm1.content_type import ContentType
from lteims.mm1.errors import MmsError, ResponseStatus, RetrieveStatus, Status
from lteims.mm1.fields import FIELDS, MessageType, When
from lteims.mm1.multipart import Limits
from lteims.mm1.pdu import PDUS, AnyPdu, MNotificationInd, MReadRecInd, MSendReq, parse
from tests.vectors.mm1.pdus import VECTORS
from tests.vectors.mm1.vector import Vector, octets


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_vector(vector: Vector) -> None:
    pdu = parse(vector.data)
    assert pdu == vector.value
    assert (pdu.encode() == vector.data) is vector.canonical
    assert parse(pdu.encode()) == pdu


def test_every_pdu_has_a_vector() -> None:
    assert {type(vector.value) for vector in VECTORS} == set(PDUS.values())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_truncations(vector: Vector) -> None:
    for length in range(len(vector.data)):
        seen = tried(vector.data[:length])
        if not isinstance(seen, MmsError):
            assert type(seen) is type(vector.value)  # nothing mandatory is missing
        elif length >= 2:
            assert seen.message_type == vector.data[1]


def tried(data: bytes) -> AnyPdu | MmsError:
    try:
        return parse(data)
    except MmsError as error:
        return error


def test_numbers_of_fields_are_unique() -> None:
    assert len({field.number for field in FIELDS.values()}) == len(FIELDS)


HEAD = "8C 80 98 'T9' 00 8D 91 "


def refusal(narrated: str, limits: Limits | None = None) -> MmsError:
    with pytest.raises(MmsError) as caught:
        parse(octets(narrated), limits)
    return caught.value


@pytest.mark.parametrize(
    ("narrated", "status"),
    [
        (HEAD + "89 01 81 97 '1' 00", ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT),  # no content type
        (HEAD + "97 '1' 00 84 83", ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT),  # no From
        (HEAD + "89 01 81 84 83", ResponseStatus.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED),
        (HEAD + "05", ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT),
        (HEAD + "89 05 80 '1'", ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT),
        (HEAD + "89 01 81 97 '1' 00 84 A3 01", ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT),
        (HEAD + "89 01 81 97 '1' 00 84 A3 86 00", ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED),  # 768 parts
    ],
)
def test_an_error_has_what_the_answer_needs(narrated: str, status: ResponseStatus) -> None:
    error = refusal(narrated)
    assert error.status is status
    assert (error.message_type, error.transaction_id, error.version) == (MessageType.M_SEND_REQ, "T9", 1)


@pytest.mark.parametrize("narrated", ["8C 8B 98 '1' 00 8D 92", "8C FF 8D 92", "8C 80 98 '1' 00 8D A0", "8D 92", ""])
def test_unsupported_types_and_versions(narrated: str) -> None:
    assert refusal(narrated).status is ResponseStatus.ERROR_UNSUPPORTED_MESSAGE


def send_req(**changed: object) -> MSendReq:
    values: dict[str, object] = {"transaction_id": "1", "sender": "", "to": ("1",), "body": b"hi"}
    return MSendReq(content_type=ContentType("text/plain"), **(values | changed))  # type: ignore[arg-type]


def test_limits() -> None:
    assert parse(send_req().encode(), Limits(octets=30))
    for data, limits in (
        (send_req(body=bytes(100)).encode(), Limits(octets=100)),
        (send_req(to=("1",) * 11).encode(), Limits(recipients=10)),
        (send_req(others=(("X", b"\x80"),) * 500).encode(), Limits()),
    ):
        with pytest.raises(MmsError) as caught:
            parse(data, limits)
        assert caught.value.status is ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED
        assert caught.value.transaction_id == "1"


@pytest.mark.parametrize(
    ("narrated", "minor"),
    [("8D 90", 0), ("8D 93", 3), ("8D 9E", 14), ("8D 9F", 0), ("8D '1.2' 00", 2), ("", 0)],
)
def test_versions(narrated: str, minor: int) -> None:
    assert parse(octets("8C 83 98 '1' 00 95 81" + narrated)).version == minor


def test_reserved_values_count_as_absent() -> None:
    pdu = parse(octets("8C 80 98 '1' 00 8D 92 89 01 81 97 '1' 00 8F 99 86 99 8A 99 88 02 99 80 84 83"))
    assert isinstance(pdu, MSendReq)
    assert (pdu.priority, pdu.delivery_report, pdu.message_class, pdu.expiry) == (None, None, "", None)
    assert refusal("8C 83 98 '1' 00 8D 92 95 99").status is ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT


def test_a_field_counts_once_and_one_of_another_pdu_not_at_all() -> None:
    pdu = parse(octets("8C 83 98 '1' 00 98 '2' 00 8D 92 95 81 96 'no subject here' 00"))
    assert (pdu.encode(), pdu.others) == (octets("8C 83 98 '1' 00 8D 92 95 81"), ())


def test_status_values() -> None:
    assert ResponseStatus(0xDF) is ResponseStatus.ERROR_TRANSIENT_FAILURE
    assert ResponseStatus(0xFF) is ResponseStatus.ERROR_PERMANENT_FAILURE
    assert RetrieveStatus(0xC9) is RetrieveStatus.ERROR_TRANSIENT_FAILURE
    assert RetrieveStatus(0xE9) is RetrieveStatus.ERROR_PERMANENT_FAILURE
    for kind in (ResponseStatus, RetrieveStatus, Status):
        with pytest.raises(ValueError, match="is not a valid"):
            kind(0x99)


def test_old_clients_get_old_values() -> None:
    new = ResponseStatus.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED
    assert (new.for_version(1), new.for_version(0)) == (new, ResponseStatus.ERROR_CONTENT_NOT_ACCEPTED)
    assert ResponseStatus.OK.for_version(0) is ResponseStatus.OK
    assert ResponseStatus.ERROR_PERMANENT_FAILURE.for_version(0) is ResponseStatus.ERROR_UNSPECIFIED
    assert all(status.for_version(0) <= ResponseStatus.ERROR_UNSUPPORTED_MESSAGE for status in ResponseStatus)


def test_a_moment() -> None:
    assert When(60).at(1000.0) == 1060
    assert When(60, absolute=True).at(1000.0) == 60


def test_optional_and_mandatory_from() -> None:
    notification: AnyPdu = MNotificationInd(
        transaction_id="1", message_class="auto", message_size=1, expiry=When(1), content_location="http://a"
    )
    assert b"\x89" not in notification.encode()
    assert b"\x89\x01\x81" in MReadRecInd(message_id="1", to=("2",), sender="", read_status=0x80).encode()  # type: ignore[arg-type]

"""What is wrong with a message, and what is answered (TS 29.118 clause 7); rubbish of every kind."""

import random
from dataclasses import replace

import pytest

from lteims.sgsap import message as m
from lteims.sgsap.cause import MessageType, SgsCause, name
from lteims.sgsap.decoder import parse, status_for
from lteims.sgsap.elements import Lai, Plmn
from lteims.sgsap.errors import SgsapError
from lteims.sgsap.message import Message
from tests.unit.sgsap.test_sgsap_vectors import IMSI, IMSI_ELEMENT, LAI, MME, SIMPLE, VECTORS, octets

ALL: list[Message] = [v[2] for v in VECTORS] + [v[1] for v in SIMPLE]
WHO = octets(IMSI_ELEMENT)


def refused(data: bytes) -> SgsapError:
    with pytest.raises(SgsapError) as error:
        parse(data)
    return error.value


def test_nothing_is_ignored() -> None:
    assert status_for(refused(b"")) is None


@pytest.mark.parametrize("message_type", sorted(set(range(256)) - set(MessageType)))
def test_unknown_types_are_answered(message_type: int) -> None:
    data = bytes((message_type,)) + WHO
    assert status_for(refused(data)) == m.Status(IMSI, SgsCause.MESSAGE_UNKNOWN, data)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"\x0e", SgsCause.MISSING_MANDATORY_INFORMATION_ELEMENT),
        (b"\x02" + WHO, SgsCause.MISSING_MANDATORY_INFORMATION_ELEMENT),
        (b"\x02" + WHO + b"\x08\x00", SgsCause.INVALID_MANDATORY_INFORMATION),
        (b"\x02" + WHO + b"\x08\x02\x03\x03", SgsCause.INVALID_MANDATORY_INFORMATION),
        (b"\x02" + WHO + b"\x08\x01", SgsCause.INVALID_MANDATORY_INFORMATION),  # cut off
        (b"\x02" + WHO + b"\x08", SgsCause.INVALID_MANDATORY_INFORMATION),
        (b"\x08" + WHO + b"\x16\x01\x09", SgsCause.INVALID_MANDATORY_INFORMATION),
        (b"\x08" + WHO + b"\x16\xfc" + bytes(252), SgsCause.INVALID_MANDATORY_INFORMATION),
        (b"\x15", SgsCause.CONDITIONAL_INFORMATION_ELEMENT_ERROR),  # neither name
        (b"\x16\x02\x01\x05", SgsCause.CONDITIONAL_INFORMATION_ELEMENT_ERROR),  # one that cannot be read
    ],
)
def test_what_a_message_must_have(data: bytes, cause: SgsCause) -> None:
    error = refused(data)
    assert error.sgs_cause is cause
    answer = status_for(error)
    assert answer == m.Status(IMSI if WHO in data else None, cause, data[:255])
    assert parse(answer.encode()) == answer


@pytest.mark.parametrize(
    "value",
    ["0a", "0910101032547698", "0910101032547a98", "0a10101032547698", "f4c0000001", "01101010325476", "0910f0"],
)
def test_imsis_that_are_none(value: str) -> None:
    element = bytes.fromhex(value)
    data = b"\x0e\x01" + bytes((len(element),)) + element
    if value == "0910101032547698":
        assert parse(data) == m.AlertAck(IMSI)
        return
    error = refused(data)
    assert error.sgs_cause is SgsCause.INVALID_MANDATORY_INFORMATION
    assert error.imsi == ""


def test_a_status_is_not_answered_by_another() -> None:
    assert status_for(refused(b"\x1d" + WHO)) is None
    assert status_for(refused(b"\x1d" + WHO + b"\x08\x02\x03\x03")) is None


def test_a_long_message_is_echoed_as_far_as_an_element_holds_it() -> None:
    data = b"\x19" + bytes(300)
    answer = status_for(refused(data))
    assert answer is not None
    assert answer.erroneous_message == data[:255]


def test_unknown_elements_are_passed_over() -> None:
    whole = m.PagingReject(IMSI, 3)
    data = b"\x02" + b"\x7f\x03abc" + WHO + b"\x80\x00" + b"\x08\x01\x03" + b"\xff\x01\x01" + b"\x99"
    assert parse(data) == whole
    assert parse(data + b"\x09") == whole  # what is cut off is unknown as well


def test_optional_elements_that_cannot_be_read_count_as_absent() -> None:
    data = b"\x1b" + WHO
    assert parse(data + b"\x08\x02\x03\x03") == m.ReleaseRequest(IMSI)
    assert parse(data + b"\x08\x05\x03") == m.ReleaseRequest(IMSI)


def test_of_repeated_elements_the_first_counts() -> None:
    assert parse(b"\x1b" + WHO + b"\x08\x01\x03\x08\x01\x04") == m.ReleaseRequest(IMSI, 3)
    other = m.LocationUpdateRequest(IMSI, MME, 1, LAI, Lai(Plmn("262", "02"), 2))
    data = other.encode()
    assert parse(data + b"\x04\x05\x00\xf1\x10\x00\x09") == other


def test_a_spoiled_new_area_is_not_the_old_one() -> None:
    data = m.LocationUpdateRequest(IMSI, MME, 1, LAI).encode()
    spoiled = data[:-5] + b"\xaa\xf1\x10\x00\x01"
    assert refused(spoiled + b"\x04\x05\x00\xf1\x10\x00\x09").sgs_cause is SgsCause.INVALID_MANDATORY_INFORMATION


def test_the_order_of_elements_does_not_matter() -> None:
    assert parse(b"\x02\x08\x01\x03" + WHO) == m.PagingReject(IMSI, 3)


@pytest.mark.parametrize("text", [b"mme1.example.org", b"mme1.example.org\0\0\0"])
def test_names_as_text_are_read_as_well(text: bytes) -> None:
    assert parse(b"\x15\x09" + bytes((len(text),)) + text) == m.ResetIndication(mme_name="mme1.example.org")


@pytest.mark.parametrize(
    "message",
    [
        m.AlertAck("1"),
        m.AlertAck("00101x123456789"),
        m.PagingReject(IMSI, 256),
        m.PagingReject(IMSI, -1),
        m.DownlinkUnitdata(IMSI, bytes(252)),
        m.DownlinkUnitdata(IMSI, b""),
        m.ResetAck(vlr_name="no name"),
        m.ResetAck(vlr_name="x" * 64),
        m.ResetAck(vlr_name=".".join(["x" * 60] * 5)),
        m.LocationUpdateAccept(IMSI, Lai(Plmn("1", "01"), 1)),
        m.LocationUpdateAccept(IMSI, Lai(Plmn("001", "01"), 65536)),
        replace(m.AlertAck(IMSI), imsi=None),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_fit_is_not_sent(message: Message) -> None:
    with pytest.raises(SgsapError):
        message.encode()


def test_causes_in_words() -> None:
    assert name(SgsCause, 3) == "3 imsi unknown"
    assert name(SgsCause, 200) == "200"


@pytest.mark.parametrize("message", ALL, ids=lambda message: type(message).__name__)
def test_every_truncation_is_read_or_refused(message: Message) -> None:
    data = message.encode()
    for end in range(len(data)):
        try:
            assert type(parse(data[:end])) is type(message)
        except SgsapError as error:
            answer = status_for(error)
            assert answer is None or parse(answer.encode()) == answer


def test_a_hundred_thousand_mutations() -> None:
    source = random.Random(29118)
    seeds = [message.encode() for message in ALL]
    for _ in range(100_000):
        data = bytearray(source.choice(seeds))
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(data))
            match source.randrange(4):
                case 0:
                    data[at] = source.randrange(256)
                case 1:
                    del data[at:]
                case 2:
                    data[at:at] = source.randbytes(source.randrange(4))
                case _:
                    data += data[at:]
            if not data:
                break
        try:
            found = parse(bytes(data))
        except SgsapError as error:
            answer = status_for(error)
            assert answer is None or answer.encode()
        else:
            assert parse(found.encode()) == found

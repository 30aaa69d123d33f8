"""Every vector of tests/vectors/sms: what it means, how it is written, why it is refused, and each beginning of it."""

import pytest

from lteims.sms.cp import CpError
from lteims.sms.errors import SmsError
from tests.vectors.sms.every import INVALID, VALID
from tests.vectors.sms.vector import PARSE, Invalid, Layer, Valid


def named(vectors: tuple[Valid, ...] | tuple[Invalid, ...]) -> list[object]:
    return [pytest.param(vector, id=vector.name) for vector in vectors]


def test_there_are_many_and_each_has_its_name() -> None:
    names = [vector.name for vector in VALID] + [vector.name for vector in INVALID]
    assert len(names) == len(set(names))
    assert len(names) >= 60


@pytest.mark.parametrize("vector", named(VALID))
def test_what_is_right_is_read(vector: Valid) -> None:
    value = PARSE[vector.layer](vector.data)
    assert value == vector.value
    if vector.text is not None:
        assert value.user_data.text == vector.text


@pytest.mark.parametrize("vector", named(VALID))
def test_what_is_right_is_written(vector: Valid) -> None:
    written = vector.value.encode()
    assert PARSE[vector.layer](written) == vector.value
    if vector.canonical:
        assert written.hex(" ") == vector.data.hex(" ")
    else:
        assert written != vector.data


@pytest.mark.parametrize("vector", named(VALID))
def test_every_beginning_is_refused(vector: Valid) -> None:
    for length in range(len(vector.data)):
        try:
            PARSE[vector.layer](vector.data[:length])
        except SmsError:
            assert length not in vector.cuts
        else:
            assert length in vector.cuts, f"{length} of {len(vector.data)} octets pass"


@pytest.mark.parametrize("vector", named(INVALID))
def test_what_is_wrong_is_refused_with_its_cause(vector: Invalid) -> None:
    with pytest.raises(SmsError) as refused:
        PARSE[vector.layer](vector.data)
    error = refused.value
    assert (error.rp_cause, error.tp_fcs, error.cp_cause) == (vector.rp_cause, vector.tp_fcs, vector.cp_cause)
    if vector.layer is Layer.CP:
        assert (error.ti is not None) == vector.answered
    elif vector.layer in (Layer.RP_UP, Layer.RP_DOWN):
        assert error.rp_mr == (vector.data[1] if vector.answered else None)
    assert str(error) == error.why


def test_an_error_of_the_connection_layer_can_be_answered() -> None:
    with pytest.raises(SmsError) as refused:
        PARSE[Layer.CP](bytes.fromhex("3905"))
    assert refused.value.ti is not None
    answer = CpError(refused.value.ti.answer, refused.value.cp_cause)
    assert answer.encode().hex(" ") == "b9 10 61"

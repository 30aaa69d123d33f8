"""200,000 spoilt messages: each is refused by an SmsError, or read as something that can be written and read again."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.sms.cause import CpCause, RpCause, TpFcs
from lteims.sms.errors import SmsError
from lteims.sms.userdata import UserData
from tests.vectors.sms.spoil import LAYERS, spoilt
from tests.vectors.sms.vector import PARSE, Layer

EXAMPLES = 200
OF_ONE = 1000


def look(value: Any) -> None:
    """Everything that can be asked of a message."""
    user_data = getattr(value, "user_data", None)
    if isinstance(user_data, UserData):
        text, header = user_data.text, user_data.header
        assert text is None or isinstance(text, str)
        if header:
            assert header.concatenation is None or header.concatenation.number <= header.concatenation.total
            assert header.ports is None or header.ports.destination < 0x10000
        dcs = user_data.tp_dcs
        assert dcs.message_class is None or dcs.message_waiting is None
        assert dcs.compressed is False or dcs.message_waiting is None
    if (period := getattr(value, "tp_vp", None)) is not None:
        assert period.expires(0.0) is None or isinstance(period.expires(0.0), float)


def fits(error: SmsError, data: bytes) -> bool:
    """An error says what the answer needs."""
    assert error.rp_cause in RpCause
    assert error.tp_fcs in TpFcs
    assert error.cp_cause in CpCause
    assert error.rp_mr is None or error.rp_mr == data[1]
    return True


def exercise(layer: Layer, data: bytes) -> bool:
    """True if the octets were read; anything but an SmsError is a fault."""
    try:
        value = PARSE[layer](data)
    except SmsError as error:
        return not fits(error, data)
    look(value)
    assert PARSE[layer](value.encode()) == value
    return True


def test_spoilt_messages_are_read_or_refused() -> None:
    outcomes = {True: 0, False: 0}

    @settings(max_examples=EXAMPLES, deadline=None, database=None)
    @given(st.integers(0, 2**64))
    def thousand(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(OF_ONE):
            outcomes[exercise(*spoilt(rng))] += 1

    thousand()
    assert sum(outcomes.values()) >= EXAMPLES * OF_ONE
    # spoilt enough to be refused, not so much that nothing is read
    assert min(outcomes.values()) > EXAMPLES * OF_ONE // 10, outcomes


@settings(max_examples=500, deadline=None, database=None)
@given(st.sampled_from(LAYERS), st.binary(max_size=200))
def test_any_octets_are_read_or_refused(layer: Layer, data: bytes) -> None:
    exercise(layer, data)

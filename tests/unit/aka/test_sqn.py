"""SQN = SEQ || IND of TS 33.102 annex C: always upwards, IND in its round, resynchronisation, the end of 48 bits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.aka.sqn import DELTA, SEQ_MAX, join, next_sqn, resynchronised, split

SQN = st.integers(0, (1 << 48) - 1)


def test_split_and_join() -> None:
    assert split(0b1011_00111) == (0b1011, 0b00111)
    assert join(0b1011, 0b00111) == 0b1011_00111
    assert split((1 << 48) - 1) == (SEQ_MAX, 31)


def test_seq_and_ind_go_together() -> None:
    assert next_sqn(0) == join(1, 1)
    assert next_sqn(join(31, 31)) == join(32, 0)


@settings(deadline=None)
@given(SQN)
def test_upwards_in_48_bits(sqn: int) -> None:
    following = next_sqn(sqn)
    assert 0 < following < 1 << 48
    assert split(following)[1] == (split(sqn)[1] + 1) % 32
    if split(sqn)[0] < SEQ_MAX:
        assert following > sqn
        assert split(following)[0] == split(sqn)[0] + 1
    else:
        assert split(following)[0] == 1


@settings(deadline=None)
@given(SQN, SQN)
def test_the_next_vector_is_fresh(sqn_he: int, sqn_ms: int) -> None:
    following = next_sqn(resynchronised(sqn_he, sqn_ms))
    seq, ind = split(following)
    assert ind == (split(sqn_he)[1] + 1) % 32
    if split(sqn_ms)[0] < SEQ_MAX:
        assert 0 < seq - split(sqn_ms)[0] <= DELTA


@settings(deadline=None)
@given(SQN, SQN)
def test_never_backwards_while_the_usim_would_take_it(sqn_he: int, sqn_ms: int) -> None:
    after = resynchronised(sqn_he, sqn_ms)
    if after < sqn_he and split(after)[0] != split(sqn_he)[0]:
        seq_he, seq_ms = split(sqn_he)[0], split(sqn_ms)[0]
        assert seq_he + 1 - seq_ms > DELTA or seq_he == SEQ_MAX


@pytest.mark.parametrize(
    ("sqn_he", "sqn_ms", "after"),
    [
        (join(5, 5), join(100, 9), join(100, 5)),  # the usual case: the phone is ahead
        (join(100, 4), join(100, 9), join(100, 4)),  # the next one is fresh already
        (join(100, 4), join(99, 9), join(100, 4)),
        (join(300, 4), join(100, 9), join(300, 4)),  # an old AUTS changes nothing
        (join(DELTA + 101, 4), join(100, 9), join(100, 4)),  # too far ahead for the USIM
        (join(DELTA + 99, 4), join(100, 9), join(DELTA + 99, 4)),
    ],
)
def test_resynchronised(sqn_he: int, sqn_ms: int, after: int) -> None:
    assert resynchronised(sqn_he, sqn_ms) == after


def test_a_usim_with_a_smaller_limit() -> None:
    assert resynchronised(join(300, 4), join(100, 9), delta=0) == join(100, 4)

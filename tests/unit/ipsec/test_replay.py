"""The anti-replay window: RFC 4303 3.4.3."""

from hypothesis import given
from hypothesis import strategies as st

from lteims.ipsec.replay import WINDOW, ReplayWindow


def test_numbers_in_order_come_once() -> None:
    window = ReplayWindow()
    for sequence in range(1, 200):
        assert window.fresh(sequence)
        window.accept(sequence)
        assert not window.fresh(sequence)


def test_zero_is_never_fresh() -> None:
    assert not ReplayWindow().fresh(0)


def test_late_ones_come_as_long_as_they_are_in_the_window() -> None:
    window = ReplayWindow()
    window.accept(100)
    assert window.fresh(100 - WINDOW + 1)
    assert not window.fresh(100 - WINDOW)
    window.accept(100 - WINDOW + 1)
    assert not window.fresh(100 - WINDOW + 1)
    assert window.fresh(99)


def test_the_window_moves_and_keeps_what_it_has_seen() -> None:
    window = ReplayWindow()
    window.accept(10)
    window.accept(10 + WINDOW - 1)
    assert not window.fresh(10)
    assert window.fresh(11)
    assert window.highest == 10 + WINDOW - 1


def test_a_leap_to_the_last_number_forgets_the_rest() -> None:
    window = ReplayWindow()
    window.accept(5)
    window.accept(2**32 - 1)
    assert not window.fresh(2**32 - 1)
    assert window.fresh(2**32 - 2)
    assert not window.fresh(5)


def test_asking_moves_nothing() -> None:
    window = ReplayWindow()
    assert window.fresh(1000)
    assert window.highest == 0
    assert window.fresh(1)


@given(st.lists(st.integers(0, 300), max_size=120), st.sampled_from([32, 64, 128]))
def test_it_does_as_a_list_of_all_numbers_would(sequences: list[int], size: int) -> None:
    window, seen = ReplayWindow(size), {0}
    for sequence in sequences:
        wanted = sequence not in seen and sequence > max(seen) - size
        assert window.fresh(sequence) == wanted
        if wanted:
            window.accept(sequence)
            seen.add(sequence)
            assert window.highest == max(seen)

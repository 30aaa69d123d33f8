"""The SA sets of one phone: TS 33.203 7.4 and TS 24.229 5.2.2.2, event by event."""

import pytest

from lteims.ipsec.associations import (
    GRACE,
    LONGER_THAN_REGISTRATION,
    TEMPORARY_TIME,
    Associations,
    Challenged,
    Install,
    Left,
    Refused,
    Registered,
    Remove,
    S,
    SaSet,
    SetTimer,
    TimerFired,
    free_port,
)
from lteims.ipsec.sa import Aalg, Ealg, Sa

T1 = 2.0
UE, US = "192.0.2.7", "192.0.2.1"


def made(id: int, *, uc: int = 6000, us: int = 6001, pc: int = 5101, spi: int = 0) -> SaSet:
    """A set as the P-CSCF makes it; the phone's SPIs follow from `spi`."""
    spi = spi or 10 * id

    def sa(number: int, src: str, sport: int, dst: str, dport: int) -> Sa:
        return Sa(number, src, sport, dst, dport, dst == US, Aalg.HMAC_SHA1_96, Ealg.NULL, bytes(20), b"")

    return SaSet(
        id, "a@ims", UE, uc, us, 5100, pc,
        (sa(id, UE, uc, US, 5100), sa(spi + 1, US, 5100, UE, uc),
         sa(spi + 2, US, pc, UE, us), sa(id + 1, UE, us, US, pc)),
        "server", "nonce",
    )  # fmt: skip


def states(phone: Associations) -> list[tuple[int, S]]:
    return [(s.id, s.state) for s in phone.sets]


def registered(phone: Associations, new: SaSet, now: float, expires: float = 3600) -> None:
    phone.handle(Challenged(new), now)
    phone.handle(Registered(new, expires), now)


def test_first_registration() -> None:
    phone, one = Associations(T1), made(1000)
    assert phone.handle(Challenged(one), 10) == [Install(one), SetTimer(one, 10 + TEMPORARY_TIME)]
    assert states(phone) == [(1000, S.TEMPORARY)]
    assert phone.handle(Registered(one, 600), 12) == [SetTimer(one, 12 + 600 + LONGER_THAN_REGISTRATION)]
    assert states(phone) == [(1000, S.ESTABLISHED)]
    assert phone.current() is one


def test_a_phone_that_never_answers() -> None:
    phone, one = Associations(T1), made(1000)
    phone.handle(Challenged(one), 0)
    assert phone.handle(TimerFired(one), TEMPORARY_TIME - 1) == [SetTimer(one, TEMPORARY_TIME)]
    (gone,) = phone.handle(TimerFired(one), TEMPORARY_TIME)
    assert isinstance(gone, Remove)
    assert "never answered" in gone.why
    assert phone.sets == []
    assert phone.handle(TimerFired(one), 2 * TEMPORARY_TIME) == []  # a timer that was late


def test_a_register_again_in_clear_gets_one_temporary_set_at_a_time() -> None:
    phone, one, two = Associations(T1), made(1000), made(2000, pc=5102)
    phone.handle(Challenged(one), 0)
    remove, install, _ = phone.handle(Challenged(two), 1)
    assert isinstance(remove, Remove)
    assert remove.set is one
    assert install == Install(two)
    assert states(phone) == [(2000, S.TEMPORARY)]


def test_reauthentication_keeps_the_set_in_use_until_the_phone_has_the_new_one() -> None:
    phone, one, two = Associations(T1), made(1000), made(2000, uc=6002, pc=5102)
    registered(phone, one, 0)
    phone.handle(Challenged(two), 100)
    assert phone.current() is one  # a temporary set carries no requests (TS 33.203 7.4.1)
    phone.handle(Registered(two, 3600), 101)
    assert states(phone) == [(1000, S.OLD), (2000, S.ESTABLISHED)]
    assert phone.current() is two
    assert one.until == 101 + 64 * T1
    (gone,) = phone.handle(TimerFired(one), 101 + 64 * T1)
    assert isinstance(gone, Remove)
    assert states(phone) == [(2000, S.ESTABLISHED)]


def test_a_failed_reauthentication_rolls_back_to_the_set_in_use() -> None:
    phone, one, two = Associations(T1), made(1000), made(2000, uc=6002, pc=5102)
    registered(phone, one, 0)
    phone.handle(Challenged(two), 100)
    phone.handle(Refused(two), 101)
    assert states(phone) == [(1000, S.ESTABLISHED), (2000, S.CLOSING)]
    assert phone.current() is one
    phone.handle(TimerFired(two), 101 + GRACE)
    assert states(phone) == [(1000, S.ESTABLISHED)]


def test_a_refusal_by_the_set_in_use_changes_nothing() -> None:
    phone, one = Associations(T1), made(1000)
    registered(phone, one, 0)
    assert phone.handle(Refused(one), 5) == []
    assert states(phone) == [(1000, S.ESTABLISHED)]


def test_a_refresh_extends_and_never_shortens() -> None:
    phone, one = Associations(T1), made(1000)
    registered(phone, one, 0, 600)
    phone.handle(Registered(one, 600), 300)
    assert one.until == 300 + 600 + LONGER_THAN_REGISTRATION
    phone.handle(Registered(one, 60), 301)
    assert one.until == 300 + 600 + LONGER_THAN_REGISTRATION


def test_the_newer_set_inherits_the_longer_life() -> None:
    """TS 33.203 7.4.1a."""
    phone, one, two = Associations(T1), made(1000), made(2000, uc=6002, pc=5102)
    registered(phone, one, 0, 6000)
    registered(phone, two, 10, 60)
    assert two.until == 6000 + LONGER_THAN_REGISTRATION


def test_three_reauthentications_in_a_row_leave_two_sets() -> None:
    phone = Associations(T1)
    for turn in range(4):
        registered(phone, made(1000 * (turn + 1), uc=6000 + 2 * turn, pc=5101 + turn), turn)
    assert [state for _, state in states(phone)] == [S.OLD, S.ESTABLISHED]


def test_leaving_gives_the_answer_its_time() -> None:
    phone, one = Associations(T1), made(1000)
    registered(phone, one, 0)
    assert phone.handle(Left(), 50) == [SetTimer(one, 50 + GRACE)]
    assert phone.current() is one  # the 200, and a NOTIFY, still go by it
    phone.handle(TimerFired(one), 50 + GRACE)
    assert phone.sets == []


def test_who_leaves_while_a_new_set_is_offered_keeps_that() -> None:
    phone, one, two = Associations(T1), made(1000), made(2000, uc=6002, pc=5102)
    registered(phone, one, 0)
    phone.handle(Challenged(two), 1)
    phone.handle(Left(), 2)
    assert states(phone) == [(1000, S.CLOSING), (2000, S.TEMPORARY)]


@pytest.mark.parametrize(
    "again", [made(2000, uc=6002, us=6003, pc=5102, spi=10000), made(2000, spi=7)], ids=["SPIs", "ports"]
)
def test_a_phone_that_restarted_with_the_same_numbers(again: SaSet) -> None:
    """Delete before add: the kernel must never hold two SAs for one packet."""
    phone, one = Associations(T1), made(1000, spi=10000)
    registered(phone, one, 0)
    remove, install, _ = phone.handle(Challenged(again), 10)
    assert isinstance(remove, Remove)
    assert remove.set is one
    assert install == Install(again)


def test_a_port_of_ours_makes_a_new_pair_for_each_set() -> None:
    ports = (5101, 5102)
    one = made(1000)
    assert free_port(ports, [], UE, 6001) == 5101
    assert free_port(ports, [one], UE, 6001) == 5102
    assert free_port(ports, [one], UE, 6003) == 5101
    assert free_port(ports, [one, made(2000, pc=5102)], UE, 6001) == 0
    one.state = S.GONE
    assert free_port(ports, [one], UE, 6001) == 5101

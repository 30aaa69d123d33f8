"""Time stamps with their zones, and validity periods (TS 23.040 9.2.3.11, 9.2.3.12)."""

import pytest

from lteims.sms.errors import SmsError
from lteims.sms.timestamp import Timestamp
from lteims.sms.validity import AbsoluteValidity, EnhancedForm, EnhancedValidity, RelativeValidity, Validity

NOON = 1_719_835_200  # 2024-07-01 12:00:00 UTC
MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 604800


@pytest.mark.parametrize(
    ("quarters", "octets", "shown"),
    [
        (0, "42 70 10 21 00 00 00", "2024-07-01T12:00:00+00:00"),
        (22, "42 70 10 71 03 00 22", "2024-07-01T17:30:00+05:30"),  # in decimal digits, not 0x61
        (4, "42 70 10 31 00 00 40", "2024-07-01T13:00:00+01:00"),
        (10, "42 70 10 41 03 00 01", "2024-07-01T14:30:00+02:30"),
        (56, "42 70 20 20 00 00 65", "2024-07-02T02:00:00+14:00"),
        (-1, "42 70 10 11 54 00 18", "2024-07-01T11:45:00-00:15"),
        (-28, "42 70 10 50 00 00 8a", "2024-07-01T05:00:00-07:00"),
        (-48, "42 70 10 00 00 00 8c", "2024-07-01T00:00:00-12:00"),
        (-79, "42 60 03 61 51 00 9f", "2024-06-30T16:15:00-19:45"),
    ],
)
def test_zones(quarters: int, octets: str, shown: str) -> None:
    time = Timestamp(NOON, quarters)
    assert time.encode().hex(" ") == octets
    assert Timestamp.parse(bytes.fromhex(octets)) == time
    assert str(time) == shown


def test_a_negative_zero_is_zero() -> None:
    assert Timestamp.parse(bytes.fromhex("42701021000008")) == Timestamp(NOON)


def test_the_second_of_a_clock() -> None:
    assert Timestamp.at(NOON + 0.999, 4) == Timestamp(NOON, 4)


@pytest.mark.parametrize(("octets", "year"), [("09", 1990), ("99", 1999), ("00", 2000), ("98", 2089)])
def test_centuries(octets: str, year: int) -> None:
    assert str(Timestamp.parse(bytes.fromhex(octets + "1010000000 00"))).startswith(f"{year}-01-01")


@pytest.mark.parametrize(
    "octets",
    ["42 70 10 21 00 00", "42 70 10 21 00 00 00 00", "42 00 10 21 00 00 00", "42 31 10 21 00 00 00",
     "42 70 00 21 00 00 00", "42 70 23 21 00 00 00", "32 20 92 21 00 00 00", "42 70 10 42 00 00 00",
     "42 70 10 21 06 00 00", "42 70 10 21 00 06 00", "a2 70 10 21 00 00 00", "4f 70 10 21 00 00 00",
     "42 70 10 21 00 00 b1"],
)  # fmt: skip
def test_times_of_no_calendar(octets: str) -> None:
    with pytest.raises(SmsError):
        Timestamp.parse(bytes.fromhex(octets))


@pytest.mark.parametrize("time", [Timestamp(0), Timestamp(NOON, 80), Timestamp(3_787_000_000), Timestamp(10**15)])
def test_times_that_have_no_octets(time: Timestamp) -> None:
    with pytest.raises(SmsError):
        time.encode()


@pytest.mark.parametrize(
    ("octet", "seconds"),
    [(0, 5 * MINUTE), (11, HOUR), (143, 12 * HOUR), (144, 12 * HOUR + 30 * MINUTE), (167, DAY), (168, 2 * DAY),
     (196, 30 * DAY), (197, 5 * WEEK), (255, 63 * WEEK)],
)  # fmt: skip
def test_the_relative_table(octet: int, seconds: int) -> None:
    assert RelativeValidity(octet).seconds == seconds
    assert RelativeValidity.of(seconds) == RelativeValidity(octet)
    assert RelativeValidity(octet).expires(1000.5) == 1000.5 + seconds


def test_the_relative_table_only_grows() -> None:
    periods = [RelativeValidity(octet).seconds for octet in range(256)]
    assert periods == sorted(set(periods))


def test_a_period_is_not_made_shorter() -> None:
    assert RelativeValidity.of(1).seconds == 300
    assert RelativeValidity.of(86_401).seconds == 2 * DAY
    assert RelativeValidity.of(1e9).octet == 255


@pytest.mark.parametrize(
    ("period", "expires"),
    [
        (AbsoluteValidity(Timestamp(NOON, 22)), NOON),
        (EnhancedValidity(), None),
        (EnhancedValidity(EnhancedForm.RELATIVE, 167), 100.0 + DAY),
        (EnhancedValidity(EnhancedForm.SECONDS, 255), 355.0),
        (EnhancedValidity(EnhancedForm.HOURS_MINUTES_SECONDS, 3661), 3761.0),
    ],
)
def test_when_a_message_expires(period: Validity, expires: float | None) -> None:
    assert period.expires(100.0) == expires


@pytest.mark.parametrize(
    "period",
    [
        RelativeValidity(256),
        AbsoluteValidity(Timestamp(0)),
        EnhancedValidity(EnhancedForm.SECONDS, 0),
        EnhancedValidity(EnhancedForm.SECONDS, 256),
        EnhancedValidity(EnhancedForm.RELATIVE, -1),
        EnhancedValidity(EnhancedForm.HOURS_MINUTES_SECONDS, 360_000),
    ],
)
def test_periods_that_have_no_octets(period: Validity) -> None:
    with pytest.raises(SmsError):
        period.encode()

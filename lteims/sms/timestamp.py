"""TP-Service-Centre-Time-Stamp and the other times that are coded like it (TS 23.040 9.2.3.11).

tpdu.py has them as TP-SCTS and TP-DT, validity.py as the absolute validity period. The value is the moment, in whole
seconds since 1970, and the zone that it is shown in; so storing and comparing it needs no calendar.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final, Self

from lteims.sms.cause import TpFcs
from lteims.sms.errors import SmsError

_QUARTER: Final = 900  # seconds
_MOST_QUARTERS: Final = 79  # two digits, the first of three bits
_NEGATIVE: Final = 0x08
_CENTURY: Final = 90  # 90 to 99 is the last century, which had the first short message
_UTC: Final = timezone.utc  # noqa: UP017 (one name for the zone and its class)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment and its time zone in quarters of an hour east of Greenwich, -79 to 79."""

    seconds: int
    quarters: int = 0

    @classmethod
    def at(cls, wall: float, quarters: int = 0) -> Self:
        """The second that a wall clock shows."""
        return cls(int(wall), quarters)

    @classmethod
    def parse(cls, octets: bytes, field: str = "TP-SCTS", tp_fcs: TpFcs = TpFcs.UNSPECIFIED_ERROR_CAUSE) -> Self:
        """Seven octets; SmsError for digits that are none and for a date or time that no calendar has."""
        if len(octets) != 7:
            raise SmsError(f"{field} of {len(octets)} octets, not 7", tp_fcs=tp_fcs)
        low, high = octets[6] & 0xF, octets[6] >> 4
        quarters = 10 * (low & 7) + high
        try:
            year, month, day, hour, minute, second = (two_digits(octet) for octet in octets[:6])
            if high > 9:
                raise ValueError("time zone")
            year += 1900 if year >= _CENTURY else 2000
            local = datetime(year, month, day, hour, minute, second, tzinfo=_UTC)
        except ValueError as error:
            raise SmsError(f"{field} {octets.hex()} is no time: {error}", tp_fcs=tp_fcs) from None
        quarters = -quarters if low & _NEGATIVE else quarters
        return cls(int(local.timestamp()) - _QUARTER * quarters, quarters)

    def encode(self) -> bytes:
        """Seven octets; SmsError outside of the years 1990 to 2089 or of the zones."""
        local = self._local()
        if not 1900 + _CENTURY <= local.year < 2000 + _CENTURY:
            raise SmsError(f"the year {local.year} has no two digits of its own")
        east = abs(self.quarters)
        zone = swapped(east) | (_NEGATIVE if self.quarters < 0 else 0)
        fields = (local.year % 100, local.month, local.day, local.hour, local.minute, local.second)
        return bytes([*map(swapped, fields), zone])

    def __str__(self) -> str:
        """As ISO 8601 has it, in its own zone."""
        east = abs(self.quarters)
        sign = "-" if self.quarters < 0 else "+"
        return f"{self._local():%Y-%m-%dT%H:%M:%S}{sign}{east // 4:02}:{east % 4 * 15:02}"

    def _local(self) -> datetime:
        if abs(self.quarters) > _MOST_QUARTERS:
            raise SmsError(f"no time zone of {self.quarters} quarters of an hour")
        try:
            return datetime(1970, 1, 1, tzinfo=_UTC) + timedelta(seconds=self.seconds + _QUARTER * self.quarters)
        except OverflowError:
            raise SmsError(f"no calendar has {self.seconds} seconds from 1970") from None


def two_digits(octet: int) -> int:
    """The number of two swapped semi-octets; ValueError if one is no digit."""
    low, high = octet & 0xF, octet >> 4
    if low > 9 or high > 9:
        raise ValueError(f"semi-octets {octet:02x}")
    return 10 * low + high


def swapped(number: int) -> int:
    """The octet of a number of two digits, the first in the low semi-octet."""
    return number // 10 | number % 10 << 4

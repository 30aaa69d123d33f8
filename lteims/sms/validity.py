"""TP-Validity-Period in its three forms (TS 23.040 9.2.3.12): relative, absolute, enhanced.

A field of SmsSubmit; TP-VPF is the class of the value. ims/ipsmgw.py asks `expires` when it stores a message.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from lteims.sms.cause import TpFcs
from lteims.sms.errors import SmsError
from lteims.sms.octets import one_octet
from lteims.sms.timestamp import Timestamp, swapped, two_digits

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800


def _relative_seconds(octet: int) -> int:
    """The table of 9.2.3.12.1."""
    if octet <= 143:
        return 5 * _MINUTE * (octet + 1)
    if octet <= 167:
        return 12 * _HOUR + 30 * _MINUTE * (octet - 143)
    if octet <= 196:
        return _DAY * (octet - 166)
    return _WEEK * (octet - 192)


_RELATIVE: Final = tuple(_relative_seconds(octet) for octet in range(256))


@dataclass(frozen=True, slots=True)
class RelativeValidity:
    """TP-VP relative: one octet, from five minutes to 63 weeks after the SC received the message."""

    octet: int

    @classmethod
    def of(cls, seconds: float) -> Self:
        """The shortest period that is not shorter than this; the longest there is, if none."""
        return cls(next((octet for octet, period in enumerate(_RELATIVE) if period >= seconds), 255))

    @property
    def seconds(self) -> int:
        """The period."""
        return _RELATIVE[one_octet(self.octet, "TP-VP")]

    def expires(self, received: float) -> float | None:
        """The wall-clock time when a message of that reception time is no longer to be delivered."""
        return received + self.seconds

    def encode(self) -> bytes:
        """One octet."""
        return bytes((one_octet(self.octet, "TP-VP"),))


@dataclass(frozen=True, slots=True)
class AbsoluteValidity:
    """TP-VP absolute: seven octets, the moment itself."""

    time: Timestamp

    def expires(self, received: float) -> float | None:
        """The wall-clock time when the message is no longer to be delivered, whenever it was received."""
        return float(self.time.seconds)

    def encode(self) -> bytes:
        """Seven octets."""
        return self.time.encode()


class EnhancedForm(IntEnum):
    """What follows the functionality indicator (9.2.3.12.3)."""

    NONE = 0
    RELATIVE = 1
    SECONDS = 2
    HOURS_MINUTES_SECONDS = 3


@dataclass(frozen=True, slots=True)
class EnhancedValidity:
    """TP-VP enhanced: seven octets; `value` is the octet of the relative form, else seconds.

    `single_shot` asks for one attempt of delivery only.
    """

    form: EnhancedForm = EnhancedForm.NONE
    value: int = 0
    single_shot: bool = False

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """Seven octets; SmsError with TP-VPF-not-supported for what the indicator reserves, as the clause says."""
        indicator = octets[0]
        if indicator & 0x80 or indicator & 0x07 > EnhancedForm.HOURS_MINUTES_SECONDS:
            raise SmsError(f"TP-VP functionality indicator {indicator:02x}", tp_fcs=TpFcs.TP_VPF_NOT_SUPPORTED)
        form = EnhancedForm(indicator & 0x07)
        return cls(form, _enhanced_value(form, octets), bool(indicator & 0x40))

    @property
    def seconds(self) -> int | None:
        """The period, or None if none is asked for."""
        match self.form:
            case EnhancedForm.NONE:
                return None
            case EnhancedForm.RELATIVE:
                return _RELATIVE[one_octet(self.value, "TP-VP")]
        return self.value

    def expires(self, received: float) -> float | None:
        """As RelativeValidity; None if no period is asked for."""
        return None if self.seconds is None else received + self.seconds

    def encode(self) -> bytes:
        """Seven octets, the unused ones 0; SmsError for a value that the form cannot carry."""
        value = b""
        if self.form is EnhancedForm.HOURS_MINUTES_SECONDS:
            if not 0 <= self.value < 100 * _HOUR:
                raise SmsError(f"no hours, minutes and seconds for {self.value} s")
            times = (self.value // _HOUR, self.value // _MINUTE % 60, self.value % 60)
            value = bytes(map(swapped, times))
        elif self.form is not EnhancedForm.NONE:
            value = bytes((one_octet(self.value, "TP-VP"),))
            if self.form is EnhancedForm.SECONDS and not self.value:
                raise SmsError("a validity period of 0 seconds is reserved")
        return (bytes((self.form | self.single_shot << 6,)) + value).ljust(7, b"\0")


def _enhanced_value(form: EnhancedForm, octets: bytes) -> int:
    fcs = TpFcs.TP_VP_NOT_SUPPORTED
    match form:
        case EnhancedForm.NONE:
            return 0
        case EnhancedForm.RELATIVE:
            return octets[1]
        case EnhancedForm.SECONDS:
            if not octets[1]:
                raise SmsError("TP-VP of 0 seconds is reserved", tp_fcs=fcs)
            return octets[1]
    try:
        hours, minutes, seconds = (two_digits(octet) for octet in octets[1:4])
    except ValueError as error:
        raise SmsError(f"TP-VP {octets.hex()}: {error}", tp_fcs=fcs) from None
    if minutes > 59 or seconds > 59:
        raise SmsError(f"TP-VP {octets.hex()}: no time has {minutes} minutes, {seconds} seconds", tp_fcs=fcs)
    return _HOUR * hours + _MINUTE * minutes + seconds


Validity = RelativeValidity | AbsoluteValidity | EnhancedValidity

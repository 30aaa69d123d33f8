"""The form of the short message vectors: octets with a comment for each group, and what they mean or why they fail.

Written by hand from TS 23.040, 23.038 and 24.011. tests/unit/sms parses, encodes, cuts and spoils them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lteims.sms import cp, rp, tpdu
from lteims.sms.cause import CpCause, RpCause, TpFcs
from lteims.sms.octets import Direction
from lteims.sms.tpdu import Carrier

UP, DOWN = Direction.MS_TO_SC, Direction.SC_TO_MS


class Layer(StrEnum):
    """What the octets are, and which way they go."""

    SUBMIT = "TPDU of RP-DATA from a phone"
    DELIVER = "TPDU of RP-DATA to a phone"
    ACK_UP = "TPDU of RP-ACK from a phone"
    ERROR_UP = "TPDU of RP-ERROR from a phone"
    ACK_DOWN = "TPDU of RP-ACK to a phone"
    ERROR_DOWN = "TPDU of RP-ERROR to a phone"
    RP_UP = "RPDU from a phone"
    RP_DOWN = "RPDU to a phone"
    CP = "CP message"


PARSE: dict[Layer, Callable[[bytes], Any]] = {
    Layer.SUBMIT: lambda data: tpdu.parse(data, UP),
    Layer.DELIVER: lambda data: tpdu.parse(data, DOWN),
    Layer.ACK_UP: lambda data: tpdu.parse(data, UP, Carrier.RP_ACK),
    Layer.ERROR_UP: lambda data: tpdu.parse(data, UP, Carrier.RP_ERROR),
    Layer.ACK_DOWN: lambda data: tpdu.parse(data, DOWN, Carrier.RP_ACK),
    Layer.ERROR_DOWN: lambda data: tpdu.parse(data, DOWN, Carrier.RP_ERROR),
    Layer.RP_UP: lambda data: rp.parse(data, UP),
    Layer.RP_DOWN: lambda data: rp.parse(data, DOWN),
    Layer.CP: cp.parse,
}


@dataclass(frozen=True, slots=True)
class Valid:
    """Octets that are read as `value`; `canonical` if the value is written as these very octets.

    `text` is that of the user data; `cuts` are the lengths at which a beginning of the octets is valid as well.
    """

    name: str
    clause: str
    layer: Layer
    data: bytes
    value: Any
    text: str | None = None
    canonical: bool = True
    cuts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Invalid:
    """Octets that are refused, and the cause of each layer for the answer; `answered` is False for what is ignored."""

    name: str
    clause: str
    layer: Layer
    data: bytes
    rp_cause: RpCause = RpCause.INVALID_MANDATORY_INFORMATION
    tp_fcs: TpFcs = TpFcs.UNSPECIFIED_ERROR_CAUSE
    cp_cause: CpCause = CpCause.INVALID_MANDATORY_INFORMATION
    answered: bool = True


def octets(text: str) -> bytes:
    """The hexadecimal octets of each line, up to its comment."""
    return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))

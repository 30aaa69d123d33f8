"""SGsAP messages by their elements, a line each, for the log (layer MME at level debug); net/sgsap.py calls it.

Numbers that TS 29.118 gives names to have them behind, a NAS message (TS 24.011) the names of its two layers before it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from enum import IntEnum
from typing import Any, Final

from lteims.sgsap.cause import (
    EmmMode,
    EpsDetachType,
    EpsLocationUpdateType,
    ImsiDetachType,
    RejectCause,
    ServiceIndicator,
    SgsCause,
)
from lteims.sgsap.elements import Ecgi, GlobalCnId, Lai, MobileIdentity, Plmn, Tai
from lteims.sgsap.message import DownlinkUnitdata, EpsDetachIndication, Message
from lteims.sms import cp, rp
from lteims.sms.errors import SmsError
from lteims.sms.octets import Direction

_NAMES: Final[dict[str, type[IntEnum]]] = {
    "eps_location_update_type": EpsLocationUpdateType,
    "reject_cause": RejectCause,
    "service_indicator": ServiceIndicator,
    "sgs_cause": SgsCause,
    "ue_emm_mode": EmmMode,
}
_CP: Final = {cp.CpData: "CP-DATA", cp.CpAck: "CP-ACK", cp.CpError: "CP-ERROR"}
_RP: Final = {rp.RpData: "RP-DATA", rp.RpSmma: "RP-SMMA", rp.RpAck: "RP-ACK", rp.RpError: "RP-ERROR"}


def describe(message: Message) -> str:
    """Each element that is there: its name, its value."""
    found = []
    for field in fields(message):
        value = getattr(message, field.name)
        if value is not None:
            text = _value(_names(message, field.name), value)
            if field.name == "nas_message_container":
                down = isinstance(message, DownlinkUnitdata)
                text = _nas(value, Direction.SC_TO_MS if down else Direction.MS_TO_SC) + text
            found.append(f"{field.name.replace('_', ' ')}: {text}")
    return "\n".join(found)


def _names(message: Message, field: str) -> Mapping[Any, Any]:
    """The names of this element's numbers."""
    if field == "detach_type":
        kind: type[IntEnum] | None = EpsDetachType if isinstance(message, EpsDetachIndication) else ImsiDetachType
    else:
        kind = _NAMES.get(field)
    return {} if kind is None else kind._value2member_map_


def _value(names: Mapping[Any, Any], value: Any) -> str:
    match value:
        case bytes():
            return value.hex()
        case Plmn(mcc, mnc):
            return f"{mcc}-{mnc}"
        case Lai(plmn, lac):
            return f"{_value(names, plmn)}, LAC {lac}"
        case Tai(plmn, tac):
            return f"{_value(names, plmn)}, TAC {tac}"
        case Ecgi(plmn, eci):
            return f"{_value(names, plmn)}, ECI {eci}"
        case GlobalCnId(plmn, cn_id):
            return f"{_value(names, plmn)}, CN-Id {cn_id}"
        case MobileIdentity(imsi, tmsi):
            return f"IMSI {imsi}" if imsi else f"TMSI 0x{tmsi:08x}"
        case int() if value in names:
            return f"{int(value)} ({names[value].name})"
    return str(value)


def _nas(data: bytes, way: Direction) -> str:
    """The names of what can be read of the container, each with a blank behind."""
    text = ""
    with suppress(SmsError):
        message = cp.parse(data)
        text = f"{_CP[type(message)]} "
        if isinstance(message, cp.CpData):
            text += f"{_RP[type(rp.parse(message.rpdu, way))]} "
    return text

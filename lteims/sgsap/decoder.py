"""Reads messages of SGsAP from octets, and says what is wrong with what is none (TS 29.118 7).

Called by net/sgsap.py for what an MME sends, and by sim/mme.py. Unknown elements are passed over, and their order is
not looked at, as others look at it neither.
"""

from dataclasses import dataclass
from typing import Any, Final

from lteims.sgsap import elements as e
from lteims.sgsap.cause import Iei, MessageType, SgsCause
from lteims.sgsap.elements import Element, Malformed
from lteims.sgsap.errors import SgsapError
from lteims.sgsap.message import KINDS, Message, ResetAck, ResetIndication, Status, layout_of, status, title


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a message is read: for each IEI its fields in their order, and which fields must be there."""

    kind: Any
    names: tuple[str, ...]
    places: dict[int, tuple[tuple[int, Element], ...]]
    mandatory: tuple[int, ...]


def _plan(kind: Any) -> _Plan:
    layout = layout_of(kind)
    places: dict[int, tuple[tuple[int, Element], ...]] = {}
    for index, (_, element, _) in enumerate(layout):
        places[element.iei] = (*places.get(element.iei, ()), (index, element))
    mandatory = tuple(index for index, (_, _, must) in enumerate(layout) if must)
    return _Plan(kind, tuple(name for name, _, _ in layout), places, mandatory)


_PLANS: Final = {int(kind.TYPE): _plan(kind) for kind in KINDS}
_NAMED: Final = (ResetAck, ResetIndication)
_SPOILED: Final = object()  # stands where an element was that cannot be read, until all have been seen


def parse(data: bytes) -> Message:
    """One message. SgsapError carries the SGs cause, and whose message it is where that can be told (7)."""
    if not data:
        raise SgsapError("a message of no octets")  # 7.2: ignored
    plan = _PLANS.get(data[0])
    if plan is None:
        raise _refusal(data, f"message type {data[0]:02x}", SgsCause.MESSAGE_UNKNOWN)
    values: list[Any] = [None] * len(plan.names)
    spoiled: list[tuple[int, str]] = []
    at, end = 1, len(data)
    places = plan.places
    while at < end:
        candidates = places.get(data[at])
        start = at + 2
        at = start + data[at + 1] if start <= end else end + 1
        if candidates is None:
            continue  # 7.5: not known here
        index, element = candidates[0]
        if values[index] is not None:
            if len(candidates) == 1 or values[candidates[1][0]] is not None:
                continue  # 7.7: as many as the table has count, the first ones
            index = candidates[1][0]
        if at > end or not element.shortest <= at - start <= element.longest:
            values[index] = _SPOILED
            spoiled.append((index, f"{element.iei.name} of a wrong length"))
            continue
        try:
            values[index] = element.parse(data[start:at])
        except Malformed as error:
            values[index] = _SPOILED
            spoiled.append((index, str(error)))
    for index, _ in spoiled:
        values[index] = None  # 7.8: an optional element that cannot be read counts as absent
    for index in plan.mandatory:
        if values[index] is None:
            raise _missing(data, plan, index, spoiled)
    if plan.kind in _NAMED and values == [None, None]:
        raise _refusal(data, f"{title(data[0])} without a name", SgsCause.CONDITIONAL_INFORMATION_ELEMENT_ERROR)
    message: Message = plan.kind(*values)
    return message


def _missing(data: bytes, plan: _Plan, index: int, spoiled: list[tuple[int, str]]) -> SgsapError:
    why = dict(spoiled).get(index)
    if why is not None:
        return _refusal(data, f"{title(data[0])}: {why}", SgsCause.INVALID_MANDATORY_INFORMATION)
    cause = SgsCause.MISSING_MANDATORY_INFORMATION_ELEMENT
    return _refusal(data, f"{title(data[0])} without {plan.names[index]}", cause)


def _refusal(data: bytes, why: str, cause: SgsCause) -> SgsapError:
    """The error; a status is not answered by another."""
    return SgsapError(why, None if data[0] == MessageType.STATUS else cause, imsi=_imsi(data), data=data)


def _imsi(data: bytes) -> str:
    """Whose message it is, whatever else it may be; "" if it does not say."""
    at = 1
    while at + 2 <= len(data):
        start, at = at + 2, at + 2 + data[at + 1]
        if data[start - 2] == Iei.IMSI and e.IMSI.shortest <= at - start <= e.IMSI.longest and at <= len(data):
            try:
                return e.parse_imsi(data[start:at])
            except Malformed:
                return ""
    return ""


def status_for(error: SgsapError) -> Status | None:
    """The answer to a message that could not be read; None where it is to be ignored."""
    return None if error.sgs_cause is None else status(error.sgs_cause, error.data, error.imsi)

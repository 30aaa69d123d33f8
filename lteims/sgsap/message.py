"""The messages of SGsAP (TS 29.118 8): frozen values, `parse` from octets and `encode` back.

net/sgsap.py parses what an MME sends and association.py and reset.py act upon it. Every element is a type, a length
and a value (9.1); unknown ones are passed over, and their order is not looked at, as others look at it neither (7).
"""

from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Final

from lteims.sgsap import elements as e
from lteims.sgsap.cause import Iei, MessageType, SgsCause
from lteims.sgsap.elements import Ecgi, Element, GlobalCnId, Lai, Malformed, MobileIdentity, Plmn, Tai
from lteims.sgsap.errors import SgsapError

_LONGEST_ECHO: Final = 255  # octets of an erroneous message that an element holds


@dataclass(frozen=True, slots=True)
class _Message:
    """What all have: a type, and the elements in the order of their table, one for each field of the value."""

    TYPE: ClassVar[MessageType]
    ELEMENTS: ClassVar[tuple[Element, ...]]

    def encode(self) -> bytes:
        """The octets; SgsapError for values that do not fit."""
        parts = [_TYPE_OCTET[self.TYPE]]
        try:
            for name, element, mandatory in _LAYOUT[self.__class__]:
                value = getattr(self, name)
                if value is None and not mandatory:
                    continue
                octets = element.encode(value)
                if not element.shortest <= len(octets) <= element.longest:
                    raise Malformed(f"{name} of {len(octets)} octets")
                parts.append(bytes((element.iei, len(octets))))
                parts.append(octets)
        except (Malformed, AttributeError, TypeError, ValueError) as error:
            raise SgsapError(f"{title(self.TYPE)}: {error}") from None
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class AlertAck(_Message):
    """SGsAP-ALERT-ACK (8.1): the MME will tell when the phone is seen."""

    TYPE = MessageType.ALERT_ACK
    ELEMENTS = (e.IMSI,)
    imsi: str


@dataclass(frozen=True, slots=True)
class AlertReject(_Message):
    """SGsAP-ALERT-REJECT (8.2)."""

    TYPE = MessageType.ALERT_REJECT
    ELEMENTS = (e.IMSI, e.SGS_CAUSE)
    imsi: str
    sgs_cause: int


@dataclass(frozen=True, slots=True)
class AlertRequest(_Message):
    """SGsAP-ALERT-REQUEST (8.3): the VLR wants to know when the phone is seen."""

    TYPE = MessageType.ALERT_REQUEST
    ELEMENTS = (e.IMSI,)
    imsi: str


@dataclass(frozen=True, slots=True)
class DownlinkUnitdata(_Message):
    """SGsAP-DOWNLINK-UNITDATA (8.4): a NAS message to the phone."""

    TYPE = MessageType.DOWNLINK_UNITDATA
    ELEMENTS = (e.IMSI, e.NAS_MESSAGE_CONTAINER)
    imsi: str
    nas_message_container: bytes


@dataclass(frozen=True, slots=True)
class EpsDetachAck(_Message):
    """SGsAP-EPS-DETACH-ACK (8.5)."""

    TYPE = MessageType.EPS_DETACH_ACK
    ELEMENTS = (e.IMSI,)
    imsi: str


@dataclass(frozen=True, slots=True)
class EpsDetachIndication(_Message):
    """SGsAP-EPS-DETACH-INDICATION (8.6)."""

    TYPE = MessageType.EPS_DETACH_INDICATION
    ELEMENTS = (e.IMSI, e.MME_NAME, e.EPS_DETACH_TYPE)
    imsi: str
    mme_name: str
    detach_type: int


@dataclass(frozen=True, slots=True)
class ImsiDetachAck(_Message):
    """SGsAP-IMSI-DETACH-ACK (8.7)."""

    TYPE = MessageType.IMSI_DETACH_ACK
    ELEMENTS = (e.IMSI,)
    imsi: str


@dataclass(frozen=True, slots=True)
class ImsiDetachIndication(_Message):
    """SGsAP-IMSI-DETACH-INDICATION (8.8)."""

    TYPE = MessageType.IMSI_DETACH_INDICATION
    ELEMENTS = (e.IMSI, e.MME_NAME, e.IMSI_DETACH_TYPE)
    imsi: str
    mme_name: str
    detach_type: int


@dataclass(frozen=True, slots=True)
class LocationUpdateAccept(_Message):
    """SGsAP-LOCATION-UPDATE-ACCEPT (8.9)."""

    TYPE = MessageType.LOCATION_UPDATE_ACCEPT
    ELEMENTS = (e.IMSI, e.LAI, e.MOBILE_IDENTITY)
    imsi: str
    lai: Lai
    mobile_identity: MobileIdentity | None = None


@dataclass(frozen=True, slots=True)
class LocationUpdateReject(_Message):
    """SGsAP-LOCATION-UPDATE-REJECT (8.10)."""

    TYPE = MessageType.LOCATION_UPDATE_REJECT
    ELEMENTS = (e.IMSI, e.REJECT_CAUSE, e.LAI)
    imsi: str
    reject_cause: int
    lai: Lai | None = None


@dataclass(frozen=True, slots=True)
class LocationUpdateRequest(_Message):
    """SGsAP-LOCATION-UPDATE-REQUEST (8.11): a phone has come, or has moved."""

    TYPE = MessageType.LOCATION_UPDATE_REQUEST
    ELEMENTS = (
        e.IMSI, e.MME_NAME, e.EPS_LOCATION_UPDATE_TYPE, e.LAI, e.LAI, e.TMSI_STATUS, e.IMEISV, e.TAI, e.E_CGI,
        e.TMSI_BASED_NRI_CONTAINER, e.SELECTED_CS_DOMAIN_OPERATOR,
    )  # fmt: skip
    imsi: str
    mme_name: str
    eps_location_update_type: int
    new_lai: Lai
    old_lai: Lai | None = None
    tmsi_status: int | None = None
    imeisv: str | None = None
    tai: Tai | None = None
    e_cgi: Ecgi | None = None
    tmsi_based_nri_container: int | None = None
    selected_cs_domain_operator: Plmn | None = None


@dataclass(frozen=True, slots=True)
class MmInformationRequest(_Message):
    """SGsAP-MM-INFORMATION-REQUEST (8.12): elements of TS 24.008's MM INFORMATION for the phone."""

    TYPE = MessageType.MM_INFORMATION_REQUEST
    ELEMENTS = (e.IMSI, e.MM_INFORMATION)
    imsi: str
    mm_information: bytes


@dataclass(frozen=True, slots=True)
class PagingReject(_Message):
    """SGsAP-PAGING-REJECT (8.13)."""

    TYPE = MessageType.PAGING_REJECT
    ELEMENTS = (e.IMSI, e.SGS_CAUSE)
    imsi: str
    sgs_cause: int


@dataclass(frozen=True, slots=True)
class PagingRequest(_Message):
    """SGsAP-PAGING-REQUEST (8.14)."""

    TYPE = MessageType.PAGING_REQUEST
    ELEMENTS = (
        e.IMSI, e.VLR_NAME, e.SERVICE_INDICATOR, e.TMSI, e.CLI, e.LAI, e.GLOBAL_CN_ID, e.SS_CODE, e.LCS_INDICATOR,
        e.LCS_CLIENT_IDENTITY, e.CHANNEL_NEEDED, e.EMLPP_PRIORITY, e.ADDITIONAL_PAGING_INDICATORS,
        e.SM_DELIVERY_TIMER, e.SM_DELIVERY_START_TIME, e.MAXIMUM_RETRANSMISSION_TIME,
    )  # fmt: skip
    imsi: str
    vlr_name: str
    service_indicator: int
    tmsi: int | None = None
    cli: bytes | None = None
    lai: Lai | None = None
    global_cn_id: GlobalCnId | None = None
    ss_code: int | None = None
    lcs_indicator: int | None = None
    lcs_client_identity: bytes | None = None
    channel_needed: int | None = None
    emlpp_priority: int | None = None
    additional_paging_indicators: int | None = None
    sm_delivery_timer: int | None = None
    sm_delivery_start_time: int | None = None
    maximum_retransmission_time: int | None = None


@dataclass(frozen=True, slots=True)
class ResetAck(_Message):
    """SGsAP-RESET-ACK (8.15); of the two names the one of who sends it."""

    TYPE = MessageType.RESET_ACK
    ELEMENTS = (e.MME_NAME, e.VLR_NAME)
    mme_name: str | None = None
    vlr_name: str | None = None


@dataclass(frozen=True, slots=True)
class ResetIndication(_Message):
    """SGsAP-RESET-INDICATION (8.16): who sends it has lost what it knew; of the two names the one of who sends it."""

    TYPE = MessageType.RESET_INDICATION
    ELEMENTS = (e.MME_NAME, e.VLR_NAME)
    mme_name: str | None = None
    vlr_name: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceRequest(_Message):
    """SGsAP-SERVICE-REQUEST (8.17): the answer to paging."""

    TYPE = MessageType.SERVICE_REQUEST
    ELEMENTS = (
        e.IMSI, e.SERVICE_INDICATOR, e.IMEISV, e.UE_TIME_ZONE, e.MOBILE_STATION_CLASSMARK_2, e.TAI, e.E_CGI,
        e.UE_EMM_MODE,
    )  # fmt: skip
    imsi: str
    service_indicator: int
    imeisv: str | None = None
    ue_time_zone: int | None = None
    mobile_station_classmark_2: bytes | None = None
    tai: Tai | None = None
    e_cgi: Ecgi | None = None
    ue_emm_mode: int | None = None


@dataclass(frozen=True, slots=True)
class Status(_Message):
    """SGsAP-STATUS (8.18): what was wrong with a message, and the message."""

    TYPE = MessageType.STATUS
    ELEMENTS = (e.IMSI, e.SGS_CAUSE, e.ERRONEOUS_MESSAGE)
    imsi: str | None
    sgs_cause: int
    erroneous_message: bytes | None = None  # mandatory to send; without it a status says enough


@dataclass(frozen=True, slots=True)
class TmsiReallocationComplete(_Message):
    """SGsAP-TMSI-REALLOCATION-COMPLETE (8.19)."""

    TYPE = MessageType.TMSI_REALLOCATION_COMPLETE
    ELEMENTS = (e.IMSI,)
    imsi: str


@dataclass(frozen=True, slots=True)
class UeActivityIndication(_Message):
    """SGsAP-UE-ACTIVITY-INDICATION (8.20): the phone of an alert is seen."""

    TYPE = MessageType.UE_ACTIVITY_INDICATION
    ELEMENTS = (e.IMSI, e.MAXIMUM_UE_AVAILABILITY_TIME)
    imsi: str
    maximum_ue_availability_time: int | None = None


@dataclass(frozen=True, slots=True)
class UeUnreachable(_Message):
    """SGsAP-UE-UNREACHABLE (8.21): paging found nobody."""

    TYPE = MessageType.UE_UNREACHABLE
    ELEMENTS = (e.IMSI, e.SGS_CAUSE, e.REQUESTED_RETRANSMISSION_TIME, e.ADDITIONAL_UE_UNREACHABLE_INDICATORS)
    imsi: str
    sgs_cause: int
    requested_retransmission_time: int | None = None
    additional_ue_unreachable_indicators: int | None = None


@dataclass(frozen=True, slots=True)
class UplinkUnitdata(_Message):
    """SGsAP-UPLINK-UNITDATA (8.22): a NAS message of the phone."""

    TYPE = MessageType.UPLINK_UNITDATA
    ELEMENTS = (
        e.IMSI, e.NAS_MESSAGE_CONTAINER, e.IMEISV, e.UE_TIME_ZONE, e.MOBILE_STATION_CLASSMARK_2, e.TAI, e.E_CGI,
    )  # fmt: skip
    imsi: str
    nas_message_container: bytes
    imeisv: str | None = None
    ue_time_zone: int | None = None
    mobile_station_classmark_2: bytes | None = None
    tai: Tai | None = None
    e_cgi: Ecgi | None = None


@dataclass(frozen=True, slots=True)
class ReleaseRequest(_Message):
    """SGsAP-RELEASE-REQUEST (8.23): no more NAS messages are to come; with a cause, since something is wrong."""

    TYPE = MessageType.RELEASE_REQUEST
    ELEMENTS = (e.IMSI, e.SGS_CAUSE)
    imsi: str
    sgs_cause: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceAbortRequest(_Message):
    """SGsAP-SERVICE-ABORT-REQUEST (8.24): a call that was paged for is no more."""

    TYPE = MessageType.SERVICE_ABORT_REQUEST
    ELEMENTS = (e.IMSI,)
    imsi: str


@dataclass(frozen=True, slots=True)
class MoCsfbIndication(_Message):
    """SGsAP-MO-CSFB-INDICATION (8.25): the phone leaves LTE for a call."""

    TYPE = MessageType.MO_CSFB_INDICATION
    ELEMENTS = (e.IMSI, e.TAI, e.E_CGI)
    imsi: str
    tai: Tai | None = None
    e_cgi: Ecgi | None = None


Message = (
    AlertAck | AlertReject | AlertRequest | DownlinkUnitdata | EpsDetachAck | EpsDetachIndication | ImsiDetachAck
    | ImsiDetachIndication | LocationUpdateAccept | LocationUpdateReject | LocationUpdateRequest
    | MmInformationRequest | PagingReject | PagingRequest | ResetAck | ResetIndication | ServiceRequest | Status
    | TmsiReallocationComplete | UeActivityIndication | UeUnreachable | UplinkUnitdata | ReleaseRequest
    | ServiceAbortRequest | MoCsfbIndication
)  # fmt: skip
KINDS: Final[tuple[Any, ...]] = (
    AlertAck, AlertReject, AlertRequest, DownlinkUnitdata, EpsDetachAck, EpsDetachIndication, ImsiDetachAck,
    ImsiDetachIndication, LocationUpdateAccept, LocationUpdateReject, LocationUpdateRequest, MmInformationRequest,
    PagingReject, PagingRequest, ResetAck, ResetIndication, ServiceRequest, Status, TmsiReallocationComplete,
    UeActivityIndication, UeUnreachable, UplinkUnitdata, ReleaseRequest, ServiceAbortRequest, MoCsfbIndication,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a message is read: for each IEI its fields in their order, and which fields must be there."""

    kind: Any
    names: tuple[str, ...]
    places: dict[int, tuple[tuple[int, Element], ...]]
    mandatory: tuple[int, ...]


def _optional(field: Any) -> bool:
    return field.default is not MISSING or field.type == "str | None" or "None" in str(field.type)


def _plan(kind: Any) -> _Plan:
    places: dict[int, tuple[tuple[int, Element], ...]] = {}
    for index, element in enumerate(kind.ELEMENTS):
        places[element.iei] = (*places.get(element.iei, ()), (index, element))
    mandatory = tuple(index for index, field in enumerate(fields(kind)) if not _optional(field))
    return _Plan(kind, tuple(field.name for field in fields(kind)), places, mandatory)


_PLANS: Final = {int(kind.TYPE): _plan(kind) for kind in KINDS}
_LAYOUT: Final = {
    kind: tuple(
        (name, element, index in _PLANS[kind.TYPE].mandatory)
        for index, (name, element) in enumerate(zip(_PLANS[kind.TYPE].names, kind.ELEMENTS, strict=True))
    )
    for kind in KINDS
}
_TYPE_OCTET: Final = {kind.TYPE: bytes((kind.TYPE,)) for kind in KINDS}


_NAMED: Final = (ResetAck, ResetIndication)
_SPOILED: Final = object()  # stands where an element was that cannot be read, until all have been seen


def title(message_type: int) -> str:
    """A message type as the specification writes it: "SGsAP-PAGING-REQUEST"."""
    found = MessageType._value2member_map_.get(message_type)
    return f"SGsAP message {message_type:02x}" if found is None else "SGsAP-" + found.name.replace("_", "-")


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


def status(cause: SgsCause, data: bytes, imsi: str = "") -> Status:
    """The answer to a message that came as `data`, of which as much is sent back as an element holds."""
    return Status(imsi or None, cause, data[:_LONGEST_ECHO])


def status_for(error: SgsapError) -> Status | None:
    """The answer to a message that could not be read; None where it is to be ignored."""
    return None if error.sgs_cause is None else status(error.sgs_cause, error.data, error.imsi)

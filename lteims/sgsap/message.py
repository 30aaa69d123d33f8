"""The messages of SGsAP (TS 29.118 8): frozen values with the elements of their tables, and `encode` to octets.

decoder.py reads them from octets, association.py and reset.py act upon them. Every element is a type, a length and a
value (9.1).
"""

from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Final, get_args

from lteims.sgsap import elements as e
from lteims.sgsap.cause import MessageType, SgsCause
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
KINDS: Final[tuple[Any, ...]] = get_args(Message)


def _mandatory(field: Any) -> bool:
    return field.default is MISSING and "None" not in str(field.type)


def layout_of(kind: Any) -> tuple[tuple[str, Element, bool], ...]:
    """For each element of a kind of message, in their order: its field, itself, and must it be there?"""
    named = zip(fields(kind), kind.ELEMENTS, strict=True)
    return tuple((field.name, element, _mandatory(field)) for field, element in named)


_LAYOUT: Final = {kind: layout_of(kind) for kind in KINDS}
_TYPE_OCTET: Final = {kind.TYPE: bytes((kind.TYPE,)) for kind in KINDS}


def title(message_type: int) -> str:
    """A message type as the specification writes it: "SGsAP-PAGING-REQUEST"."""
    found = MessageType._value2member_map_.get(message_type)
    return f"SGsAP message {message_type:02x}" if found is None else "SGsAP-" + found.name.replace("_", "-")


def status(cause: SgsCause, data: bytes, imsi: str = "") -> Status:
    """The answer to a message that came as `data`, of which as much is sent back as an element holds."""
    return Status(imsi or None, cause, data[:_LONGEST_ECHO])

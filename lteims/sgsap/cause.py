"""The numbers of SGsAP by the names of their tables (TS 29.118 9.2, 9.3, 9.4): message types, elements, causes, types.

Messages keep such a value as a plain number, since a peer may send one that no table has; `name` puts it into words.
"""

from enum import IntEnum


class MessageType(IntEnum):
    """Message type (table 9.2.1)."""

    PAGING_REQUEST = 0x01
    PAGING_REJECT = 0x02
    SERVICE_REQUEST = 0x06
    DOWNLINK_UNITDATA = 0x07
    UPLINK_UNITDATA = 0x08
    LOCATION_UPDATE_REQUEST = 0x09
    LOCATION_UPDATE_ACCEPT = 0x0A
    LOCATION_UPDATE_REJECT = 0x0B
    TMSI_REALLOCATION_COMPLETE = 0x0C
    ALERT_REQUEST = 0x0D
    ALERT_ACK = 0x0E
    ALERT_REJECT = 0x0F
    UE_ACTIVITY_INDICATION = 0x10
    EPS_DETACH_INDICATION = 0x11
    EPS_DETACH_ACK = 0x12
    IMSI_DETACH_INDICATION = 0x13
    IMSI_DETACH_ACK = 0x14
    RESET_INDICATION = 0x15
    RESET_ACK = 0x16
    SERVICE_ABORT_REQUEST = 0x17
    MO_CSFB_INDICATION = 0x18
    MM_INFORMATION_REQUEST = 0x1A
    RELEASE_REQUEST = 0x1B
    STATUS = 0x1D
    UE_UNREACHABLE = 0x1F


class Iei(IntEnum):
    """Information element identifier (table 9.3.1)."""

    IMSI = 0x01
    VLR_NAME = 0x02
    TMSI = 0x03
    LAI = 0x04
    CHANNEL_NEEDED = 0x05
    EMLPP_PRIORITY = 0x06
    TMSI_STATUS = 0x07
    SGS_CAUSE = 0x08
    MME_NAME = 0x09
    EPS_LOCATION_UPDATE_TYPE = 0x0A
    GLOBAL_CN_ID = 0x0B
    MOBILE_IDENTITY = 0x0E
    REJECT_CAUSE = 0x0F
    IMSI_DETACH_FROM_EPS_SERVICE_TYPE = 0x10
    IMSI_DETACH_FROM_NON_EPS_SERVICE_TYPE = 0x11
    IMEISV = 0x15
    NAS_MESSAGE_CONTAINER = 0x16
    MM_INFORMATION = 0x17
    ERRONEOUS_MESSAGE = 0x1B
    CLI = 0x1C
    LCS_CLIENT_IDENTITY = 0x1D
    LCS_INDICATOR = 0x1E
    SS_CODE = 0x1F
    SERVICE_INDICATOR = 0x20
    UE_TIME_ZONE = 0x21
    MOBILE_STATION_CLASSMARK_2 = 0x22
    TAI = 0x23
    E_CGI = 0x24
    UE_EMM_MODE = 0x25
    ADDITIONAL_PAGING_INDICATORS = 0x26
    TMSI_BASED_NRI_CONTAINER = 0x27
    SELECTED_CS_DOMAIN_OPERATOR = 0x28
    MAXIMUM_UE_AVAILABILITY_TIME = 0x29
    SM_DELIVERY_TIMER = 0x2A
    SM_DELIVERY_START_TIME = 0x2B
    ADDITIONAL_UE_UNREACHABLE_INDICATORS = 0x2C
    MAXIMUM_RETRANSMISSION_TIME = 0x2D
    REQUESTED_RETRANSMISSION_TIME = 0x2E


class SgsCause(IntEnum):
    """SGs cause (table 9.4.18.1)."""

    NORMAL = 0
    IMSI_DETACHED_FOR_EPS_SERVICES = 1
    IMSI_DETACHED_FOR_EPS_AND_NON_EPS_SERVICES = 2
    IMSI_UNKNOWN = 3
    IMSI_DETACHED_FOR_NON_EPS_SERVICES = 4
    IMSI_IMPLICITLY_DETACHED_FOR_NON_EPS_SERVICES = 5
    UE_UNREACHABLE = 6
    MESSAGE_NOT_COMPATIBLE_WITH_STATE = 7
    MISSING_MANDATORY_INFORMATION_ELEMENT = 8
    INVALID_MANDATORY_INFORMATION = 9
    CONDITIONAL_INFORMATION_ELEMENT_ERROR = 10
    SEMANTICALLY_INCORRECT_MESSAGE = 11
    MESSAGE_UNKNOWN = 12
    MT_CSFB_CALL_REJECTED_BY_USER = 13
    UE_TEMPORARILY_UNREACHABLE = 14


class RejectCause(IntEnum):
    """Reject cause of a location update (TS 24.008 table 10.5.95), those that a VLR has reason to give."""

    IMSI_UNKNOWN_IN_HLR = 2
    ILLEGAL_MS = 3
    PLMN_NOT_ALLOWED = 11
    LOCATION_AREA_NOT_ALLOWED = 12
    ROAMING_NOT_ALLOWED = 13
    NETWORK_FAILURE = 17
    CONGESTION = 22


class EpsLocationUpdateType(IntEnum):
    """EPS location update type (table 9.4.2.1); any other value means a normal update."""

    IMSI_ATTACH = 1
    NORMAL = 2


class ServiceIndicator(IntEnum):
    """Service indicator (table 9.4.17.1); any other value means a call."""

    CS_CALL = 1
    SMS = 2


class EpsDetachType(IntEnum):
    """IMSI detach from EPS service type (table 9.4.7.1)."""

    NETWORK_INITIATED = 1
    UE_INITIATED = 2
    EPS_SERVICES_NOT_ALLOWED = 3


class ImsiDetachType(IntEnum):
    """IMSI detach from non-EPS service type (table 9.4.8.1)."""

    EXPLICIT_UE_INITIATED = 1
    COMBINED_UE_INITIATED = 2
    IMPLICIT_NETWORK_INITIATED = 3


class EmmMode(IntEnum):
    """UE EMM mode (table 9.4.21c.1)."""

    IDLE = 0
    CONNECTED = 1


def name(table: type[IntEnum], value: int) -> str:
    """A value in words for the log: "3 imsi unknown"; "200" where the table has none."""
    found = table._value2member_map_.get(value)
    return str(value) if found is None else f"{value} {found.name.lower().replace('_', ' ')}"

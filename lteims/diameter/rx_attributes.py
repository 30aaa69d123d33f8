"""The AVPs of Rx (TS 29.214 5.3, 5.4) and those of Gx and Gi that its answers carry; rx.py is their user."""

from enum import IntEnum

from lteims.diameter.attributes import ETSI, TGPP
from lteims.diameter.avp import Address, Enumerated, Group, Octets, Text, Unsigned32


class AbortCause(IntEnum):
    """Abort-Cause (5.3.1)."""

    BEARER_RELEASED = 0
    INSUFFICIENT_SERVER_RESOURCES = 1
    INSUFFICIENT_BEARER_RESOURCES = 2
    PS_TO_CS_HANDOVER = 3
    SPONSORED_DATA_CONNECTIVITY_DISALLOWED = 4


class FlowStatus(IntEnum):
    """Flow-Status (5.3.11); ENABLED-UPLINK is from the phone."""

    ENABLED_UPLINK = 0
    ENABLED_DOWNLINK = 1
    ENABLED = 2
    DISABLED = 3
    REMOVED = 4


class FlowUsage(IntEnum):
    """Flow-Usage (5.3.12)."""

    NO_INFORMATION = 0
    RTCP = 1
    AF_SIGNALLING = 2


class SpecificAction(IntEnum):
    """Specific-Action (5.3.13)."""

    CHARGING_CORRELATION_EXCHANGE = 1
    INDICATION_OF_LOSS_OF_BEARER = 2
    INDICATION_OF_RECOVERY_OF_BEARER = 3
    INDICATION_OF_RELEASE_OF_BEARER = 4
    IP_CAN_CHANGE = 6
    INDICATION_OF_OUT_OF_CREDIT = 7
    INDICATION_OF_SUCCESSFUL_RESOURCES_ALLOCATION = 8
    INDICATION_OF_FAILED_RESOURCES_ALLOCATION = 9
    INDICATION_OF_LIMITED_PCC_DEPLOYMENT = 10
    USAGE_REPORT = 11
    ACCESS_NETWORK_INFO_REPORT = 12
    INDICATION_OF_RECOVERY_FROM_LIMITED_PCC_DEPLOYMENT = 13
    INDICATION_OF_ACCESS_NETWORK_INFO_REPORTING_FAILURE = 14
    INDICATION_OF_TRANSFER_POLICY_EXPIRED = 15
    PLMN_CHANGE = 16
    EPS_FALLBACK = 17


class MediaType(IntEnum):
    """Media-Type (5.3.19)."""

    AUDIO = 0
    VIDEO = 1
    DATA = 2
    APPLICATION = 3
    CONTROL = 4
    TEXT = 5
    MESSAGE = 6
    OTHER = -1  # 0xFFFFFFFF


class ServiceInfoStatus(IntEnum):
    """Service-Info-Status (5.3.25)."""

    FINAL_SERVICE_INFORMATION = 0
    PRELIMINARY_SERVICE_INFORMATION = 1


class SipForkingIndication(IntEnum):
    """SIP-Forking-Indication (5.3.22)."""

    SINGLE_DIALOGUE = 0
    SEVERAL_DIALOGUES = 1


class AfSignallingProtocol(IntEnum):
    """AF-Signalling-Protocol (5.3.26)."""

    NO_INFORMATION = 0
    SIP = 1


class RxRequestType(IntEnum):
    """Rx-Request-Type (5.3.31)."""

    INITIAL_REQUEST = 0
    UPDATE_REQUEST = 1
    PCSCF_RESTORATION = 2


class IpCanType(IntEnum):
    """IP-CAN-Type (TS 29.212 5.3.27)."""

    THREEGPP_GPRS = 0
    DOCSIS = 1
    XDSL = 2
    WIMAX = 3
    THREEGPP2 = 4
    THREEGPP_EPS = 5
    NON_3GPP_EPS = 6
    FBA = 7
    THREEGPP_5GS = 8
    NON_3GPP_5GS = 9


class RatType(IntEnum):
    """RAT-Type (TS 29.212 5.3.31)."""

    WLAN = 0
    VIRTUAL = 1
    TRUSTED_N3GA = 2
    WIRELINE = 3
    UTRAN = 1000
    GERAN = 1001
    GAN = 1002
    HSPA_EVOLUTION = 1003
    EUTRAN = 1004
    EUTRAN_NB_IOT = 1005
    NR = 1006


ABORT_CAUSE = Enumerated(500, "Abort-Cause", TGPP, names=AbortCause)
ACCESS_NETWORK_CHARGING_ADDRESS = Address(501, "Access-Network-Charging-Address", TGPP)
ACCESS_NETWORK_CHARGING_IDENTIFIER = Group(
    502,
    "Access-Network-Charging-Identifier",
    TGPP,
    grammar="{Access-Network-Charging-Identifier-Value} *[Flows]",
)
ACCESS_NETWORK_CHARGING_IDENTIFIER_VALUE = Octets(503, "Access-Network-Charging-Identifier-Value", TGPP)
AF_APPLICATION_IDENTIFIER = Octets(504, "AF-Application-Identifier", TGPP)
AF_CHARGING_IDENTIFIER = Octets(505, "AF-Charging-Identifier", TGPP)
FLOW_NUMBER = Unsigned32(509, "Flow-Number", TGPP)
FLOWS = Group(510, "Flows", TGPP, grammar="{Media-Component-Number} *[Flow-Number] *[AVP]")
FLOW_STATUS = Enumerated(511, "Flow-Status", TGPP, names=FlowStatus)
FLOW_USAGE = Enumerated(512, "Flow-Usage", TGPP, names=FlowUsage)
SPECIFIC_ACTION = Enumerated(513, "Specific-Action", TGPP, names=SpecificAction)
MAX_REQUESTED_BANDWIDTH_DL = Unsigned32(515, "Max-Requested-Bandwidth-DL", TGPP)
MAX_REQUESTED_BANDWIDTH_UL = Unsigned32(516, "Max-Requested-Bandwidth-UL", TGPP)
MEDIA_COMPONENT_DESCRIPTION = Group(
    517,
    "Media-Component-Description",
    TGPP,
    grammar="{Media-Component-Number} *[Media-Sub-Component] [AF-Application-Identifier] [Media-Type]"
    " [Max-Requested-Bandwidth-UL] [Max-Requested-Bandwidth-DL] [Min-Requested-Bandwidth-UL]"
    " [Min-Requested-Bandwidth-DL] [Flow-Status] [Reservation-Priority] [RS-Bandwidth] [RR-Bandwidth]"
    " 0*2[Codec-Data] *[AVP]",
)
MEDIA_COMPONENT_NUMBER = Unsigned32(518, "Media-Component-Number", TGPP)
MEDIA_SUB_COMPONENT = Group(
    519,
    "Media-Sub-Component",
    TGPP,
    grammar="{Flow-Number} 0*2[Flow-Description] [Flow-Status] [Flow-Usage] [Max-Requested-Bandwidth-UL]"
    " [Max-Requested-Bandwidth-DL] [AF-Signalling-Protocol] *[AVP]",
)
MEDIA_TYPE = Enumerated(520, "Media-Type", TGPP, names=MediaType)
RR_BANDWIDTH = Unsigned32(521, "RR-Bandwidth", TGPP)
RS_BANDWIDTH = Unsigned32(522, "RS-Bandwidth", TGPP)
SIP_FORKING_INDICATION = Enumerated(523, "SIP-Forking-Indication", TGPP, names=SipForkingIndication)
CODEC_DATA = Octets(524, "Codec-Data", TGPP)
SERVICE_URN = Octets(525, "Service-URN", TGPP)
ACCEPTABLE_SERVICE_INFO = Group(
    526,
    "Acceptable-Service-Info",
    TGPP,
    grammar="*[Media-Component-Description] [Max-Requested-Bandwidth-DL] [Max-Requested-Bandwidth-UL] *[AVP]",
)
SERVICE_INFO_STATUS = Enumerated(527, "Service-Info-Status", TGPP, names=ServiceInfoStatus)
MPS_IDENTIFIER = Octets(528, "MPS-Identifier", TGPP, must=False)
AF_SIGNALLING_PROTOCOL = Enumerated(529, "AF-Signalling-Protocol", TGPP, names=AfSignallingProtocol, must=False)
RX_REQUEST_TYPE = Enumerated(533, "Rx-Request-Type", TGPP, names=RxRequestType, must=False)
MIN_REQUESTED_BANDWIDTH_DL = Unsigned32(534, "Min-Requested-Bandwidth-DL", TGPP, must=False)
MIN_REQUESTED_BANDWIDTH_UL = Unsigned32(535, "Min-Requested-Bandwidth-UL", TGPP, must=False)
IP_DOMAIN_ID = Octets(537, "IP-Domain-Id", TGPP, must=False)

TGPP_SGSN_MCC_MNC = Text(18, "3GPP-SGSN-MCC-MNC", TGPP, must=False)
TGPP_USER_LOCATION_INFO = Octets(22, "3GPP-User-Location-Info", TGPP, must=False)
TGPP_MS_TIMEZONE = Octets(23, "3GPP-MS-TimeZone", TGPP, must=False)
RESERVATION_PRIORITY = Unsigned32(458, "Reservation-Priority", ETSI, must=False)
IP_CAN_TYPE = Enumerated(1027, "IP-CAN-Type", TGPP, names=IpCanType)
RAT_TYPE = Enumerated(1032, "RAT-Type", TGPP, names=RatType, must=False)

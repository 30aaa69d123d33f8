"""The AVPs of Cx (TS 29.229 6.3) and those of RFC 4590 and 5090 that carry digests in it; cx.py is their user."""

from enum import IntEnum, IntFlag

from lteims.diameter.attributes import TGPP
from lteims.diameter.avp import Enumerated, Group, Octets, Text, Unsigned32


class UserAuthorizationType(IntEnum):
    """User-Authorization-Type (6.3.24)."""

    REGISTRATION = 0
    DE_REGISTRATION = 1
    REGISTRATION_AND_CAPABILITIES = 2


class ServerAssignmentType(IntEnum):
    """Server-Assignment-Type (6.3.15)."""

    NO_ASSIGNMENT = 0
    REGISTRATION = 1
    RE_REGISTRATION = 2
    UNREGISTERED_USER = 3
    TIMEOUT_DEREGISTRATION = 4
    USER_DEREGISTRATION = 5
    TIMEOUT_DEREGISTRATION_STORE_SERVER_NAME = 6
    USER_DEREGISTRATION_STORE_SERVER_NAME = 7
    ADMINISTRATIVE_DEREGISTRATION = 8
    AUTHENTICATION_FAILURE = 9
    AUTHENTICATION_TIMEOUT = 10
    DEREGISTRATION_TOO_MUCH_DATA = 11
    AAA_USER_DATA_REQUEST = 12
    PGW_UPDATE = 13
    RESTORATION = 14


class ReasonCode(IntEnum):
    """Reason-Code of Deregistration-Reason (6.3.17)."""

    PERMANENT_TERMINATION = 0
    NEW_SERVER_ASSIGNED = 1
    SERVER_CHANGE = 2
    REMOVE_S_CSCF = 3


class UserDataAlreadyAvailable(IntEnum):
    """User-Data-Already-Available (6.3.26)."""

    USER_DATA_NOT_AVAILABLE = 0
    USER_DATA_ALREADY_AVAILABLE = 1


class OriginatingRequest(IntEnum):
    """Originating-Request (6.3.34)."""

    ORIGINATING = 0


class LooseRouteIndication(IntEnum):
    """Loose-Route-Indication (6.3.45)."""

    LOOSE_ROUTE_NOT_REQUIRED = 0
    LOOSE_ROUTE_REQUIRED = 1


class MultipleRegistrationIndication(IntEnum):
    """Multiple-Registration-Indication (6.3.51)."""

    NOT_MULTIPLE_REGISTRATION = 0
    MULTIPLE_REGISTRATION = 1


class PriviledgedSender(IntEnum):
    """Priviledged-Sender-Indication (6.3.52), spelled as there."""

    NOT_PRIVILEDGED_SENDER = 0
    PRIVILEDGED_SENDER = 1


class UarFlags(IntFlag):
    """UAR-Flags (6.3.44)."""

    EMERGENCY_REGISTRATION = 1


VISITED_NETWORK_IDENTIFIER = Octets(600, "Visited-Network-Identifier", TGPP)
PUBLIC_IDENTITY = Text(601, "Public-Identity", TGPP)
SERVER_NAME = Text(602, "Server-Name", TGPP)
SERVER_CAPABILITIES = Group(
    603, "Server-Capabilities", TGPP, grammar="*[Mandatory-Capability] *[Optional-Capability] *[Server-Name] *[AVP]"
)
MANDATORY_CAPABILITY = Unsigned32(604, "Mandatory-Capability", TGPP)
OPTIONAL_CAPABILITY = Unsigned32(605, "Optional-Capability", TGPP)
USER_DATA = Octets(606, "User-Data", TGPP)
SIP_NUMBER_AUTH_ITEMS = Unsigned32(607, "SIP-Number-Auth-Items", TGPP)
SIP_AUTHENTICATION_SCHEME = Text(608, "SIP-Authentication-Scheme", TGPP)
SIP_AUTHENTICATE = Octets(609, "SIP-Authenticate", TGPP)
SIP_AUTHORIZATION = Octets(610, "SIP-Authorization", TGPP)
SIP_AUTHENTICATION_CONTEXT = Octets(611, "SIP-Authentication-Context", TGPP)
SIP_AUTH_DATA_ITEM = Group(
    612,
    "SIP-Auth-Data-Item",
    TGPP,
    grammar="[SIP-Item-Number] [SIP-Authentication-Scheme] [SIP-Authenticate] [SIP-Authorization]"
    " [SIP-Authentication-Context] [Confidentiality-Key] [Integrity-Key] [SIP-Digest-Authenticate]"
    " [Framed-IP-Address] [Framed-IPv6-Prefix] [Framed-Interface-Id] *[Line-Identifier] *[AVP]",
)
SIP_ITEM_NUMBER = Unsigned32(613, "SIP-Item-Number", TGPP)
SERVER_ASSIGNMENT_TYPE = Enumerated(614, "Server-Assignment-Type", TGPP, names=ServerAssignmentType)
DEREGISTRATION_REASON = Group(615, "Deregistration-Reason", TGPP, grammar="{Reason-Code} [Reason-Info] *[AVP]")
REASON_CODE = Enumerated(616, "Reason-Code", TGPP, names=ReasonCode)
REASON_INFO = Text(617, "Reason-Info", TGPP)
CHARGING_INFORMATION = Group(
    618,
    "Charging-Information",
    TGPP,
    grammar="[Primary-Event-Charging-Function-Name] [Secondary-Event-Charging-Function-Name]"
    " [Primary-Charging-Collection-Function-Name] [Secondary-Charging-Collection-Function-Name] *[AVP]",
)
PRIMARY_EVENT_CHARGING_FUNCTION_NAME = Text(619, "Primary-Event-Charging-Function-Name", TGPP)
SECONDARY_EVENT_CHARGING_FUNCTION_NAME = Text(620, "Secondary-Event-Charging-Function-Name", TGPP)
PRIMARY_CHARGING_COLLECTION_FUNCTION_NAME = Text(621, "Primary-Charging-Collection-Function-Name", TGPP)
SECONDARY_CHARGING_COLLECTION_FUNCTION_NAME = Text(622, "Secondary-Charging-Collection-Function-Name", TGPP)
USER_AUTHORIZATION_TYPE = Enumerated(623, "User-Authorization-Type", TGPP, names=UserAuthorizationType)
USER_DATA_ALREADY_AVAILABLE = Enumerated(624, "User-Data-Already-Available", TGPP, names=UserDataAlreadyAvailable)
CONFIDENTIALITY_KEY = Octets(625, "Confidentiality-Key", TGPP)
INTEGRITY_KEY = Octets(626, "Integrity-Key", TGPP)
SUPPORTED_APPLICATIONS = Group(631, "Supported-Applications", TGPP, must=False)
ASSOCIATED_IDENTITIES = Group(632, "Associated-Identities", TGPP, grammar="*[User-Name] *[AVP]", must=False)
ORIGINATING_REQUEST = Enumerated(633, "Originating-Request", TGPP, names=OriginatingRequest)
WILDCARDED_PUBLIC_IDENTITY = Text(634, "Wildcarded-Public-Identity", TGPP, must=False)
SIP_DIGEST_AUTHENTICATE = Group(
    635,
    "SIP-Digest-Authenticate",
    TGPP,
    grammar="{Digest-Realm} [Digest-Algorithm] [Digest-QoP] {Digest-HA1} *[AVP]",
    must=False,
)
WILDCARDED_IMPU = Text(636, "Wildcarded-IMPU", TGPP, must=False)
UAR_FLAGS = Unsigned32(637, "UAR-Flags", TGPP, must=False)
LOOSE_ROUTE_INDICATION = Enumerated(638, "Loose-Route-Indication", TGPP, names=LooseRouteIndication, must=False)
SCSCF_RESTORATION_INFO = Group(
    639, "SCSCF-Restoration-Info", TGPP, grammar="{User-Name} 1*{Restoration-Info} *[AVP]", must=False
)
PATH = Octets(640, "Path", TGPP, must=False)
CONTACT = Octets(641, "Contact", TGPP, must=False)
SUBSCRIPTION_INFO = Group(642, "Subscription-Info", TGPP, must=False)
CALL_ID_SIP_HEADER = Octets(643, "Call-ID-SIP-Header", TGPP, must=False)
FROM_SIP_HEADER = Octets(644, "From-SIP-Header", TGPP, must=False)
TO_SIP_HEADER = Octets(645, "To-SIP-Header", TGPP, must=False)
RECORD_ROUTE = Octets(646, "Record-Route", TGPP, must=False)
ASSOCIATED_REGISTERED_GROUPS = Group(647, "Associated-Registered-Groups", TGPP, must=False)
MULTIPLE_REGISTRATION_INDICATION = Enumerated(
    648, "Multiple-Registration-Indication", TGPP, names=MultipleRegistrationIndication, must=False
)
RESTORATION_INFO = Group(649, "Restoration-Info", TGPP, grammar="{Path} {Contact} *[AVP]", must=False)
SESSION_PRIORITY = Unsigned32(650, "Session-Priority", TGPP, must=False)
IDENTITY_WITH_EMERGENCY_REGISTRATION = Group(
    651, "Identity-with-Emergency-Registration", TGPP, grammar="{User-Name} {Public-Identity} *[AVP]", must=False
)
PRIVILEDGED_SENDER_INDICATION = Enumerated(
    652, "Priviledged-Sender-Indication", TGPP, names=PriviledgedSender, must=False
)
LIA_FLAGS = Unsigned32(653, "LIA-Flags", TGPP, must=False)
INITIAL_CSEQ_SEQUENCE_NUMBER = Unsigned32(654, "Initial-CSeq-Sequence-Number", TGPP, must=False)
SAR_FLAGS = Unsigned32(655, "SAR-Flags", TGPP, must=False)

LINE_IDENTIFIER = Octets(500, "Line-Identifier", 13019, must=False)
DIGEST_REALM = Text(104, "Digest-Realm")
DIGEST_QOP = Text(110, "Digest-QoP")
DIGEST_ALGORITHM = Text(111, "Digest-Algorithm")
DIGEST_HA1 = Text(121, "Digest-HA1")

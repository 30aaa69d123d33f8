"""The AVPs of the base protocol (RFC 6733 4.5) and those that several applications share (RFC 7155, 8506, 7944, 6737).

Cx's are in cx_attributes.py, Rx's in rx_attributes.py. Whoever builds or reads a command names them from here.
"""

from enum import IntEnum
from typing import Final

from lteims.diameter.avp import (
    Address,
    Enumerated,
    Filter,
    FramedAddress,
    FramedPrefix,
    Group,
    Identity,
    Octets,
    Text,
    Unsigned32,
    Unsigned64,
)

TGPP: Final = 10415  # the vendor 3GPP
ETSI: Final = 13019


class AuthSessionState(IntEnum):
    """Auth-Session-State."""

    STATE_MAINTAINED = 0
    NO_STATE_MAINTAINED = 1


class DisconnectCause(IntEnum):
    """Disconnect-Cause."""

    REBOOTING = 0
    BUSY = 1
    DO_NOT_WANT_TO_TALK_TO_YOU = 2


class TerminationCause(IntEnum):
    """Termination-Cause."""

    DIAMETER_LOGOUT = 1
    DIAMETER_SERVICE_NOT_PROVIDED = 2
    DIAMETER_BAD_ANSWER = 3
    DIAMETER_ADMINISTRATIVE = 4
    DIAMETER_LINK_BROKEN = 5
    DIAMETER_AUTH_EXPIRED = 6
    DIAMETER_USER_MOVED = 7
    DIAMETER_SESSION_TIMEOUT = 8


class RedirectHostUsage(IntEnum):
    """Redirect-Host-Usage."""

    DONT_CACHE = 0
    ALL_SESSION = 1
    ALL_REALM = 2
    REALM_AND_APPLICATION = 3
    ALL_APPLICATION = 4
    ALL_HOST = 5
    ALL_USER = 6


class ReAuthRequestType(IntEnum):
    """Re-Auth-Request-Type."""

    AUTHORIZE_ONLY = 0
    AUTHORIZE_AUTHENTICATE = 1


class AuthRequestType(IntEnum):
    """Auth-Request-Type."""

    AUTHENTICATE_ONLY = 1
    AUTHORIZE_ONLY = 2
    AUTHORIZE_AUTHENTICATE = 3


class SubscriptionIdType(IntEnum):
    """Subscription-Id-Type (RFC 8506 8.47)."""

    END_USER_E164 = 0
    END_USER_IMSI = 1
    END_USER_SIP_URI = 2
    END_USER_NAI = 3
    END_USER_PRIVATE = 4


USER_NAME = Text(1, "User-Name")
FRAMED_IP_ADDRESS = FramedAddress(8, "Framed-IP-Address")
CLASS = Octets(25, "Class")
SESSION_TIMEOUT = Unsigned32(27, "Session-Timeout")
CALLED_STATION_ID = Text(30, "Called-Station-Id")
PROXY_STATE = Octets(33, "Proxy-State")
EVENT_TIMESTAMP = Octets(55, "Event-Timestamp")
FRAMED_INTERFACE_ID = Unsigned64(96, "Framed-Interface-Id")
FRAMED_IPV6_PREFIX = FramedPrefix(97, "Framed-IPv6-Prefix")
HOST_IP_ADDRESS = Address(257, "Host-IP-Address")
AUTH_APPLICATION_ID = Unsigned32(258, "Auth-Application-Id")
ACCT_APPLICATION_ID = Unsigned32(259, "Acct-Application-Id")
VENDOR_SPECIFIC_APPLICATION_ID = Group(
    # RFC 3588 had 1*{Vendor-Id}, and many peers were written after it
    260,
    "Vendor-Specific-Application-Id",
    grammar="1*{Vendor-Id} [Auth-Application-Id] [Acct-Application-Id]",
)
REDIRECT_HOST_USAGE = Enumerated(261, "Redirect-Host-Usage", names=RedirectHostUsage)
REDIRECT_MAX_CACHE_TIME = Unsigned32(262, "Redirect-Max-Cache-Time")
SESSION_ID = Text(263, "Session-Id")
ORIGIN_HOST = Identity(264, "Origin-Host")
SUPPORTED_VENDOR_ID = Unsigned32(265, "Supported-Vendor-Id")
VENDOR_ID = Unsigned32(266, "Vendor-Id")
FIRMWARE_REVISION = Unsigned32(267, "Firmware-Revision", must=False)
RESULT_CODE = Unsigned32(268, "Result-Code")
PRODUCT_NAME = Text(269, "Product-Name", must=False)
DISCONNECT_CAUSE = Enumerated(273, "Disconnect-Cause", names=DisconnectCause)
AUTH_REQUEST_TYPE = Enumerated(274, "Auth-Request-Type", names=AuthRequestType)
AUTH_GRACE_PERIOD = Unsigned32(276, "Auth-Grace-Period")
AUTH_SESSION_STATE = Enumerated(277, "Auth-Session-State", names=AuthSessionState)
ORIGIN_STATE_ID = Unsigned32(278, "Origin-State-Id")
FAILED_AVP = Group(279, "Failed-AVP", opaque=True)
PROXY_HOST = Identity(280, "Proxy-Host")
ERROR_MESSAGE = Text(281, "Error-Message", must=False)
ROUTE_RECORD = Identity(282, "Route-Record")
DESTINATION_REALM = Identity(283, "Destination-Realm")
PROXY_INFO = Group(284, "Proxy-Info", grammar="{Proxy-Host} {Proxy-State} *[AVP]")
RE_AUTH_REQUEST_TYPE = Enumerated(285, "Re-Auth-Request-Type", names=ReAuthRequestType)
AUTHORIZATION_LIFETIME = Unsigned32(291, "Authorization-Lifetime")
REDIRECT_HOST = Text(292, "Redirect-Host")
DESTINATION_HOST = Identity(293, "Destination-Host")
ERROR_REPORTING_HOST = Identity(294, "Error-Reporting-Host", must=False)
TERMINATION_CAUSE = Enumerated(295, "Termination-Cause", names=TerminationCause)
ORIGIN_REALM = Identity(296, "Origin-Realm")
EXPERIMENTAL_RESULT = Group(297, "Experimental-Result", grammar="{Vendor-Id} {Experimental-Result-Code}")
EXPERIMENTAL_RESULT_CODE = Unsigned32(298, "Experimental-Result-Code")
INBAND_SECURITY_ID = Unsigned32(299, "Inband-Security-Id")
DRMP = Unsigned32(301, "DRMP", must=False)

SUBSCRIPTION_ID = Group(443, "Subscription-Id", grammar="{Subscription-Id-Type} {Subscription-Id-Data}")
SUBSCRIPTION_ID_DATA = Text(444, "Subscription-Id-Data")
SUBSCRIPTION_ID_TYPE = Enumerated(450, "Subscription-Id-Type", names=SubscriptionIdType)

OC_SUPPORTED_FEATURES = Group(621, "OC-Supported-Features", must=False)  # RFC 7683
OC_OLR = Group(623, "OC-OLR", must=False)

# TS 29.229 6.3.29: the bits of features that both ends may have
SUPPORTED_FEATURES = Group(
    628, "Supported-Features", TGPP, grammar="{Vendor-Id} {Feature-List-ID} {Feature-List} *[AVP]", must=False
)
FEATURE_LIST_ID = Unsigned32(629, "Feature-List-ID", TGPP, must=False)
FEATURE_LIST = Unsigned32(630, "Feature-List", TGPP, must=False)

FLOW_DESCRIPTION = Filter(507, "Flow-Description", TGPP)  # TS 29.214 5.3.8

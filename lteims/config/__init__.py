"""The .cfg configuration language and the typed configuration (floor 0, pure): manual 5.

`load` reads a file to an ImsConfig; the check_ functions hold plain JSON values of the remote API to the same schema.
"""

from lteims.config.diagnostic import ConfigError, Diagnostic, Severity
from lteims.config.endpoint import Endpoint
from lteims.config.load import (
    Loaded,
    changed_impu,
    check_impu,
    check_impu_changes,
    check_properties,
    check_users,
    load,
)
from lteims.config.model import (
    IPSEC_AALGS,
    IPSEC_EALGS,
    AuthentType,
    ComAuth,
    CustomHeader,
    ImpuConfig,
    ImpuMethod,
    ImsConfig,
    Precondition,
    SimAlgo,
    SipAddr,
    SmsAction,
    SmsMessageFilter,
    UserConfig,
)
from lteims.config.values import to_json

__all__ = [
    "IPSEC_AALGS",
    "IPSEC_EALGS",
    "AuthentType",
    "ComAuth",
    "ConfigError",
    "CustomHeader",
    "Diagnostic",
    "Endpoint",
    "ImpuConfig",
    "ImpuMethod",
    "ImsConfig",
    "Loaded",
    "Precondition",
    "Severity",
    "SimAlgo",
    "SipAddr",
    "SmsAction",
    "SmsMessageFilter",
    "UserConfig",
    "changed_impu",
    "check_impu",
    "check_impu_changes",
    "check_properties",
    "check_users",
    "load",
    "to_json",
]

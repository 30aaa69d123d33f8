"""Errors and status values of MM1 (OMA-TS-MMS_ENC 7.3): what M-Send.conf, M-Retrieve.conf and the reports say.

MmsError is what every parser of this package raises; ims/ turns it into the confirmation that the client understands.
"""

from enum import IntEnum
from typing import Final

from lteims.errors import ProtocolError


class ResponseStatus(IntEnum):
    """X-Mms-Response-Status (7.3.48); 0x81 to 0x88 are what clients of MMS 1.0 know."""

    OK = 0x80
    ERROR_UNSPECIFIED = 0x81
    ERROR_SERVICE_DENIED = 0x82
    ERROR_MESSAGE_FORMAT_CORRUPT = 0x83
    ERROR_SENDING_ADDRESS_UNRESOLVED = 0x84
    ERROR_MESSAGE_NOT_FOUND = 0x85
    ERROR_NETWORK_PROBLEM = 0x86
    ERROR_CONTENT_NOT_ACCEPTED = 0x87
    ERROR_UNSUPPORTED_MESSAGE = 0x88
    ERROR_TRANSIENT_FAILURE = 0xC0
    ERROR_TRANSIENT_SENDING_ADDRESS_UNRESOLVED = 0xC1
    ERROR_TRANSIENT_MESSAGE_NOT_FOUND = 0xC2
    ERROR_TRANSIENT_NETWORK_PROBLEM = 0xC3
    ERROR_TRANSIENT_PARTIAL_SUCCESS = 0xC4
    ERROR_PERMANENT_FAILURE = 0xE0
    ERROR_PERMANENT_SERVICE_DENIED = 0xE1
    ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT = 0xE2
    ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED = 0xE3
    ERROR_PERMANENT_MESSAGE_NOT_FOUND = 0xE4
    ERROR_PERMANENT_CONTENT_NOT_ACCEPTED = 0xE5
    ERROR_PERMANENT_REPLY_CHARGING_LIMITATIONS_NOT_MET = 0xE6
    ERROR_PERMANENT_REPLY_CHARGING_REQUEST_NOT_ACCEPTED = 0xE7
    ERROR_PERMANENT_REPLY_CHARGING_FORWARDING_DENIED = 0xE8
    ERROR_PERMANENT_REPLY_CHARGING_NOT_SUPPORTED = 0xE9
    ERROR_PERMANENT_ADDRESS_HIDING_NOT_SUPPORTED = 0xEA
    ERROR_PERMANENT_LACK_OF_PREPAID = 0xEB

    def for_version(self, minor: int) -> "ResponseStatus":
        """The value that a client of MMS 1.`minor` understands: 1.0 knows none of those from 0xC0 on."""
        if minor > 0 or self < ResponseStatus.ERROR_TRANSIENT_FAILURE:
            return self
        return _IN_1_0.get(self, ResponseStatus.ERROR_UNSPECIFIED)

    @classmethod
    def _missing_(cls, value: object) -> "ResponseStatus | None":
        """Reserved values mean the general one of their class (7.3.48)."""
        if isinstance(value, int) and 0xC0 <= value <= 0xDF:
            return cls.ERROR_TRANSIENT_FAILURE
        if isinstance(value, int) and 0xE0 <= value <= 0xFF:
            return cls.ERROR_PERMANENT_FAILURE
        return None


_S = ResponseStatus
_IN_1_0: Final = {
    _S.ERROR_TRANSIENT_SENDING_ADDRESS_UNRESOLVED: _S.ERROR_SENDING_ADDRESS_UNRESOLVED,
    _S.ERROR_TRANSIENT_MESSAGE_NOT_FOUND: _S.ERROR_MESSAGE_NOT_FOUND,
    _S.ERROR_TRANSIENT_NETWORK_PROBLEM: _S.ERROR_NETWORK_PROBLEM,
    _S.ERROR_PERMANENT_SERVICE_DENIED: _S.ERROR_SERVICE_DENIED,
    _S.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT: _S.ERROR_MESSAGE_FORMAT_CORRUPT,
    _S.ERROR_PERMANENT_SENDING_ADDRESS_UNRESOLVED: _S.ERROR_SENDING_ADDRESS_UNRESOLVED,
    _S.ERROR_PERMANENT_MESSAGE_NOT_FOUND: _S.ERROR_MESSAGE_NOT_FOUND,
    _S.ERROR_PERMANENT_CONTENT_NOT_ACCEPTED: _S.ERROR_CONTENT_NOT_ACCEPTED,
}


class RetrieveStatus(IntEnum):
    """X-Mms-Retrieve-Status (7.3.50), since MMS 1.1."""

    OK = 0x80
    ERROR_TRANSIENT_FAILURE = 0xC0
    ERROR_TRANSIENT_MESSAGE_NOT_FOUND = 0xC1
    ERROR_TRANSIENT_NETWORK_PROBLEM = 0xC2
    ERROR_PERMANENT_FAILURE = 0xE0
    ERROR_PERMANENT_SERVICE_DENIED = 0xE1
    ERROR_PERMANENT_MESSAGE_NOT_FOUND = 0xE2
    ERROR_PERMANENT_CONTENT_UNSUPPORTED = 0xE3

    @classmethod
    def _missing_(cls, value: object) -> "RetrieveStatus | None":
        if isinstance(value, int) and 0xC0 <= value <= 0xDF:
            return cls.ERROR_TRANSIENT_FAILURE
        if isinstance(value, int) and 0xE0 <= value <= 0xFF:
            return cls.ERROR_PERMANENT_FAILURE
        return None


class Status(IntEnum):
    """X-Mms-Status (7.3.54): what became of a message, in M-NotifyResp.ind and M-Delivery.ind."""

    EXPIRED = 0x80
    RETRIEVED = 0x81
    REJECTED = 0x82
    DEFERRED = 0x83
    UNRECOGNISED = 0x84
    INDETERMINATE = 0x85
    FORWARDED = 0x86
    UNREACHABLE = 0x87


class MmsError(ProtocolError):
    """A PDU cannot be used; `status` is what the client is to be told, the text says why in words for the log.

    `message_type`, `transaction_id` and `version` (1.`version`) are the refused PDU's, where they could be read: the
    answer depends on the first and repeats the second.
    """

    def __init__(
        self,
        why: str,
        status: ResponseStatus = ResponseStatus.ERROR_PERMANENT_MESSAGE_FORMAT_CORRUPT,
        message_type: int = 0,
        transaction_id: str = "",
        version: int = 0,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.status = status
        self.message_type = message_type
        self.transaction_id = transaction_id
        self.version = version

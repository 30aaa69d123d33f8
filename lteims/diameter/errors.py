"""The error of diameter/ and the Result-Code that says it to the peer (RFC 6733 7.1) (floor 1).

Raised by every `parse` here; peer.py turns it into an answer with Failed-AVP.
"""

from enum import IntEnum

from lteims.errors import LteimsError, ProtocolError


class ResultCode(IntEnum):
    """Values of Result-Code (RFC 6733 7.1)."""

    DIAMETER_SUCCESS = 2001
    DIAMETER_LIMITED_SUCCESS = 2002
    DIAMETER_COMMAND_UNSUPPORTED = 3001
    DIAMETER_UNABLE_TO_DELIVER = 3002
    DIAMETER_REALM_NOT_SERVED = 3003
    DIAMETER_TOO_BUSY = 3004
    DIAMETER_LOOP_DETECTED = 3005
    DIAMETER_REDIRECT_INDICATION = 3006
    DIAMETER_APPLICATION_UNSUPPORTED = 3007
    DIAMETER_INVALID_HDR_BITS = 3008
    DIAMETER_INVALID_AVP_BITS = 3009
    DIAMETER_UNKNOWN_PEER = 3010
    DIAMETER_AUTHENTICATION_REJECTED = 4001
    DIAMETER_OUT_OF_SPACE = 4002
    ELECTION_LOST = 4003
    DIAMETER_AVP_UNSUPPORTED = 5001
    DIAMETER_UNKNOWN_SESSION_ID = 5002
    DIAMETER_AUTHORIZATION_REJECTED = 5003
    DIAMETER_INVALID_AVP_VALUE = 5004
    DIAMETER_MISSING_AVP = 5005
    DIAMETER_RESOURCES_EXCEEDED = 5006
    DIAMETER_CONTRADICTING_AVPS = 5007
    DIAMETER_AVP_NOT_ALLOWED = 5008
    DIAMETER_AVP_OCCURS_TOO_MANY_TIMES = 5009
    DIAMETER_NO_COMMON_APPLICATION = 5010
    DIAMETER_UNSUPPORTED_VERSION = 5011
    DIAMETER_UNABLE_TO_COMPLY = 5012
    DIAMETER_INVALID_BIT_IN_HEADER = 5013
    DIAMETER_INVALID_AVP_LENGTH = 5014
    DIAMETER_INVALID_MESSAGE_LENGTH = 5015
    DIAMETER_INVALID_AVP_BIT_COMBO = 5016
    DIAMETER_NO_COMMON_SECURITY = 5017


class DiameterError(ProtocolError):
    """A message cannot be used, or a request not be served; `failed` is the AVP at fault, encoded, for Failed-AVP.

    `vendor` is 10415 for an Experimental-Result of TS 29.229 or 29.214, else 0.
    """

    def __init__(
        self,
        why: str,
        result_code: int = ResultCode.DIAMETER_UNABLE_TO_COMPLY,
        failed: bytes = b"",
        *,
        vendor: int = 0,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.result_code = result_code
        self.failed = failed
        self.vendor = vendor

    @property
    def is_protocol_error(self) -> bool:
        """Does the answer carry the E bit (RFC 6733 7.1.3)?"""
        return not self.vendor and 3000 <= self.result_code < 4000


class NoAnswer(LteimsError):
    """A request was not answered: the peer is not there, goes away, is too slow, or has too many to answer."""

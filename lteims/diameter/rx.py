"""Rx (TS 29.214 4.4, 5.6): each command as a value, for the P-CSCF's end (the AF) and for the PCRF's.

ims/ asks with Aar and Str, and serves Asr and Rar; sim/ has the PCRF. A session is told by its Session-Id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, Final

from lteims.diameter.attributes import (
    CLASS,
    FRAMED_IP_ADDRESS,
    FRAMED_IPV6_PREFIX,
    SUBSCRIPTION_ID,
    SUBSCRIPTION_ID_DATA,
    SUBSCRIPTION_ID_TYPE,
    TERMINATION_CAUSE,
    TGPP,
    SubscriptionIdType,
    TerminationCause,
)
from lteims.diameter.avp import Avps, refused
from lteims.diameter.command import COMMANDS, RX, SUCCESS, Command, Plain, Result
from lteims.diameter.errors import DiameterError
from lteims.diameter.message import Message
from lteims.diameter.rx_attributes import (
    ABORT_CAUSE,
    ACCEPTABLE_SERVICE_INFO,
    AF_APPLICATION_IDENTIFIER,
    FLOW_NUMBER,
    FLOWS,
    IP_CAN_TYPE,
    MEDIA_COMPONENT_DESCRIPTION,
    MEDIA_COMPONENT_NUMBER,
    RAT_TYPE,
    RX_REQUEST_TYPE,
    SERVICE_INFO_STATUS,
    SERVICE_URN,
    SPECIFIC_ACTION,
    AbortCause,
    RxRequestType,
    ServiceInfoStatus,
    SpecificAction,
)
from lteims.diameter.rx_media import IpAddress, Media

_URN: Final = "urn:service:"  # left out on the wire (5.3.23)
# Bearer lost, bearer up, no bearer: 4, 8 and 9
ACTIONS: Final = (
    SpecificAction.INDICATION_OF_RELEASE_OF_BEARER,
    SpecificAction.INDICATION_OF_SUCCESSFUL_RESOURCES_ALLOCATION,
    SpecificAction.INDICATION_OF_FAILED_RESOURCES_ALLOCATION,
)


class RxResult(IntEnum):
    """Experimental-Result-Code of vendor 10415 (TS 29.214 5.5)."""

    REQUESTED_SERVICE_TEMPORARILY_NOT_AUTHORIZED = 4261
    INVALID_SERVICE_INFORMATION = 5061
    FILTER_RESTRICTIONS = 5062
    REQUESTED_SERVICE_NOT_AUTHORIZED = 5063
    DUPLICATED_AF_SESSION = 5064
    IP_CAN_SESSION_NOT_AVAILABLE = 5065
    UNAUTHORIZED_NON_EMERGENCY_SESSION = 5066
    UNAUTHORIZED_SPONSORED_DATA_CONNECTIVITY = 5067
    TEMPORARY_NETWORK_FAILURE = 5068

    @property
    def result(self) -> Result:
        """As an answer carries it."""
        return Result(int(self), TGPP)

    def error(self, why: str) -> DiameterError:
        """As whoever serves a request raises it."""
        return DiameterError(why, int(self), vendor=TGPP)


@dataclass(frozen=True, slots=True)
class Aaa:
    """AA-Answer: granted, or why not."""

    result: Result = SUCCESS
    ip_can_type: int | None = None
    rat_type: int | None = None
    classes: tuple[bytes, ...] = ()  # what later requests of the session have to have, too (RFC 6733 8.20)
    acceptable: tuple[Media, ...] = ()  # of a refusal: what could be had (4.4.1)

    def avps(self) -> bytes:
        """Its AVPs."""
        return b"".join(
            (
                b"" if self.ip_can_type is None else IP_CAN_TYPE(self.ip_can_type),
                b"" if self.rat_type is None else RAT_TYPE(self.rat_type),
                *map(CLASS, self.classes),
                ACCEPTABLE_SERVICE_INFO(*(media.encode() for media in self.acceptable)) if self.acceptable else b"",
            )
        )

    @classmethod
    def parse(cls, message: Message) -> "Aaa":
        """Read it; DiameterError."""
        return cls(
            Result.of(message),
            message.first(IP_CAN_TYPE),
            message.first(RAT_TYPE),
            message.all(CLASS),
            _acceptable(message),
        )


Sta = Plain
Asa = Plain
Raa = Plain


@dataclass(frozen=True, slots=True)
class Aar:
    """AA-Request: bearers for these media. One of a session that is there already changes it (4.4.2)."""

    command: ClassVar[Command] = COMMANDS[RX, 265]
    media: tuple[Media, ...]
    address: IpAddress | None = None  # the phone's; with it the PCRF finds its session
    imsi: str = ""
    actions: tuple[SpecificAction, ...] = ACTIONS
    request_type: RxRequestType = RxRequestType.INITIAL_REQUEST
    status: ServiceInfoStatus | None = None
    service_urn: str = ""  # `urn:service:sos`: an emergency call
    application: bytes = b""
    classes: tuple[bytes, ...] = ()

    def avps(self) -> bytes:
        """Its AVPs; DiameterError for values that do not fit."""
        return b"".join(
            (
                AF_APPLICATION_IDENTIFIER(self.application) if self.application else b"",
                *(media.encode() for media in self.media),
                b"" if self.status is None else SERVICE_INFO_STATUS(self.status),
                *map(SPECIFIC_ACTION, self.actions),
                _imsi(self.imsi),
                _address(self.address),
                SERVICE_URN(self.service_urn.removeprefix(_URN).encode()) if self.service_urn else b"",
                RX_REQUEST_TYPE(self.request_type),
                *map(CLASS, self.classes),
            )
        )

    @classmethod
    def parse(cls, message: Message) -> "Aar":
        """Read it; DiameterError."""
        request_type = message.first(RX_REQUEST_TYPE) or RxRequestType.INITIAL_REQUEST
        if not isinstance(request_type, RxRequestType):
            raise refused(RX_REQUEST_TYPE, request_type)
        status = message.first(SERVICE_INFO_STATUS)
        if status is not None and not isinstance(status, ServiceInfoStatus):
            raise refused(SERVICE_INFO_STATUS, status)
        urn = message.first(SERVICE_URN) or b""
        if not urn.isascii():
            raise refused(SERVICE_URN, urn)
        return cls(
            tuple(map(Media.parse, message.all(MEDIA_COMPONENT_DESCRIPTION))),
            _framed(message),
            _imsi_of(message.all(SUBSCRIPTION_ID)),
            _actions(message),
            request_type,
            status,
            _URN + urn.decode("ascii").removeprefix(_URN) if urn else "",
            message.first(AF_APPLICATION_IDENTIFIER) or b"",
            message.all(CLASS),
        )

    def parse_answer(self, message: Message) -> Aaa:
        """AAA; DiameterError."""
        return Aaa.parse(message)


@dataclass(frozen=True, slots=True)
class Str:
    """Session-Termination-Request: the call is over."""

    command: ClassVar[Command] = COMMANDS[RX, 275]
    cause: TerminationCause = TerminationCause.DIAMETER_LOGOUT
    classes: tuple[bytes, ...] = ()

    def avps(self) -> bytes:
        """Its AVPs."""
        return TERMINATION_CAUSE(self.cause) + b"".join(map(CLASS, self.classes))

    @classmethod
    def parse(cls, message: Message) -> "Str":
        """Read it; DiameterError."""
        cause = message.need(TERMINATION_CAUSE)
        if not isinstance(cause, TerminationCause):
            raise refused(TERMINATION_CAUSE, cause)
        return cls(cause, message.all(CLASS))

    def parse_answer(self, message: Message) -> Sta:
        """STA; DiameterError."""
        return Plain.parse(message)


@dataclass(frozen=True, slots=True)
class Asr:
    """Abort-Session-Request: all bearers of the session are lost; STR has to follow (4.4.6.1)."""

    command: ClassVar[Command] = COMMANDS[RX, 274]
    cause: AbortCause

    def avps(self) -> bytes:
        """Its AVPs."""
        return ABORT_CAUSE(self.cause)

    @classmethod
    def parse(cls, message: Message) -> "Asr":
        """Read it; DiameterError."""
        cause = message.need(ABORT_CAUSE)
        if not isinstance(cause, AbortCause):
            raise refused(ABORT_CAUSE, cause)
        return cls(cause)

    def parse_answer(self, message: Message) -> Asa:
        """ASA; DiameterError."""
        return Plain.parse(message)


@dataclass(frozen=True, slots=True)
class Affected:
    """Flows: of which media something is told, and of which of its flows; without numbers all of them."""

    media: int
    flows: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The AVP."""
        return FLOWS(MEDIA_COMPONENT_NUMBER(self.media), *map(FLOW_NUMBER, self.flows))

    @classmethod
    def parse(cls, avps: Avps) -> "Affected":
        """Read it; DiameterError."""
        return cls(avps.need(MEDIA_COMPONENT_NUMBER), avps.all(FLOW_NUMBER))


@dataclass(frozen=True, slots=True)
class Rar:
    """Re-Auth-Request: what became of the bearers; without `affected` it is of all media."""

    command: ClassVar[Command] = COMMANDS[RX, 258]
    actions: tuple[SpecificAction, ...]
    affected: tuple[Affected, ...] = ()
    cause: AbortCause | None = None

    def avps(self) -> bytes:
        """Its AVPs."""
        return b"".join(
            (
                *map(SPECIFIC_ACTION, self.actions),
                *(each.encode() for each in self.affected),
                b"" if self.cause is None else ABORT_CAUSE(self.cause),
            )
        )

    @classmethod
    def parse(cls, message: Message) -> "Rar":
        """Read it; DiameterError."""
        cause = message.first(ABORT_CAUSE)
        if cause is not None and not isinstance(cause, AbortCause):
            raise refused(ABORT_CAUSE, cause)
        return cls(_actions(message), tuple(map(Affected.parse, message.all(FLOWS))), cause)

    def parse_answer(self, message: Message) -> Raa:
        """RAA; DiameterError."""
        return Plain.parse(message)


RxRequest = Aar | Str | Asr | Rar
REQUESTS: Final[dict[int, Callable[[Message], RxRequest]]] = {
    kind.command.code: kind.parse for kind in (Aar, Str, Asr, Rar)
}


def _acceptable(message: Message) -> tuple[Media, ...]:
    """What cannot be read is no reason to overlook the refusal that it belongs to."""
    try:
        info = message.first(ACCEPTABLE_SERVICE_INFO)
        return tuple(map(Media.parse, info.all(MEDIA_COMPONENT_DESCRIPTION))) if info is not None else ()
    except DiameterError:
        return ()


def _actions(message: Message) -> tuple[SpecificAction, ...]:
    found = message.all(SPECIFIC_ACTION)
    for action in found:
        if not isinstance(action, SpecificAction):
            raise refused(SPECIFIC_ACTION, action)
    return tuple(map(SpecificAction, found))


def _imsi(imsi: str) -> bytes:
    if not imsi:
        return b""
    return SUBSCRIPTION_ID(SUBSCRIPTION_ID_TYPE(SubscriptionIdType.END_USER_IMSI), SUBSCRIPTION_ID_DATA(imsi))


def _imsi_of(ids: tuple[Avps, ...]) -> str:
    for each in ids:
        if each.need(SUBSCRIPTION_ID_TYPE) == SubscriptionIdType.END_USER_IMSI:
            return each.need(SUBSCRIPTION_ID_DATA)
    return ""


def _address(address: IpAddress | None) -> bytes:
    if isinstance(address, IPv4Address):
        return FRAMED_IP_ADDRESS(address)
    return FRAMED_IPV6_PREFIX((address, 128)) if isinstance(address, IPv6Address) else b""


def _framed(message: Message) -> IpAddress | None:
    address = message.first(FRAMED_IP_ADDRESS)
    if address is not None:
        return address
    prefix = message.first(FRAMED_IPV6_PREFIX)
    return prefix[0] if prefix else None

"""Cx (TS 29.228 6, TS 29.229 6.1): each command as a value, for the S-CSCF's end and for the HSS's.

ims/ asks with Uar, Mar, Sar and Lir, and serves Ppr and Rtr; sim/ has the HSS, which does the reverse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Final

from lteims.diameter.attributes import TGPP, USER_NAME
from lteims.diameter.avp import Enumerated, missing, refused
from lteims.diameter.command import COMMANDS, CX, SUCCESS, Command, Plain, Result
from lteims.diameter.cx_attributes import (
    ASSOCIATED_IDENTITIES,
    DEREGISTRATION_REASON,
    IDENTITY_WITH_EMERGENCY_REGISTRATION,
    MANDATORY_CAPABILITY,
    OPTIONAL_CAPABILITY,
    ORIGINATING_REQUEST,
    PUBLIC_IDENTITY,
    REASON_CODE,
    REASON_INFO,
    SERVER_ASSIGNMENT_TYPE,
    SERVER_CAPABILITIES,
    SERVER_NAME,
    SIP_AUTH_DATA_ITEM,
    SIP_ITEM_NUMBER,
    SIP_NUMBER_AUTH_ITEMS,
    UAR_FLAGS,
    USER_AUTHORIZATION_TYPE,
    USER_DATA,
    USER_DATA_ALREADY_AVAILABLE,
    VISITED_NETWORK_IDENTIFIER,
    WILDCARDED_PUBLIC_IDENTITY,
    OriginatingRequest,
    ReasonCode,
    ServerAssignmentType,
    UarFlags,
    UserAuthorizationType,
    UserDataAlreadyAvailable,
)
from lteims.diameter.cx_auth import AuthRequest, Vector, parse_vector
from lteims.diameter.errors import DiameterError
from lteims.diameter.message import Message


class CxResult(IntEnum):
    """Experimental-Result-Code of vendor 10415 (TS 29.229 6.2)."""

    FIRST_REGISTRATION = 2001
    SUBSEQUENT_REGISTRATION = 2002
    UNREGISTERED_SERVICE = 2003
    SUCCESS_SERVER_NAME_NOT_STORED = 2004
    ERROR_USER_UNKNOWN = 5001
    ERROR_IDENTITIES_DONT_MATCH = 5002
    ERROR_IDENTITY_NOT_REGISTERED = 5003
    ERROR_ROAMING_NOT_ALLOWED = 5004
    ERROR_IDENTITY_ALREADY_REGISTERED = 5005
    ERROR_AUTH_SCHEME_NOT_SUPPORTED = 5006
    ERROR_IN_ASSIGNMENT_TYPE = 5007
    ERROR_TOO_MUCH_DATA = 5008
    ERROR_NOT_SUPPORTED_USER_DATA = 5009
    ERROR_FEATURE_UNSUPPORTED = 5011
    ERROR_SERVING_NODE_FEATURE_UNSUPPORTED = 5012

    @property
    def result(self) -> Result:
        """As an answer carries it."""
        return Result(int(self), TGPP)

    def error(self, why: str) -> DiameterError:
        """As whoever serves a request raises it."""
        return DiameterError(why, int(self), vendor=TGPP)


@dataclass(frozen=True, slots=True)
class ServerCapabilities:
    """Server-Capabilities: what an S-CSCF must and may have, or which ones to choose from."""

    mandatory: tuple[int, ...] = ()
    optional: tuple[int, ...] = ()
    servers: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """The AVP; nothing where there are none."""
        members = (
            *map(MANDATORY_CAPABILITY, self.mandatory),
            *map(OPTIONAL_CAPABILITY, self.optional),
            *map(SERVER_NAME, self.servers),
        )
        return SERVER_CAPABILITIES(*members) if members else b""

    @classmethod
    def of(cls, message: Message) -> "ServerCapabilities":
        """Those of an answer; empty ones where it has none."""
        found = message.first(SERVER_CAPABILITIES)
        if found is None:
            return cls()
        return cls(found.all(MANDATORY_CAPABILITY), found.all(OPTIONAL_CAPABILITY), found.all(SERVER_NAME))


@dataclass(frozen=True, slots=True)
class Server:
    """Where a user is served: UAA and LIA. `name` is "" where the HSS knows none."""

    result: Result = SUCCESS
    name: str = ""
    capabilities: ServerCapabilities = ServerCapabilities()
    wildcard: str = ""  # the wildcarded identity that matched

    def avps(self) -> bytes:
        """Its AVPs."""
        return (
            (SERVER_NAME(self.name) if self.name else b"")
            + self.capabilities.encode()
            + (WILDCARDED_PUBLIC_IDENTITY(self.wildcard) if self.wildcard else b"")
        )

    @classmethod
    def parse(cls, message: Message) -> "Server":
        """Read it; DiameterError."""
        return cls(
            Result.of(message),
            message.first(SERVER_NAME) or "",
            ServerCapabilities.of(message),
            message.first(WILDCARDED_PUBLIC_IDENTITY) or "",
        )


Uaa = Server
Lia = Server
Ppa = Plain


@dataclass(frozen=True, slots=True)
class Rta:
    """Registration-Termination-Answer; `kept` are IMPI and IMPU of emergency registrations that have not been ended."""

    result: Result = SUCCESS
    kept: tuple[tuple[str, str], ...] = ()

    def avps(self) -> bytes:
        """Its AVPs."""
        return b"".join(
            IDENTITY_WITH_EMERGENCY_REGISTRATION(USER_NAME(impi), PUBLIC_IDENTITY(impu)) for impi, impu in self.kept
        )

    @classmethod
    def parse(cls, message: Message) -> "Rta":
        """Read it; DiameterError."""
        kept = message.all(IDENTITY_WITH_EMERGENCY_REGISTRATION)
        return cls(Result.of(message), tuple((each.need(USER_NAME), each.need(PUBLIC_IDENTITY)) for each in kept))


@dataclass(frozen=True, slots=True)
class Uar:
    """User-Authorization-Request (TS 29.228 6.1.1): may this user register here, and at which S-CSCF?"""

    command: ClassVar[Command] = COMMANDS[CX, 300]
    impi: str
    impu: str
    visited_network: bytes
    type: UserAuthorizationType = UserAuthorizationType.REGISTRATION
    emergency: bool = False

    def avps(self) -> bytes:
        """Its AVPs."""
        return (
            USER_NAME(self.impi)
            + PUBLIC_IDENTITY(self.impu)
            + VISITED_NETWORK_IDENTIFIER(self.visited_network)
            + USER_AUTHORIZATION_TYPE(self.type)
            + (UAR_FLAGS(UarFlags.EMERGENCY_REGISTRATION) if self.emergency else b"")
        )

    @classmethod
    def parse(cls, message: Message) -> "Uar":
        """Read it; DiameterError."""
        kind = message.first(USER_AUTHORIZATION_TYPE) or UserAuthorizationType.REGISTRATION
        return cls(
            message.need(USER_NAME),
            message.need(PUBLIC_IDENTITY),
            message.need(VISITED_NETWORK_IDENTIFIER),
            _member(USER_AUTHORIZATION_TYPE, kind, UserAuthorizationType),
            bool((message.first(UAR_FLAGS) or 0) & UarFlags.EMERGENCY_REGISTRATION),
        )

    def parse_answer(self, message: Message) -> Uaa:
        """UAA; DiameterError."""
        return Server.parse(message)


@dataclass(frozen=True, slots=True)
class Maa:
    """Multimedia-Auth-Answer: the vectors, in the order of their numbers."""

    result: Result = SUCCESS
    vectors: tuple[Vector, ...] = ()
    impi: str = ""
    impu: str = ""

    def avps(self) -> bytes:
        """Its AVPs."""
        return b"".join(
            (
                USER_NAME(self.impi) if self.impi else b"",
                PUBLIC_IDENTITY(self.impu) if self.impu else b"",
                SIP_NUMBER_AUTH_ITEMS(len(self.vectors)) if self.vectors else b"",
                *(vector.encode(number) for number, vector in enumerate(self.vectors, 1)),
            )
        )

    @classmethod
    def parse(cls, message: Message) -> "Maa":
        """Read it; DiameterError."""
        items = message.all(SIP_AUTH_DATA_ITEM)
        if len(items) > 1:  # TS 29.229 6.3.14: they are to be used by their numbers, those without one last
            items = tuple(sorted(items, key=lambda item: item.first(SIP_ITEM_NUMBER) or 1 << 32))
        return cls(
            Result.of(message),
            tuple(map(parse_vector, items)),
            message.first(USER_NAME) or "",
            message.first(PUBLIC_IDENTITY) or "",
        )


@dataclass(frozen=True, slots=True)
class Mar:
    """Multimedia-Auth-Request (TS 29.228 6.3.1): `count` vectors of this scheme, please."""

    command: ClassVar[Command] = COMMANDS[CX, 303]
    impi: str
    impu: str
    auth: AuthRequest
    server: str  # the SIP URI of the S-CSCF
    count: int = 1

    def avps(self) -> bytes:
        """Its AVPs."""
        return (
            USER_NAME(self.impi)
            + PUBLIC_IDENTITY(self.impu)
            + SIP_NUMBER_AUTH_ITEMS(self.count)
            + self.auth.encode()
            + SERVER_NAME(self.server)
        )

    @classmethod
    def parse(cls, message: Message) -> "Mar":
        """Read it; DiameterError."""
        return cls(
            message.need(USER_NAME),
            message.need(PUBLIC_IDENTITY),
            AuthRequest.parse(message.need(SIP_AUTH_DATA_ITEM)),
            message.need(SERVER_NAME),
            message.need(SIP_NUMBER_AUTH_ITEMS),
        )

    def parse_answer(self, message: Message) -> Maa:
        """MAA; DiameterError."""
        return Maa.parse(message)


@dataclass(frozen=True, slots=True)
class Saa:
    """Server-Assignment-Answer; user_data.py reads its profile."""

    result: Result = SUCCESS
    impi: str = ""
    user_data: bytes = b""  # XML (TS 29.228 annex E)
    associated: tuple[str, ...] = ()  # further IMPIs of the subscription

    def avps(self) -> bytes:
        """Its AVPs."""
        return (
            (USER_NAME(self.impi) if self.impi else b"")
            + (USER_DATA(self.user_data) if self.user_data else b"")
            + _associated(self.associated)
        )

    @classmethod
    def parse(cls, message: Message) -> "Saa":
        """Read it; DiameterError."""
        return cls(
            Result.of(message), message.first(USER_NAME) or "", message.first(USER_DATA) or b"", _associates(message)
        )


@dataclass(frozen=True, slots=True)
class Sar:
    """Server-Assignment-Request (TS 29.228 6.1.2): this S-CSCF serves these identities from now on, or no longer."""

    command: ClassVar[Command] = COMMANDS[CX, 301]
    impi: str  # "" for a user that is not registered
    impus: tuple[str, ...]
    server: str
    type: ServerAssignmentType
    has_user_data: bool = False

    def avps(self) -> bytes:
        """Its AVPs."""
        return b"".join(
            (
                USER_NAME(self.impi) if self.impi else b"",
                *map(PUBLIC_IDENTITY, self.impus),
                SERVER_NAME(self.server),
                SERVER_ASSIGNMENT_TYPE(self.type),
                USER_DATA_ALREADY_AVAILABLE(self.has_user_data),
            )
        )

    @classmethod
    def parse(cls, message: Message) -> "Sar":
        """Read it; DiameterError, also where neither name is there."""
        impi, impus = message.first(USER_NAME) or "", message.all(PUBLIC_IDENTITY)
        if not impi and not impus:
            raise missing(USER_NAME)
        available = message.need(USER_DATA_ALREADY_AVAILABLE)
        return cls(
            impi,
            impus,
            message.need(SERVER_NAME),
            _member(SERVER_ASSIGNMENT_TYPE, message.need(SERVER_ASSIGNMENT_TYPE), ServerAssignmentType),
            bool(_member(USER_DATA_ALREADY_AVAILABLE, available, UserDataAlreadyAvailable)),
        )

    def parse_answer(self, message: Message) -> Saa:
        """SAA; DiameterError."""
        return Saa.parse(message)


@dataclass(frozen=True, slots=True)
class Lir:
    """Location-Info-Request (TS 29.228 6.1.4): who serves this identity?"""

    command: ClassVar[Command] = COMMANDS[CX, 302]
    impu: str
    originating: bool = False

    def avps(self) -> bytes:
        """Its AVPs."""
        originating = ORIGINATING_REQUEST(OriginatingRequest.ORIGINATING) if self.originating else b""
        return originating + PUBLIC_IDENTITY(self.impu)

    @classmethod
    def parse(cls, message: Message) -> "Lir":
        """Read it; DiameterError."""
        originating = message.first(ORIGINATING_REQUEST)
        if originating is not None:
            _member(ORIGINATING_REQUEST, originating, OriginatingRequest)
        return cls(message.need(PUBLIC_IDENTITY), originating is not None)

    def parse_answer(self, message: Message) -> Lia:
        """LIA; DiameterError."""
        return Server.parse(message)


@dataclass(frozen=True, slots=True)
class Rtr:
    """Registration-Termination-Request (TS 29.228 6.1.3): without `impus` all identities of the IMPI are meant."""

    command: ClassVar[Command] = COMMANDS[CX, 304]
    impi: str
    reason: ReasonCode
    impus: tuple[str, ...] = ()
    info: str = ""  # for the user to read
    associated: tuple[str, ...] = ()

    def avps(self) -> bytes:
        """Its AVPs."""
        return b"".join(
            (
                USER_NAME(self.impi),
                _associated(self.associated),
                *map(PUBLIC_IDENTITY, self.impus),
                DEREGISTRATION_REASON(REASON_CODE(self.reason), REASON_INFO(self.info) if self.info else b""),
            )
        )

    @classmethod
    def parse(cls, message: Message) -> "Rtr":
        """Read it; DiameterError."""
        reason = message.need(DEREGISTRATION_REASON)
        return cls(
            message.need(USER_NAME),
            _member(REASON_CODE, reason.need(REASON_CODE), ReasonCode),
            message.all(PUBLIC_IDENTITY),
            reason.first(REASON_INFO) or "",
            _associates(message),
        )

    def parse_answer(self, message: Message) -> Rta:
        """RTA; DiameterError."""
        return Rta.parse(message)


@dataclass(frozen=True, slots=True)
class Ppr:
    """Push-Profile-Request (TS 29.228 6.2.1): a new profile of a registered user."""

    command: ClassVar[Command] = COMMANDS[CX, 305]
    impi: str
    user_data: bytes = b""

    def avps(self) -> bytes:
        """Its AVPs."""
        return USER_NAME(self.impi) + (USER_DATA(self.user_data) if self.user_data else b"")

    @classmethod
    def parse(cls, message: Message) -> "Ppr":
        """Read it; DiameterError."""
        return cls(message.need(USER_NAME), message.first(USER_DATA) or b"")

    def parse_answer(self, message: Message) -> Ppa:
        """PPA; DiameterError."""
        return Plain.parse(message)


CxRequest = Uar | Mar | Sar | Lir | Rtr | Ppr
REQUESTS: Final[dict[int, Callable[[Message], CxRequest]]] = {
    kind.command.code: kind.parse for kind in (Uar, Mar, Sar, Lir, Rtr, Ppr)
}


def _member(attribute: Enumerated, value: int, names: Callable[[int], Any]) -> Any:
    """The value by its name; DiameterError 5004 for a number without one."""
    try:
        return names(value)
    except ValueError:
        raise refused(attribute, value) from None


def _associated(impis: tuple[str, ...]) -> bytes:
    return ASSOCIATED_IDENTITIES(*map(USER_NAME, impis)) if impis else b""


def _associates(message: Message) -> tuple[str, ...]:
    found = message.first(ASSOCIATED_IDENTITIES)
    return found.all(USER_NAME) if found is not None else ()

"""Commands: their names and grammars (RFC 6733 5, 8; TS 29.229 6.1; TS 29.214 5.6), and what surrounds their AVPs.

cx.py and rx.py hold the values; peer.py wraps them with `request_body` and `answer_body`, and checks what comes.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final, NamedTuple, Protocol, TypeVar

from lteims.diameter import cx_attributes, rx_attributes
from lteims.diameter.attributes import (
    AUTH_APPLICATION_ID,
    AUTH_SESSION_STATE,
    DESTINATION_HOST,
    DESTINATION_REALM,
    EXPERIMENTAL_RESULT,
    EXPERIMENTAL_RESULT_CODE,
    ORIGIN_HOST,
    ORIGIN_REALM,
    RESULT_CODE,
    SESSION_ID,
    TGPP,
    VENDOR_ID,
    VENDOR_SPECIFIC_APPLICATION_ID,
    AuthSessionState,
)
from lteims.diameter.avp import missing
from lteims.diameter.errors import DiameterError
from lteims.diameter.grammar import Grammar
from lteims.diameter.message import Header, Message

A_co = TypeVar("A_co", covariant=True)

BASE: Final = 0
CX: Final = 16777216
RX: Final = 16777236
RELAY: Final = 0xFFFFFFFF
APPLICATION_NAMES: Final = {BASE: "Diameter Common Messages", CX: "3GPP Cx", RX: "3GPP Rx", RELAY: "Relay"}
KNOWN_ATTRIBUTES: Final = (cx_attributes, rx_attributes)  # the grammars below need them declared

_ROUTED: Final = "{Origin-Host} {Origin-Realm} {Destination-Realm} "
_ANY: Final = " *[AVP] *[Proxy-Info] *[Route-Record]"
_CX_HEAD: Final = "<Session-Id> [DRMP] {Vendor-Specific-Application-Id} {Auth-Session-State} "
_CX_REQUEST: Final = _CX_HEAD + _ROUTED + "[Destination-Host] [OC-Supported-Features] *[Supported-Features] "
# RFC 6733 has no other place for what TS 29.229 says of requests that the HSS begins
_CX_PUSH: Final = _CX_HEAD + "{Origin-Host} {Origin-Realm} {Destination-Host} {Destination-Realm} "
_OUTCOME: Final = "[Result-Code] [Experimental-Result] "
_CX_ANSWER: Final = (
    "<Session-Id> [DRMP] [Vendor-Specific-Application-Id] {Auth-Session-State} {Origin-Host} {Origin-Realm} "
    + _OUTCOME
    + "[OC-Supported-Features] [OC-OLR] *[Supported-Features] [Failed-AVP] "
)
_RX_REQUEST: Final = "<Session-Id> [DRMP] {Auth-Application-Id} " + _ROUTED
_RX_ANSWER: Final = "<Session-Id> [DRMP] {Origin-Host} {Origin-Realm} " + _OUTCOME + "[Error-Message] *[Failed-AVP] "
_CAPABILITIES: Final = (
    "{Origin-Host} {Origin-Realm} 1*{Host-IP-Address} {Vendor-Id} {Product-Name} [Origin-State-Id]"
    " *[Supported-Vendor-Id] *[Auth-Application-Id] *[Inband-Security-Id] *[Acct-Application-Id]"
    " *[Vendor-Specific-Application-Id] [Firmware-Revision] *[AVP]"
)
_ERROR_ANSWER: Final = (  # RFC 6733 7.2
    "[Session-Id] {Origin-Host} {Origin-Realm} {Result-Code} [Origin-State-Id] [Error-Message]"
    " [Error-Reporting-Host] [Failed-AVP] [Experimental-Result] *[Proxy-Info] *[AVP]"
)


@dataclass(frozen=True)
class Command:
    """A pair of request and answer."""

    code: int
    application: int
    name: str
    abbreviation: str  # without the R or A at the end
    request: str  # the grammars
    answer: str

    @cached_property
    def request_head(self) -> bytes:
        """What requests have between Session-Id and Origin-Host."""
        return self._head(self.request)

    @cached_property
    def answer_head(self) -> bytes:
        """What answers have between Session-Id and the result."""
        return self._head(self.answer)

    def _head(self, grammar: str) -> bytes:
        application = AUTH_APPLICATION_ID(self.application)
        head = b""
        if "Vendor-Specific-Application-Id" in grammar:
            head += VENDOR_SPECIFIC_APPLICATION_ID(VENDOR_ID(TGPP), application)
        elif "{Auth-Application-Id}" in grammar:
            head += application
        if "{Auth-Session-State}" in grammar:
            head += AUTH_SESSION_STATE(AuthSessionState.NO_STATE_MAINTAINED)
        return head


def _commands(*commands: Command) -> dict[tuple[int, int], Command]:
    return {(command.application, command.code): command for command in commands}


COMMANDS: Final = _commands(
    Command(257, BASE, "Capabilities-Exchange", "CE", _CAPABILITIES,
            "{Result-Code} [Error-Message] [Failed-AVP] " + _CAPABILITIES),
    Command(280, BASE, "Device-Watchdog", "DW", "{Origin-Host} {Origin-Realm} [Origin-State-Id] *[AVP]",
            "{Result-Code} {Origin-Host} {Origin-Realm} [Error-Message] [Failed-AVP] [Origin-State-Id] *[AVP]"),
    Command(282, BASE, "Disconnect-Peer", "DP", "{Origin-Host} {Origin-Realm} {Disconnect-Cause} *[AVP]",
            "{Result-Code} {Origin-Host} {Origin-Realm} [Error-Message] [Failed-AVP] *[AVP]"),
    Command(300, CX, "User-Authorization", "UA",
            _CX_REQUEST + "{User-Name} {Public-Identity} {Visited-Network-Identifier} [User-Authorization-Type]"
            " [UAR-Flags]" + _ANY,
            _CX_ANSWER + "[Server-Name] [Server-Capabilities]" + _ANY),
    Command(301, CX, "Server-Assignment", "SA",
            _CX_REQUEST + "[User-Name] *[Public-Identity] [Wildcarded-Public-Identity] {Server-Name}"
            " {Server-Assignment-Type} {User-Data-Already-Available} [SCSCF-Restoration-Info]"
            " [Multiple-Registration-Indication] [Session-Priority] [SAR-Flags]" + _ANY,
            _CX_ANSWER + "[User-Name] [User-Data] [Charging-Information] [Associated-Identities]"
            " [Loose-Route-Indication] *[SCSCF-Restoration-Info] [Associated-Registered-Groups] [Server-Name]"
            " [Wildcarded-Public-Identity] [Priviledged-Sender-Indication]" + _ANY),
    Command(302, CX, "Location-Info", "LI",
            _CX_REQUEST + "[Originating-Request] {Public-Identity} [User-Authorization-Type] [Session-Priority]" + _ANY,
            _CX_ANSWER + "[Server-Name] [Server-Capabilities] [Wildcarded-Public-Identity] [LIA-Flags]" + _ANY),
    Command(303, CX, "Multimedia-Auth", "MA",
            _CX_REQUEST + "{User-Name} {Public-Identity} {SIP-Auth-Data-Item} {SIP-Number-Auth-Items}"
            " {Server-Name}" + _ANY,
            _CX_ANSWER + "[User-Name] [Public-Identity] [SIP-Number-Auth-Items] *[SIP-Auth-Data-Item]" + _ANY),
    Command(304, CX, "Registration-Termination", "RT",
            _CX_PUSH + "{User-Name} [Associated-Identities] *[Supported-Features] *[Public-Identity]"
            " {Deregistration-Reason}" + _ANY,
            _CX_ANSWER + "[Associated-Identities] *[Identity-with-Emergency-Registration]" + _ANY),
    Command(305, CX, "Push-Profile", "PP",
            _CX_PUSH + "{User-Name} *[Supported-Features] [User-Data] [Charging-Information]"
            " [SIP-Auth-Data-Item]" + _ANY,
            _CX_ANSWER + _ANY),
    Command(258, RX, "Re-Auth", "RA",
            "<Session-Id> [DRMP] {Origin-Host} {Origin-Realm} {Destination-Realm} {Destination-Host}"
            " {Auth-Application-Id} *[Specific-Action] *[Access-Network-Charging-Identifier]"
            " [Access-Network-Charging-Address] *[Flows] *[Subscription-Id] [Abort-Cause] [IP-CAN-Type] [RAT-Type]"
            " [Origin-State-Id] *[Class]" + _ANY,
            _RX_ANSWER + "*[Media-Component-Description] [Service-URN] [Origin-State-Id] *[Class]" + _ANY),
    Command(265, RX, "AA", "AA",
            _RX_REQUEST + "[Destination-Host] [IP-Domain-Id] [AF-Application-Identifier]"
            " *[Media-Component-Description] [Service-Info-Status] [AF-Charging-Identifier] [SIP-Forking-Indication]"
            " *[Specific-Action] *[Subscription-Id] *[Supported-Features] [Reservation-Priority] [Framed-IP-Address]"
            " [Framed-IPv6-Prefix] [Called-Station-Id] [Service-URN] [MPS-Identifier] [Rx-Request-Type]"
            " [Origin-State-Id]" + _ANY,
            "{Auth-Application-Id} " + _RX_ANSWER + "*[Access-Network-Charging-Identifier]"
            " [Access-Network-Charging-Address] [Acceptable-Service-Info] [IP-CAN-Type] [RAT-Type]"
            " *[Supported-Features] *[Subscription-Id] *[Class] [Origin-State-Id]" + _ANY),
    Command(274, RX, "Abort-Session", "AS",
            "<Session-Id> [DRMP] {Origin-Host} {Origin-Realm} {Destination-Realm} {Destination-Host}"
            " {Auth-Application-Id} {Abort-Cause} [Origin-State-Id]" + _ANY,
            _RX_ANSWER + "[Origin-State-Id]" + _ANY),
    Command(275, RX, "Session-Termination", "ST",
            _RX_REQUEST + "[Destination-Host] {Termination-Cause} *[Class] [Origin-State-Id]" + _ANY,
            _RX_ANSWER + "*[Class] [Origin-State-Id]" + _ANY),
)  # fmt: skip
CER, DWR, DPR = COMMANDS[BASE, 257], COMMANDS[BASE, 280], COMMANDS[BASE, 282]


def name_of(header: Header) -> str:
    """The name for the log: `Multimedia-Auth-Answer`."""
    command = COMMANDS.get((header.application, header.code))
    end = "Request" if header.is_request else "Answer"
    return f"{command.name}-{end}" if command else f"Command-{header.code}-{end}"


def counter_of(header: Header) -> str:
    """The counter of a command: `diam_maa`; `diam_unknown` for one that is not known."""
    command = COMMANDS.get((header.application, header.code))
    return f"diam_{command.abbreviation}{'R' if header.is_request else 'A'}".lower() if command else "diam_unknown"


def check(command: Command, message: Message) -> None:
    """Hold a message against the grammar of its command; DiameterError."""
    header = message.header
    grammar = command.request if header.is_request else _ERROR_ANSWER if header.is_error else command.answer
    Grammar.of(grammar).check(message.avps, strict=header.is_request)


class Result(NamedTuple):
    """How a request ended: Result-Code, or with a vendor Experimental-Result-Code."""

    code: int
    vendor: int = 0

    @property
    def ok(self) -> bool:
        """Is it a success?"""
        return 2000 <= self.code < 3000

    def encode(self) -> bytes:
        """The AVP."""
        if self.vendor:
            return EXPERIMENTAL_RESULT(VENDOR_ID(self.vendor), EXPERIMENTAL_RESULT_CODE(self.code))
        return RESULT_CODE(self.code)

    @classmethod
    def of(cls, message: Message) -> "Result":
        """What an answer has; DiameterError 5005 if it has none."""
        code = message.first(RESULT_CODE)
        if code is not None:
            return cls(code)
        experimental = message.first(EXPERIMENTAL_RESULT)
        if experimental is None:
            raise missing(RESULT_CODE)
        return cls(experimental.need(EXPERIMENTAL_RESULT_CODE), experimental.need(VENDOR_ID))

    def __str__(self) -> str:
        return f"{self.code} of vendor {self.vendor}" if self.vendor else str(self.code)


SUCCESS: Final = Result(2001)


class Request(Protocol[A_co]):
    """A request as a value: Uar, Aar and so on."""

    command: ClassVar[Command]

    def avps(self) -> bytes:
        """Its own AVPs, encoded."""

    def parse_answer(self, message: Message) -> A_co:
        """The answer as a value; DiameterError."""


class Answer(Protocol):
    """An answer as a value: Uaa, Aaa and so on."""

    @property
    def result(self) -> Result:
        """How it ended."""

    def avps(self) -> bytes:
        """Its own AVPs without the result, encoded."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Diameter node's names."""

    host: str
    realm: str

    def avps(self) -> bytes:
        """Origin-Host and Origin-Realm."""
        return ORIGIN_HOST(self.host) + ORIGIN_REALM(self.realm)


def request_body(request: Request[object], session: str, origin: Node, realm: str, host: str = "") -> bytes:
    """All AVPs of a request to this realm, and to this host if it is known."""
    return b"".join(
        (
            SESSION_ID(session),
            request.command.request_head,
            origin.avps(),
            DESTINATION_REALM(realm),
            DESTINATION_HOST(host) if host else b"",
            request.avps(),
        )
    )


def answer_body(command: Command, answer: Answer, session: str, origin: Node) -> bytes:
    """All AVPs of an answer, but for Proxy-Info."""
    return SESSION_ID(session) + command.answer_head + answer.result.encode() + origin.avps() + answer.avps()


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer that has a result and nothing else of its own (RTA, PPA, STA, ASA, RAA)."""

    result: Result = SUCCESS

    def avps(self) -> bytes:
        """None."""
        return b""

    @classmethod
    def parse(cls, message: Message) -> "Plain":
        """Read it; DiameterError."""
        return cls(Result.of(message))


def as_result(error: DiameterError) -> Result:
    """The result that says an error."""
    return Result(error.result_code, error.vendor)

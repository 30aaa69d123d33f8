"""A simulated HSS for Cx (TS 29.228 6, annex A; the HSS's side): what labs and CI let an S-CSCF ask.

Give its `serve` to a Diameter server (diameter_link.py); `terminate` and `push` are requests of its own. What was
said is in `ladder`, what was asked wrongly in `faults`; `delay`, `lost` and `refused` make it a bad HSS.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from lteims.config import UserConfig
from lteims.diameter.command import SUCCESS, Answer, Node, Plain, Result
from lteims.diameter.cx import (
    CxResult,
    Lia,
    Lir,
    Maa,
    Mar,
    Ppr,
    Rtr,
    Saa,
    Sar,
    Server,
    ServerCapabilities,
    Uaa,
    Uar,
)
from lteims.diameter.cx_attributes import ReasonCode, ServerAssignmentType, UserAuthorizationType
from lteims.diameter.errors import DiameterError, NoAnswer, ResultCode
from lteims.diameter.user_data import PublicIdentity, ServiceProfile, UserData
from lteims.ims.subscribers import Subscriber
from lteims.sim.hss_vectors import Authentication, vectors

T = ServerAssignmentType
ENDS: Final = frozenset(
    {T.TIMEOUT_DEREGISTRATION, T.USER_DEREGISTRATION, T.ADMINISTRATIVE_DEREGISTRATION, T.DEREGISTRATION_TOO_MUCH_DATA}
)
STORES: Final = frozenset({T.TIMEOUT_DEREGISTRATION_STORE_SERVER_NAME, T.USER_DEREGISTRATION_STORE_SERVER_NAME})
FAILURES: Final = frozenset({T.AUTHENTICATION_FAILURE, T.AUTHENTICATION_TIMEOUT})
MOST_LINES: Final = 10_000  # of the ladder; the oldest go
Ask = Callable[[str, Any], Awaitable[Any]]  # the Origin-Host of the S-CSCF, the request


@dataclass(slots=True, eq=False)
class User:
    """One subscription: what is known of it, and what it is doing."""

    impi: str
    identities: tuple[PublicIdentity, ...]
    authentication: Authentication
    filters: tuple[Any, ...] = ()
    server: str = ""  # the S-CSCF's SIP URI
    host: str = ""  # and its Origin-Host
    registered: bool = False
    pending: bool = False  # it has been asked to authenticate

    @property
    def data(self) -> UserData:
        """User-Data."""
        return UserData(self.impi, (ServiceProfile(self.identities, self.filters),))

    def has(self, identity: str) -> bool:
        """Is this one of its identities?"""
        return any(identity == each.identity for each in self.identities)


def user_of(config: UserConfig, domain: str) -> User:
    """As ue_db has it."""
    as_here = Subscriber(config, domain)
    identities = tuple(PublicIdentity(i.uri.text, display_name=i.config.display_name) for i in as_here.impus)
    return User(as_here.impi, identities, Authentication(config, as_here.domain))


@dataclass(slots=True)
class Hss:
    """The HSS."""

    users: dict[str, User] = field(default_factory=dict)
    delay: float = 0.0  # seconds before an answer leaves
    lost: set[str] = field(default_factory=set)  # UAR, MAR, SAR, LIR: they get no answer
    refused: dict[str, Result] = field(default_factory=dict)  # the same: this is the answer
    most_vectors: int = 5
    document: Callable[[User, Sar], bytes] | None = None  # User-Data in place of what the user has
    ladder: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    on_line: Callable[[str], None] | None = None
    ask: Ask | None = None
    octets: Callable[[int], bytes] = os.urandom

    @classmethod
    def of(cls, users: Iterable[UserConfig], domain: str) -> "Hss":
        """One that has the users of a ue_db."""
        found = [user_of(config, domain) for config in users]
        return cls({user.impi: user for user in found})

    # -- what it is asked
    async def serve(self, request: Any, session: str, origin: Node) -> Answer:
        """Answer a Cx request, or keep silent for ever where that is wanted."""
        name = f"{request.command.abbreviation}R"
        self._note(f"<-- {name} {_subject(request)}")
        if self.delay:
            await asyncio.sleep(self.delay)
        if name in self.lost:
            self._note(f"    {name} stays without an answer")
            await asyncio.Event().wait()
        result = self.refused.get(name)
        answer = Server(result) if result is not None else self._answer(request, origin)
        self._note(f"--> {request.command.abbreviation}A {answer.result}")
        return answer

    def _answer(self, request: Any, origin: Node) -> Any:
        match request:
            case Uar():
                return self._authorize(request)
            case Mar():
                return self._authenticate(request)
            case Sar():
                return self._assign(request, origin)
            case Lir():
                return self._locate(request)
        raise DiameterError("an S-CSCF serves this", ResultCode.DIAMETER_COMMAND_UNSUPPORTED)

    def _find(self, impi: str, impu: str) -> User | CxResult:
        """The user with both names (6.1.1.1 steps 1 and 2)."""
        user = self.users.get(impi)
        if user is None or self._owner(impu) is None:
            return CxResult.ERROR_USER_UNKNOWN
        return user if user.has(impu) else CxResult.ERROR_IDENTITIES_DONT_MATCH

    def _owner(self, impu: str) -> User | None:
        return next((user for user in self.users.values() if user.has(impu)), None)

    def _authorize(self, uar: Uar) -> Uaa:
        user = self._find(uar.impi, uar.impu)
        self._expect(bool(uar.visited_network), "UAR without the visited network")
        if isinstance(user, CxResult):
            return Server(user.result)
        if uar.type is UserAuthorizationType.DE_REGISTRATION and not user.registered:
            return Server(CxResult.ERROR_IDENTITY_NOT_REGISTERED.result)
        if user.server:
            return Server(CxResult.SUBSEQUENT_REGISTRATION.result, user.server)
        return Server(CxResult.FIRST_REGISTRATION.result, capabilities=ServerCapabilities(mandatory=(1,)))

    def _authenticate(self, mar: Mar) -> Maa:
        user = self._find(mar.impi, mar.impu)
        self._expect(mar.server.startswith("sip:"), f"MAR names the server {mar.server!r}")
        self._expect(mar.count > 0, "MAR asks for no vector")
        if isinstance(user, CxResult):
            return Maa(user.result)
        found = vectors(user.authentication, mar.auth, min(mar.count, self.most_vectors), self.octets)
        if found is None:
            return Maa(CxResult.ERROR_AUTH_SCHEME_NOT_SUPPORTED.result)
        user.pending, user.server = True, mar.server
        return Maa(SUCCESS, found, mar.impi, mar.impu)

    def _assign(self, sar: Sar, origin: Node) -> Saa:
        user = self.users.get(sar.impi) or (self._owner(sar.impus[0]) if sar.impus else None)
        if user is None:
            return Saa(CxResult.ERROR_USER_UNKNOWN.result)
        if not all(map(user.has, sar.impus)):
            return Saa(CxResult.ERROR_IDENTITIES_DONT_MATCH.result)
        self._note(f"    {sar.type.name}")
        if sar.type in (T.REGISTRATION, T.RE_REGISTRATION):
            return self._register(user, sar, origin)
        if sar.type in FAILURES:
            self._expect(user.pending, f"{sar.type.name} of {user.impi}, who was not asked to authenticate")
            user.pending = False
            if not user.registered:
                user.server = ""
        elif sar.type in ENDS:
            self._expect(bool(user.server), f"{sar.type.name} of {user.impi}, whom no server has")
            user.registered, user.server = False, ""
        elif sar.type in STORES:
            user.registered = False
        elif sar.type is T.UNREGISTERED_USER:
            if user.registered:
                return Saa(CxResult.ERROR_IDENTITY_ALREADY_REGISTERED.result)
            user.server, user.host = sar.server, origin.host
        return Saa(SUCCESS, user.impi, b"" if sar.type in FAILURES | ENDS | STORES else self._data(user, sar))

    def _register(self, user: User, sar: Sar, origin: Node) -> Saa:
        """6.1.2.1; the S-CSCF gets what it has not got yet."""
        if sar.type is T.RE_REGISTRATION and not user.registered:
            return Saa(CxResult.ERROR_IN_ASSIGNMENT_TYPE.result)
        self._expect(len(sar.impus) == 1, f"{sar.type.name} of {len(sar.impus)} identities")
        self._expect(
            sar.has_user_data <= user.registered, f"{sar.type.name} of {user.impi}: it can have no profile yet"
        )
        user.registered, user.pending = True, False
        user.server, user.host = sar.server, origin.host
        return Saa(SUCCESS, user.impi, b"" if sar.has_user_data else self._data(user, sar))

    def _data(self, user: User, sar: Sar) -> bytes:
        return user.data.encode() if self.document is None else self.document(user, sar)

    def _locate(self, lir: Lir) -> Lia:
        user = self._owner(lir.impu)
        if user is None:
            return Server(CxResult.ERROR_USER_UNKNOWN.result)
        if not user.server:
            return Server(CxResult.ERROR_IDENTITY_NOT_REGISTERED.result)
        return Server(SUCCESS, user.server)

    # -- what it asks
    async def terminate(
        self,
        impi: str,
        reason: ReasonCode = ReasonCode.PERMANENT_TERMINATION,
        impus: tuple[str, ...] = (),
        info: str = "",
    ) -> Result:
        """RTR: the registration ends; the S-CSCF's result."""
        user = self.users[impi]
        result = await self._push(user, Rtr(impi, reason, impus, info), reason.name)
        if result.ok:
            user.registered, user.server = False, ""
        return result

    async def push(self, impi: str, identities: Iterable[PublicIdentity | str]) -> Result:
        """PPR: these are the identities from now on; the S-CSCF's result."""
        user = self.users[impi]
        user.identities = tuple(PublicIdentity(each) if isinstance(each, str) else each for each in identities)
        return await self._push(user, Ppr(impi, user.data.encode()), f"{len(user.identities)} identities")

    def bar(self, impi: str, *identities: str) -> None:
        """Bar identities of a user; the S-CSCF hears of it when it asks, or by `push`."""
        user = self.users[impi]
        user.identities = tuple(replace(each, barred=each.identity in identities) for each in user.identities)

    async def _push(self, user: User, request: Any, what: str) -> Result:
        if self.ask is None or not user.host:
            raise NoAnswer(f"no S-CSCF has {user.impi}")
        name = request.command.abbreviation
        self._note(f"--> {name}R {user.impi} {what}")
        answer: Plain = await self.ask(user.host, request)
        self._note(f"<-- {name}A {answer.result}")
        return answer.result

    # -- words for the test
    def _expect(self, right: bool, fault: str) -> None:
        if not right:
            self.faults.append(fault)
            self._note(f"    wrong: {fault}")

    def _note(self, line: str) -> None:
        self.ladder.append(line)
        del self.ladder[:-MOST_LINES]
        if self.on_line is not None:
            self.on_line(line)


def _subject(request: Any) -> str:
    """Whom a request is about."""
    match request:
        case Sar(impi, impus):
            return " ".join(filter(None, (impi, *impus)))
        case Lir(impu):
            return impu
    return f"{request.impi} {request.impu}" if isinstance(request, Uar | Mar) else ""

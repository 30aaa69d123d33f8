"""The external HSS by Cx (TS 29.228 6.1, 6.3; TS 24.229 5.3, 5.4.1): the second answer to `Hss` of hss.py.

Whom ue_db does not know is asked of the HSS; ue_db's users stay with the embedded one. Each question has its time:
an HSS that is not there is a 500 or 504 with Retry-After. cx_reports.py tells it of ends, cx_push.py serves what it
begins.
"""

import asyncio
from typing import Any, Final, Protocol

from lteims import counters
from lteims.config import AuthentType
from lteims.diameter.command import SUCCESS, Result, as_result
from lteims.diameter.cx import CxResult, Lir, Maa, Mar, Saa, Sar, Server, Uar
from lteims.diameter.cx_attributes import ServerAssignmentType, UserAuthorizationType
from lteims.diameter.cx_auth import AuthRequest, Scheme, Vector
from lteims.diameter.errors import DiameterError, NoAnswer, ResultCode
from lteims.diameter.user_data import UserData
from lteims.ims.cx_reports import Reports
from lteims.ims.cx_users import CxUsers
from lteims.ims.cx_vectors import Vectors, auth_vector, schemes
from lteims.ims.hss import Assignment, AuthVector, EmbeddedHss, Resync
from lteims.ims.identity import is_address, key_of
from lteims.ims.subscribers import Impu, Subscriber, Subscribers
from lteims.sip.errors import SipError
from lteims.sip.uri import Uri, escape_user, parse_uri
from lteims.trace import CX, IMS, INFO, WARN, log

ASK_TIME: Final = 5.0  # seconds; a REGISTER asks two or three times, and a phone waits for 32 s at least
MOST_ASKED: Final = 2000  # questions at a time; the next phone is told to come back
RETRY_AFTER: Final = "10"  # seconds
COUNT: Final = 3  # vectors of AKA that are asked for at a time
LONGEST: Final = 256  # characters of an identity
_NOBODY: Final = {CxResult.ERROR_USER_UNKNOWN.result, CxResult.ERROR_IDENTITIES_DONT_MATCH.result}
_FORBIDDEN: Final = _NOBODY | {
    CxResult.ERROR_IDENTITY_NOT_REGISTERED.result,
    CxResult.ERROR_ROAMING_NOT_ALLOWED.result,
    CxResult.ERROR_AUTH_SCHEME_NOT_SUPPORTED.result,
    Result(ResultCode.DIAMETER_AUTHORIZATION_REJECTED),
}


class Client(Protocol):
    """What is needed of net/diameter.py."""

    @property
    def remote(self) -> object | None:
        """The HSS, None while it is not there."""

    async def ask(self, request: Any, *, within: float) -> Any:
        """Ask and wait; NoAnswer, DiameterError."""


class CxHss:
    """Implements hss.Hss."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, subscribers: Subscribers, own: EmbeddedHss, users: CxUsers, server: str
    ) -> None:
        """`own` has ue_db's users; `server` is the SIP URI by which the HSS knows this S-CSCF."""
        self._subscribers = subscribers
        self._own = own
        self._users = users
        self._server = server
        self._client: Client | None = None
        self._vectors = Vectors()
        self._asked = 0
        self.reports = Reports(loop, subscribers, users, self._vectors, self._assign)

    def connect(self, client: Client) -> None:
        """The connection to the HSS."""
        self._client = client

    def load(self) -> dict[str, int]:
        """What is kept, for metrics and tests."""
        mine = {"asked": self._asked, "vectors": len(self._vectors)}
        return mine | self.reports.load() | self._users.load()

    # -- Hss
    async def user_authorization(
        self, username: str, impu: Uri, *, leaving: bool = False, sos: bool = False
    ) -> tuple[Subscriber, Impu]:
        """UAR (TS 24.229 5.3.1.2)."""
        if self._is_own(username, impu):
            return await self._own.user_authorization(username, impu, leaving=leaving, sos=sos)
        identity = self._identity(impu)
        impi = self._impi(username, identity)
        kind = UserAuthorizationType.DE_REGISTRATION if leaving else UserAuthorizationType.REGISTRATION
        uaa: Server = await self._ask(Uar(impi, identity, self._subscribers.domain.encode(), kind, sos))
        check(uaa.result, f"UAR of {impi}")
        if uaa.name and uaa.name != self._server:
            log(IMS, INFO, f"{impi} was served by {uaa.name[:LONGEST]}; it is taken over")
        self._vectors.remember(impi, identity)
        known = self._users.by_impi(impi)
        subscriber, provisional = self._users.provisional(impi, identity)
        if known is None:
            return subscriber, provisional
        return known, known.impu(provisional.key) or provisional

    async def multimedia_auth(
        self, subscriber: Subscriber, level: AuthentType | None, resync: Resync | None
    ) -> AuthVector:
        """MAR (TS 29.228 6.3); vectors that are left from the last one are used first, in their order."""
        if not subscriber.external:
            return await self._own.multimedia_auth(subscriber, level, resync)
        impi = subscriber.impi
        if resync is not None:
            self._vectors.drop(impi)
        for scheme in schemes(level, resync is not None):
            vector = self._vectors.take(impi, scheme) or await self._fetch(subscriber, scheme, resync)
            if vector is not None:
                return auth_vector(impi, vector)
        raise SipError(403, f"the HSS has no authentication of this kind ({level or 'any'}) for {impi}")

    async def _fetch(self, subscriber: Subscriber, scheme: Scheme, resync: Resync | None) -> Vector | None:
        """One vector, those behind it are kept; None where the user has none of this scheme."""
        impi = subscriber.impi
        auth = AuthRequest(scheme, resync.rand + resync.auts if resync is not None else b"")
        count = 1 if scheme is Scheme.DIGEST else COUNT
        maa: Maa = await self._ask(Mar(impi, self._identity_of(subscriber), auth, self._server, count))
        if maa.result == CxResult.ERROR_AUTH_SCHEME_NOT_SUPPORTED.result:
            return None
        check(maa.result, f"authentication of {impi} by {scheme}")
        if resync is not None:
            log(IMS, INFO, f"{impi}: the SIM asked for resynchronisation, and the HSS has carried it out")
        return self._vectors.keep(impi, maa.vectors)

    async def server_assignment(
        self, subscriber: Subscriber, impu: Impu, assignment: Assignment
    ) -> tuple[Subscriber, Impu]:
        """SAR (TS 24.229 5.4.1.2.2, 5.4.1.2.3). What is only a report to the HSS is not waited for."""
        if not subscriber.external:
            return subscriber, impu
        impi, identity = subscriber.impi, self._identity_of(subscriber)
        if assignment is Assignment.AUTHENTICATION_FAILURE:
            self.reports.authentication_failed(impi, identity)
            return subscriber, impu
        again = self._users.has(subscriber, identity)
        kind = ServerAssignmentType.RE_REGISTRATION if again else ServerAssignmentType.REGISTRATION
        with self.reports.registering(impi):
            saa = await self._assign(impi, identity, kind, again)
            if again and not saa.result.ok and saa.result not in _NOBODY:  # an HSS that has forgotten the first one
                saa = await self._assign(impi, identity, ServerAssignmentType.REGISTRATION)
        check(saa.result, f"assignment of {identity}")
        self.reports.settled(impi)
        counters.inc("cx_registration")
        return self._take(impi, identity, saa, known=again)

    def _take(self, impi: str, identity: str, saa: Saa, *, known: bool = False) -> tuple[Subscriber, Impu]:
        """What the HSS says of a user. One that cannot be used the HSS has to forget, unless it was `known` before."""
        kind = ServerAssignmentType.ADMINISTRATIVE_DEREGISTRATION
        try:
            return self._users.take(impi, identity, UserData.parse(saa.user_data) if saa.user_data else None)
        except DiameterError as error:
            if as_result(error) == CxResult.ERROR_TOO_MUCH_DATA.result:
                kind = ServerAssignmentType.DEREGISTRATION_TOO_MUCH_DATA
            refusal = SipError(500, f"the profile of {impi} cannot be used: {error}", {"retry-after": RETRY_AFTER})
        except SipError as error:
            refusal = error
        if not known:
            self.reports.unusable(impi, identity, kind)
        raise refusal

    async def _assign(self, impi: str, identity: str, kind: ServerAssignmentType, known: bool = False) -> Saa:
        saa: Saa = await self._ask(Sar(impi, (identity,), self._server, kind, known))
        return saa

    async def location_info(self, impu: Uri) -> bool:
        """LIR (TS 24.229 5.3.2.1): has somebody an identity that nobody has here?"""
        return await self._locate(impu) is not None

    async def _locate(self, impu: Uri) -> tuple[str, str] | None:
        """The identity as the HSS has it, and the server that has the user, "" for none; None for nobody's."""
        local = impu.is_sip and bool(impu.user) and self._subscribers.is_local(impu.host)
        if not local and impu.scheme != "tel":
            return None
        identity = self._identity(impu)
        lia: Server = await self._ask(Lir(identity))
        if lia.result == CxResult.ERROR_USER_UNKNOWN.result:
            return None
        if lia.result == CxResult.ERROR_IDENTITY_NOT_REGISTERED.result:
            return identity, ""
        check(lia.result, f"the location of {identity}")
        where = lia.name[:LONGEST] or "that no server has it"
        log(IMS, INFO, f"{identity} is not registered here; the HSS says {where}")
        return identity, lia.name

    async def unregistered_user(self, impu: Uri) -> tuple[Subscriber, Impu] | None:
        """LIR, and SAR for a user who is not registered (TS 24.229 5.4.3.3): from now on it is here as one who is away.

        None for nobody's identity; SipError, 480 for a user whom another server has.
        """
        found = await self._locate(impu)
        if found is None:
            return None
        identity, server = found
        if server not in ("", self._server):
            raise SipError(480, f"{identity} is served by {server[:LONGEST]}")
        saa = await self._assign("", identity, ServerAssignmentType.UNREGISTERED_USER)
        check(saa.result, f"assignment of {identity}, which is not registered")
        if not saa.impi or self._is_own(saa.impi, impu):
            raise SipError(500, f"the HSS has {identity} for the user {saa.impi[:80]!r}, who cannot be taken on")
        known = self._users.by_impi(saa.impi)
        if known is not None:
            return known, known.impu(key_of(parse_uri(identity))) or known.impus[0]
        return self._take(saa.impi, identity, saa)

    # -- who is who
    def _is_own(self, username: str, impu: Uri) -> bool:
        """Is it one of ue_db, by either of its names?"""
        user = self._subscribers.by_impi(username) if username else None
        found = self._subscribers.by_impu(impu)
        return (user is not None and not user.external) or (
            user is None and found is not None and not found[0].external
        )

    def _identity(self, uri: Uri) -> str:
        """A public identity as the HSS has it (TS 23.003 13.4): no port, no parameters, no address for a domain."""
        if uri.scheme == "tel":
            text = f"tel:{uri.number}"
        elif uri.is_sip and uri.user:
            local = is_address(uri.host) and self._subscribers.is_local(uri.host)
            text = f"sip:{escape_user(uri.user)}@{self._subscribers.domain if local else uri.host}"
        else:
            raise SipError(403, f"{uri.text[:80]} is no public identity of a user")
        return _clean(text)

    def _impi(self, username: str, identity: str) -> str:
        """The private identity: without credentials it is the public one (TS 24.229 5.3.1.2)."""
        if not username:
            username = identity.partition(":")[2]
        known = self._users.by_impi(username)
        if known is not None:
            return known.impi
        return _clean(username if "@" in username else f"{username}@{self._subscribers.domain}")

    def _identity_of(self, subscriber: Subscriber) -> str:
        impi = subscriber.impi
        return self._vectors.identity(impi) or self._users.identity(impi) or subscriber.impus[0].uri.text

    # -- asking
    async def _ask(self, request: Any) -> Any:
        """The answer, or the SipError that says that there is none."""
        what = f"{request.command.abbreviation}R"
        if self._client is None:
            raise self._unanswered(500, f"{what}: the HSS is not connected")
        if self._asked >= MOST_ASKED:
            raise self._unanswered(500, f"{what}: {MOST_ASKED} questions to the HSS wait for an answer")
        there = self._client.remote is not None
        self._asked += 1
        try:
            return await self._client.ask(request, within=ASK_TIME)  # one that is away is tried, for the next who asks
        except NoAnswer as error:
            if not there:
                raise self._unanswered(500, f"{what}: the HSS is not connected") from None
            raise self._unanswered(504, f"{what} without an answer: {error}") from None
        except DiameterError as error:
            log(CX, WARN, f"the answer to {what} cannot be used: {error}")
            raise self._unanswered(500, f"the answer to {what} cannot be used: {error}") from None
        finally:
            self._asked -= 1

    @staticmethod
    def _unanswered(code: int, why: str) -> SipError:
        counters.inc("cx_unanswered")
        return SipError(code, why, {"retry-after": RETRY_AFTER})


def check(result: Result, what: str) -> None:
    """SipError for an answer that refuses (TS 24.229 5.3.1.2, 5.4.1.2.1)."""
    if result.ok or result == SUCCESS:
        return
    counters.inc("cx_refused")
    why = f"{what}: the HSS says {_name(result)}"
    if result in _FORBIDDEN:
        raise SipError(403, why)
    code = 504 if not result.vendor and result.code == ResultCode.DIAMETER_UNABLE_TO_DELIVER else 500
    raise SipError(code, why, {"retry-after": RETRY_AFTER})


def _name(result: Result) -> str:
    try:
        return f"{result}, {(CxResult if result.vendor else ResultCode)(result.code).name}"
    except ValueError:
        return str(result)


def _clean(text: str) -> str:
    """An identity that can be sent; SipError 403."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SipError(403, f"{text[:80]!r} is no identity") from None
    if len(text) > LONGEST or not text.isprintable():
        raise SipError(403, f"{text[:80]!r} is no identity")
    return text

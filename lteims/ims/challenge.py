"""Digest challenges and their answers (RFC 3261 22, RFC 2617, RFC 3310, RFC 4169, TS 33.203 6.1): nonces and verdicts.

A nonce lives once without qop, and for NONCE_TIME with rising nc where qop is used. scscf.py asks for REGISTER,
pcscf.py for other requests. Every refusal says in words why.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from lteims.aka import digest
from lteims.aka.errors import AkaError
from lteims.clock import Clock
from lteims.config import AuthentType
from lteims.ims.hss import AuthVector, Resync
from lteims.ims.subscribers import Subscriber
from lteims.sip.headers import AuthValue
from lteims.sip.message import Request
from lteims.trace import IMS, INFO, log

NONCE_TIME: Final = 128.0  # seconds: reg-await-auth of TS 24.229 7.8 is 4 minutes at most; 64*T1 with T1 = 2
MAX_NONCES: Final = 65536
LEVELS: Final = {"MD5": AuthentType.MD5, "AKAV1-MD5": AuthentType.AKAV1, "AKAV2-MD5": AuthentType.AKAV2}


@dataclass(init=False, slots=True)
class Challenge:
    """One nonce that we gave out."""

    nonce: str
    impi: str
    realm: str
    vector: AuthVector
    born: float
    register: bool
    qop: bool
    nc: int  # the highest count that was right
    used: bool
    protected: bool  # its 401 carried Security-Server, so that the answer has to come by the SAs that it began

    def __init__(
        self, nonce: str, impi: str, realm: str, vector: AuthVector, born: float, register: bool, qop: bool
    ) -> None:
        self.nonce = nonce
        self.impi = impi
        self.realm = realm
        self.vector = vector
        self.born = born
        self.register = register
        self.qop = qop
        self.nc = 0
        self.used = False
        self.protected = False


class Integrity(NamedTuple):
    """What the SA that a request came by proves (TS 24.229 5.2.2.2, integrity-protected="yes")."""

    impi: str
    nonce: str  # of the challenge whose CK and IK these are
    established: bool  # False: nobody has proven to know RES yet


class Verdict(Enum):
    """What becomes of credentials."""

    OK = "ok"
    CHALLENGE = "challenge"  # send a (new) challenge
    STALE = "stale"  # the same, telling the client that only the nonce was old
    REFUSED = "refused"  # 403
    RESYNC = "resync"  # a new vector after resynchronisation


class Judgement(NamedTuple):
    """A verdict with its reason in words, and the resynchronisation data."""

    verdict: Verdict
    why: str = ""
    resync: Resync | None = None


class Challenges:
    """All outstanding nonces of the process."""

    def __init__(self, clock: Clock, octets: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._octets = octets
        self.on_answered: Callable[[float], None] | None = None  # told how long a phone took, in seconds
        self.on_unanswered: Callable[[str], None] | None = None  # told the IMPI of a REGISTER challenge that was left
        self._by_nonce: OrderedDict[str, Challenge] = OrderedDict()  # oldest first

    def issue(
        self, subscriber: Subscriber, vector: AuthVector, *, register: bool, qop: bool, stale: bool
    ) -> tuple[str, Challenge]:
        """The value of a WWW-Authenticate header; AKA always offers qop (RFC 3310 3.2), MD5 where asked."""
        self.sweep()
        realm = vector.realm or subscriber.domain
        if vector.aka is not None:
            nonce = digest.aka_nonce(vector.aka.rand, vector.aka.autn)
            qop = True
        else:
            nonce = self._octets(16).hex()
        challenge = Challenge(nonce, subscriber.impi, realm, vector, self._clock(), register, qop)
        self._by_nonce[nonce] = challenge
        parts = [f'Digest realm="{realm}"', f'nonce="{nonce}"', f"algorithm={vector.algorithm}"]
        if qop:
            parts.append('qop="auth,auth-int"' if vector.aka is not None else 'qop="auth"')
        if stale:
            parts.append("stale=true")
        return ", ".join(parts), challenge

    def sweep(self) -> None:
        """Forget nonces that are past; a REGISTER challenge that nobody answered is told (PHONES: endless 401)."""
        now, nonces = self._clock(), self._by_nonce
        while nonces:
            challenge = next(iter(nonces.values()))
            if now - challenge.born < NONCE_TIME and len(nonces) < MAX_NONCES:
                return
            del nonces[challenge.nonce]
            if challenge.register and not challenge.used:
                log(
                    IMS, INFO,
                    f"registration of {challenge.impi} failed: no answer to the 401 "
                    f"({challenge.vector.algorithm} was asked)",
                )  # fmt: skip
                if self.on_unanswered is not None:
                    self.on_unanswered(challenge.impi)

    def outstanding(self) -> int:
        """How many nonces live."""
        return len(self._by_nonce)

    def judge(
        self, subscriber: Subscriber, request: Request, credentials: AuthValue, integrity: Integrity | None = None
    ) -> Judgement:
        """Are these credentials right for this request, which came by an SA or not?"""
        challenge = self._by_nonce.get(credentials.get("nonce"))
        if challenge is None or self._clock() - challenge.born >= NONCE_TIME:
            return self._judge_old(subscriber, request, credentials)
        if challenge.impi != subscriber.impi:
            return Judgement(Verdict.CHALLENGE, f"the nonce was given to {challenge.impi}")
        if challenge.vector.aka is not None:  # a card that refuses begins no SAs: it says so in clear
            if "auts" in credentials.params:
                return self._resync(challenge, credentials)
            if not credentials.get("response"):  # TS 24.229 5.1.1.5.3: neither response nor AUTS
                self._forget(challenge)
                return Judgement(Verdict.REFUSED, "MAC failure: the SIM does not accept our AUTN (K or OPc differ)")
        if challenge.protected and (integrity is None or integrity.nonce != challenge.nonce):
            how = "in clear" if integrity is None else "by other SAs"  # TS 33.203 7.2: SM7 is protected by the new ones
            return Judgement(Verdict.CHALLENGE, f"the answer came {how}, and the 401 had begun SAs for it")
        if credentials.get("realm") != challenge.realm:
            self._forget(challenge)
            return Judgement(Verdict.CHALLENGE, f"realm {credentials.get('realm')[:80]!r} is not {challenge.realm!r}")
        algorithm = credentials.get("algorithm") or challenge.vector.algorithm  # some phones leave it out
        if algorithm.upper() != challenge.vector.algorithm.upper():
            self._forget(challenge)
            return Judgement(Verdict.CHALLENGE, f"algorithm {algorithm[:20]} instead of {challenge.vector.algorithm}")
        return self._judge_response(challenge, request, credentials)

    def _judge_old(self, subscriber: Subscriber, request: Request, credentials: AuthValue) -> Judgement:
        """Stale only if all but the nonce is right (RFC 2617 3.2.1): else a phone repeats a wrong password for ever."""
        why, user = "the nonce is unknown or too old", subscriber.user
        algorithm = credentials.get("algorithm")
        level = level_of(algorithm) if algorithm else user.authent_type
        if level is not AuthentType.MD5 or not user.pwd:
            return Judgement(Verdict.STALE, why)
        try:
            expected = digest.response(
                "MD5", credentials.get("username"), subscriber.domain, user.pwd.encode(), request.method,
                credentials.get("uri"), credentials.get("nonce"), credentials.get("qop").lower(), credentials.get("nc"),
                credentials.get("cnonce"), request.body,
            )  # fmt: skip
        except AkaError as error:
            return Judgement(Verdict.CHALLENGE, str(error))
        if digest.same(expected, credentials.get("response")):
            return Judgement(Verdict.STALE, why)
        return Judgement(Verdict.CHALLENGE, f"wrong password or realm, and {why}")

    def _resync(self, challenge: Challenge, credentials: AuthValue) -> Judgement:
        assert challenge.vector.aka is not None
        self._forget(challenge)
        try:
            auts = digest.parse_aka_auts(credentials.get("auts"))
        except AkaError as error:
            return Judgement(Verdict.REFUSED, f"SQN: bad AUTS: {error}")
        return Judgement(Verdict.RESYNC, "SQN", Resync(challenge.vector.aka.rand, auts))

    def _judge_response(self, challenge: Challenge, request: Request, credentials: AuthValue) -> Judgement:
        qop, nc, algorithm = credentials.get("qop").lower(), 0, challenge.vector.algorithm
        if qop:
            try:
                nc = int(credentials.get("nc"), 16)
            except ValueError:
                return Judgement(Verdict.CHALLENGE, f"nc {credentials.get('nc')[:20]!r} is no hexadecimal number")
            if nc <= challenge.nc:
                return Judgement(Verdict.STALE, f"nc {nc} was used before")
        elif challenge.nc or challenge.used:
            return Judgement(Verdict.STALE, "the nonce was used before")
        try:
            expected = self._expected(challenge, request, credentials, algorithm, qop)
        except AkaError as error:
            return Judgement(Verdict.CHALLENGE, str(error))
        first = not challenge.used
        challenge.used = True
        if not digest.same(expected, credentials.get("response")):
            if first and not challenge.nc:
                self._forget(challenge)
            what = "RES mismatch" if challenge.vector.aka is not None else "wrong password"
            return Judgement(Verdict.REFUSED, f"{what}: the response to {algorithm} is not the one expected")
        if first and challenge.register and self.on_answered is not None:
            self.on_answered(self._clock() - challenge.born)
        if qop:
            challenge.nc = nc
        else:
            self._forget(challenge)
        return Judgement(Verdict.OK)

    def _expected(
        self, challenge: Challenge, request: Request, credentials: AuthValue, algorithm: str, qop: str
    ) -> str:
        uri, nc, cnonce = credentials.get("uri"), credentials.get("nc"), credentials.get("cnonce")
        if challenge.vector.ha1:
            return digest.response_of_ha1(
                algorithm, challenge.vector.ha1, request.method, uri, challenge.nonce, qop, nc, cnonce, request.body
            )
        return digest.response(
            algorithm, credentials.get("username"), challenge.realm, self._password(challenge), request.method, uri,
            challenge.nonce, qop, nc, cnonce, request.body,
        )  # fmt: skip

    def _forget(self, challenge: Challenge) -> None:
        """It was answered, rightly or not: it counts no more, and nobody complains that it was not."""
        self._by_nonce.pop(challenge.nonce, None)

    def _password(self, challenge: Challenge) -> bytes:
        aka = challenge.vector.aka
        if aka is None:
            return challenge.vector.password
        return digest.aka_password(challenge.vector.algorithm, aka.xres, aka.ck, aka.ik)


def credentials_of(request: Request, username_known: Callable[[str], bool]) -> AuthValue | None:
    """The Digest credentials of Authorization or Proxy-Authorization; of several, those of a user of ours."""
    found = None
    for name in ("authorization", "proxy-authorization"):
        for line in request.headers.get(name, ()):
            value = AuthValue.parse(line)
            if value.scheme == "digest":
                if username_known(value.get("username")):
                    return value
                found = found or value
    return found


def level_of(algorithm: str) -> AuthentType | None:
    """The authentication level of an algorithm's name, None for one that we do not speak."""
    return LEVELS.get(algorithm.upper())


def shows_qop(credentials: AuthValue | None) -> bool:
    """Has the client shown that it knows qop? Without that, an MD5 challenge carries none."""
    return credentials is not None and not {"qop", "cnonce", "nc"}.isdisjoint(credentials.params)

"""The embedded HSS (TS 23.228 4.3, TS 29.228): answers the Cx questions from ue_db; ims/cx.py is the other answer.

`Hss` is the interface, its methods are the Cx commands. Vectors are TS 33.102; the SQN is durable before a vector
leaves, so it never goes back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from lteims.aka import sqn as sequence
from lteims.aka.algorithm import Algorithm, Quintuple, new_algorithm
from lteims.aka.errors import AkaConfigError
from lteims.config import AuthentType
from lteims.ims.subscribers import Impu, Subscriber, Subscribers
from lteims.sip.errors import SipError
from lteims.sip.uri import Uri
from lteims.store.state import StateStore
from lteims.trace import DEBUG, IMS, INFO, log

KIND: Final = "sqn"  # in the state file


@dataclass(init=False, slots=True)
class AuthVector:
    """What a challenge is made of: for MD5 the password, or H(A1) for one realm; for AKA a vector."""

    algorithm: str  # MD5, AKAv1-MD5, AKAv2-MD5
    password: bytes
    aka: Quintuple | None
    ha1: str  # in hexadecimal; "" where the password is known
    realm: str  # that of `ha1`

    def __init__(
        self, algorithm: str, password: bytes = b"", aka: Quintuple | None = None, ha1: str = "", realm: str = ""
    ) -> None:
        self.algorithm = algorithm
        self.password = password
        self.aka = aka
        self.ha1 = ha1
        self.realm = realm


@dataclass(frozen=True, slots=True)
class Resync:
    """The AUTS of a phone and the RAND that it answers (TS 33.102 6.3.5)."""

    rand: bytes
    auts: bytes


class Assignment(Enum):
    """Why the HSS hears of a user (Server-Assignment-Type, as far as the registrar knows of it)."""

    REGISTRATION = "registration"
    AUTHENTICATION_FAILURE = "authentication failure"


class Hss(Protocol):
    """The Cx commands as questions. SipError 500 or 504 where the one who knows cannot be asked."""

    async def user_authorization(
        self, username: str, impu: Uri, *, leaving: bool = False, sos: bool = False
    ) -> tuple[Subscriber, Impu]:
        """UAR: whose is this registration? SipError 403 when nobody's (TS 24.229 5.3.1.3)."""

    async def multimedia_auth(
        self, subscriber: Subscriber, level: AuthentType | None, resync: Resync | None
    ) -> AuthVector:
        """MAR: an authentication vector; SipError 403 when the entry cannot give one. `level` None: of any kind."""

    async def server_assignment(
        self, subscriber: Subscriber, impu: Impu, assignment: Assignment
    ) -> tuple[Subscriber, Impu]:
        """SAR: what the user is from now on, and the identity that its contact is bound to."""

    async def location_info(self, impu: Uri) -> bool:
        """LIR, for an identity that nobody has here: does somebody have it?"""


class EmbeddedHss:
    """The HSS of ue_db."""

    def __init__(self, subscribers: Subscribers, store: StateStore, octets: Callable[[int], bytes]) -> None:
        self._subscribers = subscribers
        self._store = store
        self._octets = octets
        self._algorithms: dict[str, Algorithm] = {}
        self._sqn: dict[str, int] = {impi: int.from_bytes(v, "big") for impi, v in store.load(KIND).items()}

    async def user_authorization(
        self, username: str, impu: Uri, *, leaving: bool = False, sos: bool = False
    ) -> tuple[Subscriber, Impu]:
        """UAR (TS 29.228 6.1.1)."""
        found = self._subscribers.by_impu(impu)
        if not username:
            if found is None:
                raise SipError(403, f"unknown IMPU {impu}")
            return found
        subscriber = self._subscribers.by_impi(username)
        if subscriber is None:
            raise SipError(403, f"unknown IMPI {username[:80]!r}")
        if found is None or found[0] is not subscriber:
            mine = next((i for i in subscriber.impus if found and i.key == found[1].key), None)
            if mine is None:
                raise SipError(403, f"IMPU {impu} does not belong to IMPI {subscriber.impi}")
            return subscriber, mine
        return found

    async def multimedia_auth(
        self, subscriber: Subscriber, level: AuthentType | None, resync: Resync | None
    ) -> AuthVector:
        """MAR (TS 29.228 6.3)."""
        if level is AuthentType.MD5:
            if not subscriber.user.pwd:
                raise SipError(403, f"MD5 is asked, but ue_db has no pwd for {subscriber.impi}")
            return AuthVector("MD5", subscriber.user.pwd.encode())
        algorithm = self._algorithm(subscriber)
        if resync is not None:
            self._resynchronise(subscriber, algorithm, resync)
        old = self.sqn(subscriber)
        new = sequence.next_sqn(old)
        self._set_sqn(subscriber, new)
        await self._store.commit()
        if IMS.level >= DEBUG:
            log(IMS, DEBUG, f"{subscriber.impi}: SQN {old:012x} -> {new:012x}")
        vector = algorithm.vector(self._octets(16), new, subscriber.user.amf)
        return AuthVector("AKAv2-MD5" if level is AuthentType.AKAV2 else "AKAv1-MD5", aka=vector)

    async def server_assignment(
        self, subscriber: Subscriber, impu: Impu, assignment: Assignment
    ) -> tuple[Subscriber, Impu]:
        """SAR (TS 29.228 6.1.2): all is known already."""
        return subscriber, impu

    async def location_info(self, impu: Uri) -> bool:
        """LIR (TS 29.228 6.1.4): whoever is in ue_db is here."""
        return False

    def sqn(self, subscriber: Subscriber) -> int:
        """The last SQN given out."""
        return self._sqn.get(subscriber.impi, int.from_bytes(subscriber.user.sqn, "big"))

    def _set_sqn(self, subscriber: Subscriber, sqn: int) -> None:
        self._sqn[subscriber.impi] = sqn
        self._store.put(KIND, subscriber.impi, sqn.to_bytes(6, "big"))

    def _resynchronise(self, subscriber: Subscriber, algorithm: Algorithm, resync: Resync) -> None:
        sqn_ms = algorithm.resync(resync.rand, resync.auts)
        if sqn_ms is None:
            raise SipError(403, f"{subscriber.impi}: the AUTS has a wrong MAC-S (K or OPc of ue_db are not the SIM's)")
        old = self.sqn(subscriber)
        new = sequence.resynchronised(old, sqn_ms)
        log(IMS, INFO, f"{subscriber.impi}: the SIM asks for resynchronisation, SQN {old:012x} -> {new:012x}")
        self._set_sqn(subscriber, new)

    def _algorithm(self, subscriber: Subscriber) -> Algorithm:
        known = self._algorithms.get(subscriber.impi)
        if known is None:
            user = subscriber.user
            if not user.k:
                raise SipError(403, f"AKA is asked, but ue_db has no K for {subscriber.impi}")
            try:
                known = self._algorithms[subscriber.impi] = new_algorithm(
                    user.sim_algo,
                    user.k,
                    op=user.op or b"",
                    opc=user.opc or b"",
                    top=user.top or b"",
                    topc=user.topc or b"",
                    res_len=user.res_len,
                )
            except AkaConfigError as error:
                raise SipError(403, f"ue_db: {subscriber.impi}: {error}") from None
        return known

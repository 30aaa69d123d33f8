"""The authentication centre of the simulated HSS (TS 29.228 6.3.1, TS 33.102 6.3): vectors of what a user has.

hss.py asks for them; the values are those of ue_db.
"""

from collections.abc import Callable

from lteims.aka import digest, sqn
from lteims.aka.algorithm import Algorithm, new_algorithm
from lteims.config import UserConfig
from lteims.diameter.cx_auth import AkaVector, AuthRequest, DigestVector, Scheme, Vector
from lteims.diameter.errors import DiameterError, ResultCode

_AKA = (Scheme.AKAV1_MD5, Scheme.AKAV2_MD5)


class Authentication:
    """What one user can be authenticated by."""

    def __init__(self, config: UserConfig, realm: str) -> None:
        self.config = config
        self.realm = realm
        self.sqn = int.from_bytes(config.sqn, "big")
        self.resynchronisations = 0
        self._algorithm: Algorithm | None = None

    @property
    def algorithm(self) -> Algorithm:
        """The card's; AkaConfigError for keys that cannot be."""
        if self._algorithm is None:
            user = self.config
            self._algorithm = new_algorithm(
                user.sim_algo, user.k or b"", op=user.op or b"", opc=user.opc or b"", top=user.top or b"",
                topc=user.topc or b"", res_len=user.res_len,
            )  # fmt: skip
        return self._algorithm

    def scheme(self, asked: Scheme) -> Scheme | None:
        """The one that a MAR gets; None where the user has not that one."""
        if asked is Scheme.UNKNOWN:
            return Scheme.AKAV1_MD5 if self.config.k else Scheme.DIGEST if self.config.pwd else None
        if asked is Scheme.DIGEST:
            return asked if self.config.pwd else None
        return asked if asked in _AKA and self.config.k else None


def vectors(
    user: Authentication, asked: AuthRequest, count: int, octets: Callable[[int], bytes]
) -> tuple[Vector, ...] | None:
    """So many of what was asked for, in their order; None for a scheme that the user has not. DiameterError for an AUTS
    that the user's card has not made."""
    scheme = user.scheme(asked.scheme)
    if scheme is None:
        return None
    if scheme is Scheme.DIGEST:
        name = user.config.impi or f"{user.config.imsi}@{user.realm}"
        return (DigestVector(user.realm, digest.ha1("MD5", name, user.realm, user.config.pwd.encode())),)
    if asked.resync:
        sqn_ms = user.algorithm.resync(asked.rand, asked.auts)
        if sqn_ms is None:
            raise DiameterError("the AUTS has a wrong MAC-S", ResultCode.DIAMETER_UNABLE_TO_COMPLY)
        user.sqn = sqn.resynchronised(user.sqn, sqn_ms)
        user.resynchronisations += 1
    return tuple(_next(user, scheme, octets) for _ in range(count))


def _next(user: Authentication, scheme: Scheme, octets: Callable[[int], bytes]) -> AkaVector:
    user.sqn = sqn.next_sqn(user.sqn)
    made = user.algorithm.vector(octets(16), user.sqn, user.config.amf)
    return AkaVector(made.rand, made.autn, made.xres, made.ck, made.ik, scheme)

"""Authentication vectors of the external HSS (TS 29.228 6.3): those that are not used yet, and what they become.

cx.py has one table of them; it remembers by which identity each user is about to register, too.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Final

from lteims.aka.algorithm import Quintuple
from lteims.config import AuthentType
from lteims.diameter.cx_auth import AkaVector, DigestVector, Scheme, Vector
from lteims.ims.hss import AuthVector
from lteims.sip.errors import SipError

MOST_USERS: Final = 10_000  # whose vectors are kept; the HSS is asked again for others
MOST_EACH: Final = 8  # vectors of one user
_SCHEMES: Final = {
    AuthentType.MD5: Scheme.DIGEST,
    AuthentType.AKAV1: Scheme.AKAV1_MD5,
    AuthentType.AKAV2: Scheme.AKAV2_MD5,
}
_ALGORITHMS: Final = {Scheme.AKAV1_MD5: "AKAv1-MD5", Scheme.AKAV2_MD5: "AKAv2-MD5"}


def schemes(level: AuthentType | None, resync: bool) -> tuple[Scheme, ...]:
    """What to ask for, in turn while the HSS does not support it: what the phone says, else what the HSS says."""
    if level is not None:
        named = _SCHEMES.get(level, Scheme.UNKNOWN)
        return (named,) if resync or named is Scheme.UNKNOWN else (named, Scheme.UNKNOWN)
    return (Scheme.AKAV1_MD5,) if resync else (Scheme.UNKNOWN, Scheme.DIGEST, Scheme.AKAV1_MD5)


@dataclass(slots=True)
class _Pending:
    identity: str
    vectors: deque[AkaVector] = field(default_factory=deque)


class Vectors:
    """By IMPI, the users that were asked for last."""

    def __init__(self) -> None:
        self._pending: OrderedDict[str, _Pending] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(pending.vectors) for pending in self._pending.values())

    def remember(self, impi: str, identity: str) -> None:
        """The user is about to register by this identity."""
        found = self._pending.get(impi)
        if found is not None:
            found.identity = identity
            self._pending.move_to_end(impi)
            return
        self._pending[impi] = _Pending(identity)
        if len(self._pending) > MOST_USERS:
            self._pending.popitem(last=False)

    def identity(self, impi: str) -> str:
        """What `remember` was told last; "" for one that is not known any more."""
        found = self._pending.get(impi)
        return found.identity if found is not None else ""

    def take(self, impi: str, scheme: Scheme) -> AkaVector | None:
        """The next vector that is kept; one of SIP Digest never is."""
        found = self._pending.get(impi)
        if found is None or not found.vectors or scheme not in (found.vectors[0].scheme, Scheme.UNKNOWN):
            return None
        return found.vectors.popleft()

    def keep(self, impi: str, vectors: tuple[Vector, ...]) -> Vector | None:
        """The first of what the HSS gave; those of AKA behind it take the place of what was kept."""
        if not vectors:
            return None
        found = self._pending.get(impi)
        if found is not None:
            rest = [each for each in vectors[1 : 1 + MOST_EACH] if isinstance(each, AkaVector)]
            found.vectors = deque(rest)
        return vectors[0]

    def drop(self, impi: str) -> None:
        """None of those that are kept is any good: the SIM counts otherwise."""
        found = self._pending.get(impi)
        if found is not None:
            found.vectors.clear()


def auth_vector(impi: str, vector: Vector) -> AuthVector:
    """What a challenge is made of; SipError 403 for an algorithm that nothing here speaks."""
    if isinstance(vector, DigestVector):
        if vector.algorithm.upper() != "MD5":
            raise SipError(403, f"the HSS has {vector.algorithm[:20]} for {impi}, and MD5 is what is spoken here")
        return AuthVector("MD5", ha1=vector.ha1.lower(), realm=vector.realm)
    algorithm = _ALGORITHMS.get(vector.scheme)
    if algorithm is None:
        raise SipError(403, f"the HSS has {vector.scheme} for {impi}, which is not spoken here")
    aka = Quintuple(vector.rand, vector.autn, vector.xres, vector.ck, vector.ik, bytes(6))  # its SQN stays hidden
    return AuthVector(algorithm, aka=aka)

"""The USIM's side of AKA: AUTN checked, RES, CK and IK answered, or an AUTS (TS 33.102 6.3.3 and annex C.2).

Called by the virtual phone in sim/ and by tests; the f-functions are those that made the challenge.
"""

from dataclasses import dataclass
from hmac import compare_digest

from lteims.aka.algorithm import AUTN_LEN, RAND_LEN, RESYNC_AMF, Algorithm, xor6
from lteims.aka.errors import AkaError
from lteims.aka.sqn import DELTA, IND_MASK, split


@dataclass(frozen=True, slots=True)
class Accepted:
    """The network is genuine and its challenge fresh."""

    res: bytes
    ck: bytes
    ik: bytes


@dataclass(frozen=True, slots=True)
class MacFailure:
    """The network does not know K: the phone answers with an empty response (TS 24.229 5.1.1.5.3)."""


@dataclass(frozen=True, slots=True)
class SyncFailure:
    """The challenge is not fresh: the phone answers with AUTS. Both SQN are there for the log."""

    auts: bytes
    sqn: int
    sqn_ms: int


class Usim:
    """One USIM: the algorithm and the array of the highest SEQ accepted under each IND (annex C.2.1).

    `delta` is the largest jump of SEQ that is accepted, `limit` how far SEQ may lie behind the highest one
    (annex C.2.1 and C.2.2, "L"; None: not checked).
    """

    __slots__ = ("_algorithm", "_delta", "_limit", "seq_ms", "sqn_ms")

    def __init__(self, algorithm: Algorithm, *, sqn_ms: int = 0, delta: int = DELTA, limit: int | None = None) -> None:
        self._algorithm = algorithm
        self._delta = delta
        self._limit = limit
        self.sqn_ms = sqn_ms  # the highest SQN accepted, whatever its IND
        self.seq_ms = [0] * (IND_MASK + 1)
        seq, ind = split(sqn_ms)
        self.seq_ms[ind] = seq

    def authenticate(self, rand: bytes, autn: bytes) -> Accepted | MacFailure | SyncFailure:
        """What the card answers to AUTHENTICATE; AkaError when RAND or AUTN has not 16 octets."""
        if len(rand) != RAND_LEN or len(autn) != AUTN_LEN:
            raise AkaError(f"RAND of {len(rand)} and AUTN of {len(autn)} octets instead of 16 and 16")
        functions = self._algorithm.functions
        res, ck, ik, ak = functions.f2345(rand)
        hidden, amf, mac = xor6(autn[:6], ak), autn[6:8], autn[8:]
        if not compare_digest(functions.f1(rand, hidden, amf), mac):
            return MacFailure()
        sqn = int.from_bytes(hidden, "big")
        if not self._fresh(sqn):
            return SyncFailure(self._auts(rand), sqn, self.sqn_ms)
        self._accept(sqn)
        return Accepted(res, ck, ik)

    def _fresh(self, sqn: int) -> bool:
        seq, ind = split(sqn)
        highest = split(self.sqn_ms)[0]
        if seq - highest > self._delta:
            return False
        if self._limit is not None and highest - seq >= self._limit:
            return False
        return seq > self.seq_ms[ind]

    def _accept(self, sqn: int) -> None:
        seq, ind = split(sqn)
        self.seq_ms[ind] = seq
        if seq > split(self.sqn_ms)[0]:
            self.sqn_ms = sqn

    def _auts(self, rand: bytes) -> bytes:
        functions = self._algorithm.functions
        sqn_ms = self.sqn_ms.to_bytes(6, "big")
        return xor6(sqn_ms, functions.f5_star(rand)) + functions.f1_star(rand, sqn_ms, RESYNC_AMF)

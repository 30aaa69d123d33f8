"""One subscriber's authentication algorithm behind one interface: vectors for the HSS, AUTS checked (TS 33.102 6.3).

`new_algorithm` builds it from the plain values of ue_db. ims/hss.py asks for vectors, usim.py answers them;
both share the f-functions of milenage.py, tuak.py or xor.py.
"""

from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from typing import Protocol

from lteims.aka.errors import AkaConfigError, AkaError
from lteims.aka.milenage import Milenage, derive_opc
from lteims.aka.tuak import Tuak, derive_topc
from lteims.aka.xor import Xor

RAND_LEN, AUTN_LEN, AUTS_LEN, AMF_LEN = 16, 16, 14, 2
RESYNC_AMF = bytes(2)  # TS 33.102 6.3.3: f1* takes a dummy AMF of zeros
DEFAULT_RES_LEN = 8
MAX_SQN = (1 << 48) - 1


class SimAlgo(StrEnum):
    """`sim_algo` of a ue_db entry."""

    XOR = "xor"
    MILENAGE = "milenage"
    TUAK = "tuak"


@dataclass(frozen=True, slots=True)
class Quintuple:
    """An authentication vector of TS 33.102 6.3.2, with the AK that hides its SQN."""

    rand: bytes
    autn: bytes
    xres: bytes
    ck: bytes
    ik: bytes
    ak: bytes


class Functions(Protocol):
    """The functions of TS 33.102 figure 7 under one K; octet strings in, octet strings out."""

    res_len: int

    def f12345(self, rand: bytes, sqn: bytes, amf: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """MAC-A, RES, CK, IK, AK."""

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A."""

    def f1_star(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S."""

    def f2345(self, rand: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """RES, CK, IK, AK."""

    def f5_star(self, rand: bytes) -> bytes:
        """The AK of an AUTS."""


class Algorithm:
    """A subscriber's algorithm as the authentication centre uses it; keeps no SQN (sqn.py) and no state."""

    __slots__ = ("functions",)

    def __init__(self, functions: Functions) -> None:
        self.functions = functions

    @property
    def res_len(self) -> int:
        """Octets of RES."""
        return self.functions.res_len

    def vector(self, rand: bytes, sqn: int, amf: bytes) -> Quintuple:
        """The vector for a RAND of 16 octets, a SQN of 48 bits and an AMF of 2 octets (TS 33.102 6.3.2)."""
        _check_length("RAND", rand, RAND_LEN)
        hidden = sqn.to_bytes(6, "big")
        mac, xres, ck, ik, ak = self.functions.f12345(rand, hidden, amf)
        return Quintuple(rand, xor6(hidden, ak) + amf + mac, xres, ck, ik, ak)

    def resync(self, rand: bytes, auts: bytes) -> int | None:
        """SQN_MS out of an AUTS for this RAND, or None when its MAC-S is wrong (TS 33.102 6.3.5).

        AkaError when RAND or AUTS has not its length.
        """
        _check_length("RAND", rand, RAND_LEN)
        _check_length("AUTS", auts, AUTS_LEN)
        sqn_ms = xor6(auts[:6], self.functions.f5_star(rand))
        mac_s = self.functions.f1_star(rand, sqn_ms, RESYNC_AMF)
        return int.from_bytes(sqn_ms, "big") if compare_digest(mac_s, auts[6:]) else None


def xor6(a: bytes, b: bytes) -> bytes:
    """Six octets xor six octets: a SQN and the AK that hides it."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(6, "big")


def new_algorithm(
    sim_algo: str,
    k: bytes,
    *,
    op: bytes = b"",
    opc: bytes = b"",
    top: bytes = b"",
    topc: bytes = b"",
    res_len: int = DEFAULT_RES_LEN,
) -> Algorithm:
    """The algorithm of one ue_db entry; an empty value is an absent property, and opc (topc) wins over op (top).

    K has 16 octets (TUAK: 16 or 32), op and opc 16, top and topc 32; res_len is 4 to 8 for Milenage, 4 to 16 for
    XOR, and 4, 8, 16 or 32 for TUAK. AkaConfigError names the property that does not fit.
    """
    match sim_algo:
        case SimAlgo.XOR:
            _check_property("K", k, 16)
            _check_res_len(sim_algo, res_len, range(4, 17))
            return Algorithm(Xor(k, res_len))
        case SimAlgo.MILENAGE:
            _check_property("K", k, 16)
            _check_res_len(sim_algo, res_len, range(4, 9))
            return Algorithm(Milenage(k, _operator_key("op", op, "opc", opc, 16) or derive_opc(k, op), res_len))
        case SimAlgo.TUAK:
            _check_property("K", k, 16, 32)
            _check_res_len(sim_algo, res_len, (4, 8, 16, 32))
            return Algorithm(Tuak(k, _operator_key("top", top, "topc", topc, 32) or derive_topc(k, top), res_len))
        case _:
            raise AkaConfigError(f"sim_algo '{sim_algo}' is unknown: expected {', '.join(SimAlgo)}")


def _operator_key(plain_name: str, plain: bytes, derived_name: str, derived: bytes, length: int) -> bytes:
    """The checked derived key, or nothing when it has to be derived from the plain one."""
    if derived:
        _check_property(derived_name, derived, length)
    elif plain:
        _check_property(plain_name, plain, length)
    else:
        raise AkaConfigError(f"{plain_name} or {derived_name} is missing")
    return derived


def _check_property(name: str, value: bytes, *lengths: int) -> None:
    if len(value) not in lengths:
        wanted = " or ".join(str(length) for length in lengths)
        raise AkaConfigError(f"{name} has {len(value)} bytes: expected {wanted} ({name} is written in hexadecimal)")


def _check_res_len(sim_algo: str, res_len: int, allowed: range | tuple[int, ...]) -> None:
    if res_len not in allowed:
        wanted = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else ", ".join(map(str, allowed))
        raise AkaConfigError(f"res_len {res_len} does not fit sim_algo {sim_algo}: expected {wanted}")


def _check_length(name: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise AkaError(f"{name} has {len(value)} octets instead of {length}")

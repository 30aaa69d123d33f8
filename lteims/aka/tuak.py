"""The TUAK functions f1, f1*, f2 to f5 and f5* of one subscriber: TS 35.231, on Keccak; called by algorithm.py.

The input block of clause 6 is written bit-reversed, which for whole octets means: each field's octets backwards.
768 bits of fields with the clause's padding are exactly SHAKE256 of 96 octets, when Keccak is iterated once.
"""

from hashlib import shake_256

from lteims.aka.keccak import keccak_f1600

_ALGONAME = b"TUAK1.0"[::-1]
# INSTANCE (TS 35.231 clauses 6.1 to 6.5): which function, then the lengths of MAC or RES, of CK, IK and K.
_F1, _F1_STAR, _F2345, _F5_STAR = 0x00, 0x80, 0x40, 0xC0
_LENGTH = {4: 0x00, 8: 0x08, 16: 0x10, 32: 0x20}
_CK_256, _IK_256, _K_256 = 0x04, 0x02, 0x01
_NO_SQN_AMF = bytes(8)
_OUTPUT = 102  # octets of OUT that any function reads: RES, CK, IK (32 each), AK


def _keccak(block: bytes, iterations: int) -> bytes:
    if iterations == 1:
        return shake_256(block).digest(_OUTPUT)
    state = block + b"\x1f" + bytes(38) + b"\x80" + bytes(64)  # clause 6: IN[768..772] and IN[1087] are 1
    for _ in range(iterations):
        state = keccak_f1600(state)
    return state[:_OUTPUT]


def _key(k: bytes) -> bytes:
    return k[::-1].ljust(32, b"\0")


def derive_topc(k: bytes, top: bytes, iterations: int = 1) -> bytes:
    """TOPc (32 octets) of an operator's TOP under K of 16 or 32 octets (TS 35.231 clause 6.1)."""
    instance = _K_256 if len(k) == 32 else 0
    block = top[::-1] + bytes([instance]) + _ALGONAME + bytes(24) + _key(k)
    return _keccak(block, iterations)[:32][::-1]


class Tuak:
    """f1 to f5* of one (K, TOPc). AKA over SIP uses a MAC of 8 octets and CK and IK of 16; the rest is in the standard.

    `res_len` may be 4, 8, 16 or 32 octets, `mac_len` 8, 16 or 32, `ck_len` and `ik_len` 16 or 32 (clause 5.1).
    """

    __slots__ = ("_ck_len", "_head", "_ik_len", "_instance", "_iterations", "_key", "_mac", "_mac_len", "res_len")

    def __init__(
        self,
        k: bytes,
        topc: bytes,
        res_len: int = 8,
        *,
        mac_len: int = 8,
        ck_len: int = 16,
        ik_len: int = 16,
        iterations: int = 1,
    ) -> None:
        key_bit = _K_256 if len(k) == 32 else 0
        self._head = topc[::-1]
        self._key = _key(k)
        self._iterations = iterations
        self._mac = _LENGTH[mac_len] | key_bit
        keys = (_CK_256 if ck_len == 32 else 0) | (_IK_256 if ik_len == 32 else 0)
        self._instance = {_F2345: _F2345 | _LENGTH[res_len] | keys | key_bit, _F5_STAR: _F5_STAR | key_bit}
        self._mac_len, self._ck_len, self._ik_len = mac_len, ck_len, ik_len
        self.res_len = res_len

    def f12345(self, rand: bytes, sqn: bytes, amf: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """MAC-A, RES, CK, IK and AK."""
        return (self.f1(rand, sqn, amf), *self.f2345(rand))

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A of mac_len octets."""
        return self._out(_F1 | self._mac, rand, amf[::-1] + sqn[::-1])[: self._mac_len][::-1]

    def f1_star(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S of mac_len octets."""
        return self._out(_F1_STAR | self._mac, rand, amf[::-1] + sqn[::-1])[: self._mac_len][::-1]

    def f2345(self, rand: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """RES, CK, IK and AK."""
        out = self._out(self._instance[_F2345], rand, _NO_SQN_AMF)
        return (
            out[: self.res_len][::-1],
            out[32 : 32 + self._ck_len][::-1],
            out[64 : 64 + self._ik_len][::-1],
            out[96:102][::-1],
        )

    def f5_star(self, rand: bytes) -> bytes:
        """The AK of resynchronisation, 6 octets."""
        return self._out(self._instance[_F5_STAR], rand, _NO_SQN_AMF)[96:102][::-1]

    def _out(self, instance: int, rand: bytes, amf_sqn: bytes) -> bytes:
        block = b"".join((self._head, bytes((instance,)), _ALGONAME, rand[::-1], amf_sqn, self._key))
        return _keccak(block, self._iterations)

"""The MILENAGE functions f1, f1*, f2 to f5 and f5* of one subscriber: TS 35.206, with AES-128 as the kernel.

Called by algorithm.py only. The whole arithmetic runs on 128-bit integers, and the four blocks of a vector go
through AES in one call, because a call costs more than a block.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

_MASK = (1 << 128) - 1


def _encryptor(k: bytes) -> CipherContext:
    # ECB of whole blocks keeps no state between calls, so that one context serves the subscriber's whole life.
    return Cipher(algorithms.AES(k), modes.ECB()).encryptor()


def derive_opc(k: bytes, op: bytes) -> bytes:
    """OPc of an operator's OP under the subscriber's K, all of 16 octets (TS 35.206 clause 4.1)."""
    return _octets(int.from_bytes(_encryptor(k).update(op), "big") ^ int.from_bytes(op, "big"))


def _octets(block: int) -> bytes:
    return block.to_bytes(16, "big")


def _rotated(block: int, bits: int) -> int:
    return ((block << bits) | (block >> (128 - bits))) & _MASK


class Milenage:
    """f1 to f5* of one (K, OPc); the constants c1..c5 and r1..r5 are those of TS 35.206 clause 4.1."""

    __slots__ = ("_aes", "_opc", "_opc_four", "_opc_r1", "res_len")

    def __init__(self, k: bytes, opc: bytes, res_len: int = 8) -> None:
        self._aes = _encryptor(k).update
        self._opc = int.from_bytes(opc, "big")
        self._opc_r1 = _rotated(self._opc, 64)
        self._opc_four = self._opc * ((1 << 384) | (1 << 256) | (1 << 128) | 1)
        self.res_len = res_len

    def f12345(self, rand: bytes, sqn: bytes, amf: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """MAC-A, RES, CK, IK and AK at once: what a vector needs, in two calls of the cipher."""
        temp = self._temp(rand)
        block = temp ^ self._opc
        blocks = (
            ((temp ^ self._in1(sqn, amf)) << 384)
            | ((block ^ 1) << 256)  # r2 = 0, c2 = 1
            | ((_rotated(block, 32) ^ 2) << 128)
            | (_rotated(block, 64) ^ 4)
        )
        out = (int.from_bytes(self._aes(blocks.to_bytes(64, "big")), "big") ^ self._opc_four).to_bytes(64, "big")
        return out[:8], out[24 : 24 + self.res_len], out[32:48], out[48:], out[16:22]

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A, 8 octets."""
        return self._out1(rand, sqn, amf)[:8]

    def f1_star(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-S, 8 octets."""
        return self._out1(rand, sqn, amf)[8:]

    def f2345(self, rand: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """RES, CK, IK and AK: what the USIM computes before it knows the SQN."""
        return self.f12345(rand, bytes(6), bytes(2))[1:]

    def f5_star(self, rand: bytes) -> bytes:
        """The AK of resynchronisation, 6 octets."""
        return self._encrypted(_rotated(self._temp(rand) ^ self._opc, 96) ^ 8)[:6]

    def _temp(self, rand: bytes) -> int:
        return int.from_bytes(self._aes(_octets(int.from_bytes(rand, "big") ^ self._opc)), "big")

    def _in1(self, sqn: bytes, amf: bytes) -> int:
        """rot(IN1 xor OPc, r1) xor c1: IN1 is one half twice, so that r1 = 64 turns only OPc."""
        half = int.from_bytes(sqn + amf, "big")
        return ((half << 64) | half) ^ self._opc_r1

    def _out1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        return self._encrypted(self._temp(rand) ^ self._in1(sqn, amf))

    def _encrypted(self, block: int) -> bytes:
        return _octets(int.from_bytes(self._aes(_octets(block)), "big") ^ self._opc)

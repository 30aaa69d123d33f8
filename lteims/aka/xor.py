"""The XOR test algorithm of test USIMs: TS 34.108 clause 8.1.2; called by algorithm.py.

No secret survives one challenge: it is for labs, where it lets a protocol analyser compute every key.
"""


class Xor:
    """f1 to f5* of one K of 16 octets; RES may have up to 16 octets."""

    __slots__ = ("_k", "res_len")

    def __init__(self, k: bytes, res_len: int = 8) -> None:
        self._k = int.from_bytes(k, "big")
        self.res_len = res_len

    def f12345(self, rand: bytes, sqn: bytes, amf: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """MAC-A, RES, CK, IK and AK."""
        xdout = self._xdout(rand)
        mac = int.from_bytes(xdout[:8], "big") ^ int.from_bytes(sqn + amf, "big")
        return (
            mac.to_bytes(8, "big"),
            xdout[: self.res_len],
            xdout[1:] + xdout[:1],
            xdout[2:] + xdout[:2],
            xdout[3:9],
        )

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> bytes:
        """MAC-A, 8 octets: XDOUT xor (SQN || AMF)."""
        return self.f12345(rand, sqn, amf)[0]

    f1_star = f1  # clause 8.1.2.2 takes the same function, with AMF* = 0

    def f2345(self, rand: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """RES, CK, IK and AK."""
        return self.f12345(rand, bytes(6), bytes(2))[1:]

    def f5_star(self, rand: bytes) -> bytes:
        """The AK of resynchronisation: that of the challenge."""
        return self._xdout(rand)[3:9]

    def _xdout(self, rand: bytes) -> bytes:
        return (int.from_bytes(rand, "big") ^ self._k).to_bytes(16, "big")

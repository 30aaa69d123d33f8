"""CPU microseconds of the authentication arithmetic, beside floors of the same run: one MD5, one AES block.

Run as `python -m bench.aka`; each figure is the best of five rounds, so that a busy machine spoils it little.
"""

import hashlib
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bench import figure
from lteims.aka import digest
from lteims.aka.algorithm import new_algorithm

ROUNDS = 5
K, RAND, AMF, SQN = bytes(range(16)), bytes(range(16, 32)), bytes.fromhex("9001"), 33
REALM = "ims.mnc001.mcc001.3gppnetwork.org"
USERNAME = f"001010123456789@{REALM}"
HA1_TEXT = f"{USERNAME}:{REALM}:secret".encode()
IN_TABLE = ("Milenage vector", "TUAK vector", "digest check, MD5", "digest check, AKAv1-MD5")


def cpu_microseconds(call: Callable[[], object], number: int) -> float:
    """The best CPU time of one call over the rounds, in microseconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(number):
            call()
        best = min(best, time.process_time() - before)
    return best / number * 1e6


def cases() -> list[tuple[str, Callable[[], object], int]]:
    """(name, call, calls a round)."""
    block = Cipher(algorithms.AES(K), modes.ECB()).encryptor().update
    xor = new_algorithm("xor", K, res_len=16)
    milenage = new_algorithm("milenage", K, opc=bytes(16))
    tuak = new_algorithm("tuak", K, topc=bytes(32))
    vector = milenage.vector(RAND, SQN, AMF)
    nonce = digest.aka_nonce(vector.rand, vector.autn)
    request = ("REGISTER", f"sip:{REALM}", nonce, "auth", "00000001", "0a4f113b")

    def check(algorithm: str) -> Callable[[], object]:
        def respond() -> str:
            password = digest.aka_password(algorithm, vector.xres, vector.ck, vector.ik)
            return digest.response(algorithm, USERNAME, REALM, password, *request)

        right = respond()
        return lambda: digest.same(right, respond())

    md5 = digest.response("MD5", USERNAME, REALM, b"secret", *request)
    return [
        ("floor: hashlib.md5 of 80 octets", lambda: hashlib.md5(HA1_TEXT).hexdigest(), 100_000),
        ("floor: one AES-128 block", lambda: block(RAND), 100_000),
        ("Milenage vector", lambda: milenage.vector(RAND, SQN, AMF), 20_000),
        ("TUAK vector", lambda: tuak.vector(RAND, SQN, AMF), 20_000),
        ("XOR vector", lambda: xor.vector(RAND, SQN, AMF), 20_000),
        ("Milenage for a new subscriber (OP)", lambda: new_algorithm("milenage", K, op=RAND), 5_000),
        ("MD5 response alone", lambda: digest.response("MD5", USERNAME, REALM, b"secret", *request), 50_000),
        (
            "digest check, MD5",
            lambda: digest.same(md5, digest.response("MD5", USERNAME, REALM, b"secret", *request)),
            50_000,
        ),
        ("digest check, AKAv1-MD5", check("AKAv1-MD5"), 50_000),
        ("digest check, AKAv2-MD5", check("AKAv2-MD5"), 50_000),
    ]


def main() -> None:
    """Print one line for each case: CPU microseconds, and how many floor MD5s that is."""
    floor = 0.0
    print(f"{'aka: CPU us of one':<40}{'us':>8}{'x md5':>8}")
    for name, call, number in cases():
        cost = cpu_microseconds(call, number)
        floor = floor or cost
        print(f"{name:<40}{cost:>8.2f}{cost / floor:>8.1f}")
        if name in IN_TABLE:
            figure(name, cost, beside=f"hashlib.md5 of 80 octets {floor:.1f}")


if __name__ == "__main__":
    main()

"""A USIM against the authentication centre: TS 33.102 6.3 and annex C.2 from both ends."""

from itertools import pairwise

import pytest

from lteims.aka.algorithm import Algorithm, new_algorithm
from lteims.aka.errors import AkaError
from lteims.aka.sqn import DELTA, join, next_sqn, resynchronised, split
from lteims.aka.usim import Accepted, MacFailure, SyncFailure, Usim

K = bytes(range(16))
RAND = bytes(range(16, 32))
AMF = bytes.fromhex("9001")
ALGORITHMS = [
    new_algorithm("xor", K, res_len=16),
    new_algorithm("milenage", K, op=bytes(16)),
    new_algorithm("tuak", K * 2, top=bytes(32), res_len=16),
]


@pytest.fixture(params=ALGORITHMS, ids=["xor", "milenage", "tuak"])
def algorithm(request: pytest.FixtureRequest) -> Algorithm:
    found: Algorithm = request.param
    return found


def challenge(usim: Usim, algorithm: Algorithm, sqn: int) -> Accepted | MacFailure | SyncFailure:
    vector = algorithm.vector(RAND, sqn, AMF)
    answer = usim.authenticate(vector.rand, vector.autn)
    if isinstance(answer, Accepted):
        assert (answer.res, answer.ck, answer.ik) == (vector.xres, vector.ck, vector.ik)
    return answer


def test_a_hundred_challenges(algorithm: Algorithm) -> None:
    usim = Usim(algorithm)
    sqn = 0
    for _ in range(100):
        sqn = next_sqn(sqn)
        assert isinstance(challenge(usim, algorithm, sqn), Accepted)
    assert usim.sqn_ms == sqn


def test_wrong_key_is_a_mac_failure(algorithm: Algorithm) -> None:
    stranger = Usim(new_algorithm("milenage", b"k" * 16, op=bytes(16)))
    assert challenge(stranger, algorithm, 33) == MacFailure()


def test_every_bit_of_autn_counts(algorithm: Algorithm) -> None:
    autn = algorithm.vector(RAND, 33, AMF).autn
    for bit in range(128):
        damaged = bytearray(autn)
        damaged[bit // 8] ^= 1 << bit % 8
        assert Usim(algorithm).authenticate(RAND, bytes(damaged)) == MacFailure()


def test_repeated_challenge_resynchronises(algorithm: Algorithm) -> None:
    usim = Usim(algorithm, sqn_ms=join(1000, 7))
    failure = challenge(usim, algorithm, join(5, 7))
    assert isinstance(failure, SyncFailure)
    assert (failure.sqn, failure.sqn_ms) == (join(5, 7), join(1000, 7))
    sqn_ms = algorithm.resync(RAND, failure.auts)
    assert sqn_ms == join(1000, 7)
    sqn = next_sqn(resynchronised(join(5, 7), sqn_ms))
    assert sqn == join(1001, 8)
    assert isinstance(challenge(usim, algorithm, sqn), Accepted)


def test_vectors_out_of_order_are_taken(algorithm: Algorithm) -> None:
    """What the array is for (annex C.2.2): four vectors fetched together, answered backwards."""
    usim = Usim(algorithm)
    sqns = [next_sqn(0)]
    for _ in range(3):
        sqns.append(next_sqn(sqns[-1]))
    for sqn in reversed(sqns):
        assert isinstance(challenge(usim, algorithm, sqn), Accepted)
    for sqn in sqns:
        assert isinstance(challenge(usim, algorithm, sqn), SyncFailure)
    assert usim.sqn_ms == sqns[-1]


def test_array_of_32(algorithm: Algorithm) -> None:
    usim = Usim(algorithm)
    sqns = [next_sqn(0)]
    for _ in range(40):
        sqns.append(next_sqn(sqns[-1]))
    assert all(split(b)[1] == (split(a)[1] + 1) % 32 for a, b in pairwise(sqns))
    assert isinstance(challenge(usim, algorithm, sqns[33]), Accepted)  # same slot as sqns[1]
    assert isinstance(challenge(usim, algorithm, sqns[1]), SyncFailure)
    assert isinstance(challenge(usim, algorithm, sqns[2]), Accepted)


def test_delta_and_limit(algorithm: Algorithm) -> None:
    usim = Usim(algorithm, sqn_ms=join(10, 0))
    assert isinstance(challenge(usim, algorithm, join(11 + DELTA, 1)), SyncFailure)
    assert isinstance(challenge(usim, algorithm, join(10 + DELTA, 1)), Accepted)
    narrow = Usim(algorithm, sqn_ms=join(100, 0), limit=32)
    assert isinstance(challenge(narrow, algorithm, join(68, 1)), SyncFailure)
    assert isinstance(challenge(narrow, algorithm, join(69, 1)), Accepted)


def test_a_small_delta_is_met_by_delta_zero(algorithm: Algorithm) -> None:
    usim = Usim(algorithm, sqn_ms=join(10, 0), delta=5)
    sqn_he = join(1000, 3)
    failure = challenge(usim, algorithm, sqn_he)
    assert isinstance(failure, SyncFailure)
    sqn_ms = algorithm.resync(RAND, failure.auts)
    assert sqn_ms is not None
    sqn = next_sqn(resynchronised(sqn_he, sqn_ms, delta=0))
    assert isinstance(challenge(usim, algorithm, sqn), Accepted)


@pytest.mark.parametrize(("rand", "autn"), [(bytes(16), bytes(15)), (bytes(15), bytes(16)), (b"", b"")])
def test_wrong_lengths(algorithm: Algorithm, rand: bytes, autn: bytes) -> None:
    with pytest.raises(AkaError):
        Usim(algorithm).authenticate(rand, autn)

"""The interface over the three algorithms: XOR's definition, res_len, AUTS, and what operators and peers get wrong."""

import pytest

from lteims.aka.algorithm import Algorithm, new_algorithm
from lteims.aka.errors import AkaConfigError, AkaError
from lteims.errors import OperatorError, ProtocolError

K = bytes(range(16))
RAND = bytes([0x34]) * 16
AMF = bytes.fromhex("8000")


def algorithms() -> list[Algorithm]:
    return [
        new_algorithm("xor", K),
        new_algorithm("milenage", K, op=bytes(16)),
        new_algorithm("milenage", K, opc=bytes(16)),
        new_algorithm("tuak", K, top=bytes(32)),
        new_algorithm("tuak", K * 2, topc=bytes(32)),
    ]


def test_xor_of_ts_34_108() -> None:
    made = new_algorithm("xor", K, res_len=16).vector(RAND, 1, AMF)
    assert made.xres.hex() == "34353637303132333c3d3e3f38393a3b"
    assert made.ck.hex() == "353637303132333c3d3e3f38393a3b34"
    assert made.ik.hex() == "3637303132333c3d3e3f38393a3b3435"
    assert made.ak.hex() == "37303132333c"
    assert made.autn.hex() == "37303132333d" + "8000" + "343536373030b233"


def test_xor_takes_res_len_from_the_front() -> None:
    whole = new_algorithm("xor", K, res_len=16).vector(RAND, 0, AMF)
    for length in range(4, 17):
        cut = new_algorithm("xor", K, res_len=length)
        assert cut.res_len == length
        assert cut.vector(RAND, 0, AMF).xres == whole.xres[:length]


def test_milenage_cuts_res() -> None:
    whole = new_algorithm("milenage", K, op=bytes(16)).vector(RAND, 0, AMF)
    for length in range(4, 9):
        cut = new_algorithm("milenage", K, op=bytes(16), res_len=length)
        assert cut.vector(RAND, 0, AMF).xres == whole.xres[:length]


def test_tuak_res_of_each_length_is_its_own() -> None:
    made = [new_algorithm("tuak", K, top=bytes(32), res_len=n).vector(RAND, 0, AMF) for n in (4, 8, 16, 32)]
    assert [len(vector.xres) for vector in made] == [4, 8, 16, 32]
    assert len({vector.xres[:4] for vector in made}) == 4  # the length is an input of f2, not a cut
    assert all(len(vector.autn) == len(vector.ck) == len(vector.ik) == 16 for vector in made)


def test_opc_wins_over_op() -> None:
    both = new_algorithm("milenage", K, op=b"o" * 16, opc=b"c" * 16)
    alone = new_algorithm("milenage", K, opc=b"c" * 16)
    assert both.vector(RAND, 0, AMF) == alone.vector(RAND, 0, AMF)


@pytest.mark.parametrize("algorithm", algorithms())
@pytest.mark.parametrize("sqn_ms", [0, 32, (1 << 48) - 1])
def test_auts_gives_sqn_ms(algorithm: Algorithm, sqn_ms: int) -> None:
    functions = algorithm.functions
    octets = sqn_ms.to_bytes(6, "big")
    hidden = bytes(a ^ b for a, b in zip(octets, functions.f5_star(RAND), strict=True))
    auts = hidden + functions.f1_star(RAND, octets, bytes(2))
    assert algorithm.resync(RAND, auts) == sqn_ms
    for bit in range(14 * 8):
        damaged = bytearray(auts)
        damaged[bit // 8] ^= 1 << bit % 8
        assert algorithm.resync(RAND, bytes(damaged)) is None
    assert algorithm.resync(bytes(16), auts) is None


@pytest.mark.parametrize("auts", [b"", bytes(13), bytes(15), bytes(64)])
def test_auts_of_a_wrong_length(auts: bytes) -> None:
    for algorithm in algorithms():
        with pytest.raises(AkaError, match="AUTS") as raised:
            algorithm.resync(RAND, auts)
        assert isinstance(raised.value, ProtocolError)


def test_rand_of_a_wrong_length() -> None:
    with pytest.raises(AkaError, match="RAND"):
        algorithms()[0].resync(bytes(15), bytes(14))
    with pytest.raises(AkaError, match="RAND"):
        algorithms()[0].vector(bytes(17), 0, AMF)


@pytest.mark.parametrize(
    ("sim_algo", "values", "said"),
    [
        ("aes", {}, "sim_algo 'aes'"),
        ("xor", {"k": bytes(15)}, "K has 15"),
        ("xor", {"res_len": 17}, "res_len 17"),
        ("xor", {"res_len": 3}, "4 to 16"),
        ("milenage", {}, "op or opc is missing"),
        ("milenage", {"opc": bytes(17)}, "opc has 17"),
        ("milenage", {"op": bytes(8)}, "op has 8"),
        ("milenage", {"op": bytes(16), "k": bytes(32)}, "K has 32"),
        ("milenage", {"op": bytes(16), "res_len": 16}, "4 to 8"),
        ("tuak", {}, "top or topc is missing"),
        ("tuak", {"op": bytes(16)}, "top or topc is missing"),
        ("tuak", {"top": bytes(16)}, "top has 16"),
        ("tuak", {"topc": bytes(31)}, "topc has 31"),
        ("tuak", {"top": bytes(32), "k": bytes(24)}, "16 or 32"),
        ("tuak", {"top": bytes(32), "res_len": 6}, "4, 8, 16, 32"),
    ],
)
def test_what_does_not_fit_is_named(sim_algo: str, values: dict[str, bytes | int], said: str) -> None:
    k = values.pop("k", K)
    with pytest.raises(AkaConfigError, match=said) as raised:
        new_algorithm(sim_algo, k, **values)  # type: ignore[arg-type]
    assert isinstance(raised.value, OperatorError)

"""Milenage and TUAK against the test sets of 3GPP (TS 35.207, 35.208, 35.233), Keccak against hashlib."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from lteims.aka.algorithm import new_algorithm
from lteims.aka.keccak import keccak_f1600
from lteims.aka.milenage import Milenage, derive_opc
from lteims.aka.tuak import Tuak, derive_topc

VECTORS = Path(__file__).parents[2] / "vectors" / "aka"


def sets(name: str) -> list[Any]:
    found = json.loads((VECTORS / name).read_text())["sets"]
    return [pytest.param(one, id=one["set"]) for one in found]


def octets(one: dict[str, Any]) -> dict[str, bytes]:
    return {key: bytes.fromhex(value) for key, value in one.items() if key not in {"set", "iterations"}}


@pytest.mark.parametrize("one", sets("milenage.json"))
def test_milenage(one: dict[str, Any]) -> None:
    v = octets(one)
    assert derive_opc(v["k"], v["op"]) == v["opc"]
    functions = Milenage(v["k"], v["opc"])
    assert functions.f1(v["rand"], v["sqn"], v["amf"]) == v["f1"]
    assert functions.f1_star(v["rand"], v["sqn"], v["amf"]) == v["f1_star"]
    assert functions.f2345(v["rand"]) == (v["f2"], v["f3"], v["f4"], v["f5"])
    assert functions.f5_star(v["rand"]) == v["f5_star"]
    assert functions.f12345(v["rand"], v["sqn"], v["amf"]) == (v["f1"], v["f2"], v["f3"], v["f4"], v["f5"])


@pytest.mark.parametrize("one", sets("milenage.json"))
@pytest.mark.parametrize("key", ["op", "opc"])
def test_milenage_vector(one: dict[str, Any], key: str) -> None:
    v = octets(one)
    algorithm = new_algorithm("milenage", v["k"], **{key: v[key]})
    made = algorithm.vector(v["rand"], int.from_bytes(v["sqn"], "big"), v["amf"])
    assert (made.xres, made.ck, made.ik, made.ak) == (v["f2"], v["f3"], v["f4"], v["f5"])
    hidden = bytes(a ^ b for a, b in zip(v["sqn"], v["f5"], strict=True))
    assert made.autn == hidden + v["amf"] + v["f1"]


@pytest.mark.parametrize("one", sets("tuak.json"))
def test_tuak(one: dict[str, Any]) -> None:
    v = octets(one)
    iterations = one["iterations"]
    assert derive_topc(v["k"], v["top"], iterations) == v["topc"]
    lengths = {"mac_len": len(v["f1"]), "ck_len": len(v["f3"]), "ik_len": len(v["f4"])}
    functions = Tuak(v["k"], v["topc"], len(v["f2"]), iterations=iterations, **lengths)
    assert functions.f1(v["rand"], v["sqn"], v["amf"]) == v["f1"]
    assert functions.f1_star(v["rand"], v["sqn"], v["amf"]) == v["f1_star"]
    assert functions.f2345(v["rand"]) == (v["f2"], v["f3"], v["f4"], v["f5"])
    assert functions.f5_star(v["rand"]) == v["f5_star"]
    assert functions.f12345(v["rand"], v["sqn"], v["amf"]) == (v["f1"], v["f2"], v["f3"], v["f4"], v["f5"])


def test_tuak_vector_of_set_1() -> None:
    v = octets(json.loads((VECTORS / "tuak.json").read_text())["sets"][0])
    for operator_key in ({"top": v["top"]}, {"topc": v["topc"]}):
        algorithm = new_algorithm("tuak", v["k"], res_len=4, **operator_key)
        made = algorithm.vector(v["rand"], int.from_bytes(v["sqn"], "big"), v["amf"])
        assert (made.xres, made.ck, made.ik, made.ak) == (v["f2"], v["f3"], v["f4"], v["f5"])
        assert made.autn[6:] == v["amf"] + v["f1"]


@pytest.mark.parametrize("length", [0, 1, 96, 135])
def test_keccak_is_what_shake256_iterates(length: int) -> None:
    message = bytes(range(length))
    state = bytearray(200)
    state[:length] = message
    state[length] ^= 0x1F
    state[135] ^= 0x80
    assert keccak_f1600(bytes(state))[:136] == hashlib.shake_256(message).digest(136)

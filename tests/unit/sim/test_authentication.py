"""A virtual phone's answers to challenges: passwords, AKA, AUTS, MAC failure, the same nonce again."""

import os

import pytest

from lteims.aka import digest, usim
from lteims.aka.algorithm import new_algorithm
from lteims.aka.errors import AkaError
from lteims.ids import Tokens
from lteims.sim.authentication import Authenticator
from lteims.sim.card import Sim
from lteims.sip.headers import AuthValue

K = "0396eb317b6d1c36f19c1c84cd6ffd16"
URI = "sip:ims.mnc001.mcc001.3gppnetwork.org"
AKA = Sim("001010000000003", algorithm="xor", k=K)


def authenticator(sim: Sim) -> Authenticator:
    return Authenticator(sim, Tokens(os.urandom))


def challenge(algorithm: str, sqn: int = 33 << 5, k: str = K, qop: str = "auth") -> tuple[AuthValue, bytes]:
    """A challenge of AKA, and the password that answers it."""
    vector = new_algorithm("xor", bytes.fromhex(k)).vector(bytes(range(16)), sqn, b"\x80\0")
    nonce = digest.aka_nonce(vector.rand, vector.autn)
    params = {"realm": "home", "nonce": nonce, "algorithm": algorithm, "opaque": "o"}
    password = digest.aka_password(algorithm, vector.xres, vector.ck, vector.ik)
    return AuthValue("digest", params | ({"qop": qop} if qop else {})), password


def is_right(text: str, password: bytes, body: bytes = b"") -> bool:
    got = AuthValue.parse(text)
    expected = digest.response(
        got.get("algorithm"), got.get("username"), got.get("realm"), password, "REGISTER", got.get("uri"),
        got.get("nonce"), got.get("qop"), got.get("nc"), got.get("cnonce"), body,
    )  # fmt: skip
    return digest.same(expected, got.get("response"))


@pytest.mark.parametrize("algorithm", ["AKAv1-MD5", "AKAv2-MD5"])
@pytest.mark.parametrize("qop", ["auth", "auth-int", "auth-int,auth", ""])
def test_aka(algorithm: str, qop: str) -> None:
    auth = authenticator(AKA)
    asked, password = challenge(algorithm, qop=qop)
    first = auth.answer(asked, "REGISTER", URI, b"body")
    assert is_right(first, password, b"body")
    assert auth.ck
    assert auth.ik
    again = auth.again("REGISTER", URI, b"body")
    assert is_right(again, password, b"body")
    if qop:
        assert AuthValue.parse(again).get("nc") == "00000002"
    assert AuthValue.parse(first).get("opaque") == "o"


def test_a_password() -> None:
    auth = authenticator(Sim("001010000000003", password="secret", impi="alice"))
    asked = AuthValue("digest", {"realm": "home", "nonce": "n", "qop": "auth", "algorithm": "MD5"})
    answer = auth.answer(asked, "REGISTER", URI)
    assert is_right(answer, b"secret")
    assert AuthValue.parse(answer).get("username") == "alice"


def test_a_used_sqn_gets_an_auts() -> None:
    auth = authenticator(AKA)
    auth.answer(challenge("AKAv1-MD5")[0], "REGISTER", URI)
    answer = AuthValue.parse(auth.answer(challenge("AKAv1-MD5")[0], "REGISTER", URI))
    assert len(digest.parse_aka_auts(answer.get("auts"))) == 14
    assert isinstance(auth.verdicts[-1], usim.SyncFailure)
    assert auth.again("REGISTER", URI) == ""


def test_another_key_is_a_mac_failure() -> None:
    auth = authenticator(AKA)
    answer = AuthValue.parse(auth.answer(challenge("AKAv1-MD5", k="ff" * 16)[0], "REGISTER", URI))
    assert isinstance(auth.verdicts[-1], usim.MacFailure)
    assert answer.get("response") == ""
    assert "auts" not in answer.params


def test_what_nobody_could_answer() -> None:
    with pytest.raises(AkaError, match="without a SIM card"):
        authenticator(Sim("001010000000003", password="x")).answer(challenge("AKAv1-MD5")[0], "REGISTER", URI)
    for params in ({"algorithm": "AKAv1-MD5", "nonce": "short"}, {"algorithm": "rot13", "nonce": ""}):
        with pytest.raises(AkaError):
            authenticator(AKA).answer(AuthValue("digest", params), "REGISTER", URI)


def test_the_first_register_shows_who_it_is() -> None:
    opening = AuthValue.parse(authenticator(AKA).opening(URI))
    assert opening.params == {
        "username": AKA.private, "realm": AKA.home, "uri": URI, "nonce": "", "response": ""
    }  # fmt: skip

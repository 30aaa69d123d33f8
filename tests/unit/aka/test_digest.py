"""SIP Digest against the examples of RFC 2617 and RFC 7616, AKAv1 end to end, and what peers send instead."""

import base64
import contextlib
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lteims.aka import digest
from lteims.aka.algorithm import new_algorithm
from lteims.aka.errors import AkaError

RFC_2617 = ("Mufasa", "testrealm@host.com", b"Circle Of Life", "GET", "/dir/index.html")
NONCE_2617 = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
RFC_7616 = ("Mufasa", "http-auth@example.org", b"Circle of Life", "GET", "/dir/index.html")
NONCE_7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
QOP_7616 = ("auth", "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


@pytest.mark.parametrize("algorithm", ["MD5", "md5", ""])
def test_rfc_2617_example(algorithm: str) -> None:
    made = digest.response(algorithm, *RFC_2617, NONCE_2617, "auth", "00000001", "0a4f113b")
    assert made == "6629fae49393a05397450978507c4ef1"


def test_rfc_7616_examples() -> None:
    assert digest.response("MD5", *RFC_7616, NONCE_7616, *QOP_7616) == "8ca523f5e9506fed4657c9700eebdbec"
    assert (
        digest.response("SHA-256", *RFC_7616, NONCE_7616, *QOP_7616)
        == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    )


def test_without_qop() -> None:
    a1, a2 = md5("Mufasa:testrealm@host.com:Circle Of Life"), md5("GET:/dir/index.html")
    assert digest.response("MD5", *RFC_2617, NONCE_2617) == md5(f"{a1}:{NONCE_2617}:{a2}")


def test_auth_int_takes_the_body() -> None:
    a1 = md5("Mufasa:testrealm@host.com:Circle Of Life")
    a2 = md5(f"GET:/dir/index.html:{md5('v=0')}")
    made = digest.response("MD5", *RFC_2617, NONCE_2617, "auth-int", "00000001", "0a4f113b", b"v=0")
    assert made == md5(f"{a1}:{NONCE_2617}:00000001:0a4f113b:auth-int:{a2}")
    assert made != digest.response("MD5", *RFC_2617, NONCE_2617, "auth-int", "00000001", "0a4f113b", b"v=1")


def test_md5_sess() -> None:
    a1 = md5(f"{md5('Mufasa:testrealm@host.com:Circle Of Life')}:{NONCE_2617}:0a4f113b")
    a2 = md5("GET:/dir/index.html")
    made = digest.response("MD5-sess", *RFC_2617, NONCE_2617, "auth", "00000001", "0a4f113b")
    assert made == md5(f"{a1}:{NONCE_2617}:00000001:0a4f113b:auth:{a2}")


def test_sha_512_256() -> None:
    def h(text: str) -> str:
        return hashlib.new("sha512_256", text.encode()).hexdigest()

    a1, a2 = h("Mufasa:http-auth@example.org:Circle of Life"), h("GET:/dir/index.html")
    made = digest.response("SHA-512-256", *RFC_7616, NONCE_7616, *QOP_7616)
    assert made == h(f"{a1}:{NONCE_7616}:00000001:{QOP_7616[2]}:auth:{a2}")


def test_ha1_instead_of_the_password() -> None:
    a1 = digest.ha1("MD5", *RFC_2617[:3])
    made = digest.response_of_ha1("MD5", a1, *RFC_2617[3:], NONCE_2617, "auth", "00000001", "0a4f113b")
    assert made == "6629fae49393a05397450978507c4ef1"


def test_rspauth_has_no_method() -> None:
    a1 = md5("Mufasa:testrealm@host.com:Circle Of Life")
    made = digest.response("MD5", *RFC_2617[:3], "", "/dir/index.html", "n", "auth", "00000001", "c")
    assert made == md5(f"{a1}:n:00000001:c:auth:{md5(':/dir/index.html')}")


def test_names_are_utf_8() -> None:
    a1 = hashlib.md5("Jürgen:日本:".encode() + b"\xff\x00pass").hexdigest()
    assert digest.ha1("MD5", "Jürgen", "日本", b"\xff\x00pass") == a1


def test_octets_that_are_no_utf_8_keep_their_value() -> None:
    read = b"J\xfcrgen".decode("utf-8", "surrogateescape")
    assert digest.ha1("MD5", read, "r", b"p") == hashlib.md5(b"J\xfcrgen:r:p").hexdigest()


def test_akav1_end_to_end() -> None:
    realm = "ims.mnc005.mcc466.3gppnetwork.org"
    algorithm = new_algorithm("xor", bytes(range(16)), res_len=16)
    vector = algorithm.vector(bytes(16), 0, bytes(2))
    nonce = digest.aka_nonce(vector.rand, vector.autn)
    assert nonce == "AAAAAAAAAAAAAAAAAAAAAAMEBQYHCAAAAAECAwQFBgc="
    password = digest.aka_password("AKAv1-MD5", vector.xres, vector.ck, vector.ik)
    made = digest.response(
        "AKAv1-MD5", f"466058041131504@{realm}", realm, password, "REGISTER", f"sip:{realm}", nonce,
        "auth", "00000001", "YD05duxy",
    )  # fmt: skip
    assert made == "c76c2c281a21c0d6131e667d61a6bdf5"


def test_akav2_password() -> None:
    """RFC 4169 clause 3: the PRF's key is RES || IK || CK in that order, its text the label; base64 of 16 octets."""
    res, ck, ik = b"r" * 8, b"c" * 16, b"i" * 16
    expected = base64.b64encode(hmac.new(res + ik + ck, b"http-digest-akav2-password", hashlib.md5).digest())
    assert digest.aka_password("AKAv2-MD5", res, ck, ik) == expected
    assert len(expected) == 24
    assert digest.aka_password("akav1-md5", res, ck, ik) == res


def test_only_aka_has_an_aka_password() -> None:
    with pytest.raises(AkaError):
        digest.aka_password("MD5", b"", b"", b"")


@pytest.mark.parametrize("data", [b"", b"server data", b"\x00"])
def test_nonce_round_trip(data: bytes) -> None:
    rand, autn = bytes(range(16)), bytes(range(16, 32))
    assert digest.parse_aka_nonce(digest.aka_nonce(rand, autn, data)) == (rand, autn, data)


def test_auts_round_trip_with_and_without_padding() -> None:
    auts = bytes(range(14))
    text = digest.aka_auts(auts)
    assert text.endswith("=")
    assert digest.parse_aka_auts(text) == digest.parse_aka_auts(text.rstrip("=")) == auts


@pytest.mark.parametrize("text", ["", "A", "!!!!", "AAAA====", "AA AA", "AAAA\n", "é", "\udcff", "A" * 16, "A" * 24])
def test_bad_auts(text: str) -> None:
    with pytest.raises(AkaError):
        digest.parse_aka_auts(text)


@pytest.mark.parametrize("text", ["", "AAAA", "=", "A" * 41, "x" * 40, "ü" * 44])
def test_bad_nonce(text: str) -> None:
    with pytest.raises(AkaError):
        digest.parse_aka_nonce(text)


@settings(deadline=None)
@given(st.text())
def test_parsers_raise_nothing_else(text: str) -> None:
    for parse in (digest.parse_aka_nonce, digest.parse_aka_auts):
        with contextlib.suppress(AkaError):
            parse(text)


@settings(deadline=None)
@given(st.text(st.characters()), st.text(st.characters()), st.binary())
def test_any_text_has_a_response(username: str, nonce: str, password: bytes) -> None:
    made = digest.response("MD5", username, username, password, nonce, username, nonce, "auth", nonce, username)
    assert len(made) == 32
    assert digest.same(made, made.upper())
    assert not digest.same(made, username)


@pytest.mark.parametrize(("algorithm", "qop"), [("SHA-1", ""), ("AKAv3-MD5", "auth"), ("MD5", "auth-conf")])
def test_unknown_algorithm_and_qop(algorithm: str, qop: str) -> None:
    with pytest.raises(AkaError, match="unknown"):
        digest.response(algorithm, *RFC_2617, NONCE_2617, qop)


def test_same() -> None:
    assert digest.same("0a1b", "0A1B")
    assert not digest.same("0a1b", "0a1c")
    assert not digest.same("0a1b", "")
    assert not digest.same("0a1b", "Ünicode")

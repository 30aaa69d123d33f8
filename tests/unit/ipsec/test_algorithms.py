"""Keys for ESP out of CK and IK, sizes and legal pairs: TS 33.203 annexes H and I."""

import hashlib
import hmac

import pytest

from lteims.ipsec import algorithms
from lteims.ipsec.algorithms import ENCRYPTION, INTEGRITY, expand, legal, odd_parity, pairs, protects
from lteims.ipsec.errors import IpsecError
from lteims.ipsec.sa import Aalg, Ealg
from tests.vectors.ipsec.esp import AUTH_KEYS, CK, ENC_KEYS, ICVS, IK

EVERY_PAIR = [(aalg, ealg) for aalg in Aalg for ealg in Ealg]


@pytest.mark.parametrize(("aalg", "ealg"), EVERY_PAIR)
def test_every_pair_is_expanded_or_refused(aalg: Aalg, ealg: Ealg) -> None:
    if (aalg, ealg) not in ICVS:
        with pytest.raises(IpsecError, match="cannot go together"):
            expand(aalg, ealg, CK, IK)
        return
    auth_key, enc_key = expand(aalg, ealg, CK, IK)
    assert (auth_key, enc_key) == (AUTH_KEYS[aalg], ENC_KEYS[ealg])
    assert (len(auth_key), len(enc_key)) == (INTEGRITY[aalg].key_len, ENCRYPTION[ealg].key_len)


@pytest.mark.parametrize(("ck", "ik"), [(CK[:15], IK), (CK, IK + b"\0"), (b"", b"")])
def test_keys_of_another_length_are_refused(ck: bytes, ik: bytes) -> None:
    with pytest.raises(IpsecError, match="both need 16"):
        expand(Aalg.HMAC_MD5_96, Ealg.NULL, ck, ik)


def test_zero_bits_behind_ik_leave_the_code_of_bare_ik() -> None:
    key, _ = expand(Aalg.HMAC_SHA256_128, Ealg.NULL, CK, IK)
    assert hmac.digest(key, b"message", hashlib.sha256) == hmac.digest(IK, b"message", hashlib.sha256)


def test_parity_is_the_last_bit_of_each_octet() -> None:
    assert odd_parity(bytes([0x00, 0x01, 0xFE, 0xFF, 0x03, 0x7F])) == bytes([0x01, 0x01, 0xFE, 0xFE, 0x02, 0x7F])
    assert all(octet.bit_count() % 2 for octet in odd_parity(bytes(range(256))))


def test_eighteen_pairs_are_legal_and_four_of_them_protect_nothing() -> None:
    assert {pair for pair in EVERY_PAIR if legal(*pair)} == set(ICVS)
    assert {pair for pair in ICVS if not protects(*pair)} == {
        (Aalg.NULL, ealg) for ealg in Ealg if ealg is not Ealg.AES_GCM
    }


def test_the_order_of_pairs_is_that_of_encryption_and_then_of_integrity() -> None:
    assert pairs([Aalg.HMAC_SHA1_96, Aalg.HMAC_MD5_96], [Ealg.AES_CBC, Ealg.NULL]) == (
        (Aalg.HMAC_SHA1_96, Ealg.AES_CBC),
        (Aalg.HMAC_MD5_96, Ealg.AES_CBC),
        (Aalg.HMAC_SHA1_96, Ealg.NULL),
        (Aalg.HMAC_MD5_96, Ealg.NULL),
    )


def test_gcm_and_gmac_bring_their_null_along() -> None:
    assert pairs([Aalg.HMAC_MD5_96], [Ealg.AES_GCM]) == ((Aalg.NULL, Ealg.AES_GCM),)
    assert pairs([Aalg.AES_GMAC], [Ealg.AES_CBC]) == ((Aalg.AES_GMAC, Ealg.NULL),)
    assert pairs([Aalg.AES_GMAC], [Ealg.NULL, Ealg.AES_GCM]) == ((Aalg.AES_GMAC, Ealg.NULL), (Aalg.NULL, Ealg.AES_GCM))


def test_no_integrity_only_where_the_operator_lists_it() -> None:
    assert all(protects(*pair) for pair in pairs(algorithms.DEFAULT_AALGS, algorithms.DEFAULT_EALGS))
    assert pairs([Aalg.NULL], [Ealg.AES_CBC, Ealg.NULL]) == ((Aalg.NULL, Ealg.AES_CBC), (Aalg.NULL, Ealg.NULL))
    assert pairs([], [Ealg.NULL]) == ()

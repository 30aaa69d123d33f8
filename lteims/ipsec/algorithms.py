"""The algorithms of ESP as phones use it: sizes, legal pairs, and keys out of an AKA run (TS 33.203 annexes H and I).

Called by sec_agree.py (what may be chosen), esp.py (sizes) and net/xfrm.py (sizes and legal pairs). Lengths are octets.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lteims.ipsec.errors import IpsecError
from lteims.ipsec.sa import Aalg, Ealg

AKA_KEY_LEN: Final = 16  # CK and IK (TS 33.102 6.3.2)
SALT_LEN: Final = 4  # behind a key for GCM or GMAC (RFC 4106 clause 4, RFC 4543 3.2)


@dataclass(frozen=True, slots=True)
class Integrity:
    """What a packet needs of an integrity algorithm; an algorithm that is no HMAC has no hash."""

    key_len: int  # the salt included
    icv_len: int
    hash: str = ""  # hashlib's name
    iv_len: int = 0  # in front of the payload


@dataclass(frozen=True, slots=True)
class Encryption:
    """What a packet needs of an encryption algorithm; the trailer ends on a multiple of `block` (RFC 4303 2.4)."""

    key_len: int  # the salt included
    iv_len: int
    block: int = 4
    icv_len: int = 0  # of an algorithm that protects integrity itself


INTEGRITY: Final[dict[Aalg, Integrity]] = {
    Aalg.HMAC_MD5_96: Integrity(16, 12, "md5"),  # RFC 2403
    Aalg.HMAC_SHA1_96: Integrity(20, 12, "sha1"),  # RFC 2404
    Aalg.HMAC_SHA256_128: Integrity(32, 16, "sha256"),  # RFC 4868
    Aalg.AES_GMAC: Integrity(16 + SALT_LEN, 16, iv_len=8),  # RFC 4543
    Aalg.NULL: Integrity(0, 0),
}
ENCRYPTION: Final[dict[Ealg, Encryption]] = {
    Ealg.AES_CBC: Encryption(16, 16, 16),  # RFC 3602
    Ealg.DES_EDE3_CBC: Encryption(24, 8, 8),  # RFC 2451
    Ealg.DES_CBC: Encryption(8, 8, 8),  # RFC 2405
    Ealg.AES_GCM: Encryption(16 + SALT_LEN, 8, icv_len=16),  # RFC 4106
    Ealg.NULL: Encryption(0, 0),  # RFC 2410
}

# Our order of preference where the operator gives none: strong before weak, but the key of hmac-sha-256-128 is in no
# release of TS 33.203, so that it comes behind the one whose key everybody makes alike.
DEFAULT_AALGS: Final = (Aalg.AES_GMAC, Aalg.HMAC_SHA1_96, Aalg.HMAC_SHA256_128, Aalg.HMAC_MD5_96)
DEFAULT_EALGS: Final = (Ealg.AES_GCM, Ealg.AES_CBC, Ealg.DES_EDE3_CBC, Ealg.DES_CBC, Ealg.NULL)


def legal(aalg: Aalg, ealg: Ealg) -> bool:
    """Whether ESP knows the pair: GCM has no integrity algorithm beside it, GMAC no encryption (RFC 4106, 4543)."""
    if ealg is Ealg.AES_GCM:
        return aalg is Aalg.NULL
    return aalg is not Aalg.AES_GMAC or ealg is Ealg.NULL


def protects(aalg: Aalg, ealg: Ealg) -> bool:
    """Whether a legal pair protects integrity, as TS 33.203 6.3 asks of every SA; others need the operator's word."""
    return aalg is not Aalg.NULL or ealg is Ealg.AES_GCM


def pairs(aalgs: Iterable[Aalg], ealgs: Iterable[Ealg]) -> tuple[tuple[Aalg, Ealg], ...]:
    """The legal pairs of two lists in order of preference: the encryption decides, then the integrity.

    aes-gcm in `ealgs` brings its null integrity along, and aes-gmac in `aalgs` its null encryption; null integrity
    with anything else, and null encryption with an HMAC, only where the operator lists null.
    """
    return _pairs(tuple(aalgs), tuple(ealgs))


@lru_cache(maxsize=64)
def _pairs(aalgs: tuple[Aalg, ...], ealgs: tuple[Ealg, ...]) -> tuple[tuple[Aalg, Ealg], ...]:
    found: list[tuple[Aalg, Ealg]] = []
    for ealg in ealgs:
        choices = (Aalg.NULL,) if ealg is Ealg.AES_GCM else aalgs
        found += [(aalg, ealg) for aalg in choices if legal(aalg, ealg)]
    if Aalg.AES_GMAC in aalgs and Ealg.NULL not in ealgs:
        found.append((Aalg.AES_GMAC, Ealg.NULL))
    return tuple(dict.fromkeys(found))


def expand(aalg: Aalg, ealg: Ealg, ck: bytes, ik: bytes) -> tuple[bytes, bytes]:
    """The keys of ESP, for integrity and for encryption, out of CK and IK (TS 33.203 annex I), as Sa holds them.

    Raises IpsecError for an illegal pair, or for a CK or IK that has not 16 octets.
    """
    if not legal(aalg, ealg):
        raise IpsecError(f"{aalg} and {ealg} cannot go together")
    if len(ck) != AKA_KEY_LEN or len(ik) != AKA_KEY_LEN:
        raise IpsecError(f"CK has {len(ck)} octets and IK {len(ik)}, both need {AKA_KEY_LEN}")
    return _integrity_key(aalg, ck, ik), _encryption_key(ealg, ck, ik)


def _integrity_key(aalg: Aalg, ck: bytes, ik: bytes) -> bytes:
    match aalg:
        case Aalg.NULL:
            return b""
        case Aalg.AES_GMAC:
            return ik + _salt(0x58, b"AES_GMAC_SALT", ck, ik)
        case _:
            # Zero bits behind IK: 32 for SHA-1, as annex I says. It has no SHA-256; the same rule gives 128, and since
            # HMAC fills a short key with zeros itself (RFC 2104), this is also the code of a peer that takes bare IK.
            return ik.ljust(INTEGRITY[aalg].key_len, b"\0")


def _encryption_key(ealg: Ealg, ck: bytes, ik: bytes) -> bytes:
    match ealg:
        case Ealg.NULL:
            return b""
        case Ealg.AES_CBC:
            return ck
        case Ealg.AES_GCM:
            return ck + _salt(0x59, b"AES_GCM_SALT", ck, ik)
        case Ealg.DES_EDE3_CBC:
            return odd_parity(ck + ck[:8])  # CK1 || CK2 || CK1
        case Ealg.DES_CBC:
            return odd_parity(ck[:8])  # older than annex I, which leaves it out: CK1


def _salt(fc: int, p0: bytes, ck: bytes, ik: bytes) -> bytes:
    """The last 32 bits of the KDF of TS 33.220 annex B.2 over one parameter (TS 33.203 annex I)."""
    string = bytes([fc]) + p0 + len(p0).to_bytes(2, "big")
    return hmac.digest(ck + ik, string, hashlib.sha256)[-SALT_LEN:]


def odd_parity(key: bytes) -> bytes:
    """A DES key whose octets have an odd number of bits, by their last bit (RFC 2451 2.2)."""
    return bytes(octet ^ (1 - octet.bit_count() % 2) for octet in key)

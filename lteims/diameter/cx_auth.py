"""SIP-Auth-Data-Item (TS 29.229 6.3.13; TS 29.228 6.3): what the HSS is asked with, and the vectors that it gives.

cx.py has them in Mar and Maa; ims/ makes challenges of the vectors.
"""

from dataclasses import dataclass
from enum import StrEnum

from lteims.diameter.avp import Avps, missing, refused
from lteims.diameter.cx_attributes import (
    CONFIDENTIALITY_KEY,
    DIGEST_ALGORITHM,
    DIGEST_HA1,
    DIGEST_QOP,
    DIGEST_REALM,
    INTEGRITY_KEY,
    SIP_AUTH_DATA_ITEM,
    SIP_AUTHENTICATE,
    SIP_AUTHENTICATION_SCHEME,
    SIP_AUTHORIZATION,
    SIP_DIGEST_AUTHENTICATE,
    SIP_ITEM_NUMBER,
)


class Scheme(StrEnum):
    """SIP-Authentication-Scheme (TS 29.228 6.3); AKAv2 by its names of RFC 4169 and TS 33.203."""

    DIGEST = "SIP Digest"
    AKAV1_MD5 = "Digest-AKAv1-MD5"
    AKAV2_MD5 = "Digest-AKAv2-MD5"
    AKAV2_SHA_256 = "Digest-AKAv2-SHA-256"
    UNKNOWN = "Unknown"  # the HSS is to choose


_SCHEMES = frozenset(map(str, Scheme))
_DIGEST_NAMES = {"Digest": Scheme.DIGEST, "Digest-MD5": Scheme.DIGEST}  # of older HSSs


@dataclass(frozen=True, slots=True)
class AuthRequest:
    """What a MAR asks for. After a failure of synchronisation `resync` is RAND and AUTS, 16 and 14 octets."""

    scheme: Scheme
    resync: bytes = b""

    def encode(self) -> bytes:
        """The AVP."""
        authorization = SIP_AUTHORIZATION(self.resync) if self.resync else b""
        return SIP_AUTH_DATA_ITEM(SIP_AUTHENTICATION_SCHEME(self.scheme), authorization)

    @classmethod
    def parse(cls, item: Avps) -> "AuthRequest":
        """Read it; DiameterError."""
        scheme = item.need(SIP_AUTHENTICATION_SCHEME)
        if scheme not in _SCHEMES and scheme not in _DIGEST_NAMES:
            raise refused(SIP_AUTHENTICATION_SCHEME, scheme)
        resync = item.first(SIP_AUTHORIZATION) or b""
        if resync and len(resync) != 30:
            raise refused(SIP_AUTHORIZATION, resync, "RAND and AUTS have 30 octets")
        return cls(_DIGEST_NAMES.get(scheme) or Scheme(scheme), resync)

    @property
    def rand(self) -> bytes:
        """The RAND of the challenge that the card refused."""
        return self.resync[:16]

    @property
    def auts(self) -> bytes:
        """What the card answered."""
        return self.resync[16:]


@dataclass(frozen=True, slots=True)
class AkaVector:
    """One vector of AKA: RAND, AUTN, XRES, CK, IK."""

    rand: bytes
    autn: bytes
    xres: bytes
    ck: bytes
    ik: bytes
    scheme: Scheme = Scheme.AKAV1_MD5

    def encode(self, number: int) -> bytes:
        """The AVP."""
        return SIP_AUTH_DATA_ITEM(
            SIP_ITEM_NUMBER(number),
            SIP_AUTHENTICATION_SCHEME(self.scheme),
            SIP_AUTHENTICATE(self.rand + self.autn),
            SIP_AUTHORIZATION(self.xres),
            CONFIDENTIALITY_KEY(self.ck),
            INTEGRITY_KEY(self.ik),
        )


@dataclass(frozen=True, slots=True)
class DigestVector:
    """What SIP Digest needs: H(A1) in hexadecimal of user, realm and password (TS 29.229 6.3.36)."""

    realm: str
    ha1: str
    qop: str = "auth"
    algorithm: str = "MD5"

    def encode(self, number: int) -> bytes:
        """The AVP."""
        return SIP_AUTH_DATA_ITEM(
            SIP_ITEM_NUMBER(number),
            SIP_AUTHENTICATION_SCHEME(Scheme.DIGEST),
            SIP_DIGEST_AUTHENTICATE(
                DIGEST_REALM(self.realm),
                DIGEST_ALGORITHM(self.algorithm),
                DIGEST_QOP(self.qop),
                DIGEST_HA1(self.ha1),
            ),
        )


Vector = AkaVector | DigestVector


def parse_vector(item: Avps) -> Vector:
    """Read one; DiameterError where something is missing or has a wrong size."""
    scheme = item.need(SIP_AUTHENTICATION_SCHEME)
    if scheme == Scheme.DIGEST or scheme in _DIGEST_NAMES:
        return _digest(item)
    if scheme not in _SCHEMES or scheme == Scheme.UNKNOWN:
        raise refused(SIP_AUTHENTICATION_SCHEME, scheme)
    challenge = item.need(SIP_AUTHENTICATE)
    if len(challenge) != 32:
        raise refused(SIP_AUTHENTICATE, challenge, "RAND and AUTN have 32 octets")
    xres = item.need(SIP_AUTHORIZATION)
    if not 4 <= len(xres) <= 16:
        raise refused(SIP_AUTHORIZATION, xres, "XRES has 4 to 16 octets")
    keys = [item.need(attribute) for attribute in (CONFIDENTIALITY_KEY, INTEGRITY_KEY)]
    for attribute, key in zip((CONFIDENTIALITY_KEY, INTEGRITY_KEY), keys, strict=True):
        if len(key) != 16:
            raise refused(attribute, key, "a key has 16 octets")
    return AkaVector(challenge[:16], challenge[16:], xres, keys[0], keys[1], Scheme(scheme))


def _digest(item: Avps) -> DigestVector:
    found = item.first(SIP_DIGEST_AUTHENTICATE)
    if found is None:
        raise missing(SIP_DIGEST_AUTHENTICATE)
    ha1 = found.need(DIGEST_HA1)
    if not ha1.isascii() or not ha1.isalnum():
        raise refused(DIGEST_HA1, ha1, "no hexadecimal digits")
    realm = found.need(DIGEST_REALM)
    if not realm.isprintable() or '"' in realm or "\\" in realm:
        raise refused(DIGEST_REALM, realm, "no realm for a challenge")
    # TS 29.229 has Digest-QoP always, HSSs have not
    qop, algorithm = found.first(DIGEST_QOP) or "auth", found.first(DIGEST_ALGORITHM) or "MD5"
    return DigestVector(realm, ha1, qop, algorithm)

"""Security associations as values (TS 33.203 7.1, RFC 4301 4.4): one direction of one pair of ports, with its keys.

ims/ makes four for each phone from a chosen offer and (CK, IK); the drivers net/xfrm.py and net/esp.py install them.
The virtual phone makes the same four, seen from the other side.
"""

from dataclasses import dataclass
from enum import StrEnum


class Aalg(StrEnum):
    """Integrity algorithms, as Security-Client names them (TS 33.203 annex H, I)."""

    HMAC_MD5_96 = "hmac-md5-96"
    HMAC_SHA1_96 = "hmac-sha-1-96"
    HMAC_SHA256_128 = "hmac-sha-256-128"
    AES_GMAC = "aes-gmac"  # with ealg null
    NULL = "null"  # with aes-gcm, which protects integrity itself, or by the operator's choice


class Ealg(StrEnum):
    """Encryption algorithms; an offer without one means null."""

    AES_CBC = "aes-cbc"
    DES_EDE3_CBC = "des-ede3-cbc"
    DES_CBC = "des-cbc"
    AES_GCM = "aes-gcm"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Sa:
    """One security association in ESP transport mode (RFC 4303), for UDP and TCP alike, without IP options.

    Hosts are numeric addresses in their shortest form, of one family. Keys are expanded already (TS 33.203 annex I):
    as long as the algorithm wants them, a GCM or GMAC key with its four octets of salt behind it.
    """

    spi: int  # of the receiver, 256 to 2^32-1
    src: str
    sport: int
    dst: str
    dport: int
    inbound: bool  # seen from this host
    aalg: Aalg
    ealg: Ealg
    auth_key: bytes
    enc_key: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """What has passed an SA."""

    packets: int = 0
    octets: int = 0
    replayed: int = 0  # refused, and so below
    forged: int = 0  # the integrity check value was wrong

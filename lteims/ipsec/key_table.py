"""SAs as Wireshark's table "ESP SAs" reads them (file esp_sa of its profile), so that a capture shows SIP.

Newer versions have a ninth column, the length of sequence numbers, which they fill in as 32 bits where it is absent.
None of them knows the eight octets of GMAC before the payload (RFC 4543), so that its SIP stays unread.
ims/sa_sets.py logs them where `sip.key` is set.
"""

from collections.abc import Iterable
from typing import Final

from lteims.ipsec.sa import Aalg, Ealg, Sa

_ENCRYPTION: Final = {
    Ealg.NULL: "NULL",
    Ealg.AES_CBC: "AES-CBC [RFC3602]",
    Ealg.DES_EDE3_CBC: "TripleDES-CBC [RFC2451]",
    Ealg.DES_CBC: "DES-CBC [RFC2405]",
    Ealg.AES_GCM: "AES-GCM with 16 octet ICV [RFC4106]",
}
_INTEGRITY: Final = {
    Aalg.NULL: "NULL",
    Aalg.HMAC_MD5_96: "HMAC-MD5-96 [RFC2403]",
    Aalg.HMAC_SHA1_96: "HMAC-SHA-1-96 [RFC2404]",
    Aalg.HMAC_SHA256_128: "HMAC-SHA-256-128 [RFC4868]",
    Aalg.AES_GMAC: "ANY 128 bit authentication [no checking]",
}


def key_lines(sas: Iterable[Sa]) -> str:
    """One line of the table for each SA."""
    return "\n".join(_line(sa) for sa in sas)


def _line(sa: Sa) -> str:
    family = "IPv6" if ":" in sa.src else "IPv4"
    auth = "" if sa.aalg is Aalg.AES_GMAC else _hex(sa.auth_key)
    fields = (
        family, sa.src, sa.dst, f"0x{sa.spi:08x}", _ENCRYPTION[sa.ealg], _hex(sa.enc_key), _INTEGRITY[sa.aalg], auth
    )  # fmt: skip
    return ",".join(f'"{text}"' for text in fields)


def _hex(key: bytes) -> str:
    return f"0x{key.hex()}" if key else ""

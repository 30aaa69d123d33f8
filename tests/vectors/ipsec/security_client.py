"""Security-Client headers as phones write them, good and bad: the lines, what can be read, what is taken.

Written by hand in the manners of the field; tests/unit/ipsec/test_sec_agree.py reads, chooses and spoils them.
"""

from dataclasses import dataclass

from lteims.ipsec.sa import Aalg, Ealg
from lteims.ipsec.sec_agree import Pair

MD5, SHA1, SHA256, GMAC, NONE = (
    Aalg.HMAC_MD5_96,
    Aalg.HMAC_SHA1_96,
    Aalg.HMAC_SHA256_128,
    Aalg.AES_GMAC,
    Aalg.NULL,
)
AES, DES3, DES, GCM, NULL = Ealg.AES_CBC, Ealg.DES_EDE3_CBC, Ealg.DES_CBC, Ealg.AES_GCM, Ealg.NULL


@dataclass(frozen=True, slots=True)
class Header:
    """The lines of one message; `chosen` is by our default order, None where nothing can be taken."""

    name: str
    lines: tuple[str, ...]
    pairs: tuple[Pair, ...]
    chosen: Pair | None
    skipped: tuple[str, ...] = ()  # a piece of each reason
    mechanisms: tuple[str, ...] = ()


_END = ";spi-c=1236;spi-s=1237;port-c=7004;port-s=7005"

HEADERS = (
    Header(
        "six offers in one header, without a blank",
        (
            ",".join(
                f"ipsec-3gpp;alg={alg};ealg={ealg}{_END}"
                for alg in ("hmac-md5-96", "hmac-sha-1-96")
                for ealg in ("des-ede3-cbc", "aes-cbc", "null")
            ),
        ),
        ((MD5, DES3), (MD5, AES), (MD5, NULL), (SHA1, DES3), (SHA1, AES), (SHA1, NULL)),
        (SHA1, AES),
    ),
    Header(
        "a header for each offer, blanks everywhere, the rest first",
        (
            " ipsec-3gpp ; prot = esp ; mod = trans ; spi-c = 4096 ; spi-s = 4097 ; port-c = 45061 ; port-s = 45062"
            " ; alg = hmac-sha-1-96 ; ealg = null ",
            "ipsec-3gpp; spi-s=4097; spi-c=4096; port-s=45062; port-c=45061; ealg=aes-cbc; alg=hmac-md5-96",
        ),
        ((SHA1, NULL), (MD5, AES)),
        (MD5, AES),
    ),
    Header(
        "no ealg is null, quotes, capitals, ten digits, a tab",
        (
            'IPSec-3GPP;Alg="HMAC-SHA-1-96";\tSPI-C="0000001001";Spi-S=0000001002;PORT-C="40666";port-s=55610;Prot=ESP;'
            "Mod=Trans;",
        ),
        ((SHA1, NULL),),
        (SHA1, NULL),
    ),
    Header(
        "modern algorithms",
        (
            f"ipsec-3gpp;alg=null;ealg=aes-gcm{_END}",
            f"ipsec-3gpp;ealg=aes-gcm{_END}",  # there is nothing for alg to say
            f"ipsec-3gpp;alg=aes-gmac{_END}, ipsec-3gpp;alg=hmac-sha-256-128;ealg=aes-cbc{_END}",
        ),
        ((NONE, GCM), (NONE, GCM), (GMAC, NULL), (SHA256, AES)),
        (NONE, GCM),
    ),
    Header(
        "other mechanisms are remembered",
        (f'tls;q=0.2, digest;d-alg=md5;d-ver="0,1;2", ipsec-3gpp;q=0.1;alg=hmac-md5-96{_END}', "SDES-SRTP;mediasec"),
        ((MD5, NULL),),
        (MD5, NULL),
        mechanisms=("tls", "digest", "sdes-srtp"),
    ),
    Header(
        "unknown parameters",
        (f'ipsec-3gpp;alg=hmac-md5-96;x-vendor="a, b; c";flag{_END}',),
        ((MD5, NULL),),
        (MD5, NULL),
    ),
    Header(
        "bad ones between good ones",
        (
            f"ipsec-3gpp;alg=hmac-sha-512;ealg=null{_END}",
            f"ipsec-3gpp;alg=hmac-md5-96;ealg=rot13{_END}",
            f"ipsec-3gpp;ealg=null{_END}, ipsec-3gpp;alg=hmac-md5-96;alg=hmac-sha-1-96{_END}",
            "ipsec-3gpp;alg=hmac-md5-96;spi-c=1;spi-s=2;port-c=3",
            "ipsec-3gpp;alg=hmac-md5-96;spi-c=4294967296;spi-s=2;port-c=3;port-s=4",
            "ipsec-3gpp;alg=hmac-md5-96;spi-c=0x1234;spi-s=2;port-c=3;port-s=4",
            "ipsec-3gpp;alg=hmac-md5-96;spi-c=1000;spi-s=2;port-c=65536;port-s=4",
            "ipsec-3gpp;alg=hmac-md5-96;spi-c=\u0661\u0662;spi-s=2;port-c=65536;port-s=4",
            f"ipsec-3gpp;q=2;alg=hmac-md5-96{_END}",
            f";alg=hmac-md5-96{_END},,",
            f"ipsec 3gpp;alg=hmac-md5-96{_END}",
            f"ipsec-3gpp;alg=hmac-md5-96;ealg=aes-cbc{_END}",
        ),
        ((MD5, AES),),
        (MD5, AES),
        (
            "offer 1: alg 'hmac-sha-512' is unknown",
            "offer 2: ealg 'rot13' is unknown",
            "offer 3: alg is missing",
            "offer 4: 'alg' comes twice",
            "offer 5: port-s is missing",
            "offer 6: spi-c '4294967296' is no number",
            "offer 7: spi-c '0x1234' is no number",
            "offer 8: port-c '65536' is no number",
            "offer 9: spi-c '\u0661\u0662' is no number",
            "offer 10: q '2' is no number",
            "offer 11: '' is no mechanism",
            "offer 12: 'ipsec 3gpp' is no mechanism",
        ),
    ),
    Header(
        "readable, but not to be taken",
        (
            f"ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-gcm{_END}",
            f"ipsec-3gpp;prot=ah;alg=hmac-sha-1-96{_END}",
            f"ipsec-3gpp;mod=UDP-enc-tun;alg=hmac-sha-1-96{_END}",
            "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1236;spi-s=1236;port-c=7004;port-s=7005",
            "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=255;spi-s=1236;port-c=7004;port-s=7005",
            "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1235;spi-s=1236;port-c=7004;port-s=7004",
            "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1235;spi-s=1236;port-c=5060;port-s=7004",
            "ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1235;spi-s=1236;port-c=7004;port-s=0",
            f"ipsec-3gpp;alg=null;ealg=aes-cbc{_END}",
        ),
        ((SHA1, GCM), *[(SHA1, NULL)] * 7, (NONE, AES)),
        None,
    ),
    Header("nothing", (), (), None),
    Header("empty lines", ("", " , ,"), (), None),
    Header(
        "an open quote", (f'ipsec-3gpp;x="a;alg=hmac-md5-96{_END}, ipsec-3gpp{_END}',), (), None, ("alg is missing",)
    ),
)

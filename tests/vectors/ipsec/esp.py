"""ESP packets with a comment for each group of octets: one for each pair of algorithms, and those of published texts.

Our own were made by esp.sh, with the openssl command alone. tests/unit/ipsec/test_esp.py seals, opens, cuts and spoils
them; test_algorithms.py holds the keys.
"""

from dataclasses import dataclass

from lteims.ipsec.algorithms import legal
from lteims.ipsec.sa import Aalg, Ealg, Sa

CK = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
IK = bytes.fromhex("101112131415161718191a1b1c1d1e1f")


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, and what it is made of."""

    name: str
    sa: Sa
    sequence: int
    next_header: int
    payload: bytes
    iv: bytes
    octets: bytes


def _octets(*groups: str) -> bytes:
    return bytes.fromhex("".join(groups))


def _sa(spi: int, aalg: Aalg, ealg: Ealg, auth_key: bytes, enc_key: bytes) -> Sa:
    return Sa(spi, "10.0.0.2", 7000, "10.0.0.1", 7100, True, aalg, ealg, auth_key, enc_key)


# What annex I of TS 33.203 makes of CK and IK for each algorithm.
AUTH_KEYS = {
    Aalg.HMAC_MD5_96: IK,
    Aalg.HMAC_SHA1_96: _octets("101112131415161718191a1b1c1d1e1f", "00000000"),
    Aalg.HMAC_SHA256_128: _octets("101112131415161718191a1b1c1d1e1f", "00000000000000000000000000000000"),
    Aalg.AES_GMAC: _octets(
        "101112131415161718191a1b1c1d1e1f",
        "7040f6a2",  # end of HMAC-SHA-256(CK || IK, 58 "AES_GMAC_SALT" 00 0d)
    ),
    Aalg.NULL: b"",
}
ENC_KEYS = {
    Ealg.AES_CBC: CK,
    Ealg.DES_EDE3_CBC: _octets(  # CK1, CK2, CK1, each octet with odd parity
        "0101020204040707",
        "08080b0b0d0d0e0e",
        "0101020204040707",
    ),
    Ealg.DES_CBC: _octets("0101020204040707"),
    Ealg.AES_GCM: _octets(
        "000102030405060708090a0b0c0d0e0f",
        "99ca2318",  # end of HMAC-SHA-256(CK || IK, 59 "AES_GCM_SALT" 00 0c)
    ),
    Ealg.NULL: b"",
}

SPI = 1000000001
HEADER = _octets(
    "3b9aca01",  # SPI
    "00000001",  # sequence number
)
PAYLOAD = _octets(
    "1b58 1bbc",  # UDP ports
    "0014 0000",  # length, no checksum
    "524547495354455220736970",  # REGISTER sip
)
CLEAR = PAYLOAD + _octets(
    "0102",  # padding to a multiple of 4
    "02",  # its length
    "11",  # next header: UDP
)
IV = _octets("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")

# Behind the header, up to the ICV.
BODIES = {
    Ealg.AES_CBC: _octets(
        "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",  # IV
        "c7ad8be9a19a51e649becf5c5e78925e",  # ports to "REGISTER"
        "be93c3f78829b22627d7a8ac7510448c",  # " sip", 10 octets of padding, 0a, 11
    ),
    Ealg.DES_EDE3_CBC: _octets(
        "f0f1f2f3f4f5f6f7",  # IV
        "686f796d2f38693f",  # UDP header
        "e03696a39fc9ad20",  # "REGISTER"
        "2973b0f47e0396d3",  # " sip", 01 02, 02, 11
    ),
    Ealg.DES_CBC: _octets(
        "f0f1f2f3f4f5f6f7",  # IV
        "2742d23e21da6634",  # UDP header
        "fcb28d76bd73587e",  # "REGISTER"
        "4df240e745642906",  # " sip", 01 02, 02, 11
    ),
    Ealg.AES_GCM: _octets(
        "f0f1f2f3f4f5f6f7",  # IV, behind the salt in the nonce
        "2a67a8c9c7857fba84d7d5e6cb1acb9b7842840c6773ffc6",  # all of the clear octets, in counter mode
    ),
    Ealg.NULL: CLEAR,
}
ICVS = {
    (Aalg.HMAC_MD5_96, Ealg.AES_CBC): "eb843e2eae2f0a58b0b65553",
    (Aalg.HMAC_SHA1_96, Ealg.AES_CBC): "6737b44e594f1b715a1afedd",
    (Aalg.HMAC_SHA256_128, Ealg.AES_CBC): "3d521732d9d88831866c41d902b462ac",
    (Aalg.HMAC_MD5_96, Ealg.DES_EDE3_CBC): "0132b97403579f6be1451246",
    (Aalg.HMAC_SHA1_96, Ealg.DES_EDE3_CBC): "138a34f9cbef3e21d607884e",
    (Aalg.HMAC_SHA256_128, Ealg.DES_EDE3_CBC): "ce00512332b140f1fc4670cbc1225599",
    (Aalg.HMAC_MD5_96, Ealg.DES_CBC): "d21d8dd5a159ed999a40a83b",
    (Aalg.HMAC_SHA1_96, Ealg.DES_CBC): "586882c5442093df6f8c70be",
    (Aalg.HMAC_SHA256_128, Ealg.DES_CBC): "3e1fc601c41e4989c64591eabf0f9117",
    (Aalg.HMAC_MD5_96, Ealg.NULL): "86b9055306744ed59d1257ad",
    (Aalg.HMAC_SHA1_96, Ealg.NULL): "ca5e3e0beeca101e8f4f190d",
    (Aalg.HMAC_SHA256_128, Ealg.NULL): "6b625656a23d0649932d83cc0901f0d4",
    (Aalg.NULL, Ealg.AES_GCM): "63d4c9315ff258f65f487bcf122d69ab",
    (Aalg.AES_GMAC, Ealg.NULL): "19ddd69b81dbc05ab3f1f29ee24a04e4",
    (Aalg.NULL, Ealg.AES_CBC): "",
    (Aalg.NULL, Ealg.DES_EDE3_CBC): "",
    (Aalg.NULL, Ealg.DES_CBC): "",
    (Aalg.NULL, Ealg.NULL): "",
}


def _own(aalg: Aalg, ealg: Ealg) -> Packet:
    iv = IV[:8] if aalg is Aalg.AES_GMAC else b""  # GMAC has an IV, though nothing is encrypted
    octets = HEADER + iv + BODIES[ealg] + _octets(ICVS[aalg, ealg])
    return Packet(f"{aalg} {ealg}", _sa(SPI, aalg, ealg, AUTH_KEYS[aalg], ENC_KEYS[ealg]), 1, 17, PAYLOAD, IV, octets)


OWN = tuple(_own(aalg, ealg) for aalg in Aalg for ealg in Ealg if legal(aalg, ealg))

_PING = (  # RFC 3602 clause 4, case 5: an echo request
    "08000ebd a70a0000 8e9c083d b95b0700 08090a0b 0c0d0e0f 10111213 14151617"
    "18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637"
)
PUBLISHED = (
    Packet(
        "RFC 3602 case 5",
        _sa(0x4321, Aalg.NULL, Ealg.AES_CBC, b"", _octets("90d382b4 10eeba7a d938c46c ec1a82bf")),
        1,
        1,
        _octets(_PING),
        _octets("e96e8c08 ab465763 fd098d45 dd3ff893"),
        _octets(
            "00004321 00000001",  # SPI, sequence number
            "e96e8c08 ab465763 fd098d45 dd3ff893",  # IV
            "f663c25d 325c18c6 a9453e19 4e120849 a4870b66 cc6b9965 330013b4 898dc856",
            "a4699e52 3a55db08 0b59ec3a 8e4b7e52 775b07d1 db34ed9c 538ab50c 551b874a",
            "a269add0 47ad2d59 13ac19b7 cfbad4a6",  # padding 01 to 0e, its length, ICMP
        ),
    ),
    Packet(
        "draft-mcgrew-gcm-test case 2",
        _sa(0xA5F8, Aalg.NULL, Ealg.AES_GCM, b"", _octets("feffe9928665731c6d6a8f9467308308", "cafebabe")),
        10,
        1,
        _octets(  # a DNS query in IP; no padding
            "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100",
            "0001000000000000037369700963796265726369747902646b0000010001",
        ),
        _octets("facedbaddecaf888"),
        _octets(
            "0000a5f8 0000000a",  # SPI, sequence number
            "facedbaddecaf888",  # IV
            "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c",
            "3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd1",
            "83b70d3aa8bc6ee4c309e9d85a41ad4a",  # ICV
        ),
    ),
    Packet(
        "draft-mcgrew-gcm-test case 4",
        _sa(0, Aalg.NULL, Ealg.AES_GCM, b"", bytes(20)),
        1,
        1,
        _octets(  # an echo request in IP
            "4500003c99c500008001cb7a40679318010101010800075c0200440061626364",
            "65666768696a6b6c6d6e6f7071727374757677616263646566676869",
        ),
        bytes(8),
        _octets(
            "00000000 00000001",  # SPI, sequence number
            "0000000000000000",  # IV
            "4688daf2f973a392732909c331d56d60f694abaa414b5e7ff5fdcdfff5e9a284",
            "456476492719ffb64de7d9dca1e1d894bc3bd57873ed4d181d19d4d5c8c18af3",
            "f821d496eeb096e98ad2b69e4799c71d",  # ICV
        ),
    ),
    Packet(
        "draft-mcgrew-gcm-test case 12",
        _sa(0x335467AE, Aalg.NULL, Ealg.AES_GCM, b"", _octets("7d773d00c144c525ac619d18c84a3f47", "d9664267")),
        2**32 - 1,
        1,
        b"",
        _octets("43457e9182443bc6"),
        _octets(
            "335467ae ffffffff",  # SPI, the last sequence number
            "43457e9182443bc6",  # IV
            "437f866b",  # 01 02 02 01: nothing but a trailer
            "cb3f699fe9b0822bac961c4504bef270",  # ICV
        ),
    ),
    Packet(
        "NULL-AES-GMAC as Linux proves its rfc4543(gcm(aes))",
        _sa(0x4321, Aalg.AES_GMAC, Ealg.NULL, _octets("4c80cdefbb5d10da906ac73c3613a634", "22433c64"), b""),
        7,
        1,
        _octets(  # an echo request in IP
            "45000030da3a00008001df3bc0a80005c0a80001",
            "0800c6cd020007006162636465666768696a6b6c6d6e6f7071727374",
        ),
        bytes(8),
        _octets(
            "00004321 00000007",  # SPI, sequence number
            "0000000000000000",  # IV
            "45000030da3a00008001df3bc0a80005c0a80001",
            "0800c6cd020007006162636465666768696a6b6c6d6e6f7071727374",
            "0102 02 01",  # padding, its length, ICMP
            "f2a9a836e155106aa8dcd618e4099aaa",  # ICV
        ),
    ),
)

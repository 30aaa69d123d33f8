"""The arithmetic of SIP Digest: MD5 (RFC 2617), SHA-256 (RFC 8760), AKAv1-MD5 (RFC 3310), AKAv2-MD5 (RFC 4169).

Plain strings and octets in, strings out: sip/ reads and writes the headers, ims/scscf.py keeps nonces and decides.
"""

import hashlib
import hmac
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lteims.aka.algorithm import AUTN_LEN, AUTS_LEN, RAND_LEN
from lteims.aka.errors import AkaError

AKAV2_LABEL = b"http-digest-akav2-password"  # RFC 4169 clause 3


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a digest algorithm's name stands for."""

    hash: Callable[[bytes], str]
    session: bool = False  # A1 holds nonce and cnonce (RFC 2617 3.2.2.2)
    aka: int = 0  # version of AKA, 0 for a password


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


_SCHEMES: Final[dict[str, Scheme]] = {
    "md5": Scheme(_md5),
    "md5-sess": Scheme(_md5, session=True),
    "akav1-md5": Scheme(_md5, aka=1),
    "akav2-md5": Scheme(_md5, aka=2),
    "sha-256": Scheme(_sha256),
    "sha-256-sess": Scheme(_sha256, session=True),
    "sha-512-256": Scheme(_sha512_256),
    "sha-512-256-sess": Scheme(_sha512_256, session=True),
    "": Scheme(_md5),  # RFC 2617 3.2.1: without algorithm it is MD5
}


def scheme(algorithm: str) -> Scheme:
    """The scheme of an `algorithm` parameter, in any case of its letters; AkaError when it is unknown."""
    found = _SCHEMES.get(algorithm.lower())
    if found is None:
        raise AkaError(f"digest algorithm '{algorithm[:40]}' is unknown")
    return found


def response(
    algorithm: str,
    username: str,
    realm: str,
    password: bytes,
    method: str,
    uri: str,
    nonce: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """The `response` of a request (RFC 2617 3.2.2.1) in lower-case hex; an empty qop means RFC 2069's form.

    `password` is the user's, or that of aka_password(), or b"" beside an `auts` (RFC 3310 3.4). With an empty
    method it is the `rspauth` of an answer (RFC 2617 3.2.3). AkaError for an unknown algorithm or qop.
    """
    a1 = ha1(algorithm, username, realm, password, nonce, cnonce)
    return response_of_ha1(algorithm, a1, method, uri, nonce, qop, nc, cnonce, body)


def ha1(algorithm: str, username: str, realm: str, password: bytes, nonce: str = "", cnonce: str = "") -> str:
    """H(A1) in hex, which an HSS may store instead of the password (Digest-HA1, TS 29.229 6.3.42).

    Nonce and cnonce count for the -sess algorithms only.
    """
    found = scheme(algorithm)
    digest = found.hash(b"%b:%b:%b" % (_octets(username), _octets(realm), password))
    return found.hash(_octets(f"{digest}:{nonce}:{cnonce}")) if found.session else digest


def response_of_ha1(
    algorithm: str,
    ha1: str,
    method: str,
    uri: str,
    nonce: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """As response(), when H(A1) is known instead of the password."""
    digest = scheme(algorithm).hash
    match qop:
        case "":
            return digest(_octets(f"{ha1}:{nonce}:{digest(_octets(f'{method}:{uri}'))}"))
        case "auth":
            a2 = f"{method}:{uri}"
        case "auth-int":
            a2 = f"{method}:{uri}:{digest(body)}"
        case _:
            raise AkaError(f"qop '{qop[:40]}' is unknown")
    return digest(_octets(f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{digest(_octets(a2))}"))


def aka_password(algorithm: str, res: bytes, ck: bytes, ik: bytes) -> bytes:
    """The digest password that a run of AKA gives: RES itself (RFC 3310 3.3), or RFC 4169's derived one.

    AKAv2 takes base64(HMAC-MD5(RES || IK || CK, label)), the label being the message and the rest the key.
    AkaError when the algorithm is not AKA.
    """
    match scheme(algorithm).aka:
        case 1:
            return res
        case 2:
            return b64encode(hmac.digest(res + ik + ck, AKAV2_LABEL, "md5"))
        case _:
            raise AkaError(f"digest algorithm '{algorithm[:40]}' is not AKA")


def aka_nonce(rand: bytes, autn: bytes, server_data: bytes = b"") -> str:
    """The `nonce` of an AKA challenge: base64 of RAND || AUTN || server data (RFC 3310 3.2)."""
    return b64encode(rand + autn + server_data).decode("ascii")


def parse_aka_nonce(nonce: str) -> tuple[bytes, bytes, bytes]:
    """(RAND, AUTN, server data) of an AKA challenge; AkaError when it is no base64 or too short."""
    octets = _from_base64("nonce", nonce)
    if len(octets) < RAND_LEN + AUTN_LEN:
        raise AkaError(f"nonce has {len(octets)} octets: too short for RAND and AUTN")
    return octets[:RAND_LEN], octets[RAND_LEN : RAND_LEN + AUTN_LEN], octets[RAND_LEN + AUTN_LEN :]


def aka_auts(auts: bytes) -> str:
    """The `auts` parameter of a response (RFC 3310 3.4)."""
    return b64encode(auts).decode("ascii")


def parse_aka_auts(text: str) -> bytes:
    """The 14 octets of an `auts` parameter; AkaError when it is anything else."""
    auts = _from_base64("auts", text)
    if len(auts) != AUTS_LEN:
        raise AkaError(f"auts has {len(auts)} octets instead of {AUTS_LEN}")
    return auts


def same(expected: str, given: str) -> bool:
    """Whether a peer's response is ours, in a time that does not tell where they differ; hex digits in any case."""
    return given.isascii() and hmac.compare_digest(expected, given.lower())


def _from_base64(name: str, text: str) -> bytes:
    try:
        # Some phones leave the padding out; everything else is strict.
        return a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise AkaError(f"{name} is no base64: {error}") from None


def _octets(text: str) -> bytes:
    """UTF-8 (RFC 3261 25.1); octets that were none and were read with surrogateescape come back as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")

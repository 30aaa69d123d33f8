"""ESP packets in transport mode (RFC 4303): octets behind the IP header to and from what they carry, by one Sa.

Called by net/esp.py. Sequence numbers have 32 bits; the replay window (replay.py) and the IP header are the caller's.
"""

import hmac
import struct
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from lteims.ipsec.algorithms import ENCRYPTION, INTEGRITY, SALT_LEN, legal
from lteims.ipsec.errors import IpsecError
from lteims.ipsec.sa import Aalg, Ealg, Sa

PROTOCOL: Final = 50
MAX_SEQUENCE: Final = 2**32 - 1
_HEADER: Final = struct.Struct("!2I")
_TRAILER_LEN: Final = 2  # pad length, next header
_PADDING: Final = bytes(range(1, 256))  # RFC 4303 2.4: 1, 2, 3, ...


class Forged(IpsecError):
    """The integrity check value of a packet is wrong."""


IvSource = Callable[[int], bytes]


class _Transform(Protocol):
    """One family of algorithms: octets behind SPI and sequence number, from and to payload with trailer."""

    def seal(self, header: bytes, clear: bytes, iv_source: IvSource) -> bytes: ...

    def open(self, packet: bytes) -> bytes: ...


def peek(packet: bytes) -> tuple[int, int]:
    """SPI and sequence number, to find the SA and ask its window; IpsecError when the packet is too short."""
    if len(packet) < _HEADER.size:
        raise IpsecError(f"an ESP packet of {len(packet)} octets has no whole header")
    spi, sequence = _HEADER.unpack_from(packet)
    return spi, sequence


class Esp:
    """Seals and opens the packets of one SA; keys and contexts are made once, a packet costs a few microseconds.

    Raises IpsecError when the SA's algorithms cannot go together or a key has a wrong length.
    """

    __slots__ = ("_block", "_spi", "_transform", "sa")

    def __init__(self, sa: Sa) -> None:
        self.sa = sa
        self._spi = sa.spi
        self._block = ENCRYPTION[sa.ealg].block
        self._transform = _transform(sa)

    def seal(self, sequence: int, next_header: int, payload: bytes, iv_source: IvSource) -> bytes:
        """One packet; `iv_source(n)` gives n octets that nobody can foretell, for every packet anew.

        They must be random for GCM and GMAC too: all four SAs of a phone, on both of their ends, have the same key and
        salt, so that counters would meet. IpsecError when `sequence` is not in 1 to 2^32-1: the SA is used up.
        """
        if not 1 <= sequence <= MAX_SEQUENCE:
            raise IpsecError(f"the sequence numbers of SPI {self._spi} are used up")
        padding = -(len(payload) + _TRAILER_LEN) % self._block
        clear = b"%b%b%c%c" % (payload, _PADDING[:padding], padding, next_header)
        return self._transform.seal(_HEADER.pack(self._spi, sequence), clear, iv_source)

    def open(self, packet: bytes) -> tuple[int, int, bytes]:
        """Sequence number, next header and payload of a packet; Forged when its ICV is wrong, else IpsecError."""
        spi, sequence = peek(packet)
        if spi != self._spi:
            raise IpsecError(f"an ESP packet for SPI {spi} came to SPI {self._spi}")
        clear = self._transform.open(packet)
        padding, next_header = clear[-2], clear[-1]
        end = len(clear) - _TRAILER_LEN - padding
        if end < 0 or clear[end:-2] != _PADDING[:padding]:
            raise IpsecError(f"the padding of an ESP packet for SPI {spi} is wrong")
        return sequence, next_header, clear[:end]


def _transform(sa: Sa) -> _Transform:
    if not legal(sa.aalg, sa.ealg):
        raise IpsecError(f"{sa.aalg} and {sa.ealg} cannot go together")
    for name, key, wanted in (
        (sa.aalg, sa.auth_key, INTEGRITY[sa.aalg].key_len),
        (sa.ealg, sa.enc_key, ENCRYPTION[sa.ealg].key_len),
    ):
        if len(key) != wanted:
            raise IpsecError(f"a key for {name} has {len(key)} octets, not {wanted}")
    if sa.ealg is Ealg.AES_GCM:
        return _Gcm(sa.enc_key)
    if sa.aalg is Aalg.AES_GMAC:
        return _Gmac(sa.auth_key)
    return _Cbc(sa)


class _Cbc:
    """A block cipher in CBC, or none, and then an HMAC over all of it, or none (RFC 4303 3.3.2.1)."""

    __slots__ = ("_block", "_cipher", "_hmac", "_icv_len", "_iv_len", "_least")

    def __init__(self, sa: Sa) -> None:
        sizes, integrity = ENCRYPTION[sa.ealg], INTEGRITY[sa.aalg]
        self._iv_len, self._block, self._icv_len = sizes.iv_len, sizes.block, integrity.icv_len
        self._least = _HEADER.size + self._iv_len + self._block
        self._hmac = hmac.new(sa.auth_key, digestmod=integrity.hash) if integrity.hash else None
        self._cipher = _block_cipher(sa.ealg, sa.enc_key)

    def seal(self, header: bytes, clear: bytes, iv_source: IvSource) -> bytes:
        if self._cipher is None:
            packet = header + clear
        else:
            iv = iv_source(self._iv_len)
            packet = header + iv + Cipher(self._cipher, CBC(iv)).encryptor().update(clear)
        return packet if self._hmac is None else packet + self._icv(self._hmac, packet)

    def open(self, packet: bytes) -> bytes:
        end = len(packet) - self._icv_len
        if end < self._least or (end - self._least) % self._block:
            raise IpsecError(f"an ESP packet of {len(packet)} octets has no whole number of blocks")
        if self._hmac is not None and not hmac.compare_digest(self._icv(self._hmac, packet[:end]), packet[end:]):
            raise Forged("the integrity check value of an ESP packet is wrong")
        start = _HEADER.size + self._iv_len
        if self._cipher is None:
            return packet[start:end]
        return Cipher(self._cipher, CBC(packet[_HEADER.size : start])).decryptor().update(packet[start:end])

    def _icv(self, keyed: hmac.HMAC, packet: bytes) -> bytes:
        code = keyed.copy()  # the key is in it already
        code.update(packet)
        return code.digest()[: self._icv_len]


def _block_cipher(ealg: Ealg, key: bytes) -> AES | TripleDES | None:
    match ealg:
        case Ealg.AES_CBC:
            return AES(key)
        case Ealg.DES_EDE3_CBC:
            return TripleDES(key)
        case Ealg.DES_CBC:
            return TripleDES(key * 3)  # E, D, E with one key is E once
        case _:
            return None


class _Gcm:
    """AES-GCM with 16 octets of ICV: SPI and sequence number are the additional data (RFC 4106 clauses 3 to 5)."""

    __slots__ = ("_aead", "_salt")

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key[:-SALT_LEN])
        self._salt = key[-SALT_LEN:]

    def seal(self, header: bytes, clear: bytes, iv_source: IvSource) -> bytes:
        iv = iv_source(_IV_LEN)
        return header + iv + self._aead.encrypt(self._salt + iv, clear, header)

    def open(self, packet: bytes) -> bytes:
        _require_aead_length(packet)
        iv = packet[_HEADER.size : _PAYLOAD]
        try:
            return self._aead.decrypt(self._salt + iv, packet[_PAYLOAD:], packet[: _HEADER.size])
        except InvalidTag:
            raise Forged("the integrity check value of an ESP packet is wrong") from None


class _Gmac:
    """AES-GMAC: all of the packet is additional data, and nothing is encrypted (RFC 4543 3.3)."""

    __slots__ = ("_aead", "_salt")

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key[:-SALT_LEN])
        self._salt = key[-SALT_LEN:]

    def seal(self, header: bytes, clear: bytes, iv_source: IvSource) -> bytes:
        iv = iv_source(_IV_LEN)
        packet = header + iv + clear
        return packet + self._aead.encrypt(self._salt + iv, b"", packet)

    def open(self, packet: bytes) -> bytes:
        _require_aead_length(packet)
        iv, icv = packet[_HEADER.size : _PAYLOAD], packet[-_ICV_LEN:]
        try:
            self._aead.decrypt(self._salt + iv, icv, packet[:-_ICV_LEN])
        except InvalidTag:
            raise Forged("the integrity check value of an ESP packet is wrong") from None
        return packet[_PAYLOAD:-_ICV_LEN]


_IV_LEN: Final = ENCRYPTION[Ealg.AES_GCM].iv_len
_ICV_LEN: Final = ENCRYPTION[Ealg.AES_GCM].icv_len
_PAYLOAD: Final = _HEADER.size + _IV_LEN


def _require_aead_length(packet: bytes) -> None:
    clear = len(packet) - _PAYLOAD - _ICV_LEN
    if clear < _TRAILER_LEN or clear % ENCRYPTION[Ealg.AES_GCM].block:
        raise IpsecError(f"an ESP packet of {len(packet)} octets has no whole number of words")

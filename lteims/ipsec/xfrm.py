"""Security associations and policies as messages of NETLINK_XFRM (linux/xfrm.h, linux/netlink.h), packed by hand.

Transport mode of ESP alone. Everything of ours carries one reqid (states) and our priorities (policies), so that what
a crash left is known again. net/xfrm.py carries the messages; the self-test asks through it what the kernel has.
"""

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from lteims.ipsec.errors import IpsecError
from lteims.ipsec.replay import WINDOW
from lteims.ipsec.sa import Aalg, Ealg, Sa, Usage

NEWSA: Final = 0x10
DELSA: Final = 0x11
GETSA: Final = 0x12
NEWPOLICY: Final = 0x13
DELPOLICY: Final = 0x14
GETPOLICY: Final = 0x15
UPDPOLICY: Final = 0x19

REQUEST: Final = 0x01  # NLM_F_*
ACK: Final = 0x04
DUMP: Final = 0x300
_ACK_TLVS: Final = 0x200
ERROR: Final = 2  # NLMSG_*
DONE: Final = 3

# Ours by these two numbers. Low priorities are looked at first, so that a wide policy of others does not hide a phone's
REQID: Final = 0x33203
PRIORITY: Final = 33203
BLOCK_PRIORITY: Final = 33204

_AF_INET: Final = 2
_AF_INET6: Final = 10
_ESP: Final = 50
_TRANSPORT: Final = 0
_ALLOW: Final = 0
_BLOCK: Final = 1
_IN: Final = 0
_OUT: Final = 1
_INFINITE: Final = struct.pack("=8Q", *[2**64 - 1] * 4, 0, 0, 0, 0)  # xfrm_lifetime_cfg: ims/ decides how long
_ANY_ALGORITHM: Final = 0xFFFFFFFF

_ALG_CRYPT: Final = 2  # XFRMA_*
_TMPL: Final = 5
_ALG_AEAD: Final = 18
_ALG_AUTH_TRUNC: Final = 20
_REPLAY_ESN_VAL: Final = 23

_AUTH: Final = {
    Aalg.HMAC_MD5_96: (b"hmac(md5)", 96),
    Aalg.HMAC_SHA1_96: (b"hmac(sha1)", 96),
    Aalg.HMAC_SHA256_128: (b"hmac(sha256)", 128),
    Aalg.NULL: (b"digest_null", 0),
}
_CRYPT: Final = {
    Ealg.AES_CBC: b"cbc(aes)",
    Ealg.DES_EDE3_CBC: b"cbc(des3_ede)",
    Ealg.DES_CBC: b"cbc(des)",
    Ealg.NULL: b"ecb(cipher_null)",
}
_GCM: Final = b"rfc4106(gcm(aes))"
_GMAC: Final = b"rfc4543(gcm(aes))"
_ICV: Final = 128  # bits of GCM and GMAC

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_SELECTOR = struct.Struct("=16s16s2sH2sHHBBB3xII")
_SA = struct.Struct("=56s16s4sB3x16s64sQQQQIIIIIHBBB7x")
_SA_ID = struct.Struct("=16s4sHBx")
_POLICY = struct.Struct("=56s64s32xIIBBBB4x")
_POLICY_ID = struct.Struct("=56sIB3x")
_TEMPLATE = struct.Struct("=16s4sB3xH2x16sIBBBxIII")
_REPLAY = struct.Struct(f"=6I{WINDOW // 8}x")


@dataclass(frozen=True, slots=True)
class Address:
    """A numeric address as the kernel writes it; `length` is of the prefix that a selector compares."""

    family: int
    packed: bytes  # 16 octets
    length: int

    @classmethod
    def parse(cls, host: str) -> "Address":
        """IpsecError for what is no numeric address; 0.0.0.0 and :: stand for any."""
        try:
            found = ip_address(host)
        except ValueError as exc:
            raise IpsecError(f"{host!r} is no numeric address") from exc
        family = _AF_INET if found.version == 4 else _AF_INET6
        return cls(family, found.packed.ljust(16, b"\0"), 0 if found.is_unspecified else found.max_prefixlen)


@dataclass(frozen=True, slots=True)
class State:
    """A security association as the kernel reports it."""

    src: str
    dst: str
    spi: int
    reqid: int
    usage: Usage

    @property
    def ours(self) -> bool:
        """Has this program installed it, now or before a crash?"""
        return self.reqid == REQID


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as the kernel reports it; `identity` deletes it."""

    src: str
    dst: str
    priority: int
    inbound: bool
    identity: bytes

    @property
    def ours(self) -> bool:
        """Has this program installed it, now or before a crash?"""
        return self.priority in {PRIORITY, BLOCK_PRIORITY}


def request(kind: int, payload: bytes, sequence: int, flags: int = REQUEST | ACK) -> bytes:
    """One netlink message; every request wants an acknowledgement unless `flags` says otherwise."""
    return _HEADER.pack(_HEADER.size + len(payload), kind, flags, sequence, 0) + payload


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """The messages of one datagram of the kernel: type, flags, sequence, payload. IpsecError if one is cut short."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            raise IpsecError("a netlink message is cut short")
        yield kind, flags, sequence, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def error_of(payload: bytes, flags: int) -> tuple[int, str]:
    """The errno of an NLMSG_ERROR (0: done) and the kernel's own words, where it has some (extended ACK)."""
    if len(payload) < 20:
        raise IpsecError("a netlink error is cut short")
    code = -int(struct.unpack_from("=i", payload)[0])
    return code, _words(payload[20:]) if flags & _ACK_TLVS else ""


def _words(attributes: bytes) -> str:
    at = 0
    while at + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, at)
        if length < 4:
            break
        if kind == 1:  # NLMSGERR_ATTR_MSG
            return attributes[at + 4 : at + length].split(b"\0")[0].decode("ascii", "replace")
        at += (length + 3) & ~3
    return ""


_CAUSES: Final = {
    errno.EEXIST: "there is one with this SPI or selector already",
    errno.EPROTONOSUPPORT: "the kernel has no ESP",
    errno.ENOSYS: "the kernel lacks the algorithm",
    errno.ENOENT: "the kernel lacks the algorithm or a part that joins two (authenc, echainiv)",
    errno.EPERM: "the capability NET_ADMIN is missing",
    errno.EINVAL: "the kernel refuses the values, such as the length of a key",
    errno.EAFNOSUPPORT: "the kernel lacks this family of addresses",
    errno.ENOMEM: "the kernel is out of memory",
    errno.ENOBUFS: "the kernel is out of buffers",
    errno.ESRCH: "there is none with this SPI or selector",
    errno.ETIMEDOUT: "the kernel does not answer",
}


def cause(code: int, words: str = "") -> str:
    """What an errno of the kernel means here, for a person."""
    said = _CAUSES.get(code, errno.errorcode.get(code, str(code)))
    return f"{said} ({words})" if words else said


def new_sa(sa: Sa) -> bytes:
    """NEWSA: an SA whose selector is its ports, for any upper protocol; no lifetime. IpsecError for a wrong pairing."""
    src, dst = Address.parse(sa.src), Address.parse(sa.dst)
    state = _SA.pack(
        _selector(src, sa.sport, dst, sa.dport), dst.packed, sa.spi.to_bytes(4, "big"), _ESP, src.packed, _INFINITE,
        0, 0, 0, 0, 0, 0, 0, 0, REQID, dst.family, _TRANSPORT, 0, 0,
    )  # fmt: skip
    # Without the flag XFRM_STATE_ESN this only widens the window; sequence numbers stay of 32 bits
    window = _attribute(_REPLAY_ESN_VAL, _REPLAY.pack(WINDOW // 32, 0, 0, 0, 0, WINDOW))
    return state + _algorithms(sa) + window


def _algorithms(sa: Sa) -> bytes:
    if sa.ealg is Ealg.AES_GCM:
        if sa.aalg is not Aalg.NULL:
            raise IpsecError(f"aes-gcm goes with null integrity, not with {sa.aalg}")
        return _aead(_GCM, sa.enc_key)
    if sa.aalg is Aalg.AES_GMAC:
        if sa.ealg is not Ealg.NULL:
            raise IpsecError(f"aes-gmac goes with null encryption, not with {sa.ealg}")
        return _aead(_GMAC, sa.auth_key)
    name, trunc = _AUTH[sa.aalg]
    auth = struct.pack("=64sII", name, 8 * len(sa.auth_key), trunc) + sa.auth_key
    crypt = struct.pack("=64sI", _CRYPT[sa.ealg], 8 * len(sa.enc_key)) + sa.enc_key
    return _attribute(_ALG_AUTH_TRUNC, auth) + _attribute(_ALG_CRYPT, crypt)


def _aead(name: bytes, key: bytes) -> bytes:
    return _attribute(_ALG_AEAD, struct.pack("=64sII", name, 8 * len(key), _ICV) + key)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _selector(src: Address, sport: int, dst: Address, dport: int) -> bytes:
    """xfrm_selector with any upper protocol; port 0 is any port. A phone sends UDP and TCP through one SA."""
    return _SELECTOR.pack(
        dst.packed, src.packed, *_port(dport), *_port(sport), dst.family, dst.length, src.length, 0, 0, 0
    )


def _port(port: int) -> tuple[bytes, int]:
    return port.to_bytes(2, "big"), 0xFFFF if port else 0


def sa_id(dst: str, spi: int) -> bytes:
    """What DELSA and GETSA take."""
    address = Address.parse(dst)
    return _SA_ID.pack(address.packed, spi.to_bytes(4, "big"), address.family, _ESP)


def new_policy(sa: Sa) -> bytes:
    """NEWPOLICY, UPDPOLICY: what has the ports of this SA goes by it (out), or must have come by one of them (in).

    The in-policy names no SPI: while a phone changes its keys an older SA of the same ports is as good, and the
    selector of the SA itself refuses other ports.
    """
    src, dst = Address.parse(sa.src), Address.parse(sa.dst)
    spi = bytes(4) if sa.inbound else sa.spi.to_bytes(4, "big")
    template = _TEMPLATE.pack(
        dst.packed, spi, _ESP, dst.family, src.packed, REQID, _TRANSPORT, 0, 0, *[_ANY_ALGORITHM] * 3
    )
    selector = _selector(src, sa.sport, dst, sa.dport)
    return _policy(selector, sa.inbound, PRIORITY, _ALLOW) + _attribute(_TMPL, template)


def policy_id(sa: Sa) -> bytes:
    """What DELPOLICY takes; equal for two SAs of the same ports and direction."""
    src, dst = Address.parse(sa.src), Address.parse(sa.dst)
    return _policy_identity(_selector(src, sa.sport, dst, sa.dport), sa.inbound)


def new_blocks(host: str, port: int) -> list[bytes]:
    """NEWPOLICY, UPDPOLICY: nothing goes to a protected port or away from it but by an SA's policy."""
    return [_policy(selector, inbound, BLOCK_PRIORITY, _BLOCK) for selector, inbound in _blocked(host, port)]


def block_ids(host: str, port: int) -> list[bytes]:
    """What DELPOLICY takes for new_blocks."""
    return [_policy_identity(selector, inbound) for selector, inbound in _blocked(host, port)]


def _blocked(host: str, port: int) -> list[tuple[bytes, bool]]:
    own = Address.parse(host)
    peers = Address(own.family, bytes(16), 0)
    return [(_selector(peers, 0, own, port), True), (_selector(own, port, peers, 0), False)]


def _policy(selector: bytes, inbound: bool, priority: int, action: int) -> bytes:
    return _POLICY.pack(selector, _INFINITE, priority, 0, _IN if inbound else _OUT, action, 0, 0)


def _policy_identity(selector: bytes, inbound: bool) -> bytes:
    return _POLICY_ID.pack(selector, 0, _IN if inbound else _OUT)


def parse_sa(payload: bytes) -> State:
    """The payload of NEWSA as GETSA brings it; IpsecError if it is cut short."""
    if len(payload) < _SA.size:
        raise IpsecError("an SA of the kernel is cut short")
    _, dst, spi, _, src, _, octets, packets, _, _, late, twice, forged, _, reqid, family, *_ = _SA.unpack_from(payload)
    usage = Usage(packets, octets, late + twice, forged)
    return State(_text(src, family), _text(dst, family), int.from_bytes(spi, "big"), reqid, usage)


def parse_policy(payload: bytes) -> Policy:
    """The payload of NEWPOLICY as GETPOLICY brings it; IpsecError if it is cut short."""
    if len(payload) < _POLICY.size:
        raise IpsecError("a policy of the kernel is cut short")
    selector, _, priority, _, direction, *_ = _POLICY.unpack_from(payload)
    dst, src, *_, family = _SELECTOR.unpack(selector)[:7]
    identity = _POLICY_ID.pack(selector, 0, direction)
    return Policy(_text(src, family), _text(dst, family), priority, direction == _IN, identity)


def _text(packed: bytes, family: int) -> str:
    """The shortest form of an address of the kernel."""
    return str(ip_address(packed[:4] if family == _AF_INET else packed))

"""What this machine lacks, said at start (floor 5): SCTP, ESP, NET_ADMIN; what will not work and how to mend it.

Called once by app.py; nothing here stops the start, and nothing is left behind in the kernel.
"""

import errno
import os
import socket
import struct
from dataclasses import dataclass

_CAP_NET_ADMIN = 12
_NETLINK_XFRM = 6
_XFRM_MSG_NEWSA = 0x10
_XFRM_MSG_DELSA = 0x11
_IPPROTO_SCTP = 132
_IPPROTO_ESP = 50
_TEST_SPI = 0x00DEAD01


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is missing."""

    what: str
    effect: str
    mend: str
    needed: bool  # does the configuration ask for it?


def missing(*, sctp: bool, ipsec: bool) -> list[Finding]:
    """Everything that is missing; an empty list on a fully equipped machine. The arguments: is it needed?"""
    return [finding for finding in (_sctp(sctp), _esp(ipsec) if _has_net_admin() else _rights(ipsec)) if finding]


def _sctp(needed: bool) -> Finding | None:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, _IPPROTO_SCTP).close()
    except OSError as error:
        return Finding(
            f"SCTP ({error.strerror})",
            "Cx, Rx and SMS over SGs over SCTP do not work; Diameter with tcp: does",
            "modprobe sctp (packages: linux-modules-extra or kernel-modules-extra; see /etc/modprobe.d for blacklists)",
            needed,
        )
    return None


def _rights(needed: bool) -> Finding:
    return Finding(
        "the capability NET_ADMIN",
        "IPsec of phones cannot be set up in the kernel",
        "start as root, or `docker run --cap-add NET_ADMIN`, or ipsec: false in the configuration",
        needed,
    )


def _has_net_admin() -> bool:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            line = next((line for line in status if line.startswith("CapEff:")), "")
        return bool(int(line.split()[1], 16) >> _CAP_NET_ADMIN & 1)
    except (OSError, IndexError, ValueError):
        return os.geteuid() == 0


def _esp(needed: bool) -> Finding | None:
    """Add an ESP state that no packet can meet and delete it again: the kernel refuses where it has no ESP."""
    error = _try_esp_state()
    if not error:
        return None
    return Finding(
        f"ESP in the kernel ({os.strerror(error)})",
        "IPsec of phones cannot be set up in the kernel",
        "modprobe esp4 esp6 xfrm_user, or ipsec: false in the configuration",
        needed,
    )


def _try_esp_state() -> int:
    """XFRM_MSG_NEWSA and XFRM_MSG_DELSA with null algorithms on 127.0.0.1 (linux/xfrm.h); the errno of the first."""
    address = socket.inet_aton("127.0.0.1") + bytes(12)
    identity = address + struct.pack("=IB3x", socket.htonl(_TEST_SPI), _IPPROTO_ESP)
    no_limits = struct.pack("=8Q", *[2**64 - 1] * 4, 0, 0, 0, 0)
    state = bytes(56) + identity + address + no_limits + bytes(32) + bytes(12)
    state += struct.pack("=IIHBBB7x", 0, 0, socket.AF_INET, 0, 0, 0)
    algorithms = b"".join(_algorithm(kind, name) for kind, name in ((1, b"digest_null"), (2, b"ecb(cipher_null)")))
    named = address + struct.pack("=IHBx", socket.htonl(_TEST_SPI), socket.AF_INET, _IPPROTO_ESP)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_XFRM) as netlink:
            netlink.settimeout(1.0)
            error = _ask(netlink, _XFRM_MSG_NEWSA, state + algorithms)
            if not error:
                _ask(netlink, _XFRM_MSG_DELSA, named)
            return error
    except TimeoutError:
        return errno.ETIMEDOUT
    except OSError as error:
        return error.errno or errno.EIO


def _algorithm(kind: int, name: bytes) -> bytes:
    """One XFRMA_ALG_AUTH or XFRMA_ALG_CRYPT attribute with an empty key."""
    return struct.pack("=HH64sI", 4 + 68, kind, name, 0)


def _ask(netlink: socket.socket, kind: int, payload: bytes) -> int:
    """One request that wants an acknowledgement; the errno in it, 0 for success."""
    flags = 0x05  # NLM_F_REQUEST | NLM_F_ACK
    netlink.sendto(struct.pack("=IHHII", 16 + len(payload), kind, flags, 1, 0) + payload, (0, 0))
    answer = netlink.recv(8192)
    return -int(struct.unpack_from("=i", answer, 16)[0])

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
_XFRM_MSG_ALLOCSPI = 0x16
_NLM_F_REQUEST = 1
_IPPROTO_SCTP = 132
_IPPROTO_ESP = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is missing."""

    what: str
    effect: str
    mend: str


def missing() -> list[Finding]:
    """Everything that is missing; an empty list on a fully equipped machine."""
    return [finding for finding in (_sctp(), *_ipsec()) if finding is not None]


def _sctp() -> Finding | None:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, _IPPROTO_SCTP).close()
    except OSError as error:
        return Finding(
            f"SCTP ({error.strerror})",
            "Cx, Rx and SMS over SGs over SCTP do not work; Diameter with tcp: does",
            "modprobe sctp (packages: linux-modules-extra or kernel-modules-extra; see /etc/modprobe.d for blacklists)",
        )
    return None


def _ipsec() -> list[Finding | None]:
    if not _has_net_admin():
        return [
            Finding(
                "the capability NET_ADMIN",
                "IPsec of phones cannot be set up in the kernel",
                "start as root, or `docker run --cap-add NET_ADMIN`, or ipsec: false in the configuration",
            )
        ]
    return [_esp()]


def _has_net_admin() -> bool:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            line = next((line for line in status if line.startswith("CapEff:")), "")
        return bool(int(line.split()[1], 16) >> _CAP_NET_ADMIN & 1)
    except (OSError, IndexError, ValueError):
        return os.geteuid() == 0


def _esp() -> Finding | None:
    """Ask the kernel for a larval ESP state, which it forgets by itself: it refuses where it has no ESP."""
    error = _allocate_spi()
    if not error:
        return None
    return Finding(
        f"ESP in the kernel ({os.strerror(error)})",
        "IPsec of phones cannot be set up in the kernel",
        "modprobe esp4 esp6 xfrm_user, or ipsec: false in the configuration",
    )


def _allocate_spi() -> int:
    """XFRM_MSG_ALLOCSPI for 127.0.0.1; the errno of the answer, 0 if ESP is there (linux/xfrm.h)."""
    address = socket.inet_aton("127.0.0.1") + bytes(12)
    selector = bytes(16 + 16 + 4 * 2 + 2 + 2 + 1 + 3 + 4 + 4)
    identity = address + struct.pack("!I", 0) + bytes([_IPPROTO_ESP]) + bytes(3)
    limits = bytes(8 * 8)
    counters = bytes(4 * 8)
    statistics = bytes(3 * 4)
    tail = struct.pack("=IIHBBBxxx", 0, 1, socket.AF_INET, 0, 0, 0)
    body = selector + identity + address + limits + counters + statistics
    body += bytes(-len(body) % 8) if len(body) % 8 else b""
    info = body + tail
    info += bytes(-len(info) % 8)
    spi_range = struct.pack("=II", 0x100, 0xFFF)
    payload = info + spi_range
    header = struct.pack("=IHHII", 16 + len(payload), _XFRM_MSG_ALLOCSPI, _NLM_F_REQUEST, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_XFRM) as netlink:
            netlink.settimeout(1.0)
            netlink.sendto(header + payload, (0, 0))
            answer = netlink.recv(4096)
    except TimeoutError:
        return errno.ETIMEDOUT
    except OSError as error:
        return error.errno or errno.EIO
    kind = struct.unpack_from("=H", answer, 4)[0]
    if kind != 2:  # not NLMSG_ERROR: the state itself came back
        return 0
    return -int(struct.unpack_from("=i", answer, 16)[0])

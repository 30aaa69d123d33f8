"""What this machine lacks, said at start (floor 5): SCTP, ESP, NET_ADMIN; what will not work and how to mend it.

Called once by app.py; nothing here stops the start, and nothing is left behind in the kernel.
"""

import os
import socket
from dataclasses import dataclass

from lteims.ipsec.errors import NoIpsec
from lteims.ipsec.sa import Aalg, Ealg
from lteims.net.esp_socket import raw_socket
from lteims.net.xfrm_netlink import Kernel, Netlink, probe

_CAP_NET_ADMIN = 12
_IPPROTO_SCTP = 132


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is missing."""

    what: str
    effect: str
    mend: str
    needed: bool  # does the configuration ask for it?


def missing(*, sctp: bool, ipsec: bool) -> list[Finding]:
    """Everything that is missing; an empty list on a fully equipped machine. The arguments: is it needed?"""
    return [finding for finding in (_sctp(sctp), _ipsec(ipsec)) if finding]


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


def _has_net_admin() -> bool:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            line = next((line for line in status if line.startswith("CapEff:")), "")
        return bool(int(line.split()[1], 16) >> _CAP_NET_ADMIN & 1)
    except (OSError, IndexError, ValueError):
        return os.geteuid() == 0


def _ipsec(needed: bool) -> Finding | None:
    """What the kernel lacks for IPsec of phones; this process stands in for it where raw sockets are allowed."""
    if not _has_net_admin():
        return Finding(
            "the capability NET_ADMIN",
            _without_kernel(),
            "start as root, or `docker run --cap-add NET_ADMIN`, or ipsec: false in the configuration",
            needed,
        )
    try:
        kernel = _kernel()
    except NoIpsec as error:
        return Finding(
            f"ESP in the kernel ({error})",
            _without_kernel(),
            "modprobe esp4 esp6 xfrm_user, or ipsec: false in the configuration",
            needed,
        )
    lacking = [*sorted({*Aalg} - {*kernel.aalgs}), *sorted({*Ealg} - {*kernel.ealgs})]
    if kernel.ipv6 and not lacking:
        return None
    return Finding(
        "in the kernel: "
        + ", ".join(["ESP over IPv6"] * (not kernel.ipv6) + [f"the algorithm {one}" for one in lacking]),
        "phones that need it cannot use IPsec",
        "modprobe esp6 and the kernel's modules of these algorithms",
        False,
    )


def _kernel() -> Kernel:
    netlink = Netlink()
    try:
        return probe(netlink)
    finally:
        netlink.close()


def _without_kernel() -> str:
    try:
        raw_socket(socket.AF_INET).close()
    except NoIpsec as error:
        return f"IPsec of phones does not work: neither by the kernel, nor by this process ({error})"
    return "IPsec of phones is done by this process, for SIP over UDP alone"

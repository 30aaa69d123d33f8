"""The commands between neighbours (RFC 6733 5.3 to 5.5): CER, DWR and DPR with their answers; peer.py's only."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lteims.diameter.attributes import (
    ACCT_APPLICATION_ID,
    AUTH_APPLICATION_ID,
    DISCONNECT_CAUSE,
    ETSI,
    HOST_IP_ADDRESS,
    INBAND_SECURITY_ID,
    ORIGIN_HOST,
    ORIGIN_REALM,
    ORIGIN_STATE_ID,
    PRODUCT_NAME,
    SUPPORTED_VENDOR_ID,
    TGPP,
    VENDOR_ID,
    VENDOR_SPECIFIC_APPLICATION_ID,
    DisconnectCause,
)
from lteims.diameter.command import RELAY, Node
from lteims.diameter.message import Message

PRODUCT: Final = "LTE IMS Server"


@dataclass(frozen=True, slots=True)
class Local:
    """What we tell of ourselves: names, the applications that we have, the product."""

    node: Node
    applications: tuple[int, ...]
    product: str = PRODUCT

    def capabilities(self, addresses: Iterable[IPv4Address | IPv6Address]) -> bytes:
        """The AVPs of a CER, and of a CEA behind its result."""
        return b"".join(
            (
                self.node.avps(),
                *map(HOST_IP_ADDRESS, addresses),
                VENDOR_ID(0),
                PRODUCT_NAME(self.product),
                SUPPORTED_VENDOR_ID(TGPP),
                SUPPORTED_VENDOR_ID(ETSI),
                INBAND_SECURITY_ID(0),
                *(
                    VENDOR_SPECIFIC_APPLICATION_ID(VENDOR_ID(TGPP), AUTH_APPLICATION_ID(each))
                    for each in self.applications
                ),
            )
        )

    def disconnect(self, cause: DisconnectCause) -> bytes:
        """The AVPs of a DPR."""
        return self.node.avps() + DISCONNECT_CAUSE(cause)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the peer tells of itself."""

    node: Node
    product: str
    applications: frozenset[int]
    inband_security: frozenset[int]
    state: int = 0  # Origin-State-Id: another one once it has lost its sessions (8.16); 0: it does not say

    @classmethod
    def parse(cls, message: Message) -> "Capabilities":
        """Read a CER or a CEA; DiameterError."""
        groups = message.all(VENDOR_SPECIFIC_APPLICATION_ID)
        kinds = (AUTH_APPLICATION_ID, ACCT_APPLICATION_ID)
        return cls(
            Node(message.need(ORIGIN_HOST), message.need(ORIGIN_REALM)),
            message.first(PRODUCT_NAME) or "",
            frozenset(each for avps in (message.avps, *groups) for kind in kinds for each in avps.all(kind)),
            frozenset(message.all(INBAND_SECURITY_ID)),
            message.first(ORIGIN_STATE_ID) or 0,
        )

    def common(self, local: Local) -> bool:
        """Is there an application that both have, or is it a relay (RFC 6733 5.3)?"""
        return RELAY in self.applications or not self.applications.isdisjoint(local.applications)

    def tls_only(self) -> bool:
        """Does it insist on TLS, which we lack?"""
        return bool(self.inband_security) and 0 not in self.inband_security

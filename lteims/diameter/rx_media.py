"""Media of Rx (TS 29.214 5.3, TS 29.213 6.2): components, their flows and the filters of those; rx.py carries them.

ims/ makes them of an SDP; a PCRF (sim/) reads them.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lteims.diameter.attributes import FLOW_DESCRIPTION
from lteims.diameter.avp import Avps, refused
from lteims.diameter.rx_attributes import (
    AF_APPLICATION_IDENTIFIER,
    CODEC_DATA,
    FLOW_NUMBER,
    FLOW_STATUS,
    FLOW_USAGE,
    MAX_REQUESTED_BANDWIDTH_DL,
    MAX_REQUESTED_BANDWIDTH_UL,
    MEDIA_COMPONENT_DESCRIPTION,
    MEDIA_COMPONENT_NUMBER,
    MEDIA_SUB_COMPONENT,
    MEDIA_TYPE,
    RR_BANDWIDTH,
    RS_BANDWIDTH,
    FlowStatus,
    FlowUsage,
    MediaType,
)

UDP: Final = 17
IpAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class End:
    """An address and a port; None where any port is meant."""

    address: IpAddress
    port: int | None

    def __str__(self) -> str:
        return str(self.address) if self.port is None else f"{self.address} {self.port}"


def filters(server: End, ue: End, protocol: int = UDP) -> tuple[str, str]:
    """The two IPFilterRules of a flow: `out` is to the phone, `in` comes from it (5.3.8)."""
    return f"permit out {protocol} from {server} to {ue}", f"permit in {protocol} from {ue} to {server}"


@dataclass(frozen=True, slots=True)
class Flow:
    """Media-Sub-Component: one flow of a component, both ways; bandwidths in bits per second."""

    number: int
    descriptions: tuple[str, ...] = ()
    usage: FlowUsage = FlowUsage.NO_INFORMATION
    status: FlowStatus | None = None
    uplink: int | None = None
    downlink: int | None = None

    def encode(self) -> bytes:
        """The AVP; DiameterError for values that do not fit."""
        return MEDIA_SUB_COMPONENT(
            FLOW_NUMBER(self.number),
            *map(FLOW_DESCRIPTION, self.descriptions),
            b"" if self.status is None else FLOW_STATUS(self.status),
            FLOW_USAGE(self.usage) if self.usage else b"",
            b"" if self.uplink is None else MAX_REQUESTED_BANDWIDTH_UL(self.uplink),
            b"" if self.downlink is None else MAX_REQUESTED_BANDWIDTH_DL(self.downlink),
        )

    @classmethod
    def parse(cls, avps: Avps) -> "Flow":
        """Read it; DiameterError."""
        return cls(
            avps.need(FLOW_NUMBER),
            avps.all(FLOW_DESCRIPTION),
            _usage(avps),
            _status(avps),
            avps.first(MAX_REQUESTED_BANDWIDTH_UL),
            avps.first(MAX_REQUESTED_BANDWIDTH_DL),
        )


@dataclass(frozen=True, slots=True)
class Media:
    """Media-Component-Description: one m= section; numbers as in the SDP, from 1. Bandwidths in bits per second."""

    number: int
    flows: tuple[Flow, ...] = ()
    type: MediaType | None = MediaType.AUDIO
    status: FlowStatus | None = FlowStatus.ENABLED
    uplink: int | None = None
    downlink: int | None = None
    rr: int | None = None  # RTCP's own (RFC 3556)
    rs: int | None = None
    codecs: tuple[bytes, ...] = ()  # `codec_data`, one for each direction
    application: bytes = b""

    def encode(self) -> bytes:
        """The AVP; DiameterError for values that do not fit."""
        return MEDIA_COMPONENT_DESCRIPTION(
            MEDIA_COMPONENT_NUMBER(self.number),
            *(flow.encode() for flow in self.flows),
            AF_APPLICATION_IDENTIFIER(self.application) if self.application else b"",
            b"" if self.type is None else MEDIA_TYPE(self.type),
            b"" if self.uplink is None else MAX_REQUESTED_BANDWIDTH_UL(self.uplink),
            b"" if self.downlink is None else MAX_REQUESTED_BANDWIDTH_DL(self.downlink),
            b"" if self.status is None else FLOW_STATUS(self.status),
            b"" if self.rs is None else RS_BANDWIDTH(self.rs),
            b"" if self.rr is None else RR_BANDWIDTH(self.rr),
            *map(CODEC_DATA, self.codecs),
        )

    @classmethod
    def parse(cls, avps: Avps) -> "Media":
        """Read it; DiameterError."""
        kind = avps.first(MEDIA_TYPE)
        if kind is not None and not isinstance(kind, MediaType):
            raise refused(MEDIA_TYPE, kind)
        return cls(
            avps.need(MEDIA_COMPONENT_NUMBER),
            tuple(map(Flow.parse, avps.all(MEDIA_SUB_COMPONENT))),
            kind,
            _status(avps),
            avps.first(MAX_REQUESTED_BANDWIDTH_UL),
            avps.first(MAX_REQUESTED_BANDWIDTH_DL),
            avps.first(RR_BANDWIDTH),
            avps.first(RS_BANDWIDTH),
            avps.all(CODEC_DATA),
            avps.first(AF_APPLICATION_IDENTIFIER) or b"",
        )


def codec_data(uplink: bool, role: str, section: str) -> bytes:
    """Codec-Data (5.3.16): `role` is offer, answer or description; `section` the lines of the SDP from m= on."""
    lines = ("uplink" if uplink else "downlink", role, *section.splitlines())
    return "\n".join(lines).encode("utf-8") + b"\n"


def _status(avps: Avps) -> FlowStatus | None:
    status = avps.first(FLOW_STATUS)
    if status is not None and not isinstance(status, FlowStatus):
        raise refused(FLOW_STATUS, status)
    return status


def _usage(avps: Avps) -> FlowUsage:
    usage = avps.first(FLOW_USAGE)
    if usage is None:
        return FlowUsage.NO_INFORMATION
    if not isinstance(usage, FlowUsage):
        raise refused(FLOW_USAGE, usage)
    return usage

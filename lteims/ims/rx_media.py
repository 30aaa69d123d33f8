"""Media of Rx out of the two SDPs of a leg (TS 29.213 6.2 tables 6.2.1 and 6.2.2; TS 29.214 5.3). rx.py calls.

Numbers of components are those of the m= lines, from 1. Up is from the phone: what it sends is bounded by what the
server's SDP lets it send, what it gets by its own.
"""

from ipaddress import ip_address
from typing import Final

from lteims.diameter.rx_attributes import FlowStatus, FlowUsage, MediaType
from lteims.diameter.rx_media import UDP, End, Flow, Media, codec_data, filters
from lteims.media import sdp
from lteims.media.sdp import Sdp

TCP: Final = 6
_TYPES: Final = {
    "audio": MediaType.AUDIO, "video": MediaType.VIDEO, "data": MediaType.DATA, "application": MediaType.APPLICATION,
    "control": MediaType.CONTROL, "text": MediaType.TEXT, "message": MediaType.MESSAGE,
}  # fmt: skip
# bit/s with RTP, UDP and IPv6, where no b= line says it (TS 26.114 annex K for the three of VoLTE)
_USUAL: Final = {
    "AMR": 41_000, "AMR-WB": 54_000, "EVS": 50_000, "PCMU": 100_000, "PCMA": 100_000, "G722": 100_000,
    "H264": 690_000, "H265": 690_000,
}  # fmt: skip
_CODECS: Final = 2048  # octets of a Codec-Data that are sent at most


def media_of(ours: Sdp, theirs: Sdp, *, offered: bool) -> tuple[Media, ...]:
    """A component for each m= line of a leg; `ours` is what the server sent, `offered`: is theirs the offer?"""
    pairs = zip(ours.medias, theirs.medias, strict=False)  # an answer has as many, or it would not be one
    return tuple(_component(n, ours, mine, theirs, its, offered) for n, (mine, its) in enumerate(pairs, 1))


def _component(number: int, ours: Sdp, mine: sdp.Media, theirs: Sdp, its: sdp.Media, offered: bool) -> Media:
    kind = _TYPES.get(its.kind, MediaType.OTHER)
    if mine.rejected or its.rejected:
        return Media(number, (), kind, FlowStatus.REMOVED)
    down, up = _bandwidth(its, mine), _bandwidth(mine, its)
    roles = ("offer", "answer") if offered else ("answer", "offer")
    return Media(
        number, _flows(ours, mine, theirs, its), kind, _status(ours, mine, theirs, its), up, down,
        rr=_rtcp_bandwidth(mine, its, "RR"), rs=_rtcp_bandwidth(mine, its, "RS"),
        codecs=(_codecs(its, roles[0], up=True), _codecs(mine, roles[1], up=False)),
    )  # fmt: skip


def _status(ours: Sdp, mine: sdp.Media, theirs: Sdp, its: sdp.Media) -> FlowStatus:
    """Open is what both sides want: a phone that is held may offer sendrecv all the same (RFC 3264 8.4)."""
    here, there = ours.direction_of(mine), theirs.direction_of(its)
    up, down = there.sends and here.receives, there.receives and here.sends
    if up:
        return FlowStatus.ENABLED if down else FlowStatus.ENABLED_UPLINK
    return FlowStatus.ENABLED_DOWNLINK if down else FlowStatus.DISABLED


def _flows(ours: Sdp, mine: sdp.Media, theirs: Sdp, its: sdp.Media) -> tuple[Flow, ...]:
    """RTP is the first flow, RTCP the second; what is neither has one."""
    server, ue = _end(ours.address_of(mine), mine.port), _end(theirs.address_of(its), its.port)
    if server is None or ue is None:
        return ()
    rtp = "RTP" in its.proto.upper()
    protocol = TCP if its.proto.upper().startswith("TCP") else UDP
    flows = [Flow(1, filters(server, ue, protocol))]
    far, near = ours.rtcp_addr(mine), theirs.rtcp_addr(its)
    if rtp and far is not None and near is not None and not (mine.rtcp_mux and its.rtcp_mux):
        server, ue = _end(*far), _end(*near)
        if server is not None and ue is not None:
            flows.append(Flow(2, filters(server, ue, protocol), FlowUsage.RTCP))
    return tuple(flows)


def _end(host: str | None, port: int) -> End | None:
    """None for what is no numeric address, or the one of an old-style hold: a filter cannot name it."""
    try:
        return None if sdp.is_no_address(host or "") else End(ip_address(host or ""), port)
    except ValueError:
        return None


def _bandwidth(receiver: sdp.Media, sender: sdp.Media) -> int | None:
    """Bits per second that the receiver's SDP allows; else what its codec usually takes; None if nobody knows."""
    said = receiver.bandwidth
    if "AS" in said:
        return min(said["AS"] * 1000, 0xFFFFFFFF)
    if "TIAS" in said:
        return min(said["TIAS"], 0xFFFFFFFF)
    codecs = [entry.encoding.upper() for media in (receiver, sender) for entry in media.rtpmaps.values()]
    return next((_USUAL[codec] for codec in codecs if codec in _USUAL), None)


def _rtcp_bandwidth(mine: sdp.Media, its: sdp.Media, name: str) -> int | None:
    said = [media.bandwidth[name] for media in (mine, its) if name in media.bandwidth]
    return min(max(said), 0xFFFFFFFF) if said else None


def _codecs(media: sdp.Media, role: str, *, up: bool) -> bytes:
    """The m= line and its rtpmap and fmtp lines (5.3.7)."""
    lines = [line for line in media.lines if line.startswith(("a=rtpmap:", "a=fmtp:"))]
    return codec_data(up, role, "\n".join((media.m_line(), *lines)))[:_CODECS]

"""What a virtual phone says and hears: one RTP packet in 20 ms, RTCP reports, and the counts of both ways (RFC 3550).

The payloads are valid speech frames of the negotiated codec, always the same. call.py opens one for each call.
"""

import asyncio
import time

from lteims.ids import Tokens
from lteims.media import rtcp
from lteims.media.codec import Codec, fmtp_parameters
from lteims.media.reception import Reception
from lteims.media.rtcp import ReceiverReport, SenderReport
from lteims.media.rtp import RtpPacket
from lteims.net.rtp_flow import RTCP, RTP, Flow
from lteims.net.rtp_ports import PortPool, open_pair

FRAME = 0.02  # seconds
_REPORT = 5.0  # seconds
_LATE = 0.2  # seconds; packets that are late by more are left out
_TONE = bytes((0x34, 0x21, 0x26, 0x21, 0x34, 0xA1, 0xA6, 0xA1)) * 20  # 1 kHz in A-law
_SPEECH = {"amr": (7, 244), "amr-wb": (2, 253)}  # frame type and bits: 12.2 and 12.65 kbit/s


def speech(codec: Codec) -> bytes | None:
    """One frame of 20 ms in this codec; None for one that the phone cannot speak."""
    name = codec.rtpmap.encoding.lower()
    if name in ("pcma", "pcmu"):
        return _TONE if name == "pcma" else bytes(octet ^ 0x55 for octet in _TONE)
    if name not in _SPEECH:
        return None
    frame_type, bits = _SPEECH[name]
    if fmtp_parameters(codec.fmtp).get("octet-align") == "1":  # RFC 4867 4.4
        return bytes((0xF0, frame_type << 3 | 4)) + bytes(-(-bits // 8))
    head = 15 << 6 | frame_type << 1 | 1  # 4.3: CMR, F, FT, Q
    length = -(-(10 + bits) // 8)
    return (head << (8 * length - 10)).to_bytes(length, "big")


class Voice:
    """The media of one call; it hears and counts from the beginning, and sends once it is told where."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, pool: PortPool, tokens: Tokens, name: str) -> None:
        self.port, rtp_sock, rtcp_sock = open_pair(host, pool)
        self._loop = loop
        self._pool = pool
        self._rtp = Flow(loop, rtp_sock, RTP, "audio", name, time.monotonic)
        self._rtcp = Flow(loop, rtcp_sock, RTCP, "audio", name, time.monotonic)
        self._rtp.hand_to(self._on_rtp)
        self._rtcp.hand_to(lambda data, now: None)
        self._cname = f"{name}@{host}"
        self._ssrc = int.from_bytes(tokens.octets(4), "big")
        self._sequence = int.from_bytes(tokens.octets(2), "big")
        self._timestamp = int.from_bytes(tokens.octets(4), "big")
        self._octets = 0
        self._payload = b""
        self._payload_type = 0
        self._ticks = 160
        self._rate = 8000
        self._due = 0.0
        self._begun = False
        self._timer: asyncio.TimerHandle | None = None
        self._report_timer: asyncio.TimerHandle | None = None
        self.reception: Reception | None = None

    @property
    def received(self) -> int:
        """RTP packets heard."""
        return self._rtp.recv_count

    @property
    def sent(self) -> int:
        """RTP packets sent."""
        return self._rtp.send_count

    @property
    def reports(self) -> int:
        """RTCP packets heard."""
        return self._rtcp.recv_count

    def direct(
        self, rtp: tuple[str, int] | None, rtcp_addr: tuple[str, int] | None, codec: Codec | None, *, sends: bool
    ) -> None:
        """Where to send what from now on; `sends` False is quiet. RTCP always flows (RFC 3264 8.4)."""
        self._rtp.signal(rtp)
        self._rtcp.signal(rtcp_addr)
        payload = speech(codec) if codec is not None else None
        if codec is not None and payload is not None:
            self._payload, self._payload_type = payload, codec.rtpmap.payload_type
            self._rate = codec.rtpmap.clock_rate
            self._ticks = int(self._rate * FRAME)
        talks = sends and rtp is not None and payload is not None
        if talks and self._timer is None:
            self._due, self._begun = self._loop.time(), False
            self._timer = self._loop.call_soon(self._speak)  # type: ignore[assignment]
        elif not talks and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._report_timer is None and rtcp_addr is not None:
            self._report_timer = self._loop.call_later(_REPORT / 2, self._report)

    def _speak(self) -> None:
        now = self._loop.time()
        if now - self._due > _LATE:
            missed = int((now - self._due) / FRAME)
            self._due += missed * FRAME
            self._timestamp += missed * self._ticks
        while self._due <= now:
            self._send_frame()
            self._due += FRAME
        self._timer = self._loop.call_at(self._due, self._speak)

    def _send_frame(self) -> None:
        packet = RtpPacket(
            self._payload_type, self._sequence, self._timestamp & 0xFFFFFFFF, self._ssrc, self._payload,
            marker=not self._begun,
        )  # fmt: skip
        self._begun = True
        if self._rtp.send(packet.encode()):
            self._octets += len(self._payload)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp += self._ticks

    def _on_rtp(self, data: bytes, now: float) -> None:
        source = int.from_bytes(data[8:12], "big")
        if self.reception is None or self.reception.ssrc != source:
            self.reception = Reception(source, self._rate)
        self.reception.on_packet(data[2] << 8 | data[3], int.from_bytes(data[4:8], "big"), now)

    def _report(self) -> None:
        heard = self.reception is not None and self.reception.heard_since_block
        blocks = (self.reception.block(0, 0.0),) if heard and self.reception is not None else ()
        report: SenderReport | ReceiverReport = ReceiverReport(self._ssrc, blocks)
        if self._timer is not None:
            now = rtcp.ntp_timestamp(time.time())
            report = SenderReport(
                self._ssrc, now, self._timestamp & 0xFFFFFFFF, self.sent & 0xFFFFFFFF, self._octets & 0xFFFFFFFF, blocks
            )
        self._rtcp.send(rtcp.compound(report, self._cname))
        self._report_timer = self._loop.call_later(_REPORT, self._report)

    def close(self) -> None:
        """Be quiet and give the ports back."""
        for timer in (self._timer, self._report_timer):
            if timer is not None:
                timer.cancel()
        if not self._rtp.closed:
            self._rtcp.send(rtcp.compound(ReceiverReport(self._ssrc, ()), self._cname, rtcp.bye(self._ssrc)))
            self._rtp.close()
            self._rtcp.close()
            self._pool.give_back(self.port)

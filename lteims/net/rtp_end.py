"""The server as the end of an RTP stream: the echo, and the RTCP of every end.

RFC 3550 6 (reports, SDES, BYE), RFC 4585 and 5104 (feedback). Made by RtpStream.echo in net/rtp.py; rtp_playback.py
builds on it. All timers are in the process's TimerWheel.
"""

from dataclasses import dataclass

from lteims.clock import Clock, WallClock
from lteims.ids import Tokens
from lteims.media import rtcp
from lteims.media.feedback import Feedback
from lteims.media.reception import Reception
from lteims.media.rtcp import ReceiverReport, ReportBlock, RtcpPacket, SenderReport
from lteims.media.rtp import RtpError, payload_length
from lteims.net.rtp_flow import Flow
from lteims.net.timers import Handle, TimerWheel
from lteims.trace import DEBUG, INFO, MEDIA, log

REPORT_INTERVAL = 5.0  # seconds, RFC 3550 6.2; the first one comes after half of it
_COMPENSATION = 1.21828  # RFC 3550 A.7: e - 3/2
_SOURCES = 8  # of one peer that are told apart


@dataclass(frozen=True, slots=True)
class Quality:
    """Loss in packets and jitter in milliseconds, as received here and as the peer reports it of what it receives;
    None where no report has come. `round_trip_ms` is RFC 3550 6.4.1's, from LSR and DLSR."""

    lost: int
    jitter_ms: float
    peer_lost: int | None = None
    peer_jitter_ms: float | None = None
    round_trip_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process gives to every end; `cname` names it in all its sessions (RFC 7022)."""

    wheel: TimerWheel
    tokens: Tokens
    clock: Clock
    wall: WallClock
    cname: str

    def word(self) -> int:
        """32 random bits."""
        return int.from_bytes(self.tokens.octets(4), "big")


class RtpEnd:
    """The echo: sends each packet back with an SSRC of the server's own, the rest as it came.

    A peer's new source is a new source on the way back too, as its sequence numbers and timestamps begin anew.
    """

    def __init__(self, rtp: Flow, rtcp_flow: Flow, around: Surroundings, clock_rate: int, *, reports: bool) -> None:
        """`clock_rate` in Hz, 0 if unknown: jitter is reported as 0 then. Without `reports` no RTCP is sent."""
        self.clock_rate = clock_rate
        self.reports = reports
        self.ssrc = around.word()
        self.reception: Reception | None = None
        self._rtp = rtp
        self._rtcp = rtcp_flow
        self._around = around
        self._own = self.ssrc.to_bytes(4, "big")
        self._heard = b""  # the SSRC that the peer sends, in octets
        self._sources: dict[bytes, bytes] = {}  # the peer's and ours
        self._packets = self._octets = 0
        self._packets_reported = 0
        self._we_sent = False  # RTP, within the last two intervals (RFC 3550 6.3)
        self._said_something = False
        self._last_timestamp = 0
        self._last_sent = 0.0
        self._peer_sr = 0  # the middle of the NTP time in the peer's last sender report
        self._peer_sr_at = 0.0
        self._peer_block: ReportBlock | None = None
        self._round_trip: float | None = None
        self._report_timer: Handle = []
        rtp.hand_to(self.on_rtp)
        rtcp_flow.hand_to(self.on_rtcp)
        self._report_timer = around.wheel.add(REPORT_INTERVAL / 2 * self._spread(), self._on_report_time)

    # -- RTP
    def on_rtp(self, data: bytes, now: float) -> None:
        """One valid packet of the peer."""
        if data[8:12] != self._heard:
            self._on_source(data[8:12])
        sequence = data[2] << 8 | data[3]
        timestamp = data[4] << 24 | data[5] << 16 | data[6] << 8 | data[7]
        if self.reception is not None:
            self.reception.on_packet(sequence, timestamp, now)
        if self._rtp.receives:
            self._give_back(data, sequence, timestamp, now)
        else:
            self._rtp.held_count += 1

    def _give_back(self, data: bytes, sequence: int, timestamp: int, now: float) -> None:
        if self._rtp.send(data[:8] + self._own + data[12:]):
            self._on_sent(data, timestamp, now)

    def _on_sent(self, data: bytes, timestamp: int, now: float) -> None:
        self._packets += 1
        self._octets += payload_length(data)
        self._last_timestamp = timestamp
        self._last_sent = now

    def _on_source(self, source: bytes) -> None:
        """Another SSRC than before: the peer's first, or it has begun anew (RFC 3550 8.2)."""
        if MEDIA.level >= INFO and self._heard:
            log(MEDIA, INFO, f"{self._rtp.label} source {self._heard.hex()} is now {source.hex()}", id=self._rtp.id)
        if len(self._sources) >= _SOURCES:
            self._sources.clear()
        self._take_own(source)
        self._heard = source
        self.reception = Reception(int.from_bytes(source, "big"), self.clock_rate)
        self._peer_sr = 0

    def _take_own(self, source: bytes) -> None:
        """Our SSRC beside this one of the peer's."""
        if source not in self._sources:
            word = self._around.word() if self._heard else self.ssrc
            while word == int.from_bytes(source, "big"):
                word = self._around.word()
            self._sources[source] = word.to_bytes(4, "big")
        if self._own != self._sources[source]:
            self._own = self._sources[source]
            self.ssrc = int.from_bytes(self._own, "big")
            self._packets = self._octets = self._packets_reported = 0

    # -- RTCP
    def on_rtcp(self, data: bytes, now: float) -> None:
        """One valid RTCP packet of the peer, maybe a compound: its figures are kept, its feedback is turned back."""
        answers: list[bytes] = []
        try:
            for packet in rtcp.walk(data):
                self._on_packet(packet, now, answers)
        except RtpError as error:
            if MEDIA.level >= DEBUG:
                log(MEDIA, DEBUG, f"{self._rtcp.label} read no further: {error}", dir="FROM", id=self._rtcp.id)
        if answers:
            self._send_report(now, *answers)

    def _on_packet(self, packet: RtcpPacket, now: float, answers: list[bytes]) -> None:
        match packet.packet_type:
            case rtcp.SR:
                sender = SenderReport.parse(packet)
                if self.reception is not None and sender.ssrc == self.reception.ssrc:
                    self._peer_sr = sender.ntp >> 16 & 0xFFFFFFFF
                    self._peer_sr_at = now
                self._on_blocks(sender.blocks)
            case rtcp.RR:
                self._on_blocks(ReceiverReport.parse(packet).blocks)
            case rtcp.BYE:
                if MEDIA.level >= INFO:
                    log(MEDIA, INFO, f"{self._rtcp.label} the peer says BYE", dir="FROM", id=self._rtcp.id)
            case rtcp.RTPFB | rtcp.PSFB:
                self._on_feedback(Feedback.parse(packet), answers)

    def _on_blocks(self, blocks: tuple[ReportBlock, ...]) -> None:
        for block in blocks:
            if block.ssrc == self.ssrc:
                self._peer_block = block
                if block.last_sr:
                    arrival = rtcp.ntp_timestamp(self._around.wall()) >> 16
                    units = (arrival - block.last_sr - block.delay_since_last_sr) & 0xFFFFFFFF
                    self._round_trip = units / 65536 if units < 0x80000000 else 0.0

    def _on_feedback(self, feedback: Feedback, answers: list[bytes]) -> None:
        """What the peer asks of our video it gets asked of its own, which is the same one."""
        if self.reception is None:
            return
        turned = feedback.turned(self.ssrc, self.reception.ssrc, self._shift())
        if turned is not None:
            answers.append(turned.encode())
            if MEDIA.level >= INFO:
                log(MEDIA, INFO, f"{self._rtcp.label} {turned.name} turned back", dir="FROM", id=self._rtcp.id)

    def _shift(self) -> int:
        """What is added to the peer's sequence numbers on their way back."""
        return 0

    def _on_report_time(self) -> None:
        now = self._around.clock()
        self._send_report(now)
        self._we_sent = self._packets != self._packets_reported
        self._packets_reported = self._packets
        self._report_timer = self._around.wheel.add(REPORT_INTERVAL * self._spread(), self._on_report_time)

    def _spread(self) -> float:
        """RFC 3550 A.7: 0.5 to 1.5, made up for what reconsideration adds."""
        return (0.5 + int.from_bytes(self._around.tokens.octets(2), "big") / 65536) / _COMPENSATION

    def _send_report(self, now: float, *more: bytes) -> None:
        if not self.reports or self._rtcp.remote is None:
            return
        report: SenderReport | ReceiverReport
        blocks = self._blocks(now)
        if self._we_sent or self._packets != self._packets_reported:
            timestamp = self._last_timestamp + int((now - self._last_sent) * self.clock_rate)
            ntp = rtcp.ntp_timestamp(self._around.wall())
            report = SenderReport(self.ssrc, ntp, timestamp, self._packets, self._octets, blocks)
        else:
            report = ReceiverReport(self.ssrc, blocks)
        self._said_something = self._rtcp.send(rtcp.compound(report, self._around.cname, *more)) or self._said_something

    def _blocks(self, now: float) -> tuple[ReportBlock, ...]:
        if self.reception is None or not self.reception.heard_since_block:
            return ()
        return (self.reception.block(self._peer_sr, now - self._peer_sr_at),)

    # -- the rest
    @property
    def quality(self) -> Quality:
        """Loss and jitter both ways, as far as known."""
        reception, block = self.reception, self._peer_block
        lost, jitter_ms = (reception.lost, reception.jitter_ms) if reception is not None else (0, 0.0)
        if block is None:
            return Quality(lost, jitter_ms)
        trip = 1000.0 * self._round_trip if self._round_trip is not None else None
        return Quality(lost, jitter_ms, block.lost, 1000.0 * block.jitter / (self.clock_rate or 1000), trip)

    def close(self) -> None:
        """Say BYE to whom anything was said (RFC 3550 6.3.7) and send nothing more."""
        self._around.wheel.cancel(self._report_timer)
        if self._packets or self._said_something:
            self._send_report(self._around.clock(), rtcp.bye(self.ssrc))
        if MEDIA.level >= INFO:
            log(MEDIA, INFO, f"{self._rtp.label} ended: {_text_of(self.quality)}", id=self._rtp.id)


def _text_of(quality: Quality) -> str:
    text = f"lost={quality.lost} jitter={quality.jitter_ms:.1f}ms"
    if quality.peer_lost is not None:
        text += f", the peer: lost={quality.peer_lost} jitter={quality.peer_jitter_ms:.1f}ms"
    if quality.round_trip_ms is not None:
        text += f", round trip {quality.round_trip_ms:.1f}ms"
    return text

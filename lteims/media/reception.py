"""What a receiver knows of one RTP source: sequence, loss and jitter (RFC 3550 A.1, A.3, A.8) for its report blocks.

Called by net/rtp_end.py for each packet that the server takes as an end; pure, times are handed in.
"""

from lteims.media.rtcp import ReportBlock

MAX_DROPOUT = 3000  # RFC 3550 A.1: a larger step is no loss but a new beginning
MAX_MISORDER = 100


class Reception:
    """One source, from its first packet on. Without a clock rate (0) the jitter stays 0."""

    __slots__ = (
        "_bad_sequence",
        "_base",
        "_cycles",
        "_expected_before",
        "_highest",
        "_jitter",
        "_received_before",
        "_transit",
        "clock_rate",
        "received",
        "ssrc",
    )

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        """`clock_rate` in Hz, of the RTP timestamps."""
        self.ssrc = ssrc
        self.clock_rate = clock_rate
        self.received = 0  # since the last beginning
        self._base = 0
        self._highest = 0
        self._cycles = 0
        self._bad_sequence = -1
        self._expected_before = 0
        self._received_before = 0
        self._transit = 0
        self._jitter = 0  # scaled by 16, as A.8 has it

    def on_packet(self, sequence: int, timestamp: int, now: float) -> None:
        """One packet has come at `now`, in seconds."""
        if self.received == 0:
            self._begin(sequence)
        elif not self._advance(sequence):
            return
        self.received += 1
        if self.clock_rate:
            transit = (int(now * self.clock_rate) - timestamp) & 0xFFFFFFFF
            if self.received > 1:
                step = (transit - self._transit) & 0xFFFFFFFF
                if step > 0x7FFFFFFF:
                    step = 0x100000000 - step
                self._jitter += step - ((self._jitter + 8) >> 4)
            self._transit = transit

    def _begin(self, sequence: int) -> None:
        self._base = self._highest = sequence
        self._cycles = self.received = self._expected_before = self._received_before = 0
        self._bad_sequence = -1

    def _advance(self, sequence: int) -> bool:
        """RFC 3550 A.1 update_seq; False for the first packet behind a jump, which may be a stray."""
        step = (sequence - self._highest) & 0xFFFF
        if step < MAX_DROPOUT:
            if sequence < self._highest:
                self._cycles += 0x10000
            self._highest = sequence
        elif step <= 0x10000 - MAX_MISORDER:
            if sequence != self._bad_sequence:
                self._bad_sequence = (sequence + 1) & 0xFFFF
                return False
            self._begin(sequence)
        return True

    @property
    def extended_highest(self) -> int:
        """The highest sequence number with its cycles above 16 bits."""
        return self._cycles + self._highest

    @property
    def lost(self) -> int:
        """Packets that did not come; below 0 where duplicates did."""
        return self.extended_highest - self._base + 1 - self.received if self.received else 0

    @property
    def jitter(self) -> int:
        """Interarrival jitter in units of the RTP timestamp."""
        return self._jitter >> 4

    @property
    def jitter_ms(self) -> float:
        """The same in milliseconds; 0 where the clock rate is not known."""
        return 1000.0 * self.jitter / self.clock_rate if self.clock_rate else 0.0

    @property
    def heard_since_block(self) -> bool:
        """True if packets have come since the last `block` (RFC 3550 6.4: such sources are reported)."""
        return self.received != self._received_before

    def block(self, last_sr: int, delay: float) -> ReportBlock:
        """The report block, whose interval for the lost fraction ends now. `last_sr` is the middle of the source's
        last NTP time, 0 if there was none, and `delay` the seconds since it came."""
        expected = self.extended_highest - self._base + 1
        step, came = expected - self._expected_before, self.received - self._received_before
        self._expected_before, self._received_before = expected, self.received
        missing = step - came
        fraction = min(255, (missing << 8) // step) if step > 0 and missing > 0 else 0
        units = min(0xFFFFFFFF, int(delay * 65536)) if last_sr else 0
        return ReportBlock(
            self.ssrc, fraction, self.lost, self.extended_highest & 0xFFFFFFFF, self.jitter, last_sr, units
        )

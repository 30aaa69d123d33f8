"""The end of a call that the server made: what it hears it plays back, and in the gaps it sends silence.

RFC 3550 5.1 (one source whose numbers run on), RFC 3551 4.1 (marker); payloads from media/frame.py. Made by
RtpStream.play_back in net/rtp.py; its one timer is in the process's TimerWheel.
"""

from struct import Struct

from lteims.media.frame import Silence
from lteims.media.reception import MAX_DROPOUT, MAX_MISORDER
from lteims.media.rtp import payload_length
from lteims.net.rtp_end import RtpEnd, Surroundings
from lteims.net.rtp_flow import Flow
from lteims.net.timers import Handle

START_PATIENCE = 0.06  # seconds of nothing before silence begins a stream
_LATE = 0.2  # seconds: silence that is late by more is left out
# What plays back and begins by itself must not feed a loop with another echo: packets a second, and in a burst
_MOST_A_SECOND = 250.0
_BURST = 100.0

_HEADER = Struct("!BBHII")


class PlayBack(RtpEnd):
    """The end of a call that the server made: sends back what it hears, and silence while it hears nothing.

    One source to the peer, whatever the peer's own do: sequence numbers and timestamps run on across every change.
    """

    def __init__(
        self,
        rtp: Flow,
        rtcp_flow: Flow,
        around: Surroundings,
        silence: Silence | None,
        clock_rate: int,
        *,
        reports: bool,
    ) -> None:
        super().__init__(rtp, rtcp_flow, around, silence.clock_rate if silence else clock_rate, reports=reports)
        now = around.clock()
        self._highest = around.word() & 0xFFFF  # the last sequence number sent
        self._top = around.word()  # the highest timestamp sent
        self._base, self._base_at = self._top, now  # what our timestamp was at a time, to run on from
        self._talking = False  # the peer's packets go back: each with these added
        self._sequence_shift = self._timestamp_shift = 0
        self._last_in = 0
        self._silence: Silence | None = None
        self._quiet_count = -1  # packet intervals of this silence; -1 while there is none
        self._quiet_from = 0
        self._quiet_due = 0.0
        self._heard_at = now
        self._credit, self._credit_at = _BURST, now
        self._timer: Handle = []
        self.set_silence(silence)

    def set_silence(self, silence: Silence | None) -> None:
        """What to send in gaps from now on: the codec was negotiated, or another one."""
        if silence == self._silence:
            return
        around = self._around
        around.wheel.cancel(self._timer)
        self._silence, self._quiet_count = silence, -1
        if silence is not None:
            self.clock_rate = silence.clock_rate
            self._timer = around.wheel.add(START_PATIENCE, self._on_time)

    def _take_own(self, source: bytes) -> None:
        """Our one SSRC stays, unless it is the peer's as well."""
        self._talking = False
        while int.from_bytes(source, "big") == self.ssrc:
            self.ssrc = self._around.word()
            self._packets = self._octets = self._packets_reported = 0

    def _shift(self) -> int:
        return self._sequence_shift

    def _give_back(self, data: bytes, sequence: int, timestamp: int, now: float) -> None:
        if not self._rtp.sends:
            self._rtp.held_count += 1
            self._talking = False  # no sequence number is used up
            return
        if self._silence is not None and not self._may_pass(now):
            self._rtp.dropped_count += 1
            return
        step = (sequence - self._last_in) & 0xFFFF
        begins = not self._talking or MAX_DROPOUT <= step <= 0x10000 - MAX_MISORDER
        if begins:
            self._join(sequence, timestamp, now)
        if begins or step < MAX_DROPOUT:
            self._last_in = sequence
        second = data[1]
        if begins and (self._silence is None or self._silence.is_speech(payload_length(data))):
            second |= 0x80
        out = (sequence + self._sequence_shift) & 0xFFFF, (timestamp + self._timestamp_shift) & 0xFFFFFFFF
        if self._rtp.send(_HEADER.pack(data[0], second, out[0], out[1], self.ssrc) + data[12:]):
            self._on_sent(data, out[1], now)
        self._heard_at = now
        self._advance(out[0], out[1])

    def _may_pass(self, now: float) -> bool:
        self._credit = min(_BURST, self._credit + (now - self._credit_at) * _MOST_A_SECOND)
        self._credit_at = now
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True

    def _join(self, sequence: int, timestamp: int, now: float) -> None:
        """The peer is heard (again): its numbers are made to go on where ours are."""
        self._talking, self._quiet_count = True, -1
        self._sequence_shift = (self._highest + 1 - sequence) & 0xFFFF
        self._timestamp_shift = (self._next_timestamp(now) - timestamp) & 0xFFFFFFFF

    def _next_timestamp(self, now: float) -> int:
        """Our timestamp at this time, at least one packet above the last."""
        ours = (self._base + int((now - self._base_at) * self.clock_rate)) & 0xFFFFFFFF
        least = (self._top + (self._silence.ticks if self._silence is not None else 1)) & 0xFFFFFFFF
        return ours if (ours - least) & 0xFFFFFFFF < 0x80000000 else least

    def _advance(self, sequence: int, timestamp: int) -> None:
        if (sequence - self._highest) & 0xFFFF < 0x8000:
            self._highest = sequence
        if (timestamp - self._top) & 0xFFFFFFFF < 0x80000000:
            self._top = timestamp

    # -- silence
    def _on_time(self) -> None:
        """The wheel's call: look whether the peer is still heard, else send what is due."""
        silence, now = self._silence, self._around.clock()
        if silence is None:
            return
        if self._quiet_count < 0:
            patience = silence.patience_ms / 1000 if self._talking else START_PATIENCE
            wait = self._heard_at + patience - now
            if wait > 0:
                self._timer = self._around.wheel.add(wait, self._on_time)
                return
            self._begin_silence(now)
        if now - self._quiet_due > _LATE:  # the process was held up
            skipped = int((now - self._quiet_due) * 1000 / silence.ptime_ms)
            self._quiet_count += skipped
            self._quiet_due += skipped * silence.ptime_ms / 1000
        while self._quiet_due <= now or silence.frames(self._quiet_count) is None:
            self._send_silence(silence, now)
        self._timer = self._around.wheel.add(self._quiet_due - now, self._on_time)

    def _begin_silence(self, now: float) -> None:
        self._talking, self._quiet_count = False, 0
        self._quiet_from = self._base = self._next_timestamp(now)
        self._quiet_due = self._base_at = now

    def _send_silence(self, silence: Silence, now: float) -> None:
        n = self._quiet_count
        self._quiet_count = n + 1
        self._quiet_due += silence.ptime_ms / 1000
        payload = silence.frames(n)
        if payload is None or not self._rtp.sends or self._rtp.remote is None:
            return
        sequence = (self._highest + 1) & 0xFFFF
        timestamp = (self._quiet_from + n * silence.ticks) & 0xFFFFFFFF
        second = silence.payload_type | (0x80 if silence.marker(n) else 0)
        data = _HEADER.pack(0x80, second, sequence, timestamp, self.ssrc) + payload
        if self._rtp.send(data):
            self._on_sent(data, timestamp, now)
            self._advance(sequence, timestamp)

    def close(self) -> None:
        """As of every end; the silence ends too."""
        self._around.wheel.cancel(self._timer)
        super().close()

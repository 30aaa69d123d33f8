"""The server as an end of RTP, in virtual time: echo, play-back with silence, reports, feedback; net/rtp_end.py."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

import pytest

from lteims.ids import Tokens
from lteims.media.codec import Codec, RtpMap
from lteims.media.feedback import NACK, PLI, Feedback
from lteims.media.frame import Silence, silence_for
from lteims.media.rtcp import (
    BYE,
    PSFB,
    RR,
    RTPFB,
    SDES,
    SR,
    ReceiverReport,
    ReportBlock,
    RtcpPacket,
    SenderReport,
    bye,
    compound,
    ntp_timestamp,
    walk,
)
from lteims.media.rtp import RtpPacket
from lteims.net.rtp_end import RtpEnd, Surroundings
from lteims.net.rtp_flow import Flow
from lteims.net.rtp_playback import PlayBack
from lteims.net.timers import TimerWheel
from lteims.trace import INFO, MEDIA, NONE, set_sink

PHONE = ("192.0.2.11", 4000)
STRANGER = ("192.0.2.66", 4000)
PEER = 0xABCD
PCMA = silence_for(Codec(RtpMap(8, "PCMA", 8000)))
AMR_WB = silence_for(Codec(RtpMap(97, "AMR-WB", 16000)))


class Time:
    """A clock and the calls that wait for it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def __call__(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> "Time":
        self._calls = [(when, next(self._order), callback)]  # the wheel has one call at a time
        return self

    def cancel(self) -> None:
        self._calls = []

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._calls and self._calls[0][0] <= end:
            when, _, callback = self._calls.pop()
            self.now = max(self.now, when)
            callback()
        self.now = end


class Socket:
    """A UDP socket that writes down what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, addr: tuple[str, int]) -> int:
        assert addr[0] == PHONE[0]
        self.sent.append(data)
        return len(data)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        raise BlockingIOError

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", 20000

    def fileno(self) -> int:
        return 5

    def close(self) -> None:
        pass


class Loop:
    """Never finds anything to read."""

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        pass

    remove_reader = add_reader


@dataclass
class Heard:
    """One packet as the phone gets it, at this time."""

    packet: RtpPacket
    at: float


class Bench:
    """One stream's two flows with the phone at the other side."""

    def __init__(self, kind: str = "audio") -> None:
        self.time = Time()
        self.wheel = TimerWheel(self.time.call_at, self.time, tick=0.001)
        seed = count(1)
        octets = Tokens(lambda n: bytes((7 * next(seed)) & 0xFF for _ in range(n)))
        self.around = Surroundings(self.wheel, octets, self.time, lambda: self.time.now + 1e9, "server")
        loop: Any = Loop()
        self.rtp_socket: Any = Socket()
        self.rtcp_socket: Any = Socket()
        self.rtp = Flow(loop, self.rtp_socket, "RTP", kind, "1", self.time)
        self.rtcp = Flow(loop, self.rtcp_socket, "RTCP", kind, "1", self.time)
        self.rtp.signal(PHONE)
        self.rtcp.signal((PHONE[0], PHONE[1] + 1))

    def echo(self, clock_rate: int = 8000, reports: bool = True) -> RtpEnd:
        return RtpEnd(self.rtp, self.rtcp, self.around, clock_rate, reports=reports)

    def play_back(self, silence: Silence | None, reports: bool = True) -> PlayBack:
        return PlayBack(self.rtp, self.rtcp, self.around, silence, 90000, reports=reports)

    def say(self, sequence: int, timestamp: int = 0, payload: bytes = b"speech" * 10, **more: Any) -> None:
        packet = RtpPacket(more.pop("pt", 97), sequence, timestamp, more.pop("ssrc", PEER), payload, **more)
        self.rtp.on_datagram(packet.encode(), PHONE)

    def talk(self, first: int, packets: int, ticks: int = 320, timestamp: int = 0) -> None:
        for n in range(packets):
            self.say(first + n, timestamp + n * ticks)
            self.time.run(0.02)

    def say_rtcp(self, data: bytes) -> None:
        self.rtcp.on_datagram(data, (PHONE[0], PHONE[1] + 1))

    def heard(self) -> list[RtpPacket]:
        taken = [RtpPacket.parse(data) for data in self.rtp_socket.sent]
        self.rtp_socket.sent.clear()
        return taken

    def reports(self) -> list[list[RtcpPacket]]:
        taken = [list(walk(data)) for data in self.rtcp_socket.sent]
        self.rtcp_socket.sent.clear()
        return taken


def types(report: list[RtcpPacket]) -> list[int]:
    return [packet.packet_type for packet in report]


def follow_on(packets: list[RtpPacket]) -> bool:
    """One source, each sequence number one above the last, timestamps that rise."""
    pairs = list(pairwise(packets))
    return all(
        (b.sequence - a.sequence) & 0xFFFF == 1
        and 0 < (b.timestamp - a.timestamp) & 0xFFFFFFFF < 0x80000000
        and a.ssrc == b.ssrc
        for a, b in pairs
    )


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    lines: list[str] = []

    class Sink:
        def write(self, layer: Any, level: int, dir: str, id: str, message: str, body: str, data: bytes) -> None:
            lines.append(message)

    former, MEDIA.level = set_sink(Sink()), INFO
    yield lines
    set_sink(former)
    MEDIA.level = NONE


# -- echo
def test_an_echo_changes_the_ssrc_alone() -> None:
    bench = Bench()
    end = bench.echo()
    packet = RtpPacket(97, 65535, 0xFFFFFFF0, PEER, b"x", True, (1, 2), (0xBEDE, bytes(4)), 3)
    bench.rtp.on_datagram(packet.encode(), PHONE)
    (back,) = bench.heard()
    assert back.ssrc == end.ssrc != PEER
    assert RtpPacket(97, 65535, 0xFFFFFFF0, PEER, b"x", True, (1, 2), (0xBEDE, bytes(4)), 3).encode() == packet.encode()
    assert (back.sequence, back.timestamp, back.payload, back.marker) == (65535, 0xFFFFFFF0, b"x", True)
    assert (back.csrcs, back.extension, back.padding) == ((1, 2), (0xBEDE, bytes(4)), 3)


def test_a_source_that_begins_anew_does_so_on_the_way_back(log_lines: list[str]) -> None:
    bench = Bench()
    bench.echo()
    bench.say(1)
    bench.say(9000, ssrc=0x77)
    bench.say(2)
    first, second, third = bench.heard()
    assert first.ssrc == third.ssrc != second.ssrc
    assert "RTP/audio source 0000abcd is now 00000077" in log_lines
    for ssrc in range(1000, 1020):  # who changes it all the time does not make the server grow
        bench.say(1, ssrc=ssrc)
    assert len({packet.ssrc for packet in bench.heard()}) == 20


def test_the_peer_may_have_chosen_the_same_ssrc() -> None:
    bench = Bench()
    end = bench.echo()
    bench.say(1, ssrc=end.ssrc)
    (back,) = bench.heard()
    assert back.ssrc == end.ssrc
    playing = Bench()
    player = playing.play_back(None)
    chosen = player.ssrc
    playing.say(1, ssrc=chosen)
    (back,) = playing.heard()
    assert back.ssrc == player.ssrc != chosen


def test_reports_come_about_every_five_seconds() -> None:
    bench = Bench()
    end = bench.echo(16000)
    for n in range(3000):  # a minute, with every tenth packet lost
        if n % 10:
            bench.say(n, 320 * n)
        bench.time.run(0.02)
    reports = bench.reports()
    assert 60 / 7 < len(reports) <= 60 / 2
    assert all(types(report) == [SR, SDES] for report in reports)
    last = SenderReport.parse(reports[-1][0])
    (block,) = last.blocks
    assert (last.ssrc, block.ssrc) == (end.ssrc, PEER)
    assert last.octets == 60 * last.packets
    assert abs(block.fraction_lost - 256 // 10) <= 2
    assert abs(block.lost - last.packets / 9) < 3
    assert block.jitter == 0
    assert b"server" in reports[-1][1].body
    quality = end.quality
    assert (quality.lost, quality.jitter_ms, quality.peer_lost, quality.round_trip_ms) == (299, 0.0, None, None)


def test_nothing_sent_and_nothing_heard_makes_an_empty_receiver_report() -> None:
    bench = Bench()
    bench.echo()
    bench.time.run(10)
    reports = bench.reports()
    assert reports
    assert all(types(report) == [RR, SDES] for report in reports)
    assert ReceiverReport.parse(reports[0][0]).blocks == ()


def test_who_has_stopped_sending_makes_receiver_reports_two_intervals_later() -> None:
    bench = Bench()
    bench.echo()
    bench.talk(1, 10)
    bench.time.run(40)
    kinds = [types(report)[0] for report in bench.reports()]
    assert kinds[0] == SR
    assert RR not in kinds[:2]
    assert set(kinds[3:]) == {RR}


def test_the_timestamp_of_a_sender_report_goes_with_the_wall_clock() -> None:
    bench = Bench()
    end = bench.echo(8000)
    bench.talk(1, 2, ticks=160, timestamp=5000)  # the second was sent 20 ms ago
    end._send_report(bench.time.now)
    report = SenderReport.parse(bench.reports()[0][0])
    assert report.rtp_timestamp == pytest.approx(5320, abs=1)
    assert report.ntp == ntp_timestamp(bench.time.now + 1e9)


def test_delay_since_the_peers_report_and_the_round_trip() -> None:
    bench = Bench()
    end = bench.echo(8000)
    bench.say(1)
    ntp = ntp_timestamp(77.5)
    two_seconds_ago = ntp_timestamp(bench.time.now + 1e9 - 2) >> 16 & 0xFFFFFFFF
    block = ReportBlock(end.ssrc, 10, 3, 1, 160, two_seconds_ago, 65536)
    bench.say_rtcp(compound(SenderReport(PEER, ntp, 0, 1, 1, (block, ReportBlock(0x99))), "phone"))
    bench.time.run(0.5)
    end._send_report(bench.time.now)
    answered = SenderReport.parse(bench.reports()[-1][0]).blocks[0]
    assert answered.last_sr == ntp >> 16 & 0xFFFFFFFF
    assert answered.delay_since_last_sr == pytest.approx(32768, abs=1)
    quality = end.quality
    assert quality.round_trip_ms == pytest.approx(1000, abs=1)
    assert (quality.peer_lost, quality.peer_jitter_ms) == (3, 20.0)


def test_no_reports_where_the_bandwidth_is_zero() -> None:
    bench = Bench()
    end = bench.echo(reports=False)
    bench.talk(1, 10)
    bench.say_rtcp(compound(ReceiverReport(PEER), "phone", Feedback(PSFB, PLI, PEER, end.ssrc).encode()))
    bench.time.run(20)
    end.close()
    assert bench.reports() == []
    assert bench.rtcp.recv_count == 1


def test_bye_only_where_something_was_said(log_lines: list[str]) -> None:
    silent = Bench()
    silent.echo().close()
    assert silent.reports() == []
    bench = Bench()
    end = bench.echo()
    bench.talk(1, 3, ticks=160)
    end.close()
    (report,) = bench.reports()
    assert types(report) == [SR, SDES, BYE]
    assert report[2].body == end.ssrc.to_bytes(4, "big")
    bench.time.run(60)
    assert bench.reports() == []
    assert log_lines[-1] == "RTP/audio ended: lost=0 jitter=0.0ms"


def test_a_goodbye_of_the_peer_and_rubbish_behind_a_report(log_lines: list[str]) -> None:
    bench = Bench()
    bench.echo()
    bench.say_rtcp(compound(ReceiverReport(PEER), "phone", bye(PEER)))
    assert "RTCP/audio the peer says BYE" in log_lines
    bench.say_rtcp(ReceiverReport(PEER).encode() + b"\x81\xc9\xff")
    bench.say_rtcp(b"\x9f\xc8\x00\x01" + bytes(4))  # 31 blocks that are not there
    assert bench.rtcp.recv_count == 3


def test_feedback_is_turned_back(log_lines: list[str]) -> None:
    bench = Bench("video")
    end = bench.echo(90000)
    before = Feedback(PSFB, PLI, PEER, end.ssrc).encode()
    bench.say_rtcp(compound(ReceiverReport(PEER), "phone", before))
    assert bench.reports() == []  # the peer's video is not known yet
    bench.say(1)
    nack = Feedback(RTPFB, NACK, PEER, end.ssrc, bytes.fromhex("00050000"))
    bench.say_rtcp(compound(ReceiverReport(PEER), "phone", before, nack.encode()))
    (report,) = bench.reports()
    assert types(report) == [SR, SDES, PSFB, RTPFB]
    assert Feedback.parse(report[2]) == Feedback(PSFB, PLI, end.ssrc, PEER)
    assert Feedback.parse(report[3]) == Feedback(RTPFB, NACK, end.ssrc, PEER, bytes.fromhex("00050000"))
    assert "RTCP/video NACK turned back" in log_lines


def test_hold_keeps_rtp_back_and_reports_go_on() -> None:
    bench = Bench()
    end = bench.echo()
    bench.rtp.sends = False
    bench.talk(1, 300)
    assert bench.heard() == []
    assert bench.rtp.held_count == 300
    bench.rtp.sends, bench.rtp.receives = True, False
    bench.talk(301, 1)
    assert (bench.heard(), bench.rtp.held_count) == ([], 301)
    assert {types(report)[0] for report in bench.reports()} == {RR}
    assert end.reception is not None
    assert end.reception.received == 301


# -- play-back
def test_silence_begins_by_itself_at_its_pace() -> None:
    bench = Bench()
    bench.play_back(PCMA)
    bench.time.run(0.055)
    assert bench.heard() == []
    bench.time.run(1.0)
    packets = bench.heard()
    assert len(packets) == 50
    assert follow_on(packets)
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets)} == {160}
    assert {(packet.payload_type, packet.payload) for packet in packets} == {(8, b"\xd5" * 160)}
    assert [packet.marker for packet in packets] == [True] + [False] * 49


def test_silence_of_amr_wb_leaves_packets_out() -> None:
    bench = Bench()
    bench.play_back(AMR_WB)
    bench.time.run(1.06)
    packets = bench.heard()
    assert len(packets) == 7  # every 160 ms
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(packets)} == {8 * 320}
    assert follow_on(packets)
    assert not any(packet.marker for packet in packets)


def test_what_is_heard_is_played_back_and_the_gap_filled() -> None:
    bench = Bench()
    bench.play_back(AMR_WB)
    bench.time.run(0.5)
    quiet = bench.heard()
    bench.talk(60000, 100, timestamp=0xFFFFF000)
    speech = bench.heard()
    assert [packet.payload for packet in speech] == [b"speech" * 10] * 100
    assert [packet.marker for packet in speech] == [True] + [False] * 99
    bench.time.run(1.0)
    again = bench.heard()
    assert 4 <= len(again) <= 6
    bench.talk(7, 50, timestamp=5)
    packets = quiet + speech + again + bench.heard()
    assert follow_on(packets)
    elapsed = (packets[-1].timestamp - packets[0].timestamp) & 0xFFFFFFFF
    assert elapsed / 16000 == pytest.approx(0.44 + 2 + 1 + 1 - 0.02, abs=0.05)


def test_a_silent_peer_keeps_its_own_pace() -> None:
    """A phone in DTX is heard every 160 ms: no silence of ours comes between, no marker on comfort noise."""
    bench = Bench()
    bench.play_back(AMR_WB)
    for n in range(20):
        bench.say(n, 2560 * n, payload=bytes(7))
        bench.time.run(0.16)
    packets = bench.heard()
    assert len(packets) == 20
    assert not any(packet.marker for packet in packets)
    assert follow_on(packets)


def test_loss_and_misorder_stay_what_they_were() -> None:
    bench = Bench()
    bench.play_back(PCMA)
    for sequence in (1, 2, 4, 3, 6):
        bench.say(sequence, 160 * sequence)
    packets = bench.heard()
    assert [(packet.sequence - packets[0].sequence) & 0xFFFF for packet in packets] == [0, 1, 3, 2, 5]
    assert [(packet.timestamp - packets[0].timestamp) & 0xFFFFFFFF for packet in packets] == [0, 160, 480, 320, 800]
    bench.say(40000, 7)  # a jump: it goes on where it was
    bench.say(9, 0, ssrc=0x99)
    more = bench.heard()
    assert [(packet.sequence - packets[0].sequence) & 0xFFFF for packet in more] == [6, 7]
    assert follow_on(packets[-1:] + more)


def test_events_of_the_same_timestamp_stay_together() -> None:
    bench = Bench()
    bench.play_back(PCMA)
    bench.talk(1, 3, ticks=160)
    for n in range(3):
        bench.say(4 + n, 480, payload=b"\x05\x0a\x00\xa0", pt=101)
    packets = bench.heard()[-3:]
    assert len({packet.timestamp for packet in packets}) == 1
    assert {packet.payload_type for packet in packets} == {101}


def test_no_silence_for_video_and_nacks_are_renumbered() -> None:
    bench = Bench("video")
    end = bench.play_back(None)
    bench.time.run(3.0)
    assert bench.heard() == []
    bench.say(100, 3000)
    bench.say(101, 3000, marker=True)
    packets = bench.heard()
    asked = Feedback(RTPFB, NACK, PEER, end.ssrc, packets[1].sequence.to_bytes(2, "big") + bytes(2))
    bench.reports()
    bench.say_rtcp(compound(ReceiverReport(PEER), "phone", asked.encode()))
    (report,) = bench.reports()
    assert Feedback.parse(report[2]).fci == (101).to_bytes(2, "big") + bytes(2)


def test_hold_uses_up_no_numbers() -> None:
    bench = Bench()
    bench.play_back(PCMA)
    bench.talk(1, 10, ticks=160)
    bench.rtp.sends = False
    bench.talk(11, 50, ticks=160, timestamp=1600)
    bench.time.run(1.0)
    bench.rtp.sends = True
    bench.talk(61, 10, ticks=160, timestamp=9600)
    packets = bench.heard()
    assert len(packets) == 20
    assert follow_on(packets)
    assert packets[10].marker


def test_what_the_peer_says_on_hold_is_silence_to_it() -> None:
    bench = Bench()
    bench.play_back(PCMA)
    bench.rtp.receives = False
    bench.talk(1, 50, ticks=160)
    assert {packet.payload for packet in bench.heard()} == {b"\xd5" * 160}


def test_another_codec_is_taken_in_its_stride() -> None:
    bench = Bench()
    end = bench.play_back(PCMA)
    bench.time.run(0.5)
    end.set_silence(AMR_WB)
    end.set_silence(AMR_WB)
    bench.time.run(0.5)
    packets = bench.heard()
    assert {packet.payload_type for packet in packets} == {8, 97}
    assert follow_on(packets)
    end.set_silence(None)
    bench.time.run(1.0)
    assert bench.heard() == []


def test_a_process_that_was_held_up_does_not_make_up_for_it() -> None:
    bench = Bench()
    bench.play_back(PCMA)
    bench.time.run(0.5)
    packets = bench.heard()
    bench.time.now += 3.0
    bench.time.run(0.1)
    late = bench.heard()
    assert len(late) <= 20
    assert follow_on(packets + late)
    assert ((late[0].timestamp - packets[-1].timestamp) & 0xFFFFFFFF) / 8000 == pytest.approx(3.0, abs=0.2)


def test_two_ends_that_return_everything_do_not_multiply_it() -> None:
    """A call of the server to its own echo: what goes round stays within a bound."""
    bench = Bench()
    end = bench.play_back(PCMA)
    for _ in range(1000):
        bench.time.run(0.001)
        for packet in bench.heard():
            bench.say(packet.sequence, packet.timestamp, packet.payload, ssrc=packet.ssrc ^ 0xFF)
    assert bench.rtp.send_count < 500
    assert bench.rtp.dropped_count > 0
    end.close()


def test_nothing_before_there_is_an_address() -> None:
    bench = Bench()
    bench.rtp.signal(None)
    bench.play_back(PCMA)
    bench.time.run(1.0)
    assert bench.heard() == []
    assert bench.rtp.dropped_count == 0


def test_the_end_of_a_play_back() -> None:
    bench = Bench()
    end = bench.play_back(PCMA)
    bench.time.run(1.0)
    bench.heard()
    end.close()
    bench.time.run(10.0)
    assert bench.heard() == []
    assert [types(report) for report in bench.reports()] == [[SR, SDES, BYE]]

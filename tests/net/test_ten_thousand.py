"""Calls in a row by SIPp through the server, with and without RTP: none is lost, and no socket or memory stays behind.

`make test` plays a twentieth. For all 10,000 of each kind, with the figures:
LTEIMS_LONG=1 .venv/bin/python -m pytest -s tests/net/test_ten_thousand.py (about four minutes).
"""

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.net.server import Server
from tests.net.sipp_calls import ALICE, BOB, UE_DB, Pair, Phone
from tests.peers.subscribers import DOMAIN

LONG = bool(os.environ.get("LTEIMS_LONG"))
CALLS = 10_000 if LONG else 500
WARM = CALLS // 20  # calls before the first figure
MEASURED = 5  # runs that CALLS are cut into, so that growth shows as a slope
SETTLE = 60.0  # seconds within which transactions, dialog records and ports must be gone
STEADY = 3  # runs after which as many calls are forgotten as are made: transactions live 32 s, dialog records 30 s
GROWTH = 1500  # octets a call over the runs after those; a call that stays keeps twenty thousand


@dataclass(frozen=True, slots=True)
class Held:
    """What the server process has at a moment."""

    rss: int  # KiB
    sockets: int


def held(server: Server) -> Held:
    """What it has now."""
    return Held(server.rss(), server.sockets())


def at_most(server: Server, playing: "Future[float]") -> Held:
    """The most that it has while calls are played."""
    most = held(server)
    while not playing.done():
        time.sleep(0.2)
        now = held(server)
        most = Held(max(most.rss, now.rss), max(most.sockets, now.sockets))
    return most


def settled(server: Server, sockets: int) -> Held:
    """What it has once it is back to so many sockets."""
    end = time.monotonic() + SETTLE
    while (now := held(server)).sockets > sockets and time.monotonic() < end:
        time.sleep(0.2)
    return now


def play(server: Server, folder: Path, name: str, calls: int, rate: int) -> float:
    """So many calls; seconds that they took."""
    caller = Phone(f"{name}.caller", ALICE, folder, trace=False)
    callee = Phone(f"{name}.callee", BOB, folder, trace=False)
    begin = time.monotonic()
    Pair(caller, [callee], calls=calls, rate=rate, within=30 + 3 * calls // rate).run(server)
    return time.monotonic() - begin


@pytest.mark.parametrize(("name", "rate"), [("plain", 150), ("with_media", 100)])
def test_calls_in_a_row(tmp_path: Path, name: str, rate: int) -> None:
    extra = f'domain: "{DOMAIN}",\nprecondition: "off",\ntimer_t1: 0.5,\n'
    with Server(tmp_path / "server", UE_DB, extra, log_sync=False) as server, ThreadPoolExecutor(1) as pool:
        idle = held(server).sockets
        print(f"\n{name}, {rate} calls a second: at first {held(server)}")
        play(server, tmp_path / "warm", name, WARM, rate)
        after = [settled(server, idle)]
        for run in range(MEASURED):
            cpu = server.cpu()
            playing = pool.submit(play, server, tmp_path / str(run), name, CALLS // MEASURED, rate)
            most = at_most(server, playing)
            seconds = playing.result()
            cpu = (server.cpu() - cpu) / (CALLS // MEASURED) * 1000
            after.append(settled(server, idle))
            print(
                f"  {CALLS // MEASURED} calls in {seconds:.1f} s, {cpu:.2f} ms CPU each: up to {most}, then {after[-1]}"
            )
    log = server.log
    begun, ended = log.count(" call from "), log.count(" call ended: ")
    growth = (after[-1].rss - after[STEADY].rss) * 1024 / (CALLS // MEASURED * (MEASURED - STEADY))
    print(f"  {begun} calls begun, {ended} ended; {growth:.0f} octets a call over the last {MEASURED - STEADY} runs")
    assert begun == ended == CALLS + WARM
    assert after[-1].sockets <= idle
    if LONG:  # shorter runs end before anything is forgotten
        assert growth <= GROWTH
    if name == "with_media":
        counts = server.media_counts(2 * begun)
        received, sent = sum(count.received for count in counts), sum(count.sent for count in counts)
        print(f"  {received} RTP packets came, {sent} went")
        assert received == sent >= 12 * CALLS  # of 24, where SIPp has a processor to itself

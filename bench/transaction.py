"""What one SIP server transaction costs, and one timer: CPU microseconds, without sockets, parsing or encoding.

`python -m bench.transaction [COUNT]`. A transaction lives its whole life: made, put in a table, answered, its timers
set in the wheel and fired, taken out of the table. The floor does the least that any server must: it keeps the
response under its key and forgets it by one timer. Each figure is the best of five rounds, garbage collector on.
"""

import asyncio
import sys
import time
from collections.abc import Callable

import uvloop

from bench import figure
from lteims.net.timers import Handle, TimerWheel
from lteims.sip.transaction import FIRED, Acked, Event, Respond, Send, SetTimer, Terminated, Timings
from lteims.sip.uas_transaction import InviteServer, NonInviteServer

COUNT = 20_000
ROUNDS = 5
TIMINGS = Timings()
RESPONSE = b"SIP/2.0 200 OK\r\n" + 400 * b"x"


class Ahead:
    """A loop whose time jumps to the next call, so that 32 s pass at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def cancel(self) -> None:
        """Nothing to do: the wheel withdraws a call only to arm an earlier one, and checks when it is woken."""

    def call_at(self, when: float, callback: Callable[[], None], /) -> "Ahead":
        self.calls.append((when, callback))
        return self

    def run(self) -> None:
        while self.calls:
            when, callback = self.calls.pop(0)
            self.now = max(self.now, when)
            callback()


class Server:
    """The least driver: a table, a wheel, and a transport that throws away."""

    def __init__(self) -> None:
        self.loop = Ahead()
        self.wheel = TimerWheel(self.loop.call_at, self.loop.time)
        self.table: dict[int, object] = {}
        self.sent = 0

    def send(self, data: bytes) -> None:
        self.sent += 1

    def feed(self, key: int, machine: InviteServer | NonInviteServer, event: Event) -> None:
        for action in machine.handle(event, self.loop.now):
            match action:
                case Send(data):
                    self.send(data)
                case SetTimer(name, delay):
                    self.wheel.add(delay, self.feed, key, machine, FIRED[name])
                case Terminated():
                    del self.table[key]

    def floor(self, key: int) -> None:
        self.table[key] = RESPONSE
        self.send(RESPONSE)
        self.wheel.add(32.0, self.table.pop, key)

    def non_invite(self, key: int) -> None:
        machine = self.table[key] = NonInviteServer(TIMINGS, False)
        self.feed(key, machine, Respond(200, RESPONSE))

    def invite_refused(self, key: int) -> None:
        machine = self.table[key] = InviteServer(TIMINGS, False)
        self.feed(key, machine, Respond(100, RESPONSE))
        self.feed(key, machine, Respond(486, RESPONSE))
        self.feed(key, machine, Acked(None))

    def invite_accepted(self, key: int) -> None:
        machine = self.table[key] = InviteServer(TIMINGS, False)
        self.feed(key, machine, Respond(100, RESPONSE))
        self.feed(key, machine, Respond(180, RESPONSE))
        self.feed(key, machine, Respond(200, RESPONSE))


def best(round_: Callable[[], int]) -> float:
    """CPU microseconds for each of what a round says it did."""
    costs = []
    for _ in range(ROUNDS):
        start = time.process_time()
        done = round_()
        costs.append(1e6 * (time.process_time() - start) / done)
    return min(costs)


def transactions(name: str, count: int) -> float:
    """One figure of `Server`, every transaction ended."""

    def life() -> int:
        server = Server()
        serve: Callable[[int], None] = getattr(server, name)
        for key in range(count):
            serve(key)
        server.loop.run()
        if server.table:
            raise SystemExit(f"{name}: {len(server.table)} transactions never ended")
        return count

    return best(life)


def on_time() -> None:
    """What the timers call."""


def wheel_timers(count: int) -> tuple[float, float]:
    """Add and cancel in the wheel, `count` timers alive."""
    loop = asyncio.new_event_loop()
    wheel = TimerWheel(loop.call_at, time.monotonic)
    handles: list[Handle] = []

    def add() -> int:
        handles[:] = [wheel.add(32.0, on_time) for _ in range(count)]
        return count

    def cancel() -> int:
        for handle in handles:
            wheel.cancel(handle)
        return count

    costs = best(add), best(cancel)
    wheel.close()
    loop.close()
    return costs


def loop_timers(loop: asyncio.AbstractEventLoop, count: int) -> tuple[float, float]:
    """Add and cancel by loop.call_later, `count` timers alive."""
    adds, cancels = [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        handles = [loop.call_later(32.0, on_time) for _ in range(count)]
        middle = time.process_time()
        for handle in handles:
            handle.cancel()
        loop.run_until_complete(asyncio.sleep(0))  # asyncio drops cancelled timers here, uvloop closes its handles
        adds.append(1e6 * (middle - start) / count)
        cancels.append(1e6 * (time.process_time() - middle) / count)
    loop.close()
    return min(adds), min(cancels)


def main() -> None:
    """Print the two tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    print(f"{'SIP server transaction over UDP, whole life':52} us")
    least = 0.0
    for label, name in (
        ("floor: a table, the response, one timer", "floor"),
        ("non-INVITE: 200, timer J", "non_invite"),
        ("INVITE: 100, 486, ACK, timers G H I", "invite_refused"),
        ("INVITE: 100, 180, 200, timer L", "invite_accepted"),
    ):
        cost = transactions(name, count)
        print(f"{label:48} {cost:6.2f}", flush=True)
        if name == "floor":
            least = cost
        else:
            figure(f"transaction: {label}", cost, beside=f"floor {least:.1f}")
    print(f"\n{'one timer of 32 s':48}    add  cancel")
    for label, (add, cancel) in (
        ("the wheel", wheel_timers(count)),
        ("call_later, asyncio", loop_timers(asyncio.new_event_loop(), count)),
        ("call_later, uvloop", loop_timers(uvloop.new_event_loop(), count)),
    ):
        print(f"{label:48} {add:6.2f} {cancel:7.2f}", flush=True)


if __name__ == "__main__":
    main()

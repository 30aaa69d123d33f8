"""Two SIPp phones play the flows of calls through the real server: RFC 3261, 3262, 3264, 3311, 3312, 4028.

Each pair of tests/peers/sipp/calls first plays without the server, so that a scenario that is wrong is not taken for
a server that is.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.net.server import Server
from tests.net.sipp_calls import ALICE, BOB, CALLS, UE_DB, Pair, Phone
from tests.peers.subscribers import DOMAIN

SETTLED = 20.0  # seconds in which the last call's sockets are closed
# What each pair needs of the other side beside plain SIP
PLAIN = [
    "plain",
    "early_media",
    "delayed_offer",
    "in_call",
    "reinvite_no_offer",
    "hold",
    "hold_back",
    "video_added",
    "glare",
    "cancel_early",
    "cancel_ringing",
    "cancel_crossing",
]
RELIABLE = [
    "early_media_reliable",
    "ringing_reliable",
    "delayed_offer_prack",
    "prack_offer",
    "early_update",
    "early_update_back",
    "cancel_reliable",
    "cancel_unpracked",
]
TIMED = ["small_interval"]
RESERVING = ["precondition", "samsung", "huawei"]
REFUSALS = [(404, 404), (480, 480), (486, 486), (487, 487), (488, 488), (600, 600), (603, 603), (302, 480), (503, 480)]


def pair(folder: Path, name: str, host: str = "127.0.0.1", callee: str = "") -> Pair:
    """Both halves of a scenario; `callee` names another than the caller's own."""
    return Pair(
        Phone(f"{name}.caller", ALICE, folder, host), [Phone(f"{callee or name}.callee", BOB, folder, host)]
    )  # fmt: skip


def running(folder: Path, precondition: str) -> Iterator[Server]:
    """A server that must have as many sockets at its end as it had at first, and have ended every call."""
    extra = f'domain: "{DOMAIN}",\nprecondition: "{precondition}",\n"100rel": true,\n'
    with Server(folder, UE_DB, extra) as server:
        sockets = server.sockets()
        yield server
        server.wait_for_log(" call ended: ", server.log.count(" call from "))
        end = time.monotonic() + SETTLED
        while server.sockets() > sockets and time.monotonic() < end:
            time.sleep(0.05)
        begun, ended = server.log.count(" call from "), server.log.count(" call ended: ")
        print(f"{begun} calls begun, {ended} ended, {sockets} sockets at first, {server.sockets()} now")
        assert begun == ended
        assert server.sockets() == sockets


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without preconditions of its own."""
    yield from running(tmp_path_factory.mktemp("pairs"), "off")


@pytest.fixture(scope="module")
def reserving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that handles preconditions."""
    yield from running(tmp_path_factory.mktemp("reserving"), "on")


def test_both_halves_agree_without_a_server(tmp_path: Path) -> None:
    names = sorted(path.name.partition(".")[0] for path in CALLS.glob("*.caller.xml"))
    names = [name for name in names if (CALLS / f"{name}.callee.xml").exists() and name not in ("refused", "sms")]
    assert set(names) >= {*PLAIN, *RELIABLE, *TIMED, *RESERVING}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: pair(tmp_path / name, name).run(), names))
        list(pool.map(lambda callee: pair(tmp_path / callee, "forked", callee=callee).run(), ["plain", "answers_late"]))


@pytest.mark.parametrize("name", [*PLAIN, *RELIABLE, *TIMED])
def test_a_pair_through_the_server(server: Server, tmp_path: Path, name: str) -> None:
    pair(tmp_path, name).run(server)


@pytest.mark.parametrize("name", ["plain", "early_media", "in_call"])
def test_a_pair_over_ipv6(server: Server, tmp_path: Path, name: str) -> None:
    pair(tmp_path, name, "::1").run(server)


@pytest.mark.parametrize("name", ["early_media", "hold"])
def test_one_phone_has_ipv4_and_the_other_ipv6(server: Server, tmp_path: Path, name: str) -> None:
    Pair(Phone(f"{name}.caller", ALICE, tmp_path), [Phone(f"{name}.callee", BOB, tmp_path, "::1")]).run(server)


@pytest.mark.parametrize("ringing", [False, True])
@pytest.mark.parametrize(("code", "heard"), REFUSALS)
def test_a_refusal(server: Server, tmp_path: Path, code: int, heard: int, ringing: bool) -> None:
    values = {"code": str(code), "reason": "Refused by the callee", "heard": str(heard)}
    callee = "refused.callee" if ringing else "refused_at_once.callee"
    phones = Phone("refused.caller", ALICE, tmp_path, values=values), Phone(callee, BOB, tmp_path, values=values)
    Pair(phones[0], [phones[1]]).run(server)


@pytest.mark.parametrize("name", RELIABLE)
def test_reliable_responses_where_preconditions_are_on(reserving: Server, tmp_path: Path, name: str) -> None:
    pair(tmp_path, name).run(reserving)


@pytest.mark.parametrize("callee", RESERVING)
@pytest.mark.parametrize("caller", RESERVING)
def test_phones_that_reserve_bearers(reserving: Server, tmp_path: Path, caller: str, callee: str) -> None:
    pair(tmp_path, caller, callee=callee).run(reserving)


def test_a_phone_that_reserves_calls_one_that_does_not(reserving: Server, tmp_path: Path) -> None:
    pair(tmp_path, "precondition_alone", callee="plain").run(reserving)


def callees(folder: Path, *scenarios: tuple[str, str], **values: str) -> list[Phone]:
    """Phones of one user, each with its scenario and q."""
    return [Phone(f"{name}.callee", BOB, folder, contact=f";q={q}", values=values) for name, q in scenarios]


def test_both_phones_ring_and_one_answers(server: Server, tmp_path: Path) -> None:
    """The other gets CANCEL and answers 487."""
    caller = Phone("forked.caller", ALICE, tmp_path)
    Pair(caller, callees(tmp_path, ("answers_late", "0.5"), ("cancel_ringing", "0.5"))).run(server)


def test_the_next_phone_rings_when_the_better_is_busy(server: Server, tmp_path: Path) -> None:
    """By q, one after the other (RFC 3261 16.6)."""
    phones = callees(tmp_path, ("refused_at_once", "0.9"), ("answers_late", "0.3"), code="486", reason="Busy Here")
    Pair(Phone("forked.caller", ALICE, tmp_path), phones).run(server)


def test_every_phone_refuses(server: Server, tmp_path: Path) -> None:
    values = {"code": "480", "reason": "Temporarily Unavailable", "heard": "480"}
    caller = Phone("refused.caller", ALICE, tmp_path, values=values)
    Pair(caller, callees(tmp_path, ("refused", "0.5"), ("refused_at_once", "0.5"), **values)).run(server)


def test_the_caller_gives_up_while_both_ring(server: Server, tmp_path: Path) -> None:
    caller = Phone("cancel_ringing.caller", ALICE, tmp_path)
    Pair(caller, callees(tmp_path, ("cancel_ringing", "0.5"), ("cancel_ringing", "0.5"))).run(server)


def test_the_phone_with_a_worse_q_never_rings_when_the_better_answers(server: Server, tmp_path: Path) -> None:
    better, worse = callees(tmp_path, ("answers_late", "0.9"), ("plain", "0.3"))
    worse.register(server)
    Pair(Phone("forked.caller", ALICE, tmp_path), [better]).run(server)
    worse.register(server, 0)

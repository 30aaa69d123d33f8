"""Two SIPp phones play the flows of calls through the real server: RFC 3261, 3262, 3264, 3311, 3312, 4028.

Each pair of tests/peers/sipp/calls first plays without the server, so that a scenario that is wrong is not taken for
a server that is.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.net.server import Server
from tests.net.sipp_calls import ALICE, BOB, CALLS, UE_DB, Pair, Phone
from tests.peers.subscribers import DOMAIN

# What each pair needs of the other side beside plain SIP
PLAIN = [
    "plain",
    "early_media",
    "delayed_offer",
    "in_call",
    "reinvite_no_offer",
    "hold",
    "hold_back",
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without preconditions of its own."""
    extra = f'domain: "{DOMAIN}",\nprecondition: "off",\n"100rel": true,\n'
    with Server(tmp_path_factory.mktemp("pairs"), UE_DB, extra) as running:
        yield running


@pytest.fixture(scope="module")
def reserving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that handles preconditions."""
    extra = f'domain: "{DOMAIN}",\nprecondition: "on",\n"100rel": true,\n'
    with Server(tmp_path_factory.mktemp("reserving"), UE_DB, extra) as running:
        yield running


def test_both_halves_agree_without_a_server(tmp_path: Path) -> None:
    names = sorted(path.name.partition(".")[0] for path in CALLS.glob("*.caller.xml"))
    names = [name for name in names if (CALLS / f"{name}.callee.xml").exists() and name != "refused"]
    assert set(names) >= {*PLAIN, *RELIABLE, *TIMED, *RESERVING}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: pair(tmp_path / name, name).run(), names))
        list(pool.map(lambda callee: pair(tmp_path / callee, "forked", callee=callee).run(), ["plain", "answers_late"]))


@pytest.mark.parametrize("name", PLAIN)
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


def test_nothing_is_left_of_any_call(server: Server) -> None:
    """Runs last: every call that was begun has ended."""
    assert server.log.count("] -  ") > 0
    begun, ended = server.log.count(" call from "), server.log.count(" call ended: ")
    print(f"{begun} calls begun, {ended} ended")
    assert begun == ended > 0

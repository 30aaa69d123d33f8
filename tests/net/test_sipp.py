"""A thousand phones of SIPp register; phones live their day, call the echo number and each other, over each transport.

The server is the real program with its configuration file; what SIPp says must agree with what the log says.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.ports import free_port, free_ports
from tests.net.server import MEDIA_COUNT, Server
from tests.net.sipp import Outcome, Sipp
from tests.net.wav import pcma_tone
from tests.peers.subscribers import DOMAIN, Subscriber, csv, subscribers, ue_db

*MD5, ALICE, BOB = subscribers(1052)
MD5, DAILY = MD5[:1000], MD5[1000:]  # DAILY: users that one phone at a time registers for
AKA = subscribers(1000, aka=True)
HOSTS = ["127.0.0.1", "::1"]
TRANSPORTS = ["udp", "tcp"]
ECHO = "666"
LEAST = 25  # packets in a second, of 50 that SIPp sends where it has a processor to itself


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole file; that it stops in order with exit code 0 is part of every test's verdict."""
    folder = tmp_path_factory.mktemp("sipp")
    extra = f'domain: "{DOMAIN}",\necho: ["tel:{ECHO}"],\ntimer_t1: 0.5,\n'
    with Server(folder / "server", ue_db([*MD5, *DAILY, ALICE, BOB, *AKA]), extra) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the CSV files and something to say."""
    (tmp_path / "md5.csv").write_text(csv(MD5), encoding="utf-8")
    (tmp_path / "daily.csv").write_text(csv(DAILY), encoding="utf-8")
    (tmp_path / "aka.csv").write_text(csv(AKA), encoding="utf-8")
    (tmp_path / "tone.pcma").write_bytes(pcma_tone(10.0))
    return tmp_path


def one(folder: Path, user: Subscriber) -> Path:
    """A CSV file with one user."""
    path = folder / f"{user.imsi}.csv"
    path.write_text(csv([user]), encoding="utf-8")
    return path


# SIPp stops where its own AKA answer comes out empty, whatever the server has said: seen once in a hundred runs
OWN_FAULT = "Syntax error or invalid [keyword] in scenario while parsing ''"


def expect(outcome: Outcome, calls: int) -> None:
    """Every call went well."""
    assert (outcome.passed, outcome.failed, outcome.code) == (calls, 0, 0), outcome.screen


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ["md5", "aka"])
def test_a_thousand_users_register(server: Server, folder: Path, kind: str, transport: str, host: str) -> None:
    crowd = Sipp(
        "register", server.address(host), folder, folder / f"{kind}.csv", transport, calls=1000, rate=400, host=host
    )  # fmt: skip
    outcome = crowd.run()
    if kind == "aka" and OWN_FAULT in outcome.screen:
        print(f"SIPp gave up by itself: {OWN_FAULT}")
        outcome = crowd.run()
    print(f"{kind} {transport} {host}: 1000 users, {outcome.refused} answers refused, {outcome.retransmissions} resent")
    expect(outcome, 1000)
    # SIPp cuts a RES at a zero byte: 8 chances of 1 in 256 for each challenge, about 31 in 1000.
    assert outcome.refused <= (80 if kind == "aka" else 0)


def test_a_connection_for_each_phone(server: Server, folder: Path) -> None:
    outcome = Sipp("register", server.address(), folder, folder / "md5.csv", "tcp-each", calls=200, rate=200).run()
    expect(outcome, 200)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_phones_refresh_and_leave(server: Server, folder: Path, transport: str, host: str) -> None:
    outcome = Sipp(
        "lifecycle", server.address(host), folder, folder / "daily.csv", transport, calls=50, rate=50, host=host
    ).run()
    expect(outcome, 50)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_echo_number_answers_and_echoes(server: Server, folder: Path, transport: str, host: str) -> None:
    users = one(folder, ALICE)
    port = free_port()
    expect(Sipp("register", server.address(host), folder, users, transport, host=host, port=port).run(), 1)
    call = Sipp(
        "caller", server.address(host), folder, users, transport, host=host, port=port,
        keys={"callee": ECHO}, options=("-d", "1000", "-mi", host),
    )  # fmt: skip
    before = len(MEDIA_COUNT.findall(server.log))
    expect(call.run(), 1)
    count = server.media_counts(before + 1)[-1]
    assert count.received == count.sent >= LEAST


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("calling", "called"), [("caller", "callee"), ("caller_waits", "callee_hangs_up")])
def test_two_phones_call(server: Server, folder: Path, calling: str, called: str, transport: str, host: str) -> None:
    ports = free_port(), free_port()
    for user, port in zip((ALICE, BOB), ports, strict=True):
        outcome = Sipp(
            "register", server.address(host), folder, one(folder, user), transport, host=host, port=port
        ).run()
        expect(outcome, 1)
    callee = Sipp(
        called, "", folder, transport=transport, host=host, port=ports[1], keys={"callee": BOB.imsi},
        options=("-rtp_echo", "-mp", str(free_ports(6)), "-mi", host, "-d", "1000"),
    )  # fmt: skip
    caller = Sipp(
        calling, server.address(host), folder, one(folder, ALICE), transport, host=host, port=ports[0],
        keys={"callee": BOB.imsi}, options=("-d", "1000", "-mi", host),
    )  # fmt: skip
    before = len(MEDIA_COUNT.findall(server.log))
    callee.start().listening()
    try:
        expect(caller.run(), 1)
        expect(callee.wait(), 1)
        counts = {count.side: count for count in server.media_counts(before + 2)[-2:]}
        assert counts["MO"].received == counts["MT"].sent >= LEAST
        assert counts["MT"].received == counts["MO"].sent >= LEAST
    finally:
        callee.end()
        outcome = Sipp(
            "lifecycle", server.address(host), folder, one(folder, BOB), transport, host=host, port=ports[1]
        ).run()
    expect(outcome, 1)

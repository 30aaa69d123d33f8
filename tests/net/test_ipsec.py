"""The server's IPsec against forgers, losers and crashes, and a thousand phones: ESP by the server's own process.

Server and phones are in two namespaces (root), the server without NET_ADMIN, so that any kernel will do.
tests/kernel/test_phones.py plays phones over ESP of the kernel; tests/net/test_virtual_ipsec.py every profile.
"""

import asyncio
import contextlib
import itertools
import re
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lteims.ipsec.sec_agree import ClientProfile
from lteims.net.ipsec_choice import Where
from lteims.sim.errors import PhoneError
from lteims.sim.profiles import PLAIN
from lteims.sip.transaction import Timings
from tests.kernel.lab import host
from tests.net.server import Server
from tests.peers.field import (
    NO_NET_ADMIN,
    Drivers,
    Field,
    imsi,
    only_esp,
    play,
    talk_and_text,
    two_phones,
    wait_until,
)
from tests.peers.forger import (
    BY_THIEF,
    BY_VICTIM,
    Attack,
    another_address,
    bystanders,
    cut_off,
    forged,
    replayed,
    tcp_inside,
    three_times,
    wrong_sa,
    wrong_spi,
)
from tests.peers.ipsec import PAIRS

pytestmark = pytest.mark.skipif(not host.has_namespaces(), reason="namespaces need root; the kernel lab has phones too")
FAMILIES = pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])
CROWD = 1000  # phones that come and go together
FIRST = 20  # the place of the first of them
PATIENT = replace(PLAIN, timings=Timings(8.0, 16.0, 17.0))  # a crowd waits for its turn
HASTY = replace(PLAIN, timings=Timings(0.05, 0.2, 0.5))
PROTECTED = 5100
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    with Field("ipsec", ipv6=8) as made:
        yield made


@pytest.fixture(scope="module")
def server(field: Field, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with field.server(tmp_path_factory.mktemp("ipsec") / "server", FIRST + CROWD, user_space=True) as running:
        assert "(user space)" in running.ready
        yield running
    assert "failed inside" not in running.log


# --- phones


@FAMILIES
@pytest.mark.parametrize("chosen", PAIRS, ids=["-".join(each) for each in PAIRS])
def test_nothing_but_esp_is_on_the_wire(field: Field, server: Server, chosen: Any, family: int) -> None:
    """Registration, a call, messages, new SAs, de-registration of two phones, by every pair of algorithms."""
    profile = replace(PLAIN, security=ClientProfile((chosen,)))

    async def scene(drivers: Drivers) -> None:
        async with two_phones(field, server, profile, family, drivers(Where.USER)) as (one, two):
            assert one.security is not None
            assert one.security.agreed is not None
            assert one.security.agreed.pair == chosen
            await talk_and_text(one, two)
            await one.register()
            await two.sms(one.number, "by the second set")
            assert (await one.next_sms()).text == "by the second set"

    play(field, scene)
    assert only_esp(field.wire.packets(), field.host(0, family), field.host(1, family)) > 30


def test_a_thousand_phones_come(field: Field, server: Server) -> None:
    """All register, come three times with new challenges, and leave."""
    counts = []

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.USER)
        phones = [field.phone(server, FIRST + n, PATIENT, ipsec=driver) for n in range(CROWD)]
        async with contextlib.AsyncExitStack() as stack:
            for ue in phones:
                await stack.enter_async_context(ue)
            for _ in range(4):
                for start in range(0, CROWD, 100):
                    await asyncio.gather(*(ue.register() for ue in phones[start : start + 100]))
                listed = re.findall(r"\b\d{15}(?=@)", field.monitor(server, "sa"))
                counts.append(sum(each >= imsi(FIRST) for each in listed))
            await asyncio.gather(*(ue.deregister() for ue in phones))
            assert not any(ue.faults for ue in phones)

    play(field, scene)
    print(f"SA sets of {CROWD} phones after each round: {counts}")
    assert counts == [CROWD, *[2 * CROWD] * 3]


# --- forged and misplaced packets


@pytest.mark.parametrize(
    ("attack", "sender", "counter", "cause"),
    [
        (forged, BY_VICTIM, "esp_forged", "integrity"),
        (replayed, BY_VICTIM, "esp_replayed", "the sequence number"),
        (wrong_spi, BY_VICTIM, "esp_unknown_spi", "no SA has SPI"),
        (wrong_sa, BY_THIEF, "esp_wrong_ports", "the SA is for"),
        (another_address, BY_VICTIM, "esp_wrong_ports", "the SA is for"),
        (tcp_inside, BY_THIEF, "esp_not_udp", "IP protocol 6"),
        (cut_off, BY_THIEF, "esp_malformed", "from 10.91.0."),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_esp_that_is_refused(
    field: Field, server: Server, attack: Attack, sender: int, counter: str, cause: str
) -> None:
    """Counted, logged with its cause, and nobody's call suffers."""
    before = field.counters(server, "esp").get(counter, 0)
    logged = len(server.log)

    play(field, lambda drivers: three_times(field, server, drivers(Where.USER), attack, sender))
    assert field.counters(server, "esp").get(counter, 0) == before + 3
    lines = [line for line in server.log[logged:].splitlines() if "refused" in line and "packet" in line]
    assert 1 <= len(lines) < 3  # one a second
    assert cause in lines[0]


@pytest.mark.parametrize("port", [PROTECTED, PROTECTED + 1])
def test_clear_text_to_a_protected_port(field: Field, server: Server, port: int) -> None:
    """From a stranger, and from the address of a phone that has SAs."""
    before = field.counters(server, "esp").get("esp_clear", 0)

    async def scene(drivers: Drivers) -> None:
        async with bystanders(field, server, drivers(Where.USER)):
            for place in (9, 4):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.bind((field.host(place), 0))
                    sock.sendto(register(9, "10.91.0.10", 5060), ("10.90.1.1", port))
                    sock.settimeout(0.3)
                    with pytest.raises((TimeoutError, ConnectionRefusedError)):
                        sock.recv(2000)

    play(field, scene)
    assert field.counters(server, "esp")["esp_clear"] == before + 2
    server.wait_for_log(f"clear text to the protected port {port}, from 10.91.0.")


# --- agreements that fail


def register(place: int, at: str, port: int, *headers: str) -> bytes:
    """A first REGISTER in clear, written by hand."""
    number = next(_numbers)
    who = f"sip:{imsi(place)}@ims.mnc001.mcc001.3gppnetwork.org"
    lines = [
        "REGISTER sip:ims.mnc001.mcc001.3gppnetwork.org SIP/2.0",
        f"Via: SIP/2.0/UDP {at}:{port};branch=z9hG4bK-{number};rport",
        f"From: <{who}>;tag={place}",
        f"To: <{who}>",
        f"Call-ID: {number}@{at}",
        "CSeq: 1 REGISTER",
        f"Contact: <sip:{at}:{port}>",
        "Max-Forwards: 70",
        "Expires: 600",
        *headers,
        "Content-Length: 0",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def ask(at: str, data: bytes, to: str = "10.90.1.1") -> str:
    """Send a request from an address and take the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((at, 0))
        sock.settimeout(20)
        sock.sendto(data, (to, 5060))
        return sock.recv(65535).decode()


def offers(place: int, port_s: int = 41000, algorithms: str = "alg=hmac-sha-1-96;ealg=aes-cbc") -> str:
    spis = f"spi-c={3000 + 2 * place};spi-s={3001 + 2 * place}"
    return f"Security-Client: ipsec-3gpp;{algorithms};{spis};port-c={42000 + place};port-s={port_s}"


REQUIRE = "Require: sec-agree"


def test_ports_used_up(field: Field, server: Server) -> None:
    """Five phones behind one address that all have the same server port: there are four client ports."""
    before = field.counters(server, "ipsec").get("ipsec_exhausted", 0)

    async def scene(drivers: Drivers) -> None:
        async with bystanders(field, server, drivers(Where.USER)):
            at = field.host(11)
            answers = [ask(at, register(10 + n, at, 5060, offers(n), REQUIRE)) for n in range(5)]
            assert [answer.split()[1] for answer in answers] == ["401"] * 4 + ["503"]
            assert "retry-after:" in answers[4].lower()
            ports = {match[1] for answer in answers[:4] if (match := re.search(r"port-c=(\d+)", answer))}
            assert len(ports) == 4
            again = ask(at, register(10, at, 5060, offers(0), REQUIRE))
            assert again.split()[1] == "401"  # of these four one may come again

    play(field, scene)
    assert field.counters(server, "ipsec")["ipsec_exhausted"] == before + 1
    server.wait_for_log("all client ports go with port 41000 of 10.91.0.12")


def test_phones_that_never_answer_the_401(field: Field, server: Server) -> None:
    """Each holds one temporary set, however often it comes, and none but REGISTER passes it."""

    async def scene(drivers: Drivers) -> None:
        async with bystanders(field, server, drivers(Where.USER)):
            for n in range(1, 6):
                at = field.host(12)
                answer = ask(at, register(15, at, 5060, offers(20 + n), REQUIRE))
                assert answer.split()[1] == "401"
            sets = [line for line in field.monitor(server, "sa").splitlines() if imsi(15) in line]
            assert len(sets) == 1
            assert "temporary" in sets[0]

    play(field, scene)
    server.wait_for_log("removed: a newer 401 replaces it", 4)


@pytest.mark.parametrize(
    ("headers", "code", "text"),
    [
        ((offers(0, 41000, "alg=nonsense;ealg=aes-cbc"), REQUIRE), "494", "security-server"),
        ((offers(0, 41000, "alg=nonsense;ealg=aes-cbc"),), "401", ""),
        ((REQUIRE,), "494", "security-server"),
        ((offers(0, 5060), REQUIRE), "494", "security-server"),
        (("Security-Client: ;;;=,\x01", REQUIRE), "494", "security-server"),
    ],
    ids=["nothing in common", "nothing in common, not required", "no offer", "no protected port", "rubbish"],
)
def test_nothing_in_common(field: Field, server: Server, headers: tuple[str, ...], code: str, text: str) -> None:
    """494 where the phone requires it, else the clear path; each with its reason."""
    logged = len(server.log)
    before = field.counters(server, "ipsec").get("ipsec_not_agreed", 0)
    with field.phones():
        answer = ask(field.host(13), register(16, field.host(13), 5060, *headers))
    assert answer.split()[1] == code
    assert text in answer.lower()
    assert ("security-server" in answer.lower()) == (code == "494")
    assert field.counters(server, "ipsec")["ipsec_not_agreed"] == before + 1
    assert f"no IPsec for {imsi(16)}" in server.log[logged:]


def test_security_verify_that_differs(field: Field, server: Server) -> None:
    """In the REGISTER and in what comes after it: 494, counted, and the call of others goes on."""
    before = field.counters(server, "ipsec").get("ipsec_verify_failed", 0)

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.USER)
        async with bystanders(field, server, driver), field.phone(server, 0, ipsec=driver) as ue:
            assert ue.security is not None
            ue.security.spoil = lambda lines: [line.replace("ealg=aes-cbc", "ealg=null") for line in lines]
            with pytest.raises(PhoneError) as refused:
                await ue.register()
            assert refused.value.code == 494
            ue.security.spoil = lambda lines: lines
            await ue.register()
            ue.security.spoil = lambda lines: [re.sub(r"spi-s=\d+", "spi-s=4711", line) for line in lines]
            call = await ue.call("tel:666")
            assert await call.ended() == 494
            ue.security.spoil = lambda lines: lines
            await ue.deregister()

    play(field, scene)
    assert field.counters(server, "ipsec")["ipsec_verify_failed"] == before + 2
    server.wait_for_log("it differs in ealg")
    server.wait_for_log("it differs in spi-s")


def test_a_phone_in_clear_beside_one_with_ipsec(field: Field, server: Server) -> None:
    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.USER)
        async with field.phone(server, 0, ipsec=driver) as protected, field.phone(server, 1, "lg") as plain:
            await asyncio.gather(protected.register(), plain.register())
            await talk_and_text(protected, plain)
            await talk_and_text(plain, protected)
            await asyncio.gather(protected.deregister(), plain.deregister())
            assert (protected.faults, plain.faults) == ([], [])

    play(field, scene)
    only_esp(field.wire.packets(), field.host(0))


# --- servers without


@pytest.mark.parametrize("how", ["switched off", "no rights"])
def test_a_server_without_ipsec(field: Field, tmp_path: Path, how: str) -> None:
    """420 for who requires it, and all others in clear."""
    lame = field.server(tmp_path / "server", 20, second=True)
    if how == "switched off":
        lame.ipsec = False
    else:
        lame.prefix += tuple(word.replace("-net_admin", "-net_admin,-net_raw") for word in NO_NET_ADMIN)

    async def scene(drivers: Drivers) -> None:
        async with field.phone(lame, 0, ipsec=drivers(Where.USER)) as asking, field.phone(lame, 1) as plain:
            with pytest.raises(PhoneError) as refused:
                await asking.register()
            assert refused.value.code == 420
            await plain.register()
            await plain.sms(plain.number, "in clear")
            assert (await plain.next_sms()).text == "in clear"
            await plain.deregister()
        answer = ask(field.host(2), register(2, field.host(2), 5060, offers(0)), "10.90.1.2")
        assert answer.split()[1] == "401"
        assert "security-server" not in answer.lower()

    with lame:
        play(field, scene)
        assert "ipsec" not in lame.ready
        assert (how == "switched off") is ("phones go on in clear" not in lame.log)


# --- keys for Wireshark


def test_tshark_reads_what_the_log_gives_keys_for(field: Field, tmp_path: Path) -> None:
    """The lines that sip.key=1 writes, put into the table of tshark as they are: SIP is in clear again."""
    known = field.server(
        tmp_path / "server", 20, user_space=True, second=True, log_options="all.level=info,sip.level=info,sip.key=1"
    )
    frames: list[bytes] = []

    async def scene(drivers: Drivers) -> None:
        driver = drivers(Where.USER)
        for n, chosen in enumerate(PAIRS):
            profile = replace(PLAIN, security=ClientProfile((chosen,)))
            async with field.phone(known, n, profile, 4 + 2 * (n % 2 and n < 8), ipsec=driver) as ue:
                await ue.register()
                await ue.deregister()
        field.wire.packets()
        frames.extend(field.wire.data)

    with known:
        play(field, scene)
        keys = re.findall(r'^\s*("IPv[46]",.*)$', known.log, re.MULTILINE)
    assert len(keys) == 4 * len(PAIRS)
    capture = tmp_path / "esp.pcap"
    capture.write_bytes(pcap(frames))
    line = ["tshark", "-r", str(capture), "-o", "esp.enable_encryption_decode:TRUE"]
    line += ["-o", "esp.enable_authentication_check:TRUE", "-d", f"udp.port=={PROTECTED},sip"]
    line += [word for key in keys for word in ("-o", f"uat:esp_sa:{key}")]
    line += ["-Y", 'esp && sip.Method == "REGISTER"', "-T", "fields", "-e", "esp.spi", "-e", "sip.from.user"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    seen = {user for line in done.stdout.splitlines() for user in line.split()[1:]}
    assert seen == {imsi(n) for n, (aalg, _) in enumerate(PAIRS) if aalg != "aes-gmac"}  # which Wireshark lacks
    assert "UAT" not in done.stderr


def pcap(frames: list[bytes]) -> bytes:
    """A capture of bare IP packets."""
    head = struct.pack("!IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    return head + b"".join(struct.pack("!IIII", n, 0, len(each), len(each)) + each for n, each in enumerate(frames))


# --- the end


def test_nothing_is_left_of_all_these_phones(field: Field, server: Server) -> None:
    """32 s after the last has left, but of those that never answered the 401 and of thieves, who could not leave."""

    def left() -> list[str]:
        listed = field.monitor(server, "sa").splitlines()[1:]
        return [line for line in listed if "temporary" not in line and imsi(BY_THIEF) not in line]

    wait_until(lambda: not left(), 120.0)
    print(field.monitor(server, "sa"))


def test_a_server_that_was_killed(field: Field, server: Server) -> None:
    """After a new start the old ESP is for nobody, and each phone comes back by registering in clear."""

    async def scene(drivers: Drivers) -> None:
        async with field.phone(server, 0, HASTY, ipsec=drivers(Where.USER)) as ue:
            await ue.register()
            server.kill9()
            server.start()
            with pytest.raises(PhoneError, match="no final answer"):
                await ue.register()
            assert ue.security is not None
            ue.security.left()
            ue.auth.forget()
            await ue.register()
            assert ue.agent.path.protected
            await ue.sms(ue.number, "back")
            assert (await ue.next_sms()).text == "back"
            await ue.deregister()

    play(field, scene)
    assert field.counters(server, "esp")["esp_unknown_spi"] > 3
    server.wait_for_log("refused: no SA has SPI")

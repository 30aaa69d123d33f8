"""Clients of the remote API that misbehave: the others do not notice, and nothing is left of them."""

import contextlib
import json
import random
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from lteims.oam.api_auth import response
from tests.net.server import Server, free_port
from tests.phone.account import Account, ue_db

BOB = Account("001010000000002", "none", impu='["001010000000002", "tel:+492"]')
SEEDS: tuple[Any, ...] = (
    {"message": "log_get", "message_id": 7, "layers": {"SIP": "debug"}, "timeout": 0, "allow_empty": True},
    {"message": "config_set", "logs": {"layers": {"all": {"level": "info"}}, "count": 100}, "binding_expires": 60},
    {"message": "sms", "impu": "tel:+492", "binary_hex": "0102", "tp_udl": 2, "dcs": 4, "tp_udhi_present": True},
    {"message": "mt_call", "impu": "tel:+492", "sip_file": "a.sdp", "duration": 3.5},
    {"message": "impu_set", "impu": "tel:+492", "code": 486, "content": "x", "answer_delay": 0.1},
    [{"message": "register", "register": ["sms"]}, {"message": "stats", "start_time": 0.01}],
    {"message": "users_add", "users": [{"imsi": "001010000000001", "K": "00", "impu": ["tel:1"]}]},
    {"message": "log_set", "log": "text", "layer": "ims", "level": "error", "dir": "FROM", "ue_id": 3},
)


def configuration(more: str = "") -> str:
    return f'com_addr: "127.0.0.1:{free_port()}", {more}\n'


def port_of(server: Server) -> int:
    return int(server.ready.rpartition(":")[2])


def joined(server: Server) -> "contextlib.AbstractContextManager[ClientConnection]":
    return connect(f"ws://127.0.0.1:{port_of(server)}", origin=Origin("test"), proxy=None, max_size=None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("hostile"), ue_db([BOB]), configuration(), hosts=("127.0.0.1",)) as running:
        yield running
    assert "internal error" not in running.log
    assert "Traceback" not in running.log


def asked(client: ClientConnection, message: str, **params: Any) -> dict[str, Any]:
    client.send(json.dumps({"message": message, "message_id": "asked", **params}))
    while True:
        found = json.loads(client.recv(5))
        if found.get("message_id") == "asked":
            return dict(found)


def settled(server: Server, sockets: int) -> bool:
    """Has the server, within 5 s, no more sockets than before?"""
    end = time.monotonic() + 5
    while server.sockets() > sockets:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def blocked(raw: socket.socket, frame: bytes) -> bool:
    """Does the server, within 10,000 frames, stop reading?"""
    try:
        for _ in range(10_000):
            raw.sendall(frame)
    except TimeoutError:
        return True
    return False


def spoilt(chance: random.Random, seed: bytes) -> bytes:
    frame = bytearray(seed)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(frame) or 1)
        match chance.randrange(4):
            case 0:
                frame[place : place + 1] = bytes([chance.randrange(32, 256)])
            case 1:
                del frame[place : place + chance.randint(1, 6)]
            case 2:
                frame[place:place] = chance.choice(
                    [b"{", b"[", b'"', b"null", b"1e9", b"\\u0000", b"-", b"true", b"99999"]
                )
            case 3:
                frame[place:place] = frame[: chance.randint(1, 20)]
    return bytes(frame)


def test_ten_thousand_spoilt_frames(server: Server) -> None:
    chance = random.Random(11)
    seeds = [json.dumps(seed).encode() for seed in SEEDS]
    before = server.sockets()
    with joined(server) as quiet, contextlib.ExitStack() as stack:
        quiet.recv(5)
        client = stack.enter_context(joined(server))
        for number in range(10_000):
            frame = spoilt(chance, chance.choice(seeds))
            client.send(frame, text=chance.random() < 0.5 and frame.isascii())
            if number % 100 == 99:
                assert "error" not in asked(client, "help")
        assert "error" not in asked(quiet, "help")
    assert settled(server, before)


def test_who_does_not_read_holds_up_nobody(server: Server) -> None:
    before = server.sockets()
    raw = socket.create_connection(("127.0.0.1", port_of(server)))
    raw.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    text = json.dumps([{"message": "help", "name": "sms"}] * 200).encode()
    frame = b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text
    raw.settimeout(0.3)
    assert blocked(raw, frame)  # it takes no more from us as soon as we take nothing from it
    with joined(server) as client:
        begun = time.monotonic()
        for _ in range(20):
            assert "error" not in asked(client, "help")
        assert time.monotonic() - begun < 1
    assert server.rss() < 400_000
    raw.close()
    assert settled(server, before)


def test_garbage_in_the_place_of_a_handshake(server: Server) -> None:
    before = server.sockets()
    for junk in (b"\r\n\r\n", b"\x16\x03\x01\x00\xff", b"GET / HTTP/1.1\r\nOrigin: x\r\n\r\n", b"A" * 100_000):
        with socket.create_connection(("127.0.0.1", port_of(server))) as raw, contextlib.suppress(OSError):
            raw.settimeout(0.5)
            raw.sendall(junk)
            raw.recv(1000)
    assert settled(server, before)


def test_many_clients_come_and_go(server: Server) -> None:
    before = server.sockets()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(joined(server)) for _ in range(150)]
        for client in clients:
            client.send('{"message":"log_get","min":100000,"timeout":1000}')
            client.send('{"message":"register","register":["users_update","sms"]}')
        assert all("error" not in asked(client, "help") for client in clients)
    assert settled(server, before)


def test_guessing_becomes_slow_for_one_address(tmp_path: Any) -> None:
    folder = tmp_path / "server"
    with Server(folder, ue_db([BOB]), configuration('com_auth: {password: "pw"},'), hosts=("127.0.0.1",)) as server:
        begun = time.monotonic()
        with joined(server) as client:
            challenge = json.loads(client.recv(5))["challenge"]
            for _ in range(4):
                challenge = asked(client, "authenticate", res="0" * 64)["challenge"]
            assert asked(client, "authenticate", res=response("pw", "IMS", challenge))["ready"] is True
            assert time.monotonic() - begun > 3
        with joined(server) as other:
            other.recv(5)
            server.stop()
            with pytest.raises(ConnectionClosed):
                other.recv(5)

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
from lteims.oam.api_protocol import Fault, requests
from tests.net.ports import free_port
from tests.net.server import Server
from tests.phone.account import Account, ue_db

WITHIN = 20.0  # seconds; a busy machine may need some
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
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nOrigin: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
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
        found = json.loads(client.recv(WITHIN))
        if found.get("message_id") == "asked":
            return dict(found)


def settled(server: Server, sockets: int) -> bool:
    """Has the server, within WITHIN, no more sockets than before?"""
    end = time.monotonic() + WITHIN
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
    """A frame's text with one to three octets or runs of octets changed, lost, put in or repeated."""
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


def misshapen(chance: random.Random, seed: Any) -> bytes:
    """Good JSON that is no good request: a member of another type, or under another name, or not there."""
    members = [dict(member) for member in (seed if isinstance(seed, list) else [seed])]
    for member in members:
        name = chance.choice(list(member))
        match chance.randrange(3):
            case 0:
                member[name] = chance.choice([None, True, -1, 1e300, "x", "", [], [[]], {}, {"x": {}}, 2**70, "\ud800"])
            case 1:
                member[name + chance.choice("x_ \0")] = member.pop(name)
            case 2:
                del member[name]
    return json.dumps(members if isinstance(seed, list) or chance.random() < 0.1 else members[0]).encode()


def malformed(chance: random.Random) -> tuple[bytes, int]:
    """A frame of which nothing can be carried out, and how many answers it must bring."""
    while True:
        seed = chance.choice(SEEDS)
        frame = spoilt(chance, json.dumps(seed).encode()) if chance.random() < 0.6 else misshapen(chance, seed)
        faults = requests(frame, 0.0)
        if faults and all(isinstance(fault, Fault) for fault in faults):
            return frame, len(faults)


def test_nine_thousand_malformed_requests_are_each_answered_with_an_error(server: Server) -> None:
    chance = random.Random(11)
    before = server.sockets()
    with joined(server) as quiet, joined(server) as client:
        quiet.recv(WITHIN)
        client.recv(WITHIN)
        for batch in range(90):
            wanted = 0
            for _ in range(100):
                frame, answers = malformed(chance)
                client.send(frame, text=frame.isascii() and chance.random() < 0.7)
                wanted += answers
            for _ in range(wanted):
                answer = json.loads(client.recv(WITHIN))
                assert answer["error"], answer
                assert "internal" not in answer["error"], answer
            if batch % 10 == 9:
                assert "error" not in asked(client, "help")  # and no answer more than there were requests
                assert "error" not in asked(quiet, "help")
    assert settled(server, before)


def masked(first: int, payload: bytes, length: int | None = None, mask: int = 0x80) -> bytes:
    """A client's frame as RFC 6455 5.2 has it, masked with zeros; `length` where it is to be a wrong one."""
    size = len(payload) if length is None else length
    if size < 126:
        head = bytes((first, mask | size))
    elif size < 1 << 16:
        head = bytes((first, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask | 127)) + size.to_bytes(8, "big")
    return head + (bytes(4) if mask else b"") + payload


def broken(chance: random.Random) -> bytes:
    """A valid frame that a fault of RFC 6455 was put in."""
    text = json.dumps(chance.choice(SEEDS)).encode()
    match chance.randrange(12):
        case 0:  # RSV bits without an extension
            return masked(0x81 | chance.choice([0x10, 0x20, 0x40]), text)
        case 1:  # a reserved opcode
            return masked(0x80 | chance.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), text)
        case 2:
            return masked(0x81, text, mask=0)
        case 3:  # a control frame in pieces, or too long
            return masked(chance.choice([0x08, 0x09, 0x0A]), b"x") + masked(0x89, bytes(126))
        case 4:  # it ends early
            return masked(0x81, text, len(text) + chance.randint(1, 70_000))
        case 5:  # what is left over is no frame
            return masked(0x81, text, max(0, len(text) - chance.randint(1, 30)))
        case 6:
            return masked(0x81, text[:5] + chance.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80"]) + text[5:])
        case 7:  # it goes on with nothing
            return masked(0x80, text)
        case 8:  # it begins anew amidst another one
            return masked(0x01, text[:9]) + masked(0x81, text)
        case 9:  # a close that is none
            return masked(0x88, chance.choice([b"x", b"\x00\x05", b"\x03\xe8\xff", b"\x03\xed"]))
        case 10:  # larger than anybody takes
            return masked(0x81, text, chance.choice([1 << 21, 1 << 40, (1 << 64) - 1]))
        case _:
            frame = bytearray(masked(0x81, text))
            for _ in range(chance.randint(1, 4)):
                frame[chance.randrange(6)] = chance.randrange(256)
            return bytes(frame)


def received(raw: socket.socket, data: bytes) -> list[tuple[int, bytes]]:
    """The server's frames until it closes: opcode and payload. AssertionError where the last one is not whole."""
    while part := raw.recv(1 << 16):
        data += part
    frames = []
    while data:
        long = {126: 2, 127: 8}.get(data[1], 0)
        size = int.from_bytes(data[2 : 2 + long], "big") if long else data[1]
        assert len(data) >= 2 + long + size, data
        frames.append((data[0], data[2 + long : 2 + long + size]))
        data = data[2 + long + size :]
    return frames


def unfinished(data: bytes) -> bool:
    """Does what a client sent end amidst a frame or a message, or is it no more than pongs, which nobody answers?"""
    goes_on, silent = False, True
    while data:
        long = {126: 2, 127: 8}.get(data[1] & 0x7F, 0) if data[1:] else 0
        if len(data) < 2 + long:
            return True
        size = int.from_bytes(data[2 : 2 + long], "big") if long else data[1] & 0x7F
        end = 2 + long + (4 if data[1] & 0x80 else 0) + size
        if len(data) < end:
            return True
        opcode = data[0] & 0x0F
        goes_on = not data[0] & 0x80 if opcode < 8 else goes_on
        silent = silent and opcode == 10
        data = data[end:]
    return goes_on or silent


def test_a_thousand_broken_frames_are_each_answered_or_closed(server: Server) -> None:
    chance = random.Random(12)
    before = server.sockets()
    with joined(server) as quiet:
        quiet.recv(WITHIN)
        for number in range(1000):
            with socket.create_connection(("127.0.0.1", port_of(server)), timeout=WITHIN) as raw:
                raw.sendall(HANDSHAKE)
                while b"}" not in raw.recv(4096):
                    pass
                frame = broken(chance)
                raw.sendall(frame)
                early = unfinished(frame)
                first = b"" if early else raw.recv(1 << 16)
                assert first or early, frame  # of what is not there yet there is nothing to tell
                with contextlib.suppress(OSError):  # it has closed already
                    raw.shutdown(socket.SHUT_WR)
                for opcode, payload in received(raw, first):
                    if opcode == 0x81:
                        assert {"message", "error"} & set(json.loads(payload)), frame
                    else:
                        assert opcode in (0x88, 0x8A), (frame, opcode)
            if number % 100 == 99:
                assert "error" not in asked(quiet, "help")
    assert settled(server, before)


def test_who_does_not_read_holds_up_nobody(server: Server) -> None:
    before = server.sockets()
    raw = socket.create_connection(("127.0.0.1", port_of(server)))
    raw.sendall(HANDSHAKE)
    text = json.dumps([{"message": "help", "name": "sms"}] * 200).encode()
    frame = b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text
    raw.settimeout(0.3)
    assert blocked(raw, frame)  # it takes no more from us as soon as we take nothing from it
    with joined(server) as client:
        begun = time.monotonic()
        for _ in range(20):
            assert "error" not in asked(client, "help")
        assert time.monotonic() - begun < 5
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


def test_pings_whose_answers_nobody_reads(server: Server) -> None:
    before = server.sockets()
    pings = (b"\x89\xfd" + bytes(4) + b"x" * 125) * 500_000
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as raw:
        raw.sendall(HANDSHAKE)
        with pytest.raises(ConnectionError):
            raw.sendall(pings)
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
            challenge = json.loads(client.recv(WITHIN))["challenge"]
            with joined(server) as stranger:  # who may not have much kept
                stranger.send('{"message": "authenticate", "res": "' + "0" * 5000 + '"}')
                stranger.recv(WITHIN)  # the greeting
                with pytest.raises(ConnectionClosed, match="1009"):
                    stranger.recv(WITHIN)
            for _ in range(4):
                challenge = asked(client, "authenticate", res="0" * 64)["challenge"]
            assert asked(client, "authenticate", res=response("pw", "IMS", challenge))["ready"] is True
            assert "x" in asked(client, "x" * 100_000)["message"]
            assert time.monotonic() - begun > 3
        with joined(server) as other:
            other.recv(WITHIN)
            server.stop()
            with pytest.raises(ConnectionClosed):
                other.recv(WITHIN)

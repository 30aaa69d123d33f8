"""The remote API of the running server, as far as it is every server's (manual 6.1 to 6.5): frames, clocks, log, stats.

What is an IMS's alone is in test_api_ims.py, bad clients are in test_api_hostile.py.
"""

import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import connect

from lteims.oam.api_auth import response
from tests.net.remote import BOB, Client, api_port, served
from tests.net.server import STOP_WITHIN, Server
from tests.phone.phone import Phone
from tests.phone.talk import Talk
from tests.phone.wire import Udp


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("api") / "server") as running:
        yield running
    assert "internal error" not in running.log


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(api_port(server)) as connected:
        yield connected


@pytest.fixture
def ue(server: Server) -> Iterator[Phone]:
    phone = Phone(Udp(("127.0.0.1", server.port)), BOB)
    assert phone.register().code == 200
    yield phone
    phone.register(phone.contact(0))
    phone.wire.close()


def test_the_greeting(client: Client) -> None:
    assert {"message": "ready", "type": "IMS", "name": "IMS"}.items() <= client.greeting.items()


def test_no_origin(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://127.0.0.1:{api_port(server)}", proxy=None):
        pass
    assert refused.value.response.status_code == 403


def test_arrays_and_errors(client: Client) -> None:
    client.socket.send('[{"message":"help","message_id":[null]},3,{"message":"nope","message_id":null}]')
    assert client.take()["message_id"] == [None]
    assert client.take()["error"] == "A request must be an object"
    last = client.take()
    assert (last["error"], last["message_id"]) == ("Unknown message: nope", None)
    for frame in ("", "{", "[", "nul", '{"message":NaN}', b"\xff\x00", "[" * 100_000):
        client.socket.send(frame)
        assert client.take()["error"].startswith("Malformed JSON")
    assert client.do("help")


def test_an_endless_frame_ends_one_connection_only(server: Server, client: Client) -> None:
    with Client(api_port(server)) as other:
        other.socket.send('"' + "x" * (2 << 20) + '"')
        with pytest.raises(ConnectionClosed, match="1009"):
            other.socket.recv(20)
    assert client.do("help")


def test_start_time(client: Client) -> None:
    begun = client.do("help")["time"]
    assert client.do("help", start_time=0.3)["time"] - begun >= 0.29
    assert client.do("help", start_time=begun + 0.8, absolute_time=True)["time"] - begun >= 0.79


def test_what_waits_ends_with_its_connection_unless_it_is_standalone(server: Server) -> None:
    with Client(api_port(server)) as one:
        for text, more in (("is cancelled", {}), ("stands alone", {"standalone": True})):
            request = {"message": "log_set", "log": text, "layer": "ims", "level": "error", "start_time": 0.6} | more
            one.socket.send(json.dumps(request))
        one.do("help")
    server.wait_for_log("stands alone")  # which was to be carried out after the other
    assert "is cancelled" not in server.log


def test_what_waits_is_carried_out_by_its_time(client: Client) -> None:
    times = (("late", 0.4), ("soon", 0.2), ("now", 0))
    asked = [{"message": "help", "message_id": id, "start_time": start} for id, start in times]
    client.socket.send(json.dumps(asked))  # in one frame: the three times begin together
    assert [client.take()["message_id"] for _ in range(3)] == ["now", "soon", "late"]
    strange: list[Any] = [-1, "1", True, 1e300, 10**400, [], {}, 1e9]
    for wrong in strange:
        assert "start_time" in client.ask("help", start_time=wrong)["error"]
    assert "absolute_time" in client.ask("help", start_time=0, absolute_time=1)["error"]
    assert "standalone" in client.ask("help", standalone="yes")["error"]


def test_what_is_refused_of_other_servers(client: Client) -> None:
    for name in ("loop_count", "loop_delay", "cancel"):
        assert f"'{name}' is not supported: " in client.ask("stats", **{name: 1})["error"]


def test_help(client: Client) -> None:
    found = client.do("help")
    assert {"config_get", "log_get", "users_get", "sms", "mt_call", "dialog_get"} <= set(found["messages"])
    assert set(found["events"]) == {"invite", "sms", "users_update"}
    for name in found["messages"]:
        assert client.do("help", name=name)["schema"]
    assert client.do("license")["license"]


def test_stats(client: Client, ue: Phone) -> None:
    found = client.do("stats")
    assert found["counters"]["messages"]["sip_register"] >= 1
    assert found["users"] == {"total": 1, "max_registered": 1, "bindings": 1}
    assert found["cpu"]["global"] >= 0
    ue.register()
    again = client.do("stats")
    assert again["counters"]["messages"]["sip_register"] == 1
    assert again["instance_id"] == found["instance_id"]
    assert isinstance(found["instance_id"], int)


def test_config(client: Client) -> None:
    before = client.do("config_get")
    assert before["logs"]["layers"]["ims"]["level"] == "info"
    client.do("config_set", logs={"layers": {"all": {"level": "debug"}, "SIP": {"max_size": 7}}}, binding_expires=100)
    after = client.do("config_get")
    assert {layer["level"] for layer in after["logs"]["layers"].values()} == {"debug"}
    assert (after["logs"]["layers"]["sip"]["max_size"], after["binding_expires"]) == (7, 100)
    for wrong, says in (
        ({"binding_expires": 200, "precondition": 3}, "precondition"),
        ({"binding_expires": 200, "nonsense": 3}, "nonsense"),
        ({"binding_expires": 200, "logs": {"layers": {"SIP": {"level": "loud"}}}}, "logs.layers.SIP"),
        ({"binding_expires": 200, "logs": {"path": "no/such"}}, "no/such"),
        ({"sms_message_filter": {"rp_data": "drop"}}, "rp_data"),
    ):
        assert says in client.ask("config_set", **wrong)["error"]
    assert client.do("config_get") | {"time": 0, "utc": 0, "message_id": 0} == after | {
        "time": 0, "utc": 0, "message_id": 0,
    }  # fmt: skip
    client.do("config_set", sms_message_filter={"rp_data": "ignore"}, sms_forced_rp_cause=22, precondition=True)
    client.do("config_set", **{name: before[name] for name in ("sms_message_filter", "binding_expires", "logs")})
    client.do("config_set", sms_forced_rp_cause=0)
    assert client.do("config_get")["logs"] == before["logs"]


def test_a_setting_is_effective_at_once(client: Client, ue: Phone) -> None:
    client.do("config_set", binding_expires=77)
    assert "expires=77" in ue.register().get("contact")
    client.do("config_set", binding_expires=3600)


def test_every_setting(client: Client) -> None:
    before = client.do("config_get")
    wanted: dict[str, tuple[Any, Any, Any]] = {  # as it is shown, as it is set, and what it cannot be
        "precondition": ("off", False, "maybe"),
        "sms_retry_delay": (7, 7, 0),
        "sms_expires": (77, 77, -1),
        "binding_expires": (88, 88, 0),
        "subscribe_expires": (99, 99, 864_001),
        "auth_on_register_only": (True, True, "maybe"),
        "dialog_timeout": (0, 0, -1),
        "p_called_party_id": (True, True, "yes"),
        "sms_message_filter": (
            {"cp_data": "treat", "cp_ack": "ignore", "rp_data": "reject", "rp_ack": "treat"},
            {"cp_ack": "ignore", "rp_data": "reject"},
            {"rp_ack": "drop"},
        ),
        "sms_forced_cp_cause": (17, 17, 256),
        "sms_forced_rp_cause": (255, 255, -1),
    }
    for name, (_, _, wrong) in wanted.items():
        others = {other: good for other, (_, good, _) in wanted.items()}
        error = client.ask("config_set", **(others | {name: wrong}))["error"]
        assert name in error
    assert {name: client.do("config_get")[name] for name in wanted} == {name: before[name] for name in wanted}
    client.do("config_set", **{name: good for name, (_, good, _) in wanted.items()})
    after = client.do("config_get")
    assert {name: after[name] for name in wanted} == {name: shown for name, (shown, _, _) in wanted.items()}
    client.do("config_set", **{name: before[name] for name in wanted})
    assert {name: client.do("config_get")[name] for name in wanted} == {name: before[name] for name in wanted}


def test_a_call_that_runs_ends_by_a_timeout_that_is_set_now(client: Client, ue: Phone) -> None:
    before = client.do("config_get")["dialog_timeout"]
    with Talk(ue) as talk:
        session_id = client.do("mt_call", impi=BOB.username)["session_id"]
        talk.take()
        talk.pick_up()
        assert client.do("dialog_get", session_id=session_id)["dialogs"][0]["state"] == "start"
        client.do("config_set", dialog_timeout=1)
        talk.expect("BYE")
    client.do("config_set", dialog_timeout=before)


def test_logs(client: Client) -> None:
    while client.do("log_get", allow_empty=True, timeout=0.1)["logs"]:
        pass
    client.do("log_set", log="one\ntwo", layer="SIP", level="error", dir="FROM", ue_id=255)
    found = client.do("log_get", layers={"SIP": "error"}, headers=True)
    (entry,) = found["logs"]
    assert entry["data"] == ["one", "two"]
    assert {"layer": "SIP", "level": "error", "dir": "FROM", "src": "IMS"}.items() <= entry.items()
    assert abs(entry["timestamp"] / 1000 - time.time()) < 5
    assert found["headers"][0].startswith("# lteims version")
    client.do("log_reset")
    assert client.do("log_get", allow_empty=True, timeout=0)["logs"] == []
    assert "layer" in client.ask("log_set", log="x")["error"]
    client.do("log_set", rotate=True, flush=True)
    client.do("log_set", cut=True)


def test_log_get_is_flushed(client: Client) -> None:
    client.socket.send('{"message":"log_get","message_id":"first","min":100000,"timeout":1000}')
    client.socket.send('{"message":"log_get","message_id":"second","timeout":0,"allow_empty":true}')
    assert [client.take()["message_id"], client.take()["message_id"]] == ["first", "second"]


def test_authentication(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "password").write_text("se:cret\n", encoding="utf-8")
    with served(tmp_path / "server", 'com_name: "lab", com_auth: {passfile: "password"},') as server:
        with Client(api_port(server)) as client:
            challenge = client.greeting["challenge"]
            assert (client.greeting["message"], client.greeting["name"]) == ("authenticate", "lab")
            assert client.ask("config_get")["error"] == "Authentication not done"
            assert client.ask("nope")["error"] == "Authentication not done"
            failed = client.ask("authenticate", res=response("wrong", "lab", challenge))
            assert failed["error"]
            assert (failed["type"], failed["name"]) == ("IMS", "lab")
            assert failed["challenge"] != challenge
            again = client.ask("authenticate", res=response("se:cret", "lab", challenge))
            assert again["error"]
            assert client.ask("authenticate", password="se:cret")["error"]
            last = client.ask("authenticate", res="")["challenge"]
            client.socket.send(json.dumps({"message": "authenticate", "res": response("se:cret", "lab", last)}))
            assert client.take()["ready"] is True
            assert client.do("config_get")["name"] == "lab"
        assert "se:cret" not in server.log


def test_an_open_password(tmp_path: Path) -> None:
    with (
        served(tmp_path / "server", 'com_auth: {password: "pw", unsecure: true},') as server,
        Client(api_port(server)) as client,
    ):
        assert client.do("authenticate", password="pw")["ready"] is True
        assert client.do("help")


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    other, other_key = certificate(tmp_path, "other")
    tls = f'com_ssl_certificate: "{cert}", com_ssl_key: "{key}", com_ssl_peer_verify: true,'
    with served(tmp_path / "server", tls) as server:
        assert "api wss://" in server.ready
        trusting = ssl.create_default_context(cafile=str(cert))
        trusting.load_cert_chain(cert, key)
        with Client(api_port(server), trusting) as client:
            assert client.do("help")
        stranger = ssl.create_default_context(cafile=str(cert))
        stranger.load_cert_chain(other, other_key)
        for context in (stranger, ssl.create_default_context(cafile=str(cert))):
            with pytest.raises((OSError, ConnectionClosed, InvalidMessage)):
                Client(api_port(server), context)


def test_quit(tmp_path: Path) -> None:
    with served(tmp_path / "server") as server:
        with Client(api_port(server)) as client:
            client.do("quit")
        assert server.process is not None
        assert server.process.wait(STOP_WITHIN) == 0
        assert "Traceback" not in server.output

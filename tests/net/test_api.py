"""The remote API of the running server (manual 6), by a client of the `websockets` library: every message and event.

| message or event | test |
| --- | --- |
| greeting, Origin, message_id, arrays, start_time, standalone | test_the_greeting and those behind it |
| authenticate | test_authentication, test_an_open_password |
| TLS, client certificates | test_tls |
| config_get, config_set | test_config |
| log_get, log_set, log_reset | test_logs, test_log_get_is_flushed |
| help, stats, license | test_help, test_stats |
| register, users_update, users_get, unregister, user_set, users_add | test_users |
| sms, sms_flush, mms | test_sms |
| mt_call, dialog_get, reinvite, dialog_stop | test_calls |
| invite, dialog_answer, impu_set | test_the_echo |
| quit | test_quit |
"""

import contextlib
import itertools
import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from lteims.oam.api_auth import response
from tests.net.server import Server, free_port
from tests.phone.account import DOMAIN, Account, ue_db
from tests.phone.phone import Phone
from tests.phone.talk import Talk
from tests.phone.wire import Udp

CONFIG = Path(__file__).parents[2] / "config"
BOB = Account("001010000000002", "none", impu='["001010000000002", "tel:+492"]')
IDS = itertools.count(1)


class Client:
    """One connection."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        scheme = "wss" if tls else "ws"
        self._open = contextlib.ExitStack()
        self.socket: ClientConnection = self._open.enter_context(
            connect(f"{scheme}://127.0.0.1:{port}", origin=Origin("test"), ssl=tls, proxy=None)
        )
        self.greeting = self.take()

    def take(self, within: float = 5.0) -> dict[str, Any]:
        found = json.loads(self.socket.recv(within))
        assert isinstance(found, dict)
        assert found["time"] >= 0
        assert abs(found["utc"] - time.time()) < 5
        return found

    def ask(self, message: str, **params: Any) -> dict[str, Any]:
        """The answer to a request, whether it has an `error` or not."""
        id = next(IDS)
        self.socket.send(json.dumps({"message": message, "message_id": id, **params}))
        found = self.take()
        assert (found["message"], found["message_id"]) == (message, id)
        return found

    def do(self, message: str, **params: Any) -> dict[str, Any]:
        found = self.ask(message, **params)
        assert "error" not in found, found
        return found

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def api_port(server: Server) -> int:
    return int(server.ready.rpartition(":")[2])


def served(folder: Path, extra: str = "") -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    for path in CONFIG.glob("*.sdp"):
        (folder / path.name).write_bytes(path.read_bytes())
    text = f"""domain: "{DOMAIN}", timer_t1: 0.5, com_addr: "127.0.0.1:{free_port()}",
echo: ["tel:666", {{impu: "tel:102", remote_control: true}}], {extra}
"""
    return Server(folder, ue_db([BOB]), text, hosts=("127.0.0.1",))


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
            other.socket.recv(5)
    assert client.do("help")


def test_start_time(client: Client) -> None:
    begun = client.do("help")["time"]
    assert client.do("help", start_time=0.3)["time"] - begun >= 0.29
    assert client.do("help", start_time=begun + 0.8, absolute_time=True)["time"] - begun >= 0.79


def test_what_waits_ends_with_its_connection_unless_it_is_standalone(server: Server) -> None:
    with Client(api_port(server)) as one:
        for text, more in (("is cancelled", {}), ("stands alone", {"standalone": True})):
            request = {"message": "log_set", "log": text, "layer": "ims", "level": "error", "start_time": 0.4} | more
            one.socket.send(json.dumps(request))
        one.do("help")
    server.wait_for_log("stands alone")
    time.sleep(0.2)
    assert "is cancelled" not in server.log


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


def test_config(client: Client) -> None:
    before = client.do("config_get")
    assert before["logs"]["layers"]["IMS"]["level"] == "info"
    client.do("config_set", logs={"layers": {"all": {"level": "debug"}, "SIP": {"max_size": 7}}}, binding_expires=100)
    after = client.do("config_get")
    assert {layer["level"] for layer in after["logs"]["layers"].values()} == {"debug"}
    assert (after["logs"]["layers"]["SIP"]["max_size"], after["binding_expires"]) == (7, 100)
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


def test_users(client: Client, ue: Phone) -> None:
    (user,) = client.do("users_get", registered_only=True)["users"]
    assert (user["impi"], user["sms"]) == (BOB.username, 0)
    (binding,) = user["bindings"]
    assert (binding["uri"], binding["q"], binding["dialogs"]) == (ue.contact_uri, 1.0, [])
    assert "tel:+492" in binding["impu"]
    assert 0 < binding["expires"] <= 3600
    assert "Unknown event" in client.ask("register", register=["sms", "nope"])["error"]
    client.do("register", register="users_update")
    assert client.do("unregister", uri=ue.contact_uri)["uris"] == [ue.contact_uri]
    event = client.take()
    assert event["message"] == "users_update"
    assert [u["bindings"] for u in event["users_update"]] == [[]]
    client.do("register", unregister=["users_update"])
    assert client.do("users_get", registered_only=True)["users"] == []
    assert "there is no" in client.ask("unregister", uri="sip:nobody@nowhere")["error"]


def test_more_users(client: Client, server: Server) -> None:
    new = Account("001010000000009", "none", impu='["001010000000009"]')
    entry = {"imsi": new.imsi, "authent_type": "none", "impu": [new.imsi, "tel:+499"], "domain": DOMAIN}
    assert client.do("users_add", users=[entry])["added"] == 1
    assert "already" in client.ask("users_add", users=[entry])["error"]
    assert "imsi" in client.ask("users_add", users=[{"imsi": 5}])["error"]
    phone = Phone(Udp(("127.0.0.1", server.port)), new)
    assert phone.register().code == 200
    phone.register(phone.contact(0))
    phone.wire.close()
    impis = {user["impi"]: user for user in client.do("users_get")["users"]}
    assert len(impis) == 2
    client.do("user_set", impi=new.username, force_sms_over_sg=True)
    found = next(user for user in client.do("users_get")["users"] if user["impi"] == new.username)
    assert found["force_sms_over_sg"] is True
    assert "no user" in client.ask("user_set", impi="x", force_sms_over_sg=True)["error"]


def test_sms(client: Client) -> None:
    assert client.do("sms", impu="tel:+492", text="hello", sender="600")["ids"]
    assert client.do("sms", impi=BOB.username, binary="AQL/", dcs=4)["ids"]
    assert client.do("sms", impi=BOB.username, binary_hex="0102ff", tp_udl=3)["ids"]
    assert "binary" in client.ask("sms", impi=BOB.username, binary="?")["error"]
    assert "no user" in client.ask("sms", impi="nobody", text="x")["error"]
    assert client.do("users_get")["users"][0]["sms"] == 3
    assert client.do("sms_flush", impi=BOB.username)["count"] == 3
    assert "mms_server_bind_addr" in client.ask("mms", filename="a.txt", **{"from": "1", "to": "2"})["error"]


def test_the_event_sms(client: Client, ue: Phone) -> None:
    client.do("register", register=["sms"])
    request = ue.request("MESSAGE", "sip:+492@" + DOMAIN)
    request.body = b"good morning"
    request.set("content-type", "text/plain")
    assert ue.exchange(request).code in (200, 202)
    event = client.take()
    assert (event["message"], event["text"]) == ("sms", "good morning")
    assert {"sender", "destination", "dcs"} <= event.keys()
    client.do("sms_flush", impi=BOB.username)


def test_calls(client: Client, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = client.do("mt_call", impu="tel:+492", caller="tel:+491")["session_id"]
        talk.take()
        talk.pick_up()
        (dialog,) = client.do("dialog_get", session_id=session_id)["dialogs"]
        assert (dialog["session_id"], dialog["state"], dialog["type"]) == (session_id, "start", "mt call")
        assert {"to", "from", "date", "duration", "event_list", "medias"} <= dialog.keys()
        events = [(e["type"], e.get("message"), e["state"]) for e in dialog["event_list"]]
        assert ("recv", "200 INVITE") in [event[:2] for event in events]
        assert ("state", None, "start") in events
        assert {"type", "qos", "dir", "rtp_addr", "rtp_recv_count"} <= dialog["medias"][0].keys()
        client.do("dialog_stop", session_id=session_id)
        talk.expect("BYE")
        assert client.do("dialog_get", session_id=session_id)["dialogs"][0]["state"] == "stop"
    for message in ("dialog_stop", "dialog_answer", "reinvite"):
        assert "there is no dialog" in client.ask(message, session_id="none")["error"]
    assert "no user" in client.ask("mt_call", impi="nobody")["error"]


def test_the_echo(client: Client, ue: Phone) -> None:
    client.do("register", register="invite")
    with Talk(ue) as talk:
        talk.dial("tel:102")
        assert talk.hear().code == 180
        event = client.take()
        assert event["message"] == "invite"
        client.do("dialog_answer", session_id=event["session_id"], code=486)
        assert talk.hear().code == 486
    client.do("impu_set", impu="tel:666", code=603)
    with Talk(ue) as talk:
        talk.dial("tel:666")
        assert talk.hear().code == 603
    client.do("impu_set", impu="tel:666", code=0)
    assert "there is no IMPU" in client.ask("impu_set", impu="tel:000", code=0)["error"]


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
        assert server.process.wait(5) == 0
        assert "Traceback" not in server.output

"""Every message and event of an IMS on the running server (manual 6.6, 6.7), with the manual's own names of members."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lteims.oam.api_schema import EVENTS, SCHEMAS
from tests.net.ports import free_port
from tests.net.remote import BOB, Client, api_port, served
from tests.net.server import Server
from tests.phone.account import DOMAIN, Account
from tests.phone.handset import Handset
from tests.phone.phone import Phone
from tests.phone.talk import Talk
from tests.phone.wire import Udp

CONSOLE = {"monitor", "complete"}  # the console's own messages, which its own tests ask
NEW = Account("001010000000009", "none", impu='["001010000000009"]')
ENTRY = {"imsi": NEW.imsi, "authent_type": "none", "impu": [NEW.imsi, "tel:+499"], "domain": DOMAIN}


@pytest.fixture(scope="module")
def mms_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mms_port: int) -> Iterator[Server]:
    extra = f'ue_db_filename: "ims.db", mms_server_bind_addr: "127.0.0.1:{mms_port}",'
    with served(tmp_path_factory.mktemp("api") / "server", extra) as running:
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


def test_each_has_its_test() -> None:
    folder = Path(__file__).parent
    texts = [(folder / f"test_api{name}.py").read_text(encoding="utf-8") for name in ("", "_ims")]
    asked = set(re.findall(r'\b(?:do|ask)\(\s*"(\w+)"', "".join(texts)))
    assert set(SCHEMAS) - asked == CONSOLE
    told = set(re.findall(r'\bevent\("(\w+)"\)', "".join(texts)))
    assert set(EVENTS) - told == set()


# -- users
def test_users(client: Client, ue: Phone) -> None:
    (user,) = client.do("users_get", registered_only=True)["users"]
    assert (user["impi"], user["sms"]) == (BOB.username, 0)
    (binding,) = user["bindings"]
    assert (binding["uri"], binding["q"], binding["dialogs"]) == (ue.contact_uri, 1.0, [])
    assert {"impu", "video", "sms", "expires"} <= binding.keys()
    assert "tel:+492" in binding["impu"]
    assert 0 < binding["expires"] <= 3600


def test_users_update_of_registrations(client: Client, ue: Phone) -> None:
    assert "Unknown event" in client.ask("register", register=["sms", "nope"])["error"]
    client.do("register", register="users_update")
    assert client.do("unregister", uri=ue.contact_uri)["uris"] == [ue.contact_uri]
    assert [u["bindings"] for u in client.event("users_update")["users_update"]] == [[]]
    client.do("register", unregister=["users_update"])
    assert client.do("users_get", registered_only=True)["users"] == []
    assert "there is no" in client.ask("unregister", uri="sip:nobody@nowhere")["error"]


def test_users_update_of_calls(client: Client, ue: Phone) -> None:
    client.do("register", register=["users_update"])

    def states() -> list[str]:
        (user,) = client.event("users_update")["users_update"]
        assert user["impi"] == BOB.username
        return [dialog["state"] for dialog in user["bindings"][0]["dialogs"]]

    with Talk(ue) as talk:
        session_id = client.do("mt_call", impi=BOB.username)["session_id"]
        talk.take()
        assert states() == ["init"]
        talk.reply(180)
        assert states() == ["ringing"]
        talk.reply(200, talk.sdp())
        talk.expect("ACK")
        assert states() == ["start"]
        client.do("dialog_stop", session_id=session_id)
        talk.expect("BYE")
        assert states() == []


def test_users_are_added_for_good(tmp_path: Path) -> None:
    with served(tmp_path / "server", 'ue_db_filename: "ims.db",') as server:
        with Client(api_port(server)) as client:
            assert client.do("users_add", users=[ENTRY])["added"] == 1
            assert "already" in client.ask("users_add", users=[ENTRY])["error"]
            assert "imsi" in client.ask("users_add", users=[{"imsi": 5}])["error"]
            phone = Phone(Udp(("127.0.0.1", server.port)), NEW)
            assert phone.register().code == 200
            phone.wire.close()
            client.do("user_set", impi=NEW.username, force_sms_over_sg=True)
            users = {user["impi"]: user for user in client.do("users_get")["users"]}
            assert users[NEW.username]["force_sms_over_sg"] is True
            assert "no user" in client.ask("user_set", impi="x", force_sms_over_sg=True)["error"]
            assert "force_sms_over_sg" in client.ask("user_set", impi=NEW.username)["error"]
            assert client.do("impu_add", impi=NEW.username, impu="tel:+498", code=486)["uri"] == "tel:+498"
            assert client.do("impu_del", impu="tel:+499")["uris"] == []
        server.stop()
        server.start()
        assert "1 users of users_add restored" in server.log
        with Client(api_port(server)) as client:
            users = {user["impi"]: user for user in client.do("users_get")["users"]}
            assert "tel:+498" in users[NEW.username]["impu"]
            assert "tel:+499" not in users[NEW.username]["impu"]
            assert len(users[NEW.username]["bindings"]) == 1
            assert "force_sms_over_sg" not in users[NEW.username]


def test_an_impu_comes_and_goes(client: Client, ue: Phone) -> None:
    assert "no user" in client.ask("impu_add", impi="nobody", impu="tel:+495")["error"]
    assert "impi" in client.ask("impu_add", impu="tel:+495")["error"]
    assert "code" in client.ask("impu_add", impi=BOB.username, impu="tel:+495", code="x")["error"]
    assert "already" in client.ask("impu_add", impi=BOB.username, impu="tel:+492")["error"]
    client.do("impu_add", impi=BOB.username, impu="tel:+495", display_name="Bob at night")
    (user,) = client.do("users_get", registered_only=True)["users"]
    assert "tel:+495" in user["bindings"][0]["impu"]
    with Talk(ue) as talk:
        client.do("mt_call", impu="tel:+495")
        assert talk.take().get("to") != ""
        talk.refuse()
    client.do("register", register="users_update")
    assert client.do("impu_del", impu="tel:+495")["uris"] == []
    (told,) = client.event("users_update")["users_update"]
    assert "tel:+495" not in told["impu"]
    assert "no user" in client.ask("impu_del", impu="tel:+495")["error"]


# -- messages
def test_sms(client: Client) -> None:
    assert client.do("sms", impu="tel:+492", text="hello", sender="600", validity=600, pid=0)["ids"]
    assert client.do("sms", impi=BOB.username, binary="AQL/", dcs=4)["ids"]
    assert client.do("sms", impi=BOB.username, binary_hex="0102ff", tp_udl=3, tp_udhi_present=False)["ids"]
    assert "binary" in client.ask("sms", impi=BOB.username, binary="?")["error"]
    assert "no user" in client.ask("sms", impi="nobody", text="x")["error"]
    assert client.do("users_get")["users"][0]["sms"] == 3
    assert client.do("sms_flush", impi=BOB.username)["count"] == 3


def test_users_update_of_messages(client: Client) -> None:
    client.do("register", register="users_update")
    client.do("sms", impi=BOB.username, text="hello")
    (user,) = client.event("users_update")["users_update"]
    assert (user["impi"], user["sms"]) == (BOB.username, 1)
    client.do("sms_flush", impi=BOB.username)
    (user,) = client.event("users_update")["users_update"]
    assert user["sms"] == 0


def test_users_update_of_what_clients_change(client: Client) -> None:
    """Whoever shows users hears of all that users_get would show, of users who are not registered too."""

    def told() -> dict[str, Any]:
        (user,) = client.event("users_update")["users_update"]
        assert isinstance(user, dict)
        return user

    client.do("register", register="users_update")
    client.do("user_set", impi=BOB.username, force_sms_over_sg=True)
    assert told()["force_sms_over_sg"] is True
    client.do("user_set", impi=BOB.username, force_sms_over_sg=False)
    assert "force_sms_over_sg" not in told()
    client.do("impu_add", impi=BOB.username, impu="tel:+496")
    assert "tel:+496" in told()["impu"]
    client.do("impu_del", impu="tel:+496")
    assert "tel:+496" not in told()["impu"]
    client.do("users_add", users=[{"imsi": "001010000000088", "impi": "late", "pwd": "x"}])
    assert told()["impi"] == "late"


def test_a_binding_shows_whether_messages_wait(client: Client, ue: Phone) -> None:
    def waits() -> list[bool]:
        return [binding["sms"] for binding in client.do("users_get", registered_only=True)["users"][0]["bindings"]]

    assert waits() == [False]
    client.do("sms", impi=BOB.username, text="hello")
    assert waits() == [True]
    client.do("sms_flush", impi=BOB.username)


def test_two_clients_in_the_place_of_the_receiver(tmp_path: Path) -> None:
    with served(tmp_path / "server", "sms_hook_only: true,") as server, Client(api_port(server)) as one:
        phone = Phone(Udp(("127.0.0.1", server.port)), BOB)
        assert phone.register().code == 200

        def says(text: bytes) -> int:
            request = phone.request("MESSAGE", "sip:+492@" + DOMAIN)
            request.body = text
            request.set("content-type", "text/plain")
            assert phone.exchange(request).code in (200, 202)
            pending = one.do("users_get")["users"][0]["sms"]
            assert isinstance(pending, int)
            return pending

        one.do("register", register="sms")
        with Client(api_port(server)) as two:
            two.do("register", register="sms")
            assert says(b"for both") == 0
            assert [each.event("sms")["text"] for each in (one, two)] == ["for both"] * 2
            one.do("register", unregister="sms")
            assert says(b"for one") == 0
            assert two.event("sms")["text"] == "for one"
        one.do("help", start_time=0.2)
        assert says(b"for the receiver") == 1
        assert one.events == []
        phone.wire.close()


def test_the_event_sms(client: Client, ue: Phone) -> None:
    client.do("register", register=["sms"])
    request = ue.request("MESSAGE", "sip:+492@" + DOMAIN)
    request.body = b"good morning"
    request.set("content-type", "text/plain")
    assert ue.exchange(request).code in (200, 202)
    event = client.event("sms")
    assert (event["message"], event["text"]) == ("sms", "good morning")
    assert {"sender", "destination", "dcs"} <= event.keys()
    client.do("sms_flush", impi=BOB.username)


def test_mms(client: Client, server: Server, mms_port: int) -> None:
    (server.folder / "words.txt").write_text("Good morning", encoding="utf-8")
    handset = Handset.at("127.0.0.17", ("127.0.0.1", server.port), BOB, f"http://127.0.0.1:{mms_port}")
    assert client.do("mms", filename="words.txt", **{"from": "+491", "to": "+492"})["id"]
    notification = handset.take_push()
    assert f"http://127.0.0.1:{mms_port}/" in str(notification)
    assert "no-such.txt" in client.ask("mms", filename="no-such.txt", **{"from": "+491", "to": "+492"})["error"]
    assert client.ask("mms", filename="words.txt", **{"from": "+491", "to": "nobody"})["error"]
    assert "from" in client.ask("mms", filename="words.txt", to="+492")["error"]
    handset.phone.register(handset.phone.contact(0))
    handset.close()


def test_no_mms(tmp_path: Path) -> None:
    with served(tmp_path / "server") as server, Client(api_port(server)) as client:
        error = client.ask("mms", filename="a.txt", **{"from": "1", "to": "2"})["error"]
        assert "mms_server_bind_addr" in error


# -- calls
def test_calls(client: Client, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = client.do("mt_call", impu="tel:+492", caller="tel:+491", duration=100)["session_id"]
        talk.take()
        talk.pick_up()
        (dialog,) = client.do("dialog_get", session_id=session_id)["dialogs"]
        assert (dialog["session_id"], dialog["state"], dialog["type"]) == (session_id, "start", "mt call")
        assert {"to", "from", "date", "duration", "event_list", "medias"} <= dialog.keys()
        events = [(e["type"], e.get("message"), e["state"]) for e in dialog["event_list"]]
        assert ("recv", "200 INVITE") in [event[:2] for event in events]
        assert ("state", None, "start") in events
        (media,) = dialog["medias"]
        assert set(media) == {
            "type", "qos", "dir", "rtp_addr", "rtp_recv_count", "rtp_send_count", "rtcp_addr", "rtcp_rcv_count",
            "rtcp_send_count",
        }  # fmt: skip
        client.do("dialog_stop", session_id=session_id)
        talk.expect("BYE")
        assert client.do("dialog_get", session_id=session_id)["dialogs"][0]["state"] == "stop"
        assert session_id in [dialog["session_id"] for dialog in client.do("dialog_get")["dialogs"]]
    for message in ("dialog_stop", "dialog_answer", "reinvite"):
        assert "there is no dialog" in client.ask(message, session_id="none")["error"]
    assert "no user" in client.ask("mt_call", impi="nobody")["error"]


def test_mt_call_by_contact_and_with_a_file(client: Client, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = client.do("mt_call", contact=ue.contact_uri, sip_file="mt_call.sdp", duration=0.5)["session_id"]
        talk.take()
        talk.pick_up()
        talk.expect("BYE")
        (dialog,) = client.do("dialog_get", session_id=session_id)["dialogs"]
        assert 0.5 <= dialog["duration"] < 5
    assert "emergency" in client.ask("mt_call", impi=BOB.username, sos=True)["error"]
    assert "no-such.sdp" in client.ask("mt_call", impi=BOB.username, sip_file="no-such.sdp")["error"]


def talking(client: Client, talk: Talk) -> str:
    """The session_id of a call that the phone has taken."""
    session_id = client.do("mt_call", impi=BOB.username)["session_id"]
    talk.take()
    talk.pick_up()
    assert isinstance(session_id, str)
    return session_id


def dialog_of(client: Client, session_id: str) -> dict[str, Any]:
    (dialog,) = client.do("dialog_get", session_id=session_id)["dialogs"]
    assert isinstance(dialog, dict)
    return dialog


def test_reinvite(client: Client, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = talking(client, talk)
        client.do("reinvite", session_id=session_id)
        talk.accept(talk.expect("INVITE"), talk.sdp())
        talk.expect("ACK")
        sent = [e.get("message") for e in dialog_of(client, session_id)["event_list"] if e["type"] == "send"]
        assert sent.count("INVITE") == 2
        client.do("dialog_set", session_id=session_id, action="stop")
        talk.expect("BYE")


def test_dialog_set(client: Client, ue: Phone) -> None:
    with Talk(ue) as talk:
        session_id = talking(client, talk)
        assert "`action`" in client.ask("dialog_set", session_id=session_id, action="nonsense")["error"]
        client.do("dialog_set", session_id=session_id, action="hold")
        invite = talk.expect("INVITE")
        assert b"a=sendonly" in invite.body
        talk.accept(invite, talk.sdp("a=recvonly\r\n"))
        talk.expect("ACK")
        held = dialog_of(client, session_id)
        assert (held["state"], held["medias"][0]["dir"]) == ("hold", "sendonly")
        assert "already" in client.ask("dialog_set", session_id=session_id, action="hold")["error"]
        client.do("dialog_set", session_id=session_id, action="unhold")
        talk.accept(talk.expect("INVITE"), talk.sdp())
        talk.expect("ACK")
        assert dialog_of(client, session_id)["state"] == "start"
        assert "waits for no answer" in client.ask("dialog_set", session_id=session_id, action="answer")["error"]
        client.do("dialog_set", session_id=session_id, action="stop")
        talk.expect("BYE")
        assert "is over" in client.ask("dialog_set", session_id=session_id, action="hold")["error"]


def test_the_echo(client: Client, ue: Phone) -> None:
    client.do("register", register="invite")
    with Talk(ue) as talk:
        talk.dial("tel:102")
        assert talk.hear().code == 180
        client.do("dialog_answer", session_id=client.event("invite")["session_id"], code=486)
        assert talk.hear().code == 486
    with Talk(ue) as talk:
        talk.dial("tel:102")
        assert talk.hear().code == 180
        client.do("dialog_set", session_id=client.event("invite")["session_id"], action="answer")
        assert talk.hear().code == 200
        talk.ack()
        talk.hang_up()
    client.do("impu_set", impu="tel:666", code=603)
    with Talk(ue) as talk:
        talk.dial("tel:666")
        assert talk.hear().code == 603
    client.do("impu_set", impu="tel:666", code=0)
    assert "there is no IMPU" in client.ask("impu_set", impu="tel:000", code=0)["error"]


# -- what clients do
def test_a_client_that_goes_before_its_mms_is_sent(client: Client, server: Server) -> None:
    (server.folder / "large.txt").write_text("x" * 200_000, encoding="utf-8")
    request = {"message": "mms", "filename": "large.txt", "from": "+491", "to": "+492"}
    with Client(api_port(server)) as other:
        other.socket.send(json.dumps([request] * 5))
    assert client.do("help")
    client.do("sms_flush", impi=BOB.username)


def test_a_thousand_requests_in_one_array(client: Client) -> None:
    client.socket.send(json.dumps([{"message": "license", "message_id": n} for n in range(1000)]))
    assert [client.take()["message_id"] for _ in range(1000)] == list(range(1000))
    client.socket.send(json.dumps([{"message": "license"}] * 1001))
    assert "Too many requests" in client.take()["error"]


def test_who_registers_twice_hears_once(client: Client, ue: Phone) -> None:
    client.do("register", register=["users_update", "users_update"])
    client.do("register", register="users_update")
    ue.register()
    client.event("users_update")
    client.do("register", unregister="users_update")
    client.do("help", start_time=0.3)
    assert client.events == []


def test_values_that_make_no_sense(client: Client) -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    strange: list[Any] = [None, True, -1, 1e308, 10**30, "", "\x00", "\u2028", "x" * 100_000, [], {}, deep, {"a": deep}]
    names = sorted(SCHEMAS.keys() - {"quit", "log_reset", "authenticate", "log_get", "config_get"})
    for name in names:
        schema = client.do("help", name=name)["schema"]
        parts = [schema, *schema.get("$defs", {}).values()]
        members = {member for part in parts for member in part.get("properties", {})} | {"impu", "impi", "logs"}
        for member in sorted(members - {"flush", "cut", "rotate"}):
            for value in strange:
                client.ask(name, **{member: value})
    for member in ("min", "max", "timeout", "allow_empty", "layers", "start_timestamp", "end_timestamp", "ue_id"):
        for value in strange:
            client.ask("log_get", **({"timeout": 0, "allow_empty": True, "max": 1, "min": 1} | {member: value}))

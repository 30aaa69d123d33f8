"""docs/reference: the files are current, and nothing of the manual is missing. The lists of names are the manual's."""

import ast
import re
from pathlib import Path

import pytest

from lteims.config import descriptions, model, properties, users
from lteims.oam import api_schema, reference
from lteims.oam.reference_api import EVENTS, messages

PACKAGE = Path(reference.__file__).parents[1]
# 5.2
PROPERTIES = """
    log_filename log_options log_sync sip_addr sctp_addr cx_server_addr cx_bind_addr cx_origin_realm cx_origin_host
    cx_watchdog_duration rx_server_addr rx_bind_addr rx_origin_realm rx_origin_host rx_watchdog_duration domain
    tcp_threshold tcp_keepalive session_expires 100rel precondition p_called_party_id sdp_file ipsec ipsec_aalg_list
    ipsec_ealg_list dialog_timeout auth_on_register_only com_addr com_name com_ssl_certificate com_ssl_key
    com_ssl_peer_verify com_auth sms_expires sms_hook_only binding_expires subscribe_expires user_agent
    force_user_agent timer_t1 timer_t2 timer_t4 custom_headers sms_retry_delay echo mt_call_sdp_file sms_message_filter
    sms_forced_cp_cause sms_forced_rp_cause mms_server_bind_addr mms_expires ue_db ue_db_filename
    sip_addr.addr sip_addr.bind_addr sip_addr.port_min sip_addr.port_max
    com_auth.passfile com_auth.password com_auth.unsecure
    custom_headers.name custom_headers.value custom_headers.codes custom_headers.methods custom_headers.replace
    sms_message_filter.cp_data sms_message_filter.cp_ack sms_message_filter.rp_data sms_message_filter.rp_ack
"""
IGNORED = "license_server"
# 5.2.1; sim_algo, K and the operator's keys are those of the MME's manual, which shares the file
USER = """
    imsi nai multi_sim impi impu res_len authent_type pwd mt_call_sdp_file domain auth_on_register_only
    force_sms_over_sg sim_algo K op opc top topc amf sqn
"""
IMPU = """
    impu imei code method content content_type transparent anonymous authentication ring_only precondition 100rel
    preferred prefered asserted associated display_name domain p_called_party_id answer_delay remote_control
"""
# 6.2, 6.5, 6.6: each with its members
MESSAGES = {
    "authenticate": "res",
    "config_get": "",
    "config_set": "logs precondition sms_retry_delay sms_expires binding_expires subscribe_expires"
    " auth_on_register_only dialog_timeout p_called_party_id sms_message_filter sms_forced_cp_cause"
    " sms_forced_rp_cause",
    "log_get": "min max timeout allow_empty rnti ue_id layers short headers start_timestamp end_timestamp",
    "log_set": "log layer level dir ue_id flush rotate cut",
    "log_reset": "",
    "quit": "",
    "help": "",
    "stats": "",
    "register": "register unregister",
    "users_get": "registered_only",
    "users_add": "users",
    "user_set": "impi force_sms_over_sg",
    "impu_set": " ".join(IMPU.split()),
    "sms": "impi impu text sender validity binary binary_hex tp_udl tp_udhi_present pid dcs sos",
    "mms": "filename from to sos",
    "mt_call": "impi impu contact sip_file caller sos duration",
    "dialog_get": "session_id",
    "dialog_stop": "session_id",
    "dialog_answer": "session_id code",
    "reinvite": "session_id",
    "unregister": "uri",
    "license": "",
}
ANSWERS = {
    "config_get": "type name logs layers level max_size key crypto payload count rotate path bcch",
    "log_get": "logs data timestamp layer level dir ue_id src idx headers discontinuity",
    "stats": "cpu instance_id counters messages errors",
    "help": "messages events",
    "users_get": "users impi force_sms_over_sg bindings uri impu q video sms imei expires dialogs remote",
    "mt_call": "session_id",
    "dialog_get": "dialogs session_id state type to from mt_dialog mo_dialog date duration event_list timestamp medias"
    " qos dir rtp_addr rtp_recv_count rtp_send_count rtcp_addr rtcp_rcv_count rtcp_send_count",
    "authenticate": "ready error type name challenge",
}
# 6.7, 5.2.1 (remote_control)
MANUAL_EVENTS = {
    "sms": "sender destination text binary dcs",
    "users_update": "users_update",
    "invite": "session_id",
}
# 7, 9.3 (license), 6.5 (cevent), 4.3 (users)
COMMANDS = {
    "help": "[COMMAND]", "log": "[LOG_OPTIONS]", "mme": "", "sms": "IMPI|IMPU TEXT", "sms_flush": "IMPI",
    "mms": "FILENAME FROM TO", "mt_call": "CALLEE [-d DURATION] [SIP_FILE] [CALLER]", "dialog": "",
    "dialog_stop": "INDEX", "reinvite": "INDEX", "quit": "", "license": "", "cevent": "help msg", "users": "",
}  # fmt: skip


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference.pages()


def test_the_files_are_current(pages: dict[str, str]) -> None:
    old = [
        name for name, text in pages.items()
        if not (reference.FOLDER / name).exists() or (reference.FOLDER / name).read_text(encoding="utf-8") != text
    ]  # fmt: skip
    assert not old, f"run .venv/bin/python -m lteims.oam.reference and commit docs/reference: {', '.join(old)}"
    assert {path.name for path in reference.FOLDER.iterdir()} == set(pages)


def test_every_property_of_the_manual_is_there(pages: dict[str, str]) -> None:
    for names, told, title in (
        (PROPERTIES, descriptions.PROPERTIES, "property"),
        (USER, descriptions.USER, "user"),
        (IMPU, descriptions.IMPU, "impu"),
    ):
        for name in names.split():
            assert name in told
            assert f"\n| `{name}` | " in pages["configuration.md"], name
            assert f"\n| {title} | [`{name}`](configuration.md) | " in pages["index.md"], name
    assert f"`{IGNORED}`" in pages["configuration.md"]


def test_every_property_of_the_schemas_is_told_and_no_other() -> None:
    members = {
        f"{name}.{member}" for name, (table, _) in reference._OBJECTS.items() for member in table
    }  # fmt: skip
    for known, told in (
        (set(properties.IMS) | members, descriptions.PROPERTIES),
        (set(users.USER), descriptions.USER),
        (set(users.IMPU), descriptions.IMPU),
    ):
        assert known - set(told) == set(), "tell in lteims/config/descriptions.py what these are for"
        assert set(told) - known == set()


def test_every_message_of_the_manual_is_there(pages: dict[str, str]) -> None:
    known = {message.name: message for message in messages()}
    assert set(known) == set(api_schema.SCHEMAS)
    for name, members in MESSAGES.items():
        section = pages["api.md"].partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        assert section, name
        assert {param.name for param in known[name].params} >= set(members.split()), name
        for member in members.split():
            assert f"\n| `{member}` | " in section, (name, member)
        for member in ANSWERS.get(name, "").split():
            assert f"`{member}`" in section, (name, member)
        assert f"\n| message | [`{name}`](api.md#{name}) | " in pages["index.md"], name


def test_every_parameter_has_a_purpose() -> None:
    silent = [(m.name, p.name) for m in messages() for p in m.params if not p.text]
    assert not silent, "give these a description in lteims/oam/api_schema.py"


def test_every_event_of_the_manual_is_there(pages: dict[str, str]) -> None:
    known = {event.name: event for event in EVENTS}
    assert set(known) == set(api_schema.EVENTS)
    for name, members in MANUAL_EVENTS.items():
        for member in members.split():
            assert f"`{member}`" in known[name].answer, (name, member)
        assert f"\n| event | [`{name}`](api.md#events) | " in pages["index.md"]


def test_every_command_of_the_manual_is_there(pages: dict[str, str]) -> None:
    known = {command.name: command for command in reference.commands()}
    for name, usage in COMMANDS.items():
        assert name in known
        assert usage in known[name].usage + known[name].help, name
        assert f"\n## {name}\n\n    {name}" in pages["monitor.md"]
        assert f"\n| command | [`{name}`](monitor.md#{name}) | " in pages["index.md"]


def test_every_command_of_the_sources_is_there() -> None:
    made = {
        ast.literal_eval(node.args[0])
        for file in (PACKAGE / "oam").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Command" and isinstance(node.args[0], ast.Constant)
    }
    assert made == {command.name for command in reference.commands()}, "let reference.commands() make these too"


def test_what_is_more_than_the_manual_is_called_so() -> None:
    """By its name, in docs/compatibility.md."""
    page = (reference.FOLDER.parent / "compatibility.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([^`]+)`", page))
    more = {
        *(set(descriptions.PROPERTIES) - set(PROPERTIES.split())),
        *(set(descriptions.USER) - set(USER.split())),
        *(set(descriptions.IMPU) - set(IMPU.split())),
        *({message.name for message in messages()} - set(MESSAGES) - {"authenticate"}),
        *({command.name for command in reference.commands()} - set(COMMANDS)),
    }
    assert more - named == set()
    params = {
        f"{message.name}: {param.name}"
        for message in messages()
        for param in message.params
        if message.name in MESSAGES and param.name not in MESSAGES[message.name].split()
    }
    assert {param for param in params if param.split(": ")[1] not in named} == set()


def test_every_file_is_there_and_knows_what_it_does() -> None:
    spelled = {"100rel": "rel100", "K": ".k"}
    for told in (descriptions.PROPERTIES, descriptions.USER, descriptions.IMPU):
        for name, about in told.items():
            text = (PACKAGE / about.file).read_text(encoding="utf-8")
            field = name.rpartition(".")[2]
            assert about.text.endswith("."), name
            assert spelled.get(field, field) in text, (name, about.file)
    for item in (*messages(), *EVENTS):
        assert (PACKAGE / item.file).is_file(), item.name
    for command in reference.commands():
        assert (PACKAGE / reference.file_of(command)).is_file(), command.name


@pytest.mark.parametrize(
    ("table", "name", "words"),
    [
        (properties.IMS, "log_sync", "true or false"),
        (properties.IMS, "com_addr", "an address, with a port (9003 where there is none)"),
        (properties.IMS, "cx_bind_addr", "an address"),
        (properties.IMS, "precondition", 'one of "on", "off", "silent"'),
        (properties.IMS, "echo", "a string or an object {...}, or an array of them"),
        (properties.IMS, "binding_expires", "an integer from 1 to 864000"),
        (properties.IMS, "sdp_file", "a file name"),
        (users.USER, "op", "32 hex digits in a string"),
    ],
)
def test_the_readers_say_what_they_take(table: dict[str, properties.Property], name: str, words: str) -> None:
    assert reference.kind(table[name].read) == words


@pytest.mark.parametrize(
    ("kind", "field", "text"),
    [
        (model.ImsConfig, "precondition", '"on"'),
        (model.ImsConfig, "user_agent", '"lteims/VERSION"'),
        (model.ImsConfig, "com_addr", ""),
        (model.ImsConfig, "timer_t1", "2"),
        (model.ImsConfig, "ipsec", "true"),
        (model.UserConfig, "amf", '"9001"'),
        (model.ImpuConfig, "impu", "mandatory"),
        (model.SipAddr, "bind_addr", ""),
    ],
)
def test_defaults(kind: type, field: str, text: str) -> None:
    assert reference.default(kind, field) == text

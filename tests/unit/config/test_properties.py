"""Every property of manual 5.2: known, typed, defaulted, bounded."""

from dataclasses import fields

import pytest

from lteims import __version__
from lteims.config import (
    ComAuth,
    ConfigError,
    CustomHeader,
    Diagnostic,
    Endpoint,
    ImpuConfig,
    ImsConfig,
    Precondition,
    SipAddr,
    SmsAction,
    SmsMessageFilter,
    check_properties,
)
from tests.unit.config.reading import config, faults, loaded

GOOD: list[tuple[str, str, object]] = [  # property, its text, the field's value
    ("log_filename", '"ims.log"', "ims.log"),
    ("log_options", '"all.level=debug,file.rotate=100M"', "all.level=debug,file.rotate=100M"),
    ("log_sync", "1", True),
    ("sctp_addr", '"10.0.0.1"', Endpoint("10.0.0.1", 29118)),
    ("cx_server_addr", '"tcp:hss"', (Endpoint("hss", 3868, "tcp"),)),
    ("cx_server_addr", '["tcp:hss", "::1"]', (Endpoint("hss", 3868, "tcp"), Endpoint("::1", 3868))),
    ("cx_bind_addr", '"10.0.0.1:4000"', Endpoint("10.0.0.1", 4000)),
    ("cx_origin_realm", '"lab.example"', "lab.example"),
    ("cx_origin_host", '"ims.lab.example"', "ims.lab.example"),
    ("cx_watchdog_duration", "36000000", 36_000_000),
    ("rx_server_addr", '"[::1]:3869"', (Endpoint("::1", 3869),)),
    ("rx_bind_addr", '"10.0.0.1"', Endpoint("10.0.0.1", 0)),
    ("rx_origin_realm", '"lab.example"', "lab.example"),
    ("rx_origin_host", '"ims.lab.example"', "ims.lab.example"),
    ("rx_watchdog_duration", "1000", 1000),
    ("domain", '"lab.example"', "lab.example"),
    ("tcp_threshold", "0", 0),
    ("tcp_keepalive", "0", 0),
    ("session_expires", "90", 90),
    ('"100rel"', "false", False),
    ("precondition", '"silent"', Precondition.SILENT),
    ("p_called_party_id", "true", True),
    ("sdp_file", '"a/b.sdp"', "a/b.sdp"),
    ("ipsec", "0", False),
    ("ipsec_aalg_list", '["null", "aes-gmac"]', ("null", "aes-gmac")),
    ("ipsec_ealg_list", '["des-ede3-cbc", "aes-gcm"]', ("des-ede3-cbc", "aes-gcm")),
    ("dialog_timeout", "31", 31),
    ("auth_on_register_only", "true", True),
    ("auth_on_refresh", "false", False),
    ("ipsec_required", "true", True),
    ("com_addr", '"[::]"', Endpoint("::", 9003)),
    ("com_name", '"lab"', "lab"),
    ("com_ssl_key", '"/k.pem"', "/k.pem"),
    ("com_auth", '{password: "x", unsecure: true}', ComAuth(password="x", unsecure=True)),
    ("network_name", '"Laboratory"', "Laboratory"),
    ("metrics_addr", '"127.0.0.1:9999"', Endpoint("127.0.0.1", 9999)),
    ("sms_expires", "1", 1),
    ("sms_hook_only", "true", True),
    ("binding_expires", "864000", 864_000),
    ("subscribe_expires", "864000", 864_000),
    ("user_agent", '"x/1"', "x/1"),
    ("force_user_agent", "false", False),
    ("timer_t1", "0.5", 0.5),
    ("timer_t2", "4", 4),
    ("timer_t4", "5.5", 5.5),
    ("custom_headers", '[{name: "X", value: "1", codes: 0, methods: "*"}]', (CustomHeader("X", "1", (0,), ("*",)),)),
    ("sms_retry_delay", "5", 5),
    ("echo", '"tel:666"', (ImpuConfig("tel:666"),)),
    ("mt_call_sdp_file", '"../m.sdp"', "../m.sdp"),
    ("sms_message_filter", '{rp_ack: "reject"}', SmsMessageFilter(rp_ack=SmsAction.REJECT)),
    ("sms_forced_cp_cause", "255", 255),
    ("sms_forced_rp_cause", "255", 255),
    ("mms_server_bind_addr", '"192.168.3.1:1111"', Endpoint("192.168.3.1", 1111)),
    ("mms_expires", "7", 7),
    ("ue_db_filename", '"/var/x.db"', "/var/x.db"),
]


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_good_values(name: str, text: str, value: object) -> None:
    """Each property fills the field of its name."""
    field = {'"100rel"': "rel100"}.get(name, name)
    assert getattr(config(f"{name}: {text},"), field) == value


def test_every_field_is_tried() -> None:
    """A property that is added needs a line above."""
    tried = {name for name, _, _ in GOOD} | {
        "rel100",
        "sip_addr",
        "ue_db",
        "com_ssl_certificate",
        "com_ssl_peer_verify",
    }
    assert {field.name for field in fields(ImsConfig)} <= tried


@pytest.mark.parametrize(
    "text",
    [
        'log_options: "sip.level=loud"',
        "log_sync: 2",
        'log_sync: "true"',
        'sctp_addr: "mme"',
        'cx_server_addr: "udp:1.2.3.4"',
        'cx_server_addr: ["1.2.3.4", "udp:1.2.3.4"]',
        'cx_server_addr: ["1.2.3.4", "1.2.3.4:3868"]',
        'cx_server_addr: "1.2.3.4:0"',
        'rx_server_addr: "tcp:0.0.0.0"',
        'rx_server_addr: "::"',
        "cx_watchdog_duration: 36000001",
        "rx_watchdog_duration: -1",
        'domain: "a b"',
        "tcp_threshold: 1.5",
        "tcp_keepalive: true",
        "session_expires: -1",
        'precondition: "maybe"',
        "precondition: 2",
        'ipsec_aalg_list: "null"',
        'ipsec_ealg_list: ["rot13"]',
        "binding_expires: 864001",
        "binding_expires: 0",
        "subscribe_expires: 864001",
        "timer_t1: 0",
        'user_agent: "a\\r\\nX: y"',
        f'network_name: "{61 * "a"}"',
        "sms_forced_cp_cause: 256",
        "sms_forced_rp_cause: -1",
        "com_auth: {}",
        'sip_addr: "0.0.0.0"',
        'sip_addr: {addr: "[::]:5060"}',
        'sip_addr: "224.0.1.75"',
        'sip_addr: ["192.0.2.1", "192.0.2.1:5060"]',
        'com_ssl_certificate: "x.pem"',
        "com_ssl_peer_verify: true",
        'custom_headers: [{value: "x", methods: "*"}]',
        'custom_headers: [{name: "a:b", value: "x", methods: "*"}]',
        'custom_headers: [{name: "a", value: "x", codes: 99}]',
        'custom_headers: {name: "a"}',
        'sms_message_filter: {cp_data: "drop"}',
        'sms_message_filter: "treat"',
        'echo: [{impu: "tel:1", code: 99}]',
        "echo: [{code: 404}]",
        'echo: {impu: "tel:1", code: 404, content: "x"}',
        'echo: ["a b"]',
        'echo: ["http:x"]',
        "ue_db: {}",
        "domain: [1]",
        "domain: 1+2*I",
    ],
)
def test_bad_values(text: str) -> None:
    """One wrong property, one error, which starts with the property's name."""
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith(text.split(":")[0])


def test_defaults() -> None:
    """What the manual and the product decide for a file that says nothing."""
    result = loaded("")
    assert result.config == ImsConfig()
    assert [warning.message for warning in result.warnings] == ["sip_addr is not set: no phone can register"]
    assert result.config.user_agent == f"lteims/{__version__}"
    assert result.config.domain == "ims.mnc001.mcc001.3gppnetwork.org"
    assert (result.config.timer_t1, result.config.timer_t2, result.config.timer_t4) == (2, 16, 17)
    assert (result.config.sms_retry_delay, result.config.binding_expires) == (60, 3600)


def test_sip_addr_in_all_its_forms() -> None:
    """An array of mixed forms, or a single one."""
    plain = SipAddr(Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.1", 5060))
    assert config('sip_addr: "10.0.0.1"').sip_addr == (plain,)
    assert config('sip_addr: {addr: "10.0.0.1"}').sip_addr == (plain,)
    text = (
        'sip_addr: ["2001:468:3000:1::", {addr: "10.0.0.1:5070", bind_addr: "0.0.0.0", port_min: 1000, port_max: 2000}]'
    )
    v6 = Endpoint("2001:468:3000:1::", 5060)
    v4 = SipAddr(Endpoint("10.0.0.1", 5070), Endpoint("0.0.0.0", 5070), 1000, 2000)
    assert config(text).sip_addr == (SipAddr(v6, v6), v4)


@pytest.mark.parametrize(
    "text",
    [
        'sip_addr: "host.example"',
        'sip_addr: {bind_addr: "10.0.0.1"}',
        'sip_addr: {addr: "10.0.0.1", bind_addr: "eth0"}',
        'sip_addr: {addr: "10.0.0.1", bind_addr: "::"}',
        'sip_addr: {addr: "10.0.0.1", port_min: 20000}',
        'sip_addr: {addr: "10.0.0.1", port_max: 65536}',
        "sip_addr: [5060]",
    ],
)
def test_bad_sip_addr(text: str) -> None:
    """One error each."""
    assert len(faults(text)) == 1


def test_addresses_that_stand_for_others() -> None:
    """cx_bind_addr from sctp_addr, rx from cx (manual 5.2)."""
    found = config('sctp_addr: "10.0.0.1", cx_server_addr: "10.0.0.2",')
    assert found.cx_bind_addr == found.rx_bind_addr == Endpoint("10.0.0.1", 0)
    assert found.rx_server_addr == (Endpoint("10.0.0.2", 3868),)
    found = config('cx_bind_addr: "10.0.0.3", rx_bind_addr: "10.0.0.4", rx_server_addr: "10.0.0.5",')
    assert (str(found.cx_bind_addr), str(found.rx_bind_addr)) == ("10.0.0.3:0", "10.0.0.4:0")
    assert found.cx_server_addr == ()


def test_files_are_relative_to_the_file_that_names_them() -> None:
    """But for the log, which stands with the main file."""
    files = {
        "etc/ims.cfg": 'sip_addr: "127.0.0.1", sdp_file: "a.sdp", include "sub/b.cfg",',
        "etc/sub/b.cfg": 'log_filename: "x.log", ue_db_filename: "ue.db", echo: {impu: "tel:1", content: "../c"},',
    }
    found = loaded(files, name="etc/ims.cfg").config
    assert (found.sdp_file, found.log_filename) == ("etc/a.sdp", "etc/x.log")
    assert (found.ue_db_filename, found.echo[0].content) == ("etc/sub/ue.db", "etc/c")


def test_secrets_are_not_shown() -> None:
    """A configuration in a log or traceback gives no key away."""
    user = '{imsi: "00101", pwd: "topsecret", K: "00112233445566778899aabbccddeeff"}'
    text = f'com_auth: {{password: "topsecret"}}, ue_db: [{user}]'
    assert "topsecret" not in repr(config(text))
    assert "\\x11\\x22" not in repr(config(text))


def test_properties_of_the_remote_api() -> None:
    """config_set brings plain JSON and may change only some."""
    allowed = ("precondition", "sms_expires", "sms_message_filter")
    assert check_properties({"precondition": False, "sms_expires": 5}, allowed) == {
        "precondition": Precondition.OFF,
        "sms_expires": 5,
    }
    warnings: list[Diagnostic] = []
    assert check_properties({"domain": "x"}, allowed, warnings=warnings) == {}
    assert [str(warning) for warning in warnings] == ["Warning: unused property 'domain'"]
    with pytest.raises(ConfigError, match=r"^sms_message_filter\.cp_ack: expected one of"):
        check_properties({"sms_message_filter": {"cp_ack": None}}, allowed)
    with pytest.raises(ConfigError, match="expected an object"):
        check_properties([], allowed)


def test_a_second_content_length_is_warned_of() -> None:
    result = loaded('sip_addr: "127.0.0.1", custom_headers: [{name: "L", value: "5", methods: "*"}]')
    assert [warning.message for warning in result.warnings] == [
        "custom_headers[0]: each message has a Content-Length already, a second one breaks TCP"
    ]

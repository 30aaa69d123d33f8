"""The properties of the server itself (floor 0): manual 5.2; called by load, and by config_set of the remote API."""

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Final, cast

from lteims.config.endpoint import Endpoint
from lteims.config.log_options import parse_log_options
from lteims.config.model import (
    IPSEC_AALGS,
    IPSEC_EALGS,
    ComAuth,
    CustomHeader,
    ImsConfig,
    SipAddr,
    SmsAction,
    SmsMessageFilter,
)
from lteims.config.schema import (
    STRING_OR_OBJECT,
    Property,
    Refusal,
    Spot,
    array,
    choice,
    domain,
    endpoint,
    flag,
    integer,
    number,
    one_of,
    opened,
    path,
    read_members,
    table_of,
    text,
    word,
)
from lteims.config.users import impus, precondition, users

SIP_PORT, SGSAP_PORT, DIAMETER_PORT, COM_PORT, METRICS_PORT, MMS_PORT = 5060, 29118, 3868, 9003, 9464, 1111
YEAR = 31_536_000
_LONGEST_NETWORK_NAME = 60  # in UTF-16, since it goes twice into an element of 255 octets
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")  # RFC 3261 25.1


def _log_filename(value: object, spot: Spot) -> str:
    """Relative to the main file's folder, whichever file sets it."""
    return path(value, Spot(spot.report, None, spot.key))


def _log_options(value: object, spot: Spot) -> str:
    options = text(value, spot)
    try:
        parse_log_options(options)
    except ValueError as fault:
        raise Refusal(str(fault)) from None
    return options


_port = integer(1, 65535)


def _endpoint(value: object) -> Endpoint:
    if not isinstance(value, Endpoint):
        raise Refusal("expected an address")
    return value


def _told(value: object, spot: Spot) -> Endpoint:
    """An address that can stand in a Contact and in SDP: 0.0.0.0 there means hold (RFC 3264 8.4), not everywhere."""
    addr = _endpoint(endpoint(SIP_PORT)(value, spot))
    ip = ip_address(addr.host)
    if ip.is_unspecified or ip.is_multicast or addr.host == "255.255.255.255":
        raise Refusal(f"phones are told this address, and cannot use {ip}: give theirs in addr, and {ip} in bind_addr")
    return addr


SIP_ADDR = table_of({"addr": _told, "bind_addr": text, "port_min": _port, "port_max": _port, "ipsec_port": _port})


def _sip_addr(value: object, spot: Spot) -> SipAddr:
    """A SIP socket: an object, or a string that is its addr."""
    if isinstance(value, str):
        addr = _told(value, spot)
        return SipAddr(addr, addr)
    members, here = opened(value, spot, STRING_OR_OBJECT)
    fields = read_members(SIP_ADDR, members, here)
    if "addr" not in fields:
        if "addr" not in members:
            spot.error("'addr' is missing: on which address do phones reach the server?")
        fields["addr"] = Endpoint("127.0.0.1", SIP_PORT)
    here.key = "bind_addr"
    try:
        bind = fields.get("bind_addr") or str(fields["addr"])
        fields["bind_addr"] = endpoint(fields["addr"].port)(bind, here)
    except Refusal as refusal:
        here.error(str(refusal))
        fields["bind_addr"] = fields["addr"]
    sip_addr = SipAddr(**fields)
    if sip_addr.port_min >= sip_addr.port_max:
        name = "port_max" if "port_max" in members else "port_min"
        here.at(name).error(f"port_min ({sip_addr.port_min}) must be below port_max ({sip_addr.port_max})")
    if sip_addr.addr.is_ipv6 != sip_addr.bind_addr.is_ipv6:
        here.error("addr and bind_addr are of different IP versions")
    return sip_addr


COM_AUTH = table_of({"passfile": path, "password": text, "unsecure": flag})


def _com_auth(value: object, spot: Spot) -> ComAuth:
    members, here = opened(value, spot)
    auth = ComAuth(**read_members(COM_AUTH, members, here))
    if not auth.passfile and not auth.password:
        spot.error("'passfile' or 'password' must be set")
    elif auth.passfile and auth.password:
        here.at("password").warn("'passfile' is set too, and counts")
        auth = replace(auth, password="")
    return auth


_ANYWHERE: Final = ("0.0.0.0", "::")
_endpoints = array(endpoint(DIAMETER_PORT, names=True, diameter=True), single=True)


def _servers(value: object, spot: Spot) -> tuple[Endpoint, ...]:
    """Diameter servers, the primary one first."""
    found = cast("tuple[Endpoint, ...]", _endpoints(value, spot))
    for each in found:
        if found.count(each) > 1:
            raise Refusal(f"{each} is there twice")
        if not each.port or each.host in _ANYWHERE:
            raise Refusal(f"{each} is nothing to connect to")
    return found


def _header_name(value: object, spot: Spot) -> str:
    name = word(value, spot)
    if not _TOKEN.fullmatch(name):
        raise Refusal(f"'{name}' cannot be the name of a SIP header")
    return name


def _method(value: object, spot: Spot) -> str:
    method = word(value, spot)
    if not _TOKEN.fullmatch(method):
        raise Refusal(f"'{method}' is neither a SIP method nor \"*\"")
    return method


def _response_code(value: object, spot: Spot) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or 100 <= value <= 699):
        raise Refusal("expected a SIP code from 100 to 699, or 0 for all")
    return value


CUSTOM_HEADER = table_of(
    {
        "name": _header_name,
        "value": text,
        "codes": array(_response_code, single=True),
        "methods": array(_method, single=True),
        "replace": flag,
    }
)


def _custom_header(value: object, spot: Spot) -> CustomHeader:
    members, here = opened(value, spot)
    fields = read_members(CUSTOM_HEADER, members, here)
    for name in ("name", "value"):
        if name not in members:
            spot.error(f"'{name}' is missing")
    if "codes" not in members and "methods" not in members:
        spot.warn(f"{spot.path()}: without 'methods' or 'codes' the header belongs to no message")
    if str(fields.get("name", "")).lower() in ("content-length", "l"):
        spot.warn(f"{spot.path()}: each message has a Content-Length already, a second one breaks TCP")
    return CustomHeader(**({"name": "", "value": ""} | fields))


def _network_name(value: object, spot: Spot) -> str:
    name = text(value, spot)
    if len(name.encode("utf-16-be")) > 2 * _LONGEST_NETWORK_NAME:
        raise Refusal(f"expected at most {_LONGEST_NETWORK_NAME} characters")
    return name


_action = choice(SmsAction)
SMS_MESSAGE_FILTER = table_of(dict.fromkeys(("cp_data", "cp_ack", "rp_data", "rp_ack"), _action))


def _sms_message_filter(value: object, spot: Spot) -> SmsMessageFilter:
    members, here = opened(value, spot)
    return SmsMessageFilter(**read_members(SMS_MESSAGE_FILTER, members, here))


IMS: dict[str, Property] = table_of(
    {
        "log_filename": _log_filename,
        "log_options": _log_options,
        "log_sync": flag,
        "sip_addr": array(_sip_addr, single=True),
        "sctp_addr": endpoint(SGSAP_PORT),
        "cx_server_addr": _servers,
        "cx_bind_addr": endpoint(0, diameter=True),
        "cx_origin_realm": domain,
        "cx_origin_host": domain,
        "cx_watchdog_duration": integer(0, 36_000_000),
        "rx_server_addr": _servers,
        "rx_bind_addr": endpoint(0, diameter=True),
        "rx_origin_realm": domain,
        "rx_origin_host": domain,
        "rx_watchdog_duration": integer(0, 36_000_000),
        "domain": domain,
        "tcp_threshold": integer(0),
        "tcp_keepalive": integer(0, YEAR),
        "session_expires": integer(0, YEAR),
        "100rel": flag,
        "precondition": precondition,
        "p_called_party_id": flag,
        "sdp_file": path,
        "ipsec": flag,
        "ipsec_required": flag,
        "ipsec_aalg_list": array(one_of(*IPSEC_AALGS)),
        "ipsec_ealg_list": array(one_of(*IPSEC_EALGS)),
        "dialog_timeout": integer(0, YEAR),
        "auth_on_register_only": flag,
        "auth_on_refresh": flag,
        "com_addr": endpoint(COM_PORT, names=True),
        "com_name": text,
        "com_ssl_certificate": path,
        "com_ssl_key": path,
        "com_ssl_peer_verify": flag,
        "com_auth": _com_auth,
        "metrics_addr": endpoint(METRICS_PORT, names=True),
        "network_name": _network_name,
        "sms_expires": integer(0),
        "sms_hook_only": flag,
        "binding_expires": integer(1, 864_000),
        "subscribe_expires": integer(0, 864_000),
        "user_agent": text,
        "force_user_agent": flag,
        "timer_t1": number(0.01, 600),
        "timer_t2": number(0.01, 600),
        "timer_t4": number(0.01, 600),
        "custom_headers": array(_custom_header),
        "sms_retry_delay": integer(1, YEAR),
        "echo": impus,
        "mt_call_sdp_file": path,
        "sms_message_filter": _sms_message_filter,
        "sms_forced_cp_cause": integer(0, 255),
        "sms_forced_rp_cause": integer(0, 255),
        "mms_server_bind_addr": endpoint(MMS_PORT),
        "mms_expires": integer(0),
        "ue_db": users,
        "ue_db_filename": path,
    }
)
IGNORED = frozenset({"license_server"})


def ims_config(tree: Mapping[str, object], root: Spot) -> ImsConfig:
    """The whole configuration; what is wrong or odd is taken down in the root's report."""
    config = ImsConfig(**read_members(IMS, tree, root, IGNORED))
    if "license_server" in tree:
        root.report.info(root.at("license_server").place(), "license_server is ignored: this server needs no licence")
    if not config.sip_addr and not tree.get("sip_addr"):
        root.report.warn(root.at("sip_addr").place(), "sip_addr is not set: no phone can register")
    _check_sockets(config, root)
    if config.com_ssl_certificate and not config.com_ssl_key:
        root.at("com_ssl_certificate").error("'com_ssl_key' is missing: it is mandatory with a certificate")
    if config.com_ssl_peer_verify and not config.com_ssl_certificate:
        root.at("com_ssl_peer_verify").error("'com_ssl_certificate' is missing: without TLS there is no peer to verify")
    if config.timer_t1 > config.timer_t2:
        name = "timer_t1" if "timer_t1" in tree else "timer_t2"
        root.at(name).warn(f"timer_t1 ({config.timer_t1:g}) is above timer_t2 ({config.timer_t2:g})")
    return _with_fallbacks(config)


def _check_sockets(config: ImsConfig, root: Spot) -> None:
    """Two entries of sip_addr cannot have one socket."""
    bound = [address.bind_addr for address in config.sip_addr]
    for endpoint_ in {b for b in bound if bound.count(b) > 1 and b.port}:
        root.at("sip_addr").error(f"{endpoint_} is there twice: two entries cannot listen on one address and port")


def _with_fallbacks(config: ImsConfig) -> ImsConfig:
    """Fill in the addresses that stand for others (manual 5.2: cx_bind_addr, rx_server_addr, rx_bind_addr)."""
    cx_bind = config.cx_bind_addr
    if cx_bind is None and config.sctp_addr is not None:
        cx_bind = Endpoint(config.sctp_addr.host, 0)  # the port is the MME's
    return replace(
        config,
        cx_bind_addr=cx_bind,
        rx_server_addr=config.rx_server_addr or config.cx_server_addr,
        rx_bind_addr=config.rx_bind_addr or cx_bind,
    )

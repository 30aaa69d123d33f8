"""The typed configuration (floor 0): every property of manual 5.2 and 5.2.1 under its own name; everyone reads it.

Only names that Python cannot take differ: `100rel` is rel100 and `K` is k. Optional values whose absence means
something else than a default ("overrides ...") are None. Times are seconds, watchdogs milliseconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from lteims import __version__
from lteims.config.endpoint import Endpoint


class Precondition(StrEnum):
    """Quality of service of calls (RFC 3312): by the standard, not at all, or bearers whatever SIP says."""

    ON = "on"
    OFF = "off"
    SILENT = "silent"


class AuthentType(StrEnum):
    """Authentication levels, from the lowest to the highest."""

    NONE = "none"
    MD5 = "MD5"
    AKAV1 = "AKAv1"
    AKAV2 = "AKAv2"

    @property
    def level(self) -> int:
        """0 for none to 3 for AKAv2."""
        return _LEVELS[self]

    def at_least(self, minimum: "AuthentType") -> bool:
        """Is this level as high as the minimum that a user's authent_type asks for?"""
        return self.level >= minimum.level


_LEVELS = {found: level for level, found in enumerate(AuthentType)}


class SimAlgo(StrEnum):
    """Authentication algorithms of the (U)SIM: TS 34.108 8.1.2, TS 35.206, TS 35.231."""

    XOR = "xor"
    MILENAGE = "milenage"
    TUAK = "tuak"


class SmsAction(StrEnum):
    """What to do with an SMS message of one type."""

    TREAT = "treat"
    IGNORE = "ignore"
    REJECT = "reject"


class ImpuMethod(StrEnum):
    """The messages that an IMPU's `code` can answer."""

    INVITE = "INVITE"
    INVITE_OK = "INVITE.OK"  # its final answer
    INVITE_TRYING = "INVITE.TRYING"  # behind the 100
    REGISTER = "REGISTER"
    UPDATE = "UPDATE"
    PRACK = "PRACK"
    CANCEL = "CANCEL"
    MESSAGE = "MESSAGE"  # the only one that is matched against From


IPSEC_AALGS = ("hmac-md5-96", "hmac-sha-1-96", "hmac-sha-256-128", "aes-gmac", "null")
IPSEC_EALGS = ("null", "aes-cbc", "des-ede3-cbc", "des-cbc", "aes-gcm")


@dataclass(frozen=True, slots=True)
class SipAddr:
    """A SIP server socket and the ports of its media."""

    addr: Endpoint  # what phones are told
    bind_addr: Endpoint  # what the socket is bound to; addr unless it was set
    port_min: int = 10000
    port_max: int = 20000
    ipsec_port: int = 5100  # the protected server port; the client ports are behind it


@dataclass(frozen=True, slots=True)
class ComAuth:
    """Authentication of the remote API: exactly one of passfile and password is set."""

    passfile: str = ""
    password: str = field(default="", repr=False)
    unsecure: bool = False


@dataclass(frozen=True, slots=True)
class CustomHeader:
    """A header to add to requests (by `methods`) or to responses (by `codes`, and the methods they answer)."""

    name: str
    value: str
    codes: tuple[int, ...] = ()  # 0 stands for all
    methods: tuple[str, ...] = ()  # "*" stands for all
    replace: bool = False


@dataclass(frozen=True, slots=True)
class SmsMessageFilter:
    """What to do with each type of SMS message (TS 24.011)."""

    cp_data: SmsAction = SmsAction.TREAT
    cp_ack: SmsAction = SmsAction.TREAT
    rp_data: SmsAction = SmsAction.TREAT
    rp_ack: SmsAction = SmsAction.TREAT


@dataclass(frozen=True, slots=True)
class ImpuConfig:
    """A public identity of a user, or one that the echo service answers."""

    impu: str  # as written: a sip, sips, tel or urn URI, or the user part of a sip URI
    imei: str = ""
    code: int = 0  # 0: not forced; -1: do not answer
    method: ImpuMethod = ImpuMethod.INVITE
    content: str = ""  # a file
    content_type: str = ""
    transparent: bool = False
    anonymous: bool = False
    authentication: bool = True
    ring_only: bool = False
    precondition: Precondition | None = None  # None: the global one
    rel100: bool = True
    preferred: bool = False
    asserted: bool = False
    associated: bool = True
    display_name: str = ""
    domain: str | None = None  # None: the user's, else the global one
    p_called_party_id: str | None = None  # None: as the global parameter says
    answer_delay: float = 0
    remote_control: bool = False
    content_data: bytes = field(default=b"", repr=False)  # what `content` held when `code` was set


@dataclass(frozen=True, slots=True)
class UserConfig:
    """An entry of ue_db. What is derived from the IMSI when it is missing is empty here."""

    imsi: str = ""
    nai: str = ""
    multi_sim: bool = False
    impi: str = ""
    impu: tuple[ImpuConfig, ...] = ()
    sim_algo: SimAlgo = SimAlgo.XOR
    k: bytes | None = field(default=None, repr=False)
    op: bytes | None = field(default=None, repr=False)
    opc: bytes | None = field(default=None, repr=False)  # counts before op
    top: bytes | None = field(default=None, repr=False)
    topc: bytes | None = field(default=None, repr=False)  # counts before top
    amf: bytes = b"\x90\x01"
    sqn: bytes = bytes(6)
    res_len: int = 8
    authent_type: AuthentType = AuthentType.AKAV1  # MD5 if only pwd was set
    pwd: str = field(default="", repr=False)
    mt_call_sdp_file: str | None = None  # None: the global one
    domain: str | None = None  # None: the global one
    auth_on_register_only: bool | None = None  # None: the global one
    force_sms_over_sg: bool = False


@dataclass(frozen=True, slots=True)
class ImsConfig:
    """The whole configuration. Addresses that fall back on another property are filled in already."""

    log_filename: str = ""
    log_options: str = ""
    log_sync: bool = False
    sip_addr: tuple[SipAddr, ...] = ()
    sctp_addr: Endpoint | None = None
    cx_server_addr: tuple[Endpoint, ...] = ()  # the primary HSS, then the others
    cx_bind_addr: Endpoint | None = None  # sctp_addr's host if it was not set
    cx_origin_realm: str = "amarisoft.com"
    cx_origin_host: str = "ims.amarisoft.com"
    cx_watchdog_duration: int = 0  # ms; 0: none
    rx_server_addr: tuple[Endpoint, ...] = ()  # cx_server_addr if it was not set
    rx_bind_addr: Endpoint | None = None  # cx_bind_addr if it was not set
    rx_origin_realm: str = "amarisoft.com"
    rx_origin_host: str = "ims.amarisoft.com"
    rx_watchdog_duration: int = 0  # ms; 0: none
    domain: str = "ims.mnc001.mcc001.3gppnetwork.org"
    tcp_threshold: int = 1300  # octets
    tcp_keepalive: int = 1800  # 0: none
    session_expires: int = 3600
    rel100: bool = True
    precondition: Precondition = Precondition.ON
    p_called_party_id: bool = False
    sdp_file: str = ""
    ipsec: bool = True
    ipsec_required: bool = False  # of phones with a SIM card
    ipsec_aalg_list: tuple[str, ...] | None = None  # None: all of TS 33.203 that the kernel offers
    ipsec_ealg_list: tuple[str, ...] | None = None
    dialog_timeout: int = 30
    auth_on_register_only: bool = False
    auth_on_refresh: bool = True  # challenge each REGISTER, not only those that come without IPsec
    com_addr: Endpoint | None = None  # None: no remote API
    com_name: str = "IMS"
    com_ssl_certificate: str = ""
    com_ssl_key: str = ""
    com_ssl_peer_verify: bool = False
    com_auth: ComAuth | None = None
    metrics_addr: Endpoint | None = None  # None: no Prometheus page
    network_name: str = ""  # "": phones behind an MME are told none
    sms_expires: int = 86400
    sms_hook_only: bool = False
    binding_expires: int = 3600
    subscribe_expires: int = 0  # 0: what the phone asks for
    user_agent: str = f"lteims/{__version__}"
    force_user_agent: bool = True
    timer_t1: float = 2
    timer_t2: float = 16
    timer_t4: float = 17
    custom_headers: tuple[CustomHeader, ...] = ()
    sms_retry_delay: int = 60
    echo: tuple[ImpuConfig, ...] = ()
    mt_call_sdp_file: str = ""
    sms_message_filter: SmsMessageFilter = SmsMessageFilter()
    sms_forced_cp_cause: int = 0  # 0: not forced
    sms_forced_rp_cause: int = 0  # 0: not forced
    mms_server_bind_addr: Endpoint | None = None  # None: no MMSC
    mms_expires: int = 86400
    ue_db: tuple[UserConfig, ...] = ()
    ue_db_filename: str = ""

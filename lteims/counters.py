"""Counters (floor 0): each declared once, here, with its kind and help text; whoever counts calls `inc`.

`stats` of the remote API, the monitor and Prometheus list DECLARED and read `counts` (manual 6.5). Counting is one dict
operation. Reset-on-read belongs to the readers in oam/, so numbers here only grow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Whether a counter counts what is meant to happen or what went wrong: the two members of `stats`."""

    MESSAGE = "message"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter's declaration."""

    name: str
    kind: Kind
    help: str


_MESSAGES: Final = {
    "api_client": "Clients that connected to the remote API",
    "api_frame": "Frames from clients of the remote API",
    "cx_profile": "Profiles of users changed by the HSS (PPR)",
    "cx_registration": "Registrations that the HSS has taken note of (SAR)",
    "cx_termination": "Registrations ended by the HSS (RTR)",
    "diam_duplicate": "Diameter requests that came more than once",
    "diam_unknown": "Diameter messages of other commands, sent and received",
    "ims_call": "Calls begun",
    "ims_call_ended": "Calls ended, answered or not",
    "ims_forced_answer": "Requests answered, or left without answer, as `code` of an IMPU says",
    "ims_registration": "REGISTER requests answered with 200",
    "ims_subscription": "Subscriptions to registrations taken",
    "ipsec_established": "SA sets by which a phone has proven itself",
    "ipsec_not_agreed": "REGISTER requests with sec-agree that went on in clear, or were answered 494",
    "ipsec_set": "SA sets installed",
    "mms_delivery_report": "Delivery reports of multimedia messages taken by their senders",
    "mms_expired": "Copies of multimedia messages that nobody fetched in time",
    "mms_fetched": "Copies of multimedia messages fetched",
    "mms_forwarded": "Multimedia messages forwarded by phones",
    "mms_notified": "Notifications of multimedia messages sent",
    "mms_read_report": "Read reports of multimedia messages taken by their senders",
    "mms_rejected": "Copies of multimedia messages that their receivers did not want",
    "mms_retrieved": "Copies of multimedia messages that their receivers have confirmed",
    "mms_send": "Multimedia messages taken",
    "rtcp_recv": "Valid RTCP packets received",
    "rtcp_send": "RTCP packets sent",
    "rtp_held": "RTP packets kept back by hold (a=sendonly, recvonly, inactive)",
    "rtp_recv": "Valid RTP packets received",
    "rtp_send": "RTP packets sent",
    "sgs_associated": "Location updates of phones accepted by SGs",
    "sgs_detached": "Phones that left SGs by a detach",
    "sgs_paging": "Phones paged by SGs",
    "sgsap_recv": "SGsAP messages received",
    "sgsap_send": "SGsAP messages sent",
    "sgs_reset": "SGsAP-RESET-INDICATIONs of MMEs",
    "rx_authorized": "AARs that the PCRF granted",
    "rx_bearer": "Times that the PCRF told of bearers that stand",
    "sip_keepalive": "Keep-alives of phones over UDP",
    "sip_stray_ack": "ACKs that belong to no dialog",
    "sip_stray_response": "Responses that belong to no transaction",
    "sip_unknown": "SIP requests of other methods, sent and received",
    "sms_delivered": "Short messages that their receivers have acknowledged",
    "sms_mo": "RP-DATA of phones",
    "sms_mt": "Short messages sent to contacts, repetitions included",
    "sms_stray_report": "RP-ACK and RP-ERROR of phones that fit nothing sent to them",
    "sms_text": "Texts of softphones taken as short messages",
    "store_commit": "Transactions synced to the state file",
}
_ERRORS: Final = {
    "api_cut": "Clients of the remote API cut because they did not read or authenticate",
    "api_error": "Requests of the remote API answered with an error",
    "api_event_dropped": "Events that clients of the remote API did not get because they did not read",
    "api_login_failed": "Failed authentications at the remote API",
    "api_refused": "Clients refused because the remote API had too many",
    "cx_refused": "Questions that the HSS answered with a refusal",
    "cx_unanswered": "Questions to the HSS without an answer that could be used",
    "diam_connect_failed": "Attempts to connect to a Diameter peer that failed",
    "diam_error": "Diameter answers with another result than success, sent and received",
    "diam_failover": "Diameter requests that went to another peer because theirs was gone or silent",
    "diam_lost": "Diameter connections lost",
    "diam_malformed": "Diameter messages that were wrong, or could not be served",
    "diam_stray": "Diameter answers that belong to no request",
    "diam_timeout": "Diameter requests that had no answer in time",
    "esp_clear": "Datagrams in clear text to protected ports, dropped",
    "esp_forged": "ESP packets whose integrity check value is wrong",
    "esp_malformed": "ESP packets that could not be read, with what is inside them",
    "esp_no_port": "ESP packets for ports that nobody listens on",
    "esp_no_sa": "Datagrams not sent because there was no SA to send them by",
    "esp_not_udp": "ESP packets that carry something else than UDP, which needs ESP in the kernel",
    "esp_replayed": "ESP packets that came before, or too late",
    "esp_unknown_spi": "ESP packets that belong to no SA",
    "esp_unsendable": "Datagrams not sent because they were too long, or the numbers of their SA used up",
    "esp_wrong_ports": "ESP packets whose addresses or ports are not those of their SA",
    "ims_internal_error": "Faults of the server itself; the log has their places",
    "ims_notify_failed": "Subscriptions dropped because their NOTIFY was refused or not answered",
    "ims_registration_failed": "REGISTER requests refused, challenges not counted",
    "ipsec_exhausted": "SA sets not made because ports, SPIs or room were used up",
    "ipsec_install_failed": "SA sets not made because they could not be installed",
    "ipsec_verify_failed": "Requests by SAs whose Security-Verify or Security-Client differs from what was agreed",
    "log_lost": "Log entries that could not be written to the log file",
    "mms_http_error": "HTTP requests that MM1 could not serve",
    "mms_malformed": "PDUs of multimedia messages that could not be read",
    "mms_not_found": "Multimedia messages asked for that are not there",
    "mms_refused": "Multimedia messages of phones refused",
    "rtp_dropped": "RTP and RTCP packets from somebody else than the peer, or that could not be sent",
    "rtp_invalid": "Datagrams on media ports that were neither RTP nor RTCP",
    "sgs_alert_failed": "MMEs that would not tell when a phone of SGs is seen again",
    "sgs_lost": "Connections by SGs that could not be made, or were lost",
    "sgs_rejected": "Location updates of phones rejected by SGs",
    "sgsap_malformed": "SGsAP messages that could not be read",
    "sgsap_refused": "Connections of MMEs that were refused, since too many are there",
    "sgs_unexpected": "SGsAP messages that do not fit what their phone or MME is doing",
    "rx_bearer_lost": "Times that the PCRF took bearers away, or could not give them",
    "rx_refused": "AARs that the PCRF refused",
    "rx_unanswered": "AARs without an answer; the calls went on without dedicated bearers",
    "sip_malformed": "SIP messages that could not be read, and streams lost by them",
    "sip_send_failed": "SIP datagrams that the kernel did not take",
    "sip_unprotected": "SIP messages at protected ports from where there is no SA, dropped",
    "sip_tcp_connect_failed": "TCP connections to phones that could not be made",
    "sip_tcp_cut": "TCP connections ended for a fault of the phone",
    "sms_dropped": "Short messages given up: expired, deleted, refused for good",
    "sms_malformed": "RPDUs that could not be read",
    "sms_refused": "RP-DATA of phones answered with RP-ERROR for what is in it",
    "store_error": "Transactions that the state file's disk refused; their changes are tried again",
}

# Families: what precedes the names, their kind, the help with the name's words in it, and every name.
_FAMILIES: Final = (
    # RFC 6733, TS 29.229, TS 29.214: commands by their abbreviations
    ("diam_", Kind.MESSAGE, "Diameter requests and answers {}, sent and received",
     "aaa aar asa asr cea cer dpa dpr dwa dwr lia lir maa mar ppa ppr raa rar rta rtr saa sar sta str uaa uar"),
    ("ims_binding_", Kind.MESSAGE, "Contacts {}",
     "registered refreshed expired unregistered deactivated probation rejected moved"),
    # RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665
    ("sip_", Kind.MESSAGE, "SIP requests {}, sent and received",
     "ack bye cancel info invite message notify options prack publish refer register subscribe update"),
    # RFC 3261 21 by reason phrase; those of a whole class stand for codes without a phrase of their own
    ("sip_", Kind.MESSAGE, "SIP responses {}, sent and received",
     "trying ringing call_is_being_forwarded queued session_progress early_dialog_terminated progress"
     " ok accepted no_notification"
     " multiple_choices moved_permanently moved_temporarily use_proxy alternative_service redirected"),
    ("sip_", Kind.ERROR, "SIP responses {}, sent and received",
     "bad_request unauthorized payment_required forbidden not_found method_not_allowed not_acceptable"
     " proxy_authentication_required request_timeout gone conditional_request_failed request_entity_too_large"
     " request_uri_too_long unsupported_media_type unsupported_uri_scheme unknown_resource_priority bad_extension"
     " extension_required session_interval_too_small interval_too_brief bad_location_information use_identity_header"
     " provide_referrer_identity flow_failed anonymity_disallowed bad_identity_info unsupported_certificate"
     " invalid_identity_header first_hop_lacks_outbound_support max_breadth_exceeded bad_info_package consent_needed"
     " temporarily_unavailable call_transaction_does_not_exist loop_detected too_many_hops address_incomplete ambiguous"
     " busy_here request_terminated not_acceptable_here bad_event request_pending undecipherable"
     " security_agreement_required client_error"
     " server_internal_error not_implemented bad_gateway service_unavailable server_time_out version_not_supported"
     " message_too_large precondition_failure server_error"
     " busy_everywhere decline does_not_exist_anywhere global_failure"),
)  # fmt: skip


def _declared() -> Iterator[Counter]:
    for name, text in _MESSAGES.items():
        yield Counter(name, Kind.MESSAGE, text)
    for name, text in _ERRORS.items():
        yield Counter(name, Kind.ERROR, text)
    for prefix, kind, text, names in _FAMILIES:
        for name in names.split():
            words = name.upper() if "requests" in text else name.replace("_", " ")
            yield Counter(prefix + name, kind, text.format(words))


DECLARED: Final[dict[str, Counter]] = {found.name: found for found in sorted(_declared(), key=lambda c: c.name)}
counts: Final[dict[str, int]] = {}


def inc(name: str, n: int = 1) -> None:
    """Add n to a counter; its name is one of DECLARED (a test walks the sources)."""
    counts[name] = counts.get(name, 0) + n


def get(name: str) -> int:
    """A counter's value; 0 before its first increment."""
    return counts.get(name, 0)

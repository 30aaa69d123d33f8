"""Counters (floor 0): declared once, here, with their help text; `stats`, the monitor and Prometheus read them.

Counting is one dict operation. Reset-on-read belongs to the readers in oam/, so numbers here only grow.
A name that ends in `_` is a family: what follows is bounded by the code that counts (a method, a reason phrase).
"""

from typing import Final

HELP: dict[str, str] = {
    "api_": "Clients of the remote API, their frames, errors, failed logins; clients cut, events that they did not get",
    "sip_": "SIP requests by method and responses by reason phrase, sent and received",
    "ims_forced_answer": "Requests answered, or left without answer, as `code` of an IMPU says",
    "mms_": "Multimedia messages taken, refused, notified, fetched, forwarded; retrieved, rejected or expired copies;"
    " reports; requests that MM1 could not serve",
    "log_lost": "Log entries that could not be written to the log file",
    "rtp_recv": "Valid RTP packets received",
    "rtp_send": "RTP packets sent",
    "rtcp_recv": "Valid RTCP packets received",
    "rtcp_send": "RTCP packets sent",
    "rtp_dropped": "RTP and RTCP packets from somebody else than the peer, or that could not be sent",
    "rtp_held": "RTP packets kept back by hold (a=sendonly, recvonly, inactive)",
    "rtp_invalid": "Datagrams on media ports that were neither RTP nor RTCP",
    "sms_delivered": "Short messages that their receivers have acknowledged",
    "sms_dropped": "Short messages given up: expired, deleted, refused for good",
    "sms_malformed": "RPDUs that could not be read",
    "sms_mo": "RP-DATA of phones",
    "sms_mt": "Short messages sent to contacts, repetitions included",
    "sms_refused": "RP-DATA of phones answered with RP-ERROR for what is in it",
    "sms_stray_report": "RP-ACK and RP-ERROR of phones that fit nothing sent to them",
    "sms_text": "Texts of softphones taken as short messages",
    "store_commit": "Transactions synced to the state file",
    "store_error": "Transactions that the state file's disk refused; their changes are tried again",
}
counts: Final[dict[str, int]] = {}


def inc(name: str, n: int = 1) -> None:
    """Add n to a counter."""
    counts[name] = counts.get(name, 0) + n


def get(name: str) -> int:
    """A counter's value; 0 before its first increment."""
    return counts.get(name, 0)

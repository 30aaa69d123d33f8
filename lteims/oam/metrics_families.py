"""Which family of Prometheus' each counter of counters.py is shown in, with which label; for metrics.py.

Derived from the declarations: a counter that is declared tomorrow is shown, by the prefix of its name or by itself.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily

from lteims.counters import DECLARED
from lteims.sip.errors import REASONS, reason_phrase
from lteims.sip.valid import METHODS

PREFIX: Final = "lteims_"
_DIRECTIONS: Final = {"recv": "received", "send": "sent"}


class Place(NamedTuple):
    """Where a counter is shown: the family's name without `_total`, its label ("" for none) and the label's value."""

    family: str
    label: str
    value: str


# Prefix of the counters' names, family, label, help
_BY_PREFIX: Final = (
    ("ims_binding_", "binding_events", "event", "What happened to contacts of phones"),
    ("sms_", "sms_events", "event", "What happened to short messages"),
    ("mms_", "mms_events", "event", "What happened to multimedia messages"),
    ("ipsec_", "ipsec_events", "event", "What happened to SA sets of phones"),
    ("esp_", "esp_dropped_packets", "reason", "ESP packets and datagrams dropped"),
)
_HELP: Final = {
    "sip_requests": "SIP requests, sent and received",
    "sip_responses": "SIP responses, sent and received",
    "diameter_messages": "Diameter requests and answers, sent and received",
    "rtp_packets": "RTP packets",
    "rtcp_packets": "RTCP packets",
    "registrations": "REGISTER requests answered with 200, or refused, challenges not counted",
    **{family: text for _, family, _, text in _BY_PREFIX},
}
_ALONE: Final = {"ims_call": "calls_begun", "ims_call_ended": "calls_ended"}


def _codes() -> dict[str, str]:
    """The codes behind the counter of each reason phrase; `4xx` are the codes without a phrase of their own."""
    found: dict[str, str] = {}
    for code in REASONS:
        name = _of_phrase(reason_phrase(code))
        found[name] = f"{found[name]}/{code}" if name in found else str(code)
    for digit in range(1, 7):
        found.setdefault(_of_phrase(reason_phrase(100 * digit + 98)), f"{digit}xx")
    return found


def _of_phrase(phrase: str) -> str:
    return "sip_" + "".join(c if c.isalnum() else "_" for c in phrase.lower().replace("'", ""))


def _places() -> Iterator[tuple[str, Place]]:
    requests, responses = {f"sip_{method.lower()}": method for method in METHODS}, _codes()
    for name, counter in DECLARED.items():
        if name in requests or name == "sip_unknown":
            yield name, Place("sip_requests", "method", requests.get(name, "other"))
        elif name in responses:
            yield name, Place("sip_responses", "code", responses[name])
        elif name.startswith("diam_") and counter.help.startswith("Diameter requests and answers "):
            yield name, Place("diameter_messages", "command", name.removeprefix("diam_").upper())
        elif name in ("rtp_recv", "rtp_send", "rtcp_recv", "rtcp_send"):
            kind, _, direction = name.partition("_")
            yield name, Place(f"{kind}_packets", "direction", _DIRECTIONS[direction])
        elif name in ("ims_registration", "ims_registration_failed"):
            yield name, Place("registrations", "result", "failed" if name.endswith("_failed") else "ok")
        else:
            yield name, _by_prefix(name)


def _by_prefix(name: str) -> Place:
    for prefix, family, label, _ in _BY_PREFIX:
        if name.startswith(prefix):
            return Place(family, label, name.removeprefix(prefix))
    return Place(_ALONE.get(name, name.removeprefix("ims_")), "", "")


PLACES: Final[dict[str, Place]] = dict(_places())


def counter_families(counts: Mapping[str, int]) -> list[CounterMetricFamily]:
    """Every declared counter, those that stand at zero too: a rate needs the first step."""
    found: dict[str, CounterMetricFamily] = {}
    for name, place in PLACES.items():
        family = found.get(place.family)
        if family is None:
            text = _HELP.get(place.family) or DECLARED[name].help
            labels = [place.label] if place.label else []
            family = found[place.family] = CounterMetricFamily(PREFIX + place.family, text, labels=labels)
        family.add_metric([place.value] if place.label else [], counts.get(name, 0))
    return list(found.values())

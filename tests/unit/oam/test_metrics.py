"""What Prometheus is shown: every counter once, calls and contacts as they come and go, names by the conventions."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from lteims import counters
from lteims.config import ImpuConfig, ImpuMethod
from lteims.counters import DECLARED
from lteims.oam.metrics import GAUGES, MOST_PEERS, Metrics, Peer
from lteims.oam.metrics_families import PLACES, counter_families
from lteims.oam.metrics_http import MetricsServer
from lteims.oam.metrics_watch import Contacts, Histogram, LoopLag, Refusals, code_label
from lteims.sip.errors import REASONS, reason_phrase
from tests.flows.phones import Lab
from tests.unit.ims.registry import FLOW, Registry, user

CONFIG = Path(__file__).parents[3] / "config"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Shown:
    """The page of one moment."""

    def __init__(self, metrics: Metrics) -> None:
        self.text = generate_latest(metrics.gather()).decode()
        self.families = {family.name: family for family in text_string_to_metric_families(self.text)}
        self.samples: Samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.samples.get((f"lteims_{name}", tuple(sorted(labels.items()))))


def served(lab: Lab) -> Metrics:
    metrics = Metrics(lab.stack, lab.subscribers, lab.calls, lambda: None, "compiled")
    lab.pcscf.on_refused = metrics.refusals.on_refused
    for name in GAUGES:
        metrics.add_gauge(name, None)
    return metrics


# -- counters
def test_every_declared_counter_has_one_place() -> None:
    assert set(PLACES) == set(DECLARED)
    assert len(set(PLACES.values())) == len(DECLARED)
    labels: dict[str, str] = {}
    for place in PLACES.values():
        assert labels.setdefault(place.family, place.label) == place.label
        assert re.fullmatch("[a-z][a-z0-9_]*[a-z]", place.family)


def test_codes_are_those_whose_phrase_is_counted() -> None:
    for code in REASONS:
        name = "sip_" + "".join(c if c.isalnum() else "_" for c in reason_phrase(code).lower().replace("'", ""))
        assert PLACES[name].family == "sip_responses"
        assert str(code) in PLACES[name].value.split("/")
    assert PLACES["sip_client_error"].value == "4xx"
    assert PLACES["sip_not_acceptable"].value == "406/606"


def test_counters_at_zero_are_shown() -> None:
    found = {family.name: family for family in counter_families({"sip_register": 3, "rtp_recv": 7})}
    values = {sample.labels["method"]: sample.value for sample in found["lteims_sip_requests"].samples}
    assert values["REGISTER"] == 3
    assert values["INVITE"] == 0
    assert values["other"] == 0
    assert {s.labels["direction"]: s.value for s in found["lteims_rtp_packets"].samples} == {"received": 7, "sent": 0}
    assert sum(len(family.samples) for family in found.values()) == len(DECLARED)


# -- histograms
def test_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram("lteims_x_seconds", "X", (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 3.0):
        histogram.observe(value)
    samples = {s.labels.get("le", s.name.rpartition("_")[2]): s.value for s in histogram.family().samples}
    assert samples == {"0.1": 2, "1.0": 3, "+Inf": 4, "count": 4, "sum": pytest.approx(3.65)}


def test_lag_is_what_a_look_comes_too_late() -> None:
    now = [100.0]
    due: list[float] = []
    looks = []
    lag = LoopLag(lambda: now[0], lambda when, look: (due.append(when), looks.append(look)))
    lag.start()
    now[0] = due[-1] + 0.3
    looks[-1]()
    assert lag.histogram.family().samples[-1].value == pytest.approx(0.3)
    lag.stop()
    looks[-1]()
    assert len(looks) == 2


def test_refusals_have_few_labels() -> None:
    refusals = Refusals()
    for method, code in (("INVITE", 404), ("INVITE", 404), ("PING", 405), ("INVITE", 477)):
        refusals.on_refused(method, code)
    assert refusals.counts == {("INVITE", "404"): 2, ("other", "405"): 1, ("INVITE", "4xx"): 1}
    assert code_label(699) == "6xx"


# -- contacts
async def test_contacts_come_and_go() -> None:
    registry = Registry(user("001"), user("002"))
    await registry.register("Contact: <sip:a@192.0.2.1>")
    contacts = Contacts(registry.subscribers)  # as after a restart
    assert contacts.kinds() == {("udp", "none"): 1, ("tcp", "none"): 0}
    await registry.register("Contact: <sip:a@192.0.2.1>", flow=FLOW._replace(transport="TCP"))
    await registry.register("Contact: <sip:b@192.0.2.1>", flow=FLOW._replace(transport="TCP"))
    assert contacts.kinds() == {("udp", "none"): 0, ("tcp", "none"): 2}
    assert contacts.users() == 1
    await registry.register("Contact: *", "Expires: 0")
    assert contacts.kinds() == {("udp", "none"): 0, ("tcp", "none"): 0}
    assert contacts.users() == 0


# -- calls
def test_a_call_is_seen_in_every_state() -> None:
    lab = Lab()
    metrics = served(lab)
    lab.a.target = "tel:+49302"
    assert Shown(metrics)("dialogs", type="server", state="start") == 0
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        b <-- INVITE sdp
        b --> 180
        a <-- 180
    """)
    shown = Shown(metrics)
    assert shown("dialogs", type="server", state="ringing") == 2
    assert shown("calls") == 1
    assert shown("call_setup_seconds_count") == 1
    assert shown("call_answer_seconds_count") == 0
    lab.play("""
        2 s
        b --> 200 sdp
        a <-- 200 sdp
        a --> ACK
        b <-- ACK
    """)
    shown = Shown(metrics)
    assert shown("dialogs", type="server", state="start") == 2
    assert shown("call_answer_seconds_count") == 1
    assert shown("call_answer_seconds_sum") == pytest.approx(2.0, abs=0.1)
    assert shown("call_results_total", type="server", code="200") == 0
    lab.play("""
        a --> BYE
        a <-- 200 BYE
        b <-- BYE
        b --> 200 BYE
    """)
    shown = Shown(metrics)
    assert shown("calls") == 0
    assert shown("call_results_total", type="server", code="200") == 1
    assert shown("call_setup_seconds_count") == 1


@pytest.mark.parametrize("code", [486, 603])
def test_how_a_call_ended(code: int) -> None:
    lab = Lab(echo=(ImpuConfig(impu="tel:666", code=code, method=ImpuMethod.INVITE_OK),))
    metrics = served(lab)
    lab.a.target = "tel:666"
    lab.play(f"""
        a --> INVITE sdp
        a <-- 100
        a <-- 180
        a <-- {code}
        a --> ACK
    """)
    assert Shown(metrics)("call_results_total", type="echo", code=str(code)) == 1


def test_the_first_failure_is_a_step() -> None:
    shown = Shown(served(Lab()))
    for code in ("200", "none", "404", "408", "503"):
        assert shown("call_results_total", type="mt_call", code=code) == 0
    assert shown("refused_requests_total", method="REGISTER", code="403") == 0


def test_what_the_server_refuses() -> None:
    lab = Lab()
    metrics = served(lab)
    lab.a.target = "tel:+49303"
    lab.play("""
        a --> INVITE sdp
        a <-- 100
        a <-- 480
        a --> ACK
    """)
    assert Shown(metrics)("refused_requests_total", method="INVITE", code="480") == 1


# -- the page
def test_peers_are_shown_and_bounded() -> None:
    lab = Lab()
    metrics = served(lab)
    metrics.add_peers(lambda: [Peer("cx", "hss.example.org", up=True)])
    metrics.add_peers(lambda: (Peer("sgs", f"mme{n}", up=False) for n in range(1000)))
    shown = Shown(metrics)
    assert shown("peer_up", interface="cx", peer="hss.example.org") == 1
    assert len(shown.families["lteims_peer_up"].samples) == MOST_PEERS + 1


def test_names_and_units() -> None:
    """As https://prometheus.io/docs/practices/naming says, and promtool in tests/net."""
    for name, family in Shown(served(Lab())).families.items():
        assert re.fullmatch("(lteims|process)_[a-z0-9_]+", name), name
        assert family.documentation, name
        assert not re.search("_(ms|milliseconds|minutes|kb|percent|count|info_total)$", name), name
        assert family.type in ("counter", "gauge", "histogram"), name
    assert len(Shown(served(Lab())).samples) < 500


def test_the_version() -> None:
    shown = Shown(served(Lab()))
    (sample,) = shown.families["lteims_build_info"].samples
    assert sample.value == 1
    assert set(sample.labels) == {"version", "build", "python"}


async def test_an_address_that_is_taken() -> None:
    first = MetricsServer("127.0.0.1", 0)
    with pytest.raises(Exception, match=rf"cannot bind tcp 127.0.0.1:{first.port} for metrics: .*another server"):
        MetricsServer("127.0.0.1", first.port)
    await first.close()


# -- what Prometheus and Grafana make of them
def expressions() -> Iterator[tuple[str, str]]:
    """Every query of the rules and of the dashboards, with where it stands."""
    for file in sorted((CONFIG / "prometheus").glob("*.rules.yml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                yield f"{file.name}: {rule.get('alert') or rule['record']}", rule["expr"]
    for file in sorted((CONFIG / "grafana").rglob("*.json")):
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield f"{file.name}: {panel['title']}", target["expr"]


def test_rules_and_dashboards_ask_for_what_there_is() -> None:
    shown = Shown(served(Lab()))
    series: dict[str, set[str]] = {}
    for family in shown.families.values():
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    series |= {"lteims_peer_up": {"interface", "peer"}}
    found = list(expressions())
    assert len(found) > 20
    for where, expression in found:
        names = re.findall(r"\b(?:lteims|process)_\w+", expression)
        assert names or "up{" in expression or "ALERTS{" in expression, where
        for name in names:
            assert name in series, f"{where} asks for {name}"
        for name, matchers in re.findall(r"\b((?:lteims|process)_\w+)\{([^}]*)\}", expression):
            for label in re.findall(r"(\w+)\s*[=!]", matchers):
                assert label in series[name] | {"job", "instance"}, f"{where} asks for {name} by {label}"


def test_each_event_that_rules_and_dashboards_choose_is_counted() -> None:
    values = {(f"lteims_{p.family}_total", p.label): set[str]() for p in PLACES.values()}
    for place in PLACES.values():
        values[f"lteims_{place.family}_total", place.label].add(place.value)
    for where, expression in expressions():
        for name, matchers in re.findall(r"\b(lteims_\w+)\{([^}]*)\}", expression):
            for label, operator, value in re.findall(r'(\w+)\s*(=~|=|!~|!=)\s*"([^"]*)"', matchers):
                known = values.get((name, label))
                if known is None:
                    continue
                hits = {v for v in known if (re.fullmatch(value, v) if "~" in operator else v == value)}
                assert hits, f"{where}: no {label} of {name} is {value}"


def test_counting_goes_on_where_nobody_looks() -> None:
    before = counters.get("sip_register")
    counters.inc("sip_register")
    shown = Shown(served(Lab()))
    assert shown("sip_requests_total", method="REGISTER") == before + 1

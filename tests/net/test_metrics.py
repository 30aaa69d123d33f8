"""Metrics as Prometheus takes them: Debian's Prometheus scrapes a server at work, and every panel shows something.

promtool judges names, rules and configuration. Two virtual phones make the traffic: calls, texts, refusals.
"""

import contextlib
import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs import panel
from lteims.oam.metrics_http import MOST_CONNECTIONS
from tests.net.ports import free_port
from tests.net.prometheus import CONFIG, Prometheus, promtool, watching
from tests.net.server import PROGRAM, Server
from tests.waiting import wait_until

UE_DB = (CONFIG / "ue_db.cfg").read_text(encoding="utf-8")
# Traffic of every kind that a panel shows, while a few scrapes go by
TRAFFIC = """
phones:
  alice: {imsi: "001010000000003", k: 0396eb317b6d1c36f19c1c84cd6ffd16, opc: 53c15671c60a4b731c55b4a441c0bde2}
  bob:
    imsi: "001010000000004"
    algorithm: tuak
    k: abababababababababababababababab
    topc: bd04d9530e87513c5d837ac2ad954623a8e2330c115305a73eb45d1f40cccbff
steps:
  - register: [alice, bob]
  - call: {phone: alice, to: "tel:999"}
  - expect: {phone: alice, what: ended, code: 404}
  - sms: {phone: alice, to: "0600000004", text: "Hello"}
  - expect: {phone: bob, what: sms, text: "Hello"}
  - call: {phone: alice, to: "tel:0600000004"}
  - expect: {phone: bob, what: call}
  - ring: bob
  - answer: bob
  - expect: {phone: alice, what: answered}
  - hear: {phone: [alice, bob], packets: 50}
  - hangup: bob
  - expect: {phone: alice, what: ended}
  - wait: 1
"""
SILENT = re.compile("> 0$")  # queries that show only what is wrong


def scraped(server: Server, port: int) -> str:
    """The page itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text: str = answer.read().decode()
    return text


@pytest.fixture(scope="module")
def metrics_port() -> int:
    return free_port(("127.0.0.1",))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, metrics_port: int) -> Iterator[Server]:
    extra = f'metrics_addr: "127.0.0.1:{metrics_port}",\n'
    with Server(tmp_path_factory.mktemp("server"), UE_DB, extra) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, server: Server, metrics_port: int) -> Iterator[Prometheus]:
    with watching(f"127.0.0.1:{metrics_port}", tmp_path_factory.mktemp("prometheus")) as found:
        yield found


def queries() -> Iterator[tuple[str, str]]:
    """Every panel's title and query, as Grafana would send it."""
    dashboard = json.loads((CONFIG / "grafana" / "dashboards" / "lteims.json").read_text(encoding="utf-8"))
    for each in dashboard["panels"]:
        for target in each.get("targets", ()):
            yield each["title"], target["expr"].replace("$__rate_interval", "15s").replace("$instance", ".*")


def test_promtool_finds_nothing_wrong(server: Server, metrics_port: int) -> None:
    assert promtool("check", "metrics", given=scraped(server, metrics_port)) == ""
    promtool("check", "rules", str(CONFIG / "prometheus" / "lteims.rules.yml"))
    promtool("check", "config", str(CONFIG / "prometheus" / "prometheus.yml"))


def test_what_guide_rules_and_dashboard_name_is_on_the_page(server: Server, metrics_port: int) -> None:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", scraped(server, metrics_port), re.MULTILINE))
    ends = ("_bucket", "_count", "_sum")
    shown = {name + end for name, kind in kinds.items() for end in (("", *ends) if kind == "histogram" else ("",))}
    for file in ("docs/ci.md", "config/prometheus/lteims.rules.yml", "config/grafana/dashboards/lteims.json"):
        text = (CONFIG.parent / file).read_text(encoding="utf-8")
        named = set(re.findall(r"\b(?:lteims|process)_\w+", text))
        assert len(named) > 10
        assert named - shown == set(), file


def test_alerts_fire_when_they_are_meant_to_and_no_sooner() -> None:
    promtool("test", "rules", str(Path(__file__).parents[1] / "vectors" / "prometheus" / "rules.test.yml"))


def test_every_panel_has_data(server: Server, prometheus: Prometheus, tmp_path: Path) -> None:
    scenario = tmp_path / "traffic.yaml"
    scenario.write_text(f"server: {server.address()}\n{TRAFFIC}", encoding="utf-8")
    done = subprocess.run([str(PROGRAM), "ue", str(scenario)], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr

    def empty() -> list[str]:
        return [f"{title}: {query}" for title, query in queries() if not prometheus.query(query)]

    wait_until(lambda: all(SILENT.search(line) for line in empty()), lambda: "\n".join(empty()))
    wait_until(lambda: len(empty()) < 3, lambda: "\n".join(empty()))


def test_every_graph_can_be_drawn_without_grafana(prometheus: Prometheus) -> None:
    address = f"http://127.0.0.1:{prometheus.port}"
    for title, each in panel.panels().items():
        series = panel.read(each, address, 30.0, "15s")
        picture = ElementTree.fromstring(panel.draw(title, series, 30.0, "/s"))
        assert len(picture.findall("{*}path[@fill='none']")) == len(series)
    line = [sys.executable, "docs/panel.py", "--prometheus", address, "--seconds", "30", "--rate", "15s"]
    done = subprocess.run([*line, "SIP requests"], cwd=CONFIG.parent, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert ">REGISTER</text>" in done.stdout
    done = subprocess.run([*line, "Unheard of"], cwd=CONFIG.parent, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")


def test_what_was_counted_arrives(server: Server, prometheus: Prometheus) -> None:
    for expression in (
        "lteims_subscribers == 5",
        'lteims_call_results_total{type="server",code="200"} == 1',
        'lteims_refused_requests_total{method="INVITE",code="404"} == 1',
        'lteims_sms_events_total{event="delivered"} == 1',
        "sum(lteims_registration_seconds_count) == 2",
        'sum(lteims_rtp_packets_total{direction="received"}) >= 100',
        "histogram_quantile(0.5, lteims_call_setup_seconds_bucket) < 10",
    ):
        shown = expression.rpartition(" ")[0].rpartition(" ")[0]
        wait_until(
            lambda: len(prometheus.query(expression)) == 1,  # noqa: B023
            lambda: f"{expression}, but {prometheus.query(shown)}",  # noqa: B023
        )


def test_rules_are_evaluated_and_silent(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 10
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    firing = {
        alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"] if alert["state"] == "firing"
    }
    assert firing <= {"LteimsRestarted"}


def test_who_asks_for_something_else(server: Server, metrics_port: int) -> None:
    base = f"http://127.0.0.1:{metrics_port}"
    with urllib.request.urlopen(f"{base}/health", timeout=20) as answer:
        assert answer.read() == b"ok\n"
        assert answer.headers["Server"] == "lteims"
    for request, code in (
        (urllib.request.Request(f"{base}/secret"), 404),
        (urllib.request.Request(f"{base}/metrics", data=b"x", method="POST"), 405),
    ):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=20)
        assert refusal.value.code == code


def test_who_only_holds_lines_locks_nobody_out(server: Server, metrics_port: int) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(3 * MOST_CONNECTIONS):
            held.enter_context(socket.create_connection(("127.0.0.1", metrics_port), 20))
        assert "lteims_build_info" in scraped(server, metrics_port)

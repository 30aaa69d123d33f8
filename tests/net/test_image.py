"""What the image and compose.yaml are made of fits together; test_image_engine.py builds and runs them."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lteims import __version__
from lteims.config import Endpoint, Loaded, load

ROOT = Path(__file__).resolve().parents[2]
DAEMONS = ("hss", "pcrf", "mme")  # of Open5GS


def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def in_container(**defines: object) -> Loaded:
    """The configuration of the image, with variables as docker/entrypoint hands them over."""
    path = str(ROOT / "config" / "container.cfg")
    return load(path, lambda name: Path(name).read_text(encoding="utf-8", errors="replace"), defines)


def test_one_configuration_serves_host_and_container() -> None:
    loaded = in_container(SIP_ADDR="172.30.90.10", SIP_ADDR6="fd30:90::10", COM_ADDR="0.0.0.0:9003")
    assert loaded.warnings == ()
    config = loaded.config
    assert [a.addr for a in config.sip_addr] == [Endpoint("172.30.90.10", 5060), Endpoint("fd30:90::10", 5060)]
    assert config.metrics_addr == Endpoint("0.0.0.0", 9464)
    assert config.com_addr == Endpoint("0.0.0.0", 9003)
    assert config.ue_db == load(str(ROOT / "config" / "ims.cfg"), lambda n: Path(n).read_text(), {}).config.ue_db
    written = [config.log_filename, config.ue_db_filename]
    assert all(os.path.dirname(name) == "/var/lib/lteims" for name in written)


def test_without_addresses_it_is_for_the_container_itself() -> None:
    config = in_container().config
    assert [a.addr.host for a in config.sip_addr] == ["127.0.0.1"]
    assert config.com_addr == Endpoint("127.0.0.1", 9003)


def test_a_core_network_is_named_by_the_environment() -> None:
    alone = in_container(SIP_ADDR="172.30.90.10").config
    assert (alone.cx_server_addr, alone.rx_server_addr, alone.sctp_addr) == ((), (), None)
    assert alone.precondition == "off"
    loaded = in_container(
        SIP_ADDR="172.30.90.10", CX_SERVER="tcp:172.30.90.20", RX_SERVER="tcp:172.30.90.21", SCTP_ADDR="172.30.90.10"
    )
    assert loaded.warnings == ()
    config = loaded.config
    assert config.cx_server_addr == (Endpoint("172.30.90.20", 3868, "tcp"),)
    assert config.rx_server_addr == (Endpoint("172.30.90.21", 3868, "tcp"),)
    assert config.cx_bind_addr == config.rx_bind_addr == Endpoint("172.30.90.10", 0)
    assert config.sctp_addr == Endpoint("172.30.90.10", 29118)
    assert config.precondition == "on"


def test_what_is_copied_is_there_and_not_ignored() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert list(ROOT.glob(source)), source
            assert any(source == k or source.startswith(f"{k}/") for k in kept), f"{source} is left out"


def test_scripts_are_clean() -> None:
    for script in (ROOT / "docker" / "entrypoint", ROOT / "tests" / "net" / "debian_slim.sh"):
        assert os.access(script, os.X_OK)
        subprocess.run(["sh", "-n", str(script)], check=True, timeout=60)
    health = ROOT / "docker" / "health"
    assert os.access(health, os.X_OK)
    compile(health.read_text(encoding="utf-8"), "health", "exec")


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("0.0.0.0:1", "127.0.0.1", 1),
        ("[::1]:1", "::1", 1),
        ("[::]:1", "::1", 1),
        ("127.0.67.1", "127.0.67.1", 9464),
        ("::1", "::1", 9464),
        ("[::1]", "::1", 9464),
    ],
)
def test_health_of_what_does_not_answer(address: str, host: str, port: int) -> None:
    asked = in_container(METRICS_ADDR=address).config.metrics_addr
    assert asked is not None
    assert asked.port == port
    line = ["python3", "-IS", str(ROOT / "docker" / "health")]
    done = subprocess.run(line, env={**os.environ, "METRICS_ADDR": address}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"no answer from {host} port {port}:" in done.stderr


def test_only_the_pages_of_monitoring_are_published() -> None:
    ports = {name: service.get("ports", []) for name, service in compose()["services"].items()}
    assert {name: p for name, p in ports.items() if p} == {
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_whoever_is_waited_for_or_published_has_a_health_check() -> None:
    services = compose()["services"]
    needed = {name for name, service in services.items() if "ports" in service}
    for service in services.values():
        if isinstance(waits := service.get("depends_on", {}), dict):
            needed |= {name for name, how in waits.items() if how["condition"] == "service_healthy"}
    assert [
        name for name in needed - {"ims"} if "healthcheck" not in services[name]
    ] == []  # that of ims is the image's


def test_the_server_is_alone_without_a_profile() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if "profiles" not in service] == ["ims"]
    assert services["ims"]["read_only"] is True
    assert services["ims"]["cap_drop"] == ["ALL"]
    assert "NET_ADMIN" not in services["phones"]["cap_add"]


def test_what_compose_mounts_is_there() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", ()):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            assert not source.startswith(".") or (ROOT / source).is_dir(), f"{name}: {source}"


def plain(text: str) -> str:
    """A value of compose.yaml with its variables as if nothing is said."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_every_container_has_an_address_of_its_own() -> None:
    networks = [s["networks"]["lab"] for s in compose()["services"].values() if isinstance(s["networks"], dict)]
    addresses = [plain(address) for network in networks for address in network.values()]
    assert len(addresses) == len(set(addresses)) > 8


def test_without_ipv6_nobody_gets_such_an_address() -> None:
    only = yaml.safe_load((ROOT / "docker" / "ipv4.yaml").read_text(encoding="utf-8"))
    networks = {name: service["networks"] for name, service in compose()["services"].items()}
    both = {name for name, n in networks.items() if isinstance(n, dict) and "ipv6_address" in n["lab"]}
    assert {
        name for name, service in only["services"].items() if not service["networks"]["lab"]["ipv6_address"]
    } == both
    assert only["networks"]["lab"]["ipam"]["config"] == compose()["networks"]["lab"]["ipam"]["config"][:1]


def test_compose_builds_on_the_base_of_the_dockerfile_if_nothing_is_said() -> None:
    (base,) = re.findall(r"^ARG BASE=(.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert plain(compose()["services"]["ims"]["build"]["args"]["BASE"]) == base


def test_the_label_has_our_version() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f'org.opencontainers.image.version="{__version__}"' in text


def test_make_lists_what_has_to_do_with_the_image() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout
    for target in ("image", "image-test", "up", "down", "demo", "test"):
        assert re.search(rf"^make {target} +\w", listed, re.MULTILINE)


def test_make_down_ends_every_profile() -> None:
    profiles = {profile for service in compose()["services"].values() for profile in service.get("profiles", ())}
    assert set(re.findall(r"--profile (\w+)", (ROOT / "Makefile").read_text(encoding="utf-8"))) == profiles


def test_what_is_waited_for_starts_in_each_profile() -> None:
    services = compose()["services"]
    for name, service in services.items():
        for other in service.get("depends_on", ()):
            there = services[other].get("profiles")
            assert there is None or set(service["profiles"]) <= set(there), f"{name} waits for {other}"


def test_the_server_and_its_simulators_agree() -> None:
    services = compose()["services"]
    environment = {key: plain(value) for key, value in services["ims-core"]["environment"].items()}
    for peer, variable in (("hss", "CX_SERVER"), ("pcrf", "RX_SERVER")):
        command = [plain(word) for word in services[peer]["command"]]
        assert command[command.index("--listen") + 1] == f"{environment[variable]}:3868"
        assert environment[variable] == "tcp:" + plain(services[peer]["networks"]["lab"]["ipv4_address"])
        assert set(services[peer]["profiles"]) == {"sim", "sgs"}
    assert plain(services["phones"]["command"][2]) == f"{environment['SIP_ADDR']}:5060"
    assert plain(services["mme"]["command"][2]) == f"{environment['SCTP_ADDR']}:29118"


def test_scenarios_of_the_stack_are_in_the_image() -> None:
    inside = "/usr/share/lteims/scenarios"
    for service in compose()["services"].values():
        for word in service.get("command", ()):
            assert not word.startswith(inside) or (ROOT / "docs/scenarios" / word[len(inside) + 1 :]).is_file(), word


def test_one_phone_is_of_the_users_and_one_of_the_hss() -> None:
    folder = ROOT / "docs/scenarios/core"
    hss = load(str(folder / "hss.cfg"), lambda name: Path(name).read_text(encoding="utf-8"), {})
    keys = {user.imsi: user.k for user in in_container().config.ue_db}, {u.imsi: u.k for u in hss.config.ue_db}
    assert not keys[0].keys() & keys[1].keys()
    phones = yaml.load((folder / "phones.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)["phones"]
    for phone, users in zip(phones.values(), keys, strict=True):
        assert users[phone["imsi"]] == bytes.fromhex(phone["k"])


def with_profile(name: str) -> Loaded:
    """The configuration of the server beside another core network, by its file of variables."""
    lines = (ROOT / "config" / name / "env").read_text(encoding="utf-8").splitlines()
    environment = {key: plain(value) for key, value in (line.split("=") for line in lines if not line.startswith("#"))}
    assert environment.pop("COMPOSE_PROFILES") == name
    ims = compose()["services"]["ims"]
    assert set(environment) <= set(ims["environment"])
    return in_container(SIP_ADDR=plain(ims["networks"]["lab"]["ipv4_address"]), **environment)


def moved(name: str, net: str, folder: Path) -> Any:
    """A file of Open5GS as its daemon gets it in another network: through the entry point's own words."""
    service = compose()["services"][f"open5gs-{name}"]
    shell, option, script = service["entrypoint"]
    script = script.replace("$$", "$").replace("/tmp/", f"{folder}/").replace("/etc/", f"{ROOT}/config/")
    script = script.replace("exec ", "echo ")
    done = subprocess.run(
        [shell, option, script, *service["command"]], env={**os.environ, "NET": net}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == f"open5gs-{name}d -c {folder}/{name}.yaml\n"
    return yaml.load((folder / f"{name}.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)


@pytest.mark.parametrize("net", ["172.30.90", "10.9.8"])
def test_open5gs_and_the_server_are_wired_to_each_other(net: str, tmp_path: Path) -> None:
    services = compose()["services"]

    def address(name: str) -> str:
        return plain(services[name]["networks"]["lab"]["ipv4_address"]).replace("172.30.90", net)

    config = with_profile("open5gs").config
    assert config.cx_origin_host == config.rx_origin_host
    ours = {"identity": config.cx_origin_host, "address": address("ims")}
    files = {name: moved(name, net, tmp_path) for name in DAEMONS}
    for name, file in files.items():
        service = services[f"open5gs-{name}"]
        assert file[name]["freeDiameter"]["listen_on"] == address(f"open5gs-{name}")
        assert file.get("db_uri", f"mongodb://{address('mongo')}/open5gs") == f"mongodb://{address('mongo')}/open5gs"
        assert plain(service["environment"]["NET"]) == "172.30.90"
    for name, (server,) in (("hss", config.cx_server_addr), ("pcrf", config.rx_server_addr)):
        assert server == Endpoint(plain(services[f"open5gs-{name}"]["networks"]["lab"]["ipv4_address"]), 3868, "tcp")
        assert ours in files[name][name]["freeDiameter"]["connect"]
    assert config.sctp_addr == Endpoint(plain(services["ims"]["networks"]["lab"]["ipv4_address"]), 29118)
    assert files["mme"]["mme"]["sgsap"]["client"][0]["address"] == address("ims")


def test_pyhss_and_the_server_are_wired_to_each_other() -> None:
    services = compose()["services"]
    names = [name for name in services if name.startswith("pyhss-")]
    assert {services[name]["environment"]["CONTAINER_ROLE"] for name in names} == {"hss", "diameter", "api"}
    for name in names:
        environment = services[name]["environment"]
        assert plain(environment["HSS_BIND_IP"]) == plain(services["pyhss-diameter"]["networks"]["lab"]["ipv4_address"])
        assert plain(environment["REDIS_HOST"]) == plain(services["redis"]["networks"]["lab"]["ipv4_address"])
        assert environment["DATABASE_NAME"].startswith(services[name]["volumes"][0].split(":")[1])
    config = with_profile("pyhss").config
    address = plain(services["pyhss-diameter"]["networks"]["lab"]["ipv4_address"])
    assert config.cx_server_addr == (Endpoint(address, 3868, "tcp"),)
    assert (config.sctp_addr, config.precondition) == (None, "off")  # so nothing is asked by Rx


def test_prometheus_and_grafana_find_each_other() -> None:
    (job,) = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    environment = compose()["services"]["ims"]["environment"]
    assert job["static_configs"][0]["targets"] == [f"ims:{environment['METRICS_ADDR'].rpartition(':')[2]}"]
    source = yaml.safe_load((ROOT / "config/grafana/provisioning/datasources/prometheus.yml").read_text())
    (prometheus,) = source["datasources"]
    assert prometheus["url"] == "http://prometheus:9090"
    dashboard = json.loads((ROOT / "config/grafana/dashboards/lteims.json").read_text(encoding="utf-8"))
    # the one that is there, whatever its uid is in a Grafana that has the dashboard imported
    assert prometheus["isDefault"]
    assert ("datasource", "prometheus") in {(v["type"], v["query"]) for v in dashboard["templating"]["list"]}
    used = {panel["datasource"]["uid"] for panel in dashboard["panels"] if "datasource" in panel}
    assert used == {"${datasource}"}


def test_no_number_of_the_dashboard_is_red_for_being_large() -> None:
    """A stat panel without thresholds is red from 80 on."""
    dashboard = json.loads((ROOT / "config/grafana/dashboards/lteims.json").read_text(encoding="utf-8"))
    stats = [panel for panel in dashboard["panels"] if panel["type"] == "stat"]
    assert [panel["title"] for panel in stats if "thresholds" not in panel["fieldConfig"]["defaults"]] == []


def test_panels_do_not_overlap() -> None:
    dashboard = json.loads((ROOT / "config/grafana/dashboards/lteims.json").read_text(encoding="utf-8"))
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)

"""netns/compose.py: the product's compose.yaml gives namespaces what it gives containers; a wrong file is refused."""

import re
from pathlib import Path

import pytest

from lteims.config import load
from netns.compose import CONFIG, FILE, IN_IMAGE, LOG, ROOT, STATE, Health, Stack, parse, read
from netns.errors import LabError
from netns.topology import of

PATH = Path("/lab/mine.yaml")
GOOD = """
x-base: &base
  image: lteims
  profiles: [sim]
services:
  ims:
    <<: *base
    environment: {SIP_ADDR: "${NET:-10.1.0}.1", EMPTY: "${NOTHING}"}
    volumes: [./mine:/config:ro, state:/var/lib/lteims]
    networks: {lab: {ipv4_address: "${NET:-10.1.0}.1", ipv6_address: "fd01::1"}}
  tester:
    image: lteims
    command: [ue, /config/a.yaml, /configure, $$HOME]
    healthcheck: {disable: true}
    depends_on: {ims: {condition: service_healthy}}
    networks: {lab: {ipv4_address: "${NET:-10.1.0}.2", ipv6_address: "fd01::2"}}
    profiles: [sim]
  database:
    image: postgres
    profiles: [db]
networks:
  lab: {ipam: {config: [{subnet: "${NET:-10.1.0}.0/24"}, {subnet: "fd01::/64"}]}}
"""


def good(right: str = "", wrong: str = "", **variables: str) -> Stack:
    assert right in GOOD
    return parse(GOOD.replace(right, wrong, 1) if right else GOOD, PATH, variables)


def test_the_product_s_services_have_the_addresses_of_their_containers() -> None:
    topology = of(read(FILE, {}))
    addresses = {node: topology.interface(node) for node in ("ims", "ims-core", "phones", "hss", "pcrf", "mme")}
    assert [str(each.ipv4) for each in addresses.values()] == [f"172.30.90.{n}" for n in (10, 12, 11, 13, 14, 15)]
    assert [str(each.ipv6) for each in addresses.values()] == [f"fd30:90::{n}" for n in (10, 12, 11, 13, 14, 15)]
    moved = of(read(FILE, {"LTEIMS_NET": "10.9.8", "LTEIMS_NET6": "fd09"}))
    assert (str(moved.interface("mme").ipv4), str(moved.networks[0].ipv6)) == ("10.9.8.15", "fd09::/64")


def test_services_start_in_the_order_of_their_health() -> None:
    stack = read(FILE, {})
    assert [each.name for each in stack.chosen([])] == ["ims"]
    assert [each.name for each in stack.chosen(["sim"])] == ["ims", "hss", "pcrf", "ims-core", "phones"]
    assert [each.name for each in stack.chosen(["sgs"])][-2:] == ["ims-core", "mme"]
    assert {each.name for each in stack.chosen(["sim", "sgs"]) if each.health is None} == {"phones", "mme"}


@pytest.mark.parametrize("profile", ["open5gs", "monitoring", "pyhss"])
def test_services_of_other_images_are_refused(profile: str) -> None:
    with pytest.raises(LabError, match=r"compose\.yaml:\d+: \S+ is of the image \S+: without Docker only"):
        read(FILE, {}).chosen(["sim", profile])


def test_the_server_gets_the_configuration_and_the_variables_of_its_container() -> None:
    service = read(FILE, {}).own["ims-core"]
    name, *words, path = service.program(Path("/state"))
    assert (name, Path(path), set(words[::2])) == ("lteims", ROOT / "config/container.cfg", {"-D"})
    defines = {key: value.strip('"') for key, value in (word.split("=") for word in words[1::2])}
    entrypoint = (ROOT / "docker/entrypoint").read_text(encoding="utf-8")
    handed = re.findall(r"for name in (.*); do", entrypoint)[0].split()
    assert set(defines) <= {*handed, STATE}
    assert service.environment[LOG] == "/var/log/lteims"  # a volume; here it stands in the folder of the state
    assert re.findall(r"set -- (/\S+)", entrypoint) == [CONFIG]
    loaded = load(path, lambda name: Path(name).read_text(encoding="utf-8"), defines)
    assert loaded.warnings == ()
    assert loaded.config.sip_addr[0].addr.host == "172.30.90.12"
    assert (loaded.config.log_filename, loaded.config.ue_db_filename) == ("/state/ims.log", "/state/ue.db")


def test_what_the_image_holds_is_found_in_the_checkout() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {line.split()[-1].rstrip("/"): line.split()[1] for line in re.findall(r"^COPY .*$", image, re.MULTILINE)}
    for inside, here in IN_IMAGE.items():
        source = ROOT / copied[inside]
        assert here == (source if source.is_dir() else source.parent)
    for service in read(FILE, {}).own.values():
        for word in service.program(Path("/state")):
            assert not word.startswith("/") or Path(word).is_file()


def test_a_file_is_read_as_compose_reads_it() -> None:
    ims, tester = good(NET="10.2.0").chosen(["sim"])
    assert ims.environment == {"SIP_ADDR": "10.2.0.1", "EMPTY": ""}
    assert ims.program(Path("/s")) == [
        "lteims",
        "-D",
        'SIP_ADDR="10.2.0.1"',
        "-D",
        'STATE_DIR="/s"',
        "/lab/mine/container.cfg",
    ]
    assert tester.program(Path("/s")) == ["lteims", "ue", str(ROOT / "config/a.yaml"), "/configure", "$HOME"]
    assert (ims.health, tester.health, tester.waits) == (Health(), None, {"ims": True})
    checked = good(
        "command:", "healthcheck: {test: [CMD, grep, x], interval: 1m, timeout: 500ms, retries: 3}\n    command:"
    )
    assert checked.own["tester"].health is None  # of two the last one counts, as everywhere in YAML
    moved = good(
        "<<: *base", "<<: *base\n    healthcheck: {test: [CMD, grep, x], interval: 1m, timeout: 500ms, retries: 3}"
    )
    assert moved.own["ims"].health == Health(("grep", "x"), 60.0, 0.5, 3)
    listed = good("depends_on: {ims: {condition: service_healthy}}", "depends_on: [ims]")
    assert listed.own["tester"].waits == {"ims": False}


@pytest.mark.parametrize("image", ["mine:1", "lteims"])
def test_the_image_may_have_another_name(image: str) -> None:
    stack = good("image: lteims", "image: ${LTEIMS_IMAGE:-lteims}", LTEIMS_IMAGE=image)
    assert set(stack.own) == {"ims", "tester"}


WRONG = [
    ("services:", "servises:", 5, "servises is unknown without Docker (did you mean services?)"),
    ("command:", "comand:", 13, "tester: comand is unknown without Docker (did you mean command?)"),
    ("command:", "entrypoint:", 13, "tester: entrypoint is unknown without Docker"),
    ("[ue, /config/a.yaml, /configure, $$HOME]", "ue a.yaml", 13, "command: must be a list"),
    ("[ue, ", "[[ue], ", 13, "command: must be a plain value"),
    ("$$HOME", "$HOME", 13, "of variables ${NAME} and ${NAME:-default} are known"),
    ("$$HOME", '"\\0"', 13, "command: holds a zero octet"),
    ("{disable: true}", "{test: NONE}", 14, "test: must be a list"),
    ("{disable: true}", "{test: [CMD-SHELL, x]}", 14, "test: must be [CMD, program, ...]"),
    ("{disable: true}", "{test: [CMD, x], retries: many}", 14, "retries: 'many' is no number"),
    ("{disable: true}", "{test: [CMD, x], interval: 5}", 14, "interval: must be a time as 2s, 500ms or 1m"),
    ("service_healthy", "service_fine", 15, "condition service_fine: there are service_healthy, service_started"),
    (
        'ipv4_address: "${NET:-10.1.0}.2", ',
        "",
        16,
        "tester: has no ipv4_address, and without Docker nobody gives it one",
    ),
    ("10.1.0}.2", "10.1.1}.2", 16, "networks.lab.nodes.tester: 10.1.1.2 is not in 10.1.0.0/24"),
    ("10.1.0}.2", "10.1.0}.1", 16, "networks.lab.nodes.tester: 10.1.0.1 is the address of ims already"),
    ("networks: {lab: {ipv4", "networks: {lap: {ipv4", 10, "no network lap (did you mean lab?)"),
    ("  tester:", "  Tester:", 16, "networks.lab.nodes.Tester: is no name"),
    (', {subnet: "fd01::/64"}', "", 22, "networks.lab.ipv6: is missing"),
    ("{ims: {condition", "{imss: {condition", 12, "tester waits for imss, which never starts"),
    ("    environment", "    depends_on: [tester]\n    environment", 7, "ims waits for tester, which never starts"),
    ("<<: *base", "<<: 5", 7, "expected a mapping or list of mappings for merging, but found scalar"),
    ("*base", "*bace", 7, "found undefined alias 'bace'"),
    ("services:", "services: [", 7, "expected ',' or ']', but got ':'"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "reason"), WRONG)
def test_a_wrong_file_is_refused(right: str, wrong: str, line: int, reason: str) -> None:
    def use(stack: Stack) -> None:
        of(stack)
        stack.chosen(["sim"])

    with pytest.raises(LabError) as caught:
        use(good(right, wrong))
    assert str(caught.value).startswith(f"/lab/mine.yaml:{line}: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "a", "[1]", "services: {}", "&a {<<: *a}", "[" * 5000, "\0", "{services: {ims: 1}}"]
)
def test_a_file_of_other_things_is_refused(text: str) -> None:
    with pytest.raises(LabError, match=r"^/lab/mine\.yaml"):
        of(parse(text, PATH, {}))


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(LabError, match=r"mine\.yaml: no profile sin \(did you mean sim\?\); there are db, sim"):
        good().chosen(["sin"])

"""The guides tell of what there is: verdicts of the log are those of the sources, files and make targets exist."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from lteims.config import load, properties
from lteims.config.endpoint import Endpoint
from lteims.config.model import SipAddr, UserConfig
from lteims.protected import PORTS
from lteims.sim import scenario
from lteims.sim.profiles import PROFILES

ROOT = Path(__file__).resolve().parents[2]
GUIDES = (
    "../README", "architecture", "ci", "compatibility", "getting_started", "lab", "migrating", "simulators", "testing",
    "troubleshooting", "virtual_phone",
)  # fmt: skip


def literals() -> list[str]:
    """Every string of the sources but docstrings; what an f-string fills in is a line of its own."""
    found: list[str] = []
    for file in (ROOT / "lteims").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(v.value) if isinstance(v, ast.Constant) else "\n" for v in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                found.append(node.value)
    return found


def is_said(verdict: str, sources: list[str]) -> bool:
    """Is it in one string of the sources, `...` being anything? What is behind a colon may come from another one."""
    shape = re.compile(".*".join(re.escape(piece.strip(" ")) for piece in verdict.split("...")), re.DOTALL)
    if any(map(shape.search, sources)):
        return True
    before, colon, behind = verdict.partition(": ")
    return bool(colon) and is_said(before, sources) and is_said(behind, sources)


def test_every_verdict_is_one_of_the_log() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    firsts = re.findall(r"^\| (`[^|]+) \| ", text, re.MULTILINE)
    verdicts = [verdict for first in firsts for verdict in re.findall(r"`([^`]+)`", first)]
    assert len(verdicts) > 70
    sources = literals()
    assert [verdict for verdict in verdicts if not is_said(verdict, sources)] == []


def headings(file: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("guide", GUIDES)
def test_links_lead_somewhere(guide: str) -> None:
    file = ROOT / "docs" / f"{guide}.md"
    for link, place in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", file.read_text(encoding="utf-8")):
        target = file.parent / link if link else file
        assert target.exists(), link
        assert not place or place in headings(target), f"{link}#{place}"


@pytest.mark.parametrize("guide", GUIDES)
def test_make_targets_and_files_exist(guide: str) -> None:
    text = (ROOT / "docs" / f"{guide}.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^ +make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, target
    for path in re.findall(r"\b((?:config|docs|bench|tests|netns|docker)/[\w./-]*\w)", text):
        places = (ROOT / path, ROOT / "lteims" / path)
        assert any(map(Path.exists, places)) or path.endswith(("ims.log", "results.xml", "phone1/dump")), path


@pytest.mark.parametrize("guide", [guide for guide in GUIDES if guide not in ("simulators", "virtual_phone")])
def test_properties_exist(guide: str) -> None:
    """Names in front of a colon and a value, as the configuration has them."""
    reference = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    known = {name.split(".")[-1] for name in re.findall(r"^\| `([^`]+)`", reference, re.MULTILINE)}
    text = (ROOT / "docs" / f"{guide}.md").read_text(encoding="utf-8")
    for name in re.findall(r'`([a-z_0-9]+): (?:"|\d|true|false|\[|\{)', text):
        assert name in known, name


# --- getting_started.md, migrating.md


def users(text: str) -> tuple[UserConfig, ...]:
    """The users of a ue_db.cfg, without a warning."""
    loaded = load("ue_db.cfg", {"ue_db.cfg": '{sip_addr: "127.0.0.1", ' + text + "}"}.__getitem__, {})
    assert loaded.warnings == ()
    return loaded.config.ue_db


def registers(user: UserConfig) -> bool:
    """May a phone without ISIM register, by the identity that it makes of its IMSI?"""
    return f"sip:{user.imsi}" in [each.impu for each in user.impu]


def test_the_card_of_the_first_phone_can_register() -> None:
    text = (ROOT / "docs" / "getting_started.md").read_text(encoding="utf-8")
    (entry,) = re.findall(r"^    (\{sim_algo: .*?\},)$", text, re.MULTILINE | re.DOTALL)
    (user,) = users(f"ue_db: [{entry}]".replace('"..."', f'"{32 * "0"}"'))
    assert registers(user)


def test_subscribers_out_of_a_table_can_register(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (awk .*?ue_db\.cfg)$", text, re.MULTILINE | re.DOTALL)
    rows = [f"00101000000000{n},{n * 32},{n * 32},060000000{n}" for n in "78"]
    (tmp_path / "subscribers.csv").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "config").mkdir()
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, timeout=10)
    found = users((tmp_path / "config" / "ue_db.cfg").read_text(encoding="utf-8"))
    assert [user.impu[1].impu for user in found] == ["tel:0600000007", "tel:0600000008"]
    assert all(map(registers, found))


# --- README.md


def test_the_picture_has_the_ports_of_the_configuration() -> None:
    picture = (ROOT / "docs" / "topology.svg").read_text(encoding="utf-8")
    shown = " ".join(re.findall(r'<text class="port"[^>]*>([^<]*)</text>', picture))
    media = SipAddr(Endpoint("127.0.0.1", properties.SIP_PORT), Endpoint("127.0.0.1", properties.SIP_PORT))
    for words in (
        f"SIP {properties.SIP_PORT} udp, tcp",
        f"IPsec {media.ipsec_port} to {media.ipsec_port + PORTS - 1}",
        f"RTP {media.port_min} to {media.port_max}",
        f"MMS {properties.MMS_PORT} tcp",
        f"SGs {properties.SGSAP_PORT} sctp",
        f"Cx {properties.DIAMETER_PORT} sctp or tcp",
        f"Rx {properties.DIAMETER_PORT} sctp or tcp",
        f"API {properties.COM_PORT}",
        f"metrics {properties.METRICS_PORT}",
    ):
        assert words in shown, words


def test_the_output_that_is_shown_is_that_of_the_demo() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    demo = scenario.load(str(ROOT / "docs" / "scenarios" / "two_phones.yaml"))
    steps = re.findall(r"two_phones\.yaml:(\d+): (.*): ok", readme)
    assert len(steps) > 2
    assert {(int(line), title) for line, title in steps} <= {(step.line, step.title) for step in demo.steps}


# --- ci.md


def test_the_workflow_speaks_of_what_compose_has() -> None:
    workflow = yaml.safe_load((ROOT / "docs" / "ci" / "volte.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    assert job["env"]["COMPOSE_FILE"] == "lteims/compose.yaml"  # the second checkout's
    assert {step.get("with", {}).get("path") for step in job["steps"]} >= {"app", "lteims"}
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    lines = "\n".join(step.get("run", "") for step in job["steps"]).replace("\\\n", " ")
    named = re.findall(
        r"--exit-code-from (\w+)|up -d --wait (\w+)|exec -T (\w+)|/results (\w+) ue ", re.sub(" +", " ", lines)
    )
    assert {name for names in named for name in names if name} == {"phones", "ims"} <= set(services)
    assert {*re.findall(r"--profile (\w+)", lines)} == {*services["phones"]["profiles"]}
    for name, folder in re.findall(r"^ *log ([\w-]+) (/\S+)$", lines, re.MULTILINE):
        assert folder in {volume.split(":")[1] for volume in services[name]["volumes"]}


def test_every_variable_of_compose_is_explained() -> None:
    named = set(spans((ROOT / "docs" / "ci.md").read_text(encoding="utf-8")))
    used = re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert {*used} - named == set()


def test_every_alert_is_named_with_its_severity() -> None:
    groups = yaml.safe_load((ROOT / "config" / "prometheus" / "lteims.rules.yml").read_text(encoding="utf-8"))["groups"]
    found = {(rule["labels"]["severity"], rule["alert"]) for group in groups for rule in group["rules"]}
    rows = re.findall(
        r"^\| (critical|warning|info)\b[^|]* \| (.*) \|$", (ROOT / "docs" / "ci.md").read_text("utf-8"), re.M
    )
    assert {(severity, alert) for severity, names in rows for alert in spans(names)} == found


def test_the_scenario_of_the_workflow_is_one() -> None:
    found = scenario.load(str(ROOT / "docs" / "ci" / "answer.yaml"))
    assert (found.server, [phone.name for phone in found.phones]) == ("172.30.90.10:5060", ["bob"])
    texts = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("ci.md", "ci/answer.yaml")]
    shown, steps = ("\n".join(line.strip() for line in text.splitlines()) for text in texts)
    assert steps.partition("steps:\n")[2] in shown


# --- virtual_phone.md


def test_every_word_of_a_scenario_is_explained() -> None:
    named = set(spans((ROOT / "docs" / "virtual_phone.md").read_text(encoding="utf-8")))
    assert {*scenario.VERBS} - named == set()
    assert {field for fields in scenario.VERBS.values() for field in fields} - named == set()
    assert {*scenario.WHATS} - named == set()
    assert {*scenario._PHONE, *scenario._SIM} - named == set()
    assert {*PROFILES} - named == set()


# --- architecture.md: what it names is in the code


@cache
def defined(file: str) -> frozenset[str]:
    """The classes, functions and constants of a module, and `Class.method`."""
    found: set[str] = set()
    for node in ast.parse((ROOT / "lteims" / file).read_text(encoding="utf-8")).body:
        match node:
            case ast.ClassDef():
                members = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
                found |= {node.name, *(f"{node.name}.{member.name}" for member in members)}
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                found.add(node.name)
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


@cache
def everywhere() -> frozenset[str]:
    """The same of all modules."""
    package = ROOT / "lteims"
    return frozenset().union(*(defined(str(file.relative_to(package))) for file in package.rglob("*.py")))


def spans(text: str) -> list[str]:
    """What stands between backquotes."""
    return re.findall(r"`([^`]+)`", text)


def architecture() -> str:
    return (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def steps() -> Iterator[tuple[str, str]]:
    """Each file of the walks with each name that is said to be in it."""
    for file, names in re.findall(r"^\| `([\w/]+\.py)` \| (`[^|]*`) \| ", architecture(), re.MULTILINE):
        yield from ((file, name) for name in spans(names) if not name.endswith(".py"))


def test_every_file_of_the_architecture_exists() -> None:
    named = [name for name in spans(architecture()) if re.fullmatch(r"[\w/]+(\.py|/)", name)]
    assert len(named) > 100
    missing = [name for name in named if not (ROOT / "lteims" / name).exists() and not (ROOT / name).exists()]
    assert missing == []


def test_every_step_of_a_walk_is_where_it_is_said_to_be() -> None:
    found = list(steps())
    assert len(found) > 40
    assert [f"{file}: {name}" for file, name in found if name not in defined(file)] == []


def test_every_name_of_the_architecture_is_one_of_the_code() -> None:
    named = [
        name.removesuffix("()")
        for name in spans(architecture())
        if re.fullmatch(r"[A-Z]\w*[a-z]\w*(\.\w+)?|\w+\(\)", name) and name != "Makefile"
    ]
    assert len(named) > 40
    assert [name for name in named if name not in everywhere()] == []


def test_every_bound_is_where_it_is_said_to_be() -> None:
    found = re.findall(r"`(M(?:AX|OST)_\w+)`\s+in\s+`([\w/.]+)`", architecture())
    assert len(found) > 4
    assert [f"{file}: {name}" for name, file in found if name not in defined(file)] == []


def test_every_package_has_its_place_in_the_architecture() -> None:
    floors = architecture().partition("## The floors")[2].partition("\n## ")[0]
    packages = {file.parent.name + "/" for file in (ROOT / "lteims").glob("*/__init__.py")}
    words = {file.name for file in (ROOT / "lteims").glob("*.py")} - {"__init__.py", "__main__.py"}
    assert sorted((packages | words) - set(spans(floors))) == []

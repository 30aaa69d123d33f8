"""The image on a real Docker engine: run by compose, used by phones outside, killed, stopped (make image-test).

It takes minutes and about a gigabyte, so it is collected only where the command line names it.
"""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lteims.selftest import missing
from tests.net.baresip import Baresip
from tests.net.engine import build, engine, works
from tests.net.ports import free_port
from tests.net.prometheus import CONFIG, promtool, watching
from tests.net.sipp import Sipp
from tests.net.wav import pcma_tone
from tests.peers.subscribers import PASSWORD, csv, subscribers, ue_db

ROOT = Path(__file__).resolve().parents[2]
MOST_OCTETS = 250_000_000
STOP_WITHIN = 5  # seconds, after which Docker ends it by force, with another exit code
HEALTHY_WITHIN = 120.0  # the engine has spare time alone
NET, NET6 = "172.30.91", "fd30:91"
USERS = subscribers(4)
NET_ADMIN, NET_RAW = 12, 13  # linux/capability.h
BY_KERNEL = "(user space)" if missing(sctp=False, ipsec=True) else "(kernel)"  # where the container has NET_ADMIN
WRONG = f"""
server: {NET}.10:5060
phones:
  alice: {{imsi: "{USERS[0].imsi}", impi: "{USERS[0].impi}", password: {PASSWORD}, profile: softphone}}
steps:
  - register: {{phone: alice, code: 403}}
"""


def run(*line: str, within: float = 180, check: bool = True, **env: str) -> str:
    """Run a program; what it wrote."""
    done = subprocess.run(
        line, cwd=ROOT, env={**os.environ, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=within, check=False,
    )  # fmt: skip
    assert not check or done.returncode == 0, f"{' '.join(line)}: exit code {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image, built from the checkout."""
    with engine(tmp_path_factory.mktemp("dockerd") / "output"):
        yield build()


def capabilities(status: str) -> set[int]:
    """The effective ones, of a /proc/PID/status."""
    bits = int(re.findall(r"^CapEff:\s+(\w+)$", status, re.MULTILINE)[0], 16)
    return {number for number in range(64) if bits >> number & 1}


def wait_until(true: Callable[[], bool], container: str) -> None:
    """Until a container is where it should be; with its log where that takes too long."""
    end = time.monotonic() + HEALTHY_WITHIN
    while not true():
        assert time.monotonic() < end, run("docker", "logs", container)
        time.sleep(0.1)


@dataclass(slots=True)
class Stack:
    """compose.yaml, with a project, addresses and a configuration of its own."""

    image: str
    config: Path

    def __call__(self, *arguments: str, within: float = 180, check: bool = True) -> str:
        tool = ["docker", "compose"] if works("docker", "compose", "version") else ["docker-compose"]
        return run(
            *tool, "-p", "lteims-image-test", "--profile", "sim", *arguments, within=within, check=check,
            LTEIMS_IMAGE=self.image, LTEIMS_NET=NET, LTEIMS_NET6=NET6, LTEIMS_CONFIG=str(self.config),
        )  # fmt: skip

    @property
    def server(self) -> str:
        """The name of the server's container."""
        return self("ps", "-q", "ims").split()[-1]

    def up(self) -> None:
        """Start the server, until it is well; Docker notices that only when it asks the next time."""
        self("up", "-d", "ims")
        wait_until(lambda: works("docker", "exec", self.server, "health"), self.server)

    def state(self, what: str) -> str:
        """A part of the container's state."""
        return run("docker", "inspect", "-f", f"{{{{.State.{what}}}}}", self.server).strip()

    def console(self, command: str) -> str:
        """A command at the prompt of the server, by the remote API inside the container."""
        return run("docker", "exec", self.server, "lteims", "monitor", "-c", command)

    def read(self, path: str) -> str:
        """A file of the container."""
        return run("docker", "exec", self.server, "cat", path)


@pytest.fixture(scope="module")
def stack(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("config")
    for name in ("container.cfg", "ims.cfg", "ue_db.cfg"):
        shutil.copy(ROOT / "config" / name, folder)
    samples = (folder / "ue_db.cfg").read_text(encoding="utf-8").rstrip().removesuffix("],")
    mine = ue_db(USERS).removeprefix("ue_db: [\n")
    (folder / "ue_db.cfg").write_text(samples + mine, encoding="utf-8")
    folder.chmod(0o755)
    found = Stack(image, folder)
    found("down", "-v", check=False)
    found.up()
    yield found
    found("down", "-v")


@pytest.mark.parametrize("profile", ["sim", "sgs", "open5gs", "pyhss", "monitoring"])
def test_compose_takes_each_profile(stack: Stack, profile: str) -> None:
    stack("--profile", profile, "config", "-q")
    stack("-f", "compose.yaml", "-f", "docker/ipv4.yaml", "--profile", profile, "config", "-q")


def test_it_is_small(image: str) -> None:
    size = int(run("docker", "image", "inspect", "-f", "{{.Size}}", image))
    print(f"\n{size / 1e6:.0f} MB")
    print(run("docker", "history", "--format", "{{.Size}}\t{{.CreatedBy}}", image))
    assert size <= MOST_OCTETS


def test_nothing_that_only_builds_is_in_it(image: str) -> None:
    inside = run("docker", "run", "--rm", "--entrypoint", "sh", image, "-c", "ls /opt/venv/lib/python3*/site-packages")
    for name in ("pip", "setuptools", "mypy", "pycrate_core", "pytest"):
        assert name not in inside.split()
    assert "lteims" in inside.split()
    assert run("docker", "run", "--rm", image, "--version").startswith("lteims ")
    assert "(compiled)" in run("docker", "run", "--rm", image, "--version")


def test_its_labels(image: str) -> None:
    labels = json.loads(run("docker", "image", "inspect", "-f", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.title"] == "lteims"


def test_it_serves_as_a_user_without_rights(stack: Stack) -> None:
    status = stack.read("/proc/1/status")
    assert re.search(r"^Uid:\s+5060\s", status, re.MULTILINE)
    assert capabilities(status) == {NET_ADMIN, NET_RAW}
    assert stack.read("/proc/1/comm").strip() == "tini"
    assert "Read-only" in run("docker", "exec", stack.server, "touch", "/opt/x", check=False)
    assert BY_KERNEL in run("docker", "logs", stack.server)


@pytest.mark.parametrize(
    ("options", "kept", "said"),
    [
        (("--cap-add", "NET_RAW", "--cap-add", "NET_ADMIN"), {NET_RAW, NET_ADMIN}, BY_KERNEL),
        (("--cap-add", "NET_RAW"), {NET_RAW}, "(user space)"),
        ((), set(), "IPsec of phones does not work"),
        (("--user", "lteims"), set(), "IPsec of phones does not work"),
        (("--sysctl", "net.ipv6.conf.all.disable_ipv6=1", "-e", "SIP_ADDR6=fd30::1"), set(), "no IPv6 here"),
    ],
    ids=["kernel", "user space", "no rights", "never root", "no IPv6"],
)
def test_what_it_has_not_costs_only_that(image: str, options: tuple[str, ...], kept: set[int], said: str) -> None:
    hand_over = [word for name in ("SETUID", "SETGID", "SETPCAP", "CHOWN") for word in ("--cap-add", name)]
    rest = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", *hand_over]
    name = run("docker", "run", "-d", "-e", "SIP_ADDR=127.0.0.1", *rest, *options, image).strip()
    try:
        wait_until(lambda: "ready: " in run("docker", "logs", name), name)
        assert capabilities(run("docker", "exec", name, "cat", "/proc/1/status")) == kept
        assert said in run("docker", "logs", name)
        assert "200 OK" in run("docker", "exec", name, "health")
    finally:
        run("docker", "rm", "-f", "-v", name)


def test_phones_outside_register_and_call_the_echo(stack: Stack, tmp_path: Path) -> None:
    users, host = tmp_path / "users.csv", f"{NET}.1"
    users.write_text(csv(USERS[2:]), encoding="utf-8")
    (tmp_path / "tone.pcma").write_bytes(pcma_tone(5.0))
    port = free_port((host,))
    done = Sipp("register", f"{NET}.10:5060", tmp_path, users, calls=2, host=host, port=port).run()
    assert (done.code, done.passed) == (0, 2), done.screen
    assert USERS[3].impi in stack.console("users").partition("Not registered")[0]
    done = Sipp(
        "caller", f"{NET}.10:5060", tmp_path, users, host=host, port=port,
        keys={"callee": "666"}, options=("-d", "1000", "-mi", host),
    ).run()  # fmt: skip
    assert (done.code, done.passed) == (0, 1), done.screen
    echoed = re.compile(r"call ended: .* rtp_recv=(\d\d) rtp_send=\1 ")
    wait_until(lambda: echoed.search(stack.read("/var/lib/lteims/ims.log")) is not None, stack.server)


def test_a_softphone_outside_calls_the_echo(stack: Stack, tmp_path: Path) -> None:
    with Baresip(tmp_path / "phone", USERS[0], f"{NET}.10:5060", host=f"{NET}.1") as phone:
        phone.command("dial", "666")
        phone.wait_for("CALL_ESTABLISHED")
        phone.hear(1.0)
        ended = stack.read("/var/lib/lteims/ims.log").count("call ended")
        phone.command("hangup")
        wait_until(lambda: stack.read("/var/lib/lteims/ims.log").count("call ended") > ended, stack.server)


def test_phones_outside_register_over_ipv6(stack: Stack, tmp_path: Path) -> None:
    users = tmp_path / "users.csv"
    users.write_text(csv(USERS[3:]), encoding="utf-8")
    done = Sipp("register", f"[{NET6}::10]:5060", tmp_path, users, host=f"{NET6}::1").run()
    assert (done.code, done.passed) == (0, 1), done.screen


def test_docker_finds_it_healthy(stack: Stack) -> None:
    wait_until(lambda: stack.state("Health.Status") == "healthy", stack.server)
    assert stack.state("Health.FailingStreak") == "0"


def test_prometheus_takes_its_metrics_over_the_network(stack: Stack, tmp_path: Path) -> None:
    target = f"{NET}.10:9464"
    with urllib.request.urlopen(f"http://{target}/metrics", timeout=60) as answer:
        assert promtool("check", "metrics", given=answer.read().decode()) == ""
    with watching(target, tmp_path) as prometheus:
        (build,) = prometheus.query("lteims_build_info")
        assert build["metric"]["build"] == "compiled"
        assert prometheus.query("sum(lteims_registrations_total) > 2")
    promtool("check", "rules", str(CONFIG / "prometheus" / "lteims.rules.yml"))


def test_virtual_phones_tell_by_their_exit_code(stack: Stack, tmp_path: Path) -> None:
    assert "nothing wrong was heard: ok" in stack("run", "--rm", "phones", within=240)
    wait_until(lambda: "SAA 2001" in stack("logs", "hss") and "RAA" in stack("logs", "pcrf"), stack.server)
    hss, pcrf = stack("logs", "hss"), stack("logs", "pcrf")
    assert "wrong:" not in hss + pcrf
    (stack.config / "wrong.yaml").write_text(WRONG, encoding="utf-8")
    with pytest.raises(AssertionError, match="exit code 1"):
        stack("run", "--rm", "-v", f"{stack.config}:/scenarios:ro", "phones", "ue", "/scenarios/wrong.yaml")
    stack("stop", "ims-core")  # as `up --exit-code-from` leaves it
    run("docker", "cp", f"{stack('ps', '-aq', 'ims-core').split()[-1]}:/var/log/lteims/ims.log", str(tmp_path))
    assert "call ended" in (tmp_path / "ims.log").read_text(encoding="utf-8")


def test_what_was_there_is_there_after_a_kill(stack: Stack, tmp_path: Path) -> None:
    users = tmp_path / "users.csv"
    users.write_text(csv(USERS[2:3]), encoding="utf-8")
    assert Sipp("register", f"{NET}.10:5060", tmp_path, users, host=f"{NET}.1").run().code == 0
    stack.console(f"sms {USERS[1].impi} Waits for you")
    before = stack.console("users")
    run("docker", "kill", stack.server)
    stack.up()
    after = stack.console("users")
    assert USERS[2].impi in after.partition("Not registered")[0]
    assert [line.split() for line in after.splitlines() if USERS[1].impi in line] == [
        line.split() for line in before.splitlines() if USERS[1].impi in line
    ]
    assert "1 short messages restored" in stack.read("/var/lib/lteims/ims.log")


def test_it_stops_in_order_and_soon(stack: Stack) -> None:
    name, start = stack.server, time.monotonic()
    run("docker", "stop", "-t", str(STOP_WITHIN), name)
    print(f"\ndocker stop took {time.monotonic() - start:.2f} s")
    assert run("docker", "inspect", "-f", "{{.State.ExitCode}}", name).strip() == "0"
    assert "Traceback" not in run("docker", "logs", name)

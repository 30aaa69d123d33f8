"""`netns/lab run`: the services of compose.yaml in namespaces, to their result, and nothing is left, however it ends.

The profile `sim` needs namespaces only; `sgs` needs SCTP.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netns import network
from netns.programs import RUNS

ROOT = Path(__file__).resolve().parents[2]
TOOL = str(ROOT / "netns" / "lab")
NOBODY = 65534
WAITS = ("pcrf", "--listen", "tcp:127.0.0.1:3868")  # a test that never ends
# A server that is soon well, and a test that connects to it and waits; ims is not there.
SMALL = """
services:
  hss:
    image: lteims
    command: [hss, --listen, "tcp:10.1.0.1:3868", /usr/share/lteims/scenarios/core/hss.cfg]
    healthcheck: {test: [CMD, grep, -q, ":0F1C 00000000:0000 0A", /proc/net/tcp]}
    networks: {lab: {ipv4_address: 10.1.0.1, ipv6_address: "fd01::1"}}
  tester:
    image: lteims
    command: [TESTER]
    healthcheck: {disable: true}
    depends_on: {hss: {condition: service_healthy}}
    networks: {lab: {ipv4_address: 10.1.0.2, ipv6_address: "fd01::2"}}
networks:
  lab: {ipam: {config: [{subnet: 10.1.0.0/24}, {subnet: "fd01::/64"}]}}
"""


# The same with the IMS itself.
SERVER = re.sub(r"command: .hss.*\n +healthcheck: .*", "environment: {SIP_ADDR: 10.1.0.1}", SMALL).replace(
    "hss:", "ims:"
)


@pytest.fixture
def name() -> Iterator[str]:
    """A lab's name of our own; nothing of it may be left by a test."""
    name = f"s{os.getpid()}"
    yield name
    left = [*network.up(name), *RUNS.glob(f"*.{name}"), *processes(name)]
    network.down(name)
    assert not left


def processes(name: str) -> list[int]:
    """Programs of the lab of that name: by their folder, also where their namespace has no name any more."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                where = os.readlink(entry / "cwd")
            except OSError:
                continue
            if where.startswith(f"{RUNS}/lteims.{name}"):
                found.append(int(entry.name))
    return found


def small(folder: Path, *command: str, stack: str = SMALL) -> list[str]:
    """Arguments for the small stack with this test in it."""
    path = folder / "small.yaml"
    path.write_text(stack.replace("TESTER", ", ".join(command)), encoding="utf-8")
    return ["--file", str(path)]


def tool(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TOOL, *arguments], env={**os.environ, **env}, capture_output=True, text=True, timeout=240, check=False
    )


def begun(name: str, *arguments: str, until: str) -> "subprocess.Popen[str]":
    """The tool, as soon as it has said something."""
    program = subprocess.Popen([TOOL, "run", "-n", name, *arguments], stdout=subprocess.PIPE, text=True)
    assert program.stdout
    for line in program.stdout:
        if until in line:
            return program
    raise AssertionError(f"it ended with {program.wait()}, and never said: {until}")


@pytest.mark.native
def test_two_phones_try_the_server_with_its_core(name: str, tmp_path: Path) -> None:
    done = tool("run", "sim", "-n", name, "--keep", str(tmp_path / "kept"), LTEIMS_NET="10.77.1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    said = [(who.strip(), what) for who, _, what in (line.partition(" | ") for line in done.stdout.splitlines())]
    assert {who for who, _ in said} == {"lab", "ims", "ims-core", "hss", "pcrf", "phones"}
    order = ["hss is healthy", "pcrf is healthy", "ims-core is healthy", "phones ended with exit code 0"]
    assert [what for who, what in said if who == "lab"] == order
    assert any(who == "ims-core" and "sip 10.77.1.12:5060" in what for who, what in said)
    assert any(who == "hss" and "SAA 2001" in what for who, what in said)
    assert "call ended" in (tmp_path / "kept" / "ims-core" / "ims.log").read_text(encoding="utf-8")


def test_an_mme_tries_the_server(name: str) -> None:
    done = tool("run", "sgs", "-n", name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mme ended with exit code 0" in done.stdout


@pytest.mark.native
def test_the_exit_code_is_the_tests(name: str, tmp_path: Path) -> None:
    done = tool("run", "-n", name, *small(tmp_path, "ue", "absent.yaml"))
    assert done.returncode == 1
    assert "tester | " in done.stdout
    assert "tester ended with exit code 1" in done.stdout


@pytest.mark.native
@pytest.mark.parametrize("keep", [False, True])
def test_when_a_test_fails_the_server_s_log_can_be_read(name: str, tmp_path: Path, keep: bool) -> None:
    kept = tmp_path / "kept"
    options = ["--keep", str(kept)] if keep else []
    done = tool("run", "-n", name, *options, *small(tmp_path, "ue", "absent.yaml", stack=SERVER))
    assert done.returncode == 1
    told = re.search(r"^lab    \| the log of ims.*", done.stdout, re.MULTILINE)
    assert told
    if keep:
        assert told[0] == f"lab    | the log of ims: {kept}/ims/ims.log"
        assert " [IMS] " in (kept / "ims" / "ims.log").read_text(encoding="utf-8")
    else:
        assert told[0] == "lab    | the log of ims, all of it (--keep DIR keeps logs and state):"
        assert re.search(r"^ims    \| \d\d:.* \[IMS\] ", done.stdout[told.end() :], re.MULTILINE)


@pytest.mark.native
def test_a_server_that_cannot_start_ends_the_run(name: str, tmp_path: Path) -> None:
    arguments = small(tmp_path, *WAITS)
    path = Path(arguments[-1])
    path.write_text(
        path.read_text(encoding="utf-8").replace("tcp:10.1.0.1:3868", "tcp:10.9.9.9:3868"), encoding="utf-8"
    )
    done = tool("run", "-n", name, *arguments)
    assert done.returncode == 1
    assert done.stderr == "netns/lab: hss ended with exit code 1\n"
    assert "10.9.9.9" in done.stdout


@pytest.mark.native
def test_stopped_in_the_middle_it_ends_in_order(name: str, tmp_path: Path) -> None:
    with begun(name, *small(tmp_path, *WAITS), until="hss is healthy") as program:
        program.send_signal(signal.SIGINT)
        program.send_signal(signal.SIGTERM)  # impatience changes nothing
        assert program.stdout
        said = program.stdout.read()
    assert program.returncode in (130, 143)
    assert "lab    | stopped by SIG" in said
    assert "killed" not in said


@pytest.mark.native
def test_what_a_kill_left_is_removed_by_the_next_run(name: str, tmp_path: Path) -> None:
    arguments = small(tmp_path, *WAITS)
    with begun(name, *arguments, until="hss is healthy") as program:
        second = tool("run", "-n", name, *arguments)  # meanwhile
        assert second.returncode == 1
        assert f"lab {name} runs already" in second.stderr
        program.kill()
    assert network.up(name)
    with begun(name, *arguments, until="hss is healthy") as program:
        program.terminate()
    assert program.returncode == 143


@pytest.mark.native
def test_down_ends_a_run(name: str, tmp_path: Path) -> None:
    with begun(name, *small(tmp_path, *WAITS), until="hss is healthy") as program:
        assert tool("down", "-n", name).stdout == f"lab {name}: 2 namespaces removed\n"
        program.wait(20)


@pytest.mark.native
def test_without_root_it_says_so(name: str) -> None:
    code = f"""
import os, sys
from netns.__main__ import main
os.setuid({NOBODY})
sys.exit(main(["run", "sim", "-n", "{name}"]))"""
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (1, "netns/lab: network namespaces need root: sudo netns/lab run sim\n")

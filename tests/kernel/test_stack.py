"""The profile `sgs` of compose.yaml where the kernel has SCTP: its services with their own addresses and command lines.

Each container is a node of a lab. The server has the image's configuration, with what its environment defines in it;
who is waited for in compose.yaml is waited for here.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from netns.network import Lab

ROOT = Path(__file__).resolve().parents[2]
PROFILE = "sgs"
SERVER, RESULT = "ims-core", "mme"
LTEIMS = [sys.executable, "-m", "lteims"]
# As a container has it: a file system of the server's own for its state
STATE = 'mount -t tmpfs own /var/lib && mkdir /var/lib/lteims && exec "$@"'
OWN_STATE = ["unshare", "--mount", "sh", "-c", STATE, "-"]


def plain(value: str) -> str:
    """A value of compose.yaml where the environment says nothing."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return {name: service for name, service in found.items() if PROFILE in service.get("profiles", ())}


def node(service: str) -> str:
    return service.replace("-", "")


def topology(stack: Mapping[str, Any], folder: Path) -> str:
    """The network of the stack, for `Lab`."""
    lines = ["[networks.lab]", 'ipv4 = "172.30.90.0/24"', 'ipv6 = "fd30:90::/64"', "[networks.lab.nodes]"]
    for name, service in stack.items():
        address = plain(service["networks"]["lab"]["ipv4_address"])
        lines.append(f'{node(name)} = ["{address}", "fd30:90::{address.rpartition(".")[2]}"]')
    file = folder / "stack.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def command(service: Mapping[str, Any]) -> list[str]:
    """What the image's entrypoint makes of a service."""
    if "command" in service:
        words = [plain(word) for word in service["command"]]
        return [*LTEIMS, *(word.replace("/usr/share/lteims", str(ROOT / "docs")) for word in words)]
    handed = re.search(r"for name in ([A-Z0-9_ ]+); do", (ROOT / "docker/entrypoint").read_text(encoding="utf-8"))
    assert handed is not None
    values = {name: plain(service["environment"].get(name, "")) for name in handed[1].split()}
    defines = [word for name, value in values.items() if value for word in ("-D", f'{name}="{value}"')]
    return [*OWN_STATE, *LTEIMS, *defines, str(ROOT / "config/container.cfg")]


@contextmanager
def started(lab: Lab, stack: Mapping[str, Any], names: Iterable[str], folder: Path) -> Iterator[None]:
    """Services that are ready."""
    running = {name: begin(lab, name, stack[name], folder / name) for name in names}
    try:
        end = time.monotonic() + 60.0
        for name, process in running.items():
            while " ready: " not in (said := (folder / name).read_text(encoding="utf-8")):
                assert process.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.1)
        yield
    finally:
        for process in running.values():
            process.terminate()
            process.wait(20)


def begin(lab: Lab, name: str, service: Mapping[str, Any], output: Path) -> "subprocess.Popen[bytes]":
    with output.open("wb") as out:
        return lab.popen(node(name), command(service), cwd=ROOT, stdin=subprocess.PIPE, stdout=out, stderr=out)


def test_its_scenario_passes(tmp_path: Path) -> None:
    stack = services()
    assert list(stack[RESULT]["depends_on"]) == [SERVER]
    with (
        Lab.of(topology(stack, tmp_path), f"c{os.getpid() % 10000}") as lab,
        started(lab, stack, stack[SERVER]["depends_on"], tmp_path),
        started(lab, stack, [SERVER], tmp_path),
    ):
        done = lab.run(node(RESULT), command(stack[RESULT]), 120.0)
        said = done.stdout + done.stderr + (tmp_path / SERVER).read_text(encoding="utf-8")
        assert done.returncode == 0, said

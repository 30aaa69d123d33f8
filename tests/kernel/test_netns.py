"""netns/lab against the kernel: what `up` builds carries packets of both families, and `down` leaves nothing.

It needs root and namespaces only, so it runs on the machine itself as well as in the kernel lab.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyroute2 import IPRoute
from pyroute2 import netns as namespaces

from netns import network
from netns.__main__ import main
from netns.errors import LabError
from netns.network import NETNS, Lab
from netns.topology import load, names

pytestmark = pytest.mark.native

TOOL = str(Path(__file__).resolve().parents[2] / "netns" / "lab")
NOBODY = 65534
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


@pytest.fixture
def name() -> Iterator[str]:
    """A lab's name of our own; nothing of it may be left by a test."""
    name = f"t{os.getpid()}"
    yield name
    left = network.up(name)
    network.down(name)
    assert not left


def tool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, timeout=120, check=False)


def links() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def talk(lab: Lab, client: str, server: str, family: int, where: str = "") -> None:
    """A datagram there and one back, from addresses of the topology."""
    address = lab.address(server, family, where)
    with lab.inside(server):
        there = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
    with lab.inside(client):
        here = socket.socket(FAMILIES[family], socket.SOCK_DGRAM)
    with there, here:
        for each in (there, here):
            each.settimeout(20)
        there.bind((address, 5060))
        here.sendto(b"ping", (address, 5060))
        data, peer = there.recvfrom(100)
        there.sendto(b"pong", peer)
        assert (data, here.recv(100)) == (b"ping", b"pong")


@pytest.mark.parametrize("topology", names())
def test_phones_reach_the_server_over_both_families(topology: str, name: str) -> None:
    with Lab.of(topology, name) as lab:
        for node in lab.topology.nodes:
            for family in FAMILIES if node.name.startswith("phone") else ():
                talk(lab, node.name, "ims", family)
        made = {"bridge", *(network.name for network in lab.topology.networks)}
        assert not links() & made  # nothing of it stands outside its namespaces


def test_the_core_is_reached_on_the_core_network(name: str) -> None:
    with Lab.of("volte", name) as lab:
        for node in ("mme", "hss", "pcrf"):
            talk(lab, "ims", node, 6, "core")
        with (
            lab.inside("hss"),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hss,
            pytest.raises(OSError, match="unreachable"),
        ):
            hss.connect((lab.address("phone1"), 5060))


def test_two_labs_of_one_topology_do_not_meet(name: str) -> None:
    with Lab.of("pair", name) as one, Lab.of("pair", f"{name}b") as two:
        talk(one, "phone1", "ims", 4)
        talk(two, "phone1", "ims", 4)
        assert network.down(one.name) == 2
        talk(two, "phone1", "ims", 4)


def test_the_tool_goes_up_shows_runs_and_goes_down(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = tool("up", "pair", "--name", name)
    assert (said.returncode, said.stderr) == (0, "")
    assert f"phone1  pdn        10.90.1.11  fd90:1::11  -        lteims.{name}.phone1" in said.stdout
    assert main(["show"]) == 0
    assert name in capsys.readouterr().out
    seen = tool("exec", "-n", name, "phone1", "sh", "-c", "cat /proc/net/if_inet6; exit 5")
    assert seen.returncode == 5
    assert "fd900001000000000000000000000011" in seen.stdout
    assert main(["up", "pair", "--name", name]) == 1
    assert f"lab {name} is up already" in capsys.readouterr().err
    assert tool("down", "-n", name).stdout == f"lab {name}: 2 namespaces removed\n"
    assert main(["down", "pair", "-n", name]) == 0
    assert capsys.readouterr().out == f"lab {name}: 0 namespaces removed\n"


def test_the_tool_says_what_is_wrong(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(*arguments: str) -> str:
        assert main(arguments) == 1
        return capsys.readouterr().err

    assert f"netns/lab: lab {name} is not up" in complaint("exec", "-n", name, "phone1", "true")
    with Lab.of("pair", name):
        assert "has no node fone1; it has ims, phone1" in complaint("exec", "-n", name, "fone1", "true")
    assert "is no name for a lab" in complaint("up", "-n", "A-B")
    assert "no topology volle" in complaint("up", "volle")


def test_down_ends_what_still_runs_there(name: str) -> None:
    lab = Lab.of("pair", name)
    lab.up()
    with lab.popen("phone1", ["sleep", "600"]) as asleep, lab.popen("ims", DEAF, stdout=subprocess.PIPE) as deaf:
        assert deaf.stdout
        deaf.stdout.readline()
        codes: list[int] = []
        waiters = [threading.Thread(target=lambda p=p: codes.append(p.wait())) for p in (asleep, deaf)]
        for waiter in waiters:
            waiter.start()
        assert network.down(name) == 2
        for waiter in waiters:
            waiter.join(20)
    assert sorted(codes) == [-signal.SIGTERM, -signal.SIGKILL] or sorted(codes) == [-signal.SIGKILL, -signal.SIGTERM]


DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(600)",
]


def test_a_failed_up_leaves_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Lab, node: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Lab, "_address", refuse)
    with pytest.raises(LabError, match=r"cannot be built, and is taken down again: .*No space left"):
        Lab.of("volte", name).up()
    assert network.up(name) == []


def test_down_after_an_up_that_was_killed(name: str) -> None:
    """One namespace with a wire's end in it, one whose file is there without a namespace behind it."""
    lab = Lab.of("pair", name)
    lab.up()
    path = NETNS / lab.namespace("ims")
    namespaces.remove(path.name)
    path.touch()
    assert network.up(name) == ["ims", "phone1"]
    assert network.down(name) == 2
    assert network.up(name) == []


def test_without_root_it_says_so(name: str) -> None:
    code = f"""
import os, sys
from netns.__main__ import main
os.setuid({NOBODY})
sys.exit(main(["up", "pair", "-n", "{name}"]))"""
    root = str(Path(TOOL).parents[1])
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (1, "netns/lab: network namespaces need root: sudo netns/lab up pair\n")


def test_the_mtu_of_a_topology_is_set(name: str) -> None:
    radio = load("routed").networks[0]
    with Lab.of("routed", name) as lab:
        for node in ("gateway", "phone1"):
            with lab.inside(node), IPRoute() as ip:
                assert ip.get_links(ifname=radio.name)[0].get("mtu") == radio.mtu

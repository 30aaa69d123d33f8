"""Virtual phones over the kernel's ESP: UDP and TCP, IPv4 and IPv6, and ESP of the phone's process against it.

The server and the phone live in namespaces of their own; a scenario registers, calls the echo, texts itself and
leaves. The ladder marks what went by ESP, and tcpdump on the wire sees the rest: media, and REGISTER before the 401.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lteims.ipsec.algorithms import DEFAULT_AALGS, DEFAULT_EALGS, pairs
from netns.network import Lab

OURS = pairs(DEFAULT_AALGS, DEFAULT_EALGS)
ROOT = Path(__file__).resolve().parents[2]
K = "0396eb317b6d1c36f19c1c84cd6ffd16"
OPC = "53c15671c60a4b731c55b4a441c0bde2"
CONFIG = """log_filename: "ims.log", log_options: "all.level=error",
sip_addr: [{{addr: "{ipv4}:5060", port_min: 20000, port_max: 21000}},
  {{addr: "[{ipv6}]:5060", port_min: 20000, port_max: 21000}}],
ipsec: true, domain: "ims.mnc001.mcc001.3gppnetwork.org", echo: ["tel:666"], precondition: "on",
ue_db: [{{imsi: "001010000000003", impu: ["001010000000003", "tel:+493"], authent_type: "AKAv1",
  sim_algo: "milenage", K: "{k}", opc: "{opc}"}}],
"""
SCENARIO = """
phones:
  alice: {{imsi: 001010000000003, k: {k}, opc: {opc}, ipsec: {ipsec}, transport: {transport}, profile: {profile}}}
steps:
  - register: alice
  - subscribe: alice
  - call: {{phone: alice, to: "tel:666"}}
  - expect: {{phone: alice, what: answered}}
  - hear: {{phone: alice, packets: 10, within: 20}}
  - hangup: alice
  - register: alice
  - sms: {{phone: alice, to: "+493", text: to myself}}
  - expect: {{phone: alice, what: sms, text: to myself, within: 20}}
  - deregister: alice
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server with IPsec by the kernel in `ims`, and a wire to `phone1`."""
    folder = tmp_path_factory.mktemp("ims")
    with Lab.of("pair", f"v{os.getpid()}") as made:
        addresses = {"ipv4": made.address("ims"), "ipv6": made.address("ims", 6)}
        (folder / "ims.cfg").write_text(CONFIG.format(**addresses, k=K, opc=OPC), encoding="utf-8")
        output = folder / "output"
        with output.open("wb") as out:
            server = made.popen(
                "ims", [sys.executable, "-m", "lteims", str(folder / "ims.cfg")], cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out,
            )  # fmt: skip
        try:
            _wait_until_ready(output)
            yield made
        finally:
            server.terminate()
            assert server.wait(20) == 0, output.read_text(encoding="utf-8")


def _wait_until_ready(output: Path, within: float = 60.0) -> None:
    end = time.monotonic() + within
    while " ready: " not in (text := output.read_text(encoding="utf-8")):
        assert time.monotonic() < end, text
        time.sleep(0.1)
    assert "(kernel)" in text, text


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize(
    ("ipsec", "transport", "profile"),
    [("kernel", "udp", "plain"), ("kernel", "tcp", "plain"), ("kernel", "udp", "iphone"), ("user", "udp", "samsung")],
)
def test_a_phone_lives_behind_esp(
    lab: Lab, tmp_path: Path, family: int, ipsec: str, transport: str, profile: str
) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO.format(k=K, opc=OPC, ipsec=ipsec, transport=transport, profile=profile), encoding="utf-8")
    host = lab.address("ims", family)
    server = f"[{host}]:5060" if family == 6 else f"{host}:5060"
    done = lab.run("phone1", [sys.executable, "-m", "lteims", "ue", str(file), "--server", server, "-v"], 120.0)
    assert done.returncode == 0, done.stdout + done.stderr
    behind = done.stdout.partition("401 REGISTER")[2].splitlines()[1:]
    arrows = [line for line in behind if "-->|" in line or "|<--" in line or "--|" in line]
    assert len(arrows) > 20
    assert all("esp" in line for line in arrows), done.stdout
    assert ("tcp" in "".join(arrows)) is (ipsec == "kernel")


PHONE = """  {name}: {{imsi: 001010000000003, k: {k}, opc: {opc}, ipsec: user, alg: {alg}, ealg: {ealg}}}
"""
STEPS = """
  - register: {name}
  - call: {{phone: {name}, to: "tel:666"}}
  - expect: {{phone: {name}, what: answered, within: 20}}
  - hangup: {name}
  - sms: {{phone: {name}, to: "+493", text: by {name}}}
  - expect: {{phone: {name}, what: sms, text: by {name}, within: 20}}
  - deregister: {name}
"""


@contextmanager
def clear_text(lab: Lab) -> Iterator[list[str]]:
    """What passes the wire meanwhile outside ESP, but for media; filled in at the end."""
    found: list[str] = []
    command = ["tcpdump", "-lni", "pdn", "--immediate-mode", "(tcp or udp) and not portrange 20000-21000"]
    with lab.popen("ims", command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as dump:
        assert dump.stderr is not None
        while "listening" not in dump.stderr.readline():
            assert dump.poll() is None
        yield found
        time.sleep(0.5)
        dump.send_signal(signal.SIGINT)
        found += filter(None, dump.communicate(timeout=20)[0].splitlines())


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
def test_every_pair_of_algorithms(lab: Lab, tmp_path: Path, family: int) -> None:
    """By the phone's process; test_phones.py has them by the kernel, over UDP and TCP."""
    names = {f"{alg}-{ealg}": (alg, ealg) for alg, ealg in OURS}
    phones = "".join(PHONE.format(name=name, k=K, opc=OPC, alg=alg, ealg=ealg) for name, (alg, ealg) in names.items())
    steps = "".join(STEPS.format(name=name) for name in names)
    file = tmp_path / "scenario.yaml"
    file.write_text(f"phones:\n{phones}steps:{steps}", encoding="utf-8")
    host = lab.address("ims", family)
    server = f"[{host}]:5060" if family == 6 else f"{host}:5060"
    with clear_text(lab) as clear:
        done = lab.run("phone1", [sys.executable, "-m", "lteims", "ue", str(file), "--server", server], 240.0)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(clear) >= 2 * len(names), "tcpdump has not seen the REGISTERs in clear text"
    # What a TCP end repeats once its SAs are gone carries nothing, and the other side does not take it.
    assert [line for line in clear if ".5060" not in line and not line.endswith("length 0")] == []

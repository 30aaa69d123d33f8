"""The program as a user starts it: the shipped configuration by a relative path, the command line, both signals.

SERVER_ADDR is the shipped file's own define, so each run has a loopback address to itself and the usual port 5060.
"""

import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.server import AS_IN_A_TERMINAL, PROGRAM, READY_WITHIN, STOP_WITHIN

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a copy of config/, its API on a port that nobody has."""
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("*.log", "*.db*"))
    config = tmp_path / "config" / "ims.cfg"
    text = config.read_text(encoding="utf-8")
    assert '"127.0.0.1:9003"' in text
    config.write_text(text.replace('"127.0.0.1:9003"', '"127.0.0.1:0"'), encoding="utf-8")
    return tmp_path


def run(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The program to its end."""
    line = [str(PROGRAM), *arguments]
    return subprocess.run(
        line, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=READY_WITHIN
    )


@pytest.fixture
def address() -> str:
    """A loopback address of our own."""
    return f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.{random.randrange(2, 255)}"


@pytest.fixture
def started(home: Path, address: str) -> "Iterator[subprocess.Popen[str]]":
    """The program on the shipped configuration, as `make run` starts it but for the address."""
    line = [str(PROGRAM), "-D", f"SERVER_ADDR={address}", "config/ims.cfg"]
    process = subprocess.Popen(
        [*AS_IN_A_TERMINAL, *line],
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=STOP_WITHIN)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_starts_says_so_and_stops_in_order(
    started: "subprocess.Popen[str]", home: Path, address: str, by: signal.Signals
) -> None:
    assert started.stdout is not None
    ready = started.stdout.readline()
    assert ready.startswith("lteims "), started.communicate(timeout=STOP_WITHIN)
    assert " ready: " in ready
    assert f"{address}:5060" in ready
    started.send_signal(by)
    begin = time.monotonic()
    _, errors = started.communicate(timeout=STOP_WITHIN)
    assert started.returncode == 0, errors
    assert time.monotonic() - begin < STOP_WITHIN / 2
    assert "Traceback" not in errors
    log = (home / "config" / "ims.log").read_text(encoding="utf-8")
    assert log.startswith("# lteims version ")


def test_a_second_server_on_the_same_address_says_what_is_wrong(
    started: "subprocess.Popen[str]", home: Path, address: str
) -> None:
    assert started.stdout is not None
    started.stdout.readline()
    shutil.copytree(home / "config", home / "other")
    second = run(home, "-D", f"SERVER_ADDR={address}", "other/ims.cfg")
    assert second.returncode == 1
    assert f"{address}:5060" in second.stderr
    assert "Traceback" not in second.stderr


def test_check_says_ok(home: Path) -> None:
    checked = run(home, "--check", "config/ims.cfg")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "OK"), checked


def test_check_says_every_error_with_its_place(home: Path) -> None:
    (home / "bad.cfg").write_text('sip_addr: "127.0.0.1",\nbinding_expires: "soon",\nsession_expires: true,\n')
    checked = run(home, "--check", "bad.cfg")
    assert checked.returncode == 1
    said = checked.stdout + checked.stderr
    assert "bad.cfg:2:" in said
    assert "bad.cfg:3:" in said
    assert "Traceback" not in said


def test_print_config_is_json(home: Path) -> None:
    printed = run(home, "--print-config", "config/ims.cfg")
    assert printed.returncode == 0, printed.stderr
    tree = json.loads(printed.stdout)
    assert tree["domain"] == "ims.mnc001.mcc001.3gppnetwork.org"
    assert len(tree["ue_db"]) >= 4


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_files_may_be_closed(home: Path, address: str, closed: str) -> None:
    line = f"exec {PROGRAM} -D SERVER_ADDR={address} config/ims.cfg {closed}"
    process = subprocess.Popen(["sh", "-c", line], cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    log = home / "config" / "ims.log"
    end = time.monotonic() + READY_WITHIN
    while not (log.exists() and "ready: " in log.read_text(encoding="utf-8")):
        assert process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < end, "not ready"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_WITHIN) == 0


@pytest.mark.parametrize("after", [0.0, 0.1, 0.25, 0.4])
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_it_may_be_stopped_before_it_is_ready(home: Path, address: str, by: signal.Signals, after: float) -> None:
    """Only while the interpreter itself starts does a signal do what it does to any program."""
    line = [str(PROGRAM), "-D", f"SERVER_ADDR={address}", "config/ims.cfg"]
    process = subprocess.Popen(
        [*AS_IN_A_TERMINAL, *line], cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not _handles(process.pid, by):
        assert process.poll() is None
    time.sleep(after)
    process.send_signal(by)
    _, errors = process.communicate(timeout=STOP_WITHIN)
    assert process.returncode == 0, errors
    assert b"Traceback" not in errors


def _handles(pid: int, number: signal.Signals) -> bool:
    """Has the program of our own taken the signal over? Python's start installs one for SIGINT, none for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return all(caught >> (n - 1) & 1 for n in (number, signal.SIGTERM, signal.SIGINT))


def test_a_full_device_leaves_no_traceback(home: Path) -> None:
    for option in ("--check", "--print-config"):
        with open("/dev/full", "w") as full:
            ended = subprocess.run(
                [str(PROGRAM), option, "config/ims.cfg"], cwd=home, stdin=subprocess.DEVNULL, stdout=full,
                stderr=subprocess.PIPE, text=True, timeout=READY_WITHIN,
            )  # fmt: skip
        assert ended.returncode == 1
        assert ended.stderr == "lteims: No space left on device\n"


def test_defines_of_the_command_line(home: Path) -> None:
    (home / "d.cfg").write_text('a: A, b: B, c: C, d: D, e: E, sip_addr: "127.0.0.1"')
    given = ["-D", "A=true", "-D", "B=1.5", "-D", 'C="7"', "-D", "D=127.0.0.1", "-D", "E"]
    tree = json.loads(run(home, *given, "--print-config", "d.cfg").stdout)
    assert {name: tree[name] for name in "abcde"} == {"a": True, "b": 1.5, "c": "7", "d": "127.0.0.1", "e": 1}


def test_warnings_are_shown_beside_errors(home: Path) -> None:
    (home / "bad.cfg").write_text('sip_addr: "0.0.0.0",\nthreshold: 1300,\n')
    checked = run(home, "--check", "bad.cfg")
    assert checked.stdout.splitlines()[0] == "Warning: bad.cfg:2: unused property 'threshold'"
    assert "bad.cfg:1:11: sip_addr: phones are told this address" in checked.stdout

"""docs/ws.js with npm's nodejs-websocket against the running server: answers, passwords, TLS, events, errors."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import copy, copytree

import pytest

from tests.net.remote import BOB, api_port, served
from tests.net.server import Server
from tests.net.test_api import certificate
from tests.phone.phone import Phone
from tests.phone.wire import Udp

ROOT = Path(__file__).parents[2]
PASSWORD = "pässwörd"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script beside its one dependency."""
    found = copytree(ROOT / "tests" / "peers" / "websocket", tmp_path_factory.mktemp("node") / "ws")
    line = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    ran = subprocess.run(line, cwd=found, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    copy(ROOT / "docs" / "ws.js", found)
    return found


def ws(folder: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    line = ["./ws.js", *map(str, words)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("ws") / "server") as running:
        yield running


@pytest.fixture
def address(server: Server) -> str:
    return f"127.0.0.1:{api_port(server)}"


def test_the_line_of_the_manual(folder: Path, address: str) -> None:
    ran = ws(folder, address, '{"message": "config_get"}')
    assert (ran.returncode, ran.stderr) == (0, "")
    answer = json.loads(ran.stdout)
    assert answer["type"] == "IMS"
    assert "message_id" not in answer
    ran = ws(folder, "--pretty", address, '{"message": "config_get", "message_id": {"mine": [null]}}')
    assert json.loads(ran.stdout)["message_id"] == {"mine": [None]}
    assert '    "message": "config_get"' in ran.stdout


def test_arrays_and_errors(folder: Path, address: str) -> None:
    ran = ws(folder, address, '[{"message": "stats"}, {"message": "bar", "message_id": null}]', '{"message": "help"}')
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [answer["message"] for answer in answers] == ["stats", "bar", "help"]
    assert answers[1]["error"] == "Unknown message: bar"
    assert answers[1]["message_id"] is None
    assert ran.returncode == 1


@pytest.mark.parametrize("words", [[], ["x:1"], ["x:1", "{"], ["x:1", "[1]"], ["--nonsense", "x:1", "{}"],
                                   ["--timeout", "x", "x:1", "{}"], ["--ca", "nowhere", "x:1", "{}"],
                                   ["127.0.0.1:1", "{}"]])  # fmt: skip
def test_what_does_not_work(folder: Path, words: list[str]) -> None:
    ran = ws(folder, *words)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("ws.js: ")


def test_events(folder: Path, server: Server, address: str) -> None:
    register = '{"message": "register", "register": ["users_update"]}'
    line = ["./ws.js", "--listen", address, register]
    with subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["message"] == "register"
            phone = Phone(Udp(("127.0.0.1", server.port)), BOB)
            assert phone.register().code == 200
            assert json.loads(process.stdout.readline())["users_update"][0]["impi"] == BOB.username
            phone.register(phone.contact(0))
            phone.wire.close()
        finally:
            process.kill()


def test_password_and_tls(folder: Path, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    tls = f'com_ssl_certificate: "{cert}", com_ssl_key: "{key}", com_ssl_peer_verify: true,'
    with served(tmp_path / "server", tls + f'com_auth: {{password: "{PASSWORD}"}},') as server:
        asked = (f"127.0.0.1:{api_port(server)}", '{"message": "license"}')
        mine = ("--cert", cert, "--key", key)
        for words in (("--ca", cert, "--password", PASSWORD), ("--insecure", "--password-file", tmp_path / "password")):
            ran = ws(folder, *mine, *words, *asked)
            assert (ran.returncode, ran.stderr) == (0, "")
            assert json.loads(ran.stdout)["license"] == "Apache-2.0"
        ran = ws(folder, *mine, "--ca", cert, *asked)
        assert (ran.returncode, "asks for a password" in ran.stderr) == (1, True)
        ran = ws(folder, *mine, "--ca", cert, "--password", "wrong", *asked)
        assert (ran.returncode, "refuses the password" in ran.stderr) == (1, True)
        assert ws(folder, "--ca", cert, "--password", PASSWORD, *asked).returncode == 1
        assert ws(folder, *mine, "--tls", "--password", PASSWORD, *asked).returncode == 1

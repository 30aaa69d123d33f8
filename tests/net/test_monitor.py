"""The monitor as a person sees it (manual 7): on the server's own terminal and from outside, with a phone and its call.

`pytest -s` shows the screens. The rest is `lteims monitor` in scripts: exit codes, errors, passwords, TLS, its end.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.ports import free_port
from tests.net.remote import BOB, api_port, served
from tests.net.server import AS_IN_A_TERMINAL, PROGRAM, STOP_WITHIN, Server
from tests.net.test_api import certificate
from tests.net.tmux import Screen
from tests.phone.phone import Phone
from tests.phone.wire import Udp

PASSWORD = "pässwörd"


@contextlib.contextmanager
def registered(server: Server) -> Iterator[Phone]:
    phone = Phone(Udp(("127.0.0.1", server.port)), BOB)
    assert phone.register().code == 200
    yield phone
    phone.register(phone.contact(0))
    phone.wire.close()


def converse(screen: Screen, where: str) -> None:
    """What a person does at a console; each screen is shown."""
    shown: list[str] = []

    def ask(line: str, text: str) -> str:
        shown.append(screen.ask(line, text))
        return shown[-1]

    assert "Contact     sip:001010000000002@" in ask("users", "1 user, 1 registered, 1 binding")
    assert "no dialogs" in ask("dialog", "no dialogs")
    ask(f"mt_call {BOB.username}", "dialog ")
    assert "sip:001010000000002@" in ask("dialog", "mt call")
    assert "sip    error" in ask("log", "log all.level")
    help_text = ask("help", "users [IMPI]")
    for name in ("cevent", "dialog", "dialog_stop", "exit", "help", "license", "log", "mme", "mms", "mt_call", "quit",
                 "reinvite", "sms", "sms_flush", "t", "unregister", "users"):  # fmt: skip
        assert any(line.split()[:1] == [name] for line in help_text.splitlines()), name
    ask("help mt_call", "mt_call CALLEE [-d DURATION] [SIP_FILE] [CALLER]")
    ask("cevent", "sip_register")
    ask("license", "Apache-2.0")
    ask("mme", "MME")
    assert "unknown command 'userz', try help" in ask("userz", "try help")
    assert "takes no arguments" in ask("license please", "takes no arguments")
    # history: the wrong one, then the one before it
    screen.type("C-l", "Up", "Up", "Up", "Enter")
    shown.append(screen.wait("MME"))
    # completion: of a command, of an IMPI, of a log option; where several fit they are listed
    screen.type("C-l", "use", "Tab")
    screen.wait("(ims) users")
    screen.type("00101", "Tab")
    screen.wait(f"(ims) users {BOB.username}")
    screen.type("Enter")
    screen.wait("1 user, 1 registered")
    screen.type("log sip.lev", "Tab")
    screen.wait("(ims) log sip.level=")
    screen.type("deb", "Tab")
    shown.append(screen.wait("(ims) log sip.level=debug"))
    screen.type("Enter")
    screen.wait("(ims)", 3)
    screen.type("C-l", "dialog", "Tab")
    shown.append(screen.wait("dialog_stop"))
    screen.type("C-c")
    ask("log", "sip    debug")
    # the running view, until a key is pressed
    screen.type("C-l", "t", "Enter")
    screen.wait("REG/s")
    screen.wait("\n         0", 2)
    screen.type("q")
    shown.append(screen.wait("(ims)", 2))
    ask("dialog", "#")
    for text in shown:
        print(f"\n--- {where}\n{text}")


def test_on_the_servers_own_terminal(tmp_path: Path) -> None:
    server = served(tmp_path / "server")
    server.write()
    with Screen(server.folder, PROGRAM, server.config) as screen:
        screen.wait(" ready: ")
        screen.wait("(ims)")
        with registered(server):
            converse(screen, "on the server's own terminal")
            assert "quit stops the server" in screen.ask("exit", "own terminal")
        screen.type("C-l", "C-d")
        assert "exit code 0" in screen.wait("exit code")


def test_from_outside(tmp_path: Path) -> None:
    with served(tmp_path / "server", f'com_auth: {{password: "{PASSWORD}"}},') as server:
        (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
        words = (PROGRAM, "monitor", f"127.0.0.1:{api_port(server)}", "--password-file", tmp_path / "password")
        with Screen(tmp_path, *words) as screen:
            screen.wait("exit or Ctrl-D leaves this console, quit stops the server")
            with registered(server):
                converse(screen, "from outside")
            screen.type("C-l", "C-d")
            assert "exit code 0" in screen.wait("exit code")
        with Screen(tmp_path, *words) as screen:
            screen.wait("(ims)")
            for key in "zy":  # once both are shown, the history is loaded
                screen.type(key)
                screen.wait(key)
            screen.type("C-u", "Up")
            screen.wait("(ims) dialog")  # the last line of the last time
            screen.type("Enter")
            screen.wait("(ims)", 2)
            screen.type("quit", "Enter")
            assert "the server stops" in screen.wait("exit code 0")
        assert server.process is not None
        assert server.process.wait(STOP_WITHIN) == 0


def test_the_server_goes_away(tmp_path: Path) -> None:
    with served(tmp_path / "server") as server:
        with Screen(tmp_path, PROGRAM, "monitor", f"127.0.0.1:{api_port(server)}") as screen:
            screen.wait("(ims)")
            screen.type("half a li")
            server.stop()
            assert "is gone" in screen.wait("exit code 1")
        with Screen(tmp_path, PROGRAM, "monitor", f"127.0.0.1:{api_port(server)}") as screen:
            assert "nobody listens there" in screen.wait("exit code 1")


def monitor(*words: object, given: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    line = [str(word) for word in (PROGRAM, "monitor", *words)]
    found = subprocess.run(
        line, input=given, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )
    assert "Traceback" not in found.stderr
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("monitor") / "server") as running:
        yield running
    assert "internal error" not in running.log


def test_one_shot(server: Server) -> None:
    address = f"localhost:{api_port(server)}"
    ran = monitor(address, "-c", "users", "-c", "log sip.level=info", "-c", "t 1")
    assert ran.returncode == 0
    assert "1 user, 0 registered, 0 bindings" in ran.stdout
    assert len(ran.stdout[ran.stdout.index("REG/s") :].splitlines()) == 2
    ran = monitor(address, "-c", "nonsense", "-c", "users")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "unknown command 'nonsense', try help\n")
    ran = monitor(address, "-c", "sms nobody hello")
    assert ran.returncode == 1
    assert "nobody" in ran.stderr


def test_lines_on_standard_input(server: Server) -> None:
    address = f"127.0.0.1:{api_port(server)}"
    ran = monitor(address, given="license\n\nexit\nusers\n")
    assert ran.returncode == 0
    assert "Apache-2.0" in ran.stdout
    assert "registered" not in ran.stdout
    assert monitor(address, given="license\nnonsense\nusers\n").returncode == 1


def test_a_running_view_ends_by_a_signal(server: Server) -> None:
    line = [*AS_IN_A_TERMINAL, str(PROGRAM), "monitor", f"127.0.0.1:{api_port(server)}", "-c", "t"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "REG/s" in process.stdout.readline()
        assert process.stdout.readline().split()[0] == "0"
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_WITHIN) == -signal.SIGINT


def test_answers_that_nobody_can_read_end_it(server: Server) -> None:
    line = [str(PROGRAM), "monitor", f"127.0.0.1:{api_port(server)}"]
    with subprocess.Popen([*line, "-c", "t"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(STOP_WITHIN) == 128 + signal.SIGPIPE
        assert process.stderr.read() == ""
    with open("/dev/full", "w") as full:
        ran = subprocess.run([*line, "-c", "license"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "cannot be written" in ran.stderr


def test_octets_that_are_no_text(server: Server) -> None:
    line = [str(PROGRAM), "monitor", f"127.0.0.1:{api_port(server)}"]
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    for words, given in (([b"-c", b"sms 1 \xff"], b""), ([], b"license\nsms 1 \xff\n")):
        ran = subprocess.run([*line, *words], input=given, capture_output=True, timeout=60, env=environment)
        assert (ran.returncode, ran.stderr) == (1, b"the command has octets that are no UTF-8\n")


def test_what_does_not_work(server: Server, tmp_path: Path) -> None:
    def error(*words: object) -> str:
        ran = monitor(*words, "-c", "users")
        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr.startswith("lteims monitor: ")
        assert ran.stderr.count("\n") == 1
        return ran.stderr

    port = api_port(server)
    assert "nobody listens there" in error(f"127.0.0.1:{free_port()}")
    assert "is no port" in error("127.0.0.1:port")
    assert "may not use TLS" in error(f"127.0.0.1:{port}", "--tls")
    assert "cannot be read" in error(f"127.0.0.1:{port}", "--password-file", tmp_path / "nowhere")
    assert "cannot be used" in error(f"127.0.0.1:{port}", "--ca", tmp_path / "nowhere")
    assert monitor("--nonsense").returncode == 2


def test_password_and_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    other, other_key = certificate(tmp_path, "other")
    tls = f'com_ssl_certificate: "{cert}", com_ssl_key: "{key}", com_ssl_peer_verify: true,'
    with served(tmp_path / "server", tls + f'com_auth: {{password: "{PASSWORD}"}},') as server:
        address = f"127.0.0.1:{api_port(server)}"
        mine = ("--cert", cert, "--key", key, "-c", "users")
        assert monitor(address, "--ca", cert, *mine, LTEIMS_PASSWORD=PASSWORD).returncode == 0
        assert monitor(address, "--insecure", *mine, LTEIMS_PASSWORD=PASSWORD).returncode == 0
        ran = monitor(address, "--ca", cert, *mine)
        assert (ran.returncode, "asks for a password" in ran.stderr) == (1, True)
        ran = monitor(address, "--ca", cert, *mine, LTEIMS_PASSWORD="wrong")
        assert (ran.returncode, "refuses the password" in ran.stderr) == (1, True)
        ran = monitor(address, "--ca", other, *mine)
        assert (ran.returncode, "is not trusted" in ran.stderr) == (1, True)
        ran = monitor(address, "--ca", cert, "--cert", other, "--key", other_key, "-c", "users")
        assert ran.returncode == 1
        ran = monitor(address, "-c", "users")
        assert (ran.returncode, "may want TLS" in ran.stderr) == (1, True)

"""The commands, without a terminal: their text, their errors, completion."""

from pathlib import Path

import pytest

from lteims import trace
from lteims.config.log_options import parse_log_options
from lteims.oam.command import Answer, Command, CommandError, End
from lteims.oam.commands import Commands
from lteims.oam.log import LogFile
from lteims.trace import DEBUG, ERROR, SIP

from .users import FakeControl

NAMES = ["dialog", "dialog_answer", "dialog_stop", "exit", "help", "log", "mms", "mt_call", "quit", "reinvite", "users"]


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


@pytest.fixture
def commands(control: FakeControl) -> Commands:
    return Commands(control, LogFile(options=parse_log_options("all.level=error")))


def test_users_one_block_a_binding(commands: Commands) -> None:
    assert commands.execute("users").text == (
        "IMPI        001010000000001@ims\n"
        "IMSI        001010000000001\n"
        "Binding     1a2b\n"
        "Contact     sip:001010000000001@192.168.4.2:5060\n"
        "IMPU        tel:0600000001\n"
        "            sip:001010000000001@ims\n"
        "Source      udp 192.168.4.2:5060\n"
        "Features    sms, volte\n"
        "Priority    q=1\n"
        "IMEI        350000000000017\n"
        "User agent  phone\\x1b[2J\\x0a(ims) quit\n"
        "Expires     3599 s\n"
        "SMS         2 pending\n"
        "Dialog      5e55  start  001010000000002@ims\n"
        "\n"
        "Not registered:\n"
        "  001010000000002@ims  001010000000002  MD5   tel:0600000002, sip:two\n"
        "  three@ims            -                none  tel:3                    1 SMS pending\n"
        "\n"
        "3 users, 1 registered, 1 binding"
    )


def test_users_filtered(commands: Commands) -> None:
    assert commands.execute("users 0600000002").text.splitlines()[1].startswith("  001010000000002@ims")
    assert commands.execute("users THREE").text.endswith("1 user, 0 registered, 0 bindings")
    assert commands.execute("users x'\x07").text.startswith("no user matches")


def test_no_users(commands: Commands, control: FakeControl) -> None:
    control.found = []
    assert commands.execute("users").text == "0 users, 0 registered, 0 bindings"


def test_help(commands: Commands) -> None:
    lines = commands.execute("help").text.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert all(line.endswith(".") for line in lines)
    assert commands.execute("help users").text.startswith("users [IMPI]\n  List the users")
    assert "file.rotate=SIZE[K|M|G]" in commands.execute("he lo").text
    assert commands.execute("help x").text == "unknown command 'x', try help"


def test_names_and_their_beginnings(commands: Commands) -> None:
    for name in ("sms", "sms_flush", "mms"):
        commands.add(Command(name, "X", "", "", lambda arguments, name=name: f"{name}:{arguments}"))  # type: ignore[misc]
    assert commands.execute("  sms   a  b ").text == "sms:a  b"
    assert commands.execute("sms_ 1").text == "sms_flush:1"
    assert commands.execute("sm x").text == "ambiguous command 'sm': sms, sms_flush"
    assert commands.execute("x y").text == "unknown command 'x', try help"
    assert commands.execute("").text == commands.execute("   ").text == ""
    assert "\x1b" not in commands.execute("\x1b[2J\udcff").text


def test_log_shows_and_changes(tmp_path: Path) -> None:
    log_file = LogFile("ims.log", directory=str(tmp_path), options=parse_log_options("all.level=error"))
    commands = Commands(FakeControl(), log_file)
    assert commands.execute("log sip.level=debug,sip.max_size=1").text == ""
    shown = commands.execute("log").text.splitlines()
    assert shown[0].startswith(f"File:     {tmp_path}/ims.log, ")
    assert "sip    debug  1         0        0    0" in shown
    assert shown[-1] == "log " + log_file.options_text()
    trace.SIP.level = ERROR
    assert commands.execute(shown[-1]).text == ""
    assert SIP.level == DEBUG
    log_file.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("all.level=debug,nas.level=debug", "unknown layer 'nas'"),
        ("all.level=debug,file=cut", "there is no log file"),
        ("all.level=debug,file.path=/nowhere", "/nowhere is no directory"),
    ],
)
def test_an_error_in_log_options_changes_nothing(commands: Commands, options: str, words: str) -> None:
    assert words in commands.execute(f"log {options}").text
    assert SIP.level == ERROR


def test_quit(commands: Commands, control: FakeControl) -> None:
    assert commands.execute("exit") == Answer(end=End.EXIT)
    assert commands.execute("quit now") == Answer("quit takes no arguments", failed=True)
    assert (commands.quitting, control.quits) == (False, 0)
    assert commands.execute("q") == Answer(end=End.QUIT)
    assert (commands.quitting, control.quits) == (True, 1)


def test_a_command_that_breaks_is_one_line_and_a_log_entry() -> None:
    log_file = LogFile(options=parse_log_options("all.level=error"))
    trace.set_sink(log_file)
    commands = Commands(FakeControl(), log_file)

    def broken(arguments: str) -> str:
        raise KeyError(arguments)

    def refused(arguments: str) -> str:
        raise CommandError(f"not {arguments}")

    commands.add(Command("broken", "X", "", "", broken))
    commands.add(Command("refused", "WHAT", "", "", refused))
    answer = commands.execute("broken \x1b\nx").text
    assert answer == "internal error in 'broken': KeyError: '\\x1b\\nx'; the log file has the details"
    (entry,) = log_file.ring.read().entries
    assert entry.data[0].startswith("monitor: internal error in 'broken'")
    assert "Traceback" in entry.data[1]
    assert commands.execute("refused this") == Answer("not this", failed=True)
    assert len(log_file.ring) == 1


@pytest.mark.parametrize(
    ("line", "word", "candidates"),
    [
        ("", "", [f"{name} " for name in NAMES]),
        ("d", "d", ["dialog ", "dialog_answer ", "dialog_stop "]),
        ("u", "u", ["users "]),
        ("help l", "l", ["log"]),
        ("users 00", "00", ["001010000000001@ims", "001010000000002@ims"]),
        ("users tel:3", "tel:3", ["tel:3"]),
        ("log s", "s", ["sip."]),
        ("log all.level=error,sip.le", "all.level=error,sip.le", ["all.level=error,sip.level="]),
        ("log sip.level=d", "sip.level=d", ["sip.level=debug"]),
        ("log time=", "time=", ["time=sec", "time=short", "time=full"]),
        ("log file.r", "file.r", ["file.rotate="]),
        ("log file.rotate=", "file.rotate=", ["file.rotate=now"]),
        ("log sip.key=", "sip.key=", ["sip.key=0", "sip.key=1"]),
        ("log nas.", "nas.", []),
        ("log x=", "x=", []),
        ("quit x", "x", []),
        ("nothing x", "x", []),
    ],
)
def test_completion(commands: Commands, line: str, word: str, candidates: list[str]) -> None:
    assert commands.complete(line) == (word, candidates)


def test_every_completed_option_parses(commands: Commands) -> None:
    def leaves(line: str) -> list[str]:
        _, found = commands.complete(f"log {line}")
        return [leaf for one in found for leaf in ([one] if one == line else leaves(one))] or [line]

    parsed = [leaf for leaf in leaves("") if not leaf.endswith("max_size=")]
    assert len(parsed) > 60
    for leaf in parsed:
        assert parse_log_options(leaf)

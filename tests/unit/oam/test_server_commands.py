"""The commands for the server as a whole, on clocks and counters of their own."""

import pytest

from lteims import counters
from lteims.oam.command import Answer
from lteims.oam.commands import Commands
from lteims.oam.log import LogFile
from lteims.oam.rates import Rates
from lteims.oam.server_commands import ServerCommands

from .users import FakeControl


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    counts: dict[str, int] = {}
    monkeypatch.setattr(counters, "counts", counts)
    return counts


class Clock:
    """Goes on when it is told to."""

    now = 100.0
    used = 5.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


MMES: list[list[list[str]] | None] = [None]


@pytest.fixture
def commands(clock: Clock, counted: dict[str, int]) -> Commands:
    def settle() -> None:
        counted["rtp_recv"] = counted.get("rtp_recv", 0)

    commands = Commands(FakeControl(), LogFile())
    rates = Rates(lambda: clock.now, lambda: clock.used, settle, lambda: 3)
    for command in ServerCommands(rates, settle, lambda: MMES[0]).commands():
        commands.add(command)
    MMES[0] = None
    return commands


def test_counts(commands: Commands, counted: dict[str, int]) -> None:
    assert commands.execute("cevent").text == "nothing was counted yet"
    counted |= {"sip_register": 12, "sip_ok": 7, "sip_malformed": 1}
    assert commands.execute("cevent").text == (
        "Messages:\n  sip_ok         7\n  sip_register  12\n\nErrors:\n  sip_malformed   1"
    )
    assert commands.execute("cevent sip_m").text == "Errors:\n  sip_malformed  1"
    assert commands.execute("cevent nothing") == Answer(
        "no counter begins with 'nothing'; cevent help msg lists them", failed=True
    )


def test_the_meaning_of_counters(commands: Commands) -> None:
    lines = commands.execute("cevent help msg").text.splitlines()
    assert lines[0] == "Messages:"
    names = {line.split()[0] for line in lines if line.startswith("  ")}
    assert names == set(counters.DECLARED)
    assert any(line.startswith("  rtp_recv ") and line.endswith("Valid RTP packets received") for line in lines)
    assert commands.execute("cevent help").text == commands.execute("cevent help msg").text
    assert commands.execute("cevent help rtp_r").text.splitlines()[1].startswith("  rtp_recv  Valid")
    assert "help" in commands.complete("cevent h")[1]
    assert "rtp_recv" in commands.complete("cevent help rtp_")[1]


def test_license(commands: Commands) -> None:
    text = commands.execute("license").text
    assert "Apache-2.0" in text
    assert text.endswith("no licence key is needed")
    assert commands.execute("license x").failed


def test_mmes(commands: Commands) -> None:
    assert (
        commands.execute("mme").text
        == "no MME can connect: sctp_addr is not set, or nothing listens there, as the log says"
    )
    MMES[0] = []
    assert commands.execute("mme").text == "no MME is connected"
    MMES[0] = [["mme.example", "10.0.0.1:29118", "3"]]
    assert commands.execute("mme").text.splitlines()[1] == "mme.example  10.0.0.1:29118  3"


def test_rates(commands: Commands, counted: dict[str, int], clock: Clock) -> None:
    first = commands.execute("t")
    assert first.text.split("  ")[-1].strip() == "CPU %"
    assert first.again == "t 0 1"
    counted |= {"ims_registration": 10, "ims_call": 3, "ims_call_ended": 1, "sms_mo": 1, "sms_mt": 2, "rtp_recv": 500}
    clock.now, clock.used = 102.0, 5.5
    second = commands.execute(first.again)
    assert second.text.split() == ["5", "1.5", "1.5", "250", "0", "0", "2", "3", "25.0"]
    assert len(second.text) == len(first.text)
    clock.now = 103.0
    assert commands.execute(second.again).text.split()[:5] == ["0"] * 5
    clock.now = 200.0  # nobody has looked for long: there is nothing to compare with
    assert commands.execute(second.again).text.split()[:6] == ["-"] * 6


def test_several_consoles_look_at_once(commands: Commands, counted: dict[str, int], clock: Clock) -> None:
    commands.execute("t")
    clock.now = 100.9
    commands.execute("t")
    counted["ims_registration"] = 10
    clock.now = 101.0  # a tenth behind the other's sample, but a second behind its own
    assert commands.execute("t 0 1").text.split()[0] == "10"


def test_rates_end_behind_count_lines(commands: Commands, clock: Clock) -> None:
    answer, lines = commands.execute("t 45"), []
    while answer.again:
        clock.now += 1
        answer = commands.execute(answer.again)
        lines += answer.text.splitlines()
    assert len([line for line in lines if "REG/s" not in line]) == 45
    assert len(lines) == 47  # the header again behind each twenty


@pytest.mark.parametrize("words", ["x", "-1", "0", "1 2 3", "99999999999", "1 x", "1.5"])
def test_wrong_words(commands: Commands, words: str) -> None:
    answer = commands.execute(f"t {words}")
    assert answer.failed
    assert answer.text.startswith("usage: t [COUNT]")


@pytest.mark.parametrize("name", ["cevent", "license", "mme", "t"])
def test_help(commands: Commands, name: str) -> None:
    lines = commands.execute(f"help {name}").text.splitlines()
    assert lines[0].startswith(name)
    assert len(lines) > 2


def test_rates_keep_few_samples_however_many_look() -> None:
    rates = Rates(lambda: 1.0, lambda: 0.0, lambda: None, lambda: 3)
    for _ in range(1000):
        rates.line()
    assert len(rates._samples) == 1

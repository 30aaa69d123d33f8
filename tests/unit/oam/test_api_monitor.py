"""The messages of consoles from outside."""

import pytest

from lteims.errors import OperatorError
from lteims.oam.api_monitor import complete, monitor
from lteims.oam.command import Answer, Command
from lteims.oam.commands import Commands
from lteims.oam.log import LogFile

from .users import FakeControl


@pytest.fixture
def commands() -> Commands:
    return Commands(FakeControl(), LogFile())


def test_a_line_and_its_end(commands: Commands) -> None:
    assert monitor(commands, "users")["text"].endswith("3 users, 1 registered, 1 binding")
    assert monitor(commands, "exit") == {"text": "", "end": "exit"}
    assert monitor(commands, "") == {"text": ""}
    commands.add(Command("again", "", "", "", lambda arguments: Answer("1", again="again 2")))
    assert monitor(commands, "again") == {"text": "1", "again": "again 2"}
    with pytest.raises(OperatorError, match="unknown command 'nonsense', try help"):
        monitor(commands, "nonsense")


def test_completion(commands: Commands) -> None:
    assert complete(commands, "us") == {"word": "us", "words": ["users "]}
    assert complete(commands, "log sip.k") == {"word": "sip.k", "words": ["sip.key="]}

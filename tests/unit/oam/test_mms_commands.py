"""The command mms, on a control that writes down what it is asked for."""

from dataclasses import dataclass, field

import pytest

from lteims import trace
from lteims.config.log_options import parse_log_options
from lteims.errors import OperatorError
from lteims.ims.mms_directory import Party
from lteims.ims.mms_draft import Draft
from lteims.mm1.content_type import ContentType
from lteims.oam.command import Answer, Command, CommandError, finished
from lteims.oam.log import LogFile
from lteims.oam.mms_commands import MmsCommands


@dataclass
class FakeMms:
    """A control without an MMSC."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    sent: list[Draft] = field(default_factory=list)
    full: bool = False

    def prepare(self, filename: str, sender: str, to: str) -> Draft:
        self.asked.append((filename, sender, to))
        if to == "nobody":
            raise OperatorError("there is no user 'nobody'")
        return Draft(sender=Party(sender), to=(to,), content_type=ContentType("image/jpeg"), body=bytes(70))

    async def send(self, draft: Draft) -> str:
        if self.full:
            raise OperatorError("the message was not taken: no room")
        self.sent.append(draft)
        return "id"


def no_words(word: str) -> tuple[str, ...]:
    return ()


async def shown(command: Command, arguments: str) -> Answer:
    """What a console shows in the end."""
    answer = command.run(arguments)
    assert isinstance(answer, Answer)
    return await finished(answer)


async def test_mms() -> None:
    control = FakeMms()
    (command,) = MmsCommands(control, no_words).commands()
    assert await shown(command, "cat.jpg 12345 +33600000001/TYPE=PLMN") == Answer("70 octets for +33600000001")
    await shown(command, "'my cat.jpg' 12345 2")
    assert [filename for filename, _, _ in control.asked] == ["cat.jpg", "my cat.jpg"]
    assert [draft.to for draft in control.sent] == [("+33600000001/TYPE=PLMN",), ("2",)]
    control.full = True
    assert await shown(command, "cat.jpg 1 2") == Answer("the message was not taken: no room", failed=True)
    assert len(control.sent) == 2


async def test_a_fault_of_ours_ends_no_console() -> None:
    log_file = LogFile(options=parse_log_options("all.level=error"))
    trace.set_sink(log_file)
    control = FakeMms()
    (command,) = MmsCommands(control, no_words).commands()
    control.sent = None  # type: ignore[assignment]
    answer = await shown(command, "cat.jpg 1 2")
    assert answer.failed
    assert answer.text.startswith("internal error in 'mms': AttributeError: ")
    assert answer.text.endswith("; the log file has the details")
    (entry,) = log_file.ring.read().entries
    assert entry.data[0].startswith("monitor: internal error in 'mms'")
    assert "Traceback" in entry.data[1]


@pytest.mark.parametrize("arguments", ["", "a", "a b", "a b c d", "'a b c"])
async def test_wrong_words(arguments: str) -> None:
    control = FakeMms()
    with pytest.raises(CommandError):
        MmsCommands(control, no_words).commands()[0].run(arguments)
    assert control.asked == []


async def test_nobody() -> None:
    with pytest.raises(OperatorError, match="nobody"):
        MmsCommands(FakeMms(), no_words).commands()[0].run("a 1 nobody")

"""The operator's commands (manual 7): one table of name, usage, help and function, for every console.

Consoles read lines and call `execute` and `complete`; commands of other parts are added with `add`. A command returns
text or an Answer, or raises CommandError; whatever else goes wrong in it becomes one line here and an entry in the log.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from lteims.errors import OperatorError
from lteims.ims.control import UserView
from lteims.oam.call_commands import CallCommands, CallControl
from lteims.oam.command import Answer, Command, CommandError, End, broken
from lteims.oam.listing import columns, users_text
from lteims.oam.log import LogFile
from lteims.oam.log_command import LogCommand
from lteims.oam.log_format import escape, one_line
from lteims.oam.mms_commands import MmsCommands, MmsControl
from lteims.oam.registration_commands import RegistrationCommands, RegistrationControl
from lteims.oam.sms_commands import SmsCommands, SmsControl

_SHOWN = 60  # characters of the operator's own words that an error repeats


class Control(Protocol):
    """What the commands here ask of the server."""

    @property
    def calls(self) -> CallControl:
        """What concerns calls."""

    @property
    def sms(self) -> SmsControl | None:
        """What concerns short messages."""

    @property
    def mms(self) -> MmsControl | None:
        """What concerns multimedia messages."""

    @property
    def registrations(self) -> RegistrationControl | None:
        """What concerns registrations."""

    def users(self) -> Sequence[UserView]:
        """All users of the database, in its order."""

    def quit(self) -> None:
        """Begin to stop the program."""


class Commands:
    """The table, and the one place where a line becomes text."""

    def __init__(self, control: Control, log_file: LogFile) -> None:
        self.quitting = False  # somebody said quit
        self._control = control
        self._log_file = log_file
        self._table: dict[str, Command] = {}
        for command in (*self._first_commands(), *CallCommands(control.calls).commands()):
            self.add(command)
        if control.sms is not None:
            for command in SmsCommands(control.sms, self._identities).commands():
                self.add(command)
        for command in MmsCommands(control.mms, self._identities).commands():
            self.add(command)
        if control.registrations is not None:
            for command in RegistrationCommands(control.registrations).commands():
                self.add(command)

    def add(self, command: Command) -> None:
        """Put a command into the table, or in the place of the one of that name."""
        self._table[command.name] = command

    def execute(self, line: str) -> Answer:
        """Carry one line out; the answer's text is fit for a terminal. Never raises."""
        name, _, arguments = line.strip().partition(" ")
        if not name:
            return Answer()
        try:
            return self._run(self.find(name), arguments.strip())
        except (CommandError, OperatorError) as error:
            return Answer(escape(str(error)), failed=True)
        except Exception as error:
            return broken(one_line(name[:_SHOWN]), error)

    @staticmethod
    def _run(command: Command, arguments: str) -> Answer:
        if arguments and not command.usage:
            raise CommandError(f"{command.name} takes no arguments")
        found = command.run(arguments)
        answer = found if isinstance(found, Answer) else Answer(found)
        return replace(answer, text=escape(answer.text.rstrip("\n")))

    def find(self, name: str) -> Command:
        """The command of this name or of this unambiguous beginning. Raises CommandError."""
        if name in self._table:
            return self._table[name]
        found = [command for command in self._table if command.startswith(name)]
        if not found:
            raise CommandError(f"unknown command {name[:_SHOWN]!r}, try help")
        if len(found) > 1:
            raise CommandError(f"ambiguous command {name[:_SHOWN]!r}: {', '.join(sorted(found))}")
        return self._table[found[0]]

    def complete(self, line: str) -> tuple[str, list[str]]:
        """The word that the line ends with, and what may stand in its place. Never raises."""
        name, space, rest = line.lstrip().partition(" ")
        if not space:
            return name, [f"{command} " for command in sorted(self._table) if command.startswith(name)]
        word = rest.rpartition(" ")[2]
        try:
            return word, list(self.find(name).complete(word))
        except Exception:
            return word, []  # a word that cannot be completed is no event

    def _first_commands(self) -> tuple[Command, ...]:
        return (
            Command(
                "help",
                "[COMMAND]",
                "Show the commands, or one of them in detail.",
                "A command may be shortened as long as its beginning fits no other one.",
                self._help,
                lambda word: (name for name in sorted(self._table) if name.startswith(word)),
            ),
            LogCommand(self._log_file).command(),
            Command(
                "exit",
                "",
                "Leave a console of `lteims monitor`; the server goes on.",
                "Ctrl-D on an empty line does the same there. The server's own terminal is not left: see quit.",
                self._exit,
            ),
            Command(
                "quit",
                "",
                "Stop the program.",
                "It stops the server, also from a console of `lteims monitor`; to leave that one, use exit.\n"
                "On the server's own terminal Ctrl-D on an empty line does the same.",
                self._quit,
            ),
            Command(
                "users",
                "[IMPI]",
                "List the users and how they are registered.",
                "With IMPI only those whose IMPI, IMSI or IMPU contains it.",
                self._users,
                self._identities,
            ),
        )

    def _help(self, arguments: str) -> str:
        if arguments:
            command = self.find(arguments.split()[0])
            return f"{_synopsis(command)}\n  {command.summary}\n" + "\n".join(
                f"  {line}" for line in command.help.splitlines()
            )
        return "\n".join(columns([(_synopsis(command), command.summary) for _, command in sorted(self._table.items())]))

    def _users(self, arguments: str) -> str:
        users = self._control.users()
        if not arguments:
            return users_text(users)
        wanted = arguments.lower()
        found = [u for u in users if any(wanted in identity.lower() for identity in (u.impi, u.imsi, *u.impu))]
        if not found:
            raise CommandError(f"no user matches {arguments[:_SHOWN]!r}")
        return users_text(found)

    def _identities(self, word: str) -> Iterable[str]:
        users = self._control.users()
        return [name for user in users for name in (user.impi, *user.impu) if name.startswith(word)]

    def _exit(self, arguments: str) -> Answer:
        return Answer(end=End.EXIT)

    def _quit(self, arguments: str) -> Answer:
        self.quitting = True
        self._control.quit()
        return Answer(end=End.QUIT)


def _synopsis(command: Command) -> str:
    return f"{command.name} {command.usage}".rstrip()

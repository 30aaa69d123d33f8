"""The operator's command for registrations (manual 6.6): unregister. Part of the table in commands.py."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from lteims.ims.deregistration import EVENTS
from lteims.oam.command import Command, CommandError


class RegistrationControl(Protocol):
    """What this command asks of the server."""

    def unregister(self, uri: str, event: str = ...) -> Sequence[str]:
        """End contacts; their URIs."""

    def contacts(self) -> Sequence[str]:
        """The URI of every contact."""


class RegistrationCommands:
    """Makes the command."""

    def __init__(self, control: RegistrationControl) -> None:
        self._control = control

    def commands(self) -> tuple[Command, ...]:
        """All of them: one."""
        return (
            Command(
                "unregister",
                "URI [EVENT]",
                "De-register a phone, and tell it.",
                "URI is a contact, or an IMPU or IMPI for all contacts of that user. EVENT is what the phone is told:\n"
                "deactivated (the default: it registers again at once), probation (later) or rejected (no more).",
                self._unregister,
                self._words,
            ),
        )

    def _unregister(self, arguments: str) -> str:
        words = arguments.split()
        if not 1 <= len(words) <= 2:
            raise CommandError("usage: unregister URI [EVENT]")
        return "\n".join(f"{contact} is de-registered" for contact in self._control.unregister(*words))

    def _words(self, word: str) -> Iterable[str]:
        return [known for known in (*self._control.contacts(), *EVENTS) if known.startswith(word)]

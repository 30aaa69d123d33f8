"""The operator's commands for short messages (manual 7): sms, sms_flush. Part of the table in commands.py."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

from lteims.ims.sms_control import Draft
from lteims.oam.command import Answer, Command, CommandError, begin


class SmsControl(Protocol):
    """What these commands ask of the server."""

    def prepare(self, *, impi: str = "", impu: str = "", text: str | None = None) -> Draft:
        """Make a message."""

    def send(self, draft: Draft) -> Coroutine[Any, Any, list[str]]:
        """Store and deliver it."""

    def sms_flush(self, impi: str) -> int:
        """Forget what waits for a user."""


class SmsCommands:
    """Makes the commands."""

    def __init__(self, control: SmsControl, identities: Callable[[str], Iterable[str]]) -> None:
        """`identities` gives the IMPIs and IMPUs that begin with a text."""
        self._control = control
        self._identities = identities

    def commands(self) -> tuple[Command, ...]:
        """All of them."""
        return (
            Command(
                "sms",
                "IMPI|IMPU TEXT",
                "Send a short message to a user.",
                "IMPU is looked for where there is no such IMPI. A long text goes in parts; the message waits for\n"
                "the user to register.",
                self._sms,
                self._identities,
            ),
            Command(
                "sms_flush",
                "IMPI|IMPU",
                "Forget the short messages that wait for a user.",
                "How many wait, users shows.",
                self._flush,
                self._identities,
            ),
        )

    def _sms(self, arguments: str) -> Answer:
        whom, _, text = arguments.partition(" ")
        if not whom or not text.strip():
            raise CommandError("usage: sms IMPI|IMPU TEXT")
        draft = self._control.prepare(impi=whom, impu=whom, text=text.strip())
        count = len(draft.parts)
        return begin("sms", self._control.send(draft), f"{count} {'part' if count == 1 else 'parts'} for {draft.to}")

    def _flush(self, arguments: str) -> str:
        impi = arguments.strip()
        if not impi or " " in impi:
            raise CommandError("usage: sms_flush IMPI|IMPU")
        count = self._control.sms_flush(impi)
        return f"{count} {'message' if count == 1 else 'messages'} forgotten"

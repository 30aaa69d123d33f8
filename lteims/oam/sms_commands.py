"""The operator's commands for short messages (manual 7): sms, sms_flush. Part of the table in commands.py."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from lteims.errors import OperatorError
from lteims.ims.sms_control import Draft
from lteims.oam.command import Command, CommandError
from lteims.trace import ERROR, IMS, log


class SmsControl(Protocol):
    """What these commands ask of the server."""

    def prepare(self, *, impi: str = "", impu: str = "", text: str | None = None) -> Draft:
        """Make a message."""

    async def send(self, draft: Draft) -> list[str]:
        """Store and deliver it."""

    def sms_flush(self, impi: str) -> int:
        """Forget what waits for a user."""


class SmsCommands:
    """Makes the commands."""

    def __init__(self, control: SmsControl, identities: Callable[[str], Iterable[str]]) -> None:
        """`identities` gives the IMPIs and IMPUs that begin with a text."""
        self._control = control
        self._identities = identities
        self._tasks: set[asyncio.Task[None]] = set()

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

    def _sms(self, arguments: str) -> str:
        whom, _, text = arguments.partition(" ")
        if not whom or not text.strip():
            raise CommandError("usage: sms IMPI|IMPU TEXT")
        draft = self._control.prepare(impi=whom, impu=whom, text=text.strip())
        task = asyncio.get_running_loop().create_task(self._send(draft))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        count = len(draft.parts)
        asked = "; nobody here has it: the HSS is asked, and the log tells if it has nobody" if draft.unknown else ""
        return f"{count} {'part' if count == 1 else 'parts'} for {draft.to}{asked}"

    async def _send(self, draft: Draft) -> None:
        try:
            await self._control.send(draft)
        except OperatorError as error:
            log(IMS, ERROR, f"sms: {error}")

    def _flush(self, arguments: str) -> str:
        impi = arguments.strip()
        if not impi or " " in impi:
            raise CommandError("usage: sms_flush IMPI|IMPU")
        count = self._control.sms_flush(impi)
        return f"{count} {'message' if count == 1 else 'messages'} forgotten"

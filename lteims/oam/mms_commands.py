"""The operator's command for multimedia messages (manual 7): mms. Part of the table in commands.py."""

import shlex
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, Protocol

from lteims.ims.mms_draft import Draft
from lteims.oam.command import Answer, Command, CommandError, begin

_PLMN: Final = "/TYPE=PLMN"  # how an address says that it is a number (OMA MMS encapsulation 8)


class MmsControl(Protocol):
    """What this command asks of the server."""

    def prepare(self, filename: str, sender: str, to: str) -> Draft:
        """Make a message."""

    def send(self, draft: Draft) -> Coroutine[Any, Any, str]:
        """Store it and tell its receiver of it."""


class MmsCommands:
    """Makes the command."""

    def __init__(self, control: MmsControl | None, identities: Callable[[str], Iterable[str]]) -> None:
        """Without `control` there is no MMSC. `identities` gives the IMPIs and IMPUs that begin with a text."""
        self._control = control
        self._identities = identities

    def commands(self) -> tuple[Command, ...]:
        """All of them."""
        return (
            Command(
                "mms",
                "FILENAME FROM TO",
                "Send a file as a multimedia message to a user.",
                "FILENAME is relative to the configuration's folder; one with blanks goes in quotes. Extensions jpg,\n"
                "jpeg, png, gif and txt are shown by phones, any other one is an attachment. FROM is the number that\n"
                "it comes from, TO a number, an IMPU or an IMPI.",
                self._mms,
                self._identities,
            ),
        )

    def _mms(self, arguments: str) -> Answer:
        try:
            words = shlex.split(arguments)
        except ValueError as error:
            raise CommandError(f"{error}") from None
        if len(words) != 3:
            raise CommandError("usage: mms FILENAME FROM TO")
        if self._control is None:
            raise CommandError("this server has no multimedia messages: set mms_server_bind_addr")
        draft = self._control.prepare(*words)
        return begin(
            "mms", self._control.send(draft), f"{len(draft.body)} octets for {draft.to[0].removesuffix(_PLMN)}"
        )

"""What an operator can do with multimedia messages (manual 6.6, 7): send a file; part of control.py."""

import os
from pathlib import Path

from lteims.errors import OperatorError
from lteims.ims.mms import Mms
from lteims.ims.mms_directory import Party, shown_address
from lteims.ims.mms_draft import Draft
from lteims.ims.subscribers import Subscribers
from lteims.mm1.compose import File, compose
from lteims.mm1.errors import MmsError
from lteims.mm1.multipart import Limits


class MmsControl:
    """The operator's verbs for multimedia messages. OperatorError says why one cannot be carried out."""

    def __init__(self, subscribers: Subscribers, mms: Mms, folder: str = "") -> None:
        """`folder` is what relative file names are relative to."""
        self._subscribers = subscribers
        self._mms = mms
        self._folder = folder

    def prepare(self, filename: str, sender: str, to: str, *, sos: bool = False) -> Draft:
        """The message that `send` takes: a file, from a number to a number, to an IMPU or to an IMPI.

        What the file is goes by its extension: jpg, jpeg, png, gif, txt, else application/octet-stream. With `sos`
        only emergency registrations are told of it.
        """
        receiver = self._receiver(to)
        content = compose([File(os.path.basename(filename), self._read(filename))])
        if len(content.body) > Limits().octets:
            raise _too_large(filename)
        return Draft(
            sender=self._sender(sender), to=(receiver,), content_type=content.content_type, body=content.body, sos=sos
        )

    async def send(self, draft: Draft) -> str:
        """Store a message and tell its receiver of it; its Message-ID."""
        try:
            await self._mms.meet(draft.to)
            return (await self._mms.accept(draft)).id
        except MmsError as error:
            raise OperatorError(f"the message was not taken: {error.why}") from None

    def _sender(self, sender: str) -> Party:
        """A user's number, who then is the sender, or whatever receivers shall read."""
        return self._mms.directory.sender("", sender)

    def _receiver(self, to: str) -> str:
        try:
            self._mms.directory.receiver(to)
        except MmsError as error:
            subscriber = self._subscribers.by_impi(to)
            if subscriber is None and self._mms.may_meet(to):
                return shown_address(to)
            if subscriber is None:
                raise OperatorError(f"there is no user '{to}': {error.why}") from None
            return self._mms.directory.address_of(subscriber)
        return shown_address(to)

    def _read(self, filename: str) -> bytes:
        most = Limits().octets
        path = Path(self._folder, filename)
        try:
            if path.exists() and not path.is_file():
                raise OperatorError(f"{path} is no regular file")
            with path.open("rb") as opened:
                data = opened.read(most + 1)
        except OSError as error:
            raise OperatorError(f"{path}: {error.strerror}") from None
        if len(data) > most:
            raise _too_large(str(path))
        return data


def _too_large(filename: str) -> OperatorError:
    return OperatorError(f"{filename} makes a message of more than {Limits().octets} octets, which none may have")

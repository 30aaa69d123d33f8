"""The command for registrations: its text, its errors, completion."""

import pytest

from lteims.errors import OperatorError
from lteims.oam.command import CommandError
from lteims.oam.registration_commands import RegistrationCommands


class FakeRegistrations:
    """Contacts without a registrar."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []

    def unregister(self, uri: str, event: str = "deactivated") -> list[str]:
        if uri != "sip:a":
            raise OperatorError(f"there is no contact '{uri}'")
        self.done.append((uri, event))
        return ["sip:1", "sip:2"]

    def contacts(self) -> list[str]:
        return ["sip:1", "sip:2"]


def test_unregister() -> None:
    control = FakeRegistrations()
    (command,) = RegistrationCommands(control).commands()
    assert command.run("sip:a") == "sip:1 is de-registered\nsip:2 is de-registered"
    command.run("sip:a rejected")
    assert control.done == [("sip:a", "deactivated"), ("sip:a", "rejected")]
    for arguments in ("", "a b c"):
        with pytest.raises(CommandError, match="usage"):
            command.run(arguments)
    with pytest.raises(OperatorError, match="no contact"):
        command.run("sip:b")
    assert list(command.complete("sip:")) == ["sip:1", "sip:2"]
    assert list(command.complete("re")) == ["rejected"]

"""What the virtual phone raises: PhoneError with the ladder of what it sent and heard, SimError, ScenarioError.

A PhoneError is the outcome of a test, not a fault of the program; phone.py and scenario_run.py raise and report it.
"""

from lteims.errors import LteimsError, OperatorError


class PhoneError(LteimsError):
    """The network did not do what the phone was told to expect; `ladder` shows what happened, `code` a SIP answer."""

    def __init__(self, text: str, ladder: str = "", code: int = 0) -> None:
        super().__init__(f"{text}\n{ladder}" if ladder else text)
        self.summary = text
        self.ladder = ladder
        self.code = code


class PhoneTimeout(PhoneError):
    """Something expected did not come in time."""


class SimError(OperatorError):
    """What a SIM card was given cannot be: the text says which field and why."""


class ScenarioError(OperatorError):
    """A scenario file is wrong; the text begins with FILE:LINE."""

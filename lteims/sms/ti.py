"""The transaction identifier of CP messages (TS 24.007 11.2.3.1.3); cp.py, smc.py and errors.py use it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ti:
    """A transaction identifier: a value of 0 to 6, and a flag that is set by the side that did not choose the value."""

    value: int
    flag: bool = False

    @property
    def answer(self) -> "Ti":
        """The same transaction as the other side writes it."""
        return Ti(self.value, not self.flag)

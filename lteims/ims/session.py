"""A call with all that it is made of: machine, branches, media, who and whom (TS 24.229 5.7).

Made by opening.py; calls.py, call_driver.py, inside.py, activity.py and control.py read it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from lteims.ims.branch import Branch
from lteims.ims.call import Call
from lteims.ims.caller import Caller
from lteims.ims.echo import EchoCallee
from lteims.ims.forced import Forced
from lteims.ims.icscf import Registered
from lteims.ims.leg import Leg
from lteims.ims.record import DialogType
from lteims.media.template import Template
from lteims.net.timers import Handle
from lteims.sip.message import Request


class Owner(Protocol):
    """What a session's parts tell calls.py."""

    def bearers_told(self, branch: Branch, side: int, granted: bool) -> None:
        """The bearers of a leg stand, or were refused."""


@dataclass(slots=True, eq=False)
class Session:
    """One call."""

    owner: Owner
    call: Call
    type: DialogType
    caller: Caller
    caller_impu: str
    callee_impu: str
    first: Request | None = None  # the INVITE that began it; None: the server makes the call
    offer: bytes | None = None  # its SDP
    primary: Leg | None = None  # the leg that the INVITE made
    branches: list[Branch] = field(default_factory=list)
    echo: EchoCallee | None = None
    destination: Registered | None = None
    identity: str = ""  # P-Asserted-Identity of the echo
    forced: Forced | None = None  # the final answer that the operator wants instead of a 2xx
    success: int = 200  # the code of the 2xx to the caller
    success_body: tuple[str, bytes] = ("", b"")  # type and octets that take the place of its SDP
    duration: float = 0.0  # seconds from the answer on, after which the server ends the call; 0: never
    template: Template | None = None  # of the server's own offers and answers
    caller_named: str = ""  # From of a call that the server makes
    urgent: bool = False  # an emergency call
    timer: Handle | None = None  # of ringing, then of a CANCEL that is not answered
    turn: Handle | None = None  # of the next contacts' turn
    limit: Handle | None = None  # of a call with a duration, or of preconditions that are never met
    primary_taken: bool = False  # by a branch
    ended: bool = False

    def clear(self) -> None:
        """The call is over: cut every circle in it, so that its memory is free at once."""
        for branch in self.branches:
            branch.clear()
        self.branches.clear()
        self.primary = self.echo = None

    @property
    def branch(self) -> Branch:
        """The branch that was answered, before that the first one."""
        return self.branches[self.call.winner or 0]

    @property
    def legs(self) -> Iterator[Leg]:
        """All legs that there are, the caller's first."""
        if self.primary is not None:
            yield self.primary
        for branch in self.branches:
            for leg in branch.legs:
                if leg is not self.primary:
                    yield leg

    @property
    def callee_impi(self) -> str:
        """The callee's IMPI, "" for the echo."""
        return self.destination.subscriber.impi if self.destination is not None else ""

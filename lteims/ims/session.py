"""A call with all that it is made of: machine, legs or echo, media, who and whom (TS 24.229 5.7).

Made by calls.py; inside.py, activity.py and control.py read it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lteims.ims.anchor import Anchor
from lteims.ims.call import Call
from lteims.ims.caller import Caller
from lteims.ims.echo import EchoCallee
from lteims.ims.leg import Leg
from lteims.ims.subscribers import Binding
from lteims.net.timers import Handle
from lteims.sip.message import Request


@dataclass(slots=True, eq=False)
class Session:
    """One call."""

    call: Call
    caller: Caller
    first: Request  # the INVITE that began it
    caller_leg: Leg
    callee_leg: Leg | None  # None: the echo
    echo: EchoCallee | None
    anchor: Anchor
    offered: bool  # had the first INVITE an offer?
    caller_impu: str
    callee_impu: str
    callee_impi: str
    callee_binding: Binding | None
    timer: Handle | None = None  # of ringing, then of a CANCEL that is not answered
    ended: bool = False

    @property
    def legs(self) -> Iterator[Leg]:
        """The legs that there are, the caller's first."""
        yield self.caller_leg
        if self.callee_leg is not None:
            yield self.callee_leg

    def other(self, leg: Leg) -> Leg | None:
        """The other side of a leg, None for the echo."""
        return self.callee_leg if leg is self.caller_leg else self.caller_leg

"""The echo service: a callee that is the server itself and sends all media back (manual 5.2 `echo`).

calls.py gives it the branch; it answers with events as a callee's leg would, with the options of its impu object:
ring_only, answer_delay, remote_control, sdp_file, and what INVITE.OK forces.
"""

from collections.abc import Callable

from lteims.config import ImpuConfig
from lteims.ims.anchor import parse_sdp
from lteims.ims.branch import Branch
from lteims.ims.call import MO, Answered, Event, Progress, Refused
from lteims.ims.qos import Way
from lteims.media.template import Template
from lteims.net.timers import Handle, TimerWheel

RINGS_UNTOLD = 0  # no final answer was forced


class EchoCallee:
    """The echo's side of one call."""

    def __init__(
        self,
        branch: Branch,
        options: ImpuConfig,
        forced: int,
        template: Template | None,
        wheel: TimerWheel,
        tell: Callable[[Event], None],
    ) -> None:
        self._branch = branch
        self._options = options
        self._forced = forced
        self._template = template
        self._wheel = wheel
        self._tell = tell
        self._answer = b""
        self._ringing = False
        self._timer: Handle | None = None
        self.over = False
        self.awaits_control = False  # remote_control: the final answer is the operator's

    def invite(self, offer: bytes | None) -> None:
        """Ring, then answer, with an offer where the caller made none. SipError 488 where there is nothing to echo.

        A caller with preconditions gets its answer in a reliable 183, and rings when its bearer stands.
        """
        branch, anchor = self._branch, self._branch.anchor
        qos = branch.qos[MO]
        if offer is None:
            self._answer = anchor.own_offer(MO, self._template)
        else:
            sdp = parse_sdp(offer)
            if qos.way is Way.END:
                qos.pre.heard(sdp)
            self._answer = anchor.echo(sdp, template=self._template)
            branch.note_offer(MO, sdp)
        if offer is not None and not qos.may_alert and branch.caller_reliable:
            self._tell(Progress(183, "Session Progress", self._answer, reliable=True))
            branch.told = True
            self._answer = b""
        self.proceed()

    def proceed(self) -> None:
        """Ring, once nothing is in the way any more."""
        if self.over or self._ringing or (self._branch.told and not self._branch.qos[MO].may_alert):
            return
        self._ringing = True
        self._tell(Progress(180, "Ringing", reliable=self._branch.reliable(180, b"", False)))
        options = self._options
        if self.over or options.ring_only:
            return
        if options.remote_control:
            self.awaits_control = True
        elif options.answer_delay:
            self._timer = self._wheel.add(options.answer_delay, self._delayed)
        else:
            self.finish()

    def _delayed(self) -> None:
        self._timer = None
        self.finish()

    def finish(self, code: int = 0) -> None:
        """Give the final answer: `code`, or what is forced, or 200."""
        self.awaits_control = False
        if self.over:
            return
        code = code or self._forced or 200
        if code < 0:
            return
        self.over = True
        if code < 300:
            self._tell(Answered(self._answer))
        else:
            self._tell(Refused(code, why="the final answer is forced"))

    def stop(self) -> None:
        """The call is over or cancelled."""
        self.over = True
        if self._timer is not None:
            self._wheel.cancel(self._timer)
            self._timer = None

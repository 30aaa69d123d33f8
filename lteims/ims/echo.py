"""The echo service: a callee that is the server itself and sends all media back (manual 5.2 `echo`).

calls.py gives it the branch; it answers with events as a callee's leg would, with the options of its impu object:
ring_only, answer_delay, remote_control, sdp_file, and what INVITE.OK forces.
"""

from collections.abc import Callable

from lteims.config import ImpuConfig
from lteims.ims.branch import Branch
from lteims.ims.call import MO, Answered, Event, Progress, Refused
from lteims.ims.qos import UNMET_TIME, Way
from lteims.ims.sdp_body import parse_sdp
from lteims.media.template import Template
from lteims.net.timers import Handle, TimerWheel


class EchoCallee:
    """The echo's side of one call."""

    def __init__(
        self,
        branch: Branch,
        options: ImpuConfig,
        template: Template | None,
        wheel: TimerWheel,
        tell: Callable[[Event], None],
        replaced: Callable[[], bool],
        controlled: Callable[[Branch], None],
    ) -> None:
        """`replaced` sends what is forced in place of the 2xx; `controlled` hears that the operator is waited for."""
        self._branch = branch
        self._options = options
        self._replaced = replaced
        self._controlled = controlled
        self._template = template
        self._wheel = wheel
        self._tell = tell
        self._answer = b""
        self._ringing = False
        identity = branch.session.identity
        self._shown = {"p-asserted-identity": identity} if identity else {}
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
            self._tell(Progress(183, "Session Progress", self._answer, self._shown, reliable=True))
            branch.told = True
            self._answer = b""
            self._timer = self._wheel.add(UNMET_TIME, self._unmet)
        self.proceed()

    def proceed(self) -> None:
        """Ring, once nothing is in the way any more."""
        if self.over or self._ringing or (self._branch.told and not self._branch.qos[MO].may_alert):
            return
        self._ringing = True
        if self._timer is not None:
            self._wheel.cancel(self._timer)
            self._timer = None
        reliable = self._branch.reliable(180, b"", came_reliable=False)
        self._tell(Progress(180, "Ringing", b"", self._shown, reliable=reliable))
        options = self._options
        if self.over or options.ring_only:
            return
        if options.remote_control:
            self.awaits_control = True
            self._controlled(self._branch)
        elif options.answer_delay:
            self._timer = self._wheel.add(options.answer_delay, self._delayed)
        else:
            self.finish()

    def _unmet(self) -> None:
        self._timer = None
        self.over = True
        self._tell(Refused(580, why="the caller's preconditions were not met"))

    def _delayed(self) -> None:
        self._timer = None
        self.finish()

    def finish(self, code: int = 0) -> None:
        """Give the final answer: `code` of the operator, or what is forced, or 200."""
        self.awaits_control = False
        if self.over:
            return
        self.over = True
        if not code and self._replaced():
            self._tell(Refused(480, why="INVITE.OK is forced"))
        elif code < 300:
            self._tell(Answered(self._answer, self._shown))
        else:
            self._tell(Refused(code, why="the operator refuses it"))

    def stop(self) -> None:
        """The call is over or cancelled."""
        self.over = True
        if self._timer is not None:
            self._wheel.cancel(self._timer)
            self._timer = None

"""dialog_timeout (manual 5.2): a call whose media has dried up is ended, so that it holds no ports for ever.

A call on hold, or one without media, is let alone. calls.py starts it with the first call; a limit that the operator
changes (config_set) counts for the calls that there are, from the next look on.
"""

from collections.abc import Callable, Iterable

from lteims.clock import Clock
from lteims.config import ImsConfig
from lteims.ims.call import S
from lteims.ims.session import Session
from lteims.net.timers import Handle, TimerWheel

INTERVAL = 1.0  # seconds between two looks


class ActivityWatch:
    """Looks at all calls while there are any; dialog_timeout is in seconds, 0 ends none."""

    def __init__(
        self,
        wheel: TimerWheel,
        clock: Clock,
        config: ImsConfig,
        sessions: Iterable[Session],
        stop: Callable[[Session, str], None],
    ) -> None:
        self._wheel = wheel
        self._clock = clock
        self._config = config
        self._sessions = sessions
        self._stop = stop
        self._handle: Handle | None = None

    def begin(self) -> None:
        """There is a call: look, until there is none any more."""
        if self._handle is None:
            self._handle = self._wheel.add(INTERVAL, self._look)

    def _look(self) -> None:
        self._handle = None
        sessions = list(self._sessions)
        if sessions:
            self.begin()
        limit = self._config.dialog_timeout
        if not limit:
            return
        now = self._clock()
        for session in sessions:
            expected = session.call.state is S.START and session.branch.anchor.flowing
            if expected and now - session.branch.anchor.last_activity() > limit:
                self._stop(session, f"no media for {limit} s (dialog_timeout)")

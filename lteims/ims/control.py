"""What an operator can do (floor 3): the monitor and the remote API call only this.

The views are plain values, named and typed as the remote API shows them (manual 6.6).
"""

from collections.abc import Callable
from dataclasses import dataclass

from lteims.clock import WallClock
from lteims.ims.calls import Calls
from lteims.ims.subscribers import Binding, Subscriber, Subscribers


@dataclass(frozen=True, slots=True)
class DialogView:
    """One current dialog of a binding."""

    session_id: str
    remote: str  # IMPI of the other user, or its IMPU where it has none
    state: str


@dataclass(frozen=True, slots=True)
class BindingView:
    """One registered contact of a user."""

    id: str  # as in the id column of the IMS layer
    uri: str
    impu: tuple[str, ...]
    q: float
    video: bool
    sms: bool
    volte: bool
    imei: str  # "" where unknown
    user_agent: str
    source: str  # transport and address that the phone was seen at: "udp 127.0.0.1:5060"
    expires: int  # seconds from now
    dialogs: tuple[DialogView, ...]


@dataclass(frozen=True, slots=True)
class UserView:
    """One user of the database with its registration state."""

    impi: str
    imsi: str
    impu: tuple[str, ...]
    authent_type: str
    bindings: tuple[BindingView, ...]
    sms: int  # pending messages


class Control:
    """The operator's verbs, over the objects that app.py built."""

    def __init__(self, subscribers: Subscribers, calls: Calls, wall: WallClock, quit: Callable[[], None]) -> None:
        self._subscribers = subscribers
        self._calls = calls
        self._wall = wall
        self._quit = quit

    def users(self) -> list[UserView]:
        """All users of ue_db, in its order."""
        dialogs = self._dialogs()
        return [self._user(subscriber, dialogs) for subscriber in self._subscribers]

    def quit(self) -> None:
        """Stop the server in order."""
        self._quit()

    def _user(self, subscriber: Subscriber, dialogs: dict[str, list[DialogView]]) -> UserView:
        return UserView(
            impi=subscriber.impi,
            imsi=subscriber.user.imsi,
            impu=tuple(impu.uri.text for impu in subscriber.impus),
            authent_type=subscriber.user.authent_type,
            bindings=tuple(self._binding(subscriber, binding, dialogs) for binding in subscriber.bindings),
            sms=0,
        )

    def _binding(self, subscriber: Subscriber, binding: Binding, dialogs: dict[str, list[DialogView]]) -> BindingView:
        return BindingView(
            id=binding.id,
            uri=binding.contact,
            impu=tuple(impu.uri.text for impu in subscriber.registered_impus(binding)),
            q=binding.q,
            video=binding.video,
            sms=binding.sms_over_ip,
            volte=binding.volte,
            imei=binding.imei,
            user_agent=binding.user_agent,
            source=str(binding.flow),
            expires=max(0, round(binding.expires_at - self._wall())),
            dialogs=tuple(dialogs.get(binding.id, ())),
        )

    def _dialogs(self) -> dict[str, list[DialogView]]:
        """The dialogs of each binding, by its id."""
        found: dict[str, list[DialogView]] = {}
        for session in self._calls:
            state = str(session.call.state)
            if session.caller.binding is not None:
                remote = session.callee_impi or session.callee_impu
                found.setdefault(session.caller.binding.id, []).append(DialogView(session.call.id, remote, state))
            if session.callee_binding is not None:
                remote = session.caller.subscriber.impi if session.caller.subscriber else session.caller_impu
                found.setdefault(session.callee_binding.id, []).append(DialogView(session.call.id, remote, state))
        return found

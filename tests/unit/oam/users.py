"""A small user database for the tests of consoles."""

from dataclasses import dataclass, field

from lteims.ims.call_control import DialogInfo
from lteims.ims.control import BindingView, DialogView, UserView

BINDING = BindingView(
    id="1a2b",
    uri="sip:001010000000001@192.168.4.2:5060",
    impu=("tel:0600000001", "sip:001010000000001@ims"),
    q=1.0,
    video=False,
    sms=True,
    volte=True,
    imei="350000000000017",
    user_agent="phone\x1b[2J\n(ims) quit",
    source="udp 192.168.4.2:5060",
    expires=3599,
    dialogs=(DialogView("5e55", "001010000000002@ims", "start"),),
)
USERS = [
    UserView("001010000000001@ims", "001010000000001", ("tel:0600000001",), "AKAv1", (BINDING,), 2),
    UserView("001010000000002@ims", "001010000000002", ("tel:0600000002", "sip:two"), "MD5", (), 0),
    UserView("three@ims", "", ("tel:3",), "none", (), 1),
]


@dataclass
class FakeControl:
    """A Control without a server."""

    found: list[UserView] = field(default_factory=lambda: list(USERS))
    quits: int = 0
    dialogs: list[DialogInfo] = field(default_factory=list)
    done: list[tuple[object, ...]] = field(default_factory=list)  # what was asked of the calls

    sms = None
    mms = None
    registrations = None

    @property
    def calls(self) -> "FakeCallControl":
        return FakeCallControl(self)

    def users(self) -> list[UserView]:
        return self.found

    def quit(self) -> None:
        self.quits += 1


@dataclass
class FakeCallControl:
    """A CallControl without calls: it writes down what it is asked for."""

    of: FakeControl

    def dialogs(self, session_id: str = "") -> list[DialogInfo]:
        return [d for d in self.of.dialogs if session_id in ("", d.session_id)]

    def call(self, callee: str, *, sip_file: str = "", caller: str = "", duration: float = 0) -> str:
        self.of.done.append(("call", callee, sip_file, caller, duration))
        return "00ff"

    def callees(self) -> list[str]:
        return [name for user in self.of.found if user.bindings for name in (user.impi, *user.impu)]

    def dialog_stop(self, session_id: str) -> None:
        self.of.done.append(("stop", session_id))

    def dialog_answer(self, session_id: str, code: int = 200) -> None:
        self.of.done.append(("answer", session_id, code))

    def reinvite(self, session_id: str) -> None:
        self.of.done.append(("reinvite", session_id))

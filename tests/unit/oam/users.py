"""A small user database for the tests of consoles."""

from dataclasses import dataclass, field

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

    def users(self) -> list[UserView]:
        return self.found

    def quit(self) -> None:
        self.quits += 1

"""What an operator can do (floor 3): the monitor and the remote API call only this.

The views are plain values, named and typed as the remote API shows them (manual 6.6).
"""

from dataclasses import dataclass


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

"""What an operator can do (floor 3): the monitor and the remote API call only this.

The views are plain values, named and typed as the remote API shows them (manual 6.6).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from lteims.clock import WallClock
from lteims.config import Diagnostic, changed_impu, check_impu_changes
from lteims.errors import OperatorError
from lteims.ims.call import MO
from lteims.ims.call_control import CallControl
from lteims.ims.calls import Calls
from lteims.ims.deregistration import Deregistration
from lteims.ims.forced import read_content
from lteims.ims.icscf import Locator
from lteims.ims.identity import impu_uri
from lteims.ims.ipsmgw import IpSmGw
from lteims.ims.mms_control import MmsControl
from lteims.ims.provisioning import Provisioning
from lteims.ims.sdp_files import SdpFiles
from lteims.ims.sms_control import SmsControl
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.sip.errors import SipError
from lteims.sip.uri import parse_uri
from lteims.trace import IMS, INFO, log

_IDENTITY = ("impu", "domain")  # what makes an IMPU the one that it is


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
    force_sms_over_sg: bool = False


class Control:
    """The operator's verbs, over the objects that functions.py built."""

    def __init__(
        self,
        subscribers: Subscribers,
        calls: Calls,
        wall: WallClock,
        quit: Callable[[], None],
        locator: Locator,
        folder: str = "",
        files: SdpFiles | None = None,
        default_sdp: str = "",
        gateway: IpSmGw | None = None,
        registrations: Deregistration | None = None,
        provisioning: Provisioning | None = None,
    ) -> None:
        """`folder` is what relative file names are relative to; `default_sdp` is mt_call_sdp_file."""
        self.calls = CallControl(subscribers, calls, locator, files or SdpFiles(), default_sdp, folder)
        self.sms = SmsControl(subscribers, gateway) if gateway is not None else None
        self.registrations = registrations
        self.provisioning = provisioning
        self.mms: MmsControl | None = None  # functions.py sets it where there is an MMSC
        self._subscribers = subscribers
        self._calls = calls
        self._wall = wall
        self._quit = quit
        self._locator = locator
        self._folder = folder

    def users(self) -> list[UserView]:
        """All users of ue_db, in its order."""
        dialogs = self._dialogs()
        return [self._user(subscriber, dialogs) for subscriber in self._subscribers]

    def impis(self, *, registered_only: bool = False) -> list[str]:
        """The IMPIs of all users, or of those who have a contact."""
        return [subscriber.impi for subscriber in self._subscribers if subscriber.bindings or not registered_only]

    def users_of(self, impis: Collection[str]) -> list[UserView]:
        """The users with these IMPIs."""
        dialogs = self._dialogs(set(impis))
        found = map(self._subscribers.by_impi, impis)
        return [self._user(subscriber, dialogs) for subscriber in found if subscriber is not None]

    def impu_set(self, impu: str, changes: Mapping[str, object], warnings: list[Diagnostic] | None = None) -> None:
        """Change options of an IMPU of the echo or of a user (manual 6.6 impu_set), from the next request on.

        `changes` are the options as JSON has them, without `impu`; what is odd but no error goes to `warnings`.
        Raises ConfigError for a value that is none, OperatorError where there is no such IMPU; nothing changes then.
        A restart takes the change back.
        """
        fields = check_impu_changes(dict(changes), self._folder, warnings)
        if fixed := [name for name in _IDENTITY if name in fields]:
            raise OperatorError(f"'{fixed[0]}' makes an IMPU another one, and cannot be changed")
        try:
            uri = parse_uri(impu_uri(impu, self._subscribers.domain))
        except SipError as error:
            raise OperatorError(f"'{impu}' is no IMPU: {error}") from None
        change = partial(changed_impu, changes=fields, warnings=warnings, octets_of=read_content)
        if not self._locator.set_options(uri, change):
            raise OperatorError(f"there is no IMPU '{impu}'")
        log(IMS, INFO, f"IMPU {impu} has other options now: {', '.join(changes) or 'none'}")

    def unregister(self, uri: str, event: str = "deactivated") -> list[str]:
        """De-register a contact by its URI, or a user's by IMPU or IMPI (manual 6.6 unregister); the contacts' URIs.

        OperatorError where there is none.
        """
        if self.registrations is None:
            raise OperatorError("this server has no registrar")
        return self.registrations.unregister(uri, event)

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
            sms=self.sms.pending(subscriber.impi) if self.sms is not None else 0,
            force_sms_over_sg=subscriber.user.force_sms_over_sg,
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

    def _dialogs(self, impis: Collection[str] | None = None) -> dict[str, list[DialogView]]:
        """The dialogs of each binding, by its id; `impis`: those of these users are enough."""
        found: dict[str, list[DialogView]] = {}
        for session in self._calls:
            caller = session.caller
            impi = caller.subscriber.impi if caller.subscriber is not None else ""
            if impis is not None and impi not in impis and session.callee_impi not in impis:
                continue
            for leg in session.legs:
                binding = caller.binding if leg.side == MO else leg.branch.binding
                if binding is None or leg.record is None or leg.record.ended is not None:
                    continue
                if leg.side == MO:
                    remote = session.callee_impi or session.callee_impu
                else:
                    remote = caller.subscriber.impi if caller.subscriber else session.caller_impu
                view = DialogView(leg.record.id, remote, str(leg.record.state))
                found.setdefault(binding.id, []).append(view)
        return found

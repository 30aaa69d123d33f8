"""What the HSS begins (TS 29.228 6.1.3, 6.2.1; TS 24.229 5.4.1.5): registrations ended by RTR, profiles changed by PPR.

core.py hands `serve` to the connection. Phones hear by their subscriptions to their registration state, with the
event that the reason stands for.
"""

from collections.abc import Callable
from typing import Any, Final

from lteims import counters
from lteims.diameter.command import SUCCESS, Answer, Node, Plain, Result, as_result
from lteims.diameter.cx import CxResult, Ppr, Rta, Rtr
from lteims.diameter.cx_attributes import ReasonCode
from lteims.diameter.errors import DiameterError, ResultCode
from lteims.diameter.user_data import UserData
from lteims.ims.cx_users import CxUsers
from lteims.ims.deregistration import Deregistration
from lteims.ims.registration_state import MOVED
from lteims.ims.subscribers import Subscriber
from lteims.sip.errors import SipError
from lteims.sip.reginfo import ContactEvent
from lteims.store.state import StateStore, StoreError
from lteims.trace import ERROR, IMS, INFO, log

EVENTS: Final[dict[ReasonCode, str]] = {
    ReasonCode.PERMANENT_TERMINATION: ContactEvent.REJECTED,  # it may not come back
    ReasonCode.NEW_SERVER_ASSIGNED: MOVED,  # the phone is elsewhere already and hears nothing
    ReasonCode.SERVER_CHANGE: ContactEvent.DEACTIVATED,  # it is to register again, and gets another server
    ReasonCode.REMOVE_S_CSCF: MOVED,
}


class Pushes:
    """Serves the HSS."""

    def __init__(
        self, users: CxUsers, registrations: Deregistration, store: StateStore, settled: Callable[[str], None]
    ) -> None:
        """`settled` hears the IMPI of a user of whom the HSS need not be told any more."""
        self._users = users
        self._settled = settled
        self._registrations = registrations
        self._store = store

    async def serve(self, request: Any, session: str, origin: Node) -> Answer:
        """RTR and PPR; DiameterError for users that are not here, and for what only an HSS serves."""
        match request:
            case Rtr():
                answer: Answer = self._terminate(request)
            case Ppr():
                self._change(request)
                answer = Plain(SUCCESS)
            case _:
                raise DiameterError("an HSS serves this", ResultCode.DIAMETER_COMMAND_UNSUPPORTED)
        try:
            await self._store.commit()
        except StoreError as error:
            log(IMS, ERROR, f"what the HSS has changed is not durable: {error}")
        return answer

    def _user(self, impi: str) -> Subscriber:
        found = self._users.by_impi(impi)
        if found is None:
            raise CxResult.ERROR_USER_UNKNOWN.error(f"no user {impi[:80]} here")
        return found

    def _terminate(self, rtr: Rtr) -> Rta:
        """All identities of the user go, or those that are named and what is registered together with them.

        The HSS hears of emergency registrations, which stay (TS 29.228 6.1.3.1).
        """
        users = [self._user(rtr.impi), *filter(None, map(self._users.by_impi, rtr.associated))]
        if rtr.impus:
            users = [user for user in users if self._any_of(user, rtr.impus)]
            if not users:
                raise CxResult.ERROR_IDENTITIES_DONT_MATCH.error(f"{rtr.impi} has no identity {rtr.impus[0][:80]}")
        for user in dict.fromkeys(users):
            info = f", {rtr.info!r}" if rtr.info else ""
            log(IMS, INFO, f"the HSS ends the registration of {user.impi}: {rtr.reason.name}{info}")
            counters.inc("cx_termination")
            self._end(user, rtr.reason)
        kept = tuple((user.impi, each.impu_key) for user in dict.fromkeys(users) for each in user.bindings if each.sos)
        return Rta(Result(ResultCode.DIAMETER_LIMITED_SUCCESS) if kept else SUCCESS, kept)

    def _any_of(self, user: Subscriber, impus: tuple[str, ...]) -> bool:
        profile = self._users.profile(user.impi)
        names = {each.identity for each in profile.identities} if profile is not None else set()
        return not names.isdisjoint(impus) or self._users.identity(user.impi) in impus

    def _end(self, user: Subscriber, reason: ReasonCode) -> None:
        """The network ends no emergency registration (TS 24.229 5.4.8.4); the user goes with its last contact."""
        normal = [binding for binding in user.bindings if not binding.sos]
        last = len(normal) == len(user.bindings)
        for binding in normal:
            self._registrations.deregister(user, binding, EVENTS[reason])
        if last:  # no SAR, not even one that is owed still: the HSS has said so, and may have given it another server
            self._settled(user.impi)
            self._users.forget(user.impi)

    def _change(self, ppr: Ppr) -> None:
        user = self._user(ppr.impi)
        if not ppr.user_data:
            return  # charging functions are all that it can be about
        try:
            profile = UserData.parse(ppr.user_data)
            self._users.change(user, profile)
        except DiameterError as error:
            if as_result(error) == CxResult.ERROR_TOO_MUCH_DATA.result:
                raise
            raise CxResult.ERROR_NOT_SUPPORTED_USER_DATA.error(f"the profile of {user.impi}: {error}") from None
        except SipError as error:
            raise CxResult.ERROR_NOT_SUPPORTED_USER_DATA.error(error.why) from None
        counters.inc("cx_profile")
        log(IMS, INFO, f"the HSS has a new profile for {user.impi}: {len(user.impus)} identities may be used")

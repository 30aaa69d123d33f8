"""What the HSS hears by SAR while nobody waits (TS 24.229 5.4.1.2.1, 5.4.1.4): registrations that have ended or could
not be used, and authentications that came to nothing.

cx.py has one. What the HSS did not hear of the end of a registration is told again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import Result
from lteims.diameter.cx import Saa
from lteims.diameter.cx_attributes import ServerAssignmentType
from lteims.diameter.errors import ResultCode
from lteims.ims.cx_users import CxUsers
from lteims.ims.cx_vectors import Vectors
from lteims.ims.registration_state import REGISTERED
from lteims.ims.subscribers import Binding, Subscriber, Subscribers
from lteims.sip.errors import SipError
from lteims.trace import IMS, INFO, WARN, log

MOST_OWED: Final = 10_000  # ends of registrations that the HSS has not heard of
MOST_REPORTS: Final = 100  # questions at a time, so that registrations have room
AGAIN: Final = 30.0  # seconds until the HSS is told again what it did not hear
_KINDS: Final = {
    "expired": ServerAssignmentType.TIMEOUT_DEREGISTRATION,
    "unregistered": ServerAssignmentType.USER_DEREGISTRATION,
}  # of other events it is the operator's word
_FAILURES: Final = frozenset({ServerAssignmentType.AUTHENTICATION_FAILURE, ServerAssignmentType.AUTHENTICATION_TIMEOUT})
_PASSING: Final = frozenset(
    Result(code)
    for code in (
        ResultCode.DIAMETER_UNABLE_TO_DELIVER, ResultCode.DIAMETER_TOO_BUSY, ResultCode.DIAMETER_OUT_OF_SPACE
    )
)  # fmt: skip
Assign = Callable[[str, str, ServerAssignmentType], Awaitable[Saa]]


class Reports:
    """Tells the HSS."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        subscribers: Subscribers,
        users: CxUsers,
        vectors: Vectors,
        assign: Assign,
    ) -> None:
        """`assign` asks with IMPI, IMPU and type; SipError where there is no answer."""
        self._loop = loop
        self._subscribers = subscribers
        self._users = users
        self._vectors = vectors
        self._assign = assign
        self._owed: dict[str, tuple[str, ServerAssignmentType]] = {}  # by IMPI
        self._registering: Counter[str] = Counter()  # by IMPI: SARs under way
        self._there = True  # until the connection says otherwise
        self._again: asyncio.TimerHandle | None = None
        self._turns = asyncio.Semaphore(MOST_REPORTS)
        self._tasks: set[asyncio.Task[None]] = set()
        subscribers.listeners.append(self._on_binding)

    def load(self) -> dict[str, int]:
        """What is kept, for metrics and tests."""
        return {"tasks": len(self._tasks), "owed": len(self._owed)}

    # -- what happens
    def authentication_failed(self, impi: str, identity: str) -> None:
        """The credentials of a REGISTER were wrong."""
        self._spawn(self._report(impi, identity, ServerAssignmentType.AUTHENTICATION_FAILURE))

    def unusable(self, impi: str, identity: str, kind: ServerAssignmentType) -> None:
        """The HSS has taken note of a registration, but its profile of the user cannot be used."""
        self._spawn(self._report(impi, identity, kind))

    def on_unanswered(self, impi: str) -> None:
        """The challenge of a REGISTER was left without an answer (5.4.1.2.1)."""
        identity = self._vectors.identity(impi)
        known = self._subscribers.by_impi(impi)
        if identity and (known is None or known.external):
            self._spawn(self._report(impi, identity, ServerAssignmentType.AUTHENTICATION_TIMEOUT))

    @contextmanager
    def registering(self, impi: str) -> Iterator[None]:
        """While the HSS is asked to register a user it is told of no end of before: that would come last."""
        self._registering[impi] += 1
        try:
            yield
        finally:
            self._registering[impi] -= 1
            if not self._registering[impi]:
                del self._registering[impi]

    def settled(self, impi: str) -> None:
        """The user is back, or the HSS itself has ended the registration: nothing of before is to be told."""
        self._owed.pop(impi, None)

    def restored(self) -> None:
        """Registrations are as the state file has them: the HSS is to hear of those that ended meanwhile."""
        self._users.restored()
        for impi in self._users.without_contact()[:MOST_OWED]:
            self._owed[impi] = self._users.identity(impi), ServerAssignmentType.TIMEOUT_DEREGISTRATION

    def on_state(self, remote: Capabilities | None) -> None:
        """The HSS has come (or gone, None): what it has not heard of is told now."""
        self._there = remote is not None
        self._pay()

    def _on_binding(self, subscriber: Subscriber, binding: Binding, event: str) -> None:
        """subscribers.BindingListener."""
        if not subscriber.external:
            return
        if event in REGISTERED:
            self._users.came(subscriber)
        elif not subscriber.bindings:
            self._users.left(subscriber)
            self._spawn(self._leave(subscriber, _KINDS.get(event, ServerAssignmentType.ADMINISTRATIVE_DEREGISTRATION)))

    async def _leave(self, subscriber: Subscriber, kind: ServerAssignmentType) -> None:
        """The last contact has ended, unless another one has come meanwhile or the HSS itself has ended it."""
        identity = self._users.identity(subscriber.impi)
        if not identity:
            self._vectors.drop(subscriber.impi)  # a new MAR tells the HSS who is to serve the user
            return
        await self._report(subscriber.impi, identity, kind)

    # -- telling
    async def _report(self, impi: str, identity: str, kind: ServerAssignmentType) -> None:
        async with self._turns:
            known = self._users.by_impi(impi)
            if known is None or not known.bindings:
                self._vectors.drop(impi)  # the HSS forgets who serves the user, and is asked for others
            elif kind is not ServerAssignmentType.AUTHENTICATION_FAILURE:
                return  # it has come back meanwhile, or answered another challenge, or stays registered all the same
            if impi in self._registering:
                if kind not in _FAILURES:
                    self._owe(impi, identity, kind)  # unless it comes back
                return
            what = f"{kind.name.lower().replace('_', ' ')} of {impi}"
            try:
                saa = await self._assign(impi, identity, kind)
            except SipError as error:
                log(IMS, WARN, f"the HSS does not hear of the {what}: {error.why}")
                if kind not in _FAILURES:
                    self._owe(impi, identity, kind)
                return
            if not saa.result.ok:
                log(IMS, INFO, f"the HSS answers the {what} with {saa.result}")
            if saa.result in _PASSING and kind not in _FAILURES:
                self._owe(impi, identity, kind)

    def _owe(self, impi: str, identity: str, kind: ServerAssignmentType) -> None:
        if len(self._owed) < MOST_OWED:
            self._owed[impi] = identity, kind
        if self._again is None:
            self._again = self._loop.call_later(AGAIN, self._pay)

    def _pay(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if not self._there:
            return  # it is told when it comes
        owed, self._owed = self._owed, {}
        for impi, (identity, kind) in owed.items():
            self._spawn(self._report(impi, identity, kind))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """A second at most is given to what is under way."""
        if self._again is not None:
            self._again.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)
        for task in (*self._tasks,):
            task.cancel()

"""Dedicated bearers by Rx (TS 29.214 4.4, TS 29.213 annex A): the P-CSCF as AF, one Rx session for each leg.

The second answer to `Bearers` of qos.py. calls.py reserves and releases, and hears of bearers that are lost. A PCRF
that is not there costs no call: it goes on without dedicated bearers, and the log says so.
"""

import asyncio
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any, Final, Protocol

from lteims import counters
from lteims.diameter.attributes import TerminationCause
from lteims.diameter.capabilities import Capabilities
from lteims.diameter.command import SUCCESS, Answer, Node, Plain, Result
from lteims.diameter.errors import DiameterError, NoAnswer, ResultCode
from lteims.diameter.rx import Aaa, Aar, Affected, Asr, Rar, Str
from lteims.diameter.rx_attributes import FlowStatus, RxRequestType, SpecificAction
from lteims.diameter.rx_media import Media
from lteims.ims.qos import OnLost, Reservation
from lteims.ims.rx_media import media_of
from lteims.ims.rx_session import Ask, Done, Session, plain
from lteims.media.sdp import Sdp, SdpError
from lteims.net import eager
from lteims.net.timers import TimerWheel
from lteims.trace import IMS, INFO, RX, WARN, log

BEARER_TIME: Final = 4.0  # seconds that a granted bearer is waited for: not every PCRF tells when it stands
MOST_CLASS: Final = 1024  # octets of Class that are kept for a session
MOST_RENEWED: Final = 100  # sessions that a PCRF that is back is asked for at a time, so that calls have room
MOST_OWED: Final = 1000  # ends of sessions that the PCRF has not heard of
_UP: Final = SpecificAction.INDICATION_OF_SUCCESSFUL_RESOURCES_ALLOCATION
_FAILED: Final = SpecificAction.INDICATION_OF_FAILED_RESOURCES_ALLOCATION
_RELEASED: Final = SpecificAction.INDICATION_OF_RELEASE_OF_BEARER
_LOST: Final = SpecificAction.INDICATION_OF_LOSS_OF_BEARER
_UNKNOWN: Final = Result(ResultCode.DIAMETER_UNKNOWN_SESSION_ID)


class Client(Protocol):
    """What is needed of net/diameter.py."""

    @property
    def remote(self) -> object | None:
        """The PCRF, None while it is not there."""

    def new_session(self) -> str:
        """A Session-Id."""

    async def ask(self, request: Any, *, session: str = "") -> Any:
        """Ask and wait; NoAnswer, DiameterError."""


class RxBearers:
    """Implements qos.Bearers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wheel: TimerWheel) -> None:
        self._loop = loop
        self._wheel = wheel
        self._client: Client | None = None
        self._by_leg: dict[str, Session] = {}
        self._by_id: dict[str, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._owed: dict[str, tuple[bytes, ...]] = {}  # Session-Ids that the PCRF may still have, with their Class
        self._paying = False
        self._turns = asyncio.Semaphore(MOST_RENEWED)
        self.on_lost: OnLost | None = None

    def connect(self, client: Client) -> None:
        """The connection to the PCRF, whose requests come to `serve`."""
        self._client = client

    def on_state(self, remote: Capabilities | None) -> None:
        """The PCRF has come (or gone, None): it hears of the ends and of the changes that it has not heard of."""
        if remote is not None:
            if self._owed and not self._paying:
                self._spawn(self._pay())
            self._renew([session for session in self._by_leg.values() if session.stale])

    def on_return(self, has: Callable[[str], bool]) -> None:
        """A PCRF is back that may have lost its sessions: the bearers of calls that go on are asked for again.

        One that has a session still finds nothing new in that; one that has not says so, and gets another (4.4.1).
        """
        lost = [each for each in self._by_leg.values() if each.may_be_lost and has(each.id)]
        if lost:
            log(RX, INFO, f"the PCRF is back, and may have lost {len(lost)} sessions: they are asked for again")
        self._renew(lost)

    def _renew(self, sessions: list[Session]) -> None:
        for session in sessions:
            session.again = True
            self._spawn(self._renewed(session))

    async def _renewed(self, session: Session) -> None:
        async with self._turns:
            if session.again and not session.busy and not session.over:
                await self._ask(session)

    def load(self) -> dict[str, int]:
        """What is kept, for metrics and tests."""
        return {"sessions": len(self._by_leg), "tasks": len(self._tasks), "owed": len(self._owed)}

    # -- Bearers
    def reserve(self, wanted: Reservation, done: Done) -> None:
        """AAR for a leg's medias; while one is on its way the next waits, and the newest counts."""
        session = self._by_leg.get(wanted.session_id)
        if session is None:
            session = self._by_leg[wanted.session_id] = Session(wanted.session_id)
        session.waiting.append((wanted, done))
        if not session.busy:
            self._spawn(self._ask(session))

    def release(self, session_id: str) -> None:
        """STR, after the AAR that is on its way, if any (PHONES: on CANCEL too)."""
        session = self._by_leg.pop(session_id, None)
        if session is None:
            return
        session.over = True
        session.waiting.clear()
        session.pending = None
        self._stop_waiting(session)
        if not session.busy:
            self._spawn(self._terminate(session))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = eager.start(self._loop, work)
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # -- AAR
    async def _ask(self, session: Session) -> None:
        session.busy = True
        try:
            while (session.waiting or session.again) and not session.over:
                waiting, session.waiting = session.waiting, []
                again, session.again = session.again, False
                wanted = waiting[-1][0] if waiting else session.wanted
                if wanted is None:
                    continue
                await self._authorize(session, wanted, [done for _, done in waiting], again)
        finally:
            session.busy = False
        if session.over:
            await self._terminate(session)

    async def _authorize(self, session: Session, wanted: Reservation, who: list[Done], again: bool) -> None:
        """One AAR and its answer (4.4.1, 4.4.2); `again` is one for what was granted before."""
        media = _media(session, wanted)
        same = not again and session.media != () and plain(media) == plain(session.media)
        if not media or (same and session.up):
            _tell(who, True)
            return
        if same and session.pending is not None:
            session.pending.who += who
            return
        ask = session.ask(media, who)
        try:
            answer = await self._send(session, wanted, ask)
            if answer is not None and not answer.result.ok and not session.over and ask.reduce(answer.acceptable):
                log(RX, INFO, f"the PCRF refuses some media of {session.leg}: {answer.result}")
                answer = await self._send(session, wanted, ask)
        finally:
            session.asking = None
        if session.over:
            return  # nobody is to hear any more
        session.stale = answer is None
        if answer is None or answer.result.ok:
            session.wanted = wanted
        if answer is None:
            counters.inc("rx_unanswered")
            _tell(who, True)  # no dedicated bearer is better than no call
            return
        if not answer.result.ok:
            counters.inc("rx_refused")
            log(RX, WARN, f"the PCRF refuses bearers for {session.leg}: {answer.result}")
            _tell(who, False)
            return
        counters.inc("rx_authorized")
        if session.pending is not None:
            ask.who[:0] = session.pending.who
        session.media, session.pending, session.up = ask.media, ask, False
        self._wait(session)
        self._weigh(session)

    async def _send(self, session: Session, wanted: Reservation, ask: Ask) -> Aaa | None:
        """The answer, None where there is none. A PCRF that has forgotten the session is asked for a new one."""
        for _ in range(2):
            first = not session.id
            if first:
                session.id = self._client.new_session() if self._client is not None else ""
                self._by_id[session.id] = session
            media = ask.media if not first else tuple(each for each in ask.media if each.number - 1 in ask.live)
            session.known |= {each.number for each in media}
            request = Aar(
                media,
                address=_address(wanted.host),
                imsi=wanted.imsi,
                request_type=RxRequestType.INITIAL_REQUEST if first else RxRequestType.UPDATE_REQUEST,
                service_urn=wanted.service,
                classes=session.classes,
            )
            there = self._client is not None and self._client.remote is not None
            answer: Aaa | None = await self._exchange(request, session.id)
            if answer is None and first:
                self._disown(session, there)
            elif answer is None:
                session.media = ()  # what the PCRF has now nobody knows
            elif first and not answer.result.ok:
                self._forget(session)  # there is none, and none to be ended (RFC 6733 8.1)
            elif answer.classes:
                session.classes = answer.classes if sum(map(len, answer.classes)) <= MOST_CLASS else ()
            if answer is None or first or answer.result != _UNKNOWN:
                return answer
            self._forget(session)
            ask.again()
        return None

    async def _exchange(self, request: Any, session: str) -> Any:
        try:
            if self._client is None:
                raise NoAnswer("there is no PCRF")
            return await self._client.ask(request, session=session)
        except (NoAnswer, DiameterError) as error:
            log(RX, WARN, f"{request.command.abbreviation}R of {session} without a good answer: {error}")
            return None

    def _disown(self, session: Session, there: bool) -> None:
        """The session of an AAR whose answer is late or unreadable: the PCRF may have it, and is to give it back."""
        id = session.id
        self._forget(session)
        if there:
            self._spawn(self._end(id, ()))

    def _forget(self, session: Session) -> None:
        self._by_id.pop(session.id, None)
        session.forget()

    # -- what became of the bearers
    def _wait(self, session: Session) -> None:
        self._stop_waiting(session)
        session.timer = self._wheel.add(BEARER_TIME, self._untold, session)

    def _stop_waiting(self, session: Session) -> None:
        if session.timer is not None:
            self._wheel.cancel(session.timer)
            session.timer = None

    def _untold(self, session: Session) -> None:
        session.timer = None
        log(RX, INFO, f"the PCRF does not tell of the bearers of {session.leg}: they count as there")
        self._settle(session)

    def _weigh(self, session: Session) -> None:
        """Has the network told of every bearer that is waited for?"""
        if session.pending is not None and not session.pending.untold:
            self._settle(session)

    def _settle(self, session: Session) -> None:
        """Answer all who wait; bearers that some of the media did not get are lost."""
        ask, session.pending = session.pending, None
        self._stop_waiting(session)
        if ask is None:
            return
        session.up = not ask.failed
        if ask.granted:
            session.had = ask.live - ask.failed
        _tell(ask.who, ask.granted)
        if ask.granted and ask.failed:
            self._report(session, frozenset(ask.failed), "no bearer")

    def _report(self, session: Session, medias: frozenset[int], why: str) -> None:
        session.up = False
        session.had -= medias
        if self.on_lost is not None:
            self.on_lost(session.leg, medias, why)

    async def _terminate(self, session: Session) -> None:
        """STR (4.4.4), where the PCRF knows the session."""
        if session.id:
            id, classes = session.id, session.classes
            self._forget(session)
            await self._end(id, classes)

    async def _end(self, id: str, classes: tuple[bytes, ...]) -> None:
        """STR; one without an answer is owed, and tried again when the PCRF is heard again."""
        if await self._exchange(Str(TerminationCause.DIAMETER_LOGOUT, classes), id) is None:
            self._owed[id] = classes
            if len(self._owed) > MOST_OWED:
                del self._owed[next(iter(self._owed))]
        elif self._owed and not self._paying:
            self._spawn(self._pay())

    async def _pay(self) -> None:
        self._paying = True
        try:
            for id in list(self._owed):
                if id in self._owed:
                    await self._end(id, self._owed.pop(id))
                    if id in self._owed:
                        return  # when it comes again
        finally:
            self._paying = False

    # -- requests of the PCRF
    async def serve(self, request: Any, session: str, origin: Node) -> Answer:
        """RAR and ASR (4.4.6): DiameterError for a session that nobody knows."""
        found = self._by_id.get(session)
        if found is None or found.over:
            raise DiameterError(f"no Rx session {session}", ResultCode.DIAMETER_UNKNOWN_SESSION_ID)
        match request:
            case Asr(cause):
                log(IMS, INFO, f"the network takes all bearers of {found.leg}: {cause.name}")
                self._aborted(found, cause.name)
            case Rar(actions, affected):
                self._told(found, actions, affected)
        return Plain(SUCCESS)

    def _aborted(self, session: Session, why: str) -> None:
        """ASR: nothing is left (4.4.6.1)."""
        counters.inc("rx_bearer_lost")
        ask = session.pending
        if ask is not None:
            ask.note(ask.live, stand=False)
            self._settle(session)
        if ask is None or session.had or not ask.who:
            self._report(session, frozenset(), why)

    def _told(self, session: Session, actions: tuple[SpecificAction, ...], affected: tuple[Affected, ...]) -> None:
        names = ", ".join(action.name for action in actions) or "nothing"
        log(RX, INFO, f"the PCRF tells of {session.leg}: {names}")
        medias = session.lines(affected)
        if medias is None:
            return
        ask = session.pending or session.asking
        if {_FAILED, _RELEASED, _LOST} & set(actions):
            counters.inc("rx_bearer_lost")
            lost = _FAILED not in actions  # of what stood; a change that failed leaves it
            if ask is not None:
                ask.note(medias, stand=False)
            if ask is None or (lost and (medias & session.had or not ask.who)):  # the call goes on with it
                self._report(session, medias, names)
        elif _UP in actions:
            counters.inc("rx_bearer")
            if ask is not None:
                ask.note(medias, stand=True)
        self._weigh(session)

    async def close(self) -> None:
        """End all sessions; a second at most is given to their answers."""
        for leg in list(self._by_leg):
            self.release(leg)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)


def _media(session: Session, wanted: Reservation) -> tuple[Media, ...]:
    """The components of an AAR. What the PCRF never had is not removed: it may have no rule for video at all."""
    try:
        media = media_of(Sdp.parse(wanted.ours), wanted.theirs, offered=wanted.offered)
    except SdpError:
        return ()
    return tuple(each for each in media if each.status is not FlowStatus.REMOVED or each.number in session.known)


def _tell(who: list[Done], granted: bool) -> None:
    for done in who:
        done(granted)


def _address(host: str) -> Any:
    try:
        return ip_address(host)
    except ValueError:
        return None
